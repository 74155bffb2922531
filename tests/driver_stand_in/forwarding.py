"""Runs tests that need the stand-in for the driver in a process that has it, among the other tests.

Tests marked `stand_in` always run there; those marked `gpu` do on a machine without a GPU. Those of a file share one
process, which starts with the first one. Their reports appear as if they had run here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import pytest

from driver_stand_in.build import compiler_problem
from fomm_kernels import driver_problem
from gpu_rigs import is_gpu_promised

TESTS = Path(__file__).parents[1]
REPORTS_TO = "FOMM_STAND_IN_REPORTS_TO"
"""Number of the file descriptor that the other process writes its reports to, as lines of JSON."""


def problem() -> str | None:
    """Says why there can be no stand-in here; None if there can."""
    try:
        import cuda.bindings
        import cuda.core  # noqa: F401
    except ImportError as error:
        return f"the stand-in for the driver needs CUDA's Python packages ({error})"
    return compiler_problem()


class Forwarding:
    """Starts a process for each file, and hands on its reports."""

    def __init__(self) -> None:
        self._process: StandInProcess | None = None
        self._file: Path | None = None
        self._forwarded: dict[str, pytest.Item] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Finds the tests to forward."""
        on_gpu = is_gpu_promised() or all(item.get_closest_marker("gpu") is None for item in session.items)
        on_gpu = on_gpu or driver_problem() is None
        for item in session.items:
            if item.get_closest_marker("stand_in") or (item.get_closest_marker("gpu") and not on_gpu):
                self._forwarded[item.nodeid] = item
        if self._forwarded and (reason := problem()):
            if os.environ.get("FOMM_REQUIRE_STAND_IN", "0") != "0":
                raise pytest.UsageError(f"FOMM_REQUIRE_STAND_IN is set, but {reason}")
            for item in self._forwarded.values():
                item.add_marker(pytest.mark.skip(reason=reason))
            self._forwarded.clear()

    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Reports a test that runs in the other process."""
        if item.nodeid not in self._forwarded:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._process_of(item).reports(item):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        # An earlier test of this process has left set up what this one shares with it, such as their folder.
        item.session._setupstate.teardown_exact(nextitem)
        return True

    def pytest_sessionfinish(self) -> None:
        """Ends the process."""
        self._end()

    def _process_of(self, item: pytest.Item) -> StandInProcess:
        if self._process is None or self._file != item.path:
            self._end()
            node_ids = [node_id for node_id, other in self._forwarded.items() if other.path == item.path]
            self._process, self._file = StandInProcess(node_ids, item.config), item.path
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


class StandInProcess:
    """A pytest process with the stand-in for the driver.

    Args:
        node_ids: The tests to run, in this order.
        config: Of this process.
    """

    def __init__(self, node_ids: list[str], config: pytest.Config) -> None:
        self._config = config
        self._reports: defaultdict[str, list[Any]] = defaultdict(list)
        self._folder = TemporaryDirectory()
        self._output = Path(self._folder.name) / "output"
        arguments = Path(self._folder.name) / "arguments"
        arguments.write_text("".join(f"{node_id}\n" for node_id in node_ids))
        read_end, write_end = os.pipe()
        command = [sys.executable, "-m", "pytest", "-p", "driver_stand_in.plugin", "-p", "no:cacheprovider"]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, "--color=no", f"@{arguments}"],
                cwd=config.rootpath,
                env=_environment(write_end),
                pass_fds=[write_end],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        os.close(write_end)
        self._lines: IO[str] = os.fdopen(read_end)

    def reports(self, item: pytest.Item) -> list[pytest.TestReport]:
        """Waits for the reports of a test; returns a failure if the process ends without."""
        reports = self._reports[item.nodeid]
        while not reports or reports[-1].when != "teardown":
            line = self._lines.readline()
            if not line:
                return [*reports, self._missing(item)]
            report = self._config.hook.pytest_report_from_serializable(config=self._config, data=json.loads(line))
            if report.skipped and isinstance(report.longrepr, list):
                report.longrepr = tuple(report.longrepr)  # which JSON does not have
            self._reports[report.nodeid].append(report)
        return reports

    def close(self) -> None:
        """Ends the process, and forgets it."""
        self._process.kill()
        self._process.wait()
        self._lines.close()
        self._folder.cleanup()

    def _missing(self, item: pytest.Item) -> pytest.TestReport:
        status = self._process.wait()
        said = self._output.read_text(errors="replace")[-10_000:]
        text = f"the process with the stand-in for the driver ended with {status}, without this test:\n{said}"
        return pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call")


def _environment(reports_to: int) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, REPORTS_TO: str(reports_to)}
