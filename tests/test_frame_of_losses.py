"""The frame every loss shares: weights, masks, reductions, types, and what it refuses."""

import numpy as np

import lossbook
from lossbook.base import Loss
from lossbook.reductions import reduce_values, weights_and_divisor

VALUES = np.array([1.0, 2.0, 3.0, 4.0])
WEIGHTS = np.array([1.0, 0.0, 2.0, 3.0])


class Given(Loss):
    """A loss whose values are the predictions: what is left is the frame."""

    def call(self, y_true, y_pred):
        return np.asarray(y_pred)

    def call_gradient(self, y_true, y_pred, upstream):
        return upstream


def test_nothing_valid_costs_nothing():
    assert Given()(VALUES, VALUES, mask=np.zeros(4, bool)) == 0.0
    assert Given(reduction="mean_with_sample_weight")(VALUES, VALUES, np.zeros(4)) == 0.0
    assert Given().gradient(VALUES, VALUES, mask=np.zeros(4, bool)).tolist() == [0.0] * 4


def test_one_weight_a_sample_weighs_samples():
    values = np.array([[1.0, 4.0], [9.0, 16.0]])
    assert Given()(values, values, np.array([1.0, 0.0])) == 1.25  # Keras 3.15 gives 2.5 here
    assert Given()(values, values, np.array([[1.0], [0.0]])) == 1.25
    ones = np.ones((2, 2))
    assert Given(reduction="mean_with_sample_weight")(ones, ones, np.array([[1.0], [3.0]])) == 1.0


def test_sums_run_in_float64():
    values = np.full(2**20, 0.1, dtype="float32")
    assert reduce_values(values) == np.float32(0.1)
    assert reduce_values(values).dtype == np.float32
    assert weights_and_divisor(values) == (1.0, 2.0**20)


def test_floating_types_are_kept_and_others_become_float64():
    for given, kept in ((np.float32, "float32"), (np.int32, "float64"), (bool, "float64")):
        y_pred = np.array([[1, 0]], dtype=given)
        assert lossbook.mean_absolute_error(np.array([[0, 0]]), y_pred).dtype == kept


def test_a_loss_of_ones_own():
    loss = Given(name="mine", reduction="sum")
    assert loss(VALUES, VALUES) == 10.0
    assert repr(loss) == "Given(reduction='sum', name='mine')"
    assert loss == Given(name="mine", reduction="sum") != Given(name="mine")
