# SPDX-License-Identifier: Apache-2.0
"""Debian's Prometheus scrapes the services and a tenant's newest windows, native histograms included; its own answers
are compared with ours, and the rules and the dashboard of tools/prometheus are loaded into it. A collector is sent the
same over OTLP, and its bytes are read with a decoder of this file."""
import http.server
import json
import math
import re
import ssl
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from fractions import Fraction

import pytest

from exact import statistics
from stack import ROOT, Stack, demo, wait_for

FOLDER = ROOT / "tools/prometheus"
# Exact powers of two, both signs, zeros, subnormals and neighbours: what an index that is off by one would move.
EDGES = [0.0, 0.0, 1.0, 2.0, 4.0, -1.0, -2.0, 0.5, math.nextafter(2.0, 3.0), math.nextafter(2.0, 0.0), 1e-310, -1e-310,
         -math.nextafter(1.0, 0.0), 3.0, 1e6, -1e6]
SECRET = "a-word-that-no-log-shows"


class Collector(http.server.ThreadingHTTPServer):
    """Takes what is pushed to it over TLS, but for the first request, which it asks to come again."""
    daemon_threads = True

    def __init__(self, folder):
        collector = self
        self.requests, self.refused = [], 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if collector.refused == 0:
                    collector.refused = 1
                    self.send_response(503)
                else:
                    collector.requests.append((self.path, dict(self.headers), body))
                    self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

            def handle(self):
                try:
                    super().handle()
                except OSError:
                    pass  # a client that does not trust the certificate
        super().__init__(("127.0.0.1", 0), Handler)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-keyout", folder / "collector.key", "-out", folder / "collector.pem", "-subj", "/CN=collector",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "collector.pem", folder / "collector.key")
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class ObservedStack(Stack):
    def build_parts(self, options):
        self.collector = Collector(self.folder)
        demo.write_private(self.folder / "otlp.headers", f"Authorization: Bearer {SECRET}\n")
        with open(self.folder / "aggregator.toml", "a") as config:
            config.write(f"""
[[otlp]]
endpoint = "https://127.0.0.1:{self.collector.server_port}"
ca_file = "{self.folder}/collector.pem"
tenant = "{demo.TENANT}"
interval_seconds = 2
headers_file = "{self.folder}/otlp.headers"

# The system's authorities do not know this collector: it must not be told anything.
[[otlp]]
endpoint = "https://127.0.0.1:{self.collector.server_port}"
tenant = "{demo.TENANT}"
interval_seconds = 2
""")
        return super().build_parts(options)

    def __exit__(self, *_):
        super().__exit__()
        self.collector.shutdown()
        self.collector.server_close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with ObservedStack(tmp_path_factory.mktemp("stack")) as running:
        yield running


class Prometheus:
    def __init__(self, folder, config):
        self.folder = folder
        self.port = demo.claim_port(0, "Prometheus")
        (folder / "prometheus.yml").write_text(config)
        self.log = open(folder / "prometheus.log", "wb")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--enable-feature=native-histograms", "--log.level=info"],
            stdout=self.log, stderr=self.log)

    def get(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError((path, parameters, error.read().decode())) from None

    def ready(self):
        assert self.process.poll() is None, (self.folder / "prometheus.log").read_text()[-2000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:  # not there yet, or 503
            return False

    def query(self, text):
        """[(labels, value)] of an instant query; a value is a number or a native histogram."""
        result = self.get("query", query=text)["result"]
        return [(one["metric"], float(one["value"][1]) if "value" in one else one["histogram"][1]) for one in result]

    def number(self, text):
        """The one number that the query gives; nothing if there is none (yet)."""
        found = self.query(text)
        assert len(found) <= 1, (text, found)
        return found[0][1] if found else None

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


def post(stack, readings):
    request = urllib.request.Request(stack.ingest + "/api/v1/data", data=json.dumps(readings).encode(),
                                     headers={"X-API-Key": stack.key, "Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        assert json.loads(answer.read())["accepted"] == len(readings)


@pytest.fixture(scope="module")
def filled(stack):
    """Edges of buckets, ten minutes of ordinary values, and a metric whose name has to be changed. Over HTTP, so that
    nobody waits for the end of a gateway's windows."""
    now = int(time.time()) - 20
    readings = [{"device_id": "edgy", "edges": value, "ts": now - 50 + number} for number, value in enumerate(EDGES)]
    readings += [{"device_id": device, "temperature": 20 + 5 * math.sin(second / 60) + (device == "b"), "ts": now - 600 + second}
                 for second in range(600) for device in ("a", "b")]
    readings += [{"device_id": "a", "flow.rate": 2.5, "ts": now}, {"device_id": "a", "flow_rate": 3.5, "ts": now}]
    post(stack, readings)
    wait_for(lambda: stack.count("temperature") == 1200 and stack.count("edges") == len(EDGES) and
             stack.count("flow.rate") == 1 and stack.count("flow_rate") == 1, 60)
    return stack


@pytest.fixture(scope="module")
def prometheus(filled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    demo.write_private(folder / "key", filled.key)
    config = (FOLDER / "prometheus.yml").read_text()
    for old, new in (("15s", "1s"), ("rules.yml", str(FOLDER / "rules.yml")), ("/etc/prometheus/tributary.key", str(folder / "key")),
                     ("127.0.0.1:8082", f"127.0.0.1:{next(iter(filled.layout.edges.values()))}"), ("127.0.0.1:8081", filled.ingest[7:]), ("127.0.0.1:8080", filled.http[7:])):
        assert old in config
        config = config.replace(old, new)
    running = Prometheus(folder, config)
    try:
        wait_for(running.ready, 30)

        def scraped():
            return len(running.query("up == 1")) == 4 and running.query("tributary_readings_temperature")
        try:
            wait_for(scraped, 20)
        except AssertionError:
            targets = [(t["scrapePool"], t["health"], t["lastError"]) for t in running.get("targets")["activeTargets"]]
            raise AssertionError((targets, (folder / "prometheus.log").read_text()[-3000:])) from None
        yield running
    finally:
        running.stop()


def selector(name, **labels):
    return name + "{" + ",".join(f"{key}={json.dumps(value)}" for key, value in labels.items()) + "}"


def test_every_target_is_up(prometheus):
    assert {labels["job"] for labels, value in prometheus.query("up") if value == 1} == {
        "tributary-edge", "tributary-bridge", "tributary-aggregator", "tributary-data"}
    assert prometheus.number("tributary_ready") == 1


def test_native_histograms_say_what_our_own_answers_say(filled, prometheus):
    for metric, device in (("temperature", "a"), ("temperature", "b"), ("edges", "edgy")):
        ours = filled.api("/summary", metric=metric, device=device, stats="count,sum,min,max,p25,p50,p95,histogram")
        name = selector(f"tributary_readings_{metric}", device=device)
        (labels, histogram), = prometheus.query(name)
        print(metric, device, labels, str(histogram)[:200])
        assert int(histogram["count"]) == ours["count"]
        assert float(histogram["sum"]) == ours["sum"]
        assert prometheus.number(f"histogram_count({name})") == ours["count"]
        assert prometheus.number(f"histogram_sum({name})") == ours["sum"]
        for percent in (25, 50, 95):
            theirs = prometheus.number(f"histogram_quantile({percent / 100}, {name})")
            bounds = ours[f"p{percent}"]
            base = 2 ** 2 ** -ours["histogram"]["scale"]
            # Prometheus interpolates in the bucket that ours is of; its rank may be the neighbour's at a border.
            room = max(abs(bounds["low"]), abs(bounds["high"])) * (base - 1) + 1e-300
            if metric == "temperature":
                assert bounds["low"] - room <= theirs <= bounds["high"] + room, (percent, theirs, bounds)


def test_every_bucket_of_prometheus_holds_the_readings_it_says(filled, prometheus):
    (_, histogram), = prometheus.query(selector("tributary_readings_edges", device="edgy"))
    left = list(EDGES)
    # [boundary rule: 0 open left, 1 open right, 2 open both, 3 closed both; lower; upper; count]
    for rule, lower, upper, count in histogram["buckets"]:
        low, high = float(lower), float(upper)
        inside = [value for value in left
                  if (low < value or (rule in (1, 3) and value == low)) and (value < high or (rule in (0, 3) and value == high))]
        assert len(inside) == int(count), (rule, lower, upper, count, inside)
        left = [value for value in left if value not in inside]
    assert left == []


def test_windows_are_those_of_our_own_answers(filled, prometheus):
    ours = filled.api("/kpi", metric="temperature", device="b", window="1m")
    for suffix, value in (("readings", ours["count"]), ("min", ours["min"]), ("max", ours["max"]), ("mean", ours["mean"]),
                          ("last", ours["last"]["value"]), ("p50", ours["p50"]["value"]), ("p99", ours["p99"]["value"])):
        assert prometheus.number(selector(f"tributary_window_temperature_{suffix}", device="b")) == value, suffix
    (_, histogram), = prometheus.query(selector("tributary_window_temperature_distribution", device="b"))
    assert int(histogram["count"]) == ours["count"]


def test_metrics_whose_names_would_become_one_stay_two(prometheus):
    assert {labels.get("metric"): value for labels, value in prometheus.query("histogram_sum(tributary_readings_flow_rate)")} == {
        "flow.rate": 2.5, None: 3.5}


def test_new_readings_are_a_rate(filled, prometheus):
    name = selector("tributary_readings_temperature", device="a")
    before = prometheus.number(f"histogram_count({name})")
    post(filled, [{"device_id": "a", "temperature": 21}] * 50)
    wait_for(lambda: prometheus.number(f"histogram_count({name})") == before + 50, 25)
    assert wait_for(lambda: (prometheus.number(f"histogram_count(increase({name}[20s]))") or 0) > 40, 10)
    assert prometheus.number(f"sum(resets({name}[5m]))") in (None, 0)


def test_the_rules_are_sound_and_prometheus_evaluates_them(prometheus):
    for command in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]):
        run = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr

    def evaluated():
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        assert all(rule["health"] != "err" for rule in rules), rules
        return len(rules) > 15 and all(rule["health"] == "ok" for rule in rules)
    wait_for(evaluated, 15)
    # Every name that a rule asks for is one that is told; but for a part that does not run here, and for rejections, of
    # which there are none.
    absent = {"tributary_feed_up", "tributary_gateway_rejected_total"}
    names = {name for rule in re.findall(r"expr: (?:>-\n)?(.*(?:\n {10}.*)*)", (FOLDER / "rules.yml").read_text())
             for name in re.findall(r"tributary_[a-z_]+", rule)}
    assert len(names) > 15
    for name in names - absent:
        families = prometheus.get("metadata", metric=name)
        assert families, name


def test_every_exposition_is_sound(filled):
    for text in (filled.metrics_text(), filled.metrics_text(base=filled.ingest), filled.get("/api/v1/federate")[1]):
        run = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr


def test_the_dashboard_asks_for_what_is_there(prometheus):
    dashboard = json.loads((FOLDER / "grafana.json").read_text())
    values = {"${metric}": "temperature", "$device": ".*", "$__rate_interval": "20s"}

    def fill(text):
        for name, value in values.items():
            text = text.replace(name, value)
        assert "$" not in text, text
        return text
    # What Grafana would offer for the variables.
    names = prometheus.get("label/__name__/values")
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    offered = {found[1] for name in names if (found := re.search(variables["metric"]["regex"].strip("/"), name))}
    assert {"temperature", "edges"} <= offered
    series, label = re.fullmatch(r"label_values\((.*), (.*)\)", variables["device"]["query"]["query"]).groups()
    assert {"a", "b"} <= {one[label] for one in prometheus.get("series", **{"match[]": fill(series)})}
    # Nothing was rejected, dropped or lost here.
    empty = {"Rejected, dropped, lost"}
    expressions = 0
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            # A rate needs a second scrape, which may be to come yet.
            expression = fill(target["expr"])
            def answered():
                return prometheus.query(expression)
            answered.__doc__ = f"{panel['title']}: {expression}"
            found = answered() if panel["title"] in empty else wait_for(answered, 15)
            assert (panel["type"] == "heatmap") == any(isinstance(value, dict) for _, value in found)
            expressions += 1
    assert expressions > 20


def fields(data):
    """{number: [values]} of a message: whole numbers, 8 bytes, or bytes."""
    found, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            value = varint()
        elif tag & 7 == 1:
            value, at = data[at:at + 8], at + 8
        else:
            assert tag & 7 == 2, tag
            size = varint()
            value, at = data[at:at + size], at + size
            assert len(value) == size
        found.setdefault(tag >> 3, []).append(value)
    return found


def packed(data):
    values, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(value)
            value = shift = 0
    return values


def double(data):
    return struct.unpack("<d", data)[0]


def fixed(data):
    return struct.unpack("<Q", data)[0]


def signed(value):
    return (value >> 1) ^ -(value & 1)


def attributes(pairs):
    return {fields(pair)[1][0].decode(): fields(fields(pair)[2][0])[1][0].decode() for pair in pairs}


def told(collector):
    """{(metric, device): its newest data point} and {metric: (unit, temporality)}: the resource is checked on the way."""
    points, metrics = {}, {}
    for path, headers, body in list(collector.requests):
        assert path == "/v1/metrics" and headers["Content-Type"] == "application/x-protobuf"
        assert headers["Authorization"] == f"Bearer {SECRET}"
        for resource_metrics in fields(body)[1]:
            resource = attributes(fields(fields(resource_metrics)[1][0])[1])
            assert resource == {"service.name": "tributary", "service.namespace": demo.TENANT, "service.instance.id": "aggregator-0"}
            for scope in fields(resource_metrics)[2]:
                for metric in map(fields, fields(scope)[2]):
                    name = metric[1][0].decode()
                    data = fields(metric.get(10, metric.get(5))[0])
                    metrics[name] = (metric[3][0].decode(), data.get(2, [None])[0])
                    for point in map(fields, data[1]):
                        points[name, attributes(point[1 if 10 in metric else 7])["device"]] = point
    return points, metrics


def test_a_collector_is_told_exactly_what_we_answer(filled):
    wait_for(lambda: ("tributary.readings.edges", "edgy") in told(filled.collector)[0], 20)
    ours = filled.api("/summary", metric="temperature", device="b", stats="count,sum,min,max")

    def caught_up():
        point = told(filled.collector)[0].get(("tributary.readings.temperature", "b"))
        return point and fixed(point[4][0]) == ours["count"]
    wait_for(caught_up, 20)
    points, metrics = told(filled.collector)
    cumulative = 2
    assert metrics["tributary.readings.temperature"] == ("°C", cumulative)
    point = points["tributary.readings.temperature", "b"]
    assert (double(point[5][0]), double(point[12][0]), double(point[13][0])) == (ours["sum"], ours["min"], ours["max"])
    assert 2 not in point and abs(fixed(point[3][0]) / 1e9 - time.time()) < 120
    window = filled.api("/kpi", metric="temperature", device="b", window="1m")
    for name, value in (("min", window["min"]), ("max", window["max"]), ("mean", window["mean"]), ("last", window["last"]["value"])):
        assert double(points[f"tributary.window.temperature.{name}", "b"][4][0]) == value, name

    edges = points["tributary.readings.edges", "edgy"]
    expected = statistics([(0, value) for value in EDGES])
    assert fixed(edges[4][0]) == len(EDGES) and fixed(edges[7][0]) == EDGES.count(0.0)
    assert 5 not in edges  # a sum with negative readings is not told
    assert (double(edges[12][0]), double(edges[13][0])) == (expected["min"], expected["max"])
    scale = signed(edges[6][0])
    assert scale < 0
    octaves = 2 ** -scale
    seen = 0
    for field, side in ((8, [v for v in EDGES if v > 0]), (9, [-v for v in EDGES if v < 0])):
        buckets = fields(edges[field][0])
        offset, counts = signed(buckets[1][0]), packed(buckets[2][0])
        assert len(counts) <= 160 and counts[0] and counts[-1]
        for number, count in enumerate(counts):
            lower = Fraction(2) ** ((offset + number) * octaves)
            inside = [value for value in side if lower < Fraction(value) <= lower * 2 ** octaves]
            assert len(inside) == count, (scale, offset + number, inside)
            seen += count
    assert seen == len(EDGES) - EDGES.count(0.0)


def test_what_the_collector_refused_is_counted_and_secrets_are_nowhere(filled):
    text = wait_for(lambda: "tributary_otlp_up{exporter=\"0\"} 1" in (text := filled.metrics_text()) and text, 10)
    assert 'tributary_otlp_failures_total{exporter="0",reason="status_503"} 1' in text
    assert 'tributary_otlp_up{exporter="1"} 0' in text and 'tributary_otlp_points_total{exporter="1"} 0' in text
    assert 'tributary_otlp_failures_total{exporter="1",reason="tls"}' in text
    assert SECRET not in text
    for log in filled.layout.logs.iterdir():
        assert SECRET not in log.read_text(errors="replace"), log
