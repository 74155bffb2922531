"""Picture files built by hand, in forms that the libraries at hand do not write."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from scheduling import kept_scheduling

# What EXIF's orientations say must be done to the stored pixels, in NumPy's words.
UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}

TIFF_SHORT, TIFF_LONG = 3, 4
SUN_MAGIC = b"\x59\xa6\x6a\x95"


def exif(orientation: int, order: str = "<") -> bytes:
    """Returns a TIFF structure with an orientation alone."""
    magic = b"II*\x00" if order == "<" else b"MM\x00*"
    entry = struct.pack(f"{order}HHIHH", 0x0112, TIFF_SHORT, 1, orientation, 0)
    return magic + struct.pack(f"{order}IH", 8, 1) + entry + bytes(4)


def tiff(
    samples: NDArray[Any],
    bits: int,
    *,
    order: str = "<",
    orientation: int = 1,
    extra: int | None = None,
    inverted: bool = False,
    planar: bool = False,
    floats: bool = False,
) -> bytes:
    """Encodes (H, W, C) as an uncompressed TIFF; `extra` says what the last channel is, see ExtraSamples."""
    height, width, channels = samples.shape
    planes = [samples[..., [channel]] for channel in range(channels)] if planar else [samples]
    strips = [_packed(plane, bits, order, floats) for plane in planes]
    tags: list[tuple[int, int, Sequence[int]]] = [
        (256, TIFF_LONG, [width]),
        (257, TIFF_LONG, [height]),
        (258, TIFF_SHORT, [bits] * channels),
        (259, TIFF_SHORT, [1]),
        (262, TIFF_SHORT, [0 if inverted else 2 if channels > 2 else 1]),
        (273, TIFF_LONG, [0] * len(strips)),
        (274, TIFF_SHORT, [orientation]),
        (277, TIFF_SHORT, [channels]),
        (278, TIFF_LONG, [height]),
        (279, TIFF_LONG, [len(strip) for strip in strips]),
        (284, TIFF_SHORT, [2 if planar else 1]),
        *([] if extra is None else [(338, TIFF_SHORT, [extra])]),
        (339, TIFF_SHORT, [3 if floats else 1] * channels),
    ]
    forms = {TIFF_SHORT: "H", TIFF_LONG: "I"}
    bodies = [struct.pack(f"{order}{len(values)}{forms[form]}", *values) for _, form, values in tags]
    place = 8 + 2 + 12 * len(tags) + 4
    first_strip = place + sum(len(body) for body in bodies if len(body) > 4)
    starts = [first_strip + sum(map(len, strips[:index])) for index in range(len(strips))]
    bodies[5] = struct.pack(f"{order}{len(starts)}I", *starts)
    directory, values = b"", b""
    for (tag, form, numbers), body in zip(tags, bodies, strict=True):
        directory += struct.pack(f"{order}HHI", tag, form, len(numbers))
        if len(body) > 4:
            directory += struct.pack(f"{order}I", place + len(values))
            values += body
        else:
            directory += body.ljust(4, b"\0")
    magic = b"II*\x00" if order == "<" else b"MM\x00*"
    head = magic + struct.pack(f"{order}IH", 8, len(tags))
    return head + directory + bytes(4) + values + b"".join(strips)


def _packed(samples: NDArray[Any], bits: int, order: str, floats: bool) -> bytes:
    if bits % 8 == 0:
        return samples.astype(f"{order}{'f' if floats else 'u'}{bits // 8}").tobytes()
    rows = ["".join(f"{int(value):0{bits}b}" for value in row.reshape(-1)) for row in samples]
    padded = [row + "0" * (-len(row) % 8) for row in rows]
    return b"".join(int(row, 2).to_bytes(len(row) // 8, "big") for row in padded)


def png_chunk(name: bytes, body: bytes) -> bytes:
    """Returns a chunk with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_png_chunk(content: bytes, name: bytes, body: bytes) -> bytes:
    """Inserts a chunk behind the header of a PNG."""
    return content[:33] + png_chunk(name, body) + content[33:]


def box(name: bytes, *bodies: bytes) -> bytes:
    """Returns a box of an ISO base media file."""
    body = b"".join(bodies)
    return struct.pack(">I", len(body) + 8) + name + body


def avif(
    pixels: NDArray[Any],
    *properties: bytes,
    form: str = "yuv420p",
    brands: Sequence[bytes] = (b"avif", b"mif1"),
    colour: tuple[int, int, int] | None = None,
) -> bytes:
    """Encodes (H, W, 3) RGB, uint8 or uint16, as an AVIF of 8 or 10 bits with more properties of its picture.

    `colour` is primaries, transfer and matrix by their numbers in ITU-T H.273.
    """
    height, width = pixels.shape[:2]
    matrix = colour[2] if colour else 6
    coded, configuration = _av1(pixels, form, matrix)
    bits = 10 if form.endswith("10le") else 8
    shared = [
        box(b"ispe", struct.pack(">III", 0, width, height)),
        box(b"pixi", struct.pack(">IB3B", 0, 3, bits, bits, bits)),
        box(b"av1C", configuration),
        *([box(b"colr", b"nclx", struct.pack(">HHHB", *colour, 0))] if colour else []),
        *properties,
    ]
    indices = bytes(range(1, len(shared) + 1))
    ftyp = box(b"ftyp", brands[0], bytes(4), *brands)

    def meta(position: int) -> bytes:
        return box(
            b"meta",
            bytes(4),
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", struct.pack(">IH", 0, 1)),
            box(b"iloc", struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, position, len(coded))),
            box(b"iinf", struct.pack(">IH", 0, 1), box(b"infe", struct.pack(">IHH4sB", 2 << 24, 1, 0, b"av01", 0))),
            box(
                b"iprp",
                box(b"ipco", *shared),
                box(b"ipma", struct.pack(">IIHB", 0, 1, 1, len(indices)), indices),
            ),
        )

    return ftyp + meta(len(ftyp) + len(meta(0)) + 8) + box(b"mdat", coded)


def _av1(pixels: NDArray[Any], form: str, matrix: int) -> tuple[bytes, bytes]:
    """Returns one coded picture and its configuration, from a video of one frame."""
    file = io.BytesIO()
    with kept_scheduling(), av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libsvtav1", rate=25, options={"crf": "5"})
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = form
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = 1
        frame = VideoFrame.from_ndarray(pixels, format="rgb48le" if pixels.dtype == np.uint16 else "rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        output.mux(
            stream.encode(frame.reformat(format=form, dst_colorspace=matrix, src_color_range=2, dst_color_range=1))
        )
        output.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as container:
        configuration = container.streams.video[0].codec_context.extradata
        assert configuration is not None
        return b"".join(bytes(packet) for packet in container.demux(video=0) if packet.size), configuration


def rotation(quarter_turns: int) -> bytes:
    """Returns the property of an AVIF that turns it counterclockwise."""
    return box(b"irot", bytes([quarter_turns]))


def mirror(axis: int) -> bytes:
    """Returns the property of an AVIF that swaps top and bottom (0) or left and right (1)."""
    return box(b"imir", bytes([axis]))
