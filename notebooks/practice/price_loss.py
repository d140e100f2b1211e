"""A loss in money: what a unit too few costs, and a unit too many. It runs on every backend of Keras."""

import keras
from keras import ops


def price(y_true, y_pred, low=1.0, high=1.0):
    """Charge `low` for each unit short and `high` for each unit over: one value per sample."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    y_true = same_shape(y_true, y_pred)
    error = y_pred - y_true  # signed miss
    short = ops.maximum(-error, 0)  # units too few
    over = ops.maximum(error, 0)  # units too many
    cost = low * short + high * over  # in money
    value = ops.mean(cost, axis=-1)  # one number per sample
    return value


def same_shape(y_true, y_pred):
    """Give flat labels a last axis, and refuse what would broadcast."""
    if len(y_true.shape) + 1 == len(y_pred.shape):
        y_true = ops.expand_dims(y_true, -1)
    pairs = zip(y_true.shape, y_pred.shape, strict=False)
    if len(y_true.shape) != len(y_pred.shape) or any(a != b for a, b in pairs if None not in (a, b)):
        raise ValueError(f"labels {tuple(y_true.shape)}, predictions {tuple(y_pred.shape)}: not one shape")
    return y_true


@keras.saving.register_keras_serializable("price_loss")
class Price(keras.losses.Loss):
    """Object form of :func:`price`."""

    def __init__(self, low=1.0, high=1.0, reduction="sum_over_batch_size", name="price", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not (low > 0 and high > 0):
            raise ValueError(f"Received low={low}, high={high}; expected prices above 0.")
        self.low, self.high = float(low), float(high)

    def call(self, y_true, y_pred):
        return price(y_true, y_pred, self.low, self.high)

    def get_config(self):
        return {**super().get_config(), "low": self.low, "high": self.high, "dtype": self.dtype}
