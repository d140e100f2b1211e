"""The doctor's gallery of Keras models: broken ones, each by one mistake, and clean ones."""

from dataclasses import dataclass, field

import numpy as np

from lossbook.tools.engines import keras, tf

RNG = np.random.default_rng(11)
N, K = 48, 5
X = RNG.normal(size=(N, 8)).astype("float32")
CLASSES = RNG.integers(0, K, N)
CLASSES[:K] = range(K)
BITS = RNG.integers(0, 2, (N, 1)).astype("float32")
REAL = (X[:, :1] - 0.5 * X[:, 1:2]).astype("float32")
HOT = np.eye(K, dtype="float32")[CLASSES]
TOKENS = RNG.integers(1, 50, (N, 10))
TOKENS[:, 6:] = 0
TAGS = RNG.integers(1, 4, (N, 10))
Dense, layers, losses, ops = keras.layers.Dense, keras.layers, keras.losses, keras.ops
sparse = "sparse_categorical_crossentropy"


@dataclass(frozen=True)
class Case:
    label: str
    build: object
    x: object = field(repr=False, default=None)
    y: object = field(repr=False, default=None)
    code: str = ""
    options: dict = field(default_factory=dict)
    mended: object = None
    names: dict = field(default_factory=dict)


def sequential(*parts, loss="mse", optimizer="adam", shape=(8,), **options):
    model = keras.Sequential([keras.Input(shape), *parts])
    model.compile(optimizer, loss, **options)
    return model


def functional(make, loss="mse", shape=(8,), **options):
    entry = keras.Input(shape)
    model = keras.Model(entry, make(entry))
    model.compile("adam", loss, **options)
    return model


class Own(keras.Model):
    """A subclassed model: a layer, and then anything."""

    def __init__(self, units, then=None):
        super().__init__()
        self.hidden, self.last, self.then = Dense(6, activation="tanh"), Dense(units), then

    def call(self, x):
        scores = self.last(self.hidden(x))
        return scores if self.then is None else self.then(scores)


class Square(keras.losses.Loss):
    """A loss of one's own: Keras 3 does not align what its call gets."""

    def call(self, y_true, y_pred):
        return ops.square(ops.cast(y_true, "float32") - y_pred)


def own(units, then=None, loss="mse", **options):
    model = Own(units, then)
    model.compile("adam", loss, **options)
    return model


def two(losses_, **options):
    entry = keras.Input((8,))
    model = keras.Model(
        entry, {"a": Dense(1, name="a")(entry), "b": Dense(K, activation="softmax", name="b")(entry)}
    )
    model.compile("adam", losses_, **options)
    return model


class Several(keras.Model):
    """Two outputs without a graph, in a dictionary or a list."""

    def __init__(self, named):
        super().__init__()
        self.named, self.a, self.b = named, Dense(1), Dense(K, activation="softmax")

    def call(self, x):
        return {"a": self.a(x), "b": self.b(x)} if self.named else [self.a(x), self.b(x)]


def several(named, losses_):
    model = Several(named)
    model.compile("adam", losses_)
    return model


def renamed(losses_):
    """Outputs under other names than those of their layers."""
    entry = keras.Input((8,))
    last = Dense(K, activation="softmax", name="last")(entry)
    model = keras.Model(entry, {"b": last, "a": Dense(1, name="first")(entry)})
    model.compile("adam", losses_)
    return model


def by_hand(z):
    e = ops.exp(z)
    return e / ops.sum(e, axis=-1, keepdims=True)


def mixed(*parts, policy="mixed_float16", **options):
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        return sequential(*(part() for part in parts), **options)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")


def still(model):
    for layer in model.layers:
        layer.trainable = False
    return model


def lost(model):
    model.set_weights([w * np.nan for w in model.get_weights()])
    return model


def relu():
    return Dense(8, activation="relu")


logit = losses.SparseCategoricalCrossentropy(from_logits=True)
bce_logit = losses.BinaryCrossentropy(from_logits=True)

BOTH = {"a": "mse", "b": sparse}
PAIRS = {"losses": ["mse", sparse], "labels": [REAL, CLASSES]}

BROKEN = [
    Case("scores, sparse", lambda: sequential(relu(), Dense(K), loss=sparse), X, CLASSES, "logits-as-probabilities"),
    Case("scores, binary", lambda: sequential(Dense(1), loss=losses.BinaryCrossentropy()), X, BITS, "logits-as-probabilities"),
    Case("scores, subclassed", lambda: own(K, loss=losses.CategoricalCrossentropy()), X, HOT, "logits-as-probabilities"),
    Case("scores, function", lambda: functional(lambda x: Dense(1)(x), losses.binary_crossentropy), X, BITS, "logits-as-probabilities"),
    Case("relu at the end", lambda: sequential(relu(), Dense(K, activation="relu"), loss=sparse), X, CLASSES, "logits-as-probabilities"),
    Case("tanh at the end", lambda: sequential(Dense(1, activation="tanh"), loss="binary_crossentropy"), X, BITS, "logits-as-probabilities"),
    Case("softmax, from logits", lambda: sequential(Dense(K, activation="softmax"), loss=logit), X, CLASSES, "probabilities-as-logits"),
    Case("a Softmax layer", lambda: functional(lambda x: layers.Softmax()(Dense(K)(x)), logit), X, CLASSES, "probabilities-as-logits"),
    Case("a Lambda", lambda: sequential(Dense(K), layers.Lambda(tf.nn.softmax), loss=logit), X, CLASSES, "probabilities-as-logits"),
    Case("softmax by hand", lambda: own(K, by_hand, logit), X, CLASSES, "probabilities-as-logits"),
    Case("ops.sigmoid", lambda: own(1, ops.sigmoid, bce_logit), X, BITS, "probabilities-as-logits"),
    Case("a model in a model", lambda: sequential(sequential(Dense(K, activation="softmax")), loss=logit), X, CLASSES, "probabilities-as-logits"),
    Case("softmax before CTC", lambda: sequential(layers.Reshape((8, 1)), Dense(K, activation="softmax"), loss=losses.CTC()), X, CLASSES[:, None] % 4 + 1, "probabilities-as-logits"),
    Case("softmax over one unit", lambda: sequential(relu(), Dense(1, activation="softmax"), loss="binary_crossentropy"), X, BITS, "softmax-one-unit"),
    Case("softmax twice", lambda: sequential(Dense(K), layers.Softmax(), layers.Activation("softmax"), loss=sparse), X, CLASSES, "squashed-twice"),
    Case("sigmoid twice", lambda: functional(lambda x: layers.Activation("sigmoid")(Dense(1, activation="sigmoid")(x)), "bce"), X, BITS, "squashed-twice"),
    Case("sigmoid, categorical", lambda: sequential(Dense(K, activation="sigmoid"), loss="categorical_crossentropy"), X, HOT, "sigmoid-with-categorical"),
    Case("sigmoid, sparse", lambda: own(K, ops.sigmoid, sparse), X, CLASSES, "sigmoid-with-categorical"),
    Case("softmax, binary", lambda: sequential(Dense(K, activation="softmax"), loss="binary_crossentropy"), X, HOT, "softmax-with-binary"),
    Case("one unit, categorical", lambda: sequential(relu(), Dense(1, activation="sigmoid"), loss="categorical_crossentropy"), X, BITS, "one-column"),
    Case("one unit, from logits", lambda: sequential(Dense(1), loss=losses.CategoricalCrossentropy(from_logits=True)), X, BITS, "one-column"),
    Case("softmax, several labels", lambda: sequential(Dense(K, activation="softmax"), loss="binary_crossentropy"), X, np.maximum(HOT, np.roll(HOT, 1, axis=-1)), "softmax-with-multi-hot"),
    Case("class numbers", lambda: sequential(Dense(K, activation="softmax"), loss="categorical_crossentropy"), X, CLASSES, "class-numbers-for-one-hot"),
    Case("one-hot", lambda: sequential(Dense(K, activation="softmax"), loss=sparse), X, HOT, "one-hot-for-class-numbers"),
    Case("classes from 1", lambda: sequential(Dense(K, activation="softmax"), loss=sparse), X, CLASSES + 1, "labels-start-at-1"),
    Case("signs", lambda: sequential(Dense(1, activation="sigmoid"), loss="bce"), X, 2 * BITS - 1, "signs-for-01"),
    Case("a sequence for one label", lambda: sequential(layers.Reshape((4, 2)), layers.LSTM(3, return_sequences=True), Dense(1)), X, REAL, "broadcast"),
    Case("targets beyond a sigmoid", lambda: sequential(Dense(1, activation="sigmoid")), X, 5 * REAL, "targets-out-of-reach"),
    Case("targets below a relu", lambda: own(1, ops.relu, "mae"), X, REAL, "targets-out-of-reach"),
    Case("negative rates", lambda: sequential(Dense(1), loss="poisson"), X, np.round(np.exp(REAL)), "negative-rate"),
    Case("a hinge on a sigmoid", lambda: sequential(Dense(1, activation="sigmoid"), loss="hinge"), X, 2 * BITS - 1, "probabilities-for-scores"),
    Case("rounded", lambda: sequential(Dense(4), layers.Lambda(tf.round), Dense(1)), X, REAL, "no-gradient"),
    Case("stopped", lambda: own(1, ops.stop_gradient), X, REAL, "no-gradient", mended=lambda: own(1)),
    Case("argmax", lambda: sequential(Dense(K), layers.Lambda(lambda z: tf.cast(tf.argmax(z, -1), "float32")[:, None])), X, REAL, "no-gradient"),
    Case("sign", lambda: sequential(Dense(4), layers.Lambda(tf.sign), Dense(1)), X, REAL, "dead-gradient"),
    Case("dead relu", lambda: sequential(Dense(6, activation="relu", bias_initializer=keras.initializers.Constant(-100)), Dense(1)), X, REAL, "dead-gradient"),
    Case("all zeros", lambda: sequential(Dense(6, activation="relu", kernel_initializer="zeros"), Dense(1, kernel_initializer="zeros")), X, REAL, "dead-gradient"),
    Case("Flatten after a sigmoid", lambda: sequential(Dense(1, activation="sigmoid"), layers.Flatten(), loss="bce"), X, BITS, "logits-hidden"),
    Case("Flatten after a saturated sigmoid", lambda: sequential(Dense(1, activation="sigmoid", kernel_initializer=keras.initializers.Constant(99.0)), layers.Flatten(), loss="bce"), X, BITS, "logits-hidden"),
    Case("mixed precision", lambda: mixed(relu, lambda: Dense(K, activation="softmax"), loss=sparse), X, CLASSES, "narrow-output"),
    Case("bfloat16", lambda: mixed(relu, lambda: Dense(1), policy="mixed_bfloat16"), X, REAL, "narrow-output"),
    Case("a root at 0", lambda: sequential(Dense(1, kernel_initializer="zeros"), loss=lambda t, p: ops.sqrt(ops.square(t - p))), X, 0 * REAL, "nan-gradient"),
    Case("a penalty", lambda: sequential(Dense(1, kernel_regularizer="l2")), X, REAL, "regularisation"),
    Case("a loss as a metric", lambda: sequential(Dense(1), metrics=[losses.MeanSquaredError()]), X, REAL, "loss-as-metric"),
    Case("frozen", lambda: still(sequential(relu(), Dense(1))), X, REAL, "frozen"),
    Case("a rate of 0", lambda: sequential(Dense(1), optimizer=keras.optimizers.SGD(0.0)), X, REAL, "frozen"),
    Case("inputs not scaled", lambda: sequential(Dense(K, activation="softmax"), loss=sparse), 1000 * X, CLASSES, "first-loss"),
    Case("targets not scaled", lambda: sequential(relu(), Dense(1)), X, 100 * REAL + 200_000, "first-loss"),
    Case("NaN among the inputs", lambda: sequential(Dense(1)), np.where(X > 1.5, np.nan, X), REAL, "not-finite"),
    Case("NaN among the labels", lambda: sequential(Dense(1)), X, np.where(REAL > 1.5, np.nan, REAL), "not-finite"),
    Case("weights that are NaN", lambda: lost(sequential(relu(), Dense(1))), X, REAL, "not-finite"),
    Case("exp overflows", lambda: sequential(Dense(1, activation="exponential", kernel_initializer="ones"), loss="poisson"), 100 + 30 * X, np.round(np.exp(REAL)), "not-finite"),
    Case("a Loss of one's own, flat labels", lambda: sequential(Dense(1), loss=Square()), X, REAL[:, 0], "broadcast"),
    Case("counts against a sigmoid", lambda: sequential(Dense(8, activation="sigmoid"), loss="bce"), np.abs(np.rint(5 * X)), np.abs(np.rint(5 * X)), "labels-out-of-range"),
    Case("a percentage of 0", lambda: sequential(Dense(1), loss="mape"), X, np.maximum(REAL, 0), "zero-targets"),
    Case("the mask is lost", lambda: sequential(layers.Embedding(50, 8, mask_zero=True), layers.Conv1D(8, 3, padding="same"), Dense(4, activation="softmax"), loss=sparse, shape=(10,)), TOKENS, TAGS, "mask-lost"),
    Case("class_weight on steps", lambda: sequential(layers.Embedding(50, 8), Dense(4, activation="softmax"), loss=sparse, shape=(10,)), TOKENS, TAGS, "class-weight", {"class_weight": {1: 1.0, 2: 2.0, 3: 1.0}}),
    Case("classes from 1, of two outputs", lambda: two(BOTH), X, {"a": REAL, "b": CLASSES + 1}, "labels-start-at-1"),
    Case("classes from 1, other names", lambda: renamed(BOTH), X, {"a": REAL, "b": CLASSES + 1}, "labels-start-at-1"),
    Case("classes from 1, subclassed", lambda: several(True, BOTH), X, {"a": REAL, "b": CLASSES + 1}, "labels-start-at-1"),
    Case("classes from 1, in a list", lambda: several(False, ["mse", sparse]), X, [REAL, CLASSES + 1], "labels-start-at-1"),
    Case("scores, of two outputs", lambda: two({"a": "bce", "b": sparse}), X, {"a": BITS, "b": CLASSES}, "logits-as-probabilities"),
    Case("scores, in a list", lambda: several(False, ["bce", sparse]), X, [BITS, CLASSES], "logits-as-probabilities"),
    Case("NaN in one output of two", lambda: two(BOTH), X, {"a": np.where(REAL > 1.5, np.nan, REAL), "b": CLASSES}, "not-finite"),
    Case("NaN among flat labels", lambda: sequential(Dense(1)), X, np.where(REAL > 1.5, np.nan, REAL)[:, 0], "not-finite"),
    Case("softmax twice, a layer at the end", lambda: sequential(Dense(K, activation="softmax"), layers.Softmax(), loss=sparse), X, CLASSES, "squashed-twice"),
    Case("units for other labels", lambda: sequential(relu(), Dense(2)), X, X[:, :3], "shape-mismatch"),
    Case("a loss for no output", lambda: two({"a": "mse", "c": sparse}), X, {"a": REAL, "b": CLASSES}, "outputs-mismatch", names=PAIRS),
    Case("labels for one output", lambda: two({"a": "mse", "b": sparse}), X, REAL, "outputs-mismatch", names=PAIRS),
    Case("a loss that raises", lambda: sequential(Dense(1), loss=lambda t, p: ops.matmul(t, p)), X, REAL, "refused"),
]  # fmt: skip

CLEAN = [
    Case("mse", lambda: sequential(relu(), Dense(1)), X, REAL),
    Case("the class, not an object", lambda: sequential(Dense(1), loss=losses.MeanSquaredError), X, REAL),
    Case("mse, flat labels", lambda: sequential(relu(), Dense(1)), X, REAL[:, 0]),
    Case("mae, subclassed", lambda: own(1, loss="mae"), X, REAL),
    Case("huber", lambda: functional(lambda x: Dense(1)(relu()(x)), losses.Huber(2.0)), X, REAL),
    Case("log cosh, a function", lambda: sequential(Dense(1), loss=losses.log_cosh), X, REAL),
    Case("a lambda", lambda: sequential(Dense(1), loss=lambda t, p: ops.mean(ops.square(t - p))), X, REAL),
    Case("a Loss of one's own, columns", lambda: sequential(Dense(1), loss=Square()), X, REAL),
    Case("a loss of one's own", lambda: sequential(Dense(1), loss=lambda t, p: ops.mean(ops.abs(t - p) ** 1.5)), X, REAL),
    Case("bce", lambda: sequential(relu(), Dense(1, activation="sigmoid"), loss="binary_crossentropy"), X, BITS),
    Case("bce, flat integer labels", lambda: sequential(Dense(1, activation="sigmoid"), loss="bce"), X, BITS[:, 0].astype("int32")),
    Case("bce from logits", lambda: sequential(relu(), Dense(1), loss=bce_logit), X, BITS),
    Case("bce, subclassed", lambda: own(1, ops.sigmoid, losses.BinaryCrossentropy()), X, BITS),
    Case("several labels", lambda: sequential(Dense(K, activation="sigmoid"), loss="bce"), X, (RNG.random((N, K)) < 0.4).astype("float32")),
    Case("focal", lambda: sequential(Dense(1, activation="sigmoid"), loss=losses.BinaryFocalCrossentropy()), X, BITS),
    Case("cce", lambda: sequential(Dense(K, activation="softmax"), loss="categorical_crossentropy"), X, HOT),
    Case("cce from logits", lambda: own(K, loss=losses.CategoricalCrossentropy(from_logits=True)), X, HOT),
    Case("cce, smoothed", lambda: sequential(Dense(K), layers.Softmax(), loss=losses.CategoricalCrossentropy(label_smoothing=0.1)), X, HOT),
    Case("scce", lambda: sequential(relu(), Dense(K, activation="softmax"), loss=sparse), X, CLASSES),
    Case("scce, a column", lambda: sequential(Dense(K, activation="softmax"), loss=sparse), X, CLASSES[:, None]),
    Case("scce from logits", lambda: functional(lambda x: Dense(K)(x), logit), X, CLASSES.astype("uint8")),
    Case("scce, softmax by hand", lambda: own(K, by_hand, sparse), X, CLASSES),
    Case("a model in a model", lambda: sequential(sequential(relu(), Dense(K)), layers.Activation("softmax"), loss=sparse), X, CLASSES),
    Case("mixed precision, float32 at the end", lambda: mixed(relu, lambda: Dense(K), lambda: layers.Activation("softmax", dtype="float32"), loss=sparse), X, CLASSES),
    Case("dropout and batch normalisation", lambda: sequential(relu(), layers.BatchNormalization(), layers.Dropout(0.5), Dense(1)), X, REAL),
    Case("poisson", lambda: sequential(Dense(1, activation="softplus"), loss="poisson"), X, np.round(np.exp(REAL))),
    Case("hinge", lambda: sequential(Dense(1), loss="hinge"), X, 2 * BITS - 1),
    Case("cosine", lambda: sequential(Dense(3), loss="cosine_similarity"), X, X[:, :3]),
    Case("kl", lambda: sequential(Dense(K, activation="softmax"), loss="kl_divergence"), X, HOT * 0.9 + 0.02),
    Case("a mask that is kept", lambda: sequential(layers.Embedding(50, 8, mask_zero=True), layers.LSTM(8, return_sequences=True), Dense(4, activation="softmax"), loss=sparse, shape=(10,)), TOKENS, TAGS),
    Case("an image", lambda: sequential(layers.Reshape((4, 2, 1)), layers.Conv2D(4, 2, padding="same"), layers.Conv2D(1, 1, activation="sigmoid"), loss=losses.Dice()), X, (X.reshape(N, 4, 2, 1) > 0).astype("float32")),
    Case("crossentropy by name", lambda: sequential(Dense(K, activation="softmax"), loss="crossentropy"), X, CLASSES),
    Case("crossentropy by name, one-hot", lambda: own(K, ops.softmax, "ce"), X, HOT),
    Case("targets about 5", lambda: sequential(relu(), Dense(1)), X, 5 + REAL),
    Case("two outputs", lambda: two({"a": "mse", "b": sparse}, loss_weights={"a": 0.5, "b": 1.0}), X, {"a": REAL, "b": CLASSES}),
    Case("weights for classes", lambda: sequential(Dense(1, activation="sigmoid"), loss="bce"), X, BITS, options={"class_weight": {0: 1.0, 1: 9.0}}),
    Case("metrics", lambda: sequential(Dense(1), metrics=["mae", keras.metrics.RootMeanSquaredError()]), X, REAL),
    Case("a frozen first layer", lambda: sequential(still(sequential(relu())), Dense(1)), X, REAL),
    Case("other names", lambda: renamed(BOTH), X, {"a": REAL, "b": CLASSES}),
    Case("two outputs, subclassed", lambda: several(True, BOTH), X, {"a": REAL, "b": CLASSES}),
    Case("two outputs in a list", lambda: several(False, ["mse", sparse]), X, [REAL, CLASSES]),
    Case("sorted, and shuffled by fit", lambda: sequential(Dense(1, activation="sigmoid"), loss="bce"), X, np.sort(BITS, axis=0)),
    Case("a start at 0", lambda: sequential(relu(), Dense(1, kernel_initializer="zeros")), X, REAL),
]  # fmt: skip
