"""What must hold for every loss, on random cases: agreement with Keras, true slopes, weights, order, minima."""

import contextlib

import numpy as np
import pytest
from cases import FROM_LOGITS, KERAS_HAS, LOSSES, claim_of, fill
from hypothesis import assume
from hypothesis import strategies as st
from oracles import (
    EXACT,
    KERAS_ERRS,
    ask_digits,
    ask_keras,
    ask_keras_function,
    assert_close,
    coefficients,
)
from random_cases import KINDS, Case, cases, random_cases, summed_axes

from lossbook import CATALOGUE, numeric_gradient
from lossbook.losses.focal import power_slope
from lossbook.losses.probability import sigmoid, softmax

each_loss = pytest.mark.parametrize("name", CATALOGUE)
each_of_keras = pytest.mark.parametrize("name", KERAS_HAS)
seeds = st.integers(0, 2**32 - 1)


# --- against Keras and against differences -------------------------------------------------


def agrees_with_keras(case, answer=None):
    """Assert that value and gradient are Keras's; `answer` is what Keras said when asked before."""
    their_value, their_slope = ask_keras(case) if answer is None else answer
    value, slope = case.value_and_gradient()
    assert value.dtype == slope.dtype == case.y_pred.dtype
    alone = case.loss(case.y_true, case.y_pred, case.sample_weight, case.mask)
    np.testing.assert_array_equal(alone, value)
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

    def total(y_true, y_pred):
        return case.loss(y_true, y_pred, case.sample_weight, case.mask)

    return numeric_gradient(total, case.y_true, case.y_pred, step=2e-4)


@each_of_keras
@random_cases(40, data=st.data())
def test_value_and_gradient_equal_those_of_keras(name, data):
    agrees_with_keras(data.draw(cases(name)))


@each_of_keras
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


def on_the_edges(name):
    """Return the data of a loss's record that lie on kinks and clips, in float32, where Keras's are the same."""
    usual = {key: one.default for key, one in CATALOGUE[name].parameters.items()}
    for y_true, y_pred, settings in LOSSES[name].edges:
        labels = np.asarray(y_true) if isinstance(y_true[0], int) else np.asarray(y_true, "float32")
        kept = {
            key: one for key, one in {**usual, **settings}.items() if key in CATALOGUE[name].cls().parameters
        }
        yield Case(name, kept, labels, np.asarray(y_pred, "float32"))


@pytest.mark.parametrize(
    "case", [case for name in KERAS_HAS for case in on_the_edges(name)], ids=lambda case: case.name
)
def test_slope_on_kinks_and_clips_is_that_of_tensorflow(case):
    agrees_with_keras(case)
    wide = case.changed(y_pred=case.y_pred.astype(float), y_true=case.y_true.astype(case.y_true.dtype))
    lies_on_a_clip = np.isin(case.y_pred, [np.float32(1e-7), np.float32(1 - 1e-7)]).any()
    if not lies_on_a_clip:  # which float64 knows in more digits
        function_agrees_with_keras(wide.widened())


def test_slope_of_a_power_at_0():
    """Assert what the focal losses need of a power's slope at 0: the true one, or 0 where it has no bound."""
    tiny = np.finfo(float).tiny
    with np.errstate(all="raise"):
        slopes = [power_slope(np.zeros(1), exponent)[0] for exponent in (0.0, 0.5, 1.0, 2.0)]
        assert slopes == [0, 0, 1, 0]
        assert power_slope(np.array([tiny]), 0.5) == [0.5 * tiny**-0.5]  # the last that has one
    with np.errstate(invalid="ignore"):
        assert np.isnan(power_slope(np.array([-1.0]), 0.5))


def test_no_digit_of_a_lead_is_lost():
    """Assert that categorical hinge knows a lead exactly where the difference of two scores is rounded."""
    value, slope = CATALOGUE["categorical_hinge"].function, CATALOGUE["categorical_hinge"].gradient
    large = 2.0**53  # from here on, every other whole number is missing
    assert value([[1, 0]], [[large + 2, large + 4]]) == [3]
    for scores in ([2.0, 1 - 2.0**-53], [large + 2, large]):  # a lead above 1, by a rounding and by 1
        assert (slope([[1, 0]], [scores]) == 0).all()


@each_loss
@random_cases(30, data=st.data())
def test_gradient_equals_central_differences(name, data):
    has_true_slope(data.draw(cases(name, calm=True)))


# --- weights, masks, reductions ------------------------------------------------------------


def weights_multiply(case):
    """Assert that every reduction is the one its name says, from the values of the function form."""
    expected = coefficients(case, case.values) * case.values.astype(float)
    apart = case.reduction in ("none", None)
    result = case.loss(case.y_true, case.y_pred, case.sample_weight, case.mask)
    assert_close(result, expected if apart else expected.sum(), EXACT[case.y_pred.dtype.name])


def gradient_is_linear_in_the_weights(case):
    """Assert that weights of twice the size give twice the slope, and two sets of weights the sum of theirs."""
    total = case.changed(reduction="sum")
    first = case.sample_weight + 0.1  # what weighs 0 is not looked at: hinge may then read labels otherwise
    second = np.flip(first)
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
    axis = 0 if LOSSES[case.name].axes or not kept else kept[0]
    order = np.random.default_rng(seed).permutation(case.y_pred.shape[axis])

    moved = case.changed(
        y_true=np.take(case.y_true, order, 0 if LOSSES[case.name].numbered else axis),
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


# --- logits and probabilities ----------------------------------------------------------------


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


# --- every type, infinite scores: Keras, and 100 digits where the two differ ------------------------


def is_right(case, ask=ask_keras):
    """Assert that value and slope are Keras's or, where Keras has others or none, those of 100 digits.

    The rules: 16-bit types are computed in float32, the value comes back in float32, the slope in the
    type of `y_pred`; lists and integers are computed in float64.
    """
    value, slope = case.value_and_gradient()
    assert value.dtype == case.computed
    assert slope.dtype == (case.computed if case.kind in ("int", "list") else case.y_pred.dtype)
    tolerance = max(EXACT[case.computed], KERAS_ERRS.get(case.name, 0))
    rounding = max(tolerance, {"float16": 2**-11, "bfloat16": 2**-8}.get(case.kind, 0))

    def assert_both(expected, expected_slope):
        assert_close(value, expected, tolerance)
        with np.errstate(over="ignore"):
            assert_close(slope, expected_slope.astype(slope.dtype), rounding)

    if case.name in KERAS_HAS and ask is ask_keras:
        with contextlib.suppress(AssertionError):
            return assert_both(*ask_keras(case))
    assert_both(*ask_digits(case))


@each_loss
@random_cases(25, data=st.data())
def test_every_type_is_computed_as_the_rules_say(name, data):
    calm = name not in KERAS_HAS  # only Keras says which slope to take at a kink
    is_right(data.draw(cases(name, calm=calm, kinds=KINDS)))


@each_loss
@random_cases(8, data=st.data())
def test_numbers_of_100_digits_and_lossbook_agree(name, data):
    case = data.draw(cases(name, calm=True))
    is_right(case, ask=ask_digits)


def with_infinite_scores(case, rng):
    """Return the case with scores that rule a class out, or in; and with ±10 000 and ±20 000 in their place."""
    axis = case.settings.get("axis", -1)
    if case.name.startswith("binary"):
        places, sign = rng.random(case.y_pred.shape) < 0.3, rng.choice([-1, 1], case.y_pred.shape)
    else:  # one score of each row stays as it is
        stays = np.argmax(rng.random(case.y_pred.shape), axis=axis)
        places = rng.random(case.y_pred.shape) < 0.3
        np.put_along_axis(places, np.expand_dims(stays, axis), False, axis)
        sign = np.full(case.y_pred.shape, -1)
        if rng.random() < 0.3:  # all of them but one a row, and that one infinite
            places, sign = ~places & False, -sign
            np.put_along_axis(places, np.expand_dims(stays, axis), True, axis)
    return [
        case.changed(y_pred=np.where(places, sign * far, case.y_pred).astype(case.y_pred.dtype))
        for far in (np.inf, 1e4, 2e4)
    ]


@pytest.mark.parametrize("name", [*FROM_LOGITS, "ctc"])
@random_cases(25, data=st.data(), seed=seeds)
def test_infinite_scores_follow_the_limits(name, data, seed):
    case = data.draw(cases(name)).changed(sample_weight=None, mask=None)
    if name in FROM_LOGITS:
        settings = {**case.settings, "from_logits": True}
        assume(name.startswith("binary") or case.y_pred.shape[settings["axis"]] > 1)
        y_true, y_pred = fill(name, np.random.default_rng(seed), case.y_pred.shape, settings, calm=True)
        case = case.changed(settings=settings, y_true=y_true, y_pred=y_pred)
    infinite, far, farther = with_infinite_scores(case, np.random.default_rng(seed))
    expected, expected_slope = ask_digits(far)
    expected = np.where(np.isclose(expected, ask_digits(farther)[0]), expected, np.inf)  # or it grows
    with np.errstate(invalid="raise"):
        value, slope = infinite.value_and_gradient()
    tolerance = max(EXACT[case.computed], 1e-10)
    assert_close(value, expected, tolerance)
    if name != "ctc" or np.isfinite(expected).all():  # a label without a path has no slope
        assert_close(slope, expected_slope, tolerance)
