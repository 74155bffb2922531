"""Manifests of engines: exact round trips, and errors that name the field."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from fakes.engine_sets import FRAME, ONNX, PREDICTION, SPEC
from fomm_rt.engines.manifest import EngineEntry, EngineManifest, build_command, model_hash, parse_manifest
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.model.manifest import CPU, NETWORKS, Manifest, NetworkFile, Weights

BUILT = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
ENGINE = EngineEntry("d" * 64, 100, ONNX, 0.5, (FRAME,), (PREDICTION,))
MANIFEST = EngineManifest(
    SPEC, "vox", "580.65.06", BUILT, 1.5, {"generator": ENGINE}, {"psnr_db": 45.5}, {"numpy": "2"}
)
FILE = Path("store/manifest.json")

Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "manifest",
    [
        MANIFEST,
        replace(MANIFEST, driver=None, parity=None, tools={}),
        replace(MANIFEST, spec=replace(SPEC, gpu=None, capabilities=("sm_89", "sm_120"))),
        replace(MANIFEST, build_s=2, built=BUILT.replace(microsecond=123456)),
        replace(MANIFEST, built=datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=-1)))),
        replace(MANIFEST, model_name="vøx \udc80"),
    ],
)  # fmt: skip
def test_round_trip(manifest: EngineManifest) -> None:
    assert parse_manifest(manifest.to_json().encode(), FILE) == manifest


def test_infinities_and_nan_in_parity_become_null() -> None:
    """The PSNR of equal pictures is infinite."""
    manifest = replace(MANIFEST, parity={"psnr_db": math.inf, "all": [1.0, math.nan, {"a": -math.inf}], "name": "x"})
    assert parse_manifest(manifest.to_json().encode(), FILE).parity == {
        "psnr_db": None, "all": [1.0, None, {"a": None}], "name": "x",
    }  # fmt: skip


def test_the_key_depends_on_every_field() -> None:
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


def test_the_key_stays_the_same_between_versions() -> None:
    assert SPEC.key == "6a1d0165af145c5c"


def test_the_model_hash_depends_on_the_portable_networks_only() -> None:
    networks = {name: NetworkFile(f"{name}.onnx", name, 1, (), (), ()) for name in NETWORKS}
    weights = Weights("stand-in", "vox", None, None)
    manifest = Manifest("vox", weights, {}, 64, True, networks, {}, {}, {CPU: networks})
    before = model_hash(manifest)
    assert len(before) == 64
    assert model_hash(replace(manifest, name="other", variants={}, tools={"numpy": "2"})) == before
    assert model_hash(replace(manifest, networks=dict(reversed(networks.items())))) == before
    for name, network in networks.items():
        assert model_hash(replace(manifest, networks={**networks, name: replace(network, sha256="")})) != before


def test_commands_leave_out_defaults() -> None:
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
        (change("format_version", to=3), "has engine format 3; this fomm-rt reads format 2. Build the engines again"),
        (change("format_version", to=1), "has engine format 1; this fomm-rt reads format 2. Build the engines again"),
        (change("format_version", to=True), "Expected `int`, got `bool` - at `$.format_version`"),
        (change("format_version", to=0), "Expected `int` >= 1 - at `$.format_version`"),
        (without("format_version"), "missing required field `format_version`"),
        (change("spec", to=[]), "Expected `object`, got `array` - at `$.spec`"),
        (change("spec", "model_sha256", to="abc"), "matching regex '^[0-9a-f]{64}\\\\Z' - at `$.spec.model_sha256`"),
        (change("spec", "kernels_sha256", to="A" * 64), "at `$.spec.kernels_sha256`"),
        (change("spec", "kernels_sha256", to="a" * 64 + "\n"), "at `$.spec.kernels_sha256`"),
        (change("spec", "flavour", to=None), "Expected `str`, got `null` - at `$.spec.flavour`"),
        (change("spec", "capabilities", to=[]), "Expected `array` of length >= 1 - at `$.spec.capabilities`"),
        (change("spec", "capabilities", to="sm_90"), "Expected `array`, got `str` - at `$.spec.capabilities`"),
        (change("spec", "capabilities", to=["9.0"]), "matching regex '^sm_[0-9]+[a-z]?\\\\Z' - at `$.spec.capabil"),
        (change("spec", "capabilities", to=[90]), "Expected `str`, got `int` - at `$.spec.capabilities[0]`"),
        (change("spec", "gpu", to=3), "Expected `str | null`, got `int` - at `$.spec.gpu`"),
        (without("spec", "gpu"), "missing required field `gpu` - at `$.spec`"),
        (change("spec", "precision", to="int8"), "matching regex '^(fp16|fp32)\\\\Z' - at `$.spec.precision`"),
        (change("spec", "layout", to="half"), "matching regex '^(split|whole)\\\\Z' - at `$.spec.layout`"),
        (change("spec", "max_batch", to=0), "Expected `int` >= 1 - at `$.spec.max_batch`"),
        (change("spec", "max_batch", to=1.0), "Expected `int`, got `float` - at `$.spec.max_batch`"),
        (change("spec", "max_batch", to=True), "Expected `int`, got `bool` - at `$.spec.max_batch`"),
        (change("driver", to=580), "Expected `str | null`, got `int` - at `$.driver`"),
        (change("built", to="yesterday"), "Invalid RFC3339 encoded datetime - at `$.built`"),
        (change("built", to="2026-01-31T12:00:00"), "Expected `datetime` with a timezone component - at `$.built`"),
        (change("built", to=12), "Expected `datetime`, got `int` - at `$.built`"),
        (change("build_s", to="1"), "Expected `float`, got `str` - at `$.build_s`"),
        (change("build_s", to=-1), "Expected `float` >= 0.0 - at `$.build_s`"),
        (change("build_s", to=False), "Expected `float`, got `bool` - at `$.build_s`"),
        (change("build_s", to=10**400), "at `$.build_s`"),
        (change("engines", to=None), "Expected `object`, got `null` - at `$.engines`"),
        (change("engines", to={}), "Expected `object` of length >= 1 - at `$.engines`"),
        (change(*IN_ENGINE, to="generator.engine"), "Expected `object`, got `str` - at `$.engines[...]`"),
        (change("engines", "../generator", to={}), "at `key` in `$.engines`"),
        (change("engines", "/generator", to={}), "at `key` in `$.engines`"),
        (change("engines", "..", to={}), "at `key` in `$.engines`"),
        (change("engines", "", to={}), "at `key` in `$.engines`"),
        (change("engines", "a\0b", to={}), "at `key` in `$.engines`"),
        (change("engines", "a\n", to={}), "at `key` in `$.engines`"),
        (change(*IN_ENGINE, "size_bytes", to=0), "Expected `int` >= 1 - at `$.engines[...].size_bytes`"),
        (change(*IN_ENGINE, "inputs", to={}), "Expected `array`, got `object` - at `$.engines[...].inputs`"),
        (change(*IN_ENGINE, "inputs", 0, to=3), "Expected `object`, got `int` - at `$.engines[...].inputs[0]`"),
        (change(*IN_ENGINE, "inputs", 0, "dtype", to="int8"), "at `$.engines[...].inputs[0].dtype`"),
        (change(*IN_ENGINE, "inputs", 0, "shape", to=[1, 2.5]), "at `$.engines[...].inputs[0].shape[1]`"),
        (change(*IN_ENGINE, "inputs", 0, "shape", to=[True]), "at `$.engines[...].inputs[0].shape[0]`"),
        (change(*IN_ENGINE, "inputs", 0, "shape", to=[-1]), "at `$.engines[...].inputs[0].shape[0]`"),
        (without(*IN_ENGINE, "outputs", 0, "format"), "required field `format` - at `$.engines[...].outputs[0]"),
        (change("parity", to=[]), "Expected `object | null`, got `array` - at `$.parity`"),
        (without("parity"), "missing required field `parity`"),
        (change("tools", "numpy", to=2), "Expected `str`, got `int` - at `$.tools[...]`"),
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
def test_rejects_anything_but_a_json_object(content: bytes) -> None:
    with pytest.raises(EngineError, match=r"expected a manifest of engines; .*Build the engines again"):
        parse_manifest(content, FILE)


def test_unknown_fields_are_ignored() -> None:
    document = json.loads(MANIFEST.to_json())
    document["more"] = document["spec"]["more"] = 1
    assert parse_manifest(json.dumps(document).encode(), FILE) == MANIFEST
