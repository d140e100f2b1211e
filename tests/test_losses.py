"""What every loss is: known values, Keras's calls, types, layouts and sizes, and how its code is written.

Values and slopes against Keras, differences and 100 digits are in ``test_properties.py``. What runs for
every loss is driven by the catalogue and by the records in ``cases.py``.
"""

import copy
import inspect
import math
import os
import pickle
import re
import warnings
from itertools import product

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from cases import EXAMPLES, FIRST, FROM_LOGITS, KERAS_HAS, LOSSES, PARAMETERS, example, rows_of

import lossbook
from lossbook import CATALOGUE

DTYPES = {"float32": np.float32, "float64": np.float64}
each_loss = pytest.mark.parametrize("name", CATALOGUE)
each_example = pytest.mark.parametrize("name, parameters", EXAMPLES, ids=lambda part: str(part))


def is_drawn_as(*kinds):
    """Return the losses whose records draw their data in one of these ways."""
    return [name for name in CATALOGUE if LOSSES[name].draw.__name__ in kinds]


def keras_function(name):
    """Return a loss of Keras as a function, wherever it is exported."""
    return getattr(keras.losses, name, None) or getattr(tf.keras.losses, name)


# --- known values -------------------------------------------------------------------------


@pytest.mark.parametrize("name, y_true, y_pred, parameters, value, provenance", rows_of("known"))
def test_known_values(name, y_true, y_pred, parameters, value, provenance):
    ours = CATALOGUE[name].function(y_true, y_pred, **parameters)
    assert np.allclose(ours, value, rtol=2e-6, atol=1e-15), provenance


def every_path(logits, label):
    """Return CTC's value by listing every path: what the two passes must equal."""
    frames, symbols = logits.shape
    chances_of = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    total = 0.0
    for path in product(range(symbols), repeat=frames):
        kept = [now for before, now in zip((None, *path), path, strict=False) if now != before]
        if [symbol for symbol in kept if symbol] == list(label):
            total += np.prod([chances_of[frame, symbol] for frame, symbol in enumerate(path)])
    return -math.log(total)


@pytest.mark.parametrize("label", [[], [1], [1, 1], [1, 2], [2, 1, 2], [1, 1, 2]])
def test_ctc_equals_the_list_of_all_paths(label):
    logits = np.random.default_rng(3).normal(0, 1, (5, 3))
    padded = [label + [0] * (4 - len(label))]
    assert math.isclose(lossbook.ctc(padded, logits[np.newaxis])[0], every_path(logits, label), rel_tol=1e-13)


# --- logits of any size -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name", FROM_LOGITS)
def test_logits_of_ten_thousand_are_exact(name, dtype):
    spec = CATALOGUE[name]
    right, wrong = np.array([[1e4, -1e4]], dtype), np.array([[-1e4, 1e4]], dtype)
    labels = np.array([0]) if name.startswith("sparse") else np.array([[1, 0]], dtype)
    parameters = {"from_logits": True} | ({"alpha": 1.0} if name == "categorical_focal_crossentropy" else {})
    worst = 1e4 if name.startswith("binary") else 2e4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spec.function(labels, right, **parameters)[0] == 0
        assert spec.function(labels, wrong, **parameters)[0] == worst
        assert np.abs(spec.gradient(labels, right, **parameters)).max() == 0
        slope = spec.gradient(labels, wrong, **parameters)
    assert slope.tolist() == ([[-0.5, 0.5]] if name.startswith("binary") else [[-1.0, 1.0]])


# --- the same calls as Keras --------------------------------------------------------------

KERAS_CLASSES = [
    name
    for name, value in vars(keras.losses).items()
    if inspect.isclass(value) and issubclass(value, keras.losses.Loss) and value is not keras.losses.Loss
]
KERAS_FUNCTIONS = [
    name
    for name, value in {**vars(keras.losses), **vars(tf.keras.losses)}.items()
    if inspect.isfunction(value) and name not in ("get", "serialize", "deserialize")
]


def parameters_of(callable_):
    """Return names and defaults in order."""
    return [(p.name, p.default) for p in inspect.signature(callable_).parameters.values()]


def test_every_loss_of_keras_is_here():
    assert {CATALOGUE[name].cls.__name__ for name in KERAS_HAS} == set(KERAS_CLASSES)
    assert set(KERAS_HAS) <= set(KERAS_FUNCTIONS)


@pytest.mark.parametrize("name", KERAS_CLASSES)
def test_class_signature_is_keras_own(name):
    assert parameters_of(getattr(lossbook, name)) == parameters_of(getattr(keras.losses, name))


@pytest.mark.parametrize("name", KERAS_FUNCTIONS)
def test_function_signature_is_keras_own(name):
    ours, theirs = parameters_of(getattr(lossbook, name)), parameters_of(keras_function(name))
    further = ours[len(theirs) :]
    assert ours[: len(theirs)] == theirs
    assert further == [(key, None) for key in DATA_OF_A_BATCH.get(name, ())]


DATA_OF_A_BATCH = {"ctc": ("logit_lengths", "label_lengths")}  # Keras has them in ops.ctc_loss alone


def names_known_to(*modules):
    """Return every name that stands for a loss in these modules, and what the loss is called."""
    found = {}
    for module in modules:
        for name, value in vars(module).items():
            called = getattr(value, "__name__", "")
            if called in CATALOGUE or (called in KERAS_CLASSES and inspect.isclass(value)):
                found[name] = called
    return found


def every_name():
    from keras.src.losses import ALL_OBJECTS_DICT
    from tf_keras.src import losses as written

    found = {name: value.__name__ for name, value in ALL_OBJECTS_DICT.items() if "Loss" not in name}
    return found | names_known_to(keras.losses, tf.keras.losses, tf_keras.losses, written)


@pytest.mark.parametrize("name, called", sorted(every_name().items()))
def test_every_name_of_keras_is_known(name, called):
    got = lossbook.get(name)
    assert (got.__name__ if called in CATALOGUE else type(got).__name__) == called
    exported = getattr(lossbook, name)
    assert exported.__name__ == called and name in lossbook.__all__


def test_the_names_are_not_too_few():
    names = set(every_name())
    assert set("huber_loss bce BCE logcosh kullback_leibler_divergence MSE kld Huber".split()) <= names
    assert len(names) > 55


# --- keeping ------------------------------------------------------------------------------

FRAME = {"axis": (0,), "reduction": ("sum",), "name": ("mine",), "dtype": ("float32",)}


def unusual(cls):
    """Build a loss none of whose settings is the default."""
    defaults = {key: one.default for key, one in inspect.signature(cls).parameters.items()}
    return cls(
        **{key: next(v for v in {**PARAMETERS, **FRAME}[key] if v != defaults[key]) for key in defaults}
    )


@each_loss
def test_the_documentation_of_a_class_names_every_parameter(name):
    cls = CATALOGUE[name].cls
    for parameter in inspect.signature(cls).parameters:
        assert re.search(rf"^{parameter} : ", inspect.getdoc(cls), re.MULTILINE), parameter


@each_loss
def test_nothing_is_lost_in_keeping(name):
    cls = CATALOGUE[name].cls
    for loss in (cls(), unusual(cls)):  # unlike in every setting
        config = loss.get_config()
        assert list(config) and set(config) == set(inspect.signature(cls).parameters)
        again = {
            "from_config": cls.from_config(config),
            "get": lossbook.get({"class_name": cls.__name__, "config": config}),
            "pickle": pickle.loads(pickle.dumps(loss)),
            "copy": copy.deepcopy(loss),
            "repr": eval(repr(loss), vars(lossbook)),
        }
        for way, other in again.items():
            assert other == loss, way
            assert other.get_config() == config, way
    usual = cls().get_config()
    assert all(value != usual[key] for key, value in unusual(cls).get_config().items())


def test_weights_for_each_class_are_kept():
    loss = lossbook.CategoricalFocalCrossentropy(alpha=np.array([0.2, 0.8]), gamma=np.float32(1.5))
    assert loss.get_config()["alpha"] == [0.2, 0.8] and loss.get_config()["gamma"] == 1.5
    assert eval(repr(loss), vars(lossbook)) == loss


# --- types, layouts, sizes ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@each_example
def test_a_type_that_is_asked_for(name, parameters, dtype):
    """Value and slope come in it; that given types are computed as the rules say, is in test_properties."""
    y_true, y_pred = example(name, parameters)
    spec, kind = CATALOGUE[name], np.dtype(getattr(ml_dtypes, dtype, dtype))
    half = dtype in ("float16", "bfloat16")
    exact, exact_slope = spec.cls(**parameters).value_and_gradient(y_true, y_pred.astype(kind).astype(float))
    value, slope = spec.cls(**parameters, dtype=dtype).value_and_gradient(y_true, y_pred)
    assert value.dtype == slope.dtype == kind
    close = {"float16": 4e-3, "bfloat16": 1.6e-2, "float32": 3e-4, "float64": 1e-12}[dtype]
    if name != "circle" or not half:  # its embeddings are rounded: 80 times a rounded distance
        assert abs(float(value) - exact) <= close * max(1.0, abs(exact))
        assert np.abs(slope.astype(float) - exact_slope).max() <= close * max(1.0, np.abs(exact_slope).max())
    function = spec.function(y_true, y_pred.astype(kind), **parameters)
    assert function.dtype == (np.float32 if half else kind)


BY_ROWS = [(name, parameters) for name, parameters in FIRST if not LOSSES[name].axes]


@pytest.mark.parametrize("name, parameters", BY_ROWS)
def test_integer_and_boolean_labels(name, parameters):
    y_true, y_pred = example(name, parameters)
    whole = np.abs(y_true).astype(np.int64) % 2
    loss = CATALOGUE[name].cls(**parameters)
    expected = loss(whole.astype(float), y_pred)
    for kind in (np.int8, np.int64, np.uint8, bool, np.float16):
        assert loss(whole.astype(kind), y_pred) == expected


ALIGNED = is_drawn_as("reals", "positives", "yes_or_no", "distributions", "counts", "margins")


@pytest.mark.parametrize("name", ALIGNED)
def test_a_last_axis_of_length_1_is_aligned(name):
    y_true, y_pred = example(name, {}, shape=(6, 1))
    loss = CATALOGUE[name].cls()
    value, slope = loss.value_and_gradient(y_true, y_pred)
    for labels, predictions in ((y_true[:, 0], y_pred), (y_true, y_pred[:, 0])):
        again, its_slope = loss.value_and_gradient(labels, predictions)
        assert again == value and its_slope.shape == predictions.shape
        assert np.array_equal(its_slope.ravel(), slope.ravel())


# --- no warning, no overflow --------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@each_example
def test_no_warning_escapes(name, parameters, dtype):
    y_true, y_pred = example(name, parameters, dtype)
    with warnings.catch_warnings(), np.errstate(divide="warn", over="warn", invalid="warn"):
        warnings.simplefilter("error")
        CATALOGUE[name].function(y_true, y_pred, **parameters)
        CATALOGUE[name].gradient(y_true, y_pred, **parameters)
        CATALOGUE[name].cls(**parameters).value_and_gradient(y_true, y_pred)


SIGNED = is_drawn_as("reals", "margins", "class_scores", "vectors", "recordings")


@pytest.mark.parametrize("size", [1e30, 1e15, 1e-15, 1e-30])
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name", SIGNED + FROM_LOGITS)
def test_huge_and_tiny_numbers(name, dtype, size):
    parameters = {"from_logits": True} if name in FROM_LOGITS else {}
    y_true, y_pred = example(name, parameters, dtype)
    huge = np.sign(y_pred) * dtype(size) * (1 + np.abs(y_pred))
    exact = CATALOGUE[name].function(y_true, huge.astype(np.longdouble), **parameters)
    with warnings.catch_warnings(), np.errstate(divide="warn", over="warn", invalid="warn"):
        warnings.simplefilter("error")
        if np.abs(exact).max() < float(np.finfo(dtype).max):  # the function form is quiet where values fit
            values = CATALOGUE[name].function(y_true, huge, **parameters)
            scale = np.abs(exact).max()
            assert np.abs(values - exact).max() <= 1e-5 * max(scale, 1e-30)
        else:  # and warns of an overflow where they do not
            with pytest.raises(RuntimeWarning, match="overflow"):
                CATALOGUE[name].function(y_true, huge, **parameters)
        value, slope = (
            CATALOGUE[name].cls(**parameters).value_and_gradient(y_true, huge)
        )  # the class is quiet
    assert not np.isnan(value) and np.isfinite(slope).all()


OF_CHANCES = is_drawn_as(
    "yes_or_no", "one_hots", "distributions", "class_numbers", "bounded_numbers", "counts", "regions"
)


@pytest.mark.parametrize("name, parameters", [row for row in FIRST if row[0] in OF_CHANCES])
def test_tiny_probabilities_are_finite(name, parameters):
    for dtype, tiny in product(DTYPES.values(), (0.0, 1e-30, 1e-7, 1.0)):
        y_true, y_pred = example(name, parameters, dtype)
        edge = y_pred.copy()
        edge[..., 0] = dtype(tiny)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.isfinite(CATALOGUE[name].function(y_true, edge, **parameters)).all()
            if name != "categorical_generalized_cross_entropy":  # whose slope at 0 is infinite
                assert np.isfinite(CATALOGUE[name].gradient(y_true, edge, **parameters)).all()


# --- how the losses are written -----------------------------------------------------------


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_body_is_one_step_a_line_with_its_meaning(name):
    for function in (CATALOGUE[name].function, CATALOGUE[name].gradient):
        source = inspect.getsource(function)
        body = source[source.rindex('"""') + 3 :].strip("\n").splitlines()
        assert re.fullmatch(r"    return \w+(\.astype\(scores\.dtype, copy=False\))?", body[-1])
        for line in body[:-1]:
            code, _, meaning = line.partition("  # ")
            if code.strip().startswith(("check_", "if ", "else:")):
                continue
            assert re.match(r"\s+\w+(, \w+)* = ", code), line
            assert 0 < len(meaning) <= 40, line
            assert "lambda" not in code and " for " not in code, line


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_body_binds_each_name_once_a_path(name):
    import ast

    for function in (CATALOGUE[name].function, CATALOGUE[name].gradient):
        tree = ast.parse(inspect.getsource(function)).body[0]
        bound = {}
        for node in ast.walk(tree):
            for target in node.targets if isinstance(node, ast.Assign) else []:
                for leaf in ast.walk(target):
                    assert isinstance(leaf, (ast.Name, ast.Tuple, ast.Store)), ast.dump(leaf)
                    if isinstance(leaf, ast.Name):
                        bound.setdefault(leaf.id, []).append(node.lineno)
            assert not isinstance(
                node, (ast.AugAssign, ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.While)
            )
        branches = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
        for lines in bound.values():
            together = [
                sum(node.body[0].lineno <= line <= node.body[-1].end_lineno for line in lines)
                for node in branches
            ]
            assert len(lines) == 1 or (len(lines) == 2 and 1 in together)


def test_weights_and_mask_may_be_columns_where_there_is_one_value_a_sample():
    y_true, y_pred = np.zeros((3, 1)), np.array([[1.0], [2.0], [3.0]])
    weights = np.array([1.0, 2.0, 0.0])
    for reduction in lossbook.REDUCTIONS:
        loss = lossbook.MeanSquaredError(reduction=reduction)
        for given in ({"sample_weight": weights}, {"mask": weights > 0}):
            column = {name: array[:, np.newaxis] for name, array in given.items()}
            np.testing.assert_array_equal(loss(y_true, y_pred, **column), loss(y_true, y_pred, **given))
            theirs = loss.gradient(y_true, y_pred, **given)
            np.testing.assert_array_equal(loss.gradient(y_true, y_pred, **column), theirs)
