"""The class form of every loss: weights, masks, one number for the batch, and its gradient."""

import inspect
import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from lossbook import blocks
from lossbook.arrays import as_array, as_dtype, as_float, check_out, float_type, for_a_reader
from lossbook.reductions import add_up, as_mask, check_reduction, spread, weights_and_divisor
from lossbook.registry import spec_of
from lossbook.rows import rows_that_count, silenced
from lossbook.signatures import (
    FRAME,
    class_docstring,
    class_signature,
    has_slope,
    misfit,
    own_signature,
    plain,
    run_without_data,
    signature_of,
    snake,
)


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
        The floating type to compute in and to get results in; None keeps that of the predictions.
        The 16-bit types are computed in float32. Without `dtype` their value stays float32, and
        their slope has the type of the predictions.

    Raises
    ------
    TypeError
        If there is no such parameter.
    ValueError
        If the reduction is unknown or a parameter is out of range.
    """

    function = None
    spec = None
    settings = None  # the signature that a class gets from its function
    __signature__ = signature_of(FRAME, ("name", "reduction", "dtype"))
    _is_plain = False  # whether values and slopes are those of the function

    def __init_subclass__(cls, function=None, name=None, order=None, defaults=(), **kwargs):
        super().__init_subclass__(**kwargs)
        cls._is_plain = cls.call is Loss.call and cls.call_gradient is Loss.call_gradient
        if function is not None:
            cls.spec = spec_of(function)
            cls.function = staticmethod(function)
            cls.settings = class_signature(cls.spec, name or cls.spec.name, order, dict(defaults))
            cls.__signature__ = cls.settings
            cls.__doc__ = class_docstring(cls, cls.spec, Loss)
            cls.spec.cls = cls
        elif "__init__" in vars(cls):
            cls.__signature__ = own_signature(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if self.settings is None:
            self._initialise(*args, **kwargs)
            return
        try:
            bound = self.settings.bind(*args, **kwargs)
        except TypeError as problem:
            raise TypeError(misfit(type(self), kwargs, problem)) from None
        if len(args) > 1 and all(np.ndim(given) for given in args[:2]):
            raise TypeError(misfit(type(self), {"y_true": 0}, None))
        bound.apply_defaults()
        self._initialise(**bound.arguments)

    def _initialise(self, name=None, reduction="sum_over_batch_size", dtype=None, **parameters):
        check_reduction(reduction)
        self.name = name or snake(type(self).__name__)
        self.reduction = reduction
        self.dtype = as_dtype(dtype)
        self._parameter_names = tuple(parameters)
        for key, value in parameters.items():
            setattr(self, key, plain(value))
        if self.function is not None:
            run_without_data(self.function, self.parameters)

    @property
    def parameters(self) -> dict[str, Any]:
        """The function's own parameters as set on this object, name to value."""
        return {name: getattr(self, name) for name in self._parameter_names}

    # --- value ---

    def __call__(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        **data: Any,
    ) -> Any:
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
            True where a sample counts. What it hides is not looked at, nor is what has weight 0.
        **data
            What else the function takes and the class does not: `ref_embeddings` of Circle, say.

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
        return self._evaluate(y_true, y_pred, sample_weight, mask, data)[0]

    def call(self, y_true: ArrayLike, y_pred: ArrayLike, **data: Any) -> np.ndarray:
        """Return one value per sample: what a subclass without a function overrides. It gets arrays."""
        if self.function is None:
            raise NotImplementedError(
                f"Received a call of {type(self).__name__}, which has no formula; expected a subclass "
                "that defines call(y_true, y_pred). Return one value per sample from it."
            )
        parameters = {**self.parameters, **data}
        if blocks.is_large(y_pred):
            return blocks.in_blocks(self.function, y_true, y_pred, **parameters)
        return self.function(y_true, y_pred, **parameters)

    # --- gradient ---

    def gradient(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
        **data: Any,
    ) -> np.ndarray:
        """Return the slope of the loss in every prediction.

        Parameters
        ----------
        y_true, y_pred, sample_weight, mask, **data
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
        NotImplementedError
            If a subclass has values of its own, and no slope.
        """
        return self.value_and_gradient(y_true, y_pred, sample_weight, mask, out=out, **data)[1]

    def value_and_gradient(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
        **data: Any,
    ) -> tuple[Any, np.ndarray]:
        """Return the loss of a batch and its slope in every prediction.

        Parameters
        ----------
        y_true, y_pred, sample_weight, mask, out, **data
            As in :meth:`gradient`.

        Returns
        -------
        value : numpy scalar or numpy.ndarray
            What a call returns.
        gradient : numpy.ndarray
            What :meth:`gradient` returns.

        Raises
        ------
        TypeError, ValueError, NotImplementedError
            As in :meth:`gradient`.
        """
        if out is not None:
            check_out(out, y_pred)
        value, slope = self._evaluate(y_true, y_pred, sample_weight, mask, data, with_gradient=True, out=out)
        if slope.shape != np.shape(y_pred):
            slope = slope.reshape(np.shape(y_pred))
        if out is None or slope is out:
            return value, slope
        out[...] = slope
        return value, out

    def call_gradient(
        self, y_true: ArrayLike, y_pred: ArrayLike, upstream: float | np.ndarray, **data: Any
    ) -> np.ndarray:
        """Return the slope of ``sum(upstream * values)``: what a subclass overrides beside :meth:`call`."""
        if not has_slope(type(self)):
            raise NotImplementedError(
                f"Received a request for the gradient of {type(self).__name__}; expected a subclass that "
                "defines call_gradient(y_true, y_pred, upstream) for its call. Write it, or measure the "
                "slope with lossbook.numeric_gradient."
            )
        parameters = {**self.parameters, **data}
        if self.spec.couples_samples:
            return self.spec.gradient(y_true, y_pred, **parameters, upstream=upstream)
        slope = blocks.in_blocks(self.spec.gradient, y_true, y_pred, **parameters)
        if np.ndim(upstream) == 0:  # one number for all
            return slope * slope.dtype.type(upstream)
        summed = tuple(range(upstream.ndim - slope.ndim, 0))  # the last axes, unless one is named
        return slope * np.expand_dims(upstream, parameters.get("axis", summed))

    # --- the road from arrays to a number ---

    def cast(self, y_true, y_pred):
        """Return the data with predictions in the type asked for; untouched where ``dtype`` is None."""
        if self.dtype is None:
            return y_true, y_pred
        return as_array("y_true", y_true), as_float("y_pred", y_pred).astype(self.dtype, copy=False)

    def _evaluate(self, y_true, y_pred, sample_weight, mask, data, with_gradient=False, out=None):
        """Return the reduced value and, if asked for, the slope, in the types they are to have."""
        compiled = blocks.compiled_road()
        if compiled is not None and self._is_plain and not data:
            found = compiled(self, y_true, y_pred, sample_weight, mask, with_gradient, out)
            if found is not None:
                return found
        slope_type = self.dtype or (float_type(y_pred) if with_gradient else None)
        y_true, y_pred = self.cast(y_true, y_pred)
        given = y_true, y_pred, sample_weight, mask
        value, slope = self._by_plain_lines(given, data, with_gradient, out, slope_type)
        self._check_defined(value, y_true, y_pred, sample_weight)
        return value, slope

    @np.errstate(all="ignore")  # faster as a decorator than as a context
    def _by_plain_lines(self, given, data, with_gradient, out, slope_type):
        """Return value and slope, in the types they are to have; what is not defined is NaN or infinite."""
        found = blocks.at_once(self, *given, with_gradient, out) if self._is_plain and not data else None
        value, slope = found or self._step_by_step(*given, data, with_gradient)
        value = value if self.dtype is None else value.astype(self.dtype, copy=False)
        return value, slope if slope is None else slope.astype(slope_type, copy=False)

    def _step_by_step(self, y_true, y_pred, sample_weight, mask, data, with_gradient):
        """Go the whole road: the rows that count, their values, their weights, one number, the slope."""
        weighed = sample_weight is not None or mask is not None
        if not self._is_plain:
            y_true, y_pred = for_a_reader(y_true, y_pred)
        rows = self.rows_that_count(y_true, y_pred, sample_weight, mask, data) if weighed else None
        if rows is None:
            values = as_float("values", self.call(y_true, y_pred, **data))
        else:
            values = rows.spread_values(self.call)
        mask = self.narrowed(mask, values, y_true, y_pred)
        weights, divisor = weights_and_divisor(values, sample_weight, mask, self.reduction)
        value = add_up(values, weights, divisor, self.reduction)
        if not with_gradient:
            return value, None
        upstream = np.asarray(weights / divisor if divisor else 0.0, values.dtype)
        if upstream.ndim or not self._is_plain:  # one for each value
            upstream = np.broadcast_to(upstream, values.shape)
        if rows is not None:
            return value, rows.spread_slopes(self.call_gradient, np.broadcast_to(upstream, values.shape))
        slope = self.call_gradient(y_true, y_pred, upstream, **data).astype(values.dtype, copy=False)
        return value, silenced(slope, upstream) if weighed and not self._is_plain else slope

    def rows_that_count(self, y_true, y_pred, sample_weight, mask, data):
        """Return the rows of a batch that count; None where all do, or a subclass has values of its own."""
        if not self._is_plain:
            return None
        parameters = {**self.parameters, **data}
        return rows_that_count(self.spec, y_true, y_pred, parameters, sample_weight, mask)

    def narrowed(self, mask, values, y_true, y_pred):
        """Return a mask narrowed by the one the loss makes itself; None where all values count."""
        own = self.spec.mask if self.spec else None
        made = own(values, y_true, y_pred, **self.parameters) if own else None
        if made is None or mask is None:
            return mask if made is None else made
        return made & as_mask(spread("mask", as_mask(mask), values))

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

    def get_config(self) -> dict[str, Any]:
        """Return every setting, so that :meth:`from_config` rebuilds this loss.

        The parameters of a subclass's own ``__init__`` are among them, where the object has an
        attribute of that name.

        Raises
        ------
        NotImplementedError
            If a parameter of a subclass was kept under another name, or not at all.

        Examples
        --------
        >>> import lossbook
        >>> lossbook.Huber(delta=2.0).get_config()["delta"]
        2.0
        """
        dtype = None if self.dtype is None else self.dtype.name
        known = {**self.parameters, "reduction": self.reduction, "name": self.name, "dtype": dtype}
        for key in inspect.signature(type(self)).parameters:
            if key not in known:
                if not hasattr(self, key):
                    raise NotImplementedError(
                        f"Received {type(self).__name__}, which keeps no attribute {key!r}; expected one for "
                        f"each parameter. Write self.{key} = {key} in its __init__, or define get_config."
                    )
                known[key] = plain(getattr(self, key))
        return known

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build a loss from what :meth:`get_config` returned."""
        return cls(**config)

    def __repr__(self):
        usual = inspect.signature(type(self)).parameters
        shown = {
            key: value
            for key, value in self.get_config().items()
            if key in self._parameter_names or key not in usual or value != usual[key].default
        }
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in shown.items())})"

    def __eq__(self, other):
        return type(self) is type(other) and self.get_config() == other.get_config()

    __hash__ = None  # its settings can change, so it has no place in a set
