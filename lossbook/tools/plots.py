"""Figures in the book's style: one palette, one font, thin rules, names written on the lines.

Nothing here is loaded by ``import lossbook``, and matplotlib only by the first call.
"""

import contextlib
import logging
import sys

import numpy as np

__all__ = ["DASHES", "PALETTE", "STYLE", "house_style", "loss_and_slope", "name_line", "note"]

PALETTE = {
    "orange": "#d55e00",
    "blue": "#0072b2",
    "green": "#00936a",
    "purple": "#a0568f",
    "grey": "#707070",
}
"""Mid-tones that differ for colour-blind readers too, with a contrast of 3 to 1 on white and on black."""

DASHES = ("-", (0, (5, 1.6)), (0, (1.2, 1.4)), (0, (6, 1.6, 1.2, 1.6)))
"""Line patterns, in the order of the palette, since colour is never the only difference."""

INK = "#33312c"  # titles and names
MUTED = "#6a6357"  # ticks, axes, notes
RULE = "#e4dfd5"  # grid

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "white",
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10.0,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.0,
    "axes.titlecolor": INK,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100.0,
    "figure.facecolor": "white",
    "figure.figsize": (7.2, 3.8),
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
    "font.size": 10.0,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "savefig.facecolor": "white",  # a card on a dark page
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelsize": 9.5,
    "xtick.minor.visible": False,
    "ytick.color": MUTED,
    "ytick.labelsize": 9.5,
    "ytick.minor.visible": False,
}
"""The settings of matplotlib that make a figure look like the book's."""


def house_style():
    """Load matplotlib and give all figures from now on the look of the book.

    In Jupyter figures are also drawn at twice the resolution, at one fixed size.

    Returns
    -------
    module
        ``matplotlib.pyplot``.

    Raises
    ------
    ImportError
        If matplotlib is not installed: one sentence with the pip line that brings it.

    Examples
    --------
    >>> plt = house_style()
    >>> plt.rcParams["axes.grid"]
    True
    """
    plt = _pyplot()
    plt.rcParams.update(STYLE)
    plt.rcParams["axes.prop_cycle"] = plt.cycler(color=list(PALETTE.values()))
    if _in_kernel():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina", bbox_inches=None)
    return plt


def loss_and_slope(losses, places, unit, loss_unit, slope_unit, *, batch=None, along=None):
    """Draw losses against a prediction that moves, and below them their slopes.

    Where a slope jumps, the line has a gap, and a value that stands alone in it is a dot.

    Parameters
    ----------
    losses : dict of str to callable or Loss
        A name for the line, and a function of the catalogue (with its defaults) or an object
        of a class, such as ``lossbook.Huber(delta=2.0)``. At most five.
    places : array_like, shape (N,)
        Where the prediction stands, in `unit`, ascending; 20 or more.
    unit, loss_unit, slope_unit : str
        Units of the three axes, as written there; an empty string where there is none.
    batch : callable, optional
        ``batch(place)`` returns `y_true` and `y_pred`, and the slope is taken along the way
        `y_pred` moves. Without it, a target of 0 against the place: the place is the miss.
    along : str, optional
        What the place is, as written at the axis; needed with `batch`.

    Returns
    -------
    above, below : matplotlib.axes.Axes
        The losses and the slopes. Each line carries its name as its label.

    Raises
    ------
    ValueError
        If there are more losses than colours, fewer than 20 places, or `batch` without `along`.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import lossbook
    >>> above, below = loss_and_slope({"squared": lossbook.mse}, np.arange(-10, 11) / 10, "m", "m²", "m")
    >>> line = above.lines[-1]
    >>> line.get_label(), float(line.get_ydata()[0])
    ('squared', 1.0)
    """
    places = np.asarray(places, dtype=float)
    if len(losses) > len(PALETTE) or len(places) < 20:
        raise ValueError(
            f"Received {len(losses)} losses at {len(places)} misses; expected at most {len(PALETTE)} losses "
            "at 20 misses or more. Split the figure, or give more misses."
        )
    if batch is not None and along is None:
        raise ValueError("Received batch without along; expected what the place is. Name it: along='score'.")
    along = along or "miss: prediction minus target"
    batch = batch or (lambda place: ([[0.0]], [[place]]))
    plt = house_style()
    _, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(7.2, 6.2))
    for axes in (above, below):
        axes.axhline(0, color=MUTED, linewidth=0.8)
        if places[0] < 0 < places[-1]:
            axes.axvline(0, color=MUTED, linewidth=0.8)
    for (name, given), colour, dashes in zip(losses.items(), PALETTE.values(), DASHES * 2, strict=False):
        values, slopes, breaks = _values_and_slopes(given, batch, places)
        look = {"color": colour, "linestyle": dashes, "label": name}
        above.plot(places, values, **look)
        below.plot(*_with_gaps(places, slopes, breaks), **look)
        alone = _alone(breaks)
        below.plot(places[alone], slopes[alone], "o", color=colour, markersize=5)
    above.set_ylabel(f"loss ({loss_unit})" if loss_unit else "loss")
    below.set_ylabel(f"slope ({slope_unit})" if slope_unit else "slope")
    below.set_xlabel(f"{along} ({unit})" if unit else along)
    return above, below


def name_line(line, text, at, away=(0, 0), align="left"):
    """Write a name on a line, in the line's colour.

    Parameters
    ----------
    line : matplotlib.lines.Line2D
        The line.
    text : str
        Its name.
    at : tuple of float
        Where, in the units of the axes.
    away : tuple of float
        How far from there, in points: to the right, upwards.
    align : {'left', 'center', 'right'}
        Which part of the text stands there.
    """
    line.axes.annotate(
        text,
        xy=at,
        xytext=away,
        textcoords="offset points",
        color=line.get_color(),
        ha=align,
        va="center",
        fontweight="bold",
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
    )


def note(axes, text, at, away, align="left"):
    """Write a remark beside a point, and join the two with a thin line.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to write.
    text : str
        The remark.
    at : tuple of float
        The point, in the units of the axes.
    away : tuple of float
        How far from the point the text stands, in points: to the right, upwards.
    align : {'left', 'center', 'right'}
        Which part of the text stands there.
    """
    axes.annotate(
        text,
        xy=at,
        xytext=away,
        textcoords="offset points",
        color=INK,
        fontsize=9.0,
        ha=align,
        va="center",
        arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 3},
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
    )


# --- inside -------------------------------------------------------------------------------


def _pyplot():
    """Import pyplot, without what it may say about its font cache on its first day."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError as problem:
        if problem.name not in ("matplotlib", "matplotlib.pyplot"):
            raise
        raise ImportError("matplotlib is not installed: pip install matplotlib", name="matplotlib") from None
    finally:
        logger.setLevel(level)
    return plt


def _in_kernel():
    """Tell whether this is a Jupyter kernel, which shows figures by itself."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    with contextlib.suppress(ImportError):
        import matplotlib_inline  # noqa: F401

        return getattr(shell, "kernel", None) is not None
    return False


def _values_and_slopes(given, batch, places):
    """Return the losses and slopes along the places, and where the slope jumps between two."""
    from lossbook.registry import spec_of
    from lossbook.tools.numeric import jumps, loss_and_slope_at

    loss = given if hasattr(given, "value_and_gradient") else spec_of(given).cls()
    values, slopes = np.transpose([loss_and_slope_at(loss, batch, place) for place in places])
    breaks = jumps(lambda place: loss_and_slope_at(loss, batch, place)[1], places.tolist(), slopes.tolist())
    return values, slopes, np.array(breaks)


def _with_gaps(places, values, breaks):
    """Put a NaN into every jump, so that no line is drawn across it.

    Examples
    --------
    >>> _with_gaps(np.arange(3.0), np.array([0.0, 0.0, 1.0]), np.array([False, True]))[1]
    array([ 0.,  0., nan,  1.])
    """
    after = np.flatnonzero(breaks) + 1
    return np.insert(places, after, np.nan), np.insert(values, after, np.nan)


def _alone(breaks):
    """Say which values have a jump on either side.

    Examples
    --------
    >>> _alone(np.array([False, True, True, False]))
    array([False, False,  True, False, False])
    """
    around = np.concatenate([[False], breaks, [False]])
    return around[:-1] & around[1:]
