"""What follows from the losses as they are written, put into its files: a new loss needs no hand for it.

Two texts are made: ``lossbook/losses/__init__.py``, whose names stand there one by one so that editors
and type checkers can read them, and the chapters of the losses in the tables of contents of
``notebooks/index.md``. ``make sync`` writes both. The modules are read, not imported, since a loss that
was renamed leaves a package that cannot be imported.
"""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER, INDEX = ROOT / "lossbook" / "losses", ROOT / "notebooks" / "index.md"
NAMES = FOLDER / "__init__.py"
TOCTREE = re.compile(r"(?<=:hidden:\n\n)losses/.*?(?=\n```)", re.DOTALL)  # the pages of one table, if losses


@dataclass
class Written:
    """A loss as its module has it: its function, its class, its gradient, and its other names."""

    function: str
    aliases: tuple[str, ...]
    others: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return sorted([self.function, *self.others], key=lambda name: (name.islower(), len(name)))


def losses_of(family: str) -> list[Written]:
    """Return the losses of a module, in their order."""
    found: dict[str, Written] = {}
    for node in ast.parse((FOLDER / f"{family}.py").read_text(encoding="utf-8")).body:
        for call in getattr(node, "decorator_list", []):
            made = getattr(getattr(call, "func", None), "id", "")
            given = {key.arg: key.value for key in getattr(call, "keywords", [])}
            if made == "loss":
                aliases = ast.literal_eval(given["aliases"]) if "aliases" in given else ()
                found[node.name] = Written(node.name, aliases)
            elif made == "gradient_of":
                found[call.args[0].id].others.append(node.name)
        for key in node.keywords if isinstance(node, ast.ClassDef) else []:
            if key.arg == "function":
                found[key.value.id].others.append(node.name)
    return list(found.values())


def families() -> dict[str, list[Written]]:
    """Return the losses of every module: those in the order in which they are imported now, then new ones."""
    known = re.findall(
        r"^from lossbook\.losses\.(\w+) import", NAMES.read_text(encoding="utf-8"), re.MULTILINE
    )
    there = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))
    order = [*(name for name in known if name in there), *(name for name in there if name not in known)]
    return {family: losses_of(family) for family in order}


def names() -> str:
    """Return the text of ``lossbook/losses/__init__.py``."""

    def rows(words):
        margin = {"initial_indent": "    ", "subsequent_indent": "    "}
        return "\n".join(textwrap.fill(", ".join(one) + ",", 110, **margin) for one in words)

    found = families()
    every = [one for its in found.values() for one in its]
    text = '"""The losses, family by family, in the order of the chapters. Written by ``make sync``."""\n\n'
    text += "# fmt: off\n# isort: off\n"
    for family, its in found.items():
        text += f"from lossbook.losses.{family} import (\n{rows(one.names for one in its)}\n)\n"
    text += "# isort: on\n\n# The short names, most of them Keras's.\n"
    text += "".join(f"{' = '.join([*one.aliases, one.function])}\n" for one in every if one.aliases)
    quoted = rows([f'"{name}"' for name in (*one.names, *one.aliases)] for one in every)
    return f"{text}\n__all__ = [\n{quoted}\n]\n"


def index(text: str) -> str:
    """Return the text of ``notebooks/index.md`` with every chapter of a loss beside those of its family."""
    chapters = {f"losses/{one.function}": family for family, its in families().items() for one in its}

    def listed(found):
        wanted = {chapters.get(page) for page in found[0].split()}
        return "\n".join(page for page, family in chapters.items() if family in wanted)

    return TOCTREE.sub(listed, text)


def write() -> list[str]:
    """Write both files where they are not as they should be, and return which were not."""
    made = {NAMES: names(), INDEX: index(INDEX.read_text(encoding="utf-8"))}
    stale = {path: text for path, text in made.items() if path.read_text(encoding="utf-8") != text}
    for path, text in stale.items():
        path.write_text(text, encoding="utf-8")
    return [path.relative_to(ROOT).as_posix() for path in stale]
