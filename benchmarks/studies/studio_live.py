"""The delay of a live session in the browser: from a frame that reaches the page's script to its answer on the canvas.

    python benchmarks/studies/studio_live.py [--seconds 20] [--network-ms 10] [--json FILE]

Headless Chromium with a fake camera of 30 frames per second runs the modules of the studio's page against a server in
this process, whose network takes a known time. H.264 and JPEG take turns.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_bench.results.results_file import write_document
from fomm_bench.studio_stand_in import serving_live

CHROMIUM = "/usr/bin/chromium"
FAKE_CAMERA = ("--no-sandbox", "--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream")
WARMUP_S = 3
CODECS = ("h264", "jpeg")

LIVE = """async ([codec, warmUpMs, ms]) => {
  const { Connection } = await import("/js/live/connection.js");
  const { Screen } = await import("/js/live/screen.js");
  const { Sender } = await import("/js/live/sender.js");
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, frameRate: 30 } });
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = stream;
  await video.play();
  const screen = new Screen(document.createElement("canvas"));
  const delays = [];
  let isWarm = false;
  screen.onShown = (packet) => {
    if (isWarm && packet && !Number.isNaN(packet.pageMs)) delays.push(performance.now() - packet.pageMs);
  };
  const connection = new Connection({ role: "camera", codec }, (packet) => screen.show(packet), () => {}, () => {});
  await new Promise((resolve) => { connection.socket.addEventListener("open", resolve); });
  const sender = new Sender(stream, video, codec, connection.socket, (error) => console.error(error));
  await new Promise((resolve) => { setTimeout(resolve, warmUpMs); });
  isWarm = true;
  await new Promise((resolve) => { setTimeout(resolve, ms); });
  sender.stop();
  connection.close();
  screen.close();
  for (const track of stream.getTracks()) track.stop();
  return delays;
}"""
"""Runs a session in the page; returns the delay of every answer in milliseconds."""


def main() -> None:
    """Measures both codings and prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--network-ms", type=float, default=10)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = {}
    with serving_live(given.network_ms) as address, _browsing(address) as page:
        for codec in CODECS:
            delays_ms = np.array(page.evaluate(LIVE, [codec, WARMUP_S * 1000, given.seconds * 1000]))
            found[codec] = _summary(delays_ms, given.seconds)
            print(f"{codec}: {found[codec]}")
            sleep(1)  # until the session before has ended
    if given.json:
        results: dict[str, Any] = {"network_ms": given.network_ms, "delay_ms": found}
        write_document(
            given.json, {"command": script_command(), "environment": describe_environment(), "results": results}
        )


def _summary(delays_ms: np.ndarray[Any, Any], seconds: float) -> dict[str, float]:
    if not len(delays_ms):
        raise SystemExit("the page got no answers")
    quantiles = {f"p{share}": round(float(np.percentile(delays_ms, share)), 1) for share in (50, 90, 99)}
    return {**quantiles, "shown_fps": round(len(delays_ms) / seconds, 1)}


@contextmanager
def _browsing(address: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FAKE_CAMERA))
        page = browser.new_page()
        page.goto(f"http://{address}/style.css")
        try:
            yield page
        finally:
            browser.close()


if __name__ == "__main__":
    main()
