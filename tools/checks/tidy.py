# SPDX-License-Identifier: Apache-2.0
"""Style as a test: what no compiler and no formatter looks at. Says each fault in one line and ends with one line of figures.

Functions (C++, Python) have at most 70 lines, files 600, lines of documents 120; no type name stands for two
things; every unit has a test of its name or a line that says which test covers it; nothing lies about unused; nothing is
put off or skipped. What broke a rule before it was one stands in exceptions.toml with its present measure, and that list
only shrinks: what grew fails, and so does what got smaller until the list says so.

  --shrink   takes out of exceptions.toml what is no longer needed and lowers what got smaller; never adds
"""
import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cpp  # noqa: E402
from changed import base_revision, git  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
LINE_MAX = 120
CODE = (".h", ".cpp", ".py", ".ts", ".tsx", ".mts", ".mjs", ".css", ".sh", ".cmake", ".proto")
# Files of data, and what tools make: nobody reads their lines.
DATA = re.compile(r"^tests/data/|^tests/fuzz/corpus/|package-lock\.json$|\.(png|csv|json|svg|ico|woff2?|bin)$|^LICENSE$")
BANNED = re.compile(r"TODO\b|FIXME\b|\bXXX\b|GTEST_SKIP\b|\bDISABLED_\w|pytest\.(?:mark\.)?(?:skip|xfail|importorskip)|"
                    r"\b(?:test|it|describe)\.(?:skip|only|todo)\b|@ts-(?:ignore|nocheck)|"
                    r"numeric_limits<(?:double|float)>::min\(\)")
# What a tool finds by its name alone.
FOUND_BY_NAME = ("CMakeLists.txt", "conftest.py", "README.md", "LICENSE", ".npmrc", "vite.config.ts")
SECTIONS = ("functions", "files", "tables", "types", "units", "only_tested", "unused")


class Tree:
    """Every file of the repository that is text, read once."""

    def __init__(self, root, names=None):
        self.root = root
        if names is None:
            listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root,
                                    capture_output=True, text=True, check=True).stdout
            names = sorted(name for name in set(listed.split("\0")) if name and (root / name).is_file())
        self.names = names
        self.texts = {}
        for name in names:
            try:
                self.texts[name] = (root / name).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                pass
        self.scanned = {name: cpp.scan(text) for name, text in self.texts.items() if name.endswith((".h", ".cpp"))}

    def lines(self, name):
        return self.texts[name].splitlines()


def functions(tree):
    """"file:name" → lines, of every function that is too long; of two of one name the longer."""
    found = {}
    for name, text in tree.texts.items():
        if name in tree.scanned:
            measured = [(one.name, one.lines) for one in tree.scanned[name][0]]
        elif name.endswith(".py"):
            measured = [(node.name, node.end_lineno - node.lineno + 1) for node in ast.walk(ast.parse(text))
                        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        else:
            continue
        for function, lines in measured:
            if lines > FUNCTION_LINES_MAX:
                found[f"{name}:{function}"] = max(lines, found.get(f"{name}:{function}", 0))
    return found


def files(tree):
    """file → lines, of every file that is too long."""
    return {name: len(tree.lines(name)) for name in tree.texts
            if not DATA.search(name) and len(tree.lines(name)) > FILE_LINES_MAX}


def long_lines(tree):
    """"file:line: …" of every line of a document that is too long and no row of a table. One word (an address) may be."""
    return [f"{name}:{number}: {len(line)} characters, expected at most {LINE_MAX}" for name in tree.texts
            if name.endswith(".md") for number, line in enumerate(tree.lines(name), 1)
            if len(line) > LINE_MAX and len(line.split()) > 1 and not line.startswith("|")]


def tables(tree):
    """Document → the longest row of its tables."""
    longest = {name: max((len(line) for line in tree.lines(name) if line.startswith("|")), default=0)
               for name in tree.texts if name.endswith(".md")}
    return {name: length for name, length in longest.items() if length > LINE_MAX}


def types(tree):
    """Type name → the files that define it, of every name outside other types that stands for several things."""
    places = {}
    for name, (_, defined) in tree.scanned.items():
        if not name.startswith("tests/"):
            for one in defined:
                if not one.nested:
                    places.setdefault(one.name, {})[name] = one.alias
    # The same alias for the same thing may stand in several files.
    return {name: sorted(of) for name, of in places.items() if len(of) > 1 and (len(set(of.values())) > 1 or "" in of.values())}


def units(tree):
    """The units (.cpp of the product but main.cpp) that have no test file of their name, without ending."""
    stems = [name.removesuffix(".cpp") for name in tree.texts
             if name.startswith(("common/", "edge/", "cloud/")) and name.endswith(".cpp") and not name.endswith("main.cpp")]
    return {stem for stem in stems if f"tests/{stem}_test.cpp" not in tree.texts}


def included_by(tree):
    """Header → the files that include it."""
    found = {}
    for name in tree.scanned:
        for target in re.findall(r'^\s*#\s*include "([^"]+)"', tree.texts[name], re.M):
            beside = (Path(name).parent / target).as_posix()
            for one in {target, beside, f"tests/{target}"} & tree.texts.keys():
                found.setdefault(one, set()).add(name)
    return found


def only_tested(tree):
    """Headers of the product that only their own unit and tests include."""
    including = included_by(tree)
    return {name for name in tree.scanned if name.endswith(".h") and name.startswith(("common/", "edge/", "cloud/")) and
            not any(one != name.removesuffix(".h") + ".cpp" and not one.startswith("tests/") for one in including.get(name, ()))}


def compiled(tree, name):
    """Whether a CMakeLists.txt takes this .cpp in: by its folder's functions, by a pattern, or by name."""
    path = Path(name)
    if any(f"/{path.parent.as_posix()}/*.cpp" in text for rules, text in tree.texts.items() if rules.endswith("CMakeLists.txt")):
        return True
    for folder in path.parents:
        rules = tree.texts.get((folder / "CMakeLists.txt").as_posix().removeprefix("./"), "")
        if folder == path.parent and re.search(r"^\s*tributary_(?:library|test)\(|GLOB", rules, re.M):
            return True
        below = path.relative_to(folder)
        if re.search(rf"\b{re.escape(below.parent.as_posix())}/\*\.cpp", rules):
            return True
        if re.search(rf"(?<![\w-]){re.escape(below.as_posix())}", rules):
            return True
        if path.stem.endswith("_fuzz") and re.search(rf"tributary_fuzz\({re.escape(path.stem.removesuffix('_fuzz'))}\b", rules):
            return True
        if re.search(rf"(?<![\w-]){re.escape(path.stem)}(?![\w-])", rules) and folder == path.parent:
            return True
    return False


def unused(tree):
    """Files that nothing includes, compiles, imports, runs or names."""
    including = included_by(tree)
    found = {name for name in tree.scanned if (not compiled(tree, name) if name.endswith(".cpp") else name not in including)}
    words = {}  # word → the files that say it
    for name, text in tree.texts.items():
        if not DATA.search(name):
            for word in set(re.findall(r"[\w-]+", text)):
                words.setdefault(word, set()).add(name)
    corpus = "\n".join(text for name, text in tree.texts.items() if name not in tree.scanned and not DATA.search(name))
    for name in tree.names:
        path = Path(name)
        if name in tree.scanned or path.name in FOUND_BY_NAME or "/" not in name or ".test." in path.name:
            continue
        if name.startswith("tests/fuzz/corpus/"):
            if f"tributary_fuzz({path.parts[3].removeprefix('fuzz_')} " not in corpus:
                found.add(name)
        elif name.startswith(("tests/data/", ".github/", "cloud/api/endpoint/")) or re.match(r"test_.*\.py$", path.name):
            continue
        elif path.suffix in CODE:
            if not words.get(path.stem.removesuffix(".d"), set()) - {name}:
                found.add(name)
        elif path.name not in corpus:
            found.add(name)
    return found


def banned(tree):
    own = ("tools/checks/tidy.py", "tests/tools/test_tidy.py")
    return [f"{name}:{text.count(chr(10), 0, match.start()) + 1}: found {match[0]}, which puts off, skips or misleads"
            for name, text in tree.texts.items() if name not in own and not DATA.search(name)
            for match in BANNED.finditer(text)]


def heads(tree):
    """Every source opens with its licence and with what it is."""
    wrong = []
    for name, text in tree.texts.items():
        if not name.endswith((".h", ".cpp", ".py")):
            continue
        first = [line for line in text.splitlines()[:4] if not line.startswith("#!")]
        if not first or "SPDX-License-Identifier: Apache-2.0" not in first[0]:
            wrong.append(f"{name}:1: found no licence, expected SPDX-License-Identifier: Apache-2.0 at the head")
        elif first[1:2] == [f'#include "{name.removesuffix(".cpp")}.h"']:
            continue  # its header says it
        elif len(first) < 2 or not re.match(r'//|r?"""|#(?!include|pragma)', first[1]):
            wrong.append(f"{name}:2: found no sentence, expected what the file is, right after its licence")
    return wrong


def compare(section, limit, what, found, listed):
    """What is measured against what the list allows."""
    wrong = []
    for name, measure in sorted(found.items()):
        if name not in listed:
            wrong.append(f"{name}: {measure} {what}, expected at most {limit}")
        elif measure > listed[name]:
            wrong.append(f"{name}: grew to {measure} {what}, the list of exceptions allows {listed[name]}")
    for name, allowed in sorted(listed.items()):
        if found.get(name, 0) < allowed:
            now = f"lower it to {found[name]}" if name in found else "strike it"
            wrong.append(f"exceptions.toml, [{section}] {name}: allows {allowed} where it is less now: {now} (tidy.py --shrink)")
    return wrong


def compare_names(section, why, found, listed):
    wrong = [f"{name}: {why}" for name in sorted(found - listed)]
    return wrong + [f"exceptions.toml, [{section}] {name}: needed no longer: strike it (tidy.py --shrink)"
                    for name in sorted(listed - found)]


def check(tree, listed):
    """Every fault, a line each. listed: section → what exceptions.toml says there."""
    listed = {section: listed.get(section, {}) for section in SECTIONS}
    wrong = compare("functions", FUNCTION_LINES_MAX, "lines", functions(tree), listed["functions"])
    wrong += compare("files", FILE_LINES_MAX, "lines", files(tree), listed["files"])
    wrong += compare("tables", LINE_MAX, "characters in its longest row", tables(tree), listed["tables"])
    doubled = types(tree)
    for name, places in sorted(doubled.items()):
        if name not in listed["types"]:
            wrong.append(f"type {name}: stands for different things in {' and '.join(places)}")
        elif set(places) - set(listed["types"][name]):
            wrong.append(f"type {name}: {' and '.join(sorted(set(places) - set(listed['types'][name])))} makes it one more")
    for name, places in sorted(listed["types"].items()):
        if set(places) - set(doubled.get(name, ())):
            wrong.append(f"exceptions.toml, [types] {name}: no longer in all of {', '.join(places)} (tidy.py --shrink)")
    wrong += compare_names("units", "has no test of its name, and no line in [units] says which test covers it", units(tree),
                           set(listed["units"]))
    wrong += [f"exceptions.toml, [units] {unit}: there is no {test}" for unit, test in sorted(listed["units"].items())
              if test not in tree.texts]
    wrong += compare_names("only_tested", "only its own unit and tests include it", only_tested(tree),
                           set(listed["only_tested"]))
    wrong += compare_names("unused", "nothing includes, compiles, imports, runs or names it", unused(tree), set(listed["unused"]))
    return wrong + long_lines(tree) + banned(tree) + heads(tree)


def size(listed):
    """How much each section lets pass: (entries, sum of the measures)."""
    out = {}
    for section in SECTIONS:
        values = listed.get(section, {}).values()
        out[section] = (len(values), sum(len(value) if isinstance(value, list) else value if isinstance(value, int) else 0
                                         for value in values))
    return out


def grown(before, now):
    """What of the list became more than it was. [units] may grow: a new unit may be covered by a test of another name."""
    old, new = size(before), size(now)
    return [f"exceptions.toml, [{section}]: grew from {old[section]} to {new[section]} (entries, sum), expected it only to shrink"
            for section in SECTIONS if section != "units" and section in before
            and any(b > a for a, b in zip(old[section], new[section]))]


def shrink(tree, text):
    """exceptions.toml with what is needed no longer struck out and what got smaller lowered."""
    measured = {"functions": functions(tree), "files": files(tree), "tables": tables(tree), "types": types(tree)}
    kept = {"units": units(tree), "only_tested": only_tested(tree), "unused": unused(tree)}
    out, section = [], ""
    for line in text.splitlines():
        entry = re.match(r'\s*"?([^"=\[]+?)"?\s*=\s*(.*)$', line)
        if line.startswith("["):
            section = line.strip("[] ")
        elif entry and section in measured:
            name, value = entry[1], measured[section].get(entry[1])
            if value is None:
                continue
            old = tomllib.loads(f"x = {entry[2]}")["x"]
            if isinstance(value, int) and value < old:
                line = f'"{name}" = {value}'
            elif isinstance(value, list):
                left = [place for place in old if place in value]
                line = f"{name} = {left!r}".replace("'", '"')
        elif entry and section in kept and entry[1] not in kept[section]:
            continue
        out.append(line)
    return "\n".join(out) + "\n"


def base_text(name):
    """The file as it is where this branch left the main line; None where there is no such thing to compare with."""
    base = base_revision(ROOT)
    return git(ROOT, "show", f"{base}:{name}") if base else None


def main():
    listing = ROOT / "tools/checks/exceptions.toml"
    tree = Tree(ROOT)
    if "--shrink" in sys.argv[1:]:
        listing.write_text(shrink(tree, listing.read_text()))
    listed = tomllib.loads(listing.read_text())
    wrong = check(tree, listed)
    before = base_text("tools/checks/exceptions.toml")
    if before is not None:
        wrong += grown(tomllib.loads(before), listed)
    for line in wrong:
        print(line)
    every = [one for found, _ in tree.scanned.values() for one in found]
    product = [name for name in tree.texts if name.startswith(("common/", "edge/", "cloud/")) and name.endswith(".cpp")
               and not name.endswith("main.cpp")]
    print(f"{len(tree.texts)} files, {len(every)} C++ functions, the longest {max(one.lines for one in every)} lines; "
          f"{len(product) - len(units(tree))} of {len(product)} units have a test of their name; "
          f"{sum(entries for entries, _ in size(listed).values())} exceptions; {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
