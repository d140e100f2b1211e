"""The steps of a loss, noted: its very function is called, with stand-ins for one row of a batch.

Nothing is parsed. ``error = y_pred - y_true`` runs as it stands in the loss, and the stand-in notes that a
difference was asked for. The function runs in a copy of its module whose ``np`` is :class:`Numpy` below and
whose ``as_pair`` hands back the stand-ins; all else, helpers and checks included, is the loss's own code.

A function may look at its data before it goes on: *is any label out of range? is every cost finite?* Such a
question, about the whole batch, is answered as it nearly always comes out (nothing is the matter), and noted
as a *guard*: the loop then watches whether the answer was right. Where it was not, another trace is made
with the other answer; where that one ends in an error, the plain function is called, which gives it.
"""

import math
import sys
import threading
import types
from collections import namedtuple

import numpy as np

ENTRY, ROW = 2, 1
"""What a step depends on, as bits: the entry within a row, the row. Neither: it is one number for all."""

ELEMENTARY = {"abs": 1, "exp": 1, "expm1": 1, "log": 1, "log1p": 1, "sqrt": 1, "tanh": 1, "sign": 1}
ELEMENTARY |= {"maximum": 2, "minimum": 2}
DEAR = ("exp", "expm1", "log", "log1p", "tanh", "power")
"""What takes as long as about four simple steps: each gets a loop of its own."""
REDUCTIONS = ("sum", "max", "any")

LOCK = threading.RLock()
_now = None  # the trace that is being made


class Untraceable(Exception):
    """A function asked a stand-in for something that no loop can do."""


# --- a step ------------------------------------------------------------------------------------------------


class Step:
    """One step: what is done, and with what.

    Attributes
    ----------
    op : str
        A sign, a function's name, or what is read.
    args : tuple
        Steps, and Python's numbers.
    kind : str
        ``"f"`` for numbers, ``"i"`` for whole ones, ``"b"`` for True and False.
    span : int
        :data:`ENTRY`, :data:`ROW`, both or neither.
    stage : int
        How many sums over the row must be done before.
    number : int
        Its place in the order of the trace.
    """

    def __init__(self, op, args, kind, span, number):
        self.op, self.args, self.kind, self.number = op, args, kind, number
        steps = [one for one in args if isinstance(one, Step)]
        self.span = span
        if span is None:
            self.span = 0
            for one in steps:
                self.span |= one.span
        if op in REDUCTIONS or op == "pick":
            self.span &= ~ENTRY
        self.stage = max((one.stage for one in steps), default=0) + (op in REDUCTIONS)

    @property
    def is_dear(self):
        return self.op in DEAR and bool(self.span & ENTRY)


Guard = namedtuple("Guard", "witness found")
"""A question about the batch: the step that is True where something is the matter, and whether it is so."""


class Trace:
    """All steps of one loss: of its value, and of its slope where that is asked for.

    Attributes
    ----------
    value, slope : Step
        The results; `slope` is None unless asked for.
    guards : list of Guard
        What the loop has to watch.
    baked : set of str
        The parameters whose value the function looked at, so that this trace holds for that value alone.
    names : dict
        What the loss's own lines call a step.
    numbered, pairwise : bool
        Whether there is one class number for each row; whether a row is one sample beside all the others.
    """

    def __init__(self, spec, parameters, with_slope, answers=()):
        self.answers, self.guards, self.baked, self.names, self.steps = answers, [], set(), {}, {}
        self.numbered = self.pairwise = self.has_data = False
        given = {
            name: Parameter(name, one) if type(one) is float else one for name, one in parameters.items()
        }
        global _now
        with LOCK:
            before, _now = _now, self
            try:
                data = note("y_true", span=ENTRY | ROW), note("y_pred", span=ENTRY | ROW)
                copies = {}
                self.value = step_of(self.call(copied(spec.function, copies), *data, **given))
                self.slope = None
                if with_slope:
                    self.slope = step_of(self.call(copied(spec.gradient, copies), *data, **given))
            finally:
                _now = before
        if self.value.span & ENTRY or self.slope is not None and not self.slope.span & ENTRY:
            raise Untraceable("a value for each entry, or one slope for all")

    def call(self, function, *data, **parameters):
        """Call a function, and keep the names that its lines, or those of its helpers, give to steps."""
        self.has_data, helpers = False, {}

        def look(frame, event, result):
            if event == "return" and frame.f_globals.get("np") is NUMPY:
                names = self.names if frame.f_code is function.__code__ else helpers
                for name, one in frame.f_locals.items():
                    if isinstance(one, Array) and isinstance(one.step, Step):
                        names.setdefault(one.step.number, name)

        before = sys.getprofile()
        sys.setprofile(look)
        try:
            return function(*data, **parameters)
        finally:
            sys.setprofile(before)
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
    key = (
        op,
        kind,
        span,
        *((one.number, None) if isinstance(one, Step) else (type(one), one) for one in args),
    )
    found = _now.steps.get(key)
    if found is None:
        found = _now.steps[key] = Step(op, args, kind, span, len(_now.steps))
    return Array(found)


def step_of(one):
    """Return the step of a stand-in; a plain number as it is."""
    if isinstance(one, Parameter):
        return float.__add__(one, 0.0) if one.name in _now.baked else one.symbol().step
    if isinstance(one, Array):
        return one.step
    if isinstance(one, np.generic):
        one = one.item()
    if type(one) in (float, int, bool, Step):
        return one
    raise Untraceable(f"{type(one).__name__} among the steps")


def kind_of(one):
    one = step_of(one)
    return one.kind if isinstance(one, Step) else {float: "f", int: "i", bool: "b"}[type(one)]


def as_number(one):
    """Return 1 for True and 0 for False, as NumPy does in arithmetic."""
    return note("where", one, 1.0, 0.0) if isinstance(one, Array) and one.step.kind == "b" else one


# --- what stands for a row ---------------------------------------------------------------------------------


class Array:
    """What stands for an array: one row of it, whose length is not known yet."""

    size, dtype = 0, np.dtype("f8")
    T = property(lambda self: self)
    __array_ufunc__ = None  # a number of NumPy's leaves the arithmetic to this
    __hash__ = None

    def __init__(self, step):
        self.step = step

    @property
    def ndim(self):
        return int(self.step.span != 0)

    @property
    def shape(self):
        return (COUNT,) if self.step.span & ENTRY else (1,) * self.ndim

    def __pow__(self, power):
        return raised(self, power)

    def __neg__(self):
        return note("negative", as_number(self))

    def __matmul__(self, points):
        return Product(self.step)

    def __invert__(self):
        return note("not", self, kind="b")

    def __setitem__(self, chosen, numbers):
        self.step = step_of(Numpy.where(chosen, numbers, self))

    def copy(self):
        return Array(self.step)

    def astype(self, dtype, copy=True):
        return as_number(self)

    def reshape(self, *shape):
        return self

    squeeze = reshape

    def sum(self, axis=None, keepdims=False, dtype=None):
        return self.reduced("sum", axis)

    def max(self, axis=None, keepdims=False):
        return self.reduced("max", axis)

    def min(self):
        return Whole(self, "min")

    def any(self, axis=None, keepdims=False):
        return Question(self, True) if axis is None else self.reduced("any", axis)

    def all(self):
        return Question(~self, False)

    def reduced(self, op, axis):
        if axis is None:
            return Whole(self, op)
        if not self.step.span & ENTRY:
            raise Untraceable("a sum over what has no entries")
        return note(op, as_number(self) if op != "any" else self, kind="b" if op == "any" else "f")

    def __bool__(self):
        raise Untraceable("a branch for each row")


def _arithmetic(op, kind="f", convert=as_number):
    def forward(self, other):
        return note(op, convert(self), convert(other), kind=kind)

    def backward(self, other):
        return note(op, convert(other), convert(self), kind=kind)

    return forward, backward


for _name, _op in {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}.items():
    _forward, _backward = _arithmetic(_op)
    setattr(Array, f"__{_name}__", _forward)
    setattr(Array, f"__r{_name}__", _backward)
for _name, _op in {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}.items():
    setattr(Array, f"__{_name}__", _arithmetic(_op, "b")[0])


def _logic(op, absorbing):
    def combine(self, other):
        if isinstance(other, (bool, np.bool_)):
            return absorbing if other == absorbing else self
        return note(op, self, other, kind="b")

    return combine


Array.__and__ = Array.__rand__ = _logic("&", False)
Array.__or__ = Array.__ror__ = _logic("|", True)


def raised(base, power):
    """Note a power; small whole ones are products, as exact and many times as fast."""
    if isinstance(power, Parameter):
        power = float(power)
    if isinstance(power, Array):
        return note("power", base, power)
    if power == 0:
        return note("+", 1.0, 0.0)
    if power == 0.5:
        return note("sqrt", base)
    if not float(power).is_integer() or not -1 <= power <= 8:
        return note("power", base, float(power))
    if power == -1:
        return 1.0 / base
    half = base ** (power // 2) if power > 1 else None
    return base if half is None else half * half * base if power % 2 else half * half


class Points(Array):
    """The embeddings of a batch: their products are taken before the loops and after them, by NumPy."""

    def __matmul__(self, points):
        return note("y_pred", span=ENTRY | ROW)


class Product(Array):
    """What the loops find, times the embeddings: the loops end before."""

    def __add__(self, other):
        return self


class Whole:
    """The largest, the least or the sum of a whole batch: only a question about it can be asked."""

    def __init__(self, array, op):
        self.array, self.op = array, op

    def _asked(self, op, other):
        is_any = (op in (">", ">=")) == (self.op == "max")  # the largest is above it: some are
        if self.op == "sum":
            raise Untraceable("a sum of the whole batch")
        each = note(op, self.array, other, kind="b")
        return Question(each if is_any else ~each, is_any)

    def __lt__(self, other):
        return self._asked("<", other)

    def __le__(self, other):
        return self._asked("<=", other)

    def __gt__(self, other):
        return self._asked(">", other)

    def __ge__(self, other):
        return self._asked(">=", other)

    __hash__ = __eq__ = None


class Question:
    """Whether any entry of the batch, or all, are so: asked where a function branches."""

    def __init__(self, witness, is_any):
        self.witness, self.is_any = witness, is_any

    def __bool__(self):
        return _now.answer(self.witness.step) == self.is_any


class Parameter(float):
    """A number among a loss's settings: it stays open in the loop, unless the function looks at it."""

    def __new__(cls, name, value):
        self = super().__new__(cls, value)
        self.name = name
        return self

    def symbol(self):
        return note(f"given_{self.name}", span=0)

    def __float__(self):
        return self.looked_at()

    def looked_at(self):
        if _now.has_data:  # before, only the checks of the settings look
            _now.baked.add(self.name)
        return float.__add__(self, 0.0)

    __hash__ = float.__hash__


def _open(name):
    plain = getattr(float, name)

    def method(self, *others):
        if not _now.has_data or self.name in _now.baked:
            return plain(self, *others)
        return getattr(self.symbol(), name)(*others)

    return method


def _looked_at(name):
    return lambda self, *others: getattr(self.looked_at(), name)(*others)


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "neg"):
    setattr(Parameter, f"__{_name}__", _open(f"__{_name}__"))
for _name in ("lt", "le", "gt", "ge", "eq", "ne", "bool", "abs", "pow", "rpow"):
    setattr(Parameter, f"__{_name}__", _looked_at(f"__{_name}__"))


# --- what a function finds under the names of its module ------------------------------------------------------


class Numpy:
    """What the functions find under ``np``: it notes what they ask for."""

    inf, nan, float32, float64, int64, bool_ = np.inf, np.nan, np.float32, np.float64, np.int64, np.bool_
    errstate, ndarray, generic, ndim, dtype = np.errstate, np.ndarray, np.generic, np.ndim, np.dtype

    def __getattr__(self, name):
        if name not in ELEMENTARY:
            raise Untraceable(f"np.{name}")
        return lambda *args: note(name, *(as_number(one) for one in args[: ELEMENTARY[name]]))

    class add:
        @staticmethod
        def reduce(numbers, axis=None, dtype=None, out=None, keepdims=False):
            return numbers.sum(axis)

    @staticmethod
    def where(chosen, yes, no):
        if isinstance(chosen, (bool, np.bool_)):
            return yes if chosen else no
        kind = "i" if {kind_of(yes), kind_of(no)} == {"i"} else "f"
        return note("where", chosen, as_number(yes), as_number(no), kind=kind)

    @staticmethod
    def clip(numbers, low, high):
        return note("minimum", note("maximum", numbers, low), high)

    @staticmethod
    def divide(part, whole, out, where):
        return Numpy.where(where, part / whole, out)

    @staticmethod
    def copyto(target, numbers, where):
        target[where] = numbers

    @staticmethod
    def zeros_like(array):
        return 0.0

    @staticmethod
    def ones(shape, dtype=None):
        return dtype is bool or 1.0

    @staticmethod
    def arange(count):
        if count is not COUNT:
            raise Untraceable("places of another array")
        return note("place", kind="i", span=ENTRY)

    @staticmethod
    def eye(count, dtype=None):
        return Numpy.arange(count) == note("own_place", kind="i", span=ROW)

    @staticmethod
    def take_along_axis(array, index, axis):
        return note("pick", array, index, kind=array.step.kind)

    @staticmethod
    def asarray(given, dtype=None):
        return note("+", given, 0.0) if isinstance(given, float) else given

    @staticmethod
    def broadcast_to(given, shape):
        return given

    @staticmethod
    def finfo(dtype):
        return types.SimpleNamespace(tiny=note("tiny", span=0))

    @staticmethod
    def isnan(numbers):
        if isinstance(numbers, Whole) and numbers.op == "sum":  # it is where an entry is
            return Question(Numpy.isnan(numbers.array), True)
        return note("isnan", numbers, kind="b")

    @staticmethod
    def isinf(numbers):
        return note("isinf", numbers, kind="b")

    @staticmethod
    def isfinite(numbers):
        return note("isfinite", numbers, kind="b")


class _Count(Array):
    """The number of entries in a row."""

    def __init__(self):
        pass

    step = property(lambda self: note("count", kind="i", span=0).step)


COUNT = _Count()
NUMPY = Numpy()


def as_pair(y_true, y_pred, axis=-1):
    _now.has_data = True
    return y_true, y_pred


def as_labels(y_true, y_pred, axis=-1):
    _now.has_data = _now.numbered = True
    return note("label", kind="i", span=ROW), y_pred


def as_embeddings(y_true, y_pred, ref_labels=None, ref_embeddings=None):
    _now.has_data = _now.numbered = _now.pairwise = True
    points = Points(note("y_pred", span=ENTRY | ROW).step)
    return note("label", kind="i", span=ROW), points, note("other_label", kind="i", span=ENTRY), points


REPLACED = {
    "np": NUMPY,
    "math": types.SimpleNamespace(isnan=NUMPY.isnan, inf=math.inf, log=math.log),
    "as_pair": as_pair,
    "as_labels": as_labels,
    "as_embeddings": as_embeddings,
}
"""The names whose meaning changes: all other code is the loss's own."""


def copied(function, copies):
    """Return a function that runs among stand-ins: its own code, with :data:`REPLACED` among its names."""
    space = copies.get(function.__module__)
    if space is None:
        space = copies[function.__module__] = dict(function.__globals__)
        for name, one in function.__globals__.items():
            if name in REPLACED:
                space[name] = REPLACED[name]
            elif isinstance(one, types.FunctionType) and one.__module__.partition(".")[0] in (
                "lossbook",
                function.__module__,
            ):
                space[name] = copied(one, copies)
    key = function.__module__, function.__qualname__
    if key not in copies:
        copies[key] = types.FunctionType(
            function.__code__, space, function.__name__, function.__defaults__, function.__closure__
        )
        copies[key].__kwdefaults__ = function.__kwdefaults__
    return copies[key]
