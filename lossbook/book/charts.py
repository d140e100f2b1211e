"""Charts that one notebook alone uses: reductions, constants that descend, a price list and its loss.

Nothing here is loaded by ``import lossbook``, and Altair only by the first call.
"""

import itertools

import numpy as np

from lossbook.tools.explore import WIDTH, Moving, _altair, _middle, _number, _places, _short, slider
from lossbook.tools.plots import INK, MUTED, PALETTE, RULE

__all__ = ["descend", "explore_reduction", "pick_a_loss"]


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


# --- a price list, and the loss that fits it -----------------------------------------------

PAID = {
    "by its size": "mean_absolute_error",
    "by its square": "mean_squared_error",
    "in percent of the target": "mean_absolute_percentage_error",
    "by its factor, squared": "mean_squared_logarithmic_error",
}
"""What a miss can cost, and the loss that charges it."""

ANSWERS = {
    "squared error, Poisson": "by its square",
    "absolute error": "by its size",
    "quantile, at your prices": None,
    "squared log error": "by its factor, squared",
    "percentage error": "in percent of the target",
}
"""The losses a reader can train on, and what each of them takes a miss to cost."""


def pick_a_loss(draw, spread, constant, *, unit, spread_name="spread", start=None, about=""):
    """Show what the best constant of each loss costs under a price list that the reader sets.

    The sliders set how widely the targets spread, and what a miss below the target costs beside
    one above it; a menu sets whether a miss is paid by size, by square, in percent or by factor.

    Parameters
    ----------
    draw : callable
        ``draw(spread)`` returns equally likely targets, shape (N,), all above 0.
    spread : tuple of float
        The lowest spread, the highest, and the step between two.
    constant : tuple of float
        The lowest and the highest constant tried, above 0, and the distance between two.
    unit : str
        The unit of the targets.
    spread_name : str
        What to call the spread.
    start : float, optional
        The spread shown first; the middle where nothing is said.
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
    >>> chart = pick_a_loss(lambda s: np.array([2.0, 3.0, 4 + 3 * s]), (1, 2, 1), (1, 12, 1), unit="m")
    >>> first = chart.spec["datasets"]["bills"][16]  # spread 1, equal prices, paid by size
    >>> first["best"], first["at"][1], first["extra"][1]
    (3, 3, 0)
    """
    alt = _altair()
    places = _places("constant", constant)
    share = (1, 9, 1)  # of ten: what one unit too low costs; one too high costs the rest
    bills, bars = [], []
    edges = np.linspace(places[0], places[-1], 41)
    for wide in _places(spread_name, spread):
        data = np.asarray(draw(wide), dtype=float)
        counts = np.histogram(data, edges)[0] / len(data)
        bars.append({"spread": _number(wide), "height": [_short(100 * count) for count in counts]})
        for row in _bills(data, places, _places("share", share)):
            bills.append({"spread": _number(wide), **row})
    first = start if start is not None else _middle(spread_name, spread)
    menu = alt.binding_select(options=list(PAID), name="a miss is paid ")
    controls = [
        slider("set_spread", spread, first, spread_name),
        slider("set_share", share, 5, "price of a miss below the target, of 10"),
        alt.param(name="set_paid", value="by its size", bind=menu),
    ]
    same = f"abs(datum.spread - set_spread) < {_number(spread[2]) / 2}"
    chosen = f"{same} && datum.share == set_share && datum.paid == set_paid"
    now = alt.Chart(alt.NamedData("bills")).transform_filter(chosen)
    told = now.mark_text(align="left", fontSize=14, fontWeight="bold", color=INK)
    told = told.encode(x=alt.value(0), y=alt.value(8), text="verdict:N")
    told = told.properties(width=WIDTH, height=14)

    names = list(ANSWERS)
    tint = alt.Color("name:N", scale=alt.Scale(domain=names, range=list(PALETTE.values())), legend=None)
    across = {"title": f"target, and each constant ({unit})"}
    across["scale"] = alt.Scale(domain=[places[0], places[-1]], nice=False)
    width = edges[1] - edges[0]
    hills = alt.Chart(alt.NamedData("bars")).transform_filter(same)
    hills = hills.transform_calculate(bin=f"sequence({len(edges) - 1})").transform_flatten(["bin", "height"])
    hills = hills.transform_calculate(
        left=f"{edges[0]:.6g} + datum.bin * {width:.6g}", right=f"datum.left + {width:.6g}", floor="0"
    )
    hills = hills.mark_bar(color="#d8d2c6", clip=True).encode(
        x=alt.X("left:Q", **across),
        x2="right:Q",
        y=alt.Y("height:Q", title="share of targets (%)"),
        y2="floor:Q",
    )
    laid = now.transform_calculate(name=f"{names}").transform_flatten(["name", "at", "extra"])
    marks = laid.mark_rule(strokeWidth=3, clip=True).encode(x=alt.X("at:Q", **across), color=tint)
    best = now.mark_point(shape="triangle-down", filled=True, size=150, color=INK, opacity=1, clip=True)
    best = best.encode(x=alt.X("best:Q", **across), y=alt.value(6))
    above = alt.layer(hills, marks, best).properties(width=WIDTH - 150, height=150)

    down = alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelFontSize=12, labelLimit=190))
    along = alt.X(
        "extra:Q",
        title="cost above that of the cheapest constant (%), cut off at 100",
        scale=alt.Scale(domain=[0, 100], nice=False),
    )
    paid = laid.mark_bar(height=16, opacity=0.45, clip=True).encode(x=along, y=down, color=tint)
    words = laid.transform_calculate(
        words=f"format(datum.at, '.3~g') + ' {unit}: +' + format(datum.extra, '.2~r') + '%'"
    )
    words = words.mark_text(align="left", fontSize=13, color=INK)
    words = words.encode(x=alt.value(6), y=down, text="words:N")
    below = alt.layer(paid, words).properties(width=WIDTH - 150, height=28 * len(names))
    chart = alt.vconcat(told, above, below, spacing=14).add_params(*controls)
    text = (
        f"A histogram of the targets ({unit}), a line at the best constant of each of five losses, and a "
        "triangle at the cheapest constant under the prices set. Below, a bar for each loss: how much more "
        f"its constant costs than the cheapest. Controls: {spread_name}, from {_number(spread[0])} to "
        f"{_number(spread[1])}; the price of a miss below the target, of 10; and how a miss is paid: "
        f"{', '.join(PAID)}. {about}"
    )
    return Moving(chart, text, {"bills": bills, "bars": bars})


def _bills(data, places, shares):
    """Compute, for each price list, the cheapest constant and what those of the losses cost beyond it."""
    from lossbook.registry import get

    pairs = np.broadcast_arrays(data[:, np.newaxis], places[:, np.newaxis, np.newaxis])
    costs = {paid: get(name)(*pairs) for paid, name in PAID.items()}
    too_low = places[:, np.newaxis] < data
    own = {paid: int(cost.mean(axis=1).argmin()) for paid, cost in costs.items()}
    for share, (paid, cost) in itertools.product(shares, costs.items()):
        prices = np.where(too_low, share, 10 - share)
        bill = (prices * cost).mean(axis=1)
        quantile = int((prices * costs["by its size"]).mean(axis=1).argmin())
        at = [quantile if kind is None else own[kind] for kind in ANSWERS.values()]
        extra = [100 * (bill[place] / bill.min() - 1) for place in at]
        fits = [name for name, more in zip(ANSWERS, extra, strict=True) if more < 1e-9]
        nearest = min(zip(extra, ANSWERS, strict=True))
        verdict = f"Train on: {' or '.join(fits)}" if fits else f"Nearest: {nearest[1]}, +{nearest[0]:.2g}%"
        yield {
            "share": _number(share),
            "paid": paid,
            "best": _number(places[bill.argmin()]),
            "at": [_number(places[place]) for place in at],
            "extra": [_short(more) for more in extra],
            "verdict": verdict,
        }
