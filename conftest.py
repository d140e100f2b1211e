"""What every test run shares: the kernels' environment, and how outputs and figures are compared."""

from __future__ import annotations

import base64
import binascii
import io
import os
from pathlib import Path

import numpy as np
import pytest
from agreement import settle
from random_cases import (  # noqa: F401  (a fixture and hooks)
    counted,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_ignore_collect,
    pytest_terminal_summary,
)
from sync import KERNEL_ENV

from lossbook.blocks import can_compile
from lossbook.tools.explore import MIMES

ROOT = Path(__file__).resolve().parent
collect_ignore_glob = ["notebooks/*/*.py"]  # modules that pages import: TensorFlow is loaded there, not here
if not can_compile():
    collect_ignore_glob.append("lossbook/compiled/*.py")  # modules that need Numba
for name, value in KERNEL_ENV.items():
    os.environ.setdefault(name, value)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

# Two figures, each pixel from 0 to 1. One version of Matplotlib draws alike on any processor, up to the
# shade of an edge; a line that moved by its own width leaves pixels that differ by more than SHADE.
PIXEL_GAP = 0.01  # the largest mean difference
SHADE, SHARE = 0.25, 1e-4  # how many pixels may differ by more than that


def pixels(encoded: str) -> np.ndarray | None:
    """Decode a stored PNG into numbers from 0 to 1; None where it is not one."""
    from matplotlib.image import imread

    try:
        return imread(io.BytesIO(base64.b64decode(encoded)), format="png")
    except (binascii.Error, OSError, SyntaxError, ValueError):
        return None


def figures_differ(stored: list, computed: list) -> str:
    """Say how two lists of outputs differ in their figures; an empty string where they do not.

    The still beside a chart is no figure: it is drawn from the chart's data, which are compared.
    """
    old, new = (
        [
            o["data"]["image/png"]
            for o in outs
            if "image/png" in o.get("data", {}) and not {*MIMES} & {*o["data"]}
        ]
        for outs in (stored, computed)
    )
    if len(old) != len(new):
        return f"{len(old)} figures are stored, {len(new)} were drawn"
    for number, (a, b) in enumerate(zip(old, new, strict=True)):
        if a.strip() == b.strip():
            continue
        first, second = pixels(a), pixels(b)
        if first is None or second is None:
            return f"figure {number} cannot be read"
        if first.shape != second.shape:
            return f"figure {number}: {first.shape} is stored, {second.shape} was drawn"
        gaps = np.abs(first.astype(float) - second.astype(float))
        if gaps.mean() > PIXEL_GAP:
            return f"figure {number} differs by {gaps.mean():.3f} a pixel, {PIXEL_GAP} is allowed"
        share = (gaps > SHADE).any(axis=-1).mean()
        if share > SHARE:
            return f"figure {number} differs in {share:.2%} of its pixels, {SHARE:.2%} is allowed"
    return ""


def compare_as_agreed() -> None:
    """Make nbval compare outputs by tests/agreement.py, and figures, which it leaves out by itself."""
    from nbval.plugin import IPyNbCell

    plain = IPyNbCell.compare_outputs

    def compare_outputs(self, test, ref, skip_compare=None):
        settled, reasons = settle(ref, test)
        if not plain(self, settled, ref, skip_compare):
            self.comparison_traceback[:0] = reasons
            return False
        difference = figures_differ(ref, test)
        if difference:
            self.comparison_traceback.append(difference)
        return not difference

    if not getattr(plain, "as_agreed", False):
        compare_outputs.as_agreed = True
        IPyNbCell.compare_outputs = compare_outputs


compare_as_agreed()


@pytest.fixture(scope="module")
def browser():
    """Start Chromium, for the tests of one module."""
    from browsing import BROWSER, FLAGS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS, headless=True)
        yield chromium
        chromium.close()
