"""Where one loss becomes another: at a limit of a parameter, for two classes, for one frame, for one number."""

import numpy as np
import pytest
from hypothesis import strategies as st
from oracles import assert_close
from random_cases import cases, random_cases

from lossbook import CATALOGUE, EPSILON

ROUNDING = 1e-10  # two formulas for one number, far from the clips


# --- the two sides --------------------------------------------------------------------------


def with_settings(case, **settings):
    return case.changed(settings={**case.settings, **settings})


def as_loss(case, name, **settings):
    """Put the data of a case to another loss, with those settings the two share."""
    kept = {key: value for key, value in case.settings.items() if key in CATALOGUE[name].parameters}
    return case.changed(name=name, settings={**kept, **settings})


def assert_same(case, other, factor=1.0, tolerance=ROUNDING):
    """Assert that a case costs `factor` times the other, and that its slope is `factor` times the other's."""
    value, slope = case.value_and_gradient()
    other_value, other_slope = other.value_and_gradient()
    assert_close(value, factor * np.asarray(other_value), tolerance)
    assert_close(slope, factor * other_slope, tolerance)


def one_hot(numbers, classes, axis=-1):
    return np.moveaxis((numbers[..., np.newaxis] == np.arange(classes)).astype(float), -1, axis)


# --- limits of a parameter --------------------------------------------------------------------


def binary_focal(case):
    """Without focus: cross-entropy. Balanced by one half: half as much."""
    without = with_settings(case, gamma=0.0, apply_class_balancing=False)
    assert_same(without, as_loss(without, "binary_crossentropy"))
    balanced = with_settings(case, apply_class_balancing=True, alpha=0.5)
    assert_same(balanced, with_settings(balanced, apply_class_balancing=False), factor=0.5)


def categorical_focal(case):
    """Without focus: alpha times cross-entropy. One alpha for all: the same for each class."""
    without = with_settings(case, gamma=0.0, alpha=0.25)
    assert_same(without, as_loss(without, "categorical_crossentropy"), factor=0.25)
    classes = case.y_pred.shape[case.settings["axis"]]
    assert_same(with_settings(case, alpha=[0.5] * classes), with_settings(case, alpha=0.5))


def huber(case):
    """A large delta: half the squared error. A tiny one: delta times the absolute error."""
    assert_same(with_settings(case, delta=1e3), as_loss(case, "mean_squared_error"), factor=0.5)
    tiny = with_settings(case, delta=1e-9)
    assert_same(tiny, as_loss(case, "mean_absolute_error"), factor=1e-9, tolerance=1e-8)
    np.testing.assert_allclose(tiny.values, 1e-9 * as_loss(case, "mean_absolute_error").values, rtol=1e-6)


def log_cosh(case):
    """Below half the square, above the size less log 2."""
    half_square = as_loss(case, "mean_squared_error").values / 2
    size = as_loss(case, "mean_absolute_error").values
    slack = 1e-14 * (1 + half_square)  # the sums' rounding
    assert (case.values <= half_square + slack).all()
    assert (case.values >= size - np.log(2) - slack).all()
    assert_same(
        rescaled_misses(case, 1e-4), as_loss(rescaled_misses(case, 1e-4), "mean_squared_error"), 0.5, 1e-8
    )
    far = case.changed(y_pred=case.y_true + 50 + np.abs(case.y_pred))
    assert_close(far.values, as_loss(far, "mean_absolute_error").values - np.log(2), ROUNDING)


def rescaled_misses(case, factor):
    return case.changed(y_pred=case.y_true + factor * (case.y_pred - case.y_true))


def tversky(case):
    """Both prices one half: Dice, up to 1e-7. Both 1: one minus Jaccard's index, which Dice gives too."""
    dice = as_loss(case, "dice")
    sizes = 1.0  # a mask that is not empty has at least one pixel
    np.testing.assert_allclose(
        with_settings(case, alpha=0.5, beta=0.5).values, dice.values, rtol=0, atol=EPSILON / sizes
    )
    jaccard = with_settings(case, alpha=1.0, beta=1.0)
    np.testing.assert_allclose(
        jaccard.values, 2 * dice.values / (1 + dice.values), rtol=0, atol=2 * EPSILON / sizes
    )


def generalized(case):
    """Towards 0: cross-entropy. Towards 1: what the true class lacks. At a probability of 0: exactly 1/q."""
    with np.errstate(all="raise"):
        assert (case.changed(y_pred=0 * case.y_pred).values == 1 / case.settings["q"]).all()
    truth = np.take_along_axis(case.y_pred, case.y_true[..., np.newaxis], -1).squeeze(-1)
    np.testing.assert_allclose(with_settings(case, q=1e-7).values, -np.log(truth), rtol=0, atol=1e-6)
    np.testing.assert_allclose(with_settings(case, q=1 - 1e-7).values, 1 - truth, rtol=0, atol=1e-6)


def smoothing(case):
    """Smoothing moves the labels and nothing else; at 0 it is as if it were not there."""
    axis, moved = case.settings["axis"], case.settings["label_smoothing"]
    classes = 2 if case.name.startswith("binary") else case.y_pred.shape[axis]
    by_hand = case.changed(y_true=case.y_true * (1 - moved) + moved / classes)
    assert_same(case, with_settings(by_hand, label_smoothing=0.0))
    left_out = {key: value for key, value in case.settings.items() if key != "label_smoothing"}
    assert_same(with_settings(case, label_smoothing=0.0), case.changed(settings=left_out), tolerance=0)


# --- siblings ---------------------------------------------------------------------------------


def sparse(case):
    """Class numbers cost what their one-hot rows cost; from logits, where nothing is clipped."""
    axis, classes = case.settings["axis"], case.y_pred.shape[case.settings["axis"]]
    numbers = np.clip(case.y_true, 0, classes - 1)
    sparse = with_settings(case, from_logits=True, ignore_class=None).changed(y_true=numbers)
    hot = as_loss(sparse, "categorical_crossentropy").changed(y_true=one_hot(numbers, classes, axis))
    assert_same(sparse, hot)


def two_classes(case):
    """Yes or no is a choice of two: each number with its complement as a row."""
    plain = with_settings(case, from_logits=False, axis=-1).changed(
        reduction="mean", sample_weight=None, mask=None
    )
    probability = np.clip(plain.y_pred, 0.01, 0.99)
    rows = plain.changed(
        name="categorical_crossentropy",
        y_true=np.stack([1 - plain.y_true, plain.y_true], axis=-1),
        y_pred=np.stack([1 - probability, probability], axis=-1),
        settings={"label_smoothing": plain.settings["label_smoothing"]},
    )
    assert_close(
        plain.changed(y_pred=probability).loss(plain.y_true, probability),
        rows.value_and_gradient()[0],
        ROUNDING,
    )


def divergence(case):
    """Cross-entropy is divergence plus the labels' own entropy, for rows that sum to 1."""
    y_true, y_pred = (0.01 + np.abs(array) for array in (case.y_true, case.y_pred))
    rows = case.changed(
        y_true=y_true / y_true.sum(axis=-1, keepdims=True), y_pred=y_pred / y_pred.sum(axis=-1, keepdims=True)
    )
    entropy = -(rows.y_true * np.log(rows.y_true)).sum(axis=-1)
    assert_close(
        rows.values + entropy, as_loss(rows, "categorical_crossentropy").values, 2e-6
    )  # K = 1 is clipped


def squared_hinge(case):
    """For one number a sample, the square of the hinge."""
    single = case.changed(y_true=case.y_true.reshape(-1, 1), y_pred=case.y_pred.reshape(-1, 1))
    assert_close(single.values, as_loss(single, "hinge").values ** 2, ROUNDING)


def percentage(case):
    """The absolute error of the ratio to the target, in percent."""
    positive = case.changed(y_true=case.y_true + 0.5)
    ratios = positive.changed(y_true=np.ones_like(case.y_true), y_pred=case.y_pred / positive.y_true)
    assert_close(positive.values, 100 * as_loss(ratios, "mean_absolute_error").values, ROUNDING)


def logarithmic(case):
    """The squared error of log(1 + number)."""
    logs = case.changed(
        y_true=np.log1p(np.maximum(case.y_true, EPSILON)), y_pred=np.log1p(np.maximum(case.y_pred, EPSILON))
    )
    assert_close(case.values, as_loss(logs, "mean_squared_error").values, ROUNDING)


def one_frame(case):
    """One frame can spell one symbol or none: the cross-entropy of that symbol, or of the blank."""
    short = case.changed(y_true=case.y_true[:, :1], y_pred=case.y_pred[:, :1])
    symbols = as_loss(short, "sparse_categorical_crossentropy", from_logits=True)
    flat = symbols.changed(y_true=case.y_true[:, 0], y_pred=case.y_pred[:, 0])
    assert_close(short.value_and_gradient()[0], flat.value_and_gradient()[0], ROUNDING)
    assert_close(short.value_and_gradient()[1][:, 0], flat.value_and_gradient()[1], ROUNDING)


def direction(case):
    """Longer by any factor, the same direction: the same value, and a slope smaller by that factor."""
    axis = case.settings["axis"]
    flat = np.arange(case.y_pred.shape[axis]) == 0  # one coordinate at 0, unless it is the only one
    shape = np.ones(case.y_pred.ndim, int)
    shape[axis] = -1
    y_pred = np.where(flat.reshape(shape) & (flat.size > 1), 0.0, case.y_pred)
    for sign, factor in ((1, 2.0), (1, 1e200), (-1, 1e200)):
        short, longer = (case.changed(y_pred=sign * by * np.abs(y_pred)) for by in (1, factor))
        assert_close(longer.values, short.values, ROUNDING)
        assert_close(factor * longer.value_and_gradient()[1], short.value_and_gradient()[1], ROUNDING)


# --- all of them on random cases ------------------------------------------------------------------

COLLAPSES = [
    ("binary_focal_crossentropy", binary_focal, False),
    ("categorical_focal_crossentropy", categorical_focal, False),
    ("huber", huber, True),
    ("log_cosh", log_cosh, True),
    ("tversky", tversky, False),
    ("categorical_generalized_cross_entropy", generalized, False),
    ("binary_crossentropy", smoothing, False),
    ("categorical_crossentropy", smoothing, False),
    ("binary_focal_crossentropy", smoothing, True),
    ("categorical_focal_crossentropy", smoothing, True),
    ("sparse_categorical_crossentropy", sparse, False),
    ("binary_crossentropy", two_classes, False),
    ("kl_divergence", divergence, False),
    ("squared_hinge", squared_hinge, False),
    ("mean_absolute_percentage_error", percentage, False),
    ("mean_squared_logarithmic_error", logarithmic, False),
    ("ctc", one_frame, False),
    ("cosine_similarity", direction, True),
]
"""The loss whose cases are drawn, what must hold for them, and whether it holds away from kinks only."""


@pytest.mark.parametrize(
    ("name", "collapse", "calm"), COLLAPSES, ids=[f"{row[0]}-{row[1].__name__}" for row in COLLAPSES]
)
@random_cases(40, data=st.data())
def test_one_loss_becomes_another(name, collapse, calm, data):
    case = data.draw(cases(name, calm=calm))
    labels = case.y_true if case.y_true.dtype.kind == "i" else case.y_true.astype(float)
    collapse(case.changed(y_true=labels, y_pred=case.y_pred.astype(float)))  # about formulas, not rounding
