"""Does each loss of a project still give the number that it gave before the move?

Edit `cases`. Then, in the old environment and in the new one:

    python loss_regression.py tf_keras     writes losses.json, to be committed
    pytest loss_regression.py              compares Keras 3 with it
"""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

GOLDEN = Path("losses.json")
WEIGHTS = np.float32([0, 1, 2, 3])


def cases(keras):
    """EDIT: the losses as your code makes them, each with labels and predictions of 4 samples."""
    rng = np.random.default_rng(0)
    yes, share = np.float32([[1], [0], [1], [0]]), np.float32(rng.uniform(0.1, 0.9, (4, 1)))
    amounts, forecast = np.float32(rng.normal(0, 10, (2, 4, 1)))
    steps, path = np.float32(rng.normal(size=(2, 4, 4, 1)))
    classes, shares = np.int32([0, 2, 1, 2]), np.float32(rng.dirichlet(np.ones(3), 4))

    class Own(keras.losses.Loss):
        def __init__(self):
            super().__init__("sum")

        def call(self, y_true, y_pred):
            return tf.reduce_mean(tf.square(tf.cast(y_true, tf.float32) - y_pred), axis=-1)

        @classmethod
        def from_config(cls, config):
            return cls()

    return {
        "forecast": (keras.losses.Huber(delta=5.0), amounts, forecast),
        "yes or no": (keras.losses.BinaryCrossentropy(), yes, share),
        "sequence": (keras.losses.MeanSquaredError(), steps, path),
        "classes": (keras.losses.SparseCategoricalCrossentropy(), classes, shares),
        "own": (Own(), amounts, forecast),
    }


def measure(keras, loss, y_true, y_pred):
    """Everything about a loss that a move may change; an error counts as a value."""

    def gradient():
        place = tf.Variable(y_pred)
        with tf.GradientTape() as tape:
            value = loss(tf.constant(y_true), place)
        return tape.gradient(value, place).numpy().ravel()

    def in_training(labels):
        model = keras.Sequential([keras.layers.Input(y_pred.shape[1:]), keras.layers.Activation("linear")])
        model.compile("sgd", loss)
        return model.evaluate(y_pred, labels, verbose=0)

    asked = {
        "value": lambda: loss(y_true, y_pred),
        "weighted": lambda: loss(y_true, y_pred, sample_weight=WEIGHTS),
        "gradient": gradient,
        "in training": lambda: in_training(y_true),
        "flat labels": lambda: in_training(y_true[..., 0] if y_true.ndim > 1 else y_true),
        "restored": lambda: type(loss).from_config(loss.get_config())(y_true, y_pred),
    }
    return {name: _numbers(ask) for name, ask in asked.items()}


def _numbers(ask):
    try:
        return np.asarray(ask(), float).ravel().tolist()
    except Exception as error:  # its name is the result
        return type(error).__name__


def same(old, new):
    """Agree to four digits; an error agrees with itself alone."""
    if isinstance(old, str) or isinstance(new, str):
        return old == new
    return len(old) == len(new) and bool(np.allclose(old, new, rtol=1e-4, atol=1e-6))


def record(keras):
    """Measure every case."""
    return {name: measure(keras, *case) for name, case in cases(keras).items()}


def pytest_generate_tests(metafunc):
    """Ask for every recorded case; without a record there is nothing to be silent about."""
    metafunc.parametrize("name", json.loads(GOLDEN.read_text()))


def test_a_loss_gives_what_it_gave(name):
    import keras

    old, new = json.loads(GOLDEN.read_text())[name], measure(keras, *cases(keras)[name])
    moved = {what: (old[what], new[what]) for what in old if not same(old[what], new[what])}
    assert not moved, f"{name}: {', '.join(moved)}"


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(record(importlib.import_module(sys.argv[1])), indent=1) + "\n")
