"""The glossary and the bibliography: in order, linked, and nothing in them that a cell would have to compute."""

import re

from conftest import ROOT

from lossbook import CATALOGUE

REFERENCE = ROOT / "notebooks" / "reference"
BIBLIOGRAPHY = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")


def entries(text):
    """The terms of a glossary, each group with what is said about it."""
    body = text.partition("```{glossary}\n")[2].partition("\n```")[0]
    found = []
    for block in body.split("\n\n"):
        lines = block.splitlines()
        terms = [line for line in lines if not line.startswith("  ")]
        found.append((terms, " ".join(line.strip() for line in lines[len(terms) :])))
    return found


def problems(text):
    """What is wrong with a glossary, one sentence each."""
    found = []
    firsts = [terms[0] for terms, _ in entries(text)]
    every = [term for terms, _ in entries(text) for term in terms]
    if firsts != sorted(firsts, key=str.lower):
        found.append("the terms are not in order")
    if len(set(every)) < len(every):
        found.append("a term stands twice")
    for terms, said in entries(text):
        if not re.search(r"\]\([\w./-]+\.md", said):
            found.append(f"{terms[0]} leads to no chapter")
        if re.search(r"\d\.\d", said):
            found.append(f"{terms[0]} has a decimal number, which no cell computes")
        for term in re.findall(r"\{term\}`([^`]+)`", said):
            if term not in every:
                found.append(f"{terms[0]} names {term}, which is not there")
    return found


def test_the_glossary_is_in_order_and_linked():
    text = (REFERENCE / "glossary.md").read_text(encoding="utf-8")
    assert len(entries(text)) >= 45
    assert problems(text) == []


def test_a_bad_glossary_is_found():
    bad = "```{glossary}\nb\n  Is 0.5. See [a](a.md).\n\na\n  Like {term}`c`.\n```"
    assert len(problems(bad)) == 4


def test_every_loss_has_its_source_in_the_bibliography():
    keys = re.findall(r"^@\w+\{([^,]+),", BIBLIOGRAPHY, re.MULTILINE)
    assert len(set(keys)) == len(keys)
    assert {spec.source for spec in CATALOGUE.values()} <= set(keys)


def unresolved(text):
    """The keys that a text cites and the bibliography lacks."""
    keys = set(re.findall(r"^@\w+\{([^,]+),", BIBLIOGRAPHY, re.MULTILINE))
    cited = [key for group in re.findall(r"\{cite[:\w]*\}`([^`]+)`", text) for key in group.split(",")]
    return [key for key in map(str.strip, cited) if key not in keys]


def test_every_citation_on_every_page_resolves():
    assert unresolved("{cite:t}`huber1964robust, huber1964b` and {cite}`nobody`") == ["huber1964b", "nobody"]
    pages = [p for p in (ROOT / "notebooks").rglob("*.md") if ".ipynb_checkpoints" not in p.parts]
    assert {page.name: found for page in pages if (found := unresolved(page.read_text("utf-8")))} == {}


def test_every_entry_since_1900_can_be_looked_up():
    for entry in BIBLIOGRAPHY.split("\n@")[0:]:
        year = int(re.search(r"year\s*= \{(\d+)\}", entry)[1])
        found = (
            re.search(r"^\s*(doi|eprint|url)\s*=", entry, re.MULTILINE)
            or "Journal of Machine Learning" in entry
        )
        assert year < 1900 or found, entry
