"""Every loss of the catalogue against TensorFlow, against finite differences, and against itself."""

import inspect
import pickle
import re

import numpy as np
import pytest
from samples import draw, options

import lossbook
from lossbook import CATALOGUE, REDUCTIONS
from lossbook.engines import keras, tf

CASES = [(spec.name, settings) for spec in CATALOGUE.values() for settings in options(spec)]
each_case = pytest.mark.parametrize(("name", "settings"), CASES, ids=[f"{n}-{s}" for n, s in CASES])
each_loss = pytest.mark.parametrize("spec", CATALOGUE.values(), ids=list(CATALOGUE))


def close(ours, theirs, dtype):
    """float32 sums differ in their last digits; float64 must not differ at all to speak of."""
    tolerance = {"float32": 2e-5, "float64": 1e-10}[dtype]
    scale = tolerance * (np.abs(theirs).max() + 1e-3)
    np.testing.assert_allclose(ours, theirs, rtol=10 * tolerance, atol=scale)


@each_loss
def test_signatures_are_those_of_keras(spec):
    theirs = getattr(keras.losses, spec.cls.__name__)
    assert inspect.signature(spec.cls) == inspect.signature(theirs)
    assert inspect.signature(spec.function) == inspect.signature(getattr(keras.losses, spec.name))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [False, True])
@each_case
def test_value_and_gradient_equal_those_of_keras(name, settings, dtype, weighted):
    rng = np.random.default_rng(0)
    spec = CATALOGUE[name]
    y_true, y_pred = draw(name, rng, (6, 4, 5), dtype)
    sample_weight = rng.uniform(0, 2, (6, 4)).astype(dtype) if weighted else None
    for reduction in REDUCTIONS:
        theirs = getattr(keras.losses, spec.cls.__name__)(reduction=reduction, dtype=dtype, **settings)
        point = tf.constant(y_pred)
        with tf.GradientTape() as tape:
            tape.watch(point)
            their_value = theirs(y_true, point, sample_weight=sample_weight)
        their_slope = tape.gradient(their_value, point).numpy()
        value, slope = spec.cls(reduction=reduction, **settings).value_and_gradient(
            y_true, y_pred, sample_weight
        )
        assert value.dtype == slope.dtype == y_pred.dtype
        assert slope.shape == y_pred.shape
        close(value, their_value.numpy(), dtype)
        close(slope, their_slope, dtype)


@each_case
def test_gradient_equals_central_differences(name, settings):
    rng = np.random.default_rng(1)
    y_true, y_pred = draw(name, rng, (3, 2, 4), inside=True)
    loss = CATALOGUE[name].cls(**settings)
    sample_weight = rng.uniform(0.5, 2, (3, 2))
    slope = loss.gradient(y_true, y_pred, sample_weight)
    step = 1e-6
    for place in np.ndindex(y_pred.shape):
        up, down = y_pred.copy(), y_pred.copy()
        up[place] += step
        down[place] -= step
        measured = (loss(y_true, up, sample_weight) - loss(y_true, down, sample_weight)) / (2 * step)
        assert slope[place] == pytest.approx(measured, rel=1e-5, abs=1e-7)


@each_case
def test_function_gives_what_the_class_does_not_reduce(name, settings):
    y_true, y_pred = draw(name, np.random.default_rng(2), (5, 3))
    spec = CATALOGUE[name]
    values = spec.function(y_true, y_pred, **settings)
    assert values.shape == (5,)
    np.testing.assert_array_equal(spec.cls(reduction=None, **settings)(y_true, y_pred), values)
    if spec.mask is None or spec.mask(y_true, y_pred, **settings) is None:
        assert spec.cls(**settings)(y_true, y_pred) == pytest.approx(values.mean(), rel=1e-14)


@each_loss
def test_permuting_samples_permutes_values(spec):
    rng = np.random.default_rng(3)
    y_true, y_pred = draw(spec.name, rng, (7, 3))
    order = rng.permutation(7)
    values = spec.function(y_true, y_pred)
    np.testing.assert_allclose(spec.function(y_true[order], y_pred[order]), values[order], rtol=1e-15)


@each_loss
def test_inputs_are_left_alone_in_any_layout(spec):
    y_true, y_pred = draw(spec.name, np.random.default_rng(4), (4, 6))
    expected = spec.cls().value_and_gradient(y_true, y_pred)
    kept = y_true.copy(), y_pred.copy()
    y_true.setflags(write=False)
    y_pred.setflags(write=False)
    strided = np.asfortranarray(y_pred)
    for given in (y_pred, strided, y_pred.tolist()):
        value, slope = spec.cls().value_and_gradient(y_true, given)
        assert value == pytest.approx(expected[0], rel=1e-14)
        np.testing.assert_allclose(slope, expected[1], rtol=1e-13, atol=1e-300)
    np.testing.assert_array_equal(y_true, kept[0])
    np.testing.assert_array_equal(y_pred, kept[1])


@each_loss
def test_nan_goes_through(spec):
    y_true, y_pred = draw(spec.name, np.random.default_rng(5), (3, 4), inside=True)
    y_pred[1, 2] = np.nan
    values = spec.cls(reduction=None)(y_true, y_pred)
    assert np.isnan(values).tolist() == [False, True, False]
    assert np.isnan(spec.cls()(y_true, y_pred))


@each_loss
def test_settings_survive_config_pickle_and_repr(spec):
    changed = {"from_logits": True, "label_smoothing": 0.1, "axis": -2, "delta": 3.0, "ignore_class": 2}
    settings = {key: value for key, value in changed.items() if key in spec.parameters}
    loss = spec.cls(**settings, reduction="sum", name="mine", dtype="float32")
    names = {**vars(lossbook)}
    for again in (
        spec.cls.from_config(loss.get_config()),
        pickle.loads(pickle.dumps(loss)),
        eval(repr(loss), names),
        lossbook.get({"class_name": spec.cls.__name__, "config": loss.get_config()}),
    ):
        assert again == loss and hash(again) == hash(loss)
        assert again.get_config() == {**spec.cls().get_config(), **settings, **{
            "reduction": "sum", "name": "mine", "dtype": "float32"}}  # fmt: skip
    assert eval(repr(spec.cls()), names) == spec.cls()
    assert pickle.loads(pickle.dumps(spec.function)) is spec.function


@each_loss
def test_get_knows_every_name(spec):
    for name in (spec.name, *spec.aliases):
        assert lossbook.get(name) is spec.function is getattr(lossbook, name)
    assert lossbook.get(spec.cls.__name__) == spec.cls()


@each_loss
def test_class_documentation_names_every_parameter(spec):
    for name in inspect.signature(spec.cls).parameters:
        assert re.search(rf"^(\w+, )*{name}\b.*( : |, )", spec.cls.__doc__, re.MULTILINE), name


@pytest.mark.parametrize(
    ("name", "y_true", "y_pred", "expected", "source"),
    [
        ("BinaryCrossentropy", [[0.0, 1.0], [1.0, 0.0]], [[0.4, 0.5], [0.3, 0.6]], 0.83105909, "A3, by hand"),
        (
            "CategoricalCrossentropy",
            [[0, 0, 1], [0, 1, 0]],
            [[0.04, 0.9, 0.5], [0.1, 0.4, 0.1]],
            0.73162770,
            "A3",
        ),
        (
            "CategoricalCrossentropy",
            [[0, 1, 0], [0, 0, 1]],
            [[0.05, 0.95, 0], [0.1, 0.8, 0.95]],
            0.35888611,
            "A2",
        ),
        (
            "Poisson",
            [[1.0, 0.0], [0.0, 0.0]],
            [[1.0, 0.0], [0.0, 0.0]],
            0.25,
            "A3, up to the 1e-7 inside the log",
        ),
        ("KLDivergence", [[0, 1], [0, 0]], [[0.4, 0.6], [0.6, 0.4]], 0.25541046, "A3, Keras"),
        ("MeanSquaredError", [[9.0, 9.0], [0.0, 0.0]], [[9.0, 9.0], [1.0, 0.0]], 0.25, "A3, by hand"),
        ("MeanAbsoluteError", [[10.0, 15.0], [20.0, 25.0]], [[10.0, 15.0], [20.0, 0.0]], 6.25, "A3, by hand"),
        ("Huber", [[15.0, 20.0], [25.0, 30.0]], [[15.0, 20.0], [25.0, 0.0]], 7.375, "A3: (30 - 1/2) / 4"),
        ("Hinge", [[1.0, 0.0], [1.0, 0.0]], [[0.4, 0.5], [0.5, 0.4]], 1.0, "A3, by hand"),
        ("CosineSimilarity", [[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]], -0.5, "Keras's docstring"),
        ("MeanAbsolutePercentageError", [[200.0, 50.0]], [[150.0, 50.0]], 12.5, "by hand"),
        ("MeanSquaredLogarithmicError", [[1.0]], [[3.0]], 0.48045301, "by hand: log(2) squared"),
    ],
)
def test_known_values(name, y_true, y_pred, expected, source):
    value = getattr(lossbook, name)()(y_true, y_pred)
    assert value == pytest.approx(expected, abs=1e-6), source


def test_logits_are_exact_where_probabilities_are_clipped():
    assert lossbook.BinaryCrossentropy(from_logits=True)([[1.0, 0.0]], [[-1e4, 1e4]]) == 1e4
    assert lossbook.CategoricalCrossentropy(from_logits=True)([[1.0, 0.0]], [[-1e4, 1e4]]) == 2e4
    assert lossbook.SparseCategoricalCrossentropy(from_logits=True)([0], [[-1e4, 1e4]]) == 2e4
    slope = lossbook.BinaryCrossentropy(from_logits=True).gradient([[1.0]], [[-1e4]])
    assert slope.tolist() == [[-1.0]]


def test_slopes_at_kinks_and_clips_are_those_of_tensorflow():
    total = {"reduction": "sum"}
    assert lossbook.MeanAbsoluteError(**total).gradient([[0.0]], [[0.0]]).tolist() == [[0.0]]
    assert lossbook.Huber(**total).gradient([[0.0]], [[1.0]]).tolist() == [[1.0]]
    assert lossbook.Hinge(**total).gradient([[1.0]], [[1.0]]).tolist() == [[-1.0]]
    assert lossbook.Hinge(**total).gradient([[1.0]], [[1.001]]).tolist() == [[0.0]]
    assert lossbook.BinaryCrossentropy(**total).gradient([[1.0, 1.0]], [[0.0, 1.0]]).tolist() == [[0.0, 0.0]]
    assert lossbook.KLDivergence(**total).gradient([[0.5, 0.5]], [[0.0, 1.5]]).tolist() == [[0.0, 0.0]]
    assert lossbook.CosineSimilarity(**total).gradient([[1.0, 0.0]], [[0.0, 0.0]]).tolist() == [[-1e7, 0.0]]
    assert lossbook.MeanSquaredLogarithmicError(**total).gradient([[1.0]], [[-0.5]]).tolist() == [[0.0]]
    assert lossbook.Poisson(**total).gradient([[1.0]], [[0.0]])[0, 0] == pytest.approx(-9999999)
