"""A browser for the tests of the site and of JupyterLab, and a hand for its sliders."""

import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason=f"no browser: none of {', '.join(BROWSERS)} is installed"
)


def plot_of(chart):
    """Return what a chart has drawn: the markup of its picture."""
    return chart.locator("svg.marks").first.inner_html()


def move(page, slider, drawn):
    """Push a slider to one end and to the other by keyboard; return whether the plot stayed the same."""
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(60)
    low = drawn()
    page.keyboard.press("End")
    page.wait_for_timeout(60)
    return drawn() == low
