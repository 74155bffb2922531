"""The part of the HTTP interface about files: gallery, uploads, thumbnails, faces."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from fomm_rt.studio.answers import answer, body_of
from fomm_rt.studio.jobs import Jobs
from fomm_rt.studio.library import Item, Library
from fomm_rt.studio.limits import MB, Limits
from fomm_rt.studio.messages import OPAQUE, FindFaces, FoundFaces, Kind
from fomm_rt.studio.models_api import Models
from fomm_rt.studio.refusal import Refusal
from fomm_rt.studio.uploads import Uploads, shown_name
from fomm_rt.workers.worker import TaskError, Worker

READ_ON_BYTES, READ_ON_S = 64 * MB, 2.0
"""How much is read of an upload that was refused, and how long each part is awaited."""
SANDBOX = {"Content-Security-Policy": "default-src 'none'; sandbox"}
"""For files that came from elsewhere: opened by themselves they run nothing."""


@dataclass
class _FacesRequest:
    id: str
    model: str | None = None


class MediaApi:
    """Answers requests about files."""

    def __init__(
        self, library: Library, uploads: Uploads, jobs: Jobs, models: Models, media: Worker, limits: Limits
    ) -> None:
        self._library = library
        self._uploads = uploads
        self._jobs = jobs
        self._models = models
        self._media = media
        self._limits = limits

    @property
    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/api/gallery", self._gallery, methods=["GET"]),
            Route("/api/uploads", self._upload, methods=["POST", "PUT"]),
            Route("/api/uploads", self._list_uploads, methods=["GET"]),
            Route("/api/uploads/{id}", self._delete, methods=["DELETE"]),
            Route("/api/files/{id}", self._file, methods=["GET"]),
            Route("/api/files/{id}/thumbnail", self._thumbnail, methods=["GET"]),
            Route("/api/faces", self._faces, methods=["POST"]),
        ]

    async def _gallery(self, _request: Request) -> Response:
        items = self._library.items
        pictures = [{"id": item.id, "name": item.name, **item.links} for item in items if item.id.startswith("avatar:")]
        drivers = []
        for item in items:
            if item.id.startswith("driver:"):
                info = await self._library.look_at(item)
                facts = {"duration_s": info.duration_s, "has_audio": info.has_audio}
                drivers.append({"id": item.id, "name": item.name, **facts, **item.links})
        return answer({"pictures": pictures, "drivers": drivers})

    async def _upload(self, request: Request) -> Response:
        kind = request.query_params.get("kind")
        if kind not in ("picture", "driver"):
            raise Refusal(400, "expected kind=picture or kind=driver in the address of the request")
        name = shown_name(request.headers.get("x-file-name", ""))
        length = request.headers.get("content-length", "0")
        announced = int(length) if length.isdecimal() else 0
        try:
            item = await self._uploads.receive(cast("Kind", kind), name, announced, request.stream())
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Refusal:
            if "expect" not in request.headers:  # with it, the client waits before it sends
                await _read_on(request)
            raise
        return answer(self._document(item), 201)

    async def _list_uploads(self, _request: Request) -> Response:
        found = [self._document(item) for item in self._library.items if item.id.startswith("upload:")]
        return answer({"uploads": found, "used_bytes": self._uploads.used_bytes})

    def _document(self, item: Item) -> dict[str, Any]:
        info = item.info
        assert info is not None
        return {
            "id": item.id,
            "name": item.name,
            "kind": item.kind,
            "bytes": self._uploads.size_bytes(item),
            "content_type": info.content_type,
            "width": info.width,
            "height": info.height,
            "duration_s": info.duration_s,
            "has_audio": info.has_audio,
            "is_motion": info.is_motion,
            **item.links,
        }

    async def _delete(self, request: Request) -> Response:
        item = self._library.find(request.path_params["id"])
        if self._jobs.uses(item):
            sentence = f"{item.name} is in use by a job; cancel it, or wait until it has finished"
            raise Refusal(409, sentence, "file_in_use", name=item.name)
        self._uploads.delete(item)
        return Response(status_code=204)

    async def _file(self, request: Request) -> Response:
        item = self._library.find(request.path_params["id"])
        info = await self._library.look_at(item)
        disposition = "attachment" if info.content_type == OPAQUE else "inline"
        name = f"{item.name}.npz" if info.is_motion and not item.name.endswith(".npz") else item.name
        return FileResponse(
            item.path, 200, SANDBOX, info.content_type, filename=name, content_disposition_type=disposition
        )

    async def _thumbnail(self, request: Request) -> Response:
        item = self._library.find(request.path_params["id"])
        info = await self._library.look_at(item)
        if not info.has_thumbnail:
            raise Refusal(404, f"{item.name} has no picture")
        return FileResponse(item.thumbnail, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    async def _faces(self, request: Request) -> Response:
        asked = await body_of(request, _FacesRequest, self._limits.body_bytes)
        item = self._library.find(asked.id)
        load = self._models.load_options(asked.model)
        if item.info is not None and item.info.is_motion:
            raise Refusal(400, f"{item.name} is a motion file, which shows no face")
        task = FindFaces(names={str(item.path): item.name}, path=str(item.path), kind=item.kind, model=load.model)
        try:
            found = msgspec.convert(await self._media.run(task), FoundFaces)
        except TaskError as error:
            raise Refusal(500 if error.is_defect else 400, str(error)) from error
        return answer(found)


async def _read_on(request: Request) -> None:
    """Reads some of what a client goes on sending; otherwise it would see a broken connection and no answer."""
    rest = READ_ON_BYTES
    with suppress(ClientDisconnect, RuntimeError, asyncio.TimeoutError):
        stream = request.stream()
        while rest > 0 and (chunk := await asyncio.wait_for(anext(stream, None), READ_ON_S)) is not None:
            rest -= len(chunk)
