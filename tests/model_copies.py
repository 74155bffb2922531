"""Changes to copies of a model folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

from fomm_rt.model.manifest import CPU, CPU_INT8


def edit_manifest(model: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Edits model.json."""
    document = json.loads((model / "model.json").read_text())
    change(document)
    (model / "model.json").write_text(json.dumps(document))


def add_int8(model: Path) -> None:
    """Adds an int8 variant, which is a copy of the CPU generator."""

    def change(document: dict[str, Any]) -> None:
        entry = dict(document["variants"][CPU]["generator"], file="generator.cpu-int8.onnx")
        shutil.copy(model / "generator.cpu.onnx", model / entry["file"])
        document["variants"][CPU_INT8] = {"generator": entry}

    edit_manifest(model, change)


def edit_network(model: Path, network: str, change: Callable[[onnx.ModelProto], object], variant: str = "") -> Path:
    """Edits the ONNX file of a network, as someone would who also knows to edit its hash; returns its path."""
    networks = json.loads((model / "model.json").read_text())
    networks = networks["variants"][variant] if variant else networks["networks"]
    path: Path = model / networks[network]["file"]
    edited = onnx.load_model(str(path))
    change(edited)
    replace_network(model, path.name, edited.SerializeToString())
    return path


def replace_network(model: Path, file: str, content: bytes) -> None:
    """Writes a file of a model, with its size and hash."""
    (model / file).write_bytes(content)

    def describe(document: dict[str, Any]) -> None:
        for networks in (document["networks"], *document["variants"].values()):
            for entry in networks.values():
                if entry["file"] == file:
                    entry.update(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))

    edit_manifest(model, describe)
