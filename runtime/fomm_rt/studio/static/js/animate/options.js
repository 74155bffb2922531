/** The options of a job: the few that matter first, the rest folded away. */

import { h, show } from "../base/dom.js";
import { check, field, radios, select } from "../base/fields.js";
import { parseClock } from "../base/format.js";
import { say, t } from "../base/i18n.js";

/** What the page starts with. The reference is searched for, because most bad results come from an unlucky one. */
const DEFAULTS = { relative: true, adapt_scale: true, best_frame: "auto", smooth: 0, paste_back: false, audio: true };

/**
 * @param {Node} model the field that chooses the model
 * @returns {{element: Node, read: () => any}} `read` gives the options, or null if a field cannot be read, which then
 *   says why
 */
export function jobOptions(model) {
  const chosen = { ...DEFAULTS };
  const set = (name) => (value) => { chosen[name] = value; };

  const adapt = check("options.adapt_scale", "options.adapt_scale_hint", true, set("adapt_scale"));
  const { element: reference, read: readReference } = referenceField();
  const motion = radios("options.motion", [
    { value: "relative", label: "options.relative", hint: "options.relative_hint" },
    { value: "absolute", label: "options.absolute", hint: "options.absolute_hint" },
  ], "relative", (value) => {
    chosen.relative = value === "relative";
    show(chosen.relative, adapt.element, reference);
  });
  const whole = check("options.paste_back", "options.paste_back_hint", false, set("paste_back"));

  const smoothing = smoothingField(set("smooth"));
  const { element: part, read: readPart } = partFields();
  const size = select([["", "options.size_model"], ["512", "options.size_512"], ["720", "options.size_720"],
    ["1080", "options.size_1080"]], "", (value) => { chosen.output_size = value ? Number(value) : null; });
  const sound = check("options.sound", null, true, set("audio"));

  const more = h("details.more", {}, h("summary", {}, h("span", { text: "options.more" })),
    reference, smoothing, part, field("options.size", size, "options.size_hint"), sound.element, adapt.element);

  return {
    element: h("div.options", {}, model, motion, whole.element, more),
    read() {
      const rest = { ...readReference(), ...readPart() };
      if (Object.values(rest).includes(undefined)) {
        more.open = true;
        more.querySelector("[aria-invalid=true]")?.focus();
        return null;
      }
      return { ...chosen, ...rest };
    },
  };
}

function smoothingField(onchange) {
  const words = h("output");
  const control = h("input", { type: "range", min: "0", max: "1", step: "0.1", value: "0", oninput: tell });
  function tell() {
    const strength = Number(control.value);
    onchange(strength);
    const key = strength === 0 ? "none" : strength < 0.4 ? "light" : strength < 0.8 ? "medium" : "strong";
    say(words, `options.smooth_${key}`);
    control.setAttribute("aria-valuetext", t(`options.smooth_${key}`));
  }
  tell();
  document.addEventListener("languagechange", tell);
  const element = field("options.smooth", control, "options.smooth_hint");
  element.querySelector("label").after(words);
  return element;
}

function referenceField() {
  const number = h("input", { type: "number", min: "0", step: "1", value: "0", inputmode: "numeric", label: "options.frame_number" });
  const choice = select([["auto", "options.reference_auto"], ["first", "options.reference_first"],
    ["frame", "options.reference_frame"]], "auto", (value) => show(value === "frame", number));
  show(false, number);
  const element = field("options.reference", choice, "options.reference_hint");
  choice.after(number);
  return {
    element,
    read() {
      if (choice.value !== "frame") return { best_frame: choice.value === "auto" ? "auto" : null };
      const isRight = /^\d+$/.test(number.value.trim());
      number.setAttribute("aria-invalid", String(!isRight));
      return { best_frame: isRight ? Number(number.value) : undefined };
    },
  };
}

function partFields() {
  const times = ["start", "length"].map((name) => {
    const control = h("input", { type: "text", inputmode: "decimal", autocomplete: "off" });
    control.placeholder = name === "start" ? "0:00" : "";
    const wrong = h("p.wrong", { text: "options.time_wrong", hidden: true });
    const element = field(`options.${name}`, control);
    element.append(wrong);
    return {
      element,
      read() {
        let seconds = parseClock(control.value);
        if (name === "length" && seconds === 0) seconds = undefined;
        control.setAttribute("aria-invalid", String(seconds === undefined));
        show(seconds === undefined, wrong);
        return seconds;
      },
    };
  });
  const [start, length] = times;
  return {
    element: h("fieldset.part", {}, h("legend", { text: "options.part" }),
      h("div.row", {}, start.element, length.element), h("p.hint", { text: "options.part_hint" })),
    read() {
      const [start_s, duration_s] = [start.read(), length.read()];
      return { start_s: start_s === null ? 0 : start_s, duration_s };
    },
  };
}
