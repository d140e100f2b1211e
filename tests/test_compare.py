"""The table of lossbook beside other engines."""

import inspect
import itertools
import re
import sys
from functools import partial

import numpy as np
import pytest
from cases import KERAS_HAS, LOSSES, example

import lossbook
from lossbook import compare, engines

y_true = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
y_pred = [[0.3, 0.6], [0.8, 0.4], [0.55, 0.9]]
ALL = ["tf.keras", "keras", "tf_keras"]
ROUGH = re.compile(r"0x[0-9a-fA-F]+|(^|[\s'\"(])/\w+/\w|site-packages|Traceback")


def cells(table, engine):
    """The cells of one engine's row, as shown."""
    return next(row for row in table._cells() if row[0].startswith(engine))


@pytest.mark.parametrize("name", KERAS_HAS)
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
    in_float32 = lossbook.Huber(dtype="float32")(y_true, y_pred)
    assert row.reference.value == in_float32
    assert row.difference == abs(float(row.value) - float(in_float32))
    assert table.largest_difference == max(table.rows[1].difference, table.rows[2].difference)
    assert table.largest_gradient_difference < 1e-8
    assert repr(table).splitlines() == [
        "engine    value        type     difference       gradient difference",
        "────────  ───────────  ───────  ───────────────  ───────────────────",
        "lossbook  0.055208333  float64  –                –",
        f"tf.keras  {table.value('tf.keras')!s:11}  float32  within rounding  within rounding",
        f"tf_keras  {table.value('tf_keras')!s:11}  float32  within rounding  within rounding",
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
    for wrong in (
        3,
        np.mean,
        "a.b".split,
        lambda y_true, y_pred: 0.0,
        lossbook.huber_gradient,
        engines.keras,
    ):
        with pytest.raises(
            TypeError, match="expected a loss of lossbook .* or one of keras, tf.keras or tf_k"
        ):
            compare(wrong, y_true, y_pred)
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
    table = compare(loss, labels, scores, as_lists=True)
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
    assert cells(table, "tf_keras")[2:] == ["float32", "0.1 (0.7 %)", "90000 (9 %)"]
    assert cells(table, "tf.keras")[2:] == ["float32", "within rounding", "within rounding"]
    assert compare(lossbook.BinaryCrossentropy(), [[1.0]], [[1e-6]], engines="keras").agrees()


def test_a_wrong_engine_does_not_agree(monkeypatch):
    keras = engines.engine("keras")
    right = type(keras).value
    monkeypatch.setattr(type(keras), "value", lambda *a, **k: right(*a, **k) * np.float32(1.00001))
    table = compare(lossbook.MeanAbsoluteError(), [[100.0]], [[300.0]], engines="keras")
    assert not table.agrees(1e-6) and table.agrees(1e-4)
    assert cells(table, "keras")[3] == "0.002 (0.001 %)"


def test_shapes_and_nan_do_not_agree(monkeypatch):
    keras = engines.engine("keras")
    for wrong, text in [
        (np.zeros((2,), "float32"), "shape (2,), not ()"),
        (np.float32("nan"), "nan or inf in one of the two"),
    ]:
        monkeypatch.setattr(type(keras), "value", lambda *a, wrong=wrong, **k: wrong)
        table = compare(lossbook.MeanAbsoluteError(), y_true, y_pred, engines="keras")
        assert not table.agrees(1e9)
        assert cells(table, "keras")[3] == text


def test_gradient_of_integers_is_left_out():
    table = compare(lossbook.MeanAbsoluteError(), [1, 2], [2, 4], engines="keras")
    assert cells(table, "keras") == ["keras", "1.5", "float32", "within rounding", "no gradient"]
    assert table.agrees()


def test_dtype_reaches_every_row():
    data = np.array(y_true), np.array(y_pred)
    for loss, options in [(lossbook.Poisson(), {}), (lossbook.poisson, {}), ("KLDivergence", {})]:
        table = compare(loss, *data, engines=ALL, dtype="float64", **options)
        assert {row.value.dtype.name for row in table.rows} == {"float64"}
        assert table.agrees(1e-14), table
        assert cells(table, "keras")[2:] == ["float64", "within rounding", "within rounding"]
    half = compare(lossbook.MeanSquaredError(), y_true, y_pred, dtype="float16")
    assert {row.value.dtype.name for row in half.rows} == {"float16"}
    assert cells(half, "tf.keras")[2:4] == ["float16", "within rounding"]


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


# --- losses of other packages -------------------------------------------------------------

FOREIGN = [(name, engine) for name in KERAS_HAS for engine in ALL]


@pytest.mark.parametrize("name, engine", FOREIGN)
def test_a_loss_of_keras_runs_as_it_is_beside_lossbooks_own(name, engine):
    """Whatever form it comes in, and with the settings it was made with."""
    spec, engine = lossbook.CATALOGUE[name], engines.engine(engine)
    tried = 0
    for settings in LOSSES[name].settings:
        labels, predictions = example(name, settings, seed=1)
        labels = labels.astype("float32") if labels.dtype.kind == "f" else labels
        data = labels, predictions.astype("float32")
        found = engine.find(spec.cls.__name__), engine.find(name)
        if not all(found) or not set(settings) <= set(accepted(found[0][1])):
            continue  # tf_keras lacks a loss, or a parameter of it
        cls, function = found[0][1], found[1][1]
        made = cls(**settings, reduction="sum")
        ours = spec.cls(**settings, reduction="sum")
        table = compare(made, *data, engines=engine)
        assert table.value(engine.name) == np.asarray(made(*data))
        assert table.value("lossbook") == ours(*data)
        assert table.row(engine.name).attribute == f"{engine.name}.losses.{cls.__name__}"
        for given, options in [(cls, settings), (partial(cls, **settings), {})]:
            table = compare(given, *data, engines=engine, **options)
            assert table.value(engine.name) == np.asarray(cls(**settings)(*data))
            assert table.value("lossbook") == spec.cls(**settings)(*data)
        for given, options in [(function, settings), (partial(function, **settings), {})]:
            table = compare(given, *data, engines=engine, **options)
            np.testing.assert_array_equal(table.value(engine.name), direct(function, spec, data, settings))
            np.testing.assert_array_equal(table.value("lossbook"), spec.function(*data, **settings))
        tried += 1
    assert tried or (engine.name == "tf_keras" and not hasattr(engine.losses, spec.cls.__name__))


def accepted(cls):
    return inspect.signature(cls).parameters


def direct(function, spec, data, settings):
    """Call a function of Keras, with lossbook's defaults for what it has no default for."""
    lacking = {
        name: spec.parameters[name].default
        for name, parameter in accepted(function).items()
        if name in spec.parameters and parameter.default is parameter.empty
    }
    return np.asarray(function(*data, **{**lacking, **settings}))


def test_the_row_of_lossbook_never_holds_the_number_of_another():
    swapped = {"alpha": 0.9, "beta": 0.1}  # Keras has the two the other way round
    table = compare(engines.keras.losses.tversky, y_true, y_pred, engines="keras", **swapped)
    assert table.value("lossbook") == lossbook.tversky(y_true, y_pred, **swapped)
    assert table.value("keras") == np.float32(
        engines.keras.losses.tversky(*map(np.float32, (y_true, y_pred)), **swapped)
    )
    assert table.row("keras").difference > 0.05 and not table.agrees(1e-2)
    bound = partial(engines.keras.losses.tversky, **swapped)
    assert repr(compare(bound, y_true, y_pred, engines="keras")) == repr(table)


def test_the_type_of_an_object_of_keras_goes_along():
    made = engines.keras.losses.Poisson(dtype="float64", reduction="none")
    table = compare(made, y_true, np.float32(y_pred), engines="keras")
    assert [row.dtype for row in table.rows] == ["float64", "float64"] and table.value("keras").shape == (3,)


def test_what_only_looks_like_a_loss_of_keras_is_refused():
    keras = engines.keras

    class Huber(keras.losses.Huber):
        def call(self, y_true, y_pred):
            return 0 * super().call(y_true, y_pred)

    def huber(y_true, y_pred, delta=1.0):
        return 0.0

    for wrong in (
        Huber(),
        Huber,
        huber,
        partial(huber, delta=2.0),
        keras.losses.get,
        keras.metrics.Poisson(),
    ):
        with pytest.raises(
            TypeError, match="that lossbook has under the same name. Use for example lossbook"
        ):
            compare(wrong, y_true, y_pred)
    with pytest.raises(TypeError, match=r"by name. Use for example functools.partial\(lossbook.huber, delta"):
        compare(partial(lossbook.huber, y_true), y_pred, y_pred)
    assert compare(partial(lossbook.huber, delta=2.0), y_true, y_pred).agrees()  # as it says
    assert lossbook.explain(huber, y_true, y_pred).value == 0.0


def test_a_subclass_of_the_readers_goes_by_its_own_name():
    class Doubled(lossbook.Huber):
        def call(self, y_true, y_pred):
            return 2 * super().call(y_true, y_pred)

    table = compare(Doubled(), y_true, y_pred, engines="keras")
    assert [row[0] for row in table._cells()] == ["lossbook (Doubled)", "keras"]
    assert table.errors == {"keras": "not in keras"}


# --- the type, and the word for agreement ---------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", KERAS_HAS)
def test_a_few_steps_of_the_type_change_no_word(monkeypatch, name, dtype):
    """Another processor may round another way: the word for agreement stays."""
    spec = lossbook.CATALOGUE[name]
    right = engines.ENGINES["keras"].value
    for settings in LOSSES[name].settings:
        labels, predictions = example(name, settings, seed=4)
        tables = []
        for steps in (0, 2, -2):

            def nudged(*given, steps=steps, **options):
                value = right(*given, **options)
                return value + steps * np.spacing(np.abs(value).max()).astype(value.dtype)

            monkeypatch.setattr(engines.ENGINES["keras"], "value", nudged, raising=False)
            loss = spec.cls(**settings)
            tables.append(compare(loss, labels, predictions, engines="keras", dtype=dtype))
        words = {cells(table, "keras")[3] for table in tables}
        assert len(words) == 1, words
        row = tables[0].rows[1]
        assert cells(tables[0], "keras")[2] == row.dtype == row.value.dtype.name == row.reference.dtype


def test_a_difference_is_judged_in_the_type_it_was_computed_in(monkeypatch):
    right = engines.ENGINES["keras"].value
    shifted = lambda *a, **k: right(*a, **k) * (1 + 3e-7)  # noqa: E731
    monkeypatch.setattr(engines.ENGINES["keras"], "value", shifted, raising=False)
    data = np.array(y_true), np.array(y_pred)
    fine = compare(lossbook.Poisson(), *data, engines="keras", dtype="float64")
    assert cells(fine, "keras")[2:4] == ["float64", "2e-07 (3e-05 %)"]
    mixed = compare(lossbook.Poisson(), *data, engines="keras")  # Keras's class goes to float32
    assert [row.dtype for row in mixed.rows] == ["float64", "float32"]
    assert cells(mixed, "keras")[3] == "within rounding"


def test_a_real_departure_is_not_called_rounding():
    miss = np.array([[0.0]]), np.array([[1.0]])
    table = compare(lossbook.LogCosh(), *miss, engines="tf_keras", dtype="float64")  # log 2 in float32
    assert table.largest_difference == pytest.approx(
        abs(np.log(2) - np.float64(np.float32(np.log(2)))), rel=1e-6
    )
    assert cells(table, "tf_keras")[3] == "2e-09 (4e-07 %)"


# --- where no engine gives a number -----------------------------------------------------------


def test_names_stay_whole_where_every_row_is_an_error():
    table = compare(lossbook.CategoricalCrossentropy(), [0, 1], [[0.6, 0.4], [0.2, 0.8]], engines=ALL)
    assert set(table.errors) == {"lossbook", *ALL}
    lines = repr(table).splitlines()
    for name in ("lossbook", *ALL):
        assert any(line.startswith(f"{name} ") for line in lines)
    assert max(map(len, lines)) <= 100
    for engine in ("lossbook", *ALL):
        assert (
            f'align="left" style="text-align: left">{engine}</th><td style="text-align: left" colspan="4">'
            in table._repr_html_()
        )


# --- PyTorch and Optax ------------------------------------------------------------------------

TRANSLATED = ["torch", "optax"]


@pytest.mark.parametrize("engine", TRANSLATED)
@pytest.mark.parametrize("name", KERAS_HAS)
def test_a_convention_alone_makes_no_difference(name, engine):
    """Value and slope in both forms, with reductions and weights, in two types, over all cases."""
    spec, world = lossbook.CATALOGUE[name], engines.engine(engine)
    if world.find(name) is None:
        pytest.skip(f"{engine} has no {name}")
    if not world.installed:
        pytest.skip(f"{engine} is not installed")
    for settings in LOSSES[name].settings:
        labels, predictions = example(name, settings, seed=3)
        options = {"engines": engine, "dtype": "float64"}
        tables = [compare(spec.function, labels, predictions, **options, **settings)]
        values = tables[0].value("lossbook")
        weights = np.arange(1.0, 1.0 + values.size).reshape(values.shape)
        for reduction, weight in itertools.product(["sum_over_batch_size", "sum", "none"], [None, weights]):
            loss = spec.cls(**settings, reduction=reduction)
            tables.append(compare(loss, labels, predictions, weight, **options))
        for table in tables:
            assert table.agrees(1e-13), table
            assert repr(table).splitlines()[-1] == f"{engine}: {table.rows[1].translation}"
        coarse = compare(spec.function, labels, predictions, engines=engine, dtype="float32", **settings)
        assert coarse.agrees(1e-5) and [row.dtype for row in coarse.rows] == ["float32"] * 2, coarse


@pytest.mark.parametrize("engine", TRANSLATED)
def test_translations_speak_of_losses_and_parameters_that_there_are(engine):
    world = engines.engine(engine)
    written = {
        name: form
        for name, form in vars(world.forms).items()
        if inspect.isfunction(form) and form.__module__ == world.forms.__name__
    }
    assert set(written) < set(lossbook.CATALOGUE) and len(written) == 10
    for name, form in written.items():
        theirs, ours = inspect.signature(form).parameters, lossbook.CATALOGUE[name].parameters
        settings = list(theirs)[list(theirs).index("y_pred") + 1 :]
        assert [(key, theirs[key].default) for key in settings] == [(k, ours[k].default) for k in settings]
        path, found = world.find(lossbook.CATALOGUE[name].cls.__name__)
        assert found is form and path.startswith(world.path)
        assert path.rpartition(".")[2] in world.translation(lossbook.CATALOGUE[name].function)


def test_the_translation_is_what_runs():
    huber = lossbook.Huber(delta=2.0, reduction="sum")
    torch, optax = engines.engine("torch"), engines.engine("optax")
    called = 'F.huber_loss(y_pred, y_true, delta=delta, reduction="none").mean(-1)'
    assert torch.translation(lossbook.huber) == called
    assert torch.translation(huber) == f"{called}.sum()"
    assert torch.translation(lossbook.Huber(), [1.0]) == f"({called} * sample_weight).mean()"
    sparse = lossbook.SparseCategoricalCrossentropy(ignore_class=1)
    assert optax.translation(sparse).endswith("0.0, cost).sum() / (y_true != 1).sum()")


@pytest.mark.parametrize("engine", TRANSLATED)
def test_without_the_library_its_row_says_what_to_install(monkeypatch, engine):
    monkeypatch.setitem(sys.modules, engine, None)
    table = compare("huber", y_true, y_pred, engines=engine)
    assert table.errors == {engine: f"ImportError: {engine} is not installed: pip install {engine}"}
    assert engine not in engines.available()
    assert compare("dice", y_true, y_pred, engines=engine).errors == {engine: f"not in {engine}"}
    masked = compare(lossbook.Huber(), y_true, y_pred, mask=[True, False, True], engines=engine)
    assert masked.errors[engine].startswith(("TypeError: Received mask", "ImportError"))
