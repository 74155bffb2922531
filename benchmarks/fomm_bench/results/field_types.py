"""Field types of a results file. msgspec checks them when it reads one."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

_INVISIBLE = r"\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
Label = Annotated[str, Meta(pattern=rf"^[^{_INVISIBLE}]+\Z")]
"""One line of visible text; tables and charts show it."""

Count = Annotated[int, Meta(ge=1, le=1 << 30)]
FrameCount = Annotated[int, Meta(ge=0, le=1 << 20)]
Bytes = Annotated[int, Meta(ge=0, le=1 << 50)]
Levels = Annotated[int, Meta(ge=0, le=255)]
Decibels = Annotated[float, Meta(ge=-1000, le=1000)]
Milliseconds = Annotated[float, Meta(ge=1e-6, le=1e12)]
Duration = Annotated[float, Meta(ge=0, le=1e12)]
"""Unlike a latency, a stage or a build may take no time."""
Rate = Annotated[float, Meta(ge=1e-6, le=1e12)]
BatchSize = Annotated[int, Meta(ge=1, le=256)]


class Record(Struct, forbid_unknown_fields=True):
    """A JSON object; unknown fields are errors."""
