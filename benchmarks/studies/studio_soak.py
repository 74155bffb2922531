"""The memory of a live session of the studio over a long time.

    python benchmarks/studies/studio_soak.py [--minutes 30] [--network-ms 10] [--json FILE]

A client sends numbered frames as H.264, 30 a second, and gets the answers; every ten seconds it changes the avatar and
settings, and every minute a viewer with JPEG joins or leaves. Server and client are in this process, whose memory,
threads and open files are taken each minute. The exit code is 1 if the memory after the fifth minute grows by more than
5 % or 20 MB, whichever is less, or threads or open files by more than 2.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count, cycle
from pathlib import Path
from threading import Thread
from time import perf_counter, sleep
from typing import Any

import psutil
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from fomm_bench.machine.environment import describe_environment
from fomm_bench.numbered_pictures import numbered
from fomm_bench.results.command_line import script_command
from fomm_bench.results.results_file import write_document
from fomm_bench.studio_stand_in import serving_live
from fomm_rt.studio.live.codecs import Encoder
from fomm_rt.studio.live.packets import Packet

FPS = 30
CODED_FRAMES = 300
"""Frames that are coded once and sent again and again."""
CHANGES = ("next-avatar", "smoothing", "view", "best-reference", "zoom-in")
CHANGE_S, VIEWER_S = 10, 60
SETTLED_MINUTES = 5
ALLOWED_GROWTH, ALLOWED_MB, ALLOWED_MORE = 0.05, 20, 2


def coded_frames() -> list[tuple[Any, bytes]]:
    """Kind and content of a row of numbered frames; the first one needs no other."""
    encoder = Encoder()
    return [encoder.encode(numbered(number), number == 0) for number in range(CODED_FRAMES)]


class Answers:
    """Counts the pictures that a socket gets, in a thread, until the socket is closed."""

    def __init__(self, socket: ClientConnection) -> None:
        self.count = 0
        self._socket = socket
        self._thread = Thread(target=self._read)
        self._thread.start()

    def close(self) -> None:
        """Closes the socket and waits for the thread."""
        self._socket.close()
        self._thread.join()

    def _read(self) -> None:
        try:
            for message in self._socket:
                self.count += isinstance(message, bytes)
        except ConnectionClosed:
            return


def drive(socket: ClientConnection, seconds: float) -> Iterator[float]:
    """Sends frames at their times, with changes in between; yields the seconds since the start after each frame."""
    start_s = perf_counter()
    frames, changes = cycle(coded_frames()), cycle(CHANGES)
    for number in count():
        now_s = perf_counter() - start_s
        if now_s >= seconds:
            return
        sleep(max(number / FPS - now_s, 0))
        kind, content = next(frames)
        socket.send(Packet(kind, number, number / FPS * 1e3, content).message())
        if number % (CHANGE_S * FPS) == 0:
            for name in (next(changes), "next-avatar"):
                socket.send(json.dumps({"type": "command", "name": name}))
        yield perf_counter() - start_s


def soak(minutes: float, network_ms: float) -> list[dict[str, float]]:
    """Runs a session; returns a row for each minute."""
    process = psutil.Process()
    rows: list[dict[str, float]] = []
    with serving_live(network_ms) as address, ExitStack() as opened:
        camera = connect(f"ws://{address}/api/live?role=camera&codec=h264", max_size=None)
        answers = Answers(camera)
        opened.callback(answers.close)
        viewer: Answers | None = None
        for passed_s in drive(camera, minutes * 60):
            if passed_s < (len(rows) + 1) * VIEWER_S:
                continue
            if viewer is None:
                viewer = Answers(connect(f"ws://{address}/api/live?role=viewer&codec=jpeg", max_size=None))
            else:
                viewer.close()
                viewer = None
            rows.append(
                {
                    "minute": len(rows) + 1,
                    "resident_mb": round(process.memory_info().rss / 1e6, 1),
                    "threads": process.num_threads(),
                    "open_files": process.num_fds(),
                    "answers": answers.count,
                }
            )
            print(rows[-1], flush=True)
        if viewer is not None:
            viewer.close()
    return rows


def growth(rows: list[dict[str, float]]) -> list[str]:
    """What has grown since the session settled, in words."""
    settled, last = rows[min(SETTLED_MINUTES, len(rows)) - 1], rows[-1]
    print(f"minute {settled['minute']}: {settled['resident_mb']} MB, minute {last['minute']}: {last['resident_mb']} MB")
    allowed_mb = min(ALLOWED_GROWTH * settled["resident_mb"], ALLOWED_MB)
    found = [] if last["resident_mb"] <= settled["resident_mb"] + allowed_mb else ["memory"]
    # A viewer that has joined since then counts with its thread and its two ends of a connection.
    return found + [name for name in ("threads", "open_files") if last[name] > settled[name] + ALLOWED_MORE]


def main() -> None:
    """Runs the soak, prints each row, and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--network-ms", type=float, default=10)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = soak(given.minutes, given.network_ms)
    grown = growth(rows)
    if given.json:
        write_document(
            given.json, {"command": script_command(), "environment": describe_environment(), "results": {"rows": rows}}
        )
    if grown:
        raise SystemExit(f"{' and '.join(grown)} grew")


if __name__ == "__main__":
    main()
