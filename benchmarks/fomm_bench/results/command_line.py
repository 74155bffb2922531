"""The command that made a result, as it stands in its file."""

from __future__ import annotations

import sys
from pathlib import Path


def command_line() -> list[str]:
    """Of `fomm-rt bench …`."""
    return ["fomm-rt", *_arguments()]


def script_command() -> list[str]:
    """The command of a script in benchmarks/studies."""
    return ["python", f"benchmarks/studies/{Path(sys.argv[0]).name}", *_arguments()]


def _arguments() -> list[str]:
    """Absolute paths by their last part: results are shown around."""
    return [_without_folder(part) for part in sys.argv[1:]]


def _without_folder(part: str) -> str:
    """Of /a/b, b; of openvino=/a/b, openvino=b; others as they are."""
    name, equals, value = part.rpartition("=")
    return f"{name}{equals}{Path(value).name}" if Path(value).is_absolute() else part
