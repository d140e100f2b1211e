"""The page "Try a loss", where a reader's browser computes; and the link to it below each chapter's trace.

``{playground}`` puts the form on a page, ``{playground-cell}`` a cell of the reader's own. The engine is
written into the site's static folder (:mod:`build`). In an e-book, and where the engine's package is
missing, the page says so in one line, and chapters have no link.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import hashlib
import inspect
import io
import json
import re
import sys
from pathlib import Path

from docutils import nodes
from formulas import mathml
from sphinx.util.docutils import SphinxDirective

from lossbook import CATALOGUE, REDUCTIONS

PLAY = Path(__file__).resolve().parent.parent / "play"
sys.path.insert(0, str(PLAY))
import build  # noqa: E402

PAGE = "try"
FOLDER = "_static/play"
INLINE = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>(.*?)</script>", re.DOTALL)
HANDLER = re.compile(r"<[^>]* onclick=\"([^\"]*)\"")
LINK = '<p class="try-these"><a href="../{page}.html#loss={name}">Try these numbers in your browser</a></p>'


# -------------------------------------------------------------------------- a chapter's numbers


class Seen(Exception):
    """The trace was reached: what it was called with."""


def see(target, *data, depth=None, digits=None, rows=None, **settings):
    """Stand for ``explain``: keep the call."""
    raise Seen(target, data, settings)


def trace_of(notebook: dict) -> int:
    """Return the place of the cell with the main trace: the first that ends in a call of explain."""
    for place, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            last = ast.parse("".join(cell["source"])).body[-1:]
            if last and isinstance(last[0], ast.Expr) and ast.unparse(last[0]).startswith("explain("):
                return place
    raise LookupError("Received a chapter without a trace; expected a cell that ends in explain(…). Add one.")


def steps_to(notebook: dict, place: int) -> ast.Module:
    """Return the statements that the last one of a cell rests on, and that one: no training, no drawing."""
    cells = notebook["cells"][: place + 1]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    *before, last = ast.parse(code).body
    needed, kept = loaded(last), [last]
    for statement in reversed(before):
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            statement.names = [one for one in statement.names if (one.asname or one.name) in needed]
            if statement.names:
                kept.append(statement)
        elif bound(statement) & needed:
            kept.append(statement)
            needed |= loaded(statement)
    return ast.Module(kept[::-1], [])


def loaded(statement: ast.stmt) -> set[str]:
    names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Load)}


def bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement binds, or whose entries it sets."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    found = set()
    for node in ast.walk(statement):
        if isinstance(getattr(node, "ctx", None), ast.Store):
            while not isinstance(node, (ast.Name, ast.Tuple, ast.List, ast.Starred)):
                node = node.value
            found |= {node.id} if isinstance(node, ast.Name) else set()
    return found


def numbers_of(notebook: dict) -> dict:
    """Return what the form shows for a chapter: the loss, its settings and the numbers of its main trace."""
    names: dict = {}
    module = steps_to(notebook, trace_of(notebook))
    module.body.insert(-1, ast.parse("from playground import see as explain").body[0])
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(module, "a chapter", "exec"), names)
    except Seen as seen:
        target, data, settings = seen.args
    function = target if inspect.isfunction(target) else target.function
    spec = CATALOGUE[function.__name__]
    loss = spec.cls(**settings) if inspect.isfunction(target) else target
    given = dict(zip(("y_true", "y_pred", "sample_weight", "mask"), data, strict=False)) | {
        name: settings[name] for name in ("sample_weight", "mask") if name in settings
    }
    return {
        "name": spec.name,
        "title": spec.cls.__name__,
        "family": spec.family,
        "formula": mathml(spec.formula, True),
        "labels": spec.facts.labels,
        "output": spec.facts.output,
        "settings": {name: repr(value) for name, value in loss.parameters.items()},
        "reduction": str(loss.reduction).lower(),
        **{name: as_typed(given.get(name)) for name in ("y_true", "y_pred", "sample_weight", "mask")},
    }


def as_typed(given) -> str:
    """Write an array as a reader would type it: one row a line."""
    if given is None:
        return ""
    return json.dumps(given.tolist() if hasattr(given, "tolist") else given).replace("], [", "],\n [")


# ------------------------------------------------------------------------------------- the page


class Playground(SphinxDirective):
    """The form, filled with the numbers of the chapters."""

    def run(self):
        lack = missing(self.env.app)
        if lack:
            return [nodes.paragraph("", f"This page computes only on the site, in a browser: {lack}.")]
        losses = []
        for name in CATALOGUE:
            path = Path(self.env.srcdir) / "losses" / f"{name}.ipynb"
            self.env.note_dependency(str(path))
            losses.append(numbers_of(json.loads(path.read_text(encoding="utf-8"))))
        for path in PLAY.iterdir():
            self.env.note_dependency(str(path))
        data = json.dumps({"losses": losses}, ensure_ascii=False).replace("</", "<\\/")
        before, after = (PLAY / "form.html").read_text(encoding="utf-8").split("<!-- formula -->")
        options = "".join(f"<option>{one}</option>" for one in REDUCTIONS if one)
        formula = nodes.raw("", f'<div class="math">{losses[0]["formula"]}</div>', format="html")
        data = f'<script type="application/json" id="play-data">{data}</script>'
        return [
            nodes.raw("", before.replace("<!-- reductions -->", options), format="html"),
            formula,
            nodes.raw("", after.replace("<!-- reductions -->", options) + data, format="html"),
        ]


class PlaygroundCell(SphinxDirective):
    """A cell of the reader's own."""

    def run(self):
        if missing(self.env.app):
            return []
        return [nodes.raw("", (PLAY / "cell.html").read_text(encoding="utf-8"), format="html")]


def missing(app) -> str:
    """Say what keeps a build from having the page; an empty string where nothing does."""
    return build.missing() if app.builder.name == "html" else f"this is the book as {app.builder.name}"


def add_links(app, docname: str, source: list[str]) -> None:
    """Put the link below the main trace of each chapter of a loss."""
    name = docname.removeprefix("losses/")
    if missing(app) or name not in CATALOGUE or name == docname:
        return
    notebook = json.loads(source[0])
    text = LINK.format(page=PAGE, name=name)
    link = {"id": "try-these", "cell_type": "markdown", "metadata": {}, "source": text}
    notebook["cells"].insert(trace_of(notebook) + 1, link)
    source[0] = json.dumps(notebook)


def load_script(app, pagename, templatename, context, doctree) -> None:
    """Load the script and the style on the page alone."""
    if pagename == PAGE and not missing(app):
        app.add_css_file("play/play.css")
        app.add_js_file("play/play.js", loading_method="defer")


def write_files(app) -> None:
    """Write the page's script and style, and what it loads on the first Run."""
    if missing(app):
        return
    folder = Path(app.outdir) / FOLDER
    build.write(folder)
    sizes = {name: (folder / f"{name}.gz").stat().st_size for name in (build.ENGINE, build.LIBRARY)}
    worker = (PLAY / "worker.js").read_text(encoding="utf-8")
    made = f"const PLAY_FILES = {json.dumps(sizes)}, PLAY_WORKER = {json.dumps(worker)};\n"
    (folder / "play.js").write_text(made + (PLAY / "play.js").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "play.css").write_bytes((PLAY / "play.css").read_bytes())


def write_policy(app, problem) -> None:
    """Say in the finished page what it may do."""
    if problem or missing(app):
        return
    page = Path(app.outdir) / f"{PAGE}.html"
    page.write_text(with_policy(page.read_text(encoding="utf-8")), encoding="utf-8")


def with_policy(page: str) -> str:
    """Say in the head of a page what it may do: its own scripts and files, and nothing elsewhere."""
    handlers = HANDLER.findall(page)  # the theme's button that prints
    digests = {hashlib.sha256(script.encode()).digest() for script in [*INLINE.findall(page), *handlers]}
    scripts = " ".join(sorted(f"'sha256-{base64.b64encode(one).decode()}'" for one in digests))
    scripts += " 'unsafe-hashes'" * bool(handlers)
    policy = (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
        f"script-src 'self' 'wasm-unsafe-eval' {scripts}; "
        "worker-src blob:; connect-src 'self'; form-action 'none'; base-uri 'none'; object-src 'none'"
    )
    page = re.sub(r'\n *<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)  # of a build before
    said = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return page.replace("<head>", f"<head>\n    {said}", 1)


def setup(app) -> dict:
    app.add_directive("playground", Playground)
    app.add_directive("playground-cell", PlaygroundCell)
    app.add_config_value("playground_lacks", build.missing(), "env")  # read all pages anew when that changes
    app.connect("builder-inited", write_files)
    app.connect("source-read", add_links, priority=400)  # before the notebook's own parts are replaced
    app.connect("html-page-context", load_script)
    app.connect("build-finished", write_policy)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
