"""Formulas are set while the site is built: TeX becomes MathML, which every browser draws by itself.

Temml, which the makers of KaTeX keep, translates; it runs in V8, by mini-racer. No page loads a script
for its formulas, they stand where JavaScript does not run, and an e-book shows them too.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

TEMML = Path(__file__).parents[1] / "temml" / "temml.min.js"
logger = logging.getLogger(__name__)


@functools.cache
def engine() -> MiniRacer:
    """Return a JavaScript engine that knows Temml."""
    racer = MiniRacer()
    racer.eval(TEMML.read_text(encoding="utf-8"))
    return racer


@functools.cache
def mathml(tex: str, display: bool) -> str:
    """Translate a formula.

    Raises ``ValueError`` where Temml cannot read it.

    >>> mathml("x", False)
    '<math><mi>x</mi></math>'
    """
    options = {"displayMode": display, "throwOnError": True, "annotate": False, "xml": True}
    try:
        made = engine().call("temml.renderToString", tex, options)
    except JSEvalException as problem:
        raise ValueError(str(problem).splitlines()[0]) from None
    return re.sub(r' xmlns="[^"]*"', "", made)


def translated(translator, node, display: bool) -> str:
    """Return the MathML of a node; warn, and return its TeX, where it cannot be read."""
    tex = node.astext()
    if display and r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    try:
        made = mathml(tex, display)
    except ValueError as problem:
        logger.warning("a formula cannot be set: %s", problem, location=node, type="formulas", subtype="tex")
        return translator.encode(tex)
    if translator.builder.name == "epub":
        made = made.replace("<math", '<math xmlns="http://www.w3.org/1998/Math/MathML"', 1)
    return made


def visit_inline(self, node) -> None:
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(translated(self, node, False) + "</span>")
    raise nodes.SkipNode


def visit_display(self, node) -> None:
    self.body.append(self.starttag(node, "div", "", CLASS="math notranslate nohighlight"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(translated(self, node, True) + "</div>\n")
    raise nodes.SkipNode


def setup(app) -> dict:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    app.config.html_math_renderer = "mathml"
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
