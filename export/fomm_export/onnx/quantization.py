"""The generator's convolutions in int8, for a CPU, by ONNX Runtime's own tools.

The warp, norms and additions stay float32, and so do keypoints and dense motion: an error there moves the picture.
Weights are quantized a scale a channel, activations a scale a tensor, found on real frames that pass through the
networks. Fast where the processor has instructions for it (VNNI, or Arm's dot products); without them slower, and on
x86 sums may saturate.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from fomm_export.networks.model import Networks
from fomm_export.onnx.graphs import cpu_generator_graph
from fomm_export.onnx.parity import torch_frame
from fomm_export.onnx.torch_chain import torch_chain
from fomm_export.onnx.tracing import export_onnx
from fomm_export.rewrites.cpu_generator import CpuGenerator
from fomm_export.rewrites.portable import fold_norms
from fomm_rt.errors import OutputError, ParityError
from fomm_rt.image import Image, psnr_db

Tensors = dict[str, NDArray[np.float32]]

SMALLEST_PSNR = 35.0
"""Decibels that the int8 prediction has to keep to the exact one, on every frame that it is checked on."""


@dataclass(frozen=True, eq=False)
class FramePair:
    """A source and a frame that drives it, each (size, size, 3) uint8."""

    source: Image
    driving: Image


@dataclass(frozen=True, eq=False)
class CalibrationFrames:
    """Real frames to make int8 graphs by.

    Attributes:
        calibrated: They find the scales; at least one.
        held_out: They check the result and take no part in finding the scales; at least one.
        held_out_from: What `held_out` is, in words for people.
    """

    calibrated: Sequence[FramePair]
    held_out: Sequence[FramePair]
    held_out_from: str


def quantize_generator(networks: Networks, frames: CalibrationFrames, path: Path) -> tuple[onnx.ModelProto, float]:
    """Writes the generator in int8; it takes `source_features` as that of the variant "cpu" does.

    Args:
        networks: As built from the checkpoint, not rewritten.
        frames: What finds the scales, and what checks the result.
        path: The ONNX file to write.

    Returns:
        The model as written, and the least PSNR in decibels of its predictions against the exact ones.

    Raises:
        OutputError: The folder of temporary files cannot be written.
        ParityError: The PSNR is below SMALLEST_PSNR.
    """
    # Winograd's transforms want more than 8 bits, and int8 convolutions are the faster ones anyway.
    generator = CpuGenerator(fold_norms(networks.generator), networks.size, winograd=False)
    with _temporary_folder() as folder, _quiet():
        exact, quantized = folder / "exact.onnx", folder / "int8.onnx"
        exact_model = export_onnx(cpu_generator_graph(networks, generator), exact)
        quantize_static(
            exact,
            quantized,
            _Frames(_generator_inputs(networks, generator, frames.calibrated)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=_final_convolutions(exact_model),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        model = onnx.load(quantized)
    onnx.save_model(model, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    psnr = min(
        psnr_db(_mean_squared_error(session.run(["prediction"], inputs)[0], _predict(generator, inputs)), peak=1)
        for inputs in _generator_inputs(networks, generator, frames.held_out)
    )
    if not psnr >= SMALLEST_PSNR:
        raise ParityError(
            f"the int8 predictions are {psnr:.1f} dB from the exact ones on the worst frame that was checked "
            f"({frames.held_out_from}); at least {SMALLEST_PSNR:.0f} dB are expected, so nothing was kept. Calibrate "
            "on a clip like those that will be animated (--calibrate), or export without --int8"
        )
    return model, psnr


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder for files on the way; ONNX Runtime puts its own beside it, so another output would not help."""
    try:
        with tempfile.TemporaryDirectory(prefix="fomm-rt-") as folder:
            yield Path(folder)
    except (OSError, DecodeError) as error:
        # ONNX's shape inference overlooks a full disk; what it wrote cannot be parsed then.
        reason = error.strerror if isinstance(error, OSError) else "a file was cut short"
        raise OutputError(
            f"{tempfile.tempdir or 'TMPDIR'}: temporary files of --int8 cannot be written ({reason}); nothing was "
            "kept. Free some space there, or name another folder in the environment variable TMPDIR"
        ) from error


def _generator_inputs(networks: Networks, generator: CpuGenerator, pairs: Sequence[FramePair]) -> Iterator[Tensors]:
    """Yields the generator's inputs by name for each pair, in absolute motion."""
    chain = torch_chain(networks, generator.encode_rows)
    with torch.inference_mode():
        for pair in pairs:
            source, driving = chain.prepare(torch_frame(pair.source)), chain.detect(torch_frame(pair.driving))
            moved = chain.move(source, driving)
            names = ("source_features", "deformation", "occlusion_map")
            yield {name: moved[name].numpy() for name in names if name in moved}


def _predict(generator: CpuGenerator, inputs: Tensors) -> NDArray[np.float32]:
    """The exact prediction."""
    tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
    with torch.inference_mode():
        prediction: NDArray[np.float32] = generator(
            tensors["source_features"], tensors["deformation"], tensors.get("occlusion_map")
        ).numpy()
    return prediction


def _mean_squared_error(prediction: NDArray[np.float32], exact: NDArray[np.float32]) -> float:
    return float(np.square(prediction - exact, dtype=np.float64).mean())


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, inputs: Iterator[Tensors]) -> None:
        self._inputs = inputs

    def get_next(self) -> Tensors | None:
        return next(self._inputs, None)


def _final_convolutions(model: onnx.ModelProto) -> list[str]:
    """Names of the two that the last layer is (`heads.SplitHeads`): what they lose is seen at once."""
    return [str(node.name) for node in model.graph.node if node.op_type == "Conv"][-2:]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps advice about preprocessing, which is for other graphs, off the terminal."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
