"""Outside opinions on a case: what Keras computes with TensorFlow, and what is exact.

Keras 3.15.1 departs from its own documentation in a few places. There the question is put to
Keras so that its answer is the documented one; each such place is marked DEPARTURE below.
"""

import warnings

import numpy as np
from cases import LOSSES, exact_slope, exact_values
from random_cases import spread, summed_axes, values_shape

from lossbook.tools.engines import keras, tf

EXACT = {"float32": 1e-5, "float64": 1e-11}  # some 100 roundings of the largest number of a result
KERAS_ERRS = {
    "log_cosh": 5e-8,  # Keras takes log 2 in float32, 1.9e-9 too high, whatever the type
    "ctc": 2e-5,  # TensorFlow's kernel computes in float32, whatever the type
}


def assert_close(ours, theirs, tolerance):
    """Compare with the largest number of an array: its sums cannot be nearer than its own rounding."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    assert ours.shape == theirs.shape
    largest = np.abs(theirs[np.isfinite(theirs)]).max(initial=0.1)  # near 0, compare with 0.1
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * largest)


# --- Keras --------------------------------------------------------------------------------


def ask_keras(case):
    """Return Keras's reduced, weighted, masked loss of a case, and TensorFlow's gradient of it."""
    case = with_counted_labels(case.widened())
    settings, y_true, y_pred, back = as_documented(case)
    loss = getattr(keras.losses, case.spec.cls.__name__)(
        **settings, reduction=case.reduction, dtype=case.computed
    )
    form = values_shape(case.name, case.y_pred.shape, case.settings)
    # DEPARTURE: Keras reads weights of shape (B,) on values of shape (B, T) along T: give one for each value
    weights, mask = (
        None if given is None else spread(given, form) for given in (case.sample_weight, case.mask)
    )
    point = tf.constant(y_pred)
    if mask is not None:
        point._keras_mask = tf.constant(mask)
    with warnings.catch_warnings(), tf.GradientTape() as tape:
        warnings.simplefilter("ignore")  # Keras wonders at a single class
        tape.watch(point)
        value = loss(y_true, point, sample_weight=weights)
    return value.numpy(), back(tape.gradient(value, point).numpy())


def ask_keras_function(case, **further):
    """Return Keras's values of a case, from the function form, and TensorFlow's gradient of their sum."""
    settings, y_true, y_pred, back = as_documented(case)
    point, labels = tf.constant(y_pred), tf.constant(y_true)
    with warnings.catch_warnings(), tf.GradientTape() as tape:
        warnings.simplefilter("ignore")  # Keras wonders at a single class
        tape.watch(point)
        values = getattr(keras.losses, case.name)(labels, point, **settings, **further)
    return values.numpy(), back(tape.gradient(values, point).numpy())


def with_counted_labels(case):
    """Return the case with labels that count alone: they decide whether hinge reads 0 and 1 as -1 and +1."""
    counts = coefficients(case.changed(reduction="sum"), np.ones(len(case.y_pred))) != 0
    if "hinge" not in case.name or case.y_pred.shape[:-1] != counts.shape or not counts.any():
        return case
    # DEPARTURE: Keras looks at every label, also of samples that are masked or weigh 0
    return case.changed(y_true=np.where(counts[..., np.newaxis], case.y_true, case.y_true[counts].flat[0]))


def as_documented(case):
    """Return settings and data with which Keras computes what it documents, and the way back."""
    settings, axis, record = dict(case.settings), case.settings.get("axis", -1), LOSSES[case.name]
    y_true, y_pred = case.y_true, case.y_pred
    if case.name == "tversky":  # DEPARTURE: alpha and beta are swapped
        settings.update(alpha=case.settings["beta"], beta=case.settings["alpha"])
    if record.region or record.axes or axis in (-1, y_pred.ndim - 1):
        settings.update({"axis": -1} if record.numbered and "axis" in settings else {})
        return settings, y_true, y_pred, lambda slope: slope
    # DEPARTURE: off the last axis, label smoothing divides by the wrong K, class weights lie along the
    # wrong axis, and the sparse loss raises. The same data with that axis last have the same values.
    if settings.get("label_smoothing") or isinstance(settings.get("alpha"), list) or record.numbered:
        settings["axis"] = -1
        y_true = y_true if record.numbered else np.moveaxis(y_true, axis, -1)
        return settings, y_true, np.moveaxis(y_pred, axis, -1), lambda slope: np.moveaxis(slope, -1, axis)
    if settings.get("from_logits"):  # DEPARTURE: a negative axis other than -1 raises from logits
        settings["axis"] = axis % y_pred.ndim
    return settings, y_true, y_pred, lambda slope: slope


# --- 100 digits ------------------------------------------------------------------------------


def coefficients(case, values):
    """Return what each value of a case is multiplied by in the result: weight, mask and divisor."""
    form = values_shape(case.name, case.y_pred.shape, case.settings)
    weights = np.ones(form) if case.sample_weight is None else spread(case.sample_weight, form).astype(float)
    valid = np.ones(form, bool) if case.mask is None else spread(case.mask, form)
    if LOSSES[case.name].batch:  # a sample that costs nothing does not count
        valid = valid & np.array([value > 0 for value in values])
    if case.settings.get("ignore_class") is not None:
        valid = valid & (case.y_true != case.settings["ignore_class"])
    divisor = {"sum": 1.0, "none": 1.0, None: 1.0, "mean_with_sample_weight": np.sum(weights * valid)}.get(
        case.reduction, valid.sum()
    )
    return np.where(valid, weights, 0.0) / (divisor or 1.0)


def ask_digits(case):
    """Return the reduced, weighted, masked loss of a case and its gradient, computed with 100 digits."""
    case = with_counted_labels(case.widened())
    shape, record = case.y_pred.shape, LOSSES[case.name]
    summed = sorted(summed_axes(case.name, len(shape), case.settings))
    kept = [axis for axis in range(len(shape)) if axis not in summed]
    order = list(range(len(shape))) if record.axes else kept + summed
    form = [shape[axis] for axis in kept]

    def in_rows(array):
        rows = array.transpose(order)
        return rows if record.axes else rows.reshape(int(np.prod(form)), -1)

    y_true = case.y_true if record.axes else case.y_true.ravel() if record.numbered else in_rows(case.y_true)
    y_pred = in_rows(case.y_pred)
    values = exact_values(case.name, y_true, y_pred, **case.settings)
    share = coefficients(case, values)
    weights = np.ravel(share)
    products = [float(w * v) if w else 0.0 for w, v in zip(weights, values, strict=True)]
    slope = exact_slope(case.name, y_true, y_pred, weights, **case.settings).astype(float)
    apart = case.reduction in ("none", None)
    value = np.reshape(products, share.shape) if apart else np.sum(products)
    return value, slope.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))
