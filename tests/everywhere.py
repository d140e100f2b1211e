"""Run the notebooks and the numeric tests under every setting of this machine: a table of failures.

    python tests/everywhere.py [--only lowest whole …] [--jobs 2] [-- what pytest takes …]

A processor adds in the order, and with the ``exp``, that its widest instructions give. So NumPy runs
here with its dispatch cut to x86-64-v2 (and OpenBLAS and oneDNN to what such a processor has), cut to
v3, and whole; TensorFlow runs with oneDNN off and on, and with one thread and two. Before a setting's
tests start, a process of its own shows that the setting took effect. The exit status is the number
of settings with a failure.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
WITHOUT_NUMBERS = """agreement api bad_input bench chapters everywhere frame import lab plots prose
reference site terms twins""".split()  # tests of texts, files and pages: no processor changes them
PROBE = """
import glob, json
import numpy
found = numpy.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
from lossbook.tools.engines import tf
from tensorflow.python.util import _pywrap_util_port
tf.matmul(tf.ones((9, 9)), tf.ones((9, 9)))
names = [open(path).read() for path in glob.glob("/proc/self/task/*/comm")]
threads = sum(name.startswith("tf_Compute") for name in names) if names else None
print(json.dumps({"found": found, "onednn": bool(_pywrap_util_port.IsMklEnabled()), "threads": threads}))
"""
BEYOND_V3 = re.compile(r"X86_V4|AVX512")  # NumPy's names; before 2.4 each instruction set is one


def dispatched() -> list[str]:
    """Return the features beyond its baseline that NumPy finds in this machine."""
    code = 'import json, numpy; print(json.dumps(numpy.show_config(mode="dicts")["SIMD Extensions"]))'
    plain = {key: value for key, value in os.environ.items() if key != "NPY_DISABLE_CPU_FEATURES"}
    run = subprocess.run([sys.executable, "-c", code], env=plain, capture_output=True, text=True, check=True)
    return json.loads(run.stdout).get("found", [])


def settings(found: list[str], cores: int, machine: str) -> dict[str, dict[str, str] | str]:
    """Return the environment of each setting, or why this machine does not have it."""
    wide = [name for name in found if BEYOND_V3.match(name)]
    no_x86 = "" if machine in ("x86_64", "AMD64") else f"this is {machine}"
    return {
        "lowest": no_x86
        or (not found and "NumPy finds nothing beyond its baseline")
        or {
            "NPY_DISABLE_CPU_FEATURES": " ".join(found),
            "OPENBLAS_CORETYPE": "Nehalem",
            "ONEDNN_MAX_CPU_ISA": "SSE41",
        },
        "v3": no_x86
        or (not wide and "NumPy finds nothing beyond X86_V3")
        or {
            "NPY_DISABLE_CPU_FEATURES": " ".join(wide),
            "OPENBLAS_CORETYPE": "Haswell",
            "ONEDNN_MAX_CPU_ISA": "AVX2",
        },
        "whole": {},
        "onednn": {"TF_ENABLE_ONEDNN_OPTS": "1", "LOSSBOOK_ONEDNN": "1"},
        "one-thread": threads(1),
        "two-threads": threads(2) if cores > 1 else "this machine has one core",
    }


def threads(count: int) -> dict[str, str]:
    """Return what keeps NumPy's BLAS and TensorFlow to a number of threads."""
    names = ("OMP_NUM", "OPENBLAS_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")
    return {f"{name}_THREADS": str(count) for name in names}


def environment(setting: dict[str, str]) -> dict[str, str]:
    """Return this process's environment with a setting in place of what it had of the kind."""
    plain = dict(os.environ)
    for name in ("NPY_DISABLE_CPU_FEATURES", "OPENBLAS_CORETYPE", "ONEDNN_MAX_CPU_ISA", "LOSSBOOK_ONEDNN"):
        plain.pop(name, None)
    path = os.pathsep.join(filter(None, [str(ROOT), plain.get("PYTHONPATH")]))
    return {**plain, "TF_ENABLE_ONEDNN_OPTS": "0", "PYTHONPATH": path, **setting}


def check(setting: dict[str, str]) -> None:
    """Stop where a setting did not take effect."""
    run = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment(setting), capture_output=True, text=True, check=True
    )
    seen = json.loads(run.stdout.splitlines()[-1])
    left = set(setting.get("NPY_DISABLE_CPU_FEATURES", "").split()) & set(seen["found"])
    wanted = int(setting.get("TF_NUM_INTEROP_THREADS", seen["threads"] or 0))
    more = seen["threads"] is not None and seen["threads"] != wanted  # where the system tells
    if left or more or seen["onednn"] is not ("LOSSBOOK_ONEDNN" in setting):
        sys.exit(f"the setting {setting} did not take effect: {seen}")


def numeric() -> list[str]:
    """Return what is run: every notebook, and every test module in which numbers are computed."""
    modules = [p for p in sorted((ROOT / "tests").glob("test_*.py")) if p.stem[5:] not in WITHOUT_NUMBERS]
    return ["notebooks", *(p.relative_to(ROOT).as_posix() for p in modules)]


def run(setting: dict[str, str], jobs: int, what: list[str]) -> tuple[int, list[str]]:
    """Run pytest under a setting; return how many tests there were, and which failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        parallel = ["-n", str(jobs), "--dist", "loadfile"] if jobs > 1 else []
        quiet = ["-q", "--no-header", "-p", "no:cacheprovider", f"--junitxml={report}"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *quiet, *parallel, *what],
            cwd=ROOT,
            env=environment(setting),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode not in (0, 1):
            sys.exit(f"pytest ended with {done.returncode}:\n{done.stdout[-3000:]}")
        cases = list(ElementTree.parse(report).iter("testcase"))
    red = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    failed = [f"{case.get('classname')}::{case.get('name')}" for case in red]
    if bool(failed) is not bool(done.returncode):
        sys.exit(f"pytest ended with {done.returncode} and {len(failed)} failures:\n{done.stdout[-3000:]}")
    for case in red:
        reason = (case.find("failure") if case.find("failure") is not None else case.find("error")).text
        print(f"--- {case.get('classname')}::{case.get('name')}\n{reason[:1500]}", file=sys.stderr)
    return len(cases), failed


def main() -> int:
    """Run the chosen settings one after the other, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    possible = settings(dispatched(), os.cpu_count() or 1, platform.machine())
    parser.add_argument("--only", nargs="+", choices=possible, default=list(possible), help="settings to run")
    parser.add_argument("--jobs", type=int, default=2, help="tests at a time")
    parser.add_argument("what", nargs="*", help="paths, instead of all notebooks and numeric tests")
    options = parser.parse_args()
    lines, red = [], 0
    for name in options.only:
        setting = possible[name]
        if isinstance(setting, str):
            lines.append((name, "–", "–", "–", f"not run: {setting}"))
            continue
        check(setting)
        start = time.monotonic()
        count, failed = run(setting, options.jobs, options.what or numeric())
        if not count:
            sys.exit("no test was found")
        red += bool(failed)
        words = " ".join(f"{key}={value}" for key, value in setting.items()) or "as it is"
        minutes = f"{(time.monotonic() - start) / 60:.1f}"
        lines.append((name, str(count), str(len(failed)), minutes, words))
        print(f"{name}: {count} tests, {len(failed)} failed, {minutes} minutes", flush=True)
    print()
    head = ("setting", "tests", "failures", "minutes", "how")
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(4)]
    for line in [head, *lines]:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[4], sep="  "
        )
    return red


if __name__ == "__main__":
    sys.exit(main())
