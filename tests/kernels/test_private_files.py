"""Who may change files whose content is executed, and the folders above them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from fomm_kernels import private_files
from fomm_kernels.private_files import NotPrivateError, check_private_folder, make_private_folder, private_file

STRANGER = 12345

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes say nothing on this system")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "above" / "store"
    made.mkdir(parents=True)
    made.parent.chmod(0o755)
    made.chmod(0o755)
    return made


def refusal(folder: Path) -> str:
    with pytest.raises(NotPrivateError) as caught:
        check_private_folder(folder, "kernels")
    return str(caught.value)


def test_a_private_folder(folder: Path) -> None:
    check_private_folder(folder, "kernels")


@pytest.mark.parametrize("bit", [stat.S_IWGRP, stat.S_IWOTH])
def test_a_folder_above_that_others_can_write(folder: Path, bit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_files, "_is_own_group", lambda _: False)
    folder.parent.chmod(0o755 | bit)
    assert refusal(folder).startswith(f"{folder.parent}: expected a folder that others cannot write")
    folder.parent.chmod(0o755 | bit | stat.S_ISVTX)  # as /tmp
    check_private_folder(folder, "kernels")


def test_a_folder_above_that_only_the_users_own_group_can_write(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_files, "_is_own_group", lambda _: True)
    folder.parent.chmod(0o775)
    check_private_folder(folder, "kernels")
    folder.parent.chmod(0o777)
    refusal(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("mode", [0o755, 0o1777])
def test_a_folder_above_that_belongs_to_another_user(folder: Path, mode: int) -> None:
    """The owner of a sticky folder can rename what others have in it."""
    os.chown(folder.parent, STRANGER, -1)
    folder.parent.chmod(mode)
    assert refusal(folder).startswith(f"{folder.parent}: expected to belong to this user or root")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_link_of_another_user(folder: Path, tmp_path: Path) -> None:
    """It can be led elsewhere at any time."""
    link = tmp_path / "link"
    link.symlink_to(folder.parent)
    check_private_folder(link / "store", "kernels")
    os.chown(link, STRANGER, -1, follow_symlinks=False)
    assert refusal(link / "store").startswith(f"{link}: expected to belong to this user or root")


@pytest.mark.parametrize("umask", [0, 0o002, 0o022, 0o077])
def test_folders_are_made_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        make_private_folder(tmp_path / "a" / "b" / "c", "kernels")
    finally:
        os.umask(before)
    for made in (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"):
        assert stat.S_IMODE(made.stat().st_mode) == 0o755 & ~umask
    make_private_folder(tmp_path / "a" / "b" / "c", "kernels")


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        make_private_folder(tmp_path / "file", "kernels")
    with pytest.raises(OSError, match="file"):
        make_private_folder(tmp_path / "file" / "below", "kernels")


def test_only_plain_files_are_opened(folder: Path) -> None:
    file = folder / "file"
    file.write_bytes(b"x")
    with private_file(file, "kernels") as opened:
        assert opened.read() == b"x"
    link, pipe = folder / "link", folder / "pipe"
    link.symlink_to(file)
    with pytest.raises(OSError, match="link"), private_file(link, "kernels"):
        pytest.fail("it was opened")
    os.mkfifo(pipe)
    with pytest.raises(NotPrivateError, match="pipe or device"), private_file(pipe, "kernels"):
        pytest.fail("it was opened")
