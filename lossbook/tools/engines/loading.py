"""TensorFlow, Keras 3 and tf_keras loaded late, quietly and reproducibly.

What happens when TensorFlow is first loaded through :func:`load`, and only then (if you
imported it before, it is handed back as it is):

- ``TF_ENABLE_ONEDNN_OPTS`` is set to 0, whatever it was: oneDNN adds numbers in another
  order on every processor, and the book prints eight digits. To keep yours, import
  tensorflow before lossbook.tools.engines, or set ``LOSSBOOK_ONEDNN`` to 1 (``make everywhere`` does).
- ``TF_CPP_MIN_LOG_LEVEL`` (3) and ``KERAS_BACKEND`` (tensorflow) are set unless you have
  set them.
- TensorFlow sees the CPU alone, unless you have set ``CUDA_VISIBLE_DEVICES``. Other
  packages keep their GPU.
- TensorFlow's Python logger speaks of errors alone: its advice on retracing, which many small
  models in one notebook call forth, would stand in their outputs.
- What the import writes to the error stream is held back, and shown if the import fails.
"""

import contextlib
import importlib
import importlib.util
import logging
import os
import sys
import tempfile
import threading
import warnings

__all__ = ["is_installed", "load", "missing_text", "versions_of"]

TITLES = {"tensorflow": "TensorFlow", "keras": "Keras"}

_LOADING = threading.RLock()


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
            if first_time and "tensorflow" in sys.modules:
                _settle(sys.modules["tensorflow"])
        return module


def is_installed(package):
    """Tell whether a package can be imported, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # imported, without a spec of its own
        return True


def missing_text(package):
    """Say what brings a package that is not there."""
    return f"{package} is not installed: pip install {package}"


def versions_of(packages):
    """Write the installed versions of some packages; nothing is imported."""
    from importlib import metadata  # as slow to load as NumPy's own core, and rarely needed

    texts = []
    for package in packages:
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:  # some builds ship under another name
            names = metadata.packages_distributions().get(package)
            version = metadata.version(names[0]) if names else "not installed"
        texts.append(f"{TITLES.get(package, package)} {version}")
    return ", ".join(texts)


def _import(package):
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as problem:
        if problem.name != package:
            raise
    raise ImportError(missing_text(package), name=package) from None


def _prepare_environment():
    onednn = os.environ.get("LOSSBOOK_ONEDNN", "0")  # reproducible digits come first
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = onednn
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def _settle(tensorflow):
    tensorflow.get_logger().setLevel(logging.ERROR)
    if "CUDA_VISIBLE_DEVICES" not in os.environ:
        with contextlib.suppress(RuntimeError):  # devices are fixed already: leave them
            tensorflow.config.set_visible_devices([], "GPU")


@contextlib.contextmanager
def _held_back():
    """Hold back the process's error stream, Python logging and warnings; show them on failure.

    The descriptor is redirected, not ``sys.stderr``: TensorFlow writes from C++. Loggers
    created meanwhile keep the true stream, and in Jupyter the kernel's own stream is untouched.
    """
    level = logging.root.manager.disable
    try:
        saved = os.dup(2)
    except OSError:  # a process without an error stream
        saved = None
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
            if failed and sys.stderr is not None:
                caught.seek(0)
                sys.stderr.write(caught.read().decode(errors="replace"))


def _flush_stderr():
    with contextlib.suppress(AttributeError, ValueError, OSError):  # none, or closed
        sys.stderr.flush()
