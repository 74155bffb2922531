"""One run of `fomm-rt bench quality`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fomm_bench.contestants.protocol import Entry
from fomm_bench.contestants.registry import choose
from fomm_bench.machine.environment import describe_environment
from fomm_bench.model.bench_media import bench_media
from fomm_bench.model.bench_model import BenchModel
from fomm_bench.quality.comparison import reconstruct, render_quality
from fomm_bench.results.environment import Environment
from fomm_bench.run.launcher import Launcher
from fomm_bench.run.plan import Progress

EXACT = "fomm-rt:onnxruntime-cpu"
"""The contestant that others are compared with: its parity with PyTorch is tested, and it needs no torch."""

FORMAT = "fomm-rt quality"
FORMAT_VERSION = 2
"""Version 2 adds faces and their landmarks to the fields of version 1."""

LEGEND = (
    "L1: with pixels in [0, 1]",
    "keypoints: mean distance between those that the model's own detector finds in both frames",
    "landmarks: mean distance of eyes, nose, mouth and ears, by a face detector, over frames that show a face in both",
    "eye distances: the same, divided by the distance between the true eyes",
    "faces: found in the predictions / in the true frames",
    f"dB to exact: PSNR against the predictions of {EXACT}",
)


def contestants_of(names: Sequence[str]) -> list[Entry]:
    """Contestants by name, the exact one first; without names, all of fomm-rt's. Raises like `choose`."""
    chosen = [entry for entry in choose(names) if names or entry.name.startswith("fomm-rt:")]
    return [*choose([EXACT]), *(entry for entry in chosen if entry.name != EXACT)]


def run_quality(
    model: BenchModel,
    names: Sequence[str],
    clip: Path | None,
    most_frames: int,
    *,
    pythons: Mapping[str, str],
    timeout_s: float,
    progress: Progress,
) -> tuple[str, dict[str, Any]]:
    """Measures contestants by name; without names, all of fomm-rt's that can run.

    Args:
        model: The model, with absolute motion.
        names, pythons, timeout_s: See `contestants_of` and `Launcher`.
        clip: The clip to reconstruct; by default one that suits the model.
        most_frames: Number of frames to use, from the first.
        progress: Called at every step.

    Returns:
        A table and JSON values.

    Raises:
        BenchmarkError: A name is unknown, the exact contestant fails, or a package is missing.
        MediaError: The clip cannot be read.
    """
    clip = clip or bench_media(model.drawn).clip
    with tempfile.TemporaryDirectory(prefix="fomm-rt-bench-") as temporary:
        launcher = Launcher(Path(temporary), pythons, timeout_s)
        entries = [
            entry
            for entry in contestants_of(names)
            if names or entry.name == EXACT or launcher.why_unavailable(entry, model) is None
        ]
        found = reconstruct(entries, model.spec, clip, most_frames, open_session=launcher.start, progress=progress)
    environment = describe_environment()
    frames, size = len(found[0].frames), model.manifest.size
    title = f"{model.label}, {size}×{size}: {frames} frames of {clip.name} from the first, on "
    title += Environment(**environment).describe()
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "environment": environment,
        "model": model.describe(),
        "clip": clip.name,
        "frames": frames,
        "exact": EXACT,
        "contestants": [quality.as_json() for quality in found],
    }
    return "\n".join([title, "", *render_quality(found), "", *LEGEND]), document
