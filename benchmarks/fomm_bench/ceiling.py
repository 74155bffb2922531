"""What this machine can do at most: a large matrix product and a large copy, measured.

By PyTorch where it is installed, else by NumPy. A figure is the best of its runs: what disturbs only ever slows down.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np

SIDE = 1536
"""Of the matrices on a CPU: large enough for its best rate, done in a fraction of a second."""
GPU_SIDE = 8192
COPY_BYTES = 1 << 28
GPU_COPY_BYTES = 1 << 31
RUNS = 8


def measure_ceiling() -> dict[str, Any]:
    """Measures this process's machine.

    Returns:
        "library"; "cpu" and, where PyTorch finds a GPU, "cuda" (unexecuted: written without one), each with
        "gmac_per_s" by precision and "copy_gb_per_s", bytes read and written.
    """
    if find_spec("torch") is None:
        return {"library": f"NumPy {np.__version__}", "cpu": _numpy()}
    import torch

    found: dict[str, Any] = {"library": f"PyTorch {torch.__version__}", "cpu": _torch("cpu")}
    if torch.cuda.is_available():
        found["cuda"] = _torch("cuda")
    return found


def _numpy() -> dict[str, Any]:
    a = np.ones((SIDE, SIDE), np.float32)
    source = np.ones(COPY_BYTES // 4, np.float32)
    target = np.empty_like(source)
    out = np.empty_like(a)
    return {
        "gmac_per_s": {"fp32": SIDE**3 / _best_seconds(lambda: np.matmul(a, a, out=out)) / 1e9},
        "copy_gb_per_s": 2 * source.nbytes / _best_seconds(lambda: np.copyto(target, source)) / 1e9,
    }


def _torch(device: str) -> dict[str, Any]:
    import torch

    on_gpu = device == "cuda"
    torch.backends.cuda.matmul.allow_tf32 = False
    wait: Callable[[], object] = torch.cuda.synchronize if on_gpu else lambda: None
    side, size = (GPU_SIDE, GPU_COPY_BYTES) if on_gpu else (SIDE, COPY_BYTES)
    rates = {}
    for precision, dtype in (("fp32", torch.float32), ("fp16", torch.float16))[: 1 + on_gpu]:
        a, out = torch.ones(2, side, side, dtype=dtype, device=device).unbind()

        def multiply(a: torch.Tensor = a, out: torch.Tensor = out) -> None:
            torch.mm(a, a, out=out)
            wait()

        rates[precision] = side**3 / _best_seconds(multiply) / 1e9
    source, target = torch.ones(2, size // 4, device=device).unbind()

    def copy() -> None:
        target.copy_(source)
        wait()

    return {"gmac_per_s": rates, "copy_gb_per_s": 2 * size / _best_seconds(copy) / 1e9}


def _best_seconds(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(RUNS):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return min(times)
