"""All drawn groups at once in the memory of a device, for one that would wait for files."""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor

from fomm_rt.errors import TrainingError
from fomm_train.data.drawn_groups import DrawnGroup, GroupFolder, Index, Progress


class GroupTensors:
    """The groups of a folder; see `fomm_train.data.batches.Groups`. 3.6 MB a group of 256×256 frames.

    Args:
        folder: All of it is read, once.
        device: Where the tensors are. Only on a CPU has this been executed so far.
        progress: Told how far reading is.

    Raises:
        TrainingError: A group is missing or damaged, or the device has too little memory.
    """

    def __init__(self, folder: GroupFolder, device: torch.device, progress: Progress) -> None:
        self._tensors: dict[str, Tensor] = {}
        self._groups = len(folder)
        for index in range(self._groups):
            group = folder[index]
            for field in fields(DrawnGroup):
                array = torch.from_numpy(getattr(group, field.name))
                if index == 0:
                    self._tensors[field.name] = _empty((self._groups, *array.shape), array.dtype, device)
                self._tensors[field.name][index] = array
            progress("reading faces", index + 1, self._groups)

    def __len__(self) -> int:
        return self._groups

    def pick(self, groups: Index, identities: Index, poses: Index) -> dict[str, Tensor]:
        """See `fomm_train.data.batches.Groups`."""
        device = self._tensors["frames"].device
        place = (
            torch.from_numpy(groups).to(device)[:, None, None],
            torch.from_numpy(identities).to(device)[:, :, None],
            torch.from_numpy(poses).to(device)[:, None, :],
        )
        return {name: tensor[place].flatten(0, 2) for name, tensor in self._tensors.items()}


def _empty(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    try:
        return torch.empty(shape, dtype=dtype, device=device)
    except torch.OutOfMemoryError as error:
        needed = torch.Size(shape).numel() * dtype.itemsize
        raise TrainingError(
            f"{device}: {needed / 1e9:.1f} GB of free memory are needed for the drawn faces; free some, "
            "or train with --device cpu"
        ) from error
