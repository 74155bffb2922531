"""Renders one driving frame into one frame of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fomm_rt.animator import Animator
from fomm_rt.backends.stage_clock import StageClock
from fomm_rt.clip.driving import DrivingFrame
from fomm_rt.clip.further_driver import FurtherDriver
from fomm_rt.clip.motion_file import MotionRecording
from fomm_rt.clip.pasting import PastedPicture
from fomm_rt.clip.views import explanation_view, panel
from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.motion.smoothing import KeypointFilter

View = Literal["result", "panel", "explain"]
"""What a frame of the result shows: the prediction, `views.panel` or `views.explanation_view`."""


@dataclass(frozen=True)
class FrameRenderer:
    """Renders driving frames, one after the other.

    Attributes:
        animator: Animates its source.
        view: What a frame of the result shows.
        clock: Counts the time of networks and drawing.
        recording: Takes the driver's keypoints.
        smooth: Smooths them before they animate.
        pasted: The picture that animated faces are pasted into; None to show the prediction itself.
        further: Drivers of its second face and so on; without them, the driver moves all faces.
    """

    animator: Animator
    view: View
    clock: StageClock
    recording: MotionRecording | None = None
    smooth: KeypointFilter | None = None
    pasted: PastedPicture | None = None
    further: Sequence[FurtherDriver] = ()

    @property
    def shows_predictions_alone(self) -> bool:
        """True if frames may be animated in batches: only predictions are shown, of keypoints as they are found."""
        return self.view == "result" and self.smooth is None and self.pasted is None

    @property
    def _needs_keypoints(self) -> bool:
        return self.recording is not None or self.smooth is not None or self.pasted is not None

    def __call__(self, frame: DrivingFrame) -> Image:
        """Renders a frame to (H, W, 3) uint8 RGB."""
        driving = self._keypoints(frame) if self._needs_keypoints else frame.driving
        if self.pasted is not None:
            assert isinstance(driving, Keypoints)
            with self.clock("networks"):
                return self._paste(self.pasted, driving, frame)
        if self.view == "explain":
            with self.clock("networks"):
                explanation = self.animator.explain(driving)
            with self.clock("drawing"):
                align_corners = self.animator.manifest.align_corners
                return explanation_view(self.animator.source_image, self._seen(frame), explanation, align_corners)
        with self.clock("networks"):
            prediction = self.animator.animate(driving)
        if self.view == "result":
            return prediction
        with self.clock("drawing"):
            return panel(self.animator.source_image, self._seen(frame), prediction)

    def _keypoints(self, frame: DrivingFrame) -> Keypoints:
        """The keypoints that animate, found once: recorded as they are found, then smoothed."""
        with self.clock("networks"):
            keypoints = frame.find_keypoints(self.animator.keypoints)
        if self.recording is not None:
            self.recording.add(keypoints, frame.time)
        return keypoints if self.smooth is None else self.smooth(keypoints, frame.time)

    def _paste(self, pasted: PastedPicture, keypoints: Keypoints, frame: DrivingFrame) -> Image:
        if not self.further:
            return pasted([keypoints] * pasted.faces)
        return pasted([keypoints, *(driver.keypoints_at(frame.time) for driver in self.further)])

    def _seen(self, frame: DrivingFrame) -> Image | None:
        """The square of a driving frame to show; None for a motion file."""
        picture = frame.pixels if frame.shown is None else frame.shown
        return None if picture is None else self.animator.frame_driving(picture)
