"""A TCP relay whose connections can be cut at once, as a pulled cable or a proxy that restarts would. It knows no protocol."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

CHUNK = 65_536
ANSWER_WITHIN_S = 10.0
CUT_AGAIN_AFTER_S = 0.1
Result = TypeVar("Result")


class Relay:
    """Passes on what comes to `port` of 127.0.0.1 to `target` and back, in a thread of its own, until closed."""

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"relay-{port}", daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._accept, "127.0.0.1", port))

    def cut(self) -> int:
        """Break every connection, unsent bytes and all; returns how many there were."""
        return self._do(self._cut())

    def close(self) -> None:
        """Break every connection and listen no more."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_WITHIN_S)

    async def _cut(self) -> int:
        cut = list(self._open)
        for writer in cut:
            writer.transport.abort()
        return len(cut) // 2

    async def _end(self) -> None:
        self._server.close()
        while connections := asyncio.all_tasks() - {asyncio.current_task()}:
            await self._cut()
            await asyncio.wait(connections, timeout=CUT_AGAIN_AFTER_S)  # some may have been in the making

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its beginning to its end, which ends the other side too."""
        try:
            their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ours = {writer, their_writer}
        self._open |= ours
        ways = [asyncio.create_task(_pass(reader, their_writer)), asyncio.create_task(_pass(their_reader, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for each in ours:
            each.close()
        self._open -= ours


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):  # either side may break; both are closed then
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
