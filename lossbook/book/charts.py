"""Charts that one notebook alone uses: what a reduction does, and constants that descend.

Nothing here is loaded by ``import lossbook``, and Altair only by the first call.
"""

import itertools

import numpy as np

from lossbook.tools.explore import WIDTH, Moving, _altair, _middle, _number, _places, _short, slider
from lossbook.tools.plots import INK, MUTED, PALETTE, RULE

__all__ = ["descend", "explore_reduction"]


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
    lossbook.tools.explore.Moving
        The chart.

    Raises
    ------
    ValueError
        If steps or size do not fit: see :func:`~lossbook.tools.explore.slider` and
        :class:`~lossbook.tools.explore.Moving`.

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
    said = {"counts": ("no", "yes")}
    sliders = [
        slider(f"set_{name}", controls[name], first[name], named[name], said.get(name)) for name in controls
    ]
    index = [
        f"round((set_{name} - {_number(steps[0])}) / {_number(steps[2])})" for name, steps in controls.items()
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
            "column:N",
            sort=columns,
            title=None,
            axis=alt.Axis(orient="top", labelAngle=0),
        ),
        "y": alt.Y("row:N", sort=rows, title=None),
    }
    shade = alt.condition(
        "datum.column == 'sample' || datum.column == 'weighted'", alt.value("#eef3f8"), alt.value("#fff")
    )
    boxes = grid.mark_rect(stroke=RULE).encode(**at, color=shade)
    texts = grid.mark_text(fontSize=13, color=INK).encode(**at, text="text:N")
    table = alt.layer(boxes, texts).properties(width=WIDTH, height=34 * len(rows))

    names = [outcome["name"] for outcome in outcomes[1:]]
    given = alt.Chart(alt.NamedData("results")).transform_filter(f"{here} && datum.name != 'none'")
    most = max(result["value"] for result in results if result["name"] not in ("none", "sum"))
    across = alt.X(
        "value:Q",
        title=f"loss ({unit}); bars are cut off at the edge",
        scale=alt.Scale(domain=[0, 1.6 * most], nice=False),
    )
    down = alt.Y("name:N", sort=names, title=None, axis=None)
    bars = given.mark_bar(color="#9cc3e0", height=16, yOffset=8, clip=True).encode(x=across, y=down)

    def written(text, offset):
        words = given.mark_text(align="left", fontSize=13, color=INK, yOffset=offset)
        return words.encode(x=alt.value(6), y=down, text=text)

    shown = alt.layer(bars, written("name:N", -9), written("words:N", 9))
    chart = alt.vconcat(table, shown.properties(width=WIDTH, height=42 * len(names)), spacing=18)
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
    lossbook.tools.explore.Moving
        The chart.

    Raises
    ------
    ValueError
        If steps or size do not fit: see :func:`~lossbook.tools.explore.slider` and
        :class:`~lossbook.tools.explore.Moving`.

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
        points.append({"outlier": _number(far), "value": [_number(number) for number in batch[:, 0]]})
        for name, loss in losses.items():
            at_start = float(loss(batch, np.full_like(batch, start)))
            costs = [float(loss(batch, np.full_like(batch, place))) / at_start for place in places]
            path = [start]
            for _ in range(steps):
                slope = float(loss.gradient(batch, np.full_like(batch, path[-1])).sum())
                path.append(path[-1] - rate * slope)
            heights = [float(loss(batch, np.full_like(batch, place))) / at_start for place in path]
            key = {"outlier": _number(far), "name": name}
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
    chosen = f"abs(datum.outlier - set_outlier) < {_number(outlier[2]) / 2}"
    colours = alt.Scale(domain=list(losses), range=list(PALETTE.values())[: len(losses)])
    along = {"scale": alt.Scale(domain=[places[0], places[-1]], nice=False)}
    tint = alt.Color("name:N", scale=colours, legend=None)
    track = f"sequence({_number(places[0])}, {_number(places[-1] + constant[2] / 2)}, {_number(constant[2])})"
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
        f"Sliders: the outlier, from {_number(outlier[0])} to {_number(outlier[1])} {unit}; the steps made, "
        f"to {steps}. {about}"
    )
    return Moving(chart, text, {"curves": curves, "paths": paths, "points": points})
