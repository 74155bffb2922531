"""Tables of several runs: one for each model, size and machine. Every ratio stays within its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fomm_bench.results.environment import Environment
from fomm_bench.results.results_file import document_of, read_results, results_in
from fomm_bench.results.run_result import RunResult
from fomm_bench.results.table import (
    NONE,
    aligned,
    describe_agreement,
    describe_load,
    describe_speedup,
    milliseconds,
    without_speed,
)


@dataclass(frozen=True)
class MergedRuns:
    """Runs, the file of each, and the environment of this machine."""

    files: list[Path]
    runs: list[RunResult]
    here: Environment

    @classmethod
    def read(cls, files: Sequence[Path], here: Environment) -> MergedRuns:
        """Reads results files, or those of folders. Raises BenchmarkError like `read_results`."""
        found = [file for path in files for file in results_in(path)]
        return cls(found, [read_results(path) for path in found], here)

    def render(self) -> str:
        """A table for each model, size and machine."""
        return "\n\n".join("\n".join(self._table(group)) for group in self._groups())

    def as_json(self) -> dict[str, Any]:
        """The runs with their files, as JSON values."""
        return {
            "runs": [
                {"file": str(path), "this_machine": run.environment.machine == self.here.machine, **document_of(run)}
                for path, run in zip(self.files, self.runs, strict=True)
            ]
        }

    def _groups(self) -> list[list[int]]:
        """Indices of runs of one model, size and machine."""
        groups: dict[tuple[object, ...], list[int]] = {}
        for index, run in enumerate(self.runs):
            key = (run.model.label, run.model.identity, run.model.size, run.environment.machine)
            groups.setdefault(key, []).append(index)
        return list(groups.values())

    def _table(self, group: Sequence[int]) -> list[str]:
        first, several = self.runs[group[0]], len(group) > 1
        machine = first.environment.describe()
        if first.environment.machine != self.here.machine:
            machine += " (not this machine)"
        lines = [f"{first.model.label}, {first.model.size}×{first.model.size}, on {machine}"]
        rows = [["run"] * several + ["", "frames", "p50 ms", "fps", "times as fast", "as", "agreement"]]
        notes = []
        for index in group:
            run, file = self.runs[index], self.files[index].as_posix()
            for contestant in run.by_speed():
                latency, reference = contestant.latency, run.reference_of(contestant)
                assert latency is not None
                rows.append(
                    [
                        *([file] * several),
                        contestant.name,
                        str(latency.frames),
                        milliseconds(latency.p50),
                        f"{latency.fps:.1f}",
                        describe_speedup(run, contestant),
                        NONE if run.is_reference(contestant) or reference is None else reference.name,
                        describe_agreement(run, contestant),
                    ]
                )
            prefix = f"{file}: " * several
            load = describe_load(run)
            notes += [] if load is None else [f"{prefix}the machine was busy: {load}"]
            notes += [f"{prefix}{line}" for line in without_speed(run)]
        return [*lines, *(aligned(rows, 1 + several) if len(rows) > 1 else []), *notes]
