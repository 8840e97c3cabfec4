# SPDX-License-Identifier: Apache-2.0
"""docs/deploy as it stands there: the samples pass --check, the system starts from them, a gateway's readings arrive over TLS,
and the broker's rules hold. Only paths and ports are put in the place of the machine's."""
import json
import os
import re
import subprocess
import urllib.request

import pytest

from stack import ROOT, wait_for
import demo

DEPLOY = ROOT / "docs/deploy"
PORTS = {"1883": "mqtt", "8883": "tls", "8081": "ingest", "8080": "http"}


def commands(step):
    """The commands of one numbered section of docs/deploy/README.md, each whole."""
    body = re.search(rf"^## {step}\. .*?\n(.*?)(?=^## |\Z)", (DEPLOY / "README.md").read_text(), re.M | re.S)[1]
    block = "\n".join(line[4:] for line in body.splitlines() if line.startswith("    "))
    return re.sub(r"\\\n\s*", "", re.sub(r"\|\n\s*", "| ", block)).splitlines()


class Machine:
    """A folder in the place of /etc and /var, with free ports."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        self.ports = {name: demo.claim_port(0, name) for name in PORTS.values()}
        (folder / "certs").mkdir()
        (folder / "var").mkdir()

    def fitted(self, text):
        for path, here in (("/etc/mosquitto", self.folder), ("/etc/tributary", self.folder), ("/var/lib/tributary", self.folder / "var"),
                           ("/usr/share/tributary/dashboard", ROOT / "build/release/dashboard"), ("broker.example", "localhost")):
            text = text.replace(path, str(here))
        return re.sub(r"\b(1883|8883|8081|8080)\b", lambda found: str(self.ports[PORTS[found[1]]]), text)

    def install(self, name):
        (self.folder / name).write_text(self.fitted((DEPLOY / name).read_text()))
        return self.folder / name

    def start(self, *command):
        log = open(self.folder / f"{os.path.basename(command[0])}.log", "wb")
        self.processes.append(subprocess.Popen([str(part) for part in command], stdout=log, stderr=log))

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(20)


def run(command, folder):
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    made = Machine(tmp_path_factory.mktemp("deploy"))
    folder = made.folder
    for name in ("mosquitto.conf", "mosquitto.acl", "bridge.toml", "aggregator.toml"):
        made.install(name)
    (folder / "mosquitto.acl").rename(folder / "tributary.acl")
    for command in commands(3):
        if command.startswith(("openssl req", "openssl x509", "printf ")):
            run(made.fitted(command), folder)
    for name in ("server.crt", "server.key"):
        (folder / name).rename(folder / "certs" / name)
    words = {name: os.urandom(16).hex() for name in ("bridge", "attic", "other")}
    for name, word in words.items():
        demo.write_private(folder / f"{name}.password", word + "\n")
    demo.write_private(folder / "tributary.passwords", "".join(f"{name}:{word}\n" for name, word in words.items()))
    subprocess.run(["mosquitto_passwd", "-U", folder / "tributary.passwords"], check=True)
    yield made
    made.stop()


def test_the_system_starts_from_the_samples_and_readings_of_a_gateway_arrive(machine):
    folder, bin_ = machine.folder, demo.BIN
    if os.getuid() == 0:
        with open(folder / "mosquitto.conf", "a") as conf:
            conf.write("user root\n")
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    machine.start("mosquitto", "-c", folder / "mosquitto.conf")
    wait_for(lambda: demo.port_open(machine.ports["tls"]), 10)
    added = run(f"{bin_}/tributaryctl tenant add demo --keys {folder}/var/keys.json", folder)
    key = next(word for word in added.split() if word.startswith("trib_"))
    (folder / "edge.toml").write_text(machine.fitted(f"""tenant = "demo"
gateway = "attic"
state_dir = "{folder}/edge"
[uplink]
url = "ssl://broker.example:8883"
password_file = "/etc/tributary/attic.password"
ca_file = "/etc/tributary/ca.crt"
[windows]
base_width_s = 1
grace_ms = 100
[[source.file]]
path = "/proc/loadavg"
device = "machine"
metric = "load"
interval_ms = 200
"""))
    for name in ("bridge", "aggregator", "edge"):
        config = folder / f"{name}.toml"
        assert run(f"{bin_}/tributary-{name} --config {config} --check", folder) == f"{config}: fine\n"
        machine.start(bin_ / f"tributary-{name}", "--config", config)

    def arrived():
        answer = demo.http_ok(f"http://127.0.0.1:{machine.ports['http']}/api/v1/summary?metric=load", key)
        return answer and json.loads(answer)["count"] > 3
    wait_for(arrived, 60)
    page = urllib.request.urlopen(f"http://127.0.0.1:{machine.ports['http']}/").read()
    assert b"<html" in page.lower()


def test_the_brokers_rules_keep_gateways_apart(machine):
    """Whoever has a password but no rules neither writes into the log nor reads what others send."""
    def client(program, user, *more):
        config = machine.folder / f"config-{user}"
        config.mkdir(exist_ok=True)
        word = (machine.folder / f"{user}.password").read_text().strip()
        demo.write_private(config / program, f"-h 127.0.0.1\n-p {machine.ports['mqtt']}\n-u {user}\n-P {word}\n")
        return subprocess.run([program, *more], capture_output=True, text=True, timeout=30,
                              env={**os.environ, "XDG_CONFIG_HOME": str(config)})
    heard = client("mosquitto_sub", "other", "-t", "tributary/#", "-W", "3", "-v")
    assert heard.stdout == ""
    counted = f"http://127.0.0.1:{machine.ports['ingest']}/metrics"
    before = urllib.request.urlopen(counted).read().decode()
    sent = client("mosquitto_pub", "other", "-t", "tributary/v1/demo/attic/partials", "-m", "x", "-q", "1")
    assert sent.returncode == 0  # MQTT 3.1.1 has no word for a refusal: the broker takes it and drops it
    wait_for(lambda: urllib.request.urlopen(counted).read(), 5)
    after = urllib.request.urlopen(counted).read().decode()
    rejected = re.compile(r"^tributary_bridge_rejected\w*\{[^}]*\} (\d+)", re.M)
    assert rejected.findall(before) == rejected.findall(after)


def test_the_units_are_sound_and_name_what_the_steps_install(tmp_path):
    installed = " ".join(commands(1) + commands(2))
    for name in ("bridge", "aggregator"):
        text = (DEPLOY / f"tributary-{name}.service").read_text()
        for command in re.findall(r"^ExecStart(?:Pre)?=(.*)$", text, re.M):
            program, _, config, *_ = command.split()
            assert program == f"/usr/bin/tributary-{name}" and f"tributary-{name}" in installed
            assert config == f"/etc/tributary/{name}.toml" and f"docs/deploy/{name}.toml" in installed
        assert "useradd --system" in installed and "\nUser=tributary\n" in text
        (tmp_path / f"tributary-{name}.service").write_text(text.replace(f"/usr/bin/tributary-{name}", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", *tmp_path.glob("*.service")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "nknown" not in done.stderr, done.stderr


def test_passwords_never_stand_among_arguments():
    for command in (line for step in range(1, 6) for line in commands(step)):
        assert not re.search(r"mosquitto_passwd\s+(?:-\w+\s+)*-b\b|mosquitto_(?:pub|sub).*\s-P\s|X-API-Key: [^@]", command), command
