"""The loss clinic: every proof is run as the page shows it, and check agrees before and after its mend."""

import json
import math
import re

import numpy as np
import pytest
from conftest import ROOT

from lossbook import check, fingerprint
from lossbook.book.clinic import GROUPS, PROOFS, SIGNS, WORRIES, card, evaluate, numbers, proves, signs
from lossbook.tools.doctor.clinic import ROWS

PAGE = ROOT / "notebooks" / "practice" / "clinic.ipynb"
TOLD_BY_NUMBER = {"torch-clamp", "scales-with-batch", "fit-not-evaluate", "epoch-not-last-batch"}
WITHOUT_A_LINE = {"torch-clamp", "refused", "empty-batch", "constant-predictions"}
each_proof = pytest.mark.parametrize("proof", PROOFS.values(), ids=lambda proof: proof.code)


def examined(names):
    """What check says of the names that a proof left."""
    if "history" in names:
        return check(names["history"]).codes
    weight = names.get("sample_weight")
    if "model" in names:
        options = {"class_weight": names["class_weight"]} if names.get("class_weight") else {}
        return check(names["model"], names["x"], names["y"], weight, **options).codes
    return check(names["loss"], names["y_true"], names["y_pred"], weight, names.get("mask")).codes


def agree(measured, stated):
    """Tell whether a result is the one stated, to the five digits that the page shows."""
    if isinstance(stated, str) or isinstance(measured, str):
        return measured == stated
    return np.shape(measured) == np.shape(stated) and np.allclose(
        measured, stated, rtol=1e-4, atol=1e-9, equal_nan=True
    )


@each_proof
def test_a_proof_shows_what_it_says_and_check_agrees(proof):
    results = evaluate(proof)
    seen = next(results)
    assert agree(seen.outcome, proof.seen), f"now {seen.outcome}"
    if proof.code not in TOLD_BY_NUMBER:
        assert proof.code in examined(seen.names)
    if proof.mended is None:
        assert proof.code in WITHOUT_A_LINE and list(results) == []
        return
    (mended,) = results
    assert agree(mended.outcome, proof.mended), f"now {mended.outcome}"
    assert not agree(mended.outcome, proof.seen) or proof.code == "regularisation", "the mend changes nothing"
    if proof.code not in TOLD_BY_NUMBER:
        assert proof.code not in examined(mended.names)


def test_every_row_has_a_proof_of_a_few_lines():
    assert list(ROWS) != [] and set(PROOFS) == set(ROWS)
    for proof in PROOFS.values():
        (code, _), *mend = proof.parts
        assert len(code.splitlines()) <= 5 and len(mend) <= 1, proof.code
        assert proof.group in GROUPS and (proof.why == "") == (proof.code != "torch-clamp")


def test_a_wrong_statement_is_found():
    assert not agree(0.5, 0.5001) and not agree([1.0, 2.0], [1.0]) and not agree("ValueError", "TypeError")
    assert agree(math.nan, math.nan) and not agree(math.nan, 0.0) and not agree(1.0, "ValueError")
    with pytest.raises(KeyError):
        proves("stuck")(test_a_wrong_statement_is_found)


def test_numbers_of_proofs_are_told_by_fingerprint():
    told = set()
    for proof in PROOFS.values():
        seen = proof.seen if isinstance(proof.seen, list) else [proof.seen]
        given = [one for one in seen if isinstance(one, float)]
        if any(match.row.code == proof.code for one in given for match in fingerprint(one)):
            told.add(proof.code)
    assert told >= {
        "dead-clipped", "probabilities-as-logits", "torch-clamp", "zero-targets", "stuck", "empty-masks",
        "no-pairs", "weights-sum-to-zero", "mask-hides-all", "not-finite", "nan-result", "nan-at-epoch",
        "first-loss", "negative-loss",
    }  # fmt: skip


# --- the page -----------------------------------------------------------------------------------


def outputs():
    """All that the cells of the page show, as text."""
    cells = json.loads(PAGE.read_text(encoding="utf-8"))["cells"]
    return [
        "".join(o["data"].get("text/markdown", ""))
        for c in cells
        for o in c.get("outputs", [])
        if "data" in o
    ]


def test_the_page_has_each_row_once_with_its_address_its_lines_and_what_they_gave():
    page = "\n".join(outputs())
    for code, proof in PROOFS.items():
        assert page.count(f'<span id="{code}"></span>') == 1
        block = re.search(rf'<span id="{code}"></span>.*?(?=<span id=|\Z)', page, re.DOTALL)[0]
        assert all(f"> {line}" in block for part in proof.parts for line in part[1].splitlines()), code
        assert (
            proof.row.cause in block and proof.row.mend in block and block.count("→ **") == len(proof.parts)
        )


def test_tables_lead_to_rows_that_are_there():
    links = set(re.findall(r'href="#([\w-]+)"', numbers() + signs()))
    assert links <= set(ROWS) and {code for codes in SIGNS.values() for code in codes} <= links
    assert {row.code for row in ROWS.values() if row.numbers} <= links
    for number in ("0.69315", "1.6094", "0.31326", "15.942", "16.118", "100.0", "1e+09"):
        assert f"| {number} |" in numbers(), number


def test_a_card_says_what_was_not_run():
    proof = PROOFS["torch-clamp"]
    assert "*Not run:* PyTorch" in card(proof, list(evaluate(proof)))
    assert "*Not run:*" not in card(PROOFS["lists"], list(evaluate(PROOFS["lists"])))


def test_what_people_type_leads_to_rows():
    assert set(WORRIES.values()) <= set(ROWS) and len(WORRIES) >= 40
