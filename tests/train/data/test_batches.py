"""Batches are repeatable and pair the frames that they name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fomm_export.networks.anti_alias import AntiAliasDownsample
from fomm_export.networks.geometry import coordinate_grid
from fomm_train.data.batches import Batch, draw_batch
from fomm_train.data.frame_group import IDENTITIES, POSES, FrameGroup, GroupSource
from fomm_train.data.group_folder import GroupFolder
from fomm_train.data.group_mix import GroupMix
from fomm_train.data.group_tensors import GroupTensors
from fomm_train.data.shrinking import Shrinking
from fomm_train.recipe import Looks, Stage

SIZE, SIDE = 32, 8


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
        np.zeros((IDENTITIES, POSES, SIDE, SIDE), np.uint8),
        np.ones((IDENTITIES, POSES, SIDE, SIDE), np.bool_),
        np.broadcast_to(_steps(), (IDENTITIES, POSES, POSES, SIDE, SIDE, 2)).copy(),
        np.ones((IDENTITIES, POSES, POSES, SIDE, SIDE), np.bool_),
    )


def _steps() -> NDArray[np.float16]:
    """(POSES, POSES, 1, 1, 2): steps that tell both poses."""
    first, second = np.meshgrid(np.arange(POSES), np.arange(POSES), indexing="ij")
    return (0.125 * np.stack([first, second], axis=-1)[:, :, None, None]).astype(np.float16)


MOTION_SIZE = 8
GROUPS = GroupTensors([[_labelled_group(number, SIZE) for number in range(6)]], torch.device("cpu"), lambda *_: None)


def _stage(size: int = SIZE, still: float = 0.0) -> Stage:
    return Stage("tiny", 1, size, 3, 8, 1e-3, 1e-3, still=still)


def _draw(step: int, size: int = SIZE, still: float = 0.0) -> Batch:
    return draw_batch(GROUPS, 5, step, _stage(size, still), MOTION_SIZE)


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
    assert (batch.flow.dtype, batch.bodies.dtype, batch.shown.dtype) == (torch.float32, torch.uint8, torch.bool)
    assert len({tuple(row) for row in batch.pairs.tolist()}) == 24


def test_the_flow_leads_from_the_truth_to_the_source() -> None:
    batch = _draw(0)
    poses = (batch.frames[:, 2, 0, 0] * 255 / 20).round()
    steps = (batch.flow - coordinate_grid(SIDE, SIDE))[:, 0, 0] / 0.125
    source, truth = poses[batch.pairs[:, 0]], poses[batch.pairs[:, 3]]
    torch.testing.assert_close(steps, torch.stack([truth, source], dim=-1), atol=1e-5, rtol=0)


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
    tensors = GroupTensors([files], torch.device("cpu"), lambda *progress: reported.append(progress))
    assert len(tensors) == len(files)
    assert reported[-1] == ("reading groups", 6, 6)
    for a, b in zip(*(draw_batch(groups, 5, 3, _stage(), MOTION_SIZE) for groups in (tensors, files)), strict=True):
        assert torch.equal(a, b)


def test_frames_are_averaged_down_and_the_camera_changes_them_little() -> None:
    batch = _draw(1, size=16)
    assert batch.frames.shape == (12, 3, 16, 16)
    assert batch.detector_frames.shape == batch.frames.shape
    assert not torch.equal(batch.detector_frames, batch.frames)
    assert (batch.detector_frames - batch.frames).abs().mean() < 0.2
    assert 0 <= batch.detector_frames.min() <= batch.detector_frames.max() <= 1


def test_a_mix_holds_the_groups_of_all_folders_and_takes_up_new_ones(tmp_path: Path) -> None:
    source = GroupSource(_labelled_group, version=1)
    first, second = (GroupFolder(tmp_path / str(n), source, first_seed=n, groups=3, size=SIZE) for n in (0, 3))
    for folder, index in ((first, 0), (first, 2), (second, 1)):
        folder.path.mkdir(exist_ok=True)
        folder.draw(index)
    mix = GroupMix([first, second])
    assert len(mix) == 3
    some = np.array([[0, 1]])
    picked = mix.pick(np.array([2, 0, 1]), some.repeat(3, 0), some.repeat(3, 0))
    assert picked["frames"][::4, 0, 0, 0].tolist() == [40, 0, 20]
    second.draw(0)
    assert len(mix) == 3
    mix.take_up()
    assert len(mix) == 4


def test_looks_are_shared_by_both_poses_of_an_identity() -> None:
    stage = replace(_stage(), looks=Looks(plain=0.0, camera=0.0, geometry=0.0, occluder=0.0, background=1.0))
    batch = draw_batch(GROUPS, 5, 0, stage, MOTION_SIZE)
    plain = _draw(0)
    first, second = batch.frames[0::2], batch.frames[1::2]
    assert (batch.frames - plain.frames).abs().mean() > 0.05
    same = (first - second).abs().mean((1, 2, 3))
    others = (first[0::2] - first[1::2]).abs().mean((1, 2, 3))
    assert same.max() < 0.5 * others.min()
    assert torch.equal(batch.pairs, plain.pairs)


def test_frames_at_the_motion_size_are_what_the_networks_make_of_whole_ones() -> None:
    frames = torch.rand(2, 3, SIZE, SIZE)
    shrinking = Shrinking(SIZE, MOTION_SIZE, MOTION_SIZE)
    expected = AntiAliasDownsample(3, SIZE // MOTION_SIZE)(frames)
    shrunk = shrinking.darken_border(shrinking(frames))
    torch.testing.assert_close(shrunk[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2])
    assert (shrunk - expected).abs().max() < 0.15
    flat = torch.ones(1, 3, SIZE, SIZE)
    torch.testing.assert_close(shrinking.darken_border(shrinking(flat)), AntiAliasDownsample(3, 4)(flat))
    last = (MOTION_SIZE - 1) * SIZE // MOTION_SIZE
    assert shrinking.end == pytest.approx(2 * last / (SIZE - 1) - 1)
