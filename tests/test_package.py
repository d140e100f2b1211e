"""What others install: a wheel and an sdist, complete, and working with NumPy alone; names that editors know."""

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import jedi
import numpy
import pytest
from conftest import ROOT

import lossbook
from lossbook import CATALOGUE

SOURCES = sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "lossbook").rglob("*.py"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with a wheel and an sdist, built from a copy of the tree."""
    copy = tmp_path_factory.mktemp("tree") / "lossbook"
    left_out = shutil.ignore_patterns(".*", "notebooks", "book/_build", "__pycache__", "*.egg-info", "build")
    shutil.copytree(ROOT, copy, ignore=left_out)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", copy / "dist", copy)
    return copy / "dist"


def run(*command, **options):
    """Run a command, and return what it printed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_wheel_and_sdist_hold_every_module_and_the_mark_of_types(built):
    wheel = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        sdist = [name.partition("/")[2] for name in archive.getnames()]
    for source in [*SOURCES, "lossbook/py.typed"]:
        assert source in wheel and source in sdist, source
    assert not [name for name in wheel if not name.startswith(("lossbook/", "lossbook-"))]


USE = """
import sys, numpy as np, lossbook
assert {home!r} in lossbook.__file__, lossbook.__file__
y_true, y_pred = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.25, 0.75], [0.5, 0.5]])
special = {{"sparse_categorical_crossentropy": [1, 0], "categorical_generalized_cross_entropy": [1, 0],
           "circle": [0, 0], "ctc": [[1], [1]]}}
done = 0
for name, spec in lossbook.CATALOGUE.items():
    labels, guess = special.get(name, y_true), y_pred[:, np.newaxis] if name == "ctc" else y_pred
    loss = spec.cls(q=0.5) if name == "categorical_generalized_cross_entropy" else spec.cls()
    value, slope = loss.value_and_gradient(labels, guess)
    assert np.isfinite(value) and slope.shape == guess.shape, name
    shown = lossbook.explain(loss, labels, guess).value
    assert type(shown) is type(value) and np.isclose(shown, value, rtol=1e-14, atol=0), name
    done += 1
for call in (lambda: lossbook.compare("huber", y_true, y_pred), lambda: lossbook.explore(lossbook.huber, (0, 1, 1)),
             lambda: lossbook.plots.house_style()):
    try:
        print(call())
    except ImportError as problem:
        assert "pip install" in str(problem), problem
heavy = {{"tensorflow", "keras", "matplotlib", "altair", "scipy", "pandas"}} & set(sys.modules)
print(done, heavy or "nothing else")
"""


def test_the_wheel_works_with_numpy_alone(built, tmp_path):
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "alone")
    home = next((tmp_path / "alone").rglob("site-packages"))
    zipfile.ZipFile(next(built.glob("*.whl"))).extractall(home)
    installed = Path(numpy.__file__).parent.parent
    for folder in ("numpy", "numpy.libs"):
        if (installed / folder).exists():
            (home / folder).symlink_to(installed / folder)
    python = next(p for p in (tmp_path / "alone").rglob("python*") if p.parent.name in ("bin", "Scripts"))
    said = run(python, "-c", USE.format(home="alone"), cwd=tmp_path, env={"PYTHONWARNINGS": "ignore"})
    assert said.splitlines()[-1] == f"{len(CATALOGUE)} nothing else"


# --- names that editors and type checkers know --------------------------------------------------


def test_an_editor_completes_names():
    def completed(code):
        return {found.name for found in jedi.Script(code, project=jedi.Project(ROOT)).complete()}

    assert {"huber", "huber_gradient"} <= completed("import lossbook\nlossbook.hub")
    assert "explain" in completed("import lossbook\nlossbook.expl")
    assert "gradient" in completed("import lossbook\nlossbook.Huber(delta=2.0).grad")


def test_the_names_at_the_top_are_literal_and_whole():
    for folder in ("lossbook", "lossbook/losses"):
        tree = ast.parse((ROOT / folder / "__init__.py").read_text(encoding="utf-8"))
        assert any(isinstance(node, ast.Assign) and node.targets[0].id == "__all__" for node in tree.body)
    wanted = set()
    for spec in CATALOGUE.values():
        wanted |= {spec.name, f"{spec.name}_gradient", spec.cls.__name__, *spec.aliases}
    assert wanted == set(lossbook.losses.__all__)
    assert wanted <= set(lossbook.__all__)
    for name in lossbook.__all__:
        getattr(lossbook, name)


@pytest.mark.slow
def test_the_public_surface_has_types(tmp_path):
    lines = ["import numpy as np", "import lossbook", "y = np.zeros((2, 2))"]
    for spec in CATALOGUE.values():
        lines += [f"lossbook.{spec.name}(y, y)", f"lossbook.{spec.name}_gradient(y, y)"]
        lines += [f"lossbook.{spec.cls.__name__}().value_and_gradient(y, y)[1].shape"]
    with_q = re.compile(r"(generalized_cross_entropy\w*)\(y, y\)")
    lines = [with_q.sub(r"\1(y, y, q=0.5)", line) for line in lines]
    lines += [
        "lossbook.explain(lossbook.huber, y, y).value",
        "lossbook.compare('huber', y, y).agrees()",
        "lossbook.numeric_gradient(lossbook.Huber(), y, y)",
        "lossbook.reduce_values(y, mask=[True, False])",
        "lossbook.get('mse')",
        "lossbook.softmax(lossbook.log_softmax(y))",
    ]
    (tmp_path / "use.py").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(tmp_path / "use.py")]
    command += ["--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert "Success" in done.stdout, done.stdout
