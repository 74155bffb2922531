/** What the page says when the studio does not answer, or does not know this browser. */

import { h, icon, show } from "../base/dom.js";
import { say } from "../base/i18n.js";
import { get, watchTrouble } from "../server/api.js";

const RETRY_MS = 2000;

/** Watches all requests. When the studio answers again, the event `studioback` reaches the document. */
export function startConnection() {
  const banner = document.getElementById("banner");
  const words = h("span");
  banner.replaceChildren(icon("warning"), words);
  let waiting = false;

  async function retry() {
    try {
      await get("/api/status");
    } catch (error) {
      if (error.status === 0) setTimeout(retry, RETRY_MS);
      else waiting = false;
      return;
    }
    waiting = false;
    show(false, banner);
    document.dispatchEvent(new Event("studioback"));
  }

  watchTrouble((error) => {
    if (error.status === 401) {
      waiting = false;
      show(false, banner);
      lock();
    } else if (!waiting) {
      waiting = true;
      say(words, "frame.no_answer");
      show(true, banner);
      setTimeout(retry, RETRY_MS);
    }
  });
}

/** Replaces the content: this browser has no session, and only the person at the terminal can give it one. */
export function lock() {
  const place = document.getElementById("locked");
  if (!place.hidden) return;
  for (const panel of document.querySelectorAll("main > .panel")) panel.hidden = true;
  show(false, document.getElementById("tabs"));
  place.replaceChildren(
    h("h1", { text: "locked.title" }),
    h("p", { text: "locked.what" }),
    h("p", {}, h("code", {}, "fomm-rt studio")),
  );
  show(true, place);
}
