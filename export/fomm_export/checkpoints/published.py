"""Published models: their configurations, and the checkpoint files of `fomm_rt.model.known_weights`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fomm_export.checkpoints.configuration import Configuration, Hourglass
from fomm_rt.model.known_weights import PUBLISHED_SHA256

VOX = Configuration(
    num_kp=10,
    num_channels=3,
    estimate_jacobian=True,
    temperature=0.1,
    detector=Hourglass(block_expansion=32, max_features=1024, num_blocks=5),
    dense_motion=Hourglass(block_expansion=64, max_features=1024, num_blocks=5),
    scale_factor=0.25,
    block_expansion=64,
    max_features=512,
    num_down_blocks=2,
    num_bottleneck_blocks=6,
    estimate_occlusion_map=True,
    frame_size=256,
)

FACES = ("vox-256", "vox-adv-256")
FACE_MARGIN = 1.5
"""Of their training clips: squares 1.2 times as large as the box that a moving face fills."""
SAME_AS_VOX = ("taichi-256", "taichi-adv-256", "bair-256", "fashion-256", "nemo-256")

CONFIGURATIONS = {
    **dict.fromkeys(FACES, replace(VOX, face_margin=FACE_MARGIN)),
    **dict.fromkeys(SAME_AS_VOX, VOX),
    "mgif-256": replace(VOX, single_jacobian_map=True),
}
"""Published configurations by name."""


@dataclass(frozen=True)
class PublishedCheckpoint:
    """One published file: its usual name, size in bytes (None if unknown), SHA-256 and configuration."""

    file_name: str
    size_bytes: int | None
    sha256: str
    configuration: str


_FILES = {
    "vox-cpk.pth.tar": (728766691, "vox-256"),
    "vox-adv-cpk.pth.tar": (750926934, "vox-adv-256"),
    "fashion.pth.tar": (750842814, "fashion-256"),
    "mgif-cpk.pth.tar": (750100891, "mgif-256"),
    "bair-cpk.pth.tar": (750804537, "bair-256"),
    "taichi-adv-cpk.pth.tar": (None, "taichi-adv-256"),
}
"""Usual name -> size in bytes, if it is known, and configuration."""

PUBLISHED_CHECKPOINTS = tuple(
    PublishedCheckpoint(file_name, size, PUBLISHED_SHA256[file_name], configuration)
    for file_name, (size, configuration) in _FILES.items()
)


def recognise(sha256: str) -> PublishedCheckpoint | None:
    """The published file with this SHA-256; None if there is none."""
    return next((each for each in PUBLISHED_CHECKPOINTS if each.sha256 == sha256), None)


def by_file_name(name: str) -> PublishedCheckpoint | None:
    """The published file with this usual name; None if there is none."""
    return next((each for each in PUBLISHED_CHECKPOINTS if each.file_name == name), None)
