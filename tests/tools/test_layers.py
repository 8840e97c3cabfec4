# SPDX-License-Identifier: Apache-2.0
"""tools/checks/layers.py on small trees: what it must find, and that the tree itself is sound."""
import subprocess
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools/checks"))
import layers  # noqa: E402

RULES = {"common/base": [], "common/wire": ["common/base"], "edge/window": ["common"], "edge": ["common", "edge"]}


@pytest.fixture
def tree(tmp_path):
    """write(path, includes…) makes a file; every room of RULES is there."""
    for room in RULES:
        (tmp_path / room).mkdir(parents=True, exist_ok=True)

    def write(path, *targets):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f'#include "{target}"\n' for target in targets))
        return tmp_path
    return write


def wrong(root, rules=None, still_wrong=()):
    return layers.check(root, rules or RULES, set(still_wrong))[0]


def test_what_the_rules_allow_passes(tree):
    tree("common/base/bytes.h")
    tree("common/wire/body.h", "common/base/bytes.h")
    tree("edge/window/readings.h", "common/wire/body.h", "edge/window/other.h")
    assert wrong(tree("edge/main.cpp", "edge/window/readings.h", "common/base/bytes.h")) == []


def test_an_include_that_no_rule_allows_is_named_with_its_line(tree):
    assert wrong(tree("common/wire/body.h", "common/base/bytes.h", "edge/window/readings.h")) == [
        "common/wire/body.h:2: common/wire must not include edge/window/readings.h"]


def test_a_rule_that_points_upwards_is_wrong_itself(tree):
    rules = {**RULES, "common/base": ["common/wire"]}
    assert wrong(tree("common/base/bytes.h"), rules) == [
        "rule of common/base: names common/wire, which stands below it in the list: an arrow upwards"]


def test_a_folder_without_a_rule_is_named(tree):
    assert wrong(tree("cloud/new/part.h", "common/base/bytes.h")) == [
        "cloud/new/part.h:1: no rule says what cloud/new is"]


def test_a_rule_without_a_folder_is_named(tree):
    rules = {**RULES, "common/gone": []}
    assert wrong(tree("common/base/bytes.h"), rules) == ["rule of common/gone: there is no such folder"]


def test_a_circle_of_files_inside_one_room_is_found(tree):
    tree("common/base/a.h", "common/base/b.h")
    tree("common/base/b.h", "common/base/c.h")
    assert wrong(tree("common/base/c.h", "common/base/a.h")) == [
        "a circle of files: common/base/a.h, common/base/b.h, common/base/c.h"]


def test_what_is_still_wrong_is_borne_and_must_be_struck_once_it_is_mended(tree):
    known = [("common/wire", "edge/window")]
    assert wrong(tree("common/wire/body.h", "edge/window/readings.h"), still_wrong=known) == []
    assert wrong(tree("common/wire/body.h", "common/base/bytes.h"), still_wrong=known) == [
        "STILL_WRONG: common/wire no longer includes edge/window: strike it"]


def test_circles_and_floors_of_a_graph():
    assert layers.circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}}) == [["b", "c"]]
    assert layers.floors({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": 2, "b": 1, "c": 0}


def test_the_tree_keeps_its_own_rules():
    done = subprocess.run([sys.executable, "-B", ROOT / "tools/checks/layers.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "rooms on" in done.stdout and done.stdout.rstrip().endswith("0 circles")
