"""The record of a run: inputs, steps and values, and how it is written in text, HTML and Markdown."""

import html
from dataclasses import dataclass

import numpy as np

from lossbook.tools.render import (
    ArraySummary,
    Html,
    format_kind,
    html_block,
    html_code,
    html_table,
    html_value,
    markdown_code,
    markdown_table,
    markdown_text,
    markdown_value,
    text_table,
    text_value,
)

__all__ = ["Explanation", "Input", "Stage", "Step", "snapshot"]

COPY_LIMIT = 10_000  # entries; larger arrays are summarised at once
TEXT_WIDTH, CODE_WIDTH, MEANING_WIDTH = 100, 32, 24  # columns of the terminal table: all, two of three
AS_GIVEN = "as given"  # an array that the checks of its function left unchanged
HEADERS = ("step", "what it means", "value")


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
    summary : str, default ""
        One line that says all of it; shown in place of the table, which HTML folds behind it.
    """

    title: str
    name: str
    inputs: tuple
    steps: tuple
    value: object
    summary: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """The record of one run, made by :func:`~lossbook.tools.explain.explain`.

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
    rows : tuple of int, default ()
        Rows shown of arrays too large to show whole.

    Examples
    --------
    >>> from lossbook import explain
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
    rows: tuple = ()

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

    def to_text(self, digits=None):
        """Write the record for a terminal, no line longer than 100 characters."""
        return "\n\n".join(_stage_text(stage, self._look(digits), self.depth) for stage in self.stages)

    def to_html(self, digits=None):
        """Write the record in HTML, with the style it needs and no script."""
        return html_block(*(_stage_html(stage, self._look(digits)) for stage in self.stages))

    def to_markdown(self, digits=None):
        """Write the record as tables in Markdown, as GitHub shows them."""
        return "\n\n".join(_stage_markdown(stage, self._look(digits), self.depth) for stage in self.stages)

    def _look(self, digits):
        return {"digits": self.digits if digits is None else digits, "rows": self.rows}

    def __repr__(self):
        return self.to_text()

    def _repr_html_(self):
        return str(self.to_html())

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self._repr_html_(), "text/plain": self.to_text()}


# ---------------------------------------------------------------------------------- the snapshots


def snapshot(value, rows=(), nesting=0):
    """Copy a value so that later changes do not change the record.

    Parameters
    ----------
    value : object
        Arrays and containers of them are copied; what turns into an array, such as a tensor of
        TensorFlow or a data frame, becomes one; anything else is kept as it is.
    rows : tuple of int
        Rows kept of an array too large to copy.
    nesting : int
        How many containers it lies in; at the fifth it is kept as it is.

    Returns
    -------
    object
        An :class:`~lossbook.tools.render.ArraySummary` in place of a large array.

    Examples
    --------
    >>> numbers = [1.0]
    >>> kept = snapshot(numbers)
    >>> numbers.append(2.0)
    >>> kept
    [1.0]
    """
    if isinstance(value, (np.generic, type)):
        return value
    if isinstance(value, np.ndarray):
        return _snapshot_array(value, rows)
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return _snapshot_container(value, rows, nesting)
    if hasattr(value, "__array__"):
        return _snapshot_tensor(value, rows)
    return value


def _snapshot_array(array, rows):
    if array.size > COPY_LIMIT:
        return ArraySummary.of(array, rows)
    copy = np.array(array)
    copy.setflags(write=False)
    return copy


def _snapshot_container(value, rows, nesting):
    if nesting > 4 or len(value) > COPY_LIMIT:
        return value
    if isinstance(value, dict):
        return {key: snapshot(item, rows, nesting + 1) for key, item in value.items()}
    items = [snapshot(item, rows, nesting + 1) for item in value]
    if isinstance(value, tuple):
        return value._make(items) if hasattr(value, "_make") else tuple(items)
    return items if isinstance(value, list) else type(value)(items)


def _snapshot_tensor(value, rows):
    """Copy a tensor or a data frame as a NumPy array, if it will become one."""
    try:
        value = value.detach() if hasattr(value, "detach") else value
        return _snapshot_array(np.asarray(value), rows)
    except Exception:  # symbolic tensors refuse, each with an error of its own
        return value


# ------------------------------------------------------------------------------------ the writing


def _stage_text(stage, look, depth):
    if stage.summary:
        return stage.summary
    told, usual = _told_and_usual(stage.inputs)
    rows = [[given.name, given.meaning, given.value] for given in told]
    rows += [[f"{_assignments(usual)} (by default)"]] if usual else []
    rows += [None] if stage.inputs and stage.steps else []
    rows += _text_rows(stage.steps, depth, "")
    width = _value_width(rows)
    written = [_with_value_text(row, _given(stage), look, width) for row in rows]
    headers, written = _without_meanings(written)
    return f"{stage.title}\n{text_table(headers, written, width=TEXT_WIDTH, fixed=(len(headers) - 1,))}"


def _without_meanings(rows):
    """Give headers and rows, without the middle column where it is empty."""
    if any(row is not None and len(row) == len(HEADERS) and row[1] for row in rows):
        return HEADERS, rows
    return HEADERS[::2], [row if row is None else [row[0], *row[2:]] for row in rows]


def _told_and_usual(inputs):
    """Part the inputs a reader chose from two or more left at their defaults, which share a line."""
    usual = [given for given in inputs if given.is_default]
    if len(usual) < 2:
        return inputs, []
    return [given for given in inputs if not given.is_default], usual


def _assignments(inputs):
    return ", ".join(f"{given.name}={given.value!r}" for given in inputs)


def _text_rows(steps, depth, margin):
    """Give rows (code, meaning, step) and single lines, nested calls indented."""
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


def _value_width(rows):
    """Give the columns left for values beside the code and the meanings."""
    full = [row for row in rows if row is not None and len(row) == len(HEADERS)]
    code = max((len(line) for row in full for line in row[0].split("\n")), default=0)
    meaning = max((len(row[1]) for row in full), default=0)
    code, meaning = max(min(code, CODE_WIDTH), 4), meaning and max(min(meaning, MEANING_WIDTH), 13)
    return TEXT_WIDTH - 4 - code - meaning


def _with_value_text(row, given, look, width):
    if row is None or len(row) < len(HEADERS):
        return row
    code, meaning, value = row
    if not isinstance(value, Step):
        return [code, meaning, text_value(value, width=width, **look)]
    parts, again = [], _said_again(value, given)
    for name, bound in _values_to_say(value, given):
        label = f"{name} = " if len(value.names) > 1 else ""
        text = text_value(bound, width=width - len(label), **look)
        parts.append(label + text.replace("\n", "\n" + " " * len(label)))
    return [code, meaning, "\n".join([*parts, again] if again else parts)]


def _given(stage):
    return {given.name: given.value for given in stage.inputs}


def _values_to_say(step, given):
    """Give the names and values of a step that are not the numbers of the input of that name."""
    pairs = zip(step.names, step.values, strict=True)
    return [(name, value) for name, value in pairs if not _as_given(value, given.get(name))]


def _said_again(step, given):
    """Say in one line which arrays of a step hold the numbers of the inputs of their names."""
    pairs = zip(step.names, step.values, strict=True)
    told = {name: said for name, value in pairs if (said := _as_given(value, given.get(name)))}
    if len(told) == len(step.names) and len(set(told.values())) == 1:
        return next(iter(told.values()))
    return "; ".join(f"{name} {said}" for name, said in told.items())


def _as_given(value, given):
    """Say that an array has the shape and the numbers of an input, and its type where that is new."""
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return ""
    try:
        numbers = np.asarray(given if isinstance(given, (np.ndarray, list, tuple)) else None)
    except ValueError:  # rows of different lengths
        return ""
    if numbers.shape != value.shape or numbers.dtype.kind not in "biuf":
        return ""
    if numbers.dtype != value.dtype or numbers is not given:
        same = np.array_equal(numbers, value, equal_nan=numbers.dtype.kind == "f")
        return f"{AS_GIVEN}, now {format_kind(value)}" if same else ""
    return AS_GIVEN if numbers.tobytes() == value.tobytes() else ""


def _more_times(count):
    return f"… {count} more time{'s' if count > 1 else ''}"


def _stage_html(stage, look):
    told, usual = _told_and_usual(stage.inputs)
    rows = [
        [html_code(given.name, [given.name]), given.meaning, html_value(given.value, **look)]
        for given in told
    ]
    if usual:
        rows.append([Html(f"{html_code(_assignments(usual))} <small>by default</small>")])
    rows += [None] if stage.inputs and stage.steps else []
    for step in stage.steps:
        if step.skipped:
            rows.append([_more_times(step.skipped)])
        rows.append(_html_step(step, _given(stage), look))
        rows += [[_html_call(nested, look)] for nested in step.calls]
    caption = None if stage.summary else stage.title
    headers, rows = _without_meanings(rows)
    table = html_table(headers, rows, classes="lossbook-explain", caption=caption, row_headers=True)
    return _html_folded(Html(html.escape(stage.summary)), table) if stage.summary else table


def _html_step(step, given, look):
    bold = {name.partition(".")[0] for name in step.names}
    parts, again = [], _said_again(step, given)
    for name, value in _values_to_say(step, given):
        label = f"{html_code(name, [name])} " if len(step.names) > 1 else ""
        text = f"{label}{html_value(value, **look)}"
        parts.append(f"<div>{text}</div>" if label else text)
    parts += [f"<small>{html.escape(again)}</small>"] if again else []
    return [html_code(step.code, bold), step.meaning, Html("".join(parts))]


def _html_call(nested, look):
    tables = "".join(_stage_html(stage, look) for stage in nested.stages)
    return _html_folded(f"inside {html_code(nested.name)}", tables)


def _html_folded(summary, inside):
    return Html(f"<details><summary>{summary}</summary>\n{inside}\n</details>")


def _stage_markdown(stage, look, depth):
    if stage.summary:
        return stage.summary
    rows = [
        [markdown_code(given.name), markdown_text(given.meaning), markdown_value(given.value, **look)]
        for given in _told_and_usual(stage.inputs)[0]
    ]
    usual = _told_and_usual(stage.inputs)[1]
    rows += [[markdown_code(_assignments(usual)), "by default", ""]] if usual else []
    for row in _text_rows(stage.steps, depth, ""):
        if len(row) < len(HEADERS):
            rows.append([row[0].strip(), "", ""])
            continue
        code, meaning, step = row
        parts, again = [], _said_again(step, _given(stage))
        for name, value in _values_to_say(step, _given(stage)):
            label = f"{markdown_code(name)} " if len(step.names) > 1 else ""
            parts.append(label + markdown_value(value, **look))
        parts += [again] if again else []
        rows.append([markdown_code(code), markdown_text(meaning), "<br>".join(parts)])
    return f"**{markdown_code(stage.title)}**\n\n{markdown_table(*_without_meanings(rows))}"
