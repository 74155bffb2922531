"""Batches are repeatable and pair the frames that they name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from fomm_train.data.batches import Batch, draw_batch
from fomm_train.data.frame_group import IDENTITIES, POSES, FrameGroup, GroupSource
from fomm_train.data.group_folder import GroupFolder
from fomm_train.data.group_tensors import GroupTensors
from fomm_train.recipe import Stage

SIZE = 32


def _labelled_group(number: int, size: int) -> FrameGroup:
    """Frames whose colour tells group, identity and pose."""
    frames = np.zeros((IDENTITIES, POSES, size, size, 3), np.uint8)
    for identity in range(IDENTITIES):
        for pose in range(POSES):
            frames[identity, pose] = (10 * number, 20 * identity, 20 * pose)
    return FrameGroup(
        frames,
        np.zeros((IDENTITIES, POSES, 10, 2), np.float32),
        np.zeros((IDENTITIES, POSES, 10, 2, 2), np.float32),
        np.zeros((IDENTITIES, POSES, 3, 4), np.float32),
        np.zeros((IDENTITIES, POSES, 8, 8), np.uint8),
        np.zeros((IDENTITIES, POSES, 3, 8, 8), np.float16),
        np.zeros((IDENTITIES, POSES, 2, 2, 4), np.float32),
    )


GROUPS = GroupTensors([_labelled_group(number, SIZE) for number in range(6)], torch.device("cpu"), lambda *_: None)


def _stage(size: int = SIZE, still: float = 0.0) -> Stage:
    return Stage("tiny", 1, size, 3, 8, 1e-3, 1e-3, still=still)


def _draw(step: int, size: int = SIZE, still: float = 0.0) -> Batch:
    return draw_batch(GROUPS, seed=5, step=step, stage=_stage(size, still))


def test_pairs_name_the_frames_of_their_identities_and_poses() -> None:
    batch = _draw(0)
    labels = (batch.frames[:, :, 0, 0] * 255).round().int()  # (F, 3): group, identity, pose
    same = set()
    for source, reference, driving, truth in batch.pairs.tolist():
        assert len({int(labels[n, 0]) for n in (source, reference, driving, truth)}) == 1
        assert labels[source, 1] == labels[truth, 1]
        assert labels[reference, 1] == labels[driving, 1]
        assert labels[source, 2] == labels[reference, 2]  # the first pose
        assert labels[driving, 2] == labels[truth, 2]  # the second pose
        assert labels[source, 2] != labels[truth, 2]
        same.add(bool(labels[source, 1] == labels[driving, 1]))
    assert same == {True, False}  # all eight pairs of a group, so both occur
    assert len(batch.pairs) == 24
    assert (batch.points.dtype, batch.bodies.dtype) == (torch.float32, torch.uint8)
    assert len({tuple(row) for row in batch.pairs.tolist()}) == 24


def test_each_source_is_listed_once() -> None:
    batch = _draw(0)
    assert len(set(batch.sources.tolist())) == len(batch.sources) < len(batch.pairs)
    assert torch.equal(batch.sources[batch.source_of_pair], batch.pairs[:, 0])


def test_nothing_moves_in_still_pairs() -> None:
    batch = _draw(0, still=1.0)
    assert torch.equal(batch.pairs[:, 0], batch.pairs[:, 3])
    assert torch.equal(batch.pairs[:, 1], batch.pairs[:, 2])
    some = _draw(0, still=0.5).pairs
    assert 0 < (some[:, 0] == some[:, 3]).sum() < len(some)


def test_equal_seeds_and_steps_give_equal_batches() -> None:
    for a, b in zip(_draw(4), _draw(4), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(_draw(4).detector_frames, _draw(5).detector_frames)


def test_tensors_give_the_same_batches_as_files(tmp_path: Path) -> None:
    files = GroupFolder(tmp_path, GroupSource(_labelled_group, version=1), first_seed=0, groups=6, size=SIZE)
    for index in range(len(files)):
        files.draw(index)
    reported: list[tuple[str, int, int]] = []
    tensors = GroupTensors(files, torch.device("cpu"), lambda *progress: reported.append(progress))
    assert len(tensors) == len(files)
    assert reported[-1] == ("reading faces", 6, 6)
    for a, b in zip(draw_batch(tensors, 5, 3, _stage()), draw_batch(files, 5, 3, _stage()), strict=True):
        assert torch.equal(a, b)


def test_frames_are_averaged_down_and_the_camera_changes_them_little() -> None:
    batch = _draw(1, size=16)
    assert batch.frames.shape == (12, 3, 16, 16)
    assert batch.detector_frames.shape == batch.frames.shape
    assert not torch.equal(batch.detector_frames, batch.frames)
    assert (batch.detector_frames - batch.frames).abs().mean() < 0.2
    assert 0 <= batch.detector_frames.min() <= batch.detector_frames.max() <= 1
