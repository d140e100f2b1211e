"""Blocks change the time and not the result: for every loss, shape, axis, weight, mask, reduction and type."""

import numpy as np
import pytest
from cases import LOSSES, example
from hypothesis import strategies as st
from random_cases import KINDS, cases, random_cases, values_shape

import lossbook
from lossbook import CATALOGUE, blocks, fast

each_loss = pytest.mark.parametrize("name", CATALOGUE)
CUT = [name for name, spec in CATALOGUE.items() if spec.splits]
each_cut = pytest.mark.parametrize("name", CUT)
BY_ENTRY = [name for name in CUT if CATALOGUE[name].splits != "rows"]
ULPS = 16  # a sum in another order, a product in another order: a few units in the last place
BORDER = blocks.BLOCK // 4  # numbers of float32 in a block


def small_blocks(size, threads=1):
    return fast(threads=threads, block=size, compiled=False)


def whole(loss, *given):
    """Return value and gradient from a loss that evaluates the batch as a whole."""
    with small_blocks(2**60):
        return loss.value_and_gradient(*given)


def assert_same(ours, plain):
    """Assert that two results differ by a few units in the last place at most."""
    ours, plain = np.asarray(ours), np.asarray(plain)
    assert (ours.dtype, ours.shape) == (plain.dtype, plain.shape)
    known = np.abs(plain[np.isfinite(plain)])
    unit = {"float16": 2**-10, "bfloat16": 2**-7}.get(plain.dtype.name)  # one unit, where rounded at the end
    unit = ULPS * max(np.finfo(plain.dtype).eps, 2**-52) if unit is None else unit  # sums are in float64
    np.testing.assert_allclose(
        ours.astype(float), plain.astype(float), rtol=unit, atol=unit * known.max(initial=0.0)
    )


def assert_blocks_change_nothing(loss, y_true, y_pred, sample_weight=None, mask=None):
    """Assert it of the value alone, and of both together, into an array that is there.

    Without that array the slopes go the same way into a new one: `test_threads_change_nothing` and
    `test_a_gradient_in_an_array_of_ones_own_is_the_same` look at that.
    """
    value, slope = whole(loss, y_true, y_pred, sample_weight, mask)
    assert_same(loss(y_true, y_pred, sample_weight, mask), value)
    out = np.full_like(slope, np.nan)
    ours = loss.value_and_gradient(y_true, y_pred, sample_weight, mask, out=out)
    assert_same(ours[0], value)
    assert ours[1] is out
    assert_same(out, slope)


def draw(name, shape, dtype="float32", seed=0, **chosen):
    """Return labels, predictions and the loss, for a shape of the predictions."""
    chosen = (
        {**LOSSES[name].settings[0], **chosen} if name == "categorical_generalized_cross_entropy" else chosen
    )
    y_true, y_pred = example(name, chosen, dtype, seed, shape)
    y_true = np.maximum(y_true, 0.0) if "hinge" in name else y_true  # 0 and 1, no third label
    return CATALOGUE[name].cls(**chosen), y_true, y_pred


# --- small random batches in tiny blocks -----------------------------------------------------


@each_loss
@random_cases(50, data=st.data())
def test_tiny_blocks_change_nothing(name, data):
    case = data.draw(cases(name))
    with small_blocks(data.draw(st.sampled_from([8, 24, 40, 100])), data.draw(st.sampled_from([1, 1, 2]))):
        assert_blocks_change_nothing(case.loss, case.y_true, case.y_pred, case.sample_weight, case.mask)


@each_loss
@random_cases(40, data=st.data())
def test_the_function_form_in_tiny_blocks_changes_nothing(name, data):
    case = data.draw(cases(name))
    gradient = case.spec.gradient
    with np.errstate(all="ignore"):
        value = case.values
        slope = gradient(case.y_true, case.y_pred, **case.settings)
        with small_blocks(data.draw(st.sampled_from([8, 24, 40, 100]))):
            assert_same(
                blocks.in_blocks(case.spec.function, case.y_true, case.y_pred, **case.settings), value
            )
            assert_same(blocks.in_blocks(gradient, case.y_true, case.y_pred, **case.settings), slope)


@each_cut
@random_cases(20, data=st.data())
def test_every_kind_and_order_of_memory_in_tiny_blocks(name, data):
    case = data.draw(cases(name, kinds=KINDS))
    weights, mask, y_pred = case.sample_weight, case.mask, case.y_pred
    with small_blocks(24):
        assert_blocks_change_nothing(case.loss, case.y_true, y_pred, weights, mask)
        if case.kind != "list":
            order = data.draw(st.permutations(range(y_pred.ndim)))
            shuffled = np.ascontiguousarray(y_pred.transpose(order)).transpose(np.argsort(order))
            swapped = [y_pred.astype(y_pred.dtype.newbyteorder("S"))] if case.kind != "bfloat16" else []
            gaps, backwards = np.repeat(y_pred, 2, axis=0)[::2], np.flip(np.flip(y_pred).copy())
            for same in (shuffled, gaps, backwards, *swapped):
                assert_blocks_change_nothing(case.loss, case.y_true, same, weights, mask)
        if case.kind != "int":
            cast = type(case.loss).from_config({**case.loss.get_config(), "dtype": "float16"})
            assert_blocks_change_nothing(cast, case.y_true, y_pred, weights, mask)


@each_cut
def test_long_doubles_in_tiny_blocks(name):
    loss, y_true, y_pred = draw(name, (6, 5))
    with small_blocks(24):
        assert_blocks_change_nothing(loss, y_true, y_pred.astype("longdouble"), np.arange(6.0))


# --- blocks of their real size -----------------------------------------------------------------

SHAPES = [
    (BORDER - 1,),
    (BORDER,),
    (BORDER + 1,),
    (2 * BORDER + 3,),
    (BORDER // 10, 10),
    (BORDER // 10 + 1, 10),
    (4099, 10),
    (BORDER + 1, 1),
    (100, 331),
    (3, 2 * BORDER + 1),
    (7, 700, 10),
    (3, 5, 300, 11),
    (2, 3, 10, 1000),
]


def fits(name, shape):
    if name == "circle":
        return len(shape) == 2 and shape[0] < 2000
    if name == "ctc":
        return len(shape) == 3
    return (
        len(shape) > 1 and shape[-1] > 1
        if LOSSES[name].numbered or CATALOGUE[name].splits == "rows"
        else True
    )


@pytest.mark.parametrize(
    ("name", "shape"), [(name, shape) for name in CATALOGUE for shape in SHAPES if fits(name, shape)]
)
def test_sizes_around_the_borders_of_blocks(name, shape):
    if name == "ctc":
        shape = (7, 10, 700)
    if name == "circle":
        shape = (100, 200)
    loss, y_true, y_pred = draw(name, shape)
    assert_blocks_change_nothing(loss, y_true, y_pred)
    rng = np.random.default_rng(1)
    form = values_shape(name, y_pred.shape, loss.parameters)
    weights = rng.uniform(0, 2, form) if form else None
    mask = rng.random(form) < 0.7 if form else None
    for reduction in lossbook.REDUCTIONS:
        loss = type(loss).from_config({**loss.get_config(), "reduction": reduction})
        assert_blocks_change_nothing(loss, y_true, y_pred, weights, mask)


@pytest.mark.parametrize("name", [name for name in CUT if "axis" in CATALOGUE[name].parameters])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_every_axis(name, axis):
    loss, y_true, y_pred = draw(name, (30, 50, 40), axis=axis)
    assert_blocks_change_nothing(loss, y_true, y_pred)
    assert_blocks_change_nothing(loss, y_true, y_pred, np.arange(np.delete(y_pred.shape, axis)[0]) % 3)


@pytest.mark.parametrize("name", BY_ENTRY)
def test_labels_with_an_axis_more_or_less(name):
    loss, y_true, y_pred = draw(name, (2 * BORDER,))
    assert_blocks_change_nothing(loss, y_true, y_pred[:, np.newaxis])
    assert_blocks_change_nothing(loss, y_true[:, np.newaxis], y_pred)
    table = y_true.reshape(2, -1), y_pred.reshape(2, -1)
    assert_blocks_change_nothing(loss, table[0], table[1][..., np.newaxis], np.ones(2))


@pytest.mark.parametrize("name", [name for name in CATALOGUE if LOSSES[name].numbered])
def test_class_numbers_with_and_without_an_axis(name):
    loss, y_true, y_pred = draw(name, (200, 30, 10))
    assert_blocks_change_nothing(loss, y_true, y_pred)
    assert_blocks_change_nothing(loss, y_true[..., np.newaxis], y_pred)


def test_an_ignored_class_is_left_out_of_the_average():
    loss, y_true, y_pred = draw("sparse_categorical_crossentropy", (5000, 10), ignore_class=3)
    assert (y_true == 3).any()
    assert_blocks_change_nothing(loss, y_true, y_pred)
    assert_blocks_change_nothing(loss, y_true, y_pred, np.arange(5000.0), y_true != 4)


@each_loss
def test_the_mask_of_a_loss_that_is_cut_looks_at_no_value(name):
    spec = CATALOGUE[name]
    if spec.splits is None or spec.mask is None:
        return
    _, y_true, y_pred = draw(name, (6, 4))
    settings = {**{k: p.default for k, p in spec.parameters.items()}, "ignore_class": 1}
    masks = [spec.mask(np.full(6, number), y_true, y_pred, **settings) for number in (0.0, 1.0, np.nan)]
    assert (masks[0] == masks[1]).all() and (masks[0] == masks[2]).all()


def test_long_sums_are_more_accurate_in_blocks():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.random((2, 3_000_000), dtype="float32")
    exact = np.mean((y_pred.astype(float) - y_true.astype(float)) ** 2)
    ours = lossbook.MeanSquaredError(dtype="float32")(y_true, y_pred)
    assert abs(ours - exact) <= 1e-7 * exact


def test_a_sum_that_overflows_over_all_but_not_over_a_row():
    y_pred = np.full((1000, 2), 3e18, dtype="float32")
    loss = lossbook.MeanSquaredError()
    np.testing.assert_allclose(loss(np.zeros_like(y_pred), y_pred), 9e36, rtol=1e-6)
    y_pred = np.full((50_000, 2), 3e18, dtype="float32")
    np.testing.assert_allclose(loss(np.zeros_like(y_pred), y_pred), 9e36, rtol=1e-6)


# --- what is decided about the whole array ------------------------------------------------------


@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
@pytest.mark.parametrize(
    ("first", "then"),
    [([0, 1], [0, 1]), ([-1, 1], [-1, 1]), ([0, 1], [-1, 1]), ([1, 1], [-1, 1]), ([0, 1], [0.5])],
)
def test_hinge_decides_about_all_labels_at_once(name, first, then):
    rng = np.random.default_rng(0)
    y_true = np.concatenate([rng.choice(first, 40_000), rng.choice(then, 40_000)]).astype("float32")
    y_pred = rng.normal(size=80_000).astype("float32")
    loss = CATALOGUE[name].cls()
    assert_blocks_change_nothing(loss, y_true, y_pred)
    assert_blocks_change_nothing(loss, y_true.reshape(-1, 10), y_pred.reshape(-1, 10), np.arange(8000))
    assert_same(
        blocks.in_blocks(CATALOGUE[name].function, y_true, y_pred), CATALOGUE[name].function(y_true, y_pred)
    )


# --- batches are cut, and where they must not be they are not --------------------------------------


def count_calls(monkeypatch, spec):
    """Count the calls of a loss's function, and note the largest batch among them."""
    sizes = []
    plain = spec.function

    def noted(y_true, y_pred, **parameters):
        sizes.append(np.size(y_pred))
        return plain(y_true, y_pred, **parameters)

    monkeypatch.setattr(spec.cls, "function", staticmethod(noted))
    return sizes


@each_cut
@pytest.mark.parametrize("weighted", [False, True])
def test_large_batches_are_cut(name, weighted, monkeypatch):
    loss, y_true, y_pred = draw(name, (10_000, 10))
    sizes = count_calls(monkeypatch, CATALOGUE[name])
    loss.value_and_gradient(y_true, y_pred, np.ones(10_000) if weighted else None)
    assert len(sizes) >= 5 and max(sizes) <= BORDER and sum(sizes) == y_pred.size


@pytest.mark.parametrize("name", BY_ENTRY)
def test_long_rows_are_cut(name, monkeypatch):
    loss, y_true, y_pred = draw(name, (2, 50_000))
    sizes = count_calls(monkeypatch, CATALOGUE[name])
    loss(y_true, y_pred, [1.0, 2.0])
    assert max(sizes) <= BORDER and sum(sizes) == y_pred.size


def test_which_losses_are_never_cut():
    by_one_entry = {"categorical_generalized_cross_entropy"}  # looks at one number of a row: nothing to save
    together = {name for name in CATALOGUE if LOSSES[name].region or LOSSES[name].axes}
    assert set(CATALOGUE) - set(CUT) == together | by_one_entry
    assert all(CATALOGUE[name].splits is None for name in CATALOGUE if CATALOGUE[name].couples_samples)


def test_a_subclass_with_its_own_values_is_not_cut():
    class Double(lossbook.Huber):
        def call(self, y_true, y_pred):
            return 2 * super().call(y_true, y_pred)

    _, y_true, y_pred = draw("huber", (5000, 10))
    np.testing.assert_allclose(Double()(y_true, y_pred), 2 * lossbook.Huber()(y_true, y_pred), rtol=1e-6)


# --- messages, and numbers that are none ---------------------------------------------------------


def message_of(call, *args, **kwargs):
    with pytest.raises((TypeError, ValueError)) as caught:
        call(*args, **kwargs)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None  # one message, not two
    return str(caught.value)


def test_messages_name_the_place_in_the_whole_batch():
    loss, y_true, y_pred = draw("sparse_categorical_crossentropy", (5000, 10))
    y_true[4321] = 10
    assert "at position (4321, 0)" in message_of(loss, y_true, y_pred)
    loss, y_true, y_pred = draw("poisson", (5000, 10))
    y_pred[4321, 7] = -1
    assert "at position (4321, 7)" in message_of(loss, y_true, y_pred)
    assert "at position (4321, 7)" in message_of(loss.value_and_gradient, y_true, y_pred)
    with fast(threads=2, block=4096):
        assert "at position (4321, 7)" in message_of(loss, y_true, y_pred)
    loss, y_true, y_pred = draw("huber", (5000, 10))
    assert "(5000, 9)" in message_of(loss, y_true[:, 1:], y_pred)
    assert "axis=2" in message_of(lossbook.BinaryCrossentropy(axis=2), y_true, y_pred)
    assert "ragged" in message_of(loss, [[1.0], [1.0, 2.0]] * 9000, y_pred)


@each_cut
def test_nan_and_infinity_go_through(name):
    loss, y_true, y_pred = draw(name, (5000, 10))
    for number in (np.nan, np.inf):
        y_pred[4000, 3] = number
        assert_blocks_change_nothing(loss, y_true, y_pred)
        assert_blocks_change_nothing(loss, y_true, y_pred, np.ones(5000))


def test_a_value_that_is_not_a_number_though_the_data_are_is_refused():
    y_pred = np.full((2, 40_000), 1e10)
    y_true = np.where(np.arange(40_000) % 2, 1e308, -1e308) * np.ones((2, 1))
    assert "Poisson is not a number" in message_of(
        lossbook.Poisson(), y_true, y_pred
    )  # infinity less infinity
    assert "Poisson is not a number" in message_of(lossbook.Poisson(), y_true, y_pred, np.ones(2))


# --- out ----------------------------------------------------------------------------------------


@each_loss
@random_cases(20, data=st.data())
def test_a_gradient_in_an_array_of_ones_own_is_the_same(name, data):
    case = data.draw(cases(name))
    with small_blocks(24):
        value, slope = case.value_and_gradient()
        out = np.full_like(slope, np.nan)
        same, into = case.loss.value_and_gradient(
            case.y_true, case.y_pred, case.sample_weight, case.mask, out=out
        )
        alone = case.loss.gradient(case.y_true, case.y_pred, case.sample_weight, case.mask)
    assert into is out
    np.testing.assert_array_equal(same, value)
    np.testing.assert_array_equal(out, slope)
    np.testing.assert_array_equal(alone, slope)


@each_loss
def test_out_of_another_type_order_or_the_data_themselves(name):
    shape = {"circle": (8, 4), "ctc": (3, 5, 4)}.get(name, (3000, 10))
    loss, y_true, y_pred = draw(name, shape)
    value, slope = loss.value_and_gradient(y_true, y_pred)
    for out in (
        np.empty(shape),
        np.empty(shape, "float32", order="F"),
        np.empty((*shape, 2), "float32")[..., 0],
    ):
        assert loss.gradient(y_true, y_pred, out=out) is out
        np.testing.assert_array_equal(out.astype("float32"), slope)
    weights = np.ones(3000) if CATALOGUE[name].splits else None
    expected = loss.gradient(y_true, y_pred, weights)
    held = y_pred.copy()
    np.testing.assert_array_equal(loss.gradient(y_true, held, weights, out=held), expected)
    held = y_pred.copy()
    held[0] = np.nan  # then the batch is looked at twice
    expected = loss.gradient(y_true, held)
    np.testing.assert_array_equal(loss.gradient(y_true, held, out=held), expected)


@pytest.mark.parametrize("out", [np.empty(3), np.empty((2, 2), int), [[0.0, 0.0], [0.0, 0.0]]])
def test_out_that_does_not_fit_is_refused(out):
    data = np.zeros((2, 2)), np.ones((2, 2))
    assert "numpy.empty_like" in message_of(lossbook.Huber().gradient, *data, out=out)


# --- the fast mode ---------------------------------------------------------------------------------


@each_cut
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(name, threads):
    loss, y_true, y_pred = draw(name, (30_000, 10))
    value, slope = whole(loss, y_true, y_pred)
    with fast(threads=threads, block=64 * 1024):
        for _ in range(3):
            ours = loss.value_and_gradient(y_true, y_pred)
            assert_same(ours[0], value)
            assert_same(ours[1], slope)
        assert_blocks_change_nothing(loss, y_true, y_pred, np.arange(30_000) % 3)


def now():
    """Return threads, block, and whether there is a pool, as large batches are evaluated now."""
    return blocks._settings.threads, blocks._settings.block, blocks._settings.pool is not None


def test_the_fast_mode_is_off_by_default_and_ends_with_its_context():
    assert now() == (1, blocks.BLOCK, False)
    with fast(threads=2, block=2**20):
        assert now() == (2, 2**20, True)
        with fast(threads=1, block=2**10):
            assert now() == (1, 2**10, False)
        assert now() == (2, 2**20, True)
    assert now() == (1, blocks.BLOCK, False)


def test_the_fast_mode_without_a_context_stays_until_it_is_ended():
    mode = fast(threads=2)
    assert now() == (2, 2**20, True)
    mode.end()
    assert now() == (1, blocks.BLOCK, False)


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"threads": 1.5}, {"block": 0}, {"threads": True}])
def test_the_fast_mode_refuses_what_is_no_count(wrong):
    assert "whole number" in message_of(fast, **wrong)
