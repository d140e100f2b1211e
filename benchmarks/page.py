"""From the record to the page: six lines, one picture, and where lossbook is slower.

python -m benchmarks.page        writes the book's page anew from benchmarks/results.json
"""

import json
import math
import sys
from pathlib import Path
from statistics import median

from lossbook.tools.render import markdown_table, text_table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "notebooks" / "reference" / "speed.md"
CHART = PAGE.with_name("speed.png")
FEW = 6  # rows of the table of losses


# --- numbers ---------------------------------------------------------------------------------------


def shown(number):
    """Keep four digits: what is measured has no more.

    Examples
    --------
    >>> shown(0.000123456)
    0.0001235
    """
    return float(f"{number:.4g}")


def times(ratio):
    """Write a ratio with two digits.

    Examples
    --------
    >>> times(0.7712), times(2.61), times(61.4)
    ('0.77', '2.6', '61')
    """
    return f"{ratio:.2f}" if ratio < 1 else f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}"


def duration(seconds):
    """Write a time with its unit.

    Examples
    --------
    >>> duration(4.21e-6), duration(0.0123), duration(2.5)
    ('4.2 µs', '12 ms', '2.5 s')
    """
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    unit, size = next((unit, size) for unit, size in units.items() if seconds >= size or unit == "µs")
    return f"{times(seconds / size)} {unit}"


def words(label):
    return label.replace("(from_logits=True)", ", from logits").replace("_", " ")


# --- ratios -----------------------------------------------------------------------------------------

NOISE = 1.1  # two halves of the rounds differ by so much


def ratios(results, ours="lossbook"):
    """Return a row for each cell and peer: the peer's seconds over ours, above 1 where lossbook is faster.

    It is *even* where the odd rounds and the even ones do not agree, beyond their noise, about who is ahead.
    """
    own = {key for key, one in results["peers"].items() if one["title"].startswith("lossbook")}
    rows = []
    for cell in results["cells"]:
        for key, theirs in cell["seconds"].items():
            if ours in cell["seconds"] and key not in own:
                ratio = theirs / cell["seconds"][ours]
                pair = [cell.get("halves", cell["seconds"])[one] for one in (ours, key)]
                halves = [b / a for a, b in zip(*pair, strict=True)] if "halves" in cell else [ratio]
                even = "halves" in cell and min(halves) < NOISE and max(halves) > 1 / NOISE
                rows.append({**cell, "peer": key, "ratio": ratio, "even": even})
    return rows


def by_peer(rows):
    """Return the rows of each peer, in the order of the record."""
    found = {}
    for row in rows:
        found.setdefault(row["peer"], []).append(row)
    return found


def ahead(rows):
    """Return how many comparisons lossbook leads, how many are even, and how many it loses."""
    even = sum(row["even"] for row in rows)
    lead = sum(row["ratio"] > 1 and not row["even"] for row in rows)
    return lead, even, len(rows) - lead - even


def place(row):
    return f"{words(row['loss'])}, {row['size']}, {row['dtype']}, {row['mode']}"


def peer_table(results):
    head = [
        "peer",
        "comparisons",
        "lossbook",
        "ahead",
        "even",
        "behind",
        "median ratio",
        "worst ratio",
        "there",
    ]
    lines = []
    for ours, title in (("lossbook", "plain"), ("fast", "fast")):
        for key, rows in by_peer(ratios(results, ours)).items():
            worst, middle = min(rows, key=lambda row: row["ratio"]), median(row["ratio"] for row in rows)
            counts = [str(count) for count in ahead(rows)]
            name = [results["peers"][key]["title"], str(len(rows)), title]
            lines.append([*name, *counts, times(middle), times(worst["ratio"]), place(worst)])
    return head, lines


def loss_table(results, ours="fast"):
    """Return the losses that are slowest against their fastest peer at the large size, the slowest first."""
    rows = [row for row in ratios(results, ours) if row["size"] == "large" and row["mode"] == "both"]
    worst = {}
    for row in rows:
        if row["ratio"] < worst.get(row["loss"], {"ratio": math.inf})["ratio"]:
            worst[row["loss"]] = row
    found = sorted(worst.values(), key=lambda row: row["ratio"])[:FEW]
    head = ["loss", "type", "plain", "fast", "fastest peer", "its time", "ratio"]
    return head, [
        [
            words(row["loss"]),
            row["dtype"],
            *(duration(row["seconds"][key]) for key in ("lossbook", "fast")),
            results["peers"][row["peer"]]["title"],
            duration(row["seconds"][row["peer"]]),
            times(row["ratio"]),
        ]
        for row in found
    ]


# --- the page ----------------------------------------------------------------------------------------


def page(results):
    """Return the book's page."""
    about, loop = results["machine"], results.get("loop")
    lead, even, behind = ahead(ratios(results, "fast"))
    missing = [one["title"] for one in results["peers"].values() if one["missing"]]
    versions = {name: v for one in results["peers"].values() for name, v in one.get("versions", {}).items()}
    counted = f"{len({cell['loss'] for cell in results['cells']})} losses and settings"
    sizes = " or ".join(f"{'×'.join(map(str, size))} ({name})" for name, size in results["sizes"].items())
    return f"""# How fast the losses are

lossbook is plain NumPy, one step a line. We timed it as it comes and with `lossbook.fast()`, beside other
ways to compute the same {counted}: the value alone, and value and gradient together
("both"), of {sizes} numbers, in float32 and in float64. CTC takes frames and Circle pairs,
about as many.

In each round every contestant runs for some milliseconds, in turn. A *ratio* is the peer's {results["timed"]}
divided by lossbook's {results["timed"]}: at 2 lossbook is twice as fast, at 0.5 the peer is. A comparison is
*even* where odd and even rounds do not agree, by more than a tenth, about who is ahead.
Contestants whose number differs from lossbook's by more than 0.2 % are left out.

{markdown_table(*peer_table(results))}

![For each loss and size an open mark, plain, and a full one, fast, against the ratio.](speed.png)

*The ratio of lossbook's time to that of the fastest peer, value and gradient together in float32: plain lines
(open) and `lossbook.fast()` (full). Left of the line at 1 lossbook is slower.*

{FROM_LINE_TO_LOOP.format(loop=loop) if loop else BEFORE_LOOPS}## Where lossbook is slower

With `lossbook.fast()` it is ahead in {lead} of {lead + even + behind} comparisons, even in {even} and behind
in {behind}. Compared with the fastest peer, value and gradient together at the large size, these losses
are furthest behind or least ahead:

{markdown_table(*loss_table(results))}

## What it was measured on

{about["cpu"]}, {about["cores"]} cores, {about["vectors"]}, {about["system"]}; Python {about["python"]},
NumPy {about["numpy"]}, {", ".join(f"{name} {version}" for name, version in versions.items())}.
The run took {results["minutes"]:.0f} minutes. Not installed there: {", ".join(missing) or "none"}.
`make bench` measures all of it again on your machine and writes this page; every number is in
`benchmarks/results.json`.
"""


BEFORE_LOOPS = """These numbers are older than the loops that Numba compiles: `lossbook.fast()` only
shared a large batch among threads then. What it compiles today is measured by `make bench`.

"""

FROM_LINE_TO_LOOP = """## How a plain line becomes a loop

NumPy computes one step for all numbers before it goes on to the next, so that each step of a formula reads
and writes the whole batch. A compiled peer makes one pass. With Numba (`pip install 'lossbook[fast]'`) the
fast mode does, too, and lossbook's lines stay as they are: the function of the loss is called once with
stand-ins for its arrays, which note each step; the steps become the body of a loop; and Numba compiles the
loop. For Huber, value and slope in one pass:

```python
{loop}
```

`lossbook.fast.loops(lossbook.Huber())` shows all of it. It loses where a peer computes fewer expensive
functions for each number, and where the plain lines still run, as those of CTC do.

"""


def draw(results, path):
    """Draw, for each size, a row for each loss: the ratio to the fastest peer, plain and compiled."""
    from matplotlib.figure import Figure

    losses = list(dict.fromkeys(cell["loss"] for cell in results["cells"]))
    figure = Figure(figsize=(9, 0.25 * len(losses) + 1.2), layout="constrained")
    panels = figure.subplots(1, len(results["sizes"]), sharex=True, sharey=True, squeeze=False)[0]
    for axes, size in zip(panels, results["sizes"], strict=True):
        for ours, face, title in (("lossbook", "none", "plain"), ("fast", "C0", "fast")):
            least = {}
            for row in ratios(results, ours):
                if (row["size"], row["mode"], row["dtype"]) == (size, "both", "float32"):
                    least[row["loss"]] = min(row["ratio"], least.get(row["loss"], math.inf))
            heights = [len(losses) - losses.index(loss) for loss in least]
            axes.plot([*least.values()], heights, "o", mfc=face, mec="C0", ms=5, label=title)
        axes.axvline(1, color="0.4", lw=1)
        axes.set(xscale="log", title=size)
        axes.grid(axis="y", lw=0.3)
    panels[0].set_yticks(range(len(losses), 0, -1), [words(loss) for loss in losses], fontsize=8)
    figure.supxlabel("time of the fastest peer / time of lossbook", fontsize=10)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2, fontsize=8)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def write_page(results, whole):
    """Print the two tables; of a whole run write the record, the page and the picture as well."""
    for head, rows in (peer_table(results), loss_table(results)):
        print(text_table(head, rows, width=160), end="\n\n")
    if not whole:
        print("Nothing was written: the record and the book's page are made by a whole run, make bench.")
        return
    rest = json.dumps({**results, "cells": []}, indent=1, ensure_ascii=False)
    cells = ",\n".join("  " + json.dumps(cell, ensure_ascii=False) for cell in results["cells"])
    RESULTS.write_text(rest.replace('"cells": []', f'"cells": [\n{cells}\n ]') + "\n", encoding="utf-8")
    write_again(results)


def write_again(results):
    PAGE.write_text(page(results), encoding="utf-8")
    draw(results, CHART)


if __name__ == "__main__":
    sys.exit(write_again(json.loads(RESULTS.read_text(encoding="utf-8"))))
