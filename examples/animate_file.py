"""Animate a picture by a video, from file to file.

    python examples/animate_file.py
    python examples/animate_file.py portrait.jpg talking.mp4 -m vox-adv -o result.mp4

Without arguments, the bundled model animates a bundled face.
"""

import argparse

from fomm_rt import animate_file
from fomm_rt.bundled import bundled_avatars, bundled_performance


def main() -> None:
    """Animates the picture and prints what was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default=bundled_avatars()[0], help="picture to animate")
    parser.add_argument("driving", nargs="?", default=bundled_performance(), help="video that drives it")
    parser.add_argument("-m", "--model", help="model folder; the bundled model by default")
    parser.add_argument("-o", "--output", default="animated.mp4", help="result (default: %(default)s)")
    args = parser.parse_args()

    report = animate_file(args.source, args.driving, args.output, model=args.model)
    print(f"{report.output.resolve()}: {report.frames} frames, {report.fps:.1f} fps on {report.backend.device}")


if __name__ == "__main__":
    main()
