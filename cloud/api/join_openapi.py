#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""join_openapi.py OUT.cpp HEAD.json STATISTICS.json PIECE.json...: the OpenAPI document of the head and a piece for each
subject, as the source of openapi_json(). A name that two of them tell is refused. A schema with "$statistics": true gets
the properties of STATISTICS.json; "$statistics" in a description becomes their names."""

import json
import sys
from pathlib import Path

SOURCE = """// SPDX-License-Identifier: Apache-2.0
// Made by join_openapi.py of openapi.json and endpoint/*.json.
#include "cloud/api/openapi.h"

namespace tributary::api {{

std::string_view openapi_json() {{ return R"openapi({text})openapi"; }}

}}  // namespace tributary::api
"""


def once(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"found a name twice among {[name for name, _ in pairs]}, expected each once")
    return found


def add(to, piece, where):
    for name, value in piece.items():
        if name not in to:
            to[name] = value
        elif isinstance(value, dict) and isinstance(to[name], dict) and len(where) < 2:
            add(to[name], value, [*where, name])
        else:
            raise ValueError(f"found {'/'.join([*where, name])} a second time, expected one that no other piece has")


def fill(node, statistics, names):
    """Puts the statistics where they are asked for."""
    if isinstance(node, list):
        for child in node:
            fill(child, statistics, names)
    elif isinstance(node, dict):
        if node.pop("$statistics", False):
            for key, value in statistics.items():
                node.setdefault(key, {}).update(value)
        if isinstance(node.get("description"), str):
            node["description"] = node["description"].replace("$statistics", names)
        for child in node.values():
            fill(child, statistics, names)


def read(file):
    return json.loads(Path(file).read_text(encoding="utf-8"), object_pairs_hook=once)


def main(out, head, statistics_file, *pieces):
    document, file = {}, statistics_file
    try:
        statistics = read(file)
        for file in (head, *pieces):
            add(document, read(file), [])
    except ValueError as error:
        sys.exit(f"{file}: {error}")
    fill(document, statistics, ", ".join(name for name in statistics["properties"] if name != "overflow"))
    text = json.dumps(document, ensure_ascii=False, indent=1)
    Path(out).write_text(SOURCE.format(text=text), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
