"""The page of the living matrix: recipes, one a task, and a table of combinations for each task.

Everything here is made of what :mod:`lossbook.book.matrix` measured. A :class:`Recipe` is a line to
paste; :func:`prove` compiles it as it stands and fits it, and ``tests/test_matrix.py`` proves each.
"""

import html
import math
from dataclasses import dataclass

import numpy as np

from lossbook import check
from lossbook.book.matrix import BACKENDS, VERDICTS, answers, start_of
from lossbook.book.matrix_tasks import CELLS, CLASSES, LOSSES, TASKS, quantile
from lossbook.tools.engines import keras
from lossbook.tools.render import format_number

LABELS = {
    "column": "column",
    "flat": "flat",
    "signs": "−1 and 1",
    "pixels": "0 and 255",
    "one-hot": "one-hot",
    "numbers": "class numbers",
    "number-column": "class numbers, a column",
    "from-1": "class numbers from 1",
    "multi-hot": "multi-hot",
    "vectors": "vectors of length 1",
    "long-vectors": "vectors of any length",
    "padded-0": "symbols, padded with 0",
    "padded-minus": "symbols, padded with −1",
    "from-0": "symbols from 0",
}
"""The forms of labels, as the filter names them."""


@dataclass(frozen=True)
class Recipe:
    """What to compile for a task.

    Attributes
    ----------
    task : str
        What is to be learnt.
    cell : str
        The combination, by its address.
    first : str
        The loss of an answer that knows nothing, as an expression of the labels ``y``.
    read : str
        What turns ``p = model.predict(x)`` into an answer.
    metrics : str
        What to hand to `compile` as `metrics`.
    fit : str
        What else `fit` is given.
    """

    task: str
    cell: str
    first: str
    read: str
    metrics: str = ""
    fit: str = ""

    @property
    def compiled(self):
        """The line that compiles it."""
        loss = CELLS[self.cell].loss
        name = loss.code if loss.name == "quantile" else f"losses.{loss.code}"
        return f'model.compile("adam", {name}{f", metrics=[{self.metrics}]" if self.metrics else ""})'


RECIPES = [
    Recipe("a number", "number.linear-1.column.mean-squared-error", "mean(y**2)", "p", '"mae"'),
    Recipe("a number, with outliers", "number.linear-1.column.huber",
           "mean(where(abs(y) < 1, y**2 / 2, abs(y) - 0.5))", "p", '"mae"'),
    Recipe("a positive amount", "amount.exponential-1.column.mean-squared-logarithmic-error",
           "mean(log((1 + y) / 2) ** 2)", "p", '"mape"'),
    Recipe("a count", "count.exponential-1.column.poisson", "1", "p", '"mae"'),
    Recipe("a quantile: 9 of 10 labels below", "quantile.linear-1.column.quantile",
           "mean(where(y > 0, 0.9 * y, -0.1 * y))", "p"),
    Recipe("yes or no", "binary.sigmoid-1.column.binary-crossentropy", "log(2)", "p > 0.5", '"accuracy"'),
    Recipe("yes or no, from logits", "binary.linear-1.column.binary-crossentropy-logits", "log(2)",
           "p > 0", "metrics.BinaryAccuracy(threshold=0)"),
    Recipe("yes or no, a margin and no probability", "binary.linear-1.signs.hinge", "1", "np.sign(p)"),
    Recipe("one of K classes, labels are numbers",
           "classes.softmax-k.numbers.sparse-categorical-crossentropy", "log(K)", "p.argmax(-1)",
           '"accuracy"'),
    Recipe("one of K classes, numbers, one class rare",
           "classes.softmax-k.numbers.sparse-categorical-crossentropy", "log(K)", "p.argmax(-1)",
           '"accuracy"', "class_weight={k: len(y) / (K * np.sum(y == k)) for k in range(K)}"),
    Recipe("one of K classes, from logits", "classes.linear-k.numbers.sparse-categorical-crossentropy-logits",
           "log(K)", "p.argmax(-1)", '"accuracy"'),
    Recipe("one of K classes, labels are one-hot", "classes.softmax-k.one-hot.categorical-crossentropy",
           "log(K)", "p.argmax(-1)", '"accuracy"'),
    Recipe("several labels at once", "multi-label.sigmoid-k.multi-hot.binary-crossentropy", "log(2)",
           "p > 0.5", '"binary_accuracy"'),
    Recipe("each pixel yes or no", "mask.sigmoid-1.column.binary-crossentropy", "log(2)", "p > 0.5",
           "metrics.BinaryIoU(target_class_ids=[1])"),
    Recipe("each pixel one of K classes", "maps.softmax-k.numbers.sparse-categorical-crossentropy", "log(K)",
           "p.argmax(-1)", "metrics.MeanIoU(K, sparse_y_pred=False)"),
    Recipe("an embedding", "embedding.unit-2.numbers.circle", "", "p @ p.T"),
    Recipe("a direction", "direction.linear-3.vectors.cosine-similarity", "0",
           "p / np.linalg.norm(p, axis=-1, keepdims=True)", '"cosine_similarity"'),
    Recipe("a sequence without alignment", "sequence.linear-k.padded-0.ctc", "", "p.argmax(-1)"),
]  # fmt: skip
"""One line to paste for each kind of task."""


# --- recipes, proven ------------------------------------------------------------------------------


def model_of(cell):
    """Make the model of a combination from the very text that the page shows, with weights of 0."""
    layers = eval(f"[{cell.layer.code}]", {**vars(keras.layers), "K": CLASSES})
    model = keras.Sequential([keras.Input(cell.task.x.shape[1:]), *layers])
    model.set_weights([np.zeros_like(one) for one in model.get_weights()])
    return model


def prove(recipe, epochs=60):
    """Compile and fit a recipe as it stands; return its first loss, what is expected, and a measure."""
    cell = CELLS[recipe.cell]
    model, y = model_of(cell), cell.form.values.astype(cell.form.dtypes[0])
    names = {"np": np, "model": model, "losses": keras.losses, "metrics": keras.metrics, "K": CLASSES, "y": y}
    exec(recipe.compiled, {**names, "quantile": quantile})
    expected = eval(recipe.first, {**vars(np), "y": y, "K": CLASSES}) if recipe.first else math.nan
    first = model.evaluate(cell.task.x, y, batch_size=len(y), verbose=0, return_dict=True)["loss"]
    starts = zip(start_of(cell), model.get_weights(), strict=True)  # where the run started
    model.set_weights([one.reshape(weight.shape) for one, weight in starts])
    model.optimizer.learning_rate = 0.1
    options = eval(f"dict({recipe.fit})", names)
    model.fit(cell.task.x, y, batch_size=len(y), epochs=epochs, verbose=0, **options)
    answers = model.predict(cell.task.x, batch_size=len(y), verbose=0)
    return first, float(expected), cell.task.measure(np.asarray(answers, float), cell)


def examined(cell, verdict):
    """Return the codes of what `check` finds before training, notes left out: in the arrays, or in the model.

    The model, which is slower to examine, is asked where a combination is wrong and the arrays are silent.
    """
    labels, loss = cell.form.values.astype(cell.form.dtypes[0]), cell.loss.build()
    codes = _serious(check(loss, labels, answers(cell, start_of(cell)).astype("float32")))
    if codes or verdict != "wrong":
        return codes
    model = model_of(cell)
    weights = zip(start_of(cell), model.get_weights(), strict=True)
    model.set_weights([one.reshape(weight.shape) for one, weight in weights])
    model.compile("adam", loss)
    return _serious(check(model, cell.task.x, labels))


def _serious(report):
    return list(dict.fromkeys(one.code for one in report if one.severity != "note"))


def recipes(page=""):
    """Write the recipes as a Markdown table, one line a task.

    Parameters
    ----------
    page : str
        The address of the matrix, seen from elsewhere.

    Returns
    -------
    str
    """
    lines = [
        "| Task | Last layer | Labels | Compile | First loss | Read `p` |",
        "|---|---|---|---|---|---|",
    ]
    link = f"[{{0}}]({page})" if page else '<a href="#{1}">{0}</a>'
    for recipe in RECIPES:
        cell = CELLS[recipe.cell]
        first = f"`{recipe.first}`" if recipe.first else "depends on the labels"
        line = f"`{recipe.compiled}`" + (f"<br>and in `fit`: `{recipe.fit}`" if recipe.fit else "")
        lines.append(
            f"| {link.format(recipe.task, cell.key)} | `{cell.layer.code}` | {cell.form.text}, "
            f"{_types(cell.form)} | {line} | {first} | `{recipe.read}` |"
        )
    return "\n".join(lines)


def _types(form):
    return "float" if "float64" in form.dtypes else "int or float"


# --- the matrix -------------------------------------------------------------------------------------


def mend(cell, verdicts):
    """Return the combination that works and differs least: in the loss's option, layer, labels, loss."""

    def distance(other):
        same_loss = other.loss.name == cell.loss.name
        return (
            2.0 * (other.layer.key != cell.layer.key)
            + 2.1 * (other.form.key != cell.form.key)
            + (0 if other.loss.key == cell.loss.key else 1.9 if same_loss else 3.0)
        )

    good = [one for one in CELLS.values() if one.task is cell.task and verdicts[one.key][0] == "works"]
    return min(good, key=distance)


def rows(task, stored):
    """Return the rows of a task: combinations that are the same function, or raise alike, share one."""
    groups = {}
    for cell in CELLS.values():
        if cell.task.key == task:
            result = stored[cell.key]
            told = result.get("error") or (result["as"], result.get("first"), str(result.get("types")))
            groups.setdefault((cell.layer.key, cell.loss.key, str(told), result["verdict"]), []).append(cell)
    merged = {}
    for (layer, loss, told, verdict), cells in groups.items():
        forms = tuple(cell.form.key for cell in cells)
        place = (layer, forms, told) if verdict == "raises" else (layer, loss, forms, told)
        merged.setdefault(place, []).extend(cells)
    order = list(VERDICTS)
    return sorted(merged.values(), key=lambda cells: order.index(stored[cells[0].key]["verdict"]))


def table(task, stored):
    """Write the combinations of a task as an HTML table.

    Parameters
    ----------
    task : str
        Its key.
    stored : dict
        What came out of each, by address, as ``matrix.json`` keeps it.

    Returns
    -------
    str
    """
    head = ("Verdict", "Last layer", "Labels", "loss=", "First loss", "What happens")
    lines = [f'<table class="matrix" data-task="{html.escape(TASKS[task].title)}"><thead><tr>']
    lines += [f"<th>{one}</th>" for one in head] + ["</tr></thead><tbody>"]
    verdicts = {key: (one["verdict"], one["why"]) for key, one in stored.items()}
    for cells in rows(task, stored):
        lines.append(_row(cells, stored, verdicts))
    return "\n".join([*lines, "</tbody></table>"])


def _row(cells, stored, verdicts):
    first, result = cells[0], stored[cells[0].key]
    forms = list(dict.fromkeys(cell.form.key for cell in cells))
    losses = list(dict.fromkeys(cell.loss.key for cell in cells))
    data = {
        "verdict": VERDICTS[result["verdict"]],
        "layer": layer_name(first.layer),
        "labels": "|".join(LABELS[one] for one in forms),
        "loss": "|".join(LOSSES[one].code for one in losses),
    }
    marks = "".join(f'<span id="{cell.key}"></span>' for cell in cells)
    columns = [
        f'{marks}<a href="#{first.key}"><b>{data["verdict"]}</b></a>',
        _code(first.layer.code),
        "<br>or ".join(html.escape(first.task.forms[one].text) for one in forms),
        "<br>or ".join(_code(LOSSES[one].code) for one in losses),
        _first(result),
        html.escape(result["why"]) + _more(first, result, verdicts),
    ]
    given = " ".join(f'data-{name}="{html.escape(text)}"' for name, text in data.items())
    return f"<tr {given}>" + "".join(f"<td>{one}</td>" for one in columns) + "</tr>"


def layer_name(layer):
    """Return the last layer as the filter names it."""
    name = "linear, length 1" if layer.unit else layer.activation
    units = {1: "1 unit", CLASSES: "K units"}.get(layer.units, f"{layer.units} units")
    return f"{name}, {units.replace('unit', 'map') if layer.maps else units}"


def _code(text):
    return f"<code>{html.escape(text, quote=False)}</code>"


def _first(result):
    return (
        ""
        if "first" not in result
        else "NaN"
        if result["first"] is None
        else format_number(result["first"], 5)
    )


def _more(cell, result, verdicts):
    """What else there is to say: types of labels, other backends, the doctor, and the mend."""
    said = [
        f"As {dtype}: {value if isinstance(value, str) else f'a loss of {format_number(value, 4)}'}"
        for dtype, value in (result.get("types") or {}).items()
    ]
    said += [f"On {BACKENDS[name]}: {one}" for name, one in (result.get("elsewhere") or {}).items()]
    text = "".join(f"<br>{html.escape(one)}." for one in said)
    codes = result.get("check", [])
    if codes:
        text += f"<br><code>check</code> says {', '.join(map(_code, codes))}."
    if result["verdict"] == "works":
        return text
    other = mend(cell, verdicts)
    changes = [
        other.layer.code if other.layer.key != cell.layer.key else "",
        other.loss.code if other.loss.key != cell.loss.key else "",
    ]
    shown = [_code(one) for one in changes if one]
    shown += [f"labels {html.escape(other.form.text)}"] if other.form.key != cell.form.key else []
    return f'{text}<br>→ <a href="#{other.key}">{", ".join(shown)}</a>'


# --- what the whole says ------------------------------------------------------------------------------


def _table(head, lines):
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *lines])


def _link(key):
    cell = CELLS[key]
    return (
        f'<a href="#{key}">{html.escape(" · ".join([cell.layer.code, cell.form.text, cell.loss.code]))}</a>'
    )


def counts(kept):
    """Write how many combinations of each task have which verdict, as a Markdown table."""
    lines = []
    for task in TASKS.values():
        found = [kept[key]["verdict"] for key, cell in CELLS.items() if cell.task is task]
        lines.append([task.title, *(str(found.count(one)) for one in VERDICTS)])
    total = [str(sum(int(line[place]) for line in lines)) for place in range(1, 1 + len(VERDICTS))]
    return _table(["Task", *VERDICTS.values()], [*lines, ["all", *total]])


def part(kept):
    """Return the combinations of recipes, and the first of each task and verdict."""
    chosen = {recipe.cell for recipe in RECIPES}
    for task in TASKS:
        for verdict in VERDICTS:
            found = [
                key
                for key, cell in CELLS.items()
                if cell.task.key == task and kept[key]["verdict"] == verdict
            ]
            chosen |= {*found[:1]}
    return [CELLS[key] for key in CELLS if key in chosen]


def types(kept):
    """Write the combinations that other types of labels change, as Markdown."""
    lines = [
        [_link(key), dtype, value if isinstance(value, str) else format_number(value, 4), _first(one)]
        for key, one in kept.items()
        for dtype, value in (one.get("types") or {}).items()
    ]
    if not lines:
        return "*There are none.*"
    return _table(["Combination", "Labels as", "What comes out", "First loss as float"], lines)


def elsewhere(kept):
    """Write what Keras gives on other backends where it departs from TensorFlow, as Markdown."""
    kinds = {}
    for key, one in kept.items():
        for backend, text in (one.get("elsewhere") or {}).items():
            kinds.setdefault((BACKENDS[backend], _kind(text)), []).append(key)
    lines = [[*kind, str(len(keys)), _some(keys)] for kind, keys in sorted(kinds.items())]
    return _table(["Backend", "What comes out", "How often", "Combinations"], lines)


def _kind(text):
    if text.startswith("raises nothing"):
        return "a loss of NaN, and no error" if text.endswith("nan") else "a loss, and no error"
    if text.startswith("raises"):
        return html.escape(text)
    return "NaN" if text.startswith("a loss of nan") else "another loss"


def _some(keys, most=3):
    rest = len(keys) - most
    return "<br>".join(map(_link, keys[:most])) + (f"<br>and {rest} more" if rest > 0 else "")


def missed(kept):
    """Return the silently wrong combinations in which `check` finds nothing that is worse than a note."""
    return [key for key, one in kept.items() if one["verdict"] == "wrong" and not one["check"]]


def doctor(kept):
    """Write what `check` says of the combinations that are silently wrong, and of those that work."""
    wrong = [one for one in kept.values() if one["verdict"] == "wrong"]
    found = missed(kept)
    lines = []
    for task in TASKS.values():
        for loss in task.losses:
            keys = [key for key in found if CELLS[key].task is task and CELLS[key].loss.key == loss.key]
            if keys:
                lines.append([task.title, f"`{loss.code}`", str(len(keys)), _link(keys[0])])
    said = {}
    for key, one in kept.items():
        if one["verdict"] == "works":
            for code in one["check"]:
                said.setdefault(code, []).append(key)
    works = [[f"`{code}`", _some(keys)] for code, keys in said.items()]
    return "\n\n".join(
        [
            f"Of {len(wrong)} silently wrong combinations, `check` finds something in "
            f"{len(wrong) - len(found)}. The other {len(found)}:",
            _table(["Task", "Loss", "Missed", "The first of them"], lines),
            "What it says of combinations that work here:",
            _table(["Finding", "Combinations"], works),
        ]
    )
