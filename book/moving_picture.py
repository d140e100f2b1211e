"""Draw the moving picture of README.md: Huber's loss, first with the prediction moved, then with delta.

    python book/moving_picture.py

A README runs no script, so the chart's sliders are moved here, and each place they stop at is a frame.
"""

import io
from pathlib import Path

import matplotlib
import numpy as np
import vl_convert
from PIL import Image

import lossbook
from lossbook.tools.explore import COLOURS, VEGA_LITE

PICTURE = Path(__file__).parent / "_static" / "readme-chart.gif"
FRAME = 90  # milliseconds


def stops():
    """Yield where the sliders stand, frame by frame: there and back, so that the end meets the beginning."""
    there = np.arange(-3, 3.01, 0.25)
    wider = np.arange(1, 3.01, 0.25)
    yield from ({"prediction": p, "delta": 1.0} for p in there)
    yield from ({"prediction": 3.0, "delta": d} for d in [*wider, *wider[::-1]])
    yield from ({"prediction": p, "delta": 1.0} for p in there[::-1])


def frame(start):
    """Draw the chart as it looks with its sliders there."""
    chart = lossbook.explore(
        lossbook.huber,
        prediction=(-4, 4, 0.25),
        delta=(1, 3, 0.25),
        start=start,
        heights={"loss": (-0.2, 6), "slope": (-3.2, 3.2)},
        pale=False,
        about="A valley with straight sides.",
    )
    drawn = vl_convert.vegalite_to_png(chart.spec, VEGA_LITE, 1.0)
    return Image.open(io.BytesIO(drawn)).convert("RGB")


def main():
    vl_convert.register_font_directory(f"{matplotlib.get_data_path()}/fonts/ttf")
    frames = [frame(start) for start in stops()]
    palette = frames[0].quantize(COLOURS, dither=Image.Dither.NONE)
    frames = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in frames]
    frames[0].save(PICTURE, save_all=True, append_images=frames[1:], duration=FRAME, loop=0, optimize=True)
    print(f"{PICTURE.name}: {len(frames)} frames, {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
