"""Tables of one run."""

from __future__ import annotations

from collections.abc import Sequence

from fomm_bench.results.contestant_result import DEVICE_TYPES, ContestantResult
from fomm_bench.results.run_result import RunResult
from fomm_bench.results.samples import Spread

NONE = "–"
ENOUGH_FRAMES = 200
"""Fewer frames say little about the 99th percentile."""


def render(run: RunResult) -> str:
    """A run as text: latency, start and memory, batches, ceiling, and notes."""
    sections = [_title(run), _latency(run), _start(run), _batches(run), _notes(run)]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def describe_spread(spread: Spread | None, digits: int = 2) -> str:
    """For example "1.61 (1.52–1.70)"."""
    if spread is None:
        return NONE
    return f"{spread.median:.{digits}f} ({spread.low:.{digits}f}–{spread.high:.{digits}f})"


def milliseconds(value: float) -> str:
    """Milliseconds with about three digits; a frame on a GPU takes less than one."""
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def describe_speedup(run: RunResult, contestant: ContestantResult) -> str:
    """A contestant's ratio to its reference; "1" for the reference."""
    return "1" if run.is_reference(contestant) else describe_spread(run.speedup(contestant))


def describe_agreement(run: RunResult, contestant: ContestantResult) -> str:
    """A contestant's agreement with its reference; "reference" for the reference."""
    if run.is_reference(contestant):
        return "reference"
    return NONE if contestant.agreement is None else contestant.agreement.describe()


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of a table: the first `left` columns aligned to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines


def _title(run: RunResult) -> list[str]:
    model, threads = run.model, run.environment.threads
    references = ", ".join(f"{name} on {device}" for device, name in run.references.items())
    if len(names := set(run.references.values())) == 1:
        references = names.pop()
    return [
        f"{model.label}, {model.size}×{model.size} ({run.media}) on {run.environment.describe()}",
        f"reference: {references}; {run.settings.rounds} rounds, contestants in turns"
        + (f", {threads} CPU thread{'s' * (threads != 1)} each" if threads else ""),
    ]


def _latency(run: RunResult) -> list[str]:
    rows = [["", "frames", "p50 ms", "p90", "p99", "max", "fps", "times as fast", "agreement"]]
    for contestant in run.by_speed():
        latency = contestant.latency
        assert latency is not None
        rows.append(
            [
                contestant.name,
                str(latency.frames),
                *(milliseconds(value) for value in (latency.p50, latency.p90, latency.p99, latency.max)),
                f"{latency.fps:.1f}",
                describe_speedup(run, contestant),
                describe_agreement(run, contestant),
            ]
        )
    return aligned(rows) if len(rows) > 1 else []


def _start(run: RunResult) -> list[str]:
    contestants = run.by_speed()
    columns: list[tuple[str, list[str]]] = [
        ("load s", [_scaled(c.open_ms, 1e-3, 2) for c in contestants]),
        ("first frame s", [_scaled(c.first_frame_ms, 1e-3, 2) for c in contestants]),
        ("build s", [_scaled(c.build_s, 1, 1) for c in contestants]),
        ("host MB", [_scaled(c.host_bytes, 1e-6, 0) for c in contestants]),
        ("device MB", [_scaled(c.device_bytes, 1e-6, 0) for c in contestants]),
        ("of ceiling", [NONE if (u := run.utilisation(c)) is None else f"{u:.0%}" for c in contestants]),
    ]
    shown = [(title, cells) for title, cells in columns if any(cell != NONE for cell in cells)]
    if not shown:
        return []
    rows = [["", *(title for title, _ in shown)]]
    rows += [[c.name, *(cells[i] for _, cells in shown)] for i, c in enumerate(contestants)]
    return [*aligned(rows), *_ceiling(run)]


def _ceiling(run: RunResult) -> list[str]:
    """The ceilings of the machine, and the work of a frame."""
    lines = []
    for device in DEVICE_TYPES:
        if run.ceiling is not None and (ceiling := run.ceiling_of(device)) is not None:
            rates = ", ".join(f"{rate:.1f} GMAC/s {name}" for name, rate in ceiling.gmac_per_s.items())
            lines.append(f"ceiling, {device} ({run.ceiling.library}): {rates}, copy {ceiling.copy_gb_per_s:.1f} GB/s")
    macs, size = run.model.mac_per_frame, run.model.weight_bytes
    if not macs:
        return lines
    lines.append(f"a frame is {macs / 1e9:.2f} GMAC of convolutions in the exported graphs, source cached")
    if size:
        lines[-1] += f"; its weights, {size / 1e6:.1f} MB, read once: {macs / size:.0f} MAC a byte"
    balances = {device: balance for device in DEVICE_TYPES if (balance := run.balance(device))}
    if size and balances:
        met = ", ".join(f"{balance:.0f} MAC a byte on {device}" for device, balance in balances.items())
        lines.append(f"the ceilings in fp32 meet at {met}: below that, copying is the limit")
    return lines


def _batches(run: RunResult) -> list[str]:
    taking = [c for c in run.by_speed() if c.batches_ms]
    if not taking:
        return []
    sizes = sorted({batch for contestant in taking for batch in contestant.batches_ms})
    rows = [["frames per second, batch", *map(str, sizes)]]
    for contestant in taking:
        rows.append([contestant.name, *(describe_spread(contestant.throughput.get(size), 1) for size in sizes)])
    return aligned(rows)


def _notes(run: RunResult) -> list[str]:
    lines = []
    fewest = min((c.latency.frames for c in run.measured if c.latency), default=ENOUGH_FRAMES)
    if fewest < ENOUGH_FRAMES:
        lines.append(f"p99 and max are of fewer than {ENOUGH_FRAMES} frames: they say little about rare delays")
    lines += _busy(run)
    for contestant in run.measured:
        if contestant.batch_problem:
            lines.append(f"{contestant.name}: {contestant.batch_problem}")
    return [*lines, *without_speed(run)]


def without_speed(run: RunResult) -> list[str]:
    """One line for each contestant that failed or disagrees, and one for all that cannot run here."""
    lines = [f"{c.name} {c.state}: {c.reason}" for c in run.contestants if c.state not in ("measured", "skipped")]
    skipped: dict[str, list[str]] = {}
    for contestant in run.contestants:
        if contestant.state == "skipped":
            skipped.setdefault(contestant.reason or "", []).append(contestant.name)
    if skipped:
        groups = (f"{', '.join(names)} ({reason})" for reason, names in skipped.items())
        lines.append(f"cannot run here: {'; '.join(groups)}")
    return lines


def describe_load(run: RunResult, *, of_batches: bool = False) -> str | None:
    """For example "other processes kept 0.80 (0.70–0.90) of 2 cores busy"; None if the machine was idle."""
    spread = run.others_load(of_batches=of_batches)
    if spread is None:
        return None
    return f"other processes kept {describe_spread(spread)} of {run.environment.cores_of_machine} cores busy"


def _busy(run: RunResult) -> list[str]:
    """A note for rounds in which other processes took cores from the contestants."""
    loads = [("the rounds", describe_load(run)), ("the rounds of batches", describe_load(run, of_batches=True))]
    found = [f"{load} during {when}" for when, load in loads if load is not None]
    if not found:
        return []
    return [
        f"this machine was busy: {', '.join(found)}. This slows contestants whose threads spin while they wait, as "
        "PyTorch does, more than others. Measure again when the machine is idle"
    ]


def _scaled(value: float | None, factor: float, digits: int) -> str:
    return NONE if value is None else f"{value * factor:.{digits}f}"
