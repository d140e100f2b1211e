"""The living matrix: every last layer with every form of labels and every loss of Keras, run and judged.

:func:`run` takes the loss and the gradient of combinations in Keras, trains them, and measures what
they have learnt; :func:`judge` decides from these measures alone. ``matrix.json`` keeps what came out
in TensorFlow, and where JAX and PyTorch part from it::

    python -m lossbook.book.matrix --jax PYTHON --torch PYTHON

``notebooks/practice/matrix.md`` shows it, and ``tests/test_matrix.py`` runs it again.
"""

import argparse
import importlib
import json
import math
import os
import re
import subprocess
import textwrap
from pathlib import Path

import numpy as np

from lossbook.book.matrix_tasks import CELLS
from lossbook.registry import CATALOGUE
from lossbook.tools.engines import keras
from lossbook.tools.engines.loading import versions_of

NUMBERED = ("sparse_categorical_crossentropy", "circle", "ctc")  # labels are numbers of classes
STORE = Path(__file__).with_suffix(".json")
STEPS, RATE = 80, 0.15
REACHED, HONEST = 0.8, 0.06
"""A combination works if it reaches this share of the task's best score, and if its probabilities miss
the true ones by no more than this beyond the best that its loss reaches with any last layer and labels."""

VERDICTS = {"works": "works", "raises": "raises", "wrong": "silently wrong"}
"""The verdicts, as keys and as they are shown."""


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
            return value, [
                torch.zeros_like(w) if g is None else g for g, w in zip(found, weights, strict=True)
            ]

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


def first_steps(cell):
    """Take the loss and its gradient at three points; compare the types of labels at one of them.

    Returns
    -------
    dict
        ``error``, or ``values``, ``slopes`` (of the two points that know something) and ``types``:
        the types of labels that give another loss than the first, each with it: asked of the
        first layer of each task, since Keras converts labels before it looks at predictions.
    """
    form = cell.form
    try:
        at = _slope_of(_loss_of(cell, form.values.astype(form.dtypes[0])), compiled=False)
        found = [at(point) for point in _points(cell)]
    except Exception as error:  # whatever Keras raises is the result
        return {"error": short_error(error)}
    found[0] = found[0][0], predicted(cell)
    types = {}
    for dtype in form.dtypes[1:] if cell.layer.key == next(iter(cell.task.layers)) else ():
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
    options = {"quantile": 0.9} if cell.loss.name == "quantile" else dict(cell.loss.options)
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
        first = [0.9 * m + 0.1 * g for m, g in zip(first, slopes, strict=True)]
        second = [0.99 * v + 0.01 * g**2 for v, g in zip(second, slopes, strict=True)]
        rate = RATE * min(1.0, 2 - 2 * step / steps)
        weights = [
            (w - rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8)).astype("float32")
            for w, m, v in zip(weights, first, second, strict=True)
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
    """Write the losses at two points, and the lengths of their gradients."""
    return [*values, *(float(np.linalg.norm(one)) for one in np.split(mark[2:], 2))]


def _reads_alike(cell, other):
    said = [(one.form.low, one.form.high, one.loss.logits, one.loss.margin) for one in (cell, other)]
    return said[0] == said[1]


def _trained(cell, mark):
    dead = not mark[2:].any()  # no slope anywhere: training would change nothing
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
        if result["score"] >= REACHED * best[cell.task.key] and result["miss"] is not None:
            place = cell.task.key, cell.loss.key
            honest[place] = min(honest.get(place, 9), result["miss"])
    return {key: _judged(CELLS[key], result, best, honest) for key, result in found.items()}


def _judged(cell, result, best, honest):
    if "error" in result:
        return "raises", result["error"]
    if "score" not in result:
        return "wrong", f"the loss is NaN or infinite after {_counted(result['steps'] - 1, 'step')}"
    if result["dead"]:
        return "wrong", "the gradient is exactly 0: nothing is learnt"
    if result["score"] < REACHED * best[cell.task.key]:
        same = f"says {result['mean']:.1f} of every row; " if result["spread"] < 0.02 else ""
        return "wrong", same + result["text"] + _below(result)
    first, expected = result["first"], result["predicted"]
    if isinstance(expected, str):
        return "wrong", f"answers are right, but the number is not this loss: {expected}"
    if not np.isclose(first, expected, rtol=1e-3, atol=1e-5):
        return (
            "wrong",
            f"answers are right, but the loss is {first:.4g} where its definition says {expected:.4g}",
        )
    if result["miss"] is not None and result["miss"] > honest[cell.task.key, cell.loss.key] + HONEST:
        return "wrong", f"answers are right, but probabilities miss the true ones by {result['miss']:.2f}"
    return "works", result["text"] + _below(result)


def _counted(count, what):
    return f"{count} {what}{'' if count == 1 else 's'}"


def _below(result):
    return f"; the loss falls to {result['end']:.1f}" if result["end"] < -1.5 else ""


# --- what is kept ---------------------------------------------------------------------------------


def stored():
    """Return what ``matrix.json`` keeps: versions, and for each address what came out of it."""
    return json.loads(STORE.read_text(encoding="utf-8"))


def differences(found, kept):
    """Say where a run differs from what is kept: in a verdict, the first loss, or two others and their slopes.

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
        elif "error" not in new and not _alike([new["first"], *new["mark"]], [old["first"], *old["mark"]]):
            said.append(f"{key}: {new['first']} {new['mark']}, kept as {old['first']} {old['mark']}")
    return said


def _alike(new, old):
    given = [[math.nan if one is None else one for one in values] for values in (new, old)]
    return np.allclose(*given, rtol=1e-3, atol=1e-5, equal_nan=True)


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


def record(found):
    """Return a run and its verdicts as they are kept."""
    return {
        key: _rounded({"verdict": verdict, "why": why, **found[key]})
        for key, (verdict, why) in judge(found).items()
    }


def run_beside(kept):
    """Run every combination in the Keras of this process; return those whose verdict is another than kept.

    A combination with the losses and gradients of the kept run is the same function, and is not trained.
    """
    found = {}
    for cell in CELLS.values():
        taken, old = first_steps(cell), kept[cell.key]
        if "error" in taken and "error" in old:
            continue
        if "error" not in taken and "error" not in old:
            mark = np.concatenate([taken["values"][1:], taken["slopes"]])
            if _alike(_short_mark(taken["values"][1:], mark), old["mark"]):
                continue
        found.update(run([cell]))
    said = judge(found, kept)
    return {key: dict(verdict=v, why=why) for key, (v, why) in said.items() if v != kept[key]["verdict"]}


def _main():
    parser = argparse.ArgumentParser(description="Run the matrix, and write matrix.json.")
    parser.add_argument("--jax", help="a Python that has Keras and JAX")
    parser.add_argument("--torch", help="a Python that has Keras and PyTorch")
    parser.add_argument("--beside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.beside:  # in JAX or PyTorch
        engine = importlib.import_module(keras.backend.backend())
        print(json.dumps([f"{keras.__version__} on {engine.__version__}", run_beside(stored()["cells"])]))
        return
    kept = {"versions": {"tensorflow": versions_of(["keras", "tensorflow"])}, "cells": record(run())}
    from lossbook.book.matrix_page import examined

    for key, one in kept["cells"].items():
        one["check"] = examined(CELLS[key]) if "error" not in one else []
    _write(kept)
    for name in ("jax", "torch"):
        if (python := getattr(given, name)) is None:
            continue
        command = [python, "-W", "ignore", "-m", __spec__.name, "--beside"]
        done = subprocess.run(
            command, env={**os.environ, "KERAS_BACKEND": name}, stdout=subprocess.PIPE, text=True, check=True
        )
        kept["versions"][name], other = json.loads(done.stdout.splitlines()[-1])
        for key, one in other.items():
            kept["cells"][key].setdefault("elsewhere", {})[name] = one
        _write(kept)


def _write(kept):
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(one)}" for key, one in kept["cells"].items())
    STORE.write_text(
        f'{{"versions": {json.dumps(kept["versions"])}, "cells": {{\n{lines}\n}}}}\n', encoding="utf-8"
    )


if __name__ == "__main__":
    _main()
