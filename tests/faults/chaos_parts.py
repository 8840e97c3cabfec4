# SPDX-License-Identifier: Apache-2.0
"""The real system for tests/faults/chaos.py: gateways, a broker beside the sensors, a broker in the cloud, two bridges, a
log, an aggregator. Every connection between a gateway, a broker, a bridge and Kafka goes through a proxy of ours, every
state lies on a small disk of its own, and the gateways' clock can be set."""
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for folder in ("tests/e2e", "tests/support", "tools/lib"):
    sys.path.insert(0, str(ROOT / folder))
import demo  # noqa: E402
import kafka  # noqa: E402
from net_proxy import Network  # noqa: E402
from stack import Stack, wait_for  # noqa: E402
from supervise import Part  # noqa: E402

GATEWAYS = ("attic", "barn", "cellar")
BRIDGES = ("bridge-0", "bridge-1")
BUDGET_MIB, EDGE_DISK_MIB, LOG_DISK_MIB, STATE_DISK_MIB = 4, 48, 96, 64
PARTITIONS = {"lmdb": 1, "kafka": 4}
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


class Unable(Exception):
    """This machine does not let the driver do something; one sentence for a person."""


def own_mounts(arguments):
    """Goes on in a mount namespace of its own, where disks can be mounted that nobody else sees and that vanish with the
    process, whatever ends it."""
    if os.environ.get("TRIBUTARY_CHAOS_MOUNTS") == "own":
        return
    root = os.geteuid() == 0
    command = ["unshare", "--mount"] if root else ["unshare", "--user", "--map-root-user", "--mount"]
    tried = subprocess.run([*command, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise Unable("full disks need small disks, and this machine does not let "
                     f"{'root' if root else 'this user'} mount any ({' '.join(command)}: {tried.stderr.strip()})")
    os.environ["TRIBUTARY_CHAOS_MOUNTS"] = "own"
    os.execvp(command[0], [*command, sys.executable, "-B", *arguments])


class Disk:
    """A small disk of its own, that can be filled up."""

    def __init__(self, folder, mib):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "chaos", str(self.folder)],
                                 capture_output=True, text=True)
        if mounted.returncode != 0:
            raise Unable(f"cannot mount a disk of {mib} MiB at {folder}: {mounted.stderr.strip()}")
        self.ballast = self.folder / "ballast"
        self.emptied = 0.0

    def fill(self):
        """To the last byte; how many bytes that took."""
        size = 0
        with open(self.ballast, "ab", buffering=0) as out:
            block = bytes(1 << 20)
            while block:
                try:
                    size += out.write(block)
                except OSError:
                    block = block[:len(block) // 2]
        return size

    def empty(self):
        self.emptied = time.monotonic()
        self.ballast.unlink(missing_ok=True)

    def is_full(self):
        """Or was so just now."""
        return self.ballast.exists() or time.monotonic() < self.emptied + 2


class Watch(threading.Thread):
    """Reads what parts write to their logs, and notes when. The time is the watch's: a part's own clock may be wrong."""
    LINES = {"start": re.compile(r"tributary-edge: outbox \S+: (a new one begins|taken up|the old one)"), "connected": re.compile(r"source \S+: connected"),
             "lost": re.compile(r"source \S+: not connected"), "replaced": re.compile(r"the old one .*moved to"),
             "crash": re.compile(r"taken up after a crash"), "stopped": re.compile(r"taken up after a clean stop"),
             "disk": re.compile(r"(?i)no space|disk (is )?full|ENOSPC"), "works": re.compile(r"works again")}

    def __init__(self, logs):
        super().__init__(daemon=True, name="watch")
        self.files = {name: [open(path, "a+b"), b""] for name, path in logs.items()}
        self.seen = {name: {what: [] for what in self.LINES} for name in logs}
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            self.look()
            time.sleep(0.02)

    def look(self):
        for name, slot in self.files.items():
            if name.startswith("kafka"):
                continue
            data = slot[0].read()
            if not data:
                continue
            now = time.time()
            *lines, slot[1] = (slot[1] + data).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace")
                for what, pattern in self.LINES.items():
                    if pattern.search(text):
                        self.seen[name][what].append(now)


class ChaosStack(Stack):
    def __init__(self, folder, log, seed=0):
        super().__init__(folder, tuple((name, name) for name in GATEWAYS), log)
        self.network = Network(seed)
        self.disks = {}
        self.peaks = {}       # program → greatest resident bytes of any of its processes
        self.lock = threading.Lock()

    # Everything below is written once, before the parts start.
    def build_parts(self, options):
        layout, folder = self.layout, self.folder
        self.disks = {name: Disk(folder / f"disk-{name}", EDGE_DISK_MIB) for name in GATEWAYS}
        self.disks["aggregator"] = Disk(folder / "disk-aggregator", STATE_DISK_MIB)
        if self.log == "lmdb":
            self.disks["log"] = Disk(folder / "disk-log", LOG_DISK_MIB)
        self.taken = set()
        self.local = self.port()
        layout.mqtt, layout.http = self.port(), self.port()
        self.ingests = {name: self.port() for name in BRIDGES}
        layout.ingest = self.ingests[BRIDGES[0]]
        layout.write_broker()
        self.write_local_broker(folder / "local.conf", self.local)
        parts = {"mosquitto": Part("mosquitto", ["mosquitto", "-c", str(folder / "mosquitto.conf")],
                                   layout.logs / "mosquitto.log", lambda: demo.port_open(layout.mqtt)),
                 "local": Part("local", ["mosquitto", "-c", str(folder / "local.conf")], layout.logs / "local.log",
                               lambda: demo.port_open(self.local))}
        log_urls = self.log_urls(parts)
        for name in BRIDGES:
            proxy = self.link(f"{name}~broker", layout.mqtt)
            (folder / f"{name}.toml").write_text(f"""\
[mqtt]
url = "tcp://127.0.0.1:{proxy}"
username = "bridge"
client_id = "{name}"
password_file = "{folder}/bridge.password"
share_group = "bridges"

[log]
url = "{log_urls[name]}"
partitions = {PARTITIONS[self.log]}

[http]
port = {self.ingests[name]}

[keys]
file = "{layout.keys}"
""")
            parts[name] = self.program(name, "bridge", self.ingests[name])
        (folder / "aggregator.toml").write_text(f"""\
[log]
url = "{log_urls['aggregator']}"
partitions = {PARTITIONS[self.log]}

[state]
dir = "{folder}/disk-aggregator/state"

[http]
port = {layout.http}

[keys]
file = "{layout.keys}"
""")
        parts["aggregator"] = self.program("aggregator", "aggregator", layout.http)
        for name in GATEWAYS:
            parts[name] = self.edge(name, name, self.local, folder / f"disk-{name}", self.link(f"{name}~broker", layout.mqtt))
        self.watch = Watch({name: part.log for name, part in parts.items()})
        self.watch.start()
        return parts

    def log_urls(self, parts):
        layout = self.layout
        if self.log == "lmdb":
            layout.log_url = f"lmdb://{self.folder}/disk-log/log"
            return dict.fromkeys((*BRIDGES, "aggregator"), layout.log_url)
        # A listener for each client, so that each is told the address of its own proxy.
        names = {"PLAINTEXT": "direct", "BRIDGE0": BRIDGES[0], "BRIDGE1": BRIDGES[1], "AGGREGATOR": "aggregator"}
        own = {listener: self.port() for listener in names}
        advertised = {listener: own[listener] if who == "direct" else self.link(f"{who}~kafka", own[listener])
                      for listener, who in names.items()}
        controller = self.port()
        layout.kafka = kafka.Kafka(self.folder / "kafka", own["PLAINTEXT"], settings={
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": ",".join([f"{name}://127.0.0.1:{port}" for name, port in own.items()]
                                  + [f"CONTROLLER://127.0.0.1:{controller}"]),
            "advertised.listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in advertised.items()),
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in (*own, "CONTROLLER")),
            "inter.broker.listener.name": "PLAINTEXT"})
        layout.log_url = f"kafka://127.0.0.1:{own['PLAINTEXT']}"
        command = [sys.executable, "-B", str(ROOT / "tools/lib/kafka.py"), "run", "--dir", str(layout.kafka.folder)]
        parts["kafka"] = Part("kafka", command, layout.logs / "kafka.log", layout.kafka.answers)
        return {who: f"kafka://127.0.0.1:{advertised[listener]}" for listener, who in names.items()}

    def port(self):
        port = kafka.free_port(self.taken)
        self.taken.add(port)
        return port

    def link(self, name, upstream):
        port = self.port()
        self.network.add(name, port, upstream)
        return port

    @staticmethod
    def write_local_broker(path, port):
        path.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n"
                        "max_queued_messages 0\nmax_queued_bytes 268435456\nlog_type error\nlog_type warning\n"
                        + ("user root\n" if os.getuid() == 0 else ""))

    def edge(self, name, gateway, local, state, uplink):
        """A gateway program; name is that of its files."""
        folder = self.folder
        (folder / f"{name}.toml").write_text(f"""\
tenant = "{demo.TENANT}"
gateway = "{gateway}"
state_dir = "{state}"

[uplink]
url = "tcp://127.0.0.1:{uplink}"
password_file = "{folder}/{gateway}.password"

[outbox]
budget_mib = {BUDGET_MIB}

[[source.mqtt]]
url = "tcp://127.0.0.1:{local}"
topics = ["{gateway}/+", "{gateway}/+/+"]
""")
        self.set_clock(name, 0)
        environment = {"LD_PRELOAD": str(FAKETIME), "DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1",
                       "FAKETIME_TIMESTAMP_FILE": str(folder / f"{name}.clock")}
        return Part(name, [str(demo.BIN / "tributary-edge"), "--config", str(folder / f"{name}.toml")],
                    self.layout.logs / f"{name}.log", lambda: self.online(gateway), environment)

    def set_clock(self, name, offset_s):
        file = self.folder / f"{name}.clock"
        fresh = file.with_suffix(".new")
        fresh.write_text(f"{offset_s:+d}\n")
        fresh.replace(file)

    def program(self, name, plain, port):
        url = f"http://127.0.0.1:{port}/ready"
        return Part(name, [str(demo.BIN / f"tributary-{plain}"), "--config", str(self.folder / f"{name}.toml")],
                    self.layout.logs / f"{name}.log", lambda: demo.http_ok(url) is not None)

    def online(self, gateway):
        answer = demo.http_ok(f"{self.http}/api/v1/devices", self.key)
        return answer is not None and any(g["gateway"] == gateway and g["state"] in ("online", "late")
                                          for g in json.loads(answer)["gateways"])

    def _supervise(self):
        while not self.stopping.is_set():
            with self.lock:  # who holds a part back must not find it started by a round that began before
                self.supervisor.parts = [part for name, part in self.parts.items() if name not in self.held]
                self.supervisor.tick(self.note)
            time.sleep(0.02)

    def note(self, text):
        """What the supervisor tells. A program that cannot be started on a full disk says so and is started again."""
        name = text.split()[0]
        if " ended (exit code 1)" in text and "No space left on device" in self.parts[name].tail(3) and any(
                disk.is_full() for disk in self.disks.values()):
            text = f"{name} could not start on a full disk"
        self.events.append((time.time(), text))

    def wait_ready(self, seconds=120):
        super().wait_ready(seconds)

    def wait_ready_of(self, name):
        wait_for(self.parts[name].is_ready, 120)

    # What a fault may do. Several threads call these, for different parts.
    def send(self, name, number):
        """False: the part is not running now."""
        part = self.parts[name]
        if not part.alive():
            return False
        if number == signal.SIGKILL:
            part.quick = 0
        os.kill(part.pid, number)
        return True

    def hold(self, name, number=signal.SIGTERM):
        """Ends a part and keeps it away until release()."""
        with self.lock:
            self.held.add(name)
        part = self.parts[name]
        if number == signal.SIGKILL and part.alive():
            part.process.kill()
            part.process.wait()
        part.stop(30)

    def release(self, name):
        part = self.parts[name]
        with self.lock:
            part.next_start = 0.0
            part.starts = part.quick = 0
            part.process = None
            self.held.discard(name)

    def outbox(self, gateway):
        return self.folder / f"disk-{gateway}/outbox"

    def look_at_memory(self):
        for name, part in list(self.parts.items()):
            pid = part.pid
            if not pid or not part.alive():
                continue
            try:
                text = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            found = re.search(r"^VmHWM:\s+(\d+) kB", text, re.M)
            if found:
                self.peaks[name] = max(self.peaks.get(name, 0), int(found[1]) * 1024)

    def __exit__(self, *arguments):
        for part in self.parts.values():  # a stopped process cannot end
            if part.alive():
                os.kill(part.pid, signal.SIGCONT)
        self.stopping.set()
        self.thread.join()
        for name in sorted(self.parts, key=lambda name: {"bridge-0": 1, "bridge-1": 1, "aggregator": 2, "mosquitto": 3,
                                                         "local": 3, "kafka": 4}.get(name, 0)):
            self.parts[name].stop()
        self.watch.stopping.set()
        self.network.stop()
        for disk in self.disks.values():
            subprocess.run(["umount", "--lazy", str(disk.folder)], check=False)
        # libfaketime leaves its shared memory behind when its process is killed.
        for left in [*Path("/dev/shm").glob("faketime_shm_*"), *Path("/dev/shm").glob("sem.faketime_sem_*")]:
            if not Path("/proc", left.name.rsplit("_", 1)[1]).exists():
                left.unlink(missing_ok=True)
