/** The controls beside the stage: the gallery, a button for every key, and the keys themselves. */

import { button, h } from "../base/dom.js";
import { field } from "../base/fields.js";
import { hasText, say, sayVerbatim } from "../base/i18n.js";

/** Commands with a button, group by group: [command, symbol, property of the state that it switches]. */
const BUTTONS = {
  face: [["zoom-in"], ["zoom-out"], ["move-left"], ["move-right"], ["move-up"], ["move-down"], ["reset-crop"],
    ["follow-face", null, "crop.follows_face"]],
  motion: [["set-reference"], ["best-reference"], ["relative", null, "relative"], ["adapt-scale", null, "adapt_scale"]],
  picture: [["freeze", "pause", "frozen"], ["snapshot", "picture"], ["record", "record", "recording"],
    ["view", "explain"], ["mirror-preview"], ["mirror-output", null, "mirror_output"],
    ["passthrough", "camera", "passthrough"]],
  own: [["driving", null, "shows_driving"], ["keypoints", null, "shows_keypoints"], ["numbers", null, "shows_numbers"]],
};

/**
 * @param {any[]} keyGroups the keys, as the studio lists them
 * @param {(name: string, value?: any) => void} command
 * @param {() => void} onStop
 */
export function controls(keyGroups, command, onStop) {
  const gallery = h("div.live-gallery", { role: "group", label: "live.gallery" });
  const switches = [];
  const smoothing = h("input", { type: "range", min: "0", max: "1", step: "0.05",
    oninput: () => command("smoothing", Number(smoothing.value)) });
  const opacity = h("input", { type: "range", min: "0", max: "1", step: "0.1", oninput: () => moveOpacity() });
  let state = null;

  function moveOpacity() {
    const steps = Math.round((Number(opacity.value) - state.overlay_opacity) * 10);
    for (let step = 0; step < Math.abs(steps); step += 1) command(steps > 0 ? "overlay-more" : "overlay-less");
  }

  function commandButton([name, symbol, property]) {
    const element = button("", symbol, `live.do.${name}`, () => command(name), property && { "aria-pressed": "false" });
    if (property) switches.push({ element, property });
    return element;
  }

  const groups = Object.entries(BUTTONS).map(([name, entries]) => h("section.live-group", {},
    h("h3", { text: `live.group.${name}` }), h("div.actions", {}, ...entries.map(commandButton)),
    name === "motion" && field("live.smoothing", smoothing, "live.smoothing.hint"),
    name === "own" && field("live.opacity", opacity, "live.opacity.hint")));
  const help = h("details.live-keys", {}, h("summary", { text: "live.keys" }), keyList(keyGroups));
  const view = h("p.hint", {}, h("span", { text: "live.view_hint" }), " ", h("a", { href: "view", target: "_blank", rel: "noopener", text: "live.view_link" }));
  const element = h("div.live-controls.card", {},
    h("div.actions", {}, button("primary", "close", "live.stop", onStop)), gallery, ...groups, help, view);

  function setAvatars(names, version) {
    gallery.replaceChildren(...names.map((name, number) => h("button.live-avatar", {
      type: "button", title: null, "aria-pressed": "false", onclick: () => command("avatar", number) },
    h("img", { src: `api/live/avatars/${number}?version=${version}`, alt: name, width: "72", height: "72" }))));
    mark();
  }

  function mark() {
    [...gallery.children].forEach((item, number) => item.setAttribute("aria-pressed", String(number === state?.avatar)));
  }

  return {
    element,
    setAvatars,

    setState(next, isRecording) {
      state = next;
      const values = { ...state, recording: isRecording };
      for (const { element: item, property } of switches) {
        const value = property.split(".").reduce((object, key) => object[key], values);
        item.setAttribute("aria-pressed", String(Boolean(value)));
      }
      if (document.activeElement !== smoothing) smoothing.value = state.smoothing;
      if (document.activeElement !== opacity) opacity.value = state.overlay_opacity;
      mark();
    },

    toggleHelp() {
      help.open = !help.open;
      if (help.open) help.scrollIntoView({ block: "nearest" });
    },

    focusGallery: () => gallery.querySelector("button")?.focus(),
  };
}

function keyList(groups) {
  return h("div.key-groups", {}, ...groups.map(({ title, rows }) => h("section", {},
    words("h4", `live.keys.${title}`, title),
    h("dl", {}, ...rows.filter(({ id }) => id).flatMap(({ id, label, text }) => [
      h("dt", {}, ...label.split(/\s{2,}/).map((key) => h("kbd", {}, key))),
      words("dd", `live.keys.${id}`, text),
    ])))));
}

/** A text of the page, or the studio's own English if the page has none. */
function words(tag, key, english) {
  const element = h(tag);
  if (hasText(key)) say(element, key);
  else sayVerbatim(element, english);
  return element;
}
