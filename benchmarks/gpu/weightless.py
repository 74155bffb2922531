"""A model folder of stand-in weights without the weights, small enough to carry, and the folder made of it again.

    python benchmarks/gpu/weightless.py cut models/vox-256 vox-256.zip
    python benchmarks/gpu/weightless.py draw vox-256.zip models/vox-256

Stand-in weights are drawn from a seed. A graph holds them as they are, or as the export rewrote them, byte by byte:
what is cut are those bytes. Drawing takes torch and PyYAML, no exporter, and ends with a look at every file's SHA-256,
so what comes out is the folder that was exported, or an error.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from fomm_bench.model.bench_model import STAND_IN_SEED
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.model.reference_networks import build_reference
from fomm_export.onnx.graphs import cpu_graphs, model_graphs
from fomm_export.rewrites.portable import fold_all_norms, rewrite_for_inference
from fomm_rt.errors import FommError, ModelError
from fomm_rt.model.folder import open_model_folder
from fomm_rt.model.manifest import MANIFEST_NAME, read_manifest

SMALLEST = 1024
"""Bytes of a tensor that is worth cutting."""
PARTS = ".parts.json"
"""Ends the name of a file's recipe: numbers of bytes to take from what is left of it, and names of tensors between."""

Parts = list[int | str]


def drawn(folder: Path) -> dict[str, bytes]:
    """The tensors of a folder's graphs by name, drawn anew.

    Raises:
        ModelError: Its weights are no stand-ins.
    """
    manifest = read_manifest(folder)
    seed = STAND_IN_SEED.search(manifest.weights.file) if manifest.weights.origin == "stand-in" else None
    if seed is None:
        raise ModelError(
            f"{folder}: expected stand-in weights, which can be drawn anew; found {manifest.weights.describe()}. "
            "Carry the folder as it is"
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
    """A file as its parts, and all bytes of it that are in none of the tensors."""
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
    """The inverse of `cut`, piece by piece."""
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
        ModelError: Not a model folder of stand-in weights, or a file was altered.
    """
    manifest, tensors = open_model_folder(folder).manifest, drawn(folder)
    with ZipFile(parcel, "w", ZIP_DEFLATED) as archive:
        archive.write(folder / MANIFEST_NAME, MANIFEST_NAME)
        for entry in manifest.files:
            parts, rest = cut((folder / entry.file).read_bytes(), tensors)
            archive.writestr(entry.file + PARTS, json.dumps(parts))
            archive.writestr(entry.file, rest)
            print(f"{entry.file}: {len(rest) / 2**20:.2f} of {entry.size_bytes / 2**20:.2f} MiB are left")


def read_parcel(parcel: Path, folder: Path) -> None:
    """Makes the model folder again; it appears when it is whole.

    Raises:
        ModelError: What is drawn here is not what was cut.
        FileExistsError: The folder is there.
    """
    if folder.exists():
        raise FileExistsError(f"{folder}: is there already; remove it, or use it")
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
    print(f"{folder}: as it was exported")


def main() -> None:
    """Cuts or draws."""
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
