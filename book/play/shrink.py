"""Cut from a WebAssembly file the code of libraries that no page imports.

The linker wrote functions library by library, so a library is a range of them. In the ranges given
here, a function that nothing outside them calls, directly or through others, becomes `unreachable`:
one byte that stops the program. A call through a table is not followed, so a range must hold no
function that the rest reaches that way only. What was cut wrongly would stop, not compute wrongly.
Names, which only debuggers read, go too; ranges are told by name, so that another file is refused.
"""

from __future__ import annotations

import re
import struct

LIBRARIES = [  # first function of a range, first function after it
    ("PyInit__cyutility", "UBYTE_argmax"),  # pandas, Pillow, Matplotlib, lxml, SciPy, scikit-learn, …
    ("sgbbrd_", "adler32_z"),  # LAPACK, of which NumPy calls some; FreeType, HarfBuzz, HiGHS, libxml2, …
]
CUSTOM, IMPORT, CODE = 0, 2, 10  # kinds of sections
UNREACHABLE = b"\x03\x00\x00\x0b"  # a body: 3 bytes, no local variables, `unreachable`, `end`

# One instruction and what follows it, as the specification of WebAssembly lists them.
LEB = rb"[\x80-\xff]*+[\x00-\x7f]"
PLAIN = (
    rb"[\x00\x01\x05\x0a\x0b\x0f\x1a\x1b\x45-\xc4\xd1]"  # nothing follows: arithmetic, end, drop, …
    rb"|[\x02-\x04\x08\x0c\x0d\x20-\x26\x3f-\x42\xd0]LEB"  # a block, a branch, a variable, a constant
    rb"|[\x11\x13\x28-\x3e]LEBLEB"  # an indirect call, a load, a store
    rb"|\x43.{4}|\x44.{8}|\x1c\x01."  # a float, a double, a typed select
    rb"|\xfc(?:[\x00-\x07]|[\x08\x0a\x0c\x0e]LEBLEB|[\x09\x0b\x0d\x0f-\x11]LEB)"  # memory, tables
    rb"|\xfd(?:[\x00-\x0b\x5c\x5d]LEBLEB|[\x0c\x0d].{16}|[\x15-\x22].|[\x54-\x5b]LEBLEB."  # vectors
    rb"|[\x0e-\x14\x23-\x53\x5e-\x7f]|[\x80-\xff]LEB)"
).replace(b"LEB", LEB)
STEP = re.compile(
    rb"(?:" + PLAIN + rb")*+(?:[\x10\x12\xd2](LEB)|([\x0e\x1f])|\Z)".replace(b"LEB", LEB), re.DOTALL
)


def number(data: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned LEB128 number; return it and where the next thing starts."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def coded(value: int) -> bytes:
    """Write an unsigned LEB128 number."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(data: bytes, at: int) -> tuple[str, int]:
    """Read a name."""
    size, at = number(data, at)
    return data[at : at + size].decode(), at + size


def sections(data: bytes):
    """Yield each section's kind, where it starts, where its content starts, where it ends."""
    if data[:8] != b"\0asm" + struct.pack("<I", 1):
        raise ValueError("Received a file that is not WebAssembly 1; expected the engine's. Reinstall it.")
    at = 8
    while at < len(data):
        size, start = number(data, at + 1)
        yield data[at], at, start, start + size
        at = start + size


def imported(data: bytes, at: int) -> int:
    """Count the functions that come from outside: they are numbered first."""
    count, at = number(data, at)
    for _ in range(count):
        _, at = text(data, at)
        _, at = text(data, at)
        if data[at] != 0:
            raise ValueError("Received an import that is no function; expected functions. Extend `imported`.")
        _, at = number(data, at + 1)
    return count


def bodies(data: bytes, at: int) -> list[bytes]:
    """Return the code of each function."""
    count, at = number(data, at)
    found = []
    for _ in range(count):
        size, at = number(data, at)
        found.append(data[at : at + size])
        at += size
    return found


def function_numbers(data: bytes, at: int, end: int) -> dict[str, int]:
    """Return the number of each function by name, from the content of the section of names."""
    found: dict[str, int] = {}
    while at < end:
        kind, (size, start) = data[at], number(data, at + 1)
        if kind == 1:
            count, at = number(data, start)
            for _ in range(count):
                index, at = number(data, at)
                name, at = text(data, at)
                found[name] = index
        at = start + size
    return found


def calls(body: bytes):
    """Yield the number of each function that a body calls or names."""
    groups, at = number(body, 0)
    for _ in range(groups):  # its local variables
        _, at = number(body, at)
        at += 1
    while at < len(body):
        step = STEP.match(body, at)
        if step is None:
            raise ValueError("Received an instruction that is not in the list; expected those. Extend it.")
        at = step.end()
        if step[1]:
            yield number(step[1], 0)[0]
        elif step[2] == b"\x0e":  # a branch of many
            count, at = number(body, at)
            for _ in range(count + 1):
                _, at = number(body, at)
        elif step[2]:  # a try with its catches
            _, at = number(body, at)
            count, at = number(body, at)
            for _ in range(count):
                numbers = 2 if body[at] < 2 else 1
                at += 1
                for _ in range(numbers):
                    _, at = number(body, at)


def shrink(data: bytes, libraries=LIBRARIES) -> bytes:
    """Return a smaller file that computes the same, as long as the libraries are not used."""
    names: dict[str, int] = {}
    for kind, _, at, end in sections(data):
        if kind == IMPORT:
            outside = imported(data, at)
        elif kind == CODE:
            code = bodies(data, at)
        elif kind == CUSTOM:
            name, at = text(data, at)
            if name == "name":
                names = function_numbers(data, at, end)
    missing = [name for pair in libraries for name in pair if name not in names]
    if missing:
        raise ValueError(f"Received a file without {missing}; expected another. See LIBRARIES.")
    droppable = {j for first, after in libraries for j in range(names[first], names[after])}
    todo = [j for j in range(outside, outside + len(code)) if j not in droppable]
    kept = set(todo)
    while todo:
        for called in calls(code[todo.pop() - outside]):
            if called >= outside and called not in kept:
                kept.add(called)
                todo.append(called)
    out = [data[:8]]
    for kind, start, _, end in sections(data):
        if kind == CODE:
            parts = [coded(len(code))]
            for index, body in enumerate(code, outside):
                parts += [coded(len(body)), body] if index in kept else [UNREACHABLE]
            content = b"".join(parts)
            out += [bytes([CODE]), coded(len(content)), content]
        elif kind != CUSTOM:
            out.append(data[start:end])
    return b"".join(out)
