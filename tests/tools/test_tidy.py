# SPDX-License-Identifier: Apache-2.0
"""tools/checks/tidy.py and the reader of C++ under it, on small trees: what each rule must find and what it must let pass."""
import resource
import subprocess
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools/checks"))
import cpp  # noqa: E402
import tidy  # noqa: E402

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n// A file of a test.\n"


@pytest.fixture
def tree(tmp_path):
    """tree(path=text …) is a Tree of these files (with / written __, and . as _dot_)."""
    def make(files):
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tidy.Tree(tmp_path, sorted(files))
    return make


def long_function(lines, head="int long_one(int x)"):
    return head + " {\n" + "  x();\n" * (lines - 2) + "}\n"


CODE = """namespace a {
struct Point {  // {
  int x = 0;
  int length() const { return x; }
};
enum class Colour : int { kRed, kBlue };
template <typename T>
class Box final : public Point {
 public:
  explicit Box(T value) : value_(value), more_{1, 2} {
    if (value) { value_ = '{'; }
  }
  Box& operator=(const Box&) noexcept;
  bool operator()(int) const { return true; }
 private:
  struct Impl { int y; };
  T value_;
};
constexpr int kTable[] = {1'000, 2};
const auto lambda = [](int x) { return x; };
using Id = unsigned long;
}  // namespace a
a::Point make() noexcept {
  return {.x = 1};  /* } */
}
TEST(Suite, Claim) { const char* text = R"x( } )x"; }
"""


def test_functions_are_found_whole_and_by_name():
    functions, _ = cpp.scan(CODE)
    assert [(one.name, one.line, one.lines) for one in functions] == [
        ("length", 4, 1), ("Box", 10, 3), ("operator()", 14, 1), ("make", 23, 3), ("TEST(Suite,Claim)", 26, 1)]


def test_types_are_found_and_told_from_those_inside_others():
    _, types = cpp.scan(CODE)
    assert [(one.name, one.line, one.nested, one.alias) for one in types] == [
        ("Point", 2, False, ""), ("Colour", 6, False, ""), ("Box", 7, False, ""), ("Impl", 16, True, ""),
        ("Id", 21, False, "unsigned long")]


def test_braces_in_comments_text_and_directives_hide_nothing():
    functions, _ = cpp.scan('// {\n#define X {\n/* { */ void f() {\n  g("{", \'{\', 1\'000);\n}\nvoid h() {}\n')
    assert [(one.name, one.lines) for one in functions] == [("f", 3), ("h", 1)]


def test_a_function_of_seventy_lines_passes_and_one_more_does_not(tree):
    assert tidy.functions(tree({"edge/a.cpp": long_function(70)})) == {}
    assert tidy.functions(tree({"edge/a.cpp": long_function(71), "tools/b.py": "def f():\n" + "    f()\n" * 70})) == {
        "edge/a.cpp:long_one": 71, "tools/b.py:f": 71}


def test_a_file_of_more_than_six_hundred_lines_is_named_unless_it_is_data(tree):
    assert tidy.files(tree({"edge/a.h": "\n" * 601, "edge/b.h": "\n" * 600, "tests/data/x.txt": "\n" * 900})) == {"edge/a.h": 601}


def test_lines_of_documents_are_measured_but_addresses_and_rows(tree):
    long = "word " * 30
    made = tree({"docs/a.md": f"{long}\nhttps://{'x' * 130}\n| {long} |\n"})
    assert tidy.long_lines(made) == ["docs/a.md:1: 150 characters, expected at most 120"]
    assert tidy.tables(made) == {"docs/a.md": 154}


def test_a_type_name_for_two_things_is_named_and_one_alias_for_one_thing_is_not(tree):
    made = tree({"edge/a.h": "struct Head { int x; };\nusing Clock = std::chrono::steady_clock;\n",
                 "cloud/b.h": "class Head {};\nstruct Other { struct Inner {}; };\n",
                 "cloud/c.cpp": "using Clock = std::chrono::steady_clock;\nstruct More { struct Inner {}; };\n",
                 "cloud/d.h": "class Head;\n", "tests/e.cpp": "struct Other {};\n"})
    assert tidy.types(made) == {"Head": ["cloud/b.h", "edge/a.h"]}


def test_a_unit_needs_a_test_of_its_name_or_a_line(tree):
    made = tree({"edge/a.cpp": "", "edge/b.cpp": "", "edge/main.cpp": "", "tests/edge/a_test.cpp": ""})
    assert tidy.units(made) == {"edge/b"}
    assert "edge/b: has no test of its name" in "\n".join(tidy.check(made, {}))
    covered = "\n".join(tidy.check(made, {"units": {"edge/b": "tests/edge/a_test.cpp"}}))
    assert "edge/b: " not in covered and "[units]" not in covered
    assert "[units] edge/b: there is no tests/gone" in "\n".join(tidy.check(made, {"units": {"edge/b": "tests/gone"}}))


def test_what_nothing_uses_is_found(tree):
    made = tree({"edge/CMakeLists.txt": "tributary_library(tributary_edge)\n", "edge/a.cpp": '#include "edge/a.h"\n', "edge/a.h": "",
                 "edge/dead.h": "", "lost/b.cpp": "", "tools/run.py": "import used\n", "tools/used.py": "", "tools/left.py": "",
                 "tests/fuzz/CMakeLists.txt": "tributary_fuzz(ack LINK x)\n", "tests/fuzz/ack_fuzz.cpp": "",
                 "tests/fuzz/corpus/fuzz_ack/1": "", "tests/fuzz/corpus/fuzz_gone/1": "", "README.md": "tools/run.py"})
    assert tidy.unused(made) == {"edge/dead.h", "lost/b.cpp", "tools/left.py", "tests/fuzz/corpus/fuzz_gone/1"}
    assert tidy.only_tested(made) == {"edge/a.h", "edge/dead.h"}


@pytest.mark.parametrize("text", ["// TO" + "DO: later", "GTEST_" + "SKIP();", "TEST(A, DIS" + "ABLED_B)", "@pytest.mark." + "skipif(x)",
                                  "pytest." + "skip('x')", "it." + "only('x')", "numeric_limits<double>::" + "min()"])
def test_what_puts_off_or_skips_is_banned(tree, text):
    found = tidy.banned(tree({"edge/a.cpp": f"fine\n{text}\n"}))
    assert len(found) == 1 and found[0].startswith("edge/a.cpp:2: found ")


def test_words_that_only_look_alike_are_not_banned(tree):
    assert tidy.banned(tree({"edge/a.cpp": "/tmp/name-XXXXXX fields.skip(type); numeric_limits<int>::min()"})) == []


def test_a_file_opens_with_its_licence_and_what_it_is(tree):
    made = tree({"edge/a.h": LICENCE, "edge/b.h": "#pragma once\n", "edge/c.h": "// SPDX-License-Identifier: Apache-2.0\n#include <x>\n",
                 "edge/d.cpp": '// SPDX-License-Identifier: Apache-2.0\n#include "edge/d.h"\n'})
    assert [line.split(":")[0] for line in tidy.heads(made)] == ["edge/b.h", "edge/c.h"]


def test_an_exception_must_fit_exactly_and_may_only_shrink(tree):
    made = tree({"edge/a.cpp": long_function(80), "tools/b.md": ""})
    found = tidy.functions(made)
    name = "edge/a.cpp:long_one"
    assert tidy.compare("functions", 70, "lines", found, {name: 80}) == []
    assert "grew to 80" in tidy.compare("functions", 70, "lines", found, {name: 75})[0]
    assert "lower it to 80" in tidy.compare("functions", 70, "lines", found, {name: 90})[0]
    assert "strike it" in tidy.compare("functions", 70, "lines", found, {name: 80, "edge/gone.cpp:f": 71})[0]
    assert tidy.grown({"functions": {name: 80}}, {"functions": {name: 80}}) == []
    assert tidy.grown({"functions": {name: 80}}, {"functions": {"edge/other.cpp:g": 79}}) == []  # moved, and smaller
    assert "grew" in tidy.grown({"functions": {name: 80}}, {"functions": {name: 80, "edge/more.cpp:h": 71}})[0]


def test_shrink_strikes_and_lowers_and_never_adds(tree):
    made = tree({"edge/a.cpp": long_function(80), "edge/b.cpp": long_function(75, "int other()"), "tests/edge/b_test.cpp": ""})
    text = ('# Kept.\n[functions]\n"edge/a.cpp:long_one" = 90\n"edge/gone.cpp:f" = 99\n[units]\n"edge/a" = "tests/edge/b_test.cpp"\n'
            '"edge/b" = "tests/edge/b_test.cpp"\n')
    assert tidy.shrink(made, text) == ('# Kept.\n[functions]\n"edge/a.cpp:long_one" = 80\n[units]\n'
                                       '"edge/a" = "tests/edge/b_test.cpp"\n')


def test_the_tree_keeps_its_own_rules_and_the_check_is_quick():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-B", ROOT / "tools/checks/tidy.py"], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout
    assert done.stdout.rstrip().endswith(" 0 faults")
    assert after.ru_utime - before.ru_utime < 3
