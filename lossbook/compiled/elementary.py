"""exp, expm1, log, log1p, tanh and powers as plain arithmetic, which LLVM turns into vector code.

A loop becomes vector code only where each of its steps is arithmetic, a comparison or a choice: a call into
the C library, or a branch, ends it. So each function here is a polynomial on a short interval, and bits put
together; a choice is LLVM's ``select``, which computes both sides. A module is written for one type, float32
or float64: :func:`functions_of` returns what its loops call. They are within 2 units in the last place over
the whole range, subnormal numbers included, which tests/test_compiled.py says against 100-digit numbers.

The coefficients of log and tanh are those of fdlibm (Sun Microsystems, 1993) and Cephes (Moshier, 1984-92).
"""

import functools
from types import SimpleNamespace

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

INLINE = {"error_model": "numpy", "forceinline": True}
FUSED = {**INLINE, "fastmath": {"contract"}}  # a * b + c may be rounded once

FLOAT32 = SimpleNamespace(
    real=np.float32, whole=np.int32, mantissa=23, bias=127, tiny=np.finfo("f4").tiny,
    least=-104.0, most=89.0, ln2=(0.693359375, -2.12194440e-4),
    exp=(1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.50000001201),
    half=0x3F3504F3, log_ln2=(6.9313812256e-01, 9.0580006145e-06),
    log=(0.24279078841, 0.28498786688, 0.40000972152, 0.66666662693),
    tanh=(-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1),
    tanh_below=None, flat=10.0,
)  # fmt: skip
FLOAT64 = SimpleNamespace(
    real=np.float64, whole=np.int64, mantissa=52, bias=1023, tiny=np.finfo("f8").tiny,
    least=-745.2, most=710.0, ln2=(6.93147180369123816490e-01, 1.90821492927058770002e-10),
    exp=(1 / 6227020800, 1 / 479001600, 1 / 39916800, 1 / 3628800, 1 / 362880, 1 / 40320, 1 / 5040, 1 / 720,
         1 / 120, 1 / 24, 1 / 6, 1 / 2),
    half=0x3FE6A09E667F3BCD, log_ln2=(6.93147180369123816490e-01, 1.90821492927058770002e-10),
    log=(1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
         2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
         6.666666666666735130e-01),
    tanh=(-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3),
    tanh_below=(1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3), flat=20.0,
)  # fmt: skip


# --- what LLVM has under a name of its own ---------------------------------------------------------------


def _alike(context, builder, args, given, kind):
    """Return numbers of different types in one."""
    return [context.cast(builder, arg, one, kind) for arg, one in zip(args, given, strict=True)]


@intrinsic
def where(context, chosen, yes, no):
    """Choose without a branch."""
    kind = context.unify_types(yes, no)

    def write(context, builder, signature, args):
        flag = context.cast(builder, args[0], signature.args[0], types.boolean)
        return builder.select(flag, *_alike(context, builder, args[1:], signature.args[1:], kind))

    return kind(chosen, yes, no), write


def _extremum(name):
    """NaN wins, as in NumPy; of two zeros either may."""

    def choose(context, a, b):
        kind = context.unify_types(a, b)

        def write(context, builder, signature, args):
            both = _alike(context, builder, args, signature.args, kind)
            real = context.get_value_type(kind)
            function = builder.module.declare_intrinsic(name, [real], ir.FunctionType(real, [real, real]))
            return builder.call(function, both, fastmath=("nsz",))

        return kind(a, b), write

    return intrinsic(choose)


maximum, minimum = _extremum("llvm.maximum"), _extremum("llvm.minimum")


@njit(**INLINE, fastmath={"reassoc"})
def add(a, b):
    """Add to a sum whose order is free: several parts of it then grow side by side."""
    return a + b


@njit(**INLINE)
def isnan(x):
    return x != x


def polynomial(real, *coefficients):
    """Return a polynomial, its highest coefficient first, as one expression (Horner's scheme)."""
    names = {f"c{place}": real(one) for place, one in enumerate(coefficients)}
    text = "c0"
    for name in [*names][1:]:
        text = f"({text}) * x + {name}"
    return njit(eval(f"lambda x: {text}", names), **FUSED)


# --- for one type ------------------------------------------------------------------------------------------


@functools.cache
def functions_of(dtype):
    """Return the functions for one type, by name."""
    kind = FLOAT32 if dtype == np.float32 else FLOAT64
    exp, expm1 = _exponentials(kind)
    log, log1p = _logarithms(kind)
    shared = {"where": where, "maximum": maximum, "minimum": minimum, "add": add, "isnan": isnan}
    return {
        **shared, **_simple(kind), "exp": exp, "expm1": expm1, "log": log, "log1p": log1p,
        "tanh": _tangent(kind, expm1), "power": _power(kind),
    }  # fmt: skip


def _simple(kind):
    zero, one, endless = kind.real(0.0), kind.real(1.0), kind.real(np.inf)

    @njit(**INLINE)
    def sign(x):
        return where(x > zero, one, where(x < zero, -one, where(isnan(x), x, zero)))

    isinf, isfinite = njit(lambda x: abs(x) == endless, **INLINE), njit(lambda x: abs(x) < endless, **INLINE)
    return {"sign": sign, "isinf": isinf, "isfinite": isfinite, "sqrt": np.sqrt}


def _exponentials(kind):
    """x is n log 2 + r: a series in r, times 2 to the n, in two factors since n may lie beyond the bits."""
    real, whole, bias, mantissa = kind.real, kind.whole, kind.whole(kind.bias), kind.whole(kind.mantissa)
    turns, high, low = real(1 / np.log(2.0)), *map(real, kind.ln2)
    least, most, zero, one = real(kind.least), real(kind.most), real(0.0), real(1.0)
    round_off = real(1.5 * 2.0**kind.mantissa)  # added, it leaves n in the last bits
    bits_of_round_off = round_off.view(whole)
    series = polynomial(real, *kind.exp)

    @njit(**FUSED)
    def parts(x):
        held = where(x > least, where(x < most, x, most), zero)  # what would be 0 would be slow
        rounded = held * turns + round_off
        n = whole(real(rounded).view(whole) - bits_of_round_off)
        r = (held - (rounded - round_off) * high) - (rounded - round_off) * low
        first = whole(n >> whole(1))
        return series(r) * (r * r) + r, first, whole(n - first)

    @njit(**INLINE)
    def two_to(n):
        return whole((n + bias) << mantissa).view(real)

    @njit(**FUSED)
    def exp(x):
        grown, first, second = parts(x)
        result = ((grown + one) * two_to(first)) * two_to(second)
        return where(isnan(x), x, where(x > least, result, zero))

    @njit(**FUSED)
    def expm1(x):
        grown, first, second = parts(x)
        result = (grown * two_to(first) + (two_to(first) - two_to(whole(-second)))) * two_to(second)
        result = where(x > least, result, -one)
        return where(isnan(x) | (x == zero), x, result)

    return exp, expm1


def _logarithms(kind):
    """x is 2 to the n times a number near 1, whose logarithm is a series in s = f / (2 + f)."""
    real, whole, mantissa = kind.real, kind.whole, kind.whole(kind.mantissa)
    zero, one, two, half, endless, none = map(real, (0.0, 1.0, 2.0, 0.5, np.inf, np.nan))
    tiny, scale, steps = kind.tiny, real(2.0 ** (kind.mantissa + 2)), real(kind.mantissa + 2)
    start, fraction = whole(kind.half), whole((1 << kind.mantissa) - 1)
    shift = whole(real(1.0).view(whole) - start)
    high, low = map(real, kind.log_ln2)
    even, odd = (polynomial(real, *kind.log[::-1][first::2][::-1]) for first in (0, 1))
    turned = real(2.0**kind.mantissa)  # the number whose last bits, read as a whole number, count from 0
    unturned, bits_of_turned = turned + real(kind.bias), turned.view(whole)

    @njit(**FUSED)
    def log(x):
        small = x < tiny
        bits = whole(real(where(small, x * scale, x)).view(whole) + shift)
        n = whole((bits >> mantissa) + bits_of_turned).view(real) - unturned
        n = where(small, n - steps, n)
        f = whole((bits & fraction) + start).view(real) - one
        s = f / (two + f)
        z = s * s
        w = z * z
        series = w * odd(w) + z * even(w)
        square = half * f * f
        result = n * high - ((square - (s * (square + series) + n * low)) - f)
        result = where(x > zero, result, where(x == zero, -endless, none))
        return where(x < endless, result, x)

    @njit(**INLINE)
    def log1p(x):
        total = one + x  # rounded
        lost = x - (total - one)  # what the rounding took
        whole_part = log(total)
        result = where((total > zero) & (total < endless), whole_part + lost / total, whole_part)
        return where(x == zero, x, result)

    return log, log1p


def _tangent(kind, expm1):
    """Near 0 a series; beyond, from expm1(2 |x|)."""
    real = kind.real
    near, one, two, flat, zero = map(real, (0.625, 1.0, 2.0, kind.flat, 0.0))
    above = polynomial(real, *kind.tanh)
    below = polynomial(real, *(kind.tanh_below or (1.0,)))

    @njit(**FUSED)
    def tanh(x):
        size, z = abs(x), x * x
        inner = x + x * z * (above(z) / below(z))
        outer = one - two / (expm1(where(size < flat, size, flat) * two) + two)
        result = where(size < near, inner, where(x > zero, outer, -outer))
        return where(isnan(x) | (x == zero), x, result)

    return tanh


def _power(kind):
    if kind.real is np.float64:
        return njit(lambda x, y: x**y, **INLINE)  # no digit to spare: the C library's
    wide = functions_of(np.float64)  # in float64, where no digit of a float32 is lost
    exp, log = wide["exp"], wide["log"]

    @njit(**INLINE)
    def power(x, y):
        wide_y = np.float64(y)
        size = np.float32(exp(wide_y * log(np.float64(abs(x)))))
        half = wide_y * 0.5
        is_whole, is_even = wide_y == np.floor(wide_y), half == np.floor(half)
        signed = where(is_whole & (not is_even), np.copysign(size, x), size)
        return where((x < np.float32(0.0)) & (not is_whole), np.float32(np.nan), signed)

    return power
