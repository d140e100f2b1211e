"""Break every loss and gradient, one operator or name at a time, and see the tests turn red.

Run: python tests/mutations.py. It prints each change that no test noticed, and the tally.
"""

import ast
import inspect
import sys
import textwrap
import warnings

import numpy as np
import test_losses as tests

import lossbook
from lossbook import CATALOGUE

SWAPS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
NAMES = {"alpha": "beta", "beta": "alpha", "maximum": "minimum", "minimum": "maximum"}


def changes(function):
    """Yield a description and a changed copy of a function, for each operator, sign and name swapped."""
    source = textwrap.dedent(inspect.getsource(function))
    for place, _ in enumerate(ast.walk(ast.parse(source))):
        tree = ast.parse(source)
        node = list(ast.walk(tree))[place]
        before = ast.unparse(node) if isinstance(node, ast.expr) else ""
        if isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
            node.op = SWAPS[type(node.op)]()
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            node.op = ast.UAdd()
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            node.attr = NAMES[node.attr]
        elif isinstance(node, ast.Name) and node.id in NAMES and isinstance(node.ctx, ast.Load):
            node.id = NAMES[node.id]
        elif (
            isinstance(node, ast.Constant)
            and node.value in (2.0, 0.5, 100.0)
            and not isinstance(node.value, bool)
        ):
            node.value = 3.0
        else:
            continue
        tree.body[0].decorator_list = []
        scope = dict(vars(sys.modules[function.__module__]))
        after = ast.unparse(node)
        arguments = {id(n) for d in tree.body[0].args.defaults for n in ast.walk(d)}
        if id(node) in arguments:
            continue  # a default is the signature test's business
        exec(compile(ast.fix_missing_locations(tree), "<changed>", "exec"), scope)
        yield f"{function.__name__}: {before} -> {after}", scope[function.__name__]


def noticed(name):
    """Tell whether any check of values, slopes, kinks or bounds fails for a loss as it is now."""
    checks = []
    for case in (c.values for c in tests.EVERY_CASE if c.values[0] == name):
        for dtype in (np.float64, np.float32):
            checks.append((tests.test_function_and_gradient_equal_keras, (*case, dtype)))
    checks += [
        (tests.test_slope_at_kinks_and_clips_equals_tensorflow, (*k, t))
        for k in tests.KINKS
        if k[0] == name
        for t in tests.DTYPES.values()
    ]
    checks += [(tests.test_known_values, known) for known in tests.KNOWN if known[0] == name]
    checks += [
        (tests.test_huge_and_tiny_numbers, (name, np.float32, size))
        for size in (1e30, 1e-30)
        if name in tests.SIGNED
    ]
    if "from_logits" in CATALOGUE[name].parameters:
        checks.append((tests.test_logits_of_ten_thousand_are_exact, (name, np.float64)))
    if name == "tversky":
        checks.append((tests.test_tversky_gradient_with_unequal_prices_equals_central_differences, ()))
    if name == "circle":
        checks.append((tests.test_circle_gradient_with_references_equals_keras_and_central_differences, ()))
    for check, arguments in checks:
        try:
            check(*arguments)
        except BaseException as failure:  # a skip is no failure
            if type(failure).__name__ != "Skipped":
                return True
    return False


def main():
    warnings.simplefilter("ignore")
    tally = [0, 0]
    for name, spec in CATALOGUE.items():
        assert not noticed(name), f"{name} fails as it is"
        for attribute in ("function", "gradient"):
            original = getattr(spec, attribute)
            exported = original.__name__
            for what, changed in changes(original):
                setattr(spec, attribute, changed)
                setattr(lossbook, exported, changed)
                seen = noticed(name)
                setattr(spec, attribute, original)
                setattr(lossbook, exported, original)
                tally[not seen] += 1
                if not seen:
                    print("not noticed:", what, flush=True)
    print(f"{sum(tally)} changes, {tally[0]} noticed, {tally[1]} not")


if __name__ == "__main__":
    main()
