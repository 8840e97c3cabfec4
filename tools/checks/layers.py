# SPDX-License-Identifier: Apache-2.0
"""The layout is the architecture: says which folder may include which, and fails on any include that breaks it."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# folder → the folders its files may include besides itself; the longest match of a file's folder counts.
MAY_INCLUDE = {
    "common/base": [],
    "common/stats": ["common/base"],
    "common/series": ["common/base", "common/runtime"],
    "common/wire": ["common/base", "common/series", "proto"],
    "common/ledger": ["common/base", "common/wire"],
    "common/runtime": ["common/base"],
    "common/reading": ["common/base", "common/series", "common/runtime"],
    "common/store": ["common/base", "common/runtime"],
    "common/mqtt": ["common/base", "common/runtime"],
    "edge": ["common", "edge", "proto"],
    "cloud/log": ["common"],
    "cloud/http": ["common"],
    "cloud/tenants": ["common", "cloud/http"],
    "cloud/state": ["common", "cloud/log", "cloud/merge"],
    "cloud/merge": ["common", "cloud/log", "cloud/state"],
    "cloud/query": ["common", "cloud/log", "cloud/merge", "cloud/state"],
    "cloud/cluster": ["common", "cloud/log", "cloud/merge", "cloud/query"],
    "cloud/render": ["common", "cloud/http", "cloud/query"],
    "cloud/otlp": ["common", "cloud/http", "cloud/query", "cloud/render"],
    "cloud/bridge": ["common", "cloud/log", "cloud/http", "cloud/tenants"],
    "cloud/feed": ["common", "cloud/log", "cloud/merge", "cloud/state", "cloud/query", "cloud/render"],
    "cloud/api": ["common", "cloud/http", "cloud/tenants", "cloud/query", "cloud/render"],
    "cloud/aggregator": ["common", "cloud"],
    "cloud/ctl": ["common", "cloud"],
}


def rule_of(folder):
    fitting = [name for name in MAY_INCLUDE if folder == name or folder.startswith(name + "/")]
    return max(fitting, key=len) if fitting else None


def main():
    wrong = []
    for top in ("common", "edge", "cloud"):
        for file in sorted((ROOT / top).rglob("*")):
            if file.suffix not in (".h", ".cpp") or "node_modules" in file.parts:
                continue
            folder = str(file.parent.relative_to(ROOT))
            own = rule_of(folder)
            if own is None:
                wrong.append(f"{folder}: no rule says what it may include")
                continue
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                found = re.match(r'#include "((?:common|edge|cloud|proto)/[^"]+)"', line)
                if not found:
                    continue
                target = str(Path(found[1]).parent)
                allowed = [own, *MAY_INCLUDE[own]]
                if not any(target == name or target.startswith(name + "/") for name in allowed):
                    wrong.append(f"{file.relative_to(ROOT)}:{number}: {own} must not include {found[1]}")
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
