"""Shows the records of the logger "fomm_rt", to which all packages of this project log."""

from __future__ import annotations

import logging
from collections.abc import Callable

from typing_extensions import override

LOGGER = "fomm_rt"

Print = Callable[[str], None]


class ReportedWarnings(logging.Handler):
    """Passes on the text of warnings and errors."""

    def __init__(self, report: Print) -> None:
        super().__init__(logging.WARNING)
        self._report = report

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._report(record.getMessage())


class PrintedLog(logging.Handler):
    """Prints records below the level of a warning, with seconds since the start of the process, level and module.

    For example: "   0.52 s debug fomm_rt.media.read.video_reader: talking.mp4: 175 frames of 256×256".
    """

    def __init__(self, print_line: Print) -> None:
        super().__init__(logging.DEBUG)
        self.addFilter(lambda record: record.levelno < logging.WARNING)
        self._print = print_line

    @override
    def emit(self, record: logging.LogRecord) -> None:
        seconds = record.relativeCreated / 1e3
        self._print(f"{seconds:7.2f} s {record.levelname.lower()} {record.name}: {record.getMessage()}")
