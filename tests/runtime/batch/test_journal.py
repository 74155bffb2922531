"""The journal: what a killed run leaves can be read, and one run has it at a time."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from fomm_rt import OutputError
from fomm_rt.batch.journal import Entry, Journal, open_journal, read_entries


def entry(name: str, identity: str = "i", error: str | None = "e") -> Entry:
    return Entry(output=name, identity=identity, error=error)


def _fill(journal: Journal) -> None:
    for number in range(10_000):
        journal.add(entry(f"{number}.mp4", error="e" * 200))


def test_the_newest_entry_counts(tmp_path: Path) -> None:
    with open_journal(tmp_path / "out") as journal:
        journal.add(entry("a.mp4", "old"))
        journal.add(entry("b.mp4"))
        journal.add(entry("a.mp4", "new"))
    assert {name: each.identity for name, each in read_entries(tmp_path / "out").items()} == {
        "a.mp4": "new",
        "b.mp4": "i",
    }
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["journal.jsonl"]


def test_a_line_that_was_cut_off_is_dropped_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with open_journal(tmp_path) as journal:
        journal.add(entry("a.mp4"))
        journal.add(entry("ä.mp4"))
    content = path.read_bytes()
    whole = content.index(b"\n") + 1
    for end in range(whole, len(content)):
        path.write_bytes(content[:end])
        assert set(read_entries(tmp_path)) == {"a.mp4"}
        with open_journal(tmp_path) as journal:
            journal.add(entry("c.mp4"))
        assert set(read_entries(tmp_path)) == {"a.mp4", "c.mp4"}


def test_a_damaged_line_costs_its_own_job_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_journal(tmp_path) as journal:
        for name in ("a.mp4", "b.mp4", "c.mp4"):
            journal.add(entry(name))
    path = tmp_path / "journal.jsonl"
    first, second, *rest = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([first, b"\0" * len(second), *rest]))
    with caplog.at_level(logging.WARNING):
        assert set(read_entries(tmp_path)) == {"a.mp4", "c.mp4"}
    assert "line 2 is damaged" in caplog.text


def test_two_runs_cannot_write_to_one_folder(tmp_path: Path) -> None:
    with open_journal(tmp_path), pytest.raises(OutputError, match="another fomm-rt batch"), open_journal(tmp_path):
        pass
    with open_journal(tmp_path):
        pass


def test_a_full_disk_leaves_whole_lines(tiny_disk: Path) -> None:
    with open_journal(tiny_disk) as journal, pytest.raises(OutputError, match="no space left"):
        _fill(journal)
    content = (tiny_disk / "journal.jsonl").read_bytes()
    assert content.endswith(b"\n")
    assert len(read_entries(tiny_disk)) == content.count(b"\n")
