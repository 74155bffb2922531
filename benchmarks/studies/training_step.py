"""What the faster layers, the kept memory and the flushed denormal numbers are worth to a training step on a CPU.

    python benchmarks/studies/training_step.py [--rounds 5] [-o FILE]

Each way of taking steps has processes of its own, which take turns; a step is of the recipe's last stage, from the
published weights, on noise in place of faces. Reported are medians over processes of the median step, and of its ratio
in the same round to the step of the layers as published.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_export.checkpoints.checkpoint import load_checkpoint
from fomm_export.checkpoints.configuration_file import OWN_CHECKPOINTS, load_configuration
from fomm_train.data.batches import Batch, draw_batch
from fomm_train.data.drawn_groups import IDENTITIES, POSES, REGIONS, SURFACE_SIZE, DrawnGroup, GroupFolder
from fomm_train.drawn_faces import DRAWN_FACES
from fomm_train.loop import trainer as trainer_module
from fomm_train.loop.allocator import keep_freed_memory
from fomm_train.loop.denormals import flush_denormal_numbers
from fomm_train.loop.trainer import Trainer

WAYS = {
    "as published": (False, False, False),
    "fast layers": (True, False, False),
    "fast layers, memory kept": (True, True, False),
    "fast layers, memory kept, denormals flushed": (True, True, True),
}
"""Name -> faster layers, kept memory, flushed denormal numbers."""
STAGE = DRAWN_FACES.stages[-1]
WARM_UP, STEPS = 2, 4


class Noise(GroupFolder):
    """As many groups as a batch takes, all the same, with nothing on them."""

    def __init__(self, size: int, keypoints: int) -> None:
        super().__init__(Path(), 0, STAGE.groups_per_batch, size)
        random, records = np.random.default_rng(1), (IDENTITIES, POSES)

        def uniform(*shape: int) -> NDArray[np.float32]:
            return random.random((*records, *shape), np.float32)

        self._group = DrawnGroup(
            frames=random.integers(256, size=(*records, size, size, 3), dtype=np.uint8),
            landmarks=uniform(keypoints, 2),
            jacobians=uniform(keypoints, 2, 2),
            boxes=uniform(len(REGIONS), 4),
            bodies=random.integers(3, size=(*records, SURFACE_SIZE, SURFACE_SIZE), dtype=np.uint8),
            points=uniform(3, SURFACE_SIZE, SURFACE_SIZE).astype(np.float16),
            views=uniform(2, 2, 4),
        )

    def __getitem__(self, index: int) -> DrawnGroup:
        """The same for every index."""
        return self._group


def batch_of(noise: Noise, step: int) -> Batch:
    """A batch of the last stage."""
    sizes = (noise.size, STAGE.groups_per_batch, STAGE.pairs_per_group)
    return draw_batch(noise, 1, step, *sizes, STAGE.other_identity, STAGE.still)


def seconds_of_steps(way: str) -> list[float]:
    """Takes steps in this process."""
    fast, keep, flush = WAYS[way]
    if not fast:
        trainer_module.compute_fast = lambda *_: None  # type: ignore[attr-defined]
    if keep and not keep_freed_memory():
        raise SystemExit("the C library is not glibc")
    if flush and not flush_denormal_numbers():
        raise SystemExit("this CPU cannot flush denormal numbers")
    configuration = load_configuration(DRAWN_FACES.name)
    recipe = replace(DRAWN_FACES, stages=(STAGE,))
    trainer = Trainer(configuration, recipe, torch.device("cpu"))
    checkpoint = load_checkpoint(OWN_CHECKPOINTS / f"{recipe.name}.safetensors")
    trainer.detector.load_state_dict(checkpoint.kp_detector, strict=False)  # norms' counters are not published
    trainer.generator.load_state_dict(checkpoint.generator, strict=False)
    noise = Noise(recipe.frame_size, configuration.num_kp)
    seconds = []
    for step in range(WARM_UP + STEPS):
        batch = batch_of(noise, step)
        start = perf_counter()
        trainer.train_step(batch)
        seconds.append(perf_counter() - start)
    return seconds[WARM_UP:]


def main() -> None:
    """Prints a line for every way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rounds", type=int, choices=range(1, 100), metavar="N", default=5, help="processes of each way (5)"
    )
    parser.add_argument("-o", "--output", type=Path, help="write the figures here as JSON")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(seconds_of_steps(options.way)))
        return
    rounds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way, medians in rounds.items():
            command = [sys.executable, __file__, "--way", way]
            told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            medians.append(median(json.loads(told)))
    results = {}
    first = rounds[next(iter(WAYS))]
    for way, medians in rounds.items():
        ratios = [own / published for own, published in zip(medians, first, strict=True)]
        results[way] = {"step_s": median(medians), "ratio": median(ratios), "ratio_range": [min(ratios), max(ratios)]}
        print(f"{way:44} {median(medians):6.2f} s  {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    if options.output:
        record = {"environment": describe_environment(), "command": script_command(), "rounds": options.rounds}
        options.output.write_text(json.dumps({**record, "ways": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
