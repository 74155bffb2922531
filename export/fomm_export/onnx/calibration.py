"""Real frames to calibrate int8 on, and others to check it on: the parity picture, moved, and clips that people name.

Neighbouring frames of a clip are nearly the same picture, so what is held out lies in blocks, apart from the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from fomm_export.onnx.quantization import CalibrationFrames, FramePair
from fomm_rt.framing import centred_square
from fomm_rt.image import Image
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.model.parity_picture import parity_frames

FRAMES_OF_A_CLIP = 24
"""Taken of each clip, evenly spread."""

BLOCKS = 2
"""Equal parts of a clip; the middle of each is held out."""

HELD_OUT_SHARE = 4
"""One frame in so many of a part is held out; a part of fewer frames is calibrated on as a whole."""

MOVE_HELD_OUT = 1
"""Of `parity.MOVES`: the only one that enlarges the picture, turned to the left."""


def calibration_frames(size: int, clips: Sequence[Path] = ()) -> CalibrationFrames:
    """The parity picture driven by itself, moved; and each clip's first frame driven by frames of the clip.

    Args:
        size: Side of the frames in pixels.
        clips: Videos or pictures; the largest centred square of each frame is used.

    Raises:
        MediaError: A clip cannot be read.
    """
    moved = parity_frames(size)
    calibrated = [FramePair(moved[0], frame) for index, frame in enumerate(moved) if index != MOVE_HELD_OUT]
    held_out = [FramePair(moved[0], moved[MOVE_HELD_OUT])]
    held_out_from = ["1 frame of the bundled picture, moved otherwise"]
    for clip in clips:
        frames = _spread_frames(clip, size)
        indices = split_in_blocks(len(frames))
        calibrated += [FramePair(frames[0], frames[index]) for index in indices[0]]
        held_out += [FramePair(frames[0], frames[index]) for index in indices[1]]
        held = len(indices[1])
        held_out_from.append(f"{held} of {clip.name}" if held else f"none of {clip.name}, which is too short")
    if not clips:
        held_out_from.append("no clip was given")
    return CalibrationFrames(calibrated, held_out, "; ".join(held_out_from))


def split_in_blocks(count: int) -> tuple[list[int], list[int]]:
    """Splits the frames of a clip, in order, for calibration and check.

    Args:
        count: How many frames.

    Returns:
        Indices to calibrate on, and indices held out: one block in the middle of each of the BLOCKS parts, none if
        they have fewer than HELD_OUT_SHARE frames. The frame on either side of a block is in neither.
    """
    calibrated: list[int] = []
    held_out: list[int] = []
    for start, end in pairwise(count * part // BLOCKS for part in range(BLOCKS + 1)):
        length = (end - start) // HELD_OUT_SHARE
        first = start + (end - start - length) // 2
        block = range(first, first + length)
        apart = range(first - 1, first + length + 1) if block else block
        held_out += block
        calibrated += [index for index in range(start, end) if index not in apart]
    return calibrated, held_out


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
