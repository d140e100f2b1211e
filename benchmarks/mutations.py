"""Would the tests notice? One small mistake at a time goes into every loss, gradient and helper.

    python -m benchmarks.mutations                 all of them
    python -m benchmarks.mutations huber circle    those losses alone
    python -m benchmarks.mutations --list huber    the mistakes, untried

A mistake turns a sign, drops a factor or a term, doubles a constant, swaps alpha and beta, yes and
no, maximum and minimum, sum and mean, log and log1p, the branches of a choice, or shifts a boundary.
The mutated code takes the place of the function's own, so that all who call it get it; then the
assertions of the test suite run on random cases, with the answers of Keras and of the differences
computed beforehand. A mistake that passes them all is named as a survivor, unless it stands in
:data:`EQUIVALENT` with the reason why no test could tell. Lines that read or check the input are left
out: the table of bad inputs holds those. It ends with an error if there is a survivor.
"""

import argparse
import ast
import contextlib
import copy
import doctest
import inspect
import io
import sys
import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

import test_collapses  # noqa: E402
import test_properties as properties  # noqa: E402
from cases import cases  # noqa: E402
from claims import claim_of  # noqa: E402
from oracles import ask_keras  # noqa: E402

import lossbook  # noqa: E402
from benchmarks import accuracy  # noqa: E402
from lossbook import CATALOGUE  # noqa: E402

CASES = 40  # for each loss and kind of check
INPUT_LINES = ("as_", "check_")  # calls that read or check the input

# --- mistakes -----------------------------------------------------------------------------------

OPERATORS = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult],
    ast.BitAnd: [ast.BitOr], ast.BitOr: [ast.BitAnd],
}  # fmt: skip
COMPARISONS = {
    ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.GtE], ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq],
}  # fmt: skip
CALLS = {
    "maximum": "minimum", "minimum": "maximum", "max": "min", "min": "max", "sum": "mean", "mean": "sum",
    "log": "log1p", "log1p": "log", "exp": "expm1", "expm1": "exp", "sinh": "tanh", "tanh": "sinh",
    "any": "all", "all": "any", "logaddexp": "maximum", "sign": "abs", "argmax": "argmin",
    "softmax": "log_softmax", "log_softmax": "softmax",
}  # fmt: skip
FIRST_ALONE = {"abs", "clip", "maximum", "minimum", "sqrt", "sign", "power_slope", "sigmoid", "moved"}
NAMES = {
    "alpha": "beta", "beta": "alpha", "y_true": "y_pred", "y_pred": "y_true", "yes": "no", "no": "yes",
    "gamma": "margin", "margin": "gamma", "kin": "strangers", "strangers": "kin", "alarms": "misses",
    "misses": "alarms", "too_high": "too_low", "too_low": "too_high", "truth": "belief", "belief": "truth",
}  # fmt: skip


def mistakes_at(node):
    """Return the nodes that may wrongly stand in a node's place."""
    if isinstance(node, ast.BinOp):
        others = [ast.BinOp(node.left, other(), node.right) for other in OPERATORS.get(type(node.op), [])]
        return (
            others + [node.left] + ([node.right] if isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)) else [])
        )
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Invert)):
        return [node.operand]
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return [
            ast.Compare(node.left, [one()], node.comparators)
            for one in COMPARISONS.get(type(node.ops[0]), [])
        ]
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return [ast.Constant(2 * node.value or 1), ast.Constant(node.value - 1)]
    if isinstance(node, ast.IfExp):
        return [ast.IfExp(node.test, node.orelse, node.body)]
    if isinstance(node, ast.If):
        return [ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)]
    if isinstance(node, ast.Call):
        return mistakes_in_call(node)
    return []


def mistakes_in_call(node):
    """Return wrong calls: of the sibling function, without the function, with branches swapped."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    found = []
    if name in CALLS:
        other = copy.deepcopy(node)
        setattr(other.func, "attr" if isinstance(node.func, ast.Attribute) else "id", CALLS[name])
        found.append(other)
    if name in FIRST_ALONE and node.args:
        found.append(node.args[0])
    if name == "where":
        found.append(ast.Call(node.func, [node.args[0], *node.args[:0:-1]], node.keywords))
    return found


@dataclass
class Mutant:
    """One mistake in one function."""

    function: callable
    before: str
    after: str
    code: object

    def __str__(self):
        return f"{self.function.__name__}: {self.before}  →  {self.after}"


def mutants_of(function):
    """Return every mistake that can be made in a function."""
    source = textwrap.dedent(inspect.getsource(function))
    tree = ast.parse(source)
    tree.body[0].decorator_list = []
    statements = [
        node for node in ast.walk(tree.body[0]) if isinstance(node, (ast.Assign, ast.Return, ast.If, ast.For))
    ]
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {argument.arg for argument in tree.body[0].args.args}
    found = []
    for number, statement in enumerate(statements):
        if reads_input(statement):
            continue
        parts = [node for node in own_nodes(statement)]
        for place, node in enumerate(parts):
            wrong = mistakes_at(node)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and NAMES.get(node.id) in names:
                wrong.append(ast.Name(NAMES[node.id], ast.Load()))
            for other in wrong:
                found.append(mutated(function, tree, number, place, other))
    return [one for one in found if one.after != one.before]


def unchanged(function):
    """Compile a function as mistakes are compiled, but without one."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    tree.body[0].decorator_list = []
    return Mutant(function, "", "", compiled(tree))


def compiled(tree):
    module = compile(ast.fix_missing_locations(tree), "<mutant>", "exec")
    return next(one for one in module.co_consts if hasattr(one, "co_code"))


def own_nodes(statement):
    """Return the nodes of a statement, without those of the statements inside it."""
    if isinstance(statement, ast.If):
        return [statement]
    inside = statement.iter if isinstance(statement, ast.For) else statement.value
    return list(ast.walk(inside)) if inside is not None else []


def reads_input(statement):
    """Tell whether a statement only turns the input into arrays."""
    value = getattr(statement, "value", None)
    name = getattr(getattr(value, "func", None), "id", "")
    return name.startswith(INPUT_LINES)


def mutated(function, tree, number, place, other):
    """Compile a function with one node of one statement replaced."""
    tree = copy.deepcopy(tree)
    statement = [
        n for n in ast.walk(tree.body[0]) if isinstance(n, (ast.Assign, ast.Return, ast.If, ast.For))
    ][number]
    target = own_nodes(statement)[place]
    before = headline(statement)
    fresh = ast.fix_missing_locations(ast.copy_location(copy.deepcopy(other), target))
    replace_node(tree, target, fresh)
    if target is statement:
        statement = fresh
    return Mutant(function, before, headline(statement), compiled(tree))


def headline(statement):
    return ast.unparse(statement).splitlines()[0]


def replace_node(tree, target, fresh):
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, name, fresh)
            elif isinstance(value, list):
                setattr(parent, name, [fresh if one is target else one for one in value])


@contextlib.contextmanager
def in_place(mutant):
    """Let a mutant's code run wherever its function is called."""
    kept = mutant.function.__code__
    mutant.function.__code__ = mutant.code
    try:
        yield
    finally:
        mutant.function.__code__ = kept


# --- checks -------------------------------------------------------------------------------------


def checks_of(name):
    """Return the test suite's assertions on random cases of a loss, as calls without arguments.

    What Keras says, what differences measure and what 100 digits give is computed here, once.
    """
    some, calm = drawn(name), drawn(name, calm=True)
    found = [bound(properties.agrees_with_keras, case, ask_keras(case)) for case in some]
    found += [bound(properties.has_true_slope, case, properties.measure_slope(case)) for case in calm]
    found += [bound(properties.weights_multiply, case) for case in some[:10]]
    found += [bound(properties.order_does_not_matter, case, 0) for case in some[:10] if order_counts(case)]
    found += [bound(is_lowest, name, seed) for seed in range(3)]
    for loss, collapse, calm_only in test_collapses.COLLAPSES:
        if loss == name:
            found += [bound(collapse, in_float64(case)) for case in (calm if calm_only else some)]
    if "from_logits" in CATALOGUE[name].parameters:
        scores = [
            case
            for case in calm
            if case.settings["from_logits"] and case.y_pred.shape[case.settings["axis"]] > 1
        ]
        found += [bound(properties.logits_cost_their_probabilities, case) for case in scores]
    found += [bound(accuracy_holds, row) for row in accuracy.ROWS if row.name == name]
    return found


def bound(check, *arguments):
    return lambda: check(*arguments)


def drawn(name, calm=False):
    """Draw cases as the tests do: the same ones on every run."""
    found = []

    @settings(max_examples=CASES, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=cases(name, calm=calm))
    def collect(case):
        found.append(case)

    collect()
    return found


def in_float64(case):
    labels = case.y_true if case.y_true.dtype.kind == "i" else case.y_true.astype(float)
    return case.changed(y_true=labels, y_pred=case.y_pred.astype(float))


def order_counts(case):
    return not isinstance(case.settings.get("alpha"), list) or case.values.ndim > 0


def is_lowest(name, seed):
    rng = np.random.default_rng(seed)
    properties.is_lowest(claim_of(name, rng), rng)


def accuracy_holds(row):
    result = accuracy.measure(row, points=40, seed=1, keras=False)
    assert result.value <= row.bound and result.slope <= row.bound


def examples_hold(function):
    """Assert that the examples in a docstring hold: the last check, since its code is the slowest."""
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner(verbose=False)
    names = {**vars(sys.modules[function.__module__])}
    for test in finder.find(function, globs=names):
        with contextlib.redirect_stdout(io.StringIO()):
            runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def caught(checks):
    """Tell whether any check fails, or raises."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for check in checks:
            try:
                check()
            except Exception:  # any error is noticed
                return True
    return False


# --- mistakes that no test can tell --------------------------------------------------------------

EQUIVALENT = {}
"""Mistakes that change no result, by their text, with the reason."""


# --- the tally ----------------------------------------------------------------------------------


def helpers_of(functions):
    """Return the functions of lossbook's loss modules that these call, directly or through others."""
    families = {spec.function.__module__ for spec in CATALOGUE.values()}
    found, left = [], list(functions)
    while left:
        function = left.pop()
        for name in function.__code__.co_names:
            other = function.__globals__.get(name)
            if inspect.isfunction(other) and other.__module__ in families and other not in found:
                if not name.startswith(INPUT_LINES):
                    found.append(other)
                    left.append(other)
    return found


def main():
    parser = argparse.ArgumentParser(description="Try small mistakes in every loss against the tests.")
    parser.add_argument("names", nargs="*", help="losses; all of them if none is named")
    parser.add_argument("--list", action="store_true", help="print the mistakes and try none")
    chosen = parser.parse_args()
    made = noticed = 0
    survivors, done = [], set()
    for name in chosen.names or CATALOGUE:
        spec = CATALOGUE[name]
        functions = [one for one in (spec.function, spec.gradient, spec.mask) if one is not None]
        functions += [one for one in helpers_of(functions) if one not in done]
        mutants = [one for function in functions for one in mutants_of(function)]
        if chosen.list:
            print(*mutants, sep="\n")
            continue
        checks = checks_of(name)
        for function in functions:  # compiled anew without a mistake, it must pass
            with in_place(unchanged(function)):
                if caught([*checks, bound(examples_hold, function)]):
                    raise SystemExit(f"The tests fail for {function.__name__} as it is: nothing to learn.")
        alive = []
        for mutant in mutants:
            with in_place(mutant):
                tried = [*checks, bound(examples_hold, mutant.function)]
                if not caught(tried):
                    alive.append(mutant)
        done.update(functions)
        unexplained = [one for one in alive if str(one) not in EQUIVALENT]
        made, noticed = made + len(mutants), noticed + len(mutants) - len(alive)
        survivors += unexplained
        print(f"{name:40s} {len(mutants):4d} made, {len(mutants) - len(alive):4d} caught, "
              f"{len(alive) - len(unexplained):2d} equivalent, {len(unexplained):2d} survived", flush=True)  # fmt: skip
        print(*(f"    SURVIVED {one}" for one in unexplained), sep="\n", end="\n" if unexplained else "")
    if not chosen.list:
        print(f"\n{made} mistakes made, {noticed} caught, {made - noticed - len(survivors)} equivalent, "
              f"{len(survivors)} survived")  # fmt: skip
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
