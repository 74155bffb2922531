"""How a kernel is asked for, whoever runs it."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Protocol

from fomm_kernels.errors import ArrayError

BLOCK_SIZE = 256
"""Threads of a block."""
LARGEST_SHARED_BYTES = 48 << 10
"""What every GPU gives a block without being asked."""
LARGEST_BATCH = 65535
"""What a grid may have of blocks in y."""
MOST_BLOCKS = 2**31 - 1
"""What it may have in x."""
KERNELS = ("frame_input", "keypoint_head", "motion", "warp", "grid_sample", "prediction_output")
"""Names of the kernels; NAME.cu beside this file holds the code of each."""
PLUGIN_KERNELS = ("grid_sample_plugin",)
"""Likewise of those that no executor launches, but TensorRT: see `fomm_kernels.plugin`."""


@dataclass(frozen=True)
class Launch:
    """One launch, its arguments checked.

    Attributes:
        kernel: One of KERNELS.
        half: Whether tensors are stored as float16; else float32.
        arguments: The kernel's structure.
        blocks: In x and y; y is the batch.
        shared_bytes: Of dynamic shared memory.
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
        """Where arrays have to lie: on the GPU, or in ordinary memory."""

    def launch(self, launch: Launch, stream: Any = None) -> None:
        """Runs a kernel; on a GPU it is queued on a stream: an int handle or an object with `__cuda_stream__`."""


def blocks_for(items: int, per_block: int) -> int:
    """Blocks that so many items take."""
    return -(-items // per_block)
