"""Hidden folders: locked while they are used, removed by the next run when nothing uses them any more."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from fomm_rt.files.hidden_folder import HiddenFolder, abandoned
from fomm_rt.files.leftovers import remove_leftovers

HOLD = """
import sys
from pathlib import Path
from fomm_rt.files.hidden_folder import HiddenFolder
hidden = HiddenFolder(Path(sys.argv[1])).__enter__()
(hidden.new / "half.bin").write_text("half")
print("ready", flush=True)
sys.stdin.read()
"""
A_DAY_S = 24 * 60 * 60


def hold(folder: Path) -> subprocess.Popen[str]:
    """Starts a process that holds a hidden folder with a half-written file."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def make_older(path: Path, seconds: float) -> None:
    for each in (*path.rglob("*"), path):
        info = each.stat()
        os.utime(each, (info.st_atime - seconds, info.st_mtime - seconds))


def test_the_context_removes_it(tmp_path: Path, leftovers: Callable[[], list[str]]) -> None:
    with HiddenFolder(tmp_path) as hidden:
        (hidden.new / "folder").mkdir()
        (hidden.new / "folder" / "file").touch()
        assert hidden.path.stat().st_mode & 0o777 == 0o700
        assert list(abandoned(tmp_path)) == []
    assert leftovers() == []


def test_the_next_run_removes_what_a_killed_process_left(tmp_path: Path, leftovers: Callable[[], list[str]]) -> None:
    with hold(tmp_path) as process:
        remove_leftovers(tmp_path)
        (living,) = tmp_path.iterdir()
        assert (living / "new" / "half.bin").read_text() == "half"
        process.kill()
    (tmp_path / "other.txt").touch()
    remove_leftovers(tmp_path)
    assert leftovers() == []
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]


def test_leftovers_of_another_machine_stay_for_a_day(tmp_path: Path, leftovers: Callable[[], list[str]]) -> None:
    folder = tmp_path / ".fomm-rt-00000000-0123456789ab"
    (folder / "new").mkdir(parents=True)
    (folder / "lock").touch()
    (folder / "new" / "half.bin").touch()
    make_older(folder, A_DAY_S - 60)
    remove_leftovers(tmp_path)
    assert (folder / "new" / "half.bin").exists()
    make_older(folder, 120)
    remove_leftovers(tmp_path)
    assert leftovers() == []


def test_without_locks_it_works_and_stays_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leftovers: Callable[[], list[str]]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with HiddenFolder(tmp_path) as hidden:
        assert not (hidden.path / "lock").exists()
        remove_leftovers(tmp_path)
        assert hidden.new.exists()
        make_older(hidden.path, A_DAY_S + 60)
        remove_leftovers(tmp_path)
        assert not hidden.new.exists()
    assert leftovers() == []


def test_links_and_files_of_such_names_stay(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "new").mkdir(parents=True)
    with HiddenFolder(tmp_path) as hidden:
        name = hidden.path.name
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / name).symlink_to(elsewhere)
    (tmp_path / "results" / f"{name}0").touch()
    remove_leftovers(tmp_path / "results")
    assert (elsewhere / "new").is_dir()
    assert len(list((tmp_path / "results").iterdir())) == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_folders_of_another_user_stay(tmp_path: Path) -> None:
    folder = tmp_path / ".fomm-rt-00000000-0123456789ab"
    folder.mkdir()
    make_older(folder, A_DAY_S + 60)
    os.chown(folder, 12345, 12345)
    remove_leftovers(tmp_path)
    assert folder.exists()


def test_another_name_is_taken_if_the_folder_is_taken_for_abandoned_before_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire, names = filelock.FileLock.acquire, []

    def late(self: filelock.FileLock) -> object:
        names.append(Path(self.lock_file).parent.name)
        if len(names) == 1:
            remove_leftovers_meanwhile = filelock.FileLock(self.lock_file)
            acquire(remove_leftovers_meanwhile)
            try:
                return acquire(self)
            finally:
                remove_leftovers_meanwhile.release()
        return acquire(self)

    monkeypatch.setattr(filelock.FileLock, "acquire", late)
    with HiddenFolder(tmp_path) as hidden:
        assert [path.name for path in tmp_path.iterdir()] == [hidden.path.name]
    assert names[0] != names[1] == hidden.path.name


def test_a_missing_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), HiddenFolder(tmp_path / "missing"):
        pass
    remove_leftovers(tmp_path / "missing")
