"""What every test run shares."""

from random_cases import counted, pytest_terminal_summary  # noqa: F401
