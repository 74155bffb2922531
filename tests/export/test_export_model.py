"""Model folders: what they hold, when they are refused, and that they appear whole or not at all."""

from __future__ import annotations

import copy
import errno
import importlib.resources
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
import yaml

from fomm_export import export_model
from fomm_export.checkpoints.stand_in import stand_in_weights
from fomm_export.export_model import export_checkpoint, export_networks, export_stand_in
from fomm_export.networks.model import Networks
from fomm_export.onnx.graphs import model_graphs
from fomm_export.onnx.parity import TOLERANCES, allowed, check_parity
from fomm_export.onnx.probe_network import probe_network
from fomm_export.rewrites.portable import rewrite_for_inference
from fomm_rt.errors import CheckpointError, OutputError, ParityError
from fomm_rt.model.folder import ModelFolder, open_model_folder, sha256_of
from fomm_rt.model.manifest import CPU, NETWORKS, Weights
from golden_files import Golden

GOLDEN = Golden("small_aligned")
WEIGHTS = Weights("stand-in", "test", None, None)
ModelOf = Callable[[str], ModelFolder]


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


def test_predictions_of_larger_frames_may_differ_by_more() -> None:
    assert [allowed("prediction", size) for size in (64, 256, 512)] == pytest.approx([1e-4, 1e-4, 2e-4])
    assert allowed("keypoints", 512) == TOLERANCES["keypoints"]


def test_checkpoint_to_folder(tmp_path: Path, checkpoint: Path, config: str) -> None:
    steps: list[str] = []
    folder = export_checkpoint(checkpoint, tmp_path / "made" / "own", config=config, progress=steps.append)
    manifest = folder.manifest
    assert steps[-1] == "checking parity with PyTorch"
    assert (manifest.name, manifest.size, manifest.align_corners) == ("own", 64, True)
    assert manifest.weights == Weights("unknown", "own.pth.tar", sha256_of(checkpoint), None)
    assert manifest.tools["torch"] == torch.__version__
    assert set(manifest.networks) == set(NETWORKS)
    for name, tolerance in TOLERANCES.items():
        assert 0 <= manifest.parity["max_abs"][name] <= tolerance
    assert set(manifest.parity["max_abs"]) == set(TOLERANCES)
    assert manifest.parity["prediction_levels"] <= 1
    arranged = ["generator.cpu.onnx", "source_encoder.cpu.onnx"]
    files = [*(f"{n}.onnx" for n in NETWORKS), *arranged, "model.json"]
    assert sorted(p.name for p in folder.path.iterdir()) == sorted(files)
    assert [p.name for p in folder.path.parent.iterdir()] == ["own"]


def test_the_manifest_survives_reading(small_model: Path) -> None:
    manifest = open_model_folder(small_model).manifest
    assert json.loads(manifest.to_json()) == json.loads((small_model / "model.json").read_text())


@pytest.mark.parametrize("name", ["small_aligned", "small_no_jacobian", "small_no_occlusion"])
def test_graphs(golden_model: ModelOf, name: str) -> None:
    folder = golden_model(name)
    for graph in model_graphs(Golden(name).networks):
        model = onnx.load(folder.network_path(graph.name))
        entry = folder.manifest.networks[graph.name]
        assert [(o.domain, o.version) for o in model.opset_import if o.domain == ""] == [("", 18)]
        assert [i.name for i in model.graph.input] == list(graph.inputs) == [s.name for s in entry.inputs]
        assert [o.name for o in model.graph.output] == list(graph.outputs) == [s.name for s in entry.outputs]
        for spec in (*entry.inputs, *entry.outputs):
            assert spec.shape[0] == "batch"
            assert all(isinstance(size, int) for size in spec.shape[1:])
            assert spec.dtype == "float32"
        inner = {value for node in model.graph.node for value in node.output}
        shapes = {value.name for value in model.graph.value_info}
        assert set(entry.cut_tensors) == set(graph.cuts) <= inner & shapes
        # No path of the exporting machine travels along.
        assert str(Path(__file__).parents[2]).encode() not in model.SerializeToString()


def test_align_corners_reaches_the_graphs(golden_model: ModelOf) -> None:
    for name, expected in (("small", 0), ("small_aligned", 1)):
        folder = golden_model(name)
        assert folder.manifest.align_corners == bool(expected)
        for network in ("dense_motion", "generator"):
            nodes = [n for n in onnx.load(folder.network_path(network)).graph.node if n.op_type == "GridSample"]
            assert len(nodes) == 1
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in nodes[0].attribute}
            assert attributes["align_corners"] == expected
            assert attributes["mode"] == b"bilinear"
            assert attributes["padding_mode"] == b"zeros"


@pytest.mark.parametrize("size", [32, 128])
def test_other_sizes(tmp_path: Path, config: str, size: int) -> None:
    folder = export_stand_in(tmp_path / "m", config=config, size=size)
    specs = {s.name: s.shape for n in folder.manifest.networks.values() for s in (*n.inputs, *n.outputs)}
    assert specs["prediction"] == ("batch", 3, size, size)
    # Motion stays at the resolution it was trained at.
    assert specs["deformation"] == ("batch", 16, 16, 2)


def test_size_that_does_not_fit(tmp_path: Path, config: str) -> None:
    with pytest.raises(CheckpointError, match=r"--size: size 100 .* multiple of 16"):
        export_stand_in(tmp_path / "m", config=config, size=100)


def test_what_is_asked_is_looked_at_before_the_checkpoint(tmp_path: Path, config: str) -> None:
    absent = tmp_path / "absent.pth.tar"
    with pytest.raises(CheckpointError, match="vox-adv: expected one of"):
        export_checkpoint(absent, tmp_path / "m", config="vox-adv")
    with pytest.raises(CheckpointError, match="--size: size 100 does not fit"):
        export_checkpoint(absent, tmp_path / "m", config=config, size=100)


def test_unknown_checkpoint_needs_a_configuration(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match="--config with one of vox-256"):
        export_checkpoint(checkpoint, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def damage(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """Lets what is exported differ from what it is compared with by one bias."""

    def rewrite(networks: Networks) -> Networks:
        damaged = rewrite_for_inference(networks)
        assert damaged.generator.final.bias is not None
        damaged.generator.final.bias[0] += value
        return damaged

    monkeypatch.setattr(export_model, "rewrite_for_inference", rewrite)


def test_parity_failure_leaves_the_earlier_model(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Path(shutil.copytree(small_model, tmp_path / "m"))
    damage(monkeypatch, 0.01)
    with pytest.raises(ParityError, match=r"prediction differs by 0\.00"):
        export_networks(Golden("small").networks, WEIGHTS, output, lambda _: None)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert open_model_folder(output).manifest.align_corners


@pytest.mark.parametrize("variants", [(), (CPU,)])
def test_predictions_agree_to_1e_4(small_model: Path, variants: tuple[str, ...]) -> None:
    folder = open_model_folder(small_model)
    networks = copy.deepcopy(GOLDEN.networks)
    arrangement = {name: folder.network_path(name, variants) for name in NETWORKS}
    assert check_parity(networks, [arrangement]).max_abs["prediction"] <= 1e-4
    assert networks.generator.final.bias is not None
    with torch.no_grad():
        networks.generator.final.bias[0] += 1e-3  # the sigmoid after it passes on a quarter at most
    with pytest.raises(ParityError, match=r"prediction differs by 0\.0002\d* \(allowed 0\.0001\)"):
        check_parity(networks, [arrangement])


def test_values_that_are_not_finite_fail_parity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(monkeypatch, float("nan"))
    with pytest.raises(ParityError, match="prediction differs by inf"):
        export_networks(Golden("small").networks, WEIGHTS, tmp_path / "m", lambda _: None)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("temporary", [False, True])
def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: bool) -> None:
    def full(step: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", step)

    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    output = tmp_path / ("tmp" if temporary else "models") / "m"
    with pytest.raises(OutputError, match=r"No space left on device\); .* choose another folder with -o") as caught:
        small_export(output, full)
    assert ("TMPDIR" in str(caught.value)) is temporary
    assert not list(output.parent.iterdir())


def test_interrupt_leaves_the_earlier_model(tmp_path: Path, small_model: Path) -> None:
    output = Path(shutil.copytree(small_model, tmp_path / "m"))

    def interrupt(step: str) -> None:
        if step == "tracing dense_motion":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_networks(GOLDEN.networks, WEIGHTS, output, interrupt)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert open_model_folder(output).manifest.align_corners


def small_export(output: Path, progress: Callable[[str], None] = lambda _: None) -> ModelFolder:
    return export_networks(Golden("small").networks, WEIGHTS, output, progress)


def test_earlier_model_is_replaced(tmp_path: Path, small_model: Path) -> None:
    output = Path(shutil.copytree(small_model, tmp_path / "m"))
    assert open_model_folder(output).manifest.align_corners
    assert not small_export(output).manifest.align_corners
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("manifest", ["{}", '{"format": "graph-model", "weightsManifest": []}', "no json"])
def test_a_folder_with_a_foreign_manifest_is_no_earlier_model(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "model.json").write_text(manifest)
    (tmp_path / "weights.bin").write_text("weights")
    with pytest.raises(OutputError, match="other files"):
        small_export(tmp_path)
    assert (tmp_path / "weights.bin").read_text() == "weights"


def test_files_put_into_a_model_folder_are_not_lost(tmp_path: Path, small_model: Path) -> None:
    output = Path(shutil.copytree(small_model, tmp_path / "m"))
    (output / "result.mp4").write_text("result")
    with pytest.raises(OutputError, match=r"also result\.mp4, which would be lost"):
        small_export(output)
    assert (output / "result.mp4").read_text() == "result"


def test_interrupt_between_the_renames_brings_the_earlier_model_back(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Path(shutil.copytree(small_model, tmp_path / "m"))
    rename = Path.rename
    calls = []

    def interrupted(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small_export(output)
    assert open_model_folder(output).manifest.align_corners
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_the_probe_network_is_the_one_that_ships() -> None:
    shipped = importlib.resources.files("fomm_rt.backends.onnxruntime") / "probe.onnx"
    assert shipped.read_bytes() == probe_network().SerializeToString()


def test_other_folders_and_files_are_not_replaced(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_text("a")
    with pytest.raises(OutputError, match="other files"):
        export_stand_in(photos)
    with pytest.raises(OutputError, match="it is a file"):
        export_stand_in(photos / "a.jpg")
    assert (photos / "a.jpg").read_text() == "a"
