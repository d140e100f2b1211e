"""Run a function and show each of its assignments: the code, what it means, the value.

The source of a loss is its explanation. :func:`explain` runs the function, keeps a copy of every
value at the moment it is bound, and reads the meaning of each step from the comment at the end of
its line. It works on the losses of this package, on those of Keras, and on a reader's own function.
"""

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from lossbook.tools.record import Explanation, Stage
from lossbook.tools.render import format_number
from lossbook.tools.trace import record_run

__all__ = ["explain"]


def explain(
    target: Any, *args: Any, depth: int = 1, digits: int = 6, rows: Any = (), **kwargs: Any
) -> Explanation:
    """Run a function and record every assignment: source line, meaning, value.

    Parameters
    ----------
    target : callable, lossbook.base.Loss or keras.losses.Loss
        A function written with ``def``, a method, a :class:`functools.partial`, or a loss object.
        Of a decorated function (:func:`functools.wraps`) the innermost one is recorded. A loss
        object goes on through weights and reduction to the final number; where there are neither
        weights nor mask, the reduction is shown in one line.
    *args
        Positional arguments of the call. For a loss object: ``y_true`` and ``y_pred``, shape
        (N, ...), then ``sample_weight`` and, for one of this package, ``mask``.
    depth : int, default 1
        Levels of calls to functions of this package that are recorded on the step that made them.
    digits : int, default 6
        Significant digits of the numbers shown.
    rows : sequence of int, default ()
        Which rows (along the first axis, from 0) to show of arrays too large to show whole.
    **kwargs
        Keyword arguments of the call. A parameter that is itself called ``depth``, ``digits`` or
        ``rows`` is given with :func:`functools.partial`.

    Returns
    -------
    lossbook.tools.record.Explanation
        The record; its ``value`` is the result of the call.

    Raises
    ------
    TypeError
        If ``target`` has no Python statements to show: a lambda, a class, a built-in, a generator,
        a coroutine, a function without source, or one whose source has changed since.
    ValueError
        If ``depth`` is negative, ``digits`` is not at least 1, or ``rows`` are not whole numbers
        from 0 on.
    Exception
        Whatever ``target`` raises, with a note that tells the last step completed.

    Notes
    -----
    A statement executed more than four times is shown the first three times and the last.
    Assignments inside comprehensions are not steps.

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
    options = _check_options(depth, digits, rows)
    run = functools.partial(record_run, **options)
    if _is_loss(target):
        name, stages = _explain_loss(target, args, kwargs, run)
        signature = f"{name}(y_true, y_pred, sample_weight=None, mask=None)"
    elif _is_keras_loss(target):
        name, stages = _explain_keras_loss(target, args, kwargs, run)
        signature = f"{name}(y_true, y_pred, sample_weight=None)"
    else:
        stages = (run(target, args, kwargs),)
        name, signature = stages[0].name, stages[0].title
    return Explanation(name, signature, stages, stages[-1].value, **options)


def _check_options(depth, digits, rows):
    rows = tuple(rows) if isinstance(rows, (list, tuple, range, np.ndarray)) else (rows,)
    numbers = [("depth", depth, 0), ("digits", digits, 1), *(("rows", row, 0) for row in rows)]
    for name, number, least in numbers:
        whole = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
        if not whole or number < least:
            raise ValueError(
                f"Received {name}={number!r}; expected a whole number of at least {least}. Leave {name} "
                f"out, or give a {name} of your function's own with functools.partial."
            )
    return {"depth": depth, "digits": digits, "rows": tuple(int(row) for row in rows)}


# ---------------------------------------------------------------------------------- a loss object


def _is_loss(target):
    """Tell a loss object of this package, or one that follows it."""
    if isinstance(target, type) or not callable(target) or not hasattr(target, "reduction"):
        return False
    return hasattr(target, "parameters") and (hasattr(target, "function") or hasattr(target, "call"))


def _explain_loss(loss, args, kwargs, run):
    """Record the road of :class:`lossbook.base.Loss`: cast, one value per sample, mask, one number."""
    from lossbook.reductions import reduce_values  # the tools import the losses, and only when asked

    y_true, y_pred, sample_weight, mask, data = _loss_arguments(*args, **kwargs)
    name, function, parameters = _values_function(loss)
    title = f"{name}: one value per sample"
    with np.errstate(all="ignore"):  # as the loss itself does
        y_true, y_pred = loss.cast(y_true, y_pred)
        rows = loss.rows_that_count(y_true, y_pred, sample_weight, mask, data)
        if rows is None:
            stage = run(function, (y_true, y_pred), {**parameters, **data}, title=title)
            values = stage.value
        elif not len(rows.predictions):  # nothing counts: nothing was computed
            values = rows.spread_values(function)
            stage = Stage(f"{name}: no sample counts", name, (), (), values)
        else:
            stage = run(
                function, (rows.labels, rows.predictions), rows.parameters, title=f"{title} that counts"
            )
            values = rows.spread_values(lambda *_, **__: stage.value)
        mask = loss.narrowed(mask, values, y_true, y_pred)
        arguments = (values, sample_weight, mask, loss.reduction)
        total = run(reduce_values, arguments, {}, title=_reduction_title(loss.reduction))
    if loss.dtype is not None:
        total = replace(total, value=total.value.astype(loss.dtype, copy=False))
    if sample_weight is None and mask is None:
        total = _in_one_line(total, loss.reduction, values, run.keywords["digits"])
    return name, (stage, total)


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


def _reduction_title(reduction):
    reduction = reduction or "none"
    return f"{reduction}: weights, " + ("nothing more" if reduction == "none" else "then one number")


def _in_one_line(stage, reduction, values, digits):
    """Give a stage that weighs nothing the one line that says it all."""
    count, reduction = np.size(values), reduction or "none"
    them = f"the {count} values" if count > 1 else "the one value"
    if reduction == "none":
        return replace(stage, summary=f"{reduction}: {them} as {'they are' if count > 1 else 'it is'}")
    what = "sum" if reduction == "sum" else "mean"
    number = np.asarray(stage.value)
    line = f"{reduction}: {what} of {them} = {format_number(number[()], digits)}  {number.dtype.name}"
    return replace(stage, summary=line)


# --------------------------------------------------------------------------------- a loss of Keras


def _is_keras_loss(target):
    return not isinstance(target, type) and _keras_frame(target) is not None


def _keras_frame(loss):
    """Give the namespace of the class of Keras 3 that casts, masks and reduces for every loss."""
    for kind in type(loss).__mro__:
        if kind.__module__ == "keras.src.losses.loss" and kind.__name__ == "Loss":
            return kind.__call__.__globals__
    return None


def _explain_keras_loss(loss, args, kwargs, run):
    """Record the road of a loss of Keras: tensors of its type, one value per sample, mask, one number."""
    frame = _keras_frame(loss)
    tensor = functools.partial(frame["ops"].convert_to_tensor, dtype=loss.dtype)
    get_mask = frame["backend"].get_keras_mask
    y_true, y_pred, sample_weight, *_ = _loss_arguments(*args, **kwargs)
    tensors = [frame["tree"].map_structure(tensor, data) for data in (y_true, y_pred)]
    function, parameters = loss.call, {}
    if loss.call.__qualname__ == "LossFunctionWrapper.call":  # agrees on the ranks, and calls a function
        function, parameters = loss.fn, loss._fn_kwargs
        tensors = frame["squeeze_or_expand_to_same_rank"](*tensors)
    values = run(function, tensors, parameters, title=f"{loss.name}: one value per sample")
    masks = [mask for mask in (get_mask(y_pred), get_mask(values.value)) if mask is not None]
    mask = functools.reduce(lambda one, other: one & other, masks) if masks else None
    given = {"sample_weight": sample_weight, "mask": mask, "reduction": loss.reduction, "dtype": loss.dtype}
    total = run(
        frame["reduce_weighted_values"], (values.value,), given, title=_reduction_title(loss.reduction)
    )
    if sample_weight is None and mask is None:
        total = _in_one_line(total, loss.reduction, values.value, run.keywords["digits"])
    return loss.name, (values, total)
