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
    """Push a slider by keyboard to one end, a little on, and to the other end; say whether the plot stayed.

    It is put back afterwards: the sliders of a chart are tried one at a time.
    """
    first = slider.input_value()
    slider.focus()
    seen = set()
    for keys in (["Home"], ["ArrowRight"] * 3, ["End"]):
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_timeout(60)
        seen.add(drawn())
    slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input', {bubbles: true})); }", first)
    page.wait_for_timeout(60)
    return len(seen) == 1
