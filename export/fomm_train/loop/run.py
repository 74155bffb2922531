"""A whole training run in a folder, which `run_folder` describes: draw frames, train, save, resume."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.checkpoints.own import save_own_checkpoint
from fomm_rt.errors import TrainingError
from fomm_rt.files.interruption import uninterrupted
from fomm_train.capacity import check_disk, check_memory
from fomm_train.data.batches import Batch, draw_batch
from fomm_train.data.drawn_groups import DRAWN_GROUPS
from fomm_train.data.frame_group import Progress
from fomm_train.data.group_folder import GroupFolder
from fomm_train.data.group_tensors import Groups, GroupTensors
from fomm_train.loop.log import TrainingLog
from fomm_train.loop.preview import write_preview
from fomm_train.loop.run_folder import STATE_NAME, Plan, check_plan, lock_folder
from fomm_train.loop.state import load_training_state, save_training_state
from fomm_train.loop.trainer import Trainer
from fomm_train.recipe import Recipe

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
    """One run of a recipe in a folder, which resumes an earlier one there; `workers` processes draw frames."""

    def __init__(
        self, folder: Path, configuration: Configuration, recipe: Recipe, device: str = "cpu", workers: int = 2
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
            seed, groups, size = recipe.first_group_seed, recipe.groups, recipe.frame_size
            self.frames = GroupFolder(folder / "frames", DRAWN_GROUPS, seed, groups, size)
            self.trainer = Trainer(configuration, recipe, self.device)
            if self.state_path.exists():
                self._restore()
        except BaseException:
            self.close()
            raise

    def run(self, progress: Progress, say: Callable[[str], None]) -> Path:
        """Trains to the end of the recipe and returns the checkpoint; Ctrl-C saves the state first."""
        self.frames.draw_missing(self.workers, progress)
        if self.trainer.step:
            say(f"{self.folder}: resuming at step {self.trainer.step} of {self.recipe.steps}")
        try:
            if self.trainer.step < self.recipe.steps:
                self._train(progress)
        except (KeyboardInterrupt, SystemExit):
            self._save()
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

    def _train(self, progress: Progress) -> None:
        groups = self._groups(progress)
        if self.trainer.step == 0:
            stage = replace(self.recipe.stages[0], pairs_per_group=1, other_identity=0.5, still=0.0)
            batches = (draw_batch(groups, self.recipe.seed, step, stage) for step in range(STATISTICS_BATCHES))
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
                if step % PREVIEW_STEPS == 0:
                    write_preview(self.folder / "preview.png", self.trainer)

    def _groups(self, progress: Progress) -> Groups:
        """Files for a CPU, which computes while they are read; tensors for a GPU, which would wait for files."""
        if self.device.type == "cpu":
            return self.frames
        return GroupTensors(self.frames, self.device, progress)

    def _batches(self, groups: Groups) -> Generator[Batch, None, None]:
        """The batches of all remaining steps; each is read while the one before is trained on."""
        # With more threads of its own, this thread would compete with the one that trains.
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:

            def submit(step: int) -> Future[Batch]:
                return pool.submit(draw_batch, groups, self.recipe.seed, step, self.recipe.stage_at(step)[0])

            upcoming = submit(self.trainer.step)
            for step in range(self.trainer.step, self.recipe.steps):
                batch = upcoming.result()
                upcoming = submit(step + 1)
                yield batch

    def _save(self) -> None:
        save_training_state(self.state_path, self.trainer.state())
        save_own_checkpoint(self.checkpoint_path, *self.trainer.mean_weights(), name=self.recipe.name)

    def _restore(self) -> None:
        state = load_training_state(self.state_path)
        try:
            self.trainer.restore(state)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TrainingError(
                f"{self.state_path}: the training state is of another architecture than the configuration ({error}). "
                "Train into another folder (-o)"
            ) from error
