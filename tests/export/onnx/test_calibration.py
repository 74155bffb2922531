"""Calibration frames: the moved picture and clips, split into frames that calibrate and frames that check."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from clips import write_clip
from fomm_export.onnx.calibration import BLOCKS, FRAMES_OF_A_CLIP, calibration_frames, split_in_blocks
from fomm_rt.errors import MediaError
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.model.parity_picture import MOVES


def test_holds_out_one_move_of_the_picture() -> None:
    frames = calibration_frames(64)
    pairs = [*frames.calibrated, *frames.held_out]
    assert (len(frames.calibrated), len(frames.held_out)) == (len(MOVES) - 1, 1)
    assert all(frame.shape == (64, 64, 3) for pair in pairs for frame in asdict(pair).values())
    assert np.array_equal(pairs[0].source, pairs[0].driving)
    assert frames.held_out_from == "1 frame of the bundled picture, moved otherwise; no clip was given"


@pytest.mark.parametrize("count", range(1, 60))
def test_splits_a_clip_into_separate_blocks(count: int) -> None:
    calibrated, held_out = split_in_blocks(count)
    assert set(calibrated) | set(held_out) <= set(range(count))
    assert calibrated
    assert min((abs(a - b) for a in calibrated for b in held_out), default=2) >= 2
    # Whole blocks: few of the frames held out have none beside them.
    ends = [index for index in held_out if index + 1 not in held_out]
    assert len(ends) <= BLOCKS
    assert len(held_out) >= count // 8 * 2 - 1 if count >= 8 else len(held_out) <= 1


@pytest.mark.parametrize("frames", [1, FRAMES_OF_A_CLIP, 2 * FRAMES_OF_A_CLIP - 1, 3 * FRAMES_OF_A_CLIP])
def test_takes_frames_spread_over_a_clip(tmp_path: Path, frames: int) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=frames)
    found = calibration_frames(64, [clip])
    assert " of clip.mp4" in found.held_out_from
    assert ("too short" in found.held_out_from) is (len(found.held_out) == 1) is (frames == 1)
    pairs = found.calibrated[len(MOVES) - 1 :]
    assert min(frames, FRAMES_OF_A_CLIP / 4) <= len(pairs) <= FRAMES_OF_A_CLIP
    assert all(np.array_equal(pair.source, pairs[0].driving) for pair in pairs)
    with VideoReader(clip) as reader:
        last = [frame.pixels for frame in reader][-1]
    # Spread to the end: the last pair is driven by one of the clip's last frames. Brightness tells a frame's number.
    assert abs(int(pairs[-1].driving[32, 48].mean()) - int(last[24, 48].mean())) <= 14
    levels = [int(pair.driving[32, 48].mean()) for pair in pairs]
    assert len(set(levels)) > len(pairs) // 4


def test_rejects_an_unreadable_clip(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"nothing")
    with pytest.raises(MediaError):
        calibration_frames(64, [tmp_path / "clip.mp4"])
