"""From weights to a model folder that has proved itself, or no folder at all."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import onnx
from torch import Tensor

from fomm_export.checkpoints.checkpoint import Checkpoint, load_checkpoint
from fomm_export.checkpoints.configuration import Configuration
from fomm_export.checkpoints.configuration_file import OWN_NAMES, load_configuration
from fomm_export.checkpoints.published import CONFIGURATIONS
from fomm_export.checkpoints.stand_in import stand_in_weights
from fomm_export.networks.model import Networks, build_networks
from fomm_export.onnx.calibration import calibration_frames
from fomm_export.onnx.graphs import Graph, cpu_graphs, model_graphs
from fomm_export.onnx.parity import check_parity
from fomm_export.onnx.quantization import CalibrationFrames, quantize_generator
from fomm_export.onnx.tracing import export_onnx
from fomm_export.rewrites.portable import fold_all_norms, rewrite_for_inference
from fomm_rt.errors import CheckpointError, FommError, OutputError
from fomm_rt.files.staging import hidden_beside
from fomm_rt.machine.packages import installed_version
from fomm_rt.model.folder import ModelFolder, open_model_folder, sha256_of
from fomm_rt.model.manifest import (
    CPU,
    CPU_INT8,
    MANIFEST_NAME,
    Manifest,
    NetworkFile,
    TensorSpec,
    Weights,
    read_manifest,
)

TOOLS = ("fomm-rt", "torch", "onnx", "onnxscript", "onnxruntime", "numpy")

Progress = Callable[[str], None]
"""Called with a few words before every step."""


def export_checkpoint(
    checkpoint_path: str | Path,
    output: str | Path,
    *,
    config: str | None = None,
    size: int | None = None,
    align_corners: bool = True,
    int8: bool = False,
    calibrate: Sequence[Path] = (),
    progress: Progress = lambda _: None,
) -> ModelFolder:
    """Exports a published checkpoint to a model folder.

    Args:
        checkpoint_path: A published checkpoint or safetensors file with the same tensor names.
        output: The folder to make; an earlier model folder there is replaced once the new one is whole.
        config: Name of a published configuration or path of a published YAML; found by the checkpoint's
            SHA-256 where it is a known one.
        size: Side of the frames in pixels; the trained size by default.
        align_corners: Convention of the warps.
        int8: Make int8 graphs as well.
        calibrate: Clips to find their scales on, beside a picture that is always used.
        progress: Told what is going on.

    Raises:
        CheckpointError: The checkpoint or the configuration is not usable, or they do not fit.
        MediaError: A clip cannot be read.
        OutputError: The folder cannot be written.
        ParityError: The exported model does not reproduce the networks.
    """
    _check_output(Path(output))
    named = None if config is None else load_configuration(config)  # what is wrong with it is said before a long read
    if named is not None:
        _check_size(named, size)
    progress("reading the checkpoint")
    checkpoint = load_checkpoint(checkpoint_path)
    configuration = named or _configuration_of(checkpoint)
    networks = _build(
        configuration, checkpoint.kp_detector, checkpoint.generator, size, align_corners, str(checkpoint.path)
    )
    frames = calibration_frames(networks.size, calibrate) if int8 else None
    return export_networks(networks, _weights(checkpoint), Path(output), progress, frames)


def export_stand_in(
    output: str | Path,
    *,
    config: str = "vox-256",
    size: int | None = None,
    align_corners: bool = True,
    seed: int = 7,
    int8: bool = False,
    calibrate: Sequence[Path] = (),
    progress: Progress = lambda _: None,
) -> ModelFolder:
    """Exports stand-in weights (see `fomm_export.checkpoints.stand_in`) of a configuration to a model folder.

    Raises:
        CheckpointError: The configuration is not usable, or the size does not fit it.
        OutputError: The folder cannot be written.
        ParityError: The exported model does not reproduce the networks.
    """
    _check_output(Path(output))
    configuration = load_configuration(config)
    progress("drawing stand-in weights")
    origin = f"{Path(config).name}, seed {seed}"
    networks = _build(configuration, *stand_in_weights(configuration, seed), size, align_corners, origin)
    frames = calibration_frames(networks.size, calibrate) if int8 else None
    return export_networks(networks, Weights("stand-in", origin, None, None), Path(output), progress, frames)


def export_networks(
    networks: Networks,
    weights: Weights,
    output: Path,
    progress: Progress,
    calibration: CalibrationFrames | None = None,
) -> ModelFolder:
    """Traces networks to a model folder, checks it against them and only then puts it in place.

    Args:
        networks: As built from a checkpoint, not rewritten.
        weights: What the manifest says of their origin.
        output: The folder to make.
        progress: Told what is going on.
        calibration: Frames to make int8 graphs by; none are made without.

    Raises:
        OutputError: The folder cannot be written.
        ParityError: The exported model does not reproduce the networks.
    """
    _check_output(output)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        staged = hidden_beside(output)
        staged.mkdir()
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror}); {_another_folder(output)}") from error
    try:
        _write(networks, weights, staged, output.name, progress, calibration)
        _put_in_place(staged, output)
    except OSError as error:
        raise OutputError(
            f"{output}: cannot be written ({error.strerror}); nothing was kept. Free some space or "
            + _another_folder(output)
        ) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return open_model_folder(output)


def _write(
    networks: Networks,
    weights: Weights,
    folder: Path,
    name: str,
    progress: Progress,
    calibration: CalibrationFrames | None,
) -> None:
    def trace(graphs: Iterable[Graph], ending: str, what: str) -> dict[str, NetworkFile]:
        entries = {}
        for graph in graphs:
            progress(f"tracing {graph.name}{what}")
            path = folder / f"{graph.name}{ending}"
            entries[graph.name] = describe_network(export_onnx(graph, path), path, graph.cuts)
        return entries

    entries = trace(model_graphs(rewrite_for_inference(networks)), ".onnx", "")
    variants = {CPU: trace(cpu_graphs(fold_all_norms(networks)), f".{CPU}.onnx", " for CPUs")}
    progress("checking parity with PyTorch")
    paths = {network: folder / entry.file for network, entry in entries.items()}
    arranged = {network: folder / entry.file for network, entry in variants[CPU].items()}
    parity = check_parity(networks, [paths, {**paths, **arranged}]).as_json()
    if calibration is not None:
        calibrated = len(calibration.calibrated)
        progress(f"calibrating int8 on {calibrated} frames, checking it on others: {calibration.held_out_from}")
        parity["int8_checked_on"] = calibration.held_out_from
        path = folder / f"generator.{CPU_INT8}.onnx"
        model, parity["int8_psnr_db"] = quantize_generator(networks, calibration, path)
        variants[CPU_INT8] = {"generator": describe_network(model, path, ())}
    manifest = Manifest(
        name=name,
        weights=weights,
        configuration=networks.configuration.as_json(),
        size=networks.size,
        align_corners=networks.align_corners,
        networks=entries,
        tools={
            "python": platform.python_version(),
            **{tool: installed_version(tool) or "not installed" for tool in TOOLS},
        },
        parity=parity,
        variants=variants,
    )
    (folder / MANIFEST_NAME).write_text(manifest.to_json(), encoding="utf-8")


def describe_network(model: onnx.ModelProto, path: Path, cuts: tuple[str, ...]) -> NetworkFile:
    """What the manifest says of a network that is written to a file of the model folder."""

    def specs(values: list[onnx.ValueInfoProto]) -> tuple[TensorSpec, ...]:
        result = []
        for value in values:
            tensor = value.type.tensor_type
            dtype = str(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
            shape = tuple(d.dim_param or d.dim_value for d in tensor.shape.dim)
            result.append(TensorSpec(value.name, dtype, shape))
        return tuple(result)

    return NetworkFile(
        file=path.name,
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        inputs=specs(list(model.graph.input)),
        outputs=specs(list(model.graph.output)),
        cut_tensors=cuts,
    )


def _put_in_place(staged: Path, output: Path) -> None:
    """Renames the staged folder onto the target; an earlier model steps aside until that has worked."""
    if not output.exists():
        staged.rename(output)
        return
    _check_output(output)  # minutes have passed since the first look
    aside = hidden_beside(output)
    output.rename(aside)
    try:
        staged.rename(output)
    except BaseException:
        aside.rename(output)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _another_folder(output: Path) -> str:
    """Advice; who exports to a temporary folder, as benchmarks do, has no -o to give."""
    # Not gettempdir(): it tries to write, which may fail again. Whoever made a temporary folder has it set.
    if tempfile.tempdir is not None and Path(tempfile.tempdir).resolve() in output.resolve().parents:
        return "choose another folder with -o, or by the environment variable TMPDIR where it is a temporary one"
    return "choose another folder with -o"


def _check_output(output: Path) -> None:
    """Refuses to replace anything but an earlier model, down to the last file."""
    if output.resolve() in (Path.cwd(), *Path.cwd().parents):
        raise OutputError(f"{output}: expected a folder of its own for the model; choose another with -o")
    if not output.exists() and not output.is_symlink():
        parent = output.parent
        while not parent.exists() and parent != parent.parent:
            parent = parent.parent
        if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
            raise OutputError(f"{output}: cannot be made in {parent}; choose another folder with -o")
        return
    if not output.is_dir() or output.is_symlink():
        raise OutputError(f"{output}: expected a new folder to write the model to; it is a file or link")
    found = {path.name for path in output.iterdir()}
    if not found:
        return
    try:
        manifest = read_manifest(output)
    except (FommError, OSError) as error:
        raise OutputError(
            f"{output}: expected a new folder or an earlier model; it holds other files. Choose another with -o"
        ) from error
    strangers = found - {MANIFEST_NAME} - {file.file for file in manifest.files}
    if strangers:
        raise OutputError(
            f"{output}: holds an earlier model, but also {sorted(strangers)[0]}, which would be lost; "
            "move it away or choose another folder with -o"
        )


def _configuration_of(checkpoint: Checkpoint) -> Configuration:
    if checkpoint.known is not None:
        return CONFIGURATIONS[checkpoint.known.configuration]
    if checkpoint.own in OWN_NAMES:
        return load_configuration(checkpoint.own)
    raise CheckpointError(
        f"{checkpoint.path}: its SHA-256 is not that of a published file, so the configuration has to be named: "
        f"--config with one of {', '.join(CONFIGURATIONS)}, or the path of a YAML"
    )


def _weights(checkpoint: Checkpoint) -> Weights:
    if checkpoint.known is not None:
        return Weights("published", checkpoint.path.name, checkpoint.sha256, checkpoint.known.file_name)
    if checkpoint.own is not None:
        return Weights("own", checkpoint.own, checkpoint.sha256, None)
    return Weights("unknown", checkpoint.path.name, checkpoint.sha256, None)


def _build(
    configuration: Configuration,
    kp_detector: dict[str, Tensor],
    generator: dict[str, Tensor],
    size: int | None,
    align_corners: bool,
    origin: str,
) -> Networks:
    _check_size(configuration, size)
    return build_networks(configuration, kp_detector, generator, size=size, align_corners=align_corners, origin=origin)


def _check_size(configuration: Configuration, size: int | None) -> None:
    try:
        configuration.check_size(size or configuration.frame_size)
    except ValueError as error:
        raise CheckpointError(f"--size: {error}") from error
