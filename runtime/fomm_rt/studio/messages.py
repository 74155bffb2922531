"""What the server and its worker processes say to each other, one message a line of JSON.

A worker gets tasks, each with a number, and answers each with `Done` or `Failed` of this number. Meanwhile it sends
`Progress` and `Preview`. A job worker gets one task at a time, a media worker several.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from fomm_rt.studio.job_options import JobOptions

Kind = Literal["picture", "driver"]

OPAQUE = "application/octet-stream"
"""The type of files that browsers cannot show."""


class LoadOptions(Struct, frozen=True):
    """What `Animator.load` gets; the model is a name, an absolute path, or None for the bundled one."""

    model: str | None
    backend: str = "auto"
    precision: str | None = None
    engines: str | None = None
    threads: int | None = None


class Task(Struct, kw_only=True):
    """Something for a worker to do.

    Attributes:
        number: Of the task.
        names: Path of a file -> the name that the user knows it by, for messages.
    """

    number: int = 0
    names: dict[str, str] = {}


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
    """Finds the faces of a picture; the answer is a `FoundFaces`."""

    path: str
    model: str | None


class Convert(Task, tag=True):
    """Converts a video to the format of the target's ending."""

    source: str
    target: str


class DescribeBackends(Task, tag=True):
    """Lists the backends; the answer is a list of `BackendState`."""


class Cancel(Struct, tag=True):
    """Ends a task, which then fails with `is_cancelled`."""

    number: int


Order = Animate | Inspect | FindFaces | Convert | DescribeBackends | Cancel


class Progress(Struct, tag=True):
    """So many frames of a step are done; `total` is None if unknown."""

    number: int
    stage: str
    done: int
    total: int | None


class Preview(Struct, tag=True):
    """A new preview.jpg is in the folder of the task."""

    number: int


class Loaded(Struct, tag=True):
    """A model has been loaded, and this is what runs it."""

    number: int
    backend: BackendInfo


class Done(Struct, tag=True):
    """A task is done; `result` depends on the task. `resident_bytes` is the memory of the worker, None if unknown."""

    number: int
    result: Any = None
    resident_bytes: int | None = None


class Failed(Struct, tag=True):
    """A task has failed.

    Attributes:
        number: Of the task.
        error: A sentence for the user.
        is_defect: True if it is not the user's fault, but the program's.
        is_cancelled: True if it was ended on demand.
    """

    number: int
    error: str
    is_defect: bool = False
    is_cancelled: bool = False


Report = Progress | Preview | Loaded | Done | Failed


class BackendInfo(Struct):
    """What runs a model, and why."""

    name: str
    device: str
    reason: str


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
    """The faces of a picture, and the square (x, y, side) that is used by default, in pixels."""

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
