"""Slopes without calculus: move a prediction a little, and see how much the loss moves.

The gradients of this package were derived by hand. This module derives nothing, so it can check
them, and the gradients of a reader's own losses. Nothing here is loaded by ``import lossbook``.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["jumps", "loss_and_slope_at", "numeric_gradient"]


def numeric_gradient(loss: Any, y_true: ArrayLike, y_pred: ArrayLike, step: float = 1e-4) -> np.ndarray:
    """Return the slope of a loss in every prediction, found by moving each a little up and down.

    Four calls are made for each prediction: one step and half a step away, either way. The two
    quotients are combined so that the error shrinks with the fourth power of the step.

    Parameters
    ----------
    loss : callable
        ``loss(y_true, y_pred)`` returns one number, or several, which are then summed.
    y_true : array_like
        Labels.
    y_pred : array_like
        Predictions; computed in float64.
    step : float
        How far to move, in the unit of the predictions. At a kink closer than this the
        result lies between the slopes of the two sides.

    Returns
    -------
    numpy.ndarray, float64
        The shape of `y_pred`.

    Raises
    ------
    ValueError
        If the step is not positive.

    Examples
    --------
    >>> import lossbook
    >>> numeric_gradient(lossbook.mean_squared_error, [[0.0, 0.0]], [[1.0, 3.0]]).round(9)
    array([[1., 3.]])
    """
    if not step > 0:
        raise ValueError(f"Received step={step!r}; expected a number above 0. 1e-4 suits numbers near 1.")
    y_pred = np.array(y_pred, dtype=np.float64)
    slopes = np.empty_like(y_pred)

    def total(place, move):
        moved = y_pred.copy()
        moved[place] += move
        return float(np.sum(loss(y_true, moved), dtype=np.float64))

    for place in np.ndindex(y_pred.shape):
        wide, near = (_central_difference(lambda h, at=place: total(at, h), h) for h in (step, step / 2))
        slopes[place] = (4 * near - wide) / 3
    return slopes


def _central_difference(function, step):
    """Return the slope of a function of one number at 0, from one step either way."""
    return (function(step) - function(-step)) / (2 * step)


def loss_and_slope_at(loss, batch, place, **settings):
    """Return a loss where one number stands at a place, and its slope as that number moves.

    Parameters
    ----------
    loss : lossbook.Loss
        The loss, with its parameters set.
    batch : callable
        ``batch(place, **settings)`` returns `y_true` and `y_pred`. The slope is taken along the
        way `y_pred` moves with `place`.
    place : float
        Where it stands.
    **settings
        Handed to `batch`.

    Returns
    -------
    value, slope : float
        NaN where there is none.

    Examples
    --------
    >>> import lossbook
    >>> value, slope = loss_and_slope_at(lossbook.MeanSquaredError(), lambda x: ([[1.0]], [[x]]), 4.0)
    >>> round(value, 9), round(slope, 9)
    (9.0, 6.0)
    """
    y_true, y_pred = (np.asarray(part) for part in batch(place, **settings))
    step = 1e-6 * max(1.0, abs(place))
    way = _central_difference(lambda h: np.asarray(batch(place + h, **settings)[1], dtype=float), step)
    value, gradient = loss.value_and_gradient(y_true, np.asarray(y_pred, dtype=float))
    with np.errstate(invalid="ignore"):  # what does not move pulls nowhere, however steep
        return float(value), float(np.sum(np.where(way == 0, 0.0, gradient * way)))


def jumps(slope_at, places, slopes):
    """Say between which neighbouring places a slope jumps: however close one looks, the step stays.

    Parameters
    ----------
    slope_at : callable
        ``slope_at(place)`` returns the slope there.
    places, slopes : sequence of float
        Ascending places, and the slopes found there.

    Returns
    -------
    list of bool
        One for each pair of neighbours. Steps below a tenth of the whole range are none,
        nor are those of rounding: a slope below 1e-10 everywhere is 0.

    Examples
    --------
    >>> jumps(np.sign, [-2.0, -1.0, 1.0, 2.0], [-1.0, -1.0, 1.0, 1.0])
    [False, True, False]
    """
    known = [slope for slope in slopes if math.isfinite(slope)]
    rounding = max(1e-9 * max(map(abs, known), default=0.0), 1e-10)
    least = max(0.1 * (max(known) - min(known)), rounding) if known else 0.0
    found = []
    for left, right, low, high in zip(places, places[1:], slopes, slopes[1:], strict=False):
        step = high - low
        for _ in range(12 if abs(step) > least else 0):
            middle = (left + right) / 2
            between = slope_at(middle)
            if abs(between - low) > abs(high - between):
                right, high = middle, between
            else:
                left, low = middle, between
        found.append(bool(abs(step) > least and abs(high - low) > 0.4 * abs(step)))
    return found
