"""Write the page of the bibliography, ``notebooks/reference/bibliography.md``, from ``references.bib``.

Each entry stands under the heading by which chapters cite it, such as *Huber (1964)*, so that the link
``bibliography.md#huber-1964`` leads to it on the site, in JupyterLab and on GitHub alike. An entry has a
theme (its field ``keywords``) and a line on why to read it (``annote``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SOURCE = ROOT / "book" / "references.bib"
PAGE = NOTEBOOKS / "reference" / "bibliography.md"
CITATION = re.compile(r"(?<!!)\[[^\]]+\]\((?:[\w./-]*/)?bibliography\.md#([\w-]+)\)")

INTRODUCTION = """# Bibliography

The papers and books that define the losses, and those that this book leans on.
Each has a line on why to read it, and links to the chapters that cite it.
The table leads from a loss to its papers; below it the entries stand by theme.
"""


@dataclass(frozen=True)
class Entry:
    """One entry of ``references.bib``, as text."""

    key: str
    theme: str
    authors: tuple[str, ...]
    surnames: tuple[str, ...]
    fields: dict[str, str]

    @property
    def surname(self) -> str:
        return self.surnames[0]

    @property
    def heading(self) -> str:
        """How chapters cite it: *Huber (1964)*, *Cortes and Vapnik (1995)*, *Lin et al. (2017)*."""
        names = " and ".join(self.surnames) if len(self.surnames) < 3 else f"{self.surname} et al."
        return f"{names} ({self.fields['year']})"

    @property
    def slug(self) -> str:
        """The address of its heading, as GitHub and MyST make it."""
        return re.sub(r"[^\w -]", "", self.heading.lower()).replace(" ", "-")

    @property
    def links(self) -> list[str]:
        """Where to read it, as Markdown."""
        found, given = [], self.fields
        if "doi" in given:
            found.append(f"[doi:{given['doi']}](https://doi.org/{quote(given['doi'])})")
        if "eprint" in given:
            found.append(f"[arXiv:{given['eprint']}](https://arxiv.org/abs/{given['eprint']})")
        if "url" in given:
            found.append(f"<{given['url']}>")
        return found


@cache
def entries() -> tuple[Entry, ...]:
    """Read ``references.bib``, in its order.

    Raises
    ------
    ValueError
        If an entry lacks a theme or a line on why to read it, or if two would have one address.
    """
    from pybtex.database import parse_file
    from pybtex.richtext import Text

    def plain(*latex: str) -> str:
        return str(Text.from_latex(" ".join(latex))).replace("--", "–")

    found: list[Entry] = []
    for key, entry in parse_file(str(SOURCE), bib_format="bibtex").entries.items():
        fields = {
            name.lower(): text if name in ("doi", "url", "eprint") else plain(text)
            for name, text in entry.fields.items()
        }
        missing = [name for name in ("year", "title", "keywords", "annote") if not fields.get(name)]
        if missing:
            raise ValueError(f"references.bib: {key} has no {missing[0]}")
        people = entry.persons["author"]
        surnames = tuple(plain(*one.prelast_names, *one.last_names) for one in people)
        given = [plain(*one.first_names, *one.middle_names) for one in people]
        authors = tuple(
            " ".join([first, last, *one.lineage_names])
            for one, first, last in zip(people, given, surnames, strict=True)
        )
        found.append(Entry(key, fields["keywords"], authors, surnames, fields))
    twice = {one.slug for one in found if [other.slug for other in found].count(one.slug) > 1}
    if twice:
        raise ValueError(f"references.bib: two entries would be at #{min(twice)}")
    return tuple(found)


def sentence(title: str) -> str:
    """End a title with a full stop, unless it ends itself."""
    return title if title.endswith(("?", "!")) else f"{title}."


def venue(entry: Entry) -> str:
    """Say where an entry appeared, as Markdown."""
    given = entry.fields
    parts = []
    if "journal" in given:
        number = f" ({given['number']})" if "number" in given else ""
        volume = f" {given['volume']}" if "volume" in given else ""
        parts.append(f"*{given['journal']}*{volume}{number}")
    elif "booktitle" in given:
        series = f" ({given['series']} {given['volume']})" if "series" in given else ""
        parts.append(f"*{given['booktitle']}*{series}")
    if "publisher" in given:
        edition = [f"{given['edition']} edition"] if "edition" in given else []
        parts += edition + [given[name] for name in ("publisher", "address") if name in given]
    if "pages" in given:
        parts.append(f"pages {given['pages']}")
    return ", ".join([*parts, given["year"]])


def citing() -> dict[str, list[Path]]:
    """Return the pages that cite each address of the bibliography, in the order of the book."""
    found: dict[str, list[Path]] = {}
    for path in in_order():
        text = path.read_text(encoding="utf-8")
        for slug in dict.fromkeys(CITATION.findall(text)):
            found.setdefault(slug, []).append(path)
    return found


def in_order() -> list[Path]:
    """Return the pages of the book, those that the index names first, in its order."""
    index = (NOTEBOOKS / "index.md").read_text(encoding="utf-8")
    named = re.findall(r"^(\w+/[\w-]+)$", index, re.MULTILINE)
    pages = [p for p in sorted(NOTEBOOKS.rglob("*.md")) if ".ipynb_checkpoints" not in p.parts and p != PAGE]
    place = {NOTEBOOKS / f"{name}.md": number for number, name in enumerate(named)}
    return sorted(pages, key=lambda path: (place.get(path, len(place)), path.as_posix()))


def page() -> str:
    """Return the page, as Markdown."""
    cited, lines, theme = citing(), [INTRODUCTION], None
    lines.append(f"## By loss\n\n{by_loss(cited)}\n")
    themes = list(dict.fromkeys(entry.theme for entry in entries()))
    for entry in sorted(entries(), key=lambda entry: themes.index(entry.theme)):
        if entry.theme != theme:
            theme = entry.theme
            lines.append(f"## {theme}\n")
        people = ", ".join(entry.authors[:-1]) + (" and " if entry.authors[1:] else "") + entry.authors[-1]
        note = f" {entry.fields['note']}." if "note" in entry.fields else ""
        where = " " + " · ".join(entry.links) if entry.links else ""
        lines.append(f"### {entry.heading}\n")
        lines.append(
            f"{people.rstrip('.')}. **{sentence(entry.fields['title'])}** {venue(entry)}.{note}{where}\n"
        )
        lines.append(f"{entry.fields['annote']}\n")
        if entry.slug in cited:
            lines.append(f"Cited in: {', '.join(map(link_to, cited[entry.slug]))}.\n")
    return "\n".join(lines)


def by_loss(cited: dict[str, list[Path]]) -> str:
    """Return a table of what to read for each loss: the entries that its chapter cites, its source first."""
    from lossbook import CATALOGUE

    known = {entry.key: entry for entry in entries()}
    lines = ["| Loss | Source | Its chapter also cites |", "| --- | --- | --- |"]
    for spec in CATALOGUE.values():
        chapter = NOTEBOOKS / "losses" / f"{spec.name}.md"
        also = [e for e in entries() if chapter in cited.get(e.slug, []) and e.key != spec.source]
        first, others = (
            ", ".join(f"[{e.heading}](#{e.slug})" for e in some) for some in ([known[spec.source]], also)
        )
        lines.append(f"| {link_to(chapter)} | {first} | {others or '–'} |")
    return "\n".join(lines)


def link_to(path: Path) -> str:
    """Return a link from the bibliography to a page."""
    text = path.read_text(encoding="utf-8")
    title = re.search(r"^# (.+)$", text, re.MULTILINE)[1]
    twin = path.with_suffix(".ipynb")
    target = (twin if "{code-cell}" in text else path).relative_to(NOTEBOOKS).as_posix()
    return f"[{title}](../{target})".replace("../reference/", "")


def write() -> bool:
    """Write the page where it changed; say whether it did."""
    new = page()
    changed = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != new
    if changed:
        PAGE.write_text(new, encoding="utf-8")
    return changed
