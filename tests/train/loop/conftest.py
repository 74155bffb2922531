from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fomm_train.data.drawn_groups import DRAWN_GROUPS
from fomm_train.data.group_folder import GroupFolder
from tiny_training import FRAME_SIZE, lower_requirements, tiny_recipe


@pytest.fixture(autouse=True)
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    lower_requirements(monkeypatch)


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> GroupFolder:
    """The groups of the tiny recipe."""
    recipe = tiny_recipe()
    path = tmp_path_factory.mktemp("groups") / "frames"
    path.mkdir()
    drawn = GroupFolder(path, DRAWN_GROUPS, recipe.first_group_seed, recipe.groups, FRAME_SIZE)
    for index in range(recipe.groups):
        drawn.draw(index)  # in this process: starting others takes longer than drawing
    return drawn


@pytest.fixture
def new_folder(tmp_path: Path, groups: GroupFolder) -> Callable[[str], Path]:
    """Makes folders for runs, with all groups drawn."""

    def make(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "frames").symlink_to(groups.path)
        return folder

    return make


@pytest.fixture
def folder(new_folder: Callable[[str], Path]) -> Path:
    return new_folder("run")
