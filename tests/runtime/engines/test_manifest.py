"""engines.json: exact round trips, and whatever else is in the file is refused in words."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.engine_sets import FRAME, ONNX, PREDICTION, SPEC
from fomm_rt.engines.manifest import EngineFile, EngineManifest, build_command, model_hash, parse_manifest
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.model.manifest import CPU, NETWORKS, Manifest, NetworkFile, Weights

ENGINE = EngineFile("generator.engine", "d" * 64, 100, ONNX, 0.5, (FRAME,), (PREDICTION,))
MANIFEST = EngineManifest(
    SPEC, "vox", "580.65.06", "2026-01-31T12:00:00+00:00", 1.5, {"generator": ENGINE}, {"psnr_db": 45.5}, {"numpy": "2"}
)
FILE = Path("store/engines.json")

Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "manifest",
    [
        MANIFEST,
        replace(MANIFEST, driver=None, parity=None, tools={}),
        replace(MANIFEST, spec=replace(SPEC, gpu=None, capabilities=("sm_89", "sm_120"))),
        replace(MANIFEST, build_s=2, built="2026-01-31T12:00:00.123456Z"),
        replace(MANIFEST, model_name="vøx \udc80"),
    ],
)  # fmt: skip
def test_round_trip(manifest: EngineManifest) -> None:
    assert parse_manifest(manifest.to_json().encode(), FILE) == manifest


def test_numbers_that_json_has_not_become_null_in_parity() -> None:
    """Equal pictures have an infinite PSNR."""
    manifest = replace(MANIFEST, parity={"psnr_db": math.inf, "all": [1.0, math.nan, {"a": -math.inf}], "name": "x"})
    assert parse_manifest(manifest.to_json().encode(), FILE).parity == {
        "psnr_db": None, "all": [1.0, None, {"a": None}], "name": "x",
    }  # fmt: skip


def test_the_key_is_of_every_field() -> None:
    others = [
        replace(SPEC, **change)
        for change in (
            {"model_sha256": "e" * 64}, {"flavour": "tensorrt-rtx"}, {"library_version": "10.3"}, {"gpu": None},
            {"capabilities": ("sm_90", "sm_120")}, {"precision": "fp32"}, {"layout": "whole"}, {"max_batch": 1},
            {"kernels_sha256": "e" * 64},
        )
    ]  # fmt: skip
    keys = {spec.key for spec in (SPEC, *others)}
    assert len(keys) == 10
    assert all(len(key) == 16 for key in keys)
    assert replace(SPEC, capabilities=("sm_120", "sm_90")).key == others[4].key


def test_the_key_is_the_same_in_every_version() -> None:
    assert SPEC.key == "6a1d0165af145c5c"


def test_the_model_hash_is_of_the_portable_networks() -> None:
    networks = {name: NetworkFile(f"{name}.onnx", name, 1, (), (), ()) for name in NETWORKS}
    weights = Weights("stand-in", "vox", None, None)
    manifest = Manifest("vox", weights, {}, 64, True, networks, {}, {}, {CPU: networks})
    before = model_hash(manifest)
    assert len(before) == 64
    assert model_hash(replace(manifest, name="other", variants={}, tools={"numpy": "2"})) == before
    assert model_hash(replace(manifest, networks=dict(reversed(networks.items())))) == before
    for name, network in networks.items():
        assert model_hash(replace(manifest, networks={**networks, name: replace(network, sha256="")})) != before


def test_commands_name_what_is_not_the_default() -> None:
    assert build_command("vox", "tensorrt", "fp16", "split", 1) == "fomm-rt build vox --backend tensorrt"
    assert MANIFEST.rebuild_command == "fomm-rt build MODEL --backend tensorrt --max-batch 8 --rebuild"
    ahead = replace(MANIFEST, spec=replace(MANIFEST.spec, gpu=None, capabilities=("sm_89", "sm_120")))
    assert "--max-batch 8 --target sm_89,sm_120 --rebuild" in ahead.rebuild_command
    assert build_command("my models/vox", "tensorrt-rtx", "fp32", "whole", 2) == (
        "fomm-rt build 'my models/vox' --backend tensorrt-rtx --precision fp32 --layout whole --max-batch 2"
    )


def change(*path: str | int, to: Any) -> Change:
    def apply(document: dict[str, Any]) -> None:
        target: Any = document
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = to

    return apply


def without(*path: str | int) -> Change:
    def apply(document: dict[str, Any]) -> None:
        target: Any = document
        for step in path[:-1]:
            target = target[step]
        del target[path[-1]]

    return apply


IN_ENGINE = ("engines", "generator")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (change("format_version", to=2), "has engine format 2; this fomm-rt reads up to 1. Upgrade fomm-rt"),
        (change("format_version", to=True), "format_version is True"),
        (change("format_version", to=0), "format_version is 0"),
        (without("format_version"), "format_version is missing"),
        (change("spec", to=[]), "spec is [], not an object"),
        (change("spec", "model_sha256", to="abc"), "spec.model_sha256 is 'abc', not a SHA-256"),
        (change("spec", "kernels_sha256", to="A" * 64), "not a SHA-256"),
        (change("spec", "flavour", to=None), "spec.flavour is None, not a text"),
        (change("spec", "capabilities", to=[]), "spec.capabilities is []"),
        (change("spec", "capabilities", to="sm_90"), "spec.capabilities is 'sm_90', not a list"),
        (change("spec", "capabilities", to=["9.0"]), "such as ['sm_90']"),
        (change("spec", "capabilities", to=[90]), "spec.capabilities is [90]"),
        (change("spec", "gpu", to=3), "spec.gpu is 3, not a text"),
        (without("spec", "gpu"), "spec.gpu is missing"),
        (change("spec", "precision", to="int8"), "spec.precision is 'int8', not one of fp16, fp32"),
        (change("spec", "layout", to="half"), "not one of split, whole"),
        (change("spec", "max_batch", to=0), "spec.max_batch is 0, not a whole number from 1"),
        (change("spec", "max_batch", to=1.0), "spec.max_batch is 1.0"),
        (change("spec", "max_batch", to=True), "spec.max_batch is True"),
        (change("driver", to=580), "driver is 580, not a text"),
        (change("built", to="yesterday"), "yesterday"),
        (change("built", to="2026-01-31T12:00:00"), "no time zone"),
        (change("built", to=12), "built is 12"),
        (change("build_s", to="1"), "build_s is '1', not seconds from 0"),
        (change("build_s", to=-1), "build_s is -1"),
        (change("build_s", to=False), "build_s is False"),
        (change("build_s", to=10**400), "build_s is 1000"),
        (change("engines", to=None), "engines is None, not an object"),
        (change("engines", to={}), "engines is empty"),
        (change("engines", "other", to=json.loads(MANIFEST.to_json())["engines"]["generator"]), "two engines"),
        (change(*IN_ENGINE, to="generator.engine"), "engines.generator is 'generator.engine', not an object"),
        (change(*IN_ENGINE, "file", to="../generator.engine"), "not the name of a file in this folder"),
        (change(*IN_ENGINE, "file", to="/generator.engine"), "not the name of a file in this folder"),
        (change(*IN_ENGINE, "file", to=".."), "not the name of a file in this folder"),
        (change(*IN_ENGINE, "file", to=""), "not the name of a file in this folder"),
        (change(*IN_ENGINE, "file", to="a\0b"), "not the name of a file in this folder"),
        (change(*IN_ENGINE, "file", to="a\n"), "not the name of a file in this folder"),
        (change(*IN_ENGINE, "file", to="engines.json"), "the manifest itself"),
        (change(*IN_ENGINE, "size_bytes", to=0), "engines.generator.size_bytes is 0"),
        (change(*IN_ENGINE, "inputs", to={}), "engines.generator.inputs is {}, not a list"),
        (change(*IN_ENGINE, "inputs", 0, to=3), "engines.generator.inputs[0] is 3, not an object"),
        (change(*IN_ENGINE, "inputs", 0, "dtype", to="int8"), "inputs[0].dtype is 'int8'"),
        (change(*IN_ENGINE, "inputs", 0, "shape", to=[1, 2.5]), "shape is [1, 2.5]"),
        (change(*IN_ENGINE, "inputs", 0, "shape", to=[True]), "shape is [True]"),
        (change(*IN_ENGINE, "inputs", 0, "shape", to=[-1]), "shape is [-1]"),
        (without(*IN_ENGINE, "outputs", 0, "format"), "engines.generator.outputs[0].format is missing"),
        (change("parity", to=[]), "parity is [], not an object"),
        (without("parity"), "parity is missing"),
        (change("tools", "numpy", to=2), "tools.numpy is 2, not a text"),
    ],
)  # fmt: skip
def test_wrong_fields_are_named(spoil: Change, words: str) -> None:
    document = json.loads(MANIFEST.to_json())
    spoil(document)
    with pytest.raises(EngineError) as caught:
        parse_manifest(json.dumps(document).encode(), FILE)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(FILE))
    assert isinstance(caught.value, BackendError)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"3", b"\xff\xfe\0", b'"text"', b"[" * 100_000, b"1" * 10_000,
        MANIFEST.to_json().replace("1.5", "NaN").encode(),
        MANIFEST.to_json().replace("45.5", "Infinity").encode(),
        MANIFEST.to_json().replace("45.5", "1e999").encode(),
        MANIFEST.to_json()[:-20].encode(),
    ],
)  # fmt: skip
def test_what_is_no_json_object(content: bytes) -> None:
    with pytest.raises(EngineError, match=r"expected a manifest of engines; .*Build the engines again"):
        parse_manifest(content, FILE)


def test_fields_of_later_versions_are_passed_over() -> None:
    document = json.loads(MANIFEST.to_json())
    document["more"] = document["spec"]["more"] = 1
    assert parse_manifest(json.dumps(document).encode(), FILE) == MANIFEST
