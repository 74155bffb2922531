from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter, sleep, time

import numpy as np
import pytest

from fomm_rt.live.outputs import microphone
from fomm_rt.live.outputs.microphone import Microphone, SampleClock

LISTEN = """
import json, sys
from time import perf_counter, sleep
from fomm_rt.errors import OutputError
from fomm_rt.live.outputs.microphone import Microphone, list_microphones
microphone = Microphone(sys.argv[1])
start_s = perf_counter()
try:
    microphone.open()
    sounds = []
    while not sounds:
        sleep(0.02)
        sounds = microphone.take()
    end_s = perf_counter()
    microphone.close()
    found = [microphone.form, min(s.captured_s for s in sounds) - start_s, end_s - max(s.captured_s for s in sounds)]
except OutputError as error:
    found = str(error)
print(json.dumps([list(list_microphones()), found]))
"""
ALSA = """
pcm.default { type null hint { show on description "The default" } }
pcm.desk { type null hint { show on description "Desk microphone" } }
defaults.namehint.basic on
defaults.namehint.extended on
"""


def _listen(folder: Path, name: str) -> tuple[list[str], list[object] | str]:
    (folder / "asound.conf").write_text(ALSA)
    environment = {
        **os.environ,
        "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-W", "error", "-c", LISTEN, name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    found: tuple[list[str], list[object] | str] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="ALSA is a part of Linux")
@pytest.mark.parametrize("name", ["default", "desk", "DESK MICRO"])
def test_alsa(tmp_path: Path, name: str) -> None:
    """ALSA's null device gives silence, with the times of the wall clock."""
    _, found = _listen(tmp_path, name)
    assert not isinstance(found, str), found
    form, begin_s, age_s = found
    assert form == [48000, 2]
    assert isinstance(begin_s, float)
    assert isinstance(age_s, float)
    assert begin_s > -0.1
    assert age_s > -0.1


@pytest.mark.skipif(sys.platform != "linux", reason="ALSA is a part of Linux")
def test_an_unknown_microphone(tmp_path: Path) -> None:
    listed, error = _listen(tmp_path, "wardrobe")
    assert isinstance(error, str)
    assert error.startswith("the microphone 'wardrobe' cannot be opened (")
    assert error.endswith(f"expected one of {', '.join(listed)}" if listed else "no microphone was found")


def test_timestamps_of_the_wall_clock_and_of_the_monotonic_one() -> None:
    now_s = perf_counter()
    for stamp_s in (time() - 0.5, now_s - 0.5):
        assert microphone._captured_s(stamp_s, now_s, 0.02) == pytest.approx(now_s - 0.5, abs=0.05)
    for other_s in (None, 0.0, 12345678.0, time() - 3600):
        assert microphone._captured_s(other_s, now_s, 0.02) == now_s - 0.02


def test_sound_is_continuous_whenever_it_arrives() -> None:
    clock = SampleClock()
    late_s = np.random.default_rng(0).uniform(0, 0.08, 500)
    times = np.array([clock.time_of(index * 0.02 + late, 0.02) for index, late in enumerate(late_s)])
    assert np.abs(np.diff(times) - 0.02).max() <= 0.001
    assert np.abs(times - np.arange(500) * 0.02 - 0.04).max() <= 0.05


def test_a_sound_card_that_drifts_is_followed() -> None:
    clock = SampleClock()
    times = [clock.time_of(index * 0.02 * 1.001, 0.02) for index in range(5000)]
    assert abs(times[-1] - 4999 * 0.02 * 1.001) < 0.005


def test_lost_sound_is_a_gap() -> None:
    clock = SampleClock()
    assert clock.time_of(5.0, 0.02) == 5.0
    assert clock.time_of(5.02, 0.02) == pytest.approx(5.02)
    assert clock.time_of(6.0, 0.02) == 6.0


def test_sound_that_is_not_taken_does_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "_MOST_CHUNKS", 3)
    listener = Microphone("test")
    listener.open()
    sleep(0.4)
    listener.close()
    sounds = listener.take()
    assert len(sounds) == 3
    assert sounds[0].captured_s > listener.opened_s + 0.1, "the oldest went"
    assert listener.take() == []


def test_a_microphone_that_fails_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    class Unplugged:
        def __enter__(self) -> Unplugged:
            return self

        def __exit__(self, *details: object) -> None:
            pass

        def decode(self, **_streams: int) -> object:
            raise OSError(19, "No such device")

    Microphone("desk")._listen(Unplugged(), lambda *_: 0.0)  # type: ignore[arg-type]
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "the microphone desk failed ([Errno 19] No such device); the recording goes on without sound"
    )


@pytest.mark.parametrize(
    ("system", "name", "expected"),
    [
        ("linux", "default", "default"),
        ("linux", "plughw:1", "plughw:1"),
        ("linux", "logitech", "sysdefault:CARD=C920"),
        ("darwin", "default", "default"),
        ("darwin", "built-in", "0"),
        ("win32", "default", "sysdefault:CARD=C920"),
    ],
)
def test_choosing(monkeypatch: pytest.MonkeyPatch, system: str, name: str, expected: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    found = {"sysdefault:CARD=C920": "Logitech C920", "0": "Built-in Microphone"}
    assert microphone._chosen(name, found) == expected
