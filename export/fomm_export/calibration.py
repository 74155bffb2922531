"""Real frames to calibrate int8 on: the parity picture, moved, and clips that people name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fomm_export.parity import parity_frames
from fomm_export.quantization import FramePair
from fomm_rt.framing import Image, centred_square
from fomm_rt.media.video_reader import VideoReader

FRAMES_OF_A_CLIP = 24
"""Taken of each clip, evenly spread."""


def frame_pairs(size: int, clips: Sequence[Path] = ()) -> list[FramePair]:
    """The parity picture driven by itself, moved; and each clip's first frame driven by frames of the clip.

    Args:
        size: Side of the frames in pixels.
        clips: Videos or pictures; the largest centred square of each frame is used.

    Raises:
        MediaError: A clip cannot be read.
    """
    moved = parity_frames(size)
    pairs = [FramePair(moved[0], frame) for frame in moved]
    for clip in clips:
        frames = _spread_frames(clip, size)
        pairs += [FramePair(frames[0], frame) for frame in frames]
    return pairs


def _spread_frames(clip: Path, size: int) -> list[Image]:
    """Up to FRAMES_OF_A_CLIP frames, all kept until there are twice as many, then every other, and so on."""
    frames: list[Image] = []
    step = 1
    with VideoReader(clip) as reader:
        for frame in reader:
            if frame.index % step:
                continue
            frames.append(centred_square(frame.pixels, size))
            if len(frames) >= 2 * FRAMES_OF_A_CLIP:
                frames = frames[::2]
                step *= 2
    chosen = np.unique(np.linspace(0, len(frames) - 1, FRAMES_OF_A_CLIP).round().astype(int))
    return [frames[index] for index in chosen]
