"""Animate a picture by driving frames with the First Order Motion Model, without torch.

    from fomm_rt import animate_file

    animate_file("portrait.png", "driving.mp4", "result.mp4")

Frame by frame:

    from fomm_rt import Animator, VideoReader, read_picture, write_picture

    with Animator.load() as animator, VideoReader("driving.mp4") as driving:
        animator.set_source(read_picture("portrait.png"))           # (H, W, 3) uint8 RGB
        for frame in driving:
            prediction = animator.animate(frame)                    # (size, size, 3) uint8 RGB
            write_picture(f"frame-{frame.index:04}.png", prediction)

OpenCV's frames are BGR: pass `frame[..., ::-1]`. Names are imported on first use, with the libraries they need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fomm_rt.version import __version__

if TYPE_CHECKING:
    from fomm_rt.animator import Animator
    from fomm_rt.backends.options import BackendName
    from fomm_rt.backends.protocol import AnimatedFrame, BackendDescription, Explanation
    from fomm_rt.batch.animate_many import animate_many
    from fomm_rt.batch.job import Job, JobResult
    from fomm_rt.clip.animate_file import animate_file
    from fomm_rt.clip.report import AnimationReport
    from fomm_rt.errors import (
        BackendError,
        BatchError,
        BenchmarkError,
        CameraError,
        CheckpointError,
        EngineError,
        FetchError,
        FommError,
        ImageError,
        MediaError,
        ModelError,
        MotionError,
        OutputError,
        ParityError,
        StateError,
        TrainingError,
    )
    from fomm_rt.faces.face import Face
    from fomm_rt.faces.framing import FaceFraming
    from fomm_rt.faces.paste_back import PasteBack, paste_back
    from fomm_rt.faces.search import find_faces
    from fomm_rt.faces.squares import face_square
    from fomm_rt.framing import Framing, Region
    from fomm_rt.live.cameras.choose import choose_camera
    from fomm_rt.live.controls.state import LiveState
    from fomm_rt.live.frames import CameraFrame, LiveFrame
    from fomm_rt.live.report import LiveReport
    from fomm_rt.live.session import LiveSession
    from fomm_rt.media.read.picture import read_picture
    from fomm_rt.media.read.video_reader import VideoReader
    from fomm_rt.media.write.picture import write_picture
    from fomm_rt.media.write.video_writer import VideoWriter
    from fomm_rt.model.precision import Precision
    from fomm_rt.motion.keypoints import Keypoints
    from fomm_rt.source import Source

__all__ = [
    "AnimatedFrame",
    "AnimationReport",
    "Animator",
    "BackendDescription",
    "BackendError",
    "BackendName",
    "BatchError",
    "BenchmarkError",
    "CameraError",
    "CameraFrame",
    "CheckpointError",
    "EngineError",
    "Explanation",
    "Face",
    "FaceFraming",
    "FetchError",
    "FommError",
    "Framing",
    "ImageError",
    "Job",
    "JobResult",
    "Keypoints",
    "LiveFrame",
    "LiveReport",
    "LiveSession",
    "LiveState",
    "MediaError",
    "ModelError",
    "MotionError",
    "OutputError",
    "ParityError",
    "PasteBack",
    "Precision",
    "Region",
    "Source",
    "StateError",
    "TrainingError",
    "VideoReader",
    "VideoWriter",
    "__version__",
    "animate_file",
    "animate_many",
    "choose_camera",
    "face_square",
    "find_faces",
    "paste_back",
    "read_picture",
    "write_picture",
]

_MODULES = {
    "AnimatedFrame": "backends.protocol",
    "AnimationReport": "clip.report",
    "Animator": "animator",
    "BackendDescription": "backends.protocol",
    "BackendName": "backends.options",
    "CameraFrame": "live.frames",
    "Explanation": "backends.protocol",
    "Face": "faces.face",
    "FaceFraming": "faces.framing",
    "Framing": "framing",
    "Job": "batch.job",
    "JobResult": "batch.job",
    "Keypoints": "motion.keypoints",
    "LiveFrame": "live.frames",
    "LiveReport": "live.report",
    "LiveSession": "live.session",
    "LiveState": "live.controls.state",
    "PasteBack": "faces.paste_back",
    "Precision": "model.precision",
    "Region": "framing",
    "Source": "source",
    "VideoReader": "media.read.video_reader",
    "VideoWriter": "media.write.video_writer",
    "animate_file": "clip.animate_file",
    "animate_many": "batch.animate_many",
    "choose_camera": "live.cameras.choose",
    "face_square": "faces.squares",
    "find_faces": "faces.search",
    "paste_back": "faces.paste_back",
    "read_picture": "media.read.picture",
    "write_picture": "media.write.picture",
}
"""Where public names are defined, unless in `errors`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fomm_rt.{_MODULES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return __all__
