"""Runs: a few steps, interruption and resumption, folders and disks that do not fit."""

from __future__ import annotations

import os
import signal
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fomm_rt.errors import OutputError, TrainingError
from fomm_train.data.batches import draw_batch
from fomm_train.data.drawn_groups import GroupFolder, draw_group
from fomm_train.data.group_tensors import GroupTensors
from fomm_train.loop import run as training_run
from fomm_train.loop.log import TrainingLog, read_log
from fomm_train.loop.run import TrainingRun
from fomm_train.loop.run_folder import check_memory
from fomm_train.loop.state import save_training_state
from fomm_train.loop.trainer import Trainer
from fomm_train.recipe import Recipe, Stage
from tiny_training import CONFIGURATION, FRAME_SIZE, Silent, ask_for_little, tiny_recipe

CPU = torch.device("cpu")
Usage = namedtuple("Usage", "total used free")


def _run(folder: Path, recipe: Recipe | None = None) -> TrainingRun:
    return TrainingRun(folder, CONFIGURATION, recipe or tiny_recipe(), workers=1)


@pytest.fixture(autouse=True)
def _small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for_little(monkeypatch)


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the drawn groups of the tiny recipe."""
    folder = tmp_path_factory.mktemp("groups")
    recipe = tiny_recipe()
    path = folder / "frames"
    path.mkdir()
    # In this process: starting others takes longer than drawing.
    for index in range(recipe.groups):
        GroupFolder(path, recipe.first_group_seed, recipe.groups, FRAME_SIZE)._draw(index)
    return path


@pytest.fixture
def folder(tmp_path: Path, groups: Path) -> Path:
    """A folder for a run, its groups drawn already."""
    target = tmp_path / "run"
    target.mkdir()
    (target / "frames").symlink_to(groups)
    return target


def test_steps_lower_the_loss(groups: Path) -> None:
    recipe = replace(tiny_recipe(60), stages=(replace(tiny_recipe(60).stages[0], steps=60, learning_rate=3e-3),))
    trainer = Trainer(CONFIGURATION, recipe, CPU)
    drawn = GroupFolder(groups, recipe.first_group_seed, recipe.groups, FRAME_SIZE)
    batch = draw_batch(drawn, 1, 0, 16, 2, 2)
    losses = [trainer.train_step(batch) for _ in range(40)]
    for name in ("value", "landmark", "ssim"):
        assert losses[-1][name] < 0.8 * losses[0][name], name


def test_interrupted_and_resumed_equals_uninterrupted(folder: Path, tmp_path: Path, groups: Path) -> None:
    with _run(folder) as interrupted, pytest.raises(KeyboardInterrupt):
        interrupted.run(Silent(stop_at=3))
    reporter = Silent()
    with _run(folder) as resumed:
        assert resumed.trainer.step == 3
        resumed.run(reporter)
    assert "going on at step 3 of 4" in reporter.said[0]
    assert resumed.checkpoint_path.is_file()

    other = tmp_path / "other"
    other.mkdir()
    (other / "frames").symlink_to(groups)
    with _run(other) as whole:
        whole.run(Silent())
    for name, tensor in whole.trainer.mean.items():
        torch.testing.assert_close(resumed.trainer.mean[name], tensor, atol=1e-6, rtol=1e-5)


def test_a_signal_waits_for_the_end_of_the_step(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer._update_mean

    def interrupted_step(self: Trainer) -> None:
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGINT)  # weights are updated, the step is not counted yet
        step(self)

    monkeypatch.setattr(Trainer, "_update_mean", interrupted_step)
    with _run(folder) as run:
        with pytest.raises(KeyboardInterrupt):
            run.run(Silent())
        assert run.trainer.step == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_loss_that_is_not_finite_keeps_the_last_state(folder: Path) -> None:
    with _run(folder) as run, pytest.raises(KeyboardInterrupt):
        run.run(Silent(stop_at=2))
    before = run.state_path.read_bytes()
    with _run(folder) as run:
        with torch.no_grad():
            run.trainer.generator.final.weight.fill_(float("nan"))
        with pytest.raises(TrainingError, match="step 2 is not finite"):
            run.run(Silent())
    assert run.state_path.read_bytes() == before


def test_a_gradient_that_is_not_finite_keeps_the_weights(groups: Path) -> None:
    recipe = tiny_recipe()
    trainer = Trainer(CONFIGURATION, recipe, CPU)
    weight = trainer.generator.final.weight
    weight.register_hook(lambda gradient: gradient * float("nan"))  # type: ignore[no-untyped-call]
    before = weight.detach().clone()
    batch = draw_batch(GroupFolder(groups, recipe.first_group_seed, recipe.groups, FRAME_SIZE), 1, 0, 16, 2, 2)
    with pytest.raises(TrainingError, match="the gradient of step 0 is not finite"):
        trainer.train_step(batch)
    assert torch.equal(weight, before)


def test_groups_in_memory_train_as_those_in_files_do(
    folder: Path, tmp_path: Path, groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _run(folder) as from_files:
        from_files.run(Silent())
    other = tmp_path / "other"
    other.mkdir()
    (other / "frames").symlink_to(groups)
    monkeypatch.setattr(
        TrainingRun, "_groups", lambda run, reporter: GroupTensors(run.frames, run.device, reporter.progress)
    )
    with _run(other) as in_memory:
        in_memory.run(Silent())
    for name, tensor in from_files.trainer.mean.items():
        torch.testing.assert_close(in_memory.trainer.mean[name], tensor, atol=1e-6, rtol=1e-5)


def test_a_run_leaves_preview_log_and_checkpoint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_run, "REPORT_STEPS", 2)
    with _run(folder) as run:
        assert run.run(Silent()) == folder / "tiny.safetensors"
    preview = cv2.imread(str(folder / "preview.png"))
    assert preview is not None
    assert preview.shape == (6 * FRAME_SIZE, 5 * FRAME_SIZE, 3)
    rows = read_log(folder / "log.csv")
    assert [row["step"] for row in rows] == ["2", "4"]
    assert float(rows[0]["value"]) > 0
    assert rows[0]["adversarial"] == ""  # only the last stage has a discriminator
    assert float(rows[1]["adversarial"]) > 0


def test_the_log_of_a_resumed_run_counts_only_its_own_steps(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = TrainingLog(path, 0)
    for step in range(1, 5):
        log.add({"value": float(step)} | ({"motion": 0.5} if step == 1 else {}))
        if step % 2 == 0:
            log.write(step)
    resumed = TrainingLog(path, 3)  # the row of step 4 is of steps to be taken again
    resumed.add({"value": 10.0, "flow": 1.0})
    resumed.write(4)
    assert read_log(path) == [
        {"step": "2", "value": "1.50000", "motion": "0.50000", "flow": ""},  # the mean of the steps that had it
        {"step": "4", "value": "10.00000", "motion": "", "flow": "1.00000"},
    ]
    path.write_text(path.read_text() + "\nrubb")
    assert len(TrainingLog(path, 9).rows) == 2


def test_a_finished_run_does_nothing_more(folder: Path) -> None:
    with _run(folder) as run:
        run.run(Silent())
    with _run(folder) as again:
        again.run(Silent(stop_at=5))
        assert again.trainer.step == 4


def test_a_folder_of_another_recipe_is_refused(folder: Path) -> None:
    _run(folder).close()
    with pytest.raises(TrainingError, match="another recipe"):
        _run(folder, replace(tiny_recipe(), seed=2))


def test_two_runs_in_one_folder_are_refused(folder: Path) -> None:
    with _run(folder), pytest.raises(TrainingError, match="another run is going on"):
        _run(folder)
    _run(folder).close()


def test_a_damaged_state_is_refused_by_name(folder: Path) -> None:
    with _run(folder) as run:
        run.run(Silent())
    run.state_path.write_bytes(run.state_path.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"training\.state: .*damaged"):
        _run(folder)


def test_a_state_of_another_architecture_is_refused_by_name(folder: Path) -> None:
    with _run(folder) as run:
        state = run.trainer.state()
        state["generator"] = {"first.conv.weight": torch.zeros(1)}
        save_training_state(run.state_path, state)
    with pytest.raises(TrainingError, match=r"training\.state: .*another architecture"):
        _run(folder)


def _train_one(groups: Path, stage: str, steps: int = 1) -> tuple[set[str], list[dict[str, float]]]:
    """Takes steps of a stage on one batch; the names of the weights that they changed, and the losses of each."""
    recipe = tiny_recipe()
    chosen = next(s for s in recipe.stages if s.name == stage)
    recipe = replace(recipe, stages=(replace(chosen, steps=steps),))
    trainer = Trainer(CONFIGURATION, recipe, CPU)
    before = {name: tensor.clone() for name, tensor in trainer._weights().items()}
    drawn = GroupFolder(groups, recipe.first_group_seed, recipe.groups, FRAME_SIZE)
    batch = draw_batch(drawn, 1, 0, FRAME_SIZE, 1, 4)
    losses = [trainer.train_step(batch) for _ in range(steps)]
    return {name for name, tensor in trainer._weights().items() if not torch.equal(tensor, before[name])}, losses


MOTION_PARTS = ("kp_detector.", "generator.dense_motion_network.")


def test_a_stage_of_motion_leaves_pictures_as_they_are(groups: Path) -> None:
    changed, losses = _train_one(groups, "motion", 15)
    assert "value" not in losses[0]
    assert all(name.startswith(MOTION_PARTS) for name in changed)
    for name in ("kp_detector.kp", "kp_detector.jacobian", "generator.dense_motion_network.mask"):
        assert f"{name}.weight" in changed
    assert "generator.dense_motion_network.occlusion.weight" in changed
    for loss in ("flow", "occlusion"):
        assert losses[-1][loss] < losses[0][loss]


def test_a_stage_of_pictures_leaves_motion_as_it_is(groups: Path) -> None:
    changed, losses = _train_one(groups, "pictures")
    assert set(losses[0]) == {"value", "gradient", "ssim"}
    assert "generator.final.weight" in changed
    assert not any(name.startswith(MOTION_PARTS) for name in changed)


def test_a_stage_that_trains_something_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="stage tiny: trains is 'picture'; expected one of"):
        Stage("tiny", 1, FRAME_SIZE, 1, 4, 1e-3, 1e-3, trains="picture")  # type: ignore[arg-type]


def test_a_damaged_group_is_refused_by_name(folder: Path) -> None:
    (folder / "frames").unlink()
    (folder / "frames").mkdir()
    recipe = tiny_recipe()
    groups = GroupFolder(folder / "frames", recipe.first_group_seed, recipe.groups, FRAME_SIZE)
    for index in range(recipe.groups):
        groups._file(index).write_bytes(b"PK\x03\x04 but no more")
    with _run(folder) as run, pytest.raises(TrainingError, match=r"frames/7[78]-32.*damaged"):
        run.run(Silent())


def test_too_little_disk_is_said_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_run, "STATE_BYTES", 10**10)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage(10**9, 0, 10**9))
    with pytest.raises(OutputError, match="free disk are needed"):
        _run(tmp_path / "run")


def test_too_little_memory_is_said_before_the_start() -> None:
    check_memory(1)
    with pytest.raises(TrainingError, match="of memory are needed"):
        check_memory(1 << 60)


def test_groups_are_drawn_in_other_processes_and_repeatably(tmp_path: Path) -> None:
    folder = GroupFolder(tmp_path / "frames", 77, 1, FRAME_SIZE)
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


def test_an_interrupt_while_faces_are_drawn_stops_at_once(tmp_path: Path) -> None:
    folder = GroupFolder(tmp_path / "frames", 77, 40, FRAME_SIZE)

    def interrupt(_stage: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.draw_missing(1, interrupt)
    assert len(list(folder.path.glob("*.npz"))) < 10
