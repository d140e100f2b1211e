"""The command line and its readers: files, pipes, JSON, clear errors; whatever is fed to them, nothing runs."""

import io
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lossbook
from lossbook.__main__ import main
from lossbook.tools.files import UnreadableError, gather, read_source

Y, P = np.array([[0.0], [1.0], [1.0], [0.0]]), np.array([[0.1], [0.8], [0.6], [0.3]])


def run(capsys, *words):
    """The exit status, the output and the errors of one command."""
    try:
        status = main([str(word) for word in words])
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr()
    return status, said.out, said.err


def csv(path, **columns):
    rows = zip(*columns.values(), strict=True)
    path.write_text(
        "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]), encoding="utf-8"
    )
    return path


@pytest.fixture
def good(tmp_path):
    return csv(tmp_path / "good.csv", y_true=Y.ravel(), y_pred=P.ravel())


def test_check_finds_and_says_so_by_its_status(capsys, tmp_path):
    path = tmp_path / "bad.npz"
    np.savez(path, y_true=2 * Y - 1, y_pred=P)
    status, out, _ = run(capsys, "check", "binary_crossentropy", path)
    assert status == 1 and "signs-for-01" in out
    status, out, _ = run(capsys, "check", "bce", path, "--json")
    assert status == 1 and json.loads(out)["findings"][0]["code"] == "signs-for-01"
    np.savez(path, y_true=Y, y_pred=P)
    assert run(capsys, "check", "bce", path)[:2] == (0, "No finding.\n")


def test_two_sources_columns_and_weights(capsys, tmp_path):
    table = csv(tmp_path / "t.csv", label=[1.0, 2.0, 3.0], guess=[1.5, 2.0, 2.0], w=[0, 0, 0])
    status, out, _ = run(capsys, "check", "mse", f"{table}:label", f"{table}:guess")
    assert status == 0
    column = tmp_path / "p.npy"
    np.save(column, np.array([[1.5], [2.0], [2.0]]))
    status, out, _ = run(capsys, "check", "mse", f"{table}:label", column, "--weight", f"{table}:w")
    assert status == 1 and "weights-sum-to-zero" in out and "broadcast" in out


def test_several_columns_are_one_array(tmp_path):
    path = csv(tmp_path / "k.csv", y_true=[0, 1], y_pred_0=[0.9, 0.2], y_pred_1=[0.1, 0.8])
    data = gather([str(path)])
    assert data["y_true"].dtype == np.int64 and data["y_pred"].shape == (2, 2)


def test_settings(capsys, good):
    status, out, _ = run(capsys, "check", "bce", good, "--set", "from_logits=true")
    assert status == 1 and "probabilities-as-logits" in out
    status, _, err = run(capsys, "check", "bce", good, "--set", "from_logits")
    assert status == 2 and "expected name=value" in err


def test_explain_compare_reconcile_list(capsys, good):
    status, out, _ = run(capsys, "explain", "huber", good, "--set", "delta=2.0")
    assert status == 0 and "parabola" in out
    status, out, _ = run(capsys, "explain", "mse", good, "--json")
    assert json.loads(out)["value"] == pytest.approx(float(np.mean((Y - P) ** 2)))
    status, out, _ = run(capsys, "compare", "mse", good, "--engines", "keras", "--json")
    assert status == 0 and [row["engine"] for row in json.loads(out)] == ["lossbook", "keras"]
    half = np.mean((Y - P) ** 2) / 2
    status, out, _ = run(capsys, "reconcile", "mse", good, "--number", f"{half:.12f}")
    assert status == 0 and "half of it" in out
    assert run(capsys, "reconcile", "mse", good, "--number", "0.123456789")[0] == 1
    status, out, _ = run(capsys, "list", "--json")
    assert status == 0 and [row["function"] for row in json.loads(out)] == list(lossbook.CATALOGUE)


def test_a_training_log(capsys, tmp_path):
    log = csv(tmp_path / "log.csv", epoch=[0, 1, 2], loss=[1.0, "nan", "nan"])
    status, out, _ = run(capsys, "check", log)
    assert status == 1 and "nan-at-epoch" in out


@pytest.mark.parametrize("form", ["csv", "npz"])
def test_a_pipe(good, tmp_path, form):
    buffer = io.BytesIO()
    np.savez(buffer, y_true=Y, y_pred=P - 1)
    data = good.read_bytes() if form == "csv" else buffer.getvalue()
    done = subprocess.run(
        [sys.executable, "-m", "lossbook", "check", "bce", "-"], input=data, capture_output=True
    )
    assert done.returncode == (0 if form == "csv" else 1) and done.stderr == b""
    assert (b"No finding" in done.stdout) == (form == "csv")


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "empty"),
        ("y_true,y_pred\n", "no rows"),
        ("y_true,y_pred\n1,2\n3\n", "line 3"),
        ("a,b\n1,2\n", "expected y_true and y_pred"),
        ("\x00\x01", "no text"),
    ],
)
def test_a_bad_file_is_told_apart(capsys, tmp_path, text, words):
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    status, out, err = run(capsys, "check", "mse", path)
    assert status == 2 and words in err and out == "" and "Traceback" not in err


def test_other_errors(capsys, tmp_path, good):
    assert "cannot be read" in run(capsys, "check", "mse", tmp_path / "none.csv", good)[2]
    assert "no_such" in run(capsys, "check", "no_such_loss", good)[2]
    assert "twice" in run(capsys, "check", "mse", "-", "-")[2]
    assert run(capsys, "check", "mse", good, good, good)[0] == 2
    assert run(capsys, "sing")[0] == 2


def test_objects_are_refused(tmp_path):
    path = tmp_path / "objects.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UnreadableError, match="could run code"):
        read_source(str(path))


class Trap:
    """Unpickled, it would leave a trace."""

    sprung = False

    def __reduce__(self):
        return exec, ("import test_doctor_command; test_doctor_command.Trap.sprung = True",)


def test_a_pickle_is_not_run(tmp_path):
    path = tmp_path / "trap.npy"
    for data in (pickle.dumps(Trap()), b"\x93NUMPY\x01\x00" + pickle.dumps(Trap())):
        path.write_bytes(data)
        with pytest.raises(UnreadableError):
            read_source(str(path))
    np.savez(tmp_path / "trap.npz", y_true=np.array([Trap()], dtype=object))
    with pytest.raises(UnreadableError):
        read_source(str(tmp_path / "trap.npz"))
    assert not Trap.sprung


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


WHOLE = [npy(Y), npz(y_true=Y, y_pred=P), b"y_true,y_pred\n0,0.5\n1,0.25\n"]


@FUZZ
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(tmp_path, data):
    read_or_refused(tmp_path, data)


@FUZZ
@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=6),
    st.integers(0, 600),
)
def test_damaged_files_are_read_or_refused(tmp_path, data, changes, cut):
    damaged = bytearray(data)
    for place, byte in changes:
        damaged[place % len(damaged)] = byte
    read_or_refused(tmp_path, bytes(damaged[: max(1, cut)]))


def read_or_refused(tmp_path, data):
    path = tmp_path / "fuzzed"
    path.write_bytes(data)
    try:
        table = read_source(str(path))
    except UnreadableError as problem:
        assert "expected" in str(problem)
    else:
        assert all(isinstance(array, np.ndarray) and array.dtype != object for array in table.values())


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([spec.cls.__name__ for spec in lossbook.CATALOGUE.values()]) | st.text(max_size=10)
KEYS = st.sampled_from(
    [
        "delta",
        "axis",
        "gamma",
        "alpha",
        "from_logits",
        "reduction",
        "dtype",
        "name",
        "fn",
        "__class__",
        "module",
    ]
)


@pytest.mark.parametrize("name", ["none.csv", "folder.csv", "latin.csv"])
def test_a_log_that_cannot_be_read_is_no_finding(capsys, tmp_path, name):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "latin.csv").write_bytes(b"epoch,loss\n0,\xff\xfe\n")
    status, out, err = run(capsys, "check", tmp_path / name)
    assert (status, out) == (2, "") and "cannot be read" in err


@settings(max_examples=400, deadline=None)
@given(NAMES, st.dictionaries(KEYS | st.text(max_size=6), VALUES, max_size=4))
def test_any_configuration_is_built_or_refused(name, config):
    try:
        built = lossbook.get({"class_name": name, "config": config})
    except (TypeError, ValueError):
        return
    assert isinstance(built, lossbook.Loss)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=4))
def test_any_words_end_in_a_status(words):
    try:
        status = main(["check", *words])
    except SystemExit as end:
        status = end.code
    assert status in (0, 1, 2)
