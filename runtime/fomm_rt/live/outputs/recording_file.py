"""One recorded file: MKV with the capture times of its pictures, readable even if the process is killed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.audio.frame import AudioFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fomm_rt.errors import OutputError
from fomm_rt.image import Image
from fomm_rt.live.outputs.canvas import Size
from fomm_rt.media.write.coded_pictures import CodedPictures
from fomm_rt.media.write.quality import DEFAULT_QUALITY, h264_crf
from fomm_rt.media.write.sound_encoder import SoundEncoder, add_encoder

_TICK = Fraction(1, 1000)
"""The time unit of MKV."""
ENCODER_OPTIONS = {"preset": "veryfast", "tune": "zerolatency", "threads": "1", "g": "60"}
"""Of x264. For pictures of 256×256, veryfast takes twice the processor time of ultrafast and 0.4 of the bytes; slower
presets save no more (benchmarks/studies/live_outputs.py). zerolatency hands out every picture at once."""
_CONTAINER_OPTIONS = {
    # Every picture begins a cluster, and a cluster is written when it ends, so a killed process loses one picture.
    "cluster_time_limit": "1",
    "flush_packets": "1",
    # In microseconds: sound that is late or has stopped does not hold the pictures back.
    "max_interleave_delta": "400000",
}
_FALLBACK_TICKS = 33


class RecordingFile:
    """Writes pictures and sound with their times, to an existing, empty file.

    Args:
        path: Ends in .mkv.
        size: Even width and height. Pictures of another aspect ratio get black bars.
        start_s: The time, on the clock of the pictures, that is 0 in the file.
        sound: Sample rate and number of channels; None for a silent file.

    Raises:
        OutputError: The file cannot be written.
    """

    def __init__(self, path: Path, size: Size, start_s: float, sound: tuple[int, int] | None = None) -> None:
        self.path = path
        self.count = 0
        self._size = size
        self._start_s = start_s
        self._ticks = -1
        self._step = _FALLBACK_TICKS
        self._coded = CodedPictures(size[1])
        self._resources = ExitStack()
        with self._reported():
            options = dict(_CONTAINER_OPTIONS)
            container = av.open(str(path), "w", format="matroska", container_options=options)
            self._container = self._resources.enter_context(container)
            self._stream = self._add_pictures()
            self._sound = None
            if sound is not None:
                self._sound = SoundEncoder(add_encoder(self._container, ".mkv", *sound), None)
            self._container.start_encoding()

    def write(self, picture: Image, time_s: float) -> None:
        """Writes a picture.

        Args:
            picture: (H, W, 3) uint8 RGB of any size.
            time_s: When it was captured; of two in the same millisecond, the later is moved into the next.

        Raises:
            OutputError: The file cannot be written any further. It keeps what was written before.
        """
        ticks = max(round((time_s - self._start_s) / _TICK), self._ticks + 1)
        self._step = ticks - self._ticks if self._ticks >= 0 else self._step
        self._ticks = ticks
        frame = self._coded.convert(_letterboxed(picture, self._size))
        frame.pts, frame.time_base = ticks, _TICK
        with self._reported():
            for packet in self._stream.encode(frame):
                # Every picture lasts until the next one; this is for the last.
                packet.duration = self._step
                self._container.mux(packet)
        self.count += 1

    def write_sound(self, frame: AudioFrame, time_s: float) -> None:
        """Writes sound whose first sample was captured at `time_s`; sound before the first picture is left out.

        Raises:
            OutputError: As in `write`.
        """
        if self._sound is None:
            return
        position = round((time_s - self._start_s) * frame.sample_rate)
        if position < 0:
            if position + frame.samples <= 0:
                return
            frame, position = _without_first(frame, -position), 0
        frame.pts, frame.time_base = position, Fraction(1, frame.sample_rate)
        with self._reported():
            self._container.mux(self._sound.encode(frame, Fraction(0)))

    def finish(self) -> None:
        """Writes the end of the file.

        Raises:
            OutputError: It cannot be written; the file keeps what was written before.
        """
        with self._reported():
            self._container.mux(self._stream.encode(None))
            if self._sound is not None:
                self._container.mux(self._sound.flush())
            self._resources.close()

    def _add_pictures(self) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=30)
        assert isinstance(stream, VideoStream)
        stream.options.update({**ENCODER_OPTIONS, "crf": h264_crf(DEFAULT_QUALITY)})
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = stream.time_base = _TICK
        context.framerate = Fraction(0)  # unknown, because times vary; players follow the timestamps
        self._coded.tag(context)
        return stream

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (OSError, av.FFmpegError) as error:
            with suppress(OSError, av.FFmpegError):
                self._resources.close()
            with suppress(OSError):
                if self.count == 0:
                    self.path.unlink()
            raise _explained(error, self.path, self.count) from error


def even_size(picture: Image) -> Size:
    """The width and height of a picture, each cut to an even number."""
    height, width = picture.shape[:2]
    return max(2, width - width % 2), max(2, height - height % 2)


def _letterboxed(picture: Image, size: Size) -> Image:
    """A picture scaled to fit into a size, the rest black."""
    rows, columns = picture.shape[:2]
    width, height = size
    if (columns, rows) == size:
        return picture
    if (columns - columns % 2, rows - rows % 2) == size:
        return picture[:height, :width]
    scale = min(width / columns, height / rows)
    inner = max(1, round(columns * scale)), max(1, round(rows * scale))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(picture, inner, interpolation=interpolation)
    return canvas


def _without_first(frame: AudioFrame, count: int) -> AudioFrame:
    """A frame of sound without its first samples."""
    samples: NDArray[Any] = frame.to_ndarray()
    per_sample = 1 if frame.format.is_planar else len(frame.layout.channels)
    kept: NDArray[Any] = np.ascontiguousarray(samples[:, count * per_sample :])
    rest = AudioFrame.from_ndarray(kept, format=frame.format.name, layout=frame.layout.name)
    rest.sample_rate = frame.sample_rate
    return rest


def _explained(error: Exception, path: Path, count: int) -> OutputError:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        cause, remedy = f"no space left in {path.absolute().parent}", "Free some space to record again."
    elif number == errno.EFBIG:
        cause, remedy = "it exceeds the size limit for files here", "Record again, into a new file."
    else:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        cause, remedy = f"it cannot be written ({reason})", "Record again in another folder."
    kept = "the recording has ended, and what it holds is kept" if count else "nothing was recorded"
    return OutputError(f"{path}: {cause}; {kept}. {remedy}")
