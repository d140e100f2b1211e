"""The e-book: every file of it is XML, with its formulas set and its charts as pictures."""

import os
import zipfile
from xml.etree import ElementTree

import pytest
from conftest import ROOT

BOOK = ROOT / "book" / "_build" / "epub" / "lossbook.epub"
REQUIRED = os.environ.get("LOSSBOOK_SITE") == "required"
needs_book = pytest.mark.skipif(
    not (REQUIRED or BOOK.exists()), reason="the e-book is not built: run make epub"
)
XHTML = "{http://www.w3.org/1999/xhtml}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"


def wrong(files: dict[str, bytes]) -> list[str]:
    """Say which of some files are not well-formed."""
    found = []
    for name, text in files.items():
        try:
            ElementTree.fromstring(text)
        except ElementTree.ParseError as problem:
            found.append(f"{name}: {problem}")
    return found


def test_what_is_not_xml_is_found():
    assert wrong({"a": b"<p>fine<br/></p>", "b": b"<p>not<br></p>"}) == [
        "b: mismatched tag: line 1, column 12"
    ]


@needs_book
def test_every_file_of_the_ebook_is_well_formed():
    with zipfile.ZipFile(BOOK) as book:
        names = [n for n in book.namelist() if n.endswith((".xhtml", ".opf", ".ncx", ".xml"))]
        files = {name: book.read(name) for name in names}
    assert len(files) > 50 and wrong(files) == []
    huber = ElementTree.fromstring(files["losses/huber.xhtml"])
    assert len(huber.findall(f".//{MATHML}math")) > 10
    described = [image.get("alt", "") for image in huber.findall(f".//{XHTML}img")]
    assert len(described) >= 2 and all(len(words.split()) > 3 for words in described)
