"""Plant one fault at a time in a copy of the project, and see the tests turn red.

    python tests/faults.py [--seed 0] [--only WORDS …]

Each fault looks for the places where it fits, takes one by chance (another one with another seed), and
stops where it finds none. The part of the tests that must catch it runs first without the fault, and
must be green. The table says what caught each fault; the exit status is the number that nothing caught.
"""

import argparse
import ast
import filecmp
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book"))

import bibliography  # noqa: E402
import sync  # noqa: E402
from agreement import NUMBER  # noqa: E402

LEFT_OUT = shutil.ignore_patterns(
    ".venv", ".git", "_build", "__pycache__", ".*cache", ".hypothesis", "*.egg-info"
)
TWINS = ["tests/test_twins.py", "-k", "twin_agrees"]
SITE = ["tests/test_site.py", "-k", "elsewhere or leads or words"]
FAULTS: dict[str, tuple[Callable, bool]] = {}
Part = list[str]  # what pytest is given


class NoPlace(Exception):
    """A fault found no place where it fits."""


def fault(name: str, on_site: bool = False) -> Callable:
    """Register what plants a fault: it changes the copy, and returns the tests that must see it."""

    def register(plant: Callable) -> Callable:
        FAULTS[name] = (plant, on_site)
        return plant

    return register


class Copy:
    """A scratch copy of the project."""

    def __init__(self, folder: Path, seed: int):
        self.root = folder / "lossbook"
        shutil.copytree(ROOT, self.root, ignore=LEFT_OUT)
        self.files = [p.relative_to(self.root) for p in self.root.rglob("*") if p.is_file()]
        self.chance = random.Random(seed)
        self.notebooks = self.root / "notebooks"
        self.site = self.root / "book" / "_build" / "html"
        self.pages: dict[Path, bytes] = {}

    def pick(self, places: list) -> object:
        """Take one of the places by chance."""
        if not places:
            raise NoPlace
        return self.chance.choice(places)

    def restore(self) -> None:
        """Undo what was planted."""
        for name in self.files:
            path = self.root / name
            if not path.exists() or not filecmp.cmp(ROOT / name, path, shallow=False):
                shutil.copy2(ROOT / name, path)
        for path, before in self.pages.items():
            path.write_bytes(before)
        self.pages.clear()

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess:
        """Run a Python module in the copy, with the copy's own package."""
        environment = {**os.environ, **sync.KERNEL_ENV, "PYTHONPATH": str(self.root), **variables}
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def test(self, part: Part) -> tuple[int, list[str], str]:
        """Run a part of the tests; return pytest's status, what failed, and what it wrote."""
        needs = {"LOSSBOOK_SITE": "required"} if part == SITE else {}
        done = self.run("pytest", "-q", "-p", "no:cacheprovider", "--color=no", "-rfE", *part, **needs)
        failed = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
        return done.returncode, failed, done.stdout

    def build(self) -> None:
        """Build the site."""
        target = ["-d", "book/_build/doctrees", "notebooks", "book/_build/html"]
        done = self.run("sphinx", "-q", "-W", "--keep-going", "-n", "-c", "book", *target)
        if done.returncode:
            sys.exit(f"the site cannot be built:\n{done.stdout[-3000:]}")

    def twins(self) -> list[Path]:
        """Return the executed notebooks."""
        return [sync.twin(source) for source in sync.sources(self.notebooks)]

    def cells(self, fits: Callable) -> list[tuple[Path, int]]:
        """Return the code cells of all notebooks for which a question is answered with yes."""
        return [
            (path, number)
            for path in self.twins()
            for number, cell in enumerate(sync.read_twin(path).cells)
            if cell.cell_type == "code" and "nbval" not in str(cell.metadata) + cell.source and fits(cell)
        ]

    def edit_cell(self, place: tuple[Path, int], change: Callable) -> None:
        """Change one cell of an executed notebook, and leave its source as it is."""
        path, number = place
        notebook = sync.read_twin(path)
        change(notebook.cells[number])
        path.write_text(sync.as_text(notebook), encoding="utf-8")

    def edit_pair(self, source: Path, old: str, new: str) -> None:
        """Change a source, and its executed twin alike; the outputs stay."""
        text = source.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise NoPlace
        source.write_text(text.replace(old, new), encoding="utf-8")
        if sync.twin(source).exists():
            notebook, before = sync.read_source(source), sync.read_twin(sync.twin(source))
            for cell, stored in zip(notebook.cells, before.cells, strict=True):
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = stored.outputs, stored.execution_count
            sync.twin(source).write_text(sync.as_text(notebook), encoding="utf-8")

    def edit_page(self, pattern: str, new: str) -> Part:
        """Change one place in one page of the built site."""
        pages = [p for p in sorted(self.site.rglob("*.html")) if "_static" not in p.parts]
        path = self.pick([p for p in pages if re.search(pattern, p.read_text(encoding="utf-8"))])
        self.pages[path] = path.read_bytes()
        path.write_text(re.sub(pattern, new, path.read_text(encoding="utf-8"), count=1), encoding="utf-8")
        return SITE

    def part(self, place: tuple[Path, int] | Path) -> Part:
        """Return the notebook of a place, as pytest is given it."""
        path = place if isinstance(place, Path) else place[0]
        return [path.relative_to(self.root).as_posix()]


def texts(cell: dict) -> list[tuple[dict, str]]:
    """Return where the stored texts of a cell are: what was printed, and what its last line showed."""
    found = [(out, "text") for out in cell.outputs if "text" in out]
    return found + [
        (out["data"], "text/plain") for out in cell.outputs if "text/plain" in out.get("data", {})
    ]


def replace_in_output(pattern: str, new: Callable) -> tuple[Callable, Callable]:
    """Return what tells whether a cell shows a pattern, and what changes the first place where it does."""

    def fits(cell: dict) -> bool:
        return any(re.search(pattern, holder[key]) for holder, key in texts(cell))

    def change(cell: dict) -> None:
        holder, key = next((h, k) for h, k in texts(cell) if re.search(pattern, h[k]))
        holder[key] = re.sub(pattern, new, holder[key], count=1)

    return fits, change


# ---------------------------------------------------------------------------------- what is stored


@fault("a digit in the second significant place of a stored output")
def second_digit(copy: Copy) -> Part:
    def turn(match: re.Match) -> str:
        place = [i for i, letter in enumerate(match[0]) if letter.isdigit()]
        first = next(i for i in place if match[0][i] != "0")
        second = place[place.index(first) + 1]
        return match[0][:second] + str((int(match[0][second]) + 5) % 10) + match[0][second + 1 :]

    two_digits = rf"(?=[-+0.,]*[1-9][.,]?\d){NUMBER.pattern}"
    fits, change = replace_in_output(two_digits, turn)
    place = copy.pick(copy.cells(fits))
    copy.edit_cell(place, change)
    return copy.part(place)


@fault("a word in a stored output")
def word(copy: Copy) -> Part:
    fits, change = replace_in_output(r"(?<![\w<])[a-z]{4,}(?!\w)", lambda match: match[0] + "s")
    place = copy.pick(copy.cells(fits))
    copy.edit_cell(place, change)
    return copy.part(place)


@fault("a cell unexecuted")
def unexecuted(copy: Copy) -> Part:
    place = copy.pick(copy.cells(lambda cell: True))
    copy.edit_cell(place, lambda cell: cell.update(execution_count=None, outputs=[]))
    return TWINS


@fault("an output emptied")
def emptied(copy: Copy) -> Part:
    place = copy.pick(copy.cells(lambda cell: cell.outputs))
    copy.edit_cell(place, lambda cell: cell.update(outputs=[]))
    return copy.part(place)


@fault("cells out of order")
def out_of_order(copy: Copy) -> Part:
    path = copy.pick(copy.twins())
    notebook = sync.read_twin(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    first = copy.pick(list(range(len(code) - 1)))
    one, two = code[first], code[first + 1]
    one.execution_count, two.execution_count = two.execution_count, one.execution_count
    path.write_text(sync.as_text(notebook), encoding="utf-8")
    return TWINS


@fault("a twin edited alone")
def twin_alone(copy: Copy) -> Part:
    path = copy.pick(copy.twins())
    notebook = sync.read_twin(path)
    cell = copy.pick([cell for cell in notebook.cells if cell.source.strip()])
    cell.source += "\n\nSo." if cell.cell_type == "markdown" else "\n# so"
    path.write_text(sync.as_text(notebook), encoding="utf-8")
    return TWINS


@fault("a figure's data changed")
def figure(copy: Copy) -> Part:
    """Draw every line and dot 5 percent higher than it was when the figure was stored."""

    def higher(cell: dict) -> None:
        cell.source = HIGHER + cell.source

    def has_lines(cell: dict) -> bool:
        drawn = any("image/png" in out.get("data", {}) for out in cell.outputs)
        return drawn and bool(re.search(r"\.plot\(|loss_and_slope\(", cell.source))

    place = copy.pick(copy.cells(has_lines))
    copy.edit_cell(place, higher)
    return copy.part(place)


HIGHER = """from matplotlib.lines import Line2D
def _higher(line, values, _set=Line2D.set_ydata):
    _set(line, [1.05 * value for value in values])
Line2D.set_ydata = _higher
"""


@fault("a chart's data changed")
def chart(copy: Copy) -> Part:
    """Change one number in the data of a chart in its last but one digit."""

    def numbers(cell: dict) -> list[tuple[list, int]]:
        data = [o["data"][kind] for o in cell.outputs for kind in o.get("data", {}) if "vega" in kind]
        rows = [row for one in data for rows in one.get("datasets", {}).values() for row in rows]
        lists = [value for row in rows for value in row.values() if isinstance(value, list)]
        return [(one, i) for one in lists for i, n in enumerate(one) if len(digits(n)) == 4]

    def digits(number: object) -> str:
        return repr(number).lstrip("-0.").replace(".", "") if isinstance(number, float) else ""

    def change(cell: dict) -> None:
        holder, i = copy.pick(numbers(cell))
        holder[i] = float(f"{holder[i] * 1.01:.4g}")

    place = copy.pick(copy.cells(numbers))
    copy.edit_cell(place, change)
    return copy.part(place)


# ---------------------------------------------------------------------------------- what is written


@fault("a solution's assertion removed")
def assertion(copy: Copy) -> Part:
    def last_assertion(cell: dict) -> str:
        if "solution" not in cell.metadata.get("tags", []):
            return ""
        found = [n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Assert)]
        return ast.get_source_segment(cell.source, found[0]) if len(found) == 1 else ""

    path, number = copy.pick(copy.cells(last_assertion))
    found = last_assertion(sync.read_twin(path).cells[number])
    copy.edit_pair(path.with_suffix(".md"), found, "pass")
    return ["tests/test_chapters.py"]


@fault("a wrong number in prose")
def prose(copy: Copy) -> Part:
    places = [
        (source, paragraph, match)
        for source in sync.sources(copy.notebooks)
        for paragraph in paragraphs(source)
        for match in re.finditer(r"(?<![\w.`])\d\.\d{2,}(?![\w.`]|\.\d)", paragraph)
    ]
    source, paragraph, match = copy.pick(places)
    wrong = str((int(match[0][0]) + 3) % 10) + match[0][1:] + "7"
    copy.edit_pair(source, paragraph, paragraph[: match.start()] + wrong + paragraph[match.end() :])
    return ["tests/test_prose.py"]


def paragraphs(source: Path) -> list[str]:
    """Return the paragraphs of a source that are plain prose, and cite nobody."""
    found = source.read_text(encoding="utf-8").split("\n\n")
    return [p for p in found if re.match(r"[A-Z*]", p) and not re.search(r"`{3}|bibliography\.md#|://|\$", p)]


@fault("a citation that does not resolve")
def citation(copy: Copy) -> Part:
    sources = sorted(copy.notebooks.rglob("*.md"))
    places = [(s, m[0]) for s in sources for m in bibliography.CITATION.finditer(s.read_text("utf-8"))]
    source, old = copy.pick([(s, m) for s, m in places if s.read_text("utf-8").count(m) == 1])
    copy.edit_pair(source, old, old[:-1] + "b)")
    return ["tests/test_reference.py", "-k", "citation"]


@fault("a directive that shows raw")
def directive(copy: Copy) -> Part:
    places = [(s, p) for s in sync.sources(copy.notebooks) for p in paragraphs(s) if len(p) > 100]
    source, old = copy.pick([(s, p) for s, p in places if s.read_text("utf-8").count(p) == 1])
    copy.edit_pair(source, old, f":::{{note}}\n{old}\n:::")
    return ["tests/test_unrendered.py"]


@fault("a link to a page without its outputs")
def bare_link(copy: Copy) -> Part:
    sources = sync.sources(copy.notebooks)
    places = [(s, m) for s in sources for m in re.findall(r"\]\([\w./-]+\.ipynb", s.read_text("utf-8"))]
    source, old = copy.pick([(s, m) for s, m in places if s.read_text("utf-8").count(m) == 1])
    copy.edit_pair(source, old, old.replace(".ipynb", ".md"))
    return ["tests/test_unrendered.py"]


@fault("a missing alternative text in a notebook")
def alternative_text(copy: Copy) -> Part:
    sources = sync.sources(copy.notebooks)
    places = [(s, m) for s in sources for m in re.findall(r"\n    alt: [^\n]+", s.read_text("utf-8"))]
    source, old = copy.pick(places)
    copy.edit_pair(source, old, old.replace("alt:", "name:", 1))
    return ["tests/test_chapters.py"]


@fault("a loss without a chapter")
def chapter(copy: Copy) -> Part:
    source = copy.pick(sorted((copy.notebooks / "losses").glob("*.md")))
    source.unlink()
    sync.twin(source).unlink()
    return ["tests/test_chapters.py"]


@fault("a ledger row lost")
def ledger(copy: Copy) -> Part:
    sources = sorted((copy.notebooks / "articles").glob("*.md"))
    rows = [(s, m) for s in sources for m in re.findall(r"^\*\*A\d-\d\d\*\* · ", s.read_text("utf-8"), re.M)]
    source, old = copy.pick(rows)
    copy.edit_pair(source, old, "")
    return ["tests/test_audit.py"]


# ---------------------------------------------------------------------------------- the package


@fault("a public symbol without documentation")
def documentation(copy: Copy) -> Part:
    places = []
    for path in sorted((copy.root / "lossbook").rglob("[!_]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        offered = next((ast.literal_eval(n.value) for n in tree.body if is_all(n)), None)
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef) or node.decorator_list or not ast.get_docstring(node):
                continue
            if not node.name.startswith("_") and (offered is None or node.name in offered):
                places.append((path, node.body[0]))
    path, docstring = copy.pick(places)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[docstring.lineno - 1 : docstring.end_lineno] = ["    pass"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ["tests/test_api.py"]


def is_all(node: ast.stmt) -> bool:
    """Tell whether a statement sets ``__all__``."""
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"


@fault("a constraint that disagrees with environment.yml")
def conda(copy: Copy) -> Part:
    path = copy.root / "environment.yml"
    text = path.read_text(encoding="utf-8")
    pins = re.findall(
        r"^([a-z][a-z0-9-]*)==([\d.]+)$", (copy.root / "constraints.txt").read_text("utf-8"), re.M
    )
    name, version = copy.pick(pins)
    if "  - pip\n" not in text:
        raise NoPlace
    path.write_text(text.replace("  - pip\n", f"  - {name}={version}.1\n  - pip\n"), encoding="utf-8")
    return ["tests/test_frame.py", "-k", "conda or constraint"]


@fault("a constraint that is not what is installed")
def constraint(copy: Copy) -> Part:
    path = copy.root / "constraints.txt"
    old = copy.pick(re.findall(r"^(?:numpy|keras|altair|sphinx)==[\d.]+$", path.read_text("utf-8"), re.M))
    path.write_text(path.read_text("utf-8").replace(old + "\n", old + ".1\n"), encoding="utf-8")
    return ["tests/test_frame.py", "-k", "conda or constraint"]


# ---------------------------------------------------------------------------------- the site


@fault("a dead link", on_site=True)
def dead_link(copy: Copy) -> Part:
    return copy.edit_page(r'(?<=<a class="reference internal" href=")[^"#]+\.html', "nowhere.html")


@fault("a missing alternative text on a page", on_site=True)
def no_words(copy: Copy) -> Part:
    return copy.edit_page(r'(?<=<img) alt="[^"]+"| alt="[^"]+"(?=[^>]* src="[^"]*_images)', "")


@fault("a foreign address on a page", on_site=True)
def foreign(copy: Copy) -> Part:
    return copy.edit_page(r"</head>", '<script src="https://example.org/x.js"></script></head>')


# ---------------------------------------------------------------------------------- the run


def main() -> int:
    """Plant each fault, and print what caught it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="where faults are planted")
    parser.add_argument("--only", nargs="+", help="faults whose name has one of these words")
    options = parser.parse_args()
    chosen = [n for n in FAULTS if not options.only or any(word in n for word in options.only)]
    if not chosen:
        sys.exit(f"no fault has {options.only} in its name; there are {', '.join(FAULTS)}")
    missed, green = 0, {}
    width = max(map(len, chosen))
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder), options.seed)
        if any(FAULTS[name][1] for name in chosen):
            copy.build()
        print(f"{'fault':{width}}  seconds  caught by")
        for name in chosen:
            try:
                part = FAULTS[name][0](copy)
            except NoPlace:
                sys.exit(f"{name}: no place was found where it fits")
            start = time.monotonic()
            status, failed, said = copy.test(part)
            seconds = time.monotonic() - start
            copy.restore()
            if str(part) not in green:
                green[str(part)] = copy.test(part)
            if green[str(part)][0]:
                sys.exit(f"{part} is red without a fault:\n{green[str(part)][2][-3000:]}")
            caught = status == 1 and failed
            missed += not caught
            by = failed[0] + (f" and {len(failed) - 1} more" if failed[1:] else "") if failed else ""
            print(f"{name:{width}}  {seconds:7.1f}  {by if caught else f'NOT CAUGHT by {part}'}", flush=True)
            if status not in (0, 1):
                sys.exit(f"pytest ended with {status}:\n{said[-3000:]}")
    print(f"{len(chosen)} planted, {len(chosen) - missed} caught")
    return missed


if __name__ == "__main__":
    sys.exit(main())
