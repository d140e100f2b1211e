"""What follows from the catalogue, written into its files: a new loss needs no hand for it.

Two texts are made from :data:`lossbook.CATALOGUE`: ``lossbook/losses/__init__.py``, whose names stand
there one by one so that editors and type checkers can read them, and the chapters of the losses in the
tables of contents of ``notebooks/index.md``. ``make sync`` writes both.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
import textwrap
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES, INDEX = ROOT / "lossbook" / "losses" / "__init__.py", ROOT / "notebooks" / "index.md"
TOCTREE = re.compile(r"(?<=:hidden:\n\n)losses/.*?(?=\n```)", re.DOTALL)  # the pages of one table, if losses


def catalogue():
    """Return the catalogue, with the losses of every module in the folder."""
    sys.path[:0] = [] if str(ROOT) in sys.path else [str(ROOT)]
    import lossbook.losses

    for module in pkgutil.iter_modules(lossbook.losses.__path__, "lossbook.losses."):
        importlib.import_module(module.name)
    return lossbook.CATALOGUE


def names_of(spec) -> list[str]:
    """Return the class, the function and the gradient of a loss, as far as they are written."""
    made = (spec.cls, spec.function, spec.gradient)
    return [thing.__name__ for thing in made if thing is not None]


def names() -> str:
    """Return the text of ``lossbook/losses/__init__.py``."""
    specs = catalogue().values()

    def lines(words):
        return textwrap.fill(", ".join(words) + ",", 110, initial_indent="    ", subsequent_indent="    ")

    text = '"""The losses, family by family, in the order of the chapters. Written by ``make sync``."""\n\n'
    text += "# fmt: off\n# isort: off\n"
    for family, its in groupby(specs, lambda spec: spec.family):
        rows = "\n".join(lines(names_of(spec)) for spec in its)
        text += f"from lossbook.losses.{family} import (\n{rows}\n)\n"
    text += "# isort: on\n\n# The short names, most of them Keras's.\n"
    text += "".join(f"{' = '.join([*spec.aliases, spec.name])}\n" for spec in specs if spec.aliases)
    rows = [lines([f'"{name}"' for name in (*names_of(spec), *spec.aliases)]) for spec in specs]
    return text + "\n__all__ = [\n" + "\n".join(rows) + "\n]\n"


def index(text: str) -> str:
    """Return the text of ``notebooks/index.md`` with every chapter of a loss beside those of its family."""
    chapters = {f"losses/{name}": spec.family for name, spec in catalogue().items()}

    def listed(found):
        families = {chapters.get(page) for page in found[0].split()}
        return "\n".join(page for page, family in chapters.items() if family in families)

    return TOCTREE.sub(listed, text)


def write() -> list[str]:
    """Write both files where they are not as they should be, and return which were not."""
    made = {NAMES: names(), INDEX: index(INDEX.read_text(encoding="utf-8"))}
    stale = {path: text for path, text in made.items() if path.read_text(encoding="utf-8") != text}
    for path, text in stale.items():
        path.write_text(text, encoding="utf-8")
    return [path.relative_to(ROOT).as_posix() for path in stale]
