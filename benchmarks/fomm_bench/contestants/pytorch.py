"""The PyTorch networks without the export's rewrites: as published, with a cached source, and compiled."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from fomm_bench.contestants.protocol import Contestant, UnavailableError
from fomm_bench.contestants.stage_clock import CudaClock, StageClock
from fomm_bench.kernel_path.torch_trunks import torch_problem
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.model.reference_networks import build_reference
from fomm_export.networks.dense_motion import DenseMotion
from fomm_export.networks.keypoint_detector import Keypoints
from fomm_export.networks.model import Networks
from fomm_rt.image import Image

Kind = Literal["published", "cached", "compiled"]


def open_pytorch(model: ModelSpec, kind: Kind, device: str, tf32: bool = False) -> Published:
    """Opens the networks of a model.

    Args:
        model: The model.
        kind: "published": eager float32, encoding the source in every frame; "cached": encoding it once; "compiled":
            one compiled function, on a GPU in half precision and channels last.
        device: "cpu" or "cuda".
        tf32: True for convolutions in TF32, PyTorch's default on a GPU.

    Raises:
        UnavailableError: PyTorch cannot use the GPU.
        BenchmarkError: The weights are missing or wrong.
    """
    if device == "cuda" and (problem := torch_problem()):
        raise UnavailableError(problem)
    if model.threads is not None:
        torch.set_num_threads(model.threads)
    networks = build_reference(model)
    if device == "cuda":
        # TF32 would round the inputs of float32 convolutions to 10 bits.
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cuda.matmul.allow_tf32 = False
        networks.kp_detector.to(device)
        networks.generator.to(device)
    kinds = {"published": Published, "cached": Cached, "compiled": Compiled}
    return kinds[kind](networks, device, model.relative)


class Published(Contestant):
    """Every frame runs all networks, including the source encoder. The networks are on the device."""

    takes_batches = True

    def __init__(self, networks: Networks, device: str, relative: bool) -> None:
        self._detector, self._generator = networks.kp_detector, networks.generator
        self._torch_device = torch.device(device)
        self._relative = relative
        self._clock = CudaClock() if device == "cuda" else StageClock()
        where = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
        self.device = f"{where}, PyTorch {torch.__version__}"
        self._kp_initial: Keypoints | None = None
        self._source: Tensor
        self._kp_source: Keypoints

    @property
    @override
    def stage_ms(self) -> dict[str, float]:
        return self._clock.read()

    @override
    def set_source(self, image: Image) -> None:
        with torch.inference_mode():
            self._source = to_network(torch.from_numpy(image).unsqueeze(0).to(self._torch_device))
            self._kp_source = self._detector(self._source)
            self._kp_initial = None

    @override
    def animate(self, frame: Image) -> Image:
        # frame[None] has other strides than a batch of one, and torch.compile would compile for both.
        prediction: Image = self._animate(torch.from_numpy(frame).unsqueeze(0))[0]
        return prediction

    @override
    def animate_batch(self, frames: Image) -> Image:
        return self._animate(torch.from_numpy(frames))

    def _animate(self, frames: Tensor) -> Image:
        with torch.inference_mode():
            self._clock.start()
            pictures = frames.to(self._torch_device)
            self._clock.mark("upload")
            prediction = self._predict_images(pictures)
            result = np.asarray(prediction.cpu().numpy(), np.uint8)
            self._clock.mark("download")
        return result

    def _predict_images(self, pictures: Tensor) -> Tensor:
        """(N, S, S, 3) uint8 -> predictions, (N, S, S, 3) uint8."""
        kp_driving = self._detector(to_network(pictures))
        self._clock.mark("detector")
        kp_animated = self._transfer(kp_driving)
        self._clock.mark("geometry")
        return to_image(self._predict(kp_animated))

    def _transfer(self, kp_driving: Keypoints) -> Keypoints:
        """Relative motion as published: value d − d0 + s, jacobian J_d · J_d0⁻¹ · J_s."""
        if not self._relative:
            return kp_driving
        self._kp_initial = self._kp_initial or kp_driving
        initial, source = self._kp_initial, self._kp_source
        value = kp_driving.value - initial.value + source.value
        if kp_driving.jacobian is None or initial.jacobian is None or source.jacobian is None:
            return Keypoints(value, None)
        return Keypoints(value, kp_driving.jacobian @ torch.inverse(initial.jacobian) @ source.jacobian)

    def _predict(self, kp_animated: Keypoints) -> Tensor:
        n = len(kp_animated.value)
        source, kp_source = self._source.expand(n, -1, -1, -1), expanded(self._kp_source, n)
        motion = self._generator.dense_motion_network(source, kp_source, kp_animated)
        self._clock.mark("dense_motion")
        features = self._generator.encode(source)
        self._clock.mark("encoder")
        return self._warp_and_decode(features, motion)

    def _warp_and_decode(self, features: Tensor, motion: DenseMotion) -> Tensor:
        features = self._warp(features, motion)
        self._clock.mark("warp")
        decoded = self._generator.decode(features)
        source = self._source.expand(len(features), -1, -1, -1)
        prediction = self._generator.blend(decoded, source, motion.deformation)
        self._clock.mark("decoder")
        return prediction

    def _warp(self, features: Tensor, motion: DenseMotion) -> Tensor:
        features = self._generator.warp_features(features, motion.deformation)
        if motion.occlusion_map is None:
            return features
        return self._generator.mask_features(features, motion.occlusion_map)


class PreparedSource(NamedTuple):
    """Tensors of the source alone: image (1, 3, S, S), quarter (1, 3, h, w), features (1, C, H, W), keypoints."""

    image: Tensor
    quarter: Tensor
    features: Tensor
    keypoints: Keypoints


class Cached(Published):
    """Computes everything that depends on the source alone once."""

    _prepared: PreparedSource

    @override
    def set_source(self, image: Image) -> None:
        super().set_source(image)
        with torch.inference_mode():
            quarter = self._generator.dense_motion_network.down(self._source)
            features = self._generator.encode(self._source)
            self._prepared = PreparedSource(self._source, quarter, features, self._kp_source)

    @override
    def _predict(self, kp_animated: Keypoints) -> Tensor:
        motion = self._motion(self._prepared, kp_animated)
        self._clock.mark("dense_motion")
        return self._warp_and_decode(self._prepared.features.expand(len(kp_animated.value), -1, -1, -1), motion)

    def _motion(self, prepared: PreparedSource, kp_animated: Keypoints) -> DenseMotion:
        network, n = self._generator.dense_motion_network, len(kp_animated.value)
        quarter, kp_source = prepared.quarter.expand(n, -1, -1, -1), expanded(prepared.keypoints, n)
        sparse_motion = network.sparse_motion(kp_source, kp_animated)
        features = network.hourglass(network.hourglass_input(quarter, kp_source, kp_animated, sparse_motion))
        occlusion = None if network.occlusion is None else network.occlusion(features)
        return network.blend(sparse_motion, network.mask(features), occlusion)


class Compiled(Cached):
    """One compiled function from frame to prediction; its stages cannot be timed.

    On a GPU, convolutions have half-precision weights, autocast chooses the precision of every other operation, and
    the mode reduce-overhead replays CUDA graphs.
    """

    def __init__(self, networks: Networks, device: str, relative: bool) -> None:
        super().__init__(networks, device, relative)
        self._on_gpu = device == "cuda"
        if self._on_gpu:
            for network in (self._detector, self._generator):
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
                for module in network.modules():
                    if isinstance(module, nn.Conv2d):
                        module.half()
        # Static shapes on a GPU, for speed; dynamic ones on a CPU, where compiling takes long.
        mode, dynamic = ("reduce-overhead", False) if self._on_gpu else ("default", None)
        self._compiled = torch.compile(self._whole, mode=mode, dynamic=dynamic)
        self._offset = torch.zeros(1, device=self._torch_device)
        self._matrix: Tensor | None = None

    @override
    def set_source(self, image: Image) -> None:
        with self._precision():
            super().set_source(image)

    @override
    def _predict_images(self, pictures: Tensor) -> Tensor:
        with self._precision():
            if self._relative and self._kp_initial is None:
                self._set_reference(self._detector(to_network(pictures)))
            prediction: Tensor = self._compiled(pictures, self._prepared, self._offset, self._matrix)
        self._clock.mark("networks")
        return prediction

    def _set_reference(self, initial: Keypoints) -> None:
        """Computes the part of the motion transfer that is constant over the frames."""
        self._kp_initial = initial
        self._offset = self._kp_source.value - initial.value
        self._matrix = None
        if initial.jacobian is not None and self._kp_source.jacobian is not None:
            self._matrix = torch.inverse(initial.jacobian.float()) @ self._kp_source.jacobian.float()

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast("cuda", torch.float16) if self._on_gpu else nullcontext()

    def _whole(self, pictures: Tensor, prepared: PreparedSource, offset: Tensor, matrix: Tensor | None) -> Tensor:
        kp = self._detector(to_network(pictures))
        if self._relative:
            kp = Keypoints(kp.value + offset, None if kp.jacobian is None or matrix is None else kp.jacobian @ matrix)
        image, features = (x.expand(len(kp.value), -1, -1, -1) for x in (prepared.image, prepared.features))
        motion = self._motion(prepared, kp)
        decoded = self._generator.decode(self._warp(features, motion))
        return to_image(self._generator.blend(decoded, image, motion.deformation))


def to_network(images: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 -> (N, 3, S, S) float32 in [0, 1]."""
    return images.permute(0, 3, 1, 2).float() / 255


def to_image(prediction: Tensor) -> Tensor:
    """(N, 3, S, S) in [0, 1] -> (N, S, S, 3) uint8, rounded."""
    return (prediction.permute(0, 2, 3, 1) * 255).round().to(torch.uint8)


def expanded(keypoints: Keypoints, n: int) -> Keypoints:
    """Keypoints of one image, repeated for a batch of n."""
    jacobian = keypoints.jacobian
    return Keypoints(keypoints.value.expand(n, -1, -1), None if jacobian is None else jacobian.expand(n, -1, -1, -1))
