"""The driver: one process a peer, driven in turn, and what they said written down.

A *unit* is one loss at one size and type. All peers prepare it at the same time; then rounds follow,
in each of which every peer is timed once, alone, for the value and for the value and gradient. The
number of rounds follows from the minutes that are left.
"""

import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import numpy as np

import lossbook
from benchmarks.cases import CASES, DTYPES, LARGEST, MODES, SIZES
from benchmarks.peers import OURS, PEERS, THEIRS
from benchmarks.timing import Reading, calls_for, compare, typical_seconds, usual_length

ROOT = Path(__file__).resolve().parent.parent
PAUSE = 0.002  # seconds between two peers: threads of the last one that still spin come to rest
SLOW = 0.4  # seconds: a call that takes longer is timed in the first rounds only
SLOW_ROUNDS = 2
GRACE = 0.1  # of the minutes: what is not begun by then is left out
AGREE = 2e-3  # relative gap of two values that are called the same
FORGOTTEN = ("TF_ENABLE_ONEDNN_OPTS", "KERAS_BACKEND", "TF_USE_LEGACY_KERAS", "OMP_NUM_THREADS")
"""What a worker does not inherit: peers run as they come."""


@dataclass(frozen=True)
class Plan:
    """What is measured, and for how long.

    Attributes
    ----------
    labels, sizes, dtypes, peers : tuple of str
        Keys of CASES, SIZES, DTYPES and PEERS.
    minutes : float
        How long it should take; past a tenth more, what is not begun is left out.
    least, most : int
        Rounds of a unit.
    batch : float
        Seconds for which a short call is repeated.
    quick : bool
        Whether this is the short run.
    peer_python : str or None
        Another Python, asked for the peers that this one lacks.
    """

    labels: tuple = tuple(CASES)
    sizes: tuple = tuple(SIZES)
    dtypes: tuple = DTYPES
    peers: tuple = tuple(PEERS)
    minutes: float = 15.0
    least: int = 3
    most: int = 15
    batch: float = 0.005
    quick: bool = False
    peer_python: str = None

    @property
    def units(self):
        """Every unit, small sizes first, so that a late machine leaves out the large ones."""
        return [(s, d, label) for s in self.sizes for d in self.dtypes for label in self.labels]


def quick_plan(**changes):
    """Return the short run: three sizes, float32, each loss with its usual settings."""
    usual = tuple(label for label, case in CASES.items() if not case.from_logits)
    short = {
        "labels": usual,
        "sizes": ("(32, 10)", "(1024, 1000)", "(1M,)"),
        "dtypes": ("float32",),
        "minutes": 2.3,
        "most": 5,
        "batch": 0.002,
        "quick": True,
    }
    return Plan(**{**short, **changes})


# --- the other end of a worker ---------------------------------------------------------------------


class Client:
    """A worker process, asked one thing at a time."""

    def __init__(self, key, python=sys.executable):
        environment = {name: value for name, value in os.environ.items() if name not in FORGOTTEN}
        environment.update(PEERS[key].environment, TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
        self.key = key
        self.calibrations = []
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def send(self, do, **request):
        """Ask, without waiting."""
        with suppress(BrokenPipeError):  # receive says so
            self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self.process.stdin.flush()

    def receive(self):
        """Wait for the answer."""
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"missing": "the process ended"}

    def ask(self, do, **request):
        self.send(do, **request)
        return self.receive()

    def reading(self, mode, calls):
        """Time some calls; None where the process has ended or the call failed."""
        return self.keep(self.ask("time", mode=mode, calls=calls))

    def keep(self, answer):
        """Turn an answer into a reading, and remember its calibrations."""
        if "missing" in answer:
            return None
        self.calibrations += [answer["before"], answer["after"]]
        return Reading(**answer)

    @property
    def usual(self):
        return usual_length(self.calibrations)

    def close(self):
        """End the process; there is nothing in it to keep."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()


def start_workers(plan, stack):
    """Start every peer at once.

    Returns
    -------
    clients : dict of str to Client
        Those that run.
    about : dict of str to dict
        For each peer its title, and its versions and threads or why it is missing.
    """
    clients = {key: Client(key) for key in plan.peers}
    about = _introductions(clients)
    absent = [key for key, answer in about.items() if answer.get("missing", "").endswith("not installed")]
    if plan.peer_python and absent:
        for key in absent:
            clients[key].close()
            clients[key] = Client(key, plan.peer_python)
        about.update(_introductions({key: clients[key] for key in absent}))
    for client in clients.values():
        stack.callback(client.close)
    running = {key: client for key, client in clients.items() if "missing" not in about[key]}
    return running, {key: {"title": PEERS[key].title, **answer} for key, answer in about.items()}


def _introductions(clients):
    for client in clients.values():
        client.send("about")
    return {key: client.receive() for key, client in clients.items()}


# --- data ---------------------------------------------------------------------------------------------


class Store:
    """Arrays drawn once, in files that all workers read; one size and type at a time."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.key = None

    def files(self, case, size, dtype):
        """Return the files of labels and predictions of a unit."""
        if self.key != (size, dtype):
            for old in self.folder.iterdir():
                old.unlink()
            self.key = (size, dtype)
        shape = case.shape(size)
        name = f"{case.draw.__name__}-{'x'.join(map(str, shape))}"
        files = [self.folder / f"{name}-{part}.npy" for part in ("true", "pred")]
        if not files[0].exists():
            for file, array in zip(files, case.data(shape, dtype), strict=True):
                np.save(file, array)
        return [str(file) for file in files]


# --- one unit -----------------------------------------------------------------------------------------


@dataclass
class Unit:
    """The readings of one loss at one size and type, by mode and peer."""

    case: object
    size: str
    dtype: str
    prepared: dict
    missing: dict = field(default_factory=lambda: {mode: {} for mode in MODES})
    readings: dict = field(default_factory=lambda: {mode: {} for mode in MODES})
    rounds: int = 0

    def cells(self, clients):
        """Return a dictionary for each mode, as it goes into the results."""
        return [self.cell(mode, clients) for mode in MODES if self.readings[mode]]

    def cell(self, mode, clients):
        read = {key: one for key, one in self.readings[mode].items() if any(one)}
        seconds = {key: rounded(typical_seconds(one, clients[key].usual)) for key, one in read.items()}
        ratios, kept, noisy = {}, {}, []
        for ours in (key for key in OURS if key in read):
            ratios[ours] = {}
            for key in (key for key in THEIRS if key in read):
                summary = compare(read[ours], read[key], clients[ours].usual, clients[key].usual)
                if summary is None:
                    continue
                ratios[ours][key] = rounded(summary.ratio)
                kept[key] = min(summary.kept, kept.get(key, summary.kept))
                noisy += [key] if summary.disturbed and key not in noisy else []
        return {
            "loss": self.case.label,
            "size": self.size,
            "shape": list(self.case.shape(self.size)),
            "dtype": self.dtype,
            "mode": mode,
            "seconds": seconds,
            "ratios": ratios,
            "rounds": self.rounds,
            "kept": kept,
            "disturbed": noisy,
            "missing": self.missing[mode],
        }


def prepare(unit, clients, files):
    """Let all peers build and try their calls at the same time; leave out who disagrees with us."""
    for client in clients.values():
        client.send("prepare", label=unit.case.label, files=files)
    answers = {key: client.receive() for key, client in clients.items()}
    for mode in MODES:
        ours = answers.get("lossbook", {}).get(mode, {})
        for key, answer in answers.items():
            found = answer if "missing" in answer else answer[mode]
            problem = found.get("missing") or disagreement(ours, found)
            if problem:
                unit.missing[mode][key] = problem
            else:
                unit.prepared[mode, key] = found["seconds"]
                unit.readings[mode][key] = []


def disagreement(ours, theirs):
    """Say how another peer's result differs from ours; an empty string where it is the same.

    Examples
    --------
    >>> disagreement({"value": 1.0}, {"value": 1.0001}), disagreement({"value": 1.0}, {"value": 2.0})
    ('', 'another value: 2 where lossbook has 1')
    """
    for part in ("value", "slope"):
        if part in ours and part in theirs:
            gap = abs(ours[part] - theirs[part])
            if not gap <= AGREE * max(abs(ours[part]), abs(theirs[part])) + 1e-6:
                return f"another {part}: {theirs[part]:.6g} where lossbook has {ours[part]:.6g}"
    return ""


def one_round(unit, clients, batch):
    """Time every peer once, in another order each time."""
    turns = [(mode, key) for key in clients for mode in MODES if (mode, key) in unit.prepared]
    start = unit.rounds % len(clients) * len(MODES)
    for mode, key in turns[start:] + turns[:start]:
        seconds = unit.prepared[mode, key]
        sits_out = seconds > SLOW and unit.rounds >= SLOW_ROUNDS
        reading = None if sits_out else clients[key].reading(mode, calls_for(seconds, batch))
        if reading:
            unit.prepared[mode, key] = reading.seconds  # the first estimate was made with all at work
        unit.readings[mode][key].append(reading)
        sleep(PAUSE)
    unit.rounds += 1


def measure_unit(unit, clients, files, plan, until):
    """Prepare a unit, then make its rounds."""
    prepare(unit, clients, files)
    measure_rounds(unit, clients, plan, until)


def measure_rounds(unit, clients, plan, until):
    """Make rounds until the time is up: at least `plan.least`, at most `plan.most`."""
    while unit.prepared and unit.rounds < plan.most:
        start = monotonic()
        one_round(unit, clients, plan.batch)
        ends_late = monotonic() + (monotonic() - start) > until
        if unit.rounds >= plan.least and ends_late:
            break


# --- memory -------------------------------------------------------------------------------------------


def memory_row(unit, clients, rounds):
    """Hold a prepared unit against the time it takes to read its two arrays.

    Returns
    -------
    row : dict
        Ours by how many times the read limit a value takes, and everyone's peak of a call.
    limits : list of float
        Seconds for each reading of :data:`READ_NUMBERS` numbers.
    """
    shape = unit.case.shape(unit.size)
    share = 2 * np.prod(shape) / READ_NUMBERS
    row = {"loss": unit.case.label, "shape": list(shape), "read_multiple": {}, "peak_bytes": {}}
    limits = []
    for key in (key for mode, key in unit.prepared if mode == "value" and key in OURS):
        multiples = []
        for _ in range(rounds):
            limit = clients["lossbook"].keep(clients["lossbook"].ask("read_limit"))
            reading = clients[key].reading("value", 1)
            limits.append(limit.seconds)
            multiples.append(reading.seconds / (share * limit.seconds))
        row["read_multiple"][key] = rounded(median(multiples))
    for mode, key in unit.prepared:
        row["peak_bytes"].setdefault(mode, {})[key] = clients[key].ask("peak", mode=mode).get("bytes")
    return row, limits


READ_NUMBERS = 20_000_000
"""Numbers that one reading of the worker's two arrays reads."""


# --- the machine ---------------------------------------------------------------------------------------


def machine():
    """Describe the machine, without its name and without paths."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "vectors": _vector_sets(),
        "caches": _caches(),
        "memory_gb": _memory(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _proc(path):
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _cpu_model():
    found = re.search(r"^model name\s*: (.+)$", _proc("/proc/cpuinfo"), re.MULTILINE)
    if found is None and platform.system() == "Darwin":
        run = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True)
        return run.stdout.strip()
    return found[1].strip() if found else platform.processor() or platform.machine()


def _vector_sets():
    flags = re.search(r"^flags\s*: (.+)$", _proc("/proc/cpuinfo"), re.MULTILINE)
    known = {"avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}
    return next((name for flag, name in known.items() if flags and flag in flags[1].split()), "")


def _caches():
    """Return the size of each cache of the first core by its level, such as ``{"L2": "512K"}``."""
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (_proc(index / name).strip() for name in ("level", "type", "size"))
        if kind != "Instruction" and size:
            found[f"L{level}"] = size
    return found


def _memory():
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
    except (ValueError, OSError, AttributeError):
        return None


class Load:
    """How much of the processors other programs take from here on."""

    def __init__(self):
        self.start = self.now()

    @staticmethod
    def now():
        """Return seconds: of the clock, of all that ran, and of this process with its ended children."""
        fields = _proc("/proc/stat").partition("\n")[0].split()[1:9]  # user, nice, system, idle, waiting, …
        ticks = [int(field) for field in fields]
        busy = (sum(ticks) - sum(ticks[3:5])) / os.sysconf("SC_CLK_TCK") if ticks else None
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return monotonic(), busy, sum(one.ru_utime + one.ru_stime for one in own)

    def of_others(self):
        """Return the share of the processors' time that went to other programs; None where unknown."""
        clock, busy, own = self.now()
        if busy is None:
            return None
        others = (busy - self.start[1]) - (own - self.start[2])
        return round(max(0.0, others / ((clock - self.start[0]) * os.cpu_count())), 3)


# --- the whole ------------------------------------------------------------------------------------------


def run(plan, progress):
    """Measure a plan.

    Parameters
    ----------
    plan : Plan
    progress : callable
        ``progress(done, total, text)`` is called before each step.

    Returns
    -------
    dict
        The results, ready for JSON.
    """
    began = monotonic()
    load = Load()
    with ExitStack() as stack:
        store = Store(stack.enter_context(tempfile.TemporaryDirectory()))
        progress(0, 1, "starting the peers")
        clients, about = start_workers(plan, stack)
        found = measure_all(plan, clients, store, began, progress)
    return {  # the workers have ended: their time is known
        "quick": plan.quick,
        "minutes": round((monotonic() - began) / 60, 1),
        "others": load.of_others(),
        "lossbook": lossbook.__version__,
        "machine": machine(),
        "peers": about,
        **found,
    }


def measure_all(plan, clients, store, began, progress):
    """Measure every unit, and the memory at the largest size; return that part of the results."""
    cells, skipped, rows, limits = [], [], [], []
    units = list(plan.units)
    if LARGEST not in plan.sizes:  # for the memory alone
        units = [(LARGEST, "float32", label) for label in plan.labels] + units
    ours = {key: client for key, client in clients.items() if key in OURS}
    for done, (size, dtype, label) in enumerate(units):
        progress(done, len(units), f"{size} {dtype} · {label}")
        left = began + 60 * plan.minutes - monotonic()
        if left < -GRACE * 60 * plan.minutes:
            skipped.append([label, size, dtype])
            continue
        unit = Unit(CASES[label], size, dtype, {})
        files = store.files(unit.case, size, dtype)
        if size in plan.sizes:
            measure_unit(unit, clients, files, plan, monotonic() + left / (len(units) - done))
            cells += unit.cells(clients)
        else:
            prepare(unit, ours, files)
        if (size, dtype) == (LARGEST, "float32"):
            row, seconds = memory_row(unit, clients, plan.least)
            rows.append(row)
            limits += seconds
    progress(len(units), len(units), "done")
    speed = rounded(4e-9 * READ_NUMBERS / median(limits)) if limits else None
    return {"memory": {"read_gb_per_s": speed, "losses": rows}, "cells": cells, "skipped": skipped}


def rounded(number):
    """Keep four digits: what is measured has no more.

    Examples
    --------
    >>> rounded(0.000123456)
    0.0001235
    """
    return float(f"{number:.4g}")
