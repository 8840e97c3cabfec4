# SPDX-License-Identifier: Apache-2.0
"""The parts of a fleet: several gateways, several bridges on one shared subscription, several aggregators that own the
partitions of one log."""
import secrets

import demo
from stack import Stack
from supervise import Part


class Cluster(Stack):
    def __init__(self, folder, gateways=6, bridges=2, aggregators=3, partitions=16, log="lmdb"):
        names = [(demo.GATEWAY, "sensors")] + [(f"gateway-{n}", f"sensors-{n}") for n in range(1, gateways)]
        super().__init__(folder, tuple(names), log)
        self.bridges = [f"bridge-{n}" for n in range(bridges)]
        self.aggregators = [f"aggregator-{n}" for n in range(aggregators)]
        self.partitions = partitions

    def build_parts(self, options):
        self.ports = {name: demo.claim_port(0, name) for name in self.bridges + self.aggregators}
        self.internal = [demo.claim_port(0, "the internal port") for _ in self.aggregators]
        # The first of each is the one that the demo's own checks ask.
        self.layout.ingest, self.layout.http = self.ports["bridge-0"], self.ports["aggregator-0"]
        self.bases = [f"http://127.0.0.1:{self.ports[name]}" for name in self.aggregators]
        demo.write_private(self.folder / "cluster.secret", secrets.token_hex(24) + "\n")
        log = (f"[log]\nurl = \"{self.layout.log_url}\"\npartitions = {self.partitions}\n\n"
               f"[keys]\nfile = \"{self.layout.keys}\"\n")
        for name in self.bridges:
            (self.folder / f"{name}.toml").write_text(f"""\
[mqtt]
url = "tcp://127.0.0.1:{self.layout.mqtt}"
username = "bridge"
client_id = "{name}"
password_file = "{self.folder}/bridge.password"
share_group = "bridges"

[http]
port = {self.ports[name]}

[ingest]
min_time = 0

{log}""")
        peers = ", ".join(f'"http://127.0.0.1:{port}"' for port in self.internal)
        for ordinal, name in enumerate(self.aggregators):
            (self.folder / f"{name}.toml").write_text(f"""\
[aggregator]
ordinal = {ordinal}
replicas = {len(self.aggregators)}

[cluster]
peers = [{peers}]
secret_file = "{self.folder}/cluster.secret"

[state]
dir = "{self.folder}/state-{ordinal}"

[http]
port = {self.ports[name]}

[dashboard]
operators = ["{demo.TENANT}"]

{log}""")
        parts = demo.build_parts(self.layout, options)[0]
        for plain, names in (("bridge", self.bridges), ("aggregator", self.aggregators)):
            del parts[plain]
            for name in names:
                parts[name] = self.program(plain, name)
        return parts

    def program(self, plain, name):
        command = [str(demo.BIN / f"tributary-{plain}"), "--config", str(self.folder / f"{name}.toml")]
        url = f"http://127.0.0.1:{self.ports[name]}/ready"
        return Part(name, command, self.layout.logs / f"{name}.log", lambda: demo.http_ok(url) is not None)
