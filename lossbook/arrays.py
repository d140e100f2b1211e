"""What every loss does before its mathematics: arrays of one shape, parameters in range.

A call that cannot mean anything stops here, with a message that says what was
received, what was expected, and what to do.
"""

import numpy as np

from lossbook.checks import check_axis_number

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
        Any shape, any unit. Floating types are kept, but for the 16-bit types ``float16`` and
        ``bfloat16``, which become ``float32``: of ones, their sums stop at 2048 and 256.
        Integers, booleans and lists become ``float64``.

    Returns
    -------
    numpy.ndarray
        The same numbers, same shape; no copy where none is needed.

    Raises
    ------
    TypeError
        If the entries are not real numbers (text, objects, complex numbers, dates).
    ValueError
        If the rows of a list have different lengths, or entries are masked.

    Examples
    --------
    >>> as_float("y_pred", [1, 2]).dtype, as_float("y_pred", np.zeros(3, "float16")).dtype
    (dtype('float64'), dtype('float32'))
    """
    if type(given) is np.ndarray and (given.dtype is _FLOAT32 or given.dtype is _FLOAT64):
        return given  # nearly always, and then at no cost
    array = as_array(name, given)
    if is_float(array.dtype):
        return array.astype(computed_in(array.dtype), copy=False)
    return array.astype(np.float64)


def as_array(name, given):
    """Turn array-like numbers into an array, in the type they have.

    Raises
    ------
    TypeError, ValueError
        As :func:`as_float`.

    Examples
    --------
    >>> as_array("y_true", [1, 2]).dtype.kind
    'i'
    """
    if isinstance(given, np.ma.MaskedArray):
        if np.ma.is_masked(given):
            raise ValueError(
                f"Received {name} as a masked array with masked entries; expected plain numbers, and a mask "
                f"beside them. Pass {name}.data, and mask=~numpy.ma.getmaskarray({name}).any(axis=-1) to a "
                "loss object: it leaves out each sample with a gap."
            )
        given = given.data
    try:
        array = np.asarray(given)
    except Exception as problem:
        raise _unreadable(name, given, problem) from None
    if is_float(array.dtype) or array.dtype.kind in "biu":
        return array
    raise TypeError(
        f"Received {name} with entries of type {_kind_of(array)}; expected real numbers. "
        f"{_way_to_numbers(name, given, array)}"
    )


def _unreadable(name, given, problem):
    """Return the error for what NumPy cannot read: a ragged list, or a tensor that has no numbers yet."""
    if isinstance(given, (list, tuple)) and isinstance(problem, ValueError):
        lengths = [len(row) if hasattr(row, "__len__") else "no length" for row in given]
        return ValueError(
            f"Received {name} as a ragged list (rows of length {_shortened(lengths)}); "
            "expected rows of one length. Pad the short rows and pass a mask, or split the batch."
        )
    if hasattr(given, "detach"):
        return TypeError(
            f"Received {name} as a {type(given).__name__} that NumPy cannot read; expected numbers. lossbook "
            f"cannot train a model: pass {name}.detach().float().numpy(), and train with a loss of torch.nn."
        )
    return TypeError(
        f"Received {name} as a {type(given).__name__} without numbers; expected an array. lossbook cannot "
        "train a model: compile it with the loss of the same name in keras.losses."
    )


def _way_to_numbers(name, given, array):
    """Return what to do with an object that is not an array of numbers."""
    if type(given).__name__ == "SparseTensor":
        return f"Pass tensorflow.sparse.to_dense({name})."
    for method in ("to_tensor", "toarray"):  # ragged tensors; sparse matrices
        if hasattr(given, method):
            return f"Pass {name}.{method}()" + (
                ", and a mask for what it pads." if method == "to_tensor" else "."
            )
    if array.dtype.kind == "O" and hasattr(given, "to_numpy"):
        return f"Pass {name}.to_numpy(dtype=float, na_value=numpy.nan), and a mask for what is missing."
    if array.dtype.kind == "O" and any(entry is None for entry in array.flat):
        return f"Pass numpy.asarray({name}, dtype=float), where None becomes NaN, and a mask for the gaps."
    return "Convert them first, for example with numpy.asarray(values, dtype=float)."


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
    check_axis_number(axis)
    predictions = as_float("y_pred", y_pred)
    labels = as_float("y_true", y_true)
    if labels.shape != predictions.shape:
        labels, predictions = _aligned(labels, predictions)
    if not (predictions.size and -predictions.ndim <= axis < predictions.ndim):
        check_not_empty("y_pred", predictions)
        check_axis(axis, predictions)
    if labels.dtype is predictions.dtype:
        return labels, predictions
    return labels.astype(predictions.dtype, copy=False), predictions


def _aligned(labels, predictions):
    """Return labels and predictions with their ranks aligned, or raise an error that names both shapes."""
    first, second = align_ranks(labels, predictions)
    if first.shape == second.shape:
        return first, second
    hint = "Reshape one of them, or check which axis holds the samples."
    rows = predictions.shape[:-1]
    if labels.shape in (rows, (*rows, 1)) and (labels == np.floor(labels)).all():
        hint = (
            "If y_true holds class numbers, use sparse_categorical_crossentropy, or make them one-hot: "
            f"numpy.eye({predictions.shape[-1]})[y_true]."
        )
    raise ValueError(
        f"Received y_true of shape {labels.shape} and y_pred of shape {predictions.shape}; "
        f"expected one shape for both, since a loss compares number with number. {hint}"
    )


def as_integers(name, given):
    """Turn numbers into ``int64``; fractions are cut off, as Keras does.

    Raises
    ------
    TypeError
        If the entries are not real numbers.
    ValueError
        If an entry is NaN or infinite.

    Examples
    --------
    >>> as_integers("y_true", [1.0, 2.7])
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
    return sum_of(numbers, axis) / numbers.shape[axis]


def sum_of(numbers, axis=-1, keepdims=False):
    """Return the sum along an axis, in the type of the numbers.

    NumPy adds the last axis of an array in pairs, and any other one number after the other: over a
    long one, float32 would lose digits, and so its sum runs in float64.

    Examples
    --------
    >>> float(sum_of(np.full((1000000, 2), 0.1, "float32"), axis=0)[0].round(2))
    100000.0
    """
    if numbers.dtype is _FLOAT32 and numbers.shape[axis] > FEW and numbers.strides[axis] != 4:
        return np.add.reduce(numbers, axis, np.float64, None, keepdims).astype(np.float32)
    return np.add.reduce(numbers, axis, None, None, keepdims)


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


def is_float(dtype):
    """Tell whether a type is a floating type, ``bfloat16`` included.

    Examples
    --------
    >>> is_float(np.dtype("float16")), is_float(np.dtype("int64"))
    (True, False)
    """
    return dtype.kind == "f" or dtype.kind == "V" and dtype.name == "bfloat16"


def computed_in(dtype):
    """Return the type that data of a floating type are computed in: 16-bit types are widened.

    Examples
    --------
    >>> computed_in(np.dtype("float16"))
    dtype('float32')
    """
    return _FLOAT32 if dtype.itemsize == 2 else dtype.newbyteorder("=")


def float_type(array):
    """Return the floating type of an array, in which its slopes come; float64 for all that is none.

    Examples
    --------
    >>> float_type(np.zeros(3, "float16")), float_type([1, 2])
    (dtype('float16'), dtype('float64'))
    """
    dtype = getattr(array, "dtype", None)
    if isinstance(dtype, np.dtype) and is_float(dtype):
        return dtype.newbyteorder("=")
    dtype = as_array("y_pred", array).dtype
    return dtype if is_float(dtype) else _FLOAT64


def for_a_reader(y_true, y_pred):
    """Return arrays for a call that a reader wrote: whole numbers stay whole, 16-bit types are widened."""
    labels = as_array("y_true", y_true)
    return as_float("y_true", labels) if is_float(labels.dtype) else labels, as_float("y_pred", y_pred)


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
    check_axis_number(axis)
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(
            f"Received axis={axis!r} for y_pred of shape {array.shape}; expected a whole number from "
            f"{-array.ndim} to {array.ndim - 1}. The last axis is -1."
        )


def check_out(out, y_pred):
    """Raise a ValueError where the slopes of predictions cannot be written into an array."""
    shape = np.shape(y_pred)
    if not isinstance(out, np.ndarray) or out.shape != shape or not is_float(out.dtype):
        kind = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ValueError(
            f"Received out={kind}; expected a NumPy array of floats of shape {shape}, that of y_pred. "
            "Make one with numpy.empty_like(y_pred)."
        )
