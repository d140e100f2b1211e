"""Optax on JAX: the losses it shares with Keras, each translated in a line or two, which are shown.

Optax takes predictions before labels, logits or logarithms where Keras takes probabilities, and
leaves the mean over the last axis to the caller. A function below stands for one loss of lossbook,
under its name and with its parameters; it gets ``optax`` and ``jax.numpy`` and gives one value per
sample. Losses that Optax has by another formula (``dice_loss``, ``multiclass_hinge_loss``) are left out.
"""

import sys

import numpy as np

from lossbook.tools.engines.frameworks import TranslatedEngine
from lossbook.tools.engines.loading import load

__all__ = ["OptaxEngine"]


class OptaxEngine(TranslatedEngine):
    """``optax``: the losses of Optax, in 64 bits where the data have them."""

    name = "optax"
    packages = ("optax", "jax")
    path = "optax"
    forms = sys.modules[__name__]

    @property
    def libraries(self):
        """What the translations get."""
        return load("optax"), load("jax").numpy

    def context(self, y_pred):
        """Let JAX have 64 bits where the predictions do; it cuts them to 32 unless told otherwise."""
        return load("jax").enable_x64(getattr(y_pred, "dtype", None) == np.float64)

    def tensor(self, given, like=None):
        """Turn an array into JAX's; labels take the type of the predictions."""
        jnp = load("jax").numpy
        array = jnp.asarray(given if hasattr(given, "aval") else np.asarray(given))
        if like is not None:
            return array.astype(like.dtype)
        return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype("float32")

    def slope(self, call, point):
        """Differentiate ``call(point)``, or its sum, at an array."""
        return np.asarray(load("jax").grad(lambda y_pred: call(y_pred).sum())(point))


def mean_squared_error(optax, jnp, y_true, y_pred):
    return optax.squared_error(y_pred, y_true).mean(-1)


def huber(optax, jnp, y_true, y_pred, delta=1.0):
    return optax.huber_loss(y_pred, y_true, delta=delta).mean(-1)


def log_cosh(optax, jnp, y_true, y_pred):
    return optax.log_cosh(y_pred, y_true).mean(-1)


def kl_divergence(optax, jnp, y_true, y_pred):
    return optax.kl_divergence(jnp.log(y_pred.clip(1e-7, 1)), y_true.clip(1e-7, 1))


def binary_crossentropy(optax, jnp, y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    p = y_pred if from_logits else y_pred.clip(1e-7, 1 - 1e-7)
    logits = y_pred if from_logits else jnp.log(p) - jnp.log1p(-p)
    target = y_true * (1 - label_smoothing) + 0.5 * label_smoothing
    return optax.sigmoid_binary_cross_entropy(logits, target).mean(axis)


def categorical_crossentropy(optax, jnp, y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    logits = y_pred if from_logits else jnp.log(y_pred.clip(1e-7))
    target = y_true * (1 - label_smoothing) + label_smoothing / y_pred.shape[axis]
    return optax.softmax_cross_entropy(logits, target, axis=axis)


def sparse_categorical_crossentropy(
    optax, jnp, y_true, y_pred, from_logits=False, ignore_class=None, axis=-1
):
    logits = y_pred if from_logits else jnp.log(y_pred.clip(1e-7))
    labels = y_true.reshape(jnp.moveaxis(y_pred, axis, -1).shape[:-1]).astype(int)
    cost = optax.softmax_cross_entropy_with_integer_labels(logits, labels, axis=axis)
    return jnp.where(labels == ignore_class, 0.0, cost)


def hinge(optax, jnp, y_true, y_pred):
    binary = ((y_true == 0) | (y_true == 1)).all()
    side = jnp.where(binary, 2 * y_true - 1, y_true)
    return optax.hinge_loss(y_pred, side).mean(-1)


def cosine_similarity(optax, jnp, y_true, y_pred, axis=-1):
    return -optax.cosine_similarity(y_pred, y_true, axis=axis)


def ctc(optax, jnp, y_true, y_pred):
    no_padding = jnp.zeros_like(y_pred[..., 0])
    padding = (y_true == 0).astype(y_pred.dtype)
    return optax.ctc_loss(y_pred, no_padding, y_true.astype(int), padding, blank_id=0)
