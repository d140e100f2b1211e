"""The loss doctor: one call that says why a loss is not the number that was meant."""

import numpy as np

from lossbook.arrays import check_axis
from lossbook.tools.doctor import histories, models, shapes, values  # noqa: F401  (they enter their checks)
from lossbook.tools.doctor.cases import CLASS_NUMBERS, Case, as_array, name_of
from lossbook.tools.doctor.findings import Report, run_checks

__all__ = ["check", "check_arrays", "check_case"]
SHAPES_DECIDED = {
    "channels-first",
    "class-numbers-for-one-hot",
    "one-hot-for-class-numbers",
    "swapped",
}
"""Findings after which numbers are not compared: shapes must be mended first."""


def check(subject, y_true=None, y_pred=None, sample_weight=None, mask=None, **options):
    """Say what is wrong with a loss and its data, with a model and its data, or with a history.

    Parameters
    ----------
    subject : loss, keras.Model, keras.callbacks.History, dict, str or path
        ``check(loss, y_true, y_pred)``: a loss as ``compile`` takes it (a name, a function, a
        class or an object of Keras), one of lossbook's, or a function of one's own.
        ``check(model, x, y)``: a compiled Keras 3 model, its inputs and labels; the first 32
        rows are sent through it, and the range of all labels is looked at. Nothing is trained,
        and nothing of the model is changed.
        ``check(history)``: a History, its dictionary, or the path of a CSVLogger file.
    y_true : array_like, shape (N, ...)
        Labels; for a model, its inputs.
    y_pred : array_like, shape (N, ...)
        Predictions; for a model, the labels.
    sample_weight : array_like, optional
        Weights.
    mask : array_like of bool, optional
        True where a sample counts.
    **options
        For a model: ``class_weight``, and ``batch_size`` (32). For a history: ``classes``.

    Returns
    -------
    Report
        The findings, errors first. Empty where nothing was found.

    Raises
    ------
    TypeError
        If the subject is none of these, or arrays are missing.
    ValueError
        If the name of a loss is unknown, rows of a list differ in length, or a model is not compiled.

    Examples
    --------
    >>> rows = np.array([[0.2, 0.8], [0.6, 0.4]])
    >>> check("sparse_categorical_crossentropy", np.array([1, 2]), rows).codes
    ['labels-start-at-1']
    >>> check("mse", np.array([[1.0], [2.0]]), np.array([[1.5], [2.0]]))
    No finding.
    """
    if models.is_model(subject):
        return models.check_model(subject, y_true, y_pred, sample_weight, **options)
    if histories.is_history(subject) and y_true is None:
        return histories.check_history(subject, **options)
    if y_true is None or y_pred is None:
        raise TypeError(
            f"Received {type(subject).__name__} without labels and predictions; expected check(loss, "
            "y_true, y_pred), "
            "check(model, x, y) or check(history). Pass the arrays."
        )
    if options:
        raise TypeError(
            f"Received {', '.join(options)} beside a loss; expected them with a model or a history."
        )
    return Report(check_arrays(subject, y_true, y_pred, sample_weight, mask))


def check_arrays(loss, y_true, y_pred, sample_weight=None, mask=None):
    """Return the findings on a loss and its arrays, in the order in which they were found."""
    given = {"y_true": y_true, "y_pred": y_pred, "sample_weight": sample_weight}
    true, pred, weight, hidden = map(as_array, (y_true, y_pred, sample_weight, mask))
    if hidden is None and getattr(y_pred, "_keras_mask", None) is not None:
        hidden = as_array(y_pred._keras_mask)  # Keras uses it, too
    named = name_of(loss, true, pred)
    axis = named.parameters.get("axis")
    for one in axis if isinstance(axis, (tuple, list)) else [axis]:
        if isinstance(one, int) and pred.ndim:
            check_axis(one, pred)
    with np.errstate(all="ignore"):
        return check_case(Case(named, true, pred, weight, hidden, given))


def check_case(case):
    """Return the findings on a case of arrays, stage by stage."""
    findings = run_checks("container", case)
    if findings:
        return findings
    findings = run_checks("frame", case)
    codes = {one.code for one in findings}
    if codes & SHAPES_DECIDED:
        return findings
    if "broadcast" not in codes:
        findings += run_checks("shape", case)
    elif case.aligned.y_true.shape != case.aligned.y_pred.shape:
        return findings
    if any(one.code == "shape-mismatch" for one in findings) or not case.y_pred.ndim * case.y_true.ndim:
        return findings
    lined = case if case.name in CLASS_NUMBERS | {"circle", "ctc"} else case.aligned
    if "weight-shape" in {one.code for one in findings}:
        lined = lined.changed(weight=None, mask=None)
    counted = lined.counted
    return findings + (run_checks("values", counted) if counted.y_pred.size else [])
