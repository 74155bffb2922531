"""A whole training run in a folder, which `run_folder` describes: draw frames, train, save, resume."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import torch

from fomm_export.checkpoints.checkpoint import load_checkpoint
from fomm_export.checkpoints.configuration import Configuration
from fomm_export.checkpoints.configuration_file import OWN_CHECKPOINTS
from fomm_export.checkpoints.own import save_own_checkpoint, trained_steps
from fomm_rt.errors import TrainingError
from fomm_rt.files.interruption import uninterrupted
from fomm_train.capacity import check_disk, check_memory
from fomm_train.data.batches import Batch, draw_batch
from fomm_train.data.drawn_groups import DRAWN_GROUPS
from fomm_train.data.frame_group import GroupSource, Progress
from fomm_train.data.group_folder import GroupFolder
from fomm_train.data.group_mix import GroupMix
from fomm_train.data.group_tensors import Groups, GroupTensors
from fomm_train.loop.log import TrainingLog
from fomm_train.loop.preview import write_preview
from fomm_train.loop.run_folder import STATE_NAME, Plan, check_plan, lock_folder
from fomm_train.loop.state import load_training_state, save_training_state
from fomm_train.loop.trainer import Trainer
from fomm_train.recipe import Recipe, Stage

STATISTICS_BATCHES = 16
"""Batches that set the statistics of the generator's norms."""
REPORT_STEPS = 25
SAVE_STEPS = 100
PREVIEW_STEPS = 200
STATE_BYTES = 200_000_000
"""More than a state and a checkpoint take."""
MEMORY_BYTES = 3 << 30
"""Twice the memory that a run at 256×256 was measured to take."""


class TrainingRun:
    """One run of a recipe in a folder, which resumes an earlier one there.

    Args:
        folder: See `run_folder`.
        configuration: Architecture.
        recipe: What to do.
        device: Device of torch.
        workers: Processes that draw frames.
        weights: A checkpoint to start from instead of the recipe's. If it is of an unfinished run of the same name, the
            run continues at that step, with new optimisers.
    """

    def __init__(
        self,
        folder: Path,
        configuration: Configuration,
        recipe: Recipe,
        device: str = "cpu",
        workers: int = 2,
        weights: Path | None = None,
    ) -> None:
        self.folder = folder
        self.recipe = recipe
        self.device = torch.device(device)
        self.workers = workers
        self.state_path = folder / STATE_NAME
        self.checkpoint_path = folder / f"{recipe.name}.safetensors"
        self._lock = lock_folder(folder)
        try:
            check_disk(folder, STATE_BYTES)
            check_memory(MEMORY_BYTES)
            check_plan(folder, Plan(recipe, configuration))
            self.folders = _group_folders(folder, recipe)
            self.trainer = Trainer(configuration, recipe, self.device)
            self._begun, self._unfilled = self.state_path.exists(), list[str]()
            if self._begun and weights is not None:
                raise TrainingError(
                    f"{folder}: holds a run already; choose another folder with -o to start from {weights}"
                )
            if self._begun:
                self._restore()
            elif weights is not None or recipe.start:
                self._start_from(weights or OWN_CHECKPOINTS / f"{recipe.start}.safetensors")
        except BaseException:
            self.close()
            raise

    def run(self, progress: Progress, say: Callable[[str], None]) -> Path:
        """Trains to the end of the recipe and returns the checkpoint; Ctrl-C saves the state first."""
        for folder in self.folders:
            folder.draw_missing(self.workers, progress, self.recipe.enough_groups)
        if self._unfilled:
            say(f"{self.folder}: {len(self._unfilled)} tensors start anew, among them {self._unfilled[0]}")
        if self.trainer.step:
            say(f"{self.folder}: resuming at step {self.trainer.step} of {self.recipe.steps}")
        if self.trainer.step < self.recipe.steps:
            with ExitStack() as drawing:
                checks = [drawing.enter_context(folder.drawing_missing(1)) for folder in self.folders]
                try:
                    self._train(progress, checks)
                except (KeyboardInterrupt, SystemExit):
                    self._save()  # before the other processes finish their groups
                    raise
                self._save()
        write_preview(self.folder / "preview.png", self.trainer)
        return self.checkpoint_path

    def close(self) -> None:
        """Unlocks the folder; a second call does nothing."""
        self._lock.release()

    def __enter__(self) -> TrainingRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _train(self, progress: Progress, checks: list[Callable[[], None]]) -> None:
        """Trains to the end; `checks` raise errors of the processes that draw groups."""
        groups = self._groups(progress)
        if not self._begun:
            stage = replace(self.recipe.stages[0], pairs_per_group=1, other_identity=0.5, still=0.0)
            batches = (self._draw(groups, step, stage) for step in range(STATISTICS_BATCHES))
            self.trainer.measure_statistics(batches)
        log = TrainingLog(self.folder / "log.csv", self.trainer.step)
        with closing(self._batches(groups)) as remaining:
            for batch in remaining:
                stage, _ = self.recipe.stage_at(self.trainer.step)
                with uninterrupted():
                    log.add(self.trainer.train_step(batch))
                step = self.trainer.step
                progress(f"training, {stage.name}", step, self.recipe.steps)
                if step % REPORT_STEPS == 0:
                    log.write(step)
                if step % SAVE_STEPS == 0:
                    self._save()
                    for check in checks:
                        check()
                    if isinstance(groups, GroupMix):
                        groups.take_up()
                if step % PREVIEW_STEPS == 0:
                    write_preview(self.folder / "preview.png", self.trainer)

    def _groups(self, progress: Progress) -> Groups:
        """Files for a CPU, which computes while they are read; tensors for a GPU, which would wait for files.

        Looks are changed on the CPU, so a recipe with looks reads files for a GPU as well.
        """
        if self.device.type == "cpu" or any(stage.looks for stage in self.recipe.stages):
            return GroupMix(self.folders)
        return GroupTensors(self.folders, self.device, progress)

    def _batches(self, groups: Groups) -> Generator[Batch, None, None]:
        """The batches of all remaining steps; each is read while the one before is trained on."""
        # With more threads of its own, this thread would compete with the one that trains.
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:

            def submit(step: int) -> Future[Batch]:
                return pool.submit(self._draw, groups, step, self.recipe.stage_at(step)[0])

            upcoming = submit(self.trainer.step)
            for step in range(self.trainer.step, self.recipe.steps):
                batch = upcoming.result()
                upcoming = submit(step + 1)
                yield batch

    def _draw(self, groups: Groups, step: int, stage: Stage) -> Batch:
        return draw_batch(groups, self.recipe.seed, step, stage, self.trainer.configuration.motion_size)

    def _save(self) -> None:
        save_training_state(self.state_path, self.trainer.state())
        weights, step = self.trainer.mean_weights(), self.trainer.step
        save_own_checkpoint(self.checkpoint_path, *weights, name=self.recipe.name, step=step)

    def _start_from(self, path: Path) -> None:
        checkpoint = load_checkpoint(path)
        weights = {f"kp_detector.{name}": tensor for name, tensor in checkpoint.kp_detector.items()}
        weights |= {f"generator.{name}": tensor for name, tensor in checkpoint.generator.items()}
        self._unfilled = self.trainer.start_from(weights)
        self.trainer.step = min(trained_steps(path, self.recipe.name), self.recipe.steps)
        self._begun = True

    def _restore(self) -> None:
        state = load_training_state(self.state_path)
        try:
            self.trainer.restore(state)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TrainingError(
                f"{self.state_path}: the training state is of another architecture than the configuration ({error}). "
                "Train into another folder (-o)"
            ) from error


def _group_folders(folder: Path, recipe: Recipe) -> list[GroupFolder]:
    """The groups of a recipe: of drawn faces and, where it asks for them, of rendered people."""
    folders = [GroupFolder(folder / "frames", DRAWN_GROUPS, recipe.first_group_seed, recipe.groups, recipe.frame_size)]
    if recipe.people:
        folders.append(
            GroupFolder(folder / "people", _people_groups(), recipe.first_people_seed, recipe.people, recipe.frame_size)
        )
    return folders


def _people_groups() -> GroupSource:
    from fomm_train.data.people_groups import PEOPLE_GROUPS

    return PEOPLE_GROUPS
