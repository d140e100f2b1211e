"""Who is measured: lossbook and its peers, each as a user would call it, on its own tensors.

A peer is loaded in a process of its own (see :mod:`benchmarks.worker`). It turns data into its
tensors, and a case into two calls without arguments: one for the value, one for the value and
the gradient in the predictions.
"""

import importlib
import os
from importlib import metadata

import numpy as np


class Missing(LookupError):
    """The peer has no such loss, no gradient, or is not installed; the message says which."""


class Peer:
    """One way to compute a loss: the base class.

    A call returns when its result is there.

    Attributes
    ----------
    key, title, short : str
        Its name in files and on the command line, in tables, and above a narrow column.
    packages : tuple of str
        What it imports.
    environment : dict of str to str
        What its process starts with.
    compiles : bool
        Whether the first call takes longer than the others.
    """

    key = ""
    title = ""
    short = ""
    packages = ()
    environment = {}
    compiles = False

    def load(self):
        """Import what it needs."""
        for package in self.packages:
            try:
                importlib.import_module(package)
            except ModuleNotFoundError as problem:
                raise Missing(f"{problem.name} is not installed") from None

    @property
    def versions(self):
        return {package: version_of(package) for package in ("numpy", *self.packages)}

    @property
    def threads(self):
        """How many threads it computes on, in words."""
        return "1"

    def tensors(self, y_true, y_pred):
        """Turn arrays into the peer's own tensors."""
        return y_true, y_pred

    def calls(self, case, y_true, y_pred):
        """Return ``{"value": call, "both": call}``; a mode the peer lacks is left out.

        Raises
        ------
        Missing
            If the peer has no such loss.
        """
        raise NotImplementedError


def version_of(package):
    names = {"sklearn": "scikit-learn"}
    try:
        return metadata.version(names.get(package, package))
    except metadata.PackageNotFoundError:  # some builds ship under another name
        return metadata.version(metadata.packages_distributions()[package][0])


def all_cores():
    return str(os.cpu_count())


# --- lossbook ---------------------------------------------------------------------------------------


class Lossbook(Peer):
    """The class form, called as it stands."""

    key = "lossbook"
    title = "lossbook"
    short = "lossbook"
    packages = ("lossbook",)

    @property
    def versions(self):
        return {"numpy": version_of("numpy")}

    def calls(self, case, y_true, y_pred):
        loss = case.loss()
        return {
            "value": lambda: loss(y_true, y_pred),
            "both": lambda: loss.value_and_gradient(y_true, y_pred),
        }


class LossbookFast(Lossbook):
    """The same with the fast mode on, and the gradient's array kept, as its documentation advises."""

    key = "fast"
    title = "lossbook, fast mode"
    short = "fast mode"

    def load(self):
        super().load()
        import lossbook

        switch = getattr(lossbook, "fast", None)
        if switch is None:
            raise Missing("this version of lossbook has no fast mode")
        switch()

    def calls(self, case, y_true, y_pred):
        loss, kept = case.loss(), np.empty_like(y_pred)
        return {
            "value": lambda: loss(y_true, y_pred),
            "both": lambda: loss.value_and_gradient(y_true, y_pred, out=kept),
        }

    @property
    def threads(self):
        return all_cores()


# --- Keras ------------------------------------------------------------------------------------------


class Keras(Peer):
    """Keras 3 on TensorFlow, called eagerly."""

    key = "keras"
    title = "Keras 3, eager"
    short = "Keras"
    packages = ("tensorflow", "keras")
    environment = {"KERAS_BACKEND": "tensorflow"}

    @property
    def threads(self):
        return all_cores()

    @property
    def losses(self):
        import keras

        return keras.losses

    def tensors(self, y_true, y_pred):
        import tensorflow as tf

        return tf.constant(y_true), tf.constant(y_pred)

    def find(self, case):
        """Return the peer's own class."""
        if not hasattr(self.losses, case.class_name):
            raise Missing(f"{self.title} has no such loss")
        return getattr(self.losses, case.class_name)

    def loss(self, case, dtype):
        """Build the peer's own loss object."""
        return self.find(case)(**case.settings, dtype=dtype)

    def compiled(self, function):
        """Return a function of two tensors as this peer runs it."""
        return function

    def calls(self, case, y_true, y_pred):
        import tensorflow as tf

        loss = self.loss(case, y_pred.dtype.name)

        def value_and_gradient(labels, predictions):
            with tf.GradientTape() as tape:
                tape.watch(predictions)
                value = loss(labels, predictions)
            return value, tape.gradient(value, predictions)

        value = self.compiled(lambda labels, predictions: loss(labels, predictions))
        both = self.compiled(value_and_gradient)
        return {"value": lambda: value(y_true, y_pred), "both": lambda: both(y_true, y_pred)}


class KerasFunction(Keras):
    """Keras 3 inside ``tf.function``."""

    key = "function"
    title = "Keras 3, tf.function"
    short = "function"
    compiles = True

    def compiled(self, function):
        import tensorflow as tf

        return tf.function(function)


class KerasXLA(Keras):
    """Keras 3 inside ``tf.function(jit_compile=True)``."""

    key = "xla"
    title = "Keras 3, XLA"
    short = "XLA"
    compiles = True

    def compiled(self, function):
        import tensorflow as tf

        return tf.function(function, jit_compile=True)


class LegacyKeras(Keras):
    """Keras 2, called eagerly."""

    key = "tf_keras"
    title = "tf_keras, eager"
    short = "tf_keras"
    packages = ("tensorflow", "tf_keras")

    @property
    def losses(self):
        import tf_keras

        return tf_keras.losses

    def loss(self, case, dtype):
        return self.find(case)(**case.settings)  # it computes in the type of the predictions


class KerasNumPy(Keras):
    """Keras 3 on its NumPy backend, which has no gradients."""

    key = "keras_numpy"
    title = "Keras 3 on NumPy"
    short = "on NumPy"
    packages = ("keras",)
    environment = {"KERAS_BACKEND": "numpy"}

    @property
    def threads(self):
        return "1"

    def tensors(self, y_true, y_pred):
        return y_true, y_pred

    def calls(self, case, y_true, y_pred):
        loss = self.loss(case, y_pred.dtype.name)
        return {"value": lambda: loss(y_true, y_pred)}


# --- scikit-learn, PyTorch, Optax -------------------------------------------------------------------


class OwnNames(Peer):
    """A peer with losses under names of its own, matched to ours in a table."""

    def table(self):
        """Return ``{label: function(y_true, y_pred)}``, each giving the mean as lossbook does."""
        raise NotImplementedError

    def function(self, case):
        table = self.table()
        if case.label not in table:
            raise Missing(f"{self.title} has no such loss")
        return table[case.label]


class ScikitLearn(OwnNames):
    """The metrics that are a mean loss. They have no gradients."""

    key = "sklearn"
    title = "scikit-learn"
    short = "sklearn"
    packages = ("sklearn", "sklearn.metrics")

    @property
    def versions(self):
        return {"numpy": version_of("numpy"), "sklearn": version_of("sklearn")}

    def table(self):
        from sklearn import metrics
        from sklearn.metrics.pairwise import paired_cosine_distances

        def log_loss_of_rows(y_true, y_pred):
            return metrics.log_loss(y_true, y_pred, labels=np.arange(y_pred.shape[-1]))

        return {
            "mean_squared_error": metrics.mean_squared_error,
            "mean_absolute_error": metrics.mean_absolute_error,
            "mean_absolute_percentage_error": lambda t, p: 100 * metrics.mean_absolute_percentage_error(t, p),
            "mean_squared_logarithmic_error": metrics.mean_squared_log_error,
            "binary_crossentropy": lambda t, p: metrics.log_loss(t.ravel(), p.ravel()),
            "sparse_categorical_crossentropy": log_loss_of_rows,
            "hinge": lambda t, p: metrics.hinge_loss(t.ravel(), p.ravel()),
            "cosine_similarity": lambda t, p: paired_cosine_distances(t, p).mean() - 1.0,
        }

    def calls(self, case, y_true, y_pred):
        function = self.function(case)
        return {"value": lambda: function(y_true, y_pred)}


class Torch(OwnNames):
    """``torch.nn.functional``, eager, with autograd."""

    key = "torch"
    title = "PyTorch, eager"
    short = "torch"
    packages = ("torch",)

    @property
    def threads(self):
        import torch

        return str(torch.get_num_threads())

    def tensors(self, y_true, y_pred):
        import torch

        return torch.from_numpy(y_true), torch.from_numpy(y_pred)

    def table(self):
        import torch
        from torch.nn import functional as F

        def ctc(labels, scores):
            batch, frames, _ = scores.shape
            log_shares = scores.transpose(0, 1).log_softmax(-1)
            lengths = torch.full((batch,), frames), torch.full((batch,), labels.shape[1])
            return F.ctc_loss(log_shares, labels, *lengths, reduction="none").mean()

        return {
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

    def calls(self, case, y_true, y_pred):
        import torch

        function = self.function(case)
        watched = y_pred.clone().requires_grad_()

        def both():
            value = function(y_true, watched)
            return value.detach(), torch.autograd.grad(value, watched)[0]

        return {"value": lambda: function(y_true, y_pred), "both": both}


class Optax(OwnNames):
    """Optax under ``jax.jit``, with ``jax.value_and_grad``; each call waits for its result."""

    key = "optax"
    title = "Optax, jit"
    short = "Optax"
    compiles = True
    packages = ("jax", "optax")
    environment = {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}

    @property
    def threads(self):
        return all_cores()

    def tensors(self, y_true, y_pred):
        import jax

        return jax.device_put(y_true), jax.device_put(y_pred)

    def table(self):
        import jax.numpy as jnp
        from optax import losses

        def ctc(labels, scores):
            no_padding = jnp.zeros(scores.shape[:2], scores.dtype), jnp.zeros(labels.shape, scores.dtype)
            return losses.ctc_loss(scores, no_padding[0], labels, no_padding[1]).mean()

        def sparse(labels, scores):
            return losses.softmax_cross_entropy_with_integer_labels(scores, labels).mean()

        return {
            "mean_squared_error": lambda t, p: losses.squared_error(p, t).mean(),
            "huber": lambda t, p: losses.huber_loss(p, t).mean(),
            "log_cosh": lambda t, p: losses.log_cosh(p, t).mean(),
            "binary_crossentropy(from_logits=True)": lambda t, p: losses.sigmoid_binary_cross_entropy(
                p, t
            ).mean(),
            "categorical_crossentropy(from_logits=True)": lambda t, p: losses.softmax_cross_entropy(
                p, t
            ).mean(),
            "sparse_categorical_crossentropy(from_logits=True)": sparse,
            "kl_divergence": lambda t, p: losses.kl_divergence(jnp.log(p), t).mean(),
            "binary_focal_crossentropy(from_logits=True)": lambda t, p: losses.sigmoid_focal_loss(
                p, t, gamma=2.0
            ).mean(),
            "hinge": lambda t, p: losses.hinge_loss(p, t).mean(),
            "cosine_similarity": lambda t, p: -losses.cosine_similarity(p, t).mean(),
            "ctc": ctc,
        }

    def calls(self, case, y_true, y_pred):
        import jax

        function = self.function(case)
        value = jax.jit(lambda labels, predictions: function(labels, predictions))
        both = jax.jit(jax.value_and_grad(lambda predictions, labels: function(labels, predictions)))
        return {
            "value": lambda: jax.block_until_ready(value(y_true, y_pred)),
            "both": lambda: jax.block_until_ready(both(y_pred, y_true)),
        }


OURS = {peer.key: peer for peer in (Lossbook(), LossbookFast())}
"""lossbook, as it comes and with its fast mode on."""

THEIRS = {
    peer.key: peer
    for peer in (
        Keras(),
        KerasFunction(),
        KerasXLA(),
        LegacyKeras(),
        KerasNumPy(),
        ScikitLearn(),
        Torch(),
        Optax(),
    )
}
"""The peers, in the order of the tables' columns."""

PEERS = {**OURS, **THEIRS}
