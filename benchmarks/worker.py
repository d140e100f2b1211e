"""One peer in a process of its own: it answers requests that come as lines of JSON.

    python -m benchmarks.worker keras

A request is ``{"do": "time", …}``; the answer is one line too, either the result or
``{"missing": reason}``. What the peer prints goes to the error stream, never between the answers.
"""

import contextlib
import gc
import json
import os
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.cases import CASES
from benchmarks.peers import PEERS, Missing

CALIBRATION = 4000
"""Steps of the calibration: about 0.2 milliseconds."""

LONG = 0.15
"""Seconds: a first call that takes as long is an estimate by itself, unless it compiled."""

READ_SIZE = 10_000_000
"""Numbers in each of the two float32 arrays whose reading gives the machine's read limit."""


# --- timing ------------------------------------------------------------------------------------------


def calibrate():
    """Return how long a small loop of plain Python takes."""
    start = perf_counter()
    total = 0
    for step in range(CALIBRATION):
        total += step
    return perf_counter() - start


def seconds_a_call(call, calls):
    start = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - start) / calls


def measured(call, calls):
    """Time some calls between two calibrations, the garbage collector held back as timeit does."""
    gc.collect(0)
    gc.disable()
    try:
        if calls > 1:
            seconds_a_call(call, 1 + calls // 10)  # fill the caches again
        before = calibrate()
        seconds = seconds_a_call(call, calls)
        after = calibrate()
    finally:
        gc.enable()
    return {"seconds": seconds, "before": before, "after": after}


# --- memory ------------------------------------------------------------------------------------------


def status(field):
    """Read a size in bytes from the kernel's account of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"no {field} in /proc/self/status")


def peak_of(call):
    """Return by how many bytes the process grew, at most, during a call; None where the system cannot say.

    Free memory goes back to the system first, so that the call counts as the first in a process.
    """
    try:
        with contextlib.suppress(OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts from here
        before = status("VmRSS")
        result = call()
        after = status("VmHWM")
        del result
    except OSError:
        return None
    return max(0, after - before)


# --- requests ----------------------------------------------------------------------------------------


class Worker:
    """The requests a process answers: its methods."""

    def __init__(self, peer):
        self.peer = peer
        self.calls = {}
        self.arrays = None

    def about(self):
        """Import the peer, and say what it is."""
        self.peer.load()
        return {"versions": self.peer.versions, "threads": self.peer.threads}

    def prepare(self, label, files):
        """Build the calls of a case on data from two files, and try each of them.

        Returns
        -------
        dict
            For each mode ``seconds``, a first estimate; ``value``, and for the gradient ``slope``,
            the sum of its sizes, so that peers can be compared. Or ``missing`` for a mode.
        """
        self.calls = {}
        y_true, y_pred = (np.load(file) for file in files)
        calls = self.peer.calls(CASES[label], *self.peer.tensors(y_true, y_pred))
        answer = {}
        for mode in ("value", "both"):
            if mode not in calls:
                answer[mode] = {"missing": f"{self.peer.title} has no gradients"}
                continue
            try:
                answer[mode] = self.first_calls(calls[mode])
                self.calls[mode] = calls[mode]
            except Exception as problem:
                answer[mode] = {"missing": reason(problem)}
        return answer

    def first_calls(self, call):
        start = perf_counter()
        result = call()
        seconds = perf_counter() - start
        answer = summary_of(result)
        if seconds < LONG or self.peer.compiles:
            del result
            seconds = seconds_a_call(call, 1)
        return {**answer, "seconds": seconds}

    def time(self, mode, calls):
        return measured(self.calls[mode], calls)

    def peak(self, mode):
        return {"bytes": peak_of(self.calls[mode])}

    def read_limit(self):
        """Read two arrays of 40 MB, in the fastest of three ways NumPy has.

        Returns
        -------
        dict
            ``seconds`` for the reading, between two calibrations.
        """
        if self.arrays is None:
            self.arrays = np.ones(READ_SIZE, "float32"), np.ones(READ_SIZE, "float32")
        first, second = self.arrays
        ways = (
            lambda: np.dot(first, second),
            lambda: (first.max(), second.max()),
            lambda: (first.sum(), second.sum()),
        )
        return min((measured(way, 1) for way in ways), key=lambda one: one["seconds"])


def summary_of(result):
    """Return the value, and the sum of the gradient's sizes where there is one."""
    if not isinstance(result, tuple):
        return {"value": float(np.asarray(result))}
    value, slope = result
    return {
        "value": float(np.asarray(value)),
        "slope": float(np.abs(np.asarray(slope)).sum(dtype=np.float64)),
    }


def reason(problem):
    """Say in one short line why a call failed, without paths."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    text = f"{type(problem).__name__}: {lines[0] if lines else ''}"
    words = [Path(word).name if word.startswith("/") else word for word in text.split()]
    return " ".join(words)[:160]


def serve(peer, requests, answers):
    """Answer requests, one a line, until there are no more."""
    worker = Worker(peer)
    for line in requests:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Missing as problem:
            answer = {"missing": str(problem)}
        except Exception as problem:
            answer = {"missing": reason(problem)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w") as only_answers:
        os.dup2(2, 1)
        serve(PEERS[sys.argv[1]], sys.stdin, only_answers)
