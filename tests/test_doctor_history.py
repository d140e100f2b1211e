"""The doctor on training logs: History objects, dictionaries, CSVLogger files."""

import numpy as np
import pytest

from lossbook import check
from lossbook.tools.doctor.findings import CHECKS
from lossbook.tools.engines import keras

NAN = float("nan")
BROKEN = [
    ("nan-at-epoch", {"loss": [2.0, 1.5, NAN, NAN]}, {}),
    ("nan-at-epoch", {"loss": [NAN]}, {}),
    ("nan-at-epoch", {"loss": [2.0, 1.5, 1.2], "val_loss": [2.0, float("inf"), 1.3]}, {}),
    ("negative-loss", {"loss": [0.4, -0.3, -5.0, -40.0]}, {}),
    ("growing", {"loss": [1.0, 3.0, 9.0, 27.0]}, {}),
    ("growing", {"loss": [1.0, 0.9, 4.0, 60.0, 900.0]}, {}),
    ("stuck", {"loss": [0.6935, 0.6932, 0.6931, 0.6931]}, {}),
    ("stuck", {"loss": [2.3031, 2.3027, 2.3026]}, {"classes": 10}),
    ("stuck", {"loss": [3.672, 2.303, 2.3026, 2.3026, 2.3027]}, {"classes": 10}),
    ("stuck", {"loss": [7.61, 7.61, 7.61, 7.61]}, {}),
    ("first-loss", {"loss": [45.0, 3.0, 1.0]}, {"classes": 10}),
    ("above-validation", {"loss": [1.2, 0.9, 0.7], "val_loss": [0.8, 0.6, 0.5]}, {}),
]
CLEAN = [
    ({"loss": [2.3, 1.4, 0.9, 0.7], "val_loss": [1.8, 1.2, 1.0, 1.0]}, {"classes": 10}),
    ({"loss": [0.69, 0.5, 0.3]}, {}),
    ({"loss": [2.31, 2.302, 2.30, 1.9]}, {"classes": 10}),
    ({"loss": [1.5, 0.3, 0.201, 0.2, 0.2, 0.2]}, {"classes": 10}),  # it has learned
    ({"loss": [0.02, 0.01, 0.005], "val_loss": [0.02, 0.02, 0.02]}, {}),
    ({"loss": [-0.1, -0.5, -0.9, -0.95]}, {}),  # a cosine similarity
    ({"loss": [5.0]}, {}),
    ({"loss": [1.0, 0.8, 1.1, 0.7], "val_loss": [0.9, 0.9, 0.8, 0.9]}, {}),
    ({"loss": [300.0, 200.0, 120.0], "lr": [0.1, 0.1, 0.1]}, {}),
]


@pytest.mark.parametrize("code, log, options", BROKEN)
def test_a_broken_log_is_found(code, log, options):
    report = check(log, **options)
    assert code in report.codes
    (finding,) = [one for one in report if one.code == code]
    history = type("History", (), {"history": log})()
    if code != "above-validation":  # its assert trains nothing but asks the model
        with pytest.raises(AssertionError):
            exec(finding.guard, {"history": history, "np": np})
    compile(finding.mend, "mend", "exec")


@pytest.mark.parametrize("log, options", CLEAN)
def test_a_clean_log_has_no_finding(log, options):
    assert check(log, **options).codes == []


def test_every_check_of_logs_has_a_case():
    assert {code for codes, _ in CHECKS["history"] for code in codes} == {code for code, _, _ in BROKEN}


def grown(rate, epochs=6):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model, x, x[:, :1]


@pytest.mark.parametrize("rate, code", [(1.2, "growing"), (1e9, "nan-at-epoch"), (0.0, "stuck")])
def test_a_history_of_keras_and_its_mend(rate, code):
    model, x, y = grown(rate)
    history = model.fit(x, y, epochs=6, verbose=0, batch_size=16)
    (finding,) = [one for one in check(history) if one.code == code]
    fresh, x, y = grown(rate)
    fresh.optimizer.learning_rate = rate
    exec(finding.mend, {"model": fresh, "np": np})
    again = fresh.fit(x, y, epochs=6, verbose=0, batch_size=16)
    assert code not in check(again).codes
    exec(finding.guard, {"history": again, "np": np})


def test_a_csv_file(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,accuracy,loss,val_loss\n0,0.1,2.3,2.2\n1,0.1,NaN,nan\n", encoding="utf-8")
    report = check(path)
    assert report.codes == ["nan-at-epoch"] and "epoch 2" in report[0].says
    model, x, y = grown(0.01)
    model.fit(x, y, epochs=4, verbose=0, callbacks=[keras.callbacks.CSVLogger(str(tmp_path / "keras.csv"))])
    assert check(str(tmp_path / "keras.csv")).codes == []


@pytest.mark.parametrize("text", ["", "epoch,acc\n1,2\n", "loss\nmany\n", "loss,loss\n1\n2,3,4\n"])
def test_a_file_that_is_no_log(tmp_path, text):
    path = tmp_path / "log.csv"
    path.write_text(text, encoding="utf-8")
    if text.startswith("loss,loss"):
        assert check(path).codes in ([], ["nan-at-epoch"])
        return
    with pytest.raises(ValueError, match="expected"):
        check(path)
