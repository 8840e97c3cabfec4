# SPDX-License-Identifier: Apache-2.0
"""The dumb exact implementation: statistics of a list of readings by whole numbers, rounded once at the end."""
import math
from fractions import Fraction


def round_root(square):
    """The double nearest to the root of a Fraction, ties to even, decided by whole numbers."""
    if square == 0:
        return 0.0
    guess = math.isqrt((square.numerator << 256) // square.denominator)  # the root times 2^128, cut
    low = float(Fraction(guess, 1 << 128))
    best = math.nextafter(low, 0.0)
    for value in (low, math.nextafter(low, math.inf)):
        # Which of two neighbours is nearer is told by the square of their middle, without a root.
        middle = ((Fraction(best) + Fraction(value)) / 2) ** 2
        tie_to_even = middle == square and int(math.ldexp(math.frexp(best)[0], 53)) % 2
        if middle < square or tie_to_even:
            best = value
    return best


def statistics(readings):
    """readings: list of (time, double). count, sum, mean, variance, stddev, min, max as the API must answer them."""
    scale = 1 << 1074
    whole = [n * (scale // d) for n, d in (value.as_integer_ratio() for _, value in readings)]
    count = len(whole)
    total = sum(whole)
    squares = sum(n * n for n in whole)
    answer = {"count": count, "sum": float(Fraction(total, scale)), "mean": float(Fraction(total, scale * count)),
              "min": min(v for _, v in readings), "max": max(v for _, v in readings), "variance": None, "stddev": None}
    if count > 1:
        variance = Fraction(count * squares - total * total, count * (count - 1) * scale * scale)
        answer["variance"] = float(variance)
        answer["stddev"] = round_root(variance)
    return answer
