/** What can run a model on this machine: the one that does, and why the others do not. */

import { h, icon } from "../base/dom.js";
import { studio } from "../studio.js";

/** @param {any[]} backends fastest first, each with a name, a device and a problem or null */
export function backendList(backends) {
  const running = studio.get().backend;
  const rows = backends.map((backend) => {
    const runs = backend.name === running.name;
    const state = runs ? "backends.runs" : backend.problem ? "backends.unavailable" : "backends.available";
    return h(runs ? "li.runs" : backend.problem ? "li.off" : "li", {},
      h("span.sign", {}, icon(backend.problem ? "close" : "check")),
      h("div", {},
        h("p", {}, h("b", {}, backend.name), " ", h("span.badge", { text: state })),
        backend.problem && h("p.hint.sentence", { lang: "en" }, backend.problem)));
  });
  return h("section.card.backends", { "aria-labelledby": "backends-title" },
    h("h2", { id: "backends-title", text: "backends.title" }),
    h("p.hint", { text: "backends.intro" }),
    h("ul", {}, ...rows),
    running.reason && h("p.hint.sentence", { lang: "en" }, running.reason));
}
