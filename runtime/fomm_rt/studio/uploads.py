"""Files that clients send: streamed to disk, within a quota, under names of our own."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool

from fomm_rt.studio.library import Item, Library
from fomm_rt.studio.limits import MB, Limits
from fomm_rt.studio.messages import Kind
from fomm_rt.studio.refusal import Refusal

_CHUNK_BYTES = 1 << 20
_LONGEST_NAME = 120


class Uploads:
    """Receives and deletes files.

    Args:
        folder: Where they go.
        library: Gets an item for each.
        limits: Sizes and counts.
    """

    def __init__(self, folder: Path, library: Library, limits: Limits) -> None:
        folder.mkdir()
        self._folder = folder
        self._library = library
        self._limits = limits
        self._sizes: dict[str, int] = {}
        self._arriving = 0

    @property
    def used_bytes(self) -> int:
        """Size of all uploads, with what has arrived of others."""
        return sum(self._sizes.values())

    def size_bytes(self, item: Item) -> int:
        """Size of an upload."""
        return self._sizes[item.id]

    async def receive(self, kind: Kind, name: str, announced_bytes: int, content: AsyncIterator[bytes]) -> Item:
        """Writes a file and finds out what it holds; a file that cannot be used is deleted at once.

        Args:
            kind: What it is to be used as.
            name: As the client calls it, for people.
            announced_bytes: Its size as the client says; 0 if unknown.
            content: Its bytes.

        Raises:
            Refusal: It is too large, cannot be stored, does not arrive, or cannot be used.
        """
        self._check(announced_bytes, 0)
        if self._arriving >= self._limits.uploads_at_once or len(self._sizes) >= self._limits.uploads:
            sentence = "there are too many files; wait until others have arrived, or delete some"
            raise Refusal(429, sentence, "too_many_files")
        key = f"upload:{secrets.token_hex(8)}"
        path = self._folder / f"{key.removeprefix('upload:')}.upload"
        item = Item(key, name, kind, path, path.with_suffix(".jpg"))
        self._arriving += 1
        self._sizes[key] = 0
        try:
            await self._write(item, content)
            await self._library.look_at(item)
        except BaseException as error:
            self._forget(item)
            if isinstance(error, OSError):
                sentence = f"{name} could not be stored ({error.strerror}); free some space"
                raise Refusal(507, sentence, "not_stored", name=name) from error
            raise
        finally:
            self._arriving -= 1
        self._library.add(item)
        return item

    def delete(self, item: Item) -> None:
        """Deletes an upload. Raises Refusal for a file that is a part of the studio."""
        if item.id not in self._sizes:
            raise Refusal(403, f"{item.name} is a part of the studio and cannot be deleted")
        self._library.remove(item.id)
        self._forget(item)

    async def _write(self, item: Item, content: AsyncIterator[bytes]) -> None:
        buffer = bytearray()
        with item.path.open("xb") as file:
            while (chunk := await self._next(item, content)) is not None:
                buffer += chunk
                self._sizes[item.id] += len(chunk)
                if len(buffer) >= _CHUNK_BYTES:
                    self._check(0, self._sizes[item.id])
                    await run_in_threadpool(_write_all, file, buffer)
            self._check(0, self._sizes[item.id])
            await run_in_threadpool(_write_all, file, buffer)
        if not self._sizes[item.id]:
            raise Refusal(400, f"{item.name} is empty; choose another file", "empty_file", name=item.name)

    async def _next(self, item: Item, content: AsyncIterator[bytes]) -> bytes | None:
        try:
            return await asyncio.wait_for(anext(content, None), self._limits.idle_s)
        except asyncio.TimeoutError:
            sentence = f"{item.name} has stopped arriving; send it again"
            raise Refusal(408, sentence, "stalled", name=item.name) from None

    def _check(self, announced_bytes: int, arrived_bytes: int) -> None:
        """Raises Refusal if a file of this size may not be stored."""
        limits = self._limits
        if max(announced_bytes, arrived_bytes) > limits.upload_bytes:
            limit = limits.upload_bytes // MB
            sentence = f"a file may have at most {limit} MB; cut it, or make it smaller"
            raise Refusal(413, sentence, "too_large", limit=limit)
        if self.used_bytes + max(announced_bytes - arrived_bytes, 0) > limits.quota_bytes:
            limit = limits.quota_bytes // MB
            sentence = f"all files together may have at most {limit} MB; delete some, then try again"
            raise Refusal(507, sentence, "quota_full", limit=limit)
        free = shutil.disk_usage(self._folder).free
        if free - max(announced_bytes - arrived_bytes, 0) < limits.reserve_bytes:
            sentence = f"there is too little space on the disk ({free // MB} MB); free some, then try again"
            raise Refusal(507, sentence, "disk_full")

    def _forget(self, item: Item) -> None:
        self._sizes.pop(item.id, None)
        item.path.unlink(missing_ok=True)
        item.thumbnail.unlink(missing_ok=True)


def _write_all(file: BinaryIO, buffer: bytearray) -> None:
    file.write(buffer)
    buffer.clear()


def shown_name(header: str) -> str:
    """The name of a file for people: the last part of a percent-encoded path, without control characters."""
    name = unquote(header, errors="replace").replace("\\", "/").rpartition("/")[2]
    printable = "".join(character for character in name if character.isprintable()).strip()
    return printable[:_LONGEST_NAME] or "file"
