"""Which engines fit, and in which words others do not."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fomm_rt.engines.folder import EngineFolder
from fomm_rt.engines.manifest import FLAVOUR_TITLES, TENSORRT, EngineManifest, build_command

NEAREST = 3
"""Misses that a message names at most."""


@dataclass(frozen=True)
class EngineRequirements:
    """The engines that a runtime asks for; see `EngineSpec` for most fields.

    Attributes:
        capability: Of the GPU here, "sm_90".
        gpu: Name of the GPU here.
        batch: The smallest `max_batch` that suffices.
        model_name: For messages.
        store: Folder of the store as `fomm-rt build -o` would be given it, for messages; the default one by default.
        model_path: The model folder as `fomm-rt build` would be given it, for messages; by default `model_name`.
    """

    model_sha256: str
    flavour: str
    library_version: str
    capability: str
    gpu: str | None
    precision: str
    layout: str
    batch: int
    kernels_sha256: str
    model_name: str
    model_path: str | None = None
    store: str | None = None

    @property
    def build_command(self) -> str:
        """What to run to have these engines."""
        model = self.model_path or self.model_name
        command = build_command(model, self.flavour, self.precision, self.layout, self.batch)
        return command if self.store is None else f"{command} -o {shlex.quote(self.store)}"

    def mismatches(self, manifest: EngineManifest) -> list[tuple[str, str]]:
        """What keeps engines from fitting, as pairs of what they have and what is needed; empty if they fit.

        Engines of TensorRT-RTX run on any card of their capability. For those of TensorRT NVIDIA warns against another
        model of card. No engine is bound to a version of the driver.
        """
        spec = manifest.spec
        card = self.gpu if self.flavour == TENSORRT else spec.gpu
        comparisons = [
            (spec.model_sha256 == self.model_sha256, "networks of another export", "those of this model"),
            (
                (spec.flavour, spec.library_version) == (self.flavour, self.library_version),
                f"{_title(spec.flavour)} {spec.library_version}",
                f"{_title(self.flavour)} {self.library_version}",
            ),
            (self.capability in spec.capabilities, " and ".join(spec.capabilities), self.capability),
            (spec.gpu == card, f"the card {spec.gpu or 'unknown'}", f"the card {card or 'unknown'}"),
            (spec.precision == self.precision, spec.precision, self.precision),
            (spec.layout == self.layout, f"layout {spec.layout}", f"layout {self.layout}"),
            (spec.max_batch >= self.batch, f"batches up to {spec.max_batch}", f"batches of {self.batch}"),
            (spec.kernels_sha256 == self.kernels_sha256, "other kernels", "the kernels of this fomm-rt"),
        ]
        return [(has, needs) for fits, has, needs in comparisons if not fits]

    def explain(self, folders: Sequence[EngineFolder], damaged: Sequence[tuple[Path, str]]) -> str:
        """Why none of these fits, and what to do.

        Args:
            folders: All sets of engines that there are.
            damaged: Others, with the reason why they cannot be used.
        """
        own = [folder for folder in folders if self._concerns(folder.manifest)]
        nearest = sorted(own, key=lambda folder: (len(self.mismatches(folder.manifest)), -_age_rank(folder)))[:NEAREST]
        if nearest:
            sentences = [f"expected engines of {self.model_name} that fit this machine; found none"]
            sentences += [self._explain_one(folder) for folder in nearest]
        else:
            sentences = [f"expected engines of {self.model_name}; none have been built here"]
        sentences += [f"Unusable: {reason}" for _, reason in damaged[:NEAREST]]
        return ". ".join([*sentences, f"Build them: {self.build_command}"])

    def _concerns(self, manifest: EngineManifest) -> bool:
        return manifest.spec.model_sha256 == self.model_sha256 or manifest.model_name == self.model_name

    def _explain_one(self, folder: EngineFolder) -> str:
        has, needs = zip(*self.mismatches(folder.manifest), strict=True)
        return f"{folder.path.name} was built for {', '.join(has)}; needed: {', '.join(needs)}"


def best_of(folders: Sequence[EngineFolder], largest: bool = False) -> EngineFolder:
    """Of sets that fit, the one with the smallest batch, or the largest; of equals the newest."""
    sign = -1 if largest else 1
    return min(folders, key=lambda folder: (sign * folder.manifest.spec.max_batch, -_age_rank(folder)))


def _age_rank(folder: EngineFolder) -> float:
    return folder.manifest.built_at.timestamp()


def _title(flavour: str) -> str:
    return FLAVOUR_TITLES.get(flavour, flavour)
