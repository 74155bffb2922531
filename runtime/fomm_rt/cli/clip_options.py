"""Options of the commands that animate clips."""

from __future__ import annotations

from typing import Annotated, Any

from fomm_rt.cli.options import option


def _crop(panel: str, help_text: str) -> Any:
    return option(panel, help_text, metavar="auto|center|X,Y,W,H", show_default="auto")


BOTH = "Source and driving"

SourceCrop = Annotated[
    str | None,
    _crop("Source", "Use the square around the face, the centred square, or a rectangle in pixels or %."),
]
SourceFit = Annotated[bool, option("Source", "Use the whole source, its edges extended to a square.", "--source-fit")]
Face = Annotated[
    str | None,
    option(
        "Source",
        "Animate this face (see fomm-rt faces); 'all' needs --paste-back.",
        metavar="N|all",
        show_default="1",
    ),
]
DrivingCrop = Annotated[str | None, _crop("Driving", "As --source-crop, for the driving video.")]
DrivingFit = Annotated[
    bool, option("Driving", "Use whole driving frames, their edges extended to a square.", "--driving-fit")
]
Crop = Annotated[str | None, _crop(BOTH, "Sets --source-crop and --driving-crop, unless they are given.")]
Fit = Annotated[bool, option(BOTH, "As --source-fit and --driving-fit.", "--fit")]
Relative = Annotated[
    bool,
    option(
        "Motion",
        "Apply the driver's movement since the reference frame, or copy its pose.",
        "--relative/--absolute",
    ),
]
AdaptScale = Annotated[bool, option("Motion", "Scale relative movement to the size of the source.")]
Start = Annotated[
    str | None, option("Driving", "Start at this time of the driving video.", metavar="SECONDS|[HH:]MM:SS")
]
Duration = Annotated[str | None, option("Driving", "Length to use.", metavar="SECONDS|[HH:]MM:SS")]
BestFrameText = Annotated[
    str | None,
    option(
        "Motion",
        "The reference frame: the one posed most like the source, or number N, counted from 0 at --start.",
        metavar="auto|N",
        show_default="the first",
    ),
]
Smooth = Annotated[
    float | None,
    option(
        "Motion",
        "Smooth the driver's movement, from 0 to 1, which delays it most; 0.5 if no strength is given.",
        metavar="[STRENGTH]",
        min=0,
        max=1,
        show_default="0",
    ),
]
PastedBack = Annotated[bool, option("Result", "Paste the animated face back into the whole picture.", "--paste-back")]
Panel = Annotated[bool, option("Result", "Show source, driving frame and result side by side.", "--panel")]
Explain = Annotated[
    bool,
    option(
        "Result",
        "Show keypoints, deformation, masks and occlusion map, to find out why a result is bad.",
        "--explain",
    ),
]
Audio = Annotated[bool, option("Result", "Keep the sound of the driving video.")]
Size = Annotated[
    str | None,
    option(
        "Result",
        "Scale frames to this height, or to width and height, with black bars if need be.",
        metavar="N|WxH",
        show_default="the model's",
    ),
]
Quality = Annotated[
    int | None,
    option("Result", "From 0, the smallest file, to 100, the best picture.", min=0, max=100, show_default="80"),
]
