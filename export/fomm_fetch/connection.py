"""One HTTP request: proxies and certificates of the environment, redirects, and errors in words.

requests reads HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE; this adds
SSL_CERT_FILE and SSL_CERT_DIR. Two things are stricter than in requests: no redirect leads from https to http, and
every answer that is not the file asked for becomes a `SourceError`.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from typing_extensions import override

from fomm_rt.errors import FetchError
from fomm_rt.version import __version__

_log = logging.getLogger("fomm_rt")

CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
_MEANINGS = {
    401: "asks for a password",
    403: "refuses the file",
    404: "does not have the file",
    410: "has removed the file",
    429: "says that there were too many requests",
    451: "may not send the file for legal reasons",
    503: "is overloaded or being maintained",
}


class SourceError(FetchError):
    """A source did not send the file.

    Args:
        reason: Continues a sentence that begins with the source.
        again: True if another try may succeed.
        is_unreachable: True if there was no connection at all.
        wait_s: How long the server asks to wait before that; None if it does not say.
    """

    def __init__(
        self, reason: str, *, again: bool = False, is_unreachable: bool = False, wait_s: float | None = None
    ) -> None:
        super().__init__(reason)
        self.again = again
        self.is_unreachable = is_unreachable
        self.wait_s = wait_s


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait for a source, and how often to try it.

    Attributes:
        connect_s: Longest wait for a connection.
        stall_s: Without data, or with less than `slowest_bytes_per_s`.
        slowest_bytes_per_s: Anything slower counts as stalled.
        retries: Failures in a row, without any new data, after which a source is given up.
        retries_unreachable: The same for a source that cannot be reached and has sent nothing so far: it may be gone.
        first_wait_s: Before the first retry; doubled before each further one.
        longest_wait_s: A server that asks for a longer wait is given up.
        sleep: Waits.
    """

    connect_s: float = 15.0
    stall_s: float = 30.0
    slowest_bytes_per_s: float = 1000.0
    retries: int = 4
    retries_unreachable: int = 1
    first_wait_s: float = 1.0
    longest_wait_s: float = 120.0
    sleep: Callable[[float], None] = time.sleep

    def wait_s(self, failures: int) -> float:
        """Seconds to wait after this many failures in a row."""
        return min(self.first_wait_s * 2.0 ** (failures - 1), self.longest_wait_s)


class Connection:
    """Sends requests. Close it, or use it as a context."""

    def __init__(self, retry_policy: RetryPolicy) -> None:
        self._retry_policy = retry_policy
        self._session = _Session()
        self._session.max_redirects = 10
        # Files are stored as they are sent, and parts of a compressed answer could not be resumed.
        self._session.headers.update({"User-Agent": f"fomm-rt/{__version__}", "Accept-Encoding": "identity"})
        self._session.verify = next(filter(None, map(os.environ.get, CERTIFICATES)), True)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *details: object) -> None:
        self._session.close()

    def get(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """Sends a request and returns the answer with its body unread. Its status is 200, 206 or 416.

        Raises:
            SourceError: There is no such answer.
        """
        timeout = (self._retry_policy.connect_s, self._retry_policy.stall_s)
        try:
            response = self._session.get(url, headers=dict(headers), timeout=timeout, stream=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise _explain(error) from error
        part, server = headers.get("Range", "all of it"), urlsplit(response.url).netloc
        _log.debug("%s, %s: HTTP %s from %s", url, part, response.status_code, server)
        if response.status_code in (
            HTTPStatus.OK,
            HTTPStatus.PARTIAL_CONTENT,
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        ):
            return response
        with response:
            raise _refused(response)


class _Session(requests.Session):
    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None and urlsplit(resp.url).scheme == "https":
            absolute = urljoin(resp.url, target)
            if urlsplit(absolute).scheme != "https":
                resp.close()
                raise SourceError(f"redirects to {absolute}, which is not encrypted")
        return target


def _refused(response: requests.Response) -> SourceError:
    status = response.status_code
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = response.reason or "unknown"
    meaning = _MEANINGS.get(status, "does not send the file")
    reason = f"{meaning} (HTTP {status} {phrase})"
    return SourceError(reason, again=status in _TEMPORARY, wait_s=_retry_after_s(response.headers.get("Retry-After")))


def _retry_after_s(header: str | None) -> float | None:
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return max((date - datetime.now(timezone.utc)).total_seconds(), 0.0)


def _explain(error: Exception) -> SourceError:
    cause = _innermost(error)
    again = False
    if isinstance(error, requests.exceptions.SSLError):
        reason = (
            f"has no certificate that this machine accepts ({_text(cause)}); if a proxy replaces certificates, set "
            "SSL_CERT_FILE or REQUESTS_CA_BUNDLE to the proxy's"
        )
    elif isinstance(error, requests.exceptions.ProxyError):
        again = True
        reason = f"cannot be reached through the proxy that the environment names ({_text(cause)})"
    elif isinstance(error, requests.Timeout):
        again = True
        reason = "does not answer"
    elif isinstance(cause, urllib3.exceptions.NameResolutionError):
        again = True
        reason = "cannot be found; this machine may be offline, or the server is gone"
    elif isinstance(error, requests.ConnectionError):
        again = True
        reason = f"cannot be reached ({_text(cause)})"
    elif isinstance(error, requests.TooManyRedirects):
        reason = "redirects without end"
    elif isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in str(error):
        reason = (
            'cannot be reached: a SOCKS proxy needs another package; install it with: pip install "requests[socks]"'
        )
    elif isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError, ValueError)):
        reason = f"cannot be asked for the file ({_text(error)})"
    else:
        reason = f"cannot be asked: {_text(error)}; check {', '.join(CERTIFICATES)}"
    return SourceError(reason, again=again, is_unreachable=again)


def _innermost(error: BaseException) -> BaseException:
    """The exception that requests and urllib3 wrapped."""
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return error
    inner = getattr(error, "reason", None)
    if not isinstance(inner, BaseException):
        inner = next((each for each in reversed(error.args) if isinstance(each, BaseException)), None)
    if isinstance(inner, BaseException):
        return _innermost(inner)
    return error


def _text(error: BaseException) -> str:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    # Such as "Failed to establish a new connection: [Errno 111] Connection refused".
    return re.sub(r".*\[Errno -?\d+\] ", "", str(reason).split("\n")[0])
