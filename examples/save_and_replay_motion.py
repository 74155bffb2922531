"""Save the motion of a video, then animate another picture by it without the video.

    python examples/save_and_replay_motion.py
    python examples/save_and_replay_motion.py first.jpg second.jpg talking.mp4 -m vox-adv -o results

A motion file holds the driver's keypoints and the times of its frames: replaying it skips decoding and the keypoint
detector. It belongs to the model that found the keypoints. Without arguments, the bundled model animates bundled faces.
"""

import argparse
from pathlib import Path

from fomm_rt import Animator, animate_file
from fomm_rt.bundled import bundled_avatars, bundled_performance


def main() -> None:
    """Animates both pictures and prints where the results are."""
    first, second, *_ = bundled_avatars()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", nargs="?", default=first, help="picture to animate while motion is saved")
    parser.add_argument("second", nargs="?", default=second, help="picture to animate by the saved motion")
    parser.add_argument("driving", nargs="?", default=bundled_performance(), help="video that drives the first picture")
    parser.add_argument("-m", "--model", help="model folder; the bundled model by default")
    parser.add_argument("-o", "--output", type=Path, default="motion", help="folder of results (default: %(default)s)")
    args = parser.parse_args()

    motion, by_video, by_motion = (args.output / name for name in ("motion.npz", "by-video.mp4", "by-motion.mp4"))
    with Animator.load(args.model) as animator:
        animate_file(args.first, args.driving, by_video, animator=animator, motion_output=motion)
        animate_file(args.second, motion, by_motion, animator=animator)
    for result in (motion, by_video, by_motion):
        print(result.resolve())


if __name__ == "__main__":
    main()
