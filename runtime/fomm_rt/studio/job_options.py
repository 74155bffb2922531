"""The options of a job, as clients send them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from fomm_rt.media.write.output_formats import LARGEST, SMALLEST, OutputSize

View = Literal["result", "panel", "explain"]
Square = tuple[
    Annotated[int, Meta(ge=0, le=1_000_000)],
    Annotated[int, Meta(ge=0, le=1_000_000)],
    Annotated[int, Meta(ge=1, le=1_000_000)],
]
"""x, y and side in pixels."""

_Share = Annotated[float, Meta(ge=0, le=1)]
_Seconds = Annotated[float, Meta(ge=0, lt=1e9)]
_PositiveSeconds = Annotated[float, Meta(gt=0, lt=1e9)]
_FrameNumber = Annotated[int, Meta(ge=0, lt=10**9)]


class JobOptions(Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The options of a job.

    Attributes:
        model: Name of an installed model; the server's default if None.
        relative, adapt_scale, best_frame, smooth, paste_back, start_s, duration_s, output_size, quality, audio, view:
            As in `animate_file`.
        source_square, driving_square: The square to use; by default the one around the face.
        face: Number of the face in the source, from 1.
    """

    model: str | None = None
    relative: bool = True
    adapt_scale: bool = True
    best_frame: Literal["auto"] | _FrameNumber | None = None
    source_square: Square | None = None
    driving_square: Square | None = None
    smooth: _Share = 0.0
    paste_back: bool = False
    face: Annotated[int, Meta(ge=1, le=9999)] = 1
    start_s: _Seconds = 0.0
    duration_s: _PositiveSeconds | None = None
    output_size: OutputSize | None = None
    quality: Annotated[int, Meta(ge=0, le=100)] | None = None
    view: View = "result"
    audio: bool = True

    def __post_init__(self) -> None:
        # Not by Meta: msgspec 0.23 crashes on constraints in a union with a tuple.
        size = self.output_size
        sides = size if isinstance(size, tuple) else () if size is None else (size,)
        if not all(SMALLEST <= side <= LARGEST for side in sides):
            raise ValueError(f"expected an output_size from {SMALLEST} to {LARGEST} pixels; got {size}")
