#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The official Apache Kafka as one local process (KRaft, no container), for the demo and the tests. Standard library only.

    kafka.py fetch                       the broker's files into the cache, once; prints their folder
    kafka.py fetched                     whether they are there: exit code 0 or 1
    kafka.py start --dir D [options]     a broker with its state in D, in the background; prints {"address", "pid"} when it answers
    kafka.py run --dir D [options]       the same in the foreground: this process becomes the broker
    kafka.py stop --dir D                ends what start began
Options: --port N (default: any free one, kept in D), --data FOLDER (default D/data), --set NAME=VALUE (a broker setting),
  --sasl USER:PASSWORD (a second listener on a port of its own, for clients with SASL PLAIN; start prints it as "sasl"),
  --fresh (start: what D holds is removed first).
The cache is $TRIBUTARY_CACHE, or ~/.cache/tributary; what has been fetched is used again."""
import argparse
import base64
import fcntl
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

POM = Path(__file__).resolve().with_name("kafka-pom.xml")
HEAP = "512m"
STARTED_WITHIN_S = 90


def cluster_id():
    """16 random bytes in base64url. Kafka's tools take one that begins with a dash for an option: a 64th of them."""
    while True:
        made = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not made.startswith("-"):
            return made


class KafkaError(Exception):
    """One sentence for a person."""


def version():
    return re.search(r"<kafka.version>([^<]+)<", POM.read_text())[1]


def cache():
    return Path(os.environ.get("TRIBUTARY_CACHE") or Path.home() / ".cache/tributary") / f"kafka-{version()}"


def fetch():
    """The folder with the broker's jars; fetched with Maven if it is not there yet."""
    folder = cache()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / "kafka.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        if shutil.which("mvn") is None:
            raise KafkaError("Kafka is fetched with Maven and there is no mvn: install Debian's maven and openjdk-17-jre-headless")
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as work:
            shutil.copy(POM, Path(work) / "pom.xml")
            run = subprocess.run(["mvn", "-q", "-B", "-f", f"{work}/pom.xml", "dependency:copy-dependencies",
                                  "-DincludeScope=runtime", f"-DoutputDirectory={work}/libs"],
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True)
            jars = list(Path(work, "libs").glob("kafka_*.jar"))
            if run.returncode != 0 or not jars:
                errors = [line for line in (run.stdout + run.stderr).splitlines() if "ERROR" in line]
                raise KafkaError(f"Kafka {version()} could not be fetched with Maven: "
                                 + (errors[0].split("ERROR]", 1)[-1].strip() if errors else "no jar came"))
            os.rename(Path(work, "libs"), folder)
    return folder


def java():
    found = shutil.which("java")
    if found is None:
        raise KafkaError("Kafka needs Java and there is none: install Debian's openjdk-17-jre-headless")
    return found


def free_port(taken=()):
    """A loopback port below those the system gives to outgoing connections, so that it is still free after a restart."""
    chance = random.Random()
    for _ in range(1000):
        port = chance.randrange(20000, 32000)
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise KafkaError("found no free port for Kafka between 20000 and 32000")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def answers(port, timeout=1.0):
    """True if a broker on this port names at least one broker that is in service (a Metadata request, version 1)."""
    body = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout) as link:
            link.settimeout(timeout)
            link.sendall(struct.pack(">i", len(body)) + body)
            answer = b""
            while len(answer) < 12:
                part = link.recv(4096)
                if not part:
                    return False
                answer += part
            return struct.unpack(">iii", answer[:12])[2] > 0
    except OSError:
        return False


class Kafka:
    """A broker whose settings and data lie in a folder; a second start takes them up again."""

    def __init__(self, folder, port=0, data=None, settings=(), sasl=None):
        self.folder = Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.kept = self.folder / "kafka.json"
        kept = json.loads(self.kept.read_text()) if self.kept.exists() else {}
        self.port = port or kept.get("port") or free_port()
        self.controller = kept.get("controller") or free_port({self.port})
        self.cluster = kept.get("cluster") or cluster_id()
        self.data = Path(data or kept.get("data") or self.folder / "data").resolve()
        self.settings = dict(kept.get("settings") or {}, **dict(settings))
        self.address = f"127.0.0.1:{self.port}"
        self.sasl = kept.get("sasl")
        if sasl:
            user, password = sasl.split(":", 1)
            port = self.sasl or free_port({self.port, self.controller})
            self.sasl = port
            self.settings |= {
                "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{self.controller},SASL_PLAINTEXT://127.0.0.1:{port}",
                "advertised.listeners": f"PLAINTEXT://{self.address},SASL_PLAINTEXT://127.0.0.1:{port}",
                "sasl.enabled.mechanisms": "PLAIN",
                "listener.name.sasl_plaintext.plain.sasl.jaas.config":
                    "org.apache.kafka.common.security.plain.PlainLoginModule required "
                    f'user_{user}="{password}";'}
        temporary = self.kept.with_suffix(".new")
        temporary.write_text(json.dumps({"port": self.port, "controller": self.controller, "cluster": self.cluster,
                                         "data": str(self.data), "settings": self.settings, "sasl": self.sasl}))
        temporary.replace(self.kept)

    def command(self, main, *arguments):
        return [java(), "-Xms64m", f"-Xmx{HEAP}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                "-Dlog4j2.level=WARN", "-cp", f"{fetch()}/*", main, *arguments]

    def prepare(self):
        """Writes the settings, formats the data folder if it is new; the broker's command."""
        settings = {
            "process.roles": "broker,controller", "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{self.controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
            "controller.listener.names": "CONTROLLER", "log.dirs": str(self.data),
            "offsets.topic.replication.factor": "1", "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1", "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1", "group.initial.rebalance.delay.ms": "0",
            "auto.create.topics.enable": "false", "log.segment.delete.delay.ms": "1000",
            # A broker that was killed is let in again when its old session has ended.
            "broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500",
            **self.settings}
        file = self.folder / "server.properties"
        file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        if not (self.data / "meta.properties").exists():
            run = subprocess.run(self.command("kafka.tools.StorageTool", "format", "-t", self.cluster, "-c", str(file)),
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if run.returncode != 0:
                raise KafkaError(f"Kafka could not format {self.data}: {(run.stderr or run.stdout).strip().splitlines()[-1:]}")
        return self.command("kafka.Kafka", str(file))

    def answers(self):
        return answers(self.port)

    def pid(self):
        try:
            return int((self.folder / "pid").read_text())
        except (OSError, ValueError):
            return 0

    def start(self):
        """In the background, until it answers; its process id. One that runs already is left as it is."""
        if alive(self.pid()) and self.answers():
            return self.pid()
        command = self.prepare()
        with open(self.folder / "kafka.log", "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        (self.folder / "pid").write_text(str(process.pid))
        deadline = time.monotonic() + STARTED_WITHIN_S
        while not self.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                tail = (self.folder / "kafka.log").read_text(errors="replace").splitlines()[-3:]
                self.stop()
                raise KafkaError(f"Kafka did not start within {STARTED_WITHIN_S} s; its last words: {' | '.join(tail)}")
            time.sleep(0.05)
        return process.pid

    def stop(self, timeout=20.0):
        pid = self.pid()
        if pid and alive(pid):
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + timeout
            while alive(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        (self.folder / "pid").unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser(prog="kafka.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["fetch", "fetched", "start", "run", "stop"])
    parser.add_argument("--dir")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--sasl", metavar="USER:PASSWORD")
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    if options.what == "fetched":
        sys.exit(0 if cache().is_dir() else 1)
    if options.what == "fetch":
        java()
        print(fetch())
        return
    if not options.dir:
        parser.error("--dir is needed")
    if options.fresh and Path(options.dir, "kafka.json").exists():
        Kafka(options.dir).stop()
        shutil.rmtree(options.dir)
    kafka = Kafka(options.dir, options.port, options.data, [one.split("=", 1) for one in options.set], options.sasl)
    if options.what == "run":
        command = kafka.prepare()
        (kafka.folder / "pid").write_text(str(os.getpid()))
        os.execv(command[0], command)
    if options.what == "start":
        answer = {"address": kafka.address, "pid": kafka.start()}
        if kafka.sasl:
            answer["sasl"] = f"127.0.0.1:{kafka.sasl}"
        print(json.dumps(answer), flush=True)
    else:
        kafka.stop()


if __name__ == "__main__":
    try:
        main()
    except KafkaError as error:
        print(f"tributary: {error}", file=sys.stderr)
        sys.exit(1)
