"""Losses for directions and embeddings: cosine similarity and circle loss."""

import numpy as np
from numpy.typing import ArrayLike

from lossbook.arrays import EPSILON, as_float, as_integers, as_pair, check_not_empty, sum_of
from lossbook.base import Loss
from lossbook.checks import check_finite, check_flag, check_not_below_zero
from lossbook.losses.probability import sigmoid
from lossbook.registry import Facts, gradient_of, loss, mask_of


def norm(vectors, axis=-1):
    """Return the length of each vector, without overflow where its square has no place.

    Parameters
    ----------
    vectors : numpy.ndarray
        Any shape.
    axis : int
        The axis along which a vector lies.

    Returns
    -------
    numpy.ndarray
        `vectors` with length 1 along `axis`, in their unit.

    Examples
    --------
    >>> norm(np.array([[3e30, 4e30]], dtype="float32"))
    array([[5.e+30]], dtype=float32)
    """
    largest = np.abs(vectors).max(axis=axis, keepdims=True)  # its greatest coordinate
    unit = np.maximum(largest, EPSILON)  # what to measure in, never 0
    square = sum_of((vectors / unit) ** 2, axis, keepdims=True)  # Pythagoras
    length = unit * np.sqrt(square)  # back in the vectors' own unit
    return length


# --- cosine similarity --------------------------------------------------------------------


@loss(
    formula=r"\ell_i = -\frac{\sum_j y_{ij}\,\hat y_{ij}}"
    r"{\max(\lVert y_i \rVert, \varepsilon)\,\max(\lVert \hat y_i \rVert, \varepsilon)}",
    source="salton1975vector",
    splits="rows",
    facts=Facts(
        low="-1",
        high="1",
        minimiser="the sum of the targets' unit vectors, at any length",
        labels="vectors, none of them 0, shape (N, D)",
        output="linear",
        trap="The best value is -1, and length does not count.",
        proof="the_best_value_is_minus_1",
    ),
)
def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> np.ndarray:
    """Charge the negative cosine of the angle between two vectors: -1 is best, lengths do not count.

    Parameters
    ----------
    y_true : array_like, shape (..., D)
        Target vectors.
    y_pred : array_like, shape (..., D)
        Predicted vectors.
    axis : int
        The axis along which a vector lies.

    Returns
    -------
    numpy.ndarray, shape (...)
        One value per sample, without unit, from -1 (same direction) to 1 (opposite);
        0 where one of the two has length 0.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes differ or the batch is empty.

    Examples
    --------
    An angle of 45 degrees, whose cosine is 0.7071:

    >>> cosine_similarity([[2.0, 0.0]], [[3.0, 3.0]]).round(4)
    array([-0.7071])
    """
    y_true, y_pred = as_pair(y_true, y_pred, axis)  # float arrays of one shape
    true_way = y_true / np.maximum(norm(y_true, axis), EPSILON)  # length 1
    pred_way = y_pred / np.maximum(norm(y_pred, axis), EPSILON)  # length 1
    cosine = sum_of(true_way * pred_way, axis)  # 1 where they point alike
    value = 0.0 - cosine  # low is good; and 0 has no sign
    return value


@gradient_of(
    cosine_similarity,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = "
    r"-\frac{u_{ij} - \cos\theta_i\, v_{ij}}{\lVert \hat y_i \rVert}, \qquad "
    r"u_i = \frac{y_i}{\lVert y_i \rVert},\ v_i = \frac{\hat y_i}{\lVert \hat y_i \rVert}",
)
def cosine_similarity_gradient(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> np.ndarray:
    """Return the slope of each sample's cosine loss: across the prediction, never along it.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (..., D)
        As in :func:`cosine_similarity`.
    axis : int
        As in :func:`cosine_similarity`.

    Returns
    -------
    numpy.ndarray, shape (..., D)
        Per unit of the prediction. Below a length of 1e-7 the length counts as constant,
        so the slope of a zero vector is up to 1e7.

    Raises
    ------
    TypeError, ValueError
        As in :func:`cosine_similarity`.

    Examples
    --------
    >>> cosine_similarity_gradient([[1.0, 0.0]], [[0.0, 2.0]])
    array([[-0.5,  0. ]])
    """
    y_true, y_pred = as_pair(y_true, y_pred, axis)  # float arrays of one shape
    pred_length = norm(y_pred, axis)  # how far it reaches
    floored = np.maximum(pred_length, EPSILON)  # length, never 0
    true_way = y_true / np.maximum(norm(y_true, axis), EPSILON)  # length 1
    pred_way = y_pred / floored  # direction, length 1
    cosine = sum_of(true_way * pred_way, axis, keepdims=True)  # 1 where alike
    shadow = np.where(pred_length >= EPSILON, cosine * pred_way, 0.0)  # part along it
    slope = (shadow - true_way) / floored  # turn towards the target
    return slope


class CosineSimilarity(Loss, function=cosine_similarity):
    """Object form of :func:`cosine_similarity`."""


# --- circle -------------------------------------------------------------------------------


def as_embeddings(y_true, y_pred, ref_labels=None, ref_embeddings=None):
    """Turn labels and embeddings into arrays that can be compared, each with each.

    Parameters
    ----------
    y_true : array_like of int, shape (B,) or (B, 1)
        The label of each embedding.
    y_pred : array_like, shape (B, D)
        Embeddings.
    ref_labels : array_like of int, shape (M,) or (M, 1), optional
        Labels of the references; those of the batch if left out.
    ref_embeddings : array_like, shape (M, D), optional
        What to compare with; the batch itself if left out.

    Returns
    -------
    labels, embeddings, reference_labels, references : numpy.ndarray
        Shapes (B, 1), (B, D), (1, M) and (M, D).

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes do not fit, or the batch is empty.

    Examples
    --------
    >>> [array.shape for array in as_embeddings([0, 1], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])]
    [(2, 1), (2, 3), (1, 2), (2, 3)]
    """
    embeddings = as_float("y_pred", y_pred)
    labels = as_integers("y_true", y_true)
    if embeddings.ndim != 2 or labels.shape not in ((len(embeddings),), (len(embeddings), 1)):
        raise ValueError(
            f"Received y_true of shape {labels.shape} and y_pred of shape {embeddings.shape}; expected (B,) "
            "and (B, D): one label and one embedding for each sample. Flatten the other axes."
        )
    check_not_empty("y_pred", embeddings)
    references = embeddings if ref_embeddings is None else as_float("ref_embeddings", ref_embeddings)
    reference_labels = labels if ref_labels is None else as_integers("ref_labels", ref_labels)
    fits = references.ndim == 2 and references.shape[1] == embeddings.shape[1]
    if not fits or reference_labels.shape not in ((len(references),), (len(references), 1)):
        raise ValueError(
            f"Received ref_labels of shape {reference_labels.shape} and ref_embeddings of shape "
            f"{references.shape}; expected (M,) and (M, {embeddings.shape[1]}), one label for each "
            "reference. Pass both, or neither."
        )
    same_type = references.astype(embeddings.dtype, copy=False)
    return labels.reshape(-1, 1), embeddings, reference_labels.reshape(1, -1), same_type


def same_label(labels, reference_labels, remove_diagonal):
    """Tell which pairs have one label: not a sample with itself, if `remove_diagonal`.

    Examples
    --------
    >>> same_label(np.array([[5], [5]]), np.array([[5, 5]]), remove_diagonal=True)
    array([[False,  True],
           [ True, False]])
    """
    alike = labels == reference_labels  # every label with every reference
    itself = np.eye(*alike.shape, dtype=bool)  # pairs of a sample with itself
    kin = alike & ~itself if remove_diagonal else alike  # pairs that count
    return kin


def log_sum_among(scores, chosen):
    """Return log(sum(exp(score))) over the chosen scores of each row; minus infinity where there are none.

    Examples
    --------
    >>> log_sum_among(np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([[True, True], [False, False]])).round(4)
    array([[0.6931],
           [  -inf]])
    """
    some = chosen.any(axis=1, keepdims=True)  # rows where any is chosen
    candidates = np.where(chosen, scores, -np.inf)  # the others weigh nothing
    largest = np.where(some, candidates.max(axis=1, keepdims=True), 0.0)  # of each row
    total = np.exp(candidates - largest).sum(axis=1, keepdims=True)  # at least 1
    result = np.where(some, largest + np.log(np.where(some, total, 1.0)), -np.inf)  # put back
    return result


def share_among(scores, chosen):
    """Return the softmax over the chosen scores of each row; 0 for the others, and where there are none.

    Examples
    --------
    >>> share_among(np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([[True, True], [False, False]]))
    array([[0.5, 0.5],
           [0. , 0. ]])
    """
    total = log_sum_among(scores, chosen)  # log of the sum, or minus infinity
    finite = np.where(chosen.any(axis=1, keepdims=True), total, 0.0)  # no infinity
    share = np.exp(np.where(chosen, scores, -np.inf) - finite)  # rows sum to 1, or to 0
    return share


@loss(
    formula=r"\ell_i = \log\Bigl( 1 + \sum_{j \in P_i} e^{\gamma [m + d_{ij}]_+ (d_{ij} - m)} "
    r"\sum_{j \in N_i} e^{\gamma [1 + m - d_{ij}]_+ (1 - m - d_{ij})} \Bigr), \qquad "
    r"d_{ij} = [1 - \hat y_i \cdot \hat y_j]_+",
    source="sun2020circle",
    between_samples=True,
    facts=Facts(
        minimiser="none: each class wants a place of its own",
        labels="class numbers, shape (N,); two or more samples of a class",
        output="linear, then divided by its length",
        trap="A sample without a second of its class costs 0 and is left out of the mean.",
        proof="samples_without_a_second_of_their_kind",
    ),
)
def circle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> np.ndarray:
    """Charge embeddings whose own kind is far away and whose strangers are near, the worst pairs most.

    Parameters
    ----------
    y_true : array_like of int, shape (B,) or (B, 1)
        The label of each sample: any whole numbers.
    y_pred : array_like, shape (B, D)
        Embeddings of length 1. The length is not checked, and nothing is normalised.
    ref_labels : array_like of int, shape (M,) or (M, 1), optional
        Labels of the references; those of the batch if left out.
    ref_embeddings : array_like, shape (M, D), optional
        What to compare with; the batch itself if left out.
    remove_diagonal : bool
        Whether pair number i of sample i is left out of its own kind.
    gamma : float
        How much the worst pairs outweigh the others, 0 or more.
    margin : float
        The cosine distance within which the own kind is near enough; strangers are far
        enough at 1 minus it.

    Returns
    -------
    numpy.ndarray, shape (B,)
        One value per sample, without unit; 0 for a sample without a second of its kind,
        or without strangers. The class leaves values of 0 out of its average, as Keras does.

    Raises
    ------
    TypeError
        If entries are not real numbers.
    ValueError
        If the shapes do not fit, the batch is empty, or a parameter is out of range.

    Examples
    --------
    Samples 0 and 1 are kin at a distance of 1, with a stranger as far. At a gamma of 1 the
    exponents are 1.4 · 0.6 = 0.84 and 0.4 · -0.4 = -0.16, together 0.68: log(1 + exp(0.68)).

    >>> circle([0, 0, 1], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], gamma=1).round(4)
    array([1.0899, 1.0899, 0.    ])
    """
    check_flag("remove_diagonal", remove_diagonal)
    gamma = check_not_below_zero("gamma", gamma)  # 0 or more
    margin = check_finite("margin", margin)  # any finite number
    labels, points, kinds, refs = as_embeddings(y_true, y_pred, ref_labels, ref_embeddings)  # as arrays
    kin = same_label(labels, kinds, remove_diagonal)  # pairs of one kind
    strangers = labels != kinds  # pairs of two kinds
    distance = np.maximum(1.0 - points @ refs.T, 0.0)  # 0 where they point alike
    kin_reach = np.maximum(margin + distance, 0.0)  # weight of a pair of kin
    far = gamma * kin_reach * (distance - margin)  # bad for kin
    reach = np.maximum(1.0 + margin - distance, 0.0)  # weight of a pair of strangers
    near = gamma * reach * (1.0 - margin - distance)  # bad for strangers
    strain = log_sum_among(far, kin) + log_sum_among(near, strangers)  # the worst of both
    cost = np.maximum(strain, 0.0) + np.log1p(np.exp(-np.abs(strain)))  # log(1 + exp)
    value = cost.squeeze(1)  # one number per sample
    return value


@gradient_of(
    circle,
    formula=r"\frac{\partial \sum_i w_i \ell_i}{\partial \hat y_i} = "
    r"\sum_j \bigl( a_{ij} + a_{ji} \bigr)\,\hat y_j, \qquad "
    r"a_{ij} = -2 \gamma\, w_i\, \sigma(s_i) \begin{cases} d_{ij}\, \pi_{ij} & j \in P_i \\ "
    r"-(1 - d_{ij})\,[d_{ij} \le 1 + m]\, \nu_{ij} & j \in N_i \end{cases}",
)
def circle_gradient(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
    upstream: float | np.ndarray = 1.0,
) -> np.ndarray:
    """Return the slope of the weighted sum of circle losses: a sample counts in all its pairs.

    Parameters
    ----------
    y_true : array_like of int, shape (B,) or (B, 1)
        As in :func:`circle`.
    y_pred : array_like, shape (B, D)
        As in :func:`circle`.
    ref_labels, ref_embeddings, remove_diagonal, gamma, margin
        As in :func:`circle`. Given references are constants: no slope goes through them.
    upstream : float or numpy.ndarray
        The weight of each value in the sum, shape (B,).

    Returns
    -------
    numpy.ndarray, shape (B, D)
        Per unit of the embeddings. The factors in front of the distances are part of the
        slope, as in Keras (the paper's own code holds them constant). At the kinks, a
        distance of 0 and one of 1 + margin, the slope is that of the side that costs.

    Raises
    ------
    TypeError, ValueError
        As in :func:`circle`.

    Examples
    --------
    A batch of one kind has no strangers: nothing to lose, no slope.

    >>> circle_gradient([0, 0], [[1.0, 0.0], [0.0, 1.0]])
    array([[0., 0.],
           [0., 0.]])
    """
    check_flag("remove_diagonal", remove_diagonal)
    gamma = check_not_below_zero("gamma", gamma)  # 0 or more
    margin = check_finite("margin", margin)  # any finite number
    labels, points, kinds, refs = as_embeddings(y_true, y_pred, ref_labels, ref_embeddings)  # as arrays
    kin = same_label(labels, kinds, remove_diagonal)  # pairs of one kind
    strangers = labels != kinds  # pairs of two kinds
    gap = 1.0 - points @ refs.T  # distance, before it is held at 0
    distance = np.maximum(gap, 0.0)  # 0 where they point alike
    kin_reach = np.maximum(margin + distance, 0.0)  # weight of a pair of kin
    far = gamma * kin_reach * (distance - margin)  # bad for kin
    reach = np.maximum(1.0 + margin - distance, 0.0)  # weight of a pair of strangers
    near = gamma * reach * (1.0 - margin - distance)  # bad for strangers
    strain = log_sum_among(far, kin) + log_sum_among(near, strangers)  # the worst of both
    kin_rise = kin_reach + (margin + distance >= 0) * (distance - margin)  # product rule
    rise = -reach - (1.0 + margin - distance >= 0) * (1.0 - margin - distance)  # the same
    kin_part = share_among(far, kin) * kin_rise  # the worst kin pull most
    part = share_among(near, strangers) * rise  # the worst strangers push most
    given = np.asarray(upstream, dtype=points.dtype).reshape(-1, 1)  # weight of each value
    weight = given * sigmoid(strain)  # how much each sample counts
    pull = -gamma * weight * (kin_part + part) * (gap >= 0)  # slope in each dot product
    as_sample = pull @ refs  # what a sample's own value says
    as_reference = pull.T @ points if ref_embeddings is None else 0.0  # and the others'
    slope = as_sample + as_reference  # both together
    return slope


@mask_of(circle)
def circle_mask(
    values,
    y_true,
    y_pred,
    ref_labels=None,
    ref_embeddings=None,
    remove_diagonal=True,
    gamma=80,
    margin=0.4,
):
    """Return where a sample counts: where its value is not 0, so that it has a pair to learn from."""
    return values != 0


class Circle(
    Loss,
    function=circle,
    order=("gamma", "margin", "remove_diagonal", "reduction", "name", "dtype"),
    defaults={"gamma": 80.0},
):
    """Object form of :func:`circle`."""
