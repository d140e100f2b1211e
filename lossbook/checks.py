"""What the parameters of a loss must be: each check says what was received, what was expected, what to do.

A check comes first in the body of a loss: it needs no data, so that the class form can run it when
an object is made. Those for numbers hand the number back as Python's own, since a ``numpy.float64``
among float32 data would turn the result into float64.
"""

from numbers import Integral, Real

import numpy as np

LARGEST = float(np.finfo(np.float64).max)  # a longer integer is no float


def as_number(value):
    """Return one number as Python's own; None where it is none (a bool, a text, several numbers).

    Examples
    --------
    >>> as_number(np.float64(0.5)), as_number(np.array(2)), as_number(True), as_number([1.0])
    (0.5, 2, None, None)
    """
    if type(value) is float or type(value) is int and abs(value) <= LARGEST:
        return value
    if isinstance(value, np.generic) or isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.tolist()
    if not isinstance(value, Real) or isinstance(value, bool):
        return None
    return value if isinstance(value, float) or abs(value) <= LARGEST else None


def check_number(name, value, holds, expected):
    """Return a number for which a condition holds; raise a ValueError that says what was expected."""
    number = as_number(value)
    if number is None or not holds(number):
        one = "one number, " if number is None else ""
        raise ValueError(
            f"Received {name}={value!r}; expected {one}{expected}. Leave {name} out to get the default."
        )
    return number


def check_positive(name, value):
    """Return a number above 0, or raise a ValueError.

    Examples
    --------
    >>> check_positive("delta", -1.0)
    Traceback (most recent call last):
    ...
    ValueError: Received delta=-1.0; expected a number above 0. Leave delta out to get the default.
    """
    return check_number(name, value, lambda number: number > 0, "a number above 0")


def check_not_below_zero(name, value):
    """Return a finite number of 0 or more, or raise a ValueError."""
    return check_number(name, value, lambda number: 0 <= number < np.inf, "a finite number of 0 or more")


def check_finite(name, value):
    """Return a finite number, or raise a ValueError."""
    return check_number(name, value, lambda number: abs(number) < np.inf, "a finite number")


def check_between(name, value, low, high, *, ends=False):
    """Return a number between two others, or raise a ValueError; with `ends` it may equal them.

    Examples
    --------
    >>> check_between("q", 0.7, 0, 1), check_between("label_smoothing", 1, 0, 1, ends=True)
    (0.7, 1)
    """
    if ends:
        expected = f"a number from {low} to {high}"
        return check_number(name, value, lambda number: low <= number <= high, expected)
    expected = f"a number between {low} and {high}, both excluded"
    return check_number(name, value, lambda number: low < number < high, expected)


def check_flag(name, value):
    """Raise a ValueError where a setting is neither True nor False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"Received {name}={value!r}; expected True or False.")


def check_index(name, value):
    """Raise a ValueError where a class number is no whole number; None stands for none."""
    number = as_number(value)
    if value is not None and (number is None or not float(number).is_integer()):
        raise ValueError(
            f"Received {name}={value!r}; expected a whole number, or None to ignore nothing. "
            "The usual choices are -1 and 255."
        )


def check_weights(name, value):
    """Raise a ValueError where weights are neither one number of 0 or more, nor a row of such numbers."""
    several = isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) == 1 and len(value) > 0
    for one in value if several else [value]:
        check_not_below_zero(name, one)


def check_axis_number(axis):
    """Raise a ValueError where an axis is no whole number; whether the data have it, is seen with them."""
    if type(axis) is not int and (not isinstance(axis, Integral) or isinstance(axis, bool)):
        raise ValueError(f"Received axis={axis!r}; expected a whole number. The last axis is -1.")
    if not -64 <= axis < 64:  # NumPy's arrays have no more
        raise ValueError(f"Received axis={axis!r}; expected an axis of an array. The last axis is -1.")


def check_axes_numbers(axis):
    """Raise a ValueError where axes are neither None, nor a whole number, nor several of them."""
    for one in axis if isinstance(axis, (tuple, list)) else [axis]:
        if one is not None:
            check_axis_number(one)
