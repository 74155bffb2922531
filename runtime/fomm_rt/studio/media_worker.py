"""The process that reads what clients upload: what files hold, thumbnails, faces, conversions.

Files come from anywhere, and a decoder may crash or take much memory; the server must not.
"""

from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2

from fomm_rt.backends.registry import REGISTRY
from fomm_rt.bundled import open_model
from fomm_rt.clip.driving import open_driving
from fomm_rt.clip.driving_square import find_driving_square
from fomm_rt.clip.motion_file import load_motion
from fomm_rt.errors import MotionError
from fomm_rt.faces.search import find_faces
from fomm_rt.faces.squares import DEFAULT_MARGIN, face_square
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.machine.heap import return_free_memory
from fomm_rt.media.read.input_container import open_input
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.picture_format import PictureKind, find_picture
from fomm_rt.media.read.sound_end import find_sound_end
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.video_writer import VideoWriter
from fomm_rt.studio.job_options import Square
from fomm_rt.studio.jpeg import write_jpeg
from fomm_rt.studio.messages import (
    OPAQUE,
    BackendState,
    Convert,
    DescribeBackends,
    FaceInfo,
    FindFaces,
    FoundFaces,
    Inspect,
    MediaInfo,
    Order,
)
from fomm_rt.workers.messages import Progress, Task
from fomm_rt.workers.worker_process import Reporter, serve

THREADS = 2
LOOKED_AT_S = 10.0
"""A face is followed for so long, so that a page need not wait; a job follows it to the end of the film."""
THUMBNAIL_SIDE = 512
LARGEST_MOTION_BYTES = 1 << 28
"""Of a motion file when it is unpacked: more than a day of motion."""

_PICTURE_TYPES = {
    PictureKind.PNG: "image/png",
    PictureKind.JPEG: "image/jpeg",
    PictureKind.WEBP: "image/webp",
    PictureKind.GIF: "image/gif",
    PictureKind.AVIF: "image/avif",
    PictureKind.BMP: "image/bmp",
}


def perform(task: Task, report: Reporter) -> Any:
    """Does one task of the media worker."""
    try:
        match task:
            case Inspect():
                return inspect(task)
            case FindFaces():
                return look_for_faces(task)
            case Convert():
                return convert(task, report)
            case DescribeBackends():
                return [BackendState(entry.name, entry.device, entry.why_unavailable()) for entry in REGISTRY]
            case _:
                raise TypeError(f"expected a task of the media worker; got {type(task).__name__}")
    finally:
        return_free_memory()


def inspect(task: Inspect) -> MediaInfo:
    """Finds out what a file holds, and draws its thumbnail.

    Raises:
        MediaError, MotionError: It cannot be used.
    """
    path = Path(task.path)
    if task.kind == "driver" and zipfile.is_zipfile(path):
        return _inspect_motion(path)
    if task.kind == "picture":
        picture, duration_s, has_audio = read_picture(path), None, False
    else:
        with VideoReader(path) as reader:
            picture = next(iter(reader)).pixels
            duration_s, has_audio = _duration_of(reader), reader.has_audio
    height, width = picture.shape[:2]
    write_jpeg(Path(task.thumbnail), picture, THUMBNAIL_SIDE)
    return MediaInfo(str(path), _content_type(path), width, height, duration_s, has_audio, False, True)


def _duration_of(reader: VideoReader) -> float | None:
    """Seconds until picture and sound have ended. A busy browser records fewer pictures at the end than sound."""
    ends = [reader.timing.duration, find_sound_end(reader.path) if reader.has_audio else None]
    return max((float(end) for end in ends if end is not None), default=None)


def _inspect_motion(path: Path) -> MediaInfo:
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > LARGEST_MOTION_BYTES:
            raise MotionError(f"{path}: expected a motion file; it holds more than one can")
    named = path.with_suffix(".npz")  # `open_driving` goes by the ending
    path.rename(named)
    try:
        motion = load_motion(named)
    except MotionError as error:
        raise MotionError(str(error).replace(str(named), str(path))) from error
    duration = float(motion.times[-1] - motion.times[0])
    return MediaInfo(str(named), OPAQUE, None, None, duration, False, True, False)


def _content_type(path: Path) -> str:
    """What a browser may take a readable file for."""
    with path.open("rb") as file:
        kind, _animated = find_picture(file)
    if kind is not None:
        return _PICTURE_TYPES.get(kind, OPAQUE)
    with open_input(path) as container:
        formats, codec = container.format.name, container.streams.video[0].codec_context.name
    if "matroska" in formats or "webm" in formats:
        return "video/webm" if codec in ("vp8", "vp9", "av1", "libdav1d", "h264") else "video/x-matroska"
    return "video/mp4" if "mp4" in formats else OPAQUE


def look_for_faces(task: FindFaces) -> FoundFaces:
    """Finds the faces of a picture or a film and their squares for a model.

    Raises:
        MediaError: The file cannot be read.
        ModelError: The model cannot be opened.
    """
    margin = open_model(task.model).manifest.face_margin
    if task.kind == "picture":
        return _faces_of(read_picture(task.path), margin)
    with open_driving(Path(task.path), 0, LOOKED_AT_S) as driving:
        first = next(iter(driving)).pixels
        assert first is not None
        found = _faces_of(first, margin)
        if margin is not None:
            followed = find_driving_square(driving, margin, 1, lambda _done: None).square
            if followed is not None:
                _use(found, (followed.x, followed.y, followed.side))
    return found


def _faces_of(picture: Image, margin: float | None) -> FoundFaces:
    height, width = picture.shape[:2]
    squares = [(face, face_square(face, height, width, margin or DEFAULT_MARGIN)) for face in find_faces(picture)]
    faces = [
        FaceInfo(number, face.box, (square.x, square.y, square.side))
        for number, (face, square) in enumerate(squares, start=1)
    ]
    if faces and margin is not None:
        return FoundFaces(width, height, faces[0].square, faces)
    centred = Framing().region(height, width)
    return FoundFaces(width, height, (centred.x, centred.y, centred.side), faces)


def _use(found: FoundFaces, square: Square) -> None:
    """Makes the square of a face that was followed through a film the one that is used."""
    x, y, side = found.square = square
    if found.faces:
        found.faces[0].square = square
    else:  # the first frame shows none
        found.faces.append(FaceInfo(1, (x, y, side, side), square))


def convert(task: Convert, report: Reporter) -> None:
    """Converts a video, whole or not at all.

    Raises:
        MediaError, OutputError: It cannot be read or written.
    """
    source = Path(task.source)
    with VideoReader(source) as reader:
        sound = source if reader.has_audio and not task.target.endswith(".gif") else None
        with VideoWriter(task.target, reader.timing, audio_from=sound) as writer:
            for frame in reader:
                writer.write(frame)
                report(Progress(task.number, "converting", frame.index + 1, reader.timing.frame_count))


def main() -> None:
    """Runs the process."""
    cv2.setNumThreads(1)
    serve(perform, ThreadPoolExecutor(THREADS), Order)


if __name__ == "__main__":
    main()
