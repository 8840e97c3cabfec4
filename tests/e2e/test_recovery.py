# SPDX-License-Identifier: Apache-2.0
"""After each recovery every program says what it found, in one line and in its metrics; and a damaged state or log is
never read as if nothing had happened: the state is made again from the log, the log is refused by name."""
import json
import subprocess
import time
import urllib.request

import demo
from stack import wait_for


def recoveries(base):
    """{kind: how many} of a program's metrics"""
    text = demo.http_ok(f"{base}/metrics") or b""
    return {line.split('"')[1]: int(line.rsplit(" ", 1)[1]) for line in text.decode().splitlines()
            if line.startswith("tributary_recoveries_total{")}


def told(stack, part, base, kind, words):
    """The line that the program wrote for its first recovery of the kind; waits for it."""
    wait_for(lambda: recoveries(base).get(kind) == 1, 30)
    lines = [line for line in stack.parts[part].tail(200).splitlines() if words in line]
    assert len(lines) == 1, (words, stack.parts[part].tail(50))
    print(lines[0])
    return lines[0]


def post(stack, metric, count):
    """Over HTTP: merged at once, without waiting for a window's end."""
    begin = int(time.time()) - 3600
    body = json.dumps([{"device_id": "posted", metric: value, "ts": begin + value} for value in range(count)])
    request = urllib.request.Request(f"{stack.ingest}/api/v1/data", body.encode(),
                                     {"X-API-Key": stack.key, "Content-Type": "application/json"})
    assert json.loads(urllib.request.urlopen(request, timeout=30).read())["accepted"] == count
    wait_for(lambda: stack.count(metric) == count, 30)


def zero_root(file):
    """Overwrites the page in which everything begins, of LMDB's newest transaction; the bytes before and after."""
    whole = file.read_bytes()
    transactions = [int.from_bytes(whole[at + 144:at + 152], "little") for at in (0, 4096)]
    meta = transactions.index(max(transactions)) * 4096
    root = int.from_bytes(whole[meta + 128:meta + 136], "little")
    damaged = bytearray(whole)
    damaged[root * 4096:(root + 1) * 4096] = bytes(4096)
    with open(file, "r+b") as out:
        out.write(damaged)
    return whole, bytes(damaged)


def statistics(answer):
    return {name: value for name, value in answer.items() if name not in ("completeness", "from", "to")}


def test_edge_and_bridge_say_what_they_found(stack):
    edge = stack.edges[demo.GATEWAY]
    assert json.loads(demo.http_ok(f"{edge}/health")) == {"status": "ok"}
    with stack.publisher() as sensor:
        for number in range(100):
            sensor.send("sensors/kitchen", json.dumps({"before": number, "ts": int(time.time()) - 3600 + number}))
    assert recoveries(edge) == {"restart": 0, "crash": 0, "damaged_outbox": 0, "uplink_outage": 0, "full_disk": 0}
    stack.hold("mosquitto")
    assert json.loads(demo.http_ok(f"{edge}/ready"))["status"] == "ready", "an uplink that is away is what the outbox is for"
    time.sleep(2)  # how long the broker is away, nothing is waited for
    stack.release("mosquitto")
    told(stack, "edge", edge, "uplink_outage", "uplink: back after ")
    told(stack, "bridge", stack.ingest, "broker_outage", "broker: back after ")
    stack.kill("edge")
    line = told(stack, "edge", edge, "crash", "taken up after a crash")
    assert "readings may be missing from 20" in line
    stack.hold("edge")
    stack.release("edge")
    told(stack, "edge", edge, "restart", "taken up after a clean stop")
    text = demo.http_ok(f"{edge}/metrics").decode()
    assert 'tributary_last_recovery_amount{kind="restart",of="gap_seconds"} ' in text


def test_a_damaged_state_is_made_again_from_the_log(stack):
    post(stack, "kept", 500)
    for name in ("edge", "second-gateway"):
        stack.hold(name)
    before = statistics(stack.api("/summary", metric="kept"))
    stack.hold("aggregator")
    state = stack.folder / "state/partition-0"
    zero_root(state / "data.mdb")
    stack.release("aggregator")
    line = told(stack, "aggregator", stack.http, "damaged_state", "rebuilt from the log")
    assert f"{state}/data.mdb is damaged" in line and (stack.folder / "state/partition-0.damaged-1/data.mdb").exists()
    wait_for(lambda: stack.count("kept") == 500, 30)
    answer = stack.api("/summary", metric="kept")
    assert statistics(answer) == before and "log_gaps" not in answer["completeness"]
    stack.hold("aggregator")
    stack.release("aggregator")
    told(stack, "aggregator", stack.http, "restart", "state: taken up, 1 partition, ")
    for name in ("edge", "second-gateway"):
        stack.release(name)


def test_a_damaged_log_is_refused_by_name_and_left_as_it_is(stack):
    for name in ("bridge", "aggregator"):
        stack.hold(name)
    log = stack.folder / "log/data.mdb"
    whole, damaged = zero_root(log)
    programs = {"bridge": [demo.BIN / "tributary-bridge", "--config", stack.folder / "bridge.toml"],
                "aggregator": [demo.BIN / "tributary-aggregator", "--config", stack.folder / "aggregator.toml"],
                "tributaryctl": [demo.BIN / "tributaryctl", "log", "info", "--url", stack.layout.log_url]}
    for name, command in programs.items():
        run = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=30)
        assert run.returncode == 1 and f"{log} is damaged" in run.stderr, (name, run.returncode, run.stderr)
        print(f"{name}: {run.stderr.strip()}")
    assert log.read_bytes() == damaged
    log.write_bytes(whole)
    for name in ("aggregator", "bridge"):  # whether an edge is ready is asked of the aggregator
        stack.release(name)
    wait_for(lambda: stack.count("kept") == 500, 30)
