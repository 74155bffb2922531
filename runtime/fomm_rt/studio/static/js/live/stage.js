/** The stage: the avatar, the driver's face over it or in a corner, and what is to be known at this moment. */

import { h, show } from "../base/dom.js";
import { say } from "../base/i18n.js";

const INSET_SHARE = 0.27;
const DOT = 3;

/** @param {HTMLVideoElement} video the driver's camera */
export function stage(video) {
  const canvas = h("canvas.avatar", { width: "256", height: "256", role: "img", label: "live.avatar", tabindex: "0" });
  const over = h("canvas.over", { width: "512", height: "512", "aria-hidden": "true" });
  const numbers = h("p.live-numbers");
  const person = h("p.badge.live-warning", { text: "live.person_visible", hidden: true });
  const frozen = h("p.badge", { text: "live.frozen", hidden: true });
  const messages = h("ul.live-messages", { role: "status" });
  const element = h("figure.live-stage", {}, h("div.live-picture", {}, canvas, over), h("div.live-signs", {}, person, frozen),
    h("figcaption", {}, numbers, messages), h("div.unseen", {}, video));
  let state = null;
  let face = null;
  let mirrored = true;

  function drawOver() {
    requestAnimationFrame(drawOver);
    const context = over.getContext("2d");
    context.clearRect(0, 0, over.width, over.height);
    if (!state || !face?.square || !video.videoWidth || state.passthrough || state.view !== "result") return;
    const [x, y, side] = face.square.map((length) => (length * video.videoWidth) / face.of[0]);
    if (state.overlay_opacity > 0) {
      context.globalAlpha = state.overlay_opacity;
      context.drawImage(video, x, y, side, side, 0, 0, over.width, over.height);
      context.globalAlpha = 1;
    }
    if (state.shows_driving || state.shows_keypoints) {
      const small = over.width * INSET_SHARE;
      const left = over.width - small - 8;
      context.drawImage(video, x, y, side, side, left, 8, small, small);
      if (state.shows_keypoints) drawKeypoints(context, face.keypoints ?? [], left, 8, small);
    }
  }
  requestAnimationFrame(drawOver);

  return {
    element,
    canvas,

    setState(next) {
      state = next;
      show(state.passthrough, person);
      show(state.frozen, frozen);
      show(state.shows_numbers, numbers);
    },

    /** What is known of the face: its square in the camera's picture, and its keypoints. */
    setFace(next) {
      face = next;
    },

    isMirrored: () => mirrored,

    /** Shows the driver's own view as a looking glass does, or as others see it. */
    setMirrored(next) {
      mirrored = next;
      element.classList.toggle("as-seen", !mirrored);
    },

    tellNumbers({ fps, delayMs }) {
      if (delayMs === null) say(numbers, "live.waiting");
      else say(numbers, "live.numbers", { fps, ms: Math.round(delayMs) });
    },

    tellMessages(sentences) {
      const shown = [...messages.children].map((item) => item.textContent);
      if (shown.join("\n") === sentences.join("\n")) return;
      messages.replaceChildren(...sentences.map((sentence) => h("li", { lang: "en" }, sentence)));
    },
  };
}

/** Draws (x, y) of −1 to 1 into a square. */
function drawKeypoints(context, keypoints, left, top, side) {
  keypoints.forEach(([x, y], index) => {
    context.fillStyle = `hsl(${(360 * index) / keypoints.length} 90% 60%)`;
    context.beginPath();
    context.arc(left + ((x + 1) / 2) * side, top + ((y + 1) / 2) * side, DOT, 0, 2 * Math.PI);
    context.fill();
  });
}
