# SPDX-License-Identifier: Apache-2.0
"""FAULTS 10: a partition count that differs from the one stored with the log: every program that has one refuses to
start, and names both. (The edge knows of no partitions.)"""
import re
import subprocess

import demo


def refusal(command):
    run = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=30)
    assert run.returncode in (1, 2), (command, run.returncode, run.stdout, run.stderr)
    return run.stderr


def expect_refusals(folder, url, stored):
    """With each program of the cloud, at a log of `stored` partitions; what they said."""
    wrong = stored + 2
    log = f'[log]\nurl = "{url}"\npartitions = {wrong}\n'
    (folder / "wrong-bridge.toml").write_text(f'[mqtt]\nurl = "tcp://127.0.0.1:9"\n[http]\nport = 0\n{log}')
    (folder / "keys.json").touch(0o600)
    (folder / "wrong-aggregator.toml").write_text(f'[state]\ndir = "{folder}/wrong-state"\n[http]\nport = 0\n'
                                                  f'[keys]\nfile = "{folder}/keys.json"\n{log}')
    # A log of the other count, as the source of a copy into this one.
    other = f"lmdb://{folder}/wrong-log"
    make_log(folder, other, wrong)
    said = {
        "bridge": refusal([demo.BIN / "tributary-bridge", "--config", folder / "wrong-bridge.toml"]),
        "aggregator": refusal([demo.BIN / "tributary-aggregator", "--config", folder / "wrong-aggregator.toml"]),
        "tributaryctl": refusal([demo.BIN / "tributaryctl", "log", "copy", other, url]),
    }
    for program, text in said.items():
        numbers = re.findall(r"(?<![\w.:/-])\d+(?![\w.:/-])", text)
        assert {str(stored), str(wrong)} <= set(numbers) and "partitions" in text, (program, text)
        print(f"{program}: {text.strip()}")
    assert not (folder / "wrong-state").exists()


def make_log(folder, url, partitions):
    """An empty embedded log, made by a bridge that is stopped once it has."""
    config = folder / "other-bridge.toml"
    config.write_text(f'[mqtt]\nurl = "tcp://127.0.0.1:9"\n[http]\nport = 0\n'
                      f'[log]\nurl = "{url}"\npartitions = {partitions}\n')
    bridge = subprocess.Popen([demo.BIN / "tributary-bridge", "--config", config], stderr=subprocess.PIPE, text=True)
    try:
        assert any(f"{partitions} partitions" in line for line in bridge.stderr)
    finally:
        bridge.terminate()
        bridge.communicate(timeout=30)
