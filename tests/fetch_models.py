"""Entries of a catalog for tests of fetching."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml

from fomm_fetch.catalog import CatalogEntry, Source
from golden_files import Golden


def write_small_configuration(path: Path) -> str:
    """Writes the configuration of the small golden as a published YAML; returns its path."""
    model_params = Golden("small_aligned").meta["model_params"]
    path.write_text(yaml.safe_dump({"dataset_params": {"frame_shape": [64, 64, 3]}, "model_params": model_params}))
    return str(path)


def entry_for(content: bytes, configuration: str, *urls: str) -> CatalogEntry:
    """The entry "small" of a file with these bytes, of known size and SHA-256."""
    return CatalogEntry(
        "small",
        "patterns",
        "small-cpk.pth.tar",
        configuration,
        tuple(map(Source, urls)),
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        about_bytes=len(content),
    )
