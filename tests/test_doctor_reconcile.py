"""reconcile: constructed disagreements are explained, random numbers are not."""

import numpy as np
import pytest

from lossbook import reconcile
from lossbook.tools.engines import keras, tf_keras

RNG = np.random.default_rng(21)
N, K = 30, 4
Y, P = RNG.normal(size=(N, 3)), RNG.normal(size=(N, 3))
BITS, Q = RNG.integers(0, 2, (N, 1)).astype(float), RNG.uniform(0.02, 0.98, (N, 1))
Z = RNG.normal(0, 2, (N, 1))
LABELS = RNG.integers(0, K, N)
SCORES = RNG.normal(0, 1.5, (N, K))
ROWS = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
HOT = np.eye(K)[LABELS]
W = RNG.uniform(0.2, 3, N)
COUNTS, RATES = RNG.poisson(3, (N, 1)).astype(float), RNG.uniform(0.5, 6, (N, 1))
POSITIVE = RNG.uniform(1, 9, (N, 1))
MASKS, SHADES = (RNG.random((4, 6, 6, 1)) < 0.4).astype(float), RNG.random((4, 6, 6, 1))
HARD = np.where(RNG.random((N, 1)) < 0.3, 1.0, Q)
HIDDEN = RNG.random(N) < 0.6
STEPS, STEP_ROWS = RNG.integers(0, K, (6, 5)), np.moveaxis(RNG.dirichlet(np.ones(K), (5, 6)), 0, 1)
squares, misses = (Y - P) ** 2, np.abs(Y - P)
bce = -(BITS * np.log(Q) + (1 - BITS) * np.log(1 - Q))
cce = -np.log(ROWS[np.arange(N), LABELS])
UNEVEN = ROWS * RNG.uniform(0.5, 0.9, (N, 1))
uneven = -np.log(UNEVEN[np.arange(N), LABELS])
steps = -np.log(np.take_along_axis(STEP_ROWS, STEPS[..., None], -1)[..., 0])
balanced = (N / (2 * np.bincount(BITS.astype(int).ravel())))[BITS.astype(int)]
sigmoid = 1 / (1 + np.exp(-Z))
L = keras.losses


def clipped(y, p, eps):
    p = np.clip(p, eps, 1 - eps)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def kl(a, b):
    return (a * np.log(a / b)).sum(-1)


OTHER = RNG.dirichlet(np.ones(K), N)
per_image = 1 - 2 * (MASKS * SHADES).sum((1, 2, 3)) / (MASKS.sum((1, 2, 3)) + SHADES.sum((1, 2, 3)))

CASES = [  # what it is, the words of its reason, the loss, the data, the number, and what else Keras gets
    ("the sum", ["sum over the batch"], "mse", Y, P, squares.mean(-1).sum(), {}),
    ("half", ["half"], "mse", Y, P, squares.mean() / 2, {}),
    ("the root", ["square root"], L.MeanSquaredError(), Y, P, np.sqrt(squares.mean()), {}),
    ("the sum of a row", ["sum over the last axis"], "mae", Y, P, misses.sum(-1).mean(), {}),
    ("sum of all", ["sum over the batch", "sum over the last axis"], "mae", Y, P, misses.sum(), {}),
    ("half the sum", ["half", "sum over the batch"], "mse", Y, P, squares.mean(-1).sum() / 2, {}),
    ("half the sum of a row", ["half", "last axis"], L.mean_squared_error, Y, P, squares.sum(-1).mean() / 2, {}),
    ("the weights' divisor", ["sum of the weights"], "mse", Y, P, (squares.mean(-1) * W).sum() / W.sum(), {"sample_weight": W}),
    ("without weights", ["without sample_weight"], "mse", Y, P, squares.mean(), {"sample_weight": W}),
    ("weights and half", ["sum of the weights", "half"], "mse", Y, P, (squares.mean(-1) * W).sum() / W.sum() / 2, {"sample_weight": W}),
    ("means of batches", ["batches of 8"], "mse", Y, P, np.mean([squares[i : i + 8].mean() for i in range(0, N, 8)]), {}),
    ("the last batch", ["last batch of 8"], "mae", Y, P, misses[24:].mean(), {}),
    ("an odd batch size", ["batches of 7"], "mse", Y, P, np.mean([squares[i : i + 7].mean() for i in range(0, N, 7)]), {"batch_size": 7}),
    ("the N × N matrix", ["N × N"], "mse", BITS, Q, ((BITS.reshape(-1) - Q) ** 2).mean(), {}),
    ("bits", ["base 2"], "bce", BITS, Q, bce.mean() / np.log(2), {}),
    ("bits, summed", ["base 2", "sum over the batch"], "bce", BITS, Q, bce.sum() / np.log(2), {}),
    ("logits as probabilities", ["logits"], L.BinaryCrossentropy(), BITS, Q, np.log1p(np.exp(-Q * (2 * BITS - 1))).mean(), {}),
    ("squashed twice", ["squashed twice"], L.BinaryCrossentropy(from_logits=True), BITS, Z, np.log1p(np.exp(-sigmoid * (2 * BITS - 1))).mean(), {}),
    ("clipped at 1e-15", ["1e-15"], "bce", BITS, HARD, clipped(BITS, HARD, 1e-15).mean(), {}),
    ("clipped at 1e-12, summed", ["1e-12", "sum over"], "bce", BITS, HARD, clipped(BITS, HARD, 1e-12).sum(), {}),
    ("PyTorch's BCELoss", ["-100"], "bce", BITS, HARD, np.where((HARD == 1) & (BITS == 0), 100, np.where(HARD == 1, 0, bce_ := clipped(BITS, np.minimum(HARD, 0.99), 0))).mean(), {}),
    ("tf_keras", ["tf_keras"], "bce", BITS, HARD, float(tf_keras.losses.BinaryCrossentropy()(BITS, HARD)), {}),
    ("class_weight", ["class_weight"], "bce", BITS, Q, (bce * np.where(BITS == 1, 9, 1)).mean(), {"class_weight": {0: 1, 1: 9}}),
    ("balanced weights", ["balanced"], "bce", BITS, Q, (bce * balanced).mean(), {}),
    ("swapped", ["swapped"], "bce", RNG.random((N, 1)), Q, None, {}),
    ("not renormalised", ["not divided by their sum"], "categorical_crossentropy", HOT, UNEVEN, uneven.mean(), {}),
    ("not renormalised, bits", ["not divided by their sum", "base 2"], L.SparseCategoricalCrossentropy(), LABELS, UNEVEN, uneven.mean() / np.log(2), {}),
    ("softmax forgotten", ["probabilities"], L.CategoricalCrossentropy(from_logits=True), HOT, ROWS, cce.mean(), {}),
    ("the mean over entries", ["mean over the last axis"], "categorical_crossentropy", HOT, ROWS, cce.mean() / K, {}),
    ("summed, class numbers", ["sum over the batch"], "sparse_categorical_crossentropy", LABELS, ROWS, cce.sum(), {}),
    ("batchmean", ["batchmean"], "sparse_categorical_crossentropy", STEPS, STEP_ROWS, steps.sum() / 6, {}),
    ("padding left out", ["class 0 left out"], "sparse_categorical_crossentropy", STEPS, STEP_ROWS, steps[STEPS != 0].mean(), {}),
    ("smoothing left out", ["label_smoothing"], L.CategoricalCrossentropy(label_smoothing=0.2), HOT, ROWS, cce.mean(), {}),
    ("perplexity", ["perplexity"], "sparse_categorical_crossentropy", LABELS, ROWS, np.exp(cce.mean()), {}),
    ("swapped divergence", ["swapped"], "kl_divergence", OTHER, ROWS, kl(ROWS, OTHER).mean(), {}),
    ("KLDivLoss's mean", ["mean over the last axis"], "kl_divergence", OTHER, ROWS, kl(OTHER, ROWS).mean() / K, {}),
    ("cross-entropy", ["entropy"], "kl_divergence", OTHER, ROWS, -(OTHER * np.log(ROWS)).sum(-1).mean(), {}),
    ("deviance", ["deviance"], "poisson", COUNTS, RATES, 2 * (np.where(COUNTS > 0, COUNTS * np.log(np.maximum(COUNTS, 1) / RATES), 0) - COUNTS + RATES).mean(), {}),
    ("a fraction", ["divided by 100"], "mape", POSITIVE, RATES, (np.abs(POSITIVE - RATES) / POSITIVE).mean(), {}),
    ("symmetric", ["(|y| + |p|)"], "mape", POSITIVE, RATES, 100 * (2 * np.abs(POSITIVE - RATES) / (POSITIVE + RATES)).mean(), {}),
    ("Huber's delta", ["delta"], L.Huber(2.0), Y, P, np.where(misses <= 1, squares / 2, misses - 0.5).mean(), {}),
    ("smooth L1, summed", ["SmoothL1", "sum over the batch"], L.Huber(2.0), Y, P, (np.where(misses <= 2, squares / 2, 2 * misses - 2) / 2).mean(-1).sum(), {}),
    ("the metric's sign", ["other sign"], "cosine_similarity", Y, P, ((Y * P).sum(-1) / np.linalg.norm(Y, axis=-1) / np.linalg.norm(P, axis=-1)).mean(), {}),
    ("one overlap an image", ["each image"], L.Dice(), MASKS, SHADES, per_image.mean(), {}),
    ("the score, not the loss", ["1 minus it"], L.Dice(), MASKS, SHADES, 2 * (MASKS * SHADES).sum() / (MASKS.sum() + SHADES.sum() + 1e-7), {}),
    ("0 and 1 in a hinge", ["0 and 1"], "hinge", BITS, Z, np.maximum(1 - BITS * Z, 0).mean(), {}),
    ("the mask left out", ["without the mask"], "mse", Y, P, squares.mean(), {"mask": HIDDEN}),
    ("a penalty", ["penalties"], "mse", Y, P, squares.mean() + 0.0137, {"penalty": 0.0137}),
    ("rounded to a mask", ["rounded"], L.Dice(), MASKS, SHADES, 1 - 2 * (MASKS * np.round(SHADES)).sum() / (MASKS.sum() + np.round(SHADES).sum()), {}),
    ("base 10 in MSLE", ["log10"], "msle", POSITIVE, RATES, (np.log10((1 + POSITIVE) / (1 + RATES)) ** 2).mean(), {}),
    ("float16", ["float16"], "mse", Y, P, float(np.mean((P.astype("float16") - Y.astype("float16")) ** 2, axis=-1).mean()), {}),
]  # fmt: skip
SOFT = np.random.default_rng(5).random((N, 1))
CASES = [
    (label, words, loss, SOFT, Q, clipped(Q, SOFT, 1e-7).mean(), extra) if number is None else (label, words, loss, y, p, number, extra)
    for label, words, loss, y, p, number, extra in CASES
]  # fmt: skip


def found(case):
    """Whether one of the explanations has all the words, and says no more."""
    label, words, loss, y, p, number, extra = case
    result = reconcile(loss, y, p, float(number), **extra)
    return [
        reason for reason in result.reasons
        if len(reason.steps) == len(words) and all(word in " + ".join(reason.steps) for word in words)
    ]  # fmt: skip


def test_constructed_disagreements_are_explained():
    missed = [case[0] for case in CASES if not found(case)]
    assert len(CASES) >= 40
    assert len(missed) <= len(CASES) // 10, missed
    assert missed == []


def test_random_numbers_are_not_explained():
    rng = np.random.default_rng(0)
    data = [
        ("bce", BITS, Q),
        ("mse", Y, P),
        (L.SparseCategoricalCrossentropy(), LABELS, ROWS),
        ("kl_divergence", OTHER, ROWS),
        (L.Dice(), MASKS, SHADES),
    ]
    for loss, y, p in data:
        scale = reconcile(loss, y, p, 1e9).keras
        for number in rng.uniform(0.1, 3, 20) * scale:
            for given in (float(number), np.float32(number), f"{number:.4g}"):
                assert not reconcile(loss, y, p, given).reasons, (loss, given)


def test_common_reasons_need_few_digits():
    assert reconcile("mse", Y, P, f"{squares.mean() / 2:.4f}").reasons[0].steps == ("half of it",)


def test_the_same_number():
    result = reconcile("mse", Y, P, f"{squares.mean():.4f}")
    assert result.same and result.found and "same number" in repr(result)
    value = float(keras.losses.BinaryCrossentropy()(BITS.astype("float32"), Q.astype("float32")))
    assert reconcile("bce", BITS.astype("float32"), Q.astype("float32"), value).same


def test_too_few_digits_say_so():
    result = reconcile("bce", BITS, Q, f"{bce.mean() / np.log(2):.2g}")
    assert not result.found and "give more digits" in repr(result)


def test_what_was_tried_is_counted():
    result = reconcile("mse", Y, P, 1.2345678)
    assert result.tried > 50 and not result.found
    assert f"{result.tried} values tried" in repr(result)
    assert result.to_dict()["found"] is False
    half = reconcile("mse", Y, P, squares.mean() / 2)
    assert half.chance < 1e-4 and half.to_dict()["reasons"][0]["steps"] == ["half of it"]
    assert "half of it" in repr(half) and "<table" in half._repr_html_()
    assert f"\n<p>{half._summary()}</p>" in half._repr_html_()


def test_a_chance_limit_that_is_lifted_lets_chance_in(monkeypatch):
    import importlib

    module = importlib.import_module("lossbook.tools.reconcile")
    monkeypatch.setattr(module, "CHANCE", 1e9)
    hits = sum(bool(reconcile("bce", BITS, Q, f"{n:.2g}").reasons) for n in np.linspace(0.5, 2, 20))
    assert hits > 5


def test_what_cannot_be_reconciled_says_so():
    with pytest.raises(TypeError, match="loss of your own"):
        reconcile(lambda t, q: ((t - q) ** 3).mean(), Y, P, 1.0)
    with pytest.raises(ValueError, match="expected a number"):
        reconcile("mse", Y, P, "many")
    with pytest.raises(ValueError, match="Keras refuses"):
        reconcile("mse", Y, P[:5], 1.0)
