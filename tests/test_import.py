"""`import lossbook` is light, and the name of a tool is always its function, whatever was imported when."""

import subprocess
import sys

TOOLS = [
    "lossbook.tools.compare",
    "lossbook.tools.engines",
    "lossbook.tools.explain",
    "lossbook.tools.render",
]
HEAVY = ["matplotlib", "altair", "tensorflow", "keras", "tokenize", "concurrent.futures", *TOOLS]
HEAVY += ["tf_keras", "torch", "jax", "pandas", "IPython", "ml_dtypes"]


def run(code):
    """Run code in a fresh Python and return what it printed."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


def test_import_loads_nothing_but_numpy_and_the_losses():
    code = f"""
import sys, numpy
before = set(sys.modules)
import lossbook
print([name for name in {HEAVY} if name in sys.modules and name not in before])"""
    assert run(code) == "[]"


def test_the_tools_at_the_top_are_those_of_the_modules():
    code = """
import lossbook, lossbook.tools.explain, lossbook.tools.compare, types
from lossbook import *
for name in ("compare", "explain", "explore", "formula", "numeric_gradient", "outcomes", "source"):
    assert isinstance(getattr(lossbook, name), types.FunctionType), name
for name in ("engines", "plots", "render"):
    assert isinstance(getattr(lossbook, name), types.ModuleType), name
assert explain is lossbook.explain is lossbook.tools.explain.explain
assert {"explain", "compare", "huber"} <= set(dir(lossbook))
print(lossbook.explain(lossbook.huber, [[0.0]], [[1.0]]).value)"""
    assert run(code) == "[0.5]"


def test_a_name_that_is_not_there():
    assert "has no attribute 'explian'" in run(
        "import lossbook\ntry: lossbook.explian\nexcept AttributeError as e: print(e)"
    )
