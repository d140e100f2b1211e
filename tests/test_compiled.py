"""Compiled loops change the time and not the result: for every loss, setting, type, weight, mask and layout."""

import json
import math
import os
import subprocess
import sys
import threading
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from cases import EXAMPLES, FIRST, LOSSES, example, fill, rows_of
from conftest import ROOT
from hypothesis import strategies as st
from mpmath import mpf
from random_cases import KINDS, Case, random_cases, some, spread, values_shape

import lossbook
from lossbook import CATALOGUE, blocks, fast

HERE = blocks.can_compile()
if HERE:
    from lossbook.compiled import machine, road
    from lossbook.compiled.elementary import functions_of

needs_numba = pytest.mark.skipif(not HERE, reason="Numba is not installed, or told not to compile")
ULPS = 6  # of the largest number: a sum in another order, other elementary functions
BY_PLAIN_LINES = {"ctc"}  # a scan along the frames
SIGNED = {"cosine_similarity": 1.0, "poisson": 5.0}
"""How large the values are of a loss whose values have both signs, and cancel in their mean."""
SHORT, LONG = (37, 5), (3, 45)  # rows side by side, and one after the other


@pytest.fixture(autouse=True)
def one_cache(monkeypatch):
    """Keep machine code from one run of the tests to the next, apart from the user's."""
    if "LOSSBOOK_CACHE" not in os.environ:
        monkeypatch.setenv("LOSSBOOK_CACHE", str(ROOT / ".pytest_cache" / "compiled"))


class Compiled:
    """The fast mode, which counts what went by the loops and what by the plain lines."""

    def __init__(self, threads=1):
        self.threads, self.by_loops, self.by_lines = threads, 0, 0

    def __enter__(self):
        self.mode = fast(threads=self.threads, compiled=True)
        blocks._settings = replace(blocks._settings, road=self.evaluate)
        return self

    def __exit__(self, *exception):
        blocks._settings = self.mode._ours
        self.mode.end()

    def evaluate(self, *given):
        found = road.evaluate(*given)
        self.by_loops += found is not None
        self.by_lines += found is None
        return found


def outcome(call):
    """Return what a call returns, or the type and the text of its error."""
    try:
        return call()
    except (TypeError, ValueError) as problem:
        return type(problem), str(problem)


def assert_same(ours, plain, unit=ULPS, size=0.0):
    """Assert that results differ by a few units in the last place of the largest, and not in zeros and non-numbers."""
    if isinstance(plain, tuple):
        assert len(ours) == len(plain)
        assert_same(ours[0], plain[0], unit, size)
        for one, other in zip(ours[1:], plain[1:], strict=True):
            assert_same(one, other, unit)
        return
    if plain is None or isinstance(plain, (str, type)):
        assert ours == plain
        return
    ours, plain = np.asarray(ours), np.asarray(plain)
    assert (ours.dtype, ours.shape) == (plain.dtype, plain.shape)
    eps = {"float16": 2**-10, "bfloat16": 2**-7, "float32": 2**-23}.get(plain.dtype.name, 2**-52)
    ours, plain = ours.astype(float), plain.astype(float)
    finite = np.isfinite(plain)
    np.testing.assert_array_equal(ours[~finite], plain[~finite])
    largest = np.abs(plain[finite]).max(initial=size)
    np.testing.assert_allclose(ours[finite], plain[finite], rtol=0, atol=unit * eps * largest)
    zeros = (ours == 0) & (plain == 0)
    np.testing.assert_array_equal(np.signbit(ours[zeros]), np.signbit(plain[zeros]))


def assert_compiled_is_plain(loss, *given, unit=ULPS, both=True, value=False):
    """Assert it of value and slope together, and of the value alone where that is asked for."""
    modes = [loss.value_and_gradient] * both + [loss] * value
    for mode in modes:
        plain = outcome(lambda mode=mode: mode(*given))
        with Compiled() as counted:
            ours = outcome(lambda mode=mode: mode(*given))
        assert_same(
            ours,
            plain,
            unit,
            SIGNED.get(loss.spec.name, 0.0) * (np.size(given[1]) if loss.reduction == "sum" else 1),
        )
    return counted


def unit_of(name, given):
    """Return how many units in the last place are allowed: pairs amplify the rounding of their products."""
    if name != "circle":
        return ULPS
    sharp = CATALOGUE[name].cls(**given).gamma
    return ULPS * (4 + 4 * sharp)


def shapes_of(name, settings, dtype="float32"):
    """Return the shapes to try a loss with: None stands for that of its record."""
    record = LOSSES[name]
    fixed = record.axes or record.batch or isinstance(settings.get("axis"), tuple)
    if fixed or isinstance(settings.get("alpha"), list):
        return [None]
    return [SHORT, LONG] if dtype == "float32" else [SHORT]


# --- the catalogue, without a line for any loss -------------------------------------------------------------


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "settings"), FIRST)
def test_every_loss(name, settings, dtype):
    for calm in (True, False):
        for shape in shapes_of(name, settings, dtype):
            y_true, y_pred = example(name, settings, dtype, 3, shape, calm)
            loss = CATALOGUE[name].cls(**settings)
            counted = assert_compiled_is_plain(
                loss, y_true, y_pred, unit=unit_of(name, settings), value=shape == LONG and dtype == "float32"
            )
            assert (counted.by_lines == 0) == (name not in BY_PLAIN_LINES)


@needs_numba
@pytest.mark.parametrize(("name", "settings"), EXAMPLES)
def test_every_setting(name, settings):
    dtype = "float32" if len(str(settings)) % 2 else "float64"
    y_true, y_pred = example(name, settings, dtype, 3, shapes_of(name, settings)[0], False)
    loss = CATALOGUE[name].cls(**settings)
    counted = assert_compiled_is_plain(loss, y_true, y_pred, unit=unit_of(name, settings))
    if name not in BY_PLAIN_LINES:
        assert counted.by_lines == 0


@needs_numba
@pytest.mark.parametrize(("name", "settings"), FIRST)
@random_cases(15, data=st.data())
def test_every_weight_mask_reduction_type_and_layout(name, settings, data):
    record = LOSSES[name]
    shape = (
        record.shape
        if record.axes or record.batch
        else data.draw(st.sampled_from([SHORT, (6, 4), (1, 40), (2, 3, 4)]))
    )
    form = values_shape(name, shape, settings)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    y_true, y_pred = fill(name, rng, shape, settings, data.draw(st.booleans()))
    forms = [None, form, form[:1]] if form else [None]
    weights, masked = data.draw(st.sampled_from(forms)), data.draw(st.sampled_from(forms))
    case = Case(
        name=name, settings=settings, y_true=y_true, y_pred=y_pred,
        sample_weight=None if weights is None else np.where(some(rng, weights, 0.2), 0.0, rng.uniform(0, 2, weights)),
        mask=None if masked is None else ~some(rng, masked),
        reduction=data.draw(st.sampled_from(lossbook.REDUCTIONS)),
    ).as_kind(data.draw(st.sampled_from(KINDS if shape != (1, 40) else ["float16", "float32"])))  # fmt: skip
    given, y_pred = [case.sample_weight, case.mask], case.y_pred
    if masked and not record.batch and isinstance(case.y_true, np.ndarray) and y_pred.dtype.kind == "f":
        hidden = ~spread(case.mask, form)
        if (
            case.y_true.shape == shape
            and case.y_true.dtype.kind == "f"
            and not record.axes
            and not record.region
        ):
            case.y_true[hidden] = np.nan  # nobody looks at it
    if not isinstance(y_pred, list):
        order = data.draw(st.permutations(range(y_pred.ndim)))
        y_pred = np.ascontiguousarray(y_pred.transpose(order)).transpose(np.argsort(order))
        y_pred = data.draw(
            st.sampled_from([y_pred, np.repeat(y_pred, 2, axis=0)[::2], np.flip(np.flip(y_pred).copy())])
        )
    unit = unit_of(name, settings)
    assert_compiled_is_plain(case.loss, case.y_true, y_pred, *given, unit=unit)
    if data.draw(st.booleans()) and case.kind != "int":
        cast = type(case.loss).from_config({**case.loss.get_config(), "dtype": "float16"})
        assert_compiled_is_plain(cast, case.y_true, y_pred, *given, unit=unit)


@needs_numba
@pytest.mark.parametrize("name", [name for name, spec in CATALOGUE.items() if "axis" in spec.parameters])
@pytest.mark.parametrize("axis", [0, 1, -1, 3, (0, 2), None])
def test_every_axis(name, axis):
    settings = {**LOSSES[name].settings[0], "axis": axis}
    plain = outcome(lambda: CATALOGUE[name].cls(**settings))
    if isinstance(plain, tuple):  # refused where it is made
        return
    inside = settings if axis != 3 else {**settings, "axis": -1}
    y_true, y_pred = example(name, inside, "float32", 3, (6, 4, 5))
    assert_compiled_is_plain(plain, y_true, y_pred)
    assert_compiled_is_plain(plain, y_true, y_pred, np.arange(6.0) % 3)


@needs_numba
@pytest.mark.parametrize(("name", "y_true", "y_pred", "settings", "message"), rows_of("refuses"))
def test_bad_input_gives_the_same_message(name, y_true, y_pred, settings, message):
    def call():
        return CATALOGUE[name].cls(**settings).value_and_gradient(y_true, y_pred)

    plain = outcome(call)
    with Compiled():
        assert outcome(call) == plain or not isinstance(plain, tuple)


@needs_numba
@pytest.mark.parametrize(("name", "settings"), FIRST)
def test_not_a_number_and_infinity_go_through(name, settings):
    for number in (np.nan, np.inf, -np.inf):
        for place in (0, 1):
            data = list(example(name, settings, "float32", 3, shapes_of(name, settings)[0]))
            if data[place].dtype.kind == "f":
                data[place].reshape(-1)[7] = number
                assert_compiled_is_plain(CATALOGUE[name].cls(**settings), *data, unit=unit_of(name, settings))


# --- questions to the whole batch -----------------------------------------------------------------------------


@needs_numba
def test_a_question_that_comes_out_otherwise_makes_another_trace():
    logits = np.array([[-np.inf, 2.0, 1.0], [0.5, np.inf, 0.0]] * 20, "float32")
    labels = np.eye(3, dtype="float32")[[1, 1] * 20]
    counted = assert_compiled_is_plain(lossbook.CategoricalCrossentropy(from_logits=True), labels, logits)
    assert counted.by_loops == 1
    scores = np.linspace(-2, 2, 40, dtype="float32").reshape(20, 2)
    for kinds in ([0.0, 1.0], [-1.0, 1.0], [-1.0, 0.0], [1.0, 1.0]):
        assert (
            assert_compiled_is_plain(lossbook.Hinge(), np.tile(np.float32(kinds), (20, 1)), scores).by_loops
            == 1
        )


@needs_numba
def test_one_label_decides_for_all_parts_of_a_batch():
    labels, scores = np.ones(400_000, "float32"), np.linspace(-2, 2, 400_000, dtype="float32")
    labels[::3] = 0.0
    assert_compiled_is_plain(lossbook.Hinge(), labels, scores)
    labels[-1] = 0.5
    assert assert_compiled_is_plain(lossbook.Hinge(), labels, scores).by_loops == 1


@needs_numba
def test_numbers_among_the_settings_stay_open_unless_the_function_looks_at_them():
    y_true, y_pred = example("huber", {}, "float32", 3, SHORT)
    with Compiled():
        lossbook.Huber(delta=0.7)(y_true, y_pred)
        texts = machine.compiled.cache_info().currsize
        assert lossbook.Huber(delta=0.9)(y_true, y_pred) != lossbook.Huber(delta=0.7)(y_true, y_pred)
        assert machine.compiled.cache_info().currsize == texts
    assert "given_delta" in fast.loops(lossbook.Huber()) and "given_gamma" not in fast.loops(
        lossbook.BinaryFocalCrossentropy()
    )


@needs_numba
def test_a_setting_that_is_changed_counts():
    y_true, y_pred = example("huber", {}, "float32", 3, SHORT)
    loss = lossbook.Huber(delta=0.7)
    with Compiled():
        before = loss(y_true, y_pred)
        loss.delta = 0.1
        assert loss(y_true, y_pred) < before


@needs_numba
def test_a_list_among_the_settings_is_a_choice_in_the_loop():
    y_true, y_pred = example("categorical_focal_crossentropy", {}, "float32", 3, (37, 3))
    loss = lossbook.CategoricalFocalCrossentropy(alpha=[0.2, 0.3, 0.5])
    assert assert_compiled_is_plain(loss, y_true, y_pred).by_loops == 1
    loss.alpha[1] = 0.9
    assert assert_compiled_is_plain(loss, y_true, y_pred).by_loops == 1
    for wrong in ([0.2, 0.3], [0.1] * 4):  # refused, with the same words
        other = lossbook.CategoricalFocalCrossentropy(alpha=wrong)
        assert assert_compiled_is_plain(other, y_true, y_pred).by_lines == 1


@needs_numba
def test_a_loss_of_ones_own_goes_by_its_lines():
    class Double(lossbook.Huber):
        def call(self, y_true, y_pred):
            return 2 * super().call(y_true, y_pred)

    y_true, y_pred = example("huber", {}, "float32", 3, SHORT)
    with Compiled() as counted:
        assert Double()(y_true, y_pred) == pytest.approx(2 * lossbook.Huber()(y_true, y_pred))
    assert counted.by_loops == 1
    with pytest.raises(NotImplementedError, match="plain lines"):
        fast.loops(Double())
    with pytest.raises(NotImplementedError, match="plain lines"):
        fast.loops(lossbook.CTC())


@needs_numba
def test_the_loops_can_be_read():
    text = fast.loops(lossbook.Huber())
    assert "error = y_pred[j] - y_true[j]" in text and "for j in range(last - first):" in text
    assert repr(text) == text and text._repr_markdown_().startswith("```python\ndef kernel(")
    assert "error = y_pred[j, l] - y_true[j, l]" in fast.loops(lossbook.Huber(), short=True)


# --- large batches, threads, out ---------------------------------------------------------------------------------


@needs_numba
@pytest.mark.parametrize("name", ["mean_squared_error", "binary_crossentropy", "categorical_hinge", "dice"])
def test_the_digits_do_not_depend_on_the_number_of_threads(name):
    y_true, y_pred = example(name, {}, "float32", 3, (30_011, 10))
    loss, results = CATALOGUE[name].cls(), []
    plain = loss.value_and_gradient(y_true, y_pred)
    for threads in (1, 2, 3):
        with Compiled(threads) as counted:
            for _ in range(3):
                results.append(loss.value_and_gradient(y_true, y_pred))
        assert counted.by_lines == 0
    for value, slope in results:
        assert value == results[0][0] and np.array_equal(slope, results[0][1])
    assert_same(results[0], plain, 4 * ULPS)


@needs_numba
def test_long_sums_lose_no_digits():
    y_true, y_pred = np.random.default_rng(0).random((2, 3_000_001), dtype="float32")
    exact = np.mean((y_pred.astype(float) - y_true.astype(float)) ** 2)
    with Compiled(2):
        assert abs(lossbook.MeanSquaredError()(y_true, y_pred) - exact) <= 1e-7 * exact
        overlap = lossbook.Dice()(y_true, y_pred)
    wide = lossbook.Dice()(y_true.astype(float), y_pred.astype(float))
    assert abs(overlap - wide) <= 2e-7


@needs_numba
def test_slopes_are_written_into_an_array_of_ones_own():
    y_true, y_pred = example("huber", {}, "float32", 3, SHORT)
    loss = lossbook.Huber()
    expected = loss.gradient(y_true, y_pred)
    with Compiled():
        for out in (
            np.empty_like(y_pred),
            np.empty(SHORT),
            np.empty(SHORT, "float32", order="F"),
            y_pred.copy(),
        ):
            held = y_pred if out.dtype != y_pred.dtype or not np.array_equal(out, y_pred) else out
            assert loss.gradient(y_true, held, out=out) is out
            assert_same(out.astype("float32"), expected)


@needs_numba
def test_several_threads_of_ones_own_may_call_at_once():
    y_true, y_pred = example("poisson", {}, "float32", 3, (300, 40))
    loss, found = lossbook.Poisson(), []
    expected = loss(y_true, y_pred)
    with Compiled(2):
        callers = [threading.Thread(target=lambda: found.append(loss(y_true, y_pred))) for _ in range(8)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert len(found) == 8 and len(set(map(float, found))) == 1
    assert_same(found[0], expected)


# --- exp, log and their kin ------------------------------------------------------------------------------------------

EXACT = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "tanh": mpmath.tanh,
}


def numbers_for(name, dtype, rng):
    """Return numbers of every size, subnormal ones too, and the ends of the range."""
    info = np.finfo(dtype)
    whole = {"float32": np.int32, "float64": np.int64}[dtype]
    bits = rng.integers(np.iinfo(whole).min, np.iinfo(whole).max, 500, dtype=whole).view(dtype)
    usual = np.concatenate([rng.normal(0, size, 150) for size in (1e-3, 0.4, 1, 3, 40, 300)]).astype(dtype)
    ends = [
        0.0,
        1.0,
        info.tiny,
        info.smallest_subnormal,
        3 * info.smallest_subnormal,
        info.max,
        info.eps,
        np.inf,
        np.nan,
    ]
    edge = {"float32": [88.72, 88.73, 87.3, 103.9, 104.1], "float64": [709.7, 709.79, 708.3, 745.1, 745.2]}[
        dtype
    ]
    ends = np.array([*ends, *edge], dtype)
    numbers = np.concatenate([bits, usual, ends, -ends])
    if name == "log":
        return np.where(rng.random(numbers.size) < 0.9, np.abs(numbers), numbers)
    return (
        np.where(numbers < -1, -0.9 * rng.random(numbers.size).astype(dtype), numbers)
        if name == "log1p"
        else numbers
    )


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EXACT)
def test_elementary_functions_are_within_2_units_in_the_last_place(name, dtype):
    import numba

    function = functions_of(np.dtype(dtype).type)[name]
    numbers = numbers_for(name, dtype, np.random.default_rng(5))
    with np.errstate(all="ignore"):
        usual = getattr(np, name)(numbers)
    with np.errstate(all="ignore"):
        found = numba.vectorize([f"{dtype}({dtype})"])(lambda x: function(x))(numbers)
    assert found.dtype == dtype
    whole = np.isfinite(usual) & (numbers != 0)
    np.testing.assert_array_equal(found[~whole], usual[~whole])
    np.testing.assert_array_equal(np.signbit(found[numbers == 0]), np.signbit(usual[numbers == 0]))
    worst = 0.0
    for x, y in zip(numbers[whole].tolist(), found[whole].tolist(), strict=True):
        exact = EXACT[name](mpf(x))
        unit = float(np.spacing(np.dtype(dtype).type(abs(exact))))
        worst = max(worst, float(abs(mpf(y) - exact) / unit))
    assert worst <= 2.0


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_powers(dtype):
    import numba

    function = functions_of(np.dtype(dtype).type)["power"]
    base = np.array([0.0, -0.0, 1e-30, 0.3, 1.0, 2.5, 1e30, np.inf, -2.0, -0.5, np.nan], dtype)
    for exponent in (0.5, 1.5, 2.7, -0.5, 9.0, 10.0, -3.0):
        with np.errstate(all="ignore"):
            usual = np.power(base, np.dtype(dtype).type(exponent))
            compute = numba.vectorize([f"{dtype}({dtype}, {dtype})"])(lambda x, y: function(x, y))
            found = compute(base, np.dtype(dtype).type(exponent))
        np.testing.assert_allclose(found, usual, rtol=4 * np.finfo(dtype).eps)


# --- the cache, other processes ----------------------------------------------------------------------------------------

CALL = """
import json, numpy as np, lossbook
rng = np.random.default_rng(0)
y_true, y_pred = rng.normal(size=(2, 50, 7)).astype("float32")
with lossbook.fast(threads=2, compiled=True):
    value, slope = lossbook.MeanAbsoluteError().value_and_gradient(y_true, y_pred)
from lossbook.compiled.machine import DISPATCHERS
found = sum(sum(one.stats.cache_hits.values()) for one in DISPATCHERS)
print(json.dumps([float(value), float(abs(slope).sum()), found]))
"""


def run(code, cache, **environment):
    """Run code in a process of its own, and return it, started."""
    settings = {**os.environ, "LOSSBOOK_CACHE": str(cache), "PYTHONPATH": str(ROOT), **environment}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=settings,
    )


def answer_of(process):
    out, problem = process.communicate(timeout=300)
    assert process.returncode == 0 and not problem, problem
    return json.loads(out)


@needs_numba
def test_two_processes_at_once_and_a_third_that_finds_all_there(tmp_path):
    first, second = [answer_of(one) for one in [run(CALL, tmp_path), run(CALL, tmp_path)]]
    (place,) = tmp_path.iterdir()
    before = {file: file.stat().st_mtime_ns for file in place.rglob("*") if file.is_file()}
    third = answer_of(run(CALL, tmp_path))
    assert first[:2] == second[:2] == third[:2] and third[2] == 1
    assert before == {file: file.stat().st_mtime_ns for file in place.rglob("*") if file.is_file()}
    assert len(before) == 4  # the text, its machine code and the code's index, their digest


@needs_numba
def test_a_corrupt_cache_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("LOSSBOOK_CACHE", str(tmp_path))
    kernels = road.kernels_of("mean_absolute_error", ())
    text = machine.text_of(kernels.writer(False, False), np.dtype("float32"))
    data = np.zeros((1, 4), "float32"), np.ones((1, 4), "float32")
    rest = [road.ROW[data[0].dtype], road.TABLE[data[0].dtype], road.ONE[data[0].dtype], 0, False, 1.0, 4, 0]
    make = machine.compiled.__wrapped__
    assert make(text)(*data, *rest) == (1.0,)
    (place,) = tmp_path.iterdir()
    for harm in (
        lambda file: file.write_bytes(file.read_bytes()[:-40]),
        lambda file: file.write_text("no"),
        os.remove,
    ):
        for name in ("*.nbc", "*.nbi", "kernel.py", "digest"):
            harm(next(place.rglob(name)))
            assert make(text)(*data, *rest) == (1.0,)
            assert machine.is_whole(place)


@needs_numba
def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LOSSBOOK_CACHE", str(tmp_path / "file"))
    kernels = road.kernels_of("mean_absolute_error", ())
    text = machine.text_of(kernels.writer(False, False), np.dtype("float64"))
    data = np.zeros((1, 4)), np.ones((1, 4))
    rest = [road.ROW[data[0].dtype], road.TABLE[data[0].dtype], road.ONE[data[0].dtype], 0, False, 1.0, 4, 0]
    assert machine.compiled.__wrapped__(text)(*data, *rest) == (1.0,)


@needs_numba
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_computes_and_ends(tmp_path):
    code = """
import os, sys, numpy as np, lossbook
y_true, y_pred = np.random.default_rng(0).normal(size=(2, 700_000)).astype("float32")
mode, loss = lossbook.fast(threads=2, compiled=True), lossbook.MeanAbsoluteError()
before = loss(y_true, y_pred)
child = os.fork()
if child == 0:
    os._exit(0 if loss(y_true, y_pred) == before else 1)
same = os.waitpid(child, 0)[1] == 0 and loss(y_true, y_pred) == before
print("true" if same else "false")
"""
    assert (
        answer_of(
            run(
                code.replace("import os", "import warnings; warnings.simplefilter('ignore')\nimport os", 1),
                tmp_path,
            )
        )
        is True
    )


# --- without Numba -----------------------------------------------------------------------------------------------------


WITHOUT = """
import json, sys, warnings
sys.modules["numba"] = None
import numpy as np, lossbook
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    with lossbook.fast(threads=2):
        value = float(lossbook.Huber()([[0.0, 0.0]], [[0.5, 3.0]]))
    with lossbook.fast(threads=2, compiled=False):
        pass
try:
    lossbook.fast(compiled=True)
except ImportError as problem:
    refused = str(problem)
print(json.dumps([value, [str(one.message) for one in heard], refused]))
"""


@pytest.mark.parametrize("how", ["absent", "disabled"])
def test_without_numba_fast_says_what_to_install_and_goes_on(how, tmp_path):
    if how == "absent":
        process = run(WITHOUT, tmp_path)
    else:
        process = run(WITHOUT.replace('sys.modules["numba"] = None', ""), tmp_path, NUMBA_DISABLE_JIT="1")
    value, heard, refused = answer_of(process)
    assert value == 1.3125
    assert len(heard) == 1 and "pip install 'lossbook[fast]'" in heard[0] and heard[0] == refused


def test_numba_is_not_loaded_before_it_is_asked_for(tmp_path):
    code = "import json, sys, lossbook; lossbook.Huber()([0.0], [1.0]); print(json.dumps('numba' in sys.modules))"
    assert answer_of(run(code, tmp_path)) is False


def test_how_many_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as joblib does for its workers
    assert blocks._processors() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "none")
    assert blocks._processors() >= 1 and math.isfinite(blocks._processors())
