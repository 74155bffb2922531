"""The PyTorch networks of a model folder, as published: without the export's rewrites."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fomm_bench.model.model_spec import ModelSpec
from fomm_rt.errors import BenchmarkError
from fomm_rt.model.manifest import Manifest, read_manifest

if TYPE_CHECKING:
    from fomm_export.checkpoints.configuration import Configuration
    from fomm_export.networks.model import Networks


def build_reference(spec: ModelSpec) -> Networks:
    """Builds the networks with the configuration, size and warp convention of the folder.

    Raises BenchmarkError without weights or for another checkpoint, CheckpointError for one that cannot be read.
    """
    from fomm_export.checkpoints.checkpoint import load_checkpoint
    from fomm_export.checkpoints.stand_in import stand_in_weights
    from fomm_export.networks.model import build_networks

    manifest = read_manifest(Path(spec.folder))
    configuration = _configuration(manifest)
    if spec.checkpoint is None and spec.stand_in_seed is not None:
        weights = stand_in_weights(configuration, spec.stand_in_seed)
    elif spec.checkpoint is not None:
        checkpoint = load_checkpoint(spec.checkpoint)
        if spec.stand_in_seed is None and checkpoint.sha256 != manifest.weights.sha256:
            raise BenchmarkError(
                f"{spec.checkpoint}: expected the checkpoint that {spec.folder} was exported from (SHA-256 "
                f"{manifest.weights.sha256}); got SHA-256 {checkpoint.sha256}. Give the right one with --checkpoint"
            )
        weights = checkpoint.kp_detector, checkpoint.generator
    else:
        raise BenchmarkError(f"{spec.folder}: the networks need weights; give its checkpoint with --checkpoint FILE")
    return build_networks(configuration, *weights, size=manifest.size, align_corners=manifest.align_corners)


def with_drawn_weights(spec: ModelSpec, folder: Path) -> ModelSpec:
    """Writes stand-in weights to a file: contestants then spend as long on loading as with a checkpoint.

    Returns the same specification if it has other weights, or if the exporter is not installed.
    """
    if spec.stand_in_seed is None:
        return spec
    try:
        from safetensors.torch import save_file

        from fomm_export.checkpoints.parts import PARTS
        from fomm_export.checkpoints.stand_in import stand_in_weights
    except ImportError:
        return spec
    weights = stand_in_weights(_configuration(read_manifest(Path(spec.folder))), spec.stand_in_seed)
    path = folder / "stand-in.safetensors"
    save_file({f"{part}.{name}": t for part, ts in zip(PARTS, weights, strict=True) for name, t in ts.items()}, path)
    return replace(spec, checkpoint=str(path))


def _configuration(manifest: Manifest) -> Configuration:
    from fomm_export.checkpoints.configuration import Configuration

    return Configuration.from_json(manifest.configuration)
