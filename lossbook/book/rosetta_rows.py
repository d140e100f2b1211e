"""The rows of Rosetta: small data, what Keras makes of them, and the same in five libraries.

Each line of code is run by :mod:`lossbook.book.rosetta`, where the library is installed.
"""

from dataclasses import dataclass

import numpy as np

from lossbook.registry import CATALOGUE

__all__ = ["BATCHES", "KERAS", "LACKS", "LIBRARIES", "ROWS", "TOLERANCE", "Row", "Trap", "find"]

LIBRARIES = {
    "PyTorch": ("torch",),
    "Optax": ("optax", "jax"),
    "scikit-learn": ("sklearn", "scipy"),
    "XGBoost": ("xgboost",),
    "LightGBM": ("lightgbm",),
}
"""The libraries, and the packages that each of them needs."""

TOLERANCE = {"PyTorch": 1e-10, "Optax": 1e-10, "scikit-learn": 1e-10, "XGBoost": 2e-5, "LightGBM": 2e-5}
"""How near two numbers have to be, by library. Boosters keep labels and scores in float32."""


# --- data -------------------------------------------------------------------------------------------

_HOT = np.eye(3)[[0, 1, 2, 0, 2, 1]]
_SHARES = np.array([[70, 20, 10], [15, 80, 5], [25, 30, 45], [90, 5, 5], [35, 25, 40], [50, 30, 20]]) / 100
_CHANCES = np.array([[0.9], [0.2], [0.6], [0.3], [0.4], [0.05]])
_RATES = np.array([[1.5], [0.5], [4.0], [2.0]])

BATCHES = {
    "minutes": {  # four waits, their forecasts, and how many people stood in each queue
        "y": np.array([[5.0], [12.0], [20.0], [8.0]]),
        "p": np.array([[6.0], [9.5], [20.5], [14.0]]),
        "w": np.array([1.0, 1.0, 4.0, 2.0]),
    },
    "kilograms": {
        "y": np.array([[0.5], [2.0], [4.0], [0.25]]),
        "p": np.array([[0.75], [1.5], [5.0], [0.5]]),
    },
    "calls": {  # calls an hour, and the rates that were forecast; z is the logarithm of a rate
        "y": np.array([[2.0], [0.0], [5.0], [1.0]]),
        "p": _RATES,
        "z": np.log(_RATES),
    },
    "answers": {  # yes or no, with probabilities and their logits
        "y": np.array([[1.0], [0.0], [1.0], [0.0], [1.0], [0.0]]),
        "p": _CHANCES,
        "z": np.log(_CHANCES / (1 - _CHANCES)),
    },
    "penguins": {  # six birds of three species: one-hot, as numbers, probabilities, logits
        "y": _HOT,
        "c": _HOT.argmax(axis=-1),
        "p": _SHARES,
        "z": np.log(_SHARES) + np.array([[1.0], [0.5], [-1.0], [2.0], [0.0], [-0.5]]),
        "w": np.array([1.0, 2.0, 5.0]),  # of a species
    },
    "diets": {  # shares of fish, krill and squid, and what was forecast
        "y": np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.25, 0.25, 0.5]]),
        "p": np.array([[0.4, 0.4, 0.2], [0.2, 0.5, 0.3], [0.3, 0.2, 0.5]]),
    },
    "sides": {  # -1 or 1, and scores
        "y": np.array([[1.0], [-1.0], [1.0], [-1.0]]),
        "p": np.array([[2.0], [-0.5], [-0.3], [0.4]]),
    },
    "scores": {  # one-hot, as numbers, and scores of three classes
        "y": np.eye(3)[[0, 1, 2, 0]],
        "c": np.array([0, 1, 2, 0]),
        "p": np.array([[0.2, -1.0, -2.0], [0.5, 1.2, 0.1], [0.3, 0.9, 0.4], [3.0, 0.5, 0.25]]),
    },
    "vectors": {
        "y": np.array([[1.0, 0.0], [0.6, 0.8], [-1.0, 1.0]]),
        "p": np.array([[2.0, 1.0], [0.5, 1.0], [1.0, 3.0]]),
    },
    "embeddings": {  # class numbers, and vectors of length 1
        "c": np.array([0, 0, 1, 1]),
        "p": np.array([[0.6, 0.8], [0.8, 0.6], [-0.6, 0.8], [0.28, 0.96]]),
    },
    "masks": {  # two pictures of four pixels
        "y": np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]),
        "p": np.array([[0.9, 0.6, 0.2, 0.1], [0.3, 0.8, 0.1, 0.0]]),
    },
    "frames": {  # two labels padded with 0, and logits of a blank and two symbols in four frames
        "y": np.array([[1, 2], [2, 0]]),
        "z": np.array([
            [[0.1, 1.2, -0.3], [0.7, 0.4, 0.2], [0.3, -0.6, 1.5], [1.1, 0.0, 0.4]],
            [[0.9, -0.2, 0.5], [0.2, 0.1, 1.4], [1.3, -0.4, 0.6], [0.8, 0.3, -0.1]],
        ]),
    },
}  # fmt: skip
"""Small data by name. ``y`` and ``p`` are labels and predictions, ``c`` class numbers, ``z`` logits."""

KERAS = {
    "mean_squared_error": ("minutes", "y", "p", {}),
    "mean_absolute_error": ("minutes", "y", "p", {}),
    "quantile": ("minutes", "y", "p", {"quantile": 0.9}),
    "mean_absolute_percentage_error": ("kilograms", "y", "p", {}),
    "mean_squared_logarithmic_error": ("kilograms", "y", "p", {}),
    "huber": ("minutes", "y", "p", {"delta": 2.0}),
    "log_cosh": ("minutes", "y", "p", {}),
    "binary_crossentropy": ("answers", "y", "z", {"from_logits": True}),
    "categorical_crossentropy": ("penguins", "y", "z", {"from_logits": True}),
    "sparse_categorical_crossentropy": ("penguins", "c", "z", {"from_logits": True}),
    "categorical_generalized_cross_entropy": ("penguins", "c", "p", {"q": 0.5}),
    "kl_divergence": ("diets", "y", "p", {}),
    "poisson": ("calls", "y", "p", {}),
    "binary_focal_crossentropy": ("answers", "y", "z", {"from_logits": True}),
    "categorical_focal_crossentropy": ("penguins", "y", "z", {"from_logits": True}),
    "hinge": ("sides", "y", "p", {}),
    "squared_hinge": ("sides", "y", "p", {}),
    "categorical_hinge": ("scores", "y", "p", {}),
    "dice": ("masks", "y", "p", {}),
    "tversky": ("masks", "y", "p", {}),
    "cosine_similarity": ("vectors", "y", "p", {}),
    "circle": ("embeddings", "c", "p", {}),
    "ctc": ("frames", "y", "z", {}),
}
"""What every library is held against, by loss. Data, the names of labels and predictions, settings."""


# --- rows -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trap:
    """A call that looks right and gives another number.

    Attributes
    ----------
    code : str
        The call, in the library's words.
    gives : str
        The same number in NumPy, ``keras`` being Keras's; or the name of an error.
    says : str
        What happens, in a sentence.
    """

    code: str
    gives: str
    says: str


@dataclass(frozen=True)
class Row:
    """One loss in one library.

    Attributes
    ----------
    loss, library : str
        A name of the catalogue, and a key of :data:`LIBRARIES`.
    code : str
        What gives Keras's number; empty where nothing does.
    change : str
        What was to be changed on the way from Keras, in a few words.
    traps : tuple of Trap
        What looks right beside it.
    own : bool
        Whether the library has the loss, and it need not be written by hand.
    slopes : str
        For a booster, what gives gradient and hessian in the raw score.
    gradient : str
        Keras's gradient, from the booster's ``g``.
    hessian : str
        What the booster's hessian is, in NumPy.
    slack : float
        Where it comes less near than other rows of its library.
    """

    loss: str
    library: str
    code: str
    change: str = ""
    traps: tuple = ()
    own: bool = True
    slopes: str = ""
    gradient: str = ""
    hessian: str = ""
    slack: float = 0.0

    @property
    def tolerance(self):
        """How near its number comes to Keras's, relative to the larger."""
        return max(self.slack, TOLERANCE[self.library])


ROWS = []
"""Every :class:`Row`, library by library in the order of the catalogue."""

# fmt: off
# A table: a row takes as few lines as it needs.

def _has(library, loss, code, change="", *traps, **more):
    ROWS.append(Row(loss, library, code, change, traps, **more))


_MEAN = "a value for each entry: .mean()"
_RIVAL = "np.maximum(np.where(y == 1, -np.inf, p + 1).max(-1) - (y * p).sum(-1), 0).mean()"
_SECOND_SIGMOID = (
    "np.mean(np.log1p(np.exp(p)) - y * p)",
    "Probabilities are taken for logits: a second sigmoid.",
)
_NO_LOGARITHMS = "(y * (np.log(y) - p)).sum(-1).mean()", "Probabilities are taken for logarithms."
_LEAF = "leaves are set to a quantile of the residuals afterwards, so g is not what moves them"

# --- PyTorch

_has("PyTorch", "mean_squared_error", "nn.MSELoss()(p, y)", "predictions first",
     Trap("nn.MSELoss()(p, y[:, 0])", "((p - y[:, 0]) ** 2).mean()",
          "Shapes (N, 1) and (N,) broadcast to N × N, with a warning."))
_has("PyTorch", "mean_absolute_error", "nn.L1Loss()(p, y)", "predictions first",
     Trap("nn.SmoothL1Loss()(p, y)", "lossbook.huber(y, p).mean()",
          "SmoothL1Loss is Huber's loss, whatever its name says."))
_has("PyTorch", "huber", "nn.HuberLoss(delta=2.0)(p, y)", "predictions first",
     Trap("nn.SmoothL1Loss(beta=2.0)(p, y)", "keras / 2",
          "SmoothL1Loss is Huber's loss divided by beta; the two agree at 1 alone."))
_has("PyTorch", "binary_crossentropy", "nn.BCEWithLogitsLoss()(z, y)", "predictions first",
     Trap("nn.BCEWithLogitsLoss()(p, y)", *_SECOND_SIGMOID),
     Trap("nn.BCELoss()(y, p)", "np.mean(np.where(y == 1, 100 * (1 - p), 100 * p))",
          "In Keras's order: labels are taken for predictions, and their logarithms stop at -100."),
     Trap("nn.BCELoss()(torch.zeros(1), torch.ones(1))", "100",
          "Certain and wrong costs 100 here and 16.118 in Keras, which clips at 1e-7."),
     Trap("nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.0))(z, y)",
          "(np.where(y == 1, 2, 1) * lossbook.binary_crossentropy(y, z, from_logits=True)[:, None]).mean()",
          "pos_weight multiplies the cost of a yes and divides by N, as Keras's class_weight does."))
_has("PyTorch", "categorical_crossentropy", "nn.CrossEntropyLoss()(z, y)", "predictions first, logits",
     Trap("nn.CrossEntropyLoss()(p, y)", "-(y * lossbook.log_softmax(p)).sum(-1).mean()",
          "Probabilities are taken for logits: a second softmax, and no error."),
     Trap("nn.CrossEntropyLoss()(y, p)", "-(p * lossbook.log_softmax(y)).sum(-1).mean()",
          "In Keras's order: labels are taken for logits, probabilities for soft labels."),
     Trap("nn.CrossEntropyLoss(weight=w)(z, y)", "-(w * y * np.log(p)).sum() / len(y)",
          "With one-hot labels, weights divide by N; with class numbers by their sum."))
_has("PyTorch", "sparse_categorical_crossentropy", "nn.CrossEntropyLoss()(z, c)", "predictions first, logits",
     Trap("nn.NLLLoss()(p, c)", "-p[np.arange(6), c].mean()",
          "NLLLoss takes logarithms: with probabilities it is minus their mean, and below 0."),
     Trap("nn.CrossEntropyLoss(weight=w)(z, c)", "-(w[c] * np.log(p[np.arange(6), c])).sum() / w[c].sum()",
          "Divided by the sum of the weights; Keras's class_weight divides by N."),
     Trap("nn.CrossEntropyLoss(ignore_index=2)(z, c)",
          "lossbook.SparseCategoricalCrossentropy(True, ignore_class=2)(c, z)",
          "What is ignored leaves the divisor, as with Keras's ignore_class in the class form."),
     Trap("nn.CrossEntropyLoss()(z.reshape(2, 3, 3), c.reshape(2, 3))",
          "-np.take_along_axis(lossbook.log_softmax(z.reshape(2, 3, 3), axis=1), "
          "c.reshape(2, 1, 3), axis=1).mean()",
          "The classes stand on axis 1, not on the last one: with as many steps as classes, no error."))
_has("PyTorch", "kl_divergence", 'nn.KLDivLoss(reduction="batchmean")(p.log(), y)',
     "predictions first, as logarithms; batchmean",
     Trap("nn.KLDivLoss()(p.log(), y)", "keras / 3",
          "The default divides by the number of entries, here 3 a row."),
     Trap('nn.KLDivLoss(reduction="batchmean")(p, y)', *_NO_LOGARITHMS),
     Trap('nn.KLDivLoss(reduction="batchmean")(y.log(), p)', "lossbook.kl_divergence(p, y).mean()",
          "In Keras's order: the other divergence."))
_has("PyTorch", "poisson", "nn.PoissonNLLLoss(log_input=False, eps=1e-7)(p, y)",
     "predictions first; log_input=False, eps",
     Trap("nn.PoissonNLLLoss()(p, y)", "(np.exp(p) - y * p).mean()",
          "The default takes the prediction for the logarithm of the rate."),
     Trap("nn.PoissonNLLLoss(log_input=False, eps=1e-7, full=True)(p, y)",
          "keras + np.where(y > 1, y * np.log(np.maximum(y, 1)) - y "
          "+ np.log(2 * np.pi * np.maximum(y, 1)) / 2, 0).mean()",
          "full=True adds Stirling's log y!, 0 for counts of 0 and 1."))
_has("PyTorch", "cosine_similarity", "-F.cosine_similarity(p, y, dim=-1).mean()", "the sign; dim=-1",
     Trap("nn.CosineEmbeddingLoss()(p, y, torch.ones(3))", "1 + keras",
          "CosineEmbeddingLoss is 1 minus the cosine, with a third argument, 1 for alike."),
     Trap("-F.cosine_similarity(p[None], y[None]).mean()",
          "-((y * p).sum(0) / np.sqrt((y**2).sum(0) * (p**2).sum(0))).mean()",
          "The default is axis 1, and not the last one."))
_has("PyTorch", "ctc",
     'lengths = torch.full((2,), 4), (y != 0).sum(-1)\n'
     'nn.CTCLoss(reduction="none")(z.log_softmax(-1).transpose(0, 1), y, *lengths).mean()',
     "frames first, logarithms, lengths; reduction",
     Trap("nn.CTCLoss()(z.log_softmax(-1).transpose(0, 1), y, torch.full((2,), 4), (y != 0).sum(-1))",
          "(lossbook.ctc(y, z) / (y != 0).sum(-1)).mean()",
          "The default mean divides each loss by the length of its label first."))

# --- Optax

_has("Optax", "mean_squared_error", "optax.squared_error(p, y).mean()", _MEAN,
     Trap("optax.l2_loss(p, y).mean()", "keras / 2", "l2_loss is half the square."))
_has("Optax", "huber", "optax.huber_loss(p, y, delta=2.0).mean()", _MEAN,
     Trap("optax.huber_loss(p, y[:, 0]).mean()", "np.where(abs(p - y[:, 0]) <= 1, (p - y[:, 0]) ** 2 / 2, "
          "abs(p - y[:, 0]) - 0.5).mean()", "Shapes (N, 1) and (N,) broadcast to N × N, without a word."))
_has("Optax", "log_cosh", "optax.log_cosh(p, y).mean()", _MEAN)
_has("Optax", "binary_crossentropy", "optax.sigmoid_binary_cross_entropy(z, y).mean()", _MEAN,
     Trap("optax.sigmoid_binary_cross_entropy(p, y).mean()", *_SECOND_SIGMOID),
     Trap("optax.sigmoid_binary_cross_entropy(y, z).mean()", "np.mean(np.log1p(np.exp(y)) - y * z)",
          "In Keras's order: labels for logits, logits for labels, and no error."))
_has("Optax", "categorical_crossentropy", "optax.softmax_cross_entropy(z, y).mean()", "logits first; .mean()",
     Trap("optax.softmax_cross_entropy(p, y).mean()", "-(y * lossbook.log_softmax(p)).sum(-1).mean()",
          "Probabilities are taken for logits: a second softmax."),
     Trap("optax.softmax_cross_entropy(y, z).mean()", "-(z * lossbook.log_softmax(y)).sum(-1).mean()",
          "In Keras's order: labels for logits, logits for labels, and no error."))
_has("Optax", "sparse_categorical_crossentropy",
     "optax.softmax_cross_entropy_with_integer_labels(z, c).mean()", "logits first; .mean()",
     Trap("optax.softmax_cross_entropy_with_integer_labels(p, c).mean()",
          "-lossbook.log_softmax(p)[np.arange(6), c].mean()",
          "Probabilities are taken for logits: a second softmax."))
_has("Optax", "kl_divergence", "optax.kl_divergence(jnp.log(p), y).mean()",
     "predictions first, as logarithms; .mean()",
     Trap("optax.kl_divergence(p, y).mean()", *_NO_LOGARITHMS))
_has("Optax", "binary_focal_crossentropy", "optax.sigmoid_focal_loss(z, y).mean()", _MEAN,
     Trap("optax.sigmoid_focal_loss(z, y, alpha=0.25).mean()",
          "lossbook.BinaryFocalCrossentropy(apply_class_balancing=True, from_logits=True)(y, z)",
          "alpha is Keras's with apply_class_balancing=True, which is off by default in both."))
_has("Optax", "hinge", "optax.hinge_loss(p, y).mean()", "labels -1 and 1; .mean()",
     Trap("optax.hinge_loss(p, (y + 1) / 2).mean()", "np.maximum(1 - (y + 1) / 2 * p, 0).mean()",
          "Labels 0 and 1 are not turned into -1 and 1: a label of 0 costs 1 whatever is said."))
_has("Optax", "cosine_similarity", "-optax.cosine_similarity(p, y).mean()", "the sign; .mean()",
     Trap("optax.cosine_distance(p, y).mean()", "1 + keras", "cosine_distance is 1 minus the cosine."))
_has("Optax", "ctc", "no_padding = jnp.zeros(z.shape[:2])\noptax.ctc_loss(z, no_padding, y, y == 0).mean()",
     "logits first, two paddings; .mean()")

# --- scikit-learn, and SciPy, which it brings along

_has("scikit-learn", "mean_squared_error", "mean_squared_error(y, p)", "",
     Trap("mean_squared_error(y, p, sample_weight=w)", "(w[:, None] * (y - p) ** 2).sum() / w.sum()",
          "Divided by the sum of the weights; Keras's sample_weight divides by N."))
_has("scikit-learn", "mean_absolute_error", "mean_absolute_error(y, p)", "",
     Trap("median_absolute_error(y, p)", "np.median(abs(y - p))",
          "The median of the misses, next to it in the list."))
_has("scikit-learn", "quantile", "mean_pinball_loss(y, p, alpha=0.9)", "alpha",
     Trap("mean_pinball_loss(y, p)", "abs(y - p).mean() / 2", "alpha is 0.5 by default: half the MAE."))
_has("scikit-learn", "mean_absolute_percentage_error", "100 * mean_absolute_percentage_error(y, p)",
     "times 100",
     Trap("mean_absolute_percentage_error(y, p)", "keras / 100", "A fraction, not per cent."),
     Trap("mean_absolute_percentage_error([0.0], [1.0])", "1 / np.finfo(float).eps",
          "A target of 0 is lifted to 2.2e-16, in Keras to 1e-7: both numbers are huge, and differ."))
_has("scikit-learn", "mean_squared_logarithmic_error", "mean_squared_log_error(y, p)", "",
     Trap("root_mean_squared_log_error(y, p)", "np.sqrt(keras)", "Competitions quote the root."),
     Trap("mean_squared_log_error(y, -p)", "ValueError",
          "Negative numbers are refused; Keras lifts them to 1e-7."))
_has("scikit-learn", "huber", "scipy.special.huber(2.0, p - y).mean()", "SciPy's; delta first",
     Trap("scipy.special.pseudo_huber(2.0, p - y).mean()",
          "(4 * (np.sqrt(1 + ((p - y) / 2) ** 2) - 1)).mean()", "pseudo_huber is another, smooth function."))
_has("scikit-learn", "binary_crossentropy", "log_loss(y, p)", "probabilities",
     Trap("log_loss(y, z)", "ValueError", "Logits are refused: there is no from_logits."),
     Trap("log_loss([1, 0], [0.0, 0.1])", "-np.log([np.finfo(float).eps, 0.9]).mean()",
          "Clipped at 2.2e-16: certain and wrong costs 36.04 here, 16.118 in Keras."))
_has("scikit-learn", "categorical_crossentropy", "log_loss(y, p)", "probabilities",
     Trap("log_loss(y, p, normalize=False)", "6 * keras", "normalize=False is the sum."))
_has("scikit-learn", "sparse_categorical_crossentropy", "log_loss(c, p)", "probabilities",
     Trap('log_loss(np.array(["b", "c", "a"])[c], p)',
          "-np.log(p[np.arange(6), np.array([1, 2, 0])[c]]).mean()",
          "Columns belong to the labels in sorted order, not in the order of their appearance."),
     Trap("log_loss(c[:2], p[:2])", "ValueError",
          "A class that is absent from the labels: say labels=[0, 1, 2]."))
_has("scikit-learn", "kl_divergence", "scipy.special.rel_entr(y, p).sum(-1).mean()", "SciPy's; row sums",
     Trap("scipy.special.kl_div(y, p / 2).sum(-1).mean()", "keras + np.log(2) - 0.5",
          "kl_div adds p - y to each entry, which shows where rows do not sum to 1."))
_has("scikit-learn", "poisson",
     "mean_poisson_deviance(y, p) / 2 + (y - scipy.special.xlogy(y, y)).mean()",
     "half the deviance, and a constant of the labels",
     Trap("mean_poisson_deviance(y, p)", "2 * (keras - (y - y * np.log(np.maximum(y, 1))).mean())",
          "The deviance is 0 at its best, and twice as steep."), slack=1e-6)  # Keras: log(p + 1e-7)
_has("scikit-learn", "hinge", "hinge_loss(y[:, 0], p[:, 0])", "flat",
     Trap("hinge_loss(y[:, 0], np.sign(p[:, 0]))", "2 * np.mean(np.sign(p) != y)",
          "What predict returns has no margin: twice the share of errors. Use decision_function."))
_has("scikit-learn", "categorical_hinge", "", "",
     Trap("hinge_loss(c, p)", _RIVAL,
          "Crammer and Singer's: the best wrong score may be below 0, in Keras it counts as 0."), own=False)
_has("scikit-learn", "cosine_similarity", "paired_cosine_distances(y, p).mean() - 1", "minus 1",
     Trap("cosine_similarity(y, p).mean()", "((y / np.linalg.norm(y, axis=1)[:, None]) @ "
          "(p / np.linalg.norm(p, axis=1)[:, None]).T).mean()",
          "The function of that name compares each row with every row."))

# --- boosters: a metric for the value; gradient and hessian in the raw score, one sum over the rows

_has("XGBoost", "mean_squared_error", 'xgb_metric(y, p, "reg:squarederror", "rmse") ** 2', "the square",
     Trap('xgb_metric(y, p, "reg:squarederror", "rmse")', "np.sqrt(keras)", "The metric is the root."),
     slopes='xgb_slopes(y, p, "reg:squarederror")', gradient="2 * g / 4", hessian="1")
_has("XGBoost", "mean_absolute_error", 'xgb_metric(y, p, "reg:absoluteerror", "mae")', _LEAF)
_has("XGBoost", "quantile", 'xgb_metric(y, p, "reg:quantileerror", "quantile", quantile_alpha=0.9)', _LEAF)
_has("XGBoost", "mean_absolute_percentage_error", '100 * xgb_metric(y, p, "reg:absoluteerror", "mape")',
     "times 100; a metric, with no objective",
     Trap('xgb_metric(y, p, "reg:absoluteerror", "mape")', "keras / 100", "A fraction, not per cent."))
_has("XGBoost", "mean_squared_logarithmic_error",
     'xgb_metric(y, p, "reg:squaredlogerror", "rmsle") ** 2', "the square",
     Trap('xgb_metric(y, p, "reg:squaredlogerror", "rmsle")', "np.sqrt(keras)", "The metric is the root."),
     slopes='xgb_slopes(y, p, "reg:squaredlogerror")', gradient="2 * g / 4",
     hessian="np.maximum((1 - np.log1p(p) + np.log1p(y)) / (1 + p) ** 2, 1e-6)")
_has("XGBoost", "huber", "", "",
     Trap('xgb_metric(y, p, "reg:pseudohubererror", "mphe", huber_slope=2.0)',
          "(4 * (np.sqrt(1 + ((p - y) / 2) ** 2) - 1)).mean()",
          "reg:pseudohubererror is another, smooth function, near Huber's for large misses."), own=False)
_has("XGBoost", "binary_crossentropy", 'xgb_metric(y, z, "binary:logistic", "logloss")', "raw scores",
     slopes='xgb_slopes(y, z, "binary:logistic")', gradient="g / 6", hessian="p * (1 - p)")
_has("XGBoost", "sparse_categorical_crossentropy",
     'xgb_metric(c, z, "multi:softprob", "mlogloss", num_class=3)', "raw scores",
     slopes='xgb_slopes(c, z, "multi:softprob", num_class=3)', gradient="g / 6",
     hessian="2 * p * (1 - p)")
_has("XGBoost", "poisson",
     'xgb_metric(y, z, "count:poisson", "poisson-nloglik") - scipy.special.gammaln(y + 1).mean()',
     "logarithms of rates; log y! taken off",
     Trap('xgb_metric(y, z, "count:poisson", "poisson-nloglik")',
          "keras + np.log([2, 1, 120, 1]).mean()", "The metric has log y! in it."),
     slopes='xgb_slopes(y, z, "count:poisson")', gradient="g / p / 4", hessian="np.exp(z + 0.7)")
_has("XGBoost", "hinge", "", "no metric; labels 0 and 1",
     slopes='xgb_slopes(y > 0, p, "binary:hinge")', gradient="g / 4", hessian="np.where(y * p < 1, 1, 0)")

_has("LightGBM", "mean_squared_error", 'lgb_metric(y, p, "regression", "l2")', "",
     slopes='lgb_slopes(y, p, "regression")', gradient="2 * g / 4", hessian="1")
_has("LightGBM", "mean_absolute_error", 'lgb_metric(y, p, "regression_l1", "l1")', _LEAF)
_has("LightGBM", "quantile", 'lgb_metric(y, p, "quantile", "quantile", alpha=0.9)', _LEAF)
_has("LightGBM", "mean_absolute_percentage_error", "", "",
     Trap('100 * lgb_metric(y, p, "mape", "mape")', "100 * (abs(y - p) / np.maximum(abs(y), 1)).mean()",
          "The divisor is at least 1: targets below 1 are no longer relative."), own=False)
_has("LightGBM", "huber", 'lgb_metric(y, p, "huber", "huber", alpha=2.0)', "alpha is delta",
     Trap('lgb_metric(y, p, "huber", "huber")', "lossbook.huber(y, p, delta=0.9).mean()",
          "alpha is 0.9 by default, and delta 1."),
     slopes='lgb_slopes(y, p, "huber", alpha=2.0)', gradient="g / 4", hessian="1")
_has("LightGBM", "binary_crossentropy", 'lgb_metric(y, z, "binary", "binary_logloss")', "raw scores",
     slopes='lgb_slopes(y, z, "binary")', gradient="g / 6", hessian="p * (1 - p)")
_has("LightGBM", "sparse_categorical_crossentropy",
     'lgb_metric(c, z, "multiclass", "multi_logloss", num_class=3)', "raw scores",
     slopes='lgb_slopes(c, z, "multiclass", num_class=3)', gradient="g / 6",
     hessian="3 / 2 * p * (1 - p)")
_has("LightGBM", "poisson", 'lgb_metric(y, z, "poisson", "poisson")', "logarithms of rates",
     slopes='lgb_slopes(y, z, "poisson")', gradient="g / p / 4", hessian="np.exp(z + 0.7)")

# --- what PyTorch and Optax lack, in the words of either: torch or jax.numpy stands for xp

_WRITTEN = {
    "mean_absolute_error": "abs(p - y).mean()",
    "quantile": "e = y - p\nxp.maximum(0.9 * e, -0.1 * e).mean()",
    "mean_absolute_percentage_error": "100 * (abs(y - p) / abs(y).clip(1e-7)).mean()",
    "mean_squared_logarithmic_error":
        "((xp.log1p(p.clip(1e-7)) - xp.log1p(y.clip(1e-7))) ** 2).mean()",
    "log_cosh": "e = p - y\n(xp.logaddexp(e, -e) - np.log(2)).mean()",
    "categorical_generalized_cross_entropy":
        "chosen = p[xp.arange(len(c)), c]\n((1 - chosen**0.5) / 0.5).mean()",
    "poisson": "(p - y * xp.log(p + 1e-7)).mean()",
    "binary_focal_crossentropy":
        "yes = 1 / (1 + xp.exp(-z))\nright = y * yes + (1 - y) * (1 - yes)\n"
        "-((1 - right) ** 2 * xp.log(right)).mean()",
    "categorical_focal_crossentropy":
        "log_p = z - xp.logsumexp(z, -1)[:, None]\n"
        "-(0.25 * (1 - xp.exp(log_p)) ** 2 * y * log_p).sum(-1).mean()",
    "hinge": "(1 - y * p).clip(0).mean()",
    "squared_hinge": "((1 - y * p).clip(0) ** 2).mean()",
    "categorical_hinge":
        "best_wrong = xp.amax((1 - y) * p, -1)\n(1 + best_wrong - (y * p).sum(-1)).clip(0).mean()",
    "dice": "1 - 2 * (y * p).sum() / (y.sum() + p.sum() + 1e-7)",
    "tversky": "both = (y * p).sum()\n1 - both / (0.5 * y.sum() + 0.5 * p.sum() + 1e-7)",
    "circle":
        "d = (1 - p @ p.T).clip(0)\nkin = c[:, None] == c\n"
        "far = xp.exp(80 * (d + 0.4) * (d - 0.4)) * (kin & ~xp.eye(len(c), dtype=bool))\n"
        "near = xp.exp(80 * (1.4 - d).clip(0) * (0.6 - d)) * ~kin\n"
        "xp.log1p(far.sum(-1) * near.sum(-1)).mean()",
}
_INSTEAD = {
    ("PyTorch", "hinge"): (
        Trap("nn.HingeEmbeddingLoss()(p, y)", "np.where(y == 1, p, np.maximum(1 - p, 0)).mean()",
             "HingeEmbeddingLoss takes distances: it charges p itself where the label is 1."),
        Trap("nn.SoftMarginLoss()(p, y)", "np.log1p(np.exp(-y * p)).mean()",
             "SoftMarginLoss is binary cross-entropy with labels -1 and 1.")),
    ("PyTorch", "categorical_hinge"): (
        Trap("nn.MultiMarginLoss()(p, c)",
             "(np.maximum(1 - p[range(4), c][:, None] + p, 0).sum(-1) - 1).mean() / 3",
             "MultiMarginLoss adds every wrong class, and divides by the number of classes."),),
    ("Optax", "categorical_hinge"): (
        Trap("optax.losses.multiclass_hinge_loss(p, c).mean()", _RIVAL,
             "Crammer and Singer's: the best wrong score may be below 0, in Keras it counts as 0."),),
    ("Optax", "dice"): (
        Trap("optax.losses.dice_loss(p[..., None], y[..., None]).mean()",
             "s = lossbook.sigmoid(p)\n(1 - ((y * s).sum(1) + 1) / (0.5 * (y + s).sum(1) + 1)).mean()",
             "It takes logits, adds smooth=1 above and below, and gives a value for each picture."),),
}

# fmt: on

for _library, _xp in {"PyTorch": "torch", "Optax": "jnp"}.items():
    for _loss, _code in _WRITTEN.items():
        if not any((row.library, row.loss) == (_library, _loss) for row in ROWS):
            _code = _code.replace("xp.", f"{_xp}.").replace("jnp.logsumexp", "jax.nn.logsumexp")
            _has(_library, _loss, _code, "", *_INSTEAD.get((_library, _loss), ()), own=False)

LACKS = {
    "scikit-learn": {
        "log_cosh": "", "categorical_generalized_cross_entropy": "", "binary_focal_crossentropy": "",
        "categorical_focal_crossentropy": "", "squared_hinge": "inside LinearSVC and SGDClassifier alone",
        "dice": "f1_score is 1 minus Dice of hard masks", "tversky": "", "circle": "", "ctc": "",
    },
    "XGBoost": {
        "log_cosh": "", "categorical_crossentropy": "class numbers alone",
        "categorical_generalized_cross_entropy": "", "kl_divergence": "", "binary_focal_crossentropy": "",
        "categorical_focal_crossentropy": "", "squared_hinge": "", "categorical_hinge": "", "dice": "",
        "tversky": "", "cosine_similarity": "", "circle": "", "ctc": "",
    },
    "LightGBM": {
        "mean_squared_logarithmic_error": "", "log_cosh": "fair is another, smooth function",
        "categorical_crossentropy": "class numbers alone", "categorical_generalized_cross_entropy": "",
        "kl_divergence": "kullback_leibler is a metric for yes or no", "binary_focal_crossentropy": "",
        "categorical_focal_crossentropy": "", "hinge": "", "squared_hinge": "", "categorical_hinge": "",
        "dice": "", "tversky": "", "cosine_similarity": "", "circle": "", "ctc": "",
    },
}  # fmt: skip
"""For each library the losses that it lacks, with what it has in their place, or nothing."""

_ORDER = [(library, loss) for library in LIBRARIES for loss in CATALOGUE]
ROWS.sort(key=lambda row: _ORDER.index((row.library, row.loss)))


def find(loss, library):
    """Return the row of a loss in a library, or None where the library has nothing of it."""
    return next((row for row in ROWS if (row.loss, row.library) == (loss, library)), None)
