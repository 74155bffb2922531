"""Puts the stand-in for the driver into a pytest process, and fails tests that it complains of.

    PYTHONPATH=tests python -m pytest -p driver_stand_in.plugin tests/gpu

A test that provokes complaints names them: `@pytest.mark.provokes("a regular expression", …)`.
"""

from __future__ import annotations

import gc
import json
import os
import re
from collections.abc import Generator

import pytest

from driver_stand_in.forwarding import REPORTS_TO
from driver_stand_in.loaded import stand_in


class StandInPlugin:
    """Reads the complaints after each test. What a test has made must be gone when it ends."""

    def __init__(self, config: pytest.Config) -> None:
        self.stand_in = stand_in()
        self.stand_in.register_kernels()
        self._config = config
        self._made_before = 0
        self._failed = self._ran = False
        self._excused: set[int] = set()
        self._reports = os.environ.get(REPORTS_TO)

    def pytest_runtest_setup(self) -> None:
        """A test may be skipped before it runs, after fixtures of the session have made what they keep."""
        self._ran = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Fails a test for complaints of its call."""
        self._made_before = self.stand_in.objects_made()
        self._failed = self._ran = True
        try:
            yield
        except BaseException:
            item.add_report_section("call", "complaints", "\n".join(self.stand_in.complaints()))
            raise
        self._fail_for(self._unprovoked(item))
        self._failed = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
        """Fails a test for complaints of its teardown, and for what it leaves."""
        try:
            yield
        finally:
            self.stand_in.mend()
        item.__dict__.pop("funcargs", None)  # the last references to what fixtures have given
        complaints = self.stand_in.complaints()
        if item.get_closest_marker("may_leave"):
            self._excused |= {left.number for left in self.stand_in.leftovers(self._made_before)}
        if nextitem is None and not self._failed:
            complaints += self._left(0)
        elif self._ran and not self._failed:
            complaints += self._left(self._made_before)
        self._fail_for(complaints)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Sends a report to the process that has started this one."""
        if self._reports is not None:
            given = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
            os.write(int(self._reports), json.dumps(given).encode() + b"\n")

    def _unprovoked(self, item: pytest.Item) -> list[str]:
        """Returns the complaints that a test does not name, and a sentence for each that it names in vain."""
        complaints = self.stand_in.complaints()
        provoked = [text for marker in item.iter_markers("provokes") for text in marker.args]
        in_vain = [f"nothing provoked: {text}" for text in provoked if not any(re.search(text, c) for c in complaints)]
        return in_vain + [c for c in complaints if not any(re.search(text, c) for text in provoked)]

    def _left(self, after: int) -> list[str]:
        def leftovers() -> list[str]:
            return [str(left) for left in self.stand_in.leftovers(after) if left.number not in self._excused]

        if leftovers():
            gc.collect()
        left = leftovers()
        return [f"left behind: {', '.join(left)}"] if left else []

    def _fail_for(self, complaints: list[str]) -> None:
        if complaints:
            pytest.fail("the stand-in for the driver complains:\n" + "\n".join(complaints), pytrace=False)


def pytest_configure(config: pytest.Config) -> None:
    """Loads the library before anything asks for a driver."""
    config.pluginmanager.register(StandInPlugin(config), "driver-stand-in")
