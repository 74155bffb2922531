"""The log of a run, as CSV: each row holds the mean of every loss over the steps since the row before."""

import csv
from pathlib import Path
from statistics import fmean

from fomm_rt.files.staging import replacing


class TrainingLog:
    """Collects losses and writes rows; rows after `step`, which a resumed run repeats, are dropped."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.rows = [row for row in read_log(path) if int(row["step"]) <= step]
        self._since: dict[str, list[float]] = {}

    def add(self, losses: dict[str, float]) -> None:
        """Adds the losses of one step."""
        for name, value in losses.items():
            self._since.setdefault(name, []).append(value)

    def write(self, step: int) -> None:
        """Writes the means since the last row as the row of a step."""
        means = {name: f"{fmean(values):.5f}" for name, values in self._since.items()}
        self.rows.append({"step": str(step), **means})
        self._since = {}
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        with replacing(self.path) as path, path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def read_log(path: Path) -> list[dict[str, str]]:
    """The complete rows of a log; an empty list without a log."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if (row.get("step") or "").isdecimal()]
    except OSError:
        return []
