"""The project's own checkpoints: safetensors with the published tensor names, and a configuration beside each.

Tensors are named `kp_detector.…` and `generator.…`. Convolution weights are stored as float16, all others as float32;
the networks compute in float32. The header names the checkpoint, which tells `fomm-rt export` its configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from fomm_export.checkpoints.own_names import OWN_NAMES
from fomm_rt.files.staging import replacing

ORIGIN = "fomm-rt"


def save_own_checkpoint(
    path: Path,
    kp_detector: Mapping[str, Tensor],
    generator: Mapping[str, Tensor],
    *,
    name: str,
    step: int | None = None,
) -> None:
    """Writes weights, with the training step they are of; an earlier file is replaced only by a complete new one.

    Raises:
        OutputError: The file cannot be written.
    """
    tensors = {
        f"{part}.{tensor_name}": (tensor.half() if tensor.ndim == 4 else tensor).contiguous()
        for part, weights in (("kp_detector", kp_detector), ("generator", generator))
        for tensor_name, tensor in weights.items()
        if tensor.is_floating_point()
    }
    metadata = {"origin": ORIGIN, "name": name} | ({} if step is None else {"step": str(step)})
    content = safetensors.torch.save(tensors, metadata=metadata)
    with replacing(path) as staged:
        staged.write_bytes(content)


def own_checkpoint_name(path: Path) -> str | None:
    """The name in a checkpoint's header if it is one of OWN_NAMES; None for all other files."""
    metadata = _header(path)
    name = metadata.get("name")
    return name if metadata.get("origin") == ORIGIN and name in OWN_NAMES else None


def trained_steps(path: Path, name: str) -> int:
    """The training step in the header of a checkpoint of that name; 0 in all other files."""
    metadata = _header(path)
    step = metadata.get("step", "")
    ours = metadata.get("origin") == ORIGIN and metadata.get("name") == name
    return int(step) if ours and step.isdecimal() else 0


def _header(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError):
        return {}
