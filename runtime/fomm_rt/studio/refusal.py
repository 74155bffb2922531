"""Requests that are refused."""

from __future__ import annotations

from fomm_rt.errors import FommError


class Refusal(FommError):  # noqa: N818  it is an answer rather than a failure
    """A request that is refused.

    Attributes:
        status: Of the HTTP response.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
