"""Motion files: the driving keypoints of a clip in an .npz file, to use in place of the video.

    format_version   ()           int64
    value            (F, K, 2)    float32
    jacobian         (F, K, 2, 2) float32   absent if the model has no jacobians
    ticks            (F,)         int64     time of each frame in units of time_base
    time_base        (2,)         int64     numerator and denominator, in seconds
    rate             (2,)         int64     frames per second if constant, otherwise 0/1
    last_duration    (2,)         int64     seconds that the last frame is shown if times vary or it is held, else 0/1
    weights          ()           str       identity of the weights that found the keypoints (`Weights.identity`)

Pickle is neither written nor read.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import lcm
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_rt.clip.npz import UnreadableArrayError, read_arrays
from fomm_rt.errors import MotionError
from fomm_rt.files.address import explain_input
from fomm_rt.files.staging import StagedOutput, reporting_failures
from fomm_rt.model.manifest import Manifest
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.printable import on_one_line

FORMAT_VERSION = 1
HIGHEST_RATE = 1000
LONGEST_S = 1e6
LARGEST_NUMBER = 1e6
MOST_FRAMES = 1 << 20
"""Nearly ten hours at 30 frames per second."""
LARGEST_CONTENT_BYTES = 1 << 29
LONGEST_IDENTITY_BYTES = 4096
_ARRAYS = {"format_version", "value", "ticks", "time_base", "rate", "last_duration", "weights"}
"""What every motion file has."""


@dataclass(frozen=True, eq=False)
class Motion:
    """Keypoints of every frame of a clip.

    Attributes:
        value: (F, K, 2) float32.
        jacobian: (F, K, 2, 2) float32 or None.
        times: Seconds from the start of the clip, one per frame.
        rate: Frames per second if constant.
        last_duration: As `Timing.last_duration`.
        weights: Identity of the weights whose detector found the keypoints.
    """

    value: NDArray[np.float32]
    jacobian: NDArray[np.float32] | None
    times: tuple[Fraction, ...]
    rate: Fraction | None
    last_duration: Fraction | None
    weights: str

    @property
    def time_base(self) -> Fraction:
        """The longest tick, in seconds, of which every time is a whole multiple."""
        return Fraction(1, lcm(*(time.denominator for time in self.times)))

    def check_architecture(self, path: Path, model: Manifest) -> None:
        """Checks that this motion can drive a model.

        Raises:
            MotionError: Its keypoints are those of another architecture.
        """
        recorded = (self.value.shape[1], self.jacobian is not None)
        needed = (model.num_kp, model.has_jacobians)
        if recorded != needed:
            raise MotionError(
                f"{path}: holds {_described(*recorded)}; {model.name} needs {_described(*needed)}. Record the motion "
                "again with this model and --save-motion"
            )

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, index: int) -> Keypoints:
        return Keypoints(self.value[index], None if self.jacobian is None else self.jacobian[index])

    def __iter__(self) -> Iterator[Keypoints]:
        return (self[i] for i in range(len(self)))


def _described(num_kp: int, has_jacobians: bool) -> str:
    return f"{num_kp} keypoints {'with' if has_jacobians else 'without'} jacobians"


class MotionRecording:
    """Takes keypoints frame by frame, in (6·K + 2)·4 bytes per frame with jacobians.

    Times are stored as `load_motion` accepts them: the first is not negative, and a frame whose time is implausible or
    does not advance follows the frame before it by one tick.
    """

    def __init__(self, weights: str, time_base: Fraction) -> None:
        self._weights = weights
        self._time_base = time_base
        self._num_kp = 0
        self._start = self._first_time = Fraction(0)
        self._values = array("f")
        self._jacobians = array("f")
        self._ticks = array("q")

    def add(self, keypoints: Keypoints, time: Fraction) -> None:
        """Takes the next frame; time is in seconds from the start of the clip."""
        if not self._ticks:
            self._num_kp, self._start = len(keypoints.value), time
            # A start between two ticks, which sound can cause, would need an unbounded denominator.
            first = round(time / self._time_base) * self._time_base
            self._first_time = first if 0 <= first < LONGEST_S else Fraction(0)
        self._values.frombytes(np.ascontiguousarray(keypoints.value, np.float32).tobytes())
        if keypoints.jacobian is not None:
            self._jacobians.frombytes(np.ascontiguousarray(keypoints.jacobian, np.float32).tobytes())
        ticks = round((time - self._start) / self._time_base)
        if self._ticks and (ticks <= self._ticks[-1] or self._first_time + ticks * self._time_base >= LONGEST_S):
            ticks = self._ticks[-1] + 1
        self._ticks.append(ticks)

    def motion(self, rate: Fraction | None, last_duration: Fraction | None = None) -> Motion:
        """Returns all frames so far, at least one; for the arguments see `Motion`."""
        if last_duration is not None and (last_duration >= LONGEST_S or max(last_duration.as_integer_ratio()) >= 2**31):
            last_duration = min(last_duration, Fraction(LONGEST_S) - 1).limit_denominator(1000)
        value = np.frombuffer(self._values, np.float32).reshape(-1, self._num_kp, 2)
        jacobian = None
        if self._jacobians:
            jacobian = np.frombuffer(self._jacobians, np.float32).reshape(-1, self._num_kp, 2, 2)
        times = tuple(self._first_time + tick * self._time_base for tick in self._ticks)
        return Motion(value, jacobian, times, rate, last_duration, self._weights)


def save_motion(target: str | PathLike[str] | StagedOutput, motion: Motion) -> None:
    """Writes a motion file, completely or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    base = motion.time_base
    rate, last_duration = motion.rate or Fraction(0), motion.last_duration or Fraction(0)
    arrays: dict[str, NDArray[np.generic]] = {
        "format_version": np.array(FORMAT_VERSION, np.int64),
        "value": motion.value,
        "ticks": np.array([int(time / base) for time in motion.times], np.int64),
        "time_base": np.array(base.as_integer_ratio(), np.int64),
        "rate": np.array(rate.as_integer_ratio(), np.int64),
        "last_duration": np.array(last_duration.as_integer_ratio(), np.int64),
        "weights": np.array(motion.weights),
    }
    if motion.jacobian is not None:
        arrays["jacobian"] = motion.jacobian
    with target if isinstance(target, StagedOutput) else StagedOutput(Path(target)) as staged:
        with reporting_failures(staged.target), staged.path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        staged.commit()


def load_motion(path: str | PathLike[str]) -> Motion:
    """Reads a motion file.

    Raises:
        MotionError: The file is missing, damaged, of a newer format, or not a motion file.
    """
    path = Path(path)
    try:
        if not path.exists():
            if instead := explain_input(path):
                raise MotionError(instead)
            raise MotionError(f"{path}: there is no such motion file; make one with --save-motion")
        if not path.is_file():
            raise MotionError(f"{path}: expected a motion file; it is a folder or device")
        return _parse(read_arrays(path, (*_ARRAYS, "jacobian"), LARGEST_CONTENT_BYTES), path)
    except PermissionError as error:
        raise MotionError(f"{path}: no permission to read it; change its mode or copy it") from error
    except (_WrongContentError, UnreadableArrayError) as error:
        raise MotionError(f"{path}: expected a motion file made with --save-motion; {error}") from error
    # Arrays of other types or shapes than those of a motion file fail in many ways.
    except (OSError, ValueError, TypeError, OverflowError) as error:
        raise MotionError(
            f"{path}: expected a motion file made with --save-motion; it is damaged or of another kind"
        ) from error


class _WrongContentError(Exception):
    """The content of a readable archive is wrong; the message says why."""


def _parse(arrays: dict[str, NDArray[Any]], path: Path) -> Motion:
    missing = _ARRAYS - arrays.keys()
    if missing:
        raise _WrongContentError(f"it has no {min(missing)}")
    version = int(arrays["format_version"])
    if version > FORMAT_VERSION:
        raise MotionError(
            f"{path}: has motion format {version}; this fomm-rt reads up to {FORMAT_VERSION}. Upgrade fomm-rt"
        )
    value, jacobian = arrays["value"], arrays.get("jacobian")
    ticks = np.asarray(arrays["ticks"], np.int64)
    frames = len(ticks)
    if frames > MOST_FRAMES:
        raise _WrongContentError(f"it has {frames} frames, more than {MOST_FRAMES}")
    if version < 1 or frames == 0 or value.ndim != 3 or value.shape[0] != frames or value.shape[2] != 2:
        raise _WrongContentError(f"value has shape {value.shape}, ticks {ticks.shape}, format {version}")
    if jacobian is not None and jacobian.shape != (*value.shape[:2], 2, 2):
        raise _WrongContentError(f"jacobian has shape {jacobian.shape}, value {value.shape}")
    for name, given in (("value", value), ("jacobian", jacobian)):
        if given is not None and (given.dtype != np.float32 or not (np.abs(given) < LARGEST_NUMBER).all()):
            raise _WrongContentError(f"{name} is not finite float32 of a plausible size")
    base, rate, last_duration = (_fraction(arrays[name]) for name in ("time_base", "rate", "last_duration"))
    if not 0 <= rate <= HIGHEST_RATE or base <= 0 or not 0 <= last_duration < LONGEST_S:
        raise _WrongContentError(f"a rate of {rate} and a time base of {base} are not plausible")
    times = tuple(int(tick) * base for tick in ticks)
    if any(b <= a for a, b in pairwise(times)) or not (times[0] >= 0 and times[-1] < LONGEST_S):
        raise _WrongContentError("its times do not increase or are not plausible")
    return Motion(value, jacobian, times, rate or None, last_duration or None, _weights(arrays["weights"]))


def _weights(identity: NDArray[np.generic]) -> str:
    if identity.size != 1 or identity.dtype.itemsize > LONGEST_IDENTITY_BYTES:
        raise _WrongContentError("its weights are not named")
    return on_one_line(str(identity.reshape(())))


def _fraction(pair: NDArray[np.generic]) -> Fraction:
    numerator, denominator = (int(x) for x in np.asarray(pair, np.int64))
    if denominator < 1 or max(abs(numerator), denominator) >= 2**31:
        raise _WrongContentError(f"{numerator}/{denominator} is no rate or time base")
    return Fraction(numerator, denominator)
