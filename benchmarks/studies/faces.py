"""How well faces are found in composed scenes, and what finding, following and pasting back cost.

    python benchmarks/studies/faces.py [--scenes 40] [--json FILE]

Found and false rates: scenes with the bundled avatars and a photograph at known places, by size, by roll and in groups,
and pictures without a face. A face is found if a box is centred within 0.25 of its height.

Speed: the median time of each step over that of one frame of the bundled model, measured in turns in one run, and the
same for CPU time, which depends less on other work. A frame runs on all cores, the steps on one.

Flicker: how much a still picture with a sensor's noise moves after pasting back, and how much the still parts beside a
moving head do, in levels. Landmarks: by how much
`fomm-rt bench quality` misjudges the distance between a face and the same face moved by a known distance, in pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import cv2
import numpy as np

from fomm_bench.machine.environment import describe_environment
from fomm_bench.quality.landmarks import TrueFaces, compare_landmarks
from fomm_bench.results.command_line import script_command
from fomm_bench.results.results_file import write_document
from fomm_bench.scenes import PlacedFace, background, scene, subjects
from fomm_rt.animator import Animator
from fomm_rt.bundled import bundled_performance
from fomm_rt.faces.face import Face
from fomm_rt.faces.follow import FaceFollower
from fomm_rt.faces.paste_back import PasteBack
from fomm_rt.faces.search import find_faces
from fomm_rt.faces.squares import DEFAULT_MARGIN, face_square
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.media.read.video_reader import VideoReader

HEIGHT, WIDTH = 720, 960
FOUND_WITHIN = 0.25
"""Largest distance of a box from a face, in face heights."""
SHARES = (0.05, 0.07, 0.10, 0.20, 0.40)
ROLLS_DEG = (0, 45, -45, 90, -90, 180)
NOISE_LEVELS = 2.0
"""Standard deviation of a sensor's noise."""
MOVES_PX, MOVED_SIZE = (1.0, 3.0, 10.0), 256
"""Known distances of a face, in frames of this size."""
ROUNDS, FLICKER_FRAMES = 30, 20

Scenes = Iterator[tuple[Image, list[PlacedFace]]]


def faces_of_share(share: float, count: int, roll_deg: float = 0.0) -> Scenes:
    """Scenes of one face whose height is a share of the longer side."""
    size = share * WIDTH
    rng = np.random.default_rng(round(1000 * share) + round(roll_deg))
    reach = min(0.8 * size, 0.5 * HEIGHT)
    for number in range(count):
        x, y = rng.uniform(reach, WIDTH - reach), rng.uniform(reach, HEIGHT - reach)
        placed = PlacedFace(number % len(subjects()), (x, y), size, roll_deg)
        yield scene(HEIGHT, WIDTH, placed, seed=number), [placed]


def groups(count: int) -> Scenes:
    """Scenes of six faces of different sizes."""
    rng = np.random.default_rng(6)
    for number in range(count):
        placed = [
            PlacedFace(
                int(rng.integers(len(subjects()))),
                (WIDTH * (place % 3 + 0.5) / 3, HEIGHT * (place // 3 + 0.5) / 2),
                float(rng.uniform(0.10, 0.18) * WIDTH),
                float(rng.uniform(-15, 15)),
            )
            for place in range(6)
        ]
        yield scene(HEIGHT, WIDTH, *placed, seed=number), placed


def without_faces(count: int) -> Scenes:
    """Blotches, stripes, checks and noise, at several scales."""
    rng = np.random.default_rng(0)
    for number in range(count):
        picture = background(HEIGHT, WIDTH, 1000 + number)
        if number % 4:
            y, x = np.mgrid[:HEIGHT, :WIDTH] / float(rng.uniform(10, 80))
            pattern = (np.sin(x), np.sin(x) * np.sin(y), rng.normal(0, 1, x.shape))[number % 4 - 1]
            picture = (picture + 60 * pattern[..., None]).clip(0, 255).astype(np.uint8)
        yield picture, []


def rates(scenes: Scenes) -> dict[str, int]:
    """Counts faces in scenes: placed, found, and found where there is none."""
    counts = {"placed": 0, "found": 0, "false": 0}
    for picture, placed in scenes:
        found = find_faces(picture)
        counts["placed"] += len(placed)
        for truth in placed:
            hit = next((face for face in found if _shows(face, truth)), None)
            if hit is not None:
                counts["found"] += 1
                found.remove(hit)
        counts["false"] += len(found)
    return counts


def _shows(face: Face, placed: PlacedFace) -> bool:
    return bool(np.hypot(*np.subtract(face.centre, placed.centre)) < FOUND_WITHIN * placed.height)


def detection(count: int) -> dict[str, dict[str, int]]:
    """Found and false rates of every kind of scene."""
    kinds: dict[str, Scenes] = {f"{share:.0%} of the side": faces_of_share(share, count) for share in SHARES}
    kinds |= {f"roll {roll}°": faces_of_share(0.25, count, roll) for roll in ROLLS_DEG}
    kinds |= {"groups of six": groups(count), "no face": without_faces(2 * count)}
    rows = {}
    for name, scenes in kinds.items():
        rows[name] = rates(scenes)
        print("{:18} {placed:4d} placed  {found:4d} found  {false:3d} false".format(name, **rows[name]), flush=True)
    return rows


def speed(animator: Animator) -> tuple[dict[str, float], dict[str, float]]:
    """Median time and CPU time of each step over those of one frame of the bundled model."""
    picture = scene(1080, 1920, PlacedFace(1, (960, 500), 390))
    face = find_faces(picture)[0]
    paste, predictions = _pasted(animator, picture, face)
    follower = FaceFollower(face)
    frames = iter(range(10 * ROUNDS))
    steps: dict[str, Callable[[], object]] = {
        "frame": lambda: animator.animate(picture),
        "search": lambda: find_faces(picture),
        "follow": lambda: follower(picture),
        "paste back": lambda: paste(picture.copy(), predictions[next(frames) % len(predictions)]),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for turn in range(ROUNDS + 3):
        for name, step in steps.items():
            start, cpu_start = perf_counter(), process_time()
            step()
            if turn >= 3:
                times[name].append((perf_counter() - start, process_time() - cpu_start))
    medians = {name: np.median(values, axis=0) for name, values in times.items()}
    ratios = {name: median / medians["frame"] for name, median in medians.items()}
    for name, (ratio, cpu_ratio) in ratios.items():
        print(f"{name:18} {ratio:.3f} of a frame, {cpu_ratio:.3f} of its CPU time")
    return {name: float(both[0]) for name, both in ratios.items()}, {
        name: float(both[1]) for name, both in ratios.items()
    }


def flicker(animator: Animator) -> float:
    """Mean change from frame to frame after pasting back, where only the camera's noise moves, in levels."""
    picture = scene(HEIGHT, WIDTH, PlacedFace(1, (480, 360), 300))
    paste, _ = _pasted(animator, picture, find_faces(picture)[0])
    rng, last, changes = np.random.default_rng(0), None, []
    for _ in range(FLICKER_FRAMES):
        noisy = (picture + rng.normal(0, NOISE_LEVELS, picture.shape)).round().clip(0, 255).astype(np.uint8)
        canvas = picture.copy()
        paste(canvas, animator.animate(noisy))
        part = canvas[_within(paste)].astype(np.int16)
        if last is not None:
            changes.append(float(np.abs(part - last).mean()))
        last = part
    print(f"flicker            {np.mean(changes):.3f} levels")
    return float(np.mean(changes))


def flicker_beside_a_head(animator: Animator) -> float:
    """Mean change from frame to frame beside a head that turns and speaks, within the pasted square, in levels."""
    placed = PlacedFace(1, (480, 360), 300)
    picture = scene(HEIGHT, WIDTH, placed)
    paste, _ = _pasted(animator, picture, find_faces(picture)[0])
    head = np.zeros((HEIGHT, WIDTH), np.uint8)
    # The head moves by at most a tenth of its height; what is farther away is still.
    cv2.ellipse(head, (480, 327), (round(0.76 * placed.height), round(0.95 * placed.height)), 0, 0, 360, 1, -1)
    still = head[_within(paste)] == 0
    animator.driving_framing = Framing()
    animator.clear_reference()
    last, changes = None, []
    with VideoReader(bundled_performance()) as performance:
        for frame in performance:
            canvas = picture.copy()
            paste(canvas, animator.animate(frame))
            part = canvas[_within(paste)].astype(np.int16)
            if last is not None:
                changes.append(float(np.abs(part - last)[still].mean()))
            last = part
    print(f"flicker            {np.mean(changes):.3f} levels beside a moving head, at most {np.max(changes):.3f}")
    return float(np.mean(changes))


def landmark_error(count: int) -> dict[str, float]:
    """Mean error of the measured distance of landmarks, in pixels, for faces moved by each known distance."""
    rng, errors = np.random.default_rng(3), {}
    for move in MOVES_PX:
        found = []
        for number in range(count):
            height, angle = rng.uniform(80, 140), rng.uniform(0, 2 * np.pi)
            still = PlacedFace(number % len(subjects()), (MOVED_SIZE / 2, MOVED_SIZE / 2), height)
            x, y = np.add(still.centre, (move * np.cos(angle), move * np.sin(angle)))
            moved = replace(still, centre=(float(x), float(y)))
            truth, prediction = (scene(MOVED_SIZE, MOVED_SIZE, face, seed=number) for face in (still, moved))
            measured_px = compare_landmarks(TrueFaces()(truth), prediction).landmark_px
            if measured_px is not None:
                found.append(abs(measured_px - move))
        errors[f"{move:g}"] = float(np.mean(found))
        print(
            f"landmarks          {errors[f'{move:g}']:.2f} px of error for {move:g} px, {len(found)} of {count} faces"
        )
    return errors


def _pasted(animator: Animator, picture: Image, face: Face) -> tuple[PasteBack, list[Image]]:
    """Frames the animator on a face that drives itself; returns how to paste, and predictions that move."""
    height, width = picture.shape[:2]
    square = face_square(face, height, width, animator.manifest.face_margin or DEFAULT_MARGIN)
    animator.source_framing = animator.driving_framing = Framing(
        rectangle=(square.x, square.y, square.side, square.side)
    )
    animator.set_source(picture)
    animator.set_reference(picture)
    paste = PasteBack(picture, square, animator.source_image, animator.animate(picture))
    turned = [cv2.getRotationMatrix2D(face.centre, angle, 1) for angle in (-6, 4, 8)]
    frames = [np.asarray(cv2.warpAffine(picture, matrix, (width, height)), np.uint8) for matrix in turned]
    return paste, [animator.animate(frame) for frame in frames]


def _within(paste: PasteBack) -> Any:
    square = paste.square
    return np.s_[square.y : square.y + square.side, square.x : square.x + square.side]


def main() -> None:
    """Measures, prints tables, and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=40, help="of every kind")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    rows = detection(options.scenes)
    landmarks = landmark_error(options.scenes)
    with Animator.load() as animator:
        (ratios, cpu_ratios), levels = speed(animator), flicker(animator)
        beside = flicker_beside_a_head(animator)
    if options.json:
        document = {"benchmark": "faces", "command": script_command(), "environment": describe_environment()}
        results = {
            "detection": rows,
            "landmark_error_px": landmarks,
            "flicker_levels": levels,
            "flicker_beside_a_head_levels": beside,
        }
        results |= {"ratio_to_frame": ratios, "cpu_ratio_to_frame": cpu_ratios}
        write_document(options.json, {**document, **results})


if __name__ == "__main__":
    main()
