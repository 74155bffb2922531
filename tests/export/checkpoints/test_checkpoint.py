"""Published forms of checkpoints load; everything else is refused and never executed."""

import io
import os
import pickle
import re
import tarfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from fomm_export.checkpoints import published as published_models
from fomm_export.checkpoints.checkpoint import load_checkpoint
from fomm_export.checkpoints.published import CONFIGURATIONS, PUBLISHED_CHECKPOINTS, PublishedCheckpoint
from fomm_export.checkpoints.stand_in import stand_in_weights
from fomm_export.networks.anti_alias import gaussian_kernel
from fomm_export.networks.model import build_networks
from fomm_rt.errors import CheckpointError
from fomm_rt.model.blur import published_blur
from fomm_rt.model.folder import sha256_of
from golden_files import Golden

GOLDEN = Golden("small_aligned")
WEIGHTS = dict(zip(("kp_detector", "generator"), stand_in_weights(GOLDEN.configuration, 1), strict=True))


def published(prefix: str = "", *, training: bool = True) -> dict[str, Any]:
    """The content of a published checkpoint."""
    document: dict[str, Any] = {
        part: OrderedDict((prefix + name, tensor) for name, tensor in tensors.items())
        for part, tensors in WEIGHTS.items()
    }
    kernel = gaussian_kernel(published_blur(4)).expand(3, 1, -1, -1).clone()
    document["kp_detector"][prefix + "down.weight"] = kernel
    document["generator"][prefix + "dense_motion_network.down.weight"] = kernel
    if training:
        document["discriminator"] = OrderedDict(weight=torch.zeros(2))
        document["optimizer_generator"] = {
            "state": {0: {"step": 3}},
            "param_groups": [{"lr": 2e-4, "betas": (0.5, 0.999)}],
        }
        document["epoch_generator"] = document["epoch_kp_detector"] = 99
    return document


def assert_loads(path: Path) -> None:
    checkpoint = load_checkpoint(path)
    networks = build_networks(GOLDEN.configuration, checkpoint.kp_detector, checkpoint.generator)
    state = networks.generator.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in WEIGHTS["generator"].items())


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
def test_loads_pickled_checkpoints(tmp_path: Path, prefix: str, training: bool, zipped: bool) -> None:
    path = tmp_path / "cpk.pth.tar"
    torch.save(published(prefix, training=training), path, _use_new_zipfile_serialization=zipped)
    assert_loads(path)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_loads_safetensors(tmp_path: Path, prefix: str) -> None:
    path = tmp_path / "cpk.safetensors"
    flat = {f"{part}.{prefix}{name}": tensor for part, tensors in WEIGHTS.items() for name, tensor in tensors.items()}
    safetensors.torch.save_file(flat, path)
    assert_loads(path)


def test_loads_checkpoints_without_batch_counters(tmp_path: Path) -> None:
    path = tmp_path / "old.pth.tar"
    document = {
        part: {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
        for part, tensors in WEIGHTS.items()
    }
    torch.save(document, path)
    checkpoint = load_checkpoint(path)
    build_networks(GOLDEN.configuration, checkpoint.kp_detector, checkpoint.generator)


def test_recognises_a_published_file_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "renamed.bin"
    torch.save(published(), path)
    assert load_checkpoint(path).published is None
    entry = PublishedCheckpoint("vox-cpk.pth.tar", path.stat().st_size, sha256_of(path), "vox-256")
    monkeypatch.setattr(published_models, "PUBLISHED_CHECKPOINTS", (entry,))
    assert load_checkpoint(path).published == entry


def test_published_checkpoints_name_configurations() -> None:
    assert {known.configuration for known in PUBLISHED_CHECKPOINTS} <= set(CONFIGURATIONS)
    assert all(len(known.sha256) == 64 for known in PUBLISHED_CHECKPOINTS)


class Malicious:
    """Creates a folder when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("zipped", [True, False])
def test_refuses_a_malicious_pickle_without_executing_it(tmp_path: Path, zipped: bool) -> None:
    path, trace = tmp_path / "evil.pth.tar", tmp_path / "trace"
    torch.save({**published(), "extra": Malicious(trace)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"loading this file would call \w+\.mkdir, so it is refused"):
        load_checkpoint(path)
    assert not trace.exists()


def test_refuses_a_bare_malicious_pickle(tmp_path: Path) -> None:
    path, trace = tmp_path / "evil.pkl", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Malicious(trace), protocol=2))
    with pytest.raises(CheckpointError, match=r"loading this file would call \w+\.mkdir, so it is refused"):
        load_checkpoint(path)
    assert not trace.exists()


def _web_page() -> bytes:
    return b"<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>" * 20


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("cpk")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"1234"))
    return buffer.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:6792d681\nsize 750926934\n"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (_web_page(), "web page"),
        (_tar(), "tar archive"),
        (b"\x1f\x8b\x08\x00rest", "gzip archive. Unpack it"),
        (b"7z\xbc\xaf\x27\x1c", "7z archive. Unpack it"),
        (b"Rar!\x1a\x07", "RAR archive. Unpack it"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG picture"),
        (b"\x00\x00\x00\x20ftypisom" + bytes(100), "a video"),
        (b"\x08\x0a\x12\x07pytorch" + bytes(100), "an ONNX model"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
        (b"Quota exceeded: too many users", "a text that begins with 'Quota exceeded: too many users'"),
        (b'{"error": {"code": 403}}', 'a text that begins with \'{"error": '),
        (LFS, "a Git LFS pointer, not the file it stands for, which has 750926934 bytes"),
        (b"\x01\x02\x03\x04" * 100, "of another kind (400 bytes)"),
        (bytes(1000), "begins with zeros"),
        (b"PK\x05\x06" + bytes(18), "another kind"),
    ],
)
def test_rejects_other_files(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "cpk.pth.tar"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=re.escape(word)) as caught:
        load_checkpoint(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_rejects_truncated_files_with_the_published_size(tmp_path: Path, form: str, share: float) -> None:
    path = tmp_path / "vox-cpk.pth.tar"
    if form == "safetensors":
        safetensors.torch.save_file({f"generator.{k}": v for k, v in WEIGHTS["generator"].items()}, path)
    else:
        torch.save(published(), path, _use_new_zipfile_serialization=form == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: max(20, int(len(content) * share))])
    with pytest.raises(CheckpointError, match="truncated") as caught:
        load_checkpoint(path)
    assert "728766691" in str(caught.value)


def test_rejects_folders_with_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(CheckpointError, match="a model that is exported already"):
        load_checkpoint(tmp_path)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "data.pkl").write_bytes(b"")
    (tmp_path / "model.json").unlink()
    with pytest.raises(CheckpointError, match="that a PyTorch file was unpacked to"):
        load_checkpoint(tmp_path)


def test_rejects_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        load_checkpoint(tmp_path / "absent.pth.tar")
    with pytest.raises(CheckpointError, match="folder"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ([1, 2], "list"),
        ({"state_dict": {}}, "found: nothing"),
        ({"generator": WEIGHTS["generator"]}, "kp_detector is missing"),
        ({"generator": {"a": 1}, "kp_detector": {"b": 2}}, "not a tensor"),
    ],
)
def test_rejects_other_documents(tmp_path: Path, document: object, word: str) -> None:
    path = tmp_path / "other.pth"
    torch.save(document, path)
    with pytest.raises(CheckpointError, match=word):
        load_checkpoint(path)


def test_another_architecture_names_the_first_tensors() -> None:
    with pytest.raises(CheckpointError, match="another architecture") as caught:
        build_networks(CONFIGURATIONS["vox-256"], WEIGHTS["kp_detector"], WEIGHTS["generator"], origin="x.pth")
    message = str(caught.value)
    assert message.count(" instead of ") == 5
    assert "kp_detector.jacobian.bias 20 instead of 40" in message
    assert "--config" in message


def test_rejects_weights_with_another_number_of_jacobian_maps() -> None:
    detector, generator = stand_in_weights(Golden("small_single_jacobian").configuration, 2)
    with pytest.raises(CheckpointError, match=r"kp_detector\.jacobian\.bias 4 instead of 20"):
        build_networks(GOLDEN.configuration, detector, generator)


def test_rejects_an_anti_alias_kernel_that_is_no_blur() -> None:
    detector = {**WEIGHTS["kp_detector"], "down.weight": torch.zeros(3, 1, 5, 5)}
    with pytest.raises(CheckpointError, match=r"kp_detector\.down\.weight: .* they add up to 0"):
        build_networks(GOLDEN.configuration, detector, WEIGHTS["generator"])


def test_rejects_values_that_are_not_finite() -> None:
    generator = dict(WEIGHTS["generator"])
    generator["final.bias"] = torch.full_like(generator["final.bias"], float("nan"))
    with pytest.raises(CheckpointError, match=r"generator.final.bias .* not finite"):
        build_networks(GOLDEN.configuration, WEIGHTS["kp_detector"], generator)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_rejects_a_file_without_read_permission(tmp_path: Path) -> None:
    path = tmp_path / "cpk.pth.tar"
    torch.save(published(), path)
    path.chmod(0)
    with pytest.raises(CheckpointError, match="permission"):
        load_checkpoint(path)
