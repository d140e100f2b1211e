"""What the loss doctor returns: findings, the report that shows them, and the register of checks."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from lossbook.losses.margins import in_parts
from lossbook.tools.doctor.clinic import ROWS
from lossbook.tools.render import Html, format_number, html_block, html_code, html_table

__all__ = ["CHECKS", "Finding", "Report", "finds", "found", "places", "run_checks"]

SHOWN = 5  # indices shown of a finding
PART = 2**16  # entries looked through at a time


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that changes the number in a way few expect.

    Attributes
    ----------
    says : str
        What was seen, in numbers, and what follows from it.
    mend : str
        One line to paste. It speaks of ``loss``, ``y_true``, ``y_pred``, ``sample_weight`` and
        ``mask`` (of ``model``, ``x`` and ``y`` for a model), of ``logits``, the scores before
        the last activation, and of ``keras`` and ``np``.
    guard : str
        An ``assert`` for the reader's pipeline: it fails now, and holds once the line is pasted.
    where : str
        Which array, layer or epoch.
    indices : tuple
        The first places there, as index tuples.
    count : int or None
        How many places.
    of : int or None
        Of how many.
    given : float or None
        The number as it is computed.
    meant : float or None
        The number that was meant; None where there is none.
    code : str
        The row of the clinic, such as ``"labels-start-at-1"``.
    severity : str
        ``"error"``: the number is wrong or missing. ``"warning"``: training suffers. ``"note"``:
        the number is right but surprises.
    link : str
        The paragraph of the book.
    """

    says: str
    mend: str = ""
    guard: str = ""
    where: str = ""
    indices: tuple = ()
    count: int = None
    of: int = None
    given: float = None
    meant: float = None
    code: str = ""
    severity: str = ""
    link: str = ""

    @property
    def place(self):
        """Where it is, in words."""
        share = "" if self.count is None else f", {self.count:,} of {self.of:,}"
        shown = ", ".join(str(index) for index in self.indices[:SHOWN])
        more = ", …" if self.count is not None and self.count > len(self.indices[:SHOWN]) else ""
        return f"{self.where}{share}" + (f": {shown}{more}" if shown else "")

    @property
    def effect(self):
        """What it does to the number, in words; empty where neither number is known."""
        numbers = {"given": self.given, "meant": self.meant}
        return ", ".join(f"{key} {format_number(n)}" for key, n in numbers.items() if n is not None)

    def _lines(self):
        labels = {"number": self.effect, "paste": self.mend, "assert": self.guard, "read": self.link}
        return {label: text for label, text in labels.items() if text}

    def _rows(self):
        code = {"paste", "assert"}
        lines = {"where": self.place, "what": self.says, **self._lines()}
        return [[k, html_code(v) if k in code else v] for k, v in lines.items() if v]

    def __repr__(self):
        head = f"{self.severity}  {self.code}" + (f"  ({self.place})" if self.place else "")
        return "\n".join([head, f"  {self.says}", *(f"  {k:8}{v}" for k, v in self._lines().items())])


class Report(Sequence):
    """The findings of one call of ``check``: a sequence that prints, and displays as one table for each.

    Attributes
    ----------
    findings : tuple of Finding
        Errors first, then warnings, then notes.
    """

    def __init__(self, findings=()):
        order = ["error", "warning", "note"]
        self.findings = tuple(sorted(findings, key=lambda one: order.index(one.severity)))

    def __len__(self):
        return len(self.findings)

    def __getitem__(self, index):
        return self.findings[index]

    @property
    def codes(self):
        """The codes of the findings, in order."""
        return [one.code for one in self.findings]

    def to_dict(self):
        """Return the report as plain dictionaries and lists, which JSON can hold."""
        return {"findings": [{**asdict(one), "indices": [*map(list, one.indices)]} for one in self.findings]}

    def __repr__(self):
        if not self.findings:
            return "No finding."
        count = "1 finding" if len(self) == 1 else f"{len(self)} findings"
        return "\n\n".join([count, *map(repr, self.findings)])

    def _repr_html_(self):
        if not self.findings:
            return html_block(Html("<p>No finding.</p>"))
        return html_block(*(html_table([one.severity, one.code], one._rows()) for one in self.findings))


# --- the register -------------------------------------------------------------------------

CHECKS = {}
"""The checks by stage, each a list of (codes, function), in the order in which they run."""


def finds(*codes, stage):
    """Enter a function as the check that gives the findings of these codes.

    Parameters
    ----------
    *codes : str
        Rows of the clinic.
    stage : str
        When it runs: ``"container"`` before arrays are known to hold numbers, ``"frame"`` before
        shapes are known to fit, ``"values"`` after, ``"model"`` and ``"history"`` for those.

    Returns
    -------
    callable
        A decorator that returns the function untouched. The function takes a case and returns
        None or, of :func:`found`, a finding whose code is its first one unless it says another.

    Raises
    ------
    KeyError
        If the clinic has no such row.
    """
    for code in codes:
        ROWS[code]  # a KeyError where there is none

    def enter(function):
        CHECKS.setdefault(stage, []).append((codes, function))
        return function

    return enter


def run_checks(stage, case):
    """Return the findings of every check of a stage on a case."""
    findings = []
    for codes, function in CHECKS.get(stage, []):
        one = function(case)
        if one is not None:
            row = ROWS[one.code or codes[0]]
            findings.append(
                replace(one, code=row.code, severity=one.severity or row.severity, link=one.link or row.link)
            )
    return findings


def found(says, where="", at=None, **fields):
    """Build a finding; `at` is a boolean array that is True in the places meant.

    Examples
    --------
    >>> found("A zero.", "y_true", np.array([0.0, 1.0, 0.0]) == 0).place
    'y_true, 2 of 3: (0,), (2,)'
    """
    if at is None:
        return Finding(says, where=where, **fields)
    count, indices = places(at)
    return Finding(says, where=where, indices=indices, count=count, of=int(np.size(at)), **fields)


def places(at, most=SHOWN):
    """Return how many entries of a boolean array are True, and the indices of the first few."""
    at = np.asarray(at)
    count, first = int(np.count_nonzero(at)), []
    for start, part in zip(range(0, at.size, PART), in_parts(at, PART), strict=True):
        if len(first) >= min(most, count):
            break
        first += (start + np.flatnonzero(part)[:most]).tolist()
    if not at.ndim:
        return count, ()
    shown = np.stack(np.unravel_index(np.asarray(first[:most], dtype=int), at.shape), axis=-1)
    return count, tuple(map(tuple, shown.tolist()))
