"""The glossary and the bibliography: in order, linked, and nothing in them that a cell would have to compute."""

import re

import bibliography
import pytest
from conftest import ROOT

from lossbook import CATALOGUE

REFERENCE = ROOT / "notebooks" / "reference"
BIBLIOGRAPHY = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")


def entries(text):
    """The terms of a glossary, each with its other names, and with what is said about it."""
    found = []
    for term, said in re.findall(r"^### ([^\n]+)\n\n(.*?)\n*(?=^### |\Z)", text, re.MULTILINE | re.DOTALL):
        also = re.match(r"Also (.+?)\. ", said)
        found.append(([term, *(re.findall(r"\*(.+?)\*", also[1]) if also else [])], said))
    return found


def problems(text):
    """What is wrong with a glossary, one sentence each."""
    found = []
    firsts = [terms[0] for terms, _ in entries(text)]
    every = [term for terms, _ in entries(text) for term in terms]
    addresses = [re.sub(r"[^\w -]", "", term.lower()).replace(" ", "-") for term in firsts]
    if firsts != sorted(firsts, key=str.lower):
        found.append("the terms are not in order")
    if len(set(every)) < len(every):
        found.append("a term stands twice")
    for terms, said in entries(text):
        if not re.search(r"\]\([\w./-]+\.(md|ipynb)", said):
            found.append(f"{terms[0]} leads to no chapter")
        if re.search(r"\d\.\d", said):
            found.append(f"{terms[0]} has a decimal number, which no cell computes")
        for address in re.findall(r"\]\(#([^)]+)\)", said):
            if address not in addresses:
                found.append(f"{terms[0]} leads to {address}, which is not there")
    return found


def test_the_glossary_is_in_order_and_linked():
    text = (REFERENCE / "glossary.md").read_text(encoding="utf-8")
    assert len(entries(text)) >= 45
    assert problems(text) == []


def test_a_bad_glossary_is_found():
    bad = "### b\n\nAlso *d*. Is 0.5. See [a](a.md).\n\n### a\n\nLike [c](#c).\n"
    assert entries(bad)[0][0] == ["b", "d"]
    assert len(problems(bad)) == 4


def test_every_loss_has_its_source_in_the_bibliography():
    keys = re.findall(r"^@\w+\{([^,]+),", BIBLIOGRAPHY, re.MULTILINE)
    assert len(set(keys)) == len(keys)
    assert {spec.source for spec in CATALOGUE.values()} <= set(keys)


def unresolved(text):
    """The addresses that a text cites and the bibliography lacks."""
    known = {entry.slug for entry in bibliography.entries()}
    return [slug for slug in bibliography.CITATION.findall(text) if slug not in known]


def test_every_citation_on_every_page_resolves():
    text = "[Huber (1964)](../reference/bibliography.md#huber-1964) and [Nobody](bibliography.md#nobody-1999)"
    assert unresolved(text) == ["nobody-1999"]
    pages = [p for p in (ROOT / "notebooks").rglob("*.md") if ".ipynb_checkpoints" not in p.parts]
    assert {page.name: found for page in pages if (found := unresolved(page.read_text("utf-8")))} == {}


def test_the_page_of_the_bibliography_is_current():
    assert bibliography.PAGE.read_text("utf-8") == bibliography.page(), "run make sync"


def test_the_bibliography_leads_from_each_loss_to_its_papers():
    rows = [line.split(" | ") for line in bibliography.by_loss(bibliography.citing()).splitlines()[2:]]
    assert len(rows) == len(CATALOGUE)
    for spec, row in zip(CATALOGUE.values(), rows, strict=True):
        text = (ROOT / "notebooks" / "losses" / f"{spec.name}.md").read_text("utf-8")
        assert f"losses/{spec.name}.ipynb" in row[0]
        first = re.findall(r"\(#([\w-]+)\)", row[1])
        assert first == [entry.slug for entry in bibliography.entries() if entry.key == spec.source]
        assert {*first, *re.findall(r"\(#([\w-]+)\)", row[2])} == set(bibliography.CITATION.findall(text)), (
            spec.name
        )


def test_every_entry_is_cited_and_says_why_to_read_it():
    text = bibliography.page()
    found = re.findall(r"^### .+?(?=^### |^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(found) == len(bibliography.entries())
    for entry in found:
        assert re.search(r"^Cited in: \[.+\]\(.+\.ipynb\)", entry, re.MULTILINE), entry
        assert len(entry.split("\n\n")[2].split()) >= 8, entry


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda text: text.replace("annote ", "note ", 1), "huber1964robust has no annote"),
        (lambda text: text + text.replace("huber1964robust", "huber1964again"), "huber-1964"),
    ],
)
def test_an_entry_that_cannot_stand_on_the_page_is_refused(tmp_path, monkeypatch, change, message):
    (tmp_path / "references.bib").write_text(change(BIBLIOGRAPHY.partition("\n\n")[0]), encoding="utf-8")
    monkeypatch.setattr(bibliography, "SOURCE", tmp_path / "references.bib")
    with pytest.raises(ValueError, match=message):
        bibliography.entries.__wrapped__()


def test_every_entry_since_1900_can_be_looked_up():
    for entry in BIBLIOGRAPHY.split("\n@")[0:]:
        year = int(re.search(r"year\s*= \{(\d+)\}", entry)[1])
        found = (
            re.search(r"^\s*(doi|eprint|url)\s*=", entry, re.MULTILINE)
            or "Journal of Machine Learning" in entry
        )
        assert year < 1900 or found, entry
