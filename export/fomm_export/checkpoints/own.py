"""The project's own checkpoint: safetensors with the published tensor names, and the configuration beside it.

Tensors are named `kp_detector.…` and `generator.…`. Convolution weights are kept as float16, all else as float32; the
networks compute in float32. The header names the checkpoint, so that `fomm-rt export` knows its configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from fomm_export.checkpoints.configuration import OWN_NAMES
from fomm_rt.files.staging import StagedOutput, reporting_failures

ORIGIN = "fomm-rt"


def save_own_checkpoint(
    path: Path, kp_detector: Mapping[str, Tensor], generator: Mapping[str, Tensor], *, name: str
) -> None:
    """Writes weights; an earlier file stays until the new one is whole.

    Raises:
        OutputError: It cannot be written.
    """
    tensors = {
        f"{part}.{tensor_name}": (tensor.half() if tensor.ndim == 4 else tensor).contiguous()
        for part, weights in (("kp_detector", kp_detector), ("generator", generator))
        for tensor_name, tensor in weights.items()
        if tensor.is_floating_point()
    }
    content = safetensors.torch.save(tensors, metadata={"origin": ORIGIN, "name": name})
    with StagedOutput(path) as staged:
        with reporting_failures(path):
            staged.path.write_bytes(content)
        staged.commit()


def own_checkpoint_name(path: Path) -> str | None:
    """The name of a checkpoint of this project, as its header says; None for a file of other origin."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError):
        return None
    name = metadata.get("name")
    return name if metadata.get("origin") == ORIGIN and name in OWN_NAMES else None
