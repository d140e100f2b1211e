"""Random cases by the thousand: the same ones on every run, counted, and reported at the end.

``conftest.py`` imports the two names that pytest looks for there: the fixture
``counted`` and the hook ``pytest_terminal_summary``.
"""

import functools

import pytest
from hypothesis import HealthCheck, given, settings

COUNTED = "random cases"  # under this name a test's number of cases travels in its report
_ran = 0


def random_cases(number, **strategies):
    """Run a test on that many random cases: the same on every run, without a deadline."""

    def decorate(test):
        @settings(
            max_examples=number,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
        )
        @given(**strategies)
        @functools.wraps(test)
        def run(*args, **kwargs):
            global _ran
            _ran += 1
            test(*args, **kwargs)

        return run

    return decorate


@pytest.fixture(autouse=True)
def counted(record_property):
    """Write down how many cases the test ran; the report takes it along, from xdist's workers too."""
    before = _ran
    yield
    if _ran > before:
        record_property(COUNTED, _ran - before)


def pytest_terminal_summary(terminalreporter):
    """Print the sum over all tests, once, where the reports come together."""
    reports = [
        r for some in terminalreporter.stats.values() for r in some if getattr(r, "when", "") == "teardown"
    ]
    total = sum(count for report in reports for name, count in report.user_properties if name == COUNTED)
    if total:
        terminalreporter.write_line(f"{total} random cases ran")
