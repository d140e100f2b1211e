"""What a page loads: nothing that it does not use, and no script that holds up the first paint."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup

KEEP = "documentation_options"  # lines on the page itself add to what it says


def defer(app, pagename, templatename, context, doctree) -> None:
    """Let every script of a page run after the page was read."""
    for script in context.get("script_files", ()):
        if getattr(script, "filename", None) and KEEP not in str(script.filename):
            script.attributes.setdefault("defer", "defer")


PARAMETERS = re.compile(r"<dl>\s*((?:<dd>.*?</dd>\s*)+)</dl>(?=\s*<span class=\"sig-paren\">)", re.DOTALL)


def mend(app, pagename, templatename, context, doctree) -> None:
    """Mend what a reader by ear, or of an e-book, stumbles over.

    The lines of a signature are no list of definitions, and the arrows of the sidebar have a name.
    A chapter of an e-book is XML, which the HTML that a cell shows need not be.
    """
    body = context.get("body", "")
    body = PARAMETERS.sub(lambda found: re.sub(r"<(/?)dd>", _line, found[1]), body)
    if app.builder.name == "epub":
        soup = BeautifulSoup(body, "html.parser")
        for tag in soup(["script", "style", "button"]):
            tag.decompose()
        body = soup.decode(formatter="minimal")
    context["body"] = body
    toctree = context.get("generate_toctree_html")
    if toctree:
        named = '<summary aria-label="Its pages">'
        context["generate_toctree_html"] = lambda *a, **k: str(toctree(*a, **k)).replace("<summary>", named)


def _line(found) -> str:
    return "</span>" if found[1] else '<span class="sig-line">'


def leave_out_of_books(app) -> None:
    """An e-book has no page for what is not found."""
    if app.builder.name == "epub":
        app.config.html_additional_pages = {}


def leave_out(app, problem) -> None:
    """Take away what the theme copies and no page loads: maps for its makers, and its icons as a script."""
    if problem or app.builder.format != "html":
        return
    static = app.outdir / "_static"
    for path in [*static.rglob("*.map"), *static.rglob("fontawesome.js*")]:
        if path.is_file():
            path.unlink()


def setup(app) -> dict:
    app.connect("html-page-context", defer, priority=900)
    app.connect("html-page-context", mend, priority=900)
    app.connect("builder-inited", leave_out_of_books)
    app.connect("build-finished", leave_out)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
