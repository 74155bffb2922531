"""Pictures coded for the live socket, without any delay: every frame out of a coder is the one that went in.

Colours are converted by a `VideoReformatter` that is kept, because setting one up for each frame, as a frame would by
itself, takes longer than the conversion.
"""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.frame import VideoFrame as CodedFrame
from av.video.reformatter import Colorspace, VideoReformatter

from fomm_rt.errors import MediaError
from fomm_rt.image import Image
from fomm_rt.media.read.formats.jpeg import find_size
from fomm_rt.studio import jpeg
from fomm_rt.studio.live.packets import Kind

LARGEST_SIDE = 1920
JPEG_QUALITY = 85
START_OF_JPEG = b"\xff\xd8"
_TIME_BASE = Fraction(1, 90_000)


class Decoder:
    """Decodes what one camera sends. H.264 frames must all be given, in order, even those that are not shown."""

    def __init__(self) -> None:
        self._context: VideoCodecContext | None = None
        self._reformatter = VideoReformatter()

    def decode(self, kind: Kind, content: bytes) -> Image | None:
        """(H, W, 3) uint8 RGB; None if this packet gives no picture, for example before the first key frame.

        Raises:
            MediaError: It cannot be decoded, or is larger than LARGEST_SIDE.
        """
        if kind is Kind.JPEG:
            return _decode_jpeg(content)
        if kind is Kind.KEY:
            self._context = _h264_decoder()
        if self._context is None:
            return None
        try:
            frames = self._context.decode(av.Packet(content))
        except av.FFmpegError as error:
            self._context = None
            raise MediaError("a frame of the camera cannot be decoded") from error
        if not frames:
            return None
        _check_size(frames[-1].width, frames[-1].height)
        return np.asarray(self._reformatter.reformat(frames[-1], format="rgb24").to_ndarray(), np.uint8)


class Encoder:
    """Encodes results as H.264 that every browser decodes: constrained baseline, one slice, no reordering."""

    def __init__(self) -> None:
        self._context: VideoCodecContext | None = None
        self._reformatter = VideoReformatter()
        self._count = 0

    def encode(self, picture: Image, needs_key: bool) -> tuple[Kind, bytes]:
        """Encodes (H, W, 3) uint8 RGB; the first picture of a size is a key frame."""
        height, width = (side - side % 2 for side in picture.shape[:2])
        context = self._context
        if context is None or (context.width, context.height) != (width, height):
            context = self._context = _h264_encoder(width, height)
            needs_key = True
        frame = CodedFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
        frame = self._reformatter.reformat(frame, format="yuv420p", dst_colorspace=Colorspace.ITU709)
        frame.pts, frame.time_base = self._count * 3000, _TIME_BASE
        frame.pict_type = PictureType.I if needs_key else PictureType.NONE
        self._count += 1
        packets = context.encode(frame)
        is_key = any(packet.is_keyframe for packet in packets)  # the encoder makes some by itself
        return (Kind.KEY if is_key else Kind.DELTA), b"".join(bytes(packet) for packet in packets)


def encode_jpeg(picture: Image) -> bytes:
    """Encodes (H, W, 3) uint8 RGB."""
    return jpeg.encode(picture, JPEG_QUALITY)


def _decode_jpeg(content: bytes) -> Image:
    # Without size limits of its own, OpenCV would allocate whatever a header says.
    size = find_size(content) if content.startswith(START_OF_JPEG) else None
    if size is None:
        raise MediaError("a picture of the camera is no JPEG")
    _check_size(size.width, size.height)
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise MediaError("a picture of the camera cannot be decoded")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise MediaError(f"expected a camera of up to {LARGEST_SIDE}×{LARGEST_SIDE} pixels; got {width}×{height}")


def _h264_decoder() -> VideoCodecContext:
    context = av.CodecContext.create("h264", "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1  # threads over frames would hold frames back
    context.flags |= Flags.low_delay
    return context


def _h264_encoder(width: int, height: int) -> VideoCodecContext:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = width, height
    context.pix_fmt = "yuv420p"
    context.time_base = _TIME_BASE
    context.framerate = Fraction(30)
    context.gop_size = 300
    # BT.709, limited range, as the conversion makes it.
    context.colorspace = context.color_primaries = context.color_trc = 1
    context.color_range = 1
    context.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "crf": "20", "threads": "1"}
    return context
