"""Values and slopes where a formula meets infinity, NaN or a signed zero: the limit, NaN, and a plain 0."""

import inspect
import itertools

import numpy as np
import pytest
from cases import LOSSES, fill

from lossbook import CATALOGUE, log_softmax, log_sum_exp, sigmoid, softmax
from lossbook.blocks import in_blocks
from lossbook.losses.focal import ratio

LOGITS = [name for name, spec in CATALOGUE.items() if "from_logits" in spec.parameters] + ["ctc"]
FOCAL = [name for name, spec in CATALOGUE.items() if "gamma" in spec.parameters and name in LOGITS]
both_types = pytest.mark.parametrize("dtype", ["float32", "float64"])

SETTINGS = {
    "from_logits": [True],
    "label_smoothing": [0.0, 0.1],
    "gamma": [0.0, 0.05, 1.0, 2.0],
    "apply_class_balancing": [False, True],
    "alpha": [0.25, 0.0, 1.0],
    "ignore_class": [None, 1],
}


def settings_of(name, **fixed):
    """Every combination of the settings that a loss takes, those in `fixed` instead of the usual ones."""
    chosen = {key: fixed.get(key, SETTINGS.get(key)) for key in CATALOGUE[name].parameters}
    chosen = {key: tried for key, tried in chosen.items() if tried}
    return [dict(zip(chosen, some, strict=True)) for some in itertools.product(*chosen.values())]


def answers(name, y_true, y_pred, settings):
    """Value and slope from the function form."""
    spec = CATALOGUE[name]
    return spec.function(y_true, y_pred, **settings), spec.gradient(y_true, y_pred, **settings)


# --- infinite logits ------------------------------------------------------------------------


def labels_and_scores(name, rng):
    """Labels of every kind that a loss takes, and scores with infinity in them: no row of -inf alone."""
    if name == "ctc":
        y_true, y_pred = np.array([[1, 2], [1, 1], [3, 0], [0, 0]] * 6), rng.normal(0, 2, (24, 5, 4))
    elif name.startswith("binary"):
        y_true, y_pred = rng.choice([0.0, 1.0, 0.3], (24, 4)), rng.normal(0, 2, (24, 4))
    else:
        hot = np.eye(4)[rng.integers(0, 4, 24)]
        y_true = np.where(rng.random((24, 1)) < 0.3, rng.dirichlet(np.ones(4), 24), hot)
        y_true = np.where(rng.random((24, 4)) < 0.2, 0.0, y_true)
        y_pred = rng.normal(0, 2, (24, 4))
    y_true = y_true.argmax(axis=-1) if name.startswith("sparse") else y_true
    odds = 0.5 if name.startswith("binary") else 0.25
    low, high = rng.random(y_pred.shape) < odds, rng.random(y_pred.shape) < 0.08
    if not name.startswith("binary"):
        low[..., 0] &= ~low[..., 1:].all(axis=-1)
    return y_true, np.where(high, np.inf, np.where(low, -np.inf, y_pred))


@pytest.mark.filterwarnings("error")
@both_types
@pytest.mark.parametrize("name", LOGITS)
@pytest.mark.parametrize("seed", range(4))
def test_infinite_logits_cost_and_slope_as_their_limit(name, dtype, seed):
    y_true, y_pred = labels_and_scores(name, np.random.default_rng(seed))
    assert np.isposinf(y_pred).any() and np.isneginf(y_pred).any()
    y_pred = y_pred.astype(dtype)
    exact = 2e-5 if dtype == "float32" else 1e-11
    for settings in settings_of(name):
        value, slope = answers(name, y_true, y_pred, settings)
        assert value.dtype == slope.dtype == dtype
        far, farther = (
            answers(name, y_true, np.clip(y_pred.astype(float), -end, end), settings) for end in (1e4, 1e5)
        )
        endless = farther[0] - far[0] > 1e-3  # it grows with the score
        assert np.array_equal(np.isposinf(value), endless), (settings, value, far[0])
        for near_value, near_slope in (far, farther):
            np.testing.assert_allclose(value[~endless], near_value[~endless], rtol=exact, atol=exact)
            np.testing.assert_allclose(slope, near_slope, rtol=exact, atol=exact)


@both_types
@pytest.mark.parametrize("name", LOGITS)
def test_infinite_logits_in_the_class_form(name, dtype):
    y_true, y_pred = labels_and_scores(name, np.random.default_rng(9))
    y_pred = y_pred.astype(dtype)
    settings = {} if name == "ctc" else {"from_logits": True}
    values, slopes = answers(name, y_true, y_pred, settings)
    loss = CATALOGUE[name].cls(**settings, reduction="none")
    np.testing.assert_array_equal(loss(y_true, y_pred), values)
    total = CATALOGUE[name].cls(**settings, reduction="sum")
    np.testing.assert_array_equal(total.gradient(y_true, y_pred), slopes)


@pytest.mark.parametrize("name", [name for name in LOGITS if not name.startswith("binary")])
def test_a_row_of_minus_infinity_alone_is_undefined(name):
    shape = (2, 3, 3) if name == "ctc" else (2, 3)
    y_true, _ = fill(name, np.random.default_rng(0), shape, SMOOTH | {"from_logits": True}, calm=True)
    y_pred = np.zeros(shape)
    y_pred[0, ..., :] = -np.inf
    with np.errstate(invalid="ignore"):
        value, slope = answers(name, y_true, y_pred, {} if name == "ctc" else {"from_logits": True})
    assert np.isnan(value[0]) and np.isfinite(value[1])
    assert np.isnan(slope[0]).all() and np.isfinite(slope[1]).all()


SMOOTH = {"label_smoothing": 0.0, "gamma": 2.0, "ignore_class": None, "margin": 0.4}


@pytest.mark.filterwarnings("error")
def test_the_link_functions_at_infinity():
    low, high = -np.inf, np.inf
    rows = np.array([[low, 0.0, 0.0], [high, 1.0, low], [high, high, 3.0]])
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(softmax(rows), [[0, 0.5, 0.5], [1, 0, 0], [0.5, 0.5, 0]])
        np.testing.assert_allclose(log_softmax(rows), np.log(softmax(rows)), rtol=1e-15)
    every = np.array([[low, low], [low, 2.0], [high, 2.0], [high, low], [high, high]])
    np.testing.assert_array_equal(log_sum_exp(every), [[low], [2.0], [high], [high], [high]])
    np.testing.assert_array_equal(log_sum_exp(every.T, axis=0), log_sum_exp(every).T)
    np.testing.assert_array_equal(sigmoid(np.array([low, high])), [0.0, 1.0])
    assert np.isnan(log_sum_exp(np.array([[np.nan, low]])))


# --- focal losses: certain and right, and gamma 0 ----------------------------------------------


def certain(name, dtype):
    """Labels 0, 1 and between, against scores up to and beyond the point where exp(-score) is 0."""
    edge = {"float32": (70.0, 110.0), "float64": (690.0, 760.0)}[dtype]
    scores = np.concatenate([np.linspace(*edge, 81), [0.0, 1.0, 17.0, 40.0, 1e4, np.inf]])
    scores = np.concatenate([scores, -scores]).astype(dtype)[:, np.newaxis]
    if name.startswith("binary"):
        labels = np.repeat([0.0, 1.0, 0.5], len(scores))[:, np.newaxis]
    else:
        scores = np.concatenate([scores, np.zeros((len(scores), 2), dtype)], axis=1)
        labels = np.repeat([[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0]], len(scores), axis=0)
    return labels, np.tile(scores, (3, 1))


@pytest.mark.filterwarnings("error")
@both_types
@pytest.mark.parametrize("name", FOCAL)
@pytest.mark.parametrize("gamma", [0.0, 1e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0])
def test_focal_slopes_of_certain_predictions_are_numbers(name, gamma, dtype):
    y_true, y_pred = certain(name, dtype)
    value, slope = answers(name, y_true, y_pred, {"gamma": gamma, "from_logits": True})
    assert np.isfinite(slope).all() and not np.isnan(value).any()
    # the same in wider numbers, which do not reach their own end here
    end, wider = (1e4, np.longdouble) if dtype == "float64" else (700, float)
    expected = focal_slope(name, y_true, np.clip(y_pred, -end, end).astype(wider), gamma)
    tolerance = 60 * np.finfo(dtype).eps
    soft = (y_true == 0.5).any(axis=-1)  # there the pulls of two labels cancel
    np.testing.assert_allclose(slope[~soft], expected[~soft], rtol=tolerance, atol=8 * np.finfo(dtype).tiny)
    np.testing.assert_allclose(slope[soft], expected[soft], rtol=tolerance, atol=tolerance)


def focal_slope(name, y_true, scores, gamma):
    """The slope by its formula, from probabilities in the type of the scores: right where these do not underflow."""
    if name.startswith("binary"):
        yes, no = 1 / (1 + np.exp(-scores)), 1 / (1 + np.exp(scores))
        missed = y_true * no + (1 - y_true) * yes
        cost = y_true * np.log1p(np.exp(-scores)) + (1 - y_true) * np.log1p(np.exp(scores))
        pull = (1 - y_true) * yes - y_true * no
        return missed**gamma * (gamma * (1 - 2 * y_true) * yes * no / missed * cost + pull)
    behind = scores - scores.max(axis=-1, keepdims=True)
    weights = np.exp(behind)
    total = weights.sum(axis=-1, keepdims=True)
    share = weights / total
    rest = np.stack([np.delete(weights, k, -1).sum(axis=-1) for k in range(3)], -1) / total
    pull = 0.25 * y_true * rest**gamma * (gamma * share / rest * -np.log1p(rest / share) - 1)
    others = np.stack([np.delete(pull, k, -1).sum(axis=-1) for k in range(3)], -1)
    return pull * rest - share * others


@pytest.mark.filterwarnings("error")
@both_types
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("name", FOCAL)
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_at_gamma_0_a_focal_loss_is_cross_entropy_to_the_last_bit(name, from_logits, dtype, label_smoothing):
    rng = np.random.default_rng(3)
    plain = name.replace("_focal", "")
    shape = (4000, 4)
    settings = {"from_logits": from_logits, "label_smoothing": label_smoothing}
    y_true, y_pred = fill(name, rng, shape, settings | {"gamma": 1.0}, calm=False)
    if from_logits:
        y_pred = np.where(rng.random(shape) < 0.2, rng.choice([-800.0, -90, 90, 800], shape), y_pred)
    else:
        tiny = np.finfo(dtype).smallest_subnormal
        y_pred = np.where(
            rng.random(shape) < 0.2, rng.choice([0, 1, tiny, 1e-40, 1e-7, 1 - 1e-7], shape), y_pred
        )
        y_pred[:, 0] += 0.1 * (y_pred.sum(axis=-1) < 1e-6)
    y_pred = y_pred.astype(dtype)
    alpha = {} if name.startswith("binary") else {"alpha": 1.0}
    focal = answers(name, y_true, y_pred, settings | {"gamma": 0.0} | alpha)
    for ours, theirs in zip(focal, answers(plain, y_true, y_pred, settings), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    one = CATALOGUE[name].cls(**settings, gamma=0.0, **alpha).value_and_gradient(y_true, y_pred)
    other = CATALOGUE[plain].cls(**settings).value_and_gradient(y_true, y_pred)
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_ratio_to_0_is_0():
    np.testing.assert_array_equal(ratio(np.array([0.0, 3.0]), np.array([0.0, 2.0])), [0.0, 1.5])


# --- NaN goes through ----------------------------------------------------------------------------

SHAPES = {"circle": (6, 3), "ctc": (3, 6, 4)}


def plain_cases():
    """Every loss, from probabilities and from logits, focal and not."""
    for name, spec in CATALOGUE.items():
        fixed = {"from_logits": [False, True], "label_smoothing": None, "alpha": None, "ignore_class": None}
        fixed |= {"gamma": [0.0, 2.0] if name in FOCAL else None, "q": [0.5], "apply_class_balancing": None}
        for settings in settings_of(name, **fixed):
            yield pytest.param(spec, settings, id=f"{name} {settings}")


@both_types
@pytest.mark.parametrize(("spec", "settings"), list(plain_cases()))
def test_nan_in_any_place_is_nan_in_value_and_slope(spec, settings, dtype):
    shape = SHAPES.get(spec.name, (4, 3))
    usual = {key: p.default for key, p in spec.parameters.items() if p.default is not inspect.Parameter.empty}
    y_true, y_pred = fill(spec.name, np.random.default_rng(0), shape, usual | settings, calm=True)
    loss = spec.cls(**settings)
    for place in np.ndindex(shape):
        spoilt = y_pred.astype(dtype)
        spoilt[place] = np.nan
        with np.errstate(invalid="ignore"):
            value, slope = answers(spec.name, y_true, spoilt, settings)
            assert np.isnan(value if value.ndim == 0 else value[place[0]])
            assert np.isnan(slope[place])
            if spec.name not in ("circle", "dice", "tversky"):
                assert np.isfinite(np.delete(value, place[0])).all()  # no other sample knows of it
                assert np.isfinite(np.delete(slope, place[0], axis=0)).all()
            value, slope = loss.value_and_gradient(y_true, spoilt)
        assert np.isnan(value) and np.isnan(slope[place])


# --- a loss of nothing has no sign -----------------------------------------------------------------


def extremes(name, shape):
    """Labels and predictions at the ends of their range, where a loss can be exactly 0."""
    rows, width = shape[:-1], shape[-1]
    if name == "ctc":
        loud = np.zeros(shape)
        loud[:, 0, 1] = loud[:, 1:, 0] = 1e4  # says symbol 1, and then nothing
        ruled = np.where(loud > 0, 0.0, -np.inf)
        silent = np.broadcast_to(np.eye(width)[0] * 1e4, shape)
        return [(np.tile([1, 0], (shape[0], 1)), one) for one in (loud, ruled)] + [
            (np.zeros((shape[0], 2), int), silent)
        ]
    numbers = np.arange(np.prod(rows)).reshape(rows) % width
    hot = np.eye(width)[numbers]
    labels = (
        [numbers] if "sparse" in name or "generalized" in name else [hot, 2 * hot - 1, 0 * hot, 0 * hot + 1]
    )
    if name == "circle":
        labels = [numbers, 0 * numbers]
    certain = np.where(hot > 0, np.inf, -np.inf)
    predictions = [hot, -hot, 2 * hot - 1, 1e4 * (2 * hot - 1), 0 * hot, -0.0 * hot, 0 * hot + 1, certain]
    return itertools.product(labels, predictions)


@both_types
@pytest.mark.parametrize(("spec", "settings"), list(plain_cases()))
def test_a_loss_of_nothing_is_plus_0(spec, settings, dtype):
    zeros = 0
    for shape in (
        [(2, 4, 3)]
        if spec.name == "ctc"
        else [(4, 3), (3, 1), (3000, 3)][: 1 if LOSSES[spec.name].axes else 3]
    ):
        for y_true, y_pred in extremes(spec.name, shape):
            with np.errstate(all="ignore"):
                try:
                    value = spec.function(y_true, y_pred.astype(dtype), **settings)
                    reduced = spec.cls(**settings, reduction="none")(y_true, y_pred.astype(dtype))
                except ValueError:  # outside the domain
                    continue
            for one in (value, reduced):
                assert not (np.signbit(one) & (one == 0)).any()
            zeros += np.sum(value == 0)
    reaches_0 = (
        spec.name in ("poisson", "kl_divergence", "dice", "tversky") or settings.get("from_logits") is False
    )
    assert zeros or reaches_0  # the others never do, for an epsilon


# --- the same in blocks ---------------------------------------------------------------------------


@both_types
@pytest.mark.parametrize("name", LOGITS)
def test_blocks_have_the_same_limits(name, dtype):
    y_true, y_pred = labels_and_scores(name, np.random.default_rng(2))
    settings = {} if name == "ctc" else {"from_logits": True}
    spec = CATALOGUE[name]
    if name.startswith("binary"):  # one row, longer than a block
        y_true, y_pred = np.tile(y_true.reshape(1, -1), 1200), np.tile(y_pred.reshape(1, -1), 1200)
    else:
        y_true = np.tile(y_true, (1200,) + (1,) * (y_true.ndim - 1))
        y_pred = np.tile(y_pred, (1200,) + (1,) * (y_pred.ndim - 1))
    y_pred = y_pred.astype(dtype)
    for function in (spec.function, spec.gradient):
        whole, parts = function(y_true, y_pred, **settings), in_blocks(function, y_true, y_pred, **settings)
        np.testing.assert_allclose(
            parts, whole, rtol=100 * np.finfo(dtype).eps, atol=1e-7 * (dtype == "float32")
        )
    mean = spec.cls(**settings)
    assert mean(y_true, y_pred) == np.inf
    assert np.isfinite(mean.gradient(y_true, y_pred)).all()
