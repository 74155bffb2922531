"""Performances: smooth random motion of a talking head."""

import numpy as np
import numpy.typing as npt

from fomm_train.faces.pose import Pose

Track = npt.NDArray[np.float64]
"""(frames,): one field of a pose over time."""


def draw_performance(seed: int, frames: int, frame_rate: float = 25.0) -> list[Pose]:
    """Draws a pose per frame, beginning near the neutral pose; equal arguments give equal performances."""
    rng = np.random.default_rng([seed, 7])
    time_s = np.arange(frames) / frame_rate
    onset = _ease(time_s / 1.2)
    tracks: dict[str, Track] = {}
    for name, size in (("yaw", 0.42), ("pitch", 0.2), ("roll", 0.16)):
        tracks[name] = onset * _wander(rng, time_s, 0.45) * size
    for name, size in (("x", 0.07), ("y", 0.05), ("scale", 0.06)):
        tracks[name] = onset * _wander(rng, time_s, 0.25) * size
    tracks["scale"] = 1 + tracks["scale"]
    tracks["smile"] = np.clip(onset * (0.25 + 0.6 * _wander(rng, time_s, 0.3)), -1, 1)
    raised = 0.2 * _wander(rng, time_s, 0.5) + _pulses(rng, time_s, (2.5, 6.0), 0.9, 0.9)
    tracks["brow"] = onset * np.clip(raised, -1, 1)
    tracks["mouth_open"] = _speech(rng, time_s)
    tracks["blink_left"] = tracks["blink_right"] = _pulses(rng, time_s, (2.0, 4.0), 0.25, 1.0)
    tracks["gaze_x"] = onset * _saccades(rng, time_s, 0.7)
    tracks["gaze_y"] = onset * _saccades(rng, time_s, 0.4)
    return [Pose(**{name: float(track[i]) for name, track in tracks.items()}) for i in range(frames)]


def _ease(t: Track) -> Track:
    """Smooth step from 0 at t = 0 to 1 at t = 1."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _wander(rng: np.random.Generator, time_s: Track, highest_hz: float) -> Track:
    """A sum of slow sines, about -1 to 1."""
    frequencies = rng.uniform(0.15, 1.0, 5) * highest_hz
    phases = rng.uniform(0, 2 * np.pi, 5)
    track: Track = np.sin(2 * np.pi * frequencies * time_s[:, None] + phases).sum(axis=1) / 2.6
    return np.clip(track, -1.3, 1.3)


def _pulses(
    rng: np.random.Generator, time_s: Track, every_s: tuple[float, float], long_s: float, height: float
) -> Track:
    """Bumps of length `long_s` at random intervals; the first is centred at 0.8 s or later."""
    track = np.zeros_like(time_s)
    centre = 0.8 + rng.uniform(0, 0.5 * every_s[1])
    while len(time_s) and centre < time_s[-1] + long_s:
        distance = np.abs(time_s - centre) / (0.5 * long_s)
        # The plateau keeps a short blink fully closed for at least one frame at 25 fps.
        track = np.maximum(track, height * _ease(1.35 * (1 - distance)))
        centre += rng.uniform(*every_s)
    return track


def _speech(rng: np.random.Generator, time_s: Track) -> Track:
    """Overlapping syllables, 0.17 to 0.32 s apart, in phrases separated by pauses; 0 to 1."""
    track = np.zeros_like(time_s)
    now = 0.35
    while len(time_s) and now < time_s[-1]:
        phrase_end = now + rng.uniform(1.2, 3.0)
        while now < phrase_end:
            length = rng.uniform(0.17, 0.32)
            height = rng.uniform(0.2, 0.95)
            distance = (time_s - now - length) / (0.95 * length)
            bump = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance, -1, 1))
            track = np.maximum(track, height * bump)
            now += length
        now += rng.uniform(0.4, 1.0)
    return track


def _saccades(rng: np.random.Generator, time_s: Track, size: float) -> Track:
    """Gaze that rests and then jumps within 0.1 s."""
    track = np.zeros_like(time_s)
    now, here = 0.6, 0.0
    while len(time_s) and now < time_s[-1]:
        there = float(rng.uniform(-size, size)) if rng.random() < 0.65 else 0.0
        track += (there - here) * _ease((time_s - now) / 0.1)
        here = there
        now += rng.uniform(0.5, 1.8)
    return track
