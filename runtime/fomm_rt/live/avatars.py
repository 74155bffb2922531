"""The gallery: pictures of a folder, decoded and framed in a thread, so switching avatars never waits for a file."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from fomm_rt.errors import MediaError
from fomm_rt.faces.framing import AnyFraming, resolve_framing
from fomm_rt.framing import Region, resample
from fomm_rt.image import Image
from fomm_rt.live.controls.control import Thumbnail
from fomm_rt.live.threads import GALLERY
from fomm_rt.media.read.picture import read_picture

_log = logging.getLogger("fomm_rt")

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".gif", ".jp2"})
MOST_AVATARS = 200
"""A folder may hold thousands of photographs; so many are kept in memory, at the model's size."""
THUMBNAIL_SIDE = 96
LOOK_AGAIN_S = 1.0


@dataclass(frozen=True, eq=False)
class Avatar:
    """A picture to animate.

    Attributes:
        path: Its file.
        picture: (size, size, 3) uint8 RGB: the square around its face.
        thumbnail: For the gallery.
    """

    path: Path
    picture: Image
    thumbnail: Thumbnail


_Version = tuple[Path, int, int]
"""Path, time of the last change in nanoseconds, size in bytes."""


class Gallery:
    """Keeps the avatars of folders and files, and looks for changes once a second.

    Args:
        paths: Folders, whose pictures are taken, and single pictures.
        size: Side of the model's frames in pixels.
        framing: The square of a picture to use.
        face_margin: Side of the square in face heights, of the model.
        first: Number of the avatar, from 0, that is loaded at once; the others follow in the thread.
        on_change: Called in the gallery's thread when avatars have changed.
        say: Called with messages for the user.

    Raises:
        MediaError: There is no such folder or file, or no picture in them.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        size: int,
        framing: AnyFraming,
        face_margin: float | None,
        *,
        first: int = 0,
        on_change: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        for path in paths:
            if not path.exists():
                raise MediaError(f"{path}: there is no such folder or picture of avatars")
        self._paths = list(paths)
        self._size, self._framing, self._face_margin = size, framing, face_margin
        self.on_change, self.say = on_change, say
        self._loaded: dict[_Version, Avatar | None] = {}
        self._avatars: tuple[Avatar, ...] = ()
        self._shown: Path | None = None
        self._look = Event()
        self._is_stopped = False
        self._thread: Thread | None = None
        versions = self._versions()
        # If the first avatar cannot be read, any other one.
        loaded = next(filter(None, map(self._load, [*versions[first : first + 1], *versions])), None)
        if loaded is None:
            folders = ", ".join(map(str, paths))
            raise MediaError(f"{folders}: holds no picture that can be read; add a PNG, JPEG, WebP or AVIF of a face")
        self._avatars = (loaded,)

    @property
    def avatars(self) -> tuple[Avatar, ...]:
        """All avatars, sorted by name. At first only one; the others follow from the thread."""
        return self._avatars

    def start(self) -> None:
        """Starts the thread that loads all avatars and looks for changes."""
        self._thread = Thread(target=self._keep_watch, name=GALLERY, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the picture that it is reading."""
        self._is_stopped = True
        self._look.set()

    def join(self, timeout_s: float) -> None:
        """Waits for the end of the thread."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def look_again(self) -> None:
        """Looks for changes now."""
        self._look.set()

    def keep(self, avatar: Avatar) -> None:
        """Keeps the avatar that is shown, even if its file is deleted."""
        self._shown = avatar.path

    def _keep_watch(self) -> None:
        while not self._is_stopped:
            self._look.clear()
            self._reload()
            self._look.wait(LOOK_AGAIN_S)

    def _reload(self) -> None:
        """Loads new files and drops those that are gone."""
        versions = self._versions()
        loaded: list[Avatar] = []
        for version in versions:
            if self._is_stopped:
                return
            if version not in self._loaded:
                self._load(version)
            avatar = self._loaded[version]
            if avatar is not None:
                loaded.append(avatar)
        kept = self._kept(loaded)
        for version in set(self._loaded) - set(versions):
            if self._loaded[version] not in kept:
                del self._loaded[version]
        if list(self._avatars) != kept:
            self._avatars = tuple(kept)
            self.on_change()

    def _kept(self, loaded: list[Avatar]) -> list[Avatar]:
        """The loaded avatars, and the shown one even if its file is gone or can no longer be read."""
        if not loaded:
            return list(self._avatars)
        shown = next((avatar for avatar in self._avatars if avatar.path == self._shown), None)
        if shown is None or any(avatar.path == shown.path for avatar in loaded):
            return loaded
        return sorted([*loaded, shown], key=lambda avatar: _order(avatar.path))

    def _versions(self) -> list[_Version]:
        """The files as they are now."""
        versions = []
        for path in pictures_in(self._paths):
            try:
                stat = path.stat()
            except OSError:
                continue  # deleted meanwhile
            versions.append((path, stat.st_mtime_ns, stat.st_size))
        return versions[:MOST_AVATARS]

    def _load(self, version: _Version) -> Avatar | None:
        path = version[0]
        try:
            avatar = self._framed(path)
        except Exception as error:  # however decoding one file fails, the others are loaded
            avatar = None
            self.say(f"{path.name} is left out of the avatars: {error}")
            _log.debug("%s is left out of the avatars", path, exc_info=True)
        self._loaded[version] = avatar
        return avatar

    def _framed(self, path: Path) -> Avatar:
        picture = read_picture(path)
        framing = resolve_framing(self._framing, picture, self._face_margin)
        square = resample(picture, framing.region(*picture.shape[:2]), self._size).copy()
        thumbnail = resample(square, Region.square(self._size), THUMBNAIL_SIDE).copy()
        return Avatar(path, square, Thumbnail(path.stem, thumbnail))


def pictures_in(paths: Sequence[Path]) -> list[Path]:
    """The pictures of folders, by their endings and sorted by name, and single files."""
    files: list[Path] = []
    for path in paths:
        try:
            found = list(path.iterdir()) if path.is_dir() else [path]
        except OSError:
            continue
        pictures = [file for file in found if file == path or _is_picture(file)]
        files.extend(sorted(pictures, key=_order))
    return files


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in ENDINGS and not file.name.startswith(".")


def _order(path: Path) -> list[tuple[int, int, str]]:
    """Sorts 2.png before 10.png."""
    parts = re.findall(r"\d+|\D+", path.name.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
