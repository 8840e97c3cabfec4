# SPDX-License-Identifier: Apache-2.0
"""TCP proxies that misbehave on demand, for tests: delay, loss of connections, a stall of one direction, half-open
connections, few bytes a second. All of them live in one thread with one event loop. Standard library only."""
import asyncio
import random
import socket
import struct
import threading

CHUNK = 16384


class Link:
    """One proxy: listens on 127.0.0.1:port and connects to 127.0.0.1:upstream. "up" is what a client sends, "down" what
    it is sent. Faults begin with begin(kind) and last until end(); they may be called from any thread."""
    KINDS = ("delay", "cut", "flaky", "stall-up", "stall-down", "half-open", "throttle")

    def __init__(self, loop, name, port, upstream, seed=0):
        self.loop, self.name, self.port, self.upstream = loop, name, port, upstream
        self.kind = ""
        self.strength = 0.0
        self.open = set()       # (client's writer, server's writer or None)
        self.tainted = set()    # of these bytes were swallowed: they can only be cut off
        self.chance = random.Random(seed)
        self.changed = asyncio.Event()
        self.bytes = {"up": 0, "down": 0}
        self.swallowed = self.cuts = 0

    async def listen(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, limit=CHUNK)

    def begin(self, kind, strength=0.0):
        """strength: delay in s, throttle in bytes/s, flaky: mean s between two losses; without meaning for the others."""
        assert kind in self.KINDS, kind
        asyncio.run_coroutine_threadsafe(self._begin(kind, strength), self.loop).result(10)

    def end(self):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(10)

    async def _begin(self, kind, strength):
        self.kind, self.strength = kind, strength
        self.changed.set()
        self.changed = asyncio.Event()
        if kind == "cut":
            self.cut(list(self.open))
        if kind == "flaky":
            asyncio.ensure_future(self.lose_now_and_then())

    async def _end(self):
        self.kind = ""
        self.changed.set()
        self.changed = asyncio.Event()
        # The other end has forgotten them by now, and says so.
        self.cut(list(self.tainted))
        self.tainted.clear()

    async def lose_now_and_then(self):
        while self.kind == "flaky":
            await asyncio.sleep(self.chance.expovariate(1 / self.strength))
            if self.kind == "flaky":
                self.cut(list(self.open))

    def cut(self, pairs):
        for pair in pairs:
            self.cuts += 1
            for writer in pair:
                if writer is None:
                    continue
                link = writer.get_extra_info("socket")
                try:  # a reset, not an orderly end
                    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                except OSError:
                    pass
                writer.transport.abort()

    async def serve(self, reader, writer):
        pair = (writer, None)
        if self.kind == "cut":
            self.cut([pair])
            return
        to = None
        try:
            if self.kind != "half-open":
                try:
                    there, to = await asyncio.open_connection("127.0.0.1", self.upstream, limit=CHUNK)
                except OSError:
                    self.cut([pair])
                    self.cuts -= 1  # nobody was there: not ours
                    return
                for one in (writer, to):
                    one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                pair = (writer, to)
            self.open.add(pair)
            if to is None:
                await self.swallow(reader, pair)
            else:
                done, rest = await asyncio.wait(
                    [asyncio.ensure_future(self.pump(reader, to, "up", pair)),
                     asyncio.ensure_future(self.pump(there, writer, "down", pair))],
                    return_when=asyncio.FIRST_COMPLETED)
                for one in rest:
                    one.cancel()
                await asyncio.gather(*done, *rest, return_exceptions=True)
        finally:
            self.open.discard(pair)
            self.tainted.discard(pair)
            for one in pair:
                if one is not None:
                    one.close()

    async def swallow(self, reader, pair):
        self.tainted.add(pair)
        while True:
            data = await reader.read(CHUNK)
            if not data:
                return
            self.swallowed += len(data)

    async def pump(self, reader, writer, direction, pair):
        try:
            while True:
                while self.kind == "stall-" + direction:
                    await self.changed.wait()
                data = await reader.read(CHUNK)
                if not data:
                    return
                while self.kind == "stall-" + direction:
                    await self.changed.wait()
                if self.kind == "half-open" or pair in self.tainted:
                    self.tainted.add(pair)
                    self.swallowed += len(data)
                    continue
                if self.kind == "delay":
                    await asyncio.sleep(self.strength * self.chance.uniform(0.5, 1.5))
                await self.write(writer, data)
                self.bytes[direction] += len(data)
        except (ConnectionError, asyncio.IncompleteReadError):
            return

    async def write(self, writer, data):
        while self.kind == "throttle" and data:
            piece = max(1, int(self.strength / 20))
            writer.write(data[:piece])
            await writer.drain()
            data = data[piece:]
            await asyncio.sleep(piece / self.strength)
        if data:
            writer.write(data)
            await writer.drain()


class Network:
    """The links of a test, by name, and the thread they live in."""

    def __init__(self, seed=0):
        self.seed = seed
        self.links = {}
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True, name="network")
        self.thread.start()

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def add(self, name, port, upstream):
        """Listens on port from now on."""
        async def make():
            link = Link(self.loop, name, port, upstream, f"{self.seed} {name}")
            await link.listen()
            return link
        self.links[name] = asyncio.run_coroutine_threadsafe(make(), self.loop).result(10)
        return self.links[name]

    def stop(self):
        async def end():
            for link in self.links.values():
                link.server.close()
                link.cut(list(link.open))
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
        try:
            asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(10)
