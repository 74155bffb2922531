"""Layers of a network and of the engine built from it, with their precisions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fomm_rt.backends.tensorrt.library import TensorRT, tensorrt_logger

CONVOLUTIONS = frozenset({"CONVOLUTION", "DECONVOLUTION", "correlation", "deconv"})
"""Kinds of layers: in capitals those of a network, else those of a TensorRT-RTX engine."""
CASTS = frozenset({"CAST"})

_LISTING = "Layers:\n"
_LAYER = re.compile(r"^Name: (?P<name>.*?), LayerType: (?P<kind>[^,]*), (?P<tensors>.*)$", re.MULTILINE)
_LISTS = re.compile(
    r"(Inputs|Constants|Outputs): \[(.*?)\](?=, (?:Inputs|Constants|Outputs|TacticName|StreamId|Metadata)|$)"
)
_TENSOR = re.compile(r"Name: (?P<name>[^,]+), Dimensions: \[[^\]]*\].*?Datatype: (?P<type>\w+)")
_TYPES = {"Half": "float16", "Float": "float32", "HALF": "float16", "FLOAT": "float32"}


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        name, kind: In TensorRT's words.
        inputs, outputs: Name and type of each tensor except weights; the type is "float16", "float32" or TensorRT's
            own word.
    """

    name: str
    kind: str
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]

    @property
    def is_convolution(self) -> bool:
        """True for convolutions and transposed convolutions."""
        return self.kind in CONVOLUTIONS

    @property
    def is_half(self) -> bool:
        """True if all inputs and outputs are half."""
        return {kind for _, kind in (*self.inputs, *self.outputs)} == {"float16"}


def convolutions(layers: Iterable[Layer]) -> tuple[int, int]:
    """Counts the convolutions that are half, and those that are not."""
    halves = [layer.is_half for layer in layers if layer.is_convolution]
    return sum(halves), len(halves) - sum(halves)


def stray_casts(layers: Iterable[Layer]) -> list[str]:
    """Names of casts between floats that change nothing, undo another cast or repeat it."""
    casts = [layer for layer in layers if layer.kind in CASTS and layer.inputs[0][1] in _TYPES.values()]
    given = {name for layer in casts for name, _ in layer.outputs}
    seen = Counter((layer.inputs[0][0], layer.outputs[0][1]) for layer in casts)
    return [
        layer.name
        for layer in casts
        if layer.inputs[0][1] == layer.outputs[0][1]
        or layer.inputs[0][0] in given
        or seen[layer.inputs[0][0], layer.outputs[0][1]] > 1
    ]


def network_layers(network: Any) -> Iterator[Layer]:
    """The layers of a parsed `trt.INetworkDefinition`."""
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        inputs = [layer.get_input(i) for i in range(layer.num_inputs)]
        outputs = [layer.get_output(i) for i in range(layer.num_outputs)]
        yield Layer(
            layer.name,
            layer.type.name,
            tuple((tensor.name, _type(tensor.dtype.name)) for tensor in inputs if tensor is not None),
            tuple((tensor.name, _type(tensor.dtype.name)) for tensor in outputs),
        )


def recording_logger(library: TensorRT) -> Any:
    """A `tensorrt_logger` that also keeps the listing of layers TensorRT-RTX logs after a build."""
    shared = tensorrt_logger(library)

    class Recorder(type(shared)):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.listing = ""

        def log(self, severity: Any, message: str) -> None:
            if message.startswith(_LISTING):
                self.listing = message
            super().log(severity, message)

    return Recorder()


def built_layers(logger: Any) -> Iterator[Layer]:
    """The layers, after fusion, of the engine that was built last with a `recording_logger`.

    Only TensorRT-RTX lists them without a GPU; engines of the other flavour must be inspected on a GPU.
    """
    for match in _LAYER.finditer(logger.listing):
        tensors = dict(_LISTS.findall(match["tensors"]))
        inputs, outputs = (
            tuple((name, _type(kind)) for name, kind in _TENSOR.findall(tensors.get(which, "")))
            for which in ("Inputs", "Outputs")
        )
        yield Layer(match["name"], match["kind"], inputs, outputs)


def _type(name: str) -> str:
    return _TYPES.get(name, name.lower())
