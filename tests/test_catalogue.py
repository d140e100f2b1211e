"""What a new loss still lacks: every table and page, each with its file, in one message."""

import re

import pytest
from cases import FUNCTION_ONLY, LOSSES, PARAMETERS
from conftest import ROOT

from lossbook import CATALOGUE
from lossbook.book.facts import FACTS

SHAPED = {"axis", *FUNCTION_ONLY}  # parameters whose values follow from the data
LISTS = {
    "tests/cases.py": "a record in LOSSES",
    "lossbook/book/facts.py": "an entry in FACTS",
    "notebooks/losses/{name}.md": "the chapter (write it, then run make sync)",
    "notebooks/losses/{name}.ipynb": "the executed chapter (make sync)",
    "notebooks/index.md": "the line losses/{name} in a toctree",
    "book/references.bib": "the entry that source= names",
}


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def lacking(spec):
    """Return what a loss still lacks, one line for each: the file, and what is missing in it."""
    name, family = spec.name, f"lossbook/losses/{spec.family}.py"
    record = LOSSES.get(name)
    there = {
        "tests/cases.py": record is not None,
        "lossbook/book/facts.py": name in FACTS,
        "notebooks/losses/{name}.md": (ROOT / f"notebooks/losses/{name}.md").is_file(),
        "notebooks/losses/{name}.ipynb": (ROOT / f"notebooks/losses/{name}.ipynb").is_file(),
        "notebooks/index.md": re.search(rf"^losses/{name}$", text_of("notebooks/index.md"), re.MULTILINE),
        "book/references.bib": re.search(rf"^@\w+\{{{spec.source},", text_of("book/references.bib"), re.M),
    }
    found = [f"{file}: {what}".format(name=name) for file, what in LISTS.items() if not there[file]]
    found += [f"{family}: {name}_gradient, under @gradient_of({name})"] if spec.gradient is None else []
    found += [f"{family}: the class, class …(Loss, function={name})"] if spec.cls is None else []
    new = set(spec.parameters) - set(PARAMETERS) - SHAPED
    found += [f"tests/cases.py: values of {one!r} in PARAMETERS" for one in sorted(new)]
    if record is not None and not record.refuses and spec.parameters:
        found.append("tests/cases.py: what its parameters refuse, in the record's refuses=")
    return found


@pytest.mark.parametrize("name", CATALOGUE)
def test_nothing_is_lacking(name):
    found = lacking(CATALOGUE[name])
    assert not found, "\n".join([f"{name} is in the catalogue, and still lacks:", *found])


def test_no_table_holds_a_loss_that_is_gone():
    assert list(LOSSES) == list(CATALOGUE) == list(FACTS)


def test_a_new_loss_is_told_all_it_lacks_at_once():
    class New:
        name, family, source, gradient, cls = "brier", "regression", "brier1950", None, None
        parameters = {"power": None}

    assert [line.partition(":")[0] for line in lacking(New)] == [
        "tests/cases.py",
        "lossbook/book/facts.py",
        "notebooks/losses/brier.md",
        "notebooks/losses/brier.ipynb",
        "notebooks/index.md",
        "book/references.bib",
        "lossbook/losses/regression.py",
        "lossbook/losses/regression.py",
        "tests/cases.py",
    ]
