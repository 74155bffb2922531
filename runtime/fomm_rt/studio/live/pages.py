"""The pages on the live socket, and what waits to be sent to each."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from fomm_rt.studio.live.browser_output import Audience
from fomm_rt.studio.live.packets import Kind, Packet

MOST_FRAMES = 3
"""Coded frames that may wait for a page. A page that takes them too slowly loses all that wait, and goes on with a key
frame: it falls behind by no more than this."""
MOST_TEXTS = 64


class Page:
    """One page. All methods are called in the thread of the event loop.

    Args:
        audience: What it sees, and how it is coded.
        request_key: Called when it has lost frames.
    """

    def __init__(self, audience: Audience, request_key: Callable[[Audience], None]) -> None:
        self.audience = audience
        self._request_key = request_key
        self._frames: deque[Packet] = deque()
        self._texts: deque[str] = deque()
        self._changed = asyncio.Event()
        self._waits_for_key = True
        self.is_closed = False

    def show(self, packet: Packet) -> None:
        """Hands over a frame."""
        if len(self._frames) >= MOST_FRAMES:
            self._frames.clear()
            self._waits_for_key = packet.kind is Kind.DELTA
            self._request_key(self.audience)
        if self._waits_for_key and packet.kind is Kind.DELTA:
            return
        self._waits_for_key = False
        self._frames.append(packet)
        self._changed.set()

    def tell(self, kind: str, **content: Any) -> None:
        """Hands over a message. A page that reads none of them is closed."""
        if len(self._texts) >= MOST_TEXTS:
            self.close()
            return
        self._texts.append(json.dumps({"type": kind, **content}))
        self._changed.set()

    def close(self) -> None:
        """Lets `send_all` end after what waits."""
        self.is_closed = True
        self._changed.set()

    async def send_all(self, send: Callable[[str | bytes], Awaitable[None]]) -> None:
        """Sends what comes until the page is closed, messages before frames."""
        while True:
            while self._texts or self._frames:
                await send(self._texts.popleft() if self._texts else self._frames.popleft().message())
            if self.is_closed:
                return
            self._changed.clear()
            await self._changed.wait()
