# SPDX-License-Identifier: Apache-2.0
"""tools/demo as a person would run it: the page shows the real data live in a real browser; a second start is quick; a
signal stops everything."""
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from stack import ROOT, wait_for

DEMO = ["/usr/bin/python3", str(ROOT / "tools/lib/demo.py")]


class Demo:
    def __init__(self, folder, *arguments):
        self.ready_file = folder / "ready.json"
        self.ready_file.unlink(missing_ok=True)
        self.output = open(folder / "demo.out", "ab")
        self.begin = time.monotonic()
        self.process = subprocess.Popen(
            DEMO + ["--dir", str(folder / "state"), "--http-port", "0", "--mqtt-port", "0", "--ready-file",
                    str(self.ready_file), *arguments], stdout=self.output, stderr=self.output)

    def ready(self, seconds):
        def there():
            assert self.process.poll() is None, "the demo ended"
            return self.ready_file.exists()
        wait_for(there, seconds)
        self.took = time.monotonic() - self.begin
        return json.loads(self.ready_file.read_text())

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


def test_the_dashboard_shows_the_real_data_live(demo_folder):
    demo = Demo(demo_folder)
    try:
        ready = demo.ready(60)
        print(f"first start: {demo.took:.1f} s")
        shots = demo_folder / "shots"
        shots.mkdir()
        made = subprocess.run([ROOT / "build/release/bin/tributaryctl", "tenant", "add", "newcomer", "--keys",
                               demo_folder / "state/keys.json"], capture_output=True, text=True, check=True)
        newcomer = next(word for word in made.stdout.split() if word.startswith("trib_"))
        for script in ("explore.mjs", "now.mjs", "fleet.mjs", "views.mjs", "honest.mjs"):
            run = subprocess.run(["node", str(ROOT / "tests/browser" / script)], capture_output=True, text=True, timeout=480,
                                 env={**os.environ, "TRIBUTARY_URL": ready["http"], "TRIBUTARY_KEY": ready["api_key"],
                                      "TRIBUTARY_READY": str(demo.ready_file), "TRIBUTARY_EMPTY_KEY": newcomer,
                                      "TRIBUTARY_SHOTS": str(shots)})
            print(run.stdout[-8000:])
            assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
        ready = json.loads(demo.ready_file.read_text())
        if os.environ.get("TRIBUTARY_KEEP_SHOTS"):
            (ROOT / "docs").mkdir(exist_ok=True)
            for shot in shots.glob("*.png"):
                shutil.copy(shot, ROOT / "docs" / shot.name)
    finally:
        assert demo.stop() == 0
    assert all(not os.path.exists(f"/proc/{pid}") for pid in ready["pids"].values()), "something is left running"


def test_a_second_start_takes_up_the_state_and_is_quick(demo_folder):
    demo = Demo(demo_folder)
    try:
        ready = demo.ready(15)
        print(f"second start: {demo.took:.1f} s")
        import urllib.request
        request = urllib.request.Request(ready["http"] + "/api/v1/summary?metric=temperature",
                                         headers={"X-API-Key": ready["api_key"]})
        with urllib.request.urlopen(request) as answer:
            count = json.loads(answer.read())["count"]
        assert 50270 <= count < 60000, f"found {count} readings, expected the day once"
        # A part that dies is started again, and the ready file tells its new pid.
        old = ready["pids"]["aggregator"]
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: json.loads(demo.ready_file.read_text())["pids"]["aggregator"] != old, 30)
    finally:
        assert demo.stop() == 0
    left = subprocess.run(["pgrep", "-f", str(demo_folder)], capture_output=True, text=True).stdout.split()
    assert not left, f"left running: {left}"
