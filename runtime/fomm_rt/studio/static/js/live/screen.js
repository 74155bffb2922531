/** Shows the answers of the studio on a canvas, each as soon as it is decoded. */

import { H264 } from "./codec.js";
import { JPEG, KEY } from "./packets.js";

const RECENT = 90; // frames over which rate and delay are told

export class Screen {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false, desynchronized: true });
    this.waiting = new Map(); // timestamp of a packet being decoded -> the packet
    this.count = 0;
    this.delays = [];
    this.times = [];
    this.newest = 0;
    /** Called after each picture that is on the canvas. */
    this.onShown = () => {};
    /** Called when a frame is lost, so that those after it cannot be shown. */
    this.onLost = () => {};
  }

  close() {
    this.isClosed = true;
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
    this.decoder = null;
  }

  /** Shows nothing, until the next picture. */
  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** Shows a packet of the socket. */
  show(packet) {
    if (packet.kind === JPEG) {
      this.showJpeg(packet);
      return;
    }
    if (!this.decoder || this.decoder.state === "closed") {
      if (packet.kind !== KEY) return; // it needs a frame that is lost
      this.decoder = new VideoDecoder({
        output: (frame) => {
          const known = this.waiting.get(frame.timestamp);
          this.waiting.delete(frame.timestamp);
          this.draw(frame, frame.displayWidth, frame.displayHeight, known);
          frame.close();
        },
        error: () => {
          this.decoder = null;
          this.waiting.clear();
          if (!this.isClosed) this.onLost();
        },
      });
      this.decoder.configure({ codec: H264, optimizeForLatency: true });
    }
    this.count += 1;
    this.waiting.set(this.count, packet);
    this.decoder.decode(new EncodedVideoChunk({
      type: packet.kind === KEY ? "key" : "delta", timestamp: this.count, data: packet.content,
    }));
  }

  async showJpeg(packet) {
    this.newest += 1;
    const order = this.newest;
    const bitmap = await createImageBitmap(new Blob([packet.content], { type: "image/jpeg" })).catch(() => null);
    if (bitmap && order === this.newest) this.draw(bitmap, bitmap.width, bitmap.height, packet);
    bitmap?.close();
  }

  draw(picture, width, height, packet) {
    if (this.isClosed) return;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.context.drawImage(picture, 0, 0, width, height);
    const now = performance.now();
    if (packet && !Number.isNaN(packet.pageMs)) {
      this.delays.push(now - packet.pageMs);
      this.times.push(now);
      while (this.delays.length > RECENT) this.delays.shift();
      while (this.times.length && this.times[0] < now - 1000) this.times.shift();
    }
    this.onShown(packet);
  }

  /** Frames in the last second, and the median delay from the camera to the canvas in milliseconds. */
  numbers() {
    const now = performance.now();
    const sorted = [...this.delays].sort((a, b) => a - b);
    return {
      fps: this.times.filter((time) => time > now - 1000).length,
      delayMs: sorted.length ? sorted[Math.floor(sorted.length / 2)] : null,
    };
  }
}
