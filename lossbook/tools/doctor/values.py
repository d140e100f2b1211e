"""Checks of labels and predictions against what a loss expects of them, and of what it then does."""

import numpy as np

from lossbook.arrays import EPSILON
from lossbook.losses.probability import sigmoid, softmax
from lossbook.registry import CATALOGUE
from lossbook.tools.doctor.cases import (
    BINARY,
    CLASS_NUMBERS,
    CLIPPED,
    DISTRIBUTIONS,
    ENTRYWISE,
    ONE_HOT,
    OVERLAP,
    ROWS_OF_CLASSES,
    SIGNS,
    own_number,
)
from lossbook.tools.doctor.findings import finds, found

SQUASHED = 1 / (1 + np.exp(-1.0))  # 0.7311, the sigmoid of 1
SMOOTHED = 0.06  # a label up to here may come of smoothing: to answer it with 0 is no miss
UNIT_GUARD = "assert 0 <= np.min(y_pred) and np.max(y_pred) <= 1 or getattr(loss, 'from_logits', False)"

# --- the line to paste ----------------------------------------------------------------------


def keras_loss(case, name=None, **changes):
    """Write a Keras loss object with this case's settings and some changed."""
    spec = CATALOGUE[name or case.name]
    settings = {k: v for k, v in case.loss.parameters.items() if k in spec.parameters} | changes
    defaults = {key: p.default for key, p in spec.parameters.items()}
    shown = ", ".join(f"{k}={v!r}" for k, v in settings.items() if defaults.get(k, k) != v)
    return f"keras.losses.{spec.cls.__name__}({shown})"


def looks_like_probabilities(case):
    """Tell whether numbers that should be scores are probabilities: all in [0, 1], and enough of them.

    Of four standard normal scores, one time in 75 all lie in [0, 1]; of eight, one in 5,000. Two or
    three must also tell the labels apart at 0.5.
    """
    if not case.pred_in_unit or case.pred_range[0] == case.pred_range[1]:
        return False
    if case.y_pred.size >= 4:
        return True
    positive = case.y_true > 0.5
    apart = bool(((case.y_pred > 0.5) == positive).all())
    return case.y_pred.size == 3 and apart and bool(positive.any()) and not positive.all()


# --- rows of one entry ----------------------------------------------------------------------

LOSSES_OF_ROWS = (ROWS_OF_CLASSES | {"cosine_similarity"}) - {"categorical_hinge"}
"""What compares the entries of a row with one another. Categorical hinge of one column is a hinge."""


@finds("one-column", stage="values")
def one_column(case):
    if case.name not in LOSSES_OF_ROWS or case.y_pred.ndim < 2:
        return None
    if case.y_pred.shape[case.loss.parameters.get("axis", -1)] != 1 or case.y_true.size != case.y_pred.size:
        return None
    other = "mean_squared_error" if case.name == "cosine_similarity" else "binary_crossentropy"
    column = case.y_true.reshape(case.y_pred.shape)
    return found(
        f"{case.name} compares the entries of a row, and each row of y_pred {case.y_pred.shape} has one: "
        + ("only its sign counts, and its slope is 0." if case.name == "cosine_similarity" else
           "no other class stands against it."),
        "y_pred", given=case.number(), meant=case.number(other, y_true=column),
        mend=f"loss = {keras_loss(case, other)}",
        guard=f"assert getattr(loss, 'name', loss) == '{other}'",
    )  # fmt: skip


# --- logits and probabilities ---------------------------------------------------------------


@finds("logits-as-probabilities", stage="values")
def logits_as_probabilities(case):
    if not case.takes_probabilities or case.pred_in_unit:
        return None
    low, high = case.pred_range
    pred = case.y_pred
    several = case.classes > 1 and case.name not in BINARY
    if "from_logits" in case.loss.parameters or "from_logits" in CATALOGUE[case.name].parameters:
        meant, mend = case.number(from_logits=True), f"loss = {keras_loss(case, from_logits=True)}"
    else:
        squash = "softmax" if several else "sigmoid"
        wide = pred.astype(np.float64)
        meant = case.number(y_pred=softmax(wide) if several else sigmoid(wide))
        mend = f"y_pred = np.asarray(keras.ops.{squash}(y_pred))"
    dead = (pred <= 0) | (pred >= 1)
    return found(
        f"Predictions run from {low:.6g} to {high:.6g}, and {case.name} takes them for probabilities: what "
        "lies "
        "outside [0, 1] is clipped or counts as it is, and has no gradient where it is clipped.",
        "y_pred",
        dead,
        given=case.number(),
        meant=meant,
        mend=mend,
        guard=UNIT_GUARD,
    )


@finds("probabilities-as-logits", stage="values")
def probabilities_as_logits(case):
    if not case.from_logits or not case.pred_in_unit:
        return None
    categorical = case.name not in BINARY
    if not (
        case.pred_rows_are_one if categorical and case.y_pred.size < 8 else looks_like_probabilities(case)
    ):
        return None
    if case.name == "ctc":
        if not case.pred_rows_are_one:
            return None
        logs = np.log(np.maximum(case.y_pred.astype(np.float64), 1e-7))
        meant, mend = case.number(y_pred=logs), "y_pred = np.log(np.maximum(y_pred, 1e-7))"
        guard = "assert not np.allclose(np.sum(y_pred, axis=-1), 1, atol=1e-3)"
    else:
        meant, mend = case.number(from_logits=False), f"loss = {keras_loss(case, from_logits=False)}"
        guard = (
            "assert getattr(loss, 'from_logits', None) is False or np.min(y_pred) < 0 or np.max(y_pred) > 1"
        )
    return found(
        f"All {case.y_pred.size:,} predictions lie in [0, 1]"
        + (" and their rows sum to 1" if categorical and case.pred_rows_are_one else "")
        + ": they are probabilities already, and the loss squashes them once more.",
        "y_pred",
        given=case.number(),
        meant=meant,
        mend=mend,
        guard=guard,
    )


@finds("squashed-twice", stage="values")
def squashed_twice(case):
    if not case.takes_probabilities or not case.pred_in_unit:
        return None
    pred = case.y_pred.astype(np.float64, copy=False)
    if case.name in BINARY or case.classes == 1:
        undone, mend = _undo_sigmoid(case, pred)
        guard = "assert np.min(y_pred) < 0.5 or np.max(y_pred) > 0.7311"
    elif case.name in DISTRIBUTIONS:
        undone, mend = _undo_softmax(case, pred)
        guard = "assert np.max(y_pred) / np.min(y_pred) > np.e or np.ptp(np.log(y_pred), axis=-1).max() > 1"
    else:
        return None
    if undone is None:
        return None
    return found(
        "Predictions look as if they had been squashed twice: undone once, they are probabilities still. "
        "The last layer has an activation, and another one follows.",
        "y_pred",
        given=case.number(),
        meant=case.number(y_pred=undone),
        mend=mend,
        guard=guard,
    )


def _undo_sigmoid(case, pred):
    """A sigmoid of probabilities lies between 0.5 and 0.7311, and fills most of that.

    An honest model lies there, too, where labels are mostly 1: undone, it would miss their share.
    """
    low, high = case.pred_range
    few = pred.size < 8  # of these, more of the span must be seen
    if pred.size < 4 or low < 0.5 - 1e-6 or high > SQUASHED + 1e-6:
        return None, None
    if low > (0.51 if few else 0.57) or high < (0.72 if few else 0.66):
        return None, None
    undone = np.clip(np.log(pred / (1 - pred)), 0, 1)
    share = float(np.mean(case.y_true, dtype=np.float64))
    chance = pred.size**-0.5  # two standard errors of a share of one half
    if case.true_range[0] >= 0.5 or abs(undone.mean() - share) > abs(pred.mean() - share) + chance:
        return None, None
    return undone, "y_pred = np.clip(np.log(y_pred / (1 - y_pred)), 0, 1)"


def _undo_softmax(case, pred):
    """Of a softmax of a distribution, log p - mean(log p) + 1/K is that distribution: nowhere below 0."""
    rows = pred.reshape(-1, case.classes)[:100_000] if case.axis == -1 else None
    if rows is None or len(rows) < (8 if case.classes == 2 else 4) or not case.pred_rows_are_one:
        return None, None
    if rows.min() <= 0:
        return None, None
    logs = np.log(rows)
    inner = logs - logs.mean(axis=-1, keepdims=True) + 1 / case.classes
    peaked = inner.max(axis=-1).mean() >= max(0.5, 0.4 + 0.6 / case.classes) and inner.min() <= 0.05
    if inner.min() < -1e-3 or not peaked:
        return None, None
    logs = np.log(pred)
    undone = np.clip(logs - logs.mean(axis=-1, keepdims=True) + 1 / case.classes, 0, 1)
    mend = (
        "y_pred = np.clip(np.log(y_pred) - np.mean(np.log(y_pred), axis=-1, keepdims=True)"
        " + 1 / np.shape(y_pred)[-1], 0, 1)"
    )
    return undone, mend


@finds("probabilities-for-scores", stage="values")
def probabilities_for_scores(case):
    if case.name in SIGNS:
        low = case.true_range[0]
        wrong = case.pred_in_unit and low <= 0 and looks_like_probabilities(case)
        cure, mend = (
            (lambda p: 2 * p - 1),
            "y_pred = 2 * np.asarray(y_pred) - 1  # or end the model in tanh or nothing",
        )
    else:
        wrong = case.name == "categorical_hinge" and case.pred_rows_are_one
        cure = lambda p: np.log(np.maximum(p, 1e-7))  # noqa: E731
        mend = "y_pred = np.log(np.maximum(y_pred, 1e-7))  # or end the model without softmax"
    if not wrong:
        return None
    return found(
        "Scores all lie in [0, 1], like probabilities: on the wrong side of 0 there is nothing, so every "
        "label -1 "
        "costs 1 or more, and a lead of 1 is out of reach.",
        "y_pred",
        given=case.number(),
        meant=case.number(y_pred=cure(case.y_pred.astype(np.float64))),
        mend=mend,
        guard="assert np.min(y_pred) < 0 or np.max(y_pred) > 1",
    )


@finds("rows-not-one", stage="values")
def rows_not_one(case):
    if (
        not case.takes_probabilities
        or case.name not in DISTRIBUTIONS
        or case.classes < 2
        or not case.pred_in_unit
    ):
        return None
    off = np.abs(case.pred_sums - 1) > case.slack
    if not off.any():
        return None
    sums = case.pred_sums[off]
    zero = bool((sums == 0).any())
    renormalised = case.name in ONE_HOT | {"sparse_categorical_crossentropy"}
    pred = np.maximum(case.y_pred.astype(np.float64), 1e-7 if zero else 0)
    scaled = case.number(y_pred=pred / pred.sum(axis=case.axis, keepdims=True))
    plain = (
        case.number("kl_divergence")
        if case.name == "categorical_crossentropy" and case.true_is_whole
        else None
    )
    floor = "np.maximum(y_pred, 1e-7)" if zero else "np.asarray(y_pred)"
    return found(
        f"Rows of y_pred sum to {float(sums.min()):.6g} … {float(sums.max()):.6g}, not 1. "
        + ("Keras divides each by its sum and hides it" if renormalised else "Keras takes them as they are")
        + (f" (without that the loss would be {plain:.6g})." if plain is not None else ".")
        + (" A row of zeros gives NaN." if zero else "")
        + " Sigmoid outputs, which do not compete, look like this.",
        "rows of y_pred",
        off,
        given=case.number(),
        meant=scaled,
        mend=f"y_pred = {floor} / np.sum({floor}, axis={case.axis}, keepdims=True)  # or end the model in "
        "softmax",
        guard=f"assert np.allclose(np.sum(y_pred, axis={case.axis}), 1, atol=1e-3)",
    )


# --- labels -----------------------------------------------------------------------------------


@finds("swapped", stage="values")
def swapped(case):
    if case.name not in BINARY | ONE_HOT | {"kl_divergence"} or not case.takes_probabilities:
        return None
    low, high = case.true_range
    if case.true_is_whole or low < 0 or high > 1 or not _zero_or_one(case.y_pred):
        return None
    return found(
        "Every prediction is 0 or 1, and labels are fractions: y_true and y_pred are swapped. Keras takes "
        "the "
        "labels first, PyTorch the predictions.",
        "y_true and y_pred",
        given=case.number(),
        meant=case.number(y_true=case.y_pred, y_pred=case.y_true),
        mend="y_true, y_pred = y_pred, y_true",
        guard="assert not np.isin(y_pred, [0, 1]).all()",
    )


def _zero_or_one(array):
    return bool(((array == 0) | (array == 1)).all())


@finds("labels-start-at-1", "labels-out-of-range", stage="values")
def class_numbers_out_of_range(case):
    if case.name not in CLASS_NUMBERS:
        return None
    ignored = case.loss.parameters.get("ignore_class")
    labels, classes = case.y_true, case.classes
    low, high = case.true_range
    if 0 <= low and high < classes:
        return None if case.true_is_whole else _fractions(case)
    outside = (labels < 0) | (labels >= classes)
    if ignored is not None:
        outside &= labels != ignored
    if not outside.any():
        return None
    inside = labels if ignored is None else labels[labels != ignored]
    guard = "assert np.min(y_true) >= 0 and np.max(y_true) < np.shape(y_pred)[-1]"
    if inside.min() == 1 and inside.max() == classes:
        shifted = np.where(labels == ignored, labels, labels - 1) if ignored is not None else labels - 1
        says = f"Class numbers run from 1 to {classes}; Keras counts them from 0 to {classes - 1}."
        mend, code = "y_true = np.asarray(y_true) - 1", "labels-start-at-1"
        meant = case.number(y_true=shifted)
        if ignored == 0 and case.name == "sparse_categorical_crossentropy":  # 1 must not become 0
            guard, meant = (
                "assert np.max(y_true) < np.shape(y_pred)[-1]",
                case.number(y_true=labels - 1, ignore_class=-1),
            )
            mend = f"loss, y_true = {keras_loss(case, ignore_class=-1)}, np.asarray(y_true) - 1"
        elif ignored is not None:
            mend = f"y_true = np.where(y_true == {ignored}, y_true, y_true - 1)"
            guard = f"assert np.max(np.where(y_true == {ignored}, 0, y_true)) < np.shape(y_pred)[-1]"
    else:
        says, mend, guard, meant = _stray_classes(case, labels, outside, guard)
        code = "labels-out-of-range"
    return found(
        f"{says} On a processor Keras raises InvalidArgumentError, on a GPU or compiled by XLA it gives NaN.",
        "y_true", outside, given=None, meant=meant, mend=mend, guard=guard, code=code,
    )  # fmt: skip


def _fractions(case):
    return found(
        "Class numbers are fractions: Keras cuts them off. These may be probabilities, or a target for "
        "another loss.",
        "y_true", case.y_true != np.rint(case.y_true), given=case.number(),
        meant=case.number(y_true=np.rint(case.y_true)),
        mend="y_true = np.rint(y_true)", guard="assert (np.asarray(y_true) == np.rint(y_true)).all()",
        code="labels-out-of-range",
    )  # fmt: skip


def _stray_classes(case, labels, outside, guard):
    stray = np.unique(labels[outside][:10_000])
    says = f"Class numbers {', '.join(f'{one:g}' for one in stray[:4])} lie outside 0 … {case.classes - 1}."
    value = int(stray[0])
    if value == case.classes and case.true_is_whole and len(np.unique(labels)) == value + len(stray):
        says += f" There are {value + len(stray)} classes: the last layer wants as many units."
    if len(stray) == 1 and case.name == "sparse_categorical_crossentropy" and (value < 0 or value >= 200):
        meant = case.number(ignore_class=value)
        mend = f"loss = {keras_loss(case, ignore_class=value)}  # if {value} marks padding or void"
        return says, mend, f"assert getattr(loss, 'ignore_class', None) == {value}", meant
    rows = outside.reshape(len(outside), -1).any(axis=1)
    meant = None if rows.all() else case.number(y_true=labels[~rows], y_pred=case.y_pred[~rows])
    flat = "np.reshape(y_true, (len(y_true), -1))"
    return (
        says,
        f"keep = (({flat} >= 0) & ({flat} < np.shape(y_pred)[-1])).all(-1); y_true, y_pred = y_true[keep], "
        "y_pred[keep]",
        guard,
        meant,
    )  # fmt: skip


@finds(
    "labels-out-of-range", "labels-start-at-1", "signs-for-01", "pixels", "class-ids-in-mask", stage="values"
)
def labels_outside_unit(case):
    if case.name not in BINARY | ONE_HOT | OVERLAP | {"kl_divergence", "categorical_hinge"}:
        return None
    low, high = case.true_range
    slack = 1e-2 if case.y_true.dtype.itemsize == 2 else 1e-5
    if low >= -slack and high <= 1 + slack:
        return None
    code, cured, mend, says = _as_unit(case, low, high)
    return found(
        f"Labels run from {low:.6g} to {high:.6g}; {case.name} expects 0 to 1. {says}",
        "y_true",
        (case.y_true < -slack) | (case.y_true > 1 + slack),
        given=case.number(),
        meant=case.number(y_true=cured),
        mend=mend,
        guard="assert np.min(y_true) >= 0 and np.max(y_true) <= 1",
        code=code,
    )


def _as_unit(case, low, high):
    true = case.y_true.astype(np.float64)
    if low == -1 and high == 1 and bool((np.abs(true) == 1).all()):
        says = "They are signs: each -1 rewards a confident miss, and the loss can fall below 0."
        return "signs-for-01", (true + 1) / 2, "y_true = (np.asarray(y_true) + 1) / 2", says
    if case.true_is_whole and low == 1 and high == 2:
        says = "They count from 1: both classes look positive, and the loss can fall below 0."
        return "labels-start-at-1", true - 1, "y_true = np.asarray(y_true) - 1", says
    if low >= 0 and 200 < high <= 255:
        says = "They are pixels of 8 bits, and count up to 255 times."
        return "pixels", true / 255, "y_true = np.asarray(y_true) / 255", says
    if case.name in BINARY and low >= 0 and true.ndim > 1 and true.shape[-1] > 1:
        says = "They look like pixels or counts: the loss has no lower bound there, and falls below 0."
        return "labels-out-of-range", true / high, f"y_true = np.asarray(y_true) / {high:.6g}", says
    clipped = np.clip(true, 0, 1)
    if case.true_is_whole and low >= 0 and case.name in OVERLAP:
        says = "They are class numbers: a mask has 0 and 1, and a channel for each class."
        return (
            "class-ids-in-mask",
            clipped,
            "y_true = np.minimum(y_true, 1)  # or one channel for each class",
            says,
        )
    says = (
        "The loss has no lower bound there, and falls below 0."
        if case.name in BINARY
        else "The value means nothing."
    )
    if case.true_is_whole and low >= 0 and case.name in BINARY:
        says += " They are class numbers: use one output for each class and SparseCategoricalCrossentropy."
    return "labels-out-of-range", clipped, "y_true = np.clip(y_true, 0, 1)", says


@finds("mixed-signs", "labels-start-at-1", "labels-out-of-range", stage="values")
def signs_of_hinge(case):
    if case.name not in SIGNS or case.true_is_zero_or_one:
        return None
    true = case.y_true
    bad = np.abs(true) != 1
    if not bad.any():
        return None
    low, high = case.true_range
    if low == 1 and high == 2 and case.true_is_whole:
        code, mend = "labels-start-at-1", "y_true = np.asarray(y_true) - 1"
        cured, says = true - 1, "Labels are 1 and 2"
    else:
        mixed = case.true_is_whole and low == -1 and high <= 1
        code = "mixed-signs" if mixed else "labels-out-of-range"
        middle = 0.5 if low >= 0 and high <= 1 else 0  # smoothed labels of 0 and 1, or signs
        cured, mend = (
            np.where(true > middle, 1.0, -1.0),
            f"y_true = np.where(np.asarray(y_true) > {middle}, 1, -1)",
        )
        says = f"Labels run from {low:.6g} to {high:.6g}" + (" and hold 0 among the signs" if mixed else "")
    return found(
        f"{says}. Keras turns 0 and 1 into -1 and +1 only where every label of the batch is 0 or 1: here "
        "nothing is "
        "turned. A label 0 costs 1 and has no gradient.",
        "y_true",
        bad,
        given=case.number(),
        meant=case.number(y_true=cured),
        mend=mend,
        guard="assert np.isin(y_true, [-1, 1]).all() or np.isin(y_true, [0, 1]).all()",
        code=code,
    )


@finds("labels-not-one", stage="values")
def labels_not_one(case):
    if case.name not in ONE_HOT | {"kl_divergence", "categorical_hinge"} or case.classes < 2:
        return None
    low, high = case.true_range
    if low < 0 or high > 1 + 1e-5:
        return None
    off = np.abs(case.true_sums - 1) > max(case.slack, 2e-2 if case.y_true.dtype.itemsize == 2 else 0)
    if not off.any():
        return None
    sums = case.true_sums[off]
    none = bool((case.true_sums == 0).any())
    total = "np.sum(y_true, axis=-1, keepdims=True)"
    if none:
        mend = (
            "keep = np.sum(y_true, axis=-1) > 0; y_pred, y_true = y_pred[keep], (y_true / "
            f"np.maximum({total}, 1e-7))[keep]"
        )
    else:
        mend = (
            f"y_true = y_true / {total}  # or BinaryCrossentropy and sigmoid, where several classes hold "
            "at once"
        )
    kept = case.true_sums > 0
    rows = case.y_true[kept] if case.axis == -1 else None
    meant = None
    if rows is not None and kept.any():
        meant = case.number(y_true=rows / rows.sum(axis=-1, keepdims=True), y_pred=case.y_pred[kept])
    return found(
        f"Rows of y_true sum to {float(sums.min()):.6g} … {float(sums.max()):.6g}, not 1: "
        + ("a row of zeros costs nothing and teaches nothing, yet counts in the mean." if none
           else "each counts that many times, and softmax cannot answer with several classes."),
        "rows of y_true", off, given=case.number(), meant=meant, mend=mend,
        guard="assert np.allclose(np.sum(y_true, axis=-1), 1, atol=1e-3)",
    )  # fmt: skip


@finds("padding-counted", stage="values")
def padding_counted(case):
    labels = case.y_true
    if case.name != "sparse_categorical_crossentropy" or labels.ndim < 2 or case.y_pred.ndim != 3:
        return None
    if case.loss.parameters.get("ignore_class") is not None:
        return None
    labels = labels.reshape(labels.shape[:2])
    tail = np.cumsum(labels[:, ::-1] != 0, axis=1)[:, ::-1] == 0  # zeros with nothing after them
    if (labels == 0).sum() != tail.sum() or (tail.sum(axis=1) >= 2).sum() < 2 or tail.mean() < 0.1:
        return None
    if tail.all(axis=1).any() or not (labels != 0).any():
        return None
    return found(
        f"Class 0 stands at the ends of rows alone, {int(tail.sum())} times of {tail.size}: it is padding, "
        "and "
        "no mask hides it. The mean counts it, and the model learns to say 0.",
        "y_true", tail, given=case.number(), meant=case.number(ignore_class=0),
        mend=f"loss = {keras_loss(case, ignore_class=0)}  # or pass sample_weight = y_true != 0",
        guard="assert getattr(loss, 'ignore_class', None) == 0",
    )  # fmt: skip


@finds("softmax-with-binary", stage="values")
def softmax_with_binary(case):
    if case.name not in BINARY or case.from_logits or case.classes < 3 or not case.true_is_zero_or_one:
        return None
    if (
        case.y_true.shape != case.y_pred.shape
        or not case.pred_rows_are_one
        or not (case.true_sums == 1).all()
    ):
        return None
    categorical = case.name.replace("binary", "categorical")
    return found(
        f"Rows of y_pred sum to 1 and rows of y_true are one-hot: {case.name} asks {case.classes} separate "
        "questions of "
        "one softmax, and its number is several times smaller.",
        "y_pred", given=case.number(), meant=case.number(categorical), mend="loss = "
        f"{keras_loss(case, categorical)}",
        guard="assert 'binary' not in getattr(loss, 'name', str(loss)).lower() and loss != 'bce'",
    )  # fmt: skip


@finds("softmax-with-multi-hot", stage="values")
def softmax_with_multi_hot(case):
    if case.name in ROWS_OF_CLASSES | {"circle", "ctc", None} or case.classes < 2 or case.from_logits:
        return None
    if case.y_true.shape != case.y_pred.shape or not case.true_is_zero_or_one or not case.pred_rows_are_one:
        return None
    several = case.true_sums > 1
    if not several.any():
        return None
    most = int(case.true_sums.max())
    return found(
        f"Rows of y_pred sum to 1, and rows of y_true hold up to {most} ones: {most} shares of one softmax "
        f"cannot all come near 1, only to 1/{most} each.",
        "rows of y_true", several, given=case.number(),
        mend="y_pred = 1 / (1 + np.exp(-logits))  # end the model in sigmoid",
        guard="assert not np.allclose(np.sum(y_pred, axis=-1), 1, atol=1e-3)",
    )  # fmt: skip


@finds("constant-labels", stage="values")
def constant_labels(case):
    if case.name in OVERLAP | {"circle", "ctc", "cosine_similarity", None} or not len(case.y_true):
        return None
    rows = len(case.y_true)
    if rows < (32 if case.true_is_whole and case.name not in SIGNS else 8):
        return None
    first = case.y_true[:1]
    if not _same_rows(case.y_true, first):
        return None
    return found(
        f"All {rows:,} labels are the same: a constant answers them perfectly, so the loss says nothing of "
        "the "
        "model. Rows sorted by class, or a target that was overwritten, look like this.",
        "y_true",
        given=case.number(),
        mend="order = np.random.default_rng(0).permutation(len(all_x)); x, y_true = all_x[order], "
        "all_y[order]",
        guard="assert (np.asarray(y_true) != y_true[0]).any()",
    )


def _same_rows(array, first):
    return (
        bool((array[-1] == first[0]).all())
        and bool((array[:64] == first).all())
        and bool((array == first).all())
    )


@finds("constant-predictions", stage="values")
def constant_predictions(case):
    pred = case.y_pred
    if (
        case.name is None
        or len(pred) < 8
        or case.name in OVERLAP | {"circle"}
        or not _same_rows(pred, pred[:1])
    ):
        return None
    if _same_rows(case.y_true, case.y_true[:1]):
        return None
    ones = case.pred_range == (1.0, 1.0)
    return found(
        "Every row of predictions is the same, though the labels differ: "
        + ("a softmax over one unit always says 1." if ones else "the model answers with a constant."),
        "y_pred",
        given=case.number(),
        mend="model = keras.models.clone_model(model); y_pred = model.predict(x)  # new weights, scaled "
        "inputs",
        guard="assert (np.asarray(y_pred) != y_pred[0]).any()",
    )


# --- dead gradients ---------------------------------------------------------------------------


@finds("dead-clipped", stage="values")
def dead_clipped(case):
    """Predictions that are wrong and clipped: the loss is large, and its gradient is 0."""
    name = case.name
    if name not in CLIPPED | CLASS_NUMBERS or not case.pred_in_unit and not case.from_logits:
        return None
    if case.from_logits and name != "categorical_focal_crossentropy":
        return None
    pred = softmax(case.y_pred.astype(np.float64), case.axis) if case.from_logits else case.y_pred
    if not case.from_logits and case.pred_range[0] >= EPSILON and case.pred_range[1] <= 1 - EPSILON:
        return None
    if name in BINARY:
        dead = (pred < EPSILON) & (case.y_true > 0.5) | (pred > 1 - EPSILON) & (case.y_true < 0.5)
    elif name in CLASS_NUMBERS:
        dead = _chosen(case, pred) < EPSILON
    else:
        dead = ((pred < EPSILON) & (case.y_true > SMOOTHED)).any(axis=case.axis)
    if not dead.any():
        return None
    infinite = name == "categorical_generalized_cross_entropy"
    other = (
        {"categorical_focal_crossentropy": "categorical_crossentropy"}.get(name, name)
        if case.from_logits
        else name
    )
    works = "from_logits" in CATALOGUE[other].parameters
    mend = f"loss, y_pred = {keras_loss(case, other, from_logits=True)}, logits" if works else None
    return found(
        f"{100 * dead.mean():.3g} % of the entries are wrong and clipped to {EPSILON:g}: "
        + ("their slope is infinite." if infinite else "they cost most, and their gradient is exactly 0."),
        "y_pred",
        dead,
        given=case.number(),
        mend=mend or "y_pred = np.clip(y_pred, 1e-6, 1 - 1e-6)  # better: a softmax in float32, smaller "
                     "inputs",
        guard="assert 'focal' not in getattr(loss, 'name', str(loss))"
        if case.from_logits
        else "assert getattr(loss, 'from_logits', False) or 1e-7 <= np.min(y_pred) <= np.max(y_pred) <= 1 - "
             "1e-7",
    )  # fmt: skip


def _chosen(case, pred):
    """The probability of each row's class."""
    rows = (
        pred.reshape(-1, pred.shape[-1])
        if case.axis == -1
        else np.moveaxis(pred, case.axis, -1).reshape(-1, case.classes)
    )
    labels = case.y_true.reshape(-1).astype(np.int64)
    inside = (labels >= 0) & (labels < rows.shape[-1])
    chosen = np.ones(len(rows))
    chosen[inside] = rows[inside, labels[inside]]
    return chosen


@finds("negative-rate", "zero-rate", "negative-counts", stage="values")
def rates(case):
    if case.name != "poisson":
        return None
    low = case.pred_range[0]
    if low <= -EPSILON:
        return found(
            f"Rates fall to {low:.6g}: a negative rate has no logarithm, and the loss is NaN. These may be "
            "log rates.",
            "y_pred", case.y_pred <= -EPSILON, given=None,
            meant=case.number(y_pred=np.exp(np.minimum(case.y_pred.astype(np.float64), 80))),
            mend="y_pred = np.exp(y_pred)  # or end the model in softplus",
            guard="assert np.min(y_pred) > 0",
        )  # fmt: skip
    if case.true_range[0] < 0:
        return found(
            f"Counts fall to {case.true_range[0]:.6g}: there is no negative count, and the loss has no "
            "minimum there.",
            "y_true", case.y_true < 0, given=case.number(),
            meant=case.number(y_true=np.maximum(case.y_true, 0)),
            mend="y_true = np.maximum(y_true, 0)", guard="assert np.min(y_true) >= 0", code="negative-counts",
        )  # fmt: skip
    dead = (case.y_pred <= EPSILON) & (case.y_true > 0) if low <= EPSILON else np.zeros(1, bool)
    if not dead.any():
        return None
    return found(
        "A rate of 0 where something was counted costs 16 for each event, with a slope of -1e7.",
        "y_pred", dead, given=case.number(), meant=case.number(y_pred=np.maximum(case.y_pred, 1e-3)),
        mend="y_pred = np.maximum(y_pred, 1e-3)  # better: end the model in softplus or exp",
        guard="assert np.min(y_pred) > 1e-7", code="zero-rate",
    )  # fmt: skip


# --- single losses ------------------------------------------------------------------------------


@finds("zero-targets", stage="values")
def zero_targets(case):
    if (
        case.name != "mean_absolute_percentage_error"
        or case.true_range[0] > 1e-6
        or case.true_range[1] < -1e-6
    ):
        return None
    zero = np.abs(case.y_true) <= 1e-6
    if not zero.any():
        return None
    keep = ~zero
    meant = (
        case.number(y_true=case.y_true[keep][:, None], y_pred=case.y_pred[keep][:, None])
        if keep.any()
        else None
    )
    return found(
        "A target of 0 is divided by 1e-7: an error of 1 there counts as 1e9 percent.",
        "y_true", zero, given=case.number(), meant=meant,
        mend="keep = np.abs(y_true) > 1e-6; y_true, y_pred = y_true[keep], y_pred[keep]  # or use MAE",
        guard="assert np.abs(y_true).min() > 1e-6",
    )  # fmt: skip


@finds("negatives-in-logs", stage="values")
def negatives_in_logs(case):
    if case.name != "mean_squared_logarithmic_error" or min(case.true_range[0], case.pred_range[0]) >= 0:
        return None
    name = "y_pred" if case.pred_range[0] < 0 else "y_true"
    array = case.y_pred if name == "y_pred" else case.y_true
    return found(
        f"{name} falls to {float(array.min()):.6g}: below 0 everything counts as 0, and a prediction there "
        "has no gradient.",
        name, array < 0, given=case.number(), meant=case.number("mean_squared_error"),
        mend="loss = keras.losses.MeanSquaredError()  # or end the model in softplus, if targets are "
             "positive",
        guard="assert getattr(loss, 'name', '') == 'mean_squared_error' or min(np.min(y_true), "
              "np.min(y_pred)) >= 0",
    )  # fmt: skip


@finds("zero-vector", stage="values")
def zero_vector(case):
    if case.name != "cosine_similarity":
        return None
    for name, array in (("y_true", case.y_true), ("y_pred", case.y_pred)):
        axis = case.loss.parameters.get("axis", -1)
        zero = np.abs(array).max(axis=axis) < EPSILON
        if zero.any():
            keep, last = f"np.abs({name}).max(axis={axis}) >= 1e-7", axis in (-1, array.ndim - 1)
            if not last:  # whole samples go: what is left of a sample is no array
                keep = f"({keep}).reshape(len({name}), -1).all(axis=1)"
            rest = (case.y_true[~zero], case.y_pred[~zero]) if last and not zero.all() else None
            return found(
                "A vector of zeros has no direction: its cosine counts as 0, and its slope is up to 1e7.",
                name, zero, given=case.number(),
                meant=rest and case.number(y_true=rest[0], y_pred=rest[1]),
                mend=f"keep = {keep}; y_true, y_pred = y_true[keep], y_pred[keep]",
                guard=f"assert ({keep}).all()",
            )  # fmt: skip
    return None


@finds("not-unit", stage="values")
def not_unit(case):
    if case.name != "circle" or case.y_pred.ndim != 2:
        return None
    lengths = np.linalg.norm(case.y_pred.astype(np.float64), axis=-1)
    off = np.abs(lengths - 1) > 1e-2
    if not off.any():
        return None
    unit = case.y_pred / np.maximum(lengths, EPSILON)[:, None]
    return found(
        f"Embeddings have lengths {lengths.min():.6g} … {lengths.max():.6g}; the loss takes 1 - dot product "
        "for a distance.",
        "y_pred", off, given=case.number(), meant=case.number(y_pred=unit),
        mend="y_pred = y_pred / np.linalg.norm(y_pred, axis=-1, keepdims=True)  # layers.UnitNormalization()",
        guard="assert np.allclose(np.linalg.norm(y_pred, axis=-1), 1, atol=1e-2)",
    )  # fmt: skip


@finds("no-pairs", stage="values")
def no_pairs(case):
    if case.name != "circle" or case.loss.parameters.get("ref_labels") is not None:
        return None
    labels = case.y_true.reshape(-1)
    kinds, counts = np.unique(labels, return_counts=True)
    if len(kinds) > 1 and counts.max() > 1:
        return None
    what = "two embeddings of one label" if len(kinds) > 1 or len(labels) < 2 else "two labels"
    return found(
        f"{len(labels)} rows and no {what}: there is no pair to compare, and the loss is exactly 0.",
        "y_true", given=case.number(),
        mend="y_true, y_pred = all_y, all_embeddings  # a batch of P labels with K rows of each",
        guard="assert 1 < len(np.unique(y_true)) < len(y_true)",
    )  # fmt: skip


@finds("empty-masks", stage="values")
def empty_masks(case):
    if case.name not in OVERLAP or case.true_range[1] > 0:
        return None if case.name not in OVERLAP else _some_empty(case)
    return _empty(case, np.ones(1, bool))


def _some_empty(case):
    axis = case.loss.parameters.get("axis")
    if axis is None:
        return None
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    empty = case.y_true.sum(axis=axes) == 0
    return _empty(case, empty) if np.any(empty) else None


def _empty(case, empty):
    return found(
        "A mask without foreground: the overlap is 0 whatever is predicted, so the loss is 1, and a perfect "
        "answer "
        "has no gradient.",
        "masks of y_true", empty, given=case.number(), meant=case.number("binary_crossentropy"),
        mend="loss = keras.losses.BinaryCrossentropy()  # for such images, or add it to the overlap",
        guard="assert 'dice' not in (n := getattr(loss, 'name', str(loss)).lower()) and 'tversky' not in n",
    )  # fmt: skip


@finds("background", stage="values")
def background(case):
    true = case.y_true
    if case.name not in OVERLAP or case.loss.parameters.get("axis") is not None or case.classes < 2:
        return None
    if true.ndim < 2 or true.size // case.classes < 32 or not case.true_is_zero_or_one:
        return None
    if not (np.abs(case.true_sums - 1) < 1e-6).all() or true.shape != case.y_pred.shape:
        return None
    shares = true.reshape(-1, case.classes).mean(axis=0, dtype=np.float64)
    largest = int(shares.argmax())
    if shares[largest] < 0.7:
        return None
    rest = [k for k in range(case.classes) if k != largest]
    mend = "y_true, y_pred = y_true[..., 1:], y_pred[..., 1:]"
    if largest:
        mend = f"y_true, y_pred = np.delete(y_true, {largest}, -1), np.delete(y_pred, {largest}, -1)"
    return found(
        f"Class {largest} fills {100 * shares[largest]:.1f} % of the entries and is summed with the others: "
        "a model "
        "that says nothing else looks nearly perfect.",
        "y_true", given=case.number(),
        meant=case.number(y_true=true[..., rest], y_pred=case.y_pred[..., rest]),
        mend=f"{mend}  # and axis=(1, 2) for a mean over classes",
        guard="assert np.mean(y_true, axis=tuple(range(np.ndim(y_true) - 1))).max() < 0.7",
    )  # fmt: skip


@finds("focal-mean", stage="values")
def focal_mean(case):
    if case.name != "binary_focal_crossentropy" or case.y_true.size < 1000 or case.loss.reduction == "sum":
        return None
    positives = float(case.y_true.sum(dtype=np.float64))
    if (
        case.loss.form == "custom"
        or not 0 < positives < 0.01 * case.y_true.size
        or not case.true_is_zero_or_one
    ):
        return None
    given = case.number()
    return found(
        f"{positives:,.0f} positives among {case.y_true.size:,}: the mean divides by all of them, so the "
        "loss and its "
        "gradient are tiny. The paper divides by the positives.",
        "y_true", given=given, meant=None if given is None else given * case.y_true.size / positives,
        mend=f"inner = {keras_loss(case)}; loss = lambda y_true, y_pred: "
        "inner(y_true, y_pred) / keras.ops.mean(y_true)",
        guard="assert not isinstance(loss, (str, keras.losses.BinaryFocalCrossentropy))",
    )  # fmt: skip


@finds("batch-of-one", stage="values")
def batch_of_one(case):
    if case.y_pred.ndim < 2 or len(case.y_pred) != 1 or case.name in OVERLAP | {"circle", "ctc", None}:
        return None
    return found(
        "One sample: the number is that sample's alone, and no mean, spread or balance of labels can be "
        "read from it.",
        "y_pred", given=case.number(),
        mend="y_true, y_pred = all_y, all_predictions  # at least two rows",
        guard="assert len(y_pred) > 1",
    )  # fmt: skip


# --- range of types -----------------------------------------------------------------------------


def _computed_in(case):
    """The type the loss computes in: that of a class, that of y_pred for a function."""
    if case.loss.dtype in ("float16", "bfloat16"):
        return case.loss.dtype
    if case.loss.form != "class" and case.y_pred.dtype.name in ("float16", "bfloat16"):
        return case.y_pred.dtype.name
    return "float32"


@finds("narrow-type", stage="values")
def narrow_type(case):
    kind = _computed_in(case)
    stored = {array.dtype.name for array in (case.y_true, case.y_pred)} & {"float16", "bfloat16"}
    if kind == "float32" and not stored:
        return None
    narrow = kind if kind != "float32" else next(iter(stored))
    says = _too_narrow(case, narrow, computed=kind != "float32")
    if says is None:
        return None
    settings = f"loss = {keras_loss(case)}; " if case.loss.dtype in ("float16", "bfloat16") else ""
    labels = "y_true, " if case.name not in CLASS_NUMBERS else ""
    values = "np.asarray(y_true, 'float32'), " if labels else ""
    wide = f"{settings}{labels}y_pred = {values}np.asarray(y_pred, 'float32')"
    return found(
        says, f"{narrow}", meant=case.number(y_pred=case.y_pred.astype(np.float32)),
        mend=f"{wide}  # in the model: dtype='float32' on the last layer",
        guard="assert np.asarray(y_pred).dtype.itemsize > 2 and getattr(loss, 'dtype', None) not in "
              "('float16', 'bfloat16')",
        severity="error" if kind != "float32" else "note",
    )  # fmt: skip


def _too_narrow(case, narrow, computed):
    most = 65504.0 if narrow == "float16" else 3.38e38
    last = 2048 if narrow == "float16" else 256
    if case.name in {"mean_squared_error", "squared_hinge"}:
        largest = _largest_error(case)
        if largest**2 > most:
            return (
                f"An error of {largest:.6g} squared is more than {narrow} can hold ({most:g}): the loss "
                "is infinite there."
            )
    if computed and max(map(abs, case.true_range)) > most:
        return f"Labels up to {max(map(abs, case.true_range)):.6g} do not fit into {narrow}."
    if computed and case.name in CLIPPED and not case.from_logits and case.pred_range[1] >= 1 - 2.0**-9:
        return (
            f"In {narrow} 1 - 1e-7 is 1: the clip does nothing, and a sure prediction gives NaN or infinity."
        )
    stored = case.y_pred.dtype.itemsize == 2 and case.y_pred.dtype.kind != "i"
    if stored and case.name in BINARY and not case.from_logits and case.pred_range[1] >= 1:
        return f"Probabilities near 1 were rounded to 1 in {narrow}: the clip cannot bring them back."
    if (
        case.name in CLASS_NUMBERS
        and case.true_range[1] > last
        and (computed or case.y_true.dtype.itemsize == 2)
    ):
        return f"Class numbers above {last} are rounded in {narrow}: neighbouring classes become one."
    return None


def _largest_error(case):
    true, pred = case.y_true.astype(np.float64), case.y_pred.astype(np.float64)
    return float(np.abs(true - pred).max())


@finds("rounded-away", stage="values")
def rounded_away(case):
    """Targets so large that their rounding is as large as the errors."""
    if (
        case.name not in ENTRYWISE - {"mean_absolute_percentage_error"}
        or case.y_true.shape != case.y_pred.shape
    ):
        return None
    largest = max(map(abs, case.true_range))
    kind = _computed_in(case)
    narrow = min(
        (case.y_true, case.y_pred), key=lambda a: a.dtype.itemsize if a.dtype.kind not in "biu" else 8
    )
    if narrow.dtype.name in ("float16", "bfloat16"):
        kind = narrow.dtype.name
    step = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24}[kind] * largest
    if step < 1e-3 and kind == "float32" or not step:
        return None
    typical = float(np.mean(np.abs(case.y_true[:100_000].astype(np.float64) - case.y_pred[:100_000])))
    if not 0 < typical < 5 * step:
        return None
    wide = case.exact.changed(y_true=case.y_true.astype(np.float64), y_pred=case.y_pred.astype(np.float64))
    given = case.changed(
        y_true=case.y_true.astype(np.float32), y_pred=case.y_pred.astype(np.float32)
    ).number()
    return found(
        f"Targets reach {largest:.6g}, where {kind} has steps of {2 * step:.3g}, and the errors are about "
        f"{typical:.3g}: "
        "they are mostly rounding.",
        "y_true", given=given if kind == "float32" else case.number(), meant=wide.number(),
        mend="shift = np.mean(y_true, dtype=float); y_true, y_pred = np.asarray(y_true, float) - shift, "
        "np.asarray(y_pred, float) - shift",
        guard=f"assert np.abs(y_true).max() < {0.5 * largest:.6g}",
    )  # fmt: skip


@finds("pixels", stage="values")
def pixels(case):
    if case.name not in ENTRYWISE or not case.pred_in_unit or not case.true_is_whole or not len(case.y_true):
        return None
    low, high = case.true_range
    if case.y_true.size // len(case.y_true) < 16 or low < 0 or not 128 <= high <= 255:
        return None  # a few numbers a sample are counts
    return found(
        f"Targets are whole numbers up to {high:.6g}, predictions lie in [0, 1]: targets are pixels that "
        "were not scaled.",
        "y_true", given=case.number(), meant=case.number(y_true=case.y_true / 255.0),
        mend="y_true = np.asarray(y_true) / 255", guard="assert np.max(y_true) <= 1",
    )  # fmt: skip


# --- CTC ------------------------------------------------------------------------------------------


@finds("ctc-negative", "labels-out-of-range", "ctc-blank", "ctc-infeasible", stage="values")
def ctc_labels(case):
    if case.name != "ctc":
        return None
    labels, frames = case.y_true, case.y_pred.shape[1]
    if case.true_range[0] < 0:
        return found(
            "Negative class numbers: Keras counts every label that is not 0, so these are taken for "
            "symbols. It pads with 0.",
            "y_true", labels < 0, meant=case.number(y_true=np.maximum(labels, 0)),
            mend="y_true = np.maximum(y_true, 0)", guard="assert np.min(y_true) >= 0",
        )  # fmt: skip
    if case.true_range[1] >= case.classes:
        return found(
            f"Class numbers reach {case.true_range[1]:g}, and there are {case.classes} classes, the blank "
            "(0) included.",
            "y_true", labels >= case.classes, mend=f"model.layers[-1].units = {int(case.true_range[1]) + 1}",
            guard="assert np.max(y_true) < np.shape(y_pred)[-1]", code="labels-out-of-range",
        )  # fmt: skip
    inside = (labels == 0) & (np.cumsum(labels[:, ::-1] != 0, axis=1)[:, ::-1] > 0)
    if inside.any():
        return found(
            "A 0 inside a label: class 0 is the blank, Keras counts the other entries and cuts the label "
            "there.",
            "y_true", inside, given=case.number(),
            mend="y_true, y_pred = y_true + 1, np.pad(y_pred, ((0, 0), (0, 0), (1, 0)), "
                 "constant_values=np.min(y_pred))",
            guard="assert (np.diff(y_true != 0, axis=1, prepend=True) * y_true == 0).all()", code="ctc-blank",
        )  # fmt: skip
    return _infeasible(case, labels, frames)


def _infeasible(case, labels, frames):
    lengths = (labels != 0).sum(axis=1)
    repeats = ((labels[:, 1:] == labels[:, :-1]) & (labels[:, 1:] != 0)).sum(axis=1)
    needs = lengths + repeats
    if (needs <= frames).all():
        return None
    fine, times = needs <= frames, -(-int(needs.max()) // frames)
    return found(
        f"A label needs {int(needs.max())} frames (each symbol one, and a blank between equal neighbours); "
        "there are "
        f"{frames}. No path spells it: the loss is infinite or an arbitrary large number.",
        "rows of y_true", ~fine,
        meant=case.number(y_pred=np.repeat(case.y_pred, times, axis=1)),
        mend=f"y_pred = np.repeat(y_pred, {times}, axis=1)  # in the model: a smaller stride, more frames",
        guard="assert (np.count_nonzero(y_true, 1) + ((y_true[:, 1:] == y_true[:, :-1]) & (y_true[:, 1:] != "
              "0)).sum(1)"
        " <= np.shape(y_pred)[1]).all()",
        code="ctc-infeasible",
    )  # fmt: skip


@finds("ctc-padded-frames", stage="values")
def ctc_padded_frames(case):
    if case.name != "ctc" or case.classes < 2:
        return None
    flat = np.ptp(case.y_pred, axis=-1) == 0
    if not flat.any() or flat.all():
        return None
    blank = np.where(np.arange(case.classes) == 0, 100.0, 0.0)
    return found(
        "Frames with the same score for every class, as padding has: Keras counts every frame, and each of "
        "these costs "
        f"log {case.classes} or more.",
        "frames of y_pred", flat, given=case.number(),
        meant=case.number(y_pred=np.where(flat[..., None], blank, case.y_pred.astype(np.float64))),
        mend="y_pred = np.where(np.ptp(y_pred, axis=-1, keepdims=True) == 0, "
        "100.0 * (np.arange(np.shape(y_pred)[-1]) == 0), y_pred)  # padding says blank",
        guard="assert not (np.ptp(y_pred, axis=-1) == 0).any()",
    )  # fmt: skip


# --- a loss of one's own ----------------------------------------------------------------------------


@finds("nan-result", stage="values")
def nan_result(case):
    if case.loss.form != "custom":
        return None
    value = own_number(case.loss.call, case.y_true, case.y_pred)
    if value is None or np.isfinite(value):
        return None
    clipped = own_number(case.loss.call, case.y_true, np.clip(case.y_pred, 1e-7, 1 - 1e-7))
    helps = clipped is not None and np.isfinite(clipped)
    return found(
        f"The loss is {value} although labels and predictions are finite: a logarithm or a division by 0, "
        "or a root "
        "of a negative number.",
        "the loss", given=value,
        mend="y_pred = np.clip(y_pred, 1e-7, 1 - 1e-7)  # inside the loss: keras.ops.clip before the "
             "logarithm" if helps else
             "loss = keras.losses.MeanSquaredError()  # until its roots and divisions are guarded",
        guard="assert np.isfinite(np.mean(loss(y_true, y_pred)))",
    )  # fmt: skip


__all__ = ["keras_loss", "looks_like_probabilities"]
