# SPDX-License-Identifier: Apache-2.0
"""tools/test NAME…: builds what these tests need and runs them, nothing else.

A name is a path (tests/cloud/api/days_test.cpp; cloud/api/days.cpp or .h: the test that covers it; tests/e2e/test_api.py,
with ::test_x behind it or not; a folder), the name of a gtest case or suite (Days.*, DaysTest), or of a Python test
(test_a_count_is_exact).

  --preset NAME   another build than release: debug, asan, tsan
  --repeat N      C++: so often, until it fails
"""
import argparse
import difflib
import fnmatch
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
PROGRAMS = ("tributary-edge", "tributary-bridge", "tributary-aggregator", "tributaryctl", "dashboard")
CASE = re.compile(r"^(TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+),\s*(\w+)\s*\)", re.M)


class Unknown(Exception):
    """A name that no test has; the text says what was found and what was expected."""


class Run(NamedTuple):
    """What one run is: of C++ a binary and the cases of its filter, of Python what pytest takes, of the page a file."""
    kind: str  # cpp, kafka (C++ beside a real Kafka), fuzz, py, page
    target: str
    cases: tuple = ()


def cases_of(text):
    """The cases of a test's source as a filter names them: those with parameters have something before and behind."""
    return [f"*{suite}.{case}*" if macro in ("TEST_P", "TYPED_TEST") else f"{suite}.{case}" for macro, suite, case in CASE.findall(text)]


def binary_of(root, file):
    """(binary, whether it wants Kafka) of a test's source, as its folder's CMakeLists.txt says."""
    rules = (root / file).parent / "CMakeLists.txt"
    text = rules.read_text() if rules.is_file() else ""
    found = re.search(r"tributary_test\((\w+)\s*(KAFKA)?", text)
    if found:
        return found[1], bool(found[2])
    found = re.search(rf"add_executable\((\w+)[^)]*\b{re.escape(Path(file).name)}", text)
    if found:
        return found[1], False
    raise Unknown(f"found {file}, which no CMakeLists.txt compiles; expected a test that does")


def sources(root, pattern):
    return sorted(path.relative_to(root).as_posix() for path in (root / "tests").rglob(pattern))


def of_source(root, file):
    binary, kafka = binary_of(root, file)
    return Run("kafka" if kafka else "cpp", binary, tuple(cases_of((root / file).read_text())))


def of_unit(root, path):
    """The test that covers a unit: the one of its name, else the one that tools/checks/exceptions.toml names."""
    stem = path.rsplit(".", 1)[0]
    own = f"tests/{stem}_test.cpp"
    if (root / own).is_file():
        return of_path(root, own)
    listed = tomllib.loads((root / "tools/checks/exceptions.toml").read_text()).get("units", {})
    if stem in listed:
        return of_path(root, listed[stem])
    raise Unknown(f"found {path}, of which no test is known; expected {own}, or a line in tools/checks/exceptions.toml, [units]")


def of_path(root, path):
    name = path.rstrip("/")
    if (root / name).is_dir():
        return of_folder(root, name)
    if name.endswith("_test.cpp"):
        return [of_source(root, name)]
    if name.endswith("_fuzz.cpp"):
        return [Run("fuzz", "fuzz_" + Path(name).name.removesuffix("_fuzz.cpp"))]
    if re.search(r"/test_\w+\.py$", name):
        return [Run("py", name)]
    if ".test.ts" in name:
        return [Run("page", name)]
    if name.endswith((".cpp", ".h")) and name.startswith(("common/", "edge/", "cloud/")):
        return of_unit(root, name)
    raise Unknown(f"found {name}, expected a test or a unit: _test.cpp, _fuzz.cpp, test_….py, .test.ts, or a .cpp or .h beside one")


def of_folder(root, name):
    folder = name if name.startswith("tests/") else f"tests/{name}"
    inside = [file for pattern in ("*_test.cpp", "test_*.py") for file in sources(root, pattern) if file.startswith(folder + "/")]
    if not inside:
        raise Unknown(f"found {name}, a folder without tests; expected one like tests/cloud/api or cloud/api")
    return [one for file in inside for one in of_path(root, file)]


def of_name(root, name):
    """By the name of a case, a suite or a Python test; a pattern with * may fit several."""
    found = []
    pattern = name if "*" in name else None
    for file in sources(root, "*_test.cpp"):
        cases = [case for case in cases_of((root / file).read_text())
                 if name in (case.strip("*"), case.strip("*").split(".")[0], case.strip("*").split(".")[1])
                 or pattern and fnmatch.fnmatchcase(case.strip("*"), pattern)]
        if cases:
            found.append(of_source(root, file)._replace(cases=tuple(cases)))
    for file in sources(root, "test_*.py"):
        if Path(file).stem == name:
            found.append(Run("py", file))
        for test in re.findall(r"^(?:async )?def (test_\w+)", (root / file).read_text(), re.M):
            if test == name or pattern and fnmatch.fnmatchcase(test, pattern):
                found.append(Run("py", f"{file}::{test}"))
    return found


def known_names(root):
    names = set()
    for file in sources(root, "*_test.cpp"):
        names.add(Path(file).name)
        for case in cases_of((root / file).read_text()):
            names.update((case.strip("*"), case.strip("*").split(".")[0]))
    for file in sources(root, "test_*.py"):
        names.update((Path(file).stem, *re.findall(r"^def (test_\w+)", (root / file).read_text(), re.M)))
    return names


def resolve(root, name):
    """The tests that a name stands for; Unknown with the nearest names if there are none."""
    path, _, node = name.partition("::")
    full = Path(path).resolve()
    if not (root / path).exists() and full.exists() and full.is_relative_to(root):
        path = full.relative_to(root).as_posix()
    if node:
        return [Run("py", f"{path}::{node}")]
    if (root / path).exists():
        return of_path(root, path)
    found = of_name(root, name)
    if not found:
        near = difflib.get_close_matches(name, known_names(root), 3, 0.5)
        raise Unknown(f"found {name}, expected a path, a case or a suite of C++, or a Python test" +
                      (f"; near it are {', '.join(near)}" if near else ""))
    return found


def joined(tests):
    """Runs of one binary are one run; what pytest takes is one run."""
    merged = {}
    for test in tests:
        key = (test.kind, "pytest" if test.kind == "py" else test.target)
        merged.setdefault(key, []).extend([test.target] if test.kind == "py" else test.cases)
    return [Run(kind, target, tuple(dict.fromkeys(cases))) for (kind, target), cases in merged.items()]


def call(*command):
    print("$", " ".join(command) if len(" ".join(command)) < 200 else " ".join(command)[:200] + " …", flush=True)
    return subprocess.run(command, cwd=ROOT).returncode


def build(preset, *targets):
    if not (ROOT / "build" / preset / "build.ninja").exists() and call("cmake", "--preset", preset) != 0:
        return False
    return call("cmake", "--build", f"build/{preset}", "--target", *targets) == 0


def run(test, options):
    """True: it passed."""
    preset = options.preset
    if test.kind == "py":
        wants = any(not case.startswith("tests/tools/") for case in test.cases)
        return (not wants or build("release", *PROGRAMS)) and call(
            PYTHON, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", *test.cases) == 0
    if test.kind == "page":
        return call("npm", "--prefix", "cloud/dashboard", "test", "--", test.target.removeprefix("cloud/dashboard/")) == 0
    if test.kind == "fuzz":
        corpus = ROOT / "tests/fuzz/corpus" / test.target
        return build("fuzz", test.target) and call(
            f"build/fuzz/bin/{test.target}", "-max_total_time=10", *([str(corpus)] if corpus.is_dir() else [])) == 0
    if not build(preset, test.target):
        return False
    if test.kind == "kafka":  # ctest starts the Kafka that they find
        exact = "|".join(re.escape(case).replace(r"\*", ".*") for case in test.cases)
        return call("ctest", "--test-dir", f"build/{preset}", "--output-on-failure", "--no-tests=error", "-R", f"^({exact})$") == 0
    more = [f"--gtest_repeat={options.repeat}", "--gtest_break_on_failure"] if options.repeat > 1 else []
    return call(f"build/{preset}/bin/{test.target}", f"--gtest_filter={':'.join(test.cases)}", "--gtest_brief=1", *more) == 0


def main():
    parser = argparse.ArgumentParser(prog="tools/test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--preset", default="release")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--kinds", action="store_true", help=argparse.SUPPRESS)  # what must be installed, for tools/test
    options = parser.parse_args()
    try:
        tests = joined([test for name in options.names for test in resolve(ROOT, name)])
    except Unknown as error:
        sys.exit(f"tools/test: {error}")
    if options.kinds:
        print(" ".join(sorted({test.kind for test in tests})))
        return 0
    failed = [test.target for test in tests if not run(test, options)]
    print(f"failed: {', '.join(failed)}" if failed else "passed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
