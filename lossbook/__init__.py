"""Loss functions from scratch: one step a line, exact gradients, every value checked against Keras.

Each loss has two forms, as in Keras 3. The function gives one value per sample; the
class reduces a batch to one number and takes weights and masks.

>>> import lossbook
>>> lossbook.huber([[0.0, 0.0]], [[0.5, 3.0]])
array([1.3125])
>>> float(lossbook.Huber(delta=1.0)([[0.0, 0.0]], [[0.5, 3.0]]))
1.3125

The function form is as quiet as NumPy: it warns of an overflow only where a value has no
place in its type and becomes infinite, such as the square of 1e30 in float32, and of a
division by zero only where a slope is infinite. The class form never warns.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from lossbook import losses
from lossbook.arrays import EPSILON
from lossbook.base import Loss
from lossbook.blocks import fast
from lossbook.losses import *  # noqa: F403  (every loss, its gradient, its class, its short names)
from lossbook.losses.probability import log_softmax, log_sum_exp, sigmoid, softmax
from lossbook.reductions import REDUCTIONS, reduce_values
from lossbook.registry import CATALOGUE, get

if TYPE_CHECKING:  # loaded on first use, by __getattr__ below; an editor reads them here
    from lossbook.tools import engines, plots, render
    from lossbook.tools.check import check
    from lossbook.tools.compare import compare
    from lossbook.tools.doctor.clinic import fingerprint
    from lossbook.tools.engines import outcomes
    from lossbook.tools.explain import explain
    from lossbook.tools.explore import explore
    from lossbook.tools.numeric import numeric_gradient
    from lossbook.tools.reconcile import reconcile
    from lossbook.tools.show import formula, source

__version__ = "0.2.0"

__all__ = [
    "CATALOGUE",
    "EPSILON",
    "REDUCTIONS",
    "Loss",
    "check",
    "compare",
    "engines",
    "explain",
    "explore",
    "fast",
    "fingerprint",
    "formula",
    "get",
    "log_softmax",
    "log_sum_exp",
    "numeric_gradient",
    "outcomes",
    "plots",
    "reconcile",
    "reduce_values",
    "render",
    "sigmoid",
    "softmax",
    "source",
]
__all__ += losses.__all__

_TOOLS = {
    "check": "check",
    "compare": "compare",
    "engines": "",
    "explain": "explain",
    "explore": "explore",
    "fingerprint": "doctor.clinic",
    "formula": "show",
    "keras": "engines",
    "numeric_gradient": "numeric",
    "outcomes": "engines",
    "plots": "",
    "reconcile": "reconcile",
    "render": "",
    "source": "show",
    "tf": "engines",
    "tf_keras": "engines",
}
"""The module of each tool in lossbook.tools; nothing where the tool is the module itself."""


def __getattr__(name):
    if name not in _TOOLS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _import_module(f"{__name__}.tools.{_TOOLS[name] or name}")
    tool = getattr(module, name) if _TOOLS[name] else module
    globals()[name] = tool
    return tool


def __dir__():
    return sorted({*globals(), *_TOOLS})
