# SPDX-License-Identifier: Apache-2.0
"""Sends a JSON-lines file of telemetry over MQTT as its sensors would: one JSON object a message to PREFIX/{device}.

The file's day is moved by whole seconds so that it ends now and sent as fast as the broker takes it; then it goes on at
real pace from the beginning of the file, for ever. With --speed X everything is sent at X times real pace instead,
beginning now. Timestamps are moved as decimals, never through a float.
"""
import argparse
import json
import lzma
import os
import random
import signal
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

import paho.mqtt.client as mqtt

BUNDLED = Path(__file__).resolve().parents[2] / "tests/data/iot_env_telemetry/raw_data_xlarge.jsonl.xz"
RENAME = {"temp": "temperature"}
WINDOW = 400  # messages on their way to the broker at once


def read_messages(path):
    """(event time as Decimal seconds, device, fields) for each line, in the file's order."""
    opened = lzma.open(path, "rt", encoding="utf-8") if str(path).endswith(".xz") else open(path, encoding="utf-8")
    with opened as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                # Numbers stay as written: a value is sent with the very digits that stand in the file.
                row = json.loads(line, parse_float=Decimal)
                fields = row.get("data", row)
                values = {RENAME.get(k, k): v for k, v in fields.items() if k not in ("ts", "device", "device_id")}
                yield Decimal(row["ts"]), str(row.get("device") or row["device_id"]), values
            except (ValueError, KeyError, TypeError) as error:
                sys.exit(f"{path}:{number}: found {line[:60]!r}, expected a JSON object with ts, device and values ({error})")


def payload(values, timestamp):
    """The JSON text of one message; Decimals with their own digits."""
    def text(value):
        return str(value) if isinstance(value, Decimal) else json.dumps(value)
    return "{" + ",".join(f'"{k}":{text(v)}' for k, v in values.items()) + f',"ts":{timestamp}}}'


class Sender:
    """Publishes with QoS 1 and at most WINDOW messages unacknowledged; waits out a broker that is away."""

    def __init__(self, options):
        self.room = threading.Semaphore(WINDOW)
        self.stopped = threading.Event()
        self.client = mqtt.Client(client_id=f"replay-{os.getpid()}-{random.randrange(1 << 30)}", clean_session=True)
        if options.username:
            self.client.username_pw_set(options.username, os.environ.get("TRIBUTARY_MQTT_PASSWORD", ""))
        self.client.max_inflight_messages_set(WINDOW)
        self.client.on_publish = lambda *_: self.room.release()
        self.client.reconnect_delay_set(1, 5)
        self.client.connect_async(options.host, options.port, keepalive=30)
        self.client.loop_start()
        self.prefix = options.prefix

    def send(self, device, text):
        while not self.room.acquire(timeout=0.5):
            if self.stopped.is_set():
                return
        self.client.publish(f"{self.prefix}/{device}", text, qos=1)

    def drain(self):
        for _ in range(WINDOW):
            while not self.room.acquire(timeout=0.5):
                if self.stopped.is_set():
                    return
        for _ in range(WINDOW):
            self.room.release()


def run(options):
    messages = list(read_messages(options.file))
    if not messages:
        sys.exit(f"{options.file}: found no messages, expected JSON lines")
    first, last = messages[0][0], messages[-1][0]
    period = int(last - first) + 1
    sender = Sender(options)

    def stop(*_):
        sender.stopped.set()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)

    state_file = Path(options.state) if options.state else None
    state = json.loads(state_file.read_text()) if state_file and state_file.exists() else None
    speed = options.speed or 1.0
    if state:
        origin, begun = state["origin"], state["begun"]
    elif options.speed:
        origin = begun = int(time.time())
    else:
        # origin: where the file's first message falls in today's time, when its last one is now.
        begun = int(time.time())
        origin = begun - period
        started, said = time.monotonic(), 0
        for count, (moment, device, values) in enumerate(messages, 1):
            if sender.stopped.is_set():
                return
            sender.send(device, payload(values, moment - int(first) + origin))
            if count - said >= 10000 or count == len(messages):
                said = count
                print(f"replay: {count} of {len(messages)} messages", flush=True)
        sender.drain()
        print(f"replay: history sent in {time.monotonic() - started:.1f} s", flush=True)
        origin, begun = begun, begun
    if state_file:
        temporary = state_file.with_suffix(".tmp")
        temporary.write_text(json.dumps({"origin": origin, "begun": begun}))
        temporary.replace(state_file)
    if options.once and not options.speed:
        return

    # Real pace (or --speed times it), round after round. What fell into a pause is not made up for.
    position = (time.time() - begun) * speed
    round_number = int(position // period)
    while not sender.stopped.is_set():
        shift = origin + round_number * (period / speed)
        for moment, device, values in messages:
            offset = float(moment - first) / speed
            due = shift + offset
            wait = due - time.time()
            if wait < -5:
                continue
            if wait > 0 and sender.stopped.wait(wait):
                return
            stamp = (moment - int(first)) / Decimal(speed) + Decimal(int(shift))
            sender.send(device, payload(values, stamp.quantize(Decimal("0.0000001"))))
        round_number += 1
        if options.once:
            sender.drain()
            return


def main():
    parser = argparse.ArgumentParser(prog="tools/replay", description=__doc__.split("\n")[0])
    parser.add_argument("file", nargs="?", default=str(BUNDLED), help="JSON lines, plain or .xz (default: the bundled day)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--username", default="", help="the password comes from TRIBUTARY_MQTT_PASSWORD")
    parser.add_argument("--prefix", default="sensors", help="topic before the device (default: sensors)")
    parser.add_argument("--speed", type=float, default=0, help="times real pace from the start (default: history at once)")
    parser.add_argument("--once", action="store_true", help="stop at the end of the file")
    parser.add_argument("--state", help="a file that remembers that the history was sent")
    options = parser.parse_args()
    if options.speed < 0:
        parser.error(f"argument --speed: found {options.speed}, expected more than 0")
    run(options)


if __name__ == "__main__":
    main()
