"""Animate a picture by frames from OpenCV, and write the result with OpenCV.

    python examples/opencv_frames.py
    python examples/opencv_frames.py portrait.jpg talking.mp4 -m vox-adv -o result.mp4

OpenCV's frames are BGR, fomm-rt's are RGB: without a conversion, colours are swapped and keypoints are worse. Without
arguments, the bundled model animates a bundled face.
"""

import argparse

import cv2

from fomm_rt import Animator
from fomm_rt.bundled import bundled_avatars, bundled_performance


def main() -> None:
    """Animates the picture and prints where the result is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default=bundled_avatars()[0], help="picture to animate")
    parser.add_argument("driving", nargs="?", default=bundled_performance(), help="video that drives it")
    parser.add_argument("-m", "--model", help="model folder; the bundled model by default")
    parser.add_argument("-o", "--output", default="animated-opencv.mp4", help="result (default: %(default)s)")
    args = parser.parse_args()

    source = cv2.imread(str(args.source))
    if source is None:
        parser.error(f"{args.source}: OpenCV cannot read this picture")
    capture = cv2.VideoCapture(str(args.driving))
    if not capture.isOpened():
        parser.error(f"{args.driving}: OpenCV cannot read this video")
    with Animator.load(args.model) as animator:
        animator.set_source(source[..., ::-1])  # BGR -> RGB, a view: arrays of any strides are accepted
        frames_per_second = capture.get(cv2.CAP_PROP_FPS)
        size = (animator.size, animator.size)
        writer = cv2.VideoWriter(args.output, cv2.VideoWriter.fourcc(*"mp4v"), frames_per_second, size)
        count = 0
        while True:
            is_frame, frame = capture.read()
            if not is_frame:
                break
            prediction = animator.animate(frame[..., ::-1])
            writer.write(cv2.cvtColor(prediction, cv2.COLOR_RGB2BGR))  # OpenCV wants contiguous BGR
            count += 1
    writer.release()
    capture.release()
    print(f"{args.output}: {count} frames")


if __name__ == "__main__":
    main()
