"""Quantizes the generator's convolutions to int8 for CPUs with ONNX Runtime's tools.

The warp, norms and additions stay float32. So do keypoints and dense motion, whose errors would move the picture.
Weights have one scale per channel, activations one per tensor, found on real frames. int8 is fast on processors with
int8 dot products (VNNI on x86, or Arm's); without them it is slower, and sums may saturate on x86.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from typing_extensions import override

from fomm_export.networks.model import Networks
from fomm_export.onnx.graphs import cpu_generator_graph
from fomm_export.onnx.parity import torch_frame
from fomm_export.onnx.torch_chain import torch_chain
from fomm_export.onnx.tracing import errors_only, export_onnx, save_onnx
from fomm_export.rewrites.cpu_generator import CpuGenerator
from fomm_export.rewrites.portable import fold_norms
from fomm_rt.errors import OutputError, ParityError
from fomm_rt.image import Image, psnr_db
from fomm_rt.machine.onnx_runtime import onnxruntime, submodule

Tensors = dict[str, NDArray[np.float32]]

quantization = submodule("quantization")

SMALLEST_PSNR = 35.0
"""Smallest PSNR in dB of an int8 prediction against the exact one, on every held-out frame."""


@dataclass(frozen=True, eq=False)
class FramePair:
    """A source and a driving frame, each (size, size, 3) uint8."""

    source: Image
    driving: Image


@dataclass(frozen=True, eq=False)
class CalibrationFrames:
    """Real frames that set the scales of int8 graphs, and others that check the result.

    Attributes:
        calibrated: Set the scales; at least one.
        held_out: Check the result; at least one, none of them in `calibrated`.
        held_out_from: Describes `held_out` to people.
    """

    calibrated: Sequence[FramePair]
    held_out: Sequence[FramePair]
    held_out_from: str


def quantize_generator(
    networks: Networks, frames: CalibrationFrames, path: Path, metadata: Mapping[str, str] | None = None
) -> tuple[onnx.ModelProto, float]:
    """Writes the generator in int8; its inputs of a source come from the encoder of the variant "cpu".

    Args:
        networks: As built from the checkpoint, not rewritten.
        frames: Frames that set the scales, and frames that check the result.
        path: The ONNX file to write.
        metadata: Its `metadata_props`.

    Returns:
        The model as written, and the smallest PSNR in dB of its predictions on held-out frames.

    Raises:
        OutputError: The temporary folder cannot be written.
        ParityError: The PSNR is below SMALLEST_PSNR.
    """
    # Winograd's transforms need more than 8 bits, and int8 convolutions are faster anyway.
    generator = CpuGenerator(fold_norms(networks.generator), networks.size, winograd=False)
    with _temporary_folder() as folder, errors_only():  # ONNX Runtime advises preprocessing, meant for other graphs
        exact, quantized = folder / "exact.onnx", folder / "int8.onnx"
        exact_model = export_onnx(cpu_generator_graph(networks, generator), exact)
        convolutions = [node.name for node in exact_model.graph.node if node.op_type == "Conv"]
        quantization.quantize_static(
            exact,
            quantized,
            _Frames(_inputs(networks, generator, frames.calibrated)),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=convolutions[-2:],  # the last layer (`heads.SplitHeads`), whose errors are visible
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        model = onnx.load(quantized)
    save_onnx(model, path, metadata)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    psnr = min(_psnr_db(session, generator, inputs) for inputs in _inputs(networks, generator, frames.held_out))
    if not psnr >= SMALLEST_PSNR:
        raise ParityError(
            f"the int8 predictions are {psnr:.1f} dB from the exact ones on the worst held-out frame "
            f"({frames.held_out_from}); expected at least {SMALLEST_PSNR:.0f} dB, so nothing was kept. Calibrate on a "
            "clip like those to be animated (--calibrate), or export without --int8"
        )
    return model, psnr


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    # ONNX Runtime writes its own temporary files to the same place, so choosing another output would not help.
    try:
        with tempfile.TemporaryDirectory(prefix="fomm-rt-") as folder:
            yield Path(folder)
    except (OSError, DecodeError) as error:
        # ONNX's shape inference ignores a full disk and leaves a file that cannot be parsed.
        reason = error.strerror if isinstance(error, OSError) else "a file was cut short"
        raise OutputError(
            f"{tempfile.tempdir or 'TMPDIR'}: temporary files of --int8 cannot be written ({reason}); nothing was "
            "kept. Free some space there, or set the environment variable TMPDIR to another folder"
        ) from error


def _inputs(networks: Networks, generator: CpuGenerator, pairs: Sequence[FramePair]) -> Iterator[Tensors]:
    """Yields the generator's inputs by name for each pair, in absolute motion."""
    chain = torch_chain(networks, generator.encode_source)
    with torch.inference_mode():
        for pair in pairs:
            source, driving = chain.prepare(torch_frame(pair.source)), chain.detect(torch_frame(pair.driving))
            moved = chain.move(source, driving)
            names = ("source_features", "deformation", "occlusion_map", "source_pixels")
            yield {name: moved[name].numpy() for name in names if name in moved}


def _psnr_db(session: onnxruntime.InferenceSession, generator: CpuGenerator, inputs: Tensors) -> float:
    (prediction,) = session.run(["prediction"], inputs)
    with torch.inference_mode():
        outputs = generator(**{name: torch.from_numpy(array) for name, array in inputs.items()})
    exact = outputs[0] if generator.blends else outputs
    return psnr_db(float(np.square(prediction - exact.numpy(), dtype=np.float64).mean()), peak=1)


class _Frames(quantization.CalibrationDataReader):  # type: ignore[misc, name-defined]
    def __init__(self, inputs: Iterator[Tensors]) -> None:
        self._inputs = inputs

    @override
    def get_next(self) -> Tensors | None:
        return next(self._inputs, None)
