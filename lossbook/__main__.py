"""The command line: ``python -m lossbook explain|check|compare|reconcile|list``."""

import argparse
import json
import math
import os
import sys

import numpy as np

import lossbook
from lossbook.tools.files import gather

EXAMPLES = """examples:
  python -m lossbook list
  python -m lossbook check binary_crossentropy data.csv          columns y_true and y_pred
  python -m lossbook check mse labels.npy guesses.npy --weight data.npz:w
  python -m lossbook check training.csv                          a CSVLogger file
  python -m lossbook explain huber data.csv --set delta=2.0
  python -m lossbook reconcile mse data.csv --number 0.1234
  cat data.csv | python -m lossbook compare mae - --json

exit status: 0 nothing found, 1 findings (check), a difference (compare), no reason (reconcile), 2 an error"""


def main(arguments=None):
    """Run one command and return its exit status.

    Parameters
    ----------
    arguments : list of str, optional
        The words after the program's name; by default those of the command line.

    Returns
    -------
    int
        0 where nothing was found, 1 where something was, 2 after an error.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (TypeError, ValueError, ImportError, KeyError) as problem:
        text = problem.args[0] if isinstance(problem, KeyError) and problem.args else problem
        print(f"lossbook: {text}", file=sys.stderr)
        return 2


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m lossbook", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    helps = {
        "explain": "every step of a loss on your data",
        "check": "what is wrong with a loss and its data, or with a training log",
        "compare": "the loss in lossbook and in other engines",
        "reconcile": "why your number differs from Keras's",
        "list": "every loss, its class and its short names",
    }
    runs = {"explain": _explain, "check": _check, "compare": _compare, "reconcile": _reconcile, "list": _list}
    for name, run in runs.items():
        command = commands.add_parser(name, help=helps[name], description=helps[name])
        command.set_defaults(run=run)
        command.add_argument("--json", action="store_true", help="print JSON")
        if name != "list":
            _add_data(command)
        if name == "compare":
            command.add_argument("--engines", help="names with commas, such as tf.keras,tf_keras")
        if name == "reconcile":
            command.add_argument("--number", required=True, help="your number, with all its digits")
    return parser


def _add_data(command):
    command.add_argument("loss", help="a name, such as mse or Huber")
    command.add_argument(
        "data", nargs="*", help="one CSV or NPZ with y_true and y_pred, or two sources; - is a pipe"
    )
    command.add_argument("--weight", help="a source of sample weights")
    command.add_argument("--mask", help="a source of a mask: 1 where a sample counts")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter, such as from_logits=true",
    )


def _settings(options):
    """Read ``name=value`` pairs; a value is JSON, or else text."""
    settings = {}
    for pair in options.set:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"Received --set {pair}; expected name=value, such as delta=2.0.")
        try:
            settings[name] = json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            settings[name] = {"True": True, "False": False, "None": None}.get(value, value)
    return settings


def _loss(options):
    """Build the loss object of a name and the settings."""
    named = lossbook.get(options.loss)
    cls = type(named) if isinstance(named, lossbook.Loss) else lossbook.CATALOGUE[named.__name__].cls
    return cls(**_settings(options))


def _data(options):
    data = gather(options.data, options.weight, options.mask)
    if "mask" in data:
        data["mask"] = data["mask"].astype(bool)
    return data


def _say(options, result, plain):
    """Print a result as text, or as JSON."""
    print(json.dumps(_jsonable(plain), ensure_ascii=False, indent=2) if options.json else result)


def _jsonable(value):
    """Turn arrays and NumPy's numbers into lists and numbers; NaN and infinity into their names."""
    if isinstance(value, dict):
        return {str(key): _jsonable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(one) for one in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _jsonable(np.asarray(value).tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


# --- the commands -------------------------------------------------------------------------


def _list(options):
    rows = [
        [spec.name, spec.cls.__name__, ", ".join(spec.aliases), spec.family]
        for spec in lossbook.CATALOGUE.values()
    ]
    headers = ["function", "class", "other names", "family"]
    table = lossbook.render.text_table(headers, rows)
    _say(options, table, [dict(zip(headers, row, strict=True)) for row in rows])
    return 0


def _check(options):
    if options.data:
        data = _data(options)
        loss = _loss(options)
        report = lossbook.check(loss, **data)
    else:
        report = lossbook.check(options.loss)
    _say(options, report, report.to_dict())
    return 1 if report else 0


def _explain(options):
    result = lossbook.explain(_loss(options), **_data(options))
    steps = [{"names": step.names, "meaning": step.meaning, "values": step.values} for step in result.steps]
    _say(options, result, {"value": result.value, "steps": steps})
    return 0


def _compare(options):
    names = options.engines.split(",") if options.engines else None
    table = lossbook.compare(_loss(options), **_data(options), engines=names)
    rows = [
        {"engine": row.engine, "value": row.value, "difference": row.difference, "error": row.error}
        for row in table.rows
    ]
    _say(options, table, rows)
    return 0 if table.agrees(1e-5) else 1


def _reconcile(options):
    result = lossbook.reconcile(_loss(options), my_number=options.number, **_data(options))
    _say(options, result, result.to_dict())
    return 0 if result.found else 1


if __name__ == "__main__":
    sys.exit(main())
