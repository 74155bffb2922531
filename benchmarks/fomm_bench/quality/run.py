"""One run of `fomm-rt bench quality`: who takes part, and the figures for people and for a file."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fomm_bench.contestants.protocol import Entry
from fomm_bench.contestants.registry import choose
from fomm_bench.machine.environment import describe_environment, describe_machine
from fomm_bench.model.bench_media import bench_media
from fomm_bench.model.bench_model import BenchModel
from fomm_bench.quality.comparison import reconstruct, render_quality
from fomm_bench.run.benchmark import Opener
from fomm_bench.run.comparison import Progress
from fomm_bench.run.pythons import Pythons

EXACT = "fomm-rt:onnxruntime-cpu"
"""Whose pictures others are compared with: the export is proved to reproduce PyTorch, and it needs no torch."""

FORMAT = "fomm-rt quality"
FORMAT_VERSION = 1


def taking_part(names: Sequence[str]) -> list[Entry]:
    """Contestants by name, the exact one first; without names, all of fomm-rt's.

    Raises:
        BenchmarkError: There is no such contestant.
    """
    chosen = [entry for entry in choose(names) if names or entry.name.startswith("fomm-rt:")]
    return [*choose([EXACT]), *(entry for entry in chosen if entry.name != EXACT)]


def run_quality(
    model: BenchModel,
    names: Sequence[str],
    clip: Path | None,
    most_frames: int,
    *,
    pythons: Pythons,
    timeout_s: float,
    progress: Progress,
) -> tuple[str, dict[str, Any]]:
    """Measures contestants.

    Args:
        model: In absolute motion.
        names: Of contestants; without, all of fomm-rt's that can run.
        clip: What is reconstructed; by default what suits the model.
        most_frames: How many of its frames.
        pythons: Other Pythons for some contestants.
        timeout_s: How long a contestant's answer may take.
        progress: Told of every step.

    Returns:
        A table and plain JSON values.

    Raises:
        BenchmarkError: There is no such contestant, the exact one cannot run, or a package is missing.
        MediaError: The clip cannot be read.
    """
    entries = taking_part(names)
    clip = clip or bench_media(model.drawn).clip
    with tempfile.TemporaryDirectory(prefix="fomm-rt-bench-") as temporary:
        opener = Opener(Path(temporary), pythons, timeout_s)
        taking = [e for e in entries if names or e.name == EXACT or opener.why_unavailable(e, model) is None]
        found = reconstruct(taking, model.spec, clip, most_frames, open_session=opener.open, progress=progress)
    environment = describe_environment()
    frames = len(found[0].frames)
    title = (
        f"{model.label}, {model.manifest.size}×{model.manifest.size}: {frames} frames of {clip.name} from the first, "
        f"on {describe_machine(environment)}"
    )
    legend = (
        "L1 with pixels in [0, 1]; keypoints: mean distance of what the model's own detector finds in both pictures; "
        f"dB to exact: PSNR of the pictures against {EXACT}'s"
    )
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "environment": environment,
        "model": {
            "label": model.label,
            "weights": model.manifest.weights.describe(),
            "identity": model.manifest.weights.identity,
            "size": model.manifest.size,
        },
        "clip": clip.name,
        "frames": frames,
        "exact": EXACT,
        "contestants": [quality.as_json() for quality in found],
    }
    return "\n".join([title, "", *render_quality(found), "", legend]), document
