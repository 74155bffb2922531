"""The output folder: only a complete model replaces an earlier one, and nothing else is ever replaced."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fomm_export.export_model import export_networks, export_stand_in
from fomm_export.output_folder import replacing_model
from fomm_rt.errors import OutputError
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.model.manifest import Weights
from golden_files import Golden

GOLDEN = Golden("small_aligned")
WEIGHTS = Weights("stand-in", "test", None, None)


def small_export(output: Path, progress: Callable[[str], None] = lambda _: None) -> ModelFolder:
    return export_networks(Golden("small").networks, WEIGHTS, output, progress)


def test_replaces_an_earlier_model(tmp_path: Path, small_model: Path) -> None:
    output = Path(shutil.copytree(small_model, tmp_path / "m"))
    assert open_model_folder(output).manifest.align_corners
    assert not small_export(output).manifest.align_corners
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_interrupt_keeps_the_earlier_model(tmp_path: Path, small_model: Path) -> None:
    output = Path(shutil.copytree(small_model, tmp_path / "m"))

    def interrupt(step: str) -> None:
        if step == "tracing dense_motion":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_networks(GOLDEN.networks, WEIGHTS, output, interrupt)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert open_model_folder(output).manifest.align_corners


def test_a_name_is_never_gone_where_the_file_system_can_exchange(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Path(shutil.copytree(small_model, tmp_path / "m"))
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail("renamed"))
    monkeypatch.setattr(Path, "replace", lambda *_: pytest.fail("renamed"))
    with replacing_model(output) as folder:
        (folder / "new").touch()
    assert [file.name for file in output.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_failure_between_two_renames_restores_the_earlier_model(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Path(shutil.copytree(small_model, tmp_path / "m"))
    rename = Path.rename
    calls: list[Path] = []

    def failing(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr("fomm_export.output_folder.exchange", lambda *_: False)
    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OutputError, match="cannot be written"), replacing_model(output) as folder:
        (folder / "new").touch()
    assert open_model_folder(output).manifest.align_corners
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("temporary", [False, True])
def test_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: bool) -> None:
    def full(step: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", step)

    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    output = tmp_path / ("tmp" if temporary else "models") / "m"
    with pytest.raises(OutputError, match=r"No space left on device\); .* choose another folder with -o") as caught:
        small_export(output, full)
    assert ("TMPDIR" in str(caught.value)) is temporary
    assert not list(output.parent.iterdir())


@pytest.mark.parametrize("manifest", ["{}", '{"format": "graph-model", "weightsManifest": []}', "no json"])
def test_rejects_a_folder_with_a_foreign_manifest(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "model.json").write_text(manifest)
    (tmp_path / "weights.bin").write_text("weights")
    with pytest.raises(OutputError, match="other files"):
        small_export(tmp_path)
    assert (tmp_path / "weights.bin").read_text() == "weights"


def test_rejects_an_earlier_model_with_added_files(tmp_path: Path, small_model: Path) -> None:
    output = Path(shutil.copytree(small_model, tmp_path / "m"))
    (output / "result.mp4").write_text("result")
    with pytest.raises(OutputError, match=r"also result\.mp4, which would be lost"):
        small_export(output)
    assert (output / "result.mp4").read_text() == "result"


def test_rejects_other_folders_and_files(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_text("a")
    with pytest.raises(OutputError, match="other files"):
        export_stand_in(photos)
    with pytest.raises(OutputError, match="it is a file"):
        export_stand_in(photos / "a.jpg")
    assert (photos / "a.jpg").read_text() == "a"
