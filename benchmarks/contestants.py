"""Who is measured: lossbook and its peers, each as a user would call it, on its own tensors.

To add one, write a function ``make(case, y_true, y_pred)`` that returns two calls without arguments, one
for the value and one for the value and the gradient (None where there is none), and enter it in
:data:`CONTESTANTS`. It raises :class:`LookupError` where it lacks the loss. A call returns when its
result is there.
"""

import math
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec

import numpy as np

from lossbook import CATALOGUE, fast
from tests.cases import FROM_LOGITS, LOSSES, fill

# --- what is computed ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One loss, from probabilities or from logits."""

    name: str
    from_logits: bool = False

    @property
    def label(self):
        return f"{self.name}(from_logits=True)" if self.from_logits else self.name

    @property
    def class_name(self):
        return CATALOGUE[self.name].cls.__name__

    @property
    def settings(self):
        return {"from_logits": True} if self.from_logits else {}

    def loss(self):
        return CATALOGUE[self.name].cls(**self.settings)

    def data(self, size, dtype):
        """Draw labels and predictions, about as many numbers as `size` has; class numbers are integers."""
        record, rng = LOSSES[self.name], np.random.default_rng(0)
        y_true, y_pred = fill(self.name, rng, self.shape(size), self.settings, calm=not record.batch)
        y_true, y_pred = plain(record, y_true, y_pred, self.from_logits)
        y_true = y_true if y_true.dtype.kind == "i" else y_true.astype(dtype)
        return np.ascontiguousarray(y_true), np.ascontiguousarray(y_pred.astype(dtype))

    def shape(self, size):
        """Return the shape of the predictions: of (batch, numbers), or pairs or frames of about as many."""
        rows, width = size
        if LOSSES[self.name].batch:
            return (min(rows, max(32, math.isqrt(rows * width))), min(width, 64))
        return (max(rows // 30, 2), 30, width) if LOSSES[self.name].axes else size


def plain(record, y_true, y_pred, from_logits):
    """Make labels hard, and rows of shares sum to 1: what every peer takes."""
    drawn = record.draw.__name__
    if drawn in ("yes_or_no", "regions"):
        y_true = np.round(y_true)
    if drawn == "one_hots":
        y_true = (y_true == y_true.max(axis=-1, keepdims=True)).astype(float)
    if drawn == "margins":
        y_true = np.where(y_true > 0, 1.0, -1.0)
    if drawn in ("one_hots", "class_numbers", "bounded_numbers", "distributions") and not from_logits:
        y_pred = y_pred / y_pred.sum(axis=-1, keepdims=True)
    if drawn == "distributions":
        y_true = 0.01 + y_true
        y_true = y_true / y_true.sum(axis=-1, keepdims=True)
    return y_true, y_pred


CASES = [Case(name, logits) for name in CATALOGUE for logits in (False, True)[: 1 + (name in FROM_LOGITS)]]


# --- lossbook ----------------------------------------------------------------------------------------


def lossbook(case, y_true, y_pred):
    loss = case.loss()
    return lambda: loss(y_true, y_pred), lambda: loss.value_and_gradient(y_true, y_pred)


def lossbook_fast(case, y_true, y_pred):
    """Compiled, and the gradient's array kept, as the documentation advises."""
    loss, kept = case.loss(), np.empty_like(y_pred)
    return lambda: loss(y_true, y_pred), lambda: loss.value_and_gradient(y_true, y_pred, out=kept)


# --- Keras -------------------------------------------------------------------------------------------


def keras_class(losses, case):
    if not hasattr(losses, case.class_name):
        raise LookupError(f"has no {case.class_name}")
    return getattr(losses, case.class_name)


def with_tape(loss, y_true, y_pred, compiled=lambda function: function):
    """Return the calls of a Keras loss on TensorFlow, compiled or eager."""
    import tensorflow as tf

    labels, predictions = tf.constant(y_true), tf.constant(y_pred)

    def value_and_gradient(labels, predictions):
        with tf.GradientTape() as tape:
            tape.watch(predictions)
            value = loss(labels, predictions)
        return value, tape.gradient(value, predictions)

    value = compiled(lambda labels, predictions: loss(labels, predictions))
    both = compiled(value_and_gradient)
    return lambda: value(labels, predictions), lambda: both(labels, predictions)


def keras_eager(case, y_true, y_pred, **compiled):
    import keras

    loss = keras_class(keras.losses, case)(**case.settings, dtype=y_pred.dtype.name)
    return with_tape(loss, y_true, y_pred, **compiled)


def keras_function(case, y_true, y_pred):
    import tensorflow as tf

    return keras_eager(case, y_true, y_pred, compiled=tf.function)


def keras_xla(case, y_true, y_pred):
    import tensorflow as tf

    return keras_eager(case, y_true, y_pred, compiled=lambda one: tf.function(one, jit_compile=True))


def keras_2(case, y_true, y_pred):
    import tf_keras

    return with_tape(keras_class(tf_keras.losses, case)(**case.settings), y_true, y_pred)


def keras_on_numpy(case, y_true, y_pred):
    import keras

    loss = keras_class(keras.losses, case)(**case.settings, dtype=y_pred.dtype.name)
    return lambda: loss(y_true, y_pred), None


# --- scikit-learn, PyTorch, Optax -------------------------------------------------------------------


def chosen(table, case):
    if case.label not in table:
        raise LookupError(f"has no {case.label}")
    return table[case.label]


def scikit_learn(case, y_true, y_pred):
    from sklearn import metrics
    from sklearn.metrics.pairwise import paired_cosine_distances

    table = {
        "mean_squared_error": metrics.mean_squared_error,
        "mean_absolute_error": metrics.mean_absolute_error,
        "mean_absolute_percentage_error": lambda t, p: 100 * metrics.mean_absolute_percentage_error(t, p),
        "mean_squared_logarithmic_error": metrics.mean_squared_log_error,
        "quantile": lambda t, p: metrics.mean_pinball_loss(t, p, alpha=case.loss().get_config()["quantile"]),
        "binary_crossentropy": lambda t, p: metrics.log_loss(t.ravel(), p.ravel()),
        "sparse_categorical_crossentropy": lambda t, p: metrics.log_loss(t, p, labels=np.arange(p.shape[-1])),
        "hinge": lambda t, p: metrics.hinge_loss(t.ravel(), p.ravel()),
        "cosine_similarity": lambda t, p: paired_cosine_distances(t, p).mean() - 1.0,
    }
    function = chosen(table, case)
    return lambda: function(y_true, y_pred), None


def torch(case, y_true, y_pred):
    import torch
    from torch.nn import functional as F

    def ctc(labels, scores):
        log_shares = scores.transpose(0, 1).log_softmax(-1)
        lengths = torch.full((len(scores),), scores.shape[1]), (labels > 0).sum(dim=1)
        return F.ctc_loss(log_shares, labels, *lengths, reduction="none").mean()

    table = {
        "mean_squared_error": lambda t, p: F.mse_loss(p, t),
        "mean_absolute_error": lambda t, p: F.l1_loss(p, t),
        "huber": lambda t, p: F.huber_loss(p, t),
        "binary_crossentropy": lambda t, p: F.binary_cross_entropy(p, t),
        "binary_crossentropy(from_logits=True)": lambda t, p: F.binary_cross_entropy_with_logits(p, t),
        "categorical_crossentropy": lambda t, p: F.cross_entropy(p.log(), t),
        "categorical_crossentropy(from_logits=True)": lambda t, p: F.cross_entropy(p, t),
        "sparse_categorical_crossentropy": lambda t, p: F.cross_entropy(p.log(), t),
        "sparse_categorical_crossentropy(from_logits=True)": lambda t, p: F.cross_entropy(p, t),
        "kl_divergence": lambda t, p: F.kl_div(p.log(), t, reduction="batchmean"),
        "poisson": lambda t, p: F.poisson_nll_loss(p, t, log_input=False, eps=1e-7),
        "cosine_similarity": lambda t, p: -F.cosine_similarity(p, t, dim=-1).mean(),
        "ctc": ctc,
    }
    function = chosen(table, case)
    labels, predictions = torch.from_numpy(y_true), torch.from_numpy(y_pred)
    watched = predictions.clone().requires_grad_()

    def both():
        value = function(labels, watched)
        return value.detach(), torch.autograd.grad(value, watched)[0]

    return lambda: function(labels, predictions), both


def optax(case, y_true, y_pred):
    import jax
    import jax.numpy as jnp
    from optax import losses

    def ctc(labels, scores):
        padding = (labels == 0).astype(scores.dtype)
        return losses.ctc_loss(scores, jnp.zeros(scores.shape[:2], scores.dtype), labels, padding)

    table = {
        "mean_squared_error": lambda t, p: losses.squared_error(p, t),
        "huber": lambda t, p: losses.huber_loss(p, t),
        "log_cosh": lambda t, p: losses.log_cosh(p, t),
        "binary_crossentropy(from_logits=True)": lambda t, p: losses.sigmoid_binary_cross_entropy(p, t),
        "categorical_crossentropy(from_logits=True)": lambda t, p: losses.softmax_cross_entropy(p, t),
        "sparse_categorical_crossentropy(from_logits=True)": lambda t, p: (
            losses.softmax_cross_entropy_with_integer_labels(p, t)
        ),
        "kl_divergence": lambda t, p: losses.kl_divergence(jnp.log(p), t),
        "binary_focal_crossentropy(from_logits=True)": lambda t, p: losses.sigmoid_focal_loss(
            p, t, None, 2.0
        ),
        "hinge": lambda t, p: losses.hinge_loss(p, t),
        "cosine_similarity": lambda t, p: -losses.cosine_similarity(p, t),
        "ctc": ctc,
    }
    function = chosen(table, case)
    labels, predictions = jax.device_put(y_true), jax.device_put(y_pred)
    value = jax.jit(lambda p, t: function(t, p).mean())
    both = jax.jit(jax.value_and_grad(lambda p, t: function(t, p).mean()))
    return (
        lambda: jax.block_until_ready(value(predictions, labels)),
        lambda: jax.block_until_ready(both(predictions, labels)),
    )


# --- all of them ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contestant:
    """One way to compute a loss."""

    title: str
    make: callable
    world: str = "tensorflow"
    """Contestants of one world share a process, in which lossbook is timed beside them."""
    packages: tuple = ()
    ours: bool = False
    around: callable = nullcontext
    """What its turns are taken in."""

    @property
    def missing(self):
        """The packages that are not installed."""
        return [package for package in self.packages if find_spec(package) is None]

    @property
    def versions(self):
        names = {"sklearn": "scikit-learn"}
        here = [names.get(one, one) for one in self.packages if one not in self.missing]
        return {one: metadata.version(one) for one in here}


CONTESTANTS = {
    "lossbook": Contestant("lossbook", lossbook, "every", ours=True),
    "fast": Contestant("lossbook, compiled", lossbook_fast, "every", ("numba",), ours=True, around=fast),
    "keras": Contestant("Keras 3, eager", keras_eager, packages=("tensorflow", "keras")),
    "function": Contestant("Keras 3, tf.function", keras_function, packages=("tensorflow", "keras")),
    "xla": Contestant("Keras 3, XLA", keras_xla, packages=("tensorflow", "keras")),
    "tf_keras": Contestant("tf_keras, eager", keras_2, packages=("tensorflow", "tf_keras")),
    "keras_numpy": Contestant("Keras 3 on NumPy", keras_on_numpy, "numpy", ("keras", "jax")),
    "sklearn": Contestant("scikit-learn", scikit_learn, "numpy", ("sklearn",)),
    "torch": Contestant("PyTorch, eager", torch, "torch", ("torch",)),
    "optax": Contestant("Optax, jit", optax, "jax", ("jax", "optax")),
}
"""Who is measured, in the order of the tables. lossbook, as it comes, is what all are compared with."""

WORLDS = {
    "tensorflow": {"KERAS_BACKEND": "tensorflow"},
    "numpy": {"KERAS_BACKEND": "numpy"},
    "torch": {},
    "jax": {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"},
}
"""The processes, and what each starts with."""
