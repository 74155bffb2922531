"""What the soak takes for growth."""

from __future__ import annotations

import soak


def rows(*megabytes: float, threads: int = 4, last_threads: int = 4) -> list[soak.Row]:
    found = [{"resident_bytes": int(each * 1e6), "threads": threads, "open_files": 6} for each in megabytes]
    found[-1]["threads"] = last_threads
    return found


def test_growth_of_the_first_half_is_allowed() -> None:
    assert soak.growth(rows(150, 200, 205, 206, 208, 207)) == []


def test_growth_of_the_second_half_is_found() -> None:
    assert soak.growth(rows(150, 200, 205, 210, 215, 220)) == ["memory grows to 1.07 of the first half"]


def test_more_threads_are_found() -> None:
    assert soak.growth(rows(200, 200, 200, last_threads=6)) == []
    assert soak.growth(rows(200, 200, 200, last_threads=7)) == ["threads grow from 4 to 7"]
