# SPDX-License-Identifier: Apache-2.0
"""A real Mosquitto with a subscriber that keeps every message, and tools/replay run as a person would."""
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

ROOT = Path(__file__).resolve().parents[2]
REPLAY = ["/usr/bin/python3", "-B", str(ROOT / "tools/lib/replay.py")]
sys.path.insert(0, str(ROOT / "tools/lib"))
sys.path.insert(0, str(ROOT / "tests/e2e"))


def wait_for(what, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, f"not true within {seconds} s: {getattr(what, '__doc__', None) or what}"
        time.sleep(0.02)
    return answer


class Broker:
    def __init__(self, folder, lines=("allow_anonymous true",)):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config = folder / "mosquitto.conf"
        own = [f"listener {self.port} 127.0.0.1", "max_queued_messages 0", "max_inflight_messages 0", "set_tcp_nodelay true",
               "persistence false", *lines, *(["user root"] if os.getuid() == 0 else [])]
        self.config.write_text("\n".join(own) + "\n")
        self.process = None
        self.start()

    def start(self):
        os.environ["PATH"] += os.pathsep + "/usr/sbin"
        self.process = subprocess.Popen(["mosquitto", "-c", str(self.config)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

        def listens():
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=1).close() or True
            except OSError:
                return False
        wait_for(listens)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


MARK = "sensors/-/mark"


class Listener:
    """Keeps (topic, payload) of everything under a topic."""

    def __init__(self, port, topic="sensors/#", **login):
        self.messages = []
        subscribed = threading.Event()
        self.client = mqtt.Client(client_id=f"listener-{os.getpid()}-{time.monotonic_ns()}")
        if login:
            self.client.username_pw_set(**login)
        self.client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.on_message = self._on_message
        self.marked = threading.Event()
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port, keepalive=30)
        self.client.loop_start()
        assert subscribed.wait(10)

    def _on_message(self, _client, _data, message):
        if message.topic == MARK:
            self.marked.set()
        else:
            self.messages.append((message.topic, message.payload.decode()))

    def catch_up(self):
        """Until everything that the broker has queued for the listener has been heard; how many messages that are."""
        self.marked.clear()
        self.client.publish(MARK, b"", qos=1)
        assert self.marked.wait(30)
        return len(self.messages)

    def wait_for_count(self, count):
        wait_for(lambda: len(self.messages) >= count)
        return self.messages

    def objects(self):
        return [(topic, json.loads(payload, parse_float=str, parse_int=str)) for topic, payload in self.messages]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def broker(tmp_path):
    running = Broker(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def heard(broker):
    listener = Listener(broker.port)
    yield listener
    listener.close()


def start(*arguments, environment=None):
    return subprocess.Popen([*REPLAY, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, **(environment or {})})


def replay(*arguments, code=0, environment=None, timeout=60):
    """Its output; fails when it ends with another exit code."""
    process = start(*arguments, environment=environment)
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == code, output
    return output


def interrupt(process):
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    return output
