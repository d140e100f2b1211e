"""The doctor on Keras models: broken ones are found and mended, clean ones stay clean, none is changed."""

import random

import numpy as np
import pytest
from doctor_models import BITS, BROKEN, CLEAN, REAL, K, X, sequential

import lossbook
from lossbook import check
from lossbook.tools.doctor.findings import CHECKS
from lossbook.tools.engines import keras, tf


def examined(case, model):
    return check(model, case.x, case.y, **case.options)


WITHOUT_A_LINE = {"refused"}  # Keras's own words are all there is


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: f"{case.code}: {case.label}")
def test_a_broken_model_is_found_and_mended(case):
    keras.utils.set_random_seed(4)
    model = case.build()
    report = examined(case, model)
    assert case.code in report.codes
    finding = report[report.codes.index(case.code)]
    assert finding.says and finding.link
    if case.code in WITHOUT_A_LINE:
        return
    names = {
        "model": model,
        "x": case.x,
        "y": case.y,
        "keras": keras,
        "np": np,
        "lossbook": lossbook,
        "sample_weight": None,
        **case.options,
        **case.names,
    }
    if case.mended:  # the line says which model to build
        names["built_again"] = case.mended()
    with pytest.raises(AssertionError):
        exec(finding.guard, names)
    exec(finding.mend, names)
    exec(finding.guard, names)
    options = {"class_weight": names["class_weight"]} if "class_weight" in case.options else {}
    mended = check(names["model"], names["x"], names["y"], names["sample_weight"], **options)
    assert case.code not in mended.codes


@pytest.mark.parametrize("case", CLEAN, ids=lambda case: case.label)
def test_a_clean_model_has_no_finding(case):
    keras.utils.set_random_seed(5)
    assert examined(case, case.build()).codes == []


def test_the_gallery_is_as_large_as_promised():
    assert len(BROKEN) >= 20 and len(CLEAN) >= 30


def test_every_check_of_models_has_a_case():
    codes = {
        code
        for stage in ("model-frame", "model", "model-last", "input")
        for found, _ in CHECKS[stage]
        for code in found
    }
    assert codes - {case.code for case in BROKEN} == set()


def test_the_layer_where_the_gradient_dies():
    model = sequential(
        keras.layers.Dense(4, name="first"),
        keras.layers.Lambda(tf.sign, name="cut"),
        keras.layers.Dense(3, name="second"),
        keras.layers.Dense(1, name="third"),
    )
    (finding,) = check(model, X, REAL)
    assert finding.code == "dead-gradient" and "first" in finding.where and "second" in finding.says


def test_nothing_is_trained_and_nothing_is_changed():
    layers = keras.layers
    model = sequential(
        layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1), metrics=["mae"]
    )
    model.fit(X, REAL, epochs=1, verbose=0)
    held = [*model.variables, *model.optimizer.variables, *(v for m in model.metrics for v in m.variables)]
    before = [np.array(v) for v in held]
    states = (
        random.getstate(),
        np.random.get_state()[1].copy(),  # noqa: NPY002
        tf.random.get_global_generator().state.numpy(),
    )
    x, y = X.copy(), REAL.copy()
    check(model, x, y)
    assert all(np.array_equal(np.array(v), old) for v, old in zip(held, before, strict=True))
    assert random.getstate() == states[0] and np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert np.array_equal(tf.random.get_global_generator().state.numpy(), states[2])
    assert np.array_equal(x, X) and np.array_equal(y, REAL)


def test_training_after_a_check_is_training_without_one():
    ends = []
    for looked_at in (False, True):
        keras.utils.set_random_seed(8)
        model = sequential(keras.layers.Dense(4), keras.layers.Dropout(0.5), keras.layers.Dense(1))
        if looked_at:
            check(model, X, REAL)
        model.fit(X, REAL, epochs=2, verbose=0)
        ends.append(model.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*ends, strict=True))


def test_a_dataset():
    model = sequential(keras.layers.Dense(1), loss="bce")
    assert check(model, tf.data.Dataset.from_tensor_slices((X, BITS)).batch(16)).codes == [
        "logits-as-probabilities"
    ]


def test_numbers_of_a_penalty():
    model = sequential(keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1)))
    (finding,) = check(model, X[:32], REAL[:32])
    assert finding.given == pytest.approx(model.evaluate(X[:32], REAL[:32], verbose=0), rel=1e-5)
    assert finding.meant == pytest.approx(
        float(np.mean((model.predict(X[:32], verbose=0) - REAL[:32]) ** 2)), rel=1e-5
    )


def test_the_line_to_paste_for_class_numbers_in_a_column():
    loss = keras.losses.CategoricalGeneralizedCrossEntropy()
    model = sequential(keras.layers.Dense(3, "softmax"), loss=loss)
    y = np.arange(len(X))[:, None] % 3
    (finding,) = [one for one in check(model, X, y) if one.code == "broadcast"]
    names = {"np": np, "y": y}
    exec(finding.mend, names)
    assert names["y"].shape == (len(X),) and "broadcast" not in check(model, X, names["y"]).codes


def test_the_line_to_paste_for_a_background_leaves_its_channel_out():
    masks = np.zeros((8, 6, 6, 3), "float32")
    masks[..., 2] = 1.0
    masks[:, 2, 2] = [0.0, 1.0, 0.0]
    bias = keras.initializers.Constant([0.0, 0.0, 6.0])
    model = sequential(
        keras.layers.Conv2D(3, 1, activation="softmax", kernel_initializer="zeros", bias_initializer=bias),
        shape=(6, 6, 1),
        loss=keras.losses.Dice(),
    )
    x = np.ones((8, 6, 6, 1), "float32")
    (finding,) = [one for one in check(model, x, masks) if one.code == "background"]
    exec(finding.mend, {"model": model, "keras": keras})
    assert model.evaluate(x, masks, verbose=0) > 0.9
    assert "background" not in check(model, x, masks).codes


def test_a_model_without_a_loss():
    with pytest.raises(ValueError, match="expected a compiled one"):
        check(keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)]), X, REAL)
    with pytest.raises(TypeError, match="without a batch"):
        check(sequential(keras.layers.Dense(1)), X)


def test_the_range_of_all_labels_is_looked_at():
    labels = np.r_[np.arange(40) % 3 + 1, [5, 3, 2, 4, 5, 1, 2, 3]]
    model = sequential(keras.layers.Dense(5, activation="softmax"), loss="sparse_categorical_crossentropy")
    assert check(model, X, labels).codes == ["labels-start-at-1"]
    assert check(model, X, labels - 1).codes == []


def test_attention_has_a_bias_without_a_slope():
    entry = keras.Input((4, 2))
    mixed = keras.layers.MultiHeadAttention(2, 3)(entry, entry)
    model = keras.Model(entry, keras.layers.Dense(1)(keras.layers.Flatten()(mixed)))
    model.compile("adam", "mse")
    assert check(model, X.reshape(-1, 4, 2), REAL).codes == []


def test_a_nan_is_found_in_any_row():
    """The model sees the first rows alone; that all inputs and labels are finite is looked at in all of them."""
    late = np.r_[REAL[:32], np.full((16, 1), np.nan, "float32")]
    model = sequential(keras.layers.Dense(1))
    (finding,) = check(model, X, late)
    assert finding.code == "not-finite" and finding.count == 16 and finding.indices[0] == (32, 0)
    inputs = X.copy()
    inputs[40, 3] = np.inf
    (finding,) = check(model, inputs, REAL)
    assert (finding.code, finding.where, finding.indices) == ("not-finite", "x", ((40, 3),))


def test_both_a_nan_label_and_lost_weights_are_told():
    model = sequential(keras.layers.Dense(1))
    model.set_weights([w * np.nan for w in model.get_weights()])
    report = check(model, X, np.where(REAL > 1.5, np.nan, REAL))
    assert report.codes == ["not-finite"] * 2 and {one.where for one in report} == {"the weights", "y"}


def test_the_layer_that_overflows_is_named():
    square = keras.layers.Lambda(lambda t: t * t, name="square", dtype="float16")
    model = sequential(square, keras.layers.Dense(1, dtype="float32"))
    (finding,) = [one for one in check(model, 400 * X, REAL) if one.code == "not-finite"]
    assert "square is the first layer" in finding.says and "float16" in finding.says


def test_a_saturated_sigmoid_is_no_softmax():
    model = sequential(
        keras.layers.Dense(1, activation="sigmoid", bias_initializer=keras.initializers.Constant(99)),
        loss="bce",
    )
    assert "softmax-one-unit" not in check(model, X, BITS).codes


@pytest.mark.parametrize("reshaped, says", [(False, "may fall all the same"), (True, "no gradient passes")])
def test_what_is_said_of_a_softmax_over_one_unit_is_what_happens(reshaped, says):
    keras.utils.set_random_seed(4)
    parts = [keras.layers.Dense(1, activation="softmax"), *[keras.layers.Flatten()] * reshaped]
    model = sequential(*parts, loss="bce", optimizer=keras.optimizers.Adam(0.05))
    (finding,) = [one for one in check(model, X, X[:, :1] > 0) if one.code == "softmax-one-unit"]
    assert says in finding.says
    losses = model.fit(X, X[:, :1] > 0, epochs=5, verbose=0).history["loss"]
    assert (losses[-1] < 0.9 * losses[0]) == (not reshaped)


def test_a_dead_relu_is_told_from_a_layer_without_slope():
    model = sequential(
        keras.layers.Dense(6, activation="relu", bias_initializer=keras.initializers.Constant(-100), name="hidden"),
        keras.layers.Dense(1, activation="sigmoid", name="last"), loss="bce",
    )  # fmt: skip
    (finding,) = check(model, X, BITS)
    assert finding.code == "dead-gradient" and "reaches" in finding.says and "last" in finding.where
    assert "'hidden'" in finding.mend and "'last'" not in finding.mend


def test_a_class_too_many_and_counts_for_probabilities():
    softmax = sequential(
        keras.layers.Dense(K - 1, activation="softmax"), loss="sparse_categorical_crossentropy"
    )
    (finding,) = check(softmax, X, np.arange(len(X)) % K)
    assert finding.code == "labels-out-of-range" and "There are 5 classes" in finding.says
    sigmoid = sequential(keras.layers.Dense(4, activation="sigmoid"), loss="bce")
    counts = np.abs(np.rint(4 * X[:, :4]))
    (finding,) = check(sigmoid, X, counts)
    assert finding.code == "labels-out-of-range" and "pixels or counts" in finding.says
    assert check(sigmoid, X, counts / counts.max()).codes == []
