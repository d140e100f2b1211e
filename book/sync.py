"""Execute the notebooks: each ``notebooks/**/*.md`` that has code cells into its ``.ipynb`` twin.

First the names of the losses and the list of their chapters are written, as :mod:`listing` has it.

The ``.md`` is the source. A twin is made anew, from the first cell to the last, when its code
differs from the source or when a cell was not executed; ``--all`` makes every twin. Where the prose
alone differs, the outputs stay: no cell reads prose. What is
stored holds nothing that changes from one run to the next, so a second run writes the same bytes.
The bibliography's page is written from ``references.bib`` and from who cites it.

    python book/sync.py [--all] [notebooks/articles/a1-….md …]
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import re
import sys
from pathlib import Path

import bibliography
import jupytext
import listing
import nbformat

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"

# The environment of every kernel: the same digits on every run.
KERNEL_ENV = {
    "PYTHONHASHSEED": "0",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
# What JupyterLab writes into a pair when it saves: a save changes no line but of outputs.
FORMATS = {"cell_metadata_filter": "tags,mystnb,-all", "formats": "ipynb,md:myst"}
METADATA = {
    "jupytext": {"default_lexer": "ipython3", **FORMATS},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
HEADER = "kernelspec,jupytext.formats,jupytext.cell_metadata_filter,-all"  # as in pyproject.toml
PROMPTS = ("code_prompt_show", "code_prompt_hide")  # hidden.py adds them while the site is built
SHOWING = {"print", "display", "explain", "compare"}  # calls that always show something
MOST_LINES = 20  # of one code cell
CODE_CELL = re.compile(r"^(`{3,}|:{3,})\{code-cell\}", re.MULTILINE)
# No file may hold these: folders of one machine, package registries.
PLACES = re.compile(
    r"(?<![\w.$])/(?:work|root|tmp)/[\w.]|files\.pythonhosted\.org|pypi\.org/simple|registry\.npmjs\.org"
)
# Nor may what a cell stored hold these: where a user, a package or a kernel was.
PLACES_OF_A_RUN = re.compile(
    rf"{PLACES.pattern}|(?<![\w.$])/(?:home|Users|opt|usr|mnt)/[\w.]|[A-Z]:\\+Users|site-packages|ipykernel_\d+"
)


# ---------------------------------------------------------------------------------- reading


def sources(folder: Path = NOTEBOOKS) -> list[Path]:
    """Return the ``.md`` files of a folder that have code cells, and so have a twin."""
    return sorted(
        path
        for path in folder.rglob("*.md")
        if ".ipynb_checkpoints" not in path.parts and CODE_CELL.search(path.read_text(encoding="utf-8"))
    )


def twin(source: Path) -> Path:
    """Return the path of the executed notebook beside a source."""
    return source.with_suffix(".ipynb")


def read_source(source: Path) -> nbformat.NotebookNode:
    """Read a MyST ``.md`` as a notebook, with cell ids that follow from the cells' text."""
    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt="md:myst")
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(METADATA)
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        cell.metadata = kept_metadata(cell)
        tags = cell.metadata.get("tags", [])  # folded in JupyterLab, as on the site
        if "solution" in tags:
            cell.metadata["jupyter"] = {"outputs_hidden": True, "source_hidden": True}
        elif "hide-input" in tags:
            cell.metadata["jupyter"] = {"source_hidden": True}
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return notebook


def read_twin(path: Path) -> nbformat.NotebookNode:
    """Read an executed notebook."""
    return nbformat.read(path, as_version=4)


def kept_metadata(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return what a cell keeps beside its text: its tags, and how the site shows its figure (alt text)."""
    kept = {key: cell.metadata[key] for key in ("tags", "mystnb", "jupyter") if cell.metadata.get(key)}
    if "mystnb" in kept:
        shown = {key: value for key, value in kept["mystnb"].items() if key not in PROMPTS}
        kept = {key: shown if key == "mystnb" else value for key, value in kept.items()}
    return nbformat.from_dict({key: value for key, value in kept.items() if value})


def as_saved(text: str) -> str:
    """Return the text of a source as JupyterLab saves it: its header, the breaks in what cells carry."""
    notebook = jupytext.reads(text, fmt="md:myst")
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.metadata.jupytext.notebook_metadata_filter = HEADER
    return jupytext.writes(notebook, fmt="md:myst")


def tidy(source: Path) -> list[Path]:
    """Write a pair as a save in JupyterLab leaves it; nothing is executed. Return what was changed."""
    changed = {source: as_saved(source.read_text(encoding="utf-8"))}
    if twin(source).exists() and not is_stale(source):
        notebook = read_twin(twin(source))
        notebook.metadata = nbformat.from_dict(METADATA)
        for cell in notebook.cells:
            cell.metadata = kept_metadata(cell)
        changed[twin(source)] = as_text(notebook)
    changed = {path: text for path, text in changed.items() if path.read_text(encoding="utf-8") != text}
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    return list(changed)


def inputs(notebook: nbformat.NotebookNode) -> list[tuple[str, str, str]]:
    """Return what a pair must share: type, kept metadata and text of each cell."""
    return [
        (c.cell_type, json.dumps(kept_metadata(c), sort_keys=True), c.source.rstrip("\n"))
        for c in notebook.cells
    ]


# ---------------------------------------------------------------------------------- checking


def expects_output(code: str) -> bool:
    """Tell whether a cell ends in something that shows: an expression, or a call of print."""
    try:
        body = ast.parse(code).body
    except SyntaxError:
        return not code.lstrip().startswith("%")  # not Python: its error is the output
    if not body or code.rstrip().endswith(";"):
        return False
    last = body[-1]
    if not isinstance(last, ast.Expr):
        return False
    value = last.value
    if isinstance(value, ast.Constant):
        return value.value is not None
    if isinstance(value, ast.Call):  # other calls may return None; nbval sees those
        return getattr(value.func, "id", "") in SHOWING
    return True


def problems(source: Path) -> list[str]:
    """Return what is wrong with a pair, one sentence each; nothing is written or executed."""
    name, path = source.name, twin(source)
    if not path.exists():
        return [f"{name} has no executed twin {path.name}: run make sync"]
    notebook, found = read_twin(path), []
    ours, theirs = inputs(read_source(source)), inputs(notebook)
    if ours != theirs:
        where = next(
            (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
            min(len(ours), len(theirs)),
        )
        found.append(f"{name} and {path.name} differ from cell {where} on: run make sync")

    count = 0
    for number, cell in enumerate(notebook.cells):
        here = f"{path.name} cell {number}"
        if cell.cell_type != "code":
            continue
        if not cell.source.strip():
            found.append(f"{here} is empty")
            continue
        count += 1
        tags = cell.metadata.get("tags", [])
        if cell.execution_count != count:
            found.append(f"{here} was executed as {cell.execution_count}, not as {count}: run make sync")
        if not cell.outputs and ("raises-exception" in tags or expects_output(cell.source)):
            found.append(f"{here} shows nothing, though its last line should: run make sync")
        lines = len(cell.source.splitlines())
        if lines > MOST_LINES:
            found.append(f"{here} has {lines} lines; {MOST_LINES} is the limit")
        if re.search(
            r"nbval[-_](ignore|skip|check)", " ".join(tags) + cell.source, re.IGNORECASE
        ) and not re.search(r"# not compared: \w", cell.source):
            found.append(f"{here} is not compared and does not say why (# not compared: ...)")
        raised = [o.ename for o in cell.outputs if o.output_type == "error"]
        if raised and "raises-exception" not in tags:
            found.append(f"{here} stores a {raised[0]} without the tag raises-exception")
        if "raises-exception" in tags and not raised:
            found.append(f"{here} is tagged raises-exception and raises nothing")
        if any(o.output_type == "stream" and o.name == "stderr" for o in cell.outputs):
            found.append(f"{here} stores what was written to stderr")
        if "timestamps" in json.dumps(cell.metadata) or "execution" in cell.metadata:
            found.append(f"{here} stores execution times")
        place = PLACES_OF_A_RUN.search(text_of(cell.outputs))
        if place:
            found.append(f"{here} stores a place of one machine: {place.group()!r}")
    return found


def text_of(outputs: list) -> str:
    """Return the stored text of a cell's outputs; images are left out."""
    parts = []
    for output in outputs:
        parts += [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", [])]
        parts += [
            value if isinstance(value, str) else json.dumps(value)
            for kind, value in output.get("data", {}).items()
            if kind not in ("image/png", "image/jpeg")
        ]
    return "\n".join(parts)


# ---------------------------------------------------------------------------------- executing


class CellFailed(Exception):
    """A cell raised without the tag raises-exception."""


def execute(source: Path, timeout: int = 600) -> nbformat.NotebookNode:
    """Run a source from its first cell to its last, in its own folder, and return it clean."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = read_source(source)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(source.parent)}},
    )
    try:
        client.execute(env={**os.environ, **KERNEL_ENV, "PYTHONPATH": path})
    except CellExecutionError as error:
        number, first = failing_cell(notebook)
        raise CellFailed(f"cell {number} ({first}) raised {error.ename}: {one_line(error.evalue)}") from None
    except CellTimeoutError:
        raise CellFailed(f"a cell ran for more than {timeout} seconds") from None
    except DeadKernelError:
        raise CellFailed("the kernel died") from None
    return clean(notebook)


def failing_cell(notebook: nbformat.NotebookNode) -> tuple[int, str]:
    """Return the place and the first line of the last cell that ran."""
    number = max((i for i, c in enumerate(notebook.cells) if c.get("outputs")), default=0)
    for i, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        if "raises-exception" not in tags and any(o.output_type == "error" for o in cell.get("outputs", [])):
            number = i
    source = notebook.cells[number].source.strip()
    return number, source.splitlines()[0] if source else ""


def one_line(text: str, most: int = 200) -> str:
    """Return a message as one line, cut to a length."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Keep of an executed notebook what is the same on every run."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = kept_metadata(cell)
        if cell.cell_type != "code":
            continue
        kept = []
        for output in cell.outputs:
            if output.output_type == "error":  # the short error: frames name files and lines
                output.traceback = [f"{output.ename}: {output.evalue}"]
            if output.output_type == "stream":  # how often a stream was flushed is chance
                same = [o for o in kept[-1:] if o.output_type == "stream" and o.name == output.name]
                if same:
                    same[0].text += output.text
                    continue
            kept.append(output)
        cell.outputs = kept
    return notebook


def as_text(notebook: nbformat.NotebookNode) -> str:
    """Return the bytes to store: keys in order, one newline at the end."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def is_stale(source: Path) -> bool:
    """Tell whether the twin is missing, differs from its source, or was not executed."""
    path = twin(source)
    if not path.exists():
        return True
    notebook = read_twin(path)
    counts = [c.execution_count for c in notebook.cells if c.cell_type == "code"]
    return inputs(read_source(source)) != inputs(notebook) or counts != list(range(1, len(counts) + 1))


def reworded(source: Path) -> nbformat.NotebookNode | None:
    """Return the twin with the new prose of its source; None if code changed, or was never executed."""
    if not twin(source).exists():
        return None
    told, ran = read_source(source), read_twin(twin(source))
    new, old = ([c for c in notebook.cells if c.cell_type == "code"] for notebook in (told, ran))
    code = [[one for one in inputs(notebook) if one[0] == "code"] for notebook in (told, ran)]
    if code[0] != code[1] or [c.execution_count for c in old] != list(range(1, len(old) + 1)):
        return None
    for cell, executed in zip(new, old, strict=True):
        cell.outputs, cell.execution_count = executed.outputs, executed.execution_count
    return clean(told)


def shown(path: Path) -> str:
    """Return a path as a reader would type it."""
    return os.path.relpath(path, ROOT) if path.is_relative_to(ROOT) else path.name


def sync(paths: list[Path], everything: bool = False) -> int:
    """Bring twins up to date; return how many notebooks have something wrong."""
    wrong = done = kept = 0
    for source in paths:
        tidy(source)
        if everything or is_stale(source):
            print(f"  {shown(source)}", flush=True)
            try:
                notebook = (None if everything else reworded(source)) or execute(source)
            except CellFailed as failure:
                print(f"{shown(source)}: {failure}", file=sys.stderr)
                wrong += 1
                continue
            twin(source).write_text(as_text(notebook), encoding="utf-8")
            done += 1
        else:
            kept += 1
        found = problems(source)
        for line in found:
            print(f"{shown(source.parent)}/{line}", file=sys.stderr)
        wrong += bool(found)
    print(f"{done} made anew, {kept} left as they were, {wrong} with something wrong")
    return wrong


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Execute notebooks/**/*.md into their .ipynb twins.")
    parser.add_argument("paths", nargs="*", type=Path, help="sources (default: every one)")
    parser.add_argument("--all", action="store_true", help="execute also those that are up to date")
    options = parser.parse_args(arguments)
    for written in [] if options.paths else listing.write():
        print(f"  {written}, from the catalogue", flush=True)
    paths = [p.resolve().with_suffix(".md") for p in options.paths] or sources()
    missing = [p for p in paths if not p.exists()]
    if missing:
        print(f"{missing[0].name} does not exist; expected a .md file of notebooks/", file=sys.stderr)
        return 2
    if not options.paths and bibliography.write():
        print(f"  {shown(bibliography.PAGE)}")
    return 1 if sync(paths, options.all) else 0


if __name__ == "__main__":
    sys.exit(main())
