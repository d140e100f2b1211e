"""The verdicts on an article: rows written in a notebook's text, tied to what its cells compute.

A row is a paragraph of the notebook::

    **A1-08** · formula · **wrong.** The square stands outside the sum …

The text is the only copy. The notebook reads its own rows, ties measured values to
them, and counts them at the end.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lossbook.tools.render import html_table, text_table

VERDICTS = ("correct", "incomplete", "wrong", "outdated", "ambiguous", "broken code", "opinion")
"""The verdicts a row can carry, in the order of the closing table."""

_ROW = re.compile(
    r"^\*\*(?P<id>A\d-\d\d)\*\* · (?P<kind>[\w ]+?) · \*\*(?P<verdict>[\w ]+)\.\*\*"
    r"(?P<text>.*?)(?=\n[ \t]*\n|\Z)",
    re.MULTILINE | re.DOTALL,
)
_NUMBER = re.compile(r"(?<![\w.])-?(?:\d+\.\d+(?:e[+-]?\d+)?|\d+e[+-]?\d+)(?![\w]|\.\d)")
_WHOLE = re.compile(r"(?<![\w.-])-?\d+(?![\w-]|\.\d)")


@dataclass(frozen=True)
class Statement:
    """One checked item of an article: its id, what kind of thing it is, the verdict, our words."""

    id: str
    kind: str
    verdict: str
    text: str

    @property
    def decimals(self):
        """The decimal numbers in the text, as printed there. Version numbers do not count."""
        return read_numbers(self.text)

    @property
    def whole_numbers(self):
        """The whole numbers in the text, as printed there."""
        return [word for word in read_numbers(self.text, whole=True) if word not in self.decimals]


def read_numbers(text, whole=False):
    """Return the decimal numbers written in a text, in order; with `whole`, the whole numbers too.

    Examples
    --------
    >>> read_numbers("Keras 3.15.1 gives −0.25, 2 times, within 1e-7.")
    ['-0.25', '1e-7']
    """
    text = text.replace("−", "-")
    return _NUMBER.findall(text) + (_WHOLE.findall(text) if whole else [])


def read_rows(markdown):
    """Return the rows of a text, in order.

    Parameters
    ----------
    markdown : str
        A notebook's Markdown.

    Returns
    -------
    list of Statement

    Raises
    ------
    ValueError
        If a verdict is unknown, an id appears twice, or a paragraph that begins with an
        id is not a whole row.

    Examples
    --------
    >>> read_rows("**A1-06** · claim · **correct.** Four errors give 0.375.")[0].decimals
    ['0.375']
    """
    rows = [Statement(m["id"], m["kind"], m["verdict"], m["text"].strip()) for m in _ROW.finditer(markdown)]
    begun = re.findall(r"^\*\*(A\d-\d\d)\*\*", markdown, re.MULTILINE)
    if begun != [row.id for row in rows]:
        broken = sorted(set(begun) - {row.id for row in rows}) or begun
        raise ValueError(
            f"Received a row that cannot be read ({', '.join(broken[:3])}); expected "
            "'**A1-08** · kind · **verdict.** text', set off by blank lines. Mend its first line."
        )
    for row in rows:
        if row.verdict not in VERDICTS:
            raise ValueError(
                f"Received the verdict {row.verdict!r} in {row.id}; expected one of {', '.join(VERDICTS)}."
            )
    twice = [name for name, count in Counter(begun).items() if count > 1]
    if twice:
        raise ValueError(f"Received {', '.join(twice)} twice; expected each id once. Remove one row.")
    return rows


class Audit:
    """The rows of one notebook, and which of them its cells have confirmed.

    Parameters
    ----------
    notebook : str or pathlib.Path
        The notebook's own file name without ending, in the current folder.

    Raises
    ------
    FileNotFoundError
        If neither ``<notebook>.md`` nor ``<notebook>.ipynb`` is there.
    ValueError
        If a row cannot be read.
    """

    def __init__(self, notebook):
        self.rows = {row.id: row for row in read_rows(_markdown_of(Path(notebook)))}
        self._tied = {}

    def tie(self, row_id, *evidence, given=()):
        """Confirm that a row's text says what a cell has measured.

        Every number given must stand in the row, to the digits printed there; every
        text given (an error's name, a word) must stand there too.

        Parameters
        ----------
        row_id : str
            Such as ``"A1-08"``.
        *evidence : numbers, arrays of numbers, str, or tables
            What was measured. Of a table from ``compare`` or ``outcomes`` every value
            counts, and of every error its name.
        given : sequence of numbers or arrays of numbers
            What the cell put in: it may stand in the row, and need not.

        Raises
        ------
        KeyError
            If there is no such row.
        AssertionError
            If something measured does not stand in the row.
        """
        if row_id not in self.rows:
            raise KeyError(f"Received {row_id!r}; expected an id among this notebook's rows.")
        row = self.rows[row_id]
        for piece in _pieces(evidence):
            if isinstance(piece, str):
                if piece not in row.text:
                    raise AssertionError(f"{row_id}: measured {piece!r}, which its text does not say.")
                continue
            for number in np.asarray(piece, dtype=float).ravel():
                self._tie_number(row, float(number))
        for piece in given:
            for number in np.asarray(piece, dtype=float).ravel():
                self._note(row, float(number))
        print(f"{row_id} confirmed")

    def _tie_number(self, row, number):
        if not self._note(row, number):
            raise AssertionError(f"{row.id}: measured {number:.9g}, which its text does not say.")

    def _note(self, row, number):
        printed = [word for word in row.decimals + row.whole_numbers if stands_for(word, number)]
        self._tied.setdefault(row.id, set()).update(printed)
        return printed

    def untied(self):
        """Return the decimal numbers that no cell has confirmed, as (id, number) pairs."""
        return [
            (row.id, word)
            for row in self.rows.values()
            for word in row.decimals
            if word not in self._tied.get(row.id, ())
        ]

    def tally(self):
        """Count the rows by kind and verdict."""
        return Tally(self.rows.values())


class Tally:
    """Counts of verdicts by kind, shown as a table.

    Examples
    --------
    >>> Tally(read_rows("**A1-06** · claim · **correct.** Yes."))["claim", "correct"]
    1
    """

    def __init__(self, rows):
        self.counts = Counter((row.kind, row.verdict) for row in rows)

    def __getitem__(self, key):
        return self.counts[key]

    def table(self):
        """Return the headers and the rows of the table, the kinds by size, then their sum."""
        sizes = Counter()
        for (kind, _), count in self.counts.items():
            sizes[kind] += count
        kinds = sorted(sizes, key=lambda kind: (-sizes[kind], kind))
        lines = [[kind, *(self.counts[kind, verdict] for verdict in VERDICTS), sizes[kind]] for kind in kinds]
        total = ["all", *(sum(line[1 + i] for line in lines) for i in range(len(VERDICTS) + 1))]
        return ["kind", *VERDICTS, "all"], [[str(cell) for cell in line] for line in [*lines, total]]

    def __repr__(self):
        headers, lines = self.table()
        return text_table(headers, lines, align=["left"] + ["right"] * (len(headers) - 1))

    def _repr_html_(self):
        headers, lines = self.table()
        return html_table(headers, lines, align=["left"] + ["right"] * (len(headers) - 1))


def stands_for(printed, number):
    """Tell whether a printed number is a measured one, rounded to the digits printed.

    Examples
    --------
    A whole number stands for itself, up to float32 rounding.

    >>> stands_for("0.8311", 0.83105910), stands_for("0.8310", 0.83105910), stands_for("1", 0.8)
    (True, False, False)
    """
    if not np.isfinite(number):
        return False
    mantissa, _, exponent = printed.partition("e")
    places = len(mantissa.partition(".")[2])
    half = 0.5000001 * 10.0 ** (int(exponent or 0) - places)
    if "." not in printed:
        half = 1e-6 * abs(float(printed))
    return abs(float(printed) - number) <= half


def _pieces(evidence):
    """Take tables of engines apart into their values and the names of their errors."""
    for piece in evidence:
        if hasattr(piece, "rows"):
            cells = [(row.value, row.error) for row in piece.rows]
        elif hasattr(piece, "errors"):
            cells = [(value, None) for value in piece.values.values()]
            cells += [(None, error) for error in piece.errors.values()]
        else:
            yield piece
            continue
        for value, error in cells:
            yield value if not error else error.partition(":")[0]


def _markdown_of(notebook):
    source = notebook.with_name(notebook.name + ".md")
    twin = notebook.with_name(notebook.name + ".ipynb")
    if source.exists():
        return source.read_text(encoding="utf-8")
    if twin.exists():
        cells = json.loads(twin.read_text(encoding="utf-8"))["cells"]
        return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    raise FileNotFoundError(
        f"Received {notebook.name!r}; expected {source.name} or {twin.name} in the current folder. "
        "Start Jupyter in the notebook's own folder."
    )
