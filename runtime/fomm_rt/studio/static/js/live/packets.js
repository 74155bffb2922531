/** Coded pictures on the live socket; the same layout as fomm_rt/studio/live/packets.py. */

export const KEY = 1;
export const DELTA = 2;
export const JPEG = 3;
const HEADER_BYTES = 16;

/**
 * @param {number} kind KEY, DELTA or JPEG
 * @param {number} number of the camera's frame
 * @param {number} pageMs when the camera took it, as performance.now() tells
 * @param {ArrayBuffer|ArrayBufferView} content
 */
export function pack(kind, number, pageMs, content) {
  const bytes = ArrayBuffer.isView(content)
    ? new Uint8Array(content.buffer, content.byteOffset, content.byteLength) : new Uint8Array(content);
  const message = new Uint8Array(HEADER_BYTES + bytes.length);
  const header = new DataView(message.buffer);
  header.setUint8(0, kind);
  header.setUint32(4, number, true);
  header.setFloat64(8, pageMs, true);
  message.set(bytes, HEADER_BYTES);
  return message;
}

/** @param {ArrayBuffer} message */
export function unpack(message) {
  const header = new DataView(message);
  return {
    kind: header.getUint8(0),
    number: header.getUint32(4, true),
    pageMs: header.getFloat64(8, true),
    content: new Uint8Array(message, HEADER_BYTES),
  };
}
