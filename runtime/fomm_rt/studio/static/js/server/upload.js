/** Uploads with progress, which fetch cannot report. */

import { errorOf } from "./api.js";

/**
 * Sends a file as it is.
 *
 * @param {"picture"|"driver"} kind
 * @param {Blob} file
 * @param {string} name
 * @param {(share: number) => void} progress from 0 to 1
 * @param {AbortSignal} signal
 * @returns {Promise<any>} what the studio found in it
 */
export function upload(kind, file, name, progress, signal) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", `/api/uploads?kind=${kind}`);
    sending.setRequestHeader("X-File-Name", encodeURIComponent(name));
    sending.setRequestHeader("Content-Type", "application/octet-stream");
    sending.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    });
    sending.addEventListener("load", () => {
      if (sending.status === 201) resolve(JSON.parse(sending.responseText));
      else reject(errorOf(sending.status, sending.responseText));
    });
    sending.addEventListener("error", () => reject(errorOf(0, "")));
    sending.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
    signal.addEventListener("abort", () => sending.abort());
    sending.send(file);
  });
}
