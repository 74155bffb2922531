"""What a head does: one moment (a pose), and a smooth performance of a talking head."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Track = npt.NDArray[np.float64]

RANGES = {
    "yaw": (-0.8, 0.8),
    "pitch": (-0.5, 0.5),
    "roll": (-0.6, 0.6),
    "x": (-0.5, 0.5),
    "y": (-0.5, 0.5),
    "scale": (0.5, 1.6),
    "mouth_open": (0.0, 1.0),
    "smile": (-1.0, 1.0),
    "blink_left": (0.0, 1.0),
    "blink_right": (0.0, 1.0),
    "brow": (-1.0, 1.0),
    "gaze_x": (-1.0, 1.0),
    "gaze_y": (-1.0, 1.0),
}


@dataclass(frozen=True)
class Pose:
    """One moment; the defaults are a neutral frontal face.

    Attributes:
        yaw: Radians, positive turns the face to the picture's right.
        pitch: Radians, positive nods down.
        roll: Radians, positive tilts clockwise in the picture.
        x: Shift of the head, half picture sides, to the right.
        y: The same, downwards.
        scale: 1 makes the skull about 0.55 of the picture's height.
        mouth_open: 0 closed, 1 wide open.
        smile: -1 to 1.
        blink_left: 0 open, 1 closed; the eye on the picture's left.
        blink_right: The same for the other eye.
        brow: -1 lowered, 1 raised.
        gaze_x: -1 to 1, to the picture's right.
        gaze_y: -1 to 1, downwards.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    mouth_open: float = 0.0
    smile: float = 0.0
    blink_left: float = 0.0
    blink_right: float = 0.0
    brow: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0

    def moved(self, first: Pose, now: Pose) -> Pose:
        """This pose displaced by the change first -> now, clipped to the ranges; scale multiplies."""
        values: dict[str, float] = {}
        for field in fields(self):
            name = field.name
            mine, before, after = getattr(self, name), getattr(first, name), getattr(now, name)
            value = mine * after / before if name == "scale" else mine + after - before
            values[name] = float(np.clip(value, *RANGES[name]))
        return Pose(**values)


def draw_pose(rng: np.random.Generator, strength: float = 1.0) -> Pose:
    """A random single moment; `strength` widens or narrows the motion of the head, not the expression."""
    wide = rng.uniform(-1, 1, 5) * strength
    blink = float(rng.uniform(0.2, 1.0)) if rng.random() < 0.35 else 0.0
    if blink > 0.7:
        blink = 1.0
    blinks = [blink, blink]
    if rng.random() < 0.08:
        blinks[int(rng.integers(2))] = 1.0 - blink
    mouth_open = float(rng.uniform(0, 0.15) if rng.random() < 0.5 else rng.uniform(0, 1))
    smile, brow, gaze_x, gaze_y = (float(v) for v in rng.uniform(-1, 1, 4))
    return Pose(
        yaw=0.55 * float(wide[0]),
        pitch=0.35 * float(wide[1]),
        roll=0.3 * float(wide[2]),
        x=0.12 * float(wide[3]),
        y=0.12 * float(wide[4]),
        scale=1 + 0.15 * strength * float(rng.uniform(-1, 1)),
        mouth_open=mouth_open,
        smile=smile,
        blink_left=blinks[0],
        blink_right=blinks[1],
        brow=brow,
        gaze_x=gaze_x,
        gaze_y=0.7 * gaze_y,
    )


def draw_performance(seed: int, frames: int, frame_rate: float = 25.0) -> list[Pose]:
    """Smooth random motion of a talking head that begins near neutral.

    Args:
        seed: Equal arguments give an equal performance.
        frames: Number of poses.
        frame_rate: Frames a second.

    Returns:
        One pose a frame.
    """
    rng = np.random.default_rng([seed, 7])
    time_s = np.arange(frames) / frame_rate
    onset = _ease(time_s / 1.2)
    yaw, pitch, roll = (onset * _wander(rng, time_s, 0.45) * size for size in (0.42, 0.2, 0.16))
    x, y, scale = (onset * _wander(rng, time_s, 0.25) * size for size in (0.07, 0.05, 0.06))
    smile = onset * (0.25 + 0.6 * _wander(rng, time_s, 0.3))
    brow = onset * np.clip(0.2 * _wander(rng, time_s, 0.5) + _pulses(rng, time_s, (2.5, 6.0), 0.9, 0.9), -1, 1)
    mouth_open = _speech(rng, time_s)
    blink = _pulses(rng, time_s, (2.0, 4.0), 0.25, 1.0)
    gaze_x, gaze_y = onset * _saccades(rng, time_s, 0.7), onset * _saccades(rng, time_s, 0.4)
    return [
        Pose(
            yaw=float(yaw[i]),
            pitch=float(pitch[i]),
            roll=float(roll[i]),
            x=float(x[i]),
            y=float(y[i]),
            scale=float(1 + scale[i]),
            mouth_open=float(mouth_open[i]),
            smile=float(np.clip(smile[i], -1, 1)),
            blink_left=float(blink[i]),
            blink_right=float(blink[i]),
            brow=float(brow[i]),
            gaze_x=float(gaze_x[i]),
            gaze_y=float(gaze_y[i]),
        )
        for i in range(frames)
    ]


def _ease(t: Track) -> Track:
    """Smooth step from 0 at t = 0 to 1 at t = 1."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _wander(rng: np.random.Generator, time_s: Track, highest_hz: float) -> Track:
    """A sum of slow sines, roughly -1 to 1."""
    frequencies = rng.uniform(0.15, 1.0, 5) * highest_hz
    phases = rng.uniform(0, 2 * np.pi, 5)
    track: Track = np.sin(2 * np.pi * frequencies * time_s[:, None] + phases).sum(axis=1) / 2.6
    return np.clip(track, -1.3, 1.3)


def _pulses(
    rng: np.random.Generator, time_s: Track, every_s: tuple[float, float], long_s: float, height: float
) -> Track:
    """Bumps `long_s` long, at random intervals; the first comes after 0.8 s at the earliest."""
    track = np.zeros_like(time_s)
    centre = 0.8 + rng.uniform(0, 0.5 * every_s[1])
    while len(time_s) and centre < time_s[-1] + long_s:
        distance = np.abs(time_s - centre) / (0.5 * long_s)
        # The plateau keeps a short blink fully closed for at least one frame at 25 frames a second.
        track = np.maximum(track, height * _ease(1.35 * (1 - distance)))
        centre += rng.uniform(*every_s)
    return track


def _speech(rng: np.random.Generator, time_s: Track) -> Track:
    """Overlapping syllables 0.17 to 0.32 s apart, in phrases with pauses between them; 0 to 1."""
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
    """Gaze that rests, then jumps within 0.1 s."""
    track = np.zeros_like(time_s)
    now, here = 0.6, 0.0
    while len(time_s) and now < time_s[-1]:
        there = float(rng.uniform(-size, size)) if rng.random() < 0.65 else 0.0
        track += (there - here) * _ease((time_s - now) / 0.1)
        here = there
        now += rng.uniform(0.5, 1.8)
    return track
