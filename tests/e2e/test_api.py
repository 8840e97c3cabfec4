# SPDX-License-Identifier: Apache-2.0
"""What a client sees: kpi, rows, CSV, the stream with resume, sessions, POST of readings."""
import json
import time
import urllib.request

import pytest

from stack import wait_for


@pytest.fixture(scope="module")
def hour(stack):
    """An hour of one reading every 2 s for two devices; the values are known."""
    begin = (int(time.time()) - 7200) // 3600 * 3600
    with stack.publisher() as sensor:
        for second in range(0, 3600, 2):
            for device in ("a", "b"):
                value = second + (0.5 if device == "b" else 0)
                sensor.send(f"sensors/hour-{device}", f'{{"level":{value},"ts":{begin + second}}}')
    wait_for(lambda: stack.count("level") == 3600, 60)
    return begin


def test_rows_at_every_step(stack, hour):
    for step in (10, 30, 60, 300, 900, 3600):
        answer = stack.api("/series", metric="level", by="device", step=step, **{"from": hour, "to": hour + 3600})
        groups = {group["group"]: group["rows"] for group in answer["series"]}
        assert sorted(groups) == ["hour-a", "hour-b"]
        rows = groups["hour-a"]
        assert len(rows) == 3600 // step
        for number, row in enumerate(rows):
            values = range(number * step, (number + 1) * step, 2)
            assert row["width"] == step and row["count"] == len(values)
            assert (row["min"], row["max"], row["mean"]) == (values[0], values[-1], (values[0] + values[-1]) / 2)
            assert row["p50"]["low"] <= values[(len(values) + 1) // 2 - 1] <= row["p50"]["high"]


def test_csv_says_the_same_as_json(stack, hour):
    parameters = {"metric": "level", "by": "device", "step": 60, "from": hour, "to": hour + 3600, "stats": "count,mean"}
    rows = [row for group in stack.api("/series", **parameters)["series"] for row in group["rows"]]
    status, text, headers = stack.get("/api/v1/series", format="csv", **parameters)
    assert status == 200 and headers["Content-Type"].startswith("text/csv")
    lines = text.strip().splitlines()
    assert lines[0] == "group,start,width,count,mean" and len(lines) == 1 + len(rows)
    assert lines[1].split(",")[3:] == [str(rows[0]["count"]), f"{rows[0]['mean']:g}"]


def test_kpi_is_the_newest_window(stack, hour):
    answer = stack.api("/kpi", metric="level", device="hour-a", window="1m")
    assert answer["count"] == 30 and answer["max"] == 3598 and answer["width"] == 60
    assert answer["last"]["value"] == 3598


def test_every_answer_says_how_complete_it_is(stack, hour):
    def complete():
        answer = stack.api("/summary", metric="level", **{"from": hour, "to": hour + 3600})["completeness"]
        assert set(answer) >= {"share", "to"}
        return answer["share"] == 1
    wait_for(complete, 90, 0.5)


def read_events(stack, count, seconds=30, headers=None, **parameters):
    """Up to `count` events of the stream as (event, id, data)."""
    import urllib.parse
    request = urllib.request.Request(f"{stack.http}/api/v1/stream?{urllib.parse.urlencode(parameters)}",
                                     headers={"X-API-Key": stack.key, **(headers or {})})
    events, current = [], {}
    deadline = time.monotonic() + seconds
    with urllib.request.urlopen(request, timeout=seconds) as stream:
        for line in stream:
            line = line.decode().rstrip("\n")
            if line == "" and current.get("event") == "time":
                current = {}  # a quiet stream tells the server's time
            elif line == "" and current:
                events.append((current.get("event"), current.get("id"), json.loads(current.get("data", "null"))))
                current = {}
            elif ":" in line and not line.startswith(":"):
                name, value = line.split(":", 1)
                current[name] = value.strip()
            if len(events) >= count or time.monotonic() > deadline:
                return events
    return events


def test_the_stream_tells_new_windows_and_resumes_after_a_restart(stack):
    def send(value):
        with stack.publisher() as sensor:
            sensor.send("sensors/streamed/flow", str(value))
    hello = read_events(stack, 1, metric="flow")
    assert hello[0][0] == "hello" and hello[0][1]
    send(1)
    first = [e for e in read_events(stack, 2, 60, headers={"Last-Event-ID": hello[0][1]}, metric="flow") if e[0] == "windows"]
    assert first and first[0][2]["rows"][0]["device"] == "streamed"
    send(2)
    wait_for(lambda: stack.count("flow") == 2, 60)
    stack.kill("aggregator")
    time.sleep(0.2)
    stack.wait_ready()
    # What came while nobody listened, and over a restart, is told from the last id on.
    again = [e for e in read_events(stack, 2, 60, headers={"Last-Event-ID": first[-1][1]}, metric="flow") if e[0] == "windows"]
    assert sum(row["count"] for event in again for row in event[2]["rows"]) >= 1
    old = read_events(stack, 2, 20, headers={"Last-Event-ID": "0000000000000000-1"}, metric="flow")
    assert "reset" in [event for event, _, _ in old]


def test_a_session_cookie_survives_a_restart_of_the_server(stack):
    request = urllib.request.Request(stack.http + "/api/v1/session", method="POST",
                                     data=json.dumps({"api_key": stack.key}).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    header = {"Cookie": cookie.split(";")[0]}
    assert stack.get("/api/v1/metrics", key=None, headers=header)[0] == 200
    stack.kill("aggregator")
    time.sleep(0.2)
    stack.wait_ready()
    assert stack.get("/api/v1/metrics", key=None, headers=header)[0] == 200
    tampered = {"Cookie": header["Cookie"][:-2] + "xx"}
    assert stack.get("/api/v1/metrics", key=None, headers=tampered)[0] == 401


def post(stack, body, **headers):
    request = urllib.request.Request(stack.ingest + "/api/v1/data", method="POST", data=json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json", "X-API-Key": stack.key, **headers})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_readings_come_over_http_and_a_repeated_request_counts_once(stack):
    body = [{"device_id": "posted", "pressure": 1013.25, "timestamp": int(time.time()) - 60},
            {"device_id": "posted", "pressure": 1012.75, "timestamp": int(time.time()) - 30}]
    for _ in range(3):
        status, answer = post(stack, body, **{"Idempotency-Key": "once-1"})
        assert status == 202 and answer["accepted"] == 2, answer
    post(stack, {"device_id": "posted", "pressure": 1000}, **{"Idempotency-Key": "once-2"})
    wait_for(lambda: stack.count("pressure", device="posted") >= 3, 30)
    assert stack.count("pressure", device="posted") == 3
    status, answer = post(stack, {"device_id": "posted", "pressure": "high"})
    assert status == 400 and answer["status"] == 400
