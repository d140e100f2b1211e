"""The doctor's gallery beside its peers: what losslint, torch-audit and neural-net-checklist find in it.

Each is given what it can read, nothing else: losslint the broken logs, as CSV; torch-audit and
neural-net-checklist the broken models that can be written in PyTorch. A finding counts where the
tool gives one that it does not give to the clean twin. The packages are none of the book's:

    pip install losslint==0.4.1 torch-audit==0.3.0 neural-net-checklist==1.1.0
    python benchmarks/peers.py
"""

import contextlib
import csv
import io
import math
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

os.environ["TQDM_DISABLE"] = "1"  # read at import: a bar redrawn at each step takes longer than the step

import torch
from neural_net_checklist import torch_diagnostics as checklist
from torch import nn
from torch_audit.runtime import Auditor

NAN = float("nan")
LOGS = {  # as in tests/test_doctor_history.py, and the same stretched to 40 epochs
    "nan-at-epoch": [2.0, 1.5, NAN, NAN],
    "nan-at-epoch, from the start": [NAN, NAN, NAN],
    "negative-loss": [0.4, -0.3, -5.0, -40.0],
    "growing": [1.0, 3.0, 9.0, 27.0],
    "growing, after a dip": [1.0, 0.9, 4.0, 60.0, 900.0],
    "stuck at log 2": [0.6935, 0.6932, 0.6931, 0.6931],
    "stuck elsewhere": [7.61, 7.61, 7.61, 7.61],
    "first-loss": [45.0, 3.0, 1.0, 0.8],
    "above-validation": [1.2, 0.9, 0.7, 0.6],
}
CLEAN_LOG = [2.3, 1.4, 0.9, 0.7]
N, K = 64, 5
STEPS = 2**14  # a quarter of the default, for time
torch.manual_seed(0)
X = torch.randn(N, 8)
REAL, BITS = X[:, :1] - 0.5 * X[:, 1:2], (X[:, :1] > 0).float()
CLASSES = X[:, :K].argmax(dim=1)


def stretched(values, count=40):
    """Lay a log out over more epochs, with straight lines between its values."""
    found = []
    for i in range(count):
        at = i * (len(values) - 1) / (count - 1)
        low = min(int(at), len(values) - 2)
        found.append(values[low] + (at - low) * (values[low + 1] - values[low]))
    return found


def linted(values):
    """Which checks of losslint fire on a log."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["epoch", "loss", "val_loss"])
            rows.writerows([i, value, 0.7 * value] for i, value in enumerate(values))
        command = [sys.executable, "-m", "losslint.cli", "check", path, "--json-out", f"{folder}/out.json"]
        subprocess.run(command, capture_output=True, check=False)
        report = Path(folder, "out.json").read_text()
    names = ("nan_inf", "step_backtrack", "loss_spike", "divergence", "overfit_onset", "stagnation")
    return {name for name in names if f'"{name}"' in report}


def net(*layers, change=None):
    torch.manual_seed(0)
    model = nn.Sequential(*(layer() for layer in layers))
    if change:
        change(model)
    return model


def filled(value, place=0, what="bias"):
    return lambda model: nn.init.constant_(getattr(model[place], what), value)


def zeroed(model):
    for parameter in model.parameters():
        nn.init.zeros_(parameter)


def frozen(model):
    for parameter in model.parameters():
        parameter.requires_grad_(False)


class Rounded(nn.Module):
    def forward(self, z):
        return torch.round(z)


hidden, relu = partial(nn.Linear, 8, 64), nn.ReLU
one, several = partial(nn.Linear, 64, 1), partial(nn.Linear, 64, K)
softmax = partial(nn.Softmax, dim=1)
cross, mse, bce = nn.functional.cross_entropy, nn.functional.mse_loss, nn.functional.binary_cross_entropy
with_logits, nll = nn.functional.binary_cross_entropy_with_logits, nn.functional.nll_loss


def root(p, t):
    return torch.sqrt((p - t) ** 2).mean()


MODELS = {  # code: layers, what is changed, loss, inputs, labels, learning rate
    "logits-as-probabilities": ([hidden, relu, several], None, nll, X, CLASSES, 0.1),
    "probabilities-as-logits, softmax": ([hidden, relu, several, softmax], None, cross, X, CLASSES, 0.1),
    "probabilities-as-logits, sigmoid": ([hidden, relu, one, nn.Sigmoid], None, with_logits, X, BITS, 0.1),
    "squashed-twice": ([hidden, relu, one, nn.Sigmoid, nn.Sigmoid], None, bce, X, BITS, 0.1),
    "softmax-one-unit": ([hidden, relu, one, softmax], None, bce, X, BITS, 0.1),
    "targets-out-of-reach": ([hidden, relu, one, nn.Sigmoid], None, mse, X, 9 * REAL, 0.1),
    "broadcast": ([hidden, relu, one], None, mse, X, REAL[:, 0], 0.1),
    "dead-gradient, ReLU": ([hidden, relu, one], filled(-100.0), mse, X, REAL, 0.1),
    "dead-gradient, zeros": ([hidden, relu, one], zeroed, mse, X, REAL, 0.1),
    "no-gradient": ([hidden, relu, one, Rounded], None, mse, X, REAL, 0.1),
    "nan-gradient": ([hidden, relu, one], zeroed, root, X, 0 * REAL, 0.1),
    "frozen, requires_grad": ([hidden, relu, one], frozen, mse, X, REAL, 0.1),
    "frozen, rate of 0": ([hidden, relu, one], None, mse, X, REAL, 0.0),
    "not-finite, inputs": ([hidden, relu, one], None, mse, torch.where(X > 1.5, NAN, X), REAL, 0.1),
    "not-finite, labels": ([hidden, relu, one], None, mse, X, torch.where(REAL > 1.5, NAN, REAL), 0.1),
    "first-loss, inputs": ([hidden, relu, several], None, cross, 1000 * X, CLASSES, 0.1),
    "first-loss, targets": ([hidden, relu, one], None, mse, X, 100 * REAL + 200_000, 0.1),
    "signs-for-01": ([hidden, relu, one], None, with_logits, X, 2 * BITS - 1, 0.1),
}
CLEAN = {  # the twin of a model is the one with labels of its kind
    "classes": ([hidden, relu, several], None, cross, X, CLASSES, 0.1),
    "numbers": ([hidden, relu, one], None, mse, X, REAL, 0.1),
    "bits": ([hidden, relu, one], None, with_logits, X, BITS, 0.1),
}
KINDS = {cross: "classes", nll: "classes", mse: "numbers", root: "numbers", bce: "bits", with_logits: "bits"}


def audited(layers, change, loss, x, y, rate):
    """Which rules of torch-audit fire in one step of training."""
    model = net(*layers, change=change)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    auditor = Auditor(model, optimizer=optimizer, every_n_steps=1)
    with contextlib.suppress(RuntimeError), auditor:  # no gradient: PyTorch's own error
        auditor.audit_static()
        auditor.audit_init()
        auditor.backward(loss(auditor.forward(x), y))
        auditor.optimizer_step()
    return {finding.rule_id for finding in auditor.findings}


def checked(layers, change, loss, x, y, rate):
    """Which assertions of neural-net-checklist fail; its loss at the start where there are classes."""
    model, batch = partial(net, *layers, change=change), (x, y)
    overfit = partial(checklist.assert_overfit_to_batch, loss_fn=loss, max_steps=STEPS)
    classes = K if y.dtype == torch.long else 2 if loss in (bce, with_logits) else None
    tests = {
        "non_zero_gradients": lambda: checklist.assert_non_zero_gradients(model(), batch),
        "overfit_to_batch": lambda: overfit(model(), batch),
        "batch_independence": lambda: checklist.assert_forward_batch_independence(model, batch),
    }
    if classes:
        start = checklist.assert_balanced_classification_cross_entropy_loss_at_init
        tests["loss_at_init"] = lambda: start(model(), batch, num_classes=classes, loss_fn=loss)
    failed = set()
    for name, test in tests.items():
        try:
            test()
        except (AssertionError, RuntimeError):
            failed.add(name)
    return failed


def main():
    quiet = io.StringIO()
    print("log: losslint as it is | stretched to 40 epochs")
    usual = linted(CLEAN_LOG) | linted(stretched(CLEAN_LOG))
    for code, values in LOGS.items():
        short = linted(values) - usual
        long = linted(values if any(map(math.isnan, values)) else stretched(values)) - usual
        print(f"  {code:34}{', '.join(sorted(short)) or '-':24}| {', '.join(sorted(long)) or '-'}")
    print("model: torch-audit | neural-net-checklist; of a broken model, what its clean twin does not get")
    usual = {}
    for code, case in [*CLEAN.items(), *MODELS.items()]:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            found, failed = audited(*case), checked(*case)
        if code in CLEAN:
            usual[code] = found, failed
        else:
            rules, tests = usual[KINDS[case[2]]]
            found, failed = found - rules, failed - tests
        print(f"  {code:34}{', '.join(sorted(found)) or '-':24}| {', '.join(sorted(failed)) or '-'}")


if __name__ == "__main__":
    main()
