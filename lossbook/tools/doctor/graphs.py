"""A Keras model seen from outside: its outputs, the operation each ends in, and the gradient that arrives."""

import contextlib
import logging
import random
import warnings
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Ending", "Outlook", "look_at", "unchanged"]

PASSING = {
    "Identity", "IdentityN", "Reshape", "Squeeze", "ExpandDims", "Cast", "Transpose", "StopGradient",
    "StridedSlice",
    "Pack", "ConcatV2", "PreventGradient", "EnsureShape",
}  # fmt: skip
"""Operations that move numbers and leave them as they are."""

LINEAR = {
    "BiasAdd",
    "MatMul",
    "BatchMatMulV2",
    "AddV2",
    "Add",
    "Conv2D",
    "Conv3D",
    "Einsum",
    "Mean",
    "Sum",
    "Sub",
}
ENDS = {"Softmax": "softmax", "Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu", "Softplus": "softplus",
        "Relu6": "relu", "Exp": "exp", "LogSoftmax": "log_softmax", "Elu": "elu",
        "LeakyRelu": "leaky_relu"}  # fmt: skip
LOSS_SCALES = (2.0**15, 2.0**6, 1.0)
"""What LossScaleOptimizer multiplies a loss by: it starts high, and goes down where 16 bits overflow."""

REACH = {
    "softmax": (0, 1),
    "sigmoid": (0, 1),
    "tanh": (-1, 1),
    "relu": (0, np.inf),
    "softplus": (0, np.inf),
    "exp": (0, np.inf),
}


@dataclass(frozen=True)
class Ending:
    """How an output comes about.

    Attributes
    ----------
    activation : str
        ``"softmax"``, ``"sigmoid"``, …, ``"linear"``, or ``""`` where it cannot be told.
    direct : bool
        Whether nothing stands between the activation and the output: then Keras finds the logits.
    inner : str
        The activation that this one was applied to at once, ``"softmax"`` or ``"sigmoid"``; else ``""``.
    """

    activation: str = ""
    direct: bool = False
    inner: str = ""


@dataclass
class Outlook:
    """What one pass through a model showed.

    Attributes
    ----------
    outputs : list of numpy.ndarray
        The predictions, one array for each output.
    dtypes : list of str
        The types in which the model gives them.
    endings : list of Ending
        How each comes about.
    slopes : list of tuple
        Variable, and the largest size of its gradient: None where there is no path to it.
    values : list of float
        The loss of each output; NaN where it raised.
    penalty : float
        What the layers add to the loss.
    error : str
        What Keras said where the loss could not be computed.
    """

    outputs: list
    dtypes: list
    endings: list
    slopes: list = field(default_factory=list)
    values: list = field(default_factory=list)
    penalty: float = 0.0
    error: str = ""


@contextlib.contextmanager
def unchanged(model):
    """Put back every variable of a model, its optimizer and its metrics, and the random states."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    variables = [*model.variables, *getattr(model.optimizer, "variables", [])]
    variables += [v for metric in model.metrics for v in metric.variables]
    before = [v.numpy().copy() for v in variables]
    logger = logging.getLogger("tensorflow")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)  # it warns of functions traced again
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        getattr(model, "_clear_losses", lambda: None)()
        for variable, value in zip(variables, before, strict=True):
            if not np.array_equal(variable.numpy(), value, equal_nan=value.dtype.kind == "f"):
                variable.assign(value)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def look_at(model, x, y, losses, weight=None):
    """Send one batch through a model and back.

    Parameters
    ----------
    model : keras.Model
        Any kind: sequential, functional, subclassed.
    x, y : array_like or structures of them
        Inputs, and a list of labels, one for each output.
    losses : list
        A Keras loss object for each output, or None.
    weight : array_like, optional
        Sample weights.

    Returns
    -------
    Outlook
    """
    from lossbook.tools.engines import keras, tf

    tensors = keras.tree.map_structure(tf.convert_to_tensor, x)
    raw = model(tensors, training=False)
    flat = keras.tree.flatten(raw)
    penalty = float(sum(np.asarray(one, dtype=np.float64) for one in model.losses))
    outlook = Outlook(
        [np.asarray(tf.cast(t, "float32") if t.dtype in ("bfloat16",) else t) for t in flat],
        [t.dtype.name for t in flat],
        _endings(tf, keras, model, tensors),
        penalty=penalty,
    )
    _go_back(tf, keras, model, tensors, y, losses, weight, outlook)
    return outlook


def _go_back(tf, keras, model, x, y, losses, weight, outlook):
    """Compute the losses and their gradient as fit does: in a graph, without dropout."""
    variables = [v.value if hasattr(v, "value") else v for v in model.trainable_variables]

    def both(scale):
        with tf.GradientTape() as tape:
            outputs = keras.tree.flatten(model(x, training=False))
            values = [
                tf.zeros(()) if one is None else tf.reduce_mean(one(label, out, sample_weight=weight))
                for one, label, out in zip(losses, y, outputs, strict=False)
            ]
            total = scale * tf.add_n([tf.cast(value, "float32") for value in values])
        return values, tape.gradient(total, variables)

    run = both if model.run_eagerly else tf.function(both, autograph=False)
    scaled = type(model.optimizer).__name__ == "LossScaleOptimizer"
    try:
        for scale in LOSS_SCALES if scaled else (1.0,):
            values, gradients = run(tf.constant(scale))
            sizes = [_largest(tf, gradient) for gradient in gradients]
            if all(size is None or np.isfinite(size) for size in sizes):
                break
    except Exception as problem:  # Keras refuses the batch: its words are the finding
        text = str(problem).strip()
        outlook.error = f"{type(problem).__name__}: {text.splitlines()[0] if text else ''}"
        outlook.values = [float("nan")] * len(outlook.outputs)
        return
    outlook.values = [float(value) for value in values]
    outlook.slopes = list(zip(model.trainable_variables, sizes, strict=True))


def _largest(tf, gradient):
    """Return the size of the largest slope; None where there is no path."""
    if gradient is None:
        return None
    return float(tf.reduce_max(tf.abs(tf.cast(tf.convert_to_tensor(gradient), "float32"))))


def _endings(tf, keras, model, x):
    try:
        graph = tf.function(
            lambda given: model(given, training=False), autograph=False
        ).get_concrete_function(x)
        return [_ending(tensor) for tensor in graph.outputs]
    except Exception:  # a model that works eagerly alone: its values must tell
        return [Ending()] * 99


def _ending(tensor):
    operation, direct = _walk(tensor)
    kind = ENDS.get(operation.type, "linear" if operation.type in LINEAR else "")
    inner = ""
    if kind in ("softmax", "sigmoid"):
        before = ENDS.get(_walk(operation.inputs[0])[0].type, "")
        inner = before if before in ("softmax", "sigmoid") else ""
    return Ending(kind, direct, inner)


def _walk(tensor):
    """Go back through operations that leave numbers as they are."""
    direct = True
    while tensor.op.type in PASSING and len(tensor.op.inputs):
        direct = direct and tensor.op.type in ("Identity", "IdentityN")
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type == "IdentityN" else 0]
    return tensor.op, direct
