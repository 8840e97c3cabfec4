#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/stats_exact/*.txt and tests/data/nist_strd/expected.txt with exact arithmetic (integers, fractions)."""
import json
import math
import pathlib
import struct
from fractions import Fraction

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
MASK = (1 << 64) - 1
FRACTION = (1 << 52) - 1


def to_bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def to_double(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


class SplitMix:
    """SplitMix64 (Steele, Lea, Flood 2014)."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)


def wild(r):
    return to_double(r & ~(1 << 62) if (r >> 52) & 0x7FF == 0x7FF else r)


def with_field(r, field):
    return to_double((r & (1 << 63)) | (field << 52) | (r & FRACTION))


# One reading of each recipe from 64 random bits, its place and the reading before it.
RECIPES = {
    "wild": lambda r, i, before: wild(r),
    "subnormal": lambda r, i, before: with_field(r, 0),
    "edge": lambda r, i, before: with_field(r, (r >> 52) & 3),
    "huge": lambda r, i, before: with_field(r, 2043 + ((r >> 52) & 3)),
    "near": lambda r, i, before: abs(with_field(r, 1027)),
    "signed": lambda r, i, before: with_field(r, 1020 + ((r >> 52) & 7)),
    "spread": lambda r, i, before: with_field(r, 1000 + ((r >> 52) & 31)),
    "decimal": lambda r, i, before: (r % 20001 - 10000) / 100.0,
    "offset": lambda r, i, before: (100000000 + r % 3) / 10.0,
    "integer": lambda r, i, before: float(r % 2001 - 1000),
    "boolean": lambda r, i, before: float(r & 1),
    "constant": lambda r, i, before: wild(r) if i == 0 else before,
    "cancel": lambda r, i, before: wild(r) if i % 2 == 0 else to_double(to_bits(before) ^ (1 << 63) ^ (r & 1)),
    "ends": lambda r, i, before: with_field(r, (r >> 52) & 3 if i % 2 == 0 else 2043 + ((r >> 52) & 3)),
}


def readings(recipe, seed, count):
    random = SplitMix(seed)
    values = []
    for i in range(count):
        values.append(RECIPES[recipe](random.next(), i, values[-1] if values else 0.0))
    return values


def rounded(exact):
    """The nearest double's bits, ties to even; what rounds to zero is +0."""
    try:
        return f"{to_bits(exact.numerator / exact.denominator + 0.0):016x}"
    except OverflowError:
        return "overflow"


def rounded_root(exact):
    if exact == 0:
        return f"{0:016x}"
    shift = max(0, 400 - exact.numerator.bit_length() + exact.denominator.bit_length())
    shift += shift % 2
    whole, rest = divmod(exact.numerator << shift, exact.denominator)
    root = math.isqrt(whole)
    sticky = 1 if rest or root * root != whole else 0
    return rounded(Fraction(2 * root + sticky, 1 << (shift // 2 + 1)))


def moments(values):
    exact = [Fraction(v) for v in values]
    count = len(exact)
    total = sum(exact)
    out = [rounded(total), rounded(total / count)]
    if count < 2:
        return out + ["none", "none"]
    variance = (count * sum(v * v for v in exact) - total * total) / (count * (count - 1))
    return out + [rounded(variance), rounded_root(variance)]


def write_moments():
    lines = []
    random = SplitMix(2026)
    for recipe in RECIPES:
        for i in range(32):
            seed = random.next()
            count = [1, 2, 3, 4, 5, 7, 10][i] if i < 7 else 1 + random.next() % (1000 if i > 28 else 60)
            lines.append(" ".join([recipe, str(seed), str(count)] + moments(readings(recipe, seed, count))))
    (DATA / "stats_exact" / "moments.txt").write_text("\n".join(lines) + "\n")


def index(value, scale):
    """base^index < |value| <= base^(index + 1): with value = m 2^e, by the length of the integer m^(2^scale)."""
    numerator, denominator = abs(value).as_integer_ratio()
    power = 1 << max(scale, 0)
    ceil_log2 = (numerator**power - 1).bit_length() - power * (denominator.bit_length() - 1)
    if scale < 0:
        return -((-ceil_log2) >> -scale) - 1  # the ceiling of a quotient
    return ceil_log2 - 1


def write_indices():
    values = set()
    for line in (DATA / "sketch_vectors" / "otel_index_mapping.jsonl").read_text().splitlines():
        value = abs(float.fromhex(json.loads(line)["value_hex"]))
        if value != 0 and math.isfinite(value):
            values.add(value)
    random = SplitMix(7)
    for _ in range(300):
        values.add(abs(wild(random.next())))
        values.add(abs(with_field(random.next(), 0)))
    for exponent in (-1074, -1073, -1060, -1023, -1022, -1021, -1, 0, 1, 4, 1022, 1023):
        values.update({math.ldexp(1, exponent), math.nextafter(math.ldexp(1, exponent), math.inf)})
    for step in range(1, 256, 5):  # both neighbours of a bound
        low = math.isqrt(math.isqrt(math.isqrt(math.isqrt(math.isqrt(math.isqrt(math.isqrt(math.isqrt(
            1 << (52 * 256 + step)))))))))
        values.update({math.ldexp(low, -52 + 4), math.ldexp(low + 1, -52 + 4)})
    values.add(1.7976931348623157e308)
    values.discard(0.0)
    lines = []
    for value in sorted(values):
        lines.append(" ".join([f"{to_bits(value):016x}"] + [str(index(value, s)) for s in range(8, -5, -1)]))
    (DATA / "stats_exact" / "indices.txt").write_text("\n".join(lines) + "\n")


def nist_readings(path):
    lines = path.read_text().splitlines()
    start = max(i for i, line in enumerate(lines) if line.startswith("#") or line.strip("- \t") == "" and "--" in line)
    return [float(line) for line in lines[start + 1:] if line.strip()]


def write_nist():
    lines = []
    for path in sorted((DATA / "nist_strd").glob("*.txt")):
        if path.stem in ("certified", "expected"):
            continue
        values = nist_readings(path)
        total = moments(values)
        lines.append(f"{path.stem} {len(values)} {total[1]} {total[3]}")
    (DATA / "nist_strd" / "expected.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_moments()
    write_indices()
    write_nist()
