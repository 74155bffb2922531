"""The part of the HTTP interface about jobs and their results."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from fomm_rt.studio.answers import answer, body_of
from fomm_rt.studio.events import event_stream
from fomm_rt.studio.formats import CONTENT_TYPES, Formats
from fomm_rt.studio.job_options import JobOptions
from fomm_rt.studio.jobs import Job, Jobs
from fomm_rt.studio.library import Item, Library
from fomm_rt.studio.limits import Limits
from fomm_rt.studio.models_api import Models
from fomm_rt.studio.refusal import Refusal


class _JobRequest(msgspec.Struct):
    source: str
    driving: str
    options: JobOptions = JobOptions()


class JobsApi:
    """Answers requests about jobs."""

    def __init__(self, library: Library, jobs: Jobs, models: Models, formats: Formats, limits: Limits) -> None:
        self._library = library
        self._jobs = jobs
        self._models = models
        self._formats = formats
        self._limits = limits

    @property
    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/api/jobs", self._list, methods=["GET"]),
            Route("/api/jobs", self._submit, methods=["POST"]),
            Route("/api/jobs/{id}", self._get, methods=["GET"]),
            Route("/api/jobs/{id}", self._delete, methods=["DELETE"]),
            Route("/api/jobs/{id}/events", self._events, methods=["GET"]),
            Route("/api/jobs/{id}/cancel", self._cancel, methods=["POST"]),
            Route("/api/jobs/{id}/result", self._result, methods=["GET"]),
            Route("/api/jobs/{id}/explanation", self._explanation, methods=["GET"]),
            Route("/api/jobs/{id}/preview", self._preview, methods=["GET"]),
        ]

    def _job(self, request: Request) -> Job:
        return self._jobs.find(request.path_params["id"])

    async def _list(self, _request: Request) -> Response:
        return answer([job.document() for job in self._jobs.newest_first])

    async def _submit(self, request: Request) -> Response:
        asked = await body_of(request, _JobRequest, self._limits.body_bytes)
        source = self._library.find(asked.source, "picture")
        driving = self._library.find(asked.driving, "driver")
        load = self._models.load_options(asked.options.model)
        if asked.options.paste_back and asked.options.view != "result":
            raise Refusal(400, "paste_back shows the whole picture; expected the view result")
        for item, square in ((source, asked.options.source_square), (driving, asked.options.driving_square)):
            await self._library.look_at(item)
            _check_square(item, square)
        return answer(self._jobs.submit(source, driving, asked.options, load).document(), 201)

    async def _get(self, request: Request) -> Response:
        return answer(self._job(request).document())

    async def _delete(self, request: Request) -> Response:
        self._jobs.delete(self._job(request))
        return Response(status_code=204)

    async def _events(self, request: Request) -> Response:
        job = self._job(request)

        async def document() -> dict[str, Any] | None:
            return None if job.is_deleted else job.document()

        return event_stream("job", job.changes, document, lambda: job.is_over)

    async def _cancel(self, request: Request) -> Response:
        job = self._job(request)
        self._jobs.cancel(job)
        return answer(job.document())

    async def _result(self, request: Request) -> Response:
        job = self._job(request)
        ending = request.query_params.get("format", "mp4")
        path = await self._formats.result(job, ending)
        kind = "attachment" if request.query_params.get("download") else "inline"
        return FileResponse(
            path,
            media_type=CONTENT_TYPES[ending],
            filename=f"{_file_name(job)}.{ending}",
            content_disposition_type=kind,
        )

    async def _explanation(self, request: Request) -> Response:
        """The film of the view "explain"; if there is none yet, the job that makes it, which this starts."""
        job = self._job(request)
        if job.state != "done" or job.explains is not None:
            raise Refusal(404, "only a finished job can be explained")
        shown = self._jobs.explanation_of(job)
        if shown is not None and shown.state == "done":
            name = f"{_file_name(job)}-explained.mp4"
            return FileResponse(
                shown.result_path, media_type="video/mp4", filename=name, content_disposition_type="inline"
            )
        if shown is None:
            options = msgspec.structs.replace(job.options, view="explain", paste_back=False, output_size=None)
            shown = self._jobs.submit(job.source, job.driving, options, job.load, explains=job)
        return answer(shown.document(), 202)

    async def _preview(self, request: Request) -> Response:
        job = self._job(request)
        if not job.previews:
            raise Refusal(404, "there is no preview yet")
        return Response((job.folder / "preview.jpg").read_bytes(), media_type="image/jpeg")


def _check_square(item: Item, square: tuple[int, int, int] | None) -> None:
    """Raises Refusal for a square that does not lie within a picture."""
    info = item.info
    if square is None or info is None:
        return
    if info.width is None or info.height is None:
        raise Refusal(400, f"{item.name} is a motion file; leave out its square")
    x, y, side = square
    if x + side > info.width or y + side > info.height:
        raise Refusal(
            400,
            f"{item.name}: the square {x},{y},{side} (x, y, side) does not lie within its {info.width}×{info.height} "
            "pixels; choose one inside",
        )


def _file_name(job: Job) -> str:
    """A name for a downloaded result, such as "fox-performance"."""
    stems = [re.sub(r"\.\w{1,5}$", "", item.name) for item in (job.source, job.driving)]
    return "-".join(stems)[:100]
