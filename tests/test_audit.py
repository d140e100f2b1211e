"""The rows of the articles: each item once, its numbers confirmed, and the checks able to fail."""

import re
from collections import Counter
from pathlib import Path

import jupytext
import pytest

from lossbook.book.audit import VERDICTS, Audit, Tally, read_rows, stands_for

ARTICLES = Path(__file__).resolve().parent.parent / "notebooks" / "articles"
ITEMS = {"A1": 39, "A2": 83, "A3": 69}
ROW = "**A1-06** · claim · **correct.** Four errors give 0.375, in 1e-7 steps: −2.5 and 12.\n"


def rows_of(path):
    cells = jupytext.read(path).cells
    return read_rows("\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown"))


@pytest.mark.parametrize("article", ITEMS)
def test_every_item_of_an_article_has_one_row_in_its_notebook(article):
    (path,) = ARTICLES.glob(f"{article.lower()}-*.md")
    expected = [f"{article}-{number:02d}" for number in range(1, ITEMS[article] + 1)]
    assert sorted(row.id for row in rows_of(path)) == expected


def test_all_191_items_are_in_the_three_notebooks_once():
    ids = Counter(row.id for path in ARTICLES.glob("*.md") for row in rows_of(path))
    assert len(ids) == 191 and set(ids.values()) == {1}


@pytest.mark.parametrize("path", sorted(ARTICLES.glob("*.md")), ids=lambda path: path.stem)
def test_each_notebook_closes_by_counting_its_rows_and_confirming_every_number(path):
    cells = [cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code"]
    assert re.search(r"assert len\(audit\.rows\) == \d+ and audit\.untied\(\) == \[\]", cells[-1])
    assert cells[-1].rstrip().endswith("audit.tally()")
    for row in rows_of(path):
        assert row.verdict in VERDICTS and len(row.text) > 20


@pytest.fixture
def audit(tmp_path):
    (tmp_path / "one.md").write_text(ROW, encoding="utf-8")
    return Audit(tmp_path / "one")


def test_a_measured_number_must_stand_in_the_row(audit, capsys):
    audit.tie("A1-06", 0.37499999, -2.5, 12)
    assert capsys.readouterr().out == "A1-06 confirmed\n"
    assert audit.untied() == [("A1-06", "1e-7")]
    audit.tie("A1-06", given=[1e-7])
    assert audit.untied() == []
    with pytest.raises(AssertionError, match="measured 0.376"):
        audit.tie("A1-06", 0.376)
    with pytest.raises(AssertionError, match="measured 'NameError'"):
        audit.tie("A1-06", "NameError")
    with pytest.raises(KeyError, match="A1-07"):
        audit.tie("A1-07", 1)


def test_tables_are_taken_apart(audit):
    class Table:
        values, errors = {"tf.keras": 0.375}, {"tf_keras": "NameError: no"}

    with pytest.raises(AssertionError, match="NameError"):
        audit.tie("A1-06", Table())
    Table.errors = {}
    audit.tie("A1-06", Table())
    Table.values = {"tf.keras": 0.5}
    with pytest.raises(AssertionError, match="measured 0.5"):
        audit.tie("A1-06", Table())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ROW + "\n" + ROW, "twice"),
        (ROW.replace("correct", "right"), "'right'"),
        (ROW.replace(" · claim", ""), "cannot be read"),
    ],
)
def test_rows_that_cannot_be_counted_are_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        read_rows(text)


def test_rows_end_at_a_blank_line_and_versions_are_no_numbers():
    text = ROW.strip() + "\nStill the row, in Keras 3.15.1 and A1-07.\n\nNot the row: 9.9.\n"
    (row,) = read_rows(text)
    assert row.decimals == ["0.375", "1e-7", "-2.5"]
    assert row.whole_numbers == ["12"]


def test_the_tally_adds_up():
    tally = Tally(
        read_rows(ROW + "\n" + ROW.replace("06", "07").replace("claim", "code").replace("correct", "wrong"))
    )
    headers, lines = tally.table()
    assert headers == ["kind", *VERDICTS, "all"]
    assert lines == [
        ["claim", "1", "0", "0", "0", "0", "0", "0", "1"],
        ["code", "0", "0", "1", "0", "0", "0", "0", "1"],
        ["all", "1", "0", "1", "0", "0", "0", "0", "2"],
    ]
    assert "claim" in repr(tally) and "<table" in tally._repr_html_()


def test_a_missing_notebook_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.md or nowhere.ipynb"):
        Audit(tmp_path / "nowhere")


def test_rounding_is_to_the_digits_printed():
    assert stands_for("0.67", 2 / 3) and not stands_for("0.66", 2 / 3)
    assert stands_for("1.2e-07", 1.1920929e-07) and not stands_for("1.1e-07", 1.1920929e-07)
    assert stands_for("7", 7.0000002) and not stands_for("7", 7.01)
    assert not stands_for("7", float("nan"))
