/** Starts the page: language and theme, the session, then the tab that the address names. */

import { show } from "./base/dom.js";
import { deviceName } from "./base/format.js";
import { preferredLanguage, say, useLanguage } from "./base/i18n.js";
import { lock, startConnection } from "./frame/connection.js";
import { startLanguage } from "./frame/language.js";
import { startTabs } from "./frame/tabs.js";
import { startTheme } from "./frame/theme.js";
import { ApiError, get } from "./server/api.js";
import { signIn } from "./server/session.js";
import { studio } from "./studio.js";

/** A module per tab, imported when the tab is first opened. It exports `mount(panel)`. */
const MODULES = { animate: "./animate/tab.js", live: "./live.js", models: "./models/tab.js" };
const mounted = new Map();

async function open(name) {
  const panel = document.getElementById(name);
  if (!mounted.has(name)) {
    mounted.set(name, import(MODULES[name]).then((module) => module.mount(panel)));
  }
  try {
    const tab = await mounted.get(name);
    tab?.opened?.();
  } catch (error) {
    mounted.delete(name); // opening it again tries again
    panel.replaceChildren();
    ignoreAnswers(error);
  }
}

/** Asks what the studio has, and tells all who watch. */
async function refresh() {
  const status = await get("/api/status");
  studio.set(status);
  show(status.has_live, document.getElementById("tab-live"));
  say(document.getElementById("running-on"), "frame.running_on",
    { device: deviceName(status.backend), version: status.version });
}

/** The banner or the locked page speaks for the answers of the studio; anything else is a defect. */
function ignoreAnswers(error) {
  if (!(error instanceof ApiError)) throw error;
}

await useLanguage(preferredLanguage());
startLanguage(document.getElementById("language"));
startTheme(document.getElementById("theme"));
startConnection();
document.documentElement.dataset.ready = "";
try {
  await signIn();
  const tabs = startTabs(document.getElementById("tabs"), open);
  // The tabs need not wait for this: the first answer takes as long as the backends take to say if they run.
  const update = () => refresh().then(tabs.reconsider).catch(ignoreAnswers);
  document.addEventListener("studioback", update);
  await update();
} catch (error) {
  ignoreAnswers(error);
  if (error.status === 0) document.addEventListener("studioback", () => location.reload());
  else lock();
}
