"""Evaluation by blocks: the plain functions, called on parts of a batch that fit the processor's cache.

NumPy is slow on large arrays for one reason above all: each step of a formula makes a new
array, and the system has to find, clear and later take back its memory. On a part of the
batch small enough, all those steps stay in cache. So a large batch is cut into blocks of
rows, the plain function is called on each, and the results are put side by side: the same
lines, the same numbers. Where a batch may be cut, the catalogue says (``LossSpec.splits``).

Three further things are done for the functions, none of which they know of:

- Short rows are laid out column by column first: NumPy sums a few long columns much faster
  than many short rows.
- Where a value is the mean (or sum) of one cost for each entry, a row longer than a block
  is cut, too; and where only the mean of the batch is asked for, the batch is one row.
- With :class:`fast`, the blocks are shared among threads.

>>> import lossbook
>>> lossbook.blocks.in_blocks(lossbook.huber, [[0.0, 0.0]], [[0.5, 3.0]], delta=1.0)
array([1.3125])
"""

import functools
import itertools
import math
import os
import warnings
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Self

import numpy as np

from lossbook.arrays import align_ranks, computed_in, is_float
from lossbook.reductions import add_up, weights_and_divisor
from lossbook.registry import spec_of, spec_of_gradient

BLOCK = 96 * 1024
"""Bytes of the predictions (or labels, if wider) in a block. From 128 KiB on, glibc maps each array anew."""

SHORT_ROW = 32
"""Rows with fewer numbers than this are laid out column by column."""

KEPT = 1024 * 1024
"""Bytes of the array that :func:`keep_freed` makes and frees."""

FOR_THREADS = 100_000
"""Numbers a batch needs for several threads to be worth their start."""


# --- the fast mode ------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """How large batches are evaluated: see :class:`fast`."""

    threads: int = 1
    block: int = BLOCK
    pool: object = None
    road: object = None


_settings = Settings()


class fast:
    """Compile the losses, and share large batches among threads: for those who ask for it.

    It holds from the call on for the whole process, or, as a context, to the end of the
    ``with``; :meth:`end` ends it, too, and all is as it was before.

    The plain lines stay the definition: with Numba (``pip install 'lossbook[fast]'``) the very
    function of a loss is run once, its steps are noted, and one loop of them is compiled, value
    and slope in one pass (``lossbook.compiled``; :meth:`loops` shows it). That takes a second
    or two when a loss is first called, and a few milliseconds once its machine code is in the
    user's cache (``LOSSBOOK_CACHE`` names another folder). What cannot be compiled, such as a
    loss of your own, goes by the plain lines. Without Numba all do, as large batches then go to
    threads in larger blocks.

    The results are the same, but for the order of sums: the last digit or two may differ. They do
    not depend on the number of threads where loops are compiled. For the gradient of a large
    batch also pass ``out=``, since fresh memory is what then takes the most time. Do not begin or
    end the mode while another thread evaluates a loss.

    Parameters
    ----------
    threads : int, optional
        How many threads share a large batch; None takes as many as there are processors for this
        process, and no more than OMP_NUM_THREADS says.
    block : int
        Bytes of predictions in a block of the plain lines. Each thread uses a few times that.
    compiled : bool, optional
        Whether to compile. None does where Numba is installed, and says what to install where it
        is not.

    Raises
    ------
    ValueError
        If `threads` or `block` is not a whole number above 0.
    ImportError
        If `compiled` is True and Numba is not installed.

    Examples
    --------
    >>> import lossbook
    >>> with lossbook.fast(threads=2, compiled=False):
    ...     float(lossbook.MeanSquaredError()([[0.0, 0.0]], [[1.0, 3.0]]))
    5.0
    """

    def __init__(
        self, threads: int | None = None, block: int = 1024 * 1024, compiled: bool | None = None
    ) -> None:
        threads = _processors() if threads is None else threads
        for name, number in (("threads", threads), ("block", block)):
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise ValueError(
                    f"Received {name}={number!r}; expected a whole number of 1 or more. "
                    f"Leave {name} out to get the usual one."
                )
        road = None if compiled is False else _road(needed=compiled is True)
        global _settings
        self._before = _settings
        self._ours = _settings = Settings(threads, block, _start(threads) if threads > 1 else None, road)

    def end(self) -> None:
        """End the mode, and stop its threads; a second time it does nothing."""
        global _settings
        if self._ours.pool is not None:
            self._ours.pool.shutdown()
        if _settings is self._ours:
            _settings = self._before

    @staticmethod
    def loops(loss: Any, short: bool = False) -> str:
        """Return the loops that stand for the lines of a loss, as they are compiled.

        Parameters
        ----------
        loss : Loss
            A loss object, such as ``lossbook.Huber()``.
        short : bool
            Whether rows are shorter than 32 numbers: they are laid out side by side.

        Returns
        -------
        str
            The text of a function, value and slope in one pass; a notebook shows it as code.

        Raises
        ------
        NotImplementedError
            If the loss goes by its plain lines.
        ImportError
            If Numba is not installed.
        """
        _road(needed=True)
        from lossbook.compiled.road import text_of_loops

        return text_of_loops(loss, short)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()


def compiled_road():
    """Return the way through compiled loops where :class:`fast` has opened it, None elsewhere."""
    return _settings.road


def can_compile():
    """Tell whether Numba is installed, and not told to leave Python as it is."""
    return find_spec("numba") is not None and os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


def _road(needed):
    if not can_compile():
        lacking = (
            "Received fast() where Numba is not installed, or told not to compile; expected it for compiled "
            "loops, without which large batches go to threads alone. Install it with: "
            "pip install 'lossbook[fast]'"
        )
        if needed:
            raise ImportError(lacking) from None
        warnings.warn(lacking, stacklevel=3)
        return None
    from lossbook.compiled.road import evaluate  # loads Numba

    return evaluate


def _processors():
    """Return how many threads this process may use."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")  # joblib sets it for its workers
    return min(here, int(limit)) if limit.isdigit() and int(limit) else here


def _start(threads):
    from concurrent.futures import ThreadPoolExecutor  # loaded by those who ask for threads

    return ThreadPoolExecutor(threads, "lossbook")


def _forget_threads():
    global _settings
    _settings = replace(_settings, pool=None)  # a forked process has none of its parent's threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


# --- the function form --------------------------------------------------------------------


def in_blocks(function, y_true, y_pred, **parameters):
    """Call a loss function, or the gradient of one, block by block: the same result, sooner.

    Parameters
    ----------
    function : callable
        A function of the catalogue, such as ``lossbook.huber`` or ``lossbook.huber_gradient``.
    y_true, y_pred : array_like
        As `function` takes them.
    **parameters
        The function's own parameters, by name.

    Returns
    -------
    numpy.ndarray
        What ``function(y_true, y_pred, **parameters)`` returns.

    Raises
    ------
    KeyError
        If the function is not in the catalogue.
    TypeError, ValueError
        As `function` does.

    Examples
    --------
    >>> import lossbook
    >>> in_blocks(lossbook.mean_squared_error_gradient, [[0.0, 0.0]], [[1.0, 3.0]])
    array([[1., 3.]])
    """
    is_gradient = getattr(function, "__name__", "").endswith("_gradient")
    spec = spec_of_gradient(function) if is_gradient else spec_of(function)
    batch = batch_of(spec, y_true, y_pred, parameters)
    if batch is not None:
        values = None if is_gradient else batch.empty_values()
        slopes = batch.empty_slopes() if is_gradient else None
        if batch.fill(values, slopes):
            return slopes if is_gradient else values
    return function(y_true, y_pred, **parameters)


# --- the class form -----------------------------------------------------------------------


def at_once(loss, y_true, y_pred, sample_weight, mask, with_gradient, out=None):
    """Take a short road to the reduced value and slope of a loss: a batch as one row, or by blocks.

    Returns
    -------
    tuple or None
        Value and slope (None unless asked for); None where there is no short road.
    """
    out, found = _writable(out, y_true, y_pred), None
    if sample_weight is None and mask is None and loss.reduction not in ("none", None):
        found = _of_one_row(loss, y_true, y_pred, with_gradient, out)
    if found is None and is_large(y_pred):
        found = _of_rows(loss, y_true, y_pred, sample_weight, mask, with_gradient, out)
    return found


def _of_one_row(loss, y_true, y_pred, with_gradient, out):
    """Evaluate a batch as one long row; None where that cannot be done, or the sum is not finite."""
    row, count = as_one_row(loss.spec, y_true, y_pred, loss.parameters)
    if row is None:
        return None
    scale = 1.0  # from the value of that row to the loss: the mean of all is the mean of the means
    if loss.spec.splits == "mean" and loss.reduction == "sum":
        scale = float(count)
    elif loss.spec.splits == "sum" and loss.reduction != "sum":
        scale = 1.0 / count
    slope = None
    if is_large(y_pred):
        value = np.empty(())
        if with_gradient:
            slope = np.empty(y_pred.shape, y_pred.dtype) if out is None else out
        if not row.fill(value, slope if slope is None else slope.reshape(-1), scale):
            return None
    else:
        value = loss.function(row.labels, row.predictions, **row.parameters)
        if with_gradient:
            slope = loss.spec.gradient(row.labels, row.predictions, **row.parameters)
            slope = (slope if scale == 1.0 else slope * scale).reshape(y_pred.shape)
    result = value * scale
    return (y_pred.dtype.type(result), slope) if math.isfinite(result) else None


def _of_rows(loss, y_true, y_pred, sample_weight, mask, with_gradient, out):
    """Evaluate a large batch in blocks of rows; None where that cannot be done, or a row does not count."""
    batch = batch_of(loss.spec, y_true, y_pred, loss.parameters)
    if batch is None:
        return None
    values = batch.empty_values()
    narrowed = loss.narrowed(mask, values, y_true, y_pred)
    weights, divisor = weights_and_divisor(values, sample_weight, narrowed, loss.reduction)
    if not (sample_weight is None and mask is None) and not np.all(weights):
        return None
    slope = None
    if with_gradient:
        slope = batch.empty_slopes()
        slope = slope if out is None else out.reshape(slope.shape)
    if not batch.fill(values, slope, weights / divisor if divisor else 0.0):
        return None
    return add_up(values, weights, divisor, loss.reduction), slope


def _writable(out, y_true, y_pred):
    """Return `out` where blocks may write straight into it: of their type, and apart from the data."""
    if out is None or out.dtype.char != getattr(getattr(y_pred, "dtype", None), "char", "d"):
        return None
    if out.dtype.char not in "fd" or not out.flags.c_contiguous:
        return None
    return None if np.may_share_memory(out, y_pred) or np.may_share_memory(out, y_true) else out


# --- a batch that can be cut --------------------------------------------------------------


@dataclass(slots=True)
class Batch:
    """Labels and predictions with the loss's own axis last, so that rows can be cut.

    Attributes
    ----------
    spec : LossSpec
        The loss.
    labels : numpy.ndarray
        A view of the labels given.
    predictions : numpy.ndarray
        A view of the predictions given.
    parameters : dict
        The loss's parameters; an `axis` among them is -1 now.
    axis : int
        Where the loss's own axis was.
    """

    spec: object
    labels: np.ndarray
    predictions: np.ndarray
    parameters: dict
    axis: int = -1

    @property
    def dtype(self):
        """The floating type that values and slopes come in."""
        return computed_in(self.predictions.dtype)

    @property
    def widest(self):
        """Bytes of a number, of labels or predictions; labels that are no floats are computed as float64."""
        labels = self.labels.dtype.itemsize if is_float(self.labels.dtype) else 8
        alike = self.labels.shape == self.predictions.shape
        return max(self.dtype.itemsize, labels if alike else 0)

    def empty_values(self):
        """Make an empty array of one value for each row."""
        return np.empty(self.predictions.shape[:-1], self.dtype)

    def empty_slopes(self):
        """Make an empty array of one slope for each prediction, the axes in the order given."""
        return np.empty(np.moveaxis(self.predictions, -1, self.axis).shape, self.dtype)

    def fill(self, values=None, slopes=None, upstream=1.0):
        """Compute values, slopes or both, block by block, into the arrays given.

        Parameters
        ----------
        values : numpy.ndarray, optional
            An array for one value for each row.
        slopes : numpy.ndarray, optional
            An array for one slope for each prediction, the axes in the order given.
        upstream : float or numpy.ndarray
            What multiplies the slopes: one number, or one for each row.

        Returns
        -------
        bool
            False where a block was refused, say for a label out of range: then the plain
            call, of the whole batch, names the place.
        """
        keep_freed()
        rows, width = self.predictions.shape[:-1], self.predictions.shape[-1]
        slopes = None if slopes is None else np.moveaxis(slopes, self.axis, -1)
        limit = max(1, _settings.block // self.widest)  # numbers in a block
        if width <= limit or self.spec.splits == "rows":
            upstream = np.asarray(upstream, self.dtype)
            upstream = upstream[..., np.newaxis] if upstream.ndim else upstream

            def work(place):
                labels, predictions = by_columns(self.labels[place], self.predictions[place])
                if values is not None:
                    values[place] = self.spec.cls.function(labels, predictions, **self.parameters)
                if slopes is not None:
                    slope = self.spec.gradient(labels, predictions, **self.parameters)
                    np.multiply(slope, upstream[place] if upstream.ndim else upstream, out=slopes[place])

            return do_at(work, places_of(rows, max(1, limit // width)), self.predictions.size)

        # A row longer than a block is cut into pieces; each has its part in the row's value.
        pieces = [slice(start, min(start + limit, width)) for start in range(0, width, limit)]
        parts = np.array([(piece.stop - piece.start) / width for piece in pieces])
        parts = parts if self.spec.splits == "mean" else np.ones(len(pieces))
        found = np.empty((*rows, len(pieces)), np.result_type(np.float64, self.dtype))  # for a long sum
        weights = np.broadcast_to(np.asarray(upstream)[..., np.newaxis] * parts, found.shape)

        def work_on_piece(place):
            row, number = place[:-1], place[-1]
            at = (*row, pieces[number])
            labels, predictions = self.labels[at], self.predictions[at]
            if values is not None:
                found[place] = self.spec.cls.function(labels, predictions, **self.parameters)
            if slopes is not None:
                slope = self.spec.gradient(labels, predictions, **self.parameters)
                np.multiply(slope, float(weights[place]), out=slopes[at])

        places = itertools.product(*map(range, found.shape))
        done = do_at(work_on_piece, places, self.predictions.size)
        if done and values is not None:
            values[...] = np.add.reduce(found * parts, axis=-1)
        return done


def batch_of(spec, y_true, y_pred, parameters):
    """Return a batch that can be cut; None where it is small, or says something only as a whole."""
    if spec.splits is None:
        return None
    try:
        labels, predictions = np.asarray(y_true), np.asarray(y_pred)
    except ValueError:  # a ragged list: the plain call says so
        return None
    if not is_large(predictions) or not is_float(predictions.dtype):
        return None
    if spec.splits != "rows":  # number against number
        labels, predictions = align_ranks(labels, predictions)
    axis = parameters.get("axis", -1)
    if not -predictions.ndim <= axis < predictions.ndim:
        return None
    if axis not in (-1, predictions.ndim - 1):
        labels = np.moveaxis(labels, axis, -1) if labels.ndim == predictions.ndim else labels
        predictions = np.moveaxis(predictions, axis, -1)
        parameters = {**parameters, "axis": -1}
    elif "axis" in parameters:
        parameters = {**parameters, "axis": -1}
    if not are_rows(labels.shape, predictions.shape) or not predictions.ndim:
        return None
    if spec.inseparable is not None and spec.inseparable(labels):
        return None
    return Batch(spec, labels, predictions, parameters, axis)


@functools.cache
def keep_freed():
    """Make and free one array of 1 MiB, once in a process, before the first blocks.

    A C library new to such arrays gives the memory of each block's steps back to the system
    as soon as they are done, and finds and clears it again for the next: a loss of many steps
    then takes twice as long. One array of that size, freed, and glibc keeps up to 2 MiB.
    """
    np.empty(KEPT, dtype=np.uint8)


def are_rows(labels, predictions):
    """Tell whether labels of one shape can be cut along with predictions of another.

    They can where they are alike, or there is one label for each row. A last axis of length
    1 leaves open which of the two is meant, so such a batch is not cut.

    Examples
    --------
    >>> are_rows((5, 3), (5, 3)), are_rows((5,), (5, 3)), are_rows((5, 1), (5, 3)), are_rows((5,), (5, 1))
    (True, True, True, False)
    """
    if labels == predictions:
        return True
    rows, width = predictions[:-1], predictions[-1]
    return width > 1 and labels in (rows, (*rows, 1))


def as_one_row(spec, y_true, y_pred, parameters):
    """Return a batch as one single row, where the mean of all its entries is all that is asked for.

    A mean of means, of rows alike in length, is the mean of all: a loss whose value is the
    mean of one cost for each entry then need not look at rows at all. Likewise for sums.

    Returns
    -------
    batch : Batch or None
        One row; None where the loss is of another kind, or the arrays do not lie alike in memory.
    count : int
        How many rows there were.
    """
    if spec.splits not in ("mean", "sum") or type(y_pred) is not np.ndarray or type(y_true) is not np.ndarray:
        return None, 0
    if not y_pred.ndim:  # a single number is refused with the words of its loss
        return None, 0
    if y_true.shape != y_pred.shape:
        y_true, y_pred = align_ranks(y_true, y_pred)
    dtype = y_pred.dtype
    if y_true.shape != y_pred.shape or dtype.char not in "fd" or not dtype.isnative or not y_pred.size:
        return None, 0
    if not (y_true.flags.c_contiguous and y_pred.flags.c_contiguous):
        return None, 0
    axis = -1
    if "axis" in parameters:
        axis = parameters["axis"]
        if not -y_pred.ndim <= axis < y_pred.ndim:
            return None, 0
        parameters = {**parameters, "axis": -1}
    if spec.inseparable is not None and is_large(y_pred) and spec.inseparable(y_true):
        return None, 0
    row = Batch(spec, y_true.reshape(-1), y_pred.reshape(-1), parameters)
    return row, y_pred.size // y_pred.shape[axis]


def is_large(array):
    """Tell whether an array is larger than a block; what is no array counts as small."""
    return getattr(array, "nbytes", 0) > _settings.block


def by_columns(labels, predictions):
    """Lay short rows out column by column; other arrays stay as they are.

    Examples
    --------
    >>> by_columns(np.zeros((5, 2)), np.zeros((5, 2)))[1].strides
    (8, 40)
    """
    if (
        predictions.ndim < 2
        or predictions.shape[-1] >= SHORT_ROW
        or predictions.strides[-1] > predictions.itemsize
    ):
        return labels, predictions
    if labels.shape == predictions.shape:
        labels = np.asfortranarray(labels)
    return labels, np.asfortranarray(predictions)


def places_of(shape, most):
    """Yield indices that cut an array of rows into blocks of at most `most` rows each.

    Parameters
    ----------
    shape : tuple of int
        The rows, along any number of axes.
    most : int
        How many rows a block may have, 1 or more.

    Yields
    ------
    tuple
        Whole numbers for the first axes, a slice for the last that is cut.

    Examples
    --------
    >>> list(places_of((5,), 2))
    [(slice(0, 2, None),), (slice(2, 4, None),), (slice(4, 5, None),)]
    >>> list(places_of((2, 3), 4))
    [(slice(0, 1, None),), (slice(1, 2, None),)]
    """
    inner = math.prod(shape[1:])
    if not shape:
        yield ()
    elif inner <= most:
        step = most // max(1, inner)
        for start in range(0, shape[0], step):
            yield (slice(start, min(start + step, shape[0])),)
    else:
        for place in range(shape[0]):
            for rest in places_of(shape[1:], most):
                yield (place, *rest)


def do_at(work, places, size):
    """Do the work at every place, by the threads of the fast mode where there are any.

    Returns
    -------
    bool
        False where a place was refused with a TypeError or a ValueError.
    """
    try:
        if _settings.pool is None or size < FOR_THREADS:
            for place in places:
                work(place)
        else:
            _do_by_threads(work, list(places))
    except (TypeError, ValueError):
        return False
    return True


def _do_by_threads(work, places):
    from concurrent.futures import wait

    handling = np.geterr()  # each thread has its own

    places = iter(places)  # shared: each thread takes the next that is left

    def run():
        with np.errstate(**handling):
            for place in places:
                work(place)

    started = [_settings.pool.submit(run) for _ in range(_settings.threads)]
    wait(started)  # all of them, so that none still writes once this returns
    for one in started:
        one.result()
