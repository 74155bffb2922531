"""Time of a training step on a CPU with fast layers, kept memory and flushed denormal numbers.

    python benchmarks/studies/training_step.py [--rounds 5] [-o FILE]

Each variant runs in processes of its own, which take turns. Steps follow the recipe's last stage, from the published
weights, on noise instead of faces. Reported are medians over processes: of the median step, and of its ratio to the
published layers' step in the same round.
"""

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
from fomm_train.data.batches import draw_batch
from fomm_train.data.frame_group import IDENTITIES, POSES, REGIONS, SURFACE_SIZE, FrameGroup
from fomm_train.data.group_tensors import GroupTensors
from fomm_train.drawn_faces import DRAWN_FACES
from fomm_train.loop import trainer as trainer_module
from fomm_train.loop.cpu_settings import flush_denormal_numbers, keep_freed_memory
from fomm_train.loop.trainer import Trainer

VARIANTS = {
    "as published": (False, False, False),
    "fast layers": (True, False, False),
    "fast layers, memory kept": (True, True, False),
    "fast layers, memory kept, denormals flushed": (True, True, True),
}
"""Name to the switches: fast layers, kept memory, flushed denormal numbers."""
STAGE = DRAWN_FACES.stages[-1]
WARM_UP, STEPS = 2, 4


def noise_groups(size: int, keypoints: int) -> GroupTensors:
    """As many groups as a batch takes, all the same, of noise."""
    random, records = np.random.default_rng(1), (IDENTITIES, POSES)

    def uniform(*shape: int) -> NDArray[np.float32]:
        return random.random((*records, *shape), np.float32)

    group = FrameGroup(
        frames=random.integers(256, size=(*records, size, size, 3), dtype=np.uint8),
        landmarks=uniform(keypoints, 2),
        jacobians=uniform(keypoints, 2, 2),
        boxes=uniform(len(REGIONS), 4),
        bodies=random.integers(3, size=(*records, SURFACE_SIZE, SURFACE_SIZE), dtype=np.uint8),
        known=np.ones((*records, SURFACE_SIZE, SURFACE_SIZE), np.bool_),
        steps=uniform(POSES, SURFACE_SIZE, SURFACE_SIZE, 2).astype(np.float16),
        shown=random.integers(2, size=(*records, POSES, SURFACE_SIZE, SURFACE_SIZE)).astype(np.bool_),
    )
    return GroupTensors([[group] * STAGE.groups_per_batch], torch.device("cpu"), lambda *_: None)


def step_seconds(variant: str) -> list[float]:
    """Takes steps in this process and times them."""
    fast, keep, flush = VARIANTS[variant]
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
    trainer.detector.load_state_dict(checkpoint.kp_detector, strict=False)  # counters of norms are not published
    trainer.generator.load_state_dict(checkpoint.generator, strict=False)
    groups = noise_groups(recipe.frame_size, configuration.num_kp)
    seconds = []
    for step in range(WARM_UP + STEPS):
        batch = draw_batch(groups, 1, step, STAGE, configuration.motion_size)
        start = perf_counter()
        trainer.train_step(batch)
        seconds.append(perf_counter() - start)
    return seconds[WARM_UP:]


def main() -> None:
    """Prints a line per variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, choices=range(1, 100), metavar="N", default=5, help="processes each (5)")
    parser.add_argument("-o", "--output", type=Path, help="write the figures to this file as JSON")
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.variant:
        print(json.dumps(step_seconds(options.variant)))
        return
    rounds: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for _ in range(options.rounds):
        for variant, medians in rounds.items():
            command = [sys.executable, __file__, "--variant", variant]
            output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            medians.append(median(json.loads(output)))
    results = {}
    first = rounds[next(iter(VARIANTS))]
    for variant, medians in rounds.items():
        ratios = [own / published for own, published in zip(medians, first, strict=True)]
        results[variant] = {
            "step_s": median(medians),
            "ratio": median(ratios),
            "ratio_range": [min(ratios), max(ratios)],
        }
        print(f"{variant:44} {median(medians):6.2f} s  {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    if options.output:
        record = {"environment": describe_environment(), "command": script_command(), "rounds": options.rounds}
        options.output.write_text(json.dumps({**record, "ways": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
