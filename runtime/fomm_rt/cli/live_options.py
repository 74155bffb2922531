"""The parsed options of `fomm-rt live`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fomm_rt.backends.options import BackendName
from fomm_rt.files.overwriting import Overwrite
from fomm_rt.live.controls.state import OnNoFace
from fomm_rt.model.precision import Precision


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Where results go; sizes are (width, height) in pixels."""

    window: bool
    virtual_camera: str | None
    record: Path | None
    microphone: str | None
    raw: bool
    size: tuple[int, int]
    mirror: bool
    snapshots: Path
    overwrite: Overwrite


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """The options of the command, parsed."""

    camera: str | None
    camera_size: tuple[int, int] | None
    camera_fps: float | None
    loop: bool
    avatars: tuple[Path, ...]
    avatar: int
    model: str | None
    backend: BackendName
    precision: Precision | None
    engines: Path | None
    threads: int | None
    relative: bool
    adapt_scale: bool
    smoothing: float
    follow_face: bool
    on_no_face: OnNoFace
    duration_s: float | None
    outputs: OutputOptions
