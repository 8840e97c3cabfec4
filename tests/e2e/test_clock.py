# SPDX-License-Identifier: Apache-2.0
"""FAULTS 20 with the real edge: while its clock is not set it keeps what comes and sends nothing, over a restart too;
when it is set, every reading counts once, in the window of the time at which it came."""
import subprocess
import time
from datetime import datetime

import pytest

from stack import GATEWAYS, Stack, wait_for

GATEWAY, PREFIX = GATEWAYS[1]
READINGS = 20


class ClockStack(Stack):
    """The second gateway waits for a time service; the test starts it, since it is not online before."""

    def build_parts(self, options):
        parts = super().build_parts(options)
        self.clock_file = self.folder / "synchronised"
        self.edge_command = parts.pop(GATEWAY).command
        with open(self.folder / f"{GATEWAY}.toml", "a", encoding="utf-8") as file:
            file.write(f'\n[clock]\ntrust = "synchronised"\nsynchronised_file = "{self.clock_file}"\n')
        return parts


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with ClockStack(tmp_path_factory.mktemp("clock")) as running:
        yield running


def status(stack):
    gateways = [g for g in stack.api("/devices")["gateways"] if g["gateway"] == GATEWAY]
    return gateways[0]["status"] if gateways else None


def start(stack):
    edge = subprocess.Popen(stack.edge_command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in edge.stderr:
        if f"source tcp://127.0.0.1:{stack.layout.mqtt}: connected" in line:
            return edge
    raise AssertionError("the edge ended")


def test_readings_wait_for_the_clock_and_count_once_in_their_windows(stack):
    sent = {}
    edge = start(stack)
    sensor = stack.publisher()

    def publish(bits):
        for bit in bits:
            sent[bit] = time.time()
            sensor.send(f"{PREFIX}/clock-device", f'{{"clock_bit":{2 ** bit}}}')
            time.sleep(0.12)

    try:
        # Until one is kept, the source may not have subscribed yet; what comes before that is never accepted.
        publish(range(0, READINGS // 2))
        edge.terminate()
        assert edge.wait(20) == 0
        kept = wait_for(lambda: (status(stack) or {}).get("state") == "offline" and status(stack))["clock"]
        assert kept == {"set": False, "undated": READINGS // 2}
        assert stack.count("clock_bit") == 0, "sent without a clock"
        edge = start(stack)
        publish(range(READINGS // 2, READINGS))
        assert stack.count("clock_bit") == 0, "sent without a clock"
        stack.clock_file.touch()
        wait_for(lambda: stack.count("clock_bit") >= READINGS, 30)
        answer = stack.api("/series", metric="clock_bit", device="clock-device", step=10, stats="count,sum",
                           **{"from": min(sent.values()) - 60, "to": time.time() + 60})
        seen = 0
        for row in answer["series"][0]["rows"]:
            begin = datetime.fromisoformat(row["start"].replace("Z", "+00:00")).timestamp()
            bits = int(row["sum"])
            assert bin(bits).count("1") == row["count"] and seen & bits == 0, "a reading counts twice"
            seen |= bits
            for bit, moment in sent.items():
                if bits >> bit & 1:
                    assert begin - 0.001 <= moment + 1 and moment < begin + row["width"], (bit, moment, row)
        assert seen == 2 ** READINGS - 1
        assert "estimated" not in answer["completeness"]
        assert wait_for(lambda: (status(stack) or {}).get("state") == "online" and
                        status(stack)["clock"]["set"]), "the status says that the clock is set"
    finally:
        sensor.close()
        edge.kill()
        edge.wait()
        edge.stderr.close()
