"""One source to one file: resumes where an earlier try stopped, retries, and gives up with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from time import monotonic
from typing import BinaryIO
from urllib.parse import urlsplit

import requests
import urllib3

from fomm_fetch.answer import HEAD_BYTES, why_no_checkpoint
from fomm_fetch.catalog import Source
from fomm_fetch.connection import Connection, RetryPolicy, SourceError
from fomm_fetch.partial_file import PartialFile, ResumeInfo
from fomm_fetch.progress import FetchProgress, ProgressCallback, RateMeter
from fomm_rt.errors import FetchError

CHUNK_BYTES = 1 << 20
CHECK_SPACE_EVERY_BYTES = 64 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)\Z")


@dataclass(frozen=True)
class Download:
    """How a file is downloaded.

    Attributes:
        file: Where the bytes go. Its content is resumed if it belongs to the same file.
        file_name: For progress.
        size_bytes: Exact size of the file; None if it is not known.
        is_known: True if the file will be verified by a known hash. It may then be resumed from another source than it
            was begun from.
        check_space: Called with the number of bytes still to come; raises FetchError if they do not fit on the disk.
        retry_policy: How long to wait and how often to try.
        progress: Called after every piece, and before a retry.
    """

    file: PartialFile
    file_name: str
    size_bytes: int | None
    is_known: bool
    check_space: Callable[[int], None]
    retry_policy: RetryPolicy
    progress: ProgressCallback

    def run(self, source: Source) -> None:
        """Downloads the file whole.

        Raises:
            SourceError: The source does not send it. The part that it has sent is kept, unless it belongs to another
                file.
            FetchError: The disk is full.
        """
        failures, most_bytes, has_sent = 0, self.file.size_bytes, False
        with Connection(self.retry_policy) as connection:
            while True:
                try:
                    self._try(connection, source)
                    return
                except SourceError as error:
                    if not error.again:
                        raise
                    if self.file.size_bytes > most_bytes:
                        failures, most_bytes, has_sent = 0, self.file.size_bytes, True
                    failures += 1
                    is_gone = error.is_unreachable and not has_sent
                    if failures > (self.retry_policy.retries_unreachable if is_gone else self.retry_policy.retries):
                        reason = f"{error}; tried {failures} times"
                        raise SourceError(reason, is_unreachable=error.is_unreachable) from error
                    self._wait(source, error, failures)

    def _wait(self, source: Source, error: SourceError, failures: int) -> None:
        wait_s = self.retry_policy.wait_s(failures) if error.wait_s is None else error.wait_s
        if wait_s > self.retry_policy.longest_wait_s:
            raise SourceError(f"{error}; asks to wait {wait_s:.0f} s") from error
        self.progress(FetchProgress("notice", f"{source.host} {error}; trying again in {wait_s:.0f} s"))
        self.retry_policy.sleep(wait_s)

    def _try(self, connection: Connection, source: Source) -> None:
        earlier = self.file.resume_info
        if earlier is not None and earlier.is_whole and self._belongs(earlier, source):
            return
        url = _linked(connection, source) if source.is_link else source.url
        offset, headers = self._resumption(source)
        with connection.get(url, headers) as response:
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self.file.discard()
                raise SourceError("has another file than at the first try", again=True, wait_s=0)
            if response.status_code == HTTPStatus.PARTIAL_CONTENT:
                total = self._resumed_total(response, offset)
            else:
                offset, total = 0, _content_length(response)
            resume_info = ResumeInfo(source.url, _validator(response), total)
            self._transfer(response, resume_info, offset)
        if total is not None and self.file.size_bytes != total:
            raise SourceError(f"stopped after {self.file.size_bytes} of {total} bytes", again=True)
        self.file.describe(replace(resume_info, total_bytes=self.file.size_bytes, is_whole=True))

    def _belongs(self, resume_info: ResumeInfo, source: Source) -> bool:
        return self.is_known or resume_info.url == source.url

    def _resumption(self, source: Source) -> tuple[int, dict[str, str]]:
        """The offset to resume from, and the headers that ask for the rest; 0 to begin again."""
        resume_info = self.file.resume_info
        if resume_info is None or not self._belongs(resume_info, source):
            return 0, {}
        is_same = resume_info.url == source.url
        if not self.is_known and resume_info.validator is None:
            return 0, {}  # nothing would show that the file has changed in between
        headers = {"Range": f"bytes={self.file.size_bytes}-"}
        if is_same and resume_info.validator is not None:
            headers["If-Range"] = resume_info.validator
        return self.file.size_bytes, headers

    def _resumed_total(self, response: requests.Response, offset: int) -> int | None:
        match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        total = None if match is None or match[2] == "*" else int(match[2])
        resume_info = self.file.resume_info
        earlier = None if resume_info is None else resume_info.total_bytes
        if match is None or int(match[1]) != offset or (None not in (total, earlier) and total != earlier):
            self.file.discard()
            raise SourceError("sent another part than was asked for", again=True, wait_s=0)
        return total or earlier

    def _transfer(self, response: requests.Response, resume_info: ResumeInfo, offset: int) -> None:
        pieces = _Pieces(response, self.retry_policy)
        head = b""
        if offset == 0:
            while len(head) < HEAD_BYTES and (piece := pieces.read()):
                head += piece
            if (found := why_no_checkpoint(head, response.headers.get("Content-Type", ""))) is not None:
                raise SourceError(f"sent {found}")
        if self.size_bytes is not None and resume_info.total_bytes not in (None, self.size_bytes):
            raise SourceError(f"has a file of {resume_info.total_bytes} bytes; the published one has {self.size_bytes}")
        if offset == 0:
            self.file.discard()  # before the free space is looked at
        self.check_space((resume_info.total_bytes or self.size_bytes or offset) - offset)
        try:
            with self.file.go_on() if offset else self.file.restart(resume_info) as file:
                self._write(pieces, head, file, offset, resume_info.total_bytes)
        except OSError as error:
            raise FetchError(
                f"{self.file.path.parent}: cannot be written ({error.strerror}); the downloaded part is kept. Free "
                "some space, or set FOMM_MODELS to another folder, and run the same command again"
            ) from error

    def _write(self, pieces: _Pieces, piece: bytes, file: BinaryIO, done: int, total: int | None) -> None:
        limit = total or self.size_bytes
        meter, checked = RateMeter(), done
        while piece or (piece := pieces.read()):
            file.write(piece)
            done += len(piece)
            piece = b""
            if limit is not None and done > limit:
                file.close()
                self.file.discard()
                raise SourceError(f"sent more than the {limit} bytes of the file")
            if limit is None and done - checked >= CHECK_SPACE_EVERY_BYTES:
                checked = done
                self.check_space(0)
            self.progress(
                FetchProgress("downloading", f"downloading {self.file_name}", done, limit, meter.update(done))
            )


class _Pieces:
    """The body of an answer, piece by piece as it arrives."""

    def __init__(self, response: requests.Response, retry_policy: RetryPolicy) -> None:
        self._raw: urllib3.BaseHTTPResponse = response.raw
        # Requested uncompressed; an answer that is compressed anyway is decoded, but cannot be resumed.
        self._decode = is_compressed(response)
        self._retry_policy = retry_policy
        self._window_start, self._window_bytes = monotonic(), 0

    def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            SourceError: The connection broke or stalled.
        """
        try:
            piece = self._raw.read1(CHUNK_BYTES, decode_content=self._decode)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise SourceError(f"sent nothing for {self._retry_policy.stall_s:.0f} s", again=True) from error
        except urllib3.exceptions.HTTPError as error:
            is_short = any(isinstance(each, urllib3.exceptions.IncompleteRead) for each in (error, *error.args))
            what = "ended the transfer too early" if is_short else "broke the connection off"
            raise SourceError(what, again=True) from error
        now = monotonic()
        self._window_bytes += len(piece)
        if (elapsed := now - self._window_start) >= self._retry_policy.stall_s:
            if self._window_bytes < self._retry_policy.slowest_bytes_per_s * elapsed:
                raise SourceError(f"sent only {self._window_bytes} bytes in {elapsed:.0f} s", again=True)
            self._window_start, self._window_bytes = now, 0
        return piece


def is_compressed(response: requests.Response) -> bool:
    """True if the body is encoded, so that its length and its parts are not those of the file."""
    return response.headers.get("Content-Encoding", "identity").lower() != "identity"


def _content_length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and not is_compressed(response) else None


def _validator(response: requests.Response) -> str | None:
    """The validator that shows that a file is unchanged. A weak ETag does not: it allows other bytes."""
    if is_compressed(response):
        return None
    etag = response.headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")


def _linked(connection: Connection, source: Source) -> str:
    """The URL in the "href" of a JSON document."""
    with connection.get(source.url, {}) as response:
        try:
            url = response.json()["href"]
        except (ValueError, KeyError, TypeError, requests.RequestException) as error:
            raise SourceError("did not answer with a link to the file") from error
    if not isinstance(url, str) or urlsplit(url).scheme not in ("https", urlsplit(source.url).scheme):
        raise SourceError("did not answer with an https link to the file")
    return url
