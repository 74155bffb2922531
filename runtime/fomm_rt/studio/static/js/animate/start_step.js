/** The third step: the options, and the button that starts. */

import { button, h, show } from "../base/dom.js";
import { say } from "../base/i18n.js";
import { announce } from "../frame/announce.js";
import { problemPlace } from "../frame/problem.js";
import { post } from "../server/api.js";
import { modelField } from "./model_field.js";
import { jobOptions } from "./options.js";

/**
 * @param {object} chosen the stores picture, driver and model, and the stores picture and driver of framings
 * @param {(job: any) => void} started
 */
export function startStep({ picture, driver, framings, model }, started) {
  const options = jobOptions(modelField(model));
  const problem = problemPlace();
  const missing = h("p.hint.missing", { id: "start-missing" });
  const start = button("primary.large", "spark", "start.start", begin, { id: "start", "aria-describedby": "start-missing" });

  function lack() {
    if (!picture.get() && !driver.get()) return "start.lacks_both";
    if (!picture.get()) return "start.lacks_picture";
    return driver.get() ? null : "start.lacks_driver";
  }

  function tell() {
    const key = lack();
    start.setAttribute("aria-disabled", String(Boolean(key)));
    show(Boolean(key), missing);
    if (key) say(missing, key);
    problem.clear();
  }
  picture.watch(tell);
  driver.watch(tell);

  async function begin() {
    if (lack()) return announce(lack());
    const read = options.read();
    if (!read || start.hasAttribute("data-busy")) return undefined;
    problem.clear();
    start.dataset.busy = ""; // one press, one job
    try {
      started(await post("/api/jobs", {
        source: picture.get().id, driving: driver.get().id, options: { ...read, model: model.get(), ...framed() },
      }));
    } catch (error) {
      problem.tellError("start.failed", error);
    } finally {
      delete start.dataset.busy;
    }
    return undefined;
  }

  function framed() {
    const { square, face } = framings.picture.get() ?? {};
    const driving = framings.driver.get()?.square;
    return {
      ...(square && { source_square: [square.x, square.y, square.side] }),
      ...(face && { face }),
      ...(driving && { driving_square: [driving.x, driving.y, driving.side] }),
    };
  }

  return h("section.step.card.start-step", { "aria-labelledby": "start-title" },
    h("header", {}, h("h2", { id: "start-title" },
      h("span.number", { "aria-hidden": "true" }, "3"), h("span", { text: "start.title" }))),
    options.element, problem.element, h("div.start-row", {}, start, missing));
}
