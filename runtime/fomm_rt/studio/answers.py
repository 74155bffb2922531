"""Requests and responses as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fomm_rt.files.typed_json import parse_json
from fomm_rt.studio.refusal import Reason, Refusal

T = TypeVar("T")

BODY_S = 10.0
"""Time for a request's JSON."""


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response with JSON."""
    return Response(msgspec.json.encode(document), status, headers, "application/json")


def error_answer(
    status: int, sentence: str, code: Reason | None = None, values: Mapping[str, str | int] | None = None
) -> Response:
    """A response that says what was wrong; for code and values see `Refusal`."""
    # The rest of the request is not read, so the connection cannot be used again.
    document = {"error": sentence, "code": code, "values": values or {}}
    return answer(document, status, {"Connection": "close"})


async def body_of(request: Request, kind: type[T], limit_bytes: int) -> T:
    """Reads a request's JSON strictly as a type that msgspec knows.

    Raises:
        Refusal: It is too large, no JSON, or of another form.
    """
    try:
        content = await asyncio.wait_for(_read(request, limit_bytes), BODY_S)
    except asyncio.TimeoutError:
        raise Refusal(408, "the request did not arrive in time; send it again") from None
    try:
        return msgspec.convert(parse_json(content or b"{}"), kind)
    except (ValueError, msgspec.ValidationError) as error:
        raise Refusal(400, f"the request is not as expected: {error}") from error


async def _read(request: Request, limit_bytes: int) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit_bytes:
            raise Refusal(413, f"expected at most {limit_bytes} bytes of JSON; got more")
    return bytes(content)
