"""What every loss does before its mathematics: arrays of one shape, parameters in range.

A call that cannot mean anything stops here, with a message that says what was
received, what was expected, and what to do.
"""

from numbers import Real

import numpy as np

EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1, so that their logarithm is finite (Keras's value)."""


# --- arrays -------------------------------------------------------------------------------


def as_float(name, given):
    """Turn array-like numbers into a floating-point array.

    Parameters
    ----------
    name : str
        What the array is called in messages.
    given : array_like
        Any shape, any unit. Floating types are kept, ``bfloat16`` included;
        integers, booleans and lists become ``float64``.

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
    try:
        array = np.asarray(given)
    except ValueError:
        lengths = [len(row) if hasattr(row, "__len__") else "no length" for row in given]
        raise ValueError(
            f"Received {name} as a ragged list (rows of length {_shortened(lengths)}); "
            "expected rows of one length. Pad the short rows and pass a mask, or split the batch."
        ) from None
    if is_float(array.dtype):
        return array
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    raise TypeError(
        f"Received {name} with entries of type {_kind_of(array)}; expected real numbers. "
        "Convert them first, for example with numpy.asarray(values, dtype=float)."
    )


def as_pair(y_true, y_pred):
    """Turn labels and predictions into two float arrays of one shape.

    Two shapes are made to agree in one case only, as in Keras 3: when they differ by
    a last axis of length 1, such as ``(N,)`` against ``(N, 1)``. Nothing broadcasts.

    Parameters
    ----------
    y_true, y_pred : array_like
        Labels and predictions, at least one axis, at least one entry.

    Returns
    -------
    y_true, y_pred : numpy.ndarray
        One shape, and the floating type of `y_pred`.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ, there is no axis, or there is nothing to average.

    Examples
    --------
    >>> y_true, y_pred = as_pair([1, 2, 3], [[1.5], [2.5], [3.5]])
    >>> y_true.shape, y_pred.shape
    ((3, 1), (3, 1))
    """
    predictions = as_float("y_pred", y_pred)
    labels = as_float("y_true", y_true)
    labels, predictions = align_ranks(labels, predictions)
    if labels.shape != predictions.shape:
        raise ValueError(
            f"Received y_true of shape {labels.shape} and y_pred of shape {predictions.shape}; "
            "expected one shape for both, since a loss compares number with number. "
            "Reshape one of them, or check which axis holds the samples."
        )
    check_not_empty("y_pred", predictions)
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
    numbers = as_float("y_true", y_true)
    check_not_empty("y_pred", scores)
    one_a_row = tuple(np.delete(scores.shape, axis).tolist())
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
    if not np.isfinite(numbers).all():
        raise ValueError(
            "Received y_true with NaN or infinity; expected class numbers 0, 1, 2, … "
            "Remove those rows, or mark them with ignore_class."
        )
    return np.expand_dims(numbers.astype(np.int64), axis), scores


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


def is_float(dtype):
    """Tell whether a type is a floating type, ``bfloat16`` included.

    Examples
    --------
    >>> is_float(np.dtype("float16")), is_float(np.dtype("int64"))
    (True, False)
    """
    return dtype.kind == "f" or dtype.name == "bfloat16"


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


def check_labels(labels, classes, ignore_class=None):
    """Raise a ValueError where a class number lies outside 0 … classes - 1 and is not ignored."""
    outside = (labels < 0) | (labels >= classes)
    if ignore_class is not None:
        outside = outside & (labels != ignore_class)
    if outside.any():
        place = tuple(np.argwhere(outside)[0].tolist())
        raise ValueError(
            f"Received class number {labels[place]} at position {place}; expected 0 … {classes - 1} "
            f"for {classes} classes. Class numbers start at 0: subtract 1 if yours start at 1, "
            "or name the number with ignore_class."
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


def _check_positive(name, value):
    if not (_is_number(value) and value > 0):
        raise ValueError(f"Received {name}={value!r}; expected a number above 0. Keras's default is 1.0.")


def _check_unit_interval(name, value):
    if not (_is_number(value) and 0 <= value <= 1):
        raise ValueError(
            f"Received {name}={value!r}; expected a number from 0 to 1. 0 leaves the labels as they are."
        )


def _check_index(name, value):
    if not (value is None or (_is_number(value) and float(value).is_integer())):
        raise ValueError(f"Received {name}={value!r}; expected a whole number or None.")


def _check_flag(name, value):
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"Received {name}={value!r}; expected True or False.")


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


PARAMETER_CHECKS = {
    "delta": _check_positive,
    "label_smoothing": _check_unit_interval,
    "from_logits": _check_flag,
    "ignore_class": _check_index,
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
