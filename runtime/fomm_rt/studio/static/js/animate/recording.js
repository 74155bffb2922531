/** A driver recorded with the camera and the microphone. */

import { button, h, show } from "../base/dom.js";
import { clock } from "../base/format.js";
import { t } from "../base/i18n.js";
import { announce } from "../frame/announce.js";
import { openDialog } from "../frame/dialog.js";
import { cameraView } from "./camera_view.js";

/** A recording ends by itself after this time; jobs of minutes take long on a CPU. */
const LONGEST_S = 120;

/** The first format that this browser records; the studio reads all of them. */
const FORMATS = ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"];

/** @param {(recording: Blob, name: string) => void} use */
export function recordDriver(use) {
  let recorder = null;
  let recording = null;
  let ticking = 0;

  const time = h("p.time", { role: "timer", "aria-live": "off" }, clock(0));
  const review = h("video.still", { controls: true, playsinline: true, label: "recording.review", hidden: true });
  const sound = h("input", { type: "checkbox", checked: true, onchange: () => view.open({ sound: sound.checked }) });
  const soundChoice = h("label.check", {}, sound, h("span", { text: "recording.sound" }));
  const start = button("primary", "record", "recording.start", record, { disabled: true });
  const finish = button("primary", "pause", "recording.stop", () => recorder.stop(), { hidden: true });
  const again = button("", "reset", "recording.again", retake, { hidden: true });
  const keep = button("primary", "check", "recording.use", () => {
    dialog.close();
    use(recording, t("recording.file_name", { ending: recording.type.includes("mp4") ? "mp4" : "webm" }));
  }, { hidden: true });

  const view = cameraView(() => { start.disabled = false; }, () => {
    start.disabled = true;
    if (recorder?.state === "recording") recorder.stop();
  });
  view.element.firstElementChild.append(review, time);
  const dialog = openDialog("recording.title", [
    h("p.hint", { text: "recording.advice" }), view.element, soundChoice,
    h("div.actions", {}, again, start, finish, keep),
  ], () => {
    if (recorder) {
      recorder.onstop = null;
      if (recorder.state !== "inactive") recorder.stop();
    }
    clearInterval(ticking);
    view.close();
    URL.revokeObjectURL(review.src);
  });
  view.open({ sound: true }).then(() => start.focus());

  function record() {
    const format = FORMATS.find((type) => window.MediaRecorder?.isTypeSupported(type));
    if (!format) return view.problem.tell("recording.unsupported");
    const parts = [];
    recorder = new MediaRecorder(view.stream(), { mimeType: format, videoBitsPerSecond: 5_000_000 });
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => finished(new Blob(parts, { type: recorder.mimeType }));
    recorder.start();
    const began = performance.now();
    ticking = setInterval(() => {
      const seconds = (performance.now() - began) / 1000;
      time.textContent = clock(seconds);
      if (seconds >= LONGEST_S) recorder.stop();
    }, 200);
    time.classList.add("recording");
    show(false, start, soundChoice);
    show(true, finish);
    finish.focus();
    announce("recording.started");
    return undefined;
  }

  function finished(blob) {
    clearInterval(ticking);
    time.classList.remove("recording");
    recording = blob;
    review.src = URL.createObjectURL(blob);
    show(false, finish);
    show(true, review, again, keep);
    keep.focus();
    announce("recording.finished");
  }

  function retake() {
    URL.revokeObjectURL(review.src);
    review.removeAttribute("src");
    time.textContent = clock(0);
    show(false, review, again, keep);
    show(true, start, soundChoice);
    start.focus();
  }
}
