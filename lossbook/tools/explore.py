"""Charts with sliders: a loss and its slope, moving, with no kernel and no network.

Every number of a chart is computed here, by the losses of this package, before it is drawn.
The sliders only choose which of them are shown. So a stored chart moves in JupyterLab and
on a page of the site alike.

Nothing here is loaded by ``import lossbook``, and Altair only by the first call.
"""

import inspect
import itertools
import json
import math

import numpy as np

from lossbook.tools.numeric import jumps, loss_and_slope_at
from lossbook.tools.plots import INK, MUTED, PALETTE, RULE

__all__ = ["MOST_BYTES", "Moving", "descend", "explore", "explore_reduction", "slider"]

MOST_BYTES = 200_000
"""The most that a chart may take as JSON, so that a page with one opens at once."""

MIME = "application/vnd.vegalite.v5+json"  # what JupyterLab 4.5 draws
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
WIDTH = 560  # of a plot, in pixels
CONFIG = {
    "axis": {
        "labelColor": MUTED,
        "titleColor": INK,
        "gridColor": RULE,
        "domainColor": MUTED,
        "tickColor": MUTED,
    },
    "background": "white",
    "font": "DejaVu Sans, Verdana, sans-serif",
    "view": {"stroke": None},
}


# --- a chart that Jupyter stores -----------------------------------------------------------


class Moving:
    """A chart with sliders, as Jupyter stores it: JSON, and a text that says what it shows.

    Parameters
    ----------
    chart : altair.TopLevelMixin
        The chart.
    text : str
        What the chart shows and what its sliders do, for those who cannot see it.
    datasets : dict of str to list, optional
        Rows that several parts of the chart share, by the name they are known by.

    Raises
    ------
    ValueError
        If the chart takes more than :data:`MOST_BYTES` as JSON, or the text is empty.

    Examples
    --------
    >>> import lossbook
    >>> chart = explore(lossbook.mse, prediction=(-2, 2, 0.5), about="A parabola.")
    >>> sorted(chart._repr_mimebundle_())
    ['application/vnd.vegalite.v5+json', 'text/plain']
    """

    def __init__(self, chart, text, datasets=None):
        if not text.strip():
            raise ValueError(
                "Received a chart without a text; expected one or more sentences. Say what it shows."
            )
        self.text = " ".join(text.split())
        spec = chart.to_dict()
        spec["$schema"] = SCHEMA
        spec["description"] = self.text
        spec["usermeta"] = {"embedOptions": {"actions": False, "renderer": "svg"}}
        spec["config"] = CONFIG
        spec.setdefault("datasets", {}).update(datasets or {})
        self.spec = json.loads(json.dumps(spec))  # plain lists and numbers alone
        size = len(json.dumps(self.spec))
        if size > MOST_BYTES:
            raise ValueError(
                f"Received a chart of {size:,} bytes; expected at most {MOST_BYTES:,}. "
                "Take wider steps for a slider, or fewer sliders."
            )

    def __repr__(self):
        return f"[A chart with sliders; it moves in JupyterLab and on the site.] {self.text}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {MIME: self.spec, "text/plain": repr(self)}


def slider(name, steps, start, text=None):
    """Make an Altair parameter that a slider sets.

    Parameters
    ----------
    name : str
        Its name in expressions.
    steps : tuple of float
        The lowest value, the highest, and the step between two.
    start : float
        Where it stands first.
    text : str, optional
        What the reader sees beside the slider; None takes the name.

    Returns
    -------
    altair.Parameter

    Raises
    ------
    ValueError
        If the steps do not lead from the lowest value to the highest, or miss `start`.
    ImportError
        If Altair is not installed.

    Examples
    --------
    >>> slider("delta", (0.5, 2.0, 0.5), start=1.0).name
    'delta'
    """
    places = _places(name, steps)
    if not np.isclose(places, start, rtol=0, atol=1e-9).any():
        raise ValueError(
            f"Received start={start!r} for {name}; expected one of {_few(places)}. Move it to a step."
        )
    low, high, step = (_plain(number) for number in steps)
    binding = _altair().binding_range(min=low, max=high, step=step, name=f"{text or name} ")
    return _altair().param(name=name, value=_plain(start), bind=binding)


# --- a loss and its slope ------------------------------------------------------------------


def explore(
    loss,
    prediction,
    *,
    batch=None,
    start=None,
    units=None,
    about="",
    heights=None,
    pale=True,
    names=None,
    **controls,
):
    """Draw a loss above its slope, with a slider for the prediction and for each control.

    Each control is a tuple (lowest, highest, step). Those that are named like a parameter of
    the loss set that parameter; the others are handed to `batch`.

    Parameters
    ----------
    loss : callable or Loss
        A function of the catalogue, such as ``lossbook.huber``, or an object of a class with
        its settings, such as ``lossbook.BinaryCrossentropy(from_logits=True)``. The class form
        gives the numbers, reduced over the batch, and their slopes.
    prediction : tuple of float
        The lowest and the highest place of the moving prediction, and the step between two.
    batch : callable, optional
        ``batch(prediction, **controls)`` returns `y_true` and `y_pred`: a control is passed if
        `batch` names it. The slope is taken along the way `y_pred` moves with `prediction`.
        Without it, one label against one prediction; the control ``label`` sets the label.
    start : dict of str to float, optional
        Where the sliders stand first; the middle where nothing is said.
    units : dict of str to str, optional
        The units of ``prediction``, ``loss``, ``slope`` and of any control, as read beside them.
    about : str
        What there is to see, in a sentence or two: for those who cannot see it.
    heights : dict of str to tuple, optional
        The lowest and the highest ``loss`` and ``slope`` shown; what lies beyond is cut off.
    pale : bool
        Whether the curve of the first setting stays, in grey, when the sliders move on.
    names : dict of str to str, optional
        What to call ``prediction`` and the controls beside their sliders.
    **controls
        The further sliders.

    Returns
    -------
    Moving
        The chart.

    Raises
    ------
    ValueError
        If steps, start or size do not fit: see :func:`slider` and :class:`Moving`.
    KeyError
        If the loss is not in the catalogue.
    ImportError
        If Altair is not installed.

    Examples
    --------
    >>> import lossbook
    >>> chart = explore(lossbook.huber, prediction=(-3, 3, 1), delta=(1, 2, 1), about="A bowl.")
    >>> chart.spec["datasets"]["settings"][0]["loss"]
    [2.5, 1.5, 0.5, 0, 0.5, 1.5, 2.5]
    """
    alt = _altair()
    units, names = units or {}, names or {}
    steps = {"prediction": prediction, **controls}
    start = {name: _middle(name, steps[name]) for name in steps} | (start or {})
    places = _places("prediction", prediction)
    settings = _settings(loss, batch, places, controls)
    heights = _heights(settings) | (heights or {})
    called = {name: f"{names.get(name, name)}{_in_brackets(units.get(name))}" for name in steps}
    sliders = [slider(f"set_{name}", steps[name], start[name], called[name]) for name in steps]

    rows = alt.NamedData("settings")
    columns = [name for name in ("loss", "slope", "piece") if name in settings[0]]
    by_piece = {"detail": "piece:N"} if "piece" in columns else {}
    torn = any(_is_torn(row, places[1] - places[0]) for row in settings)
    chosen = _chosen(controls, {name: f"set_{name}" for name in controls})
    first = _chosen(controls, start)
    here = f"abs(datum.prediction - set_prediction) < {_plain(prediction[2]) / 2}"
    across = alt.Scale(domain=[places[0], places[-1]], nice=False)
    x = {"title": called["prediction"], "scale": across}

    def panel(what, height):
        unit = _in_brackets(units.get(what))
        scale = alt.Scale(domain=list(heights[what]), nice=False, zero=False)
        y = {"title": f"{what}{unit}", "scale": scale}
        place = {"x": alt.X("prediction:Q", **x), "y": alt.Y(f"{what}:Q", **y)}
        apart = by_piece if what == "slope" or torn else {}  # a corner tears the slope, not the loss
        curve = _curve(alt, rows, columns, places, chosen)
        colour = PALETTE["blue"] if what == "loss" else PALETTE["orange"]
        line = curve.mark_line(color=colour, strokeWidth=2.5, clip=True).encode(**place, **apart)
        ghost = _curve(alt, rows, columns, places, first).mark_line(
            color="#a9a294", strokeWidth=1.2, clip=True
        )
        spot = curve.transform_filter(here)
        dot = spot.mark_point(color=INK, filled=True, size=80, opacity=1, clip=True).encode(**place)
        layers = [ghost.encode(**place, **apart)] if pale and controls else []
        layers.append(line)
        if what == "loss":
            layers.append(_tangent(alt, spot, places, heights, x, y))
        return alt.layer(*layers, dot).properties(width=WIDTH, height=height)

    words = _readout(alt, _curve(alt, rows, columns, places, chosen).transform_filter(here), names, units)
    above, below = panel("loss", 210), panel("slope", 130)
    chart = alt.vconcat(words, above, below, spacing=8).add_params(*sliders)
    return Moving(chart, _described(loss, steps, start, called, about), {"settings": settings})


def _settings(loss, batch, places, controls):
    """Compute one row for each setting of the controls: the losses and the slopes along the way."""
    from lossbook.registry import spec_of

    has_settings = hasattr(loss, "value_and_gradient")
    cls = type(loss) if has_settings else spec_of(loss).cls
    fixed = loss.get_config() if has_settings else {}
    own = inspect.signature(cls).parameters
    given = inspect.signature(batch).parameters if batch else {"label": None}
    batch = batch or (lambda prediction, label=0.0: ([[label]], [[prediction]]))
    unknown = [name for name in controls if name not in own and name not in given]
    if unknown:
        raise ValueError(
            f"Received the control {unknown[0]!r}; expected a parameter of {cls.__name__}, or of batch. "
            f"{cls.__name__} has {', '.join(own)}."
        )
    rows = []
    for values in itertools.product(*(_places(name, steps) for name, steps in controls.items())):
        setting = dict(zip(controls, values, strict=True))
        own_setting = {name: value for name, value in setting.items() if name in own and name not in given}
        object_form = cls(**fixed | own_setting)
        known = {name: value for name, value in setting.items() if name in given}
        pairs = [loss_and_slope_at(object_form, batch, place, **known) for place in places]
        losses, slopes = zip(*pairs, strict=True)

        def slope_at(place, object_form=object_form, known=known):
            return loss_and_slope_at(object_form, batch, place, **known)[1]

        pieces = np.cumsum([0, *jumps(slope_at, places.tolist(), slopes)]).tolist()
        row = {name: _plain(value) for name, value in setting.items()}
        curve = {"loss": [_short(value) for value in losses], "slope": [_short(slope) for slope in slopes]}
        rows.append({**row, **curve, "piece": pieces})
    if not any(row["piece"][-1] for row in rows):  # no jump anywhere: nothing to tell apart
        rows = [{name: value for name, value in row.items() if name != "piece"} for row in rows]
    return rows


# --- element, sample, scalar ---------------------------------------------------------------


def explore_reduction(loss, y_true, y_pred, *, prediction, weight, unit, about=""):
    """Show every number between the predictions of a batch and its loss, and let three of them move.

    The sliders set the first prediction of the first sample, the weight of the first sample,
    and whether the last sample counts (the mask).

    Parameters
    ----------
    loss : callable
        A function of the catalogue whose value is the mean of one cost for each entry, such as
        ``lossbook.mean_squared_error``.
    y_true, y_pred : array_like, shape (N, D)
        A small batch.
    prediction, weight : tuple of float
        The lowest value of each slider, the highest, and the step between two.
    unit : str
        The unit of the loss.
    about : str
        What there is to see, for those who cannot see it.

    Returns
    -------
    Moving
        The chart.

    Raises
    ------
    ValueError
        If steps or size do not fit: see :func:`slider` and :class:`Moving`.

    Examples
    --------
    >>> import lossbook
    >>> chart = explore_reduction(lossbook.mae, [[1.0], [2.0]], [[2.0], [2.0]], prediction=(1, 3, 1),
    ...                           weight=(0, 2, 1), unit="m")
    >>> chart.spec["datasets"]["results"][0]["name"]
    'none'
    """
    alt = _altair()
    y_true, y_pred = (np.asarray(part, dtype=float) for part in (y_true, y_pred))
    controls = {"prediction": prediction, "weight": weight, "counts": (0, 1, 1)}
    settings = [_places(name, steps) for name, steps in controls.items()]
    cells, results = [], []
    for state, (place, heavy, counts) in enumerate(itertools.product(*settings)):
        numbers, outcomes = _reduced(loss, y_true, y_pred, place, heavy, counts)
        cells.append({"state": state, "text": numbers})
        results += [{"state": state, **outcome} for outcome in outcomes]
    counts = [len(places) for places in settings]
    first = {"prediction": y_pred.flat[0], "weight": 1.0, "counts": 1}
    named = {
        "prediction": "first prediction of sample 1",
        "weight": "weight of sample 1",
        "counts": f"sample {len(y_true)} counts (mask)",
    }
    sliders = [slider(f"set_{name}", controls[name], first[name], named[name]) for name in controls]
    index = [
        f"round((set_{name} - {_plain(steps[0])}) / {_plain(steps[2])})" for name, steps in controls.items()
    ]
    here = f"datum.state == {index[0]} * {counts[1] * counts[2]} + {index[1]} * {counts[2]} + {index[2]}"

    columns = [f"element {j + 1}" for j in range(y_true.shape[1])] + ["sample", "weight", "mask", "weighted"]
    rows = [f"sample {i + 1}" for i in range(len(y_true))]
    grid = alt.Chart(alt.NamedData("cells")).transform_filter(here)
    grid = grid.transform_calculate(place=f"sequence({len(rows) * len(columns)})").transform_flatten(
        ["text", "place"]
    )
    grid = grid.transform_calculate(
        row=f"{rows}[floor(datum.place / {len(columns)})]", column=f"{columns}[datum.place % {len(columns)}]"
    )
    at = {
        "x": alt.X(
            "column:N", sort=columns, title=None, axis=alt.Axis(orient="top", labelAngle=0, labelFontSize=12)
        ),
        "y": alt.Y("row:N", sort=rows, title=None, axis=alt.Axis(labelFontSize=12)),
    }
    shade = alt.condition(
        "datum.column == 'sample' || datum.column == 'weighted'", alt.value("#eef3f8"), alt.value("#fff")
    )
    boxes = grid.mark_rect(stroke=RULE).encode(**at, color=shade)
    texts = grid.mark_text(fontSize=13, color=INK).encode(**at, text="text:N")
    wide = WIDTH - 130  # beside the names of the reductions
    table = alt.layer(boxes, texts).properties(width=wide, height=34 * len(rows))

    names = [outcome["name"] for outcome in outcomes[1:]]
    given = alt.Chart(alt.NamedData("results")).transform_filter(f"{here} && datum.name != 'none'")
    most = max(result["value"] for result in results if result["name"] not in ("none", "sum"))
    across = alt.X(
        "value:Q",
        title=f"loss ({unit}); bars are cut off at the edge",
        scale=alt.Scale(domain=[0, 1.6 * most], nice=False),
    )
    down = alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelFontSize=12, labelLimit=220))
    bars = given.mark_bar(color="#9cc3e0", height=16, clip=True).encode(x=across, y=down)
    words = given.mark_text(align="left", fontSize=13, color=INK).encode(
        x=alt.value(6), y=down, text="words:N"
    )
    chart = alt.vconcat(
        table, alt.layer(bars, words).properties(width=wide, height=30 * len(names)), spacing=18
    )
    text = (
        f"A table of {len(rows)} samples: the cost of each element, their mean for each sample, its weight, "
        "its mask, and the weighted value. Below, what each reduction makes of them, with total and divisor. "
        f"Sliders: {'; '.join(named.values())}. {about}"
    )
    return Moving(chart.add_params(*sliders), text, {"cells": cells, "results": results})


def _reduced(loss, y_true, y_pred, place, heavy, counts):
    """Compute the cells of the table, as text, and what each reduction makes of them."""
    from lossbook.reductions import REDUCTIONS, reduce_values, weights_and_divisor

    moved = y_pred.copy()
    moved.flat[0] = place
    weights, mask = np.ones(len(y_true)), np.ones(len(y_true), dtype=bool)
    weights[0], mask[-1] = heavy, bool(counts)
    elements = loss(y_true[..., np.newaxis], moved[..., np.newaxis])
    values = loss(y_true, moved)
    weighted = reduce_values(values, weights, mask, "none")
    columns = [*elements.T, values, weights, mask.astype(float), weighted]
    numbers = [f"{number:.4g}" for row in zip(*columns, strict=True) for number in row]
    outcomes = [{"name": "none", "value": 0, "words": ""}]
    for name in (name for name in REDUCTIONS if name not in ("none", None, "mean")):
        divisor = weights_and_divisor(values, weights, mask, name)[1]
        value = _short(float(reduce_values(values, weights, mask, name)))
        over = "" if name == "sum" else f" / {divisor:.4g} = {value:.4g}"
        outcomes.append({"name": name, "value": value, "words": f"{weighted.sum():.4g}{over}"})
    return numbers, outcomes


# --- a constant that descends --------------------------------------------------------------


def descend(losses, data, outlier, *, start, rate, steps, constant, unit, about=""):
    """Let one constant descend under several losses side by side, on the same data.

    The sliders set the last number of the data, the outlier, and how many steps were made.

    Parameters
    ----------
    losses : dict of str to Loss
        At most four, by the name to show.
    data : array_like, shape (N,)
        What the constant is to foretell; the last number is replaced by the outlier.
    outlier : tuple of float
        Its lowest value, its highest, and the step between two.
    start : float
        Where the constant begins.
    rate : float
        How far a step goes: the rate times the slope.
    steps : int
        How many steps are made.
    constant : tuple of float
        The lowest and the highest constant shown, and the distance between two points of a curve.
    unit : str
        The unit of the data.
    about : str
        What there is to see, for those who cannot see it.

    Returns
    -------
    Moving
        The chart.

    Raises
    ------
    ValueError
        If steps or size do not fit: see :func:`slider` and :class:`Moving`.

    Examples
    --------
    >>> import lossbook
    >>> chart = descend({"absolute": lossbook.MeanAbsoluteError()}, [1.0, 2.0, 0.0], (2, 4, 1),
    ...                 start=0.0, rate=1.0, steps=2, constant=(0, 5, 1), unit="m")
    >>> chart.spec["datasets"]["paths"][0]["place"]
    [0, 1, 1.667]
    """
    alt = _altair()
    places, data = _places("constant", constant), np.asarray(data, dtype=float)
    curves, paths, points = [], [], []
    for far in _places("outlier", outlier):
        batch = np.append(data[:-1], far)[:, np.newaxis]
        points.append({"outlier": _plain(far), "value": [_plain(number) for number in batch[:, 0]]})
        for name, loss in losses.items():
            at_start = float(loss(batch, np.full_like(batch, start)))
            costs = [float(loss(batch, np.full_like(batch, place))) / at_start for place in places]
            path = [start]
            for _ in range(steps):
                slope = float(loss.gradient(batch, np.full_like(batch, path[-1])).sum())
                path.append(path[-1] - rate * slope)
            heights = [float(loss(batch, np.full_like(batch, place))) / at_start for place in path]
            key = {"outlier": _plain(far), "name": name}
            curves.append({**key, "cost": [_short(cost) for cost in costs]})
            paths.append(
                {
                    **key,
                    "place": [_short(place) for place in path],
                    "cost": [_short(cost) for cost in heights],
                }
            )
    sliders = [
        slider("set_outlier", outlier, _middle("outlier", outlier), f"outlier ({unit})"),
        slider("set_step", (0, steps, 1), 0, "steps made"),
    ]
    chosen = f"abs(datum.outlier - set_outlier) < {_plain(outlier[2]) / 2}"
    colours = alt.Scale(domain=list(losses), range=list(PALETTE.values())[: len(losses)])
    along = {"scale": alt.Scale(domain=[places[0], places[-1]], nice=False)}
    tint = alt.Color("name:N", scale=colours, legend=None)
    track = f"sequence({_plain(places[0])}, {_plain(places[-1] + constant[2] / 2)}, {_plain(constant[2])})"
    made = alt.Chart(alt.NamedData("paths")).transform_filter(chosen)
    made = made.transform_calculate(step=f"sequence({steps + 1})").transform_flatten(
        ["place", "cost", "step"]
    )
    now = made.transform_filter("datum.step == set_step")

    def panel(number, name):
        mine = f"datum.name == '{name}'"
        first = number == 0
        y = {"scale": alt.Scale(domain=[0, 1.25], nice=False), "axis": alt.Axis(labels=first, ticks=first)}
        y["title"] = "loss, as a share of the start" if first else None
        x = {**along, "title": f"constant ({unit})"}
        curve = alt.Chart(alt.NamedData("curves")).transform_filter(f"{chosen} && {mine}")
        curve = curve.transform_calculate(place=track).transform_flatten(["place", "cost"])
        line = curve.mark_line(strokeWidth=2.5, clip=True).encode(
            x=alt.X("place:Q", **x), y=alt.Y("cost:Q", **y), color=tint
        )
        trail = made.transform_filter(f"{mine} && datum.step <= set_step").mark_point(
            filled=True, size=22, opacity=0.5, clip=True
        )
        ball = now.transform_filter(mine).mark_point(
            filled=True, size=110, opacity=1, stroke="white", clip=True
        )
        spots = {"x": alt.X("place:Q", **x), "y": alt.Y("cost:Q", **y), "color": tint}
        reading = now.transform_filter(mine).transform_calculate(
            words=f"'{name}: ' + format(datum.place, '.4~g') + ' {unit}'"
        )
        words = reading.mark_text(align="left", fontSize=13, fontWeight="bold").encode(
            x=alt.value(4), y=alt.value(-10), text="words:N", color=tint
        )
        return alt.layer(line, trail.encode(**spots), ball.encode(**spots), words).properties(
            width=(WIDTH - 40 * (len(losses) - 1)) / len(losses), height=190
        )

    dots = alt.Chart(alt.NamedData("points")).transform_filter(chosen).transform_flatten(["value"])
    dots = dots.mark_point(filled=True, size=70, color=MUTED, opacity=0.8, clip=True)
    dots = dots.encode(x=alt.X("value:Q", title=f"data ({unit}), and each constant", **along))
    marks = now.mark_rule(strokeWidth=3, clip=True).encode(x=alt.X("place:Q", **along), color=tint)
    strip = alt.layer(marks, dots).properties(width=WIDTH, height=36)
    panels = alt.hconcat(*(panel(number, name) for number, name in enumerate(losses)), spacing=20)
    chart = alt.vconcat(panels, strip, spacing=14).add_params(*sliders)
    text = (
        f"{len(losses)} panels side by side, one for each loss ({', '.join(losses)}): the loss against the "
        "constant, and a point that descends on it. Below, the data as dots and the constants as lines. "
        f"Sliders: the outlier, from {_plain(outlier[0])} to {_plain(outlier[1])} {unit}; the steps made, "
        f"to {steps}. {about}"
    )
    return Moving(chart, text, {"curves": curves, "paths": paths, "points": points})


def _is_torn(row, step):
    """Say whether a loss leaps where its slope jumps, by more than a corner could.

    Examples
    --------
    >>> corner = {"loss": [1, 0, 1], "slope": [-1, 0, 1], "piece": [0, 1, 2]}
    >>> _is_torn(corner, 1.0), _is_torn(corner, 0.1)
    (False, True)
    """
    losses, slopes = (np.array(row[name], dtype=float) for name in ("loss", "slope"))
    steepest = np.fmax(abs(slopes[:-1]), abs(slopes[1:]))
    leaps = abs(np.diff(losses)) > 1.5 * step * steepest + 1e-3 * np.nanmax(abs(losses))
    return bool((leaps & (np.diff(row.get("piece", np.zeros(len(losses)))) > 0)).any())


# --- pieces of the chart -------------------------------------------------------------------


def _curve(alt, rows, columns, places, condition):
    """Return the chosen row, laid out: one datum for each place."""
    step = _plain(places[1] - places[0])
    chart = alt.Chart(rows).transform_filter(condition) if condition else alt.Chart(rows)
    sequence = f"sequence({_plain(places[0])}, {_plain(places[-1] + step / 2)}, {step})"
    return chart.transform_calculate(prediction=sequence).transform_flatten(["prediction", *columns])


def _chosen(controls, against):
    """Return the condition that picks one setting of the controls, each within half a step."""
    return " && ".join(
        f"abs(datum.{name} - {against[name]}) < {_plain(controls[name][2]) / 2}" for name in controls
    )


def _tangent(alt, spot, places, heights, x, y):
    """Return a short line through the point, as steep as the slope there, always of one length on screen."""
    across = (places[-1] - places[0]) / WIDTH  # of a pixel
    up = (heights["loss"][1] - heights["loss"][0]) / 210
    half = f"(60 / sqrt(1 / {across**2:.6g} + pow(datum.slope / {up:.6g}, 2)))"
    ends = spot.transform_calculate(
        left=f"datum.prediction - {half}",
        right=f"datum.prediction + {half}",
        low=f"datum.loss - datum.slope * {half}",
        high=f"datum.loss + datum.slope * {half}",
    )
    rule = ends.mark_rule(color=PALETTE["orange"], strokeWidth=2.5, clip=True)
    return rule.encode(
        x=alt.X("left:Q", **x),
        x2="right:Q",
        y=alt.Y("low:Q", **y),
        y2="high:Q",
    )


def _readout(alt, spot, names, units):
    """Return a line of text with the numbers at the point."""
    moved = json.dumps(f"{names.get('prediction', 'prediction')} ")
    unit = {
        name: f" + {json.dumps(f' {text}')}" if (text := units.get(name)) else ""
        for name in ("prediction", "loss", "slope")
    }
    words = (
        f"{moved} + format(datum.prediction, '.4~g'){unit['prediction']}"
        f" + ':   loss ' + format(datum.loss, '.4~g'){unit['loss']}"
        f" + ',   slope ' + format(datum.slope, '.4~g'){unit['slope']}"
    )
    text = spot.transform_calculate(words=words).mark_text(
        align="left", fontSize=14, color=INK, fontWeight="bold"
    )
    return text.encode(x=alt.value(0), y=alt.value(8), text="words:N").properties(width=WIDTH, height=14)


def _heights(settings):
    """Return the lowest and the highest value shown of loss and slope, with a little room."""
    found = {}
    for what in ("loss", "slope"):
        numbers = [number for row in settings for number in row[what] if number is not None]
        low, high = min(numbers), max(numbers)
        room = 0.06 * (high - low) or 1.0
        found[what] = (_plain(low - room), _plain(high + room))
    return found


def _described(loss, steps, start, called, about):
    """Say in words what the chart shows."""
    moving = "; ".join(
        f"{called[name]} from {_plain(low)} to {_plain(high)}" for name, (low, high, _) in steps.items()
    )
    first = ", ".join(f"{name} {_plain(start[name])}" for name in steps)
    called_loss = getattr(loss, "__name__", None) or repr(loss)
    return (
        f"Two panels. Above, {called_loss} against the {called['prediction']}, with its tangent. "
        "Below, its slope. "
        f"Sliders: {moving}. At first: {first}. {about}"
    )


# --- numbers -------------------------------------------------------------------------------


def _places(name, steps):
    """Return all places of a slider, the ends included."""
    low, high, step = steps
    count = (high - low) / step if step > 0 else math.nan
    if not (step > 0 and high > low and abs(count - round(count)) < 1e-6):
        raise ValueError(
            f"Received {name}={steps!r}; expected (lowest, highest, step) with a whole number of steps. "
            "Change the highest or the step."
        )
    return np.round(np.linspace(low, high, round(count) + 1), 10)


def _middle(name, steps):
    places = _places(name, steps)
    return places[len(places) // 2]


def _short(number):
    """Round to 4 digits, as many as a reader of a chart can see; None where there is no number."""
    return _plain(float(f"{number:.4g}")) if math.isfinite(number) else None


def _plain(number):
    """Return a whole number as int, any other as float: short in JSON."""
    number = round(float(number), 10)
    return int(number) if number.is_integer() else number


def _few(places):
    return ", ".join(str(_plain(place)) for place in places[:6]) + (", …" if len(places) > 6 else "")


def _in_brackets(unit):
    return f" ({unit})" if unit else ""


def _altair():
    """Import Altair, or say how to get it."""
    try:
        import altair
    except ModuleNotFoundError as problem:
        if problem.name != "altair":
            raise
        raise ImportError("Altair is not installed: pip install altair", name="altair") from None
    return altair
