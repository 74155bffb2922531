"""Where a video is written, and by which writer: the ending of its name chooses the format."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from fractions import Fraction
from os import PathLike
from pathlib import Path

from typing_extensions import Self

from fomm_rt.errors import MediaError, OutputError, StateError
from fomm_rt.files.address import explain_output
from fomm_rt.files.staging import StagedFolder, StagedOutput
from fomm_rt.image import Image
from fomm_rt.media.part import Part
from fomm_rt.media.read.input_container import find_audio, open_input
from fomm_rt.media.read.video_reader import VideoFrame
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.encoded_video import EncodedVideoWriter
from fomm_rt.media.write.frame_writer import FrameWriter
from fomm_rt.media.write.gif_writer import GifWriter
from fomm_rt.media.write.output_formats import OUTPUT_FORMATS
from fomm_rt.media.write.picture_sequence import (
    PictureSequenceWriter,
    check_pattern,
    is_pattern,
    may_overwrite,
    pictures_of,
)
from fomm_rt.media.write.quality import DEFAULT_QUALITY, check_quality

_logger = logging.getLogger("fomm_rt")

_ENCODED = (".mp4", ".mkv", ".webm")
HIGHEST_RATE = 1000


class VideoWriter:
    """Writes frames to a video file, which appears, complete, when the context ends.

        with VideoReader("talking.mp4") as reader, VideoWriter("result.mp4", reader.timing) as writer:
            for frame in reader:
                writer.write(animator.animate(frame), frame.time)

    An exception inside the context discards the new file; an older file of that name stays unchanged.

    Args:
        path: Ends in .mp4 or .mkv (H.264), .webm (VP9) or .gif, or is a pattern such as frames-%05d.png.
        timing: Frames per second, from 0 to 1000, such as 25 or Fraction(30000, 1001), or `VideoReader.timing` to keep
            the times of the frames that are read.
        audio_from: A file whose sound goes along, in step with the frames' times; not with GIF and pictures.
        quality: From 0 (smallest file) to 100 (best picture), see `fomm_rt.media.write.quality`; not with pictures.

    Raises:
        OutputError: The ending is unknown, the path is `audio_from` or cannot be written, or the rate is not valid.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        timing: Timing | Fraction | float,
        *,
        audio_from: str | PathLike[str] | None = None,
        quality: int | None = None,
    ) -> None:
        path = Path(path)
        if not isinstance(timing, Timing):
            if not 0 < timing <= HIGHEST_RATE:
                raise OutputError(f"{path}: expected a rate of up to {HIGHEST_RATE} frames per second; got {timing}")
            timing = Timing.constant(Fraction(timing).limit_denominator(1001))
        self.path = path
        self._rate = timing.rate
        self._count = 0
        self._is_entered = False
        audio = None if audio_from is None else Path(audio_from)
        self._writer = VideoTarget(path, [] if audio is None else [audio]).open(timing, audio, quality=quality)

    def write(self, frame: Image | VideoFrame, time: Fraction | float | None = None) -> None:
        """Writes the next frame.

        Args:
            frame: (H, W, 3) uint8 RGB, of the first frame's size (numbered pictures may differ); or a frame that a
                `VideoReader` yields, which brings its time. OpenCV's frames are BGR: convert them with
                `cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)`.
            time: Seconds from the start; by default the frame's number divided by the rate.

        Raises:
            ImageError: Not such a frame.
            OutputError: The frame has another size, has no time although times vary, or cannot be written.
            StateError: Called outside the `with` block.
        """
        if not self._is_entered:
            raise StateError(f"{self.path}: write frames inside `with VideoWriter(...) as writer:`")
        if isinstance(frame, VideoFrame):
            time = frame.time if time is None else time
            frame = frame.pixels
        if time is None:
            if self._rate is None:
                raise OutputError(f"{self.path}: the times of its frames vary; give each frame its time in seconds")
            time = self._count / self._rate
        self._writer.write(frame, Fraction(time))
        self._count += 1

    def __enter__(self) -> Self:
        self._writer.__enter__()
        self._is_entered = True
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Finishes the file, or discards it after an exception.

        Raises:
            OutputError: No frame was written, or the file cannot be finished.
        """
        self._is_entered = False
        try:
            if error is None:
                self._writer.commit()
        finally:
            self._writer.__exit__(kind, error, trace)


class VideoTarget:
    """A checked path for a video that is made from the inputs. Its ending chooses the format, see `OUTPUT_FORMATS`.

    Nothing is created before the writer from `open` is entered.

    Raises:
        OutputError: The ending is unknown, a pattern is malformed, the result (of a pattern, one of its pictures) is
            one of the inputs by whatever name, or its folder cannot be written.
    """

    def __init__(self, path: Path, inputs: Sequence[Path] = ()) -> None:
        if (instead := explain_output(path)) and not path.parent.exists():
            raise OutputError(instead)
        numbered = is_pattern(path)
        if numbered:
            check_pattern(path)
        elif path.suffix.lower() not in (*_ENCODED, ".gif"):
            raise OutputError(f"{path} ends in {path.suffix or 'nothing'}; results are written as {OUTPUT_FORMATS}.")
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise OutputError(f"{str(path)!a} is not valid UTF-8; choose another name.") from None
        self.path = path
        self._staged: StagedFolder | StagedOutput = StagedFolder(path) if numbered else StagedOutput(path, inputs)
        for source in inputs:
            if numbered and may_overwrite(path, source):
                raise OutputError(f"{path} may overwrite the input {source}; choose another name or folder.")

    @property
    def needs_even_sizes(self) -> bool:
        """True if odd widths and heights grow by one pixel."""
        return self.path.suffix.lower() in _ENCODED

    def existing(self) -> list[Path]:
        """Existing files that the result may replace: the file, or all pictures of the pattern."""
        return self._staged.existing() if isinstance(self._staged, StagedOutput) else pictures_of(self.path)

    def open(
        self,
        timing: Timing,
        audio_from: Path | None = None,
        *,
        quality: int | None = None,
        part: Part | None = None,
    ) -> FrameWriter:
        """Returns the writer for the input's timing, to be entered as a context; with the sound of a file, if any.

        The frames, and so the sound, may be a part of the input. `quality` is as in `VideoWriter`.

        Raises:
            OutputError: The quality is not on the scale.
        """
        suffix = self.path.suffix.lower()
        level = DEFAULT_QUALITY if quality is None else quality
        check_quality(level)
        if suffix in _ENCODED:
            return EncodedVideoWriter(self.path, self._staged, timing, audio_from, quality=level, part=part)
        writer: FrameWriter
        if suffix == ".gif":
            writer = GifWriter(self.path, self._staged, timing, level)
        else:
            if quality is not None:
                _logger.warning("%s: PNG pictures lose nothing, so the quality does not matter", self.path)
            assert isinstance(self._staged, StagedFolder)
            writer = PictureSequenceWriter(self.path, self._staged)
        if audio_from is not None and _has_audio(audio_from):
            form = "a GIF has" if suffix == ".gif" else "pictures have"
            _logger.warning("%s: %s no sound; the sound of %s is left out", self.path, form, audio_from)
            writer.left_out.append("sound")
        return writer


def _has_audio(path: Path) -> bool:
    try:
        with open_input(path) as container:
            return find_audio(container) is not None
    except MediaError:
        return False
