"""What cannot mean anything is an error that says what came, what was expected and what to do."""

import re

import numpy as np
import pytest
from cases import FIRST, example, rows_of

import lossbook
from lossbook import CATALOGUE, Loss

Z = np.zeros
TWO = [[0.5, 0.5], [0.5, 0.5]]
VALUES = [[1.0], [2.0], [3.0], [4.0]]


class Root(Loss):
    """A loss with a hole in its domain."""

    def call(self, y_true, y_pred):
        return np.sqrt(np.asarray(y_pred))


@pytest.mark.parametrize("name, y_true, y_pred, parameters, part", rows_of("refuses"))
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
    (lambda: lossbook.Huber()(VALUES, VALUES, [1.0, 2.0]), "sample_weight of shape (2,)"),
    (lambda: lossbook.Huber(delta="1"), "delta='1'"),
    (lambda: lossbook.poisson([[1.0, 2.0]], [[1.0, 2.0]] * 2), "(1, 2)"),
    (lambda: lossbook.huber([[1.0], [1.0, 2.0]], [[1.0], [2.0]]), "ragged list (rows of length 1, 2)"),
    (lambda: Root()([1.0], [-1.0]), "Root is not a number in float64"),
]


@pytest.mark.parametrize("call, part", FRAME)
def test_a_bad_frame_is_an_error_that_helps(call, part):
    with pytest.raises((TypeError, ValueError, NotImplementedError)) as caught:
        call()
    message = str(caught.value)
    assert part in message
    assert message.startswith("Received ") and "; expected " in message and message.endswith((".", "?"))


@pytest.mark.parametrize("name, parameters", FIRST)
def test_no_axis_and_no_entry_are_errors_for_every_loss(name, parameters):
    spec = CATALOGUE[name]
    for y_true, y_pred in ((1.0, 1.0), ([], []), (Z((0, 2)), Z((0, 2))), (Z((0, 2, 2)), Z((0, 2, 2)))):
        for call in (spec.function, spec.gradient):
            with pytest.raises(ValueError, match="Received .*; expected "):
                call(y_true, y_pred, **parameters)


@pytest.mark.parametrize("name, parameters", FIRST)
def test_text_is_an_error_for_every_loss(name, parameters):
    y_true, y_pred = example(name, parameters)
    with pytest.raises(TypeError, match="y_pred with entries of type text"):
        CATALOGUE[name].function(y_true, y_pred.astype(str), **parameters)


def test_the_rows_are_many_and_of_every_family():
    assert len(rows_of("refuses")) + len(FRAME) >= 60
    assert {CATALOGUE[name].family for name, *_ in rows_of("refuses")} == {
        spec.family for spec in CATALOGUE.values()
    }
