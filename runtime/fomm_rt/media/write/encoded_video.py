"""MP4, MKV and WebM: encoded picture, carried-over sound."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame as CodedFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fomm_rt.errors import OutputError
from fomm_rt.files.staging import StagedOutput, reporting_failures
from fomm_rt.media.read.frame_pixels import EXACT, guess_colorspace
from fomm_rt.media.read.timing import Timing
from fomm_rt.media.write.audio_track import AudioTrack
from fomm_rt.media.write.frame_clock import FrameClock
from fomm_rt.media.write.frame_size import check_frame

_logger = logging.getLogger("fomm_rt")


@dataclass(frozen=True)
class _Recipe:
    """How a container's picture is encoded."""

    encoder: str
    options: dict[str, str]
    small: dict[str, str]
    varying: dict[str, str]
    container_options: dict[str, str]


_H264 = {"crf": "18", "preset": "fast"}
# x264's threads code several frames at once, each of which may refer only to what is done of its predecessor. Small
# frames take the encoder less time on all cores together without, and 2 to 5 % fewer bytes at the same PSNR (256×256).
_ALONE = {"threads": "1"}
_SMALL_PIXELS = 256 * 256
# MP4 stores durations by decoding order; where they differ they are true only without reordered frames.
_IN_ORDER = {"bf": "0"}
_RECIPES = {
    # faststart moves the index to the front, so that browsers play before all is downloaded.
    ".mp4": _Recipe("libx264", _H264, _ALONE, _IN_ORDER, {"movflags": "+faststart"}),
    ".mkv": _Recipe("libx264", _H264, _ALONE, _IN_ORDER, {}),
    ".webm": _Recipe(
        "libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}, {}, {}, {}
    ),
}

# AVColorPrimaries, AVColorTransferCharacteristic and AVColorSpace share these numbers.
_SCALING = EXACT | 0x0004
_TAGS = {Colorspace.ITU709: 1, Colorspace.ITU601: 6}


class EncodedVideoWriter:
    """Writes H.264 or VP9 with 4:2:0 chroma, limited range, tagged with its colours.

    Width and height that are odd grow by one pixel that repeats the edge: 4:2:0 has no odd sizes.
    """

    def __init__(self, path: Path, timing: Timing, audio_from: Path | None) -> None:
        """Prepares the file; nothing is encoded before the first frame.

        Args:
            path: Ends in .mp4, .mkv or .webm.
            timing: The timing of the input.
            audio_from: The file whose sound goes along, opened a second time.

        Raises:
            OutputError: If the file cannot be written.
        """
        self._path = path
        self._suffix = path.suffix.lower()
        self._recipe = _RECIPES[self._suffix]
        self._audio_from = audio_from
        self._staged = StagedOutput(path)
        self._clock = FrameClock(timing)
        self._reformatter = VideoReformatter()
        self._container: OutputContainer | None = None
        self._audio: AudioTrack | None = None
        self._size: tuple[int, int] | None = None
        self._waiting: CodedFrame | None = None
        self._durations: dict[int, int] = {}

    def __enter__(self) -> "EncodedVideoWriter":
        self._staged.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # Closing writes the trailer, which fails once more on a full disk; the file goes away anyway.
            with suppress(Exception):
                self._close()
        finally:
            self._staged.__exit__(kind, error, trace)

    def write(self, pixels: NDArray[np.uint8], time: Fraction) -> None:
        """Encodes one frame and the sound up to it.

        Args:
            pixels: (H, W, 3) uint8 RGB, of the first frame's size.
            time: Seconds from the start of the input's container.

        Raises:
            ImageError: If the pixels are not a picture.
            OutputError: If the size changed or the file cannot be written.
        """
        self._size = check_frame(self._path, self._size, pixels)
        with reporting_failures(self._path, av.FFmpegError):
            if self._container is None:
                self._open(*self._size)
            frame = self._convert(pixels)
            frame.pts = self._clock.stamp(time)
            frame.time_base = self._clock.time_base
            # A frame waits for its successor, which alone tells how long it is shown.
            if self._waiting is not None:
                self._encode(self._waiting, frame.pts - (self._waiting.pts or 0))
            self._waiting = frame
            if self._audio is not None:
                self._audio.advance(time)

    def commit(self) -> None:
        """Finishes the file and gives it its name.

        Raises:
            OutputError: If no frame was written or the file cannot be finished.
        """
        if self._waiting is None or self._container is None:
            raise OutputError(f"{self._path} would hold no frame; nothing was written.")
        with reporting_failures(self._path, av.FFmpegError):
            self._encode(self._waiting, self._clock.last_duration())
            self._waiting = None
            self._mux(self._stream.encode(None))
            if self._audio is not None:
                self._audio.finish()
            self._close()
        self._staged.commit()

    def _open(self, height: int, width: int) -> None:
        """Writes the header: with the sound copied, else with the sound coded anew, else without sound."""
        may_copy = True
        while True:
            self._add_streams(height, width, may_copy=may_copy)
            assert self._container is not None
            try:
                self._container.start_encoding()
                return
            except (av.InvalidDataError, av.ArgumentError, av.PatchWelcomeError):
                if self._audio is None:
                    raise
                if not self._audio.copies:
                    _logger.warning("%s: its sound does not fit into %s", self._audio_from, self._path)
                    self._audio_from = None
                may_copy = False
                with suppress(Exception):
                    self._close()

    def _add_streams(self, height: int, width: int, *, may_copy: bool) -> None:
        container = av.open(str(self._staged.path), mode="w", container_options=dict(self._recipe.container_options))
        self._container = container
        stream = container.add_stream(self._recipe.encoder, rate=self._clock.typical_rate)
        assert isinstance(stream, VideoStream)
        stream.options.update(self._recipe.options)
        if width * height <= _SMALL_PIXELS:
            stream.options.update(self._recipe.small)
        if self._clock.is_varying:
            stream.options.update(self._recipe.varying)
        stream.pix_fmt = "yuv420p"
        stream.width, stream.height = width + width % 2, height + height % 2
        self._colorspace = guess_colorspace(stream.height)
        tag = _TAGS[self._colorspace]
        context = stream.codec_context
        context.time_base = stream.time_base = self._clock.time_base
        context.colorspace = context.color_primaries = context.color_trc = tag
        context.color_range = ColorRange.MPEG
        self._stream = stream
        if self._audio_from is not None:
            self._audio = AudioTrack.attach(self._audio_from, container, self._suffix, may_copy=may_copy)

    def _convert(self, pixels: NDArray[np.uint8]) -> CodedFrame:
        height, width = pixels.shape[:2]
        if height % 2 or width % 2:
            padded = cv2.copyMakeBorder(pixels, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
            pixels = padded.astype(np.uint8, copy=False)
        frame = self._reformatter.reformat(
            CodedFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24"),
            format="yuv420p",
            dst_colorspace=self._colorspace,
            interpolation=_SCALING,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.color_primaries = frame.color_trc = _TAGS[self._colorspace]
        return frame

    def _encode(self, frame: CodedFrame, duration: int) -> None:
        assert frame.pts is not None
        self._durations[frame.pts] = duration
        self._mux(self._stream.encode(frame))

    def _mux(self, packets: "list[av.Packet[VideoStream]]") -> None:
        assert self._container is not None
        for packet in packets:
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, packet.duration)
            self._container.mux(packet)

    def _close(self) -> None:
        container, self._container = self._container, None
        audio, self._audio = self._audio, None
        try:
            if audio is not None:
                audio.close()
        finally:
            if container is not None:
                container.close()
