"""A loss for sequences whose timing nobody wrote down: connectionist temporal classification.

A network that listens to T frames gives each frame a probability for every symbol, and
for the *blank*, which means "nothing new". A path names one symbol a frame; drop the
repeats, then the blanks, and what is left is its transcript:

    a a - a b b  →  a a b          (- is the blank)

Many paths read as the same label. CTC charges the negative log of the sum of their
probabilities. That sum runs over *states*: the label with a blank before, between and
after its symbols. A path for "aab" moves through

    -  a  -  a  -  b  -

from left to right: in each frame it stays, steps to the next state, or skips a blank,
which it may do only between two different symbols (else the repeat would be dropped).
Two tables hold everything: the *forward pass* has, for each frame and state, the log of
the probability of all paths that arrive there; the *backward pass* that of all ways to
go on from there. Both are filled frame by frame, for the whole batch at once.
"""

import numpy as np
from numpy.typing import ArrayLike

from lossbook.arrays import as_float, as_integers, check_not_empty
from lossbook.base import Loss
from lossbook.losses.probability import log_softmax, log_sum_exp, softmax
from lossbook.registry import Facts, gradient_of, loss

BLANK = 0
"""The symbol for "nothing new", which is also what labels are padded with (Keras's choice)."""


# --- from labels to states ----------------------------------------------------------------


def as_transcripts(y_true, y_pred, logit_lengths=None, label_lengths=None):
    """Turn padded labels and scores into arrays, and count the symbols and frames of each recording.

    Parameters
    ----------
    y_true : array_like of int, shape (B, L)
        Symbols 1 … K-1, padded with 0; with `label_lengths`, padded with anything.
    y_pred : array_like, shape (B, T, K)
        One score for each symbol in each frame.
    logit_lengths : array_like of int, shape (B,), optional
        How many frames of each recording count, 1 … T; all if left out.
    label_lengths : array_like of int, shape (B,), optional
        How many symbols each label has, 0 … L; its entries other than 0, as Keras counts
        them, if left out.

    Returns
    -------
    labels : numpy.ndarray of int64, shape (B, longest)
        The symbols padded with 0, without columns that no label needs.
    logits : numpy.ndarray, shape (B, T, K)
        The scores as floats, ``float32`` or wider.
    lengths : numpy.ndarray of int64, shape (B,)
        How many symbols each label has.
    frames : numpy.ndarray of int64, shape (B,)
        How many frames each recording has.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes do not fit, a symbol or a length is out of range, or a label needs
        more frames than there are.

    Examples
    --------
    >>> labels, logits, lengths, frames = as_transcripts([[1, 2, 0, 0]], np.zeros((1, 5, 3)))
    >>> labels.tolist(), lengths.tolist(), frames.tolist()
    ([[1, 2]], [2], [5])
    """
    logits = as_float("y_pred", y_pred)
    given = as_float("y_true", y_true)
    if logits.ndim != 3 or given.ndim != 2 or len(given) != len(logits):
        raise ValueError(
            f"Received y_true of shape {given.shape} and y_pred of shape {logits.shape}; expected (B, L) and "
            "(B, T, K): labels padded with 0, and scores for each frame and symbol. "
            "Add the axis that is missing."
        )
    check_not_empty("y_pred", logits)
    frames = as_lengths("logit_lengths", logit_lengths, logits, least=1)
    if label_lengths is None:
        symbols = as_integers("y_true", given)
        lengths = (symbols != BLANK).sum(axis=-1)
        lowest = BLANK
    else:
        lengths = as_lengths("label_lengths", label_lengths, given, least=0)
        inside = np.arange(given.shape[1]) < lengths[:, np.newaxis]
        symbols = as_integers("y_true", np.where(inside, given, BLANK))
        lowest = np.where(inside, BLANK + 1, BLANK)  # the blank is no symbol of a label
    classes = logits.shape[-1]
    outside = (symbols < lowest) | (symbols >= classes)
    if outside.any():
        place = tuple(np.argwhere(outside)[0].tolist())
        raise ValueError(
            f"Received symbol {symbols[place]} at position {place}; expected 1 … {classes - 1} for {classes} "
            "classes, and 0 for padding. Class 0 is the blank: count your symbols from 1."
        )
    labels = symbols[:, : lengths.max()]
    check_frames(labels, lengths, frames)
    return labels, logits, lengths, frames


def as_lengths(name, given, padded, least):
    """Turn lengths into whole numbers, one for each row of a padded array; None stands for its full length.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If there are more or fewer lengths than rows, or one is out of range.

    Examples
    --------
    >>> as_lengths("logit_lengths", None, np.zeros((2, 5, 3)), least=1).tolist()
    [5, 5]
    """
    rows, most = padded.shape[:2]
    lengths = np.full(rows, most) if given is None else as_integers(name, given)
    if lengths.shape != (rows,):
        raise ValueError(
            f"Received {name} of shape {lengths.shape} for {rows} recordings; expected ({rows},), "
            "one whole number for each. Leave it out where all are as long as the array."
        )
    outside = (lengths < least) | (lengths > most)
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(
            f"Received {name} with {lengths[row]} in row {row}; expected {least} … {most}, the part of the "
            "padded row that counts. Count before padding."
        )
    return lengths


def check_frames(labels, lengths, frames):
    """Raise a ValueError where no path can spell a label: it needs a frame a symbol, and one a repeat."""
    places = np.arange(1, labels.shape[1])
    repeats = (labels[:, 1:] == labels[:, :-1]) & (places < lengths[:, np.newaxis])
    needed = lengths + repeats.sum(axis=-1)
    if (needed > frames).any():
        row = int(np.argmax(needed > frames))
        raise ValueError(
            f"Received in row {row} a label of {lengths[row]} symbols that needs {needed[row]} frames; "
            f"expected at most its {frames[row]} frames. A symbol takes a frame, and a blank must part "
            "two that are alike: lower the model's stride, or drop the row."
        )


def with_blanks(labels):
    """Put a blank before, between and after the symbols of each label.

    Examples
    --------
    >>> with_blanks(np.array([[1, 2]]))
    array([[0, 1, 0, 2, 0]])
    """
    blanks = np.full_like(labels, BLANK)  # one before each symbol
    pairs = np.stack([blanks, labels], axis=-1)  # blank, symbol
    row = pairs.reshape(len(labels), 2 * labels.shape[1])  # one after the other
    states = np.pad(row, ((0, 0), (0, 1)), constant_values=BLANK)  # and one at the end
    return states


def may_skip(states):
    """Tell which states a path may enter from two states before: a symbol unlike the last one.

    Examples
    --------
    >>> may_skip(np.array([[0, 1, 0, 2, 0, 2, 0]]))
    array([[False, False, False,  True, False, False, False]])
    """
    before = np.pad(states, ((0, 0), (2, 0)), constant_values=BLANK)[:, :-2]  # two back
    symbols = np.arange(states.shape[1]) % 2 == 1  # False for the blanks between
    inner = np.arange(states.shape[1]) >= 2  # the first two can be entered at once
    skips = symbols & inner & (states != before)  # a repeat needs its blank
    return skips


def may_end(states, lengths):
    """Tell in which states a path may end: the last symbol, and the blank after it.

    Examples
    --------
    >>> may_end(np.array([[0, 1, 0, 0, 0]]), np.array([1]))
    array([[False,  True,  True, False, False]])
    """
    places = np.arange(states.shape[1])  # 0, 1, 2, … along the states
    last = 2 * lengths[:, np.newaxis]  # the blank after the last symbol
    ends = (places == last) | (places == last - 1)  # an empty label has the blank alone
    return ends


def within_reach(logits):
    """Replace infinite scores by finite ones, so large that a path over them cannot beat one without.

    The slope then is its own limit, also where every path goes over a symbol that is ruled out.

    Examples
    --------
    >>> within_reach(np.array([[[1.0, -3.0], [-np.inf, 2.0], [0.0, 0.0]]]))
    array([[[ 1.000e+00, -3.000e+00],
            [-1.024e+03,  2.000e+00],
            [ 0.000e+00,  0.000e+00]]])
    """
    infinite = np.isinf(logits)
    if not infinite.any():  # nearly always
        return logits
    largest = float(np.nanmax(np.abs(logits), where=~infinite, initial=0.0))  # of the finite ones
    most = 1000.0 + 2 * (logits.shape[1] + 1) * largest  # more than all frames together, by 1000
    return np.clip(logits.astype(np.float64), -most, most)


# --- the two passes -----------------------------------------------------------------------


def forward_pass(emission, skips):
    """Add up, in logs, all paths that arrive in each state at each frame.

    Parameters
    ----------
    emission : numpy.ndarray, shape (B, T, S)
        Log-probability of each state's symbol in each frame.
    skips : numpy.ndarray of bool, shape (B, S)
        The states that may be entered from two states before.

    Returns
    -------
    numpy.ndarray of float64, shape (B, T, S)
        Log-probability of all paths up to that frame which are in that state.

    Examples
    --------
    Two frames, states blank, a, blank, all of probability 1/2: "a" is reached by -a and aa.

    >>> np.exp(forward_pass(np.log(np.full((1, 2, 3), 0.5)), np.zeros((1, 3), bool)))[0].round(4)
    array([[0.5 , 0.5 , 0.  ],
           [0.25, 0.5 , 0.25]])
    """
    arrived = np.full(emission.shape, -np.inf)  # float64: long sums need its digits
    arrived[:, 0, :2] = emission[:, 0, :2]  # the first blank, or the first symbol
    for frame in range(1, emission.shape[1]):
        stay = arrived[:, frame - 1]
        step = moved(stay, 1)
        skip = np.where(skips, moved(stay, 2), -np.inf)
        arrived[:, frame] = np.logaddexp(np.logaddexp(stay, step), skip) + emission[:, frame]
    return arrived


def backward_pass(emission, skips, ends, frames=None):
    """Add up, in logs, all ways to go on from each state after each frame and end well.

    Parameters
    ----------
    emission : numpy.ndarray, shape (B, T, S)
        Log-probability of each state's symbol in each frame.
    skips : numpy.ndarray of bool, shape (B, S)
        The states that may be entered from two states before.
    ends : numpy.ndarray of bool, shape (B, S)
        The states in which a path may end.
    frames : numpy.ndarray of int, shape (B,), optional
        How many frames each recording has; all of them if left out.

    Returns
    -------
    numpy.ndarray of float64, shape (B, T, S)
        Log-probability of all that can follow that frame, the frame itself not counted.

    Examples
    --------
    From blank, one way leads to an end: "a". From "a", two do: "a" and the blank after it.

    >>> emission = np.log(np.full((1, 2, 3), 0.5))
    >>> ends = np.array([[False, True, True]])
    >>> np.exp(backward_pass(emission, np.zeros((1, 3), bool), ends))[0].round(4)
    array([[0.5, 1. , 0.5],
           [0. , 1. , 1. ]])
    """
    done = np.where(ends, 0.0, -np.inf)  # nothing left to do
    ahead = np.full(emission.shape, -np.inf)
    ahead[:, -1] = done
    for frame in range(emission.shape[1] - 2, -1, -1):
        stay = ahead[:, frame + 1] + emission[:, frame + 1]
        step = moved(stay, -1)
        skip = moved(np.where(skips, stay, -np.inf), -2)
        ahead[:, frame] = np.logaddexp(np.logaddexp(stay, step), skip)
        if frames is not None:
            ahead[frames == frame + 1, frame] = done[frames == frame + 1]
    return ahead


def moved(row, places):
    """Move each state's number to a later state, or an earlier one; log 0 comes in at the edge.

    Examples
    --------
    >>> moved(np.array([[1.0, 2.0, 3.0]]), 1), moved(np.array([[1.0, 2.0, 3.0]]), -2)
    (array([[-inf,   1.,   2.]]), array([[  3., -inf, -inf]]))
    """
    edge = np.full((len(row), abs(places)), -np.inf, dtype=row.dtype)
    if places > 0:
        return np.concatenate([edge, row], axis=1)[:, :-places]
    return np.concatenate([row, edge], axis=1)[:, -places:]


def by_symbol(posterior, states, classes):
    """Add up the probabilities of the states that stand for the same symbol.

    Parameters
    ----------
    posterior : numpy.ndarray, shape (B, T, S)
        How likely a path is in each state at each frame.
    states : numpy.ndarray of int, shape (B, S)
        The symbol of each state.
    classes : int
        How many symbols there are, the blank included.

    Returns
    -------
    numpy.ndarray, shape (B, T, K)
        How likely each symbol is at each frame.

    Examples
    --------
    >>> by_symbol(np.array([[[0.2, 0.5, 0.3]]]), np.array([[0, 1, 0]]), 2)
    array([[[0.5, 0.5]]])
    """
    batch, frames, _ = posterior.shape
    usage = np.zeros((batch, frames, classes), dtype=posterior.dtype)
    rows = np.arange(batch)[:, np.newaxis, np.newaxis]
    moments = np.arange(frames)[:, np.newaxis]
    np.add.at(usage, (rows, moments, states[:, np.newaxis]), posterior)
    return usage


# --- CTC ----------------------------------------------------------------------------------


@loss(
    formula=r"\ell_i = -\log \sum_{\pi \,:\, \text{reads as } y_i} \ \prod_{t=1}^{T} "
    r"\operatorname{softmax}(z_{it})_{\pi_t}",
    source="graves2006connectionist",
    axes=(-2, -1),
    per_sample=("logit_lengths", "label_lengths"),
    facts=Facts(
        minimiser="in a single frame, the shares of the symbols",
        labels="symbol numbers from 1, padded with 0, shape (N, L)",
        output="linear: logits of shape (N, T, K), one frame after the other",
        trap="0 is the blank and the padding: a 0 inside a label cuts off its end.",
        proof="a_0_inside_a_label",
    ),
)
def ctc(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    logit_lengths: ArrayLike | None = None,
    label_lengths: ArrayLike | None = None,
) -> np.ndarray:
    """Charge a recording the negative log of the probability of its label, over all timings.

    Parameters
    ----------
    y_true : array_like of int, shape (B, L)
        Labels: symbols 1 … K-1, padded with 0. The number of entries other than 0 is the
        length; a 0 inside a label is read as the blank, and cuts the label short.
    y_pred : array_like, shape (B, T, K)
        Logits, any real numbers, for each frame and symbol; symbol 0 is the blank. Minus
        infinity rules a symbol out.
    logit_lengths : array_like of int, shape (B,), optional
        How many frames of each recording count, where the rest is padding.
    label_lengths : array_like of int, shape (B,), optional
        How many symbols each label has; what stands behind them is not looked at.

    Returns
    -------
    numpy.ndarray, shape (B,)
        One value per recording, in nats; not divided by the length of the label. Infinity
        where every path to the label goes over a symbol that is ruled out.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes do not fit, the batch is empty, a symbol or a length is out of range,
        or a label needs more frames than there are.

    Examples
    --------
    Two frames, all symbols equally likely: aa, a- and -a read as "a", 3 paths of 4.

    >>> ctc([[1]], [[[0.0, 0.0], [0.0, 0.0]]]).round(4)  # log(4/3)
    array([0.2877])
    """
    labels, logits, lengths, frames = as_transcripts(y_true, y_pred, logit_lengths, label_lengths)  # arrays
    states = with_blanks(labels)  # blank, first, blank, second, …
    skips = may_skip(states)  # where a blank may be left out
    ends = may_end(states, lengths)  # where a path may end
    log_probability = log_softmax(logits)  # of each symbol in each frame
    emission = np.take_along_axis(log_probability, states[:, np.newaxis], -1)  # by state
    arrived = forward_pass(emission, skips)  # log of all paths into each state
    last = arrived[np.arange(len(frames)), frames - 1]  # at the end of each recording
    complete = np.where(ends, last, -np.inf)  # those that spell the label
    cost = 0.0 - log_sum_exp(complete).squeeze(-1)  # all of them together, in nats
    value = cost.astype(logits.dtype, copy=False)  # one number per recording
    return value


@gradient_of(
    ctc,
    formula=r"\frac{\partial \ell_i}{\partial z_{itk}} = \operatorname{softmax}(z_{it})_k - "
    r"\Pr(\pi_t = k \mid \pi \text{ reads as } y_i)",
)
def ctc_gradient(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    logit_lengths: ArrayLike | None = None,
    label_lengths: ArrayLike | None = None,
) -> np.ndarray:
    """Return the slope of each recording's CTC loss: what is predicted minus what the label needs.

    Parameters
    ----------
    y_true : array_like of int, shape (B, L)
        As in :func:`ctc`.
    y_pred : array_like, shape (B, T, K)
        As in :func:`ctc`.
    logit_lengths, label_lengths : array_like of int, shape (B,), optional
        As in :func:`ctc`.

    Returns
    -------
    numpy.ndarray, shape (B, T, K)
        In nats per unit of the logits; each frame sums to 0, and is 0 beyond the end of its
        recording. Smooth everywhere.

    Raises
    ------
    TypeError, ValueError
        As in :func:`ctc`.

    Examples
    --------
    Of the paths aa, a- and -a, two have "a" in a frame: 1/2 - 2/3.

    >>> ctc_gradient([[1]], [[[0.0, 0.0], [0.0, 0.0]]]).round(4)
    array([[[ 0.1667, -0.1667],
            [ 0.1667, -0.1667]]])
    """
    labels, logits, lengths, frames = as_transcripts(y_true, y_pred, logit_lengths, label_lengths)  # arrays
    states = with_blanks(labels)  # blank, first, blank, second, …
    skips = may_skip(states)  # where a blank may be left out
    ends = may_end(states, lengths)  # where a path may end
    log_probability = log_softmax(within_reach(logits))  # of each symbol in each frame
    emission = np.take_along_axis(log_probability, states[:, np.newaxis], -1)  # by state
    arrived = forward_pass(emission, skips)  # log of all paths into each state
    ahead = backward_pass(emission, skips, ends, frames)  # log of all ways on from there
    posterior = softmax(arrived + ahead)  # share in each state, of each frame
    needed = by_symbol(posterior, states, logits.shape[-1])  # share with each symbol
    surplus = softmax(logits) - needed  # predicted minus needed
    counts = np.arange(logits.shape[1]) < frames[:, np.newaxis]  # frames before the end
    pull = np.where(counts[..., np.newaxis], surplus, 0.0)  # none beyond
    slope = pull.astype(logits.dtype, copy=False)  # one number per logit
    return slope


class CTC(Loss, function=ctc, name="ctc", order=("reduction", "name", "dtype")):
    """Object form of :func:`ctc`."""
