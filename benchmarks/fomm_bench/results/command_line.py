"""The command line of a result, as its file records it: absolute paths shrink to their last part."""

from __future__ import annotations

import sys
from pathlib import Path


def command_line() -> list[str]:
    """The command line of `fomm-rt bench …`."""
    return ["fomm-rt", *map(_without_folder, sys.argv[1:])]


def script_command() -> list[str]:
    """The command line of a script in benchmarks/studies."""
    return ["python", f"benchmarks/studies/{Path(sys.argv[0]).name}", *map(_without_folder, sys.argv[1:])]


def _without_folder(argument: str) -> str:
    """/a/b -> b; openvino=/a/b -> openvino=b; others unchanged."""
    name, equals, value = argument.rpartition("=")
    return f"{name}{equals}{Path(value).name}" if Path(value).is_absolute() else argument
