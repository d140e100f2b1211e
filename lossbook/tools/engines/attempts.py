"""Code that may fail: what comes out of it, in one world or in several."""

import ast
import builtins
import contextlib
import io
import re
import textwrap
import warnings
from dataclasses import dataclass

from lossbook.tools.engines.frameworks import DEFAULT, engines_of, plain
from lossbook.tools.engines.loading import is_installed, missing_text
from lossbook.tools.render import html_block, html_table, one_line, text_table, tidy

__all__ = ["Outcome", "Outcomes", "attempt", "describe", "outcomes", "short_error"]

HEADERS = ["engine", "what comes out"]


@dataclass(frozen=True, repr=False, eq=False)
class Outcome:
    """What came out of a piece of code: a value, or an error in one line.

    The `value` is NumPy or Python; `error` reads ``"ValueError: the first line of its message"``;
    `stage` is ``"syntax"`` where it does not compile, ``"run"`` where it raised, else ``"done"``.
    """

    value: object = None
    error: str = None
    stage: str = "done"
    printed: str = ""
    warnings: tuple = ()  # each once

    @property
    def ok(self):
        """Whether it ran to its end."""
        return self.error is None

    def text(self, digits=8):
        """Say in one line what came out; what was printed, where there is no value."""
        if self.error is not None:
            return self.error
        if self.value is None and self.printed.strip():
            return tidy(" ".join(self.printed.split()))
        return one_line(self.value, digits)

    def __repr__(self):
        return self.text()


@dataclass(frozen=True, repr=False, eq=False)
class Outcomes:
    """What came out of the same code in several worlds; prints and displays as a table."""

    outcomes: dict  # an Outcome for each engine's name
    digits: int = 8  # significant, shown

    @property
    def values(self):
        """The values by engine name, for the engines where the code ran."""
        return {name: outcome.value for name, outcome in self.outcomes.items() if outcome.ok}

    @property
    def errors(self):
        """The errors by engine name, for the engines where the code raised."""
        return {name: outcome.error for name, outcome in self.outcomes.items() if not outcome.ok}

    def __getitem__(self, engine):
        return self.outcomes[engine]

    def _cells(self):
        return [[name, outcome.text(self.digits)] for name, outcome in self.outcomes.items()]

    def __repr__(self):
        return text_table(HEADERS, self._cells())

    def _repr_html_(self):
        return html_block(html_table(HEADERS, self._cells()))


def attempt(code, /, **names):
    """Run code that may fail, and keep what comes out.

    Parameters
    ----------
    code : str or callable
        Text runs with `names` as its globals, and its value is that of its last
        expression. A callable is called with `names`.
    **names
        What the code finds.

    Returns
    -------
    Outcome

    Raises
    ------
    TypeError
        If `code` is neither text nor callable.

    Examples
    --------
    >>> attempt("x + 1", x=2)
    3
    >>> attempt("y_true - y_pred", y_true=1)
    NameError: name 'y_pred' is not defined
    >>> attempt("a loss").stage
    'syntax'
    """
    return _attempt(code, names)


def outcomes(code, /, engines=DEFAULT, *, digits=8, imports=True, **names):
    """Run the same code in several worlds.

    Parameters
    ----------
    code : str or callable
        Text runs in each world with `tf`, `keras` and `tf_keras` given, and what it
        imports from tensorflow.keras or keras is that world's Keras. A callable is
        called with the world's Keras module.
    engines : str, Engine or a sequence of them
        The worlds.
    digits : int
        Significant digits shown of each number.
    imports : bool
        False runs text exactly as it stands, with neither `tf` nor `keras` given.
    **names
        What else the code finds.

    Returns
    -------
    Outcomes

    Raises
    ------
    TypeError
        If `code` is neither text nor callable.
    ValueError
        If an engine's name is unknown.
    """
    results = {world.name: _in_world(code, world, imports, names) for world in engines_of(engines)}
    return Outcomes(results, digits)


def _in_world(code, world, imports, names):
    _check_code(code)
    if not world.installed:
        missing = next(package for package in world.packages if not is_installed(package))
        return Outcome(error=f"ImportError: {missing_text(missing)}", stage="run")
    found = world.names()  # loads it, quietly, even where the code is to import it itself
    if callable(code):
        return _attempt(lambda **given: code(found.get("keras", world.losses), **given), names)
    return _attempt(code, {**found, **names} if imports else names, world.importer)


def _attempt(code, names, importer=None):
    _check_code(code)
    printed = io.StringIO()
    value = error = None
    stage = "syntax"
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            run = code if callable(code) else _compiled(code, importer)
            stage = "run"
            value = plain(run(**names))
            stage = "done"
        except Exception as problem:
            error = describe(problem)
    notes = tuple(dict.fromkeys(tidy(f"{note.category.__name__}: {note.message}") for note in caught))
    return Outcome(value, error, stage, printed.getvalue(), notes)


def _compiled(code, importer):
    """Compile text into a callable that gives the value of its last expression."""
    tree = ast.parse(code, "<code>")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    body = compile(tree, "<code>", "exec")
    tail = compile(ast.Expression(last.value), "<code>", "eval") if last else None

    def run(**names):
        tools = dict(vars(builtins))
        if importer is not None:
            tools["__import__"] = importer
        space = {"__builtins__": tools, "__name__": "__main__", **names}
        exec(body, space)
        return eval(tail, space) if tail else None

    return run


def _check_code(code):
    if not (isinstance(code, str) or callable(code)):
        raise TypeError(f"Received {one_line(code)} as code; expected text or a callable.")


def describe(problem):
    """Write an exception in one short line without paths or addresses.

    Examples
    --------
    >>> describe(ValueError("Received\\n1"))
    'ValueError: Received'
    """
    kind = type(problem).__name__
    if isinstance(problem, SyntaxError):
        return tidy(f"{kind}: {problem.msg} (line {problem.lineno})")
    lines = [line.strip() for line in str(problem).splitlines() if tidy(line).strip()]
    return tidy(f"{kind}: {lines[0]}") if lines else kind


def short_error(error):
    """Write an exception in one short line: without what is received, and TensorFlow's names of nodes.

    Examples
    --------
    >>> short_error(ValueError("Shapes differ. Received: a list"))
    'ValueError: Shapes differ.'
    """
    words = " ".join(str(error).split()).split("Received:")[0]
    words = re.sub(r"\{\{.*?\}\}|\[Op:.*| for '.*", "", words)
    return f"{type(error).__name__}: {textwrap.shorten(words, 90, placeholder=' …')}"
