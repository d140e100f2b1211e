"""The losses, family by family, in the order of the chapters. Written by ``make sync``."""

# fmt: off
# isort: off
from lossbook.losses.regression import (
    MeanSquaredError, mean_squared_error, mean_squared_error_gradient,
    MeanAbsoluteError, mean_absolute_error, mean_absolute_error_gradient,
    Quantile, quantile, quantile_gradient,
    MeanAbsolutePercentageError, mean_absolute_percentage_error, mean_absolute_percentage_error_gradient,
    MeanSquaredLogarithmicError, mean_squared_logarithmic_error, mean_squared_logarithmic_error_gradient,
    Huber, huber, huber_gradient,
    LogCosh, log_cosh, log_cosh_gradient,
)
from lossbook.losses.probability import (
    BinaryCrossentropy, binary_crossentropy, binary_crossentropy_gradient,
    CategoricalCrossentropy, categorical_crossentropy, categorical_crossentropy_gradient,
    SparseCategoricalCrossentropy, sparse_categorical_crossentropy, sparse_categorical_crossentropy_gradient,
    CategoricalGeneralizedCrossEntropy, categorical_generalized_cross_entropy,
    categorical_generalized_cross_entropy_gradient,
    KLDivergence, kl_divergence, kl_divergence_gradient,
    Poisson, poisson, poisson_gradient,
)
from lossbook.losses.focal import (
    BinaryFocalCrossentropy, binary_focal_crossentropy, binary_focal_crossentropy_gradient,
    CategoricalFocalCrossentropy, categorical_focal_crossentropy, categorical_focal_crossentropy_gradient,
)
from lossbook.losses.margins import (
    Hinge, hinge, hinge_gradient,
    SquaredHinge, squared_hinge, squared_hinge_gradient,
    CategoricalHinge, categorical_hinge, categorical_hinge_gradient,
)
from lossbook.losses.overlap import (
    Dice, dice, dice_gradient,
    Tversky, tversky, tversky_gradient,
)
from lossbook.losses.similarity import (
    CosineSimilarity, cosine_similarity, cosine_similarity_gradient,
    Circle, circle, circle_gradient,
)
from lossbook.losses.sequence import (
    CTC, ctc, ctc_gradient,
)
# isort: on

# The short names, most of them Keras's.
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
pinball = pinball_loss = quantile
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
huber_loss = huber
logcosh = log_cosh
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence

__all__ = [
    "MeanSquaredError", "mean_squared_error", "mean_squared_error_gradient", "mse", "MSE",
    "MeanAbsoluteError", "mean_absolute_error", "mean_absolute_error_gradient", "mae", "MAE",
    "Quantile", "quantile", "quantile_gradient", "pinball", "pinball_loss",
    "MeanAbsolutePercentageError", "mean_absolute_percentage_error",
    "mean_absolute_percentage_error_gradient", "mape", "MAPE",
    "MeanSquaredLogarithmicError", "mean_squared_logarithmic_error",
    "mean_squared_logarithmic_error_gradient", "msle", "MSLE",
    "Huber", "huber", "huber_gradient", "huber_loss",
    "LogCosh", "log_cosh", "log_cosh_gradient", "logcosh",
    "BinaryCrossentropy", "binary_crossentropy", "binary_crossentropy_gradient", "bce", "BCE",
    "CategoricalCrossentropy", "categorical_crossentropy", "categorical_crossentropy_gradient",
    "SparseCategoricalCrossentropy", "sparse_categorical_crossentropy",
    "sparse_categorical_crossentropy_gradient",
    "CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy",
    "categorical_generalized_cross_entropy_gradient",
    "KLDivergence", "kl_divergence", "kl_divergence_gradient", "kld", "KLD", "kullback_leibler_divergence",
    "Poisson", "poisson", "poisson_gradient",
    "BinaryFocalCrossentropy", "binary_focal_crossentropy", "binary_focal_crossentropy_gradient",
    "CategoricalFocalCrossentropy", "categorical_focal_crossentropy",
    "categorical_focal_crossentropy_gradient",
    "Hinge", "hinge", "hinge_gradient",
    "SquaredHinge", "squared_hinge", "squared_hinge_gradient",
    "CategoricalHinge", "categorical_hinge", "categorical_hinge_gradient",
    "Dice", "dice", "dice_gradient",
    "Tversky", "tversky", "tversky_gradient",
    "CosineSimilarity", "cosine_similarity", "cosine_similarity_gradient",
    "Circle", "circle", "circle_gradient",
    "CTC", "ctc", "ctc_gradient",
]
