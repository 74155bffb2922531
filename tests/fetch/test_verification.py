"""Which files are accepted, and why."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.file_server import CONTENT
from fomm_fetch.catalog import CatalogEntry, Source
from fomm_fetch.verification import RefusedFileError, verify
from fomm_rt.model.fetch_record import FetchRecord

OTHER = bytes(reversed(CONTENT))
UNKNOWN = CatalogEntry("taichi", "bodies", "taichi.pth.tar", "taichi-256", (Source("https://example.invalid"),))
BY_SHA256 = replace(UNKNOWN, name="vox", sha256=hashlib.sha256(CONTENT).hexdigest(), size_bytes=len(CONTENT))
BY_MD5 = replace(UNKNOWN, name="vox-pruned", md5=hashlib.md5(CONTENT).hexdigest())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def accepted(content: bytes, verified_by: str) -> FetchRecord:
    sha256 = hashlib.sha256(content).hexdigest()
    return FetchRecord("vox", "somewhere", sha256, len(content), verified_by)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "content", "recorded", "trust", "verified_by"),
    [
        (BY_SHA256, CONTENT, None, False, "SHA-256"),
        (BY_SHA256, CONTENT, accepted(OTHER, "trust"), False, "SHA-256"),
        (BY_SHA256, OTHER, accepted(OTHER, "trust"), False, "trust"),
        (BY_SHA256, OTHER, accepted(CONTENT, "SHA-256"), True, "trust"),
        (BY_SHA256, OTHER, None, True, "trust"),
        (BY_MD5, CONTENT, None, False, "MD5"),
        (BY_MD5, CONTENT, accepted(CONTENT, "MD5"), False, "MD5"),
        (BY_MD5, CONTENT, accepted(OTHER, "trust"), False, "MD5"),
        (BY_MD5, OTHER, None, True, "trust"),
        (UNKNOWN, CONTENT, None, True, "trust"),
        (UNKNOWN, CONTENT, accepted(CONTENT, "trust"), False, "trust"),
    ],
)
def test_accepts(
    file: Path, entry: CatalogEntry, content: bytes, recorded: FetchRecord | None, trust: bool, verified_by: str
) -> None:
    file.write_bytes(content)
    hashes, found = verify(file, entry, recorded, trust=trust)
    assert found == verified_by
    assert (hashes.sha256, hashes.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize(
    ("entry", "content", "recorded", "trust", "reason"),
    [
        (BY_SHA256, OTHER, None, False, "another file: its SHA-256 is"),
        (
            BY_SHA256,
            CONTENT[:-1],
            None,
            False,
            "cut short or another file: it has 49999 bytes, the published one 50000",
        ),
        (BY_SHA256, OTHER, accepted(CONTENT, "SHA-256"), False, "another file"),
        (BY_MD5, OTHER, None, False, "another file: its MD5 is"),
        (BY_MD5, CONTENT, accepted(OTHER, "MD5"), False, "fomm-rt models remove vox-pruned"),
        (BY_MD5, OTHER, accepted(CONTENT, "MD5"), True, "fomm-rt models remove vox-pruned"),
        (UNKNOWN, CONTENT, None, False, "no hash of it is known"),
        (UNKNOWN, OTHER, accepted(CONTENT, "trust"), True, "fomm-rt models remove taichi"),
        (UNKNOWN, b"<html><title>Sorry</title>", None, True, r'is a web page \("Sorry"\)'),
        (UNKNOWN, b"", None, True, "is an empty file"),
    ],
)
def test_refuses(
    file: Path, entry: CatalogEntry, content: bytes, recorded: FetchRecord | None, trust: bool, reason: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(RefusedFileError, match=reason):
        verify(file, entry, recorded, trust=trust)


@pytest.mark.parametrize("other", [BY_SHA256, BY_MD5])
def test_names_the_model_that_a_file_is_of(file: Path, other: CatalogEntry) -> None:
    file.write_bytes(CONTENT)
    entry = replace(UNKNOWN, name="bair", sha256="0" * 64, size_bytes=99_999)
    with pytest.raises(RefusedFileError, match=f"is the file of {other.name}; run: fomm-rt fetch {other.name}"):
        verify(file, entry, None, trust=False, catalog=[entry, UNKNOWN, other])
