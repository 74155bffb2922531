"""Messages: what is encoded is decoded, and nothing else is taken for a message."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import numpy as np
import pytest

from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.results.run_result import Ceiling, DeviceCeiling
from fomm_bench.run import messages
from fomm_bench.run.messages import (
    Animate,
    Animated,
    CeilingMeasured,
    Failed,
    MeasureCeiling,
    Memory,
    MessageError,
    Open,
    Opened,
)


def test_images_survive_with_their_shape() -> None:
    frames = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)[:, ::-1]
    decoded = messages.decode_request(messages.encode(Animate(frames, pictures=False)))
    assert isinstance(decoded, Animate)
    np.testing.assert_array_equal(decoded.frames, frames)
    assert decoded.frames.flags.writeable
    assert (decoded.pictures, decoded.at_once) == (False, False)
    empty = messages.decode_answer(messages.encode(Animated(frames[:0], [], [{"détecteur": 1.0}])))
    assert isinstance(empty, Animated)
    assert empty.pictures is not None
    assert empty.pictures.shape == (0, 2, 2, 3)
    assert empty.stage_ms == [{"détecteur": 1.0}]


def test_a_model_survives() -> None:
    model = ModelSpec("folder", None, 3, relative=False, threads=2)
    decoded = messages.decode_request(messages.encode(Open(model, np.zeros((2, 2, 3), np.uint8))))
    assert isinstance(decoded, Open)
    assert decoded.model == model


@pytest.mark.parametrize(
    "answer",
    [
        Opened("CPU", True, "3.11", {"numpy": "2"}, 5.0, None),
        Memory(1 << 40, None),
        Animated(None, [1.0, 2.5], []),
        CeilingMeasured(Ceiling("NumPy 2", DeviceCeiling({"fp32": 1.0}, 2.0))),
        Failed("no such library", unavailable=True),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_answers_survive(answer: messages.Answer) -> None:
    assert messages.decode_answer(messages.encode(answer)) == answer


def test_every_truncation_is_noticed() -> None:
    content = messages.encode(Animate(np.ones((2, 3), np.uint8)))
    for length in range(len(content)):
        with pytest.raises(MessageError, match="cannot be read"):
            messages.decode_request(content[:length])


def image(shape: Any, pixels: Any) -> bytes:
    return msgspec.msgpack.encode({"type": "Animate", "frames": [shape, pixels]})


@pytest.mark.parametrize(
    "content",
    [
        b"Loading model...\n",
        b"\x00" * 64,
        b"\x91" * 100_000,
        msgspec.msgpack.encode({"type": "Reboot"}),
        msgspec.msgpack.encode({"type": "MeasureCeiling", "threads": "2"}),
        msgspec.msgpack.encode({"type": "Animate", "frames": 7}),
        image([1 << 40], b"x"),
        image([1 << 20, 1 << 20], b""),
        image([-1], b"x"),
        image([-1, -1], b"x"),
        image(["2"], b"xx"),
        image([2], None),
        messages.encode(Memory(1, 2)),
    ],
)
def test_rejects_anything_but_a_request(content: bytes) -> None:
    with pytest.raises(MessageError, match="cannot be read"):
        messages.decode_request(content)


def test_rejects_anything_but_an_answer() -> None:
    with pytest.raises(MessageError, match="cannot be read"):
        messages.decode_answer(messages.encode(MeasureCeiling(2)))


def test_does_not_send_what_cannot_be_received(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MessageError, match="expected a uint8 array; got float64"):
        messages.encode(Animate(cast(Any, np.zeros(3))))
    monkeypatch.setattr(messages, "MOST_BYTES", 100)
    with pytest.raises(MessageError, match="larger"):
        messages.encode(Animate(np.zeros(101, np.uint8)))
