"""Charts with sliders on the site: what a notebook stores as Vega-Lite becomes a figure that moves.

A stored output of a type of Vega's (``MIMES``) turns into the JSON itself and a
place to draw it, where the still picture of the same output stands until then. Vega comes from
vl-convert, once for the site, and only pages with a chart load it, so that nothing is asked of any
other address and pages also work from a folder.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from pathlib import Path

import vl_convert

from lossbook.tools.explore import MIMES, VEGA_LITE

BUNDLE = "vega.js"
STILLS = "_static/stills"

DRAW = """
document.querySelectorAll(".moving-chart").forEach(function (place) {
  var spec = JSON.parse(place.querySelector("script").textContent);
  var options = Object.assign({mode: spec.marks ? "vega" : "vega-lite"}, (spec.usermeta || {}).embedOptions);
  window.vegaEmbed(place.querySelector(".moving-chart-canvas"), spec, options).then(function () {
    place.dataset.drawn = "yes";
  }, function (error) { console.error(error); });
});
"""


def as_html(spec: dict, still: str) -> str:
    """Return what stands on the page for one chart, and at first its picture, at an address."""
    known = {key: value for key, value in spec.items() if key != "$schema"}  # an address nobody needs here
    data = json.dumps(known, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    label = escape(spec.get("description", ""), quote=True)
    return (
        f'<div class="moving-chart" role="group" aria-label="{label}">'
        f'<script type="application/json">{data}</script><div class="moving-chart-canvas">'
        f'<img src="{still}" alt="{label}" loading="lazy"></div></div>'
    )


def replace_charts(app, docname: str, source: list[str]) -> None:
    """Put HTML in the place of each stored chart, before the notebook is read."""
    if Path(app.env.doc2path(docname)).suffix != ".ipynb":
        return
    notebook = json.loads(source[0])
    charts = 0
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            stored = output.get("data", {})
            for spec in (stored[mime] for mime in MIMES if mime in stored):
                still = write_still(app, stored["image/png"])
                output["data"] = {"text/html": as_html(spec, "../" * docname.count("/") + still)}
                charts += 1
    if charts:
        source[0] = json.dumps(notebook)
    having = getattr(app.env, "pages_with_charts", set())
    app.env.pages_with_charts = having | {docname} if charts else having - {docname}


def write_still(app, encoded: str | list[str]) -> str:
    """Write a picture into the site, and return its address from the top."""
    picture = base64.b64decode("".join(encoded))
    address = f"{STILLS}/{hashlib.sha256(picture).hexdigest()[:16]}.png"
    (Path(app.outdir) / address).parent.mkdir(parents=True, exist_ok=True)
    (Path(app.outdir) / address).write_bytes(picture)
    return address


def load_vega(app, pagename, templatename, context, doctree) -> None:
    """Load Vega on the pages that have a chart."""
    if pagename in getattr(app.env, "pages_with_charts", ()):
        app.add_js_file(BUNDLE)


def write_bundle(app) -> None:
    """Write Vega, and the few lines that draw each chart, into the site's static folder."""
    folder = Path(app.outdir) / "_static"
    folder.mkdir(parents=True, exist_ok=True)
    code = vl_convert.javascript_bundle(vl_version=VEGA_LITE)
    draw = f'document.addEventListener("DOMContentLoaded", function () {{{DRAW}}});'
    (folder / BUNDLE).write_text(f"(function () {{\n{code}\n{draw}\n}})();\n", encoding="utf-8")


def forget(app, env, docname) -> None:
    env.pages_with_charts = getattr(env, "pages_with_charts", set()) - {docname}


def setup(app) -> dict:
    app.connect("builder-inited", write_bundle)
    app.connect("source-read", replace_charts)
    app.connect("env-purge-doc", forget)
    app.connect("html-page-context", load_vega)
    return {"version": "1", "env_version": 1, "parallel_read_safe": False, "parallel_write_safe": True}
