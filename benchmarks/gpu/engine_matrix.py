"""Measures engines of every kind: build time, size and parity.

    python benchmarks/gpu/engine_matrix.py -m models/vox-256 -m bundled -o FILE.json

Engines are kept in the user's cache, where benchmarks and the runtime find them. Existing engines are reported as they
were built, not built again. The file is rewritten after every set; --seconds limits when the last set is started, and
the same command continues an incomplete run. The exit code is 1 if a set could not be built or does not reproduce its
model.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from itertools import product
from pathlib import Path
from time import monotonic
from typing import Any

from fomm_bench.contestants.whole_engines import whole_folder
from fomm_build.build import WHOLE, BuildOptions, build_engines
from fomm_rt.backends.tensorrt.backend import why_tensorrt_unavailable
from fomm_rt.backends.tensorrt.library import load_tensorrt
from fomm_rt.bundled import open_model
from fomm_rt.engines.manifest import FLAVOURS, LAYOUTS, TENSORRT, EngineManifest
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import FommError
from fomm_rt.machine import nvidia_driver
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.precision import ENGINE_PRECISIONS

BUNDLED = "bundled"


def models_of(names: list[str]) -> list[ModelFolder]:
    """Opens model folders by path; "bundled" is the bundled model."""
    return [open_model(None if name == BUNDLED else name) for name in names]


def document_of(manifest: EngineManifest) -> dict[str, Any]:
    """Returns a set's manifest as plain JSON values, without tensors."""
    return {
        "model": manifest.model_name,
        **asdict(manifest.spec),
        "built": manifest.built.isoformat(),
        "build_s": manifest.build_s,
        "size_bytes": manifest.size_bytes,
        "parity": manifest.parity,
        "engines": {
            name: {"size_bytes": engine.size_bytes, "build_s": engine.build_s}
            for name, engine in manifest.engines.items()
        },
        "tools": manifest.tools,
    }


def described(options: BuildOptions, model: ModelFolder, found: dict[str, Any]) -> str:
    """One line for people."""
    line = f"{model.manifest.name:<20} {options.layout:<6} {options.precision:<5} {options.max_batch:>5} "
    if "error" in found:
        return f"{line}{found['error']}"
    return f"{line}{found['build_s']:>8.1f} s {found['size_bytes'] / 2**20:>8.1f} MiB  {_parity(found['parity'])}"


def _parity(parity: dict[str, Any] | None) -> str:
    if parity is None:
        return "not compared"
    psnr = parity["prediction_psnr_db"]  # None if infinite
    return f"{parity['keypoints_pixels']:.3f} pixel, {'identical' if psnr is None else f'{psnr:.1f} dB'}"


def main() -> None:
    """Builds the sets, prints a line for each and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", action="append", help="a model folder, or bundled (the default)")
    parser.add_argument("--backend", choices=FLAVOURS, default=TENSORRT)
    parser.add_argument("--precision", nargs="+", choices=ENGINE_PRECISIONS, default=ENGINE_PRECISIONS)
    parser.add_argument("--layout", nargs="+", choices=LAYOUTS, default=LAYOUTS)
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8, 32], help="largest batch of each set")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no set later than this")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    if problem := why_tensorrt_unavailable(options.backend):
        raise SystemExit(f"no engines to build: {problem}")
    gpu = nvidia_driver.gpu()
    assert gpu is not None
    document: dict[str, Any] = {
        "benchmark": "engine matrix",
        "gpu": asdict(gpu),
        "library": load_tensorrt(options.backend).describe(),
        "sets": [],
    }
    print(f"{gpu.name}, driver {gpu.driver}, {document['library']}")
    start, left = monotonic(), 0
    # The defaults come first, in case time runs out.
    sets = product(options.layout, options.precision, options.batch, models_of(options.model or [BUNDLED]))
    for layout, precision, batch, model in sets:
        build = BuildOptions(options.backend, precision, layout, batch)
        if monotonic() - start > options.seconds:
            left += 1
            continue
        found: dict[str, Any] = {"model": model.manifest.name, **asdict(build)}
        try:
            place = whole_folder(model, build) if layout == WHOLE else EngineStore()
            found |= document_of(build_engines(model, build, place).engines.manifest)
        except FommError as error:
            found["error"] = str(error)
        document["sets"].append(found)
        print(described(build, model, found), flush=True)
        options.output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if left:
        print(f"{left} sets are left; run the same command again")
    raise SystemExit(1 if any("error" in found for found in document["sets"]) else 0)


if __name__ == "__main__":
    main()
