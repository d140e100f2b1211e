"""The frameworks behind one call: quiet import, honest values, readable errors."""

import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import lossbook
from lossbook import engines
from lossbook.tools.engines import Outcome, attempt, loading, outcomes
from lossbook.tools.engines.frameworks import SHORT_NAMES
from lossbook.tools.render import MAX_TEXT, one_line, tidy

ALL = ["tf.keras", "keras", "tf_keras"]
ROUGH = re.compile(r"0x[0-9a-fA-F]+|(^|[\s'\"(])/\w+/\w|site-packages|\{\{|Traceback")

y_true = np.array([[0.0, 1.0], [1.0, 0.0]], dtype="float32")
y_pred = np.array([[0.3, 0.6], [0.8, 0.4]], dtype="float32")


def run_python(code, **environment):
    """Run code in a fresh process; TensorFlow's variables are those given, no others."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TF_", "KERAS_", "CUDA_", "ABSL_", "LOSSBOOK_"))
    }
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def shown(table):
    """Both renderings of a table."""
    return repr(table), table._repr_html_()


# --- quiet import -------------------------------------------------------------------------


def test_importing_the_module_loads_no_framework():
    code = """
    import sys
    import lossbook.tools.engines as engines
    engines.available(), [engines.engine(name).version for name in engines.ENGINES], dir(engines)
    print([name for name in ("tensorflow", "keras", "tf_keras") if name in sys.modules])
    """
    assert run_python(code).stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tf", "keras", "tf_keras"])
def test_a_framework_loads_and_computes_without_a_sound(name):
    code = f"""
    from lossbook.tools.engines import {name} as module
    losses = module.keras.losses if "{name}" == "tf" else module.losses
    assert float(losses.MeanSquaredError()([[1.0, 2.0]], [[1.0, 4.0]])) == 2.0
    """
    done = run_python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_plain_import_is_not_silent_so_the_test_above_can_fail():
    assert run_python("import tensorflow").stderr != ""


@pytest.mark.slow
def test_the_error_stream_works_again_after_the_import():
    code = """
    import logging, os, sys, warnings
    from lossbook.tools.engines import tf
    os.write(2, b"descriptor\\n")
    print("stream", file=sys.stderr)
    warnings.warn("warning")
    logging.getLogger("reader").warning("logging")
    tf.get_logger().error("tensorflow")
    """
    heard = run_python(code).stderr
    assert all(word in heard for word in ("descriptor", "stream", "warning", "logging", "tensorflow"))


@pytest.mark.slow
def test_a_notebook_cell_shows_nothing_of_the_import():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    cells = [
        "from lossbook.tools.engines import tf_keras, keras, tf",
        "tf.constant(1.0) + 1\nimport sys\nprint('heard', file=sys.stderr)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    first, second = (cell.outputs for cell in notebook.cells)
    assert first == []
    assert [(output.name, output.text) for output in second] == [("stderr", "heard\n")]


def test_the_descriptor_is_the_same_file_afterwards_even_if_the_import_fails(monkeypatch, capfd):
    before = os.fstat(2)

    def noisy(package):
        os.write(2, b"what the library said\n")
        raise RuntimeError("broken installation")

    monkeypatch.setattr(loading, "_import", noisy)
    monkeypatch.setattr(loading, "_prepare_environment", lambda: None)
    with pytest.raises(RuntimeError, match="broken installation"):
        loading.load("no_such_framework")
    after = os.fstat(2)
    assert (before.st_dev, before.st_ino) == (after.st_dev, after.st_ino)
    assert "what the library said" in capfd.readouterr().err


def test_a_successful_import_keeps_what_it_wrote_to_itself(monkeypatch, capfd):
    def noisy(package):
        os.write(2, b"what the library said\n")
        return sys

    monkeypatch.setattr(loading, "_import", noisy)
    monkeypatch.setattr(loading, "_prepare_environment", lambda: None)
    assert loading.load("no_such_framework") is sys
    assert capfd.readouterr().err == ""


FAKE_TENSORFLOW = """
import logging, os, types
os.write(2, b"a word from C++\\n")
get_logger = logging.getLogger
hidden = []
config = types.SimpleNamespace(set_visible_devices=lambda devices, kind: hidden.append((devices, kind)))
seen = [os.environ.get(name) for name in ("TF_ENABLE_ONEDNN_OPTS", "TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")]
"""


@pytest.mark.parametrize(
    "environment, seen, hidden",
    [
        ({}, ["0", "3", "tensorflow"], [([], "GPU")]),
        (
            {"TF_ENABLE_ONEDNN_OPTS": "1", "TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "jax"},
            ["0", "2", "jax"],
            [([], "GPU")],
        ),
        ({"CUDA_VISIBLE_DEVICES": "0"}, ["0", "3", "tensorflow"], []),
        ({"LOSSBOOK_ONEDNN": "1"}, ["1", "3", "tensorflow"], [([], "GPU")]),
    ],
)
def test_what_is_set_before_tensorflow_loads(tmp_path, environment, seen, hidden):
    (tmp_path / "tensorflow.py").write_text(FAKE_TENSORFLOW)
    code = "from lossbook.tools.engines import tf; print(tf.seen, tf.hidden)"
    done = run_python(code, PYTHONPATH=str(tmp_path), **environment)
    assert (done.stdout.strip(), done.stderr) == (f"{seen} {hidden}", "")


def test_an_import_that_fails_shows_what_was_said(tmp_path):
    (tmp_path / "tensorflow.py").write_text(FAKE_TENSORFLOW + "import no_such_dependency")
    done = run_python("from lossbook.tools.engines import tf", PYTHONPATH=str(tmp_path))
    assert "a word from C++" in done.stderr
    assert "No module named 'no_such_dependency'" in done.stderr and "pip install" not in done.stderr


@pytest.mark.slow
def test_tensorflow_imported_by_the_reader_is_handed_back_untouched():
    code = """
    import os, tensorflow
    before = dict(os.environ)
    from lossbook.tools.engines import tf
    print(tf is tensorflow, before == dict(os.environ))
    """
    assert run_python(code).stdout.strip() == "True True"


@pytest.mark.parametrize("name, package", sorted(engines.MODULES.items()))
def test_a_missing_package_is_one_plain_sentence(monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)  # Python then says that it is not there
    with pytest.raises(ImportError) as caught:
        getattr(engines, name)
    assert str(caught.value) == f"{package} is not installed: pip install {package}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_an_engine_without_its_package_is_not_listed_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf_keras", None)
    assert engines.available()[:2] == ["tf.keras", "keras"] and "tf_keras" not in engines.available()
    table = outcomes("1 + 1", engines=["keras", "tf_keras"])
    assert table.values == {"keras": 2}
    assert table.errors == {"tf_keras": "ImportError: tf_keras is not installed: pip install tf_keras"}
    with pytest.raises(ImportError, match="pip install tf_keras"):
        engines.engine("tf_keras").value(lossbook.Huber(), y_true, y_pred)


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'torch'"):
        engines.torch  # noqa: B018


# --- engines ------------------------------------------------------------------------------


def test_the_three_engines_and_their_versions():
    assert engines.available()[:3] == ALL
    assert re.fullmatch(r"TensorFlow 2\.\S+, Keras 3\.\S+", engines.engine("tf.keras").version)
    assert re.fullmatch(r"Keras 3\.\S+, TensorFlow 2\.\S+", engines.engine("keras").version)
    assert re.fullmatch(r"TensorFlow 2\.\S+, tf_keras 2\.\S+", engines.engine("tf_keras").version)
    with pytest.raises(ValueError, match=r"Received engine 'pytorch'; expected one of tf\.keras, keras"):
        engines.engine("pytorch")


def test_each_engine_is_the_module_it_says():
    from lossbook.tools.engines import keras, tf, tf_keras

    assert engines.engine("tf.keras").losses is tf.keras.losses
    assert engines.engine("keras").losses is keras.losses
    assert engines.engine("tf_keras").losses is tf_keras.losses
    assert keras.__version__.startswith("3.") and tf_keras.__version__.startswith("2.")


@pytest.mark.parametrize("engine", ALL)
@pytest.mark.parametrize(
    "loss",
    [
        lossbook.Huber(delta=0.3),
        lossbook.BinaryCrossentropy(label_smoothing=0.1, reduction="sum"),
        lossbook.CategoricalCrossentropy(from_logits=True, reduction="none"),
        lossbook.CosineSimilarity(axis=0),
    ],
    ids=repr,
)
def test_value_and_gradient_are_those_of_a_direct_call(engine, loss):
    from lossbook.tools.engines import tf

    engine = engines.engine(engine)
    config = {**loss.parameters, "reduction": loss.reduction}
    direct = getattr(engine.losses, type(loss).__name__)(**config)
    weights = np.array([1.0, 3.0], dtype="float32")
    point = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(point)
        total = direct(y_true, point, sample_weight=weights)
    value, gradient = engine.value_and_gradient(loss, y_true, y_pred, weights)
    np.testing.assert_array_equal(value, direct(y_true, y_pred, sample_weight=weights))
    np.testing.assert_array_equal(gradient, tape.gradient(total, point))
    assert isinstance(value, (np.ndarray, np.generic)) and gradient.dtype == np.float32


@pytest.mark.parametrize("engine", ALL)
@pytest.mark.parametrize("name", list(lossbook.CATALOGUE))
def test_the_function_form_is_found_under_the_name_the_engine_has(engine, name):
    engine = engines.engine(engine)
    function = lossbook.CATALOGUE[name].function
    try:
        bound = engine.bind(function)
    except engines.NotInEngine:
        assert not hasattr(engine.losses, name)
        return
    attribute = bound.attribute.rpartition(".")[2]
    assert hasattr(engine.losses, attribute)
    if hasattr(engine.losses, name):
        assert attribute == name
    else:
        assert (engine.name, attribute) == ("tf.keras", SHORT_NAMES[name])


def test_functions_take_their_parameters():
    for engine in map(engines.engine, ALL):
        value = engine.value(lossbook.huber, [[0.0, 0.0]], [[0.5, 3.0]], delta=2.0)
        np.testing.assert_allclose(value, [(0.125 + 4.0) / 2], rtol=1e-7)
        with pytest.raises(TypeError, match="has no parameter 'gamma'"):
            engine.value(lossbook.huber, y_true, y_pred, gamma=1)


def test_parameters_do_not_go_with_an_object_nor_weights_with_a_function():
    keras = engines.engine("keras")
    with pytest.raises(TypeError, match="Received delta beside a loss object"):
        keras.value(lossbook.Huber(), y_true, y_pred, delta=2.0)
    with pytest.raises(TypeError, match="Use the class form"):
        keras.value(lossbook.huber, y_true, y_pred, sample_weight=[1.0, 2.0])
    with pytest.raises(TypeError, match="expected a lossbook loss object or function"):
        keras.value(3, y_true, y_pred)


def test_an_axis_that_tf_keras_lacks_may_only_hold_its_default():
    legacy = engines.engine("tf_keras")
    labels, scores = [1, 2], [[0.07, 0.9, 0.03], [0.1, 0.6, 0.3]]
    assert legacy.value(lossbook.SparseCategoricalCrossentropy(), labels, scores) > 0
    with pytest.raises(TypeError, match="SparseCategoricalCrossentropy has no parameter 'axis'"):
        legacy.value(lossbook.SparseCategoricalCrossentropy(axis=0), labels, scores)


@pytest.mark.parametrize("reduction", ["mean", "mean_with_sample_weight", None])
def test_reductions_that_tf_keras_lacks(reduction):
    loss = lossbook.MeanSquaredError(reduction=reduction)
    assert np.isfinite(engines.engine("keras").value(loss, y_true, y_pred)).all()
    with pytest.raises(ValueError, match="tf_keras has no reduction="):
        engines.engine("tf_keras").value(loss, y_true, y_pred)


def test_masks_are_attached_to_the_predictions():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], dtype="float32").reshape(2, 3, 1)
    mask = np.array([[True, True, False], [True, False, False]])
    for engine in map(engines.engine, ALL):
        mean = engine.value(lossbook.MeanSquaredError(), values * 0, values, mask=mask)
        total, slope = engine.value_and_gradient(
            lossbook.MeanSquaredError(reduction="sum"), values * 0, values, mask=mask
        )
        assert (float(mean), float(total)) == (7.0, 21.0)
        np.testing.assert_array_equal(slope, 2 * values * mask[..., None])


def test_arrays_keep_their_type_and_lists_become_float32():
    given = np.array([[0.1, 0.7]])
    keras, legacy = engines.engine("keras"), engines.engine("tf_keras")
    assert legacy.value(lossbook.MeanSquaredError(), given, given + 0.1).dtype == np.float64
    assert keras.value(lossbook.MeanSquaredError(), given, given + 0.1).dtype == np.float32
    assert keras.value(lossbook.mean_squared_error, given, given + 0.1).dtype == np.float64
    assert legacy.value(lossbook.MeanSquaredError(), [[0.1]], [[0.7]]).dtype == np.float32
    assert keras.gradient(lossbook.MeanSquaredError(), given, given + 0.1).dtype == np.float64


@pytest.mark.parametrize("engine", ALL)
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_dtype_reaches_value_and_gradient(engine, dtype):
    engine = engines.engine(engine)
    for how in ({"dtype": dtype}, {}):
        loss = lossbook.MeanSquaredError(dtype=None if how else dtype)
        value, gradient = engine.value_and_gradient(loss, [[0.1, 0.2]], [[0.4, 0.8]], **how)
        assert (value.dtype.name, gradient.dtype.name) == (dtype, dtype)
    floats = np.array([[0.5, 1.0]], dtype="float32")  # arrays are cast too
    assert engine.value(lossbook.mean_squared_error, floats, floats, dtype=dtype).dtype.name == dtype
    if dtype == "float64":  # the list must not have passed through float32
        assert value == pytest.approx((0.3**2 + 0.6**2) / 2, rel=1e-15)


def test_integers_have_no_gradient_and_tf_keras_keeps_integer_arithmetic():
    whole = np.array([[1, 2]]), np.array([[1, 3]])
    for engine in map(engines.engine, ALL):
        assert engine.gradient(lossbook.MeanSquaredError(), *whole) is None
    assert engines.engine("keras").value(lossbook.MeanSquaredError(), *whole) == 0.5
    assert engines.engine("tf_keras").value(lossbook.MeanSquaredError(), *whole) == 0


def test_as_lists_hands_lists_over():
    loss = lossbook.SparseCategoricalCrossentropy(reduction="none")
    labels, scores = [1, 2], [[0.07, 0.9, 0], [0.1, 0.6, 0.1]]
    with pytest.raises(ValueError, match="nested structure"):
        engines.engine("tf.keras").value(loss, labels, scores, as_lists=True)
    for engine, given in [("tf_keras", True), ("tf_keras", False), ("tf.keras", False)]:
        value = engines.engine(engine).value(loss, labels, scores, as_lists=given)
        np.testing.assert_allclose(value, [0.07490139, 2.0794415], rtol=1e-7)


def test_a_new_engine_is_a_small_class(monkeypatch):
    class Twice(engines.Engine):
        name = "twice"
        packages = ("numpy",)
        losses = type("losses", (), {"huber": staticmethod(lambda y_true, y_pred: 2 * y_pred)})

    monkeypatch.setitem(engines.ENGINES, "twice", Twice())
    assert "twice" in engines.available()
    assert engines.engine("twice").value(lossbook.huber, [1.0], [3.0]) == [6.0]
    assert repr(engines.engine("twice")).startswith("<engine twice: numpy ")


# --- attempt ------------------------------------------------------------------------------


def test_the_value_of_code_is_that_of_its_last_expression():
    assert attempt("a = x + 1\na * 2", x=2).value == 6
    assert vars(attempt("a = 1")) == vars(Outcome())
    assert attempt(lambda x: x + 1, x=2).value == 3


def test_errors_are_one_line_with_the_stage():
    assert attempt("nothing").error == "NameError: name 'nothing' is not defined"
    assert attempt("nothing").stage == "run"
    broken = attempt("fine = 1\n2 +")
    assert (broken.error, broken.stage) == ("SyntaxError: invalid syntax (line 2)", "syntax")
    assert attempt("1\u2013eps").error == "SyntaxError: invalid character '–' (U+2013) (line 1)"
    assert attempt("  x").stage == "syntax"
    assert attempt("raise ValueError('first\\nsecond')").error == "ValueError: first"
    assert attempt("raise ValueError").error == "ValueError"
    assert len(attempt("raise ValueError('word ' * 500)").error) <= MAX_TEXT


def test_code_does_not_reach_the_caller():
    secret = 1  # noqa: F841
    assert attempt("secret").error == "NameError: name 'secret' is not defined"
    attempt("y_true = None")
    assert y_true is not None


def test_prints_and_warnings_are_kept_not_shown(capsys, recwarn):
    outcome = attempt("import warnings\nwarnings.warn('careful')\nprint('a', 1)")
    assert (outcome.printed, outcome.text()) == ("a 1\n", "a 1")
    assert outcome.warnings == ("UserWarning: careful",)
    assert capsys.readouterr() == ("", "") and not recwarn.list


def test_tensors_become_numpy():
    from lossbook.tools.engines import tf

    outcome = attempt("tf.constant([1.5, 2.0]), [tf.constant(3)]", tf=tf)
    assert isinstance(outcome.value[0], np.ndarray)
    assert outcome.text() == "([1.5 2.0], [3])"


def test_only_code_can_be_attempted():
    with pytest.raises(TypeError, match="expected text or a callable"):
        attempt(3)
    with pytest.raises(TypeError, match="expected text or a callable"):
        outcomes(None)


# --- outcomes -----------------------------------------------------------------------------


def test_reduction_auto():
    table = outcomes(lambda keras: keras.losses.Poisson(reduction="auto"))
    assert table.errors == {
        "tf.keras": "ValueError: Invalid value for argument `reduction`. Expected one of {'mean', "
        "'mean_with_sample_weight', 'none', 'sum', 'sum_over_batch_size', None}. Received: reduction=auto"
    }
    assert table["tf_keras"].text() == "<Poisson object>"


def test_mean_squared_error_called_empty():
    table = outcomes("tf.keras.losses.mean_squared_error()")
    assert table.values == {}
    assert table.errors == {
        "tf.keras": "AttributeError: module 'tensorflow.keras.losses' has no attribute 'mean_squared_error'",
        "tf_keras": "TypeError: Missing required positional argument",
    }


def test_sparse_crossentropy_on_lists():
    code = """
loss = keras.losses.SparseCategoricalCrossentropy(reduction="none")
loss([1, 2], [[.07, .9, 0], [.1, .6, .1]])
"""
    table = outcomes(code)
    assert table.errors == {"tf.keras": "ValueError: Structures don't have the same nested structure."}
    np.testing.assert_allclose(table.values["tf_keras"], [0.07490139, 2.0794415], rtol=1e-7)
    assert table["tf_keras"].text() == "[0.07490139 2.0794415]"


def test_the_article_imports_reach_each_world():
    code = """
import tensorflow as tf
import tensorflow.keras as aside
from tensorflow import keras
from tensorflow.keras.losses import MeanSquaredError
[item.__module__.split(".")[0] for item in (
    MeanSquaredError, tf.keras.losses.Huber, tf.losses.Huber, keras.losses.Huber, aside.losses.Huber)]
"""
    for imports in (True, False):
        table = outcomes(code, imports=imports)
        assert table.values == {"tf.keras": ["keras"] * 5, "tf_keras": ["tf_keras"] * 5}
    missing = outcomes("from tensorflow.keras.losses import Dice", engines="tf_keras")
    assert missing.errors["tf_keras"].startswith("ImportError: cannot import name 'Dice'")
    assert not ROUGH.search(repr(missing))


def test_names_are_given_unless_the_code_is_to_stand_alone():
    given = outcomes("tf.constant(2.0) + y", engines=ALL, y=1.0)
    assert list(given.values) == ALL and set(given.values.values()) == {3.0}
    alone = outcomes("tf.constant(2.0)", imports=False)
    assert set(alone.errors.values()) == {"NameError: name 'tf' is not defined"}
    worlds = outcomes("keras.__version__.split('.')[0]", engines=ALL)
    assert worlds.values == {"tf.keras": "3", "keras": "3", "tf_keras": "2"}


def test_engine_errors_are_short_and_clean():
    cases = {
        "keras.losses.MeanSquaredError()(1.0, 2.0)": "InvalidArgumentError",
        "keras.losses.BinaryCrossentropy()(tf.zeros((2, 3)), tf.zeros((2, 2)))": "Error",
        "keras.losses.SparseCategoricalCrossentropy()(tf.constant([5]), tf.constant([[.5, .5]]))": "Error",
        "keras.losses.get(object())": "ValueError",
        "open('/etc/no/such/file')": "FileNotFoundError",
    }
    for code, kind in cases.items():
        table = outcomes(code, engines=ALL)
        assert set(table.errors) == set(ALL), code
        for error in table.errors.values():
            assert kind in error.partition(":")[0]
            assert "\n" not in error and len(error) <= MAX_TEXT
        for text in shown(table):
            assert not ROUGH.search(text), text


@pytest.mark.slow
def test_text_is_the_same_in_every_process():
    code = """
    from lossbook.tools.engines import outcomes
    table = outcomes("keras.losses.Poisson(reduction='auto')")
    print(table, table._repr_html_(), outcomes("tf.keras.losses.mse, tf.float32, object(), {'b', 'a'}"))
    """
    first, second = (run_python(code, PYTHONHASHSEED=seed).stdout for seed in ("1", "2"))
    assert first == second and "<Poisson object>" in first


# --- text ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, text",
    [
        (np.float32(0.24999997), "0.24999997"),
        (np.float32(1.0), "1.0"),
        (np.float32(-0.0), "0.0"),
        (np.float32(1e9), "1e+09"),
        (np.float32(123456.7), "123456.7"),
        (np.float16(0.1), "0.1"),
        (np.float64(1) / 3, "0.33333333"),
        (np.float32("nan"), "nan"),
        (np.array([np.inf, 1], "float32"), "[inf 1.0]"),
        (np.array([[1, 2], [3, 4]]), "[[1 2] [3 4]]"),
        (np.arange(20), "[0 1 2 … 17 18 19]"),
        (np.zeros((0,)), "[]"),
        (list(range(20)), "[0, 1, 2, …, 17, 18, 19]"),
        ((1.0,), "(1.0,)"),
        (None, "None"),
        ("text", "'text'"),
        ({"b": 1.0}, "{'b': 1.0}"),
        (ValueError, "<class ValueError>"),
        (np, "<module numpy>"),
        (textwrap.dedent, "<function dedent>"),
    ],
)
def test_how_results_are_written(value, text):
    assert one_line(value) == text


def test_bfloat16_is_written_like_other_numbers():
    import ml_dtypes

    assert one_line(np.array([0.25, 2], ml_dtypes.bfloat16)) == "[0.25 2.0]"


def test_messages_lose_what_changes_from_run_to_run():
    rough = (
        "{{function_node __wrapped__Mean_device_/job:localhost/replica:0/task:0/device:CPU:0}} Bad "
        "<keras.src.losses.losses.Poisson object at 0x7f0012> at /home/someone/venv/lib/losses.py "
        "<function f at 0x7fab> C:\\Users\\someone\\losses.py {'b', 'a'} [Op:Mean] name: "
    )
    assert tidy(rough) == "Bad <Poisson object> at losses.py <function f> losses.py {'a', 'b'}"
    kept = "ratio 1/2 of and/or, see https://keras.io/api/losses, {'a': 1, 'b': 2}, shape (2, 3)"
    assert tidy(kept) == kept
