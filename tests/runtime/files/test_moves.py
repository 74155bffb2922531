"""Several files that take the place of earlier ones: never a mixture, whatever fails or is killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fomm_rt.files.hidden_folder import HiddenFolder
from fomm_rt.files.leftovers import remove_leftovers
from fomm_rt.files.moves import put_in_place

OLD = {f"{number}.png": f"old {number}" for number in range(1, 6)}
NEW = {f"{number}.png": f"new {number}" for number in range(1, 4)} | {"6.png": "new 6"}
OBSOLETE = ("4.png", "5.png")
RENAMES = len(OLD) + len(NEW)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if not path.name.startswith(".")}


def is_one_run(found: dict[str, str]) -> bool:
    return len({text.split()[0] for text in found.values()}) <= 1


@contextmanager
def prepared(folder: Path) -> Iterator[HiddenFolder]:
    for name, text in OLD.items():
        (folder / name).write_text(text)
    with HiddenFolder(folder) as hidden:
        for name, text in NEW.items():
            (hidden.new / name).write_text(text)
        yield hidden


def test_new_files_replace_earlier_and_obsolete_ones(tmp_path: Path, leftovers: Callable[[], list[str]]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with prepared(tmp_path) as hidden:
        put_in_place(hidden, OBSOLETE)
    assert contents(tmp_path) == {**NEW, "notes.txt": "mine"}
    assert leftovers() == []


@pytest.mark.parametrize("count", range(1, RENAMES + 1))
def test_a_failure_puts_all_earlier_files_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leftovers: Callable[[], list[str]], count: int
) -> None:
    rename, calls = Path.rename, 0

    def failing(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == count:
            raise OSError("broken")
        moved = rename(self, target)
        if calls < count:
            assert is_one_run(contents(tmp_path))
        return moved

    with prepared(tmp_path) as hidden:
        monkeypatch.setattr(Path, "rename", failing)
        with pytest.raises(OSError, match="broken"):
            put_in_place(hidden, OBSOLETE)
    assert contents(tmp_path) == OLD
    assert leftovers() == []


KILLED = """
import os, sys
from pathlib import Path
from runtime.files.test_moves import OBSOLETE, RENAMES, prepared
from fomm_rt.files.moves import put_in_place

def dying(self, target):
    global left
    left -= 1
    if not left:
        os._exit(0)
    return rename(self, target)

rename, Path.rename = Path.rename, dying
for left in range(1, RENAMES + 1):
    folder = Path(sys.argv[1]) / str(left)
    folder.mkdir()
    process = os.fork()
    if process == 0:
        with prepared(folder) as hidden:
            put_in_place(hidden, OBSOLETE)
        os._exit(1)
    assert os.waitpid(process, 0)[1] == 0
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a folder for each rename, named by its number, that a process was killed before."""
    folder = tmp_path_factory.mktemp("killed")
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    subprocess.run([sys.executable, "-c", KILLED, folder], check=True, env={**os.environ, "PYTHONPATH": path})
    return folder


def killed_at(count: int, killed: Path, folder: Path) -> None:
    shutil.copytree(killed / str(count), folder, dirs_exist_ok=True)


@pytest.mark.parametrize("count", range(1, RENAMES + 1))
def test_the_next_run_finishes_the_moves_of_a_killed_one(
    tmp_path: Path, killed: Path, leftovers: Callable[[], list[str]], count: int
) -> None:
    killed_at(count, killed, tmp_path)
    assert is_one_run(contents(tmp_path))
    remove_leftovers(tmp_path)
    assert contents(tmp_path) == NEW
    assert leftovers() == []


@pytest.mark.parametrize("count", range(1, RENAMES + 1))
@pytest.mark.parametrize("name", ["1.png", "4.png", "6.png"])
def test_files_that_the_user_has_changed_since_stay(tmp_path: Path, killed: Path, count: int, name: str) -> None:
    killed_at(count, killed, tmp_path)
    (tmp_path / name).write_text("the user's own picture")
    remove_leftovers(tmp_path)
    assert contents(tmp_path)[name] == "the user's own picture"


@pytest.mark.parametrize("name", ["new/../../victim.txt", ".."])
def test_a_journal_that_names_files_elsewhere_is_not_followed(tmp_path: Path, killed: Path, name: str) -> None:
    folder = tmp_path / "results"
    killed_at(1, killed, folder)
    (folder / "victim.txt").write_text("victim")
    (hidden,) = folder.glob(".fomm-rt-*-*")
    info = (hidden.parent / name.removeprefix("new/../../")).stat()
    (hidden / "moves.json").write_text(f'{{"{name}": [{info.st_size}, {info.st_mtime_ns}]}}')
    remove_leftovers(folder)
    assert contents(folder) == {**OLD, "victim.txt": "victim"}
