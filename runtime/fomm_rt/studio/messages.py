"""The tasks of the studio's worker processes, and the answers to them.

A job worker gets one task at a time, a media worker several.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from fomm_rt.studio.job_options import JobOptions
from fomm_rt.workers.messages import BackendInfo, Cancel, LoadOptions, Task

Kind = Literal["picture", "driver"]

OPAQUE = "application/octet-stream"
"""The type of files that browsers cannot show."""


class Animate(Task, tag=True):
    """Animates a picture by a driver into result.mp4, motion.npz and preview.jpg of a folder."""

    load: LoadOptions
    source: str
    driving: str
    folder: str
    options: JobOptions


class Inspect(Task, tag=True):
    """Finds out what a file holds, and draws a thumbnail; the answer is a `MediaInfo`.

    A motion file is moved to a name that ends in .npz.
    """

    path: str
    kind: Kind
    thumbnail: str


class FindFaces(Task, tag=True):
    """Finds the faces of a picture, or of a film; the answer is a `FoundFaces`."""

    path: str
    kind: Kind
    model: str | None


class Convert(Task, tag=True):
    """Converts a video to the format of the target's ending."""

    source: str
    target: str


class DescribeBackends(Task, tag=True):
    """Lists the backends; the answer is a list of `BackendState`."""


Order = Animate | Inspect | FindFaces | Convert | DescribeBackends | Cancel
"""What a worker of the studio is told."""


class BackendState(Struct):
    """A backend, and why it cannot run here; `problem` is None if it can."""

    name: str
    device: str
    problem: str | None


class MediaInfo(Struct):
    """What a file holds.

    Attributes:
        path: Where it is now.
        content_type: For browsers; application/octet-stream if they cannot show it.
        width, height: In pixels; None for a motion file.
        duration_s: Of a driver; None if unknown and for pictures.
        has_thumbnail: True if a thumbnail was drawn.
    """

    path: str
    content_type: str
    width: int | None
    height: int | None
    duration_s: float | None
    has_audio: bool
    is_motion: bool
    has_thumbnail: bool


class FaceInfo(Struct):
    """A face: its number from 1, its box (x, y, width, height), and the square (x, y, side) around it, in pixels."""

    number: int
    box: tuple[float, float, float, float]
    square: tuple[int, int, int]


class FoundFaces(Struct):
    """The faces of a picture, and the square (x, y, side) that is used by default, in pixels.

    Of a film, the faces of its first frame; the square of the first one holds the face wherever it moves.
    """

    width: int
    height: int
    square: tuple[int, int, int]
    faces: list[FaceInfo]


class AnimationResult(Struct):
    """What was written.

    Attributes:
        frames, width, height: Of the result.
        duration_s: Seconds that it plays; None if unknown.
        took_s: Seconds that it took.
        backend: What ran the model.
        has_audio: True if the result has sound.
        has_motion: True if motion.npz was written.
        notes: Sentences about what was chosen, and warnings.
    """

    frames: int
    width: int
    height: int
    duration_s: float | None
    took_s: float
    backend: BackendInfo
    has_audio: bool
    has_motion: bool
    notes: list[str]
