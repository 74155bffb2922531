"""Writes the files of a model folder: graphs, their CPU and int8 variants, and the manifest with measured parity."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import onnx

from fomm_export.networks.model import Networks
from fomm_export.onnx.graphs import Graph, cpu_graphs, model_graphs
from fomm_export.onnx.parity import check_parity
from fomm_export.onnx.quantization import CalibrationFrames, quantize_generator
from fomm_export.onnx.tracing import export_onnx
from fomm_export.rewrites.portable import fold_all_norms, rewrite_for_inference
from fomm_rt.machine.packages import installed_versions
from fomm_rt.model.conventions import METADATA_PREFIX
from fomm_rt.model.conventions import conventions as describe_conventions
from fomm_rt.model.folder import sha256_of
from fomm_rt.model.manifest import BLURRED, CPU, CPU_INT8, MANIFEST_NAME, Manifest, NetworkFile, TensorSpec, Weights

TOOLS = ("fomm-rt", "torch", "onnx", "onnxscript", "onnxruntime", "numpy")

Progress = Callable[[str], None]
"""Called with a short phrase before every step."""


def write_model(
    networks: Networks,
    weights: Weights,
    folder: Path,
    name: str,
    progress: Progress,
    calibration: CalibrationFrames | None,
) -> None:
    """Traces networks to the files of an empty folder and checks them; arguments as of `export_networks`.

    Raises:
        ParityError: The files do not reproduce the networks.
    """
    c = networks.configuration
    conventions = describe_conventions(
        networks.size, c.estimate_jacobian, c.estimate_occlusion_map, c.estimate_blend_mask
    )

    def metadata(network: str, variant: str) -> dict[str, str]:
        facts = {"model": name, "network": network, "variant": variant, **conventions}
        return {METADATA_PREFIX + key: text for key, text in facts.items()}

    def trace(graphs: Iterable[Graph], suffix: str, purpose: str, variant: str) -> dict[str, NetworkFile]:
        files = {}
        for graph in graphs:
            progress(f"tracing {graph.name}{purpose}")
            path = folder / f"{graph.name}{suffix}"
            model = export_onnx(graph, path, metadata(graph.name, variant))
            files[graph.name] = _network_file(model, path, graph.cuts)
        return files

    files = trace(model_graphs(rewrite_for_inference(networks)), ".onnx", "", "portable")
    variants = {CPU: trace(cpu_graphs(fold_all_norms(networks)), f".{CPU}.onnx", " for CPUs", CPU)}
    progress("checking parity with PyTorch")
    paths = {network: folder / file.file for network, file in files.items()}
    cpu_paths = {network: folder / file.file for network, file in variants[CPU].items()}
    parity = asdict(check_parity(networks, [paths, {**paths, **cpu_paths}]))
    if calibration is not None:
        count = len(calibration.calibrated)
        progress(f"calibrating int8 on {count} frames, checking it on others: {calibration.held_out_from}")
        parity["int8_checked_on"] = calibration.held_out_from
        path = folder / f"generator.{CPU_INT8}.onnx"
        model, parity["int8_psnr_db"] = quantize_generator(networks, calibration, path, metadata("generator", CPU_INT8))
        variants[CPU_INT8] = {"generator": _network_file(model, path, ())}
    manifest = Manifest(
        name=name,
        weights=weights,
        configuration=networks.configuration.as_json(),
        size=networks.size,
        align_corners=networks.align_corners,
        networks=files,
        tools={"python": platform.python_version(), **installed_versions(TOOLS)},
        parity=parity,
        variants=variants,
        blurs=dict(zip(BLURRED, networks.blurs, strict=True)),
        conventions=conventions,
    )
    (folder / MANIFEST_NAME).write_text(manifest.to_json(), encoding="utf-8")


def _network_file(model: onnx.ModelProto, path: Path, cuts: tuple[str, ...]) -> NetworkFile:
    return NetworkFile(
        file=path.name,
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        inputs=tuple(map(_tensor_spec, model.graph.input)),
        outputs=tuple(map(_tensor_spec, model.graph.output)),
        cut_tensors=cuts,
    )


def _tensor_spec(value: onnx.ValueInfoProto) -> TensorSpec:
    tensor = value.type.tensor_type
    dtype = str(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    return TensorSpec(value.name, dtype, tuple(size.dim_param or size.dim_value for size in tensor.shape.dim))
