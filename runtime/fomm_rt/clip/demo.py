"""The demo: every bundled avatar animated by the bundled performance, and optionally one other source and driver.

demo.mp4               the driver and all avatars, tile by tile
contact-sheet.png      the moments that differ most: a row for the driver, then one for each avatar
outside-training.mp4   another source, its driver and the result side by side, labelled as outside the training
outside-training.png   moments of the same
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Unpack

from fomm_rt.animator import Animator
from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.clip.animate_file import LoadOptions, using
from fomm_rt.clip.driving import Driving, open_driving
from fomm_rt.clip.driving_square import DrivingSquare, choose_driving_framing, driving_framed
from fomm_rt.clip.moments import choose_moments, thumbnail
from fomm_rt.clip.overlap import ReadAhead, WriteBehind
from fomm_rt.clip.reference import PoseHold, ReferenceSearch
from fomm_rt.clip.rendering import FRAMES_AHEAD, Progress
from fomm_rt.clip.tiles import TileGrid, draw_label, grid_shape, write_centred
from fomm_rt.clip.views import EMPTY
from fomm_rt.faces.framing import FaceFraming
from fomm_rt.files.interruption import uninterrupted
from fomm_rt.files.overwriting import Overwrite, check_overwrite
from fomm_rt.files.staging import StagedOutput
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.write.picture import staged_picture
from fomm_rt.media.write.video_writer import VideoTarget
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.source import Source

_log = logging.getLogger("fomm_rt")

MOMENTS = 6
"""Columns of a contact sheet, besides the source's."""

OUTSIDE_CAPTION = "outside the model's training: it has seen drawn faces only"


_Results = tuple[VideoTarget, StagedOutput]
"""The video and the contact sheet that one clip becomes."""


@dataclass(frozen=True)
class ClipReport:
    """The report of one animated clip.

    Attributes:
        video, contact_sheet: The results.
        sources: Number of pictures animated at once.
        frames: Frames in the video, one for every driving frame; each holds `sources` predictions.
        seconds: Wall-clock time from the first frame read to the finished results.
        fps: frames / seconds.
    """

    video: Path
    contact_sheet: Path
    sources: int
    frames: int
    seconds: float
    fps: float


@dataclass(frozen=True)
class DemoReport:
    """The report of `run_demo`, for the bundled faces and for the additional source and driver, if any."""

    demo: ClipReport
    outside_training: ClipReport | None
    model: str
    backend: BackendDescription


@dataclass(frozen=True, eq=False)
class _Scene:
    """One frame of the video, into which every frame is drawn.

    Attributes:
        canvas: (H, W, 3) uint8, the whole frame.
        driver, results: Tiles of it, (size, size, 3) uint8.
        labels: Text to write on tiles in every frame.
        caption: Text above the contact sheet.
    """

    canvas: Image
    driver: Image
    results: list[Image]
    labels: list[tuple[Image, str]]
    caption: str = ""


def run_demo(
    folder: Path,
    also: tuple[Path, Path] | None = None,
    *,
    animator: Animator | None = None,
    overwrite: Overwrite = True,
    progress: Progress = lambda _stage, _done, _total: None,
    on_load: Callable[[Animator], None] = lambda _animator: None,
    **load: Unpack[LoadOptions],
) -> DemoReport:
    """Makes the demo; each clip's two files appear together when both are complete.

    Args:
        folder: Where the results go; it need not exist yet.
        also: A source and a driving file, as for `animate_file`.
        animator: An open animator to use; its source and reference are replaced.
        overwrite: How to treat existing results, as in `animate_file`.
        progress: Called after every frame.
        on_load: Called with the animator before the first frame.
        load: Options of `Animator.load`, instead of `animator`.

    Raises:
        FommError: An input cannot be used, the results cannot be written or are inputs, or the backend failed.
    """
    results = VideoTarget(folder / "demo.mp4"), StagedOutput(folder / "contact-sheet.png")
    outside = None
    if also is not None:
        outside = (
            VideoTarget(folder / "outside-training.mp4", also),
            StagedOutput(folder / "outside-training.png", also),
        )
    # All inputs are opened before a model is loaded, so a wrong one is reported at once.
    with ExitStack() as inputs:
        avatars = [read_picture(path) for path in bundled_avatars()]
        performance = inputs.enter_context(open_driving(bundled_performance()))
        other, driving = None, None
        if also is not None:
            other = read_picture(also[0])
            driving = inputs.enter_context(open_driving(also[1]))
        check_overwrite([*_existing(results), *([] if outside is None else _existing(outside))], overwrite)
        used = inputs.enter_context(using(animator, load))
        on_load(used)
        sources = [used.prepare_source(avatar) for avatar in avatars]
        if driving is not None:
            driving.check(used.manifest)
        demo = _animate(used, sources, performance, _demo_scene(sources), results, progress)
        outside_training = None
        if other is not None and driving is not None and outside is not None:
            source = used.prepare_source(other, FaceFraming())
            margin = used.manifest.face_margin
            framing, faces = choose_driving_framing(FaceFraming(), margin, driving, lambda _done: None)
            with driving_framed(used, framing):
                scene = _outside_scene(source)
                outside_training = _animate(used, [source], driving, scene, outside, progress, faces)
        return DemoReport(demo, outside_training, used.manifest.name, used.backend)


def _existing(results: _Results) -> list[Path]:
    video, contact_sheet = results
    return [*video.existing(), *contact_sheet.existing()]


def _demo_scene(avatars: list[Source]) -> _Scene:
    """Places the driver and all results in an even grid."""
    count = 1 + len(avatars)
    rows, columns = grid_shape(count)
    grid = TileGrid(rows, columns, avatars[0].image.shape[0])
    tiles = [grid.tile(*divmod(i, columns)) for i in range(count)]
    return _Scene(grid.canvas, tiles[0], tiles[1:], [(tiles[0], "driver")])


def _outside_scene(source: Source) -> _Scene:
    """Places source, driver and result side by side under the caption."""
    grid = TileGrid(1, 3, source.image.shape[0], caption=OUTSIDE_CAPTION)
    still, driver, result = (grid.tile(0, i) for i in range(3))
    still[...] = source.image
    draw_label(still, "source")
    return _Scene(grid.canvas, driver, [result], [(driver, "driver"), (result, "result")], OUTSIDE_CAPTION)


def _animate(
    animator: Animator,
    sources: list[Source],
    driving: Driving,
    scene: _Scene,
    results: _Results,
    progress: Progress,
    faces: DrivingSquare | None = None,
) -> ClipReport:
    """Animates all sources by one driver, finding its keypoints once per frame; writes video and contact sheet."""
    start = perf_counter()
    total = driving.timing.frame_count
    video, contact_sheet = results
    name = video.path.name
    moments = _find_moments(driving, lambda done: progress(f"choosing moments of {name}", done, total))
    sheet = _contact_sheet(sources, len(moments), scene.caption)
    animator.clear_reference()
    count = 0
    with video.open(driving.timing, driving.audio_from) as writer:
        with ReadAhead(driving, FRAMES_AHEAD) as ahead, WriteBehind(writer.write, FRAMES_AHEAD) as write:
            first = next(ahead, None)
            reference, search = first, ReferenceSearch(animator, None, faces)
            if first is not None and not search.may_be_first(first):
                reference = search.set_reference(driving, driving.path)
            hold = PoseHold(animator, reference)
            for frame in map(hold, chain([] if first is None else [first], ahead)):
                keypoints = frame.find_keypoints(animator.keypoints)
                shown = frame.pixels if frame.shown is None else frame.shown
                scene.driver[...] = EMPTY if shown is None else animator.frame_driving(shown)
                for source, tile in zip(sources, scene.results, strict=True):
                    animator.set_source(source)
                    animator.animate(keypoints, out=tile)
                if frame.index in moments:
                    column = 1 + moments.index(frame.index)
                    sheet.write_heading(column, f"{float(frame.time):.2f} s")
                    for row, tile in enumerate([scene.driver, *scene.results]):
                        sheet.tile(row, column)[...] = tile
                for tile, text in scene.labels:
                    draw_label(tile, text)
                # A copy, because the next frame is drawn into the same canvas while this one is encoded.
                write(scene.canvas.copy(), frame.time)
                count += 1
                progress(f"animating {name}", count, total)
        if (note := hold.note()) is not None:
            _log.warning("%s: %s", driving.path, note)
        with staged_picture(contact_sheet, sheet.canvas) as staged, uninterrupted():
            writer.commit()
            staged.commit()
    seconds = perf_counter() - start
    return ClipReport(video.path, contact_sheet.target, len(sources), count, seconds, count / seconds)


def _find_moments(driving: Driving, progress: Callable[[int], None]) -> list[int]:
    """Chooses the frames to show, in a pass that decodes but runs no network."""

    def descriptions() -> Iterator[NDArray[np.float32]]:
        for frame in driving:
            progress(frame.index + 1)
            driving_frame = frame.driving  # keypoints of a motion file
            yield driving_frame.value if isinstance(driving_frame, Keypoints) else thumbnail(driving_frame)

    return choose_moments(descriptions(), MOMENTS)


def _contact_sheet(sources: list[Source], moments: int, caption: str) -> TileGrid:
    """Returns a grid whose first column shows the sources."""
    side = sources[0].image.shape[0]
    sheet = TileGrid(1 + len(sources), 1 + moments, side, caption=caption, with_headings=True)
    sheet.write_heading(0, "source")
    write_centred(sheet.tile(0, 0), "driver")
    for row, source in enumerate(sources, start=1):
        sheet.tile(row, 0)[...] = source.image
    return sheet
