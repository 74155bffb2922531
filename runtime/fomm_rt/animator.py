"""The animator: one model on one backend, a source, a reference, and frames in and out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from os import PathLike
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Generic, TypeVar, overload
from weakref import WeakKeyDictionary

import numpy as np

from fomm_rt.backends.gpu.device_arrays import DeviceImage, device_shape, is_on_device
from fomm_rt.backends.options import Options
from fomm_rt.backends.protocol import (
    Backend,
    BackendDescription,
    Explanation,
    PreparedReference,
    PreparedSource,
)
from fomm_rt.backends.registry import open_backend
from fomm_rt.bundled import open_model
from fomm_rt.errors import ImageError, MotionError, StateError
from fomm_rt.framing import Framing, Region, resample
from fomm_rt.image import Image, check_image
from fomm_rt.model.manifest import Manifest
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.motion.transfer import ABSOLUTE, relative_transfer

OnDevice = TypeVar("OnDevice", bound=DeviceImage)
Prediction = TypeVar("Prediction")
WHOLE_CROP = Framing()


@dataclass(frozen=True, eq=False)
class Source:
    """A source picture that an animator has prepared, see `Animator.prepare_source`; only that animator takes it."""

    _prepared: PreparedSource
    _backend: Backend

    @property
    def image(self) -> Image:
        """(size, size, 3) uint8: the source as the networks see it; a copy."""
        return self._prepared.image.copy()

    @property
    def keypoints(self) -> Keypoints:
        """Keypoints of the source; a copy."""
        return self._prepared.keypoints.copy()


@dataclass(frozen=True, eq=False)
class TimedFrame(Generic[Prediction]):
    """One animated frame and how long each stage of it took.

    Attributes:
        prediction: (size, size, 3) uint8 RGB: the array that `animate` returns.
        stage_ms: A name of `fomm_rt.backends.protocol.STAGES` -> milliseconds; read-only. Stages that the frame did not
            need, or that the backend cannot tell apart, are missing.
    """

    prediction: Prediction
    stage_ms: Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "stage_ms", MappingProxyType(self.stage_ms))


class Animator:
    """Animates a source picture by driving frames.

        with Animator.load("models/vox-adv") as animator:
            animator.set_source(portrait)
            for frame in frames:
                show(animator.animate(frame))

    Several sources by one driver, each prepared once and the driver's keypoints found once a frame:

        sources = [animator.prepare_source(picture) for picture in pictures]
        for frame in frames:
            keypoints = animator.keypoints(frame)
            for source in sources:
                animator.set_source(source)
                show(animator.animate(keypoints))

    Pictures are (H, W, 3) uint8 RGB of any size; results are (size, size, 3) uint8 and belong to the caller.
    What depends on the source or on the reference alone is computed once. Not for use by several threads at
    once; several animators in one process are fine.
    """

    def __init__(
        self,
        manifest: Manifest,
        backend: Backend,
        *,
        relative: bool = True,
        adapt_scale: bool = True,
        source_framing: Framing = WHOLE_CROP,
        driving_framing: Framing = WHOLE_CROP,
    ) -> None:
        self._manifest = manifest
        self._backend = backend
        self._relative = relative
        self._adapt_scale = adapt_scale
        self._source_framing = source_framing
        self._driving_framing = driving_framing
        self._source: Source | None = None
        self._kp_reference: Keypoints | None = None
        # One for every source that is still in use, so that going back to a source costs nothing.
        self._references: WeakKeyDictionary[Source, PreparedReference] = WeakKeyDictionary()
        self._closed = False

    @classmethod
    def load(
        cls,
        model: str | PathLike[str] | None = None,
        backend: str = "auto",
        relative: bool = True,
        adapt_scale: bool = True,
        *,
        source_framing: Framing = WHOLE_CROP,
        driving_framing: Framing = WHOLE_CROP,
        threads: int | None = None,
        precision: str | None = None,
        engines: str | PathLike[str] | None = None,
        auto_build: bool = False,
    ) -> Animator:
        """Opens a model folder on a backend.

        Args:
            model: A model folder made by `fomm-rt export`; by default the bundled one, which knows drawn faces.
            backend: "auto" (the fastest that runs here), "tensorrt", "tensorrt-rtx", "onnxruntime-cuda" or
                "onnxruntime-cpu".
            relative: Apply the driving frames' movement since the reference to the source's own pose;
                otherwise take over the driving pose as it is.
            adapt_scale: In relative mode, scale the movement by the size of the source's keypoint hull to the
                reference's.
            source_framing, driving_framing: Which square of either picture to use.
            threads: CPU threads within a network.
            precision: "fp32"; "fp16" for TensorRT, which takes it by default; or "int8" on a CPU where the model has
                such graphs (`fomm-rt export --int8`). The backend's own choice by default.
            engines: Folder of TensorRT engines, as given to `fomm-rt build -o`; the user's cache by default.
            auto_build: Build TensorRT engines where there are none that fit, which takes minutes; else make them with
                `fomm-rt build`.

        Raises:
            ModelError: Not a model folder, an altered one, or one without graphs of this precision.
            BackendError: The backend is unknown, or cannot run here or at this precision.
        """
        folder = open_model(model)
        options = Options(threads, precision, None if engines is None else Path(engines), auto_build)
        return cls(
            folder.manifest,
            open_backend(backend, folder, options),
            relative=relative,
            adapt_scale=adapt_scale,
            source_framing=source_framing,
            driving_framing=driving_framing,
        )

    @property
    def manifest(self) -> Manifest:
        """What the model folder says of the model."""
        return self._manifest

    @property
    def relative(self) -> bool:
        """Whether motion is relative to a reference frame; may be set at any time."""
        return self._relative

    @relative.setter
    def relative(self, value: bool) -> None:
        self._relative = value
        self._references.clear()

    @property
    def adapt_scale(self) -> bool:
        """Whether relative movement is scaled to the size of the source; may be set at any time."""
        return self._adapt_scale

    @adapt_scale.setter
    def adapt_scale(self, value: bool) -> None:
        self._adapt_scale = value
        self._references.clear()

    @property
    def driving_framing(self) -> Framing:
        """Which square of a driving frame is used; may be set at any time, the reference stays."""
        return self._driving_framing

    @driving_framing.setter
    def driving_framing(self, value: Framing) -> None:
        self._driving_framing = value

    @property
    def size(self) -> int:
        """Side of a result in pixels."""
        return self._manifest.size

    @property
    def backend(self) -> BackendDescription:
        """Which backend runs, on what, and why."""
        return self._backend.description

    @property
    def batch(self) -> int:
        """Frames that `animate_all` animates at a time; 1 where it gains nothing over `animate`."""
        return self._backend.batch

    @property
    def source_image(self) -> Image:
        """(size, size, 3) uint8: the source as the networks see it; a copy.

        Raises:
            StateError: No source has been set.
        """
        return self._current_source().image

    @property
    def kp_source(self) -> Keypoints:
        """Keypoints of the source; a copy.

        Raises:
            StateError: No source has been set.
        """
        return self._current_source().keypoints

    def prepare_source(self, image: Image, framing: Framing | None = None) -> Source:
        """Runs what depends on a source alone, so that setting it as often as you like costs nothing.

        Args:
            image: (H, W, 3) uint8 RGB of any size.
            framing: Which square of it to use; by default as given to `load`.

        Raises:
            ImageError: Not such a picture, or the framing lies outside of it.
        """
        self._check_open()
        check_image(image)
        region = (framing or self._source_framing).region(*image.shape[:2])
        return Source(self._backend.prepare_source(image, region), self._backend)

    def set_source(self, source: Image | Source) -> None:
        """Sets the picture to animate, (H, W, 3) uint8 RGB of any size, or a prepared one; the reference stays.

        Raises:
            ImageError: Not such a picture, or the framing lies outside of it.
            StateError: Another animator prepared it.
        """
        if not isinstance(source, Source):
            source = self.prepare_source(source)
        self._check_open()
        if source._backend is not self._backend:
            raise StateError("another animator prepared this source; prepare it with the one that animates it")
        self._source = source

    def set_reference(self, frame: Image | Keypoints) -> None:
        """Sets the driving frame (or its keypoints) that relative motion counts from.

        Without it, the first frame animated is the reference. In absolute mode it has no effect.

        Raises:
            ImageError: Not an (H, W, 3) uint8 picture.
            MotionError: Keypoints of another model.
        """
        self._kp_reference = self._as_keypoints(frame).copy()
        self._references.clear()

    def clear_reference(self) -> None:
        """Forgets the reference: the next frame animated becomes it."""
        self._kp_reference = None
        self._references.clear()

    def frame_driving(self, frame: Image) -> Image:
        """(H, W, 3) uint8 -> (size, size, 3) uint8: the square of a driving frame that the networks see."""
        self._check_open()
        check_image(frame)
        return resample(frame, self._driving_framing.region(*frame.shape[:2]), self.size)

    def keypoints(self, frame: Image | DeviceImage) -> Keypoints:
        """Keypoints of a driving frame, (H, W, 3) uint8 RGB of any size, for GPU backends also on the GPU."""
        self._check_open()
        return self._backend.detect(frame, self._region(frame))

    def check_keypoints(self, keypoints: Keypoints) -> None:
        """Makes sure that keypoints are such as this model finds.

        Raises:
            MotionError: They are not.
        """
        k, with_jacobians = self._manifest.num_kp, self._manifest.has_jacobians
        shapes = [(k, 2), *([(k, 2, 2)] if with_jacobians else [])]
        arrays = [keypoints.value, *([] if keypoints.jacobian is None else [keypoints.jacobian])]
        if [np.shape(array) for array in arrays] != shapes:
            found = f"{np.shape(keypoints.value)[0] if np.ndim(keypoints.value) else 'something else'}"
            raise MotionError(
                f"expected {k} keypoints {'with' if with_jacobians else 'without'} jacobians; got {found} "
                f"{'without' if keypoints.jacobian is None else 'with'}; use the model that found them"
            )
        for array in arrays:
            if not isinstance(array, np.ndarray) or array.dtype != np.float32 or not np.isfinite(array).all():
                raise MotionError("expected keypoints as arrays of finite float32; use what a model found")

    @overload
    def animate(self, frame: Image | Keypoints | DeviceImage, out: Image | None = None) -> Image: ...

    @overload
    def animate(self, frame: Image | Keypoints | DeviceImage, out: OnDevice) -> OnDevice: ...

    def animate(self, frame: Any, out: Any = None) -> Any:
        """Animates the source by one driving frame.

        With a GPU backend `frame` and `out`, each by itself, may be arrays on the GPU: of PyTorch, CuPy, Numba or
        pycuda (`__cuda_array_interface__`), or of others by DLPack. They are used where they are. What their owner has
        queued is waited for: by DLPack on its current stream; else on the stream that the interface names, or on CUDA's
        default stream. When this returns, the result is there.

        Args:
            frame: (H, W, 3) uint8 RGB of any size, or keypoints found earlier by the same model.
            out: (size, size, 3) uint8 to write into, which saves an allocation.

        Returns:
            `out`, or a new array; either way no later call changes it.

        Raises:
            StateError: No source has been set.
            ImageError: `frame` or `out` is not such an array.
            MotionError: Keypoints of another model.
        """
        return self._animate(frame, out, timed=False).prediction

    @overload
    def animate_timed(self, frame: Image | Keypoints | DeviceImage, out: Image | None = None) -> TimedFrame[Image]: ...

    @overload
    def animate_timed(self, frame: Image | Keypoints | DeviceImage, out: OnDevice) -> TimedFrame[OnDevice]: ...

    def animate_timed(self, frame: Any, out: Any = None) -> TimedFrame[Any]:
        """Animates the source by one driving frame, as `animate` does, and measures each stage.

        On a GPU, events between the stages make the frame a little slower. A frame that becomes the reference goes
        through the keypoint detector once more, so its times are those of any other frame.
        """
        return self._animate(frame, out, timed=True)

    def animate_all(self, frames: Iterable[Image]) -> Generator[Image, None, None]:
        """Animates the source by many driving frames, in order: for files, where throughput counts and not latency.

        A GPU backend takes `batch` frames at a time and, while it computes, uploads the next and downloads the last;
        frames are asked for ahead of results. Until all is done, or the generator is closed, no other method may be
        called.

        Args:
            frames: (H, W, 3) uint8 RGB of any size, in host memory.

        Yields:
            As `animate`.

        Raises:
            StateError, ImageError: As `animate`.
        """
        source = self._current_source()
        ahead = iter(frames)
        first = next(ahead, None)
        if first is None:
            return
        region = self._host_region(first)
        keypoints = self._backend.detect(first, region) if self._relative and self._kp_reference is None else None
        reference = self._prepared_reference(source, keypoints)
        yield from self._backend.animate_all(
            reference, ((frame, self._host_region(frame)) for frame in chain([first], ahead))
        )

    def explain(self, frame: Image | Keypoints) -> Explanation:
        """As `animate`, with keypoints, deformation, masks and occlusion map of the frame."""
        source = self._current_source()
        keypoints = self._as_keypoints(frame)
        return self._backend.explain(self._prepared_reference(source, keypoints), keypoints)

    def close(self) -> None:
        """Frees the backend; calling it twice is harmless."""
        if not self._closed:
            self._closed = True
            self._source = None
            self._references.clear()
            self._backend.close()

    def __enter__(self) -> Animator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _animate(self, frame: Any, out: Any, *, timed: bool) -> TimedFrame[Any]:
        source = self._current_source()
        out = self._check_out(out)
        if isinstance(frame, Keypoints):
            self.check_keypoints(frame)
            reference = self._prepared_reference(source, frame)
            return TimedFrame(out, self._backend.animate_keypoints(reference, frame, out, timed=timed))
        region = self._region(frame)
        if self._relative and self._kp_reference is None:
            keypoints = self._backend.detect(frame, region)
            reference = self._prepared_reference(source, keypoints)
            if not timed:
                return TimedFrame(out, self._backend.animate_keypoints(reference, keypoints, out))
        reference = self._prepared_reference(source, None)
        return TimedFrame(out, self._backend.animate(reference, frame, region, out, timed=timed))

    def _current_source(self) -> Source:
        self._check_open()
        if self._source is None:
            raise StateError("no source picture has been set; call set_source(image) first")
        return self._source

    def _prepared_reference(self, source: Source, first: Keypoints | None) -> PreparedReference:
        """The reference for a source, made of `first` where none has been set."""
        reference = self._references.get(source)
        if reference is None:
            transfer = ABSOLUTE
            if self._relative:
                if self._kp_reference is None:
                    assert first is not None
                    self._kp_reference = first.copy()
                transfer = relative_transfer(source._prepared.keypoints, self._kp_reference, self._adapt_scale)
            reference = self._references[source] = self._backend.prepare_reference(source._prepared, transfer)
        return reference

    def _as_keypoints(self, frame: Image | Keypoints) -> Keypoints:
        if isinstance(frame, Keypoints):
            self._check_open()
            self.check_keypoints(frame)
            return frame
        return self.keypoints(frame)

    def _host_region(self, frame: Image) -> Region:
        if is_on_device(frame):
            raise ImageError("animate_all takes frames in host memory; give those on a GPU to animate, one by one")
        return self._region(frame)

    def _region(self, frame: Any) -> Region:
        """The square of a driving frame, wherever that lies."""
        if is_on_device(frame):
            if not self._backend.takes_device_arrays:
                raise ImageError(f"the frame {self._on_a_gpu()}")
            shape = device_shape(frame)
            if len(shape) != 3 or 0 in shape:
                raise ImageError(f"frame: expected an (H, W, 3) uint8 RGB array; got {shape} on the GPU")
            return self._driving_framing.region(*shape[:2])
        check_image(frame)
        return self._driving_framing.region(*frame.shape[:2])

    def _check_open(self) -> None:
        if self._closed:
            raise StateError("this animator is closed; load a new one")

    def _check_out(self, out: Any) -> Any:
        shape = (self.size, self.size, 3)
        if out is None:
            return np.empty(shape, np.uint8)
        if is_on_device(out):
            if not self._backend.takes_device_arrays:
                raise ImageError(f"out {self._on_a_gpu()}")
            found = f"{device_shape(out)} on the GPU"  # its dtype is looked at where it is used
            fits = device_shape(out) == shape
        elif isinstance(out, np.ndarray):
            found = f"{out.dtype} {out.shape}{'' if out.flags.writeable else ', read-only'}"
            fits = out.shape == shape and out.dtype == np.uint8 and out.flags.writeable
        else:
            found, fits = type(out).__name__, False
        if not fits:
            raise ImageError(f"out: expected a writable uint8 array of shape {shape}; got {found}")
        return out

    def _on_a_gpu(self) -> str:
        return (
            f"lies on a GPU, but {self.backend.name} takes arrays in host memory; "
            "give it as a NumPy array, or load the model with a TensorRT backend"
        )
