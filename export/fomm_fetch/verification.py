"""Hashes of a file, and if they are enough to accept it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fomm_fetch.answer import HEAD_BYTES, why_no_checkpoint
from fomm_fetch.catalog import CatalogEntry
from fomm_rt.errors import FetchError
from fomm_rt.model.fetch_record import FetchRecord, Verification


@dataclass(frozen=True)
class FileHashes:
    """Size and hashes of a file, hexadecimal."""

    size_bytes: int
    sha256: str
    md5: str


class RefusedFileError(FetchError):
    """A file is not accepted. The message continues a sentence that begins with its source.

    Args:
        reason: Why, as the rest of that sentence.
        trust_helps: True if it is accepted once the user trusts it.
    """

    def __init__(self, reason: str, *, trust_helps: bool = False) -> None:
        super().__init__(reason)
        self.trust_helps = trust_helps


def hash_file(path: Path) -> FileHashes:
    """Reads a file once and hashes it.

    Raises:
        OSError: It cannot be read.
    """
    sha256, md5, size_bytes = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            sha256.update(chunk)
            md5.update(chunk)
            size_bytes += len(chunk)
    return FileHashes(size_bytes, sha256.hexdigest(), md5.hexdigest())


def verify(
    path: Path,
    entry: CatalogEntry,
    recorded: FetchRecord | None,
    *,
    trust: bool,
    catalog: Iterable[CatalogEntry] = (),
) -> tuple[FileHashes, Verification]:
    """Decides if a file is accepted as the checkpoint of an entry.

    The published SHA-256 decides, if it is known. Otherwise a file that was accepted earlier must come again; the first
    time, it must have the known MD5, or the user must trust it. A file other than the published one is also accepted if
    the user trusts it or has accepted it earlier.

    Args:
        path: The file.
        entry: The entry that it should be the checkpoint of.
        recorded: The checkpoint that was accepted earlier under this name.
        trust: True if the user accepts a file that no known hash verifies.
        catalog: Entries among which another published file is recognised, for the message.

    Raises:
        RefusedFileError: It is not accepted; the message names it if it is known.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        what = why_no_checkpoint(file.read(HEAD_BYTES))
    if what is not None:
        raise RefusedFileError(f"is {what}")
    found = hash_file(path)
    if entry.sha256 is not None and found.sha256 == entry.sha256:
        return found, "SHA-256"
    if recorded is not None and found.sha256 == recorded.sha256:
        return found, recorded.verified_by
    has_md5 = entry.md5 is not None and found.md5 == entry.md5
    if recorded is not None and entry.sha256 is None and not (has_md5 and recorded.verified_by == "trust"):
        raise RefusedFileError(
            f"has the SHA-256 {found.sha256}, but the file accepted on {recorded.fetched[:10]} has {recorded.sha256}. "
            f"If you trust the new one, forget the old one first: fomm-rt models remove {entry.name}"
        )
    if has_md5:
        return found, "MD5"
    if trust:
        return found, "trust"
    raise RefusedFileError(_difference(found, entry, catalog), trust_helps=True)


def _difference(found: FileHashes, entry: CatalogEntry, catalog: Iterable[CatalogEntry]) -> str:
    for other in catalog:
        if other.name != entry.name and (found.sha256 == other.sha256 or found.md5 == other.md5):
            return f"is the file of {other.name}; run: fomm-rt fetch {other.name}"
    size = entry.size_bytes
    if size is not None and found.size_bytes < size:
        return f"is cut short or another file: it has {found.size_bytes} bytes, the published one {size}"
    if entry.sha256 is not None:
        return f"is another file: its SHA-256 is {found.sha256}, that of the published one {entry.sha256}"
    if entry.md5 is not None:
        return f"is another file: its MD5 is {found.md5}, that of the published one {entry.md5}"
    return f"cannot be verified, as no hash of it is known (its SHA-256 is {found.sha256})"
