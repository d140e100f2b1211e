"""The frame around every loss: weights, masks, one number for the batch, and its gradient."""

import inspect
import math

import numpy as np

from lossbook import blocks
from lossbook.arrays import as_dtype, as_float, as_given, is_float
from lossbook.reductions import (
    _AVERAGES,
    _mean_in_float64,
    _spread,
    check_reduction,
    reduce_values,
    weights_and_divisor,
)
from lossbook.registry import own_parameters, spec_of

# --- the class form -----------------------------------------------------------------------


class Loss:
    """A loss with its settings: call it for one number, ask it for the gradient.

    Subclasses name their function, ``class Huber(Loss, function=huber)``, and get
    their parameters, their signature and their documentation from it. To write a loss
    of your own, override :meth:`call`, and :meth:`call_gradient` for its slope.

    Parameters
    ----------
    name : str, optional
        A label for messages and logs.
    reduction : str or None
        How the values become one number: see :func:`~lossbook.reductions.reduce_values`.
    dtype : str or numpy.dtype, optional
        The floating type to compute in; None keeps the type of the predictions.

    Raises
    ------
    ValueError
        If the reduction is unknown or a parameter is out of range.
    """

    function = None
    spec = None
    _may_cut = False

    def __init_subclass__(cls, function=None, name=None, order=None, defaults=(), **kwargs):
        super().__init_subclass__(**kwargs)
        cls._may_cut = cls.call is Loss.call and cls.call_gradient is Loss.call_gradient
        if function is None:
            return
        spec = spec_of(function)
        cls.spec = spec
        cls.function = staticmethod(function)
        cls.__signature__ = _class_signature(spec, name or spec.name, order, dict(defaults))
        cls.__doc__ = _class_docstring(cls, spec)
        spec.cls = cls

    def __init__(self, *args, **kwargs):
        if self.function is None:
            self._initialise(*args, **kwargs)
            return
        bound = inspect.signature(type(self)).bind(*args, **kwargs)
        bound.apply_defaults()
        self._initialise(**bound.arguments)

    def _initialise(self, name=None, reduction="sum_over_batch_size", dtype=None, **parameters):
        check_reduction(reduction)
        self.name = name or _snake(type(self).__name__)
        self.reduction = reduction
        self.dtype = as_dtype(dtype)
        self._parameter_names = tuple(parameters)
        for key, value in parameters.items():
            setattr(self, key, _plain(value))
        self._check_parameters()

    def _check_parameters(self):
        """Run the function without data: its checks come first, and it stops where it asks for numbers."""
        if self.function is not None:
            try:
                self.function(_NO_DATA, _NO_DATA, **self.parameters)
            except _DataAsked:
                pass

    @property
    def parameters(self):
        """The function's own parameters as set on this object, name to value."""
        return {name: getattr(self, name) for name in self._parameter_names}

    # --- value ---

    def __call__(self, y_true, y_pred, sample_weight=None, mask=None):
        """Return the loss of a batch.

        Parameters
        ----------
        y_true : array_like
            Labels, in the shape the function form expects.
        y_pred : array_like
            Predictions.
        sample_weight : array_like, optional
            How much each sample counts: one weight a sample, or one for each value.
        mask : array_like of bool, optional
            True where a sample counts.

        Returns
        -------
        numpy scalar or numpy.ndarray
            One number; with ``reduction="none"`` one for each sample.

        Raises
        ------
        TypeError
            If entries are not real numbers.
        ValueError
            If shapes do not fit, or the result is NaN though the inputs are not.
        """
        y_true, y_pred = self.cast(y_true, y_pred)
        with np.errstate(all="ignore"):
            result = self._evaluate(y_true, y_pred, sample_weight, mask)[0]
        self._check_defined(result, y_true, y_pred, sample_weight)
        return result

    def call(self, y_true, y_pred):
        """Return one value per sample: what a subclass without a function overrides."""
        if self.function is None:
            raise NotImplementedError(
                f"Received a call of {type(self).__name__}, which has no formula; expected a subclass "
                "that defines call(y_true, y_pred). Return one value per sample from it."
            )
        return self.function(y_true, y_pred, **self.parameters)

    def mask_of(self, values, y_true, y_pred, mask=None):
        """Return the caller's mask, narrowed by the mask the loss makes itself; None where all count."""
        own = self.spec.mask if self.spec else None
        made = own(values, y_true, y_pred, **self.parameters) if own else None
        if made is None or mask is None:
            return made if mask is None else mask
        return made & _spread("mask", np.asarray(mask, dtype=bool), made.astype(float)).astype(bool)

    def cast(self, y_true, y_pred):
        """Return the data in the type this loss computes in; untouched where ``dtype`` is None."""
        if self.dtype is None:
            return y_true, y_pred
        return as_float("y_true", y_true), as_float("y_pred", y_pred).astype(self.dtype, copy=False)

    # --- gradient ---

    def gradient(self, y_true, y_pred, sample_weight=None, mask=None, *, out=None):
        """Return the slope of the loss in every prediction.

        Parameters
        ----------
        y_true, y_pred, sample_weight, mask
            As in a call.
        out : numpy.ndarray, optional
            Where to write the slopes: an array of the shape of `y_pred`, which is returned.
            Used again and again, it saves large batches the time to find memory.

        Returns
        -------
        numpy.ndarray
            The shape of `y_pred`: by how much the loss rises for each unit that a
            prediction rises. With ``reduction="none"``, the slope of the values' sum.

        Raises
        ------
        TypeError, ValueError
            As in a call.
        """
        return self.value_and_gradient(y_true, y_pred, sample_weight, mask, out=out)[1]

    def value_and_gradient(self, y_true, y_pred, sample_weight=None, mask=None, *, out=None):
        """Return the loss of a batch and its slope in every prediction.

        Parameters
        ----------
        y_true, y_pred, sample_weight, mask
            As in a call.
        out : numpy.ndarray, optional
            Where to write the slopes, as in :meth:`gradient`.

        Returns
        -------
        value : numpy scalar or numpy.ndarray
            What a call returns.
        gradient : numpy.ndarray
            What :meth:`gradient` returns.

        Raises
        ------
        TypeError, ValueError
            As in a call.
        """
        if out is not None:
            _check_out(out, y_pred)
        data = self.cast(y_true, y_pred)
        with np.errstate(all="ignore"):
            result, slope = self._evaluate(*data, sample_weight, mask, sloped=True, room=_room_in(out, *data))
        self._check_defined(result, *data, sample_weight)
        if slope.shape != np.shape(y_pred):
            slope = slope.reshape(np.shape(y_pred))
        if out is None or slope is out:
            return result, slope
        out[...] = slope
        return result, out

    def call_gradient(self, y_true, y_pred, upstream):
        """Return the slope of ``sum(upstream * values)``: what a subclass without a function overrides."""
        if self.function is None:
            raise NotImplementedError(
                f"Received a request for the gradient of {type(self).__name__}; expected a subclass that "
                "defines call_gradient(y_true, y_pred, upstream). Values alone need only call."
            )
        if self.spec.couples_samples:
            return self.spec.gradient(y_true, y_pred, **self.parameters, upstream=upstream)
        slope = self.spec.gradient(y_true, y_pred, **self.parameters)
        if np.ndim(upstream) == 0:  # one number for all
            return slope * slope.dtype.type(upstream)
        summed = tuple(range(upstream.ndim - slope.ndim, 0))  # the last axes, unless one is named
        return slope * np.expand_dims(upstream, self.parameters.get("axis", summed))

    # --- the cheapest way to both ---

    def _evaluate(self, y_true, y_pred, sample_weight, mask, sloped=False, room=None):
        """Return the reduced value and, if asked for, the slope; large batches block by block."""
        found = None
        if self._may_cut and self.spec is not None:
            alike = sample_weight is None and mask is None and self.reduction not in ("none", None)
            if alike:  # every entry counts as much as any other
                found = self._of_one_row(y_true, y_pred, sloped, room)
            if found is None and blocks.is_large(y_pred):
                found = self._by_rows(y_true, y_pred, sample_weight, mask, sloped, room)
        return self._whole(y_true, y_pred, sample_weight, mask, sloped) if found is None else found

    def _whole(self, y_true, y_pred, sample_weight, mask, sloped):
        """Evaluate the batch as it is: one call of the function, one of its gradient."""
        values = as_float("values", self.call(y_true, y_pred))
        mask = self.mask_of(values, y_true, y_pred, mask)
        if sample_weight is None and mask is None and self.reduction in _AVERAGES:
            result, upstream = _mean_in_float64(values), 1.0 / values.size
        else:
            result = reduce_values(values, sample_weight, mask, self.reduction)
            weights, divisor = weights_and_divisor(values, sample_weight, mask, self.reduction)
            upstream = weights / divisor if divisor else np.zeros_like(values)
        result = as_given(result, y_pred)
        if not sloped:
            return result, None
        if not self._may_cut or isinstance(upstream, np.ndarray):  # one for each value
            upstream = np.broadcast_to(np.asarray(upstream, dtype=values.dtype), values.shape)
        slope = self.call_gradient(y_true, y_pred, upstream).astype(values.dtype, copy=False)
        return result, as_given(slope, y_pred)

    def _by_rows(self, y_true, y_pred, sample_weight, mask, sloped, room):
        """Evaluate a large batch in blocks of rows; None where that cannot be done."""
        batch = blocks.batch_of(self.spec, y_true, y_pred, self.parameters)
        if batch is None:
            return None
        values = batch.empty_values()
        mask = self.mask_of(values, y_true, y_pred, mask)
        slope, upstream = None, 1.0
        if sloped:
            weights, divisor = weights_and_divisor(values, sample_weight, mask, self.reduction)
            upstream = weights / divisor if divisor else 0.0
            slope = batch.empty_slopes()
            slope = slope if room is None else room.reshape(slope.shape)
        if not batch.fill(values, slope, upstream):
            return None
        if sample_weight is None and mask is None and self.reduction in _AVERAGES:
            result = _mean_in_float64(values)
        else:
            result = reduce_values(values, sample_weight, mask, self.reduction)
        return as_given(result, y_pred), slope if slope is None else as_given(slope, y_pred)

    def _of_one_row(self, y_true, y_pred, sloped, room):
        """Evaluate a batch as one long row; None where that cannot be done, or the sum is not finite."""
        row, count = blocks.as_one_row(self.spec, y_true, y_pred, self.parameters)
        if row is None:
            return None
        scale = 1.0  # from the value of that row to the loss: the mean of all is the mean of the means
        if self.spec.cut == "mean" and self.reduction == "sum":
            scale = float(count)
        elif self.spec.cut == "sum" and self.reduction != "sum":
            scale = 1.0 / count
        slope = None
        if blocks.is_large(y_pred):
            value = np.empty(())
            if sloped:
                slope = np.empty(y_pred.shape, y_pred.dtype) if room is None else room
            if not row.fill(value, slope if slope is None else slope.reshape(-1), scale):
                return None
        else:
            value = self.function(row.labels, row.predictions, **row.parameters)
            if sloped:
                slope = self.spec.gradient(row.labels, row.predictions, **row.parameters)
                slope = (slope if scale == 1.0 else slope * scale).reshape(y_pred.shape)
        result = value * scale
        return (y_pred.dtype.type(result), slope) if math.isfinite(result) else None

    def _check_defined(self, result, y_true, y_pred, sample_weight):
        if isinstance(result, np.generic) and math.isfinite(result) or not np.isnan(result).any():
            return
        given = [("y_true", y_true), ("y_pred", y_pred)]
        given += [] if sample_weight is None else [("sample_weight", sample_weight)]
        if all(np.isfinite(as_float(name, data)).all() for name, data in given):
            kind = as_float("y_pred", y_pred).dtype
            raise ValueError(
                f"Received finite data for which {type(self).__name__} is not a number in {kind}; expected "
                "predictions inside the loss's domain. Compute in dtype='float64', or pass logits where "
                "the loss takes them."
            )

    # --- keeping ---

    def get_config(self):
        """Return every setting, so that :meth:`from_config` rebuilds this loss.

        Examples
        --------
        >>> import lossbook
        >>> lossbook.Huber(delta=2.0).get_config()["delta"]
        2.0
        """
        dtype = None if self.dtype is None else self.dtype.name
        return {**self.parameters, "reduction": self.reduction, "name": self.name, "dtype": dtype}

    @classmethod
    def from_config(cls, config):
        """Build a loss from what :meth:`get_config` returned."""
        return cls(**config)

    def __repr__(self):
        config = self.get_config()
        usual = inspect.signature(type(self)).parameters if self.function else {}
        shown = {
            key: value
            for key, value in config.items()
            if key in self._parameter_names or key not in usual or value != usual[key].default
        }
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in shown.items())})"

    def __eq__(self, other):
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self):
        return hash(repr(self))


def _check_out(out, y_pred):
    """Raise an error where slopes cannot be written into an array."""
    shape = np.shape(y_pred)
    if not isinstance(out, np.ndarray) or out.shape != shape or not is_float(out.dtype):
        raise ValueError(
            f"Received out={_described(out)}; expected a NumPy array of floats of shape {shape}, that of "
            "y_pred. Make one with numpy.empty_like(y_pred)."
        )


def _described(out):
    return f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__


def _room_in(out, y_true, y_pred):
    """Return `out` where blocks may write straight into it: of their type, and apart from the data."""
    if out is None or out.dtype.char != getattr(getattr(y_pred, "dtype", None), "char", "d"):
        return None
    if out.dtype.char not in "fd" or not out.flags.c_contiguous:
        return None
    return None if np.may_share_memory(out, y_pred) or np.may_share_memory(out, y_true) else out


class _DataAsked(Exception):
    """A function without data has come to the end of its checks."""


class _NoData:
    """What stands for data while the parameters are checked."""

    def __array__(self, dtype=None, copy=None):
        raise _DataAsked


_NO_DATA = _NoData()


# --- how a class gets its signature and documentation from its function --------------------

_FRAME_PARAMETERS = {"reduction": "sum_over_batch_size", "name": None, "dtype": None}


def _class_signature(spec, name, order, defaults):
    """Join the function's parameters with reduction, name and dtype, in Keras's order."""
    chosen = {key: parameter.default for key, parameter in own_parameters(spec.function).items()}
    chosen.update(_FRAME_PARAMETERS, name=name)
    chosen.update(defaults)
    keys = order or tuple(chosen)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(key, kind, default=chosen[key]) for key in keys])


def _class_docstring(cls, spec):
    """Write the class's numpydoc text from the function's own, so that nothing is told twice."""
    own = _parameter_docs(spec.function)
    frame = _parameter_docs(Loss)
    wanted = [key for key in inspect.signature(cls).parameters if key in own or key in frame]
    parameters = "\n".join(own.get(key) or frame[key] for key in wanted)
    raises = "ValueError\n    If the reduction is unknown or a parameter is out of range."
    text = (
        f"{inspect.cleandoc(cls.__doc__)}\n\nParameters\n----------\n{parameters}\n\n"
        f"Raises\n------\n{raises}\n\nSee Also\n--------\n"
        f"{spec.name} : the same loss as a function, one value per sample."
    )
    return text


def _parameter_docs(documented):
    """Return the entries of a numpydoc Parameters section by name."""
    lines = inspect.cleandoc(documented.__doc__).splitlines()
    start = lines.index("Parameters") + 2
    entries, names = {}, []
    for line in lines[start:]:
        if not line.strip():
            break
        if not line.startswith(" "):
            names = [name.strip() for name in line.partition(" :")[0].split(",")]
            entries.update({name: line for name in names})
        else:
            entries.update({name: f"{entries[name]}\n{line}" for name in names})
    return entries


def _plain(value):
    """Turn NumPy's numbers and arrays into Python's, so that a configuration can be written down."""
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def _snake(name):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
