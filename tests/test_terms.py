"""Words of the field are linked to the glossary where a chapter first uses them."""

import sys
from pathlib import Path

import pytest
from docutils import nodes

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "ext"))

import terms  # noqa: E402

GLOSSARY = (ROOT / "notebooks" / "reference" / "glossary.md").read_text(encoding="utf-8")
WORDS = {
    "mean entropy": "",
    "entropy": "entropy",
    "cross-entropy": "cross-entropy",
    "KL divergence": "kl-divergence",
}


def linked(*children):
    """What is linked on a page of one paragraph, and the page as text."""
    from docutils.utils import new_document

    page = new_document("page")
    page += nodes.paragraph("", "", *children)
    terms.link_first(page, WORDS, "g.html")
    return [(r.astext(), r["refuri"]) for r in page.findall(nodes.reference)], page.astext()


@pytest.mark.parametrize(
    "text, found",
    [
        ("The entropy, and the entropy again.", [("entropy", "g.html#entropy")]),
        (
            "Cross-entropy is no entropy.",
            [("Cross-entropy", "g.html#cross-entropy"), ("entropy", "g.html#entropy")],
        ),
        ("Two cross-entropies, a cross-entropy-like sum.", []),
        ("Mean entropy is a name, entropy a word.", [("entropy", "g.html#entropy")]),
        ("Both KL divergences.", [("KL divergences", "g.html#kl-divergence")]),
    ],
)
def test_the_first_use_is_linked_and_no_letter_changes(text, found):
    assert linked(nodes.Text(text)) == (found, text)


@pytest.mark.parametrize("kind", [nodes.literal, nodes.math, nodes.title, nodes.rubric, nodes.raw])
def test_code_formulas_and_headings_have_no_link(kind):
    assert linked(kind("", "entropy"))[0] == []


def test_a_word_that_the_author_linked_has_no_second_link():
    link = nodes.reference("", "see", refuri="g.html#entropy")
    assert linked(nodes.Text("Entropy: "), link)[0] == [("see", "g.html#entropy")]


def test_words_of_the_glossary_are_linked_but_for_common_ones():
    words = terms.headwords(GLOSSARY)
    assert {"softmax", "logit", "KL divergence"} <= words.keys()
    assert not words.keys() & set(terms.COMMON)
    headings = {line[4:] for line in GLOSSARY.splitlines() if line.startswith("### ")}
    assert set(words.values()) <= {heading.lower().replace(" ", "-") for heading in headings}
