"""Would the tests notice? One small mistake at a time goes into every loss, gradient and helper.

    python tests/mutations.py                 all of them
    python tests/mutations.py huber circle    those losses alone
    python tests/mutations.py --list huber    the mistakes, untried

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

import accuracy
import numpy as np
import test_collapses
import test_ctc
import test_limits
import test_properties as properties
from cases import KERAS_HAS, claim_of
from hypothesis import HealthCheck, Phase, given, settings
from oracles import ask_digits, ask_keras, ask_keras_function
from random_cases import cases

from lossbook import CATALOGUE

CASES = 40  # for each loss and kind of check
INPUT_LINES = ("as_", "check_", "axes_of", "class_weights")  # calls that read or check the input

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
    for node in ast.walk(tree):  # y_true and y_pred have one shape and one type: either will do
        if isinstance(node, ast.Attribute) and node.attr in ("shape", "dtype"):
            node.value.id_kept = True
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {argument.arg for argument in tree.body[0].args.args}
    found = []
    for number, statement in enumerate(statements):
        if reads_input(statement):
            continue
        parts = [node for node in own_nodes(statement)]
        for place, node in enumerate(parts):
            wrong = mistakes_at(node)
            if (
                isinstance(node, ast.Name)
                and isinstance(node.ctx, ast.Load)
                and NAMES.get(node.id) in names
                and not hasattr(node, "id_kept")
            ):
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
    found = [bound(properties.has_true_slope, case, properties.measure_slope(case)) for case in calm]
    if name in KERAS_HAS:
        edges = list(properties.on_the_edges(name))
        found = [bound(properties.agrees_with_keras, case, ask_keras(case)) for case in some + edges] + found
        found += [
            bound(properties.function_agrees_with_keras, case, ask_keras_function(case)) for case in some
        ]
    else:
        # as the tests do: 100 digits say nothing of the slope to take at a kink; the docstring's example does
        found = [bound(properties.agrees_with_keras, case, ask_digits(case)) for case in calm] + found
    if name == "circle":
        found += [with_references(case, seed) for seed, case in enumerate(some)]
    found += further(name)
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


def further(name):
    """Return tests of the suite at the ends of a loss's domain: NaN, infinity, lengths, scores that cancel."""
    nan = test_limits.test_nan_in_any_place_is_nan_in_value_and_slope
    found = [
        bound(nan, *one.values, "float64") for one in test_limits.plain_cases() if one.values[0].name == name
    ]
    if name in test_limits.LOGITS:
        infinite = test_limits.test_infinite_logits_cost_and_slope_as_their_limit
        found += [bound(infinite, name, "float64", seed) for seed in range(2)]
        found.append(test_limits.test_the_link_functions_at_infinity)
    if name == "ctc":
        found += [bound(test_ctc.test_lengths_cut_each_recording, seed, "float64") for seed in range(4)]
        found += [test_ctc.test_the_passes_keep_the_digits_of_float64, test_ctc.test_scores_all_infinite]
    if name == "binary_focal_crossentropy":
        found.append(properties.test_slope_of_a_power_at_0)
    if name == "categorical_hinge":
        found.append(properties.test_no_digit_of_a_lead_is_lost)
    return found


def bound(check, *arguments):
    return lambda: check(*arguments)


def with_references(case, seed):
    references = properties.references_of(case, seed)
    answer = ask_keras_function(case, **references)
    return lambda: properties.function_agrees_with_keras(case, answer, **references)


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
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    names = {**vars(sys.modules[function.__module__])}
    with contextlib.redirect_stdout(io.StringIO()):
        for test in finder.find(function, globs=names):
            runner.run(test)
        failed = runner.summarize(verbose=False).failed
    assert failed == 0


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

CLIP = "probability = np.clip(share, EPSILON, {})"
BEND, FAR = "bend = np.tanh(np.minimum(size, {})) ** 2", "cost = np.where(size {} 1.0, near, far)"
LARGER = "larger = np.maximum(shrunk, logits {} 0)"
INDEX = "index = np.where(counts, labels, {})"
NEVER = "log_probability = np.log(np.where(never, {}, probability))"
BELIEF = "belief = np.clip(y_pred, EPSILON, {})"
LARGEST = "largest = np.where(some, candidates.max(axis=1, keepdims=True), {})"
FINITE = "finite = np.where(chosen.any(axis=1, keepdims=True), total, {})"
TOTAL = "result = np.where(some, largest + np.log(np.where(some, total, {})), -np.inf)"
AGAINST = "against = np.where(y_pred {} 0, 1 - target, target)"
IDLE, OTHERS = "finite = np.where(idle, {}, costs)", "others = np.where(certain, {}, logits)"
BASE = "base = np.where(np.isinf(largest), {}, largest)"
NEAR = "return (near & (others {} EPSILON), others)"
ROWS_OF = "return scores[np.arange(len(scores)).reshape({}, 1), index]"
UNLESS = {"": "cost = unless_nan(bounded, scores, {})", "_gradient": "slope = unless_nan(chosen, scores, {})"}
COLUMN = "given = np.asarray(upstream, dtype=points.dtype).reshape({}, 1)"

EQUIVALENT = {
    **{f"categorical_crossentropy_gradient: {CLIP.format('1.0 - EPSILON')}  →  {CLIP.format(looser)}":
        "a clipped share has the slope 0, two lines on" for looser in ("1.0 + EPSILON", "1.0", "2.0 - EPSILON")},
    f"log_cosh: {BEND.format(1.0)}  →  {BEND.format(2.0)}": "above 1 it is not used",
    f"log_cosh: {FAR.format('<')}  →  {FAR.format('<=')}": "at 1 both are right",
    f"sigmoid: {LARGER.format('>=')}  →  {LARGER.format('>')}": "at 0 both are 1",
    **{f"sparse_categorical_crossentropy: {INDEX.format(0)}  →  {INDEX.format(other)}":
        "an ignored sample's cost is set to 0, whichever class is looked up" for other in (1, -1)},
    f"categorical_generalized_cross_entropy: {NEVER.format(1.0)}  →  {NEVER.format(2.0)}":
        "any number above 0 will do: its cost is set to 1/q, two lines on",
    **{f"{name}: {AGAINST.format('>')}  →  {AGAINST.format('>=')}": "a score of 0 is of size 0: neither label pays"
       for name in ("binary_crossentropy", "binary_focal_crossentropy", "binary_focal_crossentropy_gradient")},
    f"weighed: {IDLE.format(0.0)}  →  {IDLE.format(1)}": "its weight is 0",
    **{f"behind_largest: {OTHERS.format(0.0)}  →  {OTHERS.format(other)}":
        "its place is set to 0 in the next line" for other in (1, -1.0)},
    f"near_1: {NEAR.format('>')}  →  {NEAR.format('>=')}": "at EPSILON both roads give the same share",
    f"take_class: {ROWS_OF.format(-1)}  →  {ROWS_OF.format(-2)}": "NumPy reads any negative length as unknown",
    **{f"categorical_generalized_cross_entropy{form}: {line.format(-1)}  →  {line.format(1)}":
        "axis 1 of two is the last" for form, line in UNLESS.items()},
    **{f"log_sum_exp: {BASE.format(0.0)}  →  {BASE.format(other)}":
        "beside an infinity any finite number will do" for other in (1, -1.0)},
    f"kl_divergence_gradient: {BELIEF.format(1.0)}  →  {BELIEF.format(2.0)}":
        "above 1 the slope is set to 0, two lines on",
    "power_slope: safe = np.where(endless, 1.0, base)  →  safe = np.where(endless, 2.0, base)":
        "any base will do: its slope is set to 0 in the next line",
    f"circle_gradient: {COLUMN.format(-1)}  →  {COLUMN.format(-2)}":
        "NumPy reads any negative length as unknown",
    **{f"log_sum_among: {LARGEST.format(0.0)}  →  {LARGEST.format(other)}":
        "any finite number will do in a row that has none" for other in ("1", "-1.0")},
    f"log_sum_among: {TOTAL.format(1.0)}  →  {TOTAL.format(2.0)}": "not used in a row that has none",
    **{f"share_among: {FINITE.format(0.0)}  →  {FINITE.format(other)}":
        "any finite number will do in a row that has none" for other in ("1", "-1.0")},
    "ctc: cost = 0.0 - log_sum_exp(complete).squeeze(-1)  →  cost = 0.0 - log_sum_exp(complete).squeeze(1)":
        "axis 1 of two is the last",
    "may_skip: inner = np.arange(states.shape[1]) >= 2  →  inner = np.arange(states.shape[1]) > 2":
        "state 2 is a blank, which is never skipped to",
    "backward_pass: ahead = np.full(emission.shape, -np.inf)  →  ahead = np.full(emission.shape, np.inf)":
        "every entry is written before it is read",
}  # fmt: skip
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


@dataclass
class Tally:
    """What became of the mistakes made in one loss."""

    name: str
    made: int
    explained: list
    survivors: list

    def __str__(self):
        caught = self.made - len(self.explained) - len(self.survivors)
        return (
            f"{self.name:40s} {self.made:4d} made, {caught:4d} caught, "
            f"{len(self.explained):2d} equivalent, {len(self.survivors):2d} survived"
        )


def try_mistakes(name, functions):
    """Make every mistake in these functions, one at a time, and run the checks of a loss on each."""
    checks = checks_of(name)
    for function in functions:  # compiled anew without a mistake, it must pass
        with in_place(unchanged(function)):
            if caught([*checks, bound(examples_hold, function)]):
                raise SystemExit(f"The tests fail for {function.__name__} as it is: nothing to learn.")
    mutants = [mutant for function in functions for mutant in mutants_of(function)]
    alive = []
    for mutant in mutants:
        with in_place(mutant):
            if not caught([*checks, bound(examples_hold, mutant.function)]):
                alive.append(str(mutant))
    survivors = [text for text in alive if text not in EQUIVALENT]
    return Tally(name, len(mutants), [text for text in alive if text in EQUIVALENT], survivors)


def main():
    parser = argparse.ArgumentParser(description="Try small mistakes in every loss against the tests.")
    parser.add_argument("names", nargs="*", help="losses; all of them if none is named")
    parser.add_argument("--list", action="store_true", help="print the mistakes and try none")
    chosen = parser.parse_args()
    tallies, done = [], []
    for name in chosen.names or CATALOGUE:
        spec = CATALOGUE[name]
        own = [one for one in (spec.function, spec.gradient, spec.mask) if one is not None]
        functions = own + [one for one in helpers_of(own) if one not in done]  # a helper is tried once
        done += functions
        if chosen.list:
            print(*(mutant for function in functions for mutant in mutants_of(function)), sep="\n")
            continue
        tallies.append(try_mistakes(name, functions))
        print(tallies[-1], *(f"    SURVIVED {text}" for text in tallies[-1].survivors), sep="\n", flush=True)
    if chosen.list:
        return 0
    whole = (
        [text for one in tallies for text in one.explained],
        [text for one in tallies for text in one.survivors],
    )
    print(f"\n{Tally('all', sum(one.made for one in tallies), *whole)}")
    stale = set() if chosen.names else set(EQUIVALENT) - set(whole[0])
    print(*(f"    NOT FOUND, though in EQUIVALENT: {text}" for text in sorted(stale)), sep="\n")
    return 1 if whole[1] or stale else 0


if __name__ == "__main__":
    sys.exit(main())
