"""Measures what each rewrite of the networks for CPUs is worth, layer by layer, on ONNX Runtime.

    python benchmarks/studies/cpu_layers.py [--rounds 12] [-o FILE.json]

Every layer is exported as published and as rewritten, with random weights in the sizes of vox-256 and of the bundled
model. Both forms run in one process with the runtime's settings, in turns, in an order drawn for each round. The result
is the ratio of their times within a round: median, minimum and maximum over the rounds. Outputs must agree element by
element.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_bench.run.plan import turn_order
from fomm_export.networks.generator import resize_deformation
from fomm_export.networks.geometry import coordinate_grid, warp
from fomm_export.networks.layers import ResidualBlock, UpBlock
from fomm_export.onnx.graphs import Graph
from fomm_export.onnx.tracing import export_onnx
from fomm_export.rewrites.affine_motion import heatmaps
from fomm_export.rewrites.heads import MergedHeads, SplitHeads
from fomm_export.rewrites.phase_blend import PhaseBlend, as_neighbours
from fomm_export.rewrites.phases import PhaseFinal, PhaseUpBlock
from fomm_export.rewrites.portable import TransposedUpBlock, fold_norms
from fomm_export.rewrites.row_warp import RowWarp, as_rows
from fomm_export.rewrites.winograd import TileOrder, WinogradBottleneck
from fomm_rt.machine.onnx_runtime import onnxruntime

FRAMES_OF_A_ROUND = 5
ALLOWED_DIFFERENCE = 1e-3
"""Largest difference of outputs, relative to the largest output."""

Forward = Callable[..., Tensor]
Inputs = Callable[[int], dict[str, Tensor]]
"""Batch size -> inputs of a layer by name."""


class Layer(nn.Module):
    """A function of one or two tensors and the modules it uses, by default itself."""

    def __init__(self, function: Forward, *modules: nn.Module) -> None:
        super().__init__()
        self.used = nn.ModuleList(modules or (m for m in [function] if isinstance(m, nn.Module)))
        self.function = function

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, ...]:
        """Applies the function."""
        return (self.function(x) if y is None else self.function(x, y),)


class Form(NamedTuple):
    """One way to compute a layer; `as_picture` brings the outputs of all forms into the order of (1, C, H, W)."""

    layer: Layer
    inputs: Inputs
    as_picture: Callable[[Tensor], Tensor] = lambda output: output


class Case(NamedTuple):
    """A layer, named with its sizes, and its forms by name; they are compared with the first."""

    name: str
    forms: dict[str, Form]


def cases() -> Iterator[Case]:
    """Yields all layers."""
    for width, side in ((256, 64), (128, 64), (96, 64), (64, 64), (48, 64)):
        yield residual_blocks(width, side)
    for a, b, side in ((256, 128, 64), (128, 64, 128), (48, 32, 64), (32, 16, 128)):
        yield up_block(a, b, side)
    for a, b in ((128, 64), (32, 16)):
        yield last_layers(a, b, 128)
    yield heads("mask and occlusion", 108, (11, 1), 3)
    yield heads("mask and occlusion", 60, (11, 1), 3)
    yield heads("keypoints and jacobians", 35, (10, 40), 0)
    yield heads("keypoints and jacobians", 19, (10, 40), 0)
    for width, side in ((256, 64), (48, 64), (32, 128)):
        yield warped(width, side)
    for width, side, motion in ((64, 256, 64), (16, 256, 64)):
        yield blended(width, side, motion)
    yield denormals(44, 128)


def residual_blocks(width: int, side: int) -> Case:
    """Two residual blocks: convolutions, Winograd's convolutions."""
    blocks = [ResidualBlock(width).eval() for _ in range(2)]
    plain = fold_norms(nn.Sequential(*blocks))
    order = TileOrder(side)
    fast = WinogradBottleneck([block for block in plain if isinstance(block, ResidualBlock)], order)
    pictures = torch.randn(2, width, side, side)

    def rows(n: int) -> dict[str, Tensor]:
        ordered = pictures[:n].flatten(2).transpose(1, 2).index_select(1, order.pixel_of_row)
        return {"x": ordered.reshape(n, -1, order.tiles, width).transpose(0, 1).flatten(0, 2)}

    def winograd(x: Tensor) -> Tensor:
        return fast(x, x.shape[0] // order.side**2)  # type: ignore[no-any-return]

    return Case(
        f"two residual blocks, {width} channels, {side}×{side}",
        {
            "convolutions": Form(Layer(plain), lambda n: {"x": pictures[:n]}),
            "Winograd": Form(Layer(winograd, fast), rows, lambda output: order.to_picture(output, 1)),
        },
    )


def up_block(a: int, b: int, side: int) -> Case:
    """An up block: as published, as one transposed convolution, by phases."""
    block, x = folded_up_block(a, b), random(a, side)
    transposed, phases = TransposedUpBlock(block.conv), PhaseUpBlock(block.conv)
    return Case(
        f"up block, {a} to {b} channels, from {side}×{side}",
        {
            "nearest, convolution": Form(Layer(block), x),
            "transposed": Form(Layer(transposed), x),
            "phases": Form(Layer(phases), x),
        },
    )


def folded_up_block(a: int, b: int) -> UpBlock:
    """An up block with its norm folded into the convolution."""
    return fold_norms(UpBlock(a, b).eval())


def last_layers(a: int, b: int, side: int) -> Case:
    """The last up block and the 7×7 convolution after it."""
    block, x = folded_up_block(a, b), random(a, side)
    final = nn.Conv2d(b, 3, 7, padding=3)
    transposed, up, phase_final = TransposedUpBlock(block.conv), PhaseUpBlock(block.conv), PhaseFinal(final)

    def plain(x: Tensor) -> Tensor:
        return torch.sigmoid(final(transposed(x)))

    def by_phases(x: Tensor) -> Tensor:
        return phase_final(up.phases(x))  # type: ignore[no-any-return]

    return Case(
        f"last up block and last convolution, {a} to {b} to 3 channels, from {side}×{side}",
        {
            "transposed, 7×7": Form(Layer(plain, transposed, final), x),
            "phases": Form(Layer(by_phases, up, phase_final), x),
        },
    )


def heads(name: str, channels: int, outputs: tuple[int, ...], padding: int) -> Case:
    """Two 7×7 heads: one by one, merged, merged and split by rows."""
    convolutions = [nn.Conv2d(channels, out, 7, padding=padding) for out in outputs]
    merged, split = MergedHeads(convolutions), SplitHeads(convolutions)
    x = random(channels, 64)

    def apart(x: Tensor) -> Tensor:
        return torch.cat([convolution(x) for convolution in convolutions], dim=1)

    return Case(
        f"{name}, {channels} to {' and '.join(map(str, outputs))} channels",
        {
            "one by one": Form(Layer(apart, *convolutions), x),
            "merged": Form(Layer(lambda x: torch.cat(merged(x), dim=1), merged), x),
            "merged, split by rows": Form(Layer(lambda x: torch.cat(split(x), dim=1), split), x),
        },
    )


def random(channels: int, side: int) -> Inputs:
    """Normally distributed features."""
    features = torch.randn(2, channels, side, side)
    return lambda n: {"x": features[:n]}


def warped(width: int, side: int) -> Case:
    """Features sampled along a deformation: GridSample, one row per pixel."""
    features = torch.randn(2, width, side, side)
    grid = coordinate_grid(side, side) + 0.05 * torch.randn(2, side, side, 2)
    rows = RowWarp(side, side, align_corners=True)

    def by_rows(x: Tensor, y: Tensor) -> Tensor:
        return rows(x, y.flatten(1, 2), None).unflatten(0, (x.shape[0], -1)).transpose(1, 2)  # type: ignore[no-any-return]

    return Case(
        f"warp, {width} channels, {side}×{side}",
        {
            "GridSample": Form(Layer(lambda x, y: warp(x, y, True)), lambda n: {"x": features[:n], "y": grid[:n]}),
            "rows": Form(Layer(by_rows, rows), lambda n: {"x": as_rows(features[:n]), "y": grid[:n]}),
        },
    )


def blended(width: int, side: int, motion: int) -> Case:
    """The last convolution with blend mask, and the source sampled at full size: GridSample, one gather on phases."""
    source = torch.rand(1, 3, side, side)
    final = nn.Conv2d(width, 4, 7, padding=3)
    phase_final, phase_blend = PhaseFinal(final), PhaseBlend(final, side, motion)
    phases = torch.randn(2, 4 * width, side // 2, side // 2)
    field = coordinate_grid(motion, motion) + 0.02 * torch.randn(2, motion, motion, 2)
    neighbours = as_neighbours(source)

    def by_grid(x: Tensor, y: Tensor) -> Tensor:
        colours, mask = torch.split(phase_final(list(x.chunk(4, dim=1))), [3, 1], dim=1)
        position = resize_deformation(y, (side, side), align_corners=True).clamp(-1, 1)
        shown = warp(source.expand(x.shape[0], -1, -1, -1), position, align_corners=True)
        return colours + mask * (shown - colours)

    def by_phases(x: Tensor, y: Tensor) -> Tensor:
        shown = neighbours.expand(x.shape[0], -1, -1)
        return phase_blend(list(x.chunk(4, dim=1)), shown, y)[0]  # type: ignore[no-any-return]

    def inputs(n: int) -> dict[str, Tensor]:
        return {"x": phases[:n], "y": field[:n]}

    return Case(
        f"last convolution and blend, {width} channels, {side}×{side}",
        {
            "GridSample": Form(Layer(by_grid, phase_final), inputs),
            "phases": Form(Layer(by_phases, phase_blend), inputs),
        },
    )


def denormals(channels: int, out: int) -> Case:
    """A convolution over Gaussians: as they are, with exponents bounded so that no number is denormal."""
    convolution = nn.Conv2d(channels, out, 3, padding=1)
    grid = coordinate_grid(64, 64)
    keypoints = 1.6 * torch.rand(2, channels, 2) - 0.8

    def x(n: int) -> dict[str, Tensor]:
        return {"x": keypoints[:n]}

    def raw(x: Tensor) -> Tensor:
        return convolution(torch.exp(-50 * (grid - x[:, :, None, None]).square().sum(dim=-1)))  # type: ignore[no-any-return]

    def bounded(x: Tensor) -> Tensor:
        return convolution(heatmaps(x, grid, 0.01))  # type: ignore[no-any-return]

    return Case(
        f"convolution over {channels} Gaussians, 64×64",
        {"as they are": Form(Layer(raw, convolution), x), "no denormals": Form(Layer(bounded, convolution), x)},
    )


def measure(case: Case, rounds: int, folder: Path) -> dict[str, Any]:
    """Returns the milliseconds of every form and the ratio of the first form's time to each."""
    calls = {name: session(name, form, folder) for name, form in case.forms.items()}
    first, *_ = outputs = {name: form.as_picture(calls[name]()).numpy() for name, form in case.forms.items()}
    largest = float(np.abs(outputs[first]).max())
    for name, output in outputs.items():
        if (difference := float(np.abs(output.ravel() - outputs[first].ravel()).max()) / largest) > ALLOWED_DIFFERENCE:
            raise SystemExit(f"{case.name}: {name} differs by {difference:.1e}; no speed is reported")
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name in turn_order(list(calls), number):
            calls[name]()  # refills the caches
            start = perf_counter()
            for _ in range(FRAMES_OF_A_ROUND):
                calls[name]()
            times[name].append((perf_counter() - start) / FRAMES_OF_A_ROUND * 1e3)
    ratios = {form: [a / b for a, b in zip(times[first], times[form], strict=True)] for form in calls}
    return {
        "layer": case.name,
        "forms": {
            form: {
                "ms": times[form],
                "times_as_fast": {"median": median(ratios[form]), "low": min(ratios[form]), "high": max(ratios[form])},
            }
            for form in calls
        },
    }


def session(name: str, form: Form, folder: Path) -> Callable[[], Tensor]:
    """Exports a layer and returns a function that runs it on a batch of one."""
    path = folder / f"{name}.onnx"
    with torch.inference_mode():
        export_onnx(Graph("layer", form.layer, form.inputs(2), ("out",), ()), path)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    run = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    one = {key: tensor.numpy() for key, tensor in form.inputs(1).items()}

    return lambda: torch.from_numpy(run.run(None, one)[0])


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("-o", "--output", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    torch.manual_seed(0)
    found = []
    for case in cases():
        with tempfile.TemporaryDirectory(prefix="fomm-rt-layers-") as folder:
            result = measure(case, options.rounds, Path(folder))
        found.append(result)
        print(result["layer"])
        for form, figures in result["forms"].items():
            ratio = figures["times_as_fast"]
            print(
                f"  {form:<24}{median(figures['ms']):8.2f} ms"
                f"{ratio['median']:8.2f} times as fast ({ratio['low']:.2f} to {ratio['high']:.2f})"
            )
    if options.output:
        document = {
            "benchmark": "cpu layers",
            "command": script_command(),
            "environment": describe_environment(),
            "layers": found,
        }
        options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
