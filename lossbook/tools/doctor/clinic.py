"""The rows of the loss clinic: one list for the codes of ``check``, for ``fingerprint`` and for the page."""

import math
from dataclasses import dataclass

from lossbook.tools.render import Html, format_number, html_block, html_table, text_table

__all__ = ["ROWS", "Fingerprint", "Match", "Row", "fingerprint"]


@dataclass(frozen=True)
class Row:
    """One way in which a loss goes wrong.

    Attributes
    ----------
    code : str
        Its name in findings, and its address on the page of the clinic.
    severity : str
        ``"error"``: the number is wrong or missing. ``"warning"``: training suffers. ``"note"``:
        the number is right but surprises.
    symptom : str
        What one sees, in the words of somebody who sees it.
    cause : str
        Why.
    mend : str
        What to do.
    link : str
        The paragraph of the book, as page and heading.
    numbers : tuple
        Values by which it can be told: pairs of a number, or a function of the count of classes,
        and its formula.
    """

    code: str
    severity: str
    symptom: str
    cause: str
    mend: str
    link: str
    numbers: tuple = ()


def _log1pexp(x):
    return math.log1p(math.exp(x))


STEP = 2.0**-23  # the step of float32 below 1, twice: 1 - 1e-7 is rounded to 1 - STEP
SCALAR, NUMERICS = "foundations/from-element-to-scalar.ipynb", "foundations/logits-and-floating-point.ipynb"
TRAINING, LOSS = "foundations/gradients-and-training.ipynb", "foundations/what-a-loss-is.ipynb"
BREAKS = "#how-it-breaks"

_ROWS = [
    # --- shapes and containers
    Row("broadcast", "error", "the loss is far too large, or the same whatever the model does; N by N matrix",
        "(N,) against (N, 1) is broadcast: every label is compared with every prediction.",
        "Reshape the labels to the shape of the predictions.", SCALAR + BREAKS),
    Row("class-numbers-for-one-hot", "error", "ValueError: Shapes (N, 1) and (N, K) are incompatible",
        "Class numbers were given to a loss that wants one-hot rows.",
        "Use SparseCategoricalCrossentropy, or keras.utils.to_categorical.",
        "losses/categorical_crossentropy.ipynb" + BREAKS),
    Row("one-hot-for-class-numbers", "error",
    "ValueError from sparse categorical crossentropy with one-hot labels",
        "One-hot rows were given to a loss that wants class numbers.",
        "Use CategoricalCrossentropy, or argmax.", "losses/sparse_categorical_crossentropy.ipynb" + BREAKS),
    Row("channels-first", "error",
    "shapes disagree after a port from PyTorch; loss averaged over the wrong axis",
        "The classes stand on axis 1 (N, C, H, W); Keras looks for them on the last axis.",
        "Move the axis to the end.", SCALAR + "#step-2-one-number-for-each-sample"),
    Row("shape-mismatch", "error", "shapes of labels and predictions do not fit",
        "Rows were lost, or the last layer has another number of units than there are labels.",
        "Print both shapes, and mend the one that is wrong.", SCALAR + BREAKS),
    Row("one-sample", "warning", "sum gives the mean; sample_weight is refused or does nothing on 1-D arrays",
        "The last axis is averaged first, so an array of shape (N,) is one sample.",
        "Reshape both to (N, 1).", SCALAR + "#step-2-one-number-for-each-sample"),
    Row("batch-of-one", "note", "the loss jumps from step to step; a batch of one sample",
        "A single sample says nothing of the mean, the spread or the balance.",
        "Use a larger batch.", SCALAR + "#a-small-batch"),
    Row("empty-batch", "error", "the loss is NaN or an empty array at the end of an epoch",
        "The batch is empty: the mean of nothing is undefined.",
        "Skip it, or drop the remainder.", SCALAR + BREAKS),
    Row("lists", "error", "AttributeError: 'list' object has no attribute 'shape'; two structures differ",
        "Keras 3 takes a list for a structure of several outputs.", "Make arrays of lists first.",
        "losses/sparse_categorical_crossentropy.ipynb" + BREAKS),
    Row("misaligned-index", "error",
    "pandas gives another mean than Keras; the loss is too large after a shuffle",
        "Two Series or DataFrames hold the same rows in another order: Keras pairs by position.",
        "Reindex one by the other.", SCALAR + BREAKS),
    Row("not-numbers", "error", "could not convert string to float; invalid dtype object",
        "Labels are text or objects.",
        "Number the classes, or convert to float32.", SCALAR + "#a-small-batch"),
    Row("swapped", "error", "the loss is large although predictions are good; y_true and y_pred swapped",
        "y_true and y_pred are swapped: Keras takes labels first, PyTorch predictions.",
        "Swap them.", "losses/kl_divergence.ipynb" + BREAKS),
    # --- logits and probabilities
    Row("logits-as-probabilities", "error", "the loss is negative, stuck or NaN; accuracy stays at chance",
        "The model ends in scores, and the loss takes them for probabilities.",
        "Set from_logits=True, or end the model in sigmoid or softmax.",
        NUMERICS + "#which-of-the-two-to-hand-over"),
    Row("probabilities-as-logits", "error",
    "the loss stays above 0.3 though accuracy is high; training is slow",
        "The model ends in sigmoid or softmax, and from_logits=True squashes once more.",
        "Leave from_logits out, or the activation.", NUMERICS + "#which-of-the-two-to-hand-over",
        ((_log1pexp(-1), "log(1 + e^-1): a perfect answer squashed twice, binary"),
         (_log1pexp(1), "log(1 + e): a confident miss squashed twice, binary"),
         (lambda k: math.log(math.e + k - 1) - 1, "log(e + K - 1) - 1: a perfect answer squashed twice"))),
    Row("squashed-twice", "error",
    "predictions stay between 0.5 and 0.73, or near 1/K; the loss does not go below 0.31",
        "The last layer has an activation, and another one follows.", "Remove one of the two.",
        NUMERICS + "#there-and-back",
        ((_log1pexp(-1), "log(1 + e^-1): a perfect answer squashed twice, binary"),)),
    Row("remembered-logits", "note", "the loss is larger than 16.118; another number by hand than from Keras",
        "A tensor from keras.activations remembers its logits, and Keras computes from those.",
        "Pass the logits yourself, with from_logits=True.", NUMERICS + "#which-of-the-two-to-hand-over"),
    Row("probabilities-for-scores", "warning", "the hinge loss stays at 1 or above",
        "The model ends in sigmoid or softmax; hinge losses want scores on both sides of 0.",
        "End the model in nothing, or in tanh.", "losses/hinge.ipynb" + BREAKS,
        ((1.0, "hinge of a score of 0"),)),
    Row("softmax-one-unit", "error", "the loss is about 1e-7 or never changes; the model always predicts 1",
        "A softmax over one unit is always 1.", "Use sigmoid, or two units.",
        NUMERICS + "#several-classes-softmax", ((STEP, "2^-23: cross-entropy of a certain 1, float32"),)),
    Row("one-column", "error", "the loss is 0 or 1.19e-07 at once; categorical crossentropy with Dense(1)",
        "The loss compares the entries of a row with one another, and a row has one entry.",
        "Use BinaryCrossentropy (for cosine, mean squared error), or give the layer one unit for each class.",
        NUMERICS + "#several-classes-softmax", ((STEP, "2^-23: cross-entropy of a certain 1, float32"),)),
    Row("sigmoid-with-categorical", "warning", "probabilities of the classes do not sum to 1",
        "Sigmoid outputs do not compete; the categorical loss divides them by their sum.",
        "End the model in softmax, or use BinaryCrossentropy.", NUMERICS + "#several-classes-softmax"),
    Row("softmax-with-binary", "warning",
    "binary crossentropy is small for many classes though accuracy is low",
        "The mean over K one-hot entries divides the loss by K, and softmax ties the entries together.",
        "Use CategoricalCrossentropy.", "losses/binary_crossentropy.ipynb" + BREAKS),
    Row("softmax-with-multi-hot", "warning", "multi-label: no answer comes above 1/2 where two labels hold",
        "The shares of a softmax sum to 1, and several labels of a row are 1.",
        "End the model in sigmoid, with BinaryCrossentropy.", NUMERICS + "#several-classes-softmax"),
    Row("targets-out-of-reach", "error",
    "regression is stuck; predictions never exceed 1 or never fall below 0",
        "The last activation cannot reach the targets.",
        "End the model without activation, or scale the targets.",
        "losses/mean_squared_error.ipynb" + BREAKS),
    Row("rows-not-one", "warning", "crossentropy by hand differs; rows of probabilities do not sum to 1",
        "Keras divides each row by its sum (categorical) or takes it as it is (Kullback-Leibler).",
        "Normalise the rows.", "losses/categorical_crossentropy.ipynb" + BREAKS),
    # --- labels
    Row("labels-start-at-1", "error", "NaN on a GPU, InvalidArgumentError: label out of range; negative loss",
        "Class numbers count from 1; Keras counts from 0.", "Subtract 1.",
        "losses/sparse_categorical_crossentropy.ipynb" + BREAKS),
    Row("labels-out-of-range", "error",
    "the loss is negative; NaN; Received a label value which is outside the valid range",
        "Labels lie outside what the loss is defined for.",
        "Bring them into range, or ignore the class that marks padding.",
        "losses/binary_crossentropy.ipynb" + BREAKS),
    Row("signs-for-01", "error", "binary crossentropy is negative",
    "Labels are -1 and +1; the loss expects 0 and 1.",
        "Add 1 and halve.", "losses/binary_crossentropy.ipynb" + BREAKS),
    Row("mixed-signs", "error", "hinge has a floor of 1 for some labels",
    "Labels mix -1, 0 and 1: 0 has no side.",
        "Use -1 and +1, or 0 and 1.", "losses/hinge.ipynb" + BREAKS, ((1.0, "hinge of the label 0"),)),
    Row("pixels", "error", "the loss is in the thousands or far below 0 on images",
        "Pixels from 0 to 255 stand against predictions from 0 to 1.", "Divide by 255.",
        "losses/dice.ipynb" + BREAKS),
    Row("class-ids-in-mask", "error", "Dice loss is negative or above 1",
    "The mask holds class numbers, not 0 and 1.",
        "Make one channel for each class.", "losses/dice.ipynb" + BREAKS),
    Row("labels-not-one", "warning", "categorical crossentropy cannot reach 0; rows of labels sum to 2 or 0",
        "Several classes hold at once, or none.",
        "Use BinaryCrossentropy with sigmoid, or normalise the rows.",
        "losses/categorical_crossentropy.ipynb" + BREAKS),
    Row("padding-counted", "warning",
    "accuracy is high from the start on padded sequences; the loss falls too fast",
        "Padding counts as class 0: the mask was lost or never made.", "Set ignore_class, or pass weights.",
        "losses/sparse_categorical_crossentropy.ipynb" + BREAKS),
    Row("constant-labels", "note", "the loss goes to 0 at once, or to a constant",
    "All labels of the batch are the same.",
        "Shuffle, and look at the targets.", LOSS + "#what-makes-a-function-a-good-loss"),
    Row("constant-predictions", "warning",
    "the model predicts the same for everything; stuck at the mean or the median",
        "The model answers with a constant.",
        "Look for a dead layer, unscaled inputs, a softmax over one unit.",
        LOSS + "#three-decisions"),
    # --- dead gradients and single losses
    Row("dead-clipped", "warning",
    "the loss is 15.94 or 16.118 and does not go down; the gradient is exactly 0",
        "Wrong predictions are clipped at 1e-7: the loss is large and flat.",
        "Compute from logits.", NUMERICS + "#dead-gradients",
        ((-math.log(1e-7), "-log(1e-7): a label of 1 against a clipped 0"),
         (-math.log(STEP), "-log(2^-23): a label of 0 against a clipped 1, float32"),
         (-math.log(2e-7), "-log(2e-7): the same with the second epsilon of tf_keras"),
         (-math.log(STEP + 1e-7), "-log(2^-23 + 1e-7): a label of 0 against a 1 in tf_keras"),
         (-math.log(1e-15), "-log(1e-15): a clip by hand"), (-math.log(1e-12), "-log(1e-12): a clip by hand"),
         (-math.log(1e-8), "-log(1e-8): a clip by hand"), (-math.log(2.0**-52),
         "-log(2^-52): scikit-learn's clip, float64"))),
    Row("torch-clamp", "note", "the loss is exactly 100",
    "PyTorch's BCELoss cuts each logarithm off at -100.",
        "Use BCEWithLogitsLoss, or compare from logits.", NUMERICS + "#the-logarithm-and-the-clip",
        ((100.0, "PyTorch's BCELoss of a certain miss"),)),
    Row("negative-rate", "error", "Poisson loss is NaN", "A rate is negative, and has no logarithm.",
        "End the model in softplus or exp.", "losses/poisson.ipynb" + BREAKS),
    Row("zero-rate", "warning", "Poisson loss explodes", "A rate is 0 where something was counted.",
        "End the model in softplus or exp.", "losses/poisson.ipynb" + BREAKS),
    Row("negative-counts", "error", "Poisson loss has no lower bound", "Counts are negative.",
        "Count again, or use another loss.", "losses/poisson.ipynb" + BREAKS),
    Row("zero-targets", "error", "the percentage error is 1e9 %", "A target is 0, and is replaced by 1e-7.",
        "Leave such rows out, or use MAE.", "losses/mean_absolute_percentage_error.ipynb" + BREAKS,
        ((1e9, "100 / 1e-7: an error of 1 on a target of 0, in percent"),)),
    Row("negatives-in-logs", "warning", "MSLE does not punish negative predictions",
    "Below 0 everything counts as 0, with no gradient.",
        "Use MSE, or softplus at the end.", "losses/mean_squared_logarithmic_error.ipynb" + BREAKS),
    Row("zero-vector", "warning", "cosine similarity is exactly 0; the gradient explodes",
    "A vector of zeros has no direction.",
        "Leave it out.", "losses/cosine_similarity.ipynb" + BREAKS),
    Row("not-unit", "error", "circle loss is in the thousands", "Embeddings do not have length 1.",
        "Normalise them.", "losses/circle.ipynb" + BREAKS),
    Row("no-pairs", "warning", "circle loss is exactly 0",
    "The batch has no two rows of one label, or one label alone.",
        "Draw P labels with K rows of each.", "losses/circle.ipynb" + BREAKS, ((0.0, "no pair to compare"),)),
    Row("empty-masks", "warning", "Dice loss is exactly 1 although the prediction is right",
    "The mask has no foreground.",
        "Add BinaryCrossentropy, or leave such images out.", "losses/dice.ipynb" + BREAKS, ((1.0,
        "overlap with an empty mask"),)),
    Row("background", "warning", "Dice loss is near 0 although nothing is found",
    "Background is summed with the rest.",
        "Leave its channel out, and take axis=(1, 2).", "losses/dice.ipynb" + BREAKS),
    Row("focal-mean", "note", "focal loss is tiny, about 0.001",
    "The mean divides by thousands of easy negatives.",
        "Divide by the number of positives.", "losses/binary_focal_crossentropy.ipynb" + BREAKS),
    Row("ctc-negative", "error", "CTC loss is too large with labels padded by -1",
    "Keras pads with 0 and counts all else.",
        "Pad with 0.", "losses/ctc.ipynb" + BREAKS),
    Row("ctc-blank", "error", "CTC loss ignores part of the label",
    "Class 0 is the blank, and cuts the label.",
        "Number the symbols from 1.", "losses/ctc.ipynb" + BREAKS),
    Row("ctc-infeasible", "error", "CTC loss is infinite, about 700 or 1e5",
    "The label needs more frames than there are.",
        "Give more frames.", "losses/ctc.ipynb" + BREAKS),
    Row("ctc-padded-frames", "warning", "CTC loss grows with padding", "Keras counts every frame.",
        "Let padding say blank.", "losses/ctc.ipynb" + BREAKS),
    # --- weights, masks, types
    Row("weight-shape", "error", "sample_weight is refused, or weighs time steps",
    "Weights of shape (B,) on (B, T) lie along T.",
        "Reshape them to (B, 1).", SCALAR + BREAKS),
    Row("weights-sum-to-zero", "error", "the loss is exactly 0 or NaN with sample_weight",
    "The weights sum to 0.",
        "Look at where they come from.", SCALAR + "#every-divisor-side-by-side", ((0.0,
        "every weight is 0"),)),
    Row("negative-weights", "error", "the loss is negative with sample_weight", "A weight is below 0.",
        "Cut at 0.", SCALAR + "#every-divisor-side-by-side"),
    Row("mask-hides-all", "error", "the loss is exactly 0 with a mask",
    "The mask is False everywhere; True means it counts.",
        "Turn it round.", SCALAR + "#step-3-one-number-for-the-batch", ((0.0,
        "the mask hides every sample"),)),
    Row("mask-lost", "warning", "padding counts although the model has mask_zero or Masking",
    "A layer in between drops the mask.",
        "Pass sample_weight.", SCALAR + "#step-3-one-number-for-the-batch"),
    Row("not-finite", "error", "the loss is NaN at step 1", "NaN or infinity in the data.",
    "Drop or mend those rows.",
        SCALAR + BREAKS, ((math.nan, "NaN in the data, or a logarithm of a negative number"), (math.inf,
        "infinity in the data, or a division by 0"))),
    Row("nan-result", "error", "a custom loss gives NaN",
    "A logarithm or a division by 0 inside the loss.", "Clip first.",
        NUMERICS + "#the-logarithm-and-the-clip", ((math.nan, "log 0 or 0 / 0 inside the loss"),)),
    Row("integer-predictions", "error", "the loss wraps around or is a whole number",
    "Predictions are integers.",
        "Convert to float32.", NUMERICS + "#what-a-type-can-hold"),
    Row("narrow-type", "error", "NaN or inf in float16 or mixed precision",
    "16 bits cannot hold the numbers.",
        "Compute the loss in float32.", NUMERICS + "#half-precision"),
    Row("rounded-away", "warning", "the loss does not go below a floor for large targets",
    "The rounding of the targets is as large as the errors.",
        "Subtract the mean of the targets, and scale.", NUMERICS + "#what-a-type-can-hold"),
    # --- models
    Row("dead-gradient", "error", "the loss does not change at all; the slope is exactly 0",
    "The gradient is 0 from some layer on.",
        "Mend that layer.", TRAINING + "#when-a-slope-is-0"),
    Row("no-gradient", "error", "No gradients provided for any variable",
    "An operation without a derivative cuts the model in two.",
        "Leave out rounding, argmax and NumPy between weights and loss.", TRAINING + "#when-a-slope-is-0"),
    Row("nan-gradient", "error", "the loss is NaN from step 2 on",
    "The gradient is NaN though the loss is finite.",
        "Guard roots, divisions and logarithms.", TRAINING + "#when-a-slope-is-0"),
    Row("frozen", "error", "the loss does not change; no trainable weights",
    "Nothing can be trained, or the rate is 0.",
        "Set trainable, or a rate above 0.", TRAINING + "#training-twice"),
    Row("logits-hidden", "warning",
    "the loss is stuck near 16 after Flatten or Reshape; the gradient is 0 for some rows",
        "An operation between the last activation and the loss hides the logits: Keras clips.",
        "End the model in scores, and set from_logits=True.", NUMERICS + "#dead-gradients"),
    Row("refused", "error", "fit raises an error", "Keras refuses the batch.",
    "Read its words: they name shapes or types.", SCALAR + BREAKS),
    Row("narrow-output", "warning", "accuracy stalls under mixed precision; NaN",
    "The last layer computes in 16 bits.",
        "Give the last layer dtype='float32'.", NUMERICS + "#half-precision"),
    Row("regularisation", "note", "fit's loss is larger than the loss by hand",
    "The reported loss holds the penalties of the layers.",
        "Report the loss as a metric, too.", LOSS + "#loss-cost-objective-metric"),
    Row("class-weight", "error", "class_weight is refused, or weighs by the wrong class",
    "class_weight works on one label a sample.",
        "Pass sample_weight.", SCALAR + "#every-divisor-side-by-side"),
    Row("outputs-mismatch", "error", "several outputs: losses, weights and labels do not pair up",
    "Names or counts differ.",
        "Name them all in one dictionary.", LOSS + "#loss-cost-objective-metric"),
    Row("loss-as-metric", "warning", "the metric differs from the loss, and from evaluate",
    "A loss object gives means of batches; the metric then takes their mean.",
        "Use the class in keras.metrics.", LOSS + "#loss-cost-objective-metric"),
    Row("first-loss", "warning", "what should the loss be at the first step",
    "It is far above what no information costs.",
        "Scale inputs and targets, and start from the prior.", LOSS + "#three-decisions",
        ((math.log(2), "log 2: two classes, no information"), (lambda k: math.log(k),
        "log K: K classes, no information"),
         (0.25, "the squared error of 0.5 for labels 0 and 1"), (0.5,
         "the absolute error of 0.5 for labels 0 and 1"))),
    # --- histories
    Row("nan-at-epoch", "error", "the loss becomes NaN during training",
    "A step was too large, or the data have NaN.",
        "Lower the rate, clip the gradient, check the data.", TRAINING + "#the-size-of-a-step",
        ((math.nan, "a step too large"),)),
    Row("stuck", "warning", "the loss does not go down; stuck at 0.693 or log K",
    "The model has not learned anything beyond the base rate.",
        "Check labels, last layer, rate.", TRAINING + "#when-a-slope-is-0",
        ((math.log(2), "log 2: stuck at chance, two classes"), (lambda k: math.log(k),
        "log K: stuck at chance"))),
    Row("above-validation", "note", "the training loss is above the validation loss",
    "A running mean over the epoch, dropout, penalties: often honest.",
        "Compare with evaluate on the training data.", TRAINING + "#training-twice"),
    Row("negative-loss", "warning", "the loss is negative",
    "Labels or predictions are out of range, or the loss has no bound at 0.",
        "Check the ranges.", "losses/binary_crossentropy.ipynb" + BREAKS),
    Row("growing", "warning", "the loss goes up", "The rate is too large, or the sign is wrong.",
    "Lower the rate.",
        TRAINING + "#the-size-of-a-step"),
    # --- told by number or symptom alone
    Row("scales-with-batch", "note", "the loss doubles with the batch size", "The reduction is a sum.",
        "Use sum_over_batch_size.", SCALAR + "#every-divisor-side-by-side"),
    Row("fit-not-evaluate", "note", "fit and evaluate give different losses on the same data",
    "fit averages over an epoch of changing weights, with dropout.",
        "Compare evaluate with evaluate.", TRAINING + "#training-twice"),
    Row("epoch-not-last-batch", "note", "the loss of the epoch is not that of the last batch",
    "Keras shows the running mean of the epoch.",
        "Use a callback's own mean, or evaluate.", TRAINING + "#training-twice"),
]  # fmt: skip

ROWS = {row.code: row for row in _ROWS}
"""The rows by code, in the order of the page."""


# --- told by a number -----------------------------------------------------------------------


@dataclass(frozen=True)
class Match:
    """One row that gives the number.

    Attributes
    ----------
    row : Row
        The row of the clinic.
    value : float
        The number it gives.
    formula : str
        Where that comes from.
    """

    row: Row
    value: float
    formula: str


class Fingerprint(tuple):
    """The matches of a number; prints and displays as a table."""

    _headers = ("value", "formula", "code", "cause", "what to do")

    def _cells(self):
        return [[format_number(m.value), m.formula, m.row.code, m.row.cause, m.row.mend] for m in self]

    def __repr__(self):
        if not self:
            return "No row of the clinic gives this number."
        return text_table(self._headers, self._cells())

    def _repr_html_(self):
        table = html_table(self._headers, self._cells())
        return html_block(table if self else Html(f"<p>{self!r}</p>"))


def fingerprint(number, classes=None, batch=None):
    """Tell a loss by its number: which row of the clinic gives it.

    Parameters
    ----------
    number : float or str
        The loss as it was shown. A text such as ``"0.693"`` says how many digits are known;
        of a float those of its shortest form count.
    classes : int, optional
        The number of classes K. Without it the usual ones are tried: 2 to 10, 20, 100 and 1000.
    batch : int, optional
        The size of the batch: then sums over the batch are told, too.

    Returns
    -------
    Fingerprint
        Matches, the nearest first; empty where there is none.

    Raises
    ------
    ValueError
        If the text is no number.

    Examples
    --------
    >>> [match.row.code for match in fingerprint(0.3133)]
    ['probabilities-as-logits', 'squashed-twice']
    >>> fingerprint(0.1234)
    No row of the clinic gives this number.
    """
    value, slack = known_to(number)
    found = []
    for row in ROWS.values():
        for mark, formula in row.numbers:
            for candidate, said in _spelled(mark, formula, classes):
                found += _matches(row, value, slack, candidate, said, batch)
    if value < 0:
        found.append(Match(ROWS["negative-loss"], value, "below 0"))
    return Fingerprint(sorted(found, key=lambda match: abs(match.value - value)))


def _matches(row, value, slack, candidate, said, batch):
    if candidate == value or math.isnan(candidate) and math.isnan(value) or _near(candidate, value, slack):
        yield Match(row, candidate, said)
    elif batch and batch > 1 and candidate and _near(candidate * batch, value, slack):
        yield Match(ROWS["scales-with-batch"], candidate * batch, f"{batch} times {said}")


def _near(candidate, value, slack):
    return math.isfinite(candidate) and abs(candidate - value) <= max(slack, 2e-6 * abs(candidate))


def _spelled(mark, formula, classes):
    if not callable(mark):
        return [(mark, formula)]
    usual = [*range(3, 11), 20, 100, 1000] if classes is None else [classes]
    return [(mark(k), f"{formula}, K = {k}") for k in usual]


def known_to(number):
    """Return a number and half a unit in its last known digit.

    Examples
    --------
    >>> known_to("0.693"), known_to(16.118)
    ((0.693, 0.0005), (16.118, 0.0005))
    """
    text = number.strip() if isinstance(number, str) else repr(float(number))
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"Received {number!r}; expected a number such as 0.6931 or 'nan'.") from None
    if not math.isfinite(value):
        return value, 0.0
    mantissa, _, exponent = text.lower().partition("e")
    decimals = (
        len(mantissa.partition(".")[2]) if not mantissa.endswith(".0") or isinstance(number, str) else 0
    )
    return value, 0.5 * 10.0 ** (int(exponent or 0) - decimals) if value else 0.0
