"""Every loss and slope within 4 units in the last place of the exact number (a few within 6 or 12), on some samples.

``python tests/accuracy.py`` measures more of them, and Keras; its table says what an error is counted in.
"""

import inspect

import accuracy
import numpy as np
import pytest
from cases import FROM_LOGITS
from mpmath import mpf

from lossbook import CATALOGUE, arrays


@pytest.mark.parametrize("row", accuracy.ROWS, ids=[row.label for row in accuracy.ROWS])
def test_error_is_within_the_bound(row):
    result = accuracy.measure(row, points=40, seed=1, keras=False)
    assert result.value <= row.bound
    assert result.slope <= row.bound


TWO_WAYS = [row for row in accuracy.ROWS if "log_one_plus" in inspect.getsource(CATALOGUE[row.name].function)]


@pytest.mark.parametrize("row", TWO_WAYS, ids=[row.label for row in TWO_WAYS])
def test_error_is_within_the_bound_the_way_large_arrays_go(row, monkeypatch):
    monkeypatch.setattr(arrays, "FEW", 0)
    result = accuracy.measure(row, points=40, seed=2, keras=False)
    assert result.value <= row.bound
    assert result.slope <= row.bound


@pytest.mark.parametrize(("dtype", "ulps"), [("float32", 4), ("float64", 2)])
def test_log_one_plus_of_many_numbers(dtype, ulps):
    sizes = np.exp(np.linspace(-80, 80, 40_000))
    numbers = np.concatenate([sizes, -sizes[sizes < 1]]).astype(dtype)
    numbers = numbers[numbers > -1]
    exact = np.log1p(numbers.astype(np.longdouble))
    error = np.abs(arrays.log_one_plus(numbers) - exact) / np.spacing(np.abs(exact).astype(dtype))
    assert error.max() <= ulps
    ends = np.resize(np.array([0.0, -1.0, np.inf, np.nan], dtype), arrays.FEW)
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(arrays.log_one_plus(ends)[:4], [0.0, -np.inf, np.inf, np.nan])


def test_every_loss_is_measured():
    assert {row.name for row in accuracy.ROWS} == set(CATALOGUE)
    assert {row.name for row in accuracy.ROWS if row.settings.get("from_logits")} >= set(FROM_LOGITS)


def test_an_error_of_one_ulp_counts_as_one():
    two = [mpf(2)]
    assert accuracy.errors_in_ulp(np.nextafter(2.0, 3.0), two, two) == 1.0
    assert accuracy.errors_in_ulp(2.0, two, two) == 0.0
    assert np.isnan(accuracy.errors_in_ulp(np.nan, two, two))


def test_the_page_holds_the_table_of_every_row():
    text = accuracy.PAGE.read_text(encoding="utf-8")
    for row in accuracy.ROWS:
        assert f"| {row.label} " in text
    for unit in accuracy.UNITS:
        assert f"- *{unit}*: " in text
