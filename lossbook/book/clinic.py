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
from numpy import eye, float16, float32, full, inf, int32, nan, ones, repeat, uint8, zeros

from lossbook.book.differences import masked, slope
from lossbook.tools.doctor.clinic import ROWS
from lossbook.tools.engines import keras, tf
from lossbook.tools.render import format_number

__all__ = [
    "GROUPS",
    "PROOFS",
    "SIGNS",
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
    "nan": "The loss is NaN or infinite",
    "negative": "The loss is negative",
    "stuck": "The loss is stuck and does not go down",
    "small": "The loss is 0, or too good to be true",
    "value": "The loss is not the number I computed",
    "fit": "fit, evaluate and validation disagree",
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
                code = re.sub("  # noqa.*", "", textwrap.dedent("\n".join(lines[first - 1 : node.lineno - 1])))
                parts.append((code, ast.get_source_segment(text, node.value.value)))
                first = node.end_lineno + 1
        return parts


def proves(group, seen, mended=None, why=""):
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
        words = re.sub(r"\{\{.*?\}\}|\[Op:.*| for '.*", "", " ".join(str(error).split())).split("Received:")[0]
        return None, f"{type(error).__name__}: {textwrap.shorten(words, 90, placeholder=' …')}"


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
        f'<span id="{row.code}"></span>**{_sentence(row.symptom)}**',
        f'{row.severity} · `{row.code}` <a href="#{row.code}" title="address of this row">#</a>',
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

@proves("nan", "KeyError", [4.2359, 2.3815, 1.8545])
def outputs_mismatch():
    entry = keras.Input((8,))
    model = keras.Model(entry, {name: keras.layers.Dense(1, name=name)(entry) for name in ("a", "b")})
    model.compile("sgd", {"a": "mse", "c": "mse"})
    x, y = X, {"a": REAL, "b": REAL}
    yield model.train_on_batch(x, y)
    model.compile("sgd", {"a": "mse", "b": "mse"})
    yield model.train_on_batch(x, y)
