"""The loss clinic: a proof for each row of :mod:`lossbook.tools.doctor.clinic`, and the page made of them.

A proof is a function of the row's name. Its lines stand on the page as they are run here: those up
to the first ``yield`` make the trouble, the ``yield`` shows it, the lines after it are the mend to
paste, and the second ``yield`` shows what they do. Its decorator says under which heading it
stands and what comes out. ``tests/test_clinic.py`` runs every proof, and asks ``check`` before and
after the mend.
"""

import ast
import inspect
import re
import textwrap
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy import eye, float16, float32, full, inf, int32, nan, ones, repeat, uint8, zeros

from lossbook.book.differences import masked, slope
from lossbook.tools.doctor.clinic import ROWS
from lossbook.tools.engines import keras, tf
from lossbook.tools.engines.attempts import short_error
from lossbook.tools.render import format_number

__all__ = [
    "GROUPS",
    "PROOFS",
    "SIGNS",
    "WORRIES",
    "Proof",
    "Result",
    "batch",
    "card",
    "cards",
    "evaluate",
    "masked",
    "model_of",
    "numbers",
    "proves",
    "signs",
    "slope",
    "steepest",
]

GROUPS = {
    "nan": "The loss is NaN",
    "negative": "The loss is negative",
    "stuck": "The loss is stuck",
    "small": "The loss is too good",
    "value": "The loss is not the number I computed",
    "fit": "fit and evaluate disagree",
    "error": "Keras raises an error",
}
"""The headings of the page, in order."""

SIGNS = {
    "slope exactly 0": ["dead-clipped", "dead-gradient", "logits-hidden", "softmax-one-unit", "frozen"],
    "negative": [
        "negative-loss", "signs-for-01", "labels-out-of-range", "pixels", "negative-weights",
        "logits-as-probabilities", "class-ids-in-mask", "negative-counts",
    ],
    "NaN at step 1": ["not-finite", "nan-result", "negative-rate", "labels-start-at-1", "narrow-type"],
    "NaN later": ["nan-gradient", "nan-at-epoch", "narrow-output", "growing"],
    "stuck at the median or the mean": ["constant-predictions", "dead-gradient", "broadcast"],
    "stuck at log K": ["stuck", "first-loss", "dead-gradient"],
    "scales with the batch": ["scales-with-batch", "one-sample"],
    "fit ≠ evaluate": ["fit-not-evaluate", "regularisation", "loss-as-metric"],
    "epoch loss ≠ last batch": ["epoch-not-last-batch"],
    "loss above val_loss": ["above-validation"],
    "accuracy at chance, 0 or 1": ["logits-as-probabilities", "softmax-one-unit", "padding-counted"],
}  # fmt: skip
"""What is told by a sign and not by a number, and the rows where it happens."""

WORRIES = {
    "loss is nan": "not-finite", "loss nan at step 1": "not-finite",
    "loss nan after first epoch": "nan-at-epoch", "loss becomes nan during training": "nan-at-epoch",
    "loss is inf": "narrow-type", "custom loss nan": "nan-result",
    "mixed precision nan": "narrow-output", "poisson loss nan": "negative-rate",
    "loss negative": "negative-loss", "loss is negative": "negative-loss",
    "negative binary crossentropy": "signs-for-01", "binary crossentropy negative": "signs-for-01",
    "loss stuck at 0.693": "stuck", "loss stuck at log k": "stuck", "loss stuck at 2.30": "stuck",
    "loss not decreasing": "stuck", "loss does not go down": "stuck", "loss does not change": "frozen",
    "loss is constant": "frozen", "loss increases": "growing", "loss explodes": "growing",
    "model does not learn": "dead-gradient", "gradient is zero": "dead-gradient",
    "gradient zero": "dead-gradient", "loss 15.942": "dead-clipped", "loss 16.118": "dead-clipped",
    "loss 0.3133": "squashed-twice", "loss is 100": "torch-clamp",
    "accuracy 0 from_logits": "logits-as-probabilities",
    "accuracy stuck from_logits": "logits-as-probabilities", "softmax one unit": "softmax-one-unit",
    "categorical crossentropy loss 0": "one-column", "dense 1 categorical crossentropy": "one-column",
    "softmax multi label": "softmax-with-multi-hot",
    "loss is 0": "mask-hides-all", "loss zero from the start": "mask-hides-all",
    "dice loss is 1": "empty-masks", "loss too high": "first-loss", "initial loss": "first-loss",
    "first loss": "first-loss", "loss is not the number I computed": "broadcast",
    "wrong loss value": "broadcast", "custom loss different from keras": "broadcast",
    "keras loss different from numpy": "broadcast", "keras loss different from pytorch": "swapped",
    "sample_weight ignored": "weight-shape", "loss depends on batch size": "scales-with-batch",
    "val loss lower than train loss": "above-validation",
    "val_loss lower than loss": "above-validation",
    "training loss higher than validation loss": "above-validation",
    "fit and evaluate differ": "fit-not-evaluate",
    "evaluate loss different from fit": "fit-not-evaluate",
    "shapes are incompatible": "class-numbers-for-one-hot",
    "no gradients provided for any variable": "no-gradient", "label out of range": "labels-start-at-1",
}  # fmt: skip
"""What people type when a loss worries them, and the row that it is most often."""

PROOFS = {}
"""Every :class:`Proof` by the code of its row."""


@dataclass(frozen=True)
class Proof:
    """A row of the clinic, shown to happen.

    Attributes
    ----------
    run : callable
        Holds the lines.
    group : str
        A key of :data:`GROUPS`.
    seen : float, list or str
        What comes out: a number, numbers, or the name of an error.
    mended : float, list, str or None
        What comes out after the mend; None where no line of code mends it.
    why : str
        What the lines cannot show, and why.
    """

    run: callable
    group: str
    seen: object
    mended: object = None
    why: str = ""

    @property
    def code(self):
        """The code of the row."""
        return self.run.__name__.replace("_", "-")

    @property
    def row(self):
        """The row."""
        return ROWS[self.code]

    @property
    def parts(self):
        """The lines that make the trouble, and those that mend it, each with what they show."""
        text = textwrap.dedent(inspect.getsource(self.run))
        lines, body = text.splitlines(), ast.parse(text).body[0].body
        parts, first = [], body[0].lineno
        for node in body:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Yield):
                code = textwrap.dedent("\n".join(lines[first - 1 : node.lineno - 1]))
                parts.append((re.sub("  # noqa.*", "", code), ast.get_source_segment(text, node.value.value)))
                first = node.end_lineno + 1
        return parts


def proves(group, seen=None, mended=None, why=""):
    """Enter a function in :data:`PROOFS` as the proof of the row of its name, and hand it back."""
    GROUPS[group]  # a KeyError where there is no such heading

    def enter(run):
        proof = Proof(run, group, seen, mended, why)
        PROOFS[proof.row.code] = proof
        return run

    return enter


@dataclass(frozen=True)
class Result:
    """What came out of a part of a proof: the value, or the error; and the names it left."""

    value: object
    error: str
    names: dict

    @property
    def outcome(self):
        """The value, or the name of the error."""
        return self.error.partition(":")[0] if self.error else self.value

    @property
    def text(self):
        """One short line."""
        if self.error:
            return self.error
        values = self.value if isinstance(self.value, list) else [self.value]
        return ", ".join(_short(one) for one in values) or "an empty array"


def _short(value):
    return value if isinstance(value, str) else format_number(value, 5)


def evaluate(proof):
    """Run a proof, and yield a :class:`Result` for each of its parts: the second when it is asked for."""
    keras.utils.set_random_seed(0)
    scope = {**globals(), proof.run.__name__: None}
    names = dict(scope)
    for code, expression in proof.parts:
        with warnings.catch_warnings(action="ignore"):
            exec(code, names)
            outcome = _outcome(expression, names)
        yield Result(*outcome, {key: value for key, value in names.items() if scope.get(key) is not value})


def _outcome(expression, names):
    try:
        return _plain(eval(expression, names)), ""
    except Exception as error:  # whatever it is, it is the result
        return None, short_error(error)


def _plain(value):
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return np.asarray(value, dtype=float).tolist()


# --- what proofs are made of ------------------------------------------------------------------


def batch():
    """Return 64 rows: inputs, numbers, labels 0 and 1, class numbers below 5, and padded tokens."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, 8)).astype("float32")
    tokens = rng.integers(1, 50, (64, 10))
    tokens[:, 6:] = 0
    return x, x[:, :1] - x[:, 1:2], (x[:, :1] > 0).astype("float32"), rng.integers(0, 5, 64), tokens


X, REAL, BITS, CLASSES, TOKENS = batch()


def model_of(*layers, loss="mse", rate=0.1, shape=(8,), **options):
    """Return a compiled model of some layers, which learns by plain gradient descent."""
    model = keras.Sequential([keras.Input(shape), *layers])
    model.compile(keras.optimizers.SGD(rate), loss, run_eagerly=True, **options)  # quicker for 64 rows
    return model


def steepest(model, x, y):
    """Return the largest slope of the loss in the weights of each layer, in the model's order."""
    with tf.GradientTape() as tape:
        value = model.compute_loss(x, y, model(x))
    slopes = tape.gradient(value, [layer.kernel for layer in model.layers if layer.weights])
    return [0.0 if one is None else np.abs(one).max() for one in slopes]


def rounded(*values):
    """Round losses that come of training to two digits, which hold on any processor."""
    return np.round([np.atleast_1d(value) for value in values], 2).ravel()


# --- the page -------------------------------------------------------------------------------


def card(proof, results):
    """Write a row as Markdown: symptom, cause, proof, mend, link; its code is its address.

    Parameters
    ----------
    proof : Proof
        The proof of the row.
    results : list of Result
        What came out of it.

    Returns
    -------
    str
        A block quote, for a page in a folder beside those that rows link to.
    """
    row, (code, shown) = proof.row, proof.parts[0]
    page, _, heading = row.link.partition("#")
    lines = [
        f'<span id="{row.code}"></span>**{_sentence(row.symptom)}**<br>{row.severity} · `{row.code}` '
        f'<a href="#{row.code}" title="address of this row">#</a>',
        f"**Cause.** {row.cause} [Read on](../{page}#{heading}).",
        _fenced(code, shown),
        f"→ **{results[0].text}**",
        f"**Mend.** {row.mend}",
    ]
    if len(results) > 1:
        lines += [_fenced(*proof.parts[1]), f"→ **{results[1].text}**"]
    if proof.why:
        lines.append(f"*Not run:* {proof.why}")
    text = "\n\n".join(lines)
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _sentence(text):
    return f"{text[0].upper()}{text[1:]}."


def _fenced(code, shown):
    return "\n".join(["```python", *([code] if code else []), shown, "```"])


def cards(group):
    """Run the proofs of a group, and write their rows as Markdown, errors first."""
    order = ["error", "warning", "note"]
    proofs = [PROOFS[code] for code in ROWS if code in PROOFS and PROOFS[code].group == group]
    proofs.sort(key=lambda proof: order.index(proof.row.severity))
    return "\n\n".join(card(proof, list(evaluate(proof))) for proof in proofs)


def _links(codes):
    return ", ".join(f'<a href="#{code}"><code>{code}</code></a>' for code in codes)


def numbers(classes=(2, 3, 5, 10, 100, 1000)):
    """Write a table of the numbers by which rows are told, the smallest first, as Markdown."""
    found = {}
    for row in ROWS.values():
        for mark, formula in row.numbers:
            for k in classes if callable(mark) else [0]:
                number = mark(k) if callable(mark) else mark
                said = f"{formula}, K = {k}" if callable(mark) else formula
                about, codes = found.setdefault(format_number(number, 5), (number, {}, {}))[1:]
                about[said], codes[row.code] = None, None
    ordered = sorted(found.items(), key=lambda item: (not np.isfinite(item[1][0]), item[1][0]))
    lines = ["| Number | Where it comes from | Rows |", "|---|---|---|"]
    lines += [f"| {text} | {'; '.join(said)} | {_links(codes)} |" for text, (_, said, codes) in ordered]
    return "\n".join(lines)


def signs():
    """Write a table of the signs that are no number, as Markdown."""
    lines = ["| Sign | Rows |", "|---|---|"]
    return "\n".join(lines + [f"| {sign} | {_links(codes)} |" for sign, codes in SIGNS.items()])


# fmt: off
# A table: one blank line between two rows, and as few lines as a row needs.

# --- NaN, infinity ----------------------------------------------------------------------------

@proves("nan", nan, 0.625)
def not_finite():
    loss = keras.losses.MeanSquaredError()
    y_true, y_pred = float32([[1], [nan], [3]]), float32([[1.5], [2], [2]])
    yield loss(y_true, y_pred)
    keep = np.isfinite(y_true).all(axis=1)
    y_true, y_pred = y_true[keep], y_pred[keep]
    yield loss(y_true, y_pred)

@proves("nan", nan, 0.05268)
def nan_result():
    loss = lambda y_true, y_pred: -keras.ops.mean(y_true * keras.ops.log(y_pred))  # noqa: E731
    y_true, y_pred = float32([[0], [1]]), float32([[0], [0.9]])
    yield loss(y_true, y_pred)
    y_pred = np.clip(y_pred, 1e-7, 1 - 1e-7)
    yield loss(y_true, y_pred)

@proves("nan", nan, 0.80929)
def negative_rate():
    loss = keras.losses.Poisson()
    y_true, y_pred = float32([[2], [1]]), float32([[0.7], [-0.1]])
    yield loss(y_true, y_pred)
    y_pred = np.exp(y_pred)
    yield loss(y_true, y_pred)

@proves("nan", [inf, inf], [160000.0, 159600.0])
def narrow_type():
    loss = keras.losses.mean_squared_error
    y_true, y_pred = float16([[400], [400]]), float16([[0], [0.5]])
    yield loss(y_true, y_pred)
    y_true, y_pred = y_true.astype("float32"), y_pred.astype("float32")
    yield loss(y_true, y_pred)

@proves("nan", "float16", "float32")
def narrow_output():
    last = keras.layers.Dense(5, activation="softmax", dtype="mixed_float16")
    model, x, y = model_of(last, loss="sparse_categorical_crossentropy"), X, CLASSES  # noqa: F841
    yield model(x).dtype.name
    model.layers[-1].dtype_policy = keras.DTypePolicy("float32")
    yield model(x).dtype.name

@proves("nan", [])
def empty_batch():
    loss = keras.losses.MeanSquaredError()
    y_true, y_pred = zeros((0, 1)), zeros((0, 1))
    yield loss(y_true, y_pred)

@proves("nan", [nan], [0.0])
def nan_gradient():
    root = lambda y_true, y_pred: keras.ops.sqrt(keras.ops.square(y_true - y_pred))  # noqa: E731
    model, x, y = model_of(keras.layers.Dense(1, kernel_initializer="zeros"), loss=root), X, 0 * REAL
    yield steepest(model, x, y)
    model.compile(model.optimizer, "mean_absolute_error")
    yield steepest(model, x, y)

@proves("nan", nan, [0.0])
def nan_at_epoch():
    model = model_of(keras.layers.Dense(1), rate=100.0)
    history = model.fit(X, REAL, epochs=30, verbose=0)
    yield history.history["loss"][-1]
    model = model_of(keras.layers.Dense(1), rate=0.1)
    history = model.fit(X, REAL, epochs=30, verbose=0)
    yield rounded(history.history["loss"][-1])

# --- negative ---------------------------------------------------------------------------------

@proves("negative", -0.99325, 0.10536)
def signs_for_01():
    loss = keras.losses.BinaryCrossentropy()
    y_true, y_pred = float32([[1], [-1]]), float32([[0.9], [0.1]])
    yield loss(y_true, y_pred)
    y_true = (y_true + 1) / 2
    yield loss(y_true, y_pred)

@proves("negative", -1.4581, 0.07359)
def labels_out_of_range():
    loss = keras.losses.BinaryCrossentropy()
    y_true, y_pred = float32([[0], [1], [2]]), float32([[0.1], [0.9], [0.99]])
    yield loss(y_true, y_pred)
    y_true = np.minimum(y_true, 1)
    yield loss(y_true, y_pred)

@proves("negative", -303.26, 0.14462)
def pixels():
    loss = keras.losses.BinaryCrossentropy()
    y_true, y_pred = float32([[255], [0], [255]]), float32([[0.9], [0.1], [0.8]])
    yield loss(y_true, y_pred)
    y_true = y_true / 255
    yield loss(y_true, y_pred)

@proves("negative", -0.25, 0.0)
def class_ids_in_mask():
    loss = keras.losses.Dice()
    y_true, y_pred = float32([2, 2, 1, 0]), float32([1, 1, 1, 0])
    yield loss(y_true, y_pred)
    y_true = np.minimum(y_true, 1)
    yield loss(y_true, y_pred)

@proves("negative", -10.054, 0.30735)
def negative_counts():
    loss = keras.losses.Poisson()
    y_true, y_pred = float32([[-3], [2]]), float32([[0.001], [2]])
    yield loss(y_true, y_pred)
    y_true = np.maximum(y_true, 0)
    yield loss(y_true, y_pred)

@proves("negative", -1.75, 0.5)
def negative_weights():
    loss, sample_weight = keras.losses.MeanSquaredError(), float32([1, -0.5])
    y_true, y_pred = float32([[1], [2]]), float32([[2], [5]])
    yield loss(y_true, y_pred, sample_weight=sample_weight)
    sample_weight = np.maximum(sample_weight, 0)
    yield loss(y_true, y_pred, sample_weight=sample_weight)

@proves("negative", [-4.62], [0.55])
def negative_loss():
    model, y = model_of(keras.layers.Dense(1, activation="sigmoid"), loss="binary_crossentropy"), 5 * BITS
    history = model.fit(X, y, epochs=5, verbose=0)
    yield rounded(history.history["loss"][-1])
    y = y / 5
    history = model.fit(X, y, epochs=5, verbose=0)
    yield rounded(history.history["loss"][-1])

# --- stuck ------------------------------------------------------------------------------------

@proves("stuck", [1.61], [0.64])
def stuck():
    last = keras.layers.Dense(5, activation="softmax", kernel_initializer="zeros")
    model, y = model_of(last, loss="sparse_categorical_crossentropy", rate=1e-7), X[:, :5].argmax(axis=-1)
    history = model.fit(X, y, epochs=5, verbose=0)
    yield rounded(history.history["loss"][-1])
    model.optimizer.learning_rate = 1.0
    history = model.fit(X, y, epochs=5, verbose=0)
    yield rounded(history.history["loss"][-1])

@proves("stuck", [16.118, 0.0], [25.0, 0.5])
def dead_clipped():
    loss, y_true, y_pred = keras.losses.BinaryCrossentropy(), float32([[1], [1]]), float32([[0], [0]])
    yield loss(y_true, y_pred), np.abs(slope(loss, y_true, y_pred)).max()
    loss, y_pred = keras.losses.BinaryCrossentropy(from_logits=True), float32([[-20], [-30]])
    yield loss(y_true, y_pred), np.abs(slope(loss, y_true, y_pred)).max()

@proves("stuck", 5.3727, 0.3832)
def logits_as_probabilities():
    loss = keras.losses.BinaryCrossentropy()
    y_true, y_pred = float32([[1], [0], [1]]), float32([[3], [-2], [-0.5]])
    yield loss(y_true, y_pred)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    yield loss(y_true, y_pred)

@proves("stuck", 0.55144, 1.1921e-07)
def probabilities_as_logits():
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    y_true, y_pred = eye(3), eye(3)
    yield loss(y_true, y_pred)
    loss = keras.losses.CategoricalCrossentropy()
    yield loss(y_true, y_pred)

@proves("stuck", 0.5032, 1.1921e-07)
def squashed_twice():
    loss, probability = keras.losses.BinaryCrossentropy(), float32([[1], [0], [1], [0]])
    y_true, y_pred = float32([[1], [0], [1], [0]]), np.asarray(keras.ops.sigmoid(probability))
    yield loss(y_true, y_pred)
    y_pred = probability
    yield loss(y_true, y_pred)

@proves("stuck", 0.5, 0.0)
def probabilities_for_scores():
    loss = keras.losses.Hinge()
    y_true, y_pred = float32([[1], [-1], [1], [-1]]), float32([[1], [0], [1], [0]])
    yield loss(y_true, y_pred)
    y_pred = 2 * y_pred - 1
    yield loss(y_true, y_pred)

@proves("stuck", 0.0, 0.79664)
def softmax_one_unit():
    last = keras.layers.Dense(1, activation="softmax")
    model, x, y = model_of(last, loss="binary_crossentropy"), X, BITS  # noqa: F841
    yield np.ptp(model(x))
    model.layers[-1].activation = keras.activations.sigmoid
    yield np.ptp(model(x))

@proves("stuck", 0.5, 0.99988)
def softmax_with_multi_hot():
    loss, logits = keras.losses.MeanSquaredError(), float32([[9, 9, -9]])  # noqa: F841
    y_true, y_pred = float32([[1, 1, 0]]), keras.ops.softmax(logits)  # noqa: F841
    yield np.max(y_pred)
    y_pred = keras.ops.sigmoid(logits)
    yield np.max(y_pred)

@proves("stuck", 1.0, 197.45)
def targets_out_of_reach():
    model, x, y = model_of(keras.layers.Dense(1, activation="sigmoid")), X, 9 * REAL  # noqa: F841
    yield np.max(model(100 * x))
    model.layers[-1].activation = keras.activations.linear
    yield np.max(model(100 * x))

@proves("stuck", 0.33333, 0.0)
def mixed_signs():
    loss = keras.losses.Hinge()
    y_true, y_pred = float32([[-1], [0], [1]]), float32([[-9], [-9], [9]])
    yield loss(y_true, y_pred)
    y_true = np.where(y_true > 0, 1, -1)
    yield loss(y_true, y_pred)

@proves("stuck", 1.3863, 1.1921e-07)
def labels_not_one():
    loss = keras.losses.CategoricalCrossentropy()
    y_true, y_pred = float32([[1, 1, 0], [0, 1, 1]]), float32([[0.5, 0.5, 0], [0, 0.5, 0.5]])
    yield loss(y_true, y_pred)
    loss, y_pred = keras.losses.BinaryCrossentropy(), float32([[1, 1, 0], [0, 1, 1]])
    yield loss(y_true, y_pred)

@proves("stuck", [3.75, 3.75])
def constant_predictions():
    loss, y_true = keras.losses.MeanAbsoluteError(), float32([[0], [1], [3], [4], [4], [5], [9], [20]])
    y_pred = full((8, 1), np.median(y_true))
    yield loss(y_true, y_pred), np.abs(y_true - np.median(y_true)).mean()

@proves("stuck", [0.0, 0.0], [0.21855, 7.7454])
def dead_gradient():
    low = keras.initializers.Constant(-10)
    hidden = keras.layers.Dense(6, activation="relu", bias_initializer=low)
    model, x, y = model_of(hidden, keras.layers.Dense(1)), X, REAL
    yield steepest(model, x, y)
    model.layers[0].activation = keras.activations.leaky_relu
    yield steepest(model, x, y)

@proves("stuck", [0.0], [0.33678])
def logits_hidden():
    low = keras.initializers.Constant(-20)
    last = keras.layers.Dense(1, activation="sigmoid", kernel_initializer="zeros", bias_initializer=low)
    model, x, y = model_of(last, keras.layers.Flatten(), loss="binary_crossentropy"), X, BITS
    yield steepest(model, x, y)
    model.layers[0].activation = keras.activations.linear
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    yield steepest(model, x, y)

@proves("stuck", [2.38, 2.38], [2.06, 0.92])
def frozen():
    model, x, y = model_of(keras.layers.Dense(1), rate=0.0), X, REAL
    yield rounded(model.fit(x, y, epochs=2, verbose=0).history["loss"])
    model.optimizer.learning_rate = 0.1
    yield rounded(model.fit(x, y, epochs=2, verbose=0).history["loss"])

@proves("stuck", [1.26, 1.95, 6.61], [1.59, 0.76, 0.39])
def growing():
    model = model_of(keras.layers.Dense(1), rate=1.0)
    history = model.fit(X, REAL, epochs=3, verbose=0)
    yield rounded(history.history["loss"])
    model = model_of(keras.layers.Dense(1), rate=0.1)
    history = model.fit(X, REAL, epochs=3, verbose=0)
    yield rounded(history.history["loss"])

@proves("stuck", [919.75, 1.61], [1.87, 1.61])
def first_loss():
    model = model_of(keras.layers.Dense(5, activation="softmax"), loss="sparse_categorical_crossentropy")
    x, y = 1000 * X, CLASSES
    yield rounded(model.evaluate(x, y, verbose=0), np.log(5))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    yield rounded(model.evaluate(x, y, verbose=0), np.log(5))

@proves("stuck", 0.0, 400.0)
def rounded_away():
    loss = keras.losses.MeanSquaredError()
    y_true, y_pred = np.float64([[1.7e9], [1.7e9 + 30]]), np.float64([[1.7e9 + 20], [1.7e9 + 50]])
    yield loss(y_true, y_pred)
    shift = np.mean(y_true)
    y_true, y_pred = y_true - shift, y_pred - shift
    yield loss(y_true, y_pred)

@proves("stuck", [0.8437, 0.8437], [22.5, 130700.0])
def negatives_in_logs():
    loss = keras.losses.MeanSquaredLogarithmicError()
    y_true, y_pred = float32([[1], [2]]), float32([[-5], [-1]])
    yield loss(y_true, y_pred), loss(y_true, 100 * y_pred)
    loss = keras.losses.MeanSquaredError()
    yield loss(y_true, y_pred), loss(y_true, 100 * y_pred)

# --- 0, or too good ---------------------------------------------------------------------------

@proves("small", 0.0, 180.0)
def no_pairs():
    loss, y_true = keras.losses.Circle(), int32([0, 1, 2, 3])
    y_pred = float32([[1, 0], [0, 1], [0.6, 0.8], [0, -1]])
    yield loss(y_true, y_pred)
    y_true = int32([0, 0, 1, 1])
    yield loss(y_true, y_pred)

@proves("small", 0.0, 5.0)
def weights_sum_to_zero():
    loss, sample_weight = keras.losses.MeanSquaredError(), float32([0, 0])
    y_true, y_pred = float32([[1], [2]]), float32([[2], [5]])
    yield loss(y_true, y_pred, sample_weight=sample_weight)
    sample_weight = None
    yield loss(y_true, y_pred, sample_weight=sample_weight)

@proves("small", 0.0, 5.0)
def mask_hides_all():
    loss, mask = keras.losses.MeanSquaredError(), np.array([False, False])
    y_true, y_pred = float32([[1], [2]]), float32([[2], [5]])
    yield masked(loss, y_true, y_pred, mask)
    mask = ~mask
    yield masked(loss, y_true, y_pred, mask)

@proves("small", 1.3957, 4.6052)
def padding_counted():
    loss = keras.losses.SparseCategoricalCrossentropy()
    y_true, y_pred = int32([[2, 1, 0, 0, 0], [1, 0, 0, 0, 0]]), np.tile([0.98, 0.01, 0.01], (2, 5, 1))
    yield loss(y_true, y_pred)
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=0)
    yield loss(y_true, y_pred)

@proves("small", 5.9605e-08, 2.3026)
def one_column():
    loss = keras.losses.CategoricalCrossentropy()
    y_true, y_pred = float32([[0], [1]]), float32([[0.9], [0.1]])
    yield loss(y_true, y_pred)
    loss = keras.losses.BinaryCrossentropy()
    yield loss(y_true, y_pred)

@proves("small", 0.5004, 1.6094)
def softmax_with_binary():
    loss = keras.losses.BinaryCrossentropy()
    y_true, y_pred = eye(5), full((5, 5), 0.2)
    yield loss(y_true, y_pred)
    loss = keras.losses.CategoricalCrossentropy()
    yield loss(y_true, y_pred)

@proves("small", 0.01005, 2.5374)
def constant_labels():
    loss, all_y = keras.losses.BinaryCrossentropy(), repeat([[0.0], [1.0]], 40, axis=0)
    y_true, y_pred = all_y[40:], full((40, 1), 0.99)
    yield loss(y_true, y_pred)
    y_true = all_y[np.random.default_rng(0).permutation(80)[:40]]
    yield loss(y_true, y_pred)

@proves("small", 0.063375, 0.99803)
def background():
    loss, y_true = keras.losses.Dice(), np.tile(eye(2)[[0] * 15 + [1]], (4, 1, 1))
    y_pred = np.tile([0.999, 0.001], (4, 16, 1))
    yield loss(y_true, y_pred)
    y_true, y_pred = y_true[..., 1:], y_pred[..., 1:]
    yield loss(y_true, y_pred)

@proves("small", 0.0057137, 2.2855)
def focal_mean():
    inner = loss = keras.losses.BinaryFocalCrossentropy()
    y_true, y_pred = float32([[1]] * 5 + [[0]] * 1995), full((2000, 1), 0.1)
    yield loss(y_true, y_pred)
    loss = lambda y_true, y_pred: inner(y_true, y_pred) / keras.ops.mean(y_true)  # noqa: E731
    yield loss(y_true, y_pred)

# --- another number ---------------------------------------------------------------------------

@proves("value", 0.3625, 0.0375)
def broadcast():
    loss = lambda y_true, y_pred: keras.ops.mean(keras.ops.square(y_true - y_pred))  # noqa: E731
    y_true, y_pred = float32([0, 1, 1, 0]), float32([[0.2], [0.7], [0.9], [0.1]])
    yield loss(y_true, y_pred)
    y_true = np.reshape(y_true, np.shape(y_pred))
    yield loss(y_true, y_pred)

@proves("value", 1.6667, 5.0)
def one_sample():
    loss = keras.losses.MeanSquaredError(reduction="sum")
    y_true, y_pred = float32([1, 2, 3]), float32([2, 2, 5])
    yield loss(y_true, y_pred)
    y_true, y_pred = np.reshape(y_true, (-1, 1)), np.reshape(y_pred, (-1, 1))
    yield loss(y_true, y_pred)

@proves("value", 0.10536, 0.74187)
def batch_of_one():
    loss, y, p = keras.losses.BinaryCrossentropy(), float32([[1], [0], [1]]), float32([[0.9], [0.8], [0.6]])
    y_true, y_pred = y[:1], p[:1]
    yield loss(y_true, y_pred)
    y_true, y_pred = y, p
    yield loss(y_true, y_pred)

@proves("value", 2.0, 0.0)
def misaligned_index():
    loss, y_true = keras.losses.MeanSquaredError(), pd.DataFrame([1.0, 2.0, 3.0], index=[0, 1, 2])
    y_pred = pd.DataFrame([3.0, 1.0, 2.0], index=[2, 0, 1])
    yield loss(y_true, y_pred)
    y_pred = y_pred.reindex(index=y_true.index)
    yield loss(y_true, y_pred)

@proves("value", 2.6688, 0.18388)
def swapped():
    loss = keras.losses.BinaryCrossentropy()
    y_true, y_pred = float32([[0.9], [0.2], [0.8]]), float32([[1], [0], [1]])
    yield loss(y_true, y_pred)
    y_true, y_pred = y_pred, y_true
    yield loss(y_true, y_pred)

@proves("value", [45.0, 15.942], 45.0)
def remembered_logits():
    loss, logits = keras.losses.BinaryCrossentropy(), float32([[50], [40]])
    y_true, y_pred = float32([[0], [0]]), keras.activations.sigmoid(keras.ops.convert_to_tensor(logits))
    yield loss(y_true, y_pred), loss(y_true, np.asarray(y_pred))
    loss, y_pred = keras.losses.BinaryCrossentropy(from_logits=True), logits
    yield loss(y_true, y_pred)

@proves("value", 2.5151, 1.0)
def sigmoid_with_categorical():
    model = model_of(keras.layers.Dense(5, activation="sigmoid"), loss="categorical_crossentropy")
    x, y = X, eye(5)[CLASSES]  # noqa: F841
    yield np.mean(keras.ops.sum(model(x), axis=-1))
    model.layers[-1].activation = keras.activations.softmax
    yield np.mean(keras.ops.sum(model(x), axis=-1))

@proves("value", [0.53648, 0.27978], [0.53648, 0.53648])
def rows_not_one():
    loss = keras.losses.CategoricalCrossentropy()
    y_true, y_pred = eye(3), float32([[0.9, 0.3, 0.3], [0.2, 0.6, 0.4], [0.1, 0.3, 0.8]])
    yield loss(y_true, y_pred), -np.log(np.diag(y_pred)).mean()
    y_pred = y_pred / y_pred.sum(axis=-1, keepdims=True)
    yield loss(y_true, y_pred), -np.log(np.diag(y_pred)).mean()

@proves("value", 24.677, 1.4167)
def zero_rate():
    loss = keras.losses.Poisson()
    y_true, y_pred = float32([[3], [1]]), float32([[0], [1]])
    yield loss(y_true, y_pred)
    y_pred = np.asarray(keras.ops.softplus(y_pred))
    yield loss(y_true, y_pred)

@proves("value", [1000000000.0, 10.0], [10.0])
def zero_targets():
    loss = keras.losses.mean_absolute_percentage_error
    y_true, y_pred = float32([[0], [10]]), float32([[1], [11]])
    yield loss(y_true, y_pred)
    keep = y_true[:, 0] != 0
    y_true, y_pred = y_true[keep], y_pred[keep]
    yield loss(y_true, y_pred)

@proves("value", -0.5, -1.0)
def zero_vector():
    loss, y_true, y_pred = keras.losses.CosineSimilarity(), eye(3)[:2], float32([[2, 0, 0], [0, 0, 0]])
    yield loss(y_true, y_pred)
    keep = np.abs(y_pred).max(axis=-1) > 0
    y_true, y_pred = y_true[keep], y_pred[keep]
    yield loss(y_true, y_pred)

@proves("value", 717.77, 137.39)
def not_unit():
    loss, y_true = keras.losses.Circle(), int32([0, 0, 1, 1])
    y_pred = float32([[3, 0], [0, 3], [2, 1], [0, -3]])
    yield loss(y_true, y_pred)
    y_pred = y_pred / np.linalg.norm(y_pred, axis=-1, keepdims=True)
    yield loss(y_true, y_pred)

@proves("value", 1.0, 0.0010005)
def empty_masks():
    loss, y_true, y_pred = keras.losses.Dice(), zeros((2, 4, 4, 1)), full((2, 4, 4, 1), 0.001)
    yield loss(y_true, y_pred)
    loss = keras.losses.BinaryCrossentropy()
    yield loss(y_true, y_pred)

@proves("value", 2.5, 1.25)
def weight_shape():
    loss, sample_weight = keras.losses.MeanSquaredError(), float32([1, 0])
    y_true, y_pred = zeros((2, 2, 1)), float32([[[1], [2]], [[3], [4]]])
    yield loss(y_true, y_pred, sample_weight=sample_weight)
    sample_weight = sample_weight[:, None]
    yield loss(y_true, y_pred, sample_weight=sample_weight)

@proves("value", [16.0, 16.0], [10000.0, 10000.0])
def integer_predictions():
    loss, y_true, y_pred = keras.losses.mean_squared_error, uint8([[200], [200]]), uint8([[100], [100]])
    yield loss(y_true, y_pred)
    y_true, y_pred = y_true.astype("float32"), y_pred.astype("float32")
    yield loss(y_true, y_pred)

@proves("value", 100.0, why="PyTorch is not among the packages of this book: the line computes what "
    "its documentation says of BCELoss.")
def torch_clamp():
    with np.errstate(divide="ignore"):
        logarithm = np.log(0.0)
    yield -max(logarithm, -100.0)

@proves("value", 3.1684, 5.9743)
def ctc_negative():
    loss, y_true = keras.losses.CTC(), int32([[1, 2, -1], [3, 1, 2]])
    y_pred = np.cos(np.arange(64.0)).reshape(2, 8, 4)
    yield loss(y_true, y_pred)
    y_true = np.maximum(y_true, 0)
    yield loss(y_true, y_pred)

@proves("value", 6.2817, 7.4626)
def ctc_blank():
    loss, y_true = keras.losses.CTC(), int32([[1, 0, 2], [3, 1, 2]])
    y_pred = np.cos(np.arange(64.0)).reshape(2, 8, 4)
    yield loss(y_true, y_pred)
    y_true, y_pred = y_true + 1, np.pad(y_pred, ((0, 0), (0, 0), (1, 0)))
    yield loss(y_true, y_pred)

@proves("value", [711.04, 3.3964], [10.229, 7.6099])
def ctc_infeasible():
    loss, y_true = keras.losses.ctc, int32([[1, 1, 1, 1], [1, 2, 0, 0]])
    y_pred = np.cos(np.arange(40.0)).reshape(2, 5, 4)
    yield loss(y_true, y_pred)
    y_pred = np.repeat(y_pred, 2, axis=1)
    yield loss(y_true, y_pred)

@proves("value", 11.739, 5.9743)
def ctc_padded_frames():
    loss, y_true = keras.losses.CTC(), int32([[1, 2, 0], [3, 1, 2]])
    y_pred = np.pad(np.cos(np.arange(64.0)).reshape(2, 8, 4), ((0, 0), (0, 6), (0, 0)))
    yield loss(y_true, y_pred)
    y_pred = np.where(np.ptp(y_pred, axis=-1, keepdims=True) == 0, [100, 0, 0, 0], y_pred)
    yield loss(y_true, y_pred)

@proves("value", 1.389, 0.83179)
def mask_lost():
    last = keras.layers.Conv1D(4, 3, padding="same", activation="softmax")
    layers, x, y = [keras.layers.Embedding(50, 8, mask_zero=True), last], TOKENS, TOKENS % 4
    model = model_of(*layers, loss="sparse_categorical_crossentropy", shape=(10,))
    yield model.evaluate(x, y, verbose=0)
    sample_weight = float32(x != 0)
    yield model.evaluate(x, y, sample_weight=sample_weight, verbose=0)

@proves("value", [2.0, 4.0], [1.0, 1.0])
def scales_with_batch():
    loss, y_true, y_pred = keras.losses.MeanSquaredError(reduction="sum"), zeros((4, 1)), ones((4, 1))
    yield loss(y_true[:2], y_pred[:2]), loss(y_true, y_pred)
    loss = keras.losses.MeanSquaredError()
    yield loss(y_true[:2], y_pred[:2]), loss(y_true, y_pred)

# --- fit, evaluate, validation ----------------------------------------------------------------

@proves("fit", [2.008, 1.9906], [2.008, 1.9906])
def regularisation():
    model, x, y = model_of(keras.layers.Dense(1, kernel_regularizer="l2")), X[:32], REAL[:32]
    yield model.evaluate(x, y, verbose=0), np.mean((model(x) - y) ** 2)
    model.compile(model.optimizer, "mse", metrics=["mse"])
    yield model.evaluate(x, y, verbose=0)

@proves("fit", [2.3815, 2.4009], [2.3815, 2.3815])
def loss_as_metric():
    model = model_of(keras.layers.Dense(1), metrics=[keras.losses.MeanSquaredError()])
    x, y = X, REAL
    yield model.evaluate(x, y, batch_size=48, verbose=0)
    model.compile(model.optimizer, "mse", metrics=[keras.metrics.MeanSquaredError()])
    yield model.evaluate(x, y, batch_size=48, verbose=0)

@proves("fit", [1.7, 1.51], [1.51, 1.51])
def above_validation():
    model = model_of(keras.layers.Dense(1), rate=0.02)
    history = model.fit(X, REAL, epochs=3, validation_data=(X, REAL), verbose=0)
    yield rounded(history.history["loss"][-1], history.history["val_loss"][-1])
    history.history["loss"][-1] = model.evaluate(X, REAL, verbose=0)
    yield rounded(history.history["loss"][-1], history.history["val_loss"][-1])

@proves("fit", [1.9, 1.11], [1.11, 1.11])
def fit_not_evaluate():
    model = model_of(keras.layers.Dropout(0.5), keras.layers.Dense(1))
    yield rounded(model.fit(X, REAL, verbose=0).history["loss"], model.evaluate(X, REAL, verbose=0))
    score = model.evaluate(X, REAL, verbose=0)
    yield rounded(score, model.evaluate(X, REAL, verbose=0))

@proves("fit", [2.38, 2.44], [2.38, 2.38])
def epoch_not_last_batch():
    model = model_of(keras.layers.Dense(1), rate=0.0)
    epoch = model.fit(X, REAL, shuffle=False, batch_size=48, verbose=0).history["loss"]
    yield rounded(epoch, model.evaluate(X[48:], REAL[48:], verbose=0))
    score = model.evaluate(X, REAL, verbose=0)
    yield rounded(epoch, score)

# --- errors -----------------------------------------------------------------------------------

@proves("error", "ValueError", 0.43375)
def class_numbers_for_one_hot():
    loss = keras.losses.CategoricalCrossentropy()
    y_true, y_pred = int32([0, 2]), float32([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    yield loss(y_true, y_pred)
    y_true = keras.utils.to_categorical(y_true, 3)
    yield loss(y_true, y_pred)

@proves("error", "ValueError", 0.43375)
def one_hot_for_class_numbers():
    loss = keras.losses.SparseCategoricalCrossentropy()
    y_true, y_pred = float32([[1, 0, 0], [0, 0, 1]]), float32([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    yield loss(y_true, y_pred)
    y_true = np.argmax(y_true, axis=-1)
    yield loss(y_true, y_pred)

@proves("error", "InvalidArgumentError", 0.43375)
def labels_start_at_1():
    loss = keras.losses.SparseCategoricalCrossentropy()
    y_true, y_pred = int32([1, 3]), float32([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    yield loss(y_true, y_pred)
    y_true = y_true - 1
    yield loss(y_true, y_pred)

@proves("error", "ValueError", 1.0986)
def channels_first():
    loss = keras.losses.SparseCategoricalCrossentropy()
    y_true, y_pred = np.arange(60).reshape(2, 5, 6) % 3, full((2, 3, 5, 6), 1 / 3)
    yield loss(y_true, y_pred)
    y_pred = np.moveaxis(y_pred, 1, -1)
    yield loss(y_true, y_pred)

@proves("error", "InvalidArgumentError", 0.5)
def shape_mismatch():
    loss = keras.losses.MeanSquaredError()
    y_true, y_pred = float32([[1, 2], [3, 4]]), float32([[1, 3], [3, 5], [0, 0]])
    yield loss(y_true, y_pred)
    y_pred = y_pred[:2]
    yield loss(y_true, y_pred)

@proves("error", "ValueError", 0.28991)
def lists():
    loss = keras.losses.SparseCategoricalCrossentropy()
    y_true, y_pred = [0, 1], [[0.7, 0.3], [0.2, 0.8]]
    yield loss(y_true, y_pred)
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    yield loss(y_true, y_pred)

@proves("error", "ValueError", 0.28991)
def not_numbers():
    loss = keras.losses.SparseCategoricalCrossentropy()
    y_true, y_pred = np.array(["cat", "dog"]), float32([[0.7, 0.3], [0.2, 0.8]])
    yield loss(y_true, y_pred)
    y_true = np.unique(y_true, return_inverse=True)[1]
    yield loss(y_true, y_pred)

@proves("error", "ValueError", 2.3815)
def no_gradient():
    model, x, y = model_of(keras.layers.Dense(1), keras.layers.Lambda(tf.round)), X, REAL
    yield model.train_on_batch(x, y)
    model = model_of(model.layers[0])
    yield model.train_on_batch(x, y)

@proves("error", "InvalidArgumentError")
def refused():
    model = model_of(keras.layers.Dense(1), loss=lambda y_true, y_pred: keras.ops.matmul(y_true, y_pred))
    x, y = X, REAL
    yield model.train_on_batch(x, y)

@proves("error", "InvalidArgumentError", 1.6894)
def class_weight():
    layers = keras.layers.Embedding(50, 8), keras.layers.Dense(4, activation="softmax")
    model = model_of(*layers, loss="sparse_categorical_crossentropy", shape=(10,))
    x, y, class_weight = TOKENS, 1 + TOKENS % 3, {1: 1.0, 2: 2.0, 3: 1.0}
    yield model.train_on_batch(x, y, class_weight=class_weight)
    sample_weight, class_weight = np.vectorize(class_weight.get)(y).astype("float32"), None
    yield model.train_on_batch(x, y, sample_weight)

@proves("error", "KeyError", [4.2359, 2.3815, 1.8545])
def outputs_mismatch():
    entry = keras.Input((8,))
    model = keras.Model(entry, {name: keras.layers.Dense(1, name=name)(entry) for name in ("a", "b")})
    model.compile("sgd", {"a": "mse", "c": "mse"})
    x, y = X, {"a": REAL, "b": REAL}
    yield model.train_on_batch(x, y)
    model.compile("sgd", {"a": "mse", "b": "mse"})
    yield model.train_on_batch(x, y)
