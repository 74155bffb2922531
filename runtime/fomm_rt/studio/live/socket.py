"""The live socket, /api/live: messages as JSON text, coded pictures as binary.

    /api/live?role=camera&codec=h264&model=NAME     gives the camera; one page at a time
    /api/live?role=viewer&codec=jpeg                watches

A page sends packets (see `packets`), {"type": "command", "name": …, "value": …} unless it is a viewer, and, if it has
lost a frame, {"type": "key"}. It gets packets and these messages:

    state     what is set, as in `LiveState`, and is_live
    avatars   names of the avatars; their pictures are at /api/live/avatars/NUMBER
    face      to the page with the camera: the square of its picture that drives the avatar, and keypoints in it
    numbers   the numbers of the session, its messages and its backend, twice a second
    error     a command or a frame was refused, in one sentence
    ended     the session is over; with an error if it failed
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import asdict
from typing import Any, cast, get_args

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from fomm_rt.errors import FommError, StateError
from fomm_rt.live.controls.keys import GROUPS, REPEATED
from fomm_rt.studio.live.browser_output import Audience, Codec, Role
from fomm_rt.studio.live.codecs import encode_jpeg
from fomm_rt.studio.live.hub import Hub
from fomm_rt.studio.live.packets import Packet
from fomm_rt.studio.live.pages import Page

LONGEST_TEXT = 4096
WRONG, BUSY = 4400, 4409
"""Codes with which the socket is closed: wrong parameters, and another page that is live."""


def live_routes(hub: Hub) -> list[BaseRoute]:
    """The routes of the live session."""

    async def live(socket: WebSocket) -> None:
        await socket.accept()
        audience = _audience(socket)
        if audience is None:
            await socket.close(WRONG, "expected role=camera or viewer and codec=h264 or jpeg")
            return
        page = hub.page(audience)
        try:
            hub.add(page, socket.query_params.get("model"))
        except StateError as error:
            await socket.close(BUSY, str(error))
            return
        sending = asyncio.create_task(_send_all(socket, page))
        receiving = asyncio.create_task(_receive_all(socket, hub, page))
        try:
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            page.close()
            await hub.remove(page)
            for task in (sending, receiving):
                task.cancel()
                with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                    await task
            if socket.client_state is WebSocketState.CONNECTED:
                with suppress(RuntimeError):
                    await socket.close()

    class Avatar(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            try:
                picture = hub.thumbnail(request.path_params["number"])
            except StateError as error:
                return JSONResponse({"error": str(error)}, 404)
            return Response(encode_jpeg(picture), media_type="image/jpeg")

    return [
        WebSocketRoute("/api/live", live),
        Route("/api/live/keys", _keys),
        Route("/api/live/avatars/{number:int}", Avatar),
    ]


async def _keys(_request: Request) -> Response:
    """The keys of a live session, so that the page has the same ones."""
    groups = [
        {
            "title": group.title,
            "rows": [
                {
                    "id": next((command.name for command in row.commands.values()), None),
                    "label": row.label,
                    "text": row.text,
                    "commands": {key: asdict(command) for key, command in row.commands.items()},
                }
                for row in group.rows
            ],
        }
        for group in GROUPS
    ]
    return JSONResponse({"groups": groups, "repeated": sorted(REPEATED)})


def _audience(socket: WebSocket) -> Audience | None:
    role, codec = socket.query_params.get("role"), socket.query_params.get("codec")
    if role not in get_args(Role) or codec not in get_args(Codec):
        return None
    return Audience(cast("Role", role), cast("Codec", codec))


async def _send_all(socket: WebSocket, page: Page) -> None:
    async def send(message: str | bytes) -> None:
        await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))

    await page.send_all(send)


async def _receive_all(socket: WebSocket, hub: Hub, page: Page) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        try:
            content = message.get("bytes")
            if content is not None:
                hub.push(page, Packet.parse(content))
            else:
                kind, name, value = _parsed(message.get("text") or "")
                if kind == "key":
                    hub.request_key(page.audience)
                else:
                    hub.command(page, name, value)
        except FommError as error:
            page.tell("error", error=str(error))


def _parsed(text: str) -> tuple[str, str, Any]:
    """Type of a message, and name and value of a command.

    Raises:
        StateError: It is neither a command nor a request for a key frame.
    """
    if len(text) > LONGEST_TEXT:
        raise StateError(f"expected a command of up to {LONGEST_TEXT} characters")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise StateError("expected a command as JSON") from None
    if isinstance(message, dict) and message.get("type") == "key":
        return "key", "", None
    if not isinstance(message, dict) or message.get("type") != "command" or not isinstance(message.get("name"), str):
        raise StateError('expected {"type": "command", "name": …, "value": …}')
    return "command", message["name"], message.get("value")
