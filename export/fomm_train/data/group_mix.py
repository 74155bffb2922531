"""Groups of several folders as one."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fomm_train.data.frame_group import Index
from fomm_train.data.group_folder import GroupFolder


class GroupMix:
    """The groups that several folders held when `take_up` was last called, numbered from 0."""

    def __init__(self, folders: Sequence[GroupFolder]) -> None:
        self._folders = folders
        self._places: list[tuple[GroupFolder, int]] = []
        self.take_up()

    def take_up(self) -> None:
        """Takes up the groups that have been drawn in the meantime."""
        self._places = [(folder, index) for folder in self._folders for index in folder.present()]

    def __len__(self) -> int:
        return len(self._places)

    def pick(self, groups: Index, identities: Index, poses: Index) -> dict[str, Tensor]:
        """The frames of `GroupFolder.pick`, whichever folder holds them."""
        parts = []
        for slot, number in enumerate(groups):
            folder, index = self._places[int(number)]
            here = slice(slot, slot + 1)
            parts.append(folder.pick(np.array([index]), identities[here], poses[here]))
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
