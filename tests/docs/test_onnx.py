"""The program of docs/onnx.md makes the pictures of the animator."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from fomm_rt import Animator
from fomm_rt.bundled import bundled_avatars, bundled_model, bundled_performance

DOCUMENT = Path(__file__).parents[2] / "docs" / "onnx.md"


def test_makes_the_pictures_of_the_animator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert "fomm_rt" not in code
    assert len(code.splitlines()) <= 45
    monkeypatch.chdir(tmp_path)
    shutil.copy(bundled_avatars()[0], "portrait.png")
    shutil.copy(bundled_performance(), "talking.mp4")
    shutil.copytree(bundled_model(), "model")
    exec(compile(code, "docs/onnx.md", "exec"), {"__name__": "__main__"})

    video = cv2.VideoCapture("talking.mp4")
    with Animator.load(backend="onnxruntime-cpu", relative=True, adapt_scale=False) as animator:
        animator.set_source(_read(tmp_path / "portrait.png"))
        for index in range(25):
            frame = np.ascontiguousarray(video.read()[1][..., ::-1])
            found = _read(tmp_path / f"result-{index:04}.png")
            assert np.abs(found.astype(int) - animator.animate(frame)).max() <= 1
    assert not (tmp_path / "result-0025.png").exists()


def _read(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.ascontiguousarray(picture[..., ::-1])
