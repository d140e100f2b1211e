"""From the record to the page: six lines, one picture, and where lossbook is slower.

python -m benchmarks.page        writes the book's page anew from benchmarks/results.json
"""

import json
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


def ratios(results, ours="lossbook"):
    """Return a row for each cell and peer: the peer's seconds over ours, above 1 where lossbook is faster."""
    own = {key for key, one in results["peers"].items() if one["title"].startswith("lossbook")}
    return [
        {**cell, "peer": key, "ratio": theirs / cell["seconds"][ours]}
        for cell in results["cells"]
        if ours in cell["seconds"]
        for key, theirs in cell["seconds"].items()
        if key not in own
    ]


def by_peer(rows):
    """Return the rows of each peer, in the order of the record."""
    found = {}
    for row in rows:
        found.setdefault(row["peer"], []).append(row)
    return found


def place(row):
    return f"{words(row['loss'])}, {row['size']}, {row['dtype']}, {row['mode']}"


def peer_table(results):
    head = ["peer", "comparisons", "lossbook slower in", "median ratio", "worst ratio", "there"]
    lines = []
    for key, rows in by_peer(ratios(results)).items():
        slower, worst = [row for row in rows if row["ratio"] < 1], min(rows, key=lambda row: row["ratio"])
        middle = median(row["ratio"] for row in rows)
        counts = [results["peers"][key]["title"], str(len(rows)), str(len(slower))]
        lines.append([*counts, times(middle), times(worst["ratio"]), place(worst)])
    return head, lines


def loss_table(results):
    """Return the losses that are slowest against their fastest peer at the large size, the slowest first."""
    rows = [row for row in ratios(results) if row["size"] == "large" and row["mode"] == "both"]
    worst = {}
    for row in rows:
        if row["ratio"] < worst.get(row["loss"], {"ratio": 1.0})["ratio"]:
            worst[row["loss"]] = row
    found = sorted(worst.values(), key=lambda row: row["ratio"])[:FEW]
    head = ["loss", "type", "lossbook", "fastest peer", "its time", "ratio"]
    return head, [
        [
            words(row["loss"]),
            row["dtype"],
            duration(row["seconds"]["lossbook"]),
            results["peers"][row["peer"]]["title"],
            duration(row["seconds"][row["peer"]]),
            times(row["ratio"]),
        ]
        for row in found
    ]


# --- the page ----------------------------------------------------------------------------------------


def page(results):
    """Return the book's page."""
    rows, about = ratios(results), results["machine"]
    slower = [row for row in rows if row["ratio"] < 1]
    missing = [one["title"] for one in results["peers"].values() if one["missing"]]
    versions = {name: v for one in results["peers"].values() for name, v in one.get("versions", {}).items()}
    counted = f"{len({cell['loss'] for cell in results['cells']})} losses and settings"
    small, large = ("×".join(map(str, results["sizes"][size])) for size in ("small", "large"))
    return f"""# How fast the losses are

lossbook is plain NumPy, one step a line. We timed it beside other ways to compute the same {counted}:
the value alone, and value and gradient together ("both"), at {small} numbers ("small") and {large} ("large"),
in float32 and in float64. CTC takes frames and Circle pairs, about as many.

In each round every contestant runs for some milliseconds, in turn. A *ratio* is the peer's {results["timed"]}
divided by lossbook's {results["timed"]}: at 2 lossbook is twice as fast, at 0.5 the peer is.
Contestants whose number differs from lossbook's by more than 0.2 % are left out.

{markdown_table(*peer_table(results))}

![A row of marks for each peer, one a comparison, against the ratio; a line stands at 1.](speed.png)

*The ratio of every comparison, by peer. Left of the line at 1 lossbook is slower.*

## Where lossbook is slower

It is slower in {len(slower)} of {len(rows)} comparisons. Compiled peers make one pass over the data for all
steps, and NumPy one pass for each step; several threads help them too. The losses furthest behind the fastest
peer, value and gradient together at the large size:

{markdown_table(*loss_table(results))}

## What it was measured on

{about["cpu"]}, {about["cores"]} cores, {about["vectors"]}, {about["system"]}; Python {about["python"]},
NumPy {about["numpy"]}, {", ".join(f"{name} {version}" for name, version in versions.items())}.
The run took {results["minutes"]:.0f} minutes. Not installed there: {", ".join(missing) or "none"}.
`make bench` measures all of it again on your machine and writes this page; every number is in
`benchmarks/results.json`.
"""


def draw(results, path):
    """Draw one row of dots for each peer."""
    from matplotlib.figure import Figure

    found = by_peer(ratios(results))
    figure = Figure(figsize=(7, 0.5 * len(found) + 1), layout="constrained")
    axes = figure.subplots()
    for height, rows in enumerate(reversed(found.values())):
        axes.plot([row["ratio"] for row in rows], [height] * len(rows), "|", ms=12, alpha=0.4, color="C0")
        axes.plot(median(row["ratio"] for row in rows), height, "o", color="C1")
    axes.axvline(1, color="0.4", lw=1)
    axes.set(xscale="log", xlabel="peer's time / lossbook's time", ylim=(-0.6, len(found) - 0.4))
    axes.set_yticks(range(len(found)), [results["peers"][key]["title"] for key in reversed(found)])
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
