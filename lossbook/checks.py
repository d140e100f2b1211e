"""What the parameters of a loss must be: each check says what was received, what was expected, what to do."""

from numbers import Integral, Real

import numpy as np


def check_scalar(name, value):
    """Raise a ValueError where a loss takes one number and got several."""
    if not _is_number(value):
        raise ValueError(
            f"Received {name}={value!r}; expected one number. "
            "A weight for each class is for categorical_focal_crossentropy."
        )


def _check_positive(name, value):
    if not (_is_number(value) and value > 0):
        raise ValueError(f"Received {name}={value!r}; expected a number above 0. Keras's default is 1.0.")


def _check_unit_interval(name, value):
    if not (_is_number(value) and 0 <= value <= 1):
        raise ValueError(
            f"Received {name}={value!r}; expected a number from 0 to 1. 0 leaves the labels as they are."
        )


def _check_open_interval(name, value):
    if not (_is_number(value) and 0 < value < 1):
        raise ValueError(
            f"Received {name}={value!r}; expected a number between 0 and 1, both excluded. Towards 0 the "
            "loss becomes cross-entropy, towards 1 the absolute error: use those losses for the ends."
        )


def _check_not_below_zero(name, value):
    if not (_is_number(value) and 0 <= value < np.inf):
        raise ValueError(
            f"Received {name}={value!r}; expected a finite number of 0 or more. "
            f"Leave {name} out to get Keras's default."
        )


def _check_weights(name, value):
    several = isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) == 1 and len(value) > 0
    for one in value if several else [value]:
        _check_not_below_zero(name, one)


def _check_finite(name, value):
    if not (_is_number(value) and np.isfinite(value)):
        raise ValueError(f"Received {name}={value!r}; expected a finite number. Keras's default is 0.4.")


def _check_axis(name, value):
    for one in value if isinstance(value, (tuple, list)) else [value]:
        if one is not None and not isinstance(one, Integral) or isinstance(one, bool):
            raise ValueError(f"Received {name}={value!r}; expected a whole number. The last axis is -1.")


def _check_index(name, value):
    if not (value is None or (_is_number(value) and float(value).is_integer())):
        raise ValueError(
            f"Received {name}={value!r}; expected a whole number, or None to ignore nothing. "
            "The usual choices are -1 and 255."
        )


def _check_flag(name, value):
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"Received {name}={value!r}; expected True or False.")


def _is_number(value):
    return type(value) in (float, int) or isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


PARAMETER_CHECKS = {
    "alpha": _check_weights,
    "apply_class_balancing": _check_flag,
    "axis": _check_axis,
    "beta": _check_not_below_zero,
    "delta": _check_positive,
    "from_logits": _check_flag,
    "gamma": _check_not_below_zero,
    "ignore_class": _check_index,
    "label_smoothing": _check_unit_interval,
    "margin": _check_finite,
    "q": _check_open_interval,
    "remove_diagonal": _check_flag,
}
"""What a parameter's value must be, by name; parameters not listed here are free."""


def check_parameters(**parameters):
    """Raise a ValueError where a loss's parameter is outside its range.

    Examples
    --------
    >>> check_parameters(delta=-1.0)
    Traceback (most recent call last):
    ...
    ValueError: Received delta=-1.0; expected a number above 0. Keras's default is 1.0.
    """
    for name, value in parameters.items():
        if name in PARAMETER_CHECKS:
            PARAMETER_CHECKS[name](name, value)
