"""Reads weights from a PyTorch checkpoint or a safetensors file without executing anything in it.

A published checkpoint is a pickled dict with `generator` and `kp_detector`; training adds `discriminator`,
`optimizer_*` and `epoch_*`. Its name ends in ".pth.tar", but it is not a tar archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from fomm_export.checkpoints.file_kind import Kind, kind_of
from fomm_export.checkpoints.own import own_checkpoint_name
from fomm_export.checkpoints.parts import find_parts
from fomm_export.checkpoints.pickled import UnreadableError, is_paddle, read_pickled
from fomm_export.checkpoints.published import PublishedCheckpoint, by_file_name, recognise
from fomm_rt.errors import CheckpointError, first_line
from fomm_rt.model.folder import sha256_of


@dataclass(frozen=True)
class Checkpoint:
    """The weights of one file and their origin.

    Attributes:
        path: The file.
        sha256: Of its content, hexadecimal.
        published: The published file with this SHA-256, or None.
        own: Name of the project's own checkpoint in this file, or None.
        kp_detector, generator: Published tensor names -> tensors, on the CPU.
    """

    path: Path
    sha256: str
    published: PublishedCheckpoint | None
    own: str | None
    kp_detector: dict[str, Tensor]
    generator: dict[str, Tensor]


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Reads the tensors of `kp_detector` and `generator` under their published names.

    Other ways of saving them are understood as well, see `fomm_export.checkpoints.parts`.

    Raises:
        CheckpointError: Not a checkpoint, damaged, of another model, or a pickle that calls functions.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind is Kind.PICKLED and is_paddle(path):
        raise CheckpointError(
            f"{path}: expected a PyTorch checkpoint; it is one of PaddlePaddle, whose tensors have other names. "
            "Use the PyTorch checkpoint of the same model"
        )
    document = _read_safetensors(path) if kind is Kind.SAFETENSORS else _read_pickled(path, kind)
    parts = find_parts(path, document)
    own = own_checkpoint_name(path) if kind is Kind.SAFETENSORS else None
    sha256 = sha256_of(path)
    return Checkpoint(path, sha256, recognise(sha256), own, **parts)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except Exception as error:  # also AttributeError and KeyError for dtypes that this version does not know
        raise CheckpointError(
            f"{path}: a damaged or truncated safetensors file ({first_line(error)[:200]}){_size_note(path)}; "
            "download it again"
        ) from error


def _read_pickled(path: Path, kind: Kind) -> Any:
    try:
        return read_pickled(path, kind)
    except UnreadableError as error:
        what = str(error) or "is truncated, damaged, or holds other objects than tensors"
        raise CheckpointError(
            f"{path}: expected a PyTorch checkpoint or safetensors; the file {what}{_size_note(path)}. Nothing in it "
            "was executed; download it again"
        ) from error


def _size_note(path: Path) -> str:
    known = by_file_name(path.name)
    size = path.stat().st_size
    if known is None or known.size_bytes in (None, size):
        return f" ({size} bytes)"
    return f" ({size} bytes; the published {known.file_name} has {known.size_bytes})"
