"""What a program and its worker processes say to each other, one message a line of JSON.

A worker gets tasks, each with a number, and answers each with `Done` or `Failed` of this number. Meanwhile it sends
`Progress` and others.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

Cause = Literal["crashed", "disk_full", "no_memory"]


class LoadOptions(Struct, frozen=True):
    """What `Animator.load` gets; the model is a name, an absolute path, or None for the bundled one."""

    model: str | None
    backend: str = "auto"
    precision: str | None = None
    engines: str | None = None
    threads: int | None = None
    auto_build: bool = False


class Task(Struct, kw_only=True):
    """Something for a worker to do.

    Attributes:
        number: Of the task.
        names: Path of a file -> the name that the user knows it by, for messages.
    """

    number: int = 0
    names: dict[str, str] = {}


class Cancel(Struct, tag=True):
    """Ends a task, which then fails with `is_cancelled`."""

    number: int


class BackendInfo(Struct):
    """What runs a model, and why."""

    name: str
    device: str
    reason: str


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
        cause: Why, if it is one that programs tell their users in their own words.
        is_defect: True if it is not the user's fault, but the program's.
        is_cancelled: True if it was ended on demand.
    """

    number: int
    error: str
    cause: Cause | None = None
    is_defect: bool = False
    is_cancelled: bool = False


Report = Progress | Preview | Loaded | Done | Failed
