"""The sound of a microphone, with the times at which it was captured.

FFmpeg reads it: from ALSA on Linux (PulseAudio and PipeWire through their ALSA plug-ins), AVFoundation on macOS and
DirectShow on Windows.
"""

from __future__ import annotations

import logging
import os
import platform
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import perf_counter, time

import av
from av.audio.frame import AudioFrame
from av.container import InputContainer

from fomm_rt.errors import OutputError, first_line

_logger = logging.getLogger("fomm_rt")

DEFAULT_NAME, TEST_NAME = "default", "test"
_TEST_TONE = "aevalsrc=0.4*sin(2*PI*1000*t)*lt(mod(t\\,1)\\,0.05):s=48000,arealtime"
"""A beep of 50 ms at every full second."""

_MOST_CHUNKS = 4096
"""With this many untaken chunks, further sound is dropped; a chunk lasts 3 to 100 ms."""
_LONGEST_AGE_S = 5.0
"""PulseAudio delivers sound up to two seconds after its capture."""
_DRIFT_SHARE, _JUMP_S = 0.01, 0.2


@dataclass(frozen=True)
class Sound:
    """A chunk of sound.

    Attributes:
        frame: The samples.
        captured_s: When the first of them was captured, on the clock of `time.perf_counter`.
    """

    frame: AudioFrame
    captured_s: float


class Microphone:
    """Records sound in its own thread.

    Args:
        name: A name that `list_microphones` gives, or a part of one; what FFmpeg calls it; or "test", a beep at every
            full second.

    Attributes:
        name: As given.
        form: Sample rate in Hz and number of channels, once it is open.
    """

    def __init__(self, name: str = DEFAULT_NAME) -> None:
        self.name = name
        self.form: tuple[int, int] | None = None
        self.opened_s = 0.0
        self._chunks: deque[Sound] = deque(maxlen=_MOST_CHUNKS)
        self._is_closed = False

    def open(self) -> None:
        """Opens the device and starts listening, which may take seconds; does nothing if it is open.

        Raises:
            OutputError: It cannot be opened; the message lists the microphones that were found.
        """
        if self.form is not None:
            return
        container = _open(self.name)
        context = container.streams.audio[0].codec_context
        self.form = context.sample_rate, context.channels
        self.opened_s = perf_counter()
        captured_s: Callable[[float | None, float, float], float] = _captured_s
        if self.name == TEST_NAME:
            captured_s = self._tone_captured_s
        Thread(target=self._listen, args=(container, captured_s), name="fomm-rt microphone", daemon=True).start()

    def take(self) -> list[Sound]:
        """The sound since the last call."""
        taken = []
        with suppress(IndexError):
            while True:
                taken.append(self._chunks.popleft())
        return taken

    def close(self) -> None:
        """Stops listening. The thread frees the device when its read returns."""
        self._is_closed = True

    def _listen(self, container: InputContainer, captured_s: Callable[[float | None, float, float], float]) -> None:
        clock = SampleClock()
        try:
            with container:
                for frame in container.decode(audio=0):
                    if self._is_closed:
                        return
                    seconds = frame.samples / frame.sample_rate
                    measured_s = captured_s(frame.time, perf_counter(), seconds)
                    self._chunks.append(Sound(frame, clock.time_of(measured_s, seconds)))
        except (OSError, av.FFmpegError) as error:
            if not self._is_closed:
                _logger.warning(
                    "the microphone %s failed (%s); the recording goes on without sound", self.name, first_line(error)
                )

    def _tone_captured_s(self, stamp_s: float | None, _arrived_s: float, _seconds: float) -> float:
        return self.opened_s + (stamp_s or 0.0)


class SampleClock:
    """Smooths the measured times of chunks: sound is continuous, only its arrival jitters.

    Times follow the measured ones slowly, because the clock of a sound card drifts. If both differ by more than 0.2 s,
    for example after lost sound, the measured time is used.
    """

    def __init__(self) -> None:
        self._next_s: float | None = None

    def time_of(self, measured_s: float, seconds: float) -> float:
        """The time of the next chunk, which lasts `seconds`."""
        start_s = self._next_s
        if start_s is None or abs(measured_s - start_s) > _JUMP_S:
            start_s = measured_s
        else:
            start_s += _DRIFT_SHARE * (measured_s - start_s)
        self._next_s = start_s + seconds
        return start_s


def list_microphones() -> dict[str, str]:
    """Name -> description of the microphones that FFmpeg finds; empty if it cannot list them."""
    if not _has_sound_system():
        return {}
    try:
        devices = av.enumerate_input_devices(_format())
    except (OSError, ValueError, av.FFmpegError):
        return {}
    # ALSA does not say what a device is for, but it has no cameras; its null device is silent.
    heard = [device for device in devices if "audio" in device.media_types or not device.media_types]
    return {device.name: device.description for device in heard if device.name != "null"}


def _open(name: str) -> InputContainer:
    if name == TEST_NAME:
        return _opened(_TEST_TONE, "lavfi")
    found = list_microphones()
    prefix = {"avfoundation": ":", "dshow": "audio="}.get(_format(), "")
    try:
        return _opened(prefix + _chosen(name, found), _format())
    except (OSError, ValueError, av.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        offer = f"expected one of {', '.join(found)}" if found else "no microphone was found"
        raise OutputError(f"the microphone {name!r} cannot be opened ({reason}); {offer}") from error


def _chosen(name: str, found: Mapping[str, str]) -> str:
    """The device that a name, or a part of a name or description, means; the name itself if it fits none."""
    if name == DEFAULT_NAME and _format() != "dshow":
        return name
    if name == DEFAULT_NAME:  # DirectShow has no device of this name
        return next(iter(found), name)
    part = name.casefold()
    fitting = [each for each, text in found.items() if part in each.casefold() or part in text.casefold()]
    return name if name in found or not fitting else fitting[0]


def _opened(file: str, form: str) -> InputContainer:
    container = av.open(file, format=form)
    assert isinstance(container, InputContainer)
    if not container.streams.audio:
        container.close()
        raise OutputError(f"{file} has no sound")
    return container


def _captured_s(stamp_s: float | None, arrived_s: float, seconds: float) -> float:
    """When a chunk began: its timestamp if that is of the wall clock or `perf_counter`, else computed from its arrival.

    ALSA's are of the wall clock, AVFoundation's of the clock that `perf_counter` reads on macOS.
    """
    if stamp_s is not None:
        for candidate_s in (stamp_s - time() + perf_counter(), stamp_s):
            if -0.1 <= arrived_s - candidate_s <= _LONGEST_AGE_S:
                return candidate_s
    return arrived_s - seconds


def _format() -> str:
    return {"darwin": "avfoundation", "win32": "dshow"}.get(sys.platform, "alsa")


def _has_sound_system() -> bool:
    """True unless this is Linux without ALSA's settings, of which ALSA complains on standard error.

    Sets the paths of settings and plug-ins for the ALSA library of PyAV's wheel, which was built with others.
    """
    if sys.platform != "linux":
        return True
    plug_ins = f"/usr/lib/{platform.machine()}-linux-gnu/alsa-lib", "/usr/lib64/alsa-lib", "/usr/lib/alsa-lib"
    for variable, folders in (("ALSA_CONFIG_DIR", ("/usr/share/alsa",)), ("ALSA_PLUGIN_DIR", plug_ins)):
        present = [folder for folder in folders if Path(folder).is_dir()]
        if present:
            os.environ.setdefault(variable, present[0])
    return bool({"ALSA_CONFIG_DIR", "ALSA_CONFIG_PATH"} & set(os.environ))
