"""When a stored output and a new one agree: structure exactly, numbers to what was printed.

Another processor adds in another order and has another ``exp``: a float32 result moves to its
neighbour, a float64 result by its last bit. However few digits are then printed, a value that lies
near a rounding border crosses it, so that no count of digits makes outputs equal letter by letter:
0.25541046 becomes 0.2554105, and 0.001649 becomes 0.00165. To print fewer digits, or to allow a
tolerance, would hide real changes. Here two numbers agree where one such step explains them:

- both are spelled as floating-point numbers, and have one sign;
- both show four significant digits or more, where a zero dropped at the end still counts (one zero,
  or any number of them where six digits or more were printed: 0.5 beside 0.50000006);
- they differ by one unit of the last digit printed, or they are two neighbours of the type computed
  in: float32 where nine digits or fewer are printed, float64 where more are. A number can only be of
  a type that prints it so.

All else is exact: words, signs, integers, shorter numbers, nan and inf, and digits that belong to a
word, a date, a version, a path or an address. White space is exact too, except in an output in which
a number got longer or shorter: there the columns around numbers may move by as much. In HTML the tags
and styles are exact, in Markdown the code, in charts all but the data.
"""

import os
import re
from decimal import Decimal, InvalidOperation, localcontext

import nbformat
import numpy as np

DIGITS = 4  # numbers printed with fewer are exact
DIGITS_OF_ROUNDING = 6  # from here on a round number, too, is a rounding away from its neighbours
FLOAT32_DIGITS = 9  # enough for every float32; a number with more is a float64
NUMBER = re.compile(
    r"(?<![\w.#@/])(?<!\w[-+])(?<!\d[:,])(?<!==)"  # not inside a word, date, time, version or address
    r"[-+]?(?:[1-9]\d{0,2}(?:,\d{3})+\.\d+|(?:0|[1-9]\d*)(?:\.\d*(?:[eE][-+]?\d+)?|[eE][-+]?\d+))"
    r"(?!\.?\w)(?![-+/:@]\w)"
)
TOKENS = re.compile(rf"(?P<number>{NUMBER.pattern})|(?P<gap>[ \t]+)|(?P<line>([─=-])\4\4+)")
EXACT = {  # parts of a text that are compared letter by letter
    "text/html": r"<(style|script)\b.*?</\1\s*>|<!--.*?-->|<[a-zA-Z/!](?:\"[^\"]*\"|'[^']*'|[^'\">])*>",
    "text/markdown": r"(`{3,})(?s:.*?)\1|`[^`\n]*`",
}
TEXTS = {"text/plain", "text/html", "text/markdown", "text/latex", "stdout", "stderr", "evalue"}


# ---------------------------------------------------------------------------------- numbers


def numbers_agree(stored: str, computed: str) -> bool:
    """Tell whether one rounding, or one unit of the last digit, explains two printed numbers."""
    if stored == computed:
        return True
    with localcontext() as context:
        context.prec = 400
        try:
            a, b = (Decimal(text.replace(",", "")) for text in (stored, computed))
        except InvalidOperation:
            return False
        if not (is_float(stored) and is_float(computed) and a.is_finite() and b.is_finite()):
            return False
        if not a or not b or a.is_signed() != b.is_signed():
            return False
        last = min(a.as_tuple().exponent, b.as_tuple().exponent)  # the place of the last digit printed
        if last >= 0 and not (has_exponent(stored) and has_exponent(computed)):
            return False  # 1234. is NumPy's way to print a whole number
        digits = [number.adjusted() - last + 1 for number in (a, b)]
        spelled = [len(number.as_tuple().digits) for number in (a, b)]  # without zeros dropped
        if min(digits) < DIGITS or (min(digits) < DIGITS_OF_ROUNDING and min(spelled) < DIGITS - 1):
            return False
        kind = np.float32 if max(spelled) <= FLOAT32_DIGITS else np.float64
        return bool(abs(a - b) <= Decimal(1).scaleb(last) or are_neighbours(a, b, kind))


def is_float(text: str) -> bool:
    """Tell whether a number is spelled with a point or an exponent."""
    return "." in text or has_exponent(text)


def has_exponent(text: str) -> bool:
    """Tell whether a number is spelled with an exponent."""
    return "e" in text.lower()


def are_neighbours(a: Decimal, b: Decimal, kind: type) -> bool:
    """Tell whether a type prints these two numbers, and has none between them."""
    with np.errstate(over="ignore"):
        x, y = kind(str(a)), kind(str(b))
    if min(abs(x), abs(y)) < np.finfo(kind).tiny or not np.isfinite([x, y]).all():
        return False
    return prints(x, a) and prints(y, b) and (x == y or np.nextafter(x, y) == y)


def prints(value: np.floating, number: Decimal) -> bool:
    """Tell whether a value is printed as this number, the shortest way or to as many digits."""
    return Decimal(str(value)) == number or Decimal(float(value)).quantize(number) == number


# ---------------------------------------------------------------------------------- texts


def text_difference(stored: str, computed: str, kind: str = "text/plain") -> str:
    """Say how two texts disagree; an empty string where they agree.

    Examples
    --------
    >>> text_difference("loss 0.510824 nats", "loss 0.5108241 nats")
    ''
    >>> text_difference("loss 0.83 nats", "loss 0.84 nats")
    "'0.83' is stored, '0.84' was computed"
    """
    if stored == computed:
        return ""
    ours, theirs = tokens(stored, kind), tokens(computed, kind)
    pairs = list(zip(ours, theirs, strict=False))
    for (_, old_kind, old), (_, new_kind, new) in pairs:
        fits = old_kind == new_kind and (
            numbers_agree(old, new) if old_kind == "number" else old == new or old_kind == "line"
        )
        if not fits:
            same = 0 if old_kind == "number" else max(0, len(os.path.commonprefix([old, new])) - 20)
            return f"{shorten(old[same:])!r} is stored, {shorten(new[same:])!r} was computed"
    if len(ours) != len(theirs):
        rest = max(ours, theirs, key=len)[len(pairs)][2]
        return f"{shorten(rest)!r} stands on one side alone"
    return layout_difference(ours, theirs)


def tokens(text: str, kind: str) -> list[tuple[int, str, str]]:
    """Cut a text into numbers, drawn lines and the rest, each with the white space before it."""
    found, gap = [], 0
    for part, is_exact in parts(text, kind):
        if is_exact:
            found.append((gap, "exact", part))
            gap = 0
            continue
        at = 0
        for match in [*TOKENS.finditer(part), None]:
            between = part[at : match.start() if match else None]
            if between:
                found.append((gap, "exact", between))
                gap = 0
            if match is None:
                break
            at = match.end()
            if match["gap"]:
                gap += len(match["gap"].expandtabs())
            else:
                found.append((gap, match.lastgroup, match.group()))
                gap = 0
    return [*found, (gap, "exact", "")]


def parts(text: str, kind: str) -> list[tuple[str, bool]]:
    """Cut a text into what is compared letter by letter (True) and what may hold numbers (False)."""
    if kind not in EXACT:
        return [(text, False)]
    found, at = [], 0
    for match in re.finditer(EXACT[kind], text, re.DOTALL):
        found += [(text[at : match.start()], False), (match.group(), True)]
        at = match.end()
    return [*found, (text[at:], False)]


def layout_difference(ours: list, theirs: list) -> str:
    """Say where white space or drawn lines differ by more than the numbers in a text explain."""
    moved = [0, 0]  # the most by which a number changed before its point, and from there on
    for (_, kind, old), (_, _, new) in zip(ours, theirs, strict=True):
        if kind == "number":
            moved = [max(m, abs(p - q)) for m, p, q in zip(moved, halves(old), halves(new), strict=True)]
    most, before = sum(moved), ""
    for (old_gap, kind, old), (new_gap, _, new) in zip(ours, theirs, strict=True):
        beside_number = "number" in (kind, before) or (old_gap and new_gap)
        if old_gap != new_gap and (abs(old_gap - new_gap) > most or not beside_number):
            return f"white space before {shorten(old)!r} differs"
        if kind == "line" and (old[0] != new[0] or abs(len(old) - len(new)) > most):
            return f"a line of {len(old)} is stored, one of {len(new)} was drawn"
        before = kind
    return ""


def halves(number: str) -> tuple[int, int]:
    """Return the lengths of a printed number before its point or exponent, and from there on."""
    whole = len(re.match(r"[-+\d,]*", number).group())
    return whole, len(number) - whole


def shorten(text: str, most: int = 60) -> str:
    """Return a text cut to a length."""
    return text if len(text) <= most else text[: most - 1] + "…"


# ---------------------------------------------------------------------------------- data


def data_difference(stored: object, computed: object, is_data: bool = True, path: str = "") -> str:
    """Say how two JSON values disagree: structure and settings exactly, the data of a chart as numbers.

    In a Vega-Lite chart the data are what stands under ``datasets``, and under ``values`` of ``data``.
    Widths, domains, colours and where the sliders start are settings.
    """
    if isinstance(stored, dict) and isinstance(computed, dict):
        if stored.keys() != computed.keys():
            return f"{path or 'the top'} has {sorted(stored)}, now {sorted(computed)}"
        for key in stored:
            inside = is_data or key == "datasets" or (key == "values" and path.endswith(".data"))
            found = data_difference(stored[key], computed[key], inside, f"{path}.{key}")
            if found:
                return found
        return ""
    if isinstance(stored, list) and isinstance(computed, list):
        if len(stored) != len(computed):
            return f"{path} has {len(stored)} entries, now {len(computed)}"
        found = (
            data_difference(a, b, is_data, f"{path}[{i}]")
            for i, (a, b) in enumerate(zip(stored, computed, strict=True))
        )
        return next(filter(None, found), "")
    if type(stored) is not type(computed):
        agree = False
    elif is_data and isinstance(stored, float):
        agree = numbers_agree(repr(stored), repr(computed))
    elif is_data and isinstance(stored, str):
        agree = not text_difference(stored, computed)
    else:
        agree = repr(stored) == repr(computed)
    return "" if agree else f"{path}: {stored!r} is stored, {computed!r} was computed"


# ---------------------------------------------------------------------------------- outputs


def difference(kind: str, stored: object, computed: object) -> str:
    """Say how two outputs of one kind (a MIME type, or a field of an output) disagree."""
    if isinstance(stored, str) and isinstance(computed, str) and kind in TEXTS:
        return text_difference(stored, computed, kind)
    if "json" in kind and not isinstance(stored, str):
        return data_difference(stored, computed, is_data="vega" not in kind)
    return "" if stored == computed else f"{shorten(repr(stored))} is stored, {shorten(repr(computed))} now"


def settle(stored: list[dict], computed: list[dict]) -> tuple[list[dict], list[str]]:
    """Put the stored text in place of each new one that agrees with it, and say what does not agree.

    What is given back can be compared for equality. Outputs are paired as nbval pairs them: the
    first text/html with the first text/html, and so on.
    """
    settled = [nbformat.from_dict(out) for out in computed]
    old, new = places(stored), places(settled)
    reasons = []
    for kind in old.keys() & new.keys():
        for (holder, key), (place, _) in zip(old[kind], new[kind], strict=False):
            reason = difference(kind, holder[key], place[key])
            if reason:
                reasons.append(f"{kind}: {reason}")
            else:
                place[key] = holder[key]
    return settled, reasons


def places(outputs: list[dict]) -> dict[str, list[tuple[dict, str]]]:
    """Return where each kind of text or data stands in a cell's outputs."""
    found: dict[str, list[tuple[dict, str]]] = {}
    for out in outputs:
        for kind in out.get("data", {}):
            found.setdefault(kind, []).append((out["data"], kind))
        if "text" in out:
            found.setdefault(out.get("name", "text"), []).append((out, "text"))
        if "evalue" in out:
            found.setdefault("evalue", []).append((out, "evalue"))
    return {kind: at for kind, at in found.items() if not kind.startswith("image/")}
