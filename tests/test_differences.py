"""The known differences: both sides of each row, measured here and now."""

from dataclasses import replace
from importlib import metadata

import numpy as np
import pytest

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
    masked,
    same,
    slope,
)
from lossbook.tools.engines import get, tf

F = np.float32
NAMES = {"tf_keras", "tf.keras.losses", "get_config", "alpha", "delta"}  # words that begin a sentence small

pytestmark = pytest.mark.filterwarnings("ignore")
each_row = pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: row.id)


@pytest.mark.parametrize(
    "row, engine",
    [pytest.param(row, engine, id=f"{engine}-{row.id}") for row in DIFFERENCES for engine in row.theirs],
)
def test_the_engine_gives_what_the_row_says(row, engine):
    measured = evaluate(row, get(engine).losses)
    assert same(measured, row.theirs[engine]), (
        f"{engine} now gives {measured}, no longer {row.theirs[engine]}"
    )


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


def _keras(name, *data, **settings):
    return getattr(get("keras").losses, name)(**settings)(*data)


def _assert_shapes():
    tf.debugging.assert_equal(tf.shape(np.zeros((1, 2))), tf.shape(np.zeros((2, 2))))


MENDED = {
    "weights_of_samples_with_many_steps": lambda: _keras(
        "MeanSquaredError", np.zeros((2, 2, 1)), F([[[1], [2]], [[3], [4]]]), F([1, 0])[:, None]
    ),
    "a_gap_in_the_targets_behind_a_mask": lambda: masked(
        _keras_class("MeanSquaredError"),
        np.nan_to_num(F([[1], [np.nan]])),
        F([[2], [3]]),
        np.array([True, False]),
    ),
    "tversky_swaps_alpha_and_beta": lambda: get("keras").losses.tversky(
        F([1, 1]), F([1, 0]), alpha=0.1, beta=0.9
    ),
    "delta_in_get_config": lambda: _keras("Huber", F([[0]]), F([[10]]), delta=5.0),
    "predictions_made_by_softmax": lambda: _keras(
        "CategoricalCrossentropy", F([[1, 0]]), activate(get("keras").losses, "softmax", [[2, 1]])
    ),
    "float16_certain_and_right": lambda: _keras("BinaryCrossentropy", F([[1]]), F([[1]]), dtype="float32"),
    "one_row_of_labels_for_many_predictions": _assert_shapes,
    "class_numbers_in_a_column": lambda: _keras(
        "CategoricalGeneralizedCrossEntropy", np.array([[0], [1]])[:, 0], F([[0.7, 0.3], [0.2, 0.8]])
    ),
}


@pytest.mark.parametrize("name", MENDED)
def test_the_mends_of_the_worst_give_what_lossbook_gives(name):
    ours = find(name).ours
    if isinstance(ours, str):
        with pytest.raises(tf.errors.InvalidArgumentError):
            MENDED[name]()
    else:
        assert same(float(MENDED[name]()), ours)


def test_from_logits_mends_the_two_of_the_worst_where_all_agree():
    assert {*WORST} - {*MENDED} == {"certain_and_wrong_slope", "logits_passed_as_probabilities"}
    loss = _keras_class("BinaryCrossentropy", from_logits=True, reduction="sum")
    assert slope(loss, F([[1]]), F([[-20]])).item() == pytest.approx(-1)
    assert float(
        _keras("CategoricalCrossentropy", F([[1, 0]]), F([[-3, -1]]), from_logits=True)
    ) == pytest.approx(2.1269, abs=1e-4)


def _keras_class(name, **settings):
    return getattr(get("keras").losses, name)(**settings)


@pytest.mark.parametrize("options", [None, {}, {"jit_compile": True}], ids=["eager", "graph", "xla"])
def test_a_label_out_of_range_is_nan_under_xla_alone(options):
    loss = get("keras").losses.sparse_categorical_crossentropy
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
