"""The summary of a set of engines for people."""

from __future__ import annotations

from dataclasses import dataclass

from fomm_rt.engines.engine_set import EngineSet


@dataclass(frozen=True)
class EngineSummary:
    """A set of engines: its key in the store, the GPU or the compute capabilities that it runs on, its size ...

    `built` is the time in ISO 8601, `flavour` includes the version of TensorRT. See `EngineSpec` for other fields.
    """

    key: str
    model: str
    flavour: str
    built_for: str
    precision: str
    layout: str
    max_batch: int
    size_bytes: int
    built: str

    def describe(self) -> str:
        """One phrase for people, without the key."""
        batch = "frame by frame" if self.max_batch == 1 else f"up to {self.max_batch} frames at a time"
        return (
            f"{self.model}: {self.precision}, {self.layout}, {batch}; {self.flavour}; for {self.built_for}; "
            f"{self.size_bytes / 2**20:.1f} MiB; built {self.built[:10]}"
        )


def summarize(engines: EngineSet) -> EngineSummary:
    """Summarizes a set."""
    manifest, spec = engines.manifest, engines.manifest.spec
    capabilities = ", ".join(spec.capabilities)
    return EngineSummary(
        key=spec.key,
        model=manifest.model_name,
        flavour=f"{spec.flavour} {spec.library_version}",
        built_for=capabilities if spec.gpu is None else f"{spec.gpu} ({capabilities})",
        precision=spec.precision,
        layout=spec.layout,
        max_batch=spec.max_batch,
        size_bytes=manifest.size_bytes,
        built=manifest.built.isoformat(timespec="seconds"),
    )
