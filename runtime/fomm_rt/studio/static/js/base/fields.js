/** Labelled fields of forms, each with a sentence on what it does. */

import { freshId, h } from "./dom.js";

/** A field with its name above it and what it does below it. */
export function field(labelKey, control, hintKey) {
  control.id ||= freshId("field");
  const hint = hintKey && h("p.hint", { id: `${control.id}-hint`, text: hintKey });
  if (hint) control.setAttribute("aria-describedby", hint.id);
  return h("div.field", {}, h("label", { for: control.id, text: labelKey }), control, hint);
}

/** A checkbox with its name and what it does. */
export function check(labelKey, hintKey, checked, onchange) {
  const id = freshId("check");
  const control = h("input", { type: "checkbox", id, checked, onchange: () => onchange(control.checked),
    "aria-describedby": hintKey && `${id}-hint` });
  const element = h("div.check", {}, control, h("div", {},
    h("label", { for: id, text: labelKey }),
    hintKey && h("p.hint", { id: `${id}-hint`, text: hintKey })));
  return { element, control };
}

/**
 * A choice of one of a few things.
 *
 * @param {string} labelKey
 * @param {{value: string, label: string, hint: string}[]} choices keys of the texts
 * @param {string} chosen
 * @param {(value: string) => void} onchange
 */
export function radios(labelKey, choices, chosen, onchange) {
  const name = freshId("radio");
  const options = choices.map(({ value, label, hint }) => {
    const id = freshId("radio");
    const control = h("input", { type: "radio", name, value, id, checked: value === chosen, "aria-describedby": `${id}-hint`,
      onchange: () => onchange(value) });
    return h("div.radio", {}, control, h("div", {},
      h("label", { for: id, text: label }), h("p.hint", { id: `${id}-hint`, text: hint })));
  });
  return h("fieldset", {}, h("legend", { text: labelKey }), ...options);
}

/** A list to choose from. `choices` are [value, key of the text]. */
export function select(choices, chosen, onchange) {
  const control = h("select", { onchange: () => onchange(control.value) },
    ...choices.map(([value, text]) => h("option", { value, text, selected: value === chosen })));
  return control;
}
