"""A whole training run in a folder: drawn frames, steps, states to resume from, previews, a log, the checkpoint.

FOLDER/frames/             drawn groups
FOLDER/recipe.json         what is trained; a folder belongs to one recipe
FOLDER/training.state      where to go on
FOLDER/log.csv             mean losses, a row every REPORT_STEPS steps
FOLDER/preview.png         source, reference, driving, prediction, truth for pairs never trained on
FOLDER/NAME.safetensors    running mean of the weights, published tensor names
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol

import torch

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.checkpoints.own import save_own_checkpoint
from fomm_rt.errors import TrainingError
from fomm_rt.files.interruption import uninterrupted
from fomm_train.data.batches import Batch, Groups, draw_batch
from fomm_train.data.drawn_groups import GroupFolder
from fomm_train.data.group_tensors import GroupTensors
from fomm_train.loop.log import TrainingLog
from fomm_train.loop.preview import write_preview
from fomm_train.loop.run_folder import check_disk, check_memory, check_recipe, lock_folder
from fomm_train.loop.state import load_training_state, save_training_state
from fomm_train.loop.trainer import Trainer
from fomm_train.recipe import Recipe

STATISTICS_BATCHES = 16
"""Batches that the generator's norms take their statistics from."""
REPORT_STEPS = 25
SAVE_STEPS = 100
PREVIEW_STEPS = 200
STATE_BYTES = 200_000_000
"""More than a state and a checkpoint take."""
MEMORY_BYTES = 3 << 30
"""Twice what a run at 256×256 was seen to take."""


class Reporter(Protocol):
    """What a run tells people."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Something goes on; `done` of `total`."""

    def say(self, text: str) -> None:
        """A line."""


class TrainingRun:
    """One run of a recipe in a folder; goes on where an earlier one there stopped.

    Training on a GPU has not been executed so far.

    Args:
        folder: Where everything is kept.
        configuration: Architecture.
        recipe: What to do.
        device: "cpu", "cuda", ...
        workers: Processes that draw, on the CPU.

    Raises:
        OutputError: The folder cannot be written or its disk is too small.
        TrainingError: Too little memory, another run is going on in the folder, or it holds a run of another recipe
            or a damaged state.
    """

    def __init__(
        self, folder: Path, configuration: Configuration, recipe: Recipe, device: str = "cpu", workers: int = 2
    ) -> None:
        self.folder = folder
        self.recipe = recipe
        self.device = torch.device(device)
        self.workers = workers
        self._lock = lock_folder(folder)
        try:
            check_disk(folder, STATE_BYTES)
            check_memory(MEMORY_BYTES)
            check_recipe(folder, configuration, recipe)
            self.frames = GroupFolder(folder / "frames", recipe.first_group_seed, recipe.groups, recipe.frame_size)
            self.trainer = Trainer(configuration, recipe, self.device)
            if self.state_path.exists():
                self._restore()
        except BaseException:
            self.close()
            raise

    @property
    def state_path(self) -> Path:
        """Where the run goes on from."""
        return self.folder / "training.state"

    @property
    def checkpoint_path(self) -> Path:
        """The weights, as far as they are trained."""
        return self.folder / f"{self.recipe.name}.safetensors"

    def run(self, reporter: Reporter) -> Path:
        """Trains to the end of the recipe and returns the checkpoint; Ctrl-C keeps the state.

        Raises:
            OutputError: Something cannot be written.
            TrainingError: A drawn group is damaged, or the loss is no longer finite; the last state is kept.
        """
        self.frames.draw_missing(self.workers, reporter.progress)
        if self.trainer.step:
            reporter.say(f"{self.folder}: going on at step {self.trainer.step} of {self.recipe.steps}")
        try:
            if self.trainer.step < self.recipe.steps:
                self._train(reporter)
        except (KeyboardInterrupt, SystemExit):
            self._save()
            raise
        self._save()
        write_preview(self.folder / "preview.png", self.trainer)
        return self.checkpoint_path

    def close(self) -> None:
        """Lets go of the folder; calling it twice is harmless."""
        self._lock.close()

    def __enter__(self) -> TrainingRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _train(self, reporter: Reporter) -> None:
        groups = self._groups(reporter)
        if self.trainer.step == 0:
            stage = self.recipe.stages[0]
            self.trainer.measure_statistics(
                draw_batch(groups, self.recipe.seed, step, stage.size, stage.groups_per_batch, 1)
                for step in range(STATISTICS_BATCHES)
            )
        log = TrainingLog(self.folder / "log.csv", self.trainer.step)
        with self._batches(groups) as batches:
            for batch in batches:
                name = self.recipe.stage_at(self.trainer.step)[0].name
                with uninterrupted():
                    log.add(self.trainer.train_step(batch))
                step = self.trainer.step
                reporter.progress(f"training, {name}", step, self.recipe.steps)
                if step % REPORT_STEPS == 0:
                    log.write(step)
                if step % SAVE_STEPS == 0:
                    self._save()
                if step % PREVIEW_STEPS == 0:
                    write_preview(self.folder / "preview.png", self.trainer)

    def _groups(self, reporter: Reporter) -> Groups:
        """Where batches come from: a CPU reads files while it computes, a GPU would wait for them."""
        if self.device.type == "cpu":
            return self.frames
        return GroupTensors(self.frames, self.device, reporter.progress)

    @contextmanager
    def _batches(self, groups: Groups) -> Iterator[Iterator[Batch]]:
        """The batches of all steps that are left, each read while the one before is trained on."""
        # A second team of threads would take turns with the one that trains, and make it wait at every operation.
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:

            def submit(step: int) -> Future[Batch]:
                stage, _ = self.recipe.stage_at(step)
                return pool.submit(
                    draw_batch,
                    groups,
                    self.recipe.seed,
                    step,
                    stage.size,
                    stage.groups_per_batch,
                    stage.pairs_per_group,
                    stage.other_identity,
                    stage.still,
                )

            def batches() -> Iterator[Batch]:
                steps = range(self.trainer.step, self.recipe.steps)
                waiting = submit(steps[0]) if steps else None
                for step in steps:
                    assert waiting is not None
                    batch = waiting.result()
                    if step + 1 in steps:
                        waiting = submit(step + 1)
                    yield batch

            yield batches()

    def _save(self) -> None:
        save_training_state(self.state_path, self.trainer.state())
        save_own_checkpoint(self.checkpoint_path, *self.trainer.mean_weights(), name=self.recipe.name)

    def _restore(self) -> None:
        state = load_training_state(self.state_path)
        try:
            self.trainer.restore(state)
        except TrainingError as error:
            raise TrainingError(f"{self.state_path}: {error}") from error
