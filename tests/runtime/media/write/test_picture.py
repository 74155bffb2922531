"""Writing pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clips import smooth
from fomm_rt.errors import ImageError, OutputError
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.write.picture import write_picture


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp"])
def test_writes_and_reads_back(tmp_path: Path, suffix: str, leftovers: Callable[[], list[str]]) -> None:
    path = tmp_path / "new" / f"out{suffix}"
    write_picture(path, smooth())
    error = np.abs(read_picture(path).astype(int) - smooth())
    assert error.mean() < (0.01 if suffix == ".png" else 3)
    assert leftovers() == []


def test_refuses_frames_that_cannot_be_written(tmp_path: Path, leftovers: Callable[[], list[str]]) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"\.png, \.jpg"):
        write_picture(tmp_path / "out.gif", smooth())
    with pytest.raises(OutputError, match="is a folder"):
        write_picture(tmp_path / "folder.png", smooth())
    with pytest.raises(OutputError, match="is a file, not a folder"):
        write_picture(tmp_path / "file" / "out.png", smooth())
    with pytest.raises(OutputError, match="cannot hold"):
        write_picture(tmp_path / "wide.webp", np.zeros((1, 20000, 3), np.uint8))
    with pytest.raises(ImageError):
        write_picture(tmp_path / "out.png", np.zeros((4, 4), np.uint8))
    assert leftovers() == []
