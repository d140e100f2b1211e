"""From the steps of a loss to the text of its loops, which Numba compiles.

A processor is fast on a loop that runs along memory, does plain arithmetic, and keeps what it needs in
registers. So the steps are laid out in one of two ways:

- **Rows.** One row after the other, in strips of 1024 entries. What all entries of a row must be known for,
  such as the sum of a softmax, parts its steps into *stages*: one loop over the row for each.
- **Tiles.** Rows shorter than 32 would leave most of a vector empty. They are turned: 128 of them stand side
  by side, and each step runs across the rows.

Each expensive function gets a loop of its own and leaves its results in a buffer: two in one loop need more
registers than there are. Sums of a strip run in the type of the data, those of strips in float64.
"""

import itertools
import math
from collections import Counter

import numpy as np

from lossbook.compiled.trace import ENTRY, REDUCTIONS, ROW, Step

STRIP, TILE, NARROW = 1024, 128, 32
INFIX = ("+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "&", "|")
ARGUMENTS = (
    "labels",
    "predictions",
    "values",
    "slopes",
    "upstream",
    "every",
    "keep",
    "scale",
    "count",
    "top",
)
TAKEN = {
    *ARGUMENTS, "y_true", "y_pred", "slope", "value", "total", "label", "width", "rows", "start", "lanes", "weight",
    "r", "j", "n", "first", "last", "kind", "tiny", "np", "abs", "min", "max", "where", "add", "sign", "sqrt",
    "maximum", "minimum", "exp", "expm1", "log", "log1p", "tanh", "power", "isnan", "isinf", "isfinite",
}  # fmt: skip
LABEL = "np.int32(min(max({}, -2147483648), 2147483647))"
JOINED = {
    "sum": "{name}_sum += {name}_part",
    "max": "{name} = maximum({name}, {name}_part)",
    "any": "{name} = {name} | {name}_part",
}
"""How what a strip adds up to joins what its row does."""


def indented(lines, by=1):
    return ["    " * by + line for line in lines]


def reached(roots, through_picks=True):
    """Return all steps that these depend on, and themselves, in order."""
    seen, todo = {}, list(roots)
    while todo:
        step = todo.pop()
        if isinstance(step, Step) and step.number not in seen:
            seen[step.number] = step
            todo += step.args if through_picks or step.op != "pick" else step.args[1:]
    return [seen[number] for number in sorted(seen)]


class Body(list):
    """The lines of one loop: where its entries are read, and which steps it has computed."""

    def __init__(self, place="j"):
        super().__init__()
        self.place, self.done = place, set()


class Writer:
    """The text of one kernel.

    Parameters
    ----------
    trace : Trace
        The steps.
    tiled : bool
        Whether rows stand side by side.
    """

    def __init__(self, trace, tiled):
        self.trace, self.tiled, self.slope = trace, tiled, trace.slope
        self.guards = [guard.witness for guard in trace.guards]
        roots = [trace.value, *self.guards] + ([] if self.slope is None else [self.slope])
        self.steps = reached(roots)
        self.uses = Counter(one.number for step in self.steps for one in step.args if isinstance(one, Step))
        self.sums = [step for step in self.steps if step.op in REDUCTIONS]
        self.kept = {}  # buffers: the steps in them, and whether a later stage reads them
        self.names = {}
        for step in self.steps:
            self.names[step.number] = self._unused(trace.names.get(step.number, f"step{step.number}"))
        self.parameters = [step.op for step in self.steps if step.op.startswith("given_")]

    def _unused(self, wanted):
        taken = TAKEN | set(self.names.values())
        return next(
            one
            for one in itertools.chain([wanted], (f"{wanted}_{k}" for k in itertools.count(2)))
            if one not in taken
        )

    @property
    def cost(self):
        """What an entry costs, in simple loops."""
        return 1 + 4 * sum(step.is_dear for step in self.steps)

    # --- one step -------------------------------------------------------------------------------------

    def read(self, step, body, nested=False):
        """Return how a step is read in a loop, after writing there what it needs."""
        name = self.names[step.number]
        if step.span == 0:
            return name
        if step.op in ("y_true", "y_pred"):
            return self.input(step.op, body)
        if step.op == "place":
            return body.place if body.place != "j" else "np.int32(j)" if self.tiled else "np.int32(first + j)"
        if step.op == "other_label":
            return "np.int32(labels[j])" if self.tiled else "np.int32(other_label[j])"
        if step.op == "own_place":
            return "np.int32(top + start + l)" if self.tiled else "np.int32(top + r)"
        if not step.span & ENTRY:
            name = "label" if step.op == "label" else name
            return f"{name}[l]" if self.tiled else name
        if step.number in self.kept and body.place == "j":
            return f"{name}_kept[{self.at}]"
        if step.number in body.done:
            return f"{name}_at" if body.place != "j" else name
        text = self.expression(step, body)
        named = step.number in self.trace.names or self.uses[step.number] > 1
        if not named:
            return f"({text})" if nested and step.op in INFIX else text
        name = f"{name}_at" if body.place != "j" else name
        body.done.add(step.number)
        body.append(f"{name} = {text}")
        return name

    def expression(self, step, body):
        """Return the text of a step, whatever its name."""
        if step.op == "pick":
            return self.picked(step, body)
        kinds = {one.kind for one in step.args if isinstance(one, Step)} | {type(one) for one in step.args}
        whole = step.kind == "i" or step.kind == "b" and "i" in kinds and not {"f", float} & kinds
        args = [self.argument(one, body, whole) for one in step.args]
        if step.op in INFIX:
            return f" {step.op} ".join(args)
        if step.op in ("negative", "not"):
            return f"-{args[0]}" if step.op == "negative" else f"(not {args[0]})"
        return f"{step.op}({', '.join(args)})"

    def argument(self, one, body, whole):
        """Return the text of what a step takes, in the type of whole numbers or in that of the data."""
        if isinstance(one, bool):
            return str(one)
        if not isinstance(one, Step):
            kind = "np.int32" if whole else "kind"
            return f"{kind}({'-' * (one < 0)}np.inf)" if math.isinf(one) else f"{kind}({one!r})"
        text = self.read(one, body, nested=True)
        return f"kind({text})" if one.kind == "i" and not whole else text

    @property
    def at(self):
        return "j, l" if self.tiled else "j"

    def input(self, name, body):
        if self.tiled:
            return f"{name}[{body.place}, l]"
        if body.place == "j":
            return f"{name}[j]"
        return f"{'predictions' if name == 'y_pred' else 'labels'}[r, {body.place}]"

    def picked(self, step, body):
        """Read a step for one entry of the row, whose place is held inside the row: a guard looks at it too."""
        array, index = step.args
        place = f"{self.names[step.number]}_place"
        body.append(f"{place} = min(max({self.read(index, body)}, 0), width - 1)")
        inner = Body(place)
        text = self.read(array, inner)
        body.extend(inner)
        return text

    # --- loops over the entries ---------------------------------------------------------------------------

    def ends(self, stage):
        """Return what a stage is for: steps that feed its sums, guards, and the slope."""
        found = [step.args[0] for step in self.sums] + [one for one in self.guards if one.span & ENTRY]
        found += [] if self.slope is None else [self.slope]
        return [step for step in found if step.stage == stage]

    def loops(self, stage):
        """Return the bodies of a stage's loops: one for each expensive step but the last, then all the rest."""
        ends = self.ends(stage)
        later = {
            s.number for n in range(stage + 1, self.last_stage + 1) for s in reached(self.ends(n), False)
        }
        live = reached(ends, through_picks=False)
        dear = [
            step for step in live if step.is_dear and step.stage == stage and step.number not in self.kept
        ]
        bodies = []
        for step in dear[:-1]:
            body = Body()
            text = self.expression(step, body)
            body.append(f"{self.names[step.number]}_kept[{self.at}] = {text}")
            self.kept[step.number] = step.number in later
            bodies.append(body)
        body = Body()
        for step in self.sums:
            if step.args[0].stage == stage:
                part = f"{self.names[step.number]}[l]" if self.tiled else f"{self.names[step.number]}_part"
                text = self.read(step.args[0], body)
                joined = {"max": f"maximum({part}, {text})", "any": f"{part} | {text}"}
                added = f"{part} + {text}" if self.tiled else f"add({part}, {text})"
                body.append(f"{part} = {joined.get(step.op, added)}")
        for number, witness in enumerate(self.guards):
            if witness.span & ENTRY and witness.stage == stage:
                body.append(f"guard{number} = guard{number} | {self.read(witness, body, nested=True)}")
        if self.slope is not None and self.slope.stage == stage:
            text = self.read(self.slope, body, nested=True)
            body.append(f"slope[{self.at}] = {text} * weight{'[l]' * self.tiled}")
        for step in dear[-1:]:
            if step.number in body.done and step.number in later:
                self.kept[step.number] = True
                body.append(f"{self.names[step.number]}_kept[{self.at}] = {self.names[step.number]}")
        return [*bodies, body] if body else bodies

    @property
    def last_stage(self):
        return max(step.stage for step in self.steps if step.span & ENTRY)

    def by_row(self, stage):
        """Return the steps of a row that are known before the loops of a stage: lines, some of them uneven.

        Uneven are those that read one entry of the row, or watch: in a tile, no vector code is made of them.
        """
        parts, lane = [], "[l]" * self.tiled
        for step in self.steps:
            if (
                step.span == ROW
                and step.stage == stage
                and step.op not in ("label", "own_place", *REDUCTIONS)
            ):
                body = Body()
                body.append(f"{self.names[step.number]}{lane} = {self.expression(step, body)}")
                parts.append((body, step.op == "pick"))
        for number, witness in enumerate(self.guards):
            if witness.span == ROW and witness.stage == stage:
                parts.append(([f"guard{number} = guard{number} | {self.read(witness, Body())}"], True))
        return parts

    # --- the whole ------------------------------------------------------------------------------------------

    def text(self):
        """Return the kernel's text."""
        stages = range(self.last_stage + 1)
        bodies = [(self.by_row(n), self.loops(n)) for n in stages]
        bodies += [(self.by_row(n), []) for n in range(len(stages), self.trace.value.stage + 1)]
        head = f"def kernel({', '.join([*ARGUMENTS, *self.parameters])}):"
        lines = ["rows, width = predictions.shape", "total = 0.0", *self.uniform()]
        lines += [f"guard{number} = False" for number in range(len(self.guards))]
        lines += self.tiles(bodies) if self.tiled else self.rows(bodies)
        lines.append(f"return (total, {''.join(f'guard{number}, ' for number in range(len(self.guards)))})")
        return "\n".join([head, *indented(lines)]) + "\n"

    def uniform(self):
        """Write the numbers that are the same for all entries, from the settings, in float64."""

        def exact(step):
            if not isinstance(step, Step):
                return repr(step)
            if step.op in INFIX:
                return f"({f' {step.op} '.join(map(exact, step.args))})"
            if step.op == "negative":
                return f"-{exact(step.args[0])}"
            return f"{step.op}({', '.join(map(exact, step.args))})" if step.args else step.op

        used = {one.number for step in self.steps if step.span for one in step.args if isinstance(one, Step)}
        return [
            f"{self.names[step.number]} = {'np.int32' if step.kind == 'i' else 'kind'}({exact(step)})"
            for step in self.steps
            if step.span == 0 and step.number in used
        ]

    def start(self, step):
        return {"sum": "kind(0.0)", "max": "kind(-np.inf)", "any": "False"}[step.op]

    def start_all(self, stage, ending):
        sums = [step for step in self.sums if step.args[0].stage == stage]
        return [f"{self.names[step.number]}{ending} = {self.start(step)}" for step in sums]

    def rows(self, bodies):
        """Write one row after the other, in strips."""
        lines = [
            f"{self.names[step]}_{'row' if is_long else 'kept'} = np.empty({'width' if is_long else STRIP}, kind)"
            for step, is_long in self.kept.items()
        ]
        views = [("y_true", "labels"), ("y_pred", "predictions"), ("slope", "slopes")]
        used = "".join(line for _, loops in bodies for body in loops for line in body)
        views = {name: array for name, array in views if f"{name}[" in used}
        inner = ["weight = kind(scale) * upstream[r * every]"] if self.slope is not None else []
        inner += [f"label = {LABEL.format('labels[top + r]')}"] * self.trace.numbered
        inner += [f"{name}_row = {array}[r]" for name, array in views.items()]
        if self.trace.pairwise:
            views["other_label"], inner = "labels", [*inner, "other_label_row = labels"]
        long = [f"{self.names[step]}_kept" for step, is_long in self.kept.items() if is_long]
        for stage, (before, loops) in enumerate(bodies):
            inner += [line for part, _ in before for line in part]
            sums = [(self.names[step.number], step.op) for step in self.sums if step.args[0].stage == stage]
            inner += [f"{name}_sum = 0.0" for name, op in sums if op == "sum"]
            inner += [line for line in self.start_all(stage, "") if "kind(0.0)" not in line]
            if loops:
                text = "".join(line for body in loops for line in body)
                strip = [f"last = min(first + {STRIP}, width)"]
                strip += [f"{name} = {name}_row[first:last]" for name in views if f"{name}[" in text]
                strip += [f"{name} = {name[:-5]}_row[first:last]" for name in long if f"{name}[" in text]
                strip += self.start_all(stage, "_part")
                for body in loops:
                    strip += ["for j in range(last - first):", *indented(body)]
                strip += [JOINED[op].format(name=name) for name, op in sums]
                inner += [f"for first in range(0, width, {STRIP}):", *indented(strip)]
            inner += [f"{name} = kind({name}_sum)" for name, op in sums if op == "sum"]
        value = Body()
        value.append(f"value = {self.read(self.trace.value, value)}")
        inner += [*value, "total += np.float64(value)", "if keep:", "    values[r] = value"]
        return [*lines, "for r in range(rows):", *indented(inner)]

    def tiles(self, bodies):
        """Write tiles of rows that stand side by side; one that lacks rows repeats its last."""
        tables = {"y_pred": "predictions"} | ({} if self.trace.numbered else {"y_true": "labels"})
        columns = {
            self.names[step.number]: step.kind
            for step in self.steps
            if step.span == ROW and step.op not in ("label", "own_place")
        }
        columns |= {"weight": "f"} if self.slope is not None else {}
        columns |= {"label": "i"} if self.trace.numbered else {}
        kinds = {"f": "kind", "i": "np.int32", "b": "np.bool_"}
        wide = [
            *tables,
            *["slope"] * (self.slope is not None),
            *(f"{self.names[step]}_kept" for step in self.kept),
        ]
        lines = [f"lanes = min({TILE}, (rows + 15) // 16 * 16)"]
        lines += [f"{name} = np.empty((width, {TILE}), kind)" for name in wide]
        lines += [f"{name} = np.empty({TILE}, {kinds[kind]})" for name, kind in columns.items()]
        inner = [f"n = min({TILE}, rows - start)", "for l in range(lanes):", "    r = start + min(l, n - 1)"]
        inner += ["    weight[l] = kind(scale) * upstream[r * every]"] * (self.slope is not None)
        inner += [f"    label[l] = {LABEL.format('labels[top + r]')}"] * self.trace.numbered
        for name, array in tables.items():
            inner += [
                f"rows_of_{name} = {array}[start:start + n]",
                "for j in range(width):",
                "    for l in range(n):",
            ]
            inner += [f"        {name}[j, l] = rows_of_{name}[l, j]", "    for l in range(n, lanes):"]
            inner += [f"        {name}[j, l] = rows_of_{name}[n - 1, j]"]
        for stage, (before, loops) in enumerate(bodies):
            for _, run in itertools.groupby(before, lambda part: part[1]):
                inner += ["for l in range(lanes):", *indented(line for part, _ in run for line in part)]
            starts = self.start_all(stage, "[l]")
            inner += ["for l in range(lanes):", *indented(starts)] if starts else []
            for body in loops:
                inner += ["for j in range(width):", "    for l in range(lanes):", *indented(body, 2)]
        value = Body()
        text = self.read(self.trace.value, value)
        inner += ["for l in range(n):", *indented([*value, f"total = add(total, np.float64({text}))"])]
        inner += ["if keep:", "    for l in range(n):", *indented([*value, f"values[start + l] = {text}"], 2)]
        if self.slope is not None:
            inner += [
                "rows_of_slopes = slopes[start:start + n]",
                "for j in range(width):",
                "    for l in range(n):",
            ]
            inner += ["        rows_of_slopes[l, j] = slope[j, l]"]
        return [*lines, f"for start in range(0, rows, {TILE}):", *indented(inner)]
