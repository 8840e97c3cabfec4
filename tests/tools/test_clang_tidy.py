# SPDX-License-Identifier: Apache-2.0
"""tools/checks/clang_tidy.py and changed.py: what counts as changed, which units are looked at, what is found and left out."""
import json
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools/checks"))
import changed  # noqa: E402
import clang_tidy  # noqa: E402

CLEAN = "int twice(int x) { return x + x; }\n"
FAULTY = "double half(int x) {\n  return x / 2;\n}\n"


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit on main; run(…) is git in it."""
    def run(*arguments):
        subprocess.run(["git", "-c", "user.name=test", "-c", "user.email=test@example.org", *arguments], cwd=tmp_path, check=True,
                       capture_output=True)
    run("init", "-q", "-b", "main")
    (tmp_path / "edge").mkdir()
    for name in ("edge/a.cpp", "edge/a.h", "edge/b.cpp", "edge/gone.cpp"):
        (tmp_path / name).write_text("// one\n")
    run("add", "-A")
    run("commit", "-q", "-m", "first")
    return tmp_path, run


def test_nothing_changed_is_nothing(repository):
    root, _ = repository
    assert changed.changed_files(root, changed.base_revision(root)) == {}


def test_what_a_branch_committed_changed_and_added_counts_and_what_is_gone_does_not(repository):
    root, run = repository
    run("checkout", "-q", "-b", "work")
    (root / "edge/a.cpp").write_text("// one\n// two\n// three\n")
    run("rm", "-q", "edge/gone.cpp")
    run("commit", "-q", "-am", "second")
    (root / "edge/b.cpp").write_text("// other\n")
    (root / "edge/new.cpp").write_text("// 1\n// 2\n")
    assert changed.changed_files(root, changed.base_revision(root)) == {"edge/a.cpp": 2, "edge/b.cpp": 2, "edge/new.cpp": 2}


def test_an_unknown_revision_is_refused(repository):
    assert changed.changed_files(repository[0], "nosuch") is None
    done = subprocess.run([sys.executable, "-B", ROOT / "tools/checks/clang_tidy.py", "--since", "nosuch"], capture_output=True, text=True)
    assert done.returncode == 2 and "found nosuch, expected a revision" in done.stdout


def test_units_come_by_how_much_changed_and_headers_by_a_unit_that_includes_them(tmp_path):
    (tmp_path / "edge").mkdir()
    for name, text in {"a.cpp": '#include "edge/alone.h"\n', "b.cpp": "", "alone.h": "", "b.h": "", "unbuilt.cpp": ""}.items():
        (tmp_path / "edge" / name).write_text(text)
    compiled = {str(tmp_path / "edge/a.cpp"), str(tmp_path / "edge/b.cpp")}
    changes = {"edge/alone.h": 2, "edge/b.h": 5, "edge/unbuilt.cpp": 9, "README.md": 3}
    assert clang_tidy.units_to_look_at(changes, tmp_path, compiled) == ["edge/b.cpp", "edge/a.cpp"]


@pytest.fixture
def project(tmp_path):
    """A build of two units, one with a fault, under the repository's own rules."""
    shutil.copy(ROOT / ".clang-tidy", tmp_path)
    commands = []
    for name, text in (("clean.cpp", CLEAN), ("faulty.cpp", FAULTY)):
        (tmp_path / name).write_text(text)
        commands.append({"directory": str(tmp_path), "file": name, "command": f"c++ -std=c++20 -Wno-restrict -c {name}"})
    (tmp_path / "compile_commands.json").write_text(json.dumps(commands))
    return tmp_path


def test_a_fault_is_found_and_named_with_its_line(project):
    units = [str(project / "clean.cpp"), str(project / "faulty.cpp")]
    faults, left = clang_tidy.look(units, project, 120, {"clean.cpp", "faulty.cpp"})
    assert left == [] and len(faults) == 1
    assert faults[0].startswith("faulty.cpp:2:10: ") and "[bugprone-integer-division" in faults[0]


def test_a_fault_of_a_file_that_did_not_change_is_not_told(project):
    assert clang_tidy.look([str(project / "faulty.cpp")], project, 120, {"clean.cpp"}) == ([], [])


def test_what_cannot_be_compiled_is_told(project):
    (project / "faulty.cpp").write_text('#include "no_such_header.h"\n')
    faults, _ = clang_tidy.look([str(project / "faulty.cpp")], project, 120, {"faulty.cpp"})
    assert any("no_such_header.h" in fault for fault in faults)


def test_what_the_time_does_not_reach_is_said(project):
    unit = str(project / "clean.cpp")
    assert clang_tidy.look([unit], project, 0, {"clean.cpp"}) == ([], [unit])
