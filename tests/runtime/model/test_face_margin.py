"""The margin around faces that a model folder says, or that older folders imply."""

from dataclasses import replace
from typing import Any

import pytest

from fomm_rt.bundled import bundled_model
from fomm_rt.model.manifest import Weights, read_manifest


@pytest.mark.parametrize(
    ("configuration", "weights", "margin"),
    [
        ({}, {"origin": "own"}, 2.1),
        ({"face_margin": None}, {"origin": "own"}, 2.1),
        ({"face_margin": 1.8}, {"origin": "own"}, 1.8),
        ({}, {"recognised_as": "vox-adv-cpk.pth.tar"}, 1.5),
        ({"face_margin": None}, {"recognised_as": "vox-adv-cpk.pth.tar"}, 1.5),
        ({}, {"file": "vox-adv-pruned.pth.tar"}, 1.5),
        ({"face_margin": None}, {"file": "voxels.pth.tar"}, None),
        ({}, {"recognised_as": "taichi-cpk.pth.tar"}, None),
        ({"face_margin": 1.2}, {"recognised_as": "taichi-cpk.pth.tar"}, 1.2),
        ({}, {}, None),
    ],
)
def test_margin(configuration: dict[str, Any], weights: dict[str, str], margin: float | None) -> None:
    given: dict[str, Any] = {"origin": "unknown", "file": "model.pth", "sha256": None, "recognised_as": None, **weights}
    manifest = replace(read_manifest(bundled_model()), weights=Weights(**given))
    plain = {key: value for key, value in manifest.configuration.items() if key != "face_margin"}
    assert replace(manifest, configuration={**plain, **configuration}).face_margin == margin
