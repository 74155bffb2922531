"""What may be asked of a backend when it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Wishes; a backend that cannot fulfil one of them is not opened.

    Attributes:
        threads: CPU threads within a network; the backend's own choice by default.
        precision: One of PRECISIONS; the backend's own choice, its first, by default.
        engines: Folder of the engine store; the user's by default.
        auto_build: Whether to build engines where there are none that fit, which takes minutes.
    """

    threads: int | None = None
    precision: str | None = None
    engines: Path | None = None
    auto_build: bool = False


DEFAULTS = Options()
