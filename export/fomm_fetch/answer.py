"""Names an answer of a server that is not a checkpoint."""

from __future__ import annotations

import json
import re

HEAD_BYTES = 4096
"""How much of an answer is examined."""

_QUOTA = (b"quota", b"too many users have viewed or downloaded")


def why_no_checkpoint(head: bytes, content_type: str = "") -> str | None:
    """Names an answer whose first bytes show that it cannot be a checkpoint.

    Args:
        head: The first HEAD_BYTES of the answer, or all of it.
        content_type: The header of that name.

    Returns:
        A noun phrase such as 'a web page ("Sign in")'; None if it may be a checkpoint.
    """
    if not head:
        return "an empty file"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or content_type.startswith("text/html"):
        return _page(head)
    return _described_text(head, text) if _is_text(head) else None


def _described_text(head: bytes, text: bytes) -> str:
    if text.startswith(b"<"):
        code = re.search(rb"<(?:Code|Message)>([^<]{1,100})", head)
        return "an error message" + (f" ({_shown(code[1])})" if code else "")
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, which stands for the file"
    if text.startswith((b"{", b"[")):
        return f"an error message ({_json_message(head)})"
    return f'a text ("{_shown(head)}")'


def _page(head: bytes) -> str:
    if any(words in head.lower() for words in _QUOTA):
        return "a notice that too many people have downloaded the file lately; try again in a day"
    title = re.search(rb"<title[^>]*>([^<]{1,200})", head, re.IGNORECASE)
    return "a web page" + (f' ("{_shown(title[1])}")' if title else "")


def _json_message(head: bytes) -> str:
    try:
        document = json.loads(head)
    except ValueError:
        return _shown(head)
    for key in ("message", "error", "description", "detail"):
        if isinstance(document, dict) and isinstance(document.get(key), str):
            return _shown(document[key].encode())
    return _shown(head)


def _is_text(head: bytes) -> bool:
    try:
        text = head[:512].decode("utf-8", "strict" if len(head) <= 512 else "ignore")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n" for character in text)


def _shown(content: bytes) -> str:
    words = " ".join(content.decode("utf-8", "replace").split())
    return words if len(words) <= 80 else f"{words[:79]}…"
