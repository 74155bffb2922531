"""The study of live outputs runs, and its recordings hold what was written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from live_outputs import PRESETS, frames, main, recorded


def test_slower_presets_write_fewer_bytes(tmp_path: Path) -> None:
    pictures = frames(20)
    assert len(pictures) == 20
    ultrafast, veryfast = (recorded(preset, pictures, tmp_path)[1] for preset in ("ultrafast", "veryfast"))
    assert veryfast < 0.8 * ultrafast
    assert (tmp_path / "veryfast.mkv").stat().st_size == round(veryfast * 20)


def test_prints_two_tables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["live_outputs.py", "--frames", "3", "--rounds", "1"])
    main()
    printed = capsys.readouterr().out
    assert "| an avatar of 256×256 |" in printed
    assert all(f"| {preset} |" in printed for preset in PRESETS)
