"""Launches of kernels, independent of the executor."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Protocol

from fomm_kernels.errors import ArrayError

BLOCK_SIZE = 256
"""Threads per block."""
LARGEST_SHARED_BYTES = 48 << 10
"""Shared memory per block that every GPU offers by default."""
LARGEST_BATCH = 65535
"""Most blocks of a grid in y."""
MOST_BLOCKS = 2**31 - 1
"""Most blocks of a grid in x."""
KERNELS = ("frame_input", "keypoint_head", "motion", "warp", "grid_sample", "prediction_output", "blended_output")
"""Names of the kernels; the code of each is in NAME.cu beside this file."""
PLUGIN_KERNELS = ("grid_sample_plugin",)
"""Names of the kernels that TensorRT launches, see `fomm_kernels.plugin`."""


@dataclass(frozen=True)
class Launch:
    """One launch with checked arguments.

    Attributes:
        kernel: One of KERNELS.
        half: True if tensors are stored as float16, false for float32.
        arguments: The kernel's structure.
        blocks: Blocks in x and y; y is the batch.
        shared_bytes: Dynamic shared memory.
    """

    kernel: str
    half: bool
    arguments: ctypes.Structure
    blocks: tuple[int, int]
    shared_bytes: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.blocks[1] <= LARGEST_BATCH:
            raise ArrayError(f"{self.kernel}: expected a batch of 1 to {LARGEST_BATCH}; got {self.blocks[1]}")
        if not 1 <= self.blocks[0] <= MOST_BLOCKS:
            raise ArrayError(
                f"{self.kernel}: expected arrays that take 1 to {MOST_BLOCKS} blocks; these take {self.blocks[0]}. "
                "Give smaller ones"
            )
        if not 0 <= self.shared_bytes <= LARGEST_SHARED_BYTES:
            raise ArrayError(
                f"{self.kernel}: expected arrays that take at most {LARGEST_SHARED_BYTES} bytes of shared memory; "
                f"these take {self.shared_bytes}. Give smaller ones"
            )


class Executor(Protocol):
    """Runs kernels: `HostKernels` on a CPU, `DeviceKernels` on a GPU."""

    @property
    def on_device(self) -> bool:
        """True if arrays must be on the GPU, false if they must be in host memory."""

    def launch(self, launch: Launch, stream: Any = None) -> None:
        """Runs a kernel; on a GPU, queues it on a stream: an int handle or an object with `__cuda_stream__`."""


def blocks_for(items: int, per_block: int) -> int:
    """Returns the number of blocks for a number of items."""
    return -(-items // per_block)
