"""The timing cache: kept, merged, and never trusted blindly. TensorRT's part is a fake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from fomm_build.timing_cache import cache_path, timing_cache
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.hashed_file import read_hashed, write_hashed
from fomm_rt.engines.manifest import TENSORRT, TENSORRT_RTX
from fomm_rt.errors import EngineError

LIBRARY = TensorRT(TENSORRT, "10.13.3.9", SimpleNamespace())
GPU = "NVIDIA H200"


class _Cache:
    """A set of words."""

    def __init__(self, content: bytes) -> None:
        self.words = set(content.split())

    def combine(self, other: _Cache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self.words |= other.words
        return True

    def serialize(self) -> bytes:
        return b" ".join(sorted(self.words))


class _Config:
    cache: _Cache | None = None

    def create_timing_cache(self, content: bytes) -> _Cache:
        return _Cache(content)

    def set_timing_cache(self, cache: _Cache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self.cache = cache
        return True


def _measured(config: _Config) -> set[bytes]:
    assert config.cache is not None
    return config.cache.words


def test_the_next_build_reads_it(tmp_path: Path) -> None:
    config = _Config()
    with timing_cache(LIBRARY, config, tmp_path, GPU):
        assert not _measured(config)
        _measured(config).add(b"conv")
        other = _Config()
        with timing_cache(LIBRARY, other, tmp_path, GPU):
            _measured(other).add(b"relu")
    config = _Config()
    with timing_cache(LIBRARY, config, tmp_path, GPU):
        assert _measured(config) == {b"conv", b"relu"}, "of both"


def test_never_for_another_version_or_gpu(tmp_path: Path) -> None:
    path = cache_path(tmp_path, LIBRARY.version, GPU)
    assert path.parent == tmp_path
    assert path != cache_path(tmp_path, "10.13.3.10", GPU)
    assert path != cache_path(tmp_path, LIBRARY.version, "NVIDIA H100")
    assert cache_path(tmp_path, "../8.6", "a/b c").parent == tmp_path


def test_a_build_that_fails_keeps_nothing(tmp_path: Path) -> None:
    config = _Config()
    with pytest.raises(KeyboardInterrupt), timing_cache(LIBRARY, config, tmp_path, GPU):
        raise KeyboardInterrupt
    assert not list(tmp_path.glob("timing-*"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"conv", b"con\0")),
        lambda path: path.write_bytes(b""),
        lambda path: path.chmod(0o666),
        lambda path: path.rename(path.with_name("elsewhere")) and path.symlink_to("elsewhere"),
        lambda path: path.unlink(),
    ],
    ids=["cut", "altered", "empty", "anyone's", "link", "missing"],
)
def test_a_damaged_one_is_ignored(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    path = cache_path(tmp_path, LIBRARY.version, GPU)
    write_hashed(path, b"conv")
    assert read_hashed(path) == b"conv"
    damage(path)
    assert read_hashed(path) == b""


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(EngineError, match="cannot be kept"):
        write_hashed(file / "cache", b"conv")


@pytest.mark.parametrize(("flavour", "gpu"), [(TENSORRT_RTX, GPU), (TENSORRT, None)])
def test_no_cache_where_nothing_is_measured(tmp_path: Path, flavour: str, gpu: str | None) -> None:
    config = _Config()
    with timing_cache(TensorRT(flavour, "1.7", SimpleNamespace()), config, tmp_path, gpu):
        assert config.cache is None
    assert not list(tmp_path.iterdir())
