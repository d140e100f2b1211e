"""From the results to what is read: the tables, the chart, the aims, the book's page.

    python -m benchmarks.page             write them anew from benchmarks/results/

Every number on the page is one of the results, or counted from them.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.cases import MODES, SHAPE_NOTES, SIZES
from benchmarks.peers import OURS, PEERS, THEIRS

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FULL = RESULTS / "speed.json"
PAGE = ROOT / "notebooks" / "reference" / "speed.md"
CHART = PAGE.with_name("speed.png")
BUSY = 0.05  # share of the processors' time that other programs may take
WORST = 20  # losing cells shown in a terminal

WHY = {
    "keras": "Eager TensorFlow makes one pass over the data for each step, on several threads.",
    "function": "The graph runs on several threads, and some of its steps at the same time.",
    "xla": "XLA compiles the loss into one call and one pass over the data. NumPy makes one for each step.",
    "tf_keras": "The same as Keras 3: one pass for each step, on several threads.",
    "keras_numpy": "Keras on NumPy makes the same passes, with fewer checks.",
    "sklearn": "scikit-learn is NumPy too, with other checks.",
    "torch": "PyTorch has compiled kernels for its losses, and runs them on several threads.",
    "optax": "`jax.jit` is XLA too: one call, and one pass over the data.",
}
"""Why a peer wins where it wins."""

WITHOUT_AVX512 = """\
This processor has no AVX-512. Without it NumPy has no fast `log1p` and `expm1`, and slow `log`, `exp`
and `tanh` in float64: the losses made of those take longer here than they do with it."""


# --- reading the results --------------------------------------------------------------------------------


def load(path=FULL):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_results(results, path=FULL):
    """Write results as JSON, one cell a line, and their tables beside them."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    rest = json.dumps({**results, "cells": []}, indent=1, ensure_ascii=False)
    lines = ",\n".join("  " + json.dumps(cell, ensure_ascii=False) for cell in results["cells"])
    text = rest.replace('"cells": []', f'"cells": [\n{lines}\n ]')
    path.write_text(text + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(tables_file(results), encoding="utf-8")


@dataclass(frozen=True)
class Ratio:
    """One cell against one peer: above 1, lossbook is ahead."""

    cell: dict
    ours: str
    peer: str
    ratio: float

    @property
    def noisy(self):
        """Whether too few rounds were quiet."""
        return self.peer in self.cell["disturbed"]

    @property
    def text(self):
        """The ratio; with a ~ where it is noisy."""
        return ("~" if self.noisy else "") + times(self.ratio)

    @property
    def place(self):
        """Loss, size, type and mode, in words."""
        cell = self.cell
        return f"{words(cell['loss'])}, {joined(cell['size'])}, {cell['dtype']}, {cell['mode']}"


def ratios(results, ours="lossbook", **wanted):
    """Return every ratio of one of ours, filtered by entries of the cell or by peer."""
    peer = wanted.pop("peer", None)
    return [
        Ratio(cell, ours, key, ratio)
        for cell in results["cells"]
        if all(cell[name] == one for name, one in wanted.items())
        for key, ratio in cell["ratios"].get(ours, {}).items()
        if peer in (None, key)
    ]


def lost(some):
    """Return the ratios below 1, the worst first."""
    return sorted((one for one in some if one.ratio < 1), key=lambda one: one.ratio)


def measured(results, peers=THEIRS):
    """Return the peers that ran, in the order of the columns."""
    return [key for key in peers if key in results["peers"] and "missing" not in results["peers"][key]]


def title(key):
    return PEERS[key].title


def short_title(key):
    return PEERS[key].short


# --- numbers and tables as text --------------------------------------------------------------------------


def words(label):
    """Write a loss's name so that it can be broken.

    Examples
    --------
    >>> words("binary_crossentropy(from_logits=True)")
    'binary crossentropy, from logits'
    """
    return label.replace("(from_logits=True)", ", from logits").replace("_", " ")


def joined(text):
    """Keep a text on one line.

    Examples
    --------
    >>> joined("(32, 10)")
    '(32,\\xa010)'
    """
    return text.replace(" ", "\N{NO-BREAK SPACE}")


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
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * size or unit == "µs":
            return f"{times(seconds / size)} {unit}"


def megabytes(count):
    return "?" if count is None else f"{count / 1e6:.0f}"


def percent(part, whole):
    return joined(f"{100 * part / whole:.0f} %")


def table(head, rows):
    """Return a table as lines of Markdown."""
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def text_table(head, rows):
    """Return a table as lines for a terminal."""
    rows = [head, *rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


# --- the tables ---------------------------------------------------------------------------------------------


def losing_table(some):
    head = ["ratio", "loss", "size", "type", "what", "peer", "lossbook", "peer's"]
    return head, [
        [
            one.text,
            words(one.cell["loss"]),
            joined(one.cell["size"]),
            one.cell["dtype"],
            one.cell["mode"],
            title(one.peer),
            duration(one.cell["seconds"][one.ours]),
            duration(one.cell["seconds"][one.peer]),
        ]
        for one in lost(some)
    ]


def score_table(results, ours="lossbook"):
    """Count, for each peer, the cells and the lost ones."""
    head = ["peer", "cells", "lost", "median ratio", "worst ratio", "where"]
    rows = []
    for key in measured(results):
        all_of_it = ratios(results, ours, peer=key)
        if all_of_it:
            worst = min(all_of_it, key=lambda one: one.ratio)
            middle = median(one.ratio for one in all_of_it)
            counts = [str(len(all_of_it)), str(len(lost(all_of_it)))]
            rows.append([title(key), *counts, times(middle), worst.text, worst.place])
    return head, rows


def median_table(results, ours="lossbook"):
    """Give the median and the worst ratio over the losses, for each size, type and mode."""
    peers = measured(results)
    rows = []
    for size in SIZES:
        for dtype in dtypes(results):
            for mode in MODES:
                found = [ratios(results, ours, size=size, dtype=dtype, mode=mode, peer=key) for key in peers]
                if any(found):
                    rows.append([joined(size), dtype, mode, *map(middle_and_worst, found)])
    return ["size", "type", "what", *map(short_title, peers)], rows


def middle_and_worst(some):
    if not some:
        return "–"
    every = [one.ratio for one in some]
    return joined(f"{times(median(every))} ({times(min(every))})")


def dtypes(results):
    return sorted({cell["dtype"] for cell in results["cells"]})


def ratio_table(results, size, dtype, mode, ours="lossbook"):
    """Give every ratio of one size, type and mode, and lossbook's own time."""
    peers = measured(results)
    rows = []
    for cell in results["cells"]:
        if (cell["size"], cell["dtype"], cell["mode"]) == (size, dtype, mode) and ours in cell["seconds"]:
            found = {one.peer: one.text for one in ratios({"cells": [cell]}, ours)}
            own = duration(cell["seconds"][ours])
            rows.append([words(cell["loss"]), own, *(found.get(key, "–") for key in peers)])
    return ["loss", short_title(ours), *map(short_title, peers)], rows


def memory_table(results):
    """Give each loss's multiple of the read limit and the peak of a call, the highest multiple first."""
    ours = measured(results, OURS)
    rows = sorted(
        results["memory"]["losses"], key=lambda row: -row["read_multiple"].get("lossbook", float("inf"))
    )
    head = ["loss", *(f"{title(key)}: times the read limit" for key in ours)]
    head += [f"peak of {what}, MB" for what in MODES.values()]
    return head, [
        [
            words(row["loss"]),
            *(times(row["read_multiple"][key]) if key in row["read_multiple"] else "–" for key in ours),
            *(megabytes(row["peak_bytes"].get(mode, {}).get("lossbook")) for mode in MODES),
        ]
        for row in rows
    ]


def peer_table(results):
    """Say who was measured: versions and threads, or why not."""
    rows = []
    for key, about in results["peers"].items():
        versions = ", ".join(f"{name} {version}" for name, version in about.get("versions", {}).items())
        rows.append([title(key), versions or f"not measured: {about['missing']}", about.get("threads", "–")])
    return ["who", "versions", "threads"], rows


def missing_table(results):
    """List the losses a peer does not have, or computes otherwise."""
    reasons = {}
    for cell in results["cells"]:
        for key, why in cell["missing"].items():
            if key in measured(results) and not why.endswith("has no gradients"):
                reasons.setdefault((title(key), short(why)), {})[cell["loss"]] = True
    return ["peer", "why", "losses"], [
        [peer, why, "; ".join(map(words, losses))] for (peer, why), losses in reasons.items()
    ]


def short(why):
    """Group reasons that name a loss.

    Examples
    --------
    >>> short("tf_keras has no such loss"), short("another value: 2 where lossbook has 1")
    ('has no such loss', 'gives another value')
    """
    if why.endswith("has no such loss"):
        return "has no such loss"
    if why.startswith("another "):
        return f"gives another {why.split()[1].rstrip(':')}"
    return why.replace("|", "/")


# --- the aims ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Aim:
    """What was to be reached, what was measured, whether that is enough (None: unknown), and if not, why."""

    text: str
    measured: str
    met: bool | None
    why: str

    @property
    def answer(self):
        return {True: "met", False: "missed", None: "not measured"}[self.met]


def aims(results):
    """Hold the results against each aim."""
    found = [share_aim(results, key, 100, "lossbook") for key in ("keras", "tf_keras", "keras_numpy")]
    found += [share_aim(results, key, 100, "lossbook") for key in ("sklearn", "function")]
    found += [
        share_aim(results, key, share, ours)
        for key, share in (("xla", 90), ("torch", 70), ("optax", 70))
        for ours in OURS
    ]
    return [*found, read_aim(results), small_call_aim(results), gradient_aim(results)]


def share_aim(results, peer, share, ours):
    """Ahead of a peer in that many of a hundred cells."""
    every = "every cell" if share == 100 else f"{share} % of the cells"
    mode = ", fast mode on" if ours == "fast" else ""
    text = f"Ahead of {title(peer)} in {every}{mode}"
    found = ratios(results, ours, peer=peer)
    if not found:
        return Aim(text, "–", None, WHY[peer])
    won = len(found) - len(lost(found))
    enough = 100 * won >= share * len(found)
    return Aim(text, f"{won} of {len(found)} ({percent(won, len(found))})", enough, WHY[peer])


def read_aim(results):
    text = "MSE at ten million float32 numbers within 1.6 times the read limit"
    why = "Reading is one pass. MSE makes four over each block, though three of them stay in the cache."
    rows = [row for row in results["memory"]["losses"] if row["loss"] == "mean_squared_error"]
    if not rows or "lossbook" not in rows[0]["read_multiple"]:
        return Aim(text, "–", None, why)
    multiple = rows[0]["read_multiple"]["lossbook"]
    return Aim(text, f"{times(multiple)} times", multiple <= 1.6, why)


def small_call_aim(results):
    text = "A call of MSE at (32, 10) within 5 µs"
    why = (
        "So small a call is no work on numbers: it is some dozens of steps of Python and NumPy, most of "
        "them checks, and takes what the processor takes for those."
    )
    cells = [
        cell
        for cell in results["cells"]
        if (cell["loss"], cell["size"], cell["mode"]) == ("mean_squared_error", "(32, 10)", "value")
    ]
    if not cells:
        return Aim(text, "–", None, why)
    slowest = max(cell["seconds"]["lossbook"] for cell in cells)
    return Aim(text, duration(slowest), slowest <= 5e-6, why)


def gradient_aim(results):
    text = "Value and gradient within 1.6 times the value alone, median"
    why = (
        "A loss and its gradient are two functions, each written to be read by itself: together they "
        "compute twice what they share, and a gradient has to be written to memory besides."
    )
    pairs = {}
    for cell in results["cells"]:
        key = cell["loss"], cell["size"], cell["dtype"]
        pairs.setdefault(key, {})[cell["mode"]] = cell["seconds"].get("lossbook")
    both = [pair["both"] / pair["value"] for pair in pairs.values() if len(pair) == 2 and all(pair.values())]
    if not both:
        return Aim(text, "–", None, why)
    return Aim(text, f"{times(median(both))} times", median(both) <= 1.6, why)


def aim_table(results):
    return ["aim", "measured", "answer"], [
        [one.text, one.measured, f"**{one.answer}**" if one.met is False else one.answer]
        for one in aims(results)
    ]


def why_lines(results):
    """Give the reason of each aim missed; one and the same reason once."""
    missed = {}
    for one in aims(results):
        if one.met is False:
            missed.setdefault(one.why, []).append(one.text)
    return [f"- *{'; '.join(texts)}*: {why}" for why, texts in missed.items()]


# --- in a terminal ------------------------------------------------------------------------------------------


def summary(results):
    """Return what `make bench` prints: lost cells first, then the medians and the aims."""
    lines = []
    for ours in measured(results, OURS):
        head, rows = losing_table(ratios(results, ours))
        lines += ["", f"{title(ours)}: {len(rows)} cells lost of {len(ratios(results, ours))}"]
        lines += text_table(head, rows[:WORST]) if rows else []
        lines += [f"… and {len(rows) - WORST} more"] if len(rows) > WORST else []
        lines += ["", f"{title(ours)}: peer's time over ours, median (worst) over the losses"]
        lines += text_table(*median_table(results, ours))
    head, rows = memory_table(results)
    speed = results["memory"]["read_gb_per_s"]
    lines += ["", f"at ten million float32 numbers; the machine reads {speed or 0:.3g} GB/s"]
    lines += text_table(head, rows)
    lines += ["", *text_table(*aim_table(results))]
    lines += [
        "",
        *(
            f"{one['title']}: not measured, {one['missing']}"
            for one in results["peers"].values()
            if "missing" in one
        ),
    ]
    lines += ["", *scope_lines(results)]
    return "\n".join(lines)


# --- the page -----------------------------------------------------------------------------------------------


def tables_file(results):
    """Return every table as one Markdown file: the losing cells first."""
    lines = ["# Speed: every table", "", *machine_lines(results), ""]
    for ours in measured(results, OURS):
        lines += [f"## {title(ours)}: cells lost", "", *losing_lines(results, ours), ""]
        lines += [f"## {title(ours)}: medians", "", *table(*median_table(results, ours)), ""]
    lines += ["## Aims", "", *table(*aim_table(results)), "", *why_lines(results), ""]
    lines += ["## Memory", "", *table(*memory_table(results)), ""]
    for ours in measured(results, OURS):
        for name, one in every_table(results, ours):
            lines += [f"## {title(ours)}: {name}", "", *table(*one), ""]
    return "\n".join(lines)


def every_table(results, ours):
    for size in SIZES:
        for dtype in dtypes(results):
            for mode in MODES:
                head, rows = ratio_table(results, size, dtype, mode, ours)
                if rows:
                    yield f"{size}, {dtype}, {MODES[mode]}", (head, rows)


def losing_lines(results, ours):
    head, rows = losing_table(ratios(results, ours))
    return table(head, rows) if rows else ["None."]


def machine_lines(results):
    """Name the machine."""
    machine = results["machine"]
    caches = ", ".join(f"{level} {size}" for level, size in machine["caches"].items())
    parts = [f"{machine['cores']} cores", machine["vectors"], f"caches {caches}" if caches else ""]
    parts += [f"{machine['memory_gb']} GB of memory" if machine["memory_gb"] else "", machine["system"]]
    return [
        f"The machine: {machine['cpu']}, {', '.join(part for part in parts if part)}.",
        f"Python {machine['python']}, NumPy {machine['numpy']}, lossbook {results['lossbook']}.",
    ]


def scope_lines(results):
    """Say how much was measured."""
    losses = {cell["loss"] for cell in results["cells"]}
    run = "the short run (`make bench QUICK=1`)" if results["quick"] else "the whole run (`make bench`)"
    lines = [
        f"These are the numbers of {run}: {len(losses)} losses and settings, {len(results['cells'])} cells, "
        f"{times(results['minutes'])} minutes."
    ]
    others = results.get("others")
    if others is not None:
        lines.append(f"Other programs took {percent(others, 1)} of the processors' time meanwhile.")
        if others > BUSY:
            lines.append("**The machine was busy: measure again on a quiet one before you trust a ratio.**")
    every = [one for ours in OURS for one in ratios(results, ours)]
    noisy = [one for one in every if one.noisy]
    if noisy:
        lines.append(f"In {len(noisy)} of {len(every)} ratios too few rounds were quiet: they carry a `~`.")
    if results["skipped"]:
        lines.append(f"{len(results['skipped'])} units were left out: the time was up.")
    return lines


INTRODUCTION = """\
lossbook is plain NumPy, one step a line.
Is plain code slow?
We measured it beside other ways to compute the same losses.

A *ratio* is the peer's time divided by lossbook's.
Above 1, lossbook is faster. Below 1, the peer is.
A *cell* is one loss, at one size, in one type, for the value alone or for both: value and gradient.

`make bench` measures all of it again on your machine.
It writes this page too: no number here was typed.
"""

METHOD = """\
Each peer runs in a process of its own, on its own tensors, made before the clock starts.
In a round every peer is timed once, in turn, so that all of them see the same machine.
The ratio of a round is the peer's seconds over lossbook's. The table shows the median over the rounds.
Short calls are repeated until they fill some milliseconds.

Before and after each timing the process runs one small loop, always the same.
If that loop took a quarter longer than usual, something else was running, and the round is dropped.
Where fewer than two rounds were quiet, all of them count, and the ratio has a `~`.

Before a cell is timed, the peer's value and the size of its slope are compared with lossbook's.
A peer that gives another number is left out of the cell, and named below.

lossbook is called in its class form, with its checks: `loss(y_true, y_pred)` and
`loss.value_and_gradient(y_true, y_pred)`.
Where its fast mode is measured, the gradient goes into one array that is kept (`out=`).
Keras is called in its class form too; its gradient is that of a `tf.GradientTape`.
scikit-learn and Keras on NumPy have no gradients.
Everyone may use as many threads as they use when nothing is set.
"""


def page(results):
    """Return the book's page, in MyST."""
    losing = ["lost cells first", "the aims", "and how it was measured"]
    blocks = [
        "# How fast the losses are",
        INTRODUCTION.rstrip(),
        "\n".join([*machine_lines(results), *scope_lines(results)]),
        f"On this page: {losing[0]}, then {losing[1]}, the picture, the memory, every ratio, {losing[2]}.",
        "## Where lossbook loses",
        *losing_blocks(results),
        "## What was aimed at",
        "\n".join(table(*aim_table(results))),
        *missed_blocks(results),
        "## All cells in one picture",
        figure_block(results),
        *median_blocks(results),
        "## Memory",
        *memory_blocks(results),
        "## Every ratio",
        *every_blocks(results),
        "## How it was measured",
        METHOD.rstrip(),
        "\n".join(table(*peer_table(results))),
        "\n".join(SHAPE_NOTES.values()),
        *missing_blocks(results),
    ]
    return "\n\n".join(blocks) + "\n"


def losing_blocks(results):
    for ours in measured(results, OURS):
        found = ratios(results, ours)
        losing = lost(found)
        yield f"{title(ours)} loses {len(losing)} of {len(found)} comparisons."
        yield "\n".join(table(*score_table(results, ours)))
        if losing:
            heading = f"Every losing cell of {title(ours)}, the worst first"
            yield dropdown(heading, losing_lines(results, ours))
    beaten_by = {one.peer for ours in OURS for one in lost(ratios(results, ours))}
    yield "\n".join(f"- *{title(key)}*: {WHY[key]}" for key in THEIRS if key in beaten_by)
    if results["machine"]["vectors"] == "AVX2":
        yield WITHOUT_AVX512


def missed_blocks(results):
    lines = why_lines(results)
    if lines:
        yield "Why an aim was missed:"
        yield "\n".join(lines)


def median_blocks(results):
    for ours in measured(results, OURS):
        yield f"The median over the losses, and in brackets the worst of them, for {title(ours)}:"
        yield "\n".join(table(*median_table(results, ours)))


def memory_blocks(results):
    speed = results["memory"]["read_gb_per_s"]
    if speed is None:
        return
    yield (
        f"This machine reads {times(speed)} GB a second.\n"
        "No loss can be faster than the reading of its two arrays.\n"
        "The table says how many times that limit a value takes, at ten million float32 numbers.\n"
        "The peak is what a call needs beside its two arrays of 40 MB each; "
        "a gradient is 40 MB by itself."
    )
    yield "\n".join(table(*memory_table(results)))


def every_blocks(results):
    for ours in measured(results, OURS):
        for size in SIZES:
            parts = []
            for name, one in every_table(results, ours):
                if name.startswith(size):
                    parts += [f"**{name}**", "", *table(*one), ""]
            if parts:
                yield dropdown(f"{title(ours)} at {size}", parts)


def missing_blocks(results):
    head, rows = missing_table(results)
    if rows:
        yield "Left out, because the peer has no such loss or gives another number:"
        yield "\n".join(table(head, rows))


def dropdown(name, lines):
    return "\n".join([f":::{{dropdown}} {name}", *lines, ":::"])


def figure_block(results):
    return "\n".join(
        [
            f":::{{figure}} {CHART.name}",
            ":alt: For each peer a row of dots on a logarithmic axis of ratios, with a line at 1.",
            ":width: 100%",
            "",
            caption(results),
            ":::",
        ]
    )


def caption(results):
    """State what the picture shows."""
    won, behind = [], []
    for key in measured(results):
        found = ratios(results, peer=key)
        if found:
            (behind if lost(found) else won).append((title(key), len(found) - len(lost(found)), len(found)))
    parts = [f"lossbook is ahead of {listing([name for name, _, _ in won])} in every cell."] if won else []
    if behind:
        shares = [f"{name} in {percent(some, every)}" for name, some, every in behind]
        parts.append(f"It is ahead of {listing(shares)}.")
    return " ".join([*parts, "Each dot is one cell, the black mark a median."])


def listing(words):
    """Join words as a sentence does.

    Examples
    --------
    >>> listing(["a"]), listing(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# --- the chart ----------------------------------------------------------------------------------------------


def draw(results, path=CHART):
    """Draw every ratio as a dot: a row for each peer, a panel for each mode."""
    import matplotlib

    from lossbook.tools.plots import INK, house_style

    matplotlib.use("Agg")
    plt = house_style()
    ours, peers = measured(results, OURS), measured(results)
    size = (7.2, 0.7 + (0.6 + 0.34 * len(peers)) * len(ours))
    figure, axes = plt.subplots(
        len(ours), len(MODES), sharex=True, sharey=True, squeeze=False, figsize=size, dpi=200
    )
    for row, own in zip(axes, ours, strict=True):
        for panel, mode in zip(row, MODES, strict=True):
            panel.axvline(1, color=INK, linewidth=1.0)
            for height, key in enumerate(reversed(peers)):
                draw_row(panel, height, ratios(results, own, mode=mode, peer=key))
            panel.set_xscale("log")
            panel.set_title(f"{title(own).removeprefix('lossbook, ')}: {MODES[mode]}")
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            panel.grid(axis="y", visible=False)
        row[0].set_yticks(range(len(peers)), [title(key) for key in reversed(peers)])
    for panel in axes[-1]:
        panel.set_xlabel("ratio: peer's time / lossbook's\nbelow 1 the peer is faster")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def draw_row(panel, height, some):
    """Draw the ratios of one peer: crosses where lossbook loses, and the median."""
    from lossbook.tools.plots import INK, PALETTE

    if not some:
        return
    spread = [height + 0.26 * ((0.618 * place) % 1 - 0.5) * 2 for place in range(len(some))]
    for ahead, colour, marker in ((True, PALETTE["blue"], "o"), (False, PALETTE["orange"], "x")):
        chosen = [(one.ratio, y) for one, y in zip(some, spread, strict=True) if (one.ratio >= 1) == ahead]
        if chosen:
            look = {"s": 9, "color": colour, "marker": marker, "linewidths": 0.9, "alpha": 0.7}
            panel.scatter(*zip(*chosen, strict=True), **look)
    middle = median(one.ratio for one in some)
    panel.plot([middle, middle], [height - 0.36, height + 0.36], color=INK, linewidth=2.2)


# --- the command --------------------------------------------------------------------------------------------


def main(words=None):
    """Write the tables, the chart and the page from the results."""
    given = (sys.argv[1:] if words is None else words) or [FULL]
    results = load(given[0])
    Path(given[0]).with_suffix(".md").write_text(tables_file(results), encoding="utf-8")
    draw(results)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(results), encoding="utf-8")
    print(f"Wrote {', '.join(str(path.relative_to(ROOT)) for path in (PAGE, CHART))}.")


if __name__ == "__main__":
    main()
