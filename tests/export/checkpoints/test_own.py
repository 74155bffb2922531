"""The project's own checkpoints are written, recognised and exported under their name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import onnx
import pytest
import torch

from fomm_export.checkpoints.checkpoint import load_checkpoint
from fomm_export.checkpoints.configuration_file import OWN_CHECKPOINTS, load_configuration
from fomm_export.checkpoints.own import save_own_checkpoint
from fomm_export.checkpoints.own_names import OWN_NAMES
from fomm_export.checkpoints.stand_in import stand_in_weights
from fomm_export.export_model import export_checkpoint
from fomm_export.networks.model import build_networks
from fomm_rt.bundled import open_bundled_model
from fomm_rt.errors import CheckpointError, OutputError
from fomm_rt.model.folder import ModelFolder, sha256_of
from fomm_rt.model.known_weights import OWN_SHA256
from fomm_rt.model.manifest import read_manifest

NAME = OWN_NAMES[0]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "any-name.safetensors"
    save_own_checkpoint(path, *stand_in_weights(load_configuration(NAME), 3), name=NAME)
    return path


def test_convolutions_are_stored_as_float16(checkpoint: Path) -> None:
    kp_detector, generator = stand_in_weights(load_configuration(NAME), 3)
    loaded = load_checkpoint(checkpoint)
    assert loaded.own == NAME
    for given, found in ((kp_detector, loaded.kp_detector), (generator, loaded.generator)):
        for name, tensor in given.items():
            if not tensor.is_floating_point():
                continue
            exact = tensor.half() if tensor.ndim == 4 else tensor
            assert torch.equal(found[name].float(), exact.float()), name
    build_networks(load_configuration(NAME), loaded.kp_detector, loaded.generator)


def test_finds_the_configuration_by_the_name_in_the_header(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header tells the configuration; only the hash tells whose weights they are."""
    folder = export_checkpoint(checkpoint, tmp_path / "model")
    weights = folder.manifest.weights
    assert (weights.origin, weights.file) == ("unknown", NAME)
    assert "unknown origin" in weights.describe()
    monkeypatch.setitem(OWN_SHA256, NAME, sha256_of(checkpoint))
    weights = read_manifest(folder.path).weights
    assert (weights.origin, weights.file) == ("own", NAME)
    assert "drawn faces" in weights.describe()


def test_unknown_name_in_the_header_needs_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_own_checkpoint(path, *stand_in_weights(load_configuration(NAME), 3), name="of-a-later-version")
    with pytest.raises(CheckpointError, match="--config"):
        export_checkpoint(path, tmp_path / "model")


def test_full_disk_keeps_the_earlier_checkpoint(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = checkpoint.read_bytes()

    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="no space left"):
        save_own_checkpoint(checkpoint, *stand_in_weights(load_configuration(NAME), 4), name=NAME)
    assert checkpoint.read_bytes() == before
    assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_shipped_checkpoint_is_small_and_is_the_bundled_one() -> None:
    # faces-256 has a configuration to train, and no weights yet.
    path, name = next((path, path.stem) for path in OWN_CHECKPOINTS.glob("*.safetensors") if path.stem in OWN_NAMES)
    assert path.stat().st_size <= 12_000_000
    loaded = load_checkpoint(path)
    assert loaded.own == name
    networks = build_networks(load_configuration(name), loaded.kp_detector, loaded.generator)
    assert networks.size == 256
    assert open_bundled_model().manifest.weights.sha256 == loaded.sha256
    assert open_bundled_model().manifest.name == name
    card = (OWN_CHECKPOINTS / f"{name}.md").read_text(encoding="utf-8")
    assert loaded.sha256 in card
    # A measure may fall short only if the card discusses it.
    assert "| not met |" not in card or "## What fell short" in card


def test_bundled_model_is_what_export_makes(tmp_path: Path) -> None:
    """A stale bundled model would show what this code no longer does."""
    made = export_checkpoint(OWN_CHECKPOINTS / f"{NAME}.safetensors", tmp_path / NAME)
    assert described(open_bundled_model()) == described(made), "publish it again"


def described(folder: ModelFolder) -> dict[str, object]:
    """File name -> inputs, outputs and count of every operator."""
    return {
        file.file: (
            file.inputs,
            file.outputs,
            Counter(node.op_type for node in onnx.load(folder.path / file.file).graph.node),
        )
        for file in folder.manifest.files
    }
