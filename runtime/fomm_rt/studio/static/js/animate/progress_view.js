/** A job that waits or runs: how far it is, how long it takes, and what it looks like so far. */

import { button, h, icon, isBusy, setBusy, show } from "../base/dom.js";
import { percent } from "../base/format.js";
import { hasText, say, sayVerbatim } from "../base/i18n.js";
import { announce } from "../frame/announce.js";
import { problemPlace } from "../frame/problem.js";
import { post } from "../server/api.js";

/** Screen readers hear of every so many percent. */
const SPOKEN_STEP = 25;

/** @param {any} job as it is now */
export function progressView(job) {
  const preview = h("img", { alt: "", hidden: true });
  const symbol = h("span.symbol", {}, icon("spark"));
  const place = h("div.preview", {}, symbol, preview);
  const stage = h("p.lead");
  const bar = h("progress", { max: "1", label: "job.progress" });
  const left = h("p.hint");
  const problem = problemPlace();
  const cancel = button("", "close", "job.cancel", async () => {
    if (isBusy(cancel)) return;
    setBusy(cancel, true);
    try {
      await post(`/api/jobs/${job.id}/cancel`);
    } catch (error) {
      problem.tellError("job.cancel_failed", error);
      setBusy(cancel, false);
    }
  });
  let spoken = 0;

  function update(now) {
    if (now.state === "waiting") say(stage, "job.waiting");
    else if (!now.stage) say(stage, "job.starting");
    else if (hasText(stageKey(now.stage))) say(stage, stageKey(now.stage));
    else sayVerbatim(stage, now.stage);
    const share = now.total ? now.done / now.total : null;
    if (share === null) bar.removeAttribute("value");
    else bar.value = share;
    tellLeft(now, share);
    if (now.preview && now.preview !== preview.getAttribute("src")) {
      preview.src = now.preview;
      show(true, preview);
      show(false, symbol);
    }
    const step = share === null ? 0 : Math.floor(percent(share) / SPOKEN_STEP) * SPOKEN_STEP;
    if (step > spoken && step < 100) announce("job.spoken", { percent: step });
    spoken = step;
  }

  function tellLeft(now, share) {
    if (share === null) say(left, "job.left_unknown");
    else if (now.left_s === null || now.left_s === undefined) say(left, "job.share", { percent: percent(share) });
    else if (now.left_s < 60) say(left, "job.left_s", { percent: percent(share), seconds: Math.max(1, Math.round(now.left_s)) });
    else say(left, "job.left_min", { percent: percent(share), minutes: Math.round(now.left_s / 60) });
  }

  update(job);
  return {
    element: h("div.running", {}, place, h("div.running-words", {}, stage, bar, left, h("div.actions", {}, cancel),
      problem.element)),
    update,
  };
}

const stageKey = (stage) => `stage.${stage.toLowerCase().replaceAll(/[^a-z]+/g, "_")}`;
