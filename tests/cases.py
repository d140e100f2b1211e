"""A random case for any loss: data, settings, weights, mask and reduction that belong together.

Hypothesis draws the frame (shape, type, parameters) and a seed; NumPy fills the arrays from
the seed. A *calm* case stays away from kinks and clips, where a slope jumps; any other case
holds exact kinks, zero and perfect probabilities, huge logits, ties and zero vectors.
"""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from lossbook import CATALOGUE, REDUCTIONS


@dataclass(frozen=True, eq=False)
class Case:
    """Everything one call of a loss needs."""

    name: str
    settings: dict
    y_true: np.ndarray
    y_pred: np.ndarray
    sample_weight: np.ndarray = None
    mask: np.ndarray = None
    reduction: str = "sum_over_batch_size"

    @property
    def spec(self):
        return CATALOGUE[self.name]

    @property
    def loss(self):
        return self.spec.cls(**self.settings, reduction=self.reduction)

    @property
    def values(self):
        """One value per sample, from the function form."""
        return self.spec.function(self.y_true, self.y_pred, **self.settings)

    def value_and_gradient(self):
        return self.loss.value_and_gradient(self.y_true, self.y_pred, self.sample_weight, self.mask)

    def changed(self, **changes):
        return replace(self, **changes)


# --- which settings a parameter is tried with ------------------------------------------------

PARAMETERS = {
    "apply_class_balancing": st.booleans(),
    "alpha": st.sampled_from([0.25, 0.5, 0.7, 1.0]),
    "beta": st.sampled_from([0.25, 0.5, 0.7, 1.0]),
    "delta": st.sampled_from([0.5, 1.0, 2.5]),
    "from_logits": st.booleans(),
    "gamma": st.sampled_from([0.0, 1.0, 1.5, 2.0, 3.0]),
    "ignore_class": st.sampled_from([None, 0, 1, -1]),
    "label_smoothing": st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    "margin": st.sampled_from([0.1, 0.4, 0.0, -0.2, -1.0]),
    "q": st.sampled_from([0.1, 0.5, 0.9]),
    "remove_diagonal": st.booleans(),
}
FUNCTION_ONLY = {
    "ref_labels",
    "ref_embeddings",
    "logit_lengths",
    "label_lengths",
}  # data of a batch: no class takes them


@st.composite
def settings_of(draw, name, shape):
    """Draw a value for every parameter of a loss's class."""
    wanted = [key for key in CATALOGUE[name].parameters if key not in FUNCTION_ONLY]
    drawn = {key: draw(PARAMETERS[key]) for key in wanted if key != "axis"}
    axes = range(-len(shape), len(shape))
    if name in REGIONS:
        some = st.sets(st.sampled_from(range(len(shape))), min_size=1).map(
            lambda chosen: tuple(sorted(chosen))
        )
        drawn["axis"] = draw(st.none() | st.sampled_from(axes) | some)
    elif "axis" in wanted:
        drawn["axis"] = draw(st.sampled_from(axes))
    if name == "circle":
        drawn["gamma"] = draw(st.sampled_from([1.0, 10.0, 80.0]))
    if name == "categorical_focal_crossentropy":
        drawn["from_logits"] &= shape[drawn["axis"]] > 1  # Keras clips the certainty of a single class
    if name == "categorical_focal_crossentropy" and draw(st.booleans()):
        drawn["alpha"] = [0.25 * (1 + place) for place in range(shape[drawn["axis"]])]  # exact in float32
    return drawn


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


KINDS = {
    "mean_squared_error": reals,
    "mean_absolute_error": reals,
    "huber": reals,
    "log_cosh": reals,
    "mean_absolute_percentage_error": positives,
    "mean_squared_logarithmic_error": positives,
    "binary_crossentropy": yes_or_no,
    "binary_focal_crossentropy": yes_or_no,
    "categorical_crossentropy": one_hots,
    "categorical_focal_crossentropy": one_hots,
    "sparse_categorical_crossentropy": class_numbers,
    "categorical_generalized_cross_entropy": bounded_numbers,
    "kl_divergence": distributions,
    "poisson": counts,
    "hinge": margins,
    "squared_hinge": margins,
    "categorical_hinge": class_scores,
    "cosine_similarity": vectors,
    "dice": regions,
    "tversky": regions,
    "circle": embeddings,
    "ctc": recordings,
}
"""What the data of each loss look like. A loss without an entry fails every test here, which is wanted."""

NUMBERED = {
    "sparse_categorical_crossentropy",
    "categorical_generalized_cross_entropy",
}  # labels are class numbers
REGIONS = {"dice", "tversky"}  # one value for a region, whose axes are named
BATCHES = {"circle": 2, "ctc": 3}  # data of this many axes, one value for each row


# --- the frame -----------------------------------------------------------------------------


@st.composite
def shapes(draw, name):
    """Draw the shape of the predictions: 1 to 4 axes where the loss allows them."""
    if name == "circle":
        return draw(st.tuples(st.integers(2, 7), st.integers(2, 4)))
    if name == "ctc":
        return draw(st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(2, 4)))
    least = 2 if name in NUMBERED else 1  # a class number needs a row, and two classes to choose from
    return tuple(draw(st.lists(st.integers(least, 4), min_size=least, max_size=4)))


def summed_axes(name, ndim, settings):
    """Return the axes of the predictions that a loss makes one value of."""
    if name in BATCHES:
        return set(range(1, ndim))
    axis = settings.get("axis", None if name in REGIONS else -1)
    return set(range(ndim)) if axis is None else {one % ndim for one in np.atleast_1d(axis).tolist()}


def values_shape(name, shape, settings):
    """Return the shape of a loss's values."""
    summed = summed_axes(name, len(shape), settings)
    return tuple(size for place, size in enumerate(shape) if place not in summed)


def spread(given, shape):
    """Repeat one weight a sample, or one mask entry, for every value of a sample."""
    longer = given.reshape(given.shape + (1,) * (len(shape) - given.ndim))
    return np.ascontiguousarray(np.broadcast_to(longer, shape))


@st.composite
def cases(draw, name, calm=False):
    """Draw a case of a loss."""
    shape = draw(shapes(name))
    settings = draw(settings_of(name, shape))
    dtype = "float64" if calm else draw(st.sampled_from(["float32", "float64"]))
    reduction = draw(st.sampled_from(REDUCTIONS))
    form = values_shape(name, shape, settings)
    forms = [None, form, form[:1]] if form else [None]  # none, one a value, one a sample
    weights, masked = draw(st.sampled_from(forms)), draw(st.sampled_from(forms))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y_true, y_pred = fill(name, rng, shape, settings, calm)
    return Case(
        name=name,
        settings=settings,
        y_true=y_true if y_true.dtype.kind == "i" else y_true.astype(dtype),
        y_pred=y_pred.astype(dtype),
        sample_weight=None
        if weights is None
        else np.where(some(rng, weights, 0.2), 0.0, rng.uniform(0, 2, weights)),
        mask=None if masked is None else ~some(rng, masked),
        reduction=reduction,
    )


def fill(name, rng, shape, settings, calm=False):
    """Draw labels and predictions; the axis of the classes or of the vector is the one in the settings."""
    axis = settings.get("axis", -1)
    if name in REGIONS or name in BATCHES:
        return KINDS[name](rng, shape, settings, calm)
    last = tuple(np.moveaxis(np.empty(shape), axis, -1).shape)  # the shape with that axis last
    y_true, y_pred = KINDS[name](rng, last, settings, calm)
    y_true = y_true if name in NUMBERED else np.moveaxis(y_true, -1, axis)
    return y_true, np.moveaxis(y_pred, -1, axis)
