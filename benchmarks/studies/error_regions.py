"""The error of a drawn-faces checkpoint by region, and the share of it that is motion.

    python benchmarks/studies/error_regions.py [CHECKPOINT] [--pairs 24] [-o FILE]

Same identity, absolute motion, as in `fomm-rt measure`, on other pairs: figures that guide a choice must not be the
ones that judge it. Each error is a share of the total error of showing the source, so the shares of all regions add up.
`moved` and `truly moved` sample the source's own pixels along the network's and the renderer's deformation. `copied`
predicts the truth from itself: the loss of encoder and decoder. `flow` compares the two deformations in pixels.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_export.checkpoints.checkpoint import load_checkpoint
from fomm_export.checkpoints.configuration_file import OWN_CHECKPOINTS, load_configuration
from fomm_export.checkpoints.own_names import OWN_NAMES
from fomm_export.networks.generator import resize_deformation
from fomm_export.networks.model import Networks, build_networks
from fomm_train.data.drawn_groups import body_views, region_boxes
from fomm_train.data.held_out import held_out_pair
from fomm_train.faces import BACKGROUND, HEAD, TORSO, Identity, Pose, render, surface_map
from fomm_train.faces.rigid_motion import Surfaces, moved_by_expression, rigid_motion
from fomm_train.losses.motion import TrueMotion, motion_weight
from fomm_train.measures.held_out_pairs import PAIRS
from fomm_train.regions import inside_boxes

BODIES = {"head": HEAD, "torso": TORSO, "background": BACKGROUND}


def motion_of(identity: Identity, before: Pose, after: Pose, boxes: Tensor, size: int) -> tuple[Tensor, TrueMotion]:
    """(size, size) bodies at `after`, and the motion from `before`; `boxes` (1, R, 4) are those at `after`."""
    source, truth = (surface_map(identity, pose, size) for pose in (before, after))
    here, there = (Surfaces(record.body[None], record.point[None]) for record in (truth, source))
    flow, shown = rigid_motion(here, there, torch.from_numpy(body_views(before))[None])
    known = ~inside_boxes(moved_by_expression(boxes), size)[:, 0]
    return truth.body, TrueMotion(flow, shown, motion_weight(here.bodies, known))


def regions_of(bodies: Tensor, shown: Tensor, boxes: Tensor) -> dict[str, Tensor]:
    """Masks (size, size) that partition the picture: eyes, mouth, and the rest of each body, shown or hidden."""
    size = bodies.shape[-1]
    mouth = inside_boxes(boxes[:, -1:], size)[0, 0]
    eyes = inside_boxes(boxes[:, :-1], size)[0, 0] & ~mouth
    rest = ~(eyes | mouth)
    masks = {"eyes": eyes, "mouth": mouth}
    for name, body in BODIES.items():
        masks[f"{name}, shown"] = rest & (bodies == body) & shown
        masks[f"{name}, hidden"] = rest & (bodies == body) & ~shown
    return masks


@torch.inference_mode()
def measure_regions(networks: Networks, pairs: int) -> dict[str, dict[str, float]]:
    """Region to its share of the pixels, its share of each error, and the error of its flow in pixels."""
    size = networks.size
    sums: dict[str, defaultdict[str, float]] = {}
    total = 0.0
    for number in range(PAIRS, PAIRS + pairs):
        pair = held_out_pair(number)
        source, truth = (render(pair.identity, pose, size)[None] for pose in (pair.reference, pair.driving))
        keypoints = networks.kp_detector(torch.cat([source, truth]))
        before, after = (type(keypoints)(*(part[i : i + 1] for part in keypoints)) for i in (0, 1))
        motion = networks.generator.dense_motion_network(source, before, after)
        identity = networks.generator.dense_motion_network(truth, after, after)
        deformation = resize_deformation(motion.deformation, (size, size), align_corners=True)
        boxes = torch.from_numpy(region_boxes(pair.identity, pair.driving, size))[None]
        bodies, true = motion_of(pair.identity, pair.reference, pair.driving, boxes, size)
        maps = {
            "source": _error(source, truth),
            "prediction": _error(networks.generator.predict(source, motion), truth),
            "moved": _error(_sample(source, deformation), truth),
            "truly moved": _error(_sample(source, true.flow), truth),
            "copied": _error(networks.generator.predict(truth, identity), truth),
            "pixels": torch.ones(size, size),
            "flow": (deformation - true.flow)[0].norm(dim=-1) * (size - 1) / 2,
        }
        total += float(maps["source"].sum())
        for region, mask in regions_of(bodies, true.shown[0], boxes).items():
            for name, values in maps.items():
                sums.setdefault(region, defaultdict(float))[name] += float(values[mask].sum())
    for of in sums.values():
        whole = defaultdict(lambda: total, pixels=pairs * size**2, flow=max(1.0, of["pixels"]))
        of.update({name: value / whole[name] for name, value in of.items()})
    return {region: dict(of) for region, of in sums.items()}


def _error(a: Tensor, b: Tensor) -> Tensor:
    """(S, S): mean absolute difference of two (1, 3, S, S) pictures."""
    return (a - b).abs().mean(dim=1)[0]


def _sample(source: Tensor, flow: Tensor) -> Tensor:
    return F.grid_sample(source, flow, padding_mode="border", align_corners=True)


def main() -> None:
    """Prints a line per region."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    published = OWN_CHECKPOINTS / f"{OWN_NAMES[0]}.safetensors"
    parser.add_argument("checkpoint", type=Path, nargs="?", default=published, help="default: the published one")
    parser.add_argument("--pairs", type=int, choices=range(1, 1001), metavar="N", default=24, help="pairs (24)")
    parser.add_argument("-o", "--output", type=Path, help="write the figures to this file as JSON")
    options = parser.parse_args()
    checkpoint = load_checkpoint(options.checkpoint)
    networks = build_networks(load_configuration(OWN_NAMES[0]), checkpoint.kp_detector, checkpoint.generator)
    regions = measure_regions(networks, options.pairs)
    columns = ("pixels", "source", "prediction", "moved", "truly moved", "copied", "flow")
    print(f"{'':20}" + "".join(f"{name:>13}" for name in columns))
    for region, figures in regions.items():
        print(f"{region:20}" + "".join(f"{figures[name]:13.3f}" for name in columns))
    sums = {name: sum(figures[name] for figures in regions.values()) for name in columns[:-1]}
    print(f"{'all':20}" + "".join(f"{value:13.3f}" for value in sums.values()))
    if options.output:
        record = {"environment": describe_environment(), "command": script_command(), "pairs": options.pairs}
        options.output.write_text(json.dumps({**record, "regions": regions}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
