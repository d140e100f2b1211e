"""TensorFlow, Keras 3 and tf_keras behind one call: loaded late, quietly, reproducibly.

``from lossbook.tools.engines import tf, keras, tf_keras`` gives the three modules. Importing
``lossbook.tools.engines`` itself loads none of them.

What happens when TensorFlow is first loaded through this module, and only then (if you
imported it before, it is handed back as it is):

- ``TF_ENABLE_ONEDNN_OPTS`` is set to 0, whatever it was: oneDNN adds numbers in another
  order on every processor, and the book prints eight digits. To keep yours, import
  tensorflow before lossbook.tools.engines, or set ``LOSSBOOK_ONEDNN`` to 1 (``make everywhere`` does).
- ``TF_CPP_MIN_LOG_LEVEL`` (3) and ``KERAS_BACKEND`` (tensorflow) are set unless you have
  set them.
- TensorFlow sees the CPU alone, unless you have set ``CUDA_VISIBLE_DEVICES``. Other
  packages keep their GPU.
- What the import writes to the error stream is held back, and shown if the import fails.
"""

import ast
import builtins
import contextlib
import importlib
import importlib.util
import inspect
import io
import logging
import os
import re
import sys
import tempfile
import threading
import warnings
from dataclasses import dataclass, field

import numpy as np

from lossbook.arrays import as_dtype, is_float
from lossbook.base import Loss
from lossbook.registry import own_parameters
from lossbook.tools.render import format_number, format_value, html_block, html_table, text_table

__all__ = [
    "DEFAULT",
    "ENGINES",
    "Engine",
    "NotInEngine",
    "Outcome",
    "Outcomes",
    "attempt",
    "available",
    "get",
    "outcomes",
    "show",
]

DEFAULT = ("tf.keras", "tf_keras")
"""The engines a comparison asks when none are named."""

MODULES = {"tf": "tensorflow", "keras": "keras", "tf_keras": "tf_keras"}
"""What ``from lossbook.tools.engines import …`` can give, and the package behind it."""

SHORT_NAMES = {
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "mean_squared_logarithmic_error": "msle",
    "kl_divergence": "kld",
    "log_cosh": "logcosh",
}
"""Functions that ``tf.keras.losses`` of Keras 3 has under a short name only."""

MAX_ERROR = 200  # characters of an error shown
MAX_ENTRIES = 8  # entries of one axis shown
ENDS = 3  # entries shown at either end of a longer axis


# --- quiet import -------------------------------------------------------------------------

_LOADING = threading.RLock()


def __getattr__(name):
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return load(MODULES[name])


def load(package):
    """Import a framework without its start-up messages.

    Parameters
    ----------
    package : str
        A top-level package: ``"tensorflow"``, ``"keras"``, ``"tf_keras"``.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If the package is not installed: one sentence with the pip line that brings it.
    """
    with _LOADING:
        if package in sys.modules:
            return _import(package)  # waits, should another thread be at it
        first_time = "tensorflow" not in sys.modules
        if first_time:
            _prepare_environment()
        with _held_back():
            module = _import(package)
            if first_time and "tensorflow" in sys.modules and "CUDA_VISIBLE_DEVICES" not in os.environ:
                _hide_gpus(sys.modules["tensorflow"])
        return module


def _import(package):
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as problem:
        if problem.name != package:
            raise
    raise ImportError(f"{package} is not installed: pip install {package}", name=package) from None


def _prepare_environment():
    onednn = os.environ.get("LOSSBOOK_ONEDNN", "0")  # reproducible digits come first
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = onednn
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def _hide_gpus(tensorflow):
    with contextlib.suppress(RuntimeError):  # devices are fixed already: leave them
        tensorflow.config.set_visible_devices([], "GPU")


@contextlib.contextmanager
def _held_back():
    """Hold back the process's error stream, Python logging and warnings; show them on failure.

    The descriptor is redirected, not ``sys.stderr``: TensorFlow writes from C++. Loggers
    created meanwhile keep the true stream, and in Jupyter the kernel's own stream is untouched.
    """
    level = logging.root.manager.disable
    saved = _duplicate_stderr()
    with tempfile.TemporaryFile() as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        if saved is not None:
            _flush_stderr()
            os.dup2(caught.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            if saved is not None:
                _flush_stderr()
                os.dup2(saved, 2)
                os.close(saved)
            logging.disable(level)
            if failed:
                _show_caught(caught)


def _duplicate_stderr():
    try:
        return os.dup(2)
    except OSError:  # a process without an error stream
        return None


def _flush_stderr():
    with contextlib.suppress(AttributeError, ValueError, OSError):  # none, or closed
        sys.stderr.flush()


def _show_caught(caught):
    caught.seek(0)
    text = caught.read().decode(errors="replace")
    if text and sys.stderr is not None:
        sys.stderr.write(text)


# --- engines ------------------------------------------------------------------------------


class NotInEngine(LookupError):
    """The engine has no loss of that name."""


@dataclass(frozen=True)
class Bound:
    """A loss as one engine has it.

    Attributes
    ----------
    attribute : str
        Where the engine keeps it, such as ``"tf.keras.losses.mse"``.
    call : callable
        ``call(y_true, y_pred, **weights)`` in the engine's own tensors.
    dtype : str or None
        The floating type that inputs are cast to first; None leaves them alone.
    """

    attribute: str
    call: callable
    dtype: str = None


class Engine:
    """A framework that computes losses: the base class.

    A new engine gives `name`, `packages` and `losses`, and says in `tensor`, `numpy` and
    `slope` how its tensors are made, read and differentiated; then it is entered in
    :data:`ENGINES`.

    Attributes
    ----------
    name : str
        How readers call it.
    packages : tuple of str
        The top-level packages it needs.
    """

    name = ""
    packages = ()

    @property
    def installed(self):
        """Whether its packages can be imported; nothing is imported to find out."""
        return all(_is_installed(package) for package in self.packages)

    @property
    def version(self):
        """The installed versions, as text."""
        return ", ".join(f"{_title(package)} {_version(package)}" for package in self.packages)

    @property
    def losses(self):
        """The engine's module of losses."""
        raise NotImplementedError

    def value(
        self, loss, y_true, y_pred, sample_weight=None, mask=None, *, dtype=None, as_given=False, **parameters
    ):
        """Compute a loss with the engine's own class or function of that name.

        Parameters
        ----------
        loss : Loss or callable
            A lossbook loss object, or a lossbook function (then one value per sample).
        y_true, y_pred : array_like
            Labels and predictions, passed as they are. Lists become arrays first, their
            fractions float32, as every framework reads a list.
        sample_weight : array_like, optional
            For a loss object.
        mask : array_like of bool, optional
            For a loss object: attached to `y_pred` as Keras layers do.
        dtype : str, optional
            The floating type to compute in. By default that of the loss, else the engine's own.
        as_given : bool
            Hand lists over as lists.
        **parameters
            Parameters of a lossbook function, such as ``delta=2.0``.

        Returns
        -------
        numpy.ndarray or NumPy scalar

        Raises
        ------
        NotInEngine
            If the engine has no loss of that name.
        ImportError
            If the engine is not installed.
        TypeError, ValueError
            If the engine's loss has no such parameter or reduction. Errors of the engine
            itself come through as they are.
        """
        bound = self.bind(loss, dtype, **parameters)
        weights = _weights_of(loss, sample_weight, mask)
        if not as_given:
            y_true, y_pred = as_array(y_true, bound.dtype), as_array(y_pred, bound.dtype)
        if mask is not None:
            y_pred = self.masked(self.tensor(y_pred), mask)
        return self.numpy(bound.call(y_true, y_pred, **weights))

    def gradient(
        self, loss, y_true, y_pred, sample_weight=None, mask=None, *, dtype=None, as_given=False, **parameters
    ):
        """Differentiate a loss in `y_pred`, by the engine's automatic differentiation.

        Parameters are those of :meth:`value`. `y_pred` enters as a tensor even where
        `as_given` asks for lists: there is no derivative in a list.

        Returns
        -------
        numpy.ndarray or None
            Shape and floating type of `y_pred`; of the sum, where the loss gives several
            values. None where the engine finds no path from `y_pred` to the value, and
            where `y_pred` holds integers.
        """
        bound = self.bind(loss, dtype, **parameters)
        weights = _weights_of(loss, sample_weight, mask)
        y_true, y_pred = as_array(y_true, bound.dtype), as_array(y_pred, bound.dtype)
        if not is_float(np.asarray(y_pred).dtype):
            return None

        def call(point):
            point = point if mask is None else self.masked(point, mask)
            return bound.call(y_true, point, **weights)

        return self.slope(call, self.tensor(y_pred))

    def value_and_gradient(self, loss, y_true, y_pred, sample_weight=None, mask=None, **options):
        """Return :meth:`value` and :meth:`gradient` as a pair."""
        given = (loss, y_true, y_pred, sample_weight, mask)
        return self.value(*given, **options), self.gradient(*given, **options)

    def bind(self, loss, dtype=None, **parameters):
        """Build the engine's own form of a loss.

        Returns
        -------
        Bound
        """
        if isinstance(loss, Loss):
            if parameters:
                raise TypeError(
                    f"Received {', '.join(parameters)} beside a loss object; expected parameters with a "
                    "function only. Give them to the object when you make it."
                )
            return self._bind_class(loss, dtype or loss.dtype)
        if callable(loss):
            return self._bind_function(loss, dtype, parameters)
        raise TypeError(
            f"Received {show(loss)} as the loss; expected a lossbook loss object or function, "
            "such as lossbook.Huber() or lossbook.huber."
        )

    def _bind_class(self, loss, dtype):
        attribute, cls = self.find(type(loss).__name__)
        ours = own_parameters(loss.function) if loss.function else {}
        arguments = self._accepted(attribute, cls, loss.parameters, ours)
        arguments["reduction"] = self.reduction(loss.reduction)
        dtype = None if dtype is None else as_dtype(dtype).name
        if dtype is not None and "dtype" in inspect.signature(cls).parameters:
            arguments["dtype"] = dtype
        return Bound(f"{self.name}.losses.{attribute}", cls(**arguments), dtype)

    def _bind_function(self, function, dtype, parameters):
        attribute, theirs = self.find(function.__name__)
        ours = own_parameters(function)
        needed = {
            name: ours[name].default
            for name, parameter in inspect.signature(theirs).parameters.items()
            if parameter.default is parameter.empty and name in ours
        }
        arguments = {**needed, **self._accepted(attribute, theirs, parameters, ours)}

        def call(y_true, y_pred):
            return theirs(y_true, y_pred, **arguments)

        return Bound(f"{self.name}.losses.{attribute}", call, None if dtype is None else as_dtype(dtype).name)

    def _accepted(self, attribute, target, parameters, ours):
        """Keep the parameters that the engine knows; one it lacks may only hold its default."""
        known = inspect.signature(target).parameters
        for name, value in parameters.items():
            if name not in known and not (name in ours and value == ours[name].default):
                raise TypeError(f"{self.name}.losses.{attribute} has no parameter {name!r}")
        return {name: value for name, value in parameters.items() if name in known}

    def find(self, name):
        """Find a class or function by lossbook's name, or by the short name the engine keeps it under.

        Returns
        -------
        attribute : str
            The name it was found under.
        found : object

        Raises
        ------
        NotInEngine
        """
        for attribute in (name, SHORT_NAMES.get(name)):
            if attribute and hasattr(self.losses, attribute):
                return attribute, getattr(self.losses, attribute)
        raise NotInEngine(f"{name} is not in {self.name}")

    def reduction(self, reduction):
        """Give the engine's word for one of lossbook's reductions."""
        return reduction

    def tensor(self, given):
        """Turn an array into the engine's tensor."""
        raise NotImplementedError

    def numpy(self, tensor):
        """Turn the engine's tensor into NumPy."""
        return plain(tensor)

    def masked(self, tensor, mask):
        """Attach a mask to a tensor of predictions."""
        raise NotImplementedError

    def slope(self, call, point):
        """Differentiate ``call(point)``, or its sum, at a tensor."""
        raise NotImplementedError

    def names(self):
        """Give the names that code finds when it runs in this engine's world."""
        raise NotImplementedError

    importer = None
    """What ``import`` does in this engine's world; None is Python's own."""

    def __repr__(self):
        return f"<engine {self.name}: {self.version if self.installed else 'not installed'}>"


class _OnTensorFlow(Engine):
    """What the three Keras engines share: TensorFlow's tensors and its gradient tape."""

    @property
    def module(self):
        """The engine's Keras module."""
        raise NotImplementedError

    @property
    def losses(self):
        return self.module.losses

    def tensor(self, given):
        return load("tensorflow").convert_to_tensor(given)

    def masked(self, tensor, mask):
        # both worlds read this attribute: backend.get_keras_mask, losses_utils.get_mask
        tensor._keras_mask = load("tensorflow").convert_to_tensor(np.asarray(mask, dtype=bool))
        return tensor

    def numpy(self, tensor):
        if self._backend == "tensorflow":
            return plain(tensor)
        return self.module.ops.convert_to_numpy(tensor)

    def slope(self, call, point):
        if self._backend != "tensorflow":
            raise NotImplementedError(
                f"Received Keras on the {self._backend} backend; expected tensorflow for a gradient. "
                "Start Python with KERAS_BACKEND=tensorflow."
            )
        tensorflow = load("tensorflow")
        with tensorflow.GradientTape() as tape:
            tape.watch(point)
            value = call(point)
        gradient = tape.gradient(value, point)
        return None if gradient is None else plain(tensorflow.convert_to_tensor(gradient))

    @property
    def _backend(self):
        return self.module.backend.backend()

    def names(self):
        found = {"tf": load("tensorflow"), "keras": self.module}
        if _is_installed("tf_keras"):
            found["tf_keras"] = load("tf_keras")
        return found


class TensorFlowKeras(_OnTensorFlow):
    """``tf.keras``: Keras 3 as TensorFlow exports it, short function names included."""

    name = "tf.keras"
    packages = ("tensorflow", "keras")

    @property
    def version(self):
        if os.environ.get("TF_USE_LEGACY_KERAS") in ("true", "True", "1"):
            return f"TensorFlow {_version('tensorflow')}, tf_keras {_version('tf_keras')}"
        return super().version

    @property
    def module(self):
        return load("tensorflow").keras


class Keras(_OnTensorFlow):
    """``keras``: Keras 3 by itself, on the backend that KERAS_BACKEND names."""

    name = "keras"
    packages = ("keras", "tensorflow")

    @property
    def module(self):
        return load("keras")


class LegacyKeras(_OnTensorFlow):
    """``tf_keras``: Keras 2, what ``tf.keras`` was up to TensorFlow 2.15."""

    name = "tf_keras"
    packages = ("tensorflow", "tf_keras")

    @property
    def module(self):
        return load("tf_keras")

    def reduction(self, reduction):
        if reduction not in ("auto", "none", "sum", "sum_over_batch_size"):
            raise ValueError(
                f"tf_keras has no reduction={reduction!r}: it has 'sum_over_batch_size', 'sum' and 'none'"
            )
        return reduction

    def names(self):
        return {"tf": LEGACY_TENSORFLOW, "keras": self.module, "tf_keras": self.module}

    @staticmethod
    def importer(name, globals=None, locals=None, fromlist=(), level=0):
        """Import as in the days of Keras 2: ``tensorflow.keras`` and ``keras`` are tf_keras."""
        path = name.removeprefix("tensorflow.")
        if level == 0 and path.split(".")[0] == "keras":
            module = importlib.import_module(f"tf_{path}")
            top = LEGACY_TENSORFLOW if path != name else load("tf_keras")
            return module if fromlist else top
        if level == 0 and name == "tensorflow":
            return LEGACY_TENSORFLOW
        return builtins.__import__(name, globals, locals, fromlist, level)


class _LegacyTensorFlow:
    """TensorFlow with Keras 2 in it: ``.keras`` is tf_keras, all else is today's TensorFlow."""

    _FROM_KERAS = ("losses", "metrics", "optimizers", "initializers")

    def __getattr__(self, name):
        if name == "keras":
            return load("tf_keras")
        if name in self._FROM_KERAS:
            return getattr(load("tf_keras"), name)
        return getattr(load("tensorflow"), name)

    def __repr__(self):
        return "<module 'tensorflow' with tf_keras>"


LEGACY_TENSORFLOW = _LegacyTensorFlow()

ENGINES = {engine.name: engine for engine in (TensorFlowKeras(), Keras(), LegacyKeras())}
"""Every engine by name. A new one is entered here."""


def get(engine):
    """Return an engine by name; an engine is returned as it is.

    Raises
    ------
    ValueError
        If there is no engine of that name.

    Examples
    --------
    >>> get("tf_keras").name
    'tf_keras'
    """
    if isinstance(engine, Engine):
        return engine
    if engine in ENGINES:
        return ENGINES[engine]
    raise ValueError(f"Received engine {engine!r}; expected one of {', '.join(ENGINES)}.")


def available():
    """List the names of the engines installed here; none is imported.

    Returns
    -------
    list of str
    """
    return [name for name, engine in ENGINES.items() if engine.installed]


def as_array(given, dtype=None):
    """Turn a list or a number into the array a framework would make of it; leave all else alone.

    Parameters
    ----------
    given : array_like
        Fractions in a list become float32, unless `dtype` says otherwise.
    dtype : str, optional
        The floating type that floating numbers are cast to, arrays included.

    Examples
    --------
    >>> as_array([0.5, 1]).dtype, as_array([1, 2]).dtype.kind, as_array(np.zeros(2)).dtype
    (dtype('float32'), 'i', dtype('float64'))
    """
    listed = isinstance(given, (list, tuple, int, float))
    if dtype is None and not listed:
        return given
    array = np.asarray(given)
    return array.astype(as_dtype(dtype or "float32")) if is_float(array.dtype) else array


def plain(value):
    """Turn tensors into NumPy, within lists and tuples too; leave all else alone."""
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    if isinstance(value, type) or not callable(getattr(value, "numpy", None)):
        return value
    try:
        return value.numpy()
    except Exception:  # a symbolic tensor has no numbers
        return value


def _weights_of(loss, sample_weight, mask):
    if isinstance(loss, Loss):
        return {} if sample_weight is None else {"sample_weight": as_array(sample_weight)}
    if sample_weight is None and mask is None:
        return {}
    raise TypeError(
        "Received sample_weight or mask with a loss function; expected them with a loss object only. "
        "Use the class form."
    )


def _is_installed(package):
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # imported, without a spec of its own
        return True


def _version(package):
    """Read the installed version without importing; some builds ship under another name."""
    from importlib import metadata  # as slow to load as NumPy's own core, and rarely needed

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        names = metadata.packages_distributions().get(package)
        return metadata.version(names[0]) if names else "not installed"


def _title(package):
    return {"tensorflow": "TensorFlow", "keras": "Keras"}.get(package, package)


# --- what comes out -----------------------------------------------------------------------


@dataclass(frozen=True, repr=False, eq=False)
class Outcome:
    """What came out of a piece of code: a value, or an error in one line.

    Attributes
    ----------
    value : object
        NumPy or Python; None after an error.
    error : str or None
        ``"ValueError: the first line of its message"``.
    stage : str
        ``"syntax"``: it does not compile. ``"run"``: it raised. ``"done"``: it ran.
    printed : str
        What it printed.
    warnings : tuple of str
        The warnings it gave, each once.
    """

    value: object = None
    error: str = None
    stage: str = "done"
    printed: str = ""
    warnings: tuple = ()

    @property
    def ok(self):
        """Whether it ran to its end."""
        return self.error is None

    def text(self, digits=8):
        """Say in one line what came out; what was printed, where there is no value."""
        if self.error is not None:
            return self.error
        if self.value is None and self.printed.strip():
            return tidy(" ".join(self.printed.split()))
        return show(self.value, digits)

    def __repr__(self):
        return self.text()


@dataclass(frozen=True, repr=False, eq=False)
class Outcomes:
    """What came out of the same code in several worlds; prints and displays as a table.

    Attributes
    ----------
    outcomes : dict
        An :class:`Outcome` for each engine's name.
    digits : int
        Significant digits shown.
    """

    outcomes: dict = field(default_factory=dict)
    digits: int = 8

    @property
    def values(self):
        """The values by engine name, for the engines where the code ran."""
        return {name: outcome.value for name, outcome in self.outcomes.items() if outcome.ok}

    @property
    def errors(self):
        """The errors by engine name, for the engines where the code raised."""
        return {name: outcome.error for name, outcome in self.outcomes.items() if not outcome.ok}

    def __getitem__(self, engine):
        return self.outcomes[engine]

    def _rows(self):
        return [[name, outcome.text(self.digits)] for name, outcome in self.outcomes.items()]

    def __repr__(self):
        return text_table(["engine", "what comes out"], self._rows())

    def _repr_html_(self):
        return html_block(html_table(["engine", "what comes out"], self._rows()))


def attempt(code, /, **names):
    """Run code that may fail, and keep what comes out.

    Parameters
    ----------
    code : str or callable
        Text runs with `names` as its globals, and its value is that of its last
        expression. A callable is called with `names`.
    **names
        What the code finds.

    Returns
    -------
    Outcome

    Raises
    ------
    TypeError
        If `code` is neither text nor callable.

    Examples
    --------
    >>> attempt("x + 1", x=2)
    3
    >>> attempt("y_true - y_pred", y_true=1)
    NameError: name 'y_pred' is not defined
    >>> attempt("a loss").stage
    'syntax'
    """
    return _attempt(code, names)


def outcomes(code, /, engines=DEFAULT, *, digits=8, imports=True, **names):
    """Run the same code in several worlds.

    Parameters
    ----------
    code : str or callable
        Text runs in each world with `tf`, `keras` and `tf_keras` given, and what it
        imports from tensorflow.keras or keras is that world's Keras. A callable is
        called with the world's Keras module.
    engines : sequence of str or Engine
        The worlds.
    digits : int
        Significant digits shown of each number.
    imports : bool
        False runs text exactly as it stands, with neither `tf` nor `keras` given.
    **names
        What else the code finds.

    Returns
    -------
    Outcomes

    Raises
    ------
    TypeError
        If `code` is neither text nor callable.
    ValueError
        If an engine's name is unknown.
    """
    worlds = [get(engine) for engine in ([engines] if isinstance(engines, (str, Engine)) else engines)]
    return Outcomes({world.name: _in_world(code, world, imports, names) for world in worlds}, digits)


def _in_world(code, world, imports, names):
    _check_code(code)
    if not world.installed:
        missing = next(package for package in world.packages if not _is_installed(package))
        return Outcome(error=f"ImportError: {missing} is not installed: pip install {missing}", stage="run")
    found = world.names()  # loads it, quietly, even where the code is to import it itself
    if callable(code):
        return _attempt(lambda **given: code(found["keras"], **given), names)
    return _attempt(code, {**found, **names} if imports else names, world.importer)


def _attempt(code, names, importer=None):
    _check_code(code)
    printed = io.StringIO()
    value = error = None
    stage = "syntax"
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            run = code if callable(code) else _compiled(code, importer)
            stage = "run"
            value = plain(run(**names))
            stage = "done"
        except Exception as problem:
            error = describe(problem)
    notes = tuple(dict.fromkeys(tidy(f"{note.category.__name__}: {note.message}") for note in caught))
    return Outcome(value, error, stage, printed.getvalue(), notes)


def _compiled(code, importer):
    """Compile text into a callable that gives the value of its last expression."""
    tree = ast.parse(code, "<code>")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    body = compile(tree, "<code>", "exec")
    tail = compile(ast.Expression(last.value), "<code>", "eval") if last else None

    def run(**names):
        tools = dict(vars(builtins))
        if importer is not None:
            tools["__import__"] = importer
        space = {"__builtins__": tools, "__name__": "__main__", **names}
        exec(body, space)
        return eval(tail, space) if tail else None

    return run


def _check_code(code):
    if not (isinstance(code, str) or callable(code)):
        raise TypeError(f"Received {show(code)} as code; expected text or a callable.")


def describe(problem):
    """Write an exception in one short line without paths or addresses.

    Examples
    --------
    >>> describe(ValueError("Received\\n1"))
    'ValueError: Received'
    """
    kind = type(problem).__name__
    if isinstance(problem, SyntaxError):
        return tidy(f"{kind}: {problem.msg} (line {problem.lineno})")
    lines = [line for line in _uncoloured(str(problem)).splitlines() if line.strip()]
    return tidy(f"{kind}: {lines[0].strip()}") if lines else kind


def tidy(text):
    """Clean a message of what changes from run to run, and shorten it.

    Examples
    --------
    >>> tidy("<keras.src.losses.Poisson object at 0x7f00>, see /usr/lib/losses.py, not {'sum', 'mean'}")
    "<Poisson object>, see losses.py, not {'mean', 'sum'}"
    """
    text = re.sub(r"\{\{[^{}]*\}\}\s*", "", _uncoloured(text))  # {{function_node …}}
    text = re.sub(r"\s*\[Op:\w+\](\s*name:.*)?", "", text)
    text = re.sub(r"<(?:[\w<>]+\.)*(\w+) object at 0x[0-9a-fA-F]+>", r"<\1 object>", text)
    text = text.replace("keras._tf_keras.keras", "tensorflow.keras")  # it goes by both names
    text = re.sub(r"(,? at)? 0x[0-9a-fA-F]+", "", text)
    text = re.sub(r"(?<![\w.:/])(?:/[\w.+@~-]+){2,}", lambda path: path[0].rsplit("/", 1)[1], text)
    text = re.sub(r"\b[A-Za-z]:\\(?:[^\\\s'\"]+\\)*", "", text)
    text = re.sub(r"\{[^{}]*\}", _sorted_set, text)
    return text if len(text) <= MAX_ERROR else text[: MAX_ERROR - 2].rsplit(" ", 1)[0] + " …"


def _uncoloured(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _sorted_set(found):
    try:
        items = ast.literal_eval(found[0])
    except (ValueError, SyntaxError, TypeError):
        return found[0]
    return "{" + ", ".join(sorted(map(repr, items))) + "}" if isinstance(items, set) else found[0]


def show(value, digits=8):
    """Write any result in one short line, the same on every machine.

    Parameters
    ----------
    value : object
        Numbers and arrays; text, lists and other objects too.
    digits : int
        Significant digits of float64. Coarser types are written in the shortest form
        that reads back as the same number.

    Returns
    -------
    str

    Examples
    --------
    >>> show(np.float32(0.1)), show(2 / 3), show(np.array([[0.5, 1.0], [2.0, 3.0]]))
    ('0.1', '0.66666667', '[[0.5 1.0] [2.0 3.0]]')
    >>> show(len), show(object())
    ('<function len>', '<object object>')
    """
    if isinstance(value, (np.ndarray, np.generic)) and _is_numeric(value.dtype):
        return _show_array(np.asarray(value), digits)
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.ndarray, np.generic)):
        return " ".join(format_value(value, digits, width=None).split())
    if isinstance(value, (list, tuple)):
        return _show_items(value, digits)
    if isinstance(value, (dict, set, frozenset)):
        return tidy(format_value(value, digits))
    if isinstance(value, type):
        return f"<class {value.__name__}>"
    if inspect.ismodule(value):
        return tidy(f"<module {value.__name__}>")
    if inspect.isroutine(value):
        return f"<function {value.__name__}>"
    return f"<{type(value).__name__} object>"


def _show_items(value, digits):
    texts = _shortened([show(item, digits) for item in value])
    opening, closing = "[]" if isinstance(value, list) else "()"
    comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
    return f"{opening}{', '.join(texts)}{comma}{closing}"


def _show_array(array, digits):
    if array.ndim == 0:
        return _show_number(array[()], digits)
    rows = list(array) if len(array) <= MAX_ENTRIES else [*array[:ENDS], *array[-ENDS:]]
    texts = [_show_array(np.asarray(row), digits) for row in rows]
    if len(array) > MAX_ENTRIES:
        texts.insert(ENDS, "…")
    return f"[{' '.join(texts)}]"


def _shortened(texts):
    return texts if len(texts) <= MAX_ENTRIES else [*texts[:ENDS], "…", *texts[-ENDS:]]


def _show_number(number, digits):
    coarse = is_float(number.dtype) and number.dtype.itemsize < 8
    if not coarse or number == 0:
        return format_number(number, digits)
    text = str(number)
    return text if re.search("[.ein]", text) else text + ".0"


def _is_numeric(dtype):
    return dtype.kind in "biuf" or is_float(dtype)
