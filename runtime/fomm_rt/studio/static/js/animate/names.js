/** Names of pictures and drivers: those of the gallery in the page's language, files by their own. */

import { hasText, say, sayAttribute, sayVerbatim, t } from "../base/i18n.js";

const keyOf = (id) => `gallery.${id.split(":")[1]}`;
const isKnown = (id) => !id.startsWith("upload:") && !id.startsWith("motion:") && hasText(keyOf(id));

/** @param {{id: string, name: string}} item */
export function sayName(element, item) {
  if (isKnown(item.id)) say(element, keyOf(item.id));
  else sayVerbatim(element, item.name);
}

/** The accessible name and the tooltip. */
export function labelByName(element, item) {
  if (isKnown(item.id)) {
    sayAttribute(element, "label", keyOf(item.id));
    sayAttribute(element, "title", keyOf(item.id));
  } else {
    element.setAttribute("aria-label", item.name);
    element.title = item.name;
  }
}

/** What a job is made of, as one text in the language of now. */
export function nameOfJob(job) {
  const name = (id, own) => (isKnown(id) ? t(keyOf(id)) : own);
  return `${name(job.source, job.source_name)} · ${name(job.driving, job.driving_name)}`;
}
