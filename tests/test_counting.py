"""What a mask hides or a weight of 0 silences does not count, whatever stands in it: neither value nor slope."""

import numpy as np
import pytest
from cases import LOSSES, example
from hypothesis import assume
from hypothesis import strategies as st
from random_cases import Case, cases, random_cases, spread, values_shape

import lossbook
from lossbook import CATALOGUE, blocks, explain, reduce_values
from lossbook.rows import axes_of_value

each_loss = pytest.mark.parametrize("name", CATALOGUE)
RUBBISH = [np.nan, np.inf, -np.inf, 1e30, -7.0]


def uncounted(case, form):
    """Which values of a case do not count, in the shape of the values."""
    hidden = np.zeros(form, dtype=bool)
    if case.sample_weight is not None:
        hidden |= spread(case.sample_weight, form).reshape(form) == 0
    if case.mask is not None:
        hidden |= ~spread(case.mask, form).reshape(form)
    return hidden


def spoiled(case, hidden, rubbish):
    """Put rubbish wherever the data belong to a value that does not count."""
    y_true, y_pred = case.y_true.astype(float), case.y_pred.copy()
    axes = axes_of_value(case.spec, y_pred.ndim, case.settings)
    front = np.moveaxis(y_pred, axes, range(-len(axes), 0))
    front[hidden] = rubbish[0]
    if case.settings.get("ignore_class") is not None:  # an ignored label is no rubbish: it leaves the divisor
        hidden = hidden & (y_true != case.settings["ignore_class"])
    if y_true.shape == y_pred.shape:
        np.moveaxis(y_true, axes, range(-len(axes), 0))[hidden] = rubbish[1]
    else:
        y_true.reshape(hidden.shape + y_true.shape[hidden.ndim :])[hidden] = rubbish[1]
    return y_true, y_pred


@each_loss
@random_cases(40, data=st.data())
def test_rubbish_that_does_not_count_changes_nothing(name, data):
    case = data.draw(cases(name))
    form = values_shape(name, case.y_pred.shape, case.settings)
    if not uncounted(case, form).any():
        case = case.changed(mask=np.arange(np.prod(form, dtype=int)).reshape(form) > 0)
    hidden = uncounted(case, form)
    rubbish = data.draw(st.tuples(st.sampled_from(RUBBISH), st.sampled_from(RUBBISH)))
    if CATALOGUE[name].between_samples:  # a finite stranger is one: others are compared with it
        rubbish = (np.nan, rubbish[1])
    value, slope = case.value_and_gradient()
    y_true, y_pred = spoiled(case, hidden, rubbish)
    weights = case.sample_weight, case.mask
    if CATALOGUE[name].between_samples:
        kept = ~hidden
        given = [None if w is None else w[kept] for w in weights]
        assume(kept.any())  # a batch of nothing is another test
        value, slope = np.zeros(()), np.zeros(y_pred.shape, y_pred.dtype)
        rest = case.loss.value_and_gradient(case.y_true[kept], case.y_pred[kept], *given)
        slope[kept] = rest[1]
        if case.reduction in ("none", None):
            value = np.zeros(len(kept), y_pred.dtype)
            value[kept] = rest[0]
        elif case.reduction == "sum":
            value = rest[0]
        else:  # a weight of 0 takes part in the divisor, with a value that is nothing
            value, slope = None, None
    ours = case.loss.value_and_gradient(y_true, y_pred, *weights)
    assert np.isfinite(ours[0]).all() and np.isfinite(ours[1]).all()
    axes = axes_of_value(case.spec, y_pred.ndim, case.settings)
    assert not np.moveaxis(ours[1], axes, range(-len(axes), 0))[hidden].any()
    assert_same(case.loss(y_true, y_pred, *weights), ours[0])
    assert_same(explain(case.loss, y_true, y_pred, *weights).value, ours[0])
    if value is not None:
        assert_same(ours[0], value)
        assert_same(ours[1], slope)


def assert_same(ours, theirs):
    """Assert it but for the order of sums: the rows that count lie otherwise in memory."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    unit = 16 * np.finfo(theirs.dtype).eps
    np.testing.assert_allclose(ours, theirs, rtol=unit, atol=unit * np.abs(theirs).max(initial=0.0))


@each_loss
def test_of_a_batch_in_which_nothing_counts_nothing_is_left(name):
    case = case_of(name)
    nothing = np.zeros(len(case.y_pred))
    for given in ({"sample_weight": nothing}, {"mask": nothing.astype(bool)}):
        for reduction in lossbook.REDUCTIONS:
            loss = CATALOGUE[name].cls(**case.settings, reduction=reduction)
            value, slope = loss.value_and_gradient(
                np.full(case.y_true.shape, np.nan), case.y_pred * np.nan, **given
            )
            assert not np.any(value) and not slope.any() and slope.shape == case.y_pred.shape


def case_of(name):
    """The example of a loss, with one value a row."""
    settings = LOSSES[name].settings[0] | ({"axis": -1} if LOSSES[name].region else {})
    return Case(name, settings, *example(name, settings))


@each_loss
def test_a_large_batch_leaves_out_what_does_not_count(name):
    spec = CATALOGUE[name]
    if spec.splits is None:
        pytest.skip("never split")
    case = case_of(name)
    times = blocks.BLOCK // case.y_pred.nbytes + 2
    y_true, y_pred = (np.concatenate([given] * times) for given in (case.y_true, case.y_pred))
    loss = spec.cls(**case.settings)
    mask = np.arange(len(y_pred)) % 3 > 0
    value, slope = loss.value_and_gradient(y_true, y_pred, mask=mask)
    torn = y_pred.copy()
    torn[~mask] = np.nan
    ours = loss.value_and_gradient(y_true, torn, mask=mask)
    assert_same(ours[0], value)
    assert_same(ours[1], slope)


def test_values_that_do_not_count():
    values = [1.0, np.nan, np.inf, 4.0]
    assert reduce_values(values, mask=[True, False, False, True]) == 2.5
    assert reduce_values(values, sample_weight=[1, 0, 0, 2], reduction="sum") == 9.0
    assert np.isnan(reduce_values(values, sample_weight=[1, 1, 0, 2]))


def test_slopes_without_bound_do_not_count():
    loss = lossbook.MeanAbsolutePercentageError()
    slope = loss.gradient(np.float32([[0.0], [2.0]]), np.float32([[1e38], [1.0]]), mask=[False, True])
    assert slope.tolist() == [[0.0], [-50.0]]
    loss = lossbook.CategoricalGeneralizedCrossEntropy(q=0.5)
    slope = loss.gradient([1, 0], [[1.0, 0.0], [0.25, 0.75]], sample_weight=[0, 1])
    assert slope.tolist() == [[0.0, 0.0], [-1.0, 0.0]]


def test_a_loss_of_ones_own_is_silenced_too():
    class Ratio(lossbook.Loss):
        def call(self, y_true, y_pred):
            return (y_pred / y_true).mean(axis=-1)

        def call_gradient(self, y_true, y_pred, upstream):
            return upstream[:, np.newaxis] / y_true / y_pred.shape[-1]

    value, slope = Ratio().value_and_gradient([[0.0], [2.0]], [[1.0], [3.0]], mask=[False, True])
    assert value == 1.5 and slope.tolist() == [[0.0], [0.5]]


@pytest.mark.parametrize("mask", [["False", "True"], [b"0", b"1"], [None, True]])
def test_a_mask_of_words_is_refused(mask):
    with pytest.raises(TypeError, match="expected True and False"):
        lossbook.MeanSquaredError()([[1.0], [2.0]], [[1.0], [3.0]], mask=mask)
