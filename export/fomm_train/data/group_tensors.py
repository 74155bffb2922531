"""Groups of frames in the memory of a device, which would otherwise wait for files."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fomm_rt.errors import TrainingError
from fomm_train.data.frame_group import BETWEEN_POSES, FIELDS, FrameGroup, Index, Progress
from fomm_train.data.group_folder import GroupFolder
from fomm_train.data.group_mix import GroupMix


class GroupTensors:
    """Reads all groups into tensors on a device; a group of 256×256 frames takes 3.6 MB."""

    def __init__(
        self, folders: Sequence[Sequence[FrameGroup] | GroupFolder], device: torch.device, progress: Progress
    ) -> None:
        self._groups = sum(len(folder) for folder in folders)
        self._tensors: dict[str, Tensor] = {}
        number = 0
        for folder in folders:
            for index in range(len(folder)):
                group = folder[index]
                for name in FIELDS:
                    array = torch.from_numpy(getattr(group, name))
                    if number == 0:
                        self._tensors[name] = _empty((self._groups, *array.shape), array.dtype, device)
                    self._tensors[name][number] = array
                number += 1
                progress("reading groups", number, self._groups)

    def __len__(self) -> int:
        return self._groups

    def pick(self, groups: Index, identities: Index, poses: Index) -> dict[str, Tensor]:
        """The frames that `GroupFolder.pick` gives, on the device."""
        device = self._tensors["frames"].device
        places = (groups[:, None, None], identities[:, :, None], poses[:, None, :])
        place = tuple(torch.from_numpy(indices).to(device) for indices in places)
        between = (*(index[..., None] for index in place), place[2][:, :, None, :])
        return {
            name: tensor[between if name in BETWEEN_POSES else place].flatten(0, 2)
            for name, tensor in self._tensors.items()
        }


Groups = GroupFolder | GroupMix | GroupTensors
"""Groups to draw batches from, numbered from 0."""


def _empty(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    try:
        return torch.empty(shape, dtype=dtype, device=device)
    except torch.OutOfMemoryError as error:
        needed = torch.Size(shape).numel() * dtype.itemsize
        raise TrainingError(
            f"{device}: the frames need {needed / 1e9:.1f} GB of free memory. Free some, or train with --device cpu"
        ) from error
