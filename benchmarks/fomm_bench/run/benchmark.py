"""One run of `fomm-rt bench`: contestants in processes of their own, the ceiling, and what is known of the machine."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from fomm_bench.contestants.protocol import Entry
from fomm_bench.contestants.registry import entries
from fomm_bench.machine.environment import describe_environment
from fomm_bench.machine.load import LinuxLoad
from fomm_bench.model.bench_media import bench_media, read_frames, read_square
from fomm_bench.model.bench_model import BenchModel
from fomm_bench.model.reference_networks import with_drawn_weights
from fomm_bench.results.run_result import Results
from fomm_bench.run.comparison import Comparison, Pictures, Plan, Progress, reference_candidates
from fomm_bench.run.pythons import Pythons
from fomm_bench.run.session import WorkerSession
from fomm_bench.run.wire import MOST_ARRAY_BYTES
from fomm_bench.run.worker_process import worker_command, worker_environment
from fomm_rt.errors import BenchmarkError, ModelError

CLIP_FRAMES = 24
ENCODER = "source_encoder"
"""The network that a cached source needs in no frame."""
_log = logging.getLogger("fomm_rt")


def run_benchmark(
    model: BenchModel,
    chosen: Sequence[Entry],
    plan: Plan,
    *,
    ceiling: bool,
    pythons: Pythons,
    threads: int,
    timeout_s: float,
    command: Sequence[str],
    progress: Progress,
) -> Results:
    """Measures contestants on a model.

    Args:
        model: What they run.
        chosen: Who takes part; the reference joins them.
        plan: How much is measured.
        ceiling: Whether the machine's ceiling is measured, too.
        pythons: Other Pythons for some of them.
        threads: CPU threads of every contestant and of the ceiling.
        timeout_s: How long a contestant's answer may take.
        command: The command line, for the record.
        progress: Told of every step.

    Raises:
        BenchmarkError: There is nothing to compare with, or the plan has too many frames at a time.
        MediaError: The pictures cannot be read.
    """
    media, size = bench_media(model.drawn), model.manifest.size
    _check_plan(plan, size)
    pictures = Pictures(read_square(media.picture, size), read_frames(media.clip, size, CLIP_FRAMES))
    results = Results(
        command=list(command),
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        environment={**describe_environment(), "threads": threads},
        model={
            "label": model.label,
            "weights": model.manifest.weights.describe(),
            "identity": model.manifest.weights.identity,
            "size": size,
            "mac_per_frame": multiply_accumulates_per_frame(model),
            "weight_bytes": weight_bytes(model),
            "tools": model.manifest.tools,
        },
        media=media.describe(),
        settings={
            "rounds": plan.rounds,
            "frames_per_round": {"cpu": plan.cpu_frames, "gpu": plan.gpu_frames},
            "batches": list(plan.batches),
            "agreement_frames": len(pictures.checked),
        },
    )
    with tempfile.TemporaryDirectory(prefix="fomm-rt-bench-") as temporary:
        folder = Path(temporary)
        opener = Opener(folder, pythons, timeout_s)
        if ceiling:
            progress("measuring the machine's ceiling", 0, None)
            results.ceiling = opener.measure_ceiling(threads)
        comparison = Comparison(
            chosen,
            replace(with_drawn_weights(model.spec, folder), threads=threads),
            pictures,
            plan,
            open_session=opener.open,
            problem=lambda entry: opener.why_unavailable(entry, model),
            other_load=LinuxLoad(),
            progress=progress,
        )
        comparison.run(reference_candidates(chosen, entries()))
    results.references = comparison.references
    results.contestants = list(comparison.results.values())
    results.busy_cores = comparison.busy_cores
    return results


def _check_plan(plan: Plan, size: int) -> None:
    most = MOST_ARRAY_BYTES // (size * size * 3)
    for option, count in (
        ("--frames", max(plan.cpu_frames, plan.gpu_frames)),
        ("--batches", max(plan.batches, default=1)),
    ):
        if count > most:
            raise BenchmarkError(f"{option}: expected at most {most} frames of {size}×{size} at a time; got {count}")


class Opener:
    """Starts contestants' processes.

    Args:
        folder: An existing temporary folder for what they leave behind.
        pythons: Other Pythons for some of them.
        timeout_s: How long an answer may take.
    """

    def __init__(self, folder: Path, pythons: Pythons, timeout_s: float) -> None:
        self._folder = folder
        self._pythons = pythons
        self._timeout_s = timeout_s

    def open(self, entry: Entry) -> WorkerSession:
        """Starts a contestant's process."""
        python = self._pythons.by_name.get(entry.name)
        return self._session(entry.name, python)

    def why_unavailable(self, entry: Entry, model: BenchModel) -> str | None:
        """What is known against a contestant; one that runs in another Python is asked there."""
        return None if entry.name in self._pythons.by_name else entry.why_unavailable(model.spec)

    def measure_ceiling(self, threads: int) -> dict[str, Any] | None:
        """In a process of its own; None where that fails, for nothing else depends on it."""
        session = self._session("ceiling", None)
        try:
            return session.ceiling(threads)
        except BenchmarkError as error:
            _log.warning("the machine's ceiling is not measured: %s", error)
            return None
        finally:
            session.close()

    def _session(self, name: str, python: str | None) -> WorkerSession:
        environment = worker_environment(self._folder, python)
        return WorkerSession(name, worker_command(name, python), environment, self._timeout_s)


def multiply_accumulates_per_frame(model: BenchModel) -> int | None:
    """Of the exported graphs' convolutions, the source cached; None where the exporter is not installed."""
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
    """Of the exported float32 graphs that every frame runs; of their files, which hold hardly anything else."""
    return sum(file.size_bytes for network, file in model.manifest.networks.items() if network != ENCODER)
