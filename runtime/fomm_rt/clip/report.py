"""The report of `animate_file`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.framing import Framing

Square = tuple[int, int, int, int]
"""x, y, width and height in pixels."""


@dataclass(frozen=True)
class AnimationReport:
    """The report of `animate_file`.

    Attributes:
        output: The result.
        frames: Frames in the result, one for every driving frame.
        seconds: Wall-clock time from the first frame read to the finished result.
        fps: frames / seconds.
        start_s: Where the part of the driving file that was used begins, in seconds from the start of the file.
        duration_s: Seconds that the result plays; None if the driving file does not say.
        width, height: Size of its frames in pixels.
        quality: The quality that was asked for; None for the default.
        source_squares: (x, y, width, height) of every part of the source that is animated, in pixels; squares, unless
            the source is fitted.
        driving_square: The same of the driving frames; None for a motion file.
        driving_faces: Driving frames in which the face was looked for and found; None if it was not looked for.
        reference_frame: Number of the driving frame that relative motion counts from, from 0 at the start of the part;
            None in absolute mode.
        skipped_packets: Broken packets of the driving video.
        missing_frames: Approximate number of frames that a damaged driving video declares but does not hold; 0 if
            unknown.
        left_out: Parts of the driving file that the result lacks, such as "subtitles"; warnings say why.
        stage_s: Seconds that each stage was busy. "decode" and "encode" overlap the others; "networks", "drawing" (of
            a view) and "waiting" (for decoder or encoder) make up most of `seconds`.
        model: Name of the model.
        backend: The backend that ran it, on what device, and why.
    """

    output: Path
    frames: int
    seconds: float
    fps: float
    start_s: float
    duration_s: float | None
    width: int
    height: int
    quality: int | None
    source_squares: tuple[Square, ...]
    driving_square: Square | None
    driving_faces: tuple[int, int] | None
    reference_frame: int | None
    skipped_packets: int
    missing_frames: int
    left_out: tuple[str, ...]
    stage_s: dict[str, float]
    model: str
    backend: BackendDescription


def square_of(framing: Framing, height: int, width: int, reduction: int = 1) -> Square:
    """The part of a picture of this size that a framing uses; a square unless it fits.

    For a reduced picture, it is given in pixels of the original picture.
    """
    region = framing.region(height, width)
    return reduction * region.x, reduction * region.y, reduction * region.width, reduction * region.height


def in_words(squares: Sequence[Square]) -> str:
    """A phrase such as "square 10,20,30,30"."""
    noun = "square" if all(width == height for _, _, width, height in squares) else "part"
    return f"{noun}{'s' * (len(squares) > 1)} {' and '.join(','.join(map(str, square)) for square in squares)}"
