"""Recordings, decoded again: whole ones, and those of processes that were killed or filled the disk."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from time import perf_counter, sleep

import av
import numpy as np
import pytest

from fakes.live_control import FakeControl, live_frame, numbered_frame
from fomm_bench.numbered_pictures import number_of, numbered
from fomm_rt.errors import OutputError
from fomm_rt.image import Image
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.outputs.microphone import Microphone
from fomm_rt.live.outputs.recording import Recording

START_S = 1000.0


def _recorded(path: Path) -> tuple[list[int], list[int]]:
    """The numbers and the times in milliseconds of a file's pictures."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    times = [round(1000 * float(frame.time or 0)) for frame in frames]
    return [number_of(_rgb(frame)) for frame in frames], times


def _pictures(path: Path) -> list[Image]:
    with av.open(str(path)) as container:
        return [_rgb(frame) for frame in container.decode(video=0)]


def _rgb(frame: av.VideoFrame) -> Image:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


@pytest.fixture
def control() -> FakeControl:
    return FakeControl(LiveState(recording=True))


def _opened(control: FakeControl, path: Path, **settings: object) -> Recording:
    recording = Recording(path, **settings)  # type: ignore[arg-type]
    recording.open(control)
    return recording


def test_holds_the_shown_frames_with_the_times_of_their_capture(tmp_path: Path, control: FakeControl) -> None:
    recording = _opened(control, tmp_path / "out.mkv")
    times_ms = np.cumsum(np.random.default_rng(0).integers(5, 400, 40))
    for number, time_ms in enumerate(times_ms):
        frame = numbered_frame(number, START_S + time_ms / 1000)
        recording.present(frame)
        if number % 3 == 0:
            recording.present(frame)  # a frozen picture is presented again
    recording.close()
    numbers, recorded_ms = _recorded(tmp_path / "out.mkv")
    assert numbers == list(range(40))
    assert recorded_ms == list(times_ms - times_ms[0])
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.duration is not None
        last_ms = container.duration / 1000 - recorded_ms[-1]
        assert last_ms == pytest.approx(times_ms[-1] - times_ms[-2], abs=1)
        assert container.streams.video[0].average_rate is None, "a rate that varies is not announced"


def test_pictures_that_no_camera_took_are_left_out(tmp_path: Path, control: FakeControl) -> None:
    recording = _opened(control, tmp_path / "out.mkv")
    recording.present(live_frame(numbered(9, 64, 64), None))
    assert not list(tmp_path.iterdir())
    recording.present(numbered_frame(0, START_S))
    recording.present(live_frame(numbered(9, 64, 64), None))
    recording.present(numbered_frame(1, START_S + 0.1))
    recording.close()
    assert _recorded(tmp_path / "out.mkv")[0] == [0, 1]


def test_two_frames_of_one_millisecond(tmp_path: Path, control: FakeControl) -> None:
    recording = _opened(control, tmp_path / "out.mkv")
    for number, time_s in enumerate([0, 0.0001, 0.0002, 0.1]):
        recording.present(numbered_frame(number, START_S + time_s))
    recording.close()
    assert _recorded(tmp_path / "out.mkv") == ([0, 1, 2, 3], [0, 1, 2, 100])


def test_starts_a_new_file_each_time(tmp_path: Path) -> None:
    control = FakeControl()
    (tmp_path / "live-2.mkv").write_bytes(b"another file")
    recording = _opened(control, tmp_path / "live.mkv")
    for number in range(12):
        if number % 3 == 1:
            control.send(Command("record"))
        recording.present(numbered_frame(number, START_S + number / 30))
    recording.close()
    assert [path.name for path in recording.files] == ["live.mkv", "live-3.mkv"]
    assert _recorded(tmp_path / "live.mkv")[0] == [1, 2, 3]
    assert _recorded(tmp_path / "live-3.mkv")[0] == [7, 8, 9]
    assert (tmp_path / "live-2.mkv").read_bytes() == b"another file"


def test_ends_the_file_while_the_picture_is_frozen(tmp_path: Path, control: FakeControl) -> None:
    recording = _opened(control, tmp_path / "out.mkv")
    frame = numbered_frame(3, START_S)
    recording.present(frame)
    control.send(Command("record"))
    recording.present(frame)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.duration, "the file is finished"
    recording.close()
    assert _recorded(tmp_path / "out.mkv") == ([3], [0])


def test_existing_files(tmp_path: Path, control: FakeControl) -> None:
    path = tmp_path / "out.mkv"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists already; overwrite with -y"):
        Recording(path, overwrite=False)
    with pytest.raises(OutputError, match="may not be overwritten"):
        Recording(path, overwrite=lambda existing: existing != [path])

    recording = _opened(control, path, overwrite=None)
    recording.present(numbered_frame(1, START_S))
    recording.close()
    assert path.read_bytes() == b"old"
    assert recording.files == [tmp_path / "out-2.mkv"]

    recording = _opened(control, path, overwrite=True)
    assert path.read_bytes() == b"old", "nothing is lost before the first picture"
    recording.present(numbered_frame(7, START_S))
    recording.close()
    assert recording.files == [path]
    assert _recorded(path)[0] == [7]


def test_paths_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"out\.mp4: a recording is written as \.mkv"):
        Recording(tmp_path / "out.mp4")
    (tmp_path / "folder.mkv").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        Recording(tmp_path / "folder.mkv")
    with pytest.raises(OutputError, match="expected even sides"):
        Recording(tmp_path / "out.mkv", size=(101, 100))


def test_pictures_of_another_size_are_letterboxed(tmp_path: Path, control: FakeControl) -> None:
    recording = _opened(control, tmp_path / "out.mkv")
    for number, (width, height) in enumerate([(128, 128), (256, 64), (320, 240), (127, 127), (1, 1), (128, 128)]):
        picture = np.full((height, width, 3), 200, np.uint8)
        recording.present(live_frame(picture, number, START_S + number / 10))
    recording.close()
    first, panel, camera, *_, last = _pictures(tmp_path / "out.mkv")
    assert first.shape == panel.shape == camera.shape == (128, 128, 3)
    for picture, rows in ((first, (0, 128)), (panel, (48, 80)), (camera, (16, 112)), (last, (0, 128))):
        is_picture = np.asarray(picture.min(axis=2) > 100)
        assert is_picture[slice(*rows)].all()
        assert is_picture.sum() == 128 * (rows[1] - rows[0])


@pytest.mark.parametrize(
    ("width", "height", "size", "expected"),
    [(65, 33, None, (64, 32)), (64, 64, (128, 96), (128, 96)), (1, 1, None, (2, 2))],
)
def test_size_of_a_file(
    tmp_path: Path, control: FakeControl, width: int, height: int, size: tuple[int, int] | None, expected: object
) -> None:
    recording = _opened(control, tmp_path / "out.mkv", size=size)
    recording.present(live_frame(np.full((height, width, 3), 9, np.uint8), 0, START_S))
    recording.close()
    [picture] = _pictures(tmp_path / "out.mkv")
    assert picture.shape[1::-1] == expected


def test_mirrors_and_keeps_colours(tmp_path: Path, control: FakeControl) -> None:
    control.send(Command("mirror-output"))
    recording = _opened(control, tmp_path / "out.mkv")
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :32] = (200, 40, 60)
    recording.present(live_frame(picture, 0, START_S))
    recording.close()
    [recorded] = _pictures(tmp_path / "out.mkv")
    assert np.abs(recorded[:, 36:60].astype(int) - (200, 40, 60)).max() <= 4
    assert recorded[:, 4:28].max() <= 4


RECORD = """
import os, resource, sys
from pathlib import Path
import numpy as np
from fakes.live_control import FakeControl, numbered_frame
from fomm_rt.errors import OutputError
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.outputs.recording import Recording

control = FakeControl(LiveState(recording=True))
recording = Recording(Path("out.mkv"))
recording.open(control)
"""


def _run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", RECORD + code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_killed_process_loses_one_frame(tmp_path: Path) -> None:
    """Much less than the second that may be lost; here even the frames lie a second apart."""
    done = _run(
        tmp_path,
        "for number in range(20):\n    recording.present(numbered_frame(number, number))\nos.kill(os.getpid(), 9)",
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    numbers, times_ms = _recorded(tmp_path / "out.mkv")
    assert numbers == list(range(19))
    assert times_ms == [1000 * number for number in numbers]


def test_a_killed_process_with_a_dead_microphone(tmp_path: Path) -> None:
    """Sound that never comes does not hold the pictures back."""
    done = _run(
        tmp_path,
        """
from fomm_rt.live.outputs.microphone import Microphone
recording.close()
recording = Recording(Path("out.mkv"), microphone=Microphone("test"))
recording.open(control)
recording._microphone.take = list
for number in range(60):
    recording.present(numbered_frame(number, number / 30))
os.kill(os.getpid(), 9)
""",
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(_recorded(tmp_path / "out.mkv")[0]) >= 60 - 15, "half a second"


def test_a_full_disk_ends_the_file_and_not_the_session(tmp_path: Path) -> None:
    done = _run(
        tmp_path,
        """
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
noise = np.random.default_rng(0)
errors = []
for number in range(90):
    frame = numbered_frame(number, number / 30, 128, 128)
    frame.picture[64:] = noise.integers(0, 255, (64, 128, 3))
    try:
        recording.present(frame)
    except OutputError as error:
        errors.append(str(error))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if number == 70:
        from fomm_rt.live.controls.commands import Command
        control.send(Command("record"))
recording.close()
print(*errors, sep="\\n")
""",
    )
    assert done.stdout == (
        "out.mkv: it exceeds the size limit for files here; the recording has ended, and what it holds is kept. "
        "Record again, into a new file.\n"
    ), done.stderr
    numbers, _ = _recorded(tmp_path / "out.mkv")
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 5
    assert _recorded(tmp_path / "out-2.mkv")[0] == list(range(71, 90))


def test_a_disk_that_is_really_full(tiny_disk: Path, control: FakeControl) -> None:
    recording = _opened(control, tiny_disk / "out.mkv")
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    pictures = (np.roll(noise, 7 * number, axis=1) for number in range(90))
    frames = [live_frame(picture, number, START_S + number / 30) for number, picture in enumerate(pictures)]
    with pytest.raises(OutputError, match=rf"out\.mkv: no space left in {tiny_disk}; .* Free some space to record"):
        _present_all(recording, frames)
    assert not control.state.recording
    numbers, times_ms = _recorded(tiny_disk / "out.mkv")
    assert times_ms == [round(1000 * number / 30) for number in range(len(numbers))]
    assert len(numbers) > 2
    recording.close()


def _present_all(recording: Recording, frames: list[LiveFrame]) -> None:
    for frame in frames:
        recording.present(frame)


def test_a_disk_that_was_full_before(tiny_disk: Path, control: FakeControl) -> None:
    """Nothing is left of a file that could not even be begun."""
    with suppress(OSError):
        (tiny_disk / "other").write_bytes(bytes(1 << 20))
    recording = _opened(control, tiny_disk / "out.mkv")
    with pytest.raises(OutputError, match=r"no space left in .*; nothing was recorded\. Free some space"):
        _present_all(recording, [numbered_frame(number, START_S + number, 256, 256) for number in range(9)])
    assert [path.name for path in tiny_disk.iterdir()] == ["other"]


def test_an_old_file_whose_folder_vanished(tmp_path: Path, control: FakeControl) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "out.mkv").touch()
    recording = _opened(control, tmp_path / "old" / "out.mkv", overwrite=True)
    shutil.rmtree(tmp_path / "old")
    with pytest.raises(OutputError, match=r"out\.mkv: it cannot be written \(No such file or directory\); nothing was"):
        recording.present(numbered_frame(0, START_S))
    recording.close()


def test_a_folder_that_vanished(tmp_path: Path, control: FakeControl) -> None:
    recording = _opened(control, tmp_path / "new" / "out.mkv")
    (tmp_path / "new").write_text("a file in the way")
    with pytest.raises(OutputError, match="cannot be created"):
        recording.present(numbered_frame(0, START_S))
    assert control.sent == [Command("record", False)]
    recording.present(numbered_frame(1, START_S))
    recording.close()


def test_sound_is_in_step_with_the_picture(tmp_path: Path, control: FakeControl) -> None:
    """The test microphone beeps at every full second; the picture flashes then. Pictures are presented 0.3 s late."""
    microphone = Microphone("test")
    recording = _opened(control, tmp_path / "out.mkv", microphone=microphone)
    interval_s = 1 / 30
    for number in range(75):
        since_s = 0.4 + number * interval_s
        level = 255 if since_s % 1 < interval_s else 0
        _sleep_until(microphone.opened_s + since_s + 0.3)
        picture = np.full((64, 64, 3), level, np.uint8)
        recording.present(live_frame(picture, number, microphone.opened_s + since_s))
    recording.close()
    assert microphone.form == (48000, 1)
    flashes, beeps = _flashes(tmp_path / "out.mkv"), _beeps(tmp_path / "out.mkv")
    assert len(flashes) == 2
    assert np.abs(np.array(flashes) - beeps[:2]).max() <= interval_s
    assert np.diff(beeps[:2]) == pytest.approx([1.0], abs=0.01)


def test_sound_begins_with_the_picture(tmp_path: Path) -> None:
    """A picture is presented later than its sound was heard; the recording was started in between."""
    control = FakeControl()
    microphone = Microphone("test")
    recording = _opened(control, tmp_path / "out.mkv", microphone=microphone)
    for number in range(20):
        captured_s = microphone.opened_s + 0.7 + number / 30
        _sleep_until(captured_s + 0.5)
        if number == 5:
            control.send(Command("record"))
        recording.present(numbered_frame(number, captured_s))
    recording.close()
    [beep] = _beeps(tmp_path / "out.mkv")
    assert beep == pytest.approx(1.0 - (0.7 + 5 / 30), abs=0.02)


def _sleep_until(time_s: float) -> None:
    sleep(max(0.0, time_s - perf_counter()))


def _flashes(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        levels = [(frame.time or 0.0, frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]
    return [time_s for (_, before), (time_s, level) in pairwise(levels) if level > 128 > before]


def _beeps(path: Path) -> list[float]:
    """When beeps begin, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        found: list[float] = []
        last_s = -1.0
        for frame in container.decode(stream):
            samples = np.abs(frame.to_ndarray()).max(axis=0)
            for index in np.flatnonzero(samples > 0.1):
                at_s = (frame.time or 0.0) + index / frame.sample_rate
                found += [at_s] if at_s > last_s + 0.2 else []
                last_s = at_s
    return found
