"""Known differences: where Keras, tf_keras and lossbook part, and where all of them surprise.

One row a case: code that runs on any of the three, the value the engine gives, the value
lossbook gives, and why. Where an engine departs from its documentation, from the paper or
from the mathematics, lossbook does not. Where it does what it was designed to do, lossbook
does the same, and the row says what one might have expected. ``tests/test_differences.py``
runs every row, so that the day an engine changes, a test says so.
"""

from dataclasses import dataclass
from math import inf, nan

import numpy as np

from lossbook.base import Loss
from lossbook.probability import sigmoid

VERSIONS = {"keras": "3.15.1", "tf.keras": "3.15.1", "tf_keras": "2.21.0"}
"""The versions in which the rows were seen; Keras on TensorFlow 2.21.0."""

EVERY_LOSS = "every loss"
"""What a row about the frame (weights, shapes, names) names in place of a loss."""


@dataclass(frozen=True)
class Difference:
    """One case in which an engine or a reader may be surprised.

    Attributes
    ----------
    loss : str
        The function's name, or :data:`EVERY_LOSS`.
    condition : str
        When it happens.
    engine : str
        Whose behaviour it is: a key of :data:`VERSIONS`.
    code : str
        An expression in ``losses`` (the engine's module of losses, or lossbook), ``np``,
        ``slope(loss, y_true, y_pred)`` and ``sigmoid(logits)``.
    theirs : float, list or str
        What the engine gives: a number, numbers, or the name of an error.
    ours : float, list or str
        What lossbook gives.
    why : str
        What is behind it, or what one might have expected.
    upstream : str
        Where it is fixed or reported; empty where nothing is known.
    """

    loss: str
    condition: str
    engine: str
    code: str
    theirs: object
    ours: object
    why: str
    upstream: str = ""

    @property
    def kind(self):
        """One of ``"departs"``, ``"accepts"``, ``"refuses"`` and ``"surprises"``.

        The engine *departs* from what it should give; it *accepts* what lossbook holds for
        a mistake; it *refuses* what lossbook computes; or both agree, and it *surprises*.
        """
        if isinstance(self.ours, str) and not isinstance(self.theirs, str):
            return "accepts"
        if isinstance(self.theirs, str) and not isinstance(self.ours, str):
            return "refuses"
        return "surprises" if same(self.theirs, self.ours) else "departs"


def evaluate(difference, losses):
    """Run a row's code on a module of losses.

    Parameters
    ----------
    difference : Difference
        The row.
    losses : module
        ``lossbook``, ``keras.losses``, ``tf.keras.losses`` or ``tf_keras.losses``.

    Returns
    -------
    float, list or str
        The value, or the name of the error.

    Examples
    --------
    >>> import lossbook
    >>> swapped = next(row for row in DIFFERENCES if row.loss == "tversky")
    >>> round(evaluate(swapped, lossbook), 4), round(swapped.theirs, 4)
    (0.0909, 0.4737)
    """
    from_lossbook = losses.__name__ == "lossbook"
    names = {
        "losses": losses,
        "np": np,
        "slope": slope,
        "sigmoid": sigmoid if from_lossbook else _keras_sigmoid,
    }
    try:
        return np.asarray(eval(difference.code, names), dtype=float).tolist()
    except Exception as error:  # whatever it is, its name is the result
        return type(error).__name__


def same(first, second):
    """Tell whether two results agree: errors both, or numbers to six digits of the largest.

    An entry is a sum of terms as large as the largest entry, whose rounding differs between
    processors: it cannot be nearer than that, however small it is itself.

    Examples
    --------
    >>> same([1.0, nan], [1.0000001, nan]), same(0.0, 1e-9), same("ValueError", "TypeError")
    (True, False, True)
    >>> same([1000.0, 1.0], [1000.0, 1.001]), same([1000.0, 1.0], [1000.0, 1.1])
    (True, False)
    """
    if isinstance(first, str) or isinstance(second, str):
        return isinstance(first, str) and isinstance(second, str)
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape:
        return False
    largest = max(np.abs(entries[np.isfinite(entries)]).max(initial=0.0) for entries in (first, second))
    return np.allclose(first, second, rtol=0, atol=2e-6 * largest + 1e-12, equal_nan=True)


def slope(loss, y_true, y_pred):
    """Return the gradient of a loss in its predictions, whoever made the loss."""
    if isinstance(loss, Loss):
        return loss.gradient(y_true, y_pred)
    import tensorflow as tf

    predictions = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        value = loss(tf.constant(y_true), predictions)
    return tape.gradient(value, predictions).numpy()


def _keras_sigmoid(logits):
    import keras

    return keras.activations.sigmoid(keras.ops.convert_to_tensor(logits))


DIFFERENCES = (
    Difference(
        loss=EVERY_LOSS,
        condition="sample_weight of shape (B,) on values of shape (B, T)",
        engine="keras",
        code="losses.MeanSquaredError()(np.float32([[[0], [0]], [[0], [0]]]), np.float32([[[1], [2]], "
        "[[3], [4]]]), sample_weight=np.float32([1, 0]))",
        theirs=2.5,
        ours=1.25,
        why="Keras lays the weights along the last axis, one for each time step; they are meant one for "
        "each sample.",
        upstream="merged upstream: keras PR 23235",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="mean_with_sample_weight with weights of shape (B, 1) on values of shape (B, T)",
        engine="keras",
        code='losses.MeanSquaredError(reduction="mean_with_sample_weight")(np.zeros((2, 2, 1), '
        '"float32"), np.ones((2, 2, 1), "float32"), sample_weight=np.float32([[1], [3]]))',
        theirs=2.0,
        ours=1.0,
        why="Keras divides by the sum of the weights as given, not as spread over the values: a weighted "
        "mean of ones is 2.",
        upstream="no upstream thread found in one search",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="sample_weight with the default reduction",
        engine="keras",
        code="losses.MeanSquaredError()(np.float32([[0], [0]]), np.float32([[1], [2]]), "
        "sample_weight=np.float32([1, 3]))",
        theirs=6.5,
        ours=6.5,
        why="The sum is divided by the number of values, not by the sum of the weights (which would give "
        "3.25).",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="mean_with_sample_weight of a single value",
        engine="keras",
        code='losses.MeanSquaredError(reduction="mean_with_sample_weight")(np.float32([0, 0]), '
        "np.float32([1, 3]), sample_weight=np.float32(3))",
        theirs=15.0,
        ours=5.0,
        why="A loss of a single value is weighted, and not divided by its weight.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="one-dimensional data",
        engine="keras",
        code='losses.MeanSquaredError(reduction="none")(np.float32([0, 0]), np.float32([1, 3]))',
        theirs=5.0,
        ours=5.0,
        why="The last axis of a one-dimensional array is the batch, so that it counts as a single sample.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="single numbers",
        engine="keras",
        code="losses.MeanSquaredError()(1.0, 2.0)",
        theirs="InvalidArgumentError",
        ours="ValueError",
        why="There is no axis to average over.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="shapes (1, 2) and (2, 2)",
        engine="keras",
        code="losses.MeanSquaredError()(np.float32([[0, 0]]), np.float32([[1, 3], [5, 7]]))",
        theirs=21.0,
        ours="ValueError",
        why="One row of labels is silently compared with every row of predictions.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="shapes (2,) and (3, 2)",
        engine="keras",
        code="losses.MeanAbsoluteError()(np.float32([0, 0]), np.float32([[1, 3], [5, 7], [9, 11]]))",
        theirs=6.0,
        ours="ValueError",
        why="One row of labels is silently compared with every row of predictions.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="labels as a list, predictions as an array",
        engine="keras",
        code="losses.MeanSquaredError()([[0.0, 0.0]], np.float32([[1, 3]]))",
        theirs="ValueError",
        ours=5.0,
        why="Keras takes a list for a structure of many outputs, not for an array.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="float64 data in the class form",
        engine="keras",
        code="losses.MeanSquaredError()(np.float64([[0.1]]), np.float64([[0.3]])) - 0.04",
        theirs=7.4505806e-09,
        ours=0.0,
        why="The class cuts the data to float32 (keras.config.floatx()); the function form does not.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="an empty batch",
        engine="keras",
        code='losses.MeanSquaredError()(np.zeros((0, 2), "float32"), np.zeros((0, 2), "float32"))',
        theirs=[],
        ours="ValueError",
        why="Keras gives back an empty array where one number is due.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="an empty batch",
        engine="tf_keras",
        code='losses.MeanSquaredError()(np.zeros((0, 2), "float32"), np.zeros((0, 2), "float32"))',
        theirs=0.0,
        ours="ValueError",
        why="The mean of nothing is undefined.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition='reduction="auto"',
        engine="keras",
        code='losses.MeanSquaredError(reduction="auto")(np.float32([[0]]), np.float32([[2]]))',
        theirs="ValueError",
        ours="ValueError",
        why="A name of Keras 2 that Keras 3 dropped.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition='reduction="auto"',
        engine="tf_keras",
        code='losses.MeanSquaredError(reduction="auto")(np.float32([[0]]), np.float32([[2]]))',
        theirs=4.0,
        ours="ValueError",
        why="In tf_keras it is the default, and means sum_over_batch_size.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="dtype in get_config",
        engine="keras",
        code='losses.MeanSquaredError.from_config(losses.MeanSquaredError(dtype="float64")'
        ".get_config())(np.float64([[0.1]]), np.float64([[0.3]])) - 0.04",
        theirs=7.4505806e-09,
        ours=0.0,
        why="get_config forgets dtype: float64 comes back as float32.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition="the Keras 2 names in tf.keras.losses",
        engine="tf.keras",
        code="losses.mean_squared_error(np.float32([[0]]), np.float32([[2]]))",
        theirs="AttributeError",
        ours=[4.0],
        why="tf.keras exports mse, mae, mape, msle, kld and logcosh, and not their long names.",
        upstream="reported: tensorflow issues 69851 and 70796",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition='get("logcosh")',
        engine="keras",
        code='losses.get("logcosh")(np.float64([[0]]), np.float64([[0]]))',
        theirs="ValueError",
        ours=[0.0],
        why="A name that tf_keras knows and Keras 3 does not.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition='get("huber_loss")',
        engine="keras",
        code='losses.get("huber_loss")(np.float32([[0]]), np.float32([[3]]))',
        theirs="ValueError",
        ours=[2.5],
        why="A name that tf_keras knows and Keras 3 does not.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition='get("kullback_leibler_divergence")',
        engine="keras",
        code='losses.get("kullback_leibler_divergence")(np.float32([[0.5, 0.5]]), np.float32([[0.5, 0.5]]))',
        theirs="ValueError",
        ours=[0.0],
        why="A name that tf_keras knows and Keras 3 does not.",
    ),
    Difference(
        loss=EVERY_LOSS,
        condition='get("crossentropy")',
        engine="keras",
        code='losses.get("crossentropy")',
        theirs="ValueError",
        ours="ValueError",
        why="Only compile(loss=...) knows it: it chooses by the shapes of the model.",
    ),
    Difference(
        loss="mean_squared_error",
        condition="integer data",
        engine="tf_keras",
        code="losses.mean_squared_error(np.int32([[0, 0]]), np.int32([[1, 0]]))",
        theirs=[0.0],
        ours=[0.5],
        why="The mean of integers is cut to an integer.",
    ),
    Difference(
        loss="mean_absolute_error",
        condition="integer data",
        engine="tf_keras",
        code="losses.mean_absolute_error(np.int32([[0, 0]]), np.int32([[1, 0]]))",
        theirs=[0.0],
        ours=[0.5],
        why="The mean of integers is cut to an integer.",
    ),
    Difference(
        loss="mean_squared_error",
        condition="shapes (2,) and (2, 1)",
        engine="tf_keras",
        code="losses.mean_squared_error(np.float32([1, 2]), np.float32([[1], [2]]))",
        theirs=[0.5, 0.5],
        ours=[0.0, 0.0],
        why="The function compares every label with every prediction; lossbook and Keras 3 align the two.",
    ),
    Difference(
        loss="mean_absolute_percentage_error",
        condition="a target of 0",
        engine="keras",
        code="losses.MeanAbsolutePercentageError()(np.float32([[0]]), np.float32([[1]]))",
        theirs=1e09,
        ours=1e09,
        why="Division by 1e-7: a miss of 1 costs a thousand million percent.",
    ),
    Difference(
        loss="mean_absolute_percentage_error",
        condition="a negative target",
        engine="keras",
        code="losses.MeanAbsolutePercentageError()(np.float32([[-2]]), np.float32([[-1]]))",
        theirs=50.0,
        ours=50.0,
        why="Keras's documentation says max(y, 1e-7), which would give 1e9; its code, and lossbook, take "
        "|y|.",
    ),
    Difference(
        loss="mean_absolute_percentage_error",
        condition="a target of 100 met by 0 and by 300",
        engine="keras",
        code="losses.mean_absolute_percentage_error(np.float32([[100], [100]]), np.float32([[0], [300]]))",
        theirs=[100.0, 200.0],
        ours=[100.0, 200.0],
        why="Too low costs 100 percent at most, too high has no bound: the loss favours low forecasts.",
    ),
    Difference(
        loss="mean_squared_logarithmic_error",
        condition="negative numbers",
        engine="keras",
        code="losses.MeanSquaredLogarithmicError()(np.float32([[-2]]), np.float32([[-1]]))",
        theirs=0.0,
        ours=0.0,
        why="Both are raised to 1e-7 before the logarithm.",
    ),
    Difference(
        loss="mean_squared_logarithmic_error",
        condition="a prediction below 1e-7: slope",
        engine="keras",
        code='slope(losses.MeanSquaredLogarithmicError(reduction="sum"), np.float32([[1]]), '
        "np.float32([[-0.5]]))",
        theirs=[[0.0]],
        ours=[[0.0]],
        why="Below the floor there is nothing to learn from.",
    ),
    Difference(
        loss="huber",
        condition="delta = 0",
        engine="keras",
        code="losses.huber(np.float32([[0, 0]]), np.float32([[0.2, 4]]), delta=0.0)",
        theirs=[0.0],
        ours="ValueError",
        why="Keras does not look at delta: at 0 every miss costs 0.",
        upstream="merged upstream: keras PR 23573",
    ),
    Difference(
        loss="huber",
        condition="delta = -1",
        engine="keras",
        code="losses.huber(np.float32([[0, 0]]), np.float32([[0.2, 4]]), delta=-1.0)",
        theirs=[-2.5999999],
        ours="ValueError",
        why="Keras does not look at delta: a negative one makes misses a gain.",
        upstream="merged upstream: keras PR 23573",
    ),
    Difference(
        loss="huber",
        condition="delta in get_config",
        engine="keras",
        code="losses.Huber.from_config(losses.Huber(delta=5.0).get_config())(np.float32([[0]]), "
        "np.float32([[10]]))",
        theirs=9.5,
        ours=37.5,
        why="get_config forgets delta: a saved model comes back with delta = 1.",
        upstream="fixed upstream: keras PR 23286",
    ),
    Difference(
        loss="huber",
        condition="a large delta",
        engine="keras",
        code="losses.Huber(delta=1e6)(np.float32([[0]]), np.float32([[3]]))",
        theirs=4.5,
        ours=4.5,
        why="It is half the squared error, not the squared error.",
    ),
    Difference(
        loss="huber",
        condition="float64 data",
        engine="tf_keras",
        code="losses.huber(np.float64([[0.1]]), np.float64([[0.3]])) - 0.02",
        theirs=[3.7252903e-09],
        ours=[0.0],
        why="Everything is cast to float32.",
    ),
    Difference(
        loss="log_cosh",
        condition="a small miss in float32",
        engine="keras",
        code="losses.log_cosh(np.float32([[0], [0]]), np.float32([[1e-3], [1e-4]]))",
        theirs=[4.7683716e-07, 0.0],
        ours=[5.0000006e-07, 4.9999995e-09],
        why="Keras subtracts log 2 from a number close to it; the true values are 5e-07 and 5e-09.",
    ),
    Difference(
        loss="log_cosh",
        condition="no miss, in float64",
        engine="keras",
        code="losses.log_cosh(np.float64([[0]]), np.float64([[0]]))",
        theirs=[-1.9046543e-09],
        ours=[0.0],
        why="Keras takes log 2 in float32.",
    ),
    Difference(
        loss="binary_crossentropy",
        condition="certain and wrong",
        engine="keras",
        code="losses.binary_crossentropy(np.float32([[1], [0]]), np.float32([[0], [1]]))",
        theirs=[16.118095, 15.942385],
        ours=[16.118095, 15.942385],
        why="Clipping at 1e-7 bounds the cost, at two different values: 1 - 1e-7 is rounded in float32.",
    ),
    Difference(
        loss="binary_crossentropy",
        condition="certain and wrong",
        engine="tf_keras",
        code="losses.binary_crossentropy(np.float32([[1], [0]]), np.float32([[0], [1]]))",
        theirs=[15.424949, 15.333239],
        ours=[16.118095, 15.942385],
        why="tf_keras adds 1e-7 inside each logarithm once more, after clipping.",
        upstream="reported: keras issue 15249, tensorflow PR 41595",
    ),
    Difference(
        loss="binary_crossentropy",
        condition="certain and wrong: slope",
        engine="keras",
        code='slope(losses.BinaryCrossentropy(reduction="sum"), np.float32([[1]]), np.float32([[0]]))',
        theirs=[[0.0]],
        ours=[[0.0]],
        why="A clipped probability has no slope: the worst prediction learns nothing. From logits it does.",
    ),
    Difference(
        loss="binary_crossentropy",
        condition="a small probability: slope",
        engine="tf_keras",
        code='slope(losses.BinaryCrossentropy(reduction="sum"), np.float32([[1]]), np.float32([[1e-6]]))',
        theirs=[[-909090.94]],
        ours=[[-1000000.0]],
        why="The second 1e-7 in the logarithm flattens it.",
        upstream="reported: keras issue 15249, tensorflow PR 41595",
    ),
    Difference(
        loss="binary_crossentropy",
        condition="labels -1 and 1",
        engine="keras",
        code="losses.BinaryCrossentropy()(np.float32([[-1, 1]]), np.float32([[0.3, 0.6]]))",
        theirs=0.010101348,
        ours=0.010101348,
        why="Labels are not checked; the loss can be negative.",
    ),
    Difference(
        loss="binary_crossentropy",
        condition="label_smoothing = 2",
        engine="keras",
        code="losses.BinaryCrossentropy(label_smoothing=2.0)(np.float32([[1, 0]]), np.float32([[0.9, 0.1]]))",
        theirs=2.3025851,
        ours="ValueError",
        why="Smoothing beyond 1 swaps the labels.",
    ),
    Difference(
        loss="binary_crossentropy",
        condition="float16, certain and right",
        engine="keras",
        code='losses.BinaryCrossentropy(dtype="float16")(np.float16([[1]]), np.float16([[1]]))',
        theirs=nan,
        ours="ValueError",
        why="In float16, 1 - 1e-7 is 1, and its complement's logarithm is infinite. lossbook's class "
        "says so.",
    ),
    Difference(
        loss="binary_crossentropy",
        condition="float16, certain and wrong",
        engine="keras",
        code='losses.BinaryCrossentropy(dtype="float16")(np.float16([[0]]), np.float16([[1]]))',
        theirs=inf,
        ours=inf,
        why="In float16, 1 - 1e-7 is 1, and its complement's logarithm is infinite.",
    ),
    Difference(
        loss="binary_crossentropy",
        condition="bfloat16, certain and right",
        engine="keras",
        code='losses.BinaryCrossentropy(dtype="bfloat16")(np.float32([[1]]), np.float32([[1]]))',
        theirs=nan,
        ours=1.1920929e-07,
        why="In bfloat16, 1 - 1e-7 is 1, and its complement's logarithm is infinite. lossbook computes "
        "bfloat16 in float32.",
    ),
    Difference(
        loss="binary_crossentropy",
        condition="predictions made by keras.activations.sigmoid",
        engine="keras",
        code="losses.BinaryCrossentropy()(np.float32([[0]]), sigmoid(np.float32([[50]])))",
        theirs=50.0,
        ours=15.942385,
        why="The tensor remembers its logits, and Keras computes from them; an array does not.",
    ),
    Difference(
        loss="binary_crossentropy",
        condition="integer probabilities in the function form",
        engine="keras",
        code="losses.binary_crossentropy(np.int32([[1]]), np.int32([[0]]))",
        theirs="TypeError",
        ours=[16.118096],
        why="Keras cannot clip integers.",
    ),
    Difference(
        loss="binary_crossentropy",
        condition="shapes (2,) and (2, 1) in the function form",
        engine="keras",
        code="losses.binary_crossentropy(np.float32([1, 0]), np.float32([[0.5], [0.5]]))",
        theirs="ValueError",
        ours=[0.69314718, 0.69314718],
        why="Keras's class aligns the two, its function does not.",
    ),
    Difference(
        loss="binary_focal_crossentropy",
        condition="alpha without apply_class_balancing",
        engine="keras",
        code="losses.BinaryFocalCrossentropy(alpha=0.9)(np.float32([[1]]), np.float32([[0.4]])) - "
        "losses.BinaryFocalCrossentropy(alpha=0.25)(np.float32([[1]]), np.float32([[0.4]]))",
        theirs=0.0,
        ours=0.0,
        why="alpha alone changes nothing.",
    ),
    Difference(
        loss="binary_focal_crossentropy",
        condition="gamma = 0.5, certain and right: slope",
        engine="keras",
        code='slope(losses.BinaryFocalCrossentropy(gamma=0.5, reduction="sum"), np.float32([[1]]), '
        "np.float32([[1]]))",
        theirs=[[nan]],
        ours=[[0.0]],
        why="The power has no slope at 0; lossbook takes 0.",
    ),
    Difference(
        loss="binary_focal_crossentropy",
        condition="certain and wrong: slope",
        engine="keras",
        code='slope(losses.BinaryFocalCrossentropy(reduction="sum"), np.float32([[1]]), np.float32([[0]]))',
        theirs=[[-32.236191]],
        ours=[[-32.236191]],
        why="The cross-entropy is clipped and has no slope; that of the focus remains.",
    ),
    Difference(
        loss="binary_focal_crossentropy",
        condition="certain and wrong: slope",
        engine="tf_keras",
        code='slope(losses.BinaryFocalCrossentropy(reduction="sum"), np.float32([[1]]), np.float32([[0]]))',
        theirs=[[-30.849897]],
        ours=[[-32.236191]],
        why="tf_keras adds 1e-7 inside each logarithm once more.",
        upstream="reported: keras issue 15249, tensorflow PR 41595",
    ),
    Difference(
        loss="categorical_crossentropy",
        condition="label_smoothing with axis=1",
        engine="keras",
        code="losses.categorical_crossentropy(np.float32([[[1, 1, 0, 0], [0, 0, 1, 1]]]), "
        "np.float32([[[0.9, 0.8, 0.2, 0.3], [0.1, 0.2, 0.8, 0.7]]]), label_smoothing=0.1, "
        "axis=1).__array__().mean()",
        theirs=0.25208354,
        ours=0.29979452,
        why="Keras divides the smoothing by the length of the last axis, not by the number of classes.",
        upstream="fixed upstream: keras PR 23437",
    ),
    Difference(
        loss="categorical_crossentropy",
        condition="rows that are not distributions",
        engine="keras",
        code="losses.CategoricalCrossentropy()(np.float32([[1, 0]]), np.float32([[60, 40]]))",
        theirs=0.51082557,
        ours=0.51082557,
        why="Rows are always scaled to sum to 1, which hides mistakes.",
    ),
    Difference(
        loss="categorical_crossentropy",
        condition="logits passed as probabilities",
        engine="keras",
        code="losses.CategoricalCrossentropy()(np.float32([[1, 0]]), np.float32([[-1, -1]]))",
        theirs=0.69314718,
        ours=0.69314718,
        why="Rows are always scaled to sum to 1, which hides mistakes.",
    ),
    Difference(
        loss="categorical_crossentropy",
        condition="a row of zeros",
        engine="keras",
        code="losses.CategoricalCrossentropy()(np.float32([[1, 0]]), np.float32([[0, 0]]))",
        theirs=nan,
        ours="ValueError",
        why="Scaling it divides by 0.",
    ),
    Difference(
        loss="categorical_crossentropy",
        condition="probabilities: slope",
        engine="keras",
        code='slope(losses.CategoricalCrossentropy(reduction="sum"), np.float32([[1, 0]]), '
        "np.float32([[0.6, 0.4]]))",
        theirs=[[-0.66666663, 1.0]],
        ours=[[-0.66666663, 1.0]],
        why="It goes through the scaling of the row: not the (-1.6667, 0) of the textbooks.",
    ),
    Difference(
        loss="categorical_crossentropy",
        condition="certain and wrong: slope",
        engine="keras",
        code='slope(losses.CategoricalCrossentropy(reduction="sum"), np.float32([[1, 0]]), '
        "np.float32([[0, 1]]))",
        theirs=[[0.0, 0.0]],
        ours=[[0.0, 0.0]],
        why="A clipped probability has no slope.",
    ),
    Difference(
        loss="categorical_crossentropy",
        condition="logits, labels that do not sum to 1: slope",
        engine="keras",
        code='slope(losses.CategoricalCrossentropy(from_logits=True, reduction="sum"), np.float32([[0.5, '
        "0]]), np.float32([[0, 0]]))",
        theirs=[[0.0, 0.5]],
        ours=[[-0.25, 0.25]],
        why="TensorFlow returns softmax minus label, which holds only where the label sums to 1.",
    ),
    Difference(
        loss="categorical_crossentropy",
        condition="one class only",
        engine="keras",
        code="losses.CategoricalCrossentropy()(np.float32([[1], [1]]), np.float32([[0.3], [0.9]]))",
        theirs=1.1920929e-07,
        ours=1.192093e-07,
        why="Scaled to sum to 1, a single probability is always 1. Keras warns.",
    ),
    Difference(
        loss="categorical_focal_crossentropy",
        condition="gamma = 0",
        engine="keras",
        code="losses.CategoricalFocalCrossentropy(gamma=0.0)(np.float32([[1, 0]]), np.float32([[0.7, 0.3]]))",
        theirs=0.089168742,
        ours=0.089168735,
        why="alpha always counts: a quarter of the cross-entropy 0.35667497.",
    ),
    Difference(
        loss="categorical_focal_crossentropy",
        condition="logits of -100 and 100",
        engine="keras",
        code="losses.categorical_focal_crossentropy(np.float32([[1, 0]]), np.float32([[-100, 100]]), "
        "from_logits=True)",
        theirs=[4.0295229],
        ours=[50.0],
        why="Keras turns logits into probabilities and clips them; lossbook does not leave the logarithms.",
    ),
    Difference(
        loss="categorical_focal_crossentropy",
        condition="logits of -100 and 100: slope",
        engine="keras",
        code='slope(losses.CategoricalFocalCrossentropy(from_logits=True, reduction="sum"), '
        "np.float32([[1, 0]]), np.float32([[-100, 100]]))",
        theirs=[[0.0, 0.0]],
        ours=[[-0.25, 0.25]],
        why="Keras turns logits into probabilities and clips them: no slope where the sample is most wrong.",
    ),
    Difference(
        loss="categorical_focal_crossentropy",
        condition="label_smoothing with axis=1",
        engine="keras",
        code="losses.categorical_focal_crossentropy(np.float32([[[1, 0, 1, 0], [0, 1, 0, 1]]]), "
        "np.float32([[[0.9, 0.2, 0.8, 0.3], [0.1, 0.8, 0.2, 0.7]]]), label_smoothing=0.1, "
        "axis=1).__array__().mean()",
        theirs=0.010003651,
        ours=0.017138224,
        why="Keras divides the smoothing by the length of the last axis, not by the number of classes.",
        upstream="fixed upstream: keras PR 23437",
    ),
    Difference(
        loss="categorical_focal_crossentropy",
        condition="a list for alpha with axis=1",
        engine="keras",
        code="losses.categorical_focal_crossentropy(np.float32([[[1, 1], [0, 0]]]), np.float32([[[0.7, "
        "0.4], [0.3, 0.6]]]), alpha=[0.2, 0.8], axis=1)",
        theirs=[[0.0064201499, 0.26389173]],
        ours=[[0.0064201495, 0.065972932]],
        why="Keras lays the weights along the last axis, not along that of the classes.",
    ),
    Difference(
        loss="categorical_focal_crossentropy",
        condition="a list for alpha of the wrong length",
        engine="keras",
        code="losses.categorical_focal_crossentropy(np.float32([[1, 0]]), np.float32([[0.7, 0.3]]), "
        "alpha=[0.2, 0.3, 0.5])",
        theirs="InvalidArgumentError",
        ours="ValueError",
        why="Two classes, three weights.",
    ),
    Difference(
        loss="categorical_focal_crossentropy",
        condition="class numbers of shape (2,) against (2, 2)",
        engine="keras",
        code="losses.CategoricalFocalCrossentropy()(np.float32([0, 1]), np.float32([[.6, .4], [.3, .7]]))",
        theirs=0.045245674,
        ours="ValueError",
        why="Both numbers are taken as a row of labels for each sample. The plain loss refuses them.",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="certain and right among 50257 classes",
        engine="keras",
        code="losses.sparse_categorical_crossentropy(np.int32([0]), np.eye(1, 50257))",
        theirs=[0.0050130143],
        ours=[0.0050130143],
        why="On TensorFlow the row is clipped first and scaled after: 50256 times 1e-7 is taken from the "
        "truth. On its other backends Keras scales first, and the cost is 1e-07.",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="the label 1.7",
        engine="keras",
        code="losses.sparse_categorical_crossentropy(np.float32([1.7]), np.float32([[0.2, 0.5, 0.3]]))",
        theirs=[0.69314718],
        ours=[0.69314718],
        why="Fractions are cut off.",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="the label 3 of 3 classes",
        engine="keras",
        code="losses.sparse_categorical_crossentropy(np.int32([3]), np.float32([[0.2, 0.5, 0.3]]))",
        theirs="InvalidArgumentError",
        ours="ValueError",
        why="Class numbers start at 0. In a compiled function TensorFlow gives NaN.",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="the label 257 in bfloat16",
        engine="keras",
        code='losses.SparseCategoricalCrossentropy(from_logits=True, dtype="bfloat16")(np.int32([257]), '
        '10 * np.eye(1, 300, 257, dtype="float32"))',
        theirs=10.0,
        ours=0.01348877,
        why="The class casts labels as well: 257 becomes 256, another class. lossbook leaves labels alone.",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="a row of zeros",
        engine="keras",
        code="losses.sparse_categorical_crossentropy(np.int32([0]), np.float32([[0, 0, 0]]))",
        theirs=[1.0986123],
        ours=[1.0986123],
        why="Clipped first, it is a row of equal probabilities: log 3.",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="axis=1 of three",
        engine="keras",
        code="losses.sparse_categorical_crossentropy(np.int32([[0, 1]]), np.float32([[[0.7, 0.4], [0.3, "
        "0.6]]]), axis=1)",
        theirs="ValueError",
        ours=[[0.35667497, 0.51082563]],
        why="On TensorFlow Keras allows the last axis only.",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="axis in get_config",
        engine="keras",
        code=""
        "losses.SparseCategoricalCrossentropy.from_config(losses.SparseCategoricalCrossentropy(axis=1)"
        ".get_config()).get_config().get('axis', -1)",
        theirs=-1.0,
        ours=1.0,
        why="get_config forgets axis.",
        upstream="fixed upstream: keras PR 23286",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="ignore_class in the function form, averaged by hand",
        engine="keras",
        code="losses.sparse_categorical_crossentropy(np.int32([0, 1, 2]), np.float32([[0.7, 0.2, 0.1], "
        "[0.2, 0.7, 0.1], [0.1, 0.2, 0.7]]), ignore_class=2).__array__().mean()",
        theirs=0.23778331,
        ours=0.23778331,
        why="The function gives 0 for an ignored sample; only the class leaves it out of the average "
        "(0.35667497).",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="ignore_class, everything ignored",
        engine="keras",
        code="losses.SparseCategoricalCrossentropy(ignore_class=0)(np.int32([0]), np.float32([[0.7, 0.3]]))",
        theirs=0.0,
        ours=0.0,
        why="The average of nothing is taken as 0.",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="ignore_class, everything ignored",
        engine="tf_keras",
        code="losses.SparseCategoricalCrossentropy(ignore_class=0)(np.int32([0]), np.float32([[0.7, 0.3]]))",
        theirs=nan,
        ours=0.0,
        why="The average of nothing, in tf_keras.",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="one-hot labels",
        engine="keras",
        code="losses.SparseCategoricalCrossentropy()(np.float32([[1, 0, 0]]), np.float32([[0.2, 0.5, 0.3]]))",
        theirs="ValueError",
        ours="ValueError",
        why="One-hot labels are for categorical_crossentropy.",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="lists in the function form",
        engine="keras",
        code="losses.sparse_categorical_crossentropy([1], [[0.2, 0.5, 0.3]])",
        theirs="AttributeError",
        ours=[0.69314718],
        why="Keras asks the list for its shape.",
        upstream="reported: keras issue 21426",
    ),
    Difference(
        loss="sparse_categorical_crossentropy",
        condition="the fourth argument by position",
        engine="tf_keras",
        code="losses.sparse_categorical_crossentropy(np.int32([0]), np.float32([[0.7, 0.3]]), False, 0)",
        theirs="ValueError",
        ours=[0.0],
        why="In tf_keras it is axis, and ignore_class comes after; in Keras 3 it is ignore_class.",
    ),
    Difference(
        loss="categorical_generalized_cross_entropy",
        condition="labels of shape (B, 1)",
        engine="keras",
        code="losses.CategoricalGeneralizedCrossEntropy()(np.int32([[0], [1]]), np.float32([[0.7, 0.3], "
        "[0.2, 0.8]]))",
        theirs=0.63698834,
        ours=0.26891279,
        why="Keras's documentation allows them; its code compares every label with every row.",
        upstream="no upstream thread found in one search",
    ),
    Difference(
        loss="categorical_generalized_cross_entropy",
        condition="q = 0 in the function form",
        engine="keras",
        code="losses.categorical_generalized_cross_entropy(np.int32([0]), np.float32([[0.7, 0.3]]), q=0.0)",
        theirs=[nan],
        ours="ValueError",
        why="Keras checks q in the class alone.",
    ),
    Difference(
        loss="categorical_generalized_cross_entropy",
        condition="the label 2 of 2 classes",
        engine="keras",
        code="losses.categorical_generalized_cross_entropy(np.int32([2]), np.float32([[0.7, 0.3]]), q=0.5)",
        theirs=[2.0],
        ours="ValueError",
        why="Keras takes the probability of a class that does not exist for 0.",
    ),
    Difference(
        loss="categorical_generalized_cross_entropy",
        condition="a probability of 0: slope",
        engine="keras",
        code='slope(losses.CategoricalGeneralizedCrossEntropy(reduction="sum"), np.int32([0]), '
        "np.float32([[0, 1]]))",
        theirs=[[-inf, nan]],
        ours=[[-inf, 0.0]],
        why="Infinite at the true class; TensorFlow makes the other class NaN.",
    ),
    Difference(
        loss="categorical_generalized_cross_entropy",
        condition="lists in the function form",
        engine="keras",
        code="losses.categorical_generalized_cross_entropy([0], [[0.7, 0.3]], q=0.5)",
        theirs="AttributeError",
        ours=[0.32667995],
        why="Keras asks the list for its shape.",
        upstream="reported: keras issue 21426",
    ),
    Difference(
        loss="categorical_generalized_cross_entropy",
        condition="get by name",
        engine="keras",
        code='losses.get("CategoricalGeneralizedCrossEntropy")(np.int32([0]), np.float32([[0.25, 0.75]]))',
        theirs="ValueError",
        ours=1.0,
        why="The loss is missing from Keras's list of names.",
        upstream="no upstream thread found in one search",
    ),
    Difference(
        loss="kl_divergence",
        condition="rows that are not distributions",
        engine="keras",
        code="losses.kl_divergence(np.float32([[0.2, 0.2]]), np.float32([[0.9, 0.9]]))",
        theirs=[-0.60163093],
        ours=[-0.60163093],
        why="Nothing is scaled: the divergence can be negative.",
    ),
    Difference(
        loss="kl_divergence",
        condition="a row of zeros as truth",
        engine="keras",
        code="losses.kl_divergence(np.float32([[0, 0]]), np.float32([[0.5, 0.5]]))",
        theirs=[-3.0849899e-06],
        ours=[-3.0849899e-06],
        why="Raised to 1e-7, it costs next to nothing, and less than nothing.",
    ),
    Difference(
        loss="kl_divergence",
        condition="float16, a probability of 0",
        engine="keras",
        code="losses.kl_divergence(np.float16([[1]]), np.float16([[0]]))",
        theirs=[inf],
        ours=[inf],
        why="In float16, 1 / 1e-7 is infinite.",
    ),
    Difference(
        loss="kl_divergence",
        condition="integer probabilities in the function form",
        engine="keras",
        code="losses.kl_divergence(np.int32([[1, 0]]), np.int32([[1, 0]]))",
        theirs="TypeError",
        ours=[0.0],
        why="Keras cannot clip integers.",
    ),
    Difference(
        loss="kl_divergence",
        condition="shapes (2,) and (2, 1) in the function form",
        engine="keras",
        code="losses.kl_divergence(np.float32([0.2, 0.8]), np.float32([[0.2], [0.8]]))",
        theirs=[1.1090355, -0.27725887],
        ours=[0.0, 0.0],
        why="Every label is compared with every prediction; lossbook aligns the two.",
    ),
    Difference(
        loss="poisson",
        condition="a perfect rate",
        engine="keras",
        code="losses.poisson(np.float32([[10]]), np.float32([[10]]))",
        theirs=[-13.025852],
        ours=[-13.025852],
        why="The term log(y!) is left out: the best value is not 0, and can be negative.",
    ),
    Difference(
        loss="poisson",
        condition="a rate of 0",
        engine="keras",
        code="losses.poisson(np.float32([[3]]), np.float32([[0]]))",
        theirs=[48.354286],
        ours=[48.354286],
        why="The logarithm is held finite by 1e-7.",
    ),
    Difference(
        loss="poisson",
        condition="a negative rate",
        engine="keras",
        code="losses.poisson(np.float32([[3]]), np.float32([[-1]]))",
        theirs=[nan],
        ours="ValueError",
        why="There is no logarithm of it.",
    ),
    Difference(
        loss="poisson",
        condition="shapes (2,) and (2, 1) in the function form",
        engine="keras",
        code="losses.poisson(np.float32([1, 2]), np.float32([[1], [2]]))",
        theirs=[0.99999982, 0.96027923],
        ours=[0.99999988, 0.61370564],
        why="Every label is compared with every prediction; lossbook aligns the two.",
    ),
    Difference(
        loss="hinge",
        condition="labels -1, 0 and 1",
        engine="keras",
        code="losses.hinge(np.float32([[-1, 0, 1]]), np.float32([[-2, 5, 2]]))",
        theirs=[0.33333334],
        ours=[0.33333334],
        why="Only 0 and 1 alone become -1 and 1: beside a -1, the label 0 always costs 1.",
    ),
    Difference(
        loss="hinge",
        condition="probabilities in place of scores",
        engine="keras",
        code="losses.hinge(np.float32([[-1]]), np.float32([[0]]))",
        theirs=[1.0],
        ours=[1.0],
        why="A score from 0 to 1 cannot meet the margin of -1: the cost is 1 at least.",
    ),
    Difference(
        loss="hinge",
        condition="shapes (2,) and (2, 1) in the function form",
        engine="keras",
        code="losses.hinge(np.float32([-1, 1]), np.float32([[-2], [2]]))",
        theirs=[1.5, 1.5],
        ours=[0.0, 0.0],
        why="Every label is compared with every prediction; lossbook aligns the two.",
    ),
    Difference(
        loss="squared_hinge",
        condition="shapes (2,) and (2, 1) in the function form",
        engine="keras",
        code="losses.squared_hinge(np.float32([-1, 1]), np.float32([[-2], [2]]))",
        theirs=[4.5, 4.5],
        ours=[0.0, 0.0],
        why="Every label is compared with every prediction; lossbook aligns the two.",
    ),
    Difference(
        loss="categorical_hinge",
        condition="a lead of 3.5",
        engine="keras",
        code="losses.categorical_hinge(np.float32([[1, 0]]), np.float32([[0.5, -3]]))",
        theirs=[0.5],
        ours=[0.5],
        why="The true class takes part in the maximum with a score of 0: Crammer and Singer's loss is 0 "
        "here.",
    ),
    Difference(
        loss="categorical_hinge",
        condition="labels -1 and 1",
        engine="keras",
        code="losses.categorical_hinge(np.float32([[1, -1]]), np.float32([[0.6, 0.4]]))",
        theirs=[1.6],
        ours=[1.6],
        why="Keras's documentation allows them, its formula does not fit them: with 1 and 0 the cost is 0.8.",
    ),
    Difference(
        loss="categorical_hinge",
        condition="shapes (2,) and (2, 1) in the function form",
        engine="keras",
        code="losses.categorical_hinge(np.float32([1, 0]), np.float32([[2], [3]]))",
        theirs=[1.0, 1.0],
        ours=[0.0, 4.0],
        why="Every label is compared with every prediction; lossbook aligns the two.",
    ),
    Difference(
        loss="dice",
        condition="an empty mask, predicted empty",
        engine="keras",
        code='losses.Dice()(np.zeros((1, 4), "float32"), np.zeros((1, 4), "float32"))',
        theirs=1.0,
        ours=1.0,
        why="The worst value for a perfect answer, without a slope.",
    ),
    Difference(
        loss="dice",
        condition="logits in place of probabilities",
        engine="keras",
        code="losses.Dice()(np.float32([[1, 0, 0]]), np.float32([[5, -3, -1]]))",
        theirs=-4.0,
        ours=-4.0,
        why="Beyond [0, 1] the loss leaves its range.",
    ),
    Difference(
        loss="dice",
        condition="one region for the whole batch, and one for each image",
        engine="keras",
        code="losses.dice(np.float32([[1, 1], [1, 0]]), np.float32([[1, 1], [0, 1]])) - "
        "losses.dice(np.float32([[1, 1], [1, 0]]), np.float32([[1, 1], [0, 1]]), "
        "axis=1).__array__().mean()",
        theirs=-0.16666669,
        ours=-0.16666669,
        why="With axis=None, the default, the batch is one region: not the mean over its images.",
    ),
    Difference(
        loss="dice",
        condition="sample_weight with axis=None",
        engine="keras",
        code="losses.Dice()(np.float32([[1, 1], [1, 0]]), np.float32([[1, 1], [0, 1]]), "
        "sample_weight=np.float32([1, 3]))",
        theirs=0.66666663,
        ours="ValueError",
        why="There is one value for the batch; Keras multiplies it by the mean of the weights.",
    ),
    Difference(
        loss="tversky",
        condition="one pixel missed, alpha=0.9 and beta=0.1",
        engine="keras",
        code="losses.tversky(np.float32([1, 1]), np.float32([1, 0]), alpha=0.9, beta=0.1)",
        theirs=0.47368425,
        ours=0.090909183,
        why="Keras charges misses by alpha; its documentation and the paper charge them by beta.",
        upstream="fixed upstream: keras PR 23333",
    ),
    Difference(
        loss="tversky",
        condition="one false alarm, alpha=0.9 and beta=0.1",
        engine="keras",
        code="losses.tversky(np.float32([1, 0]), np.float32([1, 1]), alpha=0.9, beta=0.1)",
        theirs=0.090909183,
        ours=0.47368425,
        why="Keras charges false alarms by beta; its documentation and the paper charge them by alpha.",
        upstream="fixed upstream: keras PR 23333",
    ),
    Difference(
        loss="cosine_similarity",
        condition="a target of length 3e-7",
        engine="tf_keras",
        code="losses.cosine_similarity(np.float32([[3e-7, 0]]), np.float32([[1, 0]]))",
        theirs=[-0.30000001],
        ours=[-1.0],
        why="tf_keras holds lengths at 1e-6, Keras 3 at 1e-7.",
    ),
    Difference(
        loss="cosine_similarity",
        condition="a prediction of length 0: slope",
        engine="keras",
        code='slope(losses.CosineSimilarity(reduction="sum"), np.float32([[1, 0]]), np.float32([[0, 0]]))',
        theirs=[[-10000000.0, 0.0]],
        ours=[[-10000000.0, 0.0]],
        why="The direction of a zero vector is undefined; its slope is that of the floor, 1e-7.",
    ),
    Difference(
        loss="cosine_similarity",
        condition="a prediction of length 0: slope",
        engine="tf_keras",
        code='slope(losses.CosineSimilarity(reduction="sum"), np.float32([[1, 0]]), np.float32([[0, 0]]))',
        theirs=[[-1000000.0, 0.0]],
        ours=[[-10000000.0, 0.0]],
        why="tf_keras holds lengths at 1e-6, Keras 3 at 1e-7.",
    ),
    Difference(
        loss="cosine_similarity",
        condition="vectors of length 1e30 in float32",
        engine="keras",
        code="losses.cosine_similarity(np.float32([[1, 0]]), np.float32([[1e30, 0]]))",
        theirs=[0.0],
        ours=[-1.0],
        why="The square of the length is infinite in float32; lossbook scales first.",
    ),
    Difference(
        loss="cosine_similarity",
        condition="axis in get_config",
        engine="keras",
        code="losses.CosineSimilarity.from_config(losses.CosineSimilarity(axis=0)"
        ".get_config())(np.float32([[1, 0], [2, 0]]), np.float32([[1, 1], [0, 1]]))",
        theirs=-0.35355338,
        ours=-0.2236068,
        why="get_config forgets axis.",
        upstream="fixed upstream: keras PR 23286",
    ),
    Difference(
        loss="cosine_similarity",
        condition="integer vectors in the function form",
        engine="keras",
        code="losses.cosine_similarity(np.int32([[1, 0]]), np.int32([[1, 1]]))",
        theirs="InvalidArgumentError",
        ours=[-0.70710678],
        why="Keras cannot normalise integers.",
    ),
    Difference(
        loss="circle",
        condition="samples without a second of their kind",
        engine="keras",
        code="losses.Circle(gamma=1)(np.int32([0, 0, 1]), np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 1]])) "
        "/ losses.circle(np.int32([0, 0, 1]), np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 1]]), "
        "gamma=1).__array__().mean()",
        theirs=1.5,
        ours=1.5,
        why="Values of 0 are left out of the class's average, so that it is not the mean of the "
        "function's values.",
    ),
    Difference(
        loss="circle",
        condition="embeddings of length 5",
        engine="keras",
        code="losses.Circle()(np.int32([0, 0, 1]), np.float32([[5, 0], [0, 5], [3, 4]]))",
        theirs=134.40001,
        ours=134.40001,
        why="Lengths are neither checked nor made 1.",
    ),
    Difference(
        loss="ctc",
        condition="a 0 inside a label",
        engine="keras",
        code="losses.ctc(np.int32([[1, 0, 2]]), np.float32([[[0, 1, 2], [1, 0, 0], [0, 2, 1], [2, 0, "
        "1]]])) - losses.ctc(np.int32([[1, 0, 0]]), np.float32([[[0, 1, 2], [1, 0, 0], [0, 2, 1], "
        "[2, 0, 1]]]))",
        theirs=[-0.4535861],
        ours=[-0.45358634],
        why="The length counts the entries other than 0: (1, 0, 2) is read as (1, 0), and a 0 is the blank.",
    ),
    Difference(
        loss="ctc",
        condition="a 0 inside a label: slope",
        engine="keras",
        code='slope(losses.CTC(reduction="sum"), np.int32([[1, 0, 2]]), np.float32([[[0, 1, 2], [1, 0, '
        "0], [0, 2, 1], [2, 0, 1]]]))[0, 1]",
        theirs=[0.16609278, -0.16292202, 0.21194157],
        ours=[-0.049019516, -0.16292205, 0.21194154],
        why="TensorFlow's slope is not that of its own value there; lossbook's is.",
    ),
    Difference(
        loss="ctc",
        condition="a label too long for the frames",
        engine="keras",
        code='losses.ctc(np.int32([[1, 1, 1, 1]]), np.zeros((1, 5, 3), "float32"))',
        theirs=[708.9209],
        ours="ValueError",
        why="No path spells it: the true value is infinite.",
    ),
    Difference(
        loss="ctc",
        condition="a symbol beyond the last class",
        engine="keras",
        code='losses.ctc(np.int32([[1, 3]]), np.zeros((1, 4, 3), "float32"))',
        theirs=[-0.13815022],
        ours="ValueError",
        why="A symbol that has no column is taken as certain, and the loss falls below 0. So is -1.",
    ),
    Difference(
        loss="ctc",
        condition="probabilities in place of logits",
        engine="keras",
        code="losses.ctc(np.int32([[1]]), np.float32([[[0.1, 0.9], [0.9, 0.1]]]))",
        theirs=[0.24068356],
        ours=[0.24068362],
        why="They go through a softmax once more: the cost of these probabilities is 0.0943.",
    ),
    Difference(
        loss="ctc",
        condition="float64 data in the function form",
        engine="keras",
        code="losses.ctc(np.int32([[1]]), np.zeros((1, 2, 2))) - np.log(4 / 3)",
        theirs=[-1.6024779e-08],
        ours=[0.0],
        why="TensorFlow computes CTC in float32 alone.",
    ),
    Difference(
        loss="categorical_generalized_cross_entropy",
        condition="get from a configuration",
        engine="keras",
        code='losses.get({"class_name": "CategoricalGeneralizedCrossEntropy", "config": {"q": '
        "0.5}})(np.int32([0]), np.float32([[0.25, 0.75]]))",
        theirs="ValueError",
        ours=1.0,
        why="The loss is missing from Keras's list of names.",
        upstream="no upstream thread found in one search",
    ),
    Difference(
        loss="cosine_similarity",
        condition="twice the same direction in float32",
        engine="keras",
        code="losses.cosine_similarity(np.float32([[1, 3]]), np.float32([[1, 3]])).__array__() + 1",
        theirs=[5.9604645e-08],
        ours=[5.9604645e-08],
        why="Rounding: the best value is not always -1.",
    ),
)
"""Every known difference, the frame first, then loss by loss."""
