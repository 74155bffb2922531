"""Changes to copies of a model folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
