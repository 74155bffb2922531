"""A fake export that copies a model instead of making one."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fomm_export.export_model import ExportOptions
from fomm_export.output_folder import replacing_model
from fomm_rt.errors import CheckpointError
from fomm_rt.model.folder import ModelFolder, open_model_folder, sha256_of


@dataclass
class FakeExport:
    """Takes the place of `export_checkpoint`.

    Attributes:
        model: The folder to copy.
        exported: Checkpoint and options of every call.
        failures: Raised by the next calls, in order.
    """

    model: Path
    exported: list[tuple[Path, ExportOptions]] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def __call__(
        self, checkpoint: Path, output: Path, *, config: str, options: ExportOptions, progress: Any
    ) -> ModelFolder:
        assert Path(config).is_file()
        progress("exporting")
        if self.failures:
            raise self.failures.pop(0)
        if not checkpoint.is_file():
            raise CheckpointError(f"{checkpoint}: there is no such file")
        self.exported.append((checkpoint, options))
        with replacing_model(output) as staged:
            shutil.copytree(self.model, staged, dirs_exist_ok=True)
            manifest = json.loads((staged / "model.json").read_text())
            manifest["name"] = output.name
            manifest["weights"] = {
                "origin": "unknown",
                "file": checkpoint.name,
                "sha256": sha256_of(checkpoint),
                "recognised_as": None,
            }
            if options.size is not None:
                _resize(manifest, options.size)
            if options.int8:
                manifest["variants"]["cpu-int8"] = {"generator": manifest["networks"]["generator"]}
            (staged / "model.json").write_text(json.dumps(manifest))
        return open_model_folder(output)


def _resize(manifest: dict[str, Any], size: int) -> None:
    manifest["size"] = size
    for network in manifest["networks"].values():
        for tensor in network["inputs"]:
            if tensor["name"] == "frame":
                tensor["shape"][2:] = [size, size]
