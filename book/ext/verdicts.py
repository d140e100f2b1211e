"""Turn the ledger rows of the article notebooks into paragraphs that can be linked to and styled.

A row is a Markdown paragraph that starts with its id, its kind and its verdict::

    **A1-08** · formula · **wrong.** The square belongs inside the sum.

It gets the HTML id ``a1-08`` and the classes ``verdict`` and ``verdict-wrong``.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

VERDICTS = ("correct", "incomplete", "wrong", "outdated", "ambiguous", "broken code", "opinion")
ROW_ID = re.compile(r"A\d+-\d+")
logger = logging.getLogger(__name__)


def parse_row(paragraph: nodes.paragraph) -> tuple[str, str, str] | None:
    """Return the id, kind and verdict of a ledger row, or None for any other paragraph.

    Raises ``ValueError`` where the paragraph starts with a ledger id and then departs from the form.
    """
    head = [child for child in paragraph.children if child.astext() or isinstance(child, nodes.Element)][:3]
    if not head or not isinstance(head[0], nodes.strong) or not ROW_ID.fullmatch(head[0].astext()):
        return None
    row = head[0].astext()
    if len(head) < 3 or not isinstance(head[1], nodes.Text) or not isinstance(head[2], nodes.strong):
        raise ValueError(f"{row}: expected '**{row}** · kind · **verdict.** …'")
    kind = head[1].astext().strip()
    if not (kind.startswith("·") and kind.endswith("·") and kind.strip("· ")):
        raise ValueError(f"{row}: expected '· kind ·' after the id, received {kind!r}")
    verdict = head[2].astext().rstrip(".")
    if verdict not in VERDICTS:
        raise ValueError(f"{row}: verdict {verdict!r} is not one of {', '.join(VERDICTS)}")
    return row, kind.strip("· "), verdict


class LedgerRows(SphinxTransform):
    """Give each ledger row its id and classes."""

    default_priority = 400

    def apply(self, **kwargs) -> None:
        for paragraph in list(self.document.findall(nodes.paragraph)):
            try:
                parsed = parse_row(paragraph)
            except ValueError as error:
                logger.warning(str(error), location=paragraph, type="verdicts", subtype="form")
                continue
            if parsed is None:
                continue
            row, _, verdict = parsed
            name = row.lower()
            id_, word = [child for child in paragraph.children if isinstance(child, nodes.strong)][:2]
            if name in self.document.ids:
                logger.warning("%s stands twice", row, location=paragraph, type="verdicts", subtype="twice")
                continue
            paragraph["ids"].append(name)
            paragraph["classes"] += ["verdict", "verdict-" + verdict.replace(" ", "-")]
            id_["classes"].append("verdict-id")
            word["classes"].append("verdict-word")
            self.document.ids[name] = paragraph


def setup(app):
    app.add_transform(LedgerRows)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
