"""The pages about the package itself: formulas in the docstrings, and tables of every name.

The docstring of a loss does not repeat its formula, which stands in the catalogue; on the site it
is put below the first sentence. Two tables for the entry page: ``{names-of-losses}``, one line a
loss, and ``{other-names}``, one line for each other name of ``lossbook.__all__``.
"""

from __future__ import annotations

import inspect
import sys

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

import lossbook

CHAPTERS = "/losses"
LONGEST_VALUE = 60  # characters of a constant's value


def home_of(thing, name: str) -> str:
    """Return the full name under which an object is documented."""
    if inspect.ismodule(thing):
        return thing.__name__
    if getattr(thing, "__module__", None) == "lossbook":
        return f"lossbook.{name}"
    if getattr(thing, "__module__", "").startswith("lossbook.") and hasattr(thing, "__qualname__"):
        return f"{thing.__module__}.{thing.__qualname__}"
    for module in ("registry", "arrays", "reductions"):  # a constant: where it was made
        if vars(sys.modules[f"lossbook.{module}"]).get(name) is thing:
            return f"lossbook.{module}.{name}"
    raise LookupError(f"Received lossbook.{name}; expected a name defined in one of the package's modules.")


def first_sentence(thing) -> str:
    """Return the first line of a docstring."""
    return inspect.getdoc(thing).splitlines()[0]


class Table(SphinxDirective):
    """A table whose lines are made: Markdown, since the pages are."""

    headers: tuple = ()

    def lines(self):
        raise NotImplementedError

    def run(self):
        lines = [self.headers, ["---"] * len(self.headers), *self.lines()]
        text = [f"| {' | '.join(line)} |" for line in lines]
        holder = nodes.Element()
        self.state.nested_parse(StringList(text, "names"), self.content_offset, holder)
        return holder.children


class NamesOfLosses(Table):
    headers = ("Function", "Class", "Short names")

    def lines(self):
        for spec in lossbook.CATALOGUE.values():
            cls = spec.cls.__name__
            yield (
                f"{{py:obj}}`{spec.name} <{home_of(spec.function, spec.name)}>`",
                f"{{py:obj}}`{cls} <{home_of(spec.cls, cls)}>`",
                ", ".join(f"`{alias}`" for alias in spec.aliases if alias.islower()),
            )


class OtherNames(Table):
    headers = ("Name", "What it is")

    def lines(self):
        documented = constants()
        for name in sorted({*lossbook.__all__} - {*lossbook.losses.__all__}, key=str.lower):
            thing = getattr(lossbook, name)
            home = home_of(thing, name)
            yield f"{{py:obj}}`{name} <{home}>`", documented.get(home) or first_sentence(thing)


def constants() -> dict[str, str]:
    """Return what the source says below each constant of the frame."""
    from sphinx.pycode import ModuleAnalyzer

    found = {}
    for module in ("registry", "arrays", "reductions"):
        analyzer = ModuleAnalyzer.for_module(f"lossbook.{module}")
        for (_, name), text in analyzer.find_attr_docs().items():
            found[f"lossbook.{module}.{name}"] = text[0]
    return found


def add_formula(app, what, name, obj, options, lines: list[str]) -> None:
    """Put the formula of a loss, or of its slope, below the first sentence of its docstring."""
    if what != "function":
        return
    for spec in lossbook.CATALOGUE.values():
        formula = {spec.function: spec.formula, spec.gradient: spec.gradient_formula}.get(obj)
        if formula:
            end = lines.index("") if "" in lines else len(lines)
            added = ["", ".. math::", "", f"   {formula}", ""]
            if obj is spec.function:
                added += [f"Its chapter: :doc:`{CHAPTERS}/{spec.name}`.", ""]
            lines[end:end] = added


def skip_function(app, what, name, obj, skip, options):
    """Leave out the function that a class of losses carries: it has an entry of its own."""
    return True if name == "function" and inspect.isfunction(obj) else None


def mend_dashes(app, doctree) -> None:
    """Write a colon for the two hyphens between a parameter and what it is."""
    for field in doctree.findall(nodes.field_body):
        for text in list(field.findall(nodes.Text)):
            if " -- " in text:
                text.parent.replace(text, nodes.Text(text.replace(" -- ", ": ", 1)))


def leave_out_long_values(app, doctree) -> None:
    """Show the value of a constant where it is a number or a word, and not where it is a table."""
    for shown in list(doctree.findall(addnodes.desc_annotation)):
        if shown.astext().startswith(" = ") and len(shown.astext()) > LONGEST_VALUE:
            shown.parent.remove(shown)


def setup(app) -> dict:
    app.add_directive("names-of-losses", NamesOfLosses)
    app.add_directive("other-names", OtherNames)
    app.connect("autodoc-process-docstring", add_formula)
    app.connect("autodoc-skip-member", skip_function)
    app.connect("doctree-read", mend_dashes)
    app.connect("doctree-read", leave_out_long_values)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
