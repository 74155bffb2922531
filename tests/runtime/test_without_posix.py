"""On a Python without POSIX, as on Windows, everything imports and the CPU animates (see tests/without_posix)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clips import write_clip
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.picture import write_picture
from golden_files import Golden

WITHOUT_POSIX = Path(__file__).parents[1] / "without_posix"
GOLDEN = Golden("small_aligned")

IMPORT_ALL = """
import importlib, os, pkgutil, signal, sys
assert not hasattr(os, "geteuid") and not hasattr(signal, "SIGHUP") and sys.modules["fcntl"] is None
import fomm_rt
# Ray itself needs POSIX.
needs_ray = {f"fomm_rt.batch.ray_cluster.{name}" for name in ("library", "object_store", "pool")}
names = [found.name for found in pkgutil.walk_packages(fomm_rt.__path__, "fomm_rt.") if found.name not in needs_ray]
for name in names:
    importlib.import_module(name)
for name in fomm_rt.__all__:
    getattr(fomm_rt, name)
from fomm_rt.cli.app import build_app
build_app()
print(len(names))
"""


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(WITHOUT_POSIX), *sys.path])
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
        timeout=300,
        check=False,
    )


def test_every_module_and_command_imports(tmp_path: Path) -> None:
    result = run("-c", IMPORT_ALL, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 50


def test_animates_a_few_frames(tmp_path: Path, small_model: Path) -> None:
    write_picture(tmp_path / "source.png", GOLDEN.source)
    write_clip(tmp_path / "clip.mp4", frames=3, size=(64, 64), audio="aac", pixels=lambda i: GOLDEN.driving[i])
    result = run(
        *("-m", "fomm_rt", "animate", "source.png", "clip.mp4", "-m", small_model, "-o", "r.mp4", "--json"),
        *("--save-motion", "m.npz"),
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["frames"] == 3
    with VideoReader(tmp_path / "r.mp4") as reader:
        assert sum(1 for _ in reader) == 3
        assert reader.has_audio
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "m.npz", "r.mp4", "source.png"]


@pytest.mark.parametrize(
    "arguments", [("doctor", "--json"), ("info", "--json"), ("engines", "list", "--json"), ("models", "--json")]
)
def test_other_commands_run(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run("-m", "fomm_rt", *arguments, cwd=tmp_path)
    if "No such command" in result.stderr:
        pytest.skip(f"{arguments[0]} is not installed")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "has no attribute" not in result.stdout
