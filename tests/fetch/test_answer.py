"""What is recognised in place of a checkpoint."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from fomm_fetch.answer import HEAD_BYTES, why_no_checkpoint


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"", "an empty file"),
        (b"\n <html><title>\n Not  found</title>", 'a web page ("Not found")'),
        (b"\xef\xbb\xbf<!DOCTYPE HTML><p>hello", "a web page"),
        (b"<!doctype html><title>Google Drive - Quota exceeded</title>", "too many people have downloaded the file"),
        (
            b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>',
            "an error message (AccessDenied)",
        ),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n", "a Git LFS pointer"),
        (b'{"error": "Entry not found"}', "an error message (Entry not found)"),
        (b'[{"code": 1}]', 'an error message ([{"code": 1}])'),
        (b"Not Found", 'a text ("Not Found")'),
        ("Файл удалён".encode(), 'a text ("Файл удалён")'),
        (b"word " * 1000, "a text"),
    ],
)
def test_says_what_came(head: bytes, what: str) -> None:
    found = why_no_checkpoint(head[:HEAD_BYTES])
    assert found is not None
    assert what in found
    assert len(found) < 150


def test_a_page_is_known_by_its_type_too() -> None:
    assert why_no_checkpoint(b"\x00\x01", "text/html; charset=utf-8") == "a web page"


@pytest.mark.parametrize("new_format", [True, False])
def test_checkpoints_pass(new_format: bool) -> None:
    file = io.BytesIO()
    torch.save({"generator": {"a": torch.zeros(3)}}, file, _use_new_zipfile_serialization=new_format)
    assert why_no_checkpoint(file.getvalue()[:HEAD_BYTES]) is None


def test_other_bytes_pass_to_their_hash() -> None:
    assert why_no_checkpoint(np.random.default_rng(0).bytes(HEAD_BYTES)) is None
