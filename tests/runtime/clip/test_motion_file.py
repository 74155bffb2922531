"""Motion files: exact round trips, and refusal of everything else."""

import os
import pickle
from fractions import Fraction
from math import lcm
from pathlib import Path

import numpy as np
import pytest

from fomm_rt.clip.motion_file import Motion, MotionRecording, load_motion, save_motion
from fomm_rt.errors import MotionError, OutputError
from fomm_rt.motion.keypoints import Keypoints

RNG = np.random.default_rng(0)


def motion(frames: int = 4, rate: Fraction | None = Fraction(30000, 1001), jacobians: bool = True) -> Motion:
    times = [Fraction(i * 1001, 30000) for i in range(frames)]
    if rate is None:
        times = [Fraction(1, 7), Fraction(1, 3), Fraction(1001, 1000), Fraction(7, 2)][:frames]
    recording = MotionRecording("abc", Fraction(1, lcm(*(time.denominator for time in times))))
    for time in times:
        jacobian = RNG.standard_normal((5, 2, 2)).astype(np.float32) if jacobians else None
        recording.add(Keypoints(RNG.standard_normal((5, 2)).astype(np.float32), jacobian), time)
    result = recording.motion(rate, None if rate else Fraction(1, 3))
    assert result.times == tuple(times)
    return result


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), None])
@pytest.mark.parametrize("jacobians", [True, False])
def test_a_motion_file_survives_a_round_trip(tmp_path: Path, rate: Fraction | None, jacobians: bool) -> None:
    before = motion(4, rate, jacobians)
    save_motion(tmp_path / "m.npz", before)
    after = load_motion(tmp_path / "m.npz")
    assert (after.times, after.rate, after.weights, len(after)) == (before.times, rate, "abc", 4)
    assert after.last_duration == before.last_duration
    assert np.array_equal(after.value, before.value)
    assert (after.jacobian is None) == (not jacobians)
    for a, b in zip(after, before, strict=True):
        assert np.array_equal(a.value, b.value)


def test_a_start_between_two_ticks_can_be_read_again(tmp_path: Path) -> None:
    """Fine picture ticks and sound that starts between two of them would need unbounded denominators."""
    recording = MotionRecording("abc", Fraction(1, 10**7))
    for i in range(3):
        recording.add(Keypoints(np.zeros((5, 2), np.float32)), Fraction(1001, 44100) + Fraction(i, 10))
    save_motion(tmp_path / "m.npz", recording.motion(None))
    times = load_motion(tmp_path / "m.npz").times
    assert times[2] - times[0] == Fraction(1, 5)
    assert abs(times[0] - Fraction(1001, 44100)) < Fraction(1, 10**7)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ([0, 40, 40, 80], [0, 40, 41, 80]),
        ([0, 40, 40, 40, 42], [0, 40, 41, 42, 43]),
        ([0, 80, 40, 120], [0, 80, 81, 120]),
        ([-40, 0, 40], [0, 40, 80]),
        ([-10, -10, 0], [0, 1, 10]),
        ([0, 40, 2 * 10**12, 80], [0, 40, 41, 80]),
        ([2 * 10**12, 2 * 10**12 + 40], [0, 40]),
    ],
)
def test_repairs_times_that_no_reader_accepts(tmp_path: Path, given: list[int], stored: list[int]) -> None:
    """Files may hold equal, decreasing, negative and absurd times."""
    recording = MotionRecording("abc", Fraction(1, 1000))
    for time in given:
        recording.add(Keypoints(np.zeros((5, 2), np.float32)), Fraction(time, 1000))
    save_motion(tmp_path / "m.npz", recording.motion(None))
    assert [time * 1000 for time in load_motion(tmp_path / "m.npz").times] == stored


def test_a_start_half_a_tick_off_keeps_steps_even(tmp_path: Path) -> None:
    recording = MotionRecording("abc", Fraction(1, 25))
    for i in range(6):
        recording.add(Keypoints(np.zeros((5, 2), np.float32)), Fraction(2 * i + 1, 50))
    save_motion(tmp_path / "m.npz", recording.motion(Fraction(25)))
    assert [time * 25 for time in load_motion(tmp_path / "m.npz").times] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("last_duration", [Fraction(3 * 10**9 + 1, 10**7), Fraction(1, 10**10), Fraction(10**7)])
def test_a_last_duration_of_any_size_can_be_read_again(tmp_path: Path, last_duration: Fraction) -> None:
    recording = MotionRecording("abc", Fraction(1, 10**7))
    recording.add(Keypoints(np.zeros((5, 2), np.float32)), Fraction(0))
    save_motion(tmp_path / "m.npz", recording.motion(None, last_duration))
    found = load_motion(tmp_path / "m.npz").last_duration or Fraction(0)
    assert abs(found - min(last_duration, Fraction(10**6 - 1))) < Fraction(1, 1000)


def test_writes_completely_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        save_motion(tmp_path / "file" / "m.npz" if (tmp_path / "file").write_text("") else tmp_path, motion())
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def changed(path: Path, **changes: object) -> Path:
    save_motion(path, motion())
    with np.load(path) as arrays:
        content = dict(arrays)
    for name, value in changes.items():
        if value is None:
            del content[name]
        else:
            content[name] = np.asarray(value)
    np.savez(path, **content)
    return path


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"format_version": 2}, "has motion format 2"),
        ({"value": None}, "value"),
        ({"value": np.zeros((3, 5, 2), np.float32)}, "shape"),
        ({"value": np.full((4, 5, 2), np.nan, np.float32)}, "not finite"),
        ({"value": np.zeros((4, 5, 2), np.float64)}, "float32"),
        ({"jacobian": np.zeros((4, 6, 2, 2), np.float32)}, "jacobian has shape"),
        ({"ticks": np.array([0, 2, 1, 3])}, "do not increase"),
        ({"time_base": np.array([1, 0])}, "1/0 is no"),
        ({"time_base": np.array([-1, 30])}, "not plausible"),
        ({"rate": np.array([-25, 1])}, "rate of -25"),
        ({"ticks": np.zeros(0, np.int64), "value": np.zeros((0, 5, 2), np.float32)}, "shape"),
        ({"value": np.array([object()], object)}, "of another kind"),
        ({"value": np.full((4, 5, 2), 1e30, np.float32)}, "plausible size"),
        ({"ticks": np.arange(4) * 10**17}, "not plausible"),
        ({"rate": np.array([2**62, 1])}, "is no rate"),
        ({"format_version": -5}, "format -5"),
        ({"format_version": np.inf}, "of another kind"),
    ],
)
def test_refuses_other_content(tmp_path: Path, changes: dict[str, object], word: str) -> None:
    path = changed(tmp_path / "m.npz", **changes)
    with pytest.raises(MotionError, match=word) as caught:
        load_motion(path)
    assert str(caught.value).startswith(str(path))


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (self.target,)


def test_no_pickle_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    path.write_bytes(pickle.dumps(Malicious(tmp_path / "trace")))
    with pytest.raises(MotionError):
        load_motion(path)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_refuses_a_truncated_file(tmp_path: Path, share: float) -> None:
    path = tmp_path / "m.npz"
    save_motion(path, motion())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(MotionError):
        load_motion(path)


def test_survives_damage_anywhere(tmp_path: Path) -> None:
    """With sixteen bytes overwritten, a hundred times, the file is read or refused; nothing else happens."""
    path = tmp_path / "m.npz"
    save_motion(path, motion(40))
    content = path.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(100):
        damaged = bytearray(content)
        position = int(rng.integers(0, len(content) - 16))
        damaged[position : position + 16] = rng.bytes(16)
        path.write_bytes(damaged)
        try:
            load_motion(path)
        except MotionError:
            refused += 1
    assert refused > 50


def test_refuses_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match="no such motion file"):
        load_motion(tmp_path / "absent.npz")
    with pytest.raises(MotionError, match="folder or device"):
        load_motion(tmp_path)
    os.mkfifo(tmp_path / "fifo.npz")
    with pytest.raises(MotionError, match="folder or device"):
        load_motion(tmp_path / "fifo.npz")
