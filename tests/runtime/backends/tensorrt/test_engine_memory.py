"""Formats of tensors that engines ask for."""

from __future__ import annotations

import pytest

from fomm_rt.backends.tensorrt.engine_memory import HWC8, tensor_strides
from fomm_rt.errors import BackendError


@pytest.mark.parametrize(("channels", "padded"), [(3, 8), (8, 8), (11, 16), (44, 48)])
def test_padded_channels(channels: int, padded: int) -> None:
    assert tensor_strides(HWC8, (2, channels, 4, 5)) == (20 * padded, 1, 5 * padded, padded)


def test_other_formats_are_refused() -> None:
    with pytest.raises(BackendError, match=r"in the format linear, hwc8, .*; got chw32"):
        tensor_strides("chw32", (1, 3, 4, 5))
