"""`fomm-rt studio` as a process, and clients that misbehave."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from fomm_rt.errors import FommError
from fomm_rt.studio import impatient
from fomm_rt.studio.limits import Limits
from fomm_rt.studio.server import check_certificate
from fomm_rt.studio.settings import Settings
from studio_client import SOON_S, Client, running_studio

COMMAND = [sys.executable, "-m", "fomm_rt", "studio", "--no-browser", "--backend", "onnxruntime-cpu"]


class Process:
    """A studio in a process of its own."""

    def __init__(self, cache: Path, *options: str) -> None:
        self.folder = cache / "fomm-rt" / "studio"
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONUNBUFFERED": "1"}
        environment.pop("SSH_CONNECTION", None)
        self.process = subprocess.Popen(
            [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        base, _, self.token = self.address.partition("/#token=")
        self.port = int(base.rpartition(":")[2])

    def request(self, method: str, path: str, body: object = None) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SOON_S)
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Authorization": f"Bearer {self.token}"})
        with closing(connection):
            return connection.getresponse().read()

    def end(self, number: int) -> tuple[int, str]:
        """Sends a signal; exit code and what it has printed to standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=SOON_S)
        return self.process.returncode, errors

    def runs(self) -> list[Path]:
        """The folders of runs."""
        return sorted(self.folder.iterdir())


@pytest.fixture
def studio(tmp_path: Path, small_model: Path) -> Iterator[Process]:
    process = Process(tmp_path / "cache", "-m", str(small_model))
    yield process
    process.process.kill()
    process.process.communicate()


def children(process: int) -> list[int]:
    """Processes that a process has started."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_ctrl_c_ends_everything_while_a_job_runs_and_is_watched(studio: Process) -> None:
    job = json.loads(studio.request("POST", "/api/jobs", {"source": "avatar:fox", "driving": "driver:performance"}))
    watching = HTTPConnection("127.0.0.1", studio.port, timeout=SOON_S)
    watching.request("GET", f"/api/jobs/{job['id']}/events", headers={"Authorization": f"Bearer {studio.token}"})
    events = watching.getresponse()
    assert b"event: job" in events.readline()
    workers = children(studio.process.pid)
    assert workers
    (run,) = studio.runs()
    assert run.stat().st_mode & 0o077 == 0
    code, errors = studio.end(signal.SIGINT)
    events.close()
    watching.close()
    assert code == 0, errors
    assert "Traceback" not in errors
    assert studio.runs() == []
    assert not any(map(is_alive, workers))


def test_termination_has_its_exit_code(studio: Process) -> None:
    code, errors = studio.end(signal.SIGTERM)
    assert code == 143, errors
    assert "Traceback" not in errors
    assert studio.runs() == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_next_start_removes_what_a_killed_server_left(studio: Process, tmp_path: Path) -> None:
    studio.request("GET", "/api/gallery")
    workers = children(studio.process.pid)
    studio.end(signal.SIGKILL)
    (left,) = studio.runs()
    end = monotonic() + SOON_S
    while any(map(is_alive, workers)):
        assert monotonic() < end
        sleep(0.05)
    again = Process(tmp_path / "cache")
    try:
        (run,) = again.runs()
        assert run != left
    finally:
        again.end(signal.SIGINT)


def test_a_port_that_is_taken_is_an_error_only_if_it_was_asked_for(studio: Process, tmp_path: Path) -> None:
    second = subprocess.run([*COMMAND, "--port", str(studio.port)], capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert f"port {studio.port} is taken" in second.stderr
    other = Process(tmp_path / "cache")
    assert other.port != studio.port
    assert len(other.runs()) == 2
    assert other.end(signal.SIGINT)[0] == 0
    assert len(studio.runs()) == 1


def test_a_host_for_others_needs_a_decision() -> None:
    refused = subprocess.run([*COMMAND, "--host", "0.0.0.0"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    words = " ".join(refused.stderr.replace("│", " ").split())
    for part in ("--tls", "--insecure", "ssh -L 7860:localhost:7860", "take the token"):
        assert part in words


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "websockets"])
def test_without_the_extra_the_command_says_what_to_install(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from fomm_rt.__main__ import main; main()"
    refused = subprocess.run([sys.executable, "-c", code, "studio"], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert f'{package} is not installed; the studio needs it. Install with: pip install "fomm-rt[studio]"' in (
        refused.stderr
    )


def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("not a key")
    with pytest.raises(FommError, match=r"expected a certificate and its key"):
        check_certificate(key, key)
    with pytest.raises(FommError, match=r"none\.pem"):
        check_certificate(tmp_path / "none.pem", key)


def test_avatars_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FommError, match="there is no such folder"):
        Settings(avatars=(tmp_path / "none",)).avatar_files()
    with pytest.raises(FommError, match="holds no picture"):
        Settings(avatars=(tmp_path,)).avatar_files()
    shutil.copy(Settings().avatar_files()[0], tmp_path / "Zoë & co.png")
    assert [path.name for path in Settings(avatars=(tmp_path,)).avatar_files()] == ["Zoë & co.png"]


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", b"\x16\x03\x01"])
def test_a_client_that_sends_half_a_request_is_let_go(
    sent: bytes, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(impatient, "HEAD_S", 0.2)
    with client.open_socket() as half_open:
        half_open.sendall(sent)
        while half_open.recv(4096):  # "" after it was closed, perhaps after an answer
            pass
    assert client.get("/api/status").status == 200


def test_a_head_that_is_too_long_is_refused(client: Client) -> None:
    with client.open_socket() as long:
        long.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"x" * 100_000)
        assert b"400" in long.recv(4096)


def test_an_upload_that_stops_arriving_is_given_up(small_model: Path, tmp_path: Path) -> None:
    with running_studio(tmp_path / "run", small_model, Limits(idle_s=0.2)) as client:
        head = (
            f"POST /api/uploads?kind=picture HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
            f"Authorization: Bearer {client.studio.access.token}\r\n\r\nabc"
        )
        with client.open_socket() as slow:
            slow.sendall(head.encode())
            assert b"408" in slow.recv(4096)
        with client.open_socket() as gone:
            gone.sendall(head.encode())
        end = monotonic() + SOON_S
        while list((tmp_path / "run" / "uploads").iterdir()):
            assert monotonic() < end
            sleep(0.05)


def test_many_sockets_at_once(client: Client) -> None:
    url = f"ws://127.0.0.1:{client.port}/api/live?role=viewer&codec=jpeg"
    token = {"Authorization": f"Bearer {client.studio.access.token}"}

    def refused(headers: dict[str, str]) -> bool:
        try:
            with connect(url, additional_headers=headers):
                return False
        except InvalidStatus:
            return True

    assert refused({})
    assert refused({"Authorization": "Bearer x"})
    assert refused({**token, "Origin": "http://evil.example"})
    with ExitStack() as opened:
        for _ in range(Limits().sockets):
            opened.enter_context(connect(url, additional_headers=token))
        assert refused(token)
        assert client.get("/api/status").status == 200
    assert not refused(token)


def test_many_connections_at_once(client: Client) -> None:
    idle = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(50)]
    assert client.get("/api/status").status == 200
    for each in idle:
        each.close()
