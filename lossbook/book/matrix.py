"""The living matrix: every last layer with every form of labels and every loss of Keras, run and judged.

:func:`run` takes the loss and the gradient of combinations in Keras, trains them, and measures what
they have learnt; :func:`judge` decides from these measures alone. ``matrix.json`` keeps what came out
on TensorFlow, and where Keras on JAX or PyTorch gives something else, each in a process of its own::

    python -m lossbook.book.matrix tensorflow check
    KERAS_BACKEND=jax python -m lossbook.book.matrix jax
    KERAS_BACKEND=torch python -m lossbook.book.matrix torch

``notebooks/practice/matrix.md`` shows it, and ``tests/test_matrix.py`` runs it again.
"""

import json
import math
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from lossbook.book.matrix_tasks import CELLS, TASKS
from lossbook.registry import CATALOGUE
from lossbook.tools.engines import keras, tf
from lossbook.tools.engines.attempts import short_error
from lossbook.tools.engines.loading import versions_of
from lossbook.tools.render import rounded

NUMBERED = ("sparse_categorical_crossentropy", "circle", "ctc")  # labels are numbers of classes
STORE = Path(__file__).with_suffix(".json")
STEPS, RATE = 80, 0.15
REACHED, HONEST = 0.8, 0.06
"""A combination works if it reaches this share of the task's best score, and if its probabilities miss
the true ones by no more than this beyond the best that its loss reaches with a last layer of its kind:
linear for logits, sigmoid for binary losses, softmax for categorical ones."""

BACKENDS = {"jax": "JAX", "torch": "PyTorch"}
"""What Keras runs on beside TensorFlow, as it calls them and as they are shown."""

VERDICTS = {"works": "works", "raises": "raises", "wrong": "silently wrong"}
"""The verdicts, as keys and as they are shown."""


# --- a run ------------------------------------------------------------------------------------------


def _loss_of(cell, dtype=None):
    """Return the loss of a combination as a function of the weights of its last layer."""
    labels = cell.form.values.astype(dtype or cell.form.dtypes[0])
    loss, x, y = (
        cell.loss.build(),
        keras.ops.convert_to_tensor(cell.task.x),
        keras.ops.convert_to_tensor(labels),
    )
    return lambda kernel, bias: loss(y, cell.layer(x, kernel, bias))


def _slopes_of(functions):
    """Return a function of NumPy weights, one row a function, that gives the values and gradients of all.

    Each function gets weights of its own, so the gradient of their sum holds the gradient of each.
    """

    def values(kernels, biases):
        return [f(kernel, bias) for f, kernel, bias in zip(functions, kernels, biases, strict=True)]

    @tf.function(autograph=False)
    def step(kernels, biases):
        given = tf.unstack(kernels), tf.unstack(biases)
        with tf.GradientTape() as tape:
            tape.watch(given)
            found = values(*given)
            total = tf.add_n(found)
        slopes = tape.gradient(total, given, unconnected_gradients="zero")
        return tf.stack(found), *map(tf.stack, slopes)

    return lambda *weights: [np.asarray(one) for one in step(*map(tf.constant, weights))]


def _points(cell):
    """Return the weights that know nothing, and two others; training starts from the second."""
    rng = np.random.default_rng(7)
    shape = (cell.task.x.shape[-1], cell.layer.units)
    zero = [np.zeros(shape, "float32"), np.zeros(shape[1], "float32")]
    others = [[rng.normal(0, size, one.shape).astype("float32") for one in zero] for size in (0.3, 1.5)]
    return [zero, *others]


def start_of(cell):
    """Return the weights from which training starts."""
    return _points(cell)[1]


def answers(cell, weights):
    """Return what the last layer says of every row."""
    return np.asarray(keras.ops.convert_to_numpy(cell.layer(cell.task.x, *weights)), float)


def first_losses(cell):
    """Take the loss at three points, and compare the types of labels at one of them.

    Returns
    -------
    dict
        ``error``; or ``first``, the loss of weights that are 0, ``predicted``, ``mark``, the losses at
        two other points, and ``types``: the types of labels that give another loss, each with it. They
        are asked of the first layer of each task, since Keras converts labels before all else.
    """

    def loss(dtype, points):
        call = _loss_of(cell, dtype)
        tensors = [map(keras.ops.convert_to_tensor, point) for point in points]
        return [float(keras.ops.convert_to_numpy(call(*point))) for point in tensors]

    points, types, (usual, *others) = _points(cell), {}, cell.form.dtypes
    try:
        first, *mark = loss(usual, points)
    except Exception as error:  # whatever Keras raises is the result
        return {"error": short_error(error)}
    for dtype in others if cell.layer is next(iter(cell.task.layers.values())) else ():
        try:
            again = loss(dtype, points[1:2])[0]
        except Exception as error:
            again = short_error(error)
        if isinstance(again, str) or not np.isclose(again, mark[0], rtol=1e-5, equal_nan=True):
            types[dtype] = again
    return {"first": first, "predicted": predicted(cell), "mark": mark, "types": types}


def predicted(cell):
    """Return what lossbook computes, by the definition of the loss, of weights that are 0.

    Returns
    -------
    list
        A number, or the words in which lossbook refuses; and, where logits are wanted of a layer with
        an activation, the same of the scores before it, which Keras may remember.
    """
    zero, layers = _points(cell)[0], [cell.layer]
    if cell.loss.logits and cell.layer.activation != "linear":
        layers.append(replace(cell.layer, activation="linear"))
    labels = cell.form.values if cell.loss.name in NUMBERED else cell.form.values.astype("float32")
    options = {"quantile": 0.9} if cell.loss.name == "quantile" else dict(cell.loss.options)
    found = []
    for layer in layers:
        answer = keras.ops.convert_to_numpy(layer(cell.task.x, *zero))
        try:
            with np.errstate(all="ignore"):
                found.append(float(CATALOGUE[cell.loss.name].cls(**options)(labels, answer)))
        except ValueError as error:
            found.append(str(error))
    return found


def train(cells, steps=STEPS):
    """Train the last layer of combinations of one task and layer by Adam on all rows, each by itself.

    Returns
    -------
    list of numpy.ndarray
        Kernels and biases, a row for each combination, and its loss before each step.
    """
    at = _slopes_of([_loss_of(cell) for cell in cells])
    weights = [np.stack([one] * len(cells)) for one in start_of(cells[0])]
    means, squares, losses = [0.0, 0.0], [0.0, 0.0], []
    for step in range(1, steps + 1):
        values, *slopes = at(*weights)
        losses.append(values)
        means = [0.9 * m + 0.1 * g for m, g in zip(means, slopes, strict=True)]
        squares = [0.99 * v + 0.01 * g**2 for v, g in zip(squares, slopes, strict=True)]
        rate = RATE * min(1.0, 2 - 2 * step / steps)  # the second half slows down to 0
        weights = [
            (w - rate * m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8)).astype("float32")
            for w, m, v in zip(weights, means, squares, strict=True)
        ]
    return [*weights, np.array(losses)]


def run(cells=None):
    """Run combinations, those that are one function of the weights once, and return what came out.

    Parameters
    ----------
    cells : iterable of Cell, optional
        All of them, unless said otherwise.

    Returns
    -------
    dict
        For each address what :func:`first_losses` returns, and, where there is no error, ``as``, the
        address that was trained for it, and what training left: ``score``, ``miss``, ``text``.
    """
    with warnings.catch_warnings(action="ignore"):  # of Keras, which knows of some of this
        return _run(CELLS.values() if cells is None else cells)


def _run(cells):
    found, groups = {}, {}
    for cell in cells:
        found[cell.key] = taken = first_losses(cell)
        if "error" in taken:
            continue
        group = groups.setdefault((cell.task.key, cell.layer.key), [])
        same = (other for other in group if _one_function(other, cell, found))
        taken["as"] = next((other.key for other in same), cell.key)
        if taken["as"] == cell.key:
            group.append(cell)
    for group in groups.values():
        with np.errstate(all="ignore"):
            *weights, losses = train(group)
            for place, cell in enumerate(group):
                found[cell.key].update(_learnt(cell, [one[place] for one in weights], losses[:, place]))
    for taken in found.values():
        if taken.get("as"):
            taken.update({key: one for key, one in found[taken["as"]].items() if key not in taken})
    return found


def _one_function(other, cell, found):
    said = [(one.form.low, one.form.high, one.loss.logits, one.loss.margin) for one in (other, cell)]
    marks = [found[one.key]["mark"] for one in (other, cell)]
    return said[0] == said[1] and np.allclose(*marks, rtol=1e-5, atol=1e-7, equal_nan=True)


def _learnt(cell, weights, losses):
    said, finite = answers(cell, weights), np.isfinite(losses)
    if not (finite.all() and np.isfinite(said).all()):
        return {"steps": int(finite.argmin()) if not finite.all() else len(losses)}
    measure = cell.task.measure(said, cell)
    spread = float(np.ptp(said, axis=tuple(range(said.ndim - 1))).max())
    still = all((one == before).all() for one, before in zip(weights, start_of(cell), strict=True))
    return {
        "end": float(losses[-1]), "dead": bool(still), "score": float(measure.score),
        "miss": measure.miss, "text": measure.text, "spread": spread, "mean": float(said.mean()),
        "outside": float(((said < 0) | (said > 1)).mean()),
    }  # fmt: skip


# --- the verdict ------------------------------------------------------------------------------------


def judge(found, beside=()):
    """Decide on the combinations of a run, from what was measured.

    Parameters
    ----------
    found : dict
        What :func:`run` returns.
    beside : dict
        More of the same, where `found` is a part: a combination is held against the best of its task.

    Returns
    -------
    dict
        For each address of `found` a verdict, a key of :data:`VERDICTS`, and the reason.
    """
    best, honest = {}, {}
    scored = [(CELLS[key], one) for key, one in {**dict(beside), **found}.items() if "score" in one]
    for cell, result in scored:
        best[cell.task.key] = max(best.get(cell.task.key, 0), result["score"])
    for cell, result in scored:
        if (
            _of_a_kind(cell)
            and result["score"] >= REACHED * best[cell.task.key]
            and result["miss"] is not None
        ):
            place = cell.task.key, cell.loss.name
            honest[place] = min(honest.get(place, 9), result["miss"])
    return {key: _judged(CELLS[key], result, best, honest) for key, result in found.items()}


def _judged(cell, result, best, honest):
    if "error" in result:
        return "raises", result["error"]
    if "score" not in result:
        return "wrong", f"the loss is NaN or infinite from step {result['steps'] + 1} on"
    if result["dead"]:
        return "wrong", "the gradient is exactly 0: nothing is learnt"
    if result["score"] < REACHED * best[cell.task.key]:
        same = f"says {result['mean']:.2f} of every row; " if result["spread"] < 0.02 else ""
        return "wrong", same + result["text"] + _below(result)
    first, expected = result["first"], result["predicted"]
    fits = [isinstance(one, float) and bool(np.isclose(first, one, rtol=1e-3, atol=1e-5)) for one in expected]
    if isinstance(expected[0], str):
        return "wrong", f"answers are right, but the number is not this loss: {expected[0]}"
    if not any(fits):
        numbers = f"{first:.5g} where its definition says {expected[0]:.5g}"
        return "wrong", f"answers are right, but the first loss is {numbers}"
    takes = _takes_probabilities(cell.loss)
    if takes and not cell.loss.logits and result["outside"] > 0:
        share = f"{100 * result['outside']:.0f}% of the outputs lie outside 0 to 1"
        return "wrong", f"answers are right, but {share}, where the loss is clipped"
    best_miss = honest.get((cell.task.key, cell.loss.name))
    read = takes or cell.layer.activation in ("sigmoid", "softmax")
    if best_miss is not None and read and result["miss"] > best_miss + HONEST:
        return "wrong", f"answers are right, but probabilities miss the true ones by {result['miss']:.2f}"
    kept = "" if fits[0] else "; Keras warns, and uses the scores before the activation"
    return "works", result["text"] + kept + _below(result)


def _of_a_kind(cell):
    """Tell whether a last layer is what a loss is made for: linear for logits, sigmoid, softmax."""
    if cell.loss.logits:
        return cell.layer.activation == "linear"
    kind = {"binary": "sigmoid", "categorical": "softmax", "sparse": "softmax"}.get(
        cell.loss.name.split("_")[0]
    )
    return cell.layer.activation == kind if kind else cell.layer.activation != "linear"


def _takes_probabilities(loss):
    family = CATALOGUE[loss.name].family
    return family == "focal" or (family == "probability" and loss.name != "poisson")


def _below(result):
    return f"; the loss falls to {result['end']:.3g}" if result["end"] < -1.5 else ""


# --- what is kept ---------------------------------------------------------------------------------


def stored():
    """Return what ``matrix.json`` keeps: versions, and for each address what came out of it."""
    return json.loads(STORE.read_text(encoding="utf-8"))


def differences(found, kept):
    """Say where a run differs from what is kept: in a verdict or in one of three losses.

    Parameters
    ----------
    found : dict
        What :func:`run` returns, of all combinations or of some.
    kept : dict
        The combinations of :func:`stored`.

    Returns
    -------
    list of str
        Empty where they agree: verdicts exactly, losses to a thousandth.
    """
    said = []
    for key, (verdict, why) in judge(found, kept).items():
        new, old = found[key], kept[key]
        if verdict != old["verdict"]:
            said.append(f"{key}: {verdict} ({why}), kept as {old['verdict']} ({old['why']})")
        elif "error" not in new and not _alike(_losses(new), _losses(old)):
            said.append(f"{key}: {new['first']} {new['mark']}, kept as {old['first']} {old['mark']}")
    return said


def _losses(result):
    """The losses at the three points."""
    return [result["first"], *result["mark"]]


def _alike(new, old):
    given = [[math.nan if one is None else one for one in values] for values in (new, old)]
    return np.allclose(*given, rtol=1e-3, atol=1e-5, equal_nan=True)


def departures(cells, kept):
    """Say what combinations give on the backend of this process where it is not what TensorFlow gave.

    Parameters
    ----------
    cells : iterable of Cell
        The combinations.
    kept : dict
        The combinations of :func:`stored`.

    Returns
    -------
    dict
        For each address that departs a sentence: an error on one side alone, or another loss at one of
        three points.
    """
    with warnings.catch_warnings(action="ignore"):
        said = {cell.key: _departure(first_losses(cell), kept[cell.key]) for cell in cells}
    return {key: text for key, text in said.items() if text}


def _departure(new, old):
    """Say how a combination departs; an empty text where it does not."""
    if "error" in new:
        return "" if "error" in old else f"raises {new['error']}"
    if "error" in old:
        return f"raises nothing; the first loss is {new['first']:.5g}"
    for one, other in zip(_losses(new), _losses(old), strict=True):
        if not _alike([one], [other]):
            usual = "NaN" if other is None else f"{other:.5g}"
            return f"a loss of {one:.5g} where TensorFlow gives {usual}"
    return ""


def record(found):
    """Return a run and its verdicts as they are kept."""
    return {
        key: rounded({"verdict": verdict, "why": why, **found[key]}, 5)
        for key, (verdict, why) in judge(found).items()
    }


def _main(steps):
    for step in steps:
        kept = {"versions": {}, "cells": {}} if step == "tensorflow" else stored()
        if step == "tensorflow":
            kept["versions"][step] = versions_of(["keras", "tensorflow"])
            for task in TASKS:
                kept["cells"] |= record(run(cell for cell in CELLS.values() if cell.task.key == task))
                print(task, file=sys.stderr)
        elif step == "check":
            from lossbook.book.matrix_page import examined

            for key, one in kept["cells"].items():
                one["check"] = [] if "error" in one else examined(CELLS[key], one["verdict"])
        elif step in BACKENDS:
            _record_departures(step, kept)
        _write(kept)


def _record_departures(backend, kept):
    if keras.backend.backend() != backend:
        sys.exit(f"Keras runs on {keras.backend.backend()}. Set KERAS_BACKEND={backend}.")
    kept["versions"][backend] = versions_of(["keras", backend])
    said = departures(CELLS.values(), kept["cells"])
    for key, one in kept["cells"].items():
        others = {**one.get("elsewhere", {}), backend: said.get(key)}
        one["elsewhere"] = {name: text for name, text in others.items() if text}


def _write(kept):
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(one)}" for key, one in kept["cells"].items())
    STORE.write_text(
        f'{{"versions": {json.dumps(kept["versions"])}, "cells": {{\n{lines}\n}}}}\n', encoding="utf-8"
    )


if __name__ == "__main__":
    _main(sys.argv[1:])
