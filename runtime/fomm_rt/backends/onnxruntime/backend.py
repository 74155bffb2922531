"""The backends of ONNX Runtime: on the CPU, or through its CUDA provider."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fomm_rt.backends.onnxruntime.cuda import DeviceNetworks
from fomm_rt.backends.onnxruntime.networks import HostNetworks, Networks
from fomm_rt.backends.onnxruntime.sessions import ONNXRUNTIME_CPU, ONNXRUNTIME_CUDA, PROVIDERS, open_session
from fomm_rt.backends.options import DEFAULTS, Options
from fomm_rt.backends.protocol import (
    Backend,
    BackendDescription,
    Explanation,
    PreparedReference,
    PreparedSource,
    StageTimes,
)
from fomm_rt.backends.stage_clock import StageClock
from fomm_rt.errors import ModelError
from fomm_rt.framing import Region, resample
from fomm_rt.image import Image
from fomm_rt.machine import nvidia_driver
from fomm_rt.machine.processor import allowed_cores, lacks_int8_instructions
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.graph_chain import GraphChain, HostTensors, keypoint_tensors, keypoints_from_tensors
from fomm_rt.motion.keypoints import Keypoints

OpenNetworks = Callable[[str, ModelFolder, str, "int | None"], Networks]
"""(backend, model, precision, threads) -> the model's networks."""

_log = logging.getLogger("fomm_rt")

PROBE = "probe.onnx"
"""A 3×3 convolution of 64 channels on 64×64 pixels, 151 MMAC, written by `fomm_export.onnx.probe_network`."""

PROBE_RUNS = 20

MAPS = ("deformation", "mask", "occlusion_map", "blend_mask")
"""Outputs of dense motion and generator that an explanation holds."""


def why_onnxruntime_unavailable(name: str) -> str | None:
    """Says why this backend cannot run here, as far as is known without a session; None if it can."""
    try:
        from fomm_rt.machine.onnx_runtime import onnxruntime
    except ImportError as error:
        return f"onnxruntime cannot be imported ({error}); install it with: pip install onnxruntime"
    if name == ONNXRUNTIME_CUDA and not nvidia_driver.is_installed():
        return nvidia_driver.NO_DRIVER
    if PROVIDERS[name] not in onnxruntime.get_available_providers():
        return (
            f"the installed onnxruntime {onnxruntime.__version__} is built without CUDA; "
            "replace it: pip uninstall onnxruntime, then pip install onnxruntime-gpu"
        )
    return None


def probe_onnxruntime(name: str) -> float:
    """Runs PROBE on this backend; returns the median latency in milliseconds."""
    content = (files("fomm_rt.backends.onnxruntime") / PROBE).read_bytes()
    session = open_session(name, content, PROBE, _default_threads())
    picture = np.zeros((1, 64, 64, 64), np.float32)
    latencies = []
    for _ in range(PROBE_RUNS):
        start = perf_counter()
        session.run(None, {"x": picture})
        latencies.append((perf_counter() - start) * 1e3)
    return median(latencies)


def _default_threads() -> int | None:
    """The number of allowed cores if it is below the machine's, which ONNX Runtime would use; otherwise None."""
    cores = allowed_cores()
    return cores if cores < (os.cpu_count() or 1) else None


@dataclass(frozen=True, eq=False)
class _Source(PreparedSource):
    """A source with its encoded tensors, see `GraphChain.encode`."""

    encoded: HostTensors


class OnnxRuntimeBackend(Backend):
    """Runs the four graphs of a model folder as ONNX Runtime sessions; errors are those of `open_networks`.

    Every call raises ModelError if networks give numbers that are not finite.

    Args:
        name, reason: A key of PROVIDERS, and why this backend was chosen.
        options: Threads apply to the CPU provider; the precision is float32 by default.
        networks: Opens the networks; by default in the way that suits the backend.
    """

    takes_device_arrays = False
    batch = 1

    def __init__(
        self,
        name: str,
        model: ModelFolder,
        reason: str,
        options: Options = DEFAULTS,
        networks: OpenNetworks | None = None,
    ) -> None:
        precision = options.precision or "fp32"
        if precision == "int8" and lacks_int8_instructions():
            _log.warning(
                "this processor has no VNNI instructions: int8 is hardly faster than fp32, and sums may "
                "saturate, which spoils pictures; compare with --precision fp32"
            )
        open_networks = networks or (DeviceNetworks if name == ONNXRUNTIME_CUDA else HostNetworks)
        self._networks = open_networks(name, model, precision, options.threads or _default_threads())
        self._chain = GraphChain[Any](self._networks.run)
        self._model = model.path
        self._size = model.manifest.size
        self._is_checked = False
        self._frame = np.empty((1, 3, self._size, self._size), np.float32)
        from fomm_rt.machine.onnx_runtime import onnxruntime

        device = "CPU" if name == ONNXRUNTIME_CPU else "NVIDIA GPU"
        if self._networks.eager_reason is not None:
            reason = f"{reason}; without a CUDA graph: {self._networks.eager_reason}"
        self._description = BackendDescription(name, f"{device}, ONNX Runtime {onnxruntime.__version__}", reason)

    @property
    @override
    def description(self) -> BackendDescription:
        return self._description

    @override
    def prepare_source(self, image: Image, region: Region) -> PreparedSource:
        picture = resample(image, region, self._size).copy()
        frame = self._load(picture, Region.square(self._size))
        keypoints = self._keypoints(frame)
        encoded = self._chain.encode(frame, keypoint_tensors(keypoints))
        return _Source(picture, keypoints, self._downloaded(encoded))

    @override
    def detect(self, image: Image, region: Region) -> Keypoints:
        return self._keypoints(self._load(image, region))

    @override
    def animate(
        self, reference: PreparedReference, image: Image, region: Region, out: Image, *, timed: bool = False
    ) -> tuple[Keypoints, StageTimes]:
        clock = StageClock()
        with clock("upload"):
            frame = self._load(image, region)
        with clock("detector"):
            keypoints = self._keypoints(frame)
        self._animate(reference, keypoints, out, clock)
        return keypoints, clock.milliseconds() if timed else {}

    @override
    def animate_keypoints(
        self, reference: PreparedReference, keypoints: Keypoints, out: Image, *, timed: bool = False
    ) -> StageTimes:
        clock = StageClock()
        self._animate(reference, keypoints, out, clock)
        return clock.milliseconds() if timed else {}

    @override
    def explain(self, reference: PreparedReference, keypoints: Keypoints) -> Explanation:
        prediction = np.empty((self._size, self._size, 3), np.uint8)
        tensors = self._animate(reference, keypoints, prediction, StageClock())
        maps = {name: self._networks.download(tensors[name])[0] for name in MAPS if name in tensors}
        return reference.explanation(prediction, keypoints, maps)

    @override
    def interrupt(self) -> None:
        self._networks.interrupt()

    @override
    def close(self) -> None:
        self._networks.close()

    def _animate(
        self, reference: PreparedReference, keypoints: Keypoints, out: Image, clock: StageClock
    ) -> Mapping[str, Any]:
        """Writes the prediction into `out`; returns the tensors of `GraphChain.generate`."""
        source = reference.source
        assert isinstance(source, _Source)
        with clock("geometry"):
            animated = reference.transfer(keypoints)
        with clock("dense_motion"):
            moved = self._chain.move(source.encoded, keypoint_tensors(animated))
        with clock("generator"):
            generated = self._chain.generate(moved)
        with clock("download"):
            picture = self._networks.download(generated["prediction"])
            if not self._is_checked:  # once is enough to find damaged weights
                self._check_finite("predictions", picture)
                self._is_checked = True
            _write_picture(picture, out)
        return generated

    def _load(self, image: Image, region: Region) -> Any:
        """Resamples part of a picture to the networks' input, in buffers that the next call reuses."""
        picture = resample(image, region, self._size)
        np.divide(picture.transpose(2, 0, 1), np.float32(255), out=self._frame[0], dtype=np.float32)
        return self._networks.load(self._frame)

    def _keypoints(self, frame: Any) -> Keypoints:
        return keypoints_from_tensors(self._downloaded(self._chain.detect(frame)))

    def _downloaded(self, tensors: Mapping[str, Any]) -> HostTensors:
        found = {name: self._networks.download(tensor) for name, tensor in tensors.items()}
        for name, array in found.items():
            self._check_finite(name, array)
        return found

    def _check_finite(self, name: str, array: NDArray[np.float32]) -> None:
        if not np.isfinite(array).all():
            raise ModelError(
                f"{self._model}: its {name} are not finite numbers, so its weights are damaged; export the model again"
            )


def _write_picture(prediction: NDArray[np.float32], out: Image) -> None:
    """(1, 3, size, size) float32 in [0, 1], the result of a sigmoid -> (size, size, 3) uint8, rounded; NaN -> 0."""
    import cv2

    planes = [cv2.convertScaleAbs(plane, alpha=255) for plane in prediction[0]]
    if out.flags.c_contiguous:
        cv2.merge(planes, dst=out)
    else:  # OpenCV supports few of NumPy's layouts
        out[...] = cv2.merge(planes)
