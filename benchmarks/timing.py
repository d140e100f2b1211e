"""The statistics: rounds in, ratios out. Nothing here measures anything.

In a round every peer is timed once, in turn. Around its timing each process runs one and the
same small loop, the *calibration*: where that loop took longer than it usually does, something
else was running on the machine, and what was timed in between is not counted.
"""

from dataclasses import dataclass
from statistics import median

SLACK = 1.25
"""A calibration this many times its usual length marks its round as disturbed."""

FEWEST = 2
"""With fewer undisturbed rounds than this, all rounds count, and the cell is marked."""


@dataclass(frozen=True)
class Reading:
    """One peer's part of a round: seconds a call, and the calibrations before and after."""

    seconds: float
    before: float
    after: float

    def disturbed(self, usual):
        """Tell whether something else was running.

        Examples
        --------
        >>> Reading(1.0, before=0.010, after=0.011).disturbed(usual=0.010)
        False
        >>> Reading(1.0, before=0.010, after=0.014).disturbed(usual=0.010)
        True
        """
        return max(self.before, self.after) > SLACK * usual


def usual_length(calibrations):
    """Return what the calibration takes on a quiet machine: the tenth percentile of all so far.

    Examples
    --------
    >>> usual_length([1.0, 1.1, 1.2, 5.0, 9.0])
    1.0
    """
    return sorted(calibrations)[len(calibrations) // 10]


@dataclass(frozen=True)
class Summary:
    """What the rounds of two peers say: the median of their ratios.

    Attributes
    ----------
    ratio : float
        Their seconds over ours: above 1, lossbook is ahead.
    kept : int
        How many rounds it is the median of.
    disturbed : bool
        True where too few rounds were quiet, and all of them count.
    """

    ratio: float
    kept: int
    disturbed: bool


def compare(ours, theirs, our_usual, their_usual):
    """Compare two peers over the rounds in which both were timed.

    Parameters
    ----------
    ours, theirs : list of (Reading or None)
        One for each round; None where a peer sat a round out.
    our_usual, their_usual : float
        The usual length of the calibration in either process.

    Returns
    -------
    Summary or None
        None where no round has both.

    Examples
    --------
    Three quiet rounds, and one in which the second peer was held up:

    >>> ours = [Reading(1.0, 0.01, 0.01)] * 4
    >>> theirs = [Reading(seconds, 0.01, 0.01) for seconds in (2.0, 2.2, 2.1)] + [Reading(9.0, 0.01, 0.05)]
    >>> compare(ours, theirs, 0.01, 0.01)
    Summary(ratio=2.1, kept=3, disturbed=False)
    """
    both = [(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None and b is not None]
    quiet = [(a, b) for a, b in both if not (a.disturbed(our_usual) or b.disturbed(their_usual))]
    enough = len(quiet) >= min(FEWEST, len(both))
    counted = quiet if enough else both
    if not counted:
        return None
    return Summary(median(b.seconds / a.seconds for a, b in counted), len(counted), not enough)


def typical_seconds(readings, usual):
    """Return the median seconds of the quiet readings; of all, where none is quiet.

    Examples
    --------
    >>> typical_seconds([Reading(1.0, 0.01, 0.01), Reading(7.0, 0.01, 0.03), None], usual=0.01)
    1.0
    """
    timed = [one for one in readings if one is not None]
    quiet = [one for one in timed if not one.disturbed(usual)]
    return median(one.seconds for one in quiet or timed)


def calls_for(seconds, batch):
    """Return how many calls fill a batch of that many seconds: one at least.

    Examples
    --------
    >>> calls_for(5e-6, batch=0.005), calls_for(0.3, batch=0.005)
    (1000, 1)
    """
    return max(1, round(batch / max(seconds, 1e-7)))
