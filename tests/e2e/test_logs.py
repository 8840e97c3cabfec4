# SPDX-License-Identifier: Apache-2.0
"""The same records through both logs give the same state, byte for byte: the bundled day is merged from the embedded log,
the log is copied into Kafka, merged there by another aggregator, and the digests of the two states are equal.
Both logs refuse a partition count other than theirs."""
import subprocess

import demo
from kafka import Kafka
from refusals import expect_refusals
from stack import Stack, wait_for
from telemetry import load, payload

CTL = str(demo.BIN / "tributaryctl")


def ctl(*arguments):
    run = subprocess.run([CTL, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, (arguments, run.stdout, run.stderr)
    return run.stdout


def records(url):
    return int(ctl("log", "info", "--url", url).split("records 0 to ")[1].split()[0])


def test_the_bundled_data_through_both_logs_gives_equal_states(tmp_path):
    messages = load()
    with Stack(tmp_path / "stack") as stack:
        with stack.publisher() as sensor:
            for device, fields, timestamp in messages:
                sensor.send(f"sensors/{device}", payload(fields, timestamp))
        wait_for(lambda: stack.count("temperature") >= len(messages), 120, 0.25)
        stack.hold("edge")
        stack.hold("second-gateway")
        embedded = stack.layout.log_url
        wait_for(lambda: f'position{{partition="0"}} {records(embedded)}\n' in stack.metrics_text(), 60)
    expect_refusals(tmp_path, embedded, 1)
    first = ctl("state", "digest", "--dir", tmp_path / "stack/state")
    kafka = Kafka(tmp_path / "kafka")
    kafka.start()
    try:
        url = f"kafka://{kafka.address}/copy"
        print(ctl("log", "copy", embedded, url).strip())
        config = (tmp_path / "stack/aggregator.toml").read_text()
        config = config.replace(embedded, url).replace(f"{tmp_path}/stack/state", f"{tmp_path}/copy")
        config = config.replace(f"port = {stack.layout.http}", "port = 0")
        (tmp_path / "copy.toml").write_text(config)
        other = subprocess.Popen([demo.BIN / "tributary-aggregator", "--config", tmp_path / "copy.toml"],
                                 stderr=subprocess.PIPE, text=True)
        try:
            address = next(line.split("http://")[1].strip() for line in other.stderr if "http://" in line)
            wait_for(lambda: f'position{{partition="0"}} {records(url)}\n'
                     in stack.metrics_text(base=f"http://{address}"), 60)
        finally:
            other.terminate()
            other.wait(30)
        # Copied, so of one partition too.
        expect_refusals(tmp_path, url, 1)
        second = ctl("state", "digest", "--dir", tmp_path / "copy")
    finally:
        kafka.stop()
    print(first.strip())
    assert records_merged(first) > 0 and first == second


def records_merged(digest):
    return int(digest.split("position ")[1])
