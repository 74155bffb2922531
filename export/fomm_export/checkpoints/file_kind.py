"""Recognizes a file by its first bytes, before anything else reads it."""

from __future__ import annotations

import re
import zipfile
from enum import Enum
from pathlib import Path

from fomm_rt.errors import CheckpointError

HEAD_BYTES = 1024
TAR_MAGIC_OFFSET = 257

LARGEST_COMPRESSED = 1 << 30
"""Bytes that a compressed PyTorch file may expand to. torch.save compresses nothing, so other tools made such files."""


class Kind(Enum):
    """A file that may hold weights."""

    SAFETENSORS = "safetensors"
    ZIPPED = "a PyTorch file since 1.6"
    COMPRESSED = "a PyTorch file that was zipped again"
    PICKLED = "a PyTorch file before 1.6, or another pickle"


ARCHIVES = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
)
OTHERS = (
    (b"\x89HDF\r\n", "an HDF5 file, as Keras writes"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"GGUF", "a GGUF file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
)
"""Start of a file -> its kind."""

FIND = "Give the checkpoint, or download it again if this should be one"


def kind_of(path: Path) -> Kind:
    """Returns the kind of a file that may hold weights.

    Raises:
        CheckpointError: It is something else, which the message names, or it cannot be read.
    """
    head = _read_head(path)
    if head.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    if _looks_like_safetensors(head) or (path.suffix == ".safetensors" and _describe_text(head) is None):
        return Kind.SAFETENSORS
    if head[:1] == b"\x80" and head[1] <= 5:
        return Kind.PICKLED
    raise CheckpointError(f"{path}: expected a PyTorch checkpoint or safetensors; it is {_describe(path, head)}")


def _read_head(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise CheckpointError(_about_folder(path))
        if path.exists() and not path.is_file():
            raise CheckpointError(f"{path}: expected a checkpoint file; it is a device or pipe")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: there is no such file; give the path of a checkpoint") from error
    except PermissionError as error:
        raise CheckpointError(f"{path}: no permission to read it; change its mode or copy the file") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise CheckpointError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if not head:
        raise CheckpointError(f"{path}: the file is empty; download it again")
    if not head.strip(b"\0") and len(head) > 1:
        raise CheckpointError(
            f"{path}: expected a checkpoint; it begins with zeros. A download reserved its space and did not end, or "
            "the disk lost it. Download it again"
        )
    return head


def _about_folder(path: Path) -> str:
    start = f"{path}: expected a checkpoint file; it is a folder"
    if (path / "model.json").is_file():
        return f"{start}, and a model that is exported already: give it to fomm-rt animate -m"
    if any((path / name).is_file() for name in ("data.pkl", "archive/data.pkl", "byteorder")):
        return f"{start} that a PyTorch file was unpacked to. Give the file as it was downloaded"
    return f"{start}. Do not unpack a .pth.tar; give the file itself"


def _looks_like_safetensors(head: bytes) -> bool:
    return len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100_000_000


def _kind_of_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return Kind.ZIPPED  # cut off or damaged: the reader of PyTorch files says so
    names = [entry.filename for entry in entries]
    inside = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inside or any(name.startswith("code/") for name in inside):
        raise CheckpointError(
            f"{path}: expected a PyTorch checkpoint; it is a TorchScript program. Export the checkpoint that it was "
            "made from"
        )
    if "data.pkl" not in inside:
        raise CheckpointError(f"{path}: expected a PyTorch checkpoint; it is {_describe_zip(names)}")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        expanded = sum(entry.file_size for entry in entries)
        if expanded > LARGEST_COMPRESSED:
            raise CheckpointError(
                f"{path}: expected a PyTorch checkpoint; it is compressed and expands to {expanded} bytes, more than "
                f"the {LARGEST_COMPRESSED} that are read. Save it with torch.save, which compresses nothing"
            )
        return Kind.COMPRESSED
    return Kind.ZIPPED


def _describe_zip(names: list[str]) -> str:
    if any(name.endswith(".npy") for name in names):
        return "an archive of NumPy arrays (npz)"
    files = [name for name in names if not name.endswith("/")]
    weights = [name for name in files if re.search(r"\.(pth|pt|tar|safetensors|ckpt|bin)$", name)]
    shown = ascii((weights or files or ["nothing"])[0])[1:-1][:80]
    return f"a ZIP archive that holds {shown}. Unpack it and give the file inside"


def _describe(path: Path, head: bytes) -> str:
    if head[TAR_MAGIC_OFFSET : TAR_MAGIC_OFFSET + 5] == b"ustar":
        return (
            "a tar archive. Published .pth.tar files are not archives despite their name. Download the original, or "
            "unpack this one and give the file inside"
        )
    archive = next((name for start, name in ARCHIVES if head.startswith(start)), None)
    if archive is not None:
        return f"{archive}. Unpack it and give the file inside"
    if path.suffix == ".onnx" or (head[:1] == b"\x08" and b"pytorch" in head[:64]):
        return "an ONNX model. fomm-rt exports checkpoints only"
    other = next((name for start, name in OTHERS if head.startswith(start)), None)
    if other is None and head[4:8] == b"ftyp":
        other = "a video"
    return _describe_text(head) or f"{other or f'of another kind ({path.stat().st_size} bytes)'}. {FIND}"


def _describe_text(head: bytes) -> str | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return (
            "a web page, probably a download page that asks for confirmation. Download the file again in a browser "
            "and verify its SHA-256"
        )
    if start.startswith(b"version https://git-lfs"):
        size = re.search(rb"size (\d{1,15})", head)
        stands_for = f", which has {size[1].decode()} bytes" if size else ""
        return (
            f"a Git LFS pointer, not the file it stands for{stands_for}. Run git lfs pull, or download the file itself"
        )
    text = head.decode("utf-8", "replace").rstrip("\ufffd")  # the last character may be cut
    if all(character.isprintable() or character.isspace() for character in text):
        return f"a text that begins with {' '.join(text.split())[:60]!a}. {FIND}"
    return None
