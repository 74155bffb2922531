"""Checks before long work: free disk and free memory."""

import shutil
from pathlib import Path

from fomm_rt.errors import OutputError, TrainingError

SPARE_BYTES = 1 << 30
"""Left free on the disk besides what a run writes."""


def check_disk(folder: Path, needed_bytes: int) -> None:
    """Raises OutputError unless the folder's disk has room for `needed_bytes` and SPARE_BYTES."""
    free = shutil.disk_usage(folder).free
    if needed_bytes and free < needed_bytes + SPARE_BYTES:
        raise OutputError(
            f"{folder}: expected {(needed_bytes + SPARE_BYTES) / 1e9:.1f} GB of free disk; found {free / 1e9:.1f} GB. "
            "Free some or choose another folder with -o"
        )


def check_memory(needed_bytes: int) -> None:
    """Raises TrainingError if Linux reports less available memory; passes where it cannot be read."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return
    if available < needed_bytes:
        raise TrainingError(
            f"expected {needed_bytes / 1e9:.1f} GB of available memory; found {available / 1e9:.1f} GB. "
            "Close other programs or train on a larger machine"
        )
