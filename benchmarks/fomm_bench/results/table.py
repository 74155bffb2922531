"""Results as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from fomm_bench.machine.environment import describe_machine
from fomm_bench.results.run_result import DEVICE_TYPES, ContestantResult, Results
from fomm_bench.results.samples import Spread, spread_of

NONE = "–"
FRAMES_ASKED = 200
"""Fewer than these tell little of the 99th percentile."""
BUSY_SHARE = 0.1
"""Of the contestants' cores: from there on what other processes take of them is worth a note."""


def render(results: Results) -> str:
    """All of a run: latency, start and memory, batches, ceiling, and who took no part."""
    sections = [_title(results), _latency(results), _start(results), _batches(results), _notes(results)]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def describe_spread(spread: Spread | None, digits: int = 2) -> str:
    """For example "1.61 (1.52–1.70)"."""
    if spread is None:
        return NONE
    return f"{spread.median:.{digits}f} ({spread.low:.{digits}f}–{spread.high:.{digits}f})"


def milliseconds(value: float) -> str:
    """On a GPU a frame takes less than one of them."""
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


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
    threads = results.environment.get("threads")
    return [
        f"{label}, {size}×{size} ({results.media}) on {machine}",
        f"reference: {_references(results)}; {results.settings['rounds']} rounds, contestants in turns"
        + (f", {threads} CPU thread{'s' * (threads != 1)} each" if threads else ""),
    ]


def _references(results: Results) -> str:
    names = sorted(set(results.references.values()))
    if len(names) == 1:
        return names[0]
    return ", ".join(f"{name} on {device}" for device, name in results.references.items())


def _latency(results: Results) -> list[str]:
    rows = [["", "frames", "p50 ms", "p90", "p99", "max", "fps", "times as fast", "agreement"]]
    for contestant in by_speed(results):
        latency, is_reference = contestant.latency, results.is_reference(contestant)
        assert latency is not None
        rows.append(
            [
                contestant.name,
                str(latency.frames),
                *(milliseconds(value) for value in (latency.p50, latency.p90, latency.p99, latency.max)),
                f"{latency.fps:.1f}",
                "1" if is_reference else describe_spread(results.speedup(contestant)),
                "reference" if is_reference else _agreement(contestant),
            ]
        )
    return aligned(rows) if len(rows) > 1 else []


def _start(results: Results) -> list[str]:
    contestants = by_speed(results)
    columns: list[tuple[str, list[str]]] = [
        ("load s", [_scaled(c.open_ms, 1e-3, 2) for c in contestants]),
        ("first frame s", [_scaled(c.first_frame_ms, 1e-3, 2) for c in contestants]),
        ("build s", [_scaled(c.build_s, 1, 1) for c in contestants]),
        ("host MB", [_scaled(c.host_bytes, 1e-6, 0) for c in contestants]),
        ("device MB", [_scaled(c.device_bytes, 1e-6, 0) for c in contestants]),
        ("of ceiling", [_percent(results.utilisation(c)) for c in contestants]),
    ]
    shown = [(title, cells) for title, cells in columns if any(cell != NONE for cell in cells)]
    if not shown:
        return []
    rows = [["", *(title for title, _ in shown)]]
    rows += [[c.name, *(cells[i] for _, cells in shown)] for i, c in enumerate(contestants)]
    return [*aligned(rows), *_ceiling(results)]


def _ceiling(results: Results) -> list[str]:
    """What the machine can do, and what a frame asks of it."""
    lines, ceiling = [], results.ceiling or {}
    for device in DEVICE_TYPES:
        if device in ceiling:
            rates = ", ".join(f"{rate:.1f} GMAC/s {name}" for name, rate in ceiling[device]["gmac_per_s"].items())
            copy = ceiling[device]["copy_gb_per_s"]
            lines.append(f"ceiling, {device} ({ceiling['library']}): {rates}, copy {copy:.1f} GB/s")
    macs, size = results.model.get("mac_per_frame"), results.model.get("weight_bytes")
    if not macs:
        return lines
    lines.append(f"a frame is {macs / 1e9:.2f} GMAC of convolutions in the exported graphs, source cached")
    if size:
        lines[-1] += f"; its weights, {size / 1e6:.1f} MB, read once: {macs / size:.0f} MAC a byte"
    balances = {device: balance for device in DEVICE_TYPES if (balance := results.balance(device))}
    if size and balances:
        met = ", ".join(f"{balance:.0f} MAC a byte on {device}" for device, balance in balances.items())
        lines.append(f"the ceilings in fp32 meet at {met}: below that, copying is the limit")
    return lines


def _batches(results: Results) -> list[str]:
    taking = [c for c in by_speed(results) if c.batches_ms]
    if not taking:
        return []
    sizes = sorted({batch for contestant in taking for batch in contestant.batches_ms})
    rows = [["frames per second, batch", *map(str, sizes)]]
    for contestant in taking:
        rows.append([contestant.name, *(describe_spread(contestant.throughput.get(size), 1) for size in sizes)])
    return aligned(rows)


def _notes(results: Results) -> list[str]:
    lines = []
    fewest = min((c.latency.frames for c in results.measured if c.latency), default=FRAMES_ASKED)
    if fewest < FRAMES_ASKED:
        lines.append(f"p99 and max are of fewer than {FRAMES_ASKED} frames: they say little of rare delays")
    lines += _busy(results)
    for contestant in results.contestants:
        if contestant.state != "measured":
            lines.append(f"{contestant.name} {contestant.state}: {contestant.reason}")
        elif contestant.batch_problem:
            lines.append(f"{contestant.name}: {contestant.batch_problem}")
    return lines


def _busy(results: Results) -> list[str]:
    """A note where other processes took cores that contestants would have used."""
    spread = spread_of(results.busy_cores)
    threads, cores = results.environment.get("threads"), results.environment.get("cores_of_machine")
    if spread is None or threads is None or cores is None:
        return []
    if spread.median - (cores - threads) < BUSY_SHARE * threads:
        return []
    return [
        f"this machine was busy: other processes kept {describe_spread(spread)} of {cores} cores during the rounds. "
        "Whoever waits for threads by spinning, as PyTorch does, suffers more than others; measure again when it is "
        "idle"
    ]


def _agreement(contestant: ContestantResult) -> str:
    return NONE if contestant.agreement is None else contestant.agreement.describe()


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{share:.0%}"


def _scaled(value: float | None, factor: float, digits: int) -> str:
    return NONE if value is None else f"{value * factor:.{digits}f}"
