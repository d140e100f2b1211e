"""What the doctor looks at: a loss by whatever name it came, and its arrays."""

import functools
import inspect
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

import lossbook
from lossbook.arrays import align_ranks, as_float, is_float
from lossbook.base import Loss
from lossbook.losses.margins import in_parts
from lossbook.registry import CATALOGUE

__all__ = ["Case", "Named", "as_array", "name_of"]

ENOUGH = 1_000_000  # numbers: of larger batches, the values in a finding are those of the first rows

# What each loss takes, by the name of its function.
BINARY = {"binary_crossentropy", "binary_focal_crossentropy"}
ONE_HOT = {"categorical_crossentropy", "categorical_focal_crossentropy"}
CLASS_NUMBERS = {"sparse_categorical_crossentropy", "categorical_generalized_cross_entropy"}
ROWS_OF_CLASSES = ONE_HOT | CLASS_NUMBERS | {"kl_divergence", "categorical_hinge"}
OVERLAP = {"dice", "tversky"}
DISTRIBUTIONS = ONE_HOT | CLASS_NUMBERS | {"kl_divergence"}
PROBABILITIES = BINARY | DISTRIBUTIONS | OVERLAP
CLIPPED = BINARY | ONE_HOT | {"sparse_categorical_crossentropy", "kl_divergence"}
SIGNS = {"hinge", "squared_hinge"}
ENTRYWISE = {
    "mean_squared_error",
    "mean_absolute_error",
    "quantile",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "poisson",
}
BROADCASTING = {"poisson", "kl_divergence", "hinge", "squared_hinge", "categorical_hinge"}
"""Function forms of Keras 3 that broadcast (N,) against (N, 1) instead of aligning them."""


@dataclass(frozen=True)
class Named:
    """A loss, recognised.

    Attributes
    ----------
    name : str or None
        The function's name in the catalogue; None for a loss the book does not know.
    form : str
        ``"function"``, ``"class"`` or ``"custom"``. Function forms give one value a sample and
        leave shapes and types alone.
    parameters : dict
        The function's own parameters.
    reduction : str or None
        Of a class.
    dtype : str or None
        The type a class computes in; None where it is the data's.
    call : callable or None
        The loss itself, where it can be called.
    origin : str
        The package it comes from: ``"lossbook"``, ``"keras"``, ``"tf_keras"``, ``"name"`` or ``"own"``.
    """

    name: str
    form: str
    parameters: dict = field(default_factory=dict)
    reduction: str = "sum_over_batch_size"
    dtype: str = None
    call: object = None
    origin: str = "own"


@dataclass(frozen=True)
class Case:
    """A loss, labels and predictions, and what there is beside them.

    Attributes
    ----------
    loss : Named
        The loss.
    y_true : numpy.ndarray
        As it came, integers and 16-bit types included.
    y_pred : numpy.ndarray
        Likewise.
    weight : numpy.ndarray or None
        The weights.
    mask : numpy.ndarray or None
        True where a sample counts.
    given : dict
        What was passed before it became an array, by name.
    """

    loss: Named
    y_true: np.ndarray
    y_pred: np.ndarray
    weight: np.ndarray = None
    mask: np.ndarray = None
    given: dict = field(default_factory=dict)

    # --- the loss ---

    @property
    def name(self):
        """The catalogue's name of the loss, or None."""
        return self.loss.name

    @property
    def from_logits(self):
        """Whether the loss takes its predictions for logits."""
        return bool(self.loss.parameters.get("from_logits", False)) or self.name == "ctc"

    @property
    def takes_probabilities(self):
        """Whether the loss takes its predictions for probabilities."""
        return self.name in PROBABILITIES and not self.from_logits

    @property
    def axis(self):
        """The axis of the classes."""
        axis = self.loss.parameters.get("axis", -1)
        return axis if isinstance(axis, int) and self.name in ROWS_OF_CLASSES else -1

    @property
    def classes(self):
        """How many classes a row of predictions has."""
        return self.y_pred.shape[self.axis] if self.y_pred.ndim else 1

    # --- the arrays, looked at once ---

    @cached_property
    def true_range(self):
        """The least and the greatest label, NaN left out."""
        return _range(self.y_true)

    @cached_property
    def pred_range(self):
        """The least and the greatest prediction, NaN left out."""
        return _range(self.y_pred)

    @cached_property
    def true_is_whole(self):
        """Whether every label is a whole number."""
        return is_whole(self.y_true)

    @cached_property
    def true_is_zero_or_one(self):
        """Whether every label is 0 or 1."""
        return self.true_is_whole and 0 <= self.true_range[0] and self.true_range[1] <= 1

    @cached_property
    def pred_sums(self):
        """The sums of the rows of predictions."""
        return _sums(self.y_pred, self.axis)

    @cached_property
    def true_sums(self):
        """The sums of the rows of labels."""
        return _sums(self.y_true, self.axis)

    @property
    def slack(self):
        """How far a row of probabilities may be from 1 by the rounding of its type."""
        return 2e-2 if self.y_pred.dtype.itemsize == 2 else 1e-3

    @cached_property
    def pred_in_unit(self):
        """Whether every prediction lies in [0, 1], but for rounding."""
        low, high = self.pred_range
        slack = 1e-2 if self.y_pred.dtype.itemsize == 2 else 1e-5
        return -slack <= low and high <= 1 + slack

    @cached_property
    def pred_rows_are_one(self):
        """Whether every row of predictions is a distribution, within [0, 1] and of sum 1."""
        if self.classes < 2 or not self.pred_in_unit:
            return False
        return bool((np.abs(self.pred_sums - 1) <= self.slack).all())

    # --- numbers ---

    def number(self, name=None, y_true=None, y_pred=None, weight=None, **parameters):
        """Return the loss of this case, or of the case changed; None where there is no such number."""
        spec = CATALOGUE.get(name or self.name)
        if spec is None:
            return None
        as_is = not parameters and all(one is None for one in (name, y_true, y_pred, weight))
        if self.loss.origin == "tf_keras" and as_is:
            return self._of_tf_keras
        y_true = self.y_true if y_true is None else y_true
        y_pred = self.y_pred if y_pred is None else y_pred
        weight, mask = self.weight if weight is None else weight, self.mask
        parameters = {k: v for k, v in {**self.loss.parameters, **parameters}.items() if k in spec.parameters}
        reduction = (
            self.loss.reduction if self.loss.reduction in ("sum", "mean_with_sample_weight") else "mean"
        )
        if y_pred.ndim and y_true.ndim and y_pred.size > ENOUGH:
            rows = max(1, ENOUGH * len(y_pred) // y_pred.size)
            y_true, y_pred = y_true[:rows], y_pred[:rows]
            weight, mask = (a if a is None or not a.ndim else a[:rows] for a in (weight, mask))
        try:
            loss = spec.cls(**parameters, reduction=reduction, dtype=self._computed_in)
            value = float(loss(y_true, y_pred, weight, mask))
        except (TypeError, ValueError):
            return None
        return value

    @property
    def _of_tf_keras(self):
        """The number of tf_keras, which clips otherwise than Keras 3; None where it refuses."""
        extra = (
            {"sample_weight": self.weight} if self.loss.form == "class" and self.weight is not None else {}
        )
        try:
            return float(np.mean(np.asarray(self.loss.call(self.y_true, self.y_pred, **extra))))
        except Exception:  # its errors are TensorFlow's
            return None

    @property
    def _computed_in(self):
        """The type of a number that is to be Keras's own; None for that of the data."""
        loss = self.loss
        casts = loss.form == "class" and loss.origin in ("keras", "tf_keras", "name")
        return "float32" if casts and loss.dtype in (None, "float32") else None

    @property
    def exact(self):
        """The case in the type of its data, where Keras would cast to float32."""
        return self.changed(loss=replace(self.loss, origin="lossbook"))

    # --- cases made of this one ---

    def changed(self, **fields):
        """Return the case with other arrays or another loss."""
        return replace(self, **fields)

    @cached_property
    def aligned(self):
        """The case with ranks aligned as Keras 3 does, for losses of entries."""
        y_true, y_pred = align_ranks(self.y_true, self.y_pred)
        if y_true is self.y_true and y_pred is self.y_pred:
            return self
        return self.changed(y_true=y_true, y_pred=y_pred)

    @cached_property
    def counted(self):
        """The case without the samples that do not count or are not finite, and without weights."""
        keep = (
            self._keep
            if self.y_true.ndim and self.y_pred.ndim and len(self.y_true) == len(self.y_pred)
            else None
        )
        if keep is None or keep.all():
            return self.changed(weight=None, mask=None)
        return self.changed(y_true=self.y_true[keep], y_pred=self.y_pred[keep], weight=None, mask=None)

    @property
    def _keep(self):
        keep = None
        for extra in (self.weight, self.mask):
            if extra is not None:
                keep = _both(keep, self._of_samples(extra))
        for array in (self.y_true, self.y_pred):
            if is_float(array.dtype) and not _all_finite(array):
                finite = np.isfinite(array)
                keep = _both(keep, finite.all(axis=tuple(range(1, array.ndim))))
        return keep

    def _of_samples(self, extra):
        counts = np.asarray(extra) != 0
        if counts.ndim > 1 and counts.shape[-1] == 1:
            counts = counts[..., 0]
        rows = self.y_pred.shape[:-1] if self.y_pred.ndim > 1 else self.y_pred.shape
        fits = counts.ndim and counts.shape == rows[: counts.ndim] == self.y_true.shape[: counts.ndim]
        return counts if fits else None


def _both(first, second):
    if first is None or second is None:
        return second if first is None else first
    if first.ndim != second.ndim:
        shorter, longer = sorted((first, second), key=np.ndim)
        return shorter.reshape(shorter.shape + (1,) * (longer.ndim - shorter.ndim)) & longer
    return first & second


# --- arrays -------------------------------------------------------------------------------


def as_array(given):
    """Turn what was passed into an array as it is, types kept; None stays None."""
    if isinstance(given, np.ma.MaskedArray):  # a loss counts what the mask hides
        return np.ma.getdata(given)
    if given is None or isinstance(given, np.ndarray):
        return given
    if hasattr(given, "detach"):  # a PyTorch tensor
        given = given.detach().cpu()
    try:
        array = np.asarray(given)
    except ValueError:
        array = as_float("the array", given)  # says how long the rows of a ragged list are
    if array.dtype == object and not any(isinstance(one, (str, bytes)) for one in array.flat):
        try:  # pandas keeps numbers beside None as objects
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            pass
    return array


def is_whole(array):
    """Tell whether every entry of an array is a whole number."""
    if array.dtype.kind in "biu":
        return True
    if not is_float(array.dtype) or not array.size:
        return False
    with np.errstate(invalid="ignore"):
        return all((part == np.rint(part)).all() for part in in_parts(array))


def _range(array):
    if not array.size:
        return 0.0, 0.0
    if array.dtype.kind == "b":
        return float(array.min()), float(array.max())
    low, high = float(array.min()), float(array.max())
    if low != low:  # NaN inside
        low, high = float(np.fmin.reduce(array, axis=None)), float(np.fmax.reduce(array, axis=None))
    return low, high


def _all_finite(array):
    """Tell whether a sum and the extremes are finite: no second array is made."""
    low, high = array.min() if array.size else 0, array.max() if array.size else 0
    return bool(np.isfinite(low) and np.isfinite(high))


def _sums(array, axis):
    """Add up rows, 16-bit types in 32 bits."""
    wide = array if array.dtype.itemsize > 2 and is_float(array.dtype) else array.astype(np.float32)
    if axis in (-1, wide.ndim - 1) and wide.ndim > 1 and wide.shape[-1] > 1:
        return np.einsum("...k->...", wide)
    return wide.sum(axis=axis)


# --- losses by whatever name --------------------------------------------------------------


def name_of(loss, y_true=None, y_pred=None):
    """Recognise a loss: a name, a function, a class, an object, of lossbook, Keras or one's own.

    Parameters
    ----------
    loss : str, callable, type or dict
        Whatever ``compile(loss=…)`` takes, and lossbook's own.
    y_true, y_pred : numpy.ndarray, optional
        The arrays: their shapes decide what ``"crossentropy"`` means, and a function of one's own
        is tried on small numbers of their shapes.

    Returns
    -------
    Named

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it cannot be a loss.
    """
    if isinstance(loss, str):
        return _by_name(loss, y_true, y_pred)
    if isinstance(loss, dict):
        return name_of(lossbook.get(loss))
    if isinstance(loss, functools.partial):
        inner = name_of(loss.func, y_true, y_pred)
        return replace(inner, parameters={**inner.parameters, **loss.keywords}, call=loss)
    if not callable(loss):
        raise TypeError(
            f"Received {type(loss).__name__} as the loss; expected a name, a function, a class or an object. "
            "Use for example 'mse', lossbook.huber or keras.losses.Huber()."
        )
    if inspect.isclass(loss):
        return name_of(loss())
    if isinstance(loss, Loss):
        if loss.spec is None:
            return Named(None, "custom", call=loss)
        dtype = None if loss.dtype is None else loss.dtype.name
        return Named(loss.spec.name, "class", loss.parameters, loss.reduction, dtype, loss, "lossbook")
    return _of_an_engine(loss) or _of_ones_own(loss, y_true, y_pred)


def _by_name(name, y_true, y_pred):
    if name in ("crossentropy", "ce"):
        return Named(_crossentropy_for(y_true, y_pred), "class", origin="name")
    plain = {_plain(key): key for key in CATALOGUE}
    plain |= {_plain(alias): key for key, spec in CATALOGUE.items() for alias in spec.aliases}
    if _plain(name) in plain:
        return Named(plain[_plain(name)], "class", origin="name")
    return name_of(lossbook.get(name))  # raises, and says which name is near


def _plain(name):
    return name.replace("_", "").lower()


def _crossentropy_for(y_true, y_pred):
    if y_pred is None or y_pred.ndim == 0 or y_pred.shape[-1] == 1:
        return "binary_crossentropy"
    same = y_true is not None and y_true.shape == y_pred.shape
    return "categorical_crossentropy" if same else "sparse_categorical_crossentropy"


def _of_an_engine(loss):
    """Recognise a loss of Keras or tf_keras, object or function, and a function of lossbook."""
    home = (getattr(loss, "__module__", None) or type(loss).__module__).partition(".")[0]
    if home not in ("keras", "tf_keras", "tensorflow", "lossbook"):
        return None
    name = getattr(loss, "__name__", None)
    if name is not None:
        known = _function_name(name)
        return known and Named(known, "function", _defaults(loss), call=loss, origin=home)
    classes = {spec.cls.__name__: key for key, spec in CATALOGUE.items()}
    key = classes.get(type(loss).__name__)
    inner = getattr(loss, "fn", None)
    settings = dict(getattr(loss, "_fn_kwargs", None) or getattr(loss, "fn_kwargs", None) or {})
    if key is None and inner is not None:
        named = _of_an_engine(inner)
        key = named and named.name
    if key is None:
        return None
    parameters = {k: v for k, v in settings.items() if k in CATALOGUE[key].parameters}
    reduction = str(getattr(loss, "reduction", "sum_over_batch_size")).lower()
    dtype = getattr(loss, "dtype", None)
    return Named(
        key, "class", parameters, "mean" if reduction == "auto" else reduction,
        None if dtype is None else str(getattr(dtype, "name", dtype)), loss, home,
    )  # fmt: skip


def _function_name(name):
    for key, spec in CATALOGUE.items():
        if name in (key, *spec.aliases):
            return key
    return None


def _defaults(function):
    """Return the defaults of a function that differ from none: how it is called by itself."""
    found = inspect.signature(function).parameters.values()
    return {
        p.name: p.default for p in found if p.name not in ("y_true", "y_pred") and p.default is not p.empty
    }


# --- a loss of one's own ------------------------------------------------------------------


def _of_ones_own(loss, y_true, y_pred):
    """Recognise a function by its values on small numbers; where none fits, it stays unknown."""
    if y_true is None or y_pred is None or not y_pred.ndim or not y_pred.size:
        return Named(None, "custom", call=loss)
    for name, parameters in _candidates():
        if all(_agrees(loss, name, parameters, probe) for probe in _probes(name, y_true, y_pred)):
            return Named(name, "custom", parameters, call=loss)
    return Named(None, "custom", call=loss)


def _candidates():
    for name, spec in CATALOGUE.items():
        if "from_logits" in spec.parameters:
            yield name, {"from_logits": True}
        if name != "ctc" and name != "circle":
            yield name, {}


def _probes(name, y_true, y_pred):
    """Two small batches a loss can be told by: the shapes of the data, numbers of their own."""
    shape = (min(len(y_pred), 3), *(min(size, 4) for size in y_pred.shape[1:]))
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        pred = rng.uniform(0.05, 0.95, shape).astype(np.float32)
        if len(shape) > 1 and shape[-1] > 1:
            pred /= pred.sum(axis=-1, keepdims=True)
        if name in CLASS_NUMBERS:
            yield rng.integers(0, shape[-1], shape[:-1]), pred
        else:
            yield rng.integers(0, 2, shape).astype(np.float32), pred


def _agrees(loss, name, parameters, probe):
    y_true, y_pred = probe
    try:
        with np.errstate(all="ignore"):
            ours = np.mean(CATALOGUE[name].function(y_true, y_pred, **parameters))
            theirs = np.mean(call(loss, y_true, y_pred))
    except Exception:  # it is not this one: whatever a stranger's function raises
        return False
    return bool(np.isclose(ours, theirs, rtol=2e-5, atol=1e-7)) and abs(ours) > 1e-5


def call(loss, y_true, y_pred):
    """Call a loss of one's own on arrays, or on TensorFlow's tensors where arrays do not do."""
    try:
        return np.asarray(loss(y_true, y_pred), dtype=np.float64)
    except Exception:
        from lossbook.tools.engines import tf

        return np.asarray(loss(tf.constant(y_true), tf.constant(y_pred)), dtype=np.float64)


def own_number(loss, y_true, y_pred):
    """Return the mean of a loss of one's own; None where it does not take these arrays."""
    try:
        with np.errstate(all="ignore"):
            return float(np.mean(call(loss, y_true, y_pred)))
    except Exception:  # whatever a stranger's function raises: its own error says it
        return None
