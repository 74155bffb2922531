"""Building and caching the host build, and its errors; the compilers here are scripts."""

from __future__ import annotations

import errno
import os
import shlex
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fomm_kernels import CompileError, HostKernels, sources
from fomm_kernels.host import build, sanitizer_runtime
from fomm_kernels.sources import cache_folder

WRITES = 'for output; do :; done; printf "a library" > "$output"'
"""The last argument of a compiler's command is its output file."""

Compiler = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of compiled kernels, which does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fomm-rt" / "kernels"


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiler:
    """Makes a script the compiler, with a command and a version; each run adds a line to `runs`."""

    def make(script: str, version: str = "echo stub 1.0") -> Path:
        path = tmp_path / "compiler"
        path.write_text(
            f'#!/bin/sh\ncase "$*" in *--version) {version}; exit;; esac\n'
            f"echo run >> {shlex.quote(str(tmp_path / 'runs'))}\n{script}\n"
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("CXX", str(path))
        return path

    return make


def runs(tmp_path: Path) -> int:
    return len((tmp_path / "runs").read_text().splitlines())


def test_the_library_is_kept(compiler: Compiler, cache: Path, tmp_path: Path) -> None:
    compiler(WRITES)
    library = build(half=False)
    assert library.parent == cache
    assert library.read_text() == "a library"
    assert build(half=False) == library
    assert runs(tmp_path) == 1
    assert list(cache.iterdir()) == [library]


def test_what_decides_the_build(compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each change of storage, sanitizers, compiler, its version or the sources makes another library."""
    path = compiler(WRITES)
    libraries = [build(half, sanitize) for half in (False, True) for sanitize in (False, True)]
    monkeypatch.setenv("CXX", f"env {path} -DMORE")
    libraries.append(build(half=False))
    compiler(WRITES, version="echo stub 2.0")
    libraries.append(build(half=False))
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in (*sources.FOLDER.glob("*.cu"), *sources.HEADERS.glob("*.h")):
        (folder / name.name).write_bytes(name.read_bytes())
    monkeypatch.setattr(sources, "FOLDER", folder)
    monkeypatch.setattr(sources, "HEADERS", folder)
    assert build(half=False) == libraries[-1], "the same sources"
    for changed in ("warp.cu", "tensor.h"):
        with (folder / changed).open("a") as file:
            file.write("// changed\n")
        libraries.append(build(half=False))
    assert len(set(libraries)) == len(libraries) == runs(tmp_path)


def test_the_cache_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "fomm-rt" / "kernels"


def refusal(make: Callable[..., Any] = build, **options: Any) -> str:
    with pytest.raises(CompileError) as caught:
        make(**(options or {"half": False}))
    return str(caught.value)


@pytest.mark.parametrize("name", [None, "", " "])
def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str | None) -> None:
    if name is None:
        monkeypatch.delenv("CXX", raising=False)
    else:
        monkeypatch.setenv("CXX", name)
    monkeypatch.setenv("PATH", str(tmp_path))
    message = refusal()
    assert message.startswith("no C++ compiler: none of c++, g++, clang++ is on the PATH; install one")
    assert "CXX" in message


@pytest.mark.parametrize("name", ["/no/such/c++", "no-such-c++ -O3"])
def test_a_name_that_is_no_program(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CXX", name)
    message = refusal()
    assert "CXX" in message
    assert "--version" not in message


def test_a_program_that_may_not_be_run(compiler: Compiler) -> None:
    path = compiler(WRITES)
    path.chmod(stat.S_IRUSR)
    assert refusal().startswith(f"{path}: cannot be run (Permission denied)")


@pytest.mark.parametrize("name", ["false", "true"])
def test_a_program_that_is_no_compiler(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CXX", name)
    message = refusal()
    assert name in message
    assert "()" not in message, "an empty reason"


def test_a_compiler_that_is_too_old(compiler: Compiler, cache: Path) -> None:
    path = compiler("echo warning: old >&2; echo \"portable.h:63: error: '_Float16' is no type\" >&2; exit 1")
    assert refusal() == (
        f"{path} refuses the kernels (portable.h:63: error: '_Float16' is no type); "
        "GCC 12 or Clang 15 or newer is needed"
    )
    assert not cache.exists()


def test_a_compiler_that_writes_nothing(compiler: Compiler) -> None:
    path = compiler("true")
    assert str(path) in refusal()


def test_a_library_that_does_not_load(compiler: Compiler, cache: Path) -> None:
    """A library for another machine, or a damaged one."""
    compiler(WRITES)
    message = refusal(HostKernels, sanitize=False)
    assert str(cache) in message


def test_a_cache_that_is_no_folder(compiler: Compiler, tmp_path: Path) -> None:
    compiler(WRITES)
    (tmp_path / "cache").write_text("a file")
    message = refusal()
    assert str(tmp_path / "cache") in message
    assert "cannot be kept (" in message
    assert "XDG_CACHE_HOME" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_is_read_only(compiler: Compiler, cache: Path) -> None:
    compiler(WRITES)
    cache.mkdir(parents=True)
    cache.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert "cannot be kept (Permission denied)" in refusal()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_full_disk(compiler: Compiler, cache: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """No partial file is left."""
    compiler(WRITES)

    def full(**options: Any) -> Any:
        file: Any = tempfile.NamedTemporaryFile(**options)  # noqa: SIM115

        def write(content: bytes) -> int:
            file.file.write(content[:3])
            raise OSError(code, os.strerror(code))

        file.write = write
        return file

    monkeypatch.setattr("fomm_kernels.sources.NamedTemporaryFile", full)
    message = refusal()
    assert f"cannot be kept ({os.strerror(code)}); free some disk or set XDG_CACHE_HOME" in message
    assert list(cache.iterdir()) == []


def test_no_folder_for_temporary_files(compiler: Compiler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler(WRITES)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    assert str(tmp_path / "absent") in refusal()


def test_two_processes_at_once(compiler: Compiler, cache: Path, tmp_path: Path) -> None:
    """Both compile at the same time, and both get a complete library."""
    both = f'while [ "$(wc -l < {shlex.quote(str(tmp_path / "runs"))})" -lt 2 ]; do sleep 0.01; done'
    compiler(f"{both}; {WRITES}")
    program = "from fomm_kernels.host import build; path = build(half=False); print(path); print(path.read_text())"
    processes = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].splitlines() for process in processes]
    assert said[0] == said[1]
    assert said[0][1] == "a library"
    assert [str(path) for path in cache.iterdir()] == [said[0][0]]
    assert runs(tmp_path) == 2


@pytest.mark.parametrize(("says", "expected"), [("$1", None), ("/lib/$1", "/lib/libasan.so:/lib/libubsan.so")])
def test_the_runtime_of_the_sanitizers(compiler: Compiler, says: str, expected: str | None) -> None:
    """A compiler without the file repeats its bare name."""
    compiler(f'set -- "${{1#-print-file-name=}}"; echo "{says}"')
    assert sanitizer_runtime() == expected


def test_importing_needs_no_compiler(tmp_path: Path) -> None:
    program = "import sys, fomm_kernels; assert not {'torch', 'cupy', 'cuda'} & set(sys.modules)"
    environment = {**os.environ, "PATH": str(tmp_path), "CXX": "/no/such/c++"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
