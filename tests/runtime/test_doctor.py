"""What doctor says of a processor; the whole report is tested by `test_cli`."""

from __future__ import annotations

from pathlib import Path

import pytest

from fomm_rt import doctor
from fomm_rt.backends import onnx_runtime


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "fpu avx2 avx512f avx_vnni avx512_vnni", "AVX2, AVX-512, AVX-VNNI, AVX-512 VNNI; int8 is fast"),
        ("x86_64", "fpu avx2 avx_vnni", "AVX2, AVX-VNNI; int8 is fast"),
        ("x86_64", "fpu avx2 avx512f", "AVX2, AVX-512; no VNNI, so int8 is hardly faster than fp32"),
        ("x86_64", "fpu", "none known; no VNNI, so int8 is hardly faster than fp32"),
        ("aarch64", "asimd asimddp", "dot products; int8 is fast"),
        ("aarch64", "asimd", "none known; int8 is probably not fast"),
    ],
)
def test_vector_instructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, flags: str, expected: str
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(onnx_runtime, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert doctor.vector_instructions() == expected


def test_vector_instructions_that_the_system_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_runtime, "CPU_INFO", tmp_path / "absent")
    assert doctor.vector_instructions() == "not told by this system"
