"""The library in this process."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache

from driver_stand_in.build import build
from fomm_kernels import HostKernels, host
from fomm_kernels.launching import KERNELS
from fomm_kernels.nvrtc import compiled

ARCHITECTURE = "sm_90"
"""That of the devices of the stand-in."""
PTX = (("warp", True, "compute_75"),)
"""Kernels that tests load as PTX: name, half, architecture."""


@dataclass(frozen=True)
class Leftover:
    """What the program has made and not freed; allocations have a size."""

    number: int
    kind: str
    size_bytes: int

    def __str__(self) -> str:
        size = f" of {self.size_bytes} bytes" if self.size_bytes else ""
        return f"{self.kind}{size} (number {self.number})"


class StandIn:
    """The functions by which tests look at the library and set it up; `stand_in` returns the only one.

    Attributes:
        library: Its functions, those of CUDA's driver among them.
    """

    def __init__(self) -> None:
        self.library = ctypes.CDLL(str(build()), ctypes.RTLD_GLOBAL)
        library = self.library
        library.stand_in_complaint.restype = ctypes.c_char_p
        library.stand_in_calls.restype = ctypes.c_long
        library.stand_in_objects_made.restype = library.stand_in_next_living.restype = ctypes.c_long
        library.stand_in_next_living.argtypes = (
            ctypes.c_long,
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.POINTER(ctypes.c_size_t),
        )
        library.stand_in_waiting.restype = ctypes.c_long
        self._builds = {half: ctypes.CDLL(str(host.build(half))) for half in (False, True)}
        self._argument_bytes = {kernel: HostKernels().argument_bytes(kernel) for kernel in KERNELS}

    def register_kernels(self) -> None:
        """Tells the library which host build runs for which compiled kernel; takes seconds unless they are cached."""
        known = [(kernel, half, ARCHITECTURE) for half in (False, True) for kernel in KERNELS]
        for kernel, half, architecture in (*known, *PTX):
            self.register(compiled(kernel, half, architecture), kernel, half)

    def register(self, code: bytes, kernel: str, half: bool) -> None:
        """Lets the host build of a kernel run for compiled code."""
        run = ctypes.cast(getattr(self._builds[half], kernel), ctypes.c_void_p)
        size = ctypes.c_size_t(len(code))
        self.library.stand_in_register(code, size, kernel.encode(), run, self._argument_bytes[kernel])

    def complaints(self) -> list[str]:
        """Returns what the library has complained of since the last call."""
        count = self.library.stand_in_complaints()
        found = [self.library.stand_in_complaint(index).decode() for index in range(count)]
        self.library.stand_in_forget_complaints()
        return found

    def complain(self, sentence: str) -> None:
        """Adds a complaint."""
        self.library.stand_in_complain(sentence.encode())

    def objects_made(self) -> int:
        """Returns the number of the newest object."""
        return int(self.library.stand_in_objects_made())

    def leftovers(self, after: int = 0) -> list[Leftover]:
        """Returns what was made after the object of a number and still lives."""
        found, kind, size = [], ctypes.c_char_p(), ctypes.c_size_t()
        while after := self.library.stand_in_next_living(after, ctypes.byref(kind), ctypes.byref(size)):
            found.append(Leftover(after, (kind.value or b"").decode(), size.value))
        return found

    def allocated_bytes(self) -> int:
        """Returns the bytes of device memory and pinned memory in use, of all devices."""
        return sum(left.size_bytes for left in self.leftovers())

    def calls(self, function: str) -> int:
        """Returns how often a function of the driver was called."""
        return int(self.library.stand_in_calls(function.encode()))

    def fail(self, function: str, result: int, times: int = 1) -> None:
        """Makes the next calls of a function of the driver answer a result, without doing anything."""
        self.library.stand_in_fail(function.encode(), result, times)

    def break_devices(self) -> None:
        """Breaks all contexts, as an illegal address in a kernel does: they refuse everything and run nothing."""
        self.library.stand_in_break()

    def mend(self) -> None:
        """Lets broken contexts work again."""
        self.library.stand_in_mend()

    def waiting(self) -> int:
        """Returns how many pieces of work wait in streams."""
        return int(self.library.stand_in_waiting())


@cache
def stand_in() -> StandIn:
    """Returns the stand-in of this process; the first call must come before any CUDA package asks for a driver."""
    return StandIn()
