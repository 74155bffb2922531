"""The live part of a studio for measurements: the page's files and the live socket, with a network of known time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from time import sleep

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from fomm_bench.live_stand_ins import timed_animator
from fomm_rt.studio.app import STATIC
from fomm_rt.studio.live.hub import Hub
from fomm_rt.studio.live.socket import live_routes


@contextmanager
def serving_live(network_ms: float) -> Iterator[str]:
    """Serves in a thread, without access control; yields HOST:PORT."""
    hub = Hub(lambda _model: timed_animator(network_ms / 1e3))
    app = Starlette(routes=[*live_routes(hub), Mount("/", StaticFiles(directory=STATIC, html=True))])
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="error", ws="websockets-sansio", ws_per_message_deflate=False)
    )
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        sleep(0.01)
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
