"""The living matrix: what is kept is what a run gives, verdicts are decided as the page says, rows lead on."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from lossbook.book import matrix, matrix_page
from lossbook.book.matrix_tasks import CELLS, LOSSES, TASKS
from lossbook.registry import CATALOGUE
from lossbook.tools.doctor.clinic import ROWS
from lossbook.tools.engines import keras
from lossbook.tools.engines.attempts import short_error
from lossbook.tools.engines.loading import is_installed

STORED = matrix.stored()
KEPT = STORED["cells"]
PAGE = ROOT / "notebooks" / "practice" / "matrix.ipynb"


def runs(*keys):
    """Verdicts and reasons of a few combinations, run now."""
    return matrix.judge(matrix.run([CELLS[key] for key in keys]), KEPT)


# --- what is kept, and what a run gives -------------------------------------------------------------


def test_each_combination_is_kept_once_and_each_loss_of_keras_is_tried():
    assert list(KEPT) == list(CELLS) and len(CELLS) > 800
    assert {loss.name for loss in LOSSES.values()} == set(CATALOGUE)
    assert {cell.loss.key for cell in CELLS.values()} == set(LOSSES)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_run_gives_what_is_kept(task):
    cells = [cell for cell in CELLS.values() if cell.task.key == task]
    assert matrix.differences(matrix.run(cells), KEPT) == []


KNOWN = {
    # sparse labels for a categorical loss, and the reverse: refused
    "classes.softmax-k.one-hot.sparse-categorical-crossentropy": "raises",
    "classes.softmax-k.numbers.categorical-crossentropy": "raises",
    "classes.softmax-k.from-1.sparse-categorical-crossentropy": "raises",
    # (N,) against (N, 1) is aligned
    "number.linear-1.flat.mean-squared-error": "works",
    "binary.sigmoid-1.flat.binary-crossentropy": "works",
    # logits and probabilities
    "binary.sigmoid-1.column.binary-crossentropy": "works",
    "binary.linear-1.column.binary-crossentropy-logits": "works",
    "classes.softmax-k.numbers.sparse-categorical-crossentropy": "works",
    "classes.linear-k.numbers.sparse-categorical-crossentropy": "wrong",
    "classes.linear-k.numbers.sparse-categorical-crossentropy-logits": "works",
    "multi-label.softmax-k.multi-hot.binary-crossentropy": "wrong",
    # one unit that cannot say no
    "binary.softmax-1.column.binary-crossentropy": "wrong",
    "binary.sigmoid-1.column.categorical-crossentropy": "wrong",
    # 0 and 1 are turned into -1 and 1
    "binary.linear-1.column.hinge": "works",
    "binary.linear-1.signs.hinge": "works",
    "binary.sigmoid-1.signs.binary-crossentropy": "wrong",
    # broadcast: each class against the number of the class
    "classes.softmax-k.number-column.mean-squared-error": "wrong",
    # out of reach
    "number.sigmoid-1.column.mean-squared-error": "wrong",
    "quantile.linear-1.column.mean-squared-error": "wrong",
    "quantile.linear-1.column.quantile": "works",
    "mask.sigmoid-1.pixels.binary-crossentropy": "wrong",
    "sequence.linear-k.padded-0.ctc": "works",
    "sequence.softmax-k.padded-0.ctc": "wrong",
}


def test_what_is_known_of_keras_comes_out():
    assert {key: verdict for key, (verdict, _) in runs(*KNOWN).items()} == KNOWN


def test_a_loss_that_sees_one_category_alone_stays_at_0():
    key = "binary.sigmoid-1.column.categorical-crossentropy"
    found = matrix.run([CELLS[key]])[key]
    assert max(abs(found["first"]), abs(found["end"]), *map(abs, found["mark"])) < 1e-6
    assert matrix.judge({key: found}, KEPT)[key][0] == "wrong"


# --- how a verdict is decided -----------------------------------------------------------------------


def judged(**changes):
    key = "binary.sigmoid-1.column.binary-crossentropy"
    return matrix.judge({key: {**KEPT[key], **changes}}, KEPT)[key][0]


@pytest.mark.parametrize(
    "changes, verdict",
    [
        ({}, "works"),
        ({"error": "ValueError: no"}, "raises"),
        ({"dead": True}, "wrong"),
        ({"score": 0.1}, "wrong"),
        ({"first": 0.7}, "wrong"),
        ({"predicted": ["Received (2, 1); expected (2, 2)."]}, "wrong"),
        ({"predicted": [0.9, np.log(2)]}, "works"),  # the scores that Keras remembers
        ({"miss": 0.4}, "wrong"),
    ],
)
def test_each_criterion_decides(changes, verdict):
    assert judged(**changes) == verdict


DEPART = """import sys
from lossbook.book import matrix
from lossbook.book.matrix_tasks import CELLS
backend, kept, keys = sys.argv[1], matrix.stored()["cells"], sys.argv[2:]
said = matrix.departures([CELLS[key] for key in keys], kept)
print({key: kept[key]["elsewhere"].get(backend) for key in keys} == {key: said.get(key) for key in keys}, said)
"""
DEPARTING = [
    "binary.sigmoid-1.flat.binary-crossentropy-logits",
    "classes.sigmoid-k.numbers.sparse-categorical-crossentropy",
    "direction.unit-3.vectors.binary-crossentropy",
    "binary.linear-1.column.sparse-categorical-crossentropy",
    "number.linear-1.column.huber",
    "classes.softmax-k.one-hot.categorical-crossentropy",
]


@pytest.mark.parametrize("backend", matrix.BACKENDS)
def test_a_backend_departs_where_it_is_kept(backend):
    if not is_installed(backend):
        pytest.skip(f"{backend} is not installed")
    command = [sys.executable, "-c", DEPART, backend, *DEPARTING]
    setting = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    run = subprocess.run(command, env=setting, capture_output=True, text=True)
    assert run.stdout.startswith("True"), run.stdout + run.stderr


def test_what_departs_is_kept_and_a_backend_that_agrees_departs_nowhere():
    assert {*STORED["versions"]} == {"tensorflow", *matrix.BACKENDS}
    said = {name: [key for key, one in KEPT.items() if name in one["elsewhere"]] for name in matrix.BACKENDS}
    assert all(10 < len(keys) < 300 for keys in said.values())
    kept = {key: dict(KEPT[key]) for key in DEPARTING}
    cells = [CELLS[key] for key in DEPARTING]
    assert matrix.departures(cells, kept) == {}  # TensorFlow, which is what runs here
    kept[DEPARTING[0]]["first"] *= 1.01
    kept[DEPARTING[3]] = {**kept[DEPARTING[0]]}
    assert [*matrix.departures(cells, kept)] == [DEPARTING[0], DEPARTING[3]]


def test_a_verdict_that_is_not_as_kept_is_found():
    key = "binary.sigmoid-1.column.binary-crossentropy"
    old = {key: {one: value for one, value in KEPT[key].items() if one not in ("verdict", "why")}}
    assert matrix.differences(old, KEPT) == []
    for change in ({"score": 0.0}, {"first": 0.7}, {"mark": [1.0, 2.0]}, {"error": "ValueError: no"}):
        assert len(matrix.differences({key: {**old[key], **change}}, KEPT)) == 1, change


def test_no_verdict_hangs_on_a_hair():
    best = {}
    for key, one in KEPT.items():
        if one.get("score") is not None:
            best[CELLS[key].task.key] = max(best.get(CELLS[key].task.key, 0), one["score"])
    near = [
        (key, one["score"])
        for key, one in KEPT.items()
        if one.get("score") is not None
        and abs(one["score"] / best[CELLS[key].task.key] - matrix.REACHED) < 0.01
    ]
    assert near == []


def test_messages_are_short_and_name_nothing_of_the_machine():
    for one in KEPT.values():
        assert not re.search(r"\{\{|\[Op:|/(?:home|root|tmp|work)/", one["why"])
        assert one["verdict"] != "raises" or len(one["why"]) < 125
    assert short_error(ValueError("a  b\nReceived: x")) == "ValueError: a b"


# --- the same in a compiled model -------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "binary.sigmoid-1.column.binary-crossentropy-logits",  # the logits are remembered there, too
        "binary.softmax-1.column.binary-crossentropy",
        "classes.softmax-k.number-column.mean-squared-error",
        "mask.sigmoid-1.flat.dice",
    ],
)
def test_compile_and_fit_give_the_losses_of_the_run(key):
    cell = CELLS[key]
    y, count = cell.form.values.astype(cell.form.dtypes[0]), len(cell.form.values)
    losses = matrix.train([cell])[-1][:, 0]
    model = matrix_page.model_of(cell)
    model.set_weights(
        [one.reshape(w.shape) for one, w in zip(matrix.start_of(cell), model.get_weights(), strict=True)]
    )
    model.compile(keras.optimizers.Adam(matrix.RATE, 0.9, 0.99, 1e-8), cell.loss.build())
    history = model.fit(cell.task.x, y, batch_size=count, epochs=10, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], losses[:10], rtol=1e-3, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", matrix_page.RECIPES, ids=lambda recipe: recipe.task)
def test_a_recipe_works_as_it_stands(recipe):
    assert KEPT[recipe.cell]["verdict"] == "works"
    first, expected, measure = matrix_page.prove(recipe)
    assert not recipe.first or np.isclose(first, expected, rtol=1e-4, atol=1e-6)
    assert np.isclose(first, KEPT[recipe.cell]["first"], rtol=1e-3, atol=1e-5)
    best = max(
        KEPT[key]["score"]
        for key, cell in CELLS.items()
        if cell.task is CELLS[recipe.cell].task and "score" in KEPT[key]
    )
    assert measure.score > 0.7 * best


@pytest.mark.parametrize(
    "key", ["binary.sigmoid-1.column.mean-squared-error", "binary.linear-1.column.hinge"]
)
def test_the_name_of_a_loss_is_its_class(key):
    cell = CELLS[key]
    model = matrix_page.model_of(cell)
    given = []
    for loss in (cell.loss.build(), cell.loss.name):
        model.compile("sgd", loss)
        given.append(model.evaluate(cell.task.x, cell.form.values, batch_size=128, verbose=0))
    assert given[0] == given[1]


# --- the page ---------------------------------------------------------------------------------------


def outputs():
    cells = json.loads(PAGE.read_text(encoding="utf-8"))["cells"]
    data = [o["data"] for c in cells for o in c.get("outputs", []) if "data" in o]
    return "\n".join("".join(one.get("text/markdown", one.get("text/html", ""))) for one in data)


def test_every_combination_has_one_address_on_the_page_and_every_link_leads_to_one():
    page = outputs()
    ids = re.findall(r'<span id="([^"]+)"></span>', page)
    assert sorted(ids) == sorted(CELLS)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(CELLS)
    assert {code for one in KEPT.values() for code in one["check"]} <= set(ROWS)


def test_every_row_that_does_not_work_leads_to_one_that_does():
    verdicts = {key: (one["verdict"], one["why"]) for key, one in KEPT.items()}
    for key in (
        "binary.linear-1.column.binary-crossentropy",
        "classes.softmax-k.one-hot.sparse-categorical-crossentropy",
    ):
        assert KEPT[matrix_page.mend(CELLS[key], verdicts).key]["verdict"] == "works"
    mended = matrix_page.mend(CELLS["binary.linear-1.column.binary-crossentropy"], verdicts)
    assert mended.key == "binary.linear-1.column.binary-crossentropy-logits"
    page = outputs()
    for verdict in ("silently wrong", "raises"):
        rows = re.findall(rf'<tr data-verdict="{verdict}".*?</tr>', page)
        assert rows and all("→ <a href=" in row for row in rows)


def test_the_cheat_sheet_begins_with_the_recipes():
    sheet = (ROOT / "notebooks" / "reference" / "cheat-sheet.ipynb").read_text(encoding="utf-8")
    assert all(json.dumps(recipe.compiled)[1:-1] in sheet for recipe in matrix_page.RECIPES)


def test_what_check_misses_is_not_more_than_it_was():
    wrong = [key for key, one in KEPT.items() if one["verdict"] == "wrong"]
    assert len(matrix_page.missed(KEPT)) < len(wrong) / 3
