"""A recorded driver as bytes, for another process that runs the same model in the same way."""

from __future__ import annotations

from fractions import Fraction
from math import isnan
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from fomm_rt.animator import Animator
from fomm_rt.clip.driving import Seen
from fomm_rt.clip.driving_square import DrivingSquare
from fomm_rt.clip.motion_file import Motion
from fomm_rt.clip.recorded_driver import DriverRequest, RecordedDriver, RecordedFrames
from fomm_rt.framing import Framing
from fomm_rt.media.part import Part
from fomm_rt.media.timing import Timing


class _Written(Struct, frozen=True):
    """What is written of a recorded driver.

    Attributes:
        timing, audio_from, part, size, lost, left: Of `RecordedFrames`.
        framing, face: The square.
        warnings: What was said about it.
        times: Seconds, one per frame.
        seen: (F, 2) float64: contrast, and awkwardness or NaN.
        num_kp: Number of keypoints K.
        value: (F, K, 2) float32.
        jacobian: (F, K, 2, 2) float32.
    """

    timing: Timing
    audio_from: str | None
    part: Part | None
    size: tuple[int, int] | None
    lost: tuple[int, int]
    left: tuple[tuple[str, ...], tuple[str, ...]]
    framing: Framing
    face: DrivingSquare | None
    warnings: list[str]
    times: tuple[Fraction, ...]
    seen: bytes
    num_kp: int
    value: bytes
    jacobian: bytes | None


def recording_to_bytes(recorded: RecordedDriver) -> bytes:
    """Writes a recorded driver."""
    frames, (framing, face) = recorded.frames, recorded.square
    motion = frames.source
    assert isinstance(motion, Motion)
    seen = [(each.contrast, np.nan if each.awkwardness is None else each.awkwardness) for each in frames.seen]
    written = _Written(
        timing=frames.timing,
        audio_from=None if frames.audio_from is None else str(frames.audio_from),
        part=frames.part,
        size=frames.size,
        lost=frames.lost,
        left=frames.left,
        framing=framing,
        face=face,
        warnings=recorded.warnings,
        times=motion.times,
        seen=np.array(seen, np.float64).tobytes(),
        num_kp=motion.value.shape[1],
        value=motion.value.tobytes(),
        jacobian=None if motion.jacobian is None else motion.jacobian.tobytes(),
    )
    return msgspec.msgpack.encode(written, enc_hook=_to_text)


def recording_from_bytes(content: bytes, request: DriverRequest, animator: Animator) -> RecordedDriver:
    """Reads what `recording_to_bytes` wrote.

    Args:
        content: Written on this machine.
        request: For which the driver was recorded.
        animator: Runs the same model in the same way as the one that recorded the driver.

    Raises:
        ValueError: The content is damaged.
    """
    written = msgspec.msgpack.decode(content, type=_Written, dec_hook=_from_text)
    seen = np.frombuffer(written.seen, np.float64).reshape(-1, 2).tolist()
    identity, timing = animator.manifest.weights.identity, written.timing
    jacobian = None
    if written.jacobian is not None:
        jacobian = np.frombuffer(written.jacobian, np.float32).reshape(-1, written.num_kp, 2, 2)
    frames = RecordedFrames(
        request.path,
        timing,
        None if written.audio_from is None else Path(written.audio_from),
        identity,
        Motion(
            np.frombuffer(written.value, np.float32).reshape(-1, written.num_kp, 2),
            jacobian,
            written.times,
            timing.rate,
            timing.last_duration,
            identity,
        ),
        written.part,
        written.size,
        tuple(Seen(contrast, None if isnan(awkwardness) else awkwardness) for contrast, awkwardness in seen),
        written.lost,
        written.left,
    )
    return RecordedDriver(request, animator, frames, (written.framing, written.face), written.warnings)


def _to_text(value: Any) -> str:
    if isinstance(value, Fraction):
        return str(value)
    raise NotImplementedError


def _from_text(kind: type, value: Any) -> Any:
    if kind is Fraction:
        return Fraction(value)
    raise NotImplementedError
