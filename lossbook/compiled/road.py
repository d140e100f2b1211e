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
from lossbook.arrays import align_ranks, as_array, as_float, as_whole, is_float
from lossbook.compiled import machine
from lossbook.compiled.loops import NARROW, STRIP, TILE, Writer
from lossbook.compiled.trace import LOCK, Trace
from lossbook.reductions import add_up, weights_and_divisor
from lossbook.registry import CATALOGUE

if numba.config.DISABLE_JIT:  # then its functions are Python, and LLVM's own cannot be called
    raise ImportError("NUMBA_DISABLE_JIT is set")

BAND = 2**20
"""Pairs of samples in a band."""
PART = 2**17
"""Work in a part of a batch, counted in entries of a loss without expensive functions. It does not depend on the
number of threads, and so the digits do not, either."""
MOST_ANSWERS = 6
"""How many traces of a loss are tried on one batch, each with other answers to its questions."""

Kernel = namedtuple("Kernel", "call numbers found cost")
"""Machine code, the settings it takes, how its guards must come out, and what an entry costs."""
ONE = {np.dtype(kind): np.ones(1, kind) for kind in ("f4", "f8")}
ROW = {kind: np.empty(0, kind) for kind in ONE}  # where a kernel has nothing to write
TABLE = {kind: np.empty((0, 0), kind) for kind in ONE}
FLOATS = tuple(ONE)


class Kernels:
    """The kernels of one loss with its settings, each made when it is first needed."""

    def __init__(self, name, parameters):
        self.spec, self.axis, self.ready = CATALOGUE[name], parameters.get("axis", -1), {}
        self.parameters = {**parameters, "axis": -1} if "axis" in parameters else parameters
        self.answers = {False: (), True: ()}  # to the questions of a trace, as they came out the last time
        self.is_flat = self.spec.splits in ("mean", "sum")
        try:
            trace = Trace(self.spec, self.parameters, False)
            self.numbered, self.pairwise = trace.numbered, trace.pairwise
        except Exception:  # no loop can do it
            self.numbered = None

    def kernel(self, *key):
        """Return the kernel for a type, a layout, with or without slope, and answers; None where there is none."""
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
        call = machine.compiled(machine.written(writer, dtype))
        return Kernel(call, numbers, [guard.found for guard in trace.guards], writer.cost)

    def run(self, labels, table, count, scale, slopes, values=None, upstream=None, flat=False, top=0):
        """Run the loops over a table; return the sum of its values, or None where the plain lines must go.

        Parameters
        ----------
        labels, table : numpy.ndarray
            Rows of labels and predictions; class numbers have one axis.
        count : int
            How many entries a row has, as the loss counts them.
        scale : float
            What multiplies all slopes.
        slopes, values : numpy.ndarray or None
            Where to write the slopes, and the value of each row.
        upstream : numpy.ndarray, optional
            What multiplies the slopes of each row.
        flat : bool
            Whether the table is one row of entries that have nothing to do with each other.
        top : int
            Which row of the batch the first one is, where each is compared with all.
        """
        dtype = table.dtype
        rows, width = table.shape
        tiled, with_slope = rows > 1 and width < NARROW, slopes is not None
        slopes = TABLE[dtype] if slopes is None else slopes
        keep, every = values is not None, int(upstream is not None)
        values, upstream = values if keep else ROW[dtype], upstream if every else ONE[dtype]
        answers = self.answers[with_slope]
        for _ in range(MOST_ANSWERS):
            kernel = self.kernel(dtype, tiled, with_slope, answers)
            if kernel is None:
                return None
            if table.size * kernel.cost < 2 * PART:
                total, *found = _called(
                    kernel, labels, table, values, slopes, upstream, every, keep, scale, count, top
                )
            else:
                total, *found = _in_parts(
                    kernel,
                    flat,
                    self.pairwise,
                    labels,
                    table,
                    values,
                    slopes,
                    upstream,
                    every,
                    keep,
                    scale,
                    count,
                    top,
                )
            if found == kernel.found:
                self.answers[with_slope] = answers
                return total if math.isfinite(total) else None
            wrong = next(place for place, pair in enumerate(zip(found, kernel.found)) if pair[0] != pair[1])
            answers = (*kernel.found[:wrong], found[wrong])
        return None


@functools.lru_cache(maxsize=1024, typed=True)
def kernels_of(name, names, *settings):
    """Return the kernels of a loss: its name, and the names and values of its parameters."""
    return Kernels(name, dict(zip(names, settings, strict=True)))


def _called(kernel, labels, table, *others):
    """Call a kernel on arrays that lie in rows, one entry after the other."""
    if not (
        table.flags.c_contiguous and labels.flags.c_contiguous and labels.dtype in (table.dtype, np.int64)
    ):
        table = np.ascontiguousarray(table)
        labels = np.ascontiguousarray(labels, np.int64 if labels.ndim == 1 else table.dtype)
    return kernel.call(labels, table, *others, *kernel.numbers)


def _in_parts(
    kernel, flat, pairwise, labels, table, values, slopes, upstream, every, keep, scale, count, top
):
    """Call a kernel on the parts of a table, by columns if it is flat, and put together what they give."""
    length, unit, entry = (table.shape[1], STRIP, 1) if flat else (len(table), TILE, table.shape[1])
    step = max(1, PART // (entry * kernel.cost) // unit) * unit

    def work(start):
        part = slice(start, min(start + step, length))
        place = (slice(None), part) if flat else part
        return _called(
            kernel, labels if pairwise else labels[place], table[place], values if flat or not keep else values[part],
            slopes[place] if slopes.size else slopes, upstream[part] if every else upstream, every, keep, scale, count,
            top + start if pairwise else 0,
        )  # fmt: skip

    found = shared(work, range(0, length, step))
    flags = zip(*(one[1:] for one in found), strict=True)
    return (math.fsum(one[0] for one in found), *map(any, flags))


def shared(work, places):
    """Do the work at all places, in the threads of :class:`lossbook.fast` if it has any, and return what comes of it."""
    settings, found, todo = blocks._settings, {}, iter(places)

    def run():
        for place in todo:
            found[place] = work(place)

    helpers = (
        [settings.pool.submit(run) for _ in range(min(settings.threads, len(places)) - 1)]
        if settings.pool
        else []
    )
    run()
    for helper in helpers:
        if not helper.cancel():  # one that has not begun yet would find nothing left
            helper.result()
    return [found[place] for place in places]


# --- the door ------------------------------------------------------------------------------------------


def evaluate(loss, y_true, y_pred, sample_weight, mask, with_gradient, out):
    """Return the reduced value of a loss and, if asked for, its slope; None where the plain lines must go."""
    names = loss._parameter_names
    try:
        kernels = kernels_of(loss.spec.name, names, *[getattr(loss, name) for name in names])
        if kernels.numbered is None:
            return None
        if kernels.pairwise:
            return _in_pairs(kernels, loss, y_true, y_pred, sample_weight, mask, with_gradient)
        if (
            sample_weight is None
            and mask is None
            and loss.dtype is None
            and loss.reduction not in ("none", None)
        ):
            found = _directly(kernels, loss, y_true, y_pred, with_gradient, out)
            if found is not None:
                return found
        return _by_all_means(kernels, loss, y_true, y_pred, sample_weight, mask, with_gradient)
    except (TypeError, ValueError):  # the plain call says so; or a list is among the settings
        return None


def _directly(kernels, loss, y_true, y_pred, with_gradient, out):
    """Evaluate arrays that lie as the loops want them: at once, since small batches have no time to lose."""
    if type(y_pred) is not np.ndarray or type(y_true) is not np.ndarray or not y_pred.size:
        return None
    shape, dtype, axis = y_pred.shape, y_pred.dtype, kernels.axis
    if dtype not in FLOATS or not y_pred.flags.c_contiguous or not y_true.flags.c_contiguous:
        return None
    if kernels.numbered:
        spec = loss.spec
        if y_true.dtype != np.int64 or y_true.shape != shape[:-1]:
            return None
        if spec.mask is not None and spec.mask(y_true, y_true, y_pred, **loss.parameters) is not None:
            return None
    elif y_true.dtype is not dtype or y_true.shape != shape:
        return None
    if axis is None:
        count, whole = y_pred.size, True
    elif type(axis) is int and -len(shape) <= axis < len(shape):
        count, whole = shape[axis], kernels.is_flat
        if not whole and axis not in (-1, len(shape) - 1):
            return None
    else:
        return None
    divisor = 1.0 if loss.reduction == "sum" else float(y_pred.size // count)
    form = (1, -1) if whole else (-1, count)
    slopes = None
    if with_gradient:
        out = blocks._writable(out, y_true, y_pred)
        slopes = np.empty(shape, dtype) if out is None else out
    total = kernels.run(
        y_true if kernels.numbered else y_true.reshape(form), y_pred.reshape(form), count, 1.0 / divisor,
        slopes.reshape(form) if with_gradient else None, flat=kernels.is_flat,
    )  # fmt: skip
    return None if total is None else (dtype.type(total / divisor), slopes)


def _by_all_means(kernels, loss, y_true, y_pred, sample_weight, mask, with_gradient):
    """Evaluate any batch: lists, other types, other axes and layouts, weights and masks."""
    spec, given = loss.spec, loss.cast(y_true, y_pred)[1]
    labels, predictions = as_array("y_true", y_true), as_float("y_pred", given)
    shape, dtype = predictions.shape, predictions.dtype
    if dtype not in FLOATS or not predictions.size:
        return None
    if not kernels.numbered:
        labels, predictions = align_ranks(labels, predictions)
    axes = _axes(kernels, predictions.ndim)
    last = range(-len(axes), 0)
    front = np.moveaxis(predictions, axes, last)
    form = front.shape[: front.ndim - len(axes)]
    if kernels.numbered:
        if labels.ndim == predictions.ndim and labels.shape[axes[0]] == 1:
            labels = labels.squeeze(axes[0])
    else:
        labels = np.moveaxis(labels, axes, last) if labels.shape == predictions.shape else labels[:0]
    if labels.shape != (form if kernels.numbered else front.shape):
        return None
    values = np.empty(form, dtype)
    narrowed = loss.narrowed(mask, values, y_true, given)
    weights, divisor = weights_and_divisor(values, sample_weight, narrowed, loss.reduction)
    rows = None
    if (sample_weight is not None or mask is not None) and not np.all(weights):
        rows = loss.rows_that_count(y_true, given, sample_weight, mask, {})
    if rows is not None:
        labels, front = rows.labels, rows.predictions
    if (
        kernels.numbered
        and labels.dtype.kind not in "iu"
        and not np.isfinite(as_float("y_true", labels)).all()
    ):
        return None
    table = front.reshape(-1, math.prod(front.shape[-len(axes) :]))
    labels = labels.reshape(-1) if kernels.numbered else labels.reshape(table.shape)
    slopes = np.empty(table.shape, dtype) if with_gradient else None
    if isinstance(weights, float) and loss.reduction not in ("none", None):
        form_of_run = (1, -1) if kernels.is_flat else table.shape
        total = kernels.run(
            labels if kernels.numbered else labels.reshape(form_of_run), table.reshape(form_of_run), table.shape[1],
            1.0 / divisor, slopes.reshape(form_of_run) if with_gradient else None, flat=kernels.is_flat,
        )  # fmt: skip
        value = None if total is None else dtype.type(total / divisor)
    else:
        upstream = np.broadcast_to(np.asarray(weights / divisor if divisor else 0.0, dtype), form)
        upstream = np.ascontiguousarray(upstream if rows is None else upstream[rows.counted]).reshape(-1)
        found = np.empty(len(table), dtype)
        total = (
            kernels.run(labels, table, table.shape[1], 1.0, slopes, found, upstream) if len(table) else 0.0
        )
        if total is not None:
            found = found.reshape(form) if rows is None else rows.spread_values(lambda *_, **__: found)
            value = add_up(found, weights, divisor, loss.reduction)
    if total is None:
        return None
    if with_gradient and rows is None:
        slopes = np.moveaxis(slopes.reshape(front.shape), last, axes)
    elif with_gradient:
        slopes = rows.spread_slopes(lambda *_, **__: slopes, values)
    return _in_type(loss, y_pred, value, slopes)


def _in_pairs(kernels, loss, y_true, y_pred, sample_weight, mask, with_gradient):
    """Evaluate a loss of pairs: bands of all their products, which NumPy makes, and takes back for the slopes."""
    given = loss.cast(y_true, y_pred)[1]
    points, labels = as_float("y_pred", given), as_whole("y_true", y_true)
    size, dtype = len(points), points.dtype
    if points.ndim != 2 or labels.shape not in ((size,), (size, 1)) or dtype not in FLOATS or not points.size:
        return None
    if loss.rows_that_count(y_true, given, sample_weight, mask, {}) is not None:
        return None
    labels = np.unique(labels, return_inverse=True)[1].reshape(-1)  # equal where they were, and small
    values = np.empty(size, dtype)
    weights, _ = weights_and_divisor(values, sample_weight, mask, "sum")
    upstream = np.ascontiguousarray(np.broadcast_to(np.asarray(weights, dtype), values.shape))
    across, step = np.ascontiguousarray(points).copy().T, min(size, max(TILE, BAND // size))
    pull = np.empty((step, size), dtype) if with_gradient else None
    slopes, back = np.empty(points.shape, dtype), 0.0
    for first in range(0, size, step):
        part = slice(first, min(first + step, size))
        force = pull[: part.stop - first] if with_gradient else None
        total = kernels.run(
            labels, points[part] @ across, size, 1.0, force, values[part], upstream[part], top=first
        )
        if total is None:
            return None
        if with_gradient:
            force[values[part] == 0] = 0  # as the mask of the loss says
            slopes[part] = force @ points
            back = back + force.T @ points[part]
    narrowed = loss.narrowed(mask, values, y_true, given)
    weights, divisor = weights_and_divisor(values, sample_weight, narrowed, loss.reduction)
    value = add_up(values, weights, divisor, loss.reduction)
    scale = dtype.type(1.0 / divisor if divisor else 0.0)
    return _in_type(loss, y_pred, value, (slopes + back) * scale if with_gradient else None)


def _in_type(loss, y_pred, value, slopes):
    """Return value and slopes in the types they are to have."""
    value = value if loss.dtype is None else value.astype(loss.dtype, copy=False)
    if slopes is None:
        return value, None
    shape = np.shape(y_pred)
    wanted = loss.dtype or getattr(y_pred, "dtype", None)
    wanted = wanted if isinstance(wanted, np.dtype) and is_float(wanted) else np.asarray(y_pred).dtype
    wanted = wanted.newbyteorder("=") if is_float(wanted) else np.dtype("f8")
    return value, slopes.astype(wanted, copy=False).reshape(shape)


def _axes(kernels, ndim):
    """Return the axes of one value, counted from 0; an error where the predictions have no such axes."""
    axis = kernels.axis if "axis" in kernels.parameters else kernels.spec.axes
    named = range(ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else [axis]
    axes = tuple(one % ndim for one in named if -ndim <= one < ndim)
    if not axes or len({*axes}) < len([*named]):
        raise ValueError("no such axes")
    return axes
