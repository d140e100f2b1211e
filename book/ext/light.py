"""What a page loads: nothing that it does not use, and no script that holds up the first paint."""

from __future__ import annotations

import re

KEEP = "documentation_options"  # lines on the page itself add to what it says


def defer(app, pagename, templatename, context, doctree) -> None:
    """Let every script of a page run after the page was read."""
    for script in context.get("script_files", ()):
        if getattr(script, "filename", None) and KEEP not in str(script.filename):
            script.attributes.setdefault("defer", "defer")


PARAMETERS = re.compile(r"<dl>\s*((?:<dd>.*?</dd>\s*)+)</dl>(?=\s*<span class=\"sig-paren\">)", re.DOTALL)


def mend(app, pagename, templatename, context, doctree) -> None:
    """Mend what a reader by ear stumbles over.

    The lines of a signature are no list of definitions, the arrows of the sidebar have a name, and what is
    folded is called by the words that stand on it.
    """
    body = PARAMETERS.sub(lambda found: re.sub(r"<(/?)dd>", _line, found[1]), context.get("body", ""))
    context["body"] = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    toctree = context.get("generate_toctree_html")
    if toctree:
        named = '<summary aria-label="Its pages">'
        context["generate_toctree_html"] = lambda *a, **k: str(toctree(*a, **k)).replace("<summary>", named)


def _line(found) -> str:
    return "</span>" if found[1] else '<span class="sig-line">'


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
    app.connect("build-finished", leave_out)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
