"""Pages as GitHub, nbviewer and a plain JupyterLab show them: no directive in sight, no link to a bare source."""

import re
from itertools import pairwise

import nbformat
import pytest
import sync
from conftest import ROOT
from markdown_it import MarkdownIt

NOTEBOOKS = ROOT / "notebooks"
TWINS = [sync.twin(source) for source in sync.sources()]
PAGES = TWINS + [
    path
    for path in sorted(NOTEBOOKS.rglob("*.md"))
    if path.with_suffix(".ipynb") not in TWINS and ".ipynb_checkpoints" not in path.parts
]
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
SHOWN = r"^:::.*|^\([\w-]+\)=$|^:[a-z-]+:(?: .*)?$|^\+\+\+.*|^% .*"  # a directive, a target, an option, a break, a note
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


def texts(path):
    """The Markdown of a page, that of its outputs too."""
    if path.suffix == ".md":
        return [path.read_text(encoding="utf-8")]
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            found.append(cell.source)
        for output in cell.get("outputs", []):
            found += [t for k, t in output.get("data", {}).items() if k in ("text/markdown", "text/html")]
    return found


def raw(text):
    """What a reader of plain Markdown sees of Sphinx's: directives, roles, targets and attributes."""
    found = []
    for token in MARKDOWN.parse(text):
        if token.type == "fence" and re.match(r"[{:]", token.info):
            found.append(token.info)
        if token.type != "inline":
            continue
        found += re.findall(SHOWN, token.content, re.MULTILINE)
        for part, after in pairwise([*token.children, None]):
            role = re.search(r"\{[a-z:-]+\}$", part.content) if part.type == "text" else None
            if role and after and after.type == "code_inline":
                found.append(role[0] + after.content)
    return found


def addresses(text):
    """Where the links and pictures of a page lead, those in its HTML too; code and comments have none."""
    found = []
    for token in MARKDOWN.parse(text):
        for part in [token, *(token.children or [])]:
            if part.type in ("html_block", "html_inline"):
                found += re.findall(r'(?:href|src)="([^"]+)"', COMMENT.sub("", part.content))
            found += [part.attrs[name] for name in ("href", "src") if name in part.attrs]
    return found


def bad_links(text, path):
    """The links of a page that lead nowhere in the repository, or to a source whose outputs stand beside it."""
    found = []
    for address in addresses(text):
        if re.match(r"[a-z]+:|#|//", address):
            continue
        target = (path.parent / address.partition("#")[0]).resolve()
        if not target.is_relative_to(ROOT) or not target.exists():
            found.append(f"{address}: no such file")
        elif target.suffix == ".md" and target.with_suffix(".ipynb").exists():
            found.append(f"{address} has no outputs: link to the .ipynb")
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
def test_nothing_shows_raw(path):
    assert [line for text in texts(path) for line in raw(text)] == []


@pytest.mark.parametrize(
    "path", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name
)
def test_links_lead_to_files_with_outputs(path):
    assert [line for text in texts(path) for line in bad_links(text, path)] == []


# ------------------------------------------------------------ the checks above are able to fail


@pytest.mark.parametrize(
    "text, seen",
    [
        (":::{exercise} Predict\n:label: huber-predict\n:nonumber:\n\nHow much?\n:::", 4),
        ("```{toctree}\nlosses/huber\n```", 1),
        ("Huber {cite}`huber1964robust` asked, and {term}`logit` is a word.", 2),
        ("(here)=\n## A heading", 1),
        ("> **Predict first.** How much?\n\n### Build\n\n<!-- sphinx\n```{toctree}\na\n```\n-->", 0),
        ("The set $\\{a\\}$ and `{term}` in code, or a list `{cite}` of names.", 0),
    ],
)
def test_what_shows_raw_is_found(text, seen):
    assert len(raw(text)) == seen


def test_links_to_bare_sources_are_found():
    text = '[a](huber.md#the-slope), [b](huber.ipynb), [c](../reference/glossary.md), [d](gone.ipynb), <a href="x.md">, `[e](e.md)`'
    found = bad_links(text, NOTEBOOKS / "losses" / "huber.ipynb")
    assert [re.split("[: ]", line)[0] for line in found] == ["huber.md#the-slope", "gone.ipynb", "x.md"]
