/** The tab Models: what is installed, what can be fetched, and what runs it. */

import { h } from "../base/dom.js";
import { problemPlace } from "../frame/problem.js";
import { get } from "../server/api.js";
import { studio } from "../studio.js";
import { backendList } from "./backends.js";
import { modelCard } from "./model_card.js";

/** Builds the tab in its panel. */
export async function mount(panel) {
  const problem = problemPlace();
  const list = h("div.model-list");
  const backends = h("div", {}, h("p.hint", { text: "models.looking" }));
  /** @type {Map<string, {element: Element, update: (model: any, fetchProblem: string|null) => void}>} */
  const cards = new Map();
  let installed = "";

  panel.append(
    h("header.intro", {}, h("h1", { text: "models.title" }), h("p", { text: "models.intro" })),
    problem.element, list, backends,
  );

  /** Shows the document of `GET /api/models`. */
  async function take(all) {
    all.models.forEach((model, at) => {
      if (!cards.has(model.name)) cards.set(model.name, modelCard(model.name, refresh));
      const card = cards.get(model.name);
      card.update(model, all.fetch_problem);
      // Moved only if need be, because a button that is moved loses the focus.
      if (list.children[at] !== card.element) list.insertBefore(card.element, list.children[at] ?? null);
    });
    const names = all.models.filter((model) => model.installed).map((model) => model.name).join();
    if (names === installed) return;
    installed = names;
    studio.set(await get("/api/status")); // the models that Animate offers
    backends.replaceChildren(backendList(all.backends));
  }

  async function refresh() {
    try {
      await take(await get("/api/models"));
      problem.clear();
    } catch (error) {
      problem.tellError("models.failed", error);
    }
  }

  await refresh();
  const events = new EventSource("/api/models/events");
  events.addEventListener("models", (event) => take(JSON.parse(event.data)).catch((error) =>
    problem.tellError("models.failed", error)));
  return { opened: refresh };
}
