"""Checkpoints that other programs saved again: those with the same tensors load, others are named."""

from __future__ import annotations

import argparse
import contextlib
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from fomm_export.checkpoints.checkpoint import load_checkpoint
from fomm_export.checkpoints.stand_in import stand_in_weights
from fomm_export.networks.model import build_networks
from fomm_rt.errors import CheckpointError
from golden_files import Golden

GOLDEN = Golden("small_aligned")
PARTS = dict(zip(("kp_detector", "generator"), stand_in_weights(GOLDEN.configuration, 1), strict=True))

Parts = dict[str, dict[str, Any]]


def changed(change: Callable[[Tensor], Any], floats_only: bool = True) -> Parts:
    def apply(tensor: Tensor) -> Any:
        return change(tensor) if tensor.is_floating_point() or not floats_only else tensor

    return {part: {name: apply(tensor) for name, tensor in tensors.items()} for part, tensors in PARTS.items()}


def renamed(rename: Callable[[str], str]) -> Parts:
    return {part: {rename(name): tensor for name, tensor in tensors.items()} for part, tensors in PARTS.items()}


def flat(prefix: str = "", infix: str = "") -> dict[str, Tensor]:
    return {f"{prefix}{part}.{infix}{n}": t for part, tensors in PARTS.items() for n, t in tensors.items()}


SAVED: dict[str, Any] = {
    "half": changed(Tensor.half),
    "bfloat16": changed(Tensor.bfloat16),
    "double": changed(Tensor.double),
    "parameters": changed(nn.Parameter),
    "NumPy arrays": changed(Tensor.numpy, floats_only=False),
    "NumPy arrays in Fortran's order": changed(lambda t: np.asfortranarray(t.numpy())),
    "big-endian NumPy arrays": changed(lambda t: t.numpy().astype(">f4")),
    "NumPy scalars beside the weights": {**PARTS, "epoch": np.int64(3), "loss": np.float64(0.1)},
    "options beside the weights": {**PARTS, "args": argparse.Namespace(lr=1e-4, log=Path("log"))},
    "module.": renamed("module.{}".format),
    "module.module.": renamed("module.module.{}".format),
    "_orig_mod.": renamed("_orig_mod.{}".format),
    "module._orig_mod.": renamed("module._orig_mod.{}".format),
    "a compiled inner network": renamed(lambda n: n.replace("hourglass.", "hourglass._orig_mod.")),
    "state_dict": {"state_dict": PARTS, "epoch": 3},
    "model": {"model": PARTS, "optimizer": {"lr": 1e-4}},
    "model_state_dict in state_dict": {"state_dict": {"model_state_dict": PARTS}},
    "state_dict in each part": {part: {"state_dict": tensors, "epoch": 1} for part, tensors in PARTS.items()},
    "flat names": {**flat(), "epoch": 3},
    "flat names in state_dict": {"state_dict": flat()},
    "flat names of one module": flat("module."),
    "flat names of compiled modules": flat("model.", "_orig_mod."),
}
"""How it was saved -> the document."""


def assert_loads(path: Path) -> None:
    checkpoint = load_checkpoint(path)
    networks = build_networks(GOLDEN.configuration, checkpoint.kp_detector, checkpoint.generator)
    for name, network in (("kp_detector", networks.kp_detector), ("generator", networks.generator)):
        state = network.state_dict()
        for key, tensor in PARTS[name].items():
            torch.testing.assert_close(state[key], tensor, rtol=2**-8, atol=1e-6)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("how", SAVED)
def test_loads(tmp_path: Path, how: str, zipped: bool) -> None:
    path = tmp_path / "cpk.pth"
    torch.save(SAVED[how], path, _use_new_zipfile_serialization=zipped)
    assert_loads(path)


@pytest.mark.parametrize("tensors", [flat(), flat("module."), flat("", "_orig_mod."), flat("state_dict.", "module.")])
def test_loads_safetensors(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    path = tmp_path / "cpk.safetensors"
    safetensors.torch.save_file({name: tensor.clone() for name, tensor in tensors.items()}, path)
    assert_loads(path)


def test_loads_a_file_that_was_compressed_again(tmp_path: Path) -> None:
    path = tmp_path / "cpk.pth"
    _compressed(PARTS, path)
    assert_loads(path)


def test_refuses_a_compressed_file_that_expands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cpk.pth"
    _compressed(PARTS, path)
    monkeypatch.setattr("fomm_export.checkpoints.file_kind.LARGEST_COMPRESSED", 10_000)
    with pytest.raises(CheckpointError, match=r"expands to \d+ bytes, more than the 10000"):
        load_checkpoint(path)


def _compressed(document: object, path: Path) -> None:
    stored = path.with_suffix(".stored")
    torch.save(document, stored)
    with zipfile.ZipFile(stored) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))


X = {"x": torch.zeros(1)}
OTHERS: dict[str, tuple[Any, str]] = {
    "TPSMM": ({"kp_detector": X, "dense_motion_network": X, "inpainting_network": X, "bg_predictor": X}, "(TPSMM)"),
    "articulated": ({"generator": X, "region_predictor": X, "bg_predictor": X, "epoch": 9}, "articulated-animation"),
    "articulated, by names": (
        {"generator": {"pixelwise_flow_predictor.mask.weight": torch.zeros(1)}, "kp_detector": X},
        "articulated-animation",
    ),
    "face-vid2vid": ({"generator": X, "kp_detector": X, "he_estimator": X}, "face-vid2vid"),
    "LIA": ({"gen": X, "dis": X}, "LIA"),
    "generator alone": (PARTS["generator"], "kp_detector and generator are missing (found: bottleneck, "),
    "generator alone, in state_dict": ({"state_dict": PARTS["generator"]}, "a single network; both are needed"),
    "detector alone": (PARTS["kp_detector"], "a single network; both are needed"),
    "one part": ({"generator": PARTS["generator"]}, "kp_detector is missing (found: generator)"),
    "another repository": (
        {"state_dict": {"face_encoder.0.weight": torch.zeros(1)}, "epoch": 3},
        "expected a First Order Motion Model checkpoint with kp_detector and generator; kp_detector and generator are "
        "missing (found: face_encoder)",
    ),
    "hostile names": ({"\x1b[31mred": torch.zeros(1)}, r"(found: \x1b[31mred)"),
    "an empty dict": ({}, "found: nothing"),
    "a tensor": (torch.zeros(3), "found a Tensor"),
    "a part twice": (
        {**PARTS, "generator": {**PARTS["generator"], "module.final.bias": torch.zeros(3)}},
        "holds generator.final.bias twice",
    ),
}
"""Name -> document and a part of the message."""


@pytest.mark.parametrize("name", OTHERS)
def test_names_other_documents(tmp_path: Path, name: str) -> None:
    document, message = OTHERS[name]
    path = tmp_path / "cpk.pth"
    torch.save(document, path)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_names_torchscript(tmp_path: Path) -> None:
    path = tmp_path / "cpk.pt"
    with zipfile.ZipFile(path, "w") as archive:  # the entries that torch.jit.save writes
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py", "version"):
            archive.writestr(f"cpk/{name}", b"")
    with pytest.raises(CheckpointError, match="it is a TorchScript program"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("inside", "word"),
    [
        ("vox-adv-cpk.pth.tar", "a ZIP archive that holds vox-adv-cpk.pth.tar. Unpack it"),
        ("folder/readme.txt", "a ZIP archive that holds folder/readme.txt"),
        ("kp_source.npy", "npz"),
    ],
)
def test_names_what_a_zip_archive_holds(tmp_path: Path, inside: str, word: str) -> None:
    path = tmp_path / "vox.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(inside, b"content")
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("vox-cpk-512.pdparams", {part: {n: t.numpy() for n, t in w.items()} for part, w in PARTS.items()}),
        ("vox.pkl", {"generator": {"a": np.zeros(3)}, "StructuredToParameterName@@": {"a": "b"}}),
    ],
)
def test_names_paddle(tmp_path: Path, name: str, document: Mapping[str, Any]) -> None:
    path = tmp_path / name
    path.write_bytes(pickle.dumps(document, protocol=2))
    with pytest.raises(CheckpointError, match="PaddlePaddle"):
        load_checkpoint(path)


def test_names_a_pickle_that_torch_did_not_write(tmp_path: Path) -> None:
    path = tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps({"first": [1, 2], "second": 3}, protocol=2))
    with pytest.raises(CheckpointError, match=r"a pickle that torch.save did not write \(it begins with first, second"):
        load_checkpoint(path)


def test_refuses_a_pickle_of_a_module(tmp_path: Path) -> None:
    path = tmp_path / "module.pth"
    torch.save({**PARTS, "extra": nn.Linear(2, 2)}, path)
    with pytest.raises(CheckpointError, match=r"would call torch\.nn\.modules\.linear\.Linear, so it is refused"):
        load_checkpoint(path)


class _ByteArray:
    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (1 << 40,)


@pytest.mark.parametrize("zipped", [True, False])
def test_refuses_a_pickle_that_fills_the_memory(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "bomb.pth"
    torch.save({**PARTS, "extra": _ByteArray()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="byte arrays, which may fill the memory"):
        load_checkpoint(path)


def test_numpy_never_reads_its_own_pickles(tmp_path: Path) -> None:
    """An array of objects, and one whose bytes do not fill its shape."""
    for array in (np.array([{}, []], object), np.zeros(3, "V4")):
        path = tmp_path / "cpk.pth"
        torch.save({**PARTS, "generator": {"a": array}}, path)
        with pytest.raises(CheckpointError, match=r"generator\.a is not a tensor"):
            load_checkpoint(path)


KINDS: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "sparse": (Tensor.to_sparse, "a sparse tensor"),
    "quantized": (lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8), "quantized (qint8)"),
    "nested": (lambda t: torch.nested.nested_tensor([t, t]), "a nested tensor"),
    "meta": (lambda t: t.to("meta"), "without values (a meta tensor)"),
    "complex": (lambda t: t.to(torch.complex64), "complex64"),
    "int8": (lambda t: t.to(torch.int8), "int8"),
    "bool": (lambda t: t.bool(), "bool"),
    "int64": (lambda t: t.long(), "int64"),
}
"""Kind of tensor -> conversion and what it is called."""


@pytest.mark.filterwarnings("ignore")  # torch warns that it may change these kinds
@pytest.mark.parametrize("kind", KINDS)
def test_refuses_tensors_that_are_no_weights(tmp_path: Path, kind: str) -> None:
    convert, word = KINDS[kind]
    path = tmp_path / "cpk.pth"
    generator = {**PARTS["generator"], "final.bias": convert(PARTS["generator"]["final.bias"])}
    torch.save({**PARTS, "generator": generator}, path)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert f"generator.final.bias is {word}; expected dense floating-point numbers" in str(caught.value)


def test_refuses_weights_that_only_claim_their_size() -> None:
    """One value that stands for 10¹⁵ is compared by its shape and never expanded."""
    huge = torch.zeros(1).expand(10**5, 10**5, 10**5)
    with pytest.raises(CheckpointError, match="instead of"):
        build_networks(GOLDEN.configuration, PARTS["kp_detector"], {**PARTS["generator"], "final.weight": huge})


def test_refuses_weights_that_are_all_zero() -> None:
    zeros = {name: torch.zeros_like(tensor) for name, tensor in PARTS["generator"].items()}
    with pytest.raises(CheckpointError, match="every tensor of generator is zero"):
        build_networks(GOLDEN.configuration, PARTS["kp_detector"], zeros)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_refuses_weights_that_are_not_finite(value: float) -> None:
    """Also numbers that do not fit float32."""
    generator = {**PARTS["generator"], "final.weight": PARTS["generator"]["final.weight"].double().fill_(value)}
    with pytest.raises(CheckpointError, match="not finite"):
        build_networks(GOLDEN.configuration, PARTS["kp_detector"], generator)


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_damaged_files_are_refused(tmp_path: Path, form: str) -> None:
    """Cut, and with bytes changed at the start, where the structure is: an error of this project or other weights."""
    whole = tmp_path / "whole"
    small = {part: {name: tensors[name] for name in list(tensors)[:4]} for part, tensors in PARTS.items()}
    if form == "safetensors":
        safetensors.torch.save_file({f"{p}.{n}": t for p, w in small.items() for n, t in w.items()}, whole)
    else:
        torch.save(small, whole, _use_new_zipfile_serialization=form == "zip")
    content, rng = whole.read_bytes(), np.random.default_rng(0)
    path, refused = tmp_path / "damaged", 0
    for round_ in range(120):
        damaged = bytearray(content)
        if round_ % 3 == 0:
            del damaged[int(rng.integers(len(damaged))) :]
        for position in rng.integers(0, max(1, min(2000, len(damaged))), 1 + round_ % 4):
            damaged[position : position + 1] = bytes([int(rng.integers(256))])
        path.write_bytes(damaged)
        with contextlib.suppress(CheckpointError):
            load_checkpoint(path)
            continue
        refused += 1
    assert refused > 60
