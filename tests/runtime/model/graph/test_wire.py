"""Protobuf's wire format: damaged, ambiguous and endless messages."""

from __future__ import annotations

import pytest

from fomm_rt.model.graph.wire import FIXED32, LENGTH, VARINT, Field, Schema, WireError, WireReader, signed, text

SCHEMA: Schema = {
    1: Field("count", VARINT),
    2: Field("name", LENGTH),
    3: Field("sizes", VARINT, True),
    4: Field("scales", FIXED32, True),
    5: Field("parts", LENGTH, True),
}


def read(content: bytes, most_fields: int = 100) -> dict[str, list[object]]:
    return WireReader(most_fields).read(memoryview(content), SCHEMA, "a test")


def test_reads_every_wire_type() -> None:
    content = b"\x08\x96\x01" + b"\x12\x02ab" + b"\x18\x07" + b"\x1a\x03\x01\xac\x02" + b"\x25\0\0\x80\x3f" + b"\x2a\0"
    found = read(content)
    assert found == {
        "count": [150],
        "name": [b"ab"],
        "sizes": [7, 1, 300],  # one alone, two packed
        "scales": [b"\0\0\x80\x3f"],
        "parts": [b""],
    }
    assert read(b"") == {}


def test_large_parts_are_not_copied() -> None:
    content = b"\x12\x80\x40" + bytes(8192)
    (name,) = read(content)["name"]
    assert isinstance(name, memoryview)
    assert name.obj is content


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x08", "cut or damaged"),
        (b"\x08\x80", "cut or damaged"),
        (b"\x08" + b"\xff" * 9 + b"\x7f", "cut or damaged"),  # more than 64 bits
        (b"\x08" + b"\x80" * 11, "cut or damaged"),
        (b"\x12\x05ab", "cut or damaged"),
        (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7fab", "cut or damaged"),
        (b"\x25\0\0", "cut or damaged"),
        (b"\x22\x05\0\0\0\0\0", "cut or damaged"),  # packed numbers that end in the middle of one
        (b"\0\0", "cut or damaged"),  # field 0
        (b"\x0b\x0c", "cut or damaged"),  # a group
        (b"\x08\x01\x08\x02", "count twice in a test"),
        (b"\x0a\x01\x01", "count of another type in a test"),
        (b"\x10\x01", "name of another type in a test"),
        (b"\x32\x00", "a field 6 in a test"),
    ],
)
def test_refuses(content: bytes, word: str) -> None:
    with pytest.raises(WireError, match=word):
        read(content)


@pytest.mark.parametrize("content", [b"\x2a\0" * 101, b"\x1a\x65" + b"\0" * 101])
def test_reads_a_limited_number_of_fields(content: bytes) -> None:
    with pytest.raises(WireError, match="more fields"):
        read(content)
    read(content, 102)


def test_numbers_and_texts() -> None:
    assert signed(5) == 5
    assert signed((1 << 64) - 1) == -1
    assert text("é".encode(), "name") == "é"
    with pytest.raises(WireError, match="name that is not UTF-8"):
        text(b"\xff", "name")
