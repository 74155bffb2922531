"""Everything that writes results: how to write one of a version, and how to tell which version is there.

A version is a number from 0; results of two versions differ.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from fakes.engine_sets import build
from fomm_rt.bundled import bundled_model
from fomm_rt.clip.motion_file import Motion, load_motion, save_motion
from fomm_rt.engines.store import EngineStore
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.picture import write_picture
from fomm_rt.media.write.video_writer import VideoWriter
from fomm_rt.model.fetch_record import FetchRecord, read_record, write_record
from fomm_rt.model.manifest import MANIFEST_NAME, read_manifest

STEP = 60
FRAMES = 4


@dataclass(frozen=True)
class Writer:
    """A writer of results.

    Attributes:
        write: Writes the result of a version into a folder.
        find: Returns the version of the result in a folder; raises an exception if it is not whole.
        may_be_incomplete: True if a kill while the result is replaced may leave a part of one version, which the next
            run completes; parts of two are never there.
        imports: Modules that it imports late; imported once, before processes are forked.
    """

    write: Callable[[Path, int], None]
    find: Callable[[Path], int]
    may_be_incomplete: bool = False
    imports: tuple[str, ...] = ()


def _picture(version: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((48, 64, 3), 20 + STEP * version, np.uint8)


def _version_of(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> int:
    return round((float(pixels.mean()) - 20) / STEP)


def _write_video(name: str, folder: Path, version: int) -> None:
    with VideoWriter(folder / name, 25) as writer:
        for _ in range(FRAMES - version):  # later versions are shorter
            writer.write(_picture(version))


def _find_video(name: str, folder: Path) -> int:
    with VideoReader(folder / name) as reader:
        versions = [_version_of(frame.pixels) for frame in reader]
    (version,) = set(versions)
    assert len(versions) == FRAMES - version
    return version


class IncompleteError(Exception):
    """Only a part of a result is there, and nothing of another version."""


def _find_pictures(folder: Path) -> int:
    versions = {path.name: _version_of(read_picture(path)) for path in folder.glob("*.png")}
    assert len(set(versions.values())) <= 1, versions
    if not versions or len(versions) != FRAMES - min(versions.values()):
        raise IncompleteError(sorted(versions))
    return min(versions.values())


def _write_motion(folder: Path, version: int) -> None:
    value = np.full((3, 10, 2), version / 10, np.float32)
    times = tuple(Fraction(frame, 25) for frame in range(3))
    save_motion(folder / "motion.npz", Motion(value, None, times, Fraction(25), Fraction(1, 25), ""))


def _find_motion(folder: Path) -> int:
    return round(float(load_motion(folder / "motion.npz").value.mean()) * 10)


def _write_model(folder: Path, version: int) -> None:
    from fomm_export.output_folder import replacing_model

    with replacing_model(folder / "model") as staged:
        for file in bundled_model().iterdir():
            (staged / file.name).write_bytes(b"%d" % version)
        document = json.loads((bundled_model() / MANIFEST_NAME).read_text(encoding="utf-8"))
        (staged / MANIFEST_NAME).write_text(json.dumps({**document, "name": f"model {version}"}), encoding="utf-8")


def _find_model(folder: Path) -> int:
    manifest = read_manifest(folder / "model")
    (version,) = {int((folder / "model" / file.file).read_bytes()) for file in manifest.files}
    assert manifest.name == f"model {version}"
    return version


def _write_model_by_moves(folder: Path, version: int) -> None:
    """Writes a model where the file system cannot exchange two names."""
    with patch("fomm_export.output_folder.exchange", lambda *_: False):
        _write_model(folder, version)


def _find_moved_model(folder: Path) -> int:
    if not (folder / "model").exists():
        raise IncompleteError("no model")
    return _find_model(folder)


def _write_engines(folder: Path, version: int) -> None:
    build(EngineStore(folder / "engines"), contents={"generator": b"%d" % version * 1000})


def _find_engines(folder: Path) -> int:
    sets, damaged = EngineStore(folder / "engines").look()
    assert not damaged
    (found,) = sets
    return int(found.read("generator")[:1])


def _write_record(folder: Path, version: int) -> None:
    record = FetchRecord("vox", "https://example.invalid", hashlib.sha256(b"").hexdigest(), version + 1, "SHA-256")
    write_record(folder / "vox.fetched.json", record)


def _find_record(folder: Path) -> int:
    record = read_record(folder / "vox.fetched.json")
    assert record is not None
    return record.size_bytes - 1


def _write_download(folder: Path, version: int) -> None:
    """A download into the folder, kept under its name once it is whole, as `fomm_fetch` does."""
    from fomm_fetch.partial_file import PartialFile, ResumeInfo

    partial_file = PartialFile(folder / ".vox.download" / "vox.pth")
    info = partial_file.resume_info
    assert info is None or partial_file.size_bytes <= 1000
    with partial_file.restart(ResumeInfo(f"https://example.invalid/{version}", None, 1000)) as file:
        for _ in range(10):
            file.write(b"%d" % version * 100)
            file.flush()
    partial_file.describe(ResumeInfo(f"https://example.invalid/{version}", None, 1000, is_whole=True))
    partial_file.path.replace(folder / "vox.pth")
    shutil.rmtree(folder / ".vox.download")


def _find_download(folder: Path) -> int:
    (version,) = set((folder / "vox.pth").read_text(encoding="ascii"))
    return int(version)


def _write_state(folder: Path, version: int) -> None:
    import torch

    from fomm_export.checkpoints.own import save_own_checkpoint
    from fomm_train.loop.state import save_training_state

    save_training_state(folder / "training.state", {"step": version})
    kp_detector, generator = ({"weight": torch.full((4,), float(version))} for _ in range(2))
    save_own_checkpoint(folder / "faces.safetensors", kp_detector, generator, name="faces", step=version)


def _find_state(folder: Path) -> int:
    from safetensors.torch import load_file

    from fomm_train.loop.state import load_training_state

    load_file(folder / "faces.safetensors")  # may be of the step before
    return int(load_training_state(folder / "training.state")["step"])


def _video(name: str) -> Writer:
    return Writer(partial(_write_video, name), partial(_find_video, name))


_EXPORT = ("fomm_export.output_folder",)
_TRAINING = ("fomm_export.checkpoints.own", "fomm_train.loop.state")

WRITERS = {
    "mp4": _video("r.mp4"),
    "mkv": _video("r.mkv"),
    "webm": _video("r.webm"),
    "gif": _video("r.gif"),
    "pictures": Writer(partial(_write_video, "r-%d.png"), _find_pictures, may_be_incomplete=True),
    "picture": Writer(
        lambda folder, version: write_picture(folder / "r.png", _picture(version)),
        lambda folder: _version_of(read_picture(folder / "r.png")),
    ),
    "motion": Writer(_write_motion, _find_motion),
    "model": Writer(_write_model, _find_model, imports=_EXPORT),
    "moved model": Writer(_write_model_by_moves, _find_moved_model, may_be_incomplete=True, imports=_EXPORT),
    "engines": Writer(_write_engines, _find_engines),
    "fetch record": Writer(_write_record, _find_record),
    "download": Writer(_write_download, _find_download, imports=("fomm_fetch.partial_file",)),
    "training state": Writer(_write_state, _find_state, imports=_TRAINING),
}
