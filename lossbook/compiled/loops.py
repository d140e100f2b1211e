"""From the steps of a loss to the text of its loops, which Numba compiles.

A processor is fast on a loop that runs along memory, does plain arithmetic, and keeps what it needs in
registers. So the steps are laid out in one of two ways:

- :class:`Rows`: one row after the other, in strips of 1024 entries. What must be known of a whole row first,
  such as the sum of a softmax, parts the steps into *stages*: one run over the row for each.
- :class:`Tiles`: rows shorter than 32 would leave most of a vector empty. They are turned: 128 of them stand
  side by side, and each step runs across the rows.

Each expensive function gets a loop of its own and leaves its results in a buffer: two in one loop need more
registers than there are. Sums of a strip run in the type of the data, those of its strips in float64.
"""

import itertools
import math
from collections import Counter

from lossbook.compiled.steps import ENTRY, REDUCTIONS, ROW, Step

__all__ = ["Rows", "Tiles", "Writer"]

STRIP, TILE, NARROW = 1024, 128, 32
INFIX = ("+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "&", "|")
LABEL = "np.int32(min(max(labels[top + r], -2147483648), 2147483647))"
ARGUMENTS = "labels predictions values slopes upstream every keep scale count top".split()
TAKEN = "y_true y_pred slope value total label other_label weight width rows start lanes r j l n".split()
TAKEN += "first last kind tiny np abs min max where add sign sqrt maximum minimum exp expm1 log".split()
TAKEN += ["log1p", "tanh", "power", "isnan", "isinf", "isfinite", *ARGUMENTS]
JOINED = {"sum": "{0} + {1}", "max": "maximum({0}, {1})", "any": "{0} | {1}"}
START = {"sum": "kind(0.0)", "max": "kind(-np.inf)", "any": "False"}


def indented(lines, by=1):
    return ["    " * by + line for line in lines]


def across(lines, lanes="lanes"):
    """Return a loop over the entries of a tile, and in it one over its rows."""
    return ["for j in range(width):", f"    for l in range({lanes}):", *indented(lines, 2)]


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
    """The lines of a loop, and the steps it has computed; `place` is where it reads the row."""

    def __init__(self, place="j"):
        super().__init__()
        self.place, self.done = place, set()


class Writer:
    """The text of one kernel; :class:`Rows` and :class:`Tiles` say how it is laid out."""

    def __init__(self, trace):
        self.trace, self.slope, self.guards = trace, trace.slope, [guard.witness for guard in trace.guards]
        self.steps = reached([trace.value, *self.guards, self.slope])
        self.uses = Counter(one.number for step in self.steps for one in step.args if isinstance(one, Step))
        self.sums = [step for step in self.steps if step.op in REDUCTIONS]
        self.last_stage = max(step.stage for step in self.steps if step.span & ENTRY)
        self.cost = 1 + 4 * sum(step.is_dear for step in self.steps)  # of an entry, in simple loops
        self.parameters = [step.op for step in self.steps if step.op.startswith("given_")]
        self.named = {key: name for key, name in trace.names.items() if name not in ("value", "slope")}
        self.kept, self.names = set(), {}
        for step in self.steps:
            wanted = self.named.get(step.number, f"step{step.number}")
            names = itertools.chain([wanted], (f"{wanted}_{again}" for again in itertools.count(2)))
            taken = {*TAKEN, *self.names.values()}
            self.names[step.number] = next(name for name in names if name not in taken)

    def text(self):
        """Return the kernel's text."""
        guards = [f"guard{number}" for number in range(len(self.guards))]
        parts = [(self.by_row(stage), self.loops(stage)) for stage in range(self.last_stage + 1)]
        parts += [(self.by_row(stage), []) for stage in range(len(parts), self.trace.value.stage + 1)]
        lines = ["rows, width = predictions.shape", *self.numbers(), "total = 0.0"]
        lines += [f"{guard} = False" for guard in guards] + self.laid_out(parts)
        lines += [f"return ({', '.join(['total', *guards])},)"]
        return "\n".join([f"def kernel({', '.join([*ARGUMENTS, *self.parameters])}):", *indented(lines), ""])

    def numbers(self):
        """Write the numbers that are the same for all entries: computed in float64, as Python does."""

        def exact(step):
            if not isinstance(step, Step) or not step.args:
                return getattr(step, "op", repr(step))
            args = [exact(one) for one in step.args]
            return f"-{args[0]}" if step.op == "negative" else f"({f' {step.op} '.join(args)})"

        used = {one.number for step in self.steps if step.span for one in step.args if isinstance(one, Step)}
        return [
            f"{self.names[step.number]} = {'np.int32' if step.kind == 'i' else 'kind'}({exact(step)})"
            for step in self.steps
            if step.span == 0 and step.number in used
        ]

    # --- one step ------------------------------------------------------------------------------------

    def read(self, step, body, nested=False):
        """Return how a step is read in a loop, after writing there what it needs."""
        name, is_entry = self.names[step.number], step.span & ENTRY
        if step.op in self.inputs:
            return self.inputs[step.op] if body.place == "j" else self.picks[step.op].format(body.place)
        if not is_entry:
            return name + self.lane if step.span else name
        if step.number in self.kept and body.place == "j":
            return f"{name}_kept[{self.at}]"
        name += "_at" * (body.place != "j")
        if step.number not in body.done:
            text = self.expression(step, body)
            if step.number not in self.named and self.uses[step.number] == 1:
                return f"({text})" if nested and step.op in INFIX else text
            body.done.add(step.number)
            body.append(f"{name} = {text}")
        return name

    def expression(self, step, body):
        """Return the text of a step, whatever its name."""
        if step.op == "pick":  # an entry at a place that is held inside the row: a guard looks at it too
            inner = Body(f"{self.names[step.number]}_place")
            text = self.read(step.args[0], inner)
            body += [f"{inner.place} = min(max({self.read(step.args[1], body)}, 0), width - 1)", *inner]
            return text
        kinds = {getattr(one, "kind", type(one)) for one in step.args}
        whole = step.kind == "i" or step.kind == "b" and "i" in kinds and not {"f", float} & kinds
        args = [self.argument(one, body, whole) for one in step.args]
        if step.op in INFIX:
            return f" {step.op} ".join(args)
        if step.op in ("negative", "not"):
            return f"-{args[0]}" if step.op == "negative" else f"(not {args[0]})"
        return f"{step.op}({', '.join(args)})"

    def argument(self, one, body, whole):
        """Return the text of what a step takes: in the type of the data, or whole."""
        if isinstance(one, Step):
            text = self.read(one, body, nested=True)
            return f"kind({text})" if one.kind == "i" and not whole else text
        number = f"{'-' * (one < 0)}np.inf" if math.isinf(one) else repr(one)
        return number if isinstance(one, bool) else f"{'np.int32' if whole else 'kind'}({number})"

    # --- the steps of a stage --------------------------------------------------------------------------

    def ends(self, stage):
        """Return what the loops of a stage are for: what feeds its sums, guards, and the slope."""
        found = [step.args[0] for step in self.sums] + [one for one in self.guards if one.span & ENTRY]
        return [step for step in [*found, self.slope] if step is not None and step.stage == stage]

    def loops(self, stage):
        """Return the bodies of a stage's loops: one for each expensive step but the last, then all else."""
        to_come = [end for n in range(stage + 1, self.last_stage + 1) for end in self.ends(n)]
        later = {one.number for one in reached(to_come, False)}
        live = reached(self.ends(stage), through_picks=False)
        dear = [one for one in live if one.is_dear and one.stage == stage and one.number not in self.kept]
        bodies, body = [], Body()
        for step in dear[:-1]:
            bodies.append(Body())
            text = self.expression(step, bodies[-1])
            bodies[-1].append(f"{self.names[step.number]}_kept[{self.at}] = {text}")
            self.kept.add(step.number)
        for step in self.sums:
            if step.args[0].stage == stage:
                part, more = self.part.format(self.names[step.number]), self.read(step.args[0], body)
                body.append(f"{part} = {self.joined.get(step.op, JOINED[step.op]).format(part, more)}")
        for number, witness in enumerate(self.guards):
            if witness.span & ENTRY and witness.stage == stage:
                body.append(f"guard{number} = guard{number} | {self.read(witness, body, nested=True)}")
        if self.slope is not None and self.slope.stage == stage:
            body.append(f"slope[{self.at}] = {self.read(self.slope, body, nested=True)} * weight{self.lane}")
        for step in dear[-1:]:
            if step.number in body.done & later:
                self.kept.add(step.number)
                body.append(f"{self.names[step.number]}_kept[{self.at}] = {self.names[step.number]}")
        return [one for one in [*bodies, body] if one]

    def by_row(self, stage):
        """Return the steps of a row that are known before a stage: lines, and whether they are uneven.

        Uneven are those that read one entry of the row, or watch: no vector code is made of them.
        """
        parts = []
        for step in self.steps:
            if step.span == ROW and step.stage == stage and step.op not in (*REDUCTIONS, *self.inputs):
                body = Body()
                body.append(f"{self.names[step.number]}{self.lane} = {self.expression(step, body)}")
                parts.append((body, step.op == "pick"))
        for number, witness in enumerate(self.guards):
            if witness.span == ROW and witness.stage == stage:
                parts.append(([f"guard{number} = guard{number} | {self.read(witness, Body())}"], True))
        return parts

    def starts(self, stage, name):
        """Return the lines that set the sums of a stage to where they begin."""
        sums = [step for step in self.sums if step.args[0].stage == stage]
        return [f"{name.format(self.names[step.number])} = {START[step.op]}" for step in sums]


class Rows(Writer):
    """One row after the other, in strips."""

    at, lane, part, joined = "j", "", "{}_part", {"sum": "add({0}, {1})"}
    inputs = {
        "y_true": "y_true[j]", "y_pred": "y_pred[j]", "place": "np.int32(first + j)", "label": "label",
        "other_label": "np.int32(other_label[j])", "own_place": "np.int32(top + r)",
    }  # fmt: skip
    picks = {"y_true": "labels[r, {}]", "y_pred": "predictions[r, {}]", "place": "{}", "label": "label"}

    def laid_out(self, parts):
        """Return the loops around the steps of each stage."""
        rows = {
            "y_true": "labels[r]",
            "y_pred": "predictions[r]",
            "slope": "slopes[r]",
            "other_label": "labels",
        }
        inner = [f"label = {LABEL}"] * self.trace.numbered
        inner += ["weight = kind(scale) * upstream[r * every]"] * (self.slope is not None)
        kept, size = [f"{self.names[step]}_kept" for step in self.kept], "width" if self.last_stage else STRIP
        made = [f"{name}{'_row' * bool(self.last_stage)} = np.empty({size}, kind)" for name in kept]
        rows |= {name: f"{name}_row" for name in kept if self.last_stage}
        for stage, (before, loops) in enumerate(parts):
            inner += [line for lines, _ in before for line in lines]
            sums = [(self.names[step.number], step.op) for step in self.sums if step.args[0].stage == stage]
            inner += [f"{name}_sum = 0.0" if op == "sum" else f"{name} = {START[op]}" for name, op in sums]
            if loops:
                text = "".join(line for body in loops for line in body)
                strip = [f"last = min(first + {STRIP}, width)"]
                strip += [f"{name} = {row}[first:last]" for name, row in rows.items() if f"{name}[" in text]
                strip += self.starts(stage, "{}_part")
                for body in loops:
                    strip += ["for j in range(last - first):", *indented(body)]
                for name, op in sums:
                    whole = f"{name}_sum" if op == "sum" else name
                    strip.append(f"{whole} = {JOINED[op].format(whole, f'{name}_part')}")
                inner += [f"for first in range(0, width, {STRIP}):", *indented(strip)]
            inner += [f"{name} = kind({name}_sum)" for name, op in sums if op == "sum"]
        body = Body()
        body.append(f"value = {self.read(self.trace.value, body)}")
        inner += [*body, "total += np.float64(value)", "if keep:", "    values[r] = value"]
        return [*made, "for r in range(rows):", *indented(inner)]


class Tiles(Writer):
    """Short rows side by side; a tile that lacks rows repeats its last."""

    at, lane, part, joined = "j, l", "[l]", "{}[l]", {}
    inputs = {
        "y_true": "y_true[j, l]", "y_pred": "y_pred[j, l]", "place": "np.int32(j)", "label": "label[l]",
        "other_label": "np.int32(labels[j])", "own_place": "np.int32(top + start + l)",
    }  # fmt: skip
    picks = {"y_true": "y_true[{}, l]", "y_pred": "y_pred[{}, l]", "place": "{}", "label": "label[l]"}

    def laid_out(self, parts):
        """Return the loops around the steps of each stage."""
        tables = {"y_pred": "predictions"} | ({} if self.trace.numbered else {"y_true": "labels"})
        by_row = [one for one in self.steps if one.span == ROW and one.op not in self.inputs]
        columns = {self.names[one.number]: one.kind for one in by_row}
        inner = [f"n = min({TILE}, rows - start)", "for l in range(lanes):", "    r = start + min(l, n - 1)"]
        wide = [*tables, *(f"{self.names[step]}_kept" for step in self.kept)]
        if self.slope is not None:
            wide, columns["weight"] = [*wide, "slope"], "f"
            inner.append("    weight[l] = kind(scale) * upstream[r * every]")
        if self.trace.numbered:
            columns["label"] = "i"
            inner.append(f"    label[l] = {LABEL}")
        kinds = {"f": "kind", "i": "np.int32", "b": "np.bool_"}
        made = [f"{name} = np.empty((width, {TILE}), kind)" for name in wide]
        made += [f"{name} = np.empty({TILE}, {kinds[kind]})" for name, kind in columns.items()]
        for name, array in tables.items():
            inner += [f"rows_of_{name} = {array}[start:start + n]"]
            inner += across([f"{name}[j, l] = rows_of_{name}[l, j]"], "n")
            inner += ["    for l in range(n, lanes):", f"        {name}[j, l] = rows_of_{name}[n - 1, j]"]
        for stage, (before, loops) in enumerate(parts):
            runs = [[*run] for _, run in itertools.groupby(before, lambda one: one[1])]
            runs = [[line for lines, _ in run for line in lines] for run in runs]
            for lines in filter(None, [*runs, self.starts(stage, "{}[l]")]):
                inner += ["for l in range(lanes):", *indented(lines)]
            for body in loops:
                inner += across(body)
        body = Body()
        value = self.read(self.trace.value, body)
        inner += ["for l in range(n):", *indented([*body, f"total = add(total, np.float64({value}))"])]
        inner += ["if keep:", "    for l in range(n):", *indented([*body, f"values[start + l] = {value}"], 2)]
        if self.slope is not None:
            inner += ["rows_of_slopes = slopes[start:start + n]"]
            inner += across(["rows_of_slopes[l, j] = slope[j, l]"], "n")
        lanes = f"lanes = min({TILE}, (rows + 15) // 16 * 16)"  # a small batch is not blown up
        return [lanes, *made, f"for start in range(0, rows, {TILE}):", *indented(inner)]
