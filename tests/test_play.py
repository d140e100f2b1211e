"""The page "Try a loss": what answers it, the engine's cutting, and the page in a browser, served and from a folder."""

from __future__ import annotations

import ast
import doctest
import functools
import http.server
import json
import re
import sys
import threading
import tomllib
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np
import pytest
from browsing import needs_browser
from cases import LOSSES
from conftest import ROOT
from test_site import REQUIRED, SITE, needs_site

import lossbook
from lossbook import CATALOGUE

sys.path[:0] = [str(ROOT / "book" / "ext"), str(ROOT / "book" / "play")]
import build  # noqa: E402
import play  # noqa: E402
import playground  # noqa: E402
import shrink  # noqa: E402

CLOSE = 1e-12  # relative to the largest number of an array


def chapter(name):
    return json.loads((ROOT / "notebooks" / "losses" / f"{name}.ipynb").read_text(encoding="utf-8"))


# ------------------------------------------------------------------------------ what answers it


def test_its_examples_hold():
    assert doctest.testmod(play) == (0, 2)


@pytest.mark.parametrize(
    "typed, expected",
    [
        ("[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
        ("[[1. 2.]\n [3. 4.]]", [[1.0, 2.0], [3.0, 4.0]]),
        ("array([[1., 2.],\n       [3., 4.]], dtype=float32)", np.float32([[1, 2], [3, 4]])),
        ("np.array([1, 2])", [1, 2]),
        ("tensor([[0.5, nan]])", [[0.5, np.nan]]),
        ("[true, null, -Infinity]", [1.0, np.nan, -np.inf]),
        ("(1, 0)", [1, 0]),
        ("0.5, 1e-3", [0.5, 0.001]),
        ("1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("1\n2\n", [[1], [2]]),
        ("1.5\t2\n3\t4", [[1.5, 2.0], [3.0, 4.0]]),
        ("0,5\t1,5\n2\t3", [[0.5, 1.5], [2.0, 3.0]]),
        ("0,5;1\n2;3", [[0.5, 1.0], [2.0, 3.0]]),
    ],
)
def test_numbers_are_read_as_people_have_them(typed, expected):
    found, expected = play.numbers("y_true", typed), np.asarray(expected)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize(
    "typed, reason",
    [
        ("[[1, 2], [3]]", "rows differ in length"),
        ("[1, 2", "brackets do not match"),
        ("1, 2]]", "could not convert"),
        ("miles, minutes\n1, 2", "could not convert string to float: 'miles'"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(typed, reason):
    with pytest.raises(ValueError, match=rf"Received y_true = .*expected numbers: .*{reason}.*Write \[\["):
        play.numbers("y_true", typed)
    assert play.numbers("y_true", "  ") is None


def form(loss, y_true, y_pred, **given):
    """What the page sends for a loss."""
    usual = {
        "reduction": "sum_over_batch_size",
        "sample_weight": "",
        "mask": "",
        "number": "",
        "settings": {},
    }
    return {"loss": loss, "y_true": y_true, "y_pred": y_pred, **usual, **given}


def test_an_error_is_one_line_that_says_where():
    answer = play.respond({"form": form("huber", "[[1]]", "[[1, 2]]")})
    assert answer["error"].startswith("ValueError: Received") and "\n" not in answer["error"]
    assert "(1, 1)" in answer["error"] and "(1, 2)" in answer["error"]
    assert play.respond({"form": form("huber", "", "1")})["error"].startswith(
        "ValueError: Received no y_true"
    )
    assert play.respond({"cell": "x = 1\n1 / 0"})["error"] == "ZeroDivisionError (line 2): division by zero"
    assert play.respond({"cell": "x = 1\nprint(5"})["error"].startswith("SyntaxError (line 2): '('")
    assert play.respond({"cell": "raise SystemExit(3)"})["error"] == "SystemExit (line 1): 3"
    spoiled = play.respond({"form": form("huber", "1", "1", settings={"delta": "__import__('os')"})})
    assert "expected a number, True, False or None" in spoiled["error"]


def test_a_cell_shows_its_last_expression_and_keeps_its_names():
    play.respond({"cell": "kept = 3"})
    assert play.respond({"cell": "print('said')\nkept + 1"}) | {"seconds": 0} == {
        "text": "4", "printed": "said\n", "seconds": 0,
    }  # fmt: skip
    source = "def f(y):\n    twice = 2 * y  # double\n    return twice\nexplain(f, 3.0)"
    [(_, html)] = play.respond({"cell": source})["parts"]
    assert "double" in html and "<table" in html


def test_html_that_a_cell_makes_is_shown_as_text():
    source = "class Bad:\n    def _repr_html_(self):\n        return '<img src=x onerror=alert(1)>'\nBad()"
    answer = play.respond({"cell": source})
    assert "parts" not in answer and "Bad object" in answer["text"]
    answer = play.respond({"cell": "explain(lossbook.huber, [['<img src=x>']], [[1.0]])"})
    assert "<img" not in json.dumps(answer.get("parts", ""))


def test_the_doctor_looks_at_the_same_numbers():
    answer = play.respond(
        {"form": form("mean_squared_error", "[[1], [2]]", "[[1.5], [2.25]]", number="0.078125")}
    )
    parts = dict(answer["parts"])
    assert "0.15625" in parts["Loss"] and "half of it" in parts["Why 0.078125 differs"]
    assert "No row of the clinic" in parts["What gives 0.078125"]
    parts = dict(play.respond({"form": form("quantile", "[[1]]", "[[1.5]]", number="<b>")})["parts"])
    assert "&lt;b&gt;" in parts["What gives <b>"] and "<b>" not in parts["Why <b> differs"]
    answer = play.respond({"form": form("binary_crossentropy", "[[1], [0]]", "[[3.2], [-1]]")})
    said = dict(answer["parts"])["What the loss doctor says"]
    assert "logits-as-probabilities" in said
    assert '<a href="foundations/logits-and-floating-point.html#which' in said
    assert ast.literal_eval(answer["exact"])["gradient"] == [[0.0], [0.0]]


# -------------------------------------------------------------------------- a chapter's numbers


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_form_opens_with_the_numbers_of_the_chapters_trace(name):
    """The trace of what the form shows is the one that the chapter stores, up to what a function lacks."""
    notebook = chapter(name)
    found = playground.numbers_of(notebook)
    answer = play.respond({"form": {**found, "loss": found["name"], "number": ""}})
    assert "error" not in answer, answer
    cell = notebook["cells"][playground.trace_of(notebook)]
    call = ast.parse("".join(cell["source"])).body[-1].value
    digits = next((word.value.value for word in call.keywords if word.arg == "digits"), 6)
    data = [play.numbers("data", found[one]) for one in ("y_true", "y_pred", "sample_weight", "mask")]
    settings = {one: ast.literal_eval(value) for one, value in found["settings"].items()}
    loss = CATALOGUE[name].cls(**settings, reduction=found["reduction"])
    record = lossbook.explain(loss, *data, digits=digits)
    values = [line for line in record.to_text().splitlines() if "=" in line]
    stored = "".join(next(out for out in cell["outputs"] if "data" in out)["data"]["text/plain"])
    numbers = re.compile(r"-?\d+\.\d+(?:e[-+]\d+)?")
    shown = {number for line in values for number in numbers.findall(line)}
    shown -= {lossbook.render.format_number(record.value, digits)}  # a chapter may explain the function alone
    assert shown and shown <= set(numbers.findall(stored)), name


def test_only_what_the_trace_rests_on_is_run():
    cells = [
        "import os, numpy as np\nboom = 1 / 0",
        "y = np.ones((2, 1))\ny[0] = 3\nz = boom",
        "explain(f, y, y + 1)",
    ]
    notebook = {"cells": [{"cell_type": "code", "source": [cell]} for cell in cells]}
    steps = playground.steps_to(notebook, playground.trace_of(notebook))
    assert ast.unparse(steps) == "import numpy as np\ny = np.ones((2, 1))\ny[0] = 3\nexplain(f, y, y + 1)"
    with pytest.raises(LookupError, match="without a trace"):
        playground.trace_of({"cells": notebook["cells"][:2]})


# ------------------------------------------------------------------------------------ the engine


def section(kind, content):
    return bytes([kind]) + shrink.coded(len(content)) + content


def small_file():
    """Four functions: a kept one that calls the second of a library of two; then one after the library."""

    def vector(*parts):
        return shrink.coded(len(parts)) + b"".join(parts)

    def body(code):
        code = b"\0" + code + b"\x0b"  # no local variables
        return shrink.coded(len(code)) + code

    def named(text):
        return shrink.coded(len(text)) + text

    names = [b"main", b"lib_first", b"lib_used", b"after"]
    table = vector(*(bytes([i + 1]) + named(name) for i, name in enumerate(names)))
    branches = b"\x02\x40\x41\x00\x0e\x01\x00\x00\x0b"  # block, i32.const 0, br_table 0 0, end
    return b"".join(
        [
            b"\0asm\x01\0\0\0",
            section(1, vector(b"\x60\0\0")),
            section(2, vector(named(b"host") + named(b"call") + b"\0\0")),
            section(3, vector(*[b"\0"] * 4)),
            section(
                10, vector(body(branches + b"\x10\x03"), body(b"\x01\x01"), body(b"\x01"), body(b"\x10\0"))
            ),
            section(0, named(b"name") + b"\x01" + shrink.coded(len(table)) + table),
        ]
    )


def test_code_that_nothing_calls_is_cut_and_the_rest_stays():
    whole = small_file()
    cut = shrink.shrink(whole, [("lib_first", "after")])
    code = {kind: shrink.bodies(cut, at) for kind, _, at, _ in shrink.sections(cut) if kind == shrink.CODE}
    first, unused, used, after = code[shrink.CODE]
    assert unused == shrink.UNREACHABLE[1:]
    assert [first, used, after] == [b for i, b in enumerate(original(whole)) if i != 1]
    assert not [kind for kind, *_ in shrink.sections(cut) if kind == shrink.CUSTOM]
    with pytest.raises(ValueError, match="without \\['lib_second'\\]"):
        shrink.shrink(whole, [("lib_second", "after")])
    with pytest.raises(ValueError, match="an instruction that is not in the list"):
        shrink.shrink(whole.replace(b"\x10\x03", b"\xff\x03"), [("lib_first", "after")])


def original(data):
    return next(shrink.bodies(data, at) for kind, _, at, _ in shrink.sections(data) if kind == shrink.CODE)


@pytest.mark.parametrize("form, why", [("html", "the package"), ("epub", "this is the book as epub")])
def test_a_book_that_cannot_compute_says_so_in_one_line(monkeypatch, form, why):
    if form == "html":
        monkeypatch.setattr(build, "VERSION", "0")
    app = SimpleNamespace(builder=SimpleNamespace(name=form, format="html"), outdir=Path("nowhere"))
    state = SimpleNamespace(document=SimpleNamespace(settings=SimpleNamespace(env=SimpleNamespace(app=app))))
    page, cell = (kind.__new__(kind) for kind in (playground.Playground, playground.PlaygroundCell))
    page.state = cell.state = state
    [line] = page.run()
    assert line.astext().startswith(f"This page computes only on the site, in a browser: {why}")
    assert cell.run() == []
    source = ["{}"]
    playground.add_links(app, "losses/huber", source)
    playground.write_files(app)
    playground.write_policy(app, None)
    assert source == ["{}"] and not Path("nowhere").exists()


def test_the_version_of_the_engine_is_written_alike():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    assert extras["play"] == [f"{build.PACKAGE}=={build.VERSION}"]


def test_a_policy_stands_once_and_names_each_script():
    page = '<head>\n<script>1</script><script type="application/json">2</script><script src="a.js"></script>'
    once = playground.with_policy(page)
    assert playground.with_policy(once) == once and once.count("Content-Security-Policy") == 1
    assert re.findall(r"'sha256-[^']+'", once) == ["'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='"]
    assert "unsafe-eval" not in once.replace("wasm-unsafe-eval", "") and "unsafe-hashes" not in once
    pressed = playground.with_policy(page + '<button class="a" onclick="window.print()">')
    assert "'sha256-MguIPR6qNR8D3B+eAlK+bIRTZe8t3wkOY4B/56Me9FU='" in pressed  # as Firefox names it
    assert " 'unsafe-hashes'" in pressed


# --------------------------------------------------------------------------------- in a browser

LACK = build.missing()
needs_engine = pytest.mark.skipif(bool(LACK) and not REQUIRED, reason=LACK or "the engine is there")
PAGE = SITE / "try.html"


def test_the_engine_is_there():
    if REQUIRED:
        assert LACK == ""


def in_a_browser(function):
    for mark in (needs_site, needs_browser, needs_engine):
        function = mark(function)
    return function


@pytest.fixture(scope="module")
def server():
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=SITE)
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Opened:
    """The page in a browser, with what it asked for and what it complained of."""

    def __init__(self, browser, address):
        self.asked, self.said = [], []
        self.page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("console", lambda m: self.said.append(m.text) if "Security" in m.text else None)
        self.page.set_default_timeout(120_000)
        self.page.goto(address)

    def put(self, **fields):
        """Fill the form, or a setting of the loss."""
        for name, value in fields.items():
            if name in ("loss", "reduction"):
                self.page.select_option(f"#play-{name}", value)
            else:
                place = f"#play-{name}, #play-settings input[name={name}]"
                self.page.fill(place, value)

    def run(self, part="form"):
        """Press Run and wait for the answer; return its text."""
        button = f"#play-{part} .play-run"
        self.page.click(button)
        self.page.wait_for_selector(f"{button}:enabled")
        return self.page.inner_text("#play-answer" if part == "form" else "#play-cell-answer")

    def exact(self):
        """The answer to the last digit: value and gradient."""
        return read(self.page.text_content("#play-answer > details > pre"))

    def status(self, part="form"):
        return self.page.inner_text(f"#play-{part} .play-status")


@pytest.fixture(scope="module", params=["served", "folder"])
def opened(request, browser):
    if request.param == "served":
        return Opened(browser, request.getfixturevalue("server") + "try.html")
    return Opened(browser, PAGE.as_uri())


def read(exact):
    return eval(exact, {"nan": np.nan, "inf": np.inf})


def gap(found, expected):
    """The largest difference, as a share of the largest number."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    assert (np.isfinite(found) == np.isfinite(expected)).all()
    kept = np.isfinite(expected)
    largest = np.abs(expected[kept]).max(initial=0)
    return np.abs(found[kept] - expected[kept]).max(initial=0) / (largest or 1)


def draws(name):
    """Two cases of a loss as the form can hold them, the first away from kinks and clips."""
    record = LOSSES[name]
    for number, settings in enumerate((2 * record.settings)[:2]):
        settings = {
            key: parameter.default for key, parameter in CATALOGUE[name].parameters.items()
        } | settings
        y_true, y_pred = record.draw(np.random.default_rng(number), record.shape, settings, number % 2 == 0)
        named = {key: repr(settings[key]) for key in CATALOGUE[name].cls().parameters if key in settings}
        yield {
            "y_true": repr(np.asarray(y_true).tolist()),
            "y_pred": repr(np.asarray(y_pred).tolist()),
            **named,
        }


@in_a_browser
def test_nothing_is_loaded_before_the_first_run(opened):
    """Beside its own style and script, the page loads what every chapter does, and weighs no more than those."""
    loaded = [address for address in opened.asked if "_static/play/" in address]
    assert sorted(Path(urlsplit(address).path).name for address in loaded) == ["play.css", "play.js"]
    chapters = sorted(path.stat().st_size for path in (SITE / "losses").glob("*.html"))
    own = sum((SITE / "_static/play" / name).stat().st_size for name in ("play.css", "play.js"))
    assert PAGE.stat().st_size + own < chapters[-1]
    packed = sum(path.stat().st_size for path in (SITE / "_static/play").glob("*.gz"))
    assert f"The first Run loads about {packed / 1e6:.0f} MB once" in opened.page.inner_text("article")


@in_a_browser
def test_a_second_build_gives_the_same_bytes(tmp_path):
    build.write(tmp_path)
    made = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(made) > 60 and all(
        (tmp_path / p).read_bytes() == (SITE / "_static/play" / p).read_bytes() for p in made
    )


@in_a_browser
@pytest.mark.parametrize("name", CATALOGUE)
def test_every_loss_by_form_gives_this_machines_numbers(opened, name):
    opened.put(loss=name)
    found = playground.numbers_of(chapter(name))
    cases = [{}, *draws(name)] if "127.0.0.1" in opened.page.url else [{}]
    for case in cases:
        opened.put(**case)
        sent = {**found, **{key: case[key] for key in ("y_true", "y_pred") if key in case}}
        sent["settings"] = {key: case.get(key, value) for key, value in found["settings"].items()}
        if case:
            opened.put(reduction="sum_over_batch_size", sample_weight="")
            sent |= {"reduction": "sum_over_batch_size", "sample_weight": ""}
        here = play.respond({"form": {**sent, "loss": name, "number": ""}})
        text = opened.run()
        if "error" in here:
            assert here["error"] in text
            continue
        assert "Trace" in text and "Gradient" in text, text
        there, here = opened.exact(), read(here["exact"])
        assert gap(there["value"], here["value"]) <= CLOSE, case
        assert gap(there["gradient"], here["gradient"]) <= CLOSE, case


@in_a_browser
def test_an_endless_loop_is_stopped_and_the_next_cell_answers(opened):
    page = opened.page
    page.fill("#play-cell", "kept = 7")
    opened.run("cell-form")
    page.fill("#play-cell", "while True:\n    pass")
    page.click("#play-cell-form .play-run")
    page.wait_for_selector("#play-cell-form .play-status:text('Running')")
    page.click("#play-cell-form .play-stop")
    assert opened.status("cell-form").startswith("Stopped.")
    page.fill("#play-cell", "'kept' in globals(), np.arange(3, dtype=np.int64).sum()")
    assert "(False, np.int64(3))" in opened.run("cell-form")


@in_a_browser
def test_errors_are_one_line_and_python_lives_on(opened):
    opened.put(loss="huber", y_true="[[1]]", y_pred="[[1, 2]]")
    opened.run()
    assert opened.page.inner_text("#play-answer .play-error").startswith("ValueError: Received")
    opened.page.fill("#play-cell", "x = 1\n1 / 0")
    opened.run("cell-form")
    error = opened.page.locator("#play-cell-answer .play-error")
    assert error.inner_text() == "ZeroDivisionError (line 2): division by zero"
    assert error.bounding_box()["height"] < 40
    opened.page.fill("#play-cell", "x + 1")
    assert opened.run("cell-form").strip() == "2"
    opened.page.fill("#play-cell", "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()")
    assert "Python ended: Maximum call stack" in opened.run("cell-form")  # and the next Run starts it
    opened.page.fill("#play-cell", "6 * 7")
    assert opened.run("cell-form").strip() == "42"


@in_a_browser
def test_a_million_predictions_fit(opened):
    opened.page.fill(
        "#play-cell", "y = np.linspace(0, 1, 10**6).reshape(-1, 1)\nfloat(lossbook.Huber()(y, 1 - y))"
    )
    text = opened.run("cell-form")
    y = np.linspace(0, 1, 10**6).reshape(-1, 1)
    assert abs(float(text) - float(lossbook.Huber()(y, 1 - y))) < 1e-12
    opened.page.fill("#play-cell", "explain(lossbook.Huber(), y, 1 - y)")
    assert "(1000000, 1) float64" in opened.run("cell-form")
    assert 60 < float(re.search(r"holds (\d+) MB", opened.status("cell-form"))[1]) < 130  # the page says 100


@in_a_browser
def test_what_a_reader_may_try_in_a_cell_works(opened):
    """What was cut from the engine is nothing that NumPy or Python's library calls here."""
    tries = {
        "import time; a = time.perf_counter(); time.sleep(0.05); 0.05 <= time.perf_counter() - a < 5": "True",
        "np.linalg.svd(np.diag([3.0, 2.0]))[1], np.linalg.inv(2 * np.eye(2))[0, 0]": "array([3., 2.]), np.float64(0.5)",
        "np.linalg.eigvalsh(np.eye(2)), np.linalg.solve(np.eye(2), np.ones(2))": "(array([1., 1.]), array([1., 1.]))",
        "np.fft.fft([1, 2]), np.einsum('ij,jk', np.eye(2), np.eye(2)).sum()": "-1.+0.j]), np.float64(2.0))",
        "round(float(np.random.default_rng(0).normal()), 6)": str(
            round(float(np.random.default_rng(0).normal()), 6)
        ),
        "np.testing.assert_allclose(1.0, 1.0); np.ma.masked_equal([1, 2], 2).sum()": "np.int32(1)",
        "import random, statistics, re, itertools, collections; statistics.mean([1, 2])": "1.5",
        "help(lossbook.huber)": "Help on function huber",
        "lossbook.compare('mse', [1.0], [2.0])": "lossbook",
        "lossbook.numeric_gradient(lossbook.huber, [[1.0]], [[1.5]])": "0.5",
    }
    for source, expected in tries.items():
        opened.page.fill("#play-cell", source)
        assert expected in opened.run("cell-form"), source


@in_a_browser
def test_nothing_foreign_is_asked_for_and_nothing_is_complained_of(opened):
    home = opened.page.url.partition("try.html")[0]
    assert [address for address in opened.asked if not address.startswith((home, "blob:", "data:"))] == []
    assert opened.said == []


@in_a_browser
def test_what_an_address_says_fills_the_form_and_does_not_run(browser, server):
    given = "try.html#loss=huber&delta=3.5&y_true=%5B%5B1%5D%5D&number=0.5&cell=1&y_pred=%3Cimg%20src=x%3E"
    page = Opened(browser, server + given)
    page.page.wait_for_timeout(500)
    assert page.page.input_value("#play-settings input[name=delta]") == "3.5"
    assert page.page.input_value("#play-y_pred") == "<img src=x>"
    assert "Nothing has run yet" in page.status() and page.page.inner_text("#play-answer") == ""
    assert not [address for address in page.asked if "python" in address]
    assert "capped" in page.page.input_value("#play-cell")
    page.put(y_pred="[[5.25]]")
    page.page.click("#play-link")
    page.page.wait_for_selector("#play-form .play-status:text('runs nothing')")
    again = Opened(browser, page.page.url)
    fields = ("#play-loss", "#play-y_true", "#play-y_pred", "#play-number", "#play-settings input")
    assert [again.page.input_value(f) for f in fields] == [page.page.input_value(f) for f in fields]
    assert (
        Opened(browser, server + "try.html#loss=none").page.input_value("#play-loss") == "mean_squared_error"
    )


@in_a_browser
@pytest.mark.parametrize("name", CATALOGUE)
def test_each_chapter_leads_to_its_numbers(name):
    text = (SITE / "losses" / f"{name}.html").read_text(encoding="utf-8")
    assert text.count(f'<a href="../try.html#loss={name}">') == 1


@in_a_browser
def test_a_browser_that_is_too_old_is_told_in_a_sentence(browser, server):
    page = browser.new_context().new_page()
    page.add_init_script("WebAssembly.validate = () => false")
    page.goto(server + "try.html")
    assert "This browser cannot run Python here" in page.inner_text("#play-form .play-status")
    assert page.is_disabled("#play-form .play-run") and page.is_disabled("#play-cell-form .play-run")


@in_a_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_answered_page_can_be_read_by_all(opened, scheme, width):
    if not REQUIRED:
        pytest.importorskip("axe_playwright_python")
    from axe_playwright_python.sync_playwright import Axe

    page = opened.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    opened.put(loss="binary_crossentropy", y_true="[[1], [0]]", y_pred="[[3.2], [-1]]", number="0.5")
    assert "logits-as-probabilities" in opened.run()
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    found = Axe().run(page, context=".bd-article").response["violations"]
    worse = [one for one in found if one["impact"] in ("serious", "critical")]
    serious = [f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}" for one in worse]
    assert serious == [], "\n".join(serious)
