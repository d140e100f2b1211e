"""The benchmark: every loss and peer, like compared with like, least times in turn, and the page it writes."""

import json
import math
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from cases import FROM_LOGITS
from conftest import ROOT

from benchmarks import __main__ as command
from benchmarks import page
from benchmarks.contestants import CASES, CONTESTANTS, WORLDS, Contestant
from lossbook import CATALOGUE

HERE = ("lossbook", "fast", "keras", "function", "xla", "tf_keras")  # TensorFlow is loaded once
SMALL = (8, 5)


def test_every_loss_is_measured_with_and_without_logits():
    assert {case.name for case in CASES} == set(CATALOGUE)
    assert {case.name for case in CASES if case.from_logits} == set(FROM_LOGITS)
    assert {one.world for one in CONTESTANTS.values()} == {"every", *WORLDS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_data_have_the_type_that_was_asked_for_and_about_as_many_numbers(case):
    for dtype in command.DTYPES:
        y_true, y_pred = case.data(SMALL, dtype)
        assert y_pred.dtype == dtype and y_pred.shape == tuple(case.shape(SMALL))
        assert y_true.dtype == dtype or y_true.dtype.kind == "i"
        assert y_pred.flags.c_contiguous and np.isfinite(case.loss()(y_true, y_pred))
    for size in command.SIZES.values():
        shape = case.shape(size)
        numbers = shape[0] ** 2 if case.name == "circle" else math.prod(shape)
        assert 0.5 <= numbers / math.prod(size) <= 4


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_peers_give_the_same_value_and_slope_or_are_named_as_missing(case):
    data = case.data(SMALL, "float64")
    for mode in command.MODES:
        calls, missing = command.calls_of(case, mode, *data, HERE)
        assert set(calls) | set(missing) == set(HERE) and list(calls)[0] == "lossbook"
        assert all(reason.startswith("has no ") for reason in missing.values()), missing
        assert set(missing) <= {"tf_keras"} or not getattr(CATALOGUE[case.name], "keras", True)


def test_scikit_learn_is_measured_where_it_has_the_loss():
    measured = []
    for case in CASES:
        calls, missing = command.calls_of(
            case, "value", *case.data(SMALL, "float64"), ("lossbook", "sklearn")
        )
        measured += [case.label] if "sklearn" in calls else []
        assert missing.get("sklearn", "has no").startswith("has no"), missing
    assert len(measured) >= 8


def test_another_number_is_missing(monkeypatch):
    def wrong(case, y_true, y_pred):
        return lambda: 1e3, None

    monkeypatch.setitem(CONTESTANTS, "wrong", Contestant("wrong", wrong))
    case = CASES[0]
    calls, missing = command.calls_of(case, "value", *case.data(SMALL, "float64"), ("lossbook", "wrong"))
    assert list(calls) == ["lossbook"] and missing["wrong"].startswith("gives [1000.0")


def test_each_round_times_all_in_turn_and_the_least_time_counts(monkeypatch):
    asked = Counter()

    class Clock:
        """A timer whose calls take 4, 3, 2, 1, 1, … seconds."""

        def __init__(self, call):
            self.call = call

        def timeit(self, count):
            asked[self.call] += 1
            return count * max(5.0 - asked[self.call], 1.0)

    monkeypatch.setattr(command, "Timer", Clock)
    least = command.least_seconds({"lossbook": "a", "keras": "b"}, rounds=5, budget=math.inf)
    assert least == {"lossbook": [1.0, 1.0], "keras": [1.0, 1.0]} and asked == {"a": 7, "b": 7}
    asked.clear()
    least = command.least_seconds({"lossbook": "a", "keras": "b"}, rounds=5, budget=-1.0)
    assert least == {"lossbook": [2.0, 1.0], "keras": [2.0, 1.0]} and set(asked.values()) == {
        2 + command.FEWEST
    }


def test_an_unknown_loss_is_refused(capsys):
    with pytest.raises(SystemExit):
        command.main(["hubber"])
    assert "hubber is not one of mean_squared_error" in capsys.readouterr().err


def test_a_process_measures_its_world_and_prints_cells():
    plan = {"labels": ["huber"], "sizes": ["small"], "dtypes": ["float32"], "rounds": 1}
    words = [sys.executable, "-m", "benchmarks", "--world", "numpy", json.dumps(plan)]
    run = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=120)
    about, *cells = [json.loads(line) for line in run.stdout.splitlines()]
    assert about["lossbook"]["missing"] == [] and "scikit-learn" in about["sklearn"]["versions"]
    assert [cell["mode"] for cell in cells] == list(command.MODES), run.stderr
    assert all(cell["seconds"]["lossbook"] > 0 for cell in cells)


# --- the page --------------------------------------------------------------------------------------


def made_up():
    """Results of one loss, so that every number on the page is known."""
    cell = {"size": "large", "shape": [1, 2], "dtype": "float32", "loss": "huber", "missing": {}}

    def timed(mode, **seconds):
        halves = {key: [one, 1.05 * one] for key, one in seconds.items()}
        return {**cell, "mode": mode, "seconds": seconds, "halves": halves}

    peers = {key: {"title": one.title, "missing": ["it"]} for key, one in CONTESTANTS.items()}
    peers |= {key: {"title": CONTESTANTS[key].title, "missing": []} for key in ("lossbook", "fast", "keras")}
    return {
        "minutes": 9.4,
        "timed": "least time",
        "machine": {
            "cpu": "A processor",
            "cores": 2,
            "vectors": "",
            "system": "",
            "python": "3",
            "numpy": "2",
        },
        "peers": peers,
        "sizes": {"small": [3, 4], "large": [5, 6]},
        "cells": [
            timed("value", lossbook=2e-3, fast=1e-3, keras=8e-3),
            timed("both", lossbook=4e-3, fast=1e-3, keras=1e-3),
        ],
        "loop": "for j in range(last - first):",
    }


def test_the_tables_hold_the_ratios():
    assert [row["ratio"] for row in page.ratios(made_up())] == [4.0, 0.25]
    assert [row["even"] for row in page.ratios(made_up())] == [False, False]
    assert [row["even"] for row in page.ratios(made_up(), "fast")] == [False, True]
    there = "huber, large, float32, both"
    assert page.peer_table(made_up())[1] == [
        ["Keras 3, eager", "2", "plain", "1", "0", "1", "2.1", "0.25", there],
        ["Keras 3, eager", "2", "compiled", "1", "1", "0", "4.5", "1.0", there],
    ]
    assert page.loss_table(made_up())[1] == [
        ["huber", "float32", "4.0 ms", "1.0 ms", "Keras 3, eager", "1.0 ms", "1.0"]
    ]
    assert "ahead in 1 of 2 comparisons, even in 1 and behind in 0" in page.page(made_up())


def test_only_a_whole_run_writes(tmp_path, monkeypatch, capsys):
    for name in ("RESULTS", "PAGE", "CHART"):
        monkeypatch.setattr(page, name, tmp_path / f"{name}.png")
    page.write_page(made_up(), whole=False)
    assert "Nothing was written" in capsys.readouterr().out and not list(tmp_path.iterdir())
    page.write_page(made_up(), whole=True)
    assert json.loads(page.RESULTS.read_text(encoding="utf-8")) == made_up()
    assert page.CHART.read_bytes().startswith(b"\x89PNG")


def test_the_page_in_the_book_is_that_of_the_record_and_fits_two_screens():
    results = json.loads(page.RESULTS.read_text(encoding="utf-8"))
    assert page.PAGE.read_text(encoding="utf-8") == page.page(results)
    assert page.CHART.exists() and len(page.page(results).splitlines()) <= 80
    assert set(results["machine"]) == set(command.machine())  # no name and no path of one machine
    for cell in results["cells"]:
        assert set(cell["seconds"]) <= set(CONTESTANTS)
