"""CTC: frame and label lengths, long recordings in float32, paths that are ruled out; against Keras and 100 digits."""

import itertools

import numpy as np
import pytest
from cases import exact_ctc
from mpmath import mpf

from lossbook import CTC, ctc, ctc_gradient
from lossbook.losses.sequence import backward_pass, forward_pass, within_reach
from lossbook.tools.engines import keras, tf


def batch(rng, recordings=6, frames=9, symbols=5):
    """Labels of every length that fits, padded with -1, and scores; the first lengths are those of the frames."""
    labels = rng.integers(1, symbols, (recordings, 5))
    logit_lengths = rng.integers(1, frames + 1, recordings)
    label_lengths = np.minimum(rng.integers(0, 6, recordings), (logit_lengths + 1) // 2)
    labels[np.arange(5) >= label_lengths[:, np.newaxis]] = -1
    return labels, rng.normal(0, 2, (recordings, frames, symbols)), logit_lengths, label_lengths


# --- lengths ---------------------------------------------------------------------------------


def test_padding_costs_unless_the_frames_are_counted():
    six, twelve = np.zeros((1, 6, 3)), np.zeros((1, 12, 3))
    assert ctc([[1, 2]], six).round(3) == [2.343]
    assert ctc([[1, 2]], twelve).round(3) == [6.275]
    assert ctc([[1, 2]], twelve, logit_lengths=[6]) == ctc([[1, 2]], six)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(8))
def test_lengths_cut_each_recording(seed, dtype):
    labels, logits, logit_lengths, label_lengths = batch(np.random.default_rng(seed))
    logits = logits.astype(dtype)
    values = ctc(labels, logits, logit_lengths, label_lengths)
    slopes = ctc_gradient(labels, logits, logit_lengths, label_lengths)
    assert values.dtype == slopes.dtype == dtype
    for row, (frames, symbols) in enumerate(zip(logit_lengths, label_lengths, strict=True)):
        label = labels[row : row + 1, :symbols] if symbols else [[0]]
        alone = logits[row : row + 1, :frames]
        assert values[row] == ctc(label, alone)[0]
        np.testing.assert_allclose(slopes[row, :frames], ctc_gradient(label, alone)[0], atol=1e-7)
        assert not slopes[row, frames:].any()


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf, 1e30])
def test_what_stands_behind_the_end_does_not_count(rubbish):
    labels, logits, logit_lengths, label_lengths = batch(np.random.default_rng(4))
    behind = np.arange(logits.shape[1]) >= logit_lengths[:, np.newaxis]
    assert behind.any()
    spoilt = np.where(behind[..., np.newaxis], rubbish, logits)
    padded = np.where(labels < 0, np.nan, labels)  # and labels padded with NaN
    with np.errstate(invalid="ignore"):
        value = ctc(padded, spoilt, logit_lengths, label_lengths)
        slope = ctc_gradient(padded, spoilt, logit_lengths, label_lengths)
    np.testing.assert_array_equal(value, ctc(labels, logits, logit_lengths, label_lengths))
    np.testing.assert_allclose(slope, ctc_gradient(labels, logits, logit_lengths, label_lengths), atol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_lengths_agree_with_keras(seed):
    labels, logits, logit_lengths, label_lengths = batch(np.random.default_rng(seed))
    point = tf.constant(logits.astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(point)
        theirs = keras.ops.ctc_loss(
            np.maximum(labels, 0).astype("int32"), point, label_lengths.astype("int32"),
            logit_lengths.astype("int32"), mask_index=0,
        )  # fmt: skip
    slope = tape.gradient(theirs, point).numpy()
    np.testing.assert_allclose(
        ctc(labels, logits, logit_lengths, label_lengths), theirs.numpy(), rtol=2e-5, atol=2e-5
    )
    np.testing.assert_allclose(
        ctc_gradient(labels, logits, logit_lengths, label_lengths), slope, rtol=0, atol=2e-5
    )


def paths_that_read(label, frames, symbols):
    """Every path of that many frames that reads as the label."""
    for path in itertools.product(range(symbols), repeat=frames):
        if [symbol for symbol, _ in itertools.groupby(path) if symbol] == list(label):
            yield path


@pytest.mark.parametrize("label", [(), (1,), (1, 1), (2, 1), (1, 2, 1)])
def test_value_and_slope_are_sums_over_all_paths(label):
    logits = np.random.default_rng(5).normal(0, 2, (5, 3))
    share = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    paths = np.array(list(paths_that_read(label, 5, 3)))
    chances = share[np.arange(5), paths].prod(axis=-1)
    needed = [[chances[paths[:, t] == k].sum() / chances.sum() for k in range(3)] for t in range(5)]
    padded = np.concatenate([logits, np.full((2, 3), 7.0)])[np.newaxis]
    labels = [[*label, 9, 9]]
    value = ctc(labels, padded, [5], [len(label)])
    slope = ctc_gradient(labels, padded, [5], [len(label)])
    np.testing.assert_allclose(value, -np.log(chances.sum()), rtol=1e-13)
    np.testing.assert_allclose(slope[0, :5], share - needed, rtol=0, atol=1e-13)


BAD = [
    ({"logit_lengths": [10]}, "logit_lengths with 10 in row 0; expected 1 … 9"),
    ({"logit_lengths": [0]}, "logit_lengths with 0 in row 0; expected 1 … 9"),
    ({"logit_lengths": [-1]}, "logit_lengths with -1 in row 0"),
    ({"logit_lengths": [5, 5]}, "logit_lengths of shape (2,) for 1 recordings; expected (1,)"),
    ({"logit_lengths": 5}, "logit_lengths of shape ()"),
    ({"logit_lengths": [np.nan]}, "logit_lengths with NaN"),
    ({"label_lengths": [4]}, "label_lengths with 4 in row 0; expected 0 … 3"),
    ({"label_lengths": [-1]}, "label_lengths with -1 in row 0"),
    ({"label_lengths": [[2]]}, "label_lengths of shape (1, 1)"),
    ({"label_lengths": [3]}, "symbol 0 at position (0, 2); expected 1 … 3"),
    ({"logit_lengths": [1]}, "row 0 a label of 2 symbols that needs 2 frames; expected at most its 1 frames"),
]


@pytest.mark.parametrize(("lengths", "message"), BAD)
def test_lengths_that_mean_nothing(lengths, message):
    for function in (ctc, ctc_gradient):
        with pytest.raises(ValueError) as error:
            function([[1, 2, 0]], np.zeros((1, 9, 4)), **lengths)
        assert message in str(error.value)


def test_without_lengths_a_label_must_be_padded_with_0():
    with pytest.raises(ValueError, match="symbol -1"):
        ctc([[1, -1]], np.zeros((1, 4, 3)))
    assert ctc([[1, -1]], np.zeros((1, 4, 3)), label_lengths=[1]) == ctc([[1, 0]], np.zeros((1, 4, 3)))


def test_the_class_has_the_signature_of_keras():
    assert CTC().parameters == {} and repr(CTC()) == "CTC()"
    for setting in ("logit_lengths", "label_lengths"):
        assert setting not in CTC().get_config()
        with pytest.raises(TypeError):
            CTC(**{setting: [6]})


# --- long recordings in float32 ------------------------------------------------------------------


@pytest.mark.parametrize("loudness", [1.0, 3.0])
@pytest.mark.parametrize("symbols", [50, 400])
def test_a_thousand_frames_in_float32(loudness, symbols):
    rng = np.random.default_rng(symbols)
    logits = rng.normal(0, loudness, (2, 1000, 30)).astype("float32")
    labels = rng.integers(1, 30, (2, symbols))
    value, slope = ctc(labels, logits), ctc_gradient(labels, logits)
    assert value.dtype == slope.dtype == "float32"
    exact = ctc_gradient(labels, logits.astype(float))
    assert np.abs(slope - exact).max() < 5e-6
    assert np.abs(slope.sum(axis=-1, dtype=float)).max() < 1e-5
    assert np.abs(exact.sum(axis=-1)).max() < 1e-13
    np.testing.assert_allclose(value, ctc(labels, logits.astype(float)), rtol=2e-7)


def test_a_thousand_frames_of_100_digits():
    rng = np.random.default_rng(8)
    logits, labels = rng.normal(0, 2, (1, 1000, 6)).astype("float32"), rng.integers(1, 6, (1, 20))
    truth = float(
        exact_ctc([int(one) for one in labels[0]], [[mpf(float(z)) for z in frame] for frame in logits[0]])
    )
    np.testing.assert_allclose(ctc(labels, logits.astype(float)), truth, rtol=1e-13)
    np.testing.assert_allclose(ctc(labels, logits), truth, rtol=2e-7)


def test_the_passes_keep_the_digits_of_float64():
    emission = np.log(np.full((1, 4, 3), 0.5, "float32"))
    skips, ends = np.zeros((1, 3), bool), np.array([[False, True, True]])
    assert forward_pass(emission, skips).dtype == backward_pass(emission, skips, ends).dtype == np.float64
    whole = backward_pass(emission, skips, ends)
    np.testing.assert_array_equal(backward_pass(emission, skips, ends, np.array([4])), whole)
    short = backward_pass(emission, skips, ends, np.array([3]))
    np.testing.assert_array_equal(short[:, :3], backward_pass(emission[:, :3], skips, ends))


# --- symbols that are ruled out -----------------------------------------------------------------


def test_a_label_that_no_path_spells_is_infinitely_dear_and_still_has_a_slope():
    logits = np.zeros((1, 3, 3))
    logits[0, :, 1] = -np.inf  # symbol 1 cannot come
    assert ctc([[1]], logits) == [np.inf]
    slope = ctc_gradient([[1]], logits)[0]
    far = np.where(np.isneginf(logits), -1e5, logits)
    np.testing.assert_allclose(slope, ctc_gradient([[1]], far)[0], atol=1e-9)
    assert (slope[:, 1] < 0).all()  # up with it, wherever it could stand
    assert ctc([[2]], logits) == ctc([[1]], np.zeros((1, 3, 2)))  # ruled out is as good as absent


def test_scores_all_infinite():
    endless = np.full((1, 600, 2), np.inf)
    np.testing.assert_array_equal(
        within_reach(np.concatenate([endless, -endless], axis=2))[0, 0], [1e3, 1e3, -1e3, -1e3]
    )
