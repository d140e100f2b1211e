"""The catalogue: every loss of the package, its gradient, its class, its formula, its source and its facts.

Nothing is listed by hand. A loss enters the catalogue where it is written, through
:func:`loss`; its gradient joins it through :func:`gradient_of`. Both hand the function
back untouched, so that ``help``, tracebacks, pickling and ``explain`` see the real one.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Facts:
    """What to know of a loss beside its formula, at its default settings where they matter.

    These are words, and ``tests/test_facts.py`` tries each of them: the range on random data and at
    the best prediction, the best constant on random targets, the trap by running its row.

    Attributes
    ----------
    minimiser : str
        The prediction that costs least, if it has to be the same for every sample.
    labels : str
        What ``y_true`` holds.
    output : str
        What the last layer of the model gives.
    trap : str
        The one surprise to know.
    proof : str
        The row of :data:`lossbook.book.differences.DIFFERENCES` that shows the trap, by its id.
    low : str
        The lowest value for usual data: a number, ``"inf"``, or ``"1 / q"``.
    high : str
        The highest value. Where probabilities are clipped (see ``lossbook.EPSILON``), the value
        without the clip.
    """

    minimiser: str
    labels: str
    output: str
    trap: str
    proof: str
    low: str = "0"
    high: str = "inf"


@dataclass
class LossSpec:
    """One loss, as the catalogue knows it.

    Attributes
    ----------
    name : str
        The function's name, such as ``"huber"``.
    function : callable
        ``function(y_true, y_pred, **parameters)``: one value per sample.
    formula : str
        The value of one sample, in LaTeX.
    source : str
        Key of the defining paper in ``book/references.bib``.
    aliases : tuple of str
        Other names Keras knows it by.
    facts : Facts or None
        What to know of it beside the formula.
    gradient : callable or None
        The slope of each sample's value in each number of `y_pred`, same parameters.
        If it takes a keyword ``upstream``, the samples depend on each other, and it
        returns the slope of ``sum(upstream * values)`` instead.
    gradient_formula : str
        The same in LaTeX.
    mask : callable or None
        ``mask(values, y_true, y_pred, **parameters)``: True where a value counts, where
        the loss itself decides that; None where all count. Of a loss that may be split it
        may look at the shape of the values alone: they are filled in later.
    cls : type or None
        The class form.
    splits : str or None
        How a large batch may be split into blocks (:mod:`lossbook.blocks`) and keep its values.
        ``"rows"``: between rows, each of which has a value of its own. ``"mean"``: anywhere,
        since a value is the mean of one cost for each entry of its row; ``"sum"``: the same
        with a sum. None: nowhere.
    inseparable : callable or None
        ``inseparable(labels)``: True where these labels say something only together, so that the
        batch must not be split.
    axes : tuple of int
        The axes of `y_pred` that one value is made of, unless a parameter `axis` says so.
    per_sample : tuple of str
        Parameters that hold one entry for each sample.
    between_samples : bool
        Whether samples are compared with each other, so that one counts in the values of others.
    keras : bool
        Whether Keras has this loss, under this name. Where it has not, other oracles carry the tests.
    couples_samples : bool
        Whether the gradient takes the weight of each value as ``upstream``.
    """

    name: str
    function: Callable[..., Any]
    formula: str
    source: str
    aliases: tuple[str, ...] = ()
    facts: Facts | None = None
    gradient: Callable[..., Any] | None = None
    gradient_formula: str = ""
    mask: Callable[..., Any] | None = None
    cls: type | None = None
    splits: str | None = None
    inseparable: Callable[..., Any] | None = None
    axes: tuple[int, ...] = (-1,)
    per_sample: tuple[str, ...] = ()
    between_samples: bool = False
    keras: bool = True
    couples_samples: bool = False

    @property
    def family(self):
        """The module the loss is written in, such as ``"regression"``."""
        return self.function.__module__.rpartition(".")[2]

    @property
    def parameters(self):
        """The function's own parameters, name to :class:`inspect.Parameter`, without the data."""
        return own_parameters(self.function)


_SPECS = {}
CATALOGUE = MappingProxyType(_SPECS)
"""Every loss by its function's name, in the order of the chapters. Read-only."""


def loss(
    *, formula: str, source: str, aliases: tuple[str, ...] = (), facts: Facts | None = None, **layout: Any
) -> Callable[[Function], Function]:
    """Enter a loss function into the catalogue.

    Parameters
    ----------
    formula : str
        The value of one sample, in LaTeX.
    source : str
        Key of the defining paper in ``book/references.bib``.
    aliases : tuple of str
        Other names Keras knows it by.
    facts : Facts, optional
        What to know of it beside the formula; the cheat sheet of the book shows them.
    **layout
        What is unusual about it: `splits`, `inseparable`, `axes`, `per_sample`, `between_samples` and
        `keras` of :class:`LossSpec`.

    Returns
    -------
    callable
        A decorator that returns the function untouched.

    Raises
    ------
    TypeError
        If the function's first two parameters are not ``y_true, y_pred``, the name is taken,
        or it cannot be split so.
    """

    def enter(function):
        names = list(inspect.signature(function).parameters)
        if names[:2] != ["y_true", "y_pred"]:
            raise TypeError(
                f"Received {function.__name__}({', '.join(names)}); expected y_true and y_pred first."
            )
        if function.__name__ in _SPECS:
            raise TypeError(f"Received a second loss named {function.__name__}; expected one. Rename it.")
        if layout.get("splits") not in ("rows", "mean", "sum", None):
            raise TypeError(f"Received splits={layout['splits']!r}; expected 'rows', 'mean', 'sum' or None.")
        _SPECS[function.__name__] = LossSpec(
            name=function.__name__,
            function=function,
            formula=formula,
            source=source,
            aliases=aliases,
            facts=facts,
            **layout,
        )
        return function

    return enter


def gradient_of(function: Callable[..., Any], *, formula: str) -> Callable[[Function], Function]:
    """Enter the gradient of a loss into the catalogue.

    Parameters
    ----------
    function : callable
        A function that :func:`loss` has entered.
    formula : str
        The slope of one sample's value in one number of ``y_pred``, in LaTeX.

    Returns
    -------
    callable
        A decorator that returns the gradient function untouched.

    Raises
    ------
    TypeError
        If the parameters are not the loss's own, or the name is not ``<loss>_gradient``.
    """
    spec = spec_of(function)

    def enter(gradient):
        expected = f"{spec.name}_gradient"
        if gradient.__name__ != expected:
            raise TypeError(f"Received a gradient named {gradient.__name__}; expected {expected}.")
        _check_same_parameters(gradient, function, extra=("upstream",))
        spec.couples_samples = "upstream" in inspect.signature(gradient).parameters
        spec.gradient = gradient
        spec.gradient_formula = formula
        return gradient

    return enter


def mask_of(function):
    """Enter the mask that a loss makes itself, such as that of ``ignore_class``.

    It gets the values of the loss first, so that a mask that depends on them costs nothing.

    Raises
    ------
    TypeError
        If the parameters are not ``values`` and then the loss's own.
    """
    spec = spec_of(function)

    def enter(mask):
        _check_same_parameters(mask, function, extra=("values",))
        spec.mask = mask
        return mask

    return enter


def spec_of(function):
    """Return the catalogue's entry for a loss function.

    Raises
    ------
    KeyError
        If the function is not in the catalogue.
    """
    spec = _SPECS.get(getattr(function, "__name__", None))
    if spec is None or spec.function is not function:
        raise KeyError(f"Received {function!r}; expected a function entered with @loss.")
    return spec


def spec_of_gradient(gradient):
    """Return the catalogue's entry for the gradient of a loss.

    Raises
    ------
    KeyError
        If the function is not in the catalogue.
    """
    spec = _SPECS.get(getattr(gradient, "__name__", "").removesuffix("_gradient"))
    if spec is None or spec.gradient is not gradient:
        raise KeyError(f"Received {gradient!r}; expected a function entered with @gradient_of.")
    return spec


def own_parameters(function):
    """Return a loss function's parameters without ``y_true``, ``y_pred``.

    Examples
    --------
    >>> def miss(y_true, y_pred, power=2): ...
    >>> list(own_parameters(miss))
    ['power']
    """
    parameters = dict(inspect.signature(function).parameters)
    del parameters["y_true"], parameters["y_pred"]
    return parameters


def get(identifier: Any) -> Any:
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


def _check_same_parameters(second, first, extra=()):
    ours = [p for p in inspect.signature(second).parameters.values() if p.name not in extra]
    theirs = list(inspect.signature(first).parameters.values())
    if [(p.name, p.default) for p in ours] != [(p.name, p.default) for p in theirs]:
        raise TypeError(
            f"Received {second.__name__}{inspect.signature(second)}; expected the parameters of "
            f"{first.__name__}{inspect.signature(first)}."
        )
