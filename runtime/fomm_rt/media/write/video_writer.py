"""Choosing how a result is written by the ending of its name."""

import logging
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import MediaError, OutputError
from fomm_rt.files.staging import check_target
from fomm_rt.media.read.input_container import find_audio, open_input
from fomm_rt.media.read.timing import Timing
from fomm_rt.media.write.encoded_video import EncodedVideoWriter
from fomm_rt.media.write.gif_writer import GifWriter
from fomm_rt.media.write.output_formats import OUTPUT_FORMATS
from fomm_rt.media.write.picture_sequence import PictureSequenceWriter, check_pattern, is_pattern, may_overwrite

_logger = logging.getLogger("fomm_rt")

_VIDEO_SUFFIXES = (".mp4", ".mkv", ".webm")


class Writer(Protocol):
    """Takes frames; keeps them only if committed."""

    def __enter__(self) -> "Writer":
        """Creates the temporary file.

        Raises:
            OutputError: If it cannot be created.
        """
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Discards everything that was not committed; an old file stays as it was."""
        ...

    def write(self, pixels: NDArray[np.uint8], time: Fraction) -> None:
        """Writes one frame.

        Args:
            pixels: (H, W, 3) uint8 RGB; the first frame sets the size of all.
            time: Seconds from the start of the input's container, as `VideoFrame.time`.

        Raises:
            ImageError: If the pixels are not a picture.
            OutputError: If the frame has another size or cannot be written.
        """
        ...

    def commit(self) -> None:
        """Finishes the result and puts it in place of an old file at once.

        Raises:
            OutputError: If there was no frame or the result cannot be finished.
        """
        ...


def check_output(path: Path, inputs: Sequence[Path]) -> None:
    """Makes sure, before any work, that a result can be written.

    Args:
        path: The result.
        inputs: The files that are read for it.

    Raises:
        OutputError: If the ending is unknown, a pattern malformed, the result (of a pattern, one of its
            pictures) one of the inputs by whatever name, or its folder not writable.
    """
    if is_pattern(path):
        check_pattern(path)
    elif path.suffix.lower() not in (*_VIDEO_SUFFIXES, ".gif"):
        raise OutputError(f"{path} ends in {path.suffix or 'nothing'}; results are written as {OUTPUT_FORMATS}.")
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise OutputError(f"{str(path)!a} is not valid UTF-8; choose another name.") from None
    check_target(path)
    for source in inputs:
        if is_pattern(path) and may_overwrite(path, source):
            raise OutputError(f"{path} may overwrite the input {source}; choose another name or folder.")
        if _is_same_file(path, source):
            raise OutputError(f"{path} is also an input; choose another name, the input would be lost.")


def open_writer(path: Path, timing: Timing, audio_from: Path | None) -> Writer:
    """Prepares the writer for a result.

    Args:
        path: The result; its ending chooses the format, see `OUTPUT_FORMATS`.
        timing: The timing of the input, which the result gets too.
        audio_from: The file whose sound goes along; None for a silent result.

    Returns:
        A writer, to be entered as a context.

    Raises:
        OutputError: If the ending is unknown or the result cannot be written.
    """
    check_output(path, [audio_from] if audio_from is not None else [])
    suffix = path.suffix.lower()
    if suffix in _VIDEO_SUFFIXES:
        return EncodedVideoWriter(path, timing, audio_from)
    if audio_from is not None and _has_audio(audio_from):
        form = "a GIF has" if suffix == ".gif" else "pictures have"
        _logger.warning("%s: %s no sound; the sound of %s is left out", path, form, audio_from)
    return GifWriter(path, timing) if suffix == ".gif" else PictureSequenceWriter(path)


def _has_audio(path: Path) -> bool:
    try:
        with open_input(path) as container:
            return find_audio(container) is not None
    except MediaError:
        return False


def _is_same_file(path: Path, source: Path) -> bool:
    try:
        return path.samefile(source)
    except (OSError, ValueError):
        return False
