"""The file that an interrupted run goes on from: a line that names the format, a checksum, tensors and plain values."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from fomm_rt.errors import TrainingError
from fomm_rt.files.staging import replacing

MAGIC = b"fomm-rt training state 1\n"
DIGEST_BYTES = 64


def save_training_state(path: Path, state: Mapping[str, Any]) -> None:
    """Writes a state; an earlier one stays until the new one is whole.

    Raises:
        OutputError: It cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    content = buffer.getbuffer()
    digest = hashlib.sha256(content).hexdigest().encode()
    with replacing(path) as staged, staged.open("wb") as file:
        file.write(MAGIC + digest + b"\n")
        file.write(content)


def load_training_state(path: Path) -> dict[str, Any]:
    """Reads a state back, to the CPU; nothing in it is executed.

    Raises:
        TrainingError: Not a training state, or a damaged one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TrainingError(
            f"{path}: the training state cannot be read ({error.strerror}); change its permissions, or delete it to "
            "train from the start"
        ) from error
    start = len(MAGIC) + DIGEST_BYTES + 1
    if not content.startswith(MAGIC):
        raise TrainingError(f"{path}: expected a training state of fomm-rt; it is another file. Choose another folder")
    digest = content[len(MAGIC) : start - 1].decode(errors="replace")
    if hashlib.sha256(memoryview(content)[start:]).hexdigest() != digest:
        raise TrainingError(
            f"{path}: the training state is damaged (its checksum does not fit its content); "
            "delete it to train from the start"
        )
    try:
        state = torch.load(io.BytesIO(content[start:]), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError) as error:
        raise TrainingError(f"{path}: the training state cannot be read ({error}); delete it to train anew") from error
    if not isinstance(state, dict):
        raise TrainingError(
            f"{path}: the training state holds a {type(state).__name__} instead of a dict; delete it to train anew"
        )
    return state
