"""Tells those who wait that something has changed."""

from __future__ import annotations

import asyncio


class Changes:
    """Counts changes, and lets tasks of one event loop wait for the next one."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Wakes everybody who waits. Must be called in the thread of the event loop."""
        self.count += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, count: int) -> int:
        """Waits until there were more changes than `count`; returns how many."""
        while self.count <= count:
            await self._changed.wait()
        return self.count
