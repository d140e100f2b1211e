"""The compiled road from arrays to a number: which kernel, which layout, which parts, and what comes of them.

:func:`evaluate` is the one door. It returns None where the plain lines have to go: settings that cannot be
traced, data that do not fit, a question that ends in an error, a result that is not finite. They then give
the number, or the message that names the place.
"""

import functools
import math
from collections import namedtuple

import numpy as np

from lossbook import blocks
from lossbook.arrays import align_ranks, as_array, as_float, as_integers, float_type
from lossbook.compiled import machine
from lossbook.compiled.loops import NARROW, STRIP, TILE, Rows, Tiles
from lossbook.compiled.steps import LOCK, Trace
from lossbook.reductions import add_up, weights_and_divisor
from lossbook.registry import CATALOGUE

__all__ = ["Kernels", "evaluate", "kernels_of"]

PART = 2**17
"""Work in a part of a batch, in entries of a simple loss: the same for any number of threads."""
BAND = 2**20
"""Pairs of samples in a band."""
LARGE = 1e38
"""Sums beyond it, infinite and undefined ones are left to the plain lines."""
MOST = 6
"""How many traces of a loss are tried on one batch, each with other answers to its questions."""

Kernel = namedtuple("Kernel", "call numbers found cost")
"""Machine code, the settings it takes, how its guards must come out, and what an entry costs."""
ONE = {np.dtype(kind): np.ones(1, kind) for kind in ("f4", "f8")}
ROW = {kind: np.empty(0, kind) for kind in ONE}  # where nothing is to write
TABLE = {kind: np.empty((0, 0), kind) for kind in ONE}


class Kernels:
    """The kernels of one loss with its settings, each made when it is first needed."""

    def __init__(self, name, parameters):
        self.spec, self.ready = CATALOGUE[name], {}
        self.axis = parameters.get("axis", self.spec.axes[0] if len(self.spec.axes) == 1 else self.spec.axes)
        one_axis = {"axis": None if self.axis is None else -1} if "axis" in parameters else {}
        self.parameters = {**parameters, **one_axis}
        self.is_one_axis = self.axis is None or type(self.axis) is int
        self.answers = {False: (), True: ()}  # to the questions of a trace, as they came out the last time
        self.is_flat = self.spec.splits in ("mean", "sum")
        try:
            trace = Trace(self.spec, self.parameters, False)
            self.numbered, self.pairwise, self.is_traced = trace.numbered, trace.pairwise, True
        except Exception:  # no loop can do it
            self.is_traced = False

    def kernel(self, *key):
        """Return the kernel for a type, layout, slope or none, and answers; None where there is none."""
        if key not in self.ready:
            with LOCK:
                try:
                    self.ready[key] = self._made(*key)
                except Exception:  # the loss ends in an error here, or asks for what no loop can do
                    self.ready[key] = None
        return self.ready[key]

    def writer(self, tiled, with_slope, answers=()):
        """Return the writer of a kernel."""
        return (Tiles if tiled else Rows)(Trace(self.spec, self.parameters, with_slope, answers))

    def _made(self, dtype, tiled, with_slope, answers):
        writer = self.writer(tiled, with_slope, answers)
        numbers = [self.parameters[name.removeprefix("given_")] for name in writer.parameters]
        call = machine.compiled(machine.text_of(writer, dtype))
        return Kernel(call, numbers, [guard.found for guard in writer.trace.guards], writer.cost)

    def run(self, labels, table, count, scale, slopes, values=None, upstream=None, top=0):
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
        top : int
            Which sample of the batch the first row is, where each is compared with all.
        """
        dtype, with_slope, keep = table.dtype, slopes is not None, values is not None
        rows, width = table.shape
        tiled, answers = 1 < rows and width < NARROW, self.answers[with_slope]
        given = (
            labels, table, values if keep else ROW[dtype], slopes if with_slope else TABLE[dtype],
            ONE[dtype] if upstream is None else upstream, int(upstream is not None), keep, scale, count, top,
        )  # fmt: skip
        for _ in range(MOST):
            kernel = self.kernel(dtype, tiled, with_slope, answers)
            if kernel is None:
                return None
            small = rows * width * kernel.cost < 2 * PART
            total, *found = called(kernel, *given) if small else self._in_parts(kernel, *given)
            if found == kernel.found:
                self.answers[with_slope] = answers
                return total if abs(total) < LARGE else None
            wrong = [ours == theirs for ours, theirs in zip(found, kernel.found, strict=True)].index(False)
            answers = (*kernel.found[:wrong], found[wrong])
        return None

    def _in_parts(self, kernel, labels, table, values, slopes, upstream, every, keep, scale, count, top):
        """Call a kernel on the parts of a table, and put together what they give."""
        flat = self.is_flat and len(table) == 1  # one row of entries that have nothing to do with each other
        length, unit, entry = (table.shape[1], STRIP, 1) if flat else (len(table), TILE, table.shape[1])
        step = max(1, PART // (entry * kernel.cost) // unit) * unit

        def work(start):
            part = slice(start, start + step)
            place = (slice(None), part) if flat else part
            return called(
                kernel, labels if self.pairwise else labels[place], table[place],
                values[part] if keep and not flat else values, slopes[place] if slopes.size else slopes,
                upstream[part] if every and not flat else upstream, every, keep, scale, count,
                top + start if self.pairwise else 0,
            )  # fmt: skip

        found = shared(work, range(0, length, step))
        return (math.fsum(one[0] for one in found), *map(any, zip(*(one[1:] for one in found), strict=True)))


@functools.lru_cache(maxsize=1024, typed=True)
def kernels_of(name, names, *settings):
    """Return the kernels of a loss: its name, and the names and values of its parameters."""
    return Kernels(name, dict(zip(names, settings, strict=True)))


def kernels_for(loss):
    names = loss._parameter_names
    settings = [getattr(loss, name) for name in names]
    try:
        return kernels_of(loss.spec.name, names, *settings)
    except TypeError:  # a list among the settings
        settings = [tuple(one) if isinstance(one, list) else one for one in settings]
        return kernels_of(loss.spec.name, names, *settings)


def called(kernel, labels, table, *others):
    """Call a kernel on arrays of its types, laid out in rows."""
    kind = np.int64 if labels.ndim == 1 else table.dtype
    table, labels = np.ascontiguousarray(table), np.ascontiguousarray(labels, kind)
    return kernel.call(labels, table, *others, *kernel.numbers)


def shared(work, places):
    """Do the work at all places, shared with the threads of the fast mode; return what comes of it."""
    settings, found, todo = blocks._settings, {}, iter(places)

    def run():
        for place in todo:
            found[place] = work(place)

    helpers = min(settings.threads, len(places)) - 1 if settings.pool else 0
    started = [settings.pool.submit(run) for _ in range(helpers)]
    run()
    for helper in started:
        if not helper.cancel():  # one that has not begun yet would find nothing left
            helper.result()
    return [found[place] for place in places]


class Text(str):
    """A text that is shown as it reads."""

    __repr__ = str.__str__

    def _repr_markdown_(self):
        return f"```python\n{self}```"


def text_of_loops(loss, short):
    """Return the loops of a loss object, as :meth:`lossbook.fast.loops` shows them."""
    if not loss._is_plain or not kernels_for(loss).is_traced:
        raise NotImplementedError(
            f"Received {type(loss).__name__}, whose steps no loop can do; expected a loss that can be "
            "compiled. It is evaluated by its plain lines."
        )
    return Text(kernels_for(loss).writer(short, True).text())


# --- the door ------------------------------------------------------------------------------------------


def evaluate(loss, y_true, y_pred, sample_weight, mask, with_gradient, out):
    """Return the reduced value of a loss and, if asked for, its slope; None where the plain lines must go."""
    try:
        kernels, given = kernels_for(loss), (loss, y_true, y_pred, sample_weight, mask, with_gradient)
        if not kernels.is_traced:
            return None
        is_plain = sample_weight is None and mask is None and loss.dtype is None
        if is_plain and loss.reduction not in ("none", None):
            found = at_once(kernels, loss, y_true, y_pred, with_gradient, out)
            if found is not None:
                return found
        with np.errstate(all="ignore"):
            return (in_pairs if kernels.pairwise else by_all_means)(kernels, *given)
    except (TypeError, ValueError):  # the plain call says so
        return None


@functools.lru_cache(maxsize=4096)
def plan_of(kernels, shape, dtype, labels, label_type):
    """Return the form of a table, and its entries a row and rows; None where arrays do not lie as one."""
    axis, is_flat = kernels.axis, kernels.is_flat
    wanted = (shape[:-1], np.int64) if kernels.numbered else (shape, dtype)
    if kernels.pairwise or dtype not in ONE or 0 in shape or (labels, label_type) != wanted:
        return None
    if not kernels.is_one_axis or axis is not None and not -len(shape) <= axis < len(shape):
        return None
    if axis not in (None, -1, len(shape) - 1) and not is_flat:
        return None
    size = math.prod(shape)
    count = size if axis is None else shape[axis]
    return (1, size) if is_flat else (size // count, count), count, float(size // count)


def at_once(kernels, loss, y_true, y_pred, with_gradient, out):
    """Evaluate arrays that lie as the loops want them: small batches have no time to lose."""
    if not (type(y_pred) is type(y_true) is np.ndarray):
        return None
    dtype = y_pred.dtype
    plan = plan_of(kernels, y_pred.shape, dtype, y_true.shape, y_true.dtype)
    if plan is None or not (y_pred.flags.c_contiguous and y_true.flags.c_contiguous):
        return None
    if kernels.numbered and loss.narrowed(None, y_true, y_true, y_pred) is not None:
        return None
    form, count, divisor = plan
    divisor, slopes, written = 1.0 if loss.reduction == "sum" else divisor, None, None
    if with_gradient:
        out = None if out is None else blocks._writable(out, y_true, y_pred)
        slopes = np.empty(y_pred.shape, dtype) if out is None else out
        written = slopes.reshape(form)
    labels, table = y_true.reshape(-1 if kernels.numbered else form), y_pred.reshape(form)
    tiled, scale, total = 1 < form[0] and form[1] < NARROW, 1.0 / divisor, math.nan
    kernel = kernels.ready.get((dtype, tiled, with_gradient, kernels.answers[with_gradient]))
    if kernel is not None and y_pred.size * kernel.cost < 2 * PART:  # as in run, without its questions
        others = ROW[dtype], TABLE[dtype] if written is None else written, ONE[dtype], 0, False
        total, *found = kernel.call(labels, table, *others, scale, count, 0, *kernel.numbers)
        total = total if found == kernel.found else math.nan
    if not abs(total) < LARGE:
        total = kernels.run(labels, table, count, scale, written)
    return None if total is None else (dtype.type(total / divisor), slopes)


def by_all_means(kernels, loss, y_true, y_pred, sample_weight, mask, with_gradient):
    """Evaluate any batch: lists, other types, other axes and layouts, weights and masks."""
    given = loss.cast(y_true, y_pred)[1]
    labels, predictions = as_array("y_true", y_true), as_float("y_pred", given)
    if predictions.dtype not in ONE or not predictions.size:
        return None
    if not kernels.numbered:
        labels, predictions = align_ranks(labels, predictions)
    axes, dtype = axes_of(kernels.axis, predictions.ndim), predictions.dtype
    last = range(-len(axes), 0)
    front = np.moveaxis(predictions, axes, last)
    form = front.shape[: front.ndim - len(axes)]
    if not kernels.numbered and labels.shape == predictions.shape:
        labels = np.moveaxis(labels, axes, last)
    elif kernels.numbered and labels.ndim == predictions.ndim and labels.shape[axes[0]] == 1:
        labels = labels.squeeze(axes[0])
    if labels.shape != (form if kernels.numbered else front.shape):
        return None
    values = np.empty(form, dtype)
    narrowed = loss.narrowed(mask, values, y_true, given)
    weights, divisor = weights_and_divisor(values, sample_weight, narrowed, loss.reduction)
    rows, some = None, sample_weight is not None or mask is not None
    if some and not np.all(weights):
        rows = loss.rows_that_count(y_true, given, sample_weight, mask, {})
    labels, table = (labels, front) if rows is None else (rows.labels, rows.predictions)
    if kernels.numbered:
        labels = labels.reshape(-1)
        labels = labels if labels.dtype.kind in "iu" else as_integers("y_true", labels)
    table = table.reshape(math.prod(form) if rows is None else len(table), -1)
    count, slopes = table.shape[1], np.empty(table.shape, dtype) if with_gradient else None
    if isinstance(weights, float) and loss.reduction not in ("none", None):
        across = (1, -1) if kernels.is_flat else table.shape
        total = kernels.run(
            labels if kernels.numbered else labels.reshape(across), table.reshape(across),
            count, 1.0 / divisor, slopes.reshape(across) if with_gradient else None,
        )  # fmt: skip
        value = None if total is None else dtype.type(total / divisor)
    else:
        upstream = np.broadcast_to(np.asarray(weights / divisor if divisor else 0.0, dtype), form)
        upstream = np.ascontiguousarray(upstream if rows is None else upstream[rows.counted]).reshape(-1)
        labels, found = (
            labels if kernels.numbered else labels.reshape(table.shape),
            np.empty(len(table), dtype),
        )
        total = kernels.run(labels, table, count, 1.0, slopes, found, upstream) if len(table) else 0.0
        if total is not None:
            found = found.reshape(form) if rows is None else rows.spread_values(lambda *_, **__: found)
            value = add_up(found, weights, divisor, loss.reduction)
    if total is None:
        return None
    if with_gradient and rows is None:
        slopes = np.moveaxis(slopes.reshape(front.shape), last, axes)
    elif with_gradient:
        slopes = rows.spread_slopes(lambda *_, **__: slopes, values)
    return in_type(loss, y_pred, value, slopes)


def axes_of(axis, ndim):
    """Return the axes of one value, counted from 0; an error where there are no such axes."""
    named = [*range(ndim)] if axis is None else [*axis] if isinstance(axis, (tuple, list)) else [axis]
    axes = tuple(one % ndim for one in named if -ndim <= one < ndim)
    if not axes or len({*axes}) < len(named):
        raise ValueError("no such axes")
    return axes


def in_pairs(kernels, loss, y_true, y_pred, sample_weight, mask, with_gradient):
    """Evaluate a loss of pairs in bands of their products, which NumPy makes and, for slopes, takes back."""
    given = loss.cast(y_true, y_pred)[1]
    points, labels = as_float("y_pred", given), as_integers("y_true", y_true)
    size, dtype = len(points), points.dtype
    if points.ndim != 2 or labels.shape not in ((size,), (size, 1)) or dtype not in ONE or not points.size:
        return None
    if loss.rows_that_count(y_true, given, sample_weight, mask, {}) is not None:
        return None
    labels = np.unique(labels, return_inverse=True)[1].reshape(-1)  # alike where they were, and small
    values, slopes, back = np.empty(size, dtype), np.empty(points.shape, dtype), 0.0
    weights, _ = weights_and_divisor(values, sample_weight, mask, "sum")
    upstream = np.ascontiguousarray(np.broadcast_to(np.asarray(weights, dtype), values.shape))
    across = points.T.copy()  # NumPy is slow on one array twice
    step = min(size, max(TILE, BAND // size))
    for first in range(0, size, step):
        part = slice(first, min(first + step, size))
        dots = points[part] @ across
        pull = np.empty_like(dots) if with_gradient else None
        if kernels.run(labels, dots, size, 1.0, pull, values[part], upstream[part], first) is None:
            return None
        if with_gradient:
            pull[values[part] == 0] = 0  # a sample without a pair, which the loss masks
            slopes[part] = pull @ points
            back = back + pull.T @ points[part]
    narrowed = loss.narrowed(mask, values, y_true, given)
    weights, divisor = weights_and_divisor(values, sample_weight, narrowed, loss.reduction)
    scale = dtype.type(1.0 / divisor if divisor else 0.0)
    value = add_up(values, weights, divisor, loss.reduction)
    return in_type(loss, y_pred, value, (slopes + back) * scale if with_gradient else None)


def in_type(loss, y_pred, value, slopes):
    """Return value and slopes in the types they are to have."""
    value = value if loss.dtype is None else value.astype(loss.dtype, copy=False)
    if slopes is None:
        return value, None
    wanted = loss.dtype or float_type(y_pred)
    return value, slopes.astype(wanted, copy=False).reshape(np.shape(y_pred))
