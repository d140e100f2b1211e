"""Rosetta: the losses of Keras in PyTorch, Optax, scikit-learn, XGBoost and LightGBM, measured.

:mod:`lossbook.book.rosetta_rows` says what to run. ``rosetta.json`` keeps what came out where everything
was installed::

    python -m lossbook.book.rosetta

``notebooks/practice/same-loss-elsewhere.md`` shows it, and ``tests/test_rosetta.py`` runs it again.
"""

import html
import json
import math
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import lossbook
from lossbook.book.rosetta_rows import BATCHES, KERAS, LACKS, LIBRARIES, ROWS, Row, find
from lossbook.registry import CATALOGUE
from lossbook.tools.engines.loading import is_installed, load, versions_of
from lossbook.tools.render import Html, html_block, html_code, html_table, one_line, rounded, text_table

__all__ = [
    "STATES",
    "Pair",
    "agree",
    "explained",
    "gradients",
    "is_here",
    "keras_line",
    "keras_number",
    "lgb_metric",
    "lgb_slopes",
    "measure",
    "names_of",
    "overview",
    "pair",
    "state",
    "stored",
    "table",
    "xgb_metric",
    "xgb_slopes",
]

STORE = Path(__file__).with_suffix(".json")
BOOSTED = 1e-3
"""How near g and h of a booster have to be, which are read from leaves in float32."""


def names_of(loss):
    """Return the small data of a loss by name, as arrays of their own."""
    return {name: array.copy() for name, array in BATCHES[KERAS[loss][0]].items()}


def keras_line(loss):
    """Write the call of Keras that the libraries are held against."""
    _, true, pred, settings = KERAS[loss]
    given = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    return f"{CATALOGUE[loss].cls.__name__}({given})({true}, {pred})"


def keras_number(loss):
    """Return Keras's number and its gradient in the predictions, as lossbook computes them.

    Examples
    --------
    >>> value, gradient = keras_number("mean_absolute_error")
    >>> float(value), gradient.ravel().tolist()
    (2.5, [0.25, -0.25, 0.25, 0.25])
    """
    _, true, pred, settings = KERAS[loss]
    names = names_of(loss)
    return CATALOGUE[loss].cls(**settings).value_and_gradient(names[true], names[pred])


# --- a run ------------------------------------------------------------------------------------------


def xgb_metric(y, score, objective, metric, **settings):
    """Return a metric of XGBoost for raw scores: a model without trees that starts from them."""
    import xgboost

    data = xgboost.DMatrix(np.zeros((len(y), 1)), label=y, base_margin=score)
    settings = {"objective": objective, "eval_metric": metric, **settings}
    model = xgboost.train(settings, data, num_boost_round=0)
    return float(model.eval(data).rpartition(":")[2])


PENALTIES, COPIES = (1, 3), 50


def xgb_slopes(y, score, objective, **settings):
    """Return gradient and hessian of an objective of XGBoost in the raw scores.

    One tree on a single row is one leaf, which moves the score by -g / (h + lambda).
    """
    import xgboost

    settings = {"objective": objective, "eta": 1, "min_child_weight": 0, **settings}

    def step(row, penalty):
        label, start = y[row : row + 1], score[row : row + 1]
        data = xgboost.DMatrix(np.zeros((1, 1)), label=label, base_margin=start)
        model = xgboost.train({**settings, "lambda": penalty}, data, num_boost_round=1)
        return (model.predict(data, output_margin=True) - start).ravel()

    rows = range(len(y))
    return _both([[step(row, penalty) for row in rows] for penalty in PENALTIES])


def _both(steps):
    """Return g and h from -g / (h + lambda) at two penalties; where g is 0, h is unknown."""
    (first, second), (low, high) = (np.array(step, dtype=float) for step in steps), PENALTIES
    still = first == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        h = (high * second - low * first) / (first - second)
        return np.where(still, 0.0, -first * (h + low)), np.where(still, math.nan, h)


def lgb_metric(y, score, objective, metric, **settings):
    """Return a metric of LightGBM for raw scores: a model without trees that starts from them."""
    import lightgbm

    settings = {"objective": objective, "metric": metric, **settings}
    rows, quiet = np.arange(len(y))[:, None], {"verbose": -1, "feature_pre_filter": False}
    data = lightgbm.Dataset(rows, np.ravel(y), init_score=score.ravel(order="F"), params=quiet)
    return lightgbm.Booster({**settings, **quiet}, data).eval_train()[0][2]


def lgb_slopes(y, score, objective, **settings):
    """Return gradient and hessian of an objective of LightGBM in the raw scores.

    One tree with a leaf for each row: a leaf holds -g / h, and h as its weight. Each row comes many
    times, because LightGBM tells how many rows a leaf has from its share of the hessian.
    """
    import lightgbm

    rows = np.repeat(np.arange(len(y), dtype=float), COPIES)[:, None]
    data = lightgbm.Dataset(
        rows, np.repeat(y, COPIES), init_score=np.repeat(score, COPIES, axis=0).ravel(order="F")
    )
    given = {"objective": objective, "verbose": -1, "learning_rate": 1, "boost_from_average": False}
    leaves = {"num_leaves": 64, "min_data_in_leaf": 1, "min_data_in_bin": 1, "min_sum_hessian_in_leaf": 0}
    model = lightgbm.train({**given, **leaves, **settings}, data, 1)
    trees = [_leaves(tree["tree_structure"]) for tree in model.dump_model()["tree_info"]]
    places = model.predict(rows[::COPIES], pred_leaf=True)
    found = [[tree[leaf] for tree, leaf in zip(trees, row, strict=True)] for row in places]
    values, weights = np.moveaxis(found, -1, 0)
    return -values * weights / COPIES, weights / COPIES


def _leaves(node):
    if "leaf_value" in node:
        return {node["leaf_index"]: (node["leaf_value"], node["leaf_weight"])}
    return _leaves(node["left_child"]) | _leaves(node["right_child"])


def _arrays(library, names):
    """Return data as the arrays of a library, and the modules that its code names."""
    if library == "PyTorch":
        torch = load("torch")
        tensors = {name: torch.tensor(array) for name, array in names.items()}
        return {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "np": np, **tensors}
    if library == "Optax":
        jax, jnp = load("jax"), load("jax").numpy
        arrays = {name: jnp.asarray(array) for name, array in names.items()}
        return {"jax": jax, "jnp": jnp, "optax": load("optax"), "np": np, **arrays}
    import scipy.special

    tools = {"scipy": scipy, "np": np}
    if library == "scikit-learn":
        import sklearn.metrics

        tools |= vars(sklearn.metrics) | vars(sklearn.metrics.pairwise)
    helpers = {one.__name__: one for one in (xgb_metric, xgb_slopes, lgb_metric, lgb_slopes)}
    return {**tools, **helpers, **names}


def _run(code, names):
    *steps, result = code.split("\n")
    exec("\n".join(steps), names)
    return eval(result, names)


def _number(code, names):
    """Run a line; its value, or the name of the error."""
    try:
        return float(_run(code, dict(names)))
    except Exception as error:  # whatever it is, its name is the result
        return type(error).__name__


def gradients(library, code, names, at):
    """Differentiate a line of PyTorch or Optax in one of its names."""
    given = _arrays(library, names)
    if library == "PyTorch":
        point = given[at].requires_grad_()
        return given["torch"].autograd.grad(_run(code, given), point)[0].numpy()
    return np.asarray(given["jax"].grad(lambda point: _run(code, {**given, at: point}))(given[at]))


def measure(row):
    """Run a row in its library, in 64 bits where it has them.

    Returns
    -------
    dict
        ``value`` and ``gradient`` where there are such, ``traps``, the number of each, and for a
        booster ``g`` and ``h``.
    """
    if row.library == "Optax":
        with load("jax").enable_x64(True):
            return _measured(row)
    return _measured(row)


def _measured(row):
    names, found = names_of(row.loss), {}
    with warnings.catch_warnings(action="ignore"):
        given = _arrays(row.library, names)
        if row.code:
            found["value"] = float(_run(row.code, dict(given)))
        if row.library in ("PyTorch", "Optax"):
            found["gradient"] = gradients(row.library, row.code, names, KERAS[row.loss][2]).tolist()
        if row.traps:
            found["traps"] = [_number(trap.code, given) for trap in row.traps]
        if row.slopes:
            found["g"], found["h"] = (part.tolist() for part in _run(row.slopes, dict(given)))
    return found


def explained(code, row, **more):
    """Run a line of NumPy that stands in a row: on the same data, with ``keras``, and ``g`` of a booster."""
    names = {**names_of(row.loss), "keras": float(keras_number(row.loss)[0]), **more}
    return _run(code, {"np": np, "lossbook": lossbook, **names})


def agree(row, found, other):
    """Tell whether two runs of a row agree, to the digits of its library.

    Examples
    --------
    >>> row = find("mean_squared_error", "scikit-learn")
    >>> agree(row, {"value": 1.0}, {"value": 1.0}), agree(row, {"value": 1.0}, {"value": 1.001})
    (True, False)
    """
    if set(found) != set(other):
        return False
    pairs = [
        (one, two, BOOSTED if key in ("g", "h") else row.tolerance)
        for key in found
        for one, two in (
            zip(found[key], other[key], strict=True) if key == "traps" else [(found[key], other[key])]
        )
    ]
    return all(_near(*pair) for pair in pairs)


def _near(one, two, tolerance):
    if isinstance(one, str) or isinstance(two, str):
        return one == two
    one, two = np.asarray(one, float), np.asarray(two, float)
    return one.shape == two.shape and np.allclose(one, two, rtol=tolerance, atol=tolerance, equal_nan=True)


def is_here(library):
    """Tell whether a library is installed."""
    return all(map(is_installed, LIBRARIES[library]))


def stored():
    """Return what ``rosetta.json`` keeps: versions, and for each library and loss what came out."""
    return json.loads(STORE.read_text(encoding="utf-8"))


def _main():
    versions, found = {}, {}
    for library, packages in LIBRARIES.items():
        versions[library] = versions_of(packages)
        found[library] = {row.loss: rounded(measure(row), 12) for row in ROWS if row.library == library}
        print(library, len(found[library]), file=sys.stderr)
    parts = [f'"versions": {json.dumps(versions)}']
    for library, rows in found.items():
        lines = ",\n".join(f"  {json.dumps(loss)}: {json.dumps(one)}" for loss, one in rows.items())
        parts.append(f"{json.dumps(library)}: {{\n{lines}\n}}")
    STORE.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")


# --- how a page shows them --------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """One loss in Keras and in a library, line by line with numbers; prints and displays as a table."""

    row: Row
    found: dict  # what the library gave

    def lines(self):
        """Return code, number and meaning, Keras's first."""
        value, _ = keras_number(self.row.loss)
        given = [(keras_line(self.row.loss), value, "Keras")]
        if self.row.code:
            given.append((self.row.code, self.found["value"], "the same"))
        for trap, number in zip(self.row.traps, self.found.get("traps", ()), strict=True):
            is_error = isinstance(number, str)
            given.append((trap.code, number, "refused" if is_error else trap.gives))
        return [(code, _said(number), meaning) for code, number, meaning in given]

    def __repr__(self):
        return text_table(_COLUMNS, self.lines())

    def _repr_html_(self):
        lines = []
        for code, number, meaning in self.lines():
            meaning = html.escape(meaning) if meaning in _WORDS else f"= {_code(meaning)}"
            lines.append([number, Html(f"{_code(code)}<br>{_small(meaning)}")])
        return html_block(html_table(["gives", "line, and what it is"], lines))


_COLUMNS = ["line", "gives", "which is"]
_WORDS = ("Keras", "the same", "refused")


def _said(number):
    return number if isinstance(number, str) else one_line(float(number), 5)


def _code(code):
    lines = "<br>".join(html_code(line) for line in code.split("\n"))
    return Html(lines.replace("<code>", '<code style="overflow-wrap: anywhere">'))


def _small(words):
    return f'<small style="white-space: normal">{words}</small>'


def pair(loss, library):
    """Hold a library against Keras: as stored, and run again where the library is installed.

    Parameters
    ----------
    loss, library : str
        A name of the catalogue, and a key of ``LIBRARIES``.

    Returns
    -------
    Pair
        The stored numbers, on every machine.

    Raises
    ------
    AssertionError
        If the library is installed and gives other numbers.

    Examples
    --------
    >>> pair("mean_squared_logarithmic_error", "scikit-learn").found["traps"][1]
    'ValueError'
    """
    row, kept = find(loss, library), stored()
    found = kept[library][loss]
    if is_here(library) and not agree(row, measure(row), found):
        raise AssertionError(
            f"{library} {versions_of(LIBRARIES[library])} gives other numbers for {loss} than "
            f"{kept['versions'][library]} did. If they are right, run python -m lossbook.book.rosetta."
        )
    return Pair(row, found)


STATES = {"✓": "has it", "✎": "has not, and a line or two make it", "≈": "has another one", "–": "none"}
"""What the overview says of a loss in a library."""


def state(loss, library):
    """Say how a library has a loss, as a key of :data:`STATES`."""
    row = find(loss, library)
    return "–" if row is None else "≈" if not (row.code or row.slopes) else "✓" if row.own else "✎"


def overview():
    """Write a table of every loss in every library."""
    rows = [
        [Html(f'<a href="#{name}">{spec.cls.__name__}</a>'), *(state(name, one) for one in LIBRARIES)]
        for name, spec in CATALOGUE.items()
    ]
    return html_block(html_table(["loss", *LIBRARIES], rows, row_headers=True))


def table(*families):
    """Write the losses of some families, library by library: code, change and traps.

    Examples
    --------
    >>> "nn.HuberLoss" in table("regression"), "nn.CTCLoss" in table("regression")
    (True, False)
    """
    kept = stored()
    parts = []
    for name, spec in CATALOGUE.items():
        if spec.family in families:
            value = _said(keras_number(name)[0])
            title = Html(f"{html_code(keras_line(name))} gives {value}")
            rows = [[row.library, _cell(row, kept)] for row in ROWS if row.loss == name]
            rows += [[_without(name)]] if _without(name) else []
            parts.append(Html(f'<p id="{name}"><b>{spec.cls.__name__}</b>: {title}</p>'))
            parts.append(html_table(["library", "code, and traps"], rows, row_headers=True))
    return html_block(*parts)


def _without(loss):
    said = [library + (f" ({LACKS[library][loss]})" if LACKS[library][loss] else "")
            for library in LACKS if loss in LACKS[library]]  # fmt: skip
    return Html(_small(f"None in {', '.join(said)}.")) if said else ""


def _cell(row, kept):
    found = kept[row.library][row.loss]
    head = _code(row.code or row.slopes) if row.code or row.slopes else "No line gives this number."
    notes = [row.change] if row.change else [] if row.own or not row.code else ["written by hand"]
    if row.hessian:
        notes.append(f"objective: gradient {row.gradient}, h = {row.hessian}")
    lines = [head + (f"<br>{_small(html.escape('; '.join(notes)))}" if notes else "")]
    for trap, number in zip(row.traps, found.get("traps", ()), strict=True):
        says = f"{_code(trap.code)} gives <b>{_said(number)}</b>. {html.escape(trap.says)}"
        lines.append(f"<div style='margin-top: 0.4em'>✗&nbsp;{says}</div>")
    return Html("".join(lines))


if __name__ == "__main__":
    _main()
