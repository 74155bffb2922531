"""Coded pictures and packets of the live socket."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from fomm_bench.numbered_pictures import number_of, numbered
from fomm_rt.errors import MediaError
from fomm_rt.studio.live.codecs import LARGEST_SIDE, Decoder, Encoder, encode_jpeg
from fomm_rt.studio.live.packets import HEADER, LARGEST_BYTES, Kind, Packet


def test_a_packet_is_what_was_packed() -> None:
    packet = Packet(Kind.DELTA, 70_000, 1234.5, b"picture")
    assert Packet.parse(packet.message()) == packet
    assert len(packet.message()) == 16 + len(b"picture")
    assert packet.message()[:1] == b"\x02"


@pytest.mark.parametrize(
    "message",
    [b"", b"\x01", HEADER.pack(1, 0, 0.0), HEADER.pack(9, 0, 0.0) + b"x", bytes(LARGEST_BYTES + 1)],
    ids=["empty", "short", "no picture", "unknown kind", "too long"],
)
def test_other_messages_are_refused(message: bytes) -> None:
    with pytest.raises(MediaError, match="expected a picture"):
        Packet.parse(message)


def test_every_encoded_frame_comes_out_at_once() -> None:
    encoder, decoder = Encoder(), Decoder()
    for number in range(40):
        kind, content = encoder.encode(numbered(number), needs_key=number == 20)
        assert kind is (Kind.KEY if number in (0, 20) else Kind.DELTA)
        picture = decoder.decode(kind, content)
        assert picture is not None
        assert number_of(picture) == number


def test_key_frames_that_the_encoder_makes_by_itself_are_named() -> None:
    encoder = Encoder()
    kinds = [encoder.encode(numbered(number % 4, 64, 64), needs_key=False)[0] for number in range(301)]
    assert [number for number, kind in enumerate(kinds) if kind is Kind.KEY] == [0, 300]


def test_colours_survive() -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:, :32], picture[:, 32:64], picture[:, 64:] = (200, 30, 30), (30, 200, 30), (30, 30, 200)
    for kind, content in (Encoder().encode(picture, True), (Kind.JPEG, encode_jpeg(picture))):
        decoded = Decoder().decode(kind, content)
        assert decoded is not None
        for x in (16, 48, 80):
            assert np.abs(decoded[32, x].astype(int) - picture[32, x]).max() < 12


def test_a_picture_of_another_size_begins_anew() -> None:
    encoder, decoder = Encoder(), Decoder()
    encoder.encode(numbered(1), True)
    kind, content = encoder.encode(numbered(2, 161, 121), False)
    assert kind is Kind.KEY
    picture = decoder.decode(kind, content)
    assert picture is not None
    assert picture.shape == (120, 160, 3)


def test_frames_before_a_key_frame_give_no_picture() -> None:
    encoder = Encoder()
    encoder.encode(numbered(1), True)
    kind, content = encoder.encode(numbered(2), False)
    assert Decoder().decode(kind, content) is None


@pytest.mark.parametrize("kind", [Kind.KEY, Kind.JPEG])
def test_damage_is_told(kind: Kind) -> None:
    coded = encode_jpeg(numbered(5)) if kind is Kind.JPEG else Encoder().encode(numbered(5), True)[1]
    damaged = coded[: len(coded) // 8] if kind is Kind.JPEG else coded[:20] + bytes(len(coded) - 20)
    with pytest.raises(MediaError):
        Decoder().decode(kind, damaged)


def test_huge_pictures_are_refused_before_they_are_decoded() -> None:
    small = encode_jpeg(numbered(1))
    at = small.index(b"\xff\xc0") + 5
    huge = small[:at] + struct.pack(">HH", 60_000, 60_000) + small[at + 4 :]
    with pytest.raises(MediaError, match=f"{LARGEST_SIDE}×{LARGEST_SIDE}"):
        Decoder().decode(Kind.JPEG, huge)
    wide = np.zeros((16, LARGEST_SIDE + 16, 3), np.uint8)
    with pytest.raises(MediaError, match=f"{LARGEST_SIDE}×{LARGEST_SIDE}"):
        Decoder().decode(*Encoder().encode(wide, True))


def test_pictures_that_are_no_jpeg_are_refused() -> None:
    png = bytes(cv2.imencode(".png", numbered(1))[1])
    with pytest.raises(MediaError, match="no JPEG"):
        Decoder().decode(Kind.JPEG, png)
