"""The message for an exception that fomm-rt does not raise on purpose."""

from __future__ import annotations

import traceback
from pathlib import Path

from fomm_rt.machine.packages import project_address
from fomm_rt.version import __version__


def describe_defect(error: Exception) -> str:
    """Names the exception and where it was raised, and asks for a report to the project's address."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    address = project_address()
    return (
        f"this is a defect in fomm-rt {__version__}: {type(error).__name__}: {error}{where}. Please report it"
        f"{f' at {address}' if address else ''}, with the command you ran and what it prints with -v"
    )
