"""The drawn frames a training run reads: groups of identities that all strike the same poses, kept on disk.

A group holds every one of IDENTITIES faces in every one of POSES poses, so it yields pairs of one identity and, for
transfer from one identity to another, the true result as well. Group g of a set is drawn from its seed alone.
"""

from __future__ import annotations

import signal
import zipfile
import zlib
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, fields
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from fomm_rt.errors import TrainingError
from fomm_rt.files.staging import replacing, reporting_failures
from fomm_train.faces import (
    Identity,
    Pose,
    draw_identity,
    draw_pose,
    feature_boxes,
    head_view,
    landmarks,
    render_picture,
    surface_map,
    torso_view,
)
from fomm_train.loop.run_folder import check_disk

IDENTITIES = 4
POSES = 4
SURFACE_SIZE = 64
DRAWING_VERSION = 2
"""To be raised whenever the same seed gives another picture or landmark: files of earlier versions are drawn anew."""
REGIONS = ("eye_left", "eye_right", "mouth")
SOURCE_STRENGTH = 0.5
"""Strength of a group's first pose: people give pictures that look about straight ahead."""
Index = npt.NDArray[np.int64]
Progress = Callable[[str, int, int], None]
"""Called with what is going on, how many are done and of how many."""


@dataclass(frozen=True)
class DrawnGroup:
    """One group; I identities, P poses, K landmarks, R regions.

    Attributes:
        frames: (I, P, size, size, 3) uint8 RGB.
        landmarks: (I, P, K, 2) float32, (x, y) in [-1, 1].
        jacobians: (I, P, K, 2, 2) float32.
        boxes: (I, P, R, 4) float32, x0, y0, x1, y1 of eyes and mouth as fractions of the side.
        bodies: (I, P, s, s) uint8, what is seen on a coarse grid of SURFACE_SIZE: 0 background, 1 head, 2 torso.
        points: (I, P, 3, s, s) float16, where on that body, in its own coordinates.
        views: (I, P, 2, 2, 4) float32, head's and torso's coordinates (x, y, z, 1) to picture positions.
    """

    frames: npt.NDArray[np.uint8]
    landmarks: npt.NDArray[np.float32]
    jacobians: npt.NDArray[np.float32]
    boxes: npt.NDArray[np.float32]
    bodies: npt.NDArray[np.uint8]
    points: npt.NDArray[np.float16]
    views: npt.NDArray[np.float32]


def draw_group(seed: int, size: int) -> DrawnGroup:
    """Draws the group of a seed."""
    identities, poses = cast(seed)
    frames = np.empty((IDENTITIES, POSES, size, size, 3), np.uint8)
    values, jacobians, boxes = [], [], []
    for i, identity in enumerate(identities):
        for j, pose in enumerate(poses):
            frames[i, j] = render_picture(identity, pose, size)
            found = landmarks(identity, pose)
            values.append(found.value.numpy())
            jacobians.append(found.jacobian.numpy())
            boxes.append(region_boxes(identity, pose, size))
    shape = (IDENTITIES, POSES)
    return DrawnGroup(
        frames,
        np.stack(values).reshape(*shape, -1, 2).astype(np.float32),
        np.stack(jacobians).reshape(*shape, -1, 2, 2).astype(np.float32),
        np.stack(boxes).reshape(*shape, len(REGIONS), 4),
        *draw_surfaces(identities, poses),
    )


def region_boxes(identity: Identity, pose: Pose, size: int) -> npt.NDArray[np.float32]:
    """(R, 4): x0, y0, x1, y1 of REGIONS as fractions of the side, in a picture of that side in pixels."""
    regions = feature_boxes(identity, pose, size)
    return np.array([[side / size for side in regions[name]] for name in REGIONS], np.float32)


def body_views(pose: Pose) -> npt.NDArray[np.float32]:
    """(2, 2, 4): head's and torso's coordinates (x, y, z, 1) to picture positions."""
    return np.stack([head_view(pose).affine(), torso_view(pose).affine()]).astype(np.float32)


def cast(seed: int) -> tuple[list[Identity], list[Pose]]:
    """Who is in the group of a seed, and the poses they all strike."""
    rng = np.random.default_rng(seed)
    identities = [draw_identity(int(s)) for s in rng.integers(0, 2**31, IDENTITIES)]
    poses = [draw_pose(rng, SOURCE_STRENGTH if i == 0 else 1.0) for i in range(POSES)]
    return identities, poses


def draw_surfaces(
    identities: list[Identity], poses: list[Pose]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float16], npt.NDArray[np.float32]]:
    """Bodies, points and views of a group, see `DrawnGroup`."""
    records = [surface_map(identity, pose, SURFACE_SIZE) for identity in identities for pose in poses]
    views = np.stack([body_views(pose) for pose in poses])
    grid = (len(identities), len(poses))
    return (
        np.stack([record.body.cpu().numpy() for record in records]).reshape(*grid, SURFACE_SIZE, SURFACE_SIZE),
        np.stack([record.point.cpu().numpy() for record in records])
        .astype(np.float16)
        .reshape(*grid, 3, SURFACE_SIZE, SURFACE_SIZE),
        np.broadcast_to(views, (*grid, 2, 2, 4)).copy(),
    )


class GroupFolder:
    """Groups as files in a folder, one `.npz` each; a file is there whole or not at all.

    Args:
        path: The folder.
        first_seed: Seed of group 0; group g has first_seed + g.
        groups: How many.
        size: Side of the frames in pixels.
    """

    def __init__(self, path: Path, first_seed: int, groups: int, size: int) -> None:
        self.path = path
        self.first_seed = first_seed
        self.groups = groups
        self.size = size

    def __len__(self) -> int:
        return self.groups

    def __getitem__(self, index: int) -> DrawnGroup:
        """Reads group `index`.

        Raises:
            TrainingError: The file is missing or damaged.
        """
        path = self._file(index)
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                group = DrawnGroup(*(arrays[field.name] for field in fields(DrawnGroup)))
        # A damaged archive is reported in as many ways as there are places to stop reading it.
        except (OSError, ValueError, KeyError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
            raise TrainingError(
                f"{path}: a drawn group is missing or damaged ({error}); delete it and start again: it is drawn anew"
            ) from error
        if group.frames.shape != (IDENTITIES, POSES, self.size, self.size, 3):
            raise TrainingError(
                f"{path}: expected frames of {IDENTITIES}×{POSES}×{self.size}×{self.size}×3; "
                f"found {'×'.join(map(str, group.frames.shape))}. Delete the folder and start again"
            )
        return group

    def pick(self, groups: Index, identities: Index, poses: Index) -> dict[str, torch.Tensor]:
        """See `fomm_train.data.batches.Groups`.

        Raises:
            TrainingError: As reading a group.
        """
        read = [self[int(index)] for index in groups]
        picked = {}
        for field in fields(DrawnGroup):
            corners = [
                getattr(group, field.name)[np.ix_(who, what)]
                for group, who, what in zip(read, identities, poses, strict=True)
            ]
            picked[field.name] = torch.from_numpy(np.stack(corners)).flatten(0, 2)
        return picked

    def draw_missing(self, workers: int, progress: Progress) -> None:
        """Draws what is not there yet, on the CPU, in several processes.

        Raises:
            OutputError: The disk is too small, or the folder cannot be written.
            TrainingError: A process that draws was killed.
        """
        with reporting_failures(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            for unfinished in self.path.glob(".fomm-rt-*"):
                unfinished.unlink(missing_ok=True)
            missing = [g for g in range(self.groups) if not self._file(g).is_file()]
            check_disk(self.path, len(missing) * IDENTITIES * POSES * self.size**2 * 3)
        done = self.groups - len(missing)
        with closing(self._drawn(missing, workers)) as drawn:
            for _ in drawn:
                done += 1
                progress("drawing faces", done, self.groups)

    def _drawn(self, missing: list[int], workers: int) -> Generator[int, None, None]:
        """Draws groups and yields each when it is there."""
        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker)
        try:
            futures = {pool.submit(self._draw, index): index for index in missing}
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BrokenProcessPool as error:
            raise TrainingError(
                f"{self.path}: a process that draws faces was killed, as happens when memory runs out; "
                "start again with fewer --workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)

    def _file(self, index: int) -> Path:
        return self.path / f"{self.first_seed + index}-{self.size}-v{DRAWING_VERSION}.npz"

    def _draw(self, index: int) -> None:
        group = draw_group(self.first_seed + index, self.size)
        path = self._file(index)
        with replacing(path) as staged, staged.open("wb") as file:
            np.savez(file, **{field.name: getattr(group, field.name) for field in fields(group)})


def _start_worker() -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
