# SPDX-License-Identifier: Apache-2.0
"""Faults of tests/faults/chaos.py: a schedule from a seed, and what each entry of it does to the running system."""
import dataclasses
import os
import random
import shutil
import signal
import subprocess
import threading
import time

from chaos_parts import BRIDGES, GATEWAYS, demo
from net_proxy import Link
from supervise import Part

YEAR = 365 * 86400
# Of the gateways the first only has what any gateway must stand without a loss of identity: its claims stay strict.
TAMPERED = GATEWAYS[1:]
CLONED = GATEWAYS[2:]


@dataclasses.dataclass
class Fault:
    begin: float       # seconds after the schedule's
    kind: str
    targets: tuple     # parts, disks or links it is about; nothing else is done to them meanwhile
    lasts: float
    random: int        # its own bits, so that the others do not depend on it

    def __str__(self):
        return f"{self.begin:7.1f} s  {self.kind:<18} {', '.join(self.targets):<32} {self.lasts:5.1f} s"


def kinds(log):
    """kind → what it may be about, each a tuple of targets"""
    parts = [*GATEWAYS, *BRIDGES, "aggregator", "mosquitto", "local"] + (["kafka"] if log == "kafka" else [])
    links = [f"{name}~broker" for name in (*GATEWAYS, *BRIDGES)]
    if log == "kafka":
        links += [f"{name}~kafka" for name in (*BRIDGES, "aggregator")]
    out = {}
    for verb in ("kill", "stop"):
        out[f"{verb} gateway"] = [(name,) for name in GATEWAYS]
        out[f"{verb} bridge"] = [(name,) for name in BRIDGES]
        for name in parts[len(GATEWAYS) + len(BRIDGES):]:
            out[f"{verb} {name}"] = [(name,)]
    out["kill all"] = [tuple(parts)]
    for kind in Link.KINDS:
        out[f"net {kind}"] = [(link,) for link in links]
    out["disk full gateway"] = [(f"disk {name}",) for name in GATEWAYS]
    out["disk full aggregator"] = [("disk aggregator",)]
    if log == "lmdb":
        out["disk full log"] = [("disk log",)]
    for what in ("seconds", "minutes ahead", "hours behind", "year ahead", "year behind"):
        out[f"clock {what}"] = [(name,) for name in TAMPERED]
    # Nobody can put a copy back on a full disk.
    out["restore outbox"] = [(name, f"disk {name}") for name in TAMPERED]
    for how in ("truncated", "zeros", "flipped"):
        out[f"damage {how}"] = [(name, f"disk {name}") for name in TAMPERED]
    out["clone outbox"] = [(name,) for name in CLONED]
    out["restore state"] = [("aggregator", "disk aggregator")]
    return out


def make_schedule(seed, seconds, log, only=None):
    """Each kind once before any comes twice. Ends, with what lasts, within the seconds."""
    chance = random.Random(f"{seed} schedule")
    known = kinds(log)
    names = sorted(only or known)
    longest = max(2.0, min(20.0, seconds / 6))
    spacing = min(2.5, 0.8 * seconds / len(names))
    free = {}      # target → from when on it may be touched again
    out, deck, now = [], [], 0.5
    while True:
        if not deck:
            deck = names[:]
            chance.shuffle(deck)
        kind = deck.pop()
        choices = known[kind][:]
        chance.shuffle(choices)
        targets = min(choices, key=lambda one: max(now, *(free.get(name, 0.0) for name in one)))
        lasts = round(chance.uniform(1.0, longest), 1)
        if kind.startswith("kill"):
            lasts = 0.0
        begin = round(max([now] + ([] if kind == "kill all" else [free.get(name, 0.0) for name in targets])), 1)
        if begin + lasts > seconds:
            if now > seconds - 2:
                return sorted(out, key=lambda fault: fault.begin)
            if begin > seconds - 2:
                continue
            lasts = round(seconds - begin, 1)
        out.append(Fault(begin, kind, targets, lasts, chance.randrange(1 << 48)))
        if kind != "kill all":
            # A client is heard of at least every 45 s, or its broker ends the session: two stops leave room between.
            after = lasts + (1.0 if not kind.startswith("stop") else lasts + 2.0)
            free |= {name: begin + after for name in targets}
        now += chance.expovariate(1 / spacing)


class Faults:
    """Does to a ChaosStack what a fault says."""

    def __init__(self, stack, history, ended):
        self.stack, self.history = stack, history
        self.ended = ended      # an Event: waiting is over
        self.figures = {"disk full, named": 0, "disk full, not met": 0}
        self.frontiers = None   # the oracle's
        self.say = print
        self.filler = None
        self.failed = []

    def run(self, fault):
        verb, _, rest = fault.kind.partition(" ")
        getattr(self, verb)(fault, rest, random.Random(fault.random))

    def note(self, what):
        """What could not be done."""
        self.say("    " + what)
        self.figures[what] = self.figures.get(what, 0) + 1

    def kill(self, fault, what, _):
        for name in fault.targets:
            if name not in self.stack.held and self.stack.send(name, signal.SIGKILL):
                now = time.time()
                self.history.ended(name, now, now + 0.1)  # the supervisor waits as long before it starts another one

    def stop(self, fault, what, _):
        name = fault.targets[0]
        pid = self.stack.parts[name].pid
        slot = self.history.stop_begins(name)
        try:
            self.stack.send(name, signal.SIGSTOP)
            self.ended.wait(fault.lasts)
        finally:
            # Who was killed meanwhile has a successor that nobody stopped.
            if self.stack.parts[name].pid == pid:
                self.stack.send(name, signal.SIGCONT)
            slot[1] = time.time()

    def net(self, fault, kind, chance):
        link = self.stack.network.links[fault.targets[0]]
        strength = {"delay": chance.uniform(0.05, 1.0), "flaky": chance.uniform(0.3, 2.0),
                    "throttle": chance.uniform(200, 4000)}.get(kind, 0.0)
        link.begin(kind, strength)
        try:
            self.ended.wait(fault.lasts)
        finally:
            link.end()

    def disk(self, fault, what, _):
        """Full to the last byte, while more and more is to be written there. A gateway's room was allocated when its
        outbox was made: it does not notice. A log or a state must say so, and go on by itself."""
        name = fault.targets[0].split()[1]
        disk, before = self.stack.disks[name], self.complaints(name)
        growing = []
        try:
            until = time.monotonic() + fault.lasts
            disk.fill()
            while not self.ended.wait(0.25) and time.monotonic() < until:
                disk.fill()  # what was freed meanwhile
                if name not in GATEWAYS and len(growing) < 8 and self.complaints(name) == before:
                    growing.append(threading.Thread(target=self.grow, daemon=True))
                    growing[-1].start()
        finally:
            disk.empty()
        if name not in GATEWAYS:
            self.figures["disk full, named" if self.complaints(name) > before else "disk full, not met"] += 1
        for thread in growing:
            thread.join()

    def grow(self):
        try:
            self.filler.grow()
        except TimeoutError as error:
            self.failed.append(str(error))

    def complaints(self, name):
        """How often whoever writes to this disk has said that it is full."""
        seen = self.stack.watch.seen
        return sum(len(seen[part]["disk"]) for part in {"log": BRIDGES, "aggregator": ("aggregator",)}.get(name, ()))

    def clock(self, fault, what, chance):
        gateway = fault.targets[0]
        ahead = {"seconds": chance.choice((-1, 1)) * chance.randrange(2, 60), "minutes ahead": chance.randrange(60, 7200),
                 "hours behind": -chance.randrange(1800, 86400), "year ahead": YEAR, "year behind": -YEAR}[what]
        steps = self.history.offsets[gateway]
        steps.append((time.time(), ahead))
        self.stack.set_clock(gateway, ahead)
        try:
            self.ended.wait(fault.lasts)
        finally:
            self.stack.set_clock(gateway, 0)
            steps.append((time.time(), 0))

    # The outbox.
    def copy_of(self, gateway):
        """The outbox as it is on the card at this instant, in a folder of its own. None: it cannot be read."""
        target = self.stack.folder / f"copy-of-{gateway}"
        shutil.rmtree(target, ignore_errors=True)
        slot = self.history.stop_begins(gateway)
        stopped = self.stack.send(gateway, signal.SIGSTOP)
        try:
            (target / "outbox").mkdir(parents=True)
            shutil.copy(self.stack.outbox(gateway) / "data.mdb", target / "outbox/data.mdb")
        except FileNotFoundError:
            return None  # moved aside, and there was no room for another one
        finally:
            if stopped:
                self.stack.send(gateway, signal.SIGCONT)
            slot[1] = time.time()
        return target

    def unsent_since(self, gateway, now):
        """Before this, everything that the gateway accepted had been merged or named. A clone speaks for itself alone: what
        is told from its beginning on counts again when all has settled."""
        clones = [event["from"] for event in self.history.events[gateway]
                  if event["what"] == "cloned" and event["from"] > self.history.settled]
        until = min([now, *clones])
        told = [frontier for when, frontier in self.frontiers[gateway] if when <= until]
        return (min(told[-1], now) if told else 0.0) - 10

    def away(self, gateway, chance):
        began = time.time()
        self.stack.hold(gateway, signal.SIGKILL if chance.random() < 0.5 else signal.SIGTERM)
        self.history.ended(gateway, began, time.time())

    def back(self, gateway, event):
        """The event ends when the program has opened what it found."""
        starts = self.stack.watch.seen[gateway]["start"]
        before = len(starts)
        self.stack.release(gateway)
        until = time.monotonic() + 90
        while len(starts) == before and time.monotonic() < until:
            time.sleep(0.05)
        event["to"] = time.time()

    def restore(self, fault, what, chance):
        if what == "state":
            self.restore_state(fault)
            return
        gateway = fault.targets[0]
        copied = time.time()
        copy = self.copy_of(gateway)
        if copy is None:
            self.note("no outbox to copy")
            return
        self.ended.wait(fault.lasts)
        event = {"what": "restored", "from": copied - 2, "to": float("inf")}
        self.history.events[gateway].append(event)
        self.away(gateway, chance)
        folder = self.stack.outbox(gateway)
        (folder / "lock.mdb").unlink(missing_ok=True)
        try:
            folder.mkdir(exist_ok=True)
            shutil.copy(copy / "outbox/data.mdb", folder / "data.mdb")
        finally:
            self.back(gateway, event)

    def damage(self, fault, how, chance):
        gateway = fault.targets[0]
        event = {"what": "damaged", "from": self.unsent_since(gateway, time.time()), "to": float("inf")}
        self.history.events[gateway].append(event)
        self.away(gateway, chance)
        file = self.stack.outbox(gateway) / "data.mdb"
        try:
            size = file.stat().st_size
            with open(file, "r+b") as out:
                used = [n for n in range(size // 4096) if any(out.read(4096))]
                # Half of the time so much that it must be noticed: a single page may be one that nobody needs.
                much = chance.random() < 0.5
                self.say(f"    {gateway}: {how}, {'much' if much else 'little'} of {len(used)} pages in use, {size} bytes")
                if how == "truncated" and used:
                    out.truncate(chance.randrange(0, used[len(used) // 2] * 4096) if much else chance.randrange(0, size))
                else:
                    for page in chance.sample(used, max(1, len(used) // 2 if much else 1)) if used else ():
                        out.seek(page * 4096)
                        content = bytearray(out.read(4096))
                        bit = chance.randrange(4096 * 8)
                        content[bit // 8] ^= 1 << bit % 8
                        out.seek(page * 4096)
                        out.write(bytes(4096) if how == "zeros" else content)
        except FileNotFoundError:
            self.note("no outbox to damage")  # moved aside, and there was no room for another one
        finally:
            self.back(gateway, event)
            self.tidy(gateway)

    def tidy(self, gateway):
        """What was moved aside long ago is removed, as its owner would."""
        aside = sorted(self.stack.outbox(gateway).parent.glob("outbox.corrupt-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]))
        for old in aside[:-2]:
            shutil.rmtree(old, ignore_errors=True)

    def clone(self, fault, what, chance):
        """The same card in a second machine, with sensors of its own (none) and the same name at the broker."""
        gateway, stack = fault.targets[0], self.stack
        began = time.time()
        copy = self.copy_of(gateway)
        if copy is None:
            self.note("no outbox to copy")
            return
        event = {"what": "cloned", "from": began - 2, "to": float("inf")}
        self.history.events[gateway].append(event)
        name = f"{gateway}-clone"
        local = stack.port()
        conf = stack.folder / f"{name}.conf"
        stack.write_local_broker(conf, local)
        broker = Part(f"{name}-broker", ["mosquitto", "-c", str(conf)], stack.layout.logs / f"{name}-broker.log")
        edge = stack.edge(name, gateway, local, copy, stack.network.links[f"{gateway}~broker"].port)
        try:
            broker.start()
            edge.start()
            self.ended.wait(fault.lasts)
        finally:
            if chance.random() < 0.5 and edge.alive():
                os.kill(edge.pid, signal.SIGKILL)
            edge.stop()
            broker.stop()
            # What anybody does who is told of a clone: the other one is taken away, this one is started again.
            self.away(gateway, chance)
            self.back(gateway, event)

    def restore_state(self, fault):
        """A backup of the running aggregator, put back later."""
        stack = self.stack
        target, state = stack.folder / "copy-of-state", stack.folder / "disk-aggregator/state"
        shutil.rmtree(target, ignore_errors=True)
        for source in sorted(state.glob("partition-*")):
            (target / source.name).mkdir(parents=True)
            copied = subprocess.run(["mdb_copy", source, target / source.name], capture_output=True, timeout=60)
            if copied.returncode != 0:
                self.note("no state copied: " + copied.stderr.decode().strip())
                return
        self.ended.wait(fault.lasts)
        stack.hold("aggregator")
        try:
            for copy in target.glob("partition-*"):
                (state / copy.name / "lock.mdb").unlink(missing_ok=True)
                shutil.copy(copy / "data.mdb", state / copy.name / "data.mdb")
        finally:
            stack.release("aggregator")


__all__ = ["Fault", "Faults", "demo", "kinds", "make_schedule"]
