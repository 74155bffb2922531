"""Small clips for tests: every frame shows its number, and the sound has a beep at a known time."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from scheduling import kept_scheduling

ClipMaker = Callable[..., Path]


def numbered_frame(index: int, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """Returns a grey picture whose brightness is its index, with a red left edge."""
    pixels = np.full((height, width, 3), 20 + (index * 7) % 200, np.uint8)
    pixels[:, : width // 4] = (200, 30, 30)
    return pixels


def corners(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """Returns four quadrants of known colours: red, green / blue, white."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    pixels[height // 2 :, width // 2 :] = (255, 255, 255)
    return pixels


def smooth(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """Returns a colour gradient that survives JPEG; its corners all differ."""
    rows, columns = np.mgrid[0:height, 0:width]
    red, green = rows * 255 // (height - 1), columns * 255 // (width - 1)
    return np.stack([red, green, np.full_like(red, 60)], axis=2).astype(np.uint8)


def beep(samples: int, rate: int, channels: int, at: float | None) -> NDArray[np.float32]:
    """Returns silence with a short loud click at `at` seconds, (channels, samples)."""
    sound = np.zeros((channels, samples), np.float32)
    if at is not None:
        first = round(at * rate)
        sound[:, first : first + rate // 100] = 0.8
    return sound


def write_clip(
    path: Path,
    *,
    frames: int = 12,
    rate: Fraction | int = 25,
    times: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    audio: str | None = None,
    audio_rate: int = 48000,
    audio_layout: str = "stereo",
    audio_seconds: float | None = None,
    audio_start: float = 0.0,
    video_start: int = 0,
    beep_at: float | None = None,
    rotation: int = 0,
    pixels: Callable[[int], NDArray[np.uint8]] | None = None,
    container_options: dict[str, str] | None = None,
    container_format: str | None = None,
) -> Path:
    """Writes a clip with PyAV alone, independent of the code under test."""
    width, height = size
    settings = container_options or {}
    with kept_scheduling(), av.open(str(path), "w", format=container_format, container_options=settings) as output:
        video = output.add_stream(codec, rate=rate)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        video.options = dict(options or {})
        if time_base is not None:
            video.codec_context.time_base = time_base
        if rotation:
            video.set_display_rotation(rotation)
        tick = time_base or 1 / Fraction(rate)
        sound: AudioStream | None = None
        if audio is not None:
            added = output.add_stream(audio, rate=audio_rate)
            assert isinstance(added, AudioStream)
            added.codec_context.layout = audio_layout
            sound = added
        for index in range(frames):
            source = pixels(index) if pixels else numbered_frame(index, width, height)
            frame = VideoFrame.from_ndarray(source, format="rgb24").reformat(format=pix_fmt)
            frame.pts = (times[index] if times else index) + video_start
            frame.time_base = tick
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if sound is not None:
            seconds = audio_seconds if audio_seconds is not None else frames / float(rate)
            channels = sound.codec_context.channels
            samples = beep(round(seconds * audio_rate), audio_rate, channels, beep_at)
            for first in range(0, samples.shape[1], 1024):
                chunk = AudioFrame.from_ndarray(
                    np.ascontiguousarray(samples[:, first : first + 1024]), format="fltp", layout=audio_layout
                )
                chunk.sample_rate = audio_rate
                chunk.time_base = Fraction(1, audio_rate)
                chunk.pts = first + round(audio_start * audio_rate)
                output.mux(sound.encode(chunk))
            output.mux(sound.encode(None))
    return path


def packet_places(path: Path) -> list[tuple[int, int]]:
    """Returns position and size in bytes of every video packet of a file."""
    with kept_scheduling(), av.open(str(path)) as container:
        return [(packet.pos or 0, packet.size) for packet in container.demux(video=0) if packet.size]
