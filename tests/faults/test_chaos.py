# SPDX-License-Identifier: Apache-2.0
"""The real processes under chaos, from one seed: with the embedded log and with Kafka, every kind of fault at least once
between them. And the driver has teeth: a reading that is missing without a reason, or counted twice, ends it."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from chaos_faults import kinds, make_schedule  # noqa: E402

SEED = os.environ.get("TRIBUTARY_SEED", "20261121")
SECONDS = os.environ.get("TRIBUTARY_CHAOS_SECONDS", "40")
LOGS = ("lmdb", "kafka")


def run(*options):
    """(exit code, what it printed)"""
    done = subprocess.run([sys.executable, "-B", str(HERE / "chaos.py"), "--seed", SEED, *options], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    print(done.stdout)
    return done.returncode, done.stdout


def scheduled(log):
    return {fault.kind for fault in make_schedule(f"{SEED}.0", float(SECONDS), log)}


def test_every_kind_of_fault_comes():
    assert scheduled("lmdb") | scheduled("kafka") == kinds("lmdb").keys() | kinds("kafka").keys()


@pytest.mark.parametrize("log", LOGS)
def test_chaos_gives_the_same_result(log):
    code, text = run("--seconds", SECONDS, "--log", log)
    assert code == 0, text[-4000:]
    assert f"same result: seed {SEED}" in text
    assert {kind for kind, _ in re.findall(r"^    ([a-z][a-z -]*?) +(\d+)  $", text, re.M)} == scheduled(log)
    assert "no outbox to" not in text and "no state copied" not in text, "a fault could not be done"


@pytest.mark.parametrize("tooth, found", [
    # At the end, if no question meanwhile came upon it.
    ("missing", r"not settled within 40 s; 6 things, e\.g\.:\n  attic-0 level sent at |a share of 1 hides attic-"),
    ("doubled", r"client-0 posted: doubled or foreign")], ids=["missing", "doubled"])
def test_what_is_wrong_is_found(tooth, found):
    code, text = run("--seconds", "6", "--log", "lmdb", "--tooth", tooth, "--settle", "40", "--only", "kill gateway", "net delay")
    assert code == 1 and re.search(found, text), text[-4000:]
