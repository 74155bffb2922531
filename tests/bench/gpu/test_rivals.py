"""Contestants one by one, on the CPU: the reference first, the others must agree with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import rivals
from rivals import agreement_db, spec_of

from fomm_bench.kernel_path.pictures import clip


def measured(monkeypatch: pytest.MonkeyPatch, name: str, model: Path, folder: Path) -> int:
    monkeypatch.setattr(rivals, "REFERENCE", "pytorch")
    monkeypatch.setattr(rivals, "WARM_UP_S", 0.0)
    arguments = ["rivals.py", name, "-m", str(model), "-o", str(folder), "--frames", "3", "--batch", "2"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as caught:
        rivals.main()
    if isinstance(caught.value.code, str):
        raise caught.value
    return int(caught.value.code or 0)


def test_measures_against_the_reference(
    monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="missing; measure pytorch first"):
        measured(monkeypatch, "pytorch-cached", tiny_folder, tmp_path)
    assert measured(monkeypatch, "pytorch", tiny_folder, tmp_path) == 0
    assert measured(monkeypatch, "pytorch-cached", tiny_folder, tmp_path) == 0
    reference, other = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("pytorch", "pytorch-cached"))
    assert reference["psnr_db"] is None
    assert other["psnr_db"] >= 48
    assert other["times_faster_than_reference"] == pytest.approx(
        reference["latency_ms"]["p50"] / other["latency_ms"]["p50"]
    )
    assert len(other["latency_ms"]["samples"]) == 3
    assert other["frames_per_s"] > 0
    assert "× the reference" in capsys.readouterr().out


def test_without_agreement_no_speed(monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tmp_path: Path) -> None:
    assert measured(monkeypatch, "pytorch", tiny_folder, tmp_path) == 0
    monkeypatch.setattr(rivals, "agreement_db", lambda *_: 30.0)
    assert measured(monkeypatch, "pytorch-cached", tiny_folder, tmp_path) == 1
    document = json.loads((tmp_path / "pytorch-cached.json").read_text())
    assert document["error"] == "30.0 dB, at least 48 required; no speed is reported"
    assert "latency_ms" not in document


def test_agreement_is_of_the_worst_frame() -> None:
    pictures = clip(16)[:3]
    other = pictures.copy()
    other[1] ^= 1
    assert agreement_db(pictures, pictures) > 100
    assert agreement_db(other, pictures) == pytest.approx(48.1, abs=0.1)


def test_needs_stand_in_weights(bundled: str) -> None:
    with pytest.raises(SystemExit, match="expected stand-in weights; for a checkpoint use fomm-rt bench"):
        spec_of(bundled)


@pytest.fixture
def bundled() -> str:
    from fomm_rt.bundled import open_model

    return str(open_model(None).path)
