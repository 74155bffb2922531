"""Pictures and clips to measure a model on: rendered and drawn faces, the astronaut, and those of a folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from fomm_rt.errors import FommError, TrainingError
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from fomm_train.data.held_out import FIRST_MEASURED_SEED
from fomm_train.faces import draw_identity, draw_performance, render_picture
from fomm_train.faces import landmarks as drawn_landmarks
from fomm_train.faces.landmarks import Landmarks

MARKS_FILE = "marks.json"
CLIP_FRAMES = 15
CLIP_STEP = 7
"""In a clip, one in this many frames is measured."""
VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".gif")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
FEW = 12
"""Rendered people that are measured."""
CLIPS = 4
"""Those of them that also perform in a clip."""
FIRST_PERSON_SEED = FIRST_MEASURED_SEED
"""Training draws people from seeds below 2**31 only."""


@dataclass(frozen=True)
class Subject:
    """One person.

    Attributes:
        name: For the results.
        picture: (S, S, 3) uint8 RGB.
        marks: (8, 2), the true places of the first eight keypoints in pixels; None if unknown.
        clip: Later frames of the same size, empty for a picture alone.
    """

    name: str
    picture: Image
    marks: npt.NDArray[np.float64] | None
    clip: list[Image]


class Mark(msgspec.Struct, forbid_unknown_fields=True):
    """An entry of `marks.json`.

    Attributes:
        box: x, y and side of the square to cut out, pixels of the file; without it, the largest square in the middle.
        marks: Positions of the upper lids, brows, tip of the nose, corners of the mouth and lower lip's lower edge, the
            picture's left before its right; pixels of the square resized to a side of 256.
        step: In a clip, one in this many frames is measured.
    """

    box: tuple[int, int, int] | None = None
    marks: Annotated[list[tuple[float, float]], msgspec.Meta(min_length=8, max_length=8)] | None = None
    step: int = CLIP_STEP


MARKED_SIDE = 256
ASTRONAUT = Mark(
    (83, 0, 290),
    [(105.5, 86), (145.5, 88), (104, 80), (146.5, 82), (124.5, 111), (108, 125.5), (144, 125.5), (124.5, 136)],
)
"""NASA's portrait of Eileen Collins in scikit-image, in the public domain; marked by hand."""


def astronaut(size: int) -> Subject | None:
    """The astronaut, or None without scikit-image."""
    try:
        import skimage.data
    except ImportError:
        return None
    portrait: Image = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    return _subject("astronaut", [portrait], ASTRONAUT, size)


def of_folder(folder: Path, size: int) -> Iterator[Subject]:
    """Pictures and clips of a folder, sorted by name; of a clip, the first frame is the picture.

    Raises:
        TrainingError: `marks.json` is not as expected, or the folder holds neither pictures nor clips.
        MediaError: A file cannot be read.
    """
    marks = _read_marks(folder)
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (*VIDEOS, *PICTURES))
    missing = sorted(set(marks) - {path.name for path in files})
    if missing:
        raise TrainingError(f"{folder / MARKS_FILE}: names {missing[0]}, which is not in the folder")
    if not files:
        raise TrainingError(f"{folder}: expected pictures ({', '.join(PICTURES)}) or clips ({', '.join(VIDEOS)})")
    for path in files:
        mark = marks.get(path.name, Mark())
        if path.suffix.lower() in VIDEOS:
            with VideoReader(path) as reader:
                frames = []
                for frame in reader:
                    if frame.index % mark.step == 0:
                        frames.append(frame.pixels.copy())
                    if len(frames) > CLIP_FRAMES:
                        break
        else:
            frames = [read_picture(path)]
        yield _subject(path.stem, frames, mark, size)


def rendered(size: int, count: int = FEW, clips: int = CLIPS) -> Iterator[Subject]:
    """Rendered people of seeds that no training draws.

    Raises:
        TrainingError: The packages of `fomm-rt[people]` or OpenGL are missing.
    """
    from fomm_train.people import Moment, draw_person, landmarks, shared_studio

    camera = shared_studio(size)
    for number in range(count):
        person = draw_person(FIRST_PERSON_SEED + number)
        frames = CLIP_FRAMES * CLIP_STEP + 1 if number < clips else 1
        moments = [Moment(pose) for pose in draw_performance(person.seed, frames)[::CLIP_STEP]]
        marks = _pixels(landmarks(person, moments[0]), size)
        pictures = [camera.picture(person, moment) for moment in moments]
        yield Subject(f"rendered {number}", pictures[0], marks, pictures[1:])


def drawn(size: int, count: int = FEW, clips: int = CLIPS) -> Iterator[Subject]:
    """Drawn faces of seeds that no training draws; the bundled model was trained on others like them."""
    for number in range(count):
        identity = draw_identity(FIRST_MEASURED_SEED + number)
        frames = CLIP_FRAMES * CLIP_STEP + 1 if number < clips else 1
        poses = draw_performance(identity.seed, frames)[::CLIP_STEP]
        pictures = [render_picture(identity, pose, size) for pose in poses]
        marks = _pixels(drawn_landmarks(identity, poses[0]), size)
        yield Subject(f"drawn {number}", pictures[0], marks, pictures[1:])


def _pixels(found: Landmarks, size: int) -> npt.NDArray[np.float64]:
    return (found.value[:8].numpy().astype(np.float64) + 1) * 0.5 * (size - 1)


def _subject(name: str, frames: list[Image], mark: Mark, size: int) -> Subject:
    if not frames:
        raise FommError(f"{name}: expected at least one frame")
    squares = [_square(frame, mark.box, size) for frame in frames]
    scale = (size - 1) / (MARKED_SIDE - 1)
    marks = None if mark.marks is None else np.array(mark.marks, np.float64) * scale
    return Subject(name, squares[0], marks, squares[1:])


def _square(picture: Image, box: tuple[int, int, int] | None, size: int) -> Image:
    height, width = picture.shape[:2]
    side = min(height, width)
    x, y, side = box or ((width - side) // 2, (height - side) // 2, side)
    cut = picture[y : y + side, x : x + side]
    if cut.shape[:2] != (side, side):
        raise TrainingError(f"{MARKS_FILE}: the box {x}, {y}, {side} does not lie within {width}×{height} pixels")
    smaller = side > size
    resized = cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return resized.astype(np.uint8, copy=False)


def _read_marks(folder: Path) -> dict[str, Mark]:
    path = folder / MARKS_FILE
    if not folder.is_dir():
        raise TrainingError(f"{folder}: expected a folder of pictures and clips")
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Mark])
    except (msgspec.DecodeError, OSError) as error:
        raise TrainingError(
            f"{path}: expected an object that gives box and marks of files by name ({error})"
        ) from error
