# SPDX-License-Identifier: Apache-2.0
"""The topics windows and deadletter, read by a client that is not ours (kcat): who keeps the last message of each key has
the API's rows, every digit, also when the aggregator and Kafka were killed again and again while the data flowed."""
import json
import os
import random
import subprocess
import sys
import time

from stack import GATEWAYS, ROOT, Stack, wait_for

sys.path.insert(0, str(ROOT / "tools/lib"))
from kafka import Kafka  # noqa: E402

SEED = int(os.environ.get("TRIBUTARY_SEED", "20261121"))
STATS = ("count", "sum", "mean", "variance", "stddev", "min", "max", "first", "last", "rate", "p50", "p95", "p99")
METRICS = ("temperature", "humidity", "odd")
WIDTH = 10


def read_topic(address, topic):
    """[(key, value)]: numbers as the digits that stand there."""
    run = subprocess.run(["kcat", "-C", "-q", "-e", "-b", address, "-t", topic, "-o", "beginning", "-f", "%k\t%s\n"],
                         capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    lines = [line.split("\t", 1) for line in run.stdout.splitlines()]
    return [(key, json.loads(value, parse_float=str, parse_int=str)) for key, value in lines]


def metric(stack, name):
    values = [line.rsplit(" ", 1)[1] for line in stack.metrics_text().splitlines()
              if line.startswith(name) and line[len(name)] in " {"]
    assert values, f"no {name} in /metrics"
    return sum(float(value) for value in values)


def wait_delivered(stack, seconds=90):
    def delivered():
        """the feed has told everything that is merged"""
        try:
            return metric(stack, "tributary_feed_up") == 1 and metric(stack, "tributary_feed_lag_records") == 0
        except OSError:
            return False
    wait_for(delivered, seconds)


def publish(stack, devices, windows, pause, chance, between=lambda _: None):
    """Readings of some hours ago; how many of each metric."""
    begin = (int(time.time()) - 5 * 3600) // 3600 * 3600
    count = 0
    with stack.publisher() as sensor:
        for window in range(windows):
            for device in range(devices):
                moment = begin + window * WIDTH + chance.random() * WIDTH
                fields = {name: chance.uniform(-50, 50) if name != "odd" else 10 ** chance.uniform(-300, 300) for name in METRICS}
                for prefix in ("sensors", "others"):  # two gateways report the same device
                    sensor.send(f"{prefix}/feed-{device}", json.dumps({**fields, "ts": round(moment, 6)}))
                    count += 1
            between(window)
            time.sleep(pause)
    return begin, count


def api_rows(stack, begin, windows):
    """{(device or None, metric, start, width): {statistic: JSON}} of device rows and fleet rows, digits kept."""
    rows = {}
    for name in METRICS:
        for by in ("device", None):
            query = f"/api/v1/series?metric={name}&step={WIDTH}&stats={','.join(STATS)}&from={begin}&to={begin + windows * WIDTH + WIDTH}"
            import urllib.request
            request = urllib.request.Request(stack.http + query + (f"&by={by}" if by else ""), headers={"X-API-Key": stack.key})
            with urllib.request.urlopen(request, timeout=60) as answer:
                parsed = json.loads(answer.read(), parse_float=str, parse_int=str)
            for group in parsed["series"]:
                for row in group["rows"]:
                    rows[group["group"] if by else None, name, row["start"], row["width"]] = {stat: row[stat] for stat in STATS}
    return rows


def expect_the_same(stack, address, topic, begin, windows):
    messages = read_topic(address, topic)
    last, revisions = {}, {}
    for key, value in messages:
        revision = int(value["revision"])
        assert revision >= revisions.get(key, 0), f"{key}: revision {revision} after {revisions[key]}"
        revisions[key] = revision
        last[key] = value
    told = {}
    for key, value in last.items():
        if value["metric"] in METRICS:
            place = value.get("device"), value["metric"], value["start"], value["width"]
            assert value["tenant"] == "demo" and place not in told
            told[place] = {stat: value[stat] for stat in STATS}
    wanted = api_rows(stack, begin, windows)
    assert len(wanted) > 100
    assert told.keys() == wanted.keys()
    differing = [place for place in wanted if told[place] != wanted[place]]
    assert not differing, (differing[0], told[differing[0]], wanted[differing[0]])
    return len(messages), len(told)


def expect_a_dead_letter(stack, address, topic):
    """A gateway's message, damaged on its way: rejected by the bridge, told with its reason, listed, and never replayed."""
    import paho.mqtt.client as mqtt
    base = f"tributary/v1/demo/{GATEWAYS[0][0]}/partials"
    heard = []
    listener = mqtt.Client(client_id=f"listener-{time.monotonic_ns()}")
    listener.username_pw_set("bridge", stack.layout.passwords["bridge"])
    listener.on_connect = lambda client, *_: client.subscribe(base, qos=1)
    listener.on_message = lambda _c, _d, message: heard.append(message.payload)
    listener.connect("127.0.0.1", stack.layout.mqtt)
    listener.loop_start()
    sensor = stack.publisher()

    def whole_message():
        """a message with partials, not only a header"""
        sensor.send("sensors/letter", json.dumps({"letter": 1}))
        return next((payload for payload in heard if len(payload) > 100), None)
    payload = bytearray(wait_for(whole_message, 60, 1.0))
    sensor.close()
    listener.disconnect()
    listener.loop_stop()
    payload[-1] ^= 1
    gateway = mqtt.Client(client_id=f"gateway-{time.monotonic_ns()}")
    gateway.username_pw_set(GATEWAYS[0][0], stack.layout.passwords[GATEWAYS[0][0]])
    gateway.connect("127.0.0.1", stack.layout.mqtt)
    gateway.loop_start()
    gateway.publish(base, bytes(payload), qos=1).wait_for_publish(10)
    gateway.disconnect()
    gateway.loop_stop()
    letters = wait_for(lambda: read_topic(address, topic), 30, 0.5)
    key, value = letters[0]
    assert len(letters) == 1 and key == f"demo/{GATEWAYS[0][0]}"
    assert value["kind"] == "rejected" and value["reason"] == "body_checksum" and value["payload"], value
    # The aggregator is running: its state is only looked at.
    command = [str(ROOT / "build/release/bin/tributaryctl"), "deadletter"]
    where = ["--url", stack.layout.log_url, "--state", str(stack.folder / "state")]
    listed = subprocess.run([*command, "list", "--json", *where], capture_output=True, text=True, check=True).stdout
    letter = json.loads(listed)
    assert letter["id"] == value["id"] and letter["replay"] == "settled" and "whole copy" in letter["why"], listed
    replayed = subprocess.run([*command, "replay", "--all", *where], capture_output=True, text=True)
    assert replayed.returncode == 0 and "0 replayed, 1 settled before, 0 not replayed" in replayed.stdout, replayed.stdout


def test_killed_at_random_the_topic_holds_the_apis_rows(tmp_path):
    chance = random.Random(SEED)
    windows, devices = 180, 3
    kills = {"aggregator": 0, "kafka": 0}
    with Stack(tmp_path / "stack", GATEWAYS, "kafka") as stack:
        next_kill = [time.monotonic() + 2]

        def kill(_):
            if time.monotonic() > next_kill[0]:
                victims = chance.choice((("aggregator",), ("aggregator",), ("kafka",), ("aggregator", "kafka")))
                stack.kill(*victims)
                for victim in victims:
                    kills[victim] += 1
                next_kill[0] = time.monotonic() + chance.uniform(1, 4)
        begin, count = publish(stack, devices, windows, 0.2, chance, kill)
        stack.wait_ready()
        wait_for(lambda: stack.count("odd") >= count, 120, 0.5)
        wait_delivered(stack)
        assert stack.count("odd") == count
        messages, rows = expect_the_same(stack, stack.layout.kafka.address, "tributary.windows", begin, windows)
        print(f"seed {SEED}: {kills}, {count} messages published, {messages} rows told for {rows}")
        assert kills["aggregator"] >= 5 and kills["kafka"] >= 2, kills


def test_a_dead_kafka_holds_up_neither_merging_nor_answers(tmp_path):
    """The embedded log, with a Kafka for the feed alone that is not there at first, then there, then gone again."""
    chance = random.Random(SEED)
    kafka = Kafka(tmp_path / "kafka")
    windows, devices = 60, 3
    with Stack(tmp_path / "stack") as stack:
        stack.hold("aggregator")
        with open(stack.folder / "aggregator.toml", "a") as config:
            config.write(f'\n[feed]\nwindows = true\nurl = "kafka://{kafka.address}/elsewhere"\npartitions = 3\n')
        stack.release("aggregator")
        begin, count = publish(stack, devices, windows, 0, chance)
        wait_for(lambda: stack.count("odd") >= count, 60)
        assert metric(stack, "tributary_feed_up") == 0 and metric(stack, "tributary_feed_lag_records") > 0
        assert stack.get("/ready", key=None)[0] == 200
        try:
            kafka.start()
            wait_delivered(stack)
            first, rows = expect_the_same(stack, kafka.address, "elsewhere.windows", begin, windows)
            expect_a_dead_letter(stack, kafka.address, "elsewhere.deadletter")
            places = (stack.folder / "state/feed.places").read_text()
            assert places.startswith("tributary feed places 1\n0 ")
            kafka.stop()
            more = stack.publisher()
            for number in range(200):
                more.send("sensors/feed-0", json.dumps({"odd": number, "ts": begin + number / 10}))
            more.close()
            wait_for(lambda: stack.count("odd") >= count + 200, 60)
            stack.kill("aggregator")
            stack.wait_ready()
            kafka.start()
            wait_delivered(stack)
            second, _ = expect_the_same(stack, kafka.address, "elsewhere.windows", begin, windows)
            # A restart goes on at its place: what was told before is not told again, but for what changed.
            assert first < second < first + rows, (first, second, rows)
        finally:
            kafka.stop()
