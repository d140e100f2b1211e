"""Losses for numbers: squared, absolute, relative and logarithmic misses, Huber's compromise and log-cosh."""

import math

import numpy as np
from numpy.typing import ArrayLike

from lossbook.arrays import EPSILON, as_pair, log_one_plus, mean_of
from lossbook.base import Loss
from lossbook.checks import check_between, check_positive
from lossbook.registry import Facts, gradient_of, loss

LOG_2 = math.log(2.0)
"""The natural logarithm of 2, in double precision. So far below a straight line log-cosh ends."""

# --- mean squared error -------------------------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{1}{D} \sum_j (\hat y_{ij} - y_{ij})^2",
    source="legendre1805nouvelles",
    aliases=("mse", "MSE"),
    splits="mean",
    facts=Facts(
        minimiser="the mean",
        labels="numbers, shape (N, D)",
        output="linear",
        trap="One outlier rules: the pull grows with the miss, without end.",
        proof="one_outlier_rules_slope",
    ),
)
def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Charge each miss its square, and average over the last axis.

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Targets, in the unit of the data.
    y_pred : array_like, shape (..., D)
        Predictions, in the same unit.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, in the unit squared.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ or the batch is empty.

    Examples
    --------
    Misses of 1 and 3: (1 + 9) / 2.

    >>> mean_squared_error([[0.0, 0.0]], [[1.0, 3.0]])
    array([5.])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    error = y_pred - y_true  # signed miss
    square = error**2  # never negative, large misses dominate
    value = mean_of(square)  # one number per sample
    return value


@gradient_of(
    mean_squared_error,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = \frac{2\,(\hat y_{ij} - y_{ij})}{D}",
)
def mean_squared_error_gradient(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Return the slope of each sample's squared error: twice the miss, over D.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`mean_squared_error`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        In the unit of the data. Smooth everywhere.

    Raises
    ------
    TypeError, ValueError
        As in :func:`mean_squared_error`.

    Examples
    --------
    >>> mean_squared_error_gradient([[0.0, 0.0]], [[1.0, 3.0]])
    array([[1., 3.]])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    error = y_pred - y_true  # signed miss
    count = y_pred.shape[-1]  # numbers in a sample
    slope = 2.0 * error / count  # grows with the miss
    return slope


class MeanSquaredError(Loss, function=mean_squared_error):
    """Object form of :func:`mean_squared_error`."""


# --- mean absolute error ------------------------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{1}{D} \sum_j |\hat y_{ij} - y_{ij}|",
    source="laplace1774memoire",
    aliases=("mae", "MAE"),
    splits="mean",
    facts=Facts(
        minimiser="a median",
        labels="numbers, shape (N, D)",
        output="linear",
        trap="The pull never fades: the smallest miss pulls as hard as the largest.",
        proof="the_pull_never_fades_slope",
    ),
)
def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Charge each miss its size, and average over the last axis.

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Targets, in the unit of the data.
    y_pred : array_like, shape (..., D)
        Predictions, in the same unit.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, in the unit of the data.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ or the batch is empty.

    Examples
    --------
    Misses of 1 and 3: (1 + 3) / 2.

    >>> mean_absolute_error([[0.0, 0.0]], [[1.0, -3.0]])
    array([2.])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    error = y_pred - y_true  # signed miss
    size = np.abs(error)  # how far, either way
    value = mean_of(size)  # one number per sample
    return value


@gradient_of(
    mean_absolute_error,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = \operatorname{sign}(\hat y_{ij} - y_{ij}) / D",
)
def mean_absolute_error_gradient(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Return the slope of each sample's absolute error: a direction, never a size.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`mean_absolute_error`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        Without unit. At a miss of exactly 0, the kink, the slope is 0, as in TensorFlow.

    Raises
    ------
    TypeError, ValueError
        As in :func:`mean_absolute_error`.

    Examples
    --------
    >>> mean_absolute_error_gradient([[0.0, 0.0]], [[1.0, -3.0]])
    array([[ 0.5, -0.5]])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    error = y_pred - y_true  # signed miss
    count = y_pred.shape[-1]  # numbers in a sample
    slope = np.sign(error) / count  # the same for every size
    return slope


class MeanAbsoluteError(Loss, function=mean_absolute_error):
    """Object form of :func:`mean_absolute_error`."""


# --- quantile -----------------------------------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{1}{D} \sum_j \begin{cases} \tau\,(y_{ij} - \hat y_{ij}) & "
    r"\hat y_{ij} \le y_{ij} \\ (1 - \tau)\,(\hat y_{ij} - y_{ij}) & \hat y_{ij} > y_{ij} \end{cases}",
    source="koenker1978regression",
    aliases=("pinball", "pinball_loss"),
    splits="mean",
    keras=False,
    facts=Facts(
        minimiser="the quantile of that share",
        labels="numbers, shape (N, D)",
        output="linear",
        trap="Keras has no such loss: it takes three lines of keras.ops.",
        proof="no_quantile_loss",
    ),
)
def quantile(y_true: ArrayLike, y_pred: ArrayLike, quantile: float = 0.5) -> np.ndarray:
    """Charge each miss its size, at one price below the target and at another above it (pinball loss).

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Targets, in the unit of the data.
    y_pred : array_like, shape (..., D)
        Predictions, in the same unit.
    quantile : float
        The share of targets that the best prediction lies above, between 0 and 1: what one unit
        too low costs. One unit too high costs 1 minus it. At 0.5 the loss is half the absolute error.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, in the unit of the data.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ, the batch is empty, or `quantile` is not between 0 and 1.

    Examples
    --------
    At 0.9, being 2 too low costs 0.9 · 2, being 2 too high 0.1 · 2; their mean:

    >>> quantile([[5.0, 5.0]], [[3.0, 7.0]], quantile=0.9)
    array([1.])
    """
    quantile = check_between("quantile", quantile, 0, 1)  # between 0 and 1
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    error = y_pred - y_true  # signed miss
    too_low = np.maximum(-error, 0.0)  # how far below the target
    too_high = np.maximum(error, 0.0)  # how far above it
    cost = quantile * too_low + (1.0 - quantile) * too_high  # each side at its price
    value = mean_of(cost)  # one number per sample
    return value


@gradient_of(
    quantile,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = \frac{1}{D} \begin{cases} -\tau & "
    r"\hat y_{ij} < y_{ij} \\ 1 - \tau & \hat y_{ij} > y_{ij} \end{cases}",
)
def quantile_gradient(y_true: ArrayLike, y_pred: ArrayLike, quantile: float = 0.5) -> np.ndarray:
    """Return the slope of each sample's quantile loss: the price of the side the prediction is on.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`quantile`.
    quantile : float
        As in :func:`quantile`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        Without unit. At a miss of exactly 0, the kink, the slope is 0.

    Raises
    ------
    TypeError, ValueError
        As in :func:`quantile`.

    Examples
    --------
    >>> quantile_gradient([[5.0, 5.0]], [[3.0, 7.0]], quantile=0.9).round(4)
    array([[-0.45,  0.05]])
    """
    quantile = check_between("quantile", quantile, 0, 1)  # between 0 and 1
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    error = y_pred - y_true  # signed miss
    side = np.sign(error)  # -1 below the target, +1 above
    pull = (1.0 - quantile) * np.maximum(side, 0.0) + quantile * np.minimum(side, 0.0)  # at its price
    count = y_pred.shape[-1]  # numbers in a sample
    slope = pull / count  # the same for every size
    return slope


class Quantile(Loss, function=quantile):
    """Object form of :func:`quantile`."""


# --- mean absolute percentage error -------------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{100}{D} \sum_j \frac{|\hat y_{ij} - y_{ij}|}{\max(|y_{ij}|, \varepsilon)}",
    source="makridakis1993accuracy",
    aliases=("mape", "MAPE"),
    splits="mean",
    facts=Facts(
        minimiser="a median in which small targets weigh more, by 1/y",
        labels="amounts, none of them 0",
        output="linear",
        trap="A target of 0 is charged a thousand million per cent for each unit.",
        proof="a_target_of_0",
    ),
)
def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Charge each miss its size as a percentage of the target.

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Targets, in the unit of the data. A target nearer to 0 than 1e-7 counts as 1e-7.
    y_pred : array_like, shape (..., D)
        Predictions, in the same unit.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, in percent.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ or the batch is empty.

    Examples
    --------
    A target of 200 missed by 50, one of 50 met: (25 % + 0 %) / 2.

    >>> mean_absolute_percentage_error([[200.0, 50.0]], [[150.0, 50.0]])
    array([12.5])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    error = y_pred - y_true  # signed miss
    scale = np.maximum(np.abs(y_true), EPSILON)  # size of the target, never 0
    fraction = np.abs(error) / scale  # miss, as a share of the target
    value = 100.0 * mean_of(fraction)  # percent, one number per sample
    return value


@gradient_of(
    mean_absolute_percentage_error,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = "
    r"\frac{100\,\operatorname{sign}(\hat y_{ij} - y_{ij})}{D \max(|y_{ij}|, \varepsilon)}",
)
def mean_absolute_percentage_error_gradient(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Return the slope of each sample's percentage error: steep where the target is small.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`mean_absolute_percentage_error`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        In percent per unit of the data. At a miss of exactly 0, the kink, the slope is 0.

    Raises
    ------
    TypeError, ValueError
        As in :func:`mean_absolute_percentage_error`.

    Examples
    --------
    >>> mean_absolute_percentage_error_gradient([[200.0, 50.0]], [[150.0, 60.0]])
    array([[-0.25,  1.  ]])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    error = y_pred - y_true  # signed miss
    scale = np.maximum(np.abs(y_true), EPSILON)  # size of the target, never 0
    count = y_pred.shape[-1]  # numbers in a sample
    slope = 100.0 * np.sign(error) / scale / count  # steep where the target is small
    return slope


class MeanAbsolutePercentageError(Loss, function=mean_absolute_percentage_error):
    """Object form of :func:`mean_absolute_percentage_error`."""


# --- mean squared logarithmic error -------------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{1}{D} \sum_j \left( \log\bigl(1 + \max(\hat y_{ij}, \varepsilon)\bigr) "
    r"- \log\bigl(1 + \max(y_{ij}, \varepsilon)\bigr) \right)^2",
    source="tofallis2015better",
    aliases=("msle", "MSLE"),
    splits="mean",
    facts=Facts(
        minimiser="the geometric mean of 1 + y, less 1",
        labels="amounts, 0 or more",
        output="softplus or exponential, so that it stays above 0",
        trap="A prediction below 0 has no slope, and cannot correct itself.",
        proof="a_prediction_below_the_floor_slope",
    ),
)
def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Charge the squared difference of logarithms: a factor of 2 costs alike at 10 and at 1000.

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Targets, 0 or more, in the unit of the data. Below 1e-7 they count as 1e-7.
    y_pred : array_like, shape (..., D)
        Predictions, in the same unit. Below 1e-7 they count as 1e-7.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, without unit (squared natural logarithms).

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ or the batch is empty.

    Examples
    --------
    1 + 3 is twice 1 + 1, so the value is the square of log 2 = 0.6931.

    >>> mean_squared_logarithmic_error([[1.0]], [[3.0]]).round(4)
    array([0.4805])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    target = np.maximum(y_true, EPSILON)  # never below 1e-7
    guess = np.maximum(y_pred, EPSILON)  # never below 1e-7
    gap = np.abs(guess - target)  # how far, either way
    factor = log_one_plus(gap / (1.0 + np.minimum(guess, target)))  # log of (1 + more) / (1 + less)
    square = factor**2  # a factor of 2 costs alike anywhere
    value = mean_of(square)  # one number per sample
    return value


@gradient_of(
    mean_squared_logarithmic_error,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = \frac{2}{D} \cdot "
    r"\frac{\log(1 + \hat y_{ij}) - \log(1 + y_{ij})}{1 + \hat y_{ij}}"
    r"\quad (\hat y_{ij} \ge \varepsilon, \text{ otherwise } 0)",
)
def mean_squared_logarithmic_error_gradient(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Return the slope of each sample's squared logarithmic error.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`mean_squared_logarithmic_error`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        Per unit of the data. Below the floor of 1e-7 the slope is 0: no signal there.

    Raises
    ------
    TypeError, ValueError
        As in :func:`mean_squared_logarithmic_error`.

    Examples
    --------
    >>> mean_squared_logarithmic_error_gradient([[1.0, 1.0]], [[3.0, -2.0]]).round(4)
    array([[0.1733, 0.    ]])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    target = np.maximum(y_true, EPSILON)  # never below 1e-7
    guess = np.maximum(y_pred, EPSILON)  # never below 1e-7
    miss = guess - target  # its sign is that of the slope
    factor = log_one_plus(np.abs(miss) / (1.0 + np.minimum(guess, target)))  # log of (1 + more) / (1 + less)
    count = y_pred.shape[-1]  # numbers in a sample
    pull = 2.0 * np.sign(miss) * factor / (1.0 + guess) / count  # chain rule through the log
    slope = np.where(y_pred < EPSILON, 0.0, pull)  # flat below the floor
    return slope


class MeanSquaredLogarithmicError(Loss, function=mean_squared_logarithmic_error):
    """Object form of :func:`mean_squared_logarithmic_error`."""


# --- Huber --------------------------------------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{1}{D} \sum_j \begin{cases} \tfrac12 e_{ij}^2 & |e_{ij}| \le \delta \\ "
    r"\delta\,(|e_{ij}| - \tfrac12\delta) & |e_{ij}| > \delta \end{cases}"
    r"\qquad e_{ij} = \hat y_{ij} - y_{ij}",
    source="huber1964robust",
    aliases=("huber_loss",),
    splits="mean",
    facts=Facts(
        minimiser="the median for a small delta, the mean for a large one",
        labels="numbers, shape (N, D)",
        output="linear",
        trap="delta has the unit of the data: if all misses exceed it, all pull alike.",
        proof="all_misses_beyond_delta_slope",
    ),
)
def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> np.ndarray:
    """Charge small misses quadratically and large misses linearly.

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Targets, in the unit of the data.
    y_pred : array_like, shape (..., D)
        Predictions, in the same unit.
    delta : float
        The miss at which the parabola becomes a line, in the unit of the data, above 0.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, in the unit squared.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ, the batch is empty, or `delta` is not positive.

    Examples
    --------
    A miss of 0.5 costs 0.125, one of 3 costs 2.5; their mean:

    >>> huber([[0.0, 0.0]], [[0.5, 3.0]])
    array([1.3125])
    """
    delta = check_positive("delta", delta)  # above 0
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    error = y_pred - y_true  # signed miss
    bounded = np.clip(error, -delta, delta)  # miss, cut off at delta
    cost = bounded * (error - 0.5 * bounded)  # parabola inside, line outside
    value = mean_of(cost)  # one number per sample
    return value


@gradient_of(
    huber,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = \frac{\max(-\delta, \min(e_{ij}, \delta))}{D}",
)
def huber_gradient(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> np.ndarray:
    """Return the slope of each sample's Huber loss: the miss, cut off at delta.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`huber`.
    delta : float
        As in :func:`huber`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        In the unit of the data. Continuous: both pieces have the slope delta where they meet.

    Raises
    ------
    TypeError, ValueError
        As in :func:`huber`.

    Examples
    --------
    >>> huber_gradient([[0.0, 0.0]], [[0.5, 3.0]])
    array([[0.25, 0.5 ]])
    """
    delta = check_positive("delta", delta)  # above 0
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    error = y_pred - y_true  # signed miss
    bounded = np.clip(error, -delta, delta)  # miss, cut off at delta
    count = y_pred.shape[-1]  # numbers in a sample
    slope = bounded / count  # grows with the miss, up to delta
    return slope


class Huber(Loss, function=huber, name="huber_loss"):
    """Object form of :func:`huber`."""


# --- log-cosh -----------------------------------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{1}{D} \sum_j \log \cosh(\hat y_{ij} - y_{ij})",
    source="green1990bayesian",
    aliases=("logcosh",),
    splits="mean",
    facts=Facts(
        minimiser="the mean of targets close together, the median of targets far apart",
        labels="numbers in a unit in which a usual miss is about 1",
        output="linear",
        trap="In float32, Keras rounds a miss of 1/10000 to no loss at all.",
        proof="a_small_miss_in_float32",
    ),
)
def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Charge the log of the hyperbolic cosine of a miss: a parabola that becomes a line, smoothly.

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Targets, in a unit in which a miss of 1 is neither small nor large.
    y_pred : array_like, shape (..., D)
        Predictions, in the same unit.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample: half the square of a small miss, a large miss less log 2.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ or the batch is empty.

    Examples
    --------
    A miss of 10 costs 10 - log 2 = 9.3069; one of 0.001 costs half its square.

    >>> log_cosh([[0.0], [0.0]], [[10.0], [0.001]]).round(8)
    array([9.30685282e+00, 5.00000000e-07])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    error = y_pred - y_true  # signed miss
    size = np.abs(error)  # how far, either way
    bend = np.tanh(np.minimum(size, 1.0)) ** 2  # 1 / cosh² is 1 - tanh²
    near = -0.5 * log_one_plus(-bend)  # exact for small misses
    far = size - LOG_2 + log_one_plus(np.exp(-2.0 * size))  # a line, but for a trace
    cost = np.where(size < 1.0, near, far)  # each where it is exact
    value = mean_of(cost)  # one number per sample
    return value


@gradient_of(
    log_cosh,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = \frac{\tanh(\hat y_{ij} - y_{ij})}{D}",
)
def log_cosh_gradient(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Return the slope of each sample's log-cosh: the miss while it is small, then its sign.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`log_cosh`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        Between -1/D and 1/D. Smooth everywhere.

    Raises
    ------
    TypeError, ValueError
        As in :func:`log_cosh`.

    Examples
    --------
    >>> log_cosh_gradient([[0.0, 0.0]], [[0.0, 100.0]])
    array([[0. , 0.5]])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    error = y_pred - y_true  # signed miss
    count = y_pred.shape[-1]  # numbers in a sample
    slope = np.tanh(error) / count  # the miss, bounded by 1
    return slope


class LogCosh(Loss, function=log_cosh):
    """Object form of :func:`log_cosh`."""
