"""Model folders: their content, and the inputs that are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest
import torch
import yaml

from fomm_export import write_model
from fomm_export.checkpoints.stand_in import stand_in_weights
from fomm_export.export_model import ExportOptions, export_checkpoint, export_networks, export_stand_in
from fomm_export.networks.model import Networks
from fomm_export.onnx.parity import TOLERANCES
from fomm_export.rewrites.portable import rewrite_for_inference
from fomm_rt.errors import CheckpointError, ParityError
from fomm_rt.model.conventions import conventions, conventions_of
from fomm_rt.model.folder import open_model_folder, sha256_of
from fomm_rt.model.manifest import NETWORKS, Weights
from golden_files import Golden

GOLDEN = Golden("small_aligned")
WEIGHTS = Weights("stand-in", "test", None, None)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    detector, generator = stand_in_weights(GOLDEN.configuration, 1)
    path = tmp_path / "own.pth.tar"
    torch.save({"kp_detector": detector, "generator": generator}, path)
    return path


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(
        yaml.safe_dump({"dataset_params": {"frame_shape": [64, 64, 3]}, "model_params": GOLDEN.meta["model_params"]})
    )
    return str(path)


def test_exports_a_checkpoint_to_a_folder(tmp_path: Path, checkpoint: Path, config: str) -> None:
    steps: list[str] = []
    folder = export_checkpoint(checkpoint, tmp_path / "made" / "own", config=config, progress=steps.append)
    manifest = folder.manifest
    assert steps[-1] == "checking parity with PyTorch"
    assert (manifest.name, manifest.size, manifest.align_corners) == ("own", 64, True)
    assert manifest.weights == Weights("unknown", "own.pth.tar", sha256_of(checkpoint), None)
    assert manifest.tools["torch"] == torch.__version__
    assert set(manifest.networks) == set(NETWORKS)
    tolerances = {name: tolerance for name, tolerance in TOLERANCES.items() if name != "blend_mask"}  # it has none
    for name, tolerance in tolerances.items():
        assert 0 <= manifest.parity["max_abs"][name] <= tolerance
    assert set(manifest.parity["max_abs"]) == set(tolerances)
    assert manifest.parity["prediction_levels"] <= 1
    arranged = ["generator.cpu.onnx", "source_encoder.cpu.onnx"]
    files = [*(f"{n}.onnx" for n in NETWORKS), *arranged, "model.json"]
    assert sorted(p.name for p in folder.path.iterdir()) == sorted(files)
    assert [p.name for p in folder.path.parent.iterdir()] == ["own"]


def test_files_describe_themselves_to_other_programs(small_model: Path) -> None:
    """Also to old ones: IR version 10, which torch writes, is refused by ONNX Runtime 1.17."""
    manifest = open_model_folder(small_model).manifest
    described = conventions(64, True, True)
    assert manifest.conventions == described == conventions_of(manifest)
    variants = [("portable", manifest.networks), *manifest.variants.items()]
    for variant, networks in variants:
        for network, file in networks.items():
            model = onnx.load(small_model / file.file)
            assert model.ir_version == 8
            assert [opset.version for opset in model.opset_import] == [18]
            properties = {entry.key: entry.value for entry in model.metadata_props}
            facts = {"model": manifest.name, "network": network, "variant": variant}
            assert properties == {f"fomm_rt.{key}": text for key, text in (facts | described).items()}
            assert all(text.isascii() for text in properties.values())
            assert not any(node.metadata_props for node in model.graph.node)
            assert str(Path.cwd()) not in str(model.graph.node)


def test_conventions_leave_out_what_a_model_lacks() -> None:
    text = str(conventions(256, False, False))
    assert "jacobian" not in text
    assert "occlusion" not in text
    assert "batch x 3 x 256 x 256" in text


def test_reading_the_manifest_loses_nothing(small_model: Path) -> None:
    manifest = open_model_folder(small_model).manifest
    assert json.loads(manifest.to_json()) == json.loads((small_model / "model.json").read_text())


@pytest.mark.parametrize("size", [32, 128])
def test_exports_other_frame_sizes(tmp_path: Path, config: str, size: int) -> None:
    folder = export_stand_in(tmp_path / "m", config=config, options=ExportOptions(size))
    specs = {s.name: s.shape for n in folder.manifest.networks.values() for s in (*n.inputs, *n.outputs)}
    assert specs["prediction"] == ("batch", 3, size, size)
    # Motion stays at the resolution it was trained at.
    assert specs["deformation"] == ("batch", 16, 16, 2)


def test_rejects_a_size_that_does_not_fit(tmp_path: Path, config: str) -> None:
    with pytest.raises(CheckpointError, match=r"--size: size 100 .* multiple of 16"):
        export_stand_in(tmp_path / "m", config=config, options=ExportOptions(100))


def test_checks_options_before_it_reads_the_checkpoint(tmp_path: Path, config: str) -> None:
    absent = tmp_path / "absent.pth.tar"
    with pytest.raises(CheckpointError, match="vox-adv: expected one of"):
        export_checkpoint(absent, tmp_path / "m", config="vox-adv")
    with pytest.raises(CheckpointError, match="--size: size 100 does not fit"):
        export_checkpoint(absent, tmp_path / "m", config=config, options=ExportOptions(100))


def test_unknown_checkpoint_needs_a_configuration(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match="--config with one of vox-256"):
        export_checkpoint(checkpoint, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def damage(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """Changes one bias of the exported networks, but not of the reference."""

    def rewrite(networks: Networks) -> Networks:
        damaged = rewrite_for_inference(networks)
        assert damaged.generator.final.bias is not None
        damaged.generator.final.bias[0] += value
        return damaged

    monkeypatch.setattr(write_model, "rewrite_for_inference", rewrite)


def test_parity_failure_keeps_the_earlier_model(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Path(shutil.copytree(small_model, tmp_path / "m"))
    damage(monkeypatch, 0.01)
    with pytest.raises(ParityError, match=r"prediction differs by 0\.00"):
        export_networks(Golden("small").networks, WEIGHTS, output)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert open_model_folder(output).manifest.align_corners


def test_rejects_values_that_are_not_finite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(monkeypatch, float("nan"))
    with pytest.raises(ParityError, match="prediction differs by inf"):
        export_networks(Golden("small").networks, WEIGHTS, tmp_path / "m")
    assert not (tmp_path / "m").exists()
