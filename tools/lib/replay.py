# SPDX-License-Identifier: Apache-2.0
"""Sends any CSV or JSON-lines file (plain, gzip, xz or bzip2) as sensors would: one message a row, over MQTT to the
edge's sensor topics or over HTTP to the bridge.

Without a file: the bundled day of telemetry. By default the file's times are moved by whole seconds so that it ends now,
and all of it is sent as fast as it is taken (the history); then it goes on at real pace from the beginning of the file,
for ever (--once: not). With --speed X it is sent at X times real pace from the start, beginning now.

  tools/replay weather.csv --device station-1 --time-zone +01:00 --as "Air temperature (degC)=temperature" --once
  tools/replay air.csv.xz --device-column station --time-column year,month,day,hour --time-zone +08:00 --shift none --once
  tools/replay AirQualityUCI.csv --device air --time-columns Date,Time --time-format "%d/%m/%Y %H.%M.%S" \\
               --time-zone +01:00 --decimal ,
  tools/replay readings.jsonl --http http://127.0.0.1:8081 --api-key-file key --shift=-2h30m --state replay.state

With --state a replay goes on where it was stopped; Ctrl-C waits for what is on its way, so nothing comes twice. Only a
kill in the middle sends what was not yet noted again: at most a second's worth over MQTT (a sensor that repeats itself has
sent two readings), nothing over HTTP (the requests carry an Idempotency-Key).
"""
import argparse
import collections
import hashlib
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

from replay_rows import NANOS, Clock, Columns, CsvRows, JsonRows, Refused, Unusable, kind_of, parse_offset
from replay_send import HttpSender, MqttSender

BUNDLED = Path(__file__).resolve().parents[2] / "tests/data/iot_env_telemetry/raw_data_xlarge.jsonl.xz"
FUTURE_NS = 300 * NANOS
UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}


def say(text):
    print(f"replay: {text}", flush=True)


def parse_shift(text):
    """'ends-now', 'starts-now', 'live', 'none', or nanoseconds of a duration such as -2h30m."""
    if text in ("ends-now", "starts-now", "live", "none"):
        return text
    found = re.fullmatch(r"([+-]?)((?:\d+[wdhms])+)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected ends-now, starts-now, live, none or a duration (--shift=-2h30m)")
    total = sum(int(count) * UNITS[unit] for count, unit in re.findall(r"(\d+)([wdhms])", found[2]))
    return (-total if found[1] == "-" else total) * NANOS


def parse_rename(text):
    column, equals, metric = text.rpartition("=")
    if not equals or not column or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}", metric):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected COLUMN=METRIC with a metric like [A-Za-z_][A-Za-z0-9_.:-]*")
    return column, metric


def parse_zone(text):
    offset = parse_offset(text)
    if offset is None:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected UTC or a distance from it like +02:00")
    return offset


def names(text):
    return [name.strip() for name in text.split(",") if name.strip()]


class Source:
    """The file, read as often as needed; counts what is refused, once."""

    def __init__(self, options):
        columns = Columns(options.device_column, options.device, options.time_columns or options.time_column,
                          options.interval is not None, options.metrics, options.without, options.renames, options.values,
                          options.decimal, options.time_columns is not None)
        clock = Clock(options.time_unit, options.time_format, options.time_zone)
        kind = options.format or kind_of(options.file, options.encoding)
        if kind == "csv":
            self.rows = CsvRows(options.file, columns, clock, options.encoding, options.delimiter, options.quote,
                                options.columns, options.skip_lines)
        else:
            self.rows = JsonRows(options.file, columns, clock, options.encoding)
        self.options, self.interval = options, options.interval
        self.refused, self.example, self.check = collections.Counter(), {}, lambda _device: None
        for column, metric in self.rows.renamed():
            say(f"column {column!r} is sent as {metric}")

    def read(self, count_refused=False):
        """(time in nanoseconds, device, fields) of each usable row."""
        def refuse(line, error):
            if self.options.strict:
                raise Unusable(f"{self.options.file}:{line}: {error}")
            if count_refused:
                self.refused[error.reason] += 1
                self.example.setdefault(error.reason, f"line {line}: {error}")
        for number, row in enumerate(self.rows.read(refuse)):
            try:
                self.check(row.device)
            except Refused as error:
                refuse(row.line, error)
                continue
            yield number * self.interval if row.time_ns is None else row.time_ns, row.device, row.fields

    def scan(self):
        """Reads all of it once: {count, first, last, sorted}; tells what is refused."""
        count, first, last, before, in_order = 0, None, None, None, True
        for time_ns, _, _ in self.read(count_refused=True):
            count += 1
            first = time_ns if first is None else min(first, time_ns)
            last = time_ns if last is None else max(last, time_ns)
            in_order = in_order and (before is None or before <= time_ns)
            before = time_ns
        if self.refused:
            say(f"{self.refused.total()} rows are refused: " +
                ", ".join(f"{number} {reason}" for reason, number in self.refused.most_common()))
            for reason, text in self.example.items():
                say(f"  {reason}, first at {text}")
        for what, number in self.rows.skipped.items():
            say(f"{number} cells are left out: {what}")
        if not count:
            raise Unusable(f"{self.options.file}: found no row that can be used, expected CSV or JSON lines with a time, a "
                           "device and numbers")
        return {"count": count, "first": first, "last": last, "sorted": in_order}

    def ordered(self, facts):
        """The rows by time; from memory where the file has them otherwise."""
        return self.read() if facts["sorted"] else iter(sorted(self.read(), key=lambda row: row[0]))

    def identity(self):
        """What makes this replay this one: the file's bytes and how its rows are read."""
        digest = hashlib.sha256()
        with open(self.options.file, "rb") as raw:
            while block := raw.read(1 << 20):
                digest.update(block)
        columns = vars(self.rows.columns)
        digest.update(repr(sorted((key, sorted(value) if isinstance(value, set) else value) for key, value in
                                  columns.items())).encode())
        digest.update(repr((vars(self.rows.clock), self.interval, self.options.topic)).encode())
        return digest.hexdigest()[:32]


class State:
    """The file of --state: {identity, mode, begun, facts, shift, sent, done}."""

    def __init__(self, path, identity):
        self.path = Path(path) if path else None
        self.values = {}
        self.saved_at = 0.0
        if self.path and self.path.exists():
            try:
                self.values = json.loads(self.path.read_text())
                if not isinstance(self.values, dict):
                    raise ValueError("not an object")
            except ValueError as error:
                raise Unusable(f"--state {path}: found something that is not a replay's state ({error}), expected one or no file")
            if "origin" in self.values:  # of the first version: its history was sent
                self.values = {"identity": identity, "mode": "live", "begun": self.values["begun"]}
            if self.values.get("identity") != identity:
                raise Unusable(f"--state {path}: found the state of another file, or of other options for it; expected this "
                               "one's. Name another state file, or delete this one to begin anew")
        self.values["identity"] = identity

    def save(self, **changed):
        self.values.update(changed)
        self.saved_at = time.monotonic()
        if self.path:
            temporary = self.path.with_name(self.path.name + ".tmp")
            temporary.write_text(json.dumps(self.values))
            temporary.replace(self.path)


class Replay:
    def __init__(self, options):
        self.options = options
        self.source = Source(options)
        identity = self.source.identity()
        self.state = State(options.state, identity)
        self.sender = HttpSender(options, say, identity) if options.http else MqttSender(options, say)
        self.source.check = self.sender.check
        self.counted = 0  # messages of the rows that are noted
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.sender.stopped.set())

    @property
    def stopped(self):
        return self.sender.stopped.is_set()

    def run(self):
        try:
            kept = self.state.values
            if kept.get("done"):
                say(f"all {kept['facts']['count']} messages were sent before; nothing to do")
                return
            self.facts = kept.get("facts") or self.source.scan()
            live = self.options.shift == "live"
            if kept.get("mode") not in (None, "live" if live else "rows") and not (live or self._loops()):
                raise Unusable(f"--state {self.options.state}: found a replay {kept['mode']}, expected one with the same --shift")
            if not live and kept.get("mode") != "live":
                if not self._rows():
                    return
                if not self._loops():
                    self.state.save(done=True)
                    return
                kept = self.state.values
            if kept.get("mode") == "live":
                begun = kept["begun"]
            else:  # where the history ended, or now
                begun = int(time.time()) if live else self._end_s()
            self.state.save(mode="live", begun=begun, facts=self.facts)
            self._live(begun, self.options.speed or 1.0)
        finally:
            self.sender.drain(4)
            self.sender.close()
            if self.sender.fatal:
                raise Unusable(self.sender.fatal)
            for reason, number in getattr(self.sender, "refused", {}).items():
                say(f"the bridge refused {number}: {reason}")

    def _loops(self):
        """After the rows goes on live."""
        return self.options.shift == "ends-now" and not self.options.once

    def _shift(self, begun):
        first, last = self.facts["first"], self.facts["last"]
        shift = self.options.shift
        if shift == "none":
            return 0
        if isinstance(shift, int):
            return shift
        if shift == "starts-now":
            return (begun - first // NANOS) * NANOS
        return (begun - self._period_s() - first // NANOS) * NANOS  # the first message falls there when the last is now

    def _end_s(self):
        return self.state.values["shift"] // NANOS + self.facts["first"] // NANOS + self._period_s()

    def _period_s(self):
        return (self.facts["last"] - self.facts["first"]) // NANOS + 1

    def _rows(self):
        """Every row once, with its moved time: at once, or at --speed times real pace. False: stopped before the end."""
        kept, facts, sender = self.state.values, self.facts, self.sender
        if kept.get("mode") != "rows":
            self.state.save(mode="rows", shift=self._shift(int(time.time())), facts=facts, sent=0)
        shift, sent = self.state.values["shift"], self.state.values["sent"]
        sender.base = sent
        if sent:
            say(f"going on after {sent} of {facts['count']} messages")
        ahead = facts["last"] + shift - (time.time_ns() + FUTURE_NS)
        if ahead > 0 and not self.options.speed:
            say("some messages are dated more than 5 minutes ahead; the edge refuses such readings")
        speed, anchor = self.options.speed, None
        started, said, parts = time.monotonic(), sent, collections.deque()
        base = sent
        for number, (time_ns, device, fields) in enumerate(self._from(sent)):
            if speed:
                anchor = anchor or (time.monotonic(), time_ns)
                if not self._wait_until(anchor[0] + (time_ns - anchor[1]) / NANOS / speed):
                    break
            parts.append(sender.parts(fields))
            if not sender.send(device, fields, None if sender.plain else time_ns + shift):
                break
            count = sent + number + 1
            base = self._note(base, parts)
            if count - said >= 10000 or count == facts["count"]:
                said = count
                took = max(time.monotonic() - started, 1e-3)
                say(f"{count} of {facts['count']} messages ({(number + 1) / took:.0f}/s)")
        if not self.stopped:
            sender.flush()
        sender.drain(4 if self.stopped else None)
        base = self._note(base, parts, save=True)
        if base < facts["count"]:
            say(f"stopped after {base} of {facts['count']} messages" + (", noted in the state" if self.state.path else ""))
            return False
        say(f"history sent in {time.monotonic() - started:.1f} s")
        return True

    def _from(self, sent):
        rows = self.source.ordered(self.facts) if self.options.speed else self.source.read()
        for _ in range(sent):
            next(rows, None)
        return rows

    def _note(self, base, parts, save=False):
        """Counts the rows whose messages are all acknowledged; keeps the number in the state once a second."""
        done = self.sender.settled - self.counted
        while parts and done >= parts[0]:
            done -= parts[0]
            self.counted = self.counted + parts.popleft()
            base += 1
        if save or time.monotonic() - self.state.saved_at > 1:
            self.state.save(sent=base)
        return base

    def _wait_until(self, moment):
        """False: stopped."""
        wait = moment - time.monotonic()
        if wait <= 0:
            return not self.stopped
        self.sender.flush()
        return not self.sender.stopped.wait(wait)

    def _live(self, begun, speed):
        """Real pace (or speed times it), round after round, dated as it is sent. What fell into a pause is not made up
        for."""
        first, period = self.facts["first"], self._period_s()
        turn = int((time.time() - begun) * speed // period)
        while not self.stopped:
            shift = begun + turn * (period / speed)
            for time_ns, device, fields in self.source.ordered(self.facts):
                due = shift + (time_ns - first) / NANOS / speed
                wait = due - time.time()
                if wait < -5:
                    continue
                if wait > 0:
                    self.sender.flush()
                    if self.sender.stopped.wait(wait):
                        return
                distance = time_ns - first // NANOS * NANOS
                moved = distance if speed == 1 else int(distance / speed)
                stamp = int(shift) * NANOS + moved // 100 * 100
                if not self.sender.send(device, fields, None if self.sender.plain else stamp):
                    return
            turn += 1
            if self.options.once:
                self.sender.drain()
                self.state.save(done=True)
                return


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(prog="tools/replay", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("file", nargs="?", help="CSV or JSON lines, plain, .gz, .xz or .bz2 (default: the bundled day)")
    group = parser.add_argument_group("reading the file")
    add = group.add_argument
    add("--format", choices=["csv", "json"], help="default: found out")
    add("--encoding", default="utf-8")
    add("--delimiter", help="of CSV: one character, or tab (default: found out of , ; tab |)")
    add("--quote", default='"', help='of CSV (default: ")')
    add("--decimal", default=".", choices=[".", ","], help="the decimal mark of CSV's numbers")
    add("--columns", type=names, metavar="A,B,…", help="names of CSV's columns; then the first line is data")
    add("--skip-lines", type=int, default=0, metavar="N", help="lines before CSV begins")
    add("--values", metavar="PATH", help="JSON: the object that holds the metrics (default: data, if there is one, else all)")
    add("--strict", action="store_true", help="stop at the first row that cannot be used")
    group = parser.add_argument_group("what the columns mean (nested JSON: a.b)")
    add = group.add_argument
    add("--device-column", metavar="NAME", help="default: device or device_id")
    add("--device", metavar="NAME", help="one device for all rows")
    add("--time-column", type=names, metavar="NAME", help="default: timestamp, ts or time; also year,month,day[,hour[,minute…]]")
    add("--time-columns", type=names, metavar="A,B,…", help="columns that are one time together, as "
        "Date,Time; also with --time-format")
    add("--time-unit", choices=["auto", "s", "ms", "us", "ns"], default="auto", help="of Unix times (default: by magnitude)")
    add("--time-format", metavar="FORMAT", help="as in strptime, e.g. '%%d/%%m/%%Y %%H:%%M'")
    add("--time-zone", type=parse_zone, metavar="UTC|±hh:mm", help="of times that do not say theirs (default: they are refused)")
    add("--interval", type=float, metavar="SECONDS", help="the file has no times: rows are so far apart")
    add("--metrics", type=names, metavar="A,B,…", help="the columns to send (default: all numbers and booleans)")
    add("--without", type=names, default=[], metavar="A,B,…", help="columns not to send")
    add("--as", dest="renames", type=parse_rename, action="append", metavar="COLUMN=METRIC", help="rename; may be repeated")
    group = parser.add_argument_group("when")
    add = group.add_argument
    add("--shift", type=parse_shift, metavar="HOW", help="move the times: ends-now (default), starts-now, none, a duration like "
        "=-2h30m, or live: each message is dated when it is sent (default with --speed)")
    add("--speed", type=float, default=0, metavar="X", help="times real pace from the start (default: history at once)")
    add("--once", action="store_true", help="stop at the end of the file")
    add("--state", metavar="FILE", help="remembers how far it came: the same command goes on there")
    group = parser.add_argument_group("where to")
    add = group.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, help="default 1883, with --tls 8883")
    add("--username", default="")
    add("--password-file", metavar="FILE", help="else the password comes from TRIBUTARY_MQTT_PASSWORD")
    add("--tls", action="store_true")
    add("--ca-file", metavar="FILE", help="default: the system's certificates")
    add("--cert-file", metavar="FILE")
    add("--key-file", metavar="FILE")
    add("--qos", type=int, choices=[0, 1, 2], default=1)
    add("--window", type=int, default=400, help="messages on their way at once (default 400)")
    add("--topic", default=None, help="sensors/{device} (default): JSON objects; sensors/{device}/{metric}: plain numbers")
    add("--prefix", default="sensors", help="short for --topic PREFIX/{device}")
    add("--http", metavar="URL", help="POST to this bridge instead of MQTT")
    add("--api-key-file", metavar="FILE", help="else the key comes from TRIBUTARY_API_KEY")
    options = parser.parse_args(arguments)
    check_arguments(parser, options)
    return options


def read_secret(parser, option, path, variable):
    if not path:
        return os.environ.get(variable, "")
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"argument {option}: found {path} ({error}), expected a file with the secret")


def check_arguments(parser, options):
    if options.file is None:
        options.file = str(BUNDLED)
        options.renames = options.renames or [("temp", "temperature")]
    if not Path(options.file).is_file():
        parser.error(f"found no file {options.file}, expected CSV or JSON lines")
    if options.speed < 0 or options.speed != options.speed or options.speed == float("inf"):
        parser.error(f"argument --speed: found {options.speed}, expected more than 0")
    if options.interval is not None:
        if not 0 < options.interval < 1e9:
            parser.error(f"argument --interval: found {options.interval}, expected more than 0 seconds")
        options.interval = max(round(options.interval * NANOS), 1)
    if options.shift is None:
        options.shift = "live" if options.speed else "ends-now"
    if options.shift == "live":
        options.speed = options.speed or 1.0
    options.delimiter = "\t" if options.delimiter in ("tab", "\\t") else options.delimiter
    for name in ("delimiter", "quote"):
        if getattr(options, name) is not None and len(getattr(options, name)) != 1:
            parser.error(f"argument --{name}: found {getattr(options, name)!r}, expected one character")
    if options.window < 1 or options.window > 60000:
        parser.error(f"argument --window: found {options.window}, expected 1 to 60000")
    if options.time_columns is not None and (options.time_column or len(options.time_columns) < 2):
        parser.error("argument --time-columns: expected two columns or more whose texts are one time (Date,Time), and no --time-column")
    if options.device is not None and options.device_column:
        parser.error("found --device and --device-column, expected one of them")
    options.topic = options.topic or f"{options.prefix}/{{device}}"
    rest = options.topic.replace("{device}", "").replace("{metric}", "")
    if any(mark in rest for mark in "{}+#") or ("{device}" not in options.topic and options.device is None):
        parser.error(f"argument --topic: found {options.topic!r}, expected a topic with {{device}}, and {{metric}} for plain numbers")
    if "{metric}" in options.topic and options.shift != "live" and not options.http:
        parser.error(f"argument --topic: found {options.topic!r} for plain numbers, which carry no time; expected --speed or "
                     "--shift live beside it")
    options.tls = options.tls or bool(options.cert_file)
    options.port = options.port or (8883 if options.tls else 1883)
    options.password = read_secret(parser, "--password-file", options.password_file, "TRIBUTARY_MQTT_PASSWORD")
    options.api_key = read_secret(parser, "--api-key-file", options.api_key_file, "TRIBUTARY_API_KEY")
    if options.http and not options.api_key:
        parser.error("found --http without a key, expected --api-key-file or TRIBUTARY_API_KEY")


def main():
    options = parse_arguments()
    try:
        Replay(options).run()
    except (Unusable, OSError) as error:
        sys.exit(f"replay: {error}")
    except (UnicodeError, LookupError) as error:
        sys.exit(f"replay: {options.file}: {error}")


if __name__ == "__main__":
    main()
