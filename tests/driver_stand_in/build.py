"""Builds the library."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from fomm_kernels.sources import cache_folder, keep, kept

SOURCES = Path(__file__).parent / "library"
OPTIONS = (
    *("-std=c++17", "-O1", "-g", "-fPIC", "-shared", "-pthread", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror"),
    # A program that asks for the driver by this name gets what the process has loaded by this name.
    "-Wl,-soname,libcuda.so.1",
)


def compiler_problem() -> str | None:
    """Says why the library cannot be built here; None if it can."""
    return None if shutil.which("g++") else "the stand-in for the driver needs g++"


def build() -> Path:
    """Builds the library, unless the cache of compiled kernels has it; returns its path."""
    sources = sorted(SOURCES.iterdir())
    compiler = subprocess.run(["g++", "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(compiler + " ".join(OPTIONS).encode())
    for source in sources:
        digest.update(source.name.encode() + source.read_bytes())
    library = cache_folder() / f"driver-stand-in-{digest.hexdigest()[:24]}.so"
    if kept(library) is None:
        with TemporaryDirectory() as folder:
            built = Path(folder) / library.name
            _compile([source for source in sources if source.suffix == ".cpp"], built)
            keep(library, built.read_bytes())
    return library


def _compile(sources: list[Path], library: Path) -> None:
    """Compiles the sources side by side, and links them."""
    objects = [library.with_name(f"{source.stem}.o") for source in sources]
    waiting = list(zip(sources, objects, strict=True))
    running: list[subprocess.Popen[bytes]] = []
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            source, target = waiting.pop()
            running.append(subprocess.Popen(["g++", *OPTIONS, "-c", str(source), "-o", str(target)]))
        ended = running.pop(0)
        if ended.wait():
            raise RuntimeError("g++ refuses the stand-in for the driver")
    subprocess.run(["g++", *OPTIONS, *map(str, objects), "-o", str(library)], check=True)
