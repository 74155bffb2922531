/** The chosen driver: a film with its square and a player, or what stands for saved motion. */

import { h, icon } from "../base/dom.js";
import { clock } from "../base/format.js";
import { say } from "../base/i18n.js";
import { framedView } from "./framed_view.js";
import { transport } from "./transport.js";

/**
 * @param {any} driver an upload, a driver of the gallery, or the motion of a job
 * @param {{get: () => string|null}} model
 * @param {{get: () => any, set: (framing: any) => void}} framing see `framedView`
 */
export function driverView(driver, model, framing) {
  const facts = h("p.found");
  if (driver.is_motion) {
    say(facts, "driver.is_motion");
    return { element: h("div.view.motion", {}, icon("motion")), below: facts, look() {}, isUntouched: () => false };
  }
  const video = h("video", { src: driver.url, poster: driver.thumbnail, playsinline: true, preload: "metadata",
    label: "driver.player" });
  const media = h("div.film", {}, video);
  const controls = transport(video, [], { fps: null, hasSound: driver.has_audio, label: "driver.controls" });
  // A job can be told only the square of a film, not the number of a face.
  const framed = framedView({ item: driver, media, kind: "driver", model, framing, framingOf: ({ square }) => ({ square }) });
  video.addEventListener("error", () => {
    if (!video.hasAttribute("src")) return; // closed
    media.replaceChildren(h("img", { src: driver.thumbnail, alt: "", draggable: "false" }));
    controls.element.remove();
    say(facts, "driver.unplayable");
  });
  if (driver.duration_s) {
    say(facts, driver.has_audio ? "driver.facts_sound" : "driver.facts_silent", { length: clock(driver.duration_s) });
  }
  return {
    ...framed,
    below: h("div.below-view", {}, controls.element, facts, framed.below),
    closed: () => {
      framed.closed();
      video.removeAttribute("src");
      video.load(); // lets go of the connection
    },
  };
}
