"""Groups of drawn faces are drawn in other processes and kept in files."""

from __future__ import annotations

from pathlib import Path
from time import sleep

import numpy as np
import pytest

from fomm_train import capacity
from fomm_train.data.drawn_groups import DRAWN_GROUPS, draw_group
from fomm_train.data.group_folder import GroupFolder
from tiny_training import FRAME_SIZE


@pytest.fixture(autouse=True)
def small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "SPARE_BYTES", 0)


def test_groups_are_drawn_in_other_processes_and_repeatable(tmp_path: Path) -> None:
    folder = GroupFolder(tmp_path / "frames", DRAWN_GROUPS, 77, 1, FRAME_SIZE)
    seen: list[tuple[str, int, int]] = []
    folder.draw_missing(1, lambda *progress: seen.append(progress))
    assert seen == [("drawing faces", 1, 1)]
    group = draw_group(77, FRAME_SIZE)
    # The last bit of a float may depend on the number of threads.
    assert np.abs(folder[0].frames.astype(int) - group.frames).max() <= 1
    assert np.allclose(folder[0].landmarks, group.landmarks, atol=1e-5)
    assert 0 <= group.boxes.min() < group.boxes.max() <= 1
    folder.draw_missing(1, lambda *progress: seen.append(progress))
    assert len(seen) == 1  # nothing was missing


def test_an_interrupt_stops_the_drawing_at_once(tmp_path: Path) -> None:
    folder = GroupFolder(tmp_path / "frames", DRAWN_GROUPS, 77, 40, FRAME_SIZE)

    def interrupt(_stage: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.draw_missing(1, interrupt)
    assert len(list(folder.path.glob("*.npz"))) < 10


def test_draws_enough_groups_and_the_others_meanwhile(tmp_path: Path) -> None:
    folder = GroupFolder(tmp_path / "frames", DRAWN_GROUPS, 77, 3, FRAME_SIZE)
    folder.draw_missing(1, lambda *_: None, enough=1)
    assert folder.present() == [0]
    folder.draw_missing(1, lambda *_: None, enough=1)
    assert folder.present() == [0]
    with folder.drawing_missing(1) as check:
        while len(folder.present()) < 2:
            sleep(0.05)
        check()
    assert 1 in folder.present()
