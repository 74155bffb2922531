"""Names the parts of a media file beyond the picture and the one sound track that are read.

Time codes, fonts, cover art and camera data are not named, because users do not expect them in a result.
"""

from __future__ import annotations

from dataclasses import dataclass

from av.container import InputContainer

from fomm_rt.media.read.input_container import find_audio, find_video, moving_streams


@dataclass(frozen=True)
class LeftOut:
    """Parts of a file that are not read, as nouns such as "subtitles".

    Attributes:
        sound: Sound tracks.
        others: Everything else.
    """

    sound: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def find_left_out(container: InputContainer, *, is_avif: bool = False) -> LeftOut:
    """Finds parts of a file that `find_video` and `find_audio` leave out; `is_avif` is True for an AVIF sequence."""
    return LeftOut(_sound(container), _others(container, is_avif))


def _sound(container: InputContainer) -> tuple[str, ...]:
    read = find_audio(container)
    tracks = [stream for stream in container.streams.audio if read is None or stream.index != read.index]
    unknown = sum(1 for stream in tracks if stream.codec_context is None)
    known = len(tracks) - unknown if read is not None else 0
    if read is None and tracks:
        return ("sound in an unsupported codec",)
    return (
        *([_counted(known, "further sound track")] if known else []),
        *([_counted(unknown, "sound track") + " in an unsupported codec"] if unknown else []),
    )


def _others(container: InputContainer, is_avif: bool) -> tuple[str, ...]:
    read = find_video(container)
    videos = [stream for stream in moving_streams(container) if read is None or stream.index != read.index]
    found = []
    if videos:
        # In an AVIF sequence the opacity is a separate stream.
        found.append("transparency" if is_avif else _counted(len(videos), "further video stream"))
    if container.streams.subtitles:
        found.append("subtitles")
    if container.chapters():
        found.append("chapters")
    return tuple(found)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
