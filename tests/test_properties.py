"""What must hold for every loss, on random cases: agreement with Keras, true slopes, weights, order, minima."""

import numpy as np
import pytest
from cases import BATCHES, NUMBERED, Case, cases, fill, spread, summed_axes
from claims import CLAIMS, claim_of
from hypothesis import assume
from hypothesis import strategies as st
from oracles import EXACT, KERAS_ERRS, ask_keras, ask_keras_function, assert_close, slope_by_differences
from random_cases import random_cases

from lossbook import CATALOGUE
from lossbook.losses.focal import power_slope
from lossbook.losses.probability import sigmoid, softmax

each_loss = pytest.mark.parametrize("name", CATALOGUE)
seeds = st.integers(0, 2**32 - 1)


# --- against Keras and against differences -------------------------------------------------


def agrees_with_keras(case, answer=None):
    """Assert that value and gradient are Keras's; `answer` is what Keras said when asked before."""
    their_value, their_slope = ask_keras(case) if answer is None else answer
    value, slope = case.value_and_gradient()
    assert value.dtype == slope.dtype == case.y_pred.dtype
    tolerance = max(EXACT[case.y_pred.dtype.name], KERAS_ERRS.get(case.name, 0))
    assert_close(value, their_value, tolerance)
    assert_close(slope, their_slope, tolerance)


def function_agrees_with_keras(case, answer=None, **further):
    """Assert that the functions give Keras's values and slopes, and that nothing overflows on the way."""
    their_values, their_slope = ask_keras_function(case, **further) if answer is None else answer
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        values = case.spec.function(case.y_true, case.y_pred, **case.settings, **further)
        slope = case.spec.gradient(case.y_true, case.y_pred, **case.settings, **further)
    assert values.dtype == slope.dtype == case.y_pred.dtype
    tolerance = max(EXACT[case.y_pred.dtype.name], KERAS_ERRS.get(case.name, 0))
    assert_close(values, their_values, tolerance)
    assert_close(slope, their_slope, tolerance)


def has_true_slope(case, measured=None):
    """Assert that the gradient is what differences measure; `measured` is what they measured before."""
    if measured is None:
        measured = measure_slope(case)
    slope = case.loss.gradient(case.y_true, case.y_pred, case.sample_weight, case.mask)
    assert_close(slope, measured, 2e-7)  # the differences' own error, seen with 50-digit numbers


def measure_slope(case):
    """Measure the gradient of a case: of the sum of the values, where the reduction keeps them apart."""

    def total(y_pred):
        return np.sum(case.loss(case.y_true, y_pred, case.sample_weight, case.mask))

    return slope_by_differences(total, case.y_pred)


@each_loss
@random_cases(40, data=st.data())
def test_value_and_gradient_equal_those_of_keras(name, data):
    agrees_with_keras(data.draw(cases(name)))


@each_loss
@random_cases(20, data=st.data())
def test_functions_equal_those_of_keras(name, data):
    function_agrees_with_keras(data.draw(cases(name)))


def references_of(case, seed):
    """Draw further embeddings to compare those of a case with: a few more than there are, or fewer."""
    rng = np.random.default_rng(seed)
    count, width = len(case.y_pred) + rng.integers(-1, 3), case.y_pred.shape[1]
    references = rng.normal(size=(count, width)).astype(case.y_pred.dtype)
    return {"ref_labels": rng.integers(0, 3, count), "ref_embeddings": references}


@random_cases(30, case=cases("circle"), seed=seeds)
def test_circle_with_references_equals_that_of_keras(case, seed):
    function_agrees_with_keras(case, **references_of(case, seed))


def on_the_clips(name):
    """Return cases whose only prediction lies exactly on a clip, in float32, where Keras's is the same number."""
    low, high = np.float32(1e-7), np.float32(1 - 1e-7)
    far = np.float32(1.0)
    places = {
        "mean_squared_logarithmic_error": [([1], [low])],
        "binary_crossentropy": [([1], [low]), ([0], [high])],
        "binary_focal_crossentropy": [([1], [low]), ([0], [high])],
        "sparse_categorical_crossentropy": [(0, [low, far]), (0, [high, far])],
        "categorical_crossentropy": [([1, 0], [low, high]), ([0, 1], [low, high])],
        "categorical_focal_crossentropy": [([1, 0], [low, high]), ([0, 1], [low, high])],
        "kl_divergence": [([0.5], [low]), ([0.5], [far])],
        "cosine_similarity": [([1, 1], [low, 0])],
    }
    settings = {key: one.default for key, one in CATALOGUE[name].parameters.items()}
    if name == "categorical_focal_crossentropy":
        settings["gamma"] = 0.0  # with focus the slope near 1 is too small to tell from none
    for y_true, y_pred in places.get(name, []):
        labels = np.array([y_true], dtype="int64" if np.ndim(y_true) == 0 else "float32")
        yield Case(name, settings, labels, np.array([y_pred], dtype="float32"))


@pytest.mark.parametrize(
    "case", [case for name in CATALOGUE for case in on_the_clips(name)], ids=lambda case: case.name
)
def test_slope_on_a_clip_is_that_of_tensorflow(case):
    agrees_with_keras(case)


def slope_of_a_power_at_0():
    """Assert what the focal losses need of a power's slope at 0: the true one, or 0 where it has no bound."""
    with np.errstate(all="raise"):
        assert [float(power_slope(np.zeros(1), exponent)[0]) for exponent in (0.0, 0.5, 1.0, 2.0)] == [
            0,
            0,
            1,
            0,
        ]


def test_slope_of_a_power_at_0():
    slope_of_a_power_at_0()


@each_loss
@random_cases(30, data=st.data())
def test_gradient_equals_central_differences(name, data):
    has_true_slope(data.draw(cases(name, calm=True)))


# --- weights, masks, reductions ------------------------------------------------------------


def weights_multiply(case):
    """Assert that every reduction is the one its name says, from the values of the function form."""
    values = case.values.astype(float)
    weights = (
        np.ones(values.shape) if case.sample_weight is None else spread(case.sample_weight, values.shape)
    )
    valid = np.ones(values.shape, bool) if case.mask is None else spread(case.mask, values.shape)
    if case.spec.mask is not None:
        own = case.spec.mask(case.values, case.y_true, case.y_pred, **case.settings)
        valid = valid if own is None else valid & own
    weighted = np.where(valid, weights * values, 0.0)
    divisor = {"sum": 1.0, "mean_with_sample_weight": np.sum(weights * valid)}.get(
        case.reduction, valid.sum()
    )
    expected = weighted.sum() / divisor if divisor else 0.0
    if case.reduction in ("none", None):
        expected = weighted
    result = case.loss(case.y_true, case.y_pred, case.sample_weight, case.mask)
    assert_close(result, expected, EXACT[case.y_pred.dtype.name])


def gradient_is_linear_in_the_weights(case):
    """Assert that weights of twice the size give twice the slope, and two sets of weights the sum of theirs."""
    total = case.changed(reduction="sum")
    first, second = case.sample_weight, np.flip(case.sample_weight)
    slopes = [
        total.changed(sample_weight=weights).value_and_gradient()[1]
        for weights in (first, second, first + second, 2 * first)
    ]
    tolerance = EXACT[case.y_pred.dtype.name]
    assert_close(slopes[2], slopes[0] + slopes[1], tolerance)
    assert_close(slopes[3], 2 * slopes[0], tolerance)


@each_loss
@random_cases(40, data=st.data())
def test_weights_multiply(name, data):
    weights_multiply(data.draw(cases(name)))


@each_loss
@random_cases(25, data=st.data())
def test_gradient_is_linear_in_the_weights(name, data):
    case = data.draw(cases(name))
    if case.sample_weight is None:
        case = case.changed(sample_weight=np.arange(1.0, 1 + case.values.size).reshape(case.values.shape))
    gradient_is_linear_in_the_weights(case)


# --- order --------------------------------------------------------------------------------


def order_does_not_matter(case, seed):
    """Assert that samples in another order have the same values and slopes, in that order."""
    summed = summed_axes(case.name, case.y_pred.ndim, case.settings)
    kept = [axis for axis in range(case.y_pred.ndim) if axis not in summed]
    axis = 0 if case.name in BATCHES or not kept else kept[0]
    order = np.random.default_rng(seed).permutation(case.y_pred.shape[axis])

    moved = case.changed(
        y_true=np.take(case.y_true, order, 0 if case.name in NUMBERED else axis),
        y_pred=np.take(case.y_pred, order, axis),
        reduction="sum",
        sample_weight=None,
        mask=None,
    )
    values = case.values if not kept else np.take(case.values, order, 0)
    slope = case.changed(reduction="sum", sample_weight=None, mask=None).value_and_gradient()[1]
    tolerance = EXACT[case.y_pred.dtype.name]
    assert_close(moved.values, values, tolerance)
    assert_close(moved.value_and_gradient()[1], np.take(slope, order, axis), tolerance)


@each_loss
@random_cases(30, data=st.data(), seed=seeds)
def test_permuting_samples_permutes_values(name, data, seed):
    case = data.draw(cases(name))
    assume(
        not isinstance(case.settings.get("alpha"), list) or case.values.ndim
    )  # else it would permute classes
    order_does_not_matter(case, seed)


# --- the constant that minimises ------------------------------------------------------------


def is_lowest(claim, rng):
    """Assert that no prediction near the claimed one, nor far from it, costs less."""
    lowest = claim.cost(claim.best)
    for scale in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(8):
            other = claim.inside(claim.best + scale * rng.normal(size=claim.best.shape))
            assert claim.cost(other) >= lowest - 1e-12 * abs(lowest)


@each_loss
@random_cases(20, seed=seeds)
def test_no_prediction_beats_the_claimed_minimiser(name, seed):
    rng = np.random.default_rng(seed)
    is_lowest(claim_of(name, rng), rng)


def test_every_loss_has_a_claim():
    assert list(CLAIMS) == list(CATALOGUE)


# --- logits and probabilities ----------------------------------------------------------------

FROM_LOGITS = [name for name, spec in CATALOGUE.items() if "from_logits" in spec.parameters]


def logits_cost_their_probabilities(case):
    """Assert that a score costs what its probability costs, and slopes as the chain rule says."""
    axis, binary = case.settings["axis"], case.name.startswith("binary")
    probability = sigmoid(case.y_pred) if binary else softmax(case.y_pred, axis)
    given = case.changed(settings={**case.settings, "from_logits": False}, y_pred=probability)
    value, slope = case.value_and_gradient()
    expected, pull = given.value_and_gradient()
    common = pull * probability if binary else (pull * probability).sum(axis=axis, keepdims=True)
    assert_close(value, expected, 1e-10)  # 1 - p is rounded where p is near 1
    assert_close(slope, probability * (pull - common), 1e-10)


@pytest.mark.parametrize("name", FROM_LOGITS)
@random_cases(60, data=st.data())
def test_logits_cost_what_their_probabilities_cost(name, data):
    case = data.draw(cases(name, calm=True))
    assume(
        name.startswith("binary") or case.y_pred.shape[case.settings["axis"]] > 1
    )  # a share of 1 is clipped
    settings = {**case.settings, "from_logits": True}
    y_true, y_pred = fill(
        name, np.random.default_rng(data.draw(seeds)), case.y_pred.shape, settings, calm=True
    )
    logits_cost_their_probabilities(case.changed(settings=settings, y_true=y_true, y_pred=y_pred))
