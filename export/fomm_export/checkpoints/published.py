"""Published models: their configurations, and checkpoint files recognised by their SHA-256.

Three independent sources agree on the hashes of vox and vox-adv. The other hashes come from one source each; those of
fashion, mgif and bair fit the file size, taichi-adv's size is unknown. No source was found for taichi and nemo.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fomm_export.checkpoints.configuration import Configuration, Hourglass

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


TABLE = """
vox-cpk.pth.tar        728766691 vox-256        abb41ab1f279f26326c0d6e4d20702de6658364665aa1313daa7a63e89ea2b23
vox-adv-cpk.pth.tar    750926934 vox-adv-256    6792d6810d7f46e3c5c487a1cfec916b96fad8912c3c6cc81baa1fc300c820d3
fashion.pth.tar        750842814 fashion-256    b83989ebdc2f0c766034fbec004099ab70733cf4c562794f82c8077afbf7ba7e
mgif-cpk.pth.tar       750100891 mgif-256       03152bf4ea1ca2c29c430e60b3010f81577a2bae0740f7f8b06d1951a640fdba
bair-cpk.pth.tar       750804537 bair-256       d71d8f18a494aa62b143816c06a5c3264c854c474aab3da6dcb0e8f3689a31bf
taichi-adv-cpk.pth.tar   unknown taichi-adv-256 cf17bbb05bece3a75f353e42699a4c3ddc8152f486065c2c6741f4d1edecda64
"""

PUBLISHED_CHECKPOINTS = tuple(
    PublishedCheckpoint(file_name, int(size) if size.isdigit() else None, sha256, configuration)
    for file_name, size, configuration, sha256 in map(str.split, TABLE.strip().splitlines())
)


def recognise(sha256: str) -> PublishedCheckpoint | None:
    """The published file with this SHA-256; None if there is none."""
    return next((each for each in PUBLISHED_CHECKPOINTS if each.sha256 == sha256), None)


def by_file_name(name: str) -> PublishedCheckpoint | None:
    """The published file with this usual name; None if there is none."""
    return next((each for each in PUBLISHED_CHECKPOINTS if each.file_name == name), None)
