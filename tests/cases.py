"""What the tests, the benchmark and the exact numbers need of each loss: one record a loss, in LOSSES.

A record says how data are drawn, which settings are tried, what the value is in 100 digits, which
constant costs least, what lies on kinks and clips, which values are known from elsewhere, and what is
refused. The tests over the catalogue find a new loss by its record; nothing here but NumPy and mpmath
is loaded. Its range, and all else that is said in words, are the facts beside its function.
"""

import math
from dataclasses import dataclass, field
from functools import wraps

import mpmath
import numpy as np
from mpmath import mp, mpf

from lossbook import CATALOGUE, EPSILON

mp.dps = 100  # digits
TINY = mpf(EPSILON)


@dataclass(frozen=True)
class Record:
    """What there is to know of one loss.

    Attributes
    ----------
    draw : callable
        ``draw(rng, shape, settings, calm)``: labels and predictions, the axis of classes last. A
        *calm* batch stays away from kinks and clips, where a slope jumps; any other holds exact
        kinks, zero and perfect probabilities, huge logits, ties and zero vectors.
    exact : callable
        ``exact(y, p, **settings)``: the value of one sample in numbers of 100 digits; of a whole
        batch, one for each row, where `batch` says so.
    cheapest : callable
        ``cheapest(name, rng)``: random targets, with the constant that costs least (:class:`Claim`).
    settings : list of dict
        Settings that each test tries; the first are the usual ones.
    shape : tuple of int
        Of the predictions, for a small example.
    numbered : bool
        Whether labels are class numbers, one for each row.
    region : bool
        Whether `axis` names the axes of one region.
    axes : int or None
        How many axes the data have, where the loss says so; then each row has one value.
    batch : bool
        Whether the rows of a batch are compared with each other.
    known, edges, refuses : list of tuple
        Labels, predictions, settings; then the values and where they are from; nothing (data on
        kinks and clips, where the slope is to be TensorFlow's); a part of the message.
    """

    draw: callable
    exact: callable
    cheapest: callable
    settings: list = field(default_factory=lambda: [{}])
    shape: tuple = (5, 3)
    numbered: bool = False
    region: bool = False
    axes: int = None
    batch: bool = False
    known: list = field(default_factory=list)
    edges: list = field(default_factory=list)
    refuses: list = field(default_factory=list)


PARAMETERS = {
    "apply_class_balancing": (False, True),
    "alpha": (0.25, 0.5, 0.7, 1.0),
    "beta": (0.25, 0.5, 0.7, 1.0),
    "delta": (0.3, 0.5, 1.0, 2.5),
    "from_logits": (False, True),
    "gamma": (0.0, 0.5, 1.0, 1.5, 2.0, 3.0),
    "ignore_class": (None, 0, 1, -1),
    "label_smoothing": (0.0, 0.1, 0.5, 1.0),
    "margin": (0.1, 0.4, 0.0, -0.2, -1.0),
    "q": (0.05, 0.1, 0.5, 0.9),
    "quantile": (0.05, 0.5, 0.9),
    "remove_diagonal": (True, False),
}
"""The values a parameter is tried with, by its name; an axis follows from the shape."""
FUNCTION_ONLY = {
    "ref_labels",
    "ref_embeddings",
    "logit_lengths",
    "label_lengths",
}  # data: no class takes them


# --- the numbers --------------------------------------------------------------------------


def some(rng, shape, share=0.3):
    """Choose about that share of the places."""
    return rng.random(shape) < share


def one_hot(numbers, classes):
    """Return a row of 0 and one 1 for each number; rows of ``np.eye`` would take classes² numbers first."""
    return (np.arange(classes) == np.expand_dims(numbers, -1)).astype(float)


def reals(rng, shape, settings, calm):
    """Misses of every size; none, misses of exactly 1/2, 1, …, and very large ones where not calm."""
    y_true, y_pred = rng.normal(0, 2, shape), rng.normal(0, 2, shape)
    if calm:
        return y_true, y_true + away(
            y_pred - y_true, [0, settings.get("delta", 0), -settings.get("delta", 0)]
        )
    y_pred = np.where(some(rng, shape, 0.1), 200 * y_pred, y_pred)
    return np.round(2 * y_true) / 2, np.where(some(rng, shape), np.round(2 * y_pred) / 2, y_pred)


def positives(rng, shape, settings, calm):
    """Amounts; exact predictions, targets of 0 and negative predictions where not calm."""
    y_true, y_pred = rng.uniform(0.1, 5, shape), rng.uniform(0.1, 5, shape)
    if calm:
        return y_true, y_true + away(y_pred - y_true, [0])
    y_true = np.where(some(rng, shape, 0.1), 0.0, y_true)
    y_pred = np.where(some(rng, shape, 0.2), y_true, y_pred)
    return y_true, np.where(some(rng, shape), -y_pred, y_pred)


def yes_or_no(rng, shape, settings, calm):
    """Labels 0 and 1, some between; probabilities with 0 and 1, or log-odds with ±10 000."""
    y_true = np.where(some(rng, shape, 0.2), rng.random(shape), rng.integers(0, 2, shape))
    calm = (
        calm or settings.get("gamma", 1) < 1
    )  # the slope of a focus below 1 is NaN in TensorFlow at the truth
    if settings["from_logits"]:
        y_pred = away(rng.normal(0, 3, shape), [0])
        return y_true, y_pred if calm else np.where(
            some(rng, shape), rng.choice([-1e4, -100, 0, 100, 1e4], shape), y_pred
        )
    y_pred = rng.uniform(0.02, 0.98, shape)
    return y_true, y_pred if calm else np.where(
        some(rng, shape), rng.choice([0, 1e-8, 1 - 1e-8, 1], shape), y_pred
    )


def one_hots(rng, shape, settings, calm):
    """One-hot and soft labels; rows of any sum with 0 in them, or scores with ±10 000."""
    classes, rows = shape[-1], shape[:-1]
    soft = rng.dirichlet(np.ones(classes), rows)
    hot = one_hot(rng.integers(0, classes, rows), classes)
    y_true = np.where(some(rng, (*rows, 1), 0.2), soft, hot)
    if settings["from_logits"]:
        y_pred = rng.normal(0, 2, shape)
        stretch = 1e4 if "gamma" not in settings else 1.0  # Keras's focal loss has no exact form from logits
        return y_true, y_pred if calm else np.where(some(rng, (*rows, 1)), stretch * y_pred, y_pred)
    y_pred = rng.uniform(0.05, 1, shape)
    if calm:
        return y_true, y_pred
    bare = (
        np.where(some(rng, shape), 0.0, y_pred) + one_hot(0, classes) * 0.1
    )  # 0 here and there, no row of zeros
    return y_true, np.where(
        some(rng, (*rows, 1), 0.2), one_hot(rng.integers(0, classes, rows), classes), bare
    )


def class_numbers(rng, shape, settings, calm):
    """Class numbers, the ignored one among them; probabilities with 0 and 1, or scores."""
    rows = shape[:-1]
    y_true = rng.integers(0, shape[-1], rows)
    if settings["ignore_class"] is not None:
        y_true = np.where(some(rng, rows), settings["ignore_class"], y_true)
    if settings["from_logits"]:
        y_pred = rng.normal(0, 2, shape)
        return y_true, y_pred if calm else np.where(some(rng, (*rows, 1)), 1e4 * y_pred, y_pred)
    y_pred = rng.uniform(0.05, 0.95, shape)
    return y_true, y_pred if calm else np.where(
        some(rng, shape), rng.choice([0, 1e-8, 1, 1.1], shape), y_pred
    )


def bounded_numbers(rng, shape, settings, calm):
    """Class numbers and probabilities above 0: at 0 the slope of the generalized loss is infinite."""
    return rng.integers(0, shape[-1], shape[:-1]), rng.uniform(0.02, 1, shape)


def distributions(rng, shape, settings, calm):
    """Numbers from 0 to 1, and some beyond on both sides where not calm."""
    if calm:
        return rng.uniform(0, 1, shape), rng.uniform(0.02, 0.98, shape)
    y_pred = np.where(some(rng, shape, 0.1), 0.0, rng.uniform(-0.1, 1.1, shape))
    return rng.uniform(-0.1, 1.1, shape), y_pred


def counts(rng, shape, settings, calm):
    """Counts and rates; rates of 0 where not calm."""
    y_true, y_pred = rng.poisson(3.0, shape).astype(float), rng.uniform(0.2, 6, shape)
    return y_true, y_pred if calm else np.where(some(rng, shape, 0.2), 0.0, y_pred)


def margins(rng, shape, settings, calm):
    """Labels 0/1, or -1/+1, or with a third among them; scores on both sides of the margin, and on it."""
    kinds = [[0.0, 1.0], [-1.0, 1.0], [-1.0, 0.0, 1.0]]
    y_true = rng.choice(kinds[rng.integers(3)], shape)
    y_pred = rng.normal(0, 1.5, shape)
    return y_true, away(y_pred, [-1, 1]) if calm else np.where(
        some(rng, shape, 0.5), np.round(y_pred), y_pred
    )


def class_scores(rng, shape, settings, calm):
    """One-hot labels and raw scores; ties and exact margins where not calm."""
    y_true = one_hot(rng.integers(0, shape[-1], shape[:-1]), shape[-1])
    y_pred = rng.normal(0, 1.5, shape)
    if not calm:
        return y_true, np.where(some(rng, (*shape[:-1], 1), 0.6), np.round(y_pred), y_pred)
    places = np.argsort(np.argsort(y_pred, axis=-1), axis=-1)  # 0, 1, 2, … from low to high
    return y_true, 1.2 * places - 2.1 + 0.3 * rng.random((*shape[:-1], 1))  # no ties, no 0, no lead of 1


def vectors(rng, shape, settings, calm):
    """Vectors of any direction; zero vectors and vectors shorter than 1e-7 where not calm."""
    y_true, y_pred = rng.normal(0, 2, shape), rng.normal(0, 2, shape)
    y_pred = y_pred + np.copysign(0.1, y_pred)
    if calm:
        return y_true, y_pred
    rows = (*shape[:-1], 1)
    y_true = np.where(some(rng, rows, 0.2), rng.choice([0.0, 1e-9], rows), 1.0) * y_true
    return y_true, np.where(some(rng, rows, 0.2), rng.choice([0.0, 1e-9], rows), 1.0) * y_pred


def regions(rng, shape, settings, calm):
    """Masks and probabilities; empty masks and perfect predictions where not calm."""
    y_true, y_pred = rng.integers(0, 2, shape).astype(float), rng.uniform(0.05, 0.95, shape)
    if calm:
        return y_true, y_pred
    return y_true * (rng.random() < 0.8), np.where(some(rng, shape), rng.integers(0, 2, shape), y_pred)


def embeddings(rng, shape, settings, calm):
    """Labels, some of them alone, and embeddings of length 1; longer ones, alike ones, right angles where not calm."""
    y_true = rng.integers(0, 1 + shape[0] // 2, shape[0])
    y_pred = rng.normal(size=shape)
    unit = y_pred / np.linalg.norm(y_pred, axis=-1, keepdims=True)
    gap = 1.0 - 0.81 * unit @ unit.T  # distances
    kinks = [0, -settings["margin"], 1 + settings["margin"]]
    if calm and min(np.abs(gap - kink).min() for kink in kinks) < 0.01:
        return embeddings(rng, shape, settings, calm)  # too near a kink: draw again
    if calm:
        return y_true, 0.9 * unit  # a distance of 0 to itself is a kink, too
    axes = np.eye(shape[1])[rng.integers(0, shape[1], shape[0])]  # distances of exactly 0 and 1
    kinked = settings["margin"] in (0.0, -1.0)  # these kinks lie at the distances 1 and 0
    return y_true, axes if kinked else [unit, 2 * unit, axes][rng.integers(3)]


def recordings(rng, shape, settings, calm):
    """Labels that the frames can spell, padded with 0, and scores."""
    batch, frames, classes = shape
    y_true = rng.integers(1, classes, (batch, frames))
    lengths = rng.integers(0, (frames + 1) // 2 + 1, (batch, 1))
    return y_true * (np.arange(frames) < lengths), rng.normal(0, 2, shape)


def away(numbers, kinks, distance=0.02):
    """Push numbers that lie too near a kink off to its upper side."""
    moved = numbers
    for kink in kinks:
        near = np.abs(moved - kink) < distance
        moved = np.where(near, kink + distance, moved)
    return moved


# --- the constant that costs least ------------------------------------------------------------


@dataclass
class Claim:
    """A batch of targets, and the prediction for all of them that no other beats, as the facts have it."""

    name: str
    y_true: np.ndarray
    settings: dict = field(default_factory=dict)
    inside: callable = staticmethod(lambda row: row)
    """Brings a prediction back to where the loss is defined."""
    best: np.ndarray = None
    """What :data:`WORDS` say of these targets; given where the words of the facts are about a limit."""

    def __post_init__(self):
        if self.best is None:
            self.best = WORDS[CATALOGUE[self.name].facts.minimiser](self)

    def cost(self, row):
        """Return what one row costs, predicted for every sample; a whole batch stands for itself."""
        batch = len(self.y_true)
        y_pred = row if row.ndim > 1 and len(row) == batch else np.broadcast_to(row, (batch, *row.shape))
        return CATALOGUE[self.name].cls(**self.settings, reduction="sum")(self.y_true, y_pred)


# --- where predictions live -----------------------------------------------------------------


def on_simplex(row):
    positive = np.maximum(row, 1e-6)
    return positive / positive.sum()


def of_length_1(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def above(least):
    return lambda row: np.maximum(row, least)


def between(least, most):
    return lambda row: np.clip(row, least, most)


# --- centres of numbers -----------------------------------------------------------------------


def weighted_median(numbers, weights):
    order = np.argsort(numbers)
    passed = np.cumsum(weights[order])
    return numbers[order][np.searchsorted(passed, passed[-1] / 2)]


def root(rise, low, high):
    """Find where a rising function is 0, by halving."""
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if rise(middle) > 0 else (middle, high)
    return (low + high) / 2


def numbers(rng):
    return rng.normal(0, 3, 2 * rng.integers(2, 6) + 1)


def column(targets):
    return np.asarray(targets, float).reshape(-1, 1)


def targets(draw=numbers, inside=None, **settings):
    """Return what draws a column of targets for a claim."""
    inside = inside or (lambda row: row)
    return lambda name, rng: Claim(name, column(draw(rng)), settings, inside)


def amounts(rng):
    return np.exp(numbers(rng))


def counted(rng):
    return rng.poisson(2.0, 8) + np.eye(8, dtype=int)[0]  # not all of them 0


def where_the_pulls_cancel(pull, **settings):
    """Return what draws targets, and finds the constant at which the pulls of all of them add up to 0."""

    def claim(name, rng):
        y = numbers(rng)
        best = root(lambda c: pull(c - y).sum(), y.min(), y.max())
        return Claim(name, column(y), settings, best=np.array([best]))

    return claim


# --- shares of classes ----------------------------------------------------------------------------


def labels_of(rng, classes=3):
    """Draw class numbers with every class among them."""
    return rng.permutation(np.concatenate([np.arange(classes), rng.integers(0, classes, rng.integers(1, 9))]))


def share_of_yes(name, rng):
    labels = column(labels_of(rng, 2))
    if rng.random() < 0.5:
        return Claim(name, labels, {"from_logits": True})
    return Claim(name, labels, inside=between(1e-3, 1 - 1e-3))


def balanced_share_of_yes(name, rng):
    """With weights alpha and 1 - alpha, at gamma 0; as many of each at gamma 2 leave one half."""
    labels, inside = labels_of(rng, 2), between(1e-3, 1 - 1e-3)
    if rng.random() < 0.5:
        both = np.concatenate([labels, 1 - labels])
        return Claim(name, column(both), {"gamma": 2.0}, inside, np.array([0.5]))
    settings = {"gamma": 0.0, "alpha": 0.3, "apply_class_balancing": True}
    yes, no = 0.3 * labels.sum(), 0.7 * (1 - labels).sum()
    return Claim(name, column(labels), settings, inside, np.array([yes / (yes + no)]))


def shares(labels, classes=3):
    return np.bincount(labels, minlength=classes) / len(labels)


def class_shares(name, rng):
    labels = labels_of(rng)
    y_true = labels if LOSSES[name].numbered else np.eye(3)[labels]
    if rng.random() < 0.5:
        return Claim(name, y_true, {"from_logits": True})
    return Claim(name, y_true, inside=on_simplex)


def weighted_class_shares(name, rng):
    """At gamma 0, shares times alpha; at gamma 2 and as many of each class, one share for all."""
    if rng.random() < 0.5:
        return Claim(name, np.eye(3), {"gamma": 2.0}, on_simplex, np.full(3, 1 / 3))
    labels, alpha = labels_of(rng), np.array([0.5, 1.0, 2.0])
    settings = {"gamma": 0.0, "alpha": alpha.tolist()}
    return Claim(name, np.eye(3)[labels], settings, on_simplex, on_simplex(alpha * shares(labels)))


def sharpened_shares(name, rng):
    return Claim(name, labels_of(rng), {"q": 0.5}, on_simplex)


def distributions_of_3(name, rng):
    return Claim(name, rng.dirichlet(np.ones(3), 5), inside=on_simplex)


# --- sides, directions, regions, pairs, symbols --------------------------------------------------------


def sides(rng):
    labels = 2.0 * labels_of(rng, 2) - 1
    return np.append(labels, 1.0) if labels.sum() == 0 else labels


def yes_and_no(rng):
    return labels_of(rng, 2)  # 0 and 1 are read as -1 and +1


def one_hot_labels(name, rng):
    return Claim(name, np.eye(3)[rng.integers(0, 3, rng.integers(3, 9))])


def directions(name, rng):
    return Claim(name, rng.normal(1, 2, (5, 3)))


def mask_of_8(rng):
    """Whatever the share of the mask, more is better."""
    return rng.permutation(np.concatenate([[0, 1], rng.integers(0, 2, 6)]))


def kin_together(name, rng):
    """Two kinds at a right angle: a distance of 1 is far enough."""
    return Claim(name, labels_of(rng, 2), {"gamma": 10.0}, of_length_1)


# --- what the words of the facts mean ---------------------------------------------------------------


def as_settings_want(share, claim):
    """A share as the loss takes it: itself, or its log-odds or logarithm."""
    if not claim.settings.get("from_logits"):
        return share
    return np.log(share / (1 - share)) if share.size == 1 else np.log(share)


def classes_of(claim):
    return claim.y_true if claim.y_true.ndim == 1 else claim.y_true.argmax(axis=-1)


def to_power(rows, power):
    return rows**power / (rows**power).sum()


def lead(claim):
    share = shares(classes_of(claim))
    return np.where(share > 0.5, 1.0, 0.0)


WORDS = {
    "the mean": lambda c: c.y_true.mean(axis=0),
    "a median": lambda c: np.median(c.y_true, axis=0),
    "a median in which small targets weigh more, by 1/y": lambda c: np.array(
        [weighted_median(c.y_true.ravel(), 1 / c.y_true.ravel())]
    ),
    "the geometric mean of 1 + y, less 1": lambda c: np.prod(1 + c.y_true, axis=0) ** (1 / len(c.y_true)) - 1,
    "the share of ones": lambda c: as_settings_want(c.y_true.mean(axis=0), c),
    "the shares of the classes": lambda c: as_settings_want(shares(classes_of(c)), c),
    "the shares to the power 1/(1 - q), made to sum to 1": lambda c: to_power(
        shares(c.y_true), 1 / (1 - c.settings["q"])
    ),
    "the mean of the distributions": lambda c: c.y_true.mean(axis=0),
    "the more frequent side, -1 or 1": lambda c: np.sign(c.y_true.sum(axis=0)),
    "the mean of the labels -1 and 1": lambda c: (2 * c.y_true - 1).mean(axis=0),
    "a lead of 1 for the class that more than half have; without one, no lead": lead,
    "the quantile of that share": lambda c: np.quantile(
        c.y_true, c.settings["quantile"], method="inverted_cdf", keepdims=True
    )[0],
    "1 everywhere": lambda c: np.ones(1),
    "the sum of the targets' unit vectors, at any length": lambda c: of_length_1(c.y_true).sum(axis=0),
    "none: each class wants a place of its own": lambda c: np.eye(3)[c.y_true],
    "in a single frame, the shares of the symbols": lambda c: np.log(shares(c.y_true.ravel().astype(int)))[
        np.newaxis
    ],
    # words about limits, which have a test each in test_facts.py
    "the median for a small delta, the mean for a large one": None,
    "the mean of targets close together, the median of targets far apart": None,
    "the share of ones, pulled towards one half": None,
    "the shares of the classes, pulled towards equal ones": None,
}
"""What the words of the facts mean, for the targets of a claim; ``test_properties.py`` tries the claims."""


# --- the value in 100 digits: y and p are the lists of one sample --------------------------------


def per_entry(cost):
    """Turn the cost of one number into the value of a sample: their mean."""

    @wraps(cost)
    def exact(y, p, **settings):
        return mp.fsum(cost(a, b, **settings) for a, b in zip(y, p, strict=True)) / len(p)

    return exact


def held(number, low=TINY, high=1 - TINY):
    """Clip a number."""
    return min(max(number, low), high)


@per_entry
def exact_mean_squared_error(y, p):
    return (p - y) ** 2


@per_entry
def exact_mean_absolute_error(y, p):
    return abs(p - y)


@per_entry
def exact_quantile(y, p, quantile=0.5):
    return max(mpf(quantile) * (y - p), (1 - mpf(quantile)) * (p - y))


@per_entry
def exact_mean_absolute_percentage_error(y, p):
    return 100 * abs(p - y) / max(abs(y), TINY)


@per_entry
def exact_mean_squared_logarithmic_error(y, p):
    return mp.log((1 + max(p, TINY)) / (1 + max(y, TINY))) ** 2


@per_entry
def exact_huber(y, p, delta=1):
    size = abs(p - y)
    return size**2 / 2 if size <= delta else delta * (size - mpf(delta) / 2)


@per_entry
def exact_log_cosh(y, p):
    return mp.log(mp.cosh(p - y))


def yes_no_cost(y, p, from_logits):
    if from_logits:  # log(1 + exp) of the score either way: no cancellation
        return y * mp.log1p(mp.exp(-p)) + (1 - y) * mp.log1p(mp.exp(p))
    return -y * mp.log(held(p)) - (1 - y) * mp.log(1 - held(p))


@per_entry
def exact_binary_crossentropy(y, p, from_logits=False, label_smoothing=0, axis=-1):
    return yes_no_cost(y * (1 - label_smoothing) + mpf(label_smoothing) / 2, p, from_logits)


@per_entry
def exact_binary_focal_crossentropy(
    y, p, apply_class_balancing=False, alpha=0.25, gamma=2, from_logits=False, label_smoothing=0, axis=-1
):
    y = y * (1 - label_smoothing) + mpf(label_smoothing) / 2
    yes, no = (1 / (1 + mp.exp(-p)), 1 / (1 + mp.exp(p))) if from_logits else (p, 1 - p)
    weight = y * alpha + (1 - y) * (1 - alpha) if apply_class_balancing else 1
    return weight * (y * no + (1 - y) * yes) ** gamma * yes_no_cost(y, p, from_logits)


@per_entry
def exact_poisson(y, p):
    return p - y * mp.log(p + TINY)


@per_entry
def exact_hinge(y, p):
    return max(1 - y * p, mpf(0))


@per_entry
def exact_squared_hinge(y, p):
    return max(1 - y * p, mpf(0)) ** 2


def log_shares(p, from_logits):
    """Return the logarithm of each class's share, through the sum of the other classes."""
    weights = [mp.exp(one - max(p)) for one in p] if from_logits else p
    rests = [mp.fsum(weights[:k] + weights[k + 1 :]) for k in range(len(p))]
    return [
        -mp.log1p(rest / weight) if weight else mpf("-inf")
        for rest, weight in zip(rests, weights, strict=True)
    ]


def held_log_shares(p, from_logits):
    """Return the same, with shares of probabilities clipped."""
    return log_shares(p, True) if from_logits else [mp.log(held(one / mp.fsum(p))) for one in p]


def exact_categorical_crossentropy(y, p, from_logits=False, label_smoothing=0, axis=-1):
    soft = [one * (1 - label_smoothing) + mpf(label_smoothing) / len(y) for one in y]
    return -mp.fsum(a * b for a, b in zip(soft, held_log_shares(p, from_logits), strict=True) if a)


def exact_categorical_focal_crossentropy(
    y, p, alpha=0.25, gamma=2, from_logits=False, label_smoothing=0, axis=-1
):
    soft = [one * (1 - label_smoothing) + mpf(label_smoothing) / len(y) for one in y]
    weights = alpha if isinstance(alpha, list) else [alpha] * len(y)
    logs = held_log_shares(p, from_logits)
    return -mp.fsum(
        w * (-mp.expm1(b)) ** gamma * a * b for w, a, b in zip(weights, soft, logs, strict=True) if a
    )


def exact_sparse_categorical_crossentropy(y, p, from_logits=False, ignore_class=None, axis=-1):
    if ignore_class is not None and y == ignore_class:
        return mpf(0)
    return -log_shares(p if from_logits else [held(one) for one in p], from_logits)[int(y)]


def exact_categorical_generalized_cross_entropy(y, p, q):
    return (1 - p[int(y)] ** mpf(q)) / mpf(q)


def exact_kl_divergence(y, p):
    pairs = [(held(a, high=mpf(1)), held(b, high=mpf(1))) for a, b in zip(y, p, strict=True)]
    return mp.fsum(a * mp.log(a / b) for a, b in pairs)


def exact_categorical_hinge(y, p):
    own = mp.fsum(a * b for a, b in zip(y, p, strict=True))
    return max(max((1 - a) * b for a, b in zip(y, p, strict=True)) - own + 1, mpf(0))


def exact_cosine_similarity(y, p, axis=-1):
    return -mp.fdot(y, p) / math.prod(max(mp.sqrt(mp.fdot(one, one)), TINY) for one in (y, p))


def exact_dice(y, p, axis=None):
    return 1 - 2 * mp.fdot(y, p) / (mp.fsum(y) + mp.fsum(p) + TINY)


def exact_tversky(y, p, alpha=0.5, beta=0.5, axis=None):
    found = mp.fdot(y, p)
    return 1 - found / (found + mpf(alpha) * (mp.fsum(p) - found) + mpf(beta) * (mp.fsum(y) - found) + TINY)


def exact_ctc(y, p):
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


def exact_circle(labels, points, gamma=80, margin=0.4, remove_diagonal=True):
    """Return one value for each row of the batch."""
    values = []
    for i, own in enumerate(points):
        gaps = [max(1 - mp.fdot(own, other), mpf(0)) for other in points]
        kin = [mp.exp(gamma * max(margin + d, 0) * (d - margin)) for j, d in enumerate(gaps)
               if labels[j] == labels[i] and not (j == i and remove_diagonal)]  # fmt: skip
        strangers = [mp.exp(gamma * max(1 + margin - d, 0) * (1 - margin - d)) for j, d in enumerate(gaps)
                     if labels[j] != labels[i]]  # fmt: skip
        values.append(mp.log1p(mp.fsum(kin) * mp.fsum(strangers)))
    return values


# --- the records ---------------------------------------------------------------------------------

Z = np.zeros
TWO = [[0.5, 0.5], [0.5, 0.5]]
LOW, HIGH = np.float32(1e-7), np.float32(1 - 1e-7)  # the clips, as float32 knows them

# fmt: off
LOSSES = {
    "mean_squared_error": Record(
        draw=reals, exact=exact_mean_squared_error, cheapest=targets(),
        refuses=[
            ([[1.0, 2.0]], [[1.0, 2.0, 3.0]], {}, "y_true of shape (1, 2) and y_pred of shape (1, 3)"),
            ([1.0, 2.0], TWO, {}, "y_true of shape (2,) and y_pred of shape (2, 2)"),
            (1.0, 2.0, {}, "a single number (shape ())"),
            ([["a"]], [[1.0]], {}, "y_true with entries of type text"),
            ([[1.0, 2.0], [3.0]], [[1.0, 2.0], [3.0, 4.0]], {}, "y_true as a ragged list"),
        ],
    ),
    "mean_absolute_error": Record(
        draw=reals, exact=exact_mean_absolute_error, cheapest=targets(),
        edges=[([[0.0, 0.0, 0.0]], [[0.0, -0.001, 0.001]], {})],
        refuses=[
            ([[1.0, 2.0]], TWO, {}, "expected one shape for both"),
            ([[1.0]], [["b"]], {}, "y_pred with entries of type text"),
        ],
    ),
    "quantile": Record(
        draw=reals, exact=exact_quantile, cheapest=targets(quantile=0.75),
        settings=[{"quantile": 0.9}, {}, {"quantile": 0.05}],
        known=[
            ([[3, -0.5, 2, 7]], [[2.5, 0.0, 2, 8]], {"quantile": 0.1}, [0.35], "by hand: 0.1 * 0.5 + 0.9 * (0.5 + 1), over 4"),
        ],
        edges=[([[0.0, 0.0, 0.0]], [[0.0, -0.001, 0.001]], {"quantile": 0.9})],
        refuses=[
            (TWO, TWO, {"quantile": 0.0}, "quantile=0.0; expected a number between 0 and 1"),
            (TWO, TWO, {"quantile": 90}, "quantile=90; expected"),
            (TWO, TWO, {"quantile": np.nan}, "quantile=nan"),
            (TWO, TWO, {"quantile": [0.1, 0.9]}, "expected one number"),
        ],
    ),
    "mean_absolute_percentage_error": Record(
        draw=positives, exact=exact_mean_absolute_percentage_error, cheapest=targets(amounts),
        edges=[([[0.0, 2.0, 1e-08]], [[0.0, 2.0, 1.0]], {})],
        refuses=[(Z((2, 1)), TWO, {}, "y_true of shape (2, 1)")],
    ),
    "mean_squared_logarithmic_error": Record(
        draw=positives, exact=exact_mean_squared_logarithmic_error, cheapest=targets(amounts, above(1e-6)),
        edges=[
            ([[1.0, 1.0, 1.0]], [[1e-08, -0.5, 1.0]], {}),
            ([[1.0]], [[LOW]], {}),
        ],
        refuses=[(Z((2, 3, 1)), TWO, {}, "y_true of shape (2, 3, 1) and y_pred of shape (2, 2)")],
    ),
    "huber": Record(
        draw=reals, exact=exact_huber, cheapest=where_the_pulls_cancel(lambda miss: np.clip(miss, -1.5, 1.5), delta=1.5),
        settings=[{}, {"delta": 0.3}, {"delta": 3.0}],
        known=[
            ([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]], {}, [0.18, 0.13], "docs of keras.losses.Huber: mean 0.155"),
        ],
        edges=[([[0.0, 0.0, 0.0, 0.0]], [[1.0, -1.0, 1.001, 0.999]], {})],
        refuses=[
            (Z((4, 2)), Z((2, 4)), {}, "check which axis holds the samples"),
            ([[1.0]], [[1 + 2j]], {}, "entries of type complex number"),
            (TWO, TWO, {"delta": 0.0}, "delta=0.0; expected a number above 0"),
            (TWO, TWO, {"delta": -1.0}, "delta=-1.0"),
            (TWO, TWO, {"delta": np.nan}, "delta=nan"),
            (TWO, TWO, {'delta': '1'}, "delta='1'"),
        ],
    ),
    "log_cosh": Record(
        draw=reals, exact=exact_log_cosh, cheapest=where_the_pulls_cancel(np.tanh),
        known=[
            ([[0.0]], [[1e+30]], {}, [1e+30], "log cosh x = |x| - log 2 for large x"),
            ([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]], {}, [0.21689064, 0.0], "docs of keras.losses.LogCosh: mean 0.108"),
            ([[0.0]], [[1e-08]], {}, [5e-17], "half the square of a small miss"),
        ],
        edges=[([[0.0, 0.0, 0.0]], [[0.0, 1.0, -100.0]], {})],
        refuses=[(Z((3, 1, 1)), Z(3), {}, "y_true of shape (3, 1, 1)")],
    ),
    "binary_crossentropy": Record(
        draw=yes_or_no, exact=exact_binary_crossentropy, cheapest=share_of_yes,
        settings=[
            {},
            {"from_logits": True},
            {"label_smoothing": 0.2},
            {"from_logits": True, "label_smoothing": 0.2, "axis": 0},
        ],
        edges=[
            ([[1.0, 1.0, 1.0, 1.0, 0.0]], [[0.0, 1e-08, 1e-06, 1.0, 1.0]], {}),
            ([[1.0, 1.0, 1.0, 0.0]], [[-100.0, 0.0, 100.0, 0.0]], {"from_logits": True}),
            ([[1.0]], [[LOW]], {}),
            ([[0.0]], [[HIGH]], {}),
        ],
        refuses=[
            ([1.0, 0.0], TWO, {}, "compares number with number"),
            (TWO, TWO, {"label_smoothing": 1.5}, "label_smoothing=1.5; expected a number from 0 to 1"),
            (TWO, TWO, {"label_smoothing": True}, "label_smoothing=True"),
            (TWO, TWO, {"from_logits": 1}, "from_logits=1; expected True or False"),
            (TWO, TWO, {"axis": 2}, "axis=2 for y_pred of shape (2, 2)"),
            (TWO, TWO, {"axis": None}, "axis=None; expected a whole number"),
        ],
    ),
    "categorical_crossentropy": Record(
        draw=one_hots, exact=exact_categorical_crossentropy, cheapest=class_shares,
        settings=[
            {},
            {"from_logits": True},
            {"label_smoothing": 0.2},
            {"from_logits": True, "label_smoothing": 0.2},
            {"axis": 0},
        ],
        edges=[
            ([[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], {}),
            ([[1.0, 0.0]], [[LOW, HIGH]], {}),
            ([[0.0, 1.0]], [[LOW, HIGH]], {}),
        ],
        refuses=[
            ([0, 1], TWO, {}, "y_true of shape (2,) and y_pred of shape (2, 2)"),
            ([[1, 0]], [[0.0, 0.0]], {}, "sums to 0"),
            ([[1, 0]], [[1.0, -1.0]], {}, "sums to 0 (position (0, 0))"),
            (TWO, TWO, {"label_smoothing": -0.1}, "label_smoothing=-0.1"),
            (TWO, TWO, {"axis": True}, "axis=True"),
            (TWO, TWO, {"axis": -3}, "whole number from -2 to 1"),
        ],
    ),
    "sparse_categorical_crossentropy": Record(
        draw=class_numbers, exact=exact_sparse_categorical_crossentropy, cheapest=class_shares, numbered=True,
        settings=[{}, {"from_logits": True}, {"ignore_class": 1}, {"from_logits": True, "ignore_class": 0}],
        edges=[
            ([0, 0, 1], [[0.0, 1.0], [1.0, 0.0], [0.6, 0.4]], {}),
            ([0], [[LOW, 1.0]], {}),
            ([0], [[HIGH, 1.0]], {}),
        ],
        refuses=[
            ([2], [[0.5, 0.5]], {}, "class number 2 at position (0, 0); expected 0 … 1"),
            ([-1], [[0.5, 0.5]], {}, "class number -1"),
            ([2], [[0.5, 0.5]], {"ignore_class": 3}, "class number 2"),
            ([[0, 1], [1, 0]], TWO, {}, "not one-hot"),
            ([0, 1, 1], TWO, {}, "y_true of shape (3,)"),
            ([0.0, np.nan], TWO, {}, "NaN or infinity"),
            ([0, 1], TWO, {"ignore_class": 0.5}, "ignore_class=0.5"),
            ([0, 1], TWO, {"axis": 5}, "axis=5"),
        ],
    ),
    "categorical_generalized_cross_entropy": Record(
        draw=bounded_numbers, exact=exact_categorical_generalized_cross_entropy, cheapest=sharpened_shares, numbered=True,
        settings=[{"q": 0.5}, {"q": 0.9}, {"q": 0.05}],
        known=[
            ([0], [[0.0, 1.0]], {"q": 0.5}, [2.0], "1/q, the most it can be"),
            ([0, 1, 0, 1], [[0.7, 0.3], [0.2, 0.8], [0.6, 0.4], [0.4, 0.6]], {"q": 0.5}, [2 - 2 * math.sqrt(p) for p in (0.7, 0.8, 0.6, 0.6)], "the formula of Zhang and Sabuncu 2018, by hand"),
        ],
        refuses=[
            ([0, 2], TWO, {"q": 0.5}, "class number 2"),
            ([[0, 1]], TWO, {"q": 0.5}, "y_true of shape (1, 2)"),
            ([0, np.inf], TWO, {"q": 0.5}, "NaN or infinity"),
            ([0], [[-0.1, 1.1]], {"q": 0.5}, "probability of the true class of -0.1"),
            ([0, 1], TWO, {"q": 0.0}, "q=0.0; expected a number between 0 and 1"),
            ([0, 1], TWO, {"q": 1.0}, "q=1.0"),
            ([0, 1], TWO, {"q": 1}, "both excluded"),
        ],
    ),
    "kl_divergence": Record(
        draw=distributions, exact=exact_kl_divergence, cheapest=distributions_of_3,
        known=[
            ([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]], {}, [0.916289, -3.080907e-06], "docs of keras.losses.KLDivergence: mean 0.458"),
        ],
        edges=[
            ([[0.5, 0.5, 0.5]], [[0.0, 1.5, 1.0]], {}),
            ([[0.5]], [[LOW]], {}),
            ([[0.5]], [[1.0]], {}),
        ],
        refuses=[
            (Z((2, 2)), Z((2, 2, 2)), {}, "y_pred of shape (2, 2, 2)"),
            ([[b"x"]], [[1.0]], {}, "entries of type bytes"),
        ],
    ),
    "poisson": Record(
        draw=counts, exact=exact_poisson, cheapest=targets(counted, above(1e-6)),
        known=[
            ([[0, 1], [0, 0]], [[1, 1], [0, 0]], {}, [1.0, 0.0], "docs of keras.losses.Poisson: mean 0.5"),
        ],
        edges=[([[1.0, 0.0]], [[0.0, 0.0]], {})],
        refuses=[
            (Z((0, 3)), Z((0, 3)), {}, "an empty batch"),
            (np.array([["2020-01-01"]], "datetime64[D]"), [[1.0]], {}, "entries of type date"),
            ([[1.0, 1.0]], [[0.5, -0.5]], {}, "negative rate, y_pred = -0.5 at position (0, 1)"),
        ],
    ),
    "binary_focal_crossentropy": Record(
        draw=yes_or_no, exact=exact_binary_focal_crossentropy, cheapest=balanced_share_of_yes,
        settings=[
            {},
            {"from_logits": True},
            {"gamma": 0.5, "label_smoothing": 0.2},
            {"gamma": 0.5, "from_logits": True, "label_smoothing": 0.2},
            {"apply_class_balancing": True, "alpha": 0.7, "gamma": 1.0},
            {"apply_class_balancing": True, "gamma": 0.0, "from_logits": True},
            {"axis": 0},
        ],
        known=[
            ([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]], {}, [0.32986468, 0.20579814], "docs of keras.losses.binary_focal_crossentropy"),
            ([[1.0]], [[-10000.0]], {"from_logits": True}, [10000.0], "-log sigmoid(-z) is z"),
        ],
        edges=[
            ([[1.0, 1.0, 0.0]], [[0.0, 1.0, 1.0]], {}),
            ([[1.0, 1.0, 0.0]], [[0.0, 1.0, 1.0]], {"gamma": 1.0}),
            ([[1.0, 1.0, 0.0]], [[0.0, 0.7, 1.0]], {"gamma": 0.0}),
            ([[1.0]], [[LOW]], {}),
            ([[0.0]], [[HIGH]], {}),
        ],
        refuses=[
            ([[1.0]], [[1.5]], {"gamma": 0.5}, "probability of the wrong label of -0.5"),
            (TWO, TWO, {"gamma": -1.0}, "gamma=-1.0; expected a finite number of 0 or more"),
            (TWO, TWO, {"gamma": np.inf}, "gamma=inf"),
            (TWO, TWO, {"alpha": -0.5}, "alpha=-0.5"),
            (TWO, TWO, {"alpha": [0.2, 0.8]}, "alpha=[0.2, 0.8]; expected one number"),
            (TWO, TWO, {'apply_class_balancing': 'yes'}, "apply_class_balancing='yes'"),
        ],
    ),
    "categorical_focal_crossentropy": Record(
        draw=one_hots, exact=exact_categorical_focal_crossentropy, cheapest=weighted_class_shares,
        settings=[
            {},
            {"from_logits": True},
            {"gamma": 0.5, "label_smoothing": 0.2},
            {"gamma": 3.3, "from_logits": True, "label_smoothing": 0.2},
            {"alpha": [0.2, 0.5, 0.9], "gamma": 1.0},
            {"alpha": [0.2, 0.5, 0.9], "gamma": 0.0, "from_logits": True},
            {"axis": 0},
        ],
        known=[
            ([[0, 1, 0], [0, 0, 1]], [[0.05, 0.9, 0.05], [0.1, 0.85, 0.05]], {}, [0.000263401289, 0.675912094], "docs of keras.losses.categorical_focal_crossentropy"),
            ([[1, 0]], [[-10000.0, 10000.0]], {"from_logits": True}, [0.25 * 20000.0], "alpha times -log softmax"),
        ],
        edges=[
            ([[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], {}),
            ([[1.0, 0.0]], [[LOW, HIGH]], {"gamma": 0.0}),
            ([[0.0, 1.0]], [[LOW, HIGH]], {"gamma": 0.0}),
        ],
        refuses=[
            ([[1], [0]], TWO, {}, "y_true of shape (2, 1)"),
            ([[1, 0]], [[0.0, 0.0]], {}, "sums to 0"),
            (TWO, TWO, {"alpha": [0.2, 0.3, 0.5]}, "alpha with 3 weights for 2 classes"),
            (TWO, TWO, {"alpha": [0.2, -0.3]}, "alpha=-0.3"),
            (TWO, TWO, {"alpha": []}, "alpha=[]"),
            (TWO, TWO, {'alpha': 'balanced'}, "alpha='balanced'"),
            (TWO, TWO, {"gamma": None}, "gamma=None"),
        ],
    ),
    "hinge": Record(
        draw=margins, exact=exact_hinge, cheapest=targets(sides),
        known=[
            ([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]], {}, [1.1, 1.5], "docs of keras.losses.Hinge: mean 1.3"),
        ],
        edges=[([[1.0, 1.0, 1.0, -1.0]], [[0.999, 1.0, 1.001, -1.0]], {})],
        refuses=[
            ([[1.0]], TWO, {}, "y_true of shape (1, 1)"),
            ([[1.0]], [[None]], {}, "object (NoneType)"),
        ],
    ),
    "squared_hinge": Record(
        draw=margins, exact=exact_squared_hinge, cheapest=targets(yes_and_no),
        known=[
            ([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]], {}, [1.46, 2.26], "docs of keras.losses.SquaredHinge: mean 1.86"),
        ],
        edges=[([[1.0, 1.0, 1.0, -1.0]], [[0.0, 1.0, 1.001, -1.0]], {})],
    ),
    "categorical_hinge": Record(
        draw=class_scores, exact=exact_categorical_hinge, cheapest=one_hot_labels,
        known=[
            ([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]], {}, [1.2, 1.6], "docs of keras.losses.CategoricalHinge: mean 1.4"),
        ],
        edges=[
            ([[1.0, 0.0], [1.0, 0.0]], [[0.5, -3.0], [3.0, 2.0]], {}),
            ([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], [[0.5, 2.0, 2.0], [-1.0, 0.0, 0.0]], {}),
        ],
    ),
    "dice": Record(
        draw=regions, exact=exact_dice, cheapest=targets(mask_of_8, between(0.0, 1.0)), region=True,
        settings=[{}, {"axis": (1, 2, 3)}, {"axis": -1}, {"axis": 0}],
        known=[
            ([[1.0, 1.0, 0.0, 0.0]], [[1.0, 0.0, 1.0, 0.0]], {}, 0.5, "one pixel shared, two and two: 1 - 2/4"),
        ],
        edges=[([[0.0, 0.0]], [[0.0, 0.0]], {})],
        refuses=[
            (Z((2, 4, 4)), Z((2, 4, 5)), {}, "y_pred of shape (2, 4, 5)"),
            (TWO, [[1.0], [3.0, 4.0]], {}, "rows of length 1, 2"),
            (TWO, TWO, {"axis": (1, 2)}, "axis=2 for y_pred of shape (2, 2)"),
            (TWO, TWO, {"axis": (1, -1)}, "each axis at most once"),
            (TWO, TWO, {"axis": ()}, "at least one"),
        ],
    ),
    "tversky": Record(
        draw=regions, exact=exact_tversky, cheapest=targets(mask_of_8, between(0.0, 1.0), alpha=0.3, beta=0.7), region=True,
        settings=[{}, {"alpha": 0.3, "beta": 0.8}, {"alpha": 0.9, "beta": 0.2, "axis": (1, 2, 3)}, {"axis": -1}],
        known=[
            ([1.0, 1.0, 0.0], [1.0, 0.0, 1.0], {"alpha": 2.0, "beta": 3.0}, 1 - 1 / 6, "1 / (1 + 2 + 3), Salehi et al. 2017, eq. 3"),
        ],
        edges=[([[0.0, 0.0]], [[0.0, 0.0]], {})],
        refuses=[
            (Z((3, 0)), Z((3, 0)), {}, "y_pred of shape (3, 0), an empty batch"),
            (TWO, TWO, {"alpha": -1.0}, "alpha=-1.0"),
            (TWO, TWO, {"beta": -1.0}, "beta=-1.0; expected a finite number of 0 or more"),
            (TWO, TWO, {"alpha": [0.3, 0.7]}, "expected one number"),
        ],
    ),
    "cosine_similarity": Record(
        draw=vectors, exact=exact_cosine_similarity, cheapest=directions,
        settings=[{}, {"axis": 0}],
        edges=[
            ([[1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [5e-08, 5e-08]], {}),
            ([[1.0, 1.0]], [[LOW, 0.0]], {}),
        ],
        refuses=[
            (Z((2, 3)), Z((3, 2)), {}, "y_true of shape (2, 3)"),
            (TWO, TWO, {"axis": 4}, "axis=4"),
        ],
    ),
    "circle": Record(
        draw=embeddings, exact=exact_circle, cheapest=kin_together, axes=2, batch=True, shape=(6, 3),
        settings=[
            {},
            {"gamma": 4.0, "margin": 0.1},
            {"gamma": 2.0, "remove_diagonal": False},
            {"gamma": 2.0, "margin": -0.2},
        ],
        known=[([0, 0], [[1.0, 0.0], [0.0, 1.0]], {}, [0.0, 0.0], "no strangers, nothing to lose")],
        edges=[
            ([0, 0, 1, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], {"gamma": 2.0, "margin": 0.5}),
            ([0, 0, 1, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], {"gamma": 2.0, "margin": 0.0}),
        ],
        refuses=[
            ([0, 1], [1.0, 2.0], {}, "y_pred of shape (2,)"),
            ([0, 1, 2], TWO, {}, "y_true of shape (3,)"),
            ([[0, 1], [1, 0]], TWO, {}, "one label and one embedding for each sample"),
            ([0, np.nan], TWO, {}, "NaN or infinity"),
            ([0, 1], TWO, {"gamma": -2.0}, "gamma=-2.0"),
            ([0, 1], TWO, {"margin": np.nan}, "margin=nan; expected a finite number"),
            ([0, 1], TWO, {'margin': 'wide'}, "margin='wide'"),
            ([0, 1], TWO, {"remove_diagonal": 0}, "remove_diagonal=0"),
            ([0, 1], TWO, {"ref_labels": [0, 1, 1]}, "ref_labels of shape (3,)"),
            ([0, 1], TWO, {"ref_embeddings": Z((3, 2))}, "ref_embeddings of shape (3, 2)"),
            ([0, 1], TWO, {"ref_labels": [0], "ref_embeddings": Z((1, 3))}, "(M, 2)"),
        ],
    ),
    "ctc": Record(
        draw=recordings, exact=exact_ctc, cheapest=targets(labels_of), axes=3, shape=(3, 6, 4),
        known=[
            ([[1]], [[[0.0, 0.0]] * 2], {}, [math.log(4 / 3)], "aa, a- and -a, of four paths"),
            ([[1, 1]], [[[0.0, 0.0]] * 3], {}, [math.log(8)], "a-a alone, of eight paths"),
            ([[1, 2]], [[[0.0, 0.0, 0.0]] * 3], {}, [math.log(27 / 5)], "aab, abb, -ab, a-b and ab-, of 27 paths"),
            ([[0, 0]], [[[0.0, 0.0, 0.0]] * 3], {}, [math.log(27)], "three blanks, of 27 paths"),
        ],
        refuses=[
            (Z((1, 2)), Z((1, 0, 3)), {}, "an empty batch"),
            ([[1, 2], [1]], Z((2, 4, 3)), {}, "ragged list"),
            ([1, 2], Z((1, 5, 3)), {}, "y_true of shape (2,)"),
            ([[1, 2]], Z((5, 3)), {}, "y_pred of shape (5, 3)"),
            ([[1], [2]], Z((1, 5, 3)), {}, "expected (B, L) and (B, T, K)"),
            ([[1, 3]], Z((1, 5, 3)), {}, "symbol 3 at position (0, 1)"),
            ([[1, -1]], Z((1, 5, 3)), {}, "symbol -1 at position (0, 1)"),
            ([[1, np.nan]], Z((1, 5, 3)), {}, "NaN or infinity"),
            ([[1, 2, 1, 2, 1, 2]], Z((1, 5, 3)), {}, "6 symbols that needs 6 frames"),
            ([[1, 0, 0, 0], [1, 1, 1, 1]], Z((2, 5, 3)), {}, "row 1 a label of 4 symbols that needs 7 frames"),
        ],
    ),
}
# fmt: on


def given(number):
    """Turn floats into numbers of 100 digits, in lists too; leave all else."""
    if isinstance(number, list):
        return [given(one) for one in number]
    return mpf(number) if isinstance(number, float) else number


def exact_values(name, y_true, y_pred, **settings):
    """Return the exact values of samples laid out one after the other: ``y_true[i]`` and ``y_pred[i]``."""
    return values_in_digits(name, as_sides(name, y_true), y_pred, settings)


def values_in_digits(name, y_true, y_pred, settings):
    formula = LOSSES[name].exact
    settings = {key: given(one) for key, one in settings.items() if key != "axis"}
    y, p = in_digits(y_true), in_digits(y_pred)
    if LOSSES[name].batch:
        return formula(y, p, **settings)
    return [formula(a, b, **settings) for a, b in zip(y, p, strict=True)]


def exact_slope(name, y_true, y_pred, weights=None, **settings):
    """Return the exact slope of the sum of all values, each times its weight, in each prediction.

    It is the difference of two values 1e-30 to either side: of its 100 digits, 50 are right at the least.
    """
    y, p, step = as_sides(name, y_true), np.array(in_digits(y_pred), dtype=object), mpf(10) ** -30
    weights = [mpf(1)] * len(p) if weights is None else in_digits(weights)
    result = np.full(p.shape, mpf(0), dtype=object)
    for place in np.ndindex(p.shape):
        rows = slice(None) if LOSSES[name].batch else slice(place[0], place[0] + 1)  # the others stay
        sums = []
        for side in (step, -step) if any(weights[rows]) else ():
            moved = p.copy()
            moved[place] += side
            values = values_in_digits(name, y[rows], moved[rows].tolist(), settings)
            sums.append(mp.fsum(w * v for w, v in zip(weights[rows], values, strict=True) if w))
        result[place] = (sums[0] - sums[1]) / (2 * step) if sums else mpf(0)
    return result


def in_digits(numbers):
    if isinstance(numbers, mpmath.mpf):
        return numbers
    if np.ndim(numbers) == 0:
        return mpf(float(numbers))
    return [in_digits(one) for one in numbers]


def as_sides(name, labels):
    """Read labels 0 and 1 as -1 and +1 where a hinge does: if there are no others."""
    labels = np.asarray(labels)
    both = name in ("hinge", "squared_hinge") and np.isin(labels.astype(float), (0, 1)).all()
    return 2 * labels - 1 if both else labels


# --- data from the records ---------------------------------------------------------------------


def fill(name, rng, shape, settings, calm=False):
    """Draw labels and predictions; the axis of the classes or of the vector is the one in the settings."""
    record, axis = LOSSES[name], settings.get("axis", -1)
    settings = {**{key: one.default for key, one in CATALOGUE[name].parameters.items()}, **settings}
    if record.region or record.axes:
        return record.draw(rng, shape, settings, calm)
    last = tuple(np.moveaxis(np.empty(shape, bool), axis, -1).shape)  # the shape with that axis last
    y_true, y_pred = record.draw(rng, last, settings, calm)
    y_true = y_true if record.numbered else np.moveaxis(y_true, -1, axis)
    return y_true, np.moveaxis(y_pred, -1, axis)


def example(name, settings, dtype="float64", seed=0, shape=None, calm=True):
    """Draw a small batch of a loss; class numbers stay integers."""
    shape = shape or ((3, 2, 2, 2) if isinstance(settings.get("axis"), tuple) else LOSSES[name].shape)
    y_true, y_pred = fill(name, np.random.default_rng(seed), shape, settings, calm)
    y_true = y_true if y_true.dtype.kind == "i" else y_true.astype(dtype)
    return y_true, np.ascontiguousarray(y_pred.astype(dtype))


def rows_of(part):
    """Return the rows of one part of all records, each with its loss's name first."""
    return [(name, *row) for name, record in LOSSES.items() for row in getattr(record, part)]


EXAMPLES = [(name, settings) for name, record in LOSSES.items() for settings in record.settings]
FIRST = [(name, record.settings[0]) for name, record in LOSSES.items()]  # each loss once
KERAS_HAS = [name for name, spec in CATALOGUE.items() if getattr(spec, "keras", True)]
FROM_LOGITS = [name for name, spec in CATALOGUE.items() if "from_logits" in spec.parameters]


def claim_of(name, rng):
    """Draw targets for a loss, with the prediction that it claims to be the cheapest."""
    return LOSSES[name].cheapest(name, rng)
