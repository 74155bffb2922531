"""Compiling kernels for GPUs, without a GPU or a driver; and the cache of compiled kernels."""

from __future__ import annotations

import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest

from cubins import resources
from fomm_kernels import KERNELS, CompileError, nvrtc, sources
from fomm_kernels.launching import BLOCK_SIZE

PTX = ("compute_75", "compute_80", "compute_89", "compute_90", "compute_120")
CUBINS = ("sm_75", "sm_90", "sm_120")
SMALL = "prediction_output"
"""The kernel that compiles fastest."""
STORE_NO_TENSOR = ("keypoint_head", "prediction_output", "blended_output")
READ_ONLY = 0o500

kernels = pytest.mark.parametrize("kernel", KERNELS)
storages = pytest.mark.parametrize("half", [False, True], ids=["float", "half"])


@kernels
@storages
@pytest.mark.parametrize("architecture", PTX)
def test_ptx(kernel: str, half: bool, architecture: str) -> None:
    code, log = nvrtc.compile_with_log(kernel, half, architecture)
    assert f".visible .entry {kernel}(".encode() in code
    assert f".target {architecture.replace('compute', 'sm')}\n".encode() in code
    assert code.endswith(b"\0"), "as the driver takes it"
    assert ("cvt.rn.f16.f32" in code.decode()) == (half and kernel not in STORE_NO_TENSOR)
    if kernel in ("warp", "grid_sample"):
        assert len(re.findall(rb"ld\.global\S*\.v4\.", code)) >= 4, "16 bytes are loaded at once"
        assert re.search(rb"st\.global\S*\.v4\.", code), "and stored"
    assert not log, "a warning"


@kernels
@storages
@pytest.mark.parametrize("architecture", CUBINS)
def test_cubin(kernel: str, half: bool, architecture: str) -> None:
    code = nvrtc.compile_kernel(kernel, half, architecture)
    assert code.startswith(b"\x7fELF")
    assert f".text.{kernel}\0".encode() in code


@kernels
@storages
@pytest.mark.parametrize("architecture", CUBINS)
def test_registers(kernel: str, half: bool, architecture: str) -> None:
    taken = resources(nvrtc.compiled(kernel, half, architecture))
    assert taken.stack_bytes == 0, "registers are spilled to memory"
    blocks = 65_536 // (taken.registers * BLOCK_SIZE)
    assert blocks >= 4, "at a time on a multiprocessor"


@kernels
@storages
def test_nvcc_takes_the_same_sources(kernel: str, half: bool, tmp_path: Path) -> None:
    compiler = shutil.which("nvcc")
    if compiler is None:
        pytest.skip("there is no nvcc")
    macros = [f"-D{name}={value}" for name, value in sources.defines(half).items()]
    options = ["-std=c++17", "-ptx", "-arch=compute_75", "-Werror=all-warnings", f"-I{sources.HEADERS}", *macros]
    command = [compiler, *options, str(sources.source_path(kernel)), "-o", str(tmp_path / "out.ptx")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f".visible .entry {kernel}(" in (tmp_path / "out.ptx").read_text()


class TestErrors:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The folder of the kernels' sources."""
        monkeypatch.setattr(sources, "FOLDER", tmp_path)
        return tmp_path

    def test_a_line_that_is_wrong(self, folder: Path) -> None:
        text = sources.HEADERS.parent.joinpath(f"{SMALL}.cu").read_text(encoding="utf-8")
        broken = text.replace("const float value =", "const flote value =")
        line = 1 + broken[: broken.index("flote")].count("\n")
        (folder / f"{SMALL}.cu").write_text(broken, encoding="utf-8")
        with pytest.raises(CompileError, match=rf"(?s)NVRTC 13\.\d refuses {SMALL}\.cu .*{SMALL}\.cu\({line}\): error"):
            nvrtc.compile_kernel(SMALL, True, "sm_90")

    def test_the_first_lines_of_many(self, folder: Path) -> None:
        (folder / f"{SMALL}.cu").write_text("\n".join(f"wrong{i} x;" for i in range(90)), encoding="utf-8")
        with pytest.raises(CompileError) as caught:
            nvrtc.compile_kernel(SMALL, True, "sm_90")
        assert len(str(caught.value).splitlines()) <= 1 + nvrtc.LOG_LINES

    def test_an_architecture_that_nvrtc_does_not_know(self) -> None:
        with pytest.raises(CompileError, match=r"for sm_42 .*(?s:.*)--gpu-architecture"):
            nvrtc.compile_kernel(SMALL, True, "sm_42")

    def test_without_the_packages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "cuda.bindings", None)
        with pytest.raises(CompileError, match=r"pip install 'fomm-rt\[cuda\]'"):
            nvrtc.compile_kernel(SMALL, True, "sm_90")

    def test_without_nvrtc_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import cuda.bindings.nvrtc as bindings

        def not_found() -> None:
            raise RuntimeError('Failure finding "libnvrtc.so.13"\n')

        monkeypatch.setattr(bindings, "nvrtcVersion", not_found)
        with pytest.raises(CompileError, match=r"libnvrtc\.so\.13.*pip install 'fomm-rt\[cuda\]'"):
            nvrtc.compile_kernel(SMALL, True, "sm_90")


class TestArchitectures:
    KNOWN = (75, 80, 90, 120)

    @pytest.mark.parametrize(
        ("capability", "architecture"),
        [
            ((7, 5), "sm_75"),
            ((12, 0), "sm_120"),
            ((8, 6), "compute_80"),
            ((12, 1), "compute_120"),
            ((20, 0), "compute_120"),
        ],
    )
    def test_its_own_or_the_newest_before(self, capability: tuple[int, int], architecture: str) -> None:
        assert nvrtc.architecture_for(capability, self.KNOWN) == architecture

    def test_too_old(self) -> None:
        with pytest.raises(CompileError, match=r"capability 6\.1; NVRTC compiles for 7\.5 and newer"):
            nvrtc.architecture_for((6, 1), self.KNOWN)

    def test_nvrtc_supports_the_documented_architectures(self) -> None:
        assert {75, 80, 89, 90, 120} <= set(nvrtc.known_architectures())


class Compilations:
    """Counts compilations."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._compile = nvrtc.compile_kernel
        monkeypatch.setattr(nvrtc, "compile_kernel", self)

    def __call__(self, kernel: str, half: bool, architecture: str) -> bytes:
        self.count += 1
        return self._compile(kernel, half, architecture)


class TestCache:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        return tmp_path / "fomm-rt" / "kernels"

    @pytest.fixture
    def compilations(self, monkeypatch: pytest.MonkeyPatch) -> Compilations:
        return Compilations(monkeypatch)

    def test_compiles_once(self, folder: Path, compilations: Compilations) -> None:
        first = nvrtc.compiled(SMALL, True, "compute_75")
        assert nvrtc.compiled(SMALL, True, "compute_75") == first
        assert compilations.count == 1
        assert [path.name[: len(SMALL) + 16] for path in folder.iterdir()] == [f"{SMALL}-half-compute_75"]

    def test_what_decides_the_name(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        def name() -> str:
            return nvrtc.cached_path(SMALL, True, "sm_90").name

        names = [name(), nvrtc.cached_path(SMALL, False, "sm_90").name, nvrtc.cached_path(SMALL, True, "sm_80").name]
        with monkeypatch.context() as patch:
            patch.setattr(nvrtc, "version", lambda: (13, 9))
            names.append(name())
        with monkeypatch.context() as patch:
            patch.setattr(nvrtc, "build", lambda: "13.0.999")
            names.append(name())
        with monkeypatch.context() as patch:
            patch.setattr(nvrtc, "OPTIONS", ("--std=c++20",))
            names.append(name())
        headers = tmp_path / "include"
        shutil.copytree(sources.HEADERS, headers)
        (headers / "tensor.h").write_text("// changed\n", encoding="utf-8")
        with monkeypatch.context() as patch:
            patch.setattr(sources, "HEADERS", headers)
            names.append(name())
        assert len(set(names)) == len(names)
        assert name() == names[0]

    def test_without_a_package_of_nvrtc(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(nvrtc, "PACKAGE", "no-such-package")
        assert nvrtc.build() == ""
        assert nvrtc.cached_path(SMALL, True, "sm_90").name

    @pytest.mark.parametrize("damage", ["truncated", "altered", "empty", "a folder"])
    def test_damaged_files_count_as_none(self, compilations: Compilations, damage: str) -> None:
        code = nvrtc.compiled(SMALL, True, "compute_75")
        path = nvrtc.cached_path(SMALL, True, "compute_75")
        content = path.read_bytes()
        path.unlink()
        if damage == "a folder":
            path.mkdir()
            with pytest.warns(RuntimeWarning, match="cannot be kept"):
                assert nvrtc.compiled(SMALL, True, "compute_75") == code
            return
        middle = len(content) // 2
        altered = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes({"truncated": content[:-1], "altered": altered, "empty": b""}[damage])
        assert nvrtc.compiled(SMALL, True, "compute_75") == code
        assert path.read_bytes() == content, "it is whole again"
        assert nvrtc.compiled(SMALL, True, "compute_75") == code
        assert compilations.count == 2

    def test_writers_at_once(self, folder: Path) -> None:
        with ThreadPoolExecutor(4) as pool:
            codes = list(pool.map(lambda _: nvrtc.compiled(SMALL, False, "compute_75"), range(4)))
        assert len(set(codes)) == 1
        assert len(list(folder.iterdir())) == 1, "no temporary file stays"
        assert nvrtc.compiled(SMALL, False, "compute_75") == codes[0]

    def test_processes_at_once(self, folder: Path) -> None:
        program = f"from fomm_kernels import nvrtc; nvrtc.compiled({SMALL!r}, False, 'compute_75')"
        writers = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
        assert [writer.wait() for writer in writers] == [0, 0]
        assert len(list(folder.iterdir())) == 1

    def test_a_cache_that_cannot_be_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file in place of the folder: not even root can write there."""
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        with pytest.warns(RuntimeWarning, match="every process compiles them again; set XDG_CACHE_HOME"):
            assert nvrtc.compiled(SMALL, True, "compute_75")

    @pytest.mark.parametrize("part", ["the file", "its folder", "a folder above"])
    def test_files_that_others_can_write_are_not_loaded(
        self, folder: Path, compilations: Compilations, part: str
    ) -> None:
        code = nvrtc.compiled(SMALL, True, "compute_75")
        path = nvrtc.cached_path(SMALL, True, "compute_75")
        changed = {"the file": path, "its folder": folder, "a folder above": folder.parent}[part]
        kept_mode = changed.stat().st_mode
        changed.chmod(kept_mode | stat.S_IWOTH)
        with pytest.warns(RuntimeWarning, match=rf"{changed}: expected .* its mode is .* is not loaded"):
            assert nvrtc.compiled(SMALL, True, "compute_75") == code
        changed.chmod(kept_mode)
        assert nvrtc.compiled(SMALL, True, "compute_75") == code
        assert compilations.count == 2

    def test_a_read_only_cache(self, folder: Path, compilations: Compilations) -> None:
        folder.mkdir(parents=True)
        folder.chmod(READ_ONLY)
        try:
            (folder / "probe").touch()
        except PermissionError:
            with pytest.warns(RuntimeWarning, match="cannot be kept"):
                assert nvrtc.compiled(SMALL, True, "compute_75")
            assert compilations.count == 1
        else:
            pytest.skip("this user may write anywhere")


def test_importing_needs_no_cuda() -> None:
    program = (
        "import sys, fomm_kernels, fomm_kernels.device, fomm_kernels.nvrtc\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'cuda']"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_ctrl_c_ends_a_wait_after_compiling() -> None:
    """NVRTC leaves signal handlers that restart system calls."""
    main = threading.get_ident()
    queue: SimpleQueue[None] = SimpleQueue()
    has_gone_on = False

    def press() -> None:
        nonlocal has_gone_on
        threading.Event().wait(0.1)
        signal.pthread_kill(main, signal.SIGINT)
        threading.Event().wait(0.5)
        has_gone_on = True
        queue.put(None)

    nvrtc.compile_kernel(SMALL, half=False, architecture="compute_90")
    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        queue.get()
    assert not has_gone_on
    presser.join()
