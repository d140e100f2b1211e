"""Link a word of the field to the glossary where a chapter first uses it.

A chapter stays as it is written, in JupyterLab and on GitHub too: the links are made by the build. Headings,
links, code, formulas, tables and outputs have none, and no word has two on a page.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from docutils import nodes

from lossbook import CATALOGUE

GLOSSARY = "reference/glossary"
CHAPTERS = ("foundations/", "losses/", "practice/", "articles/")
COMMON = """alignment blank cost element engine focal label ledger loss margin miss objective overlap
precision probability rate robust sample score slope target trace verdict""".split()
"""Words that stand on every other line, or that mean something else in everyday speech."""

CLOSED = (nodes.title, nodes.reference, nodes.literal, nodes.math, nodes.table, nodes.raw, nodes.rubric)


def headwords(text: str) -> dict[str, str]:
    """Return the words that a glossary, as Markdown, explains and that are linked, each with its address."""
    found = {}
    for heading, body in re.findall(r"^### (.+)\n\n(.+)", text, re.MULTILINE):
        also = re.match(r"Also (.+?)\.(?: |$)", body)
        for word in [heading, *(re.findall(r"\*([^*]+)\*", also[1]) if also else [])]:
            if word.lower() not in COMMON:
                found[word] = heading.lower().replace(" ", "-")
    return found


@cache
def words_of(glossary: Path) -> dict[str, str]:
    """Return the words of a glossary with their addresses, and without one the full names of losses."""
    names = {name.replace("_", " ").replace("crosse", "cross-e"): "" for name in CATALOGUE}
    return names | headwords(glossary.read_text(encoding="utf-8"))


@cache
def pattern(*words: str) -> re.Pattern:
    """Match any of the words, the longest first, also in the plural and with a capital at the start."""
    either = "|".join(
        f"[{word[0].upper()}{word[0].lower()}]{re.escape(word[1:])}"
        for word in sorted(words, key=len, reverse=True)
    )
    return re.compile(rf"(?<![\w-])({either})(s?)(?![\w-])")


def is_open(text: nodes.Text) -> bool:
    """Say whether a text may hold a link: it stands in a paragraph, in none of the closed nodes."""
    node, paragraph = text.parent, False
    while node is not None:
        if isinstance(node, CLOSED) or "cell_output" in getattr(node, "attributes", {}).get("classes", ()):
            return False
        paragraph |= isinstance(node, nodes.paragraph)
        node = node.parent
    return paragraph


def link_first(doctree: nodes.document, words: dict[str, str], glossary: str) -> None:
    """Link the first use of each word on a page to the glossary.

    A word without an address is left alone, and so are the shorter ones within it.
    """
    linked = {r["refuri"].partition("#")[2] for r in doctree.findall(nodes.reference) if "refuri" in r}
    matched = pattern(*words)
    for text in [text for text in doctree.findall(nodes.Text) if is_open(text)]:
        parts, end = [], 0
        for found in matched.finditer(text):
            word = found[1] if found[1] in words else found[1][0].swapcase() + found[1][1:]
            address = words[word]
            if not address or address in linked:
                continue
            linked.add(address)
            link = nodes.reference("", found[0], refuri=f"{glossary}#{address}", internal=True)
            link["classes"].append("term")
            parts += [nodes.Text(text[end : found.start()]), link]
            end = found.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text[end:])])


def link_terms(app, doctree, docname: str) -> None:
    """Do so for a chapter."""
    if docname.startswith(CHAPTERS):
        words = words_of(app.srcdir / f"{GLOSSARY}.md")
        link_first(doctree, words, app.builder.get_relative_uri(docname, GLOSSARY))


def setup(app) -> dict:
    app.connect("doctree-resolved", link_terms)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
