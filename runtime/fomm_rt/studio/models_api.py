"""What models there are, fetching and removing them, and what runs them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fomm_rt.bundled import bundled_model
from fomm_rt.errors import FommError, ModelError
from fomm_rt.machine.export_extra import how_to_install, missing_for_export
from fomm_rt.model.installed import InstalledModel, describe_model, installed_models, remove_model
from fomm_rt.model.names import BUNDLED, PUBLISHED, find_model, installed_names
from fomm_rt.studio.answers import answer, body_of
from fomm_rt.studio.changes import Changes
from fomm_rt.studio.events import event_stream
from fomm_rt.studio.fetching import Fetch, Published, list_published
from fomm_rt.studio.messages import BackendState, DescribeBackends
from fomm_rt.studio.refusal import Refusal
from fomm_rt.studio.settings import Settings
from fomm_rt.workers.messages import BackendInfo, LoadOptions
from fomm_rt.workers.worker import TaskError, Worker


@dataclass
class _FetchRequest:
    """Trust: accept a checkpoint that no known hash verifies."""

    trust: bool = False


class Models:
    """The models of this machine.

    Args:
        settings: The default model and what runs it.
        media: Asks the backends.
    """

    def __init__(self, settings: Settings, media: Worker) -> None:
        self._settings = settings
        self._media = media
        self._fetches: dict[str, Fetch] = {}
        self._published: list[Published] | None = None
        self._backends: list[BackendState] | None = None
        self._lock = asyncio.Lock()
        self.changes = Changes()

    @property
    def routes(self) -> list[Route]:
        """The part of the HTTP interface about models."""
        return [
            Route("/api/models", self._list, methods=["GET"]),
            Route("/api/models/events", self._events, methods=["GET"]),
            Route("/api/models/{name}/fetch", self._fetch, methods=["POST"]),
            Route("/api/models/{name}/cancel", self._cancel, methods=["POST"]),
            Route("/api/models/{name}", self._remove, methods=["DELETE"]),
        ]

    def load_options(self, name: str | None) -> LoadOptions:
        """What to load for a name; the default model for None. A client cannot name a folder.

        Raises:
            Refusal: No model of this name is installed.
        """
        default = self._settings.load
        if name is None or name == self._settings.model_name:
            return default
        if name == BUNDLED:
            return msgspec.structs.replace(default, model=None)
        with suppress(ModelError):
            if name in installed_names():
                return msgspec.structs.replace(default, model=name)
        raise Refusal(400, f"no model {name[:80]!r} is installed; choose another one, or fetch it first")

    async def short_list(self) -> list[dict[str, Any]]:
        """Names and titles of the models that can be used."""
        return [
            {
                "name": model.name,
                "title": _title(model),
                "installed": True,
                "is_default": model.name == self._settings.model_name,
                "warning": _warning(model),
            }
            for model in await run_in_threadpool(self._installed)
        ]

    async def backend(self, used: BackendInfo | None) -> BackendInfo:
        """What ran the last job, else what will run the first."""
        if used is not None:
            return used
        asked = self._settings.load.backend
        able = [each for each in await self.backends() if asked in ("auto", each.device, each.name)]
        first = next((each for each in able if each.problem is None), None)
        if first is None:
            return BackendInfo(asked, "none", "; ".join(f"{each.name}: {each.problem}" for each in able))
        skipped = [f"not {each.name}: {each.problem}" for each in able[: able.index(first)]]
        return BackendInfo(first.name, first.device, "; ".join(["the fastest backend available here", *skipped]))

    async def backends(self) -> list[BackendState]:
        """Every backend, fastest first."""
        async with self._lock:
            if self._backends is None:
                try:
                    found = await self._media.run(DescribeBackends())
                except TaskError as error:
                    raise Refusal(500, str(error)) from error
                self._backends = msgspec.convert(found, list[BackendState])
            return self._backends

    def stop(self) -> None:
        """Ends what is being fetched."""
        for fetch in self._fetches.values():
            fetch.stop()

    def _installed(self) -> list[InstalledModel]:
        """The bundled model, the default one if it is a folder, and all that are installed."""
        found = [describe_model(BUNDLED, bundled_model())]
        with suppress(ModelError):
            found += installed_models()
        name = self._settings.load.model
        if name is not None and all(model.name != name for model in found):
            with suppress(FommError):
                if (folder := find_model(name)) is not None:
                    found.append(describe_model(name, folder))
        return found

    async def _list(self, _request: Request) -> Response:
        return answer(await self._document())

    async def _document(self) -> dict[str, Any]:
        if self._published is None:
            self._published = await run_in_threadpool(list_published)
        published = {each.name: each for each in self._published}
        installed = {model.name: model for model in await run_in_threadpool(self._installed)}
        names = [*installed, *(name for name in published if name not in installed)]
        missing = missing_for_export()
        return {
            "models": [self._entry(name, installed.get(name), published.get(name)) for name in names],
            "fetch_problem": how_to_install(missing) if missing else None,
            "backends": [
                {
                    "name": each.name,
                    "device": each.device,
                    "problem": each.problem,
                    "reason": each.problem or "it can run here",
                }
                for each in await self.backends()
            ],
        }

    def _entry(self, name: str, installed: InstalledModel | None, published: Published | None) -> dict[str, Any]:
        fetch = self._fetches.get(name)
        size_bytes = None
        if installed is not None:
            size_bytes = installed.size_bytes
        elif published is not None:
            size_bytes = published.size_bytes or published.about_bytes
        return {
            "name": name,
            "title": name if installed is None else _title(installed),
            "description": published.subject if published else _description(installed),
            "bytes": size_bytes,
            "installed": installed is not None,
            "is_default": name == self._settings.model_name,
            "is_removable": installed is not None and name not in (BUNDLED, self._settings.model_name),
            "warning": None if installed is None else _warning(installed),
            "licence_note": _licence_note(name),
            "needs_trust": published is not None and published.verified_by is None,
            "fetch": None if fetch is None else fetch.state,
        }

    async def _events(self, _request: Request) -> Response:
        return event_stream("models", self.changes, self._document, lambda: False)

    async def _fetch(self, request: Request) -> Response:
        name = request.path_params["name"]
        asked = await body_of(request, _FetchRequest, self._settings.limits.body_bytes)
        if name not in PUBLISHED:
            raise Refusal(404, f"{name[:80]!r} is not among the models that can be fetched: {', '.join(PUBLISHED)}")
        if missing := missing_for_export():
            raise Refusal(409, f"nothing was downloaded: {how_to_install(missing)}")
        running = self._fetches.get(name)
        if running is None or running.state.state != "running":
            self._fetches[name] = Fetch(name, asked.trust, self.changes.notify)
            self.changes.notify()
        return answer({"name": name, "fetch": self._fetches[name].state}, 202)

    async def _cancel(self, request: Request) -> Response:
        fetch = self._fetches.get(request.path_params["name"])
        if fetch is not None and fetch.state.state == "running":
            fetch.cancel()
        return Response(status_code=204)

    async def _remove(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name in (BUNDLED, self._settings.model_name):
            raise Refusal(409, f"{name} is in use by the studio and cannot be removed")
        await run_in_threadpool(remove_model, name)
        self._fetches.pop(name, None)
        self.changes.notify()
        return Response(status_code=204)


def _title(model: InstalledModel) -> str:
    name = Path(model.name).name  # the default model may be a folder
    return name if model.manifest is None else f"{name}, {model.manifest.size}×{model.manifest.size}"


def _description(model: InstalledModel | None) -> str:
    if model is None or model.manifest is None:
        return ""
    return model.manifest.weights.describe()


def _warning(model: InstalledModel) -> str | None:
    if model.manifest is None:
        return f"this model is damaged: {model.problem}"
    if model.manifest.weights.origin == "stand-in":
        return "these weights were never trained: expect an abstract pattern"
    if model.name == BUNDLED:
        return "this model was trained on drawn faces; for photographs fetch vox-adv"
    return None


def _licence_note(name: str) -> str | None:
    if name not in PUBLISHED:
        return None
    return "the authors of these weights set their terms; they are for research"
