"""Messages between the benchmark and its workers: typed MessagePack, an image as its shape and bytes; no pickles."""

from __future__ import annotations

import math
from typing import Any, cast

import msgspec
import numpy as np

from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.results.run_result import Ceiling
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image

MOST_IMAGE_BYTES = 1 << 30
MOST_BYTES = MOST_IMAGE_BYTES + (1 << 24)


class _Message(msgspec.Struct, tag=True):
    """Carries its class name, which tells the members of a union apart."""


class Open(_Message):
    """Opens the contestant with a model and a source image, (S, S, 3) uint8; answered by Opened."""

    model: ModelSpec
    source: Image


class Animate(_Message):
    """Animates (N, S, S, 3) uint8 frames, one after another or at once; answered by Animated."""

    frames: Image
    pictures: bool = True
    at_once: bool = False


class ReadMemory(_Message):
    """Reads the memory of the process; answered by Memory."""


class MeasureCeiling(_Message):
    """Measures the machine's ceiling, without an open contestant; answered by CeilingMeasured."""

    threads: int


class Close(_Message):
    """Ends the worker, which does not answer."""


class Opened(_Message):
    """A contestant after opening; the fields are those of `ContestantResult`."""

    device: str
    takes_batches: bool
    python: str
    versions: dict[str, str]
    open_ms: float
    build_s: float | None = None


class Animated(_Message):
    """Animated frames.

    Attributes:
        pictures: Predictions, (N, S, S, 3) uint8; None if not requested.
        latency_ms: Latency of each frame, or of the batch.
        stage_ms: Stage -> milliseconds of each frame, or of one extra frame from a contestant that times its stages
            only on request; empty if it cannot time stages.
    """

    pictures: Image | None
    latency_ms: list[float]
    stage_ms: list[dict[str, float]]


class Memory(_Message):
    """Peak bytes on the host, bytes on the device; None if unknown."""

    host_bytes: int | None
    device_bytes: int | None


class CeilingMeasured(_Message):
    """The machine's ceiling."""

    ceiling: Ceiling


class Failed(_Message):
    """Why a request failed, or why the contestant is unavailable."""

    reason: str
    unavailable: bool = False


Request = Open | Animate | ReadMemory | MeasureCeiling | Close
Answer = Opened | Animated | Memory | CeilingMeasured | Failed


class MessageError(BenchmarkError):
    """A message is too large, or is none."""


def encode(message: Request | Answer) -> bytes:
    """The bytes of a message. Raises MessageError if it is too large or holds another array than uint8."""
    content = msgspec.msgpack.encode(message, enc_hook=_image_to_builtins)
    if len(content) > MOST_BYTES:
        raise MessageError(
            f"a message of {len(content)} bytes is larger than the {MOST_BYTES} that a receiver accepts; use fewer "
            "frames or a smaller batch"
        )
    return content


def decode_request(content: bytes) -> Request:
    """The inverse of `encode`. Raises MessageError for anything but a request."""
    return cast("Request", _decode(_REQUESTS, content))


def decode_answer(content: bytes) -> Answer:
    """The inverse of `encode`. Raises MessageError for anything but an answer."""
    return cast("Answer", _decode(_ANSWERS, content))


def _decode(decoder: msgspec.msgpack.Decoder[Any], content: bytes) -> Any:
    try:
        return decoder.decode(content)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise MessageError(f"a message cannot be read ({type(error).__name__}: {error})") from error


def _image_to_builtins(image: Any) -> Any:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        raise MessageError(f"expected a uint8 array; got {getattr(image, 'dtype', type(image).__name__)}")
    return image.shape, np.ascontiguousarray(image).data


def _image_from_builtins(_type: type, content: Any) -> Image:
    shape, pixels = content
    if math.prod(shape) != len(pixels):
        raise ValueError(f"an array of shape {shape} has {len(pixels)} bytes")
    return np.frombuffer(pixels, np.uint8).reshape(shape).copy()  # without the copy it is read-only


_REQUESTS = msgspec.msgpack.Decoder(Request, dec_hook=_image_from_builtins)
_ANSWERS = msgspec.msgpack.Decoder(Answer, dec_hook=_image_from_builtins)
