/** A model: what it is for, and the way to get it or to remove it. */

import { button, h, show } from "../base/dom.js";
import { bytes, percent } from "../base/format.js";
import { hasText, say, sayVerbatim } from "../base/i18n.js";
import { announce } from "../frame/announce.js";
import { openDialog } from "../frame/dialog.js";
import { problemPlace } from "../frame/problem.js";
import { post, remove } from "../server/api.js";

/** The one that most people need. */
const RECOMMENDED = "vox-adv";

/**
 * @param {string} name
 * @param {() => Promise<void>} refresh asks for all models again
 */
export function modelCard(name, refresh) {
  let model = null;
  let fetchProblem = null;
  const path = `/api/models/${encodeURIComponent(name)}`;
  const title = h("h2");
  const badge = h("span.badge");
  const description = h("p");
  const licence = h("p.hint", { text: "models.terms" });
  const bar = h("progress", { max: "1", label: "models.progress" });
  const stage = h("p.hint.sentence");
  const problem = problemPlace();
  const fetching = h("div.fetching", {}, bar, stage);
  const download = button("", "download", "models.fetch", startFetch);
  const words = download.querySelector("span");
  const cancel = button("", "close", "models.cancel", () => send(() => post(`${path}/cancel`), "models.cancel_failed"));
  const drop = button("link", "delete", "models.remove", confirmRemoval);

  async function send(action, key) {
    problem.clear();
    try {
      await action();
      await refresh();
    } catch (error) {
      problem.tellError(key, error);
    }
  }

  function startFetch() {
    if (fetchProblem) return problem.tell("models.fetch_needs", undefined, fetchProblem);
    if (!model.needs_trust) return send(() => post(`${path}/fetch`), "models.fetch_failed");
    return confirm("models.trust_title", "models.trust_what", "models.trust", () =>
      send(() => post(`${path}/fetch`, { trust: true }), "models.fetch_failed"));
  }

  function confirmRemoval() {
    confirm("models.remove_title", "models.remove_what", "models.remove", () =>
      send(() => remove(path), "models.remove_failed"));
  }

  function confirm(titleKey, whatKey, actionKey, action) {
    const sentence = h("p");
    say(sentence, whatKey, { name });
    const dialog = openDialog(titleKey, [sentence, h("div.actions", {},
      button("", null, "models.keep", () => dialog.close()),
      button("primary", null, actionKey, () => {
        dialog.close();
        action();
      }))], () => {});
  }

  function update(next, problemOfAll) {
    if (model && !model.installed && next.installed) announce("models.is_installed", { name });
    model = next;
    fetchProblem = problemOfAll;
    sayKnown(title, "title", model.title);
    sayKnown(description, "description", model.description);
    show(Boolean(model.licence_note), licence);
    say(badge, model.installed ? "models.installed" : "models.recommended");
    badge.classList.toggle("installed", model.installed);
    show(model.installed || name === RECOMMENDED, badge);
    if (model.bytes) say(words, "models.fetch_size", { size: bytes(model.bytes) });
    const busy = model.fetch?.state === "running";
    show(busy, fetching, cancel);
    show(!busy && !model.installed, download);
    show(model.is_removable && !busy, drop);
    if (busy) tellProgress(model.fetch);
    else if (model.fetch?.state === "failed") problem.tell("models.fetch_failed", undefined, model.fetch.error ?? "");
  }

  function tellProgress(fetch) {
    problem.clear();
    if (!fetch.total) {
      bar.removeAttribute("value");
      sayVerbatim(stage, fetch.stage);
      return;
    }
    const share = (fetch.done ?? 0) / fetch.total;
    bar.value = share;
    say(stage, "models.downloading", { percent: percent(share), done: bytes(fetch.done ?? 0), total: bytes(fetch.total) });
  }

  function sayKnown(element, which, otherwise) {
    const key = `models.${name}.${which}`;
    if (hasText(key)) say(element, key);
    else sayVerbatim(element, otherwise || name);
  }

  const element = h("article.card.model", {},
    h("header", {}, title, badge), description, licence, fetching, problem.element,
    h("div.actions", {}, download, cancel, drop));
  return { element, update };
}
