"""Opens media files with FFmpeg: local files of known formats only, with errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Generator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from fomm_rt.errors import MediaError
from fomm_rt.media.read.browser_delays import FORMATS, SHOWN_INSTEAD_S, with_browser_delays
from fomm_rt.media.read.input_file import HEAD_BYTES, name_content, open_file, require_file
from fomm_rt.media.read.limits import FRAME_PIXELS
from fomm_rt.media.read.seekable_file import SeekableFile

_StreamT = TypeVar("_StreamT", bound=Stream)

# Formats that contain their own frames and sound. Left out are those that open other files by name (playlists, scripts,
# picture patterns), capture devices, and those that accept any text as a video (tty, subtitles).
_DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,apng,asf,flv,live_flv,mpegts,mpeg,mpegvideo,ogg,mxf,nut,ivf,"
    "obu,av1,h264,hevc,vvc,m4v,mjpeg,h261,h263,vc1,dirac,yuv4mpegpipe,dv,wtv,rm,nsv,swf,amv,r3d,gxf,lxf,"
    "mp3,wav,w64,flac,aac,ac3,eac3,aiff,caf,amr,ape,au,dts,tta,wv,truehd,aax"
)
_OPTIONS = {
    "format_whitelist": _DEMUXERS,
    "protocol_whitelist": "file",
    # Of APNG: how long a frame is shown whose delay is 0.
    "default_fps": str(1 / SHOWN_INSTEAD_S),
}
_DEMUX_ATTEMPTS = 32
_NOT_A_TRACK = Disposition.attached_pic | Disposition.timed_thumbnails


def open_input(path: Path, file: BinaryIO | None = None, max_pixels: int = FRAME_PIXELS) -> InputContainer:
    """Opens a local media file, never a URL or a pattern; with `file`, the same file, it is not opened again.

    FFmpeg decodes a few frames to probe the streams, but none of more than `max_pixels`.

    Raises:
        MediaError: The file is missing, empty, a folder, not permitted, damaged or of no known format.
    """
    if file is None:
        require_file(path)
    try:
        return av.open(
            # An absolute path cannot be mistaken for a protocol: "concat:a" is a legal file name.
            str(path.absolute()) if file is None else SeekableFile(file),
            mode="r",
            container_options=_OPTIONS,
            options=decoder_options(max_pixels),
            metadata_errors="replace",
        )
    except UnicodeEncodeError:
        raise MediaError(f"{str(path)!a} is not valid UTF-8; rename the file.") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        # FFmpeg also reports "out of memory" for a damaged size in the file; PyAV raises av.MemoryError for it.
        raise MediaError(_explain_refusal(path)) from error


def decoder_options(max_pixels: int) -> dict[str, str]:
    """Returns options of a decoder that refuses frames of more pixels, whatever the container or earlier frames say."""
    return {"max_pixels": str(max_pixels)}


def find_video(container: InputContainer) -> VideoStream | None:
    """Returns the default video stream, else the first; None if there is only sound."""
    return _default(moving_streams(container))


def moving_streams(container: InputContainer) -> list[VideoStream]:
    """Returns the video streams without cover art, and without single pictures beside others, as in AVIF sequences."""
    streams = [stream for stream in container.streams.video if not stream.disposition & _NOT_A_TRACK]
    return [stream for stream in streams if stream.frames != 1] or streams


def find_audio(container: InputContainer) -> AudioStream | None:
    """Returns the default sound stream, else the first, among those with a known codec; None if there is none."""
    contexts = [(stream, stream.codec_context) for stream in container.streams.audio]
    return _default([stream for stream, context in contexts if context and context.sample_rate and context.channels])


def _default(streams: list[_StreamT]) -> _StreamT | None:
    chosen = [stream for stream in streams if stream.disposition & Disposition.default]
    return next(iter(chosen or streams), None)


def find_start(container: InputContainer) -> Fraction:
    """Returns the time in seconds at which the picture or the sound of a file begins, whichever is first.

    The container's own start is rounded to microseconds; this is exact. Anything before 0 is not shown or heard: an
    edit list cuts it off, or it primes the sound decoder.
    """
    starts = [
        max(stream.start_time * stream.time_base, Fraction(0))
        for stream in (find_video(container), find_audio(container))
        if stream is not None and stream.start_time is not None and stream.time_base is not None
    ]
    return min(starts, default=Fraction(0))


def demux(
    container: InputContainer, stream: _StreamT, on_fault: Callable[[], None] = lambda: None
) -> Generator[av.Packet[_StreamT], None, None]:
    """Yields the packets of one stream in decoding order, skipping places that cannot be demuxed.

    FFmpeg's empty packets, which flush the decoder, are left out. Frames of animated pictures last as long as browsers
    show them. `on_fault` is called for every skipped place.
    """
    packets = _demux(container, stream, on_fault)
    if container.format.name in FORMATS:
        moved = with_browser_delays(cast("Generator[av.Packet[VideoStream], None, None]", packets))
        return cast("Generator[av.Packet[_StreamT], None, None]", moved)
    return packets


def _demux(
    container: InputContainer, stream: _StreamT, on_fault: Callable[[], None]
) -> Generator[av.Packet[_StreamT], None, None]:
    for _ in range(_DEMUX_ATTEMPTS):
        try:
            for packet in container.demux():
                if packet.size and packet.stream.index == stream.index:
                    yield cast("av.Packet[_StreamT]", packet)
        except (av.FFmpegError, OSError):
            # The position is past the fault now; give up on a file that keeps failing.
            on_fault()
            continue
        except IndexError:
            # PyAV raises this once for a stream that the headers did not announce, then ignores the stream.
            continue
        return


def _explain_refusal(path: Path) -> str:
    """Explains why FFmpeg did not open an existing file."""
    with open_file(path) as file:
        head = file.read(HEAD_BYTES)
    content = name_content(head)
    if content is not None:
        return f"{path} is {content}, not a video; if it was downloaded, download it again."
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return (
            f"{path} is an incomplete or damaged MP4 file: its index cannot be read. Copy, download or export it again."
        )
    return f"{path} is not a video of a known format or is damaged; give an MP4, MKV, WebM, MOV, AVI or GIF."
