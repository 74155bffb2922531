"""Requests that are refused."""

from __future__ import annotations

from typing import Literal

from fomm_rt.errors import FommError
from fomm_rt.workers.messages import Cause

Reason = (
    Cause
    | Literal[
        "empty_file",
        "file_gone",
        "file_in_use",
        "job_gone",
        "motion_in_use",
        "not_stored",
        "other_kind",
        "quota_full",
        "slow_to_read",
        "stalled",
        "too_large",
        "too_many_files",
        "too_many_jobs",
        "unreadable",
    ]
)
"""Reasons that users meet often: pages have sentences of their own for them."""


class Refusal(FommError):  # noqa: N818  it is an answer rather than a failure
    """A request that is refused.

    Attributes:
        status: Of the HTTP response.
        code: The reason; None for what only programs meet.
        values: What a sentence about the reason needs, such as the name of a file.
    """

    def __init__(self, status: int, sentence: str, code: Reason | None = None, **values: str | int) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.values = values
