/** The chosen picture or film with its square: finds the face and lets the person choose what counts. */

import { button, freshId, h, show } from "../base/dom.js";
import { say } from "../base/i18n.js";
import { problemPlace } from "../frame/problem.js";
import { post } from "../server/api.js";
import { faceFrame } from "./face_frame.js";
import { isSame } from "./square.js";

/**
 * @typedef {object} FramedOptions
 * @property {{id: string}} item an upload, or a file of the gallery
 * @property {Element} media shows it, in its own proportions
 * @property {"picture"|"driver"} kind prefix of what is said about the face
 * @property {{get: () => string|null}} model
 * @property {{get: () => any, set: (framing: any) => void}} framing what the job is told: null, {face} or {square}
 * @property {(number: number) => any} framingOf what the job is told about a face that the person takes, by its number
 */

/** @param {FramedOptions} options */
export function framedView({ item, media, kind, model, framing, framingOf }) {
  let found = null; // the answer about faces
  let taken = null; // the square before the person moved it, and the number of its face

  const words = h("p.found", { role: "status", text: `${kind}.square_looking` });
  const reset = button("link", "reset", "square.reset", () => take(taken));
  const keys = h("p.keys", { id: freshId("square-keys"), text: "square.keys" });
  const problem = problemPlace();
  const frame = faceFrame(media, { name: `${kind}.square_name`, described: keys.id }, moved, (face) => take(asTaken(face)));
  show(false, reset, keys);
  framing.set(null);
  document.addEventListener("languagechange", frame.redraw);

  const asTaken = ({ number, square: [x, y, side] }) => ({ number, square: { x, y, side } });
  const untouched = () => (taken.number > 1 ? framingOf(taken) : null);

  function take(choice) {
    taken = choice;
    framing.set(untouched());
    const others = found.faces.filter((face) => face.number !== choice.number);
    frame.place(found, choice.square, others);
    show(false, reset);
    tellFound();
  }

  function moved(square) {
    const isMoved = !isSame(square, taken.square);
    framing.set(isMoved ? { square } : untouched());
    show(isMoved, reset);
  }

  function tellFound() {
    const count = found.faces.length;
    if (count === 0) say(words, `${kind}.square_none`);
    else if (count === 1) say(words, `${kind}.square_one`);
    else say(words, `${kind}.square_several`, { count, number: taken.number });
  }

  let newest = 0; // an answer that another question has overtaken is not used

  async function look() {
    newest += 1;
    const mine = newest;
    try {
      const answer = await post("/api/faces", { id: item.id, model: model.get() });
      if (mine !== newest) return;
      found = answer;
    } catch (error) {
      if (mine !== newest) return;
      show(false, words);
      problem.tellError(`${kind}.square_failed`, error);
      return;
    }
    show(true, words, keys);
    problem.clear();
    take(asTaken(found.faces[0] ?? { number: 0, square: found.square }));
  }

  return {
    element: h("div.view", {}, frame.element),
    below: h("div.below-view", {}, words, reset, keys, problem.element),
    look,
    isUntouched: () => !framing.get()?.square,
    closed() {
      newest += 1;
      framing.set(null);
      document.removeEventListener("languagechange", frame.redraw);
    },
  };
}
