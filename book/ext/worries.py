"""What worried people type leads to the card: each phrase becomes an entry of the index and of search.

The phrases and their cards are :data:`lossbook.book.clinic.WORRIES`. They are no text of the page,
which JupyterLab shows, too.
"""

from __future__ import annotations

from sphinx import addnodes
from sphinx.transforms import SphinxTransform

PAGE = "practice/clinic"


class Worries(SphinxTransform):
    """Enter the phrases before the index is collected."""

    default_priority = 800

    def apply(self, **kwargs):
        if self.env.docname != PAGE:
            return
        from lossbook.book.clinic import WORRIES

        entries = [("single", phrase, code, "main", None) for phrase, code in WORRIES.items()]
        self.document.insert(0, addnodes.index(entries=entries))


def setup(app):
    app.add_transform(Worries)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
