"""Which constant prediction costs least: the claim of every loss, to be tried on random targets."""

from dataclasses import dataclass, field

import numpy as np

from lossbook import CATALOGUE


@dataclass
class Claim:
    """A batch of targets, and the prediction for all of them that no other beats."""

    name: str
    y_true: np.ndarray
    best: np.ndarray
    settings: dict = field(default_factory=dict)
    inside: callable = staticmethod(lambda row: row)
    """Brings a prediction back to where the loss is defined."""

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


def centre(name, rng, of, **settings):
    targets = numbers(rng)
    return Claim(name, column(targets), np.array([of(targets)]), settings)


def huber(name, rng):
    def where_the_pulls_cancel(targets):
        return root(lambda c: np.clip(c - targets, -1.5, 1.5).sum(), targets.min(), targets.max())

    return centre(name, rng, where_the_pulls_cancel, delta=1.5)


def log_cosh(name, rng):
    return centre(name, rng, lambda y: root(lambda c: np.tanh(c - y).sum(), y.min(), y.max()))


def percentage(name, rng):
    targets = np.exp(numbers(rng))  # amounts: small ones pull most
    return Claim(name, column(targets), np.array([weighted_median(targets, 1 / targets)]))


def logarithmic(name, rng):
    targets = np.exp(numbers(rng))
    best = np.expm1(np.log1p(targets).mean())  # the geometric mean of 1 + y, less 1
    return Claim(name, column(targets), np.array([best]), inside=above(1e-6))


def rate(name, rng):
    targets = rng.poisson(2.0, 8) + np.eye(8, dtype=int)[0]  # not all of them 0
    return Claim(name, column(targets), np.array([targets.mean() - 1e-7]), inside=above(1e-6))


# --- shares of classes ----------------------------------------------------------------------------


def labels_of(rng, classes=3):
    """Draw class numbers with every class among them."""
    return rng.permutation(np.concatenate([np.arange(classes), rng.integers(0, classes, rng.integers(1, 9))]))


def share_of_yes(name, rng):
    labels = labels_of(rng, 2)
    share = labels.mean()
    if rng.random() < 0.5:
        return Claim(name, column(labels), np.array([np.log(share / (1 - share))]), {"from_logits": True})
    return Claim(name, column(labels), np.array([share]), inside=between(1e-3, 1 - 1e-3))


def balanced_share_of_yes(name, rng):
    """With weights alpha and 1 - alpha, at gamma 0; as many of each at gamma 2 leave one half."""
    labels = labels_of(rng, 2)
    if rng.random() < 0.5:
        both = np.concatenate([labels, 1 - labels])
        return Claim(name, column(both), np.array([0.5]), {"gamma": 2.0}, between(1e-3, 1 - 1e-3))
    settings = {"gamma": 0.0, "alpha": 0.3, "apply_class_balancing": True}
    yes, no = 0.3 * labels.sum(), 0.7 * (1 - labels).sum()
    return Claim(name, column(labels), np.array([yes / (yes + no)]), settings, between(1e-3, 1 - 1e-3))


def shares(labels, classes=3):
    return np.bincount(labels, minlength=classes) / len(labels)


def class_shares(name, rng, hot=True):
    labels = labels_of(rng)
    y_true = np.eye(3)[labels] if hot else labels
    if rng.random() < 0.5:
        return Claim(name, y_true, np.log(shares(labels)), {"from_logits": True})
    return Claim(name, y_true, shares(labels), inside=on_simplex)


def weighted_class_shares(name, rng):
    """At gamma 0, shares times alpha; at gamma 2 and as many of each class, one share for all."""
    if rng.random() < 0.5:
        return Claim(name, np.eye(3), np.full(3, 1 / 3), {"gamma": 2.0}, on_simplex)
    labels, alpha = labels_of(rng), np.array([0.5, 1.0, 2.0])
    settings = {"gamma": 0.0, "alpha": alpha.tolist()}
    return Claim(name, np.eye(3)[labels], on_simplex(alpha * shares(labels)), settings, on_simplex)


def sharpened_shares(name, rng):
    """Shares to the power 1 / (1 - q): frequent classes gain."""
    labels = labels_of(rng)
    return Claim(name, labels, on_simplex(shares(labels) ** 2.0), {"q": 0.5}, on_simplex)


def mean_distribution(name, rng):
    rows = rng.dirichlet(np.ones(3), 5)
    return Claim(name, rows, rows.mean(axis=0), inside=on_simplex)


# --- sides, directions, regions, pairs, symbols --------------------------------------------------------


def majority_side(name, rng):
    labels = 2.0 * labels_of(rng, 2) - 1
    labels = np.append(labels, 1.0) if labels.sum() == 0 else labels
    return Claim(name, column(labels), np.array([np.sign(labels.sum())]))


def mean_side(name, rng):
    labels = labels_of(rng, 2)  # 0 and 1 are read as -1 and +1
    return Claim(name, column(labels), np.array([2.0 * labels.mean() - 1]))


def majority_class(name, rng):
    """A class that more than half the samples have leads by 1; without one, nobody leads."""
    labels = rng.integers(0, 3, rng.integers(3, 9))
    share = shares(labels)
    return Claim(name, np.eye(3)[labels], np.where(share > 0.5, 1.0, 0.0))


def mean_direction(name, rng):
    targets = rng.normal(1, 2, (5, 3))
    return Claim(name, targets, of_length_1(targets).sum(axis=0))


def whole_region(name, rng):
    """All of it: whatever the share of the mask, more is better."""
    mask = rng.permutation(np.concatenate([[0, 1], rng.integers(0, 2, 6)]))
    settings = {"alpha": 0.3, "beta": 0.7} if name == "tversky" else {}
    return Claim(name, column(mask), np.array([1.0]), settings, between(0.0, 1.0))


def kin_together(name, rng):
    """Each kind at one point, two kinds at a right angle: a distance of 1 is far enough."""
    labels = labels_of(rng, 2)
    return Claim(name, labels, np.eye(3)[labels], {"gamma": 10.0}, of_length_1)


def symbol_shares(name, rng):
    """In one frame: how often each symbol is the label, and how often there is none."""
    labels = labels_of(rng)
    return Claim(name, column(labels), np.log(shares(labels))[np.newaxis])


CLAIMS = {
    "mean_squared_error": lambda name, rng: centre(name, rng, np.mean),
    "mean_absolute_error": lambda name, rng: centre(name, rng, np.median),
    "mean_absolute_percentage_error": percentage,
    "mean_squared_logarithmic_error": logarithmic,
    "huber": huber,
    "log_cosh": log_cosh,
    "binary_crossentropy": share_of_yes,
    "categorical_crossentropy": class_shares,
    "sparse_categorical_crossentropy": lambda name, rng: class_shares(name, rng, hot=False),
    "categorical_generalized_cross_entropy": sharpened_shares,
    "kl_divergence": mean_distribution,
    "poisson": rate,
    "binary_focal_crossentropy": balanced_share_of_yes,
    "categorical_focal_crossentropy": weighted_class_shares,
    "hinge": majority_side,
    "squared_hinge": mean_side,
    "categorical_hinge": majority_class,
    "dice": whole_region,
    "tversky": whole_region,
    "cosine_similarity": mean_direction,
    "circle": kin_together,
    "ctc": symbol_shares,
}


def claim_of(name, rng):
    """Draw targets for a loss, with the prediction that it claims to be the cheapest."""
    return CLAIMS[name](name, rng)
