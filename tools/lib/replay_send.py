# SPDX-License-Identifier: Apache-2.0
"""Two ways for replayed messages: over MQTT with a bounded window, or by HTTP POST to the bridge. Both count how many of
the messages given, from the first on without a hole, are acknowledged: `settled`. Both wait out a peer that is away."""
import collections
import hashlib
import http.client
import json
import os
import random
import socket
import ssl
import threading
import time
import urllib.parse

import paho.mqtt.client as mqtt

from replay_rows import Refused, Unusable


def timestamp_text(time_ns):
    """Unix seconds as a decimal with the digits it has."""
    sign, value = ("-", -time_ns) if time_ns < 0 else ("", time_ns)
    seconds, fraction = divmod(value, 1_000_000_000)
    return f"{sign}{seconds}" + (f".{fraction:09d}".rstrip("0") if fraction else "")


def object_text(fields, time_ns, first=()):
    parts = [*first, *(f"{json.dumps(name)}:{text}" for name, text in fields)]
    if time_ns is not None:
        parts.append(f'"ts":{timestamp_text(time_ns)}')
    return "{" + ",".join(parts) + "}"


class MqttSender:
    """QoS 0, 1 or 2; at most `window` messages unacknowledged. What was on its way when a connection broke goes again."""

    def __init__(self, options, say):
        self.stopped = threading.Event()
        self.say, self.qos, self.topic = say, options.qos, options.topic
        self.plain = "{metric}" in options.topic
        self.window = options.window
        self.room = threading.Semaphore(self.window)
        self.acknowledged = collections.deque()  # mids, from the client's thread
        self.place_of = {}                       # mid → number of the message
        self.early = set()                       # acknowledged, but something before is not
        self.given = self.settled = 0
        self.fatal = None
        self.absent = False  # it was said that the broker is not there
        self.where = f"{options.host}:{options.port}"
        self.client = mqtt.Client(client_id=f"replay-{os.getpid()}-{random.randrange(1 << 30)}", clean_session=True)
        if options.username:
            self.client.username_pw_set(options.username, options.password)
        if options.tls:
            try:
                self.client.tls_set(ca_certs=options.ca_file, certfile=options.cert_file, keyfile=options.key_file,
                                    tls_version=ssl.PROTOCOL_TLS_CLIENT)
            except (OSError, ValueError) as error:
                raise Unusable(f"TLS: found certificate files that cannot be used ({error})") from None
        self.client.max_inflight_messages_set(self.window)
        self.client.reconnect_delay_set(1, 5)
        self.client.on_publish = self._published
        self.client.on_connect = self._connected
        self._tell_at_once(options.host, options.port)
        self.client.connect_async(options.host, options.port, keepalive=30)
        self.client.loop_start()

    def _tell_at_once(self, host, port):
        """A broker that is not there is said before anything is waited for."""
        try:
            socket.create_connection((host, port), timeout=3).close()
        except OSError as error:
            self.absent = True
            self.say(f"waiting for the broker at {self.where}: {error.strerror or error}")

    def _published(self, _client, _data, mid):
        self.acknowledged.append(mid)
        self.room.release()

    def _connected(self, _client, _data, _flags, code):
        if code in (4, 5):
            self.fatal = f"{self.where}: the broker refuses the user name or password"
            self.stopped.set()
        elif self.absent:
            self.absent = False
            self.say(f"the broker at {self.where} answers")

    def _publish(self, topic, text):
        waited = 0.0
        while not self.room.acquire(timeout=0.5):
            waited += 0.5
            if waited == 5 and not self.absent:
                self.say(f"waiting for the broker at {self.where}" +
                         ("" if self.client.is_connected() else ", which does not answer"))
            if self.stopped.is_set():
                return False
        info = self.client.publish(topic, text, qos=self.qos)
        while self.qos == 0 and info.rc != mqtt.MQTT_ERR_SUCCESS:  # not taken: QoS 0 is not kept for a connection to come
            if self.stopped.wait(0.05):
                return False
            info = self.client.publish(topic, text, qos=0)
        self.place_of[info.mid] = self.given
        self.given += 1
        self._settle()
        return True

    def _settle(self):
        while self.acknowledged:
            place = self.place_of.pop(self.acknowledged.popleft(), None)
            if place is not None:
                self.early.add(place)
        while self.settled in self.early:
            self.early.remove(self.settled)
            self.settled += 1

    def check(self, device):
        """Refused if the device cannot stand in a topic."""
        if any(mark in device for mark in "/+#"):
            raise Refused("bad_device", device, "a device without / + #, which a topic cannot carry")

    def send(self, device, fields, time_ns):
        """False: stopped before it was given to the broker."""
        if self.stopped.is_set():
            return False
        if not self.plain:
            return self._publish(self.topic.format(device=device), object_text(fields, time_ns))
        return all([self._publish(self.topic.format(device=device, metric=name), text) for name, text in fields])

    def parts(self, fields):
        """How many messages these fields are."""
        return len(fields) if self.plain else 1

    def flush(self):
        pass

    def drain(self, seconds=None):
        """Waits until all is acknowledged (given up when stopped, or after seconds)."""
        until = None if seconds is None else time.monotonic() + seconds
        self._settle()
        while self.settled < self.given and not self.fatal:
            if until is None and self.stopped.is_set() or until is not None and time.monotonic() > until:
                break
            time.sleep(0.01)
            self._settle()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class HttpSender:
    """One request for up to BATCH messages. The requests of a run are cut the same way each time and carry an
    Idempotency-Key made of their content, so that what is repeated within 24 h counts once."""
    BATCH, BYTES = 100, 512 * 1024
    plain = False

    def __init__(self, options, say, identity):
        self.stopped = threading.Event()
        self.say, self.identity, self.key = say, identity, options.api_key
        url = urllib.parse.urlsplit(options.http)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise Unusable(f"--http: found {options.http!r}, expected http://host:port of the bridge")
        self.path = url.path.rstrip("/") + "/api/v1/data"
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=options.ca_file)
            self.connect = lambda: http.client.HTTPSConnection(url.hostname, url.port or 443, timeout=30, context=context)
        else:
            self.connect = lambda: http.client.HTTPConnection(url.hostname, url.port or 80, timeout=30)
        self.connection = None
        self.batch, self.bytes = [], 0
        self.base = 0  # messages that earlier runs sent
        self.given = self.settled = 0
        self.accepted, self.refused = 0, collections.Counter()
        self.fatal = None

    def check(self, device):
        pass

    def parts(self, _fields):
        return 1

    def send(self, device, fields, time_ns):
        if self.stopped.is_set():
            return False
        text = object_text(fields, time_ns, (f'"device_id":{json.dumps(device)}',))
        self.batch.append(text)
        self.bytes += len(text)
        self.given += 1
        if len(self.batch) >= self.BATCH or self.bytes >= self.BYTES:
            return self.flush()
        return not self.stopped.is_set()

    def flush(self):
        """Sends what was gathered and waits for the answer. False: stopped before the bridge took it."""
        if not self.batch:
            return True
        body = ("[" + ",".join(self.batch) + "]").encode()
        mark = hashlib.sha256(f"{self.identity} {self.base + self.settled} ".encode() + body).hexdigest()[:40]
        pause, said = 0.2, False
        while not self.stopped.is_set():
            status, answer, trouble = self._post(body, mark)
            if status == 202:
                self.accepted += answer.get("accepted", 0)
                self.refused.update(answer.get("rejected", {}))
            elif status == 400:
                self.refused[f"the whole request ({answer.get('detail', '')} found {answer.get('found', '')!r:.80})"] += 1
            if status in (202, 400):
                self.settled += len(self.batch)
                self.batch, self.bytes = [], 0
                return True
            if status is not None and status not in (429, 503):
                self.fatal = f"the bridge answers {status}: {answer.get('detail') or answer.get('title') or 'no words'}"
                self.stopped.set()
                return False
            if not said and pause > 1:
                self.say(f"waiting for the bridge: {trouble or answer.get('detail')}")
                said = True
            self.stopped.wait(pause)
            pause = min(pause * 2, 5.0)
        return False

    def _post(self, body, mark):
        """(status or None, the answer's object, what is wrong)"""
        try:
            if self.connection is None:
                self.connection = self.connect()
            self.connection.request("POST", self.path, body, {
                "X-API-Key": self.key, "Content-Type": "application/json", "Idempotency-Key": mark})
            answer = self.connection.getresponse()
            text = answer.read()
            try:
                parsed = json.loads(text)
            except ValueError:
                parsed = {}
            return answer.status, parsed if isinstance(parsed, dict) else {}, None
        except (OSError, http.client.HTTPException) as error:
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            return None, {}, str(error) or type(error).__name__

    def drain(self, _seconds=None):
        if not self.stopped.is_set():
            self.flush()

    def close(self):
        if self.connection is not None:
            self.connection.close()
