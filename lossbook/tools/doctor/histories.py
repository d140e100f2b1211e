"""Checks of what training wrote down: a History, its dictionary, or a CSVLogger file."""

import csv
import math
import os
from dataclasses import dataclass

import numpy as np

from lossbook.tools.doctor.findings import Report, finds, found, run_checks

__all__ = ["Log", "check_history", "is_history", "read_log"]


@dataclass(frozen=True)
class Log:
    """The columns of a training log: ``loss`` and what else there is, one number an epoch."""

    columns: dict
    classes: int = None
    loss_name: str = ""

    @property
    def loss(self):
        """The training loss, one number an epoch."""
        return np.asarray(self.columns["loss"], dtype=np.float64)


def is_history(subject):
    """Tell a history: a Keras History, a dictionary with a loss, a path of a CSV file, a table."""
    if isinstance(subject, (str, os.PathLike)):
        return os.fspath(subject).endswith((".csv", ".log", ".tsv")) or os.path.isfile(subject)
    if isinstance(subject, dict):
        return "loss" in subject
    return isinstance(getattr(subject, "history", None), dict) or hasattr(subject, "iloc")


def read_log(path):
    """Read a CSVLogger file: its columns of numbers, empty cells as NaN.

    Raises
    ------
    ValueError
        If the file has no column ``loss``, or a cell is no number.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            text = file.read()
        separator = next((s for s in (",", ";", "\t") if s in text.partition("\n")[0]), ",")
        rows = list(csv.DictReader(text.splitlines(), delimiter=separator))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        why = getattr(problem, "strerror", None) or "no text in UTF-8"
        raise ValueError(
            f"Received {os.fspath(path)}, which cannot be read ({why}); expected a log with a column loss. "
            "keras.callbacks.CSVLogger writes such files."
        ) from None
    names = [name.strip() for name in rows[0] if name] if rows else []
    if "loss" not in names:
        raise ValueError(
            f"Received {os.fspath(path)} with the columns {', '.join(names) or 'none'}; expected one named "
            "loss. "
            "keras.callbacks.CSVLogger writes such files."
        )
    return {name.strip(): [_number(row[name], path) for row in rows] for name in rows[0] if name}


def _number(cell, path):
    try:
        return float(cell) if cell not in (None, "", "NA") else math.nan
    except ValueError:
        raise ValueError(
            f"Received the cell {cell[:40]!r} in {os.fspath(path)}; expected a number. Leave comments out "
            "of the log."
        ) from None


def check_history(subject, classes=None):
    """Return the report on a history: see :func:`~lossbook.tools.check.check`."""
    columns = (
        read_log(subject) if isinstance(subject, (str, os.PathLike)) else getattr(subject, "history", subject)
    )
    columns = {str(name): list(columns[name]) for name in columns}
    model = getattr(subject, "model", None)
    if "loss" not in columns or not columns["loss"]:
        raise ValueError(
            "Received a history without a loss; expected one number for each epoch. Train at least one."
        )
    shape = getattr(model, "output_shape", None)
    if classes is None and isinstance(shape, tuple) and "categorical" in _name(model):
        classes = shape[-1]
    if classes is None and "binary" in _name(model):
        classes = 2
    return Report(run_checks("history", Log(columns, classes, _name(model))))


def _name(model):
    loss = getattr(model, "loss", None)
    return str(getattr(loss, "name", None) or getattr(loss, "__name__", None) or loss or "")


def _finite(log):
    return log.loss[np.isfinite(log.loss)]


@finds("nan-at-epoch", stage="history")
def nan_at_epoch(log):
    for name in ("loss", "val_loss", *log.columns):
        if name not in log.columns or name != "loss" and not name.endswith("loss"):
            continue
        bad = ~np.isfinite(np.asarray(log.columns[name], dtype=np.float64))
        if name != "loss" and bad.all():
            continue
        if bad.any():
            first = int(bad.argmax())
            before = (
                f"it was {log.columns[name][first - 1]:.6g} before"
                if first
                else "from the start, so the data or the first step"
            )
            return found(
                f"{name} is {log.columns[name][first]} in epoch {first + 1} ({before}).", name, bad,
                mend="model.optimizer.clipnorm = 1.0; model.optimizer.learning_rate = 1e-4  # and "
                     "check(model, x, y)",
                guard=f"assert np.isfinite(history.history[{name!r}]).all()",
            )  # fmt: skip
    return None


@finds("negative-loss", stage="history")
def negative_loss(log):
    loss = log.loss
    may = any(word in log.loss_name for word in ("cosine", "poisson", "log_prob"))
    if may or not (loss < -1e-6).any() or -1 <= np.nanmin(loss) and np.nanmax(loss) <= 0:
        return None
    return found(
        f"The loss falls to {np.nanmin(loss):.6g}. Cross-entropies and errors have no values below 0: "
        "labels or predictions "
        "are out of range.", "loss", loss < -1e-6,
        mend="y = (y - np.min(y)) / np.ptp(y)  # labels from 0 to 1; look with check(model, x, y)",
        guard="assert min(history.history['loss']) >= 0",
    )  # fmt: skip


@finds("growing", stage="history")
def growing(log):
    loss = _finite(log)
    if len(loss) < 3 or loss[0] <= 0 or loss.min() < 0:
        return None
    tail = loss[-3:]
    if not (tail[-1] > 1.5 * loss[0] and tail[-1] > 1.5 * loss.min() and tail.mean() > 1.2 * loss[0]):
        return None
    return found(
        f"The loss grows from {loss[0]:.6g} to {loss[-1]:.6g}: steps are too large, or go the wrong "
        "way.", "loss",
        given=float(loss[-1]), meant=float(loss.min()),
        mend="model.optimizer.learning_rate = float(model.optimizer.learning_rate) / 10",
        guard="assert history.history['loss'][-1] <= history.history['loss'][0]",
    )  # fmt: skip


def _at_chance(loss, classes):
    """Return the epochs at the end of a log, three at least, that stay at log K; else the whole log."""
    if not classes or len(loss) < 4:
        return loss
    away = np.flatnonzero(np.abs(loss - math.log(classes)) > 0.005 * math.log(classes))
    tail = loss[away[-1] + 1 :] if len(away) else loss
    return tail if len(tail) >= 3 else loss


@finds("stuck", stage="history")
def stuck(log):
    loss = _finite(log)
    if len(loss) == len(log.loss):
        loss = _at_chance(loss, log.classes)
    if len(loss) < 3 or len(_finite(log)) < len(log.loss) or abs(loss[0]) < 1e-6:
        return None
    if np.ptp(loss) > 0.01 * abs(loss.mean()) or abs(loss.mean()) < 0.02:
        return None
    mean = float(loss.mean())
    counts = [log.classes] if log.classes else range(2, 1001)
    k = next(
        (k for k in counts if abs(mean - math.log(k)) < 0.01 * math.log(k) and (k <= 20 or log.classes)), None
    )
    at = f", which is log {k}: the model knows no more than that there are {k} classes" if k else ""
    span = f"{'the last ' * (len(loss) < len(log.loss))}{len(loss)}"
    return found(
        f"The loss stays at {mean:.6g} for {span} epochs{at}.",
        "loss", given=mean,
        mend="model.optimizer.learning_rate = 1e-3  # after check(model, x, y): the gradient may be dead",
        guard=f"assert np.ptp(history.history['loss'][-{len(loss)}:]) > {0.01 * abs(mean):.3g}",
    )  # fmt: skip


@finds("first-loss", stage="history")
def first_loss(log):
    if not log.classes or log.classes < 2 or not np.isfinite(log.loss[0]):
        return None
    cost = math.log(log.classes)
    if log.loss[0] <= 3 * cost + 1:
        return None
    return found(
        f"The first loss is {log.loss[0]:.6g}; no information about {log.classes} classes costs "
        f"{cost:.6g}.", "loss",
        given=float(log.loss[0]), meant=cost,
        mend="x = (x - np.mean(x, axis=0)) / (np.std(x, axis=0) + 1e-7)",
        guard=f"assert history.history['loss'][0] < {3 * cost + 1:.4g}",
    )  # fmt: skip


@finds("above-validation", stage="history")
def above_validation(log):
    if "val_loss" not in log.columns or len(log.loss) < 3:
        return None
    validation = np.asarray(log.columns["val_loss"], dtype=np.float64)
    if validation.shape != log.loss.shape:
        return None
    above = log.loss > validation + 0.02 * np.abs(validation)
    if not above.all():
        return None
    return found(
        "loss is above val_loss in every epoch. That is often honest: loss is the running mean of an epoch "
        "in which the "
        "weights still changed, with dropout and penalties on; val_loss is taken afterwards, without.",
        "loss", above, given=float(log.loss[-1]), meant=float(validation[-1]),
        mend="history.history['loss'][-1] = model.evaluate(x, y, verbose=0)  # compare this with val_loss",
        guard="assert model.evaluate(x, y, verbose=0) <= 1.1 * history.history['val_loss'][-1]",
    )  # fmt: skip
