"""The world of Keras 2, in which ``tensorflow.keras`` and ``keras`` were what ``tf_keras`` is today."""

import builtins
import importlib

from lossbook.tools.engines.loading import load

__all__ = ["LEGACY_TENSORFLOW", "legacy_import"]


class _LegacyTensorFlow:
    """TensorFlow with Keras 2 in it: ``.keras`` is tf_keras, all else is today's TensorFlow."""

    _FROM_KERAS = ("losses", "metrics", "optimizers", "initializers")

    def __getattr__(self, name):
        if name == "keras":
            return load("tf_keras")
        if name in self._FROM_KERAS:
            return getattr(load("tf_keras"), name)
        return getattr(load("tensorflow"), name)

    def __repr__(self):
        return "<module 'tensorflow' with tf_keras>"


LEGACY_TENSORFLOW = _LegacyTensorFlow()
"""What ``import tensorflow`` gave up to TensorFlow 2.15."""


def legacy_import(name, globals=None, locals=None, fromlist=(), level=0):
    """Import as in the days of Keras 2; it stands in for ``__import__``."""
    path = name.removeprefix("tensorflow.")
    if level == 0 and path.split(".")[0] == "keras":
        module = importlib.import_module(f"tf_{path}")
        top = LEGACY_TENSORFLOW if path != name else load("tf_keras")
        return module if fromlist else top
    if level == 0 and name == "tensorflow":
        return LEGACY_TENSORFLOW
    return builtins.__import__(name, globals, locals, fromlist, level)
