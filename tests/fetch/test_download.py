"""One source to one file: what interrupts a download, and what ends it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest

from fakes.file_server import (
    CONTENT,
    Answer,
    FakeFileServer,
    Handler,
    ServerOf,
    compressed,
    cut_after,
    drip,
    file_server,
    in_chunks,
    reset_after,
    says,
    sends,
    serve_part,
    serve_whole,
    stall_after,
    wrong_part,
)
from fomm_fetch.catalog import Source
from fomm_fetch.connection import RetryPolicy, SourceError
from fomm_fetch.download import Download
from fomm_fetch.partial_file import PartialFile
from fomm_fetch.progress import FetchProgress
from fomm_rt.errors import FetchError

PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>"


@pytest.fixture
def file(tmp_path: Path) -> PartialFile:
    return PartialFile(tmp_path / "downloads" / "model.pth.tar")


@pytest.fixture
def reports() -> list[FetchProgress]:
    return []


@pytest.fixture
def download(file: PartialFile, patient: RetryPolicy, reports: list[FetchProgress]) -> Download:
    """Of a file whose hash is known."""
    return Download(file, "model.pth.tar", len(CONTENT), True, lambda _count: None, patient, reports.append)


Fetch = Callable[[FakeFileServer], bytes]


@pytest.fixture
def fetched(download: Download) -> Fetch:
    def fetch(server: FakeFileServer) -> bytes:
        download.run(Source(server.url))
        return download.file.path.read_bytes()

    return fetch


def test_downloads_a_file(serve: ServerOf, fetched: Fetch, file: PartialFile, reports: list[FetchProgress]) -> None:
    server = serve()
    assert fetched(server) == CONTENT
    assert server.ranges == [None]
    assert server.headers[0]["Accept-Encoding"] == "identity"
    assert file.is_fresh
    last = reports[-1]
    assert (last.step, last.done_bytes, last.total_bytes) == ("downloading", len(CONTENT), len(CONTENT))


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (reset_after(20_000), "broke the connection off"),
        (cut_after(20_000), "ended the transfer too early"),
        (stall_after(20_000), "sent nothing for 0 s"),
    ],
    ids=["reset", "cut", "stall"],
)
def test_goes_on_where_a_transfer_broke_off(
    serve: ServerOf,
    download: Download,
    retry_policy: RetryPolicy,
    answer: Answer,
    what: str,
    waits: list[float],
    reports: list[FetchProgress],
) -> None:
    server = serve(answer)
    replace(download, retry_policy=retry_policy).run(Source(server.url))
    (notice,) = (report.message for report in reports if report.step == "notice")
    assert notice == f"{Source(server.url).host} {what}; trying again in 1 s"
    assert download.file.path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=20000-"]
    assert server.headers[1]["If-Range"] == '"1"'
    assert waits == [1]


def test_a_trickle_counts_as_stalled(serve: ServerOf, download: Download, retry_policy: RetryPolicy) -> None:
    server = serve(drip)
    replace(download, retry_policy=retry_policy).run(Source(server.url))
    assert download.file.path.read_bytes() == CONTENT
    assert len(server.headers) == 2


def test_a_later_process_goes_on(serve: ServerOf, fetched: Fetch, file: PartialFile, download: Download) -> None:
    server = serve(*[reset_after(20_000)] + [says(503)] * 4)
    with pytest.raises(SourceError, match="tried 4 times"):
        fetched(server)
    assert file.size_bytes == 20_000
    replace(download, file=PartialFile(file.path)).run(Source(server.url))
    assert file.path.read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=20000-"


def test_a_whole_file_is_not_asked_for_again(serve: ServerOf, fetched: Fetch) -> None:
    server = serve()
    fetched(server)
    assert fetched(server) == CONTENT
    assert len(server.headers) == 1


def test_an_interruption_keeps_what_came(serve: ServerOf, download: Download, fetched: Fetch) -> None:
    server = serve(stall_after(20_000))

    def interrupt(_report: FetchProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(download, progress=interrupt).run(Source(server.url))
    assert 0 < download.file.size_bytes <= 20_000
    assert fetched(server) == CONTENT
    assert server.ranges[1] is not None


def test_a_server_without_ranges_sends_all_again(serve: ServerOf, fetched: Fetch) -> None:
    server = serve(reset_after(20_000), serve_whole)
    assert fetched(server) == CONTENT
    assert server.ranges == [None, "bytes=20000-"]


def test_a_server_without_ranges_that_never_ends_is_given_up(serve: ServerOf, fetched: Fetch) -> None:
    server = serve(*[reset_after(20_000, ignores_ranges=True)] * 10)
    with pytest.raises(SourceError, match="tried 4 times"):
        fetched(server)
    assert len(server.headers) == 4


def test_progress_earns_further_tries(serve: ServerOf, fetched: Fetch) -> None:
    server = serve(*[reset_after(5_000)] * 9)
    assert fetched(server) == CONTENT


def test_a_file_that_changed_is_downloaded_again(serve: ServerOf, fetched: Fetch) -> None:
    server = serve(reset_after(20_000))

    def serve_changed(handler: Handler) -> None:
        server.etag = '"2"'
        serve_part(handler)

    server.plan.append(serve_changed)
    assert fetched(server) == CONTENT


def test_another_part_than_asked_for_is_not_taken(serve: ServerOf, fetched: Fetch) -> None:
    server = serve(reset_after(20_000), wrong_part)
    assert fetched(server) == CONTENT
    assert server.ranges == [None, "bytes=20000-", None]


def test_more_bytes_on_disk_than_the_server_has(serve: ServerOf, fetched: Fetch, download: Download) -> None:
    server = serve(reset_after(20_000), *[says(503)] * 4)
    with pytest.raises(SourceError):
        fetched(server)
    with download.file.path.open("ab") as file:
        file.write(bytes(50_000))
    assert fetched(server) == CONTENT
    assert server.ranges[-2:] == ["bytes=70000-", None]


def test_a_known_file_goes_on_from_another_source(serve: ServerOf, download: Download) -> None:
    first, second = serve(reset_after(20_000), says(404)), serve()
    with pytest.raises(SourceError, match="404"):
        download.run(Source(first.url))
    download.run(Source(second.url))
    assert download.file.path.read_bytes() == CONTENT
    assert second.ranges == ["bytes=20000-"]
    assert "If-Range" not in second.headers[0]


def test_an_unknown_file_begins_again_at_another_source(serve: ServerOf, download: Download) -> None:
    download = replace(download, is_known=False, size_bytes=None)
    first, second = serve(reset_after(20_000), says(404)), serve()
    with pytest.raises(SourceError):
        download.run(Source(first.url))
    download.run(Source(second.url))
    assert second.ranges == [None]


@pytest.mark.parametrize(("etag", "resumed"), [('"1"', True), ('W/"1"', False), (None, False)])
def test_an_unknown_file_is_resumed_only_if_it_is_surely_the_same(
    serve: ServerOf, download: Download, etag: str | None, resumed: bool
) -> None:
    server = serve(reset_after(20_000))
    server.etag = etag
    replace(download, is_known=False).run(Source(server.url))
    assert server.ranges == [None, "bytes=20000-" if resumed else None]


def test_a_file_without_a_length(serve: ServerOf, fetched: Fetch, file: PartialFile) -> None:
    assert fetched(serve(in_chunks)) == CONTENT
    assert file.resume_info is not None
    assert (file.resume_info.is_whole, file.resume_info.total_bytes) == (True, len(CONTENT))


def test_a_compressed_answer_is_understood(serve: ServerOf, fetched: Fetch) -> None:
    assert fetched(serve(compressed)) == CONTENT


def test_a_length_that_is_too_small_is_noticed(serve: ServerOf, fetched: Fetch) -> None:
    with pytest.raises(SourceError, match="a file of 20000 bytes; the published one has 50000"):
        fetched(serve(cut_after(20_000, announced=20_000)))


def test_a_length_that_is_too_large_is_noticed(serve: ServerOf, download: Download) -> None:
    server = serve(*[cut_after(50_000, announced=60_000)] * 10)
    with pytest.raises(SourceError, match="tried 4 times"):
        replace(download, size_bytes=None, is_known=False).run(Source(server.url))


def test_more_than_the_known_size_is_refused(serve: ServerOf, download: Download) -> None:
    with pytest.raises(SourceError, match="sent more than the 40000 bytes"):
        replace(download, size_bytes=40_000).run(Source(serve(in_chunks).url))
    assert download.file.size_bytes == 0


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451, 418, 599])
def test_refusals_are_not_retried(serve: ServerOf, fetched: Fetch, status: int, waits: list[float]) -> None:
    with pytest.raises(SourceError, match=f"HTTP {status}"):
        fetched(serve(says(status)))
    assert waits == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_temporary_errors_are_retried(serve: ServerOf, fetched: Fetch, status: int, waits: list[float]) -> None:
    assert fetched(serve(says(status), says(status))) == CONTENT
    assert waits == [1, 2]


def test_the_server_decides_how_long_to_wait(serve: ServerOf, fetched: Fetch, waits: list[float]) -> None:
    later = formatdate(time() + 60, usegmt=True)
    server = serve(says(429, Retry_After="7"), says(503, Retry_After=later), says(503, Retry_After="soon"))
    assert fetched(server) == CONTENT
    assert waits[0] == 7
    assert 0 < waits[1] <= 60
    assert waits[2] == 4


def test_a_server_that_asks_to_wait_for_long_is_given_up(serve: ServerOf, fetched: Fetch, waits: list[float]) -> None:
    with pytest.raises(SourceError, match=r"too many requests .* asks to wait 3600 s"):
        fetched(serve(says(429, Retry_After="3600")))
    assert waits == []


def test_a_server_that_is_gone_is_given_up_early(download: Download, waits: list[float]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        with pytest.raises(SourceError, match=r"cannot be reached .*; tried 2 times"):
            download.run(Source(url))
    assert waits == [1]


def test_a_server_that_was_there_is_waited_for(download: Download, waits: list[float]) -> None:
    fake = FakeFileServer(CONTENT, plan=[reset_after(20_000)])
    with ExitStack() as running:
        server = running.enter_context(file_server(fake))

        def leave(report: FetchProgress) -> None:
            if report.step == "notice":
                running.close()

        with pytest.raises(SourceError, match=r"cannot be reached .*; tried 4 times"):
            replace(download, progress=leave).run(Source(server.url))
    assert waits == [1, 2, 4]


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (sends(PAGE, "text/html; charset=utf-8"), r'sent a web page \("Sign in"\)'),
        (sends(PAGE), "sent a web page"),
        (sends(b""), "sent an empty file"),
        (sends(b'{"message": "no such file"}', "application/json"), r"an error message \(no such file\)"),
    ],
)
def test_pages_and_messages_are_not_kept(
    serve: ServerOf, fetched: Fetch, file: PartialFile, answer: Answer, what: str
) -> None:
    server = serve(answer)
    with pytest.raises(SourceError, match=what):
        fetched(server)
    assert file.size_bytes == 0
    assert len(server.headers) == 1


def test_a_page_does_not_cost_what_came_before(serve: ServerOf, fetched: Fetch, file: PartialFile) -> None:
    server = serve(reset_after(20_000), sends(PAGE))
    with pytest.raises(SourceError, match="sent a web page"):
        fetched(server)
    assert file.size_bytes == 20_000
    assert fetched(server) == CONTENT


def test_a_link_leads_to_the_file(serve: ServerOf, download: Download) -> None:
    files = serve()
    links = serve(sends(b'{"href": "%s"}' % files.url.encode(), "application/json"))
    download.run(Source(links.url, is_link=True))
    assert download.file.path.read_bytes() == CONTENT


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no JSON", b'{"href": 1}', b'{"href": "file:///etc/passwd"}'])
def test_a_link_that_is_none(serve: ServerOf, download: Download, body: bytes) -> None:
    with pytest.raises(SourceError, match="did not answer with"):
        download.run(Source(serve(sends(body)).url, is_link=True))


def test_space_is_asked_for_before_anything_is_written(serve: ServerOf, download: Download) -> None:
    def refuse(count: int) -> None:
        assert count == len(CONTENT)
        raise FetchError("no space")

    with pytest.raises(FetchError, match="no space"):
        replace(download, check_space=refuse).run(Source(serve().url))
    assert not download.file.path.exists()


def test_only_the_rest_needs_space(serve: ServerOf, download: Download) -> None:
    asked: list[int] = []
    replace(download, check_space=asked.append).run(Source(serve(reset_after(20_000)).url))
    assert asked == [50_000, 30_000]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_not_the_sources_fault(serve: ServerOf, download: Download) -> None:
    download.file.path.parent.mkdir()

    class FullFile(PartialFile):
        def restart(self, _beginning: object):  # type: ignore[no-untyped-def]
            return Path("/dev/full").open("wb", buffering=0)

    with pytest.raises(FetchError, match=r"No space left on device.*the downloaded part is kept") as raised:
        replace(download, file=FullFile(download.file.path)).run(Source(serve().url))
    assert not isinstance(raised.value, SourceError)


def test_a_folder_that_cannot_be_written(serve: ServerOf, download: Download) -> None:
    download.file.path.parent.write_text("in the way")
    with pytest.raises(FetchError, match="downloads: cannot be written"):
        download.run(Source(serve().url))
