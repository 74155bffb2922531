/** What screen readers are told while the focus is elsewhere. */

import { say } from "../base/i18n.js";

/** Says a text once it is possible; a later one takes its place. */
export function announce(key, values) {
  const region = document.getElementById("announcements");
  region.textContent = ""; // the same text twice is news twice
  setTimeout(() => say(region, key, values), 50);
}
