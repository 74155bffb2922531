/** A picture or a film with the square that counts: shown, moved and resized by mouse, touch and keyboard. */

import { h, icon } from "../base/dom.js";
import { sayAttribute, t } from "../base/i18n.js";
import { dragged, grown, moved, smallest, within } from "./square.js";

const CORNERS = ["nw", "ne", "sw", "se"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @param {Element} media the picture or the film
 * @param {{name: string, described: string}} labels key of the square's name, and id of the element that explains it
 * @param {(square: import("./square.js").Square) => void} changed called when the person changes the square
 * @param {(face: any) => void} chosen called when the person takes another face
 */
export function faceFrame(media, { name, described }, changed, chosen) {
  let size = null;
  let square = null;

  const box = h("div.square", { role: "slider", tabindex: "0", label: name, "aria-describedby": described, hidden: true },
    ...CORNERS.map((corner) => h(`span.corner.${corner}`, { "data-corner": corner })));
  const marks = h("div.marks");
  const fit = h("div.fit", {}, media, marks, box);

  function draw() {
    if (!square) return;
    box.style.left = `${100 * square.x / size.width}%`;
    box.style.top = `${100 * square.y / size.height}%`;
    box.style.width = `${100 * square.side / size.width}%`;
    box.style.height = `${100 * square.side / size.height}%`;
    box.setAttribute("aria-valuemin", String(smallest(size)));
    box.setAttribute("aria-valuemax", String(Math.min(size.width, size.height)));
    box.setAttribute("aria-valuenow", String(square.side));
    box.setAttribute("aria-valuetext", t("square.value", { left: square.x, top: square.y, side: square.side }));
  }

  function set(next) {
    square = next;
    draw();
    changed(square);
  }

  box.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    box.focus();
    box.setPointerCapture(event.pointerId);
    const corner = event.target.dataset.corner;
    const start = square;
    const scale = size.width / fit.clientWidth;
    const move = (to) => {
      const dx = (to.clientX - event.clientX) * scale;
      const dy = (to.clientY - event.clientY) * scale;
      if (!corner) return set(moved(start, dx, dy, size));
      const outward = (corner.endsWith("w") ? -dx : dx) + (corner.startsWith("n") ? -dy : dy);
      return set(dragged(start, corner, outward / 2, size));
    };
    const end = () => {
      box.removeEventListener("pointermove", move);
      box.removeEventListener("pointerup", end);
      box.removeEventListener("pointercancel", end);
    };
    box.addEventListener("pointermove", move);
    box.addEventListener("pointerup", end);
    box.addEventListener("pointercancel", end);
  });

  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = Math.max(1, Math.round(Math.min(size.width, size.height) * (event.shiftKey ? 0.05 : 0.01)));
    if (event.key in ARROWS) set(moved(square, ARROWS[event.key][0] * step, ARROWS[event.key][1] * step, size));
    else if (event.key === "+" || event.key === "=") set(grown(square, 2 * step, size));
    else if (event.key === "-" || event.key === "_") set(grown(square, -2 * step, size));
    else return;
    event.preventDefault();
  });

  return {
    element: fit,

    /**
     * Shows a square and the other faces.
     *
     * @param {import("./square.js").Size} pictureSize
     * @param {import("./square.js").Square} shown
     * @param {any[]} faces that can be taken instead
     */
    place(pictureSize, shown, faces) {
      size = pictureSize;
      fit.style.aspectRatio = `${size.width} / ${size.height}`;
      fit.classList.toggle("tall", size.height > size.width);
      square = within(shown, size);
      box.hidden = false;
      draw();
      marks.replaceChildren(...faces.map((face) => {
        const mark = h("button.mark", { type: "button", onclick: () => chosen(face) }, icon("check"));
        sayAttribute(mark, "label", "square.take_face", { number: face.number });
        sayAttribute(mark, "title", "square.take_face", { number: face.number });
        const [x, y, side] = face.square;
        mark.style.left = `${100 * (x + side / 2) / size.width}%`;
        mark.style.top = `${100 * (y + side / 2) / size.height}%`;
        mark.replaceChildren(String(face.number));
        return mark;
      }));
    },

    redraw: draw,
  };
}
