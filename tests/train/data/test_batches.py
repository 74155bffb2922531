"""Batches: repeatable, and every pair is what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from fomm_train.data.batches import Batch, draw_batch
from fomm_train.data.drawn_groups import IDENTITIES, POSES, DrawnGroup, GroupFolder
from fomm_train.data.group_tensors import GroupTensors

SIZE = 32


def _labelled_group(number: int) -> DrawnGroup:
    """Frames whose colour tells group, identity and pose."""
    frames = np.zeros((IDENTITIES, POSES, SIZE, SIZE, 3), np.uint8)
    for identity in range(IDENTITIES):
        for pose in range(POSES):
            frames[identity, pose] = (10 * number, 20 * identity, 20 * pose)
    return DrawnGroup(
        frames,
        np.zeros((IDENTITIES, POSES, 10, 2), np.float32),
        np.zeros((IDENTITIES, POSES, 10, 2, 2), np.float32),
        np.zeros((IDENTITIES, POSES, 3, 4), np.float32),
        np.zeros((IDENTITIES, POSES, 8, 8), np.uint8),
        np.zeros((IDENTITIES, POSES, 3, 8, 8), np.float16),
        np.zeros((IDENTITIES, POSES, 2, 2, 4), np.float32),
    )


class _Labelled(GroupFolder):
    def __getitem__(self, index: int) -> DrawnGroup:
        return _labelled_group(index)


GROUPS = _Labelled(Path(), first_seed=0, groups=6, size=SIZE)


def _draw(step: int, size: int = SIZE, pairs: int = 8) -> Batch:
    return draw_batch(GROUPS, seed=5, step=step, size=size, per_batch=3, pairs=pairs)


def test_pairs_are_what_they_say() -> None:
    batch = _draw(0)
    labels = (batch.frames[:, :, 0, 0] * 255).round().int()  # (F, 3): group, identity, pose
    same = set()
    for source, reference, driving, truth in batch.pairs.tolist():
        assert len({int(labels[n, 0]) for n in (source, reference, driving, truth)}) == 1
        assert labels[source, 1] == labels[truth, 1]  # the identity of the source
        assert labels[reference, 1] == labels[driving, 1]  # the identity of the driver
        assert labels[source, 2] == labels[reference, 2]  # one pose before
        assert labels[driving, 2] == labels[truth, 2]  # one pose after
        assert labels[source, 2] != labels[truth, 2]
        same.add(bool(labels[source, 1] == labels[driving, 1]))
    assert same == {True, False}  # all eight pairs of a group: with the same driver and with another
    assert len(batch.pairs) == 24
    assert (batch.points.dtype, batch.bodies.dtype) == (torch.float32, torch.uint8)
    assert len({tuple(row) for row in batch.pairs.tolist()}) == 24


def test_every_source_is_named_once() -> None:
    batch = _draw(0)
    assert len(set(batch.sources.tolist())) == len(batch.sources) < len(batch.pairs)
    assert torch.equal(batch.sources[batch.source_of_pair], batch.pairs[:, 0])


def test_in_still_pairs_nothing_moves() -> None:
    batch = draw_batch(GROUPS, seed=5, step=0, size=SIZE, per_batch=3, pairs=8, still=1.0)
    assert torch.equal(batch.pairs[:, 0], batch.pairs[:, 3])
    assert torch.equal(batch.pairs[:, 1], batch.pairs[:, 2])
    some = draw_batch(GROUPS, seed=5, step=0, size=SIZE, per_batch=3, pairs=8, still=0.5).pairs
    assert 0 < (some[:, 0] == some[:, 3]).sum() < len(some)


def test_same_seed_and_step_same_batch() -> None:
    for a, b in zip(_draw(4), _draw(4), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(_draw(4).detector_frames, _draw(5).detector_frames)


def test_groups_in_memory_give_the_batches_of_those_in_files() -> None:
    told: list[tuple[str, int, int]] = []
    tensors = GroupTensors(GROUPS, torch.device("cpu"), lambda *progress: told.append(progress))
    assert len(tensors) == len(GROUPS)
    assert told[-1] == ("reading faces", 6, 6)
    for a, b in zip(draw_batch(tensors, 5, 3, SIZE, 3, 8), draw_batch(GROUPS, 5, 3, SIZE, 3, 8), strict=True):
        assert torch.equal(a, b)


def test_frames_are_averaged_down_and_the_camera_is_mild() -> None:
    batch = _draw(1, size=16)
    assert batch.frames.shape == (12, 3, 16, 16)
    assert batch.detector_frames.shape == batch.frames.shape
    assert not torch.equal(batch.detector_frames, batch.frames)
    assert (batch.detector_frames - batch.frames).abs().mean() < 0.2
    assert 0 <= batch.detector_frames.min() <= batch.detector_frames.max() <= 1
