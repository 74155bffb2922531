"""The file that a run resumes from: a line that names the format, a SHA-256, then tensors and plain values."""

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


def save_training_state(path: Path, state: Mapping[str, Any]) -> None:
    """Writes a state; the earlier one stays until the new one is complete."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    content = buffer.getbuffer()
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n")
        file.write(content)


def load_training_state(path: Path) -> dict[str, Any]:
    """Reads a state to the CPU; nothing in the file is executed."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise TrainingError(f"{path}: expected a training state of fomm-rt. Choose another folder with -o")
            digest = file.readline().strip().decode(errors="replace")
            content = file.read()
    except OSError as error:
        raise TrainingError(
            f"{path}: the training state cannot be read ({error.strerror}). Change its permissions, or delete it to "
            "train from the start"
        ) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise TrainingError(f"{path}: the training state is damaged (wrong SHA-256). Delete it to train from the start")
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError) as error:
        raise TrainingError(
            f"{path}: the training state cannot be read ({error}). Delete it to train from the start"
        ) from error
    return state
