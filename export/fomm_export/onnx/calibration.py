"""Frames that calibrate int8 and frames that check it: the parity picture, moved, and clips.

Neighbouring frames of a clip are nearly equal, so held-out frames form blocks with a gap on either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from fomm_export.onnx.quantization import CalibrationFrames, FramePair
from fomm_rt.framing import centred_square
from fomm_rt.image import Image
from fomm_rt.model.parity_picture import parity_frames

FRAMES_OF_A_CLIP = 24
"""Number of frames taken from each clip, evenly spread."""

BLOCKS = 2
"""Number of equal parts of a clip; the middle of each part is held out."""

HELD_OUT_SHARE = 4
"""One in this many frames of a part is held out, none if the part has fewer frames."""

MOVE_HELD_OUT = 1
"""Index into `parity_picture.MOVES` of the only move that enlarges the picture."""


def calibration_frames(size: int, clips: Sequence[Path] = ()) -> CalibrationFrames:
    """Pairs the parity picture with its moved copies, and the first frame of each clip with frames of that clip.

    Args:
        size: Side of the frames in pixels.
        clips: Videos or pictures, cropped to their largest centred square.

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
    """Splits the frames of a clip.

    Args:
        count: Number of frames.

    Returns:
        Indices to calibrate on, and indices held out: a block in the middle of each part. The frame on either side of a
        block is in neither.
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
    from fomm_rt.media.read.video_reader import VideoReader  # needs PyAV, which an export without clips does not

    # Thins out by half whenever twice as many frames as needed are kept, since the length of the clip is unknown.
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
