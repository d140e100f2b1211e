"""Checks of a compiled Keras model on one batch: nothing is trained, nothing is changed."""

import re
from dataclasses import dataclass, field, replace

import numpy as np

from lossbook.registry import CATALOGUE
from lossbook.tools.doctor.cases import (
    BINARY,
    CLASS_NUMBERS,
    DISTRIBUTIONS,
    ENTRYWISE,
    ONE_HOT,
    Case,
    Named,
    as_array,
    name_of,
)
from lossbook.tools.doctor.findings import Report, finds, found, run_checks
from lossbook.tools.doctor.graphs import REACH, Ending, Outlook, look_at, unchanged
from lossbook.tools.doctor.values import keras_loss

RECOMPILE = "model.compile(optimizer=model.optimizer, loss="
LAST = "model.layers[-1].activation = keras.activations."
"""How a mend changes the last activation; :func:`_at_layer` names the layer that has one."""

# --- what is looked at --------------------------------------------------------------------


@dataclass(frozen=True)
class Output:
    """One output of a model: its name, loss, labels, predictions and how they come about."""

    name: str
    loss: Named
    y: np.ndarray
    pred: np.ndarray
    ending: Ending
    dtype: str = "float32"
    value: float = float("nan")

    @property
    def case(self):
        """The arrays of this output."""
        return Case(self.loss, self.y, self.pred)

    @property
    def lined(self):
        """The same with ranks aligned as Keras does."""
        return self.case if self.loss.name in CLASS_NUMBERS | {"circle", "ctc"} else self.case.aligned


@dataclass(frozen=True)
class ModelCase:
    """A model and one batch."""

    model: object
    x: object
    y: object
    answers: object = None
    outputs: list = field(default_factory=list)
    seen: Outlook = None
    class_weight: dict = None
    weight: object = None
    losses: object = None

    def first(self, condition):
        """Return the first output of which something holds, or None."""
        return next((one for one in self.outputs if one.loss.name is not None and condition(one)), None)

    def where(self, output):
        """Name an output where there are several."""
        return "the output" if len(self.outputs) == 1 else f"output {output.name!r}"


def is_model(subject):
    """Tell a Keras model, without importing Keras."""
    return all(hasattr(subject, name) for name in ("compute_loss", "layers", "trainable_variables", "fit"))


def check_model(model, x, y=None, sample_weight=None, class_weight=None, batch_size=32):
    """Return the report on a compiled model and its first batch: see :func:`~lossbook.tools.check.check`."""
    if y is None and hasattr(x, "__iter__") and not isinstance(x, (np.ndarray, list, dict, tuple)):
        x, y, *rest = next(iter(x))
        sample_weight = rest[0] if rest else sample_weight
    if not getattr(model, "compiled", False) or getattr(model, "loss", None) is None:
        raise ValueError(
            "Received a model without a loss; expected a compiled one. Call model.compile(optimizer, loss) "
            "first."
        )
    if x is None or y is None:
        raise TypeError(
            "Received a model without a batch; expected check(model, x, y). Pass inputs and labels."
        )
    from lossbook.tools.engines import keras

    bad = _bad_input(x, keras)  # all of it: one NaN among a million rows ends training
    x = _cut(x, batch_size, keras)
    weight = None if sample_weight is None else _cut(sample_weight, batch_size, keras)
    if not model.built:
        model(x, training=False)  # its variables come to be, as they do in fit
    with unchanged(model), np.errstate(all="ignore"):
        return Report(_findings(model, x, y, weight, class_weight, keras, batch_size, bad))


def _cut(structure, rows, keras):
    """Take the first rows of every array of a structure."""
    frames = hasattr(structure, "iloc")  # pandas, which is no structure here
    return (
        as_array(structure)[:rows]
        if frames
        else keras.tree.map_structure(lambda a: as_array(a)[:rows], structure)
    )


LABELS = {
    "labels-start-at-1", "labels-out-of-range", "signs-for-01", "mixed-signs", "pixels",
    "negative-counts", "zero-targets", "not-finite",
}  # fmt: skip
"""Findings on labels alone, for which all of them are looked at and not the first rows only."""


def _beyond_the_batch(case, output, labels, told):
    """Return what is wrong with labels after the first batch; one prediction stands for all."""
    if output.loss.name is None or len(labels) == len(output.y) or output.ending.activation == "":
        return []
    from lossbook.tools.check import check_case

    pred = np.broadcast_to(output.pred[:1], (len(labels), *output.pred.shape[1:]))
    whole = replace(output, y=labels, pred=pred)
    found = [one for one in check_case(whole.lined) if one.code in LABELS - told]
    return [replace(_on_model(one, case, output), given=None, meant=None) for one in found]


def _findings(model, x, everything, weight, class_weight, keras, rows, bad):
    y = _cut(everything, rows, keras)
    answers = _answers(model, x)
    case = ModelCase(model, x, y, answers, class_weight=class_weight, weight=weight)
    findings = run_checks("model-frame", case)
    if bad:
        findings.append(bad)
    if any(one.code == "outputs-mismatch" for one in findings):
        return findings
    names = _names(model, answers) or ["output"]
    labels, everywhere = (_labels(names, given, keras) for given in (y, everything))
    raws = _losses(names, model.loss)
    one_weight = weight if isinstance(weight, np.ndarray) else None
    objects = [None if raw is None else _as_object(raw, keras) for raw in raws]
    seen = look_at(model, x, labels, objects, one_weight)
    outputs = []
    for place, (name, label, raw) in enumerate(zip(names, labels, raws, strict=True)):
        if raw is None:
            continue
        pred = seen.outputs[place]
        named = name_of(raw, label, pred)
        named = replace(named, form="class" if named.name else "custom", dtype=named.dtype or "float32")
        outputs.append(
            Output(name, named, label, pred, seen.endings[place], seen.dtypes[place], seen.values[place])
        )
    case = replace(case, outputs=outputs, seen=seen, losses=raws)
    findings += run_checks("model", case)
    told = {one.code for one in findings}
    for output, label in zip(
        outputs, [full for full, raw in zip(everywhere, raws, strict=True) if raw is not None], strict=True
    ):
        late = _beyond_the_batch(case, output, label, told)
        findings += late
        told |= {one.code for one in late}
        findings += _of_arrays(case, output, one_weight, told, label)
    findings = findings or run_checks("model-last", case)
    findings = [replace(one, mend=_at_layer(_rebuilt(one.mend, model), model)) for one in findings]
    if weight is not None:  # the weights go with their rows
        both = "x, y, sample_weight = x[keep], y[keep], sample_weight[keep]"
        findings = [replace(one, mend=one.mend.replace("x, y = x[keep], y[keep]", both)) for one in findings]
    return [_at_output(one, names, model, y, answers) for one in findings]


def _at_output(finding, names, model, y, answers):
    """Say the lines of a finding on one output of several in terms of that output."""
    told = re.match(r"output '(.+?)'", finding.where)
    if told is None or told[1] not in names:
        return finding
    name, place = told[1], names.index(told[1])
    mine, given, loss = (
        f"[{name!r}]" if isinstance(kind, dict) else f"[{place}]" for kind in (y, answers, model.loss)
    )
    others = f"{{**model.loss, {name!r}: \\1}}"
    if not isinstance(model.loss, dict):
        others = f"[*model.loss[:{place}], \\1, *model.loss[{place + 1} :]]"
    last = f"model.get_layer({name!r})" if name in {one.name for one in model.layers} else "model.layers[-1]"
    steps = {
        r"x, y = x\[keep\], y\[keep\]": "x, Y = keras.tree.map_structure(lambda a: a[keep], (x, Y))",
        r"check\(model, x, y\)": "check(model, x, Y)",
        r"\by\b(?!')": f"y{mine}",
        r"\bY\b": "y",
        r"\bmodel\(x\)": f"model(x){given}",
        r"\bmodel\.loss\b": f"model.loss{loss}",
        r"(?<=optimizer, loss=)(.+?\)|'\w+')(?=\)(?:$|\s|;))": others,
        r"model\.layers\[-1\]": last,
    }  # fmt: skip
    mend, guard = finding.mend, finding.guard
    if "layers[-1]" in guard and last == "model.layers[-1]":  # no telling which layer is this output's
        guard = f"assert {finding.code!r} not in lossbook.check(model, x, y).codes"
    for pattern, text in steps.items():
        mend, guard = (re.sub(pattern, text, line) for line in (mend, guard))
    return replace(finding, mend=mend, guard=guard)


def _rebuilt(mend, model):
    """Give a built model another last layer: its units cannot be changed any more."""
    units = re.match(r"model\.layers\[-1\]\.units = (\d+)", mend)
    if units is None or type(model.layers[-1]).__name__ != "Dense" or not hasattr(model, "inputs"):
        return mend
    return (
        "loss, last = model.loss, model.layers[-1]; model = keras.Model(model.inputs, "
        f"keras.layers.Dense({units[1]}, last.activation)(last.input)); model.compile('adam', loss)"
    )


def _at_layer(mend, model):
    """Name the last layer that has an activation, where it is not the last layer."""
    if LAST not in mend:
        return mend
    if not hasattr(model.layers[-1], "activation"):
        named = next((layer.name for layer in reversed(model.layers) if hasattr(layer, "activation")), None)
        mend = mend if named is None else mend.replace("model.layers[-1].a", f"model.get_layer({named!r}).a")
    return mend + ("" if "#" in mend else "  # or where the layer is made")


def _has_layer(model, activation):
    """Tell whether a layer of the model, and not a function in its call, has this activation."""
    return any(
        getattr(getattr(layer, "activation", None), "__name__", "") == activation for layer in model.layers
    )


@finds("refused", stage="model-last")
def refused(case):
    if not case.seen.error:
        return None
    return found(f"Keras refuses this batch: {case.seen.error}", "fit")


def _answers(model, x):
    """The outputs of a model as it gives them: a tensor, a list, a dictionary."""
    try:
        return model.output
    except (AttributeError, ValueError):  # a subclass has no graph
        return model(x, training=False)


def _names(model, answers):
    """The names under which compile knows the outputs: the keys of a dictionary, else those of layers."""
    if isinstance(answers, dict):
        return sorted(answers)
    named = list(getattr(model, "output_names", None) or [])
    if not named and isinstance(answers, (list, tuple)):
        return [f"output_{place}" for place in range(len(answers))]
    return named


def _labels(names, y, keras):
    """The labels of every output."""
    given = [y[n] for n in names] if isinstance(y, dict) and set(names) <= set(y) else y
    return [as_array(one) for one in keras.tree.flatten(given)]


def _losses(names, loss):
    """The loss of every output; None where it has none."""
    if isinstance(loss, dict):
        return [loss.get(name) for name in names]
    return list(loss) if isinstance(loss, (list, tuple)) else [loss] * len(names)


def _as_object(raw, keras):
    """Wrap a loss as compile does, so that ranks are aligned and types cast."""
    if isinstance(raw, keras.losses.Loss):
        return raw
    function = keras.losses.get(raw) if raw not in ("crossentropy", "ce") else _crossentropy
    if isinstance(function, keras.losses.Loss):
        return function

    class Wrapped(keras.losses.Loss):
        def call(self, y_true, y_pred):
            ranks = len(y_true.shape), len(y_pred.shape)
            if abs(ranks[0] - ranks[1]) == 1 and (y_true if ranks[0] > ranks[1] else y_pred).shape[-1] == 1:
                y_true = keras.ops.reshape(y_true, keras.ops.shape(y_pred))
            return function(y_true, y_pred)

    return Wrapped()


def _crossentropy(y_true, y_pred):
    """Choose the cross-entropy as compile(loss="crossentropy") does."""
    from lossbook.tools.engines import keras

    if y_pred.shape[-1] == 1:
        return keras.losses.binary_crossentropy(y_true, y_pred)
    if y_true.shape == y_pred.shape:
        return keras.losses.categorical_crossentropy(y_true, y_pred)
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


def _bad_input(x, keras):
    for place, array in enumerate(keras.tree.flatten(x)):
        array = as_array(array)
        if array.dtype.kind == "f" and array.size and not np.isfinite([array.min(), array.max()]).all():
            (finding,) = run_checks("input", _Input(array, place))
            return finding
    return None


@dataclass(frozen=True)
class _Input:
    array: np.ndarray
    place: int


@finds("not-finite", stage="input")
def input_not_finite(case):
    return found(
        "The inputs hold NaN or infinity: one step makes every weight NaN.",
        "x", ~np.isfinite(case.array),
        mend=f"keep = np.isfinite(x).all(axis={tuple(range(1, case.array.ndim))}); x, y = x[keep], y[keep]",
        guard="assert np.isfinite(x).all()",
    )  # fmt: skip


@finds("not-finite", stage="model")
def answers_not_finite(case):
    """Answers that are NaN or infinite though the batch is finite: weights that are lost, or an overflow."""
    from lossbook.tools.engines import keras

    output = next((o for o in case.outputs if not np.isfinite(o.pred).all()), None)
    if output is None or _bad_input(case.x, keras):
        return None
    lost = [v.path for v in case.model.variables if not np.isfinite(np.asarray(v, dtype=np.float32)).all()]
    if lost:
        return found(
            f"{len(lost)} of {len(case.model.variables)} variables hold NaN or infinity, {lost[0]} among "
            "them: the model was trained past a NaN, and no data or rate brings it back. Build it anew, and "
            "mend what happened before.",
            "the weights",
            mend="loss = model.loss; model = keras.models.clone_model(model); model.compile('adam', loss)",
            guard="assert all(np.isfinite(w).all() for w in model.get_weights())",
        )  # fmt: skip
    layer = _first_overflow(case, keras)
    return found(
        "Inputs and weights are finite, and predictions are not: "
        + (f"{layer.name} is the first layer whose output ({layer.compute_dtype}) overflows, or " if layer
           else "a layer overflows, or ")
        + "takes a root, a logarithm or a quotient that has no value. float32 ends at 3.4e38, which exp "
        "passes at 88.8, and float16 at 65504.",
        case.where(output), ~np.isfinite(output.pred),
        mend="x = (x - np.mean(x, axis=0)) / (np.std(x, axis=0) + 1e-7)",
        guard="assert np.isfinite(np.asarray(model(x))).all()",
    )  # fmt: skip


def _first_overflow(case, keras):
    """Return the first layer whose output is not finite; None where layers cannot be looked into."""
    try:
        values = case.x
        for layer in case.model.layers if isinstance(case.model, keras.Sequential) else ():
            values = layer(values, training=False)
            if not np.isfinite(np.asarray(values, dtype=np.float64)).all():
                return layer
    except Exception:  # structures, layers with a mask: then no layer is named
        pass
    return None


# --- the checks of arrays, said of a model ------------------------------------------------

ON_MODELS = {
    "negative-rate": LAST + "softplus",
    "zero-rate": LAST + "softplus",
    "rows-not-one": LAST + "softmax",
    "softmax-with-multi-hot": LAST + "sigmoid",
    "probabilities-for-scores": LAST + "linear",
    "broadcast": "y = np.broadcast_to(np.reshape(y, [len(y)] + [1] * (len(model(x).shape) - 1)), "
    "model(x).shape)"
    "  # or let the model give one answer for each sample",
    "zero-targets": "keep = (np.abs(np.reshape(y, (len(y), -1))) > 1e-6).all(axis=-1); x, y = x[keep], "
    "y[keep]  # or use MAE",
    "not-finite": "keep = np.isfinite(np.reshape(y, (len(y), -1))).all(axis=-1); x, y = x[keep], y[keep]",
    "zero-vector": "keep = np.abs(y).max(axis=-1) >= 1e-7; x, y = x[keep], y[keep]",
    "not-unit": "model = keras.Sequential([model, keras.layers.UnitNormalization()]); "
    "model.compile('adam', keras.losses.Circle())",
    "dead-clipped": RECOMPILE + "keras.losses.BinaryCrossentropy(from_logits=True))",
}
TOLD = {
    "probabilities-as-logits": {"squashed-twice"},
    "squashed-twice": {"probabilities-as-logits", "rows-not-one"},
    "softmax-one-unit": {"constant-predictions", "dead-clipped", "logits-as-probabilities", "one-column"},
    "sigmoid-with-categorical": {"rows-not-one"},
    "logits-as-probabilities": {"rows-not-one", "dead-clipped", "nan-gradient"},
    "narrow-output": {"narrow-type"},
    "first-loss": {"dead-clipped"},
    "dead-gradient": {"constant-predictions"},
    "labels-out-of-range": {"first-loss"},
}
"""What a finding on the model explains, so that the arrays need not say it again."""

SILENT = {"batch-of-one", "integer-predictions", "constant-predictions"}
"""What is no finding of a model: one may start with weights of 0, and learn."""


def _of_arrays(case, output, weight, told, everywhere):
    """Run the checks of arrays on one output, and say them in terms of the model."""
    from lossbook.tools.check import check_case

    if output.loss.name is None:
        return []
    lined = output.lined
    if len(case.outputs) == 1 and weight is not None:
        lined = lined.changed(weight=weight)
    silent = set().union(*(TOLD.get(code, set()) for code in told)) | told | SILENT
    if output.ending.activation:
        silent |= {"probabilities-as-logits", "squashed-twice"}  # the graph tells better than numbers
        if output.ending.activation in ("softmax", "sigmoid") and output.ending.direct:
            silent |= {"dead-clipped"}  # Keras finds the logits
    varies = len(everywhere) and bool((everywhere != everywhere[:1]).any())
    return [
        _on_model(one, case, output)
        for one in check_case(lined)
        if (one.code not in silent or one.code == "not-finite" and one.where == "y_true")
        and not (one.code == "constant-labels" and varies)  # fit shuffles
    ]


def _on_model(finding, case, output):
    of_weights = finding.where.startswith("sample_weight")
    mend = "" if of_weights else ON_MODELS.get(finding.code)
    mend = mend or _said_of_model(finding.mend)
    if finding.code == "broadcast" and output.loss.name == "categorical_generalized_cross_entropy":
        mend = _said_of_model(finding.mend)  # class numbers of shape (N, 1) lose their axis
    if finding.code == "background":
        told = re.search(r"np\.delete\(y_true, (\d+)", finding.mend)
        kept = [k for k in range(output.pred.shape[-1]) if k != (int(told[1]) if told else 0)]
        parts = ", ".join(f"keras.ops.take({one}, {kept}, -1)" for one in "yp")
        mend = f"{RECOMPILE}lambda y, p: keras.losses.{output.loss.name}({parts}))"
    if finding.code == "logits-as-probabilities" and "y_pred" in finding.mend:
        mend = LAST + ("softmax" if "softmax" in finding.mend else "sigmoid")
    if finding.code == "dead-clipped" and output.loss.name != "binary_crossentropy":
        mend = f"{LAST}linear; {RECOMPILE}{keras_loss(output.case, from_logits=True)})"
    where = re.sub(r"\by_true\b", "y", re.sub(r"\by_pred\b", "predictions", finding.where))
    if len(case.outputs) > 1:
        where = f"output {output.name!r}: {where}"
    given = output.value if finding.given is not None and np.isfinite(output.value) else finding.given
    return replace(finding, mend=mend, guard=_words(finding.guard), where=where, given=given)


def _said_of_model(mend):
    mend = mend.replace(
        "y_true, y_pred, sample_weight = y_true[keep], y_pred[keep], sample_weight[keep]",
        "x, y, sample_weight = x[keep], y[keep], sample_weight[keep]",
    )
    mend = mend.replace("y_true, y_pred = y_true[keep], y_pred[keep]", "x, y = x[keep], y[keep]")
    mend = mend.replace("y_pred, y_true = y_pred[keep], ", "x, y = x[keep], ")
    mend = re.sub(r"\bloss = ([^#]*?)(\s*#.*)?$", rf"{RECOMPILE}\1)\2", mend)
    return _words(mend)


def _words(text):
    text = re.sub(r"np\.shape\(y_pred\)|y_pred\.shape", "model(x).shape", text)
    text = re.sub(r"\by_true\b", "y", re.sub(r"\by_pred\b", "np.asarray(model(x))", text))
    return re.sub(r"(?<![.\w'])loss(?=[,)\s])(?! ?=)", "model.loss", text)


# --- outputs, losses, weights ---------------------------------------------------------------


@finds("outputs-mismatch", stage="model-frame")
def outputs_mismatch(case):
    model, loss = case.model, case.model.loss
    names = _names(model, case.answers)
    if not names:
        return None
    problem = _mismatch("losses", loss, names) or _mismatch("labels", case.y, names)
    weights = (model.get_compile_config() or {}).get("loss_weights") if _serialises(model) else None
    problem = problem or _mismatch("loss_weights", weights, names)
    if not problem:
        return None
    return found(
        f"{problem} The outputs are {', '.join(names)}.",
        "compile",
        mend=f"model.compile('adam', dict(zip({names}, losses))); y = dict(zip({names}, labels))  # one of "
        "each an output",
        guard="assert 'outputs-mismatch' not in lossbook.check(model, x, y).codes",
    )


def _mismatch(what, given, names):
    if isinstance(given, dict):
        strange, missing = (
            sorted(set(map(str, given)) - set(names)),
            sorted(set(names) - set(map(str, given))),
        )
        if strange:
            return f"{what} are given for {', '.join(strange)}, which is no output."
        if missing and what != "loss_weights":
            return f"{', '.join(missing)} has no entry among the {what}: it is not trained."
    elif (
        isinstance(given, (list, tuple)) and len(given) != len(names) and (len(names) > 1 or what != "labels")
    ):
        return f"There are {len(given)} {what} and {len(names)} outputs."
    elif what == "labels" and len(names) > 1 and not isinstance(given, (list, tuple, dict)):
        return f"There is one array of labels and {len(names)} outputs."
    return None


def _serialises(model):
    try:
        model.get_compile_config()
    except Exception:  # a lambda among the losses
        return False
    return True


def _metrics_of(model):
    """The metrics as the user named them."""
    given = getattr(getattr(model, "_compile_metrics", None), "_user_metrics", None)
    stack, flat = [given], []
    while stack:
        one = stack.pop()
        if isinstance(one, (list, tuple)):
            stack.extend(one)
        elif isinstance(one, dict):
            stack.extend(one.values())
        elif one is not None:
            flat.append(one)
    return flat


@finds("loss-as-metric", stage="model")
def loss_as_metric(case):
    from lossbook.tools.engines import keras

    used = [one for one in _metrics_of(case.model) if isinstance(one, keras.losses.Loss)]
    if not used:
        return None
    name = type(used[0]).__name__
    metric = f"keras.metrics.{name}()" if hasattr(keras.metrics, name) else f"keras.losses.{used[0].name}"
    return found(
        f"The loss {name} is used as a metric: it gives one mean for each batch, and the metric takes the "
        "mean of "
        "those, so that a short last batch counts as much as a full one, and sample weights count twice or "
        "not at all.",
        "compile(metrics=…)",
        mend=f"model.compile(optimizer=model.optimizer, loss=model.loss, metrics=[{metric}])",
        guard="assert 'keras.losses' not in str(model.get_compile_config()['metrics'])",
    )


@finds("regularisation", stage="model")
def regularisation(case):
    if case.seen.penalty == 0 or not case.outputs:
        return None
    output = case.outputs[0]
    spec = CATALOGUE.get(output.loss.name)
    names = set() if spec is None else {spec.name, *spec.aliases, spec.cls.__name__}
    shown = {
        one if isinstance(one, str) else getattr(one, "name", None) or getattr(one, "__name__", "")
        for one in _metrics_of(case.model)
    }
    shown |= {type(one).__name__ for one in _metrics_of(case.model)}
    if names & shown:
        return None
    value = sum(case.seen.values)
    metric = f"keras.losses.{spec.name}" if spec else "model.loss"
    if spec and output.loss.parameters.get("from_logits"):
        metric = f"keras.metrics.{spec.cls.__name__}(from_logits=True)"
    return found(
        f"The layers add {case.seen.penalty:.6g} to the reported loss: fit and evaluate show the sum.",
        "model.losses", given=value + case.seen.penalty, meant=value,
        mend=f"model.compile(optimizer=model.optimizer, loss=model.loss, metrics=[{metric}])  # shown "
             "beside the sum",
        guard="assert not model.losses or model.get_compile_config().get('metrics')",
    )  # fmt: skip


@finds("class-weight", stage="model")
def class_weight(case):
    weights = case.class_weight
    if weights is None:
        return None
    mend = "sample_weight = np.vectorize(class_weight.get)(y).astype('float32')"
    if len(case.outputs) > 1:
        return found(
            "class_weight with several outputs: Keras refuses it.",
            "class_weight",
            mend=mend,
            guard="assert class_weight is None",
        )
    y = case.outputs[0].y
    labels = y.reshape(y.shape[:-1]) if y.ndim > 1 and y.shape[-1] == 1 else y
    hot = labels.ndim == 2 and bool((labels.sum(axis=-1) == 1).all()) and float(labels.max()) == 1
    if labels.ndim > 1 and not hot:
        kind = (
            "one label for each step"
            if labels.ndim > 2 or float(labels.max()) > 1
            else "several classes a sample"
        )
        return found(
            f"class_weight on labels of shape {y.shape} ({kind}): Keras takes the largest entry of the last "
            "axis for "
            "the class, and raises or weighs by the wrong one.",
            "class_weight", mend=mend + "; class_weight = None", guard="assert class_weight is None or "
            "np.ndim(y) == 1",
        )  # fmt: skip
    numbers = labels.argmax(axis=-1) if hot else labels.astype(np.int64)
    missing = sorted(set(numbers.ravel().tolist()) - set(weights))
    if not missing:
        return None
    return found(
        f"class_weight has no entry for the classes {missing[:5]}: they weigh 1.",
        "class_weight", mend=f"class_weight = {{**dict.fromkeys({missing}, 1.0), **class_weight}}",
        guard=f"assert set({missing}) <= set(class_weight)",
    )  # fmt: skip


@finds("broadcast", stage="model")
def broadcast_by_own_loss(case):
    """A Loss subclass gets labels of shape (N,) as they are: Keras 3 aligns ranks for functions alone."""
    from lossbook.tools.engines import keras

    for output, raw in zip(case.outputs, [one for one in case.losses if one is not None], strict=True):
        shapes = output.y.shape, output.pred.shape
        column = output.pred.shape == (*output.y.shape, 1) or output.y.shape == (*output.pred.shape, 1)
        own = output.loss.origin == "own" and isinstance(raw, keras.losses.Loss)
        if not own or not column or len(output.y) < 2:
            continue
        try:
            given, meant = (
                float(np.mean(np.asarray(raw.call(keras.ops.convert_to_tensor(y, "float32"), output.pred))))
                for y in (output.y, output.y.reshape(output.pred.shape))
            )
        except Exception:  # it wants one of the two alone
            continue
        if np.isclose(given, meant):
            continue
        return found(
            f"y {shapes[0]} against predictions {shapes[1]}: {type(raw).__name__}.call gets them as they "
            "are, and compares every label with every prediction. compile aligns them for functions, not for "
            "a Loss class of one's own.",
            "y and predictions", given=given, meant=meant,
            mend="y = np.reshape(y, model(x).shape)", guard="assert np.shape(y) == tuple(model(x).shape)",
        )  # fmt: skip
    return None


# --- the last activation --------------------------------------------------------------------


@finds("softmax-one-unit", stage="model")
def softmax_one_unit(case):
    one = case.first(
        lambda o: (
            o.pred.shape[-1:] == (1,)
            and (o.ending.activation == "softmax" or o.ending.activation == "" and (o.pred == 1).all())
        )
    )
    if one is None:
        return None
    learns = any(size and size > 0 for _, size in case.seen.slopes)
    return found(
        "A softmax over one unit is always 1: the model cannot say anything else"
        + (". The loss may fall all the same, because Keras trains on the logits that it remembers: "
           "accuracy does not move." if learns else ", and no gradient passes."),
        case.where(one), given=one.value,
        mend=LAST + "sigmoid",
        guard="assert np.ptp(np.asarray(model(x))) > 1e-6",
    )  # fmt: skip


@finds("squashed-twice", stage="model")
def squashed_twice(case):
    one = case.first(lambda o: o.ending.inner and o.loss.name in BINARY | DISTRIBUTIONS)
    if one is None or one.loss.parameters.get("from_logits"):
        return None
    return found(
        f"{one.ending.inner} is followed by {one.ending.activation}: probabilities are squashed once more.",
        case.where(one), given=one.value,
        mend=LAST + "linear",
        guard="assert 'squashed-twice' not in lossbook.check(model, x, y).codes",
    )  # fmt: skip


@finds("probabilities-as-logits", stage="model")
def probabilities_as_logits(case):
    one = case.first(lambda o: o.case.from_logits and o.ending.activation in ("softmax", "sigmoid"))
    if one is None:
        return None
    return found(
        f"The model ends in {one.ending.activation}, and the loss has from_logits=True. Keras on TensorFlow "
        "warns and uses the logits where it finds them; elsewhere it squashes twice, which here would give "
        f"{one.lined.number() or np.nan:.6g}.",
        case.where(one), given=one.value, meant=one.lined.number(from_logits=False),
        mend=LAST + "linear"
        if one.loss.name == "ctc"
        else f"{RECOMPILE}{keras_loss(one.case, from_logits=False)})",
        guard="assert 'probabilities-as-logits' not in lossbook.check(model, x, y).codes",
    )  # fmt: skip


@finds("logits-as-probabilities", stage="model")
def logits_as_probabilities(case):
    ends = ("linear", "relu", "tanh", "log_softmax", "elu", "leaky_relu", "softplus")
    one = case.first(
        lambda o: (
            o.loss.name in BINARY | DISTRIBUTIONS
            and not o.loss.parameters.get("from_logits")
            and o.ending.activation in ends
        )
    )
    if one is None or one.pred.shape[-1:] == (1,) and one.loss.name in DISTRIBUTIONS:
        return None
    spec = CATALOGUE[one.loss.name]
    logits = "from_logits" in spec.parameters
    mend = f"{RECOMPILE}{keras_loss(one.case, from_logits=True)})" if logits else LAST + "softmax"
    if one.ending.activation in ("relu", "tanh", "softplus", "elu", "leaky_relu"):
        mend = LAST + ("sigmoid" if one.loss.name in BINARY else "softmax")
    meant = one.case if one.loss.name in CLASS_NUMBERS else one.case.aligned
    return found(
        f"The model ends in {one.ending.activation}, and {one.loss.name} takes its output for probabilities.",
        case.where(one), given=one.value, meant=meant.number(from_logits=True) if logits else None,
        mend=mend,
        guard="assert getattr(model.loss, 'from_logits', False) or model.layers[-1].activation in "
        "(keras.activations.sigmoid, keras.activations.softmax)",
    )  # fmt: skip


@finds("logits-hidden", stage="model")
def logits_hidden(case):
    losses = {"binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"}
    one = case.first(
        lambda o: (
            o.ending.activation in ("softmax", "sigmoid")
            and not o.ending.direct
            and o.loss.name in losses
            and not o.loss.parameters.get("from_logits")
            and o.dtype == "float32"
            and o.pred.shape[-1:] != (1,) * (o.ending.activation == "softmax")
        )
    )
    if (
        one is None
        or one.ending.activation == "sigmoid"
        and one.loss.name != "binary_crossentropy"
        or one.ending.inner
    ):
        return None
    return found(
        f"Something stands between the {one.ending.activation} and the loss (Flatten, Reshape, a cast): "
        "Keras no longer finds "
        "the logits, clips at 1e-7, and a miss beyond a logit of 16 has no gradient.",
        case.where(one), given=one.value,
        mend=f"{LAST}linear; {RECOMPILE}{keras_loss(one.case, from_logits=True)})",
        guard="assert getattr(model.loss, 'from_logits', False)",
    )  # fmt: skip


@finds("sigmoid-with-categorical", stage="model")
def sigmoid_with_categorical(case):
    names = ONE_HOT | CLASS_NUMBERS | {"kl_divergence"}
    one = case.first(
        lambda o: o.ending.activation == "sigmoid" and o.loss.name in names and o.pred.shape[-1] > 1
    )
    if one is None or one.ending.inner or one.loss.parameters.get("from_logits"):
        return None
    return found(
        f"The model ends in sigmoid, and {one.loss.name} wants classes that compete: Keras divides each row "
        "by its sum, "
        "or takes the logits for those of a softmax.",
        case.where(one), given=one.value, mend=LAST + "softmax" if _has_layer(case.model, "sigmoid") else
        f"y = np.eye({one.pred.shape[-1]})[y]; " * (one.loss.name in CLASS_NUMBERS)
        + f"{RECOMPILE}'binary_crossentropy')",
        guard="assert 'binary' in str(model.loss) or np.allclose(np.sum(np.asarray(model(x)), axis=-1), 1, "
              "atol=1e-3)",
    )  # fmt: skip


@finds("softmax-with-binary", stage="model")
def softmax_with_binary(case):
    one = case.first(
        lambda o: o.ending.activation == "softmax" and o.loss.name in BINARY and o.pred.shape[-1] > 2
    )
    if one is None or one.y.shape != one.pred.shape or one.loss.parameters.get("from_logits"):
        return None
    if (one.case.true_sums > 1).any():
        return None  # told by "softmax-with-multi-hot"
    categorical = one.loss.name.replace("binary", "categorical")
    return found(
        f"The model ends in softmax over {one.pred.shape[-1]} classes, and {one.loss.name} asks "
        f"{one.pred.shape[-1]} "
        "separate questions: the number is several times smaller.",
        case.where(one), given=one.value, meant=one.case.number(categorical),
        mend=f"{RECOMPILE}{keras_loss(one.case, categorical)})",
        guard="assert 'binary' not in getattr(model.loss, 'name', str(model.loss)).lower()",
    )  # fmt: skip


SCALED = dict.fromkeys(("softmax", "sigmoid"), "y = (y - np.min(y)) / np.ptp(y)")
SCALED |= dict.fromkeys(("relu", "softplus", "exp"), "y = y - np.min(y)") | {
    "tanh": "y = y / np.abs(y).max()"
}
"""How targets come into the reach of an activation."""


@finds("targets-out-of-reach", stage="model")
def targets_out_of_reach(case):
    one = case.first(lambda o: o.loss.name in ENTRYWISE - {"poisson"} and o.ending.activation in REACH)
    if one is None:
        return None
    low, high = REACH[one.ending.activation]
    outside = (one.y < low - 1e-6) | (one.y > high + 1e-6)
    if not outside.any():
        return None
    return found(
        f"The model ends in {one.ending.activation}, which gives {low} to {high}; labels run from "
        f"{float(one.y.min()):.6g} to "
        f"{float(one.y.max()):.6g}. It can never answer them.",
        "y", outside, given=one.value,
        mend=LAST + "linear"
        if _has_layer(case.model, one.ending.activation)
        else SCALED[one.ending.activation],
        guard="assert 'targets-out-of-reach' not in lossbook.check(model, x, y).codes",
    )  # fmt: skip


@finds("narrow-output", stage="model")
def narrow_output(case):
    one = next((o for o in case.outputs if o.dtype in ("float16", "bfloat16")), None)
    if one is None:
        return None
    return found(
        f"The model's output is {one.dtype}: probabilities near 1 are rounded to 1, the loss casts and no "
        "longer finds "
        "the logits, and what is clipped has no gradient.",
        case.where(one), given=one.value,
        mend="model.layers[-1].dtype_policy = keras.DTypePolicy('float32')",
        guard="assert model.layers[-1].compute_dtype == 'float32'",
    )  # fmt: skip


# --- gradients ------------------------------------------------------------------------------


@finds("frozen", stage="model")
def frozen(case):
    model = case.model
    rate = getattr(model.optimizer, "learning_rate", None)
    still = rate is not None and not callable(rate) and float(np.asarray(rate)) == 0
    if model.trainable_variables and not still:
        return None
    if (
        not model.variables
        or not model.trainable_variables
        and not any(layer.weights for layer in model.layers)
    ):
        return None
    return found(
        "The learning rate is 0: nothing is trained." if still else "No variable is trainable: nothing is "
        "trained.",
        "the optimizer" if still else "the model",
        mend="model.optimizer.learning_rate = 1e-3" if still else "model.trainable = True; [setattr(layer, "
        "'trainable', True) for layer in model.layers]",
        guard="assert model.trainable_variables and float(np.asarray(model.optimizer.learning_rate)) > 0",
    )  # fmt: skip


def _kernels(case):
    """One weight of each layer, the one with the largest slope, in the model's order.

    Biases are left out where there is anything else: that of the keys of attention has no slope by design.
    """
    several = [(v, s) for v, s in case.seen.slopes if len(v.shape) >= 2 and "bias" not in v.name]
    layers = {}
    for variable, size in several or case.seen.slopes:
        home = variable.path.rpartition("/")[0]
        if home not in layers or size > layers[home][1]:
            layers[home] = (variable, size)
    return list(layers.values())


@finds("no-gradient", "nan-gradient", "dead-gradient", stage="model")
def gradient(case):
    slopes = case.seen.slopes
    if case.seen.error or not slopes or len(case.outputs) < len(case.losses):
        return None
    if all(o.ending.activation == "softmax" and o.pred.shape[-1:] == (1,) for o in case.outputs):
        return None
    cut = [v.path for v, size in slopes if size is None]
    if cut:
        return _cut_off(case, cut)
    if any(size != size for _, size in slopes) and all(np.isfinite(case.seen.values)):
        bad = [v.path for v, size in slopes if size != size]
        return found(
            f"The loss is finite, and the gradient is NaN at {', '.join(bad[:3])}: after one step every "
            "weight is NaN. A root "
            "or a quotient at 0, or a where() over a branch that is infinite.",
            bad[-1], mend="model.compile(optimizer=model.optimizer, loss='mse')  # and a small number under "
                          "the root",
            guard="assert 'nan-gradient' not in lossbook.check(model, x, y).codes",
            code="nan-gradient",
        )  # fmt: skip
    return _dead(case)


def _cut_off(case, cut):
    return found(
        f"No gradient reaches {', '.join(cut[:4])}: an operation without a derivative (argmax, round, a "
        "cast to integers, "
        "stop_gradient, NumPy) stands between these weights and the loss, or they are not used.",
        cut[-1],
        mend=_without_what_follows(case.model, cut[-1]),
        guard="assert 'no-gradient' not in lossbook.check(model, x, y).codes",
    )


def _without_what_follows(model, path):
    """Write the line that takes the layers without weights after a variable's layer out of a model."""
    layers = model.layers
    place = next(
        (i for i, layer in enumerate(layers) if any(v.path == path for v in layer.weights)), len(layers)
    )
    out = []
    for layer in layers[place + 1 :]:
        if layer.weights:
            break
        out.append(layer.name)
    if type(model).__name__ != "Sequential" or not out:
        return f"model = built_again  # without what follows {path.rpartition('/')[0] or path}"
    return (
        f"kept, loss = [layer for layer in model.layers if layer.name not in {out}], model.loss; "
        "model = keras.Sequential(kept); model.compile('adam', loss)"
    )


def _dead(case):
    kernels, slopes = _kernels(case), case.seen.slopes
    largest = max((size for _, size in slopes), default=0)
    dead = [v for v, size in kernels if not size > 1e-12 * max(largest, 1e-12)]
    total = sum(case.seen.values)
    if not dead or not np.isfinite(total) or abs(total) < 1e-6:
        return None
    alive = [v for v, size in kernels if size > 1e-12 * max(largest, 1e-12)]
    if alive and not np.any(np.asarray(alive[0])):
        return None  # an output that starts at zero weights learns, and the rest follows
    last = dead[-1].path.rpartition("/")[0] or dead[-1].path
    follows = alive[0].path.rpartition("/")[0] if alive else "the loss"
    biases = [s for v, s in slopes if v.path.rpartition("/")[0] == last and v is not dead[-1]]
    where = f"it dies between {last} and {follows}"
    if any(size and size > 1e-12 * largest for size in biases):
        where = f"it reaches {last}, whose inputs are all 0"
    return found(
        f"The gradient is 0 at {len(dead)} of {len(kernels)} weights: {where}. "
        "A saturated or "
        "clipped activation, dead ReLU units or weights that are all 0 let nothing through.",
        last,
        given=total,
        mend=_revived(case, dead),
        guard="assert 'dead-gradient' not in lossbook.check(model, x, y).codes",
        code="dead-gradient",
    )


def _revived(case, dead):
    """Write the line that lets a gradient through, by what stops it."""
    model = case.model
    if not any(np.any(np.asarray(v)) for v in dead):
        return (
            "[v.assign(keras.initializers.GlorotUniform()(v.shape)) for v in model.trainable_variables "
            "if len(v.shape) > 1]"
        )
    bent = [
        layer for layer in model.layers
        if getattr(getattr(layer, "activation", None), "__name__", "linear") not in ("linear", "softmax")
    ]  # fmt: skip
    if len(bent) > 1 and case.outputs[0].ending.activation == "sigmoid" and case.outputs[0].ending.direct:
        bent = bent[:-1]  # Keras goes round the last sigmoid: it is not what stops the gradient
    if not bent:
        return _without_what_follows(model, dead[-1].path)
    kind = "leaky_relu" if bent[-1].activation.__name__ == "relu" else "linear"
    names = [layer.name for layer in bent]
    return (
        f"[setattr(model.get_layer(name), 'activation', keras.activations.{kind}) for name in {names}]"
        "  # and scale the inputs"
    )


# --- masks and the first number -------------------------------------------------------------


@finds("mask-lost", stage="model")
def mask_lost(case):
    from lossbook.tools.engines import keras

    makers = [
        layer for layer in _all_layers(case.model)
        if isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False)
    ]  # fmt: skip
    if not makers or not isinstance(case.x, np.ndarray) or case.weight is not None:
        return None
    output = next((o for o in case.outputs if o.pred.ndim >= 3 and o.pred.shape[1] == case.x.shape[1]), None)
    if output is None:
        return None
    raw = case.model(case.x, training=False)
    mask = makers[0].compute_mask(case.x)
    if getattr(raw, "_keras_mask", None) is not None or mask is None or np.asarray(mask).all():
        return None
    hidden = ~np.asarray(mask)
    return found(
        f"{makers[0].name} makes a mask, and the output has lost it: {int(hidden.sum())} padded steps count "
        "in the loss.",
        "the output", hidden, given=output.value, mend="sample_weight = (np.asarray(x) != "
                                                       "0).astype('float32')  # pass it to fit",
        guard="assert sample_weight is not None",
    )  # fmt: skip


def _all_layers(model):
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from _all_layers(layer)


@finds("first-loss", stage="model")
def first_loss(case):
    for output in case.outputs:
        cost, what = no_information(output.loss.name, output.y, output.pred)
        if cost is None or not np.isfinite(output.value):
            continue
        probabilities = output.loss.name in BINARY | DISTRIBUTIONS
        if output.value <= (3 * cost + 1 if probabilities else 100 * cost):
            continue
        if probabilities and (
            output.y.min() < 0 or output.pred.shape[-1] == 1 and output.loss.name in DISTRIBUTIONS
        ):
            continue
        if (
            probabilities
            and output.ending.activation not in ("softmax", "sigmoid")
            and not output.loss.parameters.get("from_logits")
        ):
            continue
        scale = "x = (x - np.mean(x, axis=0)) / (np.std(x, axis=0) + 1e-7)"
        if not probabilities:
            scale = "y = (y - np.mean(y)) / np.std(y)"
        return found(
            f"The loss is {output.value:.6g}, and an answer without information costs {cost:.6g} ({what}): "
            "the model starts "
            "out confidently wrong. Inputs or targets are not scaled, or labels are not what they seem.",
            case.where(output), given=output.value, meant=cost, mend=scale,
            guard="assert 'first-loss' not in lossbook.check(model, x, y).codes" if probabilities
            else "assert np.abs(np.mean(y)) < 3 * np.std(y)",
        )  # fmt: skip
    return None


def no_information(name, y, pred):
    """Return what a constant answer costs, and how that number is called; None where it is not known.

    Examples
    --------
    >>> no_information("sparse_categorical_crossentropy", np.array([0, 1]), np.zeros((2, 10)))
    (2.302585092994046, 'log 10')
    """
    if name == "binary_crossentropy":
        return float(np.log(2)), "log 2"
    if name in ("categorical_crossentropy", "sparse_categorical_crossentropy"):
        return float(np.log(pred.shape[-1])), f"log {pred.shape[-1]}"
    if name == "mean_squared_error" and np.std(y) > 0:
        return float(np.var(y)), "the variance of the labels"
    if name == "mean_absolute_error" and np.std(y) > 0:
        return float(np.mean(np.abs(y - np.median(y)))), "the mean distance from the median"
    return None, ""


__all__ = ["ModelCase", "Output", "check_model", "is_model", "no_information"]
