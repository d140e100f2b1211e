"""What a new loss still lacks: every table and page, each with its file, in one message."""

import re
from types import SimpleNamespace

import listing
import pytest
from cases import FUNCTION_ONLY, LOSSES, PARAMETERS, WORDS
from conftest import ROOT

from lossbook import CATALOGUE
from lossbook.book.rosetta_rows import KERAS
from lossbook.registry import gradient_of

SHAPED = {"axis", *FUNCTION_ONLY}  # parameters whose values follow from the data


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def lacking(spec):
    """Return what a loss still lacks, one line for each: the file, and what is missing in it."""
    name, family, facts = spec.name, f"lossbook/losses/{spec.family}.py", spec.facts
    record, chapter = LOSSES.get(name), f"notebooks/losses/{spec.name}"
    new = sorted(set(spec.parameters) - set(PARAMETERS) - SHAPED)
    known = f"def {facts.proof}(" in text_of("lossbook/book/differences.py") if facts else True
    wants = [
        (facts is None, family, "its facts, in the decorator (facts=Facts(…))"),
        (spec.gradient is None, family, f"{name}_gradient, under @gradient_of({name})"),
        (spec.cls is None, family, f"the class, class …(Loss, function={name})"),
        (name not in text_of("lossbook/losses/__init__.py"), "lossbook/losses/__init__.py", "its names (make sync)"),
        (not re.search(rf"^@\w+\{{{spec.source},", text_of("book/references.bib"), re.M), "book/references.bib", "the entry that source= names"),
        (record is None, "tests/cases.py", "a record in LOSSES"),
        *((True, "tests/cases.py", f"values of {one!r} in PARAMETERS") for one in new),
        (record and spec.parameters and not record.refuses, "tests/cases.py", "what its parameters refuse, in the record's refuses="),
        (facts and facts.minimiser not in WORDS, "tests/cases.py", "what its best constant means, in WORDS"),
        (not known, "lossbook/book/differences.py", "the row that proves the trap"),
        (not (ROOT / f"{chapter}.md").is_file(), f"{chapter}.md", "the chapter"),
        (not (ROOT / f"{chapter}.ipynb").is_file(), f"{chapter}.ipynb", "the executed chapter (make sync)"),
        (f"\nlosses/{name}\n" not in text_of("notebooks/index.md"), "notebooks/index.md", "its page (make sync)"),
        (name not in KERAS, "lossbook/book/rosetta_rows.py", "its data in KERAS, and for each library a row or a word"),
    ]  # fmt: skip
    return [f"{file}: {what}" for is_lacking, file, what in wants if is_lacking]


@pytest.mark.parametrize("name", CATALOGUE)
def test_nothing_is_lacking(name):
    found = lacking(CATALOGUE[name])
    assert not found, "\n".join([f"{name} is in the catalogue, and still lacks:", *found])


def test_the_tables_are_in_the_order_of_the_catalogue():
    assert list(LOSSES) == list(CATALOGUE)
    assert text_of("lossbook/losses/__init__.py") == listing.names(), "run make sync"
    assert text_of("notebooks/index.md") == listing.index(text_of("notebooks/index.md")), "run make sync"


def test_a_new_loss_is_told_all_it_lacks_at_once():
    new = {"name": "brier", "family": "regression", "source": "brier1950", "parameters": {"power": None}}
    facts = SimpleNamespace(minimiser="the mode", proof="no_brier_loss")
    bare = lacking(SimpleNamespace(**new, facts=None, gradient=None, cls=None))
    told = lacking(SimpleNamespace(**new, facts=facts, gradient=len, cls=dict))
    assert [line.partition(":")[0].rpartition("/")[2] for line in bare] == [
        *["regression.py"] * 3, "__init__.py", "references.bib", *["cases.py"] * 2,
        "brier.md", "brier.ipynb", "index.md", "rosetta_rows.py",
    ]  # fmt: skip
    assert set(told) - set(bare) == {
        "tests/cases.py: what its best constant means, in WORDS",
        "lossbook/book/differences.py: the row that proves the trap",
    }


def test_a_gradient_with_other_parameters_is_refused():
    def huber_gradient(y_true, y_pred, delta=2.0): ...

    for function, message in ((huber_gradient, "expected the parameters of huber"), (len, "named len")):
        with pytest.raises(TypeError, match=message):
            gradient_of(CATALOGUE["huber"].function, formula="")(function)


def test_a_chapter_that_is_not_listed_is_found():
    text = text_of("notebooks/index.md")
    assert listing.index(text.replace("losses/huber\n", "")) == text
