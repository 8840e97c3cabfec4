# SPDX-License-Identifier: Apache-2.0
"""Promise 5: bad input is refused with its reason, counted, and disturbs nothing else."""
import json
import random
import re
import socket
import time

import pytest

from stack import wait_for

BAD_READINGS = [
    ("sensors/bad", "{broken", "bad_json"),
    ("sensors/bad", '{"a":' * 400 + "1" + "}" * 400, "too_deep"),
    ("sensors/bad", '{"temperature":"NaN"}', "not_a_number"),
    ("sensors/bad", '{"temperature":1e999}', "out_of_range"),
    ("sensors/bad", '{"temperature":1,"ts":"yesterday"}', "bad_timestamp"),
    ("sensors/bad", json.dumps({"temperature": 1, "ts": int(time.time()) + 86400}), "future"),
    ("sensors/bad/temperature", "warm", "not_a_number"),
    ("sensors/bad", '{"x":"' + "y" * 400_000 + '"}', "too_large"),
]


def edge_rejections(stack):
    gateway = next((g for g in stack.api("/devices")["gateways"] if g["gateway"] == "demo-gateway"), {})
    return gateway.get("status", {}).get("counters", {}).get("rejected", {}) or gateway.get("rejected", {})


@pytest.fixture(scope="module")
def after_bad_readings(stack):
    """({reason: count} before, the same after) a bad reading of each kind and a retained one, a good one after each."""
    before = dict(edge_rejections(stack))
    good = stack.count("good", device="witness")
    with stack.publisher() as sensor:
        sensor.send("sensors/kept", '{"retained_value":5}', retain=True)
        for topic, payload, _ in BAD_READINGS:
            sensor.send(topic, payload)
            sensor.send("sensors/witness", '{"good":1}')
    wait_for(lambda: stack.count("good", device="witness") == good + len(BAD_READINGS), 60)
    wait_for(lambda: sum(edge_rejections(stack).values()) >= sum(before.values()) + len(BAD_READINGS), 60)
    return before, dict(edge_rejections(stack))


@pytest.mark.parametrize("reason", sorted({reason for _, _, reason in BAD_READINGS}))
def test_a_bad_reading_is_counted_by_reason_and_the_next_one_comes_through(after_bad_readings, reason):
    before, after = after_bad_readings
    expected = sum(1 for _, _, other in BAD_READINGS if other == reason)
    assert after.get(reason, 0) - before.get(reason, 0) == expected, (before, after)


def test_a_retained_reading_is_not_counted_again(stack, after_bad_readings):
    """A broker hands it out at each new subscription; it was counted when it was sent."""
    before = stack.count("retained_value", device="kept")
    stack.kill("edge")
    time.sleep(0.2)
    stack.wait_ready()
    wait_for(lambda: edge_rejections(stack).get("retained", 0) >= 1, 60)
    assert stack.count("retained_value", device="kept") == before == 1


def test_messages_that_are_no_messages_are_counted_and_others_go_on(stack):
    """As the gateway itself: garbage, a cut message, a wrong version, a foreign tenant's topic."""
    import paho.mqtt.client as mqtt
    client = mqtt.Client(client_id="intruder")
    client.username_pw_set("demo-gateway", stack.layout.passwords["demo-gateway"])
    client.connect("127.0.0.1", stack.layout.mqtt)
    client.loop_start()
    chance = random.Random(7)
    topic = "tributary/v1/demo/demo-gateway/partials"
    for size in (0, 1, 40, 64, 5000):
        client.publish(topic, chance.randbytes(size), qos=1).wait_for_publish()
    client.publish("tributary/v1/other-tenant/demo-gateway/partials", b"foreign", qos=1).wait_for_publish()
    client.loop_stop()
    client.disconnect()

    def counted():
        lines = [line for line in stack.metrics_text(stack.ingest).splitlines()
                 if not line.startswith("#") and "rejected" in line and "reason" in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines) >= 5
    wait_for(counted, 30)
    good = stack.count("good", device="witness")
    with stack.publisher() as sensor:
        sensor.send("sensors/witness", '{"good":1}')
    wait_for(lambda: stack.count("good", device="witness") == good + 1, 60)


BAD_QUERIES = [
    ("/api/v1/series", {}, 400), ("/api/v1/series", {"metric": "good", "from": "soon"}, 400),
    ("/api/v1/series", {"metric": "good", "step": "7 parsecs"}, 400), ("/api/v1/series", {"metric": "good", "stats": "p101"}, 400),
    ("/api/v1/series", {"metric": "good", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 400),
    ("/api/v1/summary", {"metric": "good", "colour": "red"}, 400), ("/api/v1/summary", {"metric": "no_such_metric"}, 404),
    ("/api/v1/kpi", {"metric": "good", "window": "-1"}, 400), ("/api/v1/nothing", {}, 404),
]


@pytest.mark.parametrize("path, parameters, expected", BAD_QUERIES)
def test_a_bad_query_is_a_problem_that_says_what_was_expected(stack, path, parameters, expected):
    status, body, headers = stack.get(path, **parameters)
    assert status == expected, body
    assert headers["Content-Type"].startswith("application/problem+json")
    assert body["status"] == expected and body["title"] and body.get("detail")


def test_without_a_key_nothing_is_told(stack):
    for key in (None, "trib_wrong"):
        status, body, _ = stack.get("/api/v1/metrics", key=key)
        assert status == 401 and "demo" not in json.dumps(body)
    text = stack.metrics_text()
    assert "tributary_" in text and "temperature" not in text


def raw(port, data, hold=0.0):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(data)
            time.sleep(hold)
            return connection.recv(4096).decode(errors="replace")
        except (ConnectionError, socket.timeout):
            return ""


def test_huge_headers_and_slow_senders_do_not_stop_the_server(stack):
    port = stack.layout.http

    def refused():
        found = re.search(r'^tributary_http_refused_total\{reason="head_too_large"\} (\d+)$', stack.metrics_text(), re.M)
        return int(found[1]) if found else 0
    before = refused()
    many = b"".join(b"H%d: x\r\n" % n for n in range(20_000))
    for head in (b"X-Long: " + b"a" * 200_000 + b"\r\n", many):
        # The server answers and closes while the rest is still on its way, so the answer may be cut off by a reset.
        answer = raw(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
        assert answer == "" or answer.startswith("HTTP/1.1 431 "), answer[:200]
    assert refused() == before + 2
    dripping = []
    for _ in range(80):
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        connection.sendall(b"GET /api/v1/metrics HTTP/1.1\r\nHost")
        dripping.append(connection)
    begin = time.monotonic()
    wait_for(lambda: stack.get("/health", key=None)[0] == 200, 20)
    assert time.monotonic() - begin < 10
    for connection in dripping:
        connection.close()
    assert stack.get("/health", key=None)[0] == 200
