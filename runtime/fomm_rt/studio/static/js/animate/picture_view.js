/** The chosen picture. */

import { h } from "../base/dom.js";
import { framedView } from "./framed_view.js";

/**
 * @param {any} picture an upload, or a picture of the gallery
 * @param {{get: () => string|null}} model
 * @param {{get: () => any, set: (framing: any) => void}} framing see `framedView`
 */
export function pictureView(picture, model, framing) {
  const media = h("img", { src: picture.url, alt: "", draggable: "false" });
  media.addEventListener("error", () => { media.src = picture.thumbnail; }, { once: true });
  return framedView({ item: picture, media, kind: "picture", model, framing, framingOf: ({ number }) => ({ face: number }) });
}
