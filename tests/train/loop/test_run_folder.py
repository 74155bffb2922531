"""The folder of a run remembers its recipe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fomm_rt.errors import TrainingError
from fomm_train.loop.run_folder import RECIPE_NAME, Plan, check_plan, read_plan
from tiny_training import CONFIGURATION, tiny_recipe

PLAN = Plan(tiny_recipe(), CONFIGURATION)


def test_a_written_plan_is_read_back(tmp_path: Path) -> None:
    check_plan(tmp_path, PLAN)
    assert read_plan(tmp_path) == PLAN
    check_plan(tmp_path, PLAN)


def test_a_renamed_stage_is_the_same_recipe(tmp_path: Path) -> None:
    check_plan(tmp_path, PLAN)
    first, *others = PLAN.recipe.stages
    renamed = replace(PLAN.recipe, stages=(replace(first, name="renamed"), *others))
    check_plan(tmp_path, replace(PLAN, recipe=renamed))


def test_a_file_without_a_newer_field_means_its_default(tmp_path: Path) -> None:
    check_plan(tmp_path, PLAN)
    document = json.loads((tmp_path / RECIPE_NAME).read_text())
    for stage in document["recipe"]["stages"]:
        del stage["weights"]["mouth"]
    (tmp_path / RECIPE_NAME).write_text(json.dumps(document))
    check_plan(tmp_path, PLAN)


def test_rejects_another_architecture(tmp_path: Path) -> None:
    check_plan(tmp_path, PLAN)
    with pytest.raises(TrainingError, match="another recipe"):
        check_plan(tmp_path, replace(PLAN, configuration=replace(CONFIGURATION, num_kp=11)))


@pytest.mark.parametrize("content", ["", "[]", '{"recipe": {}}'])
def test_rejects_a_file_that_is_no_plan(tmp_path: Path, content: str) -> None:
    (tmp_path / RECIPE_NAME).write_text(content)
    with pytest.raises(TrainingError, match=r"recipe\.json: .*another"):
        check_plan(tmp_path, PLAN)
