"""Results as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from fomm_bench.environment import describe_machine
from fomm_bench.results import ContestantResult, Results
from fomm_bench.samples import Spread

NONE = "–"
FRAMES_ASKED = 200
"""Fewer than these tell little of the 99th percentile."""


def render(results: Results) -> str:
    """All of a run: latency, start and memory, batches, ceiling, and who took no part."""
    sections = [_title(results), _latency(results), _start(results), _batches(results), _notes(results)]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def describe_spread(spread: Spread | None, digits: int = 2) -> str:
    """For example "1.61 (1.52–1.70)"."""
    if spread is None:
        return NONE
    return f"{spread.median:.{digits}f} ({spread.low:.{digits}f}–{spread.high:.{digits}f})"


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Rows of one length as lines: the first `left` columns to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines


def by_speed(results: Results) -> list[ContestantResult]:
    """Those whose speed is reported, slowest first, so that the fastest is nearest to the eye at the end."""
    return sorted(results.measured, key=lambda c: -(c.latency.p50 if c.latency else 0.0))


def _title(results: Results) -> list[str]:
    label, size, machine = results.model["label"], results.model["size"], describe_machine(results.environment)
    return [
        f"{label}, {size}×{size} ({results.media}) on {machine}",
        f"reference: {results.reference}; {results.settings['rounds']} rounds, contestants in turns",
    ]


def _latency(results: Results) -> list[str]:
    rows = [["", "frames", "p50 ms", "p90", "p99", "max", "fps", "times as fast", "agreement"]]
    for contestant in by_speed(results):
        latency = contestant.latency
        assert latency is not None
        rows.append(
            [
                contestant.name,
                str(latency.frames),
                *(f"{value:.1f}" for value in (latency.p50, latency.p90, latency.p99, latency.max, latency.fps)),
                "1" if contestant.name == results.reference else describe_spread(results.speedup(contestant)),
                "reference" if contestant.name == results.reference else _agreement(contestant),
            ]
        )
    return aligned(rows) if len(rows) > 1 else []


def _start(results: Results) -> list[str]:
    rows = [["", "load s", "first frame s", "host MB", "device MB", "of ceiling"]]
    for contestant in by_speed(results):
        share = results.utilisation(contestant)
        rows.append(
            [
                contestant.name,
                *(_scaled(value, 1e-3, 2) for value in (contestant.open_ms, contestant.first_frame_ms)),
                *(_scaled(value, 1e-6, 0) for value in (contestant.host_bytes, contestant.device_bytes)),
                NONE if share is None else f"{share:.0%}",
            ]
        )
    lines = aligned(rows) if len(rows) > 1 else []
    ceiling = results.ceiling
    if lines and ceiling is not None:
        for device in ("cpu", "cuda"):
            if device in ceiling:
                rates = ", ".join(f"{rate:.1f} GMAC/s {name}" for name, rate in ceiling[device]["gmac_per_s"].items())
                copy = ceiling[device]["copy_gb_per_s"]
                lines.append(f"ceiling, {device} ({ceiling['library']}): {rates}, copy {copy:.1f} GB/s")
    macs = results.model.get("mac_per_frame")
    if lines and macs:
        lines.append(f"a frame is {macs / 1e9:.2f} GMAC of convolutions in the exported graphs, source cached")
    return lines


def _batches(results: Results) -> list[str]:
    taking = [c for c in by_speed(results) if c.batches_ms]
    if not taking:
        return []
    sizes = sorted({batch for contestant in taking for batch in contestant.batches_ms})
    rows = [["frames per second, batch", *map(str, sizes)]]
    for contestant in taking:
        rows.append([contestant.name, *(_scaled(throughput(contestant).get(size), 1, 1) for size in sizes)])
    return aligned(rows)


def throughput(contestant: ContestantResult) -> dict[int, float]:
    """Frames per second by batch size, of the call of median length."""
    return {batch: 1e3 * batch / median(times) for batch, times in contestant.batches_ms.items()}


def _notes(results: Results) -> list[str]:
    lines = []
    fewest = min((c.latency.frames for c in results.measured if c.latency), default=FRAMES_ASKED)
    if fewest < FRAMES_ASKED:
        lines.append(f"p99 and max are of fewer than {FRAMES_ASKED} frames: they say little of rare delays")
    load, cores = results.environment.get("load", 0.0), results.environment["cores"]
    if load >= cores:
        lines.append(
            f"this machine was busy (load {load:.1f} on {cores} core{'s' * (cores != 1)}): whoever waits for threads "
            "by spinning, as PyTorch does, suffers more than others; measure again when it is idle"
        )
    for contestant in results.contestants:
        if contestant.state != "measured":
            lines.append(f"{contestant.name} {contestant.state}: {contestant.reason}")
        elif contestant.batch_problem:
            lines.append(f"{contestant.name}: {contestant.batch_problem}")
    return lines


def _agreement(contestant: ContestantResult) -> str:
    return NONE if contestant.agreement is None else contestant.agreement.describe()


def _scaled(value: float | None, factor: float, digits: int) -> str:
    return NONE if value is None else f"{value * factor:.{digits}f}"
