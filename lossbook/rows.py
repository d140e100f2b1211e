"""A batch as rows, one for each value of a loss: so that samples which do not count can be left out.

What a mask hides, or a weight of 0 silences, may hold anything: a NaN where a target is missing, a
class number out of range, a probability of 0. It is not looked at: the loss is computed on the rows
that count, and the others get a value and a slope of 0.
"""

import math
from dataclasses import dataclass

import numpy as np

from lossbook.arrays import align_ranks, as_array, computed_in, is_float
from lossbook.reductions import as_mask, spread


@dataclass
class Rows:
    """Labels and predictions of some rows of a batch.

    Attributes
    ----------
    labels : numpy.ndarray
        Those of the rows that count, one after the other.
    predictions : numpy.ndarray
        Likewise.
    parameters : dict
        The loss's parameters; an `axis` among them is -1 now.
    counted : numpy.ndarray of bool
        Which rows of the batch these are, in the shape of the loss's values.
    axes : tuple of int
        The axes of the batch's predictions that one value is made of.
    shape : tuple of int
        The shape of the batch's predictions.
    """

    labels: np.ndarray
    predictions: np.ndarray
    parameters: dict
    counted: np.ndarray
    axes: tuple
    shape: tuple

    def spread_values(self, call):
        """Compute the values of these rows, and put them in their places, with 0 for those left out."""
        dtype = computed_in(self.predictions.dtype) if is_float(self.predictions.dtype) else np.float64
        values = np.zeros(self.counted.shape, dtype)
        if len(self.predictions):
            values[self.counted] = call(self.labels, self.predictions, **self.parameters)
        return values

    def spread_slopes(self, call_gradient, upstream):
        """Compute the slopes of these rows, and put them in their places, with 0 for those left out."""
        slopes = np.zeros(self.shape, upstream.dtype)
        if len(self.predictions):
            found = call_gradient(self.labels, self.predictions, upstream[self.counted], **self.parameters)
            front = np.moveaxis(slopes, self.axes, range(-len(self.axes), 0))
            front[self.counted] = found.reshape(-1, *front.shape[self.counted.ndim :])
        return slopes


def axes_of_value(spec, ndim, parameters):
    """Return the axes of the predictions that one value of a loss is made of, counted from 0.

    Examples
    --------
    >>> from lossbook import CATALOGUE
    >>> axes_of_value(CATALOGUE["dice"], 3, {"axis": None}), axes_of_value(CATALOGUE["huber"], 3, {})
    ((0, 1, 2), (2,))
    """
    axis = parameters.get("axis", spec.axes)
    if axis is None:
        return tuple(range(ndim))
    return tuple(one % ndim for one in (axis if isinstance(axis, (tuple, list)) else [axis]))


def rows_that_count(spec, y_true, y_pred, parameters, sample_weight, mask):
    """Return the rows that count of a batch in which some do not.

    Parameters
    ----------
    spec : LossSpec
        A loss of the catalogue.
    y_true, y_pred : array_like
        As its function takes them.
    parameters : dict
        Its parameters.
    sample_weight, mask : array_like, optional
        As in :func:`lossbook.reductions.reduce_values`.

    Returns
    -------
    Rows or None
        None where all rows count, or the data do not fit, as the loss itself then says.

    Raises
    ------
    TypeError, ValueError
        If weights or mask do not fit.

    Examples
    --------
    >>> from lossbook import CATALOGUE
    >>> huber = CATALOGUE["huber"]
    >>> rows = rows_that_count(huber, [[1.0], [np.nan]], [[2.0], [3.0]], {}, None, [True, False])
    >>> rows.labels, rows.counted
    (array([[1.]]), array([ True, False]))
    """
    labels, predictions = as_array("y_true", y_true), as_array("y_pred", y_pred)
    if len(spec.axes) == 1:
        labels, predictions = align_ranks(labels, predictions)
    axes = axes_of_value(spec, max(predictions.ndim, 1), parameters)
    if predictions.ndim < len(axes) or predictions.size == 0:
        return None
    last = range(-len(axes), 0)
    front = np.moveaxis(predictions, axes, last)
    shape = front.shape[: front.ndim - len(axes)]
    if labels.shape == predictions.shape:
        labels = np.moveaxis(labels, axes, last)
    elif len(spec.axes) == 1 and labels.size == math.prod(shape):  # one label for each row
        labels = labels.reshape(shape)
    elif labels.shape[: len(shape)] != shape:
        return None
    counted = np.ones(shape, dtype=bool)
    if sample_weight is not None:
        counted &= spread("sample_weight", sample_weight, counted) != 0
    if mask is not None:
        counted &= as_mask(spread("mask", as_mask(mask), counted))
    if spec.between_samples:  # others are compared with a sample of weight 0, unless it is no point at all
        counted |= np.isfinite(front).all(axis=-1) & np.isfinite(labels)
    if counted.all():
        return None
    core = front.shape[len(shape) :]
    changed = {name: _rows_of(parameters.get(name), counted) for name in spec.per_sample}
    if "axis" in parameters:  # a region's axes become one, the last
        core, changed["axis"] = (math.prod(core),), -1
    chosen, points = labels[counted], front[counted]
    if labels.shape == front.shape:
        chosen = chosen.reshape(len(chosen), *core)
    points = points.reshape(len(points), *core)
    return Rows(chosen, points, {**parameters, **changed}, counted, axes, predictions.shape)


def _rows_of(data, counted):
    """Return the rows that count of further data, such as lengths; None stays None."""
    return None if data is None else np.asarray(data)[counted]


def silenced(slope, upstream):
    """Return the slopes with 0 wherever the value they belong to does not count."""
    if slope.shape[: upstream.ndim] != upstream.shape:
        return slope
    silent = (upstream == 0).reshape(upstream.shape + (1,) * (slope.ndim - upstream.ndim))
    return np.where(silent, slope.dtype.type(0), slope)
