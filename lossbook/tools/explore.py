"""Charts with sliders: a loss and its slope, moving, with no kernel and no network.

Every number of a chart is computed here, by the losses of this package, before it is drawn.
The sliders only choose which of them are shown. So a stored chart moves in JupyterLab and
on a page of the site alike. A still picture stands beside it, for where nothing moves, such as GitHub.

Nothing here is loaded by ``import lossbook``, and Altair only by the first call.
"""

import base64
import inspect
import io
import itertools
import json
import math

import numpy as np

from lossbook.tools.numeric import jumps, loss_and_slope_at
from lossbook.tools.plots import INK, MUTED, PALETTE, RULE

__all__ = ["MIMES", "MOST_BYTES", "Moving", "explore", "slider"]

MIMES = ("application/vnd.vegalite.v5+json", "application/vnd.vega.v5+json")
"""The types of output that JupyterLab draws, Vega-Lite for charts with sliders and Vega for pieces."""

MOST_BYTES = 200_000
"""The most that a chart may take as JSON, so that a page with one opens at once."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
STILL = "A still: the sliders move it in JupyterLab and on the site."
NOTE = {
    "text": STILL,
    "orient": "bottom",
    "anchor": "start",
    "fontWeight": "normal",
    "fontSize": 12,
    "color": MUTED,
}
VEGA_LITE = "5.8"  # the oldest that vl-convert has, and the nearest to JupyterLab's own
SHARPNESS = 1.5  # pixels of a still to one of the chart
COLOURS = 32  # of a still: a tenth of the bytes, and they look the same
MOST_POINTS = 6_000  # of all curves of a chart that is made finer than its slider
SMOOTH = 45  # pieces of a curve, or more, where the bytes allow it: no corner shows between two
WIDTH, HEIGHT = 560, 210  # of a plot, in pixels
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
    """A chart with sliders, as Jupyter stores it: JSON, a still picture, and a text that says what it shows.

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
    ['application/vnd.vegalite.v5+json', 'image/png', 'text/plain']
    """

    MIME = MIMES[0]

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
        still = self.still()
        picture = {"image/png": base64.b64encode(still).decode()} if still else {}
        return {self.MIME: self.spec, **picture, "text/plain": repr(self)}

    def still(self):
        """Draw the chart as it stands at first, without sliders.

        Returns
        -------
        bytes or None
            A PNG; None where vl-convert, which draws it, or Matplotlib, whose fonts it takes, is not
            installed.
        """
        try:
            import matplotlib
            import vl_convert
            from PIL import Image
        except ModuleNotFoundError:
            return None
        vl_convert.register_font_directory(f"{matplotlib.get_data_path()}/fonts/ttf")
        drawn = Image.open(io.BytesIO(self._drawn(vl_convert)))
        small = io.BytesIO()
        drawn.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        return small.getvalue()

    def _drawn(self, vl_convert):
        """Return the still as a PNG, with a note below it."""
        return vl_convert.vegalite_to_png(
            {**self.spec, "title": {**NOTE, "offset": 12}}, VEGA_LITE, SHARPNESS
        )


def slider(name, steps, start, text=None, words=None):
    """Make an Altair parameter that a slider sets, or a choice between words.

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
    words : sequence of str, optional
        What each place means, where the number is a code: the reader chooses among these words.

    Returns
    -------
    altair.Parameter

    Raises
    ------
    ValueError
        If the steps do not lead from the lowest value to the highest, or miss `start`, or if the
        words are not one for each place.
    ImportError
        If Altair is not installed.

    Examples
    --------
    >>> slider("delta", (0.5, 2.0, 0.5), start=1.0).name
    'delta'
    >>> slider("label", (0, 1, 1), start=1, words=["fine", "burnt"]).param.bind.labels
    ['fine', 'burnt']
    """
    places = _places(name, steps)
    if not np.isclose(places, start, rtol=0, atol=1e-9).any():
        raise ValueError(
            f"Received start={start!r} for {name}; expected one of {_few(places)}. Move it to a step."
        )
    low, high, step = (_number(number) for number in steps)
    if words is None:
        binding = _altair().binding_range(min=low, max=high, step=step, name=f"{text or name} ")
    elif len(words) == len(places):
        options = [_number(place) for place in places]
        binding = _altair().binding_radio(options=options, labels=list(words), name=f"{text or name} ")
    else:
        raise ValueError(
            f"Received {len(words)} words for {name}; expected {len(places)}. Give one for each place."
        )
    return _altair().param(name=name, value=_number(start), bind=binding)


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
    words=None,
    parts=None,
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
    words : dict of str to sequence of str, optional
        For a control whose numbers are codes: what each of them means, to choose by.
    parts : int, optional
        How many pieces the curve has from one place of the prediction to the next. None takes as
        many as look smooth: an odd number, since a kink often lies halfway.
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
    >>> chart = explore(lossbook.huber, prediction=(-3, 3, 1), delta=(1, 2, 1), parts=1, about="A bowl.")
    >>> chart.spec["datasets"]["settings"][0]["loss"]
    [2.5, 1.5, 0.5, 0, 0.5, 1.5, 2.5]
    """
    alt = _altair()
    units, names = units or {}, names or {}
    steps = {"prediction": prediction, **controls}
    start = {name: _middle(name, steps[name]) for name in steps} | (start or {})
    words = words or {}
    fine = (*prediction[:2], prediction[2] / (parts or _parts(prediction, controls)))
    places = _places("prediction", fine)
    settings = _settings(loss, batch, places, controls)
    heights = _heights(settings) | (heights or {})
    called = {name: f"{names.get(name, name)}{_in_brackets(units.get(name))}" for name in steps}
    sliders = [
        slider(f"set_{name}", steps[name], start[name], called[name], words.get(name)) for name in steps
    ]

    rows = alt.NamedData("settings")
    columns = [name for name in ("loss", "slope", "piece") if name in settings[0]]
    by_piece = {"detail": "piece:N"} if "piece" in columns else {}
    torn = any(_is_torn(row, places[1] - places[0]) for row in settings)
    chosen = _chosen(controls, {name: f"set_{name}" for name in controls})
    curve = _laid_out(alt, rows, columns, places, chosen)
    ghost = _laid_out(alt, rows, columns, places, _chosen(controls, start))
    here = f"abs(datum.prediction - set_prediction) < {_number(fine[2]) / 2}"
    spot = curve.transform_filter(here)
    across = alt.Scale(domain=[places[0], places[-1]], nice=False)
    x = {"title": called["prediction"], "scale": across}

    def panel(what, height):
        unit = _in_brackets(units.get(what))
        scale = alt.Scale(domain=list(heights[what]), nice=False, zero=False)
        y = {"title": f"{what}{unit}", "scale": scale}
        place = {"x": alt.X("prediction:Q", **x), "y": alt.Y(f"{what}:Q", **y)}
        apart = by_piece if what == "slope" or torn else {}  # a corner tears the slope, not the loss
        colour = PALETTE["blue"] if what == "loss" else PALETTE["orange"]
        line = curve.mark_line(color=colour, strokeWidth=2.5, clip=True).encode(**place, **apart)
        earlier = ghost.mark_line(color="#a9a294", strokeWidth=1.2, clip=True).encode(**place, **apart)
        dot = spot.mark_point(color=INK, filled=True, size=80, opacity=1, clip=True).encode(**place)
        layers = [earlier, line] if pale and controls else [line]
        if what == "loss":
            layers.append(_tangent(alt, spot, places, heights, x, y))
        return alt.layer(*layers, dot).properties(width=WIDTH, height=height)

    reading = _readout(alt, spot, names, units)
    above, below = panel("loss", HEIGHT), panel("slope", 130)
    chart = alt.vconcat(reading, above, below, spacing=8).add_params(*sliders)
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
        row = {name: _number(value) for name, value in setting.items()}
        curve = {"loss": [_short(value) for value in losses], "slope": [_short(slope) for slope in slopes]}
        rows.append({**row, **curve, "piece": pieces})
    if not any(row["piece"][-1] for row in rows):  # no jump anywhere: nothing to tell apart
        rows = [{name: value for name, value in row.items() if name != "piece"} for row in rows]
    return rows


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


def _laid_out(alt, rows, columns, places, condition):
    """Return the chosen row, laid out: one datum for each place."""
    step = _number(places[1] - places[0])
    chart = alt.Chart(rows).transform_filter(condition) if condition else alt.Chart(rows)
    sequence = f"sequence({_number(places[0])}, {_number(places[-1] + step / 2)}, {step})"
    return chart.transform_calculate(prediction=sequence).transform_flatten(["prediction", *columns])


def _chosen(controls, against):
    """Return the condition that picks one setting of the controls, each within half a step."""
    return " && ".join(
        f"abs(datum.{name} - {against[name]}) < {_number(controls[name][2]) / 2}" for name in controls
    )


def _tangent(alt, spot, places, heights, x, y):
    """Return a short line through the point, as steep as the slope there, always of one length on screen."""
    across = (places[-1] - places[0]) / WIDTH  # of a pixel
    up = (heights["loss"][1] - heights["loss"][0]) / HEIGHT
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
        found[what] = (_number(low - room), _number(high + room))
    return found


def _described(loss, steps, start, called, about):
    """Say in words what the chart shows."""
    moving = "; ".join(
        f"{called[name]} from {_number(low)} to {_number(high)}" for name, (low, high, _) in steps.items()
    )
    first = ", ".join(f"{name} {_number(start[name])}" for name in steps)
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


def _parts(prediction, controls):
    """Return how many pieces of a curve one step of the prediction takes: 1, 3 or 5.

    Examples
    --------
    >>> _parts((0, 1, 0.05), {}), _parts((0, 1, 0.01), {}), _parts((0, 1, 0.05), {"delta": (0, 600, 1)})
    (3, 1, 1)
    """
    stops = len(_places("prediction", prediction)) - 1
    curves = math.prod(len(_places(name, steps)) for name, steps in controls.items())
    smooth = next((parts for parts in (1, 3, 5) if parts * stops >= SMOOTH), 5)
    return next(
        (parts for parts in (5, 3, 1) if parts <= smooth and parts * stops * curves <= MOST_POINTS), 1
    )


def _middle(name, steps):
    places = _places(name, steps)
    return places[len(places) // 2]


def _short(number):
    """Round to 4 digits, as many as a reader of a chart can see; None where there is no number."""
    return _number(float(f"{number:.4g}")) if math.isfinite(number) else None


def _number(number):
    """Return a whole number as int, any other as float: short in JSON."""
    number = round(float(number), 10)
    return int(number) if number.is_integer() else number


def _few(places):
    return ", ".join(str(_number(place)) for place in places[:6]) + (", …" if len(places) > 6 else "")


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
