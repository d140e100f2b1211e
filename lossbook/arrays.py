"""What every loss does before its mathematics: arrays of one shape, parameters in range.

A call that cannot mean anything stops here, with a message that says what was
received, what was expected, and what to do.
"""

from numbers import Integral, Real

import numpy as np

EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1, so that their logarithm is finite (Keras's value)."""

FEW = 2048
"""For fewer numbers than this, one slow call of NumPy costs less than several fast ones."""

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


# --- arrays -------------------------------------------------------------------------------


def as_float(name, given):
    """Turn array-like numbers into a floating-point array.

    Parameters
    ----------
    name : str
        What the array is called in messages.
    given : array_like
        Any shape, any unit. Floating types are kept, but for ``bfloat16``, which becomes
        ``float32``: of ones, its sum stops at 256. Integers, booleans and lists become
        ``float64``.

    Returns
    -------
    numpy.ndarray
        The same numbers, same shape; no copy where none is needed.

    Raises
    ------
    TypeError
        If the entries are not real numbers (text, objects, complex numbers, dates).
    ValueError
        If the rows of a list have different lengths.

    Examples
    --------
    >>> as_float("y_pred", [1, 2]).dtype
    dtype('float64')
    """
    if type(given) is np.ndarray and (given.dtype is _FLOAT32 or given.dtype is _FLOAT64):
        return given  # nearly always, and then at no cost
    try:
        array = np.asarray(given)
    except ValueError:
        lengths = [len(row) if hasattr(row, "__len__") else "no length" for row in given]
        raise ValueError(
            f"Received {name} as a ragged list (rows of length {_shortened(lengths)}); "
            "expected rows of one length. Pad the short rows and pass a mask, or split the batch."
        ) from None
    if is_float(array.dtype):
        native = np.float32 if array.dtype.name == "bfloat16" else array.dtype.newbyteorder("=")
        return array.astype(native, copy=False)
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    raise TypeError(
        f"Received {name} with entries of type {_kind_of(array)}; expected real numbers. "
        "Convert them first, for example with numpy.asarray(values, dtype=float)."
    )


def as_pair(y_true, y_pred, axis=-1):
    """Turn labels and predictions into two float arrays of one shape.

    Two shapes are made to agree in one case only, as in Keras 3: when they differ by
    a last axis of length 1, such as ``(N,)`` against ``(N, 1)``. Nothing broadcasts.

    Parameters
    ----------
    y_true, y_pred : array_like
        Labels and predictions, at least one axis, at least one entry.
    axis : int
        The axis the loss works along: looked at only to see that it exists.

    Returns
    -------
    y_true, y_pred : numpy.ndarray
        One shape, and the floating type of `y_pred`.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ, there is no such axis, or there is nothing to average.

    Examples
    --------
    >>> y_true, y_pred = as_pair([1, 2, 3], [[1.5], [2.5], [3.5]])
    >>> y_true.shape, y_pred.shape
    ((3, 1), (3, 1))
    """
    predictions = as_float("y_pred", y_pred)
    labels = as_float("y_true", y_true)
    if labels.shape != predictions.shape:
        labels, predictions = align_ranks(labels, predictions)
    if labels.shape != predictions.shape:
        raise ValueError(
            f"Received y_true of shape {labels.shape} and y_pred of shape {predictions.shape}; "
            "expected one shape for both, since a loss compares number with number. "
            "Reshape one of them, or check which axis holds the samples."
        )
    check_not_empty("y_pred", predictions)
    check_axis(axis, predictions)
    if labels.dtype is predictions.dtype:
        return labels, predictions
    return labels.astype(predictions.dtype, copy=False), predictions


def as_labels(y_true, y_pred, axis=-1):
    """Turn class numbers into an index array, and class scores into a float array.

    Parameters
    ----------
    y_true : array_like of int
        Class numbers 0 … K-1. Shape: that of `y_pred` without `axis`, or with length 1 there.
        Fractions are cut off, as Keras does.
    y_pred : array_like
        One score for each class along `axis`.
    axis : int
        The axis of the K classes.

    Returns
    -------
    labels : numpy.ndarray of int64
        The shape of `y_pred` with length 1 along `axis`.
    scores : numpy.ndarray
        `y_pred` as floats.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes do not fit, a label is NaN or infinite, or the batch is empty.

    Examples
    --------
    >>> labels, scores = as_labels([2, 0], [[0.1, 0.2, 0.7], [0.8, 0.1, 0.1]])
    >>> labels.tolist(), scores.shape
    ([[2], [0]], (2, 3))
    """
    scores = as_float("y_pred", y_pred)
    is_whole = isinstance(y_true, np.ndarray) and y_true.dtype.kind in "iu"
    numbers = y_true if is_whole else as_float("y_true", y_true)
    check_not_empty("y_pred", scores)
    check_axis(axis, scores)
    place = axis % scores.ndim
    one_a_row = scores.shape[:place] + scores.shape[place + 1 :]
    if numbers.ndim == scores.ndim and numbers.shape[axis] == 1:
        numbers = numbers.squeeze(axis)
    if numbers.shape != one_a_row:
        hint = "Class numbers are not one-hot: for one-hot labels use categorical_crossentropy."
        if numbers.shape != scores.shape:
            hint = "Give one class number for each row of scores."
        raise ValueError(
            f"Received y_true of shape {numbers.shape} and y_pred of shape {scores.shape}; "
            f"expected y_true of shape {one_a_row}, one class number a row. {hint}"
        )
    if not is_whole and not np.isfinite(numbers).all():
        raise ValueError(
            "Received y_true with NaN or infinity; expected class numbers 0, 1, 2, … "
            "Remove those rows, or mark them with ignore_class."
        )
    return numbers.astype(np.int64, copy=False).reshape(
        scores.shape[:place] + (1,) + scores.shape[place + 1 :]
    ), scores


def as_whole(name, given):
    """Turn numbers into ``int64``; fractions are cut off, as Keras does.

    Raises
    ------
    TypeError
        If the entries are not real numbers.
    ValueError
        If an entry is NaN or infinite.

    Examples
    --------
    >>> as_whole("y_true", [1.0, 2.7])
    array([1, 2])
    """
    numbers = as_float(name, given)
    if not np.isfinite(numbers).all():
        raise ValueError(f"Received {name} with NaN or infinity; expected whole numbers. Remove those rows.")
    return numbers.astype(np.int64)


def align_ranks(labels, predictions):
    """Add or drop one last axis of length 1 where that alone makes two ranks equal (Keras 3's rule).

    Examples
    --------
    >>> first, second = align_ranks(np.zeros(3), np.zeros((3, 1)))
    >>> first.shape
    (3, 1)
    """
    if labels.ndim == predictions.ndim + 1 and labels.shape[-1] == 1:
        if predictions.ndim == 1:
            return labels, predictions[:, np.newaxis]
        return labels.squeeze(-1), predictions
    if predictions.ndim == labels.ndim + 1 and predictions.shape[-1] == 1:
        if labels.ndim == 1:
            return labels[:, np.newaxis], predictions
        return labels, predictions.squeeze(-1)
    return labels, predictions


def mean_of(numbers, axis=-1):
    """Return the mean along an axis: what ``numbers.mean(axis)`` returns, in half its time.

    Examples
    --------
    >>> mean_of(np.array([[1.0, 3.0], [2.0, 4.0]]))
    array([2., 3.])
    """
    return np.add.reduce(numbers, axis) / numbers.shape[axis]


def log_one_plus(numbers):
    """Return log(1 + x), exact near 0: ``np.log1p``, on many processors in a third of its time.

    The sum 1 + x is rounded; what the rounding lost is known exactly, and its share is put back.
    For few numbers, for which one call is cheaper than six, it is ``np.log1p`` itself.

    Parameters
    ----------
    numbers : numpy.ndarray
        From -1 on.

    Returns
    -------
    numpy.ndarray
        The same shape, in nats.

    Examples
    --------
    >>> log_one_plus(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.6931])
    """
    if numbers.size < FEW or numbers.dtype.itemsize < 4:
        return np.log1p(numbers)
    with np.errstate(invalid="ignore"):
        total = 1.0 + numbers  # rounded
        lost = numbers - (total - 1.0)  # what the rounding took
        share = np.fmin(lost / total, 1.0)  # a number, also where the total is 0 or infinite
        result = np.log(total) + share  # put back
    return result


def laid_along(numbers, array, axis):
    """Lay a row of numbers along one axis of an array: the other axes get length 1.

    Examples
    --------
    >>> laid_along(np.arange(3), np.zeros((3, 2)), axis=0).shape
    (3, 1)
    """
    shape = [1] * array.ndim
    shape[axis] = numbers.size
    return numbers.reshape(shape)


def chosen_among(scores, index, axis):
    """Return each row's score at its index: ``np.take_along_axis``, in a third of its time for tables.

    Examples
    --------
    >>> chosen_among(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1], [0]]), axis=-1)
    array([[2.],
           [3.]])
    """
    if scores.ndim == 2 and axis in (-1, 1):
        return scores[np.arange(len(scores)).reshape(-1, 1), index]
    return np.take_along_axis(scores, index, axis)


def unless_ignored(labels, ignore_class=None):
    """Tell which labels count: all but those of the ignored class.

    Examples
    --------
    >>> unless_ignored(np.array([0, 255]), 255), unless_ignored(np.array([0, 255]))
    (array([ True, False]), array([ True,  True]))
    """
    if ignore_class is None:  # to compare with None is slow
        return np.ones(labels.shape, dtype=bool)
    return labels != ignore_class


def in_parts(array, size=16 * 1024):
    """Yield the entries of an array in parts of one axis, small enough to stay in cache.

    Examples
    --------
    >>> [part.tolist() for part in in_parts(np.array([[1, 2], [3, 4]]), size=3)]
    [[1, 2, 3], [4]]
    """
    flat = array.reshape(-1)
    for start in range(0, flat.size, size):
        yield flat[start : start + size]


def is_float(dtype):
    """Tell whether a type is a floating type, ``bfloat16`` included.

    Examples
    --------
    >>> is_float(np.dtype("float16")), is_float(np.dtype("int64"))
    (True, False)
    """
    return dtype.kind == "f" or dtype.kind == "V" and dtype.name == "bfloat16"


def as_given(result, data):
    """Return a result in the 16-bit type of its data, where it was computed in a wider one.

    Examples
    --------
    >>> as_given(np.float32(0.1), np.zeros(3, "float16"))
    np.float16(0.1)
    """
    dtype = getattr(data, "dtype", None)
    if isinstance(dtype, np.dtype) and is_float(dtype) and dtype.itemsize == 2:
        return result.astype(dtype)
    return result


def as_dtype(given):
    """Turn a name such as ``"float32"`` or ``"bfloat16"`` into a NumPy floating type, None into None.

    Raises
    ------
    TypeError
        If the name is no floating type, or ``bfloat16`` is asked for without ``ml_dtypes``.

    Examples
    --------
    >>> as_dtype("float32")
    dtype('float32')
    """
    if given is None:
        return None
    try:
        dtype = _bfloat16() if str(given) == "bfloat16" else np.dtype(given)
    except TypeError:
        dtype = None
    if dtype is None or not is_float(dtype):
        raise TypeError(
            f"Received dtype={given!r}; expected a floating type. "
            "Use 'float64', 'float32', 'float16' or 'bfloat16', or None to keep the input's."
        )
    return dtype


def _bfloat16():
    try:
        import ml_dtypes
    except ImportError:
        raise TypeError(
            "Received dtype='bfloat16'; expected the package ml_dtypes, which defines it. "
            "Install it with: pip install ml_dtypes"
        ) from None
    return np.dtype(ml_dtypes.bfloat16)


def _kind_of(array):
    kinds = {"U": "text", "S": "bytes", "c": "complex number", "M": "date", "m": "time span", "O": "object"}
    kind = kinds.get(array.dtype.kind, str(array.dtype))
    if kind == "object" and array.size:
        kind = f"object ({type(array.flat[0]).__name__})"
    return kind


def _shortened(items, most=4):
    shown = ", ".join(str(item) for item in items[:most])
    return shown + (", …" if len(items) > most else "")


# --- checks -------------------------------------------------------------------------------


def check_not_empty(name, array):
    """Raise a ValueError where an array has no axis or no entry to average."""
    if array.ndim == 0:
        raise ValueError(
            f"Received {name} as a single number (shape ()); expected at least one axis. "
            "Put it in brackets: [value]."
        )
    if array.size == 0:
        raise ValueError(
            f"Received {name} of shape {array.shape}, an empty batch; expected at least one entry. "
            "The mean of nothing is undefined: skip the empty batch."
        )


def check_axis(axis, array):
    """Raise a ValueError where an array has no such axis."""
    is_whole = type(axis) is int or isinstance(axis, Integral) and not isinstance(axis, bool)
    if not is_whole or not -array.ndim <= axis < array.ndim:
        raise ValueError(
            f"Received axis={axis!r} for y_pred of shape {array.shape}; expected a whole number from "
            f"{-array.ndim} to {array.ndim - 1}. The last axis is -1."
        )


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


def check_labels(labels, classes, ignore_class=None, *, can_ignore=True):
    """Raise a ValueError where a class number lies outside 0 … classes - 1 and is not ignored."""
    outside = (labels < 0) | (labels >= classes)
    if ignore_class is not None:
        outside = outside & (labels != ignore_class)
    if outside.any():
        place = tuple(np.argwhere(outside)[0].tolist())
        raise ValueError(
            f"Received class number {labels[place]} at position {place}; expected 0 … {classes - 1} "
            f"for {classes} classes. Class numbers start at 0: subtract 1 if yours start at 1"
            + (", or name the number with ignore_class." if can_ignore else ".")
        )


def check_row_sums(totals):
    """Raise a ValueError where a row of probabilities sums to 0 and cannot be scaled to sum to 1."""
    if (totals == 0).any():
        place = tuple(np.argwhere(totals == 0)[0].tolist())
        raise ValueError(
            f"Received a row of y_pred that sums to 0 (position {place}); expected probabilities "
            "that sum to 1. Pass softmax outputs, or the scores themselves with from_logits=True."
        )


def check_rate(y_pred):
    """Raise a ValueError where a Poisson rate is so negative that its logarithm is undefined."""
    lowest = y_pred.min()
    if lowest <= -EPSILON:
        place = tuple(np.argwhere(y_pred <= -EPSILON)[0].tolist())
        raise ValueError(
            f"Received a negative rate, y_pred = {float(y_pred[place]):.6g} at position {place}; expected "
            "mean counts of 0 or more. End the model in softplus or exp, which are positive."
        )


def check_not_negative(name, powers, exponent):
    """Raise a ValueError where a fractional power of a negative number is asked for."""
    if float(exponent).is_integer():
        return
    if powers.min() < 0:
        place = tuple(np.argwhere(powers < 0)[0].tolist())
        raise ValueError(
            f"Received a {name} of {float(powers[place]):.6g} at position {place}; expected 0 or more, since "
            f"a negative number has no power of {exponent:g}. Pass probabilities, from softmax or sigmoid."
        )


def class_weights(alpha, y_pred, axis):
    """Turn one weight, or one for each class, into an array that multiplies `y_pred` along `axis`.

    Raises
    ------
    ValueError
        If there are weights for more or fewer classes than `y_pred` has.

    Examples
    --------
    >>> class_weights([0.2, 0.8], np.zeros((3, 2)), axis=-1)
    array([[0.2, 0.8]])
    """
    weights = np.asarray(alpha, dtype=y_pred.dtype)
    if weights.ndim == 0:
        return weights
    classes = y_pred.shape[axis]
    if weights.shape != (classes,):
        raise ValueError(
            f"Received alpha with {weights.size} weights for {classes} classes; expected one weight, or one "
            f"for each class. y_pred has the shape {y_pred.shape}, and its classes lie along axis {axis}."
        )
    return laid_along(weights, y_pred, axis)


def check_scalar(name, value):
    """Raise a ValueError where a loss takes one number and got several."""
    if not _is_number(value):
        raise ValueError(
            f"Received {name}={value!r}; expected one number. "
            "A weight for each class is for categorical_focal_crossentropy."
        )


def _check_positive(name, value):
    if not (_is_number(value) and value > 0):
        raise ValueError(f"Received {name}={value!r}; expected a number above 0. Keras's default is 1.0.")


def _check_unit_interval(name, value):
    if not (_is_number(value) and 0 <= value <= 1):
        raise ValueError(
            f"Received {name}={value!r}; expected a number from 0 to 1. 0 leaves the labels as they are."
        )


def _check_open_interval(name, value):
    if not (_is_number(value) and 0 < value < 1):
        raise ValueError(
            f"Received {name}={value!r}; expected a number between 0 and 1, both excluded. Towards 0 the "
            "loss becomes cross-entropy, towards 1 the absolute error: use those losses for the ends."
        )


def _check_not_below_zero(name, value):
    if not (_is_number(value) and 0 <= value < np.inf):
        raise ValueError(
            f"Received {name}={value!r}; expected a finite number of 0 or more. "
            f"Leave {name} out to get Keras's default."
        )


def _check_weights(name, value):
    several = isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) == 1 and len(value) > 0
    for one in value if several else [value]:
        _check_not_below_zero(name, one)


def _check_finite(name, value):
    if not (_is_number(value) and np.isfinite(value)):
        raise ValueError(f"Received {name}={value!r}; expected a finite number. Keras's default is 0.4.")


def _check_axis(name, value):
    for one in value if isinstance(value, (tuple, list)) else [value]:
        if one is not None and not isinstance(one, Integral) or isinstance(one, bool):
            raise ValueError(f"Received {name}={value!r}; expected a whole number. The last axis is -1.")


def _check_index(name, value):
    if not (value is None or (_is_number(value) and float(value).is_integer())):
        raise ValueError(
            f"Received {name}={value!r}; expected a whole number, or None to ignore nothing. "
            "The usual choices are -1 and 255."
        )


def _check_flag(name, value):
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"Received {name}={value!r}; expected True or False.")


def _is_number(value):
    return type(value) in (float, int) or isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


PARAMETER_CHECKS = {
    "alpha": _check_weights,
    "apply_class_balancing": _check_flag,
    "axis": _check_axis,
    "beta": _check_not_below_zero,
    "delta": _check_positive,
    "from_logits": _check_flag,
    "gamma": _check_not_below_zero,
    "ignore_class": _check_index,
    "label_smoothing": _check_unit_interval,
    "margin": _check_finite,
    "q": _check_open_interval,
    "remove_diagonal": _check_flag,
}
"""What a parameter's value must be, by name; parameters not listed here are free."""


def check_parameters(**parameters):
    """Raise a ValueError where a loss's parameter is outside its range.

    Examples
    --------
    >>> check_parameters(delta=-1.0)
    Traceback (most recent call last):
    ...
    ValueError: Received delta=-1.0; expected a number above 0. Keras's default is 1.0.
    """
    for name, value in parameters.items():
        if name in PARAMETER_CHECKS:
            PARAMETER_CHECKS[name](name, value)
