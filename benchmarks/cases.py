"""What the benchmark measures: every loss, on data it is made for, in five sizes and two types."""

from dataclasses import dataclass, field

import numpy as np

from lossbook import CATALOGUE
from lossbook.base import Loss

SIZES = {
    "(32, 10)": (32, 10),
    "(1024, 10)": (1024, 10),
    "(1024, 1000)": (1024, 1000),
    "(1M,)": (1_000_000,),
    "(1M, 10)": (1_000_000, 10),
}
"""The shapes of the predictions, by the name they go by in tables and on the command line."""

DTYPES = ("float32", "float64")
MODES = {"value": "value", "both": "value and gradient"}
LARGEST = "(1M, 10)"


# --- data: labels and predictions, off the clips, where all peers compute the same -----------------


def uniform(rng, shape, dtype, low, high):
    return rng.random(shape, dtype) * dtype(high - low) + dtype(low)


def numbers(rng, shape, dtype):
    """Real targets, and predictions near them."""
    y_true = rng.standard_normal(shape, dtype)
    return y_true, y_true + rng.standard_normal(shape, dtype)


def amounts(rng, shape, dtype):
    """Positive targets and predictions."""
    return uniform(rng, shape, dtype, 0.1, 5), uniform(rng, shape, dtype, 0.1, 5)


def coins(rng, shape, dtype):
    """Labels 0 or 1."""
    return rng.integers(0, 2, shape, np.int8).astype(dtype)


def chances(rng, shape, dtype):
    """Labels 0 or 1, and probabilities."""
    return coins(rng, shape, dtype), uniform(rng, shape, dtype, 0.01, 0.99)


def odds(rng, shape, dtype):
    """Labels 0 or 1, and scores."""
    return coins(rng, shape, dtype), 2 * rng.standard_normal(shape, dtype)


def sides(rng, shape, dtype):
    """Labels -1 or 1, and scores."""
    return 2 * coins(rng, shape, dtype) - 1, rng.standard_normal(shape, dtype)


def share_rows(rng, shape, dtype):
    """Rows of probabilities that sum to 1."""
    rows = uniform(rng, shape, dtype, 0.1, 1)
    return rows / rows.sum(axis=-1, keepdims=True)


def shares(rng, shape, dtype):
    """Two rows of probabilities each."""
    return share_rows(rng, shape, dtype), share_rows(rng, shape, dtype)


def class_numbers(rng, shape):
    return rng.integers(0, shape[-1], shape[:-1])


def one_hot_labels(rng, shape, dtype):
    labels = np.zeros(shape, dtype)
    np.put_along_axis(labels, class_numbers(rng, shape)[..., np.newaxis], 1, axis=-1)
    return labels


def one_hot(rng, shape, dtype):
    """One-hot labels, and probabilities."""
    return one_hot_labels(rng, shape, dtype), share_rows(rng, shape, dtype)


def one_hot_scores(rng, shape, dtype):
    """One-hot labels, and scores."""
    return one_hot_labels(rng, shape, dtype), 2 * rng.standard_normal(shape, dtype)


def classes(rng, shape, dtype):
    """Class numbers, and probabilities."""
    return class_numbers(rng, shape), share_rows(rng, shape, dtype)


def class_scores(rng, shape, dtype):
    """Class numbers, and scores."""
    return class_numbers(rng, shape), 2 * rng.standard_normal(shape, dtype)


def embeddings(rng, shape, dtype):
    """Ten kinds, and vectors of length 1."""
    vectors = rng.standard_normal(shape, dtype)
    return rng.integers(0, 10, shape[0]), vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def transcripts(rng, shape, dtype):
    """Labels of a quarter of the frames, none padded, and scores."""
    batch, frames, symbols = shape
    return rng.integers(1, symbols, (batch, frames // 4)), rng.standard_normal(shape, dtype)


# --- shapes: where a loss cannot take the table's shape, one of about as many numbers ---------------

IN_ROWS = {"(1M,)": (100_000, 10)}
IN_PAIRS = {"(1M,)": (1024, 64), "(1M, 10)": (3162, 64)}
IN_FRAMES = {
    "(32, 10)": (4, 8, 10),
    "(1024, 10)": (32, 32, 10),
    "(1024, 1000)": (32, 32, 1000),
    "(1M,)": (100, 100, 100),
    "(1M, 10)": (100, 100, 1000),
}
SHAPE_NOTES = {
    "IN_ROWS": "A loss of whole rows takes (100000, 10) in place of (1M,).",
    "IN_PAIRS": "Circle compares each sample with each: it takes (1024, 64) and (3162, 64) in place of "
    "(1M,) and (1M, 10), about as many pairs as those have numbers.",
    "IN_FRAMES": "CTC takes (batch, frames, symbols): (4, 8, 10), (32, 32, 10), (32, 32, 1000), "
    "(100, 100, 100) and (100, 100, 1000).",
}

DATA = {
    "mean_squared_error": (numbers, {}),
    "mean_absolute_error": (numbers, {}),
    "mean_absolute_percentage_error": (amounts, {}),
    "mean_squared_logarithmic_error": (amounts, {}),
    "huber": (numbers, {}),
    "log_cosh": (numbers, {}),
    "binary_crossentropy": (chances, {}),
    "categorical_crossentropy": (one_hot, IN_ROWS),
    "sparse_categorical_crossentropy": (classes, IN_ROWS),
    "categorical_generalized_cross_entropy": (classes, IN_ROWS),
    "kl_divergence": (shares, IN_ROWS),
    "poisson": (amounts, {}),
    "binary_focal_crossentropy": (chances, {}),
    "categorical_focal_crossentropy": (one_hot, IN_ROWS),
    "hinge": (sides, {}),
    "squared_hinge": (sides, {}),
    "categorical_hinge": (one_hot_scores, IN_ROWS),
    "dice": (chances, {}),
    "tversky": (chances, {}),
    "cosine_similarity": (numbers, IN_ROWS),
    "circle": (embeddings, IN_PAIRS),
    "ctc": (transcripts, IN_FRAMES),
}
"""For each loss: how data is drawn, and the shapes that replace the table's."""

FROM_LOGITS = {
    "binary_crossentropy": odds,
    "categorical_crossentropy": one_hot_scores,
    "sparse_categorical_crossentropy": class_scores,
    "binary_focal_crossentropy": odds,
    "categorical_focal_crossentropy": one_hot_scores,
}
"""The same for the losses that also take logits."""


# --- cases -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One loss with its settings: what a row of the tables measures."""

    name: str
    draw: callable = field(compare=False)
    other_shapes: dict = field(default_factory=dict, compare=False)
    from_logits: bool = False

    @property
    def label(self):
        return f"{self.name}(from_logits=True)" if self.from_logits else self.name

    @property
    def settings(self):
        return {"from_logits": True} if self.from_logits else {}

    @property
    def class_name(self):
        """The class's name, the same in lossbook and in every Keras."""
        return CATALOGUE[self.name].cls.__name__

    def loss(self) -> Loss:
        return CATALOGUE[self.name].cls(**self.settings)

    def shape(self, size):
        """Return the shape of the predictions at one of :data:`SIZES`."""
        return self.other_shapes.get(size, SIZES[size])

    def data(self, shape, dtype, seed=0):
        """Draw labels and predictions; class numbers are integers."""
        return self.draw(np.random.default_rng(seed), shape, np.dtype(dtype).type)


CASES = {
    case.label: case
    for name in CATALOGUE
    for case in (
        [Case(name, *DATA[name])]
        + ([Case(name, FROM_LOGITS[name], DATA[name][1], True)] if name in FROM_LOGITS else [])
    )
}
"""Every case by its label, in the order of the catalogue."""
