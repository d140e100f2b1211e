"""From the values of a batch to one number: weights, masks, reductions.

What a mask hides, or a weight of 0 silences, contributes nothing, whatever stands in it: not even
a NaN. The class form goes further, and does not look at such samples at all.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lossbook.arrays import align_ranks, as_float

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)
"""The ways to make one number of a batch, as Keras 3 names them."""

AVERAGES = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
"""Those that average; without weights and mask they are one and the same."""


def reduce_values(
    values: ArrayLike,
    sample_weight: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reduction: str | None = "sum_over_batch_size",
) -> Any:
    """Weigh the values of a batch and reduce them to one number.

    Parameters
    ----------
    values : array_like
        One value per sample, or per position, of any shape.
    sample_weight : array_like, optional
        How much each value counts. The shape of `values`, or its first axes.
    mask : array_like of bool, optional
        True where a value counts. The shape of `values`, or its first axes.
    reduction : str or None
        How the values become one number. ``"sum_over_batch_size"`` (also ``"mean"``)
        divides by the number of values that the mask lets through,
        ``"mean_with_sample_weight"`` by the sum of the weights, ``"sum"`` by nothing;
        ``"none"`` (also None) keeps one weighted value each.

    Returns
    -------
    numpy scalar or numpy.ndarray
        The reduced loss, in the unit and the type of `values`. Sums run in float64.

    Raises
    ------
    TypeError
        If a mask is neither True and False nor numbers.
    ValueError
        If the reduction is unknown, or weights or mask do not fit.

    Examples
    --------
    >>> float(reduce_values([1.0, 2.0, 3.0, 4.0], sample_weight=[1, 0, 2, 3]))
    4.75
    >>> float(reduce_values([1.0, np.nan], mask=[True, False]))
    1.0
    """
    values = as_float("values", values)  # one for each sample
    weights, divisor = weights_and_divisor(values, sample_weight, mask, reduction)  # what counts, how much
    weighted = weigh(values, weights)  # what each value contributes
    if reduction in ("none", None):
        return weighted
    total = weighted.sum(dtype=np.float64)  # one number for the batch
    average = total / divisor if divisor else 0.0  # 0 where nothing counts
    loss = values.dtype.type(average)  # back in the type of the values
    return loss


def weigh(values, weights):
    """Multiply values by weights; a weight of 0 gives 0, also for a NaN.

    Examples
    --------
    >>> weigh(np.array([3.0, np.nan]), np.array([2.0, 0.0]))
    array([6., 0.])
    """
    if isinstance(weights, float):  # one for all
        return values * weights
    return np.multiply(values, weights, out=np.zeros_like(values), where=weights != 0)


def add_up(values, weights, divisor, reduction):
    """Do at once what :func:`reduce_values` does step by step, with weights and divisor that are known.

    Examples
    --------
    >>> float(add_up(np.array([1.0, 3.0]), 1.0, 2.0, "mean"))
    2.0
    """
    weighted = weigh(values, weights)
    if reduction in ("none", None):
        return weighted
    total = np.add.reduce(weighted, axis=None, dtype=np.float64)
    return values.dtype.type(total / divisor if divisor else 0.0)


def weights_and_divisor(
    values: np.ndarray,
    sample_weight: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reduction: str | None = "sum_over_batch_size",
) -> tuple[Any, float]:
    """Return what multiplies each value, and what divides their sum.

    The reduced loss is ``(values * weights).sum() / divisor``, and its gradient uses
    the same two.

    Parameters
    ----------
    values : numpy.ndarray
        Looked at for shape and type alone.
    sample_weight, mask, reduction
        As in :func:`reduce_values`.

    Returns
    -------
    weights : float or numpy.ndarray
        1.0 where there is neither weight nor mask; otherwise the shape of `values`.
    divisor : float
        A count of values or a sum of weights; 1.0 for sums and for ``"none"``.

    Raises
    ------
    TypeError, ValueError
        As in :func:`reduce_values`.

    Examples
    --------
    >>> weights_and_divisor(np.array([1.0, 2.0, 3.0]), mask=[True, True, False])
    (array([1., 1., 0.]), 2.0)
    """
    check_reduction(reduction)
    weights = 1.0  # every value counts alike
    divisor = float(values.size)  # every value, whatever its weight
    if sample_weight is not None:
        weights = spread("sample_weight", sample_weight, values)  # one for each value
    if mask is not None:
        valid = spread("mask", as_mask(mask), values)  # 1 where a value counts
        weights = np.where(valid, weights, values.dtype.type(0))  # 0 where it does not
        divisor = float(valid.sum(dtype=np.float64))  # values that count
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        divisor = float(weights.sum(dtype=np.float64))  # weights, not values
    if reduction not in AVERAGES:
        divisor = 1.0  # sums are left as they are
    return weights, divisor


def check_reduction(reduction):
    """Raise a ValueError where a reduction is not one of :data:`REDUCTIONS`."""
    if not (reduction is None or isinstance(reduction, str)) or reduction not in REDUCTIONS:
        hint = "Use 'sum_over_batch_size', the default."
        if reduction == "auto":
            hint = "'auto' belongs to Keras 2, where it meant 'sum_over_batch_size': use that."
        raise ValueError(
            f"Received reduction={reduction!r}; expected one of "
            f"{', '.join(repr(name) for name in REDUCTIONS)}. {hint}"
        )


def as_mask(mask):
    """Turn a mask into an array of True and False; numbers count where they are not 0.

    Raises
    ------
    TypeError
        If the entries are text or other objects: ``"False"`` would count as True.

    Examples
    --------
    >>> as_mask([1, 0])
    array([ True, False])
    """
    array = np.asarray(mask)
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind not in "iuf":
        kind = {"U": "text", "S": "bytes"}.get(array.dtype.kind, str(array.dtype))
        raise TypeError(
            f"Received mask with entries of type {kind}; expected True and False. "
            "Make it by a comparison, for example mask = ~numpy.isnan(y_true)."
        )
    return array != 0


def spread(name, given, values):
    """Give weights or a mask the shape of `values`: its first axes, repeated along the rest.

    Raises
    ------
    ValueError
        If the shape is neither that of `values` nor that of its first axes.

    Examples
    --------
    >>> spread("sample_weight", [1, 2], np.zeros((2, 3)))
    array([[1., 1., 1.],
           [2., 2., 2.]])
    """
    array = as_float(name, given)
    if array.ndim == values.ndim + 1 and array.shape[-1] == 1:  # a column: one for each sample
        array = array.squeeze(-1)
    array = align_ranks(array, values)[0]
    longer = array.reshape(array.shape + (1,) * (values.ndim - array.ndim))
    fits = longer.ndim == values.ndim and all(
        ours in (theirs, 1) for ours, theirs in zip(longer.shape, values.shape, strict=True)
    )
    if not fits:
        hint = "Give one weight a sample, or one for each value."
        if values.ndim == 0:
            hint = "The loss is one number for the batch: name the axes of a sample, as in axis=(1, 2, 3)."
        raise ValueError(
            f"Received {name} of shape {np.shape(given)} for values of shape {values.shape}; expected "
            f"that shape, or its first axes. {hint}"
        )
    return np.broadcast_to(longer, values.shape).astype(values.dtype, copy=False)
