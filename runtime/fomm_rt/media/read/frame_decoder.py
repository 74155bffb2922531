"""Decodes the packets of a video stream, past damage."""

import heapq
from collections.abc import Callable, Iterable, Iterator

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame as CodedFrame
from av.video.stream import VideoStream

from fomm_rt.machine.processor import allowed_cores
from fomm_rt.media.read.input_container import decoder_options

# FFmpeg's own decoders ignore the transparency of these codecs, which is side data of the packets.
_WITH_TRANSPARENCY = {"vp8": "libvpx", "vp9": "libvpx-vp9"}

# FFmpeg's own choice has as many.
_MOST_THREADS = 16
_BYTES_IN_THREADS = 200 << 20

# A decoder that is being drained may report this many faults in a row before it is given up.
_DRAIN_ATTEMPTS = 64


class FrameDecoder:
    """Turns packets into frames; faults are reported and skipped.

    AVI numbers packets, not frames: the earliest number not yet shown is that of the next frame.
    `on_fault` is called for every packet that cannot be decoded, also because its frame has more than
    `max_pixels`.
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream, max_pixels: int, on_fault: Callable[[], None]
    ) -> None:
        self._context: VideoCodecContext | VideoStream = stream
        own, transparent = stream.codec_context, _with_transparency(stream)
        for context in (own, transparent):
            if context is not None:
                context.options = decoder_options(max_pixels)
                context.thread_count = min(context.thread_count or _MOST_THREADS, _threads_for(context))
        if transparent is not None:
            self._context = transparent
        self._on_fault = on_fault
        self._numbers: list[int] | None = [] if container.format.name == "avi" else None

    def decode(self, packet: "av.Packet[VideoStream]") -> Iterator[CodedFrame]:
        """Yields the frames that a packet completes, in display order."""
        if self._numbers is not None and packet.pts is not None:
            heapq.heappush(self._numbers, packet.pts)
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError:
            self._on_fault()
            if self._numbers is not None and packet.pts in self._numbers:
                self._numbers.remove(packet.pts)
                heapq.heapify(self._numbers)
            return
        yield from self._numbered(frames)

    def drain(self) -> Iterator[CodedFrame]:
        """Yields the frames that the decoder still holds after the last packet."""
        for _ in range(_DRAIN_ATTEMPTS):
            try:
                yield from self._numbered(self._context.decode(None))
            except av.EOFError:
                return
            except av.FFmpegError:
                self._on_fault()
                continue
            return

    def _numbered(self, frames: Iterable[CodedFrame]) -> Iterator[CodedFrame]:
        for frame in frames:
            if self._numbers:
                frame.pts = heapq.heappop(self._numbers)
            yield frame


def _threads_for(context: VideoCodecContext) -> int:
    """Returns how many threads of a decoder, each of which keeps a frame, keep little memory."""
    bits = 12 if context.format is None else sum(component.bits for component in context.format.components)
    frame_bytes = context.width * context.height * bits / 8
    return max(1, min(_MOST_THREADS, allowed_cores() + 1, int(_BYTES_IN_THREADS / max(1.0, frame_bytes))))


def _with_transparency(stream: VideoStream) -> VideoCodecContext | None:
    """Opens a decoder for a stream of Matroska or WebM that is marked as transparent; None if its own one will do."""
    own = stream.codec_context
    is_marked = any(name.lower() == "alpha_mode" and value == "1" for name, value in stream.metadata.items())
    if own is None or own.name not in _WITH_TRANSPARENCY or not is_marked:
        return None
    context = av.CodecContext.create(_WITH_TRANSPARENCY[own.name], "r")
    assert isinstance(context, VideoCodecContext)
    context.extradata = own.extradata
    context.thread_count = own.thread_count
    # The container may tag colours that the packets do not.
    context.color_primaries, context.color_trc = own.color_primaries, own.color_trc
    context.colorspace, context.color_range = own.colorspace, own.color_range
    return context
