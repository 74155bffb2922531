"""Training runs: interruption, resumption, and the files that they write."""

from __future__ import annotations

import os
import signal
from collections import namedtuple
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from fomm_export.checkpoints.own import save_own_checkpoint
from fomm_rt.errors import OutputError, TrainingError
from fomm_train.data.drawn_groups import DRAWN_GROUPS
from fomm_train.data.group_folder import GroupFolder
from fomm_train.data.group_mix import GroupMix
from fomm_train.data.group_tensors import GroupTensors
from fomm_train.loop import run as training_run
from fomm_train.loop.log import read_log
from fomm_train.loop.run import TrainingRun
from fomm_train.loop.state import save_training_state
from fomm_train.loop.trainer import Trainer
from fomm_train.recipe import Recipe
from tiny_training import CONFIGURATION, FRAME_SIZE, FakeReporter, lower_requirements, tiny_recipe

Usage = namedtuple("Usage", "total used free")
NewFolder = Callable[[str], Path]


def _run(folder: Path, recipe: Recipe | None = None) -> TrainingRun:
    return TrainingRun(folder, CONFIGURATION, recipe or tiny_recipe(), workers=1)


def _assert_equal_means(run: TrainingRun, other: TrainingRun) -> None:
    for name, tensor in other.trainer.mean.items():
        torch.testing.assert_close(run.trainer.mean[name], tensor, atol=1e-6, rtol=1e-5)


def test_a_resumed_run_equals_an_uninterrupted_one(folder: Path, new_folder: NewFolder) -> None:
    with _run(folder) as interrupted, pytest.raises(KeyboardInterrupt):
        FakeReporter(stop_at=3).follow(interrupted)
    reporter = FakeReporter()
    with _run(folder) as resumed:
        assert resumed.trainer.step == 3
        reporter.follow(resumed)
    assert "resuming at step 3 of 4" in reporter.said[0]
    assert resumed.checkpoint_path.is_file()
    with _run(new_folder("other")) as whole:
        FakeReporter().follow(whole)
    _assert_equal_means(resumed, whole)


def test_a_signal_waits_for_the_end_of_the_step(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    update_mean = Trainer._update_mean

    def interrupted_update(self: Trainer) -> None:
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGINT)  # the weights are updated, the step is not counted yet
        update_mean(self)

    monkeypatch.setattr(Trainer, "_update_mean", interrupted_update)
    with _run(folder) as run:
        with pytest.raises(KeyboardInterrupt):
            FakeReporter().follow(run)
        assert run.trainer.step == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_loss_that_is_not_finite_keeps_the_last_state(folder: Path) -> None:
    with _run(folder) as run, pytest.raises(KeyboardInterrupt):
        FakeReporter(stop_at=2).follow(run)
    before = run.state_path.read_bytes()
    with _run(folder) as run:
        with torch.no_grad():
            run.trainer.generator.final.weight.fill_(float("nan"))
        with pytest.raises(TrainingError, match="step 2 is not finite"):
            FakeReporter().follow(run)
    assert run.state_path.read_bytes() == before


def test_groups_in_memory_train_like_groups_in_files(
    folder: Path, new_folder: NewFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _run(folder) as from_files:
        FakeReporter().follow(from_files)
    monkeypatch.setattr(TrainingRun, "_groups", lambda run, progress: GroupTensors(run.folders, run.device, progress))
    with _run(new_folder("other")) as in_memory:
        FakeReporter().follow(in_memory)
    _assert_equal_means(in_memory, from_files)


def test_a_run_writes_preview_log_and_checkpoint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_run, "REPORT_STEPS", 2)
    with _run(folder) as run:
        assert FakeReporter().follow(run) == folder / "tiny.safetensors"
    preview = cv2.imread(str(folder / "preview.png"))
    assert preview is not None
    assert preview.shape == (6 * FRAME_SIZE, 5 * FRAME_SIZE, 3)
    rows = read_log(folder / "log.csv")
    assert [row["step"] for row in rows] == ["2", "4"]
    assert float(rows[0]["value"]) > 0
    assert rows[0]["adversarial"] == ""  # only the last stage has a discriminator
    assert float(rows[1]["adversarial"]) > 0


def test_a_finished_run_takes_no_more_steps(folder: Path) -> None:
    with _run(folder) as run:
        FakeReporter().follow(run)
    with _run(folder) as again:
        FakeReporter(stop_at=5).follow(again)
        assert again.trainer.step == 4


def test_weights_continue_a_run_in_another_folder(folder: Path, new_folder: NewFolder) -> None:
    with _run(folder) as run, pytest.raises(KeyboardInterrupt):
        FakeReporter(stop_at=2).follow(run)
    other = new_folder("other")
    with TrainingRun(other, CONFIGURATION, tiny_recipe(), workers=1, weights=run.checkpoint_path) as continued:
        assert continued.trainer.step == 2
        name = "generator.final.weight"
        torch.testing.assert_close(continued.trainer.mean[name], run.trainer.mean[name].half().float())
        FakeReporter().follow(continued)
        assert continued.trainer.step == 4
    with pytest.raises(TrainingError, match="holds a run already"):
        TrainingRun(other, CONFIGURATION, tiny_recipe(), weights=run.checkpoint_path)
    with _run(other) as again:
        assert again.trainer.step == 4


def test_a_group_that_cannot_be_drawn_meanwhile_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_run, "SAVE_STEPS", 2)
    lower_requirements(monkeypatch)

    def check() -> None:
        raise TrainingError("no OpenGL")

    monkeypatch.setattr(GroupFolder, "drawing_missing", lambda *_: nullcontext(check))
    with _run(tmp_path / "run") as run:
        with pytest.raises(TrainingError, match="no OpenGL"):
            FakeReporter().follow(run)
        assert run.trainer.step == 2
        assert run.state_path.exists()


def test_weights_of_another_checkpoint_start_at_the_first_step(folder: Path, tmp_path: Path) -> None:
    weights = Trainer(CONFIGURATION, tiny_recipe(), torch.device("cpu")).mean_weights()
    save_own_checkpoint(tmp_path / "other.safetensors", *weights, name="other", step=3)
    with TrainingRun(folder, CONFIGURATION, tiny_recipe(), weights=tmp_path / "other.safetensors") as run:
        assert run.trainer.step == 0


def test_training_starts_with_enough_groups_and_takes_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_run, "SAVE_STEPS", 1)
    lower_requirements(monkeypatch)
    seen: list[int] = []
    recipe = replace(tiny_recipe(), groups=3, enough_groups=1)
    with _run(tmp_path / "run", recipe) as run:
        take_up = GroupMix.take_up

        def counted(mix: GroupMix) -> None:
            if not seen:  # as if the other processes had only just drawn these
                for index in (1, 2):
                    assert not run.folders[0].file_of(index).is_file()
            take_up(mix)
            seen.append(len(mix))
            if len(seen) == 1:
                for index in (1, 2):
                    run.folders[0].draw(index)

        monkeypatch.setattr(GroupMix, "take_up", counted)
        monkeypatch.setattr(GroupFolder, "drawing_missing", lambda *_: nullcontext(lambda: None))
        FakeReporter().follow(run)
    assert seen[:2] == [1, 3]


def test_rejects_a_folder_of_another_recipe(folder: Path) -> None:
    _run(folder).close()
    with pytest.raises(TrainingError, match="another recipe"):
        _run(folder, replace(tiny_recipe(), seed=2))


def test_rejects_a_second_run_in_the_same_folder(folder: Path) -> None:
    with _run(folder), pytest.raises(TrainingError, match="another run is going on"):
        _run(folder)
    _run(folder).close()


def test_rejects_a_damaged_state_by_name(folder: Path) -> None:
    with _run(folder) as run:
        FakeReporter().follow(run)
    run.state_path.write_bytes(run.state_path.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"training\.state: .*damaged"):
        _run(folder)


def test_rejects_a_state_of_another_architecture_by_name(folder: Path) -> None:
    with _run(folder) as run:
        state = run.trainer.state()
        state["generator"] = {"first.conv.weight": torch.zeros(1)}
        save_training_state(run.state_path, state)
    with pytest.raises(TrainingError, match=r"training\.state: .*another architecture"):
        _run(folder)


def test_rejects_a_damaged_group_by_name(folder: Path) -> None:
    (folder / "frames").unlink()
    (folder / "frames").mkdir()
    recipe = tiny_recipe()
    groups = GroupFolder(folder / "frames", DRAWN_GROUPS, recipe.first_group_seed, recipe.groups, FRAME_SIZE)
    for index in range(recipe.groups):
        groups.file_of(index).write_bytes(b"PK\x03\x04 but no more")
    with _run(folder) as run, pytest.raises(TrainingError, match=r"frames/7[78]-32.*damaged"):
        FakeReporter().follow(run)


def test_too_little_disk_stops_a_run_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_run, "STATE_BYTES", 10**10)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage(10**9, 0, 10**9))
    with pytest.raises(OutputError, match=r"expected 10\.0 GB of free disk; found 1\.0 GB"):
        _run(tmp_path / "run")


def test_too_little_memory_stops_a_run_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_run, "MEMORY_BYTES", 1 << 60)
    with pytest.raises(TrainingError, match="GB of available memory; found"):
        _run(tmp_path / "run")
