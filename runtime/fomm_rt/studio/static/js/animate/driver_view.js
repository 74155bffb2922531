/** The chosen driver: a player, or what stands for a film that the browser cannot play. */

import { h, icon } from "../base/dom.js";
import { clock } from "../base/format.js";
import { say } from "../base/i18n.js";

/** @param {any} driver an upload, a driver of the gallery, or the motion of a job */
export function driverView(driver) {
  const facts = h("p.found");
  if (driver.is_motion) {
    say(facts, "driver.is_motion");
    return { element: h("div.view.motion", {}, icon("motion")), below: facts };
  }
  const video = h("video", { src: driver.url, poster: driver.thumbnail, controls: true, playsinline: true,
    preload: "metadata", label: "driver.player" });
  const view = h("div.view", {}, video);
  video.addEventListener("error", () => {
    view.replaceChildren(h("img", { src: driver.thumbnail, alt: "" }));
    say(facts, "driver.unplayable");
  }, { once: true });
  if (driver.duration_s) {
    const key = driver.has_audio === false ? "driver.facts_silent" : driver.has_audio ? "driver.facts_sound" : "driver.facts";
    say(facts, key, { length: clock(driver.duration_s) });
  }
  return {
    element: view,
    below: facts,
    closed: () => {
      video.removeAttribute("src");
      video.load(); // lets go of the connection
    },
  };
}
