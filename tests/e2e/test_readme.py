# SPDX-License-Identifier: Apache-2.0
"""The commands of README.md do what it says: taken out of it and run, with this stack's ports and passwords."""
import json
import os
import re
import subprocess
import time

import pytest

from stack import ROOT, wait_for


def commands_of(section):
    """The indented lines of a section of README.md."""
    text = (ROOT / "README.md").read_text()
    body = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert body, f"README.md has no section {section}"
    return [line.strip() for line in body[1].splitlines() if line.startswith("    ") and line.strip()]


def fitted(stack, command):
    """The command for this stack: its ports for the usual ones, and a curl that fails where the answer is an error."""
    command = command.replace("http://127.0.0.1:8080", stack.http).replace("http://127.0.0.1:8081", stack.ingest)
    return re.sub(r"^curl ", "curl --silent --show-error --fail ", command)


def environment(stack):
    """What the demo's line `export DEMO=…` gives, and nothing else: no key, no password."""
    stack.layout.write_clients()
    return {**{name: value for name, value in os.environ.items() if name not in ("KEY", "XDG_CONFIG_HOME")},
            "DEMO": str(stack.layout.folder)}


def run(stack, command, seconds=20):
    return subprocess.run(["bash", "-c", fitted(stack, command)], capture_output=True, text=True, timeout=seconds,
                          env=environment(stack))


@pytest.fixture(scope="module")
def published(stack):
    """Every command that publishes was run, and succeeded."""
    commands = commands_of("Publish a sensor")
    assert sum(" mosquitto_pub " in command for command in commands) >= 2
    assert not any(stack.key in command or " -P " in command or "X-API-Key:" in command for command in commands)
    assert sum(command.startswith("curl ") for command in commands) >= 1
    for command in commands:
        done = run(stack, command)
        assert done.returncode == 0, (command, done.stderr)
        if command.startswith("curl "):
            answer = json.loads(done.stdout)
            assert answer["accepted"] >= 1 and answer["rejected"] == {}, (command, answer)
    return commands


def test_what_is_published_arrives(stack, published):
    wait_for(lambda: stack.count("temperature", device="kitchen") == len(published), 60)


def test_every_question_is_answered(stack, published):
    wait_for(lambda: stack.count("temperature", device="kitchen") == len(published), 60)
    questions = [command for command in commands_of("Ask") if "/stream" not in command]
    assert len(questions) >= 3 and any("from=-24h" in question for question in questions)
    for command in questions:
        done = run(stack, command)
        assert done.returncode == 0, (command, done.stderr, done.stdout)
        answer = json.loads(done.stdout)
        assert answer["metric"] == "temperature" and "share" in answer["completeness"], command
        rows = [row for group in answer["series"] for row in group["rows"]] if "series" in answer else [answer]
        assert rows and all(row["mean"] == 21.5 for row in rows), (command, answer)


def test_the_stream_tells(stack, published):
    command = next(command for command in commands_of("Ask") if "/stream" in command)
    process = subprocess.Popen(["bash", "-c", "exec " + fitted(stack, command)], stdout=subprocess.PIPE, text=True,
                               env=environment(stack))
    try:
        def await_event(name):
            deadline = time.monotonic() + 30
            for line in process.stdout:
                assert time.monotonic() < deadline, f"no event {name}"
                if line == f"event: {name}\n":
                    return
            raise AssertionError(f"the stream ended before {name}")
        await_event("hello")
        assert run(stack, published[-1]).returncode == 0
        await_event("windows")
    finally:
        process.kill()
        process.wait()
