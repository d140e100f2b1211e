"""The steps of a loss, noted: its very function is called, with stand-ins for one row of a batch.

Nothing is parsed. ``error = y_pred - y_true`` runs as it stands in the loss, and the stand-in notes that a
difference was asked for. The function runs in a copy of its module in which ``np`` is ``NUMPY`` below and
``as_pair`` hands back the stand-ins. All else, helpers and checks included, is the loss's own code.

A function may look at its data before it goes on: *is any label out of range? is every cost finite?* Such a
question, about the whole batch, is answered as it nearly always comes out (nothing is the matter), and noted
as a *guard*: the loop watches whether the answer was right. Where it was not, another trace is made with the
other answer; where that one ends in an error, the plain function is called, which gives it.
"""

import math
import sys
import threading
from collections import namedtuple
from types import FunctionType, SimpleNamespace

import numpy as np

__all__ = ["Guard", "Step", "Trace", "Untraceable", "copied", "note"]

ENTRY, ROW = 2, 1
"""What a step depends on, as bits: the entry within a row, the row. Neither: it is one number for all."""
REDUCTIONS = ("sum", "max", "any")
DEAR = ("exp", "expm1", "log", "log1p", "tanh", "power")
"""What takes as long as about four simple steps."""
MANY = 32
"""Numbers that a setting lists, at the most."""
LOCK = threading.RLock()
_now = None  # the trace that is being made


class Untraceable(Exception):
    """A function asks a stand-in for something that no loop can do."""


class Step:
    """One step: what is done, and with what.

    Attributes
    ----------
    op : str
        A sign, or the name of a function or of what is read.
    args : tuple
        Steps, and Python's numbers.
    kind : str
        ``"f"`` for numbers, ``"i"`` for whole ones, ``"b"`` for True and False.
    span : int
        ``ENTRY``, ``ROW``, both or neither.
    stage : int
        How many sums over a row must be known before.
    number : int
        Its place in the trace.
    """

    def __init__(self, op, args, kind, span, number):
        self.op, self.args, self.kind, self.number = op, args, kind, number
        steps = [one for one in args if isinstance(one, Step)]
        self.span = max((one.span for one in steps), default=0) if span is None else span
        if span is None and any(one.span & ROW for one in steps):
            self.span |= ROW
        if op in (*REDUCTIONS, "pick"):
            self.span &= ~ENTRY
        self.stage = max((one.stage for one in steps), default=0) + (op in REDUCTIONS)
        self.is_dear = op in DEAR and bool(self.span & ENTRY)


Guard = namedtuple("Guard", "witness found")
"""A step that is True where something is the matter, and whether it is so anywhere in the batch."""


class Trace:
    """All steps of one loss: of its value, and of its slope where that is asked for.

    Parameters
    ----------
    spec : LossSpec
        The loss.
    parameters : dict
        Its settings; an `axis` among them is the last one, or None for a whole region.
    with_slope : bool
        Whether the slope is asked for.
    answers : tuple of bool
        To the questions that come first; all others are answered with False, nothing is the matter.

    Attributes
    ----------
    value : Step
        The result.
    slope : Step or None
        Its slope, if asked for.
    guards : list of Guard
        What the loop has to watch.
    names : dict
        What the loss's own lines call a step, by its number.
    numbered : bool
        Whether there is one class number for each row.
    pairwise : bool
        Whether a row is one sample beside all others.
    """

    def __init__(self, spec, parameters, with_slope, answers=()):
        self.answers, self.guards, self.names, self.steps, self.looked_at = answers, [], {}, {}, set()
        self.numbered = self.pairwise = self.has_data = False
        given = {key: Parameter(key, one) if type(one) is float else one for key, one in parameters.items()}
        global _now
        with LOCK:
            before, _now = _now, self
            try:
                data, copies = (note("y_true", span=ENTRY | ROW), note("y_pred", span=ENTRY | ROW)), {}
                self.value = step_of(self._call(copied(spec.function, copies), data, given))
                self.slope = None
                if with_slope:
                    self.slope = step_of(self._call(copied(spec.gradient, copies), data, given))
            finally:
                _now = before
        if self.value.span & ENTRY or self.slope is not None and not self.slope.span & ENTRY:
            raise Untraceable("a value for each entry, or one slope for all")

    def _call(self, function, data, given):
        """Call a function, and keep the names that its lines, or those of its helpers, give to steps."""
        self.has_data, helpers = False, {}

        def look(frame, event, result):
            if event == "return" and frame.f_globals.get("np") is NUMPY:
                names = self.names if frame.f_code is function.__code__ else helpers
                for name, one in frame.f_locals.items():
                    if isinstance(one, Array) and isinstance(one.step, Step):
                        names.setdefault(one.step.number, name)

        if sys.getprofile() is not None:  # another looks on: names are not worth his view
            return function(*data, **given)
        sys.setprofile(look)
        try:
            return function(*data, **given)
        finally:
            sys.setprofile(None)
            self.names = {**helpers, **self.names}

    def answer(self, witness):
        """Tell whether something is the matter, as this trace takes it, and note that it was asked."""
        for guard in self.guards:
            if guard.witness is witness:
                return guard.found
        found = self.answers[len(self.guards)] if len(self.guards) < len(self.answers) else False
        self.guards.append(Guard(witness, found))
        return found


def note(op, *args, kind="f", span=None):
    """Note a step, and return what stands for its result; what is asked for twice is noted once."""
    args = tuple(step_of(one) for one in args)
    key = (op, kind, span, *((type(one), getattr(one, "number", one)) for one in args))
    if key not in _now.steps:
        _now.steps[key] = Step(op, args, kind, span, len(_now.steps))
    return Array(_now.steps[key])


def noting(op, kind="f", convert=None):
    """Return a function that notes one kind of step."""
    convert = as_number if convert is None else convert
    return lambda *args: note(op, *map(convert, args), kind=kind)


def step_of(one):
    """Return the step of a stand-in; a plain number as it is."""
    if isinstance(one, Parameter):
        return float.__pos__(one) if one.name in _now.looked_at else one.open().step
    one = one.step if isinstance(one, Array) else one.item() if isinstance(one, np.generic) else one
    if type(one) not in (float, int, bool, Step):
        raise Untraceable(f"{type(one).__name__} among the steps")
    return one


def as_number(one):
    """Return 1 for True and 0 for False, as NumPy does in arithmetic."""
    return note("where", one, 1.0, 0.0) if isinstance(one, Array) and one.step.kind == "b" else one


# --- what stands for a row ------------------------------------------------------------------------------


class Array:
    """What stands for an array: one row of it, whose length is not known yet."""

    size, dtype = 0, np.dtype("f8")
    ndim = property(lambda self: int(self.step.span != 0))
    shape = property(lambda self: (COUNT,) if self.step.span & ENTRY else (1,) * self.ndim)
    T = property(lambda self: self)
    __array_ufunc__ = None  # a number of NumPy's leaves the arithmetic to this
    __hash__ = None

    def __init__(self, step):
        self.step = step

    def __bool__(self):
        raise Untraceable("a branch for each row")

    def __setitem__(self, chosen, numbers):
        self.step = step_of(where(chosen, numbers, self))

    def __matmul__(self, points):
        return Product(self.step)

    def __pow__(self, power):
        """Note a power; small whole ones are products, as exact and many times as fast."""
        if isinstance(power, Array):
            return note("power", self, power)
        power = float(power)
        if power in (0, 0.5, -1):
            return note("+", 1.0, 0.0) if power == 0 else 1.0 / self if power == -1 else note("sqrt", self)
        if not power.is_integer() or not 1 <= power <= 8:
            return note("power", self, power)
        half = self if power < 4 else self ** (power // 2)
        return self if power == 1 else half * half * self if power % 2 else half * half

    def copy(self):
        return Array(self.step)

    def astype(self, dtype, copy=True):
        return as_number(self)

    def reshape(self, *shape):
        return self

    squeeze = reshape

    def _reduced(self, op, axis=None, keepdims=False, dtype=None):
        if axis is None:
            return Whole(op, self)
        if op not in REDUCTIONS or not self.step.span & ENTRY:
            raise Untraceable(f"the {op} of a row")
        return note(op, self if op == "any" else as_number(self), kind="b" if op == "any" else "f")


def _reduction(op):
    return lambda self, axis=None, keepdims=False, dtype=None: self._reduced(op, axis)


def _logic(op, absorbing):
    return lambda self, other: (
        note(op, self, other, kind="b")
        if isinstance(other, Array)
        else absorbing
        if other is absorbing
        else self
    )


for _op in ("sum", "max", "min", "any", "all"):
    setattr(Array, _op, _reduction(_op))
for _name, _op in {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}.items():
    setattr(Array, f"__{_name}__", noting(_op))
    setattr(Array, f"__r{_name}__", lambda self, other, op=_op: noting(op)(other, self))
for _name, _op in {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}.items():
    setattr(Array, f"__{_name}__", noting(_op, "b"))
Array.__neg__, Array.__invert__ = noting("negative"), noting("not", "b", step_of)
Array.__and__, Array.__or__ = _logic("&", False), _logic("|", True)


class Whole:
    """The largest, least or sum of a whole batch, or whether any or all are so: it can only be asked."""

    def __init__(self, op, array):
        self.op, self.array = op, array

    def __bool__(self):
        if self.op not in ("any", "all"):
            raise Untraceable(f"the {self.op} of a batch")
        witness = self.array if self.op == "any" else ~self.array
        return _now.answer(witness.step) == (self.op == "any")

    def _compared(self, sign, other):
        if self.op not in ("max", "min"):
            raise Untraceable(f"the {self.op} of a batch")
        some = (sign in (">", ">=")) == (self.op == "max")  # the largest is above it: some are
        return Whole("any" if some else "all", note(sign, self.array, other, kind="b"))


for _name, _op in {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items():
    setattr(Whole, f"__{_name}__", lambda self, other, sign=_op: self._compared(sign, other))


class Parameter(float):
    """A number among the settings: it stays open in the loop, unless the function looks at it."""

    def __new__(cls, name, value):
        self = super().__new__(cls, value)
        self.name = name
        return self

    def open(self):
        return note(f"given_{self.name}", span=0)

    def look(self):
        if _now.has_data:  # before, it is the checks of the settings that look
            _now.looked_at.add(self.name)
        return float.__pos__(self)

    __float__, __hash__ = look, float.__hash__


def _open(name):
    def method(self, *others):
        is_open = _now.has_data and self.name not in _now.looked_at
        return getattr(self.open() if is_open else float.__pos__(self), name)(*others)

    return method


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "neg"):
    setattr(Parameter, f"__{_name}__", _open(f"__{_name}__"))
for _name in ("lt", "le", "gt", "ge", "eq", "ne", "bool", "abs", "pow", "rpow"):
    setattr(Parameter, f"__{_name}__", lambda self, *a, name=f"__{_name}__": getattr(self.look(), name)(*a))


class Points(Array):
    """The embeddings of a batch: NumPy takes their products, before the loops and after them."""

    def __matmul__(self, points):
        return note("y_pred", span=ENTRY | ROW)


class Product(Array):
    """What the loops find, times the embeddings: the loops end before."""

    def __add__(self, other):
        return self


class _Count(Array):
    """The number of entries in a row."""

    step = property(lambda self: note("count", kind="i", span=0).step)

    def __init__(self):
        pass


COUNT = _Count()


# --- what a function finds under the names of its module ---------------------------------------------------


def where(chosen, yes, no):
    if isinstance(chosen, (bool, np.bool_)):
        return yes if chosen else no
    kinds = {getattr(step_of(one), "kind", type(one)) for one in (yes, no)}
    return note("where", chosen, as_number(yes), as_number(no), kind="i" if kinds <= {"i", int} else "f")


def isnan(numbers):
    if isinstance(numbers, Whole) and numbers.op == "sum":  # a sum is, where an entry is
        return Whole("any", isnan(numbers.array))
    return note("isnan", numbers, kind="b")


def places(count):
    if count is not COUNT:
        raise Untraceable("places along another array")
    return note("place", kind="i", span=ENTRY)


def listed(given):
    """Stand for numbers that are listed, one for each entry of a row: a choice among them."""
    if not isinstance(given, tuple):
        return given
    if len(given) > MANY or Whole("any", note("!=", COUNT, len(given), kind="b", span=ROW)):
        raise Untraceable("numbers for more or fewer entries, or for many")
    chosen = float(given[-1])
    for number, one in enumerate(given[:-1]):
        chosen = where(places(COUNT) == number, float(one), chosen)
    return chosen


NUMPY = SimpleNamespace(
    inf=np.inf, errstate=np.errstate, ndim=np.ndim, ndarray=np.ndarray, generic=np.generic, bool_=np.bool_,
    where=where, arange=places, isnan=isnan, isinf=noting("isinf", "b"), isfinite=noting("isfinite", "b"),
    **{name: noting(name) for name in ("abs", "sqrt", "sign", "maximum", "minimum", *DEAR[:-1])},
    add=SimpleNamespace(reduce=lambda numbers, axis=None, *_: numbers.sum(axis)),
    clip=lambda numbers, low, high: note("minimum", note("maximum", numbers, low), high),
    divide=lambda part, whole, out, where: NUMPY.where(where, part / whole, out),
    copyto=lambda target, numbers, where: target.__setitem__(where, numbers),
    zeros_like=lambda array: 0.0,
    ones=lambda shape, dtype=None: dtype is bool or 1.0,
    eye=lambda count, dtype=None: places(count) == note("own_place", kind="i", span=ROW),
    take_along_axis=lambda array, index, axis: note("pick", array, index, kind=array.step.kind),
    asarray=lambda given, dtype=None: note("+", given, 0.0) if isinstance(given, float) else listed(given),
    broadcast_to=lambda given, shape: given,
    finfo=lambda dtype: SimpleNamespace(tiny=note("tiny", span=0)),
)  # fmt: skip
"""What the functions find under ``np``: it notes what they ask for. What is not here cannot be traced."""


def as_pair(y_true, y_pred, axis=-1):
    _now.has_data = True
    return y_true, y_pred


def as_labels(y_true, y_pred, axis=-1):
    _now.has_data = _now.numbered = True
    return note("label", kind="i", span=ROW), y_pred


def as_embeddings(y_true, y_pred, ref_labels=None, ref_embeddings=None):
    _now.has_data = _now.numbered = _now.pairwise = True
    points = Points(step_of(y_pred))
    return note("label", kind="i", span=ROW), points, note("other_label", kind="i", span=ENTRY), points


REPLACED = {
    "np": NUMPY,
    "math": SimpleNamespace(isnan=isnan, inf=math.inf),
    "as_pair": as_pair,
    "as_labels": as_labels,
    "as_embeddings": as_embeddings,
}
"""The names whose meaning changes."""


def copied(function, copies):
    """Return a function that runs among stand-ins: its own code, with ``REPLACED`` among its names."""
    home = function.__module__
    if home not in copies:
        copies[home] = {**function.__globals__}
        for name, one in function.__globals__.items():
            if name in REPLACED:
                copies[home][name] = REPLACED[name]
            elif isinstance(one, FunctionType) and one.__module__.partition(".")[0] in ("lossbook", home):
                copies[home][name] = copied(one, copies)
    key = home, function.__qualname__
    if key not in copies:
        rest = function.__name__, function.__defaults__, function.__closure__
        copies[key] = FunctionType(function.__code__, copies[home], *rest)
        copies[key].__kwdefaults__ = function.__kwdefaults__
    return copies[key]
