# SPDX-License-Identifier: Apache-2.0
"""What the sensors and clients of tests/faults/chaos.py send. Every reading of a series is a power of two of its own
within its window, times the series' unit: the exact sum of a row names the very readings in it, and one that is counted
twice shows as a count that differs from the bits."""
import http.client
import json
import math
import random
import threading
import time
import urllib.request

import paho.mqtt.client as mqtt

WIDTH = 10
PER_WINDOW = 40                 # times the unit, that fits a double's 53 bits
TICK = WIDTH / PER_WINDOW       # seconds between two readings of a series
UNITS = {"level": 1, "flow": 4099, "posted": 3}
DEVICES = 3                     # a gateway
POST_DEVICES = ("client-0", "client-1", "client-2")


def place(number):
    """(start of its window, bit) of the reading of this tick"""
    window, bit = divmod(number, PER_WINDOW)
    return window * WIDTH, bit


def value(metric, bit):
    return UNITS[metric] << bit


class Sensors(threading.Thread):
    """The devices of one gateway: QoS 0 to the broker beside it, a reading is sent once or was never sent. The time it
    carries is that of its tick, which is when it is sent."""

    def __init__(self, gateway, port):
        super().__init__(daemon=True, name=f"sensors of {gateway}")
        self.gateway = gateway
        self.devices = [f"{gateway}-{n}" for n in range(DEVICES)]
        self.sent = {}      # tick → when it was sent; the same for every device and metric of the gateway
        self.stopping = threading.Event()
        self.connected = threading.Event()
        self.client = mqtt.Client(client_id=f"sensors-of-{gateway}", clean_session=True)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda *_: self.connected.set()
        self.client.on_disconnect = lambda *_: self.connected.clear()
        self.client.connect("127.0.0.1", port, keepalive=60)
        self.client.loop_start()
        assert self.connected.wait(10)

    def run(self):
        number = math.ceil(time.time() / TICK)
        while not self.stopping.is_set():
            rest = number * TICK - time.time()
            if rest > 0:
                time.sleep(rest)
            elif rest < -TICK * 20:
                number = math.ceil(time.time() / TICK)  # this program was held up: those ticks are not sent
                continue
            if self.connected.is_set():
                bit = place(number)[1]
                self.sent[number] = time.time()
                for device in self.devices:
                    self.client.publish(f"{self.gateway}/{device}", json.dumps(
                        {"level": value("level", bit), "flow": value("flow", bit), "ts": number * TICK}))
            number += 1

    def stop(self):
        self.stopping.set()
        self.join()
        self.client.disconnect()
        self.client.loop_stop()


def post(port, api_key, key, body, timeout=10):
    """True: answered 202. False: nobody knows whether it was counted, so it is asked for again."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/data", body.encode(), {
        "X-API-Key": api_key, "Content-Type": "application/json", "Idempotency-Key": key})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status == 202
    except (OSError, http.client.HTTPException):
        return False


class Filler:
    """What makes the log and the aggregator's state grow while their disk is full: posts of many windows that nobody
    measured before, each in the end answered and counted once."""
    READINGS = 500

    def __init__(self, ingests, key, seed):
        self.ingests, self.key = list(ingests), key
        self.chance = random.Random(f"{seed} filler")
        self.lock = threading.Lock()
        self.number = self.counted = 0

    def grow(self):
        """One post, until it is answered."""
        with self.lock:
            number = self.number = self.number + 1
        begin = int(time.time()) // WIDTH * WIDTH - 6 * 3600
        body = json.dumps([{"device_id": f"filler-{number % 20}", "filler": n, "ts": begin + n * WIDTH + number % WIDTH}
                           for n in range(self.READINGS)])
        until = time.monotonic() + 240
        while not post(self.chance.choice(self.ingests), self.key, f"filler-{number}", body):
            if time.monotonic() > until:
                raise TimeoutError("a post was not answered within four minutes")
            time.sleep(0.3)
        with self.lock:
            self.counted += self.READINGS


class Client(threading.Thread):
    """Posts readings of one device to either bridge until a 202, with the same Idempotency-Key, and often again later:
    whatever was asked to be counted is counted once."""

    def __init__(self, device, ingests, key, seed):
        super().__init__(daemon=True, name=f"posts of {device}")
        self.device, self.ingests, self.key = device, list(ingests), key
        self.chance = random.Random(f"{seed} {device}")
        self.sent = {}       # tick → when it was first asked for
        self.tries = self.repeats = 0
        self.double = False  # True: sends some under another key, and so twice
        self.old = []        # bodies that were answered 202
        self.stopping = threading.Event()

    def run(self):
        number = math.ceil(time.time() / TICK)
        while not self.stopping.is_set():
            rest = number * TICK - time.time()
            if rest > 0:
                time.sleep(rest)
            ticks = sorted({number - self.chance.randrange(2) * 4 * n for n in range(3)} - self.sent.keys())
            number = max(number + 4, math.ceil(time.time() / TICK))
            if not ticks:
                continue
            key = f"{self.device}-{ticks[-1]}-{self.chance.randrange(1 << 30)}"
            body = json.dumps([{"device_id": self.device, "posted": value("posted", place(n)[1]), "ts": n * TICK} for n in ticks])
            for n in ticks:
                self.sent[n] = time.time()
            while not self.post(key, body):
                time.sleep(0.5)
            self.old.append((key, body))
            if self.double and self.post(key + "-again", body):
                self.double = False
            if self.chance.random() < 0.4:
                self.repeats += 1
                self.post(*self.chance.choice(self.old))

    def post(self, key, body):
        self.tries += 1
        return post(self.chance.choice(self.ingests), self.key, key, body)

    def stop(self):
        """The post that is under way goes on until it is answered."""
        self.stopping.set()
        self.join(180)
        assert not self.is_alive(), f"{self.device}: a post was not answered within three minutes"
