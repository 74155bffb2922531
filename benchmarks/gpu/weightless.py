"""Cuts the weights out of a model folder of stand-in weights, and restores them.

    python benchmarks/gpu/weightless.py cut models/vox-256 vox-256.zip
    python benchmarks/gpu/weightless.py draw vox-256.zip models/vox-256

Stand-in weights are drawn from a seed, and a graph holds their bytes, unchanged or as the export rewrote them. Those
bytes are cut. Drawing them again needs torch and PyYAML, and verifies the SHA-256 of every file: the result is the
exported folder, or an error.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from fomm_bench.model.model_spec import STAND_IN_SEED, ModelSpec
from fomm_bench.model.reference_networks import build_reference
from fomm_export.onnx.graphs import cpu_graphs, model_graphs
from fomm_export.rewrites.portable import fold_all_norms, rewrite_for_inference
from fomm_rt.errors import FommError, ModelError
from fomm_rt.model.folder import open_model_folder
from fomm_rt.model.manifest import MANIFEST_NAME, read_manifest

SMALLEST = 1024
"""Smaller tensors, in bytes, are not cut."""
PARTS = ".parts.json"
"""Suffix of a file's recipe: numbers of bytes to take from its rest, and names of tensors between them."""

Parts = list[int | str]


def drawn(folder: Path) -> dict[str, bytes]:
    """Draws the tensors of a folder's graphs, by name.

    Raises:
        ModelError: It has other weights.
    """
    manifest = read_manifest(folder)
    seed = STAND_IN_SEED.search(manifest.weights.file) if manifest.weights.origin == "stand-in" else None
    if seed is None:
        raise ModelError(
            f"{folder}: expected stand-in weights, which can be drawn again; got {manifest.weights.describe()}. "
            "Copy the whole folder instead"
        )
    networks = build_reference(ModelSpec(str(folder), None, int(seed[1])))
    tensors: dict[str, bytes] = {}
    for graph in (*model_graphs(rewrite_for_inference(networks)), *cpu_graphs(fold_all_norms(networks))):
        for name, tensor in (*graph.module.named_parameters(), *graph.module.named_buffers()):
            content = tensor.detach().contiguous().numpy().tobytes()
            if len(content) >= SMALLEST:
                tensors[f"{graph.name}:{name}"] = content
    return tensors


def cut(content: bytes, tensors: dict[str, bytes]) -> tuple[Parts, bytes]:
    """Divides a file into its recipe and its rest, the bytes that are in no tensor."""
    places = sorted((place, name) for name, tensor in tensors.items() if (place := content.find(tensor)) >= 0)
    parts: Parts = []
    rest, end = bytearray(), 0
    for place, name in places:
        if place >= end:
            parts += [place - end, name]
            rest += content[end:place]
            end = place + len(tensors[name])
    return [*parts, len(content) - end], bytes(rest + content[end:])


def joined(parts: Parts, rest: bytes, tensors: dict[str, bytes]) -> Iterator[bytes]:
    """Yields the pieces of the file that was cut."""
    place = 0
    for part in parts:
        if isinstance(part, str):
            yield tensors[part]
        else:
            yield rest[place : place + part]
            place += part


def write_parcel(folder: Path, parcel: Path) -> None:
    """Writes a model folder without its weights.

    Raises:
        ModelError: Not a model folder of stand-in weights, or a file was changed.
    """
    manifest, tensors = open_model_folder(folder).manifest, drawn(folder)
    with ZipFile(parcel, "w", ZIP_DEFLATED) as archive:
        archive.write(folder / MANIFEST_NAME, MANIFEST_NAME)
        for entry in manifest.files:
            parts, rest = cut((folder / entry.file).read_bytes(), tensors)
            archive.writestr(entry.file + PARTS, json.dumps(parts))
            archive.writestr(entry.file, rest)
            print(f"{entry.file}: {len(rest) / 2**20:.2f} of {entry.size_bytes / 2**20:.2f} MiB remain")


def read_parcel(parcel: Path, folder: Path) -> None:
    """Restores the model folder, which appears when it is complete.

    Raises:
        ModelError: The restored folder differs from the original.
        FileExistsError: The folder exists.
    """
    if folder.exists():
        raise FileExistsError(f"{folder}: already exists; remove it, or use it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary, ZipFile(parcel) as archive:
        made = Path(temporary) / folder.name
        made.mkdir()
        (made / MANIFEST_NAME).write_bytes(archive.read(MANIFEST_NAME))
        tensors = drawn(made)
        for entry in read_manifest(made).files:
            with (made / entry.file).open("wb") as file:
                file.writelines(joined(json.loads(archive.read(entry.file + PARTS)), archive.read(entry.file), tensors))
        open_model_folder(made)
        made.rename(folder)
    print(f"{folder}: restored")


def main() -> None:
    """Cuts or restores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cut", "draw"))
    parser.add_argument("given", type=Path)
    parser.add_argument("made", type=Path)
    options = parser.parse_args()
    try:
        (write_parcel if options.what == "cut" else read_parcel)(options.given, options.made)
    except (FommError, OSError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
