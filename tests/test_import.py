"""`import lossbook` is light, and the name of a tool is always its function, whatever was imported when."""

import subprocess
import sys

import pytest

TOOLS = ["lossbook.compare", "lossbook.engines", "lossbook.explain", "lossbook.render"]
HEAVY = ["matplotlib", "altair", "tensorflow", "keras", "tokenize", "concurrent.futures", *TOOLS]


def run(code):
    """Run code in a fresh Python and return what it printed."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_import_loads_nothing_but_numpy_and_the_losses():
    code = f"""
import sys, numpy
before = set(sys.modules)
import lossbook
print([name for name in {HEAVY} if name in sys.modules and name not in before])"""
    assert run(code) == "[]"


@pytest.mark.parametrize(
    "first",
    [
        "import lossbook",
        "from lossbook import explain, compare",
        "import lossbook.explain, lossbook.compare",
        "import lossbook.compare",
        "from lossbook.explain import explain",
        "from lossbook.compare import compare; from lossbook.engines import get",
        "import importlib; importlib.import_module('lossbook.explain'); importlib.import_module('lossbook.compare')",
        "from lossbook import *",
        "import lossbook, pickle; pickle.loads(pickle.dumps(lossbook.explain))",
    ],
)
def test_the_name_of_a_tool_is_its_function(first):
    code = f"""
{first}
import lossbook, types
from lossbook import compare, explain
for _ in range(2):
    assert isinstance(lossbook.explain, types.FunctionType), lossbook.explain
    assert isinstance(lossbook.compare, types.FunctionType), lossbook.compare
    assert explain is lossbook.explain and compare is lossbook.compare
    from lossbook.explain import Explanation
    import lossbook.compare, lossbook.explain
assert isinstance(lossbook.engines, types.ModuleType) and isinstance(lossbook.render, types.ModuleType)
assert {{"explain", "compare", "huber"}} <= set(dir(lossbook))
print(lossbook.explain(lossbook.huber, [[0.0]], [[1.0]]).value)"""
    assert run(code) == "[0.5]"


def test_a_name_that_is_not_there():
    assert "has no attribute 'explian'" in run(
        "import lossbook\ntry: lossbook.explian\nexcept AttributeError as e: print(e)"
    )
