"""What a page loads: nothing that it does not use, and no script that holds up the first paint."""

from __future__ import annotations

KEEP = "documentation_options"  # lines on the page itself add to what it says


def defer(app, pagename, templatename, context, doctree) -> None:
    """Let every script of a page run after the page was read."""
    for script in context.get("script_files", ()):
        if getattr(script, "filename", None) and KEEP not in str(script.filename):
            script.attributes.setdefault("defer", "defer")


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
    app.connect("build-finished", leave_out)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
