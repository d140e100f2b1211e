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

from lossbook.arrays import as_float, as_whole, check_not_empty
from lossbook.base import Loss
from lossbook.losses.probability import log_softmax, log_sum_exp
from lossbook.registry import gradient_of, loss

BLANK = 0
"""The symbol for "nothing new", which is also what labels are padded with (Keras's choice)."""


# --- from labels to states ----------------------------------------------------------------


def as_transcripts(y_true, y_pred):
    """Turn padded labels and scores into arrays, and count the symbols of each label.

    Parameters
    ----------
    y_true : array_like of int, shape (B, L)
        Symbols 1 … K-1, padded with 0.
    y_pred : array_like, shape (B, T, K)
        One score for each symbol in each frame.

    Returns
    -------
    labels : numpy.ndarray of int64, shape (B, longest)
        The symbols, without columns that no label needs.
    logits : numpy.ndarray, shape (B, T, K)
        The scores as floats, ``float32`` or wider.
    lengths : numpy.ndarray of int64, shape (B,)
        How many symbols each label has: its entries other than 0, as Keras counts them.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes do not fit, a symbol is out of range, or a label needs more frames
        than there are.

    Examples
    --------
    >>> labels, logits, lengths = as_transcripts([[1, 2, 0, 0]], np.zeros((1, 5, 3)))
    >>> labels.tolist(), lengths.tolist()
    ([[1, 2]], [2])
    """
    logits = as_float("y_pred", y_pred)
    if logits.dtype == np.float16:
        logits = logits.astype(np.float32)  # sums over many frames need its digits, as in Keras
    given = as_whole("y_true", y_true)
    if logits.ndim != 3 or given.ndim != 2 or len(given) != len(logits):
        raise ValueError(
            f"Received y_true of shape {given.shape} and y_pred of shape {logits.shape}; expected (B, L) and "
            "(B, T, K): labels padded with 0, and scores for each frame and symbol. "
            "Add the axis that is missing."
        )
    check_not_empty("y_pred", logits)
    classes = logits.shape[-1]
    outside = (given < 0) | (given >= classes)
    if outside.any():
        place = tuple(np.argwhere(outside)[0].tolist())
        raise ValueError(
            f"Received symbol {given[place]} at position {place}; expected 1 … {classes - 1} for {classes} "
            "classes, and 0 for padding. Class 0 is the blank: count your symbols from 1."
        )
    lengths = (given != BLANK).sum(axis=-1)
    labels = given[:, : lengths.max()]
    check_frames(labels, lengths, logits.shape[1])
    return labels, logits, lengths


def check_frames(labels, lengths, frames):
    """Raise a ValueError where no path can spell a label: it needs a frame a symbol, and one a repeat."""
    places = np.arange(1, labels.shape[1])
    repeats = (labels[:, 1:] == labels[:, :-1]) & (places < lengths[:, np.newaxis])
    needed = lengths + repeats.sum(axis=-1)
    if (needed > frames).any():
        row = int(np.argmax(needed > frames))
        raise ValueError(
            f"Received in row {row} a label of {lengths[row]} symbols that needs {needed[row]} frames; "
            f"expected at most the {frames} frames of y_pred. A symbol takes a frame, and a blank must part "
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
    numpy.ndarray, shape (B, T, S)
        Log-probability of all paths up to that frame which are in that state.

    Examples
    --------
    Two frames, states blank, a, blank, all of probability 1/2: "a" is reached by -a and aa.

    >>> np.exp(forward_pass(np.log(np.full((1, 2, 3), 0.5)), np.zeros((1, 3), bool)))[0].round(4)
    array([[0.5 , 0.5 , 0.  ],
           [0.25, 0.5 , 0.25]])
    """
    arrived = np.full_like(emission, -np.inf)
    arrived[:, 0, :2] = emission[:, 0, :2]  # the first blank, or the first symbol
    for frame in range(1, emission.shape[1]):
        stay = arrived[:, frame - 1]
        step = moved(stay, 1)
        skip = np.where(skips, moved(stay, 2), -np.inf)
        arrived[:, frame] = np.logaddexp(np.logaddexp(stay, step), skip) + emission[:, frame]
    return arrived


def backward_pass(emission, skips, ends):
    """Add up, in logs, all ways to go on from each state after each frame and end well.

    Parameters
    ----------
    emission : numpy.ndarray, shape (B, T, S)
        Log-probability of each state's symbol in each frame.
    skips : numpy.ndarray of bool, shape (B, S)
        The states that may be entered from two states before.
    ends : numpy.ndarray of bool, shape (B, S)
        The states in which a path may end.

    Returns
    -------
    numpy.ndarray, shape (B, T, S)
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
    ahead = np.full_like(emission, -np.inf)
    ahead[:, -1] = np.where(ends, 0.0, -np.inf)  # nothing left to do
    for frame in range(emission.shape[1] - 2, -1, -1):
        stay = ahead[:, frame + 1] + emission[:, frame + 1]
        step = moved(stay, -1)
        skip = moved(np.where(skips, stay, -np.inf), -2)
        ahead[:, frame] = np.logaddexp(np.logaddexp(stay, step), skip)
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
)
def ctc(y_true, y_pred):
    """Charge a recording the negative log of the probability of its label, over all timings.

    Parameters
    ----------
    y_true : array_like of int, shape (B, L)
        Labels: symbols 1 … K-1, padded with 0. The number of entries other than 0 is the
        length; a 0 inside a label is read as the blank, and cuts the label short.
    y_pred : array_like, shape (B, T, K)
        Logits, any real numbers, for each frame and symbol; symbol 0 is the blank.

    Returns
    -------
    numpy.ndarray, shape (B,)
        One value per recording, in nats; not divided by the length of the label.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes do not fit, the batch is empty, a symbol is out of range, or a label
        needs more frames than there are.

    Examples
    --------
    Two frames, all symbols equally likely: aa, a- and -a read as "a", 3 paths of 4.

    >>> ctc([[1]], [[[0.0, 0.0], [0.0, 0.0]]]).round(4)  # log(4/3)
    array([0.2877])
    """
    labels, logits, lengths = as_transcripts(y_true, y_pred)  # symbols, scores, lengths
    states = with_blanks(labels)  # blank, first, blank, second, …
    skips = may_skip(states)  # where a blank may be left out
    ends = may_end(states, lengths)  # where a path may end
    log_probability = log_softmax(logits)  # of each symbol in each frame
    emission = np.take_along_axis(log_probability, states[:, np.newaxis], -1)  # by state
    arrived = forward_pass(emission, skips)  # log of all paths into each state
    complete = np.where(ends, arrived[:, -1], -np.inf)  # those that spell the label
    value = -log_sum_exp(complete).squeeze(-1)  # all of them together, in nats
    return value


@gradient_of(
    ctc,
    formula=r"\frac{\partial \ell_i}{\partial z_{itk}} = \operatorname{softmax}(z_{it})_k - "
    r"\Pr(\pi_t = k \mid \pi \text{ reads as } y_i)",
)
def ctc_gradient(y_true, y_pred):
    """Return the slope of each recording's CTC loss: what is predicted minus what the label needs.

    Parameters
    ----------
    y_true : array_like of int, shape (B, L)
        As in :func:`ctc`.
    y_pred : array_like, shape (B, T, K)
        As in :func:`ctc`.

    Returns
    -------
    numpy.ndarray, shape (B, T, K)
        In nats per unit of the logits; each frame sums to 0. Smooth everywhere.

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
    labels, logits, lengths = as_transcripts(y_true, y_pred)  # symbols, scores, lengths
    states = with_blanks(labels)  # blank, first, blank, second, …
    skips = may_skip(states)  # where a blank may be left out
    ends = may_end(states, lengths)  # where a path may end
    log_probability = log_softmax(logits)  # of each symbol in each frame
    emission = np.take_along_axis(log_probability, states[:, np.newaxis], -1)  # by state
    arrived = forward_pass(emission, skips)  # log of all paths into each state
    ahead = backward_pass(emission, skips, ends)  # log of all ways on from there
    complete = np.where(ends, arrived[:, -1], -np.inf)  # paths that spell the label
    total = log_sum_exp(complete)[:, np.newaxis]  # all of them together
    posterior = np.exp(arrived + ahead - total)  # share of them in each state
    needed = by_symbol(posterior, states, logits.shape[-1])  # share with each symbol
    slope = np.exp(log_probability) - needed  # predicted minus needed
    return slope


class CTC(Loss, function=ctc, name="ctc"):
    """Object form of :func:`ctc`."""
