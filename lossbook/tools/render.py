"""Turn numbers, arrays and tables into text and HTML that read the same everywhere.

Everything here is deterministic: the same input gives the same bytes, on any processor, with no
memory address, no random id and no script. The HTML is semantic first, so that it still reads well
where styles are stripped (GitHub); :data:`STYLE` then borrows the colours of the page around it
(JupyterLab or the Sphinx site, light or dark) and names no colour of its own.
"""

import ast
import html
import inspect
import io
import keyword
import math
import re
import textwrap
import tokenize
from dataclasses import dataclass

import numpy as np

__all__ = [
    "STYLE",
    "ArraySummary",
    "Html",
    "format_kind",
    "format_number",
    "format_value",
    "html_block",
    "html_code",
    "html_table",
    "html_value",
    "markdown_code",
    "markdown_table",
    "markdown_text",
    "markdown_value",
    "one_line",
    "rounded",
    "text_table",
    "text_value",
    "tidy",
    "without_addresses",
]

TEXT_WIDTH = 100  # columns of a terminal table
VALUE_WIDTH = 44  # columns of an array in a terminal table
HTML_WIDTH = 48  # columns of an array in an HTML cell
MAX_ROWS, MAX_COLUMNS, MAX_ITEMS = 6, 6, 8  # larger arrays are summarised
FIRST = 4  # entries shown of a summarised array
MAX_TEXT = 200  # characters shown of any other object
MAX_NESTING = 4  # lists within lists
ENDS = 3  # entries shown at either end of a longer axis on one line

LINE_COLOUR = (
    "var(--pst-color-border, var(--jp-border-color2, color-mix(in srgb, currentColor 25%, transparent)))"
)

# The class is doubled so that these rules outweigh those of the page's theme. The first rule undoes the
# light box that pydata-sphinx-theme lays behind every HTML output in the dark.
STYLE = """<style>
html[data-theme=dark] .bd-content div.cell_output .text_html:has(> &) {
  background: transparent; color: inherit; padding: 0; }
& { overflow-x: auto; margin: 0.5em 0; container-type: inline-size; }
& table { border-collapse: collapse; border: 0; width: auto; margin: 0 0 0.75em;
  font-size: 0.9em; line-height: 1.35; color: inherit; background: transparent; }
& caption { caption-side: top; font-weight: 600; padding: 0.2em 0.55em;
  color: inherit; }
& table tr, & table tbody tr:nth-child(odd), & table tbody tr:hover {
  background: transparent; }
& th, & td { border: 0; padding: 0.25em 0.55em; vertical-align: top; font-weight: normal;
  white-space: normal; max-width: none; color: inherit; background: transparent;
  border-bottom: 1px solid $line; }
& thead th { font-weight: 600; border-bottom-width: 2px; }
& tbody + tbody { border-top: 2px solid $line; }
& table pre, & table code { margin: 0; padding: 0; border: 0; box-shadow: none;
  font-family: var(--pst-font-family-monospace, var(--jp-code-font-family, monospace));
  font-size: 0.95em; line-height: inherit; color: inherit; background: transparent; }
& table pre { white-space: pre; overflow: visible; display: inline-block; }
& table code { white-space: pre-wrap; }
& small { white-space: nowrap; font-size: 0.85em;
  color: var(--pst-color-text-muted, var(--jp-ui-font-color2, inherit)); }
& .keyword { color: var(--jp-mirror-editor-keyword-color, var(--pst-color-accent, inherit)); }
& .number { color: var(--jp-mirror-editor-number-color, var(--pst-color-primary, inherit)); }
& .string { color: var(--jp-mirror-editor-string-color, var(--pst-color-secondary, inherit)); }
& details { margin: 0; padding: 0; border: 0; background: transparent; }
& summary { cursor: pointer; padding: 0; color: inherit; background: transparent; display: list-item;
  list-style: disclosure-closed inside; font-size: 0.9em; }
& table summary { font-size: 1em; }
& details[open] > summary { list-style-type: disclosure-open; }
& table table { font-size: 1em; margin: 0.4em 0 0.4em 1.2em; }
@container (max-width: 62em) {
  & .lossbook-explain { display: grid; grid-template-columns: minmax(min(19em, 100%), 1fr) auto; }
  & .lossbook-explain > thead, & .lossbook-explain > tbody, & .lossbook-explain > * > tr {
    display: grid; grid-template-columns: subgrid; grid-column: 1 / -1; }
  & .lossbook-explain > caption { display: block; grid-column: 1 / -1; }
  & .lossbook-explain > tbody + tbody { border-top-width: 1px; }
  & .lossbook-explain > * > tr { padding: 0.25em 0; border-bottom: 1px solid $line;
    grid-template-rows: auto 1fr; }
  & .lossbook-explain > * > tr > * { padding: 0 0.55em; border: 0; }
  & .lossbook-explain > thead th + th:not(:last-child) { display: none; }
  & .lossbook-explain > tbody > tr > td:not(:last-child) { grid-row: 2; grid-column: 1;
    color: var(--pst-color-text-muted, var(--jp-ui-font-color2, inherit)); }
  & .lossbook-explain > tbody > tr > th + td:last-child,
  & .lossbook-explain > tbody > tr > td + td { grid-row: 1 / span 2; grid-column: 2; }
  & .lossbook-explain > tbody > tr > td:only-child { grid-column: 1 / -1; }
}
@container (max-width: 34em) {
  & .lossbook-explain { grid-template-columns: minmax(0, 1fr); }
  & .lossbook-explain > thead { display: none; }
  & .lossbook-explain > tbody > tr > td + td { grid-row: 3; grid-column: 1; }
}
</style>""".replace("&", ".lossbook.lossbook").replace("$line", LINE_COLOUR)
"""The style sheet of a table, which goes along with it."""


class Html(str):
    """Text that is HTML already and must not be escaped.

    Examples
    --------
    >>> html_table(["loss"], [[Html("<b>mse</b>")]])  # doctest: +ELLIPSIS
    '<table ...><b>mse</b></td>...
    """

    __slots__ = ()


@dataclass(frozen=True)
class ArraySummary:
    """What is kept of an array too large to copy or to show.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.
    dtype : str
        Name of its element type.
    low, mean, high : float or None
        Least, mean and greatest entry; None where they have no meaning (text, objects).
    nans : int
        How many entries are NaN; the three numbers above leave them out.
    first : tuple
        The first entries, in row order.
    rows : tuple of (int, numpy.ndarray)
        The rows asked for, along the first axis, each with its number.

    Examples
    --------
    >>> ArraySummary.of(np.arange(100.0))
    min 0.0, mean 49.5, max 99.0
    first 0.0, 1.0, 2.0, 3.0, …
    """

    shape: tuple
    dtype: str
    low: float | None
    mean: float | None
    high: float | None
    nans: int
    first: tuple
    rows: tuple = ()

    @classmethod
    def of(cls, array, rows=()):
        """Summarise ``array``, of any shape, and keep the rows asked for, as far as it has them."""
        array = np.asarray(array)
        first = tuple(array.flat[:FIRST].tolist())
        low = mean = high = None
        nans = 0
        if _is_real(array) and array.size:
            numbers = array.astype(np.float64)
            nan = np.isnan(numbers)
            nans = int(nan.sum())
            if nans < array.size:
                known = numbers[~nan]
                with np.errstate(all="ignore"):
                    low, mean, high = float(known.min()), float(known.mean()), float(known.max())
        kept = tuple((row, np.array(array[row])) for row in rows if row < len(array))
        return cls(array.shape, array.dtype.name, low, mean, high, nans, first, kept)

    def text(self, digits=6):
        """Give the summary as plain text: extremes and mean in one line, entries in the next."""
        facts, lines = [], []
        if self.low is not None:
            for name, number in (("min", self.low), ("mean", self.mean), ("max", self.high)):
                facts.append(f"{name} {format_number(number, digits)}")
        if self.nans:
            facts.append(f"{self.nans} nan")
        if facts:
            lines.append(", ".join(facts))
        for row, numbers in self.rows:
            lines.append(f"row {row}: {_format(numbers, digits, None, 1).replace(chr(10), ', ')}")
        if self.first and not self.rows:
            shown = ", ".join(_format(entry, digits, None, 1) for entry in self.first)
            more = ", …" if math.prod(self.shape) > len(self.first) else ""
            lines.append(f"first {shown}{more}")
        return "\n".join(lines) or "empty"

    def __repr__(self):
        return self.text()


# ---------------------------------------------------------------------------------------- numbers


def rounded(value, digits):
    """Round every float of nested lists and dictionaries to significant digits, as JSON can keep it.

    Parameters
    ----------
    value : dict, list, float or anything
        What is kept; what is no float stays.
    digits : int
        Significant digits.

    Returns
    -------
    dict, list, float or anything
        The same structure. NaN and infinity, which JSON has not, become None.

    Examples
    --------
    >>> rounded({"loss": [2 / 3, float("nan")], "error": "none"}, 3)
    {'loss': [0.667, None], 'error': 'none'}
    """
    if isinstance(value, dict):
        return {key: rounded(one, digits) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one, digits) for one in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return value


def format_number(x, digits=6):
    """Write one number with a fixed count of significant digits.

    Parameters
    ----------
    x : bool, int, float, complex or NumPy scalar
        The number. Integers are written whole.
    digits : int, default 6
        Significant digits of a floating-point number.

    Returns
    -------
    str
        Always with a point or an exponent for a float, so that ``1.0`` and ``1`` stay apart.
        The sign of zero is dropped: ``-0.0`` is written ``0.0``, because it equals zero and its
        sign differs between processors.

    Raises
    ------
    TypeError
        If ``x`` is not a number.

    Examples
    --------
    >>> format_number(2 / 3), format_number(1.0), format_number(-0.0), format_number(True)
    ('0.666667', '1.0', '0.0', 'True')
    >>> format_number(np.float32(1e-7)), format_number(float("-inf"))
    ('1e-07', '-inf')
    """
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, (int, np.integer)):
        return str(int(x))
    if isinstance(x, (complex, np.complexfloating)):
        imaginary = format_number(x.imag, digits)
        sign = "" if imaginary.startswith("-") else "+"
        return f"{format_number(x.real, digits)}{sign}{imaginary}j"
    try:
        number = float(x) if not isinstance(x, (str, bytes)) else None
    except (TypeError, ValueError):
        number = None
    if number is None:
        raise TypeError(
            f"Received {type(x).__name__}; expected a number. Use format_value for anything else."
        )
    if number == 0:
        return "0.0"
    text = f"{number:.{digits}g}"
    return text if not math.isfinite(number) or re.search("[.e]", text) else text + ".0"


def format_value(value, digits=6, width=VALUE_WIDTH, rows=()):
    """Write any value as plain text: numbers, arrays, containers, other objects.

    Parameters
    ----------
    value : object
        Arrays up to 8 entries (one axis) or 6 by 6 (two axes) are written whole, entries aligned;
        larger ones become their least, mean, greatest and first entries. A column, of shape
        (N, 1), is written as a row with the sign of transposition.
    digits : int, default 6
        Significant digits of each floating-point number.
    width : int, default 44
        Longest line of an array; longer rows go on in the next line.
    rows : tuple of int, default ()
        Rows shown of an array too large to show whole.

    Returns
    -------
    str
        One line or several. No memory address is ever shown.

    Examples
    --------
    >>> print(format_value(np.array([[0.5, 12.25], [13.0, 1 / 3]])))
    [[ 0.5  12.25]
     [13.0   0.333333]]
    >>> format_value((np.float64(0.5), "sum", None)), format_value(np.array([[0.5], [1.0]]))
    ("(0.5, 'sum', None)", '[0.5  1.0]ᵀ')
    >>> print(format_value(np.arange(10)))
    min 0.0, mean 4.5, max 9.0
    first 0, 1, 2, 3, …
    """
    if rows and isinstance(value, np.ndarray) and value.ndim and not _is_small(value.shape):
        value = ArraySummary.of(value, rows)
    return _format(value, digits, width, 0)


def format_kind(value):
    """Say the shape and type of an array, the type of a NumPy scalar, or nothing.

    Examples
    --------
    >>> format_kind(np.zeros((2, 3), np.float32)), format_kind(np.float32(1)), format_kind(1.0)
    ('(2, 3) float32', 'float32', '')
    """
    if isinstance(value, ArraySummary):
        return f"{value.shape} {value.dtype}"
    if isinstance(value, np.generic):
        return value.dtype.name
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype.name}"
    return ""


def _format(value, digits, width, nesting):
    if isinstance(value, ArraySummary):
        return value.text(digits)
    if isinstance(value, np.ndarray):
        return _format_array(value, digits, width)
    if isinstance(value, (str, bytes)):
        return _shorten(repr(value.item() if isinstance(value, np.generic) else value))
    if _is_number(value):
        return format_number(value, digits)
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return _format_container(value, digits, nesting)
    return _shorten(_plain_repr(value))


def _format_container(value, digits, nesting):
    if nesting >= MAX_NESTING:
        return "…"

    def write(item):
        return _format(item, digits, None, nesting + 1).replace("\n", "")

    if isinstance(value, dict):
        items = [f"{write(key)}: {write(item)}" for key, item in _head(value.items())]
    else:
        items = [write(item) for item in _head(value)]
    if isinstance(value, (set, frozenset)):
        items = sorted(write(item) for item in value)[:MAX_ITEMS]  # sets have no order of their own
    if len(value) > MAX_ITEMS:
        items.append(f"… {len(value)} in all")
    inside = ", ".join(items)
    if isinstance(value, tuple):
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, list):
        return f"[{inside}]"
    if not value:
        return "{}" if isinstance(value, dict) else "set()"
    return "{" + inside + "}"


def _head(items):
    return list(items)[:MAX_ITEMS]


def _format_array(array, digits, width):
    array = np.asarray(array)
    if array.ndim == 0:
        return _format(array.item(), digits, width, 1)
    if array.size == 0:
        return "[]"
    if _is_column(array.shape):
        row = _format_array(array[:, 0], digits, width)
        return f"{row}ᵀ" if row.endswith("]") else row
    if not _is_small(array.shape):
        return ArraySummary.of(array).text(digits)
    entries = [_format(entry, digits, None, 1) for entry in array.ravel().tolist()]
    one_line = f"[{'  '.join(entries)}]"
    if array.ndim == 1 and len(one_line) <= (width or len(one_line)):
        return one_line
    rows = np.empty((array.size // array.shape[-1], array.shape[-1]), dtype=object)
    rows.flat = entries
    if array.ndim == 1:
        rows.flat = _align_points(entries)
    else:
        for column in range(rows.shape[1]):
            rows[:, column] = _align_points(list(rows[:, column]))
    return _lay_out(rows.reshape(array.shape), width or 10**6, indent=0)


def _lay_out(entries, width, indent):
    """Write nested brackets, one line for each innermost row, none longer than ``width``."""
    margin = " " * (indent + 1)
    if entries.ndim > 1:
        rows = [_lay_out(row, width, indent + 1) for row in entries]
        return "[" + ("\n" + margin).join(rows) + "]"
    lines, limit = [""], width - 1
    for entry in entries:
        longer = f"{lines[-1]}  {entry}" if lines[-1] else entry
        if lines[-1] and len(longer) + indent + 1 > limit:
            lines.append(entry)
        else:
            lines[-1] = longer
    return "[" + ("\n" + margin).join(line.rstrip() for line in lines) + "]"


def _is_column(shape):
    return len(shape) == 2 and shape[1] == 1 and shape[0] > 1


def _is_small(shape):
    if _is_column(shape):
        shape = shape[:1]
    if len(shape) == 1:
        return shape[0] <= MAX_ITEMS
    *outer, columns = shape
    return columns <= MAX_COLUMNS and math.prod(outer) <= MAX_ROWS


def _align_points(entries):
    """Pad texts so that their decimal points stand under each other."""
    if len(entries) == 1:
        return entries
    parts = [re.fullmatch(r"(-?[0-9]+)([.e].*)|(.*)", entry, re.S).groups("") for entry in entries]
    left = max(len(whole + other) for whole, _, other in parts)
    right = max(len(rest) for _, rest, _ in parts)
    return [(whole + other).rjust(left) + rest.ljust(right) for whole, rest, other in parts]


def _is_real(array):
    """Tell real numbers from text, objects and complex; bfloat16 (kind V) counts as real."""
    return array.dtype.kind in "biuf" or "float" in array.dtype.name


def _is_number(value):
    if isinstance(value, (bool, int, float, complex)):
        return True
    return isinstance(value, np.generic) and (value.dtype.kind in "biufc" or "float" in value.dtype.name)


def _plain_repr(value):
    if isinstance(value, type):
        return value.__qualname__
    if isinstance(value, np.generic):
        return str(value)
    name = getattr(value, "__name__", None)
    if callable(value) and isinstance(name, str):
        return name
    try:
        text = repr(value)
    except Exception as problem:  # a broken __repr__ must not hide the rest of the record
        return f"<{type(value).__name__}, whose repr raises {type(problem).__name__}>"
    return without_addresses(text)


def without_addresses(text):
    """Drop memory addresses from the ``repr`` of an object.

    Examples
    --------
    >>> without_addresses("<object object at 0x7f00>")
    '<object>'
    """
    return re.sub(r"( object)? at 0x[0-9A-Fa-f]+", "", text)


def _shorten(text):
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


# -------------------------------------------------------------------------------------- one line


def one_line(value, digits=8):
    """Write any result in one short line, the same on every machine.

    Parameters
    ----------
    value : object
        Numbers and arrays; text, lists and other objects too.
    digits : int
        Significant digits of float64. Coarser types are written in the shortest form
        that reads back as the same number.

    Returns
    -------
    str

    Examples
    --------
    >>> one_line(np.float32(0.1)), one_line(2 / 3), one_line(np.array([[0.5, 1.0], [2.0, 3.0]]))
    ('0.1', '0.66666667', '[[0.5 1.0] [2.0 3.0]]')
    >>> one_line(len), one_line(object())
    ('<function len>', '<object object>')
    """
    if isinstance(value, (np.ndarray, np.generic)) and _is_real(value):
        return _line_of_numbers(np.asarray(value), digits)
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.ndarray, np.generic)):
        return " ".join(format_value(value, digits, width=None).split())
    if isinstance(value, (list, tuple)):
        inside = ", ".join(_ends(value, lambda item: one_line(item, digits)))
        comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{comma})"
    if isinstance(value, (dict, set, frozenset)):
        return tidy(format_value(value, digits))
    if isinstance(value, type) or inspect.ismodule(value) or inspect.isroutine(value):
        kind = "class" if isinstance(value, type) else "module" if inspect.ismodule(value) else "function"
        return tidy(f"<{kind} {value.__name__}>")
    return f"<{type(value).__name__} object>"


def _line_of_numbers(array, digits):
    if array.ndim:
        return f"[{' '.join(_ends(array, lambda row: _line_of_numbers(np.asarray(row), digits)))}]"
    number = array[()]
    if "float" not in array.dtype.name or array.dtype.itemsize >= 8 or number == 0:
        return format_number(number, digits)
    text = str(number)
    return text if re.search("[.ein]", text) else text + ".0"


def _ends(items, write):
    if len(items) <= MAX_ITEMS:
        return [write(item) for item in items]
    return [*map(write, items[:ENDS]), "…", *map(write, items[-ENDS:])]


def tidy(text):
    """Clean a message of what changes from run to run, and shorten it.

    Examples
    --------
    >>> tidy("<keras.src.losses.Poisson object at 0x7f00>, see /srv/lib/losses.py, not {'sum', 'mean'}")
    "<Poisson object>, see losses.py, not {'mean', 'sum'}"
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)  # colours
    text = re.sub(r"\{\{[^{}]*\}\}\s*", "", text)  # {{function_node …}}
    text = re.sub(r"\s*\[Op:\w+\](\s*name:.*)?", "", text)
    text = re.sub(r"<(?:[\w<>]+\.)*(\w+) object at 0x[0-9a-fA-F]+>", r"<\1 object>", text)
    text = text.replace("keras._tf_keras.keras", "tensorflow.keras")  # it goes by both names
    text = re.sub(r"(,? at)? 0x[0-9a-fA-F]+", "", text)
    text = re.sub(r"(?<![\w.:/])(?:/[\w.+@~-]+){2,}", lambda path: path[0].rsplit("/", 1)[1], text)
    text = re.sub(r"\b[A-Za-z]:\\(?:[^\\\s'\"]+\\)*", "", text)
    text = re.sub(r"\{[^{}]*\}", _sorted_set, text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 2].rsplit(" ", 1)[0] + " …"


def _sorted_set(found):
    try:
        items = ast.literal_eval(found[0])
    except (ValueError, SyntaxError, TypeError):
        return found[0]
    return "{" + ", ".join(sorted(map(repr, items))) + "}" if isinstance(items, set) else found[0]


# ------------------------------------------------------------------------------------------- text


def text_value(value, digits=6, width=VALUE_WIDTH, rows=()):
    """Write a value and its shape and type, as in a terminal table; arrays in a container each by itself.

    Examples
    --------
    >>> print(text_value({"main": np.array([0.5, 1.0]), "side": np.array([2])}))
    main: [0.5  1.0]  (2,) float64
    side: [2]  (1,) int64
    """
    items = _items_with_arrays(value)
    if items:
        written = [
            (f"{name}: ", text_value(item, digits, width - len(name) - 2, rows)) for name, item in items
        ]
        return "\n".join(name + text.replace("\n", "\n" + " " * len(name)) for name, text in written)
    text, kind = format_value(value, digits, width, rows), format_kind(value)
    if not kind:
        return "\n".join(_wrap(text, width))
    together = f"{text}  {kind}"
    fits = "\n" not in text and len(together) <= width
    return together if fits else f"{text}\n{kind}"


def _items_with_arrays(value):
    """Give (name, item) for each item of a dict, list or tuple that holds an array; otherwise nothing."""
    if not isinstance(value, (dict, list, tuple)) or not 0 < len(value) <= MAX_ITEMS:
        return []
    if isinstance(value, dict):
        names, items = [str(key) for key in value], list(value.values())
    else:
        names, items = getattr(value, "_fields", range(len(value))), list(value)
    if not any(isinstance(item, (np.ndarray, ArraySummary)) or _items_with_arrays(item) for item in items):
        return []
    return [(str(name), item) for name, item in zip(names, items, strict=True)]


def text_table(headers, rows, align=None, width=TEXT_WIDTH, fixed=()):
    """Lay out a table in aligned columns for a terminal.

    Parameters
    ----------
    headers : sequence of str, length C
        Column names.
    rows : sequence of (sequence of cells, or None)
        Each row has at most C cells; the last cell of a shorter row takes the rest of the line.
        ``None`` draws a rule. A cell is any object: text is taken as it is (several lines are
        allowed), :class:`Html` loses its tags, everything else goes through :func:`format_value`.
    align : sequence of {"left", "right", "center"}, length C, optional
        Alignment of each column; left unless given.
    width : int, default 100
        Longest line. The widest columns are wrapped until the table fits.
    fixed : collection of int, optional
        Positions of columns that are never wrapped.

    Returns
    -------
    str
        Lines joined by newlines, without trailing blanks.

    Examples
    --------
    >>> print(text_table(["loss", "value"], [["mse", 0.25], ["mae", 6.25]], align=["left", "right"]))
    loss  value
    ────  ─────
    mse    0.25
    mae    6.25
    """
    align = _check_align(align, headers)
    headers = [_cell_text(cell) for cell in headers]
    table = [None if row is None else [_cell_text(cell) for cell in row] for row in rows]
    cells = [[header] for header in headers]
    for row in filter(None, table):
        own = row if len(row) == len(headers) else row[:-1]  # the last cell of a short row spans the rest
        for column, cell in zip(cells, own, strict=False):
            column.append(cell)
    natural = [max(map(_widest, column)) for column in cells]
    limit = width - 2 * (len(headers) - 1)
    words = [max(map(_longest_word, column)) for column in cells]
    least = [natural[c] if c in fixed else min(natural[c], words[c]) for c in range(len(headers))]
    widths = _fit(_fit(natural, least, limit), [min(8, size) for size in least], limit, fixed)
    rule = "  ".join("─" * size for size in widths)
    lines = [*_text_row(headers, widths, align), rule]
    for row in table:
        lines += [rule] if row is None else _text_row(row, widths, align)
    return "\n".join(line.rstrip() for line in lines)


def _cell_text(cell):
    if isinstance(cell, Html):
        return html.unescape(re.sub("<[^>]*>", "", cell))
    return cell if isinstance(cell, str) else format_value(cell)


def _widest(text):
    return max((len(line) for line in text.split("\n")), default=0)


def _longest_word(text):
    return max((len(word) for word in text.split()), default=0)


def _fit(widths, least, limit, fixed=()):
    """Take from the widest column, one character at a time, until all of them fit."""
    widths = list(widths)
    while sum(widths) > limit:
        loose = [c for c in range(len(widths)) if widths[c] > least[c] and c not in fixed]
        if not loose:
            break
        widths[max(loose, key=widths.__getitem__)] -= 1
    return widths


def _text_row(row, widths, align):
    last = len(row) - 1
    widths = [*widths[:last], sum(widths[last:]) + 2 * (len(widths) - 1 - last)]
    cells = [_wrap(text, size) for text, size in zip(row, widths, strict=True)]
    height = max(len(lines) for lines in cells)
    padded = []
    for lines, size, side in zip(cells, widths, align, strict=False):
        lines = lines + [""] * (height - len(lines))
        padded.append([_pad(line, size, side) for line in lines])
    return ["  ".join(parts) for parts in zip(*padded, strict=True)]


def _wrap(text, width):
    lines = []
    for line in text.split("\n"):
        if len(line) <= width:
            lines.append(line)
            continue
        margin = " " * (len(line) - len(line.lstrip()))
        further = margin if len(margin) + 8 < width else ""
        lines += textwrap.wrap(
            line, width, subsequent_indent=further, break_on_hyphens=False, drop_whitespace=True
        ) or [""]
    return lines


def _pad(line, size, side):
    if side == "right":
        return line.rjust(size)
    return line.center(size) if side == "center" else line.ljust(size)


def _check_align(align, headers):
    align = list(align) if align is not None else ["left"] * len(headers)
    if len(align) != len(headers) or not set(align) <= {"left", "right", "center"}:
        raise ValueError(
            f"Received align={align}; expected one of 'left', 'right', 'center' for each of the "
            f"{len(headers)} columns. Give align={['left'] * len(headers)} or leave it out."
        )
    return align


# ------------------------------------------------------------------------------------------- HTML


def html_table(headers, rows, classes="", caption=None, align=None, row_headers=False):
    """Write a table as semantic HTML.

    Parameters
    ----------
    headers : sequence of str or Html, length C
        Column names.
    rows : sequence of (sequence of cells, or None)
        Each row has at most C cells; the last cell of a shorter row spans the columns left.
        ``None`` starts a new group of rows. A cell is any object: :class:`Html` goes in as it is,
        text is escaped, everything else goes through :func:`html_value`.
    classes : str, default ""
        Value of the table's ``class`` attribute.
    caption : str or Html, optional
        Title of the table.
    align : sequence of {"left", "right", "center"}, length C, optional
        Alignment of each column; left unless given.
    row_headers : bool, default False
        Whether the first cell of each full row names the row (``<th scope="row">``).

    Returns
    -------
    Html
        The ``<table>`` alone: give it to :func:`html_block` to add the style.

    Examples
    --------
    >>> print(html_table(["loss"], [["a < b"]]))
    <table style="table-layout: auto; margin-left: 0">
    <thead><tr><th scope="col" align="left" style="text-align: left">loss</th></tr></thead>
    <tbody>
    <tr><td style="text-align: left">a &lt; b</td></tr>
    </tbody>
    </table>
    """
    align = _check_align(align, headers)
    named = f' class="{html.escape(classes)}"' if classes else ""
    lines = [f'<table{named} style="table-layout: auto; margin-left: 0">']
    if caption is not None:
        lines.append(f"<caption{_side('left')}>{_html_cell(caption)}</caption>")
    titles = [
        f'<th scope="col"{_side(side, True)}>{_html_cell(header)}</th>'
        for header, side in zip(headers, align, strict=True)
    ]
    lines += [f"<thead><tr>{''.join(titles)}</tr></thead>", "<tbody>"]
    for row in rows:
        lines.append("</tbody>\n<tbody>" if row is None else _html_row(row, align, row_headers))
    return Html("\n".join([*lines, "</tbody>", "</table>"]))


def html_block(*parts):
    """Join tables and paragraphs into one piece of HTML that carries its style.

    Examples
    --------
    >>> html_block(Html("<p>one</p>"), "a < b").endswith("<p>one</p>\\na &lt; b\\n</div>")
    True
    """
    inside = "\n".join(_html_cell(part) for part in parts)
    return Html(f'<div class="lossbook">\n{STYLE}\n{inside}\n</div>')


def html_value(value, digits=6, rows=()):
    """Write a value in HTML: the numbers in fixed pitch, then its shape and type, muted.

    Examples
    --------
    >>> html_value(0.25)
    '<code>0.25</code>'
    >>> html_value(np.array([0.5, 1.0]))
    '<code class="array" style="white-space: pre">[0.5  1.0]</code> <small>(2,) float64</small>'
    """
    items = _items_with_arrays(value)
    if items:
        written = [(html.escape(name), html_value(item, digits, rows)) for name, item in items]
        return Html("".join(f"<div><code>{name}:</code> {text}</div>" for name, text in written))
    text = html.escape(format_value(value, digits, HTML_WIDTH, rows))
    kind = html.escape(format_kind(value))
    muted = f" <small>{kind}</small>" if kind else ""
    if "\n" in text:
        return Html(f"<pre>{text}</pre>{muted}")
    fixed = ' class="array" style="white-space: pre"' if kind else ""
    return Html(f"<code{fixed}>{text}</code>{muted}")


def html_code(code, bold=()):
    """Write Python code in HTML, keywords, numbers and text marked, names being bound in bold.

    Names in ``bold`` are those left of the first equals sign.

    Examples
    --------
    >>> html_code("x = 2", bold=["x"])
    '<code><b>x</b> = <span class="number">2</span></code>'
    """
    try:
        pieces = _mark_tokens(code, set(bold))
    except (tokenize.TokenError, SyntaxError):
        pieces = html.escape(code)
    return Html(f"<code>{pieces}</code>")


def _mark_tokens(code, bold):
    starts = [0]
    for line in code.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    written, done = [], 0
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        begin = starts[token.start[0] - 1] + token.start[1]
        if token.type == tokenize.OP and token.string.endswith("="):
            bold = ()
        if token.type not in _MARKED or not token.string:
            continue
        written.append(html.escape(code[done:begin]))
        written.append(_mark(token, bold))
        done = begin + len(token.string)
    return "".join([*written, html.escape(code[done:])])


_MARKED = {tokenize.NAME, tokenize.NUMBER, tokenize.STRING}


def _mark(token, bold):
    text = html.escape(token.string)
    if token.type == tokenize.NUMBER:
        return f'<span class="number">{text}</span>'
    if token.type == tokenize.STRING:
        return f'<span class="string">{text}</span>'
    if keyword.iskeyword(token.string):
        return f'<span class="keyword">{text}</span>'
    return f"<b>{text}</b>" if token.string in bold else text


def _html_cell(cell):
    if isinstance(cell, Html):
        return str(cell)
    return html.escape(cell) if isinstance(cell, str) else str(html_value(cell))


def _side(side, is_header=False):
    """Align a cell or a caption, by an attribute for GitHub, which strips styles, and by a style.

    JupyterLab strips the style sheet of a notebook that it does not trust, and aligns cells to the right.
    """
    attribute = f' align="{side}"' if is_header or side != "left" else ""  # a header is centred unless told
    return f'{attribute} style="text-align: {side}"'


def _html_row(row, align, row_headers):
    span = len(align) - len(row) + 1
    cells = []
    for position, (cell, side) in enumerate(zip(row, align, strict=False)):
        name, attributes = "td", _side(side)
        if span > 1 and position == len(row) - 1:
            attributes += f' colspan="{span}"'
        elif row_headers and position == 0:
            name, attributes = "th", f' scope="row"{_side(side, True)}'
        cells.append(f"<{name}{attributes}>{_html_cell(cell)}</{name}>")
    return f"<tr>{''.join(cells)}</tr>"


# --------------------------------------------------------------------------------------- Markdown


def markdown_code(code):
    """Write code for a cell of a table in Markdown, its lines below each other.

    Examples
    --------
    >>> markdown_code("a | b")
    '`a \\\\| b`'
    """
    lines = [line.replace("|", "\\|") for line in code.split("\n")]
    return "<br>".join(f"`` {line} ``" if "`" in line else f"`{line}`" for line in lines)


def markdown_text(text):
    """Write plain text for Markdown, in which nothing of it is a sign.

    Examples
    --------
    >>> print(markdown_text("a * b < c"))
    a \\* b \\< c
    """
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)


def markdown_value(value, digits=6, rows=()):
    """Write a value for a cell of a table in Markdown: the numbers as code, then its shape and type.

    Examples
    --------
    >>> markdown_value(np.array([0.5, 1.0]))
    '`[0.5  1.0]` (2,) float64'
    """
    items = _items_with_arrays(value)
    if items:
        return "<br>".join(f"`{name}:` {markdown_value(item, digits, rows)}" for name, item in items)
    return f"{markdown_code(format_value(value, digits, HTML_WIDTH, rows))} {format_kind(value)}".rstrip()


def markdown_table(headers, rows):
    """Write a table in Markdown; cells are text, in which Markdown and HTML stay what they are.

    Examples
    --------
    >>> print(markdown_table(["loss", "value"], [["mse", "0.25"]]))
    | loss | value |
    | --- | --- |
    | mse | 0.25 |
    """
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
