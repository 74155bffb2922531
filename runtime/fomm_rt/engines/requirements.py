"""The engines that fit a machine and a model, and why others do not."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from fomm_rt.engines.manifest import FLAVOUR_TITLES, TENSORRT, EngineManifest, EngineSpec, build_command

NEAREST = 3
"""Largest number of misses, and of damaged sets, in a message."""


@dataclass(frozen=True)
class EngineRequirements:
    """What a runtime requires of engines.

    Attributes:
        spec: With the compute capability and the name of this machine's GPU, and the smallest sufficient `max_batch`.
        model_name: For messages.
        model_path: The model folder in the build command of messages; `model_name` by default.
        store: The `-o` of the build command in messages; the default store by default.
    """

    spec: EngineSpec
    model_name: str
    model_path: str | None = None
    store: str | None = None

    @property
    def build_command(self) -> str:
        """Command line that builds such engines."""
        spec = self.spec
        model = self.model_path or self.model_name
        command = build_command(model, spec.flavour, spec.precision, spec.layout, spec.max_batch)
        return command if self.store is None else f"{command} -o {shlex.quote(self.store)}"

    def mismatches(self, manifest: EngineManifest) -> list[tuple[str, str]]:
        """Lists why engines do not fit, as pairs of what they have and what is required; empty if they fit.

        Engines of TensorRT-RTX run on any GPU of their capabilities. NVIDIA advises against running engines of TensorRT
        on another GPU model. No engine is bound to a driver version.
        """
        has, needs = manifest.spec, self.spec
        gpu = needs.gpu if needs.flavour == TENSORRT else has.gpu
        comparisons = [
            (has.model_sha256 == needs.model_sha256, "networks of another export", "those of this model"),
            (_library(has) == _library(needs), _library(has), _library(needs)),
            (
                set(needs.capabilities) <= set(has.capabilities),
                " and ".join(has.capabilities),
                " and ".join(needs.capabilities),
            ),
            (has.gpu == gpu, f"the card {has.gpu or 'unknown'}", f"the card {gpu or 'unknown'}"),
            (has.precision == needs.precision, has.precision, needs.precision),
            (has.layout == needs.layout, f"layout {has.layout}", f"layout {needs.layout}"),
            (has.max_batch >= needs.max_batch, f"batches up to {has.max_batch}", f"batches of {needs.max_batch}"),
            (has.kernels_sha256 == needs.kernels_sha256, "other kernels", "the kernels of this fomm-rt"),
        ]
        return [(has_words, needs_words) for fits, has_words, needs_words in comparisons if not fits]

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
        return manifest.spec.model_sha256 == self.spec.model_sha256 or manifest.model_name == self.model_name

    def _explain_one(self, manifest: EngineManifest) -> str:
        has, needs = zip(*self.mismatches(manifest), strict=True)
        return f"{manifest.spec.key} was built for {', '.join(has)}; needed: {', '.join(needs)}"


def _library(spec: EngineSpec) -> str:
    return f"{FLAVOUR_TITLES[spec.flavour]} {spec.library_version}"
