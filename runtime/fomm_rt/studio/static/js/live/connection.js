/** The live socket of a page. */

import { unpack } from "./packets.js";

/** The code with which the studio refuses a second camera. */
export const BUSY = 4409;

export class Connection {
  /**
   * @param {Object<string, string>} parameters role, codec, and perhaps model
   * @param {(packet: any) => void} onPacket
   * @param {(message: any) => void} onMessage
   * @param {(code: number, reason: string) => void} onClose
   */
  constructor(parameters, onPacket, onMessage, onClose) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/live?${new URLSearchParams(parameters)}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? onMessage(JSON.parse(data)) : onPacket(unpack(data)));
    this.socket.onclose = ({ code, reason }) => onClose(code, reason);
  }

  command(name, value = null) {
    if (this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: "command", name, value }));
    }
  }

  /** Asks for a frame that needs no other, after one was lost. */
  requestKey() {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type: "key" }));
  }

  close() {
    this.socket.onclose = null;
    this.socket.close();
  }
}
