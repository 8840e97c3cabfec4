# SPDX-License-Identifier: Apache-2.0
"""tools/demo, after the build: writes the configuration, starts Mosquitto, bridge, aggregator, edge and replay, keeps
them running until a signal, then stops them: inputs first, the outbox last, then what it reports to."""
import argparse
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from kafka import Kafka, KafkaError, fetch
from replay_rows import Unusable, kind_of
from supervise import Part, Supervisor

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "build/release/bin"
TENANT, GATEWAY = "demo", "demo-gateway"
STARTED = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", flush=True)


def fail(text):
    print(f"tributary: {text}", file=sys.stderr, flush=True)
    sys.exit(1)


def port(text):
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a port from 1 to 65535, or 0 for any free one")
    return int(text)


def pace(text):
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 0 on (0: history at once)")
    return speed


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/demo", allow_abbrev=False)
    parser.add_argument("--dir")
    parser.add_argument("--http-port", type=port, default=8080)
    parser.add_argument("--mqtt-port", type=port, default=1883)
    parser.add_argument("--log", choices=["lmdb", "kafka"], default="lmdb")
    parser.add_argument("--replay", default="bundled")
    parser.add_argument("--speed", type=pace, default=0)
    parser.add_argument("--ready-file")
    parser.add_argument("--only-check", action="store_true", help=argparse.SUPPRESS)  # before installation and build
    options = parser.parse_args()
    if options.http_port == 65535:
        fail("--http-port: found 65535, expected less: the bridge takes the port above it")
    if options.dir and Path(options.dir).exists() and not Path(options.dir).is_dir():
        fail(f"--dir: found {options.dir}, which is no directory; expected one, or a new name")
    if options.replay not in ("bundled", "none") and not Path(options.replay).is_file():
        fail(f"--replay: found no file {options.replay}, expected a CSV or JSON-lines file or none")
    try:
        if options.replay not in ("bundled", "none"):
            kind_of(options.replay, "utf-8")
    except Unusable as error:
        fail(f"--replay: {error}")
    return options


def claim_port(wanted, what):
    """A free loopback port: the wanted one, or any for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            fail(f"port {wanted} for {what} is taken by another program: free it, or choose another one (0: any)")
        return probe.getsockname()[1]


def write_private(path, text):
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)


class Layout:
    """What lies where in the state folder, and the settings kept there so that a second start takes them up again."""

    def __init__(self, folder, options, gateways=((GATEWAY, "sensors"),)):
        """gateways: (name, topic prefix it listens to) each; the demo has one, tests have more."""
        self.folder = folder
        self.gateways = gateways
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        stored = folder / "demo.json"
        kept = json.loads(stored.read_text()) if stored.exists() else {}
        self.fresh = not kept
        self.passwords = kept.get("passwords") or {
            name: secrets.token_urlsafe(18) for name in ("sensor", "bridge", *(name for name, _ in gateways))}
        self.api_key = kept.get("api_key")
        self.mqtt = claim_port(options.mqtt_port, "Mosquitto (--mqtt-port)")
        self.http = claim_port(options.http_port, "the dashboard (--http-port)")
        self.ingest = claim_port(options.http_port + 1 if options.http_port else 0, "the bridge (one above --http-port)")
        self.edges = {name: claim_port(0, f"the figures of {name}") for name, _ in gateways}
        self.keys = folder / "keys.json"
        self.log = getattr(options, "log", "lmdb")
        if kept.get("log", self.log) != self.log:
            fail(f"{folder} belongs to a demo with --log {kept['log']}: use that, or another --dir")
        self.kafka = Kafka(folder / "kafka") if self.log == "kafka" else None
        self.log_url = f"kafka://{self.kafka.address}" if self.kafka else f"lmdb://{folder}/log"

    def save(self):
        write_private(self.folder / "demo.json", json.dumps({"passwords": self.passwords, "api_key": self.api_key,
                                                             "log": self.log}))

    def write_broker(self):
        plain = self.folder / "mosquitto.passwords"
        write_private(plain, "".join(f"{name}:{word}\n" for name, word in self.passwords.items()))
        subprocess.run(["mosquitto_passwd", "-U", str(plain)], check=True)
        rules = "user sensor\n"
        for _, prefix in self.gateways:
            rules += f"topic readwrite {prefix}/#\n"
        rules += f"topic read tributary/v1/{TENANT}/#\n"
        for name, prefix in self.gateways:
            base = f"tributary/v1/{TENANT}/{name}"
            rules += f"""
user {name}
topic read {prefix}/#
topic write {base}/partials
topic write {base}/status
topic read {base}/ack
"""
        write_private(self.folder / "mosquitto.acl", rules + """
user bridge
topic read tributary/v1/+/+/partials
topic read tributary/v1/+/+/status
topic write tributary/v1/+/+/ack
""")
        lines = [f"listener {self.mqtt} 127.0.0.1", "allow_anonymous false", f"password_file {plain}",
                 f"acl_file {self.folder}/mosquitto.acl", "set_tcp_nodelay true", "max_inflight_messages 200",
                 "max_queued_messages 0", "max_queued_bytes 268435456", "persistence false",
                 "log_type error", "log_type warning"]
        if os.getuid() == 0:
            lines.append("user root")
        write_private(self.folder / "mosquitto.conf", "\n".join(lines) + "\n")

    def write_programs(self):
        for name in ("bridge", *(name for name, _ in self.gateways)):
            write_private(self.folder / f"{name}.password", self.passwords[name] + "\n")
        url = f"tcp://127.0.0.1:{self.mqtt}"
        units = {"temperature": "°C", "humidity": "%", "co": "ppm", "lpg": "ppm", "smoke": "ppm",
                 "memory_available": "MiB", "cpu_temperature": "°C"}
        metrics = "".join(f'[metrics.{name}]\nunit = "{unit}"\n' for name, unit in units.items())
        machine = json.dumps(socket.gethostname())
        for name, prefix in self.gateways:
            self.write_edge(name, prefix, url, metrics, machine if name == GATEWAY else None)
        self.write_cloud(url, metrics)

    def write_edge(self, name, prefix, url, metrics, machine):
        files = "" if machine is None else f"""
[[source.file]]
path = "/proc/loadavg"
device = {machine}
metric = "load"
interval_ms = 5000

[[source.file]]
path = "/proc/meminfo"
device = {machine}
metric = "memory_available"
key = "MemAvailable"
scale = 0.0009765625
interval_ms = 5000
"""
        for zone in sorted(Path("/sys/class/thermal").glob("thermal_zone*/temp"))[:1] if machine else []:
            files += f'\n[[source.file]]\npath = "{zone}"\ndevice = {machine}\nmetric = "cpu_temperature"\nscale = 0.001\ninterval_ms = 5000\n'
        (self.folder / f"{name}.toml").write_text(f"""\
tenant = "{TENANT}"
gateway = "{name}"
state_dir = "{self.folder}/{name}"

[uplink]
url = "{url}"
password_file = "{self.folder}/{name}.password"

[windows]
min_time = 0  # recordings are replayed with their own times

[http]
port = {self.edges[name]}

[[source.mqtt]]
url = "{url}"
username = "{name}"
password_file = "{self.folder}/{name}.password"
topics = ["{prefix}/+", "{prefix}/+/+"]

[labels]
site = "home"
{files}
{metrics}""")

    def write_cloud(self, url, metrics):
        (self.folder / "bridge.toml").write_text(f"""\
[mqtt]
url = "{url}"
username = "bridge"
client_id = "bridge"
password_file = "{self.folder}/bridge.password"

[log]
url = "{self.log_url}"

[http]
port = {self.ingest}

[ingest]
min_time = 0

[keys]
file = "{self.keys}"

{metrics}""")
        (self.folder / "aggregator.toml").write_text(f"""\
[log]
url = "{self.log_url}"

[state]
dir = "{self.folder}/state"

[http]
port = {self.http}

[keys]
file = "{self.keys}"

[dashboard]
dir = "{ROOT}/build/release/dashboard"
mqtt_host = "127.0.0.1"
mqtt_port = {self.mqtt}
mqtt_username = "sensor"
mqtt_tenant = "{TENANT}"
ingest_url = "http://127.0.0.1:{self.ingest}"
operators = ["{TENANT}"]
""" + ("\n[feed]\nwindows = true\n" if self.kafka else ""))

    def write_clients(self):
        """What the printed commands read, so that no password and no key stands among a process's arguments."""
        write_private(self.folder / "mosquitto_pub",
                      f"-h 127.0.0.1\n-p {self.mqtt}\n-u sensor\n-P {self.passwords['sensor']}\n")
        write_private(self.folder / "key.header", f"X-API-Key: {self.api_key}\n")

    def make_tenant(self):
        if self.api_key and self.keys.exists():
            return
        made = subprocess.run([BIN / "tributaryctl", "tenant", "add", TENANT, "--keys", self.keys],
                              capture_output=True, text=True)
        words = made.stdout.split()
        keys = [word for word in words if word.startswith("trib_")]
        if made.returncode != 0 or not keys:
            fail(f"tributaryctl could not add a tenant: {made.stderr.strip() or made.stdout.strip()}")
        self.api_key = keys[0]


def http_ok(url, key=None):
    request = urllib.request.Request(url, headers={"X-API-Key": key} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return answer.read()
    except (OSError, urllib.error.HTTPError):
        return None


def port_open(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def build_parts(layout, options):
    folder, logs = layout.folder, layout.logs

    def online(gateway):
        def ask():
            # What is published before the edge has subscribed never reaches it.
            edge = http_ok(f"http://127.0.0.1:{layout.edges[gateway]}/ready")
            sources = json.loads(edge)["sources"] if edge else {"listening": 0, "of": 1}
            if sources["listening"] < sources["of"]:
                return False
            answer = http_ok(f"http://127.0.0.1:{layout.http}/api/v1/devices", layout.api_key)
            if answer is None:
                return False
            return any(g["gateway"] == gateway and g["state"] in ("online", "late")
                       for g in json.loads(answer)["gateways"])
        return ask

    def program(name, program, ready):
        command = [str(BIN / f"tributary-{program}"), "--config", str(folder / f"{name}.toml")]
        return Part(name, command, logs / f"{name}.log", ready)

    parts = {
        "mosquitto": Part("mosquitto", ["mosquitto", "-c", str(folder / "mosquitto.conf")], logs / "mosquitto.log",
                          lambda: port_open(layout.mqtt)),
        "bridge": program("bridge", "bridge", lambda: http_ok(f"http://127.0.0.1:{layout.ingest}/ready") is not None),
        "aggregator": program("aggregator", "aggregator",
                              lambda: http_ok(f"http://127.0.0.1:{layout.http}/ready") is not None),
    }
    if layout.kafka:
        command = [sys.executable, "-B", str(ROOT / "tools/lib/kafka.py"), "run", "--dir", str(layout.kafka.folder)]
        parts["kafka"] = Part("kafka", command, logs / "kafka.log", layout.kafka.answers)
    for number, (name, _) in enumerate(layout.gateways):
        parts["edge" if number == 0 else name] = program(name, "edge", online(name))
    replay = None
    if options.replay != "none":
        command = [sys.executable, str(ROOT / "tools/lib/replay.py"), "--port", str(layout.mqtt), "--username", "sensor",
                   "--state"]
        if options.replay == "bundled":
            command.append(str(folder / "replay.json"))
        else:
            # One state a file: another one is another history.
            mark = hashlib.sha256(str(Path(options.replay).resolve()).encode()).hexdigest()[:12]
            command += [str(folder / f"replay-{mark}.json"), options.replay]
            if kind_of(options.replay, "utf-8") == "json":
                command += ["--as", "temp=temperature"]
        if options.speed:
            command += ["--speed", str(options.speed)]
        replay = Part("replay", command, logs / "replay.log",
                      environment={"TRIBUTARY_MQTT_PASSWORD": layout.passwords["sensor"]}, forever=False)
    return parts, replay


def write_ready(layout, options, parts):
    if not options.ready_file:
        return
    ready = {
        "http": f"http://127.0.0.1:{layout.http}", "ingest": f"http://127.0.0.1:{layout.ingest}",
        "edge": f"http://127.0.0.1:{layout.edges[GATEWAY]}",
        "mqtt": {"host": "127.0.0.1", "port": layout.mqtt, "username": "sensor", "password": layout.passwords["sensor"]},
        "tenant": TENANT, "api_key": layout.api_key, "pids": {name: part.pid for name, part in parts.items()},
    }
    target = Path(options.ready_file)
    temporary = target.with_name(target.name + ".tmp")
    write_private(temporary, json.dumps(ready, indent=1))
    temporary.replace(target)


def introduce(layout):
    # Whoever redirects the output keeps it: then the key is only where it may be read by this user alone.
    key = layout.api_key if sys.stdout.isatty() else f"in {layout.folder}/key.header"
    print(f"""
  Dashboard   http://127.0.0.1:{layout.http}/
  Key         {key}

  In another terminal, first:
    export DEMO={layout.folder}
  Publish a value of your own:
    XDG_CONFIG_HOME=$DEMO mosquitto_pub -t sensors/kitchen -m '{{"temperature":21.5}}'
  Ask for it:
    curl -s -H @$DEMO/key.header "http://127.0.0.1:{layout.http}/api/v1/summary?metric=temperature&device=kitchen"
  Watch the stream:
    curl -sN -H @$DEMO/key.header "http://127.0.0.1:{layout.http}/api/v1/stream?metric=temperature"

  Ctrl-C stops everything. State and logs: {layout.folder}
""", flush=True)


def watch_history(layout):
    """Says how far the replayed history has come, as the replay tells it."""
    seen = 0
    log = layout.logs / "replay.log"

    def tell():
        nonlocal seen
        if log.exists():
            with open(log, "rb") as lines:
                lines.seek(seen)
                text = lines.read()
                seen += len(text)
            for line in text.decode(errors="replace").splitlines():
                say(line)
    return tell


def run(options, folder):
    stopping = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.append(True))
    layout = Layout(folder, options)
    layout.make_tenant()
    layout.save()
    layout.write_broker()
    layout.write_programs()
    layout.write_clients()
    parts, replay = build_parts(layout, options)
    supervisor = Supervisor(list(parts.values()))
    say(f"starting Mosquitto, {'Kafka, ' if layout.kafka else ''}bridge, aggregator and edge; logs in {layout.logs}")
    all_ready, introduced, complained = False, False, 0.0
    tell = watch_history(layout)
    try:
        while not stopping:
            if supervisor.tick(say):
                all_ready = False
            if not all_ready:
                waiting = next((part for part in parts.values() if not part.is_ready()), None)
                if waiting is None:
                    all_ready = True
                    write_ready(layout, options, parts)
                    say("all parts are up")
                    if not introduced:
                        introduce(layout)
                        introduced = True
                        if replay:
                            supervisor.parts.append(replay)
                elif time.monotonic() - max(complained, waiting.started_at) > 15:
                    complained = time.monotonic()
                    say(f"still waiting for {waiting.name}; its last words:\n{waiting.tail(4)}")
            tell()
            time.sleep(0.05)
    finally:
        say("stopping")
        order = ([replay] if replay else []) + [
            parts[name] for name in ("edge", "bridge", "aggregator", "mosquitto", "kafka") if name in parts]
        for part in order:
            part.stop()
        say("stopped; nothing is left running")


def main():
    options = parse_arguments()
    if options.only_check:
        for wanted, what in ((options.mqtt_port, "Mosquitto (--mqtt-port)"), (options.http_port, "the dashboard (--http-port)"),
                             (options.http_port and options.http_port + 1, "the bridge (one above --http-port)")):
            claim_port(wanted, what)
        return
    if shutil.which("mosquitto") is None and not Path("/usr/sbin/mosquitto").exists():
        fail("found no mosquitto, expected Debian's package (tools/demo installs it)")
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    if options.log == "kafka":
        try:
            fetch()
        except KafkaError as error:
            fail(error)
    if options.dir:
        folder = Path(options.dir).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        run(options, folder)
    else:
        with tempfile.TemporaryDirectory(prefix="tributary-demo-") as name:
            run(options, Path(name))


if __name__ == "__main__":
    main()
