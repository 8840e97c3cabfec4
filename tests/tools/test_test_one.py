# SPDX-License-Identifier: Apache-2.0
"""tools/test NAME…: which binary and which filter a name stands for, in a small tree and in this one."""
import subprocess
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools/lib"))
from test_one import Run, Unknown, joined, resolve  # noqa: E402


@pytest.fixture
def tree(tmp_path):
    files = {
        "tests/cloud/api/CMakeLists.txt": "tributary_test(api_test LINK x)\n",
        "tests/cloud/api/days_test.cpp": "TEST(Days, OneIsLong) {\n}\nTEST_F(DaysTest,\n       TwoAreShort) {}\nTEST_P(Each, Zone) {}\n",
        "tests/cloud/log/CMakeLists.txt": "tributary_test(log_test KAFKA LINK x)\n",
        "tests/cloud/log/log_test.cpp": "TEST(Log, Appends) {}\n",
        "tests/faults/CMakeLists.txt": "add_executable(faults_test points_test.cpp disk.cpp)\n",
        "tests/faults/points_test.cpp": "TEST(Points, Hold) {}\n",
        "tests/fuzz/ack_fuzz.cpp": "", "cloud/dashboard/src/a.test.ts": "",
        "tests/e2e/test_api.py": "def test_counts(stack):\n    pass\n\n\ndef test_other():\n    pass\n",
        "cloud/api/days.cpp": "", "cloud/api/days.h": "", "cloud/api/bare.cpp": "", "cloud/api/lone.cpp": "",
        "tools/checks/exceptions.toml": '[units]\n"cloud/api/bare" = "tests/e2e/test_api.py"\n'}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


ALL_DAYS = Run("cpp", "api_test", ("Days.OneIsLong", "DaysTest.TwoAreShort", "*Each.Zone*"))


@pytest.mark.parametrize("name, expected", [
    ("tests/cloud/api/days_test.cpp", [ALL_DAYS]), ("cloud/api/days.cpp", [ALL_DAYS]), ("cloud/api/days.h", [ALL_DAYS]),
    ("cloud/api", [ALL_DAYS]), ("tests/cloud/api/", [ALL_DAYS]),
    ("cloud/api/bare.cpp", [Run("py", "tests/e2e/test_api.py")]),
    ("Days", [Run("cpp", "api_test", ("Days.OneIsLong",))]), ("OneIsLong", [Run("cpp", "api_test", ("Days.OneIsLong",))]),
    ("Days.OneIsLong", [Run("cpp", "api_test", ("Days.OneIsLong",))]),
    ("Days*", [Run("cpp", "api_test", ("Days.OneIsLong", "DaysTest.TwoAreShort"))]),
    ("Each.Zone", [Run("cpp", "api_test", ("*Each.Zone*",))]),
    ("Log.Appends", [Run("kafka", "log_test", ("Log.Appends",))]),
    ("tests/faults/points_test.cpp", [Run("cpp", "faults_test", ("Points.Hold",))]),
    ("tests/fuzz/ack_fuzz.cpp", [Run("fuzz", "fuzz_ack")]), ("cloud/dashboard/src/a.test.ts", [Run("page", "cloud/dashboard/src/a.test.ts")]),
    ("tests/e2e/test_api.py", [Run("py", "tests/e2e/test_api.py")]), ("test_api", [Run("py", "tests/e2e/test_api.py")]),
    ("tests/e2e/test_api.py::test_counts", [Run("py", "tests/e2e/test_api.py::test_counts")]),
    ("test_counts", [Run("py", "tests/e2e/test_api.py::test_counts")])])
def test_a_name_stands_for_these_tests(tree, name, expected):
    assert resolve(tree, name) == expected


@pytest.mark.parametrize("name, words", [
    ("DaysTes", "near it are DaysTest"), ("cloud/api/lone.cpp", "expected tests/cloud/api/lone_test.cpp"),
    ("tools/checks/exceptions.toml", "expected a test or a unit"), ("nothing/like/this", "expected a path"),
    ("tests/fuzz", "a folder without tests")])
def test_a_name_that_no_test_has_is_told_with_what_was_expected(tree, name, words):
    with pytest.raises(Unknown, match="found ") as told:
        resolve(tree, name)
    assert words in str(told.value)


def test_runs_of_one_binary_are_one_run(tree):
    tests = resolve(tree, "Days") + resolve(tree, "DaysTest") + resolve(tree, "Days") + resolve(tree, "test_other")
    assert joined(tests) == [Run("cpp", "api_test", ("Days.OneIsLong", "DaysTest.TwoAreShort")),
                             Run("py", "pytest", ("tests/e2e/test_api.py::test_other",))]


def test_every_unit_of_this_tree_leads_to_a_test():
    for top in ("common", "edge", "cloud"):
        for file in sorted((ROOT / top).rglob("*.cpp")):
            if file.name != "main.cpp" and "node_modules" not in file.parts:
                assert resolve(ROOT, file.relative_to(ROOT).as_posix())


def test_one_python_test_runs_alone_without_a_build():
    done = subprocess.run([sys.executable, "-B", ROOT / "tools/lib/test_one.py", "test_circles_and_floors_of_a_graph"],
                          capture_output=True, text=True)
    assert done.returncode == 0 and "1 passed" in done.stdout and "cmake" not in done.stdout
