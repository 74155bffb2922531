"""Starts the processes of contestants, some in other Pythons."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fomm_bench.contestants.protocol import Entry
from fomm_bench.contestants.registry import choose
from fomm_bench.model.bench_model import BenchModel
from fomm_bench.results.run_result import Ceiling
from fomm_bench.run.session import Session
from fomm_bench.run.worker_process import require_signals, worker_command, worker_environment
from fomm_rt.errors import BenchmarkError

_log = logging.getLogger("fomm_rt")


@dataclass(frozen=True)
class Launcher:
    """Starts the processes of contestants. Raises BenchmarkError where their processes cannot take turns.

    Attributes:
        folder, timeout_s: See `worker_environment` and `WorkerProcess`.
        pythons: Contestant -> executable of another Python.
    """

    folder: Path
    pythons: Mapping[str, str]
    timeout_s: float

    def __post_init__(self) -> None:
        require_signals()

    def start(self, entry: Entry) -> Session:
        """Starts the process of a contestant."""
        return self._session(entry.name)

    def why_unavailable(self, entry: Entry, model: BenchModel) -> str | None:
        """Why a contestant cannot run; None if it can, or if only its own Python can tell."""
        return None if entry.name in self.pythons else entry.why_unavailable(model.spec)

    def measure_ceiling(self, threads: int) -> Ceiling | None:
        """Measures the ceiling in a process of its own; None if that fails, because nothing else depends on it."""
        session = self._session("ceiling")
        try:
            return session.ceiling(threads)
        except BenchmarkError as error:
            _log.warning("the machine's ceiling is not measured: %s", error)
            return None
        finally:
            session.close()

    def _session(self, name: str) -> Session:
        python = self.pythons.get(name)
        environment = worker_environment(self.folder, python)
        return Session(name, worker_command(name, python), environment, self.timeout_s)


def parse_pythons(texts: Sequence[str], taking_part: Iterable[str]) -> dict[str, str]:
    """Parses CONTESTANT=PATH texts. Raises BenchmarkError if one names no participant or no executable file."""
    pythons: dict[str, str] = {}
    known = set(taking_part)
    for text in texts:
        name, _, path = text.partition("=")
        if not path:
            raise BenchmarkError(f"--python: expected CONTESTANT=PATH, such as openvino=/usr/bin/python3; got {text!r}")
        choose([name])
        if name not in known:
            raise BenchmarkError(f"--python: {name} takes no part; add it with -c {name}, or leave out {text!r}")
        if not (Path(path).is_file() and os.access(path, os.X_OK)):
            raise BenchmarkError(f"--python: {path} is not an executable file; give the path of a Python")
        pythons[name] = path
    return pythons
