"""The application: all parts of the studio put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from fomm_rt.bundled import bundled_performance
from fomm_rt.errors import FommError
from fomm_rt.studio.access import Access, Guard
from fomm_rt.studio.answers import answer, body_of, error_answer
from fomm_rt.studio.api_jobs import JobsApi
from fomm_rt.studio.api_media import MediaApi
from fomm_rt.studio.formats import Formats
from fomm_rt.studio.jobs import Jobs
from fomm_rt.studio.library import Library
from fomm_rt.studio.live.hub import Hub
from fomm_rt.studio.live.socket import live_routes
from fomm_rt.studio.models_api import Models
from fomm_rt.studio.refusal import Refusal
from fomm_rt.studio.settings import Settings
from fomm_rt.studio.uploads import Uploads
from fomm_rt.version import __version__
from fomm_rt.workers.loading import load_animator
from fomm_rt.workers.worker import Worker

STATIC = Path(__file__).parent / "static"


@dataclass
class _SessionRequest:
    token: str


class Studio:
    """One run of the studio.

    Args:
        settings: What the user has asked for.
        folder: An empty folder for its files.

    Attributes:
        app: The ASGI application.
        access: Its secrets.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        limits = settings.limits
        self._settings = settings
        self._media = Worker("fomm_rt.studio.media_worker", "reads files", settings.is_verbose)
        self._job_worker = Worker("fomm_rt.studio.job_worker", "animates", settings.is_verbose)
        library = Library(settings.avatar_files(), [bundled_performance()], folder / "gallery", self._media)
        uploads = Uploads(folder / "uploads", library, limits)
        self._jobs = Jobs(folder / "jobs", library, self._job_worker, limits)
        self._models = Models(settings, self._media)
        self._hub = Hub(lambda name: load_animator(self._models.load_options(name)), settings.avatar_files())
        self.access = Access(settings.host, settings.certificate is not None)
        api = [
            *MediaApi(library, uploads, self._jobs, self._models, self._media, limits).routes,
            *JobsApi(library, self._jobs, self._models, Formats(self._media), limits).routes,
            *self._models.routes,
            *live_routes(self._hub),
        ]
        self.app = self._build(api)

    @property
    def job_process_id(self) -> int | None:
        """The process that animates; None if there is none."""
        return self._job_worker.process_id

    def stop(self) -> None:
        """Ends all processes at once. May be called without an event loop."""
        self._job_worker.stop()
        self._media.stop()
        self._models.stop()

    def _build(self, api: Sequence[BaseRoute]) -> ASGIApp:
        app = Starlette(
            routes=[
                Route("/", _page("index.html"), methods=["GET"]),
                Route("/view", _page("view.html"), methods=["GET"]),
                Route("/api/session", self._open_session, methods=["POST"]),
                Route("/api/status", self._status, methods=["GET"]),
                *api,
                Mount("/", StaticFiles(directory=STATIC, check_dir=False)),
            ],
            exception_handlers={FommError: _refuse, HTTPException: _refuse_http, Exception: _report_defect},
            lifespan=self._run_jobs,
        )
        return Guard(app, self.access, self._settings.limits.sockets)

    @asynccontextmanager
    async def _run_jobs(self, _app: Starlette) -> AsyncIterator[None]:
        # The first page asks for the backends at once, and the worker takes seconds to start.
        tasks = [asyncio.create_task(self._jobs.run()), asyncio.create_task(self._models.backends())]
        try:
            yield
        finally:
            await self._hub.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _open_session(self, request: Request) -> Response:
        asked = await body_of(request, _SessionRequest, self._settings.limits.body_bytes)
        return Response(status_code=204, headers={"Set-Cookie": self.access.open_session(asked.token)})

    async def _status(self, _request: Request) -> Response:
        limits = self._settings.limits
        return answer(
            {
                "version": __version__,
                "models": await self._models.short_list(),
                "default_model": self._settings.model_name,
                "backend": await self._models.backend(self._jobs.backend),
                "limits": {
                    "upload_bytes": limits.upload_bytes,
                    "quota_bytes": limits.quota_bytes,
                    "jobs": limits.jobs,
                    "jobs_waiting": limits.jobs_waiting,
                },
                "has_live": True,
            }
        )


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_request: Request) -> Response:
        if not (STATIC / name).exists():
            raise Refusal(404, f"this installation of fomm-rt lacks {name}; install it again")
        return FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})

    return page


async def _refuse(_request: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        return error_answer(error.status, str(error), error.code, error.values)
    return error_answer(400, str(error))


async def _refuse_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentences = {404: f"there is nothing at {request.url.path[:100]}", 405: "this address takes other methods"}
    return error_answer(error.status_code, sentences.get(error.status_code, error.detail))


async def _report_defect(_request: Request, error: Exception) -> Response:
    return error_answer(500, f"this is a defect in fomm-rt {__version__}: {type(error).__name__}: {error}")
