"""Wakes every coroutine that waits for the next change; belongs to one event loop."""

import asyncio


class Wakeup:
    """Something happened; who waits sees it once, who comes later waits for the next."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def notify(self) -> None:
        """Wake all who wait now."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self) -> None:
        """Return at the next `notify`."""
        await self._next.wait()
