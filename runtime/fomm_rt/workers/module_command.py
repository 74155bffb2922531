"""The command line of a process that runs a module of this project."""

from __future__ import annotations

import sys

_CODE = "import sys; sys.path[:] = filter(None, sys.path); from {} import main; main()"
"""Unlike `python -m`, it does not look for modules in the current folder, which may be a stranger's."""


def module_command(module: str, *arguments: str) -> list[str]:
    """A command that calls the function `main` of a module."""
    return [sys.executable, "-c", _CODE.format(module), *arguments]
