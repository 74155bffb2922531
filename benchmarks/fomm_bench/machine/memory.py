"""Peak memory of this process, on the host and on an NVIDIA GPU."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

NVIDIA_SMI = ("nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits")


def peak_host_bytes() -> int:
    """The largest resident set so far.

    What getrusage calls that counts the parent's memory at the moment of starting, too; Linux's VmHWM does not.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass  # not Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def device_bytes() -> int | None:
    """GPU memory of this process as the driver sees it, or what PyTorch has reserved; None without either.

    Unexecuted where there is a GPU: written without one.
    """
    try:
        answer = subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=10, check=True).stdout
        used = [int(line.split(",")[1]) for line in answer.splitlines() if int(line.split(",")[0]) == os.getpid()]
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        used = []
    if used:
        return sum(used) << 20
    # Within a container the driver knows the process by another number.
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_reserved())
    return None
