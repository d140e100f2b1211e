"""Every loss and slope within 4 units in the last place of the exact number (one within 6), on a few samples.

``python -m benchmarks.accuracy`` measures more of them, and Keras; its table says what an error is counted in.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import accuracy, exact  # noqa: E402
from lossbook import CATALOGUE  # noqa: E402


@pytest.mark.parametrize("row", accuracy.ROWS, ids=[row.label for row in accuracy.ROWS])
def test_error_is_within_the_bound(row):
    result = accuracy.measure(row, points=40, seed=1, keras=False)
    assert result.value <= row.bound
    assert result.slope <= row.bound


def test_every_loss_is_measured():
    assert {row.name for row in accuracy.ROWS} == set(CATALOGUE)
    with_logits = {row.name for row in accuracy.ROWS if row.settings.get("from_logits")}
    assert with_logits == {name for name, spec in CATALOGUE.items() if "from_logits" in spec.parameters}


def test_an_error_of_one_ulp_counts_as_one():
    two = [exact.mpf(2)]
    assert accuracy.errors_in_ulp(np.nextafter(2.0, 3.0), two, two) == 1.0
    assert accuracy.errors_in_ulp(2.0, two, two) == 0.0
    assert np.isnan(accuracy.errors_in_ulp(np.nan, two, two))


def test_the_page_holds_the_table_of_every_row():
    text = accuracy.PAGE.read_text(encoding="utf-8")
    for row in accuracy.ROWS:
        assert f"| {row.label} " in text
    for unit in accuracy.UNITS:
        assert f"- *{unit}*: " in text
