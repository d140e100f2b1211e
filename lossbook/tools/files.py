"""Read labels and predictions from CSV, NPY and NPZ files and from pipes; nothing in a file is ever run."""

import csv
import io
import sys

import numpy as np

__all__ = ["UnreadableError", "gather", "read_source"]

NUMPY_MAGIC, ZIP_MAGIC = b"\x93NUMPY", b"PK"
ROLES = ("y_true", "y_pred", "sample_weight", "mask")
SEPARATORS = (",", ";", "\t", " ")


class UnreadableError(ValueError):
    """A file cannot be read as numbers: the message says what was found and what was expected."""


def gather(sources, weight=None, mask=None):
    """Read labels and predictions, and weights where there are some.

    Parameters
    ----------
    sources : sequence of str
        One source with columns or arrays named ``y_true`` and ``y_pred`` (``y_pred_0``, ``y_pred_1``,
        … for several columns), or two: labels, then predictions. A source is the path of a file, or
        ``-`` for the standard input, and may end in ``:name`` to choose a column or an array.
    weight, mask : str, optional
        Sources of the weights and of the mask.

    Returns
    -------
    dict
        Arrays by role: ``y_true``, ``y_pred``, and ``sample_weight`` and ``mask`` where given.

    Raises
    ------
    UnreadableError
        If a file is no such file, or what is asked for is not in it.
    """
    found = {}
    if len(sources) == 1:
        table = read_source(sources[0])
        found = {role: _pick(table, role, sources[0]) for role in ROLES if _has(table, role)}
        missing = [role for role in ("y_true", "y_pred") if role not in found]
        if missing:
            raise UnreadableError(
                f"Received {sources[0]} with {_names(table)}; expected y_true and y_pred. "
                "Name the columns so, or give two sources, such as data.csv:label data.csv:guess."
            )
    elif len(sources) == 2:
        if sources[0].partition(":")[0] == sources[1].partition(":")[0] == "-":
            raise UnreadableError(
                "Received the standard input twice; expected it once. Pipe one file with both."
            )
        found = {role: _only(source) for role, source in zip(ROLES, sources, strict=False)}
    else:
        raise UnreadableError(f"Received {len(sources)} sources; expected one or two. Labels come first.")
    for role, source in (("sample_weight", weight), ("mask", mask)):
        if source:
            found[role] = _only(source)
    return found


def read_source(source):
    """Read one source into a dictionary of arrays; a single array has the name ``""``.

    Raises
    ------
    UnreadableError
        If there is no such file, or it holds no numbers.
    """
    path, name = _split(source)
    data = _bytes_of(path)
    shown = "the standard input" if path == "-" else path
    if data.startswith((NUMPY_MAGIC, ZIP_MAGIC)):
        table = _arrays(data, shown)
    else:
        table = _columns(data, shown)
    if not name:
        return table
    if not _has(table, name):
        raise UnreadableError(
            f"Received {shown} with {_names(table)}; expected {name}. Choose one that is there."
        )
    return {name: _pick(table, name, shown)}


def _split(source):
    """Cut ``path:name``; a drive letter such as ``C:`` is no name."""
    path, colon, name = source.rpartition(":")
    return (path, name) if colon and len(path) > 1 or path == "-" else (source, "")


def _bytes_of(path):
    try:
        if path == "-":
            return sys.stdin.buffer.read()
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UnreadableError(
            f"Received {path!r}, which cannot be read ({reason}); expected a file or -."
        ) from None


def _arrays(data, shown):
    try:
        loaded = np.load(io.BytesIO(data), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except Exception as problem:  # a damaged header can be wrong in any way
        reason = (
            "it holds Python objects, which could run code"
            if "pickle" in str(problem)
            else str(problem)[:120]
        )
    raise UnreadableError(
        f"Received {shown}, which NumPy cannot read ({reason}); expected arrays of numbers. "
        "Write them with numpy.save or numpy.savez."
    )


def _columns(data, shown):
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError(
            f"Received {shown}, which is no text in UTF-8; expected CSV, NPY or NPZ."
        ) from None
    if "\0" in text or not text.strip():
        raise UnreadableError(f"Received {shown}, which is empty or no text; expected rows of numbers.")
    first = text.lstrip().partition("\n")[0]
    separator = next((one for one in SEPARATORS if one in first.strip()), ",")
    try:
        reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
        rows = [
            (reader.line_num, [cell.strip() for cell in row]) for row in reader if any(c.strip() for c in row)
        ]
    except csv.Error as problem:
        raise UnreadableError(
            f"Received {shown}, which is no CSV ({problem}); expected rows of numbers."
        ) from None
    if not rows:
        raise UnreadableError(
            f"Received {shown}, which has nothing but separators; expected rows of numbers."
        )
    header = [] if all(map(_is_number, rows[0][1])) else rows.pop(0)[1]
    width = len(header or rows[0][1])
    for line, row in rows:
        if len(row) != width:
            raise UnreadableError(
                f"Received {shown} with {len(row)} cells in line {line}; expected {width}, as in the first "
                "line."
            )
    if not rows:
        raise UnreadableError(f"Received {shown} with a header and no rows; expected rows of numbers.")
    columns = [_column([row[place] for _, row in rows]) for place in range(width)]
    if header:
        return dict(zip(header, columns, strict=True))
    return {"": columns[0] if width == 1 else np.stack(columns, axis=-1)}


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return cell == ""
    return True


def _column(cells):
    """Make integers of whole numbers, floats of others with NaN where a cell is empty, else text."""
    try:
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    except (ValueError, OverflowError):
        pass
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return np.array(cells)


def _has(table, name):
    return name in table or f"{name}_0" in table


def _pick(table, name, shown):
    if name in table:
        return table[name]
    parts = []
    while f"{name}_{len(parts)}" in table:
        parts.append(table[f"{name}_{len(parts)}"])
    try:
        return np.stack(parts, axis=-1)
    except ValueError:
        raise UnreadableError(
            f"Received {shown} with parts of {name} of different lengths; expected one."
        ) from None


def _only(source):
    """Return the only array of a source; several columns of numbers side by side."""
    table = read_source(source)
    arrays = list(table.values())
    if len(arrays) == 1:
        return arrays[0]
    if all(
        array.ndim == 1 and array.dtype.kind in "if" and array.shape == arrays[0].shape for array in arrays
    ):
        return np.stack(arrays, axis=-1)
    raise UnreadableError(
        f"Received {source} with {_names(table)}; expected one array. Choose it with {source}:name."
    )


def _names(table):
    names = [name or "one array without a name" for name in table]
    return "nothing in it" if not names else ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
