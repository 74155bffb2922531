"""Checks of this machine: versions, OpenCV, codecs, and short timed runs of media, backends and a model."""

from __future__ import annotations

import platform
import statistics
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from time import perf_counter

import numpy as np

from fomm_rt.animator import Animator
from fomm_rt.backends.options import BackendName
from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.backends.registry import REGISTRY
from fomm_rt.errors import FommError
from fomm_rt.image import Image
from fomm_rt.machine import processor
from fomm_rt.machine.packages import installed_version, installed_versions
from fomm_rt.version import __version__

OPENCV_PACKAGES = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
"""Each of them installs the module cv2; the last one installed overwrites the others."""

PACKAGES = (
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "tensorrt",
    "tensorrt-cu13",
    "tensorrt-rtx-cu13",
    "cuda-core",
    "cuda-bindings",
    "opencv-python-headless",
    "av",
    "PySDL2",
    "typer",
    "rich",
)
ENCODERS = {
    "libx264": "writes .mp4 and .mkv",
    "libvpx-vp9": "writes .webm",
    "gif": "writes .gif",
    "aac": "writes sound in .mp4",
    "libopus": "writes sound in .webm",
}
DECODERS = ("h264", "hevc", "vp9", "av1", "mjpeg", "aac")
MEDIA_FRAMES = 60
TIMED_FRAMES = 12
WARMUP_FRAMES = 2
PICTURE_SIDE = 256


@dataclass(frozen=True)
class BackendHealth:
    """Result of trying a backend.

    Attributes:
        problem: Why it does not run; None if it does.
        probe_ms: Median latency of a 3×3 convolution of 64 channels on 64×64 pixels; None if it does not run, or only
            runs a model's engines.
    """

    name: BackendName
    problem: str | None
    probe_ms: float | None


@dataclass(frozen=True)
class OpenCv:
    """The module cv2 that is imported, and the installed OPENCV_PACKAGES with their versions; one of them is right."""

    version: str
    file: str
    packages: dict[str, str]


@dataclass(frozen=True)
class Codec:
    """An encoder or decoder of PyAV's FFmpeg libraries and its use."""

    name: str
    purpose: str
    available: bool


@dataclass(frozen=True)
class MediaSpeed:
    """Frames per second of writing and reading an H.264 clip of 256×256 pixels."""

    encode_fps: float
    decode_fps: float


@dataclass(frozen=True)
class ModelSpeed:
    """Median latency of a model, from driving frame to prediction, over some frames after the warmup."""

    model: str
    backend: BackendDescription
    frames: int
    latency_ms: float


def versions() -> dict[str, str]:
    """Versions of fomm-rt, Python, the operating system and the packages in use; "not installed" for missing ones."""
    system = " ".join(filter(None, (platform.system(), platform.machine(), *platform.libc_ver())))
    found = {"fomm-rt": __version__, "python": platform.python_version(), "system": system}
    return found | {package: installed_version(package) or "not installed" for package in PACKAGES}


def machine() -> dict[str, str]:
    """The processor with the cores that this process may use, and its vector instructions."""
    cores = f"{processor.name()}, {processor.allowed_cores()} cores"
    return {"processor": cores, "vector instructions": vector_instructions()}


def vector_instructions() -> str:
    """The CPU's vector instructions and the speed of int8 with them, as a phrase."""
    had = processor.vector_instructions()
    if had is None:
        return "not reported by this system"
    found = ", ".join(word for key, word in processor.VECTOR_INSTRUCTIONS.items() if key in had) or "none known"
    if processor.lacks_int8_instructions():
        return f"{found}; no VNNI, so int8 is hardly faster than fp32"
    return f"{found}; int8 is {'fast' if had & processor.INT8_INSTRUCTIONS else 'probably not fast'}"


def backends() -> list[BackendHealth]:
    """Tries every backend with a small network, fastest first."""
    found = []
    for entry in REGISTRY:
        problem, probe_ms = entry.why_unavailable(), None
        if problem is None and entry.probe is not None:
            try:
                probe_ms = entry.probe()
            except FommError as error:
                problem = str(error)
        found.append(BackendHealth(entry.name, problem, probe_ms))
    return found


def opencv() -> OpenCv:
    """Finds the module cv2 and the packages that may have installed it."""
    import cv2

    return OpenCv(cv2.__version__, cv2.__file__, installed_versions(OPENCV_PACKAGES))


def codecs() -> list[Codec]:
    """Encoders for all result formats and decoders for common inputs."""
    import av

    def available(name: str, mode: str) -> bool:
        try:
            av.Codec(name, mode)  # type: ignore[arg-type]
        except ValueError:
            return False
        return True

    return [
        *(Codec(name, purpose, available(name, "w")) for name, purpose in ENCODERS.items()),
        *(Codec(name, f"reads {name}", available(name, "r")) for name in DECODERS),
    ]


def time_media() -> MediaSpeed:
    """Writes a short clip to a temporary folder and reads it back."""
    from fomm_rt.media.read.video_reader import VideoReader
    from fomm_rt.media.write.video_writer import VideoWriter

    pictures = _moving_pictures(MEDIA_FRAMES)
    with tempfile.TemporaryDirectory(prefix="fomm-rt-doctor-") as folder:
        path = Path(folder) / "clip.mp4"
        start = perf_counter()
        with VideoWriter(path, Fraction(30)) as writer:
            for picture in pictures:
                writer.write(picture)
        written = perf_counter()
        with VideoReader(path) as reader:
            frames = sum(1 for _ in reader)
        return MediaSpeed(MEDIA_FRAMES / (written - start), frames / (perf_counter() - written))


def time_model(model: str | None, backend: BackendName = "auto") -> ModelSpeed:
    """Animates a few frames with a model, by its folder or name, or with the bundled one."""
    with Animator.load(model, backend) as animator:
        pictures = _moving_pictures(WARMUP_FRAMES + TIMED_FRAMES)
        animator.set_source(pictures[0])
        latencies = []
        for picture in pictures:
            start = perf_counter()
            animator.animate(picture)
            latencies.append((perf_counter() - start) * 1e3)
        median = statistics.median(latencies[WARMUP_FRAMES:])
        return ModelSpeed(animator.manifest.name, animator.backend, TIMED_FRAMES, median)


def _moving_pictures(count: int) -> list[Image]:
    """A picture that moves to the right, (256, 256, 3) uint8."""
    from fomm_rt.model.parity_picture import parity_frames

    picture = parity_frames(PICTURE_SIDE)[0]
    return [np.roll(picture, i, axis=1) for i in range(count)]
