"""ONNX Runtime, on the CPU or through its CUDA provider.

The CUDA provider has never been executed by this project. The code that chooses it and notices that it did not
start is tested without it; which operators it leaves to the CPU is not known.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fomm_rt import nvidia_driver
from fomm_rt.backends.options import DEFAULTS, Options
from fomm_rt.backends.protocol import BackendDescription, Explanation, PreparedReference, PreparedSource
from fomm_rt.errors import BackendError, ModelError
from fomm_rt.framing import Image, Region, resample
from fomm_rt.keypoints import Keypoints
from fomm_rt.model_folder import CPU, CPU_INT8, NETWORKS, ModelFolder
from fomm_rt.transfer import Transfer

if TYPE_CHECKING:
    import onnxruntime

Tensors = dict[str, NDArray[np.float32]]

_log = logging.getLogger("fomm_rt")

VARIANTS = {
    ("onnxruntime-cuda", "fp32"): (),
    ("onnxruntime-cpu", "fp32"): (CPU,),
    ("onnxruntime-cpu", "int8"): (CPU_INT8, CPU),
}
"""Backend and precision -> which variants of a network to look for, best first."""

PROVIDERS = {"onnxruntime-cuda": "CUDAExecutionProvider", "onnxruntime-cpu": "CPUExecutionProvider"}


CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds of CPU time per period that a container's processes may use (Linux control groups, version 2)."""

CPU_INFO = Path("/proc/cpuinfo")

PROBE = "probe.onnx"
"""A 3×3 convolution of 64 channels on 64×64 pixels, 151 MMAC; `fomm_export.probe_network` makes it."""

PROBE_RUNS = 20


def problem(name: str) -> str | None:
    """Why the backend of this name cannot run here, as far as can be told without a session; None if it can."""
    try:
        import onnxruntime
    except ImportError as error:
        return f"onnxruntime cannot be imported ({error}); install it with: pip install onnxruntime"
    if name == "onnxruntime-cuda" and not nvidia_driver.is_installed():
        return "this machine has no NVIDIA driver"
    if PROVIDERS[name] not in onnxruntime.get_available_providers():
        return (
            f"the installed onnxruntime {onnxruntime.__version__} is built without CUDA; "
            "replace it: pip uninstall onnxruntime, then pip install onnxruntime-gpu"
        )
    return None


def probe(name: str) -> float:
    """Runs PROBE on the backend of this name; returns the median latency in milliseconds.

    Raises:
        BackendError: The backend does not really run here.
    """
    with as_file(files("fomm_rt.backends") / PROBE) as path:
        session = _open_session(name, path, None)
    picture = np.zeros((1, 64, 64, 64), np.float32)
    latencies = []
    for _ in range(PROBE_RUNS):
        start = perf_counter()
        session.run(None, {"x": picture})
        latencies.append((perf_counter() - start) * 1e3)
    return median(latencies)


def _open_session(name: str, path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # warnings about node placement are noise to a user
    # Every session has a pool of its own; one that spins after its network takes the cores from the next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    threads = threads or _allowed_cores()
    if threads is not None:
        options.intra_op_num_threads = threads
    provider = PROVIDERS[name]
    # TF32 would round the convolutions' inputs to 10 bits, beyond what the parity check allows.
    settings = {"use_tf32": "0"} if name == "onnxruntime-cuda" else {}
    try:
        session = onnxruntime.InferenceSession(_utf8(path), options, providers=[(provider, settings)])
    except UnicodeEncodeError as error:
        raise BackendError(f"{str(path)!a}: this path is not valid UTF-8; rename the folder") from error
    except Exception as error:  # onnxruntime raises a dozen types that share no base
        raise BackendError(
            f"{path}: ONNX Runtime cannot load this network ({_first_line(error)}); export the model again"
        ) from error
    # Asked for CUDA on a machine without it, ONNX Runtime silently takes the CPU.
    if session.get_providers()[0] != provider:
        raise BackendError(
            f"ONNX Runtime did not start its {provider} (the driver finds no device, or CUDA or cuDNN "
            f"libraries are missing or too old); it would run on {session.get_providers()[0]}"
        )
    return session


def _utf8(path: Path) -> str:
    str(path).encode()
    return str(path)


def _check_tensors(
    model: ModelFolder, network: str, variants: tuple[str, ...], session: onnxruntime.InferenceSession
) -> None:
    """Makes sure that a network takes and gives what the manifest says."""
    entry = model.manifest.network(network, variants)
    for specs, found in ((entry.inputs, session.get_inputs()), (entry.outputs, session.get_outputs())):
        if [(spec.name, *spec.shape) for spec in specs] != [(tensor.name, *tensor.shape) for tensor in found]:
            raise ModelError(
                f"{model.network_path(network, variants)}: takes or gives other tensors than model.json says; "
                "export the model again"
            )


def _check_features(model: ModelFolder, variants: tuple[str, ...]) -> None:
    """Makes sure that the generator takes features as the encoder gives them; variants shape them differently."""
    encoder, generator = (model.manifest.network(name, variants) for name in ("source_encoder", "generator"))
    given = next(spec.shape for spec in encoder.outputs if spec.name == "source_features")
    taken = next(spec.shape for spec in generator.inputs if spec.name == "source_features")
    if given != taken:
        raise ModelError(
            f"{model.path}: {encoder.file} gives source_features of shape {given}, {generator.file} takes {taken}; "
            "export the model again"
        )


def lacks_int8_instructions() -> bool:
    """Whether this is an x86 processor without VNNI, as far as Linux tells."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        flags = CPU_INFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "flags" in flags and "avx512_vnni" not in flags and "avx_vnni" not in flags


def _allowed_cores() -> int | None:
    """How many cores this process may use where that is fewer than the machine has; ONNX Runtime sees them all."""
    cores = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    try:
        quota, period = CPU_QUOTA.read_text(encoding="ascii").split()
        allowed = min(allowed, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass  # not in a container, or one without a limit ("max")
    return allowed if allowed < cores else None


@dataclass(frozen=True, eq=False)
class _Source(PreparedSource):
    """features: as the generator takes them; quarter: (1, 3, h, w); keypoints as the dense-motion graph takes them."""

    features: NDArray[np.float32]
    quarter: NDArray[np.float32]
    inputs: Tensors


class OnnxRuntimeBackend:
    """Runs the four graphs of a model folder as ONNX Runtime sessions.

    Args:
        name: A key of PROVIDERS.
        model: What to run.
        reason: Why this backend was chosen.
        options: Threads are of the CPU provider; the precision is float32 by default.

    Raises:
        BackendError: ONNX Runtime cannot load a network, or falls back to another provider than asked for.
    """

    takes_device_arrays = False
    batch = 1
    timed = True

    def __init__(self, name: str, model: ModelFolder, reason: str, options: Options = DEFAULTS) -> None:
        precision = options.precision or "fp32"
        variants = VARIANTS[name, precision]
        if precision == "int8" and lacks_int8_instructions():
            _log.warning(
                "this processor has no VNNI instructions: int8 is hardly faster than fp32, and sums may "
                "saturate, which spoils pictures; compare with --precision fp32"
            )
        self._sessions = {n: _open_session(name, model.network_path(n, variants), options.threads) for n in NETWORKS}
        for network, session in self._sessions.items():
            _check_tensors(model, network, variants, session)
        _check_features(model, variants)
        self.stage_ms: dict[str, float] = {}
        self._outputs = {n: [spec.name for spec in model.manifest.networks[n].outputs] for n in NETWORKS}
        size = model.manifest.size
        self._size = size
        self._frame = np.empty((1, 3, size, size), np.float32)
        import onnxruntime

        device = "CPU" if name == "onnxruntime-cpu" else "NVIDIA GPU"
        self.description = BackendDescription(name, f"{device}, ONNX Runtime {onnxruntime.__version__}", reason)

    def _run(self, network: str, inputs: Mapping[str, NDArray[np.float32]]) -> Tensors:
        names = self._outputs[network]
        try:
            values: list[Any] = self._sessions[network].run(names, inputs)
        except Exception as error:
            raise BackendError(f"ONNX Runtime failed in {network}: {_first_line(error)}") from error
        return dict(zip(names, values, strict=True))

    def _upload(self, image: Image) -> NDArray[np.float32]:
        """(size, size, 3) uint8 -> (1, 3, size, size) float32 in [0, 1], in a buffer that the next call reuses."""
        np.divide(image.transpose(2, 0, 1), np.float32(255), out=self._frame[0], dtype=np.float32)
        return self._frame

    def _download(self, prediction: NDArray[np.float32], out: Image) -> None:
        """(1, 3, size, size) float32 in [0, 1], which a sigmoid gives -> (size, size, 3) uint8, rounded; 0 for NaN."""
        import cv2

        planes = [cv2.convertScaleAbs(plane, alpha=255) for plane in prediction[0]]
        if out.flags.c_contiguous:
            cv2.merge(planes, dst=out)
        else:  # OpenCV takes few of the layouts that NumPy has
            out[...] = cv2.merge(planes)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.stage_ms[name] = (perf_counter() - start) * 1e3

    def prepare_source(self, image: Image, region: Region) -> PreparedSource:
        """See `Backend.prepare_source`."""
        picture = resample(image, region, self._size).copy()
        keypoints = self.detect(picture, Region.square(self._size))
        encoded = self._run("source_encoder", {"source_image": self._upload(picture)})
        return _Source(
            picture,
            keypoints,
            encoded["source_features"],
            encoded["source_quarter"],
            _keypoint_inputs("kp_source", keypoints),
        )

    def prepare_reference(self, source: PreparedSource, transfer: Transfer) -> PreparedReference:
        """See `Backend.prepare_reference`."""
        return PreparedReference(source, transfer)

    def detect(self, image: Image, region: Region) -> Keypoints:
        """See `Backend.detect`."""
        with self._stage("upload"):
            frame = self._upload(resample(image, region, self._size))
        with self._stage("detector"):
            tensors = self._run("keypoint_detector", {"frame": frame})
        jacobians = tensors.get("jacobians")
        return Keypoints(tensors["keypoints"][0], None if jacobians is None else jacobians[0])

    def animate(self, reference: PreparedReference, image: Image, region: Region, out: Image) -> None:
        """See `Backend.animate`."""
        self.animate_keypoints(reference, self.detect(image, region), out)

    def animate_keypoints(self, reference: PreparedReference, keypoints: Keypoints, out: Image) -> None:
        """See `Backend.animate_keypoints`."""
        with self._stage("geometry"):
            animated = reference.transfer(keypoints)
        self._animate(reference, animated, out)

    def animate_all(self, reference: PreparedReference, frames: Iterable[tuple[Image, Region]]) -> Iterator[Image]:
        """See `Backend.animate_all`."""
        for image, region in frames:
            out = np.empty((self._size, self._size, 3), np.uint8)
            self.animate(reference, image, region, out)
            yield out

    def explain(self, reference: PreparedReference, keypoints: Keypoints) -> Explanation:
        """See `Backend.explain`."""
        animated = reference.transfer(keypoints)
        prediction = np.empty((self._size, self._size, 3), np.uint8)
        motion = self._animate(reference, animated, prediction)
        occlusion_map = motion.get("occlusion_map")
        return Explanation(
            prediction,
            reference.source.keypoints,
            keypoints,
            animated,
            motion["deformation"][0],
            motion["mask"][0],
            None if occlusion_map is None else occlusion_map[0, 0],
        )

    def _animate(self, reference: PreparedReference, animated: Keypoints, out: Image) -> Tensors:
        source = reference.source
        assert isinstance(source, _Source)
        inputs = {
            "source_quarter": source.quarter,
            **source.inputs,
            **_keypoint_inputs("kp_driving", animated),
        }
        with self._stage("dense_motion"):
            motion = self._run("dense_motion", inputs)
        warp = {name: tensor for name, tensor in motion.items() if name != "mask"}
        with self._stage("generator"):
            prediction = self._run("generator", {"source_features": source.features, **warp})["prediction"]
        with self._stage("download"):
            self._download(prediction, out)
        return motion

    def close(self) -> None:
        """See `Backend.close`."""
        self._sessions.clear()


def _keypoint_inputs(prefix: str, keypoints: Keypoints) -> Tensors:
    inputs = {prefix: keypoints.value[None]}
    if keypoints.jacobian is not None:
        inputs[f"{prefix}_jacobian"] = keypoints.jacobian[None]
    return inputs


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
