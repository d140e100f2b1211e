"""What must hold for every loss, on random cases: agreement with Keras, true slopes, weights, order, minima."""

import numpy as np
import pytest
from cases import BATCHES, NUMBERED, cases, fill, spread, summed_axes
from claims import CLAIMS, claim_of
from hypothesis import assume
from hypothesis import strategies as st
from oracles import EXACT, KERAS_ERRS, ask_keras, assert_close, slope_by_differences
from random_cases import random_cases

from lossbook import CATALOGUE
from lossbook.probability import sigmoid, softmax

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
@random_cases(40, data=st.data())
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
