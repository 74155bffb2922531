"""Server-sent events: a document at each of its changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import StreamingResponse

from fomm_rt.studio.changes import Changes

INTERVAL_S = 0.2
KEEP_ALIVE_S = 15.0


def event_stream(
    name: str, changes: Changes, document: Callable[[], Awaitable[Any | None]], is_final: Callable[[], bool]
) -> StreamingResponse:
    """Sends a document at once and after changes, at most once in INTERVAL_S.

    Args:
        name: Of the events.
        changes: When to look again.
        document: What to send; None if it is gone, which ends the stream.
        is_final: True if nothing changes any more, which ends the stream.
    """

    async def events() -> AsyncIterator[bytes]:
        sent = b""
        while True:
            seen, now = changes.count, await document()
            if now is None:
                return
            content = msgspec.json.encode(now)
            if content != sent:
                yield b"event: %s\ndata: %s\n\n" % (name.encode(), content)
                sent = content
            if is_final():
                return
            await asyncio.sleep(INTERVAL_S)
            try:
                await asyncio.wait_for(changes.after(seen), KEEP_ALIVE_S)
            except asyncio.TimeoutError:
                yield b": still there\n\n"  # finds out that the client is gone

    return StreamingResponse(events(), media_type="text/event-stream")
