"""Decodes a video frame by frame, in constant memory, past damage."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeVar

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame as CodedFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fomm_rt.errors import MediaError
from fomm_rt.media.part import Part, find_part
from fomm_rt.media.read.animated_webp import AnimatedWebp
from fomm_rt.media.read.browser_delays import FORMATS as ANIMATED_PICTURES
from fomm_rt.media.read.frame_decoder import FrameDecoder
from fomm_rt.media.read.frame_pixels import FramePixels
from fomm_rt.media.read.input_container import demux, find_audio, find_start, find_video, open_input
from fomm_rt.media.read.input_file import open_file
from fomm_rt.media.read.late_start import from_key_frame
from fomm_rt.media.read.left_out import LeftOut, find_left_out
from fomm_rt.media.read.limits import Limits, megapixels
from fomm_rt.media.read.picture_format import PictureKind, find_picture, find_size, find_storage
from fomm_rt.media.read.still_picture import decode_still
from fomm_rt.media.read.timing_scan import frame_times, scan_timing
from fomm_rt.media.timing import FALLBACK_RATE, Timing

_logger = logging.getLogger("fomm_rt")

Shown = TypeVar("Shown")

_HEADER_BYTES = 1 << 16
"""In which an animated picture says its size."""


@dataclass(frozen=True)
class VideoFrame:
    """One decoded frame.

    Attributes:
        index: Counts the decoded frames from 0.
        time: Seconds from the start of the container; above 0 for the first frame if the sound begins earlier.
        pixels: (H, W, 3) uint8 RGB, contiguous; belongs to the caller.
    """

    index: int
    time: Fraction
    pixels: NDArray[np.uint8]


class VideoReader:
    """Reads the frames of a video; every iteration starts from the first frame.

        with VideoReader("clip.mp4") as reader:
            for frame in reader:
                print(frame.index, frame.time, frame.pixels.shape)

    Frames come upright, with square pixels, in full-range RGB, transparency composited over white. A still picture is a
    video of one frame. Packets that cannot be decoded are skipped and counted; at the end of the first full iteration
    one warning says what is missing. Memory does not grow with the length of the video.

    Args:
        path: A video file, or a picture.
        max_pixels: Pixels of the largest frame to decode, and of a still picture; by default 35 million of a frame and
            100 million of a still picture, see `fomm_rt.media.read.limits`. Larger frames that follow smaller ones
            count as broken packets.

    Attributes:
        path: The file.
        timing: When its frames are shown.
        width, height: Size of the first frame in pixels, after rotation.
        has_audio: True if the file has a sound track that can be read.
        left_out: Parts of the file beyond the picture and that sound track.
        skipped_packets: Packets, and places between them, that the latest iteration could not read or decode.
        missing_frames: Frames that a damaged file declares but the latest full iteration did not find, estimated by the
            frame rate; 0 if unknown. Skipped packets count only at the end.

    Raises:
        MediaError: The file is missing, empty, a folder, not permitted, not a video, too large, or no frame can be
            decoded.
    """

    def __init__(self, path: str | os.PathLike[str], *, max_pixels: int | None = None) -> None:
        path = Path(path)
        self._limits = Limits.of(max_pixels)
        self.path = path
        self.has_audio = False
        self.left_out = LeftOut()
        self.skipped_packets = 0
        self.missing_frames = 0
        self._has_warned = False
        self._passes: weakref.WeakSet[Generator[VideoFrame, None, None]] = weakref.WeakSet()
        self._closed = False
        self._still: NDArray[np.uint8] | None = None
        self._webp: AnimatedWebp | None = None
        self._first_time = Fraction(0)
        with open_file(path) as file:
            kind, animated = find_picture(file)
            self._turn = None
            if kind is PictureKind.PNG and animated:
                self._turn = find_storage(file, kind).turn
            if kind is PictureKind.HEIC:
                raise MediaError(f"{path} is a HEIC picture, which cannot be read; export it as JPEG or PNG.")
            if kind is PictureKind.WEBP and animated:
                self._open_webp(file)
            elif kind is not None and not animated:
                self._open_still(file, kind)
            else:
                self._open_video(file, kind)

    def _open_still(self, file: BinaryIO, kind: PictureKind) -> None:
        self._still = decode_still(self.path, file, kind, self._limits)
        if self._still is None:
            raise MediaError(f"{self.path} is a {kind.value} picture that cannot be decoded; give a video.")
        _logger.warning("%s is a picture; it is used as a driving video of one frame", self.path)
        self.timing = Timing.constant(FALLBACK_RATE, frame_count=1)
        self.height, self.width = self._still.shape[:2]

    def _open_webp(self, file: BinaryIO) -> None:
        self._webp = AnimatedWebp(self.path, file, self._limits)
        self.timing = self._webp.timing
        self.height, self.width = self._webp.height, self._webp.width

    def _open_video(self, file: BinaryIO, kind: PictureKind | None) -> None:
        """Reads all packets once and decodes the first frame."""
        first: list[CodedFrame] = []
        max_pixels = self._limits.frame_pixels
        if kind is not None:
            self._check_animation(file, kind)
        file.seek(0)
        with open_input(self.path, file, max_pixels) as container:
            stream = self._require_video(container)
            self.has_audio = find_audio(container) is not None
            self.left_out = find_left_out(container, is_avif=kind is PictureKind.AVIF)
            decoder = FrameDecoder(container, stream, max_pixels, lambda: None)

            def decode_first(packet: av.Packet[VideoStream]) -> None:
                if not first:
                    first.extend(decoder.decode(packet))

            self._scanned = scan_timing(self.path, file, container, stream, decode_first)
            self.timing = self._scanned.timing
            self._start = Fraction(0)
            if self._scanned.has_timestamps:
                # Without sound time begins with the first frame, because AVI announces a start that is too early.
                self._start = find_start(container) if self.has_audio else self._scanned.first_time
                self._first_time = self._scanned.first_time - self._start
            first = first or list(decoder.drain())
            if not first:
                raise MediaError(
                    f"{self.path} has a video stream, but no frame of it can be decoded: it is empty, damaged or "
                    f"encrypted, or has more than {megapixels(max_pixels)} a frame. Export it again as MP4."
                )
            self.height, self.width = (
                FramePixels(stream.sample_aspect_ratio, self._turn, max_pixels=max_pixels).convert(first[0]).shape[:2]
            )

    def _check_animation(self, file: BinaryIO, kind: PictureKind) -> None:
        """Refuses an animated picture that is too large; of those, FFmpeg does not say the size then."""
        file.seek(0)
        size = find_size(file.read(_HEADER_BYTES), kind)
        if size is not None:
            self._limits.check_frame(self.path, size.width, size.height)

    def __iter__(self) -> Iterator[VideoFrame]:
        """Decodes from the first frame.

        Raises:
            MediaError: The file changed or vanished since it was opened, or the reader is closed.
        """
        return self._pass(None)

    def find_part(self, start: Fraction, duration: Fraction | None) -> Part:
        """Finds a part of this video, for `read_part`; see `fomm_rt.media.part.find_part`.

        Raises:
            MediaError: The start is after the end, or the file changed or vanished since it was opened.
        """
        return find_part(self.path, self._frame_times(), self.timing, start, duration)

    def read_part(self, part: Part) -> Iterator[VideoFrame]:
        """Decodes the frames of a part; their numbers and times count from its start. Errors as in iterating."""
        return self._pass(part)

    def sample(self, interval: int, part: Part | None = None) -> Iterator[VideoFrame]:
        """Decodes all frames, or those of a part, and yields every `interval`-th; errors as in iterating.

        The others are not converted to pixels, which takes most of the time of large frames.
        """
        return self._pass(part, interval)

    def _pass(self, part: Part | None, interval: int = 1) -> Iterator[VideoFrame]:
        if self._closed:
            raise MediaError(f"{self.path} was closed; open it again to read it.")
        frames = self._decode_and_warn(part, interval)
        self._passes.add(frames)
        return frames

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all iterations and closes the file; may be called again."""
        self._closed = True
        for frames in list(self._passes):
            frames.close()

    def _frame_times(self) -> Iterator[Fraction]:
        """Yields the time of every frame, as `VideoFrame.time`, without decoding."""
        if self.timing.rate is not None and self.timing.frame_count is not None:
            yield from (self._first_time + index / self.timing.rate for index in range(self.timing.frame_count))
        elif self._webp is not None:
            yield from self._webp.times()
        else:
            with open_input(self.path) as container:
                stream = self._require_video(container)
                for ticks in frame_times(container, stream):
                    yield ticks * (stream.time_base or Fraction(1, av.time_base)) - self._start

    def _decode_and_warn(self, part: Part | None, interval: int) -> Generator[VideoFrame, None, None]:
        self.skipped_packets = 0
        self.missing_frames = 0
        if self._still is not None:
            yield VideoFrame(0, Fraction(0), self._still.copy())
            return
        if self._webp is not None:
            yield from self._play_webp(self._webp, part, interval)
            return
        last = Fraction(0)
        for frame in self._decode(part, interval):
            last = frame.time
            yield frame
        if interval > 1:
            return  # a later, full iteration says what is missing
        finding = self._compare(last) if part is None else self._count_skipped()
        if finding and not self._has_warned:
            self._has_warned = True
            _logger.warning("%s", finding)

    def _play_webp(
        self, animation: AnimatedWebp, part: Part | None, interval: int
    ) -> Generator[VideoFrame, None, None]:
        index = 0
        with open_file(self.path) as file:
            frames = animation.frames(file)
            for time, pixels in frames if part is None else self._inside(part, frames):
                if pixels is None:
                    self._note_fault()
                    continue
                if index % interval == 0:
                    yield VideoFrame(index, time, pixels)
                index += 1
        is_short = animation.is_cut_short and part is None
        if (is_short or self.skipped_packets) and not self._has_warned:
            self._has_warned = True
            self.missing_frames = self.skipped_packets
            _logger.warning("%s is damaged or cut short; some of its frames are missing", self.path)

    def _compare(self, last: Fraction) -> str | None:
        """Counts the missing frames of a full iteration whose last frame is shown at `last`; returns a warning."""
        scanned, skipped = self._scanned, self.skipped_packets
        if not (scanned.is_damaged or skipped):
            return None
        self.missing_frames = scanned.lost_frames
        # The last packet of a damaged file is unreliable; that of an undamaged one may be held.
        last_duration = None if scanned.is_damaged else self.timing.last_duration
        end = last + (last_duration or 1 / scanned.typical_rate)
        if scanned.announced_end is not None:
            announced = scanned.announced_end - self._start
            missing = round((announced - end) * scanned.typical_rate)
            # Headers are rounded, some by a whole frame.
            if missing > 1:
                self.missing_frames += missing
                rest = "the rest is missing or damaged"
                return f"{self.path} ends after {float(end):.1f} s of {float(announced):.1f} s; {rest}"
        elif scanned.is_cut_short:
            return f"{self.path} ends after {float(end):.1f} s; the file is cut short and the rest is missing"
        if self.missing_frames:
            return f"{self.path} is damaged; about {self.missing_frames} of its frames are missing"
        return self._count_skipped() or f"{self.path} is damaged; some of its frames may be missing"

    def _count_skipped(self) -> str | None:
        count = self.skipped_packets
        return (
            f"{self.path}: {count} broken {'packet was' if count == 1 else 'packets were'} skipped" if count else None
        )

    def _decode(self, part: Part | None, interval: int) -> Generator[VideoFrame, None, None]:
        max_pixels = self._limits.frame_pixels
        with open_input(self.path, max_pixels=max_pixels) as container:
            stream = self._require_video(container)
            stream.thread_type = "AUTO"
            converter = FramePixels(stream.sample_aspect_ratio, self._turn, max_pixels=max_pixels)
            decoder = FrameDecoder(container, stream, max_pixels, self._note_fault)
            packets: Iterator[av.Packet[VideoStream]] = demux(container, stream, self._note_fault)
            # Frames of animated pictures are drawn over the previous ones, even if they are marked as key frames.
            can_skip = self._scanned.has_timestamps and container.format.name not in ANIMATED_PICTURES
            if part is not None and can_skip and stream.time_base is not None:
                begin = part.first + part.tolerance / 2 + self._start
                packets = from_key_frame(packets, int(begin / stream.time_base))
            frames = chain(chain.from_iterable(map(decoder.decode, packets)), decoder.drain())
            # Frames drained at the end have no time base, so the stream's is used for all.
            timed = ((self._time_of(f.pts, stream.time_base, i) - self._start, f) for i, f in enumerate(frames))
            for index, (time, frame) in enumerate(timed if part is None else self._inside(part, timed)):
                if index % interval == 0:
                    yield VideoFrame(index, time, converter.convert(frame))

    def _inside(self, part: Part, frames: Iterator[tuple[Fraction, Shown]]) -> Iterator[tuple[Fraction, Shown]]:
        """Yields the frames of a part with their times in it."""
        for time, frame in frames:
            if part.is_before(time):
                self.skipped_packets = 0  # frames before the part do not count
            elif part.is_behind(time):
                return
            else:
                yield part.time_of(time), frame

    def _note_fault(self) -> None:
        self.skipped_packets += 1

    def _time_of(self, ticks: int | None, time_base: Fraction | None, index: int) -> Fraction:
        if self._scanned.has_timestamps and ticks is not None and time_base is not None:
            return ticks * time_base
        return index / (self.timing.rate or FALLBACK_RATE)

    def _require_video(self, container: InputContainer) -> VideoStream:
        stream = find_video(container)
        if stream is None:
            held = "only sound" if find_audio(container) is not None else "no video stream"
            raise MediaError(f"{self.path} holds {held}; give a file with moving pictures.")
        if stream.codec_context is None:
            raise MediaError(f"{self.path} is coded in a way that cannot be decoded; convert it to H.264 in MP4.")
        self._limits.check_frame(self.path, stream.codec_context.width, stream.codec_context.height)
        return stream
