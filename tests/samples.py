"""Random data for every loss of the catalogue, on both sides of its kinks and clips."""

import numpy as np


def draw(name, rng, shape, dtype="float64", inside=False):
    """Draw labels and predictions for a loss.

    `inside` keeps away from kinks and clips, where a slope is not defined or cut off.
    """
    kind = _KINDS.get(name, _real)
    y_true, y_pred = kind(rng, shape, inside)
    return np.asarray(y_true).astype(dtype if np.asarray(y_true).dtype.kind == "f" else None), y_pred.astype(
        dtype
    )


def options(spec):
    """Return the settings each loss is tried with: its defaults, and each flag turned on."""
    tried = [{}]
    if "from_logits" in spec.parameters:
        tried.append({"from_logits": True})
    if "label_smoothing" in spec.parameters:
        tried += [{"label_smoothing": 0.2}, {"label_smoothing": 0.2, "from_logits": True}]
    if "delta" in spec.parameters:
        tried.append({"delta": 2.5})
    if "ignore_class" in spec.parameters:
        tried.append({"ignore_class": 1})
    return tried


def _real(rng, shape, inside):
    y_true, y_pred = rng.normal(0, 2, shape), rng.normal(0, 2, shape)
    return y_true, y_pred


def _positive(rng, shape, inside):
    low = 0.05 if inside else -0.5
    return rng.uniform(0.1, 5, shape), rng.uniform(low, 5, shape)


def _yes_or_no(rng, shape, inside):
    low, high = (0.05, 0.95) if inside else (-0.05, 1.05)
    return rng.integers(0, 2, shape).astype(float), rng.uniform(low, high, shape)


def _one_hot(rng, shape, inside):
    classes = shape[-1]
    y_pred = rng.uniform(0.05, 1, shape)
    if not inside:
        y_pred = np.where(rng.random(shape) < 0.1, 0.0, y_pred) + 1e-3 * (np.arange(classes) == 0)
    return np.eye(classes)[rng.integers(0, classes, shape[:-1])], y_pred


def _class_numbers(rng, shape, inside):
    low, high = (0.05, 0.95) if inside else (-0.05, 1.05)
    return rng.integers(0, shape[-1], shape[:-1]), rng.uniform(low, high, shape)


def _distributions(rng, shape, inside):
    low, high = (0.05, 0.95) if inside else (-0.05, 1.1)
    return rng.uniform(0.0, 1.0, shape), rng.uniform(low, high, shape)


def _counts(rng, shape, inside):
    return rng.poisson(3.0, shape).astype(float), rng.uniform(0.5 if inside else 0.0, 6.0, shape)


def _margins(rng, shape, inside):
    return rng.integers(0, 2, shape).astype(float), rng.normal(0, 1.5, shape)


_KINDS = {
    "mean_absolute_percentage_error": _positive,
    "mean_squared_logarithmic_error": _positive,
    "binary_crossentropy": _yes_or_no,
    "categorical_crossentropy": _one_hot,
    "sparse_categorical_crossentropy": _class_numbers,
    "kl_divergence": _distributions,
    "poisson": _counts,
    "hinge": _margins,
}
