"""Impossible seeks fail without an exception, which PyAV would print."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from fomm_rt.media.read.input_container import open_input
from fomm_rt.media.read.seekable_file import SeekableFile


def test_an_impossible_seek_is_a_negative_position(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with (tmp_path / "file").open("rb") as file:
        for opened in (SeekableFile(file), SeekableFile(io.BytesIO(b"content"))):
            assert opened.seek(3) == 3
            assert opened.read(2) == b"te"
            assert opened.tell() == 5
            assert opened.seek(-1) < 0
            assert opened.seek(-100, io.SEEK_CUR) < 0
            assert opened.seek(2**70) < 0
            assert opened.read() == b"nt"


def test_an_impossible_seek_prints_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    seek = SeekableFile.seek
    monkeypatch.setattr(SeekableFile, "seek", lambda self, offset, whence=0: seek(self, -abs(offset) - 1, whence))
    path = tmp_path / "a.wmv"
    path.write_bytes(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c" + bytes(4000))
    with path.open("rb") as file, pytest.raises(Exception, match="damaged"):
        open_input(path, file)
    assert capfd.readouterr().err == ""
