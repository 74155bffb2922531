"""Model folders: missing and altered files, other versions, and manifests that are wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from fomm_rt import Animator
from fomm_rt.backends.onnxruntime import sessions
from fomm_rt.errors import ModelError
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.folder import ModelFolder, open_model_folder, sha256_of
from fomm_rt.model.manifest import CPU, CPU_INT8, NETWORKS
from golden_files import Golden
from model_copies import add_int8, edit_manifest, edit_network

GOLDEN = Golden("small_aligned")


def test_missing_and_altered_files(copied_model: Path) -> None:
    detector = copied_model / "keypoint_detector.onnx"
    content = detector.read_bytes()
    detector.write_bytes(content[:-1])
    with pytest.raises(ModelError, match=r"keypoint_detector.onnx: expected \d+ bytes"):
        Animator.load(copied_model)
    detector.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match="altered"):
        Animator.load(copied_model)
    detector.unlink()
    with pytest.raises(ModelError, match=r"keypoint_detector.onnx is missing"):
        Animator.load(copied_model)


def test_a_file_that_this_backend_does_not_read(copied_model: Path) -> None:
    """Its presence is checked on opening, its content by `check`."""
    generator = copied_model / "generator.onnx"  # on a CPU, generator.cpu.onnx runs
    content = generator.read_bytes()
    generator.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    Animator.load(copied_model).close()
    with pytest.raises(ModelError, match=r"generator.onnx: its SHA-256"):
        open_model_folder(copied_model).check()
    generator.unlink()
    with pytest.raises(ModelError, match=r"generator.onnx is missing"):
        Animator.load(copied_model)


def test_sessions_get_the_checked_bytes(copied_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is exchanged after it was checked has no effect, and no session learns a path."""
    given = []
    session = onnxruntime.InferenceSession

    def exchange(model: object, *args: Any, **settings: Any) -> Any:
        given.append(model)
        for file in copied_model.glob("*.onnx"):
            file.write_bytes(bytes(file.stat().st_size))
        return session(model, *args, **settings)

    monkeypatch.setattr(onnxruntime, "InferenceSession", exchange)
    expected = (copied_model / "keypoint_detector.onnx").read_bytes()
    with pytest.raises(ModelError, match=r"source_encoder.cpu.onnx: its SHA-256"):
        Animator.load(copied_model)
    assert given == [expected]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_a_pipe_in_place_of_a_file(copied_model: Path) -> None:
    detector = copied_model / "keypoint_detector.onnx"
    detector.unlink()
    os.mkfifo(detector)
    with pytest.raises(ModelError, match=r"keypoint_detector.onnx: expected a file; it is a folder, pipe or device"):
        Animator.load(copied_model)


def test_external_data_is_refused_before_a_session_sees_it(copied_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def move_out(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        (copied_model / "weights").write_bytes(tensor.raw_data)
        tensor.external_data.add(key="location", value="weights")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.ClearField("raw_data")

    path = edit_network(copied_model, "keypoint_detector", move_out)
    monkeypatch.setattr(sessions, "open_session", lambda *_, **__: pytest.fail("a session was opened"))
    with pytest.raises(ModelError, match=rf"{path}: keeps the tensor \S+ outside of the file"):
        Animator.load(copied_model)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('"format_version": 1', '"format_version": 2', "has model format 2; this fomm-rt reads up to 1"),
        ('"format_version": 1', '"format_version": "x"', "no format_version"),
        ('"format_version": 1', '"format_version": true', "no format_version"),
        ('"size": 64', '"size": "wide"', r"Expected `int`, got `str` - at `\$.size`"),
        ('"size": 64', '"size": true', r"Expected `int`, got `bool` - at `\$.size`"),
        ('"size": 64', '"size": -64', r"Expected `int` >= 1 - at `\$.size`"),
        ('"size": 64', '"size": 65', "size and num_kp are not those of the networks"),
        ('"size": 64', '"height": 64', "missing required field `size`"),
        ('"size": 64', '"size": 1e999', "1e999 is not a JSON number"),
        ('"size": 64', '"size": NaN', "NaN is not a JSON number"),
        ('"size": 64', '"size": ' + "[" * 100_000, "nested too deeply"),
        ('"num_kp": 5', '"num_kp": 3', "size and num_kp are not those of the networks"),
        ('"num_kp": 5', '"num_kp": "5"', r"Expected `int`, got `str` - at `\$.configuration.num_kp`"),
        (
            '"max_abs": {',
            '"max_abs": {"other": "small",',
            r"Expected `float`, got `str` - at `\$.parity.max_abs\[...\]`",
        ),
        ('"sha256": "', '"sha256": "A', r"matching regex .* - at `\$.networks.keypoint_detector.sha256`"),
        ('"size_bytes": ', '"size_bytes": 0.', r"got `float` - at `\$.networks.keypoint_detector.size_bytes`"),
        ('"keypoint_detector": {', '"detector": {', "missing required field `keypoint_detector` - at `\\$.networks`"),
        ('"file": "generator.onnx"', '"file": "../generator.onnx"', "'../generator.onnx' leaves the folder"),
        ('"file": "generator.onnx"', '"file": "/etc/passwd"', "leaves the folder"),
        ('"file": "generator.onnx"', '"file": ".."', "'..' leaves the folder or is not a file name"),
        ('"file": "generator.onnx"', '"file": "a\\\\b"', "is not a file name"),
        ('"file": "generator.onnx"', '"file": "C:b"', "is not a file name"),
        ('"file": "generator.onnx"', '"file": ""', "'' leaves the folder or is not a file name"),
        ('"size": 64', '"size": 5000', r"Expected `int` <= 4096 - at `\$.size`"),
        ('"num_kp": 5', '"num_kp": 101', r"Expected `int` <= 100"),
        ('"size": 64', '"size": 64, "x": "' + "x" * 5_000_000 + '"', "it has 5"),
        ("{", "", "cannot be read as JSON"),
    ],
)
def test_rejects_wrong_manifests(copied_model: Path, old: str, new: str, word: str) -> None:
    manifest = copied_model / "model.json"
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new, 1))
    with pytest.raises(ModelError, match=word):
        Animator.load(copied_model)


def test_rejects_paths_that_are_not_a_model_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        Animator.load(tmp_path / "absent")
    with pytest.raises(ModelError, match=r"no model.json"):
        Animator.load(tmp_path)
    file = tmp_path / "vox-cpk.pth.tar"
    file.write_bytes(b"x")
    with pytest.raises(ModelError, match="fomm-rt export"):
        Animator.load(file)


def test_the_error_for_a_damaged_graph_names_it(copied_model: Path) -> None:
    detector = copied_model / "keypoint_detector.onnx"
    detector.write_bytes(bytes(detector.stat().st_size))
    edit_manifest(
        copied_model, lambda document: document["networks"]["keypoint_detector"].update(sha256=sha256_of(detector))
    )
    with pytest.raises(ModelError, match=r"keypoint_detector.onnx: is cut or damaged, or not an ONNX file"):
        Animator.load(copied_model)


def test_variants(copied_model: Path) -> None:
    folder = open_model_folder(copied_model)
    manifest = folder.manifest
    assert manifest.precisions == ("fp32",)
    add_int8(copied_model)
    with_int8 = open_model_folder(copied_model).manifest
    assert with_int8.precisions == ("fp32", "int8")
    for network in NETWORKS:
        assert manifest.network(network) is manifest.networks[network]
        assert manifest.network(network, (CPU_INT8,)) is manifest.networks[network]
        in_order = (CPU_INT8, CPU)
        expected = manifest.variants[CPU].get(network, manifest.networks[network])
        assert manifest.network(network, (CPU,)) is manifest.network(network, in_order) is expected
        assert folder.network_path(network, in_order) == copied_model / expected.file
        assert with_int8.network(network, in_order) == with_int8.variants[CPU_INT8].get(network, expected)
    assert with_int8.network("generator", (CPU, CPU_INT8)).file == "generator.cpu.onnx"
    names = [file.file for file in with_int8.files]
    assert len(names) == len(set(names))
    assert {*names, "model.json"} == {path.name for path in copied_model.iterdir()}


def test_a_folder_without_variants_is_read(copied_model: Path, small_model: Path) -> None:
    edit_manifest(copied_model, lambda document: document.pop("variants"))
    for file in copied_model.glob(f"*.{CPU}.onnx"):
        file.unlink()
    folder = open_model_folder(copied_model)
    assert folder.manifest.variants == {}
    assert [file.file for file in folder.manifest.files] == [f"{network}.onnx" for network in NETWORKS]
    with Animator.load(copied_model) as older, Animator.load(small_model) as animator:
        for either in (older, animator):
            either.set_source(GOLDEN.source)
        for frame in GOLDEN.driving:
            assert np.abs(older.animate(frame).astype(int) - animator.animate(frame)).max() <= 1


def test_variants_and_networks_of_later_versions_are_ignored(copied_model: Path) -> None:
    before = open_model_folder(copied_model)

    def change(document: dict[str, Any]) -> None:
        document["variants"]["cpu-int4"] = {"generator": {"file": "no such file", "written": "otherwise"}}
        document["variants"][CPU]["discriminator"] = {"file": "no such file"}

    edit_manifest(copied_model, change)
    assert open_model_folder(copied_model) == before


@pytest.mark.parametrize("variants", [[], {CPU: []}, {CPU: {"generator": None}}, {CPU: {"generator": {}}}])
def test_rejects_malformed_variants(copied_model: Path, variants: object) -> None:
    edit_manifest(copied_model, lambda document: document.update(variants=variants))
    with pytest.raises(ModelError, match=r"a field is missing or wrong"):
        open_model_folder(copied_model)


def test_missing_and_altered_variants(copied_model: Path) -> None:
    """The error names the file, whichever backend is used."""
    encoder = copied_model / "source_encoder.cpu.onnx"
    content = encoder.read_bytes()
    encoder.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match=r"source_encoder.cpu.onnx: its SHA-256"):
        open_model_folder(copied_model).check()
    encoder.write_bytes(content + b"0")
    with pytest.raises(ModelError, match=r"source_encoder.cpu.onnx: expected \d+ bytes"):
        open_model_folder(copied_model).check()
    encoder.unlink()
    with pytest.raises(ModelError, match=r"source_encoder.cpu.onnx is missing"):
        open_model_folder(copied_model).check()


def test_rejects_a_variant_outside_the_folder(copied_model: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["variants"][CPU]["generator"]["file"] = "../generator.cpu.onnx"

    edit_manifest(copied_model, change)
    with pytest.raises(ModelError, match=r"'../generator.cpu.onnx' leaves the folder"):
        open_model_folder(copied_model)


def test_rejects_a_manifest_that_does_not_match_a_variant(copied_model: Path) -> None:
    """The CPU generator expects row-major features; those of the portable encoder would be nonsense."""

    def change(document: dict[str, Any]) -> None:
        document["variants"][CPU]["generator"]["inputs"] = document["networks"]["generator"]["inputs"]

    edit_manifest(copied_model, change)
    with pytest.raises(ModelError, match=r"generator.cpu.onnx: takes or gives other tensors than model.json says"):
        Animator.load(copied_model, backend="onnxruntime-cpu")


def test_rejects_features_of_another_shape(copied_model: Path) -> None:
    """As in a folder that has a CPU variant of the generator only."""
    edit_manifest(copied_model, lambda document: document["variants"][CPU].pop("source_encoder"))
    with pytest.raises(ModelError, match=r"encoder\.onnx gives source_features of shape .* generator\.cpu\.onnx"):
        Animator.load(copied_model, "onnxruntime-cpu")


def test_rejects_a_variant_with_other_tensors(copied_model: Path) -> None:
    edit_manifest(
        copied_model, lambda document: document["variants"][CPU]["generator"]["inputs"][0].update(name="features")
    )
    with pytest.raises(ModelError, match=r"generator\.cpu\.onnx takes or gives other tensors than generator\.onnx"):
        Animator.load(copied_model)


def test_a_folder_says_if_its_model_blends(blending_model: ModelFolder, small_model: Path) -> None:
    blending, plain = (open_model_folder(path).manifest for path in (blending_model.path, small_model))
    assert (blending.has_blend_mask, plain.has_blend_mask) == (True, False)
    inputs = [spec.name for spec in blending.networks["generator"].inputs]
    assert inputs == ["source_features", "deformation", "occlusion_map", "source_pixels"]
    assert [spec.name for spec in blending.networks["generator"].outputs] == ["prediction", "blend_mask"]


def test_folders_without_the_switch_still_load(copied_model: Path) -> None:
    """As exported before models could have a blend mask."""
    edit_manifest(copied_model, lambda document: document["configuration"].pop("estimate_blend_mask"))
    assert not open_model_folder(copied_model).manifest.has_blend_mask
    with Animator.load(copied_model, "onnxruntime-cpu") as animator:
        assert animator.size == 64


@pytest.mark.parametrize("value", [True, "yes"])
def test_rejects_a_switch_that_the_networks_contradict(copied_model: Path, value: Any) -> None:
    edit_manifest(copied_model, lambda document: document["configuration"].update(estimate_blend_mask=value))
    with pytest.raises(ModelError, match="estimate_blend_mask"):
        open_model_folder(copied_model)


def test_a_folder_says_how_the_source_reaches_the_blend(blending_model: ModelFolder) -> None:
    told = blending_model.manifest.conventions
    assert "gives source_features, source_quarter, source_pixels" in told["once_per_source"]
    assert told["once_per_frame"].endswith("occlusion_map, source_pixels) gives prediction, blend_mask")
    assert told["variants"].startswith("source_features and source_pixels of one variant")
