"""Animate every picture of a folder by one video.

    python examples/pictures_by_one_driver.py
    python examples/pictures_by_one_driver.py portraits talking.mp4 -m vox-adv -o results

Each source is prepared once, and the driver's keypoints are found once per frame. Without arguments, the bundled model
animates the bundled faces.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path

from fomm_rt import Animator, VideoReader, VideoWriter, read_picture
from fomm_rt.bundled import bundled_avatars, bundled_performance

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


def main() -> None:
    """Animates the pictures and prints where the results are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "pictures", nargs="?", type=Path, default=bundled_avatars()[0].parent, help="folder of pictures"
    )
    parser.add_argument("driving", nargs="?", default=bundled_performance(), help="video that drives them")
    parser.add_argument("-m", "--model", help="model folder; the bundled model by default")
    parser.add_argument(
        "-o", "--output", type=Path, default="animated", help="folder of results (default: %(default)s)"
    )
    args = parser.parse_args()

    paths = sorted(path for path in args.pictures.iterdir() if path.suffix.lower() in ENDINGS)
    with ExitStack() as stack:
        animator = stack.enter_context(Animator.load(args.model))
        driver = stack.enter_context(VideoReader(args.driving))
        results = [args.output / f"{path.stem}.mp4" for path in paths]
        writers = [stack.enter_context(VideoWriter(result, driver.timing)) for result in results]
        sources = [animator.prepare_source(read_picture(path)) for path in paths]
        for frame in driver:
            keypoints = animator.keypoints(frame)
            for source, writer in zip(sources, writers, strict=True):
                animator.set_source(source)
                writer.write(animator.animate(keypoints), frame.time)
    for result in results:
        print(result.resolve())


if __name__ == "__main__":
    main()
