"""What the study of faces counts and compares, on a few scenes."""

from __future__ import annotations

import faces
import pytest

from fomm_bench.scenes import PlacedFace, scene

WIDTH, HEIGHT = 480, 360


def test_counts_found_missed_and_false_faces() -> None:
    placed = PlacedFace(1, (150, 180), 120)
    elsewhere = PlacedFace(1, (380, 180), 120)
    picture = scene(HEIGHT, WIDTH, placed)
    assert faces.rates(iter([(picture, [placed])])) == {"placed": 1, "found": 1, "false": 0}
    assert faces.rates(iter([(picture, [elsewhere])])) == {"placed": 1, "found": 0, "false": 1}
    assert faces.rates(iter([(scene(HEIGHT, WIDTH), [])])) == {"placed": 0, "found": 0, "false": 0}


def test_landmarks_measure_known_moves() -> None:
    errors = faces.landmark_error(2)
    assert list(errors) == ["1", "3", "10"]
    assert all(0 <= error < 1 for error in errors.values())


def test_landmarks_that_do_not_move_are_wrong_by_the_known_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "replace", lambda face, **_changes: face)
    assert faces.landmark_error(1) == {"1": 1, "3": 3, "10": 10}
