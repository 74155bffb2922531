"""Peak memory of processes, on the host and on an NVIDIA GPU."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from fomm_bench.machine import nvidia_smi


def peak_bytes_of(process: int) -> int | None:
    """The largest resident set of a process so far; None if it is gone, or the system is not Linux.

    This is VmHWM: psutil 6 reports no peak on Linux, and getrusage includes the parent's memory at the fork.
    """
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return None if found is None else int(found[1]) * 1024


def peak_host_bytes() -> int:
    """The largest resident set of this process so far."""
    if (peak := peak_bytes_of(os.getpid())) is not None:
        return peak
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def device_bytes() -> int | None:
    """GPU memory of this process according to the driver, or reserved by PyTorch; None if neither knows."""
    used = [row[1] for row in nvidia_smi.query("compute-apps", "pid,used_memory") if row[0] == str(os.getpid())]
    if used and all(mib.isdigit() for mib in used):
        return sum(map(int, used)) << 20
    # In a container the driver knows the process by another id.
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_reserved())
    return None
