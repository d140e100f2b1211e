"""One loss, several engines, one table: value, gradient, and how far apart they are."""

from dataclasses import dataclass, field

import numpy as np

from lossbook.arrays import as_dtype, as_float, is_float
from lossbook.base import Loss
from lossbook.registry import spec_of
from lossbook.tools.engines import DEFAULT, SHORT_NAMES, NotInEngine, Outcome, attempt, get, show
from lossbook.tools.render import html_block, html_table, text_table

__all__ = ["Comparison", "Row", "compare"]

ROUNDING = 5e-7
"""Differences below this part of the value are float32 rounding, and vary between processors."""

HEADERS = ["engine", "value", "difference", "gradient difference"]


@dataclass(frozen=True, eq=False)
class Row:
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
    difference : float or None
        Largest absolute difference from lossbook's value; infinite where the shapes
        differ, NaN where only one of the two is NaN.
    gradient_difference : float or None
        The same for the gradient.
    error : str or None
        One line, where the value could not be computed.
    gradient_error : str or None
        One line, where the gradient could not be computed.
    absent : bool
        Whether the engine has no such loss.
    """

    engine: str
    attribute: str = ""
    value: object = None
    gradient: object = None
    difference: float = None
    gradient_difference: float = None
    error: str = None
    gradient_error: str = None
    absent: bool = False


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Lossbook beside other engines; prints and displays as a table.

    Attributes
    ----------
    rows : list of Row
        Lossbook first, then the engines in the order asked.
    digits : int
        Significant digits shown of a float64 value.
    """

    rows: list = field(default_factory=list)
    digits: int = 8

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

    def agrees(self, tolerance=1e-6, *, gradient=True):
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
        near = all(_is_near(row.difference, ours.value, tolerance) for row in asked)
        if not gradient:
            return near
        slopes = [row for row in asked if row.gradient is not None or row.gradient_error]
        return near and all(
            row.gradient_error is None and _is_near(row.gradient_difference, ours.gradient, tolerance)
            for row in slopes
        )

    def _cells(self):
        ours = self.rows[0]
        for row in self.rows:
            label = _label(row)
            if row.error:
                yield [label, row.error]
            elif row is ours:
                yield [label, show(row.value, self.digits), "–", "–"]
            else:
                yield [
                    label,
                    show(row.value, self.digits),
                    _difference_cell(row.difference, ours.value, row.value),
                    _gradient_cell(row, ours),
                ]

    def __repr__(self):
        return text_table(HEADERS, self._cells())

    def _repr_html_(self):
        return html_block(html_table(HEADERS, self._cells()))


def compare(
    loss,
    y_true,
    y_pred,
    sample_weight=None,
    mask=None,
    engines=None,
    digits=8,
    as_given=False,
    dtype=None,
    **parameters,
):
    """Compute a loss and its gradient with lossbook and with other engines.

    Parameters
    ----------
    loss : Loss, callable or str
        A loss object: one number. A lossbook function, with its `parameters`: one value
        per sample. A class, with its parameters. Or a name that ``lossbook.get`` knows.
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
    as_given : bool
        Hand lists over to the engines as lists, which some refuse.
    dtype : str, optional
        The floating type that every row computes in. By default each keeps its own:
        lossbook the type of `y_pred`, the classes of Keras 3 float32.
    **parameters
        Parameters of a function or a class, such as ``delta=2.0``.

    Returns
    -------
    Comparison
        A table. An engine that raises, and lossbook itself where it refuses the input,
        show the error in their row.

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
    engine    value     difference  gradient difference
    ────────  ────────  ──────────  ───────────────────
    lossbook  [1.3125]  –           –
    """
    loss, parameters = _resolve(loss, parameters)
    given = (loss, y_true, y_pred, sample_weight, mask)
    ours = _lossbook_row(*given, dtype, parameters)
    if engines is None:
        engines = [name for name in DEFAULT if get(name).installed]
    worlds = [get(engine) for engine in ([engines] if isinstance(engines, str) else engines)]
    rows = [_engine_row(world, ours, given, as_given, dtype, parameters) for world in worlds]
    return Comparison([ours, *rows], digits)


# --- rows ---------------------------------------------------------------------------------


def _resolve(loss, parameters):
    """Turn a name or a class into a loss object or a function; hand on what parameters are left."""
    if isinstance(loss, str):
        import lossbook

        found = lossbook.get(loss)
        loss = type(found) if isinstance(found, Loss) else found
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss(**parameters), {}
    if not callable(loss):
        raise TypeError(
            f"Received {show(loss)} as the loss; expected a loss object, a loss function or a name. "
            "Use for example lossbook.Huber(), lossbook.huber or 'huber'."
        )
    if isinstance(loss, Loss) and parameters:
        raise TypeError(
            f"Received {', '.join(parameters)} beside a loss object; expected parameters with a function "
            "or a class only. Give them to the object when you make it."
        )
    return loss, parameters


def _lossbook_row(loss, y_true, y_pred, sample_weight, mask, dtype, parameters):
    if not isinstance(loss, Loss):
        value = attempt(lambda: _call_function(loss, y_true, y_pred, sample_weight, mask, dtype, parameters))
        slope = attempt(lambda: _function_gradient(loss, y_true, y_pred, dtype, parameters))
    else:
        loss = loss if dtype is None else type(loss).from_config({**loss.get_config(), "dtype": dtype})
        value = attempt(lambda: loss(y_true, y_pred, sample_weight, mask))
        slope = attempt(lambda: loss.gradient(y_true, y_pred, sample_weight, mask))
    return Row(
        "lossbook",
        f"lossbook.{type(loss).__name__ if isinstance(loss, Loss) else loss.__name__}",
        value=value.value,
        gradient=slope.value if value.ok else None,
        error=value.error,
        gradient_error=slope.error,
    )


def _call_function(function, y_true, y_pred, sample_weight, mask, dtype, parameters):
    if sample_weight is not None or mask is not None:
        raise TypeError(
            "Received sample_weight or mask with a loss function; expected them with a loss object only. "
            "Use the class form."
        )
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


def _engine_row(engine, ours, given, as_given, dtype, parameters):
    bound = attempt(lambda: engine.bind(given[0], dtype, **parameters))
    if not bound.ok:
        absent = bound.error.startswith(f"{NotInEngine.__name__}:")
        return Row(engine.name, error=f"not in {engine.name}" if absent else bound.error, absent=absent)
    options = {"dtype": dtype, "as_given": as_given, **parameters}
    value = attempt(lambda: engine.value(*given, **options))
    slope = attempt(lambda: engine.gradient(*given, **options)) if value.ok else Outcome()
    return Row(
        engine.name,
        bound.value.attribute,
        value=value.value,
        gradient=slope.value,
        difference=_difference(value.value, ours.value),
        gradient_difference=_difference(slope.value, ours.gradient),
        error=value.error,
        gradient_error=slope.error,
    )


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
    """Name the engine, and the short name of the function where it has no other there."""
    attribute = row.attribute.rpartition(".")[2]
    return f"{row.engine} ({attribute})" if attribute in SHORT_NAMES.values() else row.engine


def _gradient_cell(row, ours):
    if row.gradient_error:
        return row.gradient_error
    if row.gradient is None:
        return "no gradient"
    return _difference_cell(row.gradient_difference, ours.gradient, row.gradient)


def _difference_cell(difference, ours, theirs):
    """Say whether two results agree, and if not, by how much: one digit, the same everywhere."""
    if difference is None:
        return "–"
    if np.shape(ours) != np.shape(theirs):
        return f"shape {np.shape(theirs)}, not {np.shape(ours)}"
    if not np.isfinite(difference):
        return "nan or inf in one of the two"
    size = _size(ours)
    kind, step = _coarsest(ours, theirs)
    if difference <= size * max(ROUNDING, 4 * step):
        return f"within {kind} rounding"
    share = f" ({_one_digit(100 * difference / size)} %)" if size else ""
    return f"{_one_digit(difference)}{share}"


def _one_digit(number):
    return f"{float(f'{number:.0e}'):g}"


def _coarsest(*results):
    """Return the name and the relative step of the coarsest floating type among results."""
    types = [np.asarray(result).dtype for result in results]
    steps = [(_step(dtype), dtype.name) for dtype in types if is_float(dtype)]
    step, kind = max(steps, default=(0.0, "integer"))
    return kind, step


def _step(dtype):
    """Return the distance from 1 to the next number of a floating type."""
    return 2.0**-7 if dtype.name == "bfloat16" else float(np.finfo(dtype).eps)
