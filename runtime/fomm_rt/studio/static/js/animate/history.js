/** What was made in this session of the studio, newest first. */

import { h, icon, iconButton, show } from "../base/dom.js";
import { clock } from "../base/format.js";
import { say, sayAttribute } from "../base/i18n.js";
import { nameOfJob } from "./names.js";

/**
 * @param {{watch: (listener: (jobs: any[]) => void) => void}} jobs
 * @param {(job: any) => void} open
 * @param {(job: any) => void} forget
 */
export function historyPlace(jobs, open, forget) {
  const list = h("ul.jobs");
  const element = h("section.card.history", { "aria-labelledby": "history-title", hidden: true },
    h("header", {}, h("h2", { id: "history-title", text: "history.title" })),
    h("p.hint", { text: "history.hint" }), list);
  /** @type {Map<string, {element: Element, update: (job: any) => void}>} */
  const entries = new Map();

  jobs.watch((all) => {
    show(all.length > 0, element);
    const known = new Set(all.map((job) => job.id));
    for (const [id, item] of entries) {
      if (known.has(id)) continue;
      const hadFocus = item.element.contains(document.activeElement);
      const neighbour = item.element.nextElementSibling ?? item.element.previousElementSibling;
      item.element.remove();
      entries.delete(id);
      if (hadFocus) neighbour?.querySelector("button")?.focus();
    }
    all.forEach((job, at) => {
      if (!entries.has(job.id)) entries.set(job.id, entry(job, open, forget));
      const item = entries.get(job.id);
      item.update(job);
      if (list.children[at] !== item.element) list.insertBefore(item.element, list.children[at] ?? null);
    });
  });
  return element;
}

function entry(first, open, forget) {
  let job = first;
  const image = h("img", { alt: "", width: "72", height: "72" });
  image.addEventListener("error", () => { image.hidden = true; });
  const name = h("span.file-name");
  const state = h("span.hint");
  const main = h("button.open", { type: "button", onclick: () => open(job) },
    h("span.poster", {}, icon("picture"), image), h("span.words", {}, name, state));
  const element = h("li", { "data-job": job.id }, main);
  const remove = iconButton("delete", "history.delete", () => forget(job));
  const tellName = () => {
    name.textContent = nameOfJob(job);
    for (const which of ["label", "title"]) sayAttribute(remove, which, "history.delete", { name: nameOfJob(job) });
  };
  tellName();
  element.append(remove);
  document.addEventListener("languagechange", () => element.isConnected && tellName());

  let poster = null;
  return {
    element,
    update(next) {
      job = next;
      const wanted = job.state === "done" && job.preview ? job.preview : `/api/files/${encodeURIComponent(job.source)}/thumbnail`;
      if (wanted !== poster) {
        poster = wanted;
        image.hidden = false;
        image.src = wanted;
      }
      const seconds = job.result?.duration_s;
      if (seconds) say(state, "history.done", { length: clock(seconds) });
      else say(state, `history.${job.state}`);
      element.classList.toggle("is-running", job.state === "running");
    },
  };
}
