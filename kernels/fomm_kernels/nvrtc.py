"""Compiles kernels with NVRTC, NVIDIA's compiler as a library, which needs no CUDA toolkit, no driver and no GPU.

Compiled kernels stay in the user's cache, named by a hash of sources, options, architecture and NVRTC's version. A
cached file begins with the SHA-256 of its content; truncated or altered files are ignored. If the cache cannot be
written, or others can write it, kernels are compiled anyway, with a warning.
"""

from __future__ import annotations

import hashlib
import signal
import warnings
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from fomm_kernels.errors import CompileError
from fomm_kernels.sources import HEADERS, cache_folder, defines, keep, kept, source_hash, source_path

OPTIONS = ("--std=c++17", "--generate-line-info")
PACKAGE = "nvidia-cuda-nvrtc"
LOG_LINES = 20
"""Lines of NVRTC's log in an error message."""
_DIGEST_BYTES = 32


def compile_kernel(kernel: str, half: bool, architecture: str) -> bytes:
    """Compiles a kernel.

    Args:
        kernel: Name of the kernel.
        half: True if tensors are stored as float16, false for float32.
        architecture: "sm_90" for machine code (a cubin) of compute capability 9.0, "compute_90" for PTX, which drivers
            compile for devices of 9.0 and newer.

    Returns:
        The cubin, or zero-terminated PTX.

    Raises:
        CompileError: NVRTC is missing or refuses the source.
    """
    return compile_with_log(kernel, half, architecture)[0]


def compile_with_log(kernel: str, half: bool, architecture: str, *more: str) -> tuple[bytes, str]:
    """Compiles a kernel with additional options; returns the code and NVRTC's log with its warnings."""
    nvrtc = _library()
    headers = sorted(HEADERS.glob("*.h"))
    texts, names = [path.read_bytes() for path in headers], [path.name.encode() for path in headers]
    source = source_path(kernel)
    program = _checked(
        nvrtc.nvrtcCreateProgram(source.read_bytes(), source.name.encode(), len(headers), texts, names), kernel
    )
    given = [option.encode() for option in (*options(half, architecture), *more)]
    try:
        (result,) = nvrtc.nvrtcCompileProgram(program, len(given), given)
        _let_signals_interrupt()
        log = bytearray(_checked(nvrtc.nvrtcGetProgramLogSize(program), kernel))
        _checked(nvrtc.nvrtcGetProgramLog(program, log), kernel)
        text = log.rstrip(b"\0").decode(errors="replace").strip()
        if result != nvrtc.nvrtcResult.NVRTC_SUCCESS:
            first = "\n".join(text.splitlines()[:LOG_LINES])
            raise CompileError(
                f"NVRTC {_dotted(version())} refuses {source.name} for {architecture} ({result.name}):\n{first}"
            )
        machine_code = architecture.startswith("sm_")
        size = nvrtc.nvrtcGetCUBINSize if machine_code else nvrtc.nvrtcGetPTXSize
        code = bytearray(_checked(size(program), kernel))
        _checked((nvrtc.nvrtcGetCUBIN if machine_code else nvrtc.nvrtcGetPTX)(program, code), kernel)
        return bytes(code), text
    finally:
        nvrtc.nvrtcDestroyProgram(program)


def compiled(kernel: str, half: bool, architecture: str) -> bytes:
    """Does the same as `compile_kernel`, through the cache.

    Warns:
        RuntimeWarning: The cache cannot be written, or others can write it.
    """
    path = cached_path(kernel, half, architecture)
    try:
        code = _intact(kept(path))
    except CompileError as error:
        warnings.warn(f"{error}; every process compiles kernels again", RuntimeWarning, stacklevel=2)
        return compile_kernel(kernel, half, architecture)
    if code is None:
        code = compile_kernel(kernel, half, architecture)
        try:
            keep(path, hashlib.sha256(code).digest() + code)
        except CompileError:
            warnings.warn(
                f"{path.parent}: compiled kernels cannot be kept there, so every process compiles them again; set "
                "XDG_CACHE_HOME to a folder that can be written",
                RuntimeWarning,
                stacklevel=2,
            )
    return code


def cached_path(kernel: str, half: bool, architecture: str) -> Path:
    """Returns the path of a compiled kernel in the cache."""
    digest = source_hash([kernel], *options(half, architecture), _dotted(version()), build())
    return cache_folder() / f"{kernel}-{'half' if half else 'float'}-{architecture}-{digest[:24]}.bin"


def options(half: bool, architecture: str) -> list[str]:
    """Returns NVRTC's options."""
    macros = (f"--define-macro={name}={value}" for name, value in defines(half).items())
    return [*OPTIONS, f"--gpu-architecture={architecture}", *macros]


def version() -> tuple[int, int]:
    """Returns NVRTC's version.

    Raises:
        CompileError: NVRTC is missing.
    """
    result, major, minor = _library().nvrtcVersion()
    _checked((result, None), "its version")
    return major, minor


def build() -> str:
    """Returns the version of NVRTC's package, such as 13.0.88 (NVRTC itself says 13.0); "" without the package."""
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:  # NVRTC from a CUDA toolkit
        return ""


def known_architectures() -> list[int]:
    """Returns the compute capabilities that NVRTC compiles for, 90 for 9.0, ascending.

    Raises:
        CompileError: NVRTC is missing.
    """
    return sorted(_checked(_library().nvrtcGetSupportedArchs(), "its architectures"))


def architecture_for(capability: tuple[int, int], known: Sequence[int]) -> str:
    """Returns the target for a device: its own architecture, or PTX for the newest older one that NVRTC supports.

    Raises:
        CompileError: The device is older than all that NVRTC supports.
    """
    number = 10 * capability[0] + capability[1]
    if number in known:
        return f"sm_{number}"
    if older := [one for one in known if one < number]:
        return f"compute_{max(older)}"
    raise CompileError(
        f"the GPU has compute capability {_dotted(capability)}; NVRTC compiles for "
        f"{_dotted(divmod(min(known), 10))} and newer: take a newer GPU, or run the kernels on the CPU"
    )


def _intact(content: bytes | None) -> bytes | None:
    """Returns the code in a cached file; None if it is missing or damaged."""
    if content is None:
        return None
    digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return code if hashlib.sha256(code).digest() == digest else None


def _library() -> Any:
    """Returns `cuda.bindings.nvrtc` with NVRTC loaded."""
    try:
        from cuda.bindings import nvrtc

        nvrtc.nvrtcVersion()
    except (ImportError, RuntimeError) as error:  # the bindings, or the library that they load
        first = str(error).strip().splitlines()[:1]
        raise CompileError(
            f"NVRTC, the compiler of kernels, cannot be loaded ({''.join(first)}); run: pip install 'fomm-rt[cuda]'"
        ) from error
    return nvrtc


def _let_signals_interrupt() -> None:
    """Lets signals interrupt system calls again, so Ctrl-C works during a wait.

    While NVRTC compiles, it installs its own handlers; it restores the previous ones with SA_RESTART set.
    """
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.siginterrupt(number, True)


def _checked(answer: tuple[Any, Any] | tuple[Any], what: str) -> Any:
    result, *values = answer
    if result != 0:
        raise CompileError(f"NVRTC fails on {what} ({result.name}); run: pip install --force-reinstall 'fomm-rt[cuda]'")
    return values[0] if values else None


def _dotted(pair: tuple[int, int]) -> str:
    return f"{pair[0]}.{pair[1]}"
