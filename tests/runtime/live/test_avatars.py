"""The gallery: loading, changes, bad pictures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest

from fomm_rt.bundled import bundled_avatars
from fomm_rt.errors import MediaError
from fomm_rt.faces.framing import FaceFraming
from fomm_rt.framing import Framing
from fomm_rt.live.avatars import MOST_AVATARS, Gallery

WAIT_S = 20


class Watched:
    """A gallery of a folder, and the changes and sentences that come from its thread."""

    def __init__(self, folder: Path) -> None:
        self.changes: SimpleQueue[None] = SimpleQueue()
        self.sentences: list[str] = []
        self.gallery = Gallery([folder], 64, Framing(), None, say=self.sentences.append)
        self.gallery.on_change = lambda: self.changes.put(None)

    def names(self) -> list[str]:
        return [avatar.path.name for avatar in self.gallery.avatars]

    def wait(self) -> None:
        self.gallery.look_again()
        self.changes.get(timeout=WAIT_S)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, avatar in zip(("10.png", "2.png", "1.png"), bundled_avatars(), strict=False):
        shutil.copy(avatar, tmp_path / name)
    return tmp_path


@pytest.fixture
def watched(folder: Path) -> Iterator[Watched]:
    watched = Watched(folder)
    assert watched.names() == ["1.png"], "the first picture is there at once"
    watched.gallery.start()
    watched.changes.get(timeout=WAIT_S)
    yield watched
    watched.gallery.stop()


def test_a_folder_is_loaded_sorted_as_people_count(watched: Watched) -> None:
    assert watched.names() == ["1.png", "2.png", "10.png"]
    for avatar in watched.gallery.avatars:
        assert avatar.picture.shape == (64, 64, 3)
        assert avatar.thumbnail.picture.shape == (96, 96, 3)
    assert watched.gallery.avatars[0].thumbnail.name == "1"


def test_new_and_changed_pictures_appear(watched: Watched, folder: Path) -> None:
    shutil.copy(folder / "2.png", folder / "3.png")
    watched.wait()
    assert watched.names() == ["1.png", "2.png", "3.png", "10.png"]
    before = watched.gallery.avatars[0]
    shutil.copy(bundled_avatars()[5], folder / "1.png")
    watched.wait()
    assert not np.array_equal(watched.gallery.avatars[0].picture, before.picture)


def test_a_deleted_picture_stays_while_it_is_shown(watched: Watched, folder: Path) -> None:
    watched.gallery.keep(watched.gallery.avatars[1])
    (folder / "2.png").unlink()
    (folder / "10.png").unlink()
    watched.wait()
    assert watched.names() == ["1.png", "2.png"]
    watched.gallery.keep(watched.gallery.avatars[0])
    watched.wait()
    assert watched.names() == ["1.png"]


def test_an_emptied_folder_keeps_the_loaded_avatars(watched: Watched, folder: Path) -> None:
    for picture in folder.iterdir():
        picture.unlink()
    (folder / "note.txt").write_text("nothing here")
    shutil.copy(bundled_avatars()[0], folder / "new.png")
    watched.wait()
    assert watched.names() == ["new.png"]


def test_a_bad_picture_is_skipped_with_a_word(watched: Watched, folder: Path) -> None:
    (folder / "0-bad.png").write_bytes((folder / "1.png").read_bytes()[:100])
    shutil.copy(folder / "1.png", folder / "4.png")
    watched.wait()
    assert watched.names() == ["1.png", "2.png", "4.png", "10.png"]
    assert len(watched.sentences) == 1
    assert watched.sentences[0].startswith("0-bad.png is left out of the avatars: ")


def test_hidden_and_other_files_are_passed_over(folder: Path) -> None:
    shutil.copy(folder / "1.png", folder / ".hidden.png")
    (folder / "list.txt").write_text("1.png")
    watched = Watched(folder)
    watched.gallery.start()
    watched.changes.get(timeout=WAIT_S)
    watched.gallery.stop()
    assert watched.names() == ["1.png", "2.png", "10.png"]
    assert not watched.sentences


def test_faces_are_framed() -> None:
    avatar = bundled_avatars()[0]
    whole = Gallery([avatar], 64, Framing(), None).avatars[0].picture
    face = Gallery([avatar], 64, FaceFraming(margin=1.2), 2.1).avatars[0].picture
    assert not np.array_equal(whole, face)


def test_the_chosen_picture_is_loaded_first(folder: Path) -> None:
    assert Gallery([folder], 64, Framing(), None, first=2).avatars[0].path.name == "10.png"
    assert Gallery([folder], 64, Framing(), None, first=9).avatars[0].path.name == "1.png"


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="there is no such folder"):
        Gallery([tmp_path / "none"], 64, Framing(), None)
    with pytest.raises(MediaError, match="holds no picture that can be read"):
        Gallery([tmp_path], 64, Framing(), None)
    (tmp_path / "bad.png").write_bytes(b"nothing")
    with pytest.raises(MediaError, match="holds no picture that can be read"):
        Gallery([tmp_path], 64, Framing(), None)


def test_the_number_of_pictures_is_limited(tmp_path: Path) -> None:
    content = bundled_avatars()[0].read_bytes()
    for number in range(MOST_AVATARS + 5):
        (tmp_path / f"{number}.png").write_bytes(content)
    assert len(Gallery([tmp_path], 8, Framing(), None)._versions()) == MOST_AVATARS
