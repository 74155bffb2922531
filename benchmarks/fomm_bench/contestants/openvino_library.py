"""OpenVINO without its telemetry; this is the only place that imports it.

Importing OpenVINO starts its package `openvino_telemetry`, which keeps an id in the home folder and sends an event
unless the user has refused. No variable prevents it, but OpenVINO runs without the package if it cannot be imported.
"""

import sys
from contextlib import suppress
from pathlib import Path

CONSENT = Path("intel", "openvino_telemetry")
"""The user's own decision, below the home folder, as `opt_in_out` writes it: 1 or 0."""


def _has_agreed() -> bool:
    with suppress(OSError, RuntimeError):  # no such file, no home folder
        return (Path.home() / CONSENT).read_text(encoding="utf-8").strip() == "1"
    return False


if not _has_agreed():
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402  (the package must be hidden before)

__all__ = ["openvino"]
