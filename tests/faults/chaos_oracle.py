# SPDX-License-Identifier: Apache-2.0
"""The answers of the running system against what was sent: nothing twice, and nothing missing without a reason that the
system itself names."""
import bisect
import json
import re
import subprocess
import threading
import time
from datetime import datetime, timezone

from chaos_load import DEVICES, PER_WINDOW, POST_DEVICES, TICK, UNITS, WIDTH, place, value
from chaos_parts import BRIDGES, GATEWAYS, demo
from exact import statistics

MAX_FUTURE = 300
METRICS = ("level", "flow")
CLEAR_AFTER = 10.0   # seconds after which a reading whose way was clear has certainly reached its gateway


class Wrong(Exception):
    """A promise that was broken."""


def instant(text):
    """Seconds since 1970; a gap without a beginning is one of all time."""
    if text is None:
        return 0.0
    text = re.sub(r"\.(\d{1,6})\d*", lambda m: "." + m.group(1).ljust(6, "0"), text)
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc).timestamp()


class History:
    """What the driver did and when, by its own clock, which is right."""

    def __init__(self):
        self.lock = threading.Lock()
        self.stops = {}      # part → [[from, to]]; to is inf while it is stopped
        self.ends = {}       # part → [(when it was killed, or ended to be held; since when it is certainly dead)]
        self.offsets = {name: [(0.0, 0)] for name in GATEWAYS}   # (from, seconds its clock is ahead)
        self.settled = 0.0   # when everything that was sent had last been merged or explained
        self.events = {name: [] for name in GATEWAYS}   # {"what", "from", "to"}: its outbox was restored, cloned, damaged

    def ended(self, part, when, dead):
        with self.lock:
            self.ends.setdefault(part, []).append((when, dead))

    def stop_begins(self, part):
        slot = [time.time(), float("inf")]
        with self.lock:
            self.stops.setdefault(part, []).append(slot)
        return slot

    def stopped_around(self, moment, parts, after=0.0):
        """The stop of one of the parts that this moment lies in, or at most `after` seconds behind."""
        for part in parts:
            for begin, end in self.stops.get(part, ()):
                if begin - 0.1 <= moment <= end + after:
                    return begin, end
        return None

    def clock_ahead(self, gateway, begin, end):
        """All offsets that its clock had in this time."""
        found = set()
        steps = self.offsets[gateway]
        for index, (since, offset) in enumerate(steps):
            until = steps[index + 1][0] if index + 1 < len(steps) else float("inf")
            if since - 1.5 <= end and begin <= until + 1.5:
                found.add(offset)
        return found


class Oracle:
    def __init__(self, stack, sensors, clients, history, hide=False):
        self.stack, self.sensors, self.clients, self.history = stack, sensors, clients, history
        self.hide = hide                 # the oracle is given a reading that was never sent: it must notice
        self.gaps = {name: set() for name in GATEWAYS}
        self.frontiers = {name: [] for name in GATEWAYS}      # (when it was told, frontier)
        self.future = dict.fromkeys(GATEWAYS, 0)              # readings its gateway counted as too far ahead
        self.last_future = dict.fromkeys(GATEWAYS, 0)
        self.lost = dict.fromkeys(GATEWAYS, 0)
        self.alarms = {name: set() for name in GATEWAYS}
        self.states = {name: "" for name in GATEWAYS}
        self.dead = {}                   # (device, metric) → ticks in parked partials
        self.probes = self.claims = self.below = self.unanswered = 0
        self.reasons = {}
        self.filler = None

    # What the system says of itself.
    def poll(self):
        now = time.time()
        try:
            status, body, _ = self.stack.get("/api/v1/devices")
        except OSError:
            return None
        if status != 200:
            return None
        for gateway in body["gateways"]:
            name = gateway["gateway"]
            self.states[name] = gateway["state"]
            if gateway.get("frontier"):
                self.frontiers[name].append((now, instant(gateway["frontier"])))
            self.gaps[name] |= {(instant(g["from"]), instant(g["to"]), g["cause"]) for g in gateway.get("gaps", ())}
            self.alarms[name] |= set(gateway.get("alarms", ()))
            self.lost[name] = max(self.lost[name], len(gateway.get("lost", ())))
            future = gateway.get("status", {}).get("counters", {}).get("rejected", {}).get("future", 0)
            self.future[name] += max(0, future - self.last_future[name])
            self.last_future[name] = future
        return body

    def read_dead_letters(self):
        """Parked partials say which readings are in them."""
        run = subprocess.run([str(demo.BIN / "tributaryctl"), "deadletter", "list", "--json", "--url", self.stack.layout.log_url,
                              "--state", str(self.stack.folder / "state")], capture_output=True, text=True, timeout=120)
        if run.returncode != 0:
            raise Wrong(f"tributaryctl deadletter list: {run.stderr.strip()}")
        for line in run.stdout.splitlines():
            letter = json.loads(line)
            if letter["kind"] != "parked":
                continue
            device, metric = letter["series"]["device"], letter["series"]["metric"]
            ticks = self.ticks_of({"start": letter["first_start"], "width": letter["width"], "sum": letter["summary"]["sum"],
                                   "count": letter["summary"]["count"]}, device, metric)
            self.dead.setdefault((device, metric), set()).update(ticks)

    # Which readings an answer holds.
    def ticks_of(self, row, device, metric):
        if row["width"] != WIDTH:
            raise Wrong(f"{device} {metric}: a row of {row['width']} s where no window was to be made wider: {row}")
        whole, rest = divmod(int(row["sum"]), UNITS[metric])
        start = round(instant(row["start"]))
        if rest or whole >> PER_WINDOW or row["count"] != whole.bit_count():
            raise Wrong(f"{device} {metric}: doubled or foreign, the bits of the sum are {whole.bit_count()} readings: {row}")
        return {start // WIDTH * PER_WINDOW + bit for bit in range(PER_WINDOW) if whole >> bit & 1}

    def rows(self, device, metric, begin, end):
        answer = self.stack.api("/series", metric=metric, device=device, step=WIDTH, stats="count,sum", **{"from": begin, "to": end})
        found = set()
        for series in answer["series"]:
            for row in series["rows"]:
                ticks = self.ticks_of(row, device, metric)
                if found & ticks:
                    raise Wrong(f"{device} {metric}: a reading stands in two rows: {row}")
                found |= ticks
        return found, answer["completeness"]

    # Why a reading may be missing.
    def deaf(self, gateway):
        """[from, to]: the gateway had no subscription at the broker beside it, as its own log says."""
        seen = self.stack.watch.seen[gateway]
        connected, starts = seen["connected"], seen["start"]
        out = []
        ends = [(t, dead, True) for t, dead in self.history.ends.get(gateway, ())]
        ends += [(t, dead, False) for t, dead in self.history.ends.get("local", ())] + [(t, t, False) for t in seen["lost"]]
        for moment, after, own in ends:
            stop = self.history.stopped_around(moment, (gateway, "local"), 3.0)
            begin = min(moment, stop[0]) if stop else moment
            if own:  # up to its next start the gap that it reports must do
                later = bisect.bisect(starts, after)
                after = begin = starts[later] if later < len(starts) else float("inf")
            at = bisect.bisect_left(connected, after)
            end = connected[at] if at < len(connected) else float("inf")
            out.append((begin - 0.5, end + 0.5))
        return out

    def outages(self, gateway):
        """[from, to]: the gateway's program was away, with the seconds before that it may not have committed."""
        starts = self.stack.watch.seen[gateway]["start"]
        out = []
        for moment, dead in self.history.ends.get(gateway, ()):
            stop = self.history.stopped_around(moment, (gateway,), 3.0)
            later = bisect.bisect(starts, dead)
            end = starts[later] if later < len(starts) else float("inf")
            out.append(((min(moment, stop[0]) if stop else moment) - 5.0, end + 0.5))
        return out

    def arrival(self, gateway, sent):
        """When the gateway can have got it."""
        latest = sent + 1.0
        while stop := self.history.stopped_around(latest, (gateway, "local")):
            latest = stop[1] + 3.0
        return sent, latest

    def in_crash_gap(self, gateway, earliest, latest, gaps):
        """The shortest gap, in s, that the gateway reported for an outage there was at this time, by its own clock."""
        if not any(begin <= latest and earliest <= end for begin, end in self.outages(gateway)):
            return None
        return min((end - begin for offset in self.history.clock_ahead(gateway, earliest, latest) for begin, end, cause in gaps
                    if cause in ("crash", "stopped") and begin <= latest + offset + 0.5 and earliest + offset - 0.5 <= end),
                   default=None)

    def excuse(self, gateway, device, metric, tick, gaps, deaf, live=False):
        """Why this reading may be missing: what the system names, or nothing."""
        sent = self.sensors[gateway].sent[tick]
        earliest, latest = self.arrival(gateway, sent)
        crash = self.in_crash_gap(gateway, earliest, latest, gaps)
        if crash is not None and crash < 3600:
            return "gap of a crash"
        if any(begin <= sent <= end for begin, end in deaf):
            return "no subscription"
        if live:
            return None if crash is None else "gap of a crash"
        events = self.history.events[gateway]
        causes = {cause for _, _, cause in gaps}
        for event in events:
            if not event["from"] <= latest or not sent <= event["to"] + 0.5:
                continue
            if event["what"] == "damaged" and (causes & {"outbox_replaced", "wiped"} or self.lost[gateway]):
                return "gap of a replaced outbox"
            if event["what"] == "restored" and causes & {"restored", "cloned"}:
                return "gap of a restored outbox"
        if any(event["what"] != "damaged" for event in events) and tick in self.dead.get((device, metric), ()):
            return "parked"
        if any(offset < -MAX_FUTURE for offset in self.history.clock_ahead(gateway, earliest, latest)):
            return "future"
        return "gap of a crash, while its clock was wrong" if crash is not None else None

    def must_be_refused(self, gateway, tick):
        """Its gateway's clock was so far behind that this reading lay too far in the future for it, all the while."""
        earliest, latest = self.arrival(gateway, self.sensors[gateway].sent[tick])
        return all(offset < -MAX_FUTURE - 5 for offset in self.history.clock_ahead(gateway, earliest - 1, latest + 1))

    # In the middle of things.
    def probe(self, chance):
        """One question about the last two minutes: nothing doubled, and a share of 1 hides nothing that was accepted."""
        if chance.random() < 0.2:
            device, metric, gateway = chance.choice(POST_DEVICES), "posted", None
        else:
            gateway, metric = chance.choice(GATEWAYS), chance.choice(METRICS)
            device = f"{gateway}-{chance.randrange(DEVICES)}"
        end = int(time.time() - chance.uniform(15, 40)) // WIDTH * WIDTH
        begin = end - 120
        try:
            found, complete = self.rows(device, metric, begin, end)
        except (OSError, AssertionError):
            self.unanswered += 1
            return
        self.probes += 1
        if complete["share"] < 1:
            self.below += 1
            if not complete.get("behind") and not complete.get("partitions", {}).get("missing"):
                raise Wrong(f"a share of {complete['share']}, and nobody is named: {complete}")
            if gateway and any(one["gateway"] != gateway for one in complete.get("behind", ())):
                raise Wrong(f"{device} is measured by {gateway} alone, but others are said to be behind: {complete}")
            return
        # Nothing merged for the selection yet: the answer expects nobody, for nobody can know that somebody will.
        if gateway is None or complete["expected"] == 0 or self.unclear(gateway, begin):
            return
        gaps = {(instant(g["from"]), instant(g["to"]), g["cause"]) for g in complete.get("gaps", ())}
        deaf = self.deaf(gateway)
        for tick in list(self.sensors[gateway].sent):
            if not begin <= place(tick)[0] < end or tick in found:
                continue
            sent = self.sensors[gateway].sent[tick]
            if self.history.stopped_around(sent, (gateway, "local"), CLEAR_AFTER) or self.arrival(gateway, sent)[1] > sent + 1:
                continue  # it may still have been on its way to the gateway
            if self.excuse(gateway, device, metric, tick, gaps, deaf, live=True) is None:
                raise Wrong(f"a share of 1 hides {device} {metric} of {sent:.3f} in [{begin}, {end}): {complete}")
            self.claims += 1
        self.claims += len(found)

    def unclear(self, gateway, since):
        """Its clock or its outbox was tampered with: what it claims is looked at when all has settled."""
        if self.history.clock_ahead(gateway, since - 60, time.time()) != {0}:
            return True
        return any(event["to"] > since - 120 for event in self.history.events[gateway])

    # When all has settled.
    def series(self):
        for gateway in GATEWAYS:
            for device in self.sensors[gateway].devices:
                for metric in METRICS:
                    yield gateway, device, metric, self.sensors[gateway].sent
        for client in self.clients:
            yield None, client.device, "posted", client.sent

    def missing(self, begin, end):
        """What is unexplained of that which was sent before end; figures of all."""
        body = self.poll()
        if body is None:
            return ["the aggregator does not answer"], {}
        self.read_dead_letters()
        figures = {"sent": 0, "merged": 0, "posted": 0}
        reasons, wrong, found_by_series = {}, [], {}
        deaf = {gateway: self.deaf(gateway) for gateway in GATEWAYS}
        by_clock = dict.fromkeys(GATEWAYS, 0)
        if self.hide:
            self.sensors[GATEWAYS[0]].sent[begin // WIDTH * PER_WINDOW] = time.time()
            self.hide = False
        for gateway, device, metric, sent in self.series():
            found, _ = self.rows(device, metric, begin, end)
            found_by_series[device, metric] = found
            ticks = [tick for tick in list(sent) if begin <= place(tick)[0] < end]
            figures["sent" if gateway else "posted"] += len(ticks)
            figures["merged"] += len(found)
            if foreign := found - set(ticks):
                raise Wrong(f"{device} {metric}: {len(foreign)} readings that nobody sent, e.g. tick {min(foreign)}")
            for tick in ticks:
                if tick in found:
                    if gateway and self.must_be_refused(gateway, tick):
                        raise Wrong(f"{device} {metric}: a reading far in the future of its gateway was accepted, {sent[tick]:.3f}")
                    continue
                why = self.excuse(gateway, device, metric, tick, self.gaps[gateway], deaf[gateway]) if gateway else None
                if why is None:
                    wrong.append(f"{device} {metric} sent at {sent[tick]:.3f}")
                    continue
                reasons[why] = reasons.get(why, 0) + 1
                if why == "future":
                    by_clock[gateway] += 1
        for gateway, count in by_clock.items():
            if count > self.future[gateway]:
                wrong.append(f"{gateway}: {count} readings are missing while its clock was behind, {self.future[gateway]} are "
                             "counted as rejected for it")
        self.reasons, self.found = reasons, found_by_series
        return wrong, figures

    def check_statistics(self):
        """Every statistic of all time, of exactly the readings that the rows hold."""
        total = {}
        for (device, metric), found in self.found.items():
            readings = [(tick * TICK, float(value(metric, place(tick)[1]))) for tick in sorted(found)]
            answer = self.stack.api("/summary", metric=metric, device=device,
                                    stats="count,sum,mean,variance,stddev,min,max,first,last,histogram")
            total[metric] = total.get(metric, 0) + len(readings)
            if not readings:
                if answer["count"]:
                    raise Wrong(f"{device} {metric}: {answer['count']} readings in all, none in the rows")
                continue
            exact = statistics(readings)
            told = {name: answer[name] for name in exact}
            if told != exact:
                raise Wrong(f"{device} {metric}: found {told}, expected {exact}")
            for name, (moment, number) in (("first", readings[0]), ("last", readings[-1])):
                if (instant(answer[name]["time"]), answer[name]["value"]) != (moment, number):
                    raise Wrong(f"{device} {metric}: {name} is {answer[name]}, expected {number} at {moment}")
            buckets = {}
            for tick in found:
                index = bucket(value(metric, place(tick)[1]))
                buckets[index] = buckets.get(index, 0) + 1
            expected = {"scale": 8, "positive": {"offset": sorted(buckets), "counts": [buckets[i] for i in sorted(buckets)]}}
            histogram = answer["histogram"]
            if {"scale": histogram["scale"], "positive": histogram["positive"]} != expected or histogram["negative"]["counts"]:
                raise Wrong(f"{device} {metric}: histogram {histogram}, expected {expected}")
        total["filler"] = self.filler.counted if self.filler else 0
        for metric, count in total.items():
            if not count:
                continue
            whole = self.stack.api("/summary", metric=metric, stats="count")["count"]
            if whole != count:
                raise Wrong(f"{metric}: {whole} readings in the fleet row, {count} in the devices'")
        return len(self.found)

    def check_reasons(self):
        """What did not happen is not named."""
        for gateway in GATEWAYS:
            happened = {event["what"] for event in self.history.events[gateway]}
            allowed = {"crash", "stopped"}
            if "damaged" in happened:
                allowed |= {"outbox_replaced", "wiped"}
            if happened & {"restored", "cloned"}:
                allowed |= {"restored", "cloned"}
            if false := {cause for _, _, cause in self.gaps[gateway]} - allowed:
                raise Wrong(f"{gateway}: gaps with causes {false}, but happened was {happened or 'nothing of the kind'}")
            if self.alarms[gateway] and not happened:
                raise Wrong(f"{gateway}: alarms without a reason: {self.alarms[gateway]}")
            if not happened and self.lost[gateway]:
                raise Wrong(f"{gateway}: losses without a reason")
            starts = self.stack.watch.seen[gateway]["start"]
            if not happened and len(self.gaps[gateway]) > len(starts):
                raise Wrong(f"{gateway}: {len(self.gaps[gateway])} gaps, but it was started {len(starts)} times")


def bucket(number):
    """Index at scale 8 of a positive whole number: the power of 2^(1/256) below which, and at which, it lies."""
    return (number ** 256 - 1).bit_length() - 1


__all__ = ["BRIDGES", "History", "Oracle", "Wrong", "bucket", "instant"]
