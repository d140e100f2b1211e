"""The tasks of the living matrix: rows whose true answer is known, last layers, labels, losses and measures.

A :class:`Task` is 128 rows of made data with the last layers and the forms of labels that people try on
it. A combination of task, last layer, labels and loss is a :class:`Cell`; :data:`CELLS` has all of them.
:mod:`lossbook.book.matrix` runs them.
"""

from dataclasses import dataclass

import numpy as np

from lossbook.tools.engines import keras

ROWS, FEATURES, CLASSES = 128, 4, 4


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
        if self.name == "quantile":
            return self.name
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
    miss: float | None = None


# --- measures -------------------------------------------------------------------------------------


def as_probabilities(outputs, cell):
    """Read outputs as a user of the layer and the loss would: what they say of each class or flag.

    Sigmoid and softmax outputs are taken as they are. Of a linear layer, logits go through sigmoid or
    softmax, and other scores are placed between what stands for no and what stands for yes: that is
    -1 and 1 for hinge losses, and the two values of the labels for the rest.
    """
    if cell.layer.activation in ("sigmoid", "softmax"):
        return outputs
    many = "categorical" in cell.loss.name
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
    miss = None if said is None else float(np.abs(said - truth).mean())
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
    """Measure a quantile: the price of too low and of too high, beside the best constant's."""

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
        read = [
            [s for s, before in zip(row, [0, *row], strict=False) if s and s != before]
            for row in best.tolist()
        ]
        right = np.mean(
            [one == [s for s in row if s > 0] for one, row in zip(read, labels.tolist(), strict=True)]
        )
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

    uneven = 2 * score + (1 + 0.5 * np.abs(score)) * noise
    counts = rng.poisson(rate)
    amounts = np.exp(0.7 * score + 1 + 0.2 * noise)
    whole = ("float32", "int64", "uint8")
    multi = _forms(
        Form("multi-hot", several_flags, "(N, K) of 0 and 1", dtypes=(*whole, "bool")),
        Form("signs", 2 * several_flags - 1, "(N, K) of −1 and 1", -1.0, 1.0, ("float32", "int64")),
    )
    masks = _binary_forms(as_maps(flags), "N, H, W")
    del masks["signs"]
    pixels = 255 * masks["column"].values
    masks["pixels"] = Form("pixels", pixels, "(N, H, W, 1) of 0 and 255", 0.0, 255.0, whole)
    found = [
        made(
            *("number", "A number", "linear-1 sigmoid-1", _column(2 * score + 1 + 0.2 * noise)),
            *(measure_numbers(2 * score + 1), OF_NUMBERS + "kl-divergence cosine-similarity hinge"),
        ),
        made(
            *("amount", "A positive amount", "exponential-1 linear-1", _column(amounts)),
            *(measure_numbers(rate, "log"), OF_NUMBERS),
        ),
        made(
            *("count", "A count", "exponential-1 linear-1", _column(counts, whole)),
            *(measure_numbers(rate, "log"), OF_NUMBERS + "sparse-categorical-crossentropy"),
        ),
        made(
            *("quantile", "A quantile (nine of ten labels below)", "linear-1", _column(uneven)),
            *(measure_quantile(uneven), "quantile " + OF_NUMBERS),
        ),
        made(
            *("binary", "Yes or no", "sigmoid-1 linear-1 softmax-1 softmax-2 linear-2"),
            *(_binary_forms(flags), measure_flags(share), OF_FLAGS + OF_CLASSES),
        ),
        made(
            *("classes", "One of K classes", "softmax-k linear-k sigmoid-k linear-1"),
            *(_class_forms(numbers), measure_classes(shares), OF_CLASSES + MORE_OF_CLASSES),
        ),
        made(
            *("multi-label", "Several labels at once", "sigmoid-k linear-k softmax-k", multi),
            measure_flags(each),
            OF_FLAGS + "squared-hinge categorical-crossentropy categorical-crossentropy-logits",
        ),
        made(
            *("mask", "Each pixel yes or no", "sigmoid-1 linear-1 softmax-2", masks),
            *(measure_flags(as_maps(share)), OF_PIXELS + "binary-focal-crossentropy", as_maps(x), True),
        ),
        made(
            *("maps", "Each pixel one of K classes", "softmax-k linear-k"),
            *(_class_forms(as_maps(numbers), "N, H, W"), measure_classes(as_maps(shares))),
            *(OF_PIXELS + "categorical-focal-crossentropy", as_maps(x), True),
        ),
    ]
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
mean-squared-logarithmic-error poisson binary-crossentropy """
OF_FLAGS = """binary-crossentropy binary-crossentropy-logits binary-focal-crossentropy
binary-focal-crossentropy-logits mean-squared-error mean-absolute-error hinge dice """
OF_CLASSES = """categorical-crossentropy categorical-crossentropy-logits sparse-categorical-crossentropy
sparse-categorical-crossentropy-logits categorical-hinge """
MORE_OF_CLASSES = """categorical-focal-crossentropy categorical-focal-crossentropy-logits
categorical-generalized-cross-entropy kl-divergence cosine-similarity binary-crossentropy
binary-crossentropy-logits mean-squared-error mean-absolute-error"""
OF_PIXELS = """binary-crossentropy binary-crossentropy-logits categorical-crossentropy
categorical-crossentropy-logits sparse-categorical-crossentropy sparse-categorical-crossentropy-logits
dice tversky mean-squared-error """


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
