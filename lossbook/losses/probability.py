"""Losses for probabilities and counts: the cross-entropies, Kullback-Leibler and Poisson."""

import math

import numpy as np
from numpy.typing import ArrayLike

from lossbook.arrays import (
    EPSILON,
    as_float,
    as_pair,
    check_axis,
    check_not_empty,
    log_one_plus,
    mean_of,
    sum_of,
)
from lossbook.base import Loss
from lossbook.checks import check_axis_number, check_between, check_flag, check_index
from lossbook.registry import Facts, gradient_of, loss, mask_of

NEAR_1 = 0.75
"""Of a larger share, the logarithm and 1 minus it are taken from the other shares, and no digit is lost."""

# --- labels, rows and rates -----------------------------------------------------------------


def as_labels(y_true, y_pred, axis=-1):
    """Turn class numbers into an index array, and class scores into a float array.

    Parameters
    ----------
    y_true : array_like of int
        Class numbers 0 … K-1. Shape: that of `y_pred` without `axis`, or with length 1 there.
        Fractions are cut off, as Keras does.
    y_pred : array_like
        One score for each class along `axis`.
    axis : int
        The axis of the K classes.

    Returns
    -------
    labels : numpy.ndarray of int64
        The shape of `y_pred` with length 1 along `axis`.
    scores : numpy.ndarray
        `y_pred` as floats.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes do not fit, a label is NaN or infinite, or the batch is empty.

    Examples
    --------
    >>> labels, scores = as_labels([2, 0], [[0.1, 0.2, 0.7], [0.8, 0.1, 0.1]])
    >>> labels.tolist(), scores.shape
    ([[2], [0]], (2, 3))
    """
    check_axis_number(axis)
    scores = as_float("y_pred", y_pred)
    is_whole = isinstance(y_true, np.ndarray) and y_true.dtype.kind in "iu"
    numbers = y_true if is_whole else as_float("y_true", y_true)
    check_not_empty("y_pred", scores)
    check_axis(axis, scores)
    place = axis % scores.ndim
    one_a_row = scores.shape[:place] + scores.shape[place + 1 :]
    if numbers.ndim == scores.ndim and numbers.shape[axis] == 1:
        numbers = numbers.squeeze(axis)
    if numbers.shape != one_a_row:
        hint = "Class numbers are not one-hot: for one-hot labels use categorical_crossentropy."
        if numbers.shape != scores.shape:
            hint = "Give one class number for each row of scores."
        raise ValueError(
            f"Received y_true of shape {numbers.shape} and y_pred of shape {scores.shape}; "
            f"expected y_true of shape {one_a_row}, one class number a row. {hint}"
        )
    if not is_whole and not np.isfinite(numbers).all():
        raise ValueError(
            "Received y_true with NaN or infinity; expected class numbers 0, 1, 2, … "
            "Remove those rows, or mark them with ignore_class."
        )
    return numbers.astype(np.int64, copy=False).reshape(
        scores.shape[:place] + (1,) + scores.shape[place + 1 :]
    ), scores


def check_labels(labels, classes, ignore_class=None, *, can_ignore=True):
    """Raise a ValueError where a class number lies outside 0 … classes - 1 and is not ignored."""
    outside = (labels < 0) | (labels >= classes)
    if ignore_class is not None:
        outside = outside & (labels != ignore_class)
    if outside.any():
        place = tuple(np.argwhere(outside)[0].tolist())
        if classes == 1:
            raise ValueError(
                f"Received class number {labels[place]} at position {place} for a single column of scores; "
                "expected a column for each class. One column says yes or no: use binary_crossentropy."
            )
        raise ValueError(
            f"Received class number {labels[place]} at position {place}; expected 0 … {classes - 1} "
            f"for {classes} classes. Class numbers start at 0: subtract 1 if yours start at 1"
            + (", or name the number with ignore_class." if can_ignore else ".")
        )


def laid_along(numbers, array, axis):
    """Lay a row of numbers along one axis of an array: the other axes get length 1.

    Examples
    --------
    >>> laid_along(np.arange(3), np.zeros((3, 2)), axis=0).shape
    (3, 1)
    """
    shape = [1] * array.ndim
    shape[axis] = numbers.size
    return numbers.reshape(shape)


def take_class(scores, index, axis):
    """Return each row's score at its index: ``np.take_along_axis``, in a third of its time for tables.

    Examples
    --------
    >>> take_class(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1], [0]]), axis=-1)
    array([[2.],
           [3.]])
    """
    if scores.ndim == 2 and axis in (-1, 1):
        return scores[np.arange(len(scores)).reshape(-1, 1), index]
    return np.take_along_axis(scores, index, axis)


def weighed(weights, costs):
    """Return weights times costs, where a weight of 0 takes away an infinite cost, too.

    What a score of minus infinity rules out costs nothing where nobody asks for it.

    Parameters
    ----------
    weights, costs : numpy.ndarray
        One shape, or shapes that broadcast.

    Returns
    -------
    numpy.ndarray
        In the unit of the costs.

    Examples
    --------
    >>> weighed(np.array([0.0, 1.0, 2.0, 0.0]), np.array([np.inf, np.inf, 3.0, np.nan]))
    array([ 0., inf,  6., nan])
    """
    if np.isfinite(costs).all():  # nearly always
        return weights * costs
    idle = (weights == 0) & np.isinf(costs)  # their product would be NaN
    finite = np.where(idle, 0.0, costs)  # 0 is the limit
    return weights * finite


def unless_nan(results, numbers, axis=None):
    """Return results; NaN where the number that one depends on is NaN, or any of its row along `axis`.

    Examples
    --------
    >>> unless_nan(np.array([1.0, 2.0]), np.array([0.5, np.nan]))
    array([ 1., nan])
    """
    if not math.isnan(numbers.sum()):  # nearly always
        return results
    unknown = np.isnan(numbers)
    if axis is not None:
        unknown = unknown.any(axis=axis, keepdims=True)
    return np.where(unknown, np.nan, results)


def unless_ignored(labels, ignore_class=None):
    """Tell which labels count: all but those of the ignored class.

    Examples
    --------
    >>> unless_ignored(np.array([0, 255]), 255), unless_ignored(np.array([0, 255]))
    (array([ True, False]), array([ True,  True]))
    """
    if ignore_class is None:  # to compare with None is slow
        return np.ones(labels.shape, dtype=bool)
    return labels != ignore_class


def check_row_sums(totals):
    """Raise a ValueError where a row of probabilities sums to 0 and cannot be scaled to sum to 1."""
    if (totals == 0).any():
        place = tuple(np.argwhere(totals == 0)[0].tolist())
        raise ValueError(
            f"Received a row of y_pred that sums to 0 (position {place}); expected probabilities "
            "that sum to 1. Pass softmax outputs, or the scores themselves with from_logits=True."
        )


def check_rate(y_pred):
    """Raise a ValueError where a Poisson rate is so negative that its logarithm is undefined."""
    lowest = y_pred.min()
    if lowest <= -EPSILON:
        place = tuple(np.argwhere(y_pred <= -EPSILON)[0].tolist())
        raise ValueError(
            f"Received a negative rate, y_pred = {float(y_pred[place]):.6g} at position {place}; expected "
            "mean counts of 0 or more. End the model in softplus or exp, which are positive."
        )


def check_not_negative(name, powers, exponent):
    """Raise a ValueError where a fractional power of a negative number is asked for."""
    if float(exponent).is_integer():
        return
    if powers.min() < 0:
        place = tuple(np.argwhere(powers < 0)[0].tolist())
        raise ValueError(
            f"Received a {name} of {float(powers[place]):.6g} at position {place}; expected 0 or more, since "
            f"a negative number has no power of {exponent:g}. Pass probabilities, from softmax or sigmoid."
        )


# --- the two link functions ---------------------------------------------------------------


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Turn logits into probabilities: 1 / (1 + exp(-z)), without overflow at any size.

    Parameters
    ----------
    logits : numpy.ndarray
        Any shape, log-odds (natural logarithm, no unit).

    Returns
    -------
    numpy.ndarray
        The same shape, between 0 and 1.

    Examples
    --------
    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    shrunk = np.exp(-np.abs(logits))  # between 0 and 1, never overflows
    larger = np.maximum(shrunk, logits >= 0)  # 1 on the right of 0, shrunk on the left
    probability = larger / (1.0 + shrunk)  # 1 / (1 + exp(-z))
    return probability


def behind_largest(logits, axis=-1):
    """Return by how much each score lies behind the highest of its row: 0 for that one.

    A score of minus infinity lies infinitely far behind. Beside a score of plus infinity
    all finite ones do; several of them tie. A row of minus infinity alone has no highest
    score: NaN.

    Parameters
    ----------
    logits : numpy.ndarray
        Scores, any shape.
    axis : int
        The axis of the classes.

    Returns
    -------
    numpy.ndarray
        The same shape, at most 0.

    Examples
    --------
    >>> behind_largest(np.array([[3.0, 5.0], [-np.inf, 5.0], [3.0, np.inf]]))
    array([[ -2.,   0.],
           [-inf,   0.],
           [-inf,   0.]])
    """
    largest = logits.max(axis=axis, keepdims=True)  # highest score of a row
    if largest.max() < np.inf:  # nearly always
        return logits - largest
    certain = logits == np.inf  # as high as can be
    others = np.where(certain, 0.0, logits)  # finite, or ruled out
    behind = np.where(certain, 0.0, others - largest)  # no infinity less infinity
    return behind


def log_sum_exp(logits: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return log(sum(exp(z))) along an axis, which keeps length 1, without overflow.

    Parameters
    ----------
    logits : numpy.ndarray
        Scores, any shape.
    axis : int
        The axis of the classes.

    Returns
    -------
    numpy.ndarray
        `logits` with length 1 along `axis`: subtract it to get log-probabilities. Minus
        infinity where all scores are, infinity where one is.

    Examples
    --------
    >>> log_sum_exp(np.array([[1e4, 1e4, 0.0], [-np.inf, -np.inf, -np.inf]])).round(4)
    array([[10000.6931],
           [     -inf]])
    """
    largest = logits.max(axis=axis, keepdims=True)  # highest score of a row
    base = np.where(np.isinf(largest), 0.0, largest)  # where to measure from
    weight = np.exp(logits - base)  # at most 1, or infinite as its score
    total = weight.sum(axis=axis, keepdims=True)  # at least 1, or 0 if all are ruled out
    with np.errstate(divide="ignore"):
        result = base + np.log(total)  # put the highest score back
    return result


def softmax(logits: np.ndarray, axis: int = -1) -> np.ndarray:
    """Turn a row of logits into probabilities that sum to 1.

    Parameters
    ----------
    logits : numpy.ndarray
        Scores, any shape.
    axis : int
        The axis of the classes.

    Returns
    -------
    numpy.ndarray
        The same shape; sums to 1 along `axis`. Scores of plus infinity share it evenly;
        NaN where all are minus infinity.

    Examples
    --------
    >>> softmax(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    behind = behind_largest(logits, axis)  # 0 for the highest score
    weight = np.exp(behind)  # at most 1, never overflows
    probability = weight / weight.sum(axis=axis, keepdims=True)  # rows sum to 1
    return probability


def softmax_and_rest(logits, axis=-1):
    """Return the softmax probabilities, and for each class that of all the others together.

    The second is 1 minus the first, exact where the first rounds to 1.

    Parameters
    ----------
    logits : numpy.ndarray
        Scores, any shape.
    axis : int
        The axis of the classes.

    Returns
    -------
    probability, rest : numpy.ndarray
        The same shape; together 1.

    Examples
    --------
    >>> softmax_and_rest(np.array([[0.0, 40.0], [7.0, 7.0]]))[1]
    array([[1.00000000e+00, 4.24835426e-18],
           [5.00000000e-01, 5.00000000e-01]])
    """
    behind = behind_largest(logits, axis)  # 0 for the highest score
    leads = behind == 0  # the highest, or several alike
    weight = np.exp(behind)  # at most 1, never overflows
    lower = np.where(leads, 0.0, weight).sum(axis=axis, keepdims=True)  # of those behind
    more = leads.sum(axis=axis, keepdims=True, dtype=logits.dtype) - 1.0  # ties with the lead
    others = lower + more  # of all but one that leads
    total = 1.0 + others  # at least 1
    probability = weight / total  # rows sum to 1
    rest = np.where(leads, others, total - weight) / total  # no digits lost
    return probability, rest


def log_softmax(logits: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return the logarithms of the softmax probabilities, exact where these round to 0 or 1.

    Parameters
    ----------
    logits : numpy.ndarray
        Scores, any shape.
    axis : int
        The axis of the classes.

    Returns
    -------
    numpy.ndarray
        The same shape, in nats, at most 0; minus infinity for a class that is ruled out.

    Examples
    --------
    >>> log_softmax(np.array([[1e4, 1e4]])).round(4)
    array([[-0.6931, -0.6931]])
    >>> [f"{log:.4g}" for log in log_softmax(np.array([0.0, 40.0]))]
    ['-40', '-4.248e-18']
    """
    behind = behind_largest(logits, axis)  # 0 for the highest score
    leads = behind == 0  # the highest, or several alike
    others = np.where(leads, 0.0, np.exp(behind)).sum(axis=axis, keepdims=True)  # the rest
    more = leads.sum(axis=axis, keepdims=True, dtype=logits.dtype) - 1.0  # ties with it
    result = behind - np.log1p(more + others)  # log of each share
    return result


def near_1(share, axis=-1):
    """Tell which shares are near 1 and not held below it, and what the others of their row add up to.

    Examples
    --------
    >>> near_1(np.array([[0.25, 0.0, 0.75], [0.1, 0.1, 0.8]]))
    (array([[False, False, False],
           [False, False,  True]]), array([[1. ],
           [0.2]]))
    """
    near = share > NEAR_1  # at most one in a row that sums to 1
    without = share.copy()
    without[near] = 0.0  # many times as fast as np.where
    others = without.sum(axis=axis, keepdims=True)
    return near & (others > EPSILON), others


def rest_of(probability, share, axis=-1):
    """Return 1 minus each probability; near 1 from the other shares, where 1 minus it would lose digits.

    Parameters
    ----------
    probability : numpy.ndarray
        Shares, held between 1e-7 and 1 - 1e-7.
    share : numpy.ndarray
        The same, not held; they sum to 1 along `axis`.
    axis : int
        The axis of the classes.

    Returns
    -------
    numpy.ndarray
        The same shape.

    Examples
    --------
    >>> share = np.array([[1e-6, 2e-6, 1 - 3e-6]])
    >>> [f"{rest[0, 2]:.12g}" for rest in (1 - share, rest_of(share, share))]
    ['2.99999999998e-06', '3e-06']
    """
    rest = 1.0 - probability
    if share.max() > NEAR_1:
        near, others = near_1(share, axis)
        np.copyto(rest, others, where=near)
    return rest


def log_of(probability, share, axis=-1):
    """Return the logarithm of each probability; near 1 from the other shares, where digits would be lost.

    Parameters
    ----------
    probability, share, axis
        As in :func:`rest_of`.

    Returns
    -------
    numpy.ndarray
        The same shape, in nats, at most 0.

    Examples
    --------
    >>> share = np.array([[1e-6, 2e-6, 1 - 3e-6]])
    >>> [f"{log[0, 2]:.12g}" for log in (np.log(share), log_of(share, share))]
    ['-3.00000449998e-06', '-3.00000450001e-06']
    """
    result = np.log(probability)
    if share.max() > NEAR_1:
        near, others = near_1(share, axis)
        np.copyto(result, np.log1p(-np.minimum(others, 0.5)), where=near)  # 0.5: for rows without
    return result


# --- binary crossentropy ------------------------------------------------------------------


@loss(
    formula=r"\ell_i = -\frac{1}{D} \sum_j "
    r"\bigl( y_{ij} \log \hat p_{ij} + (1 - y_{ij}) \log(1 - \hat p_{ij}) \bigr)",
    source="good1952rational",
    aliases=("bce", "BCE"),
    splits="mean",
    facts=Facts(
        minimiser="the share of ones",
        labels="0 or 1, or a share; the shape of the predictions",
        output="sigmoid; or linear, with from_logits=True",
        trap="A probability that is certain and wrong has no slope: pass logits.",
        proof="certain_and_wrong_slope",
    ),
)
def binary_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Charge each yes-or-no prediction the negative log of the probability it gave to the truth.

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Labels 0 or 1, or probabilities between.
    y_pred : array_like, shape (..., D)
        Probabilities of a 1, held between 1e-7 and 1 - 1e-7; with `from_logits`, log-odds,
        infinite ones too.
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
        If the shapes differ, the batch is empty, or `label_smoothing` is outside [0, 1].

    Examples
    --------
    Half the probability on each side costs log 2 = 0.6931 nats.

    >>> binary_crossentropy([[1.0, 0.0]], [[0.5, 0.5]]).round(4)
    array([0.6931])
    """
    check_flag("from_logits", from_logits)
    label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1, ends=True)  # from 0 to 1
    y_true, y_pred = as_pair(y_true, y_pred, axis)  # float arrays of one shape
    target = y_true * (1 - label_smoothing) + 0.5 * label_smoothing  # softened labels
    if from_logits:
        size = np.abs(y_pred)  # how far from even odds
        tail = log_one_plus(np.exp(-size))  # at most log 2, never overflows
        against = np.where(y_pred > 0, 1 - target, target)  # label of the other side
        cost = weighed(against, size) + tail  # per number, in nats
    else:
        probability = np.clip(y_pred, EPSILON, 1.0 - EPSILON)  # so that logs are finite
        yes = target * np.log(probability)  # counts where the label is 1
        no = (1 - target) * log_one_plus(-probability)  # counts where the label is 0
        cost = -(yes + no)  # per number, in nats
    value = mean_of(cost, axis)  # one number per sample
    return value


@gradient_of(
    binary_crossentropy,
    formula=r"\frac{\partial \ell_i}{\partial \hat p_{ij}} = "
    r"\frac{\hat p_{ij} - y_{ij}}{D\,\hat p_{ij} (1 - \hat p_{ij})}, \qquad "
    r"\frac{\partial \ell_i}{\partial z_{ij}} = \frac{\sigma(z_{ij}) - y_{ij}}{D}",
)
def binary_crossentropy_gradient(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Return the slope of each sample's binary cross-entropy.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`binary_crossentropy`.
    from_logits, label_smoothing, axis
        As in :func:`binary_crossentropy`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        In nats per unit of probability, or per unit of log-odds. From probabilities the
        slope is 0 outside [1e-7, 1 - 1e-7], where the value is clipped; from logits never.

    Raises
    ------
    TypeError, ValueError
        As in :func:`binary_crossentropy`.

    Examples
    --------
    >>> binary_crossentropy_gradient([[1.0]], [[0.25]])
    array([[-4.]])
    >>> binary_crossentropy_gradient([[1.0]], [[0.0]], from_logits=True)
    array([[-0.5]])
    """
    check_flag("from_logits", from_logits)
    label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1, ends=True)  # from 0 to 1
    y_true, y_pred = as_pair(y_true, y_pred, axis)  # float arrays of one shape
    target = y_true * (1 - label_smoothing) + 0.5 * label_smoothing  # softened labels
    count = y_pred.shape[axis]  # numbers in a sample
    if from_logits:
        too_high = (1 - target) * sigmoid(y_pred)  # push down where the label is 0
        too_low = target * sigmoid(-y_pred)  # push up where the label is 1
        pull = too_high - too_low  # predicted minus true probability
    else:
        probability = np.clip(y_pred, EPSILON, 1.0 - EPSILON)  # so that logs are finite
        clipped = (y_pred < EPSILON) | (y_pred > 1.0 - EPSILON)  # held: no slope there
        steepness = probability * (1.0 - probability)  # small near 0 and 1
        pull = np.where(clipped, 0.0, (probability - target) / steepness)  # per number
    slope = pull / count  # one number per prediction
    return slope


class BinaryCrossentropy(Loss, function=binary_crossentropy):
    """Object form of :func:`binary_crossentropy`."""


# --- categorical crossentropy -------------------------------------------------------------


@loss(
    formula=r"\ell_i = -\sum_k y_{ik} \log \hat p_{ik}, \qquad "
    r"\hat p_{ik} = \frac{\hat y_{ik}}{\sum_m \hat y_{im}}",
    source="good1952rational",
    splits="rows",
    facts=Facts(
        minimiser="the shares of the classes",
        labels="one-hot rows or shares, shape (N, K)",
        output="softmax; or linear, with from_logits=True",
        trap="Each row is divided by its sum, so scores in place of probabilities go unnoticed.",
        proof="logits_passed_as_probabilities",
    ),
)
def categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Charge each sample the negative log of the probability it gave to its true class.

    Parameters
    ----------
    y_true : array_like, shape (..., K)
        One-hot labels, or any probabilities of the K classes.
    y_pred : array_like, shape (..., K)
        Probabilities, scaled to sum to 1 and then held between 1e-7 and 1 - 1e-7;
        with `from_logits`, scores; one of minus infinity rules its class out.
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
        If the shapes differ, the batch is empty, a row of probabilities sums to 0, or
        `label_smoothing` is outside [0, 1].

    Examples
    --------
    The true class got 1/4: log 4 = 1.3863 nats.

    >>> categorical_crossentropy([[0, 1, 0]], [[0.5, 0.25, 0.25]]).round(4)
    array([1.3863])
    """
    check_flag("from_logits", from_logits)
    label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1, ends=True)  # from 0 to 1
    y_true, y_pred = as_pair(y_true, y_pred, axis)  # float arrays of one shape
    classes = y_pred.shape[axis]  # K
    target = y_true * (1 - label_smoothing) + label_smoothing / classes  # softened labels
    if from_logits:
        log_probability = log_softmax(y_pred, axis)  # exact, however large the scores
        surprise = weighed(target, np.abs(log_probability))  # counts where the label is
    else:
        total = sum_of(y_pred, axis, keepdims=True)  # 1, if the row is a distribution
        check_row_sums(total)
        share = y_pred / total  # scaled so that the row sums to 1
        probability = np.clip(share, EPSILON, 1.0 - EPSILON)  # so that logs are finite
        log_probability = log_of(probability, share, axis)  # 0 for certain
        surprise = -target * log_probability  # counts where the label is
    value = sum_of(surprise, axis)  # one number per sample, in nats
    return value


@gradient_of(
    categorical_crossentropy,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ik}} = \frac{1}{\sum_m \hat y_{im}} "
    r"\Bigl( \sum_m y_{im} - \frac{y_{ik}}{\hat p_{ik}} \Bigr), \qquad "
    r"\frac{\partial \ell_i}{\partial z_{ik}} = \operatorname{softmax}(z_i)_k \sum_m y_{im} - y_{ik}",
)
def categorical_crossentropy_gradient(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Return the slope of each sample's categorical cross-entropy.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., K)
        As in :func:`categorical_crossentropy`.
    from_logits, label_smoothing, axis
        As in :func:`categorical_crossentropy`.

    Returns
    -------
    numpy.ndarray, shape (..., K)
        In nats per unit of `y_pred`. From probabilities it goes through the scaling of the
        row; a probability outside [1e-7, 1 - 1e-7] is clipped and pulls with slope 0.

    Raises
    ------
    TypeError, ValueError
        As in :func:`categorical_crossentropy`.

    Examples
    --------
    >>> categorical_crossentropy_gradient([[1, 0]], [[0.5, 0.5]])
    array([[-1.,  1.]])
    >>> categorical_crossentropy_gradient([[1, 0]], [[0.0, 0.0]], from_logits=True)
    array([[-0.5,  0.5]])
    """
    check_flag("from_logits", from_logits)
    label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1, ends=True)  # from 0 to 1
    y_true, y_pred = as_pair(y_true, y_pred, axis)  # float arrays of one shape
    classes = y_pred.shape[axis]  # K
    target = y_true * (1 - label_smoothing) + label_smoothing / classes  # softened labels
    if from_logits:
        probability, rest = softmax_and_rest(y_pred, axis)  # exact, however large the scores
        others = target.sum(axis=axis, keepdims=True) - target  # labels of the other classes
        too_high = others * probability  # push down where the label is not
        too_low = target * rest  # push up where the label is
        slope = too_high - too_low  # predicted minus true
    else:
        total = sum_of(y_pred, axis, keepdims=True)  # 1, if the row is a distribution
        check_row_sums(total)
        share = y_pred / total  # scaled so that the row sums to 1
        probability = np.clip(share, EPSILON, 1.0 - EPSILON)  # so that logs are finite
        clipped = (share < EPSILON) | (share > 1.0 - EPSILON)  # held: no slope there
        pull = np.where(clipped, 0.0, -target / probability)  # slope in the scaled row
        rest = rest_of(probability, share, axis)  # share of the other classes
        back = pull * share  # what the scaling takes back
        others = back.sum(axis=axis, keepdims=True) - back  # for the other classes
        slope = (pull * rest - others) / total  # slope in the row as given
    return slope


class CategoricalCrossentropy(Loss, function=categorical_crossentropy):
    """Object form of :func:`categorical_crossentropy`."""


# --- sparse categorical crossentropy ------------------------------------------------------


def is_labelled(labels, scores, axis=-1):
    """Tell which score of each row belongs to the class that the row's label names.

    Parameters
    ----------
    labels : numpy.ndarray of int
        Class numbers, the shape of `scores` with length 1 along `axis`.
    scores : numpy.ndarray
        One score for each class along `axis`.
    axis : int
        The axis of the classes.

    Returns
    -------
    numpy.ndarray of bool
        The shape of `scores`.

    Examples
    --------
    >>> is_labelled(np.array([[2]]), np.zeros((1, 3)))
    array([[False, False,  True]])
    """
    places = np.arange(scores.shape[axis])  # 0, 1, 2, … along the classes
    hot = laid_along(places, scores, axis) == labels  # True at the class named
    return hot


@loss(
    formula=r"\ell_i = -\log \frac{\hat q_{i k_i}}{\sum_m \hat q_{im}}, \qquad "
    r"\hat q_{im} = \min(\max(\hat y_{im}, \varepsilon), 1 - \varepsilon)",
    source="good1952rational",
    splits="rows",
    facts=Facts(
        minimiser="the shares of the classes",
        labels="class numbers from 0, shape (N,)",
        output="softmax; or linear, with from_logits=True",
        trap="From probabilities, a perfect answer among very many classes is not free.",
        proof="certain_and_right_among_50257_classes",
    ),
)
def sparse_categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> np.ndarray:
    """Charge each sample the negative log of the probability of its class, given as a number.

    Parameters
    ----------
    y_true : array_like of int, shape (...) or (..., 1)
        Class numbers 0 … K-1.
    y_pred : array_like, shape (..., K)
        Probabilities, held between 1e-7 and 1 - 1e-7 and then scaled to sum to 1;
        with `from_logits`, scores; one of minus infinity rules its class out.
    from_logits : bool
        Whether `y_pred` holds scores (any real numbers) and not probabilities.
    ignore_class : int, optional
        A class number whose samples cost 0 and are left out of the average.
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
        If the shapes do not fit, the batch is empty, or a class number is out of range.

    Examples
    --------
    Class 1 got 1/4: log 4 = 1.3863 nats.

    >>> sparse_categorical_crossentropy([1], [[0.5, 0.25, 0.25]]).round(4)
    array([1.3863])
    """
    check_flag("from_logits", from_logits)
    check_index("ignore_class", ignore_class)
    labels, scores = as_labels(y_true, y_pred, axis)  # class numbers and scores
    check_labels(labels, scores.shape[axis], ignore_class)
    counts = unless_ignored(labels, ignore_class)  # False where the class is ignored
    index = np.where(counts, labels, 0)  # where to look in each row
    if from_logits:
        log_probability = log_softmax(scores, axis)  # exact, however large the scores
        cost = np.abs(take_class(log_probability, index, axis))  # in nats
    else:
        probability = np.clip(scores, EPSILON, 1.0 - EPSILON)  # so that logs are finite
        hot = is_labelled(index, scores, axis)  # True at the true class
        chosen = take_class(probability, index, axis)  # that of the true class
        others = np.where(hot, 0.0, probability).sum(axis=axis, keepdims=True)  # the rest
        cost = np.log1p(others / chosen)  # log of all over the chosen, in nats
    kept = np.where(counts, cost, 0.0)  # ignored samples cost nothing
    value = kept.squeeze(axis)  # one number per sample
    return value


@gradient_of(
    sparse_categorical_crossentropy,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{im}} = \frac{1}{\sum_n \hat q_{in}} - "
    r"\frac{[m = k_i]}{\hat q_{im}}, \qquad "
    r"\frac{\partial \ell_i}{\partial z_{im}} = \operatorname{softmax}(z_i)_m - [m = k_i]",
)
def sparse_categorical_crossentropy_gradient(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> np.ndarray:
    """Return the slope of each sample's sparse categorical cross-entropy.

    Parameters
    ----------
    y_true : array_like of int, shape (...) or (..., 1)
        As in :func:`sparse_categorical_crossentropy`.
    y_pred : array_like, shape (..., K)
        As in :func:`sparse_categorical_crossentropy`.
    from_logits, ignore_class, axis
        As in :func:`sparse_categorical_crossentropy`.

    Returns
    -------
    numpy.ndarray, shape (..., K)
        In nats per unit of `y_pred`. A probability outside [1e-7, 1 - 1e-7] is clipped:
        slope 0. Samples of the ignored class have slope 0.

    Raises
    ------
    TypeError, ValueError
        As in :func:`sparse_categorical_crossentropy`.

    Examples
    --------
    >>> sparse_categorical_crossentropy_gradient([0], [[0.5, 0.5]])
    array([[-1.,  1.]])
    """
    check_flag("from_logits", from_logits)
    check_index("ignore_class", ignore_class)
    labels, scores = as_labels(y_true, y_pred, axis)  # class numbers and scores
    check_labels(labels, scores.shape[axis], ignore_class)
    counts = unless_ignored(labels, ignore_class)  # False where the class is ignored
    hot = is_labelled(labels, scores, axis)  # True at the true class
    if from_logits:
        probability, rest = softmax_and_rest(scores, axis)  # exact, however large the scores
        pull = np.where(hot, -rest, probability)  # true class up, others down
    else:
        probability = np.clip(scores, EPSILON, 1.0 - EPSILON)  # so that logs are finite
        clipped = (scores < EPSILON) | (scores > 1.0 - EPSILON)  # held: no slope there
        total = probability.sum(axis=axis, keepdims=True)  # near 1
        others = np.where(hot, 0.0, probability).sum(axis=axis, keepdims=True)  # the rest
        raw = np.where(hot, -others / probability, 1.0) / total  # true class up, others down
        pull = np.where(clipped, 0.0, raw)  # per class
    slope = np.where(counts, pull, 0.0)  # ignored samples pull nowhere
    return slope.astype(scores.dtype, copy=False)


@mask_of(sparse_categorical_crossentropy)
def sparse_categorical_crossentropy_mask(
    values, y_true, y_pred, from_logits=False, ignore_class=None, axis=-1
):
    """Return where a sample counts: False at the ignored class; None if no class is ignored."""
    if ignore_class is None:
        return None
    labels = np.trunc(np.asarray(y_true).reshape(values.shape))  # one for each value
    return labels != ignore_class


class SparseCategoricalCrossentropy(
    Loss,
    function=sparse_categorical_crossentropy,
    order=("from_logits", "ignore_class", "reduction", "axis", "name", "dtype"),
):
    """Object form of :func:`sparse_categorical_crossentropy`."""


# --- categorical generalized cross-entropy ------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{1 - \hat y_{i k_i}^{\,q}}{q}, \qquad 0 < q < 1",
    source="zhang2018generalized",
    facts=Facts(
        high="1 / q",
        minimiser="the shares to the power 1/(1 - q), made to sum to 1",
        labels="class numbers from 0, shape (N,)",
        output="softmax; it takes no logits",
        trap="Keras 3.15.1 broadcasts labels of shape (N, 1) to N × N: pass (N,).",
        proof="class_numbers_in_a_column",
    ),
)
def categorical_generalized_cross_entropy(y_true: ArrayLike, y_pred: ArrayLike, q: float) -> np.ndarray:
    """Charge a wrong label a bounded price, between cross-entropy and the absolute error.

    Parameters
    ----------
    y_true : array_like of int, shape (...) or (..., 1)
        Class numbers 0 … K-1.
    y_pred : array_like, shape (..., K)
        Probabilities, neither held nor scaled.
    q : float
        How little a hopeless sample counts, between 0 and 1: towards 0 the loss is
        cross-entropy, towards 1 it is 1 minus the probability of the true class.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, from 0 to 1/q, without unit.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes do not fit, the batch is empty, a class number is out of range, the
        true class has a negative probability, or `q` is not between 0 and 1.

    Examples
    --------
    Class 1 got 1/4, whose square root is 1/2: (1 - 1/2) / (1/2).

    >>> categorical_generalized_cross_entropy([1], [[0.75, 0.25]], q=0.5)
    array([1.])
    """
    q = check_between("q", q, 0, 1)  # between 0 and 1
    labels, scores = as_labels(y_true, y_pred)  # class numbers and scores
    check_labels(labels, scores.shape[-1], can_ignore=False)
    probability = take_class(scores, labels, -1)  # that of the true class
    check_not_negative("probability of the true class", probability, q)
    never = probability == 0  # no logarithm there
    log_probability = np.log(np.where(never, 1.0, probability))  # 0 for certain
    price = (0.0 - np.expm1(q * log_probability)) / q  # (1 - power) / q, exact near 0
    bounded = np.where(never, 1.0 / q, price)  # at most 1/q, however wrong
    cost = unless_nan(bounded, scores, -1)  # NaN in any class is NaN
    value = cost.squeeze(-1)  # one number per sample
    return value


@gradient_of(
    categorical_generalized_cross_entropy,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{im}} = -[m = k_i]\; \hat y_{im}^{\,q - 1}",
)
def categorical_generalized_cross_entropy_gradient(
    y_true: ArrayLike, y_pred: ArrayLike, q: float
) -> np.ndarray:
    """Return the slope of each sample's generalized cross-entropy: at the true class alone.

    Parameters
    ----------
    y_true : array_like of int, shape (...) or (..., 1)
        As in :func:`categorical_generalized_cross_entropy`.
    y_pred : array_like, shape (..., K)
        As in :func:`categorical_generalized_cross_entropy`.
    q : float
        As in :func:`categorical_generalized_cross_entropy`.

    Returns
    -------
    numpy.ndarray, shape (..., K)
        Per unit of probability. At a probability of exactly 0 the slope is minus infinity;
        TensorFlow has that too, and NaN at the other classes, where it is 0 here.

    Raises
    ------
    TypeError, ValueError
        As in :func:`categorical_generalized_cross_entropy`.

    Examples
    --------
    >>> categorical_generalized_cross_entropy_gradient([1], [[0.75, 0.25]], q=0.5)
    array([[ 0., -2.]])
    """
    q = check_between("q", q, 0, 1)  # between 0 and 1
    labels, scores = as_labels(y_true, y_pred)  # class numbers and scores
    check_labels(labels, scores.shape[-1], can_ignore=False)
    probability = take_class(scores, labels, -1)  # that of the true class
    check_not_negative("probability of the true class", probability, q)
    pull = -(probability ** (q - 1.0))  # strong where it is small
    places = np.arange(scores.shape[-1])  # 0, 1, 2, … along the classes
    chosen = np.where(places == labels, pull, 0.0)  # other classes pull nowhere
    slope = unless_nan(chosen, scores, -1)  # NaN in any class is NaN
    return slope


class CategoricalGeneralizedCrossEntropy(
    Loss, function=categorical_generalized_cross_entropy, defaults={"q": 0.5}
):
    """Object form of :func:`categorical_generalized_cross_entropy`."""


# --- Kullback-Leibler divergence ----------------------------------------------------------


@loss(
    formula=r"\ell_i = \sum_k \bar y_{ik} \log \frac{\bar y_{ik}}{\bar p_{ik}}, \qquad "
    r"\bar v = \min(\max(v, \varepsilon), 1)",
    source="kullback1951information",
    aliases=("kld", "KLD", "kullback_leibler_divergence"),
    splits="sum",
    facts=Facts(
        minimiser="the mean of the distributions",
        labels="distributions, shape (N, K)",
        output="softmax; it takes no logits",
        trap="Rows that do not sum to 1 can cost less than nothing.",
        proof="rows_that_are_not_distributions",
    ),
)
def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Charge what it costs, in nats, to believe one distribution while another holds.

    Parameters
    ----------
    y_true : array_like, shape (..., K)
        The distribution that holds; entries are held between 1e-7 and 1.
    y_pred : array_like, shape (..., K)
        The distribution believed; entries are held between 1e-7 and 1, and not rescaled.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, in nats; 0 where the two agree.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ or the batch is empty.

    Examples
    --------
    >>> kl_divergence([[0.5, 0.5]], [[0.25, 0.75]]).round(4)
    array([0.1438])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    truth = np.clip(y_true, EPSILON, 1.0)  # so that logs are finite
    belief = np.clip(y_pred, EPSILON, 1.0)  # so that logs are finite
    gap = (truth - belief) / belief  # how much too little is believed
    near = log_one_plus(np.maximum(gap, -0.5))  # log of truth / belief, down to 1/2
    far = np.log(np.minimum(2.0 * truth / belief, 1.0))  # what lies below, else 0
    excess = near + far  # nats too many, per event
    weighted = truth * excess  # events as often as they happen
    value = weighted.sum(axis=-1)  # one number per sample
    return value


@gradient_of(
    kl_divergence,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ik}} = -\frac{\bar y_{ik}}{\bar p_{ik}}"
    r"\quad (\varepsilon \le \hat y_{ik} \le 1, \text{ otherwise } 0)",
)
def kl_divergence_gradient(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Return the slope of each sample's Kullback-Leibler divergence.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., K)
        As in :func:`kl_divergence`.

    Returns
    -------
    numpy.ndarray, shape (..., K)
        In nats per unit of probability; 0 outside [1e-7, 1], where the value is clipped.

    Raises
    ------
    TypeError, ValueError
        As in :func:`kl_divergence`.

    Examples
    --------
    >>> kl_divergence_gradient([[0.5, 0.5]], [[0.25, 1.5]])
    array([[-2.,  0.]])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    truth = np.clip(y_true, EPSILON, 1.0)  # so that logs are finite
    belief = np.clip(y_pred, EPSILON, 1.0)  # so that logs are finite
    clipped = (y_pred < EPSILON) | (y_pred > 1.0)  # held: no slope there
    slope = np.where(clipped, 0.0, -truth / belief)  # more belief costs less
    return slope


class KLDivergence(Loss, function=kl_divergence):
    """Object form of :func:`kl_divergence`."""


# --- Poisson ------------------------------------------------------------------------------


@loss(
    formula=r"\ell_i = \frac{1}{D} \sum_j \bigl( \hat y_{ij} - y_{ij} \log(\hat y_{ij} + \varepsilon) \bigr)",
    source="nelder1972generalized",
    splits="mean",
    facts=Facts(
        low="-inf",
        minimiser="the mean",
        labels="counts, 0 or more",
        output="exponential or softplus: a rate above 0, not its logarithm",
        trap="The best value is not 0 but y - y log y, often below 0.",
        proof="a_perfect_rate",
    ),
)
def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Charge a predicted mean count the negative log-likelihood of the count that came.

    The term that depends on the count alone, log(y!), is left out: the value can be negative.

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Counts, 0 or more.
    y_pred : array_like, shape (..., D)
        Rates: mean counts, above 0.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, in nats.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ, the batch is empty, or a rate is negative.

    Examples
    --------
    A rate of 1 has logarithm 0, so the value is the rate itself.

    >>> poisson([[3.0]], [[1.0]]).round(4)
    array([1.])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    check_rate(y_pred)
    log_rate = np.log(y_pred + EPSILON)  # finite even at a rate of 0
    reward = y_true * log_rate  # counts favour high rates
    cost = y_pred - reward  # and high rates cost
    value = mean_of(cost)  # one number per sample
    return value


@gradient_of(
    poisson,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = "
    r"\frac{1}{D} \Bigl( 1 - \frac{y_{ij}}{\hat y_{ij} + \varepsilon} \Bigr)",
)
def poisson_gradient(y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
    """Return the slope of each sample's Poisson loss: 0 where the rate equals the count.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`poisson`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        In nats per unit of the rate; -1e7 times the count at a rate of 0.

    Raises
    ------
    TypeError, ValueError
        As in :func:`poisson`.

    Examples
    --------
    >>> poisson_gradient([[3.0]], [[1.0]]).round(4)
    array([[-2.]])
    """
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    check_rate(y_pred)
    ratio = y_true / (y_pred + EPSILON)  # count for each unit of the rate
    count = y_pred.shape[-1]  # numbers in a sample
    slope = (1.0 - ratio) / count  # positive where the rate is too high
    return slope


class Poisson(Loss, function=poisson):
    """Object form of :func:`poisson`."""
