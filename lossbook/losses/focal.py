"""Losses that look away from what is already right: the focal cross-entropies."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lossbook.arrays import EPSILON, as_pair, log_one_plus, mean_of, sum_of
from lossbook.base import Loss
from lossbook.checks import check_between, check_flag, check_not_below_zero, check_weights
from lossbook.losses.probability import (
    check_not_negative,
    check_row_sums,
    laid_along,
    log_of,
    log_softmax,
    rest_of,
    sigmoid,
    softmax_and_rest,
    weighed,
)
from lossbook.registry import Facts, gradient_of, loss


def class_weights(alpha, y_pred, axis):
    """Turn one weight, or one for each class, into an array that multiplies `y_pred` along `axis`.

    Raises
    ------
    ValueError
        If there are weights for more or fewer classes than `y_pred` has.

    Examples
    --------
    >>> class_weights([0.2, 0.8], np.zeros((3, 2)), axis=-1)
    array([[0.2, 0.8]])
    """
    weights = np.asarray(alpha, dtype=y_pred.dtype)
    if weights.ndim == 0:
        return weights
    classes = y_pred.shape[axis]
    if weights.shape != (classes,):
        raise ValueError(
            f"Received alpha with {weights.size} weights for {classes} classes; expected one weight, or one "
            f"for each class. y_pred has the shape {y_pred.shape}, and its classes lie along axis {axis}."
        )
    return laid_along(weights, y_pred, axis)


def power_slope(base, exponent):
    """Return the slope of base**exponent in the base; 0 where that would be infinite.

    Parameters
    ----------
    base : numpy.ndarray
        Any shape.
    exponent : float
        0 or more. Below 1, the slope at a base of 0 would be infinite, and that nearer to 0
        than the type's smallest normal number may be.

    Returns
    -------
    numpy.ndarray
        The same shape.

    Examples
    --------
    >>> power_slope(np.array([0.0, 3.0]), 2.0), power_slope(np.array([0.0, 4.0]), 0.5)
    (array([0., 6.]), array([0.  , 0.25]))
    """
    tiny = np.finfo(base.dtype).tiny  # below it digits are lost
    endless = (np.abs(base) < tiny) & (exponent < 1)  # where the slope has no bound
    safe = np.where(endless, 1.0, base)  # any base whose power is finite
    slope = np.where(endless, 0.0, exponent * safe ** (exponent - 1.0))  # power rule
    return slope


def ratio(part, whole):
    """Return part / whole; 0 where the whole is 0.

    Examples
    --------
    >>> ratio(np.array([1.0, 0.0]), np.array([4.0, 0.0]))
    array([0.25, 0.  ])
    """
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)


# --- binary focal cross-entropy -----------------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{1}{D} \sum_j w_{ij} \, (1 - p_{ij})^{\gamma} \, "
    r"\mathrm{BCE}(y_{ij}, \hat y_{ij}), \qquad "
    r"p_{ij} = y_{ij}\,\hat y_{ij} + (1 - y_{ij})(1 - \hat y_{ij}), \qquad "
    r"w_{ij} = y_{ij}\,\alpha + (1 - y_{ij})(1 - \alpha) \text{ or } 1",
    source="lin2017focal",
    splits="mean",
    facts=Facts(
        minimiser="the share of ones, pulled towards one half",
        labels="0 or 1; the shape of the predictions",
        output="sigmoid; or linear, with from_logits=True",
        trap="alpha does nothing without apply_class_balancing=True.",
        proof="alpha_without_apply_class_balancing",
    ),
)
def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Charge binary cross-entropy, times how wrong the prediction is to the power gamma.

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Labels 0 or 1, or probabilities between.
    y_pred : array_like, shape (..., D)
        Probabilities of a 1, held between 1e-7 and 1 - 1e-7 inside the logarithm; with
        `from_logits`, log-odds, infinite ones too.
    apply_class_balancing : bool
        Whether `alpha` counts at all.
    alpha : float
        The weight of the label 1; the label 0 gets 1 - alpha. Ignored without
        `apply_class_balancing`.
    gamma : float
        How much less an easy prediction counts, 0 or more; 0 is binary cross-entropy.
    from_logits : bool
        Whether `y_pred` holds log-odds (any real number) and not probabilities.
    label_smoothing : float
        How far labels move towards 1/2, from 0 (not at all) to 1 (all the way).
    axis : int
        The axis to average over.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, in nats.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ, the batch is empty, a parameter is out of range, or a
        fractional `gamma` meets a probability outside [0, 1].

    Examples
    --------
    The truth got 1/2, so it counts (1/2)² of the cross-entropy log 2 = 0.6931.

    >>> binary_focal_crossentropy([[1.0]], [[0.5]]).round(4)
    array([0.1733])
    """
    check_flag("apply_class_balancing", apply_class_balancing)
    alpha = check_not_below_zero("alpha", alpha)  # 0 or more
    gamma = check_not_below_zero("gamma", gamma)  # 0 or more
    check_flag("from_logits", from_logits)
    label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1, ends=True)  # from 0 to 1
    y_true, y_pred = as_pair(y_true, y_pred, axis)  # float arrays of one shape
    target = y_true * (1 - label_smoothing) + 0.5 * label_smoothing  # softened labels
    if from_logits:
        missed = target * sigmoid(-y_pred) + (1 - target) * sigmoid(y_pred)  # 0 is right
        size = np.abs(y_pred)  # how far from even odds
        tail = log_one_plus(np.exp(-size))  # at most log 2, never overflows
        against = np.where(y_pred > 0, 1 - target, target)  # label of the other side
        cost = weighed(against, size) + tail  # cross-entropy, in nats
    else:
        missed = target * (1 - y_pred) + (1 - target) * y_pred  # 0 is right, 1 is wrong
        probability = np.clip(y_pred, EPSILON, 1.0 - EPSILON)  # so that logs are finite
        yes = target * np.log(probability)  # counts where the label is 1
        no = (1 - target) * log_one_plus(-probability)  # counts where the label is 0
        cost = -(yes + no)  # cross-entropy, in nats
    check_not_negative("probability of the wrong label", missed, gamma)
    focus = missed**gamma  # near 0 for what is already right
    balance = target * alpha + (1 - target) * (1 - alpha)  # weight of either label
    weight = balance if apply_class_balancing else 1.0  # alpha counts only on request
    price = weighed(weight * focus, cost)  # per number, in nats
    value = mean_of(price, axis)  # one number per sample
    return value


@gradient_of(
    binary_focal_crossentropy,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = \frac{w_{ij}}{D} \Bigl( "
    r"\gamma (1 - p_{ij})^{\gamma - 1} (1 - 2 y_{ij})\, \mathrm{BCE} + "
    r"(1 - p_{ij})^{\gamma} \frac{\partial\, \mathrm{BCE}}{\partial \hat y_{ij}} \Bigr)",
)
def binary_focal_crossentropy_gradient(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Return the slope of each sample's binary focal cross-entropy.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`binary_focal_crossentropy`.
    apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis
        As in :func:`binary_focal_crossentropy`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        In nats per unit of probability, or per unit of log-odds. From probabilities the
        cross-entropy has slope 0 outside [1e-7, 1 - 1e-7], where it is clipped; the focus
        keeps its own. With a `gamma` below 1, the focus of a perfect prediction would have
        an infinite slope: it counts as 0 (TensorFlow gives NaN).

    Raises
    ------
    TypeError, ValueError
        As in :func:`binary_focal_crossentropy`.

    Examples
    --------
    Cross-entropy's slope times (1/2)², and -2 · 1/2 times its value:

    >>> binary_focal_crossentropy_gradient([[1.0]], [[0.5]]).round(4)
    array([[-1.1931]])
    """
    check_flag("apply_class_balancing", apply_class_balancing)
    alpha = check_not_below_zero("alpha", alpha)  # 0 or more
    gamma = check_not_below_zero("gamma", gamma)  # 0 or more
    check_flag("from_logits", from_logits)
    label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1, ends=True)  # from 0 to 1
    y_true, y_pred = as_pair(y_true, y_pred, axis)  # float arrays of one shape
    target = y_true * (1 - label_smoothing) + 0.5 * label_smoothing  # softened labels
    count = y_pred.shape[axis]  # numbers in a sample
    if from_logits:
        yes, no = sigmoid(y_pred), sigmoid(-y_pred)  # probabilities of 1 and 0
        missed = target * no + (1 - target) * yes  # 0 is right, 1 is wrong
        turn = (1 - 2 * target) * yes * no  # slope of what is missed
        size = np.abs(y_pred)  # how far from even odds
        tail = log_one_plus(np.exp(-size))  # at most log 2, never overflows
        against = np.where(y_pred > 0, 1 - target, target)  # label of the other side
        cost = weighed(against, size) + tail  # cross-entropy, in nats
        pull = (1 - target) * yes - target * no  # slope of the cross-entropy
        focus = missed**gamma  # near 0 for what is already right
        refocus = gamma * focus * ratio(turn, missed)  # its slope: power rule
    else:
        missed = target * (1 - y_pred) + (1 - target) * y_pred  # 0 is right, 1 is wrong
        check_not_negative("probability of the wrong label", missed, gamma)
        focus = missed**gamma  # near 0 for what is already right
        refocus = power_slope(missed, gamma) * (1 - 2 * target)  # its slope: chain rule
        probability = np.clip(y_pred, EPSILON, 1.0 - EPSILON)  # so that logs are finite
        clipped = (y_pred < EPSILON) | (y_pred > 1.0 - EPSILON)  # held: no slope there
        cost = -(target * np.log(probability) + (1 - target) * log_one_plus(-probability))  # in nats
        steepness = probability * (1.0 - probability)  # small near 0 and 1
        pull = np.where(clipped, 0.0, (probability - target) / steepness)  # its slope
    balance = target * alpha + (1 - target) * (1 - alpha)  # weight of either label
    weight = balance if apply_class_balancing else 1.0  # alpha counts only on request
    slope = weight * (weighed(refocus, cost) + focus * pull) / count  # product rule
    return slope


class BinaryFocalCrossentropy(Loss, function=binary_focal_crossentropy):
    """Object form of :func:`binary_focal_crossentropy`."""


# --- categorical focal cross-entropy ------------------------------------------------------


@loss(
    formula=r"\ell_i = -\sum_k \alpha_k \, (1 - \hat p_{ik})^{\gamma} \, y_{ik} \log \hat p_{ik}, \qquad "
    r"\hat p_{ik} = \frac{\hat y_{ik}}{\sum_m \hat y_{im}}",
    source="lin2017focal",
    splits="rows",
    facts=Facts(
        minimiser="the shares of the classes, pulled towards equal ones",
        labels="one-hot rows or shares, shape (N, K)",
        output="softmax; or linear, with from_logits=True",
        trap="alpha always counts: at gamma 0 it is a quarter of cross-entropy.",
        proof="gamma_of_0",
    ),
)
def categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Charge categorical cross-entropy, times alpha and how wrong the sample is to the power gamma.

    Parameters
    ----------
    y_true : array_like, shape (..., K)
        One-hot labels, or any probabilities of the K classes.
    y_pred : array_like, shape (..., K)
        Probabilities, scaled to sum to 1 and then held between 1e-7 and 1 - 1e-7;
        with `from_logits`, scores; one of minus infinity rules its class out.
    alpha : float or list of float
        The weight of every class, or K weights. It always counts, also at a `gamma` of 0.
    gamma : float
        How much less an easy sample counts, 0 or more; 0 is alpha times cross-entropy.
    from_logits : bool
        Whether `y_pred` holds scores (any real numbers) and not probabilities.
    label_smoothing : float
        How far labels move towards 1/K, from 0 (not at all) to 1 (all the way).
    axis : int
        The axis of the K classes.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, in nats.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ, the batch is empty, a row of probabilities sums to 0, or a
        parameter is out of range.

    Examples
    --------
    The truth got 1/2: a quarter (alpha) of (1/2)² of log 2 = 0.6931.

    >>> categorical_focal_crossentropy([[1, 0]], [[0.5, 0.5]]).round(4)
    array([0.0433])
    """
    check_weights("alpha", alpha)
    gamma = check_not_below_zero("gamma", gamma)  # 0 or more
    check_flag("from_logits", from_logits)
    label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1, ends=True)  # from 0 to 1
    y_true, y_pred = as_pair(y_true, y_pred, axis)  # float arrays of one shape
    weight = class_weights(alpha, y_pred, axis)  # one, or one for each class
    classes = y_pred.shape[axis]  # K
    target = y_true * (1 - label_smoothing) + label_smoothing / classes  # softened labels
    if from_logits:
        log_probability = log_softmax(y_pred, axis)  # exact, however large the scores
        missed = softmax_and_rest(y_pred, axis)[1]  # 1 - probability, exact near 0
        surprise = weighed(weight * target, np.abs(log_probability))  # cross-entropy, in nats
    else:
        total = sum_of(y_pred, axis, keepdims=True)  # 1, if the row is a distribution
        check_row_sums(total)
        share = y_pred / total  # scaled so that the row sums to 1
        probability = np.clip(share, EPSILON, 1.0 - EPSILON)  # so that logs are finite
        log_probability = log_of(probability, share, axis)  # 0 for certain
        missed = rest_of(probability, share, axis)  # 0 is right, 1 is wrong
        surprise = -weight * target * log_probability  # cross-entropy, in nats
    focus = missed**gamma  # near 0 for what is already right
    value = sum_of(focus * surprise, axis)  # one number per sample
    return value


@gradient_of(
    categorical_focal_crossentropy,
    formula=r"\frac{\partial \ell_i}{\partial \hat p_{ik}} = \alpha_k\, y_{ik} \Bigl( "
    r"\gamma (1 - \hat p_{ik})^{\gamma - 1} \log \hat p_{ik} - "
    r"\frac{(1 - \hat p_{ik})^{\gamma}}{\hat p_{ik}} \Bigr), \qquad "
    r"\frac{\partial \ell_i}{\partial z_{ik}} = \hat p_{ik} \Bigl( "
    r"\frac{\partial \ell_i}{\partial \hat p_{ik}} - "
    r"\sum_m \hat p_{im} \frac{\partial \ell_i}{\partial \hat p_{im}} \Bigr)",
)
def categorical_focal_crossentropy_gradient(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Return the slope of each sample's categorical focal cross-entropy.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., K)
        As in :func:`categorical_focal_crossentropy`.
    alpha, gamma, from_logits, label_smoothing, axis
        As in :func:`categorical_focal_crossentropy`.

    Returns
    -------
    numpy.ndarray, shape (..., K)
        In nats per unit of `y_pred`. From probabilities it goes through the scaling of the
        row; a probability outside [1e-7, 1 - 1e-7] is clipped and pulls with slope 0. From
        logits nothing is clipped.

    Raises
    ------
    TypeError, ValueError
        As in :func:`categorical_focal_crossentropy`.

    Examples
    --------
    At gamma 0 and alpha 1 it is the slope of cross-entropy:

    >>> categorical_focal_crossentropy_gradient([[1, 0]], [[0.0, 0.0]], 1.0, 0.0, from_logits=True)
    array([[-0.5,  0.5]])
    """
    check_weights("alpha", alpha)
    gamma = check_not_below_zero("gamma", gamma)  # 0 or more
    check_flag("from_logits", from_logits)
    label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1, ends=True)  # from 0 to 1
    y_true, y_pred = as_pair(y_true, y_pred, axis)  # float arrays of one shape
    weight = class_weights(alpha, y_pred, axis)  # one, or one for each class
    classes = y_pred.shape[axis]  # K
    target = y_true * (1 - label_smoothing) + label_smoothing / classes  # softened labels
    if from_logits:
        log_probability = log_softmax(y_pred, axis)  # exact, however large the scores
        probability, missed = softmax_and_rest(y_pred, axis)  # together 1, exact near 0
        lean = ratio(weighed(probability, log_probability), missed)  # from -1 to 0
        pull = weight * target * missed**gamma * (gamma * lean - 1.0)  # in log-probability
        others = pull.sum(axis=axis, keepdims=True) - pull  # of the other classes
        slope = pull * missed - probability * others  # slope in the scores, through softmax
    else:
        total = sum_of(y_pred, axis, keepdims=True)  # 1, if the row is a distribution
        check_row_sums(total)
        share = y_pred / total  # scaled so that the row sums to 1
        probability = np.clip(share, EPSILON, 1.0 - EPSILON)  # so that logs are finite
        clipped = (share < EPSILON) | (share > 1.0 - EPSILON)  # held: no slope there
        log_probability = log_of(probability, share, axis)  # 0 for certain
        missed = rest_of(probability, share, axis)  # 0 is right, 1 is wrong
        lean = probability * log_probability / missed  # from -1 to 0
        raw = weight * target * missed**gamma * (gamma * lean - 1.0) / probability  # product rule
        pull = np.where(clipped, 0.0, raw)  # slope in the scaled row
        back = pull * share  # what the scaling takes back
        others = back.sum(axis=axis, keepdims=True) - back  # for the other classes
        slope = (pull * missed - others) / total  # slope in the row as given
    return slope


class CategoricalFocalCrossentropy(Loss, function=categorical_focal_crossentropy):
    """Object form of :func:`categorical_focal_crossentropy`."""
