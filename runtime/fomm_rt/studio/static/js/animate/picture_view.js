/** The chosen picture: finds its faces and lets the person choose what moves. */

import { button, h, show } from "../base/dom.js";
import { say } from "../base/i18n.js";
import { problemPlace } from "../frame/problem.js";
import { post } from "../server/api.js";
import { faceFrame } from "./face_frame.js";
import { isSame } from "./square.js";

/**
 * @param {any} picture an upload, or a picture of the gallery
 * @param {{get: () => string|null}} model
 * @param {{get: () => any, set: (framing: any) => void}} framing what the job is told: null, {face} or {square}
 */
export function pictureView(picture, model, framing) {
  let found = null; // the answer about faces
  let taken = null; // the square before the person moved it, and the number of its face

  const words = h("p.found", { role: "status", text: "square.looking" });
  const reset = button("link", "reset", "square.reset", () => take(taken));
  const keys = h("p.keys", { id: "square-keys", text: "square.keys" });
  const problem = problemPlace();
  const frame = faceFrame(picture, moved, (face) => take(asTaken(face)));
  show(false, reset, keys);
  document.addEventListener("languagechange", frame.redraw);

  const asTaken = ({ number, square: [x, y, side] }) => ({ number, square: { x, y, side } });

  function take(choice) {
    taken = choice;
    framing.set(choice.number > 1 ? { face: choice.number } : null);
    const others = found.faces.filter((face) => face.number !== choice.number);
    frame.place(found, choice.square, others);
    show(false, reset);
    tellFound();
  }

  function moved(square) {
    const isMoved = !isSame(square, taken.square);
    framing.set(isMoved ? { square } : taken.number > 1 ? { face: taken.number } : null);
    show(isMoved, reset);
  }

  function tellFound() {
    const count = found.faces.length;
    if (count === 0) say(words, "square.none");
    else if (count === 1) say(words, "square.one");
    else say(words, "square.several", { count, number: taken.number });
  }

  let newest = 0; // an answer that another question has overtaken is not used

  async function look() {
    newest += 1;
    const mine = newest;
    try {
      const answer = await post("/api/faces", { id: picture.id, model: model.get() });
      if (mine !== newest) return;
      found = answer;
    } catch (error) {
      if (mine !== newest) return;
      show(false, words);
      problem.tellError("square.failed", error);
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
    isUntouched: () => taken === null || !framing.get()?.square,
    closed() {
      newest += 1;
      document.removeEventListener("languagechange", frame.redraw);
    },
  };
}
