"""Names and options with which a backend is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from fomm_rt.model.precision import Precision

BackendName = Literal["auto", "cpu", "cuda", "tensorrt", "tensorrt-rtx", "onnxruntime-cuda", "onnxruntime-cpu"]
"""A backend; or the fastest that runs on this machine ("auto"), on its CPU or on its NVIDIA GPU."""

ALIASES: tuple[BackendName, ...] = get_args(BackendName)[:3]
"""Names that stand for the fastest of several backends."""

BACKENDS: tuple[BackendName, ...] = get_args(BackendName)[3:]
"""Every backend, fastest first, in the order of `registry.REGISTRY`."""


@dataclass(frozen=True)
class Options:
    """Requested options. A backend that does not support one of them is not opened.

    Attributes:
        threads: CPU threads within a network; the backend's default if None.
        precision: The first of the backend's precisions if None.
        engines: Folder of the engine store; the user's if None.
        auto_build: True to build missing engines, which takes minutes.
    """

    threads: int | None = None
    precision: Precision | None = None
    engines: Path | None = None
    auto_build: bool = False


DEFAULTS = Options()
