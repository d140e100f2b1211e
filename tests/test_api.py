"""Every public name says what it is, and has a place on a page of the site."""

import importlib
import inspect
import pkgutil

import pytest
from conftest import ROOT
from test_site import SITE, needs_site, read

import lossbook
from lossbook.blocks import can_compile

PAGES = ROOT / "notebooks" / "reference" / "api"
HOMES = {
    found.name.rpartition(".")[2]: found.name
    for found in pkgutil.walk_packages(lossbook.__path__, "lossbook.")
    if not found.ispkg
}
EVERY = sorted(HOMES)
MODULES = [name for name in EVERY if ".compiled." not in HOMES[name] or can_compile()]


def module(name):
    return importlib.import_module(HOMES[name])


def public(name):
    """The functions and classes a module offers, by name, and the public methods of its classes."""
    found = {}
    offered = getattr(module(name), "__all__", vars(module(name)))
    for key, thing in vars(module(name)).items():
        if key.startswith("_") or key not in offered or getattr(thing, "__module__", None) != HOMES[name]:
            continue
        if inspect.isfunction(thing) or inspect.isclass(thing):
            found[key] = thing
        if inspect.isclass(thing):
            found.update({f"{key}.{k}": getattr(thing, k) for k, v in vars(thing).items() if is_method(k, v)})
    return found


def is_method(name, thing):
    kinds = property, classmethod
    return not name.startswith("_") and (inspect.isfunction(thing) or isinstance(thing, kinds))


def undocumented(things):
    """The names of those without a docstring of their own or, for a method, of the one it overrides."""
    return [name for name, thing in things.items() if not (inspect.getdoc(thing) or inherited(name, things))]


def inherited(name, things):
    cls, _, method = name.rpartition(".")
    return cls and any(
        inspect.getdoc(vars(base).get(method)) for base in things[cls].__mro__ if method in vars(base)
    )


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_a_docstring(name):
    assert inspect.getdoc(module(name))
    assert undocumented(public(name)) == []


@pytest.mark.parametrize("name", lossbook.__all__)
def test_every_name_at_the_top_has_a_docstring(name):
    thing = getattr(lossbook, name)
    assert not callable(thing) or inspect.getdoc(thing)


def test_a_missing_docstring_is_found():
    class Silent:
        """A class."""

        def speak(self): ...

    assert undocumented({"Silent": Silent, "Silent.speak": Silent.speak, "len": len}) == ["Silent.speak"]


def test_every_module_has_its_page_and_every_page_its_module():
    pages = sorted(path.stem for path in PAGES.glob("*.md"))
    assert pages == EVERY
    index = (PAGES.parent / "api.md").read_text(encoding="utf-8")
    for name in MODULES:
        assert f".. automodule:: {HOMES[name]}\n   :members:" in (PAGES / f"{name}.md").read_text("utf-8")
        assert f"\napi/{name}\n" in index


# --- on the site ------------------------------------------------------------------------------


def anchors(name):
    return read(SITE / "reference" / "api" / f"{name}.html").anchors


@needs_site
@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_an_anchor(name):
    inner = {"function"}  # what a class of losses carries has an entry of its own
    wanted = {f"{HOMES[name]}.{key}" for key in public(name) if key.rpartition(".")[2] not in inner}
    assert wanted - anchors(name) == set()


@needs_site
def test_every_name_at_the_top_has_an_anchor():
    everywhere = set().union(*(anchors(name) for name in MODULES))
    everywhere |= read(SITE / "reference" / "api.html").anchors
    for name in lossbook.__all__:
        thing = getattr(lossbook, name)
        called = getattr(thing, "__qualname__", name)
        assert any(anchor.endswith(f".{called}") for anchor in everywhere), name


@needs_site
def test_the_class_forms_show_their_parameters():
    for spec in lossbook.CATALOGUE.values():
        text = (SITE / "reference" / "api" / f"{spec.family}.html").read_text(encoding="utf-8")
        entry = text.partition(f'id="{spec.cls.__module__}.{spec.cls.__name__}"')[2].partition("</dt>")[0]
        for parameter in inspect.signature(spec.cls).parameters:
            assert f'<span class="pre">{parameter}</span>' in entry, (spec.cls, parameter)


@needs_site
def test_the_index_is_in_the_sidebar_and_leads_to_names():
    index = read(SITE / "genindex.html")
    assert "reference/api/regression.html#lossbook.losses.regression.huber" in index.links
    assert "genindex.html" in read(SITE / "index.html").links
