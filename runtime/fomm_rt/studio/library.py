"""The files that requests can name. Ids stand for files, so no part of a request is ever used as a path."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fomm_rt.media.read.input_file import HEAD_BYTES, name_content
from fomm_rt.studio.messages import Inspect, Kind, MediaInfo
from fomm_rt.studio.refusal import Reason, Refusal
from fomm_rt.workers.worker import TaskError, Worker

INSPECT_S = 300.0
"""Time to read a file: that of a long film is found by reading all of it."""


@dataclass
class Item:
    """A picture or a driver.

    Attributes:
        id: For requests, such as "avatar:fox".
        name: For people.
        kind: What it can be used as.
        path: The file.
        thumbnail: Where its thumbnail is, or will be.
        info: What the file holds; None until it has been looked at.
    """

    id: str
    name: str
    kind: Kind
    path: Path
    thumbnail: Path
    info: MediaInfo | None = None

    @property
    def links(self) -> dict[str, str | None]:
        """Where a client finds the file and its thumbnail."""
        has_thumbnail = self.info is None or self.info.has_thumbnail
        url = f"/api/files/{self.id}"
        return {"thumbnail": f"{url}/thumbnail" if has_thumbnail else None, "url": url}


class Library:
    """All items by id.

    Args:
        avatars: Pictures that the server offers.
        drivers: Drivers that the server offers, by name.
        folder: For their thumbnails.
        media: Reads files.
    """

    def __init__(self, avatars: Sequence[Path], drivers: Sequence[Path], folder: Path, media: Worker) -> None:
        self._media = media
        self._items: dict[str, Item] = {}
        self._looking: dict[str, asyncio.Task[MediaInfo]] = {}
        folder.mkdir()
        kinds: tuple[tuple[str, Kind, Sequence[Path]], ...] = (
            ("avatar", "picture", avatars),
            ("driver", "driver", drivers),
        )
        for prefix, kind, paths in kinds:
            for path in paths:
                key = self._new_id(prefix, path.stem)
                thumbnail = folder / f"{len(self._items)}.jpg"
                self.add(Item(key, path.stem, kind, path, thumbnail))

    @property
    def items(self) -> list[Item]:
        """All items, in the order in which they came."""
        return list(self._items.values())

    def add(self, item: Item) -> None:
        """Adds an item."""
        self._items[item.id] = item

    def remove(self, key: str) -> Item | None:
        """Removes an item, if it is there."""
        return self._items.pop(key, None)

    def find(self, key: str, kind: Kind | None = None) -> Item:
        """The item of an id. Raises Refusal if there is none, or if it cannot be used as this kind."""
        item = self._items.get(key)
        if item is None:
            raise Refusal(404, f"there is no file {key[:80]!r} here, or it was deleted; choose one again", "file_gone")
        if kind is not None and item.kind != kind:
            raise Refusal(400, f"{item.name}: expected a {kind}; it was chosen as a {item.kind}")
        return item

    async def look_at(self, item: Item) -> MediaInfo:
        """Finds out what an item holds, once, and draws its thumbnail.

        Raises:
            Refusal: The file cannot be used; with our readers' sentence.
        """
        if item.info is None:
            looking = self._looking.get(item.id)
            if looking is None:
                looking = self._looking[item.id] = asyncio.create_task(self._look(item))
                looking.add_done_callback(lambda _task: self._looking.pop(item.id, None))
            # A client that leaves must not end what others wait for.
            return await asyncio.shield(looking)
        return item.info

    async def _look(self, item: Item) -> MediaInfo:
        task = Inspect(
            names={str(item.path): item.name}, path=str(item.path), kind=item.kind, thumbnail=str(item.thumbnail)
        )
        try:
            info = msgspec.convert(await asyncio.wait_for(self._media.run(task), INSPECT_S), MediaInfo)
        except TaskError as error:
            if error.is_defect:
                raise Refusal(500, str(error), error.cause) from error
            raise Refusal(400, str(error), error.cause or _reason_of(item.path), name=item.name) from error
        except asyncio.TimeoutError:
            sentence = f"{item.name} takes too long to read; use another file"
            raise Refusal(400, sentence, "slow_to_read", name=item.name) from None
        item.info, item.path = info, Path(info.path)
        return info

    def _new_id(self, prefix: str, stem: str) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:40] or "picture"
        key, number = f"{prefix}:{slug}", 2
        while key in self._items:
            key, number = f"{prefix}:{slug}-{number}", number + 1
        return key


def _reason_of(path: Path) -> Reason:
    """Why a file cannot be used: it is plainly no picture and no film, or it is one that cannot be read."""
    with path.open("rb") as file:
        return "other_kind" if name_content(file.read(HEAD_BYTES)) else "unreadable"
