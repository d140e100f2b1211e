"""The doctor's gallery: batches with one mistake each, and batches with none.

A broken case gives the code it must be found by, and what ``check`` takes; beside it may stand
the names that a line to paste needs: the logits, the rest of the data.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

import lossbook
from lossbook.tools.engines import keras, tf

RNG = np.random.default_rng(7)
L = keras.losses


@dataclass(frozen=True)
class Broken:
    code: str
    label: str
    loss: object
    y_true: object
    y_pred: object
    weight: object = None
    mask: object = None
    names: dict = field(default_factory=dict)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def uniform(*shape):
    return RNG.uniform(0.05, 0.95, shape).astype("float32")


def binary(*shape):
    labels = RNG.integers(0, 2, shape)
    labels.flat[:2] = 0, 1
    return labels.astype("float32")


def classes(k, *shape):
    labels = RNG.integers(0, k, shape)
    labels.flat[:k] = np.arange(k)[: labels.size]
    return labels


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype("float32")


def sigmoid(z):
    return (1 / (1 + np.exp(-z))).astype("float32")


def one_hot(labels, k):
    return np.eye(k, dtype="float32")[labels]


def peaked(n, k):
    """Rows of probabilities of a model that has learned something."""
    return softmax(4 * normal(n, k))


def embeddings(n, d):
    e = normal(n, d)
    return e / np.linalg.norm(e, axis=-1, keepdims=True)


class Frame:
    """What the doctor needs to know of a pandas Series or DataFrame."""

    def __init__(self, values, index, columns=None):
        self.values, self.index = np.asarray(values), _Index(index)
        self.iloc = self
        if columns is not None:
            self.columns = _Index(columns)

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)

    def __len__(self):
        return len(self.values)

    @property
    def shape(self):
        return self.values.shape

    def reindex(self, index=None, columns=None):
        if columns is not None:
            order = [list(self.columns).index(one) for one in columns]
            return Frame(self.values[:, order], self.index, columns)
        order = [list(self.index).index(one) for one in index]
        return Frame(self.values[order], index, getattr(self, "columns", None))


class _Index(list):
    def equals(self, other):
        return list(self) == list(other)


def broken():
    """Every broken batch."""
    n, k = 12, 4
    score, labels, hot = normal(n, k), classes(k, n), one_hot(classes(k, n), k)
    bits, p = binary(n, 1), uniform(n, 1)
    yield from _shapes(n, k, labels, hot, bits, p)
    yield from _logits(n, k, score, labels, hot, bits)
    yield from _labels(n, k, labels, hot, bits, p)
    yield from _single_losses(n)
    yield from _weights(n, k)
    yield from _types(n)


def _shapes(n, k, labels, hot, bits, p):
    flat = binary(n)
    counts = RNG.poisson(3, n).astype("float32")
    yield Broken("broadcast", "poisson function, (N,) and (N, 1)", L.poisson, counts, p + 1)
    yield Broken("broadcast", "hinge function, (N, 1) and (N,)", L.hinge, 2 * bits - 1, normal(n))
    yield Broken("broadcast", "squared hinge function", L.squared_hinge, 2 * flat - 1, normal(n, 1))
    yield Broken("broadcast", "mse by name", "mse", normal(n), normal(n, 1))
    yield Broken(
        "broadcast", "a lambda in NumPy", lambda t, q: ((t - q) ** 2).mean(), normal(n), normal(n, 1)
    )
    yield Broken(
        "broadcast", "a function in tf", lambda t, q: tf.reduce_mean(tf.abs(t - q)), normal(n, 1), normal(n)
    )
    yield Broken("broadcast", "one row of labels for all", L.mean_squared_error, normal(1, 3), normal(n, 3))
    yield Broken("broadcast", "bce function", L.binary_crossentropy, flat, p)
    yield Broken(
        "broadcast",
        "GCE, labels in a column",
        L.CategoricalGeneralizedCrossEntropy(),
        labels[:, None],
        peaked(n, k),
    )
    yield Broken("class-numbers-for-one-hot", "int64", "categorical_crossentropy", labels, peaked(n, k))
    yield Broken(
        "class-numbers-for-one-hot",
        "uint8 column",
        L.CategoricalCrossentropy(),
        labels.astype("uint8")[:, None],
        peaked(n, k),
    )
    yield Broken(
        "class-numbers-for-one-hot",
        "float, N = K",
        L.CategoricalFocalCrossentropy(),
        np.arange(4.0),
        peaked(4, 4),
    )
    yield Broken("class-numbers-for-one-hot", "categorical hinge", L.CategoricalHinge(), labels, normal(n, k))
    yield Broken(
        "class-numbers-for-one-hot",
        "an image for Dice",
        L.Dice(),
        classes(3, 2, 8, 8),
        softmax(normal(2, 8, 8, 3)),
    )
    yield Broken("one-hot-for-class-numbers", "name", "sparse_categorical_crossentropy", hot, peaked(n, k))
    yield Broken(
        "one-hot-for-class-numbers",
        "logits",
        L.SparseCategoricalCrossentropy(from_logits=True),
        hot,
        normal(n, k),
    )
    yield Broken(
        "one-hot-for-class-numbers", "GCE", lossbook.CategoricalGeneralizedCrossEntropy(), hot, peaked(n, k)
    )
    image = np.moveaxis(softmax(normal(2, 5, 6, 3)), -1, 1)
    yield Broken(
        "channels-first", "class numbers", L.SparseCategoricalCrossentropy(), classes(3, 2, 5, 6), image
    )
    yield Broken(
        "channels-first",
        "one-hot",
        L.CategoricalCrossentropy(),
        np.moveaxis(one_hot(classes(3, 2, 5, 6), 3), -1, 1),
        image,
    )
    yield Broken(
        "channels-first",
        "a sequence",
        "sparse_categorical_crossentropy",
        classes(3, 4, 7),
        np.moveaxis(softmax(normal(4, 7, 3)), -1, 1),
    )
    yield Broken("shape-mismatch", "a row too few", "mae", normal(n - 1, 2), normal(n, 2))
    yield Broken(
        "shape-mismatch",
        "a class number too few",
        L.SparseCategoricalCrossentropy(),
        labels[:-1],
        peaked(n, k),
    )
    yield Broken(
        "lists", "class numbers", L.SparseCategoricalCrossentropy(), [0, 1], [[0.7, 0.3], [0.2, 0.8]]
    )
    yield Broken("lists", "list and array", L.MeanSquaredError(), [[0.0, 1.0], [1.0, 1.0]], normal(2, 2))
    order = RNG.permutation(n)
    yield Broken(
        "misaligned-index",
        "a shuffled Series",
        L.MeanAbsoluteError(),
        Frame(normal(n), range(n)),
        Frame(normal(n), order),
    )
    yield Broken(
        "misaligned-index",
        "another index",
        "mse",
        Frame(normal(n), order),
        Frame(normal(n), range(100, 100 + n)),
    )
    yield Broken(
        "misaligned-index",
        "columns",
        "mse",
        Frame(normal(n, 2), range(n), ["a", "b"]),
        Frame(normal(n, 2), range(n), ["b", "a"]),
    )
    yield Broken(
        "not-numbers", "text", "sparse_categorical_crossentropy", np.array(["cat", "dog"] * 3), peaked(6, 2)
    )
    yield Broken(
        "not-numbers", "weights as text", "mse", normal(4, 2), normal(4, 2), np.array(["1", "2", "1", "3"])
    )
    yield Broken(
        "not-finite", "a masked array", "mse", np.ma.masked_invalid([[1.0], [np.nan], [2.0]]), normal(3, 1)
    )
    yield Broken(
        "batch-of-one",
        "one row",
        "categorical_crossentropy",
        hot[:1],
        peaked(1, k),
        names={"all_y": hot, "all_predictions": peaked(n, k)},
    )
    yield Broken(
        "one-sample", "sum of a flat array", L.MeanSquaredError(reduction="sum"), normal(n), normal(n)
    )
    yield Broken("one-sample", "weights on a flat array", "mse", normal(n), normal(n), uniform(n))
    yield Broken("one-sample", "two numbers", "mse", 1.0, 2.0)
    yield Broken("shape-mismatch", "transposed", "mse", normal(3, n), normal(n, 3))
    yield Broken("shape-mismatch", "an axis of 1 in the middle", "mse", normal(n, 3), normal(n, 1, 3))
    yield Broken(
        "shape-mismatch", "time first in CTC", L.CTC(), np.array([[1, 2], [3, 1], [2, 1]]), normal(12, 3, 5)
    )
    yield Broken("swapped", "class numbers", L.SparseCategoricalCrossentropy(), peaked(n, k), labels)
    yield Broken("softmax-with-binary", "one-hot", "bce", hot, peaked(n, k))
    yield Broken(
        "labels-out-of-range",
        "fractions",
        "sparse_categorical_crossentropy",
        RNG.uniform(0, k - 1, n),
        peaked(n, k),
    )
    for loss in ("categorical_crossentropy", "sparse_categorical_crossentropy", "kld"):
        yield Broken("one-column", loss, loss, bits, p)
    yield Broken("one-column", "logits", L.CategoricalCrossentropy(from_logits=True), bits, 3 * normal(n, 1))
    yield Broken("one-column", "cosine", "cosine_similarity", normal(n, 1), normal(n, 1))
    yield Broken("one-column", "flat labels", L.CategoricalFocalCrossentropy(), bits[:, 0], p)
    multi = one_hot(labels, k) + one_hot((labels + 1) % k, k)
    z = normal(n, k)
    for loss in ("bce", "mse", L.Dice()):
        name = getattr(loss, "name", loss)
        yield Broken("softmax-with-multi-hot", name, loss, multi, softmax(z), names={"logits": z})
    yield Broken("swapped", "bce", L.BinaryCrossentropy(), p, bits)
    yield Broken("swapped", "cce", "categorical_crossentropy", peaked(n, k), hot)


def _logits(n, k, score, labels, hot, bits):
    yield Broken("logits-as-probabilities", "bce by name", "binary_crossentropy", bits, 3 * normal(n, 1))
    yield Broken("logits-as-probabilities", "bce function", L.binary_crossentropy, bits, 3 * normal(n, 1))
    yield Broken("logits-as-probabilities", "scce", L.SparseCategoricalCrossentropy(), labels, score)
    yield Broken("logits-as-probabilities", "cce, lossbook", lossbook.CategoricalCrossentropy(), hot, score)
    yield Broken(
        "logits-as-probabilities", "focal", L.BinaryFocalCrossentropy(gamma=1.0), bits, 3 * normal(n, 1)
    )
    yield Broken("logits-as-probabilities", "focal, several", L.CategoricalFocalCrossentropy(), hot, score)
    yield Broken("logits-as-probabilities", "KL", L.KLDivergence(), peaked(n, k), score)
    yield Broken("logits-as-probabilities", "Dice", L.Dice(), binary(3, 6, 6, 1), normal(3, 6, 6, 1))
    yield Broken("logits-as-probabilities", "Tversky", L.Tversky(), binary(3, 6, 6, 1), normal(3, 6, 6, 1))
    yield Broken("logits-as-probabilities", "GCE", L.CategoricalGeneralizedCrossEntropy(), labels, score)
    yield Broken(
        "logits-as-probabilities",
        "a lambda",
        lambda t, q: L.binary_crossentropy(t, q),
        bits,
        3 * normal(n, 1),
    )
    yield Broken("logits-as-probabilities", "percent", "binary_crossentropy", bits, 100 * uniform(n, 1))
    yield Broken(
        "probabilities-as-logits", "bce", L.BinaryCrossentropy(from_logits=True), bits, uniform(n, 1)
    )
    yield Broken(
        "probabilities-as-logits",
        "a partial",
        partial(L.binary_crossentropy, from_logits=True),
        bits,
        uniform(n, 1),
    )
    yield Broken(
        "probabilities-as-logits",
        "scce",
        L.SparseCategoricalCrossentropy(from_logits=True),
        labels,
        peaked(n, k),
    )
    yield Broken(
        "probabilities-as-logits",
        "cce, two rows",
        lossbook.CategoricalCrossentropy(from_logits=True),
        hot[:2],
        peaked(2, k),
    )
    yield Broken(
        "probabilities-as-logits", "CTC", L.CTC(), np.array([[1, 2, 0], [3, 1, 2]]), softmax(normal(2, 8, 4))
    )
    yield Broken(
        "squashed-twice", "sigmoid", "binary_crossentropy", binary(40, 1), sigmoid(sigmoid(3 * normal(40, 1)))
    )
    yield Broken(
        "squashed-twice",
        "softmax",
        "categorical_crossentropy",
        one_hot(classes(k, 40), k),
        softmax(peaked(40, k)),
    )
    yield Broken(
        "squashed-twice",
        "softmax, class numbers",
        L.SparseCategoricalCrossentropy(),
        classes(10, 60),
        softmax(peaked(60, 10)),
    )
    yield Broken("remembered-logits", "sigmoid of 50", L.BinaryCrossentropy(), np.zeros((2, 1), "float32"),
                 keras.activations.sigmoid(tf.constant([[50.0], [40.0]])))  # fmt: skip
    yield Broken("probabilities-for-scores", "hinge", L.Hinge(), 2 * bits - 1, uniform(n, 1))
    yield Broken("probabilities-for-scores", "squared hinge", "squared_hinge", bits, uniform(n, 1))
    yield Broken("probabilities-for-scores", "categorical hinge", L.CategoricalHinge(), hot, peaked(n, k))
    yield Broken("rows-not-one", "sigmoids", "categorical_crossentropy", hot, uniform(n, k))
    yield Broken(
        "rows-not-one", "sigmoids, class numbers", L.SparseCategoricalCrossentropy(), labels, uniform(n, k)
    )
    yield Broken("rows-not-one", "KL", L.KLDivergence(), peaked(n, k), uniform(n, k))
    yield Broken("rows-not-one", "GCE", lossbook.CategoricalGeneralizedCrossEntropy(), labels, uniform(n, k))
    zero = peaked(n, k)
    zero[3] = 0
    yield Broken("rows-not-one", "a row of zeros", "categorical_crossentropy", hot, zero)
    sure = np.array([[0.0], [1.0], [0.3], [0.0]], "float32")
    logits = np.array([[-300.0], [200.0], [-1.0], [-250.0]], "float32")
    truth = np.array([[1.0], [0.0], [0.0], [1.0]], "float32")
    yield Broken("dead-clipped", "bce", "bce", truth, sure, names={"logits": logits})
    yield Broken("dead-clipped", "focal", L.BinaryFocalCrossentropy(), truth, sure, names={"logits": logits})
    far = 200 * normal(6, 3)
    wrong = np.argmin(far, axis=-1)
    hard = softmax(far)
    yield Broken(
        "dead-clipped", "scce", "sparse_categorical_crossentropy", wrong, hard, names={"logits": far}
    )
    yield Broken(
        "dead-clipped", "cce", L.CategoricalCrossentropy(), one_hot(wrong, 3), hard, names={"logits": far}
    )
    yield Broken("dead-clipped", "KL", L.KLDivergence(), one_hot(wrong, 3), hard)
    yield Broken(
        "dead-clipped",
        "focal from logits",
        L.CategoricalFocalCrossentropy(from_logits=True),
        one_hot(wrong, 3),
        far,
        names={"logits": far},
    )


def _labels(n, k, labels, hot, bits, p):
    yield Broken("labels-start-at-1", "scce", "sparse_categorical_crossentropy", labels + 1, peaked(n, k))
    yield Broken(
        "labels-start-at-1",
        "uint8 column, logits",
        L.SparseCategoricalCrossentropy(from_logits=True),
        (labels + 1).astype("uint8")[:, None],
        normal(n, k),
    )
    yield Broken("labels-start-at-1", "bce", "binary_crossentropy", bits + 1, p)
    yield Broken("labels-start-at-1", "hinge", L.Hinge(), bits + 1, normal(n, 1))
    padded = labels.reshape(3, 4).copy()
    padded[:, 3] = -1
    yield Broken(
        "labels-out-of-range",
        "padded by -1",
        "sparse_categorical_crossentropy",
        padded,
        softmax(normal(3, 4, k)),
    )
    void = labels.copy()
    void[2] = 255
    yield Broken("labels-out-of-range", "void 255", L.SparseCategoricalCrossentropy(), void, peaked(n, k))
    strange = labels.copy()
    strange[[1, 5]] = k + 1, k + 3
    yield Broken(
        "labels-out-of-range",
        "more classes than units",
        L.SparseCategoricalCrossentropy(from_logits=True),
        strange,
        normal(n, k),
    )
    yield Broken(
        "labels-out-of-range",
        "bce, class numbers",
        "binary_crossentropy",
        classes(3, n, 1).astype("float32"),
        p,
    )
    yield Broken("labels-out-of-range", "GCE", L.CategoricalGeneralizedCrossEntropy(), strange, peaked(n, k))
    yield Broken("signs-for-01", "bce", L.BinaryCrossentropy(), 2 * bits - 1, p)
    yield Broken(
        "signs-for-01", "int8 to focal", L.BinaryFocalCrossentropy(), (2 * bits - 1).astype("int8"), p
    )
    yield Broken("signs-for-01", "categorical hinge", L.CategoricalHinge(), 2 * hot - 1, normal(n, k))
    mixed = (2 * bits - 1).copy()
    mixed[4] = 0
    yield Broken("mixed-signs", "hinge", L.Hinge(), mixed, normal(n, 1))
    yield Broken("mixed-signs", "squared hinge", L.squared_hinge, mixed, normal(n, 1))
    mask = 255 * binary(2, 8, 8, 1)
    yield Broken("pixels", "Dice", L.Dice(), mask, uniform(2, 8, 8, 1))
    yield Broken("pixels", "bce", "binary_crossentropy", mask, uniform(2, 8, 8, 1))
    yield Broken("pixels", "mse", "mse", RNG.integers(0, 256, (4, 16)).astype("uint8"), uniform(4, 16))
    yield Broken("class-ids-in-mask", "Tversky", L.Tversky(), classes(3, 2, 8, 8, 1), uniform(2, 8, 8, 1))
    several = binary(n, k)
    several[:, 0] = several[:, 1] = 1
    yield Broken("labels-not-one", "several classes", "categorical_crossentropy", several, peaked(n, k))
    none = hot.copy()
    none[5] = 0
    yield Broken("labels-not-one", "no class", L.KLDivergence(), none, peaked(n, k))
    text = classes(30, 6, 10) % 29 + 1
    text[:, 7:] = 0
    text[2, 4:] = 0
    yield Broken(
        "padding-counted",
        "a padded text",
        "sparse_categorical_crossentropy",
        text,
        softmax(normal(6, 10, 30)),
    )
    constant = np.ones((40, 1), "float32")
    yield Broken(
        "constant-labels", "all 1", "binary_crossentropy", constant, uniform(40, 1), names=_rest(40, 1)
    )
    yield Broken(
        "constant-labels",
        "hinge, all -1",
        L.Hinge(),
        -constant,
        normal(40, 1),
        names=_rest(40, 1, signs=True),
    )
    yield Broken(
        "constant-predictions",
        "all the same",
        "mse",
        normal(20, 1),
        np.full((20, 1), 0.4, "float32"),
        names={"model": Answers(normal(20, 1)), "x": None},
    )
    yield Broken("constant-predictions", "a softmax over one unit", "binary_crossentropy", binary(20, 1), np.ones((20, 1), "float32"),
                 names={"model": Answers(uniform(20, 1)), "x": None})  # fmt: skip


def _rest(n, d, signs=False):
    y = 2 * binary(n, d) - 1 if signs else binary(n, d)
    return {"all_x": normal(n, 2), "all_y": y}


class Answers:
    """A stand-in for a model whose weights are drawn anew."""

    def __init__(self, predictions):
        self.predictions = predictions

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def predict(self, x):
        return self.predictions


def _single_losses(n):
    counts = RNG.poisson(3, (n, 1)).astype("float32")
    yield Broken("negative-rate", "log rates", "poisson", counts, normal(n, 1))
    yield Broken("zero-rate", "relu at the end", L.Poisson(), counts + 1, np.maximum(normal(n, 1), 0))
    yield Broken("negative-counts", "differences", L.Poisson(), counts - 4, uniform(n, 1))
    zero = normal(n, 1) + 5
    zero[3] = 0
    yield Broken("zero-targets", "one zero", "mape", zero, normal(n, 1))
    yield Broken(
        "zero-targets",
        "below epsilon",
        L.mean_absolute_percentage_error,
        np.where(zero == 0, 1e-9, zero),
        normal(n, 1),
    )
    yield Broken("negatives-in-logs", "predictions", "msle", uniform(n, 1), normal(n, 1))
    yield Broken("negatives-in-logs", "targets", L.MeanSquaredLogarithmicError(), normal(n, 1), uniform(n, 1))
    vectors = normal(n, 3)
    vectors[2] = 0
    yield Broken("zero-vector", "predictions", L.CosineSimilarity(), normal(n, 3), vectors)
    yield Broken("zero-vector", "targets", lossbook.cosine_similarity, vectors, normal(n, 3))
    k, short = 4, softmax(normal(6, 10, 4))
    yield Broken(
        "shape-mismatch", "a step too many", L.SparseCategoricalCrossentropy(), classes(k, 6, 11), short
    )
    yield Broken("shape-mismatch", "steps, not units", "mse", normal(6, 4, 3), normal(6, 5, 3))
    yield Broken(
        "channels-first",
        "class numbers on axis 1, too",
        L.SparseCategoricalCrossentropy(),
        classes(3, 2, 1, 5, 6),
        np.moveaxis(softmax(normal(2, 5, 6, 3)), -1, 1),
    )
    yield Broken(
        "labels-start-at-1",
        "0 is ignored",
        L.SparseCategoricalCrossentropy(ignore_class=0),
        np.r_[0, 0, 1 + classes(k, 8)],
        peaked(10, k),
    )
    yield Broken(
        "nan-result",
        "0 / 0",
        lambda y_true, y_pred: np.mean((y_true - y_pred) / (y_pred - y_pred)),
        normal(4, 1),
        normal(4, 1),
    )
    yield Broken("zero-vector", "on axis 1", L.CosineSimilarity(axis=1), vectors[..., None], normal(n, 3, 1))
    yield Broken(
        "not-numbers", "digits as text", "mse", np.array([["1.5"], ["2"]], dtype=object), normal(2, 1)
    )
    yield Broken("not-finite", "a weight", "mse", normal(3, 1), normal(3, 1), np.array([1.0, np.nan, 2.0]))
    yield Broken("one-sample", "one label in brackets", "mae", np.array([1.0]), np.float32(3))
    people = np.repeat(np.arange(4), 3)
    yield Broken("not-unit", "normal", L.Circle(), people, normal(12, 5))
    yield Broken(
        "no-pairs",
        "all different",
        L.Circle(),
        np.arange(12),
        embeddings(12, 5),
        names={"all_y": people, "all_embeddings": embeddings(12, 5)},
    )
    yield Broken(
        "no-pairs",
        "all the same",
        lossbook.Circle(),
        np.ones(12, int),
        embeddings(12, 5),
        names={"all_y": people, "all_embeddings": embeddings(12, 5)},
    )
    empty = np.zeros((2, 8, 8, 1), "float32")
    yield Broken("empty-masks", "batch", L.Dice(), empty, uniform(2, 8, 8, 1))
    half = empty.copy()
    half[0, 2:4] = 1
    yield Broken("empty-masks", "one image of two", L.Tversky(axis=(1, 2, 3)), half, uniform(2, 8, 8, 1))
    ids = np.zeros((4, 16, 16), int)
    ids[:, :3, :4] = 1
    ids[:, 8:10, :3] = 2
    yield Broken("background", "three classes", L.Dice(), one_hot(ids, 3), softmax(normal(4, 16, 16, 3)))
    anchors = np.zeros((2000, 1), "float32")
    anchors[:5] = 1
    yield Broken("focal-mean", "2,000 anchors", L.BinaryFocalCrossentropy(), anchors, 0.2 * uniform(2000, 1))
    label = np.array([[1, 2, 0], [3, 1, 2]])
    yield Broken("ctc-negative", "padded by -1", L.CTC(), np.where(label == 0, -1, label), normal(2, 8, 4))
    yield Broken("ctc-blank", "a 0 inside", L.CTC(), np.array([[1, 0, 2], [3, 1, 2]]), normal(2, 8, 4))
    yield Broken(
        "ctc-infeasible", "1111 in 5 frames", L.CTC(), np.array([[1, 1, 1, 1], [1, 2, 0, 0]]), normal(2, 5, 4)
    )
    frames = normal(2, 9, 4)
    frames[1, 6:] = 0
    yield Broken("ctc-padded-frames", "zeros at the end", L.CTC(), label, frames)
    yield Broken(
        "nan-result",
        "log of a negative",
        lambda t, q: keras.ops.mean(t * keras.ops.log(q)),
        binary(6, 1),
        np.zeros((6, 1), "float32"),
    )


def _weights(n, k):
    labels, pred = classes(k, 5, 5), softmax(normal(5, 5, k))
    yield Broken(
        "weight-shape", "(B,) on (B, T), B = T", L.SparseCategoricalCrossentropy(), labels, pred, uniform(5)
    )
    yield Broken("weight-shape", "(B,) on (B, T)", "mse", normal(4, 6, 2), normal(4, 6, 2), uniform(4))
    yield Broken(
        "weight-shape",
        "one for each class",
        "categorical_crossentropy",
        one_hot(labels[0], k),
        pred[0],
        uniform(5, k),
    )
    yield Broken("weight-shape", "rows lost", "mse", normal(n, 2), normal(n, 2), uniform(n - 2))
    yield Broken("weights-sum-to-zero", "all 0", "mse", normal(n, 2), normal(n, 2), np.zeros(n))
    yield Broken(
        "negative-weights", "one below 0", L.MeanSquaredError(), normal(n, 2), normal(n, 2), normal(n)
    )
    yield Broken(
        "mask-hides-all",
        "inverted",
        lossbook.MeanSquaredError(),
        normal(n, 2),
        normal(n, 2),
        mask=np.zeros(n, bool),
    )


def _types(n):
    target = normal(n, 2)
    last = target.copy()
    last[-1, 1] = np.nan
    yield Broken("not-finite", "NaN at the end of the targets", "mse", last, normal(n, 2))
    yield Broken(
        "not-finite",
        "infinite prediction",
        L.huber,
        target,
        np.where(last != last, np.inf, 1.0).astype("float32"),
    )
    yield Broken("not-finite", "NaN with weight 0", "mse", last, normal(n, 2), np.r_[np.ones(n - 1), 0])
    yield Broken(
        "not-finite", "NaN among the weights", "mse", target, normal(n, 2), np.r_[np.ones(n - 1), np.nan]
    )
    yield Broken(
        "integer-predictions",
        "uint8 wraps",
        L.mean_squared_error,
        np.full((3, 2), 200, "uint8"),
        np.full((3, 2), 100, "uint8") + np.arange(2, dtype="uint8"),
    )
    yield Broken(
        "integer-predictions",
        "int16, class",
        L.MeanSquaredError(),
        normal(3, 2),
        np.full((3, 2), 300, "int16") + np.arange(2, dtype="int16"),
    )
    yield Broken(
        "integer-predictions",
        "int64, function",
        L.binary_crossentropy,
        binary(6, 1),
        binary(6, 1).astype("int64"),
    )
    yield Broken(
        "narrow-type",
        "the square overflows",
        L.mean_squared_error,
        400 + normal(n, 1).astype("float16"),
        normal(n, 1).astype("float16"),
    )
    yield Broken(
        "narrow-type",
        "bce of 1",
        L.binary_crossentropy,
        binary(4, 1),
        np.array([[0.5], [1], [0.1], [1]], "float16"),
    )
    yield Broken(
        "narrow-type",
        "the class computes in float16",
        L.BinaryCrossentropy(dtype="float16"),
        np.array([[0.0], [1], [0], [1]]),
        np.array([[0.5], [1], [0.1], [1]]),
    )
    big = np.arange(290, 302)
    yield Broken(
        "narrow-type",
        "class numbers in bfloat16",
        L.SparseCategoricalCrossentropy(dtype="bfloat16"),
        big,
        softmax(normal(12, 310)),
    )
    yield Broken(
        "rounded-away",
        "seconds since 1970",
        "mse",
        1.7e9 + normal(n, 1).astype("float64"),
        1.7e9 + normal(n, 1).astype("float64"),
    )
    yield Broken(
        "rounded-away",
        "float16 targets",
        "mae",
        (1000 + normal(n, 1)).astype("float16"),
        (1000 + 0.1 * normal(n, 1)).astype("float16"),
    )


# --- clean ------------------------------------------------------------------------------------


def two_heads(y_true, y_pred):
    """Charge a mean and the logarithm of a variance: one target, two numbers for it."""
    mean, log_variance = y_pred[:, :1], y_pred[:, 1:]
    return np.mean(log_variance + (y_true - mean) ** 2 / np.exp(log_variance), axis=-1)


def clean(seed):
    """A clean batch for every loss, drawn at random: pairs of a label and what ``check`` takes."""
    rng = np.random.default_rng(seed)
    n, k, t = int(rng.integers(2, 40)), int(rng.integers(2, 9)), int(rng.integers(2, 6))
    dtype = rng.choice(["float32", "float64"])
    z, shape = rng.normal(0, rng.uniform(0.5, 3), (n, k)).astype(dtype), (n, int(rng.integers(1, 5)))
    bits, p = rng.integers(0, 2, shape).astype(dtype), rng.uniform(1e-3, 1 - 1e-3, shape).astype(dtype)
    labels = rng.integers(0, k, n).astype(rng.choice(["int8", "uint8", "int32", "int64", "float32"]))
    hot, rows = np.eye(k, dtype=dtype)[labels.astype(int)], softmax(z)
    weight = None if rng.random() < 0.5 else rng.uniform(0.1, 2, n)
    real, guess = rng.normal(0, 5, shape).astype(dtype), rng.normal(0, 5, shape).astype(dtype)
    positive = rng.uniform(0.5, 9, shape).astype(dtype)
    for name in ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh"):
        yield name, (name, real, guess, weight)
    yield "quantile", (lossbook.Quantile(rng.choice([0.1, 0.5, 0.9])), real, guess, weight)
    yield "mape", (L.MeanAbsolutePercentageError(), positive, guess, weight)
    yield "msle", ("msle", positive, rng.uniform(0, 9, shape).astype(dtype), weight)
    yield "poisson", (L.Poisson(), rng.poisson(3, shape), positive, weight)
    yield "bce", (rng.choice([L.BinaryCrossentropy(), lossbook.BinaryCrossentropy()]), bits, p, weight)
    yield (
        "bce logits",
        (L.BinaryCrossentropy(from_logits=True), bits, rng.normal(0, 3, shape).astype(dtype), weight),
    )
    yield "focal", (L.BinaryFocalCrossentropy(), bits, p, weight)
    yield "cce", ("categorical_crossentropy", hot, rows, weight)
    yield "cce logits", (L.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), hot, z, weight)
    yield "categorical focal", (L.CategoricalFocalCrossentropy(), hot, rows, weight)
    yield "scce", (L.SparseCategoricalCrossentropy(), labels, rows, weight)
    yield "scce logits", (L.SparseCategoricalCrossentropy(from_logits=True), labels[:, None], z, weight)
    steps = rng.integers(0, k, (n, t))
    yield "scce steps", ("sparse_categorical_crossentropy", steps, softmax(rng.normal(size=(n, t, k))), None)
    yield "gce", (L.CategoricalGeneralizedCrossEntropy(), labels, rows, weight)
    yield "kl", (L.KLDivergence(), softmax(rng.normal(size=(n, k))), rows, weight)
    yield "hinge", (L.Hinge(), rng.choice([-1.0, 1.0], shape), rng.normal(0, 2, shape) - 0.5, weight)
    yield "squared hinge", ("squared_hinge", bits, rng.normal(0, 2, shape) - 0.5, weight)
    yield "categorical hinge", (L.CategoricalHinge(), hot, z, weight)
    masks = (rng.random((3, 8, 8, 1)) < 0.4).astype(dtype)
    yield "dice", (L.Dice(), masks, rng.random((3, 8, 8, 1)))
    yield "tversky", (L.Tversky(alpha=0.3, beta=0.7, axis=(1, 2, 3)), masks, rng.random((3, 8, 8, 1)))
    yield "cosine", (L.CosineSimilarity(), rng.normal(size=(n, 4)), rng.normal(size=(n, 4)), weight)
    e = rng.normal(size=(12, 6))
    yield "circle", (L.Circle(), np.repeat(np.arange(4), 3), e / np.linalg.norm(e, axis=-1, keepdims=True))
    text = rng.integers(1, 5, (4, 6))
    text[0, 3:] = 0
    spread = np.eye(3)[np.arange(4 * 36) % 3].reshape(4, 6, 6, 3)
    yield (
        "dice, channels first",
        (
            L.Dice(axis=(2, 3)),
            np.moveaxis(spread, -1, 1),
            np.moveaxis(softmax(rng.normal(size=(4, 6, 6, 3))), -1, 1),
        ),
    )
    yield "two heads", (two_heads, normal(n, 1), normal(n, 2))
    yield "counts, untrained", ("mse", rng.integers(0, 200, (n, 1)), rng.random((n, 1)))
    share = (np.arange(100)[:, None] % 8 < 5).astype(dtype)
    yield "mostly 1, little known", ("bce", share, np.linspace(0.53, 0.72, 100, dtype=dtype)[:, None])
    yield "few, untrained", ("bce", bits[:6], (1 / (1 + np.exp(-rng.normal(0.3, 0.3, shape))))[:6])
    sure = 1e-9 + (1 - k * 1e-9) * hot
    yield "smoothed by hand", ("categorical_crossentropy", 0.95 * hot + 0.05 / k, sure)
    yield "ctc", (L.CTC(), text, rng.normal(size=(4, 14, 5)).astype("float32"))
