"""Checks of containers, shapes, types, weights and masks: what can be said before numbers are compared."""

import numpy as np

from lossbook.arrays import align_ranks, is_float
from lossbook.tools.doctor.cases import (
    BROADCASTING,
    CLASS_NUMBERS,
    DISTRIBUTIONS,
    OVERLAP,
    ROWS_OF_CLASSES,
    is_whole,
    own_number,
)
from lossbook.tools.doctor.findings import finds, found

REFUSING = {name for name in DISTRIBUTIONS | OVERLAP if "categorical" in name} | {
    "binary_crossentropy",
    "binary_focal_crossentropy",
}
"""Losses that raise where shapes differ, instead of broadcasting."""

LARGEST_MATRIX = 4_000_000  # entries of an N × N matrix that is worked out to show its mean

# --- containers ---------------------------------------------------------------------------


@finds("lists", stage="frame")
def lists_keras_refuses(case):
    true, pred = (isinstance(case.given.get(name), (list, tuple)) for name in ("y_true", "y_pred"))
    refuses = case.name in {*CLASS_NUMBERS, "circle", "ctc"} and true and pred
    mixed = true != pred and case.loss.origin in ("keras", "tf_keras") and case.loss.form == "class"
    if not (refuses or mixed):
        return None
    kind = "a list beside an array" if mixed else "Python lists"
    return found(
        f"{kind[0].upper()}{kind[1:]}: to Keras 3 a list is a structure of outputs, not an array, and it "
        "raises.",
        "y_true and y_pred" if true and pred else "y_true" if true else "y_pred",
        meant=case.number(),
        mend="y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)",
        guard="assert not isinstance(y_true, (list, tuple)) and not isinstance(y_pred, (list, tuple))",
    )


@finds("misaligned-index", stage="frame")
def misaligned_index(case):
    frames = {name: given for name, given in case.given.items() if hasattr(given, "iloc")}
    if "y_true" not in frames or len(frames) < 2:
        return None
    for name, frame in frames.items():
        for axis in ("index", "columns"):
            first, second = (np.asarray(getattr(f, axis, ())) for f in (frames["y_true"], frame))
            if first.ndim == second.ndim == 1 and len(first) == len(second) and (first != second).any():
                return _misaligned(case, name, axis, first, second)
    return None


def _misaligned(case, name, axis, first, second):
    same_labels = set(first.tolist()) == set(second.tolist())
    meant = None
    if same_labels and name == "y_pred":
        order = {label: place for place, label in enumerate(second.tolist())}
        meant = case.number(
            y_pred=np.take(
                case.y_pred, [order[label] for label in first.tolist()], axis=int(axis == "columns")
            )
        )
    cure = (
        f"{name} = {name}.reindex({axis}=y_true.{axis})" if same_labels else f"{name}.{axis} = y_true.{axis}"
    )
    return found(
        f"The {axis} of y_true and of {name} differ. Keras pairs rows by position, pandas by label: "
        "the two give different numbers.",
        f"{name}.{axis}",
        first != second,
        given=case.number(),
        meant=meant,
        mend=cure,
        guard=f"assert y_true.{axis}.equals({name}.{axis})",
    )


@finds("not-numbers", stage="container")
def not_numbers(case):
    for name, array in (("y_true", case.y_true), ("y_pred", case.y_pred), ("sample_weight", case.weight)):
        if array is not None and array.dtype.kind not in "biuf" and not is_float(array.dtype):
            if name == "y_true" and array.dtype.kind in "UOS":
                mend = "y_true = np.unique(y_true, return_inverse=True)[1]"
            else:
                mend = f"{name} = np.asarray({name}, dtype='float32')"
            return found(
                f"{name} holds {_kind(array)}, not numbers: a loss can take no difference of them.",
                name,
                mend=mend,
                guard=f"assert np.asarray({name}).dtype.kind in 'biuf'",
            )
    return None


def _kind(array):
    kinds = {
        "U": "text",
        "S": "bytes",
        "O": "objects",
        "c": "complex numbers",
        "M": "dates",
        "m": "time spans",
    }
    return kinds.get(array.dtype.kind, str(array.dtype))


@finds("empty-batch", stage="container")
def empty_batch(case):
    if case.y_pred.size and case.y_true.size:
        return None
    return found(
        "There is no entry to average: Keras returns an empty array or NaN, not a loss.",
        "y_pred" if not case.y_pred.size else "y_true",
        mend="assert False, 'skip this batch'",
        guard="assert np.size(y_true) and np.size(y_pred)",
    )


# --- shapes -------------------------------------------------------------------------------


@finds("class-numbers-for-one-hot", stage="frame")
def class_numbers_for_one_hot(case):
    if case.name not in (ROWS_OF_CLASSES | OVERLAP) - CLASS_NUMBERS or case.classes < 2:
        return None
    rows = case.y_pred.shape[:-1]
    if case.y_true.shape not in (rows, (*rows, 1)) or not case.true_is_whole or case.y_pred.ndim < 2:
        return None
    if case.name in OVERLAP and (case.y_true.ndim == 1 or case.true_range[1] <= 1 and case.classes == 2):
        return None
    sparse = case.name in ("categorical_crossentropy",)
    low, high = case.true_range
    usable = 0 <= low and high < case.classes
    numbers = case.y_true.reshape(rows).astype(np.int64)
    hot = (numbers[..., None] == np.arange(case.classes)).astype(np.float64) if usable else None
    settings = _settings(case, "from_logits", "axis")
    cure = "y_true = keras.utils.to_categorical(np.reshape(y_true, y_pred.shape[:-1]), y_pred.shape[-1])"
    return found(
        f"y_true of shape {case.y_true.shape} holds class numbers, and {case.name} wants one-hot rows "
        f"of shape {case.y_pred.shape}.",
        "y_true",
        meant=None if hot is None else case.number(y_true=hot),
        mend=f"loss = keras.losses.SparseCategoricalCrossentropy({settings})" if sparse else cure,
        guard=(
            "assert 'sparse' in getattr(loss, 'name', str(loss))"
            if sparse
            else "assert np.shape(y_true) == np.shape(y_pred)"
        ),
    )


@finds("swapped", stage="frame")
def swapped_class_numbers(case):
    """Class numbers where predictions belong, and rows of classes where class numbers do."""
    true, pred = case.y_true, case.y_pred
    if case.name not in CLASS_NUMBERS or true.ndim != pred.ndim + 1 or true.shape[:-1] != pred.shape:
        return None
    if true.shape[-1] < 2 or not is_whole(pred):
        return None
    return found(
        f"y_true of shape {true.shape} holds rows of scores, y_pred of shape {pred.shape} class numbers: "
        "they are "
        "swapped. Keras takes the labels first.",
        "y_true and y_pred",
        meant=case.number(y_true=pred, y_pred=true),
        mend="y_true, y_pred = y_pred, y_true",
        guard="assert np.ndim(y_pred) >= np.ndim(y_true)",
    )


@finds("one-hot-for-class-numbers", stage="frame")
def one_hot_for_class_numbers(case):
    if case.name not in CLASS_NUMBERS or case.y_true.shape != case.y_pred.shape or case.classes < 2:
        return None
    axis = case.axis
    return found(
        f"y_true of shape {case.y_true.shape} has one entry for each class, and {case.name} wants one "
        "class number a row. Keras raises a ValueError.",
        "y_true",
        meant=case.number(y_true=case.y_true.argmax(axis)),
        mend=f"y_true = np.argmax(y_true, axis={axis})",
        guard="assert np.ndim(y_true) < np.ndim(y_pred) or np.shape(y_true)[-1] == 1",
    )


@finds("channels-first", stage="frame")
def channels_first(case):
    if (
        case.name not in ROWS_OF_CLASSES | OVERLAP
        or case.y_pred.ndim < 3
        or case.axis != -1
        or case.name == "ctc"
        or case.name in OVERLAP
        and not _sums_images(case)
    ):
        return None
    true, pred = case.y_true, case.y_pred
    rest = (pred.shape[0], *pred.shape[2:])
    numbers = case.name in CLASS_NUMBERS or true.shape in (rest, (*rest, 1))
    if numbers:
        if true.shape not in (rest, (pred.shape[0], 1, *pred.shape[2:])) or _fits_sparse(true, pred):
            return None
        moved_true = np.moveaxis(true, 1, -1) if true.ndim == pred.ndim else true
        sums = any(_fits_sparse(one, np.moveaxis(pred, 1, -1)) for one in (true, moved_true))
    else:
        if true.shape != pred.shape or not case.true_is_zero_or_one or pred.shape[1] < 2:
            return None
        sums = (true.sum(axis=1) == 1).all() and not (case.true_sums == 1).all()
    if not sums and true.ndim == pred.ndim:
        return None
    moved = "np.moveaxis({0}, 1, -1)"
    both = true.ndim == pred.ndim and not (numbers and true.shape[1] != 1)
    names = ["y_true", "y_pred"] if both else ["y_pred"]
    moved_true = np.moveaxis(true, 1, -1) if both else true
    return found(
        f"The classes stand on axis 1 of y_pred {pred.shape}, as in PyTorch; Keras looks for them on the "
        "last.",
        " and ".join(names),
        given=case.number(),
        meant=case.number(y_true=moved_true, y_pred=np.moveaxis(pred, 1, -1)),
        mend=f"{', '.join(names)} = {', '.join(moved.format(name) for name in names)}",
        guard=(
            "assert (np.sum(y_true, axis=-1) == 1).all()"
            if both and not numbers
            else "assert np.shape(y_pred)[:-1] == np.shape(y_true)[:np.ndim(y_pred) - 1]"
        ),
    )


def _sums_images(case):
    """Tell whether an overlap is taken over the axes of images whose channels are last."""
    axis = case.loss.parameters.get("axis")
    return isinstance(axis, (list, tuple)) and sorted(axis) == list(range(1, case.y_pred.ndim - 1))


def _fits_sparse(true, pred):
    rows = pred.shape[:-1]
    return true.shape in (rows, (*rows, 1))


@finds("broadcast", stage="frame")
def broadcast(case):
    true, pred = case.y_true, case.y_pred
    if case.name in ("circle", "ctc") or true.shape == pred.shape or not true.size or not pred.size:
        return None
    if not pred.ndim and true.size == 1:
        return None  # told by "one-sample"
    if case.name == "categorical_generalized_cross_entropy":
        return _generalised_column(case)
    if case.name in CLASS_NUMBERS:
        return None
    lined = align_ranks(true, pred)
    if lined[0].shape == lined[1].shape:
        return _column_against_row(case, *lined)
    if case.name in REFUSING or true.size == pred.size:
        return None  # told by "shape-mismatch"
    if case.name is None:
        return None  # a loss of one's own may well take a target and three quantiles, or two embeddings
    try:
        shape = np.broadcast_shapes(*(array.shape for array in lined))
    except ValueError:
        return None
    given = _broadcast_number(case, *lined, shape)
    return found(
        f"y_true {true.shape} and y_pred {pred.shape} differ, and are broadcast to {shape} without a word: "
        "numbers are compared that do not belong together.",
        "y_true and y_pred",
        given=given,
        mend=f"y_true = np.broadcast_to(y_true, y_pred.shape)  # only if {true.shape} is meant for every row"
        if shape == pred.shape
        else "y_pred = np.broadcast_to(y_pred, y_true.shape)  # only if this is meant",
        guard="assert np.shape(y_true) == np.shape(y_pred)",
    )


def _column_against_row(case, true, pred):
    """(N,) against (N, 1): aligned by Keras 3, an N × N matrix to everything else."""
    name = case.name
    wrong = case.loss.form == "function" and (name in BROADCASTING or case.loss.origin == "tf_keras")
    meant = case.number(y_true=true, y_pred=pred)
    shape = np.broadcast_shapes(case.y_true.shape, case.y_pred.shape) if _can_spread(case) else None
    matrix = None if shape is None else _broadcast_number(case, case.y_true, case.y_pred, shape)
    if name is None or case.loss.form == "custom":
        given = (case.y_true, case.y_pred), (true, pred)
        matrix, meant = (own_number(case.loss.call, *arrays) for arrays in given)
        if matrix is None or meant is None:  # it refuses one of the two: then nothing is broadcast
            return None
        wrong = not np.isclose(matrix, meant)
    raises = case.loss.form == "function" and name in {"binary_crossentropy", "binary_focal_crossentropy"}
    if wrong or raises:
        says = (
            "raises a ValueError" if raises else f"makes a matrix of shape {shape} of them and takes its mean"
        )
        says = f"y_true {case.y_true.shape} against y_pred {case.y_pred.shape}: this function {says}."
    else:
        says = (
            f"y_true {case.y_true.shape} against y_pred {case.y_pred.shape}: Keras 3 aligns them here; "
            "NumPy, "
            f"PyTorch and tf_keras make a matrix of shape {shape}, whose mean is another number."
        )
    return found(
        says,
        "y_true and y_pred",
        given=None if raises else matrix,
        meant=meant,
        mend="y_true = np.reshape(y_true, np.shape(y_pred))",
        guard="assert np.shape(y_true) == np.shape(y_pred)",
        severity="error" if wrong or raises else "note",
    )


def _can_spread(case):
    try:
        return int(np.prod(np.broadcast_shapes(case.y_true.shape, case.y_pred.shape))) <= LARGEST_MATRIX
    except ValueError:
        return False


def _broadcast_number(case, true, pred, shape):
    if np.prod(shape) > LARGEST_MATRIX:
        return None
    return case.number(
        y_true=np.broadcast_to(true, shape), y_pred=np.broadcast_to(pred, shape), weight=np.ones(1)
    )


def _generalised_column(case):
    true, pred = case.y_true, case.y_pred
    if pred.ndim < 2 or true.shape != (*pred.shape[:-1], 1) or len(pred) == 1:
        return None
    if case.loss.origin == "lossbook":
        return None
    power = case.loss.parameters.get("q", 0.5)
    with np.errstate(all="ignore"):
        low, high = case.true_range
        usable = 0 <= low and high < case.classes and pred.ndim == 2 and len(pred) ** 2 <= LARGEST_MATRIX
        given = float(np.mean((1 - pred[:, true[:, 0].astype(int)] ** power) / power)) if usable else None
    return found(
        f"Class numbers of shape {true.shape}: Keras 3.15 compares every row with every label, although its "
        "documentation allows this shape.",
        "y_true",
        given=given,
        meant=case.number(),
        mend="y_true = np.squeeze(y_true, -1)",
        guard="assert np.ndim(y_true) == np.ndim(y_pred) - 1",
    )


@finds("shape-mismatch", stage="shape")
def shape_mismatch(case):
    true, pred = case.y_true.shape, case.y_pred.shape
    if case.name in CLASS_NUMBERS:
        fits = _fits_sparse(case.y_true, case.y_pred) or isinstance(case.axis, int) and case.axis not in (-1,)
        wants = pred[:-1]
    elif case.name == "ctc":
        fits, wants = len(true) == 2 and len(pred) == 3 and true[0] == pred[0], (*pred[:1], "length")
    elif case.name == "circle":
        fits, wants = len(pred) == 2 and true in (pred[:1], (*pred[:1], 1)), pred[:1]
    elif case.name is None:
        return None
    else:
        lined = align_ranks(case.y_true, case.y_pred)
        fits, wants = lined[0].shape == lined[1].shape, pred
    if fits:
        return None
    same_size = "length" not in wants and np.prod(true) == np.prod(wants)
    rows, cut = bool(true and pred) and true[0] != pred[0], _one_axis(true, wants, pred)
    rows = rows and true[1:] == tuple(wants[1:]) and not same_size
    least = "min(len(y_true), len(y_pred))"
    mend = f"y_true = np.reshape(y_true, {'y_pred.shape' if wants == pred else 'y_pred.shape[:-1]'})"
    if same_size and len(true) == 2 and true == tuple(wants[::-1]):
        mend = "y_true = np.transpose(y_true)"
    if case.name == "ctc" and len(pred) == 3 and true[:1] == pred[1:2]:
        mend, wants = "y_pred = np.swapaxes(y_pred, 0, 1)", (pred[1], "length")
    elif rows:
        mend = f"y_true, y_pred = y_true[:{least}], y_pred[:{least}]  # or find the rows that were lost"
    elif cut:
        some, least = ":, " * cut, min(true[cut], wants[cut])
        mend = f"y_true, y_pred = y_true[{some}:{least}], y_pred[{some}:{least}]  # or find the lost steps"
    elif not same_size:
        mend = f"model.layers[-1].units = {true[-1] if true else 1}  # one output for each label"
    return found(
        f"y_true has shape {true}, y_pred {pred}; {case.name} wants y_true of shape {tuple(wants)}. "
        + ("The counts of rows differ." if rows else "Keras raises an error or broadcasts."),
        "y_true and y_pred",
        mend=mend,
        guard="assert len(y_true) == len(y_pred)"
        if rows or "length" in wants
        else f"assert np.shape(y_true)[{cut}] == np.shape(y_pred)[{cut}]"
        if cut
        else f"assert np.shape(y_true) == {'np.shape(y_pred)' if wants == pred else tuple(wants)}",
    )


def _one_axis(true, wants, pred):
    """Return the axis, not of rows nor of classes, along which alone two shapes differ; 0 where none is."""
    if len(true) != len(wants):
        return 0
    differ = [axis for axis, (a, b) in enumerate(zip(true, wants, strict=True)) if a != b]
    return differ[0] if len(differ) == 1 and differ[0] < len(pred) - 1 else 0


# --- types --------------------------------------------------------------------------------


@finds("integer-predictions", stage="frame")
def integer_predictions(case):
    pred = case.y_pred
    small = pred.dtype.kind == "u" or pred.dtype.kind in "ib" and pred.dtype.itemsize < 4
    given_as_array = not isinstance(case.given.get("y_pred"), (list, tuple))
    if pred.dtype.kind not in "biu" or not given_as_array or not (small or case.loss.form == "function"):
        return None
    given = None
    if case.name in ("mean_squared_error", "mean_absolute_error") and case.y_true.shape == pred.shape:
        with np.errstate(all="ignore"):
            error = pred - case.y_true.astype(pred.dtype) if pred.dtype.kind != "b" else None
        if error is not None:
            given = float(np.mean(error * error if case.name == "mean_squared_error" else np.abs(error)))
    return found(
        f"y_pred is of type {pred.dtype}: "
        f"{'differences and squares wrap around' if small else 'fractions are cut'} "
        "where the loss computes in it, and integers have no gradient.",
        "y_pred",
        given=given,
        meant=case.number(y_pred=pred.astype(np.float64)),
        mend="y_true, y_pred = np.asarray(y_true, 'float32'), np.asarray(y_pred, 'float32')",
        guard="assert np.asarray(y_pred).dtype.kind == 'f'",
    )


# --- NaN ----------------------------------------------------------------------------------


@finds("not-finite", stage="frame")
def not_finite(case):
    for name, array in (("y_true", case.y_true), ("y_pred", case.y_pred), ("sample_weight", case.weight)):
        if array is None or not is_float(array.dtype) or not array.size:
            continue
        if np.isfinite(array.min()) and np.isfinite(array.max()):
            continue
        bad = ~np.isfinite(array)
        nans = int(np.isnan(array).sum())
        rows = bad.reshape(len(bad), -1).any(axis=1)
        fits = case.y_true.shape[:1] == case.y_pred.shape[:1] == rows.shape
        meant = _finite_rows(case).number() if fits and not rows.all() else None
        return found(
            f"{nans:,} NaN and {int(bad.sum()) - nans:,} infinite entries: the mean is NaN or infinite, a "
            "weight "
            "of 0 does not help in Keras (0 · NaN is NaN), and one step makes every weight of the model NaN.",
            name,
            bad,
            meant=meant,
            mend=_without_rows(name, case),
            guard=f"assert np.isfinite(np.asarray({name})).all()",
        )
    return None


def _finite_rows(case):
    """The case without the samples that hold NaN or infinity, their weights included."""
    if case.weight is None and case.mask is None:
        return case.counted  # which is kept, and asked for again
    arrays = {name: getattr(case, name) for name in ("y_true", "y_pred", "weight", "mask")}
    rows = {name: a for name, a in arrays.items() if a is not None and a.shape[:1] == case.y_true.shape[:1]}
    keep = np.all([np.isfinite(a.reshape(len(a), -1)).all(axis=1) for a in rows.values()], axis=0)
    return case.changed(**{name: a[keep] for name, a in rows.items()})


def _without_rows(name, case):
    array = case.weight if name == "sample_weight" else getattr(case, name)
    keep = f"np.isfinite(np.asarray({name})).all(axis={tuple(range(1, array.ndim))})"
    if case.weight is not None and case.weight.ndim:
        return (
            f"keep = {keep}; y_true, y_pred, sample_weight = y_true[keep], y_pred[keep], sample_weight[keep]"
        )
    return f"keep = {keep}; y_true, y_pred = y_true[keep], y_pred[keep]"


# --- weights and masks --------------------------------------------------------------------


def _value_shape(case):
    """The shape of the values that weights multiply; None where it depends on more than shapes."""
    if case.name in ("ctc",):
        return case.y_pred.shape[:1]
    if case.name in OVERLAP or case.name is None or case.y_true.ndim == 0:
        return None
    pred = (
        case.y_pred if case.name in CLASS_NUMBERS | {"circle"} else align_ranks(case.y_true, case.y_pred)[1]
    )
    return pred.shape[:-1]


@finds("weight-shape", stage="shape")
def weight_shape(case):
    values = _value_shape(case)
    for name, extra in (("sample_weight", case.weight), ("mask", case.mask)):
        if extra is None or values is None or not extra.ndim:
            continue
        shape = extra.shape[:-1] if extra.ndim == len(values) + 1 and extra.shape[-1] == 1 else extra.shape
        if (
            shape == values
            or len(shape) == len(values)
            and all(a in (1, b) for a, b in zip(shape, values, strict=True))
        ):
            continue
        if name == "sample_weight" and values and shape == values[:1]:
            return _one_weight_a_row(case, values)
        if not values and case.y_pred.ndim == 1:
            return _one_sample(case, name)
        return found(
            f"{name} has shape {extra.shape}; the loss has values of shape {values}, one weight for each.",
            name,
            mend=_fitting(name, shape, values),
            guard=f"assert np.shape({name}) == {values}",
        )
    return None


def _fitting(name, shape, values):
    if len(shape) == len(values) + 1:
        return (
            f"{name} = np.{'any' if name == 'mask' else 'mean'}({name}, axis=-1)  # one for each value, "
            "not for each class"
        )
    if int(np.prod(shape)) == int(np.prod(values)):
        return f"{name} = np.reshape({name}, {values})"
    return f"{name} = np.resize({name}, {values})  # or find the rows that were lost"


def _one_weight_a_row(case, values):
    column = case.weight.reshape(-1, *[1] * (len(values) - 1))
    meant = case.number(weight=column)
    square = case.number(weight=case.weight[None, :]) if len(values) == 2 and values[0] == values[1] else None
    return found(
        f"sample_weight {case.weight.shape} on values of shape {values}: Keras 3 lays the weights along the "
        "last "
        "axis, so they weigh time steps, not samples; it raises where the lengths differ.",
        "sample_weight",
        given=square,
        meant=meant,
        mend=f"sample_weight = np.reshape(sample_weight, {(-1, *[1] * (len(values) - 1))})",
        guard="assert np.ndim(sample_weight) == np.ndim(y_pred) - 1 or np.ndim(sample_weight) > 1",
    )


def _one_sample(case, name):
    return found(
        f"y_pred {case.y_pred.shape} is one sample to Keras: the last axis is averaged first, and {name} "
        "then "
        "multiplies that one mean.",
        name,
        meant=case.changed(y_true=case.y_true[:, None], y_pred=case.y_pred[:, None]).number(),
        mend="y_true, y_pred = np.reshape(y_true, (-1, 1)), np.reshape(y_pred, (-1, 1))",
        guard="assert np.ndim(y_pred) > 1",
        code="one-sample",
    )


@finds("one-sample", stage="frame")
def one_sample(case):
    """With reduction sum or none, (N,) against (N,) gives one mean and not N values."""
    if case.y_pred.ndim == 0 and case.y_true.size == 1:
        return found(
            "A single number has no axis to average along: Keras raises InvalidArgumentError.",
            "y_pred",
            meant=case.changed(y_true=case.y_true.reshape(1, 1), y_pred=case.y_pred.reshape(1, 1)).number(),
            mend="y_true, y_pred = np.reshape(y_true, (1, 1)), np.reshape(y_pred, (1, 1))",
            guard="assert np.ndim(y_pred) > 0",
            severity="error",
        )
    flat = case.y_pred.ndim == 1 and case.y_true.ndim == 1 and len(case.y_pred) > 1
    if not flat or case.loss.form != "class" or case.loss.reduction not in ("sum", "none", "None", None):
        return None
    if case.name in ROWS_OF_CLASSES | OVERLAP | {"cosine_similarity", "circle", "ctc"}:
        return None
    column = case.changed(y_true=case.y_true[:, None], y_pred=case.y_pred[:, None])
    return found(
        f"y_pred {case.y_pred.shape} is one sample to Keras: the last axis is averaged, and "
        f"reduction={case.loss.reduction!r} then has a single value to work on.",
        "y_pred",
        given=case.number(),
        meant=column.number(),
        mend="y_true, y_pred = np.reshape(y_true, (-1, 1)), np.reshape(y_pred, (-1, 1))",
        guard="assert np.ndim(y_pred) > 1",
    )


@finds("weights-sum-to-zero", "negative-weights", stage="frame")
def weights_of_nothing(case):
    weight = case.weight
    if weight is None or not weight.size or weight.dtype.kind not in "biuf" or np.isnan(weight).all():
        return None
    if not weight.any():
        return found(
            "Every weight is 0: the loss is 0 and so is its gradient, whatever the model says.",
            "sample_weight",
            given=0.0,
            meant=case.changed(weight=None).number(),
            mend="sample_weight = None",
            guard="assert sample_weight is None or np.any(sample_weight)",
        )
    low = float(np.nanmin(weight))
    if low >= 0:
        return None
    total = float(np.nansum(weight))
    return found(
        f"Negative weights, {low:.6g} the least (their sum is {total:.6g}): training moves away from these "
        "labels, "
        "and the loss has no lower bound.",
        "sample_weight",
        weight < 0,
        given=case.number(),
        meant=case.number(weight=np.maximum(weight, 0)),
        mend="sample_weight = np.maximum(sample_weight, 0)",
        guard="assert sample_weight is None or (np.asarray(sample_weight) >= 0).all()",
        code="weights-sum-to-zero"
        if abs(total) <= 1e-6 * float(np.nansum(np.abs(weight)))
        else "negative-weights",
    )


@finds("mask-hides-all", stage="frame")
def mask_hides_all(case):
    if case.mask is None or not case.mask.size or case.mask.any():
        return None
    return found(
        "The mask is False everywhere: the loss is 0, and so is its gradient. True means that a sample "
        "counts.",
        "mask",
        given=0.0,
        meant=case.changed(mask=None).number(),
        mend="mask = np.logical_not(mask)  # True where a sample counts",
        guard="assert mask is None or np.any(mask)",
    )


@finds("remembered-logits", stage="frame")
def remembered_logits(case):
    given = case.given.get("y_pred")
    logits = getattr(given, "_keras_logits", None)
    if (
        logits is None
        or case.name not in DISTRIBUTIONS | {"binary_crossentropy"}
        or case.name == "kl_divergence"
    ):
        return None
    plain, remembered = case.number(), case.number(y_pred=as_numpy(logits), from_logits=True)
    if case.loss.parameters.get("from_logits"):
        return None  # told by "probabilities-as-logits"
    if plain is None or remembered is None or np.isclose(plain, remembered, rtol=1e-5, atol=1e-6):
        return None
    return found(
        "y_pred remembers the logits its activation was given, and Keras computes from those: another number "
        "than the clipped probabilities give.",
        "y_pred",
        given=remembered,
        meant=plain,
        mend="loss, y_pred = type(loss)(from_logits=True), y_pred._keras_logits",
        guard="assert not hasattr(y_pred, '_keras_logits')",
    )


def as_numpy(tensor):
    """Return a tensor's numbers."""
    return np.asarray(tensor)


def _settings(case, *names):
    from lossbook.registry import CATALOGUE

    defaults = {key: p.default for key, p in CATALOGUE[case.name].parameters.items()}
    set_ = {n: case.loss.parameters[n] for n in names if n in case.loss.parameters}
    return ", ".join(f"{key}={value!r}" for key, value in set_.items() if value != defaults.get(key))


__all__ = ["as_numpy", "is_whole"]
