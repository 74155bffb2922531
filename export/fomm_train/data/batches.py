"""Training batches: frames and the pairs among them, fixed by seed, step and kind of device."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fomm_export.networks.geometry import coordinate_grid
from fomm_train.data.frame_group import BETWEEN_POSES, IDENTITIES, POSES, Index
from fomm_train.data.group_tensors import Groups
from fomm_train.data.shrinking import Shrinking
from fomm_train.looks import Frames, change_looks
from fomm_train.recipe import Stage

CONTRAST = 0.15
BRIGHTNESS = 0.08
NOISE = 0.02
"""Largest change of contrast and brightness, and largest standard deviation of the sensor noise, in detector frames."""


class Batch(NamedTuple):
    """F frames and P pairs among them.

    A pair names a source frame, a driving frame of the same pose (the reference of relative motion), a driving frame
    of another pose, and the truth: the source's identity in that pose. Where source and driving identity are equal,
    relative motion equals absolute motion.
    """

    frames: Tensor  # (F, 3, S, S) float32 in [0, 1], as a perfect camera sees them
    detector_frames: Tensor  # the same with the light, noise and files of a real camera
    landmarks: Tensor  # (F, K, 2) float32, as in `FrameGroup`
    jacobians: Tensor  # (F, K, 2, 2) float32
    boxes: Tensor  # (F, R, 4) float32
    bodies: Tensor  # (F, s, s) uint8
    known: Tensor  # (F, s, s) bool
    flow: Tensor  # (P, s, s, 2) float32, where the source shows what the truth shows; empty if the stage needs none
    shown: Tensor  # (P, s, s) bool, True where it does
    end: Tensor  # () float32, position of the centres of the frames' last pixels
    pairs: Tensor  # (P, 4) int64, frame numbers: source, reference, driving, truth
    sources: Tensor  # (U,) int64, the source frames, each once
    source_of_pair: Tensor  # (P,) int64, each pair's index into `sources`

    def to(self, device: torch.device) -> Batch:
        """Copies the batch to a device."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


def draw_batch(groups: Groups, seed: int, step: int, stage: Stage, motion_size: int) -> Batch:
    """Draws two identities in two poses from each of the stage's groups, and pairs among them.

    Seed and step fix every choice, but camera noise differs between CPU and GPU. Frames are averaged down to the
    stage's size; at the motion size they are what the motion networks make of whole frames.
    """
    rng = np.random.default_rng((seed, step))
    per_batch = stage.groups_per_batch
    chosen = rng.choice(len(groups), per_batch, replace=len(groups) < per_batch)
    identities, poses, rows = [], [], []
    for slot in range(per_batch):
        identities.append(np.sort(rng.choice(IDENTITIES, 2, replace=False)))
        poses.append(np.sort(rng.choice(POSES, 2, replace=False)))
        rows.append(4 * slot + _draw_pairs(rng, stage))
    picked = groups.pick(chosen, np.stack(identities), np.stack(poses))
    shrinking = Shrinking(picked["frames"].shape[2], stage.size, motion_size)
    frames, filmed = _looked(_frames(picked, stage), stage, shrinking, int(rng.integers(2**62)))
    filmed = _camera(filmed, int(rng.integers(2**63)))
    pairs = np.concatenate(rows)
    # Several pairs may share a source, which is encoded once. Finding them on the CPU avoids waiting for a device.
    sources, source_of_pair = np.unique(pairs[:, 0], return_inverse=True)
    indices = {"pairs": pairs, "sources": sources, "source_of_pair": source_of_pair}
    numbers = {name: torch.from_numpy(index).to(filmed.device) for name, index in indices.items()}
    flow, shown = _motion(frames, numbers["pairs"])
    return Batch(
        frames=shrinking.darken_border(frames.pictures),
        detector_frames=shrinking.darken_border(filmed),
        landmarks=frames.landmarks,
        jacobians=frames.jacobians,
        boxes=frames.boxes,
        bodies=frames.bodies,
        known=frames.known,
        flow=flow,
        shown=shown,
        end=torch.tensor(shrinking.end),
        **numbers,
    )


def _frames(picked: dict[str, Tensor], stage: Stage) -> Frames:
    """What a group folder gives, in the numbers that training computes with; motion only for stages that train it."""
    if not stage.trains_motion:
        picked |= {name: picked[name][:, :0] for name in BETWEEN_POSES}
    fields = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in picked.items()}
    return Frames(pictures=fields.pop("frames").permute(0, 3, 1, 2).float().div_(255), **fields)


def _motion(frames: Frames, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """`flow` and `shown` of a batch; empty if the frames come without motion."""
    if not frames.steps.shape[1]:
        return frames.steps.flatten(0, 1), frames.shown.flatten(0, 1)
    truth, source_pose = pairs[:, 3], pairs[:, 0] % 2
    side = frames.steps.shape[2]
    here = coordinate_grid(side, side, frames.steps.device)
    return frames.steps[truth, source_pose] + here, frames.shown[truth, source_pose]


def _looked(frames: Frames, stage: Stage, shrinking: Shrinking, seed: int) -> tuple[Frames, Tensor]:
    """Shrunk frames with the stage's looks, and what a camera makes of their pictures."""
    if stage.looks is None:
        pictures = shrinking(frames.pictures)
        return frames._replace(pictures=pictures), pictures
    number = torch.arange(len(frames.pictures))  # both poses of an identity have one look; all four frames one framing
    looked = change_looks(frames, number // 2, number // 4, stage.looks, seed, shrinking)
    return looked.frames, looked.filmed


def _draw_pairs(rng: np.random.Generator, stage: Stage) -> Index:
    """(pairs, 4): source, reference, driving and truth among frames numbered identity · 2 + pose."""
    choices = [(source, driver, first) for source in (0, 1) for driver in (0, 1) for first in (0, 1)]
    other = stage.other_identity
    weights = np.array([other if source != driver else 1 - other for source, driver, _ in choices])
    picked = rng.choice(len(choices), stage.pairs_per_group, replace=False, p=weights / weights.sum())
    rows = []
    for source, driver, first in (choices[n] for n in picked):
        last = first if rng.random() < stage.still else 1 - first
        rows.append((2 * source + first, 2 * driver + first, 2 * driver + last, 2 * source + last))
    return np.array(rows, np.int64)


def _camera(frames: Tensor, seed: int) -> Tensor:
    """Frames with a camera's contrast, brightness and noise, drawn for each frame."""
    random = torch.Generator(frames.device).manual_seed(seed)

    def uniform(bound: float) -> Tensor:
        return (torch.rand(len(frames), 1, 1, 1, generator=random, device=frames.device) * 2 - 1) * bound

    lit = (frames - 0.5) * (1 + uniform(CONTRAST)) + 0.5 + uniform(BRIGHTNESS)
    noise = torch.randn(frames.shape, generator=random, device=frames.device)
    return (lit + uniform(NOISE).abs() * noise).clamp(0, 1)
