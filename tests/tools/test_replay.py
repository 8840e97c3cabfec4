# SPDX-License-Identifier: Apache-2.0
"""tools/replay: any CSV or JSON-lines file comes out as the messages it says, each once, with its digits."""
import gzip
import json
import lzma
import re
import signal
import subprocess
import time
from decimal import Decimal

import pytest

from conftest import Broker, Listener, interrupt, replay, start, wait_for


def once(broker, *more):
    return ("--port", broker.port, "--once", "--shift", "none", *more)


def test_csv_keeps_every_digit_and_time(broker, heard, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text('device;ts;Temp (°C);ok;note\n"a";1594512094.3859746;007.10;True;x\nb;1594512095;-.5e3;off;y\n', "utf-8-sig")
    output = replay(file, *once(broker))
    assert "column 'Temp (°C)' is sent as Temp_C" in output
    heard.wait_for_count(2)
    assert heard.messages == [("sensors/a", '{"Temp_C":7.10,"ok":true,"ts":1594512094.3859746}'),
                              ("sensors/b", '{"Temp_C":-0.5e3,"ok":false,"ts":1594512095}')]


@pytest.mark.parametrize("text, expected", [
    ("2020-07-14T00:00:00.123456789Z", "1594684800.123456789"), ("2020-07-14 02:00:00+02:00", "1594684800"),
    ("1594684800123", "1594684800.123"), ("1594684800123456", "1594684800.123456"),
    ("1594684800123456789", "1594684800.123456789"), ("1594684800.1", "1594684800.1"),
    ("-1.5", "-1.5"), ("1969-12-31T23:59:58.5Z", "-1.5"), ("2016-12-31T23:59:60Z", "1483228800")])
def test_times_are_read_as_decimals(broker, heard, tmp_path, text, expected):
    file = tmp_path / "a.csv"
    file.write_text(f"device,time,v\nd,{text},1\n")
    replay(file, *once(broker))
    heard.wait_for_count(1)
    assert heard.objects() == [("sensors/d", {"v": "1", "ts": expected})]


def test_columns_zones_formats_and_renames(broker, heard, tmp_path):
    file = tmp_path / "air.csv.gz"
    with gzip.open(file, "wt") as out:
        out.write("# two lines of\n# words\n2013,3,1,7,6,NA,Gucheng\n2013,3,1,8,7,18,Gucheng\n")
    replay(file, *once(broker, "--skip-lines", "2", "--columns", "year,month,day,hour,PM2.5,PM10,station", "--device-column",
                       "station", "--time-column", "year,month,day,hour", "--time-zone", "+08:00", "--as", "PM2.5=pm25"))
    heard.wait_for_count(2)
    assert heard.objects() == [("sensors/Gucheng", {"pm25": "6", "ts": "1362092400"}),
                               ("sensors/Gucheng", {"pm25": "7", "PM10": "18", "ts": "1362096000"})]
    heard.messages.clear()
    german = tmp_path / "b.txt"
    german.write_text("Zeit;Wert;Nummer\n14.07.2020 02:00;21,50;3\n")
    replay(german, *once(broker, "--device", "k", "--time-column", "zeit", "--time-format", "%d.%m.%Y %H:%M", "--time-zone",
                         "+02:00", "--decimal", ",", "--without", "Nummer"))
    heard.wait_for_count(1)
    assert heard.objects() == [("sensors/k", {"Wert": "21.50", "ts": "1594684800"})]


def test_date_and_time_in_two_columns_are_one_time(broker, heard, tmp_path):
    file = tmp_path / "uci.csv"
    file.write_text("Date;Time;CO\n10/03/2004;18.00.00;2,6\n11/03/2004;00.30.00;1,2\n")
    replay(file, *once(broker, "--device", "air", "--time-columns", "Date,Time", "--time-format", "%d/%m/%Y %H.%M.%S", "--time-zone",
                       "+01:00", "--decimal", ","))
    heard.wait_for_count(2)
    assert heard.objects() == [("sensors/air", {"CO": "2.6", "ts": "1078938000"}), ("sensors/air", {"CO": "1.2", "ts": "1078961400"})]
    heard.messages.clear()
    plain = tmp_path / "b.jsonl"
    plain.write_text('{"day":"2004-03-10","at":"18:00:00","device":"d","v":1}\n')
    replay(plain, *once(broker, "--time-columns", "day,at", "--time-zone", "UTC"))
    heard.wait_for_count(1)
    assert heard.objects() == [("sensors/d", {"v": "1", "ts": "1078941600"})]


def test_a_broker_that_is_not_there_is_named_at_once(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("device,ts,v\nd,1594512094,1\n")
    broker = Broker(tmp_path)
    broker.stop()
    begin = time.monotonic()
    process = start(file, "--port", broker.port, "--once", "--shift", "none")
    try:
        assert process.stdout.readline() == f"replay: waiting for the broker at 127.0.0.1:{broker.port}: Connection refused\n"
        assert time.monotonic() - begin < 5
        broker.start()
        assert process.wait(30) == 0
        assert f"the broker at 127.0.0.1:{broker.port} answers" in process.stdout.read()
    finally:
        process.kill()
        process.wait()
        broker.stop()


def test_json_lines_nested_and_the_bundled_shape(broker, heard, tmp_path):
    file = tmp_path / "a.jsonl.xz"
    with lzma.open(file, "wt") as out:
        out.write('{"id":{"name":"n1"},"when":"2020-07-14T00:00:00Z","env":{"air":{"t":1.50,"ok":false},"s":"text"},"n":null}\n\n')
    replay(file, *once(broker, "--device-column", "id.name", "--time-column", "when", "--as", "env.air.t=t"))
    heard.wait_for_count(1)
    assert heard.messages == [("sensors/n1", '{"t":1.50,"env_air_ok":false,"ts":1594684800}')]
    heard.messages.clear()
    file = tmp_path / "b.jsonl"
    file.write_text('{"data":{"temp":22.10,"light":true},"device_id":"x","ts":1594512094.3859746,"device":"y","other":4}\n')
    replay(file, *once(broker, "--as", "temp=temperature"))
    heard.wait_for_count(1)
    assert heard.messages == [("sensors/y", '{"temperature":22.10,"light":true,"ts":1594512094.3859746}')]


def test_what_cannot_be_used_is_counted_by_reason_and_the_rest_is_sent(broker, heard, tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"device":"a","ts":1,"v":1}\nnot json\n{"ts":2,"v":1}\n{"device":"a","ts":"yesterday","v":1}\n'
                    '{"device":"a","ts":4,"v":"text"}\n[1]\n{"device":"a/b","ts":5,"v":1}\n{"device":"a","ts":6,"v":2}\n')
    output = replay(file, *once(broker))
    assert "6 rows are refused" in output
    for words in ("2 bad_json", "1 no_device", "1 bad_time", "1 no_value", "1 bad_device", "line 4: found 'yesterday', expected RFC"):
        assert words in output, output
    heard.wait_for_count(2)
    assert [fields["ts"] for _, fields in heard.objects()] == ["1", "6"]
    heard.messages.clear()
    file = tmp_path / "b.csv"
    file.write_text("device,ts,v,w\na,1,1,1\na,2\na,3,x,2\na,4,NaN,\n,5,1,1\na,2020-01-01 00:00,1,1\n")
    output = replay(file, *once(broker, "--metrics", "v,w"))
    for words in ("1 bad_row", "1 no_value", "1 no_device", "1 bad_time", "--time-zone", "2 cells are left out: v: not a number"):
        assert words in output, output
    heard.wait_for_count(2)
    assert heard.objects()[1] == ("sensors/a", {"w": "2", "ts": "3"})
    assert "b.csv:3: found" in replay(file, *once(broker, "--strict"), code=1)


@pytest.mark.parametrize("content, arguments, words", [
    ("a,b\n1,2\n", [], "found the columns a, b; expected a time named timestamp or ts or time"),
    ("ts,b\n1,2\n", [], "expected a device named device or device_id"),
    ("device,ts,v\na,1,2\n", ["--metrics", "w"], "found the columns device, ts, v; expected 'w' (--metrics)"),
    ("device,ts,v,v\na,1,2,3\n", [], "found column 'v' twice"),
    ("device,ts,v\na,x,2\n", [], "found no row that can be used"),
    ("", [], "found no rows"),
    ('[{"a":1}]', [], "found a JSON array"),
    ("device,ts,v\na,1,2\n", ["--topic", "s/{device}/{metric}"], "plain numbers, which carry no time"),
    ("device,ts,v\na,1,2\n", ["--shift", "soon"], "found 'soon', expected ends-now"),
    ("device,ts,v\na,1,2\n", ["--time-zone", "CET"], "found 'CET', expected UTC"),
    ("device,ts,v\na,1,2\n", ["--http", "http://127.0.0.1:1"], "found --http without a key"),
])
def test_unusable_files_and_options_say_found_and_expected(tmp_path, content, arguments, words):
    file = tmp_path / "a.txt"
    file.write_text(content)
    process = start(file, "--once", "--shift", "none", "--port", 1, *arguments)
    output, _ = process.communicate(timeout=20)
    assert process.returncode != 0 and words in output and "Traceback" not in output, output


def test_a_broken_archive_and_other_bytes_say_so(tmp_path):
    whole = lzma.compress(b"device,ts,v\n" + b"a,1,2\n" * 100000)
    for name, content, words in (("a.csv.xz", whole[:len(whole) // 2], "cannot be read to its end"),
                                 ("b.csv", "device,ts,v\nä,1,2\n".encode("latin-1"), "say --encoding")):
        file = tmp_path / name
        file.write_bytes(content)
        output = replay(file, "--once", "--shift", "none", "--port", 1, code=1)
        assert words in output and "Traceback" not in output, output


def test_the_history_ends_now_starts_now_or_moves_by_a_duration(broker, heard, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("device,ts,v\na,1000.25,1\na,1060.75,2\n")
    for shift, expected in (("ends-now", lambda now: now - 61), ("starts-now", lambda now: now), ("+1h30m", lambda _: 1000 + 5400)):
        heard.messages.clear()
        now = time.time()
        replay(file, "--port", broker.port, "--once", f"--shift={shift}")
        heard.wait_for_count(2)
        times = [Decimal(fields["ts"]) for _, fields in heard.objects()]
        assert times[1] - times[0] == Decimal("60.5") and times[0] % 1 == Decimal("0.25")
        assert 0 <= times[0] - int(expected(now)) - Decimal("0.25") < 20


def test_at_speed_rows_go_by_time_and_are_dated_when_sent(broker, heard, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("device,ts,v\na,40,3\na,0,1\na,20,2\n")
    begin = time.time()
    replay(file, "--port", broker.port, "--speed", "20", "--once")
    heard.wait_for_count(3)
    assert time.time() - begin >= 1
    objects = heard.objects()
    assert [fields["v"] for _, fields in objects] == ["1", "2", "3"]
    assert [round(float(fields["ts"]) - begin) for _, fields in objects] in ([0, 1, 2], [-1, 0, 1])
    heard.messages.clear()
    replay(file, "--port", broker.port, "--speed", "20", "--topic", "sensors/{device}/{metric}", "--once")
    heard.wait_for_count(3)
    assert heard.messages == [("sensors/a/v", "1"), ("sensors/a/v", "2"), ("sensors/a/v", "3")]
    heard.messages.clear()
    replay(file, "--port", broker.port, "--speed", "200", "--once", "--shift", "none")
    heard.wait_for_count(3)
    assert [fields["ts"] for _, fields in heard.objects()] == ["0", "20", "40"]


def test_after_the_history_it_lives_on(broker, heard, tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text("".join(f'{{"device":"a","ts":{ts},"v":{ts}}}\n' for ts in range(5)))
    process = start(file, "--port", broker.port)
    heard.wait_for_count(9)
    interrupt(process)
    stamps = [float(fields["ts"]) for _, fields in heard.objects()]
    assert all(later - earlier == 1 for earlier, later in zip(stamps, stamps[1:9])), stamps


def many(tmp_path, count):
    file = tmp_path / "many.csv"
    file.write_text("device,ts,v\n" + "".join(f"d{i % 7},{i},{i}\n" for i in range(count)))
    return file


def test_interrupted_at_any_place_it_goes_on_there_and_nothing_comes_twice(broker, heard, tmp_path):
    count = 30000
    file, state = many(tmp_path, count), tmp_path / "state"
    stops = 0
    for more in (1, 700, 1500, 40, 3000):
        before = heard.catch_up()
        process = start(file, *once(broker, "--state", state, "--window", "20"))
        wait_for(lambda: len(heard.messages) > before + more or process.poll() is not None)
        output = interrupt(process)
        stops += "noted in the state" in output
    output = replay(file, *once(broker, "--state", state))
    assert stops == 5 and "going on after" in output, output
    heard.wait_for_count(count)
    assert "nothing to do" in replay(file, *once(broker, "--state", state))
    time.sleep(0.2)
    values = [int(fields["v"]) for _, fields in heard.objects()]
    assert len(values) == count and sorted(values) == list(range(count))
    other = many(tmp_path, 5)
    assert "found the state of another file" in replay(other, *once(broker, "--state", state), code=1)
    state.write_text("rubbish")
    assert "is not a replay's state" in replay(other, *once(broker, "--state", state), code=1)


def test_killed_it_loses_nothing_and_repeats_little(broker, heard, tmp_path):
    count = 20000
    file, state = many(tmp_path, count), tmp_path / "state"
    process = start(file, *once(broker, "--state", state))
    heard.wait_for_count(5000)
    process.kill()
    process.wait()
    replay(file, *once(broker, "--state", state))
    wait_for(lambda: len({payload for _, payload in heard.messages}) == count)


def test_a_broker_that_goes_away_is_waited_out(broker, tmp_path):
    listener = Listener(broker.port)
    count = 1500  # in about 15 s
    process = start(many(tmp_path, count), *once(broker, "--speed", "100"))
    listener.wait_for_count(100)
    broker.process.send_signal(signal.SIGKILL)
    broker.process.wait()
    listener.close()
    time.sleep(0.5)
    broker.start()
    second = Listener(broker.port)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and f"{count} of {count} messages" in output, output
    # A killed broker loses what it had acknowledged, and what comes before somebody listens; the replay loses nothing.
    heard = {payload for listener in (listener, second) for _, payload in listener.messages}
    wait_for(lambda: '{"v":1499,"ts":1499}' in {payload for _, payload in second.messages})
    assert count - 60 < len(heard | {payload for _, payload in second.messages}) <= count
    second.close()


def test_a_refused_password_ends_it_with_words(tmp_path):
    passwords = tmp_path / "passwords"
    passwords.write_text("me:right\n")
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
    passwords.chmod(0o644)
    broker = Broker(tmp_path, ("allow_anonymous false", f"password_file {passwords}"))
    try:
        secret = tmp_path / "secret"
        file = many(tmp_path, 3)
        secret.write_text("wrong\n")
        output = replay(file, *once(broker, "--username", "me", "--password-file", secret), code=1)
        assert "refuses the user name or password" in output and "wrong" not in output
        listener = Listener(broker.port, username="me", password="right")
        secret.write_text("right\n")
        replay(file, *once(broker, "--username", "me", "--password-file", secret))
        replay(file, *once(broker, "--username", "me", "--qos", "0"), environment={"TRIBUTARY_MQTT_PASSWORD": "right"})
        replay(file, *once(broker, "--username", "me", "--qos", "2"), environment={"TRIBUTARY_MQTT_PASSWORD": "right"})
        listener.wait_for_count(9)
        listener.close()
    finally:
        broker.stop()


def test_tls(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem", "-out",
                    tmp_path / "cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    broker = Broker(tmp_path, ("allow_anonymous true", f"certfile {tmp_path}/cert.pem", f"keyfile {tmp_path}/key.pem"))
    try:
        output = replay(many(tmp_path, 100), *once(broker, "--tls", "--ca-file", tmp_path / "cert.pem"))
        assert "100 of 100 messages" in output
    finally:
        broker.stop()


def test_over_http_a_killed_and_repeated_replay_counts_once(tmp_path):
    from stack import Stack
    count = 20000
    with Stack(tmp_path / "stack") as stack:
        file, state, key = tmp_path / "h.csv", tmp_path / "state", tmp_path / "key"
        key.write_text(stack.key + "\n")
        begin = int(time.time()) - 40000
        file.write_text("device,ts,value\n" + "".join(f"d{i % 7},{begin + i},{i}\n" for i in range(count)))
        arguments = (file, "--once", "--shift", "none", "--http", stack.ingest, "--api-key-file", key, "--state", state)
        process = start(*arguments)
        wait_for(lambda: stack.count("value") > 2000)
        process.kill()
        process.wait()
        noted = json.loads(state.read_text())["sent"]
        assert noted < count
        # The worst a kill can do: nothing of the last second is noted.
        state.write_text(re.sub(r'"sent": \d+', '"sent": 100', state.read_text()))
        process = start(*arguments)
        wait_for(lambda: stack.count("value") > 6000)
        interrupt(process)
        output = replay(*arguments)
        assert "going on after" in output, output
        wait_for(lambda: stack.count("value") >= count)
        summary = stack.api("/summary", metric="value")
        assert summary["count"] == count and summary["sum"] == count * (count - 1) // 2
        key.write_text("trib_wrong")
        assert "the bridge answers 401" in replay(file, "--once", "--shift", "none", "--http", stack.ingest, "--api-key-file", key,
                                                  code=1)


def test_cells_that_are_no_numbers_are_counted_and_told(broker, heard, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("device;time;a;b;温度\nd;1594684800;21,5;1;20\nd;1594684801;n/a;2;22 C\n")
    output = replay(file, *once(broker))
    heard.wait_for_count(2)
    assert heard.objects() == [("sensors/d", {"b": "1", "温度": "20", "ts": "1594684800"}), ("sensors/d", {"b": "2", "ts": "1594684801"})]
    assert "2 cells are left out: a: not a number" in output and "1 cells are left out: 温度: not a number" in output
    heard.messages.clear()
    lines = tmp_path / "b.jsonl"
    lines.write_text('{"device":"d","time":1594684800,"a":"37.8","b":"on","c":1}\n{"device":"d","time":1594684801,"a b":1,"a/b":2}\n')
    output = replay(lines, *once(broker))
    heard.wait_for_count(1)
    assert heard.objects() == [("sensors/d", {"a": "37.8", "c": "1", "ts": "1594684800"})]
    assert "1 cells are left out: b: not a number" in output and "bad_name" in output
