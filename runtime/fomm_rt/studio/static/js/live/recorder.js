/** Records what the canvas shows, as a WebM that the browser downloads. */

import { h } from "../base/dom.js";

const FPS = 30;

/** @param {HTMLCanvasElement} canvas */
export function recorder(canvas) {
  /** @type {MediaRecorder|null} */
  let running = null;

  function start() {
    const chunks = [];
    const stream = canvas.captureStream(FPS);
    running = new MediaRecorder(stream, { videoBitsPerSecond: 4_000_000 });
    running.ondataavailable = ({ data }) => data.size && chunks.push(data);
    running.onstop = () => {
      for (const track of stream.getTracks()) track.stop();
      const link = h("a", { href: URL.createObjectURL(new Blob(chunks, { type: "video/webm" })), download: "avatar.webm" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    };
    running.start(1000);
  }

  function stop() {
    if (running) running.stop();
    running = null;
  }

  return { isRunning: () => running !== null, stop, toggle: () => (running ? stop() : start()) };
}
