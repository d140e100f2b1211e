"""Known differences: where Keras, tf_keras and lossbook part, and where all of them surprise.

A row is a function of a module of losses, so that you can run it on any of the three:
``tversky_swaps_alpha_and_beta(keras.losses)``. Its name says when it happens, its docstring why,
its decorator what comes out. Where an engine departs from its documentation, from the paper or
from the mathematics, lossbook gives the documented value. ``tests/test_differences.py`` runs
every row, so that the day an engine changes, a test says so.
"""

import html
import re
from dataclasses import dataclass
from math import inf, nan

import numpy as np
from numpy import eye, float16, float32, float64, full, int32, mean, ones, uint8, zeros

from lossbook.base import Loss
from lossbook.tools.render import Html, html_block, html_code, html_table, one_line
from lossbook.tools.show import source

__all__ = [
    "DIFFERENCES",
    "EVERY_LOSS",
    "SYMPTOMS",
    "VERSIONS",
    "WORST",
    "Difference",
    "activate",
    "card",
    "cards",
    "difference",
    "evaluate",
    "find",
    "index",
    "masked",
    "mended",
    "same",
    "slope",
]

VERSIONS = {"keras": "3.15.1", "tf.keras": "3.15.1", "tf_keras": "2.21.0"}
"""The versions in which the rows were seen; Keras on TensorFlow 2.21.0."""

EVERY_LOSS = "every loss"
"""What a row about the frame (weights, shapes, names) names in place of a loss."""

SYMPTOMS = {
    "nan": "The loss, or its slope, is NaN or infinite.",
    "negative": "The loss is negative, or better than it should be able to be.",
    "value": "The loss is not the number that you computed.",
    "zero-gradient": "The slope is 0: nothing is learnt.",
    "gradient": "The slope is not the one that you derived.",
    "broadcast": "Shapes that do not match are accepted.",
    "shape": "Shapes or axes that should work do not.",
    "weights": "Weights or masks do not do what they should.",
    "labels": "Labels are read as something else.",
    "dtype": "Integers, 16-bit or 64-bit numbers behave otherwise.",
    "save-load": "A loss comes back from its configuration as another.",
    "names": "A name, or an argument, is not found.",
}
"""What a reader sees, by the tag of a row."""

WORST = (
    "weights_of_samples_with_many_steps",
    "a_gap_in_the_targets_behind_a_mask",
    "tversky_swaps_alpha_and_beta",
    "delta_in_get_config",
    "predictions_made_by_softmax",
    "certain_and_wrong_slope",
    "float16_certain_and_right",
    "one_row_of_labels_for_many_predictions",
    "class_numbers_in_a_column",
    "logits_passed_as_probabilities",
)
"""The ten that hurt first, being common while no error points at them."""

AS_FLOAT32 = 'y_pred.astype("float32").'
"""A mend that many rows share."""

DIFFERENCES = []
"""Every known difference as a :class:`Difference`, the frame first, then loss by loss."""


@dataclass(frozen=True)
class Difference:
    """One case in which an engine or a reader may be surprised.

    Attributes
    ----------
    run : callable
        The case: a function of the module of losses, and of the loss's name where it is about several.
    losses : tuple of str
        The functions' names, or :data:`EVERY_LOSS` alone.
    symptoms : tuple of str
        Keys of :data:`SYMPTOMS`.
    theirs : dict
        What comes out, by engine (a key of :data:`VERSIONS`): a number, numbers, or the name of
        an error; a list of them, one for each loss, where there are several losses.
    ours : float, list or str
        What comes out of lossbook.
    mend : str
        What to write in Keras; empty where nothing is known.
    upstream : str
        Where it is mended or reported, ``"mended: keras#23333"``; empty where nothing is known.
    """

    run: callable
    losses: tuple
    symptoms: tuple
    theirs: dict
    ours: object
    mend: str = ""
    upstream: str = ""

    @property
    def id(self):
        """The name of the function, which is the row's address."""
        return self.run.__name__

    @property
    def title(self):
        """The name in words, which says when it happens."""
        words = self.id.removesuffix("_slope").replace("_", " ").replace("keras 2", "Keras 2")
        return f"{words[0].upper()}{words[1:]}" + (": slope" if self.id.endswith("_slope") else "")

    @property
    def why(self):
        """What is behind it, or what one might have expected."""
        return self.run.__doc__

    @property
    def kind(self):
        """One of ``"departs"``, ``"accepts"``, ``"refuses"`` and ``"surprises"``.

        An engine *departs* from lossbook's number, which is the documented one; it *accepts*
        what lossbook holds for a mistake; it *refuses* what lossbook computes; or all agree,
        and it *surprises*. Where engines differ, the first of these that holds for one.
        """
        kinds = {_kind(given, self.ours) for given in self.theirs.values()}
        return next(kind for kind in ("departs", "accepts", "refuses", "surprises") if kind in kinds)

    @property
    def severity(self):
        """How bad it is, from 3 (in :data:`WORST`) over 2 (wrong) and 1 (to be known) to 0 (a rounding)."""
        if self.id in WORST:
            return 3
        if self.kind in ("refuses", "surprises"):
            return 1
        return 0 if all(_is_rounding(given, self.ours) for given in self.theirs.values()) else 2


def _kind(theirs, ours):
    if _is_error(theirs) != _is_error(ours):
        return "refuses" if _is_error(theirs) else "accepts"
    return "surprises" if _is_error(theirs) or same(theirs, ours) else "departs"


def _is_error(outcome):
    return isinstance(outcome, str) or (
        isinstance(outcome, list) and bool(outcome) and all(map(_is_error, outcome))
    )


def _is_rounding(theirs, ours):
    if _holds_text(theirs) or _holds_text(ours):
        return False
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return np.shape(theirs) == np.shape(ours) and bool((abs(np.subtract(theirs, ours)) < 1e-6).all())


def difference(losses, symptoms, *, ours=None, upstream="", **theirs):
    """Enter a function in :data:`DIFFERENCES`, and hand it back as it is.

    `losses` and `symptoms` are words with blanks between; `theirs` is a result for each engine.
    Without `ours`, lossbook gives what the engine gives.
    """
    if ours is None:
        (ours,) = theirs.values()

    def enter(run):
        names = (EVERY_LOSS,) if losses == EVERY_LOSS else tuple(losses.split())
        mend = getattr(run, "mend", ("", upstream))
        DIFFERENCES.append(Difference(run, names, tuple(symptoms.split()), theirs, ours, *mend))
        return run

    return enter


def mended(mend, upstream=""):
    """Say below ``@difference`` what to write in Keras, and where the case is mended or reported."""

    def note(run):
        run.mend = mend, upstream
        return run

    return note


def evaluate(row, losses):
    """Run a row on a module of losses.

    Parameters
    ----------
    row : Difference
        The row.
    losses : module
        ``lossbook``, ``keras.losses``, ``tf.keras.losses`` or ``tf_keras.losses``.

    Returns
    -------
    float, list or str
        The value, or the name of the error; a list of them, where the row is about several losses.

    Examples
    --------
    >>> import lossbook
    >>> row = find("tversky_swaps_alpha_and_beta")
    >>> round(evaluate(row, lossbook), 4), round(row.theirs["keras"], 4)
    (0.0909, 0.4737)
    """
    if len(row.losses) == 1:
        return _outcome(row.run, losses)
    return [_outcome(row.run, losses, name) for name in row.losses]


def _outcome(run, *given):
    try:
        return np.asarray(run(*given), dtype=float).tolist()
    except Exception as error:  # whatever it is, its name is the result
        return type(error).__name__


def same(first, second):
    """Tell whether two results agree: one error, or numbers to six digits of the largest of them.

    Examples
    --------
    >>> same([1.0, nan], [1.0000001, nan]), same(0.0, 1e-9), same("ValueError", "TypeError")
    (True, False, False)
    >>> same([1e-7, 1.0], [2e-7, 1.0])
    True
    """
    if _holds_text(first) or _holds_text(second):
        if isinstance(first, list) and isinstance(second, list):
            return len(first) == len(second) and all(map(same, first, second))
        return first == second
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape:
        return False
    largest = np.abs(second[np.isfinite(second)]).max(initial=0.0)
    return bool(np.isclose(first, second, rtol=0, atol=2e-6 * largest + 1e-12, equal_nan=True).all())


def _holds_text(outcome):
    return isinstance(outcome, str) or (isinstance(outcome, list) and any(map(_holds_text, outcome)))


def find(name):
    """Return the row of a name, or raise a KeyError."""
    return {row.id: row for row in DIFFERENCES}[name]


# --- what rows are made of ------------------------------------------------------------------


def slope(loss, y_true, y_pred, **weights):
    """Return the gradient of a loss object in its predictions, whoever made it."""
    if isinstance(loss, Loss):
        return loss.gradient(y_true, y_pred, **weights)
    from lossbook.tools.engines import tf  # loaded late, and quietly

    predictions = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        value = loss(tf.constant(y_true), predictions, **weights)
    return tape.gradient(value, predictions).numpy()


def masked(loss, y_true, y_pred, mask):
    """Return the value of a loss object under a mask, which Keras reads from the tensor."""
    if isinstance(loss, Loss):
        return loss(y_true, y_pred, mask=mask)
    from lossbook.tools.engines import tf  # loaded late, and quietly

    predictions = tf.constant(y_pred)
    predictions._keras_mask = tf.constant(mask)
    return loss(y_true, predictions)


def activate(losses, activation, logits):
    """Return the activation that a last layer gives: Keras's tensor, or its numbers for lossbook."""
    from lossbook.tools.engines import keras

    tensor = getattr(keras.activations, activation)(keras.ops.convert_to_tensor(float32(logits)))
    return np.asarray(tensor) if losses.__name__ == "lossbook" else tensor


# --- how a page shows them ------------------------------------------------------------------


def card(row):
    """Write a row as HTML, its name being its address on the page."""
    about = ", ".join([*row.losses, row.kind, *row.symptoms])
    link = f'<a href="#{row.id}" title="address of this case">#</a>'
    lines = [f"<p><b>{row.title}</b> {link}<br><small>{about}</small></p>", f"<p>{html.escape(row.why)}</p>"]
    lines.append(f'<pre style="white-space: pre-wrap; font-size: 0.8em">{html_code(source(row.run))}</pre>')
    results = [*row.theirs.values(), row.ours]
    by_loss = zip(*results, strict=True) if len(row.losses) > 1 else [results]
    names = [[name] for name in row.losses] if len(row.losses) > 1 else [[]]
    headers = ["loss"] * len(names[0]) + [f"{engine} gives" for engine in (*row.theirs, "lossbook")]
    texts = [[one_line(value, 5).replace("'", "") for value in values] for values in by_loss]
    lines.append(html_table(headers, [name + text for name, text in zip(names, texts, strict=True)]))
    if row.mend:
        lines.append(f"<p>In Keras: {html.escape(row.mend)}</p>")
    if row.upstream:
        link = r'<a href="https://github.com/\1-team/\1/issues/\2">\1#\2</a>'
        links = re.sub(r"(\w+)#(\d+)", link, row.upstream).replace("tensorflow-team", "tensorflow")
        lines.append(f"<p>Upstream, {links}.</p>")
    return Html(f'<div id="{row.id}">\n' + "\n".join(lines) + "\n</div>")


def cards(rows):
    """Write rows as HTML, the worst first, and fold those that differ by a rounding alone."""
    rows = sorted(rows, key=lambda row: -row.severity)
    dust = [card(row) for row in rows if row.severity == 0]
    parts = [card(row) for row in rows if row.severity != 0]
    if dust:
        inside = "\n".join(dust)
        parts.append(Html(f"<details><summary>Roundings ({len(dust)})</summary>\n{inside}\n</details>"))
    return html_block(*parts)


def index(rows):
    """Write a table of symptoms, and one line for tf_keras, with a link to each of their rows."""
    groups = [(tag, words, [row for row in rows if tag in row.symptoms]) for tag, words in SYMPTOMS.items()]
    groups.append(("tf_keras", "You use Keras 2.", [row for row in rows if "tf_keras" in row.theirs]))
    lines = []
    for tag, words, found in groups:
        links = "<br>".join(f'<a href="#{row.id}">{row.title}</a>' for row in found)
        folded = f"<details><summary>{len(found)} cases</summary>{links}</details>"
        lines.append([Html(f"<b>{tag}</b><br>{words}"), Html(folded)])
    return html_block(html_table(["what you see", "cases"], lines))


# fmt: off
# A table: one blank line between two rows, and as few lines as a row needs.

# --- every loss -----------------------------------------------------------------------------

@difference(EVERY_LOSS, "weights", keras=2.5, ours=1.25)
@mended("give the weights the shape (B, 1): sample_weight[:, None].", "mended: keras#23235")
def weights_of_samples_with_many_steps(losses):
    """Weights of shape (B,) on values (B, T): Keras lays them along T, though they are meant for samples."""
    y_true, y_pred = zeros((2, 2, 1)), float32([[[1], [2]], [[3], [4]]])
    return losses.MeanSquaredError()(y_true, y_pred, sample_weight=float32([1, 0]))

@difference(EVERY_LOSS, "nan weights", keras=nan, ours=1.0)
@mended("put any number in the gaps first: numpy.nan_to_num(y_true).")
def a_gap_in_the_targets_behind_a_mask(losses):
    """Keras computes the hidden sample and multiplies by 0, and 0 times NaN is NaN."""
    y_true, y_pred = float32([[1], [nan]]), float32([[2], [3]])
    return masked(losses.MeanSquaredError(), y_true, y_pred, mask=np.array([True, False]))

@difference(EVERY_LOSS, "nan weights", keras=[[1.0], [nan]], ours=[[1.0], [0.0]])
@mended("put any number in the gaps first: numpy.nan_to_num(y_true).")
def a_gap_in_the_targets_with_weight_0_slope(losses):
    """0 times NaN is NaN: one such sample, and the step of the whole batch is NaN."""
    y_true, y_pred = float32([[1], [nan]]), float32([[2], [3]])
    return slope(losses.MeanSquaredError(), y_true, y_pred, sample_weight=float32([1, 0]))

@difference(EVERY_LOSS, "weights", keras=2.0, ours=1.0)
def mean_with_sample_weight_of_weights_that_are_spread(losses):
    """Keras divides by the sum of the weights as given, not as spread: a weighted mean of ones is 2."""
    loss = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    return loss(zeros((2, 2, 1)), ones((2, 2, 1)), sample_weight=float32([[1], [3]]))

@difference(EVERY_LOSS, "weights", keras=15.0, ours=5.0)
def mean_with_sample_weight_of_a_single_value(losses):
    """A loss of a single value is weighted, and not divided by its weight."""
    loss = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    return loss(float32([0, 0]), float32([1, 3]), sample_weight=float32(3))

@difference(EVERY_LOSS, "weights", keras=6.5)
def weights_under_the_default_reduction(losses):
    """The sum is divided by the number of values, not by the sum of the weights (which would give 3.25)."""
    return losses.MeanSquaredError()(float32([[0], [0]]), float32([[1], [2]]), sample_weight=float32([1, 3]))

@difference(EVERY_LOSS, "broadcast", keras=[21.0, 47.666668], ours="ValueError")
@mended("tf.debugging.assert_equal(tf.shape(y_true), tf.shape(y_pred)) before the loss.")
def one_row_of_labels_for_many_predictions(losses):
    """It is silently compared with every row: labels (1, 2) and (2,) with predictions (2, 2) and (3, 2)."""
    mse, y_pred = losses.MeanSquaredError(), float32([[1, 3], [5, 7], [9, 11]])
    return [float(mse(float32([[0, 0]]), y_pred[:2])), float(mse(float32([0, 0]), y_pred))]

@difference(EVERY_LOSS, "shape", keras=5.0)
def one_dimensional_data(losses):
    """The last axis of a one-dimensional array is the batch, so that it counts as a single sample."""
    return losses.MeanSquaredError(reduction="none")(float32([0, 0]), float32([1, 3]))

@difference(EVERY_LOSS, "shape", keras="InvalidArgumentError", ours="ValueError")
def single_numbers(losses):
    """There is no axis to average over."""
    return losses.MeanSquaredError()(1.0, 2.0)

@difference(EVERY_LOSS, "shape", keras="ValueError", ours=5.0)
@mended("numpy.asarray(y_true).")
def labels_as_a_list_and_predictions_as_an_array(losses):
    """Keras takes a list for a structure of many outputs, not for an array."""
    return losses.MeanSquaredError()([[0.0, 0.0]], float32([[1, 3]]))

@difference(EVERY_LOSS, "shape", keras=[], tf_keras=0.0, ours="ValueError")
def an_empty_batch(losses):
    """The mean of nothing is undefined; Keras gives back an empty array where one number is due."""
    return losses.MeanSquaredError()(zeros((0, 2)), zeros((0, 2)))

@difference(EVERY_LOSS, "dtype", keras=0.0, ours=0.25)
@mended('dtype="float32".')
def the_mean_over_70000_samples_in_float16(losses):
    """Keras counts the samples in float16, whose largest number is 65504: it divides by infinity."""
    return losses.MeanSquaredError(dtype="float16")(zeros((70000, 1)), full((70000, 1), 0.5))

@difference(EVERY_LOSS, "dtype", keras=7.4505806e-09, ours=0.0)
@mended('dtype="float64".')
def float64_data_in_the_class_form(losses):
    """The class cuts the data to float32 (keras.config.floatx()); the function form does not."""
    return losses.MeanSquaredError()(float64([[0.1]]), float64([[0.3]])) - 0.04

@difference(EVERY_LOSS, "dtype save-load", keras=7.4505806e-09, ours=0.0)
def dtype_in_get_config(losses):
    """get_config forgets dtype: float64 comes back as float32."""
    loss = losses.MeanSquaredError.from_config(losses.MeanSquaredError(dtype="float64").get_config())
    return loss(float64([[0.1]]), float64([[0.3]])) - 0.04

@difference(EVERY_LOSS, "names", keras="ValueError", tf_keras=4.0, ours="ValueError")
def reduction_auto(losses):
    """The default of Keras 2, where it means sum_over_batch_size; Keras 3 dropped the name."""
    return losses.MeanSquaredError(reduction="auto")(float32([[0]]), float32([[2]]))

@difference(EVERY_LOSS, "names", ours=[4.0], upstream="reported: tensorflow#69851, tensorflow#70796",
    **{"tf.keras": "AttributeError"})
def long_names_in_tf_keras_losses(losses):
    """tf.keras.losses has mse, mae, mape, msle, kld and logcosh, and not their long names."""
    return losses.mean_squared_error(float32([[0]]), float32([[2]]))

@difference("log_cosh huber kl_divergence", "names", keras=["ValueError"] * 3, tf_keras=[[0.0]] * 3,
    ours=[[0.0]] * 3)
def names_of_keras_2_in_get(losses, name):
    """tf_keras and lossbook know these names, Keras 3 does not."""
    names = {"log_cosh": "logcosh", "huber": "huber_loss", "kl_divergence": "kullback_leibler_divergence"}
    return losses.get(names[name])(float32([[0.5, 0.5]]), float32([[0.5, 0.5]]))

@difference(EVERY_LOSS, "names", keras="ValueError")
def get_crossentropy(losses):
    """Only compile(loss="crossentropy") knows it: it chooses by the shapes of the model."""
    return losses.get("crossentropy")

# --- several losses -------------------------------------------------------------------------

@difference("kl_divergence poisson hinge squared_hinge categorical_hinge", "broadcast",
    keras=[[1.1090355, -0.27725887], [1.0047187, 0.91157174], [0.9, 0.6], [0.8136, 0.4176], [0.96, 0.84]],
    ours=[[0.0, 0.0], [0.52188748, 0.97851473], [0.96, 0.36], [0.9216, 0.1296], [1.12, 0.52]])
@mended("the class form aligns the two.")
def a_column_of_predictions_in_the_function_form(losses, name):
    """With (B,) against (B, 1), every label meets every prediction; lossbook aligns the two."""
    return getattr(losses, name)(float32([0.2, 0.8]), float32([[0.2], [0.8]]))

@difference("mean_squared_error mean_absolute_error", "broadcast", tf_keras=[[0.5, 0.5]] * 2,
    ours=[[0.0, 0.0]] * 2)
def a_column_of_predictions_in_keras_2(losses, name):
    """With (B,) against (B, 1), every label meets every prediction; Keras 3 and lossbook align the two."""
    return getattr(losses, name)(float32([1, 2]), float32([[1], [2]]))

@difference("mean_squared_error mean_absolute_error", "dtype", tf_keras=[[0.0]] * 2, ours=[[0.5]] * 2)
def integers_in_keras_2(losses, name):
    """The mean of integers is cut to an integer."""
    return getattr(losses, name)(int32([[0, 0]]), int32([[1, 0]]))

@difference("mean_squared_error mean_absolute_error huber", "dtype", keras=[[0.5], [0.5], [0.0]],
    ours=[[0.125], [0.25], [0.0625]])
@mended('y_pred.astype("float32"), or the class form.')
def integer_predictions_in_the_function_form(losses, name):
    """Targets are cast to the type of the predictions: a target of 0.5 becomes 0."""
    return getattr(losses, name)(float32([[0.5, 0]]), int32([[1, 0]]))

@difference("log_cosh binary_crossentropy kl_divergence cosine_similarity poisson", "dtype",
    keras=["TypeError", "TypeError", "TypeError", "InvalidArgumentError", "InvalidArgumentError"],
    ours=[[0.21689042], [8.0590479], [-1.6118096e-06], [-0.70710678], [0.99999995]])
@mended('y_pred.astype("float32"), or the class form.')
def integer_predictions_that_keras_refuses(losses, name):
    """Keras can neither clip nor normalise integers."""
    return getattr(losses, name)(int32([[1, 0]]), int32([[1, 1]]))

@difference("mean_squared_error", "dtype", keras=[64.0], ours=[40000.0])
@mended(AS_FLOAT32)
def uint8_wraps_around(losses):
    """Eight bits hold 0 to 255: the square of 200 wraps to 64. Images are often of this type."""
    return losses.mean_squared_error(uint8([[0]]), uint8([[200]]))

@difference("mean_squared_error", "nan dtype", keras=[inf], ours=[1e8])
@mended(AS_FLOAT32)
def a_large_target_beside_float16_predictions(losses):
    """Keras casts the target to float16, whose largest number is 65504; lossbook computes in float32."""
    return losses.mean_squared_error(float32([[70000]]), float16([[60000]]))

@difference("mean_absolute_error", "value", keras=[0.0], ours=[1.0])
def subnormal_numbers_in_float32(losses):
    """TensorFlow takes them, the subnormal numbers of float32, for 0. The result is shown times 1e39."""
    return float64(losses.mean_absolute_error(float32([[1e-38]]), float32([[1.1e-38]]))) * 1e39

@difference("categorical_crossentropy binary_crossentropy binary_focal_crossentropy", "nan",
    keras=[[nan]] * 3, ours=[[0.0], [0.34657359], [0.08664340]])
@mended("a logit of -1e9 in place of -inf.")
def a_class_ruled_out_by_a_logit_of_minus_infinity(losses, name):
    """Keras multiplies the infinite logit by its label, 0. The sparse loss picks the class, and is right."""
    return getattr(losses, name)(float32([[1, 0]]), float32([[0, -inf]]), from_logits=True)

@difference("categorical_crossentropy categorical_focal_crossentropy binary_crossentropy", "nan",
    keras=[[nan]] * 3, ours=[[0.0], [0.0], [0.34657359]])
def a_logit_of_infinity(losses, name):
    """Certain and right: the limit is finite, Keras subtracts infinity from infinity."""
    return getattr(losses, name)(float32([[1, 0]]), float32([[inf, 0]]), from_logits=True)

@difference("categorical_crossentropy sparse_categorical_crossentropy", "value", keras=[[0.0], [0.0]],
    ours=[[2.0611537e-09]] * 2)
def logits_of_20_and_0_in_float32(losses, name):
    """TensorFlow loses what is below 6e-8 beside 1; the binary loss keeps it."""
    y_true = float32([[1, 0]]) if name == "categorical_crossentropy" else int32([0])
    return getattr(losses, name)(y_true, float32([[20, 0]]), from_logits=True)

@difference("dice tversky", "broadcast negative", keras=[-0.09433961, 0.4528302],
    ours=[0.20754713, 0.20754713])
@mended("the class form, or y_true[..., None].")
def masks_without_the_axis_of_channels(losses, name):
    """With (B, H, W) against (B, H, W, 1), each row meets each row of the other, and Dice falls below 0."""
    y_pred = float32([[[0.9, 0.2], [0.8, 0.4]]])
    return getattr(losses, name)(float32([[[1, 0], [1, 1]]]), y_pred[..., None])

@difference("sparse_categorical_crossentropy categorical_generalized_cross_entropy", "shape",
    keras=["AttributeError"] * 2, ours=[[0.69314718], [0.58578644]], upstream="reported: keras#21426")
def lists_in_the_function_form(losses, name):
    """Keras asks the list for its shape."""
    further = {"q": 0.5} if "generalized" in name else {}
    return getattr(losses, name)([1], [[0.2, 0.5, 0.3]], **further)

# --- regression -----------------------------------------------------------------------------

@difference("mean_squared_error", "gradient", keras=[[1.0], [1000.0]])
def one_outlier_rules_slope(losses):
    """The pull grows with the miss, without end."""
    return slope(losses.MeanSquaredError(), float32([[0], [0]]), float32([[1], [1000]]))

@difference("mean_absolute_error", "gradient", keras=[[1.0], [1.0]])
def the_pull_never_fades_slope(losses):
    """The smallest miss pulls as hard as the largest."""
    return slope(losses.MeanAbsoluteError(reduction="sum"), float32([[0], [0]]), float32([[1e-3], [1000]]))

@difference("quantile", "names", keras="AttributeError", tf_keras="AttributeError", ours=1.8)
def no_quantile_loss(losses):
    """Neither has the quantile loss, though both have the absolute error it generalizes."""
    return losses.Quantile(0.9)(float32([[5]]), float32([[3]]))

@difference("mean_absolute_percentage_error", "value", keras=1e9)
def a_target_of_0(losses):
    """Division by 1e-7: a miss of 1 costs a thousand million percent."""
    return losses.MeanAbsolutePercentageError()(float32([[0]]), float32([[1]]))

@difference("mean_absolute_percentage_error", "value", keras=50.0)
def a_negative_target(losses):
    """Keras's documentation says max(y, 1e-7), which would give 1e9; its code, and lossbook, take |y|."""
    return losses.MeanAbsolutePercentageError()(float32([[-2]]), float32([[-1]]))

@difference("mean_absolute_percentage_error", "value", keras=[100.0, 200.0])
def too_low_and_too_high(losses):
    """Of a target of 100, 0 costs 100 percent and 300 costs 200: the loss favours low forecasts."""
    return losses.mean_absolute_percentage_error(float32([[100], [100]]), float32([[0], [300]]))

@difference("mean_squared_logarithmic_error", "value", keras=0.0)
def negative_numbers(losses):
    """Both are raised to 1e-7 before the logarithm."""
    return losses.MeanSquaredLogarithmicError()(float32([[-2]]), float32([[-1]]))

@difference("mean_squared_logarithmic_error", "zero-gradient", keras=[[0.0]])
def a_prediction_below_the_floor_slope(losses):
    """Below the floor, 1e-7, there is nothing to learn from."""
    return slope(losses.MeanSquaredLogarithmicError(reduction="sum"), float32([[1]]), float32([[-0.5]]))

@difference("mean_squared_logarithmic_error", "zero-gradient dtype", keras=[[0.0]], ours=[[-1.386294]])
def a_prediction_at_the_floor_in_float64_slope(losses):
    """Keras keeps its floor in float32, where it is a little above 1e-7, and stops the slope there."""
    loss = losses.MeanSquaredLogarithmicError(reduction="sum", dtype="float64")
    return slope(loss, float64([[1]]), float64([[1e-7]]))

@difference("huber", "value negative", keras=[[0.0], [-2.5999999]], ours="ValueError",
    upstream="mended: keras#23573")
def delta_of_0_and_below(losses):
    """Keras does not look at delta: at 0 every miss costs 0, and below it misses are a gain."""
    return [losses.huber(float32([[0, 0]]), float32([[0.2, 4]]), delta=delta) for delta in (0.0, -1.0)]

@difference("huber", "save-load", keras=9.5, ours=37.5)
@mended("after loading, compile again with Huber(delta=…).", "mended: keras#23286")
def delta_in_get_config(losses):
    """get_config forgets delta: a saved model comes back with delta = 1."""
    loss = losses.Huber.from_config(losses.Huber(delta=5.0).get_config())
    return loss(float32([[0]]), float32([[10]]))

@difference("huber", "value", keras=4.5)
def a_large_delta(losses):
    """It is half the squared error, not the squared error."""
    return losses.Huber(delta=1e6)(float32([[0]]), float32([[3]]))

@difference("huber", "gradient", keras=[[2.0], [2.0]])
def all_misses_beyond_delta_slope(losses):
    """delta has the unit of the data: if all misses exceed it, all pull alike."""
    return slope(losses.Huber(delta=2.0, reduction="sum"), float32([[0], [0]]), float32([[60], [3600]]))

@difference("huber", "dtype", tf_keras=[3.7252903e-09], ours=[0.0])
def float64_data_in_keras_2(losses):
    """Everything is cast to float32."""
    return losses.huber(float64([[0.1]]), float64([[0.3]])) - 0.02

@difference("log_cosh", "value", keras=[4.7683716e-07, 0.0], ours=[5.0000006e-07, 4.9999995e-09])
def a_small_miss_in_float32(losses):
    """Keras subtracts log 2 from a number close to it; the true values are 5e-07 and 5e-09."""
    return losses.log_cosh(float32([[0], [0]]), float32([[1e-3], [1e-4]]))

@difference("log_cosh", "negative", keras=[-1.9046543e-09], ours=[0.0])
def no_miss_in_float64(losses):
    """Keras takes log 2 in float32."""
    return losses.log_cosh(float64([[0]]), float64([[0]]))

# --- two classes ----------------------------------------------------------------------------

@difference("binary_crossentropy", "zero-gradient", keras=[[0.0]])
@mended("a last layer without activation, and from_logits=True.")
def certain_and_wrong_slope(losses):
    """A clipped probability has no slope: the worst prediction learns nothing. From logits it does."""
    return slope(losses.BinaryCrossentropy(reduction="sum"), float32([[1]]), float32([[0]]))

@difference("binary_crossentropy", "value", keras=0.72009486, ours=0.31326166)
@mended("CategoricalCrossentropy after softmax, or sigmoid as the last layer.")
def predictions_made_by_softmax(losses):
    """The tensor remembers its logits, 2 and 1, and Keras puts them through a sigmoid, not the softmax."""
    return losses.BinaryCrossentropy()(float32([[1, 0]]), activate(losses, "softmax", [[2, 1]]))

@difference("binary_crossentropy", "value", keras=50.0, ours=15.942385)
def predictions_made_by_sigmoid(losses):
    """The tensor remembers its logits, and Keras's 50 is exact; an array does not, and is clipped."""
    return losses.BinaryCrossentropy()(float32([[0]]), activate(losses, "sigmoid", [[50]]))

@difference("binary_crossentropy", "value", keras=[16.118095, 15.942385])
def certain_and_wrong(losses):
    """Clipping at 1e-7 bounds the cost, at two different values: 1 - 1e-7 is rounded in float32."""
    return losses.binary_crossentropy(float32([[1], [0]]), float32([[0], [1]]))

@difference("binary_crossentropy", "value gradient", tf_keras=[15.424949, -909090.94],
    ours=[16.118095, -1000000.0], upstream="reported: keras#15249, tensorflow#41595")
def the_second_floor_of_keras_2(losses):
    """tf_keras adds 1e-7 inside each logarithm once more, after clipping."""
    loss, one = losses.BinaryCrossentropy(reduction="sum"), float32([[1]])
    return [float(loss(one, float32([[0]]))), slope(loss, one, float32([[1e-6]])).item()]

@difference("binary_crossentropy", "negative labels", keras=0.010101348)
def labels_of_minus_1_and_1(losses):
    """Labels are not checked; the loss can be negative."""
    return losses.BinaryCrossentropy()(float32([[-1, 1]]), float32([[0.3, 0.6]]))

@difference("binary_crossentropy", "labels", keras=2.3025851, ours="ValueError")
def label_smoothing_of_2(losses):
    """Smoothing beyond 1 swaps the labels."""
    return losses.BinaryCrossentropy(label_smoothing=2.0)(float32([[1, 0]]), float32([[0.9, 0.1]]))

@difference("binary_crossentropy", "nan dtype", keras=nan, ours=1.1920929e-07)
@mended('dtype="float32", or from_logits=True.')
def float16_certain_and_right(losses):
    """In float16, 1 - 1e-7 is 1, and its complement's logarithm is infinite; 0 times it is NaN."""
    return losses.BinaryCrossentropy(dtype="float16")(float16([[1]]), float16([[1]]))

@difference("binary_crossentropy", "nan dtype", keras=inf, ours=15.9453125)
@mended('dtype="float32".')
def float16_certain_and_wrong(losses):
    """In float16, 1 - 1e-7 is 1, and its complement's logarithm is infinite."""
    return losses.BinaryCrossentropy(dtype="float16")(float16([[0]]), float16([[1]]))

@difference("binary_crossentropy", "nan dtype", keras=nan, ours=1.1920929e-07)
@mended('dtype="float32".')
def bfloat16_certain_and_right(losses):
    """In bfloat16, too, 1 - 1e-7 is 1. lossbook computes both 16-bit types in float32."""
    return losses.BinaryCrossentropy(dtype="bfloat16")(float32([[1]]), float32([[1]]))

@difference("binary_crossentropy", "shape", keras="ValueError", ours=[0.69314718, 0.69314718])
def a_column_of_predictions_refused(losses):
    """Keras's class aligns (B,) with (B, 1), its function does not."""
    return losses.binary_crossentropy(float32([1, 0]), float32([[0.5], [0.5]]))

@difference("binary_focal_crossentropy", "value", keras=[0.32986468, 0.32986468])
def alpha_without_apply_class_balancing(losses):
    """alpha alone changes nothing."""
    one, guess = float32([[1]]), float32([[0.4]])
    return [float(losses.BinaryFocalCrossentropy(alpha=alpha)(one, guess)) for alpha in (0.9, 0.25)]

@difference("binary_focal_crossentropy", "nan gradient", keras=[[nan]], ours=[[0.0]])
def gamma_of_one_half_certain_and_right_slope(losses):
    """The power has no slope at 0; lossbook takes 0."""
    loss = losses.BinaryFocalCrossentropy(gamma=0.5, reduction="sum")
    return slope(loss, float32([[1]]), float32([[1]]))

@difference("binary_focal_crossentropy", "nan gradient", keras=[[nan]], ours=[[0.0]])
def gamma_0_certain_and_right_slope(losses):
    """With gamma 0 it is cross-entropy, whose clipped slope is 0; TensorFlow multiplies 0 by infinity."""
    return slope(losses.BinaryFocalCrossentropy(gamma=0.0), float32([[1]]), float32([[1]]))

@difference("binary_focal_crossentropy", "gradient", keras=[[-32.236191]], tf_keras=[[-30.849897]],
    ours=[[-32.236191]], upstream="reported: keras#15249, tensorflow#41595")
def focal_certain_and_wrong_slope(losses):
    """The clipped cross-entropy has no slope; that of the focus remains. tf_keras adds 1e-7 once more."""
    return slope(losses.BinaryFocalCrossentropy(reduction="sum"), float32([[1]]), float32([[0]]))

# --- many classes ---------------------------------------------------------------------------

@difference("categorical_crossentropy", "value", keras=0.28768209)
@mended("from_logits=True.")
def logits_passed_as_probabilities(losses):
    """Each row is divided by its sum, and -3 and -1 become 3/4 and 1/4: from logits the cost is 2.1269."""
    return losses.CategoricalCrossentropy()(float32([[1, 0]]), float32([[-3, -1]]))

@difference("categorical_crossentropy", "value", keras=0.51082557)
def rows_that_do_not_sum_to_1(losses):
    """Each row is divided by its sum, which hides mistakes: 60 and 40 are taken for 0.6 and 0.4."""
    return losses.CategoricalCrossentropy()(float32([[1, 0]]), float32([[60, 40]]))

@difference("categorical_crossentropy", "value", keras=0.31326166, ours=0.60431421)
@mended("softmax as the last layer, or BinaryCrossentropy after sigmoid.")
def predictions_made_by_sigmoid_for_many_classes(losses):
    """The tensor remembers its logits, 2 and 1, and Keras puts them through a softmax, not the sigmoid."""
    return losses.CategoricalCrossentropy()(float32([[1, 0]]), activate(losses, "sigmoid", [[2, 1]]))

@difference("categorical_crossentropy categorical_focal_crossentropy", "labels value",
    keras=[[[0.17508936, 0.26191524, 0.37302908]], [[0.01578829, 0.01066634, 0.0124064]]],
    ours=[[[0.21522176, 0.29245824, 0.39903983]], [[0.02356391, 0.01499537, 0.01499826]]])
@mended("move the classes to the last axis.", "mended: keras#23437")
def label_smoothing_with_axis_1(losses, name):
    """Keras divides the smoothing by the length of the last axis, not by the number of classes."""
    y_true, y_pred = float32([[[1, 0, 1], [0, 1, 0]]]), float32([[[0.9, 0.2, 0.7], [0.1, 0.8, 0.3]]])
    return getattr(losses, name)(y_true, y_pred, label_smoothing=0.1, axis=1)

@difference("categorical_crossentropy", "shape", keras="InvalidArgumentError",
    ours=[[0.12692800, 0.12692800]])
@mended("axis=1 in place of axis=-2.")
def axis_of_minus_2_from_logits(losses):
    """Keras asks TensorFlow for a range that ends before it starts; from probabilities it works."""
    y_true, logits = float32([[[1, 0], [0, 1]]]), float32([[[2, 1], [0, 3]]])
    return losses.categorical_crossentropy(y_true, logits, from_logits=True, axis=-2)

@difference("categorical_crossentropy", "nan", keras=nan, ours="ValueError")
def a_row_of_zeros(losses):
    """Dividing it by its sum divides by 0."""
    return losses.CategoricalCrossentropy()(float32([[1, 0]]), float32([[0, 0]]))

@difference("categorical_crossentropy", "gradient", keras=[[-0.66666663, 1.0]])
def probabilities_slope(losses):
    """It goes through the division of the row by its sum: not the (-1.6667, 0) of the textbooks."""
    loss = losses.CategoricalCrossentropy(reduction="sum")
    return slope(loss, float32([[1, 0]]), float32([[0.6, 0.4]]))

@difference("categorical_crossentropy", "zero-gradient", keras=[[0.0, 0.0]])
@mended("from_logits=True.")
def certain_and_wrong_among_classes_slope(losses):
    """A clipped probability has no slope."""
    return slope(losses.CategoricalCrossentropy(reduction="sum"), float32([[1, 0]]), float32([[0, 1]]))

@difference("categorical_crossentropy", "gradient labels", keras=[[0.0, 0.5]], ours=[[-0.25, 0.25]])
def labels_that_do_not_sum_to_1_from_logits_slope(losses):
    """TensorFlow returns softmax minus label, which holds only where the label sums to 1."""
    loss = losses.CategoricalCrossentropy(from_logits=True, reduction="sum")
    return slope(loss, float32([[0.5, 0]]), float32([[0, 0]]))

@difference("categorical_crossentropy", "value", keras=1.1920929e-07)
def one_class_only(losses):
    """Divided by its sum, a single probability is always 1. Keras warns."""
    return losses.CategoricalCrossentropy()(float32([[1], [1]]), float32([[0.3], [0.9]]))

@difference("categorical_crossentropy", "dtype", keras=[16384.0] * 2, ours=[34069.58] * 2)
def sums_that_stall_in_float16(losses):
    """4096 times log 4096: in float16 a sum that has reached 2048 grows no more by steps of 1."""
    return losses.categorical_crossentropy(ones((4096, 2), float16), ones((4096, 2), float16), axis=0)

@difference("categorical_focal_crossentropy", "value", keras=0.089168742)
def gamma_of_0(losses):
    """alpha always counts: a quarter of the cross-entropy 0.35667497."""
    return losses.CategoricalFocalCrossentropy(gamma=0.0)(float32([[1, 0]]), float32([[0.7, 0.3]]))

@difference("categorical_focal_crossentropy", "value", keras=[4.0295229], ours=[50.0])
def logits_of_minus_100_and_100(losses):
    """Keras turns logits into probabilities and clips them; lossbook does not leave the logarithms."""
    return losses.categorical_focal_crossentropy(float32([[1, 0]]), float32([[-100, 100]]), from_logits=True)

@difference("categorical_focal_crossentropy", "zero-gradient", keras=[[0.0, 0.0]], ours=[[-0.25, 0.25]])
def logits_of_minus_100_and_100_slope(losses):
    """Keras clips the probabilities: no slope where the sample is most wrong."""
    loss = losses.CategoricalFocalCrossentropy(from_logits=True, reduction="sum")
    return slope(loss, float32([[1, 0]]), float32([[-100, 100]]))

@difference("categorical_focal_crossentropy", "value shape", keras=[[0.0064201499, 0.26389173]],
    ours=[[0.0064201495, 0.065972932]])
def a_list_for_alpha_with_axis_1(losses):
    """Keras lays the weights along the last axis, not along that of the classes."""
    y_true, y_pred = float32([[[1, 1], [0, 0]]]), float32([[[0.7, 0.4], [0.3, 0.6]]])
    return losses.categorical_focal_crossentropy(y_true, y_pred, alpha=[0.2, 0.8], axis=1)

@difference("categorical_focal_crossentropy", "shape", keras="InvalidArgumentError", ours="ValueError")
def a_list_for_alpha_of_the_wrong_length(losses):
    """Two classes, three weights."""
    alpha = [0.2, 0.3, 0.5]
    return losses.categorical_focal_crossentropy(float32([[1, 0]]), float32([[0.7, 0.3]]), alpha=alpha)

@difference("categorical_focal_crossentropy", "broadcast labels", keras=0.045245674, ours="ValueError")
def class_numbers_in_place_of_one_hot_rows(losses):
    """Both numbers are taken as a row of labels for each sample. The plain loss refuses them."""
    return losses.CategoricalFocalCrossentropy()(float32([0, 1]), float32([[0.6, 0.4], [0.3, 0.7]]))

@difference("sparse_categorical_crossentropy", "value", keras=[0.0050130143])
@mended("from_logits=True.")
def certain_and_right_among_50257_classes(losses):
    """On TensorFlow the row is clipped first and divided after: 50256 times 1e-7 is taken from the truth."""
    return losses.sparse_categorical_crossentropy(int32([0]), eye(1, 50257))

@difference("sparse_categorical_crossentropy", "labels", keras=[0.69314718])
def a_fraction_as_a_label(losses):
    """1.7 is cut to 1."""
    return losses.sparse_categorical_crossentropy(float32([1.7]), float32([[0.2, 0.5, 0.3]]))

@difference("sparse_categorical_crossentropy", "labels", keras="InvalidArgumentError", ours="ValueError")
def the_label_3_of_3_classes(losses):
    """Class numbers start at 0. In a function compiled by XLA (jit_compile=True) TensorFlow gives NaN."""
    return losses.sparse_categorical_crossentropy(int32([3]), float32([[0.2, 0.5, 0.3]]))

@difference("sparse_categorical_crossentropy", "labels weights", keras="InvalidArgumentError",
    ours=0.34657359)
@mended("give silenced samples a label in range.")
def the_label_minus_1_with_weight_0(losses):
    """Keras computes the silenced sample all the same."""
    y_true, y_pred = int32([0, -1]), full((2, 2), 0.5)
    return losses.SparseCategoricalCrossentropy()(y_true, y_pred, sample_weight=float32([1, 0]))

@difference("sparse_categorical_crossentropy", "labels dtype", keras=[10.0, 10.125],
    ours=[0.01348877, 0.12768555])
def labels_257_in_bfloat16_and_2049_in_float16(losses):
    """The class casts labels, too: 257 becomes 256 and 2049 becomes 2048, another class."""
    made = losses.SparseCategoricalCrossentropy
    cases = ("bfloat16", 257, 300), ("float16", 2049, 3000)
    return [
        float(made(from_logits=True, dtype=dtype)(int32([label]), 10 * eye(1, classes, label)))
        for dtype, label, classes in cases
    ]

@difference("sparse_categorical_crossentropy", "value", keras=[1.0986123])
def a_row_of_zeros_in_the_sparse_loss(losses):
    """Clipped first, it is a row of equal probabilities: log 3."""
    return losses.sparse_categorical_crossentropy(int32([0]), float32([[0, 0, 0]]))

@difference("sparse_categorical_crossentropy", "shape", keras="ValueError", ours=[[0.35667497, 0.51082563]])
@mended("move the classes to the last axis.")
def axis_1_in_the_sparse_loss(losses):
    """On TensorFlow Keras allows the last axis only."""
    y_pred = float32([[[0.7, 0.4], [0.3, 0.6]]])
    return losses.sparse_categorical_crossentropy(int32([[0, 1]]), y_pred, axis=1)

@difference("sparse_categorical_crossentropy", "save-load", keras=-1.0, ours=1.0,
    upstream="mended: keras#23286")
def axis_of_the_sparse_loss_in_get_config(losses):
    """get_config forgets axis, and -1 is what comes back."""
    made = losses.SparseCategoricalCrossentropy
    return made.from_config(made(axis=1).get_config()).get_config().get("axis", -1)

@difference("sparse_categorical_crossentropy", "weights", keras=0.23778331)
def ignore_class_in_the_function_form(losses):
    """An ignored sample is 0 there; only the class leaves it out of the average (0.35667497)."""
    y_pred = float32([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]])
    return mean(losses.sparse_categorical_crossentropy(int32([0, 1, 2]), y_pred, ignore_class=2))

@difference("sparse_categorical_crossentropy", "nan weights", keras=0.0, tf_keras=nan, ours=0.0)
def ignore_class_of_everything(losses):
    """The average of nothing is taken as 0; in tf_keras it is NaN."""
    return losses.SparseCategoricalCrossentropy(ignore_class=0)(int32([0]), float32([[0.7, 0.3]]))

@difference("sparse_categorical_crossentropy", "labels", keras="ValueError")
def one_hot_labels(losses):
    """One-hot labels are for categorical_crossentropy."""
    return losses.SparseCategoricalCrossentropy()(float32([[1, 0, 0]]), float32([[0.2, 0.5, 0.3]]))

@difference("sparse_categorical_crossentropy", "names", tf_keras="ValueError", ours=[0.0])
def the_fourth_argument_by_position(losses):
    """In tf_keras it is axis, and ignore_class comes after; in Keras 3 it is ignore_class."""
    return losses.sparse_categorical_crossentropy(int32([0]), float32([[0.7, 0.3]]), False, 0)

@difference("categorical_generalized_cross_entropy", "broadcast labels", keras=0.63698834, ours=0.26891279)
@mended("y_true[:, 0].")
def class_numbers_in_a_column(losses):
    """Keras's documentation allows the shape (B, 1); its code compares every label with every row."""
    y_pred = float32([[0.7, 0.3], [0.2, 0.8]])
    return losses.CategoricalGeneralizedCrossEntropy()(int32([[0], [1]]), y_pred)

@difference("categorical_generalized_cross_entropy", "nan", keras=[nan], ours="ValueError")
def q_of_0_in_the_function_form(losses):
    """Keras checks q in the class alone."""
    return losses.categorical_generalized_cross_entropy(int32([0]), float32([[0.7, 0.3]]), q=0.0)

@difference("categorical_generalized_cross_entropy", "labels", keras=[2.0], ours="ValueError")
def the_label_2_of_2_classes(losses):
    """Keras takes the probability of a class that does not exist for 0."""
    return losses.categorical_generalized_cross_entropy(int32([2]), float32([[0.7, 0.3]]), q=0.5)

@difference("categorical_generalized_cross_entropy", "labels", keras=1.2654423, ours="ValueError")
@mended("two columns, p and 1 - p.")
def a_single_column_of_probabilities(losses):
    """One column is one class, and the label 1 is beyond it: it always costs 1 / q."""
    return losses.CategoricalGeneralizedCrossEntropy()(int32([0, 1]), float32([[0.7], [0.4]]))

@difference("categorical_generalized_cross_entropy", "nan gradient", keras=[[-inf, nan]], ours=[[-inf, 0.0]])
def a_probability_of_0_slope(losses):
    """Infinite at the true class; TensorFlow makes the other class NaN."""
    loss = losses.CategoricalGeneralizedCrossEntropy(reduction="sum")
    return slope(loss, int32([0]), float32([[0, 1]]))

@difference("categorical_generalized_cross_entropy", "names", keras="ValueError", ours=1.0)
def get_the_generalized_loss_by_name(losses):
    """The loss is missing from Keras's list of names, and so from compile(loss=name)."""
    return losses.get("CategoricalGeneralizedCrossEntropy")(int32([0]), float32([[0.25, 0.75]]))

@difference("categorical_generalized_cross_entropy", "names save-load", keras="ValueError", ours=1.0)
def get_the_generalized_loss_from_a_configuration(losses):
    """The loss is missing from Keras's list of names."""
    loss = losses.get({"class_name": "CategoricalGeneralizedCrossEntropy", "config": {"q": 0.5}})
    return loss(int32([0]), float32([[0.25, 0.75]]))

@difference("kl_divergence", "negative", keras=[-0.60163093])
def rows_that_are_not_distributions(losses):
    """Nothing is divided by its sum: the divergence can be negative."""
    return losses.kl_divergence(float32([[0.2, 0.2]]), float32([[0.9, 0.9]]))

@difference("kl_divergence", "negative", keras=[-3.0849899e-06])
def a_row_of_zeros_as_truth(losses):
    """Raised to 1e-7, it costs next to nothing, and less than nothing."""
    return losses.kl_divergence(float32([[0, 0]]), float32([[0.5, 0.5]]))

@difference("kl_divergence", "nan dtype", keras=[inf], ours=[16.118096])
@mended(AS_FLOAT32)
def a_probability_of_0_in_float16(losses):
    """In float16, 1 / 1e-7 is infinite; lossbook computes in float32."""
    return losses.kl_divergence(float16([[1]]), float16([[0]]))

@difference("poisson", "negative", keras=[-13.025852])
def a_perfect_rate(losses):
    """The term log(y!) is left out: the best value is not 0, and can be negative."""
    return losses.poisson(float32([[10]]), float32([[10]]))

@difference("poisson", "value", keras=[48.354286])
def a_rate_of_0(losses):
    """The logarithm is held finite by 1e-7."""
    return losses.poisson(float32([[3]]), float32([[0]]))

@difference("poisson", "nan", keras=[nan], ours="ValueError")
@mended("softplus or exponential as the last layer.")
def a_negative_rate(losses):
    """There is no logarithm of it."""
    return losses.poisson(float32([[3]]), float32([[-1]]))

# --- margins --------------------------------------------------------------------------------

@difference("hinge squared_hinge", "labels", keras=[[0.33333334]] * 2, ours=[[0.33333334]] * 2)
def labels_of_minus_1_0_and_1(losses, name):
    """Only 0 and 1 alone become -1 and 1: beside a -1, the label 0 costs 1 whatever the score."""
    return getattr(losses, name)(float32([[-1, 0, 1]]), float32([[-2, 500, 2]]))

@difference("hinge", "labels weights", keras=0.5, ours=0.0)
@mended("give hidden samples the label 0 or 1.")
def a_hidden_label_of_minus_1(losses):
    """Hidden by the mask, it still tells Keras that the other labels are not 0 and 1."""
    y_true, y_pred = float32([[0], [1], [-1]]), float32([[-2], [2], [0]])
    return masked(losses.Hinge(), y_true, y_pred, mask=np.array([True, True, False]))

@difference("hinge", "value", keras=[1.0])
def probabilities_in_place_of_scores(losses):
    """A score from 0 to 1 cannot meet the margin of -1: the cost is 1 at least."""
    return losses.hinge(float32([[-1]]), float32([[0]]))

@difference("categorical_hinge", "value", keras=[0.5])
def a_wide_lead(losses):
    """The true class leads by 3.5, yet enters the maximum with 0: Crammer and Singer's loss is 0 here."""
    return losses.categorical_hinge(float32([[1, 0]]), float32([[0.5, -3]]))

@difference("categorical_hinge", "labels", keras=[1.6])
def one_hot_labels_of_minus_1_and_1(losses):
    """Keras's documentation allows them, its formula does not fit them: with 1 and 0 the cost is 0.8."""
    return losses.categorical_hinge(float32([[1, -1]]), float32([[0.6, 0.4]]))

# --- regions --------------------------------------------------------------------------------

@difference("dice", "value zero-gradient", keras=1.0)
def an_empty_mask_predicted_empty(losses):
    """The worst value for a perfect answer, without a slope."""
    return losses.Dice()(zeros((1, 4)), zeros((1, 4)))

@difference("dice", "negative", keras=-4.0)
def logits_in_place_of_probabilities(losses):
    """Beyond [0, 1] the loss leaves its range."""
    return losses.Dice()(float32([[1, 0, 0]]), float32([[5, -3, -1]]))

@difference("dice", "value", keras=[0.33333331, 0.5])
@mended("axis=(1, 2, 3) for one value for each image.")
def the_batch_as_one_region(losses):
    """With axis=None, the default, the batch is one region: not the mean over its images."""
    masks, guesses = float32([[1, 1], [1, 0]]), float32([[1, 1], [0, 1]])
    return [float(losses.dice(masks, guesses)), mean(losses.dice(masks, guesses, axis=1))]

@difference("dice", "weights", keras=0.66666663, ours="ValueError")
@mended("give the axes of an image: axis=1.")
def weights_for_one_region(losses):
    """There is one value for the batch; Keras multiplies it by the mean of the weights."""
    masks, guesses = float32([[1, 1], [1, 0]]), float32([[1, 1], [0, 1]])
    return losses.Dice()(masks, guesses, sample_weight=float32([1, 3]))

@difference("dice", "nan dtype", keras=nan, ours=0.33333333)
@mended(AS_FLOAT32)
def a_mask_of_300_by_300_in_float16(losses):
    """Keras sums 90000 ones in float16, whose largest number is 65504: infinity over infinity."""
    return losses.dice(ones((1, 300, 300), float16), full((1, 300, 300), 0.5, float16))

@difference("tversky", "value", keras=0.47368425, ours=0.090909183)
@mended("swap the two: alpha=beta, beta=alpha.", "mended: keras#23333")
def tversky_swaps_alpha_and_beta(losses):
    """Keras charges this miss by alpha; its documentation and the paper charge misses by beta."""
    return losses.tversky(float32([1, 1]), float32([1, 0]), alpha=0.9, beta=0.1)

@difference("tversky", "value", keras=0.090909183, ours=0.47368425, upstream="mended: keras#23333")
def tversky_swaps_them_for_false_alarms(losses):
    """Keras charges this false alarm by beta; its documentation and the paper charge them by alpha."""
    return losses.tversky(float32([1, 0]), float32([1, 1]), alpha=0.9, beta=0.1)

# --- vectors and sequences ------------------------------------------------------------------

@difference("cosine_similarity", "negative", keras=[-1.0])
def the_best_value_is_minus_1(losses):
    """The best value is -1, and length does not count."""
    return losses.cosine_similarity(float32([[1, 0]]), float32([[5, 0]]))

@difference("cosine_similarity", "value", tf_keras=[-0.30000001], ours=[-1.0])
def a_target_shorter_than_a_millionth(losses):
    """tf_keras holds lengths at 1e-6, Keras 3 at 1e-7."""
    return losses.cosine_similarity(float32([[3e-7, 0]]), float32([[1, 0]]))

@difference("cosine_similarity", "gradient", keras=[[-1e7, 0.0]], tf_keras=[[-1e6, 0.0]], ours=[[-1e7, 0.0]])
def a_prediction_of_length_0_slope(losses):
    """A zero vector has no direction; its slope is that of the floor: 1e-7, and 1e-6 in tf_keras."""
    return slope(losses.CosineSimilarity(reduction="sum"), float32([[1, 0]]), float32([[0, 0]]))

@difference("cosine_similarity", "value", keras=[0.0], ours=[-1.0])
def very_long_vectors_in_float32(losses):
    """The square of the length is infinite in float32; lossbook scales first."""
    return losses.cosine_similarity(float32([[1, 0]]), float32([[1e30, 0]]))

@difference("cosine_similarity", "value dtype", keras=[0.0], ours=[-1.0])
@mended(AS_FLOAT32)
def long_vectors_in_float16(losses):
    """The square of 300 is infinite in float16; lossbook computes in float32."""
    return losses.cosine_similarity(float16([[1, 1]]), float16([[300, 300]]))

@difference("cosine_similarity", "save-load", keras=-0.35355338, ours=-0.2236068,
    upstream="mended: keras#23286")
def axis_of_the_cosine_in_get_config(losses):
    """get_config forgets axis: a saved model comes back with axis = -1."""
    loss = losses.CosineSimilarity.from_config(losses.CosineSimilarity(axis=0).get_config())
    return loss(float32([[1, 0], [2, 0]]), float32([[1, 1], [0, 1]]))

@difference("cosine_similarity", "value", keras=[5.9604645e-08])
def twice_the_same_direction_in_float32(losses):
    """Rounding: the best value is not always -1."""
    return np.asarray(losses.cosine_similarity(float32([[1, 3]]), float32([[1, 3]]))) + 1

@difference("circle", "value", keras=1.5)
def samples_without_a_second_of_their_kind(losses):
    """Values of 0 are left out of the class's average: here it is 1.5 times the mean of the values."""
    kinds, vectors = int32([0, 0, 1]), eye(3)
    return losses.Circle(gamma=1)(kinds, vectors) / mean(losses.circle(kinds, vectors, gamma=1))

@difference("circle", "value", keras=134.40001)
def embeddings_of_length_5(losses):
    """Lengths are neither checked nor made 1."""
    return losses.Circle()(int32([0, 0, 1]), float32([[5, 0], [0, 5], [3, 4]]))

@difference("ctc", "labels value", keras=[2.1390553, 2.1390553])
def a_0_inside_a_label(losses):
    """The length counts the entries other than 0: (1, 0, 2) is read as (1, 0), and so is (1, 0, 1)."""
    frames = float32([[[0, 1, 2], [1, 0, 0], [0, 2, 1], [2, 0, 1]]])
    return [losses.ctc(int32([[1, 0, last]]), frames)[0] for last in (2, 1)]

@difference("ctc", "labels gradient", keras=[0.16609278, -0.16292202, 0.21194157],
    ours=[-0.049019516, -0.16292205, 0.21194154])
def a_0_inside_a_label_slope(losses):
    """TensorFlow's slope is not that of its own value there; lossbook's is."""
    frames = float32([[[0, 1, 2], [1, 0, 0], [0, 2, 1], [2, 0, 1]]])
    return slope(losses.CTC(reduction="sum"), int32([[1, 0, 2]]), frames)[0, 1]

@difference("ctc", "value", keras=[706.89362], ours=[800.0])
def a_cost_beyond_706(losses):
    """A label that has a path, at a cost of 800: TensorFlow stops near 706.9."""
    return losses.ctc(int32([[1, 2]]), float32([[[0, -400, -400], [0, -400, -400]]]))

@difference("ctc", "value", keras=[708.9209], ours="ValueError")
def a_label_too_long_for_the_frames(losses):
    """No path spells it: the true value is infinite."""
    return losses.ctc(int32([[1, 1, 1, 1]]), float32(zeros((1, 5, 3))))

@difference("ctc", "negative labels", keras=[-0.13815022] * 2, ours="ValueError")
def a_symbol_beyond_the_last_class(losses):
    """A symbol that has no column, 3 or -1, is taken as certain, and the loss falls below 0."""
    return [losses.ctc(int32([[1, symbol]]), float32(zeros((1, 4, 3))))[0] for symbol in (3, -1)]

@difference("ctc", "nan", keras=[nan], ours=[0.28768207])
@mended("a logit of -1e9 in place of -inf.")
def a_symbol_ruled_out_by_minus_infinity(losses):
    """The label needs no symbol 2, which is ruled out in both frames; the cost is log(4/3)."""
    return losses.ctc(int32([[1]]), float32([[[0, 0, -inf], [0, 0, -inf]]]))

@difference("ctc", "value", keras=[0.24068356])
def probabilities_in_place_of_logits(losses):
    """They go through a softmax once more: the cost of these probabilities is 0.0943."""
    return losses.ctc(int32([[1]]), float32([[[0.1, 0.9], [0.9, 0.1]]]))

@difference("ctc", "shape value", keras=[2.3431785, 6.2745929])
def frames_of_padding(losses):
    """Every frame counts: a label of six frames costs 2.343; with six frames of padding, 6.275."""
    label = int32([[1, 2]])
    return [losses.ctc(label, float32(zeros((1, frames, 3))))[0] for frames in (6, 12)]

@difference("ctc", "dtype", keras=[-1.6024779e-08], ours=[0.0])
def float64_logits(losses):
    """TensorFlow computes CTC in float32 alone."""
    return losses.ctc(int32([[1]]), zeros((1, 2, 2))) - np.log(4 / 3)
