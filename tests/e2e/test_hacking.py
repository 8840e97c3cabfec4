# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/hacking.md, *A look inside*, say what stands there: run on a small system, compared line by line with
numbers, times and identifiers aside; and none of them writes."""
import hashlib
import re
import subprocess

import pytest

from stack import ROOT, wait_for
import demo


def examples():
    """(command, lines that it is said to print) of each example."""
    text = (ROOT / "docs/hacking.md").read_text()
    block = re.search(r"^## A look inside\n.*?^```console\n(.*?)^```", text, re.M | re.S)[1]
    parts = re.split(r"^\$ ", block, flags=re.M)[1:]
    return [(part.splitlines()[0], part.splitlines()[1:]) for part in parts]


def shape(line):
    """The line without what differs from run to run."""
    line = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", line.rstrip())
    line = re.sub(r"\b[0-9a-f]{16,}\b", "ID", line)
    return re.sub(r"\s+", " ", re.sub(r"\d+(?:\.\d+)?", "N", line))


def fits(line, documented):
    if documented.endswith("…"):
        return shape(line).startswith(shape(documented[:-1]).rstrip())
    return shape(line) == shape(documented)


@pytest.fixture(scope="module")
def measured(stack):
    with stack.publisher() as sensor:
        for _ in range(3):
            sensor.send("sensors/kitchen", '{"temperature":21.5}')
    wait_for(lambda: stack.count("temperature", device="kitchen") == 3, 60)
    return stack


@pytest.mark.parametrize("command, documented", examples(), ids=[command.split("$")[0].strip() for command, _ in examples()])
def test_a_command_says_what_the_document_shows(measured, command, documented):
    program, rest = command.split(" ", 1)
    done = subprocess.run(["bash", "-c", f"exec {demo.BIN}/{program} {rest}"], capture_output=True, text=True, timeout=30,
                          env={"DEMO": str(measured.layout.folder)})
    assert done.returncode == 0, done.stderr
    said, place = done.stdout.splitlines(), 0
    for line in documented:
        found = next((at for at in range(place, len(said)) if fits(said[at], line)), None)
        assert found is not None, f"not said, or not in this order: {line}\n{done.stdout[:4000]}"
        place = found + 1


def test_none_of_them_writes(measured):
    for part in [name for name in measured.parts if name not in ("mosquitto", "kafka")]:
        measured.hold(part)
    folder = measured.layout.folder

    def contents():
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*.mdb"))
                if path.name != "lock.mdb"}
    before = contents()
    assert before
    for command, _ in examples():
        program, rest = command.split(" ", 1)
        subprocess.run(["bash", "-c", f"exec {demo.BIN}/{program} {rest}"], capture_output=True, timeout=30, check=True,
                       env={"DEMO": str(folder)})
    assert contents() == before
