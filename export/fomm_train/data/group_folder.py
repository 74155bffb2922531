"""Groups of frames as files in a folder."""

import os
import signal
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fomm_rt.errors import TrainingError
from fomm_rt.files.leftovers import remove_leftovers
from fomm_rt.files.staging import replacing, reporting_failures
from fomm_train.capacity import check_disk
from fomm_train.data.frame_group import (
    BETWEEN_POSES,
    FIELDS,
    IDENTITIES,
    POSES,
    SURFACE_SIZE,
    FrameGroup,
    GroupSource,
    Index,
    Progress,
)

MOTION_BYTES = 2 * POSES * SURFACE_SIZE**2 * 3
"""More than a frame's motion takes."""


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

        `groups` is (B,); `identities` (B, I) and `poses` (B, P) are indices within the groups. The second axis of poses
        in BETWEEN_POSES stays an axis and holds the same poses.
        """
        read = [self[int(index)] for index in groups]
        picked = {}
        for name in FIELDS:
            axes = (identities, poses, poses) if name in BETWEEN_POSES else (identities, poses)
            corners = [np.ix_(*indices) for indices in zip(*axes, strict=True)]
            arrays = [getattr(group, name)[corner] for group, corner in zip(read, corners, strict=True)]
            picked[name] = torch.from_numpy(np.stack(arrays)).flatten(0, 2)
        return picked

    def present(self) -> list[int]:
        """The groups that have a file."""
        return [index for index in range(self.groups) if self.file_of(index).is_file()]

    def draw(self, index: int) -> None:
        """Draws a group and writes its file."""
        group = self.source.draw(self.first_seed + index, self.size)
        with replacing(self.file_of(index)) as path, path.open("wb") as file:
            np.savez(file, **{name: getattr(group, name) for name in FIELDS})

    def draw_missing(self, workers: int, progress: Progress, enough: int | None = None) -> None:
        """Draws groups that have no file yet until `enough` or all have one, on the CPU, in several processes."""
        missing = self._missing()
        present = self.groups - len(missing)
        needed = self.groups if enough is None else min(enough, self.groups)
        with self._drawing(missing[: max(0, needed - present)], workers) as futures:
            for done, future in enumerate(as_completed(futures), present + 1):
                future.result()
                progress(f"drawing {self.source.name}", done, self.groups)

    @contextmanager
    def drawing_missing(self, workers: int) -> Iterator[Callable[[], None]]:
        """Draws all groups that have no file yet in processes of low priority, until the context ends.

        Yields a function that raises what stopped the drawing of a group.
        """
        with self._drawing(self._missing(), workers, patience=19) as futures:

            def check() -> None:
                for future in futures:
                    if future.done() and not future.cancelled():
                        future.result()

            yield check

    def _missing(self) -> list[int]:
        """The groups without a file, with room for them on the disk."""
        with reporting_failures(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.path)
            present = set(self.present())
            missing = [index for index in range(self.groups) if index not in present]
            check_disk(self.path, len(missing) * IDENTITIES * POSES * (self.size**2 * 3 + MOTION_BYTES))
        return missing

    @contextmanager
    def _drawing(self, missing: list[int], workers: int, patience: int = 0) -> Iterator[list[Future[None]]]:
        """Draws groups in other processes, more politely with `patience`; the context's end stops them."""
        pool = ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(patience,)
        )
        try:
            with _one_thread_for_new_processes():
                futures = [pool.submit(self.draw, index) for index in missing]
            yield futures
        except BrokenProcessPool as error:
            raise TrainingError(
                f"{self.path}: a drawing process was killed, probably because memory ran out. "
                "Start again with fewer --workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _one_thread_for_new_processes() -> Iterator[None]:
    """Libraries of processes started here use one thread; on a busy machine their threads wait for each other."""
    # OpenBLAS and OpenMP read these when they are loaded; the last one is of Mesa's software renderer.
    before = {name: os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "LP_NUM_THREADS")}
    os.environ.update(dict.fromkeys(before, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker(patience: int) -> None:
    torch.set_num_threads(1)
    if patience and hasattr(os, "nice"):
        os.nice(patience)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent stops the others
