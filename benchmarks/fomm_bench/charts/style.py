"""The style of all charts: one colour per contestant, labels beside the marks, no ornament."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fomm_bench.results.contestant_result import ContestantResult
from fomm_bench.results.run_result import RunResult
from fomm_rt.files.staging import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

WIDTH_INCHES = 8.6
DOTS_PER_INCH = 160
INK, MUTED, FAINT = "#1f2328", "#656d76", "#d8dee4"
REFERENCE = "#8c959f"
WARNING = "#b3261e"
LINE_INCHES = 0.14
"""Height of a line of the caption."""

COLOURS = {
    "pytorch-cached": "#e0823d",
    "pytorch-compile": "#b3541e",
    "pytorch-cuda": "#6e7781",
    "pytorch-compile-cuda": "#b3541e",
    "onnxruntime": "#8b6fc9",
    "onnxruntime-cuda": "#6e4fb0",
    "openvino": "#3a86c8",
    "fomm-rt:onnxruntime-cpu": "#1a936f",
    "fomm-rt:onnxruntime-cpu:int8": "#0b5d47",
    "fomm-rt:onnxruntime-cuda": "#4fb286",
    "fomm-rt:onnxruntime-cuda:int8": "#0b5d47",
}
OTHER_RUNTIME = ("#2f7d32", "#66a61e", "#7cb518", "#386641")
"""Colours of other backends of fomm-rt, all green."""

STAGE_COLOURS = {
    "upload": "#c9d1d9",
    "detector": "#4c8fc9",
    "geometry": "#9fb8cc",
    "encoder": "#c86b5a",
    "dense_motion": "#5aa98c",
    "warp": "#a9cf8f",
    "decoder": "#e3a54b",
    "generator": "#e3a54b",
    "networks": "#b0a3cf",
    "download": "#c9d1d9",
}


def colour_of(contestant: ContestantResult, run: RunResult) -> str:
    """The colour of a contestant, the same in every chart; grey for the reference."""
    if run.is_reference(contestant) or contestant.name == "pytorch":
        return REFERENCE
    if contestant.name in COLOURS:
        return COLOURS[contestant.name]
    others = [other.name for other in run.contestants if other.name not in COLOURS]
    return OTHER_RUNTIME[others.index(contestant.name) % len(OTHER_RUNTIME)]


@contextmanager
def chart(
    rows: float,
    title: str,
    run: RunResult,
    note: str = "",
    header_inches: float = 0.0,
    *,
    sized: bool = True,
    load: str | None = None,
) -> Iterator[tuple[Figure, Axes]]:
    """A figure with a title above and a caption below.

    Args:
        rows: Height in rows of text and marks.
        title: What it shows, with the unit.
        run: The run that the caption describes.
        note: A second line of the caption.
        header_inches: Room between title and axes.
        sized: True to name the run's size and number of frames in the caption.
        load: The load of other processes during the measurement, if it was high.
    """
    # Agg draws to files and needs no display.
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
        "font.size": 10,
        "text.color": INK,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": MUTED,
        "xtick.color": MUTED,
        "ytick.color": INK,
        "text.parse_math": False,  # a dollar sign does not start a formula
        "svg.fonttype": "none",  # keeps text searchable and accessible
        "svg.hashsalt": "fomm-rt",
    }
    footer = 0.62 if load is None else 0.62 + LINE_INCHES
    height = footer + 0.53 + header_inches + 0.42 * rows
    with rc_context(settings):
        figure = Figure((WIDTH_INCHES, height), facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_position((0.27, footer / height, 0.69, 1 - (footer + 0.43 + header_inches) / height))
        figure.text(0.012, 1 - 0.14 / height, title, va="top", fontsize=12, fontweight="bold")
        figure.text(0.012, 0.1 / height, _caption(run, note, sized), va="bottom", fontsize=7.5, color=MUTED)
        if load is not None:
            text = f"The machine was busy: {load}."
            figure.text(0.012, (0.1 + 2 * LINE_INCHES) / height, text, va="bottom", fontsize=7.5, color=WARNING)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.tick_params(length=0, labelsize=9)
        axes.set_axisbelow(True)
        axes.grid(axis="x", color=FAINT, linewidth=0.7)
        yield figure, axes


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Writes a figure as SVG and PNG; returns the files. Raises OutputError if one cannot be written."""
    paths = []
    for ending, metadata in (("svg", {"Date": None}), ("png", {})):
        path = folder / f"{name}.{ending}"
        with replacing(path) as staged:
            figure.savefig(staged, format=ending, dpi=DOTS_PER_INCH, metadata=metadata)
        paths.append(path)
    return paths


def write_value(
    axes: Axes, text: str, at: tuple[float, float], offset_points: tuple[int, int], colour: str, size: float
) -> None:
    """Writes a value in bold: to the right of a point, or centred above it if there is no offset to the right."""
    ha, va = ("left", "center") if offset_points[0] else ("center", "bottom")
    style: dict[str, Any] = {"ha": ha, "va": va, "fontsize": size, "fontweight": "bold", "color": colour}
    axes.annotate(text, at, offset_points, textcoords="offset points", **style)


def label_rows(axes: Axes, contestants: list[ContestantResult], run: RunResult) -> None:
    """Writes the contestants' names beside their rows, the first at the top, in their colours."""
    axes.set_yticks(range(len(contestants)), [contestant.name for contestant in contestants])
    axes.set_ylim(len(contestants) - 0.45, -0.6)
    for label, contestant in zip(axes.get_yticklabels(), contestants, strict=True):
        label.set_color(colour_of(contestant, run))
        label.set_fontweight("bold" if contestant.name.startswith("fomm-rt") else "normal")
        label.set_fontsize(9)


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Sets limits and round ticks of a logarithmic axis."""
    axis.set_view_interval(low, high, ignore=True)
    ticks = [m * 10.0**e for e in range(-3, 7) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)


def short(value: float) -> str:
    """A value with about three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _caption(run: RunResult, note: str, sized: bool) -> str:
    model, fewest = run.model, min((c.latency.frames for c in run.measured if c.latency), default=0)
    frames = f"{fewest}+ frames" if any(c.on_gpu for c in run.measured) else f"{fewest} frames each"
    measured = [f"{model.label}, {model.size}×{model.size}", frames] if sized else [model.label]
    parts = [*measured, run.environment.describe(), f"fomm-rt bench, {run.date[:10]}"]
    return " · ".join(parts) + (f"\n{note}" if note else "")
