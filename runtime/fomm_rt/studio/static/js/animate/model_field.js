/** The choice among the installed models, with an honest word on the one that is chosen. */

import { h, icon, show } from "../base/dom.js";
import { field } from "../base/fields.js";
import { hasText, say, sayVerbatim } from "../base/i18n.js";
import { studio } from "../studio.js";

/** @param {{get: () => string|null, set: (name: string) => void}} model the store of the chosen name */
export function modelField(model) {
  const control = h("select", { onchange: choose });
  const words = h("span");
  const warning = h("p.caution", {}, icon("warning"), words);
  const more = h("a.better", { href: "#models", text: "options.better_models" });
  const element = field("options.model", control);
  element.append(warning, more);

  function choose() {
    model.set(control.value);
    tell();
  }

  function tell() {
    const chosen = studio.get().models.find((one) => one.name === model.get());
    const known = `models.${chosen?.name}.warning`;
    show(Boolean(chosen?.warning), warning);
    if (hasText(known)) say(words, known);
    else sayVerbatim(words, chosen?.warning ?? "");
  }

  studio.watch((status) => {
    if (!status) return;
    const installed = status.models.filter((one) => one.installed);
    control.replaceChildren(...installed.map((one) => {
      const option = h("option", { value: one.name }, one.title);
      if (hasText(`models.${one.name}.title`)) say(option, `models.${one.name}.title`);
      return option;
    }));
    if (!installed.some((one) => one.name === model.get())) {
      model.set((installed.find((one) => one.is_default) ?? installed[0])?.name ?? null);
    }
    control.value = model.get();
    show(installed.length < 2, more);
    tell();
  });
  return element;
}
