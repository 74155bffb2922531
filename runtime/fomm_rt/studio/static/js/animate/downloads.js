/** The result as a file, in one of several formats. */

import { h, icon, isBusy, setBusy } from "../base/dom.js";
import { say } from "../base/i18n.js";
import { announce } from "../frame/announce.js";
import { request } from "../server/api.js";

const FORMATS = [["mp4", "MP4"], ["webm", "WebM"], ["gif", "GIF"]];

/**
 * @param {any} job that is done
 * @param {{clear: () => void, tellError: (key: string, error: Error) => void}} problem
 */
export function downloads(job, problem) {
  return h("div.downloads", { role: "group", label: "download.title" },
    ...FORMATS.map(([format, name], at) => downloadButton(job, format, name, at === 0, problem)));
}

function downloadButton(job, format, name, isFirst, problem) {
  const words = h("span", {}, name);
  const control = h(isFirst ? "button.primary" : "button", { type: "button", "data-format": format }, icon("download"), words);
  control.addEventListener("click", async () => {
    const url = `/api/jobs/${job.id}/result?format=${format}`;
    if (isBusy(control)) return;
    setBusy(control, true);
    problem.clear();
    say(words, "download.preparing", { format: name });
    announce("download.preparing", { format: name });
    try {
      // The first byte is there once the file has been converted; the browser then saves it at its own pace.
      await request(url, { headers: { Range: "bytes=0-0" } });
      const link = h("a", { href: `${url}&download=1`, download: "" });
      document.body.append(link);
      link.click();
      link.remove();
    } catch (error) {
      problem.tellError("download.failed", error);
    } finally {
      setBusy(control, false);
      delete words.dataset.i18n;
      words.textContent = name;
    }
  });
  return control;
}
