"""The exchange of two folders in one step."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from fomm_rt.files.exchange import exchange


def test_exchanges_two_folders(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"of the {name}").touch()
    if not exchange(tmp_path / "first", tmp_path / "second"):
        pytest.skip("this file system cannot exchange two names")
    assert (tmp_path / "first" / "of the second").exists()
    assert (tmp_path / "second" / "of the first").exists()


def test_changes_nothing_if_one_is_missing(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    assert not exchange(tmp_path / "first", tmp_path / "missing")
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


def test_says_so_where_the_c_library_has_no_such_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not exchange(tmp_path / "first", tmp_path / "second")
