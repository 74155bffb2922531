"""A job: a picture, what drives it, the result, and options."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from fomm_rt.clip.animate_file import check_choices
from fomm_rt.clip.written_values import framing_of_text
from fomm_rt.errors import ImageError
from fomm_rt.faces.framing import AnyFraming, FaceFraming
from fomm_rt.media.write.output_formats import OutputSize
from fomm_rt.model.names import locate_model

State = Literal["made", "present", "failed", "not made"]


class Job(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A picture to animate.

    Attributes:
        source, driving: The inputs.
        output: The result, inside the folder of results.
        model: As in `Animator.load`; None for the model of the run.
        source_crop, driving_crop: "auto", "center", or "x,y,w,h" in pixels or %, as on the command line.
        source_fit, driving_fit: True to extend the edges to a square.
        face: Number of the face in the source from 1, or "all".
        relative, adapt_scale: As in `Animator.load`.
        further_driving, best_frame, smooth, paste_back, view, audio, start_s, duration_s, output_size, quality,
            max_pixels: As in `animate_file`.
        motion_output: The motion file, inside the folder of results.
    """

    source: str
    driving: str
    output: str
    model: str | None = None
    source_crop: str = "auto"
    source_fit: bool = False
    face: int | Literal["all"] = 1
    driving_crop: str = "auto"
    driving_fit: bool = False
    further_driving: tuple[str, ...] = ()
    relative: bool = True
    adapt_scale: bool = True
    start_s: float = 0.0
    duration_s: float | None = None
    best_frame: int | Literal["auto"] | None = None
    smooth: float = 0.0
    motion_output: str | None = None
    paste_back: bool = False
    view: Literal["result", "panel", "explain"] = "result"
    audio: bool = True
    output_size: OutputSize | None = None
    quality: int | None = None
    max_pixels: int | None = None

    def __post_init__(self) -> None:
        for name in ("source", "driving", "output", "model", "motion_output"):
            value = getattr(self, name)
            if isinstance(value, PathLike):
                msgspec.structs.force_setattr(self, name, os.fspath(value))
        further = tuple(os.fspath(each) for each in self.further_driving)
        msgspec.structs.force_setattr(self, "further_driving", further)

    @property
    def inputs(self) -> tuple[str, ...]:
        """All input files."""
        return self.source, self.driving, *self.further_driving

    @property
    def outputs(self) -> tuple[str, ...]:
        """All files to write; a pattern stands for its pictures."""
        return (self.output,) if self.motion_output is None else (self.output, self.motion_output)

    def source_framing(self) -> AnyFraming:
        """The square of the source. Raises ValueError for another text."""
        return framing_of_text(self.source_crop, 1 if self.face == "all" else self.face, self.source_fit)

    def driving_framing(self) -> AnyFraming:
        """The square of driving frames. Raises ValueError for another text."""
        return framing_of_text(self.driving_crop, 1, self.driving_fit)

    def located(self, inputs: Path, outputs: Path) -> Job:
        """The same job with absolute paths: inputs relative to one folder, outputs to another."""
        return msgspec.structs.replace(
            self,
            source=str(inputs / self.source),
            driving=str(inputs / self.driving),
            further_driving=tuple(str(inputs / each) for each in self.further_driving),
            output=str(outputs / self.output),
            motion_output=None if self.motion_output is None else str(outputs / self.motion_output),
            model=None if self.model is None else locate_model(self.model, inputs),
        )


def check_options(job: Job) -> None:
    """Checks that the options of a job go together.

    Raises:
        ValueError: They do not; the message names fields.
    """
    source = job.source_framing()
    job.driving_framing()
    try:
        check_choices(job.paste_back, job.face == "all", job.further_driving, job.view)
    except ImageError as error:
        raise ValueError(str(error)) from None
    if job.paste_back and job.source_fit:
        raise ValueError("paste_back needs a square of the source; leave out source_fit")
    if job.face != 1 and not isinstance(source, FaceFraming):
        raise ValueError("face chooses a face that is found; leave out the crop or fit of the source")
    if job.face != 1 and job.further_driving:
        raise ValueError("further_driving gives the faces drivers in their order; leave out face")


class Animated(Struct, kw_only=True):
    """What a job made; the attributes are those of `AnimationReport`, and `warnings` are sentences."""

    frames: int
    seconds: float
    width: int
    height: int
    duration_s: float | None
    reference_frame: int | None
    source_squares: tuple[tuple[int, int, int, int], ...]
    driving_square: tuple[int, int, int, int] | None
    skipped_packets: int
    missing_frames: int
    model: str
    backend: str
    device: str
    warnings: list[str]


class JobResult(Struct, kw_only=True):
    """How a job ended.

    Attributes:
        job: The job, as it was given.
        state: "made" now; "present", because an earlier run made it from the same inputs with the same options;
            "failed"; or "not made", because the run ended before.
        animated: What was made, now or earlier; None if it failed.
        error: Why it failed, in a sentence.
        attempts: How often it was tried in this run; 0 if it was not.
        where: The machine of a cluster that it ran on; None for this machine.
    """

    job: Job
    state: State
    animated: Animated | None = None
    error: str | None = None
    attempts: int = 0
    where: str | None = None


def checked_types(document: Any) -> Job:
    """Converts built-in values to a job. Raises ValueError, which names the field, for a value of another type."""
    try:
        return msgspec.convert(document, Job)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
