"""The engine store: sets whole or not at all, one builder at a time, and no engine read that is not as it was built."""

from __future__ import annotations

import errno
import fcntl
import gc
import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from fomm_rt.engines import staging
from fomm_rt.engines.folder import open_engine_folder
from fomm_rt.engines.manifest import MANIFEST_NAME, EngineSpec
from fomm_rt.engines.store import EngineFolder, EngineStore, default_folder
from fomm_rt.errors import EngineError, StateError
from made_up_engines import CONTENTS, ONNX, SPEC, WANTED, build, fill, manifest_of

TESTS = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "cache" / "engines")


def contents(folder: EngineFolder) -> dict[str, bytes]:
    return {name: folder.read(name) for name in folder.manifest.engines}


def names(store: EngineStore) -> list[str]:
    """Everything in the store's folder but locks."""
    return sorted(path.name for path in store.folder.iterdir() if path.suffix != ".lock")


def why(store: EngineStore, **wanted: Any) -> str:
    with pytest.raises(EngineError) as caught:
        store.find(replace(WANTED, **wanted))
    return str(caught.value)


def test_what_is_published_is_found_and_read_again(store: EngineStore) -> None:
    published = build(store)
    found = store.find(WANTED)
    assert found.path == published.path == store.folder / f"{SPEC.key}.1"
    assert found.manifest == published.manifest
    assert contents(found) == contents(found) == CONTENTS
    assert [folder.path for folder in store.folders()] == [found.path]
    assert contents(store.folders()[0]) == CONTENTS
    assert store.damaged() == []
    assert found.manifest.engines["generator"].file == "generator.engine"


def test_a_view_of_memory_is_written_too(store: EngineStore) -> None:
    with store.building(SPEC) as staged:
        entry = staged.add(
            "a", memoryview(bytearray(b"1234")).cast("H"), onnx_sha256=ONNX, build_s=0, inputs=[], outputs=[]
        )
        assert staged.publish(manifest_of(staged, {"a": entry})).read("a") == b"1234"


def test_an_engine_that_is_not_there(store: EngineStore) -> None:
    folder = build(store)
    with pytest.raises(
        EngineError, match=r"expected an engine trunk; there are only generator, dense_motion. Rebuild: "
    ):
        folder.read("trunk")


def test_a_store_that_is_not_there(store: EngineStore) -> None:
    assert (store.folders(), store.damaged()) == ([], [])
    assert why(store) == (
        f"{store.folder}: expected engines of vox; none have been built here. "
        "Build them: fomm-rt build vox --backend tensorrt"
    )
    assert not store.folder.exists()


@pytest.mark.parametrize(
    ("wanted", "has", "needed"),
    [
        ({"model_sha256": "d" * 64}, "networks of another export", "those of this model"),
        ({"flavour": "tensorrt-rtx"}, "TensorRT 11.4.0.106", "TensorRT-RTX 11.4.0.106"),
        ({"library_version": "10.3.0.26"}, "TensorRT 11.4.0.106", "TensorRT 10.3.0.26"),
        ({"capability": "sm_120"}, "sm_90", "sm_120"),
        ({"capability": "sm_9"}, "sm_90", "sm_9"),
        ({"gpu": "NVIDIA H100"}, "the card NVIDIA H200", "the card NVIDIA H100"),
        ({"precision": "fp32"}, "fp16", "fp32"),
        ({"layout": "whole"}, "layout split", "layout whole"),
        ({"batch": 9}, "batches up to 8", "batches of 9"),
        ({"kernels_sha256": "d" * 64}, "other kernels", "the kernels of this fomm-rt"),
        ({"capability": "sm_89", "gpu": "RTX 4090"}, "sm_90, the card NVIDIA H200", "sm_89, the card RTX 4090"),
    ],
)
def test_what_does_not_fit_is_named(store: EngineStore, wanted: dict[str, Any], has: str, needed: str) -> None:
    path = build(store).path
    message = why(store, **wanted, model_path="models/vox")
    assert (
        f"{path.name} was built for {has}; needed: {needed}. Build them: fomm-rt build models/vox --backend" in message
    )


def test_the_command_builds_what_is_wanted(store: EngineStore) -> None:
    message = why(store, flavour="tensorrt-rtx", precision="fp32", layout="whole", batch=4, model_path="my models/vox")
    assert message.endswith(
        "fomm-rt build 'my models/vox' --backend tensorrt-rtx --precision fp32 --layout whole --max-batch 4"
    )


def test_the_nearest_misses_come_first_and_others_models_not_at_all(store: EngineStore) -> None:
    far = build(store, replace(SPEC, precision="fp32", layout="whole"))
    farthest = build(store, replace(SPEC, precision="fp32", layout="whole", max_batch=1))
    near = build(store, replace(SPEC, precision="fp32"))
    nearer_than_farthest = build(store, replace(SPEC, max_batch=1, layout="whole"))
    foreign = build(store, replace(SPEC, model_sha256="d" * 64, precision="fp32"), model_name="taichi")
    message = why(store, batch=2)
    assert message.index(near.path.name) < message.index(far.path.name)
    assert nearer_than_farthest.path.name in message
    assert farthest.path.name not in message
    assert foreign.path.name not in message


def test_a_driver_does_not_matter(store: EngineStore) -> None:
    build(store, driver=None)
    assert store.find(WANTED).manifest.driver is None


def test_rtx_engines_fit_every_card_of_their_capabilities(store: EngineStore) -> None:
    build(store, replace(SPEC, flavour="tensorrt-rtx", capabilities=("sm_89", "sm_120"), gpu=None))
    wanted = replace(WANTED, flavour="tensorrt-rtx", gpu="any")
    for capability in ("sm_89", "sm_120"):
        store.find(replace(wanted, capability=capability))
    assert "sm_89 and sm_120; needed: sm_86" in why(store, flavour="tensorrt-rtx", gpu="any", capability="sm_86")


def test_the_smallest_batch_that_suffices_is_taken(store: EngineStore) -> None:
    for batch in (8, 1, 4):
        build(store, replace(SPEC, max_batch=batch))
    found = [store.find(replace(WANTED, batch=batch)).manifest.spec.max_batch for batch in range(1, 9)]
    assert found == [1, 4, 4, 4, 8, 8, 8, 8]


def test_of_equals_the_newest_is_taken(store: EngineStore) -> None:
    times = {
        ("sm_80", "sm_90"): "2026-01-31T12:00:00+00:00",
        ("sm_90",): "2026-01-31T12:00:00-01:00",  # the newest, an hour later in UTC
        ("sm_86", "sm_90"): "2026-01-31T12:30:00+00:00",
    }
    for capabilities, built in times.items():
        build(store, replace(SPEC, capabilities=capabilities), built=built)
    assert store.find(WANTED).manifest.spec.capabilities == ("sm_90",)


def build_until(store: EngineStore, error: BaseException | None, publish: bool = False) -> None:
    with store.building(SPEC) as staged:
        manifest = fill(staged)
        if publish:
            staged.publish(manifest)
        if error is not None:
            raise error


@pytest.mark.parametrize(
    "error", [RuntimeError("mine"), KeyboardInterrupt("mine"), OSError(errno.ENOSPC, "mine"), None]
)
def test_nothing_remains_of_what_is_not_published(store: EngineStore, error: BaseException | None) -> None:
    with pytest.raises(type(error), match="mine") if error else nullcontext() as caught:
        build_until(store, error)
    assert error is None or (caught is not None and caught.value is error), "errors of the builder are left alone"
    assert names(store) == []


def test_an_error_after_publishing_does_not_undo_it(store: EngineStore) -> None:
    with pytest.raises(RuntimeError, match="mine"):
        build_until(store, RuntimeError("mine"), publish=True)
    assert contents(store.find(WANTED)) == CONTENTS


def test_published_is_published(store: EngineStore) -> None:
    with store.building(SPEC) as staged:
        manifest = fill(staged)
        staged.publish(manifest)
        with pytest.raises(StateError, match="published already"):
            staged.publish(manifest)
        with pytest.raises(StateError, match="published already"):
            staged.add("more", b"1", onnx_sha256=ONNX, build_s=0, inputs=[], outputs=[])


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".hidden", "generator", "a\0"])
def test_names_of_engines_are_plain_and_new(store: EngineStore, name: str) -> None:
    with store.building(SPEC) as staged:
        fill(staged)
        with pytest.raises(ValueError, match="expected a new plain name"):
            staged.add(name, b"1", onnx_sha256=ONNX, build_s=0, inputs=[], outputs=[])
        with pytest.raises(ValueError, match="0 bytes"):
            staged.add("empty", b"", onnx_sha256=ONNX, build_s=0, inputs=[], outputs=[])


def test_a_manifest_of_something_else_is_not_published(store: EngineStore) -> None:
    with store.building(SPEC) as staged:
        manifest = fill(staged)
        for wrong in (
            replace(manifest, engines={}),
            replace(manifest, spec=replace(SPEC, max_batch=1)),
            replace(manifest, engines={name: replace(file, size_bytes=1) for name, file in manifest.engines.items()}),
        ):
            with pytest.raises(ValueError, match="the manifest lists"):
                staged.publish(wrong)
    assert names(store) == []


def test_what_could_not_be_read_again_is_not_published(store: EngineStore) -> None:
    with pytest.raises(EngineError, match="no time zone"):
        build(store, built="2026-01-31T12:00:00")
    with store.building(SPEC) as staged:
        manifest = fill(staged)
        (staged.path / "generator.engine").write_bytes(b"G" * len(CONTENTS["generator"]))
        with pytest.raises(EngineError, match="SHA-256"):
            staged.publish(manifest)
    assert names(store) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "no space left for engines; nothing was kept. Free some disk or set XDG_CACHE_HOME"),
        (errno.EDQUOT, "no space left"),
        (errno.EIO, r"engines cannot be kept \(Input/output error\)"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_disk_that_fails(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch, step: str, code: int, words: str
) -> None:
    build(store)
    before = names(store)

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(*{"fsync": (os, "fsync"), "rename": (Path, "rename")}[step], fail)
    with pytest.raises(EngineError, match=words) as caught:
        build(store, contents={"generator": b"new"})
    assert str(caught.value).startswith(str(store.folder))
    assert names(store) == before
    assert contents(store.find(WANTED)) == CONTENTS


def test_a_write_that_really_fails(store: EngineStore) -> None:
    """A process that may write files of 4000 bytes only."""
    run(store, "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))", "build(store)", fails="File too large")
    assert names(store) == []


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_cache_that_may_not_be_written(store: EngineStore, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    build(store)
    mkdir = Path.mkdir

    def refuse(path: Path, *args: Any, **options: Any) -> None:
        if path == store.folder:
            mkdir(path, *args, **options)
        else:
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(EngineError, match=r"cannot be kept .*; choose a folder that can be written"):
        build(store)
    assert contents(store.find(WANTED)) == CONTENTS


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write and read everywhere")
def test_permissions(store: EngineStore) -> None:
    build(store)
    store.folder.chmod(0o555)
    with pytest.raises(EngineError, match="Permission denied"):
        build(store, replace(SPEC, max_batch=1))
    with pytest.raises(EngineError, match="cannot be removed"):
        store.remove(store.find(WANTED))
    store.folder.chmod(0)
    assert "cannot be read (Permission denied)" in why(store)
    assert store.folders() == []
    store.folder.chmod(0o755)


def test_a_cache_that_cannot_be_read(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    build(store)

    def refuse(_: Path) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    assert why(store).startswith(f"{store.folder}: cannot be read (Permission denied); change its permissions")
    assert store.folders() == []
    assert store.damaged() == [(store.folder, why(store))]
    assert [record.name for record in caplog.records] == ["fomm_rt"]


def test_a_file_where_the_cache_should_be(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    for folder in (tmp_path / "cache", tmp_path / "cache" / "engines"):
        store = EngineStore(folder)
        with pytest.raises(EngineError, match="cannot be kept"):
            build(store)
        assert "cannot be read (Not a directory)" in why(store)
        assert store.folders() == []


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert EngineStore().folder == default_folder() == tmp_path / "fomm-rt" / "engines"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert EngineStore().folder == tmp_path / ".cache" / "fomm-rt" / "engines"

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(EngineError, match=r"engines have no place to be kept .*; set XDG_CACHE_HOME"):
        EngineStore()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks(store: EngineStore, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    build(store)

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(EngineError, match=r"its file system has no locks .* set XDG_CACHE_HOME to a folder on a local"):
        build(store)
    assert contents(store.find(WANTED)) == CONTENTS


def spoil_manifest(folder: Path) -> None:
    (folder / MANIFEST_NAME).write_text("{")


def cut(folder: Path) -> None:
    os.truncate(folder / "generator.engine", 100)


def lose(folder: Path) -> None:
    (folder / "generator.engine").unlink()


def link_engine(folder: Path) -> None:
    outside = folder.parents[1] / "generator.engine"
    (folder / "generator.engine").rename(outside)
    (folder / "generator.engine").symlink_to(outside)


def link_manifest(folder: Path) -> None:
    outside = folder.parents[1] / MANIFEST_NAME
    (folder / MANIFEST_NAME).rename(outside)
    (folder / MANIFEST_NAME).symlink_to(outside)


def link_folder(folder: Path) -> None:
    outside = folder.parents[1] / "outside"
    folder.rename(outside)
    folder.symlink_to(outside)


def pipe(folder: Path) -> None:
    lose(folder)
    os.mkfifo(folder / "generator.engine")


def folder_for_file(folder: Path) -> None:
    lose(folder)
    (folder / "generator.engine").mkdir()


def empty(folder: Path) -> None:
    (folder / MANIFEST_NAME).unlink()


def file_for_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("")


def swell(folder: Path) -> None:
    os.truncate(folder / MANIFEST_NAME, 1 << 30)


def others_key(folder: Path) -> None:
    file = folder / MANIFEST_NAME
    file.write_text(file.read_text().replace('"sm_90"', '"sm_120"'))


DAMAGE: dict[Callable[[Path], None], str] = {
    spoil_manifest: f"{MANIFEST_NAME}: expected a manifest of engines",
    cut: "generator.engine: expected 9000 bytes, found 100; it was cut or altered",
    lose: "generator.engine: expected a file; it is missing",
    link_engine: "generator.engine: expected a file; it is a link",
    link_manifest: f"{MANIFEST_NAME}: expected a file; it is a link",
    link_folder: "expected a folder of engines; it is a link",
    pipe: "generator.engine: expected a file; it is a folder or device",
    folder_for_file: "generator.engine: expected a file; it is a folder or device",
    empty: f"{MANIFEST_NAME}: expected a file; it is missing",
    file_for_folder: "expected a folder of engines; it cannot be opened (Not a directory)",
    swell: f"has {1 << 30} bytes",
    others_key: "its manifest is of",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damaged_sets_are_passed_over_and_replaced(
    store: EngineStore, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    good, bad = build(store, replace(SPEC, max_batch=1)), build(store)
    damage(bad.path)
    assert [folder.path for folder in store.folders()] == [good.path]
    ((path, reason),) = store.damaged()
    assert path == bad.path
    assert DAMAGE[damage] in reason
    assert reason.startswith(str(bad.path))
    assert [record.getMessage() for record in caplog.records] == [f"engines are skipped: {reason}"]
    assert store.find(WANTED).path == good.path
    assert f"Unusable: {reason}" in why(store, batch=2)

    with store.building(SPEC) as staged:
        assert staged.existing is None
        again = staged.publish(fill(staged))
    assert store.find(replace(WANTED, batch=2)).path == again.path
    assert names(store) == sorted([good.path.name, again.path.name])


def test_the_largest_batch_where_asked_for(store: EngineStore) -> None:
    for batch in (2, 8, 4):
        build(store, replace(SPEC, max_batch=batch))
    assert store.find(replace(WANTED, batch=1)).manifest.spec.max_batch == 2
    assert store.find(replace(WANTED, batch=1), largest=True).manifest.spec.max_batch == 8


@pytest.mark.parametrize("hold", [True, False])
def test_an_altered_engine_is_not_handed_over(store: EngineStore, hold: bool) -> None:
    build(store)
    folder = store.find(WANTED) if hold else store.folders()[0]
    file = folder.path / "generator.engine"
    with file.open("r+b") as opened:
        opened.write(b"G")
    for altered in (folder, store.find(WANTED)):
        with pytest.raises(EngineError, match=r"its SHA-256 is not .* Rebuild: fomm-rt build MODEL .*--rebuild"):
            altered.read("generator")
        assert altered.read("dense_motion") == CONTENTS["dense_motion"]
    with store.building(SPEC) as staged:
        assert staged.existing is None, "a build without --rebuild has to mend it"


@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize("length", [0, 100, 9001])
def test_an_engine_cut_after_it_was_found(store: EngineStore, hold: bool, length: int) -> None:
    build(store)
    folder = store.find(WANTED) if hold else store.folders()[0]
    os.truncate(folder.path / "generator.engine", length)
    with pytest.raises(EngineError, match=f"expected 9000 bytes, found {length}"):
        folder.read("generator")


def test_an_engine_of_another_set_is_foreign(store: EngineStore) -> None:
    build(store)
    other = build(store, replace(SPEC, max_batch=1), {**CONTENTS, "generator": b"G" * 9000})
    shutil.copy(other.path / "generator.engine", store.find(replace(WANTED, batch=2)).path)
    with pytest.raises(EngineError, match="altered"):
        store.find(replace(WANTED, batch=2)).read("generator")


def test_what_is_not_a_set_is_none(store: EngineStore) -> None:
    build(store)
    for name in ("notes.txt", f"{SPEC.key}.0", f"{SPEC.key}.01", SPEC.key, f"{SPEC.key}.x", ".hidden", "lost+found"):
        (store.folder / name).mkdir()
    assert len(store.folders()) == 1
    assert store.damaged() == []
    build(store)
    assert (store.folder / ".hidden").exists(), "only what builders leave is removed"


def test_a_linked_store_is_followed(store: EngineStore, tmp_path: Path) -> None:
    (tmp_path / "large-disk").mkdir()
    store.folder.parent.mkdir()
    store.folder.symlink_to(tmp_path / "large-disk")
    build(store)
    assert contents(store.find(WANTED)) == CONTENTS
    assert list((tmp_path / "large-disk").iterdir())


@pytest.mark.parametrize("part", ["store", "set", MANIFEST_NAME, "generator.engine"])
@pytest.mark.parametrize("bit", [stat.S_IWGRP, stat.S_IWOTH])
def test_what_others_may_write_is_not_loaded(store: EngineStore, part: str, bit: int) -> None:
    folder = build(store)
    path = {"store": store.folder, "set": folder.path}.get(part, folder.path / part)
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode | bit)
    message = why(store)
    assert (
        f"{path}: expected to be writable by its owner alone, as engines are executed; its mode is {mode | bit:03o}"
        in message
    )
    assert f"chmod -R go-w {path}" in message
    assert store.folders() == []
    assert store.damaged()[0][0] == (store.folder if part == "store" else folder.path)
    subprocess.run(["chmod", "-R", "go-w", path], check=True)
    assert contents(store.find(WANTED)) == CONTENTS


@pytest.mark.parametrize("hold", [True, False])
def test_what_becomes_writable_after_it_was_found(store: EngineStore, hold: bool) -> None:
    build(store)
    folder = store.find(WANTED) if hold else store.folders()[0]
    (folder.path / "generator.engine").chmod(0o666)
    with pytest.raises(EngineError, match="writable by its owner alone"):
        folder.read("generator")


@pytest.mark.parametrize("part", ["store", "set", MANIFEST_NAME, "generator.engine"])
def test_what_belongs_to_others_is_not_loaded(store: EngineStore, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = build(store)
    path = {"store": store.folder, "set": folder.path}.get(part, folder.path / part)
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "expected to belong to this user or root, as engines are executed; it belongs to user" in why(store)
    assert store.folders() == []


def test_building_into_a_store_that_others_may_write(store: EngineStore) -> None:
    store.folder.mkdir(parents=True)
    store.folder.chmod(0o777)
    with pytest.raises(EngineError, match="writable by its owner alone"), store.building(SPEC):
        pytest.fail("minutes of building for nothing")
    assert names(store) == []


def test_a_file_system_without_modes_is_noticed_before_building(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_FOLDER_MODE", 0o777)
    store.folder.mkdir(parents=True)
    umask = os.umask(0)
    try:
        with pytest.raises(EngineError, match="writable by its owner alone"), store.building(SPEC):
            pytest.fail("minutes of building for nothing")
    finally:
        os.umask(umask)
    assert names(store) == []


@pytest.mark.parametrize("umask", [0, 0o002, 0o022, 0o077])
def test_what_is_written_is_its_owners_whatever_the_umask(store: EngineStore, umask: int) -> None:
    before = os.umask(umask)
    try:
        build(store)
    finally:
        os.umask(before)
    for path in (store.folder, *store.folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o755 if path.is_dir() else 0o644) & ~umask, path
    assert contents(store.find(WANTED)) == CONTENTS


def test_building_again_replaces(store: EngineStore) -> None:
    build(store)
    with store.building(SPEC) as staged:
        assert staged.existing is not None
        assert contents(staged.existing) == CONTENTS
        assert not staged.waited
        staged.publish(fill(staged, {"generator": b"new"}))
    assert contents(store.find(WANTED)) == {"generator": b"new"}
    assert names(store) == [f"{SPEC.key}.2"]


def test_a_reader_keeps_what_it_found(store: EngineStore) -> None:
    build(store)
    old = store.find(WANTED)
    build(store, contents={"generator": b"new"})
    assert contents(old) == CONTENTS
    new = store.find(WANTED)
    store.remove(new)
    assert contents(old) == CONTENTS
    assert contents(new) == {"generator": b"new"}


def test_nothing_stays_open(store: EngineStore) -> None:
    build(store)
    gc.collect()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for _ in range(3):
        folder = store.find(WANTED)
        contents(folder)
        store.folders()
        build(store)
    cut(store.find(WANTED).path)
    store.folders()
    del folder
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208


def test_removing(store: EngineStore, tmp_path: Path) -> None:
    folder, other = build(store), build(store, replace(SPEC, max_batch=1))
    store.remove(folder)
    assert names(store) == [other.path.name]
    store.remove(folder)
    with pytest.raises(ValueError, match="is not in"):
        EngineStore(tmp_path / "elsewhere").remove(other)
    assert names(store) == [other.path.name]


def test_readers_find_a_whole_set_while_it_is_replaced(store: EngineStore) -> None:
    def number(n: int) -> dict[str, bytes]:
        return {"generator": b"%d" % n * 5000, "dense_motion": b"-%d" % n * 5000}

    build(store, contents=number(0))

    def rebuild() -> None:
        for n in range(1, 40):
            build(store, contents=number(n))

    builder = Thread(target=rebuild)
    builder.start()
    found = []
    try:
        while builder.is_alive():
            found.append(contents(store.find(WANTED)))
            assert store.damaged() == []
    finally:
        builder.join()
    assert all(content in map(number, range(40)) for content in found)
    assert contents(store.find(WANTED)) == number(39)
    assert names(store) == [f"{SPEC.key}.40"]


def test_a_set_that_vanishes_while_looked_at_is_looked_for_again(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store)
    opened = staging.open_set

    def replace_first(*args: Any, **options: Any) -> EngineFolder:
        monkeypatch.setattr(staging, "open_set", opened)
        build(store, contents={"generator": b"new"})
        return opened(*args, **options)

    monkeypatch.setattr(staging, "open_set", replace_first)
    assert contents(store.find(WANTED)) == {"generator": b"new"}


def test_a_set_that_vanishes_once_chosen_is_looked_for_again(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store)

    def replace_first(path: Path) -> EngineFolder:
        monkeypatch.setattr("fomm_rt.engines.store.open_engine_folder", open_engine_folder)
        build(store, contents={"generator": b"new"})
        return open_engine_folder(path)

    monkeypatch.setattr("fomm_rt.engines.store.open_engine_folder", replace_first)
    assert contents(store.find(WANTED)) == {"generator": b"new"}


PRELUDE = """
import os, resource, signal, sys
from dataclasses import replace
from pathlib import Path
from fomm_rt.engines import staging
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import EngineError
from made_up_engines import SPEC, build, fill
store = EngineStore(Path(sys.argv[1]))
def say(*words): print(*words, flush=True)
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
"""


def start(store: EngineStore, *lines: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + "\n".join(lines), store.folder],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )  # fmt: skip


def run(store: EngineStore, *lines: str, fails: str | None = None) -> int:
    with start(store, *lines) as process:
        _, errors = process.communicate()
    assert (fails in errors) if fails else not errors, errors
    return process.returncode


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


BUILDER = (
    "with store.building(SPEC, say) as staged:",
    "    say(staged.waited, staged.existing and staged.existing.manifest.model_name)",
    "    manifest = fill(staged, model_name=sys.argv[0])",
    "    sys.stdin.readline()",
)
PUBLISH = "    staged.publish(manifest)"


def test_the_second_builder_waits_and_finds_what_the_first_built(store: EngineStore) -> None:
    with start(store, *BUILDER, PUBLISH) as first:
        assert told(first) == "False None"
        with start(store, *BUILDER) as second:
            assert told(second) == "waiting for another builder of the same engines"
            assert len(names(store)) == 1, "the first's staging is left alone"
            tell(first)
            assert told(second) == "True -c"
            tell(second)
    assert (first.returncode, second.returncode) == (0, 0)
    assert names(store) == [f"{SPEC.key}.1"]


def test_waiting_is_logged(store: EngineStore, caplog: pytest.LogCaptureFixture) -> None:
    with start(store, *BUILDER, PUBLISH) as first:
        assert told(first) == "False None"

        class Release(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
                tell(first)

        handler = Release()
        logging.getLogger("fomm_rt").addHandler(handler)
        try:
            with store.building(SPEC) as staged:
                assert staged.waited
                assert staged.existing is not None
        finally:
            logging.getLogger("fomm_rt").removeHandler(handler)
    assert caplog.messages == ["waiting for another builder of the same engines"]


def test_threads_exclude_each_other_as_processes_do(store: EngineStore) -> None:
    waiting: list[str] = []
    seen: list[EngineFolder | None] = []

    def second() -> None:
        with store.building(SPEC, waiting.append) as staged:
            seen.append(staged.existing)

    with store.building(SPEC) as staged:
        thread = Thread(target=second)
        thread.start()
        while not waiting:
            assert thread.is_alive()
        assert seen == []
        staged.publish(fill(staged))
    thread.join()
    assert seen[0] is not None


def test_builders_of_different_sets_do_not_wait(store: EngineStore) -> None:
    with start(store, *BUILDER, PUBLISH) as other:
        assert told(other) == "False None"
        with store.building(replace(SPEC, max_batch=1), pytest.fail) as staged:
            staged.publish(fill(staged))
            assert len([name for name in names(store) if name.startswith(".")]) == 1, "the other's staging"
        tell(other)
    assert other.returncode == 0
    assert len(store.folders()) == 2


@pytest.mark.parametrize("next_spec", [SPEC, replace(SPEC, max_batch=1)], ids=["the same set", "another set"])
def test_what_a_killed_builder_left_is_removed_by_the_next(store: EngineStore, next_spec: EngineSpec) -> None:
    with start(store, *BUILDER) as process:
        assert told(process) == "False None"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert len(names(store)) == 1
    assert names(store)[0].startswith(f".{SPEC.key}.")
    assert (store.folders(), store.damaged()) == ([], [])
    with store.building(next_spec, pytest.fail) as staged:
        assert not staged.waited
        staged.publish(fill(staged))
    assert names(store) == [f"{next_spec.key}.1"]


def test_a_builder_that_waits_goes_on_when_the_other_is_killed(store: EngineStore) -> None:
    with start(store, *BUILDER) as first:
        assert told(first) == "False None"
        with start(store, *BUILDER, PUBLISH) as second:
            assert told(second).startswith("waiting")
            first.kill()
            assert told(second) == "True None"
            tell(second)
    assert second.returncode == 0
    assert names(store) == [f"{SPEC.key}.1"]


@pytest.mark.parametrize(
    ("moment", "found"),
    [
        ("os.fsync = die", CONTENTS),
        ("Path.rename = die", CONTENTS),
        ("staging.discard = die", {"generator": b"new"}),
        ("staging.shutil.rmtree = die", {"generator": b"new"}),
    ],
)
def test_killed_in_the_middle_of_replacing(store: EngineStore, moment: str, found: dict[str, bytes]) -> None:
    build(store)
    assert run(store, moment, "build(store, contents={'generator': b'new'})") == -signal.SIGKILL
    assert contents(store.find(WANTED)) == found
    assert [contents(folder) for folder in store.folders()] == [found]
    assert store.damaged() == []
    with store.building(SPEC) as staged:
        assert staged.existing is not None
        assert contents(staged.existing) == found
        last = staged.publish(fill(staged, {"generator": b"last"}))
    assert names(store) == [last.path.name]


def test_importing_the_store_takes_no_inference_library(store: EngineStore) -> None:
    check = "assert not {'torch', 'onnx', 'onnxruntime', 'tensorrt', 'tensorrt_rtx'} & sys.modules.keys()"
    assert run(store, "build(store)", check) == 0
