"""The e-book: what Sphinx and MyST-NB write for a browser, made to hold as EPUB 3, which is XML.

``epubcheck`` has no complaint about it. A page in a browser forgives a list in a paragraph; a reader of
e-books need not.
"""

from __future__ import annotations

import re
from pathlib import Path

from bs4 import BeautifulSoup
from sphinx.builders._epub_base import MEDIA_TYPES
from sphinx.builders.epub3 import Epub3Builder

BLOCKS = ["p", "ul", "ol", "dl", "div", "table", "pre", "blockquote", "section", "figure", "details"]


class EBook(Epub3Builder):
    """The builder ``epub``, whose list of files says which of them hold formulas or drawings."""

    media_types = MEDIA_TYPES | {".woff2": "font/woff2"}  # or the font of the formulas is left out

    def build_content(self) -> None:
        super().build_content()
        path = Path(self.outdir) / "content.opf"
        lines = []
        for line in path.read_text(encoding="utf-8").splitlines():
            href = re.search(r'<item [^>]*href="([^"]+\.xhtml)"', line)
            if href and "properties=" not in line:
                text = (path.parent / href[1]).read_text(encoding="utf-8")
                held = [name for name, tag in (("mathml", "<math"), ("svg", "<svg")) if tag in text]
                line = line.replace(" />", f' properties="{" ".join(held)}" />') if held else line
            if "<itemref" not in line or line not in lines:  # the index has been named twice
                lines.append(line)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def gen_additional_pages(self) -> None:
        """Do nothing: an e-book has no page for what is not found."""


def mend(app, pagename, templatename, context, doctree) -> None:
    """Make the body of a page well-formed, and leave out what an e-book cannot do."""
    if app.builder.name != "epub":
        return
    soup = BeautifulSoup(context.get("body", ""), "html.parser")
    for tag in soup(["script", "style", "button"]):
        tag.decompose()
    for tag in soup(["td", "th", "div", "p", "col"], align=True):
        tag["style"] = f"text-align: {tag['align']}; {tag.get('style', '')}".rstrip("; ")
        del tag["align"]
    for tag in soup("p"):
        if tag.find(BLOCKS):
            tag.unwrap()
    for tag in soup("summary"):  # with the words for closed first, and those for open
        for place, inner in enumerate(tag(BLOCKS)):
            inner.decompose() if place else inner.unwrap()
    context["body"] = soup.decode(formatter="minimal")
    styles = context.get("css_files", ())  # MyST-NB names its own, and does not copy it into an e-book
    context["css_files"] = [one for one in styles if "mystnb." not in str(one.filename)]


def setup(app) -> dict:
    app.add_builder(EBook, override=True)
    app.connect("html-page-context", mend, priority=910)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
