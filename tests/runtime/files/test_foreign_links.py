"""Links of other users in world-writable folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fomm_rt.errors import OutputError
from fomm_rt.files.foreign_links import find_foreign_link
from fomm_rt.files.staging import StagedFolder, StagedOutput

STRANGER = 12345

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give links away")


@pytest.fixture
def sticky(tmp_path: Path) -> Path:
    folder = tmp_path / "sticky"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def link_of(owner: int, link: Path, target: Path) -> Path:
    link.symlink_to(target)
    os.chown(link, owner, -1, follow_symlinks=False)
    return link


def test_a_result_is_not_written_through_a_strangers_link(sticky: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    link = link_of(STRANGER, sticky / "result.mp4", mine)
    with pytest.raises(OutputError, match=f"{link} is a link of another user"):
        StagedOutput(link)
    assert mine.read_text() == "mine"
    assert link.is_symlink()


def test_neither_are_new_files(sticky: Path, tmp_path: Path) -> None:
    link = link_of(STRANGER, sticky / "result.mp4", tmp_path / "absent")
    with pytest.raises(OutputError, match="another user"):
        StagedOutput(link)
    folder = link_of(STRANGER, sticky / "folder", tmp_path)
    for target in (folder / "result.mp4", folder / "below" / "result.mp4"):
        with pytest.raises(OutputError, match=f"{folder} is a link of another user"):
            StagedOutput(target)
    with pytest.raises(OutputError, match=f"{folder} is a link of another user"):
        StagedFolder(folder / "frame-%d.png")


def test_own_links_are_followed(sticky: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("old")
    link = link_of(os.geteuid(), sticky / "result.mp4", mine)
    with StagedOutput(link) as staged:
        staged.path.write_text("new")
        staged.commit()
    assert link.is_symlink()
    assert mine.read_text() == "new"


def test_links_elsewhere_are_followed(tmp_path: Path) -> None:
    """As everywhere: /bin, or a home on another disk."""
    assert find_foreign_link(link_of(STRANGER, tmp_path / "link", tmp_path / "absent")) is None


def test_links_of_the_folders_owner_are_followed(sticky: Path, tmp_path: Path) -> None:
    os.chown(sticky, STRANGER, -1)
    assert find_foreign_link(link_of(STRANGER, sticky / "link", tmp_path / "absent")) is None


def test_chains(sticky: Path, tmp_path: Path) -> None:
    trap = link_of(STRANGER, sticky / "trap", tmp_path / "mine")
    own = link_of(0, tmp_path / "own", trap)
    assert find_foreign_link(own) == trap
    (tmp_path / "relative").symlink_to("sticky/../sticky/trap")
    found = find_foreign_link(tmp_path / "relative")
    assert found is not None
    assert found.parent.resolve() / found.name == trap
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError, match="more than 40 links"):
        find_foreign_link(tmp_path / "loop")


def test_a_link_that_is_hidden_behind_another_link(sticky: Path, tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "to-b").symlink_to(deep)
    trap = link_of(STRANGER, sticky / "trap", tmp_path)
    (deep / "to-trap").symlink_to(trap)
    assert find_foreign_link(tmp_path / "to-b" / "to-trap" / "result.mp4") == trap
