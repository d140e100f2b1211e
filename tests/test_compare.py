"""The table of lossbook beside other engines."""

import re
import sys

import numpy as np
import pytest
from cases import LOSSES, example

import lossbook
from lossbook import compare, engines

y_true = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
y_pred = [[0.3, 0.6], [0.8, 0.4], [0.55, 0.9]]
ALL = ["tf.keras", "keras", "tf_keras"]
ROUGH = re.compile(r"0x[0-9a-fA-F]+|(^|[\s'\"(])/\w+/\w|site-packages|Traceback")


def cells(table, engine):
    """The cells of one engine's row, as shown."""
    return next(row for row in table._cells() if row[0].startswith(engine))


@pytest.mark.parametrize("name", list(lossbook.CATALOGUE))
def test_every_loss_agrees_with_every_engine_that_has_it(name):
    spec = lossbook.CATALOGUE[name]
    settings = LOSSES[name].settings[0]
    labels, predictions = example(name, settings)
    objects = compare(spec.cls(**settings), labels, predictions, engines=ALL, dtype="float64")
    samples = compare(spec.function, labels, predictions, engines=ALL, dtype="float64", **settings)
    for table in (objects, samples):
        assert table.agrees(1e-5), table  # tf_keras adds a second 1e-7 inside its logarithms
        assert [row.engine for row in table.rows] == ["lossbook", *ALL]
        absent = [row.engine for row in table.rows if row.absent]
        assert (
            list(table.errors)
            == absent
            == ([] if hasattr(engines.tf_keras.losses, spec.cls.__name__) else ["tf_keras"])
        )
    assert np.shape(objects.value("keras")) == ()
    assert np.shape(samples.value("keras")) == np.shape(samples.value("lossbook"))


def test_the_columns():
    table = compare(lossbook.Huber(), y_true, y_pred)
    row = table.row("tf_keras")
    assert row.attribute == "tf_keras.losses.Huber"
    assert row.gradient.shape == (3, 2)
    assert row.difference == abs(float(row.value) - float(table.value("lossbook")))
    assert table.largest_difference == max(table.rows[1].difference, table.rows[2].difference)
    assert table.largest_gradient_difference < 1e-8
    assert repr(table).splitlines() == [
        "engine    value        difference               gradient difference",
        "────────  ───────────  ───────────────────────  ───────────────────────",
        "lossbook  0.055208333  –                        –",
        f"tf.keras  {table.value('tf.keras')!s:11}  within float32 rounding  within float32 rounding",
        f"tf_keras  {table.value('tf_keras')!s:11}  within float32 rounding  within float32 rounding",
    ]


def test_functions_classes_and_names():
    by_function = compare(lossbook.huber, y_true, y_pred, delta=0.25)
    by_name = compare("huber", y_true, y_pred, delta=0.25)
    by_class = compare(lossbook.Huber, y_true, y_pred, delta=0.25)
    by_class_name = compare("Huber", y_true, y_pred, delta=0.25)
    assert repr(by_function) == repr(by_name) and repr(by_class) == repr(by_class_name)
    assert by_function.value("tf.keras").mean() == pytest.approx(by_class.value("tf.keras"))
    np.testing.assert_allclose(by_function.gradient("lossbook"), 3 * by_class.gradient("lossbook"))


def test_the_short_name_that_was_used_is_shown():
    text = repr(compare("mse", y_true, y_pred))
    assert "tf.keras (mse)" in text and "tf_keras (" not in text


def test_what_cannot_be_compared():
    with pytest.raises(TypeError, match="Received delta beside a loss object"):
        compare(lossbook.Huber(), y_true, y_pred, delta=2.0)
    with pytest.raises(TypeError, match="expected a loss object, a loss function or a name"):
        compare(3, y_true, y_pred)
    with pytest.raises(ValueError, match="Did you mean 'huber'"):
        compare("hubert", y_true, y_pred)
    with pytest.raises(ValueError, match="Received engine 'pytorch'"):
        compare("huber", y_true, y_pred, engines=["pytorch"])
    with pytest.raises(KeyError, match="not in this table"):
        compare("huber", y_true, y_pred, engines="keras").value("tf_keras")


def test_an_engine_that_raises_shows_it_in_its_row():
    loss = lossbook.SparseCategoricalCrossentropy(reduction="none")
    labels, scores = [1, 2], [[0.07, 0.9, 0], [0.1, 0.6, 0.1]]
    assert compare(loss, labels, scores).agrees()
    table = compare(loss, labels, scores, as_given=True)
    assert table.errors == {"tf.keras": "ValueError: Structures don't have the same nested structure."}
    assert cells(table, "tf_keras")[1] == "[0.07490139 2.0794415]"
    assert not table.agrees() and table.value("tf.keras") is None
    mean = compare(lossbook.Huber(reduction="mean"), y_true, y_pred)
    assert mean.errors["tf_keras"].startswith("ValueError: tf_keras has no reduction='mean'")


def test_lossbook_refusing_is_a_row_too():
    table = compare(lossbook.MeanSquaredError(), [1.0, 2.0, 3.0], [[1.0, 0.0, 3.0]])
    assert "Received y_true of shape (3,) and y_pred of shape (1, 3)" in table.errors["lossbook"]
    assert table.value("tf.keras") == pytest.approx(4 / 3)
    assert not table.agrees() and np.isnan(table.largest_difference)


def test_a_loss_that_an_engine_lacks():
    class Imagined(lossbook.Loss):
        def call(self, y_true, y_pred):
            return np.abs(np.asarray(y_pred) - np.asarray(y_true)).max(axis=-1)

        def call_gradient(self, y_true, y_pred, upstream):
            return np.zeros(np.shape(y_pred))

    table = compare(Imagined(), y_true, y_pred)
    assert table.errors == {"tf.keras": "not in tf.keras", "tf_keras": "not in tf_keras"}
    assert all(row.absent for row in table.rows[1:])
    assert not table.agrees()  # nothing was compared


def test_an_engine_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf_keras", None)
    assert [row.engine for row in compare("huber", y_true, y_pred).rows] == ["lossbook", "tf.keras"]
    table = compare("huber", y_true, y_pred, engines="tf_keras")
    assert table.errors == {"tf_keras": "ImportError: tf_keras is not installed: pip install tf_keras"}


def test_a_real_difference_is_seen_and_measured():
    table = compare(lossbook.BinaryCrossentropy(), [[1.0]], [[1e-6]])
    legacy = table.row("tf_keras")  # a second epsilon inside the logarithm
    assert legacy.gradient == pytest.approx(-909090.94) and legacy.gradient_difference > 9e4
    assert table.agrees(1e-6, gradient=False) is False
    assert cells(table, "tf_keras")[2:] == ["0.1 (0.7 %)", "90000 (9 %)"]
    assert cells(table, "tf.keras")[2:] == ["within float32 rounding"] * 2
    assert compare(lossbook.BinaryCrossentropy(), [[1.0]], [[1e-6]], engines="keras").agrees()


def test_a_wrong_engine_does_not_agree(monkeypatch):
    keras = engines.get("keras")
    right = type(keras).value
    monkeypatch.setattr(type(keras), "value", lambda *a, **k: right(*a, **k) * np.float32(1.00001))
    table = compare(lossbook.MeanAbsoluteError(), [[100.0]], [[300.0]], engines="keras")
    assert not table.agrees(1e-6) and table.agrees(1e-4)
    assert cells(table, "keras")[2] == "0.002 (0.001 %)"


def test_shapes_and_nan_do_not_agree(monkeypatch):
    keras = engines.get("keras")
    for wrong, text in [
        (np.zeros((2,), "float32"), "shape (2,), not ()"),
        (np.float32("nan"), "nan or inf in one of the two"),
    ]:
        monkeypatch.setattr(type(keras), "value", lambda *a, wrong=wrong, **k: wrong)
        table = compare(lossbook.MeanAbsoluteError(), y_true, y_pred, engines="keras")
        assert not table.agrees(1e9)
        assert cells(table, "keras")[2] == text


def test_gradient_of_integers_is_left_out():
    table = compare(lossbook.MeanAbsoluteError(), [1, 2], [2, 4], engines="keras")
    assert cells(table, "keras") == ["keras", "1.5", "within float32 rounding", "no gradient"]
    assert table.agrees()


def test_dtype_reaches_every_row():
    data = np.array(y_true), np.array(y_pred)
    for loss, options in [(lossbook.Poisson(), {}), (lossbook.poisson, {}), ("KLDivergence", {})]:
        table = compare(loss, *data, engines=ALL, dtype="float64", **options)
        assert {row.value.dtype.name for row in table.rows} == {"float64"}
        assert table.agrees(1e-14), table
        assert cells(table, "keras")[2:] == ["within float64 rounding"] * 2
    half = compare(lossbook.MeanSquaredError(), y_true, y_pred, dtype="float16")
    assert {row.value.dtype.name for row in half.rows} == {"float16"}
    assert cells(half, "tf.keras")[2] == "within float16 rounding"


def test_masks_and_weights_reach_every_row():
    table = compare(
        lossbook.MeanSquaredError(), y_true, y_pred, [1.0, 2.0, 3.0], [True, False, True], engines=ALL
    )
    assert table.agrees(1e-6) and table.gradient("keras")[1].tolist() == [0.0, 0.0]


def test_both_renderings_are_clean_and_the_same_again():
    tables = [
        compare(lossbook.Huber(), y_true, y_pred),
        compare(lossbook.Huber(reduction="mean"), y_true, y_pred),
        compare(lossbook.MeanSquaredError(), [[1.0]], [1.0, 2.0]),
        compare(lossbook.mse, np.zeros((50, 3)), np.ones((50, 3))),
    ]
    for table in tables:
        text, html = repr(table), table._repr_html_()
        assert not ROUGH.search(text) and not ROUGH.search(html)
        assert html.startswith('<div class="lossbook">') and html.count("<tr>") == len(table.rows) + 1
        assert (text, html) == (repr(table), table._repr_html_())
    assert "[1.0 1.0 1.0 … 1.0 1.0 1.0]" in repr(tables[3])
