"""The engines: frameworks that compute lossbook's losses by their own classes and functions."""

import contextlib
import inspect
import os
import re
import sys
from functools import partial
from typing import NamedTuple

import numpy as np

from lossbook.arrays import as_dtype, is_float
from lossbook.base import Loss
from lossbook.registry import CATALOGUE, own_parameters
from lossbook.tools.engines.legacy import LEGACY_TENSORFLOW, legacy_import
from lossbook.tools.engines.loading import is_installed, load, missing_text, versions_of
from lossbook.tools.render import one_line
from lossbook.tools.show import source

__all__ = ["DEFAULT", "ENGINES", "Engine", "KerasEngine", "NotInEngine", "available", "engine"]

DEFAULT = ("tf.keras", "tf_keras")
"""The engines a comparison asks when none are named."""

SHORT_NAMES = {
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "mean_squared_logarithmic_error": "msle",
    "kl_divergence": "kld",
    "log_cosh": "logcosh",
}
"""Functions that ``tf.keras.losses`` of Keras 3 has under a short name only."""


class NotInEngine(LookupError):
    """The engine has no loss of that name."""


class Bound(NamedTuple):
    """A loss as one engine has it."""

    attribute: str  # where the engine keeps it, such as "tf.keras.losses.mse"
    call: callable  # call(y_true, y_pred, **weights) in the engine's own tensors
    dtype: str | None = None  # the floating type that inputs are cast to first


class Engine:
    """A framework that computes losses: the base class.

    A new engine gives `name`, `packages` and `losses`. For gradients and masks it also says how
    its tensors are made (``tensor(array)``), masked (``masked(tensor, mask)``) and differentiated
    (``slope(call, tensor)``), and for ``outcomes`` what code finds in its world
    (``names()``). Then it is entered in :data:`ENGINES`.

    """

    name = ""  # how readers call it
    packages = ()  # the top-level packages it needs
    losses = None  # the module of its losses
    reductions = None  # those it has; None where it has all of lossbook's
    importer = None  # what ``import`` does in its world; None is Python's own

    @property
    def installed(self):
        """Whether its packages can be imported; nothing is imported to find out."""
        return all(is_installed(package) for package in self.packages)

    @property
    def version(self):
        """The installed versions, as text."""
        return versions_of(self.packages)

    def __repr__(self):
        return f"<engine {self.name}: {self.version if self.installed else 'not installed'}>"

    def value(
        self, loss, y_true, y_pred, sample_weight=None, mask=None, *, dtype=None, as_lists=False, **parameters
    ):
        """Compute a loss with the engine's own class or function of that name.

        Parameters
        ----------
        loss : Loss or callable
            A lossbook loss object, or a lossbook function (then one value per sample).
        y_true, y_pred : array_like
            Labels and predictions, passed as they are. Lists become arrays first, their
            fractions float32, as every framework reads a list.
        sample_weight, mask : array_like, optional
            For a loss object. The mask is attached to `y_pred` as Keras layers do.
        dtype : str, optional
            The floating type to compute in. By default that of the loss, else the engine's own.
        as_lists : bool
            Hand lists over as lists.
        **parameters
            Parameters of a lossbook function, such as ``delta=2.0``.

        Returns
        -------
        numpy.ndarray or NumPy scalar

        Raises
        ------
        NotInEngine
            If the engine has no loss of that name.
        ImportError
            If the engine is not installed.
        TypeError, ValueError
            If the engine's loss has no such parameter or reduction. Errors of the engine
            itself come through as they are.
        """
        bound, weights = self._prepared(loss, sample_weight, mask, dtype, parameters)
        if not as_lists:
            y_true, y_pred = as_array(y_true, bound.dtype), as_array(y_pred, bound.dtype)
        if mask is not None:
            y_pred = self.masked(self.tensor(y_pred), mask)
        with self.context(y_pred):
            return np.asarray(plain(bound.call(y_true, y_pred, **weights)))[()]

    def gradient(
        self, loss, y_true, y_pred, sample_weight=None, mask=None, *, dtype=None, as_lists=False, **parameters
    ):
        """Differentiate a loss in `y_pred`, by the engine's automatic differentiation.

        Parameters are those of :meth:`value`. `y_pred` enters as a tensor even where
        `as_lists` asks for lists: there is no derivative in a list.

        Returns
        -------
        numpy.ndarray or None
            Shape and floating type of `y_pred`; of the sum, where the loss gives several
            values. None where the engine finds no path from `y_pred` to the value, and
            where `y_pred` holds integers.
        """
        bound, weights = self._prepared(loss, sample_weight, mask, dtype, parameters)
        y_true, y_pred = as_array(y_true, bound.dtype), as_array(y_pred, bound.dtype)
        if not is_float(np.asarray(y_pred).dtype):
            return None

        def call(point):
            point = point if mask is None else self.masked(point, mask)
            return bound.call(y_true, point, **weights)

        with self.context(y_pred):
            return plain(self.slope(call, self.tensor(y_pred)))

    def value_and_gradient(self, *given, **options):
        """Return :meth:`value` and :meth:`gradient` as a pair."""
        return self.value(*given, **options), self.gradient(*given, **options)

    def _prepared(self, loss, sample_weight, mask, dtype, parameters):
        check_call(loss, parameters, sample_weight, mask)
        weights = {} if sample_weight is None else {"sample_weight": as_array(sample_weight)}
        return self.bind(loss, dtype, **parameters), weights

    def find(self, name):
        """Find a class or function by lossbook's name: its path in the engine and itself, or None."""
        for attribute in (name, SHORT_NAMES.get(name)):
            if attribute and hasattr(self.losses, attribute):
                return f"{self.name}.losses.{attribute}", getattr(self.losses, attribute)
        return None

    def counterpart(self, loss):
        """Find lossbook's own form of one of this engine's losses; None where there is none."""
        return None

    def bind(self, loss, dtype=None, **parameters):
        """Build the engine's own form of a loss; arguments and errors are those of :meth:`value`."""
        path, theirs, given, dtype = self._matched(loss, dtype, parameters)
        known = inspect.signature(theirs).parameters
        if not isinstance(loss, Loss):
            for name, parameter in own_parameters(loss).items():
                if name in known and known[name].default is inspect.Parameter.empty:
                    given.setdefault(name, parameter.default)
            return Bound(path, partial(theirs, **given), dtype)
        typed = {"dtype": dtype} if dtype and "dtype" in known else {}
        return Bound(path, theirs(**given, **typed, reduction=loss.reduction), dtype)

    def _matched(self, loss, dtype, parameters):
        """Find the engine's own form, and of the settings those that it knows."""
        check_call(loss, parameters)
        found = self.find(name_of(loss))
        if found is None:
            raise NotInEngine(f"{name_of(loss)} is not in {self.name}")
        path, theirs = found
        if isinstance(loss, Loss) and self.reductions and loss.reduction not in self.reductions:
            had = ", ".join(map(str, self.reductions))
            raise ValueError(f"{self.name} has no reduction={loss.reduction!r}: it has {had}")
        function = loss.function if isinstance(loss, Loss) else loss
        ours = own_parameters(function) if function else {}
        known = inspect.signature(theirs).parameters
        given = loss.parameters if isinstance(loss, Loss) else parameters
        for name, value in given.items():  # one that the engine lacks may only hold its default
            if name not in known and not (name in ours and value == ours[name].default):
                raise TypeError(f"{path} has no parameter {name!r}")
        given = {name: value for name, value in given.items() if name in known}
        dtype = dtype or getattr(loss, "dtype", None)
        return path, theirs, given, None if dtype is None else as_dtype(dtype).name

    def translation(self, loss, sample_weight=None):
        """Write how a loss is put in the engine's own words, where it is not Keras's."""
        return ""

    def context(self, y_pred):
        """Give a context manager to compute in, with these predictions."""
        return contextlib.nullcontext()


class TranslatedEngine(Engine):
    """A library whose conventions are not Keras's: arguments, reduction and scale are translated.

    A new one gives a module of `forms`, functions under lossbook's names, the `libraries` that they
    get, and its `path`.
    """

    reductions = ("sum_over_batch_size", "mean", "sum", "none", None)
    forms = None
    path = ""
    libraries = ()

    def find(self, name):
        """Find a translation by lossbook's name: the path of what it calls and itself, or None."""
        for spec in CATALOGUE.values():
            form = getattr(self.forms, spec.name, None)
            if form and name in (spec.name, spec.cls.__name__):
                called = re.search(r"\b(?:F|optax)\.(\w+)", source(form))[1]
                return f"{self.path}.{called}", form
        return None

    def translation(self, loss, sample_weight=None):
        """Write how a loss is put in the engine's own words, up to its reduction."""
        body = source(self.find(name_of(loss))[1]).partition("):\n")[2]
        *steps, result = re.sub(r"\n\s+(?=\S)", "\n", body).strip().split("\n")
        result = result.removeprefix("return ")
        result = result if sample_weight is None else f"({result} * sample_weight)"
        ignored = getattr(loss, "parameters", {}).get("ignore_class")
        mean = ".mean()" if ignored is None else f".sum() / (y_true != {ignored}).sum()"
        reduced = {"sum": ".sum()", "none": "", None: ""}.get(getattr(loss, "reduction", None), mean)
        return "; ".join([*steps, result + reduced])

    def bind(self, loss, dtype=None, **parameters):
        """Put a loss in the engine's own words; arguments and errors are those of :meth:`value`."""
        path, form, given, dtype = self._matched(loss, dtype, parameters)
        for package in self.packages:
            if not is_installed(package):
                raise ImportError(missing_text(package), name=package)
        reduction = getattr(loss, "reduction", None)
        ignored = given.get("ignore_class")

        def call(y_true, y_pred, sample_weight=None):
            y_pred = self.tensor(y_pred)
            y_true = self.tensor(y_true, like=y_pred)
            values = form(*self.libraries, y_true, y_pred, **given)
            if sample_weight is not None:
                values = values * self.tensor(sample_weight, like=y_pred).reshape(values.shape)
            if reduction in ("none", None):
                return values
            count = int(np.prod(values.shape)) if ignored is None else (y_true != ignored).sum()
            return values.sum() if reduction == "sum" else values.sum() / count

        return Bound(path, call, dtype)

    def masked(self, tensor, mask):
        """Refuse a mask: only tensors of Keras carry one."""
        raise TypeError(f"Received mask; {self.name} has none. Use a sample_weight of 0 where it hides.")

    def names(self):
        """Give the names that code finds when it runs in this engine's world."""
        return {package: load(package) for package in self.packages}


class KerasEngine(Engine):
    """Keras 3 by itself or as TensorFlow exports it: on TensorFlow's tensors and gradient tape."""

    def __init__(self, name, packages):
        self.name = name
        self.packages = packages

    @property
    def module(self):
        """The engine's Keras module."""
        return load("tensorflow").keras if self.name == "tf.keras" else load(self.name)

    @property
    def losses(self):
        """The engine's module of losses."""
        return self.module.losses

    @property
    def version(self):
        """The installed versions, as text."""
        old = self.name == "tf.keras" and os.environ.get("TF_USE_LEGACY_KERAS") in ("true", "True", "1")
        return versions_of(("tensorflow", "tf_keras") if old else self.packages)

    def counterpart(self, loss):
        """Find lossbook's function, class or object for one of this engine's, with the same settings."""
        if not all(package in sys.modules for package in self.packages):
            return None  # a loss of an engine that was never loaded cannot be at hand
        for spec in CATALOGUE.values():
            for ours in (spec.function, spec.cls):
                found = self.find(ours.__name__)
                if found and loss is found[1]:
                    return ours
                if found and type(loss) is found[1]:
                    return ours(**_settings_of(loss, ours))
        return None

    def tensor(self, given):
        """Turn an array into TensorFlow's tensor."""
        return load("tensorflow").convert_to_tensor(given)

    def masked(self, tensor, mask):
        """Attach a mask to a tensor of predictions."""
        # both worlds read this attribute: backend.get_keras_mask, losses_utils.get_mask
        tensor._keras_mask = self.tensor(np.asarray(mask, dtype=bool))
        return tensor

    def slope(self, call, point):
        """Differentiate ``call(point)``, or its sum, at a tensor; None where there is no path."""
        backend = self.module.backend.backend()
        if backend != "tensorflow":
            raise NotImplementedError(
                f"Received Keras on the {backend} backend; expected tensorflow for a gradient. "
                "Start Python with KERAS_BACKEND=tensorflow."
            )
        with load("tensorflow").GradientTape() as tape:
            tape.watch(point)
            value = call(point)
        gradient = tape.gradient(value, point)
        return None if gradient is None else self.tensor(gradient)

    def names(self):
        """Give the names that code finds when it runs in this engine's world."""
        found = {"tf": load("tensorflow"), "keras": self.module}
        return {**found, "tf_keras": load("tf_keras")} if is_installed("tf_keras") else found


class LegacyKerasEngine(KerasEngine):
    """``tf_keras``: Keras 2, what ``tf.keras`` was up to TensorFlow 2.15."""

    reductions = ("sum_over_batch_size", "sum", "none", "auto")
    importer = staticmethod(legacy_import)

    def names(self):
        """Give the names of those days: tf and keras are of Keras 2."""
        return {"tf": LEGACY_TENSORFLOW, "keras": self.module, "tf_keras": self.module}


ENGINES = {
    "tf.keras": KerasEngine("tf.keras", ("tensorflow", "keras")),
    "keras": KerasEngine("keras", ("keras", "tensorflow")),
    "tf_keras": LegacyKerasEngine("tf_keras", ("tensorflow", "tf_keras")),
}
"""Every engine by name. A new one is entered here."""


def engine(name):
    """Return an engine by name; an engine is returned as it is.

    Raises
    ------
    ValueError
        If there is no engine of that name.

    Examples
    --------
    >>> engine("tf_keras").name
    'tf_keras'
    """
    if isinstance(name, Engine):
        return name
    if name in ENGINES:
        return ENGINES[name]
    raise ValueError(f"Received engine {name!r}; expected one of {', '.join(ENGINES)}.")


def engines_of(names):
    """Return several engines, or the one that is named."""
    return [engine(name) for name in ([names] if isinstance(names, (str, Engine)) else names)]


def available():
    """List the names of the engines installed here; none is imported."""
    return [name for name, engine in ENGINES.items() if engine.installed]


# --- losses and arrays --------------------------------------------------------------------


def name_of(loss):
    """Name a loss by its class or its function: what it is looked for under."""
    return type(loss).__name__ if isinstance(loss, Loss) else loss.__name__


def check_call(loss, parameters, sample_weight=None, mask=None):
    """Raise TypeError where a loss is none, or is given what it cannot take beside the data."""
    if isinstance(loss, Loss):
        if parameters:
            raise TypeError(
                f"Received {', '.join(parameters)} beside a loss object; expected parameters with a "
                "function or a class only. Give them to the object when you make it."
            )
    elif not callable(loss):
        raise TypeError(
            f"Received {one_line(loss)} as the loss; expected a lossbook loss object or function, "
            "such as lossbook.Huber() or lossbook.huber."
        )
    elif sample_weight is not None or mask is not None:
        raise TypeError(
            "Received sample_weight or mask with a loss function; expected them with a loss object only. "
            "Use the class form."
        )


def _settings_of(loss, cls):
    """Read the settings of an object of Keras, in lossbook's words.

    Keras 3.15's ``get_config`` leaves out some of them (Huber's delta, the axis of the cosine
    similarity): they are read where the object keeps them for its function.
    """
    config = {**loss.get_config(), **getattr(loss, "_fn_kwargs", {}), **getattr(loss, "fn_kwargs", {})}
    settings = {name: value for name, value in config.items() if name in own_parameters(cls.function)}
    settings["reduction"] = "sum_over_batch_size" if config["reduction"] == "auto" else config["reduction"]
    dtype = getattr(loss, "dtype", None)
    return settings if dtype in (None, "float32") else {**settings, "dtype": dtype}


def as_array(given, dtype=None):
    """Turn a list or a number into the array a framework would make of it; leave all else alone.

    Fractions become float32, or `dtype` where it is given; then those of arrays too.

    >>> as_array([0.5, 1]).dtype, as_array([1, 2]).dtype.kind, as_array(np.zeros(2)).dtype
    (dtype('float32'), 'i', dtype('float64'))
    """
    if dtype is None and not isinstance(given, (list, tuple, int, float)):
        return given
    array = np.asarray(given)
    return array.astype(as_dtype(dtype or "float32")) if is_float(array.dtype) else array


def plain(value):
    """Turn tensors into NumPy, within lists and tuples too; leave all else alone."""
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    if isinstance(value, type) or not callable(getattr(value, "numpy", None)):
        return value
    try:
        return value.numpy()
    except Exception:  # a symbolic tensor has no numbers
        return value
