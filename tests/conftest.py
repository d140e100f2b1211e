"""What every test run shares: the kernels' environment, and figures compared by their pixels."""

from __future__ import annotations

import base64
import binascii
import io
import os
import sys
from pathlib import Path

import numpy as np
from random_cases import (  # noqa: F401  (a fixture and hooks)
    counted,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_report_header,
    pytest_terminal_summary,
)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book"))

from sync import KERNEL_ENV  # noqa: E402

for name, value in KERNEL_ENV.items():
    os.environ.setdefault(name, value)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

PIXEL_GAP = 0.01  # the largest mean difference of two figures, each pixel from 0 to 1


def pixels(encoded: str) -> np.ndarray | None:
    """Decode a stored PNG into numbers from 0 to 1; None where it is not one."""
    from matplotlib.image import imread

    try:
        return imread(io.BytesIO(base64.b64decode(encoded)), format="png")
    except (binascii.Error, OSError, SyntaxError, ValueError):
        return None


def figures_differ(stored: list, computed: list) -> str:
    """Say how two lists of outputs differ in their figures; an empty string where they do not."""
    old, new = (
        [o["data"]["image/png"] for o in outs if "image/png" in o.get("data", {})]
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
        gap = float(np.abs(first.astype(float) - second.astype(float)).mean())
        if gap > PIXEL_GAP:
            return f"figure {number} differs by {gap:.3f} a pixel, {PIXEL_GAP} is allowed"
    return ""


def compare_figures_too() -> None:
    """Make nbval compare figures: by itself it leaves out every PNG."""
    from nbval.plugin import IPyNbCell

    plain = IPyNbCell.compare_outputs

    def compare_outputs(self, test, ref, skip_compare=None):
        if not plain(self, test, ref, skip_compare):
            return False
        difference = figures_differ(ref, test)
        if difference:
            self.comparison_traceback.append(difference)
        return not difference

    if not getattr(plain, "with_figures", False):
        compare_outputs.with_figures = True
        IPyNbCell.compare_outputs = compare_outputs


compare_figures_too()
