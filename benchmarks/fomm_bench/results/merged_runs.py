"""Several runs side by side: by model, size and machine, each ratio within its own run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fomm_bench.machine.environment import describe_machine, same_machine
from fomm_bench.results.results_file import document_of, read_results
from fomm_bench.results.run_result import Results
from fomm_bench.results.table import NONE, aligned, by_speed, describe_spread, milliseconds


@dataclass(frozen=True)
class Merged:
    """Runs and the names of their files.

    Attributes:
        files: One for each run.
        runs: As read.
        here: This machine's environment.
    """

    files: list[Path]
    runs: list[Results]
    here: dict[str, Any]

    @classmethod
    def read(cls, files: Sequence[Path], here: dict[str, Any]) -> Merged:
        """Reads results files.

        Raises:
            BenchmarkError: One is none, or of another version.
        """
        return cls(list(files), [read_results(path) for path in files], here)

    def render(self) -> str:
        """A table for each model, size and machine."""
        return "\n\n".join("\n".join(self._table(group)) for group in self._groups())

    def as_json(self) -> dict[str, Any]:
        """The runs by file."""
        return {
            "runs": [
                {"file": str(path), "this_machine": same_machine(run.environment, self.here), **document_of(run)}
                for path, run in zip(self.files, self.runs, strict=True)
            ]
        }

    def _groups(self) -> list[list[int]]:
        """Numbers of runs of one model, size and machine."""
        groups: list[list[int]] = []
        for number, run in enumerate(self.runs):
            for group in groups:
                first = self.runs[group[0]]
                same_model = all(run.model[key] == first.model[key] for key in ("label", "identity", "size"))
                if same_model and same_machine(run.environment, first.environment):
                    group.append(number)
                    break
            else:
                groups.append([number])
        return groups

    def _table(self, group: Sequence[int]) -> list[str]:
        first = self.runs[group[0]]
        machine = describe_machine(first.environment)
        if not same_machine(first.environment, self.here):
            machine += " (another machine than this one)"
        lines = [f"{first.model['label']}, {first.model['size']}×{first.model['size']}, on {machine}"]
        several = len(group) > 1
        rows = [[*(["run"] if several else []), "", "frames", "p50 ms", "fps", "times as fast", "as", "agreement"]]
        notes = []
        for number in group:
            run = self.runs[number]
            label = self.files[number].as_posix()
            for contestant in by_speed(run):
                latency, agreement = contestant.latency, contestant.agreement
                assert latency is not None
                reference = run.reference_of(contestant)
                is_reference = run.is_reference(contestant)
                rows.append(
                    [
                        *([label] if several else []),
                        contestant.name,
                        str(latency.frames),
                        milliseconds(latency.p50),
                        f"{latency.fps:.1f}",
                        "1" if is_reference else describe_spread(run.speedup(contestant)),
                        NONE if is_reference or reference is None else reference.name,
                        "reference" if is_reference or agreement is None else agreement.describe(),
                    ]
                )
            prefix = f"{label}: " if several else ""
            notes += [f"{prefix}{c.name} {c.state}: {c.reason}" for c in run.contestants if c.state != "measured"]
        return [*lines, *(aligned(rows, 1 + several) if len(rows) > 1 else []), *notes]
