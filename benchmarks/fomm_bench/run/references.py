"""The references of a run, by device."""

from __future__ import annotations

from collections.abc import Sequence

from fomm_bench.contestants.protocol import Entry
from fomm_bench.results.contestant_result import DEVICE_TYPES, DeviceType

REFERENCES: dict[DeviceType, tuple[str, ...]] = {
    "cpu": ("pytorch", "onnxruntime", "fomm-rt:onnxruntime-cpu"),
    "cuda": ("pytorch-cuda", "onnxruntime-cuda"),
}
"""Device -> contestants that may be its reference; the first that can run is."""


def reference_candidates(chosen: Sequence[Entry], known: Sequence[Entry]) -> dict[DeviceType, list[Entry]]:
    """Candidates for each device that a chosen contestant runs on, best first. A GPU falls back to those of the CPU."""
    by_name = {entry.name: entry for entry in known}
    devices = {entry.device_type for entry in chosen}
    return {
        device: [by_name[name] for name in dict.fromkeys((*REFERENCES[device], *REFERENCES["cpu"])) if name in by_name]
        for device in DEVICE_TYPES
        if device in devices
    }


def first_references(chosen: Sequence[Entry]) -> list[str]:
    """Names of the references that join the chosen contestants if they can run."""
    return [REFERENCES[device][0] for device in dict.fromkeys(entry.device_type for entry in chosen)]
