"""Checkpoints that are known by their SHA-256.

Three independent sources agree on the hashes of vox and vox-adv. The other hashes come from one source each. No hash of
taichi and nemo was found.
"""

from __future__ import annotations

PUBLISHED_SHA256 = {
    "vox-cpk.pth.tar": "abb41ab1f279f26326c0d6e4d20702de6658364665aa1313daa7a63e89ea2b23",
    "vox-adv-cpk.pth.tar": "6792d6810d7f46e3c5c487a1cfec916b96fad8912c3c6cc81baa1fc300c820d3",
    "fashion.pth.tar": "b83989ebdc2f0c766034fbec004099ab70733cf4c562794f82c8077afbf7ba7e",
    "mgif-cpk.pth.tar": "03152bf4ea1ca2c29c430e60b3010f81577a2bae0740f7f8b06d1951a640fdba",
    "bair-cpk.pth.tar": "d71d8f18a494aa62b143816c06a5c3264c854c474aab3da6dcb0e8f3689a31bf",
    "taichi-adv-cpk.pth.tar": "cf17bbb05bece3a75f353e42699a4c3ddc8152f486065c2c6741f4d1edecda64",
}
"""Usual name of a file of the authors of FOMM -> its hash."""

OWN_SHA256 = {"drawn-faces-256": "8fd30fcd10b92cdca4f017a6fe1234c3f5dc1b206dad6919f69937301e338e6b"}
"""Name of a checkpoint of this project -> the hash of the one that is published. Publishing another one changes it."""


def published_name(sha256: str | None) -> str | None:
    """The published file with this SHA-256; None if there is none."""
    return next((name for name, known in PUBLISHED_SHA256.items() if known == sha256), None)


def own_name(sha256: str | None) -> str | None:
    """The project's own checkpoint with this SHA-256; None if there is none."""
    return next((name for name, known in OWN_SHA256.items() if known == sha256), None)
