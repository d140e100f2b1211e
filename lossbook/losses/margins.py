"""Losses for margins: scores that must be right by a distance."""

import numpy as np
from numpy.typing import ArrayLike

from lossbook.arrays import as_pair, mean_of
from lossbook.base import Loss
from lossbook.losses.probability import unless_nan
from lossbook.registry import Facts, gradient_of, loss


def in_parts(array, size=16 * 1024):
    """Yield the entries of an array in parts of one axis, small enough to stay in cache.

    Examples
    --------
    >>> [part.tolist() for part in in_parts(np.array([[1, 2], [3, 4]]), size=3)]
    [[1, 2, 3], [4]]
    """
    flat = array.reshape(-1)
    for start in range(0, flat.size, size):
        yield flat[start : start + size]


def signs_of(labels):
    """Turn labels 0 and 1 into -1 and +1; leave any other labels as they are.

    The choice is made for the whole array: if every label is 0 or 1, all are turned.

    Parameters
    ----------
    labels : numpy.ndarray
        Labels, any shape.

    Returns
    -------
    numpy.ndarray
        The same shape.

    Examples
    --------
    >>> signs_of(np.array([0.0, 1.0])), signs_of(np.array([-1.0, 0.0, 1.0]))
    (array([-1.,  1.]), array([-1.,  0.,  1.]))
    """
    binary = ((labels == 0) | (labels == 1)).all()  # one answer for the whole array
    signs = 2.0 * labels - 1.0 if binary else labels  # 0, 1 become -1, +1
    return signs


def mixes_zeros(labels):
    """Tell whether labels hold 0 beside others than 0 and 1: then only all of them together say what 0 means.

    Parameters
    ----------
    labels : numpy.ndarray
        Labels, any shape.

    Returns
    -------
    bool
        Whether :func:`signs_of` could take a part of them for another kind than the whole.

    Examples
    --------
    >>> [mixes_zeros(np.array(labels)) for labels in ([0.0, 1.0], [-1.0, 1.0], [-1.0, 0.0])]
    [False, False, True]
    """
    has_zeros = any((part == 0).any() for part in in_parts(labels))
    return has_zeros and any(((part != 0) & (part != 1)).any() for part in in_parts(labels))


# --- hinge --------------------------------------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{1}{D} \sum_j \max(1 - y_{ij}\,\hat y_{ij},\ 0), \qquad y_{ij} \in \{-1, +1\}",
    source="cortes1995support",
    splits="mean",
    inseparable=mixes_zeros,
    facts=Facts(
        minimiser="the more frequent side, -1 or 1",
        labels="-1 or 1 (a batch of 0 and 1 alone is converted)",
        output="linear: a score of either sign",
        trap="Probabilities in place of scores: with the label -1, none costs less than 1.",
        proof="probabilities_in_place_of_scores",
    ),
)
def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Charge a score the distance by which it misses its margin of 1, and nothing beyond.

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Labels -1 or +1. If every label of the array is 0 or 1, they become -1 and +1.
    y_pred : array_like, shape (..., D)
        Raw scores, any real numbers: the sign decides, the size is the margin.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, in units of the score.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ or the batch is empty.

    Examples
    --------
    The score 0.4 lacks 0.6; the score 2 has the right sign and enough margin.

    >>> hinge([[1.0, 1.0]], [[0.4, 2.0]])
    array([0.3])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    side = signs_of(y_true)  # labels as -1 and +1
    margin = side * y_pred  # positive on the right side
    shortfall = np.maximum(1.0 - margin, 0.0)  # what is missing to 1
    value = mean_of(shortfall)  # one number per sample
    return value


@gradient_of(
    hinge,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = -\frac{y_{ij}}{D}"
    r"\quad (y_{ij}\,\hat y_{ij} \le 1, \text{ otherwise } 0)",
)
def hinge_gradient(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Return the slope of each sample's hinge loss: the label's sign, until the margin is met.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`hinge`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        Without unit. At a margin of exactly 1, the kink, the slope is that of the side
        that costs, as in TensorFlow.

    Raises
    ------
    TypeError, ValueError
        As in :func:`hinge`.

    Examples
    --------
    >>> hinge_gradient([[1.0, 1.0]], [[0.4, 2.0]])
    array([[-0.5,  0. ]])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    side = signs_of(y_true)  # labels as -1 and +1
    margin = side * y_pred  # positive on the right side
    count = y_pred.shape[-1]  # numbers in a sample
    pull = np.where(margin > 1.0, 0.0, -side / count)  # none beyond the margin
    slope = unless_nan(pull, margin)  # NaN is neither before nor beyond
    return slope


class Hinge(Loss, function=hinge):
    """Object form of :func:`hinge`."""


# --- squared hinge ------------------------------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{1}{D} \sum_j \max(1 - y_{ij}\,\hat y_{ij},\ 0)^2, \qquad y_{ij} \in \{-1, +1\}",
    source="tang2013deep",
    splits="mean",
    inseparable=mixes_zeros,
    facts=Facts(
        minimiser="the mean of the labels -1 and 1",
        labels="-1 or 1 (a batch of 0 and 1 alone is converted)",
        output="linear: a score of either sign",
        trap="A 0 beside labels -1 and 1 stays 0, and costs 1 whatever the score.",
        proof="labels_of_minus_1_0_and_1",
    ),
)
def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Charge a score the square of what it lacks to its margin of 1, and nothing beyond.

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Labels -1 or +1. If every label of the array is 0 or 1, they become -1 and +1.
    y_pred : array_like, shape (..., D)
        Raw scores, any real numbers: the sign decides, the size is the margin.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, in units of the score squared.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ or the batch is empty.

    Examples
    --------
    The score 0.5 lacks 0.5, whose square is 0.25; the score 2 lacks nothing.

    >>> squared_hinge([[1.0, 1.0]], [[0.5, 2.0]])
    array([0.125])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    side = signs_of(y_true)  # labels as -1 and +1
    margin = side * y_pred  # positive on the right side
    shortfall = np.maximum(1.0 - margin, 0.0)  # what is missing to 1
    square = shortfall**2  # large misses dominate
    value = mean_of(square)  # one number per sample
    return value


@gradient_of(
    squared_hinge,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = "
    r"-\frac{2\,y_{ij} \max(1 - y_{ij}\,\hat y_{ij},\ 0)}{D}",
)
def squared_hinge_gradient(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Return the slope of each sample's squared hinge loss: twice what is missing, towards the label.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`squared_hinge`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        In units of the score. Continuous: it reaches 0 at a margin of 1 and stays there.

    Raises
    ------
    TypeError, ValueError
        As in :func:`squared_hinge`.

    Examples
    --------
    >>> squared_hinge_gradient([[1.0, 1.0]], [[0.5, 2.0]])
    array([[-0.5, -0. ]])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    side = signs_of(y_true)  # labels as -1 and +1
    margin = side * y_pred  # positive on the right side
    shortfall = np.maximum(1.0 - margin, 0.0)  # what is missing to 1
    count = y_pred.shape[-1]  # numbers in a sample
    slope = -2.0 * side * shortfall / count  # towards the label's side
    return slope


class SquaredHinge(Loss, function=squared_hinge):
    """Object form of :func:`squared_hinge`."""


# --- categorical hinge --------------------------------------------------------------------


@loss(
    formula=r"\ell_i = \max\Bigl( 1 + \max_k (1 - y_{ik})\,\hat y_{ik} "
    r"- \sum_k y_{ik}\,\hat y_{ik},\ 0 \Bigr)",
    source="crammer2001algorithmic",
    splits="rows",
    facts=Facts(
        minimiser="a lead of 1 for the class that more than half have; without one, no lead",
        labels="one-hot rows, shape (N, K)",
        output="linear: a score for each class",
        trap="A lead of 1 is not enough: the true score itself must reach 1.",
        proof="a_wide_lead",
    ),
)
def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Charge the true class's score what it lacks to lead the best wrong one by 1.

    Parameters
    ----------
    y_true : array_like, shape (..., K)
        One-hot labels, 0 or 1.
    y_pred : array_like, shape (..., K)
        Raw scores, any real numbers.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, in units of the score. The best wrong score counts as 0
        where all wrong scores are negative.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ or the batch is empty.

    Examples
    --------
    The true class leads by 3 - 2.5 = 0.5, so 0.5 is missing.

    >>> categorical_hinge([[0, 1, 0]], [[2.5, 3.0, -1.0]])
    array([0.5])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    own = (y_true * y_pred).sum(axis=-1)  # score of the true class
    rival = ((1.0 - y_true) * y_pred).max(axis=-1)  # best wrong score, at least 0
    lead = own - rival  # rounded
    lost = own - lead - rival  # what the rounding took
    shortfall = 1.0 - lead - lost  # what is missing to a lead of 1
    value = np.maximum(shortfall, 0.0)  # nothing beyond that lead
    return value


@gradient_of(
    categorical_hinge,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ik}} = "
    r"(1 - y_{ik})\,[k = m_i] - y_{ik} \quad (\ell_i > 0, \text{ otherwise } 0), \qquad "
    r"m_i = \arg\max_k\, (1 - y_{ik})\,\hat y_{ik}",
)
def categorical_hinge_gradient(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Return the slope of each sample's categorical hinge: rival down, true class up.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., K)
        As in :func:`categorical_hinge`.

    Returns
    -------
    numpy.ndarray, shape (..., K)
        Without unit. At a lead of exactly 1, the kink, the slope is that of the side that
        costs; rivals with equal scores share theirs. Both as in TensorFlow.

    Raises
    ------
    TypeError, ValueError
        As in :func:`categorical_hinge`.

    Examples
    --------
    >>> categorical_hinge_gradient([[0, 1, 0]], [[2.5, 3.0, -1.0]])
    array([[ 1., -1.,  0.]])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    own = (y_true * y_pred).sum(axis=-1, keepdims=True)  # score of the true class
    wrong = (1.0 - y_true) * y_pred  # wrong scores, and 0 for the true one
    rival = wrong.max(axis=-1, keepdims=True)  # best wrong score, at least 0
    leads = (wrong == rival).astype(y_pred.dtype)  # 1 at the best, or several alike
    share = leads / leads.sum(axis=-1, keepdims=True)  # they split the slope
    pull = share * (1.0 - y_true) - y_true  # rival down, true class up
    lead = own - rival  # rounded
    lost = own - lead - rival  # what the rounding took
    shortfall = 1.0 - lead - lost  # what is missing to a lead of 1
    slope = np.where(shortfall < 0.0, 0.0, pull)  # no pull beyond the lead
    return slope


class CategoricalHinge(Loss, function=categorical_hinge):
    """Object form of :func:`categorical_hinge`."""
