/** Elements, made and changed without markup in strings, so that no text can become markup. */

import { say, sayAttribute } from "./i18n.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * Creates an element.
 *
 * @param {string} name tag and classes: "button.primary"
 * @param {Object<string, any>} [attributes] `text` is a key of the strings, `label` the key of the accessible name,
 *   `title` the key of the tooltip; `on…` are listeners; true sets an attribute, false and null leave it out
 * @param {...(Node|string|null|false)} children
 */
export function h(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") say(element, value);
    else if (key === "label") sayAttribute(element, "label", value);
    else if (key === "title") sayAttribute(element, "title", value);
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** A drawn symbol of icons.svg, silent for screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.classList.add("icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** Shows another symbol in an icon. */
export function setIcon(svg, name) {
  svg.firstElementChild.setAttribute("href", `icons.svg#${name}`);
}

/** A button with a symbol and words. */
export function button(kind, symbol, text, onclick, attributes = {}) {
  return h(`button${kind ? `.${kind}` : ""}`, { type: "button", onclick, ...attributes },
    symbol && icon(symbol), h("span", { text }));
}

/** A button that shows a symbol only; its words are the accessible name and the tooltip. */
export function iconButton(symbol, label, onclick, attributes = {}) {
  return h("button.quiet.icon-only", { type: "button", label, title: label, onclick, ...attributes }, icon(symbol));
}

/** Shows or hides elements. */
export function show(shown, ...elements) {
  for (const element of elements) element.hidden = !shown;
}

/** Marks a button as busy. It keeps the focus, which a disabled one would lose. */
export function setBusy(element, isBusy) {
  element.setAttribute("aria-disabled", String(isBusy));
}

export const isBusy = (element) => element.getAttribute("aria-disabled") === "true";

let lastId = 0;

/** An id that no other element has. */
export function freshId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}
