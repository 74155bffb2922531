/** The tab Models: what is installed, what can be fetched, and what runs it. */

import { h } from "../base/dom.js";
import { say } from "../base/i18n.js";
import { problemPlace } from "../frame/problem.js";
import { get } from "../server/api.js";
import { studio } from "../studio.js";
import { backendList } from "./backends.js";
import { modelCard } from "./model_card.js";

/** Builds the tab in its panel. */
export async function mount(panel) {
  const problem = problemPlace();
  const list = h("div.model-list");
  const backends = h("div");
  /** @type {Map<string, {element: Element, update: Function, follow: Function, isFetching: () => boolean}>} */
  const cards = new Map();

  panel.append(
    h("header.intro", {}, h("h1", { text: "models.title" }), h("p", { text: "models.intro" })),
    problem.element, list, backends,
  );

  function put(model, fetchProblem) {
    if (!cards.has(model.name)) {
      cards.set(model.name, modelCard(model.name, refresh));
      list.append(cards.get(model.name).element);
    }
    cards.get(model.name).update(model, fetchProblem);
  }

  async function refresh() {
    try {
      const answer = await get("/api/models");
      answer.models.forEach((model) => put(model, answer.fetch_problem));
      backends.replaceChildren(backendList(answer.backends));
      problem.clear();
      studio.set(await get("/api/status")); // which models Animate offers
    } catch (error) {
      problem.tellError("models.failed", error);
    }
  }

  /** Follows the downloads. What is installed changes with them, and by other programs. */
  function listen() {
    let isFirst = true;
    const events = new EventSource("/api/models/events");
    events.addEventListener("models", (event) => {
      const { models } = JSON.parse(event.data);
      let isOver = false;
      for (const [name, card] of cards) {
        const fetch = models[name] ?? null;
        isOver ||= card.isFetching() && fetch?.state !== "running";
        card.follow(fetch);
      }
      if (isOver || !isFirst && Object.keys(models).length === 0) refresh();
      isFirst = false;
    });
  }

  const waiting = h("p.hint");
  say(waiting, "models.looking");
  backends.append(waiting);
  await refresh();
  listen();
  return { opened: refresh };
}
