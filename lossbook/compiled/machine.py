"""From the text of a kernel to machine code, kept on disk: the next process finds it there.

A kernel's folder is named by a digest of all that its code depends on: its text, the elementary functions,
the versions of Numba and NumPy, the processor. It is made elsewhere and moved into place as a whole, so that
two processes do not meet in it, and it holds a digest of its files. Where that does not fit, or nothing can
be written, the kernel is compiled anew: that costs time and nothing else.
"""

import functools
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import llvmlite.binding
import numba
import numpy as np
from platformdirs import user_cache_path

from lossbook.compiled import elementary

__all__ = ["compiled", "folder", "text_of"]

TEXT = """import numpy as np
from numba import njit, types
from lossbook.compiled.elementary import functions_of

kind = np.{dtype}
tiny = np.finfo(kind).tiny
globals().update(functions_of(kind))
real, whole = types.{dtype}, types.int64
row, table, numbers = types.Array(real, 1, "C"), types.Array(real, 2, "C"), types.Array(whole, 1, "C")
given = [{labels}, table, row, table, row, whole, types.boolean, types.float64, whole, whole]
found = types.Tuple([types.float64] + [types.boolean] * {guards})


@njit(found(*given, *[types.float64] * {parameters}), nogil=True, error_model="numpy", cache=KEPT)
{kernel}"""
DISPATCHERS = []  # they own the code


def text_of(writer, dtype):
    """Return the text of a module with one kernel for one type."""
    labels = "numbers" if writer.trace.numbered else "table"
    counts = {"guards": len(writer.guards), "parameters": len(writer.parameters)}
    return TEXT.format(dtype=dtype.name, labels=labels, kernel=writer.text(), **counts)


@functools.lru_cache(maxsize=4096)
def compiled(text):
    """Return the kernel of a text, from the disk if it is there."""
    try:
        return kept(folder() / digest_of(text, *circumstances())[:32], text)
    except Exception:  # whatever is the matter with a cache
        return loaded(text, None)


def folder():
    """Return the folder where machine code is kept: LOSSBOOK_CACHE, or one among the user's caches."""
    return Path(os.environ.get("LOSSBOOK_CACHE") or user_cache_path("lossbook") / "compiled")


@functools.cache
def circumstances():
    """Return what machine code depends on beside its text."""
    processor = llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()
    return (Path(elementary.__file__).read_text("utf-8"), numba.__version__, np.__version__, *processor)


def digest_of(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def kept(place, text):
    """Load a kernel from its folder, which is made anew unless it is as it was left."""
    if not is_whole(place):
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as made:
            new = Path(made) / "new"
            new.mkdir()
            (new / "kernel.py").write_text(text, "utf-8")
            kernel = loaded(text, new / "kernel.py")
            (new / "digest").write_text(digest_of_files(new))
            try:
                new.rename(place)
            except OSError:  # another process was first
                pass
        return kernel
    return loaded(text, place / "kernel.py")


def is_whole(place):
    return (place / "digest").exists() and (place / "digest").read_text() == digest_of_files(place)


def digest_of_files(place):
    files = sorted(file for file in place.rglob("*") if file.is_file() and file.name != "digest")
    return digest_of(*(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files))


def loaded(text, file):
    """Run the text of a module, and return its kernel; Numba keeps the machine code beside the file."""
    name = f"lossbook_kernel_{digest_of(text)[:32]}"  # Numba looks for the module that its code is from
    module = sys.modules[name] = ModuleType(name)
    module.KEPT = file is not None
    exec(compile(text, str(file or "<lossbook>"), "exec"), vars(module))
    DISPATCHERS.append(module.kernel)
    (made,) = module.kernel.overloads.values()
    return made.entry_point  # not the dispatcher, which takes a microsecond to find out what it is given
