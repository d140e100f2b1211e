"""The doctor on arrays: each broken batch is found, each line to paste mends it, clean ones stay clean."""

import contextlib
import itertools
import re
import time

import numpy as np
import pytest
from conftest import ROOT
from doctor_gallery import Broken, broken, clean

import lossbook
from lossbook import check, fingerprint
from lossbook.tools.doctor.clinic import ROWS
from lossbook.tools.doctor.findings import CHECKS, Report, run_checks
from lossbook.tools.engines import keras, tf_keras

BROKEN = list(broken())
SEEDS = range(12)


def examined(case):
    return check(case.loss, case.y_true, case.y_pred, case.weight, case.mask)


def names_of(case):
    return {
        "loss": case.loss, "y_true": case.y_true, "y_pred": case.y_pred, "sample_weight": case.weight,
        "mask": case.mask, "keras": keras, "np": np, **case.names,
    }  # fmt: skip


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: f"{case.code}: {case.label}")
def test_a_broken_batch_is_found_and_mended(case, monkeypatch):
    (finding,) = [one for one in examined(case) if one.code == case.code] or [None]
    assert finding is not None, examined(case).codes
    assert finding.says and finding.link
    names = names_of(case)
    monkeypatch.setattr(keras.models, "clone_model", lambda model: model)
    with pytest.raises(AssertionError):
        exec(finding.guard, names)
    exec(finding.mend, names)
    exec(finding.guard, names)
    mended = check(*(names[name] for name in ("loss", "y_true", "y_pred", "sample_weight", "mask")))
    assert case.code not in mended.codes


def test_the_gallery_is_as_large_as_promised():
    assert len(BROKEN) >= 80
    assert sum(1 for seed in SEEDS for _ in clean(seed)) >= 300


@pytest.mark.parametrize("seed", SEEDS)
def test_clean_batches_have_no_finding(seed):
    alarms = {label: check(*given).codes for label, given in clean(seed)}
    assert {label: codes for label, codes in alarms.items() if codes} == {}


def test_every_loss_is_among_the_clean_ones():
    from lossbook.tools.doctor.cases import name_of

    seen = {name_of(given[0]).name for _, given in clean(0)}
    assert seen - {None} == set(lossbook.CATALOGUE)


def test_every_check_has_a_row_and_a_case():
    codes = {
        code
        for stage in ("container", "frame", "shape", "values")
        for found, _ in CHECKS[stage]
        for code in found
    }
    assert codes <= set(ROWS)
    assert codes - {case.code for case in BROKEN} <= {"empty-batch"}


def test_an_empty_batch():
    assert check("mse", np.zeros((0, 2)), np.zeros((0, 2))).codes == ["empty-batch"]


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.code)
def test_the_link_of_a_row_leads_to_a_heading(row):
    page, _, heading = row.link.partition("#")
    twin = ROOT / "notebooks" / page
    assert twin.suffix == ".ipynb" and twin.is_file()
    text = twin.with_suffix(".md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert heading in {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def test_numbers_of_a_finding():
    (finding,) = check(
        keras.losses.BinaryCrossentropy(), np.array([[-1.0], [1.0], [1.0]]), np.full((3, 1), 0.25)
    )
    assert finding.code == "signs-for-01"
    assert finding.meant == pytest.approx((-np.log(0.75) - 2 * np.log(0.25)) / 3)
    assert finding.given == pytest.approx(
        float(keras.losses.BinaryCrossentropy()(*[[[-1.0], [1.0], [1.0]], [[0.25]] * 3]))
    )
    assert finding.indices == ((0, 0),) and finding.count == 1 and finding.of == 3


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_the_number_is_that_of_keras_where_it_clips(kind):
    y_true, y_pred = np.tile([[0.0], [1.0]], (4, 1)), np.full((8, 1), 1.5, kind)
    loss = keras.losses.BinaryCrossentropy()
    (finding,) = [one for one in check(loss, y_true, y_pred) if one.code == "logits-as-probabilities"]
    assert finding.given == pytest.approx(float(loss(y_true, y_pred)), rel=1e-5)


def test_the_number_is_that_of_tf_keras():
    y_true, y_pred = np.array([[1.0], [0.0], [1.0]]), np.array([[0.0], [1.0], [0.3]])
    loss = tf_keras.losses.BinaryCrossentropy()
    assert check(loss, y_true, y_pred)[0].given == pytest.approx(float(loss(y_true, y_pred)), rel=1e-6)


@pytest.mark.parametrize("axis", [2, -3, (1, 5)])
def test_an_axis_that_the_predictions_lack(axis):
    loss = lossbook.Dice(axis=axis) if isinstance(axis, tuple) else lossbook.CosineSimilarity(axis=axis)
    with pytest.raises(ValueError, match="Received axis="):
        check(loss, np.ones((4, 2)), np.ones((4, 2)))


ODD = [
    np.float32(1), 3, [], (1.0,), [[1], [2]], {"a": 1}, np.zeros((0, 3)), np.zeros((3, 0)), np.array(["a"]),
    np.array([None, 1]), np.array([1 + 2j]), np.array(["2020-01-01"], "M8[D]"), np.full((4, 2), np.nan),
    np.full(4, np.inf), np.array([2**63 - 1, 1]), np.array([True, False]), np.full((4, 2), 1e308),
    np.ones(4, ">f4"), np.ones((1, 1, 1, 1)), np.ones((2, 3, 4)),
]  # fmt: skip


@pytest.mark.parametrize("name", lossbook.CATALOGUE)
def test_whatever_is_passed_is_said_or_refused(name):
    for form in (lossbook.CATALOGUE[name].cls(), lossbook.CATALOGUE[name].function):
        for y_true, y_pred in itertools.product(ODD, ODD):
            with contextlib.suppress(TypeError, ValueError):
                repr(check(form, y_true, y_pred))
                repr(check(form, y_true, y_pred, sample_weight=y_true))


def test_a_large_batch_takes_less_than_a_second():
    y_true = (np.arange(10_000_000) % 3 == 0).astype("float32").reshape(-1, 10)
    y_pred = np.linspace(0.01, 0.99, 10_000_000, dtype="float32").reshape(-1, 10)
    check("mse", y_true[:10], y_pred[:10])
    for loss in ("mse", "binary_crossentropy", "poisson"):
        start = time.process_time()
        assert check(loss, y_true, y_pred).codes == []
        assert time.process_time() - start < 1, loss


def test_a_large_broken_batch_takes_less_than_a_second():
    y_true = np.ones((1_000_000, 10), "float32")
    y_true[::2] = 0
    y_true[-1, -1] = np.nan
    y_pred = np.nan_to_num(np.full((1_000_000, 10), 3.0, "float32") + y_true)
    start = time.process_time()
    codes = check("binary_crossentropy", y_true, y_pred).codes
    assert time.process_time() - start < 1.5
    assert set(codes) == {"not-finite", "logits-as-probabilities"}


def test_the_arrays_are_not_changed():
    case = next(one for one in BROKEN if one.code == "pixels")
    before = np.array(case.y_true), np.array(case.y_pred)
    examined(case)
    assert np.array_equal(before[0], case.y_true) and np.array_equal(before[1], case.y_pred)


def test_a_report_prints_displays_and_writes_json():
    report = examined(BROKEN[0])
    assert f"  {BROKEN[0].code}" in repr(report) and "paste" in repr(report)
    assert "<table" in report._repr_html_() and BROKEN[0].code in report._repr_html_()
    assert report.to_dict()["findings"][0]["code"] == report[0].code
    assert repr(Report()) == "No finding." and "<p>No finding.</p>" in Report()._repr_html_()


def test_keras_is_not_loaded_for_arrays():
    from test_import import run

    assert (
        run(
            "import sys, numpy as np, lossbook; lossbook.check('mse', np.ones((3, 1)), np.zeros((3, 1)));"
            "print('keras' in sys.modules, 'tensorflow' in sys.modules)"
        )
        == "False False"
    )


def test_a_check_that_is_switched_off_is_missed(monkeypatch):
    monkeypatch.setitem(CHECKS, "values", [])
    case = Broken("pixels", "", "mse", np.full((4, 16), 255), np.full((4, 16), 0.5) + np.arange(16) / 100)
    assert examined(case).codes == []
    assert run_checks("no such stage", case) == []


@pytest.mark.parametrize(
    "given, error, words",
    [
        (("no_such_loss", [1.0], [1.0]), ValueError, "no_such_loss"),
        ((3, [1.0], [1.0]), TypeError, "expected a name"),
        (("mse",), TypeError, "without labels"),
        (("mse", [[1.0], [1.0, 2.0]], [1.0]), ValueError, "ragged"),
    ],
)
def test_what_cannot_be_checked_says_so(given, error, words):
    with pytest.raises(error, match=words):
        check(*given)


def test_smoothed_labels_of_a_hinge_are_split_in_the_middle():
    y_true, y_pred = np.array([[0.1], [0.9], [0.05]]), np.array([[-2.0], [2.0], [-1.5]])
    (finding,) = [one for one in check("hinge", y_true, y_pred) if one.where == "y_true"]
    names = {"np": np, "y_true": y_true}
    exec(finding.mend, names)
    assert names["y_true"].tolist() == [[-1], [1], [-1]] and finding.meant == 0.0


# --- fingerprints -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number, codes",
    [
        ("0.6931", {"first-loss", "stuck"}),
        (2.3026, {"first-loss", "stuck"}),
        ("0.3133", {"probabilities-as-logits", "squashed-twice"}),
        (15.942385, {"dead-clipped"}),
        (16.118, {"dead-clipped"}),
        (15.424949, {"dead-clipped"}),
        (15.333239, {"dead-clipped"}),
        (100.0, {"torch-clamp"}),
        (float("nan"), {"not-finite", "nan-result", "nan-at-epoch"}),
        ("1e9", {"zero-targets"}),
        (-0.4, {"negative-loss"}),
        (0.0, {"no-pairs", "weights-sum-to-zero", "mask-hides-all"}),
        ("1.4612", {"probabilities-as-logits"}),
    ],
)
def test_a_number_is_told(number, codes):
    assert {match.row.code for match in fingerprint(number)} == codes


def test_a_number_with_classes_and_batch():
    assert {m.row.code for m in fingerprint(round(np.log(37), 4), classes=37)} == {"first-loss", "stuck"}
    assert fingerprint(round(np.log(37), 4)) == ()
    assert {m.row.code for m in fingerprint(32 * 0.693147, batch=32)} == {"scales-with-batch"}
    with pytest.raises(ValueError, match="expected a number"):
        fingerprint("abc")


def test_random_numbers_have_no_fingerprint():
    numbers = np.random.default_rng(3).uniform(0, 20, 200)
    assert [n for n in numbers if fingerprint(float(n))] == []
