"""Losses for margins: scores that must be right by a distance."""

import numpy as np

from lossbook.arrays import as_pair
from lossbook.base import Loss
from lossbook.registry import gradient_of, loss


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


# --- hinge --------------------------------------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{1}{D} \sum_j \max(1 - y_{ij}\,\hat y_{ij},\ 0), \qquad y_{ij} \in \{-1, +1\}",
    source="cortes1995support",
)
def hinge(y_true, y_pred):
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
    value = shortfall.mean(axis=-1)  # one number per sample
    return value


@gradient_of(
    hinge,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = -\frac{y_{ij}}{D}"
    r"\quad (y_{ij}\,\hat y_{ij} \le 1, \text{ otherwise } 0)",
)
def hinge_gradient(y_true, y_pred):
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
    slope = np.where(margin > 1.0, 0.0, -side / count)  # no pull beyond the margin
    return slope


class Hinge(Loss, function=hinge):
    """Object form of :func:`hinge`."""
