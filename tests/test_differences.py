"""The known differences: both sides of each row, measured here and now."""

import importlib
import os
from importlib import metadata

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

import lossbook
from lossbook.book.differences import DIFFERENCES, EVERY_LOSS, VERSIONS, evaluate, same

NAMES = [f"{row.engine}: {row.loss}, {row.condition}" for row in DIFFERENCES]


def losses_of(engine):
    """Return an engine's module of losses."""
    if engine == "tf.keras":
        return importlib.import_module("tensorflow").keras.losses
    return importlib.import_module(engine).losses


def agree(measured, stated):
    """Tell whether a result is the stated one: the same error, or the same numbers."""
    return measured == stated if isinstance(stated, str) else same(measured, stated)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", DIFFERENCES, ids=NAMES)
def test_the_engine_gives_what_the_row_says(row):
    measured = evaluate(row, losses_of(row.engine))
    assert agree(measured, row.theirs), (
        f"{row.engine} now gives {measured}, no longer {row.theirs}: {row.code}"
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", DIFFERENCES, ids=NAMES)
def test_lossbook_gives_what_the_row_says(row):
    measured = evaluate(row, lossbook)
    assert agree(measured, row.ours), f"lossbook gives {measured}, not {row.ours}: {row.code}"


def test_the_versions_are_those_installed():
    assert VERSIONS["keras"] == VERSIONS["tf.keras"] == metadata.version("keras")
    assert VERSIONS["tf_keras"] == metadata.version("tf_keras")


def test_each_row_is_whole_and_unique():
    assert len(set(NAMES)) == len(NAMES)
    for row in DIFFERENCES:
        assert row.loss in lossbook.CATALOGUE or row.loss == EVERY_LOSS
        assert row.engine in VERSIONS
        assert row.why.endswith(".") and row.condition


def test_every_kind_is_there_and_a_wrong_value_is_seen():
    kinds = [row.kind for row in DIFFERENCES]
    print({kind: kinds.count(kind) for kind in sorted(set(kinds))})
    assert set(kinds) == {"departs", "accepts", "refuses", "surprises"}
    assert not agree(0.5, 0.50001) and not agree("TypeError", "ValueError") and not agree(0.5, "ValueError")
