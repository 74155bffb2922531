"""The jobs of a batch as lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fomm_rt.batch.job import JobResult

MOST_LINES = 60
"""Of more jobs, only those that failed are listed."""


def line_of(result: JobResult) -> str:
    """How a job ended, such as "dog.mp4: 175 frames in 9.1 s"."""
    name = result.job.output
    where = "" if result.where is None else f" on {result.where}"
    if result.state == "failed":
        again = "" if result.attempts else " in an earlier run; --retry-failed tries again"
        return f"{name}: failed{again}{where}: {result.error}"
    if result.animated is None:
        return f"{name}: {result.state}"
    what = f"{result.animated.frames} frames"
    if result.state == "present":
        return f"{name}: present, {what}"
    return f"{name}: {what} in {result.animated.seconds:.1f} s{where}"


def totals(results: Sequence[JobResult]) -> str:
    """How many jobs ended how, such as "38 made, 2 failed"."""
    states = Counter(result.state for result in results)
    return ", ".join(
        f"{count} {state}" for state, count in sorted(states.items(), key=lambda item: item[0] == "failed")
    )


def table_of(results: Sequence[JobResult]) -> str:
    """The jobs as a table: result, state, frames, seconds; failures in words below it."""
    shown = results if len(results) <= MOST_LINES else [each for each in results if each.state == "failed"]
    rows = [("result", "state", "frames", "seconds"), *map(_row, shown)] if shown else []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{name:<{widths[0]}}  {state:<{widths[1]}}  {frames:>{widths[2]}}  {seconds:>{widths[3]}}".rstrip()
        for name, state, frames, seconds in rows
    ]
    failures = [line_of(each) for each in results if each.state == "failed"]
    return "\n".join([*lines, *([""] if failures and lines else []), *failures])


def _row(result: JobResult) -> tuple[str, str, str, str]:
    made = result.animated
    return (
        result.job.output,
        result.state,
        "" if made is None else str(made.frames),
        "" if made is None else f"{made.seconds:.1f}",
    )
