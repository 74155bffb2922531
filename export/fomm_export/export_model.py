"""From weights to a model folder that reproduces the networks; if it does not, nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from fomm_export.checkpoints.checkpoint import Checkpoint, load_checkpoint
from fomm_export.checkpoints.configuration import Configuration
from fomm_export.checkpoints.configuration_file import load_configuration
from fomm_export.checkpoints.published import CONFIGURATIONS
from fomm_export.checkpoints.stand_in import stand_in_weights
from fomm_export.networks.model import Networks, build_networks
from fomm_export.onnx.calibration import calibration_frames
from fomm_export.onnx.quantization import CalibrationFrames
from fomm_export.output_folder import check_output, replacing_model
from fomm_export.write_model import Progress, write_model
from fomm_rt.errors import CheckpointError
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.model.manifest import Weights


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export.

    Attributes:
        size: Side of the frames in pixels; None for the training size.
        align_corners: Convention of the warps.
        int8: True to make int8 graphs as well.
        calibrate: Clips that set the scales of int8, besides the bundled picture.
    """

    size: int | None = None
    align_corners: bool = True
    int8: bool = False
    calibrate: Sequence[Path] = ()


DEFAULT_OPTIONS = ExportOptions()


def export_checkpoint(
    checkpoint_path: str | Path,
    output: str | Path,
    *,
    config: str | None = None,
    options: ExportOptions = DEFAULT_OPTIONS,
    progress: Progress = lambda _: None,
) -> ModelFolder:
    """Exports a checkpoint to a model folder.

    Args:
        checkpoint_path: A published checkpoint, or a safetensors file with the same tensor names.
        output: The model folder; an earlier model there is replaced once the new one is complete.
        config: Name of a configuration or path of a published YAML; None to take it from the checkpoint, which must
            then be a published one or the project's own.
        options: Size, convention and int8.
        progress: Called before every step.

    Raises:
        CheckpointError: The checkpoint or the configuration is not usable, or they do not fit.
        MediaError: A clip cannot be read.
        OutputError: The folder cannot be written.
        ParityError: The exported model does not reproduce the networks.
    """
    output = Path(output)
    check_output(output)
    named = None if config is None else load_configuration(config)
    if named is not None:
        _check_size(named, options.size)  # before the checkpoint, which takes seconds to read
    progress("reading the checkpoint")
    checkpoint = load_checkpoint(checkpoint_path)
    tensors = checkpoint.kp_detector, checkpoint.generator
    configuration = named or _configuration_of(checkpoint)
    return _export(configuration, tensors, str(checkpoint.path), _weights(checkpoint), output, options, progress)


def export_stand_in(
    output: str | Path,
    *,
    config: str = "vox-256",
    seed: int = 7,
    options: ExportOptions = DEFAULT_OPTIONS,
    progress: Progress = lambda _: None,
) -> ModelFolder:
    """Exports weights drawn from a seed (`checkpoints.stand_in`); raises what `export_checkpoint` raises."""
    output = Path(output)
    check_output(output)
    configuration = load_configuration(config)
    progress("drawing stand-in weights")
    origin = f"{Path(config).name}, seed {seed}"
    tensors, weights = stand_in_weights(configuration, seed), Weights("stand-in", origin, None, None)
    return _export(configuration, tensors, origin, weights, output, options, progress)


def export_networks(
    networks: Networks,
    weights: Weights,
    output: Path,
    progress: Progress = lambda _: None,
    calibration: CalibrationFrames | None = None,
) -> ModelFolder:
    """Writes networks to a model folder that appears only after it has reproduced them.

    Args:
        networks: As built from a checkpoint, not rewritten.
        weights: Their origin, for the manifest.
        output: The model folder.
        progress: Called before every step.
        calibration: Frames for int8 graphs; None for a model without them.

    Raises:
        OutputError: The folder cannot be written.
        ParityError: The exported model does not reproduce the networks.
    """
    with replacing_model(output) as folder:
        write_model(networks, weights, folder, output.name, progress, calibration)
        open_model_folder(folder).check_graphs()  # as every run will
    return open_model_folder(output)


def _export(
    configuration: Configuration,
    tensors: tuple[dict[str, Tensor], dict[str, Tensor]],
    origin: str,
    weights: Weights,
    output: Path,
    options: ExportOptions,
    progress: Progress,
) -> ModelFolder:
    _check_size(configuration, options.size)
    networks = build_networks(
        configuration, *tensors, size=options.size, align_corners=options.align_corners, origin=origin
    )
    calibration = calibration_frames(networks.size, options.calibrate) if options.int8 else None
    return export_networks(networks, weights, output, progress, calibration)


def _check_size(configuration: Configuration, size: int | None) -> None:
    try:
        configuration.check_size(size or configuration.frame_size)
    except ValueError as error:
        raise CheckpointError(f"--size: {error}") from error


def _configuration_of(checkpoint: Checkpoint) -> Configuration:
    if checkpoint.published is not None:
        return CONFIGURATIONS[checkpoint.published.configuration]
    if checkpoint.own is not None:
        return load_configuration(checkpoint.own)
    raise CheckpointError(
        f"{checkpoint.path}: its SHA-256 is not that of a published file, so its configuration is unknown; give "
        f"--config with one of {', '.join(CONFIGURATIONS)}, or the path of a YAML"
    )


def _weights(checkpoint: Checkpoint) -> Weights:
    return Weights.of_checkpoint(checkpoint.own or checkpoint.path.name, checkpoint.sha256)
