"""Draws docs/pictures/faces.jpg: a drawn group without and with face framing, and with all faces pasted back.

    python benchmarks/studies/faces_picture.py [FILE]

Everything is drawn by the project, and the bundled model animates it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from fomm_bench.scenes import PlacedFace, scene
from fomm_rt.animator import Animator
from fomm_rt.bundled import bundled_performance
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.clip.tiles import draw_label
from fomm_rt.faces.framing import FaceFraming
from fomm_rt.faces.marks import mark_squares
from fomm_rt.faces.search import find_faces
from fomm_rt.faces.squares import face_square
from fomm_rt.image import Image
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.picture import write_picture

HEIGHT, WIDTH, FRAME = 512, 1024, 60
GROUP = (PlacedFace(1, (240, 250), 170), PlacedFace(4, (500, 280), 140), PlacedFace(6, (780, 240), 180))


def animated(animator: Animator, picture: Path, *, paste_back: bool) -> Image:
    """One frame of the result by the bundled performance."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "result.mkv"
        options = {"paste_back": True, "all_faces": True} if paste_back else {}
        animate_file(picture, bundled_performance(), output, animator=animator, quality=100, **options)  # type: ignore[arg-type]
        with VideoReader(output) as reader:
            return next(frame.pixels for frame in reader if frame.index == FRAME)


def main() -> None:
    """Draws the picture."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures/faces.jpg")
    picture = scene(HEIGHT, WIDTH, *GROUP)
    with tempfile.TemporaryDirectory() as folder, Animator.load() as animator:
        path = Path(folder) / "group.png"
        write_picture(path, picture)
        centred = animated(animator, path, paste_back=False)
        animator.source_framing = animator.driving_framing = FaceFraming()
        framed = animated(animator, path, paste_back=False)
        pasted = animated(animator, path, paste_back=True)
        margin = animator.manifest.face_margin or 1.5
    squares = [face_square(face, HEIGHT, WIDTH, margin) for face in find_faces(picture)]
    tiles = [
        (mark_squares(picture, squares), "source, and the squares that are found"),
        (np.hstack([cv2.resize(tile, (HEIGHT, HEIGHT)) for tile in (centred, framed)]), "centred square | face 1"),
        (pasted, "--face all --paste-back"),
    ]
    rows = []
    for tile, text in tiles:
        row = np.ascontiguousarray(cv2.resize(np.asarray(tile, np.uint8), (WIDTH, HEIGHT)), np.uint8)
        draw_label(row, text)
        rows.append(row)
    write_picture(target, np.asarray(cv2.resize(np.vstack(rows), (768, 1152), interpolation=cv2.INTER_AREA), np.uint8))


if __name__ == "__main__":
    main()
