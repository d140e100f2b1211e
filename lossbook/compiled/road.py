"""The compiled road from arrays to a number: which kernel, which layout, which parts, and what comes of them.

:func:`evaluate` is the one door. It returns None where the plain lines have to go: settings that cannot be
traced, data that do not fit, a guard that ends in an error, a result that is not finite. They then give the
number, or the message that names the place.
"""

import functools
import math
from collections import namedtuple

import numba
import numpy as np

from lossbook import blocks
from lossbook.arrays import align_ranks, as_array, as_float, is_float
from lossbook.compiled import machine
from lossbook.compiled.loops import NARROW, STRIP, TILE, Writer
from lossbook.compiled.trace import LOCK, Trace
from lossbook.reductions import add_up, weights_and_divisor
from lossbook.registry import CATALOGUE
from lossbook.rows import axes_of_value

if numba.config.DISABLE_JIT:  # then its functions are Python, and LLVM's own cannot be called
    raise ImportError("NUMBA_DISABLE_JIT is set")

PART = 2**17
"""Work in a part of a batch, in entries of a loss that calls no expensive function. The cut is the same for any
number of threads, and so are the digits."""
MOST_ANSWERS = 6
"""How many traces of a loss are tried on a batch, each with other answers to its questions."""

Kernel = namedtuple("Kernel", "function numbers found cost")
"""Machine code, the settings it takes, how its guards must come out, and what an entry costs."""
ONE = {np.dtype(kind): np.ones(1, kind) for kind in ("f4", "f8")}
NO_ROW = {kind: np.empty(0, kind) for kind in ONE}
NO_TABLE = {kind: np.empty((0, 0), kind) for kind in ONE}


class Kernels:
    """The kernels of one loss with its settings, each made when it is first needed."""

    def __init__(self, name, parameters):
        self.spec, self.parameters, self.ready = CATALOGUE[name], parameters, {}
        self.answers = {False: (), True: ()}  # to the questions of a trace, as they came out the last time
        try:
            self.numbered = Trace(self.spec, parameters, False).numbered
        except Exception:  # a loss that no loop can do
            self.numbered = None

    def kernel(self, dtype, tiled, with_slope, answers):
        """Return a kernel, or None where there is none."""
        key = dtype, tiled, with_slope, answers
        if key not in self.ready:
            with LOCK:
                try:
                    self.ready[key] = self._made(*key)
                except Exception:  # the loss ends in an error here, or asks for what no loop can do
                    self.ready[key] = None
        return self.ready[key]

    def _made(self, dtype, tiled, with_slope, answers):
        trace = Trace(self.spec, self.parameters, with_slope, answers)
        writer = Writer(trace, tiled)
        numbers = [self.parameters[name.removeprefix("given_")] for name in writer.parameters]
        function = machine.compiled(machine.written(writer, dtype))
        return Kernel(function, numbers, tuple(guard.found for guard in trace.guards), writer.cost)

    def run(self, labels, predictions, values, slopes, upstream, scale, count, tiled):
        """Run the loops over a table, and return the sum of its values; None where the plain lines must go."""
        with_slope = slopes is not None
        dtype = predictions.dtype if predictions.dtype in ONE else np.dtype("f8")
        answers = self.answers[with_slope]
        for _ in range(MOST_ANSWERS):
            kernel = self.kernel(dtype, tiled, with_slope, answers)
            if kernel is None:
                return None
            total, *found = _in_parts(
                kernel, labels, predictions, values, slopes, upstream, scale, count, tiled
            )
            wrong = [
                place
                for place, pair in enumerate(zip(found, kernel.found, strict=True))
                if pair[0] != pair[1]
            ]
            if not wrong:
                self.answers[with_slope] = answers
                return total if math.isfinite(total) else None
            answers = (*kernel.found[: wrong[0]], not kernel.found[wrong[0]])
        return None


@functools.lru_cache(maxsize=1024, typed=True)
def kernels_of(name, names, *settings):
    """Return the kernels of a loss: its name, and its parameters' names and values; the axis is the last."""
    parameters = dict(zip(names, settings, strict=True))
    if "axis" in parameters:
        parameters["axis"] = -1
    return Kernels(name, parameters)


def _in_parts(kernel, labels, predictions, values, slopes, upstream, scale, count, tiled):
    """Run a kernel over the parts of a table, and put together what they give."""
    dtype = upstream.dtype
    keep, every = values is not None, int(upstream.size > 1)
    values = NO_ROW[dtype] if values is None else values
    slopes = NO_TABLE[dtype] if slopes is None else slopes
    rows, width = predictions.shape

    def work(a, b):
        if rows == 1:
            data, across = predictions[:, a:b], slopes[:, a:b]
            truth = labels[:, a:b] if labels.ndim == 2 else labels
            others = values, across, upstream
        else:
            data, truth = predictions[a:b], labels[a:b]
            others = values[a:b], slopes[a:b], upstream[a:b] if every else upstream
        data = np.ascontiguousarray(data, dtype)
        truth = np.ascontiguousarray(truth, np.int64 if labels.ndim == 1 else dtype)
        return kernel.function(truth, data, *others, every, keep, scale, count, *kernel.numbers)

    size = predictions.size * kernel.cost
    if size < 2 * PART:
        return work(0, width if rows == 1 else rows)
    length, unit, entry = (
        (width, STRIP, 1) if rows == 1 and labels.ndim == 2 else (rows, TILE if tiled else 1, width)
    )
    step = max(1, PART // (entry * kernel.cost) // unit) * unit
    found = shared(work, [(a, min(a + step, length)) for a in range(0, length, step)], size)
    return (
        math.fsum(one[0] for one in found),
        *(any(flags) for flags in zip(*(one[1:] for one in found), strict=True)),
    )


def shared(work, places, size):
    """Do the work at all places, in the threads of :class:`lossbook.fast` where there are any."""
    pool, found = blocks._settings.pool, {}
    todo = iter(places)

    def run():
        for place in todo:
            found[place] = work(*place)

    helpers = (
        [pool.submit(run) for _ in range(min(blocks._settings.threads, len(places)) - 1)] if pool else []
    )
    run()
    for helper in helpers:
        if not helper.cancel():  # one that comes late finds nothing left
            helper.result()
    return [found[place] for place in places]


# --- the door ------------------------------------------------------------------------------------------------


def evaluate(loss, y_true, y_pred, sample_weight, mask, with_gradient, out):
    """Return the reduced value of a loss and, if asked for, its slope; None where the plain lines must go."""
    try:
        kernels = kernels_of(
            loss.spec.name, loss._parameter_names, *[getattr(loss, name) for name in loss._parameter_names]
        )
    except TypeError:  # a list among the settings
        return None
    if kernels.numbered is None:
        return None
    try:
        return _evaluated(kernels, loss, y_true, y_pred, sample_weight, mask, with_gradient, out)
    except (TypeError, ValueError):  # the plain call says so
        return None


def _evaluated(kernels, loss, y_true, y_pred, sample_weight, mask, with_gradient, out):
    spec, parameters = loss.spec, loss.parameters
    given = loss.cast(y_true, y_pred)[1]
    labels, predictions = as_array("y_true", y_true), as_float("y_pred", given)
    slope_type = as_array("y_pred", y_pred).dtype if loss.dtype is None else loss.dtype
    slope_type = slope_type.newbyteorder("=") if is_float(slope_type) else np.dtype("f8")
    dtype = predictions.dtype
    if dtype not in ONE or not predictions.size:
        return None
    shape_given = predictions.shape
    if not kernels.numbered:
        labels, predictions = align_ranks(labels, predictions)
    found = _tables(kernels, parameters, labels, predictions)
    if found is None:
        return None
    labels, table, shape, axes = found
    values = np.empty(shape, dtype)
    narrowed = loss.narrowed(mask, values, y_true, given)
    weights, divisor = weights_and_divisor(values, sample_weight, narrowed, loss.reduction)
    is_weighed = not isinstance(weights, float)
    rows = None
    if (sample_weight is not None or mask is not None) and not np.all(weights):
        rows = loss.rows_that_count(y_true, given, sample_weight, mask, {})
        if rows is not None and not len(rows.predictions):
            return None
    keep = is_weighed or loss.reduction in ("none", None)
    upstream = np.asarray(weights / divisor if divisor else 0.0, dtype) if is_weighed else ONE[dtype]
    scale = 1.0 if is_weighed else 1.0 / divisor
    if rows is not None:
        labels, table = _as_rows(kernels, rows.labels, rows.predictions)
        upstream = upstream[rows.counted]
    count = table.shape[1]
    slopes = np.empty(table.shape, dtype) if with_gradient else None
    results = np.empty(len(table), dtype) if keep else None
    flat = spec.splits in ("mean", "sum") and not keep
    tiled = not flat and count < NARROW and len(table) > 1
    across = [labels.reshape(1, -1), table.reshape(1, -1)] if flat else [labels, table]
    total = kernels.run(
        *across, results, slopes.reshape(across[1].shape) if with_gradient else None,
        upstream.reshape(-1), scale, count, tiled,
    )  # fmt: skip
    if total is None:
        return None
    if not keep:
        value = dtype.type(total / divisor)
    else:
        if rows is not None:
            results = rows.spread_values(lambda *_, **__: results)
        value = add_up(results.reshape(shape), weights, divisor, loss.reduction)
    value = value if loss.dtype is None else value.astype(loss.dtype, copy=False)
    if not with_gradient:
        return value, None
    if rows is not None:
        full = np.broadcast_to(np.asarray(weights, dtype), shape)
        slopes = rows.spread_slopes(lambda *_, **__: slopes, full)
    else:
        last = range(-len(axes), 0)
        front = np.moveaxis(predictions, axes, last).shape
        slopes = np.moveaxis(slopes.reshape(front), last, axes)
    return value, slopes.astype(slope_type, copy=False).reshape(shape_given)


def _tables(kernels, parameters, labels, predictions):
    """Lay labels and predictions out in rows, one for each value; None where they do not fit."""
    axis = parameters.get("axis", kernels.spec.axes)
    named = range(predictions.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else [axis]
    if not all(-predictions.ndim <= one < predictions.ndim for one in named):
        return None
    axes = axes_of_value(kernels.spec, predictions.ndim, parameters)
    if not axes or len(set(axes)) < len(axes):
        return None
    last = range(-len(axes), 0)
    front = np.moveaxis(predictions, axes, last)
    shape = front.shape[: front.ndim - len(axes)]
    table = front.reshape(math.prod(shape), -1)
    if kernels.numbered:
        if labels.ndim == predictions.ndim and labels.shape[axes[0]] == 1:
            labels = labels.squeeze(axes[0])
        if labels.shape != shape:
            return None
    elif labels.shape != predictions.shape:
        return None
    else:
        labels = np.moveaxis(labels, axes, last).reshape(table.shape)
    return _as_rows(kernels, labels, table) + (shape, axes)


def _as_rows(kernels, labels, table):
    if kernels.numbered:
        if labels.dtype.kind not in "iu" and not np.isfinite(as_float("y_true", labels)).all():
            raise ValueError("a class number that is none")
        return labels.reshape(-1).astype(np.int64, copy=False), table.reshape(len(table), -1)
    table = table.reshape(len(table), -1)
    return labels.reshape(table.shape), table
