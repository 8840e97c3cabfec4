# SPDX-License-Identifier: Apache-2.0
"""Promise 1: the statistics of a day of real telemetry, as the API answers them, are the exact ones, every digit,
whatever the order, the number of gateways, where the edge was restarted, or which log lies between."""
import random

import pytest

from exact import statistics
from stack import wait_for
from telemetry import METRICS, load, payload, readings

SEED = 20261121


@pytest.fixture(scope="module", params=["lmdb", "kafka"])
def log(request):
    return request.param


@pytest.fixture(scope="module")
def day():
    messages = load()
    expected = {key: statistics(values) for key, values in readings(messages).items()}
    assert len(messages) == 50270 and len(expected) == 21
    return messages, expected


def settle(stack, variant, expected):
    """Waits until every series of the variant has all its readings."""
    for (device, metric), exact in expected.items():
        name = f"{variant}-{device}"
        wait_for(lambda: stack.count(metric, device=name) >= exact["count"], 120, 0.25)


def check(stack, variant, expected):
    settle(stack, variant, expected)
    for (device, metric), exact in expected.items():
        answer = stack.api("/summary", metric=metric, device=f"{variant}-{device}")
        found = {name: answer[name] for name in exact}
        assert found == exact, f"{variant}-{device} {metric}: found {found}, expected {exact}"


def test_a_day_in_order(stack, day):
    messages, expected = day
    with stack.publisher() as sensor:
        for device, fields, timestamp in messages:
            sensor.send(f"sensors/plain-{device}", payload(fields, timestamp))
    check(stack, "plain", expected)


def test_a_day_shuffled(stack, day):
    messages, expected = day
    print("seed", SEED)
    shuffled = random.Random(SEED).sample(messages, len(messages))
    with stack.publisher() as sensor:
        for device, fields, timestamp in shuffled:
            sensor.send(f"sensors/shuffled-{device}", payload(fields, timestamp))
    check(stack, "shuffled", expected)


def test_a_day_shared_by_two_gateways(stack, day):
    messages, expected = day
    print("seed", SEED)
    chance = random.Random(SEED)
    with stack.publisher() as sensor:
        for device, fields, timestamp in messages:
            sensor.send(f"{chance.choice(('sensors', 'others'))}/shared-{device}", payload(fields, timestamp))
    check(stack, "shared", expected)
    gateways = next(d for d in stack.api("/devices")["devices"] if d["device"] == "shared-iot-device-01")["gateways"]
    assert sorted(gateways) == ["demo-gateway", "second-gateway"]


def test_each_message_cut_between_two_runs_of_the_edge(stack, day):
    messages, expected = day
    print("seed", SEED)
    chance = random.Random(SEED)
    halves = ([], [])
    for device, fields, timestamp in messages:
        parts = ({}, {})
        for metric, text in fields.items():
            parts[chance.randrange(2)][metric] = text
        for half, part in zip(halves, parts):
            if part:
                half.append((device, part, timestamp))
    first = {key: len(values) for key, values in readings(halves[0]).items()}
    with stack.publisher() as sensor:
        for device, fields, timestamp in halves[0]:
            sensor.send(f"sensors/cut-{device}", payload(fields, timestamp))
    # Most windows of the first run are on their way; the last are still open when the edge is stopped.
    wait_for(lambda: stack.count("humidity", device="cut-iot-device-03") > first["iot-device-03", "humidity"] * 0.9, 60)
    accepted_by_edge(stack, sum(first.values()))
    stack.hold("edge")
    stack.release("edge")
    with stack.publisher() as sensor:
        for device, fields, timestamp in halves[1]:
            sensor.send(f"sensors/cut-{device}", payload(fields, timestamp))
    check(stack, "cut", expected)


def accepted_by_edge(stack, at_least):
    """The edge has taken everything published so far: a marker sent after it has come through the same queue."""
    with stack.publisher() as sensor:
        sensor.send("sensors/marker/done", "1")
    wait_for(lambda: stack.count("done", device="marker") >= 1, 60)


def test_the_whole_tenant_is_the_sum_of_its_devices(stack, day):
    messages, _ = day
    every = [(t, v) for m in ("plain", "shuffled", "shared", "cut") for t, v in
             sum((values for (device, metric), values in readings(messages).items() if metric == "co"), [])]
    exact = statistics(every)
    answer = stack.api("/summary", metric="co")
    assert {name: answer[name] for name in exact} == exact


def test_ranges_add_up(stack, day):
    """Any cut of the day into ranges: counts and extremes of the parts are those of the whole."""
    messages, expected = day
    exact = expected["iot-device-03", "temperature"]
    start = int(float(messages[0][2])) // 86400 * 86400
    chance = random.Random(SEED)
    cuts = sorted({start, start + 2 * 86400, *(start + chance.randrange(0, 90000) // 10 * 10 for _ in range(12))})
    parts = [stack.api("/summary", metric="temperature", device="plain-iot-device-03", **{"from": a, "to": b})
             for a, b in zip(cuts, cuts[1:])]
    assert sum(part["count"] for part in parts) == exact["count"]
    assert min(part["min"] for part in parts if part["count"]) == exact["min"]
    assert max(part["max"] for part in parts if part["count"]) == exact["max"]


def test_every_metric_is_named_with_its_unit(stack):
    listed = {m["name"]: m for m in stack.api("/metrics")["metrics"]}
    assert set(METRICS) <= set(listed)
    assert listed["temperature"]["unit"] == "°C"
