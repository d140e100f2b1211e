"""What runs in the reader's browser: a form or a cell comes in, HTML goes out.

Nothing here knows that it is in a browser: tests run it in CPython, too.
"""

import ast
import contextlib
import io
import json
import linecache
import re
import sys
import time
import traceback

import numpy as np

import lossbook
from lossbook import render

CELL = "<cell>"  # the file that cells are compiled in
NAMES = {"__name__": "__main__", "np": np, "lossbook": lossbook, "explain": lossbook.explain}
WORDS = {"true": True, "false": False, "none": np.nan, "null": np.nan}
TOKEN = re.compile(r"\s*([\[\](),]|[^\s\[\](),]+)")
PAGE = re.compile(r">([\w-]+/[\w-]+)\.ipynb(#[\w-]+)?<")
ARRAY = re.compile(r"(?:\w+\.)?(?:array|tensor)\((.*?)(?:,\s*dtype=[\w.]*?(\w+))?\s*,?\s*\)", re.DOTALL)


def numbers(name, text):
    """Read what was typed: Python, JSON, what NumPy prints, CSV, or cells of a spreadsheet; None if nothing.

    Whole numbers become int64 and others float64, as on a 64-bit machine.

    >>> numbers("y", "[[1, 2], [3, 4]]").tolist() == numbers("y", "1,2\\n3,4").tolist()
    True
    >>> numbers("y", "0,5\\t1,25").tolist(), numbers("y", "array([1., nan], dtype=float32)").dtype
    ([0.5, 1.25], dtype('float32'))
    """
    text = text.strip()
    if not text:
        return None
    kind = None
    if told := ARRAY.fullmatch(text):
        text, kind = told[1], told[2]
    try:
        array = np.array(nested(text) if "[" in text or "(" in text else rows(text))
    except ValueError as problem:
        reason = "rows differ in length" if "inhomogeneous" in str(problem) else problem
        raise ValueError(
            f"Received {name} = {text[:40]!r}; expected numbers: {reason}. "
            "Write [[1, 2], [3, 4]], or one row a line."
        ) from None
    if array.dtype.kind in "iu":  # the default integer has 32 bits in WebAssembly
        array = array.astype(np.int64)
    return array.astype(kind) if kind else array


def nested(text):
    """Read lists in lists, with or without commas between numbers."""
    top = []
    open_lists = [top]
    for token in TOKEN.findall(text):
        if token in "[(":
            inner = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif token in "])":
            open_lists.pop()
            if not open_lists:
                break
        elif token != ",":
            open_lists[-1].append(number(token))
    if len(open_lists) != 1 or len(top) != 1:
        raise ValueError("the brackets do not match")
    return top[0]


def rows(text):
    """Read a table: one row a line, split at tabs, else semicolons, else commas or blanks."""
    mark = next((mark for mark in "\t;" if mark in text), None)
    lines = [line for line in text.splitlines() if line.strip()]
    if mark:  # then a comma is the decimal sign
        table = [[number(part.strip().replace(",", ".")) for part in line.split(mark)] for line in lines]
    else:
        table = [[number(part) for part in line.replace(",", " ").split()] for line in lines]
    return table[0] if len(table) == 1 else table


def number(text):
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return int(text)
    except ValueError:
        return float(text)


# ------------------------------------------------------------------------------------ the form


def run_form(form):
    """Compute a loss as the form says, explain it, and ask the doctor about the same numbers."""
    spec = lossbook.CATALOGUE[form["loss"]]
    settings = {name: setting(name, text) for name, text in form["settings"].items()}
    loss = spec.cls(**settings, reduction=form["reduction"])
    data = [numbers(name, form[name]) for name in ("y_true", "y_pred", "sample_weight", "mask")]
    for name, given in zip(("y_true", "y_pred"), data, strict=False):
        if given is None:
            raise ValueError(f"Received no {name}; expected numbers. Type some, or choose the loss again.")
    record = lossbook.explain(loss, *data)
    slope = loss.gradient(*data)
    parts = [
        ("Loss", render.html_block(render.html_value(record.value))),
        ("Trace", record._repr_html_()),
        ("Gradient", gradient(data[1], slope)),
        ("What the loss doctor says", linked(lossbook.check(loss, *data)._repr_html_())),
    ]
    if mine := form["number"].strip():
        reasons = told(lossbook.reconcile, loss, *data[:2], mine, data[2], mask=data[3])
        parts += [(f"Why {mine} differs", reasons), (f"What gives {mine}", told(lossbook.fingerprint, mine))]
    exact = {"value": np.asarray(record.value).tolist(), "gradient": np.asarray(slope).tolist()}
    return {"parts": parts, "exact": repr(exact)}


def setting(name, text):
    """Read the value of a parameter."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise ValueError(f"Received {name} = {text!r}; expected a number, True, False or None.") from None


def gradient(y_pred, slope):
    """Show the slope of the loss in each prediction."""
    cells = [render.html_value(y_pred), render.html_value(slope)]
    return render.html_block(render.html_table(["y_pred", "slope of the loss in it"], [cells]))


def told(ask, *args, **kwargs):
    """Ask the doctor; where it refuses, return why: the trace stands all the same."""
    try:
        return ask(*args, **kwargs)._repr_html_()
    except (TypeError, ValueError) as problem:
        return render.html_block(str(problem))


def linked(report):
    """Make links of the pages that the doctor says to read."""
    return PAGE.sub(r'><a href="\1.html\2">\1\2</a><', report)


def as_html(thing):
    """Show a thing as a notebook would; one of lossbook's own as HTML, any other as text.

    HTML that a cell made could run a script in the page.
    """
    if type(thing).__module__.startswith("lossbook.") and hasattr(thing, "_repr_html_"):
        return thing._repr_html_()
    return None


# ------------------------------------------------------------------------------------ the cell


def run_cell(source):
    """Run a cell where names stay, and show its last expression, as a notebook does."""
    linecache.cache[CELL] = (len(source), None, source.splitlines(True), CELL)  # explain reads it there
    tree = ast.parse(source, CELL)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, CELL, "exec"), NAMES)
    shown = eval(compile(ast.Expression(last.value), CELL, "eval"), NAMES) if last else None
    if shown is None:
        return {}
    made = as_html(shown)
    return {"parts": [("", made)]} if made else {"text": repr(shown)}


# ------------------------------------------------------------------------------------ the answer


def respond(request):
    """Run a request, and return what the page shows: parts, text, what was printed, an error in one line."""
    begun = time.perf_counter()
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            result = run_form(request["form"]) if "form" in request else run_cell(request["cell"])
    except BaseException as error:  # SystemExit and KeyboardInterrupt, too: Python goes on
        at = [step.lineno for step in traceback.extract_tb(error.__traceback__) if step.filename == CELL]
        at = at or [error.lineno] if isinstance(error, SyntaxError) else at
        where = f" (line {at[-1]})" if at else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        line = f"{type(error).__name__}{where}: {' '.join(said.split())}"
        result = {"error": line, "trace": "".join(traceback.format_exception(error))}
    return {**result, "printed": printed.getvalue(), "seconds": time.perf_counter() - begun}


def answer(request):
    """Answer a request in JSON, on what was standard output before a cell could print."""
    sys.__stdout__.write(json.dumps(respond(json.loads(request))))
    sys.__stdout__.flush()
