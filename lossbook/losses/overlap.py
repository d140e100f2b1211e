"""Losses for regions: how much of a mask and its prediction lie on each other."""

import numpy as np
from numpy.typing import ArrayLike

from lossbook.arrays import EPSILON, as_pair, check_axis
from lossbook.base import Loss
from lossbook.checks import check_axes_numbers, check_not_below_zero
from lossbook.registry import Facts, gradient_of, loss


def axes_of(axis, array):
    """Turn None (every axis), one axis or several into a tuple of axes counted from 0.

    Raises
    ------
    ValueError
        If the array has no such axis, or one is named twice.

    Examples
    --------
    >>> axes_of(None, np.zeros((2, 3))), axes_of(-1, np.zeros((2, 3)))
    ((0, 1), (1,))
    """
    if axis is None:
        return tuple(range(array.ndim))
    wanted = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    for one in wanted:
        check_axis(one, array)
    counted = tuple(one % array.ndim for one in wanted)
    if len(set(counted)) < len(counted) or not counted:
        raise ValueError(
            f"Received axis={axis!r} for y_pred of shape {array.shape}; expected each axis at most once, and "
            "at least one. None stands for all of them."
        )
    return counted


def beside(upstream, summed, axes):
    """Lay one weight for each value beside the sums that kept their axes.

    Parameters
    ----------
    upstream : float or numpy.ndarray
        One weight for all values, or one for each.
    summed : numpy.ndarray
        Sums over `axes`, which keep length 1.
    axes : tuple of int
        The axes summed over.

    Returns
    -------
    numpy.ndarray
        The weights in the shape of `summed`.

    Examples
    --------
    >>> beside(np.array([1.0, 2.0]), np.zeros((2, 1, 1)), (1, 2)).shape
    (2, 1, 1)
    """
    weights = np.asarray(upstream, dtype=summed.dtype)  # in the type of the sums
    each = np.broadcast_to(weights, summed.squeeze(axes).shape)  # one for each value
    laid = each.reshape(summed.shape)  # with the summed axes back, at length 1
    return laid


# --- Dice ---------------------------------------------------------------------------------


@loss(
    formula=r"\ell = 1 - \frac{2 \sum_j y_j\,\hat y_j}{\sum_j y_j + \sum_j \hat y_j + \varepsilon}",
    source="milletari2016vnet",
    facts=Facts(
        high="1",
        minimiser="1 everywhere",
        labels="masks of 0 and 1; the shape of the predictions",
        output="sigmoid; it takes no logits",
        trap="An empty mask costs 1, even when predicted perfectly.",
        proof="an_empty_mask_predicted_empty",
    ),
)
def dice(y_true: ArrayLike, y_pred: ArrayLike, axis: int | tuple[int, ...] | None = None) -> np.ndarray:
    """Charge what two regions do not share: 1 minus twice their overlap over both their sizes.

    Parameters
    ----------
    y_true : array_like, any shape
        Mask, 0 or 1 for each pixel.
    y_pred : array_like, the same shape
        Probabilities that a pixel belongs to the mask.
    axis : int or tuple of int, optional
        The axes of one region. None takes the whole batch as one region; for images of
        shape (B, H, W, C), ``axis=(1, 2, 3)`` gives one value for each.

    Returns
    -------
    numpy.ndarray
        One value for each region, from 0 (the same) to 1 (nothing shared), without unit;
        the shape of `y_pred` without `axis`. An empty mask, predicted empty, costs 1.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ, the batch is empty, or there is no such axis.

    Examples
    --------
    One pixel shared, of two and one: 1 - 2 · 1 / (2 + 1).

    >>> dice([[1.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]).round(4)
    np.float64(0.3333)
    """
    check_axes_numbers(axis)
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    axes = axes_of(axis, y_pred)  # the axes of one region
    shared = (y_true * y_pred).sum(axis=axes)  # pixels in both
    sizes = y_true.sum(axis=axes) + y_pred.sum(axis=axes)  # pixels of either, added
    agreement = 2.0 * shared / (sizes + EPSILON)  # 1 where the two are the same
    value = 1.0 - agreement  # one number per region
    return value


@gradient_of(
    dice,
    formula=r"\frac{\partial \ell}{\partial \hat y_j} = \frac{(1 - \ell) - 2\,y_j}"
    r"{\sum_m y_m + \sum_m \hat y_m + \varepsilon}",
)
def dice_gradient(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    axis: int | tuple[int, ...] | None = None,
    upstream: float | np.ndarray = 1.0,
) -> np.ndarray:
    """Return the slope of the weighted sum of Dice losses: every pixel of a region counts in it.

    Parameters
    ----------
    y_true, y_pred : array_like, any shape
        As in :func:`dice`.
    axis : int or tuple of int, optional
        As in :func:`dice`.
    upstream : float or numpy.ndarray
        The weight of each value in the sum, in the shape of the values.

    Returns
    -------
    numpy.ndarray
        The shape of `y_pred`, per unit of probability. Smooth everywhere; 0 for an empty
        mask predicted empty.

    Raises
    ------
    TypeError, ValueError
        As in :func:`dice`.

    Examples
    --------
    The sizes add up to 2, and the two agree by half: (1/2 - 2 · 1) / 2 and (1/2 - 0) / 2.

    >>> dice_gradient([1.0, 0.0], [0.5, 0.5]).round(4)
    array([-0.75,  0.25])
    """
    check_axes_numbers(axis)
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    axes = axes_of(axis, y_pred)  # the axes of one region
    shared = (y_true * y_pred).sum(axis=axes, keepdims=True)  # pixels in both
    sizes = (y_true + y_pred).sum(axis=axes, keepdims=True) + EPSILON  # of either, added
    agreement = 2.0 * shared / sizes  # 1 where the two are the same
    weight = beside(upstream, sizes, axes)  # how much each region counts
    slope = weight * (agreement - 2.0 * y_true) / sizes  # down inside the mask, up outside
    return slope


class Dice(Loss, function=dice, order=("reduction", "name", "axis", "dtype")):
    """Object form of :func:`dice`."""


# --- Tversky ------------------------------------------------------------------------------


@loss(
    formula=r"\ell = 1 - \frac{T}{T + \alpha \sum_j (1 - y_j)\,\hat y_j + "
    r"\beta \sum_j y_j\,(1 - \hat y_j) + \varepsilon}, \qquad T = \sum_j y_j\,\hat y_j",
    source="salehi2017tversky",
    facts=Facts(
        high="1",
        minimiser="1 everywhere",
        labels="masks of 0 and 1; the shape of the predictions",
        output="sigmoid; it takes no logits",
        trap="Keras 3.15.1 swaps alpha (false alarms) and beta (misses).",
        proof="tversky_swaps_alpha_and_beta",
    ),
)
def tversky(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: int | tuple[int, ...] | None = None,
) -> np.ndarray:
    """Charge what two regions do not share, false alarms by alpha and misses by beta.

    Parameters
    ----------
    y_true : array_like, any shape
        Mask, 0 or 1 for each pixel.
    y_pred : array_like, the same shape
        Probabilities that a pixel belongs to the mask.
    alpha : float
        The price of a false positive, 0 or more.
    beta : float
        The price of a false negative, 0 or more. Both at 1/2 give Dice.
    axis : int or tuple of int, optional
        The axes of one region. None takes the whole batch as one region.

    Returns
    -------
    numpy.ndarray
        One value for each region, from 0 (the same) to 1 (nothing shared), without unit;
        the shape of `y_pred` without `axis`. An empty mask, predicted empty, costs 1.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ, the batch is empty, there is no such axis, or a price is
        negative.

    Examples
    --------
    One pixel found and one missed, at a price of 3: 1 - 1 / (1 + 3).

    >>> tversky([1.0, 1.0], [1.0, 0.0], alpha=1.0, beta=3.0).round(4)
    np.float64(0.75)
    """
    alpha = check_not_below_zero("alpha", alpha)  # 0 or more
    beta = check_not_below_zero("beta", beta)  # 0 or more
    check_axes_numbers(axis)
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    axes = axes_of(axis, y_pred)  # the axes of one region
    found = (y_true * y_pred).sum(axis=axes)  # true positives
    alarms = ((1.0 - y_true) * y_pred).sum(axis=axes)  # false positives
    misses = (y_true * (1.0 - y_pred)).sum(axis=axes)  # false negatives
    priced = found + alpha * alarms + beta * misses  # both errors at their price
    agreement = found / (priced + EPSILON)  # 1 where the two are the same
    value = 1.0 - agreement  # one number per region
    return value


@gradient_of(
    tversky,
    formula=r"\frac{\partial \ell}{\partial \hat y_j} = \frac{(1 - \ell)\,"
    r"\bigl( y_j + \alpha\,(1 - y_j) - \beta\,y_j \bigr) - y_j}{N}, \qquad "
    r"N = T + \alpha \sum_m (1 - y_m)\,\hat y_m + \beta \sum_m y_m\,(1 - \hat y_m) + \varepsilon",
)
def tversky_gradient(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: int | tuple[int, ...] | None = None,
    upstream: float | np.ndarray = 1.0,
) -> np.ndarray:
    """Return the slope of the weighted sum of Tversky losses.

    Parameters
    ----------
    y_true, y_pred : array_like, any shape
        As in :func:`tversky`.
    alpha, beta : float
        As in :func:`tversky`.
    axis : int or tuple of int, optional
        As in :func:`tversky`.
    upstream : float or numpy.ndarray
        The weight of each value in the sum, in the shape of the values.

    Returns
    -------
    numpy.ndarray
        The shape of `y_pred`, per unit of probability. Smooth everywhere.

    Raises
    ------
    TypeError, ValueError
        As in :func:`tversky`.

    Examples
    --------
    Found 1/2, false alarms 1/2, misses 1/2: as for Dice.

    >>> tversky_gradient([1.0, 0.0], [0.5, 0.5]).round(4)
    array([-0.75,  0.25])
    """
    alpha = check_not_below_zero("alpha", alpha)  # 0 or more
    beta = check_not_below_zero("beta", beta)  # 0 or more
    check_axes_numbers(axis)
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    axes = axes_of(axis, y_pred)  # the axes of one region
    found = (y_true * y_pred).sum(axis=axes, keepdims=True)  # true positives
    alarms = ((1.0 - y_true) * y_pred).sum(axis=axes, keepdims=True)  # false positives
    misses = (y_true * (1.0 - y_pred)).sum(axis=axes, keepdims=True)  # false negatives
    errors = alpha * alarms + beta * misses + EPSILON  # both at their price
    priced = found + errors  # what the share is taken of
    agreement = found / priced  # 1 where the two are the same
    loss = errors / priced  # 1 - agreement, no digits lost
    outside = alpha * agreement * (1.0 - y_true)  # push down false alarms
    inside = (beta * agreement + loss) * y_true  # push up the mask
    weight = beside(upstream, priced, axes)  # how much each region counts
    slope = weight * (outside - inside) / priced  # quotient rule
    return slope


class Tversky(Loss, function=tversky, order=("alpha", "beta", "reduction", "name", "axis", "dtype")):
    """Object form of :func:`tversky`."""
