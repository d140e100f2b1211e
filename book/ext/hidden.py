"""What only Sphinx reads stands in a comment, so that GitHub and JupyterLab show none of it.

A page holds its table of contents, or a directive that makes it from docstrings, like this::

    <!-- sphinx
    ```{toctree}
    losses/huber
    ```
    -->

The comment is opened before the page is read. A folded solution says there what it is: in the notebook
its cell has nothing but the tag.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

COMMENT = re.compile(r"^<!-- sphinx\n(.*?)\n-->$", re.MULTILINE | re.DOTALL)


def open_comments(app, docname: str, source: list[str]) -> None:
    """Take away the marks around what a page holds for Sphinx."""
    if Path(app.env.doc2path(docname)).suffix != ".ipynb":
        source[0] = COMMENT.sub(r"\1", source[0])
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = COMMENT.sub(r"\1", "".join(cell["source"]))
        elif "solution" in cell["metadata"].get("tags", ()):
            prompts = {f"code_prompt_{act}": f"{act.title()} the solution" for act in ("show", "hide")}
            cell["metadata"].setdefault("mystnb", {}).update(prompts)
    source[0] = json.dumps(notebook)


def setup(app) -> dict:
    app.connect("source-read", open_comments)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
