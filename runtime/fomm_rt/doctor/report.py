"""What this machine can run: versions, codecs, and short timed runs of media, backends and a model.

What there is of NVIDIA: `doctor_gpu`.
"""

from __future__ import annotations

import platform
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
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
from fomm_rt.machine.packages import installed_version
from fomm_rt.version import __version__

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
    "typer",
    "rich",
)
EXPORT_MODULES = ("torch", "onnx", "onnxscript", "safetensors", "yaml")
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
    """Whether a backend really runs here.

    Attributes:
        name: As given to `Animator.load`.
        problem: Why it does not run; None if it does.
        probe_ms: Median latency of a 3×3 convolution of 64 channels on 64×64 pixels; None if it does not run, or runs
            nothing but a model's engines.
    """

    name: str
    problem: str | None
    probe_ms: float | None


@dataclass(frozen=True)
class Codec:
    """An encoder or decoder of the installed FFmpeg libraries and what it is for."""

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
    """Latency of a model on this machine.

    Attributes:
        model: Its name.
        backend: What ran it.
        frames: How many were timed, after two of warm-up.
        latency_ms: Median time of a frame, picture to picture.
    """

    model: str
    backend: BackendDescription
    frames: int
    latency_ms: float


def versions() -> dict[str, str]:
    """fomm-rt, Python, the operating system and the packages that matter; "not installed" where missing."""
    found = {"fomm-rt": __version__, "python": platform.python_version(), "system": _system()}
    return found | {package: installed_version(package) or "not installed" for package in PACKAGES}


def _system() -> str:
    library, number = platform.libc_ver()
    return " ".join(part for part in (platform.system(), platform.machine(), library, number) if part)


def describe_processor() -> str:
    """The CPU in words and the number of cores this process may use."""
    return f"{processor.name()}, {processor.allowed_cores()} cores"


def vector_instructions() -> str:
    """Which instructions that matter the CPU has, and what that means for int8; one phrase for people."""
    had = processor.vector_instructions()
    if had is None:
        return "not told by this system"
    found = ", ".join(word for key, word in processor.VECTOR_INSTRUCTIONS.items() if key in had) or "none known"
    if processor.lacks_int8_instructions():
        return f"{found}; no VNNI, so int8 is hardly faster than fp32"
    return f"{found}; int8 is {'fast' if had & processor.INT8_INSTRUCTIONS else 'probably not fast'}"


def backends() -> list[BackendHealth]:
    """Every backend, fastest first, each tried with a small network."""
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


def missing_for_export() -> list[str]:
    """Modules that `fomm-rt export` needs and that are not installed."""
    return [module for module in EXPORT_MODULES if find_spec(module) is None]


def codecs() -> list[Codec]:
    """The encoders and decoders that results and inputs commonly need."""
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
    """Writes a short clip to a temporary folder and reads it again.

    Raises:
        FommError: The codecs or the temporary folder do not work.
    """
    from fomm_rt.media.read.video_reader import VideoReader
    from fomm_rt.media.write.video_writer import VideoWriter

    rate = Fraction(30)
    pictures = list(_moving_pictures(MEDIA_FRAMES))
    with tempfile.TemporaryDirectory(prefix="fomm-rt-doctor-") as folder:
        path = Path(folder) / "clip.mp4"
        start = perf_counter()
        with VideoWriter(path, rate) as writer:
            for picture in pictures:
                writer.write(picture)
        written = perf_counter()
        with VideoReader(path) as reader:
            frames = sum(1 for _ in reader)
        return MediaSpeed(MEDIA_FRAMES / (written - start), frames / (perf_counter() - written))


def time_model(model: Path | None, backend: BackendName = "auto") -> ModelSpeed:
    """Animates a few frames of a drawn picture with a model folder, or with the bundled model.

    Raises:
        ModelError, BackendError: The model cannot be run.
    """
    with Animator.load(model, backend) as animator:
        pictures = list(_moving_pictures(WARMUP_FRAMES + TIMED_FRAMES))
        animator.set_source(pictures[0])
        latencies = []
        for picture in pictures:
            start = perf_counter()
            animator.animate(picture)
            latencies.append((perf_counter() - start) * 1e3)
        median = statistics.median(latencies[WARMUP_FRAMES:])
        return ModelSpeed(animator.manifest.name, animator.backend, TIMED_FRAMES, median)


def _moving_pictures(count: int) -> Iterator[Image]:
    """A drawn face that moves a little from frame to frame."""
    import cv2

    side = PICTURE_SIDE
    for i in range(count):
        picture = np.full((side, side, 3), (70, 110, 150), np.uint8)
        x = side // 2 + round(side / 16 * np.sin(i / 5))
        cv2.ellipse(picture, (x, side // 2), (side // 4, side // 3), 0, 0, 360, (225, 185, 150), -1, cv2.LINE_AA)
        for eye in (x - side // 10, x + side // 10):
            cv2.circle(picture, (eye, side * 9 // 20), side // 32, (40, 30, 30), -1, cv2.LINE_AA)
        cv2.ellipse(picture, (x, side * 3 // 5), (side // 12, side // 24), 0, 0, 180, (150, 50, 60), 3, cv2.LINE_AA)
        yield picture
