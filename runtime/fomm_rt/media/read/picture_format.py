"""Finds format, completeness and storage of a picture in its bytes, without decoding."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO

from fomm_rt.media.read.formats import bmp, gif, iso_media, jpeg, jpeg_2000, netpbm, png, rarer, tiff, webp
from fomm_rt.media.read.limits import PictureSize
from fomm_rt.media.read.pixels import UPRIGHT, Turn, turn_of_exif


class PictureKind(Enum):
    """Picture formats, recognized by their first bytes."""

    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WebP"
    GIF = "GIF"
    TIFF = "TIFF"
    BMP = "BMP"
    AVIF = "AVIF"
    HEIC = "HEIC"
    JPEG_2000 = "JPEG 2000"
    NETPBM = "Netpbm"
    RADIANCE = "Radiance HDR"
    SUN_RASTER = "Sun raster"
    PFM = "PFM"


_STARTS = {
    PictureKind.PNG: re.compile(png.SIGNATURE),
    PictureKind.JPEG: re.compile(rb"\xff\xd8\xff"),
    PictureKind.WEBP: re.compile(rb"RIFF....WEBP", re.DOTALL),
    PictureKind.GIF: re.compile(rb"GIF8[79]a"),
    PictureKind.TIFF: re.compile(rb"II\*\x00|MM\x00\*"),
    # The four bytes after the length are reserved and zero: two letters alone also begin plain text.
    PictureKind.BMP: re.compile(rb"BM....\x00{4}", re.DOTALL),
    PictureKind.JPEG_2000: re.compile(rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    PictureKind.NETPBM: netpbm.START,
    PictureKind.RADIANCE: rarer.RADIANCE,
    PictureKind.SUN_RASTER: rarer.SUN_RASTER,
    PictureKind.PFM: rarer.PFM,
}
_HEAD_BYTES = 256

_ANIMATIONS: dict[PictureKind, Callable[[BinaryIO], bool]] = {
    PictureKind.PNG: png.is_animated,
    PictureKind.WEBP: webp.is_animated,
    PictureKind.GIF: gif.is_animated,
    PictureKind.AVIF: lambda file: iso_media.is_sequence(iso_media.read_brands(file)),
}
_SIZES: dict[PictureKind, Callable[[bytes], PictureSize | None]] = {
    PictureKind.PNG: png.find_size,
    PictureKind.JPEG: jpeg.find_size,
    PictureKind.WEBP: webp.find_size,
    PictureKind.GIF: gif.find_size,
    PictureKind.TIFF: tiff.find_size,
    PictureKind.BMP: bmp.find_size,
    PictureKind.AVIF: iso_media.find_size,
    PictureKind.JPEG_2000: jpeg_2000.find_size,
    PictureKind.NETPBM: netpbm.find_size,
    PictureKind.RADIANCE: rarer.find_radiance_size,
    PictureKind.SUN_RASTER: rarer.find_sun_raster_size,
    PictureKind.PFM: rarer.find_pfm_size,
}
_DAMAGE: dict[PictureKind, Callable[[bytes], str | None]] = {
    PictureKind.JPEG: jpeg.find_damage,
    PictureKind.PNG: png.find_damage,
    PictureKind.WEBP: webp.find_damage,
}


@dataclass(frozen=True)
class Storage:
    """How a picture is stored, as far as decoding depends on it.

    Attributes:
        turn: Turns the stored pixels upright.
        bits: Significant bits of a sample. Decoders give 8 bits, or 16 of which the lowest are the value.
        premultiplied: True if colours are already multiplied by their opacity.
        code_points: Primaries and transfer by their numbers in ITU-T H.273; None if not stated.
        tiff: More about a TIFF.
    """

    turn: Turn = UPRIGHT
    bits: int = 8
    premultiplied: bool = False
    code_points: tuple[int, int] | None = None
    tiff: tiff.TiffLayout | None = None


def find_picture(file: BinaryIO) -> tuple[PictureKind | None, bool]:
    """Returns the format of a picture file open at its start, or None, and True if it holds an animation.

    Takes constant memory. An animation that is cut off may count as a still picture.
    """
    head = file.read(_HEAD_BYTES)
    kind = next((kind for kind, start in _STARTS.items() if start.match(head)), None)
    file.seek(0)
    if kind is None:
        brands = iso_media.read_brands(file)
        if iso_media.is_avif(brands):
            kind = PictureKind.AVIF
        elif iso_media.is_heif(brands):
            kind = PictureKind.HEIC
        file.seek(0)
    return kind, kind is not None and is_animated(file, kind)


def is_animated(file: BinaryIO, kind: PictureKind) -> bool:
    """Returns True if a picture file of a format, open at its start, holds more than one frame."""
    return kind in _ANIMATIONS and _ANIMATIONS[kind](file)


def find_damage(content: bytes, kind: PictureKind) -> str | None:
    """Describes damage of a whole file, such as "its end is missing"; None if it looks complete.

    Decoders fill damage with grey instead of reporting it.
    """
    return _DAMAGE[kind](content) if kind in _DAMAGE else None


def find_size(content: bytes, kind: PictureKind) -> PictureSize | None:
    """Returns the size of a whole picture file by its header; None if that is missing or damaged."""
    return _SIZES[kind](content)


def find_storage(file: BinaryIO, kind: PictureKind) -> Storage:
    """Reads how a picture file is stored; missing or malformed entries have their default."""
    if kind is PictureKind.PNG:
        return Storage(_turn_in_exif(png.find_exif(file)), code_points=png.find_code_points(file))
    if kind is PictureKind.WEBP:
        return Storage(_turn_in_exif(webp.find_exif(file)))
    file.seek(0)
    if kind is PictureKind.JPEG:
        return Storage(_turn_in_exif(jpeg.find_exif(file.read())))
    if kind is PictureKind.TIFF:
        content = file.read()
        layout = tiff.read_layout(content)
        turn = turn_of_exif(tiff.find_orientation(content))
        return Storage(turn, layout.bits, layout.transparency == "associated", tiff=layout)
    if kind is PictureKind.AVIF:
        properties = iso_media.read_properties(file.read())
        turn, bits = iso_media.find_turn(properties), iso_media.find_bits(properties)
        return Storage(turn, bits, code_points=iso_media.find_code_points(properties))
    return Storage()


def _turn_in_exif(exif: bytes) -> Turn:
    return turn_of_exif(tiff.find_orientation(exif.removeprefix(b"Exif\x00\x00")))
