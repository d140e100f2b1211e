"""Run a copy of a function that records each of its assignments.

The copy is made from the function's own source: parsed, a call of the record put behind every
assignment, compiled with the name of its file and the numbers of its lines, and run with its own
globals, defaults and closure. The source is taken only where it compiles to the very code that the
function holds, so what is shown is what runs. The reader's function is not touched, nor is the
tracer of a debugger or of coverage, and threads share nothing.
"""

import __future__

import ast
import contextlib
import copy
import functools
import inspect
import io
import linecache
import re
import threading
import tokenize
from dataclasses import dataclass, replace
from types import CellType, CodeType, FunctionType, MethodType

from lossbook.tools.record import Explanation, Input, Stage, Step, snapshot
from lossbook.tools.render import without_addresses

__all__ = ["function_within", "record_run"]

FIRST_TIMES = 3  # executions of one statement shown before the last
BEGIN, LOG = " begin", " log"  # names in the copy that no source can hold
HOME = "Write it in a file or in a notebook cell; where that has changed since, run it again or"
FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
ROADS = ("lossbook.base", "lossbook.blocks", "lossbook.rows")  # they lead to the mathematics, and hold none
HIDDEN = ("lossbook.arrays", "lossbook.checks", "lossbook.tools.trace", "lossbook.tools.record")
HIDDEN += ("lossbook.tools.render", *ROADS)

_ONE_AT_A_TIME = threading.RLock()
"""In Python 3.11 all threads share the counter with which ``ast.parse`` and ``compile`` guard their depth,
and a second one that parses makes them raise a SystemError."""


# ---------------------------------------------------------------------------------------- the run


def record_run(target, args, kwargs, depth, digits, rows=(), title=None):
    """Call ``target`` and give the :class:`~lossbook.tools.record.Stage` of what it did.

    Parameters
    ----------
    target : callable
        As for :func:`~lossbook.tools.explain.explain`.
    args, kwargs : sequence, dict
        What it is called with.
    depth, digits, rows
        As for :func:`~lossbook.tools.explain.explain`.
    title : str, optional
        Line above the table; the signature unless given.

    Returns
    -------
    Stage

    Raises
    ------
    TypeError
        If there are no statements to record.
    Exception
        Whatever ``target`` raises, with a note that tells the last step completed.
    """
    function, put = function_within(target)
    source = _check_source(target, function)
    run = _Run(function, source, depth, digits, rows)
    try:
        value = put(source.traced_copy(function, run.begin))(*args, **kwargs)
    except Exception as problem:
        problem.add_note(run.note())
        raise
    if run.log is None:
        raise TypeError(
            f"Received {function.__name__}, whose decorator did not run its Python code; expected "
            f"a function that runs when called. Explain {function.__name__}.__wrapped__ instead."
        )
    title = title or _signature(target, function)
    return Stage(title, function.__name__, run.log.inputs, run.log.steps(), value)


class _Run:
    """What all logs of one run share."""

    def __init__(self, function, source, depth, digits, rows):
        self.function, self.source = function, source
        self.depth, self.digits, self.rows = depth, digits, rows
        self.log = None  # of the function itself
        self.sources = {}  # of the functions it calls

    def source_of(self, function):
        """Give the source of a function that is called, or None where there is none that it was made from."""
        code = function.__code__
        if code not in self.sources:
            source = _source_of(function)
            self.sources[code] = source if source is not None and source.is_of(code) else None
        return self.sources[code]

    def begin(self, values):
        """Open the log of the function's first call; later ones of a decorator are not recorded."""
        if self.log is not None:
            return _Log(self, self.source, values, depth=0)
        self.log = _Log(self, self.source, values, self.depth)
        return self.log

    def note(self):
        name = self.function.__name__
        steps = self.log.steps() if self.log else ()
        if not steps:
            return f"explain: {name} stopped before its first step"
        return f"explain: {name} stopped after line {steps[-1].line}: {steps[-1].code.splitlines()[0]}"


def function_within(target):
    """Find the Python function that a call of ``target`` ends up in.

    Parameters
    ----------
    target : object
        A function, a method, a partial, a decorated function, an object that can be called.

    Returns
    -------
    function : object
        The innermost function, or what stands in its place where there is none.
    put : callable
        ``put(other)`` returns what ``target`` is, with ``other`` in the place of that function.

    Examples
    --------
    >>> import functools
    >>> def power(x, n):
    ...     return x**n
    >>> function, put = function_within(functools.partial(power, n=3))
    >>> function is power, put(lambda x, n: (x, n))(2)
    (True, (2, 3))
    """
    inner = None if isinstance(target, type) else inspect.getattr_static(target, "__wrapped__", None)
    if isinstance(target, functools.partial):
        function, put = function_within(target.func)
        return function, lambda other: functools.partial(put(other), *target.args, **target.keywords)
    if isinstance(target, MethodType):
        function, put = function_within(target.__func__)
        return function, lambda other: MethodType(put(other), target.__self__)
    if inner is not None:
        function, put = function_within(inner)
        return function, lambda other: _with_inner(target, inner, put(other))
    if isinstance(target, type) or inspect.isroutine(target) or not callable(target):
        return target, lambda other: other
    function, put = function_within(type(target).__call__)
    return function, lambda other: MethodType(put(other), target)


def _with_inner(wrapper, inner, other):
    """Copy a decorated function so that it holds ``other`` where it holds ``inner``."""
    if hasattr(wrapper, "cache_info") or hasattr(wrapper, "python_function"):
        return other  # a cache, or a graph of TensorFlow: what it gives is what its function returns
    if isinstance(wrapper, FunctionType):
        return _substituted(wrapper, inner, other, [])
    with contextlib.suppress(TypeError):  # no attributes: written in C
        held = {name: _substituted(value, inner, other, []) for name, value in vars(wrapper).items()}
        wrapper = copy.copy(wrapper)
        vars(wrapper).update(held)
    return wrapper


def _substituted(value, inner, other, seen):
    """Give ``other`` for ``inner``, a copy of a function whose closure leads there, the rest as it is."""
    if value is inner:
        return other
    if not isinstance(value, FunctionType) or any(value is known for known in seen):
        return value
    cells = []
    for cell in value.__closure__ or ():
        with contextlib.suppress(ValueError):  # empty
            held = cell.cell_contents
            found = _substituted(held, inner, other, [*seen, value])
            cell = cell if found is held else CellType(found)
        cells.append(cell)
    return value if cells == list(value.__closure__ or ()) else _copy_of(value, value.__code__, cells)


def _copy_of(function, code, cells):
    made = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, tuple(cells))
    functools.update_wrapper(made, function)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__dict__ = dict(function.__dict__)
    return made


def _check_source(target, function):
    """Give the source of a function, or say why there is none to record."""
    if isinstance(function, type):
        raise _refusal(f"the class {function.__name__}", f"Make an object first: {function.__name__}(...).")
    if not isinstance(function, FunctionType):
        shown = getattr(target, "__name__", None) or f"an object of type {type(target).__name__}"
        raise _refusal(f"{shown}, which is not Python code", "Call it from a function of your own.")
    name = function.__name__
    if function.__code__.co_name == "<lambda>":
        raise _refusal("a lambda", "Write it with def, one step a line, and explain that.")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise _refusal(f"the async function {name}", "Explain the plain function that it awaits.")
    if inspect.isgeneratorfunction(function):
        raise _refusal(f"the generator {name}", "Return the values instead of yielding them.")
    source = _source_of(function)
    if source is None:
        raise _refusal(f"{name}, whose source cannot be read", f"{HOME} reload its module.")
    if not source.is_of(function.__code__):
        file = function.__code__.co_filename
        raise _refusal(f"{name}, which is not what {file} says now", "Run that again, or reload its module.")
    return source


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


# ---------------------------------------------------------------------------------------- the log


class _Log:
    """What one call of a copy has done so far; the copy itself calls the methods."""

    def __init__(self, run, source, values, depth):
        self.run, self.source, self.depth = run, source, depth
        self.inputs = tuple(self._inputs(values))
        self.records = []  # [binding, step]; the step becomes None once it is left out
        self.times = {}  # binding -> indices of its executions that are kept
        self.calls = {}  # binding -> logs of the calls made for it, until it is recorded
        self.returned = None  # (binding, value, calls), of the last return

    def _inputs(self, values):
        for name, value in zip(self.source.parameters, values, strict=True):
            default = self.source.defaults.get(name, _UNBOUND)
            is_default = type(value) is type(default) and bool(value == default)
            if name not in ("self", "cls"):
                yield Input(name, self.source.doc.get(name, ""), self._snapshot(value), is_default)

    def _snapshot(self, value):
        return snapshot(value, self.run.rows)

    def start(self):
        """A statement begins: calls of one that failed are forgotten."""
        self.calls.clear()

    def bind(self, number, *values):
        """A statement has bound names; each value is that of the part of the name before any dot."""
        binding = self.source.bindings[number]
        paths = [name.split(".")[1:] for name in binding.names]
        found = [functools.reduce(_attribute, path, value) for path, value in zip(paths, values, strict=True)]
        if not any(value is _UNBOUND for value in found):
            values = tuple(self._snapshot(value) for value in found)
            self._add(binding, values if len(values) > 1 else values[0])

    def walrus(self, number, value):
        """``:=`` binds a value."""
        self._add(self.source.bindings[number], self._snapshot(value))
        return value

    def leave(self, number, value):
        """The function returns, unless a ``finally`` has it do more first."""
        binding = self.source.bindings[number] if number is not None else None
        self.returned = binding, self._snapshot(value), self._calls_of(binding)
        return value

    def open(self, number, target):
        """Give what is called in the place of ``target``: a copy that records, where it is worth it."""
        if self.depth < 1:
            return target
        return _opened(target, self, self.calls.setdefault(self.source.bindings[number], []))

    def _calls_of(self, binding):
        return tuple(log.explanation() for log in self.calls.pop(binding, ()) if log.returned)

    def _add(self, binding, value):
        step = binding.step(value, self._calls_of(binding))
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
            steps.append(replace(step, skipped=max(left_out.values(), default=0)))
            left_out = {}
        binding, value, calls = self.returned or (None, None, ())
        if binding is not None and not _is_last(binding, steps):
            steps.append(binding.step(value, calls))
        return tuple(steps)

    def explanation(self):
        """Give the record of a nested call that has returned."""
        name = self.source.definition.name
        title = f"{name}({', '.join(given.name for given in self.inputs)})"
        stage = Stage(title, name, self.inputs, self.steps(), self.returned[1])
        run = self.run
        return Explanation(name, title, (stage,), stage.value, run.depth, run.digits, run.rows)


_UNBOUND = object()


def _attribute(value, name):
    return getattr(value, name, _UNBOUND)


def _is_last(binding, steps):
    """Tell the return of nothing, or of the bare name that the last step has bound."""
    node = binding.node.value
    if isinstance(node, ast.Constant) and node.value is None:
        return True
    return isinstance(node, ast.Name) and bool(steps) and steps[-1].names == (node.id,)


class _Through:
    """The log of a function that is not shown itself: calls it makes are told to the log that called it."""

    def __init__(self, log, calls):
        self.log, self.calls = log, calls

    def start(self):
        pass

    def bind(self, number, *values):
        pass

    def walrus(self, number, value):
        return value

    leave = walrus

    def open(self, number, target):
        return _opened(target, self.log, self.calls)


def _opened(target, log, calls):
    """Give a copy of a function of this package that logs into ``calls``; any other target as it is."""
    function, put = function_within(target)
    if not isinstance(function, FunctionType):
        return target
    shown = _is_mathematics(function)
    if not shown and not _is_way_there(function, log.run.function):
        return target
    source = log.run.source_of(function)
    if source is None:
        return target

    def begin(values):
        if not shown:
            return _Through(log, calls)
        calls.append(_Log(log.run, source, values, log.depth - 1))
        return calls[-1]

    return put(source.traced_copy(function, begin))


def _is_mathematics(function):
    """Tell a function of this package worth opening: no method, no check, no helper of arrays."""
    module, code = _module(function), function.__code__
    hidden = code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR)
    if not _is_lossbook(module) or module in HIDDEN or hidden or _is_method(code):
        return False
    return not code.co_name.startswith(("check_", "as_", "<"))


def _is_way_there(function, traced):
    """Tell what may lead to a function worth opening: a method of this package, a helper of the reader's."""
    module = _module(function)
    if _is_lossbook(module):
        return module in ROADS or module not in HIDDEN and _is_method(function.__code__)
    return function.__globals__ is traced.__globals__


def _is_lossbook(module):
    return module == "lossbook" or module.startswith("lossbook.")


def _module(function):
    return str(function.__globals__.get("__name__", ""))


def _is_method(code):
    return code.co_argcount > 0 and code.co_varnames[0] in ("self", "cls")


# ------------------------------------------------------------------------------------- the source


@dataclass(frozen=True, eq=False)
class _Binding:
    """A piece of source that binds names: a statement, a loop target, ``:=`` or a return."""

    names: tuple
    code: str
    meaning: str
    line: int
    node: ast.AST

    def step(self, value, calls):
        """Give one execution of it."""
        return Step(self.names, self.code, self.meaning, value, self.line, calls)


def _source_of(function):
    """Give the source of a function, read again where its file has changed; None where there is none."""
    code = function.__code__
    linecache.checkcache(code.co_filename)
    lines = tuple(linecache.getlines(code.co_filename, function.__globals__))
    with _ONE_AT_A_TIME, contextlib.suppress(SyntaxError):
        return _read_source(code, code.co_filename, lines)
    return None


@functools.lru_cache(maxsize=256)
def _read_source(code, file, lines):
    for statement in _tree(lines).body:
        definition = _definition(statement, code)
        if definition is not None:
            return _Source(code, file, lines, statement, definition)
    return None


@functools.lru_cache(maxsize=16)
def _tree(lines):
    return ast.parse("".join(lines))


@functools.lru_cache(maxsize=16)
def _code_of_file(file, lines, flags):
    return compile(_tree(lines), file, "exec", flags, dont_inherit=True)


def _definition(statement, code):
    """Find the definition of a code inside a statement, by its name and its first line."""
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            if min([node.lineno, *(d.lineno for d in node.decorator_list)]) == code.co_firstlineno:
                return node
    return None


def _code_within(whole, code):
    """Find, in the code of a file, that of a function, by its name and its first line."""
    if (whole.co_name, whole.co_firstlineno) == (code.co_name, code.co_firstlineno):
        return whole
    inside = (part for part in whole.co_consts if isinstance(part, CodeType))
    return next((found for part in inside if (found := _code_within(part, code))), None)


class _Source:
    """A function's source, what it binds where, and the code of a copy that records it."""

    def __init__(self, code, file, lines, statement, definition):
        self.lines, self.definition = lines, definition
        self.comments = _comments(lines, definition)
        self.doc = _parameter_meanings(ast.get_docstring(definition) or "")
        self.defaults = _literal_defaults(definition)
        self.parameters = tuple(argument.arg for argument in _arguments(definition))
        self.bindings = []  # in the order of the source

        def compiled(statement):
            alone = ast.Module([statement], [])
            return _code_within(compile(alone, file, "exec", flags, dont_inherit=True), code)

        flags = code.co_flags & FUTURE
        self.plain = [compiled(statement)]  # as IPython does
        with contextlib.suppress(SyntaxError):  # await at the top of a cell
            self.plain.append(_code_within(_code_of_file(file, lines, flags), code))
        rewritten = copy.deepcopy(statement)
        _Rewriting(self).of(_definition(rewritten, code))
        self.traced = compiled(rewritten)

    def is_of(self, code):
        """Tell whether this source compiles to a code."""
        if any(isinstance(node, ast.Assert) for node in ast.walk(self.definition)):  # pytest writes them anew
            return self.plain[0].co_freevars == code.co_freevars
        return code in self.plain

    def traced_copy(self, function, begin):
        """Copy a function: its copy calls ``begin`` with its arguments, and tells the log it gets."""
        made = _copy_of(function, self.traced, function.__closure__ or ())
        made.__kwdefaults__ = {**(function.__kwdefaults__ or {}), BEGIN: begin}
        return made

    def bind(self, node, targets, code, last=None):
        """Note that a node binds the names in its targets; give the number of the binding, or None."""
        names = tuple(dict.fromkeys(name for target in targets for name in _names(target)))
        return self.note(names, code, node, last) if names else None

    def note(self, names, code, node, last=None):
        meaning = self._meaning(node.lineno, (last or node).end_lineno)
        self.bindings.append(_Binding(names, code, meaning, node.lineno, node))
        return len(self.bindings) - 1

    def _meaning(self, first, last):
        """Give the comment that ends the last line, else the first, else any line between."""
        for line in (last, first, *range(first, last)):
            if line in self.comments:
                return self.comments[line][1]
        return ""

    def code(self, node):
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


def _arguments(definition):
    """Give the parameters in the order in which Python numbers them."""
    given = definition.args
    found = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return [argument for argument in found if argument is not None]


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


# ----------------------------------------------------------------------------------- the rewriting


class _Rewriting(ast.NodeTransformer):
    """Put calls of the record into a definition; every node made stands where its statement stands."""

    def __init__(self, source):
        self.source = source
        self.number = None  # of the binding whose expressions are visited
        self.opened = 0  # calls made openable so far

    def of(self, definition):
        doc = ast.get_docstring(definition, clean=False) is not None
        arguments = ast.Tuple([_load(name) for name in self.source.parameters], ast.Load())
        opening = ast.Assign([ast.Name(LOG, ast.Store())], ast.Call(_load(BEGIN), [arguments], []))
        body = self._block(definition.body[doc:])
        nothing = ast.Return(_told("leave", None, ast.Constant(None)))
        definition.body[doc:] = [_at(opening, definition), *body, _at(nothing, definition.body[-1])]
        definition.args.kwonlyargs.append(_at(ast.arg(BEGIN), definition))
        definition.args.kw_defaults.append(_at(ast.Constant(None), definition))

    def _block(self, statements):
        return [made for statement in statements for made in self._as_list(self.visit(statement))]

    def _as_list(self, made):
        return made if isinstance(made, list) else [made]

    def visit(self, node):
        before = self.opened
        made = super().visit(node)
        if isinstance(node, ast.stmt) and self.opened > before:
            return [_at(ast.Expr(_told("start")), node), *self._as_list(made)]
        return made

    def _within(self, number, node):
        """Visit an expression: the calls in it are made for a binding."""
        earlier, self.number = self.number, number
        made = self.visit(node)
        self.number = earlier
        return made

    def visit_Assign(self, node):
        return self._statement(node, node.targets)

    def visit_AugAssign(self, node):
        return self._statement(node, [node.target])

    def visit_AnnAssign(self, node):
        return node if node.value is None else self._statement(node, [node.target])

    def _statement(self, node, targets):
        number = self.source.bind(node, targets, self.source.code(node))
        node.value = self._within(number, node.value)
        for target in targets:
            self._within(number, target)
        return [node, *self._bound(number, node)]

    def _bound(self, number, where):
        """Give the call that records the names of a binding."""
        if number is None:
            return []
        names = [_load(name.split(".")[0]) for name in self.source.bindings[number].names]
        return [_at(ast.Expr(_told("bind", number, *names)), where)]

    def visit_NamedExpr(self, node):
        number = self.source.bind(node, [node.target], self.source.code(node))
        node.value = _at(_told("walrus", number, self._within(number, node.value)), node.value)
        return node

    def visit_For(self, node):
        code = f"for {self.source.code(node.target)} in {self.source.code(node.iter)}:"
        number = self.source.bind(node.target, [node.target], code, last=node.iter)
        node.iter = self._within(number, node.iter)
        node.body = [*self._bound(number, node.target), *self._block(node.body)]
        node.orelse = self._block(node.orelse)
        return node

    def visit_With(self, node):
        """Part ``with a as x, b as y``, so that x is told before b is evaluated."""
        item, *others = node.items
        told = []
        if item.optional_vars is None:
            item.context_expr = self._within(None, item.context_expr)
        else:
            context, name = self.source.code(item.context_expr), self.source.code(item.optional_vars)
            number = self.source.bind(item.optional_vars, [item.optional_vars], f"with {context} as {name}:")
            item.context_expr = self._within(number, item.context_expr)
            told = self._bound(number, item.optional_vars)
        if others:
            rest = self._as_list(self.visit_With(ast.copy_location(ast.With(others, node.body), node)))
        else:
            rest = self._block(node.body)
        node.items, node.body = [item], [*told, *rest]
        return node

    def visit_Return(self, node):
        if node.value is None:
            return _at(ast.Return(_told("leave", None, ast.Constant(None))), node)
        shown = copy.copy(node)  # the value as it was written
        number = self.source.note(("return",), self.source.code(node), shown)
        node.value = _at(_told("leave", number, self._within(number, node.value)), node)
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        if self.number is not None and not (isinstance(node.func, ast.Name) and node.func.id == "super"):
            self.opened += 1
            node.func = _at(_told("open", self.number, node.func), node.func)
        return node

    def _comprehension(self, node):
        """Names bound inside are no steps; calls made inside are told."""
        return (
            node
            if any(isinstance(part, ast.NamedExpr) for part in ast.walk(node))
            else self.generic_visit(node)
        )

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _as_it_is(self, node):
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _as_it_is


def _load(name):
    return ast.Name(name, ast.Load())


def _told(method, *arguments):
    """Give the expression that calls a method of the log."""
    arguments = [part if isinstance(part, ast.AST) else ast.Constant(part) for part in arguments]
    return ast.Call(ast.Attribute(_load(LOG), method, ast.Load()), arguments, [])


def _at(made, where):
    """Give a node, and all that were made for it, the place of another."""
    for node in ast.walk(made):
        if "lineno" in node._attributes and not hasattr(node, "lineno"):
            ast.copy_location(node, where)
    return made
