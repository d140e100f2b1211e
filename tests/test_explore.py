"""Charts with sliders: their numbers are the losses' own, and what cannot be drawn is refused."""

import base64
import html
import io
import json
import sys

import numpy as np
import pytest
import vl_convert
from PIL import Image

import lossbook
from lossbook.book.charts import descend, explore_reduction, pick_a_loss
from lossbook.tools.explore import MIMES, MOST_BYTES, Moving, explore, slider
from lossbook.tools.numeric import jumps, loss_and_slope_at, numeric_gradient
from lossbook.tools.show import formula, source

ABOUT = "What there is to see."


def rows_of(chart, name="settings"):
    return chart.spec["datasets"][name]


# --- a loss and its slope --------------------------------------------------------------------


@pytest.mark.parametrize("delta", [1.0, 2.0])
def test_the_numbers_are_those_of_the_loss(delta):
    chart = explore(
        lossbook.huber, prediction=(-4, 4, 0.5), label=(-1, 1, 1), delta=(1, 2, 1), parts=1, about=ABOUT
    )
    places = np.arange(-4, 4.1, 0.5)[:, np.newaxis]
    for row in rows_of(chart):
        if row["delta"] == delta:
            labels = np.full_like(places, row["label"])
            np.testing.assert_allclose(row["loss"], lossbook.huber(labels, places, delta), rtol=1e-3)
            slopes = lossbook.huber_gradient(labels, places, delta)[:, 0]
            np.testing.assert_allclose(row["slope"], slopes, rtol=1e-3, atol=1e-9)
    assert len(rows_of(chart)) == 3 * 2


def test_a_batch_moves_as_it_says_and_the_slope_follows_the_way():
    def turned(prediction):  # an angle in degrees
        angle = np.radians(prediction)
        return [[1.0, 0.0]], [[np.cos(angle), np.sin(angle)]]

    row = rows_of(explore(lossbook.cosine_similarity, (0, 180, 10), batch=turned, parts=1, about=ABOUT))[0]
    angles = np.radians(np.arange(0, 181, 10))
    np.testing.assert_allclose(row["loss"], -np.cos(angles), atol=1e-3)
    np.testing.assert_allclose(row["slope"], np.sin(angles) * np.pi / 180, atol=1e-5)


def test_an_object_keeps_its_settings():
    loss = lossbook.BinaryCrossentropy(from_logits=True)
    controls = {"label": (0, 1, 1), "label_smoothing": (0, 0.2, 0.1)}
    chart = explore(loss, (-2, 2, 1), **controls, parts=1, about=ABOUT)
    row = next(row for row in rows_of(chart) if row["label"] == 1 and row["label_smoothing"] == 0)
    np.testing.assert_allclose(row["slope"], lossbook.sigmoid(np.arange(-2.0, 3.0)) - 1, rtol=1e-3)


def test_a_line_breaks_where_the_slope_jumps_and_nowhere_else():
    absolute = rows_of(explore(lossbook.mae, (-2, 2, 0.25), about=ABOUT))[0]
    assert absolute["piece"][0] != absolute["piece"][-1]
    assert "piece" not in rows_of(explore(lossbook.mse, (-2, 2, 0.25), about=ABOUT))[0]


def test_a_curve_is_smooth_between_two_places_of_its_slider():
    chart = explore(
        lossbook.mse, (-180, 180, 10), batch=lambda prediction: ([[0.0]], [[prediction / 90]]), about=ABOUT
    )
    places = np.linspace(-180, 180, 36 * 3 + 1)
    np.testing.assert_allclose(rows_of(chart)[0]["loss"], (places / 90) ** 2, rtol=1e-3, atol=1e-9)
    slider = next(param["bind"] for param in chart.spec["params"] if param["name"] == "set_prediction")
    assert slider["step"] == 10


def test_a_code_is_chosen_by_its_words():
    words = {"label": ("pale", "dark")}
    chart = explore(lossbook.huber, (-2, 2, 1), label=(0, 1, 1), words=words, about=ABOUT)
    bind = next(param["bind"] for param in chart.spec["params"] if param["name"] == "set_label")
    assert bind["input"] == "radio"
    assert dict(zip(bind["options"], bind["labels"], strict=True)) == {0: "pale", 1: "dark"}


def test_what_has_no_number_is_a_gap():
    row = rows_of(explore(lossbook.kl_divergence, (-1, 1, 0.5), batch=lambda prediction: ([[1.0]], [[1.0]])))[
        0
    ]
    assert None not in row["loss"]
    inverse = lossbook.CategoricalGeneralizedCrossEntropy(q=0.5)
    row = rows_of(
        explore(inverse, (0, 1, 0.5), batch=lambda prediction: ([0], [[prediction, 1 - prediction]]))
    )[0]
    assert row["slope"][0] is None and row["loss"][0] == 2


def test_sliders_stand_where_they_are_told():
    start = {"prediction": 3, "delta": 2}
    chart = explore(lossbook.huber, (-4, 4, 1), delta=(1, 3, 1), start=start, about=ABOUT)
    params = {param["name"]: param for param in chart.spec["params"]}
    assert {name: params[f"set_{name}"]["value"] for name in start} == start
    assert params["set_delta"]["bind"] == {"input": "range", "min": 1, "max": 3, "step": 1, "name": "delta "}


def test_a_chart_says_in_words_what_it_shows():
    chart = explore(lossbook.huber, (-4, 4, 1), units={"prediction": "min"}, about="A bowl.")
    assert chart.spec["description"].endswith("A bowl.")
    assert "prediction (min) from -4 to 4" in chart.spec["description"]
    bundle = chart._repr_mimebundle_()
    assert bundle["text/plain"] == repr(chart) and "A bowl." in repr(chart)
    json.dumps(bundle[MIMES[0]])
    assert bundle[MIMES[0]]["$schema"].endswith("v5.json")


def test_a_still_shows_the_chart_as_it_stands_at_first():
    def pixels(start):
        chart = explore(lossbook.huber, (-4, 4, 1), start={"prediction": start}, about=ABOUT)
        stored = base64.b64decode(chart._repr_mimebundle_()["image/png"])
        assert stored == chart.still() and len(stored) < 40_000
        return np.asarray(Image.open(io.BytesIO(stored)).convert("RGB")).astype(int)

    first, again, other = pixels(2), pixels(2), pixels(3)
    assert first.shape[0] > 500 and first.shape[1] > 800 and np.array_equal(first, again)
    assert not np.array_equal(first, other)
    blue = (abs(first - [0, 114, 178]).sum(axis=-1) < 30).sum()
    assert blue > 500  # the curve


def test_without_what_draws_it_a_chart_has_no_still(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    bundle = explore(lossbook.huber, (-4, 4, 1), about=ABOUT)._repr_mimebundle_()
    assert sorted(bundle) == [MIMES[0], "text/plain"]


def test_names_and_units_may_hold_quotation_marks():
    words = {"names": {"prediction": "Ada's photo"}, "units": {"loss": "5'"}}
    spec = explore(lossbook.huber, (-2, 2, 1), about=ABOUT, **words).spec
    drawn = vl_convert.vegalite_to_svg(spec, vl_version="5.8")
    assert "Ada's photo 0:   loss 0 5'" in html.unescape(drawn).replace("\u2212", "-")


def test_the_same_call_makes_the_same_chart():
    first, second = (explore(lossbook.huber, (-2, 2, 1), delta=(1, 2, 1), about=ABOUT) for _ in range(2))
    assert first.spec == second.spec


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: explore(lossbook.huber, (-4, 4, 3)), "whole number of steps"),
        (lambda: explore(lossbook.huber, (4, -4, 1)), "whole number of steps"),
        (lambda: explore(lossbook.huber, (-4, 4, 1), start={"prediction": 0.3}), "expected one of"),
        (lambda: explore(lossbook.huber, (-4, 4, 1), gamma=(0, 1, 1)), "control 'gamma'"),
        (lambda: explore(lossbook.huber, (-4, 4, 0.01), delta=(0.1, 10, 0.1)), f"{MOST_BYTES:,}"),
        (lambda: Moving(None, " "), "without a text"),
        (lambda: slider("x", (0, 1, 0), 0), "whole number of steps"),
        (lambda: slider("x", (0, 2, 1), 0, words=["no", "yes"]), "Received 2 words for x; expected 3"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- the two larger charts -------------------------------------------------------------------


def test_every_number_on_the_way_to_the_scalar_is_right():
    y_true, y_pred = np.array([[10.0, 20.0], [30.0, 40.0]]), np.array([[12.0, 20.0], [33.0, 41.0]])
    moved = {"prediction": (11, 13, 1), "weight": (0, 2, 1)}
    chart = explore_reduction(lossbook.mse, y_true, y_pred, **moved, unit="min²", about=ABOUT)
    assert len(rows_of(chart, "cells")) == 3 * 3 * 2
    state = (2 * 3 + 2) * 2 + 1  # prediction 13, weight 2, both count
    cells = next(row["text"] for row in rows_of(chart, "cells") if row["state"] == state)
    assert cells == ["9", "0", "4.5", "2", "1", "9", "9", "1", "5", "1", "1", "5"]
    found = {row["name"]: row for row in rows_of(chart, "results") if row["state"] == state}
    assert found["sum"]["value"] == 14
    assert found["sum_over_batch_size"]["words"] == "14 / 2 = 7"
    assert found["mean_with_sample_weight"]["words"] == "14 / 3 = 4.667"


def test_a_constant_descends_to_the_mean_and_to_the_median():
    losses = {"squared": lossbook.MeanSquaredError(), "absolute": lossbook.MeanAbsoluteError()}
    settings = {"start": 20.0, "rate": 0.4, "steps": 200, "constant": (0, 50, 5), "unit": "m", "about": ABOUT}
    chart = descend(losses, [1.0, 2.0, 3.0, 4.0, 0.0], (10, 50, 20), **settings)
    last = {(row["outlier"], row["name"]): row["place"][-1] for row in rows_of(chart, "paths")}
    for outlier in (10, 30, 50):
        assert last[outlier, "squared"] == pytest.approx((10 + outlier) / 5, rel=1e-3)
        assert last[outlier, "absolute"] == pytest.approx(3, abs=0.4)
    assert all(row["cost"][0] == 1 for row in rows_of(chart, "paths"))


def test_a_price_list_finds_the_loss_that_charges_it():
    draw = lambda spread: np.array([1.0, 2, 4, 9, 9 + 10 * spread])  # noqa: E731
    chart = pick_a_loss(draw, (1, 3, 1), (1, 40, 1), unit="m", about=ABOUT)
    bills = {(row["spread"], row["share"], row["paid"]): row for row in rows_of(chart, "bills")}
    assert len(bills) == 3 * 9 * 4
    for spread in (1, 2, 3):
        equal = bills[spread, 5, "by its size"], bills[spread, 5, "by its square"]
        assert [row["best"] for row in equal] == [4, 5 + 2 * spread]  # the median, the mean
        assert equal[0]["verdict"] == "Train on: absolute error or quantile, at your prices"
        assert equal[1]["verdict"] == "Train on: squared error, Poisson"
        dear = bills[spread, 7, "by its size"]  # 3.5 of 5 days: the fourth
        assert dear["best"] == dear["at"][2] == 9 and dear["extra"][2] == 0 < dear["extra"][1]
        assert bills[spread, 5, "in percent of the target"]["verdict"] == "Train on: percentage error"
        nearest = bills[spread, 8, "by its square"]
        assert nearest["verdict"].startswith("Nearest: ") and min(nearest["extra"]) > 0
    assert all(sum(row["height"]) == pytest.approx(100) for row in rows_of(chart, "bars"))


# --- slopes without calculus -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["mean_squared_error", "log_cosh", "poisson", "cosine_similarity"])
def test_measured_slopes_agree_with_derived_ones(name):
    spec = lossbook.CATALOGUE[name]
    y_true, y_pred = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.5, 1.0], [2.0, 5.0]])
    measured = numeric_gradient(spec.function, y_true, y_pred)
    np.testing.assert_allclose(measured, spec.gradient(y_true, y_pred), atol=1e-9)
    assert measured.dtype == np.float64


def test_a_step_of_nothing_is_refused():
    with pytest.raises(ValueError, match="Received step=0; expected a number above 0"):
        numeric_gradient(lossbook.mse, [[0.0]], [[1.0]], step=0)


def test_jumps_are_told_from_steep_places():
    places = np.linspace(-3, 3, 13).tolist()
    assert sum(jumps(np.sign, places, np.sign(places).tolist())) == 2  # on either side of the 0 at 0
    steep = [float(np.tanh(4 * place)) for place in places]
    assert not any(jumps(lambda place: float(np.tanh(4 * place)), places, steep))
    noise = [1e-16 * (-1) ** i for i in range(13)]  # a flat loss: what its slope does differs by processor
    assert not any(jumps(lambda place: 1e-16, places, noise))
    assert sum(jumps(lambda place: 1e-3 * np.sign(place), places, (1e-3 * np.sign(places)).tolist())) == 2


def test_what_does_not_move_pulls_nowhere():
    value, slope = loss_and_slope_at(lossbook.MeanSquaredError(), lambda place: ([[0.0]], [[2.0]]), 5.0)
    assert (value, slope) == (4.0, 0.0)


# --- what the package knows, shown -------------------------------------------------------------


@pytest.mark.parametrize("spec", lossbook.CATALOGUE.values(), ids=lambda spec: spec.name)
def test_formulas_and_sources_are_the_real_ones(spec):
    assert formula(spec.function) == spec.formula and formula(spec.gradient) == spec.gradient_formula
    for function in (spec.function, spec.gradient):
        shown = source(function)
        assert shown.startswith(f"def {function.__name__}(") and '"""' not in shown
        assert shown._repr_markdown_() == f"```python\n{shown}\n```"
        namespace = dict(function.__globals__)
        exec(compile(str(shown), "shown", "exec"), namespace)  # what is shown is what runs
        assert namespace[function.__name__].__code__.co_names == function.__code__.co_names


def test_a_formula_that_is_not_in_the_catalogue_is_refused():
    with pytest.raises(KeyError):
        formula(np.sin)
