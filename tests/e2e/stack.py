# SPDX-License-Identifier: Apache-2.0
"""Runs the demo's parts under a supervisor thread, and speaks to them with clients that are not ours."""
import json
import os
import signal
import socket
import sys
import threading
import time
import types
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import paho.mqtt.client as mqtt

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/lib"))
import demo  # noqa: E402
from supervise import Supervisor  # noqa: E402

GATEWAYS = ((demo.GATEWAY, "sensors"), ("second-gateway", "others"))


def wait_for(what, seconds=60.0, every=0.1):
    """Asks until the answer is true; the answer. Fails when it does not come in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {seconds} s: {getattr(what, '__doc__', None) or what}")
        time.sleep(every)


class Stack:
    def __init__(self, folder, gateways=GATEWAYS, log="lmdb"):
        self.folder = Path(folder)
        self.gateways = gateways
        self.log = log
        self.events = []  # what the supervisor said, with its time

    def __enter__(self):
        options = types.SimpleNamespace(http_port=0, mqtt_port=0, replay="none", speed=0, ready_file=None,
                                        log=self.log)
        os.environ["PATH"] += os.pathsep + "/usr/sbin"
        self.layout = demo.Layout(self.folder, options, self.gateways)
        self.layout.make_tenant()
        self.layout.save()
        self.layout.write_broker()
        self.layout.write_programs()
        self.parts = self.build_parts(options)
        self.supervisor = Supervisor(list(self.parts.values()))
        self.stopping = threading.Event()
        self.held = set()
        self.thread = threading.Thread(target=self._supervise, daemon=True)
        self.thread.start()
        self.http = f"http://127.0.0.1:{self.layout.http}"
        self.ingest = f"http://127.0.0.1:{self.layout.ingest}"
        self.edges = {name: f"http://127.0.0.1:{port}" for name, port in self.layout.edges.items()}
        self.key = self.layout.api_key
        try:
            self.wait_ready()
        except AssertionError:
            self.__exit__()
            raise
        return self

    def build_parts(self, options):
        return demo.build_parts(self.layout, options)[0]

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        # Inputs first, then what they report to; all at once where there are several.
        rank = {"bridge": 1, "aggregator": 2, "mosquitto": 3, "kafka": 4}
        for name in sorted(self.parts, key=lambda name: rank.get(name.split("-")[0], 0)):
            self.parts[name].stop()

    def _supervise(self):
        while not self.stopping.is_set():
            self.supervisor.parts = [part for name, part in self.parts.items() if name not in self.held]
            self.supervisor.tick(lambda text: self.events.append((time.time(), text)))
            time.sleep(0.02)

    def wait_ready(self, seconds=60):
        for name, part in self.parts.items():
            if name not in self.held:
                try:
                    wait_for(part.is_ready, seconds)
                except AssertionError:
                    raise AssertionError(f"{name} is not ready; its last words:\n{part.tail(20)}") from None

    def kill(self, *names):
        """SIGKILL to all of them at once; the supervisor starts them again, without the delay that a crash loop earns."""
        for name in names:
            self.parts[name].quick = 0
            if self.parts[name].pid and self.parts[name].alive():
                os.kill(self.parts[name].pid, signal.SIGKILL)

    def hold(self, name):
        """Stops a part (SIGTERM) and keeps it stopped until release()."""
        self.held.add(name)
        time.sleep(0.05)
        self.parts[name].stop()

    def release(self, name):
        self.parts[name].next_start = 0.0
        self.parts[name].process = None
        self.parts[name].starts = 0
        self.held.discard(name)
        self.wait_ready()

    def get(self, path, key="", base=None, headers=None, **parameters):
        """(status, parsed JSON or text, headers) of a GET."""
        if parameters:
            path += "?" + urllib.parse.urlencode(parameters, doseq=True)
        request = urllib.request.Request((base or self.http) + path, headers=dict(headers or {}))
        if key is not None:
            request.add_header("X-API-Key", key or self.key)
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        body = answer.read().decode()
        kind = answer.headers.get("Content-Type", "")
        return answer.status, json.loads(body) if "json" in kind else body, answer.headers

    def api(self, path, base=None, **parameters):
        """The JSON of a call that must succeed."""
        status, body, _ = self.get("/api/v1" + path, base=base, **parameters)
        assert status == 200, (path, parameters, status, body)
        return body

    def count(self, metric, base=None, **parameters):
        """Readings merged so far; 0 while the metric is unknown."""
        try:
            status, body, _ = self.get("/api/v1/summary", base=base, metric=metric, **parameters)
        except OSError:
            return -1
        return body["count"] if status == 200 else 0

    def metrics_text(self, base=None):
        return self.get("/metrics", key=None, base=base)[1]

    def publisher(self, qos=1, window=400):
        return Publisher(self, qos, window)


class Publisher:
    """paho-mqtt as a sensor: at most `window` messages unacknowledged."""

    def __init__(self, stack, qos, window):
        self.qos = qos
        self.room = threading.Semaphore(window)
        self.window = window
        self.connected = threading.Event()
        self.client = mqtt.Client(client_id=f"test-{os.getpid()}-{time.monotonic_ns()}", clean_session=True)
        self.client.username_pw_set("sensor", stack.layout.passwords["sensor"])
        self.client.max_inflight_messages_set(window)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda *_: self.connected.set()
        self.client.on_disconnect = lambda *_: self.connected.clear()
        self.client.on_publish = lambda *_: self.room.release()
        # Else all but the first message wait for the broker's kernel to acknowledge it, 40 ms and more on a busy machine.
        self.client.on_socket_open = lambda _c, _d, opened: opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.connect("127.0.0.1", stack.layout.mqtt, keepalive=30)
        self.client.loop_start()
        assert self.connected.wait(10)

    def send(self, topic, payload, retain=False):
        if self.qos:
            assert self.room.acquire(timeout=60), "the broker does not acknowledge"
        self.client.publish(topic, payload, qos=self.qos, retain=retain)

    def close(self):
        if self.qos:
            for _ in range(self.window):
                assert self.room.acquire(timeout=60), "the broker does not acknowledge"
        self.client.disconnect()
        self.client.loop_stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
