"""Why a number differs from Keras's: known reasons, tried alone and in pairs."""

import math
from dataclasses import dataclass, field, replace
from html import escape
from itertools import combinations

import numpy as np

from lossbook.losses.probability import log_softmax, sigmoid, softmax
from lossbook.registry import CATALOGUE
from lossbook.tools.doctor.cases import BINARY, CLASS_NUMBERS, ONE_HOT, Case, as_array, name_of
from lossbook.tools.doctor.clinic import known_to
from lossbook.tools.render import Html, format_number, html_block, html_table, text_table

__all__ = ["Reason", "Reconciliation", "reconcile"]

CHANCE = 0.001
"""A match counts only where fewer than this many of the values tried would match by chance."""

FLOAT32_ROUNDING, FLOAT64_ROUNDING = 5e-7, 2e-8  # relative, of a sum of many numbers
SAME = 1e-6  # relative gap of two values that count as one of those tried
MOST_FOR_PAIRS = 200_000  # numbers: larger batches are tried with single reasons alone


# --- a computation, with everything that may differ -----------------------------------------


@dataclass(frozen=True)
class Way:
    """One way to compute a loss: the data, and every choice that is made on the way."""

    name: str
    y: np.ndarray
    p: np.ndarray
    weight: np.ndarray = None
    mask: np.ndarray = None
    settings: dict = field(default_factory=dict)
    logits: bool = False
    clip: float = 1e-7
    inside: float = 0.0  # added within the logarithm
    least: float = -np.inf  # the least logarithm
    rescale: bool = True  # rows divided by their sum
    kind: str = "float64"
    formula: str = ""  # another formula for the same name
    row: str = ""  # how a row becomes a value, if not as the loss does
    batch: str = "mean"
    size: int = 0  # of a batch, for running means
    divisor: str = "count"
    after: tuple = ()  # what is done to the number at the end
    spread: bool = False  # (N,) against (N, 1) as a matrix


def evaluate(way):
    """Return the number of a way to compute a loss; None where it cannot be computed."""
    with np.errstate(all="ignore"):
        try:
            values = _values(way)
            number = _reduced(way, values) if values is not None else None
            for step in way.after:
                number = step(number)
        except (TypeError, ValueError, IndexError, ZeroDivisionError):
            return None
    return None if number is None else float(number)


def _values(way):
    """One value for each row."""
    y, p = way.y, way.p
    if way.spread:
        y, p = np.broadcast_arrays(y.reshape(1, -1), p.reshape(-1, 1))
    elif way.name not in CLASS_NUMBERS | {"circle", "ctc"} and y.ndim != p.ndim:
        y = y.reshape(p.shape)
    if way.name in ("categorical_generalized_cross_entropy", "sparse_categorical_crossentropy"):
        hot = np.asarray(y).reshape(p.shape[:-1]).astype(int)[..., None] == np.arange(p.shape[-1])
        y = hot.astype(float)
    y, p = np.asarray(y).astype(way.kind), np.asarray(p).astype(way.kind)
    costs = COSTS.get(way.name)
    if costs is None:
        return CATALOGUE[way.name].function(y, p, **way.settings)
    entries, row = costs(way, y, p)
    row = way.row or row
    return entries.mean(axis=-1) if row == "mean" else entries.sum(axis=-1) if row == "sum" else entries


def _reduced(way, values):
    """From the values of rows to one number."""
    values = np.atleast_1d(values)
    weight = np.ones(1) if way.weight is None else way.weight
    if values.ndim and weight.ndim < values.ndim and way.weight is not None:
        weight = weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
    weighted = np.where(weight == 0, 0, values * weight) if way.weight is not None else values
    count = values.size
    if way.mask is not None:
        keep = np.broadcast_to(
            way.mask.reshape(way.mask.shape + (1,) * (values.ndim - way.mask.ndim)), values.shape
        )
        weighted, count = np.where(keep, weighted, 0), int(keep.sum())
    if way.batch in ("running", "last", "first"):
        return _by_batches(way, weighted)
    if way.batch == "median":
        return np.median(weighted)
    total = weighted.sum()
    if way.batch == "sum":
        return total
    divisors = {
        "count": count,
        "weights": np.broadcast_to(weight, values.shape).sum(),
        "given weights": weight.sum(),
        "nonzero": np.count_nonzero(np.broadcast_to(weight, values.shape)),
        "rows": len(values) if values.ndim else 1,
        "all": values.size,
    }
    return total / divisors["rows" if way.batch == "rows" else way.divisor]


def _by_batches(way, values):
    parts = [values[start : start + way.size] for start in range(0, len(values), way.size)]
    if way.batch != "running":
        return parts[-1 if way.batch == "last" else 0].mean()
    return np.mean([part.mean() for part in parts])


# --- the costs of entries, with their choices -----------------------------------------------


def _log(way, x):
    return np.maximum(np.log(x + x.dtype.type(way.inside)), way.least)


def _clipped(way, p):
    if not way.clip:
        return p
    return np.clip(p, p.dtype.type(way.clip), p.dtype.type(1) - p.dtype.type(way.clip))


def _binary(way, y, p):
    s = y.dtype.type(way.settings.get("label_smoothing", 0.0))
    y = y * (1 - s) + s / 2
    if way.logits:
        return np.maximum(p, 0) - p * y + np.log1p(np.exp(-np.abs(p))), "mean"
    q = _clipped(way, p)
    return -(y * _log(way, q) + (1 - y) * _log(way, 1 - q)), "mean"


def _binary_focal(way, y, p):
    costs, row = _binary(way, y, p)
    q = sigmoid(p) if way.logits else p
    right = y * q + (1 - y) * (1 - q)
    alpha = way.settings.get("alpha", 0.25)
    share = alpha * y + (1 - alpha) * (1 - y) if way.settings.get("apply_class_balancing") else 1.0
    return share * (1 - right) ** way.settings.get("gamma", 2.0) * costs, row


def _categorical(way, y, p):
    s = y.dtype.type(way.settings.get("label_smoothing", 0.0))
    y = y * (1 - s) + s / y.shape[-1]
    return -y * _log_rows(way, p), "sum"


def _log_rows(way, p):
    if way.logits and way.name != "categorical_focal_crossentropy":
        return log_softmax(p)
    p = softmax(p) if way.logits else p
    if way.name == "sparse_categorical_crossentropy":  # TensorFlow clips first
        q = _clipped(way, p)
        return _log(way, q / q.sum(axis=-1, keepdims=True) if way.rescale else q)
    return _log(way, _clipped(way, p / p.sum(axis=-1, keepdims=True) if way.rescale else p))


def _categorical_focal(way, y, p):
    logs = _log_rows(way, p)
    alpha, gamma = np.asarray(way.settings.get("alpha", 0.25)), way.settings.get("gamma", 2.0)
    return -alpha * (1 - np.exp(logs)) ** gamma * y * logs, "sum"


def _divergence(way, y, p):
    if way.formula == "cross-entropy":
        return -y * _log(way, _clipped(way, p)), "sum"
    if way.clip:
        y, p = np.clip(y, way.clip, 1), np.clip(p, way.clip, 1)
        return y * np.log(y / p), "sum"
    return np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / p), 0), "sum"


def _squared(way, y, p):
    return (p - y) ** 2, "mean"


def _absolute(way, y, p):
    return np.abs(p - y), "mean"


def _percentage(way, y, p):
    size = {
        "": np.abs(y),
        "symmetric": (np.abs(y) + np.abs(p)) / 2,
        "of the prediction": np.abs(p),
        "signed": y,
    }
    floor = way.clip or 0
    divisor = size[way.formula] if way.formula == "signed" else np.maximum(size[way.formula], floor)
    return 100 * np.abs(y - p) / divisor, "mean"


def _logarithmic(way, y, p):
    floor = way.clip or 0
    if way.formula == "without 1 +":
        return (np.log(np.maximum(p, floor)) - np.log(np.maximum(y, floor))) ** 2, "mean"
    base = math.log(10) if way.formula == "base 10" else 1.0
    return ((np.log1p(np.maximum(p, floor)) - np.log1p(np.maximum(y, floor))) / base) ** 2, "mean"


def _huber(way, y, p):
    delta, error = way.settings.get("delta", 1.0), np.abs(p - y)
    cost = np.where(error <= delta, 0.5 * error**2, delta * error - 0.5 * delta**2)
    return cost / delta if way.formula == "smooth L1" else cost, "mean"


def _quantile(way, y, p):
    share, error = way.settings.get("quantile", 0.5), p - y
    return np.where(error > 0, (1 - share) * error, -share * error), "mean"


def _log_cosh(way, y, p):
    e = p - y
    return np.abs(e) + np.log1p(np.exp(-2 * np.abs(e))) - math.log(2), "mean"


def _poisson(way, y, p):
    if way.formula == "deviance":
        return 2 * (np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / p), 0) - y + p), "mean"
    if way.formula == "log rates":
        return np.exp(p) - y * p, "mean"
    cost = p - y * np.log(p + (way.clip or 0))
    if way.formula == "full":
        cost = cost + np.vectorize(math.lgamma)(y + 1)
    if way.formula == "Stirling":
        cost = cost + np.where(
            y > 1, y * np.log(np.maximum(y, 1)) - y + 0.5 * np.log(2 * np.pi * np.maximum(y, 1)), 0
        )
    return cost, "mean"


def _signs(way, y):
    return 2 * y - 1 if way.formula != "labels as they are" and np.isin(y, [0, 1]).all() else y


def _hinge(way, y, p):
    return np.maximum(1 - _signs(way, y) * p, 0), "mean"


def _squared_hinge(way, y, p):
    return np.maximum(1 - _signs(way, y) * p, 0) ** 2, "mean"


def _categorical_hinge(way, y, p):
    own = (y * p).sum(axis=-1, keepdims=True)
    if way.formula == "Crammer and Singer":
        rival = np.where(y == 1, -np.inf, p).max(axis=-1, keepdims=True)
    elif way.formula == "every rival":
        return np.where(y == 1, 0, np.maximum(p - own + 1, 0)), "sum"
    else:
        rival = ((1 - y) * p).max(axis=-1, keepdims=True)
    return np.maximum(rival - own + 1, 0), "sum"


def _generalised(way, y, p):
    q = way.settings.get("q", 0.5)
    chosen = (y * p).sum(axis=-1, keepdims=True)
    return (1 - chosen**q) / q, "sum"


def _cosine(way, y, p):
    length = np.sqrt((y**2).sum(axis=-1, keepdims=True)) * np.sqrt((p**2).sum(axis=-1, keepdims=True))
    return -y * p / (1 if way.formula == "dot product" else np.maximum(length, 1e-7)), "sum"


def _overlap(way, y, p):
    axes = way.settings.get("axis")
    if way.formula in ("each image", "each channel"):
        axes = tuple(range(1, y.ndim)) if way.formula == "each image" else tuple(range(y.ndim - 1))
    axes = tuple(axes) if isinstance(axes, (list, tuple)) else axes
    both, extra = (y * p).sum(axis=axes), 1.0 if way.formula == "smooth = 1" else (way.clip or 0)
    if way.name == "tversky":
        alpha, beta = way.settings.get("alpha", 0.5), way.settings.get("beta", 0.5)
        rest = alpha * ((1 - y) * p).sum(axis=axes) + beta * (y * (1 - p)).sum(axis=axes)
        return 1 - (both + (1.0 if way.formula == "smooth = 1" else 0)) / (both + rest + extra), "none"
    if way.formula == "squares below":
        return 1 - 2 * both / ((y**2).sum(axis=axes) + (p**2).sum(axis=axes) + extra), "none"
    total = y.sum(axis=axes) + p.sum(axis=axes)
    if way.formula == "Jaccard":
        return 1 - both / (total - both + extra), "none"
    return 1 - (2 * both + (1.0 if way.formula == "smooth = 1" else 0)) / (total + extra), "none"


COSTS = {
    "mean_squared_error": _squared, "mean_absolute_error": _absolute,
    "mean_absolute_percentage_error": _percentage, "mean_squared_logarithmic_error": _logarithmic,
    "quantile": _quantile, "huber": _huber, "log_cosh": _log_cosh, "poisson": _poisson,
    "binary_crossentropy": _binary,
    "binary_focal_crossentropy": _binary_focal, "categorical_crossentropy": _categorical,
    "sparse_categorical_crossentropy": _categorical, "categorical_focal_crossentropy": _categorical_focal,
    "kl_divergence": _divergence, "hinge": _hinge, "squared_hinge": _squared_hinge,
    "categorical_hinge": _categorical_hinge, "categorical_generalized_cross_entropy": _generalised,
    "cosine_similarity": _cosine, "dice": _overlap, "tversky": _overlap,
}  # fmt: skip

FORMULAS = {
    "mean_absolute_percentage_error": {
        "symmetric": "100 |y - p| / ((|y| + |p|) / 2)", "of the prediction": "100 |y - p| / |p|",
        "signed": "100 |y - p| / y",
    },
    "mean_squared_logarithmic_error": {
        "without 1 +": "(log p - log y)²", "base 10": "(log10(1 + p) - log10(1 + y))²",
    },
    "huber": {"smooth L1": "Huber / delta, as PyTorch's SmoothL1Loss"},
    "poisson": {
        "full": "p - y log p + log y!", "Stirling": "p - y log p + Stirling's log y!, PyTorch's full=True",
        "deviance": "2 (y log(y/p) - y + p), scikit-learn's deviance",
        "log rates": "exp(p) - y p, PyTorch's log_input=True",
    },
    "kl_divergence": {"cross-entropy": "-Σ y log p, the entropy of the labels left in"},
    "hinge": {"labels as they are": "max(1 - y p, 0) with y of 0 and 1"},
    "squared_hinge": {"labels as they are": "max(1 - y p, 0)² with y of 0 and 1"},
    "categorical_hinge": {
        "Crammer and Singer": "1 + the best wrong score - the right one, without a floor of 0",
        "every rival": "Σ over wrong classes",
    },
    "cosine_similarity": {"dot product": "-Σ y p, vectors not normalised"},
    "dice": {
        "each image": "one overlap for each image, then their mean",
        "each channel": "one overlap for each channel",
        "squares below": "1 - 2 Σ y p / (Σ y² + Σ p²)", "Jaccard": "1 - Σ y p / (Σ y + Σ p - Σ y p)",
        "smooth = 1": "1 added above and below",
    },
    "tversky": {"each image": "one index for each image, then their mean",
    "smooth = 1": "1 added above and below"},
}  # fmt: skip


# --- the reasons ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Option:
    """One reason: its slot (two reasons of one slot exclude each other), words, and what it changes."""

    slot: str
    says: str
    changes: dict


def options_for(way, class_weight=None, penalty=None, batch_size=None, mask=None):
    """Return every reason that may apply to a loss and its data, the commonest first."""
    scales = list(_of_scales(way))
    found = [
        *scales[:2],
        *list(_of_batches(way, batch_size))[:2],
        *_of_weights(way, class_weight),
        *_of_rows(way),
        *_of_logits(way),
        *_of_arguments(way),
        *scales[2:],
        *_of_settings(way),
        *_of_masks(way, mask),
        *_of_clips(way),
        *_of_types(way),
        *list(_of_batches(way, batch_size))[2:],
    ]
    found += [Option("formula", says, {"formula": name}) for name, says in FORMULAS.get(way.name, {}).items()]
    if penalty is not None:
        found.append(
            Option(
                "penalty",
                f"plus the penalties of the layers, {penalty:.6g}",
                {"after": (lambda n: n + penalty,)},
            )
        )
    return found


def _of_arguments(way):
    if way.name not in CLASS_NUMBERS | {"circle", "ctc"} and way.y.size == way.p.size:
        yield Option("arguments", "y_true and y_pred swapped", {"y": way.p, "p": way.y.reshape(way.p.shape)})
    if way.name not in CLASS_NUMBERS | {"circle", "ctc"} and way.y.size == way.p.size == len(way.y) <= 2000:
        yield Option("shape", "(N,) against (N, 1): the mean over the N × N matrix", {"spread": True})


def _of_logits(way):
    if way.name in BINARY | ONE_HOT | {"sparse_categorical_crossentropy"}:
        binary = way.name in BINARY
        if way.logits:
            yield Option("logits", "y_pred taken for probabilities", {"logits": False})
            squashed = sigmoid(way.p) if binary else softmax(way.p)
            yield Option("logits",
            f"{'sigmoid' if binary else 'softmax'} first, then the loss of clipped probabilities",
                         {"logits": False, "p": squashed})  # fmt: skip
            yield Option("logits", "squashed twice: the activation, and from_logits=True", {"p": squashed})
        else:
            yield Option("logits", "y_pred taken for logits (from_logits=True)", {"logits": True})
            yield Option(
                "logits",
                "squashed once more before the loss",
                {"p": sigmoid(way.p) if binary else softmax(way.p)},
            )
    if way.name in BINARY | {"mean_squared_error", "mean_absolute_error", "dice", "tversky"}:
        yield Option("logits", "predictions rounded to classes first", {"p": np.round(way.p)})
    if way.name in ONE_HOT | CLASS_NUMBERS:
        yield Option("rows", "rows not divided by their sum", {"rescale": False})
    if way.name in {"kl_divergence", "categorical_generalized_cross_entropy"}:
        yield Option("logits", "softmax first", {"p": softmax(way.p)})
        yield Option(
            "rows", "rows of y_pred divided by their sum", {"p": way.p / way.p.sum(axis=-1, keepdims=True)}
        )


def _of_clips(way):
    if way.name not in COSTS or way.logits and way.name != "categorical_focal_crossentropy":
        return
    if way.name in {
        "mean_absolute_percentage_error",
        "mean_squared_logarithmic_error",
        "poisson",
        "dice",
        "tversky",
    }:
        yield Option("clip", "without epsilon", {"clip": 0.0})
    if way.name not in BINARY | ONE_HOT | {"sparse_categorical_crossentropy", "kl_divergence"}:
        return
    yield Option("clip", "without clipping", {"clip": 0.0})
    for eps in (1e-15, 2.0**-52, 1e-12, 1e-10, 1e-9, 1e-8, 2.0**-23, 1e-6, 1e-5, 1e-4, 1e-3):
        yield Option("clip", f"clipped at {eps:.3g}", {"clip": eps})
        yield Option(
            "clip", f"not clipped, {eps:.3g} added inside the logarithm", {"clip": 0.0, "inside": eps}
        )
    yield Option("clip", "logarithms cut off at -100, as PyTorch's BCELoss", {"clip": 0.0, "least": -100.0})
    if way.name in BINARY:
        yield Option("clip", "a second 1e-7 inside the logarithm, as tf_keras", {"inside": 1e-7})


def _of_types(way):
    for kind in ("float32", "float16"):
        yield Option("type", f"computed in {kind}", {"kind": kind})


def _of_settings(way):
    defaults = {key: p.default for key, p in CATALOGUE[way.name].parameters.items()}
    for key, value in way.settings.items():
        if key != "from_logits" and value != defaults.get(key, value):
            yield Option(
                "settings",
                f"{key}={defaults[key]!r} instead of {value!r}",
                {"settings": way.settings | {key: defaults[key]}},
            )
    if way.name == "tversky":
        alpha, beta = (way.settings.get(key, 0.5) for key in ("alpha", "beta"))
        if alpha != beta:
            yield Option(
                "settings",
                "alpha and beta swapped, as Keras up to 3.15",
                {"settings": way.settings | {"alpha": beta, "beta": alpha}},
            )
    if way.name == "binary_focal_crossentropy":
        on = way.settings.get("apply_class_balancing", False)
        yield Option(
            "settings",
            f"apply_class_balancing={not on}",
            {"settings": way.settings | {"apply_class_balancing": not on}},
        )
    if way.name in ("binary_focal_crossentropy", "categorical_focal_crossentropy"):
        yield Option("settings", "gamma=0: no focusing", {"settings": way.settings | {"gamma": 0.0}})
    if way.name == "categorical_focal_crossentropy":
        yield Option("settings", "without alpha", {"settings": way.settings | {"alpha": 1.0}})


def _of_rows(way):
    if way.name in COSTS and way.p.ndim > 1 and way.p.shape[-1] > 1:
        yield Option("row", "the sum over the last axis, not its mean", {"row": "sum"})
        yield Option("row", "the mean over the last axis, not its sum", {"row": "mean"})


def _of_batches(way, batch_size):
    yield Option("batch", "the sum over the batch", {"batch": "sum"})
    yield Option("batch", "the sum divided by the number of rows (batchmean)", {"batch": "rows"})
    yield Option("batch", "the mean", {"batch": "mean"})
    yield Option("batch", "the median", {"batch": "median"})
    for size in [batch_size] if batch_size else [2, 4, 8, 10, 16, 32, 50, 64, 100, 128, 256, 512]:
        if size < len(way.p):
            yield Option(
                "batch", f"the mean of the means of batches of {size}", {"batch": "running", "size": size}
            )
            yield Option("batch", f"the last batch of {size} alone", {"batch": "last", "size": size})
            yield Option("batch", f"the first batch of {size} alone", {"batch": "first", "size": size})


def _of_weights(way, class_weight):
    if way.weight is not None:
        yield Option("weights", "without sample_weight", {"weight": None})
        yield Option("weights", "divided by the sum of the weights", {"divisor": "weights"})
        yield Option("weights", "divided by the sum of the weights as given", {"divisor": "given weights"})
        yield Option("weights", "divided by the count of weights that are not 0", {"divisor": "nonzero"})
        if way.weight.ndim == 1 and way.p.ndim > 2 and way.p.shape[0] == way.p.shape[1]:
            yield Option(
                "weights", "weights laid along the last axis, as Keras does", {"weight": way.weight[None, :]}
            )
        return
    labels = _classes_of(way)
    if labels is None:
        return
    kinds, counts = np.unique(labels, return_counts=True)
    given = {"class_weight": class_weight} if class_weight else {}
    if len(kinds) > 1:
        given["class_weight='balanced'"] = dict(
            zip(kinds.tolist(), (labels.size / (len(kinds) * counts)).tolist(), strict=True)
        )
    for says, weights in given.items():
        weight = np.vectorize(lambda k, table=weights: table.get(int(k), 1.0))(labels)
        yield Option("weights", f"with {says}", {"weight": weight})
        yield Option(
            "weights",
            f"with {says}, divided by the sum of the weights",
            {"weight": weight, "divisor": "weights"},
        )


def _classes_of(way):
    if way.name in CLASS_NUMBERS:
        return way.y.reshape(way.p.shape[:-1])
    if way.name in ONE_HOT:
        return way.y.argmax(axis=-1)
    if way.name in BINARY and way.p.ndim > 1 and way.p.shape[-1] == 1:
        return np.round(way.y.reshape(way.p.shape[:-1]))
    return None


def _of_masks(way, mask):
    if mask is not None:
        yield Option("mask", "without the mask", {"mask": None})
        yield Option("mask", "masked, divided by all", {"divisor": "all"})
    labels = _classes_of(way)
    if labels is not None and mask is None:
        for value in dict.fromkeys([*np.unique(labels)[:1].tolist(), 0, 255]):
            keep = labels != value
            if keep.any() and not keep.all():
                yield Option("mask", f"rows of class {value:g} left out", {"mask": keep})
    if way.name == "mean_absolute_percentage_error" and (way.y == 0).any() and way.y.ndim == way.p.ndim:
        keep = (way.y != 0).all(axis=-1)
        if keep.any():
            yield Option("mask", "rows with a target of 0 left out", {"mask": keep})


def _of_scales(way):
    steps = {
        "half of it": lambda n: n / 2, "twice": lambda n: 2 * n,
        "in bits (base 2)": lambda n: n / math.log(2),
        "base 10": lambda n: n / math.log(10), "its square root": lambda n: math.sqrt(n),
        "divided by 100": lambda n: n / 100,
        "times 100": lambda n: 100 * n, "the other sign": lambda n: -n, "1 minus it": lambda n: 1 - n,
        "1 plus it": lambda n: 1 + n,
        "exponentiated (perplexity)": lambda n: math.exp(min(n, 700)),
    }  # fmt: skip
    cross = way.name in BINARY | ONE_HOT | CLASS_NUMBERS | {"kl_divergence"}
    if not cross:
        del steps["in bits (base 2)"], steps["base 10"], steps["exponentiated (perplexity)"]
    if way.name not in ("cosine_similarity", "dice", "tversky"):
        del steps["1 minus it"], steps["1 plus it"]
    for says, step in steps.items():
        slot = "base" if "base" in says or "perplexity" in says else "scale"
        yield Option(slot, says, {"after": (step,)})


# --- the search -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reason:
    """One explanation that gives the number.

    Attributes
    ----------
    steps : tuple of str
        What is done otherwise than in Keras: one step, or two.
    value : float
        The number it gives.
    """

    steps: tuple
    value: float


@dataclass(frozen=True, repr=False)
class Reconciliation:
    """Why a number differs; prints and displays as a table.

    Attributes
    ----------
    mine : float
        The number given.
    keras : float
        The number that Keras gives.
    reasons : tuple of Reason
        Those that give `mine`, all of them single or all of them pairs; empty where none does.
    same : bool
        Whether the two numbers agree to the digits given.
    tried : int
        How many different values were compared with `mine`.
    chance : float
        How many of them would agree by chance, to the digits given. Reasons are tried in the
        order of how common they are: those after the first that agrees do not count.
    note : str
        Why nothing was found, where more digits would help.
    """

    mine: float
    keras: float
    reasons: tuple = ()
    same: bool = False
    tried: int = 0
    chance: float = 0.0
    note: str = ""

    @property
    def found(self):
        """Whether a reason was found, or none is needed."""
        return self.same or bool(self.reasons)

    def _cells(self):
        yield ["Keras", "as documented", format_number(self.keras)]
        for reason in self.reasons:
            yield ["yours", " + ".join(reason.steps), format_number(reason.value)]

    def _summary(self):
        count = "1 value" if self.tried == 1 else f"{self.tried} values"
        if self.same:
            return f"The same number: {format_number(self.keras)}."
        if self.reasons:
            return f"{count} tried, {self.chance:.1g} expected to agree by chance."
        return f"Not found: {count} tried, none gives {format_number(self.mine)}. {self.note}".rstrip()

    def to_dict(self):
        """Return the result as plain dictionaries and lists, which JSON can hold."""
        reasons = [{"steps": list(one.steps), "value": one.value} for one in self.reasons]
        return {
            "mine": self.mine, "keras": self.keras, "found": self.found, "same": self.same,
            "reasons": reasons, "tried": self.tried, "chance": self.chance, "note": self.note,
        }  # fmt: skip

    def __repr__(self):
        if not self.reasons:
            return self._summary()
        return text_table(["whose", "how", "number"], self._cells()) + "\n" + self._summary()

    def _repr_html_(self):
        table = html_table(["whose", "how", "number"], self._cells())
        return html_block(table, Html(f"<p>{escape(self._summary())}</p>"))


def reconcile(
    keras_loss,
    y_true,
    y_pred,
    my_number,
    sample_weight=None,
    *,
    mask=None,
    class_weight=None,
    penalty=None,
    batch_size=None,
):
    """Say why your number differs from Keras's: which known reason gives it, or which two.

    Parameters
    ----------
    keras_loss : str, callable or type
        The loss as ``compile`` takes it, or one of lossbook's.
    y_true, y_pred : array_like
        Labels and predictions, as Keras gets them.
    my_number : float or str
        Your number. A text such as ``"0.5413"`` says how many digits are known; of a float
        those of its shortest form count. More digits tell more reasons apart.
    sample_weight, mask : array_like, optional
        As Keras gets them.
    class_weight : dict, optional
        What ``fit`` got: tried as a reason.
    penalty : float, optional
        The sum of ``model.losses``: tried as a reason.
    batch_size : int, optional
        That of ``fit``: tried as a reason. Without it the usual ones are.

    Returns
    -------
    Reconciliation
        It guesses nothing: a reason counts only where it gives your number to every digit you
        gave, and where so few values were tried that none would agree by chance.

    Raises
    ------
    TypeError, ValueError
        If the loss is unknown, or Keras could not compute it either.

    Examples
    --------
    >>> print(reconcile("mse", [[1.0], [2.0]], [[1.5], [2.25]], 0.078125))
    whose  how            number
    ─────  ─────────────  ────────
    Keras  as documented  0.15625
    yours  half of it     0.078125
    1 value tried, 9e-06 expected to agree by chance.
    """
    true, pred = as_array(y_true), as_array(y_pred)
    weight, hidden = as_array(sample_weight), as_array(mask)
    named = name_of(keras_loss, true, pred)
    if named.name is None:
        raise TypeError("Received a loss of your own; expected one of Keras's 22. Name the nearest one.")
    base = _base(named, true, pred, weight, hidden)
    theirs = Case(named, true, pred, weight, hidden).exact.number()
    if theirs is None:
        raise ValueError(
            "Received labels and predictions that Keras refuses, too. Call check(loss, y_true, y_pred) first."
        )
    mine, slack = _precision(my_number)
    if _agree(theirs, mine, slack):
        return Reconciliation(mine, theirs, same=True)
    options = options_for(base, class_weight, penalty, batch_size, hidden)
    singles = _tried(base, [(one,) for one in options], theirs)
    result = _matching(mine, theirs, slack, singles)
    if result.reasons or true.size + pred.size > MOST_FOR_PAIRS:
        return result
    useful = [steps[0] for steps, _ in singles]
    pairs = _tried(base, [two for two in combinations(useful, 2) if two[0].slot != two[1].slot], theirs)
    return _matching(mine, theirs, slack, singles + pairs)


def _base(named, true, pred, weight, mask):
    settings = {k: v for k, v in named.parameters.items() if k in CATALOGUE[named.name].parameters}
    logits = bool(settings.get("from_logits", False))
    weight = weight if weight is None or weight.ndim < 2 or weight.shape[-1] > 1 else weight[..., 0]
    batch = "sum" if named.reduction == "sum" else "mean"
    divisor = "weights" if named.reduction == "mean_with_sample_weight" else "count"
    return Way(
        named.name,
        true,
        pred,
        weight,
        None if mask is None else np.asarray(mask, bool),
        settings,
        logits,
        batch=batch,
        divisor=divisor,
    )


def _precision(number):
    """Return a number and how far another may be and still be it."""
    if isinstance(number, (np.floating, np.ndarray)) and np.asarray(number).dtype.itemsize == 4:
        return float(number), abs(float(number)) * FLOAT32_ROUNDING
    value, slack = known_to(number)
    if isinstance(number, str) or len(repr(value).replace(".", "").replace("-", "").lstrip("0")) < 10:
        return value, max(slack, abs(value) * FLOAT64_ROUNDING)
    in_32_bits = float(np.float32(value)) == value
    return value, abs(value) * (FLOAT32_ROUNDING if in_32_bits else FLOAT64_ROUNDING)


def _agree(value, mine, slack):
    return math.isnan(value) and math.isnan(mine) or value == mine or abs(value - mine) <= slack


def _tried(base, sets, theirs):
    """Evaluate sets of reasons; leave out those that change nothing."""
    found = []
    for steps in sets:
        changes = {}
        for step in steps:
            changes |= {k: (changes.get(k, ()) + v if k == "after" else v) for k, v in step.changes.items()}
        value = evaluate(replace(base, **changes))
        if value is not None and not math.isclose(value, theirs, rel_tol=1e-9, abs_tol=1e-12):
            found.append((steps, value))
    return found


def _distinct(values):
    """Return the values that differ by more than rounding, which is another on another processor.

    Examples
    --------
    >>> _distinct([0.5, 0.25, 0.50000001, math.nan, math.nan])
    [0.25, 0.5, nan]
    """
    finite = sorted(filter(math.isfinite, values))
    pairs = zip([math.inf, *finite], finite, strict=False)
    kept = [value for last, value in pairs if not math.isclose(value, last, rel_tol=SAME, abs_tol=SAME)]
    return kept + [float(text) for text in sorted({str(v) for v in values if not math.isfinite(v)})]


def _matching(mine, theirs, slack, tried):
    """Compare the values tried with the number; count those that came before the first that agrees."""
    hits = [place for place, (_, value) in enumerate(tried) if _agree(value, mine, slack)]
    before = _distinct([value for _, value in tried[: hits[0] + 1 if hits else None]])
    near = sum(abs(mine) / 2 <= abs(value) <= 2 * abs(mine) for value in before)
    chance = near * slack / (abs(mine) * math.log(2)) if mine and math.isfinite(mine) else 0.0
    found = [Reason(tuple(one.says for one in tried[place][0]), tried[place][1]) for place in hits]
    found = [one for one in found if len(one.steps) == len(found[0].steps)]
    if found and chance > CHANCE:
        note = f"{len(found)} would agree, but so would {chance:.1g} by chance: give more digits."
        return Reconciliation(mine, theirs, (), False, len(before), chance, note)
    return Reconciliation(mine, theirs, tuple(found), False, len(before), chance)
