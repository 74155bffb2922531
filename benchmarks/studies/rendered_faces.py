"""How a face detector that never saw rendered people finds them and their features.

    python benchmarks/studies/rendered_faces.py [FOLDER] [--people 100] [-o FILE]

BlazeFace's eyes, nose and mouth are compared with landmarks: the middles of the upper lids, the tip of the nose, the
middle between the corners of the mouth. The detector defines its points a little differently: an eye's centre lies
below its upper lid. Its offsets on photographs, which are marked by hand, show by how much, and those on rendered and
drawn faces should be near them. FOLDER holds such pictures, as for `fomm-rt measure --people`.

Offsets are (x, y) in eye distances along the line of the eyes and down from it, on faces that turn by less than 0.3
radians. `spread` is the mean distance from the mean offset, `distance` the mean distance from the landmark.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_rt.faces.search import find_faces
from fomm_rt.image import Image
from fomm_train.data.held_out import FIRST_HELD_OUT_SEED
from fomm_train.faces import draw_identity, draw_pose, landmarks, render_picture
from fomm_train.measures import subjects

Points = NDArray[np.float64]

SIZE = 256
FEATURES = ("eye_left", "eye_right", "nose", "mouth")
NEARLY_FRONTAL = 0.3
"""Radians."""


@dataclass(frozen=True)
class Case:
    """A picture with its landmarks (8, 2) in pixels, and how far the head turns, radians."""

    picture: Image
    marks: Points
    turn: float


def rendered(count: int) -> Iterator[Case]:
    """People that no training renders, at random moments."""
    from fomm_train import people

    studio = people.shared_studio(SIZE)
    for seed in range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + count):
        person, moment = people.draw_person(seed), people.draw_moment(np.random.default_rng(seed))
        marks = _pixels(people.landmarks(person, moment).value[:8].numpy())
        yield Case(studio.picture(person, moment), marks, float(np.hypot(moment.pose.yaw, moment.pose.pitch)))


def drawn(count: int) -> Iterator[Case]:
    """Drawn humans that no training draws."""
    for seed in range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + count):
        identity, pose = draw_identity(seed, "human"), draw_pose(np.random.default_rng(seed))
        marks = _pixels(landmarks(identity, pose).value[:8].numpy())
        yield Case(render_picture(identity, pose, SIZE), marks, float(np.hypot(pose.yaw, pose.pitch)))


def photographs(folder: Path | None) -> Iterator[Case]:
    """The astronaut, and marked pictures and first frames of a folder."""
    astronaut = subjects.astronaut(SIZE)
    among = [] if astronaut is None else [astronaut]
    if folder is not None:
        among += [subject for subject in subjects.of_folder(folder, SIZE) if subject.name != "astronaut"]
    for subject in among:
        if subject.marks is not None:
            yield Case(subject.picture, subject.marks, 0.0)


def compare(cases: Iterator[Case]) -> dict[str, object]:
    """How many heads are found, and the offsets of their features."""
    total, found, offsets = 0, 0, []
    for case in cases:
        total += 1
        face = next(iter(find_faces(case.picture)), None)
        if face is None:
            continue
        found += 1
        if case.turn < NEARLY_FRONTAL:
            offsets.append(_offsets(case.marks, face.points.astype(np.float64)))
    table: dict[str, object] = {"pictures": total, "found": found / max(1, total), "nearly_frontal": len(offsets)}
    if offsets:
        values = np.array(offsets)  # (N, 4, 2)
        mean = values.mean(axis=0)
        for index, name in enumerate(FEATURES):
            spread = np.linalg.norm(values[:, index] - mean[index], axis=-1)
            table[name] = {
                "offset": [round(float(v), 3) for v in mean[index]],
                "spread": round(float(spread.mean()), 3),
                "distance": round(float(np.linalg.norm(values[:, index], axis=-1).mean()), 3),
            }
    return table


def _offsets(marks: Points, points: Points) -> Points:
    """(4, 2): from the landmarks to the detector's points, in eye distances along the head's axes."""
    ours = np.array([marks[0], marks[1], marks[4], 0.5 * (marks[5] + marks[6])])
    across = marks[1] - marks[0]
    axes = np.stack([across, [-across[1], across[0]]], axis=1) / (across @ across)
    turned: Points = (points[:4] - ours) @ axes
    return turned


def _pixels(values: NDArray[np.float32]) -> Points:
    return (values.astype(np.float64) + 1) * 0.5 * (SIZE - 1)


def main() -> None:
    """Prints a block per kind of picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="marked pictures and clips of people")
    parser.add_argument("--people", type=int, default=100, help="rendered people, and drawn ones (100)")
    parser.add_argument("-o", "--output", type=Path, help="write the figures to this file as JSON")
    options = parser.parse_args()
    kinds = {"photographs": photographs(options.folder), "drawn": drawn(options.people)}
    results = {name: compare(cases) for name, cases in kinds.items()}
    results["rendered"] = compare(rendered(options.people))
    for kind, table in results.items():
        print(kind)
        for name, value in table.items():
            print(f"  {name:16}{value}")
    if options.output:
        document = {"command": script_command(), "environment": describe_environment(), "results": results}
        options.output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
