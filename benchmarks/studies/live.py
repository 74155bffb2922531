"""The delay that a live session adds, the frames it drops, and its memory over time.

    python benchmarks/studies/live.py [--seconds 20] [--window] [--json FILE]
    python benchmarks/studies/live.py --soak MINUTES [--stand-in]

Delay: a camera that numbers its frames, a network of known time T, and an output that notes when each number arrives.
"added" is the latency from capture to output less T. At T = 100 ms the network is slower than the camera, so frames are
dropped; the latency then includes up to one camera interval of waiting.

Drawing: the time that the window takes for a frame, with all overlays, where there is a display (--window).

Bundled model: the bundled performance as a camera of 30 frames per second, on this machine.

Soak: the bundled model, or a stand-in network of 10 ms, for so many minutes, with memory and threads at each, while
settings change every ten seconds.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np
import psutil

from fomm_bench.live_stand_ins import NumberedCamera, NumberReader, timed_animator
from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_bench.results.results_file import write_document
from fomm_rt.animator import Animator
from fomm_rt.live.cameras.choose import choose_camera
from fomm_rt.live.cameras.protocol import Camera
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.report import LiveReport
from fomm_rt.live.session import LiveSession

NETWORK_MS = (10, 30, 100)
CAMERA_FPS = 30
SLEEPS = 200


def main() -> None:
    """Measures what the arguments ask for and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--window", action="store_true", help="measure the window too, which needs a display")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="watch memory and threads instead")
    parser.add_argument("--stand-in", action="store_true", help="soak the session with a stand-in network")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: dict[str, Any]
    if given.soak:
        found = {"soak": soak(given.soak, given.stand_in)}
    else:
        found = {"machine_ms": machine_delay()}
        found["delay"] = [delay(network_ms, given.seconds) for network_ms in NETWORK_MS]
        found["bundled_model"] = bundled_model(given.seconds)
        if given.window:
            found["window"] = window(given.seconds)
    if given.json:
        write_document(
            given.json, {"command": script_command(), "environment": describe_environment(), "results": found}
        )


def machine_delay() -> dict[str, float]:
    """How late this machine wakes a thread that sleeps for 10 ms: a delay that no program can avoid here."""
    late = []
    for _ in range(SLEEPS):
        start = perf_counter()
        sleep(0.01)
        late.append((perf_counter() - start - 0.01) * 1e3)
    found = {f"p{share}": round(float(np.percentile(late, share)), 1) for share in (50, 99)}
    print(f"a thread that sleeps for 10 ms wakes {found['p50']} ms late (p50), {found['p99']} ms (p99)")
    return found


def delay(network_ms: int, seconds: float) -> dict[str, Any]:
    """Latency with a network of known time."""
    output = NumberReader()
    session = LiveSession(timed_animator(network_ms / 1e3), NumberedCamera(1 / CAMERA_FPS), [output])
    report = session.run(seconds)
    frames = [frame for frame in output.frames if frame[1] is not None]
    if any(number != sequence for number, sequence, _, _ in frames):
        raise SystemExit("a picture shows another frame than the session says")
    latency_ms = np.array([(presented_s - captured_s) * 1e3 for _, _, captured_s, presented_s in frames])
    found = {
        "network_ms": network_ms,
        "latency_ms": {f"p{share}": round(float(np.percentile(latency_ms, share)), 1) for share in (50, 90, 99)},
        "added_ms": {f"p{share}": round(float(np.percentile(latency_ms, share)) - network_ms, 1) for share in (50, 99)},
        **_counts(report),
    }
    print(
        f"T = {network_ms} ms: latency p50 {found['latency_ms']['p50']}, p99 {found['latency_ms']['p99']} ms, "
        f"added {found['added_ms']['p50']} and {found['added_ms']['p99']} ms; "
        f"{report.numbers.shown} shown, {report.numbers.dropped} dropped"
    )
    return found


def bundled_model(seconds: float) -> dict[str, Any]:
    """The bundled model by the bundled performance."""
    with Animator.load() as animator:
        report = LiveSession(animator, _performance(), [NumberReader()]).run(seconds)
    print(f"bundled model: {report.sentence()}; network p50 {report.numbers.network_ms.p50} ms")
    return {**_counts(report), "numbers": asdict(report.numbers), "device": report.backend.device}


def window(seconds: float) -> dict[str, Any]:
    """Time that the window takes for a frame, plain and with all overlays."""
    from fomm_rt.live.outputs.window import Window

    found = {}
    for name, state in (
        ("plain", LiveState(shows_numbers=False)),
        ("all overlays", LiveState(shows_numbers=True, shows_keypoints=True, shows_gallery=True, overlay_opacity=0.5)),
    ):
        with timed_animator(0.01) as animator, _timed(Window()) as (output, times_ms):
            LiveSession(animator, NumberedCamera(1 / CAMERA_FPS), [output], state=state).run(seconds)
        found[name] = {f"p{share}": round(float(np.percentile(times_ms, share)), 2) for share in (50, 99)}
        print(f"window, {name}: a frame takes {found[name]['p50']} ms (p50), {found[name]['p99']} ms (p99)")
    return found


def soak(minutes: float, is_stand_in: bool) -> dict[str, Any]:
    """Resident memory and threads at each minute, while avatars are switched and settings change."""
    process = psutil.Process()
    camera: Camera = NumberedCamera(1 / CAMERA_FPS) if is_stand_in else _performance()
    with timed_animator(0.01) if is_stand_in else Animator.load() as animator:
        output = NumberReader()
        session = LiveSession(animator, camera, [output])
        rows: list[dict[str, float]] = []

        def watch() -> None:
            start_s = perf_counter()
            while perf_counter() - start_s < minutes * 60:
                for _ in range(6):
                    sleep(10)
                    for name in ("next-avatar", "smoothing", "view", "best-reference"):
                        session.send(Command(name))
                output.frames.clear()
                row = {
                    "minute": round((perf_counter() - start_s) / 60, 1),
                    "resident_mb": round(process.memory_info().rss / 1e6, 1),
                    "threads": threading.active_count(),
                }
                rows.append(row)
                print(f"minute {row['minute']}: {row['resident_mb']} MB, {row['threads']} threads", flush=True)
            session.end()

        threading.Thread(target=watch, daemon=True).start()
        report = session.run()
    print(report.sentence())
    return {"rows": rows, **_counts(report)}


def _performance() -> Camera:
    return choose_camera("test")


@contextmanager
def _timed(output: Any) -> Iterator[tuple[Any, list[float]]]:
    """Measures the calls of `present`."""
    times_ms: list[float] = []
    present = output.present

    def timed(frame: Any) -> None:
        start_s = perf_counter()
        present(frame)
        times_ms.append((perf_counter() - start_s) * 1e3)

    output.present = timed
    yield output, times_ms


def _counts(report: LiveReport) -> dict[str, Any]:
    n = report.numbers
    return {
        "captured": n.captured,
        "shown": n.shown,
        "dropped": n.dropped,
        "stale": n.stale,
        "camera_fps": n.camera_fps,
        "shown_fps": n.shown_fps,
    }


if __name__ == "__main__":
    main()
