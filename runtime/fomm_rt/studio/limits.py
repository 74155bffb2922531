"""How much the studio takes from its clients."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Sizes, counts and times.

    Attributes:
        upload_bytes: Of one file.
        quota_bytes: Of all uploads together.
        reserve_bytes: Space on the disk that uploads leave free.
        uploads: Files that are kept.
        uploads_at_once: Files that arrive at the same time.
        jobs: Jobs that are kept; the oldest finished ones go first.
        jobs_waiting: Jobs that have not finished.
        body_bytes: Of a request with JSON.
        sockets: WebSockets at once.
        connections: Connections at once.
        idle_s: How long a client may send nothing while a request from it is awaited.
    """

    upload_bytes: int = 2000 * MB
    quota_bytes: int = 8000 * MB
    reserve_bytes: int = 200 * MB
    uploads: int = 200
    uploads_at_once: int = 4
    jobs: int = 32
    jobs_waiting: int = 16
    body_bytes: int = 64 * 1024
    sockets: int = 64
    connections: int = 256
    idle_s: float = 20.0
