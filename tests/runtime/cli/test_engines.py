"""`fomm-rt engines`: lists and removes what is in a store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from fakes.engine_sets import SPEC, build, contents_of, kept_names
from fomm_kernels import KERNELS
from fomm_kernels.sources import source_hash
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.cli.engines import app
from fomm_rt.engines.store import EngineStore
from fomm_rt.machine import nvidia_driver
from fomm_rt.machine.nvidia_driver import Gpu

USABLE = replace(SPEC, kernels_sha256=source_hash(KERNELS))
OTHER_GPU = replace(USABLE, gpu="NVIDIA A100", capabilities=("sm_80",), max_batch=1)


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "engines")


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An H200 with the TensorRT of `SPEC`."""
    monkeypatch.setattr(nvidia_driver, "gpu", lambda: Gpu("NVIDIA H200", (9, 0), "580.1"))
    monkeypatch.setattr(
        "fomm_rt.cli.engines.load_tensorrt", lambda flavour: TensorRT(flavour, SPEC.library_version, SimpleNamespace())
    )


def run(store: EngineStore, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--engines", str(store.folder)], catch_exceptions=False)


def spoil(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"!")


def test_lists_models_of_sets_and_if_they_are_usable(store: EngineStore) -> None:
    usable, other, damaged = build(store, USABLE), build(store, OTHER_GPU), build(store, replace(USABLE, max_batch=2))
    spoil(damaged.path)
    result = run(store, "list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    pairs = zip(lines[::2], lines[1::2], strict=True)
    about = {first.split()[0]: (first, second.strip()) for first, second in pairs}
    assert about[USABLE.key] == (
        f"{USABLE.key}  vox: fp16, split, up to 8 frames at a time; tensorrt 11.4.0.106; for NVIDIA H200 (sm_90); "
        "0.0 MiB; built 2026-01-31",
        "usable here",
    )
    assert ", frame by frame; tensorrt 11.4.0.106; for NVIDIA A100 (sm_80);" in about[OTHER_GPU.key][0]
    assert about[OTHER_GPU.key][1] == (
        "not usable here: has sm_80, needs sm_90; has the card NVIDIA A100, needs the card NVIDIA H200"
    )
    assert about[damaged.path.stem][1].startswith(f"DAMAGED: {damaged.path}: the SHA-256 of the dense_motion engine")
    assert usable.path.exists()
    assert other.path.exists()


def test_lists_unreadable_sets(store: EngineStore) -> None:
    path = build(store).path
    path.write_text("{")
    assert run(store, "list").stdout.startswith(f"DAMAGED: {path}: expected an archive of engines")


def test_without_a_gpu_or_tensorrt(store: EngineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    build(store, USABLE)
    monkeypatch.undo()
    monkeypatch.setattr(nvidia_driver, "gpu", lambda: Gpu("NVIDIA H200", (9, 0), "580.1"))
    assert "not usable here: tensorrt cannot be imported" in run(store, "list").stdout
    monkeypatch.setattr(nvidia_driver, "gpu", lambda: None)
    assert "not usable here: there is no NVIDIA GPU" in run(store, "list").stdout


def test_an_empty_store(store: EngineStore) -> None:
    assert run(store, "list").stdout == f"{store.folder}: no engines\n"
    assert run(store, "remove", "--all").stdout == "nothing to remove\n"


def test_as_json(store: EngineStore) -> None:
    build(store, USABLE)
    build(store, OTHER_GPU).path.write_text("")
    document = json.loads(run(store, "list", "--json").stdout)
    assert document["folder"] == str(store.folder)
    (found,) = document["sets"]
    assert found["key"] == USABLE.key
    assert found["problem"] is None
    assert found["size_bytes"] == 14000
    assert len(document["damaged"]) == 1
    assert json.loads(run(store, "remove", USABLE.key, "--json").stdout)["removed"] == [USABLE.key]


def test_removes_sets_by_key(store: EngineStore) -> None:
    kept, removed = build(store, USABLE), build(store, OTHER_GPU)
    assert run(store, "remove", OTHER_GPU.key).stdout == f"removed {OTHER_GPU.key}\n"
    assert kept_names(store) == [kept.path.name]
    assert contents_of(removed), "a reader keeps it"
    result = run(store, "remove", OTHER_GPU.key)
    assert result.exit_code == 1
    assert f"error: {removed.path}: cannot be removed (No such file or directory)" in result.stderr


@pytest.mark.parametrize("key", ["../outside", "/outside", "6a1d", "*"])
def test_rejects_a_malformed_key(store: EngineStore, key: str) -> None:
    outside = store.folder.parent / "outside.engines"
    build(store)
    outside.write_text("mine")
    assert run(store, "remove", key).exit_code == 1
    assert outside.exists()
    assert len(kept_names(store)) == 1


def test_removes_damaged_sets(store: EngineStore) -> None:
    kept = build(store, USABLE)
    build(store, OTHER_GPU).path.write_text("")
    spoil(build(store, replace(USABLE, max_batch=2)).path)
    assert len(run(store, "remove", "--damaged").stdout.splitlines()) == 2
    assert kept_names(store) == [kept.path.name]


def test_removes_all(store: EngineStore) -> None:
    build(store, USABLE)
    build(store, OTHER_GPU).path.write_text("")
    (store.folder / "notes.txt").write_text("mine")
    assert run(store, "remove", "--all").exit_code == 0
    assert kept_names(store) == ["notes.txt"]


@pytest.mark.parametrize("arguments", [[], [SPEC.key, "--all"], ["--all", "--damaged"]])
def test_wrong_usage(store: EngineStore, arguments: list[str]) -> None:
    build(store)
    assert run(store, "remove", *arguments).exit_code == 2
    assert len(kept_names(store)) == 1
