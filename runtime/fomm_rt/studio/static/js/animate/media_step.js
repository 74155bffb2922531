/** A step of the way: the place that takes a picture or a driver, shows it, and says what is wrong with it. */

import { button, freshId, h, icon, iconButton, show } from "../base/dom.js";
import { bytes, percent } from "../base/format.js";
import { say, sayVerbatim } from "../base/i18n.js";
import { problemPlace } from "../frame/problem.js";
import { upload } from "../server/upload.js";
import { studio } from "../studio.js";
import { sayName } from "./names.js";

/**
 * @typedef {object} StepOptions
 * @property {"picture"|"driver"} kind also the prefix of its texts
 * @property {number} number of the step
 * @property {string} symbol of the empty place
 * @property {string} accept of the file dialog
 * @property {{get: () => any, set: (chosen: any) => void, watch: Function}} choice what was chosen, or null
 * @property {(chosen: any) => {element: Node, below: Node|null, closed?: () => void}} view shows what was chosen
 * @property {Node} further a button beside "Choose a file"
 */

/** @param {StepOptions} options */
export function mediaStep({ kind, number, symbol, accept, choice, view, further }) {
  const titleId = freshId("step");
  const file = h("input.unseen", { type: "file", accept, tabindex: "-1", "aria-hidden": "true" });
  const choose = button("", "upload", `${kind}.choose`, () => file.click());
  const empty = h("div.empty", {},
    h("span.symbol", {}, icon(symbol)),
    h("p.lead", { text: matchMedia("(pointer: coarse)").matches ? `${kind}.wanted` : `${kind}.drop` }),
    h("p.hint", { text: `${kind}.hint` }),
    h("div.actions", {}, choose, further),
  );

  const sentName = h("p.file-name");
  const bar = h("progress", { max: "1", label: "upload.progress" });
  const sentShare = h("p.hint", { "aria-live": "off" });
  const cancel = button("link", "close", "upload.cancel", () => sending?.abort());
  const uploading = h("div.uploading", { hidden: true }, sentName, bar, sentShare, cancel);

  const slot = h("div.slot", { hidden: true });
  const stage = h("div.stage", {}, empty, uploading, slot);
  const name = h("p.file-name");
  const below = h("div");
  const about = h("div.about", {}, name, below);
  const clear = iconButton("close", `${kind}.clear`, () => {
    choice.set(null);
    choose.focus();
  }, { hidden: true });
  const problem = problemPlace();

  /** @type {AbortController|null} */
  let sending = null;
  let shown = null;

  choice.watch((chosen) => {
    shown?.closed?.();
    shown = chosen && view(chosen);
    slot.replaceChildren(...(shown ? [shown.element] : []));
    below.replaceChildren(...(shown?.below ? [shown.below] : []));
    if (chosen) sayName(name, chosen);
    show(Boolean(chosen), slot, clear, about);
    show(!chosen, empty);
    if (chosen) problem.clear();
  });

  function refusal(blob) {
    const limit = studio.get()?.limits.upload_bytes ?? Infinity; // the studio checks it too
    if (blob.size === 0) return ["upload.empty"];
    if (blob.size > limit) return ["upload.too_large", { size: bytes(blob.size), limit: bytes(limit) }];
    return null;
  }

  /** Uploads a file and chooses it. What was chosen before stays until the new one is there. */
  async function take(blob, fileName = blob.name) {
    const reason = refusal(blob);
    if (reason) return problem.tell(...reason);
    sending?.abort();
    const mine = new AbortController();
    sending = mine;
    problem.clear();
    sayVerbatim(sentName, fileName);
    report(0);
    show(false, empty, slot);
    show(true, uploading);
    try {
      choice.set(await upload(kind, blob, fileName, report, mine.signal));
    } catch (error) {
      if (error.name !== "AbortError") problem.tellError(`${kind}.unusable`, error);
    } finally {
      if (sending === mine) {
        sending = null;
        show(false, uploading);
        show(Boolean(choice.get()), slot);
        show(!choice.get(), empty);
      }
    }
    return undefined;
  }

  function report(share) {
    bar.value = share;
    if (share >= 1) say(sentShare, "upload.looking");
    else say(sentShare, "upload.share", { percent: percent(share) });
  }

  file.addEventListener("change", () => {
    const chosen = file.files[0];
    file.value = ""; // the same file can be chosen again
    if (chosen) take(chosen);
  });

  const element = h("section.step.card", { "aria-labelledby": titleId, id: kind },
    h("header", {},
      h("h2", { id: titleId }, h("span.number", { "aria-hidden": "true" }, String(number)), h("span", { text: `${kind}.title` })),
      clear),
    stage, file, about, problem.element,
  );
  return { element, stage, take };
}
