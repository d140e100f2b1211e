"""One loss, several engines, one table: value, gradient, and how far apart they are."""

from dataclasses import dataclass
from functools import cache, partial
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lossbook.arrays import as_dtype, as_float
from lossbook.base import Loss
from lossbook.registry import CATALOGUE, get, spec_of
from lossbook.tools.engines import DEFAULT, ENGINES, Outcome, attempt, engine
from lossbook.tools.engines.frameworks import SHORT_NAMES, as_array, check_call, engines_of, name_of
from lossbook.tools.render import Html, html_block, html_table, one_line, text_table

__all__ = ["Comparison", "EngineRow", "compare"]

ROUNDING = {
    "float64": 16 * 2.0**-52,
    "float32": 16 * 2.0**-23,
    "float16": 4 * 2.0**-10,
    "bfloat16": 4 * 2.0**-7,
}
"""Results that differ by no more than this part of the largest are taken as one, 16 steps of the type
(4 of a short one): another processor adds and rounds in another order, and no word is to change there."""

HEADERS = ["engine", "value", "type", "difference", "gradient difference"]


@dataclass(frozen=True, eq=False)
class EngineRow:
    """What one engine gave.

    Attributes
    ----------
    engine : str
        ``"lossbook"``, or an engine's name.
    attribute : str
        The class or function that was called, such as ``"tf.keras.losses.mse"``.
    value : numpy.ndarray, numpy.generic or None
        None after an error.
    gradient : numpy.ndarray or None
        Slope in `y_pred`; None after an error, or where the engine gives none (integers).
    dtype : str or None
        The type of the value: what the engine computed in.
    difference : float or None
        Largest absolute difference from what lossbook gives in that type; infinite where the
        shapes differ, NaN where only one of the two is NaN.
    gradient_difference : float or None
        The same for the gradient.
    error : str or None
        One line, where the value could not be computed.
    gradient_error : str or None
        One line, where the gradient could not be computed.
    absent : bool
        Whether the engine has no such loss.
    reference : EngineRow or None
        What lossbook gives in that type, which the differences are taken from.
    translation : str
        How the loss was put in the words of an engine whose conventions are not Keras's.
    """

    engine: str
    attribute: str = ""
    value: object = None
    gradient: object = None
    dtype: str = None
    difference: float = None
    gradient_difference: float = None
    error: str = None
    gradient_error: str = None
    absent: bool = False
    reference: object = None
    translation: str = ""


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Lossbook beside other engines; prints and displays as a table."""

    rows: list  # of EngineRow: lossbook first, then the engines in the order asked
    digits: int = 8  # significant, shown of a float64 value

    def row(self, engine):
        """Return the row of one engine.

        Raises
        ------
        KeyError
            If the engine is not in the table.
        """
        for row in self.rows:
            if row.engine == engine:
                return row
        raise KeyError(f"{engine!r} is not in this table: {', '.join(row.engine for row in self.rows)}")

    def value(self, engine):
        """Return the value that one engine gave; None where it raised."""
        return self.row(engine).value

    def gradient(self, engine):
        """Return the gradient that one engine gave; None where it raised or has none."""
        return self.row(engine).gradient

    @property
    def errors(self):
        """The errors by engine name."""
        return {row.engine: row.error for row in self.rows if row.error}

    @property
    def largest_difference(self):
        """Largest absolute difference of a value from lossbook's; NaN where nothing was compared."""
        return _largest(row.difference for row in self.rows)

    @property
    def largest_gradient_difference(self):
        """The same for the gradients."""
        return _largest(row.gradient_difference for row in self.rows)

    def agrees(self, tolerance: float = 1e-6, *, gradient: bool = True) -> bool:
        """Tell whether every engine gives lossbook's numbers.

        Parameters
        ----------
        tolerance : float
            Largest difference allowed: absolute for numbers below 1, relative above.
        gradient : bool
            Whether the gradients must agree too, where an engine gives one.

        Returns
        -------
        bool
            Engines that have no such loss are left out. An engine that raised does not
            agree, and where nothing was compared there is no agreement.
        """
        ours, *others = self.rows
        asked = [row for row in others if not row.absent]
        if ours.error or not asked or any(row.error for row in asked):
            return False
        near = all(_is_near(row.difference, row.reference.value, tolerance) for row in asked)
        if not gradient:
            return near
        slopes = [row for row in asked if row.gradient is not None or row.gradient_error]
        return near and all(
            row.gradient_error is None
            and _is_near(row.gradient_difference, row.reference.gradient, tolerance)
            for row in slopes
        )

    def _cells(self):
        return [_cells_of(row, self.digits) for row in self.rows]

    def _notes(self):
        return [f"{row.engine}: {row.translation}" for row in self.rows if row.translation]

    def __repr__(self):
        return "\n".join([text_table(HEADERS, self._cells()), *self._notes()])

    def _repr_html_(self):
        notes = [Html(f"<p><code>{escape(note)}</code></p>") for note in self._notes()]
        return html_block(html_table(HEADERS, self._cells(), row_headers=True), *notes)


def compare(
    loss: Any,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    engines: Any = None,
    digits: Any = 8,
    as_lists: Any = False,
    dtype: Any = None,
    **parameters: Any,
) -> Comparison:
    """Compute a loss and its gradient with lossbook and with other engines.

    Parameters
    ----------
    loss : Loss, callable or str
        A loss object: one number. A lossbook function, with its `parameters`: one value
        per sample. A class, with its parameters. Or a name that ``lossbook.get`` knows.
        A function, a class or an object of keras, tf.keras or tf_keras stands for lossbook's
        of the same name and settings, and ``functools.partial`` for what it binds.
    y_true, y_pred : array_like
        Labels and predictions. Lists are float64 to lossbook and float32 to the others.
    sample_weight : array_like, optional
        For a loss object.
    mask : array_like of bool, optional
        For a loss object: True where a value counts.
    engines : sequence of str or Engine, optional
        By default those of ``tf.keras`` and ``tf_keras`` that are installed.
    digits : int
        Significant digits shown of float64; float32 is shown in its shortest form.
    as_lists : bool
        Hand lists over to the engines as lists, which some refuse.
    dtype : str, optional
        The floating type that every row computes in. By default each keeps its own:
        lossbook the type of `y_pred`, the classes of Keras 3 float32.
    **parameters
        Parameters of a function or a class, such as ``delta=2.0``.

    Returns
    -------
    Comparison
        A table. Each row is computed by its own engine, and its differences are taken from what
        lossbook gives in that engine's type. An engine that raises, and lossbook itself where it
        refuses the input, show the error in their row.

    Raises
    ------
    TypeError
        If the loss is none of these, or parameters stand beside a loss object.
    ValueError
        If the name of a loss or an engine is unknown.

    Examples
    --------
    >>> import lossbook
    >>> print(compare(lossbook.huber, [[0.0, 0.0]], [[0.5, 3.0]], engines=[]))
    engine    value     type     difference  gradient difference
    ────────  ────────  ───────  ──────────  ───────────────────
    lossbook  [1.3125]  float64  –           –
    """
    loss, parameters = _resolve(loss, parameters)
    check_call(loss, parameters)
    if engines is None:
        engines = [name for name in DEFAULT if engine(name).installed]
    given = (loss, y_true, y_pred, sample_weight, mask)
    ours = _lossbook_row(*given, dtype, parameters)

    @cache
    def lossbook_in(wanted):
        if wanted == ours.dtype or wanted not in ROUNDING:
            return ours
        data = (y_true, y_pred) if dtype is None else (as_array(y_true, dtype), as_array(y_pred, dtype))
        return _lossbook_row(loss, *data, sample_weight, mask, wanted, parameters)

    options = {"dtype": dtype, "as_lists": as_lists, **parameters}
    rows = [_engine_row(world, given, options, lossbook_in) for world in engines_of(engines)]
    return Comparison([ours, *rows], digits)


# --- rows ---------------------------------------------------------------------------------


def _resolve(loss, parameters):
    """Turn what stands for a loss into lossbook's own object or function, and the parameters left."""
    if isinstance(loss, partial):
        if loss.args:
            raise TypeError(
                f"Received a partial of {one_line(loss.func)} with positional arguments; expected its "
                "parameters by name. Use for example functools.partial(lossbook.huber, delta=2.0)."
            )
        loss, parameters = loss.func, {**loss.keywords, **parameters}
    if isinstance(loss, str):
        found = get(loss)
        loss = type(found) if isinstance(found, Loss) else found
    kind = loss if isinstance(loss, type) else type(loss)
    if not issubclass(kind, Loss) and not any(loss is spec.function for spec in CATALOGUE.values()):
        loss = _counterpart(loss)
    return (loss(**parameters), {}) if isinstance(loss, type) else (loss, parameters)


def _counterpart(foreign):
    """Find lossbook's own form of a loss of another package."""
    for world in ENGINES.values():
        ours = world.counterpart(foreign)
        if ours is not None:
            return ours
    raise TypeError(
        f"Received {one_line(foreign)} as the loss; expected a loss of lossbook (an object, a function or a "
        "name), or one of keras, tf.keras or tf_keras that lossbook has under the same name. "
        "Use for example lossbook.Huber(), lossbook.huber or 'huber'; "
        "to look into a function of your own use lossbook.explain."
    )


def _lossbook_row(loss, y_true, y_pred, sample_weight, mask, dtype, parameters):
    if isinstance(loss, Loss):
        loss = loss if dtype is None else type(loss).from_config({**loss.get_config(), "dtype": dtype})
        value = attempt(lambda: loss(y_true, y_pred, sample_weight, mask))
        slope = attempt(lambda: loss.gradient(y_true, y_pred, sample_weight, mask))
    else:
        value = attempt(lambda: _function_value(loss, y_true, y_pred, sample_weight, mask, dtype, parameters))
        slope = attempt(lambda: _function_gradient(loss, y_true, y_pred, dtype, parameters))
    own = any(type(loss) is spec.cls or loss is spec.function for spec in CATALOGUE.values())
    return EngineRow(
        "lossbook",
        f"lossbook.{name_of(loss)}" if own else name_of(loss),
        value=value.value,
        gradient=slope.value if value.ok else None,
        dtype=_type_of(value.value),
        error=value.error,
        gradient_error=slope.error,
    )


def _function_value(function, y_true, y_pred, sample_weight, mask, dtype, parameters):
    check_call(function, parameters, sample_weight, mask)
    return function(y_true, _cast(y_pred, dtype), **parameters)


def _function_gradient(function, y_true, y_pred, dtype, parameters):
    """Differentiate the sum of a function's values."""
    spec = spec_of(function)
    y_pred = _cast(y_pred, dtype)
    if spec.couples_samples:
        parameters = {**parameters, "upstream": np.ones_like(function(y_true, y_pred, **parameters))}
    return spec.gradient(y_true, y_pred, **parameters).reshape(np.shape(y_pred))


def _cast(y_pred, dtype):
    return y_pred if dtype is None else as_float("y_pred", y_pred).astype(as_dtype(dtype))


def _engine_row(world, given, options, lossbook_in):
    found = attempt(lambda: world.find(name_of(given[0])))
    if not found.ok:
        return EngineRow(world.name, error=found.error)
    if found.value is None:
        return EngineRow(world.name, error=f"not in {world.name}", absent=True)
    value = attempt(lambda: world.value(*given, **options))
    slope = attempt(lambda: world.gradient(*given, **options)) if value.ok else Outcome()
    ours = lossbook_in(_type_of(value.value))
    return EngineRow(
        world.name,
        found.value[0],
        value=value.value,
        gradient=slope.value,
        dtype=_type_of(value.value),
        difference=_difference(value.value, ours.value),
        gradient_difference=_difference(slope.value, ours.gradient),
        error=value.error,
        gradient_error=slope.error,
        reference=ours,
        translation=world.translation(given[0], given[3]),
    )


def _type_of(value):
    return None if value is None else np.asarray(value).dtype.name


# --- differences --------------------------------------------------------------------------


def _difference(theirs, ours):
    """Return the largest absolute difference; None where there are not two numbers to compare."""
    if theirs is None or ours is None:
        return None
    theirs, ours = np.asarray(theirs, dtype=np.float64), np.asarray(ours, dtype=np.float64)
    if theirs.shape != ours.shape:
        return float("inf")
    if theirs.size == 0:
        return 0.0
    same = (theirs == ours) | (np.isnan(theirs) & np.isnan(ours))  # infinity equals infinity
    with np.errstate(invalid="ignore"):
        return float(np.where(same, 0.0, np.abs(theirs - ours)).max())


def _largest(differences):
    known = [difference for difference in differences if difference is not None]
    return float(np.max(known)) if known else float("nan")


def _size(values):
    """Return the largest finite magnitude, the yardstick of a relative difference."""
    array = np.abs(np.asarray(values, dtype=np.float64))
    finite = array[np.isfinite(array)]
    return float(finite.max()) if finite.size else 0.0


def _is_near(difference, ours, tolerance):
    return difference is not None and difference <= tolerance * max(1.0, _size(ours))


# --- cells --------------------------------------------------------------------------------


def _label(row):
    """Name the engine, and what ran in it where that goes by another name there."""
    path, _, name = row.attribute.rpartition(".")
    shown = name and (name in SHORT_NAMES.values() or not path)
    return f"{row.engine} ({name})" if shown else row.engine


def _cells_of(row, digits):
    if row.error:
        return [_label(row), row.error]
    cells = [_label(row), one_line(row.value, digits), row.dtype]
    ours = row.reference
    if ours is None:
        return [*cells, "–", "–"]
    cells.append(_difference_cell(row.difference, row.dtype, ours.value, row.value))
    if row.gradient_error or row.gradient is None:
        return [*cells, row.gradient_error or "no gradient"]
    return [*cells, _difference_cell(row.gradient_difference, row.dtype, ours.gradient, row.gradient)]


def _difference_cell(difference, dtype, ours, theirs):
    """Say whether two results agree, and if not, by how much: one digit, the same everywhere."""
    if difference is None:
        return "–"
    if np.shape(ours) != np.shape(theirs):
        return f"shape {np.shape(theirs)}, not {np.shape(ours)}"
    if not np.isfinite(difference):
        return "nan or inf in one of the two"
    size = _size(ours)
    if difference <= ROUNDING.get(dtype, 0.0) * size:
        return "within rounding"
    share = f" ({_one_digit(100 * difference / size)} %)" if size else ""
    return f"{_one_digit(difference)}{share}"


def _one_digit(number):
    return f"{float(f'{number:.0e}'):g}"
