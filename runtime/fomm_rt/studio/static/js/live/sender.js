/** Sends the camera's frames, each as soon as it comes, and none while earlier ones wait. */

import { encoderSettings } from "./codec.js";
import { DELTA, JPEG, KEY, pack } from "./packets.js";

const MOST_BUFFERED_BYTES = 64 * 1024; // with more on its way to the studio, a frame is left out
const KEY_EVERY = 90;
const JPEG_QUALITY = 0.85;

export class Sender {
  /**
   * @param {MediaStream} stream
   * @param {HTMLVideoElement} video that plays the stream
   * @param {"h264"|"jpeg"} codec
   * @param {WebSocket} socket
   * @param {(error: Error) => void} onError
   */
  constructor(stream, video, codec, socket, onError) {
    this.video = video;
    this.socket = socket;
    this.onError = onError;
    this.isJpeg = codec === "jpeg";
    this.isStopped = false;
    this.isCoding = false;
    this.count = 0;
    /** @type {Map<number, {number: number, ms: number}>} timestamp of a frame being coded -> its number and time */
    this.taken = new Map();
    this.track = stream.getVideoTracks()[0];
    if ("MediaStreamTrackProcessor" in globalThis && !this.isJpeg) this.readTrack();
    else this.readVideo();
  }

  stop() {
    this.isStopped = true;
    this.reader?.cancel().catch(() => {});
    this.clone?.stop(); // or the camera would stay on
    if (this.encoder && this.encoder.state !== "closed") this.encoder.close();
  }

  /** Frames straight from the camera. */
  async readTrack() {
    // A clone, because the processor takes its track for itself.
    this.clone = this.track.clone();
    this.reader = new MediaStreamTrackProcessor({ track: this.clone, maxBufferSize: 1 }).readable.getReader();
    for (;;) {
      const { done, value } = await this.reader.read().catch(() => ({ done: true, value: undefined }));
      if (done || this.isStopped) {
        value?.close();
        return;
      }
      this.take(value);
    }
  }

  /** Frames as the video element shows them, for browsers without a track processor. */
  readVideo() {
    const next = (callback) => (this.video.requestVideoFrameCallback
      ? this.video.requestVideoFrameCallback(callback) : setTimeout(callback, 33));
    const step = () => {
      if (this.isStopped) return;
      if (this.video.videoWidth) {
        if (this.isJpeg) this.takeJpeg();
        else this.take(new VideoFrame(this.video, { timestamp: Math.round(performance.now() * 1000) }));
      }
      next(step);
    };
    next(step);
  }

  isFree() {
    return this.socket.readyState === WebSocket.OPEN && this.socket.bufferedAmount < MOST_BUFFERED_BYTES;
  }

  /** Encodes a frame and closes it. */
  take(frame) {
    const ms = performance.now();
    try {
      if (!this.isFree() || (this.encoder?.encodeQueueSize ?? 0) > 1) return;
      this.configure(frame.displayWidth, frame.displayHeight);
      this.taken.set(frame.timestamp, { number: this.count, ms });
      this.encoder.encode(frame, { keyFrame: this.count % KEY_EVERY === 0 });
      this.count += 1;
    } catch (error) {
      if (!this.isStopped) this.onError(error);
    } finally {
      frame.close();
    }
  }

  configure(width, height) {
    if (this.encoder && this.width === width && this.height === height) return;
    if (this.encoder) this.encoder.close();
    [this.width, this.height] = [width, height];
    this.count += (KEY_EVERY - (this.count % KEY_EVERY)) % KEY_EVERY; // a new coder begins with a key frame
    this.encoder = new VideoEncoder({
      output: (chunk) => this.coded(chunk),
      error: (error) => !this.isStopped && this.onError(error),
    });
    this.encoder.configure(encoderSettings(width, height));
  }

  coded(chunk) {
    const frame = this.taken.get(chunk.timestamp);
    for (const timestamp of this.taken.keys()) { // those before it were left out by the encoder
      this.taken.delete(timestamp);
      if (timestamp === chunk.timestamp) break;
    }
    if (!frame || this.isStopped) return;
    const content = new Uint8Array(chunk.byteLength);
    chunk.copyTo(content);
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(pack(chunk.type === "key" ? KEY : DELTA, frame.number, frame.ms, content));
  }

  async takeJpeg() {
    if (this.isCoding || !this.isFree()) return;
    this.isCoding = true;
    const ms = performance.now();
    try {
      this.canvas ??= document.createElement("canvas");
      this.canvas.width = this.video.videoWidth;
      this.canvas.height = this.video.videoHeight;
      this.canvas.getContext("2d").drawImage(this.video, 0, 0);
      const blob = await new Promise((resolve) => { this.canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY); });
      const content = await blob?.arrayBuffer();
      if (content && !this.isStopped && this.socket.readyState === WebSocket.OPEN) {
        this.socket.send(pack(JPEG, this.count, ms, content));
        this.count += 1;
      }
    } finally {
      this.isCoding = false;
    }
  }
}
