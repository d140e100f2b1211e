"""Rosetta: every loss is accounted for in every library, and each stored number is what its row says."""

import copy
import html
import re
from dataclasses import replace

import numpy as np
import pytest

from lossbook.book import rosetta
from lossbook.book.rosetta_rows import BATCHES, KERAS, LACKS, LIBRARIES, ROWS, Trap
from lossbook.registry import CATALOGUE
from lossbook.tools.engines import engine, keras

KEPT = rosetta.stored()

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.library}-{row.loss}")
each_loss = pytest.mark.parametrize("loss", CATALOGUE)


def found_in(row):
    return KEPT[row.library][row.loss]


def near(one, two, tolerance):
    return np.shape(one) == np.shape(two) and np.allclose(one, two, rtol=tolerance, atol=tolerance)


# --- what is wrong ----------------------------------------------------------------------------------


def unaccounted(rows, lacks):
    """The losses of a library that are neither in a row nor said to be lacking, or are in both or in two."""
    found = [(row.library, row.loss) for row in rows]
    found += [(library, loss) for library, losses in lacks.items() for loss in losses]
    every = [(library, loss) for library in LIBRARIES for loss in CATALOGUE]
    return [one for one in {*every, *found} if found.count(one) != 1 or one not in every]


def problems(row, found):
    """Where the numbers of a row are not what it says."""
    value, gradient = rosetta.keras_number(row.loss)
    said = []
    if ("value" in found) != bool(row.code) or not near(found.get("value", value), value, row.tolerance):
        said.append(f"value {found.get('value')}, Keras {value}")
    if ("gradient" in found) != (row.library in ("PyTorch", "Optax")):
        said.append("a gradient is missing, or too much")
    if not near(found.get("gradient", gradient), gradient, row.tolerance):
        said.append("gradient")
    for trap, number in zip(row.traps, found.get("traps", []), strict=True):
        said += problem_of_a_trap(row, trap, number, value)
    if ("g" in found) != bool(row.slopes):
        said.append("slopes are missing, or too much")
    if row.slopes:
        g, h = (np.array(found[key], dtype=float) for key in "gh")
        if not near(rosetta.explained(row.gradient, row, g=g), gradient, rosetta.BOOSTED):
            said.append("g")
        hessian = np.broadcast_to(rosetta.explained(row.hessian, row), h.shape)
        known = ~np.isnan(h)
        if known.mean() < 0.5 or not near(h[known], hessian[known], rosetta.BOOSTED):
            said.append("h")
    return said


def problem_of_a_trap(row, trap, number, value):
    if isinstance(number, str) or trap.gives.endswith("Error"):
        return [] if number == trap.gives else [f"{trap.code}: {number}, not {trap.gives}"]
    if row.code and near(number, value, 1e-3):
        return [f"{trap.code} gives Keras's number"]
    expected = rosetta.explained(trap.gives, row)
    return [] if near(number, expected, row.tolerance) else [f"{trap.code}: {number}, not {expected}"]


# --- what holds -------------------------------------------------------------------------------------


def test_every_loss_is_accounted_for_in_every_library():
    assert unaccounted(ROWS, LACKS) == []
    assert list(KERAS) == list(CATALOGUE)
    assert {library: [row.loss for row in ROWS if row.library == library] for library in LIBRARIES} == {
        library: list(KEPT[library]) for library in LIBRARIES
    }


@pytest.mark.parametrize("loss", [name for name, spec in CATALOGUE.items() if spec.keras])
def test_the_number_is_that_of_keras(loss):
    _, true, pred, settings = KERAS[loss]
    names = rosetta.names_of(loss)
    theirs = getattr(keras.losses, CATALOGUE[loss].cls.__name__)(**settings, dtype="float64")
    value, gradient = rosetta.keras_number(loss)
    world = engine("tf.keras")
    assert near(np.asarray(theirs(names[true], names[pred])), value, 1e-6)
    point = world.tensor(names[pred])
    assert near(world.slope(lambda at: theirs(names[true], at), point).numpy(), gradient, 1e-6)


@each_row
def test_a_stored_number_is_what_its_row_says(row):
    assert problems(row, found_in(row)) == []


@each_row
def test_a_run_gives_what_is_stored(row):
    if row.library == "scikit-learn":
        assert rosetta.is_here(row.library)
    if not rosetta.is_here(row.library):
        pytest.skip(f"{row.library} is not installed")
    assert rosetta.agree(row, rosetta.measure(row), found_in(row))


def test_every_trap_says_something_and_names_what_it_is():
    traps = [trap for row in ROWS for trap in row.traps]
    assert len(traps) > 50
    assert all(trap.says.endswith(".") and trap.gives and trap.code for trap in traps)
    assert len({(row.library, trap.code, row.loss) for row in ROWS for trap in row.traps}) == len(traps)


def test_certain_and_wrong_costs_in_keras_what_the_traps_say():
    cost = rosetta.lossbook.BinaryCrossentropy()([[1.0]], [[0.0]])
    said = [trap.says for row in ROWS for trap in row.traps if f"{cost:.3f}" in trap.says]
    assert len(said) == 2 and all("certain and wrong" in one.lower() for one in said)
    assert f"{-np.log(np.finfo(float).eps):.2f}" in said[1]


@pytest.mark.parametrize(
    "code",
    [
        "mean_squared_error(y, p{})",
        "mean_absolute_error(y, p{})",
        "mean_pinball_loss(y, p{})",
        "mean_absolute_percentage_error(y, p{})",
        "mean_squared_log_error(y, p{})",
        "mean_poisson_deviance(y, p{})",
        "log_loss(y > 9, p / 20{})",
        "hinge_loss((y > 9).ravel(), p.ravel(){})",
    ],
)
def test_metrics_of_scikit_learn_divide_by_the_weights(code):
    """Weights of 2 change nothing; a row of weight 2 counts as two rows."""
    names = rosetta._arrays("scikit-learn", rosetta.names_of("mean_squared_error"))
    names["p"] = np.minimum(names["p"], 19)
    repeated = {
        **names,
        "y": np.repeat(names["y"], [1, 1, 4, 2], axis=0),
        "p": np.repeat(names["p"], [1, 1, 4, 2], axis=0),
    }
    weighted = rosetta._run(code.format(", sample_weight=w"), {**names})
    assert near(weighted, rosetta._run(code.format(""), repeated), 1e-12)
    assert not near(weighted, rosetta._run(code.format(""), {**names}), 1e-3)


def test_a_leaf_of_xgboost_for_the_absolute_error_is_the_median_of_its_residuals():
    xgboost = pytest.importorskip("xgboost")
    names = rosetta.names_of("mean_absolute_error")
    data = xgboost.DMatrix(np.zeros((4, 1)), label=names["y"], base_margin=names["p"])
    model = xgboost.train({"objective": "reg:absoluteerror", "eta": 1, "lambda": 0}, data, 1)
    moved = model.predict(data, output_margin=True) - names["p"].ravel()
    assert near(moved, np.full(4, np.median(names["y"] - names["p"])), 1e-6)


def test_data_are_not_changed_by_a_run():
    before = copy.deepcopy(BATCHES)
    for row in ROWS:
        if row.library == "scikit-learn":
            rosetta.measure(row)
    assert all(
        (BATCHES[name][key] == array).all() for name, data in before.items() for key, array in data.items()
    )


# --- the page ---------------------------------------------------------------------------------------


def test_the_tables_show_every_row_and_every_trap():
    page = rosetta.table(*{spec.family for spec in CATALOGUE.values()})
    plain = html.unescape(re.sub(r"<[^>]+>", "", page.replace("<br>", "\n")))
    for row in ROWS:
        assert row.code in plain, row
        assert all(trap.code in plain and trap.says in plain for trap in row.traps), row
    for loss in CATALOGUE:
        assert f'id="{loss}"' in page and f'href="#{loss}"' in rosetta.overview()


def test_the_overview_tells_four_states():
    states = {(loss, library): rosetta.state(loss, library) for loss in CATALOGUE for library in LIBRARIES}
    assert set(states.values()) == set(rosetta.STATES)
    assert states["huber", "PyTorch"] == "✓" and states["dice", "Optax"] == "✎"
    assert states["huber", "XGBoost"] == "≈" and states["ctc", "LightGBM"] == "–"


def test_a_pair_shows_what_is_stored_whatever_is_installed(monkeypatch):
    monkeypatch.setattr(rosetta, "is_here", lambda library: False)
    assert "0.0083945" in repr(rosetta.pair("kl_divergence", "PyTorch"))
    assert "keras /" in rosetta.pair("kl_divergence", "PyTorch")._repr_html_()


# --- the checks are able to fail --------------------------------------------------------------------


def test_a_loss_that_is_forgotten_or_told_twice_is_found():
    assert unaccounted(ROWS[1:], LACKS) == [(ROWS[0].library, ROWS[0].loss)]
    assert unaccounted([*ROWS, ROWS[0]], LACKS) == [(ROWS[0].library, ROWS[0].loss)]
    assert unaccounted(ROWS, {**LACKS, "XGBoost": {}}) != []


@each_row
def test_a_number_that_is_off_is_found(row):
    kept = found_in(row)
    for key, given in kept.items():
        for place in range(len(given) if key == "traps" else 1):
            off = copy.deepcopy(kept)
            if key == "traps":
                off[key][place] = "KeyError" if isinstance(given[place], str) else 1.01 * given[place] + 0.01
            else:
                off[key] = (1.01 * np.array(given, dtype=float) + 0.01).tolist()
            assert problems(row, off), (key, place)
            assert not rosetta.agree(row, off, kept)
    assert not rosetta.agree(row, {}, kept)


def test_a_trap_that_is_none_is_found():
    row = rosetta.find("hinge", "scikit-learn")
    harmless = replace(row, traps=(Trap("hinge_loss(y > 0, p)", "keras", "Nothing happens."),))
    assert problems(harmless, {**found_in(row), "traps": [found_in(row)["value"]]}) != []


def test_a_library_that_gives_other_numbers_is_told(monkeypatch):
    other = copy.deepcopy(KEPT)
    other["scikit-learn"]["quantile"]["traps"][0] *= 1.01
    monkeypatch.setattr(rosetta, "stored", lambda: other)
    with pytest.raises(AssertionError, match="scikit-learn .* gives other numbers for quantile"):
        rosetta.pair("quantile", "scikit-learn")


@each_loss
def test_a_batch_tells_the_ways_apart(loss):
    """Labels and predictions differ, and where both have one shape, their exchange changes a number."""
    _, true, pred, _ = KERAS[loss]
    names = rosetta.names_of(loss)
    assert np.shape(names[true]) != np.shape(names[pred]) or (names[true] != names[pred]).any()
    assert np.isfinite(rosetta.keras_number(loss)[1]).all()
