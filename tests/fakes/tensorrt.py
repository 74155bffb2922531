"""Fakes of TensorRT's runtime and NVIDIA's driver library, as far as this project calls them.

The content of a fake engine is the name of a trunk; a `FakeDevice` runs it on ONNX Runtime when the stream that it was
queued on is synchronized. Classes and methods without a docstring of their own do what TensorRT's of the same name do.
"""

from __future__ import annotations

import ctypes
import enum
from collections.abc import Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from fakes.device import FakeDevice
from fomm_build.parity.host_pipeline import OnnxTrunks
from fomm_rt.backends.gpu.cuda_device import c_strides
from fomm_rt.backends.gpu.frame_pipeline import FLOAT32
from fomm_rt.backends.tensorrt.engine_memory import LINEAR, tensor_strides
from fomm_rt.model.frame_shape import FrameShape

GENERATIONS = ("8.6", "11", "rtx")


class TensorIOMode(enum.Enum):
    INPUT = 1
    OUTPUT = 2


class DataType(enum.Enum):
    FLOAT = 1
    HALF = 2


class TensorFormat(enum.Enum):
    LINEAR = 1
    HWC8 = 2


class Severity(enum.Enum):
    INTERNAL_ERROR = 1
    ERROR = 2
    WARNING = 3
    INFO = 4
    VERBOSE = 5


class ILogger:
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = Severity

    def log(self, severity: Severity, message: str) -> None:
        raise NotImplementedError


BYTES = {"source_encoder": 700, "keypoint_detector": 300, "dense_motion": 500, "generator": 1000}
"""Memory that a context of each trunk needs for one frame."""


class FakeMachine:
    """The device and the properties of the engines that the fake TensorRT runs.

    Args:
        shape: Sizes of the model.
        trunks: The model's convolutions.

    Attributes:
        device: Holds streams and arrays; set before an engine runs.
        half: True if engines have half precision.
        format: Memory format of float16 tensors.
        batches: Largest batch of each profile.
        deserialized: Contents of the engines that TensorRT was given.
        contexts: Execution contexts created so far.
        refuses: Names of calls that TensorRT refuses.
        renamed: Tensor -> another name for it in engines.
        generation: One of GENERATIONS; they differ in how contexts are given memory.
        capturable: What TensorRT-RTX answers when it is asked about a stream.
        takes_cache: True if a runtime cache takes what an earlier one serialized.
        compiled: Trunks that TensorRT-RTX compiled, once for each context that did not find them in its cache.
        logger: The logger that TensorRT was given.
    """

    def __init__(self, shape: FrameShape, trunks: Mapping[str, onnx.ModelProto]) -> None:
        self.shape = shape
        self.trunks = OnnxTrunks(trunks)
        self.device: FakeDevice | None = None
        self.half = False
        self.format = TensorFormat.LINEAR
        self.batches = [8]
        self.deserialized: list[bytes] = []
        self.contexts: list[FakeContext] = []
        self.refuses: set[str] = set()
        self.renamed: dict[str, str] = {}
        self.generation = GENERATIONS[1]
        self.capturable = self.takes_cache = True
        self.compiled: list[str] = []
        self.logger: Any = None

    def allows(self, call: str) -> bool:
        """True if a call succeeds; if not, TensorRT logs why."""
        if call in self.refuses:
            self.logger.log(Severity.ERROR, f"[engine.cpp] Error Code 1: {call} is refused ")
            return False
        self.logger.log(Severity.INFO, f"{call} went well")
        return True

    def is_half(self, name: str) -> bool:
        """True if a tensor is float16."""
        return self.half and name not in FLOAT32

    def array(self, name: str, address: int, batch: int) -> NDArray[Any]:
        """The tensor at an address of the device, which is an address of this process."""
        size: tuple[int, ...] = self.shape.tensor_shapes(batch)[name]
        layout = self.format.name.lower() if self.is_half(name) else LINEAR
        dtype = np.dtype(np.float16 if self.is_half(name) else np.float32)
        strides = (tensor_strides(layout, size) if len(size) == 4 else None) or c_strides(size)
        memory = (ctypes.c_ubyte * (size[0] * strides[0] * dtype.itemsize)).from_address(address)
        values = np.ctypeslib.as_array(memory).view(dtype)
        return as_strided(values, size, tuple(stride * dtype.itemsize for stride in strides))


class FakeContext:
    """A context of TensorRT 8.6. Its memory is an address and, if TensorRT is told it, a size."""

    def __init__(self, machine: FakeMachine, trunk: str, cache: FakeRuntimeCache | None = None) -> None:
        self._machine = machine
        self._trunk = trunk
        self._cache = cache
        self._batch = 0
        self._addresses: dict[str, int] = {}
        self.profile: tuple[int, int] | None = None
        self.memory: tuple[int, int | None] | None = None
        machine.contexts.append(self)

    def set_input_shape(self, _name: str, shape: tuple[int, ...]) -> bool:
        self._batch = shape[0]
        return self._machine.allows("set_input_shape")

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        self.profile = (index, stream)
        return self._machine.allows("set_optimization_profile_async")

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._machine.shape.tensor_shapes(self._batch)[name]

    @property
    def needed(self) -> int:
        """Bytes for its shapes."""
        assert self._batch, "its shapes come first"
        return BYTES[self._trunk] * self._batch

    def _give(self, address: int) -> None:
        self.memory = (address, None)

    device_memory = property(None, _give)

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return self._machine.allows("set_tensor_address")

    def execute_async_v3(self, stream: int) -> bool:
        machine, trunk, batch, addresses = self._machine, self._trunk, self._batch, dict(self._addresses)
        if not machine.allows("execute_async_v3"):
            return False
        assert self.memory is not None
        assert self.memory[1] is None or self.memory[1] >= self.needed
        if machine.generation == "rtx" and (self._cache is None or trunk not in self._cache.kernels):
            machine.compiled.append(trunk)
            if self._cache is not None:
                self._cache.kernels.add(trunk)
        assert machine.device is not None
        (queue,) = [one for one in machine.device.streams if one.handle == stream]
        inputs, outputs = machine.shape.trunk_tensors(trunk)

        def work() -> None:
            seen = {name: machine.array(name, address, batch) for name, address in addresses.items()}
            machine.trunks.run(trunk, {n: seen[n] for n in inputs}, {n: seen[n] for n in outputs})

        queue.queue(work)
        return True


class FakeNewerContext(FakeContext):
    """A context of TensorRT 10 and later."""

    def update_device_memory_size_for_shapes(self) -> int:
        return self.needed

    def set_device_memory(self, address: int, size: int) -> None:
        self.memory = (address, size)


class FakeRtxContext(FakeNewerContext):
    def is_stream_capturable(self, stream: int) -> bool:
        assert self._machine.device is not None
        (asked,) = [one for one in self._machine.device.streams if one.handle == stream]
        assert asked.captured is None, "it is asked before the capture"
        return self._machine.capturable


class FakeRuntimeCache:
    """Names of the trunks whose kernels were compiled."""

    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine
        self.kernels: set[str] = set()

    def deserialize(self, content: bytes) -> bool:
        if self._machine.takes_cache:
            self.kernels |= set(content.decode().split())
        return self._machine.takes_cache

    def serialize(self) -> bytes:
        return " ".join(sorted(self.kernels)).encode()


class FakeRuntimeConfig:
    allocation = "static"
    dynamic_shapes_kernel_specialization_strategy = "lazy"
    cache: FakeRuntimeCache | None = None

    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine

    def set_execution_context_allocation_strategy(self, strategy: str) -> None:
        self.allocation = strategy

    def create_runtime_cache(self) -> FakeRuntimeCache:
        return FakeRuntimeCache(self._machine)

    def set_runtime_cache(self, cache: FakeRuntimeCache) -> bool:
        self.cache = cache
        return True


class FakeEngine:
    """An engine of TensorRT 8.6."""

    def __init__(self, machine: FakeMachine, trunk: str) -> None:
        self._machine = machine
        self._trunk = trunk
        inputs, outputs = machine.shape.trunk_tensors(trunk)
        modes = {**dict.fromkeys(inputs, TensorIOMode.INPUT), **dict.fromkeys(outputs, TensorIOMode.OUTPUT)}
        self._names = {machine.renamed.get(name, name): name for name in modes}
        self._modes = modes

    @property
    def num_io_tensors(self) -> int:
        return len(self._names)

    @property
    def num_optimization_profiles(self) -> int:
        return len(self._machine.batches)

    def get_tensor_name(self, index: int) -> str:
        return list(self._names)[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return self._modes[self._names[name]]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1, *self._machine.shape.tensor_shapes(1)[self._names[name]][1:])

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType.HALF if self._machine.is_half(name) else DataType.FLOAT

    def get_tensor_format(self, name: str) -> TensorFormat:
        return self._machine.format if self._machine.is_half(name) else TensorFormat.LINEAR

    def get_tensor_profile_shape(self, _name: str, index: int) -> tuple[tuple[int, ...], ...]:
        least = self._machine.batches[index - 1] + 1 if index else 1
        return (least,), (least,), (self._machine.batches[index],)

    @property
    def device_memory_size(self) -> int:
        return BYTES[self._trunk] * max(self._machine.batches)

    def create_execution_context_without_device_memory(self) -> FakeContext | None:
        return FakeContext(self._machine, self._trunk) if self._machine.allows("create_execution_context") else None


class FakeNewerEngine(FakeEngine):
    """An engine of TensorRT 10 and later."""

    def get_device_memory_size_for_profile_v2(self, index: int) -> int:
        return BYTES[self._trunk] * self._machine.batches[index]

    def create_execution_context(self, strategy: str = "static") -> FakeContext | None:
        assert strategy == "user managed", "others reserve memory of their own"
        allowed = self._machine.allows("create_execution_context")
        return FakeNewerContext(self._machine, self._trunk) if allowed else None


class FakeRtxEngine(FakeNewerEngine):
    def create_runtime_config(self) -> FakeRuntimeConfig:
        return FakeRuntimeConfig(self._machine)

    def create_execution_context(self, config: Any = None) -> FakeContext | None:
        settings = (config.allocation, config.dynamic_shapes_kernel_specialization_strategy)
        assert settings == ("user managed", "eager")
        allowed = self._machine.allows("create_execution_context")
        return FakeRtxContext(self._machine, self._trunk, config.cache) if allowed else None


def fake_module(machine: FakeMachine | None = None, version: str = "11.4.0.106", rtx: bool = False) -> Any:
    """Returns a fake of the module `tensorrt` or, with `rtx`, `tensorrt_rtx`; it runs engines only with a machine."""
    if rtx and machine is not None:
        machine.generation = "rtx"

    class Runtime:
        def __init__(self, logger: Any) -> None:
            assert machine is not None
            machine.logger = logger

        def deserialize_cuda_engine(self, content: bytes) -> FakeEngine | None:
            assert machine is not None
            machine.deserialized.append(content)
            kind = {"8.6": FakeEngine, "11": FakeNewerEngine, "rtx": FakeRtxEngine}[machine.generation]
            return kind(machine, content.decode()) if machine.allows("deserialize_cuda_engine") else None

    module: Any = ModuleType("tensorrt")
    module.__version__ = version
    module.Logger = module.ILogger = ILogger
    module.Runtime = Runtime
    module.NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
    module.IBuilderConfig = SimpleNamespace()
    if machine is None or machine.generation != "8.6":
        module.ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED="user managed")
    if rtx:
        module.BuilderFlag = SimpleNamespace(REQUIRE_USER_ALLOCATION=1)
        module.IBuilderConfig = SimpleNamespace(set_compute_capability=None)
        known = ("NONE", "CURRENT", "SM75", "SM80", "SM86", "SM89", "SM120", "SM121")
        module.ComputeCapability = SimpleNamespace(__members__=dict.fromkeys(known))
        module.DynamicShapesKernelSpecializationStrategy = SimpleNamespace(EAGER="eager")
    return module


class FakeDriver:
    """A fake libcuda.so.1 with one GPU; its functions are those of CUDA's driver API.

    Attributes:
        fails: Names of functions that fail.
    """

    def __init__(self, name: str = "NVIDIA H200", capability: tuple[int, int] = (9, 0), cuda: int = 13000) -> None:
        self._name = name
        self.capability = capability
        self._cuda = cuda
        self.fails: set[str] = set()

    def _answer(self, function: str) -> int:
        return 100 if function in self.fails else 0

    def cuInit(self, _flags: int) -> int:  # noqa: N802
        return self._answer("cuInit")

    def cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802
        version._obj.value = self._cuda
        return self._answer("cuDriverGetVersion")

    def cuDeviceGet(self, device: Any, ordinal: int) -> int:  # noqa: N802
        device._obj.value = ordinal
        return self._answer("cuDeviceGet")

    def cuDeviceGetName(self, name: Any, _length: int, _device: Any) -> int:  # noqa: N802
        name.value = self._name.encode()
        return self._answer("cuDeviceGetName")

    def cuDeviceGetAttribute(self, value: Any, attribute: int, _device: Any) -> int:  # noqa: N802
        # Attributes 75 and 76 are the compute capability.
        value._obj.value = self.capability[attribute - 75]
        return self._answer("cuDeviceGetAttribute")
