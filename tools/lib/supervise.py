# SPDX-License-Identifier: Apache-2.0
"""Starts the parts of the demo, restarts those that die, stops them in order. Standard library only."""
import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1


def _die_with_parent():
    # Whatever ends the demo, even SIGKILL, ends its parts.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Part:
    """One process. `ready` is asked after each start, until it is true."""

    def __init__(self, name, command, log, ready=None, environment=None, forever=True):
        self.name, self.command, self.log, self.ready, self.forever = name, command, log, ready, forever
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        self.starts = 0
        self.started_at = 0.0
        self.next_start = 0.0

    def start(self):
        out = open(self.log, "ab")
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.environment,
            start_new_session=True, preexec_fn=_die_with_parent)
        out.close()
        self.starts += 1
        self.started_at = time.monotonic()

    @property
    def pid(self):
        return self.process.pid if self.process else 0

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def is_ready(self):
        return self.alive() and (self.ready is None or self.ready())

    def stop(self, timeout=10.0):
        if not self.alive():
            return
        self.process.terminate()
        # A stopped process cannot hear: wake it.
        try:
            os.kill(self.process.pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def tail(self, lines=8):
        try:
            with open(self.log, "rb") as log:
                return b"\n".join(log.read().splitlines()[-lines:]).decode(errors="replace")
        except OSError:
            return ""


class Supervisor:
    """Keeps its parts running. `tick` restarts what died, after 0.1 s, later ones up to 5 s; true if anything was started."""

    def __init__(self, parts):
        self.parts = parts

    def tick(self, tell):
        started = False
        now = time.monotonic()
        for part in self.parts:
            if part.alive() or (not part.forever and part.starts and part.process.returncode == 0):
                continue
            if part.starts and part.next_start == 0.0:
                lived = now - part.started_at
                part.quick = 0 if lived > 5 else getattr(part, "quick", 0) + 1
                part.next_start = now + min(5.0, 0.1 * 2 ** min(part.quick, 6))
                tell(f"{part.name} ended ({describe(part.process.returncode)}); starting it again")
                if part.quick >= 3:
                    tell(f"{part.name}'s last words:\n{part.tail()}")
            if now >= part.next_start:
                part.start()
                part.next_start = 0.0
                started = True
        return started

    def stop(self):
        for part in self.parts:
            part.stop()


def describe(code):
    if code is None:
        return "not started"
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
