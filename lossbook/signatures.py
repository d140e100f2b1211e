"""How a class of losses gets its signature and its documentation: from its function, or its own __init__."""

import inspect

import numpy as np

from lossbook.registry import own_parameters

FRAME = {"reduction": "sum_over_batch_size", "name": None, "dtype": None}
"""What every class takes beside the parameters of its loss, with the defaults."""


def signature_of(defaults, order=()):
    """Return a signature whose parameters have these defaults.

    Examples
    --------
    >>> signature_of({"delta": 1.0, "name": None}, order=("name", "delta"))
    <Signature (name=None, delta=1.0)>
    """
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [inspect.Parameter(key, kind, default=defaults[key]) for key in order or defaults]
    )


def class_signature(spec, name, order, defaults):
    """Join the function's parameters with reduction, name and dtype, in Keras's order."""
    own = {key: parameter.default for key, parameter in own_parameters(spec.function).items()}
    return signature_of({**own, **FRAME, "name": name, **defaults}, order)


def own_signature(cls):
    """Join the parameters of a subclass's __init__ with those that it hands on to the class above."""
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]
    kept = [parameter for parameter in own if parameter.kind is not parameter.VAR_KEYWORD]
    if len(kept) == len(own):
        return inspect.Signature(kept)
    taken = {parameter.name for parameter in kept}
    above = inspect.signature(cls.__mro__[1]).parameters.values()
    return inspect.Signature(kept + [p.replace(kind=p.KEYWORD_ONLY) for p in above if p.name not in taken])


def has_slope(cls):
    """Tell whether the slope belongs to the values: a class that overrides `call` needs its own."""
    call, slope = (
        next(place for place, base in enumerate(cls.__mro__) if name in vars(base))
        for name in ("call", "call_gradient")
    )
    return cls.function is not None and slope <= call


def class_docstring(cls, spec, frame):
    """Write the class's numpydoc text from its function's and the frame's, so that nothing is told twice."""
    own, shared = parameter_docs(spec.function), parameter_docs(frame)
    wanted = [key for key in inspect.signature(cls).parameters if key in own or key in shared]
    parameters = "\n".join(own.get(key) or shared[key] for key in wanted)
    raises = "ValueError\n    If the reduction is unknown or a parameter is out of range."
    return (
        f"{inspect.cleandoc(cls.__doc__)}\n\nParameters\n----------\n{parameters}\n\n"
        f"Raises\n------\n{raises}\n\nSee Also\n--------\n"
        f"{spec.name} : the same loss as a function, one value per sample."
    )


def parameter_docs(documented):
    """Return the entries of a numpydoc Parameters section by name."""
    lines = inspect.cleandoc(documented.__doc__).splitlines()
    start = lines.index("Parameters") + 2
    entries, names = {}, []
    for line in lines[start:]:
        if not line.strip():
            break
        if not line.startswith(" "):
            names = [name.strip() for name in line.partition(" :")[0].split(",")]
            entries.update({name: line for name in names})
        else:
            entries.update({name: f"{entries[name]}\n{line}" for name in names})
    return entries


def misfit(cls, given, problem):
    """Say what is wrong with the arguments that an object was to be made of."""
    import difflib  # rarely needed

    name, known = cls.__name__, list(cls.settings.parameters)
    if {"y_true", "y_pred"} & set(given):
        return (
            f"Received data where {name} is made; expected its settings. First make the object, then call "
            f"it: {name}()(y_true, y_pred)."
        )
    strange = [key for key in given if key not in known]
    if not strange:
        return f"Received arguments that do not fit ({problem}); expected {name}{cls.settings}. Name them."
    near = difflib.get_close_matches(strange[0], known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"See help(lossbook.{name})."
    return f"Received {strange[0]!r}, which {name} does not take; expected one of {', '.join(known)}. {hint}"


def plain(value):
    """Turn NumPy's numbers and arrays into Python's, so that a configuration can be written down."""
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def snake(name):
    """Turn the name of a class into that of its function.

    Examples
    --------
    >>> snake("MeanSquaredError")
    'mean_squared_error'
    """
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


# --- the checks of a loss, before there are data ---------------------------------------------


class _DataAsked(BaseException):
    """A function without data has come to the end of its checks."""


class _NoData:
    """What stands for data while parameters are checked."""

    def __array__(self, dtype=None, copy=None):
        raise _DataAsked


def run_without_data(function, parameters):
    """Run a loss up to where it asks for numbers: the checks of its parameters come before."""
    try:
        function(_NoData(), _NoData(), **parameters)
    except _DataAsked:
        pass
