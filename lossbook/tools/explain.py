"""Run a function and show each of its assignments: the code, what it means, the value.

The source of a loss is its explanation. :func:`explain` runs the real function under
:func:`sys.settrace`, keeps a copy of every value at the moment it is bound, and reads the meaning
of each step from the comment at the end of its line. It works on the losses of this package and
on a reader's own function alike.
"""

import ast
import contextlib
import dis
import functools
import inspect
import io
import linecache
import re
import sys
import threading
import tokenize
from dataclasses import dataclass

import numpy as np

from lossbook.tools.render import (
    ArraySummary,
    Html,
    html_block,
    html_code,
    html_table,
    html_value,
    text_table,
    text_value,
    without_addresses,
)

__all__ = ["Explanation", "Input", "Stage", "Step", "explain"]

COPY_LIMIT = 10_000  # entries; larger arrays are summarised at once
FIRST_TIMES = 3  # executions of one statement shown before the last
TEXT_WIDTH, CODE_WIDTH, MEANING_WIDTH = 100, 32, 24  # columns of the terminal table: all, two of three
AS_GIVEN = "as given"  # an array that the checks of its function left unchanged
HEADERS = ("step", "what it means", "value")

_ONE_AT_A_TIME = threading.RLock()
"""Python 3.12 may crash when two threads trace at once; in 3.11 all threads share the counter with which
``ast.parse`` guards its depth, and a second one that parses makes it raise a SystemError."""


# ------------------------------------------------------------------------------------- the record


@dataclass(frozen=True, eq=False)
class Input:
    """One parameter of a traced function, as it was received.

    Parameters
    ----------
    name : str
        Name of the parameter.
    meaning : str
        First sentence of its description in the docstring, or nothing.
    value : object
        Copy of the value; an :class:`~lossbook.tools.render.ArraySummary` if the array is large.
    is_default : bool
        Whether the value is the one written in the function's signature.
    """

    name: str
    meaning: str
    value: object
    is_default: bool = False


@dataclass(frozen=True, eq=False)
class Step:
    """One assignment of a traced function, as it was executed.

    Parameters
    ----------
    names : tuple of str
        What was bound, in order; ``("return",)`` for a returned expression.
    code : str
        The statement, without its comment.
    meaning : str
        The comment at the end of its line, or nothing.
    value : object
        Copy of the value at that moment (a tuple of them if there are several names); an
        :class:`~lossbook.tools.render.ArraySummary` in place of a large array.
    line : int
        Line number in its file.
    calls : tuple of Explanation
        Functions of this package called by the statement.
    skipped : int
        How many executions were left out just before this one (a long loop).
    """

    names: tuple
    code: str
    meaning: str
    value: object
    line: int
    calls: tuple = ()
    skipped: int = 0

    @property
    def target(self):
        """The bound names in one text, such as ``"error"`` or ``"y_true, y_pred"``."""
        return ", ".join(self.names)

    @property
    def values(self):
        """One value for each name."""
        return self.value if len(self.names) > 1 else (self.value,)


@dataclass(frozen=True, eq=False)
class Stage:
    """One traced function within an explanation.

    Parameters
    ----------
    title : str
        Line above the table.
    name : str
        Name of the function.
    inputs : tuple of Input
        Its parameters.
    steps : tuple of Step
        Its assignments, in the order executed.
    value : object
        What it returned.
    """

    title: str
    name: str
    inputs: tuple
    steps: tuple
    value: object


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """The record of one run, made by :func:`explain`.

    Look up a name to get its last value, iterate to get the steps, print it for a terminal; in
    Jupyter and on the site it is a table.

    Parameters
    ----------
    name : str
        Name of the function or loss.
    signature : str
        Its call signature.
    stages : tuple of Stage
        One for a function; two for a loss: the values, then their reduction.
    value : object
        The result of the run.
    depth : int, default 1
        Levels of nested calls recorded; from 2 on, the text shows them too.
    digits : int, default 6
        Significant digits shown.

    Examples
    --------
    >>> def half(x):
    ...     y = x / 2  # one half
    ...     return y
    >>> record = explain(half, 3.0)
    >>> record["y"], record["x"], record.value, len(record)
    (1.5, 3.0, 1.5, 1)
    """

    name: str
    signature: str
    stages: tuple
    value: object
    depth: int = 1
    digits: int = 6

    @property
    def steps(self):
        """The steps of every stage, in order."""
        return tuple(step for stage in self.stages for step in stage.steps)

    @property
    def inputs(self):
        """The parameters of the first stage."""
        return self.stages[0].inputs

    def __len__(self):
        return len(self.steps)

    def __bool__(self):
        return True

    def __iter__(self):
        return iter(self.steps)

    def __contains__(self, name):
        return name in self._bound()

    def __getitem__(self, name):
        bound = self._bound()
        if name not in bound:
            raise KeyError(
                f"Received {name!r}; expected a name bound by {self.name}. Look up one of {', '.join(bound)}."
            )
        return bound[name]

    def _bound(self):
        bound = {}
        for stage in self.stages:
            bound.update((given.name, given.value) for given in stage.inputs)
            for step in stage.steps:
                bound.update(zip(step.names, step.values, strict=True))
        return bound

    def text(self, digits=None):
        """Write the record for a terminal, no line longer than 100 characters."""
        digits = self.digits if digits is None else digits
        return "\n\n".join(_stage_text(stage, digits, self.depth) for stage in self.stages)

    def html(self, digits=None):
        """Write the record in HTML, with the style it needs and no script."""
        digits = self.digits if digits is None else digits
        return html_block(*(_stage_html(stage, digits) for stage in self.stages))

    def __repr__(self):
        return self.text()

    def _repr_html_(self):
        return str(self.html())

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self._repr_html_(), "text/plain": self.text()}


# -------------------------------------------------------------------------------------- the entry


def explain(target, *args, depth=1, digits=6, **kwargs):
    """Run a function and record every assignment: source line, meaning, value.

    Parameters
    ----------
    target : callable or lossbook.base.Loss
        A function written with ``def``, a method, a :class:`functools.partial`, or a loss object.
        Of a decorated function (:func:`functools.wraps`) the innermost one is recorded. A loss
        object goes on through weights and reduction to the final number.
    *args
        Positional arguments of the call. For a loss object: ``y_true`` and ``y_pred``, shape
        (N, ...), then ``sample_weight`` and ``mask``.
    depth : int, default 1
        Levels of calls to functions of this package that are recorded on the step that made them.
    digits : int, default 6
        Significant digits of the numbers shown.
    **kwargs
        Keyword arguments of the call. A parameter that is itself called ``depth`` or ``digits``
        is given with :func:`functools.partial`.

    Returns
    -------
    Explanation
        The record; its ``value`` is the result of the call.

    Raises
    ------
    TypeError
        If ``target`` has no Python statements to show: a lambda, a class, a built-in, a generator,
        a coroutine, a function without source.
    ValueError
        If ``depth`` is negative or ``digits`` is not at least 1.
    Exception
        Whatever ``target`` raises, with a note that tells the last step completed.

    Notes
    -----
    A statement executed more than four times is shown the first three times and the last.
    Assignments inside comprehensions are not steps. An earlier tracer (a debugger, coverage) is
    set aside during the run and put back after it.

    Examples
    --------
    >>> def squared_error(y_true, y_pred):
    ...     error = y_pred - y_true  # signed miss
    ...     cost = error**2  # far misses count most
    ...     return cost
    >>> explain(squared_error, 3.0, 5.0)
    squared_error(y_true, y_pred)
    step                     what it means          value
    ───────────────────────  ─────────────────────  ─────
    y_true                                          3.0
    y_pred                                          5.0
    ───────────────────────  ─────────────────────  ─────
    error = y_pred - y_true  signed miss            2.0
    cost = error**2          far misses count most  4.0
    """
    _check_options(depth, digits)
    if _is_loss(target):
        return _explain_loss(target, args, kwargs, depth, digits)
    stage = _run_stage(target, args, kwargs, depth, digits)
    return Explanation(stage.name, stage.title, (stage,), stage.value, depth, digits)


def _check_options(depth, digits):
    for name, number, least in (("depth", depth, 0), ("digits", digits, 1)):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise ValueError(
                f"Received {name}={number!r}; expected a whole number of at least {least}. Leave {name} "
                f"out, or give a {name} of your function's own with functools.partial."
            )


def _run_stage(target, args, kwargs, depth, digits, title=None):
    """Call ``target`` under the tracer and give its record."""
    function = _function_of(target)
    recorder = _Recorder(function, depth, digits)
    value = recorder.run(target, args, kwargs)
    log = recorder.log
    if log is None:
        raise TypeError(
            f"Received {function.__name__}, whose decorator did not run its Python code; expected "
            f"a function that runs when called. Explain {function.__name__}.__wrapped__ instead."
        )
    title = title or _signature(target, function)
    return Stage(title, function.__name__, log.inputs, log.steps(), value)


# ---------------------------------------------------------------------------------- a loss object


def _is_loss(target):
    """Tell a loss object of this package, or one that follows it."""
    if isinstance(target, type) or not callable(target) or not hasattr(target, "reduction"):
        return False
    return hasattr(target, "parameters") and (hasattr(target, "function") or hasattr(target, "call"))


def _explain_loss(loss, args, kwargs, depth, digits):
    from lossbook.reductions import reduce_values  # the tools import the losses, and only when asked

    y_true, y_pred, sample_weight, mask, data = _loss_arguments(*args, **kwargs)
    name, function, parameters = _values_function(loss)
    title = f"{name}: one value per sample"
    with np.errstate(all="ignore"):  # as the loss itself does
        y_true, y_pred = loss.cast(y_true, y_pred)
        rows = loss.rows_that_count(y_true, y_pred, sample_weight, mask, data)
        if rows is None:
            stage = _run_stage(function, (y_true, y_pred), {**parameters, **data}, depth, digits, title)
            values = stage.value
        elif not len(rows.predictions):  # nothing counts: nothing was computed
            values = rows.spread_values(function)
            stage = Stage(f"{name}: no sample counts", name, (), (), values)
        else:
            given = (rows.labels, rows.predictions)
            stage = _run_stage(function, given, rows.parameters, depth, digits, title + " that counts")
            values = rows.spread_values(lambda *_, **__: stage.value)
        mask = loss.narrowed(mask, values, y_true, y_pred)
        reduction = loss.reduction or "none"
        title = f"{reduction}: weights, " + ("nothing more" if reduction == "none" else "then one number")
        total = _run_stage(
            reduce_values, (values, sample_weight, mask, loss.reduction), {}, depth, digits, title
        )
    value = total.value if loss.dtype is None else total.value.astype(loss.dtype, copy=False)
    signature = f"{name}(y_true, y_pred, sample_weight=None, mask=None)"
    return Explanation(name, signature, (stage, total), value, depth, digits)


def _loss_arguments(y_true, y_pred, sample_weight=None, mask=None, **data):
    return y_true, y_pred, sample_weight, mask, data


def _values_function(loss):
    """Give (name, function, parameters) of what makes one value per sample."""
    function = getattr(loss, "function", None)
    owner = next((kind for kind in type(loss).__mro__ if "call" in vars(kind)), None)
    has_own_call = owner is not None and owner.__module__ != "lossbook.base"
    if function is None or has_own_call:
        return getattr(loss, "name", None) or type(loss).__name__, loss.call, {}
    function = getattr(function, "__func__", function)
    return function.__name__, function, loss.parameters


# ----------------------------------------------------------------------------- the function to run


def _function_of(target):
    """Find the Python function that ``target`` ends up running, or say why there is none."""
    function = target
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, type):
        raise _refusal(f"the class {function.__name__}", f"Make an object first: {function.__name__}(...).")
    if not inspect.isroutine(function) and not hasattr(function, "__wrapped__") and callable(function):
        function = type(function).__call__
    function = inspect.unwrap(getattr(function, "__func__", function))
    if not inspect.isfunction(function):
        shown = getattr(target, "__name__", None) or f"an object of type {type(target).__name__}"
        raise _refusal(f"{shown}, which is not Python code", "Call it from a function of your own.")
    _check_kind(function)
    return function


def _check_kind(function):
    name = function.__name__
    if function.__code__.co_name == "<lambda>":
        raise _refusal("a lambda", "Write it with def, one step a line, and explain that.")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise _refusal(f"the async function {name}", "Explain the plain function that it awaits.")
    if inspect.isgeneratorfunction(function):
        raise _refusal(f"the generator {name}", "Return the values instead of yielding them.")
    if _find_source(function.__code__, function.__globals__) is None:
        raise _refusal(f"{name}, whose source cannot be read", "Write it in a file or in a notebook cell.")


def _refusal(received, remedy):
    return TypeError(
        f"Received {received}; expected a loss object, or a function written with def whose source "
        f"can be read. {remedy}"
    )


def _signature(target, function):
    """Give the call signature as text, without annotations and memory addresses."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        signature = inspect.signature(function)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    text = str(signature.replace(parameters=bare, return_annotation=signature.empty))
    return function.__name__ + without_addresses(text)


# ------------------------------------------------------------------------------------- the source


def _find_source(code, namespace):
    """Give (lines of the file, definition node) of a function, or None."""
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, namespace)
    node = _definition(tuple(lines), code.co_name, code.co_firstlineno) if lines else None
    return None if node is None else (lines, node)


def _definition(lines, name, first):
    try:
        with _ONE_AT_A_TIME:
            tree = ast.parse("".join(lines))
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            if min([node.lineno, *(d.lineno for d in node.decorator_list)]) == first:
                return node
    return None


@dataclass(frozen=True, eq=False)
class _Binding:
    """A piece of source that binds names: a statement, a loop target, ``:=`` or a return."""

    names: tuple
    code: str
    meaning: str
    line: int
    area: ast.AST  # instructions in here belong to it
    targets: tuple  # a store in one of these binds


class _Plan:
    """Which instruction of a function binds what."""

    def __init__(self, code, lines, definition):
        self.lines, self.definition = lines, definition
        self.comments = _comments(lines, definition)
        self.doc = _parameter_meanings(ast.get_docstring(definition) or "")
        self.defaults = _literal_defaults(definition)
        found = (self._binding(node) for node in _own_nodes(definition))
        self.bindings = [binding for binding in found if binding is not None]
        self.spots = dict(self._spots(code))

    @classmethod
    def of(cls, code, namespace):
        """Plan a function known by its code; None if it has no source."""
        source = _find_source(code, namespace)
        return None if source is None else cls(code, *source)

    def _spots(self, code):
        positions = list(code.co_positions())
        for instruction in dis.get_instructions(code):
            start_line, end_line, start, end = positions[instruction.offset // 2]
            if None in (start_line, end_line, start, end):
                continue
            here = ((start_line, start), (end_line, end))
            binding = self._innermost(here)
            if binding is not None:
                stores = instruction.opname.startswith("STORE_")
                stores = stores and any(_inside(here, target) for target in binding.targets)
                yield instruction.offset, (binding, stores)

    def _innermost(self, here):
        found = [binding for binding in self.bindings if _inside(here, binding.area)]
        return found[-1] if found else None  # the walk meets outer nodes first

    def _binding(self, node):
        if isinstance(node, ast.Assign):
            return self._statement(node, node.targets)
        if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            return self._statement(node, [node.target])
        if isinstance(node, ast.NamedExpr):
            return self._piece(node, node, [node.target], self._code(node))
        if isinstance(node, ast.For):
            code = f"for {self._code(node.target)} in {self._code(node.iter)}:"
            return self._piece(node.target, node.iter, [node.target], code, line=node.lineno)
        if isinstance(node, ast.withitem) and node.optional_vars is not None:
            code = f"with {self._code(node.context_expr)} as {self._code(node.optional_vars)}:"
            return self._piece(node.optional_vars, node.optional_vars, [node.optional_vars], code)
        if isinstance(node, ast.Return) and node.value is not None:
            meaning = self._meaning(node.lineno, node.end_lineno)
            return _Binding(("return",), self._code(node), meaning, node.lineno, node, ())
        return None

    def _statement(self, node, targets):
        return self._piece(node, node, targets, self._code(node))

    def _piece(self, area, last, targets, code, line=None):
        names = tuple(dict.fromkeys(name for target in targets for name in _names(target)))
        line = line or area.lineno
        meaning = self._meaning(line, last.end_lineno)
        return _Binding(names, code, meaning, line, area, tuple(targets)) if names else None

    def _meaning(self, first, last):
        """Give the comment that ends the last line, else the first, else any line between."""
        for line in (last, first, *range(first, last)):
            if line in self.comments:
                return self.comments[line][1]
        return ""

    def _code(self, node):
        """Give the source of a node without comments, further lines moved to its left edge."""
        lines = []
        for number in range(node.lineno, node.end_lineno + 1):
            line = self.lines[number - 1].rstrip("\n").encode()
            end = node.end_col_offset if number == node.end_lineno else len(line)
            start = node.col_offset if number == node.lineno else 0
            text = line[start:end].decode()
            if number != node.end_lineno and number in self.comments:
                text = line.decode()[: self.comments[number][0]].encode()[start:].decode()
            lines.append(text.rstrip())
        edge = len(self.lines[node.lineno - 1]) - len(self.lines[node.lineno - 1].lstrip())
        moved = [line[edge:] if not line[:edge].strip() else line for line in lines[1:]]
        return "\n".join([lines[0], *(line for line in moved if line)])


def _own_nodes(definition):
    """Walk the nodes of a function, outer first, without entering functions inside it."""
    waiting = list(definition.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def _inside(here, node):
    start, end = here
    return (node.lineno, node.col_offset) <= start and end <= (node.end_lineno, node.end_col_offset)


def _names(target):
    """Give the names a target binds: ``out[0]`` changes out, ``self.x`` binds self.x."""
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for element in target.elts for name in _names(element)]
    if isinstance(target, (ast.Starred, ast.Subscript)):
        return _names(target.value)
    if isinstance(target, ast.Attribute):
        return [f"{name}.{target.attr}" for name in _names(target.value)]
    return []


def _comments(lines, definition):
    """Give {line number: (column, text)} of the comments that end a line of code."""
    first = definition.lineno
    block = "".join(lines[first - 1 : definition.end_lineno])
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(block).readline):
        if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
            text = token.string.lstrip("#").strip()
            if re.match(r"(noqa|type:|pragma|fmt:|pylint|ruff)", text):
                text = ""
            found[token.start[0] + first - 1] = (token.start[1], text)
    return found


def _parameter_meanings(doc):
    """Give {name: first sentence} from the Parameters section of a numpydoc docstring."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}\n|\Z)", doc, re.M | re.S)
    if section is None:
        return {}
    meanings = {}
    for entry in re.finditer(r"^(\S[^\n]*)\n((?:[ \t]+\S[^\n]*\n?|\n)*)", section[1] + "\n", re.M):
        sentence = _first_sentence(entry[2])
        for name in entry[1].partition(":")[0].split(","):
            meanings[name.strip().lstrip("*")] = sentence
    return meanings


def _first_sentence(text):
    text = " ".join(text.split("\n\n")[0].split())
    text = re.sub(r":\w+:`~?([^`]*)`", r"\1", text).replace("`", "")
    return re.split(r"(?<=[^.].)[.](?:\s|$)", text, maxsplit=1)[0]


# ------------------------------------------------------------------------------------- the tracer


class _Recorder:
    """Trace one call of a function, and the calls of this package inside it."""

    def __init__(self, function, depth, digits):
        self.code = function.__code__
        self.depth, self.digits = depth, digits
        self.plans = {self.code: _Plan.of(self.code, function.__globals__)}
        self.log = None  # of the function itself
        self.active = []  # logs of the frames now running, innermost last

    def run(self, target, args, kwargs):
        with _ONE_AT_A_TIME:
            earlier = sys.gettrace()
            sys._getframe().f_trace_opcodes = True  # Python 3.12 looks for this when a tracer is set
            sys.settrace(self._on_call)
            try:
                return target(*args, **kwargs)
            except Exception as problem:
                sys.settrace(earlier)
                problem.add_note(self._note())
                raise
            finally:
                sys.settrace(earlier)

    def _note(self):
        name = self.code.co_name
        steps = self.log.steps() if self.log else ()
        if not steps:
            return f"explain: {name} stopped before its first step"
        last = steps[-1]
        return f"explain: {name} stopped after line {last.line}: {last.code.splitlines()[0]}"

    def _on_call(self, frame, event, _):
        if event != "call":
            return None
        if self.log is None and frame.f_code is self.code:
            log = self.log = _Log(self, frame, self.plans[self.code])
        elif self.active and len(self.active) <= self.depth and _is_ours(frame, self.active[-1]):
            plan = self._plan_of(frame)
            if plan is None:
                return None
            log = _Log(self, frame, plan, parent=self.active[-1])
        elif self.plans.get(frame.f_code) is not None:
            return _watch(frame, _ignore)  # recursion: Python 3.13 would stop watching the outer call
        else:
            return None
        self.active.append(log)
        return _watch(frame, log.on_event)

    def _plan_of(self, frame):
        if frame.f_code not in self.plans:
            self.plans[frame.f_code] = _Plan.of(frame.f_code, frame.f_globals)
        return self.plans[frame.f_code]


def _watch(frame, tracer):
    """Have every instruction of a frame reported."""
    frame.f_trace = tracer  # Python 3.13 wants it before f_trace_opcodes
    frame.f_trace_lines, frame.f_trace_opcodes = False, True
    return tracer


def _ignore(frame, event, value):
    return _ignore


def _is_ours(frame, caller):
    """Tell a call worth opening: a function of this package, made by the traced one."""
    if not _is_mathematics(frame):
        return False
    between = frame.f_back
    while between is not None and between is not caller.frame:
        if _is_lossbook(_module(between)) and not _is_method(between.f_code):
            return False  # called by a helper that is itself not shown
        between = between.f_back
    return between is not None


def _is_mathematics(frame):
    module, code = _module(frame), frame.f_code
    if not _is_lossbook(module):
        return False
    if module in ("lossbook.arrays", "lossbook.tools.explain", "lossbook.tools.render"):
        return False
    hidden = code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR)
    if hidden or _is_method(code):
        return False
    return not code.co_name.startswith(("check_", "as_", "<"))


def _is_lossbook(module):
    return module == "lossbook" or module.startswith("lossbook.")


def _module(frame):
    return str(frame.f_globals.get("__name__", ""))


def _is_method(code):
    return code.co_argcount > 0 and code.co_varnames[0] in ("self", "cls")


class _Log:
    """What one frame has done so far."""

    def __init__(self, recorder, frame, plan, parent=None):
        self.recorder, self.frame, self.plan, self.parent = recorder, frame, plan, parent
        self.inputs = _inputs(frame, plan)
        self.caller_binding = parent.binding if parent else None
        self.records = []  # [binding, step]; the step becomes None once it is left out
        self.times = {}  # binding -> indices of its executions that are kept
        self.calls = []  # nested explanations of the statement being executed
        self.binding = None  # where the instruction now executed stands
        self.pending = None  # binding whose store has been executed but not recorded yet
        self.last_return = None

    def on_event(self, frame, event, value):
        if event == "opcode":
            self._on_instruction(frame)
        elif event == "exception":
            self.pending, self.calls = None, []  # the statement was not completed
        elif event == "return":
            self._on_return(frame, value)
        return self.on_event

    def _on_instruction(self, frame):
        binding, stores = self.plan.spots.get(frame.f_lasti, (None, False))
        if self.pending is not None and binding is not self.pending:
            self._record(frame, self.pending)
            self.pending = None
        self.binding = binding
        if stores:
            self.pending = binding
        if binding is not None and binding.names == ("return",):
            self.last_return = binding

    def _on_return(self, frame, value):
        self.recorder.active.pop()
        opcode = frame.f_code.co_code[frame.f_lasti]
        if not dis.opname[opcode].startswith("RETURN"):
            return  # unwinding: an exception passes through
        if self.pending is not None:
            self._record(frame, self.pending)
        if self.last_return is not None and not self._is_shown(self.last_return):
            self._add(self.last_return, _snapshot(value))
        if self.caller_binding is not None:
            self._tell_parent(frame, value)

    def _is_shown(self, binding):
        """Tell a bare name that the last step has just bound."""
        node = binding.area.value
        if isinstance(node, ast.Constant) and node.value is None:
            return True
        last = self.records[-1][1] if self.records else None
        return isinstance(node, ast.Name) and last is not None and last.names == (node.id,)

    def _tell_parent(self, frame, value):
        name = frame.f_code.co_name
        parameters = ", ".join(given.name for given in self.inputs)
        stage = Stage(f"{name}({parameters})", name, self.inputs, self.steps(), _snapshot(value))
        recorder = self.recorder
        nested = Explanation(name, stage.title, (stage,), stage.value, recorder.depth, recorder.digits)
        self.parent.calls.append((self.caller_binding, nested))

    def _record(self, frame, binding):
        found = [_look_up(frame, name) for name in binding.names]
        if not any(value is _UNBOUND for value in found):
            values = tuple(_snapshot(value) for value in found)
            self._add(binding, values if len(values) > 1 else values[0])

    def _add(self, binding, value):
        calls = tuple(nested for where, nested in self.calls if where is binding)
        self.calls = [call for call in self.calls if call[0] is not binding]
        step = Step(binding.names, binding.code, binding.meaning, value, binding.line, calls)
        kept = self.times.setdefault(binding, [])
        if len(kept) > FIRST_TIMES:
            self.records[kept.pop()][1] = None
        kept.append(len(self.records))
        self.records.append([binding, step])

    def steps(self):
        """Give the steps kept, each with the number of executions left out before it."""
        steps, left_out = [], {}
        for binding, step in self.records:
            if step is None:
                left_out[binding] = left_out.get(binding, 0) + 1
                continue
            if left_out:
                step = _with_skipped(step, max(left_out.values()))
                left_out = {}
            steps.append(step)
        return tuple(steps)


def _with_skipped(step, skipped):
    return Step(step.names, step.code, step.meaning, step.value, step.line, step.calls, skipped)


_UNBOUND = object()


def _look_up(frame, name):
    first, *attributes = name.split(".")
    value = frame.f_locals.get(first, frame.f_globals.get(first, _UNBOUND))
    for attribute in attributes:
        value = getattr(value, attribute, _UNBOUND)
    return value


def _literal_defaults(definition):
    """Return the defaults written in a signature as plain values, by parameter."""
    arguments = definition.args
    named = [*arguments.posonlyargs, *arguments.args]
    pairs = list(zip(named[len(named) - len(arguments.defaults) :], arguments.defaults, strict=True))
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    found = {}
    for argument, node in pairs:
        with contextlib.suppress(ValueError, TypeError, AttributeError):  # not a plain value
            found[argument.arg] = ast.literal_eval(node)
    return found


def _inputs(frame, plan):
    code, values = frame.f_code, frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    names = [name for name in code.co_varnames[:count] if name not in ("self", "cls")]
    return tuple(
        Input(name, plan.doc.get(name, ""), _snapshot(values[name]), _is_default(plan, name, values[name]))
        for name in names
        if name in values
    )


def _is_default(plan, name, value):
    default = plan.defaults.get(name, _UNBOUND)
    return type(value) is type(default) and bool(value == default)


# ---------------------------------------------------------------------------------- the snapshots


def _snapshot(value, nesting=0):
    """Copy a value so that later changes do not change the record."""
    if isinstance(value, np.generic) or isinstance(value, type):
        return value
    if isinstance(value, np.ndarray):
        return _snapshot_array(value)
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return _snapshot_container(value, nesting)
    if hasattr(value, "__array__"):
        return _snapshot_tensor(value)
    return value


def _snapshot_array(array):
    if array.size > COPY_LIMIT:
        return ArraySummary.of(array)
    copy = np.array(array)
    copy.setflags(write=False)
    return copy


def _snapshot_container(value, nesting):
    if nesting > 4 or len(value) > COPY_LIMIT:
        return value
    if isinstance(value, dict):
        return {key: _snapshot(item, nesting + 1) for key, item in value.items()}
    items = [_snapshot(item, nesting + 1) for item in value]
    if isinstance(value, tuple):
        return value._make(items) if hasattr(value, "_make") else tuple(items)
    return items if isinstance(value, list) else type(value)(items)


def _snapshot_tensor(value):
    """Copy a tensor or a data frame as a NumPy array, if it will become one."""
    try:
        value = value.detach() if hasattr(value, "detach") else value
        return _snapshot_array(np.asarray(value))
    except Exception:  # symbolic tensors refuse, each with an error of its own
        return value


# ------------------------------------------------------------------------------------ the writing


def _stage_text(stage, digits, depth):
    told, usual = _told_and_usual(stage.inputs)
    rows = [[given.name, given.meaning, given.value] for given in told]
    rows += [[f"{_assignments(usual)} (by default)"]] if usual else []
    rows += [None] if stage.inputs and stage.steps else []
    rows += _text_rows(stage.steps, depth, "")
    room = _value_room(rows)
    written = [_with_value_text(row, _given(stage), digits, room) for row in rows]
    return f"{stage.title}\n{text_table(HEADERS, written, width=TEXT_WIDTH, fixed=(2,))}"


def _told_and_usual(inputs):
    """Part the inputs a reader chose from two or more left at their defaults, which share a line."""
    usual = [given for given in inputs if given.is_default]
    if len(usual) < 2:
        return inputs, []
    return [given for given in inputs if not given.is_default], usual


def _assignments(inputs):
    return ", ".join(f"{given.name}={given.value!r}" for given in inputs)


def _text_rows(steps, depth, margin):
    """Give rows (code, meaning, value or step) and single lines, nested calls indented."""
    rows = []
    for step in steps:
        if step.skipped:
            rows.append([margin + _more_times(step.skipped)])
        code = "\n".join(margin + line for line in step.code.split("\n"))
        rows.append([code, step.meaning, step])
        for nested in step.calls:
            if depth < 2:
                count = f"{len(nested)} step{'s' if len(nested) != 1 else ''}"
                rows.append([f"{margin}  ↳ {nested.name}: {count}, shown with depth=2"])
            else:
                rows.append([f"{margin}  ↳ {nested.signature}"])
                rows += _text_rows(nested.steps, depth, margin + "    ")
    return rows


def _value_room(rows):
    """Give the columns left for values beside the code and the meanings."""
    full = [row for row in rows if row is not None and len(row) == len(HEADERS)]
    code = max((len(line) for row in full for line in row[0].split("\n")), default=0)
    meaning = max((len(row[1]) for row in full), default=0)
    code, meaning = max(min(code, CODE_WIDTH), 4), max(min(meaning, MEANING_WIDTH), 13)
    return TEXT_WIDTH - 4 - code - meaning


def _with_value_text(row, given, digits, room):
    if row is None or len(row) < len(HEADERS):
        return row
    code, meaning, value = row
    if not isinstance(value, Step):
        return [code, meaning, text_value(value, digits, room)]
    labels = [f"{name} = " if len(value.names) > 1 else "" for name in value.names]
    parts = []
    for name, label, bound in zip(value.names, labels, value.values, strict=True):
        known = name in given and _is_same_array(bound, given[name])
        text = AS_GIVEN if known else text_value(bound, digits, room - len(label))
        parts.append(label + text.replace("\n", "\n" + " " * len(label)))
    return [code, meaning, "\n".join(parts)]


def _given(stage):
    return {given.name: given.value for given in stage.inputs}


def _is_same_array(value, given):
    """Tell a checked input that the checks left as it was: showing it again says nothing."""
    arrays = isinstance(value, np.ndarray) and isinstance(given, np.ndarray)
    same_kind = arrays and value.dtype == given.dtype and value.shape == given.shape
    return same_kind and value.ndim > 0 and value.tobytes() == given.tobytes()


def _more_times(count):
    return f"… {count} more time{'s' if count > 1 else ''}"


def _stage_html(stage, digits):
    told, usual = _told_and_usual(stage.inputs)
    rows = [
        [html_code(given.name, [given.name]), given.meaning, html_value(given.value, digits)]
        for given in told
    ]
    if usual:
        rows.append([Html(f"{html_code(_assignments(usual))} <small>by default</small>")])
    rows += [None] if stage.inputs and stage.steps else []
    for step in stage.steps:
        if step.skipped:
            rows.append([_more_times(step.skipped)])
        rows.append(_html_row(step, _given(stage), digits))
        rows += [[_html_call(nested, digits)] for nested in step.calls]
    return html_table(HEADERS, rows, classes="lossbook-explain", caption=stage.title, row_headers=True)


def _html_row(step, given, digits):
    bold = {name.partition(".")[0] for name in step.names}
    values = [
        Html(f"<small>{AS_GIVEN}</small>")
        if name in given and _is_same_array(value, given[name])
        else html_value(value, digits)
        for name, value in zip(step.names, step.values, strict=True)
    ]
    if len(values) > 1:
        pairs = zip(step.names, values, strict=True)
        values = [f"<div>{html_code(name, [name])} {value}</div>" for name, value in pairs]
    return [html_code(step.code, bold), step.meaning, Html("".join(values))]


def _html_call(nested, digits):
    summary = f"<summary>inside {html_code(nested.name)}</summary>"
    tables = "".join(_stage_html(stage, digits) for stage in nested.stages)
    return Html(f"<details>{summary}\n{tables}\n</details>")
