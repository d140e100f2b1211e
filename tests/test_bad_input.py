"""What cannot mean anything is an error that says what came, what was expected and what to do."""

import re

import numpy as np
import pytest

import lossbook
from lossbook import CATALOGUE

LABELS = {
    "sparse_categorical_crossentropy": [0, 1],
    "categorical_generalized_cross_entropy": [0, 1],
    "circle": [0, 1],
    "ctc": [[1], [1]],
}
Z = np.zeros
TWO = [[0.5, 0.5], [0.5, 0.5]]

BAD = [
    # loss, labels, predictions, parameters, part of the message
    # --- shapes
    (
        "mean_squared_error",
        [[1.0, 2.0]],
        [[1.0, 2.0, 3.0]],
        {},
        "y_true of shape (1, 2) and y_pred of shape (1, 3)",
    ),
    ("mean_squared_error", [1.0, 2.0], TWO, {}, "y_true of shape (2,) and y_pred of shape (2, 2)"),
    ("mean_absolute_error", [[1.0, 2.0]], TWO, {}, "expected one shape for both"),
    ("mean_absolute_percentage_error", Z((2, 1)), TWO, {}, "y_true of shape (2, 1)"),
    (
        "mean_squared_logarithmic_error",
        Z((2, 3, 1)),
        TWO,
        {},
        "y_true of shape (2, 3) and y_pred of shape (2, 2)",
    ),
    ("huber", Z((4, 2)), Z((2, 4)), {}, "check which axis holds the samples"),
    ("log_cosh", Z((3, 1, 1)), Z(3), {}, "y_true of shape (3, 1, 1)"),
    ("binary_crossentropy", [1.0, 0.0], TWO, {}, "compares number with number"),
    ("categorical_crossentropy", [0, 1], TWO, {}, "y_true of shape (2,) and y_pred of shape (2, 2)"),
    ("categorical_focal_crossentropy", [[1], [0]], TWO, {}, "y_true of shape (2, 1)"),
    ("kl_divergence", Z((2, 2)), Z((2, 2, 2)), {}, "y_pred of shape (2, 2, 2)"),
    ("hinge", [[1.0]], TWO, {}, "y_true of shape (1, 1)"),
    ("dice", Z((2, 4, 4)), Z((2, 4, 5)), {}, "y_pred of shape (2, 4, 5)"),
    ("cosine_similarity", Z((2, 3)), Z((3, 2)), {}, "y_true of shape (2, 3)"),
    ("mean_squared_error", 1.0, 2.0, {}, "a single number (shape ())"),
    ("poisson", Z((0, 3)), Z((0, 3)), {}, "an empty batch"),
    ("tversky", Z((3, 0)), Z((3, 0)), {}, "y_pred of shape (3, 0), an empty batch"),
    ("ctc", Z((1, 2)), Z((1, 0, 3)), {}, "an empty batch"),
    # --- entries
    ("mean_squared_error", [["a"]], [[1.0]], {}, "y_true with entries of type text"),
    ("mean_absolute_error", [[1.0]], [["b"]], {}, "y_pred with entries of type text"),
    ("huber", [[1.0]], [[1 + 2j]], {}, "entries of type complex number"),
    ("hinge", [[1.0]], [[None]], {}, "object (NoneType)"),
    ("poisson", np.array([["2020-01-01"]], "datetime64[D]"), [[1.0]], {}, "entries of type date"),
    ("kl_divergence", [[b"x"]], [[1.0]], {}, "entries of type bytes"),
    ("mean_squared_error", [[1.0, 2.0], [3.0]], [[1.0, 2.0], [3.0, 4.0]], {}, "y_true as a ragged list"),
    ("dice", TWO, [[1.0], [3.0, 4.0]], {}, "rows of length 1, 2"),
    ("ctc", [[1, 2], [1]], Z((2, 4, 3)), {}, "ragged list"),
    # --- class numbers
    (
        "sparse_categorical_crossentropy",
        [2],
        [[0.5, 0.5]],
        {},
        "class number 2 at position (0, 0); expected 0 … 1",
    ),
    ("sparse_categorical_crossentropy", [-1], [[0.5, 0.5]], {}, "class number -1"),
    ("sparse_categorical_crossentropy", [2], [[0.5, 0.5]], {"ignore_class": 3}, "class number 2"),
    ("sparse_categorical_crossentropy", [[0, 1], [1, 0]], TWO, {}, "not one-hot"),
    ("sparse_categorical_crossentropy", [0, 1, 1], TWO, {}, "y_true of shape (3,)"),
    ("sparse_categorical_crossentropy", [0.0, np.nan], TWO, {}, "NaN or infinity"),
    ("categorical_generalized_cross_entropy", [0, 2], TWO, {"q": 0.5}, "class number 2"),
    ("categorical_generalized_cross_entropy", [[0, 1]], TWO, {"q": 0.5}, "y_true of shape (1, 2)"),
    ("categorical_generalized_cross_entropy", [0, np.inf], TWO, {"q": 0.5}, "NaN or infinity"),
    (
        "categorical_generalized_cross_entropy",
        [0],
        [[-0.1, 1.1]],
        {"q": 0.5},
        "probability of the true class of -0.1",
    ),
    # --- values outside every domain
    ("categorical_crossentropy", [[1, 0]], [[0.0, 0.0]], {}, "sums to 0"),
    ("categorical_crossentropy", [[1, 0]], [[1.0, -1.0]], {}, "sums to 0 (position (0, 0))"),
    ("categorical_focal_crossentropy", [[1, 0]], [[0.0, 0.0]], {}, "sums to 0"),
    ("poisson", [[1.0, 1.0]], [[0.5, -0.5]], {}, "negative rate, y_pred = -0.5 at position (0, 1)"),
    ("binary_focal_crossentropy", [[1.0]], [[1.5]], {"gamma": 0.5}, "probability of the wrong label of -0.5"),
    # --- parameters
    ("huber", TWO, TWO, {"delta": 0.0}, "delta=0.0; expected a number above 0"),
    ("huber", TWO, TWO, {"delta": -1.0}, "delta=-1.0"),
    ("huber", TWO, TWO, {"delta": np.nan}, "delta=nan"),
    ("huber", TWO, TWO, {"delta": "1"}, "delta='1'"),
    (
        "binary_crossentropy",
        TWO,
        TWO,
        {"label_smoothing": 1.5},
        "label_smoothing=1.5; expected a number from 0 to 1",
    ),
    ("binary_crossentropy", TWO, TWO, {"label_smoothing": True}, "label_smoothing=True"),
    ("binary_crossentropy", TWO, TWO, {"from_logits": 1}, "from_logits=1; expected True or False"),
    ("binary_crossentropy", TWO, TWO, {"axis": 2}, "axis=2 for y_pred of shape (2, 2)"),
    ("binary_crossentropy", TWO, TWO, {"axis": None}, "axis=None; expected a whole number"),
    ("categorical_crossentropy", TWO, TWO, {"label_smoothing": -0.1}, "label_smoothing=-0.1"),
    ("categorical_crossentropy", TWO, TWO, {"axis": True}, "axis=True"),
    ("categorical_crossentropy", TWO, TWO, {"axis": -3}, "whole number from -2 to 1"),
    ("sparse_categorical_crossentropy", [0, 1], TWO, {"ignore_class": 0.5}, "ignore_class=0.5"),
    ("sparse_categorical_crossentropy", [0, 1], TWO, {"axis": 5}, "axis=5"),
    (
        "categorical_generalized_cross_entropy",
        [0, 1],
        TWO,
        {"q": 0.0},
        "q=0.0; expected a number between 0 and 1",
    ),
    ("categorical_generalized_cross_entropy", [0, 1], TWO, {"q": 1.0}, "q=1.0"),
    ("categorical_generalized_cross_entropy", [0, 1], TWO, {"q": 1}, "both excluded"),
    (
        "binary_focal_crossentropy",
        TWO,
        TWO,
        {"gamma": -1.0},
        "gamma=-1.0; expected a finite number of 0 or more",
    ),
    ("binary_focal_crossentropy", TWO, TWO, {"gamma": np.inf}, "gamma=inf"),
    ("binary_focal_crossentropy", TWO, TWO, {"alpha": -0.5}, "alpha=-0.5"),
    ("binary_focal_crossentropy", TWO, TWO, {"alpha": [0.2, 0.8]}, "alpha=[0.2, 0.8]; expected one number"),
    ("binary_focal_crossentropy", TWO, TWO, {"apply_class_balancing": "yes"}, "apply_class_balancing='yes'"),
    (
        "categorical_focal_crossentropy",
        TWO,
        TWO,
        {"alpha": [0.2, 0.3, 0.5]},
        "alpha with 3 weights for 2 classes",
    ),
    ("categorical_focal_crossentropy", TWO, TWO, {"alpha": [0.2, -0.3]}, "alpha=-0.3"),
    ("categorical_focal_crossentropy", TWO, TWO, {"alpha": []}, "alpha=[]"),
    ("categorical_focal_crossentropy", TWO, TWO, {"alpha": "balanced"}, "alpha='balanced'"),
    ("categorical_focal_crossentropy", TWO, TWO, {"gamma": None}, "gamma=None"),
    ("dice", TWO, TWO, {"axis": (1, 2)}, "axis=2 for y_pred of shape (2, 2)"),
    ("dice", TWO, TWO, {"axis": (1, -1)}, "each axis at most once"),
    ("dice", TWO, TWO, {"axis": ()}, "at least one"),
    ("tversky", TWO, TWO, {"alpha": -1.0}, "alpha=-1.0"),
    ("tversky", TWO, TWO, {"beta": -1.0}, "beta=-1.0; expected a finite number of 0 or more"),
    ("tversky", TWO, TWO, {"alpha": [0.3, 0.7]}, "expected one number"),
    ("cosine_similarity", TWO, TWO, {"axis": 4}, "axis=4"),
    # --- embeddings
    ("circle", [0, 1], [1.0, 2.0], {}, "y_pred of shape (2,)"),
    ("circle", [0, 1, 2], TWO, {}, "y_true of shape (3,)"),
    ("circle", [[0, 1], [1, 0]], TWO, {}, "one label and one embedding for each sample"),
    ("circle", [0, np.nan], TWO, {}, "NaN or infinity"),
    ("circle", [0, 1], TWO, {"gamma": -2.0}, "gamma=-2.0"),
    ("circle", [0, 1], TWO, {"margin": np.nan}, "margin=nan; expected a finite number"),
    ("circle", [0, 1], TWO, {"margin": "wide"}, "margin='wide'"),
    ("circle", [0, 1], TWO, {"remove_diagonal": 0}, "remove_diagonal=0"),
    ("circle", [0, 1], TWO, {"ref_labels": [0, 1, 1]}, "ref_labels of shape (3,)"),
    ("circle", [0, 1], TWO, {"ref_embeddings": Z((3, 2))}, "ref_embeddings of shape (3, 2)"),
    ("circle", [0, 1], TWO, {"ref_labels": [0], "ref_embeddings": Z((1, 3))}, "(M, 2)"),
    # --- sequences
    ("ctc", [1, 2], Z((1, 5, 3)), {}, "y_true of shape (2,)"),
    ("ctc", [[1, 2]], Z((5, 3)), {}, "y_pred of shape (5, 3)"),
    ("ctc", [[1], [2]], Z((1, 5, 3)), {}, "expected (B, L) and (B, T, K)"),
    ("ctc", [[1, 3]], Z((1, 5, 3)), {}, "symbol 3 at position (0, 1)"),
    ("ctc", [[1, -1]], Z((1, 5, 3)), {}, "symbol -1 at position (0, 1)"),
    ("ctc", [[1, np.nan]], Z((1, 5, 3)), {}, "NaN or infinity"),
    ("ctc", [[1, 2, 1, 2, 1, 2]], Z((1, 5, 3)), {}, "6 symbols that needs 6 frames"),
    ("ctc", [[1, 0, 0, 0], [1, 1, 1, 1]], Z((2, 5, 3)), {}, "row 1 a label of 4 symbols that needs 7 frames"),
]


@pytest.mark.parametrize("name, y_true, y_pred, parameters, part", BAD)
def test_bad_input_is_an_error_that_helps(name, y_true, y_pred, parameters, part):
    spec = CATALOGUE[name]
    calls = [
        lambda: spec.function(y_true, y_pred, **parameters),
        lambda: spec.gradient(y_true, y_pred, **parameters),
    ]
    if set(parameters) <= set(spec.cls().get_config()):
        calls.append(lambda: spec.cls(**parameters)(y_true, y_pred))
        calls.append(lambda: spec.cls(**parameters).value_and_gradient(y_true, y_pred))
    for call in calls:
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        message = str(caught.value)
        assert part in message
        assert message.startswith("Received ") and "; expected " in message and message.endswith(".")
        assert len(re.split(r"[.…] ", message)) >= 2 or message.endswith(
            "expected True or False."
        )  # the remedy


FRAME = [
    # a call on a class, part of the message
    (lambda: lossbook.Huber(reduction="average"), "reduction='average'"),
    (lambda: lossbook.Huber(reduction="auto"), "belongs to Keras 2"),
    (lambda: lossbook.Huber(reduction=["sum"]), "reduction=['sum']"),
    (lambda: lossbook.Huber(dtype="int32"), "dtype='int32'"),
    (lambda: lossbook.Huber(dtype="float31"), "dtype='float31'"),
    (lambda: lossbook.Huber()(TWO, TWO, sample_weight=[1.0, 2.0, 3.0]), "sample_weight of shape (3,)"),
    (lambda: lossbook.Huber()(TWO, TWO, sample_weight=[["a"]]), "sample_weight with entries of type text"),
    (lambda: lossbook.Huber()(TWO, TWO, mask=[True, False, True]), "mask of shape (3,)"),
    (lambda: lossbook.Dice()(TWO, TWO, sample_weight=[1.0, 2.0]), "one number for the batch"),
    (lambda: lossbook.Dice(axis="rows"), "axis='rows'"),
    (lambda: lossbook.Loss()(TWO, TWO), "has no formula"),
    (lambda: lossbook.Loss().call_gradient(TWO, TWO, 1.0), "the gradient of Loss"),
    (lambda: lossbook.get("hubber"), "Did you mean 'huber'?"),
    (lambda: lossbook.get(3), "expected a name"),
    (lambda: lossbook.get({"class_name": "Hubber"}), "'Hubber'"),
]


@pytest.mark.parametrize("call, part", FRAME)
def test_a_bad_frame_is_an_error_that_helps(call, part):
    with pytest.raises((TypeError, ValueError, NotImplementedError)) as caught:
        call()
    message = str(caught.value)
    assert part in message
    assert message.startswith("Received ") and "; expected " in message and message.endswith((".", "?"))


@pytest.mark.parametrize("name", CATALOGUE)
def test_no_axis_and_no_entry_are_errors_for_every_loss(name):
    spec = CATALOGUE[name]
    parameters = {"q": 0.5} if "q" in spec.parameters else {}
    for y_true, y_pred in ((1.0, 1.0), ([], []), (Z((0, 2)), Z((0, 2))), (Z((0, 2, 2)), Z((0, 2, 2)))):
        for call in (spec.function, spec.gradient):
            with pytest.raises(ValueError, match="Received .*; expected "):
                call(y_true, y_pred, **parameters)


@pytest.mark.parametrize("name", CATALOGUE)
def test_text_is_an_error_for_every_loss(name):
    spec = CATALOGUE[name]
    parameters = {"q": 0.5} if "q" in spec.parameters else {}
    with pytest.raises(TypeError, match="y_pred with entries of type text"):
        spec.function(LABELS.get(name, TWO), [["a", "b"], ["c", "d"]], **parameters)


def test_the_table_is_long_and_names_every_family():
    assert len(BAD) + len(FRAME) >= 60
    assert {CATALOGUE[name].family for name, *_ in BAD} == {spec.family for spec in CATALOGUE.values()}
