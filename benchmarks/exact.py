"""Every loss written a second time, for numbers of 100 digits: what its value and slope are exactly.

The formulas are those of the catalogue, in mpmath and without regard to speed. A slope is the
difference of two values 1e-30 to either side: of its 100 digits, 50 are right at the least.
"""

import mpmath
import numpy as np
from mpmath import mp, mpf

from lossbook import EPSILON

mp.dps = 100
STEP = mpf(10) ** -30
TINY = mpf(EPSILON)


# --- one number against one number --------------------------------------------------------


def mean_squared_error(y, p):
    return (p - y) ** 2


def mean_absolute_error(y, p):
    return abs(p - y)


def mean_absolute_percentage_error(y, p):
    return 100 * abs(p - y) / max(abs(y), TINY)


def mean_squared_logarithmic_error(y, p):
    return mp.log((1 + max(p, TINY)) / (1 + max(y, TINY))) ** 2


def huber(y, p, delta=1):
    size = abs(p - y)
    return size**2 / 2 if size <= delta else delta * (size - delta / 2)


def log_cosh(y, p):
    return mp.log(mp.cosh(p - y))


def binary_crossentropy(y, p, from_logits=False):
    if from_logits:  # log(1 + exp) of the score either way: no cancellation
        return y * mp.log1p(mp.exp(-p)) + (1 - y) * mp.log1p(mp.exp(p))
    return -y * mp.log(p) - (1 - y) * mp.log(1 - p)


def binary_focal_crossentropy(y, p, gamma=2, from_logits=False, apply_class_balancing=False, alpha=0.25):
    yes, no = (1 / (1 + mp.exp(-p)), 1 / (1 + mp.exp(p))) if from_logits else (p, 1 - p)
    weight = y * alpha + (1 - y) * (1 - alpha) if apply_class_balancing else 1
    return weight * (y * no + (1 - y) * yes) ** gamma * binary_crossentropy(y, p, from_logits)


def poisson(y, p):
    return p - y * mp.log(p + TINY)


def hinge(y, p):
    return max(1 - y * p, mpf(0))


def squared_hinge(y, p):
    return max(1 - y * p, mpf(0)) ** 2


# --- one row against one row ---------------------------------------------------------------


def log_shares(p, from_logits):
    """Return the logarithm of each class's share, through the sum of the other classes."""
    weights = [mp.exp(one - max(p)) for one in p] if from_logits else p
    rests = [mp.fsum(weights[:k] + weights[k + 1 :]) for k in range(len(p))]
    return [-mp.log1p(rest / weight) for rest, weight in zip(rests, weights, strict=True)]


def categorical_crossentropy(y, p, from_logits=False):
    return -mp.fsum(a * b for a, b in zip(y, log_shares(p, from_logits), strict=True) if a)


def categorical_focal_crossentropy(y, p, alpha=0.25, gamma=2, from_logits=False):
    logs = log_shares(p, from_logits)
    return -mp.fsum(alpha * (-mp.expm1(b)) ** gamma * a * b for a, b in zip(y, logs, strict=True) if a)


def sparse_categorical_crossentropy(y, p, from_logits=False):
    return -log_shares(p, from_logits)[int(y[0])]


def categorical_generalized_cross_entropy(y, p, q):
    return (1 - p[int(y[0])] ** mpf(q)) / mpf(q)


def kl_divergence(y, p):
    held = [(min(max(a, TINY), mpf(1)), min(max(b, TINY), mpf(1))) for a, b in zip(y, p, strict=True)]
    return mp.fsum(a * mp.log(a / b) for a, b in held)


def categorical_hinge(y, p):
    own = mp.fsum(a * b for a, b in zip(y, p, strict=True))
    return max(max((1 - a) * b for a, b in zip(y, p, strict=True)) - own + 1, mpf(0))


def cosine_similarity(y, p):
    return -mp.fdot(y, p) / mp.sqrt(mp.fdot(y, y) * mp.fdot(p, p))


def dice(y, p, axis=-1):
    return 1 - 2 * mp.fdot(y, p) / (mp.fsum(y) + mp.fsum(p) + TINY)


def tversky(y, p, alpha, beta, axis=-1):
    found = mp.fdot(y, p)
    return 1 - found / (found + mpf(alpha) * (mp.fsum(p) - found) + mpf(beta) * (mp.fsum(y) - found) + TINY)


def ctc(y, p):
    """Add up the probabilities of all paths, frame by frame: with 100 digits no logarithms are needed."""
    rows = [[mp.exp(log) for log in log_shares(list(frame), True)] for frame in p]
    states = [0]
    for symbol in y:
        states += [int(symbol), 0] if symbol else []
    arrived = [rows[0][states[s]] if s < 2 else mpf(0) for s in range(len(states))]
    for row in rows[1:]:
        from_before = list(arrived)
        for s, symbol in enumerate(states):
            arrived[s] = mp.fsum(from_before[max(s - 1, 0) : s + 1])
            if s > 2 and s % 2 and symbol != states[s - 2]:
                arrived[s] += from_before[s - 2]
            arrived[s] *= row[symbol]
    return -mp.log(mp.fsum(arrived[-2:]))


# --- a batch against itself ----------------------------------------------------------------


def circle(labels, points, gamma=80, margin=0.4):
    """Return one value for each row of the batch."""
    values = []
    for i, own in enumerate(points):
        gaps = [max(1 - mp.fdot(own, other), mpf(0)) for other in points]
        kin = [mp.exp(gamma * max(margin + d, 0) * (d - margin)) for j, d in enumerate(gaps)
               if labels[j] == labels[i] and j != i]  # fmt: skip
        strangers = [mp.exp(gamma * max(1 + margin - d, 0) * (1 - margin - d)) for j, d in enumerate(gaps)
                     if labels[j] != labels[i]]  # fmt: skip
        values.append(mp.log1p(mp.fsum(kin) * mp.fsum(strangers)))
    return values


# --- any of them ----------------------------------------------------------------------------

ELEMENTS = {
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error", "huber", "log_cosh", "binary_crossentropy",
    "binary_focal_crossentropy", "poisson", "hinge", "squared_hinge",
}  # fmt: skip


def value(name, y_true, y_pred, **settings):
    """Return the exact values of one block: of one sample, or of a whole batch for Circle."""
    y = [mpf(float(one)) for one in np.ravel(y_true)]
    p = _exact(y_pred)
    formula = globals()[name]
    if name == "circle":
        return formula(y, p, **settings)
    return [mp.fsum(formula(a, b, **settings) for a, b in zip(y, p, strict=True)) / len(p)
            if name in ELEMENTS else formula(y, p, **settings)]  # fmt: skip


def slope(name, y_true, y_pred, **settings):
    """Return the exact slope of the sum of a block's values in each prediction, as an array of numbers."""
    at = np.array(_exact(y_pred), dtype=object)
    result = np.empty(at.shape, dtype=object)
    for place in np.ndindex(at.shape):
        above, below = at.copy(), at.copy()
        above[place] += STEP
        below[place] -= STEP
        rise = mp.fsum(value(name, y_true, above.tolist(), **settings))
        result[place] = (rise - mp.fsum(value(name, y_true, below.tolist(), **settings))) / (2 * STEP)
    return result


def _exact(numbers):
    if isinstance(numbers, mpmath.mpf):
        return numbers
    if np.ndim(numbers) == 0:
        return mpf(float(numbers))
    return [_exact(one) for one in numbers]
