"""The filters above the living matrix: their script is loaded on that page alone."""

from __future__ import annotations

PAGE = "practice/matrix"


def load_filters(app, pagename, templatename, context, doctree) -> None:
    """Load the script where it has something to filter."""
    if pagename == PAGE:
        app.add_js_file("matrix.js")


def setup(app) -> dict:
    app.connect("html-page-context", load_filters)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
