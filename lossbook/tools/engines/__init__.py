"""Keras 3, tf_keras, PyTorch and Optax behind one call: their losses, and code that runs in their worlds.

``from lossbook.tools.engines import tf, keras, tf_keras`` gives the three modules. Importing
``lossbook.tools.engines`` itself loads none of them.
"""

from lossbook.tools.engines.attempts import Outcome, Outcomes, attempt, outcomes
from lossbook.tools.engines.frameworks import DEFAULT, ENGINES, Engine, NotInEngine, available, engine
from lossbook.tools.engines.in_optax import OptaxEngine
from lossbook.tools.engines.in_torch import TorchEngine
from lossbook.tools.engines.loading import load

__all__ = [
    "DEFAULT",
    "ENGINES",
    "Engine",
    "NotInEngine",
    "Outcome",
    "Outcomes",
    "attempt",
    "available",
    "engine",
    "outcomes",
]

ENGINES.update({new.name: new for new in (TorchEngine(), OptaxEngine())})

MODULES = {"tf": "tensorflow", "keras": "keras", "tf_keras": "tf_keras"}
"""What ``from lossbook.tools.engines import …`` can give, and the package behind it."""


def __getattr__(name):
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return load(MODULES[name])
