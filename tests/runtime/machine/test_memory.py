"""The memory that a process may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from fomm_rt.batch.local_workers import choose_workers
from fomm_rt.machine import memory


@pytest.fixture
def limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the limit of a container that has 64 GiB of physical memory."""
    file = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "MEMORY_LIMITS", (file, tmp_path / "missing"))
    monkeypatch.setattr(memory, "physical_bytes", lambda: 64 << 30)
    return file


@pytest.mark.parametrize(
    ("text", "allowed"), [("2147483648\n", 2 << 30), ("max\n", 64 << 30), (f"{1 << 63}\n", 64 << 30)]
)
def test_the_limit_of_a_container_counts_where_it_is_lower(limit: Path, text: str, allowed: int) -> None:
    limit.write_text(text, encoding="ascii")
    assert memory.allowed_bytes() == allowed


def test_without_a_container_it_is_the_physical_memory(limit: Path) -> None:
    assert not limit.exists()
    assert memory.allowed_bytes() == 64 << 30


def test_a_batch_starts_no_more_workers_than_fit_into_the_container(
    limit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fomm_rt.batch.local_workers.allowed_cores", lambda: 16)
    assert len(choose_workers(None, 100, "cpu", None).environments) == 16
    limit.write_text(str(3 << 30), encoding="ascii")
    assert len(choose_workers(None, 100, "cpu", None).environments) == 3
