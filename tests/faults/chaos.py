#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Chaos for the real system: three gateways, two Mosquittos, two bridges, a log, an aggregator, driven through faults from
one seed. Processes are killed and stopped, connections delayed, cut, stalled, half-opened and throttled, disks filled,
clocks stepped, outboxes restored, cloned and damaged, all mixed. Meanwhile and at the end, when all has settled, the
answers are compared with what was sent: nothing twice, and nothing missing without a reason that the system names.

    tests/faults/chaos.py --seed N --seconds S --log lmdb|kafka [--round S] [--dir DIR] [--only KIND …]

--round: after so many seconds of faults all is mended, must settle, and is compared; then on (default 600).
Needs the programs of build/release/bin, mosquitto, lmdb-utils, faketime, and leave to mount a small disk (root, or a
user that may have a mount namespace of its own). Exit code 0: same result."""
import argparse
import collections
import contextlib
import faulthandler
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

from chaos_faults import Faults, kinds, make_schedule
from chaos_load import POST_DEVICES, WIDTH, Client, Filler, Sensors, place
from chaos_oracle import History, Oracle, Wrong
from chaos_parts import FAKETIME, GATEWAYS, ChaosStack, Unable, demo, own_mounts

SETTLE_S = {"lmdb": 180, "kafka": 240}


class Driver:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.began = time.monotonic()
        self.wrong = []                      # what a thread found
        self.ended = threading.Event()       # no fault goes on
        self.over = threading.Event()        # the oracle's thread ends
        self.counts = {}
        self.targets = collections.defaultdict(threading.Lock)  # made by round() only
        self.settled = []

    def say(self, text):
        print(f"[{time.monotonic() - self.began:7.1f} s {time.strftime('%H:%M:%S', time.gmtime())}] {text}", flush=True)

    def run(self):
        options = self.options
        self.say(f"seed {options.seed}, {options.seconds} s of faults in rounds of at most {options.round} s, log {options.log}, "
                 f"in {self.folder}")
        self.history = History()
        with ChaosStack(self.folder, options.log, options.seed) as stack:
            self.stack = stack
            (self.folder / "state").symlink_to(self.folder / "disk-aggregator/state")
            self.start_load()
            self.clients[0].double = options.tooth == "doubled"
            self.oracle = Oracle(stack, self.sensors, self.clients, self.history, options.tooth == "missing")
            watching = threading.Thread(target=self.watch, daemon=True)
            watching.start()
            self.begin = int(time.time() - 60) // WIDTH * WIDTH
            self.faults = Faults(stack, self.history, self.ended)
            self.faults.frontiers = self.oracle.frontiers
            self.faults.say = self.say
            self.faults.filler = self.oracle.filler = Filler(stack.ingests.values(), stack.key, options.seed)
            left, number = options.seconds, 0
            while left > 0:
                part = min(left, options.round)
                left -= part
                self.round(make_schedule(f"{options.seed}.{number}", part, options.log, options.only), last=left <= 0)
                number += 1
            self.over.set()
            watching.join()
            self.raise_what_was_found()
            self.rebuild()
        self.table()

    def start_load(self):
        self.sensors = {name: Sensors(name, self.stack.local) for name in GATEWAYS}
        self.clients = [Client(device, self.stack.ingests.values(), self.stack.key, self.options.seed) for device in POST_DEVICES]
        for one in (*self.sensors.values(), *self.clients):
            one.start()

    def watch(self):
        """Asks all the time; the first thing that is wrong ends the run."""
        chance = random.Random(f"{self.options.seed} probes")
        polled = 0.0
        while not self.over.wait(0.5):
            try:
                self.stack.look_at_memory()
                if time.monotonic() > polled + 1:
                    polled = time.monotonic()
                    self.oracle.poll()
                    self.oracle.probe(chance)
            except Exception as error:  # noqa: BLE001
                self.wrong.append((error, traceback.format_exc()))
                return

    def raise_what_was_found(self):
        ends = [text for _, text in self.stack.events if " ended (" in text and "signal SIGKILL" not in text]
        if ends:
            raise Wrong(f"a program ended by itself: {ends[0]}\n{self.stack.parts[ends[0].split()[0]].tail(20)}")
        if self.faults.failed:
            raise Wrong(self.faults.failed[0])
        if self.wrong:
            error, text = self.wrong[0]
            raise error if isinstance(error, Wrong) else Wrong(text)

    def one(self, fault):
        # On a slow machine a fault may take longer than the schedule gave it: the next one to the same target waits.
        targets = () if fault.kind == "kill all" else sorted(fault.targets)
        try:
            with contextlib.ExitStack() as taken:
                for name in targets:
                    taken.enter_context(self.targets[name])
                self.say(f"  begins: {fault}")
                self.faults.run(fault)
            self.counts[fault.kind] = self.counts.get(fault.kind, 0) + 1
        except Exception as error:  # noqa: BLE001
            self.wrong.append((error, traceback.format_exc()))

    def round(self, schedule, last):
        self.say(f"a round of {len(schedule)} faults")
        print("\n".join(f"    {fault}" for fault in schedule), flush=True)
        start, threads = time.monotonic(), []
        for name in {name for fault in schedule for name in fault.targets}:
            _ = self.targets[name]
        for fault in schedule:
            while (rest := start + fault.begin - time.monotonic()) > 0:
                time.sleep(min(rest, 0.5))
                self.raise_what_was_found()
            thread = threading.Thread(target=self.one, args=(fault,), daemon=True, name=str(fault))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join(max(self.options.round, 60) + 150)
            if thread.is_alive():
                raise Wrong(f"a fault did not end: {thread.name}")
        self.raise_what_was_found()
        self.settle(last)

    def settle(self, last):
        """All is mended: within the time, everything that was sent is merged or explained, every gateway is complete."""
        began = time.monotonic()
        self.say("all is mended")
        self.stack.wait_ready(120)
        if last:
            for one in (*self.sensors.values(), *self.clients):
                one.stop()
        # The end of the last window: what a gateway without readings says is said once a minute only.
        end = place(max(max(list(one.sent), default=0) for one in (*self.sensors.values(), *self.clients)))[0] + WIDTH
        told, deadline = time.monotonic(), began + self.options.settle
        while True:
            self.raise_what_was_found()
            why = self.unsettled(end)
            if not why:
                break
            if time.monotonic() > deadline:
                raise Wrong(f"not settled within {self.options.settle:.0f} s; {len(why)} things, e.g.:\n  " + "\n  ".join(why[:20])
                            + "\n" + self.background())
            if time.monotonic() > told + 20:
                told = time.monotonic()
                self.say(f"  not settled yet: {len(why)} things, e.g. {why[0]}")
            time.sleep(2)
        self.oracle.check_reasons()
        took = time.monotonic() - began
        self.settled.append(took)
        self.history.settled = time.time()
        self.say(f"settled in {took:.1f} s: {self.figures}, missing for a named reason: {self.oracle.reasons}")

    def unsettled(self, end):
        if time.time() < end + 12:
            return [f"it is {time.time():.0f}, the last window ends at {end}"]
        try:
            why, self.figures = self.oracle.missing(self.begin, end)
        except OSError as error:
            return [f"the aggregator does not answer: {error}"]
        for name in GATEWAYS:
            told = self.oracle.frontiers[name]
            cloned = any(event["what"] == "cloned" for event in self.history.events[name])
            if cloned:
                continue
            if not told or told[-1][1] < end:
                why.append(f"{name} is complete up to {told[-1][1] if told else None}, expected {end}; {self.oracle.states[name]}")
            elif self.oracle.states[name] != "online":
                why.append(f"{name} is {self.oracle.states[name]}")
            else:
                answer = self.stack.api("/summary", metric="level", device=f"{name}-0", stats="count", **{"from": self.begin, "to": end})
                if answer["completeness"]["share"] != 1:
                    why.append(f"{name}: {answer['completeness']}")
        return why

    def background(self):
        lines = []
        for name in GATEWAYS:
            lines.append(f"{name}: gaps {sorted(self.oracle.gaps[name])[-6:]}, alarms {self.oracle.alarms[name]}, "
                         f"deaf {[(round(a, 1), round(b, 1)) for a, b in self.oracle.deaf(name)][-6:]}, "
                         f"events {self.history.events[name][-4:]}, clock {self.history.offsets[name][-4:]}, "
                         f"ended {self.history.ends.get(name, [])[-4:]}, stops {self.history.stops.get(name, [])[-4:]}")
        return "\n".join(lines)

    def rebuild(self):
        """Every statistic; then a state that is made from nothing but the log is the same, byte for byte."""
        from test_restore import catch_up, digests
        checked = self.oracle.check_statistics()
        self.say(f"{checked} series: count, sum, mean, variance, minimum, maximum, first, last, histogram exact")
        stack = self.stack
        for name in GATEWAYS:
            stack.hold(name)
        ends = catch_up(stack)
        stack.hold("aggregator")
        expected = digests(stack, ends)
        for partition in (self.folder / "state").glob("partition-*"):
            for file in partition.iterdir():
                file.unlink()
            partition.rmdir()
        stack.release("aggregator")
        stack.wait_ready_of("aggregator")
        if catch_up(stack) != ends:
            raise Wrong(f"the log grew while nobody wrote: {ends}")
        stack.hold("aggregator")
        found = digests(stack, ends)
        if found != expected:
            raise Wrong(f"a state made from the log is {found}, that which lived through the faults {expected}")
        self.say(f"a state made anew from the log's {sum(ends.values())} records has the same digest")

    def table(self):
        oracle, seen = self.oracle, self.stack.watch.seen
        rows = [("faults", sum(self.counts.values()), "")]
        rows += [(f"  {kind}", count, "") for kind, count in sorted(self.counts.items())]
        rows += [("readings sent", self.figures["sent"] + self.figures["posted"], f"{self.figures['posted']} over HTTP"),
                 ("readings merged once", self.figures["merged"], "")]
        rows += [(f"missing: {why}", count, "named") for why, count in sorted(oracle.reasons.items())]
        causes = {}
        for gaps in oracle.gaps.values():
            for _, _, cause in gaps:
                causes[cause] = causes.get(cause, 0) + 1
        rows += [("gaps named", sum(causes.values()), ", ".join(f"{cause} {n}" for cause, n in sorted(causes.items()))),
                 ("gateway starts", sum(len(seen[name]["start"]) for name in GATEWAYS),
                  f"after a crash {sum(len(seen[n]['crash']) for n in GATEWAYS)}, a clean stop {sum(len(seen[n]['stopped']) for n in GATEWAYS)}, "
                  f"outbox moved aside {sum(len(seen[n]['replaced']) for n in GATEWAYS)}"),
                 ("programs started again", sum("SIGKILL" in text for _, text in self.stack.events), "after a kill"),
                 ("programs not started", sum("on a full disk" in text for _, text in self.stack.events), "on a full disk, as they said"),
                 ("posts", sum(c.tries for c in self.clients), f"{sum(c.repeats for c in self.clients)} of them answered ones again"),
                 ("probes meanwhile", oracle.probes, f"{oracle.below} below a share of 1, {oracle.unanswered} not answered, "
                  f"{oracle.claims} readings claimed and there")]
        rows += [(f"  {what}", count, "") for what, count in self.faults.figures.items()]
        rows += [("readings to fill disks", self.oracle.filler.counted, "")]
        rows += [("connections cut", sum(link.cuts for link in self.stack.network.links.values()),
                  f"{sum(link.swallowed for link in self.stack.network.links.values())} bytes swallowed")]
        rows += [("settling", len(self.settled), "s: " + ", ".join(f"{s:.0f}" for s in self.settled))]
        rows += [(f"memory peak {name}", round(peak / 2 ** 20), "MiB") for name, peak in sorted(self.stack.peaks.items())]
        print("\n".join(f"  {what:<32} {count:>9}  {note}" for what, count, note in rows), flush=True)
        self.say(f"same result: seed {self.options.seed}, {self.options.seconds} s, log {self.options.log}")


def main():
    parser = argparse.ArgumentParser(prog="chaos.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--log", choices=["lmdb", "kafka"], default="lmdb")
    parser.add_argument("--round", type=float, default=600)
    parser.add_argument("--dir", help="kept at the end (default: a temporary folder, removed)")
    parser.add_argument("--only", nargs="+", metavar="KIND", help="of the faults only these")
    parser.add_argument("--settle", type=float, help=f"seconds after which all must have settled (default {SETTLE_S})")
    parser.add_argument("--bin", help="the folder of the programs (default build/release/bin)")
    parser.add_argument("--tooth", choices=["missing", "doubled"], help="the run must fail: the oracle is told of a reading that was "
                        "never sent, or a client sends some again under another Idempotency-Key")
    options = parser.parse_args()
    options.settle = options.settle or SETTLE_S[options.log]
    if options.bin:
        demo.BIN = Path(options.bin).resolve()
    unknown = set(options.only or ()) - kinds(options.log).keys()
    if unknown:
        parser.error(f"found no fault {', '.join(sorted(unknown))}, expected: {', '.join(kinds(options.log))}")
    if not FAKETIME.exists():
        sys.exit(f"chaos: found no {FAKETIME}, by which clocks are stepped: install Debian's faketime")
    faulthandler.register(signal.SIGUSR1)  # where every thread is, should one hang
    try:
        own_mounts(sys.argv)
        with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
            folder = Path(options.dir or temporary).resolve()
            folder.mkdir(parents=True, exist_ok=True)
            Driver(options, folder).run()
    except Unable as error:
        sys.exit(f"chaos: {error}")
    except Wrong as error:
        sys.exit(f"chaos: seed {options.seed}: {error}")


if __name__ == "__main__":
    main()
