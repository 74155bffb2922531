"""All drawn groups at once in the memory of a device, for one that would wait for files."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fomm_export.training.drawn_groups import DrawnGroup, GroupFolder, Progress


class GroupTensors:
    """The groups of a folder; see `fomm_export.training.batches.Groups`. 3.6 MB a group of 256×256 frames.

    Args:
        folder: All of it is read, once.
        device: Where the tensors are. Only on a CPU has this been executed so far.
        progress: Told how far reading is.

    Raises:
        TrainingError: A group is missing or damaged.
    """

    def __init__(self, folder: GroupFolder, device: torch.device, progress: Progress) -> None:
        self._tensors: dict[str, Tensor] = {}
        self._groups = len(folder)
        for index in range(self._groups):
            group = folder[index]
            for field in fields(DrawnGroup):
                array = torch.from_numpy(getattr(group, field.name))
                if index == 0:
                    self._tensors[field.name] = torch.empty(
                        (self._groups, *array.shape), dtype=array.dtype, device=device
                    )
                self._tensors[field.name][index] = array
            progress("reading faces", index + 1, self._groups)

    def __len__(self) -> int:
        return self._groups

    def pick(
        self, groups: NDArray[np.int64], identities: NDArray[np.int64], poses: NDArray[np.int64]
    ) -> dict[str, Tensor]:
        """See `fomm_export.training.batches.Groups`."""
        device = self._tensors["frames"].device
        place = (
            torch.from_numpy(groups).to(device)[:, None, None],
            torch.from_numpy(identities).to(device)[:, :, None],
            torch.from_numpy(poses).to(device)[:, None, :],
        )
        return {name: tensor[place].flatten(0, 2) for name, tensor in self._tensors.items()}
