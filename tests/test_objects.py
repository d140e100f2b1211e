"""Objects that people pass: what works, and what is refused with a remedy that was itself run here."""

import numpy as np
import pandas
import pytest
import scipy.sparse
from cases import EXAMPLES, LOSSES, example

import lossbook
from lossbook import CATALOGUE
from lossbook.tools.engines import keras, tf

each_loss = pytest.mark.parametrize("name", CATALOGUE)
FORMS = {
    "list": lambda array: array.tolist(),
    "tf.Tensor": tf.constant,
    "tf.Variable": tf.Variable,
    "keras tensor": keras.ops.convert_to_tensor,
    "read-only": lambda array: np.broadcast_to(array, array.shape),
    "Fortran order": np.asfortranarray,
    "with gaps": lambda array: np.repeat(array, 2, axis=0)[::2],
    "swapped bytes": lambda array: array.astype(array.dtype.newbyteorder()),
    "not masked": np.ma.array,
    "tuple": lambda array: tuple(array.tolist()),
}


@pytest.mark.parametrize("name, settings", EXAMPLES, ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_what_holds_numbers_is_read_and_not_changed(name, settings, form):
    loss = CATALOGUE[name].cls(**settings)
    labels, predictions = example(name, settings)
    before = labels.copy(), predictions.copy()
    value, slope = loss.value_and_gradient(labels, predictions)
    for given in (FORMS[form](labels), labels):
        ours = loss.value_and_gradient(given, FORMS[form](predictions))
        np.testing.assert_allclose(ours[0], value, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(ours[1], slope, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(predictions, before[1])


def test_frames_of_pandas_are_read():
    frame = pandas.DataFrame({"y": [1.0, 2.0, 4.0], "guess": [1.5, 2.0, 3.0]})
    assert lossbook.mse(frame["y"], frame["guess"]) == pytest.approx(1.25 / 3)
    assert lossbook.MeanSquaredError()(frame[["y"]], frame[["guess"]]) == pytest.approx(1.25 / 3)
    numbers = pandas.Series([1, 0], dtype="category")
    value = lossbook.SparseCategoricalCrossentropy()(numbers.cat.codes, [[0.5, 0.5], [0.5, 0.5]])
    assert value == pytest.approx(np.log(2))


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_tensors_of_16_bits_are_computed_in_float32(dtype):
    y_pred = tf.constant([[300.0]] * 4, dtype)
    value, slope = lossbook.MeanSquaredError().value_and_gradient(np.zeros((4, 1)), y_pred)
    assert value.dtype == np.float32 and value == float(y_pred[0, 0]) ** 2
    assert slope.dtype.name == dtype.name


def remedy_of(y_true, y_pred):
    """The remedy that an error names, as code after the word Pass."""
    with pytest.raises((TypeError, ValueError)) as caught:
        lossbook.MeanSquaredError()(y_true, y_pred)
    message = str(caught.value)
    assert message.startswith("Received y_true") and "; expected" in message
    return message.partition("Pass ")[2]


GAPS = {"numpy": np, "tensorflow": tf}
TARGETS = [[1.0], [0.0]]
GUESS = [[2.0], [0.0]]


@pytest.mark.parametrize(
    "given, remedy",
    [
        (tf.ragged.constant([[1.0], [0.0]]), "y_true.to_tensor()"),
        (tf.sparse.from_dense(TARGETS), "tensorflow.sparse.to_dense(y_true)"),
        (scipy.sparse.csr_matrix(TARGETS), "y_true.toarray()"),
        (np.array(TARGETS, dtype=object), "numpy.asarray(values, dtype=float)"),
    ],
)
def test_what_only_looks_like_an_array_is_refused_and_the_remedy_works(given, remedy):
    said = remedy_of(given, GUESS)
    assert remedy in said or remedy in "Pass " + said or "numpy.asarray" in remedy
    names = {"y_true": given, "values": given, **GAPS}
    assert lossbook.MeanSquaredError()(eval(remedy, names), GUESS) == 0.5


@pytest.mark.parametrize(
    "given, remedy",
    [
        (np.array([[1.0], [None]]), "numpy.asarray(y_true, dtype=float)"),
        (
            pandas.Series([1.0, pandas.NA], dtype=object),
            "y_true.to_numpy(dtype=float, na_value=numpy.nan)",
        ),
    ],
)
def test_gaps_become_nan_and_a_mask(given, remedy):
    assert remedy_of(given, GUESS).startswith(remedy)
    filled = eval(remedy, {"y_true": given, **GAPS})
    assert lossbook.MeanSquaredError()(filled, GUESS, mask=~np.isnan(filled)) == 1.0


def test_a_masked_array_is_refused_and_the_remedy_works():
    y_true = np.ma.array([[1.0, 1.0], [9.0, 0.0], [2.0, 2.0]], mask=[[0, 0], [1, 0], [0, 0]])
    y_pred = np.zeros((3, 2))
    said = remedy_of(y_true, y_pred)
    mask = "mask=~numpy.ma.getmaskarray(y_true).any(axis=-1)"
    assert said.startswith("y_true.data, and " + mask)
    value = eval(
        f"loss(y_true.data, y_pred, {mask})",
        {"loss": lossbook.MeanSquaredError(), "y_true": y_true, "y_pred": y_pred, **GAPS},
    )
    assert value == 2.5


@each_loss
def test_a_compiled_model_says_that_lossbook_cannot_train_it(name):
    with pytest.raises(TypeError, match="cannot train a model: compile it with the loss of the same name"):
        CATALOGUE[name].function(keras.Input((2,)), keras.Input((2,)), **LOSSES[name].settings[0])


@pytest.mark.parametrize("loss", [lossbook.MeanSquaredError(), lossbook.mean_squared_error])
def test_a_model_that_is_trained_all_the_same_says_it(loss):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", loss=loss)
    with pytest.raises(TypeError, match="lossbook cannot train a model"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)


# --- settings ---------------------------------------------------------------------------------


@each_loss
def test_numbers_of_numpy_as_settings_change_no_type(name):
    for settings in LOSSES[name].settings:
        labels, predictions = example(name, settings)
        predictions = predictions.astype(np.float32)
        for form in (np.float64, np.array, np.float32):
            given = {k: form(v) if isinstance(v, float) else v for k, v in settings.items()}
            value = CATALOGUE[name].function(labels, predictions, **given)
            slope = CATALOGUE[name].gradient(labels, predictions, **given)
            assert value.dtype == slope.dtype == np.float32, (settings, form)


@each_loss
def test_data_given_to_the_class_and_unknown_settings_name_it(name):
    cls = CATALOGUE[name].cls
    with pytest.raises(TypeError, match=rf"First make the object, then call it: {cls.__name__}\(\)"):
        cls(*example(name, LOSSES[name].settings[0]))
    with pytest.raises(TypeError, match=f"'reducton', which {cls.__name__} does not take.*'reduction'"):
        cls(reducton="sum")


def test_class_numbers_and_one_hot_name_each_other():
    rows = [[0.2, 0.8], [0.6, 0.4]]
    for name in (
        "categorical_crossentropy",
        "categorical_focal_crossentropy",
        "categorical_hinge",
        "kl_divergence",
    ):
        for numbers in ([0, 1], [[0], [1]]):
            with pytest.raises(ValueError, match="use sparse_categorical_crossentropy"):
                CATALOGUE[name].function(numbers, rows)
    with pytest.raises(ValueError, match="use categorical_crossentropy"):
        lossbook.sparse_categorical_crossentropy([[0, 1], [1, 0]], rows)
    with pytest.raises(ValueError, match="use binary_crossentropy"):
        lossbook.sparse_categorical_crossentropy([1, 0], [[0.2], [0.7]])


# --- subclasses -------------------------------------------------------------------------------


@each_loss
def test_a_subclass_that_overrides_call_alone_has_no_slope(name):
    settings = LOSSES[name].settings[0]
    labels, predictions = example(name, settings)
    seen = []

    class Twice(CATALOGUE[name].cls):
        def call(self, y_true, y_pred, **data):
            seen.append((y_true, y_pred))
            return 2 * super().call(y_true, y_pred, **data)

    loss = Twice(**settings, reduction="sum")
    parent = CATALOGUE[name].cls(**settings, reduction="sum")
    assert loss(labels.tolist(), predictions.tolist()) == pytest.approx(
        2 * parent(labels, predictions), rel=1e-12
    )
    assert all(isinstance(array, np.ndarray) for array in seen[0])
    with pytest.raises(NotImplementedError, match="call_gradient.*numeric_gradient"):
        loss.gradient(labels, predictions)


class Power(lossbook.Loss):
    """A loss with a parameter of its own."""

    def __init__(self, power=2.0, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def call(self, y_true, y_pred):
        return (np.abs(y_pred - y_true) ** self.power).mean(axis=-1)


class Wide(lossbook.Huber):
    """A child of a loss, with one parameter more."""

    def __init__(self, width, delta=1.0, **kwargs):
        super().__init__(delta=delta * width, **kwargs)
        self.width = width


class Forgetful(lossbook.Loss):
    def __init__(self, power):
        super().__init__()
        self._kept = power


def test_parameters_of_a_subclass_survive():
    loss = Power(power=3.0, reduction="sum")
    assert loss.get_config()["power"] == 3.0
    assert Power.from_config(loss.get_config()) == loss != Power(power=2.0, reduction="sum")
    assert eval(repr(loss)) == loss
    assert Wide(2.0).get_config()["width"] == 2.0 and Wide(2.0) != Wide(3.0)
    with pytest.raises(NotImplementedError, match="self.power = power"):
        Forgetful(3).get_config()


def test_a_loss_object_is_mutable_and_has_no_hash():
    loss = lossbook.Huber()
    loss.delta = 3.0
    assert loss == lossbook.Huber(delta=3.0) and loss([[0.0]], [[4.0]]) == 7.5
    with pytest.raises(TypeError, match="unhashable"):
        hash(loss)
