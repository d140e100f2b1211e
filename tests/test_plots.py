"""The figures: a palette for every eye, lines that show what the losses compute, and a light import."""

from __future__ import annotations

import itertools
import subprocess
import sys

import matplotlib
import numpy as np
import pytest

import lossbook
from lossbook import plots

matplotlib.use("Agg")

MISSES = np.arange(-60, 61) / 20
LOSSES = {"squared": lossbook.mse, "absolute": lossbook.mae, "Huber": lossbook.huber}
# What red-, green- and blue-blind readers see of linear RGB (Machado et al. 2009, severity 1).
SIGHT = {
    "full": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.fixture(autouse=True)
def fresh():
    """Leave matplotlib as it was."""
    import matplotlib.pyplot as plt

    with matplotlib.rc_context():
        yield
    plt.close("all")


def linear(colour):
    rgb = np.array(matplotlib.colors.to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lightness(colour):
    return linear(colour) @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    dark, light = sorted([lightness(one), lightness(other)])
    return (light + 0.05) / (dark + 0.05)


def lab(rgb):
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ratio = np.clip(to_xyz @ rgb, 0, None) / [0.9505, 1.0, 1.089]
    root = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@pytest.mark.parametrize("name", plots.PALETTE)
def test_colours_stand_out_on_paper_and_on_black(name):
    assert contrast(plots.PALETTE[name], "white") >= 3
    assert contrast(plots.PALETTE[name], "#17181a") >= 3


@pytest.mark.parametrize("sight", SIGHT)
def test_no_two_colours_look_alike(sight):
    seen = {name: lab(np.clip(SIGHT[sight] @ linear(c), 0, 1)) for name, c in plots.PALETTE.items()}
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= 10, f"{one} and {other} to {sight} sight"


def test_words_can_be_read():
    for colour in (plots.INK, plots.MUTED):
        assert contrast(colour, "white") >= 4.5


def test_lines_show_what_the_losses_compute():
    above, below = plots.loss_and_slope(LOSSES, MISSES, "m", "m²", "m")
    values = {line.get_label(): line.get_ydata() for line in above.lines}
    slopes = {line.get_label(): line.get_ydata() for line in below.lines}
    np.testing.assert_allclose(values["squared"], MISSES**2)
    np.testing.assert_allclose(values["absolute"], np.abs(MISSES))
    np.testing.assert_allclose(slopes["squared"], 2 * MISSES)
    np.testing.assert_allclose(slopes["Huber"], np.clip(MISSES, -1, 1))
    assert np.isnan(slopes["absolute"]).sum() == 2  # a gap on either side of 0
    dots = [line for line in below.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [(dot.get_xdata().tolist(), dot.get_ydata().tolist()) for dot in dots] == [([0.0], [0.0])]


def test_axes_carry_units():
    above, below = plots.loss_and_slope(LOSSES, MISSES, "m", "m²", "m")
    assert above.get_ylabel() == "loss (m²)"
    assert below.get_ylabel() == "slope (m)"
    assert below.get_xlabel().endswith("(m)")


def test_no_two_lines_differ_in_colour_alone():
    above, _ = plots.loss_and_slope(LOSSES, MISSES, "m", "m²", "m")
    named = [line for line in above.lines if not line.get_label().startswith("_")]
    assert len({str(line._dash_pattern) for line in named}) == len(named) == 3


def test_names_take_the_colour_of_their_lines():
    above, _ = plots.loss_and_slope(LOSSES, MISSES, "m", "m²", "m")
    line = above.lines[-1]
    plots.name_line(line, "Huber", at=(1, 1))
    plots.note(above, "kink", at=(0, 0), away=(10, 10))
    name, remark = above.texts
    assert (name.get_text(), name.get_color()) == ("Huber", line.get_color())
    assert (remark.get_text(), remark.get_color()) == ("kink", plots.INK)


@pytest.mark.parametrize(
    "losses, misses", [(LOSSES, MISSES[:19]), (dict.fromkeys("abcdef", lossbook.mse), MISSES)]
)
def test_too_little_or_too_much_is_refused(losses, misses):
    with pytest.raises(ValueError, match="Received .*; expected .*Split"):
        plots.loss_and_slope(losses, misses, "m", "m²", "m")


def test_the_style_holds_only_settings_that_exist():
    with matplotlib.rc_context():
        matplotlib.rcParams.update(plots.STYLE)
    assert plots.house_style().rcParams["axes.prop_cycle"].by_key()["color"] == list(plots.PALETTE.values())


def in_a_new_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_importing_loads_no_matplotlib():
    run = in_a_new_python("import sys, lossbook, lossbook.tools.plots; print('matplotlib' in sys.modules)")
    assert run.stdout == "False\n", run.stderr


def test_a_missing_matplotlib_is_one_sentence():
    run = in_a_new_python(
        "import sys; sys.modules['matplotlib'] = None\nfrom lossbook import plots\nplots.house_style()"
    )
    assert run.stderr.splitlines()[-1].startswith("ImportError: "), run.stderr
