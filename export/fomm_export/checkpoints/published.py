"""Published checkpoint files that can be recognised by their content.

Hashes of vox and vox-adv were seen in three independent places; fashion, mgif and bair in one, of the right
size; taichi-adv in one, its exact size unknown. taichi and nemo were not found.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownCheckpoint:
    """One published file: its usual name, size in bytes (None: not known), SHA-256 and configuration."""

    file_name: str
    size_bytes: int | None
    sha256: str
    configuration: str


KNOWN_CHECKPOINTS = (
    KnownCheckpoint(
        "vox-cpk.pth.tar",
        728_766_691,
        "abb41ab1f279f26326c0d6e4d20702de6658364665aa1313daa7a63e89ea2b23",
        "vox-256",
    ),
    KnownCheckpoint(
        "vox-adv-cpk.pth.tar",
        750_926_934,
        "6792d6810d7f46e3c5c487a1cfec916b96fad8912c3c6cc81baa1fc300c820d3",
        "vox-adv-256",
    ),
    KnownCheckpoint(
        "fashion.pth.tar",
        750_842_814,
        "b83989ebdc2f0c766034fbec004099ab70733cf4c562794f82c8077afbf7ba7e",
        "fashion-256",
    ),
    KnownCheckpoint(
        "mgif-cpk.pth.tar",
        750_100_891,
        "03152bf4ea1ca2c29c430e60b3010f81577a2bae0740f7f8b06d1951a640fdba",
        "mgif-256",
    ),
    KnownCheckpoint(
        "bair-cpk.pth.tar",
        750_804_537,
        "d71d8f18a494aa62b143816c06a5c3264c854c474aab3da6dcb0e8f3689a31bf",
        "bair-256",
    ),
    KnownCheckpoint(
        "taichi-adv-cpk.pth.tar",
        None,
        "cf17bbb05bece3a75f353e42699a4c3ddc8152f486065c2c6741f4d1edecda64",
        "taichi-adv-256",
    ),
)


def recognise(sha256: str) -> KnownCheckpoint | None:
    """The published file with this SHA-256, if there is one."""
    return next((known for known in KNOWN_CHECKPOINTS if known.sha256 == sha256), None)


def by_file_name(name: str) -> KnownCheckpoint | None:
    """The published file usually called this, if there is one."""
    return next((known for known in KNOWN_CHECKPOINTS if known.file_name == name), None)
