# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over what changed: each .cpp, and for a header a unit that includes it. Says what it finds and what it left out.

  --since REVISION   what changed since then (default: since this branch left the main line); "all": every unit
  --seconds N        begins with what changed most and stops after so long (default 120)
  --build DIR        where compile_commands.json is (default build/release, configured if it is not there)
"""
import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from changed import base_revision, changed_files  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "clang-tidy-14"
# GCC's own options, and what a precompiled header of GCC would want.
OPTIONS = ["--quiet", "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-ignored-optimization-argument",
           "--extra-arg=-Wno-error"]


def compiled_files(build):
    """The files that the build compiles, from compile_commands.json."""
    return {str(Path(entry["directory"], entry["file"]).resolve()) for entry in json.loads((build / "compile_commands.json").read_text())}


def configure(build):
    """Makes compile_commands.json and the headers that are generated. An error text, or None."""
    for command in (["cmake", "--preset", build.name], ["cmake", "--build", str(build), "--target", "tributary_proto"]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            return f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}"
    return None


def units_to_look_at(changed, root, compiled):
    """The units to look at, those that changed most first. A header without a unit of its name: the first that includes it."""
    sources = {}
    for name, lines in changed.items():
        path = Path(name)
        if path.suffix == ".cpp":
            unit = name
        elif path.suffix == ".h" and str(root / path.with_suffix(".cpp")) in compiled:
            unit = path.with_suffix(".cpp").as_posix()
        elif path.suffix == ".h":
            line = re.compile(rf'^#include "{re.escape(name)}"', re.M)
            unit = next((file for file in sorted(compiled) if Path(file).is_relative_to(root) and
                         Path(file).is_file() and line.search(Path(file).read_text(encoding="utf-8"))), None)
            unit = unit and Path(unit).relative_to(root).as_posix()
        else:
            continue
        if unit and str(root / unit) in compiled:
            sources[unit] = sources.get(unit, 0) + lines
    return sorted(sources, key=lambda unit: (-sources[unit], unit))


def faults_of(output, changed):
    """The lines of the output that name a fault in what changed, shortened to the repository, each once. What only passes
    through main ends the program with a line, as it should."""
    found = [line.replace(f"{ROOT}/", "") for line in re.findall(r"^(\S+:\d+:\d+: (?:warning|error): .*)$", output, re.M)]
    return list(dict.fromkeys(line for line in found if line.split(":", 1)[0] in changed and "in function 'main'" not in line))


def look(units, build, seconds, changed):
    """(faults in the changed files, units left out). Several at once, until the time is over."""
    deadline, faults, left, lock = time.monotonic() + seconds, [], [], threading.Lock()

    def one(unit):
        rest = deadline - time.monotonic()
        try:
            if rest <= 0:
                raise subprocess.TimeoutExpired(PROGRAM, 0)
            done = subprocess.run([PROGRAM, "-p", str(build), *OPTIONS, unit], cwd=ROOT, capture_output=True, text=True, timeout=rest)
        except subprocess.TimeoutExpired:
            with lock:
                left.append(unit)
            return
        output = done.stdout + done.stderr
        with lock:
            faults.extend(faults_of(output, changed))
            if re.search(r"clang-diagnostic-error|unable to handle compilation|no such file", output, re.I):
                faults.append(f"{unit}: cannot be looked at: {output.strip()[-500:]}")
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        list(pool.map(one, units))
    return sorted(set(faults)), left


def main():
    parser = argparse.ArgumentParser(prog="clang_tidy.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--since")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    options = parser.parse_args()
    if options.since == "all":
        changed = {path: 1 for path in subprocess.run(["git", "ls-files", "*.cpp"], cwd=ROOT, capture_output=True, text=True).stdout.split()}
    else:
        since = options.since or base_revision(ROOT)
        changed = changed_files(ROOT, since) if since else {}
        if changed is None:
            print(f"--since: found {options.since}, expected a revision that git knows, or all")
            return 2
    if not any(name.endswith((".h", ".cpp")) for name in changed):
        print("clang-tidy: nothing changed")
        return 0
    build = options.build.resolve()
    if not (build / "compile_commands.json").exists() or not list(build.glob("generated/proto/*.pb.h")):
        trouble = configure(build)
        if trouble:
            print(trouble)
            return 1
    units = units_to_look_at(changed, ROOT, compiled_files(build))
    faults, left = look(units, build, options.seconds, set(changed))
    for line in faults:
        print(line)
    if left:
        print(f"left out after {options.seconds} s: {' '.join(left)}")
    print(f"clang-tidy: {len(units) - len(left)} of {len(units)} units, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
