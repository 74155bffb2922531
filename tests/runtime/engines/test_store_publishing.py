"""The engine store: sets are there whole or not at all, whatever fails on the way."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.engine_sets import CONTENTS, ONNX, SPEC, WANTED, build, contents_of, fill, kept_names, why_not_found
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import EngineError, StateError
from store_processes import run


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
    assert kept_names(store) == []


def test_an_error_after_publishing_does_not_undo_it(store: EngineStore) -> None:
    with pytest.raises(RuntimeError, match="mine"):
        build_until(store, RuntimeError("mine"), publish=True)
    assert contents_of(store.find(WANTED)) == CONTENTS


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
    assert kept_names(store) == []


def test_what_could_not_be_read_again_is_not_published(store: EngineStore) -> None:
    with pytest.raises(EngineError, match="no time zone"):
        build(store, built="2026-01-31T12:00:00")
    with store.building(SPEC) as staged:
        manifest = fill(staged)
        (staged.path / "generator.engine").write_bytes(b"G" * len(CONTENTS["generator"]))
        with pytest.raises(EngineError, match="SHA-256"):
            staged.publish(manifest)
    assert kept_names(store) == []


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
    before = kept_names(store)

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(*{"fsync": (os, "fsync"), "rename": (Path, "rename")}[step], fail)
    with pytest.raises(EngineError, match=words) as caught:
        build(store, contents={"generator": b"new"})
    assert str(caught.value).startswith(str(store.folder))
    assert kept_names(store) == before
    assert contents_of(store.find(WANTED)) == CONTENTS


def test_a_write_that_really_fails(store: EngineStore) -> None:
    """A process that may write files of 4000 bytes only."""
    run(store, "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))", "build(store)", fails="File too large")
    assert kept_names(store) == []


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
    assert contents_of(store.find(WANTED)) == CONTENTS


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write and read everywhere")
def test_permissions(store: EngineStore) -> None:
    build(store)
    store.folder.chmod(0o555)
    with pytest.raises(EngineError, match="Permission denied"):
        build(store, replace(SPEC, max_batch=1))
    store.folder.chmod(0)
    assert "cannot be read (Permission denied)" in why_not_found(store)
    assert store.look()[0] == []
    store.folder.chmod(0o755)


def test_a_cache_that_cannot_be_read(store: EngineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    build(store)

    def refuse(_: Path) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    message = why_not_found(store)
    assert message.startswith(f"{store.folder}: cannot be read (Permission denied); change its permissions")
    assert store.look()[0] == []
    assert store.look()[1] == [(store.folder, message)]


def test_a_file_where_the_cache_should_be(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    for folder in (tmp_path / "cache", tmp_path / "cache" / "engines"):
        store = EngineStore(folder)
        with pytest.raises(EngineError, match="cannot be kept"):
            build(store)
        assert "cannot be read (Not a directory)" in why_not_found(store)
        assert store.look()[0] == []


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks(store: EngineStore, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    build(store)

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(EngineError, match=r"its file system has no locks .* set XDG_CACHE_HOME to a folder on a local"):
        build(store)
    assert contents_of(store.find(WANTED)) == CONTENTS
