"""Measure the speed of every loss beside its peers.

    make bench                     everything, under 10 minutes; writes the record and the book's page
    make bench QUICK=1             two sizes in float32, under 2 minutes; writes nothing
    make bench PEERS=…/python      with another Python (NumPy, mpmath) for peers that this lacks
    python -m benchmarks huber poisson       those losses alone; writes nothing

In a round every contestant is timed once, in turn, for some milliseconds; the ratio is that of the least
times over all rounds, since whatever else runs on the machine can only add to a time. Contestants whose
libraries can share a process do; each process times lossbook beside them.
"""

import argparse
import json
import math
import os
import platform
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from time import monotonic
from timeit import Timer

import numpy as np

import lossbook
from benchmarks.contestants import CASES, CONTESTANTS, WORLDS
from benchmarks.page import shown, write_page
from lossbook import fast

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"small": (32, 10), "medium": (1024, 10), "large": (1024, 1000)}
DTYPES = ("float32", "float64")
MODES = ("value", "both")
ROUNDS, TURN = 8, 0.003  # rounds of a cell, and seconds of one contestant's turn in a round
BUDGET, FEWEST = 0.4, 2  # seconds after which a cell makes no further round, if it has made so many
AGREE = 2e-3  # relative gap of two values that are called the same


# --- one process ---------------------------------------------------------------------------------------


def summary_of(result):
    """Return the value, and the sum of the gradient's sizes where there is one."""
    value, slope = result if isinstance(result, tuple) else (result, 0.0)
    return np.array([float(np.asarray(value)), float(np.abs(np.asarray(slope, float)).sum())])


def calls_of(case, mode, y_true, y_pred, keys):
    """Return each contestant's call, and why the others are missing: another number counts as missing."""
    calls, missing, expected = {}, {}, None
    for key in keys:
        try:
            call = CONTESTANTS[key].make(case, y_true, y_pred)[MODES.index(mode)]
            if call is None:
                raise LookupError("has no gradients")
            with CONTESTANTS[key].around():
                found = summary_of(call())
        except Exception as problem:  # whatever a peer raises is its answer
            missing[key] = str(problem).partition("\n")[0][:100]
            continue
        expected = found if expected is None else expected  # lossbook's, the first
        if np.allclose(found, expected, rtol=AGREE, atol=1e-6):
            calls[key] = call
        else:
            missing[key] = f"gives {found.tolist()} where lossbook gives {expected.tolist()}"
    return calls, missing


def least_seconds(calls, rounds=ROUNDS, turn=TURN, budget=BUDGET):
    """Time every call in turn, round after round; return its least seconds in even rounds and in odd ones."""
    timers = {key: Timer(call) for key, call in calls.items()}

    def timed(key, count):
        with CONTESTANTS[key].around():
            return timers[key].timeit(count) / count

    once = {key: timed(key, 1) for key in timers}
    once = {key: min(once[key], timed(key, 1)) for key in timers}  # the first may have compiled
    least = {key: [math.inf, math.inf] for key in timers}
    began = monotonic()
    for number in range(rounds):
        for key in [*timers][number % len(timers) :] + [*timers][: number % len(timers)]:  # another first
            seconds = timed(key, max(1, round(turn / once[key])))
            least[key][number % 2] = min(least[key][number % 2], seconds)
        if number + 1 >= FEWEST and monotonic() - began > budget:
            break
    return least


def measure(world, labels, sizes, dtypes, rounds):
    """Yield what runs in this process, then a cell for each loss, size, type and mode."""
    members = {key: one for key, one in CONTESTANTS.items() if one.world in ("every", world)}
    keys = [key for key, one in members.items() if not one.missing]
    yield {key: {"missing": one.missing, "versions": one.versions} for key, one in members.items()}
    rivals = [key for key in keys if not members[key].ours]
    for case in [case for case in CASES if case.label in labels and rivals]:
        for size in sizes:
            for dtype in dtypes:
                data = case.data(SIZES[size], dtype)
                for mode in MODES:
                    calls, missing = calls_of(case, mode, *data, keys)
                    halves = least_seconds(calls, rounds)
                    yield {
                        "loss": case.label,
                        "size": size,
                        "shape": case.shape(SIZES[size]),
                        "dtype": dtype,
                        "mode": mode,
                        "seconds": {key: shown(min(one)) for key, one in halves.items()},
                        "halves": {key: [shown(half) for half in one] for key, one in halves.items()},
                        "missing": missing,
                    }


# --- all processes ---------------------------------------------------------------------------------------


def machine():
    """Describe the machine, without its name and without paths."""
    about = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"^model name\s*: (.+)$", about, re.MULTILINE)
    vectors = {"avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}
    return {
        "cpu": model[1].strip() if model else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "vectors": next((name for flag, name in vectors.items() if re.search(rf"\b{flag}\b", about)), ""),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def loop_of_huber():
    """Return the innermost loop that stands for Huber's lines; an empty text without Numba."""
    if CONTESTANTS["fast"].missing:
        return ""
    lines = fast.loops(lossbook.Huber()).splitlines()
    first = next(place for place, line in enumerate(lines) if "for j in" in line)
    last = next(place for place, line in enumerate(lines) if "slope[j] =" in line)
    return textwrap.dedent("\n".join(lines[first : last + 1]))


def run(plan, python=None):
    """Measure a plan, one world after the other, and return the results, ready for JSON."""
    began, cells, peers = monotonic(), [], {key: {"title": one.title} for key, one in CONTESTANTS.items()}
    for world, environment in WORLDS.items():
        lacking = any(one.missing for one in CONTESTANTS.values() if one.world == world)
        settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", **environment}
        inherited = {key: one for key, one in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"}
        command = [python if lacking and python else sys.executable, "-m", "benchmarks", "--world", world]
        with subprocess.Popen(
            [*command, json.dumps(plan)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd=ROOT, env={**inherited, **settings},
        ) as process:  # fmt: skip
            for key, about in json.loads(process.stdout.readline() or "{}").items():
                peers[key] |= about
            for line in process.stdout:
                cells.append({"world": world, **json.loads(line)})
                done = f"\r{world:12s}{len(cells):5d} cells {monotonic() - began:5.0f} s"
                print(done, end="", file=sys.stderr)
        if process.returncode:
            by_hand = f"python {' '.join(command[1:])} '{json.dumps(plan)}'"
            raise SystemExit(f"\nThe process of {world} ended with an error. This shows it: {by_hand}")
    print(file=sys.stderr)
    minutes = round((monotonic() - began) / 60, 1)
    about = {"minutes": minutes, "timed": "least time", "machine": machine(), "peers": peers, "sizes": SIZES}
    return {**about, "loop": loop_of_huber(), "cells": cells}


def main(words=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("losses", nargs="*", help="all of them if none is named")
    parser.add_argument("--quick", action="store_true", help="under 2 minutes; writes nothing")
    parser.add_argument("--peer-python", help="another Python, for the peers that this one lacks")
    parser.add_argument("--world", nargs=2, metavar=("WORLD", "PLAN"), help="for each process")
    given = parser.parse_args(words)
    if given.world:
        world, plan = given.world
        for cell in measure(world, **json.loads(plan)):
            print(json.dumps(cell), flush=True)
        return
    unknown = set(given.losses) - {case.name for case in CASES}
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))} is not one of {', '.join(case.name for case in CASES)}")
    labels = [case.label for case in CASES if not given.losses or case.name in given.losses]
    plan = {"labels": labels, "sizes": [*SIZES], "dtypes": DTYPES, "rounds": ROUNDS}
    if given.quick:
        usual = [case.label for case in CASES if case.label in labels and not case.from_logits]
        plan |= {"labels": usual, "dtypes": DTYPES[:1], "rounds": 3}
    results = run(plan, given.peer_python)
    write_page(results, whole=not (given.quick or given.losses))


if __name__ == "__main__":
    main()
