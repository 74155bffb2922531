from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fomm_rt import read_picture
from fomm_rt.errors import ImageError, OutputError
from fomm_rt.live.outputs.numbered_files import create_next, save_snapshot


def test_takes_the_first_free_name(tmp_path: Path) -> None:
    first = tmp_path / "new" / "live.tar.mkv"
    assert [create_next(first).name for _ in range(3)] == ["live.tar.mkv", "live.tar-2.mkv", "live.tar-3.mkv"]
    (tmp_path / "new" / "live.tar-2.mkv").unlink()
    assert create_next(first).name == "live.tar-2.mkv"


def test_a_link_to_nowhere_is_no_free_name(tmp_path: Path) -> None:
    (tmp_path / "live.mkv").symlink_to(tmp_path / "elsewhere.mkv")
    assert create_next(tmp_path / "live.mkv").name == "live-2.mkv"
    assert not (tmp_path / "elsewhere.mkv").exists()


def test_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot be created \(.*\); choose another folder"):
        create_next(tmp_path / "file" / "live.mkv")


def test_snapshots(tmp_path: Path) -> None:
    pictures = [np.full((6, 4, 3), (value, 0, 9), np.uint8) for value in (10, 200)]
    paths = [save_snapshot(tmp_path / "snapshot.png", picture) for picture in pictures]
    assert [path.name for path in paths] == ["snapshot.png", "snapshot-2.png"]
    for path, picture in zip(paths, pictures, strict=True):
        assert (read_picture(path) == picture).all()


def test_a_snapshot_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        save_snapshot(tmp_path / "snapshot.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(OutputError, match="a snapshot is written as"):
        save_snapshot(tmp_path / "snapshot.txt", np.zeros((4, 4, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_snapshot_on_a_full_disk(tiny_disk: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3)).astype(np.uint8)
    with pytest.raises(OutputError, match=r"snapshot\.png cannot be written \(No space left on device\)"):
        save_snapshot(tiny_disk / "snapshot.png", noise)
    assert not list(tiny_disk.iterdir())
