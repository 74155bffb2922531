"""The wire: what is sent arrives, and nothing else is taken for a message."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest

from fomm_bench.run import wire


def sent(header: dict[str, object], arrays: wire.Arrays | None = None) -> bytes:
    buffer = bytearray()
    wire.send(buffer.extend, header, arrays)
    return bytes(buffer)


def received(text: bytes) -> wire.Message:
    return wire.receive(io.BytesIO(text).read)


def test_header_and_arrays_arrive() -> None:
    frames = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    text = sent({"ask": "é", "n": [1, None]}, {"frames": frames[:, ::-1], "none": np.zeros((0, 3), np.float64)})
    message = received(text)
    assert message.header == {"ask": "é", "n": [1, None]}
    np.testing.assert_array_equal(message.arrays["frames"], frames[:, ::-1])
    assert message.arrays["frames"].flags.writeable
    assert message.arrays["none"].shape == (0, 3)


def test_messages_follow_one_another() -> None:
    read = io.BytesIO(sent({"a": 1}, {"x": np.array([1, 2], np.float32)}) + sent({"b": 2})).read
    assert wire.receive(read).header == {"a": 1}
    assert wire.receive(read).header == {"b": 2}
    with pytest.raises(wire.ClosedError):
        wire.receive(read)


def test_every_truncation_is_noticed() -> None:
    text = sent({"ask": "animate"}, {"frames": np.ones((2, 3), np.uint8)})
    for length in range(1, len(text)):
        with pytest.raises(wire.WireError, match="cut off"):
            received(text[:length])


@pytest.mark.parametrize("foreign", [b"Loading model...\n", b"\x00" * 64, b"FMB"])
def test_foreign_bytes(foreign: bytes) -> None:
    with pytest.raises(wire.WireError, match=r"expected a message|cut off"):
        received(foreign)


def head(text: bytes) -> bytes:
    return struct.pack("<4sI", b"FMBW", len(text)) + text


def test_an_announced_header_that_is_too_long_is_not_read() -> None:
    with pytest.raises(wire.WireError, match="header of 4294967295 bytes"):
        received(struct.pack("<4sI", b"FMBW", 0xFFFFFFFF))


@pytest.mark.parametrize(
    "specs",
    [
        [{"name": "x", "dtype": "uint8", "shape": [1 << 40]}],
        [{"name": "x", "dtype": "float64", "shape": [1 << 20, 1 << 20]}],
        [{"name": str(i), "dtype": "uint8", "shape": [1 << 29]} for i in range(4)],
    ],
)
def test_announced_arrays_that_are_too_large_are_not_read(specs: list[dict[str, object]]) -> None:
    with pytest.raises(wire.WireError, match="at most"):
        received(head(json.dumps({"arrays": specs}).encode()))


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"arrays": [{"name": "x", "dtype": "object", "shape": [1]}]}',
        b'{"arrays": [{"name": "x", "dtype": "uint8", "shape": [-1]}]}',
        b'{"arrays": [{"name": "x", "dtype": "uint8", "shape": ["2"]}]}',
        b'{"arrays": 7}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_headers_that_say_nothing_usable(text: bytes) -> None:
    with pytest.raises(wire.WireError, match="cannot be read"):
        received(head(text))


def test_what_cannot_be_received_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(wire.WireError, match="dtype"):
        sent({}, {"x": np.zeros(3, object)})
    monkeypatch.setattr(wire, "MOST_ARRAY_BYTES", 10)
    with pytest.raises(wire.WireError, match="larger"):
        sent({}, {"x": np.zeros(11, np.uint8)})
