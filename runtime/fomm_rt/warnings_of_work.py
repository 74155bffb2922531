"""Collects the warnings that the logger "fomm_rt" gets while something is done."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from typing_extensions import override


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Yields a list that takes the warnings of the logger "fomm_rt"."""
    notes: list[str] = []

    class _Collector(logging.Handler):
        @override
        def emit(self, record: logging.LogRecord) -> None:
            notes.append(record.getMessage())

    logger, collector = logging.getLogger("fomm_rt"), _Collector(logging.WARNING)
    logger.addHandler(collector)
    try:
        yield notes
    finally:
        logger.removeHandler(collector)
