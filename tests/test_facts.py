"""Each fact of the cheat sheet, tried: ranges, best constants about a limit, traps; the others are in test_properties."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from cases import WORDS, claim_of, column, fill
from test_properties import is_lowest

import lossbook
from lossbook import CATALOGUE
from lossbook.book.differences import evaluate, find, same

each_loss = pytest.mark.parametrize("name", CATALOGUE)
SEEDS = range(40)


def test_every_loss_has_its_facts():
    for name, spec in CATALOGUE.items():
        words = spec.facts.minimiser, spec.facts.labels, spec.facts.output, spec.facts.trap
        assert all(text.strip() == text != "" for text in words), name
        assert spec.facts.trap.endswith(".")


# --- the range ------------------------------------------------------------------------------


def usual(name, rng):
    """Settings and usual data: in the domain of the loss, and rows that sum to 1 where they should."""
    parameters = {key: p.default for key, p in CATALOGUE[name].parameters.items()}
    settings = dict(parameters)
    if name == "categorical_generalized_cross_entropy":
        settings["q"] = rng.choice([0.1, 0.5, 0.9])
    if name in ("dice", "tversky"):
        settings["axis"] = -1
    shape = {"circle": (6, 3), "ctc": (3, 6, 4)}.get(name, (5, 4))
    y_true, y_pred = fill(name, rng, shape, settings, calm=True)
    if name == "kl_divergence":
        y_true, y_pred = (rows / rows.sum(axis=-1, keepdims=True) for rows in (y_true, y_pred))
    if name in ("hinge", "squared_hinge"):
        y_true = np.sign(y_true) + (y_true == 0)
    if name in ("dice", "tversky"):
        y_true[:, 0] = 1.0  # no empty mask
    keep = {key: settings[key] for key in parameters}
    return y_true, y_pred, keep


def values(name, y_true, y_pred, settings):
    return CATALOGUE[name].function(y_true, y_pred, **settings)


def range_of(name, settings):
    facts = CATALOGUE[name].facts
    return [1 / settings["q"] if text == "1 / q" else float(text) for text in (facts.low, facts.high)]


def hot(labels, classes):
    return np.eye(classes)[labels]


def spelled(y_true, y_pred):
    """Logits that spell each label frame by frame, with a blank between two symbols."""
    sure = np.full(y_pred.shape, -50.0)
    sure[..., 0] = 50.0
    for row, label in enumerate(y_true):
        symbols = label[label > 0]
        for place, symbol in enumerate(symbols):
            sure[row, 2 * place, [0, symbol]] = -50.0, 50.0
    return sure


BEST = {
    "sparse_categorical_crossentropy": lambda y, p: hot(y, p.shape[-1]),
    "categorical_generalized_cross_entropy": lambda y, p: hot(y, p.shape[-1]),
    "hinge": lambda y, p: y,
    "categorical_hinge": lambda y, p: y,
    "circle": lambda y, p: hot(y, 6),
    "ctc": spelled,
}
"""The best prediction for some labels, where it is not the labels themselves."""

WORST = {
    "categorical_generalized_cross_entropy": lambda y, p: 1.0 - hot(y, p.shape[-1]),
    "dice": lambda y, p: 1.0 - y,
    "tversky": lambda y, p: 1.0 - y,
    "cosine_similarity": lambda y, p: -y,
}


@each_loss
def test_no_usual_data_leave_the_range(name):
    for seed in SEEDS:
        y_true, y_pred, settings = usual(name, np.random.default_rng(seed))
        low, high = range_of(name, settings)
        got = values(name, y_true, y_pred, settings)
        assert np.all(got >= low - 1e-12), got
        assert np.all(got <= high + 1e-12), got


@each_loss
def test_both_ends_of_the_range_are_reached(name):
    y_true, y_pred, settings = usual(name, np.random.default_rng(1))
    if name in ("categorical_crossentropy", "binary_crossentropy"):
        y_true = (y_true == y_true.max(axis=-1, keepdims=True)) * 1.0  # soft labels cost more than 0
    if "focal" in name:
        y_true = np.round(y_true)
    low, high = range_of(name, settings)
    best = BEST.get(name, lambda y, p: y)(y_true, y_pred)
    if low == -inf:
        assert np.all(values(name, np.array([[1e3]]), np.array([[1e3]]), settings) < -1e3)
    else:
        assert values(name, y_true, best, settings) == pytest.approx(low, abs=2e-6)
    if high == inf:
        assert largest(name, y_true, y_pred, settings) > 15  # of probabilities, 16.1 is all the clip leaves
    else:
        worst = WORST[name](y_true, y_pred)
        assert values(name, y_true, worst, settings) == pytest.approx(high, abs=1e-6)


def largest(name, y_true, y_pred, settings):
    """The largest of some bad predictions' costs, from logits where the loss takes them."""
    if "from_logits" in settings:
        settings = {**settings, "from_logits": True}
        return np.max([values(name, y_true, sign * 500 * (y_pred - 0.5), settings) for sign in (1, -1)])
    if name == "kl_divergence":
        return values(name, np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), settings).max()
    if name == "circle":
        return values(name, y_true, 5 * y_pred, settings).max()
    far = [1e3 * y_pred] if name in ("poisson", "ctc") else [1e3 * np.abs(y_pred), -1e3 * np.abs(y_pred)]
    return max(values(name, y_true, y_pred, settings).max() for y_pred in far)


# --- the best constant ----------------------------------------------------------------------


def the_best_constant(name):
    """What ``test_properties.py`` tries for every loss, on one batch of targets."""
    is_lowest(claim_of(name, np.random.default_rng(0)), np.random.default_rng(1))


def cheapest(name, y_true, rows, **settings):
    """The row that costs least when predicted for every sample."""
    loss = CATALOGUE[name].cls(**settings)
    costs = [loss(y_true, np.broadcast_to(row, (len(y_true), np.size(row)))) for row in rows]
    return rows[int(np.argmin(costs))]


TARGETS = column([1.0, 2.0, 3.0, 4.0, 30.0])
GRID = np.arange(0, 31, 0.01)


def test_huber_lies_at_the_median_or_the_mean():
    assert cheapest("huber", TARGETS, GRID, delta=1e-3) == pytest.approx(np.median(TARGETS), abs=0.02)
    assert cheapest("huber", TARGETS, GRID, delta=1e3) == pytest.approx(TARGETS.mean(), abs=0.02)


def test_log_cosh_lies_at_the_mean_or_the_median():
    assert cheapest("log_cosh", 1e-3 * TARGETS, 1e-3 * GRID) == pytest.approx(1e-3 * TARGETS.mean(), abs=2e-5)
    assert cheapest("log_cosh", 1e3 * TARGETS, 1e3 * GRID) == pytest.approx(1e3 * np.median(TARGETS), abs=20)


def test_focal_losses_pull_shares_towards_equal_ones():
    probabilities = np.arange(0.01, 1, 0.01)
    labels = column([1, 1, 1, 1, 0])
    best = cheapest("binary_focal_crossentropy", labels, probabilities)
    assert 0.5 < best < 0.75 < labels.mean()
    rows = np.stack([probabilities, 1 - probabilities], axis=-1)
    best = cheapest("categorical_focal_crossentropy", np.hstack([labels, 1 - labels]), rows)
    assert 0.5 < best[0] < 0.75 < labels.mean()


def test_all_words_are_used():
    used = {spec.facts.minimiser for spec in CATALOGUE.values()}
    assert used == set(WORDS)


# --- the trap ---------------------------------------------------------------------------------


@each_loss
def test_the_trap_is_proved(name):
    row = find(CATALOGUE[name].facts.proof)
    assert name in row.losses
    assert same(evaluate(row, lossbook), row.ours)


@pytest.mark.parametrize(
    "test, wrong",
    [
        (test_no_usual_data_leave_the_range, {"high": "0.3"}),
        (test_both_ends_of_the_range_are_reached, {"low": "0.01"}),
        (the_best_constant, {"minimiser": "the mean"}),
        (test_the_trap_is_proved, {"proof": "a_perfect_rate"}),
    ],
    ids=["range", "ends", "constant", "trap"],
)
def test_a_wrong_fact_is_found(monkeypatch, test, wrong):
    monkeypatch.setattr(CATALOGUE["dice"], "facts", replace(CATALOGUE["dice"].facts, **wrong))
    with pytest.raises(AssertionError):
        test("dice")
