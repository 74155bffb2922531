"""One run of `fomm-rt bench`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from fomm_bench.contestants.protocol import Entry
from fomm_bench.contestants.registry import reference_candidates
from fomm_bench.machine.environment import describe_environment
from fomm_bench.machine.load import OtherLoad
from fomm_bench.model.bench_media import bench_media, read_frames, read_square
from fomm_bench.model.bench_model import BenchModel
from fomm_bench.model.reference_networks import with_drawn_weights
from fomm_bench.results.environment import Environment
from fomm_bench.results.run_result import FramesPerRound, MeasuredModel, RunResult, Settings
from fomm_bench.run.comparison import Comparison
from fomm_bench.run.launcher import Launcher
from fomm_bench.run.messages import MOST_IMAGE_BYTES
from fomm_bench.run.plan import Pictures, Plan, Progress
from fomm_rt.errors import BenchmarkError, ModelError

CLIP_FRAMES = 24
ENCODER = "source_encoder"
"""The network that no frame runs if the source is cached."""


def run_benchmark(
    model: BenchModel,
    chosen: Sequence[Entry],
    plan: Plan,
    *,
    ceiling: bool,
    pythons: Mapping[str, str],
    threads: int,
    timeout_s: float,
    command: Sequence[str],
    progress: Progress,
) -> RunResult:
    """Measures the chosen contestants and their references on a model.

    Raises:
        BenchmarkError: No reference can run, or the plan has too many frames at a time.
        MediaError: The media cannot be read.
    """
    media, size = bench_media(model.drawn), model.manifest.size
    _check_plan(plan, size)
    pictures = Pictures(read_square(media.picture, size), read_frames(media.clip, size, CLIP_FRAMES))
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    environment = Environment(**describe_environment(), threads=threads)
    with tempfile.TemporaryDirectory(prefix="fomm-rt-bench-") as temporary:
        launcher = Launcher(Path(temporary), pythons, timeout_s)
        measured_ceiling = None
        if ceiling:
            progress("measuring the machine's ceiling", 0, None)
            measured_ceiling = launcher.measure_ceiling(threads)
        comparison = Comparison(
            entries=chosen,
            model=replace(with_drawn_weights(model.spec, Path(temporary)), threads=threads),
            pictures=pictures,
            plan=plan,
            open_session=launcher.start,
            why_unavailable=lambda entry: launcher.why_unavailable(entry, model),
            other_load=OtherLoad(),
            progress=progress,
        )
        comparison.run(reference_candidates(chosen))
    return RunResult(
        list(command),
        date,
        environment,
        MeasuredModel(
            **model.describe(),
            mac_per_frame=multiply_accumulates_per_frame(model),
            weight_bytes=weight_bytes(model),
            tools=model.manifest.tools,
        ),
        media.describe(),
        Settings(
            plan.rounds,
            FramesPerRound(cpu=plan.cpu_frames, gpu=plan.gpu_frames),
            list(plan.batches),
            len(pictures.checked),
        ),
        comparison.references,
        list(comparison.results.values()),
        measured_ceiling,
        comparison.busy_cores,
        comparison.batch_busy_cores,
    )


def _check_plan(plan: Plan, size: int) -> None:
    most = MOST_IMAGE_BYTES // (size * size * 3)
    for option, count in (
        ("--frames", max(plan.cpu_frames, plan.gpu_frames)),
        ("--batches", max(plan.batches, default=1)),
    ):
        if count > most:
            raise BenchmarkError(f"{option}: expected at most {most} frames of {size}×{size} at a time; got {count}")


def multiply_accumulates_per_frame(model: BenchModel) -> int | None:
    """Multiply-accumulates of the exported convolutions, source cached; None if the exporter is not installed."""
    try:
        from fomm_export.onnx.multiply_accumulates import multiply_accumulates
    except ImportError:
        return None
    try:
        counts = multiply_accumulates(Path(model.spec.folder))
    except ModelError:
        return None
    return sum(count for network, count in counts.items() if network != ENCODER)


def weight_bytes(model: BenchModel) -> int:
    """Size of the float32 graphs that every frame runs; weights are nearly all of it."""
    return sum(file.size_bytes for network, file in model.manifest.networks.items() if network != ENCODER)
