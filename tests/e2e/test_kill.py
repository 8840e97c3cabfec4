# SPDX-License-Identifier: Apache-2.0
"""Promise 2: edge, bridge, aggregator and Mosquitto are killed a hundred times, one after another and all at once.
Every reading is a power of two of its own within its window, so that a window's exact sum names the readings in it, and a
doubled one shows as a count that differs from the bits of the sum."""
import os
import random
import re
import threading
import time
from datetime import datetime, timezone

from stack import GATEWAYS, Stack, wait_for

SEED = int(os.environ.get("TRIBUTARY_SEED", "20261121"))
ROUNDS = int(os.environ.get("TRIBUTARY_KILL_ROUNDS", "100"))
VICTIMS = ("edge", "bridge", "aggregator", "mosquitto")
DEVICES = 4
PER_WINDOW = 40     # powers of two fit a double's 53 bits
WIDTH = 10


class Source(threading.Thread):
    """Publishes one reading a device every 20 ms, QoS 0 (a reading is sent once, or was never sent), with event times
    of its own that fill windows of PER_WINDOW readings."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.sensor = stack.publisher(qos=0)
        self.sent = {}  # (device, window, bit) → wall clock just before it was published
        self.stopping = threading.Event()
        self.begin = (int(time.time()) - 12 * 3600) // WIDTH * WIDTH

    def run(self):
        number = 0
        while not self.stopping.is_set():
            if self.sensor.connected.is_set():
                window, bit = divmod(number, PER_WINDOW)
                moment = self.begin + window * WIDTH + bit * WIDTH / PER_WINDOW
                for device in range(DEVICES):
                    self.sent[device, window, bit] = time.time()
                    self.sensor.send(f"sensors/kill-{device}", f'{{"bit":{2 ** bit},"ts":{moment}}}')
                number += 1
            time.sleep(0.02)
        self.windows = number // PER_WINDOW + 1

    def stop(self):
        self.stopping.set()
        self.join()
        self.sensor.close()


def merged(stack, source, device):
    """{(window, bit)} of a device, read back from the exact sums; fails if any was counted twice."""
    answer = stack.api("/series", metric="bit", device=f"kill-{device}", step=WIDTH, stats="count,sum",
                       **{"from": source.begin, "to": source.begin + source.windows * WIDTH})
    found = set()
    for row in answer["series"][0]["rows"]:
        assert row["width"] == WIDTH, row
        start = datetime.fromisoformat(row["start"].replace("Z", "+00:00")).timestamp()
        window = round((start - source.begin) / WIDTH)
        total = int(row["sum"])
        bits = {bit for bit in range(PER_WINDOW) if total >> bit & 1}
        assert total < 2 ** PER_WINDOW and row["count"] == len(bits), f"doubled or foreign: {row}"
        found |= {(window, bit) for bit in bits}
    return found


def instant(text):
    return datetime.fromisoformat(re.sub(r"\.(\d{1,6})\d*", lambda m: "." + m.group(1).ljust(6, "0"), text)
                                  .replace("Z", "+00:00")).astimezone(timezone.utc).timestamp()


def test_a_hundred_kills_lose_nothing_accepted_and_double_nothing(tmp_path):
    chance = random.Random(SEED)
    print(f"seed {SEED}, {ROUNDS} rounds")
    with Stack(tmp_path / "stack", GATEWAYS[:1]) as stack:
        source = Source(stack)
        source.start()
        outages = []   # (from, to): the broker, or the edge's connection to it, was away
        for number in range(ROUNDS):
            time.sleep(chance.uniform(0.2, 1.0))
            victims = VICTIMS if number % 5 == 4 else (VICTIMS[number % 5],)
            killed = time.time()
            stack.kill(*victims)
            time.sleep(0.1)
            if "edge" in victims or "mosquitto" in victims:
                stack.wait_ready()
                wait_for(lambda: probe(stack, number), 30, 0.1)
                outages.append((killed - 0.5, time.time(), victims))
        stack.wait_ready()
        source.stop()
        last = source.sent and max(window for _, window, _ in source.sent)
        # The last windows close by their own clock; then nothing may be missing that no outage explains.
        gaps = []
        missing = None

        def settled():
            """every reading outside of named gaps and broker outages is merged"""
            nonlocal missing, gaps
            devices = stack.api("/devices")
            gaps = [(instant(g["from"]), instant(g["to"])) for gateway in devices["gateways"] for g in gateway["gaps"]]
            missing = {}
            for device in range(DEVICES):
                there = merged(stack, source, device)
                for (d, window, bit), moment in source.sent.items():
                    if d == device and (window, bit) not in there:
                        missing[d, window, bit] = moment
            return not [m for m in missing.values() if not explained(m, outages)]
        wait_for(settled, 60, 1.0)

        # Every reading that the edge may have lost lies in an interval it named itself.
        unnamed = [m for m in missing.values()
                   if not any(a - 0.1 <= m <= b + 10 for a, b in gaps) and not in_broker_outage(m, outages)]
        assert not unnamed, f"{len(unnamed)} lost readings without a named gap, e.g. {unnamed[:3]}; gaps {gaps}"
        kills = sum(1 for _ in range(ROUNDS))
        edge_kills = sum(1 for _, _, victims in outages if "edge" in victims)
        assert len(gaps) >= edge_kills * 0.9, f"{edge_kills} kills of the edge, but {len(gaps)} gaps named"
        print(f"{kills} rounds, {len(source.sent)} readings sent in {last + 1} windows, {len(missing)} in outages and "
              f"gaps, {len(source.sent) - len(missing)} merged once; {len(gaps)} gaps named for {edge_kills} kills")


def probe(stack, number):
    """a reading sent now comes to the aggregator: the whole way stands again"""
    try:
        with stack.publisher(qos=1, window=1) as sensor:
            sensor.send(f"sensors/probe-{number}", '{"probe":1}')
        return True
    except (OSError, AssertionError):
        return False


def explained(moment, outages):
    return any(a <= moment <= b for a, b, _ in outages)


def in_broker_outage(moment, outages):
    return any(a <= moment <= b for a, b, victims in outages if "mosquitto" in victims)
