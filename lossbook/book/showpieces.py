"""Three pieces to play with: a bet against the softmax, masks that you paint, and the lattice of CTC.

Each is a drawing in Vega that answers to a finger or a mouse, with no kernel and no network, and
whose choices can also be made by keyboard in the fields below it. Where a number can be tabulated it
was computed by the losses of this package and is looked up; where it cannot, because there are more
masks than stars, the drawing computes it, and `tests/test_showpieces.py` holds what it shows to this
package at random settings.

Nothing here is loaded by ``import lossbook``.
"""

import json

import numpy as np

import lossbook
from lossbook.tools.explore import MIMES, NOTE, SHARPNESS, Moving
from lossbook.tools.plots import INK, MUTED, PALETTE, RULE

__all__ = ["Showpiece", "bet", "lattice", "painting"]

RED, BLUE, GREEN = PALETTE["orange"], PALETTE["blue"], PALETTE["green"]
WIDE, NARROW = 560, 250  # pixels: no wider than a page of text, no narrower than a telephone's
MARGIN = 12


class Showpiece(Moving):
    """A drawing in Vega, as Jupyter stores it: JSON, a still picture, and a text that says what it shows.

    Parameters
    ----------
    height : str
        The height in pixels, as an expression of ``width``.
    signals, data, scales, marks : list of dict
        Parts of a Vega 5 specification. Four signals are there: ``width``, and the colours ``ink``,
        ``muted``, ``rule`` and ``paper``, which a page may set to those of its theme.
    text : str
        What the piece shows and what can be done to it, for those who cannot see it.
    """

    MIME = MIMES[1]

    def __init__(self, height, signals, data, marks, text, scales=()):
        self.text = " ".join(text.split())
        room = f"clamp((containerSize()[0] || {WIDE + 2 * MARGIN}) - {2 * MARGIN}, {NARROW}, {WIDE})"
        resized = [{"events": {"source": "window", "type": "resize"}, "update": room}]
        theme = {"ink": INK, "muted": MUTED, "rule": RULE, "paper": "white"}
        self.spec = {
            "$schema": "https://vega.github.io/schema/vega/v5.json",
            "description": self.text,
            "usermeta": {"embedOptions": {"actions": False, "renderer": "svg"}},
            "config": {"font": "DejaVu Sans, Verdana, sans-serif"},
            "autosize": "none",
            "padding": MARGIN,
            "background": {"signal": "paper"},
            "signals": [
                {"name": "width", "init": room, "on": resized},
                {"name": "height", "update": height},
                *({"name": name, "value": colour} for name, colour in theme.items()),
                *signals,
            ],
            "data": list(data),
            "scales": list(scales),
            "marks": list(marks),
        }
        json.dumps(self.spec)  # a NumPy number would fail here, and not in a notebook

    def _drawn(self, vl_convert):
        room = {side: MARGIN for side in ("left", "right", "top")} | {"bottom": 3 * MARGIN}
        return vl_convert.vega_to_png({**self.spec, "title": NOTE, "padding": room}, SHARPNESS)


# --- words of the drawings -----------------------------------------------------------------


def _text(x, y, text, *, size=13, align="left", colour="ink", data=None, weight="normal", name=None):
    """Return a mark of words; `x`, `y`, `text` and `colour` are expressions. A page reads out "spoken_…"."""
    look = {"x": x, "y": y, "text": text, "fill": colour, "fontSize": f"width < 420 ? {size - 2} : {size}"}
    mark = {
        "type": "text",
        "interactive": False,
        "encode": {
            "enter": {
                "align": {"value": align},
                "baseline": {"value": "middle"},
                "fontWeight": {"value": weight},
            },
            "update": {key: {"signal": expression} for key, expression in look.items()},
        },
    }
    return mark | ({"from": {"data": data}} if data else {}) | ({"name": name} if name else {})


def _mark(kind, data=None, name=None, interactive=False, **look):
    """Return a mark whose properties are expressions."""
    mark = {
        "type": kind,
        "interactive": interactive,
        "encode": {"update": {key: {"signal": str(value)} for key, value in look.items()}},
    }
    return mark | ({"from": {"data": data}} if data else {}) | ({"name": name} if name else {})


def _choice(name, options, start, text, kind="select", labels=None):
    """Return a signal that a field below the drawing sets."""
    bind = {"input": kind, "options": options, "name": f"{text} "}
    return {"name": name, "value": start, "bind": bind | ({"labels": labels} if labels else {})}


def _slider(name, low, high, step, start, text, **more):
    """Return a signal that a slider below the drawing sets."""
    bind = {"input": "range", "min": low, "max": high, "step": step, "name": f"{text} "}
    return {"name": name, "value": start, "bind": bind, **more}


def _quoted(text):
    return json.dumps(text, ensure_ascii=False)


def _dragged(expression, mark="grab"):
    """Return the events of a finger or a mouse on a mark, and what they set."""
    events = f"@{mark}:pointerdown, [@{mark}:pointerdown, window:pointerup] > window:pointermove!"
    return [{"events": events, "update": expression}]


# --- cross-entropy is a bet ----------------------------------------------------------------

STEPS = 20  # a bet moves five tokens of a hundred at a time
SUNDAYS = 40
HEXAGON = "M0,-1L0.866,-0.5L0.866,0.5L0,1L-0.866,0.5L-0.866,-0.5Z"
BOATS = {"red": "#c8452f", "white": "#8d8a82", "green": GREEN}


def bet():
    """Draw every way to spread 100 tokens over three boats, and what each costs by cross-entropy.

    Returns
    -------
    Showpiece
        A triangle of bets. The cost of a winner who holds so many tokens, the entropies and the
        forty races of each kind were computed here.

    Examples
    --------
    >>> bet().spec["signals"][-1]["name"]
    'mean'
    """
    cost = lossbook.categorical_crossentropy
    tokens = np.arange(STEPS + 1) / STEPS
    shares = np.stack([tokens, 1 - tokens, np.zeros_like(tokens)], axis=1)
    by_tokens = cost(np.tile([1.0, 0.0, 0.0], (STEPS + 1, 1)), shares)
    truths = {
        "red 50, white 30, green 20 of 100": [0.5, 0.3, 0.2],
        "each a third": [1 / 3, 1 / 3, 1 / 3],
        "red 80, green 20, white never": [0.8, 0.0, 0.2],
        "red always": [1.0, 0.0, 0.0],
    }
    rng = np.random.default_rng(0)
    races = [
        {"truth": name, "sunday": sunday + 1, "won": int(won)}
        for name, q in truths.items()
        for sunday, won in enumerate(rng.choice(3, SUNDAYS, p=q))
    ]
    places = [
        {"held": [red, white, STEPS - red - white]}
        for red in range(STEPS + 1)
        for white in range(STEPS + 1 - red)
    ]
    least = {name: float(cost([q], [q])[0]) for name, q in truths.items()}
    named = [{"boat": i, "name": name, "colour": colour} for i, (name, colour) in enumerate(BOATS.items())]

    tall = "0.8660254 * side"
    x_of, y_of = "left + side * ({0}[1] + {0}[2] / 2)", f"top + {tall} * (1 - {{0}}[2])"
    over_green = f"clamp(round({STEPS} * (1 - (y() - top) / ({tall}))), 0, {STEPS})"
    over_white = f"round({STEPS} * ((x() - left) / side - green / 200))"
    signals = [
        {"name": "side", "update": "min(width - 70, 340)"},
        {"name": "left", "update": "(width - side) / 2"},
        {"name": "top", "value": 30},
        {"name": "rows", "update": f"top + {tall} + 84"},
        {"name": "below", "update": "rows + 190"},
        _choice("truth", list(truths), next(iter(truths)), "how often each boat wins"),
        _slider("green", 0, 100, 5, 60, "tokens on green", on=_dragged(f"5 * {over_green}")),
        _slider(
            "asked", 0, 100, 5, 20, "tokens on white", on=_dragged(f"5 * clamp({over_white}, 0, {STEPS})")
        ),
        {"name": "white", "update": "min(asked, 100 - green)"},
        _slider("sunday", 1, SUNDAYS, 1, 10, "Sundays raced"),
        {"name": "held", "update": "[(100 - white - green) / 5, white / 5, green / 5]"},
        {"name": "p", "update": f"[held[0] / {STEPS}, held[1] / {STEPS}, held[2] / {STEPS}]"},
        {"name": "truths", "value": truths},
        {"name": "q", "update": "truths[truth]"},
        {"name": "costs", "value": by_tokens.tolist()},
        {"name": "entropies", "value": least},
        {"name": "least", "update": "entropies[truth]"},
        {"name": "mean", "update": "q[0] * costs[held[0]] + q[1] * costs[held[1]] + q[2] * costs[held[2]]"},
    ]
    running = [
        {"type": "filter", "expr": "datum.truth == truth"},
        {"type": "formula", "as": "cost", "expr": "costs[held[datum.won]]"},
        {
            "type": "window",
            "ops": ["mean"],
            "fields": ["cost"],
            "as": ["average"],
            "sort": {"field": "sunday"},
        },
    ]
    data = [
        {
            "name": "places",
            "values": places,
            "transform": [
                {
                    "type": "formula",
                    "as": "mean",
                    "expr": " + ".join(f"q[{i}] * costs[datum.held[{i}]]" for i in range(3)),
                },
                {
                    "type": "formula",
                    "as": "p",
                    "expr": "[" + ", ".join(f"datum.held[{i}] / {STEPS}" for i in range(3)) + "]",
                },
            ],
        },
        {"name": "boats", "values": named},
        {"name": "races", "values": races, "transform": running},
        {
            "name": "raced",
            "source": "races",
            "transform": [{"type": "filter", "expr": "datum.sunday <= sunday"}],
        },
        {
            "name": "last",
            "source": "races",
            "transform": [{"type": "filter", "expr": "datum.sunday == sunday"}],
        },
    ]
    shade = {"name": "shade", "type": "linear", "domain": [0, 2.5], "clamp": True}
    scales = [shade | {"range": {"scheme": "blues", "extent": [0.05, 0.85]}, "zero": False}]
    corner = [
        ("left", f"top + {tall} + 18", "all on red", "center", BOATS["red"]),
        ("left + side", f"top + {tall} + 18", "all on white", "center", BOATS["white"]),
        ("left + side / 2", "top - 18", "all on green", "center", BOATS["green"]),
    ]
    row = "rows + 50 * datum.boat"
    pull = "(p[datum.boat] - q[datum.boat])"
    average = "below + 150 - 150 * min({0}, 4) / 4"
    along = "36 + (width - 46) * (datum.sunday - 1) / " + str(SUNDAYS - 1)
    marks = [
        _mark(
            "symbol",
            "places",
            shape=_quoted(HEXAGON),
            size=f"pow(1.17 * side / {STEPS}, 2)",
            x=x_of.format("datum.p"),
            y=y_of.format("datum.p"),
            fill="scale('shade', datum.mean - least)",
        ),
        *(
            _text(x, y, _quoted(words), align=align, colour=_quoted(colour), weight="bold")
            for x, y, words, align, colour in corner
        ),
        _mark("symbol", shape="'cross'", size=170, x=x_of.format("q"), y=y_of.format("q"), fill="'#111'"),
        _mark(
            "symbol",
            shape="'circle'",
            size=190,
            x=x_of.format("p"),
            y=y_of.format("p"),
            fill="'#ffd166'",
            stroke="'#111'",
            strokeWidth=2,
        ),
        _mark(
            "path",
            name="grab",
            interactive=True,
            path=f"'M' + (left - 14) + ',' + (top + {tall} + 9) + 'h' + (side + 28) + "
            f"'l' + (-side / 2 - 14) + ',' + (-{tall} - 26) + 'Z'",
            fill="'transparent'",
            cursor="'pointer'",
        ),
        _text("0", "rows - 30", "'your tokens, and how often it wins (line)'", size=12, colour="muted"),
        _text("width", "rows - 30", "'p − q'", size=12, colour="muted", align="right"),
        _text(
            "0",
            row,
            "datum.name + ': ' + round(100 * p[datum.boat]) + ' tokens, ' + "
            "format(costs[held[datum.boat]], '.2f') + ' nats if it wins'",
            data="boats",
        ),
        _mark(
            "rect",
            "boats",
            x=0,
            y=f"{row} + 12",
            height=14,
            width="max(1, 0.6 * width * p[datum.boat])",
            fill="datum.colour",
        ),
        _mark(
            "rect",
            "boats",
            x="0.6 * width * q[datum.boat] - 1.5",
            y=f"{row} + 8",
            height=22,
            width=3,
            fill="ink",
        ),
        _mark(
            "rect",
            "boats",
            x=f"0.8 * width + min(0, 0.14 * width * {pull})",
            y=f"{row} + 12",
            height=14,
            width=f"abs(0.14 * width * {pull})",
            fill=f"{pull} > 0 ? {_quoted(RED)} : {_quoted(BLUE)}",
        ),
        _mark("rect", "boats", x="0.8 * width", y=f"{row} + 8", height=22, width=1, fill="muted"),
        _text("width", f"{row} + 19", f"format({pull}, '+.2f')", data="boats", align="right", size=12),
        _text(
            "0",
            "below - 26",
            "'on average ' + format(mean, '.2f') + ' nats; the least is ' + format(least, '.2f')",
            weight="bold",
            name="spoken_mean",
        ),
        _mark("rule", x=36, x2="width", y="below + 150", y2="below + 150", stroke="muted"),
        *(
            mark
            for value, words, side, drop in (
                (repr(float(np.log(3))), "an even spread", "right", -8),
                ("least", "the least", "left", 10),
            )
            for mark in (
                _mark(
                    "rule",
                    x=36,
                    x2="width",
                    y=average.format(value),
                    y2=average.format(value),
                    stroke="muted",
                    strokeDash="[4, 4]",
                ),
                _text(
                    "width" if side == "right" else "42",
                    f"{average.format(value)} + {drop}",
                    _quoted(words),
                    size=12,
                    align=side,
                    colour="muted",
                ),
            )
        ),
        *(
            _text("28", average.format(nats), f"'{nats}'", size=12, align="right", colour="muted")
            for nats in (0, 1, 2, 3)
        ),
        _mark(
            "line", "raced", x=along, y=average.format("datum.average"), stroke=_quoted(BLUE), strokeWidth=2.5
        ),
        _mark(
            "symbol",
            "last",
            x=along,
            y=average.format("datum.average"),
            size=90,
            fill=_quoted(BLUE),
        ),
        _text(
            "0",
            "below + 166",
            "'Sunday ' + sunday + ': ' + format(datum.average, '.2f') + ' nats each, fortune × ' + "
            f"format(exp(sunday * ({float(np.log(3))!r} - datum.average)), '.3~g')",
            data="last",
            name="spoken_last",
        ),
        _text("0", "below - 8", "'nats a Sunday, on average so far'", size=12, colour="muted"),
    ]
    text = """A triangle of all ways to spread 100 tokens over three boats, darker where cross-entropy is
        higher. A cross marks how often each boat wins, and a yellow point the bet, which can be dragged.
        Below, for each boat the tokens, the price if it wins, and the gradient p minus q; then the average
        price over forty Sundays, which comes to lie on a line no lower than the entropy."""
    return Showpiece("below + 180", signals, data, marks, text, scales)


# --- overlap is painted --------------------------------------------------------------------

SIDE = 12  # pixels of a mask, across and down
LEGEND = ("blue: logit pulled up; orange: pushed down", "below a map: the strongest of either kind")


def _spot(down, across, height, width):
    mask = np.zeros((SIDE, SIDE), dtype=int)
    mask[down : down + height, across : across + width] = 1
    return mask


def painting():
    """Draw a mask and an answer that can be painted, and where three losses pull each pixel.

    Returns
    -------
    Showpiece
        One canvas and three maps of gradients in the logit: binary cross-entropy, Dice, Tversky.

    Examples
    --------
    >>> len(painting().spec["data"][0]["values"])
    144
    """
    starts = {
        "a spot, and an answer beside it": (_spot(3, 3, 5, 5), _spot(4, 5, 5, 5)),
        "half of the spot found": (_spot(3, 3, 6, 6), _spot(3, 3, 6, 3)),
        "a small spot, missed": (_spot(5, 5, 2, 2), _spot(0, 0, 0, 0)),
        "no spot, and a false alarm": (_spot(0, 0, 0, 0), _spot(4, 4, 3, 3)),
        "everything marked": (_spot(4, 4, 4, 4), _spot(0, 0, SIDE, SIDE)),
        "nothing yet": (_spot(0, 0, 0, 0), _spot(0, 0, 0, 0)),
    }
    flat = {name: {"t": t.ravel().tolist(), "a": a.ravel().tolist()} for name, (t, a) in starts.items()}
    brushes = ["spot", "no spot", "answer", "no answer"]
    cell = f"(y() >= 0 && y() < canvas && x() >= 0 && x() < canvas ? {SIDE} * floor(y() / (canvas / {SIDE}))"
    cell += f" + floor(x() / (canvas / {SIDE})) : -1)"
    signals = [
        {"name": "canvas", "update": "min(width, 336)"},
        {"name": "map", "update": "(width - 20) / 3"},
        {"name": "maps", "update": "canvas + 96"},
        _choice(
            "brush", brushes, "answer", "paint", "radio", ["the spot", "no spot", "the answer", "no answer"]
        ),
        _choice("start", list(starts), next(iter(starts)), "start from"),
        _slider("sure", 0.55, 0.99, 0.01, 0.9, "probability where the answer is marked"),
        _slider("alpha", 0, 1, 0.1, 0.3, "Tversky's price of a false alarm (a miss costs the rest)"),
        {"name": "starts", "value": flat},
        {"name": "fresh", "value": 0, "on": [{"events": {"signal": "start"}, "update": "fresh + 1"}]},
        {"name": "stroke", "value": None, "on": _dragged(f"{{cell: {cell}, brush: brush}}")},
    ]
    touched = "data('pixels')[stroke.cell]"
    painted = {
        "trigger": "stroke && stroke.cell >= 0",
        "modify": touched,
        "values": "{fresh: fresh, "
        f"t: stroke.brush == 'spot' ? 1 : stroke.brush == 'no spot' ? 0 : {touched}.truth, "
        f"a: stroke.brush == 'answer' ? 1 : stroke.brush == 'no answer' ? 0 : {touched}.marked}}",
    }

    def formulas(**expressions):
        return [{"type": "formula", "as": name, "expr": text} for name, text in expressions.items()]

    eps = lossbook.EPSILON
    of_all = {"shared": "I", "p": "P", "truth": "T", "bce": "B", "hit": "H", "either": "E"}
    total = "datum.I + alpha * (datum.P - datum.I) + (1 - alpha) * (datum.T - datum.I)"
    sums = {
        "type": "joinaggregate",
        "ops": ["sum"] * len(of_all),
        "fields": list(of_all),
        "as": list(of_all.values()),
    }
    transform = [
        *formulas(
            truth="datum.fresh == fresh ? datum.t : starts[start].t[datum.i]",
            marked="datum.fresh == fresh ? datum.a : starts[start].a[datum.i]",
            p="datum.marked ? sure : 1 - sure",
            bce="-log(datum.truth ? datum.p : 1 - datum.p)",
            shared="datum.truth * datum.p",
            hit="datum.truth && datum.marked ? 1 : 0",
            either="datum.truth || datum.marked ? 1 : 0",
        ),
        sums,
        *formulas(
            chain="datum.p * (1 - datum.p)",
            agreement=f"2 * datum.I / (datum.T + datum.P + {eps})",
            total=f"{total} + {eps}",
            index="datum.I / datum.total",
        ),
        *formulas(
            g0=f"(datum.p - datum.truth) / {SIDE**2}",
            g1=f"datum.chain * (datum.agreement - 2 * datum.truth) / (datum.T + datum.P + {eps})",
            g2="datum.chain * (datum.index * alpha - datum.truth) / datum.total",
        ),
        {
            "type": "joinaggregate",
            "ops": ["min", "max"] * 3,
            "fields": ["g0", "g0", "g1", "g1", "g2", "g2"],
            "as": ["low0", "high0", "low1", "high1", "low2", "high2"],
        },
    ]
    pixels = [{"i": i, "t": 0, "a": 0, "fresh": -1} for i in range(SIDE**2)]
    first = [{"type": "filter", "expr": "datum.i == 0"}]
    data = [
        {"name": "pixels", "values": pixels, "on": [painted], "transform": transform},
        {"name": "one", "source": "pixels", "transform": first},
    ]
    big, small = f"canvas / {SIDE}", f"map / {SIDE}"
    row, column = f"floor(datum.i / {SIDE})", f"(datum.i % {SIDE})"
    marks = [
        _mark(
            "rect",
            "pixels",
            x=f"{column} * {big}",
            y=f"{row} * {big}",
            width=f"{big} - 1",
            height=f"{big} - 1",
            fill=f"datum.marked ? {_quoted('#5b9ccb')} : paper",
            stroke="rule",
        ),
        _mark(
            "symbol",
            "pixels",
            shape="'circle'",
            size=f"datum.truth ? 0.3 * pow({big}, 2) : 0",
            x=f"{big} * ({column} + 0.5)",
            y=f"{big} * ({row} + 0.5)",
            fill=_quoted(RED),
            stroke="'white'",
        ),
        _mark(
            "rect",
            name="grab",
            interactive=True,
            x=0,
            y=0,
            width="canvas",
            height="canvas",
            fill="'transparent'",
            stroke="muted",
            cursor="'crosshair'",
        ),
        _text(
            "0",
            "canvas + 18",
            "'dot: the true spot; blue: the answer'",
            size=12,
            colour="muted",
        ),
        _text(
            "0",
            "canvas + 40",
            "'IoU ' + format(datum.E ? datum.H / datum.E : 0, '.2f') + ': ' + datum.H + "
            "' pixels in both, ' + datum.E + ' in either'",
            data="one",
        ),
    ]
    names = (
        ("cross-entropy", f"datum.B / {SIDE**2}"),
        ("Dice", "1 - datum.agreement"),
        ("Tversky", "1 - datum.index"),
    )
    for k, (name, value) in enumerate(names):
        most = f"max(abs(datum.low{k}), abs(datum.high{k}), 1e-12)"
        left = f"{k} * (map + 10)"
        marks += [
            _text(left, "maps - 32", _quoted(name), data="one", weight="bold", name=f"spoken_name{k}"),
            _text(
                left, "maps - 14", f"format({value}, '.4f')", data="one", weight="bold", name=f"spoken_{k}"
            ),
            _mark(
                "rect",
                "pixels",
                x=f"{left} + {column} * {small}",
                y=f"maps + {row} * {small}",
                width=f"{small} - 0.5",
                height=f"{small} - 0.5",
                fill=f"datum.g{k} > 0 ? {_quoted(RED)} : {_quoted(BLUE)}",
                fillOpacity=f"0.04 + 0.96 * abs(datum.g{k}) / {most}",
            ),
            _mark("rect", x=left, y="maps", width="map", height="map", stroke="muted", fill="'transparent'"),
            _text(
                left, "maps + map + 14", f"'up ' + format(max(0, -datum.low{k}), '.1e')", data="one", size=12
            ),
            _text(
                left,
                "maps + map + 30",
                f"'down ' + format(max(0, datum.high{k}), '.1e')",
                data="one",
                size=12,
            ),
        ]
    for line, words in enumerate(LEGEND):
        marks.append(_text("0", f"maps + map + {52 + 17 * line}", _quoted(words), size=12, colour="muted"))
    text = """A canvas of 12 by 12 pixels, on which the true spot (dots) and the answer (blue) can be painted.
        Below it three maps: the gradient of binary cross-entropy, Dice and Tversky in the logit of each
        pixel, blue where it is pulled up and orange where it is pushed down, with the value of each loss."""
    return Showpiece("maps + map + 79", signals, data, marks, text)


# --- the lattice of CTC --------------------------------------------------------------------

FRAMES = 6
SYMBOLS = ("blank", "chiff", "chaff")


def lattice():
    """Draw the states of a transcript over six frames, with the probability that a path passes each.

    Returns
    -------
    Showpiece
        Scores that can be dragged, the lattice with its posteriors, and the gradient p − q.

    Examples
    --------
    >>> lattice().text[:38]
    'Three rows of probabilities, one colum'
    """
    transcripts = {"chiff chaff": [1, 2], "chiff chiff": [1, 1]}
    eye = 3.0 * np.eye(3)
    starts = {
        "two faint calls": 0.5 * eye[[0, 1, 0, 0, 2, 0]],
        "two clear calls": eye[[0, 1, 0, 0, 2, 0]],
        "chiff held, then chaff": eye[[1, 1, 1, 2, 2, 2]],
        "chiff, gap, chiff": eye[[0, 1, 1, 0, 1, 1]],
        "nothing learnt yet": 0.0 * eye[[0] * FRAMES],
        "sure, and wrong": eye[[0, 2, 2, 0, 1, 1]],
    }
    scores = {name: song.ravel().tolist() for name, song in starts.items()}
    skip = {name: int(symbols[0] != symbols[1]) for name, symbols in transcripts.items()}
    paths = {}
    for name, label in transcripts.items():
        loss = lossbook.ctc([label], np.zeros((1, FRAMES, 3)))[0]  # every path is as likely as any other
        paths[name] = round(float(np.exp(-loss)) * 3**FRAMES)

    frames, states = range(FRAMES), range(5)
    cells = [(t, k) for t in frames for k in range(3)]
    up = "clamp(before.score + (before.y - y()) / 14, -4, 8)"
    at_frame = f"clamp(floor((x() - left) / step), 0, {FRAMES - 1})"
    at_symbol = "clamp(floor((y() - 34) / 34), 0, 2)"
    down = "@grab:pointerdown"
    drag = "[@grab:pointerdown, window:pointerup] > window:pointermove!"
    signals = [
        {"name": "left", "value": 52},
        {"name": "step", "update": f"(width - left) / {FRAMES}"},
        {"name": "states", "value": 190},
        {"name": "pulls", "value": 460},
        _choice("label", list(transcripts), "chiff chaff", "transcript"),
        _choice("start", list(scores), next(iter(scores)), "start from"),
        {
            "name": "frame",
            "value": 2,
            "bind": {"input": "range", "min": 1, "max": FRAMES, "step": 1, "name": "frame "},
            "on": [{"events": down, "update": f"1 + {at_frame}"}],
        },
        {
            "name": "symbol",
            "value": 1,
            "bind": {"input": "radio", "options": [0, 1, 2], "labels": list(SYMBOLS), "name": "symbol "},
            "on": [{"events": down, "update": at_symbol}],
        },
        {"name": "scores", "value": scores},
        {
            "name": "before",
            "value": {"y": 0, "score": 0},
            "on": [{"events": down, "update": f"{{y: y(), score: z[3 * {at_frame} + {at_symbol}]}}"}],
        },
        {
            "name": "score",
            "value": 1.5,
            "bind": {"input": "range", "min": -4, "max": 8, "step": 0.1, "name": "its score (logit) "},
            "on": [
                {"events": {"signal": "frame"}, "update": "z[3 * (frame - 1) + symbol]"},
                {"events": {"signal": "symbol"}, "update": "z[3 * (frame - 1) + symbol]"},
                {"events": {"signal": "start"}, "update": "scores[start][3 * (frame - 1) + symbol]"},
                {"events": drag, "update": up},
            ],
        },
    ]
    first = next(iter(scores.values()))
    for t, k in cells:
        chosen = f"frame == {t + 1} && symbol == {k}"
        signals.append(
            {
                "name": f"z{t}{k}",
                "value": first[3 * t + k],
                "on": [
                    {"events": {"signal": "score"}, "update": f"{chosen} ? score : z{t}{k}"},
                    {"events": {"signal": "start"}, "update": f"scores[start][{3 * t + k}]"},
                ],
            }
        )
    signals.append({"name": "z", "update": "[" + ", ".join(f"z{t}{k}" for t, k in cells) + "]"})
    signals.append({"name": "skips", "update": f"({json.dumps(skip)})[label]"})
    signals.append({"name": "second", "update": "label == 'chiff chaff' ? 2 : 1"})
    spoken = ["0", "1", "0", "second", "0"]  # what each state says

    def listed(name, entries):
        signals.append({"name": name, "update": "[" + ", ".join(entries) + "]"})

    for t in frames:
        raised = [f"exp(z{t}{k})" for k in range(3)]
        listed(f"y{t}", [f"{one} / ({' + '.join(raised)})" for one in raised])
    listed("a0", ["y0[0]", "y0[1]", "0", "0", "0"])
    for t in frames[1:]:
        sources = [
            " + ".join(
                [f"a{t - 1}[{s}]"]
                + ([f"a{t - 1}[{s - 1}]"] if s else [])
                + ([f"skips * a{t - 1}[{s - 2}]"] if s == 3 else [])
            )
            for s in states
        ]
        listed(f"a{t}", [f"({source}) * y{t}[{spoken[s]}]" for s, source in enumerate(sources)])
    listed(f"b{FRAMES - 1}", ["0", "0", "0", "1", "1"])
    for t in reversed(frames[:-1]):
        following = [[s, s + 1] + ([3] if s == 1 else []) for s in states]
        entries = []
        for s, targets in enumerate(following):
            terms = [
                ("skips * " if s == 1 and n == 3 else "") + f"b{t + 1}[{n}] * y{t + 1}[{spoken[n]}]"
                for n in targets
                if n < 5
            ]
            entries.append(" + ".join(terms))
        listed(f"b{t}", entries)
    signals.append({"name": "P", "update": f"a{FRAMES - 1}[3] + a{FRAMES - 1}[4]"})
    for name in ("y", "a", "b"):
        listed(f"{name}s", [f"{name}{t}" for t in frames])

    def posterior(t, s):
        return f"as[{t}][{s}] * bs[{t}][{s}] / P"

    nodes = [{"t": t, "s": s} for t in frames for s in states]
    edges = [
        {"t": t, "s": s, "n": n, "skip": int(n == s + 2)}
        for t in frames[:-1]
        for s in states
        for n in (s, s + 1, *([3] if s == 1 else []))
        if n < 5
    ]
    says = f"[{', '.join(spoken)}]"
    flow = f"as[datum.t][datum.s] * ys[datum.t + 1][({says})[datum.n]] * bs[datum.t + 1][datum.n] / P"
    needed = " + ".join(f"(({says})[{s}] == datum.k ? {posterior('datum.t', s)} : 0)" for s in states)
    data = [
        {
            "name": "cells",
            "values": [{"t": t, "k": k} for t, k in cells],
            "transform": [
                {"type": "formula", "as": "p", "expr": "ys[datum.t][datum.k]"},
                {"type": "formula", "as": "q", "expr": needed},
                {"type": "formula", "as": "gradient", "expr": "datum.p - datum.q"},
            ],
        },
        {
            "name": "nodes",
            "values": nodes,
            "transform": [{"type": "formula", "as": "passed", "expr": posterior("datum.t", "datum.s")}],
        },
        {
            "name": "edges",
            "values": edges,
            "transform": [
                {"type": "formula", "as": "flow", "expr": f"(datum.skip ? skips : 1) * {flow}"},
                {"type": "filter", "expr": "!datum.skip || skips"},
            ],
        },
        {"name": "rows", "values": [{"k": k, "name": name} for k, name in enumerate(SYMBOLS)]},
        {"name": "places", "values": [{"s": s} for s in states]},
        {"name": "times", "values": [{"t": t} for t in frames]},
    ]
    colours = _quoted([MUTED, BLUE, GREEN])
    middle, high = "left + step * ({0} + 0.5)", "states + 34 + 44 * {0}"
    zero = "pulls + 22 + 50 * datum.k"
    marks = [
        _text(
            "0",
            "4",
            "'loss ' + format(-log(P), '.3f') + ' nats = −log ' + format(P, '.3~g') + ', over ' + "
            f"({json.dumps(paths)})[label] + ' paths'",
            weight="bold",
            name="spoken_loss",
        ),
        _text("0", "22", "'what it says (drag a cell up or down)'", size=12, colour="muted"),
        _mark(
            "rect",
            "cells",
            x="left + step * datum.t",
            y="34 + 34 * datum.k",
            width="step - 2",
            height=32,
            fill=f"({colours})[datum.k]",
            fillOpacity="0.06 + 0.94 * datum.p",
            stroke="frame == datum.t + 1 && symbol == datum.k ? ink : rule",
            strokeWidth="frame == datum.t + 1 && symbol == datum.k ? 3 : 1",
        ),
        _text(
            middle.format("datum.t"),
            "50 + 34 * datum.k",
            "format(datum.p, '.2f')",
            data="cells",
            align="center",
            colour="datum.p > 0.55 ? 'white' : ink",
        ),
        _text("0", "50 + 34 * datum.k", "datum.name", data="rows", size=12),
        _mark(
            "rect",
            name="grab",
            interactive=True,
            x="left",
            y=34,
            width="width - left",
            height=102,
            fill="'transparent'",
            cursor="'ns-resize'",
        ),
        _text(
            middle.format("datum.t"),
            "146",
            "datum.t + 1",
            data="times",
            align="center",
            size=12,
            colour="muted",
        ),
        _text("0", "146", "'frame'", size=12, colour="muted"),
        _text("0", "176", "'how likely each state and step is'", size=12),
        _mark(
            "rule",
            "edges",
            x=middle.format("datum.t"),
            y=high.format("datum.s"),
            x2=middle.format("(datum.t + 1)"),
            y2=high.format("datum.n"),
            stroke="ink",
            strokeWidth="0.6 + 9 * datum.flow",
            strokeOpacity="0.12 + 0.6 * datum.flow",
            strokeCap="'round'",
        ),
        _mark(
            "symbol",
            "nodes",
            shape="'circle'",
            x=middle.format("datum.t"),
            y=high.format("datum.s"),
            size="30 + 640 * datum.passed",
            fill=f"({colours})[({says})[datum.s]]",
            stroke="paper",
        ),
        _text(
            "0",
            high.format("datum.s"),
            f"({json.dumps(list(SYMBOLS))})[({says})[datum.s]]",
            data="places",
            size=12,
        ),
        _text("0", "pulls - 26", "'gradient p − q: said minus needed'", size=12, colour="muted"),
        _mark("rule", "rows", x="left", x2="width", y=zero, y2=zero, stroke="muted"),
        _text("0", zero, "datum.name", data="rows", size=12),
        _mark(
            "rect",
            "cells",
            x="left + step * datum.t + 0.2 * step",
            width="0.6 * step",
            y=f"{zero} - max(0, 22 * datum.gradient)",
            height="abs(22 * datum.gradient)",
            fill=f"datum.gradient > 0 ? {_quoted(RED)} : {_quoted(BLUE)}",
        ),
        _text(
            middle.format("datum.t"),
            f"{zero} + (datum.gradient > 0 ? 9 : -9)",
            "format(datum.gradient, '+.2f')",
            data="cells",
            align="center",
            size=11,
        ),
        _text(
            "0",
            "pulls + 158",
            "'orange: pushed down; blue: pulled up'",
            size=12,
            colour="muted",
        ),
    ]
    text = """Three rows of probabilities, one column for each of six frames; a cell can be dragged to change
        its score. Below, the lattice: five states from top to bottom, the frames from left to right, with
        lines as thick as the steps are likely and circles as large as the states are. Below that, bars of
        the gradient p minus q for each symbol and frame."""
    return Showpiece("pulls + 170", signals, data, marks, text)
