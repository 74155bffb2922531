"""Writes MP4, MKV and WebM: encoded picture and the sound of another file."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame as CodedFrame
from av.video.stream import VideoStream
from typing_extensions import override

from fomm_rt.files.staging import Staged
from fomm_rt.image import Image
from fomm_rt.media.part import Part
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.audio_track import AudioTrack
from fomm_rt.media.write.coded_pictures import CodedPictures
from fomm_rt.media.write.frame_clock import FrameClock
from fomm_rt.media.write.frame_writer import ContainerWriter
from fomm_rt.media.write.quality import DEFAULT_QUALITY, h264_crf, vp9_crf

_logger = logging.getLogger("fomm_rt")


@dataclass(frozen=True)
class _Recipe:
    """How a container's picture is encoded: `crf` by quality; options for small and large frames, and varying times."""

    encoder: str
    crf: Callable[[int], str]
    options: dict[str, str]
    small: dict[str, str]
    large: dict[str, str]
    varying: dict[str, str]
    container_options: dict[str, str]


_H264 = {"preset": "fast"}
# x264's threads encode several frames at once, each of which can refer only to the finished part of its predecessor.
# With one thread, small frames take less CPU time and 2 to 5 % fewer bytes at the same PSNR (256×256).
_ALONE = {"threads": "1"}
_SMALL_PIXELS = 256 * 256
# Encoders look ahead 25 to 40 frames, and their threads hold more: gigabytes of frames in 8K.
_FEW_FRAMES = {"rc-lookahead": "4", "sync-lookahead": "0", "bf": "1", "threads": "2"}
_LARGE_PIXELS = 4096 * 2304
# MP4 stores durations by decoding order, so varying durations are right only without reordered frames.
_IN_ORDER = {"bf": "0"}
_RECIPES = {
    # faststart moves the index to the front, so browsers can play before the download ends.
    ".mp4": _Recipe("libx264", h264_crf, _H264, _ALONE, _FEW_FRAMES, _IN_ORDER, {"movflags": "+faststart"}),
    ".mkv": _Recipe("libx264", h264_crf, _H264, _ALONE, _FEW_FRAMES, _IN_ORDER, {}),
    ".webm": _Recipe(
        "libvpx-vp9",
        vp9_crf,
        {"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
        {},
        {"lag-in-frames": "4"},
        {},
        {},
    ),
}


class EncodedVideoWriter(ContainerWriter):
    """Writes H.264 or VP9 with 4:2:0 chroma, limited range, tagged with its colours.

    Odd widths and heights grow by one pixel that repeats the edge: 4:2:0 has no odd sizes. Nothing is encoded before
    the first frame. The file whose sound goes along is opened a second time; of a part, only its sound is taken.
    """

    _clock: FrameClock

    def __init__(
        self,
        path: Path,
        staged: Staged,
        timing: Timing,
        audio_from: Path | None,
        *,
        quality: int = DEFAULT_QUALITY,
        part: Part | None = None,
    ) -> None:
        super().__init__(path, staged, FrameClock(timing))
        self._suffix = path.suffix.lower()
        self._recipe = _RECIPES[self._suffix]
        self._quality = quality
        self._audio_from = audio_from
        self._part = part
        self._audio: AudioTrack | None = None

    @override
    def _write(self, pixels: Image, time: Fraction) -> None:
        super()._write(pixels, time)
        if self._audio is not None:
            self._audio.advance(time)

    @override
    def _finish(self) -> None:
        super()._finish()
        if self._audio is not None:
            self._audio.finish()

    @override
    def _open(self, height: int, width: int) -> None:
        """Writes the header: with the sound copied, or else transcoded, or else left out."""
        may_copy = True
        had_sound = self._audio_from is not None
        while True:
            self._add_streams(height, width, may_copy=may_copy)
            assert self._container is not None
            try:
                self._container.start_encoding()
                break
            except (av.InvalidDataError, av.ArgumentError, av.PatchWelcomeError):
                if self._audio is None:
                    raise
                if not self._audio.copies:
                    _logger.warning("%s: its sound does not fit into %s", self._audio_from, self._path)
                    self._audio_from = None
                may_copy = False
                with suppress(Exception):
                    self._close()
        if had_sound and self._audio is None:
            self.left_out.append("sound")

    def _add_streams(self, height: int, width: int, *, may_copy: bool) -> None:
        container = av.open(str(self._staged.path), mode="w", container_options=dict(self._recipe.container_options))
        self._container = container
        stream = container.add_stream(self._recipe.encoder, rate=self._clock.typical_rate)
        assert isinstance(stream, VideoStream)
        stream.options.update({"crf": self._recipe.crf(self._quality), **self._recipe.options})
        if width * height <= _SMALL_PIXELS:
            stream.options.update(self._recipe.small)
        if width * height > _LARGE_PIXELS:
            stream.options.update(self._recipe.large)
        if self._clock.is_varying:
            stream.options.update(self._recipe.varying)
        stream.pix_fmt = "yuv420p"
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.codec_context.time_base = stream.time_base = self._clock.time_base
        self._coded = CodedPictures(stream.height)
        self._coded.tag(stream.codec_context)
        self._stream = stream
        options = " ".join(f"{name}={value}" for name, value in stream.options.items())
        _logger.debug("%s: %d×%d, %s, %s", self._path, stream.width, stream.height, self._recipe.encoder, options)
        if self._audio_from is not None:
            self._audio = AudioTrack.attach(
                self._audio_from, container, self._suffix, part=self._part, may_copy=may_copy
            )

    @override
    def _convert(self, pixels: Image) -> CodedFrame:
        height, width = pixels.shape[:2]
        if height % 2 or width % 2:
            padded = cv2.copyMakeBorder(pixels, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
            pixels = padded.astype(np.uint8, copy=False)
        return self._coded.convert(pixels)

    @override
    def _close(self) -> None:
        audio, self._audio = self._audio, None
        try:
            if audio is not None:
                audio.close()
        finally:
            super()._close()
