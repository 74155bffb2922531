"""Trunks by PyTorch on a fake device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from typing_extensions import override

from fakes.device import FakeArray, FakeStream
from fomm_bench.kernel_path.torch_trunks import TorchTrunks


class FakeTorchTrunks(TorchTrunks):
    """Runs trunks by PyTorch on the CPU, once their stream is synchronized."""

    @override
    def tensor(self, array: FakeArray) -> torch.Tensor:
        return torch.from_numpy(array.values)

    @override
    def queue(self, work: Callable[[], None], stream: FakeStream) -> None:
        stream.queue(work)
