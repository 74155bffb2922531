"""Draws the README's pictures with the bundled model.

    python benchmarks/studies/readme_pictures.py results/demo

contact-sheet.jpg   the contact sheet of `make demo` in results/demo, reduced
explain.jpg         the steps of one frame, for a bundled avatar and a frame of the bundled performance
"""

import argparse
from itertools import islice
from pathlib import Path

import cv2

from fomm_rt.animator import Animator
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.clip.views import explanation_view
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.picture import write_picture

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
CONTACT_SHEET_WIDTH = 1260
AVATAR = "goatee"
EXPLAINED_FRAME = 60


def main() -> None:
    """Writes both pictures to docs/pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="folder of the demo's results")
    demo = parser.parse_args().demo
    sheet = read_picture(demo / "contact-sheet.png")
    height = round(sheet.shape[0] * CONTACT_SHEET_WIDTH / sheet.shape[1])
    smaller = cv2.resize(sheet, (CONTACT_SHEET_WIDTH, height), interpolation=cv2.INTER_AREA)
    write_picture(PICTURES / "contact-sheet.jpg", smaller.astype("uint8"))
    write_picture(PICTURES / "explain.jpg", _explanation())


def _explanation() -> Image:
    avatar = next(path for path in bundled_avatars() if path.stem == AVATAR)
    with Animator.load() as animator, VideoReader(bundled_performance()) as performance:
        animator.set_source(read_picture(avatar))
        frames = iter(performance)
        animator.set_reference(next(frames).pixels)
        frame = next(islice(frames, EXPLAINED_FRAME - 1, None)).pixels
        driving, explanation = animator.frame_driving(frame), animator.explain(frame)
        return explanation_view(animator.source_image, driving, explanation, animator.manifest.align_corners)


if __name__ == "__main__":
    main()
