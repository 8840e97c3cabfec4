# SPDX-License-Identifier: Apache-2.0
"""Two bridges share a subscription, three aggregators own the sixteen partitions of one log, and of each kind one is
killed at random again and again under load, now and then with Kafka where that is the log: no reading is lost or
doubled, and every aggregator gives the same, exact answers for all of them. One that is away is named, and with
partial=deny there is no answer without it."""
import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest

from cluster import Cluster
from exact import statistics
from stack import wait_for
from telemetry import load, payload, readings
from test_openapi import schemathesis

SEED = int(os.environ.get("TRIBUTARY_SEED", "20261121"))
ROUNDS = int(os.environ.get("TRIBUTARY_CLUSTER_ROUNDS", "30"))
KAFKA_EVERY = 8    # rounds: Kafka is among the victims
EVERY = 4          # of the bundled messages one in so many
PER_WINDOW = 40    # powers of two fit a double's 53 bits
WIDTH = 10


@pytest.fixture(scope="module", params=["lmdb", "kafka"])
def fleet(request, tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("cluster"), log=request.param) as running:
        yield running


class Live(threading.Thread):
    """A reading a gateway every 20 ms, each a power of two of its own within its window, until stop()."""

    def __init__(self, fleet):
        super().__init__(daemon=True)
        self.sensor = fleet.publisher(qos=1)
        self.prefixes = [prefix for _, prefix in fleet.gateways]
        self.stopping = threading.Event()
        self.begin = (int(time.time()) - 12 * 3600) // WIDTH * WIDTH
        self.number = 0

    def run(self):
        while not self.stopping.is_set():
            window, bit = divmod(self.number, PER_WINDOW)
            moment = self.begin + window * WIDTH + bit * WIDTH / PER_WINDOW
            for index, prefix in enumerate(self.prefixes):
                self.sensor.send(f"{prefix}/live-{index}", f'{{"bit":{2 ** bit},"ts":{moment}}}')
            self.number += 1
            time.sleep(0.02)

    def stop(self):
        self.stopping.set()
        self.join()
        self.sensor.close()


def without_completeness(answer):
    """Data, and which partitions it is of: how far the gateways have come moves on between two questions."""
    answer = dict(answer)
    answer["completeness"] = answer["completeness"]["partitions"]
    return answer


def at_all(fleet, path, **parameters):
    """The answer that every aggregator gives."""
    answers = [without_completeness(fleet.api(path, base=base, **parameters)) for base in fleet.bases]
    for other in answers[1:]:
        assert other == answers[0], (path, parameters)
    assert answers[0]["completeness"] == {"expected": fleet.partitions, "answered": fleet.partitions}, answers[0]
    return answers[0]


def test_one_of_each_is_killed_at_random_and_every_aggregator_answers_exactly(fleet):
    chance = random.Random(SEED)
    print(f"seed {SEED}, {ROUNDS} rounds")
    messages = load()[::EVERY]
    prefixes = [prefix for _, prefix in fleet.gateways]
    live = Live(fleet)
    live.start()

    def publish():
        with fleet.publisher() as sensor:
            for number, (device, fields, timestamp) in enumerate(messages):
                sensor.send(f"{prefixes[number % len(prefixes)]}/{device}", payload(fields, timestamp))
                if number % 50 == 0:
                    time.sleep(0.05)
    history = threading.Thread(target=publish)
    history.start()
    asked, partial, wanted = 0, 0, dict.fromkeys(fleet.bridges + fleet.aggregators + ["kafka"], 0)
    for number in range(ROUNDS):
        time.sleep(chance.uniform(0.1, 0.6))
        victims = [chance.choice(fleet.bridges), chance.choice(fleet.aggregators)]
        if "kafka" in fleet.parts and number % KAFKA_EVERY == KAFKA_EVERY - 1:
            wait_for(fleet.parts["kafka"].is_ready, 90)
            victims.append("kafka")
        for name in victims:
            wait_for(fleet.parts[name].alive, 10, 0.02)
            wanted[name] += 1
        fleet.kill(*victims)
        # Whoever lives goes on answering, and says what is missing.
        base = fleet.bases[chance.choice([n for n, name in enumerate(fleet.aggregators) if name != victims[1]])]
        begun = time.monotonic()
        try:
            status, body, _ = fleet.get("/api/v1/summary", base=base, metric="bit")
        except OSError:
            continue  # killed in an earlier round and not back yet
        assert time.monotonic() - begun < 5
        if status == 200:
            asked += 1
            partitions = body["completeness"]["partitions"]
            partial += "missing" in partitions
            assert partitions["answered"] + len(partitions.get("missing", [])) == fleet.partitions
    history.join()
    live.stop()
    fleet.wait_ready()
    ended = time.monotonic()

    expected = {key: statistics(values) for key, values in readings(messages).items()}
    for (device, metric), exact in expected.items():
        for base in fleet.bases:
            wait_for(lambda: fleet.count(metric, base=base, device=device) >= exact["count"], 120, 0.25)
        answer = at_all(fleet, "/summary", metric=metric, device=device)
        found = {name: answer[name] for name in exact}
        assert found == exact, f"{device} {metric}: found {found}, expected {exact}"

    settled = time.monotonic() - ended
    # The live readings: each once, told by the bits of the sums.
    for index in range(len(prefixes)):
        for base in fleet.bases:
            wait_for(lambda: fleet.count("bit", base=base, device=f"live-{index}") >= live.number, 60, 0.25)
        answer = at_all(fleet, "/series", metric="bit", device=f"live-{index}", step=WIDTH, stats="count,sum",
                        **{"from": live.begin, "to": live.begin + (live.number // PER_WINDOW + 1) * WIDTH})
        rows = answer["series"][0]["rows"]
        assert sum(row["count"] for row in rows) == live.number
        for row in rows:
            total = int(row["sum"])
            assert row["count"] == bin(total).count("1") and total < 2 ** PER_WINDOW, f"doubled: {row}"
    # Fleet rows and groups over all partitions, and the lists.
    total = at_all(fleet, "/summary", metric="bit")
    assert total["count"] == live.number * len(prefixes)
    for metric in ("bit", "temperature", "humidity"):
        for step in ("15m", "1h", "1d"):
            for by in ("", "device"):
                at_all(fleet, "/series", metric=metric, step=step, by=by,
                       **{"from": live.begin - 40 * 86400, "to": live.begin + 86400})
    lists = [fleet.api("/devices", base=base) for base in fleet.bases]
    assert all(one["devices"] == lists[0]["devices"] for one in lists)
    assert [g["gateway"] for g in lists[0]["gateways"]] == sorted(name for name, _ in fleet.gateways)
    assert all(fleet.api("/metrics", base=base) == fleet.api("/metrics") for base in fleet.bases)
    used = {line.split('"')[1] for base in fleet.bases for line in fleet.metrics_text(base).splitlines()
            if line.startswith("tributary_aggregator_position{") and not line.endswith(" 0")}
    assert len(used) >= 3, f"only partitions {used} are in use"
    kills = dict.fromkeys(wanted, 0)
    for _, text in fleet.events:
        if "ended (signal SIGKILL)" in text:
            kills[text.split()[0]] += 1
    assert kills == wanted
    print(f"kills in {ROUNDS} rounds: {kills}; {asked} answers meanwhile, {partial} of them partial; {len(expected)} "
          f"series exact at {len(fleet.bases)} aggregators; {live.number * len(prefixes)} live readings once each; "
          f"partitions in use: {len(used)}; all there {settled:.1f} s after the load ended")


def follow(base, key, device, found):
    """Reads a stream until the device's row comes; the time goes to found."""
    host = base.split("//")[1]
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request("GET", f"/api/v1/stream?device={device}", headers={"X-API-Key": key})
    answer = connection.getresponse()
    assert answer.status == 200
    for line in answer:
        if line.startswith(b"event: hello"):
            found.append("open")
        if line.startswith(b"data: ") and b'"rows"' in line:
            assert any(row["device"] == device for row in json.loads(line[6:])["rows"])
            found.append(time.monotonic())
            break
    connection.close()


def test_every_aggregators_stream_tells_every_partitions_changes(fleet):
    found = {(index, base): [] for index in range(len(fleet.gateways)) for base in fleet.bases}
    threads = [threading.Thread(target=follow, args=(base, fleet.key, f"stream-{index}", times), daemon=True)
               for (index, base), times in found.items()]
    for thread in threads:
        thread.start()
    wait_for(lambda: all(found.values()), 20, 0.01)
    with fleet.publisher() as sensor:
        for index, (_, prefix) in enumerate(fleet.gateways):
            sensor.send(f"{prefix}/stream-{index}", f'{{"probe":1,"ts":{int(time.time()) - 3600}}}')
    for thread in threads:
        thread.join(40)
    assert all(len(times) == 2 for times in found.values()), found
    apart = []
    for index in range(len(fleet.gateways)):
        times = [found[index, base][1] for base in fleet.bases]
        apart.append(max(times) - min(times))
    print("seconds between the first and the last aggregator that told it:", [round(one, 3) for one in apart])
    assert max(apart) < 1.0


def exposed(fleet, base):
    """The totals of a metric as Prometheus would scrape them there, and the rest of that exposition."""
    status, text, _ = fleet.get("/api/v1/federate", base=base, metric="bit")
    assert status == 200, text
    lines = text.splitlines()
    totals = [line for line in lines if line.startswith("tributary_readings_bit")]
    return totals, [line for line in lines if line not in totals]


def system(fleet, base):
    """GET /api/v1/system there: within the time of one question, and as the document says."""
    begun = time.monotonic()
    status, answer, headers = fleet.get("/api/v1/system", base=base)
    assert status == 200 and time.monotonic() - begun < 4
    document = fleet.get("/openapi.json", key=None, base=base)[1]
    check = ("import json, sys, jsonschema_rs; schema, answer = json.load(sys.stdin); "
             "jsonschema_rs.Draft202012Validator(schema).validate(answer)")
    schema = {**document["components"]["schemas"]["System"], "components": document["components"]}
    run = subprocess.run([schemathesis().parent / "python", "-c", check], text=True, capture_output=True,
                         input=json.dumps([schema, answer]))
    assert run.returncode == 0, run.stderr[-2000:]
    return answer, headers.get("X-Missing-Partitions")


def test_system_is_of_every_aggregator_and_who_does_not_answer_is_named(fleet):
    def counted():
        """All readings; the gateways go on to measure their machine."""
        return sum(fleet.count(one["name"]) for one in fleet.api("/metrics")["metrics"])
    readings_in_all = counted()
    owned = [list(range(ordinal, fleet.partitions, 3)) for ordinal in range(3)]
    for base in fleet.bases:
        answer, missing = system(fleet, base)
        assert missing is None and "partitions" not in answer
        # The sum may be a second old.
        wait_for(lambda: readings_in_all <= system(fleet, base)[0]["merged"]["readings"] <= counted(), 10)
        assert [(one["service"], one["state"], one["partitions"]) for one in answer["services"]] == [
            (f"aggregator {ordinal}", "ready", owned[ordinal]) for ordinal in range(3)]
        assert [(one["partition"], one["aggregator"]) for one in answer["log"]["partitions"]] == [
            (partition, partition % 3) for partition in range(fleet.partitions)]
        assert sum(one["end"] - one["position"] for one in answer["log"]["partitions"]) == sum(
            one["lag"] for one in answer["services"])
    # One that hangs costs the time of one question; one that is gone costs nothing. Both are named.
    pid = fleet.parts["aggregator-2"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        answer, missing = system(fleet, fleet.bases[0])
        assert missing == str(owned[2])[1:-1] and answer["log"]["missing"] == owned[2]
        assert answer["partitions"] == {"expected": fleet.partitions, "missing": owned[2],
                                        "answered": fleet.partitions - len(owned[2])}
        assert answer["services"][2] == {"service": "aggregator 2", "state": "away", "partitions": owned[2],
                                         "trouble": "does not answer (timeout)"}
        assert [one["state"] for one in answer["services"][:2]] == ["ready", "ready"]
        assert answer["merged"]["readings"] < readings_in_all
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: system(fleet, fleet.bases[0])[1] is None, 20)
    fleet.hold("aggregator-1")
    for base in (fleet.bases[0], fleet.bases[2]):
        wait_for(lambda: system(fleet, base)[0]["services"][1]["state"] == "away", 20)
        answer, missing = system(fleet, base)
        assert missing == str(owned[1])[1:-1] and answer["services"][1]["trouble"].startswith("does not answer (")
    fleet.release("aggregator-1")
    for base in fleet.bases:
        wait_for(lambda: system(fleet, base)[1] is None, 20)
        # What it found at its start is told everywhere.
        wait_for(lambda: "last_recovery" in system(fleet, base)[0]["services"][1], 20)
        answer = system(fleet, base)[0]
        assert answer["services"][1]["last_recovery"]["kind"] == "restart"
        wait_for(lambda: readings_in_all <= system(fleet, base)[0]["merged"]["readings"] <= counted(), 10)


def test_one_that_is_away_is_named_and_can_be_refused(fleet):
    whole = at_all(fleet, "/summary", metric="bit")
    scraped = exposed(fleet, fleet.bases[0])[0]
    assert sum(int(line.split()[-1]) for line in scraped if line.startswith("tributary_readings_bit_count")) == whole["count"]
    assert all(exposed(fleet, base)[0] == scraped for base in fleet.bases)
    missing = list(range(1, fleet.partitions, 3))
    fleet.hold("aggregator-1")
    others = [fleet.bases[0], fleet.bases[2]]
    for base in others:
        wait_for(lambda: "missing" in fleet.api("/summary", base=base, metric="bit")["completeness"]["partitions"], 20)
        answers = [without_completeness(fleet.api("/summary", base=base, metric="bit")) for base in others]
        assert answers[0] == answers[1]
        assert answers[0]["completeness"] == {"expected": fleet.partitions, "missing": missing,
                                              "answered": fleet.partitions - len(missing)}
        assert answers[0]["count"] <= whole["count"]
        for path, parameters in (("/summary", {"metric": "bit"}), ("/series", {"metric": "bit", "step": "1d"}),
                                 ("/kpi", {"metric": "bit"}), ("/devices", {}), ("/metrics", {}), ("/federate", {})):
            begun = time.monotonic()
            status, problem, headers = fleet.get("/api/v1" + path, base=base, partial="deny", **parameters)
            assert time.monotonic() - begun < 1.0, "who is known to be away is not waited for"
            assert status == 503 and headers["Content-Type"] == "application/problem+json", (path, status, problem)
            assert str(missing)[1:-1] in problem["detail"], problem
        # A total that falls and rises again would be counted as new readings.
        totals, rest = exposed(fleet, base)
        assert totals == [] and f"tributary_partitions_answered {fleet.partitions - len(missing)}" in rest
        status, ready, _ = fleet.get("/ready", key=None, base=base)
        assert status == 200 and {"ordinal": 1, "up": False} in [{"ordinal": p["ordinal"], "up": p["up"]}
                                                                 for p in ready["peers"]]
        assert 'tributary_aggregator_peer_up{ordinal="1"} 0' in fleet.metrics_text(base)
    fleet.release("aggregator-1")
    for base in fleet.bases:
        wait_for(lambda: fleet.get("/api/v1/summary", base=base, metric="bit", partial="deny")[0] == 200, 20)
    assert at_all(fleet, "/summary", metric="bit") == whole
    assert all(exposed(fleet, base)[0] == scraped for base in fleet.bases)
