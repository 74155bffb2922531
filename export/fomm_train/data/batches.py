"""Training batches: which frames, and which pairs among them; the same for the same seed, step and kind of device."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_train.data.drawn_groups import IDENTITIES, POSES, Index

CONTRAST = 0.15
BRIGHTNESS = 0.08
NOISE = 0.02
"""Largest standard deviation of the sensor noise that detectors are to be steady under."""


class Batch(NamedTuple):
    """F frames and P pairs among them.

    A pair names a source frame, the driving frame of the same pose (the reference of relative motion), a driving
    frame, and the truth: the source's identity in the driving frame's pose. Where source and driving identity are
    the same, relative motion equals absolute motion.

    Attributes:
        frames: (F, 3, S, S) in [0, 1], as drawn.
        detector_frames: The same with light and noise of a camera.
        landmarks: (F, K, 2).
        jacobians: (F, K, 2, 2).
        boxes: (F, R, 4) as fractions of the side.
        bodies: (F, s, s) uint8, see `DrawnGroup`.
        points: (F, 3, s, s).
        views: (F, 2, 2, 4).
        pairs: (P, 4) int64: source, reference, driving, truth.
        sources: (U,) int64, the frames among them that are sources, each once.
        source_of_pair: (P,) int64, which of `sources` is a pair's.
    """

    frames: Tensor
    detector_frames: Tensor
    landmarks: Tensor
    jacobians: Tensor
    boxes: Tensor
    bodies: Tensor
    points: Tensor
    views: Tensor
    pairs: Tensor
    sources: Tensor
    source_of_pair: Tensor

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


class Groups(Protocol):
    """Drawn groups, numbered from 0."""

    def __len__(self) -> int:
        """How many."""

    def pick(self, groups: Index, identities: Index, poses: Index) -> dict[str, Tensor]:
        """Every field of `DrawnGroup` by its name, of I identities in P poses of each of B groups.

        Args:
            groups: (B,).
            identities, poses: (B, I) and (B, P), within the groups.

        Returns:
            Tensors of B · I · P records, the pose changing fastest; dtypes of `DrawnGroup`, on the groups' device.

        Raises:
            TrainingError: A group's file is missing or damaged.
        """


def draw_batch(
    groups: Groups,
    seed: int,
    step: int,
    size: int,
    per_batch: int,
    pairs: int,
    other_identity: float = 0.5,
    still: float = 0.0,
) -> Batch:
    """Draws two identities in two poses from each of `per_batch` groups, and pairs among them.

    Args:
        groups: To draw from.
        seed, step: Fix every choice; what the camera adds differs between a CPU and a GPU.
        size: Side of the frames in pixels; drawn frames are averaged down to it.
        per_batch: Groups in the batch; each gives 4 frames.
        pairs: From each group, at most 8.
        other_identity: Share of pairs driven by another identity, between 0 and 1.
        still: Share of pairs whose driving frame is their reference, between 0 and 1.
    """
    rng = np.random.default_rng((seed, step))
    chosen = rng.choice(len(groups), per_batch, replace=len(groups) < per_batch)
    identities, poses, rows = [], [], []
    for slot in range(per_batch):
        identities.append(np.sort(rng.choice(IDENTITIES, 2, replace=False)))
        poses.append(np.sort(rng.choice(POSES, 2, replace=False)))
        rows.append(4 * slot + _draw_pairs(rng, pairs, other_identity, still))
    picked = groups.pick(chosen, np.stack(identities), np.stack(poses))
    pictures = picked.pop("frames").permute(0, 3, 1, 2).float().div_(255)
    if pictures.shape[-1] != size:
        pictures = F.interpolate(pictures, (size, size), mode="area")
    pairs_drawn = np.concatenate(rows)
    # Found here, where a device need not be waited for: several pairs may have one source, which is encoded once.
    sources, source_of_pair = np.unique(pairs_drawn[:, 0], return_inverse=True)
    device = pictures.device
    return Batch(
        frames=pictures,
        detector_frames=_camera(pictures, int(rng.integers(2**63))),
        pairs=torch.from_numpy(pairs_drawn).to(device),
        sources=torch.from_numpy(sources).to(device),
        source_of_pair=torch.from_numpy(source_of_pair).to(device),
        **{name: tensor if tensor.dtype == torch.uint8 else tensor.float() for name, tensor in picked.items()},
    )


def _draw_pairs(rng: np.random.Generator, pairs: int, other_identity: float, still: float) -> Index:
    """(pairs, 4) among frames numbered identity · 2 + pose."""
    everything = [(a, b, i) for a in (0, 1) for b in (0, 1) for i in (0, 1)]
    probabilities = np.array([other_identity if a != b else 1 - other_identity for a, b, _ in everything])
    picked = rng.choice(len(everything), pairs, replace=False, p=probabilities / probabilities.sum())
    rows = []
    for a, b, i in (everything[n] for n in picked):
        j = i if rng.random() < still else 1 - i
        rows.append((2 * a + i, 2 * b + i, 2 * b + j, 2 * a + j))
    return np.array(rows, np.int64)


def _camera(frames: Tensor, seed: int) -> Tensor:
    """Frames with the contrast, brightness and noise of a camera, each frame its own."""
    random = torch.Generator(frames.device).manual_seed(seed)

    def uniform(bound: float) -> Tensor:
        return (torch.rand(len(frames), 1, 1, 1, generator=random, device=frames.device) * 2 - 1) * bound

    lit = (frames - 0.5) * (1 + uniform(CONTRAST)) + 0.5 + uniform(BRIGHTNESS)
    noise = torch.randn(frames.shape, generator=random, device=frames.device)
    return (lit + uniform(NOISE).abs() * noise).clamp(0, 1)
