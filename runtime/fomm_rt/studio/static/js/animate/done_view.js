/** A job that is done: the players, and what can be done with the result. */

import { button, h, show } from "../base/dom.js";
import { deviceName } from "../base/format.js";
import { say } from "../base/i18n.js";
import { problemPlace } from "../frame/problem.js";
import { request } from "../server/api.js";
import { downloads } from "./downloads.js";
import { player } from "./player.js";

/**
 * @param {any} job
 * @param {object} actions
 * @param {(job: any) => void} actions.reuse takes the motion as the driver of the next job
 * @param {(job: any) => void} actions.explain
 * @param {(job: any) => void} actions.forget deletes it
 */
export function doneView(job, { reuse, explain, forget }) {
  const problem = problemPlace();
  const view = player(job);
  const isExplanation = job.kind === "explanation";
  const again = button("", "motion", "result.reuse", () => reuse(job));
  show(Boolean(job.motion_id) && !isExplanation, again);
  const why = button("", "explain", "result.explain", () => explain(job, problem));
  show(!isExplanation, why);
  const remove = button("link", "delete", "result.delete", () => forget(job, problem));
  show(!isExplanation, remove);

  return {
    element: h("div.done", {},
      view.element,
      isExplanation && h("p.hint", { text: "result.explained" }),
      h("div.result-actions", {}, downloads(job, problem), h("div.actions", {}, again, why, remove)),
      problem.element,
      facts(job.result),
    ),
    play: view.play,
    closed: view.closed,
  };
}

function facts(result) {
  const words = h("p");
  say(words, "result.facts", { frames: result.frames, width: result.width, height: result.height,
    device: deviceName(result.backend) });
  return h("details.facts", {}, h("summary", {}, h("span", { text: "result.details" })), words,
    h("p.sentence", { lang: "en" }, result.backend.reason ?? ""),
    h("ul", { lang: "en" }, ...result.notes.map((note) => h("li", {}, note))));
}

/**
 * The explanation of a job: a job that makes it, or has made it.
 *
 * @returns {Promise<any>}
 */
export async function explanationOf(job) {
  const url = `/api/jobs/${job.id}/explanation`;
  const answer = await request(url, { headers: { Range: "bytes=0-0" } });
  if (answer.status === 202) return answer.json();
  return { ...job, kind: "explanation", motion_id: null, result: { ...job.result, url } };
}
