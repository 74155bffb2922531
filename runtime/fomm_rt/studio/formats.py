"""Results in other formats, converted once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fomm_rt.studio.jobs import Job
from fomm_rt.studio.messages import Convert
from fomm_rt.studio.refusal import Refusal
from fomm_rt.workers.worker import TaskError, Worker

CONTENT_TYPES = {"mp4": "video/mp4", "webm": "video/webm", "gif": "image/gif"}


class Formats:
    """Converts results. Requests for the same one at the same time wait for one conversion.

    Args:
        media: Converts.
    """

    def __init__(self, media: Worker) -> None:
        self._media = media
        self._converting: dict[Path, asyncio.Task[None]] = {}

    async def result(self, job: Job, ending: str) -> Path:
        """The result of a job in a format of CONTENT_TYPES.

        Raises:
            Refusal: The job is not done, there is no such format, or the conversion failed.
        """
        if ending not in CONTENT_TYPES:
            raise Refusal(400, f"expected the format {', '.join(CONTENT_TYPES)}; got {ending[:20]!r}")
        if job.state != "done":
            raise Refusal(404, "this job has no result")
        target = job.result_path.with_suffix(f".{ending}")
        if not target.exists():
            if target not in self._converting:
                self._converting[target] = asyncio.create_task(self._convert(job.result_path, target))
            # A client that leaves must not end what others wait for.
            await asyncio.shield(self._converting[target])
        return target

    async def _convert(self, source: Path, target: Path) -> None:
        try:
            names = {str(target): f"the {target.suffix[1:]} file", str(source): "the result"}
            await self._media.run(Convert(names=names, source=str(source), target=str(target)))
        except TaskError as error:
            raise Refusal(500 if error.is_defect else 507, str(error)) from error
        finally:
            self._converting.pop(target, None)
