"""The engines that fit a machine and a model, and why others do not."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.engines.manifest import FLAVOUR_TITLES, TENSORRT, EngineManifest, build_command

NEAREST = 3
"""Largest number of misses, and of damaged sets, in a message."""


@dataclass(frozen=True)
class EngineRequirements:
    """What a runtime requires of engines; see `EngineSpec` for most fields.

    Attributes:
        capability: Compute capability of this machine's GPU, "sm_90".
        gpu: Name of this machine's GPU.
        batch: The smallest `max_batch` that suffices.
        model_name: For messages.
        model_path: The model folder in the build command of messages; `model_name` by default.
        store: The `-o` of the build command in messages; the default store by default.
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
        """Command line that builds such engines."""
        model = self.model_path or self.model_name
        command = build_command(model, self.flavour, self.precision, self.layout, self.batch)
        return command if self.store is None else f"{command} -o {shlex.quote(self.store)}"

    def mismatches(self, manifest: EngineManifest) -> list[tuple[str, str]]:
        """Lists why engines do not fit, as pairs of what they have and what is required; empty if they fit.

        Engines of TensorRT-RTX run on any GPU of their capabilities. NVIDIA advises against running engines of TensorRT
        on another GPU model. No engine is bound to a driver version.
        """
        spec = manifest.spec
        gpu = self.gpu if self.flavour == TENSORRT else spec.gpu
        comparisons = [
            (spec.model_sha256 == self.model_sha256, "networks of another export", "those of this model"),
            (
                (spec.flavour, spec.library_version) == (self.flavour, self.library_version),
                f"{_title(spec.flavour)} {spec.library_version}",
                f"{_title(self.flavour)} {self.library_version}",
            ),
            (self.capability in spec.capabilities, " and ".join(spec.capabilities), self.capability),
            (spec.gpu == gpu, f"the card {spec.gpu or 'unknown'}", f"the card {gpu or 'unknown'}"),
            (spec.precision == self.precision, spec.precision, self.precision),
            (spec.layout == self.layout, f"layout {spec.layout}", f"layout {self.layout}"),
            (spec.max_batch >= self.batch, f"batches up to {spec.max_batch}", f"batches of {self.batch}"),
            (spec.kernels_sha256 == self.kernels_sha256, "other kernels", "the kernels of this fomm-rt"),
        ]
        return [(has, needs) for fits, has, needs in comparisons if not fits]

    def explain(self, sets: Sequence[EngineManifest], damaged: Sequence[str]) -> str:
        """Says why none of these sets fits, and what to do.

        Args:
            sets: All readable sets.
            damaged: Why other sets cannot be used.
        """
        own = [manifest for manifest in sets if self._concerns(manifest)]
        nearest = sorted(own, key=lambda manifest: (len(self.mismatches(manifest)), -manifest.built.timestamp()))
        if nearest:
            sentences = [f"expected engines of {self.model_name} that fit this machine; found none"]
            sentences += [self._explain_one(manifest) for manifest in nearest[:NEAREST]]
        else:
            sentences = [f"expected engines of {self.model_name}; none have been built here"]
        sentences += [f"Unusable: {reason}" for reason in damaged[:NEAREST]]
        return ". ".join([*sentences, f"Build them: {self.build_command}"])

    def _concerns(self, manifest: EngineManifest) -> bool:
        return manifest.spec.model_sha256 == self.model_sha256 or manifest.model_name == self.model_name

    def _explain_one(self, manifest: EngineManifest) -> str:
        has, needs = zip(*self.mismatches(manifest), strict=True)
        return f"{manifest.spec.key} was built for {', '.join(has)}; needed: {', '.join(needs)}"


def best_of(sets: Sequence[EngineSet], largest: bool = False) -> EngineSet:
    """Of sets that fit, the one with the smallest batch, or the largest; of equals the newest."""
    sign = -1 if largest else 1
    return min(sets, key=lambda found: (sign * found.manifest.spec.max_batch, -found.manifest.built.timestamp()))


def _title(flavour: str) -> str:
    return FLAVOUR_TITLES.get(flavour, flavour)
