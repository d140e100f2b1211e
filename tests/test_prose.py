"""Every decimal number in a notebook's prose was put in or computed in a cell of that notebook."""

import re
from pathlib import Path

import nbformat
import pytest

from lossbook.book.audit import read_numbers, stands_for

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
TWINS = sorted(path for path in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
CITED = re.compile(r"bibliography\.md#|https?://")


def shown(cell):
    """Return a code cell's source and everything it put out, as text."""
    pieces = [cell.source]
    for output in cell.outputs:
        data = output.get("data", {})
        pieces += [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
    return "\n".join(re.sub(r"<[^>]+>", " ", piece) for piece in pieces)


def unsupported(notebook):
    """Return the decimal numbers of the prose that stand in no input and no output."""
    cells = notebook.cells
    pool = [
        float(word)
        for cell in cells
        if cell.cell_type == "code"
        for word in read_numbers(shown(cell), whole=True)
    ]
    paragraphs = [
        p for cell in cells if cell.cell_type == "markdown" for p in re.split(r"\n\s*\n", cell.source)
    ]
    return [
        (word, paragraph[:60])
        for paragraph in paragraphs
        if not CITED.search(paragraph)
        for word in read_numbers(paragraph)
        if not any(stands_for(word, number) for number in pool)
    ]


@pytest.mark.parametrize("path", TWINS, ids=lambda path: path.stem)
def test_every_decimal_number_in_prose_was_computed(path):
    assert unsupported(nbformat.read(path, as_version=4)) == []


def test_a_remembered_number_is_found():
    code = nbformat.v4.new_code_cell(
        "print(2 / 3)", outputs=[nbformat.v4.new_output("stream", text="0.666667\n")]
    )
    good = nbformat.v4.new_markdown_cell("Two thirds are 0.67, and Keras 3.15.1 agrees.")
    bad = nbformat.v4.new_markdown_cell("A third is 0.33.")
    cited = nbformat.v4.new_markdown_cell(
        "[Huber (1964)](../reference/bibliography.md#huber-1964) measured 0.91."
    )
    assert unsupported(nbformat.v4.new_notebook(cells=[code, good, cited])) == []
    assert [word for word, _ in unsupported(nbformat.v4.new_notebook(cells=[code, good, bad]))] == ["0.33"]


# --- names in backticks -----------------------------------------------------------------------

NAME = re.compile(r"(?<![`}])`([a-z_][a-z_0-9]*(?:\.[a-z_0-9]+)*)`(?!`)")
ANYWHERE = {  # packages, and what Keras calls things
    *("make", "nan", "inf", "numpy", "keras", "tf_keras", "lossbook", "explain", "compare", "explore"),
    *("fit", "compile", "from_logits", "relu", "logcosh", "val_cosine_similarity"),
}


def unknown_names(notebook):
    """Return the names in backticks, such as a variable of a source shown, that stand in no cell and no output."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    pool = "\n".join(shown(cell) + more_of(cell) for cell in code)
    words = set(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", pool)) | ANYWHERE
    return sorted(
        {
            name
            for cell in notebook.cells
            if cell.cell_type == "markdown"
            for name in NAME.findall(cell.source)
            if name.rpartition(".")[2] not in words
        }
    )


def more_of(cell):
    """What a cell put out as Markdown: the source of a function."""
    return "\n".join(output.get("data", {}).get("text/markdown", "") for output in cell.outputs)


CHAPTERS = [
    path for path in TWINS if path.parent.name in ("losses", "foundations") or path.stem == "debugging"
]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_name_in_backticks_is_one_the_reader_can_see(path):
    assert unknown_names(nbformat.read(path, as_version=4)) == []


def test_a_name_that_is_gone_is_found():
    code = nbformat.v4.new_code_cell("source(f)", outputs=[])
    code.outputs = [
        nbformat.v4.new_output("display_data", data={"text/markdown": "```python\ntail = 1\n```"})
    ]
    prose = nbformat.v4.new_markdown_cell("`tail` is what remains, and `loudness` is gone.")
    assert unknown_names(nbformat.v4.new_notebook(cells=[code, prose])) == ["loudness"]


FIELD_WORDS = (
    "subgradient pinball convex Hessian curvature Jacobian residual likelihood minibatch validation overfit "
    "class_weight vanish IoU Jaccard SVM NLL multi-label imbalance temperature triplet"
).split() + ["log loss", "smooth L1"]
CHAPTERS = [path for path in TWINS if path.parent.name in ("foundations", "losses", "practice")]


@pytest.mark.parametrize("word", FIELD_WORDS)
def test_the_book_says_the_words_of_the_field(word):
    """A word that a reader brings along stands in the prose of a chapter, not only in a glossary."""
    said = [
        path.stem
        for path in CHAPTERS
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown" and word.casefold() in cell.source.casefold()
    ]
    assert said, f"{word!r} stands in no chapter"
