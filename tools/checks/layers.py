# SPDX-License-Identifier: Apache-2.0
"""The layout is the architecture: which room (folder) may include which. Fails on an include that the rules do not allow,
on a rule that points upwards, and on circles of rooms or of files; ends with one line of figures.

  --rooms   also prints the rooms floor by floor, each with what it includes
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("common", "edge", "cloud")

# Room → what its files may include besides themselves, from the ground up: a rule names only rooms that stand above it in
# this list. "common", "edge" and "cloud" stand for all rooms of theirs up to there. The longest match of a folder counts.
MAY_INCLUDE = {
    "proto": [],
    "common/base": [],
    "common/runtime": ["common/base"],
    "common/stats": ["common/base"],
    "common/series": ["common/base", "common/runtime", "common/stats"],
    "common/wire": ["common/base", "common/series", "common/stats", "proto"],
    "common/ledger": ["common/base", "common/wire"],
    "common/message": ["common/base", "common/series", "common/stats", "common/wire"],
    "common/reading": ["common/base", "common/series", "common/runtime"],
    "common/store": ["common/base", "common/runtime"],
    "common/mqtt": ["common/base", "common/runtime"],
    "edge/window": ["common/base", "common/runtime", "common/stats", "common/series", "common/reading"],
    "edge/outbox": ["common/base", "common/runtime", "common/stats", "common/series", "common/wire", "common/ledger",
                    "common/reading", "common/store", "edge/window"],
    "edge/gateway": ["common/base", "common/runtime", "common/stats", "common/series", "common/wire", "common/ledger",
                     "common/reading", "edge/window", "edge/outbox"],
    "edge/source": ["common/base", "common/runtime", "common/series", "common/reading", "common/mqtt"],
    "edge/uplink": ["common/base", "common/runtime", "common/wire", "common/mqtt", "edge/gateway"],
    "edge/run": ["common", "edge/gateway", "edge/source", "edge/uplink"],
    "edge": ["common", "edge"],
    "cloud/log": ["common"],
    "cloud/http": ["common"],
    "cloud/tenants": ["common", "cloud/http"],
    "cloud/state": ["common", "cloud/log"],
    "cloud/merge": ["common", "cloud/log", "cloud/state"],
    "cloud/query": ["common", "cloud/state"],
    "cloud/cluster": ["common", "cloud/state", "cloud/query"],
    "cloud/render": ["common", "cloud/http", "cloud/query"],
    "cloud/otlp": ["common", "cloud/http", "cloud/query", "cloud/render"],
    "cloud/bridge": ["common", "cloud/log", "cloud/http", "cloud/tenants"],
    "cloud/feed": ["common", "cloud/log", "cloud/state", "cloud/query", "cloud/render"],
    "cloud/api": ["common", "cloud/http", "cloud/tenants", "cloud/query", "cloud/render"],
    "cloud/aggregator": ["common", "cloud"],
    "cloud/ctl": ["common", "cloud"],
}

# Arrows that are still to be turned round: (room, room). A new one is not to be added; one that is gone is to be struck.
STILL_WRONG = set()


def room_of(folder, rules):
    """The longest rule that the folder lies in; None if there is none."""
    fitting = [name for name in rules if folder == name or folder.startswith(name + "/")]
    return max(fitting, key=len) if fitting else None


def allowed_rooms(rules):
    """Room → the set of rooms it may include, with wildcards written out; and what is wrong with the rules themselves."""
    order = list(rules)
    allowed, wrong = {}, []
    for place, (room, names) in enumerate(rules.items()):
        allowed[room] = set()
        for name in names:
            below = [other for other in order[:place] if other == name or other.startswith(name + "/")]
            if not below:
                why = "which stands below it in the list: an arrow upwards" if name in order else "which is no room"
                wrong.append(f"rule of {room}: names {name}, {why}")
            allowed[room].update(below)
    return allowed, wrong


def includes(root):
    """(file, line number, file included), paths from the root, of every include of ours."""
    for top in TOPS:
        for file in sorted((root / top).rglob("*")):
            if file.suffix in (".h", ".cpp") and "node_modules" not in file.parts:
                name = file.relative_to(root).as_posix()
                for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                    found = re.match(r'#include "((?:common|edge|cloud|proto)/[^"]+)"', line)
                    if found:
                        yield name, number, found[1]


def circles(arrows):
    """The strongly connected parts of more than one node (Tarjan, without recursion): each a sorted list."""
    index, low, stack, on_stack, out = {}, {}, [], set(), []
    for root in sorted(arrows):
        if root in index:
            continue
        work = [(root, iter(sorted(arrows[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(sorted(arrows.get(target, ())))))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    part = []
                    while not part or part[-1] != node:
                        part.append(stack.pop())
                        on_stack.discard(part[-1])
                    if len(part) > 1:
                        out.append(sorted(part))
    return out


def floors(arrows):
    """Room → its floor: one above the highest that it includes. Of a graph without circles."""
    out = {}

    def floor(room):
        if room not in out:
            out[room] = 0
            out[room] = 1 + max((floor(other) for other in arrows.get(room, ())), default=-1)
        return out[room]
    for room in arrows:
        floor(room)
    return out


def check(root, rules, still_wrong):
    """(what is wrong, line by line; room → rooms that it includes)."""
    allowed, wrong = allowed_rooms(rules)
    arrows = {room: set() for room in rules}
    files, seen = {}, set()
    for file, number, target in includes(root):
        files.setdefault(file, set()).add(target)
        room, other = room_of(str(Path(file).parent), rules), room_of(str(Path(target).parent), rules)
        if room is None or other is None:
            wrong.append(f"{file}:{number}: no rule says what {Path(file).parent if room is None else target} is")
            continue
        if room == other:
            continue
        if other not in allowed[room]:
            seen.add((room, other))
            if (room, other) not in still_wrong:
                wrong.append(f"{file}:{number}: {room} must not include {target}")
                continue
        else:
            arrows[room].add(other)
    wrong += [f"STILL_WRONG: {room} no longer includes {other}: strike it" for room, other in sorted(still_wrong - seen)]
    wrong += [f"a circle of files: {', '.join(part)}" for part in circles(files)]
    wrong += [f"a circle of rooms: {', '.join(part)}" for part in circles(arrows)]
    for room in rules:
        if not (root / room).is_dir():
            wrong.append(f"rule of {room}: there is no such folder")
    return wrong, arrows


def main():
    wrong, arrows = check(ROOT, MAY_INCLUDE, STILL_WRONG)
    for line in wrong:
        print(line)
    level = floors(arrows)
    if "--rooms" in sys.argv[1:]:
        for floor in sorted(set(level.values())):
            for room in (room for room in arrows if level[room] == floor):
                print(f"{floor}  {room:17} {' '.join(sorted(arrows[room]))}")
    count, pairs = sum(map(len, arrows.values())), len(arrows) * (len(arrows) - 1) // 2
    print(f"{len(arrows)} rooms on {len(set(level.values()))} floors, {count} arrows of {pairs} possible ({100 * count // pairs} %), "
          f"{len(STILL_WRONG)} still upwards or aside, {sum('circle' in line for line in wrong)} circles")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
