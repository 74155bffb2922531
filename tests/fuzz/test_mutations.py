"""Mutations follow from their seed, change the content, and keep the form that they promise to keep."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from random import Random

import cv2
import numpy as np
import pytest

from fuzz.mutations import Mutate, damage, in_json_value, in_png_chunk, in_zip_member

DOCUMENT = json.dumps({"name": "vox", "files": [{"file": "a.onnx", "size": 3}], "scale": 0.25}).encode()
BYTES = bytes(range(256)) * 8
SEEDS = range(60)


def png() -> bytes:
    _, content = cv2.imencode(".png", np.arange(300, dtype=np.uint8).reshape(10, 10, 3))
    return content.tobytes()


def archive() -> bytes:
    file = io.BytesIO()
    np.savez(file, value=np.zeros((3, 10, 2), np.float32), ticks=np.arange(3))
    return file.getvalue()


@pytest.mark.parametrize(
    ("mutate", "content"),
    [(damage, BYTES), (in_png_chunk, png()), (in_zip_member, archive()), (in_json_value, DOCUMENT)],
)
def test_a_mutation_follows_from_its_seed(mutate: Mutate, content: bytes) -> None:
    first = [mutate(content, content, Random(seed)) for seed in SEEDS]
    assert first == [mutate(content, content, Random(seed)) for seed in SEEDS]
    assert len(set(first)) > len(SEEDS) * 0.5
    assert sum(each == content for each in first) < len(SEEDS) * 0.2


@pytest.mark.parametrize("mutate", [damage, in_png_chunk, in_zip_member, in_json_value])
@pytest.mark.parametrize("content", [b"", b"\0", b"[]", b"text"])
def test_any_content_can_be_damaged(mutate: Mutate, content: bytes) -> None:
    for seed in SEEDS:
        assert isinstance(mutate(content, b"", Random(seed)), bytes)


def test_chunks_of_a_png_have_right_checksums() -> None:
    for seed in SEEDS:
        content, position = in_png_chunk(png(), png(), Random(seed)), 8
        while position < len(content):
            length = int.from_bytes(content[position : position + 4], "big")
            body = content[position + 4 : position + 8 + length]
            assert zlib.crc32(body) == int.from_bytes(content[position + 8 + length : position + 12 + length], "big")
            position += 12 + length


def test_an_archive_stays_one() -> None:
    for seed in SEEDS:
        with zipfile.ZipFile(io.BytesIO(in_zip_member(archive(), archive(), Random(seed)))) as changed:
            assert changed.testzip() is None


def test_a_document_stays_json() -> None:
    for seed in SEEDS:
        json.loads(in_json_value(DOCUMENT, DOCUMENT, Random(seed)))
