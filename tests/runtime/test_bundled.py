"""The bundled files, for any weights and faces, and installations with missing files."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fomm_rt import bundled
from fomm_rt.animator import Animator
from fomm_rt.bundled import bundled_avatars, bundled_model, bundled_performance, open_bundled_model
from fomm_rt.errors import MediaError, ModelError
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.model.manifest import Weights

WHEEL_BYTES = 25_000_000


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the bundled files, to damage."""
    folder = Path(shutil.copytree(bundled.FOLDER, tmp_path / "bundled"))
    monkeypatch.setattr(bundled, "FOLDER", folder)
    return folder


def test_avatars() -> None:
    avatars = bundled_avatars()
    assert 4 <= len(avatars) <= 9
    assert avatars == sorted(avatars)
    pictures = [read_picture(path) for path in avatars]
    assert {picture.shape for picture in pictures} == {(256, 256, 3)}
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


def test_performance() -> None:
    with VideoReader(bundled_performance()) as reader:
        assert reader.timing.rate == Fraction(25)
        assert reader.timing.duration is not None
        assert 5 <= reader.timing.duration <= 10
        first, *others = (frame.pixels for frame in reader)
        assert first.shape == (256, 256, 3)
        assert max(np.abs(frame.astype(int) - first).mean() for frame in others) > 3


def test_model_animates_the_first_avatar() -> None:
    with Animator.load() as animator, VideoReader(bundled_performance()) as performance:
        assert animator.manifest == open_bundled_model().manifest
        assert animator.size == 256
        animator.set_source(read_picture(bundled_avatars()[0]))
        first = animator.animate(next(iter(performance)).pixels)
        assert first.std() > 1


def test_the_bundled_files_fit_the_wheel() -> None:
    files = [path for path in bundled.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < WHEEL_BYTES


@pytest.mark.parametrize("name", ["model.json", "dense_motion.onnx"])
def test_missing_model_file(installation: Path, name: str) -> None:
    (installation / "model" / name).unlink()
    for load in (bundled_model, open_bundled_model, Animator.load):
        with pytest.raises(ModelError, match=rf"{name}: is missing from this installation .* install fomm-rt again"):
            load()


def test_altered_model_file(installation: Path) -> None:
    """The error advises to install again, because users cannot export this model."""
    generator = installation / "model" / "generator.onnx"
    generator.write_bytes(generator.read_bytes()[:-1])
    with pytest.raises(ModelError, match="altered or cannot be read; install fomm-rt again") as caught:
        Animator.load()
    assert "xport" not in str(caught.value)


def test_missing_pictures(installation: Path) -> None:
    shutil.rmtree(installation / "avatars")
    (installation / "performance.mp4").unlink()
    with pytest.raises(MediaError, match=r"avatars: expected bundled pictures .* install fomm-rt again"):
        bundled_avatars()
    with pytest.raises(MediaError, match=r"performance\.mp4: is missing .* install fomm-rt again"):
        bundled_performance()


def test_own_weights_are_described_as_such() -> None:
    weights = Weights("own", "drawn-faces-256.safetensors", "0" * 64, None)
    assert weights.describe() == "fomm-rt's own checkpoint drawn-faces-256.safetensors, trained on drawn faces"
    assert weights.identity == "0" * 64
