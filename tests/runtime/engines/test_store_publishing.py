"""The engine store: a set is there complete or not at all, whatever fails."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.engine_sets import CONTENTS, SPEC, WANTED, build, contents_of, kept_names, manifest_of, why_not_found
from fomm_rt.engines.store import Damage, EngineStore
from fomm_rt.errors import EngineError
from store_processes import run


def build_until(store: EngineStore, error: BaseException | None, publish: bool = False) -> None:
    with store.building(SPEC) as pending:
        if publish:
            pending.publish(manifest_of(), CONTENTS)
        if error is not None:
            raise error


@pytest.mark.parametrize(
    "error", [RuntimeError("mine"), KeyboardInterrupt("mine"), OSError(errno.ENOSPC, "mine"), None]
)
def test_an_unpublished_set_leaves_nothing(store: EngineStore, error: BaseException | None) -> None:
    with pytest.raises(type(error), match="mine") if error else nullcontext() as caught:
        build_until(store, error)
    assert error is None or (caught is not None and caught.value is error), "errors of the builder pass unchanged"
    assert kept_names(store) == []


def test_an_error_after_publishing_does_not_undo_it(store: EngineStore) -> None:
    with pytest.raises(RuntimeError, match="mine"):
        build_until(store, RuntimeError("mine"), publish=True)
    assert contents_of(store.find(WANTED)) == CONTENTS


def test_rejects_a_manifest_of_another_set(store: EngineStore) -> None:
    manifest = manifest_of()
    with store.building(SPEC) as pending:
        for wrong in (
            replace(manifest, engines={}),
            replace(manifest, spec=replace(SPEC, max_batch=1)),
            manifest_of({"generator": CONTENTS["generator"]}),
        ):
            with pytest.raises(ValueError, match="expected a manifest of "):
                pending.publish(wrong, CONTENTS)
    assert kept_names(store) == []


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".hidden", "a\0"])
def test_rejects_names_that_are_not_plain(store: EngineStore, name: str) -> None:
    with pytest.raises(EngineError, match=r"at `key` in `\$.engines`"):
        build(store, contents={name: b"1"})
    assert kept_names(store) == []


def test_rejects_values_that_could_not_be_read_again(store: EngineStore) -> None:
    manifest = manifest_of()
    with pytest.raises(EngineError, match="timezone"):
        build(store, built=manifest.built.replace(tzinfo=None))
    with pytest.raises(EngineError, match="`int` >= 1"):
        build(store, contents={"empty": b""})
    with store.building(SPEC) as pending:
        for altered, words in ((b"G" * 9000, "SHA-256 of the generator"), (b"G", "cut or altered")):
            with pytest.raises(EngineError, match=words):
                pending.publish(manifest, {**CONTENTS, "generator": altered})
    assert kept_names(store) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "no space left for engines; nothing was kept. Free some disk or set XDG_CACHE_HOME"),
        (errno.EDQUOT, "no space left"),
        (errno.EIO, r"engines cannot be kept \(Input/output error\)"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fails(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch, step: str, code: int, words: str
) -> None:
    build(store)
    before = kept_names(store)

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[step], fail)
    with pytest.raises(EngineError, match=words) as caught:
        build(store, contents={"generator": b"new"})
    assert str(caught.value).startswith(str(store.folder))
    assert kept_names(store) == before
    assert contents_of(store.find(WANTED)) == CONTENTS


def test_a_write_that_really_fails(store: EngineStore) -> None:
    """The process may write files of 4000 bytes only."""
    run(store, "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))", "build(store)", fails="File too large")
    assert kept_names(store) == []


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_cache_that_cannot_be_written(store: EngineStore, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    build(store)
    opened = os.open

    def refuse(path: Any, flags: int, *mode: Any, **options: Any) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(store.folder)):
            raise OSError(code, os.strerror(code))
        return opened(path, flags, *mode, **options)

    monkeypatch.setattr(os, "open", refuse)
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

    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    message = why_not_found(store)
    assert message.startswith(f"{store.folder}: cannot be read (Permission denied); change its permissions")
    assert store.look()[0] == []
    assert store.look()[1] == [Damage(store.folder, message)]


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
