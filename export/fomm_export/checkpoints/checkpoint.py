"""Reads weights from a PyTorch checkpoint or a safetensors file without executing anything in it.

A published checkpoint is a pickled dict with `generator` and `kp_detector`; training adds `discriminator`,
`optimizer_*` and `epoch_*`. Its name ends in ".pth.tar", but it is not a tar archive.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from fomm_export.checkpoints.own import own_checkpoint_name
from fomm_export.checkpoints.published import PublishedCheckpoint, by_file_name, recognise
from fomm_rt.errors import CheckpointError
from fomm_rt.model.folder import sha256_of

PARTS = ("kp_detector", "generator")
TAR_MAGIC_OFFSET = 257


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
    """Reads `kp_detector` and `generator` from a checkpoint, without the prefix `module.` that DataParallel adds.

    Raises:
        CheckpointError: Not a checkpoint, damaged, or a pickle that calls functions.
    """
    path = Path(path)
    head = _read_head(path)
    _refuse_other_files(path, head)
    sha256 = sha256_of(path)
    is_safetensors = _looks_like_safetensors(head)
    document = _read_safetensors(path) if is_safetensors else _read_pickled(path)
    kp_detector, generator = (_part(path, document, part) for part in PARTS)
    own = own_checkpoint_name(path) if is_safetensors else None
    return Checkpoint(path, sha256, recognise(sha256), own, kp_detector, generator)


def _read_head(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise CheckpointError(
                f"{path}: expected a checkpoint file; it is a folder. Do not unpack a .pth.tar; give the file itself"
            )
        if path.exists() and not path.is_file():
            raise CheckpointError(f"{path}: expected a checkpoint file; it is a device or pipe")
        with path.open("rb") as file:
            head = file.read(512)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: there is no such file; give the path of a checkpoint") from error
    except PermissionError as error:
        raise CheckpointError(f"{path}: no permission to read it; change its mode or copy the file") from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    if not head:
        raise CheckpointError(f"{path}: the file is empty; download it again")
    return head


def _refuse_other_files(path: Path, head: bytes) -> None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise CheckpointError(
            f"{path}: expected a checkpoint; it is a web page, probably a download page that asks for confirmation. "
            "Download the file again in a browser and verify its SHA-256"
        )
    if head[TAR_MAGIC_OFFSET : TAR_MAGIC_OFFSET + 5] == b"ustar":
        raise CheckpointError(
            f"{path}: expected a PyTorch checkpoint; it is a tar archive. Published .pth.tar files are not archives "
            "despite their name. Download the original, or unpack this one and give the file inside"
        )
    if head.startswith((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")):
        raise CheckpointError(
            f"{path}: expected a PyTorch checkpoint; it is a compressed archive. Unpack it and give the file inside"
        )


def _looks_like_safetensors(head: bytes) -> bool:
    return len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100_000_000


def _read_safetensors(path: Path) -> dict[str, dict[str, Tensor]]:
    try:
        tensors = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: a damaged or truncated safetensors file ({error}){_size_note(path)}; download it again"
        ) from error
    document: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        part, _, rest = name.removeprefix("module.").partition(".")
        document.setdefault(part, {})[rest] = tensor
    return document


def _read_pickled(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about files older than its zip format
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL (\S+)", str(error))  # the pickle opcode that names a function
        if refused:
            raise CheckpointError(
                f"{path}: expected only tensors and plain values; loading this file would call {refused[1]}, so it is "
                "refused and nothing was executed. Download it from its original source and verify its SHA-256, or "
                "save only its tensors, for example as safetensors"
            ) from error
        raise _damaged(path) from error
    # torch raises a different exception depending on where a damaged file breaks off.
    except (EOFError, RuntimeError, ValueError, KeyError, IndexError, AttributeError, TypeError, OSError,
            UnicodeDecodeError, OverflowError) as error:  # fmt: skip
        raise _damaged(path) from error


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path}: expected a PyTorch checkpoint or safetensors; the file is truncated, of another kind, or holds other "
        f"objects than tensors{_size_note(path)}. Nothing in it was executed; download it again"
    )


def _size_note(path: Path) -> str:
    known = by_file_name(path.name)
    size = path.stat().st_size
    if known is None or known.size_bytes in (None, size):
        return f" ({size} bytes)"
    return f" ({size} bytes; the published {known.file_name} has {known.size_bytes})"


def _part(path: Path, document: Any, part: str) -> dict[str, Tensor]:
    if not isinstance(document, Mapping):
        raise CheckpointError(f"{path}: expected a dict with {' and '.join(PARTS)}; found a {type(document).__name__}")
    tensors = document.get(part)
    if not isinstance(tensors, Mapping) or not tensors:
        found = ", ".join(sorted(str(key) for key in document)[:8]) or "nothing"
        raise CheckpointError(
            f"{path}: expected a First Order Motion Model checkpoint with {' and '.join(PARTS)}; "
            f"{part} is missing (found: {found})"
        )
    result = {}
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise CheckpointError(f"{path}: {part}.{name} is not a tensor; the file is damaged")
        result[name.removeprefix("module.")] = tensor
    return result
