"""A random case for any loss: data, settings, weights, mask and reduction that belong together.

Hypothesis draws the frame (shape, type, parameters) and a seed; NumPy fills the arrays from the seed,
as the record of the loss in :mod:`cases` says. ``make test`` runs the same cases on every run.
``pytest tests/test_properties.py --cases 2000`` runs about that many fresh ones in each test (some for
each loss), and prints the seed with which ``--seed`` repeats them. ``conftest.py`` imports the
names that pytest looks for there.
"""

import functools
import secrets
import subprocess
from dataclasses import dataclass, replace

import hypothesis
import numpy as np
import pytest
from cases import FUNCTION_ONLY, LOSSES, PARAMETERS, fill, some
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lossbook import CATALOGUE, REDUCTIONS

HALVES = ("float16", "bfloat16")
KINDS = (*HALVES, "float32", "float64", "int", "list")
"""How the data of a case may be handed over."""


@dataclass(frozen=True, eq=False)
class Case:
    """Everything one call of a loss needs."""

    name: str
    settings: dict
    y_true: np.ndarray
    y_pred: np.ndarray
    sample_weight: np.ndarray = None
    mask: np.ndarray = None
    reduction: str = "sum_over_batch_size"

    @property
    def spec(self):
        return CATALOGUE[self.name]

    @property
    def loss(self):
        return self.spec.cls(**self.settings, reduction=self.reduction)

    @property
    def values(self):
        """One value per sample, from the function form."""
        return self.spec.function(self.y_true, self.y_pred, **self.settings)

    def value_and_gradient(self):
        return self.loss.value_and_gradient(self.y_true, self.y_pred, self.sample_weight, self.mask)

    def changed(self, **changes):
        return replace(self, **changes)

    @property
    def kind(self):
        """What `y_pred` came as: a type of floats, "int" or "list"."""
        if isinstance(self.y_pred, list):
            return "list"
        return "int" if self.y_pred.dtype.kind == "i" else self.y_pred.dtype.name

    @property
    def computed(self):
        """The type that the rules ask to compute in: 16 bits in float32, lists and integers in float64."""
        return "float32" if self.kind in (*HALVES, "float32") else "float64"

    def widened(self):
        """Return the case with the same numbers as arrays of that type; class numbers stay integers."""
        y_true, y_pred = np.asarray(self.y_true), np.asarray(self.y_pred)
        labels = y_true if y_true.dtype.kind == "i" else y_true.astype(self.computed)
        return self.changed(y_true=labels, y_pred=y_pred.astype(self.computed))

    def as_kind(self, kind):
        """Return the case with its data handed over in another way."""
        if kind == "list":
            return self.changed(y_true=self.y_true.tolist(), y_pred=self.y_pred.tolist())
        if kind == "int":  # whole numbers near by: of scores and amounts those are good data too
            whole = LOSSES[self.name].draw.__name__ in WHOLE or self.settings.get("from_logits")
            y_pred = np.rint(self.y_pred).astype(int) if whole else self.y_pred
            return self.changed(y_true=np.rint(self.y_true).astype(int), y_pred=y_pred)
        kind = np.dtype(kind) if kind != "bfloat16" else pytest.importorskip("ml_dtypes").bfloat16
        labels = self.y_true if self.y_true.dtype.kind == "i" else self.y_true.astype(kind)
        return self.changed(y_true=labels, y_pred=self.y_pred.astype(kind))


WHOLE = ("reals", "positives", "counts", "margins", "class_scores", "recordings")


# --- the frame -----------------------------------------------------------------------------


@st.composite
def settings_of(draw, name, shape):
    """Draw a value for every parameter of a loss's class."""
    wanted = [key for key in CATALOGUE[name].parameters if key not in FUNCTION_ONLY]
    drawn = {key: draw(st.sampled_from(PARAMETERS[key])) for key in wanted if key != "axis"}
    axes = range(-len(shape), len(shape))
    if LOSSES[name].region:
        sets = st.sets(st.sampled_from(range(len(shape))), min_size=1).map(lambda one: tuple(sorted(one)))
        drawn["axis"] = draw(st.none() | st.sampled_from(axes) | sets)
    elif "axis" in wanted:
        drawn["axis"] = draw(st.sampled_from(axes))
    if name == "circle":
        drawn["gamma"] = draw(st.sampled_from([1.0, 10.0, 80.0]))
    if name == "categorical_focal_crossentropy":
        drawn["from_logits"] &= shape[drawn["axis"]] > 1  # Keras clips the certainty of a single class
    if name == "categorical_focal_crossentropy" and draw(st.booleans()):
        drawn["alpha"] = [0.25 * (1 + place) for place in range(shape[drawn["axis"]])]  # exact in float32
    return drawn


@st.composite
def shapes(draw, name):
    """Draw the shape of the predictions: 1 to 4 axes where the loss allows them."""
    if LOSSES[name].batch:
        return draw(st.tuples(st.integers(2, 7), st.integers(2, 4)))
    if LOSSES[name].axes == 3:
        return draw(st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(2, 4)))
    least = 2 if LOSSES[name].numbered else 1  # a class number needs a row, and two classes to choose from
    return tuple(draw(st.lists(st.integers(least, 4), min_size=least, max_size=4)))


def summed_axes(name, ndim, settings):
    """Return the axes of the predictions that a loss makes one value of."""
    if LOSSES[name].axes:
        return set(range(1, ndim))
    axis = settings.get("axis", None if LOSSES[name].region else -1)
    return set(range(ndim)) if axis is None else {one % ndim for one in np.atleast_1d(axis).tolist()}


def values_shape(name, shape, settings):
    """Return the shape of a loss's values."""
    summed = summed_axes(name, len(shape), settings)
    return tuple(size for place, size in enumerate(shape) if place not in summed)


def spread(given, shape):
    """Repeat one weight a sample, or one mask entry, for every value of a sample."""
    longer = given.reshape(given.shape + (1,) * (len(shape) - given.ndim))
    return np.ascontiguousarray(np.broadcast_to(longer, shape))


@st.composite
def cases(draw, name, calm=False, kinds=("float32", "float64")):
    """Draw a case of a loss."""
    shape = draw(shapes(name))
    parameters = draw(settings_of(name, shape))
    kind = "float64" if calm else draw(st.sampled_from(kinds))
    reduction = draw(st.sampled_from(REDUCTIONS))
    form = values_shape(name, shape, parameters)
    forms = [None, form, form[:1]] if form else [None]  # none, one a value, one a sample
    weights, masked = draw(st.sampled_from(forms)), draw(st.sampled_from(forms))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y_true, y_pred = fill(name, rng, shape, parameters, calm)
    return Case(
        name=name,
        settings=parameters,
        y_true=y_true,
        y_pred=y_pred,
        sample_weight=None
        if weights is None
        else np.where(some(rng, weights, 0.2), 0.0, rng.uniform(0, 2, weights)),
        mask=None if masked is None else ~some(rng, masked),
        reduction=reduction,
    ).as_kind(kind)


# --- running them ----------------------------------------------------------------------------

COUNTED = "random cases"  # under this name a test's number of cases travels in its report
_ran = 0
_fresh = None  # how many cases for all losses, and the seed
_quick = False  # an author's loop: a fifth of the cases


def pytest_addoption(parser):
    parser.addoption(
        "--cases", type=int, help="about so many fresh random cases in each test, over all losses"
    )
    parser.addoption("--seed", type=int, help="of the fresh random cases: repeats a run")
    parser.addoption(
        "--quick",
        action="store_true",
        help="leaves out what is marked slow and notebooks that are as committed",
    )


def pytest_configure(config):
    """Choose the seed once, before pytest-xdist hands the options on to its workers."""
    global _fresh, _quick
    config.addinivalue_line("markers", "slow: takes seconds and covers nothing else; --quick leaves it out")
    _quick = config.getoption("quick")
    if config.getoption("cases"):
        if config.getoption("seed") is None:
            config.option.seed = secrets.randbelow(2**32)
        _fresh = config.getoption("cases"), config.getoption("seed")


@functools.cache
def changed_notebooks(root):
    """Return the stems of the notebooks that are not as they were committed."""
    words = ["git", "status", "--porcelain", "--untracked-files=all", "notebooks"]
    listed = subprocess.run(words, cwd=root, capture_output=True, text=True).stdout
    return {line.rpartition("/")[2].partition(".")[0] for line in listed.splitlines()}


def pytest_ignore_collect(collection_path, config):
    """Leave out, in an author's loop, the notebooks that are as they were committed."""
    if _quick and collection_path.suffix == ".ipynb":
        return collection_path.stem not in changed_notebooks(config.rootpath) or None
    return None


def pytest_collection_modifyitems(config, items):
    """Leave out, in an author's loop, what is marked slow."""
    slow = [item for item in items if _quick and item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


def random_cases(number, **strategies):
    """Run a test on that many random cases: the same on every run, without a deadline; or on fresh ones."""

    def decorate(test):
        @settings(
            max_examples=-(-_fresh[0] // len(CATALOGUE))
            if _fresh
            else max(5, number // 5)
            if _quick
            else number,
            derandomize=not _fresh,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
        )
        @given(**strategies)
        @functools.wraps(test)
        def run(*args, **kwargs):
            global _ran
            _ran += 1
            test(*args, **kwargs)

        return hypothesis.seed(_fresh[1])(run) if _fresh else run

    return decorate


@pytest.fixture(autouse=True)
def counted(record_property):
    """Write down how many cases the test ran; the report takes it along, from xdist's workers too."""
    before = _ran
    yield
    if _ran > before:
        record_property(COUNTED, _ran - before)


def pytest_terminal_summary(terminalreporter):
    """Print the sum over all tests, once, where the reports come together."""
    reports = [
        r for some in terminalreporter.stats.values() for r in some if getattr(r, "when", "") == "teardown"
    ]
    total = sum(count for report in reports for name, count in report.user_properties if name == COUNTED)
    if total:
        again = f", fresh ones: --cases {_fresh[0]} --seed {_fresh[1]} repeats them" if _fresh else ""
        terminalreporter.write_line(f"{total} random cases ran{again}")
