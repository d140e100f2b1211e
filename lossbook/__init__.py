"""Loss functions from scratch: one step a line, exact gradients, every value checked against Keras.

Each loss has two forms, as in Keras 3. The function gives one value per sample; the
class reduces a batch to one number and takes weights and masks.

>>> import lossbook
>>> lossbook.huber([[0.0, 0.0]], [[0.5, 3.0]])
array([1.3125])
>>> float(lossbook.Huber(delta=1.0)([[0.0, 0.0]], [[0.5, 3.0]]))
1.3125

The function form is as quiet as NumPy: it warns of an overflow only where a value has no
place in its type and becomes infinite, such as the square of 1e30 in float32, and of a
division by zero only where a slope is infinite. The class form never warns.
"""

import importlib as _importlib
import sys as _sys
import types as _types

# isort: off
from lossbook import regression, probability, focal, margins  # noqa: F401  (the order of the chapters)
from lossbook import overlap, similarity, sequence  # noqa: F401

# isort: on
from lossbook.arrays import EPSILON
from lossbook.base import REDUCTIONS, Loss, reduce_values
from lossbook.blocks import fast
from lossbook.probability import log_softmax, log_sum_exp, sigmoid, softmax
from lossbook.registry import CATALOGUE
from lossbook.registry import exports as _exports

__version__ = "0.1.0"

_FROM_CATALOGUE = _exports()
globals().update(_FROM_CATALOGUE)

__all__ = [
    "CATALOGUE",
    "EPSILON",
    "REDUCTIONS",
    "Loss",
    "compare",
    "explain",
    "explore",
    "fast",
    "get",
    "log_softmax",
    "log_sum_exp",
    "reduce_values",
    "sigmoid",
    "softmax",
    *_FROM_CATALOGUE,
]


# --- the tools, loaded on first use ---------------------------------------------------------

_TOOLS = ("compare", "explain", "explore")  # functions, each in a module of its name
_MODULES = ("engines", "render")


class _Package(_types.ModuleType):
    """This package, in which the name of a tool always stands for the function, never for its module."""

    def __getattr__(self, name):
        if name in _TOOLS or name in _MODULES:
            _importlib.import_module(f"{__name__}.{name}")  # which sets the name, below
            return vars(self)[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __setattr__(self, name, value):
        if name in _TOOLS and isinstance(value, _types.ModuleType):  # Python does so when it has loaded one
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __dir__(self):
        return sorted({*vars(self), *_TOOLS, *_MODULES})


_sys.modules[__name__].__class__ = _Package


# --- a loss by its name --------------------------------------------------------------------


def get(identifier):
    """Return a loss by any name Keras knows it by.

    Parameters
    ----------
    identifier : str, dict, callable or None
        A function's name or short name (``"huber"``, ``"mse"``) gives the function; a
        class's name (``"Huber"``) an object with its defaults; a dictionary with
        ``class_name`` and ``config`` the object it describes. Anything callable, and
        None, comes back as it is.

    Returns
    -------
    callable or None
        A loss function or a :class:`~lossbook.base.Loss`.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If the identifier is none of these.

    Examples
    --------
    >>> get("mse").__name__, get("Huber")
    ('mean_squared_error', Huber(delta=1.0))
    """
    if identifier is None or callable(identifier):
        return identifier
    if isinstance(identifier, dict):
        return _class_named(identifier.get("class_name")).from_config(identifier.get("config", {}))
    if not isinstance(identifier, str):
        raise TypeError(
            f"Received {type(identifier).__name__}; expected a name, a dictionary or a callable. "
            "Names are those of lossbook.CATALOGUE."
        )
    for spec in CATALOGUE.values():
        if identifier in (spec.name, *spec.aliases):
            return spec.function
    return _class_named(identifier)()


def _class_named(name):
    classes = {spec.cls.__name__: spec.cls for spec in CATALOGUE.values()}
    if name in classes:
        return classes[name]
    known = [*classes, *CATALOGUE, *(alias for spec in CATALOGUE.values() for alias in spec.aliases)]
    import difflib  # rarely needed

    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else "See lossbook.CATALOGUE for every name."
    raise ValueError(f"Received the loss name {name!r}; expected one that lossbook knows. {hint}")
