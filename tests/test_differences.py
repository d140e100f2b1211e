"""The known differences: both sides of each row, measured here and now."""

from dataclasses import replace
from importlib import metadata

import numpy as np
import pytest
from conftest import ROOT

import lossbook
from lossbook.book import differences
from lossbook.book.differences import (
    DIFFERENCES,
    EVERY_LOSS,
    SYMPTOMS,
    VERSIONS,
    WORST,
    activate,
    card,
    cards,
    evaluate,
    find,
    index,
    same,
    slope,
)
from lossbook.tools.engines import engine, tf

F = np.float32
NAMES = {"tf_keras", "tf.keras.losses", "get_config", "alpha", "delta"}  # words that begin a sentence small

pytestmark = pytest.mark.filterwarnings("ignore")
each_row = pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: row.id)


@pytest.mark.parametrize(
    "row, name",
    [pytest.param(row, name, id=f"{name}-{row.id}") for row in DIFFERENCES for name in row.theirs],
)
def test_the_engine_gives_what_the_row_says(row, name):
    measured = evaluate(row, engine(name).losses)
    assert same(measured, row.theirs[name]), f"{name} now gives {measured}, no longer {row.theirs[name]}"


@each_row
def test_lossbook_gives_what_the_row_says(row):
    measured = evaluate(row, lossbook)
    assert same(measured, row.ours), f"lossbook gives {measured}, not {row.ours}"


def test_the_versions_are_those_installed():
    assert VERSIONS["keras"] == VERSIONS["tf.keras"] == metadata.version("keras")
    assert VERSIONS["tf_keras"] == metadata.version("tf_keras")


def test_ids_are_unique_and_lead_to_their_functions():
    assert len({row.id for row in DIFFERENCES}) == len(DIFFERENCES)
    assert all(getattr(differences, row.id) is row.run for row in DIFFERENCES)


@each_row
def test_the_row_is_whole(row):
    first = row.why.split()[0]
    assert first[0].isupper() or first[0].isdigit() or first in NAMES, "a sentence"
    assert row.why.endswith(".") and "\n" not in row.why and len(row.why.split()) > 3
    assert set(row.losses) <= {*lossbook.CATALOGUE} or row.losses == (EVERY_LOSS,)
    assert set(row.theirs) <= {*VERSIONS}
    assert row.symptoms and set(row.symptoms) <= {*SYMPTOMS}
    assert not row.mend or row.mend.endswith(".")


def test_every_kind_symptom_and_engine_is_there():
    kinds = [row.kind for row in DIFFERENCES]
    print({kind: kinds.count(kind) for kind in sorted(set(kinds))})
    assert set(kinds) == {"departs", "accepts", "refuses", "surprises"}
    assert {symptom for row in DIFFERENCES for symptom in row.symptoms} == {*SYMPTOMS}
    assert {engine for row in DIFFERENCES for engine in row.theirs} == {*VERSIONS}


# --- a comparison that can fail ---------------------------------------------------------------


@pytest.mark.parametrize(
    "first, second",
    [
        (0.5, 0.50001),
        (0.5, np.nan),
        (np.inf, -np.inf),
        (0.5, "ValueError"),
        ("TypeError", "ValueError"),
        ([1.0], 1.0),
        ([1.0, 2.0], [1.0]),
        ([1.0, 3e-6], [1.0, 0.0]),
        ([[0.0], "TypeError"], [[0.0], "ValueError"]),
        (2e-9, 0.0),
    ],
)
def test_results_that_differ_are_told_apart(first, second):
    assert not same(first, second) and not same(second, first)


def test_an_array_is_held_to_its_largest_entry():
    assert same([1000.0, 1e-4], [1000.0, 2e-4]) and not same([1.0, 1e-4], [1.0, 2e-4])


@pytest.mark.parametrize("row", [row for row in DIFFERENCES if row.id in WORST], ids=lambda row: row.id)
def test_a_wrong_row_is_found_on_either_side(row):
    with pytest.raises(AssertionError, match="keras now gives"):
        test_the_engine_gives_what_the_row_says(replace(row, theirs={"keras": 1234.5}), "keras")
    with pytest.raises(AssertionError, match="lossbook gives"):
        test_lossbook_gives_what_the_row_says(replace(row, ours=1234.5))


def test_what_a_row_is_made_of_is_looked_at():
    row = find("a_perfect_rate")
    for broken in ({"losses": ("poison",)}, {"symptoms": ()}, {"theirs": {"torch": 1.0}}, {"mend": "so"}):
        with pytest.raises(AssertionError):
            test_the_row_is_whole(replace(row, **broken))


@pytest.mark.parametrize(
    "theirs, ours, kind, severity",
    [
        (1.0, 2.0, "departs", 2),
        (1.0, 1.0 + 5e-7, "surprises", 1),
        (0.0, 5e-7, "departs", 0),
        (np.inf, np.inf, "surprises", 1),
        (1.0, "ValueError", "accepts", 2),
        ("TypeError", 1.0, "refuses", 1),
        ("TypeError", "ValueError", "surprises", 1),
        (["TypeError"] * 2, [[0.0], [1.0]], "refuses", 1),
    ],
)
def test_the_kind_and_the_severity_follow_from_the_results(theirs, ours, kind, severity):
    row = replace(find("a_perfect_rate"), theirs={"keras": theirs}, ours=ours)
    assert (row.kind, row.severity) == (kind, severity)


# --- what the text says beside the two results --------------------------------------------------


class Heeding:
    """Keras's losses, called as the mend of a row says: with other data, weights or settings, or as a class."""

    __name__ = "keras.losses"

    def __init__(self, data=lambda y, p: (y, p), weights=lambda w: w, as_class=False, **settings):
        self.data, self.weights, self.as_class, self.settings = data, weights, as_class, settings

    def __getattr__(self, name):
        losses = engine("keras").losses
        if name in lossbook.CATALOGUE and self.as_class:
            return lambda y, p: getattr(self, lossbook.CATALOGUE[name].cls.__name__)(reduction="none")(y, p)
        if name in lossbook.CATALOGUE:
            return lambda y, p, **given: getattr(losses, name)(*self.data(y, p), **{**given, **self.settings})
        return lambda **given: self._object(getattr(losses, name)(**{**given, **self.settings}))

    def _object(self, loss):
        def call(y_true, y_pred, **given):
            given = {key: self.weights(value) for key, value in given.items()}
            return loss(*self.data(y_true, y_pred), **given)

        return call


def _known(y_true, y_pred):
    return np.nan_to_num(y_true), y_pred


def _as_float32(y_true, y_pred):
    return y_true, y_pred.astype("float32")


def _not_infinite(y_true, y_pred):
    return y_true, np.where(np.isneginf(y_pred), F(-1e9), y_pred)


def _last(y_true, y_pred):
    return (np.moveaxis(y_true, 1, -1) if y_true.ndim == 3 else y_true), np.moveaxis(y_pred, 1, -1)


def _not_negative(y_true, y_pred):
    return np.maximum(y_true, 0), y_pred


MENDED = {
    "weights_of_samples_with_many_steps": Heeding(weights=lambda weights: weights[:, None]),
    "a_gap_in_the_targets_behind_a_mask": Heeding(_known),
    "a_gap_in_the_targets_with_weight_0_slope": Heeding(_known),
    "labels_as_a_list_and_predictions_as_an_array": Heeding(lambda y, p: (np.asarray(y), p)),
    "the_mean_over_70000_samples_in_float16": Heeding(dtype="float32"),
    "float64_data_in_the_class_form": Heeding(dtype="float64"),
    "a_column_of_predictions_in_the_function_form": Heeding(as_class=True),
    "integer_predictions_in_the_function_form": Heeding(as_class=True),
    "uint8_wraps_around": Heeding(_as_float32),
    "a_large_target_beside_float16_predictions": Heeding(_as_float32),
    "a_class_ruled_out_by_a_logit_of_minus_infinity": Heeding(_not_infinite),
    "masks_without_the_axis_of_channels": Heeding(as_class=True),
    "float16_certain_and_right": Heeding(dtype="float32"),
    "bfloat16_certain_and_right": Heeding(dtype="float32"),
    "label_smoothing_with_axis_1": Heeding(_last, axis=-1),
    "axis_of_minus_2_from_logits": Heeding(axis=1),
    "the_label_minus_1_with_weight_0": Heeding(_not_negative),
    "axis_1_in_the_sparse_loss": Heeding(_last, axis=-1),
    "class_numbers_in_a_column": Heeding(lambda y, p: (y[:, 0], p)),
    "a_probability_of_0_in_float16": Heeding(_as_float32),
    "a_hidden_label_of_minus_1": Heeding(_not_negative),
    "a_mask_of_300_by_300_in_float16": Heeding(_as_float32),
    "tversky_swaps_alpha_and_beta": Heeding(alpha=0.1, beta=0.9),
    "long_vectors_in_float16": Heeding(_as_float32),
    "a_symbol_ruled_out_by_minus_infinity": Heeding(_not_infinite),
}
"""Mends that make Keras give what lossbook gives."""


@pytest.mark.parametrize("name", MENDED)
def test_the_mend_makes_keras_give_what_lossbook_gives(name):
    row = find(name)
    assert row.mend
    assert not same(evaluate(row, Heeding()), row.ours), "without the mend it still goes wrong"
    measured = evaluate(row, MENDED[name])
    assert same(measured, row.ours), f"mended, Keras gives {measured}, not {row.ours}"


def test_the_other_mends_of_the_worst_do_what_they_say():
    others = {*WORST} - {*MENDED}
    keras = engine("keras").losses
    assert same(float(keras.Huber(delta=5.0)(F([[0]]), F([[10]]))), find("delta_in_get_config").ours)
    with pytest.raises(tf.errors.InvalidArgumentError):  # one_row_of_labels_for_many_predictions
        tf.debugging.assert_equal(tf.shape(np.zeros((1, 2))), tf.shape(np.zeros((2, 2))))
    softmax = activate(keras, "softmax", [[2, 1]])
    mended = keras.CategoricalCrossentropy()(F([[1, 0]]), softmax)
    assert same(float(mended), find("predictions_made_by_softmax").ours)
    loss = keras.BinaryCrossentropy(from_logits=True, reduction="sum")  # certain_and_wrong_slope
    assert slope(loss, F([[1]]), F([[-20]])).item() == pytest.approx(-1)
    loss = keras.CategoricalCrossentropy(from_logits=True)  # logits_passed_as_probabilities
    assert float(loss(F([[1, 0]]), F([[-3, -1]]))) == pytest.approx(2.1269, abs=5e-5)
    assert others == {
        "delta_in_get_config",
        "one_row_of_labels_for_many_predictions",
        "predictions_made_by_softmax",
        "certain_and_wrong_slope",
        "logits_passed_as_probabilities",
    }


@pytest.mark.parametrize("options", [None, {}, {"jit_compile": True}], ids=["eager", "graph", "xla"])
def test_a_label_out_of_range_is_nan_under_xla_alone(options):
    loss = engine("keras").losses.sparse_categorical_crossentropy
    call = loss if options is None else tf.function(loss, **options)
    data = tf.constant([3]), tf.constant([[0.2, 0.5, 0.3]])
    if options:
        assert np.isnan(call(*data).numpy()).all()
    else:
        with pytest.raises(tf.errors.InvalidArgumentError):
            call(*data)


# --- the page -----------------------------------------------------------------------------------


def test_a_page_has_each_case_once_with_its_address_and_its_code():
    page = cards(DIFFERENCES)
    for row in DIFFERENCES:
        assert page.count(f'<div id="{row.id}">') == 1
    assert page.index(f'id="{WORST[0]}"') < page.index('id="a_perfect_rate"') < page.index("<details>")
    assert "sample_weight" in card(find(WORST[0])) and "mended: " in card(find(WORST[0]))


def test_an_index_leads_to_every_case():
    table = index(DIFFERENCES)
    assert all(f'href="#{row.id}"' in table for row in DIFFERENCES)


def test_every_row_has_its_card_on_the_page():
    page = (ROOT / "notebooks" / "reference" / "known-differences.ipynb").read_text(encoding="utf-8")
    missing = [row.id for row in DIFFERENCES if f'<div id=\\"{row.id}\\">' not in page]
    assert missing == []
