"""Charts with sliders on the site: what a notebook stores as Vega-Lite becomes a figure that moves.

A stored output of a type of Vega's (``MIMES``) turns into the JSON itself and a
place to draw it, where the still picture of the same output stands until then. Vega comes from
vl-convert, once for the site. ``_static/moving.js`` loads it when a chart comes near. So nothing is
asked of any other address, and pages also work from a folder.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from html import escape
from pathlib import Path

import vl_convert

from lossbook.tools.explore import MIMES, SHARPNESS, VEGA_LITE

SCRIPT = "moving.js"
BUNDLE = "vega.js"
STILLS = "_static/stills"


def as_html(spec: dict, still: str, size: tuple[int, int]) -> str:
    """Return what stands on the page for one chart, and at first its picture, at an address."""
    known = {key: value for key, value in spec.items() if key != "$schema"}  # an address nobody needs here
    data = json.dumps(known, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    label = escape(spec.get("description", ""), quote=True)
    return (
        f'<div class="moving-chart" role="group" aria-label="{label}">'
        f'<script type="application/json">{data}</script>'
        f'<div class="moving-chart-canvas" style="min-height:{size[1]}px">'
        f'<img src="{still}" width="{size[0]}" height="{size[1]}" alt="{label}" loading="lazy"></div></div>'
    )


def replace_charts(app, docname: str, source: list[str]) -> None:
    """Put HTML in the place of each stored chart, before the notebook is read; a book has the picture."""
    if Path(app.env.doc2path(docname)).suffix != ".ipynb":
        return
    notebook = json.loads(source[0])
    charts = 0
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for spec in [data.pop(mime) for mime in MIMES if mime in data]:
                charts += 1
                image = cell["metadata"].setdefault("mystnb", {}).setdefault("image", {})
                image["alt"] = spec.get("description", "")
                if app.builder.name != "epub":
                    picture = base64.b64decode("".join(data["image/png"]))
                    still = "../" * docname.count("/") + write_still(app, picture)
                    output["data"] = {"text/html": as_html(spec, still, size_of(picture))}
    if charts:
        source[0] = json.dumps(notebook)
    having = getattr(app.env, "pages_with_charts", set())
    app.env.pages_with_charts = having | {docname} if charts else having - {docname}


def size_of(picture: bytes) -> tuple[int, int]:
    """Return the width and the height of a still in pixels of the page: its header has those of the PNG."""
    return tuple(round(side / SHARPNESS) for side in struct.unpack(">II", picture[16:24]))


def write_still(app, picture: bytes) -> str:
    """Write a picture into the site, and return its address from the top."""
    address = f"{STILLS}/{hashlib.sha256(picture).hexdigest()[:16]}.png"
    (Path(app.outdir) / address).parent.mkdir(parents=True, exist_ok=True)
    (Path(app.outdir) / address).write_bytes(picture)
    return address


def load_script(app, pagename, templatename, context, doctree) -> None:
    """Load what draws charts on the pages that have one, and on no other."""
    if pagename in getattr(app.env, "pages_with_charts", ()):
        app.add_js_file(SCRIPT, loading_method="defer")


def write_bundle(app) -> None:
    """Write Vega into the site's static folder."""
    folder = Path(app.outdir) / "_static"
    folder.mkdir(parents=True, exist_ok=True)
    code = vl_convert.javascript_bundle(vl_version=VEGA_LITE)
    (folder / BUNDLE).write_text(f"(function () {{\n{code}\n}})();\n", encoding="utf-8")


def forget(app, env, docname) -> None:
    env.pages_with_charts = getattr(env, "pages_with_charts", set()) - {docname}


def setup(app) -> dict:
    app.connect("builder-inited", write_bundle)
    app.connect("source-read", replace_charts)
    app.connect("env-purge-doc", forget)
    app.connect("html-page-context", load_script)
    return {"version": "1", "env_version": 4, "parallel_read_safe": False, "parallel_write_safe": True}
