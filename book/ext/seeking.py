"""What search knows: every page by its title, its headings, its text, and the words that people type for it.

Those words stand in ``book/words.toml``, by page. The names of a loss come from the catalogue, the
symptoms of the clinic's cards from :data:`lossbook.book.clinic.WORRIES`. All of it is written to
``_static/pages.js``, a script and no JSON, since a page that was opened from a folder may not fetch.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from pathlib import Path

from docutils import nodes

import lossbook

WORDS = Path(__file__).parents[1] / "words.toml"
KINDS = {
    "card": 1.1,
    "chapter": 1.0,
    "practice": 1.0,
    "reference": 0.8,
    "article": 0.3,
    "name": 0.3,
    "module": 0.25,
}
"""How much a hit counts, by what it is: a chapter before the articles and before the names of the package."""

PARTS = {"articles": "article", "practice": "practice", "reference": "reference"}
CLINIC = "practice/clinic"
MOST_OFTEN = 4  # times that a word of a page is kept


def kind_of(docname: str) -> str:
    """Tell what a page is."""
    if docname.startswith("reference/api"):
        return "module"
    return PARTS.get(docname.split("/")[0], "chapter")


def names_of(docname: str) -> list[str]:
    """Return every name of the loss that a page is about."""
    spec = lossbook.CATALOGUE.get(docname.removeprefix("losses/"))
    return [spec.name, spec.cls.__name__, *spec.aliases] if spec and docname.startswith("losses/") else []


def read(app, doctree) -> None:
    """Keep what search needs of a page: its title, headings, first words, and each word of its text."""
    docname = app.env.docname
    title = next(iter(doctree.findall(nodes.title)), None)
    if title is None or docname == "index":
        return
    headings = [one.astext() for one in list(doctree.findall(nodes.title))[1:]]
    first = next((one.astext() for one in doctree.findall(nodes.paragraph)), "")
    often = Counter(plain(doctree).split())
    if not hasattr(app.env, "sought"):
        app.env.sought = {}
    app.env.sought[docname] = {
        "title": title.astext(),
        "kind": kind_of(docname),
        "about": " ".join(first.split())[:200],
        "headings": " · ".join(headings),
        "text": " ".join(" ".join([word] * min(count, MOST_OFTEN)) for word, count in often.items()),
        "cards": cards(doctree) if docname == CLINIC else {},
    }


def describe(app, pagename, templatename, context, doctree) -> None:
    """Say in the head of a page what it is about: search engines and messengers show that."""
    page = getattr(app.env, "sought", {}).get(pagename)
    context["about"] = page["about"] if page else app.config.epub_description if pagename == "index" else ""


def sitemap(app) -> None:
    """List every page at its full address, where that is known."""
    base = app.config.html_baseurl.rstrip("/")
    if base:
        addresses = "".join(
            f"<url><loc>{base}/{docname}.html</loc></url>" for docname in sorted(app.env.found_docs)
        )
        text = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{addresses}</urlset>\n'
        (app.outdir / "sitemap.xml").write_text(
            f'<?xml version="1.0" encoding="utf-8"?>\n{text}', encoding="utf-8"
        )


def plain(node) -> str:
    """Return the text of a part of a page, without what is HTML."""
    return " ".join(one.astext() for one in node.findall(nodes.Text) if not isinstance(one.parent, nodes.raw))


def cards(doctree) -> dict[str, str]:
    """Return the text of each card of the clinic by its code, which is an id on the page."""
    found = {}
    for quote in doctree.findall(nodes.block_quote):
        codes = [raw.astext().split('"')[1] for raw in quote.findall(nodes.raw) if 'id="' in raw.astext()]
        codes += [name for one in quote.findall(nodes.Element) for name in one.get("ids", [])]
        found |= {code: plain(quote) for code in codes}
    return found


def entries(app) -> list[dict]:
    """Return what can be found, in the order of the pages."""
    from lossbook.book.clinic import WORRIES

    words = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    made = []
    for docname, page in sorted(getattr(app.env, "sought", {}).items()):
        aliases = [*names_of(docname), *words.get(docname, [])]
        common = {key: page[key] for key in ("title", "kind", "about", "headings", "text")}
        made.append({**common, "address": f"{docname}.html", "aliases": " · ".join(aliases)})
    shown = getattr(app.env, "sought", {}).get(CLINIC, {}).get("cards", {})
    for code in sorted(set(WORRIES.values())):
        phrases = [phrase for phrase, its in WORRIES.items() if its == code] + words.get(
            f"{CLINIC}#{code}", []
        )
        text = " ".join(shown.get(code, "").split())
        card = {
            "title": f"The loss clinic: {phrases[0]}",
            "kind": "card",
            "about": text[:200],
            "headings": "",
        }
        made.append(
            {**card, "text": text, "aliases": " · ".join(phrases), "address": f"{CLINIC}.html#{code}"}
        )
    for name, obj in sorted(app.env.domains["py"].objects.items()):
        if obj.objtype in ("function", "class", "data"):
            address = f"{obj.docname}.html#{obj.node_id}"
            entry = {"title": name, "kind": "name", "about": f"The package: {obj.objtype}.", "headings": ""}
            made.append({**entry, "text": "", "aliases": name.rpartition(".")[2], "address": address})
    return [{"id": number, **entry} for number, entry in enumerate(made)]


def write(app, problem) -> None:
    """Write the script that holds it."""
    if problem or app.builder.name != "html":
        return
    pages = json.dumps(entries(app), ensure_ascii=False, separators=(",", ":"))
    text = f"window.lossbookKinds = {json.dumps(KINDS)};\nwindow.lossbookPages = {pages};\n"
    (app.outdir / "_static" / "pages.js").write_text(text, encoding="utf-8")
    sitemap(app)


def forget(app, env, docname) -> None:
    getattr(env, "sought", {}).pop(docname, None)


def setup(app) -> dict:
    app.connect("doctree-read", read)
    app.connect("env-purge-doc", forget)
    app.connect("html-page-context", describe)
    app.connect("build-finished", write)
    return {"version": "1", "env_version": 2, "parallel_read_safe": False, "parallel_write_safe": True}
