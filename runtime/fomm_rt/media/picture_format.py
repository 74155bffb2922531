"""What the bytes of a file say about the picture in it, without decoding: kind, completeness, orientation."""

import re
import struct
import zlib
from enum import Enum

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GIF_SIGNATURES = (b"GIF87a", b"GIF89a")
_TIFF_SIGNATURES = (b"II*\x00", b"MM\x00*")
_HEIF_STILL_BRANDS = (b"avif", b"heic", b"heix", b"mif1")

_JPEG_START_OF_SCAN = 0xDA
_JPEG_END_OF_IMAGE = 0xD9
_JPEG_EXIF = 0xE1
# Inside a scan 0xFF is followed by a stuffed zero, a restart marker or a fill byte; all else ends the scan.
_JPEG_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_JPEG_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})

_ORIENTATION_TAG = 0x0112
_TIFF_SHORT = 3


class PictureKind(Enum):
    """Formats of still pictures that are told apart by their first bytes."""

    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WebP"
    GIF = "GIF"
    TIFF = "TIFF"
    BMP = "BMP"
    AVIF = "AVIF"
    HEIC = "HEIC"


def find_kind(head: bytes) -> PictureKind | None:
    """Tells the format of a still picture by its first bytes.

    Args:
        head: At least the first 32 bytes of the file, where it has as many. An animated PNG or WebP counts as
            its still kind here; see `is_animated`.

    Returns:
        The kind, or None for anything else.
    """
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    kinds = (
        (head.startswith(_PNG_SIGNATURE), PictureKind.PNG),
        (head.startswith(b"\xff\xd8\xff"), PictureKind.JPEG),
        (head.startswith(b"RIFF") and head[8:12] == b"WEBP", PictureKind.WEBP),
        (head.startswith(_GIF_SIGNATURES), PictureKind.GIF),
        (head.startswith(_TIFF_SIGNATURES), PictureKind.TIFF),
        # The four bytes after the length are reserved and zero: two letters alone also begin plain text.
        (head.startswith(b"BM") and head[6:10] == bytes(4), PictureKind.BMP),
        (brand == b"avif", PictureKind.AVIF),
        (brand in _HEIF_STILL_BRANDS, PictureKind.HEIC),
    )
    return next((kind for matches, kind in kinds if matches), None)


def is_animated(content: bytes, kind: PictureKind) -> bool:
    """Tells whether a picture file holds more than one frame.

    Args:
        content: The whole file; cut off, it may count as still.
        kind: Its format.
    """
    if kind is PictureKind.PNG:
        return any(name == b"acTL" for name, _, _ in _png_chunks(content))
    if kind is PictureKind.WEBP:
        return content[12:16] == b"VP8X" and len(content) > 20 and bool(content[20] & 0x02)
    if kind is PictureKind.GIF:
        return _count_gif_frames(content, enough=2) > 1
    return False


def find_damage(content: bytes, kind: PictureKind) -> str | None:
    """Looks for a missing end or altered bytes, which decoders fill with grey rather than report.

    Args:
        content: The whole file.
        kind: Its format.

    Returns:
        What is wrong, such as "its end is missing", or None where nothing is.
    """
    missing_end = "its end is missing"
    if kind is PictureKind.JPEG:
        return None if _find_jpeg_end(content) else missing_end
    if kind is PictureKind.PNG:
        last = b""
        for name, chunk, checksum in _png_chunks(content):
            if zlib.crc32(chunk, zlib.crc32(name)) != checksum:
                return "a checksum in it is wrong"
            last = name
        return None if last == b"IEND" else missing_end
    if kind is PictureKind.WEBP:
        declared = struct.unpack_from("<I", content, 4)[0] + 8 if len(content) >= 12 else 0
        return None if 12 < declared <= len(content) else missing_end
    return None


def find_orientation(content: bytes, kind: PictureKind) -> int:
    """Reads the EXIF orientation of a JPEG, PNG or WebP file.

    Args:
        content: The whole file.
        kind: Its format.

    Returns:
        1 to 8 as EXIF numbers them; 1, upright, where there is none or it is not valid.
    """
    exif = b""
    if kind is PictureKind.JPEG:
        exif = next(
            (body for marker, body in _jpeg_segments(content) if marker == _JPEG_EXIF and body[:4] == b"Exif"),
            b"",
        )
    elif kind is PictureKind.PNG:
        exif = next((bytes(chunk) for name, chunk, _ in _png_chunks(content) if name == b"eXIf"), b"")
    elif kind is PictureKind.WEBP:
        exif = next((bytes(chunk) for name, chunk in _webp_chunks(content) if name == b"EXIF"), b"")
    return _parse_orientation(exif.removeprefix(b"Exif\x00\x00"))


def _parse_orientation(tiff: bytes) -> int:
    """Orientation in the first directory of a TIFF structure, 1 where it is absent or malformed."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for index in range(entries):
            tag, form, count, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * index)
            if (tag, form, count) == (_ORIENTATION_TAG, _TIFF_SHORT, 1):
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _jpeg_segments(content: bytes) -> "list[tuple[int, bytes]]":
    """Markers and bodies before the first scan."""
    segments = []
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _JPEG_BARE_MARKERS:
            position += 2
            continue
        if marker in (_JPEG_START_OF_SCAN, _JPEG_END_OF_IMAGE):
            break
        length = int.from_bytes(content[position + 2 : position + 4], "big")
        segments.append((marker, content[position + 4 : position + 2 + length]))
        position += 2 + length
    return segments


def _find_jpeg_end(content: bytes) -> bool:
    """Whether the end marker of the picture is there; one of an embedded thumbnail does not count."""
    position = 2
    while position + 2 <= len(content):
        if content[position] != 0xFF:
            # Some cameras leave bytes between segments; decoders skip to the next marker.
            position = content.find(b"\xff", position)
            if position < 0:
                return False
            continue
        marker = content[position + 1]
        if marker == _JPEG_END_OF_IMAGE:
            return True
        if marker in (0xFF, 0x00):
            position += 1
            continue
        if marker in _JPEG_BARE_MARKERS:
            position += 2
            continue
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
        if marker == _JPEG_START_OF_SCAN:
            end = _JPEG_SCAN_END.search(content, position)
            if end is None:
                return False
            position = end.start()
    return False


def _png_chunks(content: bytes) -> "list[tuple[bytes, memoryview, int]]":
    """Names, bodies and stored checksums of the complete chunks, up to and with IEND."""
    chunks = []
    view = memoryview(content)
    position = len(_PNG_SIGNATURE)
    while position + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        if end + 4 > len(content):
            break
        chunks.append((name, view[position + 8 : end], struct.unpack_from(">I", content, end)[0]))
        position = end + 4
        if name == b"IEND":
            break
    return chunks


def _webp_chunks(content: bytes) -> "list[tuple[bytes, memoryview]]":
    """Names and bodies of the chunks inside the RIFF."""
    chunks = []
    view = memoryview(content)
    position = 12
    while position + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, position)
        chunks.append((name, view[position + 8 : position + 8 + length]))
        position += 8 + length + length % 2
    return chunks


def _count_gif_frames(content: bytes, enough: int) -> int:
    """Counts image blocks of a GIF until there are `enough`; a damaged file counts up to the damage."""

    def after_blocks(position: int) -> int:
        while content[position]:
            position += 1 + content[position]
        return position + 1

    def after_palette(position: int, flags: int) -> int:
        return position + (3 << (flags & 7) + 1 if flags & 0x80 else 0)

    frames = 0
    try:
        position = after_palette(13, content[10])
        while frames < enough:
            introducer = content[position]
            if introducer == 0x2C:
                frames += 1
                position = after_blocks(after_palette(position + 10, content[position + 9]) + 1)
            elif introducer == 0x21:
                position = after_blocks(position + 2)
            else:
                break
    except IndexError:
        pass
    return frames
