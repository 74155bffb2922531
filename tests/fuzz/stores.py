"""What fomm-rt keeps for itself: engines, timing caches, records of fetches; and the answers of servers."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from socket import create_server

from fakes.engine_sets import WHOLE, build
from fomm_rt.bundled import bundled_avatars, bundled_model
from fomm_rt.engines.hashed_file import read_hashed, write_hashed
from fomm_rt.engines.store import EngineStore
from fomm_rt.engines.whole_folder import WholeFolder, open_whole_folder
from fomm_rt.errors import FommError
from fomm_rt.model.fetch_record import FetchRecord, write_record
from fuzz.format import ONE_THREAD, Format, command
from fuzz.mutations import damage, in_json_value

_CACHE = Path("cache") / "fomm-rt" / "engines"
_SHA256 = hashlib.sha256(b"checkpoint").hexdigest()
_ANSWER_NAME = "answer.http"


def formats() -> Iterator[Format]:
    """All formats of what is kept, and of answers."""
    archive = re.compile(r"cache/.*\.engines")
    yield Format("engines/archive", _write_archive, _run_archive, archive, (damage, _in_archive_manifest))
    whole = re.compile(r"whole/(manifest\.json|.*\.engine)")
    yield Format("engines/folder", _write_whole, _run_whole, whole, (damage, in_json_value))
    timings = re.compile(r"timing\.cache")
    yield Format("engines/timings", _write_timings, _run_timings, timings)
    record = re.compile(r"models/.*\.json")
    yield Format("fetch/record", _write_record, _run_record, record, (damage, in_json_value, in_json_value))
    resumed = re.compile(r"out/.*\.json")
    kept = re.compile(r"\.vox-adv\..*")
    yield Format("fetch/resume", _write_resume, _run_resume, resumed, (damage, in_json_value), may_stay=kept)
    yield Format("fetch/answer", _write_answers, _run_answer, re.compile(_ANSWER_NAME), may_stay=kept)


def _write_archive(folder: Path) -> None:
    for number in range(2):
        build(EngineStore(folder / str(number) / _CACHE), model_name=f"model {number}")


def _in_archive_manifest(content: bytes, other: bytes, random: Random) -> bytes:
    """Changes the manifest and adapts its length."""
    length = int.from_bytes(content[8:16], "little")
    manifest = in_json_value(content[16 : 16 + length], other, random)
    return content[:8] + len(manifest).to_bytes(8, "little") + manifest + content[16 + length :]


def _run_archive(random: Random) -> int:
    code = command("engines", "list", *random.choice(((), ("--json",))))
    store = EngineStore(_CACHE.absolute())
    for found in store.look()[0]:
        for name in found.manifest.engines:
            with suppress(FommError):
                found.read(name)
    if random.random() < 0.3:
        code = max(code, command("engines", "remove", "--damaged"))
    return code


def _write_whole(folder: Path) -> None:
    build(WholeFolder(folder / "0" / "whole"), WHOLE)


def _run_whole(_random: Random) -> int:
    try:
        open_whole_folder(Path("whole")).check()
    except FommError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _write_timings(folder: Path) -> None:
    (folder / "0").mkdir()
    write_hashed(folder / "0" / "timing.cache", bytes(range(256)) * 4)


def _run_timings(_random: Random) -> int:
    content = read_hashed(Path("timing.cache").absolute())
    return int(not content)


def _write_record(folder: Path) -> None:
    models = folder / "0" / "models"
    models.mkdir(parents=True)
    (models / "vox-adv").symlink_to(bundled_model())
    record = FetchRecord("vox-adv", "https://example.invalid/vox", _SHA256, 10, "SHA-256", calibrated_on=(_SHA256,))
    write_record(models / "vox-adv.fetched.json", record)


def _run_record(random: Random) -> int:
    code = command("models", *random.choice(((), ("--json",))))
    if random.random() < 0.3:
        code = max(code, command("animate", *bundled_avatars()[:2], "-m", "vox-adv", "-o", "out/r.mp4", *ONE_THREAD))
    return code


def _write_resume(folder: Path) -> None:
    from fomm_fetch.partial_file import PartialFile, ResumeInfo

    partial = PartialFile(folder / "0" / "out" / ".vox-adv.download" / "vox-adv-cpk.pth.tar")
    with partial.restart(ResumeInfo("http://127.0.0.1/file", '"1"', 2000)) as file:
        file.write(bytes(1000))


def _run_resume(random: Random) -> int:
    answer = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1000-1999/2000\r\nContent-Length: 1000\r\n"
    answer += b'ETag: "1"\r\n\r\n' + random.randbytes(1000)
    return _fetch(answer)


def _write_answers(folder: Path) -> None:
    body = b"\x80\x02" + bytes(2000)
    answers = (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: \"1\"\r\n\r\n" % len(body) + body,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d2\r\n" + body + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/html\r\n\r\n<html>",
    )  # fmt: skip
    for number, answer in enumerate(answers):
        (folder / str(number)).mkdir()
        (folder / str(number) / _ANSWER_NAME).write_bytes(answer)


def _run_answer(_random: Random) -> int:
    return _fetch(Path(_ANSWER_NAME).read_bytes())


def _fetch(answer: bytes) -> int:
    """Fetches a model from a server on loopback that answers every request with these bytes."""
    import os

    from fomm_export import export_model
    from fomm_fetch import fetch
    from fomm_fetch.connection import RetryPolicy

    def stop(*_: object, **__: object) -> None:
        raise FommError("the checkpoint is accepted")

    export_model.export_checkpoint = stop  # type: ignore[assignment]
    policy = RetryPolicy(connect_s=5, stall_s=1, retries=1, first_wait_s=0.01, longest_wait_s=0.1)
    fetch.FetchOptions = partial(fetch.FetchOptions, retry_policy=policy)  # type: ignore[misc, assignment]
    os.environ["FOMM_MODELS"] = str(Path("out").absolute())
    with _answering(answer) as port:
        return command("fetch", "vox-adv", "--from", f"http://127.0.0.1:{port}/file", "--trust")


@contextmanager
def _answering(answer: bytes) -> Iterator[int]:
    with create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        connection.settimeout(5)
                        connection.recv(1 << 16)
                        connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
