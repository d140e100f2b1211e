"""From the values of a batch to one number: weights, masks, reductions."""

import numpy as np

from lossbook.arrays import align_ranks, as_float

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)
"""The ways to make one number of a batch, as Keras 3 names them."""

_AVERAGES = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
"""Those that average; without weights and mask they are one and the same."""


# --- from values to one number ------------------------------------------------------------


def reduce_values(values, sample_weight=None, mask=None, reduction="sum_over_batch_size"):
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
    ValueError
        If the reduction is unknown, or weights or mask do not fit.

    Examples
    --------
    >>> float(reduce_values([1.0, 2.0, 3.0, 4.0], sample_weight=[1, 0, 2, 3]))
    4.75
    """
    values = as_float("values", values)  # one for each sample
    weights, divisor = weights_and_divisor(values, sample_weight, mask, reduction)  # what counts, how much
    weighted = values * weights  # what each value contributes
    if reduction in ("none", None):
        return weighted
    total = weighted.sum(dtype=np.float64)  # one number for the batch
    average = total / divisor if divisor else 0.0  # 0 where nothing counts
    loss = values.dtype.type(average)  # back in the type of the values
    return loss


def _mean_in_float64(values):
    """Return what :func:`reduce_values` does where all values count alike, at once."""
    return values.dtype.type(np.add.reduce(values, axis=None, dtype=np.float64) / values.size)


def weights_and_divisor(values, sample_weight=None, mask=None, reduction="sum_over_batch_size"):
    """Return what multiplies each value, and what divides their sum.

    The reduced loss is ``(values * weights).sum() / divisor``, and its gradient uses
    the same two.

    Parameters
    ----------
    values, sample_weight, mask, reduction
        As in :func:`reduce_values`.

    Returns
    -------
    weights : float or numpy.ndarray
        1.0 where there is neither weight nor mask; otherwise the shape of `values`.
    divisor : float
        A count of values or a sum of weights; 1.0 for sums and for ``"none"``.

    Raises
    ------
    ValueError
        If the reduction is unknown, or weights or mask do not fit.

    Examples
    --------
    >>> weights_and_divisor(np.array([1.0, 2.0, 3.0]), mask=[True, True, False])
    (array([1., 1., 0.]), 2.0)
    """
    check_reduction(reduction)
    weights = 1.0  # every value counts alike
    counted = float(values.size)  # every value, whatever its weight
    if sample_weight is not None:
        weights = _spread("sample_weight", sample_weight, values)  # one for each value
    if mask is not None:
        valid = _spread("mask", np.asarray(mask, dtype=bool), values)  # 1 where a value counts
        weights = weights * valid  # 0 where it does not
        counted = float(valid.sum(dtype=np.float64))  # values that count
    if reduction in ("sum_over_batch_size", "mean"):
        return weights, counted
    if reduction == "mean_with_sample_weight":
        if sample_weight is None:
            return weights, counted
        return weights, float(weights.sum(dtype=np.float64))
    return weights, 1.0


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


def _spread(name, given, values):
    """Give weights or a mask the shape of `values`: its first axes, repeated along the rest."""
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
            f"Received {name} of shape {array.shape} for values of shape {values.shape}; expected "
            f"that shape, or its first axes. {hint}"
        )
    return np.broadcast_to(longer, values.shape).astype(values.dtype, copy=False)
