"""Losses for directions: cosine similarity."""

import numpy as np

from lossbook.arrays import EPSILON, as_pair
from lossbook.base import Loss
from lossbook.registry import gradient_of, loss

# --- cosine similarity --------------------------------------------------------------------


@loss(
    formula=r"\ell_i = -\frac{\sum_j y_{ij}\,\hat y_{ij}}"
    r"{\max(\lVert y_i \rVert, \varepsilon)\,\max(\lVert \hat y_i \rVert, \varepsilon)}",
    source="salton1975vector",
)
def cosine_similarity(y_true, y_pred, axis=-1):
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
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    true_length = np.sqrt((y_true**2).sum(axis=axis, keepdims=True))  # Pythagoras
    pred_length = np.sqrt((y_pred**2).sum(axis=axis, keepdims=True))  # Pythagoras
    true_way = y_true / np.maximum(true_length, EPSILON)  # direction, length 1
    pred_way = y_pred / np.maximum(pred_length, EPSILON)  # direction, length 1
    cosine = (true_way * pred_way).sum(axis=axis)  # 1 where they point alike
    value = -cosine  # low is good
    return value


@gradient_of(
    cosine_similarity,
    formula=r"\frac{\partial \ell_i}{\partial \hat y_{ij}} = "
    r"-\frac{u_{ij} - \cos\theta_i\, v_{ij}}{\lVert \hat y_i \rVert}, \qquad "
    r"u_i = \frac{y_i}{\lVert y_i \rVert},\ v_i = \frac{\hat y_i}{\lVert \hat y_i \rVert}",
)
def cosine_similarity_gradient(y_true, y_pred, axis=-1):
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
    y_true, y_pred = as_pair(y_true, y_pred)  # float arrays of one shape
    true_length = np.sqrt((y_true**2).sum(axis=axis, keepdims=True))  # Pythagoras
    pred_length = np.sqrt((y_pred**2).sum(axis=axis, keepdims=True))  # Pythagoras
    floored = np.maximum(pred_length, EPSILON)  # length, never 0
    true_way = y_true / np.maximum(true_length, EPSILON)  # direction, length 1
    pred_way = y_pred / floored  # direction, length 1
    cosine = (true_way * pred_way).sum(axis=axis, keepdims=True)  # 1 where alike
    shadow = np.where(pred_length > EPSILON, cosine * pred_way, 0.0)  # part along it
    slope = (shadow - true_way) / floored  # turn towards the target
    return slope


class CosineSimilarity(Loss, function=cosine_similarity):
    """Object form of :func:`cosine_similarity`."""
