"""The benchmark: its statistics on made-up numbers, its coverage, like compared with like, and its page."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT))

from benchmarks import __main__ as command  # noqa: E402
from benchmarks import page, speed, timing, worker  # noqa: E402
from benchmarks.cases import CASES, DTYPES, MODES, SIZES  # noqa: E402
from benchmarks.peers import OURS, PEERS, THEIRS  # noqa: E402
from benchmarks.timing import Reading  # noqa: E402
from lossbook import CATALOGUE  # noqa: E402

# ------------------------------------------------------------------------------ the statistics


def quiet(seconds):
    return Reading(seconds, 1.0, 1.0)


def held_up(seconds):
    return Reading(seconds, 1.0, 1.6)


def compared(ours, theirs):
    return timing.compare(ours, theirs, our_usual=1.0, their_usual=1.0)


def test_a_ratio_is_the_median_over_the_rounds_of_theirs_over_ours():
    found = compared([quiet(2.0), quiet(4.0), quiet(1.0)], [quiet(6.0), quiet(4.0), quiet(9.0)])
    assert found == timing.Summary(ratio=3.0, kept=3, disturbed=False)  # of 3, 1 and 9


def test_a_round_is_dropped_if_either_was_disturbed():
    ours = [quiet(1.0), held_up(50.0), quiet(1.0), quiet(1.0)]
    theirs = [quiet(2.0), quiet(2.0), held_up(90.0), quiet(4.0)]
    assert compared(ours, theirs) == timing.Summary(ratio=3.0, kept=2, disturbed=False)


def test_where_too_few_rounds_are_quiet_all_count_and_it_is_said():
    ours = [quiet(1.0)] * 3
    theirs = [quiet(2.0), held_up(3.0), held_up(4.0)]
    assert compared(ours, theirs) == timing.Summary(ratio=3.0, kept=3, disturbed=True)


def test_a_peer_that_sat_rounds_out_is_compared_in_the_others():
    assert compared([quiet(1.0)] * 3, [quiet(5.0), None, None]).ratio == 5.0
    assert compared([quiet(1.0)], [None]) is None


def test_a_calibration_counts_on_both_sides_of_a_timing():
    assert Reading(1.0, before=1.6, after=1.0).disturbed(usual=1.0)
    assert Reading(1.0, before=1.0, after=1.6).disturbed(usual=1.0)
    assert not Reading(1.0, before=1.2, after=1.2).disturbed(usual=1.0)


def test_a_unit_becomes_cells_with_ratios_for_each_of_ours():
    class Quiet:
        usual = 1.0

    unit = speed.Unit(CASES["huber"], "(32, 10)", "float32", {}, rounds=2)
    unit.readings["value"] = {
        "lossbook": [quiet(2e-6)] * 2,
        "fast": [quiet(1e-6)] * 2,
        "keras": [quiet(4e-5), held_up(9.0)],
        "torch": [None, None],
    }
    (cell,) = unit.cells(dict.fromkeys(PEERS, Quiet()))
    assert cell["seconds"]["lossbook"] == 2e-6
    assert cell["ratios"]["lossbook"]["keras"] == pytest.approx((20 + 4.5e6) / 2, rel=1e-3)  # all count
    assert cell["disturbed"] == ["keras"] and cell["kept"] == {"keras": 2}
    assert cell["ratios"]["fast"].keys() == {"keras"}
    assert (cell["loss"], cell["size"], cell["shape"], cell["mode"]) == (
        "huber",
        "(32, 10)",
        [32, 10],
        "value",
    )


def test_a_peer_with_another_number_is_left_out():
    assert speed.disagreement({"value": 1.0, "slope": 2.0}, {"value": 1.001, "slope": 2.001}) == ""
    assert "another slope" in speed.disagreement({"value": 1.0, "slope": 2.0}, {"value": 1.0, "slope": 3.0})
    assert "another value" in speed.disagreement({"value": 1.0}, {"value": math.nan})


def test_the_rounds_follow_from_the_time():
    """Two rounds where there is no time, all of them where there is plenty."""
    plan = speed.Plan(least=2, most=6, peers=("lossbook",))

    class Instant(list):
        def reading(self, mode, calls):
            self.append(calls)
            return quiet(0.001)

    def rounds(until):
        client = Instant()
        unit = speed.Unit(CASES["huber"], "(32, 10)", "float32", {("value", "lossbook"): 0.001})
        unit.readings["value"]["lossbook"] = []
        speed.measure_rounds(unit, {"lossbook": client}, plan, until)
        assert set(client) == {5}  # calls to fill a batch of 5 ms
        return unit.rounds

    assert rounds(until=0.0) == 2
    assert rounds(until=math.inf) == 6


# ---------------------------------------------------------------------------------- what is covered


def test_every_loss_of_the_catalogue_is_measured():
    assert {case.name for case in CASES.values()} == set(CATALOGUE)
    with_logits = {case.name for case in CASES.values() if case.from_logits}
    assert with_logits == {name for name, spec in CATALOGUE.items() if "from_logits" in spec.parameters}


def test_the_whole_run_has_every_size_type_and_peer():
    plan = command.plan_of(command.read([]))
    assert plan.units == [(size, dtype, label) for size in SIZES for dtype in DTYPES for label in CASES]
    assert plan.peers == tuple(PEERS) and not plan.quick


def test_the_short_run_has_every_loss_and_every_peer():
    plan = command.plan_of(command.read(["--quick"]))
    assert {CASES[label].name for label in plan.labels} == set(CATALOGUE)
    assert plan.peers == tuple(PEERS) and plan.quick
    assert plan.minutes * (1 + speed.GRACE) < 3 - 0.25  # begun by then: the last unit and the page remain


def test_a_part_can_be_asked_for():
    words = ["--losses", "huber,binary_crossentropy", "--sizes", "(32,10);(1M,)", "--peers", "torch"]
    given = command.read(words)
    plan = command.plan_of(given)
    assert plan.labels == ("huber", "binary_crossentropy", "binary_crossentropy(from_logits=True)")
    assert plan.sizes == ("(32, 10)", "(1M,)") and plan.peers == ("lossbook", "torch")
    assert command.narrowed(given) and not command.narrowed(command.read([]))


def test_only_a_whole_run_writes_the_page(monkeypatch, capsys):
    monkeypatch.setattr(command.speed, "run", lambda plan, progress: made_up())
    monkeypatch.setattr(command.page, "write_results", lambda results: print("the results are written"))
    monkeypatch.setattr(command.page, "main", lambda words: print("the page is written"))
    for words, written in (([], True), (["--quick"], False), (["--losses", "huber"], False)):
        command.main(words)
        assert ("the page is written" in capsys.readouterr().out) is written


@pytest.mark.parametrize("words", [["--losses", "hubber"], ["--sizes", "(3,3)"], ["--peers", "julia"]])
def test_what_is_unknown_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        command.read(words)
    assert "is not one of" in capsys.readouterr().err


@pytest.mark.parametrize("label", CASES)
def test_data_have_the_type_and_shape_that_were_asked_for(label):
    case = CASES[label]
    shape = case.shape("(32, 10)")
    for dtype in DTYPES:
        y_true, y_pred = case.data(shape, dtype)
        assert y_pred.shape == shape and y_pred.dtype == dtype
        assert y_true.dtype == dtype or y_true.dtype == np.int64
        assert y_pred.flags.c_contiguous
        assert np.isfinite(case.loss()(y_true, y_pred))
    for size, table_shape in SIZES.items():
        numbers = math.prod(table_shape)
        pairs = case.shape(size)[0] ** 2 if case.name == "circle" else 0
        assert 0.5 <= max(math.prod(case.shape(size)), min(pairs, numbers)) / numbers <= 2


# --------------------------------------------------------------------------- like compared with like

IN_THIS_PROCESS = ("lossbook", "keras", "function", "xla", "tf_keras")  # TensorFlow is loaded once
TAKE_ALL = {*OURS, "keras", "function", "xla", "keras_numpy"}
LACKING = {"tf_keras": {"categorical_generalized_cross_entropy", "dice", "tversky", "circle", "ctc"}}


class Here:
    """A worker without a process."""

    def __init__(self, key):
        self.worker = worker.Worker(PEERS[key])

    def ask(self, do, **request):
        try:
            return getattr(self.worker, do)(**request)
        except worker.Missing as problem:
            return {"missing": str(problem)}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What every peer says about itself and, at the smallest size, about every loss."""
    clients = {key: Here(key) if key in IN_THIS_PROCESS else speed.Client(key) for key in PEERS}
    about = {key: client.ask("about") for key, client in clients.items()}
    store = speed.Store(tmp_path_factory.mktemp("data"))
    found = {}
    for label, case in CASES.items():
        files = store.files(case, "(32, 10)", "float64")
        found[label] = {
            key: client.ask("prepare", label=label, files=files)
            for key, client in clients.items()
            if "missing" not in about[key]
        }
    for client in clients.values():
        if isinstance(client, speed.Client):
            client.close()
    return found, about


@pytest.mark.parametrize("key", PEERS)
def test_a_peer_gives_the_same_value_and_slope_or_is_named_as_missing(key, answers):
    found, about = answers
    if "missing" in about[key]:
        assert re.search("is not installed|has no fast mode", about[key]["missing"])
        pytest.skip(about[key]["missing"])
    assert about[key]["threads"].isdigit() and about[key]["versions"]["numpy"]
    lacking = set()
    for label, by_peer in found.items():
        answer = by_peer[key]
        if "missing" in answer:
            assert answer["missing"].endswith("has no such loss"), (label, answer)
            lacking.add(label)
            continue
        for mode in MODES:
            if key in ("keras_numpy", "sklearn") and mode == "both":
                assert answer[mode]["missing"].endswith("has no gradients")
            else:
                assert "missing" not in answer[mode], (label, mode, answer)
                assert speed.disagreement(by_peer["lossbook"][mode], answer[mode]) == "", (label, mode)
    if key in TAKE_ALL or key in LACKING:
        assert lacking == LACKING.get(key, set())
    else:
        assert lacking < set(CASES)  # each of the others has some


def test_the_peers_are_those_of_the_plan():
    assert list(PEERS) == [*OURS, *THEIRS]
    assert set(page.WHY) == set(THEIRS)


def test_a_worker_answers_in_lines_and_says_what_it_lacks(tmp_path):
    requests = [{"do": "about"}, {"do": "prepare", "label": "dice", "files": ["nowhere.npy", "nowhere.npy"]}]
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.worker", "lossbook"],
        input="".join(json.dumps(one) + "\n" for one in requests),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    about, prepared = map(json.loads, run.stdout.splitlines())
    assert about["threads"] == "1"
    assert prepared["missing"].startswith("FileNotFoundError") and "/" not in prepared["missing"]


def test_a_process_that_ended_is_named(monkeypatch):
    monkeypatch.setattr(speed, "PEERS", {"gone": PEERS["lossbook"]})
    client = speed.Client("gone")  # a worker that does not know this peer ends at once
    assert client.ask("about") == {"missing": "the process ended"}
    client.close()


def test_the_peak_of_a_call_sees_what_the_call_allocates():
    small = worker.peak_of(lambda: np.ones(10))
    large = worker.peak_of(lambda: np.ones(40_000_000, np.int8).astype(np.int8))
    if small is None:
        pytest.skip("the system keeps no high-water mark that can be reset")
    assert small < 10e6 and 70e6 < large < 100e6


# ------------------------------------------------------------------------------------------ the page


def made_up():
    """Results of two losses, so that every number on a page is known."""

    def cell(loss, mode, ours, keras, torch, disturbed=()):
        return {
            "loss": loss,
            "size": "(32, 10)",
            "shape": [32, 10],
            "dtype": "float32",
            "mode": mode,
            "seconds": {"lossbook": ours, "keras": keras, "torch": torch},
            "ratios": {"lossbook": {"keras": keras / ours, "torch": torch / ours}},
            "rounds": 3,
            "kept": {"keras": 3, "torch": 3},
            "disturbed": list(disturbed),
            "missing": {"tf_keras": "tf_keras has no such loss"},
        }

    about = {key: {"title": one.title, "missing": f"{key} is not installed"} for key, one in PEERS.items()}
    for key in ("lossbook", "keras", "torch", "tf_keras"):
        about[key] = {"title": PEERS[key].title, "versions": {"numpy": "2.4.6"}, "threads": "2"}
    return {
        "quick": True,
        "minutes": 2.2,
        "others": 0.01,
        "lossbook": "0.1.0",
        "machine": {
            "cpu": "A processor",
            "cores": 2,
            "vectors": "AVX2",
            "caches": {"L2": "512K"},
            "memory_gb": 24,
            "system": "Linux",
            "python": "3.11.7",
            "numpy": "2.4.6",
        },
        "peers": about,
        "memory": {
            "read_gb_per_s": 33.3,
            "losses": [
                {
                    "loss": "mean_squared_error",
                    "shape": [1_000_000, 10],
                    "read_multiple": {"lossbook": 1.61},
                    "peak_bytes": {"value": {"lossbook": 3_100_000}, "both": {"lossbook": 41_000_000}},
                }
            ],
        },
        "cells": [
            cell("mean_squared_error", "value", 4e-6, 2.4e-4, 8e-6),
            cell("mean_squared_error", "both", 6e-6, 6e-4, 1.5e-5),
            cell("huber", "value", 1e-5, 3e-4, 8e-6, disturbed=["torch"]),
            cell("huber", "both", 2e-5, 8e-4, 1e-5),
        ],
        "skipped": [],
    }


def test_the_lost_cells_come_first_the_worst_at_the_top():
    losing = page.lost(page.ratios(made_up()))
    assert [(one.cell["loss"], one.cell["mode"], one.peer) for one in losing] == [
        ("huber", "both", "torch"),
        ("huber", "value", "torch"),
    ]
    text = page.summary(made_up())
    assert text.strip().startswith("lossbook: 2 cells lost of 8")
    assert text.index("0.50") < text.index("~0.80") < text.index("median (worst)") < text.index("missed")
    titles = re.findall(r"^## (.+)$", page.page(made_up()), re.MULTILINE)
    assert titles[0] == "Where lossbook loses"


def test_each_aim_is_answered_by_the_cells():
    answers = {one.text: (one.measured, one.answer) for one in page.aims(made_up())}
    assert answers["Ahead of Keras 3, eager in every cell"] == ("4 of 4 (100\xa0%)", "met")
    assert answers["Ahead of tf_keras, eager in every cell"] == ("–", "not measured")
    assert answers["Ahead of PyTorch, eager in 70 % of the cells"] == ("2 of 4 (50\xa0%)", "missed")
    assert answers["Ahead of PyTorch, eager in 70 % of the cells, fast mode on"] == ("–", "not measured")
    assert answers["MSE at ten million float32 numbers within 1.6 times the read limit"] == (
        "1.6 times",
        "missed",
    )
    assert answers["A call of MSE at (32, 10) within 5 µs"] == ("4.0 µs", "met")
    assert answers["Value and gradient within 1.6 times the value alone, median"] == ("1.8 times", "missed")


def test_the_tables_hold_the_numbers():
    head, rows = page.median_table(made_up())
    at = dict(zip(head, rows[0], strict=True))
    assert (at["size"], at["type"], at["what"]) == ("(32,\xa010)", "float32", "value")
    assert at["Keras"] == "45\xa0(30)"  # of 60 and 30
    assert at["torch"] == "1.4\xa0(0.80)"
    assert at["tf_keras"] == "–"
    head, rows = page.ratio_table(made_up(), "(32, 10)", "float32", "value")
    assert rows == [
        ["mean squared error", "4.0 µs", "60", "–", "2.0"],
        ["huber", "10 µs", "30", "–", "~0.80"],
    ]
    assert page.memory_table(made_up())[1] == [["mean squared error", "1.6", "3", "41"]]
    assert "ahead of Keras 3, eager in every cell" in page.caption(made_up())
    assert "PyTorch, eager in 50\xa0%" in page.caption(made_up())


def test_a_page_says_that_the_machine_was_busy():
    assert "took 1\xa0% of the processors' time" in page.page(made_up())
    assert "quiet one" not in page.page(made_up())
    assert "on a quiet one" in page.page({**made_up(), "others": 0.4})


def test_the_load_counts_the_work_of_others_and_not_ones_own():
    load = speed.Load()
    load.start = load.start[0] - 10, load.start[1] - 6, load.start[2] - 2
    share = load.of_others()
    assert abs(share - 4 / (10 * os.cpu_count())) < 0.2


def test_an_aim_missed_says_why_once():
    lines = page.why_lines(made_up())
    assert len(lines) == len({line.partition("*: ")[2] for line in lines})
    assert any("compute twice what they share" in line for line in lines)
    assert not any("5 µs" in line for line in lines)  # met, above
    assert all(line in page.page(made_up()) for line in lines)


def test_a_page_names_who_was_not_measured():
    text = page.page(made_up())
    assert "not measured: optax is not installed" in text
    assert "| tf_keras, eager | has no such loss | mean squared error; huber |" in text


def test_results_come_back_from_the_file_and_hold_nothing_of_one_machine(tmp_path):
    path = tmp_path / "some.json"
    page.write_results(made_up(), path)
    assert page.load(path) == made_up()
    assert "## Aims" in path.with_suffix(".md").read_text(encoding="utf-8")
    described = json.dumps(speed.machine())
    assert os.uname().nodename not in described and str(ROOT) not in described


def test_a_chart_has_a_row_for_each_peer(tmp_path):
    page.draw(made_up(), tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_in_the_book_holds_the_numbers_of_the_results():
    results = page.load()
    assert page.PAGE.read_text(encoding="utf-8") == page.page(results)
    assert page.FULL.with_suffix(".md").read_text(encoding="utf-8") == page.tables_file(results)
    assert page.CHART.exists()
    for cell in results["cells"]:
        assert cell["loss"] in CASES and cell["size"] in SIZES and set(cell["seconds"]) <= set(PEERS)
