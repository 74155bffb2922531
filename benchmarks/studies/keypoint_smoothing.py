"""How much jitter `KeypointFilter` leaves at rest, and how far it lags behind a moving head.

    python benchmarks/studies/keypoint_smoothing.py [--json FILE]

The bundled model's detector finds the keypoints. Jitter: the mean movement of a keypoint from frame to frame while
bundled avatars rest and a sensor's noise is added, in pixels of the frame. Lag: the delay at which the keypoints of the
bundled performance with that noise, filtered, correlate best with those of the performance without it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_bench.results.results_file import write_document
from fomm_rt.animator import Animator
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.motion.smoothing import KeypointFilter

STRENGTHS = (0.0, 0.25, 0.5, 1.0)
NOISE_LEVELS = (2.0, 10.0)
"""Standard deviations of a sensor's noise, as in daylight and in a dark room."""
AVATARS, RESTING_FRAMES = 3, 90
SETTLING_FRAMES = 15
"""Frames until a filter has forgotten its start."""
LONGEST_LAG_FRAMES, LAG_STEP_FRAMES = 6.0, 0.02
LINE = (
    "noise {noise_levels:4.1f}  strength {strength:.2f}  "
    "jitter {jitter_px:.4f} px ({jitter_share:.2f})  lag {lag_ms:3.0f} ms ({lag_frames:.2f} frames)"
)

Track = list[Keypoints]


def noisy(pictures: Iterable[Image], levels: float) -> Iterator[Image]:
    """Adds a sensor's noise of a standard deviation to pictures."""
    rng = np.random.default_rng(0)
    for picture in pictures:
        yield (picture + rng.normal(0, levels, picture.shape)).round().clip(0, 255).astype(np.uint8)


def filtered(track: Track, strength: float, frame_rate: float) -> Track:
    """The keypoints of successive frames after `KeypointFilter`."""
    smooth = KeypointFilter(strength)
    return [smooth(keypoints, index / frame_rate) for index, keypoints in enumerate(track)]


def movement_px(track: Track, size: int) -> float:
    """Mean movement of a keypoint between frames once the filter has settled, in pixels of a frame of this size."""
    steps = np.diff(_values(track)[SETTLING_FRAMES:], axis=0)
    return float(np.linalg.norm(steps, axis=-1).mean()) * (size - 1) / 2


def lag_frames(late: Track, truth: Track) -> float:
    """The delay of a track against another at which their cross-correlation is largest, in frames; at least 0."""
    moments = np.arange(int(np.ceil(LONGEST_LAG_FRAMES)), len(truth))
    late_centred = _centred(_values(late)[moments])

    def correlation(lag: float) -> float:
        before = _centred(_at(_values(truth), moments - lag))
        return float((before * late_centred).sum() / np.linalg.norm(before))

    return float(max(np.arange(0, LONGEST_LAG_FRAMES, LAG_STEP_FRAMES), key=correlation))


def measure(resting: list[Track], moving: Track, truth: Track, frame_rate: float, size: int) -> list[dict[str, float]]:
    """Jitter and lag of every strength.

    Args:
        resting: Keypoints of faces that rest.
        moving, truth: Keypoints of a face that moves, with and without noise.
        frame_rate: Of all these, in frames a second.
        size: Side of the frames in pixels.
    """
    unfiltered = _jitter_px(resting, 0, frame_rate, size)
    rows = []
    for strength in STRENGTHS:
        jitter = _jitter_px(resting, strength, frame_rate, size)
        lag = lag_frames(filtered(moving, strength, frame_rate), truth)
        rows.append(
            {
                "strength": strength,
                "jitter_px": jitter,
                "jitter_share": jitter / unfiltered,
                "lag_frames": lag,
                "lag_ms": 1000 * lag / frame_rate,
            }
        )
    return rows


def _jitter_px(resting: list[Track], strength: float, frame_rate: float, size: int) -> float:
    return float(np.mean([movement_px(filtered(track, strength, frame_rate), size) for track in resting]))


def _values(track: Track) -> NDArray[np.float64]:
    """(frames, K, 2), from -1 to 1."""
    return np.array([keypoints.value for keypoints in track], np.float64)


def _at(values: NDArray[np.float64], moments: NDArray[Any]) -> NDArray[np.float64]:
    """Values between frames, linearly interpolated."""
    earlier = np.clip(np.floor(moments).astype(int), 0, len(values) - 2)
    share = (moments - earlier)[:, None, None]
    return np.asarray((1 - share) * values[earlier] + share * values[earlier + 1])


def _centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values - values.mean(axis=0))


def main() -> None:
    """Finds keypoints, prints a table, and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    avatars = [read_picture(path) for path in bundled_avatars()[:AVATARS]]
    with VideoReader(bundled_performance()) as reader:
        performance, frame_rate = [frame.pixels for frame in reader], float(reader.timing.rate or 0)
    rows = []
    with Animator.load() as animator:
        size = animator.size
        truth = [animator.keypoints(frame) for frame in performance]
        speed_px = movement_px(truth, size) * frame_rate
        print(f"keypoints of the performance move by {speed_px:.0f} px a second, at {frame_rate:g} frames a second")
        for levels in NOISE_LEVELS:
            resting = [
                [animator.keypoints(frame) for frame in noisy([avatar] * RESTING_FRAMES, levels)] for avatar in avatars
            ]
            moving = [animator.keypoints(frame) for frame in noisy(performance, levels)]
            for row in measure(resting, moving, truth, frame_rate, size):
                rows.append({"noise_levels": levels, **row})
                print(LINE.format(**rows[-1]), flush=True)
    if options.json:
        results = {"size": size, "frame_rate": frame_rate, "speed_px_per_s": speed_px, "strengths": rows}
        document = {"benchmark": "keypoint smoothing", "command": script_command(), **results}
        write_document(options.json, {**document, "environment": describe_environment()})


if __name__ == "__main__":
    main()
