"""Training states are read back complete; damaged and foreign files are rejected."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fomm_rt.errors import OutputError, TrainingError
from fomm_train.loop.state import load_training_state, save_training_state


def test_a_saved_state_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "training.state"
    save_training_state(path, {"step": 3, "mean": {"a": torch.arange(4.0)}})
    state = load_training_state(path)
    assert state["step"] == 3
    assert torch.equal(state["mean"]["a"], torch.arange(4.0))
    assert [p.name for p in tmp_path.iterdir()] == ["training.state"]


@pytest.mark.parametrize("position", [30, 100, -1])
def test_rejects_a_damaged_state_by_name(tmp_path: Path, position: int) -> None:
    path = tmp_path / "training.state"
    save_training_state(path, {"step": 3, "mean": {"a": torch.arange(4.0)}})
    content = bytearray(path.read_bytes())
    content[position] ^= 0x41
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"training\.state: .*damaged"):
        load_training_state(path)


def test_rejects_a_truncated_state(tmp_path: Path) -> None:
    path = tmp_path / "training.state"
    save_training_state(path, {"step": 3})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TrainingError, match="damaged"):
        load_training_state(path)


def test_rejects_another_file(tmp_path: Path) -> None:
    path = tmp_path / "training.state"
    torch.save({"step": 3}, path)
    with pytest.raises(TrainingError, match="expected a training state"):
        load_training_state(path)


def test_a_failed_write_keeps_the_earlier_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "training.state"
    save_training_state(path, {"step": 3})

    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="no space left"):
        save_training_state(path, {"step": 4})
    assert load_training_state(path)["step"] == 3
    assert [p.name for p in tmp_path.iterdir()] == ["training.state"]
