"""PyTorch: the losses it shares with Keras, each translated in a line or two, which are shown.

PyTorch takes predictions before labels, and logits or logarithms where Keras takes probabilities. A
function below stands for one loss of lossbook, under its name and with its parameters; it gets
``torch.nn.functional`` and gives one value per sample. ``F.smooth_l1_loss(beta=delta)`` is Huber's
loss divided by delta; PyTorch's hinge losses follow other formulas, and are left out.
"""

import sys

import numpy as np

from lossbook.tools.engines.frameworks import TranslatedEngine
from lossbook.tools.engines.loading import load

__all__ = ["TorchEngine"]


class TorchEngine(TranslatedEngine):
    """``torch``: the functions of ``torch.nn.functional``."""

    name = "torch"
    packages = ("torch",)
    path = "torch.nn.functional"
    forms = sys.modules[__name__]

    @property
    def libraries(self):
        """What the translations get."""
        return (load("torch").nn.functional,)

    def tensor(self, given, like=None):
        """Turn an array into a tensor; labels take the type of the predictions."""
        torch = load("torch")
        tensor = given if isinstance(given, torch.Tensor) else torch.as_tensor(np.asarray(given))
        if like is not None:
            return tensor.to(like.dtype)
        return tensor if tensor.is_floating_point() else tensor.to(torch.float32)

    def slope(self, call, point):
        """Differentiate ``call(point)``, or its sum, at a tensor."""
        point = point.clone().requires_grad_()
        return load("torch").autograd.grad(call(point).sum(), point)[0]


def mean_squared_error(F, y_true, y_pred):
    return F.mse_loss(y_pred, y_true, reduction="none").mean(-1)


def mean_absolute_error(F, y_true, y_pred):
    return F.l1_loss(y_pred, y_true, reduction="none").mean(-1)


def huber(F, y_true, y_pred, delta=1.0):
    return F.huber_loss(y_pred, y_true, delta=delta, reduction="none").mean(-1)


def poisson(F, y_true, y_pred):
    return F.poisson_nll_loss(y_pred, y_true, log_input=False, eps=1e-7, reduction="none").mean(-1)


def kl_divergence(F, y_true, y_pred):
    return F.kl_div(y_pred.clamp(1e-7, 1).log(), y_true.clamp(1e-7, 1), reduction="none").sum(-1)


def binary_crossentropy(F, y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    cost = F.binary_cross_entropy_with_logits if from_logits else F.binary_cross_entropy
    target = y_true * (1 - label_smoothing) + 0.5 * label_smoothing
    return cost(y_pred, target, reduction="none").mean(axis)


def categorical_crossentropy(F, y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    logits = y_pred if from_logits else y_pred.clamp(min=1e-7).log()
    given = logits.movedim(axis, 1), y_true.movedim(axis, 1)
    return F.cross_entropy(*given, label_smoothing=label_smoothing, reduction="none")


def sparse_categorical_crossentropy(F, y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    logits = y_pred if from_logits else y_pred.clamp(min=1e-7).log()
    labels = y_true.reshape(y_pred.movedim(axis, -1).shape[:-1]).long()
    ignored = -100 if ignore_class is None else ignore_class
    return F.cross_entropy(logits.movedim(axis, 1), labels, ignore_index=ignored, reduction="none")


def cosine_similarity(F, y_true, y_pred, axis=-1):
    return -F.cosine_similarity(y_pred, y_true, dim=axis)


def ctc(F, y_true, y_pred):
    frames = y_pred.new_full((y_pred.shape[0],), y_pred.shape[1]).long()
    given = y_pred.log_softmax(-1).transpose(0, 1), y_true.long(), frames, (y_true != 0).sum(-1)
    return F.ctc_loss(*given, blank=0, reduction="none")
