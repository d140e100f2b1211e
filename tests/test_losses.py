"""The losses: values and slopes against tf.keras, against central differences, and known values.

What runs for every loss is driven by the catalogue. A loss's :data:`CASES` say which data it
takes and with which parameters it is tried; a test proves that no loss is left out.
"""

import copy
import inspect
import math
import os
import pickle
import re
import warnings
from itertools import product

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import lossbook
from lossbook import CATALOGUE
from lossbook.registry import own_parameters

# --- data: what each loss is tried on -----------------------------------------------------


def numbers(rng, shape):
    """Real targets and predictions, on both sides of every kink."""
    return rng.normal(0, 2, shape), rng.normal(0, 2, shape)


def amounts(rng, shape):
    """Positive targets and predictions."""
    return rng.uniform(0, 5, shape), rng.uniform(0.01, 5, shape)


def chances(rng, shape):
    """Labels 0 or 1, and probabilities."""
    return rng.integers(0, 2, shape).astype(float), rng.uniform(0.01, 0.99, shape)


def odds(rng, shape):
    """Labels 0 or 1, and scores."""
    return rng.integers(0, 2, shape).astype(float), rng.normal(0, 4, shape)


def sides(rng, shape):
    """Labels -1 or 1, and scores."""
    return rng.choice([-1.0, 1.0], shape), rng.normal(0, 2, shape)


def one_hot(rng, shape):
    """One-hot labels along the last axis, and probabilities that need not sum to 1."""
    return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])], rng.uniform(0.01, 0.99, shape)


def one_hot_scores(rng, shape):
    """One-hot labels along the last axis, and scores."""
    return one_hot(rng, shape)[0], rng.normal(0, 4, shape)


def one_hot_first(rng, shape):
    """One-hot labels along axis 0, and probabilities."""
    labels, predictions = one_hot(rng, shape[1:] + shape[:1])
    return np.moveaxis(labels, -1, 0), np.moveaxis(predictions, -1, 0)


def shares(rng, shape):
    """Two rows of probabilities that sum to 1."""
    both = rng.uniform(0.01, 1, (2, *shape))
    return both / both.sum(axis=-1, keepdims=True)


def classes(rng, shape):
    """Class numbers, and probabilities."""
    return rng.integers(0, shape[-1], shape[:-1]), one_hot(rng, shape)[1]


def class_scores(rng, shape):
    """Class numbers, and scores."""
    return rng.integers(0, shape[-1], shape[:-1]), rng.normal(0, 4, shape)


def embeddings(rng, shape):
    """Labels with at least one pair of a kind, and vectors of length 1."""
    vectors = rng.normal(0, 1, shape)
    labels = np.resize([0, 0, 1, 1, 2], shape[0])
    return labels, vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def transcripts(rng, shape):
    """Padded labels, an empty one and one with a repeat among them, and scores."""
    labels = np.resize([[1, 2, 2], [3, 1, 0], [2, 0, 0], [0, 0, 0], [1, 1, 1]], (shape[0], 3))
    return labels, rng.normal(0, 2, shape)


FLAT = [(4, 3), (2, 3, 4), (2, 2, 2, 3), (5,)]
ROWS = [(5, 4), (2, 3, 4), (2, 2, 2, 3)]
IMAGES = [(3, 2, 2, 2)]

CASES = {
    "mean_squared_error": [(numbers, FLAT, {})],
    "mean_absolute_error": [(numbers, FLAT, {})],
    "mean_absolute_percentage_error": [(numbers, FLAT, {})],
    "mean_squared_logarithmic_error": [(amounts, FLAT, {}), (numbers, FLAT, {})],
    "huber": [(numbers, FLAT, {}), (numbers, FLAT, {"delta": 0.3}), (numbers, FLAT, {"delta": 3.0})],
    "log_cosh": [(numbers, FLAT, {})],
    "binary_crossentropy": [
        (chances, FLAT, {}),
        (odds, FLAT, {"from_logits": True}),
        (chances, FLAT, {"label_smoothing": 0.2}),
        (odds, [(4, 3), (2, 3, 4)], {"from_logits": True, "label_smoothing": 0.2, "axis": 0}),
    ],
    "categorical_crossentropy": [
        (one_hot, ROWS, {}),
        (one_hot_scores, ROWS, {"from_logits": True}),
        (one_hot, ROWS, {"label_smoothing": 0.2}),
        (one_hot_scores, ROWS, {"from_logits": True, "label_smoothing": 0.2}),
        (one_hot_first, ROWS, {"axis": 0}),
    ],
    "sparse_categorical_crossentropy": [
        (classes, ROWS, {}),
        (class_scores, ROWS, {"from_logits": True}),
        (classes, ROWS, {"ignore_class": 1}),
        (class_scores, ROWS, {"from_logits": True, "ignore_class": 0}),
    ],
    "categorical_generalized_cross_entropy": [
        (classes, ROWS, {"q": 0.5}),
        (classes, ROWS, {"q": 0.9}),
        (classes, ROWS, {"q": 0.05}),
    ],
    "kl_divergence": [(shares, ROWS, {}), (chances, ROWS, {})],
    "poisson": [(amounts, FLAT, {})],
    "binary_focal_crossentropy": [
        (chances, FLAT, {}),
        (odds, FLAT, {"from_logits": True}),
        (chances, FLAT, {"gamma": 0.5, "label_smoothing": 0.2}),
        (odds, FLAT, {"gamma": 0.5, "from_logits": True, "label_smoothing": 0.2}),
        (chances, FLAT, {"apply_class_balancing": True, "alpha": 0.7, "gamma": 1.0}),
        (odds, FLAT, {"apply_class_balancing": True, "gamma": 0.0, "from_logits": True}),
        (chances, [(4, 3), (2, 3, 4)], {"axis": 0}),
    ],
    "categorical_focal_crossentropy": [
        (one_hot, ROWS, {}),
        (one_hot_scores, ROWS, {"from_logits": True}),
        (one_hot, ROWS, {"gamma": 0.5, "label_smoothing": 0.2}),
        (one_hot_scores, ROWS, {"gamma": 3.3, "from_logits": True, "label_smoothing": 0.2}),
        (one_hot, [(5, 3), (2, 2, 3)], {"alpha": [0.2, 0.5, 0.9], "gamma": 1.0}),
        (one_hot_scores, [(5, 3)], {"alpha": [0.2, 0.5, 0.9], "gamma": 0.0, "from_logits": True}),
        (one_hot_first, ROWS, {"axis": 0}),
    ],
    "hinge": [(sides, FLAT, {}), (odds, FLAT, {})],
    "squared_hinge": [(sides, FLAT, {}), (odds, FLAT, {})],
    "categorical_hinge": [(one_hot_scores, ROWS, {})],
    "dice": [
        (chances, [*FLAT, *IMAGES], {}),
        (chances, IMAGES, {"axis": (1, 2, 3)}),
        (chances, ROWS, {"axis": -1}),
        (chances, ROWS, {"axis": 0}),
    ],
    "tversky": [
        (chances, [*FLAT, *IMAGES], {"alpha": 0.3, "beta": 0.3}),
        (chances, IMAGES, {"alpha": 0.8, "beta": 0.8, "axis": (1, 2, 3)}),
        (chances, ROWS, {"axis": -1}),
    ],
    "cosine_similarity": [(numbers, ROWS, {}), (numbers, ROWS, {"axis": 0})],
    "circle": [
        (embeddings, [(5, 3), (7, 4)], {}),
        (embeddings, [(5, 3)], {"gamma": 4.0, "margin": 0.1}),
        (embeddings, [(5, 3)], {"gamma": 2.0, "remove_diagonal": False}),
        (embeddings, [(5, 3)], {"gamma": 2.0, "margin": -0.2}),
    ],
    "ctc": [(transcripts, [(5, 7, 4), (2, 5, 5)], {})],
}
"""For each loss: how data is drawn, in which shapes, with which parameters."""

EVERY_CASE = [
    pytest.param(name, draw, shape, parameters, id=f"{name}-{draw.__name__}-{shape}-{parameters}")
    for name, cases in CASES.items()
    for draw, shapes, parameters in cases
    for shape in shapes
]
ONE_CASE_EACH = [
    pytest.param(name, draw, shapes[0], parameters, id=f"{name}-{draw.__name__}-{parameters}")
    for name, cases in CASES.items()
    for draw, shapes, parameters in cases
]
DTYPES = {"float32": np.float32, "float64": np.float64}
REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none")


def data(draw, shape, dtype=np.float64, seed=0):
    """Draw labels and predictions; class numbers stay integers."""
    y_true, y_pred = draw(np.random.default_rng(seed), shape)
    whole = np.asarray(y_true).dtype.kind in "iu"
    return np.asarray(y_true if whole else y_true.astype(dtype)), y_pred.astype(dtype)


def keras_function(name):
    """Return a loss of Keras as a function, wherever it is exported."""
    return getattr(keras.losses, name, None) or getattr(tf.keras.losses, name)


def gap(name, dtype, size):
    """Return the absolute gap that rounding in Keras allows, for values of this size."""
    relative = {np.float32: 3e-5, np.float64: 1e-11}[dtype]
    if name == "circle" and dtype is np.float32:
        relative = 3e-4  # exponents of 80 times a rounded distance
    if dtype is np.float64 and name in ("ctc", "categorical_focal_crossentropy"):
        relative = {"ctc": 1e-5}.get(name, 1e-6)  # Keras computes in float32 there, or rounds alpha to it
    absolute = 2e-7 if name == "log_cosh" and dtype is np.float64 else 0.0  # log 2 in float32, summed
    return absolute + relative * max(1.0, float(size))


def assert_close(name, dtype, ours, theirs):
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max(initial=0) <= gap(name, dtype, np.abs(theirs).max(initial=0))


def test_no_loss_is_left_out():
    assert list(CASES) == [*CATALOGUE] or sorted(CASES) == sorted(CATALOGUE)
    assert len(CATALOGUE) == 22


# --- against tf.keras ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name, draw, shape, parameters", EVERY_CASE)
def test_function_and_gradient_equal_keras(name, draw, shape, parameters, dtype):
    if name == "tversky" and parameters.get("alpha", 0.5) != parameters.get("beta", 0.5):
        pytest.skip("Keras 3.15.1 swaps the two")
    y_true, y_pred = data(draw, shape, dtype)
    spec = CATALOGUE[name]
    ours = spec.function(y_true, y_pred, **parameters)
    slope = spec.gradient(y_true, y_pred, **parameters)
    predictions = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        theirs = keras_function(name)(tf.constant(y_true), predictions, **parameters)
    assert ours.dtype == slope.dtype == dtype
    assert_close(name, dtype, ours, theirs)
    assert_close(name, dtype, slope, tape.gradient(theirs, predictions))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name, draw, shape, parameters", EVERY_CASE)
def test_class_equals_keras_at_every_reduction_weight_and_mask(name, draw, shape, parameters, dtype):
    y_true, y_pred = data(draw, shape, dtype)
    spec, rng = CATALOGUE[name], np.random.default_rng(1)
    form = np.shape(spec.function(y_true, y_pred, **parameters))
    for reduction, weighted, masked in product(REDUCTIONS, (False, True), (False, True)):
        if form == () and weighted and reduction == "mean_with_sample_weight":
            continue  # Keras does not reduce a single value: a row of lossbook/differences.py
        weight = rng.integers(0, 4, form).astype(dtype) if weighted else None
        mask = rng.random(form) < 0.7 if masked else None
        settings = {**parameters, "reduction": reduction}
        value, slope = spec.cls(**settings).value_and_gradient(y_true, y_pred, weight, mask)
        assert np.array_equal(spec.cls(**settings)(y_true, y_pred, weight, mask), value, equal_nan=True)
        predictions = tf.constant(y_pred)
        with tf.GradientTape() as tape:
            tape.watch(predictions)
            seen = tf.identity(predictions)
            if masked:
                seen._keras_mask = tf.constant(mask)
            loss = getattr(keras.losses, spec.cls.__name__)(**settings, dtype=np.dtype(dtype).name)
            theirs = loss(tf.constant(y_true), seen, sample_weight=weight)
        assert_close(name, dtype, value, theirs)
        assert_close(name, dtype, slope, tape.gradient(theirs, predictions))
        assert slope.dtype == dtype and np.asarray(value).dtype == dtype


KINKS = [
    ("mean_absolute_error", {}, [[0.0, 0.0, 0.0]], [[0.0, -1e-3, 1e-3]]),
    ("mean_absolute_percentage_error", {}, [[0.0, 2.0, 1e-8]], [[0.0, 2.0, 1.0]]),
    ("mean_squared_logarithmic_error", {}, [[1.0, 1.0, 1.0]], [[1e-8, -0.5, 1.0]]),
    ("huber", {}, [[0.0, 0.0, 0.0, 0.0]], [[1.0, -1.0, 1.001, 0.999]]),
    ("log_cosh", {}, [[0.0, 0.0, 0.0]], [[0.0, 1.0, -100.0]]),
    ("binary_crossentropy", {}, [[1.0, 1.0, 1.0, 1.0, 0.0]], [[0.0, 1e-8, 1e-6, 1.0, 1.0]]),
    ("binary_crossentropy", {"from_logits": True}, [[1.0, 1.0, 1.0, 0.0]], [[-100.0, 0.0, 100.0, 0.0]]),
    ("categorical_crossentropy", {}, [[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]),
    ("sparse_categorical_crossentropy", {}, [0, 0, 1], [[0.0, 1.0], [1.0, 0.0], [0.6, 0.4]]),
    ("kl_divergence", {}, [[0.5, 0.5, 0.5]], [[0.0, 1.5, 1.0]]),
    ("poisson", {}, [[1.0, 0.0]], [[0.0, 0.0]]),
    ("binary_focal_crossentropy", {}, [[1.0, 1.0, 0.0]], [[0.0, 1.0, 1.0]]),
    ("binary_focal_crossentropy", {"gamma": 1.0}, [[1.0, 1.0, 0.0]], [[0.0, 1.0, 1.0]]),
    ("binary_focal_crossentropy", {"gamma": 0.0}, [[1.0, 1.0, 0.0]], [[0.0, 0.7, 1.0]]),
    ("categorical_focal_crossentropy", {}, [[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]),
    ("hinge", {}, [[1.0, 1.0, 1.0, -1.0]], [[0.999, 1.0, 1.001, -1.0]]),
    ("squared_hinge", {}, [[1.0, 1.0, 1.0, -1.0]], [[0.0, 1.0, 1.001, -1.0]]),
    ("categorical_hinge", {}, [[1.0, 0.0], [1.0, 0.0]], [[0.5, -3.0], [3.0, 2.0]]),
    ("categorical_hinge", {}, [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], [[0.5, 2.0, 2.0], [-1.0, 0.0, 0.0]]),
    ("dice", {}, [[0.0, 0.0]], [[0.0, 0.0]]),
    ("tversky", {}, [[0.0, 0.0]], [[0.0, 0.0]]),
    ("cosine_similarity", {}, [[1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [5e-8, 5e-8]]),
    (
        "circle",
        {"gamma": 2.0, "margin": 0.5},
        [0, 0, 1, 1],
        [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]],
    ),
    ("circle", {"gamma": 2.0, "margin": 0.0}, [0, 0, 1, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]),
]


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name, parameters, y_true, y_pred", KINKS)
def test_slope_at_kinks_and_clips_equals_tensorflow(name, parameters, y_true, y_pred, dtype):
    y_true = np.asarray(y_true) if isinstance(y_true[0], int) else np.asarray(y_true, dtype)
    y_pred = np.asarray(y_pred, dtype)
    predictions = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        theirs = tf.reduce_sum(keras_function(name)(tf.constant(y_true), predictions, **parameters))
    slope = CATALOGUE[name].gradient(y_true, y_pred, **parameters)
    assert_close(name, dtype, slope, tape.gradient(theirs, predictions))


# --- against central differences ----------------------------------------------------------


def central_differences(total, y_pred, step):
    """Return the slope of a number in each prediction, from two values on either side."""
    slope = np.zeros_like(y_pred)
    for place in np.ndindex(y_pred.shape):
        above, below = y_pred.copy(), y_pred.copy()
        above[place] += step
        below[place] -= step
        slope[place] = (float(total(above)) - float(total(below))) / (2 * step)
    return slope


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name, draw, shape, parameters", ONE_CASE_EACH)
def test_gradient_equals_central_differences(name, draw, shape, parameters, seed):
    if parameters.get("remove_diagonal") is False:
        pytest.skip("a sample lies at a distance of 0 from itself, which is a kink")
    y_true, y_pred = data(draw, shape, seed=seed)
    spec = CATALOGUE[name]
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0, 2, np.shape(spec.function(y_true, y_pred, **parameters)))
    for reduction in ("sum_over_batch_size", "mean_with_sample_weight", "sum"):
        loss = spec.cls(**parameters, reduction=reduction)
        slope = loss.gradient(y_true, y_pred, weight)
        measured = central_differences(lambda p: loss(y_true, p, weight), y_pred, 1e-6)  # noqa: B023
        assert np.abs(slope - measured).max() <= 2e-7 * max(
            1.0, np.abs(measured).max(), abs(loss(y_true, y_pred))
        )


def test_tversky_gradient_with_unequal_prices_equals_central_differences():
    y_true, y_pred = data(chances, (3, 2, 2, 2))
    for axis in (None, (1, 2, 3)):
        loss = lossbook.Tversky(alpha=0.9, beta=0.2, axis=axis, reduction="sum")
        measured = central_differences(lambda p: loss(y_true, p), y_pred, 1e-6)  # noqa: B023
        assert np.abs(loss.gradient(y_true, y_pred) - measured).max() < 1e-8


def test_circle_gradient_with_references_equals_keras_and_central_differences():
    labels, vectors = data(embeddings, (5, 3))
    others, references = data(embeddings, (7, 3), seed=1)
    parameters = {"ref_labels": others, "ref_embeddings": references, "gamma": 3.0}
    slope = lossbook.circle_gradient(labels, vectors, **parameters)
    measured = central_differences(lambda p: lossbook.circle(labels, p, **parameters).sum(), vectors, 1e-6)
    assert np.abs(slope - measured).max() < 1e-7
    theirs = keras.losses.circle(labels, tf.constant(vectors), **parameters)
    assert np.allclose(lossbook.circle(labels, vectors, **parameters), theirs, rtol=1e-12)


# --- known values -------------------------------------------------------------------------

KNOWN = [
    # loss, labels, predictions, parameters, value, where it is from
    (
        "categorical_generalized_cross_entropy",
        [0],
        [[0.0, 1.0]],
        {"q": 0.5},
        [2.0],
        "1/q, the most it can be",
    ),
    ("log_cosh", [[0.0]], [[1e30]], {}, [1e30], "log cosh x = |x| - log 2 for large x"),
    (
        "log_cosh",
        [[0.0, 1.0], [0.0, 0.0]],
        [[1.0, 1.0], [0.0, 0.0]],
        {},
        [0.21689064, 0.0],
        "docs of keras.losses.LogCosh: mean 0.108",
    ),
    ("log_cosh", [[0.0]], [[1e-8]], {}, [5e-17], "half the square of a small miss"),
    (
        "squared_hinge",
        [[0, 1], [0, 0]],
        [[0.6, 0.4], [0.4, 0.6]],
        {},
        [1.46, 2.26],
        "docs of keras.losses.SquaredHinge: mean 1.86",
    ),
    (
        "categorical_hinge",
        [[0, 1], [0, 0]],
        [[0.6, 0.4], [0.4, 0.6]],
        {},
        [1.2, 1.6],
        "docs of keras.losses.CategoricalHinge: mean 1.4",
    ),
    (
        "categorical_generalized_cross_entropy",
        [0, 1, 0, 1],
        [[0.7, 0.3], [0.2, 0.8], [0.6, 0.4], [0.4, 0.6]],
        {"q": 0.5},
        [2 - 2 * math.sqrt(p) for p in (0.7, 0.8, 0.6, 0.6)],
        "the formula of Zhang and Sabuncu 2018, by hand",
    ),
    (
        "binary_focal_crossentropy",
        [[0, 1], [0, 0]],
        [[0.6, 0.4], [0.4, 0.6]],
        {},
        [0.32986468, 0.20579814],
        "docs of keras.losses.binary_focal_crossentropy",
    ),
    ("binary_focal_crossentropy", [[1.0]], [[-1e4]], {"from_logits": True}, [1e4], "-log sigmoid(-z) is z"),
    (
        "categorical_focal_crossentropy",
        [[0, 1, 0], [0, 0, 1]],
        [[0.05, 0.9, 0.05], [0.1, 0.85, 0.05]],
        {},
        [2.63401289e-04, 6.75912094e-01],
        "docs of keras.losses.categorical_focal_crossentropy",
    ),
    (
        "categorical_focal_crossentropy",
        [[1, 0]],
        [[-1e4, 1e4]],
        {"from_logits": True},
        [0.25 * 2e4],
        "alpha times -log softmax",
    ),
    (
        "dice",
        [[1.0, 1.0, 0.0, 0.0]],
        [[1.0, 0.0, 1.0, 0.0]],
        {},
        0.5,
        "one pixel shared, two and two: 1 - 2/4",
    ),
    (
        "tversky",
        [1.0, 1.0, 0.0],
        [1.0, 0.0, 1.0],
        {"alpha": 2.0, "beta": 3.0},
        1 - 1 / 6,
        "1 / (1 + 2 + 3), Salehi et al. 2017, eq. 3",
    ),
    ("circle", [0, 0], [[1.0, 0.0], [0.0, 1.0]], {}, [0.0, 0.0], "no strangers, nothing to lose"),
    ("ctc", [[1]], [[[0.0, 0.0]] * 2], {}, [math.log(4 / 3)], "aa, a- and -a, of four paths"),
    ("ctc", [[1, 1]], [[[0.0, 0.0]] * 3], {}, [math.log(8)], "a-a alone, of eight paths"),
    (
        "ctc",
        [[1, 2]],
        [[[0.0, 0.0, 0.0]] * 3],
        {},
        [math.log(27 / 5)],
        "aab, abb, -ab, a-b and ab-, of 27 paths",
    ),
    ("ctc", [[0, 0]], [[[0.0, 0.0, 0.0]] * 3], {}, [math.log(27)], "three blanks, of 27 paths"),
    (
        "huber",
        [[0, 1], [0, 0]],
        [[0.6, 0.4], [0.4, 0.6]],
        {},
        [0.18, 0.13],
        "docs of keras.losses.Huber: mean 0.155",
    ),
    (
        "hinge",
        [[0, 1], [0, 0]],
        [[0.6, 0.4], [0.4, 0.6]],
        {},
        [1.1, 1.5],
        "docs of keras.losses.Hinge: mean 1.3",
    ),
    (
        "kl_divergence",
        [[0, 1], [0, 0]],
        [[0.6, 0.4], [0.4, 0.6]],
        {},
        [0.916289, -3.080907e-06],
        "docs of keras.losses.KLDivergence: mean 0.458",
    ),
    ("poisson", [[0, 1], [0, 0]], [[1, 1], [0, 0]], {}, [1.0, 0.0], "docs of keras.losses.Poisson: mean 0.5"),
]


@pytest.mark.parametrize("name, y_true, y_pred, parameters, value, provenance", KNOWN)
def test_known_values(name, y_true, y_pred, parameters, value, provenance):
    ours = CATALOGUE[name].function(y_true, y_pred, **parameters)
    assert np.allclose(ours, value, rtol=2e-6, atol=1e-15), provenance


def every_path(logits, label):
    """Return CTC's value by listing every path: what the two passes must equal."""
    frames, symbols = logits.shape
    chances_of = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    total = 0.0
    for path in product(range(symbols), repeat=frames):
        kept = [now for before, now in zip((None, *path), path, strict=False) if now != before]
        if [symbol for symbol in kept if symbol] == list(label):
            total += np.prod([chances_of[frame, symbol] for frame, symbol in enumerate(path)])
    return -math.log(total)


@pytest.mark.parametrize("label", [[], [1], [1, 1], [1, 2], [2, 1, 2], [1, 1, 2]])
def test_ctc_equals_the_list_of_all_paths(label):
    logits = np.random.default_rng(3).normal(0, 1, (5, 3))
    padded = [label + [0] * (4 - len(label))]
    assert math.isclose(lossbook.ctc(padded, logits[np.newaxis])[0], every_path(logits, label), rel_tol=1e-13)


# --- logits of any size -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name", [name for name in CATALOGUE if "from_logits" in CATALOGUE[name].parameters])
def test_logits_of_ten_thousand_are_exact(name, dtype):
    spec = CATALOGUE[name]
    right, wrong = np.array([[1e4, -1e4]], dtype), np.array([[-1e4, 1e4]], dtype)
    labels = np.array([0]) if name.startswith("sparse") else np.array([[1, 0]], dtype)
    parameters = {"from_logits": True} | ({"alpha": 1.0} if name == "categorical_focal_crossentropy" else {})
    worst = 1e4 if name.startswith("binary") else 2e4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spec.function(labels, right, **parameters)[0] == 0
        assert spec.function(labels, wrong, **parameters)[0] == worst
        assert np.abs(spec.gradient(labels, right, **parameters)).max() == 0
        slope = spec.gradient(labels, wrong, **parameters)
    assert slope.tolist() == ([[-0.5, 0.5]] if name.startswith("binary") else [[-1.0, 1.0]])


def test_a_focal_loss_of_gamma_0_is_its_cross_entropy():
    y_true, y_pred = data(chances, (4, 3))
    assert np.allclose(
        lossbook.binary_focal_crossentropy(y_true, y_pred, gamma=0.0), lossbook.bce(y_true, y_pred)
    )
    y_true, y_pred = data(one_hot_scores, (4, 3))
    focal = lossbook.categorical_focal_crossentropy(y_true, y_pred, alpha=1.0, gamma=0.0, from_logits=True)
    assert np.allclose(focal, lossbook.categorical_crossentropy(y_true, y_pred, from_logits=True))


# --- the same calls as Keras --------------------------------------------------------------

KERAS_CLASSES = [
    name
    for name, value in vars(keras.losses).items()
    if inspect.isclass(value) and issubclass(value, keras.losses.Loss) and value is not keras.losses.Loss
]
KERAS_FUNCTIONS = [
    name
    for name, value in {**vars(keras.losses), **vars(tf.keras.losses)}.items()
    if inspect.isfunction(value) and name not in ("get", "serialize", "deserialize")
]


def parameters_of(callable_):
    """Return names and defaults in order."""
    return [(p.name, p.default) for p in inspect.signature(callable_).parameters.values()]


def test_keras_has_22_losses():
    assert len(KERAS_CLASSES) == 22
    assert {spec.cls.__name__ for spec in CATALOGUE.values()} == set(KERAS_CLASSES)
    assert set(CATALOGUE) <= set(KERAS_FUNCTIONS)


@pytest.mark.parametrize("name", KERAS_CLASSES)
def test_class_signature_is_keras_own(name):
    assert parameters_of(getattr(lossbook, name)) == parameters_of(getattr(keras.losses, name))


@pytest.mark.parametrize("name", KERAS_FUNCTIONS)
def test_function_signature_is_keras_own(name):
    ours, theirs = parameters_of(getattr(lossbook, name)), parameters_of(keras_function(name))
    further = ours[len(theirs) :]
    assert ours[: len(theirs)] == theirs
    assert further == [(key, None) for key in DATA_OF_A_BATCH.get(name, ())]


DATA_OF_A_BATCH = {"ctc": ("logit_lengths", "label_lengths")}  # Keras has them in ops.ctc_loss alone


def names_known_to(*modules):
    """Return every name that stands for a loss in these modules, and what the loss is called."""
    found = {}
    for module in modules:
        for name, value in vars(module).items():
            called = getattr(value, "__name__", "")
            if called in CATALOGUE or (called in KERAS_CLASSES and inspect.isclass(value)):
                found[name] = called
    return found


def every_name():
    from keras.src.losses import ALL_OBJECTS_DICT
    from tf_keras.src import losses as written

    found = {name: value.__name__ for name, value in ALL_OBJECTS_DICT.items() if "Loss" not in name}
    return found | names_known_to(keras.losses, tf.keras.losses, tf_keras.losses, written)


@pytest.mark.parametrize("name, called", sorted(every_name().items()))
def test_every_name_of_keras_is_known(name, called):
    got = lossbook.get(name)
    assert (got.__name__ if called in CATALOGUE else type(got).__name__) == called
    exported = getattr(lossbook, name)
    assert exported.__name__ == called and name in lossbook.__all__


def test_the_names_are_not_too_few():
    names = set(every_name())
    assert {
        "huber_loss",
        "bce",
        "BCE",
        "logcosh",
        "kullback_leibler_divergence",
        "MSE",
        "kld",
        "Huber",
    } <= names
    assert len(names) > 55


# --- keeping ------------------------------------------------------------------------------

OTHER_THAN_DEFAULT = {
    "delta": 2.5,
    "from_logits": True,
    "label_smoothing": 0.125,
    "axis": 0,
    "ignore_class": 3,
    "q": 0.75,
    "apply_class_balancing": True,
    "alpha": 0.375,
    "beta": 0.625,
    "gamma": 1.5,
    "margin": 0.25,
    "remove_diagonal": False,
    "reduction": "sum",
    "name": "mine",
    "dtype": "float32",
}


def unusual(cls):
    """Build a loss none of whose settings is the default."""
    return cls(**{name: OTHER_THAN_DEFAULT[name] for name in inspect.signature(cls).parameters})


@pytest.mark.parametrize("name", KERAS_CLASSES)
def test_the_documentation_of_a_class_names_every_parameter(name):
    cls = getattr(lossbook, name)
    for parameter in inspect.signature(cls).parameters:
        assert re.search(rf"^{parameter} : ", inspect.getdoc(cls), re.MULTILINE), parameter


@pytest.mark.parametrize("name", KERAS_CLASSES)
def test_nothing_is_lost_in_keeping(name):
    cls = getattr(lossbook, name)
    for loss in (cls(), unusual(cls)):
        config = loss.get_config()
        assert list(config) and set(config) == set(inspect.signature(cls).parameters)
        again = {
            "from_config": cls.from_config(config),
            "get": lossbook.get({"class_name": name, "config": config}),
            "pickle": pickle.loads(pickle.dumps(loss)),
            "copy": copy.deepcopy(loss),
            "repr": eval(repr(loss), vars(lossbook)),
        }
        for way, other in again.items():
            assert other == loss and hash(other) == hash(loss), way
            assert other.get_config() == config, way
    assert all(value == OTHER_THAN_DEFAULT[key] for key, value in unusual(cls).get_config().items())


def test_weights_for_each_class_are_kept():
    loss = lossbook.CategoricalFocalCrossentropy(alpha=np.array([0.2, 0.8]), gamma=np.float32(1.5))
    assert loss.get_config()["alpha"] == [0.2, 0.8] and loss.get_config()["gamma"] == 1.5
    assert eval(repr(loss), vars(lossbook)) == loss


# --- types, layouts, sizes ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name, draw, shape, parameters", ONE_CASE_EACH)
def test_every_floating_type(name, draw, shape, parameters, dtype):
    y_true, y_pred = data(draw, shape)
    spec, kind = CATALOGUE[name], np.dtype(getattr(ml_dtypes, dtype, dtype))
    given = y_pred.astype(kind)
    exact, exact_slope = spec.cls(**parameters).value_and_gradient(y_true, given.astype(np.float64))
    for loss, predictions in ((spec.cls(**parameters), given), (spec.cls(**parameters, dtype=dtype), y_pred)):
        value, slope = loss.value_and_gradient(y_true, predictions)
        assert value.dtype == slope.dtype == kind
        close = {"float16": 4e-3, "bfloat16": 1.6e-2, "float32": 3e-4, "float64": 1e-12}[dtype]
        if name == "circle" and dtype == "float16":
            close = 0.1  # exponents of up to 300, of which float16 knows the quarters
        size = max(1.0, np.abs(exact_slope).max())
        assert abs(float(value) - exact) <= close * max(1.0, abs(exact))
        assert np.abs(slope.astype(float) - exact_slope).max() <= close * size
    values = spec.function(y_true, given, **parameters)
    widened = dtype == "bfloat16" or (dtype == "float16" and name == "ctc")
    assert values.dtype == (np.float32 if widened else kind)


@pytest.mark.parametrize("name, draw, shape, parameters", ONE_CASE_EACH)
def test_every_way_to_hold_the_data(name, draw, shape, parameters):
    y_true, y_pred = data(draw, shape)
    loss = CATALOGUE[name].cls(**parameters)
    value, slope = loss.value_and_gradient(y_true, y_pred)
    frozen = y_pred.copy()
    frozen.setflags(write=False)
    spaced = np.repeat(y_pred, 2, axis=0)[::2]
    fortran = np.asfortranarray(y_pred)
    swapped = y_pred.astype(y_pred.dtype.newbyteorder())
    for predictions in (y_pred.tolist(), frozen, spaced, fortran, swapped, tf.constant(y_pred)):
        for labels in (y_true, y_true.tolist()):
            again, its_slope = loss.value_and_gradient(labels, predictions)
            assert math.isclose(again, value, rel_tol=1e-13, abs_tol=1e-15)
            assert np.allclose(its_slope, slope, rtol=1e-12, atol=1e-15) and its_slope.shape == y_pred.shape
    before = y_pred.copy(), y_true.copy()
    loss.value_and_gradient(y_true, y_pred, mask=None)
    assert np.array_equal(before[0], y_pred) and np.array_equal(before[1], y_true)


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name not in ("circle", "ctc")])
def test_integer_and_boolean_labels(name):
    draw, shapes, parameters = CASES[name][0]
    y_true, y_pred = data(draw, shapes[0])
    whole = np.abs(y_true).astype(np.int64) % 2
    loss = CATALOGUE[name].cls(**parameters)
    expected = loss(whole.astype(float), y_pred)
    for kind in (np.int8, np.int64, np.uint8, bool, np.float16):
        assert loss(whole.astype(kind), y_pred) == expected


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name not in ("circle", "ctc")])
def test_any_number_of_leading_axes(name):
    draw, _, parameters = next(case for case in CASES[name] if "axis" not in case[2])
    if name in ("dice", "tversky"):
        parameters = {**parameters, "axis": -1}
    if name in ("hinge", "squared_hinge"):
        draw = sides
    y_true, y_pred = data(draw, (24, 4))
    spec = CATALOGUE[name]
    values, slope = spec.function(y_true, y_pred, **parameters), spec.gradient(y_true, y_pred, **parameters)
    for lead in ((24,), (2, 12), (2, 3, 4), (1, 2, 3, 4), (2, 1, 3, 1, 4)):
        labels = y_true.reshape(lead + y_true.shape[1:])
        assert np.allclose(
            spec.function(labels, y_pred.reshape(*lead, 4), **parameters), values.reshape(lead)
        )
        assert np.allclose(
            spec.gradient(labels, y_pred.reshape(*lead, 4), **parameters), slope.reshape(*lead, 4)
        )


ALIGNED = [name for name, cases in CASES.items() if cases[0][0] in (numbers, amounts, chances, sides, shares)]


@pytest.mark.parametrize("name", ALIGNED)
def test_a_last_axis_of_length_1_is_aligned(name):
    draw, _, parameters = CASES[name][0]
    y_true, y_pred = data(draw, (6, 1))
    loss = CATALOGUE[name].cls(**parameters)
    value, slope = loss.value_and_gradient(y_true, y_pred)
    for labels, predictions in ((y_true[:, 0], y_pred), (y_true, y_pred[:, 0])):
        again, its_slope = loss.value_and_gradient(labels, predictions)
        assert again == value and its_slope.shape == predictions.shape
        assert np.array_equal(its_slope.ravel(), slope.ravel())


# --- no warning, no overflow --------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name, draw, shape, parameters", EVERY_CASE)
def test_no_warning_escapes(name, draw, shape, parameters, dtype):
    y_true, y_pred = data(draw, shape, dtype)
    with warnings.catch_warnings(), np.errstate(divide="warn", over="warn", invalid="warn"):
        warnings.simplefilter("error")
        CATALOGUE[name].function(y_true, y_pred, **parameters)
        CATALOGUE[name].gradient(y_true, y_pred, **parameters)
        CATALOGUE[name].cls(**parameters).value_and_gradient(y_true, y_pred)


SIGNED = [
    name for name, cases in CASES.items() if cases[0][0] in (numbers, sides, one_hot_scores, transcripts)
]
SIGNED += [name for name in CATALOGUE if "from_logits" in CATALOGUE[name].parameters]


@pytest.mark.parametrize("size", [1e30, 1e15, 1e-15, 1e-30])
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name", sorted(set(SIGNED)))
def test_huge_and_tiny_numbers(name, dtype, size):
    scores = {"from_logits": True} if "from_logits" in CATALOGUE[name].parameters else {}
    draw, shapes, parameters = next(c for c in CASES[name] if not scores or c[2].get("from_logits"))
    parameters = {key: value for key, value in parameters.items() if key != "axis"}
    y_true, y_pred = data(draw, shapes[0], dtype)
    huge = np.sign(y_pred) * dtype(size) * (1 + np.abs(y_pred))
    exact = CATALOGUE[name].function(y_true, huge.astype(np.longdouble), **parameters)
    with warnings.catch_warnings(), np.errstate(divide="warn", over="warn", invalid="warn"):
        warnings.simplefilter("error")
        if np.abs(exact).max() < float(np.finfo(dtype).max):  # the function form is quiet where values fit
            values = CATALOGUE[name].function(y_true, huge, **parameters)
            scale = np.abs(exact).max()
            assert np.abs(values - exact).max() <= 1e-5 * max(scale, 1e-30)
        else:  # and warns of an overflow where they do not
            with pytest.raises(RuntimeWarning, match="overflow"):
                CATALOGUE[name].function(y_true, huge, **parameters)
        value, slope = (
            CATALOGUE[name].cls(**parameters).value_and_gradient(y_true, huge)
        )  # the class is quiet
    assert not np.isnan(value) and np.isfinite(slope).all()


@pytest.mark.parametrize("name", CATALOGUE)
def test_tiny_probabilities_are_finite(name):
    draw, shapes, parameters = CASES[name][0]
    if draw not in (chances, one_hot, shares, classes, amounts):
        pytest.skip("not a loss of probabilities")
    for dtype, tiny in product(DTYPES.values(), (0.0, 1e-30, 1e-7, 1.0)):
        y_true, y_pred = data(draw, shapes[0], dtype)
        edge = y_pred.copy()
        edge[..., 0] = dtype(tiny)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.isfinite(CATALOGUE[name].function(y_true, edge, **parameters)).all()
            if name != "categorical_generalized_cross_entropy":  # whose slope at 0 is infinite
                assert np.isfinite(CATALOGUE[name].gradient(y_true, edge, **parameters)).all()


@pytest.mark.parametrize("name, draw, shape, parameters", ONE_CASE_EACH)
def test_nan_goes_through(name, draw, shape, parameters):
    y_true, y_pred = data(draw, shape)
    y_pred[0] = np.nan
    loss = CATALOGUE[name].cls(**parameters, reduction="sum")
    if name == "sparse_categorical_crossentropy" and "ignore_class" in parameters:
        y_true = np.where(y_true == parameters["ignore_class"], 2, y_true)
    assert np.isnan(loss(y_true, y_pred))


# --- what weights and order do ------------------------------------------------------------


@pytest.mark.parametrize("name, draw, shape, parameters", ONE_CASE_EACH)
def test_weights_multiply(name, draw, shape, parameters):
    y_true, y_pred = data(draw, shape)
    form = np.shape(CATALOGUE[name].function(y_true, y_pred, **parameters))
    weight = np.random.default_rng(2).uniform(0, 3, form)
    loss = CATALOGUE[name].cls(**parameters, reduction="none")
    assert np.allclose(loss(y_true, y_pred, weight), weight * loss(y_true, y_pred), rtol=1e-13)
    total = CATALOGUE[name].cls(**parameters, reduction="sum")
    assert np.allclose(total.gradient(y_true, y_pred, 3 * np.ones(form)), 3 * total.gradient(y_true, y_pred))


@pytest.mark.parametrize("name, draw, shape, parameters", ONE_CASE_EACH)
def test_permuting_samples_permutes_values(name, draw, shape, parameters):
    if len(shape) < 2 or parameters.get("axis", -1) != -1 or name in ("dice", "tversky"):
        pytest.skip("no axis of samples")
    y_true, y_pred = data(draw, shape)
    order = np.random.default_rng(4).permutation(len(y_pred))
    spec = CATALOGUE[name]
    values, slope = spec.function(y_true, y_pred, **parameters), spec.gradient(y_true, y_pred, **parameters)
    assert np.allclose(spec.function(y_true[order], y_pred[order], **parameters), values[order], rtol=1e-12)
    assert np.allclose(spec.gradient(y_true[order], y_pred[order], **parameters), slope[order], atol=1e-11)


# --- how the losses are written -----------------------------------------------------------


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_body_is_one_step_a_line_with_its_meaning(name):
    for function in (CATALOGUE[name].function, CATALOGUE[name].gradient):
        source = inspect.getsource(function)
        body = source[source.rindex('"""') + 3 :].strip("\n").splitlines()
        assert re.fullmatch(r"    return \w+(\.astype\(scores\.dtype, copy=False\))?", body[-1])
        for line in body[:-1]:
            code, _, meaning = line.partition("  # ")
            if code.strip().startswith(("check_", "if ", "else:")):
                continue
            assert re.match(r"\s+\w+(, \w+)* = ", code), line
            assert 0 < len(meaning) <= 40, line
            assert "lambda" not in code and " for " not in code, line


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_body_binds_each_name_once_a_path(name):
    import ast

    for function in (CATALOGUE[name].function, CATALOGUE[name].gradient):
        tree = ast.parse(inspect.getsource(function)).body[0]
        bound = {}
        for node in ast.walk(tree):
            for target in node.targets if isinstance(node, ast.Assign) else []:
                for leaf in ast.walk(target):
                    assert isinstance(leaf, (ast.Name, ast.Tuple, ast.Store)), ast.dump(leaf)
                    if isinstance(leaf, ast.Name):
                        bound.setdefault(leaf.id, []).append(node.lineno)
            assert not isinstance(
                node, (ast.AugAssign, ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.While)
            )
        branches = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
        for lines in bound.values():
            together = [
                sum(node.body[0].lineno <= line <= node.body[-1].end_lineno for line in lines)
                for node in branches
            ]
            assert len(lines) == 1 or (len(lines) == 2 and 1 in together)


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_same_parameters_in_the_gradient(name):
    spec = CATALOGUE[name]
    own = own_parameters(spec.gradient)
    own.pop("upstream", None)
    assert [(k, p.default) for k, p in own.items()] == [(k, p.default) for k, p in spec.parameters.items()]
    assert spec.couples_samples == (name in ("circle", "dice", "tversky"))


def test_weights_and_mask_may_be_columns_where_there_is_one_value_a_sample():
    y_true, y_pred = np.zeros((3, 1)), np.array([[1.0], [2.0], [3.0]])
    weights = np.array([1.0, 2.0, 0.0])
    for reduction in lossbook.REDUCTIONS:
        loss = lossbook.MeanSquaredError(reduction=reduction)
        for given in ({"sample_weight": weights}, {"mask": weights > 0}):
            column = {name: array[:, np.newaxis] for name, array in given.items()}
            np.testing.assert_array_equal(loss(y_true, y_pred, **column), loss(y_true, y_pred, **given))
            theirs = loss.gradient(y_true, y_pred, **given)
            np.testing.assert_array_equal(loss.gradient(y_true, y_pred, **column), theirs)
