"""`fomm-rt train` and `fomm-rt measure`, and the model card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fomm_rt.cli.app import build_app
from fomm_rt.errors import TrainingError
from fomm_train import drawn_faces
from fomm_train.drawn_faces import DRAWN_FACES
from fomm_train.loop.run_folder import Plan
from fomm_train.measures.held_out_pairs import Measures
from fomm_train.publishing.model_card import model_card
from fomm_train.recipe import Recipe
from tiny_training import CONFIGURATION, lower_requirements, tiny_recipe

RUNNER = CliRunner()


def test_measure_prints_every_figure_with_its_target(small_model: Path) -> None:
    result = RUNNER.invoke(build_app(), ["measure", "-m", str(small_model), "--pairs", "3"])
    assert result.exit_code == 0, result.output
    for text in ("same identity", "≤ 0.35", "other identity", "eye correlation", "≥ 0.80", "jitter pixels", "not met"):
        assert text in result.output


def test_measure_as_json(small_model: Path) -> None:
    result = RUNNER.invoke(build_app(), ["measure", "-m", str(small_model), "--pairs", "3", "--quiet", "--json"])
    document = json.loads(result.stdout)
    assert document["pairs"] == 3
    assert document["same_identity"] > 1  # an untrained model


def test_train_refuses_an_unknown_device(tmp_path: Path) -> None:
    result = RUNNER.invoke(build_app(), ["train", "-o", str(tmp_path / "run"), "--device", "abacus"])
    assert result.exit_code == 1
    assert "--device: expected auto, cpu" in result.output
    assert not (tmp_path / "run").exists()


def test_train_runs_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(tiny_recipe(2), name="drawn-faces-256", groups=1, frame_size=256)
    recipe = replace(recipe, stages=(replace(recipe.stages[0], steps=1, size=64, groups_per_batch=1),))
    monkeypatch.setattr(drawn_faces, "DRAWN_FACES", recipe)
    lower_requirements(monkeypatch)
    result = RUNNER.invoke(build_app(), ["train", "-o", str(tmp_path / "run"), "--device", "cpu", "--workers", "1"])
    assert result.exit_code == 0, result.output
    assert "drawn-faces-256.safetensors: 1 steps" in result.output
    assert (tmp_path / "run" / "preview.png").is_file()


def test_train_chooses_the_recipe_for_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class FakeRun:
        def __init__(self, folder: Path, _configuration: object, recipe: Recipe, *_: object) -> None:
            seen.append((folder, recipe.name))
            raise TrainingError("far enough")

    monkeypatch.setattr("fomm_train.loop.run.TrainingRun", FakeRun)
    for options, name in (([], "drawn-faces-256"), (["--recipe", "people"], "faces-256")):
        result = RUNNER.invoke(build_app(), ["train", *options, "-o", str(tmp_path), "--device", "cpu"])
        assert "far enough" in result.output
        assert seen.pop() == (tmp_path, name)


def test_train_names_weights_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lower_requirements(monkeypatch)
    result = RUNNER.invoke(
        build_app(), ["train", "-o", str(tmp_path), "--device", "cpu", "--weights", "no.safetensors"]
    )
    assert result.exit_code == 1
    assert "no.safetensors" in result.output


def test_the_card_reports_the_recipe_and_the_measures(small_model: Path, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,value\n25,0.5\n50,0.25\n")
    measures = Measures(200, 0.31, 0.62, 0.7, 0.9, 0.85, 0.2)
    card = model_card(tmp_path, Plan(DRAWN_FACES, CONFIGURATION), small_model, measures, "## What was tried\n\nMuch.\n")
    assert card.endswith("\n## What was tried\n\nMuch.\n")
    assert "| same identity | 0.310 | ≤ 0.35 | met |" in card
    assert "| other identity | 0.620 | ≤ 0.50 | not met |" in card
    assert "step 50): value 0.25" in card
    for stage in DRAWN_FACES.stages:
        assert f"| {stage.name} | {stage.trains} | {stage.steps} |" in card
        row = next(line for line in card.splitlines() if line.startswith(f"| {stage.name} |"))
        assert ("value" in row.split("|")[-2].replace("equivariance value", "")) == stage.trains_pictures
        assert ("landmark" in row) == stage.trains_motion
