"""Opening a media file with FFmpeg: local files of known formats only, errors in this project's words."""

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
from fomm_rt.media.read.input_file import HEAD_BYTES, name_content, open_file, require_file

_StreamT = TypeVar("_StreamT", bound=Stream)

# Formats that hold their own frames and sound. Left out are those that open other files by name (playlists,
# scripts, picture patterns), capture devices, and those that take any text for a video (tty, subtitles).
_DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,apng,asf,flv,live_flv,mpegts,mpeg,mpegvideo,ogg,mxf,nut,ivf,"
    "obu,av1,h264,hevc,vvc,m4v,mjpeg,h261,h263,vc1,dirac,yuv4mpegpipe,dv,wtv,rm,nsv,swf,amv,r3d,gxf,lxf,"
    "mp3,wav,w64,flac,aac,ac3,eac3,aiff,caf,amr,ape,au,dts,tta,wv,truehd,aax"
)
_DEMUX_ATTEMPTS = 32
_NOT_A_TRACK = Disposition.attached_pic | Disposition.timed_thumbnails


def open_input(path: Path, file: BinaryIO | None = None) -> InputContainer:
    """Opens a media file for demuxing.

    Args:
        path: A local file; never taken as a URL or a pattern.
        file: The same file, open, to be read in place of opening it again.

    Returns:
        The container, to be closed by the caller.

    Raises:
        MediaError: The file is missing, empty, a folder, not permitted, damaged or of no known format.
    """
    if file is None:
        require_file(path)
    try:
        return av.open(
            # An absolute path cannot be mistaken for a protocol: "concat:a" is a legal file name.
            str(path.absolute()) if file is None else file,
            mode="r",
            container_options={"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except UnicodeEncodeError:
        raise MediaError(f"{str(path)!a} is not valid UTF-8; rename the file.") from None
    except MemoryError:
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(_explain_refusal(path)) from error


def find_video(container: InputContainer) -> VideoStream | None:
    """Returns the stream with the moving picture; cover art does not count.

    Args:
        container: An open container.

    Returns:
        The default stream, else the first; None where there is only sound.
    """
    streams = [stream for stream in container.streams.video if not stream.disposition & _NOT_A_TRACK]
    chosen = [stream for stream in streams if stream.disposition & Disposition.default]
    return next(iter(chosen or streams), None)


def find_audio(container: InputContainer) -> AudioStream | None:
    """Returns the sound stream that players would play.

    Args:
        container: An open container.

    Returns:
        The default stream, else the first, among those with a known codec; None where there is none.
    """
    streams = [
        stream
        for stream in container.streams.audio
        if stream.codec_context is not None and stream.codec_context.sample_rate and stream.codec_context.channels
    ]
    chosen = [stream for stream in streams if stream.disposition & Disposition.default]
    return next(iter(chosen or streams), None)


def find_start(container: InputContainer) -> Fraction:
    """Returns the time in seconds at which the picture or the sound of a file begins, whichever is first.

    The container's own start is rounded to microseconds; this is exact. What lies before 0 an edit list, or
    the priming of the sound, keeps from being shown or heard.
    """
    starts = [
        max(stream.start_time * stream.time_base, Fraction(0))
        for stream in (find_video(container), find_audio(container))
        if stream is not None and stream.start_time is not None and stream.time_base is not None
    ]
    return min(starts, default=Fraction(0))


def demux(
    container: InputContainer, stream: _StreamT, on_fault: Callable[[], None] | None = None
) -> "Generator[av.Packet[_StreamT], None, None]":
    """Yields the packets of a stream that hold something, passing over places that cannot be demuxed.

    Args:
        container: An open container.
        stream: One of its streams.
        on_fault: Called for every such place.

    Yields:
        Packets in decoding order, without FFmpeg's empty one that flushes the decoder.
    """
    for packet in demux_all(container, on_fault):
        if packet.stream.index == stream.index:
            yield cast("av.Packet[_StreamT]", packet)


def demux_all(
    container: InputContainer, on_fault: Callable[[], None] | None = None
) -> "Generator[av.Packet[Stream], None, None]":
    """Yields the packets of all streams, as `demux` does those of one."""
    for _ in range(_DEMUX_ATTEMPTS):
        try:
            for packet in container.demux():
                if packet.size:
                    yield packet
        except (av.FFmpegError, OSError):
            # The position is past the fault now; a file that goes on failing is given up.
            if on_fault is not None:
                on_fault()
            continue
        except IndexError:
            # PyAV stumbles once over a stream that the headers did not announce; it is passed over from then on.
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
