"""Animates camera frames. The engine owns the animator, so all of it runs in one thread."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from fomm_rt.animator import Animator
from fomm_rt.clip.views import explanation_view, panel
from fomm_rt.framing import Framing, Region, resample
from fomm_rt.image import Image
from fomm_rt.live.avatars import Avatar
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.crop import Cropped, LiveCrop
from fomm_rt.live.frames import CameraFrame, Driver, LiveFrame
from fomm_rt.live.no_face import NoFace
from fomm_rt.live.tracking import BestPose, Pose, PoseFilter
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.source import Source

SOURCES_KEPT = 8
"""Prepared sources to keep, each of some megabytes, so that going back to an avatar costs nothing."""
WHOLE = Framing()


@dataclass(frozen=True)
class _Animated:
    """A prediction and the data it was computed from."""

    prediction: Image
    keypoints: Keypoints
    view_picture: Image | None
    network_ms: float


class Engine:
    """Animates the chosen avatar with camera frames, one after another.

    Frames are cropped and resized on the host to one size, so that a GPU sees frames of one shape and replays one graph
    for all of them; smoothing, which is computed on the host, takes two. The first frame with a face is the reference,
    until another is chosen.

    Args:
        animator: The model; its settings follow the state.
        say: Called with messages for the user.
        finds_faces: False to animate every frame, with the centred square.
    """

    def __init__(
        self, animator: Animator, say: Callable[[str], None] = lambda _sentence: None, *, finds_faces: bool = True
    ) -> None:
        self._animator = animator
        self._say = say
        self._size = animator.size
        animator.driving_framing = WHOLE
        self._crop = LiveCrop(animator.manifest.face_margin if finds_faces else None)
        self._no_face = NoFace()
        self._filter = PoseFilter(self._size)
        self._best = BestPose()
        self._reference: Pose | None = None
        self._given: tuple[Pose, Region] | None = None  # the pose that the animator's reference was computed from
        self._wants_reference = False
        self._sources: OrderedDict[Avatar, Source] = OrderedDict()
        self._avatar: Avatar | None = None
        self._shape: tuple[int, ...] = ()

    def set_reference(self) -> None:
        """Makes the next frame with a face the reference."""
        self._wants_reference = True

    def set_best_reference(self) -> None:
        """Makes the best pose so far the reference."""
        if self._best.pose is None:
            self._say("no face has been found yet, so there is no best reference")
        else:
            self._reference = self._best.pose

    def rest(self, avatar: Avatar, now_s: float) -> LiveFrame:
        """The avatar at rest, for a session without camera frames."""
        self._prepare(avatar)
        picture = self._animator.source_image
        return LiveFrame(None, now_s, picture, "source", picture, picture)

    def __call__(self, frame: CameraFrame, avatar: Avatar, state: LiveState) -> LiveFrame:
        """Makes the result of one frame.

        Raises:
            BackendError: The backend failed, or the animator was interrupted.
            ModelError: The model gives numbers that are not finite.
        """
        start_s = perf_counter()
        stages = {"waiting": (start_s - frame.captured_s) * 1e3}
        self._follow_format(frame.pixels)
        self._prepare(avatar)
        cropped = self._crop(frame.pixels, state.crop)
        driving = resample(frame.pixels, cropped.square, self._size)
        found_s = perf_counter()
        stages["framing"] = (found_s - start_s) * 1e3
        picture: Image = frame.pixels
        driver: Driver = "passthrough"
        animated: _Animated | None = None
        if not state.passthrough:
            if cropped.face is None and self._crop.looks_for_faces:
                self._filter.reset()
                source = self._animator.source_image
                picture, driver = self._no_face(source, frame.pixels, state.on_no_face, frame.captured_s)
            else:
                animated = self._animate(driving, cropped, frame.captured_s, state)
                picture, driver = animated.prediction, "face"
                self._no_face.animated(picture)
        stages["animation"] = (perf_counter() - found_s) * 1e3
        return LiveFrame(
            frame.sequence,
            frame.captured_s,
            picture,
            driver,
            driving,
            frame.pixels,
            cropped.square,
            cropped.face,
            animated.keypoints if animated else None,
            animated.network_ms if animated else None,
            state.view if animated else "result",
            animated.view_picture if animated else None,
            stages,
        )

    def _follow_format(self, pixels: Image) -> None:
        """Squares in pictures of another size cannot be compared, so everything that depends on them starts over."""
        if pixels.shape != self._shape:
            self._shape = pixels.shape
            self._reference = None
            self._best.reset()
            self._filter.reset()

    def _prepare(self, avatar: Avatar) -> None:
        """Makes an avatar the source; the first time it takes less than half as long as a frame."""
        if avatar is self._avatar:
            return
        source = self._sources.get(avatar)
        if source is None:
            source = self._animator.prepare_source(avatar.picture, WHOLE)
            self._sources[avatar] = source
            if len(self._sources) > SOURCES_KEPT:
                self._sources.popitem(last=False)
        self._sources.move_to_end(avatar)
        self._animator.set_source(source)
        self._avatar = avatar
        self._best.reset()
        self._no_face.forget()

    def _animate(self, driving: Image, cropped: Cropped, time_s: float, state: LiveState) -> _Animated:
        animator = self._animator
        if (animator.relative, animator.adapt_scale) != (state.relative, state.adapt_scale):
            animator.relative, animator.adapt_scale = state.relative, state.adapt_scale
        start_s = perf_counter()
        adjust = self._filter.at(cropped.square, time_s, state.smoothing)
        if self._reference is None or self._wants_reference:
            self._wants_reference = False
            self._reference = Pose(animator.keypoints(driving), cropped.square)
        self._give_reference(cropped.square)
        tracked = animator.animate_tracked(driving, adjust)
        network_ms = (perf_counter() - start_s) * 1e3
        self._best.add(Pose(tracked.kp_driving, cropped.square), animator.kp_source)
        view = self._view(driving, tracked.prediction, tracked.kp_driving, state)
        return _Animated(tracked.prediction, tracked.kp_driving, view, network_ms)

    def _give_reference(self, square: Region) -> None:
        """Gives the animator the reference, moved with the square, or it would look like a moving head."""
        assert self._reference is not None
        if self._given != (self._reference, square):
            self._animator.set_reference(self._reference.in_square(square, self._size))
            self._given = self._reference, square

    def _view(self, driving: Image, prediction: Image, keypoints: Keypoints, state: LiveState) -> Image | None:
        if state.view == "result":
            return None
        source = self._animator.source_image
        if state.view == "panel":
            return panel(source, driving, prediction)
        explanation = self._animator.explain(keypoints)
        return explanation_view(source, driving, explanation, self._animator.manifest.align_corners)
