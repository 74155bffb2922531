import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clips import ClipMaker, write_clip


@pytest.fixture
def make_clip(tmp_path: Path) -> ClipMaker:
    """Writes a clip into the test's folder: make_clip("a.mp4", frames=5, ...)."""

    def make(name: str = "clip.mp4", **settings: object) -> Path:
        return write_clip(tmp_path / name, **settings)  # type: ignore[arg-type]

    return make


@pytest.fixture
def leftovers(tmp_path: Path) -> Callable[[], list[str]]:
    """Names of hidden files in the test's folder and below."""
    return lambda: sorted(file.name for file in tmp_path.rglob(".*"))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
