# SPDX-License-Identifier: Apache-2.0
"""The aggregator's state put back from a copy taken earlier: it catches up from the log to the same bytes as the state
that never went back, and as one merged from scratch. With the log shortened beyond the copy's position, what is missing
is named, in every answer and in a line of the log, and everything else is merged."""
import json
import shutil
import socket
import struct
import subprocess
import time
import urllib.request

import pytest

import demo
from stack import GATEWAYS, Stack, wait_for
from telemetry import load, payload

CTL = str(demo.BIN / "tributaryctl")
POSTS, READINGS = 150, 128  # of the second test: a post is a record, together some MiB in one partition


def ctl(*arguments):
    run = subprocess.run([CTL, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, (arguments, run.stdout, run.stderr)
    return run.stdout


def bounds(stack):
    """{partition: (oldest record kept, one past the newest)}"""
    out = {}
    for line in ctl("log", "info", "--url", stack.layout.log_url).splitlines()[1:]:
        words = line.replace(":", "").split()
        out[int(words[1])] = (int(words[3]), int(words[5]))
    return out


def positions(stack):
    """{partition: the next record to merge}"""
    return {int(line.split('"')[1]): int(line.rsplit(" ", 1)[1]) for line in stack.metrics_text().splitlines()
            if line.startswith("tributary_aggregator_position{")}


def catch_up(stack):
    ends = {partition: end for partition, (_, end) in bounds(stack).items()}

    def caught_up():
        """everything in the log is merged"""
        return positions(stack) == ends
    wait_for(caught_up, 60)
    return ends


def digests(stack, ends):
    """Of a stopped aggregator's state, {partition: "DIGEST position N"}"""
    found = {partition: ctl("state", "digest", "--dir", stack.folder / "state", "--partition", partition).strip()
             for partition in ends}
    assert {partition: int(text.rsplit(" ", 1)[1]) for partition, text in found.items()} == ends
    return found


def put_back(stack, copy):
    """In place of the state of the stopped aggregator; nothing: an empty folder."""
    shutil.rmtree(stack.folder / "state")
    if copy is not None:
        shutil.copytree(copy, stack.folder / "state")


def backup(stack, copy):
    """With LMDB's own tool, of the running aggregator's partitions."""
    for source in sorted((stack.folder / "state").glob("partition-*")):
        (copy / source.name).mkdir(parents=True)
        subprocess.run(["mdb_copy", source, copy / source.name], check=True, timeout=60)


def publish(stack, messages):
    with stack.publisher() as sensor:
        for number, (device, fields, timestamp) in enumerate(messages):
            sensor.send(f"{('sensors', 'others')[number % 2]}/{device}", payload(fields, timestamp))


@pytest.mark.parametrize("log", ["lmdb", "kafka"])
def test_a_state_from_a_copy_catches_up_to_the_same_bytes(tmp_path, log):
    messages = load()[::2]
    half = len(messages) // 2
    with Stack(tmp_path / "stack", log=log) as stack:
        publish(stack, messages[:half])
        wait_for(lambda: stack.count("temperature") >= half, 120, 0.25)
        backup(stack, tmp_path / "backup")
        stack.hold("aggregator")
        shutil.copytree(stack.folder / "state", tmp_path / "copy")
        stack.release("aggregator")
        publish(stack, messages[half:])
        wait_for(lambda: stack.count("temperature") >= len(messages), 120, 0.25)
        for edge in ("edge", "second-gateway"):
            stack.hold(edge)
        ends = catch_up(stack)
        answer = stack.api("/summary", metric="temperature")
        stack.hold("aggregator")
        expected = digests(stack, ends)

        for name, copy in (("copy", tmp_path / "copy"), ("backup", tmp_path / "backup"), ("nothing", None)):
            put_back(stack, copy)
            if copy is not None:
                earlier = ctl("state", "digest", "--dir", stack.folder / "state", "--partition", busiest(ends)).strip()
                assert earlier != expected[busiest(ends)] and 0 < int(earlier.rsplit(" ", 1)[1]) < ends[busiest(ends)]
            stack.release("aggregator")
            assert catch_up(stack) == ends, "nothing was appended meanwhile"
            again = stack.api("/summary", metric="temperature")
            assert statistics_of(again) == statistics_of(answer) and "log_gaps" not in again["completeness"]
            stack.hold("aggregator")
            assert digests(stack, ends) == expected, f"begun with {name}"
        used = {partition: end for partition, end in ends.items() if end}
        print(f"{log}: equal bytes from a copy, a backup of the running one, and nothing; records by partition: {used}")


def busiest(ends):
    return max(ends, key=ends.get)


def statistics_of(answer):
    return {name: value for name, value in answer.items() if name not in ("completeness", "from", "to")}


def post(stack, number, begin):
    """Readings of one device, each in a window of its own."""
    body = json.dumps([{"device_id": "posted", "filler": value, "ts": begin + 10 * value + number / POSTS}
                       for value in range(READINGS)])
    request = urllib.request.Request(f"{stack.ingest}/api/v1/data", body.encode(),
                                     {"X-API-Key": stack.key, "Content-Type": "application/json"})
    answer = json.loads(urllib.request.urlopen(request, timeout=30).read())
    assert answer == {"accepted": READINGS, "rejected": {}}, answer


def delete_records(port, topic, partition, offset):
    """Kafka's own request to forget what lies before an offset (DeleteRecords, version 1)."""
    def text(name):
        return struct.pack(">h", len(name)) + name.encode()
    body = (struct.pack(">hhi", 21, 1, 1) + text("test") + struct.pack(">i", 1) + text(topic)
            + struct.pack(">iiqi", 1, partition, offset, 10_000))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.sendall(struct.pack(">i", len(body)) + body)
        stream = link.makefile("rb")
        answer = stream.read(struct.unpack(">i", stream.read(4))[0])
    _, low_watermark, error = struct.unpack(">iqh", answer[-14:])
    assert (low_watermark, error) == (offset, 0), (low_watermark, error)


def shorten(stack, before):
    """Makes the log forget what lies before some record beyond the positions before; the partition that lost records."""
    begin = int(time.time()) // 10 * 10 - 7200
    if stack.log == "kafka":
        for number in range(POSTS):
            post(stack, number, begin)
        ends = {partition: end for partition, (_, end) in bounds(stack).items()}
        partition = max(ends, key=lambda p: ends[p] - before[p])
        end = ends[partition]
        delete_records(stack.layout.kafka.port, "tributary.partials", partition, (before[partition] + end) // 2)
        return partition
    # The embedded log forgets while it is written, beyond its limit.
    stack.hold("bridge")
    config = stack.folder / "bridge.toml"
    config.write_text(config.read_text().replace("[log]\n", "[log]\nretention_mib = 1\n"))
    stack.release("bridge")
    for number in range(POSTS):
        post(stack, number, begin)
    return 0


def posts_kept(stack, partition, first):
    """How many posts are kept from the first record on."""
    lines = ctl("log", "dump", "--url", stack.layout.log_url, "--partition", partition, "--from", first,
                "--count", 100_000).splitlines()
    return sum(" ingest " in line for line in lines)


@pytest.mark.parametrize("log", ["lmdb", "kafka"])
def test_what_the_log_no_longer_has_is_named(tmp_path, log):
    with Stack(tmp_path / "stack", GATEWAYS[:1], log=log) as stack:
        with stack.publisher() as sensor:
            for number in range(200):
                sensor.send("sensors/early", f'{{"early":{number},"ts":{int(time.time()) - 7200 + number}}}')
        wait_for(lambda: stack.count("early") == 200, 60)
        stack.hold("edge")
        before = catch_up(stack)
        stack.hold("aggregator")
        shutil.copytree(stack.folder / "state", tmp_path / "copy")
        stack.release("aggregator")
        # It merges everything that is posted, then is put back: what it had merged is beyond its reach.
        partition = shorten(stack, before)
        ends = catch_up(stack)
        whole = stack.count("filler", device="posted")
        assert whole == POSTS * READINGS
        first = bounds(stack)[partition][0]
        assert first > before[partition]
        stack.hold("aggregator")
        put_back(stack, tmp_path / "copy")
        stack.release("aggregator")
        assert catch_up(stack) == ends

        gap = {"partition": partition, "from": before[partition], "to": first, "cause": "trimmed"}
        for path, parameters in (("/summary", {"metric": "filler"}), ("/series", {"metric": "early", "step": "1h"}),
                                 ("/kpi", {"metric": "early"}), ("/devices", {})):
            completeness = stack.api(path, **parameters)["completeness"]
            assert completeness["log_gaps"] == [gap], (path, completeness)
        line = (f"partition {partition}: log gap: records {before[partition]} to {first - 1} were trimmed before they "
                "were merged")
        assert stack.parts["aggregator"].tail(50).count(line) == 1, stack.parts["aggregator"].tail(50)
        # Nothing else is missing: what lies before the gap, and every record behind it.
        assert stack.count("early") == 200
        kept = posts_kept(stack, partition, first)
        count = stack.count("filler", device="posted")
        assert 0 < kept < POSTS and count == kept * READINGS, (count, kept)
        # Put back once more, the gap is named once.
        stack.hold("aggregator")
        stack.release("aggregator")
        assert stack.api("/summary", metric="filler")["completeness"]["log_gaps"] == [gap]
        print(f"{log}: gap {gap}, {count} of {whole} readings, those of the {kept} records kept")
