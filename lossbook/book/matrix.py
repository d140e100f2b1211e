"""The living matrix: every last layer with every form of labels and every loss of Keras, run and judged.

A :class:`Task` is 128 rows of made data whose true answer is known, with the last layers and the
forms of labels that people try on it. A combination of task, last layer, labels and loss is a
:class:`Cell`. :func:`run` takes its loss and gradient in Keras, trains it, and measures what it has
learnt; :func:`judge` decides from these measures alone. ``matrix.json`` keeps what came out, in
TensorFlow, JAX and PyTorch::

    python -m lossbook.book.matrix --jax PYTHON --torch PYTHON

``notebooks/practice/matrix.md`` shows it, and ``tests/test_matrix.py`` runs it again.
"""

import json
import math
import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lossbook.registry import CATALOGUE
from lossbook.tools.engines import keras

NUMBERED = ("sparse_categorical_crossentropy", "circle", "ctc")  # labels are numbers of classes
STORE = Path(__file__).with_suffix(".json")
ROWS, FEATURES, CLASSES, STEPS, RATE = 128, 4, 4, 80, 0.15
REACHED, HONEST = 0.8, 0.06
"""A combination works if it reaches this share of the task's best score, and if its probabilities miss
the true ones by no more than this beyond the best that its loss reaches with any last layer and labels."""

WORDS = {"works": "works", "raises": "raises", "wrong": "silently wrong"}
"""The verdicts, as keys and as they are shown."""


# --- losses ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LossCase:
    """A loss as `compile` takes it: the name of its class, its options, and what its outputs mean."""

    name: str
    cls: str
    options: tuple = ()

    @property
    def key(self):
        """Its name in addresses."""
        return self.name.replace("_", "-") + ("-logits" if self.logits else "")

    @property
    def logits(self):
        """Whether it takes scores before the sigmoid or softmax."""
        return dict(self.options).get("from_logits", False)

    @property
    def margin(self):
        """Whether it takes scores whose sign is the answer."""
        return self.name.endswith("hinge")

    @property
    def code(self):
        """What stands in `compile`."""
        return f"{self.cls}({', '.join(f'{name}={value!r}' for name, value in self.options)})"

    def build(self):
        """Make it, in the Keras of this process."""
        if self.name == "quantile":  # Keras wraps a function like this, too
            return keras.losses.MeanSquaredError.__base__(quantile)
        return getattr(keras.losses, self.cls)(**dict(self.options))


def quantile(y_true, y_pred):
    """Charge 0.9 for what is missing and 0.1 for what is too much."""
    error = y_true - y_pred
    return keras.ops.mean(keras.ops.maximum(0.9 * error, -0.1 * error), axis=-1)


def _losses(*names):
    return [LossCase(name, "".join(part.capitalize() for part in name.split("_"))) for name in names]


def _with_logits(*names):
    return [case for one in _losses(*names) for case in (one, LossCase(one.name, one.cls, LOGITS))]


LOGITS = (("from_logits", True),)
LOSSES = {
    loss.key: loss
    for loss in [
        *_losses("mean_squared_error", "mean_absolute_error", "huber", "log_cosh"),
        *_losses("mean_absolute_percentage_error", "mean_squared_logarithmic_error", "poisson"),
        *_with_logits("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"),
        *_with_logits("binary_focal_crossentropy", "categorical_focal_crossentropy"),
        *_losses("categorical_generalized_cross_entropy"),
        LossCase("kl_divergence", "KLDivergence"),
        *_losses("hinge", "squared_hinge", "categorical_hinge", "dice", "tversky"),
        *_losses("cosine_similarity", "circle"),
        LossCase("ctc", "CTC"),
        LossCase("quantile", "quantile"),
    ]
}
"""Every loss of Keras with and without logits, and the quantile loss that Keras lacks."""


# --- last layers and tasks ------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """A last layer: its units and its activation; `unit` divides each row by its length."""

    key: str
    units: int
    activation: str = "linear"
    unit: bool = False
    maps: bool = False

    @property
    def code(self):
        """The line to paste."""
        units = "K" if self.units == CLASSES else self.units
        size = f"Conv2D({units}, 1" if self.maps else f"Dense({units}"
        activation = "" if self.activation == "linear" else f', activation="{self.activation}"'
        return f"{size}{activation}){', UnitNormalization()' if self.unit else ''}"

    def __call__(self, x, kernel, bias):
        score = keras.ops.matmul(x, kernel) + bias
        answer = keras.activations.get(self.activation)(score)
        return keras.layers.UnitNormalization()(answer) if self.unit else answer


def _layers(*keys, maps=False):
    made = {}
    for key in keys:
        activation, _, units = key.partition("-")
        count = CLASSES if units == "k" else int(units)
        unit = activation == "unit"
        made[key] = Layer(key, count, "linear" if unit else activation, unit, maps)
    return made


@dataclass(frozen=True)
class Form:
    """A form of labels: the array, and what it is called; `low` and `high` are what stands for no and yes."""

    key: str
    values: np.ndarray
    text: str
    low: float = 0.0
    high: float = 1.0
    dtypes: tuple = ("float32", "int64", "uint8")


@dataclass(frozen=True)
class Task:
    """What is to be learnt: rows, last layers, forms of labels, losses, and a measure of the answers."""

    key: str
    title: str
    x: np.ndarray
    layers: dict
    forms: dict
    losses: list
    measure: callable
    cells: list = field(default_factory=list)


@dataclass(frozen=True)
class Cell:
    """One combination."""

    task: Task
    layer: Layer
    form: Form
    loss: LossCase

    @property
    def key(self):
        """Its permanent address."""
        return f"{self.task.key}.{self.layer.key}.{self.form.key}.{self.loss.key}"


@dataclass(frozen=True)
class Measure:
    """How good answers are: a score (1 at best, 0 for a constant), the miss of probabilities, and words."""

    score: float
    text: str
    miss: float = math.nan


# --- measures -------------------------------------------------------------------------------------


def as_probabilities(outputs, cell):
    """Read outputs as a user of the layer and the loss would: what they say of each class or flag.

    Sigmoid and softmax outputs are taken as they are. Of a linear layer, logits go through sigmoid or
    softmax, and other scores are placed between what stands for no and what stands for yes: that is
    -1 and 1 for hinge losses, and the two values of the labels for the rest.
    """
    if cell.layer.activation in ("sigmoid", "softmax"):
        return outputs
    many = cell.layer.units > 1 and "multi" not in cell.task.key
    if cell.loss.logits and many:
        raised = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return raised / raised.sum(axis=-1, keepdims=True)
    if cell.loss.logits:
        return 1 / (1 + np.exp(-np.clip(outputs, -80, 80)))
    low, high = (-1.0, 1.0) if cell.loss.margin else (cell.form.low, cell.form.high)
    return (outputs - low) / (high - low)


def _percent(share):
    return f"{100 * share:.0f}%"


def measure_flags(truth):
    """Measure yes-or-no answers against the true probabilities."""

    def measure(outputs, cell):
        said = as_probabilities(outputs, cell)
        if cell.layer.units == 2:  # two classes for one flag
            right = (said.argmax(axis=-1) == 1) == (truth[..., 0] > 0.5)
            said = said[..., 1:]
        else:
            right = (said > 0.5) == (truth > 0.5)
        return _of_answers(right.mean(), max((truth > 0.5).mean(), (truth <= 0.5).mean()), said, truth)

    return measure


def measure_classes(truth):
    """Measure answers among classes against the true probabilities."""
    best = truth.argmax(axis=-1)

    def measure(outputs, cell):
        first = cell.form.key == "from-1"
        if cell.layer.units == 1:  # the number of the class itself
            right = np.clip(np.rint(outputs[..., 0]) - first, 0, CLASSES - 1) == best
            return _of_answers(right.mean(), np.bincount(best.ravel()).max() / best.size)
        said = as_probabilities(outputs, cell)
        right = said.argmax(axis=-1) == best
        return _of_answers(right.mean(), np.bincount(best.ravel()).max() / best.size, said, truth)

    return measure


def _of_answers(right, chance, said=None, truth=None):
    miss = math.nan if said is None else float(np.abs(said - truth).mean())
    text = f"right in {_percent(right)}, and always the same answer would be in {_percent(chance)}"
    return Measure((right - chance) / (1 - chance), text, miss)


def measure_numbers(truth, scale=None):
    """Measure numbers: how much closer than one constant for all rows; on a logarithmic scale for amounts."""
    transform = (lambda values: np.log(np.maximum(values, 0.01))) if scale == "log" else np.asarray
    aim = transform(truth)
    usual = np.abs(aim - np.median(aim)).mean()

    def measure(outputs, cell):
        left = np.abs(transform(outputs) - aim).mean() / usual
        text = f"its error is {_percent(left)} of the best constant's"
        if scale == "log" and (share := (outputs < 0).mean()):
            text += f", {_percent(share)} of the answers are below 0"
        return Measure(1 - left, text)

    return measure


def measure_quantile(y, q=0.9):
    """Measure a quantile: the price of what is missing and of what is too much, beside the best constant's."""

    def price(answer):
        return np.maximum(q * (y - answer), (q - 1) * (y - answer)).mean()

    usual = price(np.quantile(y, q))

    def measure(outputs, cell):
        below = (y < outputs).mean()
        return Measure(
            1 - price(outputs) / usual,
            f"{_percent(below)} of the labels lie below it, and {_percent(q)} should",
        )

    return measure


def measure_neighbours(labels):
    """Measure embeddings: how often the nearest other row is of the same class."""
    chance = np.bincount(labels).max() / labels.size

    def measure(outputs, cell):
        length = np.linalg.norm(outputs, axis=-1, keepdims=True)
        rows = outputs / np.maximum(length, 1e-9)
        near = rows @ rows.T - 3 * np.eye(len(rows))
        right = (labels[near.argmax(axis=1)] == labels).mean()
        return Measure(
            (right - chance) / (1 - chance), f"the nearest row is of the same class in {_percent(right)}"
        )

    return measure


def measure_directions(truth):
    """Measure vectors by the cosine of the angle to the true ones."""

    def measure(outputs, cell):
        length = np.linalg.norm(outputs, axis=-1, keepdims=True)
        cosine = (outputs / np.maximum(length, 1e-9) * truth).sum(axis=-1).mean()
        return Measure(float(cosine), f"mean cosine to the true direction {cosine:.1f}")

    return measure


def measure_sequences(labels):
    """Measure sequences: best symbol of each frame, repeats merged, blanks (0) dropped."""

    def measure(outputs, cell):
        best = outputs.argmax(axis=-1)
        read = [[s for s, before in zip(row, [0, *row]) if s and s != before] for row in best.tolist()]
        right = np.mean([one == [s for s in row if s > 0] for one, row in zip(read, labels.tolist())])
        return Measure(right, f"{_percent(right)} of the sequences are read without a mistake")

    return measure


# --- the tasks --------------------------------------------------------------------------------------


def _sigmoid(score):
    return 1 / (1 + np.exp(-score))


def _softmax(score):
    raised = np.exp(score - score.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def _forms(*forms):
    return {form.key: form for form in forms}


def _column(values, dtypes=("float32", "float64")):
    return _forms(
        Form("column", values, "(N, 1)", dtypes=dtypes), Form("flat", values[:, 0], "(N,)", dtypes=dtypes)
    )


def _binary_forms(flags, axes="N"):
    """Labels of one flag a row, or a pixel."""
    bits = flags[..., None]
    whole = ("float32", "int64", "uint8", "bool")
    return _forms(
        Form("column", bits, f"({axes}, 1) of 0 and 1", dtypes=whole),
        Form("flat", flags, f"({axes}{'' if ',' in axes else ','}) of 0 and 1", dtypes=whole),
        Form("signs", 2 * bits - 1, f"({axes}, 1) of −1 and 1", -1.0, 1.0, ("float32", "int64")),
        Form("one-hot", np.eye(2)[flags], f"({axes}, 2) one-hot", dtypes=whole),
    )


def _class_forms(numbers, axes="N"):
    """Labels of one class a row, or a pixel."""
    return _forms(
        Form("numbers", numbers, f"({axes}{'' if ',' in axes else ','}) class numbers"),
        Form("number-column", numbers[..., None], f"({axes}, 1) class numbers"),
        Form("one-hot", np.eye(CLASSES)[numbers], f"({axes}, K) one-hot"),
        Form("from-1", numbers + 1, f"({axes}{'' if ',' in axes else ','}) class numbers from 1"),
    )


def tasks():
    """Make the tasks, from one generator, the same each time."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(ROWS, FEATURES)).astype("float32")
    one, several = rng.normal(size=(FEATURES, 1)), rng.normal(size=(FEATURES, CLASSES))
    one, several = one / np.linalg.norm(one), several / np.linalg.norm(several, axis=0)
    score, scores = x @ one, x @ several
    noise = rng.normal(size=(ROWS, 1))
    share = _sigmoid(3 * score)
    flags = (rng.random(size=(ROWS, 1)) < share)[:, 0].astype(int)
    shares = _softmax(4 * scores)
    numbers = (rng.random(size=(ROWS, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    each = _sigmoid(3 * scores)
    several_flags = (rng.random(size=each.shape) < each).astype(int)
    rate = np.exp(0.7 * score + 1)

    def made(key, title, layers, forms, measure, losses, x=x, maps=False):
        return Task(key, title, x, _layers(*layers.split(), maps=maps), forms, _picked(losses), measure)

    def as_maps(values):
        return values.reshape(8, 4, 4, *values.shape[1:])

    whole = ("float32", "int64", "uint8")
    found = [
        made("number", "A number", "linear-1 sigmoid-1", _column(2 * score + 1 + 0.2 * noise),
             measure_numbers(2 * score + 1), OF_NUMBERS + " kl-divergence cosine-similarity hinge"),
        made("amount", "A positive amount", "exponential-1 linear-1",
             _column(np.exp(0.7 * score + 1 + 0.2 * noise)), measure_numbers(rate, "log"), OF_NUMBERS),
        made("count", "A count", "exponential-1 linear-1", _column(rng.poisson(rate), whole),
             measure_numbers(rate, "log"), OF_NUMBERS + " sparse-categorical-crossentropy"),
    ]  # fmt: skip
    uneven = 2 * score + (1 + 0.5 * np.abs(score)) * noise
    found.append(made("quantile", "A quantile (nine of ten labels below)", "linear-1", _column(uneven),
                      measure_quantile(uneven), "quantile " + OF_NUMBERS))  # fmt: skip
    found.append(made("binary", "Yes or no", "sigmoid-1 linear-1 softmax-1 softmax-2 linear-2",
                      _binary_forms(flags), measure_flags(share), OF_FLAGS + OF_CLASSES))  # fmt: skip
    found.append(made("classes", "One of K classes", "softmax-k linear-k sigmoid-k linear-1 softmax-1",
                      _class_forms(numbers), measure_classes(shares),
                      OF_CLASSES + " binary-crossentropy binary-crossentropy-logits mean-squared-error "
                      "mean-absolute-error huber kl-divergence dice hinge cosine-similarity"))  # fmt: skip
    multi = _forms(
        Form("multi-hot", several_flags, "(N, K) of 0 and 1", dtypes=("float32", "int64", "uint8", "bool")),
        Form("signs", 2 * several_flags - 1, "(N, K) of −1 and 1", -1.0, 1.0, ("float32", "int64")),
    )
    found.append(made("multi-label", "Several labels at once", "sigmoid-k linear-k softmax-k", multi,
                      measure_flags(each), OF_FLAGS + " categorical-crossentropy categorical-crossentropy-logits "
                      "categorical-hinge"))  # fmt: skip
    masks = _binary_forms(as_maps(flags), "N, H, W")
    masks["pixels"] = Form(
        "pixels", 255 * masks["column"].values, "(N, H, W, 1) of 0 and 255", 0.0, 255.0, whole
    )
    found.append(made("mask", "Each pixel yes or no", "sigmoid-1 linear-1 softmax-1 softmax-2", masks,
                      measure_flags(as_maps(share)), OF_PIXELS, x=as_maps(x), maps=True))  # fmt: skip
    found.append(made("maps", "Each pixel one of K classes", "softmax-k linear-k",
                      _class_forms(as_maps(numbers), "N, H, W"), measure_classes(as_maps(shares)),
                      OF_PIXELS, x=as_maps(x), maps=True))  # fmt: skip
    return {task.key: task for task in [*found, *_others(rng)]}


def _others(rng):
    """Embeddings, directions and sequences."""
    group = rng.integers(0, 3, ROWS)
    x = (np.eye(3, FEATURES)[group] + rng.normal(size=(ROWS, FEATURES)) * [0.25, 0.25, 0.25, 3]).astype(
        "float32"
    )
    forms = _forms(
        Form("numbers", group, "(N,) class numbers"),
        Form("number-column", group[:, None], "(N, 1) class numbers"),
        Form("one-hot", np.eye(3)[group], "(N, 3) one-hot"),
    )
    pick = "circle mean-squared-error categorical-crossentropy sparse-categorical-crossentropy-logits"
    yield Task("embedding", "An embedding", x, _layers("unit-2", "linear-2"), forms,
               _picked(pick + " cosine-similarity"), measure_neighbours(group))  # fmt: skip
    x = rng.normal(size=(ROWS, FEATURES)).astype("float32")
    aim = x @ rng.normal(size=(FEATURES, 3)) + 0.1 * rng.normal(size=(ROWS, 3))
    unit = aim / np.linalg.norm(aim, axis=1, keepdims=True)
    stretched = unit * np.exp(2 * rng.normal(size=(ROWS, 1)))
    forms = _forms(
        Form("vectors", unit, "(N, D) of length 1", dtypes=("float32", "float64")),
        Form("long-vectors", stretched, "(N, D) of any length", dtypes=("float32", "float64")),
    )
    yield Task("direction", "A direction", x, _layers("linear-3", "unit-3"), forms,
               _picked("cosine-similarity " + OF_NUMBERS), measure_directions(unit))  # fmt: skip
    yield _reading(rng)


def _reading(rng, rows=16, frames=12, longest=3):
    """Frames in which symbols 1 to 3 are seen, with noise, and the sequence that they spell."""
    labels = np.zeros((rows, longest), int)
    seen = np.zeros((rows, frames), int)
    for row in range(rows):
        length = rng.integers(2, longest + 1)
        labels[row, :length] = rng.integers(1, CLASSES, length)
        for place in range(length):
            seen[row, 4 * place + 1 : 4 * place + 3] = labels[row, place]
    x = (2 * np.eye(CLASSES)[seen] + 0.3 * rng.normal(size=(rows, frames, CLASSES))).astype("float32")
    whole = ("float32", "int64")
    forms = _forms(
        Form("padded-0", labels, "(N, L) symbols from 1, padded with 0"),
        Form(
            "padded-minus",
            np.where(labels, labels, -1),
            "(N, L) symbols from 1, padded with −1",
            dtypes=whole,
        ),
        Form(
            "from-0", np.where(labels, labels - 1, -1), "(N, L) symbols from 0, padded with −1", dtypes=whole
        ),
    )
    pick = _picked("ctc sparse-categorical-crossentropy categorical-crossentropy mean-squared-error")
    return Task("sequence", "A sequence without alignment", x, _layers("linear-k", "softmax-k"), forms, pick,
                measure_sequences(labels))  # fmt: skip


OF_NUMBERS = """mean-squared-error mean-absolute-error huber log-cosh mean-absolute-percentage-error
mean-squared-logarithmic-error poisson binary-crossentropy"""
OF_FLAGS = """binary-crossentropy binary-crossentropy-logits binary-focal-crossentropy
binary-focal-crossentropy-logits mean-squared-error mean-absolute-error poisson kl-divergence
hinge squared-hinge dice tversky """
OF_CLASSES = """categorical-crossentropy categorical-crossentropy-logits sparse-categorical-crossentropy
sparse-categorical-crossentropy-logits categorical-focal-crossentropy categorical-focal-crossentropy-logits
categorical-generalized-cross-entropy categorical-hinge"""
OF_PIXELS = """binary-crossentropy binary-crossentropy-logits categorical-crossentropy
categorical-crossentropy-logits sparse-categorical-crossentropy sparse-categorical-crossentropy-logits
binary-focal-crossentropy categorical-focal-crossentropy dice tversky mean-squared-error"""


def _picked(keys):
    return [LOSSES[key] for key in keys.split()]


TASKS = tasks()
CELLS = {
    cell.key: cell
    for task in TASKS.values()
    for layer in task.layers.values()
    for form in task.forms.values()
    for loss in task.losses
    for cell in [Cell(task, layer, form, loss)]
}
"""Every combination, by its address."""


# --- a run ------------------------------------------------------------------------------------------


def short_error(error):
    """Write an exception in one short line: without what is received, and TensorFlow's names of nodes.

    Examples
    --------
    >>> short_error(ValueError("Shapes differ. Received: a list"))
    'ValueError: Shapes differ.'
    """
    words = " ".join(str(error).split()).split("Received:")[0]
    words = re.sub(r"\{\{.*?\}\}|\[Op:.*| for '.*", "", words)
    return f"{type(error).__name__}: {textwrap.shorten(words, 90, placeholder=' …')}"


def _slope_of(function, compiled):
    """Return a function of NumPy weights that gives the value and the gradient of `function`, as NumPy."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def taped(weights):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                value = function(*weights)
            return value, tape.gradient(value, weights, unconnected_gradients="zero")

        step = tf.function(taped, autograph=False) if compiled else taped
        tensor, plain = tf.constant, np.asarray
    elif backend == "jax":
        import jax

        step = jax.value_and_grad(lambda weights: function(*weights))
        step, tensor, plain = jax.jit(step) if compiled else step, np.asarray, np.asarray
    else:
        import torch

        def step(weights):
            value = function(*weights)
            found = (
                torch.autograd.grad(value, weights, allow_unused=True) if value.requires_grad else [None] * 2
            )
            return value, [torch.zeros_like(w) if g is None else g for g, w in zip(found, weights)]

        def tensor(values):
            return torch.tensor(values, requires_grad=True)

        def plain(values):
            return values.detach().numpy()

    def at(weights):
        value, slopes = step([tensor(w) for w in weights])
        return float(plain(value)), [plain(one) for one in slopes]

    return at


def _loss_of(cell, labels):
    """Return the loss of a cell as a function of the weights of its last layer."""
    loss, x, labels = (
        cell.loss.build(),
        keras.ops.convert_to_tensor(cell.task.x),
        keras.ops.convert_to_tensor(labels),
    )
    return lambda kernel, bias: loss(labels, cell.layer(x, kernel, bias))


def _points(cell):
    """Return the weights that know nothing, and three others; training starts from the second."""
    rng = np.random.default_rng(7)
    shape = (cell.task.x.shape[-1], cell.layer.units)
    zero = [np.zeros(shape, "float32"), np.zeros(shape[1], "float32")]
    others = [[rng.normal(0, size, one.shape).astype("float32") for one in zero] for size in (0.3, 1, 2)]
    return [zero, *others]


def answers(cell, weights):
    """Return what the last layer says of every row."""
    return np.asarray(keras.ops.convert_to_numpy(cell.layer(cell.task.x, *weights)), float)


def first_steps(cell):
    """Take the loss and its gradient at four points; compare the types of labels at one of them.

    Returns
    -------
    dict
        ``error``, or ``values``, ``slopes`` (of the three points that know something) and ``types``:
        the types of labels that give another loss than the first, each with it.
    """
    form = cell.form
    try:
        at = _slope_of(_loss_of(cell, form.values.astype(form.dtypes[0])), compiled=False)
        found = [at(point) for point in _points(cell)]
    except Exception as error:  # whatever Keras raises is the result
        return {"error": short_error(error)}
    found[0] = found[0][0], predicted(cell)
    types = {}
    for dtype in form.dtypes[1:]:
        try:
            again = _loss_of(cell, form.values.astype(dtype))(
                *map(keras.ops.convert_to_tensor, _points(cell)[1])
            )
            again = float(keras.ops.convert_to_numpy(again))
        except Exception as error:
            again = short_error(error)
        if isinstance(again, str) or not np.isclose(again, found[1][0], rtol=1e-5, equal_nan=True):
            types[dtype] = again
    slopes = np.concatenate([np.ravel(one) for _, slopes in found[1:] for one in slopes])
    values = [value for value, _ in found]
    return {"values": values, "slopes": slopes, "types": types, "predicted": found[0][1]}


def predicted(cell):
    """Return what lossbook computes, by the definition of the loss, of weights that are 0; or why not."""
    answer = np.asarray(keras.ops.convert_to_numpy(cell.layer(cell.task.x, *_points(cell)[0])), "float32")
    labels = cell.form.values if cell.loss.name in NUMBERED else cell.form.values.astype("float32")
    options = {"q": 0.9} if cell.loss.name == "quantile" else dict(cell.loss.options)
    try:
        with np.errstate(all="ignore"):
            return float(CATALOGUE[cell.loss.name].cls(**options)(labels, answer))
    except ValueError as error:
        return str(error)


def train(cell, steps=STEPS):
    """Train the last layer by Adam on all rows, and return its weights and the loss before each step."""
    at = _slope_of(_loss_of(cell, cell.form.values.astype(cell.form.dtypes[0])), compiled=True)
    weights, losses = _points(cell)[1], []
    first, second = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    for step in range(1, steps + 1):
        value, slopes = at(weights)
        losses.append(value)
        if not np.isfinite(value) or not all(np.isfinite(one).all() for one in slopes):
            losses.append(math.nan)
            break
        first = [0.9 * m + 0.1 * g for m, g in zip(first, slopes)]
        second = [0.99 * v + 0.01 * g**2 for v, g in zip(second, slopes)]
        rate = RATE * min(1.0, 2 - 2 * step / steps)
        weights = [
            (w - rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8)).astype("float32")
            for w, m, v in zip(weights, first, second)
        ]
    return weights, losses


def run(cells=None, tell=lambda cell: None):
    """Run combinations, those that are one function of the weights once, and return what came out.

    Parameters
    ----------
    cells : iterable of Cell, optional
        All of them, unless said otherwise.
    tell : callable
        Is called with each cell before it is run.

    Returns
    -------
    dict
        For each address a dictionary: ``error``; or ``first``, the loss of weights that are 0,
        ``start`` and ``end``, the losses of training, ``score``, ``miss``, ``text`` and ``types``.
    """
    found, known = {}, {}
    for cell in CELLS.values() if cells is None else cells:
        tell(cell)
        taken = first_steps(cell)
        if "error" in taken:
            found[cell.key] = taken
            continue
        first, *others = taken.pop("values")
        mark = np.concatenate([others, taken.pop("slopes")])
        same = known.setdefault((cell.task.key, cell.layer.key), [])
        for other, result in same:
            alike = np.allclose(mark, other, rtol=1e-4, atol=1e-6, equal_nan=True)
            if alike and _reads_alike(cell, CELLS[result["as"]]):
                break
        else:
            result = {"as": cell.key, "mark": _short_mark(others, mark), **_trained(cell, mark)}
            same.append((mark, result))
        found[cell.key] = {"first": first, **taken, **result}
    return found


def _short_mark(values, mark):
    """Write the losses at three points, and the lengths of their gradients."""
    return [*values, *(float(np.linalg.norm(one)) for one in np.split(mark[3:], 3))]


def _reads_alike(cell, other):
    said = [(one.form.low, one.form.high, one.loss.logits, one.loss.margin) for one in (cell, other)]
    return said[0] == said[1]


def _trained(cell, mark):
    dead = not mark[3:].any()  # no slope anywhere: training would change nothing
    weights, losses = (_points(cell)[1], [float(mark[0])] * 2) if dead else train(cell)
    said = answers(cell, weights)
    result = {"start": losses[0], "end": losses[-1], "dead": bool(dead), "steps": len(losses)}
    if not (np.isfinite(losses[-1]) and np.isfinite(said).all()):
        return {**result, "end": math.nan}
    measure = cell.task.measure(said, cell)
    spread = float(np.abs(said - said.mean(axis=tuple(range(said.ndim - 1)))).max())
    return {
        **result, "score": float(measure.score), "miss": measure.miss, "text": measure.text,
        "spread": spread, "mean": float(said.mean()),
    }  # fmt: skip


# --- the verdict ------------------------------------------------------------------------------------


def judge(found):
    """Decide on every combination of a run, from what was measured.

    Parameters
    ----------
    found : dict
        What :func:`run` returns: whole tasks, since a combination is held against the best of its task.

    Returns
    -------
    dict
        A verdict for each address, a key of :data:`WORDS`, and the reason.
    """
    best, honest = {}, {}
    for key, result in found.items():
        if "score" in result:
            task = CELLS[key].task.key
            best[task] = max(best.get(task, 0), result["score"])
    for key, result in found.items():
        cell = CELLS[key]
        if result.get("score", -9) >= REACHED * best[cell.task.key] and np.isfinite(result["miss"]):
            place = cell.task.key, cell.loss.key
            honest[place] = min(honest.get(place, 9), result["miss"])
    return {key: _judged(CELLS[key], result, best, honest) for key, result in found.items()}


def _judged(cell, result, best, honest):
    if "error" in result:
        return "raises", result["error"]
    if "score" not in result:
        return "wrong", f"the loss is NaN or infinite after {result['steps'] - 1} steps"
    if result["dead"]:
        return "wrong", "the gradient is exactly 0: nothing is learnt"
    if result["score"] < REACHED * best[cell.task.key]:
        same = f"says {result['mean']:.1f} of every row" if result["spread"] < 0.02 else ""
        return "wrong", "; ".join(filter(None, [same, result["text"]])) + _below(result)
    if isinstance(result["predicted"], str):
        return (
            "wrong",
            f"the answers come out right, but the number is none of this loss: {result['predicted']}",
        )
    if not np.isclose(result["first"], result["predicted"], rtol=1e-3, atol=1e-5):
        return (
            "wrong",
            f"the first loss is {result['first']:.4g}, and its definition says {result['predicted']:.4g}",
        )
    limit = honest.get((cell.task.key, cell.loss.key), math.nan) + HONEST
    if np.isfinite(result["miss"]) and result["miss"] > limit:
        return "wrong", (
            f"answers are right, but what reads as a probability misses the true one by {result['miss']:.2f}"
        )
    return "works", result["text"] + _below(result)


def _below(result):
    return f"; the loss falls to {result['end']:.1f}" if result["end"] < -1.5 else ""


if __name__ == "__main__":
    import pickle
    import sys
    import time

    begin = time.process_time()
    found = run(
        [c for c in CELLS.values() if c.task.key in sys.argv[1].split(",")] if len(sys.argv) > 1 else None
    )
    took = time.process_time() - begin
    pickle.dump(found, open("/tmp/found.pkl", "wb"))
    for key, (verdict, why) in judge(found).items():
        r = found[key]
        print(f"{verdict:7} {key:60} {r.get('first', math.nan):8.3f} {why} {r.get('types') or ''}")
    print(len(found), sum(r.get("as") == k for k, r in found.items()), "trained", took)
