"""The record that explain makes: every value, every branch, every loop, and how it is written."""
# ruff: noqa: F841, F842  (the functions traced here bind names only to be recorded)

import functools
import importlib
import io
import linecache
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from cases import FIRST, example

import lossbook
from lossbook import render
from lossbook.tools.explain import Explanation, explain
from lossbook.tools.render import ArraySummary, Html, format_number, format_value, html_table, text_table

ROOT = Path(__file__).resolve().parent.parent
Y_TRUE = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
Y_PRED = np.array([[0.5, 3.0], [1.0, 1.5], [3.0, 9.0]])


def check_positive(name, value):
    seen = value  # must never be a step
    if seen <= 0:
        raise ValueError(f"Received {name}={value}; expected a positive number.")


def huber(y_true, y_pred, delta=1.0):
    """Charge small errors quadratically and large errors linearly.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (N, D)
        Observed and *predicted* values, e.g. in metres. Nothing more is said of them.
    delta : float, default 1.0
        Where :func:`the parabola` turns into ``a line``

    Returns
    -------
    value : array
        Not a parameter.
    """
    check_positive("delta", delta)
    error = y_pred - y_true  # signed miss
    size = np.abs(error)  # how far, either way
    parabola = 0.5 * error**2  # the inner piece
    line = delta * (size - 0.5 * delta)  # tangent to it at size = delta
    cost = np.where(size <= delta, parabola, line)  # pick per element
    value = cost.mean(axis=-1)  # one number per sample
    return value


def make_function(source, name, module="reader", filename=None):
    """Compile a function as IPython compiles a cell: its source lives in linecache alone."""
    filename = filename or f"<cell-{module}-{name}-{abs(hash(source))}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = {"__name__": module, "np": np}
    exec(compile(source, filename, "exec"), namespace)
    return namespace[name]


def codes(explanation):
    return [step.code for step in explanation]


# ------------------------------------------------------------------------------------- the values


def test_every_assignment_is_a_step_with_its_comment_and_its_value():
    record = explain(huber, Y_TRUE, Y_PRED, delta=2.0)
    error = Y_PRED - Y_TRUE
    assert [step.target for step in record] == ["error", "size", "parabola", "line", "cost", "value"]
    assert [step.meaning for step in record][:3] == ["signed miss", "how far, either way", "the inner piece"]
    assert codes(record)[0] == "error = y_pred - y_true"
    np.testing.assert_array_equal(record["error"], error)
    np.testing.assert_array_equal(record["size"], np.abs(error))
    np.testing.assert_array_equal(record["parabola"], 0.5 * error**2)
    np.testing.assert_array_equal(record.value, huber(Y_TRUE, Y_PRED, delta=2.0))
    np.testing.assert_array_equal(record["value"], record.value)
    first = huber.__code__.co_firstlineno
    assert [step.line - first for step in record] == [16, 17, 18, 19, 20, 21]


def test_record_behaves_like_a_sequence_and_a_lookup():
    record = explain(huber, Y_TRUE, Y_PRED)
    assert len(record) == 6 == len(list(record)) == len(record.steps)
    assert "error" in record and "delta" in record and "nothing" not in record
    assert record["delta"] == 1.0
    assert record.name == "huber"
    assert record.signature == "huber(y_true, y_pred, delta=1.0)"
    assert len(record.stages) == 1
    with pytest.raises(KeyError, match="Received 'eror'; expected a name bound by huber"):
        record["eror"]
    with pytest.raises(AttributeError):
        record.value = 1


def test_inputs_carry_the_first_sentence_of_their_description():
    inputs = {given.name: given for given in explain(huber, Y_TRUE, Y_PRED).inputs}
    assert list(inputs) == ["y_true", "y_pred", "delta"]
    assert inputs["y_true"].meaning == "Observed and *predicted* values, e.g. in metres"
    assert inputs["y_true"].meaning == inputs["y_pred"].meaning
    assert inputs["delta"].meaning == "Where the parabola turns into a line"
    assert inputs["delta"].value == 1.0


def test_check_calls_and_untaken_branches_are_not_steps():
    def branch(x):
        check_positive("x", x)
        if x > 2:
            side = "large"  # above
        elif x > 1:
            side = "middle"  # between
        else:
            side = "small"  # below
        if x > 100: side = "huge"  # fmt: skip  # noqa: E701
        return side

    record = explain(branch, 1.5)
    assert codes(record) == ['side = "middle"']
    assert record.steps[0].meaning == "between"
    assert codes(explain(branch, 3.0)) == ['side = "large"']


def test_one_line_branch_that_is_taken_is_a_step():
    def branch(x):
        if x > 1: side = "huge"  # fmt: skip  # noqa: E701
        return x

    assert codes(explain(branch, 3)) == ['side = "huge"', "return x"]
    assert explain(branch, 3).steps[0].meaning == ""  # a noqa comment is no meaning
    assert codes(explain(branch, 0)) == ["return x"]


def test_multi_line_statement_is_one_step():
    def wide(x):
        total = np.add(  # said at the start
            x,  # the first
            10,  # the second
        )  # their sum
        early = (  # said first
            x + 1
        )
        return total, early

    record = explain(wide, 1)
    assert record.steps[0].code == "total = np.add(\n    x,\n    10,\n)"
    assert record.steps[0].meaning == "their sum"
    assert record.steps[1].meaning == "said first"
    assert record["total"] == 11 and record["early"] == 2
    assert record.steps[2].names == ("return",) and record.steps[2].value == (11, 2)


def test_every_kind_of_target():
    def targets(x):
        (a, b), *rest = (x, 2), 3, 4  # unpacked
        c = d = a + 1  # chained
        c += 5  # augmented
        e: float = 0.5  # annotated
        later: int
        if (n := b * 2) > 1:  # walrus
            f = n + (m := 3)  # inside
        with io.StringIO("text") as file:  # opened
            g = file.read()  # read
        out = [0, 0]  # places
        out[1] = 7  # filled
        h = 1; k = 2  # fmt: skip  # noqa: E702
        return k

    record = explain(targets, 1)
    targets = "; ".join(step.target for step in record)
    assert targets == "a, b, rest; c, d; c; e; n; m; f; file; g; out; out; h; k"
    assert record.steps[0].value == (1, 2, [3, 4])
    assert record.steps[1].value == (2, 2)
    assert record["c"] == 7 and record["d"] == 2 and record["e"] == 0.5
    assert record["n"] == 4 and record["m"] == 3 and record["f"] == 7
    assert record.steps[4].code == "n := b * 2" and record.steps[4].meaning == "walrus"
    assert record.steps[7].code == 'with io.StringIO("text") as file:'
    assert record["g"] == "text"
    assert record.steps[9].value == [0, 0], "the list as it was before it was filled"
    assert record.steps[10].value == [0, 7]
    assert record["h"] == 1 and record["k"] == 2


def test_attribute_target_of_a_method():
    class Counter:
        def __init__(self):
            self.count = 0

        def add(self, amount):
            self.count = self.count + amount  # remember
            return self.count

    counter = Counter()
    record = explain(counter.add, 3)
    assert [given.name for given in record.inputs] == ["amount"]
    assert record["self.count"] == 3 and record.value == 3
    assert record.signature == "add(amount)"


def test_later_mutation_does_not_change_the_record():
    def mutate(x):
        table = np.zeros(3)  # empty
        names = ["a"]  # one name
        table[0] = x  # filled
        names.append("b")
        table += 1  # all raised
        return table

    record = explain(mutate, 5.0)
    np.testing.assert_array_equal(record.steps[0].value, [0, 0, 0])
    assert record.steps[1].value == ["a"]
    np.testing.assert_array_equal(record.steps[2].value, [5, 0, 0])
    np.testing.assert_array_equal(record.steps[3].value, [6, 1, 1])
    with pytest.raises(ValueError, match="read-only"):
        record["table"][0] = 9


def test_inputs_are_neither_changed_nor_shared():
    y_true, y_pred = Y_TRUE.copy(), Y_PRED.copy()
    record = explain(huber, y_true, y_pred)
    np.testing.assert_array_equal(y_true, Y_TRUE)
    np.testing.assert_array_equal(y_pred, Y_PRED)
    assert y_true.flags.writeable and y_pred.flags.writeable and record.value.flags.writeable
    y_true[:] = 99
    np.testing.assert_array_equal(record["y_true"], Y_TRUE)


def test_large_arrays_are_summarised_at_once():
    def double(x):
        twice = x * 2  # doubled
        return twice

    record = explain(double, np.arange(100_000.0))
    summary = record["twice"]
    assert isinstance(summary, ArraySummary)
    assert (summary.low, summary.mean, summary.high) == (0.0, 99_999.0, 199_998.0)
    assert summary.shape == (100_000,) and summary.first == (0.0, 2.0, 4.0, 6.0)
    assert isinstance(record.value, np.ndarray)
    assert "(100000,) float64" in str(record) and "(100000,) float64" in record._repr_html_()


# -------------------------------------------------------------------------------------- the return


def test_returned_expression_is_the_last_step():
    def reader(a, b):
        return (a - b) ** 2  # squared miss

    record = explain(reader, 5.0, 3.0)
    assert len(record) == 1
    step = record.steps[0]
    assert (step.names, step.value, step.meaning) == (("return",), 4.0, "squared miss")
    assert step.code == "return (a - b) ** 2" and record["return"] == 4.0


def test_bare_name_returned_is_a_step_only_if_not_just_bound():
    def last(x):
        y = x + 1
        return y

    def earlier(x):
        y = x + 1
        z = y + 1
        return y if z < 0 else y

    def not_last(x):
        y = x + 1
        _z = y + 1
        return y

    def nothing(x):
        y = x + 1  # noqa: F841
        return None

    assert [step.target for step in explain(last, 1)] == ["y"]
    assert [step.target for step in explain(earlier, 1)] == ["y", "z", "return"]
    assert [step.target for step in explain(not_last, 1)] == ["y", "_z", "return"]
    assert [step.target for step in explain(nothing, 1)] == ["y"]


def test_return_inside_with_and_try_and_loop():
    def deep(x):
        for k in range(5):
            try:
                with io.StringIO() as file:
                    if k == 1:
                        return x + k
            finally:
                closed = file.closed
        return closed

    record = explain(deep, 10)
    assert record.value == 11
    assert record.steps[-1].names == ("return",) and record.steps[-1].value == 11


# --------------------------------------------------------------------------------------- the loops


def test_short_loop_is_shown_whole():
    def loop():
        total = 0
        for k in range(4):  # each
            total += k  # summed
        return total

    record = explain(loop)
    assert [step.target for step in record] == ["total", *["k", "total"] * 4]
    assert [step.value for step in record] == [0, 0, 0, 1, 1, 2, 3, 3, 6]
    assert not any(step.skipped for step in record)


@pytest.mark.parametrize("times", [5, 21])
def test_long_loop_is_shown_first_and_last(times):
    def loop(n):
        total = 0
        for k in range(n):
            total += k
        return total

    record = explain(loop, times)
    assert [step.value for step in record if step.names == ("k",)] == [0, 1, 2, times - 1]
    assert record["total"] == sum(range(times)) == record.value
    assert [step.skipped for step in record] == [0] * 7 + [times - 4] + [0]
    line = "… 1 more time" if times == 5 else "… 17 more times"
    assert [text.strip() for text in str(record).split("\n")].count(line) == 1
    assert f"{line}</td>" in record._repr_html_()


def test_loops_of_one_statement():
    def while_loop(x):
        while x > 1:
            x = x // 2
        return x

    def endless(x):
        while True:
            x += 1
            if x > 3:
                break
        return x

    def one_line(xs):
        total = 0
        for x in xs: total += x  # fmt: skip  # noqa: E701
        return total

    def tight(x):
        while True:
            x = next(x) if hasattr(x, "__next__") else [][0]

    assert [step.value for step in explain(while_loop, 8)] == [4, 2, 1]
    assert [step.value for step in explain(endless, 1)] == [2, 3, 4]
    assert [step.value for step in explain(one_line, [1, 2, 3])] == [0, 1, 1, 2, 3, 3, 6]
    with pytest.raises(IndexError) as caught:
        explain(tight, iter([iter([iter([7])])]))
    assert "x = next(x)" in caught.value.__notes__[0]


def test_nested_loops_stay_short():
    def loops(n):
        total = 0
        for i in range(n):
            for j in range(n):
                total += i * j
        return total

    record = explain(loops, 30)
    assert len(record) <= 13 and record["total"] == loops(30)


# ------------------------------------------------------------------------------ what can be traced


def test_decorated_function_is_traced_through_its_wrapper():
    def doubling(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            inside = function(*args, **kwargs)
            return 2 * inside

        return wrapper

    @doubling
    @doubling
    def reader(x):
        y = x + 1  # next
        return y

    record = explain(reader, 1)
    assert codes(record) == ["y = x + 1"]
    assert record["y"] == 2 and record.value == 8 and record.name == "reader"


def test_partial_of_partial():
    inner = functools.partial(huber, delta=3.0)
    record = explain(functools.partial(inner, Y_TRUE), Y_PRED)
    assert record["delta"] == 3.0
    np.testing.assert_array_equal(record.value, huber(Y_TRUE, Y_PRED, 3.0))


def test_partial_frees_names_that_explain_takes_itself():
    def deep(depth):
        level = depth + 1  # one further
        return level

    assert explain(functools.partial(deep, depth=4))["level"] == 5


def test_methods_of_every_kind_and_callable_objects():
    class Cost:
        factor = 2

        def method(self, x):
            y = self.factor * x  # scaled
            return y

        @classmethod
        def of_class(cls, x):
            y = cls.factor * x  # scaled
            return y

        @staticmethod
        def static(x):
            y = 2 * x  # scaled
            return y

        __call__ = method

    for target in (Cost().method, Cost.of_class, Cost().of_class, Cost.static, Cost().static, Cost()):
        record = explain(target, 3)
        assert record["y"] == 6 and [given.name for given in record.inputs] == ["x"]


def test_closures_defaults_star_arguments_and_recursion():
    def outer(scale):
        def inner(x, *rest, power=2, **more):
            y = scale * x**power  # captured
            z = [y + part for part in rest]  # listed
            return z

        return inner

    record = explain(outer(3), 2, 10, 20, extra="e")
    assert [given.name for given in record.inputs] == ["x", "power", "rest", "more"]
    assert record["y"] == 12 and record["z"] == [22, 32] and record["more"] == {"extra": "e"}

    def captured(x):
        y = x + 1
        keep = (lambda: x + y)()  # both are cells
        return keep

    record = explain(captured, 1)
    assert [given.value for given in record.inputs] == [1]
    assert record["y"] == 2 and record["keep"] == 3

    def factorial(n):
        rest = factorial(n - 1) if n > 1 else 1
        product = n * rest
        return product

    record = explain(factorial, 5)
    assert len(record) == 2 and record.value == 120


class Base:
    def cost(self, x):
        y = x + 1
        return y


class Derived(Base):
    __factor = 3

    def cost(self, x):
        y = super().cost(x) * self.__factor  # of the class above
        __z = y + Derived.__factor
        return __z


COUNTED = 0


def counts(x):
    global COUNTED
    COUNTED = x
    COUNTED += 1
    return COUNTED


def bumps():
    count = 0

    def bump():
        nonlocal count
        count += 1
        return count

    one = bump()
    return one + count


def matches(x):
    match x:
        case (a, b):
            total = a + b
        case _:
            total = 0
    return total


def overrides(x):
    try:
        return 1 / x
    except ZeroDivisionError:
        text = "caught"
        return text
    finally:
        last = x
        if x > 1:
            return last  # noqa: B012


def opens():
    with io.StringIO("a") as first, io.StringIO(first.read() + "b") as second:
        both = second.read()
    return both


def deletes(x, /, *, by=2):
    y = x * by
    del x
    z = y
    return z


def holds():
    class Box:
        pass

    box = Box()
    box.items = {"k": 1}
    box.items["k"] += 1
    return box.items


@pytest.mark.parametrize(
    "function, args, expected",
    [
        (Derived().cost, (1,), {"y": 6, "__z": 9}),
        (counts, (4,), {"COUNTED": 5}),
        (bumps, (), {"count": 0, "one": 1, "return": 2}),
        (matches, ((1, 2),), {"total": 3}),
        (matches, (0,), {"total": 0}),
        (overrides, (0,), {"text": "caught", "last": 0, "return": "caught"}),
        (overrides, (2,), {"last": 2}),
        (opens, (), {"first": None, "second": None, "both": "ab"}),
        (deletes, (1,), {"y": 2, "z": 2}),
        (holds, (), {"box": None, "box.items": {"k": 2}, "return": {"k": 2}}),
    ],
)
def test_copy_does_what_the_function_does(function, args, expected):
    record = explain(function, *args)
    assert record.value == function(*args)
    found = {name: record[name] for step in record for name in step.names}
    assert list(found) == list(expected)
    assert all(found[name] == value for name, value in expected.items() if value is not None)


def test_decorators_of_every_kind_hold_the_copy():
    class Twice:
        def __init__(self, function):
            functools.update_wrapper(self, function)
            self.function = function

        def __call__(self, x):
            return 2 * self.function(x)

    def outermost(function):  # names the innermost function, calls the wrapper next to it
        def wrapper(x):
            return function(x)

        wrapper.__wrapped__ = function.__wrapped__
        return wrapper

    def next_to_it(function):
        @functools.wraps(function)
        def wrapper(x):
            assert function.unit == "m" and not hasattr(function, "__wrapped__")
            return function(x) + function(10 * x)  # the first call is recorded

        return wrapper

    def reader(x):
        y = x + 1
        return y

    reader.unit = "m"
    record = explain(outermost(next_to_it(reader)), 1)
    assert [step.value for step in record] == [2] and record.value == 13
    assert explain(Twice(reader), 1)["y"] == 2 and explain(Twice(reader), 1).value == 4
    with pytest.raises(TypeError, match="whose decorator did not run"):  # rather than a record of nothing
        explain(outermost(Twice(reader)), 1)


def test_notebook_cell_without_a_file_is_traced():
    source = "def cell(x):\n    y = x + 1  # next\n    return y * 2\n"
    record = explain(make_function(source, "cell"), 1)
    assert codes(record) == ["y = x + 1", "return y * 2"] and record.steps[0].meaning == "next"


def test_real_ipython_cell_is_traced():
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    shell.run_cell("def cell(x):\n    y = x + 1  # next\n    return y\n")
    record = explain(shell.user_ns["cell"], 1)
    assert codes(record) == ["y = x + 1"] and record.steps[0].meaning == "next"


def test_reloaded_module_is_read_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = tmp_path / "reader_module_of_explain.py"
    file.write_text("def f(x):\n    y = x + 1  # one more\n    return y\n")
    module = importlib.import_module(file.stem)
    assert explain(module.f, 1).steps[0].meaning == "one more"
    for text in ("def f(x):\n    y = x + 2  # one more\n    return y\n", "\n\ndef f(x):\n    return x\n"):
        file.write_text(text)
        with pytest.raises(TypeError, match="Received f, wh.* reload its module"):
            explain(module.f, 1)
    file.write_text("\n\ndef f(x):\n    y = x + 20  # twenty more\n    return y\n")
    step = explain(importlib.reload(module).f, 1).steps[0]
    assert (step.meaning, step.value, step.line) == ("twenty more", 21, 4)


def test_text_beyond_ascii_keeps_columns_right():
    source = 'def cell(x):\n    ü = "é" * x; ö = ü + "–"  # Grüße\n    return (ß := ö)\n'
    record = explain(make_function(source, "cell"), 2)
    assert codes(record) == ['ü = "é" * x', 'ö = ü + "–"', "ß := ö", "return (ß := ö)"]
    assert record.steps[1].meaning == "Grüße"


def test_indented_source_with_an_awkward_string():
    class Holder:
        def method(self):
            text = """first
second"""  # two lines
            return text

    step = explain(Holder().method).steps[0]
    assert step.code == 'text = """first\nsecond"""' and step.meaning == "two lines"


async def _async(x):
    return x


def _generator(x):
    yield x


async def _async_generator(x):
    yield x


@pytest.mark.parametrize(
    "target, received, remedy",
    [
        (lambda x: x, "a lambda", "Write it with def"),
        (len, "len, which is not Python code", "from a function of your own"),
        (np.exp, "exp, which is not Python code", "from a function of your own"),
        (_async, "the async function _async", "that it awaits"),
        (_generator, "the generator _generator", "instead of yielding"),
        (_async_generator, "the async function _async_generator", "that it awaits"),
        (dict, "the class dict", r"Make an object first: dict\(...\)"),
        (3, "an object of type int", "from a function of your own"),
        (eval(compile("lambda: 0", "nowhere", "eval")), "a lambda", "Write it with def"),
    ],
)
def test_what_cannot_be_traced_is_refused(target, received, remedy):
    with pytest.raises(TypeError, match=f"Received {received}.*; expected a loss object, or.*{remedy}"):
        explain(target, 1)


def test_function_without_source_is_refused():
    namespace = {}
    exec("def hidden(x):\n    return x\n", namespace)
    with pytest.raises(TypeError, match="Received hidden, whose source cannot be read;.*notebook cell"):
        explain(namespace["hidden"], 1)


def test_wrapper_that_never_runs_the_function_is_refused():
    def replacing(function):
        return functools.wraps(function)(lambda x: 7)

    @replacing
    def replaced(x):
        y = x + 1
        return y

    with pytest.raises(TypeError, match=r"whose decorator did not run .* Explain replaced.__wrapped__"):
        explain(replaced, 1)
    assert explain(replaced.__wrapped__, 1)["y"] == 2


def test_cached_function_is_recorded_each_time():
    @functools.lru_cache
    def cached(x):
        y = x + 1
        return y

    assert explain(cached, 1)["y"] == 2 == explain(cached, 1)["y"] and cached.cache_info().currsize == 0


@pytest.mark.parametrize(
    "options", [{"depth": -1}, {"depth": 1.5}, {"digits": 0}, {"digits": True}, {"rows": [-1]}, {"rows": "3"}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="Received .*; expected a whole number of at least"):
        explain(huber, Y_TRUE, Y_PRED, **options)


# ------------------------------------------------------------------------ exceptions and tracers


def test_exception_passes_through_with_a_note():
    def breaks(x):
        y = x + 1  # fine
        z = y / 0  # not fine
        return z

    with pytest.raises(ZeroDivisionError) as caught:
        explain(breaks, 1)
    last = caught.traceback[-1]
    assert (last.path, last.lineno, last.name) == (
        Path(__file__),
        breaks.__code__.co_firstlineno + 1,
        "breaks",
    )
    line = breaks.__code__.co_firstlineno + 1
    assert caught.value.__notes__ == [f"explain: breaks stopped after line {line}: y = x + 1"]

    def in_return(x):
        y = x + 1
        return y / 0

    with pytest.raises(ZeroDivisionError) as caught:
        explain(in_return, 1)
    assert caught.value.__notes__[0].endswith(": y = x + 1")

    def at_once(x):
        raise KeyError(x)

    with pytest.raises(KeyError) as caught:
        explain(at_once, 1)
    assert caught.value.__notes__ == ["explain: at_once stopped before its first step"]


def test_assignment_that_fails_half_way_is_no_step():
    def half_way(x):
        try:
            a, x[5] = 1, 2
        except IndexError:
            b = 0  # instead
        return b

    assert codes(explain(half_way, [0])) == ["b = 0"]


def test_call_of_an_assignment_that_failed_is_not_told_of_the_next():
    source = (
        TOY
        + """
def retry(x, divisors):
    while True:
        try:
            y = leaf(x) / divisors.pop()
            return y
        except ZeroDivisionError:
            pass
"""
    )
    (step,) = explain(make_function(source, "retry", module="lossbook.toy"), 8.0, [2, 0])
    assert step.value == 2.0 and [call.name for call in step.calls] == ["leaf"]


def test_names_inside_a_comprehension_are_not_steps():
    def listed(n):
        squares = [0]  # before
        for _ in range(2):
            squares = [k**2 for k in range(n)]  # after
        return squares

    record = explain(listed, 4)
    assert [step.target for step in record] == ["squares", *["_", "squares"] * 2]
    assert record.steps[2].value == [0, 1, 4, 9]


def test_exception_caught_inside_is_no_end():
    def careful(x):
        try:
            y = x / 0
        except ZeroDivisionError:
            y = 0.0  # instead
        return y

    record = explain(careful, 1)
    assert codes(record) == ["y = 0.0"] and record.value == 0.0


@pytest.mark.parametrize("fails", [False, True])
def test_debugger_and_coverage_go_on_undisturbed(fails):
    def tracer(frame, event, _):
        if frame.f_code.co_filename == __file__:
            lines.append((frame.f_code.co_name, frame.f_lineno))
        return tracer

    def reader(x):
        y = 1 / x
        return y

    def run(call):
        lines.clear()
        sys.settrace(tracer)
        try:
            call(reader, 0 if fails else 1)
        except ZeroDivisionError:
            pass
        finally:
            after = sys.gettrace()
            sys.settrace(before)
        assert after is tracer
        return [line for line in dict.fromkeys(lines) if line[0] == "reader"]

    before, lines = sys.gettrace(), []
    assert run(explain) == run(lambda function, x: function(x)), "the lines that ran, as without explain"


def test_explain_within_explain():
    def outer(x):
        record = explain(huber, Y_TRUE, Y_PRED)  # a record
        y = x + len(record)  # after it
        return y

    assert explain(outer, 1)["y"] == 7


def test_threads_do_not_mix():
    def slow(x):
        total = 0
        for _ in range(200):
            total += x
        return total

    found = {}
    source = (
        "def f(x):\n" + "".join(f"    y{k} = x + {k} * (x - x)\n" for k in range(100)) + "    return y99\n"
    )

    functions = {x: [make_function(f"{source}# {k} {x}\n", "f") for k in range(8)] for x in range(6)}

    class Garbage:
        def __del__(self):  # collected while another thread parses, it lets that thread's turn end
            sum(range(50))

    def work(x):
        for function in functions[x]:  # each is parsed here
            cycle = Garbage()
            cycle.itself = cycle
            del cycle
            assert explain(function, x).value == x
        found[x] = explain(slow, x)["total"]

    turn = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns often, so that what they share shows
    try:
        threads = [threading.Thread(target=work, args=(x,)) for x in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(turn)
    assert found == {x: 200 * x for x in range(6)}


# ------------------------------------------------------------------------------------ nested calls

TOY = '''
def check_toy(x):
    seen = helper(x)  # hidden
    return seen

def helper(x):
    inner = leaf(x) + 1  # a leaf and one
    return inner

def leaf(x):
    half = x / 2  # halved
    return half

def toy(x):
    """Doc.

    Parameters
    ----------
    x : float
        A number.
    """
    check_toy(x)
    if leaf(x) > 1e9:
        raise ValueError
    plain = x + 1  # no call
    y = helper(x) + leaf(x)  # two calls
    return leaf(y)
'''


def toy():
    return make_function(TOY, "toy", module="lossbook.toy")


def test_nested_calls_hang_on_the_step_that_made_them():
    record = explain(toy(), 8.0)
    assert codes(record) == ["plain = x + 1", "y = helper(x) + leaf(x)", "return leaf(y)"]
    assert [[call.name for call in step.calls] for step in record] == [[], ["helper", "leaf"], ["leaf"]]
    helper = record.steps[1].calls[0]
    assert isinstance(helper, Explanation) and helper.signature == "helper(x)"
    assert helper["inner"] == 5.0 == helper.value and helper["x"] == 8.0
    assert helper.steps[0].calls == (), "depth 1 opens one level"


def test_calls_go_to_the_innermost_assignment_and_never_through_a_helper():
    source = (
        TOY
        + """
def mixed(x):
    y = helper(x) + (n := leaf(x)) + abs(m := 2)
    z = check_toy(x)
    return z
"""
    )
    record = explain(make_function(source, "mixed", module="lossbook.toy"), 8.0)
    calls = {step.target: [call.name for call in step.calls] for step in record}
    assert calls == {"n": ["leaf"], "m": [], "y": ["helper"], "z": []}


def test_depth_chooses_how_far_calls_are_opened():
    assert not any(step.calls for step in explain(toy(), 8.0, depth=0))
    helper = explain(toy(), 8.0, depth=2).steps[1].calls[0]
    assert helper.steps[0].calls[0].name == "leaf" and helper.steps[0].calls[0].value == 4.0


def test_nested_calls_in_text_and_html():
    shallow, deep = explain(toy(), 8.0), explain(toy(), 8.0, depth=2)
    assert "↳ helper: 1 step, shown with depth=2" in str(shallow) and "halved" not in str(shallow)
    assert re.search(r"^ {6}↳ leaf\(x\)$", str(deep), re.M)
    assert re.search(r"^ {8}half = x / 2 +halved +4.0$", str(deep), re.M)
    html = deep._repr_html_()
    assert html.count("<details>") == html.count("</details>") == 4
    assert "<summary>inside <code>helper</code></summary>" in html
    assert "<details>" not in explain(toy(), 8.0, depth=0)._repr_html_()


def helper_of_the_reader(y_true, y_pred, loss):
    try:
        return loss(y_true, y_pred).mean()
    except ValueError:
        return None


def test_calls_behind_a_helper_an_object_or_a_comprehension_are_opened():

    def reader(y_true, y_pred):
        helped = helper_of_the_reader(y_true, y_pred, lossbook.mse)
        failed = helper_of_the_reader(y_true, y_pred[:1], lossbook.mse)
        called = lossbook.MeanSquaredError()(y_true, y_pred)
        listed = [lossbook.mse(y_true, y_pred) for _ in range(2)]
        return listed

    calls = [[call.name for call in step.calls] for step in explain(reader, Y_TRUE, Y_PRED)]
    assert calls == [["mean_squared_error"], [], ["mean_squared_error"], ["mean_squared_error"] * 2]


def test_functions_of_other_modules_are_not_opened():
    reader = make_function(TOY, "toy", module="lossbooks.toy")
    assert not any(step.calls for step in explain(reader, 8.0))
    hidden = make_function(TOY, "toy", module="lossbook.arrays")
    assert not any(step.calls for step in explain(hidden, 8.0))


# ------------------------------------------------------------------------------------- loss objects


@pytest.mark.parametrize(
    "settings",
    [
        {"delta": 2.0},
        *({"reduction": one} for one in lossbook.REDUCTIONS),
        {"dtype": "float32"},
        {"dtype": "float16"},
    ],
    ids=str,
)
@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.0]])
@pytest.mark.parametrize("mask", [None, [True, False, True]])
def test_loss_object_goes_on_to_the_number_it_gives(settings, weights, mask):
    loss = lossbook.Huber(**settings)
    expected = loss(Y_TRUE, Y_PRED, sample_weight=weights, mask=mask)
    record = explain(loss, Y_TRUE, Y_PRED, sample_weight=weights, mask=mask)
    np.testing.assert_array_equal(record.value, expected)
    if loss.dtype != np.float16:  # computed in float32, and rounded at the end
        np.testing.assert_array_equal(record.steps[-1].value, expected)
    assert np.asarray(record.value).dtype == np.asarray(expected).dtype
    counts = "" if weights is None and mask is None else " that counts"
    assert record.stages[0].title == f"huber: one value per sample{counts}"
    assert record.stages[1].title.startswith(f"{loss.reduction or 'none'}: weights, ")
    if loss.dtype is not None:
        assert record.stages[0].inputs[1].value.dtype == loss.dtype
        assert record["y_pred"].dtype == record.stages[0].value.dtype == np.float32


@pytest.mark.parametrize("name, settings", FIRST, ids=str)
def test_every_loss_of_the_catalogue_explains_itself(name, settings):
    loss = lossbook.CATALOGUE[name].cls(**settings)
    y_true, y_pred = example(name, settings)
    record, called = explain(loss, y_true, y_pred), loss(y_true, y_pred)
    # A call takes the mean of all entries at once, where each has one cost of its own; explain shows
    # the mean of each sample, and then the mean of those: the same, but for the rounding of either.
    ulps = 2 if loss.spec.splits in ("mean", "sum") else 0
    np.testing.assert_allclose(record.value, called, rtol=0, atol=ulps * np.spacing(abs(called)))
    assert len(record.stages[0].steps) >= 2
    assert record._repr_html_() and str(record)


def test_subclass_with_its_own_call_is_traced_there():
    class Quartic(lossbook.Loss):
        def call(self, y_true, y_pred):
            error = y_pred - y_true  # signed miss
            value = (error**4).mean(axis=-1)  # the fourth power
            return value

    loss = Quartic()
    record = explain(loss, Y_TRUE, Y_PRED)
    assert record.value == loss(Y_TRUE, Y_PRED)
    assert [step.target for step in record.stages[0].steps] == ["error", "value"]
    assert record.stages[0].title == "quartic: one value per sample"


def test_own_call_of_a_derived_loss_wins_over_its_function():

    class Doubled(lossbook.Huber):
        def call(self, y_true, y_pred):
            value = 2 * super().call(y_true, y_pred)  # twice Huber
            return value

    record = explain(Doubled(), Y_TRUE, Y_PRED)
    assert record.value == Doubled()(Y_TRUE, Y_PRED)
    step = record.stages[0].steps[0]
    assert step.meaning == "twice Huber" and [call.name for call in step.calls] == ["huber"]


def test_mask_that_the_loss_makes_reaches_the_reduction():
    loss = lossbook.SparseCategoricalCrossentropy(ignore_class=-1)
    y_true, y_pred = np.array([0, -1, 1]), np.array([[0.7, 0.3], [0.5, 0.5], [0.4, 0.6]])
    record = explain(loss, y_true, y_pred)
    np.testing.assert_array_equal(record.value, loss(y_true, y_pred))
    given = {given.name: given.value for given in record.stages[1].inputs}
    np.testing.assert_array_equal(given["mask"], [True, False, True])


def test_plain_reduction_is_one_line_and_its_steps_are_kept():
    lines = {
        "sum_over_batch_size": "sum_over_batch_size: mean of the 3 values = 1.20833  float64",
        "sum": "sum: sum of the 3 values = 3.625  float64",
        None: "none: the 3 values as they are",
    }
    for reduction, line in lines.items():
        record = explain(lossbook.Huber(reduction=reduction), Y_TRUE, Y_PRED)
        assert str(record).split("\n\n")[1] == record.to_markdown().split("\n\n")[-1] == line
        assert f"<details><summary>{line}</summary>" in record.to_html() and record.stages[1].steps
    weighed = explain(lossbook.Huber(), Y_TRUE, Y_PRED, sample_weight=[1, 2, 3])
    assert "what each value" in str(weighed) and "<details><summary>sum" not in weighed.to_html()


def test_losses_of_keras_are_traced_to_the_number_they_give():
    from lossbook import keras, tf

    class Mine(keras.losses.Loss):
        def call(self, y_true, y_pred):
            error = keras.ops.abs(y_pred - y_true)  # how far
            return keras.ops.mean(error**1.5, axis=-1)

    def function(y_true, y_pred):
        error = tf.subtract(y_pred, y_true)  # a tensor
        return keras.ops.mean(error, axis=-1)

    masked = tf.constant(Y_PRED)
    masked._keras_mask = tf.constant([True, False, True])
    for loss, y_pred, weights in [
        (Mine(), Y_PRED, None),
        (Mine(reduction="sum"), Y_PRED, [1.0, 2.0, 0.0]),
        (Mine(), masked, None),
        (keras.losses.Huber(delta=2.0), Y_PRED, None),
        (keras.losses.MeanSquaredError(reduction="none"), Y_PRED, None),
    ]:
        record = explain(loss, Y_TRUE, y_pred, sample_weight=weights)
        np.testing.assert_array_equal(record.value, loss(Y_TRUE, y_pred, sample_weight=weights))
        assert record["error"].dtype == np.float32 if "error" in record else True
        assert ("mean of the 3 values" in str(record)) == (record.stages[1].summary.startswith("sum_over"))
    flat, labels, column = keras.losses.BinaryCrossentropy(), np.ones(3), Y_PRED[:, :1] / 4
    np.testing.assert_array_equal(explain(flat, labels, column).value, flat(labels, column))
    np.testing.assert_array_equal(explain(function, Y_TRUE, Y_PRED)["error"], Y_PRED - Y_TRUE)
    np.testing.assert_array_equal(explain(tf.function(function), Y_TRUE, Y_PRED)["error"], Y_PRED - Y_TRUE)


# -------------------------------------------------------------------------------------- the writing


def several(y_true, y_pred):
    losses = {name: np.abs(y_pred[name] - y_true[name]) for name in y_true}  # one for each output
    total = losses["price"].sum()  # in euros
    return total


def test_several_outputs_are_shown_one_by_one():
    y_true = {"price": Y_TRUE[:, :1], "kinds": [Y_TRUE, 7]}
    y_pred = {"price": Y_PRED[:, :1], "kinds": 3}

    def read(outputs, pair):
        price = outputs["price"]  # the first
        return pair

    record = explain(read, y_true, (Y_TRUE[0], Y_PRED[0]))
    y_true["price"] = None
    np.testing.assert_array_equal(record["outputs"]["price"], [[0.0], [1.0], [3.0]])
    text, html, markdown = str(record), record.to_html(), record.to_markdown()
    assert re.search(r"^outputs +price: \[0.0  1.0  3.0\]ᵀ  \(3, 1\) float64$", text, re.M)
    assert re.search(r"^ +kinds: 0: \[\[0.0  0.0\]\n +\[1.0  2.0\]", text, re.M)
    assert re.search(r"^return pair +0: \[0.0  0.0\]  \(2,\) float64\n +1: \[0.5  3.0\]", text, re.M)
    shown = (
        '<code class="array" style="white-space: pre">[0.0  1.0  3.0]ᵀ</code> <small>(3, 1) float64</small>'
    )
    assert f"<div><code>price:</code> {shown}</div>" in html
    assert "`price:` `[0.0  1.0  3.0]ᵀ` (3, 1) float64<br>`kinds:`" in markdown
    record = explain(several, {"price": Y_TRUE}, {"price": Y_PRED})
    np.testing.assert_array_equal(record["losses"]["price"], np.abs(Y_PRED - Y_TRUE))


def test_rows_asked_for_are_shown_of_large_arrays():
    def double(x):
        twice = 2 * x  # doubled
        part = twice[:5]  # a few
        return part

    for count in (100, 10_000):  # kept whole, and summarised at once
        numbers = np.arange(2.0 * count).reshape(count, 2)
        record = explain(double, numbers, rows=[3, 7])
        text = str(record)
        assert "row 3: [12.0  14.0]" in text and "row 7: [28.0  30.0]" in text and "first" not in text
        assert "row 3: [12.0  14.0]" in record.to_html() and "row 3: [12.0  14.0]" in record.to_markdown()
        assert "[16.0  18.0]" in text, "a small array is shown whole"
        assert "first 0.0, 2.0" in str(explain(double, numbers))
    assert "row 3" in str(explain(double, numbers, rows=3))
    assert "row" not in str(explain(double, numbers, rows=[10_000]))


def test_markdown_is_a_table_with_nothing_loose_in_it():
    def reader(x):
        """Doc.

        Parameters
        ----------
        x : array
            A | B.
        """
        y = x | 1  # either <b> or *b*
        z = [k for k in "`|"]
        return z

    lines = explain(reader, np.arange(8).reshape(4, 2)).to_markdown().split("\n")
    assert lines[0] == "**`reader(x)`**" and lines[2:4] == [
        "| step | what it means | value |",
        "| --- | --- | --- |",
    ]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in lines[2:]] == [4] * 5
    assert lines[4].startswith("| `x` | A \\| B | `[[0  1]`<br>` [2  3]`<br>")
    assert lines[5].startswith("| `y = x \\| 1` | either \\<b\\> or \\*b\\* |")
    deep = explain(toy(), 8.0, depth=2).to_markdown()
    assert "| ↳ helper(x) |" in deep and "| `        half = x / 2` | halved | `4.0` |" in deep


# -------------------------------------------------------------------------------------- the bytes


def risky(x):
    """Doc.

    Parameters
    ----------
    x : str
        A <b>bold</b> text.
    """
    y = "<script>alert('y')</script>" + x  # a <script> & more
    return y


def test_html_is_escaped():
    html = explain(risky, "<img src=x>")._repr_html_()
    body = html.replace(render.STYLE, "")
    assert "<script" not in body and "<img" not in body and "<b>bold" not in body
    assert "a &lt;script&gt; &amp; more" in body and "A &lt;b&gt;bold&lt;/b&gt; text" in body


def test_html_is_semantic_scoped_and_plain():
    html = explain(huber, Y_TRUE, Y_PRED)._repr_html_()
    assert '<table class="lossbook-explain"' in html and ">huber(" in html.partition("<caption")[2]
    assert html.count('<th scope="col"') == 3 and html.count('<th scope="row"') == 9
    assert "<b>error</b> = y_pred - y_true" in html
    assert not re.search(r"<script|javascript:|\bid=|https?:|@import|url\(", html)


def test_style_names_no_colour_of_its_own_and_touches_nothing_else():
    rules = re.sub(r"</?style>", "", render.STYLE)
    names = r"(?<!-)\b(black|white|gr[ae]y|red|blue|green)\b(?!-)"
    assert not re.search(rf"#[0-9a-fA-F]{{3,8}}\b|rgba?\(|hsla?\(|{names}", rules)
    for selectors in re.findall(r"([^{}]+)\{", re.sub(r"@container[^{]*\{", "", rules)):
        for selector in selectors.split(","):
            assert ".lossbook.lossbook" in selector
    assert "--pst-color-border" in rules and "--jp-border-color2" in rules and "currentColor" in rules


def test_mime_bundle_has_both_forms():
    record = explain(huber, Y_TRUE, Y_PRED)
    bundle = record._repr_mimebundle_()
    assert bundle == {"text/html": record._repr_html_(), "text/plain": repr(record)}
    assert str(record) == repr(record)


def test_same_run_gives_the_same_bytes_and_no_address():
    def reader(x, anything, function=len, set_of={"b", "a", "c"}):  # noqa: B006
        y = [anything, object(), function, {"k": anything}]  # objects
        z = {"e", "d", "f"}  # a set
        return z

    class Thing:
        pass

    one, two = explain(reader, 1, Thing()), explain(reader, 1, Thing())
    assert str(one) == str(two) and one._repr_html_() == two._repr_html_()
    assert not re.search(r"0x[0-9a-f]{4}", str(one) + one._repr_html_() + one.signature)


def run_python(code, **environment):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True
    )
    return done.stdout


def test_sets_are_written_in_one_order_whatever_the_hash_seed():
    code = (
        "from lossbook.tools.render import format_value as f; print(f(set('abcdefghijkl')), f([{'x', 'y'}]))"
    )
    assert len({run_python(code, PYTHONHASHSEED=seed) for seed in "123"}) == 1


def test_text_is_aligned_and_fits_a_terminal():
    record = explain(huber, np.tile(Y_TRUE, 3)[:, :6] / 7, np.tile(Y_PRED, 3)[:, :6] / 7)
    lines = str(record).split("\n")
    assert max(len(line) for line in lines) <= 100
    assert not any(line != line.rstrip() for line in lines)
    assert lines[0] == "huber(y_true, y_pred, delta=1.0)"
    column = lines[1].index("what it means")
    assert next(line for line in lines if line.startswith("error")).index("signed miss") == column


def test_array_left_alone_by_its_checks_is_not_shown_twice():
    def reader(x):
        x = np.asarray(x)  # an array
        return x

    assert str(explain(reader, Y_TRUE)).count("4.0]") == 1
    assert "as given" in str(explain(reader, Y_TRUE)) and "as given" in explain(reader, Y_TRUE)._repr_html_()
    assert "as given, now (3, 2) float64" in str(explain(reader, Y_TRUE.tolist()))
    assert "as given" not in str(explain(reader, [["1.0"], ["2.0"]]))
    assert "as given" not in str(explain(reader, 1.5))

    def changes(x):
        x = x + 1.0
        return x

    assert "as given" not in str(explain(changes, Y_TRUE))


def test_digits():
    def third(x):
        y = x / 3
        return y

    assert "0.333333\n" in str(explain(third, 1.0)) + "\n"
    assert "0.33333333333" in str(explain(third, 1.0, digits=11))
    assert "0.33 " not in explain(third, 1.0).to_text(digits=2) and "0.33" in explain(third, 1.0).to_text(
        digits=2
    )
    assert "<code>0.33</code>" in explain(third, 1.0).to_html(digits=2)


def test_array_likes_are_copied_as_arrays():
    class Tensor:
        def __init__(self, data):
            self.data = np.array(data)

        def __array__(self, dtype=None, copy=None):
            return self.data

    class Symbolic:
        def __array__(self, dtype=None, copy=None):
            raise NotImplementedError("no value yet")

        def __repr__(self):
            return "<Symbolic>"

    def reader(x, s):
        y = x  # kept
        y.data[0] = 9.0
        return s

    record = explain(reader, Tensor([1.0, 2.0]), Symbolic())
    np.testing.assert_array_equal(record["y"], [1.0, 2.0])
    assert "<Symbolic>" in str(record)


def test_object_whose_repr_raises_does_not_hide_the_record():
    class Broken:
        def __repr__(self):
            raise RuntimeError("no")

    def reader(x):
        y = 1
        return y

    assert "&lt;Broken, whose repr raises RuntimeError&gt;" in explain(reader, Broken())._repr_html_()


# ------------------------------------------------------------------------------------ the rendering


@pytest.mark.parametrize(
    "number, text",
    [
        (0.1 + 0.2, "0.3"), (1 / 3, "0.333333"), (1.0, "1.0"), (1, "1"), (-0.0, "0.0"), (True, "True"),
        (np.float32(0.1), "0.1"), (np.int64(7), "7"), (np.bool_(False), "False"), (1e-7, "1e-07"),
        (1234567.0, "1.23457e+06"), (123456.0, "123456.0"), (float("nan"), "nan"), (float("-inf"), "-inf"),
        (12345678901234567890, "12345678901234567890"), (1 - 2j, "1.0-2.0j"), (np.array(2.5), "2.5"),
    ],
)  # fmt: skip
def test_format_number(number, text):
    assert format_number(number) == text


@pytest.mark.parametrize("wrong", ["3", None, [1.0, 2.0], np.ones(3)])
def test_format_number_refuses_what_is_no_number(wrong):
    with pytest.raises(TypeError, match="Received .*; expected a number. Use format_value"):
        format_number(wrong)


@pytest.mark.parametrize(
    "value, text",
    [
        (np.array([0.5, -0.0, np.nan]), "[0.5  0.0  nan]"),
        (np.array([[True, False]]), "[[True  False]]"),
        (np.array([["a", "b"]]), "[['a'  'b']]"),
        (np.array([[1e-7, 0.5], [0.25, 10.0]]), "[[1e-07   0.5]\n [0.25   10.0]]"),
        (np.array([[1.0], [2.5]]), "[1.0  2.5]ᵀ"),
        (np.zeros((9, 1)), "min 0.0, mean 0.0, max 0.0\nfirst 0.0, 0.0, 0.0, 0.0, …"),
        (np.zeros((1, 1)), "[[0.0]]"),
        (np.zeros((2, 1, 2)), "[[[0.0  0.0]]\n [[0.0  0.0]]]"),
        (np.zeros((0, 3)), "[]"),
        (np.array(3), "3"),
        ((np.float64(1), None, "s"), "(1.0, None, 's')"),
        ((1,), "(1,)"),
        ([], "[]"),
        (set(), "set()"),
        ({}, "{}"),
        ({"k": [1.5]}, "{'k': [1.5]}"),
        (list(range(20)), "[0, 1, 2, 3, 4, 5, 6, 7, … 20 in all]"),
        (np.arange(20), "min 0.0, mean 9.5, max 19.0\nfirst 0, 1, 2, 3, …"),
        (np.full(9, np.nan), "9 nan\nfirst nan, nan, nan, nan, …"),
        (np.float32, "float32"),
        (len, "len"),
    ],
)
def test_format_value(value, text):
    assert format_value(value) == text


def test_format_value_survives_a_list_within_itself():
    loop = [1]
    loop.append(loop)
    assert "…" in format_value(loop)


def test_no_line_of_an_array_is_wider_than_asked():
    value = np.arange(36.0).reshape(6, 6) * np.pi / 1000
    for width in (20, 30, 44, 72):
        assert max(len(line) for line in format_value(value, width=width).split("\n")) <= width


def test_text_table():
    rows = [["x", 1.5], None, [Html("<b>y</b> &amp;"), 22], ["all over"]]
    table = text_table(["a", "b"], rows, ["left", "right"])
    assert table == "a      b\n───  ───\nx    1.5\n───  ───\ny &   22\nall over"
    narrow = text_table(["a", "b"], [["word " * 30, "kept as it is"]], width=40, fixed=(1,))
    assert max(len(line) for line in narrow.split("\n")) <= 40 and "kept as it is" in narrow


def test_html_table():
    rows = [["<x>", 1.5], None, [Html("<i>y</i>")]]
    left, right = ' style="text-align: left"', ' align="right" style="text-align: right"'
    table = html_table(["a", "b"], rows, "wide", "A & B", ["left", "right"], row_headers=True)
    assert table == (
        f'<table class="wide" style="table-layout: auto; margin-left: 0">\n<caption{left}>A &amp; B</caption>\n'
        f'<thead><tr><th scope="col" align="left"{left}>a</th><th scope="col"{right}>b</th></tr></thead>\n'
        f'<tbody>\n<tr><th scope="row" align="left"{left}>&lt;x&gt;</th>'
        f"<td{right}><code>1.5</code></td></tr>\n"
        f'</tbody>\n<tbody>\n<tr><td{left} colspan="2"><i>y</i></td></tr>\n</tbody>\n</table>'
    )


@pytest.mark.parametrize("table", [text_table, html_table])
def test_alignment_that_does_not_fit_is_refused(table):
    with pytest.raises(ValueError, match="Received align=.*; expected .* for each of the 2 columns"):
        table(["a", "b"], [], align=["left"])
    with pytest.raises(ValueError, match="Received align=.*middle"):
        table(["a"], [], align=["middle"])


def test_code_marks_targets_alone():
    assert render.html_code("y = f(y, 2)", ["y"]) == (
        '<code><b>y</b> = f(y, <span class="number">2</span>)</code>'
    )
    assert render.html_code("y = a < b & c") == "<code>y = a &lt; b &amp; c</code>"
    assert render.html_code("x = '<'\ny = (", ["x"]).startswith("<code>")


def test_parameters_left_at_their_defaults_share_one_line():
    def scaled(y_true, y_pred, factor=2.0, axis=-1, name="mse"):
        value = factor * (y_pred - y_true)  # scaled miss
        return value

    text = str(explain(scaled, 1.0, 2.0))
    assert "factor=2.0, axis=-1, name='mse' (by default)" in text
    changed = explain(scaled, 1.0, 2.0, factor=3.0)
    assert "axis=-1, name='mse' (by default)" in str(changed)
    assert [given.name for given in changed.inputs] == ["y_true", "y_pred", "factor", "axis", "name"]
    assert [given.is_default for given in changed.inputs] == [False, False, False, True, True]
    assert "factor" in str(changed).splitlines()[5]
    assert (
        "by default" in changed.to_html() and "by default" not in explain(scaled, 1.0, 2.0, 3.0, 0).to_html()
    )
