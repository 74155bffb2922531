"""Runs the kernels on a CPU, for tests and for machines without a GPU.

On first use, the system's C++ compiler (GCC 12 or Clang 15 and later, for _Float16) builds the CUDA sources into a
shared library. The library stays in the user's cache under a hash of the sources and the compiler.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fomm_kernels.errors import CompileError
from fomm_kernels.launching import KERNELS, PLUGIN_KERNELS, Launch
from fomm_kernels.sources import HEADERS, cache_folder, defines, keep, kept, source_hash, source_path

COMPILERS = ("c++", "g++", "clang++")
OPTIONS = ("-std=c++17", "-O2", "-g", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror")
SANITIZERS = (
    "-fsanitize=address,undefined,float-cast-overflow",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
)


class HostKernels:
    """Executor for arrays in host memory; runs block after block, on one thread.

    Args:
        sanitize: Build with the address and undefined-behaviour sanitizers. The process must run with their runtime in
            LD_PRELOAD, see `sanitizer_runtime`.

    Raises:
        CompileError: There is no C++ compiler, it refuses the sources, or the cache cannot be written.
    """

    on_device = False

    def __init__(self, sanitize: bool = False) -> None:
        self._libraries = {half: _load(build(half, sanitize)) for half in (False, True)}

    def launch(self, launch: Launch, stream: Any = None) -> None:
        """Runs a launch to its end; the stream is ignored."""
        del stream
        function = getattr(self._libraries[launch.half], launch.kernel)
        function(ctypes.byref(launch.arguments), *launch.blocks, launch.shared_bytes)

    def argument_bytes(self, kernel: str) -> int:
        """Size of a kernel's arguments according to the compiler."""
        return int(getattr(self._libraries[False], f"{kernel}_argument_bytes")())


def build(half: bool, sanitize: bool = False) -> Path:
    """Builds the shared library of all kernels, including TensorRT's, unless the cache has it; returns its path.

    Raises:
        CompileError: As `HostKernels`, or others can change the cache.
    """
    compiler = _compiler()
    options = [*OPTIONS, *(SANITIZERS if sanitize else ()), f"-I{HEADERS}"]
    options += [f"-D{name}={value}" for name, value in defines(half).items()]
    kernels = (*KERNELS, *PLUGIN_KERNELS)
    digest = source_hash(kernels, *options, *compiler, _run([*compiler, "--version"]))
    library = cache_folder() / f"host-{digest[:24]}.so"
    if kept(library) is None:
        sources = [str(source_path(kernel)) for kernel in kernels]
        try:
            with TemporaryDirectory() as folder:
                built = Path(folder) / library.name
                _run([*compiler, *options, "-x", "c++", *sources, "-o", str(built)])
                keep(library, built.read_bytes())
        except OSError as error:
            raise CompileError(
                f"the kernels cannot be built ({error}); is there room for temporary files, and is "
                f"{shlex.join(compiler)} a C++ compiler?"
            ) from error
    return library


def sanitizer_runtime() -> str | None:
    """Returns the value of LD_PRELOAD that a sanitized build needs; None if the compiler has no sanitizers."""
    paths = [_run([*_compiler(), f"-print-file-name={name}"]).strip() for name in ("libasan.so", "libubsan.so")]
    return ":".join(paths) if all(Path(path).is_absolute() for path in paths) else None


def _load(library: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(library))
    except OSError as error:
        raise CompileError(f"{library}: built, but cannot be loaded ({error}); delete it and try again") from error


def _compiler() -> list[str]:
    chosen = os.environ.get("CXX", "").strip()
    if chosen:
        try:
            return shlex.split(chosen)
        except ValueError as error:
            raise CompileError(f"CXX={chosen}: no command ({error}); name a C++ compiler") from error
    for name in COMPILERS:
        if path := shutil.which(name):
            return [path]
    raise CompileError(
        f"no C++ compiler: none of {', '.join(COMPILERS)} is on the PATH; install one (Debian: apt install g++) or "
        "name it in the environment variable CXX"
    )


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CompileError(
            f"{command[0]}: cannot be run ({error.strerror}); name another C++ compiler in the environment variable CXX"
        ) from error
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}, no message"
        first = next((line for line in said.splitlines() if "error" in line), said)
        raise CompileError(f"{command[0]} refuses the kernels ({first}); GCC 12 or Clang 15 or newer is needed")
    return done.stdout
