# SPDX-License-Identifier: Apache-2.0
"""The real processes under chaos, from one seed: with the embedded log and with Kafka, every kind of fault at least once
between them. And the driver has teeth: told of a reading that was never sent, it says that it is missing."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from chaos_faults import kinds  # noqa: E402

SEED = os.environ.get("TRIBUTARY_SEED", "20261121")
SECONDS = os.environ.get("TRIBUTARY_CHAOS_SECONDS", "40")
RUNS = {"lmdb": ["--seconds", SECONDS, "--log", "lmdb"], "kafka": ["--seconds", SECONDS, "--log", "kafka"],
        "hide": ["--seconds", "6", "--log", "lmdb", "--hide", "--settle", "40", "--only", "kill gateway", "net delay"]}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """All at once: most of their time is waiting. name → (exit code, what it printed)"""
    outputs, processes = {}, {}
    for name, options in RUNS.items():
        outputs[name] = tmp_path_factory.mktemp(name) / "output"
        with open(outputs[name], "wb") as out:
            processes[name] = subprocess.Popen([sys.executable, "-B", str(HERE / "chaos.py"), "--seed", SEED, *options],
                                               stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        return {name: (process.wait(600), outputs[name].read_text()) for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()


def done(text):
    """kind → how often, of the table at the end"""
    return {kind: int(count) for kind, count in re.findall(r"^    ([a-z][a-z -]*?) +(\d+)  $", text, re.M)}


@pytest.mark.parametrize("log", ["lmdb", "kafka"])
def test_chaos_gives_the_same_result(runs, log):
    code, text = runs[log]
    print(text)
    assert code == 0, text[-4000:]
    assert f"same result: seed {SEED}" in text


def test_every_kind_of_fault_was_met(runs):
    met = done(runs["lmdb"][1]).keys() | done(runs["kafka"][1]).keys()
    assert met >= kinds("lmdb").keys() | kinds("kafka").keys()


def test_a_reading_that_is_missing_without_a_reason_is_found(runs):
    code, text = runs["hide"]
    print(text[-3000:])
    assert code == 1
    # At the end, if no question meanwhile came upon it.
    assert re.search(r"not settled within 40 s; 6 things, e\.g\.:\n  attic-0 level sent at |a share of 1 hides attic-", text), text[-4000:]
