/** A finished job: picture, driver and result side by side, played in step. */

import { h, icon } from "../base/dom.js";
import { transport } from "./transport.js";

const fileUrl = (id) => `/api/files/${encodeURIComponent(id)}`;

/** @param {any} job that is done */
export function player(job) {
  const result = h("video", { src: job.result.url, playsinline: true, preload: "auto", label: "player.result" });
  const wide = job.kind === "explanation";
  const panes = [];
  const followers = [];
  if (!wide) {
    const picture = h("img", { src: fileUrl(job.source), alt: "" });
    picture.addEventListener("error", () => { picture.src = `${fileUrl(job.source)}/thumbnail`; }, { once: true });
    panes.push(pane("player.picture", picture));
    const driver = driverPane(job.driving);
    panes.push(pane("player.driver", driver.element));
    if (driver.video) followers.push({ video: driver.video, offset: job.options.start_s ?? 0 });
  }
  panes.push(pane("player.result", result, "outcome"));
  const controls = transport(result, followers, { fps: job.result.fps, hasSound: job.result.has_audio, label: "player.controls" });
  for (const video of [result, ...followers.map((one) => one.video)]) {
    video.addEventListener("click", () => (result.paused ? controls.play() : result.pause()));
  }

  return {
    element: h("div.player", {}, h(wide ? "div.panes.wide" : "div.panes", {}, ...panes), controls.element),
    play: controls.play,
    closed() {
      for (const video of [result, ...followers.map((one) => one.video)]) {
        video.pause();
        video.removeAttribute("src");
        video.load(); // lets go of the connection
      }
    },
  };
}

function pane(captionKey, media, kind = "") {
  return h(kind ? `figure.${kind}` : "figure", {}, h("div.media", {}, media), h("figcaption", { text: captionKey }));
}

/** The driver's film; its thumbnail where the browser cannot play it; a symbol for motion without a film. */
function driverPane(id) {
  const symbol = h("span.symbol", {}, icon("motion"));
  if (id.startsWith("motion:")) return { element: symbol, video: null };
  const video = h("video", { src: fileUrl(id), playsinline: true, preload: "auto", label: "player.driver" });
  const place = h("div.driver", {}, video);
  video.addEventListener("error", () => {
    if (!video.hasAttribute("src")) return; // closed
    const picture = h("img", { src: `${fileUrl(id)}/thumbnail`, alt: "" });
    picture.addEventListener("error", () => place.replaceChildren(symbol), { once: true });
    place.replaceChildren(picture);
  });
  return { element: place, video };
}
