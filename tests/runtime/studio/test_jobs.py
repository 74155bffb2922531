"""Names of files for people, the time left of a job, and a disk that is full."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from fomm_rt.studio.jobs import TimeLeft
from fomm_rt.studio.limits import Limits
from fomm_rt.studio.uploads import shown_name
from studio_client import SOON_S, running_studio


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("me.png", "me.png"),
        ("..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("C%3A%5Cme%5Cface.jpg", "face.jpg"),
        ("Zo%C3%AB%20%E2%98%95", "Zoë ☕"),
        ("a%0d%0aSet-Cookie%3A%20b%00", "aSet-Cookie: b"),
        ("x" * 500, "x" * 120),
        ("%ff", "\ufffd"),
        ("", "file"),
        ("%2f", "file"),
    ],
)
def test_names_are_for_people(header: str, name: str) -> None:
    assert shown_name(header) == name


def test_time_left_follows_the_rate_of_the_last_seconds() -> None:
    left = TimeLeft()
    assert left.update("animating", 1, 101, 0.0) is None
    assert left.update("animating", 11, 101, 1.0) == pytest.approx(9)
    for second in range(2, 12):
        now = left.update("animating", 11 + second - 1, 101, float(second))
    assert now == pytest.approx(101 - 21)
    assert left.update("animating", 200, 101, 12.0) == 0
    assert left.update("animating", 201, None, 13.0) is None
    assert left.update("converting", 1, 10, 14.0) is None


def test_a_disk_that_runs_full(small_model: Path, tiny_disk: Path) -> None:
    with running_studio(tiny_disk / "run", small_model, Limits(reserve_bytes=0)) as client:

        def parts() -> Iterator[bytes]:
            for _ in range(64):
                yield bytes(16 * 1024)

        # In chunks, so that the size is not known before.
        with closing(HTTPConnection("127.0.0.1", client.port, timeout=SOON_S)) as connection:
            connection.request("POST", "/api/uploads?kind=picture", parts(), client.headers, encode_chunked=True)
            answer = connection.getresponse()
            assert answer.status == 507
            assert "free some" in json.loads(answer.read())["error"]
        assert not list((tiny_disk / "run" / "uploads").iterdir())
        (tiny_disk / "filling").write_bytes(bytes(220 * 1024))
        failed = client.events(client.submit("avatar:fox", "driver:performance", quality=100))[-1]
        assert failed["state"] == "failed"
        assert "space" in failed["error"]
        assert failed["error_code"] == "disk_full"
        assert str(tiny_disk) not in failed["error"]
        assert client.get(f"/api/jobs/{failed['id']}/result").status == 404
        (tiny_disk / "filling").unlink()
        assert client.events(client.submit("avatar:fox", duration_s=0.1))[-1]["state"] == "done"
