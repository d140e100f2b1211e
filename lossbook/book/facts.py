"""What to know of each loss beside its formula: range, best constant, labels, last layer, and one trap.

The formulas are in the catalogue (:mod:`lossbook.registry`). The facts here are words, and
``tests/test_facts.py`` tries each of them: the range on random data and at the best
prediction, the best constant on random targets, the trap by running its row of the known
differences. The cheat sheet of the book is made from both. Nothing here is loaded by
``import lossbook``.
"""

from dataclasses import dataclass

__all__ = ["FACTS", "Facts", "card"]


@dataclass(frozen=True)
class Facts:
    """The facts about one loss, at its default settings where they matter.

    Attributes
    ----------
    low : str
        The lowest value for usual data: a number, ``"inf"``, or ``"1 / q"``.
    high : str
        The highest value. Where probabilities are clipped (see ``lossbook.EPSILON``), the value
        without the clip.
    minimiser : str
        The prediction that costs least, if it has to be the same for every sample.
    labels : str
        What ``y_true`` holds.
    output : str
        What the last layer of the model gives.
    trap : str
        The one surprise to know.
    proof : str
        The row of :data:`lossbook.book.differences.DIFFERENCES` that shows the trap, by its id.
    """

    low: str
    high: str
    minimiser: str
    labels: str
    output: str
    trap: str
    proof: str


def _without_type(parameter):
    return str(parameter.replace(annotation=parameter.empty)).replace(" = ", "=")


def card(spec, facts):
    """Write all about one loss as Markdown, with formulas between dollar signs.

    Parameters
    ----------
    spec : lossbook.registry.LossSpec
        The loss, as the catalogue knows it.
    facts : Facts
        What to know of it.

    Returns
    -------
    str
        A block quote: name, formula, slope, facts. The name links to the chapter, as seen
        from a page in a folder beside the chapters'.

    Examples
    --------
    >>> from lossbook.registry import CATALOGUE
    >>> print(card(CATALOGUE["dice"], FACTS["dice"]).splitlines()[0])
    > **[Dice](../losses/dice.ipynb)** · `dice(y_true, y_pred, axis=None)`
    """
    signature = ", ".join(["y_true, y_pred", *(_without_type(p) for p in spec.parameters.values())])
    lines = [
        f"**[{spec.cls.__name__}](../losses/{spec.name}.ipynb)** · `{spec.name}({signature})`",
        _display(spec.formula),
        _display(spec.gradient_formula),
        f"**Range** {_number(facts.low)} to {_number(facts.high)}. "
        f"**Best constant** {facts.minimiser}. "
        f"**Labels** {facts.labels}. "
        f"**Last layer** {facts.output}.",
        f"**Trap** {facts.trap}",
    ]
    return "\n>\n".join(f"> {line}" for line in lines)


def _display(formula):
    """Set a formula on a line of its own, and each of its parts on one, where it has several."""
    parts = [part.strip(" ,").removesuffix(r"\quad") for part in formula.split(r"\qquad")]
    if len(parts) == 1:
        return f"$${formula}$$"
    return r"$$\begin{gathered}" + r" \\ ".join(parts) + r"\end{gathered}$$"


def _number(text):
    return text.replace("inf", "∞").replace("-", "−")


_NUMBERS = "numbers, shape (N, D)"
_CLASS_NUMBERS = "class numbers from 0, shape (N,)"
_ONE_HOT = "one-hot rows or shares, shape (N, K)"
_LINEAR = "linear"
_SIGMOID = "sigmoid; or linear, with from_logits=True"
_SOFTMAX = "softmax; or linear, with from_logits=True"

FACTS = {
    "mean_squared_error": Facts(
        low="0",
        high="inf",
        minimiser="the mean",
        labels=_NUMBERS,
        output=_LINEAR,
        trap="One outlier rules: the pull grows with the miss, without end.",
        proof="one_outlier_rules_slope",
    ),
    "mean_absolute_error": Facts(
        low="0",
        high="inf",
        minimiser="a median",
        labels=_NUMBERS,
        output=_LINEAR,
        trap="The pull never fades: the smallest miss pulls as hard as the largest.",
        proof="the_pull_never_fades_slope",
    ),
    "quantile": Facts(
        low="0",
        high="inf",
        minimiser="the quantile of that share",
        labels=_NUMBERS,
        output=_LINEAR,
        trap="Keras has no such loss: it takes three lines of keras.ops.",
        proof="no_quantile_loss",
    ),
    "mean_absolute_percentage_error": Facts(
        low="0",
        high="inf",
        minimiser="a median in which small targets weigh more, by 1/y",
        labels="amounts, none of them 0",
        output=_LINEAR,
        trap="A target of 0 is charged a thousand million per cent for each unit.",
        proof="a_target_of_0",
    ),
    "mean_squared_logarithmic_error": Facts(
        low="0",
        high="inf",
        minimiser="the geometric mean of 1 + y, less 1",
        labels="amounts, 0 or more",
        output="softplus or exponential, so that it stays above 0",
        trap="A prediction below 0 has no slope, and cannot correct itself.",
        proof="a_prediction_below_the_floor_slope",
    ),
    "huber": Facts(
        low="0",
        high="inf",
        minimiser="the median for a small delta, the mean for a large one",
        labels=_NUMBERS,
        output=_LINEAR,
        trap="delta has the unit of the data: if all misses exceed it, all pull alike.",
        proof="all_misses_beyond_delta_slope",
    ),
    "log_cosh": Facts(
        low="0",
        high="inf",
        minimiser="the mean of targets close together, the median of targets far apart",
        labels="numbers in a unit in which a usual miss is about 1",
        output=_LINEAR,
        trap="In float32, Keras rounds a miss of 1/10000 to no loss at all.",
        proof="a_small_miss_in_float32",
    ),
    "binary_crossentropy": Facts(
        low="0",
        high="inf",
        minimiser="the share of ones",
        labels="0 or 1, or a share; the shape of the predictions",
        output=_SIGMOID,
        trap="A probability that is certain and wrong has no slope: pass logits.",
        proof="certain_and_wrong_slope",
    ),
    "categorical_crossentropy": Facts(
        low="0",
        high="inf",
        minimiser="the shares of the classes",
        labels=_ONE_HOT,
        output=_SOFTMAX,
        trap="Each row is divided by its sum, so scores in place of probabilities go unnoticed.",
        proof="logits_passed_as_probabilities",
    ),
    "sparse_categorical_crossentropy": Facts(
        low="0",
        high="inf",
        minimiser="the shares of the classes",
        labels=_CLASS_NUMBERS,
        output=_SOFTMAX,
        trap="From probabilities, a perfect answer among very many classes is not free.",
        proof="certain_and_right_among_50257_classes",
    ),
    "categorical_generalized_cross_entropy": Facts(
        low="0",
        high="1 / q",
        minimiser="the shares to the power 1/(1 - q), made to sum to 1",
        labels=_CLASS_NUMBERS,
        output="softmax; it takes no logits",
        trap="Keras 3.15.1 broadcasts labels of shape (N, 1) to N × N: pass (N,).",
        proof="class_numbers_in_a_column",
    ),
    "kl_divergence": Facts(
        low="0",
        high="inf",
        minimiser="the mean of the distributions",
        labels="distributions, shape (N, K)",
        output="softmax; it takes no logits",
        trap="Rows that do not sum to 1 can cost less than nothing.",
        proof="rows_that_are_not_distributions",
    ),
    "poisson": Facts(
        low="-inf",
        high="inf",
        minimiser="the mean",
        labels="counts, 0 or more",
        output="exponential or softplus: a rate above 0, not its logarithm",
        trap="The best value is not 0 but y - y log y, often below 0.",
        proof="a_perfect_rate",
    ),
    "binary_focal_crossentropy": Facts(
        low="0",
        high="inf",
        minimiser="the share of ones, pulled towards one half",
        labels="0 or 1; the shape of the predictions",
        output=_SIGMOID,
        trap="alpha does nothing without apply_class_balancing=True.",
        proof="alpha_without_apply_class_balancing",
    ),
    "categorical_focal_crossentropy": Facts(
        low="0",
        high="inf",
        minimiser="the shares of the classes, pulled towards equal ones",
        labels=_ONE_HOT,
        output=_SOFTMAX,
        trap="alpha always counts: at gamma 0 it is a quarter of cross-entropy.",
        proof="gamma_of_0",
    ),
    "hinge": Facts(
        low="0",
        high="inf",
        minimiser="the more frequent side, -1 or 1",
        labels="-1 or 1 (a batch of 0 and 1 alone is converted)",
        output="linear: a score of either sign",
        trap="Probabilities in place of scores: with the label -1, none costs less than 1.",
        proof="probabilities_in_place_of_scores",
    ),
    "squared_hinge": Facts(
        low="0",
        high="inf",
        minimiser="the mean of the labels -1 and 1",
        labels="-1 or 1 (a batch of 0 and 1 alone is converted)",
        output="linear: a score of either sign",
        trap="A 0 beside labels -1 and 1 stays 0, and costs 1 whatever the score.",
        proof="labels_of_minus_1_0_and_1",
    ),
    "categorical_hinge": Facts(
        low="0",
        high="inf",
        minimiser="a lead of 1 for the class that more than half have; without one, no lead",
        labels="one-hot rows, shape (N, K)",
        output="linear: a score for each class",
        trap="A lead of 1 is not enough: the true score itself must reach 1.",
        proof="a_wide_lead",
    ),
    "dice": Facts(
        low="0",
        high="1",
        minimiser="1 everywhere",
        labels="masks of 0 and 1; the shape of the predictions",
        output="sigmoid; it takes no logits",
        trap="An empty mask costs 1, even when predicted perfectly.",
        proof="an_empty_mask_predicted_empty",
    ),
    "tversky": Facts(
        low="0",
        high="1",
        minimiser="1 everywhere",
        labels="masks of 0 and 1; the shape of the predictions",
        output="sigmoid; it takes no logits",
        trap="Keras 3.15.1 swaps alpha (false alarms) and beta (misses).",
        proof="tversky_swaps_alpha_and_beta",
    ),
    "cosine_similarity": Facts(
        low="-1",
        high="1",
        minimiser="the sum of the targets' unit vectors, at any length",
        labels="vectors, none of them 0, shape (N, D)",
        output=_LINEAR,
        trap="The best value is -1, and length does not count.",
        proof="the_best_value_is_minus_1",
    ),
    "circle": Facts(
        low="0",
        high="inf",
        minimiser="none: each class wants a place of its own",
        labels="class numbers, shape (N,); two or more samples of a class",
        output="linear, then divided by its length",
        trap="A sample without a second of its class costs 0 and is left out of the mean.",
        proof="samples_without_a_second_of_their_kind",
    ),
    "ctc": Facts(
        low="0",
        high="inf",
        minimiser="in a single frame, the shares of the symbols",
        labels="symbol numbers from 1, padded with 0, shape (N, L)",
        output="linear: logits of shape (N, T, K), one frame after the other",
        trap="0 is the blank and the padding: a 0 inside a label cuts off its end.",
        proof="a_0_inside_a_label",
    ),
}
"""The facts by the name of the loss, in the order of the catalogue."""
