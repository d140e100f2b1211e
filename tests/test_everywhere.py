"""The settings of ``make everywhere``: what each machine has, and a failure that is counted."""

import pytest
from conftest import ROOT
from everywhere import WITHOUT_NUMBERS, numeric, run, settings

NEW, OLD = ["X86_V3", "X86_V4", "AVX512_ICL"], ["SSE42", "AVX2", "FMA3", "AVX512F", "AVX512_SKX"]


@pytest.mark.parametrize("found, beyond", [(NEW, NEW[1:]), (OLD, OLD[3:])], ids=["2.4", "before 2.4"])
def test_the_dispatch_is_cut_by_the_names_that_numpy_found(found, beyond):
    possible = settings(found, 2, "x86_64")
    assert possible["lowest"]["NPY_DISABLE_CPU_FEATURES"].split() == found
    assert possible["v3"]["NPY_DISABLE_CPU_FEATURES"].split() == beyond
    assert possible["whole"] == {}
    assert not [name for name, setting in possible.items() if isinstance(setting, str)]


def test_what_a_machine_lacks_is_said_and_not_run():
    assert settings(["X86_V3"], 1, "x86_64")["v3"] == "NumPy finds nothing beyond X86_V3"
    assert settings([], 1, "x86_64")["lowest"] == "NumPy finds nothing beyond its baseline"
    assert settings(["ASIMDHP"], 1, "aarch64")["lowest"] == "this is aarch64"
    assert settings(NEW, 1, "x86_64")["two-threads"] == "this machine has one core"


def test_what_is_left_out_exists_and_the_notebooks_are_in():
    modules = {path.stem.removeprefix("test_") for path in (ROOT / "tests").glob("test_*.py")}
    assert set(WITHOUT_NUMBERS) <= modules
    assert numeric()[0] == "notebooks" and "tests/test_losses.py" in numeric()


@pytest.mark.slow
def test_a_failure_under_a_setting_is_counted(tmp_path):
    path = tmp_path / "test_setting.py"
    path.write_text(
        "import os\ndef test_a(): pass\ndef test_b(): assert 'LOSSBOOK_ONEDNN' not in os.environ\n"
    )
    assert run({}, 1, [str(path)]) == (2, [])
    count, failed = run({"LOSSBOOK_ONEDNN": "1"}, 1, [str(path)])
    assert count == 2 and len(failed) == 1 and failed[0].endswith("test_b")
