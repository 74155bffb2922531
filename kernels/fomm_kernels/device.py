"""Runs the kernels on an NVIDIA GPU.

CUDA's packages (cuda-core, cuda-bindings) are imported when a device is opened; importing this module needs no driver.
Kernels, contexts and launches call the driver: cuda.core 1.2 never unloads the kernels that it has loaded.
"""

from __future__ import annotations

import ctypes
import operator
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from fomm_kernels.errors import DeviceError
from fomm_kernels.launching import BLOCK_SIZE, KERNELS, Launch
from fomm_kernels.nvrtc import architecture_for, compiled, known_architectures

INSTALL = "pip install 'fomm-rt[cuda]'"
OLDEST_DRIVER = (13, 0)
"""The CUDA version that a driver must support: that of the NVRTC that compiles the kernels."""
NVIDIA_RELEASE = 580
"""The first driver release that does."""


class DeviceKernels:
    """Executor for arrays on a GPU: queues kernels on streams and returns immediately.

    A kernel is compiled for the device (or read from the cache) and loaded by `load` or by its first launch. Launches
    run in the device's primary context, as in PyTorch and CuPy, and restore the thread's current context. Threads may
    share an instance.

        with DeviceKernels() as kernels:
            ...

    Args:
        ordinal: Index of the device among those visible to CUDA (CUDA_VISIBLE_DEVICES).

    Attributes:
        name: Name of the device.
        architecture: Target of compilation: "sm_90"; or "compute_120" on a device newer than NVRTC supports, where the
            driver compiles the PTX.

    Raises:
        CompileError: NVRTC is missing, or the device is too old for it.
        DeviceError: There is no driver or no such device.

    Warns:
        RuntimeWarning: The device is newer than NVRTC supports.
    """

    on_device = True

    def __init__(self, ordinal: int = 0) -> None:
        if problem := driver_problem():
            raise DeviceError(f"{problem}; or run the kernels on the CPU: fomm_kernels.HostKernels()")
        from cuda.bindings import driver
        from cuda.core import Device

        self._driver = driver
        count = self._checked(driver.cuDeviceGetCount(), "counting the devices")
        if not 0 <= ordinal < count:
            raise DeviceError(f"expected the number of a GPU, 0 to {count - 1}; got {ordinal}")
        device = Device(ordinal)
        self.name: str = device.name
        capability = tuple(device.compute_capability)
        self.architecture = architecture_for(capability, known_architectures())
        if self.architecture.startswith("compute_"):
            warnings.warn(
                f"{self.name} has compute capability {capability[0]}.{capability[1]}, newer than NVRTC knows; kernels "
                f"are compiled for {self.architecture}, and the driver does the rest. Update: {INSTALL} --upgrade",
                RuntimeWarning,
                stacklevel=2,
            )
        self._handle = self._checked(driver.cuDeviceGet(ordinal), f"finding GPU {ordinal}")
        self._context = self._checked(driver.cuDevicePrimaryCtxRetain(self._handle), f"starting {self.name}")
        self._closed = False
        self._lock = threading.Lock()
        self._libraries: list[Any] = []
        self._functions: dict[tuple[str, bool], Any] = {}

    def load(self, half: bool | None = None) -> None:
        """Compiles and loads all kernels in advance.

        Call it before launches are captured in a CUDA graph, where loading is not allowed. The kernel path always needs
        kernels for both types, since its detector stays float32.

        Args:
            half: Load only kernels for float16 tensors (True) or for float32 (False); both by default.

        Raises:
            CompileError: NVRTC is missing or refuses a kernel.
            DeviceError: The driver refuses a kernel, or this object is closed.
        """
        for storage in (False, True) if half is None else (half,):
            for kernel in KERNELS:
                self._function(kernel, storage)

    def close(self) -> None:
        """Unloads the kernels and releases the device's context; a second call does nothing.

        Call it once all launches are done and no graph that contains them is replayed again. If nothing else in the
        process holds the context, the driver frees it with all memory allocated in it.

        Raises:
            DeviceError: The driver refuses, for example because an earlier launch has broken the context. This object
                is closed all the same.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._functions.clear()
            answers = [self._driver.cuLibraryUnload(library) for library in self._libraries]
            self._libraries.clear()
            answers.append(self._driver.cuDevicePrimaryCtxRelease(self._handle))
            for answer in answers:
                self._checked(answer, f"releasing {self.name}")

    def __enter__(self) -> DeviceKernels:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def launch(self, launch: Launch, stream: Any = None) -> None:
        """Queues a launch, without allocating anything.

        Args:
            launch: The launch.
            stream: The int handle of a stream, or an object with `__cuda_stream__` (cuda.core, CuPy); None for the
                default stream.

        Raises:
            CompileError: The kernel was not loaded and cannot be compiled.
            DeviceError: The driver refuses the launch, an earlier launch has broken the context, or this object is
                closed.
        """
        function = self._function(launch.kernel, launch.half)
        handle = stream_handle(stream)
        # cuda.core.launch() passes only numbers and pointers, but these kernels take one structure by value. As in C,
        # the driver gets an array of pointers to parameters, and copies the parameters before it returns.
        parameters = (ctypes.c_void_p * 1)(ctypes.addressof(launch.arguments))
        grid, block = (*launch.blocks, 1), (BLOCK_SIZE, 1, 1)
        with self.current():
            answer = self._driver.cuLaunchKernel(
                function, *grid, *block, launch.shared_bytes, handle, ctypes.addressof(parameters), 0
            )
        self._checked(answer, f"launching {launch.kernel} with {grid[0]}×{grid[1]} blocks")

    def _function(self, kernel: str, half: bool) -> Any:
        with self._lock:
            if self._closed:
                raise DeviceError(f"cannot run {kernel}: these kernels are closed; make new ones: DeviceKernels()")
            if (kernel, half) not in self._functions:
                self._functions[kernel, half] = self._load(kernel, half)
            return self._functions[kernel, half]

    def _load(self, kernel: str, half: bool) -> Any:
        code, doing = compiled(kernel, half, self.architecture), f"loading {kernel} for {self.architecture}"
        with self.current():
            library = self._checked(self._driver.cuLibraryLoadData(code, [], [], 0, [], [], 0), doing)
            self._libraries.append(library)
            loaded = self._checked(self._driver.cuLibraryGetKernel(library, kernel.encode()), doing)
            function = self._checked(self._driver.cuKernelGetFunction(loaded), doing)
            # By default CUDA loads code on its first run, which is not allowed while a graph is captured.
            self._checked(self._driver.cuFuncLoad(function), doing)
        return function

    @contextmanager
    def current(self) -> Iterator[None]:
        """Makes the device's context current in this thread, and restores the previous one at the end.

        Raises:
            DeviceError: The driver refuses, or this object is closed.
        """
        if self._closed:
            raise DeviceError(f"the kernels of {self.name} are closed; make new ones: DeviceKernels()")
        self._checked(self._driver.cuCtxPushCurrent(self._context), f"making {self.name} current")
        try:
            yield
        finally:
            self._driver.cuCtxPopCurrent()

    def _checked(self, answer: tuple[Any, ...], doing: str) -> Any:
        result, *values = answer
        if result != self._driver.CUresult.CUDA_SUCCESS:
            _, text = self._driver.cuGetErrorString(result)
            raise DeviceError(
                f"{doing} fails: {(text or b'unknown error').decode()} ({result.name}); if the arguments are right, an "
                "earlier launch may have caused it: run under compute-sanitizer"
            )
        return values[0] if values else None


def driver_problem() -> str | None:
    """Says why no GPU can be used here; None if one can. Initializes the driver."""
    try:
        from cuda.bindings import driver
        from cuda.core import Device, EventOptions, LegacyPinnedMemoryResource  # noqa: F401
    except ImportError as error:
        return f"CUDA's Python packages are missing, too old or do not fit each other ({error}); run: {INSTALL}"
    try:
        (result,) = driver.cuInit(0)
    except RuntimeError:
        return f"there is no NVIDIA driver (libcuda.so.1 cannot be loaded); install release {NVIDIA_RELEASE} or newer"
    if result != driver.CUresult.CUDA_SUCCESS:
        return (
            f"the NVIDIA driver finds no GPU ({result.name}); does nvidia-smi show one, and does CUDA_VISIBLE_DEVICES "
            "hide it?"
        )
    _, number = driver.cuDriverGetVersion()
    found = (number // 1000, number % 1000 // 10)
    if found < OLDEST_DRIVER:
        return (
            f"the NVIDIA driver supports CUDA {found[0]}.{found[1]}, the kernels need {OLDEST_DRIVER[0]}."
            f"{OLDEST_DRIVER[1]}; install release {NVIDIA_RELEASE} or newer"
        )
    return None


def stream_handle(stream: Any) -> int:
    """Returns the handle of a stream; for None it is 0, the default stream.

    Raises:
        DeviceError: The argument is not a stream.
    """
    if stream is None:
        return 0
    if hasattr(stream, "__cuda_stream__"):
        return int(stream.__cuda_stream__()[1])
    try:
        return operator.index(stream)
    except TypeError as error:
        raise DeviceError(
            f"expected a stream: None, its int handle, or an object with __cuda_stream__; got a {type(stream).__name__}"
        ) from error
