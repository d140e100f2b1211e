"""Every chapter keeps the promises of its kind: objectives and answers, figures with words, solutions that ran."""

import ast
import json
import re
from itertools import pairwise

import bibliography
import nbformat
import pytest
from conftest import ROOT

import lossbook
from lossbook.tools.explore import MIMES, MOST_BYTES

NOTEBOOKS = ROOT / "notebooks"
LOSSES = sorted((NOTEBOOKS / "losses").glob("*.ipynb"))
FOUNDATIONS = sorted((NOTEBOOKS / "foundations").glob("*.ipynb"))
TABLES = {"clinic", "matrix"}  # pages of practice that are made from a table: they have tests of their own
PRACTICE = sorted(path for path in (NOTEBOOKS / "practice").glob("*.ipynb") if path.stem not in TABLES)
CHAPTERS = FOUNDATIONS + LOSSES + PRACTICE
SLUGS = {entry.key: entry.slug for entry in bibliography.entries()}
MOST_LINES, LONGEST_LINE = 20, 80
SOLVED = "solution"

chapters = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
loss_chapters = pytest.mark.parametrize("path", LOSSES, ids=lambda path: path.stem)


# --- what a chapter is made of --------------------------------------------------------------


def read(path):
    return nbformat.read(path, as_version=4)


def prose(notebook):
    """All Markdown of a notebook, code blocks left out."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.sub(r"^```(?!\{).*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell, kind):
    return [output for output in cell.outputs if kind in output.get("data", {})]


def charts_of(cell):
    return [output for mime in MIMES for output in shown(cell, mime)]


def numbered(text):
    """The items of the first numbered list of a text."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("1. ")), None)
    items = []
    for line in lines[start:] if start is not None else []:
        if re.match(r"\d+\. ", line):
            items.append(line)
        elif line.strip() and line.startswith("   "):
            items[-1] += " " + line.strip()
        elif line.strip():
            break
    return items


def section(text, title):
    """What stands under a heading, up to the next one of its level."""
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def calls(notebook):
    """The names of all functions that a notebook calls, with the first argument as written."""
    found = set()
    for cell in code(notebook):
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:  # shown on purpose
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                found.add((name, ast.unparse(node.args[0]) if node.args else ""))
    return found


def body_of(source):
    try:
        return ast.parse(source).body
    except SyntaxError:
        return [None]


def solutions(notebook):
    return [cell for cell in code(notebook) if SOLVED in cell.metadata.get("tags", [])]


# --- what is wrong with one -----------------------------------------------------------------


def problems(notebook):
    """What a chapter of any kind lacks, one sentence each."""
    text, found = prose(notebook), []
    if not re.match(r"# \S", notebook.cells[0].source):
        found.append("the first cell has no title")
    promise = text.partition("After this chapter you can")[2]
    aims, answers = numbered(promise), numbered(section(text, "What you can say now"))
    if len(aims) != 3 or len(answers) != 3:
        found.append(f"{len(aims)} objectives and {len(answers)} answers: three each")
    if not re.search(r"\*\*Before you start:\*\* .*\*\*Time:\*\* \d+ minutes", text):
        found.append("no line that says what to know before, and how long it takes")
    if not re.search(r"^\*\*Next:\*\* ", text, re.MULTILINE):
        found.append("no word on what is next")
    if not re.search(r"^> \*\*Predict first\.\*\* ", text, re.MULTILINE):
        found.append("nothing to predict first")
    cited = bibliography.CITATION.findall(text)
    if not cited and not re.search(r"https?://", text):
        found.append("no source is cited")
    found += [f"{slug} is cited and not in references.bib" for slug in {*cited} - {*SLUGS.values()}]
    return (
        found + problems_of_cells(notebook) + problems_of_figures(notebook) + problems_of_exercises(notebook)
    )


def problems_of_cells(notebook):
    found = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            if len(lines) > MOST_LINES:
                found.append(f"cell {number} has {len(lines)} lines")
            if max(map(len, lines), default=0) > LONGEST_LINE:
                found.append(f"cell {number} has a line of {max(map(len, lines))} characters")
    return found


def problems_of_figures(notebook):
    """Each figure needs an alternative text and, in the cell after it, a caption in italics."""
    found = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        charts = charts_of(cell)
        figures = [output for output in shown(cell, "image/png") if output not in charts]
        if not (figures or charts) or SOLVED in cell.metadata.get("tags", []):
            continue
        after = notebook.cells[number + 1] if number + 1 < len(notebook.cells) else None
        first = after.source.strip() if after is not None and after.cell_type == "markdown" else ""
        if not re.match(r"\*[^*\s][^\n]{20,}\*(\n|$)", first):
            found.append(f"cell {number} shows a figure without a caption")
        words = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        if figures and len(words.split()) < 8:
            found.append(f"cell {number} shows a figure without an alternative text")
        for chart in charts:
            spec = next(chart["data"][mime] for mime in MIMES if mime in chart["data"])
            if "image/png" not in chart["data"]:
                found.append(f"cell {number} shows a chart without a still picture")
            if len(spec.get("description", "").split()) < 15:
                found.append(f"cell {number} shows a chart without a description")
            if len(json.dumps(spec)) > MOST_BYTES:
                found.append(f"cell {number} shows a chart of more than {MOST_BYTES} bytes")
    return found


def problems_of_exercises(notebook):
    """Three exercises or more, each with a solution that follows it, ran, and ends in assertions."""
    found = []
    titles = re.findall(r"^### (.+)$", section(prose(notebook), "Exercises"), re.MULTILINE)
    solved = solutions(notebook)
    if len({*titles}) < 3 or len(solved) != len(titles):
        found.append(
            f"{len({*titles})} exercises, by their headings, and {len(solved)} solutions: three or more, and as many"
        )
    before = "\n\n".join(c.source for c, after in pairwise(notebook.cells) if after in solved)
    if re.findall(r"^### (.+)$", before, re.MULTILINE) != titles:
        found.append("a solution does not follow its exercise")
    for cell in solved:
        last = body_of(cell.source)[-1]
        while isinstance(last, ast.For):  # a case at a time
            last = last.body[-1]
        if not isinstance(last, ast.Assert) or isinstance(last.test, ast.Constant):
            found.append("a solution does not end in an assertion")
        if cell.execution_count is None or not cell.outputs:
            found.append("a solution did not run, or shows nothing")
        in_lab = cell.metadata.get("jupyter", {})
        if "hide-cell" not in cell.metadata.get("tags", []) or not in_lab.get("source_hidden"):
            found.append("a solution is not folded, on the site and in JupyterLab")
        if "#" not in cell.source:
            found.append("a solution explains nothing")
    return found


def problems_of_a_loss(name, notebook):
    """What the chapter of one loss lacks beyond that."""
    found, made = [], calls(notebook)
    function, gradient = f"lossbook.{name}", f"lossbook.{name}_gradient"
    for what in ("formula", "source"):
        if (what, function) not in made:
            found.append(f"{what}({function}) is not shown")
    if ("formula", gradient) not in made:
        found.append(f"formula({gradient}) is not shown")
    if ("explain", gradient) not in made:
        found.append(f"explain({gradient}, …) is not shown")
    if not any(called == "explain" and given != gradient for called, given in made):
        found.append("the value is not explained")
    if not any(called == "explore" for called, _ in made):
        found.append("no chart moves")
    for called in ("numeric_gradient", "compare"):
        if not any(one == called for one, _ in made):
            found.append(f"{called} is not called")
    if "| Symbol | In code | Shape | Unit | What it is |" not in prose(notebook):
        found.append("no table of symbols")
    raised = [cell for cell in code(notebook) if "raises-exception" in cell.metadata.get("tags", [])]
    if not raised and not any(one == "outcomes" for one, _ in made):
        found.append("nothing breaks")
    source = lossbook.CATALOGUE[name].source
    if SLUGS[source] not in bibliography.CITATION.findall(prose(notebook)):
        found.append(f"the defining source {source} is not cited")
    return found


# --- what the second edition promises -------------------------------------------------------

MEAN_WORDS, FEW_WORDS, MOST_SHORT = (13, 19), 6, 0.17  # of a sentence


def sentences(notebook):
    """The sentences of a chapter's paragraphs, code and formulas as one word each."""
    text = re.sub(r"^(```|:::|:\w+:|\||#|\*\*Before).*$", "", prose(notebook), flags=re.MULTILINE)
    text = re.sub(r"\]\([^)]*\)", "]", re.sub(r"\$[^$]*\$|`[^`]*`", "x", text))
    for paragraph in re.split(r"\n\s*\n", text):
        one = re.sub(r"^\s*(\d+\.|[-*>])\s", "", paragraph.strip(), flags=re.MULTILINE)
        yield from re.split(r"(?<=[.!?:])[\s*]+(?=[A-Z*\[“\"$x])", " ".join(one.split()))


def problems_of_an_edition(notebook):
    """What a chapter lacks to be of use on Monday: a model that trains, the field's words, a voice."""
    found, made, text = [], {name for name, _ in calls(notebook)}, prose(notebook)
    found += [f"no model: {name}( is not called" for name in ("compile", "fit") if name not in made]
    if not any(re.search(r"\b(?:Dense|Conv2D)\b", cell.source) for cell in code(notebook)):
        found.append("no model: it has no last layer")
    for number, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        figure = cell.cell_type == "code" and (shown(cell, "image/png") or charts_of(cell))
        if figure and not {"hide-input", SOLVED} & set(tags):
            found.append(f"the code of the figure in cell {number} is not folded")
        if SOLVED in tags and not cell.source.startswith("# Solution"):
            found.append(f"the solution in cell {number} gives itself away: it starts with # Solution")
    found += [
        f"heading: {line}" for line in re.findall(r"^#+ .*\b(?:slope|score)s?\b.*$", text, re.MULTILINE)
    ]
    if not re.search(r"find the (?:bug|mistake)", text, re.IGNORECASE):
        found.append("no exercise to find a bug")
    if not re.search(r"catch(?:es)? it", text, re.IGNORECASE):
        found.append("no assertion for the reader's own pipeline")
    lengths = [
        words for words in (len(re.findall(r"[\w’'%.−-]+", one)) for one in sentences(notebook)) if words > 1
    ]
    mean, short = sum(lengths) / len(lengths), sum(words <= FEW_WORDS for words in lengths) / len(lengths)
    if not MEAN_WORDS[0] <= mean <= MEAN_WORDS[1] or short > MOST_SHORT:
        found.append(f"sentences of {mean:.1f} words, {short:.0%} of them short")
    return found


# --- the chapters ---------------------------------------------------------------------------


def test_every_loss_has_its_chapter_and_every_chapter_its_loss():
    assert {path.stem for path in LOSSES} == set(lossbook.CATALOGUE)


@chapters
def test_a_chapter_keeps_its_promises(path):
    assert problems(read(path)) == []


@loss_chapters
def test_a_loss_chapter_shows_all_of_its_loss(path):
    assert problems_of_a_loss(path.stem, read(path)) == []


@loss_chapters
def test_a_loss_chapter_is_of_the_second_edition(path):
    assert problems_of_an_edition(read(path)) == []


@loss_chapters
def test_a_loss_chapter_has_a_chart_of_its_loss(path):
    specs = [output["data"][MIMES[0]] for cell in code(read(path)) for output in shown(cell, MIMES[0])]
    assert specs
    names = (path.stem, lossbook.CATALOGUE[path.stem].cls.__name__)
    assert any(name in spec["description"] for spec in specs for name in names)
    assert all(any(p.get("bind", {}).get("input") == "range" for p in spec["params"]) for spec in specs)


def test_no_two_chapters_open_alike():
    openings = [
        next(p for p in read(path).cells[0].source.split("\n\n")[1:] if p.strip()) for path in CHAPTERS
    ]
    assert len(set(openings)) == len(openings)
    first_words = [" ".join(opening.split()[:4]).lower() for opening in openings]
    assert len(set(first_words)) == len(first_words)


# --- the checks are able to fail --------------------------------------------------------------


def damaged(name, change):
    notebook = read(NOTEBOOKS / "losses" / f"{name}.ipynb")
    change(notebook)
    return problems(notebook) + problems_of_a_loss(name, notebook)


def without(text):
    def change(notebook):
        before = json.dumps([cell.source for cell in notebook.cells])
        for cell in notebook.cells:
            cell.source = cell.source.replace(text, "")
        assert json.dumps([cell.source for cell in notebook.cells]) != before

    return change


def without_last_assertion(notebook):
    cell = solutions(notebook)[0]
    cell.source = re.sub(r"^assert ", "print", cell.source, flags=re.MULTILINE)


def with_solutions_at_the_end(notebook):
    solved = solutions(notebook)
    notebook.cells = [cell for cell in notebook.cells if cell not in solved] + solved


def without_alternative_text(notebook):
    for cell in code(notebook):
        cell.metadata.pop("mystnb", None)


def without_stills(notebook):
    for cell in code(notebook):
        for chart in charts_of(cell):
            chart["data"].pop("image/png")


def with_a_long_cell(notebook):
    code(notebook)[1].source += "\n" * 20 + "x = 1"


@pytest.mark.parametrize(
    "change, complaint",
    [
        (without("After this chapter you can"), "objectives"),
        (without("## What you can say now"), "answers"),
        (without("**Next:**"), "next"),
        (without("Predict first"), "predict"),
        (without("bibliography.md#huber-1964"), "huber1964robust is not cited"),
        (without("### Predict"), "exercises"),
        (with_solutions_at_the_end, "follow"),
        (without("source(lossbook.huber)"), "source(lossbook.huber)"),
        (without("numeric_gradient"), "numeric_gradient"),
        (without("| Symbol |"), "table"),
        (without("*The price of a miss"), "caption"),
        (without_last_assertion, "assertion"),
        (without_alternative_text, "alternative"),
        (without_stills, "still"),
        (with_a_long_cell, "lines"),
    ],
)
def test_what_is_missing_is_found(change, complaint):
    assert any(complaint in line for line in damaged("huber", change))
