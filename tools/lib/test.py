# SPDX-License-Identifier: Apache-2.0
"""tools/test, after the installation: builds and runs every test, stage by stage, and ends with one line of counts."""
import argparse
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build/test-logs"
CORES = os.cpu_count() or 2
PYTHON = "/usr/bin/python3"
# What has threads or sockets of its own runs under ThreadSanitizer. Paho and librdkafka come from Debian and are not
# instrumented: their own locks and tokens are reported as races, so tests with a real broker (mqtt_test, Real*, Kafka)
# stay out of it; so do the walks over a damaged log, whose children and mapped pages it takes minutes over.
THREADED = ["log_test", "bridge_test", "http_test", "api_test", "aggregator_test", "cluster_test", "feed_test", "store_test", "runtime_test"]
BENCHES = ["stats_bench", "merge_bench", "edge_bench", "kafka_bench", "stream_bench", "api_bench"]
# Of the first figure of a line: a ratio to a baseline of the same run, milliseconds or megabytes; a limit is met if one of three
# runs meets it, for other programs may disturb one.
LIMITS = {"stats_update_vs_welford": ("at most", 1.6), "merge_vs_lmdb_put": ("at least", 0.4), "edge_intake_vs_paho": ("at least", 0.6),
          "bridge_to_kafka": ("at least", 0.6), "merge_from_kafka": ("at least", 0.4),
          "window_to_stream": ("at most", 300), "api_kpi_vs_static": ("at most", 4), "api_kpi": ("at most", 50),
          "streams_1000": ("at most", 64)}


# The end-to-end tests that take longest, so that they begin first.
LONGEST = ["test_demo.py", "test_kill.py", "test_chaos.py", "test_exact.py", "test_restore.py", "test_feed.py", "test_cluster.py", "test_bad_input.py"]
STAGES = ["style", "unit", "board", "e2e", "bench", "asan", "tsan", "fuzz"]


class Report:
    def __init__(self):
        self.begin = time.monotonic()
        self.passed = self.failed = 0
        self.failures = []
        self.lock = threading.Lock()  # tests and builds report from threads of their own

    def say(self, text):
        print(f"[{time.monotonic() - self.begin:6.0f} s] {text}", flush=True)

    def count(self, what, passed, failed, detail=""):
        with self.lock:
            self.passed += passed
            self.failed += failed
        self.say(f"{what}: {passed} passed, {failed} failed{detail}")
        if failed:
            self.failures.append(what)


def run(report, name, command, timeout, environment=None):
    """Runs to the end or the timeout; (exit code, output). The output is kept in build/test-logs."""
    log = LOGS / (re.sub(r"[^A-Za-z0-9_.-]+", "-", name) + ".log")
    with open(log, "w") as out:
        try:
            code = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                  timeout=timeout, env={**os.environ, **(environment or {})}).returncode
        except subprocess.TimeoutExpired:
            code = -1
            out.write(f"\nstopped after {timeout} s\n")
    text = log.read_text(errors="replace")
    if code != 0:
        report.say(f"{name} failed (exit code {code}); the end of {log.relative_to(ROOT)}:")
        print("\n".join(text.splitlines()[-40:]), flush=True)
    return code, text


def step(report, name, command, timeout=600, environment=None):
    code, text = run(report, name, command, timeout, environment)
    report.count(name, int(code == 0), int(code != 0))
    return code == 0, text


def build(report, preset, targets=(), niced=False):
    begin = time.monotonic()
    code, _ = run(report, f"configure-{preset}", ["cmake", "--preset", preset], 300)
    if code == 0:
        command = [*(["nice", "-n", "19"] if niced else []), "cmake", "--build", "--preset", preset]
        code, _ = run(report, f"build-{preset}", command + (["--target", *targets] if targets else []), 3000)
    if code != 0:
        report.count(f"build {preset}", 0, 1)
        return False
    report.say(f"built {preset} in {time.monotonic() - begin:.0f} s")
    return True


def ctest(report, preset, only=None, environment=None):
    command = ["ctest", "--test-dir", f"build/{preset}", "-j", str(3 * CORES), "--output-on-failure", "--no-tests=error"]
    if only:
        command += ["-R", only]
    code, text = run(report, f"ctest-{preset}", command, 2400, environment)
    found = re.search(r"(\d+) tests failed out of (\d+)", text)
    took = re.search(r"Total Test time \(real\) = +([0-9.]+)", text)
    if not found:
        report.count(f"unit tests, {preset}", 0, 1, " (none ran)")
        return
    failed, total = int(found[1]), int(found[2])
    if code != 0 and failed == 0:
        failed = 1
    report.count(f"unit tests, {preset}", total - failed, failed, f" in {took[1] if took else '?'} s")


def fuzz(report, seconds):
    targets = sorted((ROOT / "build/fuzz/bin").glob("fuzz_*"))
    if not targets:
        report.count("fuzz", 0, 1, " (no targets)")
        return

    def one(target):
        work = ROOT / "build/fuzz-corpus" / target.name
        work.mkdir(parents=True, exist_ok=True)
        corpus = ROOT / "tests/fuzz/corpus" / target.name
        command = [str(target), str(work), *([str(corpus)] if corpus.is_dir() else []), f"-max_total_time={seconds}",
                   "-timeout=10", "-rss_limit_mb=4096", f"-artifact_prefix={LOGS}/{target.name}-"]
        code, text = run(report, target.name, command, seconds + 120)
        runs = re.search(r"Done (\d+) runs", text)
        return target.name, code == 0, int(runs[1]) if runs else 0
    with ThreadPoolExecutor(CORES) as pool:
        results = list(pool.map(one, targets))
    ran = ", ".join(f"{name} {runs}" for name, _, runs in results)
    report.count("fuzz", sum(ok for _, ok, _ in results), sum(not ok for _, ok, _ in results), f" (runs: {ran})")


def pytest_parts(report, folder):
    """What may run beside each other: the tests of one file with one log, in their order. Longest first."""
    code, text = run(report, f"collect-{folder.replace('/', '-')}", [PYTHON, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", folder], 60)
    parts = {}
    for test in re.findall(r"^\S+::.*$", text, re.M):
        parts.setdefault((test.split("::")[0], *re.findall(r"\[(lmdb|kafka)\]$", test)), []).append(test)
    order = {name: place for place, name in enumerate(LONGEST)}
    return sorted(parts.items(), key=lambda part: order.get(Path(part[0][0]).name, len(order))) if code == 0 else []


def pytest(report, folders, environment=None):
    """Every part a pytest of its own, several at once: they mostly wait for what they started."""
    def one(part):
        (name, *log), tests = part
        name = "-".join([name.removesuffix(".py"), *log])
        begin = time.monotonic()
        code, text = run(report, name, [PYTHON, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--durations=10", *tests], 1500,
                         {"PYTHONDONTWRITEBYTECODE": "1", **(environment or {})})
        passed = len(re.findall(r"^PASSED ", text, re.M))
        failed = len(tests) - passed
        if code != 0 and not failed:
            failed = 1
        report.count(f"end to end ({name})", passed, failed, f" in {time.monotonic() - begin:.0f} s")
    parts = [part for folder in folders for part in pytest_parts(report, folder)]
    if not parts:
        report.count("end to end", 0, 1, " (no tests found)")
    with ThreadPoolExecutor(2 * CORES) as pool:
        list(pool.map(one, parts))


def within_limits(text):
    """What of a benchmark's output breaks its limit."""
    broken = []
    for name, figure in re.findall(r"^BENCH (\S+) (?:ratio|p95_ms|p99_ms|mb)=([0-9.]+)", text, re.M):
        bound, limit = LIMITS.get(name, (None, None))
        if bound == "at most" and float(figure) > limit or bound == "at least" and float(figure) < limit:
            broken.append(f"{name} found {figure}, expected {bound} {limit}")
    return broken


def bench(report, name):
    for attempt in range(3):
        code, text = run(report, name, [f"build/release/bin/{name}"], 600)
        broken = within_limits(text)
        if code == 0 and not broken:
            break
        report.say(f"{name}, run {attempt + 1}: {'; '.join(broken) or f'exit code {code}'}")
    for line in re.findall(r"^BENCH .*", text, re.M):
        report.say(line)
    report.count(name, int(code == 0 and not broken), int(code != 0 or bool(broken)))


def format_check(report):
    files = subprocess.run(["git", "ls-files", "*.h", "*.cpp"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    step(report, "clang-format", ["clang-format-14", "--dry-run", "-Werror", *files])


def style_checks(report):
    for name in ("layers", "tidy"):
        _, text = step(report, name, [PYTHON, "-B", f"tools/checks/{name}.py"], 60)
        report.say(text.rstrip().rsplit("\n", 1)[-1])
    step(report, "dashboard style", ["tools/checks/dashboard"], 120)
    _, text = step(report, "clang-tidy", [PYTHON, "-B", "tools/checks/clang_tidy.py"], 600)
    report.say(text.rstrip().rsplit("\n", 1)[-1])


def main():
    parser = argparse.ArgumentParser(prog="tools/test", description=__doc__)
    parser.add_argument("--fuzz-seconds", type=int, default=8, help="for each fuzz target (default 8)")
    parser.add_argument("--only", choices=STAGES,
                        action="append", help="run only this stage; may be repeated")
    options = parser.parse_args()
    wanted = set(options.only or STAGES)
    LOGS.mkdir(parents=True, exist_ok=True)
    report = Report()

    if "style" in wanted:
        format_check(report)
        style_checks(report)
    released = not wanted & {"unit", "e2e", "bench"} or build(report, "release")
    if "unit" in wanted and released:
        ctest(report, "release")
        step(report, "dashboard unit tests", ["npm", "--prefix", "cloud/dashboard", "test"])
    if "board" in wanted:
        ok, text = step(report, "cortex-m4", ["boards/cortex-m4/check_size"])
        for line in text.splitlines():
            if ok and "bytes" in line:
                report.say(line)
    # End-to-end tests mostly wait: meanwhile what the later stages need is built, and steps aside for them.
    sanitized = {preset: targets for preset, targets in (("asan", ()), ("tsan", THREADED), ("fuzz", ())) if preset in wanted}
    with ThreadPoolExecutor(1) as pool:
        built = {preset: pool.submit(build, report, preset, targets, True) for preset, targets in sanitized.items()}
        if "e2e" in wanted and released:
            pytest(report, ["tests/e2e", "tests/tools", "tests/faults"])
    if "bench" in wanted and released:
        for name in BENCHES:
            bench(report, name)
    if "asan" in wanted and built["asan"].result():
        ctest(report, "asan", environment={"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
                                           "ASAN_OPTIONS": "detect_leaks=1"})
    if "tsan" in wanted and built["tsan"].result():
        for name in THREADED:
            step(report, f"{name} (ThreadSanitizer)", [f"build/tsan/bin/{name}", "--gtest_filter=-Real*.*:*Kafka*:LogDamage.*"],
                 environment={"TSAN_OPTIONS": "halt_on_error=1 second_deadlock_stack=1"})
    if "fuzz" in wanted and built["fuzz"].result():
        fuzz(report, options.fuzz_seconds)

    report.say(f"all stages took {time.monotonic() - report.begin:.0f} s" +
               (f"; failed: {', '.join(report.failures)}" if report.failures else ""))
    print(f"{report.passed} passed, {report.failed} failed", flush=True)
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
