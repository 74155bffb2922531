"""The animator: one model on one backend, a source, a reference, and frames in and out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from difflib import get_close_matches
from inspect import GEN_CLOSED, getgeneratorstate
from itertools import chain
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TypeVar, overload
from weakref import ref

import numpy as np

from fomm_rt.backends.gpu.device_arrays import DeviceImage, is_on_device
from fomm_rt.backends.options import BackendName, Options
from fomm_rt.backends.protocol import AnimatedFrame, Backend, BackendDescription, Explanation, PreparedReference
from fomm_rt.backends.registry import open_backend
from fomm_rt.bundled import open_model
from fomm_rt.errors import ImageError, StateError
from fomm_rt.faces.framing import AnyFraming, HeldFraming, resolve_framing
from fomm_rt.frame_arrays import check_result, framed
from fomm_rt.framing import Framing, Region, resample
from fomm_rt.image import Frame, Image, pixels_of
from fomm_rt.model.manifest import Manifest
from fomm_rt.model.precision import Precision
from fomm_rt.motion.keypoints import Keypoints, check_keypoints
from fomm_rt.source import Reference, Source

_log = logging.getLogger(__name__)

AnyFrame = Image | Frame | Keypoints | DeviceImage
OnDevice = TypeVar("OnDevice", bound=DeviceImage)
CENTRED_SQUARE = Framing()


class Animator:
    """Animates a source picture by driving frames.

        with Animator.load("vox-adv") as animator:
            animator.set_source(portrait)
            for frame in frames:
                show(animator.animate(frame))

    For several sources by one driver, call `prepare_source` once per picture and `keypoints` once per frame, then
    animate each source by these keypoints.

    Pictures and frames are (H, W, 3) uint8 RGB arrays of any size and strides, or objects that hold one in `pixels`,
    like the frames of a `VideoReader`. OpenCV's frames are BGR: pass `frame[..., ::-1]`, and show `result[..., ::-1]`.
    Results are new (size, size, 3) uint8 RGB arrays.

    Use an animator from one thread at a time; it cannot be pickled. A process may have several animators.
    """

    def __init__(
        self,
        manifest: Manifest,
        backend: Backend,
        *,
        relative: bool = True,
        adapt_scale: bool = True,
        source_framing: AnyFraming = CENTRED_SQUARE,
        driving_framing: AnyFraming = CENTRED_SQUARE,
    ) -> None:
        self._manifest = manifest
        self._backend = backend
        self._reference = Reference(relative, adapt_scale)
        self._source_framing = source_framing
        self._driving_framing = HeldFraming(driving_framing, manifest.face_margin)
        self._source: Source | None = None
        self._iteration: ref[Generator[Any, None, None]] | None = None
        self._closed = False

    @classmethod
    def load(
        cls,
        model: str | PathLike[str] | None = None,
        backend: BackendName = "auto",
        *,
        relative: bool = True,
        adapt_scale: bool = True,
        source_framing: AnyFraming = CENTRED_SQUARE,
        driving_framing: AnyFraming = CENTRED_SQUARE,
        threads: int | None = None,
        precision: Precision | None = None,
        engines: str | PathLike[str] | None = None,
        auto_build: bool = False,
    ) -> Animator:
        """Opens a model on a backend.

        Args:
            model: The name of a model that `fomm-rt fetch` installed, such as "vox-adv", or a model folder made by
                `fomm-rt export`; the bundled model for drawn faces by default.
            backend: "auto" takes the fastest that runs here, "cpu" the fastest on the CPU, "cuda" on an NVIDIA GPU.
            relative: Apply the movement since a reference frame to the source; otherwise copy the driver's pose.
            adapt_scale: In relative mode, scale the movement by the size of the source's keypoint hull relative to the
                reference's.
            source_framing, driving_framing: The square of the source and of driving frames that the networks see: a
                `Framing`, or a `FaceFraming` to find the face. The square of the first driving frame is kept for all
                later frames; after `clear_reference`, it is found again.
            threads: CPU threads within a network.
            precision: "fp32"; "fp16" for TensorRT, its default; or "int8" on a CPU if the model was exported with
                `fomm-rt export --int8`. The backend's default if not given.
            engines: Folder of TensorRT engines, as given to `fomm-rt build -o`; the user's cache by default.
            auto_build: Build missing TensorRT engines, which takes minutes. Otherwise build them with `fomm-rt build`.

        Raises:
            ModelError: No such model, an altered one, or one without graphs of this precision.
            BackendError: The backend is unknown, or cannot run here or at this precision.
            TypeError: An option has the wrong type.
        """
        _check_types(
            relative=relative,
            adapt_scale=adapt_scale,
            source_framing=source_framing,
            driving_framing=driving_framing,
        )
        folder = open_model(model)
        _log.debug("%s: %s, %s", folder.path, folder.manifest.name, folder.manifest.weights.describe())
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
        """Description of the model, from its folder."""
        return self._manifest

    @property
    def relative(self) -> bool:
        """True if motion is relative to a reference frame. Can be set between frames."""
        return self._reference.relative

    @relative.setter
    def relative(self, value: bool) -> None:
        self._check_idle(relative=value)
        self._reference = replace(self._reference, relative=value)

    @property
    def adapt_scale(self) -> bool:
        """True if relative movement is scaled to the size of the source. Can be set between frames."""
        return self._reference.adapt_scale

    @adapt_scale.setter
    def adapt_scale(self, value: bool) -> None:
        self._check_idle(adapt_scale=value)
        self._reference = replace(self._reference, adapt_scale=value)

    @property
    def source_framing(self) -> AnyFraming:
        """The square of a source picture to use. Setting it affects sources that are prepared afterwards."""
        return self._source_framing

    @source_framing.setter
    def source_framing(self, value: AnyFraming) -> None:
        self._check_idle(source_framing=value)
        self._source_framing = value

    @property
    def driving_framing(self) -> AnyFraming:
        """The square of a driving frame to use. Can be set between frames; the reference stays."""
        return self._driving_framing.framing

    @driving_framing.setter
    def driving_framing(self, value: AnyFraming) -> None:
        self._check_idle(driving_framing=value)
        self._driving_framing = HeldFraming(value, self._manifest.face_margin)

    @property
    def size(self) -> int:
        """Side of a result in pixels."""
        return self._manifest.size

    @property
    def backend(self) -> BackendDescription:
        """The backend in use, its device, and why it was chosen."""
        return self._backend.description

    @property
    def batch(self) -> int:
        """Number of frames that `animate_all` animates at a time; 1 if it is no faster than `animate`."""
        return self._backend.batch

    @property
    def source_image(self) -> Image:
        """(size, size, 3) uint8: a copy of the source as the networks see it.

        Raises:
            StateError: No source has been set.
        """
        return self._current_source().image

    @property
    def kp_source(self) -> Keypoints:
        """A copy of the source's keypoints.

        Raises:
            StateError: No source has been set.
        """
        return self._current_source().keypoints

    def prepare_source(self, image: Image | Frame, framing: AnyFraming | None = None) -> Source:
        """Computes everything that depends on the source alone; `set_source` then takes the result at no cost.

        Args:
            image: (H, W, 3) uint8 RGB of any size.
            framing: The square to use; `source_framing` by default.

        Raises:
            ImageError: Not such a picture, or the framing lies outside it.
        """
        framing = self._source_framing if framing is None else framing
        self._check_idle(framing=framing)
        square = resolve_framing(framing, image, self._manifest.face_margin)
        return Source(self._backend.prepare_source(*framed(image, square)), self._backend)

    def set_source(self, source: Image | Frame | Source) -> None:
        """Sets the picture to animate: (H, W, 3) uint8 RGB of any size, or a prepared source. The reference stays.

        Raises:
            ImageError: Not such a picture, or the framing lies outside it.
            StateError: Another animator prepared the source.
        """
        if not isinstance(source, Source):
            source = self.prepare_source(source)
        self._check_idle()
        if not source.belongs_to(self._backend):
            raise StateError("another animator prepared this source; prepare it with the one that animates it")
        self._source = source

    @property
    def reference(self) -> Reference | None:
        """The reference of relative motion; None before it is set, and in absolute mode."""
        return None if self._reference.keypoints is None or not self.relative else self._reference

    def prepare_reference(self, frame: Image | Frame | Keypoints) -> Reference:
        """Computes what depends on a reference frame alone; `set_reference` then takes the result at no cost.

        For several drivers, prepare the reference of each, and set it before animating by that driver's frames.

        Raises:
            ImageError: Not an (H, W, 3) uint8 picture.
            MotionError: Keypoints of another model.
        """
        return Reference(self.relative, self.adapt_scale, self._as_keypoints(frame).copy())

    def set_reference(self, frame: Image | Frame | Keypoints | Reference) -> None:
        """Sets the driving frame, its keypoints, or a prepared reference, that relative motion is measured from.

        Without it, the first animated frame is the reference. Absolute motion ignores it.

        Raises:
            ImageError: Not an (H, W, 3) uint8 picture.
            MotionError: Keypoints of another model.
        """
        if not isinstance(frame, Reference):
            frame = self.prepare_reference(frame)
        self._check_idle()
        if frame.keypoints is not None:
            self.check_keypoints(frame.keypoints)
        if (frame.relative, frame.adapt_scale) != (self.relative, self.adapt_scale):
            frame = replace(frame, relative=self.relative, adapt_scale=self.adapt_scale)
        self._reference = frame

    def clear_reference(self) -> None:
        """Forgets the reference: the next animated frame becomes it."""
        self._check_idle()
        self._reference = replace(self._reference, keypoints=None)
        self._driving_framing.reset()

    def frame_driving(self, frame: Image | Frame) -> Image:
        """(H, W, 3) uint8 -> (size, size, 3) uint8: the square of a driving frame that the networks see."""
        self._check_open()
        return resample(*framed(frame, self._driving_framing(frame)), self.size)

    def keypoints(self, frame: Image | Frame | DeviceImage, framing: AnyFraming | None = None) -> Keypoints:
        """Finds the keypoints of a driving frame.

        Args:
            frame: (H, W, 3) uint8 RGB of any size; GPU backends take it on the GPU.
            framing: The square to use; `driving_framing` by default.

        Raises:
            ImageError: Not such a picture, or the framing lies outside it.
        """
        self._check_idle()
        if framing is None:
            square = self._driving_framing(frame)
        else:
            square = resolve_framing(framing, frame, self._manifest.face_margin)
        return self._backend.detect(*framed(frame, square, self._backend))

    def check_keypoints(self, keypoints: Keypoints) -> None:
        """Checks that keypoints have the shapes and types that this model finds.

        Raises:
            MotionError: They do not.
        """
        check_keypoints(keypoints, self._manifest.num_kp, self._manifest.has_jacobians)

    @overload
    def animate(self, frame: AnyFrame, out: Image | None = None) -> Image: ...

    @overload
    def animate(self, frame: AnyFrame, out: OnDevice) -> OnDevice: ...

    def animate(self, frame: Any, out: Any = None) -> Any:
        """Animates the source by one driving frame.

        With a GPU backend, `frame` and `out` may each be an array on the GPU: of PyTorch, CuPy, Numba or pycuda
        (`__cuda_array_interface__`), or of another library by DLPack. They are used in place. Work that their owner has
        queued is waited for: with DLPack on its current stream, otherwise on the stream that the interface names, or on
        CUDA's default stream. The result is complete when this returns.

        Args:
            frame: (H, W, 3) uint8 RGB of any size, or keypoints that the same model found.
            out: (size, size, 3) uint8 to write into, which saves an allocation.

        Returns:
            `out`, or a new array. Later calls do not change it.

        Raises:
            StateError: No source has been set.
            ImageError: `frame` or `out` is not such an array.
            MotionError: Keypoints of another model.
        """
        return self._animate(frame, out, timed=False).prediction

    @overload
    def animate_timed(self, frame: AnyFrame, out: Image | None = None) -> AnimatedFrame[Image]: ...

    @overload
    def animate_timed(self, frame: AnyFrame, out: OnDevice) -> AnimatedFrame[OnDevice]: ...

    def animate_timed(self, frame: Any, out: Any = None) -> AnimatedFrame[Any]:
        """Animates the source by one driving frame, as `animate` does, and measures each stage.

        On a GPU, events between the stages make the frame a little slower. A frame that becomes the reference goes
        through the keypoint detector once more, so its times are those of any other frame.
        """
        return self._animate(frame, out, timed=True)

    def animate_tracked(
        self, frame: Image | Frame, adjust: Callable[[Keypoints], Keypoints] | None = None
    ) -> AnimatedFrame[Image]:
        """Animates the source by one driving frame, as `animate` does, and also returns its keypoints.

        Args:
            frame: (H, W, 3) uint8 RGB of any size.
            adjust: Changes the keypoints before they move the source, for example a `KeypointFilter`. On a GPU, such
                a frame goes to host memory and back in between.
        """
        if adjust is None:
            return self._animate(frame, None, timed=False)
        keypoints = self.keypoints(frame)
        return replace(self._animate(adjust(keypoints), None, timed=False), kp_driving=keypoints)

    def interrupt(self) -> None:
        """Makes the frame that another thread is animating fail with BackendError, if the backend can end it.

        The only method that another thread may call. Between two networks of a frame it has no effect, so call it again
        until the frame has ended.
        """
        self._backend.interrupt()

    def animate_all(self, frames: Iterable[Image | Frame]) -> Generator[Image, None, None]:
        """Animates the source by many driving frames, in order, for throughput instead of latency.

        A GPU backend takes `batch` frames at a time and, while it computes, uploads the next frames and downloads the
        last results. Frames are taken ahead of results. Until the iterator is exhausted, closed or dropped, calls and
        assignments that would disturb it raise StateError; `close` ends it.

        Args:
            frames: (H, W, 3) uint8 RGB of any size, in host memory.

        Yields:
            (size, size, 3) uint8 RGB, new arrays.

        Raises:
            StateError: No source has been set, or the animator was closed meanwhile.
            ImageError: A frame is not such an array.
        """
        predictions = _predictions_of(self._animate_in_order(self._source_to_animate(), iter(frames)))
        self._iteration = ref(predictions)
        return predictions

    def animate_all_tracked(self, frames: Iterable[Image | Frame]) -> Generator[AnimatedFrame[Image], None, None]:
        """Animates the source by many driving frames, as `animate_all` does, and yields their keypoints too."""
        animated = self._animate_in_order(self._source_to_animate(), iter(frames))
        self._iteration = ref(animated)
        return animated

    def explain(self, frame: Image | Frame | Keypoints) -> Explanation:
        """Animates the source by one frame and returns its keypoints, deformation, masks and occlusion map as well."""
        source = self._source_to_animate()
        keypoints = self._as_keypoints(frame)
        return self._backend.explain(self._prepared_reference(source, keypoints), keypoints)

    def close(self) -> None:
        """Frees the backend. Closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._source = None
            self._reference = replace(self._reference)
            self._backend.close()

    def __enter__(self) -> Animator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        model = f"{self._manifest.name} {self.size}×{self.size}"
        if self._closed:
            return f"<Animator {model}, closed>"
        motion = "absolute"
        if self.relative:
            motion = f"relative{', adapt_scale' if self.adapt_scale else ''}"
        source = "source set" if self._source else "no source"
        return f"<Animator {model} on {self.backend.device} ({self.backend.name}), {motion}, {source}>"

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name.startswith("_") or hasattr(type(self), name)):
            similar = get_close_matches(name, [known for known in dir(self) if not known.startswith("_")])
            hint = f"did you mean {' or '.join(similar)}?" if similar else "see help(fomm_rt.Animator)"
            raise AttributeError(f"Animator has no attribute {name!r}; {hint}")
        super().__setattr__(name, value)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an Animator cannot be pickled or copied, because it holds sessions and buffers of a device; "
            "call Animator.load in each process"
        )

    def _animate(self, frame: Any, out: Any, *, timed: bool) -> AnimatedFrame[Any]:
        source = self._source_to_animate()
        if out is None:
            out = np.empty((self.size, self.size, 3), np.uint8)
        else:
            check_result(out, self.size, self._backend)
        if isinstance(frame, Keypoints) or self._reference.is_missing:
            keypoints = self._as_keypoints(frame)
            reference = self._prepared_reference(source, keypoints)
            if keypoints is frame or not timed:
                stage_ms = self._backend.animate_keypoints(reference, keypoints, out, timed=timed)
                return AnimatedFrame(out, keypoints, stage_ms)
        image, region = self._framed(frame)
        return AnimatedFrame(
            out, *self._backend.animate(self._reference.prepare(source), image, region, out, timed=timed)
        )

    def _animate_in_order(
        self, source: Source, frames: Iterator[Image | Frame]
    ) -> Generator[AnimatedFrame[Image], None, None]:
        """The body of `animate_all_tracked`."""
        framed_frames = map(self._framed_in_host_memory, frames)
        first = next(framed_frames, None)
        if first is None:
            return
        keypoints = self._backend.detect(*first) if self._reference.is_missing else None
        reference = self._prepared_reference(source, keypoints)
        animated = self._backend.animate_all(reference, chain([first], framed_frames))
        with closing(animated):
            for prediction, found in animated:
                yield AnimatedFrame(prediction, found, {})
                self._check_open()

    def _check_open(self) -> None:
        if self._closed:
            raise StateError("this animator is closed; load a new one")

    def _check_idle(self, **settings: object) -> None:
        """Raises StateError if the animator is closed or busy with `animate_all`, TypeError for wrong new settings."""
        self._check_open()
        _check_types(**settings)
        iteration = None if self._iteration is None else self._iteration()
        if iteration is not None and getgeneratorstate(iteration) != GEN_CLOSED:
            raise StateError("an iterator of animate_all is open; exhaust or close it before other calls")

    def _current_source(self) -> Source:
        self._check_open()
        if self._source is None:
            raise StateError("no source picture has been set; call set_source(image) first")
        return self._source

    def _source_to_animate(self) -> Source:
        self._check_idle()
        return self._current_source()

    def _prepared_reference(self, source: Source, keypoints: Keypoints | None) -> PreparedReference:
        """The reference prepared for a source; without a reference, `keypoints` become it."""
        if keypoints is not None and self._reference.is_missing:
            self._reference = replace(self._reference, keypoints=keypoints.copy())
        return self._reference.prepare(source)

    def _as_keypoints(self, frame: Image | Frame | Keypoints) -> Keypoints:
        if not isinstance(frame, Keypoints):
            return self.keypoints(frame)
        self._check_idle()
        self.check_keypoints(frame)
        return frame

    def _framed(self, frame: Any) -> tuple[Any, Region]:
        return framed(frame, self._driving_framing(frame), self._backend)

    def _framed_in_host_memory(self, frame: Image | Frame) -> tuple[Image, Region]:
        self._check_open()
        if is_on_device(pixels_of(frame)):
            raise ImageError("animate_all takes frames in host memory; pass frames on a GPU to animate one by one")
        return framed(frame, self._driving_framing(frame))


def _predictions_of(animated: Generator[AnimatedFrame[Image], None, None]) -> Generator[Image, None, None]:
    with closing(animated):
        for frame in animated:
            yield frame.prediction


def _check_types(**settings: object) -> None:
    for name, value in settings.items():
        if name.endswith("framing"):
            if not isinstance(value, AnyFraming):
                raise TypeError(f"{name}: expected a fomm_rt.Framing such as Framing('fit'); got {value!r}")
        elif not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name}: expected True or False; got {value!r}")
