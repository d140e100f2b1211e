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


def move(page, slider, drawn, keys=("ArrowRight", "ArrowRight", "ArrowRight", "End"), patience=40):
    """Push a slider by keyboard to its lowest end, then on by the keys given; say whether the plot stayed.

    A busy machine may take up to `patience` times 30 ms to draw. The slider is put back
    afterwards: those of a chart are tried one at a time.
    """
    first = slider.input_value()
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(100)
    low, stuck = drawn(), True
    for key in keys:
        page.keyboard.press(key)
        for _ in range(patience if key == keys[-1] else 2):
            page.wait_for_timeout(30)
            stuck = stuck and drawn() == low
            if not stuck:
                break
    slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input', {bubbles: true})); }", first)
    page.wait_for_timeout(60)
    return stuck
