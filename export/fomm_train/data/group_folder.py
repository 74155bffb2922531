"""Groups of frames as files in a folder."""

import signal
import zipfile
import zlib
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fomm_rt.errors import TrainingError
from fomm_rt.files.staging import replacing, reporting_failures
from fomm_train.capacity import check_disk
from fomm_train.data.frame_group import FIELDS, IDENTITIES, POSES, FrameGroup, GroupSource, Index, Progress


@dataclass(frozen=True)
class GroupFolder:
    """Groups as one `.npz` file each, of frames with a side of `size` pixels; group g has the seed first_seed + g."""

    path: Path
    source: GroupSource
    first_seed: int
    groups: int
    size: int

    def __len__(self) -> int:
        return self.groups

    def file_of(self, index: int) -> Path:
        """The file of a group."""
        return self.path / f"{self.first_seed + index}-{self.size}-v{self.source.version}.npz"

    def __getitem__(self, index: int) -> FrameGroup:
        """Reads a group; raises TrainingError if its file is missing or damaged."""
        path = self.file_of(index)
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                return FrameGroup(**{name: arrays[name] for name in FIELDS})
        # Each layer of the archive reports damage by its own exception.
        except (OSError, ValueError, KeyError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
            raise TrainingError(
                f"{path}: the group of frames is missing or damaged ({error}). Delete the file and start again; "
                "it is drawn again"
            ) from error

    def pick(self, groups: Index, identities: Index, poses: Index) -> dict[str, Tensor]:
        """Every field of `FrameGroup` for B · I · P frames, the pose changing fastest, in the group's dtypes.

        `groups` is (B,); `identities` (B, I) and `poses` (B, P) are indices within the groups.
        """
        read = [self[int(index)] for index in groups]
        corners = [np.ix_(*indices) for indices in zip(identities, poses, strict=True)]
        picked = {}
        for name in FIELDS:
            arrays = [getattr(group, name)[corner] for group, corner in zip(read, corners, strict=True)]
            picked[name] = torch.from_numpy(np.stack(arrays)).flatten(0, 2)
        return picked

    def draw(self, index: int) -> None:
        """Draws a group and writes its file."""
        group = self.source.draw(self.first_seed + index, self.size)
        with replacing(self.file_of(index)) as path, path.open("wb") as file:
            np.savez(file, **{name: getattr(group, name) for name in FIELDS})

    def draw_missing(self, workers: int, progress: Progress) -> None:
        """Draws all groups that have no file yet, on the CPU, in several processes."""
        with reporting_failures(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            for unfinished in self.path.glob(".fomm-rt-*"):
                unfinished.unlink(missing_ok=True)
            missing = [index for index in range(self.groups) if not self.file_of(index).is_file()]
            check_disk(self.path, len(missing) * IDENTITIES * POSES * self.size**2 * 3)
        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker)
        try:
            futures = [pool.submit(self.draw, index) for index in missing]
            for done, future in enumerate(as_completed(futures), self.groups - len(missing) + 1):
                future.result()
                progress("drawing faces", done, self.groups)
        except BrokenProcessPool as error:
            raise TrainingError(
                f"{self.path}: a drawing process was killed, probably because memory ran out. "
                "Start again with fewer --workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent stops the others
