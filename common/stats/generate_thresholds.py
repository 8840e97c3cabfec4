#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes thresholds.cpp: the bounds of the 256 buckets of one octave at scale 8, by integer arithmetic alone.

threshold[j] = floor(2^63 * 2^(j/256)): the 256th root of 2^(63*256 + j), taken as eight integer square roots (the floor of a
nested floor is the floor of the whole). first[c] = how many thresholds lie below the start of the cell c of 512 equal cells
of the octave; a cell is narrower than a bucket, so at most one more threshold lies inside it.
"""
import math
import pathlib


def threshold(j):
    root = 1 << (63 * 256 + j)
    for _ in range(8):
        root = math.isqrt(root)
    return root


def main():
    thresholds = [threshold(j) for j in range(256)]
    first = [sum(t < (1 << 63) + (c << 54) for t in thresholds) for c in range(512)]
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "// The bounds of the 256 buckets of an octave at scale 8. Written by generate_thresholds.py; not edited by hand.",
        "// clang-format off",
        '#include "common/stats/thresholds.h"',
        "",
        "namespace tributary::stats {",
        "",
        "const uint64_t kThresholds[257] = {",
    ]
    for i in range(0, 256, 4):
        lines.append("  " + " ".join(f"0x{t:016x}," for t in thresholds[i:i + 4]))
    lines += ["  0xffffffffffffffff,", "};", "", "const uint16_t kCellFirst[512] = {"]
    for i in range(0, 512, 16):
        lines.append("  " + " ".join(f"{f}," for f in first[i:i + 16]))
    lines += ["};", "", "}  // namespace tributary::stats", ""]
    pathlib.Path(__file__).with_name("thresholds.cpp").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
