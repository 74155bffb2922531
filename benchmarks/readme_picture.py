"""Draws README's picture: how one frame comes about, for the exporter's own test picture.

    python benchmarks/readme_picture.py MODEL benchmarks/pictures/explain.jpg

The driving frame is the same picture, turned and moved.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fomm_export.parity import parity_frames
from fomm_rt.animator import Animator
from fomm_rt.media.pictures import write_picture
from fomm_rt.views import explanation_view


def main() -> None:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    with Animator.load(options.model) as animator:
        source, frame, _ = parity_frames(animator.size)
        animator.set_source(source)
        animator.set_reference(source)
        explanation = animator.explain(frame)
        align_corners = animator.manifest.align_corners
        write_picture(options.output, explanation_view(animator.source_image, frame, explanation, align_corners))


if __name__ == "__main__":
    main()
