"""How exact are the losses? Float64 against numbers of 100 digits, in units in the last place (ulp).

    python tests/accuracy.py                prints the table and writes tests/accuracy.md
    python tests/accuracy.py --points 50    a quick look; writes nothing

Each loss is measured over its whole domain, off the clips: misses from 1e-12 to 1e12, probabilities
within 1e-7 of 0 and of 1, logits to ±10 000. Beside it stands what Keras computes in float64 for the
same inputs. The error is counted in ulp of the exact result, except where a result is the small
difference of large terms: there it is counted in ulp of the term named in the table, because no
formula in float64 can know a difference better than the terms it is made of.
"""

import argparse
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from cases import KERAS_HAS, LOSSES, exact_slope, exact_values, example
from mpmath import mpf

from lossbook import CATALOGUE, EPSILON
from lossbook.tools.render import markdown_table

PAGE = Path(__file__).with_suffix(".md")
POINTS = 300
AIM = 4.0  # ulp


# --- what is measured --------------------------------------------------------------------------


@dataclass
class Row:
    """One loss with one setting, and the inputs it is measured on."""

    name: str
    inputs: callable
    settings: dict = field(default_factory=dict)
    value_unit: str = "own"
    slope_unit: str = "own"
    share: float = 1.0
    """Of the points: less for the losses whose exact slope takes long."""
    bound: float = AIM
    """What the tests allow, in ulp."""
    note: str = ""
    """What sets its inputs apart from those of another row."""

    @property
    def label(self):
        shown = ", ".join(f"{key}={value}" for key, value in self.settings.items() if key != "axis")
        name = f"{self.name}({shown})" if shown else self.name
        return f"{name}, {self.note}" if self.note else name


def spread(rng, shape, low, high):
    """Draw numbers of every size, evenly by their exponent."""
    return 10.0 ** rng.uniform(low, high, shape)


def signed(rng, shape, low, high):
    return rng.choice([-1.0, 1.0], shape) * spread(rng, shape, low, high)


def probabilities(rng, shape):
    """Draw probabilities near 0, near 1, and between."""
    small = spread(rng, shape, -6.9, -0.31)
    return np.where(rng.random(shape) < 0.5, small, 1 - small)


def misses(rng, n):
    """Targets of every size; predictions far off, and nearly right."""
    y_true = signed(rng, (n, 1), -6, 6)
    near = y_true * (1 + signed(rng, (n, 1), -12, 0))
    return y_true, np.where(rng.random((n, 1)) < 0.5, near, signed(rng, (n, 1), -6, 6))


def amounts(rng, n):
    y_true, y_pred = misses(rng, n)
    return np.abs(y_true), np.abs(y_pred) + EPSILON


def exact_misses(rng, n):
    """Misses of every size from 1e-9 to 1e4, all exact in the last digit."""
    return np.zeros((n, 1)), signed(rng, (n, 1), -9, 4)


def both(labels, predictions):
    """Return what draws labels, and then predictions that know nothing of them."""
    return lambda rng, n: (labels(rng, n), predictions(rng, n))


def poisson_counts(rng, n):
    return rng.poisson(spread(rng, (n, 1), -1, 3)).astype(float)


def yes_or_no(rng, n):
    soft = rng.random((n, 1))
    return np.where(rng.random((n, 1)) < 0.3, soft, rng.integers(0, 2, (n, 1)))


def labels_0_and_1(rng, n):
    return rng.integers(0, 2, (n, 1)).astype(float)


def sides(rng, n):
    return rng.choice([-1.0, 1.0], (n, 1))


def column_of(draw, *ends):
    """Return what draws one number a sample, of sizes between two powers of ten."""
    return lambda rng, n: draw(rng, (n, 1), *ends)


def class_numbers(rng, n):
    return rng.integers(0, 4, n)


def rows_of_shares(rng, n):
    """Rows that sum to nearly 1; often one class has nearly all of it."""
    weights = spread(rng, (n, 4), -5, 0)
    rows = weights / weights.sum(axis=-1, keepdims=True)
    return np.clip(rows, 2 * EPSILON, 1 - 2 * EPSILON)


def nearly_certain(rng, n):
    """Rows in which one class has all but 1e-6 to a quarter; they sum to 1 within a rounding."""
    weights = rng.random((n, 4)) * spread(rng, (n, 1), -6, -0.9)
    weights[np.arange(n), class_numbers(rng, n)] = 1.0
    return weights / weights.sum(axis=-1, keepdims=True)


def one_hot_certain(rng, n):
    rows = nearly_certain(rng, n)
    numbers = np.where(rng.random(n) < 0.7, rows.argmax(axis=-1), class_numbers(rng, n))
    return np.eye(4)[numbers], np.clip(rows, 2 * EPSILON, 1 - 2 * EPSILON)


def soft_labels(rng, n):
    return rng.dirichlet(np.ones(4), n)


def soft_shares(rng, n):
    rows = np.where(rng.random((n, 1)) < 0.5, rows_of_shares(rng, n), one_hot_certain(rng, n)[1])
    return soft_labels(rng, n), rows


def one_hot(rng, n):
    return np.eye(4)[class_numbers(rng, n)]


def logits(rng, n):
    return signed(rng, (n, 1), -3, 4) * rng.random((n, 4))


def distributions(rng, n):
    y_true, far = rows_of_shares(rng, n), rows_of_shares(rng, n)
    near = np.clip(y_true * (1 + signed(rng, (n, 4), -9, -1)), 2 * EPSILON, 1 - 2 * EPSILON)
    return y_true, np.where(rng.random((n, 1)) < 0.5, near, far)


def near_margins(rng, n):
    """Own scores that lead by nearly 1, over rivals of every size."""
    y_true, y_pred = one_hot(rng, n), signed(rng, (n, 4), -3, 4)
    own = 1 + np.maximum((y_pred * (1 - y_true)).max(axis=-1), 0) + signed(rng, n, -12, -1)
    return y_true, np.where(y_true == 1, own[:, np.newaxis], y_pred)


def vectors(rng, n):
    y_true = signed(rng, (n, 1), -3, 3) * rng.normal(size=(n, 4))
    near = y_true * spread(rng, (n, 1), -3, 3) + spread(rng, (n, 1), -6, 0) * rng.normal(size=(n, 4))
    return y_true, np.where(rng.random((n, 1)) < 0.5, near, rng.normal(size=(n, 4)))


def regions(rng, n):
    y_true = rng.integers(0, 2, (n, 6)).astype(float)
    y_true[:, 0] = 1.0  # no empty mask
    good = np.abs(y_true - spread(rng, (n, 6), -7, -1))
    return y_true, np.where(rng.random((n, 1)) < 0.5, good, rng.random((n, 6)))


def embeddings(rng, n):
    points = rng.normal(size=(n, 6, 3))
    labels = np.tile([0, 0, 1, 1, 2, 2], (n, 1))
    own = np.eye(3)[labels] + 0.5 * rng.random((n, 1, 1)) * points  # apart by kind, more or less
    return labels, own / np.linalg.norm(own, axis=-1, keepdims=True)


def recordings(rng, n):
    labels = rng.choice([[1, 2, 0], [1, 1, 0], [2, 0, 0], [1, 2, 1]], n)
    return labels, signed(rng, (n, 1, 1), -2, 4) * rng.random((n, 5, 3))


LOG_ODDS = column_of(signed, -4, 4)
LABELLED, LABELLED_LOGITS = both(labels_0_and_1, column_of(probabilities)), both(labels_0_and_1, LOG_ODDS)
ONE_HOT_SHARES, ONE_HOT_LOGITS = both(one_hot, rows_of_shares), both(one_hot, logits)
NUMBERED_SHARES, NUMBERED_LOGITS = both(class_numbers, rows_of_shares), both(class_numbers, logits)
SOFT_LOGITS = both(soft_labels, logits)
SIDES = both(sides, column_of(signed, -6, 4))
REGION = {"axis": -1}
LOGITS = {"from_logits": True}
BALANCED = {"apply_class_balancing": True}
ROWS = [
    Row("mean_squared_error", misses),
    Row("mean_absolute_error", misses),
    Row("mean_absolute_percentage_error", misses),
    Row("mean_squared_logarithmic_error", amounts),
    Row("huber", misses),
    Row("log_cosh", exact_misses),
    Row("binary_crossentropy", both(yes_or_no, column_of(probabilities))),
    Row("binary_crossentropy", both(yes_or_no, LOG_ODDS), LOGITS, slope_unit="1"),
    Row("categorical_crossentropy", ONE_HOT_SHARES),
    Row("categorical_crossentropy", one_hot_certain, note="nearly certain"),
    Row("categorical_crossentropy", soft_shares, slope_unit="row", note="soft labels"),
    Row("categorical_crossentropy", ONE_HOT_LOGITS, LOGITS, value_unit="logits", slope_unit="logits"),
    Row("categorical_crossentropy", SOFT_LOGITS, LOGITS, "logits", "path", note="soft labels"),
    Row("sparse_categorical_crossentropy", NUMBERED_SHARES, slope_unit="row"),
    Row("sparse_categorical_crossentropy", NUMBERED_LOGITS, LOGITS, value_unit="logits", slope_unit="logits"),
    *(  # the exponent of its slope, q - 1, is rounded
        Row("categorical_generalized_cross_entropy", NUMBERED_SHARES, {"q": q}, bound=6.0)
        for q in (0.1, 0.3, 0.5, 0.7, 0.9)
    ),
    Row("kl_divergence", distributions, value_unit="term"),
    Row("poisson", both(poisson_counts, column_of(spread, -6, 4)), value_unit="term", slope_unit="1"),
    Row("binary_focal_crossentropy", LABELLED),
    Row("binary_focal_crossentropy", LABELLED, {"gamma": 0.1}),
    *(Row("binary_focal_crossentropy", LABELLED, BALANCED | {"alpha": a}) for a in (0.0, 1.0)),
    Row("binary_focal_crossentropy", LABELLED_LOGITS, LOGITS, bound=6.0),  # its slope has ten rounded factors
    Row("binary_focal_crossentropy", LABELLED_LOGITS, {"gamma": 0.1, **LOGITS}, bound=6.0),
    Row("categorical_focal_crossentropy", ONE_HOT_SHARES, bound=12.0),  # slope: the cube of a rounded share
    Row("categorical_focal_crossentropy", one_hot_certain, bound=12.0, note="nearly certain"),
    Row("categorical_focal_crossentropy", one_hot_certain, {"alpha": 1.0, "gamma": 0.1}, note="certain"),
    Row("categorical_focal_crossentropy", soft_shares, slope_unit="row", note="soft labels"),
    Row("categorical_focal_crossentropy", ONE_HOT_LOGITS, LOGITS, value_unit="logits", slope_unit="logits"),
    Row("categorical_focal_crossentropy", SOFT_LOGITS, LOGITS, "logits", "path", note="soft labels"),
    Row("hinge", SIDES),
    Row("squared_hinge", SIDES),
    Row("categorical_hinge", both(one_hot, lambda rng, n: signed(rng, (n, 4), -3, 4))),
    Row("categorical_hinge", near_margins, note="near a lead of 1"),
    Row("dice", regions, REGION, value_unit="1", slope_unit="row"),
    *(  # its slope has the square of a rounded sum
        Row("tversky", regions, {"alpha": a, "beta": b, **REGION}, "1", "row", bound=6.0)
        for a, b in [(0.3, 0.7), (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
    ),
    Row("cosine_similarity", vectors, value_unit="1", slope_unit="turn"),
    Row("circle", embeddings, value_unit="distance", slope_unit="distance", share=0.1),
    Row("ctc", recordings, value_unit="1", slope_unit="path", share=0.2),
]

_NAMED = {row.name for row in ROWS}
ROWS += [  # any other loss, on the data of its record
    Row(
        name,
        lambda rng, n, name=name, first=record.settings[0]: example(name, first, seed=rng, shape=(n, 3)),
        record.settings[0],
    )
    for name, record in LOSSES.items()
    if name not in _NAMED
]

UNITS = {
    "own": "the result itself",
    "row": "the largest slope of the sample: a slope here is the sum of others",
    "1": "1, or of the result where it is larger: the result is the difference of numbers near 1",
    "term": "the largest term of the sum: terms of both signs cancel",
    "logits": "the result, times the largest logit where it is above 1: "
    "a logit's own last digit moves the result as much",
    "path": "1, times the largest logit where it is above 1: a share is the exponential of a sum of logits",
    "turn": "1 over the prediction's length: the slope is the difference of two directions",
    "distance": "the result's largest entry, times 2 gamma: a distance's last digit moves it as much",
}


def unit_of(kind, row, y_true, y_pred, results):
    """Return the number whose last place an error is counted in: one for all results, or one for each."""
    largest = max(abs(one) for one in results)
    size = np.abs(np.asarray(y_pred, float))
    units = {
        "own": lambda: [abs(one) for one in results],
        "row": lambda: largest,
        "1": lambda: max(largest, 1),
        "term": lambda: largest_term(row.name, y_true, y_pred),
        "logits": lambda: largest * max(1, mpf(size.max())),
        "path": lambda: max(1, mpf(size.max())),
        "turn": lambda: 1 / mpf(float(np.linalg.norm(size))),
        "distance": lambda: largest * 160,
    }
    unit = units[kind]()
    return unit if isinstance(unit, list) else [unit] * len(results)


def largest_term(name, y_true, y_pred):
    """Return the size of the largest number that a loss's sum is made of."""
    y, p = np.asarray(y_true, float), np.asarray(y_pred, float)
    terms = {
        "kl_divergence": lambda: y * np.log(y / p),
        "poisson": lambda: [p, y, y * np.log(p + EPSILON)],
    }
    return mpf(float(np.abs(np.concatenate([np.ravel(one) for one in terms[name]()])).max()))


# --- measuring ----------------------------------------------------------------------------------


@dataclass
class Result:
    """The worst errors of a row, in ulp: lossbook's and Keras's, of the value and of the slope."""

    row: Row
    points: int
    value: float
    keras_value: float
    slope: float
    keras_slope: float


def measure(row, points=POINTS, seed=0, keras=True):
    """Measure one row.

    Parameters
    ----------
    row : Row
        The loss, its setting and its inputs.
    points : int
        How many samples; a row may take a share of them.
    seed : int
        Of the random inputs.
    keras : bool
        Whether to measure Keras as well, where it has the loss; if not, its errors are NaN.

    Returns
    -------
    Result
    """
    points = max(4, int(points * row.share))
    labels, predictions = row.inputs(np.random.default_rng(seed), points)
    ours = lossbook_answers(row, labels, predictions)
    asked = keras and row.name in KERAS_HAS
    theirs = keras_answers(row, labels, predictions) if asked else [(np.nan, np.nan)] * points
    worst = np.zeros(4)
    for (y_true, y_pred), *answers in zip(blocks(row, labels, predictions), ours, theirs, strict=True):
        values = exact_values(row.name, y_true, y_pred, **row.settings)
        slopes = exact_slope(row.name, y_true, y_pred, **row.settings).ravel().tolist()
        units = unit_of(row.value_unit, row, y_true, y_pred, values)
        slope_units = unit_of(row.slope_unit, row, y_true, y_pred, slopes)
        errors = [
            errors_in_ulp(answer[part], *truth)
            for part, truth in enumerate([(values, units), (slopes, slope_units)])
            for answer in answers
        ]
        worst = np.maximum(worst, errors)
    return Result(row, points, *map(float, worst))


def errors_in_ulp(computed, true, units):
    """Return the largest error in units in the last place."""
    computed = np.ravel(computed)
    if np.isnan(computed).any():
        return np.nan
    errors = [
        abs(mpf(float(one)) - other) / mpf(float(np.spacing(float(unit))))
        for one, other, unit in zip(computed, true, units, strict=True)
    ]
    return float(max(errors))


def blocks(row, labels, predictions):
    """Return what goes into one call: a batch of one sample, or one whole batch for Circle."""
    if LOSSES[row.name].batch:
        return zip(labels, predictions, strict=True)
    return ((labels[i : i + 1], predictions[i : i + 1]) for i in range(len(predictions)))


def lossbook_answers(row, labels, predictions):
    """Return value and slope of each sample, by lossbook."""
    spec = CATALOGUE[row.name]
    loss = spec.cls(**row.settings, reduction="sum")
    with np.errstate(under="ignore"):
        return [
            (spec.function(y, p, **row.settings), loss.gradient(y, p))
            for y, p in blocks(row, labels, predictions)
        ]


def keras_answers(row, labels, predictions):
    """Return value and slope of each sample, by Keras with TensorFlow in float64."""
    from lossbook.tools.engines import keras, tf  # loaded only where Keras is measured

    settings = dict(row.settings)
    if row.name == "tversky":  # Keras 3.15.1 swaps the two: ask for what it documents
        settings.update(alpha=row.settings["beta"], beta=row.settings["alpha"])
    loss = getattr(keras.losses, CATALOGUE[row.name].cls.__name__)(
        **settings, reduction="none", dtype="float64"
    )
    if LOSSES[row.name].batch:
        return [ask(tf, loss, y, p) for y, p in blocks(row, labels, predictions)]
    values, slopes = ask(tf, loss, labels, predictions)
    return list(zip(values, slopes, strict=True))


def ask(tf, loss, y_true, y_pred):
    point = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(point)
        values = loss(y_true, point)
    return values.numpy(), tape.gradient(values, point).numpy()


# --- the table -----------------------------------------------------------------------------------

HEAD = ("loss", "value", "Keras's", "in ulp of", "slope", "Keras's", "in ulp of")


def table(results):
    """Return the table in Markdown."""
    rows = []
    for one in results:
        theirs = (one.keras_value, one.keras_slope) if one.row.name in KERAS_HAS else None
        value, slope = map(shown, theirs) if theirs else ("–", "–")
        ours = shown(one.value), shown(one.slope)
        rows.append([one.row.label, ours[0], value, one.row.value_unit, ours[1], slope, one.row.slope_unit])
    return markdown_table(HEAD, rows)


def shown(error):
    """Return an error as text: rounded up to a tenth, since it is a bound."""
    if np.isnan(error):
        return "NaN"
    return (
        f"{np.ceil(10 * error) / 10:.1f}"
        if error < 1000
        else f"{error:.0e}".replace("e+0", "e").replace("e+", "e")
    )


def page(results):
    """Return the Markdown page: the table, and what its words mean."""
    total = sum(one.points for one in results)
    text = __doc__.partition("\n\n")[2].partition("\n\n")[2].strip()
    return "\n".join(
        [
            "# How exact the losses are",
            "",
            f"Worst errors over {total} random samples, by `python tests/accuracy.py`. {text}",
            "",
            table(results),
            "",
            "An error is counted in units in the last place of:",
            "",
            *(f"- *{name}*: {meaning}." for name, meaning in UNITS.items()),
            "",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description="Measure how exact the losses are.")
    parser.add_argument(
        "--points", type=int, help=f"samples for each loss ({POINTS}); with it nothing is written"
    )
    chosen = parser.parse_args().points
    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in ROWS:
            results.append(measure(row, chosen or POINTS))
            print(f"\r{len(results)} of {len(ROWS)} measured", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(table(results))
    over = [one.row.label for one in results if not max(one.value, one.slope) <= AIM]
    print(f"\nAbove the aim of {AIM:g} ulp: {', '.join(over) or 'none'}")
    if chosen is None:
        PAGE.write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
