"""Each notebook is a pair: a .md that is edited and an .ipynb that is executed. They agree."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest
import sync
from conftest import ROOT

SOURCES = sync.sources()


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.relative_to(sync.NOTEBOOKS).as_posix())
def test_twin_agrees_and_was_executed(source):
    found = sync.problems(source)
    assert not found, "\n".join(found)


def test_every_notebook_has_a_source():
    twins = {sync.twin(source) for source in SOURCES}
    stray = [
        p.name
        for p in sync.NOTEBOOKS.rglob("*.ipynb")
        if ".ipynb_checkpoints" not in p.parts and p not in twins
    ]
    assert not stray, f"no .md with code cells beside {stray}"


# ------------------------------------------------------------ the checks above are able to fail

TINY = """---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A tiny notebook

The values are 0.25 and 1.5.

```{code-cell} ipython3
print("a loss of", 0.25)
```

```{code-cell} ipython3
value = 1.5
assert value == 1.5
value
```

```{code-cell} ipython3
:tags: [raises-exception]

raise ValueError("received 3, expected 4: pass 4")
```
"""

FIGURE = """
```{code-cell} ipython3
import matplotlib.pyplot as plt

plt.plot([0, 1], [0, 1])
plt.show()
```
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A tiny notebook, executed once."""
    folder = tmp_path_factory.mktemp("tiny")
    source = folder / "tiny.md"
    source.write_text(TINY, encoding="utf-8")
    assert sync.sync([source]) == 0
    return source


@pytest.fixture
def pair(executed, tmp_path):
    """A copy of the executed pair, to break."""
    for path in (executed, sync.twin(executed)):
        shutil.copy(path, tmp_path)
    return tmp_path / executed.name


def rerun(source) -> subprocess.CompletedProcess:
    """Compare a notebook as make test does: nbval, with this project's settings and conftest."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(source.parent)),
            *("-p", "conftest", str(sync.twin(source))),
        ],
        capture_output=True,
        text=True,
        cwd=source.parent,
        env={**sync.os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300,
    )


def edit(source, change):
    """Change the stored notebook with a function of its code cells."""
    notebook = sync.read_twin(sync.twin(source))
    change([c for c in notebook.cells if c.cell_type == "code"])
    sync.twin(source).write_text(sync.as_text(notebook), encoding="utf-8")


@pytest.mark.slow
def test_an_untouched_pair_is_green(pair):
    assert sync.problems(pair) == []
    run = rerun(pair)
    assert run.returncode == 0, run.stdout
    assert "3 passed" in run.stdout


def test_a_second_run_writes_the_same_bytes(pair):
    before = sync.twin(pair).read_bytes()
    assert sync.sync([pair], everything=True) == 0
    assert sync.twin(pair).read_bytes() == before


def test_new_prose_keeps_the_outputs_and_new_code_does_not(pair, monkeypatch):
    pair.write_text(pair.read_text() + "\nA sentence more.\n", encoding="utf-8")
    runs = []
    execute = sync.execute
    monkeypatch.setattr(sync, "execute", lambda source: runs.append(source) or execute(source))
    assert sync.sync([pair]) == 0 and not runs
    kept = sync.twin(pair).read_bytes()
    assert b"A sentence more." in kept
    assert sync.sync([pair], everything=True) == 0 and runs == [pair]
    assert sync.twin(pair).read_bytes() == kept
    pair.write_text(
        pair.read_text().replace("```{code-cell} ipython3\n", "```{code-cell} ipython3\n# new\n", 1)
    )
    assert sync.sync([pair]) == 0 and runs == [pair, pair]


def change_printed(cells):
    cells[0].outputs[0].text = cells[0].outputs[0].text.replace("0.25", "0.26")


def change_shown(cells):
    cells[1].outputs[0].data["text/plain"] = "1.6"


def change_error(cells):
    cells[2].outputs[0].evalue = cells[2].outputs[0].evalue.replace("3", "2")


def delete_printed(cells):
    cells[0].outputs = []


def delete_shown(cells):
    cells[1].outputs = []


def delete_error(cells):
    cells[2].outputs = []


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [(change_printed, change_shown, change_error), (delete_printed, delete_shown, delete_error)],
    ids=["one digit changed", "output deleted"],
)
def test_a_changed_output_is_red(pair, changes):
    """Each of the three cells has one fault, and each of the three fails."""
    for change in changes:
        edit(pair, change)
    run = rerun(pair)
    assert run.returncode == 1, run.stdout
    assert "3 failed" in run.stdout and "passed" not in run.stdout


@pytest.mark.slow
def test_numbers_are_compared_by_the_rule_of_agreement(tmp_path):
    """Of two cells one is stored as its neighbour in float32, the other ten units further."""
    source = tmp_path / "neighbours.md"
    cell = "\n```{code-cell} ipython3\nprint(0.25541046, 'nats')\n```\n"
    source.write_text(TINY.partition("```")[0] + 2 * cell, encoding="utf-8")
    assert sync.sync([source]) == 0

    def spoil(cells):
        for cell, number in zip(cells, ("0.2554105", "0.2554106"), strict=True):
            cell.outputs[0].text = cell.outputs[0].text.replace("0.25541046", number)

    edit(source, spoil)
    run = rerun(source)
    assert "1 failed, 1 passed" in run.stdout, run.stdout
    assert "stdout: '0.2554106' is stored, '0.25541046' was computed" in run.stdout


@pytest.mark.slow
def test_a_changed_figure_is_red(tmp_path):
    """nbval itself compares no PNG; conftest.py makes it."""
    source = tmp_path / "figures.md"
    source.write_text(TINY.partition("```")[0] + FIGURE * 3, encoding="utf-8")
    assert sync.sync([source]) == 0

    def spoil(cells):
        stored = next(o.data for o in cells[1].outputs if "image/png" in o.data)
        stored["image/png"] = ONE_PIXEL
        cells[2].outputs = []

    edit(source, spoil)
    run = rerun(source)
    assert "2 failed, 1 passed" in run.stdout, run.stdout
    assert "is stored" in run.stdout and "was drawn" in run.stdout


ONE_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mP8/x8AAwMCAO+ip1sAAAAASUVORK5CYII="


@pytest.mark.parametrize("change", [delete_printed, delete_shown, delete_error])
def test_a_deleted_output_is_red_without_running(pair, change):
    edit(pair, change)
    assert any("shows nothing" in line for line in sync.problems(pair))


def test_an_edited_source_is_red(pair):
    pair.write_text(TINY.replace("The values are 0.25", "The values are 0.26"), encoding="utf-8")
    assert any("differ from cell 0" in line for line in sync.problems(pair))
    assert sync.is_stale(pair)


def test_a_source_without_twin_is_red(pair):
    sync.twin(pair).unlink()
    assert any("no executed twin" in line for line in sync.problems(pair))


def test_a_cell_not_executed_is_red(pair):
    """nbval compares nothing where execution_count is missing."""

    def forget(cells):
        cells[1].execution_count, cells[1].outputs = None, []

    edit(pair, forget)
    assert any("executed as None" in line for line in sync.problems(pair))


def test_places_of_one_machine_are_red(pair):
    for place in ("/".join(["", "home", "ada", "x.py"]), "/".join(["lib", "site" + "-packages", "numpy"])):
        edit(pair, lambda cells, place=place: cells[0].outputs[0].update(text=place))
        assert any("place of one machine" in line for line in sync.problems(pair)), place


def test_long_cells_and_stderr_are_red(pair):
    pair.write_text(
        TINY.replace("value = 1.5\n", "value = 1.5\n" * 20).replace(
            'print("a loss of", 0.25)', "import sys; print(2, file=sys.stderr)"
        ),
        encoding="utf-8",
    )
    assert sync.sync([pair]) == 1
    found = "\n".join(sync.problems(pair))
    assert "22 lines; 20 is the limit" in found
    assert "written to stderr" in found


def test_a_failing_cell_stops_sync_with_one_line(pair, capsys):
    before = sync.twin(pair).read_bytes()
    pair.write_text(TINY.replace("assert value == 1.5", "assert value == 1.6, 'not 1.6'"), encoding="utf-8")
    assert sync.sync([pair]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert re.search(r"tiny\.md: cell \d+ \(value = 1\.5\) raised AssertionError: not 1\.6", said[0])
    assert sync.twin(pair).read_bytes() == before  # the last good twin stays
