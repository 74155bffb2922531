/** Pictures and drivers that come with the studio, one press away. */

import { h } from "../base/dom.js";
import { clock } from "../base/format.js";
import { labelByName, sayName } from "./names.js";

/**
 * @param {any[]} items of `GET /api/gallery`; those with a length show their names
 * @param {string} titleKey
 * @param {{get: () => any, set: (chosen: any) => void, watch: Function}} choice
 */
export function gallery(items, titleKey, choice) {
  const buttons = items.map((item) => {
    const control = h("button.thumb", { type: "button", "aria-pressed": "false", onclick: () => choice.set(item) },
      h("img", { src: item.thumbnail, alt: "", width: "64", height: "64" }));
    if (item.duration_s) {
      const name = h("span");
      sayName(name, item);
      control.classList.add("named");
      control.append(name, h("span.length", {}, clock(item.duration_s)));
    } else labelByName(control, item);
    return control;
  });
  choice.watch((chosen) => buttons.forEach((control, at) => {
    control.setAttribute("aria-pressed", String(items[at].id === chosen?.id));
  }));
  return h("div.gallery", { hidden: items.length === 0 }, h("h3", { text: titleKey }),
    h("div.thumbs", { role: "group", label: titleKey }, ...buttons));
}
