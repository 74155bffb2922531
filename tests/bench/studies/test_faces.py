"""What the study of faces counts and compares, on a few scenes."""

from __future__ import annotations

import json
from pathlib import Path

import faces
import pytest

from fomm_bench.scenes import PlacedFace, scene

WIDTH, HEIGHT = 480, 360
RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


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


FLOORS = {
    "5% of the side": 0.94,
    "7% of the side": 0.97,
    "10% of the side": 1,
    "20% of the side": 1,
    "40% of the side": 1,
    "roll 0°": 1,
    "roll 45°": 0.97,
    "roll -45°": 0.97,
    "roll 90°": 0.92,
    "roll -90°": 0.92,
    "roll 180°": 0.69,
    "groups of six": 168 / 180,
}
"""Shares of faces that were found before this study existed, in scenes of the same kinds."""


def test_committed_rates_are_no_worse_than_before() -> None:
    document = json.loads((RESULTS / "faces.json").read_text(encoding="utf-8"))
    rates = document["detection"]
    for kind, floor in FLOORS.items():
        assert rates[kind]["found"] >= floor * rates[kind]["placed"], kind
    assert rates["no face"]["false"] * 560 <= 6 * 80
    assert sum(kind["false"] for kind in rates.values()) <= 2
    assert max(document["flicker_levels"], document["flicker_beside_a_head_levels"]) <= 0.5
